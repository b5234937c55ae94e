import re
src=open('/tmp/w/22/try.py').read()
cells=re.split(r'^# %%.*$',src,flags=re.M); g={}
want=["import time","class MySelfAttention","def with_weights","n = symbols = 12","def batches_of","def one_projection","class BothWays","def best_of","def places_right"]
for c in cells:
    code="\n".join(l for l in c.splitlines() if not l.startswith('#'))
    if code.strip().startswith("import time") or any(code.strip().startswith(w) for w in want[1:3]+want[3:4]+want[6:7]):
        exec(code.split("\n\n\nours")[0],g)
    elif "def batches_of" in code: exec(code.split("training =")[0]+"\ntraining={t:batches_of(t) for t in ('previous','reverse')}",g)
    elif "def judge" in code: exec(code.split("for task in tasks")[0],g)
    elif "def one_projection" in code: exec(code.split("shared =")[0],g)
exec('''
import torch,numpy as np,time
l=trained(one_projection(),training["previous"],3e-2)
x=encode(np.array([[0]*12])); w=l.query.weight.T.detach()
g=w[12:]; print("norms",g.norm(dim=-1).numpy().round(2)); 
S=(g@g.T)/12**.5/np.log(2); print("bits to previous",[round(S[i,i-1].item(),1) for i in range(1,12)],"diag",[round(S[i,i].item(),1) for i in range(12)])
src,t,p=map(torch.as_tensor,previous(rng,500,12,12)); print((l(encode(src)).argmax(-1)==t).float().mean(0), judge(l,"previous"))
test=batches_of("reverse",1,1000)[0]
for d,r in ((4,1.),(32,.1),(32,.3),(24,.1),(24,.03),(24,.3)):
    t=time.process_time(); m=trained(BothWays(d),training["reverse"],r); t=time.process_time()-t
    print(d,r,(m(test[0]).argmax(-1)==test[1]).float().mean().item(),round(t,1))
''',g)
