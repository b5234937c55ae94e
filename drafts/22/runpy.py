import re,time
src=open('/tmp/w/22/try.py').read()
cells=re.split(r'^# %%.*$',src,flags=re.M)
import matplotlib; matplotlib.use('agg')
g={}; t0=time.process_time()
for c in cells:
    code="\n".join(l for l in c.splitlines() if not l.startswith('#') or '@title' in l)
    if not code.strip(): continue
    t=time.process_time()
    try: exec(compile(code,'cell','exec'),g)
    except BaseException as e:
        import traceback; traceback.print_exc(); print("IN CELL:",code[:300]); 
        if not isinstance(e,AssertionError): break
    dt=time.process_time()-t
    if dt>.5: print(f"   [{dt:.1f}s] {code.strip().splitlines()[0][:50]}",flush=True)
print("total",time.process_time()-t0)
