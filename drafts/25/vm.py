import sys; sys.path.insert(0,'/tmp/w/25')
from try_ import *
from torch.func import stack_module_state, functional_call, vmap
import copy
def many(models, B, steps=40):
    params,_ = stack_module_state(models)
    base=copy.deepcopy(models[0]).to('meta')
    opt=torch.optim.Adam(params.values(),lr=1e-3,fused=True)
    f=vmap(lambda p,n,c: functional_call(base,p,(n,c)), in_dims=(0,None,None))
    tf=tb=to=0
    for _ in range(steps):
        n,c,y=draw(B)
        t0=time.process_time()
        out=f(params,n,c); R=len(models)
        l=F.cross_entropy(out.flatten(0,-2), y.flatten().repeat(R), reduction='sum')/(y.numel())
        t1=time.process_time(); opt.zero_grad(); l.backward(); t2=time.process_time(); opt.step(); t3=time.process_time()
        tf+=t1-t0; tb+=t2-t1; to+=t3-t2
    print(len(models),B,*(f"{1000*x/steps:.1f} ms" for x in (tf,tb,to)), f"per run {1000*(tf+tb+to)/steps/R:.2f}")
for R in (1,3,6,18):
    for B in (16,32):
        many([Model(6,True) for _ in range(R)],B)
