import sys; sys.path.insert(0,'/tmp/w/25')
from w2 import *
rng=seed_everything(int(sys.argv[1])); C.B=int(sys.argv[2]); C.steps=int(sys.argv[3])
bs=[draw(rng,C.B) for _ in range(C.steps)]
T=0
for d in (2,6,12):
    for w in ("pre","post"):
        for warm in (0,C.steps//4):
            for lr in (3e-3,1e-2,3e-2):
                if d==12 and w=="post": continue
                r=run(rng,w,"af"*d,lr,warm,bs); T+=r[2]
                show(f"{d} {w} warm {warm} {lr}",r)
print("total",T)
