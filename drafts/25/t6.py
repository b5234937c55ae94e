import sys; sys.path.insert(0,'/tmp/w/25')
from w2 import *
rng=seed_everything(0)
for init in ("default","xavier"):
    C.init=init
    for steps in ((120,) if init=="default" else (600,)):
        C.steps=steps
        for d in (6,12) if init=="default" else (6,):
            for w in ("pre","post") if init=="default" else ("post",):
                for lr in (1e-3,3e-3,1e-2):
                    show(f"{init} {steps} {d} {w} warm {steps//4} {lr}",run(rng,w,"af"*d,lr,steps//4))
