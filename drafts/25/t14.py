import sys; sys.path.insert(0,'/tmp/w/25')
from w2 import *
rng=seed_everything(0)
@torch.no_grad()
def st(w,init,d=12,inits=5):
    C.init=init; S=[];B=[];K=[]
    for _ in range(inits):
        m=Wired(w,"af"*d); n,c,_=draw(rng,32); x0=m.name(n)+m.color(c); x=x0; sh=[];be=[];cs=[]
        for i,(f,norm) in enumerate(zip(m.layers,m.norms)):
            y=f(norm(x)) if w=="pre" else f(x)
            be.append(y.pow(2).mean().item()/(1 if w=="pre" or i==0 else x.pow(2).mean().item()))
            x=m.w(x,f,norm)
            sh.append(F.cosine_similarity(x,x0,dim=-1).pow(2).mean().item())
            u=x/x.norm(dim=-1,keepdim=True); cs.append(((( u@u.mT).sum((1,2))-8)/56).mean().item())
        S.append(sh);B.append(be);K.append(cs)
    B=np.mean(B,0);S=np.mean(S,0);K=np.mean(K,0)
    print(w,init,"beta att",B[::2].round(2),"ffn",B[1::2].round(2)); print("  share",S[1::2].round(3)); print("  cos",K[1::2].round(3))
    b=B.mean(); l=np.arange(2,25,2); print("  pred", (2/(2+l*b) if w=="pre" else (1+b)**-l).round(3))
for init in("xavier","default"):
    for w in("pre","post"): st(w,init)
