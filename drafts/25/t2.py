import sys; sys.path.insert(0,'/tmp/w/25')
from w import *
rng=seed_everything(int(sys.argv[1]))
bs=[draw(rng,C.B) for _ in range(C.steps)]
T=0
for d in (2,6,12):
    for w in ("pre","post"):
        for warm in (0,50):
            for lr in (1e-3,3e-3,1e-2):
                r=run(rng,w,"af"*d,lr,warm,bs); T+=r[2]
                show(f"{d} {w} warm {warm} {lr}",r)
print("total",T)
