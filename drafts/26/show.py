import json,sys
nb=json.load(open('/work/main/notebooks/5_transformer/26_encoder_decoder.ipynb'))
print(nb['metadata'].get('attnutils'))
for i,c in enumerate(nb['cells']):
    if c['cell_type']!='code': continue
    out=''
    for o in c['outputs']:
        if 'text' in o: out+=''.join(o['text'])
        elif 'data' in o and 'image/svg+xml' in o['data']: out+='<fig>\n'
        elif 'data' in o: out+=''.join(o['data'].get('text/plain',''))+'\n'
    if out: print(f'--[{i}]',out.rstrip())
