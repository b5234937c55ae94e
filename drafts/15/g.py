from lib import *
from attnutils.data.text import docstrings, split_words
from sklearn.linear_model import LogisticRegression
from sklearn.feature_extraction.text import CountVectorizer
from collections import namedtuple
D=namedtuple('D','sentences label module')
t=time.process_time()
pk=sys.argv[1].split(','); steps=int(sys.argv[2]); rates=[float(x) for x in sys.argv[3].split(',')]; which=sys.argv[4].split(',')
rng=seed_everything(int(sys.argv[5]) if len(sys.argv)>5 else 0)
allds=[]
for lab,p in enumerate(pk):
    for x in docstrings([p],strip_names=True):
        s=tuple(tuple(split_words(l)[:16]) for l in x.text.splitlines())
        s=tuple(z for z in s if any(w.isalpha() for w in z))
        if len(s)>=4: allds.append(D(s,lab,x.module))
print('parse',time.process_time()-t,len(allds),np.bincount([d.label for d in allds]),np.percentile([len(d.sentences) for d in allds],[10,25,50,75,90]), np.mean([len(z) for d in allds for z in d.sentences]))
mods=sorted({d.module for d in allds}); mods=[mods[i] for i in rng.permutation(len(mods))]
a,b=int(.6*len(mods)),int(.8*len(mods)); part={m:('tr' if i<a else 'va' if i<b else 'te') for i,m in enumerate(mods)}
P={k:[d for d in allds if part[d.module]==k] for k in('tr','va','te')}
print({k:(len(v),np.mean([d.label for d in v]).round(3)) for k,v in P.items()})
def first(ds,n): return [d._replace(sentences=d.sentences[:n]) for d in ds]
R=8; tr,va=first(P['tr'],R),first(P['va'],R); T={n:first(P['te'],n) for n in(2,4,8,16,32)}
voc=Vocabulary((z for d in tr for z in d.sentences),least=2); V=len(voc); print('V',V)
t=time.process_time()
def txt(ds): return [' \n '.join(' '.join(z) for z in d.sentences) for d in ds]
best=None
for n in(1,2,3):
    cv=CountVectorizer(token_pattern=r'\S+',ngram_range=(1,n),binary=True,min_df=2); X=cv.fit_transform(txt(tr)); Xv=cv.transform(txt(va))
    for C in(.03,.3,3):
        m=LogisticRegression(C=C,max_iter=300).fit(X,[d.label for d in tr]); s=m.score(Xv,[d.label for d in va])
        if best is None or s>best[0]: best=(s,n,C,cv,m)
print('LR',best[:3],{n:round(best[4].score(best[3].transform(txt(ds)),[d.label for d in ds]),3) for n,ds in T.items()},'%.1fs'%(time.process_time()-t))
dim,e=48,24
mk={'hdot':(lambda:Hier(V,dim,e,dim,'dot','dot'),hbatch),'hdm':(lambda:Hier(V,dim,e,dim,'dot','max'),hbatch),'hmm':(lambda:Hier(V,dim,e,dim,'max','max'),hbatch),'fdot':(lambda:Flat(V,90,e,dim,'dot'),fbatch)}
def cut(docs,make,size):
    order=sorted(range(len(docs)),key=lambda i:(len(docs[i].sentences),sum(map(len,docs[i].sentences))))
    return [make(voc,[docs[i] for i in order[j:j+size]]) for j in range(0,len(docs),size)]
for w in which:
    f,make=mk[w]; C=cut(tr,make,32); VB=cut(va,make,100); TB={n:cut(d,make,100) for n,d in T.items()}
    for r in rates:
        B=[C[j] for _ in range(9) for j in rng.permutation(len(C))]
        m=f(); s=train(m,B,r,steps)
        print(w,nparams(m),r,'%.1fs'%s,'val %.3f %.3f'%evaluate(m,VB),{n:round(evaluate(m,b)[0],3) for n,b in TB.items()},flush=True)
