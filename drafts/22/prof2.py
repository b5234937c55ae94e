import re,time,torch,cProfile,pstats
src=open('/tmp/w/22/try.py').read()
cells=re.split(r'^# %%.*$',src,flags=re.M); g={}
for c in cells:
    code="\n".join(l for l in c.splitlines() if not l.startswith('#'))
    k=code.strip()
    if k.startswith("import time") or k.startswith("class MySelf") or k.startswith("class PreviousWord") or k.startswith("class Recurrent"): exec(code,g)
    elif k.startswith("nouns ="): exec(code,g)
    elif k.startswith("length = "): exec(code,g)
    elif k.startswith("examples ="): exec(code,g)
    elif "def agreement_loss" in code: exec(code.split("kept =")[0],g)
exec('''
def trained(model,batches,rate,loss,steps=300,clip=1.0,fused=False):
    optimizer = torch.optim.Adam(model.parameters(), lr=rate,fused=fused)
    options = {"schedule": warmup_then_linear(steps // 10, steps), "clip": clip}
    fit(model, batches, loss, steps=steps, optimizer=optimizer, **options)
    return model
for name,(b,r) in contestants.items():
  for clip,fused in ((1.0,False),(None,False),(1.0,True),(None,True)):
    t=time.process_time(); m=trained(b(),agreement_batches,r[1],agreement_loss,steps=150,clip=clip,fused=fused); t=time.process_time()-t
    print(name,clip,fused,round(t/150*1e3,2),"ms",share_right(m,*agreement_validation),flush=True)
''',g)
exec('''
import cProfile,pstats
p=cProfile.Profile(); p.enable(); trained(contestants["two layers"][0](),agreement_batches,5e-3,agreement_loss,steps=100); p.disable()
pstats.Stats(p).sort_stats("tottime").print_stats(14)
''',g)
