import time; c=time.process_time
src=open('/tmp/w/26/base.py').read()
a=src.index("data=corpus"); b=src.index("def build(")
exec(src[:a]+src[b:])
from torch.utils.flop_counter import FlopCounterMode
import sys; sys.setrecursionlimit(100000)
def longest(out):
    depth={}
    stack=[(out.grad_fn,False)]
    while stack:
        f,done=stack.pop()
        if f in depth: continue
        parents=[g for g,_ in f.next_functions if g is not None]
        if done: depth[f]=1+max([depth[g] for g in parents],default=0)
        else:
            stack.append((f,True)); stack+= [(g,False) for g in parents if g not in depth]
    return depth[out.grad_fn],len(depth)
S,T=158,216
bm=build(48,S,T); tm=tf(S,T,48,4,2,tie=False)
for k in (5,10,20,40):
    s=torch.randint(4,S,(1,k)); t=torch.randint(4,T,(1,k+2))
    r=[]
    for m in (bm,tm):
        t0=c(); 
        with FlopCounterMode(display=False) as f: o=m(s,t)
        r.append((longest(o),f.get_total_flops()/1e6)); 
    print(k,r)
x=tm(s,t); print(x.grad_fn)
from collections import Counter
