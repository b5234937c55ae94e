exec(open('/tmp/w/26/base.py').read().replace("data=corpus(rng)","data=small_corpus(rng,train=2000)"))
from attnutils.layers import *
S,T=len(english),len(french)
ms={'bahd96':build(48,S,T),'tf32-1':tf(S,T,32,4,1),'tf32-1h2':tf(S,T,32,2,1),'tf32-1d':tf(S,T,32,4,1,dropout=.1),'tf32-2':tf(S,T,32,4,2),'tf48-1':tf(S,T,48,4,1),'rot32-1':tf(S,T,32,4,1,positions='rotary'),'bahd32':build(16,S,T,dim=32,embed_dim=16),'bahd48':build(24,S,T,dim=48,embed_dim=16)}
fused=lambda m: torch.optim.Adam(m.parameters(),1e-3,fused=True)
os_={k:torch.optim.Adam(m.parameters(),1e-3) for k,m in ms.items()}
ms['tf32-1f']=tf(S,T,32,4,1); os_['tf32-1f']=fused(ms['tf32-1f'])
best={k:[] for k in ms}
for r in range(6):
    for k,m in ms.items():
        t=c(); fit(m,training[:8],loss,steps=8,optimizer=os_[k],clip=1.0); best[k].append((c()-t)/8*1000)
for k,v in best.items(): print(k,n(ms[k]),'min %.1f med %.1f'%(min(v),np.median(v)))
from torch.profiler import profile
m=ms['tf32-1']
import cProfile,pstats
p=cProfile.Profile(); p.enable(); fit(m,training,loss,steps=20,optimizer=os_['tf32-1'],clip=1.0); p.disable()
pstats.Stats(p).sort_stats('tottime').print_stats(14)
