from lib import *
seed=int(sys.argv[4]); rng=seed_everything(0); hi,size,dim,e=4,64,48,24
N=int(sys.argv[1]); rate=float(sys.argv[2]); which=sys.argv[3]
def docs(n,lo,hi):
    d=[x for x in documents(rng,2*n,least=lo,most=hi) if ',' not in x.sentences[x.target]]
    return d[:n]
class Split(nn.Module):
    def __init__(s,V,dim,emb,hid):
        super().__init__(); s.words=Encoder(V,dim,embed_dim=emb); s.pool=pool('dot',dim,hid); s.head=nn.Linear(dim,2)
    def forward(s,ids,lengths):
        real=lengths>0; n=lengths[real]; L=int(n.max())
        h,_=s.words(ids[real][:,:L],n)
        d=h.new_zeros(*ids.shape[:2],L,h.shape[-1]); d[real]=h
        m=(torch.arange(L)<lengths[...,None])
        return s.head(s.pool(d.flatten(1,2),mask=m.flatten(1)))
tr=docs(N,1,hi); va=docs(300,1,hi); bins=((2,4),(5,8),(9,16),(17,32)); T=[docs(200,a,b) for a,b in bins]
voc=Vocabulary(z for d in tr for z in d.sentences); V=len(voc)
class PaperCore(AdditiveAttention):
    def __init__(s,*a):
        super().__init__(*a); nn.init.normal_(s.v)
import lib
_p=lib.pool
def pool(kind,dim,hid):
    if kind=='paper': return AttentionPooling(dim,core=PaperCore(dim,dim,hid))
    return _p(kind,dim,hid)
lib.pool=pool
mk={'hdm':(lambda:Hier(V,dim,e,dim,'dot','max'),hbatch),'hda':(lambda:Hier(V,dim,e,dim,'dot','mean'),hbatch),'fpaper':(lambda:Flat(V,84,e,dim,'paper'),fbatch),'fdot':(lambda:Flat(V,90,e,dim,'dot'),fbatch),'hpaper':(lambda:Hier(V,dim,e,dim,'paper','paper'),hbatch),'hdot':(lambda:Hier(V,dim,e,dim,'dot','dot'),hbatch),'hatt':(lambda:Hier(V,dim,e,dim),hbatch),'hmm':(lambda:Hier(V,dim,e,dim,wp='max',sp='max'),hbatch),'hmeanmean':(lambda:Hier(V,dim,e,dim,wp='mean',sp='mean'),hbatch),'hmean':(lambda:Hier(V,dim,e,dim,sp='mean'),hbatch),'hmax':(lambda:Hier(V,dim,e,dim,sp='max'),hbatch),
'hns':(lambda:Hier(V,68,e,dim,sent=False),hbatch),'split':(lambda:Split(V,84,e,dim),hbatch),
'fatt':(lambda:Flat(V,84,e,dim),fbatch)}
def cut(docs,make,size):
    order=sorted(range(len(docs)),key=lambda i:(len(docs[i].sentences),sum(map(len,docs[i].sentences))))
    return [(make(voc,[docs[i] for i in order[j:j+size]]),[docs[i] for i in order[j:j+size]]) for j in range(0,len(docs),size)]
for w in which.split(','):
  f,make=mk[w]
  order=sorted(range(len(tr)),key=lambda i:(len(tr[i].sentences),sum(map(len,tr[i].sentences))))
  groups=[order[j:j+size] for j in range(0,len(tr),size)]
  groups.sort(key=lambda g:(len(tr[g[0]].sentences),rng.random()))
  C=[make(voc,[tr[i] for i in g]) for g in groups]
  VB=[b for b,_ in cut(va,make,100)]; TB=[cut(d,make,50) for d in T]
  torch.manual_seed(seed); m=f(); t=time.process_time(); steps=len(C)
  h=fit(m,C,loss,steps=steps,optimizer=torch.optim.Adam(m.parameters(),lr=rate),schedule=warmup_then_linear(steps//10,steps),clip=1.0,progress=False)
  t=time.process_time()-t; m.eval()
  tt=[x.mean().round(2) for x in np.array_split(np.array(h.loss),10)]
  print(w,nparams(m),rate,'%.1fs'%t,'loss',*tt,'val %.3f %.3f'%evaluate(m,VB),[round(evaluate(m,[b for b,_ in bb])[0],3) for bb in TB],flush=True)
  # hits
  hits=[];wt=[]; lift=[]
  for bb in TB:
    k=[];g=[]
    for (ids,n,y),ds in bb:
      with torch.no_grad():
        if w in('hatt','hns','hpaper','hdot'):
          with record_attention(m) as r: m(ids,n)
          s=r['sent_pool.core'][:,0,0]
        elif w in('fatt','split','fpaper','fdot'):
          with record_attention(m) as r: m(ids,n)
          a=r['pool.core'][:,0,0]
          s=torch.zeros(len(ds),max(len(d.sentences) for d in ds))
          for i,d in enumerate(ds):
            if w[0]=='f':
              o=0
              for j,z in enumerate(d.sentences): s[i,j]=a[i,o:o+len(z)].sum(); o+=len(z)
            else:
              L=a.shape[1]//ids.shape[1]; s[i]=a[i].view(ids.shape[1],L).sum(1)
        else: continue
      tgt=torch.tensor([d.target for d in ds]); k+=(s.argmax(1)==tgt).tolist(); g+=s[range(len(ds)),tgt].tolist()
    if k: hits.append(round(np.mean(k),3)); wt.append(round(np.mean(g),3))
  if hits: print('   hit',hits,'weight',wt)
  if w in('hatt','hns','hpaper','hdot'):
    ids,n,y=TB[1][0][0]; ds=TB[1][0][1]
    with record_attention(m) as r, torch.no_grad(): m(ids[:3],n[:3])
    S=r['sent_pool.core'][:,0,0]; W=r['word_pool.core'][:,0,0]; o=0
    for i in range(0):
      for j,z in enumerate(ds[i].sentences):
        print('*' if j==ds[i].target else ' ','%.2f'%S[i,j],' '.join(f'{x}({v:.2f})' for x,v in zip(z,W[o]))); o+=1
      print()
