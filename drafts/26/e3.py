exec(open('/tmp/w/26/lib.py').read())
torch.manual_seed(int(os.environ.get('SD','0')))
pairs=data.unseen+data.long; words=np.array([len(p.source) for p in pairs])
def rep(name,m,h):
    ok,wd=exact(m,pairs,True)
    print(name,n(m),'%.1f s'%m.time,vloss(m).round(4),[(s,round(v,3)) for s,v in h.validation.get('exact',[])])
    print([(lo,round(ok[(lo<=words)&(words<=hi)].mean(),3),round(np.concatenate([w for w,k in zip(wd,words) if lo<=k<=hi]).mean(),4)) for lo,hi in ((3,8),(9,14),(15,20),(21,30))],'trained',ok[words<=20].mean().round(4),'held',exact(m,data.held_out).mean(),flush=True)
    torch.save(m.state_dict(),f'/tmp/w/26/{name}.pt')
todo=os.environ['TODO'].split()
if 'bahd' in todo: m=build(48,S,T); h=train(m,1e-2,1000,every=100); rep('bahd',m,h)
if 'sin' in todo: m=tf(S,T,48,4,2); h=train(m,1e-2,1000,every=100); rep('sin',m,h)
for p in ('rotary','relative','alibi'):
    if p in todo: m=tf(S,T,48,4,2,positions=p); h=train(m,1e-2,1000,every=100); rep(p,m,h)
if 'few' in todo:
    some=list(batches_of(data.train[:2000]))
    for steps in (300,):
        for rate in (5e-3,1e-2):
            m=build(48,S,T); h=train(m,rate,steps,batches=some); rep(f'fewb{steps}-{rate}',m,h)
            m=tf(S,T,48,4,2); h=train(m,rate,steps,batches=some); rep(f'fews{steps}-{rate}',m,h)
