exec(open('/tmp/w/26/lib.py').read())
from attnutils.capture import record_attention, edit_attention
mb=build(48,S,T); mb.load_state_dict(torch.load('/tmp/w/26/bahd.pt')); mb.eval()
mt=tf(S,T,48,4,2,tie=False); mt.load_state_dict(torch.load('/tmp/w/26/untied.pt')); mt.eval()
mr=tf(S,T,48,4,2,tie=False,positions='relative'); mr.load_state_dict(torch.load('/tmp/w/26/untied-relative.pt')); mr.eval()
print('longest train target',max(len(p.target) for p in data.train), 'long', max(len(p.target) for p in data.long))
for name,m in (('b',mb),('t',mt),('rel',mr)):
    ok,wd=exact(m,data.long,True)
    acc=[np.mean([w[k] for w in wd if len(w)>k]) for k in range(0,36,2)]
    print(name,np.round(acc,3))
def weights(m,pairs,part):
    rows=[]
    for st in range(0,len(pairs),100):
        p=pairs[st:st+100]
        s=english.batch(x.source for x in p); t=french.batch((x.target for x in p),bos=True,eos=True)
        mask=padding_mask(torch.as_tensor(s.lengths),s.ids.shape[1])
        with torch.no_grad(), record_attention(m) as rec: m(torch.as_tensor(s.ids),torch.as_tensor(t.ids)[:,:-1],source_mask=mask)
        rows.append(rec)
    return rows
rec=weights(mt,data.unseen[:100],None)[0]
for k,v in rec.items(): print(k,tuple(v.shape))
# AER for each cross head
for k in rec:
    if 'cross' in k:
        for h in range(4):
            b=t_=0
            for w,p in zip(rec[k][:,h],data.unseen[:100]):
                g=p.gold(); a=w[:len(p.target),:len(p.source)].numpy().argmax(1)
                for i in np.flatnonzero(g.any(1)): b+=g[i,a[i]]; t_+=1+g[i].sum()
            print(k,h,'aer',round(1-2*b/t_,3))
# antecedent
some=[p for v in data.by_distance.values() for p in v]
print(len(some))
tot={}
recs=weights(mt,some,None)
for r,st in zip(recs,range(0,len(some),100)):
    for j,p in enumerate(some[st:st+100]):
        mk=p.pronouns[0]
        # target position of antecedent noun
        tpos=[a for a,b in p.alignment if b==mk.antecedent][0]
        for k,v in r.items():
            for h in range(4):
                if k.startswith('encoder'): x=v[j,h,mk.source,mk.antecedent]
                elif 'cross' in k: x=v[j,h,mk.target,mk.antecedent]
                else: x=v[j,h,mk.target,tpos+1]  # input row mk.target reads word before; noun is at tpos+1 in shifted input
                tot.setdefault((k,h),[]).append(x.item())
for k,v in tot.items(): print(k,np.mean(v).round(3))
