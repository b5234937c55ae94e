src=open('/tmp/w/26/e10.py').read(); i=src.index("print('longest"); j=src.index("def weights"); k=src.index("rec=weights")
exec(src[:i]+src[j:k])
some=[p for v in data.by_distance.values() for p in v]
print('mean len',np.mean([len(p.target) for p in some]))
def acc(m,pairs,edits=None):
    s=english.batch(x.source for x in pairs); t=french.batch((x.target for x in pairs),bos=True,eos=True)
    t=torch.as_tensor(t.ids); mask=padding_mask(torch.as_tensor(s.lengths),s.ids.shape[1])
    from contextlib import nullcontext
    with torch.no_grad(), (edit_attention(m,edits) if edits else nullcontext()):
        r=(m(torch.as_tensor(s.ids),t[:,:-1],source_mask=mask).argmax(-1)==t[:,1:]).numpy()
    pr=np.mean([r[a,p.pronouns[0].target] for a,p in enumerate(pairs)])
    al=np.concatenate([r[a,:len(p.target)] for a,p in enumerate(pairs)]).mean()
    return pr.round(3),al.round(4)
def off(h):
    def e(w):
        w=w.clone(); w[:,h]=0; return w
    return e
t0=c(); print(acc(mt,some),c()-t0)
names=[f'{a}.blocks.{b}.{x}.layer.core' for a,b,x in (('encoder',0,'attention'),('encoder',1,'attention'),('decoder',0,'attention'),('decoder',0,'cross'),('decoder',1,'attention'),('decoder',1,'cross'))]
for nm in names:
    for h in range(4): print(nm,h,acc(mt,some,{nm:off(h)}))
def even(h):
    def e(w):
        w=w.clone(); w[:,h]=(w[:,h]>0).float()/(w[:,h]>0).sum(-1,keepdim=True); return w
    return e
print('uniform',acc(mt,some,{names[4]:even(3)}),acc(mt,some,{names[1]:even(3)}))
