exec(open('/tmp/w/26/lib.py').read())
torch.manual_seed(int(os.environ.get('SD','0')))
for r in (2.5e-3,5e-3,1e-2):
    m=tf(S,T,48,4,2); train(m,r,150); print('rate',r,vloss(m),m.time,flush=True)
pairs=data.unseen+data.long; words=np.array([len(p.source) for p in pairs])
for r in (5e-3,1e-2):
    m=tf(S,T,48,4,2); h=train(m,r,1000,every=100); ok,wd=exact(m,pairs,True)
    print('1000',r,vloss(m),m.time,h.validation)
    for lo,hi in ((3,8),(9,14),(15,20),(21,30)):
        ch=np.flatnonzero((lo<=words)&(words<=hi)); print(lo,hi,ok[ch].mean(),np.concatenate([wd[i] for i in ch]).mean())
    print('trained',ok[words<=20].mean(),'held',exact(m,data.held_out).mean(),flush=True)
    torch.save(m.state_dict(),f'/tmp/w/26/sin-{r}.pt')
