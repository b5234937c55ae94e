from lib import *
rng=seed_everything(0)
which,rate,steps,lo,hi,size,N,dim,fd=sys.argv[1],float(sys.argv[2]),*map(int,sys.argv[3:10])
def docs(n,lo,hi):
    d=[x for x in documents(rng,2*n,least=lo,most=hi) if ',' not in x.sentences[x.target]]
    return d[:n]
tr=docs(N,lo,hi); va=docs(300,lo,hi)
print(len(tr),np.mean([x.label for x in tr]),np.mean([sum(map(len,x.sentences)) for x in tr]),max(len(z) for x in tr for z in x.sentences))
voc=Vocabulary(z for d in tr for z in d.sentences); V=len(voc)
e=24
mk={'hatt':(lambda:Hier(V,dim,e,dim),hbatch),'hmax':(lambda:Hier(V,dim,e,dim,sp='max'),hbatch),'hmean':(lambda:Hier(V,dim,e,dim,sp='mean'),hbatch),
'hmm':(lambda:Hier(V,dim,e,dim,wp='max',sp='max'),hbatch),'hns':(lambda:Hier(V,dim,e,dim,sent=False),hbatch),
'hdot':(lambda:Hier(V,dim,e,dim,'dot','dot'),hbatch),
'fatt':(lambda:Flat(V,fd,e,dim),fbatch),'fmax':(lambda:Flat(V,fd,e,dim,'max'),fbatch),'fmean':(lambda:Flat(V,fd,e,dim,'mean'),fbatch),'fdot':(lambda:Flat(V,fd,e,dim,'dot'),fbatch)}
for w in which.split(','):
    f,make=mk[w]; B=batches(rng,voc,tr,make,size); VB=batches(rng,voc,va,make,100)
    torch.manual_seed(1); m=f(); t=time.process_time()
    def val(m): 
        r=evaluate(m,VB); m.train(); return {'a':r[0],'l':r[1]}
    h=fit(m,B,loss,steps=steps,optimizer=torch.optim.Adam(m.parameters(),lr=rate),schedule=warmup_then_linear(steps//10,steps),clip=1.0,progress=False,validate=val)
    tt=np.array(h.loss).reshape(10,-1).mean(1).round(2)
    print(w,nparams(m),rate,'%.1fs'%(time.process_time()-t),[round(a,2) for _,a in h.validation['a']],'train loss',tt,flush=True)
