import time, torch, numpy as np
from torch import nn
from attnutils.layers import MultiHeadAttention
torch.set_num_threads(1); torch.manual_seed(0)
class Self(nn.Module):
    def __init__(s,d,dk=None):
        super().__init__(); dk=dk or d
        s.query=nn.Linear(d,dk,bias=False); s.key=nn.Linear(d,dk,bias=False); s.value=nn.Linear(d,d,bias=False)
    def forward(s,x):
        q,k,v=s.query(x),s.key(x),s.value(x)
        return (q@k.mT*q.shape[-1]**-.5).softmax(-1)@v
def run(m,B,N,d,steps=100):
    opt=torch.optim.Adam(m.parameters(),lr=1e-3); x=torch.randn(B,N,d)
    t=time.process_time()
    for _ in range(steps):
        o=m(x); o=o[0] if isinstance(o,tuple) else o
        l=o[:,-1].square().mean(); opt.zero_grad(); l.backward(); opt.step()
    return (time.process_time()-t)/steps*1e3
for B in (32,64):
  for N in (21,25):
    print(B,N,"self32",round(run(Self(32),B,N,32),2),"self40",round(run(Self(40),B,N,40),2),"mha32",round(run(MultiHeadAttention(32,1),B,N,32),2),"mha40",round(run(MultiHeadAttention(40,1),B,N,40),2),"gru40",round(run(nn.GRU(40,40,batch_first=True),B,N,40),2),"gru32",round(run(nn.GRU(32,32,batch_first=True),B,N,32),2),flush=True)
