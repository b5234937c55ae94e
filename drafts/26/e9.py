exec(open('/tmp/w/26/e4.py').read().split("for rate in")[0])
def ev(name,mk,rate,steps,seeds=(0,),**k):
    for s in seeds:
        torch.manual_seed(s); m=mk(); train(m,rate,steps,**k); ok,wd=exact(m,data.unseen,True); o2,w2=exact(m,data.long,True)
        print(name,rate,steps,k,n(m),'%.2f s'%m.time,vloss(m).round(3),ok.mean().round(3),o2.mean().round(3),'words',np.concatenate(wd).mean().round(3),np.concatenate(w2).mean().round(3),flush=True)
for p in ('sinusoidal','relative','rotary'):
    ev(p,lambda: tf(S,T,32,4,1,tie=False,positions=p),1e-2,400)
ev('b46',lambda: build(23,S,T,dim=46,embed_dim=16),1e-2,400)
ev('drop',lambda: tf(S,T,32,4,1,tie=False,dropout=.1),1e-2,400)
ev('sin2',lambda: tf(S,T,32,4,2,tie=False),1e-2,400)
ev('rel2',lambda: tf(S,T,32,4,2,tie=False,positions='relative'),1e-2,400)
