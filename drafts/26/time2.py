exec(open('/tmp/w/26/base.py').read())

S,T=len(english),len(french)
ms={'bahd':(build(48,S,T),loss)}
for dim,h,l,ch in [(48,4,2,{}),(64,4,2,{"hidden_dim":128}),(64,4,2,{"hidden_dim":96}),(64,8,2,{"hidden_dim":64}),(64,2,2,{"hidden_dim":128}),(40,4,3,{})]:
    ms[f'{dim} {h} {l} {ch}']=(tf(S,T,dim,h,l,**ch),loss3)
os_={k:torch.optim.Adam(m.parameters(),1e-3) for k,(m,_) in ms.items()}
best={k:[] for k in ms}
for r in range(8):
    for k,(m,lo) in ms.items():
        t=c(); fit(m,training[:10],lo,steps=10,optimizer=os_[k],clip=1.0); best[k].append((c()-t)*100)
for k,v in best.items(): print(k,n(ms[k][0]),'min %.1f med %.1f'%(min(v),np.median(v)))
