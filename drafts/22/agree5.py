import time, numpy as np, torch, sys
t00=time.process_time()
from torch import nn
from attnutils.layers import MultiHeadAttention
from attnutils.seeding import seed_everything
from attnutils.training import fit, warmup_then_linear
from sklearn.linear_model import LogisticRegression
print("import",time.process_time()-t00)
seed=int(sys.argv[1]); rng=seed_everything(seed)
N,K,steps,which=int(sys.argv[2]),int(sys.argv[3]),int(sys.argv[4]),sys.argv[5].split(",")
B=int(sys.argv[6]) if len(sys.argv)>6 else 64
NOUN,PREP,VERB,CONJ=np.split(np.arange(36),[20,24,32]); THEY=36
def clause(k):
    nouns=rng.choice(NOUN,k+1); preps=rng.choice(PREP,k)
    words=[nouns[0]]
    for a,b in zip(preps,nouns[1:]): words+=[a,b]
    return words+[rng.choice(VERB),rng.choice(CONJ)]
def sample(count,least,most):
    stream,ends=[],[]
    while len(ends)<1000 or len(stream)<N:
        stream+=clause(rng.integers(K+1)); ends.append(len(stream))
    ends=[e for e in ends if e>=N]
    ks=rng.integers(least,most+1,count); x=[];y=[]
    for k in ks:
        e=rng.choice(ends); last=clause(k); x.append((stream[e-N:e]+last+[THEY])[-N:]); y.append(last[0]>=10)
    return torch.tensor(np.array(x)),torch.tensor(y)
t=time.process_time()
train=sample(64*200,0,K); val=sample(1000,0,K); tests={k:sample(400,k,k) for k in range((N-5)//2+1)}
print("data",time.process_time()-t)
class Gru(nn.Module):
    def __init__(s,d):
        super().__init__(); s.e=nn.Embedding(37,d); s.r=nn.GRU(d,d,batch_first=True); s.o=nn.Linear(d,1)
    def forward(s,x): return s.o(s.r(s.e(x))[0][:,-1])[:,0]
A=torch.eye(N).roll(1,0); A=torch.tensor(np.eye(N)[np.maximum(np.arange(N)-1,0)]).float()
class Self(nn.Module):
    def __init__(s,d):
        super().__init__()
        s.query=nn.Linear(d,d,bias=False); s.key=nn.Linear(d,d,bias=False); s.value=nn.Linear(d,d,bias=False)
    def forward(s,x):
        q,k,v=s.query(x),s.key(x),s.value(x)
        return (q@k.mT*q.shape[-1]**-.5).softmax(-1)@v
class Att(nn.Module):
    def __init__(s,d,hand):
        super().__init__(); s.e=nn.Embedding(37,d); s.p=nn.Embedding(N,d)
        s.first=nn.Linear(d,d,bias=False) if hand else Self(d); s.hand=hand
        s.l=Self(d); s.o=nn.Linear(d,1)
    def forward(s,x):
        x=s.e(x)+s.p.weight
        x=x+(A@s.first(x) if s.hand else s.first(x))
        x=x+s.l(x)
        return s.o(x[:,-1])[:,0]
def loss(m,x,y): return nn.functional.binary_cross_entropy_with_logits(m(x),y.float())
batches=[(train[0][i:i+B],train[1][i:i+B]) for i in range(0,len(train[0]),B)]
def acc(m,d):
    with torch.no_grad(): return (((m(d[0])>0)==d[1]).float().mean()).item()
for name,mk,lrs in (("gru",lambda:Gru(40),(3e-3,1e-2,3e-2)),("two",lambda:Att(39,False),(2e-3,5e-3,1e-2)),("hand",lambda:Att(46,True),(2e-3,5e-3,1e-2))):
  if name not in which: continue
  for lr in lrs:
    m=mk(); t=time.process_time()
    h=fit(m,batches,loss,steps=steps,optimizer=torch.optim.Adam(m.parameters(),lr=lr),schedule=warmup_then_linear(steps//10,steps),clip=1.0,progress=False)
    t=time.process_time()-t
    print(name,lr,sum(p.numel() for p in m.parameters()),f"val {acc(m,val):.3f}",*(f"{2*k+3}:{acc(m,d):.2f}" for k,d in tests.items()),f"t {t:.1f}",flush=True)
def feats(x,kind,g=1.):
    x=x.numpy(); n=len(x); e=np.eye(37); uni=e[x]
    prev=np.concatenate([np.full((n,1),36),x[:,:-1]],1)
    pair=np.eye(37*37,dtype=np.float32)[prev*37+x] if False else None
    if kind=="place": return uni.reshape(n,-1)
    conj=(prev>=32); prep=(prev>=20)&(prev<24)
    big=np.concatenate([uni*conj[...,None],uni*prep[...,None]],-1)
    if kind=="pairplace": return big.reshape(n,-1)
    return np.einsum("n,bnd->bd",g**np.arange(N)[::-1],big)
if "lr" in which:
  for kind,gs in (("place",(1,)),("pairplace",(1,)),("fade",(1,.9,.8,.7))):
   for g in gs:
    for C in (1,)if kind!="fade" else (1,1e4):
     t=time.process_time()
     f=LogisticRegression(C=C,max_iter=300).fit(feats(train[0][:10000],kind,g),train[1][:10000])
     print(kind,g,C,f"val {f.score(feats(val[0],kind,g),val[1]):.3f}",*(f"{2*k+3}:{f.score(feats(d[0],kind,g),d[1]):.2f}" for k,d in tests.items()),f"t {time.process_time()-t:.1f}",flush=True)
