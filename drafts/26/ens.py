import time; c=time.process_time
exec(open('/tmp/w/26/base.py').read().replace("data=corpus(rng)","data=small_corpus(rng)"))
from torch.func import stack_module_state, functional_call, vmap
S,T=len(english),len(french)
def step_time(dim,layers,k,drop=0.0):
    ms=[tf(S,T,dim,4,layers,dropout=drop) for _ in range(k)]
    params,_=stack_module_state(ms)
    base=ms[0]
    def f(p,s,t): return functional_call(base,p,(s,t))
    g=vmap(f,(0,None,None),randomness='different')
    params={k_:v.detach().requires_grad_() for k_,v in params.items()}
    opt=torch.optim.Adam(list(params.values()),1e-2)
    def one(s,t):
        lg=g(params,s,t[:,:-1])
        l=sum(sequence_loss(x,t[:,1:],padding=0) for x in lg)
        opt.zero_grad(set_to_none=True); l.backward(); opt.step()
    for b in training[:3]: one(*b)
    t0=c()
    for b in training[3:23]: one(*b)
    return (c()-t0)/20*1000
for dim,layers in [(32,1),(32,2),(48,2)]:
    for k in (1,4,8):
        print(dim,layers,k,'%.1f'%step_time(dim,layers,k),flush=True)
print('drop',step_time(32,2,4,.1))
