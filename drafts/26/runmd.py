import re,sys,time,ast,os
import matplotlib; matplotlib.use('Agg')
s=open('/tmp/w/26/part1.md').read()+open('/tmp/w/26/part2.md').read()
cells=re.findall(r'```\{code-cell\}\n(.*?)```\n',s,re.S)
ns={'__name__':'__main__'}
tot=time.process_time()
import linecache
for i,c in enumerate(cells):
    c=re.sub(r'^---\n.*?\n---\n','',c,flags=re.S); c=re.sub(r'^:tags:.*\n','',c)
    t=time.process_time()
    name=f'<cell{i}>'; linecache.cache[name]=(len(c),None,c.splitlines(True),name)
    try: exec(compile(c,name,'exec'),ns)
    except AssertionError as e: print('ASSERT',e)
    d=time.process_time()-t
    if d>.5: print(f'   [{i}: {d:.1f} s] {c.strip().splitlines()[0][:50]}',flush=True)
print('TOTAL',time.process_time()-tot)
