import sys; sys.path.insert(0,'/tmp/w/25')
from w2 import *
rng=seed_everything(0); C.B=16
class Pool(nn.Module):
    def __init__(s,dim,hidden,how,layers=1):
        super().__init__(); s.t=nn.Embedding(24,dim); s.how=how
        ls=[nn.Linear(2*dim,hidden),nn.GELU()]
        for _ in range(layers-1): ls+=[nn.Linear(hidden,hidden),nn.GELU()]
        s.net=nn.Sequential(*ls,nn.Linear(hidden,6))
    def forward(s,n,c):
        x=s.t(3*n+c); p=x.mean(1,keepdim=True) if s.how=="mean" else x.amax(1,keepdim=True)
        if s.how=="sum": p=x.sum(1,keepdim=True)
        return s.net(torch.cat([x,p.expand_as(x)],-1))
n,c,y=draw(rng,2000)
cn=c.numpy(); oh=np.eye(3)[cn]; others=oh.sum(1,keepdims=True)-oh
print("counts",(others.argmax(-1)==(y%3).numpy()).mean())
for steps in (120,1000):
  C.steps=steps
  for how in("mean","sum","max"):
    for dim,hid,layers in ((32,250,1),(32,110,2),(64,160,2)):
        for lr in (3e-3,1e-2,3e-2):
            m=Pool(dim,hid,how,layers)
            opt=torch.optim.Adam(m.parameters(),lr=lr,fused=True); t=time.process_time()
            fit(m,[draw(rng,16) for _ in range(steps)],loss,steps=steps,optimizer=opt,schedule=warmup_then_linear(steps//4,steps))
            with torch.no_grad():
                a,b=m(n,c).chunk(2,-1)
                print(steps,how,dim,hid,layers,lr,sum(p.numel() for p in m.parameters()),f"{(a.argmax(-1)==y%3).float().mean():.2f} {(b.argmax(-1)==y//3).float().mean():.2f} t {time.process_time()-t:.2f}",flush=True)
