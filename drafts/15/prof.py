from lib import *
rng=seed_everything(0)
def docs(n,lo,hi):
    d=[x for x in documents(rng,2*n,least=lo,most=hi) if ',' not in x.sentences[x.target]]
    return d[:n]
tr=docs(1280,1,4); voc=Vocabulary(z for d in tr for z in d.sentences); V=len(voc)
for dim,fd in ((32,56),(64,112)):
  for size in (32,64):
    for name,m,make in (('h',Hier(V,dim,24,dim),hbatch),('f',Flat(V,fd,24,dim),fbatch)):
        order=sorted(range(len(tr)),key=lambda i:(len(tr[i].sentences),sum(map(len,tr[i].sentences))))
        B=[make(voc,[tr[i] for i in order[j:j+size]]) for j in range(0,len(tr),size)][-10:]
        opt=torch.optim.Adam(m.parameters(),lr=1e-3)
        a=b=c=0
        for _ in range(2):
            for x in B:
                t0=time.perf_counter(); l=loss(m,*x); t1=time.perf_counter(); opt.zero_grad(); l.backward(); t2=time.perf_counter(); nn.utils.clip_grad_norm_(m.parameters(),1.); opt.step(); t3=time.perf_counter()
                a+=t1-t0;b+=t2-t1;c+=t3-t2
        print(name,dim,size,*(round(1000*z/20,1) for z in (a,b,c)),B[-1][0].shape)
