exec(open('/tmp/w/26/e4.py').read().split("for rate in")[0])
def tied2(hs,init=None):
    m=tf(S,T,32,4,1); m.head.scale=hs; return m
ev('tied head scale d^-.5',lambda: tied2(32**-.5),1e-2,200)
ev('tied head scale d^-.5',lambda: tied2(32**-.5),2e-2,200)
for m_ in (tf(S,T,32,4,1),tied2(32**-.5),tf(S,T,32,4,1,tie=False)):
    s,t=training[0]; lg=m_(s,t[:,:-1]); p=lg.softmax(-1).gather(-1,t[:,:-1,None])[:,1:].mean(); print('init loss',vloss(m_),'p of word read',p.item())
ev('bahd44',lambda: build(22,S,T,dim=44,embed_dim=16),1e-2,600)
ev('untied',lambda: tf(S,T,32,4,1,tie=False),1e-2,600)
ev('untied drop',lambda: tf(S,T,32,4,1,tie=False,dropout=.1),1e-2,600)
