from lib import *
rng=seed_everything(0)
steps=int(sys.argv[1])
tr=documents(rng,3000,least=2,most=8); va=documents(rng,300,least=2,most=8)
tests={(a,b):documents(rng,300,least=a,most=b) for a,b in((2,4),(5,8),(9,16),(17,32))}
voc=Vocabulary(z for d in tr for z in d.sentences)
V=len(voc)
mk={'hier att':(lambda:Hier(V,48,32,32),hbatch),'hier max':(lambda:Hier(V,48,32,32,sp='max'),hbatch),'hier mean':(lambda:Hier(V,48,32,32,sp='mean'),hbatch),
'flat att':(lambda:Flat(V,80,32,32),fbatch),'flat max':(lambda:Flat(V,80,32,32,'max'),fbatch)}
for name in (sys.argv[3].split(',') if len(sys.argv)>3 else mk):
    f,make=mk[name]
    B=batches(rng,voc,tr,make); VB=batches(rng,voc,va,make,100)
    T={k:batches(rng,voc,d,make,50) for k,d in tests.items()}
    for rate in map(float,sys.argv[2].split(',')):
        torch.manual_seed(1); m=f(); sec=train(m,B,rate,steps)
        print(name,nparams(m),rate,'sec %.1f'%sec,'val %.3f %.3f'%evaluate(m,VB),*('%s %.3f'%(k,evaluate(m,b)[0]) for k,b in T.items()),flush=True)
