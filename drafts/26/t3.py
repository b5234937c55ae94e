src=open('/tmp/w/26/base.py').read()
exec(src.replace("data=corpus(rng)","data=small_corpus(rng,train=2000)"))
small64=training; small32=list(batches_of(data.train,32)); S0,T0=len(english),len(french)
a=src.index("data=corpus"); b=src.index("def build(")
exec(src[a:b].replace("corpus(rng)","corpus(rng,train=3000)"))
S,T=len(english),len(french)
ms={'B':(build(48,S,T),training),'T':(tf(S,T,48,4,2,tie=False),training),'t64':(tf(S0,T0,32,4,1,tie=False),small64),'t32':(tf(S0,T0,32,4,1,tie=False),small32),'t24-64':(tf(S0,T0,24,3,1,tie=False),small64),'b64':(build(22,S0,T0,dim=44,embed_dim=16),small64),'b32':(build(22,S0,T0,dim=44,embed_dim=16),small32)}
os_={k:torch.optim.Adam(m.parameters(),1e-3,fused=True) for k,(m,_) in ms.items()}
best={k:[] for k in ms}
for r in range(10):
    for k,(m,bs) in ms.items():
        i=(4*r)%(len(bs)-4)
        t=c(); fit(m,bs[i:i+4],loss,steps=4,optimizer=os_[k],clip=1.0); best[k].append((c()-t)/4*1000)
for k,v in best.items(): print(k,n(ms[k][0]),'min %.1f med %.1f mean %.1f'%(min(v),np.median(v),np.mean(v)))
