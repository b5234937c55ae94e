from lib import *
rng=seed_everything(int(sys.argv[9]) if len(sys.argv)>9 else 0)
which,rates,steps,hi,size,N,dim,fd=sys.argv[1],sys.argv[2],*map(int,sys.argv[3:9])
def docs(n,lo,hi):
    d=[x for x in documents(rng,2*n,least=lo,most=hi) if ',' not in x.sentences[x.target]]
    return d[:n]
tr=docs(N,1,hi); va=docs(300,1,hi); T=[docs(200,a,b) for a,b in((1,hi),(hi+1,2*hi),(2*hi+1,4*hi))]
voc=Vocabulary(z for d in tr for z in d.sentences); V=len(voc)
e=24
mk={'hatt':(lambda:Hier(V,dim,e,dim),hbatch),'hmax':(lambda:Hier(V,dim,e,dim,sp='max'),hbatch),'hmean':(lambda:Hier(V,dim,e,dim,sp='mean'),hbatch),
'hmm':(lambda:Hier(V,dim,e,dim,wp='max',sp='max'),hbatch),'hns':(lambda:Hier(V,dim,e,dim,sent=False),hbatch),
'hdot':(lambda:Hier(V,dim,e,dim,'dot','dot'),hbatch),
'fatt':(lambda:Flat(V,fd,e,dim),fbatch),'fmax':(lambda:Flat(V,fd,e,dim,'max'),fbatch),'fmean':(lambda:Flat(V,fd,e,dim,'mean'),fbatch),'fdot':(lambda:Flat(V,fd,e,dim,'dot'),fbatch)}
def curriculum(make):
    order=sorted(range(len(tr)),key=lambda i:len(tr[i].sentences))
    first=[make(voc,[tr[i] for i in order[j:j+size]]) for j in range(0,len(tr),size)]
    return first
for w in which.split(','):
  f,make=mk[w]; C=curriculum(make)
  VB=batches(rng,voc,va,make,100); TB=[batches(rng,voc,d,make,50) for d in T]
  for rate in map(float,rates.split(',')):
    torch.manual_seed(1); m=f(); t=time.process_time()
    def val(m): 
        r=evaluate(m,VB); m.train(); return {'a':r[0],'l':r[1]}
    B=C+[C[j] for _ in range(10) for j in rng.permutation(len(C))]
    h=fit(m,B,loss,steps=steps,optimizer=torch.optim.Adam(m.parameters(),lr=rate),schedule=warmup_then_linear(steps//10,steps),clip=1.0,progress=False,validate=val)
    tt=np.array(h.loss).reshape(10,-1).mean(1).round(2)
    print(w,nparams(m),rate,'%.1fs'%(time.process_time()-t),[round(a,2) for _,a in h.validation['a']],'train loss',tt,[round(evaluate(m,b)[0],3) for b in TB],flush=True)
