import sys; sys.path.insert(0,'/tmp/w/25')
from w2 import *
for s in (0,1,2):
    rng=seed_everything(s); C.B=16
    C.init="default"; C.steps=120; bs=[draw(rng,C.B) for _ in range(C.steps)]
    for d in (12,):
        for lr in (3e-3,1e-2,3e-2):
            show(f"seed {s} default 120 {d} post warm {lr}",run(rng,"post","af"*d,lr,30,bs))
    C.init="xavier"
    if s<2:
      for d,steps in ((6,600),(12,600)):
        C.steps=steps
        for lr in (3e-3,1e-2) if d==6 else (3e-3,):
            show(f"seed {s} xavier {steps} {d} post warm {lr}",run(rng,"post","af"*d,lr,steps//4))
