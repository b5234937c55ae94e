import time, sys, numpy as np, torch
from torch import nn
import torch.nn.functional as F
from attnutils.data.reviews import documents
from attnutils.data.text import Vocabulary
from attnutils.layers import AdditiveAttention, DotProductAttention
from attnutils.masks import padding_mask
from attnutils.recurrent import AttentionPooling, Encoder, mean_pool, max_pool
from attnutils.seeding import seed_everything
from attnutils.training import fit, warmup_then_linear
from attnutils.capture import record_attention
torch.set_num_threads(1)

class Max(nn.Module):
    def forward(self,x,mask=None): return max_pool(x,mask=mask)
class Mean(nn.Module):
    def forward(self,x,mask=None): return mean_pool(x,mask=mask)
def pool(kind,dim,hid):
    return {'att':lambda:AttentionPooling(dim,core=AdditiveAttention(dim,dim,hid)),'dot':lambda:AttentionPooling(dim),'max':Max,'mean':Mean}[kind]()

class Hier(nn.Module):
    def __init__(s,V,dim,emb,hid,wp='att',sp='att',sent=True,classes=2):
        super().__init__()
        s.words=Encoder(V,dim,embed_dim=emb); s.word_pool=pool(wp,dim,hid)
        s.sents=Encoder(None,dim,embed_dim=dim) if sent else None
        s.sent_pool=pool(sp,dim,hid); s.head=nn.Linear(dim,classes)
    def forward(s,ids,lengths):
        real=lengths>0; n=lengths[real]; L=int(n.max())
        h,_=s.words(ids[real][:,:L],n)
        v=s.word_pool(h,mask=padding_mask(n,L)[:,0,0])
        d=v.new_zeros(*real.shape,v.shape[-1]); d[real]=v
        if s.sents is not None: d,_=s.sents(d,real.sum(1))
        return s.head(s.sent_pool(d,mask=real))
class Flat(nn.Module):
    def __init__(s,V,dim,emb,hid,p='att',classes=2):
        super().__init__()
        s.words=Encoder(V,dim,embed_dim=emb); s.pool=pool(p,dim,hid); s.head=nn.Linear(dim,classes)
    def forward(s,ids,lengths):
        h,_=s.words(ids,lengths)
        return s.head(s.pool(h,mask=padding_mask(lengths,ids.shape[1])[:,0,0]))
def nparams(m): return sum(p.numel() for p in m.parameters())
def hbatch(voc,docs):
    S=max(len(d.sentences) for d in docs); W=max(len(z) for d in docs for z in d.sentences)
    ids=np.zeros((len(docs),S,W),int); n=np.zeros((len(docs),S),int)
    for i,d in enumerate(docs):
        for j,z in enumerate(d.sentences):
            ids[i,j,:len(z)]=voc.encode(z); n[i,j]=len(z)
    return torch.as_tensor(ids),torch.as_tensor(n),torch.tensor([d.label for d in docs])
def fbatch(voc,docs):
    b=voc.batch([w for z in d.sentences for w in z] for d in docs)
    return torch.as_tensor(b.ids),torch.as_tensor(b.lengths),torch.tensor([d.label for d in docs])
def batches(rng,voc,docs,make,size=32,key=None):
    n=[(key or (lambda d:sum(map(len,d.sentences))))(d) for d in docs]
    # sort by noisy length, cut, shuffle
    order=np.argsort(np.array(n)+rng.normal(size=len(docs))*3)
    cut=[order[i:i+size] for i in range(0,len(docs),size)]
    return [make(voc,[docs[i] for i in cut[j]]) for j in rng.permutation(len(cut))]
def loss(m,ids,n,y): return F.cross_entropy(m(ids,n),y)
@torch.no_grad()
def evaluate(m,bs):
    m.eval(); c=t=0; l=0.
    for ids,n,y in bs:
        o=m(ids,n); c+=(o.argmax(-1)==y).sum().item(); l+=F.cross_entropy(o,y,reduction='sum').item(); t+=len(y)
    return c/t,l/t
def train(m,bs,rate,steps,clip=1.0):
    t=time.process_time()
    fit(m,bs,loss,steps=steps,optimizer=torch.optim.Adam(m.parameters(),lr=rate),schedule=warmup_then_linear(steps//10,steps),clip=clip,progress=False)
    return time.process_time()-t
