import time, numpy as np, torch, sys
from torch import nn
from attnutils.layers import MultiHeadAttention
from attnutils.seeding import seed_everything
from attnutils.training import fit, warmup_then_linear
seed=int(sys.argv[1]); rng=seed_everything(seed)
MASC="cats dogs horses birds bears owls wolves rabbits donkeys monkeys".split()
FEM="mice turtles goats bees geese frogs spiders ants giraffes otters".split()
PREP="near behind under beside".split(); VERB="sleep hunt eat drink wait run play jump".split(); CONJ="because and but when".split()
WORDS=MASC+FEM+PREP+VERB+CONJ+["they"]
ID={w:i for i,w in enumerate(WORDS)}
N=32
def sample(B,last,K):
    """last: array of k for the last clause"""
    X=np.empty((B,N),int); y=np.empty(B,int)
    for b in range(B):
        out=[ID["they"]]
        k=last[b]
        first=True
        while len(out)<N:
            cl=[rng.integers(20)]
            for _ in range(k): cl+=[20+rng.integers(4),rng.integers(20)]
            cl+=[24+rng.integers(8),32+rng.integers(4)]
            if first: y[b]=cl[0]>=10; first=False
            out=cl+out; k=rng.integers(K+1)
        X[b]=out[-N:]
    return torch.as_tensor(X),torch.as_tensor(y)
KT=int(sys.argv[2]) # trained
class Gru(nn.Module):
    def __init__(s,d,cls=nn.GRU):
        super().__init__(); s.e=nn.Embedding(37,d); s.r=cls(d,d,batch_first=True); s.o=nn.Linear(d,1)
    def forward(s,x): return s.o(s.r(s.e(x))[0][:,-1])[:,0]
class Att(nn.Module):
    def __init__(s,d,L=2,res=True):
        super().__init__(); s.e=nn.Embedding(37,d); s.p=nn.Parameter(torch.randn(N,d)*.1 if 1 else None); s.l=nn.ModuleList(MultiHeadAttention(d,1) for _ in range(L)); s.o=nn.Linear(d,1)
    def forward(s,x):
        x=s.e(x)+s.p
        for l in s.l: x=x+l(x)
        return s.o(x[:,-1])[:,0]
def loss(m,x,y): return nn.functional.binary_cross_entropy_with_logits(m(x),y.float())
t=time.process_time()
B=64
ntrain=int(sys.argv[4]) if len(sys.argv)>4 else 20000
tr=sample(ntrain,rng.integers(KT+1,size=ntrain),KT)
val=sample(1000,rng.integers(KT+1,size=1000),KT)
test={k:sample(400,np.full(400,k),KT) for k in range(0,15,2)}
print("data",time.process_time()-t)
batches=[(tr[0][i:i+B],tr[1][i:i+B]) for i in range(0,ntrain,B)]
def acc(m,d):
    with torch.no_grad(): return (((m(d[0])>0)==d[1].bool()).float().mean()).item()
steps=int(sys.argv[3])
for name,mk,lrs in (("gru",lambda:Gru(48),(3e-3,1e-2,3e-2)),("rnn",lambda:Gru(80,nn.RNN),(1e-3,3e-3)),("att2",lambda:Att(40),(2e-3,5e-3,1e-2)),("att1",lambda:Att(56,1),(3e-3,1e-2)),):
  if len(sys.argv)>5 and name not in sys.argv[5].split(","): continue
  for lr in lrs:
    m=mk(); t=time.process_time()
    h=fit(m,batches,loss,steps=steps,optimizer=torch.optim.Adam(m.parameters(),lr=lr),schedule=warmup_then_linear(steps//10,steps),clip=1.0,progress=False)
    print(name,lr,sum(p.numel() for p in m.parameters()),f"val {acc(m,val):.3f}",*(f"{2*k+3}:{acc(m,d):.2f}" for k,d in test.items()),f"t {time.process_time()-t:.1f}",flush=True)
# baselines
from sklearn.linear_model import LogisticRegression
def feats(x,kind,g=.8):
    x=x.numpy(); n=len(x); e=np.eye(37)
    uni=e[x]  # n,N,37
    big=np.zeros((n,N,37*3)) # noun x (conj before, prep before)
    conj=np.pad((x>=32)[:,:-1],((0,0),(1,0))); prep=np.pad(((x>=20)&(x<24))[:,:-1],((0,0),(1,0)))
    big=np.concatenate([uni*conj[...,None],uni*prep[...,None],uni],-1)
    if kind=="bag": return uni.sum(1)
    if kind=="offset": return uni.reshape(n,-1)
    if kind=="bibag": return big.sum(1)
    if kind=="bioff": return big.reshape(n,-1)
    w=g**np.arange(N)[::-1]
    if kind=="fadeuni": return np.einsum("n,bnd->bd",w,uni)
    if kind=="fade": return np.einsum("n,bnd->bd",w,big)
if len(sys.argv)<=5:
  for kind,gs in (("bag",(1,)),("offset",(1,)),("bibag",(1,)),("bioff",(1,)),("fadeuni",(.6,.7,.8,.9)),("fade",(.6,.7,.8,.9))):
   for g in gs:
    t=time.process_time()
    f=LogisticRegression(C=1 if "fade" not in kind else 1e4,max_iter=300).fit(feats(tr[0][:10000],kind,g),tr[1][:10000])
    print(kind,g,f"val {f.score(feats(val[0],kind,g),val[1]):.3f}",*(f"{2*k+3}:{f.score(feats(d[0],kind,g),d[1]):.2f}" for k,d in test.items()),f"t {time.process_time()-t:.1f}",flush=True)
