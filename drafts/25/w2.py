import sys, time, numpy as np, torch
from torch import nn
import torch.nn.functional as F
from attnutils.seeding import seed_everything
from attnutils.layers import MultiHeadAttention, FeedForward
from attnutils.training import fit, warmup_then_linear
class Cfg: names=8; colors=3; n=8; dim=32; heads=2; hidden=64; B=32; steps=120; init="xavier"
C=Cfg
def draw(rng,batch):
    order = np.argsort(rng.random((batch, C.names)),1)[:, :C.n//2]
    names = np.concatenate([order, order],1)
    colors = rng.integers(C.colors,size=(batch,C.n))
    partner=np.roll(colors, C.n//2, 1); target = partner + C.colors*((colors + partner) % C.colors)
    perm = np.argsort(rng.random((batch,C.n)),1)
    t = lambda a: torch.as_tensor(np.take_along_axis(a,perm,1))
    return t(names), t(colors), t(target)
W={"pre":lambda x,f,norm:x+f(norm(x)),"post":lambda x,f,norm:norm(x+f(x)),"nores":lambda x,f,norm:f(norm(x)),
   "nonorm":lambda x,f,norm:x+f(x)}
def after(x,f,norm):
    x=norm(x); return x+f(x)
W["after"]=after
class Wired(nn.Module):
    def __init__(s, wiring, kinds):
        super().__init__()
        s.w=W[wiring] if isinstance(wiring,str) else wiring
        s.name = nn.Embedding(C.names, C.dim); s.color = nn.Embedding(C.colors, C.dim)
        s.layers=nn.ModuleList(MultiHeadAttention(C.dim,C.heads) if k=="a" else FeedForward(C.dim,C.hidden) for k in kinds)
        s.norms=nn.ModuleList(nn.LayerNorm(C.dim) for k in kinds)
        s.last=nn.LayerNorm(C.dim) if wiring in("pre","nores","after") else nn.Identity()
        s.head = nn.Linear(C.dim, 2*C.colors)
        if C.init=="xavier":
          for m in s.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight); nn.init.zeros_(m.bias)
    def forward(s, n, c):
        x=s.name(n)+s.color(c)
        for f,norm in zip(s.layers,s.norms): x=s.w(x,f,norm)
        return s.head(s.last(x))
def loss(m, n, c, t):
    a,b=m(n,c).flatten(0,1).chunk(2,-1); t=t.flatten(); return F.cross_entropy(a,t%C.colors)+F.cross_entropy(b,t//C.colors)
def run(rng,wiring,kinds,lr,warm,bs=None):
    bs=bs or [draw(rng,C.B) for _ in range(C.steps)]
    m=Wired(wiring,kinds)
    opt=torch.optim.Adam(m.parameters(), lr=lr, fused=True)
    t=time.process_time()
    try: h=fit(m,bs,loss,steps=C.steps,optimizer=opt,schedule=warmup_then_linear(warm,C.steps)).loss
    except ValueError as e: return (0,0),[9]*C.steps,0
    t=time.process_time()-t
    with torch.no_grad():
        n,c,y=draw(rng,250); a,b=m(n,c).chunk(2,-1)
        acc=((a.argmax(-1)==y%C.colors).float().mean().item(),(b.argmax(-1)==y//C.colors).float().mean().item())
    return acc,h,t
def show(tag,r): 
    a,l,t=r; k=len(l)//6
    print(tag,f"acc {a[0]:.2f} {a[1]:.2f} t {t:.2f} |", *(f"{np.mean(l[i:i+20]):.2f}" for i in range(0,len(l)-19,k)),f"{np.mean(l[-20:]):.2f}",flush=True)
