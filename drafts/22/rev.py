import time, numpy as np, torch, sys
from torch import nn
import torch.nn.functional as F
from attnutils.seeding import seed_everything
from attnutils.data.tasks import reverse
from attnutils.training import fit, warmup_then_linear
seed=int(sys.argv[1]); rng=seed_everything(seed); n=int(sys.argv[2]); S=int(sys.argv[3]); steps=int(sys.argv[4])
def inp(s): return torch.cat([F.one_hot(s,S).float(),torch.eye(n).expand(len(s),n,n)],-1)
class Att(nn.Module):
    def __init__(s,shared=False):
        super().__init__(); d=S+n
        s.query=nn.Linear(d,d,bias=False); s.key=s.query if shared else nn.Linear(d,d,bias=False); s.value=nn.Linear(d,S,bias=False)
    def w(s,x):
        q,k=s.query(x),s.key(x); return (q@k.mT/q.shape[-1]**.5).softmax(-1)
    def forward(s,x): return s.w(x)@s.value(x)
class Bi(nn.Module):
    def __init__(s,d): super().__init__(); s.r=nn.GRU(S+n,d,batch_first=True,bidirectional=True); s.o=nn.Linear(2*d,S)
    def forward(s,x): return s.o(s.r(x)[0])
class Static(nn.Module):
    def __init__(s): super().__init__(); s.a=nn.Parameter(torch.randn(n,n)*n**-.5); s.v=nn.Linear(S+n,S)
    def forward(s,x): return s.a@s.v(x)
def mk(k): 
    t=reverse(rng,k,n,symbols=S); return torch.as_tensor(t.source),torch.as_tensor(t.target)
batches=[mk(64) for _ in range(steps)]; test=mk(1000); val=mk(500)
def loss(m,s,y): return F.cross_entropy(m(inp(s)).flatten(0,1),y.flatten())
for name,f,lrs in (("att",Att,(3e-3,1e-2,3e-2)),("static",Static,(1e-2,3e-2)),("bi7",lambda:Bi(7),(1e-2,3e-2,1e-1)),("bi48",lambda:Bi(48),(3e-3,1e-2,3e-2))):
  for lr in lrs:
    m=f(); t=time.process_time()
    fit(m,batches,loss,steps=steps,optimizer=torch.optim.Adam(m.parameters(),lr=lr),schedule=warmup_then_linear(steps//10,steps),clip=1.0,progress=False)
    t=time.process_time()-t
    with torch.no_grad(): ok=(m(inp(test[0])).argmax(-1)==test[1]).float().mean(0)
    dist=np.abs(n-1-2*np.arange(n)); 
    print(name,lr,sum(p.numel() for p in m.parameters()),f"{ok.mean():.3f}",*(f"{d}:{ok[dist==d].mean():.2f}" for d in sorted(set(dist))),f"t {t:.1f}",flush=True)
