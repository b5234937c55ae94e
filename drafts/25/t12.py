import sys; sys.path.insert(0,'/tmp/w/25')
from w2 import *
from sklearn.linear_model import LogisticRegression
X=np.array([np.r_[np.eye(3)[a],np.eye(3)[b]] for a in range(3) for b in range(3)]); y=np.array([(a+b)%3 for a in range(3) for b in range(3)])
print("linear", LogisticRegression(C=1e6,max_iter=10000).fit(X,y).score(X,y)*9)
best=0
r=np.random.default_rng(0)
for _ in range(200000):
    W=r.normal(size=(6,3)); bb=r.normal(size=3); best=max(best,((X@W+bb).argmax(1)==y).sum())
print("random search linear best of 9:",best)
P=3
for s in range(2):
  rng=seed_everything(s)
  for P in (3,7):
    for d in (2,6):
      for wiring,kinds in (("pre","a"),("nonorm","a"),("pre","af"),("pre","aa")):
        out=[]
        for lr in (3e-3,1e-2,3e-2):
            C.names=P;C.colors=P
            m=Wired(wiring,kinds*d); m.head=nn.Linear(32,P); nn.init.xavier_uniform_(m.head.weight)
            a=torch.arange(P)[:,None].expand(P,P).reshape(-1,1); b=torch.arange(P)[None].expand(P,P).reshape(-1,1); t=(a+b)%P
            def ls(m,n,c,t): return F.cross_entropy(m(n,c).flatten(0,1),t.flatten())
            opt=torch.optim.Adam(m.parameters(),lr=lr,fused=True)
            try: h=fit(m,[(a,b,t)],ls,steps=120,optimizer=opt,schedule=warmup_then_linear(30,120)).loss
            except ValueError: out.append(-1); continue
            out.append((m(a,b).argmax(-1)==t).float().mean().item())
        print(s,"P",P,"depth",d,wiring,kinds,*(f"{o:.2f}" for o in out),flush=True)
