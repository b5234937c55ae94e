exec(open('/tmp/w/26/base.py').read().replace("data=corpus(rng)","data=(small_corpus if os.environ.get('SMALL') else corpus)(rng,**(dict(train=int(os.environ['TRAIN'])) if 'TRAIN' in os.environ else {}))").replace("from attnutils.transformer","import os,sys\nfrom attnutils.transformer",1))
S,T=len(english),len(french)
def exact(model,pairs,words=False):
    lengths=[len(p.source) for p in pairs]; ok=np.zeros(len(pairs),bool); wd=[None]*len(pairs)
    was=model.training; model.eval()
    with torch.no_grad():
        for rows in length_buckets(rng,lengths,250):
            s=torch.as_tensor(english.batch(pairs[i].source for i in rows).ids)
            t=torch.as_tensor(french.batch([pairs[i].target for i in rows],bos=True,eos=True).ids)
            right=(model(s,t[:,:-1]).argmax(-1)==t[:,1:])
            ok[list(rows)]=(right|(t[:,1:]==0)).all(1).numpy()
            for i,r in zip(rows,right.numpy()): wd[i]=r[:len(pairs[i].target)]
    model.train(was)
    return (ok,wd) if words else ok
def vloss(m):
    m.eval()
    with torch.no_grad(): return np.mean([loss(m,*b).item() for b in validation])
def train(m,rate,steps,warm=.1,clip=1.0,eps=0.,every=None,batches=None,opt=None,sched=None):
    lo=lambda m,s,t: sequence_loss(m(s,t[:,:-1]),t[:,1:],padding=0,label_smoothing=eps)
    t=c(); h=fit(m,batches or training,lo,steps=steps,optimizer=opt or torch.optim.Adam(m.parameters(),rate,fused=True),clip=clip,schedule=sched or warmup_then_linear(int(warm*steps),steps),
      validate=(lambda m: {'exact':exact(m,data.validation[:250]).mean()}) if every else None, validate_every=every); m.time=c()-t
    m.eval(); return h
