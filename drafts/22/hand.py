import time, numpy as np, torch
from torch import nn
from attnutils.layers import MultiHeadAttention
from attnutils.capture import record_attention
from attnutils.data.tasks import copy, reverse
from attnutils.seeding import seed_everything
from attnutils.training import fit
import sys
seed=int(sys.argv[1]); rng=seed_everything(seed)
n,S=10,12
def batch(task,B=64):
    if task=="previous":
        s=rng.integers(S,size=(B,n)); al=np.maximum(np.arange(n)-1,0)[None].repeat(B,0)
        return s,np.take_along_axis(s,al,-1),al
    t={"copy":copy,"reverse":reverse}[task](rng,B,n,symbols=S); return tuple(t)
P=torch.eye(n)
def inp(s):
    x=nn.functional.one_hot(torch.as_tensor(s),S).float()
    return torch.cat([x,P.expand(len(s),n,n)],-1)
class M(nn.Module):
    def __init__(s,shared=False):
        super().__init__()
        d=S+n
        s.query=nn.Linear(d,d,bias=False); s.key=s.query if shared else nn.Linear(d,d,bias=False); s.value=nn.Linear(d,S,bias=False)
    def w(s,x):
        q,k=s.query(x),s.key(x); return (q@k.mT/q.shape[-1]**.5).softmax(-1)
    def forward(s,x): return s.w(x)@s.value(x)
for task in ("copy","previous","reverse"):
  for shared in (False,True):
    for lr in (1e-2,3e-2):
      m=M(shared); opt=torch.optim.Adam(m.parameters(),lr=lr)
      t=time.process_time()
      for step in range(400):
        s,y,al=batch(task); l=nn.functional.cross_entropy(m(inp(s)).flatten(0,1),torch.as_tensor(y).flatten()); opt.zero_grad(); l.backward(); opt.step()
      s,y,al=batch(task,500)
      with torch.no_grad():
        w=m.w(inp(s)); acc=(m(inp(s)).argmax(-1)==torch.as_tensor(y)).float().mean()
        on=w.gather(-1,torch.as_tensor(al)[...,None]).mean()
        same=(w*(torch.as_tensor(s)[:,None]==torch.as_tensor(y)[...,None])).sum(-1).mean()
        top=(w.argmax(-1)==torch.as_tensor(al)).float().mean()
      print(task,shared,lr,f"loss {l:.3f} acc {acc:.3f} on {on:.2f} same {same:.2f} top {top:.2f} t {time.process_time()-t:.1f}",flush=True)
