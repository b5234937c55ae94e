exec(open('/tmp/w/26/e4.py').read().split("for rate in")[0])
def ev(name,mk,rate,steps,seeds=(0,1,2),**k):
    out=[]
    for s in seeds:
        torch.manual_seed(s); m=mk(); train(m,rate,steps,**k); ok,wd=exact(m,data.unseen,True)
        out.append((ok.mean().round(3),np.concatenate(wd).mean().round(3),vloss(m).round(3)))
    print(name,rate,steps,k,n(m),'%.2f s'%m.time,*[tuple(float(x) for x in o) for o in out],flush=True)
R=1e-2;N=150
base=dict(eps=.1)
mk=lambda tie=True,drop=.1: (lambda: tf(S,T,32,4,1,tie=tie,dropout=drop))
ev('all',mk(),R,N,eps=.1)
ev('-warm',mk(),R,N,eps=.1,warm=0)
ev('-smooth',mk(),R,N)
ev('-tie',mk(tie=False),R,N,eps=.1)
ev('-drop',mk(drop=0.),R,N,eps=.1)
ev('-clip',mk(),R,N,eps=.1,clip=None)
ev('none',mk(False,0.),R,N,warm=0,clip=None)
