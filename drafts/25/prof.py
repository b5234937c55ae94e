import sys; sys.path.insert(0,'/tmp/w/25')
from try_ import *
for B in (8,16,32):
    for fused in (None,True):
        m=Model(6,True); opt=torch.optim.Adam(m.parameters(),lr=1e-3,fused=fused)
        bs=[draw(B) for _ in range(40)]
        tf=tb=to=0
        for b in bs:
            t0=time.process_time(); l=loss(m,*b); t1=time.process_time(); opt.zero_grad(); l.backward(); t2=time.process_time(); opt.step(); t3=time.process_time()
            tf+=t1-t0; tb+=t2-t1; to+=t3-t2
        print(B,fused,*(f"{1000*x/40:.1f} ms" for x in (tf,tb,to)))
