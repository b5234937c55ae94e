import sys; sys.path.insert(0,'/tmp/w/25')
import w2
from w2 import *
C.B=16; C.steps=120
class Half(Wired):
    def forward(s,n,c):
        x=s.name(n)+s.color(c)
        for i,(f,norm) in enumerate(zip(s.layers,s.norms)):
            x = s.a*x+f(norm(x))
        return s.head(s.last(x))
for s in (0,1,2):
    rng=seed_everything(s); bs=[draw(rng,C.B) for _ in range(C.steps)]
    for a in (0,.5,.7,.9):
        out=[]
        for lr in (1e-2,):
            Half.a=a; w2.Wired=Half
            out.append(run(rng,"pre","af"*6,lr,30,bs))
        print(s,a,*(f"{r[0][0]:.2f}/{r[0][1]:.2f}" for r in out),"loss",*(f"{np.mean(r[1][-10:]):.2f}" for r in out),flush=True)
