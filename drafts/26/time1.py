import time; c=time.process_time
t=c()
import numpy as np, torch
from torch import nn
from dataclasses import replace
from attnutils.data.text import Vocabulary, length_buckets
from attnutils.data.translation import corpus, small_corpus
from attnutils.layers import AdditiveAttention
from attnutils.recurrent import BahdanauDecoder, Encoder, Seq2Seq
from attnutils.transformer import *
from attnutils.transformer import _embedding
from attnutils.training import *
from attnutils.masks import padding_mask
from attnutils.seeding import seed_everything
rng=seed_everything(0)
print('imports',c()-t); t=c()
data=corpus(rng); print('corpus',c()-t); t=c()
english = Vocabulary(pair.source for pair in data.train)
french = Vocabulary(pair.target for pair in data.train)
def batches_of(pairs, size=64):
    lengths = [len(pair.source) for pair in pairs]
    for rows in length_buckets(rng, lengths, size):
        source = english.batch(pairs[i].source for i in rows).ids
        target = [pairs[i].target for i in rows]
        target = french.batch(target, bos=True, eos=True).ids
        yield torch.as_tensor(source), torch.as_tensor(target)
training=list(batches_of(data.train)); validation=list(batches_of(data.validation,250))
print('batches',c()-t, len(training), [tuple(b[0].shape)+tuple(b[1].shape) for b in training[:5]], [tuple(b[0].shape) for b in validation]); t=c()
def build(core_size, sources=20, targets=30, dim=96, embed_dim=32):
    core = AdditiveAttention(dim, dim, core_size) if core_size else None
    encoder = Encoder(sources, dim, embed_dim=embed_dim)
    decoder = BahdanauDecoder(targets, dim, embed_dim=embed_dim, core=core)
    return Seq2Seq(encoder, decoder)
def loss(model, source, target):
    logits = model(source, target[:, :-1])
    return sequence_loss(logits, target[:, 1:], padding=0)
def tf(S,T,dim,heads,layers,tie=True,**ch):
    config=TransformerConfig(dim,heads,layers,**{"positions":"sinusoidal","activation":"relu"}|ch)
    o={"scale":dim**.5}
    e,f=_embedding(S,config,**o),_embedding(T,config,**o)
    head=TiedHead(f.table) if tie else nn.Linear(dim,T,bias=False)
    return EncoderDecoder(e,Stack(config),f,Stack(replace(config,causal=True),cross=True),head)
def loss2(model, source, target):
    lengths=(source!=0).sum(1)
    mask=padding_mask(lengths,source.shape[1])
    logits = model(source, target[:, :-1],source_mask=mask)
    return sequence_loss(logits, target[:, 1:], padding=0)
def loss3(model, source, target):
    logits = model(source, target[:, :-1])
    return sequence_loss(logits, target[:, 1:], padding=0)
n=lambda m: sum(p.numel() for p in m.parameters())
m=build(48,len(english),len(french)); print('bahdanau',n(m))
def timeit(m,loss,opt,k=40):
    fit(m,training[:5],loss,steps=5,optimizer=opt,clip=1.0)
    t=c(); fit(m,training,loss,steps=k,optimizer=opt,clip=1.0); return (c()-t)/k*1000
print('bahd ms',timeit(m,loss,torch.optim.Adam(m.parameters(),1e-2)))
for dim,h,l,ch in [(48,4,2,{}),(64,4,2,{"hidden_dim":128}),(56,4,2,{"hidden_dim":112}),(64,4,2,{}),(40,4,3,{}),(48,4,2,dict(positions="rotary"))]:
    m=tf(len(english),len(french),dim,h,l,**ch)
    print(dim,h,l,ch,n(m),'adam',timeit(m,loss2,torch.optim.Adam(m.parameters(),1e-3)),'nomask',timeit(m,loss3,torch.optim.Adam(m.parameters(),1e-3)),'muon',timeit(m,loss2,muon(m,lr=1e-3)))
t=c(); sm=small_corpus(rng); print('small',c()-t)
