import time, numpy as np, torch
from torch import nn
from attnutils.seeding import seed_everything
from attnutils.attention import attention
rng=seed_everything(0)
A,N,D=8,8,32
def draw(rng,count):
    symbols=torch.as_tensor(rng.integers(A,size=(count,N)))
    tags=torch.zeros(count,N,dtype=torch.long)
    places=torch.as_tensor(np.argsort(rng.random((count,N)),1)[:,:2])
    first=torch.as_tensor(rng.integers(A,size=count)); second=(first+torch.as_tensor(rng.integers(1,A,size=count)))%A
    rows=torch.arange(count)
    tags[rows,places[:,0]]=1; tags[rows,places[:,1]]=2
    symbols[rows,places[:,0]]=first; symbols[rows,places[:,1]]=second
    return symbols,tags,torch.stack([first,second],1)
class Asker(nn.Module):
    def __init__(self,heads):
        super().__init__()
        self.heads=heads
        self.tag=nn.Embedding(3,D); self.symbol=nn.Embedding(A,D)
        self.asks=nn.Parameter(torch.randn(1,1,D))
        self.query,self.key,self.value,self.output=(nn.Linear(D,D,bias=False) for _ in range(4))
        self.read=nn.Linear(D,2*A)
    def split(self,x): return x.unflatten(-1,(self.heads,-1)).transpose(1,2)
    def forward(self,symbols,tags,keep=None):
        k=self.split(self.key(self.tag(tags))); v=self.split(self.value(self.symbol(symbols)))
        q=self.split(self.query(self.asks)).expand(len(tags),-1,-1,-1)
        o=attention(q,k,v)
        if keep is not None: o=o*keep[:,None,None]
        return self.read(self.output(o.transpose(1,2).flatten(2)))[:,0].unflatten(-1,(2,A))
class Bag(nn.Module):
    def __init__(self): super().__init__(); self.symbol=nn.Embedding(A,D); self.read=nn.Sequential(nn.Linear(D,2*D),nn.Linear(2*D,2*A))
    def forward(self,s,t): return self.read(self.symbol(s).mean(1)).unflatten(-1,(2,A))
class Outer(nn.Module):
    def __init__(self): super().__init__(); self.read=nn.Linear(3*A,2*A)
    def forward(self,s,t):
        x=nn.functional.one_hot(3*s+t,3*A).float().sum(1); return self.read(x).unflatten(-1,(2,A))
def train(make,rate,rng,steps=600):
    torch.manual_seed(int(rng.integers(2**31)))
    m=make(); opt=torch.optim.Adam(m.parameters(),lr=rate)
    for i in range(steps):
        s,t,y=draw(rng,64)
        l=nn.functional.cross_entropy(m(s,t).flatten(0,1),y.flatten()); opt.zero_grad(); l.backward(); opt.step()
    return m
def acc(m,data):
    s,t,y=data
    with torch.no_grad(): r=m(s,t).argmax(-1)==y
    return r.all(1).float().mean().item(), r[:,0].float().mean().item(), r[:,1].float().mean().item()
val=draw(rng,2000); test=draw(rng,4000)
for name,make in {'bag':Bag,'outer':Outer,'1':lambda:Asker(1),'2':lambda:Asker(2),'4':lambda:Asker(4)}.items():
    s=time.process_time()
    for rate in (3e-3,1e-2,3e-2):
        r=[acc(train(make,rate,g),val) for g in rng.spawn(2)]
        print(name,rate,[[round(x,3) for x in a] for a in r])
    print('s',time.process_time()-s, sum(p.numel() for p in make().parameters()))
