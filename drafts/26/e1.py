exec(open('/tmp/w/26/lib.py').read())
for steps in (150,300):
  for dim,l in ((32,1),(48,1),(32,2)):
    for rate in (1e-2,2e-2):
        m=tf(S,T,dim,4,l); train(m,rate,steps); print(steps,dim,l,rate,n(m),'%.2f s'%m.time,vloss(m).round(3),exact(m,data.unseen).mean(),exact(m,data.long).mean(),flush=True)
