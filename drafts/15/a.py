import time, numpy as np
from attnutils.data.reviews import documents
from attnutils.data.text import docstrings, split_words
rng=np.random.default_rng(0)
t=time.time(); d=documents(rng,3000,least=2,most=8); print('docs',time.time()-t)
w=[sum(map(len,x.sentences)) for x in d]; s=[len(x.sentences) for x in d]; print(np.mean(w),max(w),np.mean(s),np.mean(w)/np.mean(s))
sl=[len(z) for x in d for z in x.sentences]; print(np.percentile(sl,[0,25,50,75,90,99,100]))
print(len({w for x in d for z in x.sentences for w in z}))
for x in d[:4]: print(x); print()
for p in ['numpy','matplotlib','sklearn','torch','tqdm','scipy','sacrebleu','transformers']:
    t=time.time()
    try:
        ds=docstrings([p],strip_names=True)
        n=[len(split_words(z.text)) for z in ds]
        print(p,len(ds),len({z.module for z in ds}),np.percentile(n,[10,50,90,99]),round(time.time()-t,2))
    except Exception as e: print(p,e)
