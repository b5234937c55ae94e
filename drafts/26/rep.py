pairs=data.unseen+data.long; words=np.array([len(p.source) for p in pairs])
def rep(name,m,h):
    ok,wd=exact(m,pairs,True)
    print(name,n(m),'%.1f s'%m.time,vloss(m).round(4),[(s,round(v,3)) for s,v in h.validation.get('exact',[])])
    print([(lo,round(ok[(lo<=words)&(words<=hi)].mean(),3),round(np.concatenate([w for w,k in zip(wd,words) if lo<=k<=hi]).mean(),4)) for lo,hi in ((3,8),(9,14),(15,20),(21,30))],'trained',ok[words<=20].mean().round(4),'held',exact(m,data.held_out).mean(),flush=True)
    torch.save(m.state_dict(),f'/tmp/w/26/{name}.pt')
