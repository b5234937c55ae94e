import time; c=time.process_time
exec(open('/tmp/w/26/base.py').read().replace("data=corpus(rng)","data=small_corpus(rng)"))
S,T=len(english),len(french)
print(S,T,len(data.train))
def exact(model,pairs):
    lengths=[len(p.source) for p in pairs]; ok=np.zeros(len(pairs),bool)
    model.eval()
    with torch.no_grad():
        for rows in length_buckets(rng,lengths,250):
            s=torch.as_tensor(english.batch(pairs[i].source for i in rows).ids)
            t=torch.as_tensor(french.batch([pairs[i].target for i in rows],bos=True,eos=True).ids)
            right=(model(s,t[:,:-1]).argmax(-1)==t[:,1:])|(t[:,1:]==0)
            ok[list(rows)]=right.all(1).numpy()
    return ok
tb=c(); 
mb=build(24,S,T,dim=48); 
def run(m,rate,steps,warm=.1,clip=1.0,eps=0.):
    lo=lambda m,s,t: sequence_loss(m(s,t[:,:-1]),t[:,1:],padding=0,label_smoothing=eps)
    t=c(); fit(m,training,lo,steps=steps,optimizer=torch.optim.Adam(m.parameters(),rate),clip=clip,schedule=warmup_then_linear(int(warm*steps),steps)); d=c()-t
    return d/steps*1000, exact(m,data.unseen).mean(), exact(m,data.long).mean()
for steps in (200,):
  for rate in (5e-3,1e-2):
    for name,mk in {'tf32-1':lambda: tf(S,T,32,4,1),'tf32-2':lambda: tf(S,T,32,4,2),'tf48-1':lambda: tf(S,T,48,4,1),'bahd48':lambda: build(24,S,T,dim=48,embed_dim=16)}.items():
        m=mk(); print(steps,rate,name,n(m),run(m,rate,steps),flush=True)
