exec(open('/tmp/w/26/e11.py').read().split("t0=c()")[0])
A=np.arange(len(some)); mk=[p.pronouns[0] for p in some]
noun=np.array([m.antecedent for m in mk]); tn=np.array([min(a for a,b in p.alignment if b==m.antecedent) for p,m in zip(some,mk)])
row_d=np.array([m.target for m in mk]); row_e=np.array([m.source for m in mk])
def hide(rows,cols):
    def e(w):
        w=w.clone(); w[A,:,rows,cols]=0; return w/w.sum(-1,keepdim=True)
    return e
dec={n_:hide(row_d,tn+1) for n_ in names_d} if 0 else {f'decoder.blocks.{b}.attention.layer.core':hide(row_d,tn+1) for b in (0,1)}
enc={f'encoder.blocks.{b}.attention.layer.core':hide(row_e,noun) for b in (0,1)}
crs={f'decoder.blocks.{b}.cross.layer.core':hide(row_d,noun) for b in (0,1)}
crs2={f'decoder.blocks.{b}.cross.layer.core':hide(row_d,row_e) for b in (0,1)}
for nme,m in (('sin',mt),('rel',mr)):
    print(nme,'none',acc(m,some),'dec',acc(m,some,dec),'enc',acc(m,some,enc),'crs',acc(m,some,crs),'cross they',acc(m,some,crs2),'dec+enc',acc(m,some,dec|enc),'all',acc(m,some,dec|enc|crs))
def follows(m):
    out=[]
    from attnutils.data.translation import translate
    sw={True:("dog","dogs"),False:("mouse","mice")}
    for p in some:
        k=p.pronouns[0]; ours=p.target[k.target]; nn=sw[ours.startswith('elle')][ours.endswith('s')]
        s=list(p.source); s[k.antecedent]=nn
        try: o=translate(s).target
        except ValueError: continue
        t=torch.tensor([[french.bos,*french.encode(p.target[:k.target])]])
        with torch.no_grad(): lg=m(torch.tensor([english.encode(s)]),t)[0,-1]
        r=french.encode([o[k.target],ours]); out.append(bool(lg[r[0]]>lg[r[1]]))
    return len(out),np.mean(out)
print('follows source',follows(mt),follows(mb))
