import sys; sys.path.insert(0,'/tmp/w/25')
from try_ import *
from attnutils.layers import MultiHeadAttention, FeedForward
x=torch.randn(16,12,32)
def tm(name,f,k=300):
    for _ in range(20): f()
    t=time.process_time()
    for _ in range(k): f()
    print(f"{name:20} {1e6*(time.process_time()-t)/k:.0f} us",flush=True)
mha=MultiHeadAttention(32,2); ff=FeedForward(32); ln=nn.LayerNorm(32); lin=nn.Linear(32,32)
q=torch.randn(16,2,12,16,requires_grad=True)
tm("mha",lambda: mha(x)); tm("mha fb",lambda: mha(x).sum().backward())
tm("ff",lambda: ff(x)); tm("ff fb",lambda: ff(x).sum().backward())
tm("ln",lambda: ln(x)); tm("ln fb",lambda: ln(x).sum().backward())
tm("lin",lambda: lin(x)); tm("lin fb",lambda: lin(x).sum().backward())
tm("sdpa",lambda: F.scaled_dot_product_attention(q,q,q)); tm("sdpa fb",lambda: F.scaled_dot_product_attention(q,q,q).sum().backward())
def man(q): return ((q@q.mT)*0.25).softmax(-1)@q
tm("manual",lambda: man(q)); tm("manual fb",lambda: man(q).sum().backward())
g=torch.randn(192,128,requires_grad=True)
tm("gelu fb",lambda: F.gelu(g).sum().backward()); tm("gelu",lambda: F.gelu(g)); tm("relu fb",lambda: F.relu(g).sum().backward())
