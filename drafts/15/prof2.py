import torch,time
from torch import nn
from torch.nn.utils.rnn import *
torch.set_num_threads(1)
for B,L in ((160,14),(64,32)):
  for d in (16,32):
   for bi in (True,False):
    g=nn.GRU(24,d,batch_first=True,bidirectional=bi); x=torch.randn(B,L,24,requires_grad=True); n=torch.randint(L//3,L+1,(B,)); n[0]=L
    for name in ('packed','plain'):
        f=b=0
        for _ in range(10):
            t=time.perf_counter()
            if name=='packed': y=pad_packed_sequence(g(pack_padded_sequence(x,n,batch_first=True,enforce_sorted=False))[0],batch_first=True)[0]
            else: y=g(x)[0]
            t1=time.perf_counter(); y.sum().backward(); t2=time.perf_counter(); f+=t1-t; b+=t2-t1
        print(B,L,d,bi,name,round(100*f,1),round(100*b,1))
