import sys; sys.path.insert(0,'/tmp/w/25')
from w2 import *
rng=seed_everything(0)
def stats(w,d,init,lastonly=False):
    C.init=init; G=[];S=[];Z=[]
    for _ in range(5):
        m=Wired(w,"af"*d); b=draw(rng,32)
        xs=[]; x=m.name(b[0])+m.color(b[1])
        xs.append(x)
        for f,norm in zip(m.layers,m.norms): x=m.w(x,f,norm); xs.append(x)
        out=m.head(m.last(x)); a,bb=out.flatten(0,1).chunk(2,-1);t=b[2].flatten()
        (F.cross_entropy(a,t%3)+F.cross_entropy(bb,t//3)).backward()
        G.append([l.down.weight.grad.norm().item() for l in m.layers if hasattr(l,'down')])
        cs=[]
        for x in xs[::2]:
            u=x.detach(); u=u/u.norm(dim=-1,keepdim=True); n=u.shape[1]; g=u@u.mT; cs.append(((g.sum((1,2))-n)/(n*(n-1))).mean().item())
        S.append(cs); Z.append([x.detach().pow(2).mean().sqrt().item() for x in xs[::2]])
    print(w,d,init,"\n grad",*(f"{v:.3f}" for v in np.mean(G,0)),"\n cos",*(f"{v:.2f}" for v in np.mean(S,0)),"\n rms",*(f"{v:.2f}" for v in np.mean(Z,0)))
for init in ("xavier","default"):
    for w in ("pre","post","nores","nonorm","after"):
        for d in ((2,6,12) if w in("pre","post") else (12,)): stats(w,d,init)
