exec(open('/tmp/w/26/lib.py').read())
def ev(name,mk,rate,steps,seeds=(0,1),**k):
    out=[];tm=0
    for s in seeds:
        torch.manual_seed(s); m=mk(); train(m,rate,steps,**k); out.append((vloss(m).round(3),exact(m,data.unseen).mean().round(3),exact(m,data.long).mean().round(3))); tm+=m.time
    print(name,rate,steps,k,n(m),'%.2f s'%(tm/len(seeds)),*out,flush=True)
for rate in (5e-3,1e-2,2e-2):
    ev('bahd44',lambda: build(22,S,T,dim=44,embed_dim=16),rate,200)
    ev('tf32-1',lambda: tf(S,T,32,4,1),rate,200)
ev('tf32-1 h2',lambda: tf(S,T,32,2,1),2e-2,200)
ev('tf32-1 rot',lambda: tf(S,T,32,4,1,positions='rotary'),2e-2,200)
ev('tf32-1 alibi',lambda: tf(S,T,32,4,1,positions='alibi'),2e-2,200)
ev('tf32-1 rel',lambda: tf(S,T,32,4,1,positions='relative'),2e-2,200)
ev('tf32-1 drop',lambda: tf(S,T,32,4,1,dropout=.1),2e-2,200)
ev('tf32-1 smooth',lambda: tf(S,T,32,4,1),2e-2,200,eps=.1)
ev('tf32-1 nowarm',lambda: tf(S,T,32,4,1),2e-2,200,warm=0)
ev('tf32-1 noclip',lambda: tf(S,T,32,4,1),2e-2,200,clip=None)
ev('tf32-1 untied',lambda: tf(S,T,32,4,1,tie=False),2e-2,200)
