import sys; sys.path.insert(0,'/tmp/w/25')
from w import *
rng=seed_everything(0)
for colors,n,names in ((4,8,8),(3,8,8),(4,6,8)):
    C.colors,C.n,C.names=colors,n,names
    for d in (2,6):
        for lr in (1e-3,3e-3,1e-2):
            show(f"{colors} {n} {names} pre {d} {lr}",run(rng,"pre","af"*d,lr,0))
