import json
nb=json.load(open('/work/main/notebooks/5_transformer/25_block.ipynb'))
for i,c in enumerate(nb['cells']):
    if c['cell_type']!='code': continue
    t=''
    for o in c['outputs']:
        if 'text' in o: t+=''.join(o['text'])
        elif 'data' in o:
            t+=''.join(o['data'].get('text/plain',''))+'\n'
        else: t+=str(o)[:300]
    if t.strip(): print('---',i,''.join(c['source'])[:50].replace('\n','|')); print(t)
