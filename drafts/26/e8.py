exec(open('/tmp/w/26/lib.py').read().replace("S,T=len(eng","exec(open('/tmp/w/26/rep.py').read())\nS,T=len(eng",1))
for p in ('rotary','relative','alibi'):
    torch.manual_seed(0)
    m=tf(S,T,48,4,2,tie=False,positions=p); h=train(m,1e-2,1000,every=100); rep('untied-'+p,m,h)
