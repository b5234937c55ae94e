import sys; sys.path.insert(0,'/tmp/w/25')
from w2 import *
for s in range(2):
  rng=seed_everything(s)
  for P in (8,16,24):
    table=torch.as_tensor(rng.integers(P,size=(P,P)))
    for d in (1,2):
      for wiring,kinds in (("pre","aa"),("pre","af"),("nonorm","aa"),("nonorm","af")):
        out=[];T=0
        for lr in (3e-3,1e-2,3e-2):
            C.names=P;C.colors=P
            m=Wired(wiring,kinds*d); m.head=nn.Linear(32,P); nn.init.xavier_uniform_(m.head.weight)
            a=torch.arange(P)[:,None].expand(P,P).reshape(-1,1); b=torch.arange(P)[None].expand(P,P).reshape(-1,1); t=table
            def ls(m,n,c,t): return F.cross_entropy(m(n,c).flatten(0,1),t.flatten())
            opt=torch.optim.Adam(m.parameters(),lr=lr,fused=True); t0=time.process_time()
            try: h=fit(m,[(a,b,t.reshape(-1,1))],ls,steps=200,optimizer=opt,schedule=warmup_then_linear(50,200)).loss
            except ValueError: out.append(-1); continue
            T+=time.process_time()-t0
            out.append((m(a,b).argmax(-1)==t.reshape(-1,1)).float().mean().item())
        print(s,"P",P,"depth",d,wiring,kinds,*(f"{o:.2f}" for o in out),f"{T:.1f}",flush=True)
