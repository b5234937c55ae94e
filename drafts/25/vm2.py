import sys; sys.path.insert(0,'/tmp/w/25')
from w2 import *
from torch.func import stack_module_state, functional_call, vmap
from attnutils.layers import DotProductAttention
import copy
class Core(DotProductAttention):
    def forward(self,q,k,v,**o): return (q@k.mT*(q.shape[-1]**-.5)).softmax(-1)@v
rng=seed_everything(0)
def many(R,d,steps=30):
    ms=[Wired("pre","af"*d) for _ in range(R)]
    for m in ms:
        for l in m.layers:
            if hasattr(l,'core'): l.core=Core()
    params,_=stack_module_state(ms); base=copy.deepcopy(ms[0]).to('meta')
    opt=torch.optim.Adam(params.values(),lr=1e-3,fused=True)
    f=vmap(lambda p,n,c: functional_call(base,p,(n,c)),in_dims=(0,None,None))
    tf=tb=to=0
    for _ in range(steps):
        n,c,y=draw(rng,C.B); t0=time.process_time()
        out=f(params,n,c); a,b=out.flatten(0,-2).chunk(2,-1); t=y.flatten().repeat(R)
        l=(F.cross_entropy(a,t%3)+F.cross_entropy(b,t//3))*R
        t1=time.process_time(); opt.zero_grad(); l.backward(); t2=time.process_time(); opt.step(); t3=time.process_time()
        tf+=t1-t0; tb+=t2-t1; to+=t3-t2
    print("vmap",R,d,*(f"{1000*x/steps:.1f}" for x in (tf,tb,to)),f"per run-block {1000*(tf+tb+to)/steps/R/d:.2f} ms",flush=True)
for R in (1,6,18): many(R,6)
# hand rolled
d_,h,hid=32,2,64
def init(R,depth):
    p={}
    def lin(n,o,i): p[n+'w']=(torch.rand(R,i,o)*2-1)*(6/(i+o))**.5; p[n+'b']=torch.zeros(R,1,o)
    for k in range(depth):
        for n in 'qkvo': lin(f'{k}{n}',d_,d_)
        lin(f'{k}u',hid,d_); lin(f'{k}d',d_,hid)
        for n in 'mn': p[f'{k}{n}w']=torch.ones(R,1,d_); p[f'{k}{n}b']=torch.zeros(R,1,d_)
    p['name']=torch.randn(R,8,d_); p['color']=torch.randn(R,3,d_); lin('h',6,d_); p['fw']=torch.ones(R,1,d_); p['fb']=torch.zeros(R,1,d_)
    return {k:v.requires_grad_() for k,v in p.items()}
def fwd(p,n,c,depth):
    R=p['name'].shape[0]; B,L=n.shape
    x=(p['name'][:,n]+p['color'][:,c]).flatten(1,2)
    lin=lambda x,n: torch.baddbmm(p[n+'b'],x,p[n+'w'])
    norm=lambda x,n: F.layer_norm(x,(d_,))*p[n+'w']+p[n+'b']
    heads=lambda x: x.view(R,B,L,h,d_//h).transpose(2,3)
    for k in range(depth):
        y=norm(x,f'{k}m')
        q,kk,v=(heads(lin(y,f'{k}{t}')).flatten(0,1) for t in 'qkv')
        o=F.scaled_dot_product_attention(q,kk,v)
        x=x+lin(o.transpose(1,2).reshape(R,B*L,d_),f'{k}o')
        x=x+lin(F.gelu(lin(norm(x,f'{k}n'),f'{k}u')),f'{k}d')
    return lin(norm(x,'f'),'h')
for R in (1,6,18):
    depth=6; p=init(R,depth); opt=torch.optim.Adam(p.values(),lr=1e-3,fused=True); tf=tb=to=0;steps=30
    for _ in range(steps):
        n,c,y=draw(rng,C.B); t0=time.process_time()
        a,b=fwd(p,n,c,depth).flatten(0,1).chunk(2,-1); t=y.flatten().repeat(R)
        l=(F.cross_entropy(a,t%3)+F.cross_entropy(b,t//3))*R
        t1=time.process_time(); opt.zero_grad(); l.backward(); t2=time.process_time(); opt.step(); t3=time.process_time()
        tf+=t1-t0; tb+=t2-t1; to+=t3-t2
    print("hand",R,*(f"{1000*x/steps:.1f}" for x in (tf,tb,to)),f"per run-block {1000*(tf+tb+to)/steps/R/6:.2f} ms",flush=True)
