from lib import *
import lib
rng=seed_everything(0)
which,rate,steps,lo,hi,size,N=sys.argv[1],float(sys.argv[2]),*map(int,sys.argv[3:8])
tr=documents(rng,N,least=lo,most=hi); va=documents(rng,300,least=lo,most=hi)
voc=Vocabulary(z for d in tr for z in d.sentences); V=len(voc)
mk={'hatt':(lambda:Hier(V,48,32,32),hbatch),'hmax':(lambda:Hier(V,48,32,32,sp='max'),hbatch),
'hmm':(lambda:Hier(V,48,32,32,wp='max',sp='max'),hbatch),'hns':(lambda:Hier(V,48,32,32,sent=False),hbatch),
'hdot':(lambda:Hier(V,48,32,32,'dot','dot'),hbatch),
'fatt':(lambda:Flat(V,80,32,32),fbatch),'fmax':(lambda:Flat(V,80,32,32,'max'),fbatch)}
for w in which.split(','):
    f,make=mk[w]; B=batches(rng,voc,tr,make,size); VB=batches(rng,voc,va,make,100)
    torch.manual_seed(1); m=f(); t=time.process_time()
    def val(m): 
        r=evaluate(m,VB); m.train(); return {'a':r[0],'l':r[1]}
    h=fit(m,B,loss,steps=steps,optimizer=torch.optim.Adam(m.parameters(),lr=rate),schedule=warmup_then_linear(steps//10,steps),clip=1.0,progress=False,validate=val)
    tt=np.array(h.loss).reshape(10,-1).mean(1).round(2)
    print(w,rate,'%.1fs'%(time.process_time()-t),[round(a,2) for _,a in h.validation['a']],'train loss',tt,flush=True)
