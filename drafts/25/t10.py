import sys; sys.path.insert(0,'/tmp/w/25')
from w2 import *
rng=seed_everything(int(sys.argv[1])); C.B=16; C.steps=120
bs=[draw(rng,C.B) for _ in range(C.steps)]
T=0
for d in (2,6):
    for w,k in (("nores","af"),("nonorm","af"),("after","af"),("pre","aa"),("pre","ff")):
        out=[]
        for lr in (3e-3,1e-2,3e-2):
            r=run(rng,w,k*d,lr,30,bs); T+=r[2]; out.append(r)
        print(d,w,k,*(f"{r[0][0]:.2f}/{r[0][1]:.2f}" for r in out), "final loss",*(f"{np.mean(r[1][-10:]):.2f}" for r in out), f"{out[0][2]:.2f}s",flush=True)
print("total",T)
