import sys; sys.path.insert(0,'/tmp/w/25')
from w2 import *
rng=seed_everything(0)
C.steps=120
for colors,n,names,B,heads,dim in ((2,8,8,32,2,32),(4,8,8,32,2,32),(3,8,8,32,2,32),(4,6,6,32,2,32),(4,8,8,32,4,32)):
    C.colors,C.n,C.names,C.B,C.heads,C.dim=colors,n,names,B,heads,dim
    for d in (2,6):
        for lr in (1e-3,3e-3,1e-2):
            rs=[run(rng,"pre","af"*d,lr,20) for _ in range(3)]
            print(f"{colors} {n} {names} B{B} h{heads} pre {d} {lr}", "acc",*(f"{r[0][0]:.2f}/{r[0][1]:.2f}" for r in rs), f"t {np.mean([r[2] for r in rs]):.2f}","|",*(f"{np.mean([r[1][i:i+10] for r in rs]):.2f}" for i in range(0,120,20)),flush=True)
