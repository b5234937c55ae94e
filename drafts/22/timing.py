import time, torch, numpy as np
from torch import nn
from attnutils.layers import MultiHeadAttention
from attnutils.seeding import seed_everything
rng=seed_everything(0)
def seconds(f):
    t=time.process_time(); f(); return time.process_time()-t
for d in (64,128):
  gru=nn.GRU(d,d,batch_first=True); att=MultiHeadAttention(d,1); cell=nn.GRUCell(d,d)
  print(d,sum(p.numel() for p in gru.parameters()),sum(p.numel() for p in att.parameters()))
  with torch.no_grad():
   for n in (16,64,256,1024,2048,4096):
    x=torch.randn(1,n,d)
    f={"gru":lambda:gru(x),"att":lambda:att(x),"beside":lambda:att(gru(x)[0])}
    print(n,{k:round(1e3*min(seconds(g) for _ in range(4)),2) for k,g in f.items()},flush=True)
def depth(t):
    memo={}
    stack=[(t.grad_fn,False)]
    while stack:
        node,done=stack.pop()
        if node in memo: continue
        ch=[c for c,_ in node.next_functions if c is not None]
        if done or not ch: memo[node]=1+max([memo[c] for c in ch],default=0)
        else: stack.append((node,True)); stack+=[(c,False) for c in ch]
    return memo[t.grad_fn]
d=16
cell=nn.GRUCell(d,d); rc=nn.RNNCell(d,d); att=MultiHeadAttention(d,1)
for n in (4,16,64,256):
    x=torch.randn(1,n,d)
    h=torch.zeros(1,d); r=torch.zeros(1,d)
    for t in range(n): h=cell(x[:,t],h); r=rc(x[:,t],r)
    q,k,v=att.query(x),att.key(x),att.value(x)
    o=(q@k.mT*d**-.5).softmax(-1)@v
    print(n,depth(h),depth(r),depth(att(x)),depth(o))
# gradient by distance
n=64
res={}
for name in ("gru","rnn","att","att fresh normal"):
    runs=[]
    for _ in range(5):
        x=torch.randn(1,n,64,requires_grad=True)
        if name=="gru": o=nn.GRU(64,64,batch_first=True)(x)[0]
        elif name=="rnn": o=nn.RNN(64,64,batch_first=True)(x)[0]
        else: o=MultiHeadAttention(64,1)(x)
        o[0,-1].backward(torch.randn(64))
        runs.append(x.grad[0].norm(dim=-1).flip(0))
    m=torch.stack(runs).mean(0); print(name,[f"{m[i]:.1e}" for i in (0,1,2,4,8,16,32,63)])
