from lib import *
seed=int(sys.argv[7]) if len(sys.argv)>7 else 0
rng=seed_everything(0); 
which,rates,hi,size,N,dim=sys.argv[1],sys.argv[2],*map(int,sys.argv[3:7]); e=24
def docs(n,lo,hi):
    d=[x for x in documents(rng,2*n,least=lo,most=hi) if ',' not in x.sentences[x.target]]
    return d[:n]
tr=docs(N,1,hi); va=docs(300,1,hi); T=[docs(200,a,b) for a,b in((1,hi),(hi+1,2*hi),(2*hi+1,4*hi),(4*hi+1,8*hi))]
voc=Vocabulary(z for d in tr for z in d.sentences); V=len(voc)
fd={32:56,48:84,64:112}[dim]
mk={'hatt':(lambda:Hier(V,dim,e,dim),hbatch),'hmax':(lambda:Hier(V,dim,e,dim,sp='max'),hbatch),'hmean':(lambda:Hier(V,dim,e,dim,sp='mean'),hbatch),
'hmm':(lambda:Hier(V,dim,e,dim,wp='max',sp='max'),hbatch),'hmeanmean':(lambda:Hier(V,dim,e,dim,wp='mean',sp='mean'),hbatch),'hns':(lambda:Hier(V,dim,e,dim,sent=False),hbatch),
'hdot':(lambda:Hier(V,dim,e,dim,'dot','dot'),hbatch),
'fatt':(lambda:Flat(V,fd,e,dim),fbatch),'fmax':(lambda:Flat(V,fd,e,dim,'max'),fbatch),'fmean':(lambda:Flat(V,fd,e,dim,'mean'),fbatch),'fdot':(lambda:Flat(V,fd,e,dim,'dot'),fbatch)}
def cut(docs,make,size):
    order=sorted(range(len(docs)),key=lambda i:(len(docs[i].sentences),sum(map(len,docs[i].sentences))))
    return [make(voc,[docs[i] for i in order[j:j+size]]) for j in range(0,len(docs),size)]
def inner(bs):  # shuffled within number of sentences
    out=[]
    by={}
    for b in bs: by.setdefault(int((b[1]>0).sum(1).max()) if b[1].ndim==2 else 0,[]).append(b)
    return bs
for w in which.split(','):
  f,make=mk[w]
  # docs sorted by count, then batches shuffled among those of same count (by word length buckets)
  order=sorted(range(len(tr)),key=lambda i:(len(tr[i].sentences),sum(map(len,tr[i].sentences))))
  groups=[order[j:j+size] for j in range(0,len(tr),size)]
  groups.sort(key=lambda g:(len(tr[g[0]].sentences),rng.random()))
  C=[make(voc,[tr[i] for i in g]) for g in groups]
  VB=cut(va,make,100); TB=[cut(d,make,50) for d in T]
  for rate in map(float,rates.split(',')):
    torch.manual_seed(seed); m=f(); t=time.process_time(); steps=len(C)
    h=fit(m,C,loss,steps=steps,optimizer=torch.optim.Adam(m.parameters(),lr=rate),schedule=warmup_then_linear(steps//10,steps),clip=1.0,progress=False)
    t=time.process_time()-t
    tt=[x.mean().round(2) for x in np.array_split(np.array(h.loss),10)]
    print(w,nparams(m),rate,'%.1fs'%t,'loss',*tt,'val %.3f %.3f'%evaluate(m,VB),[round(evaluate(m,b)[0],3) for b in TB],flush=True)
