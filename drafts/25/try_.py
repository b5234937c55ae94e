import sys, time, numpy as np, torch
from torch import nn
import torch.nn.functional as F
from attnutils.seeding import seed_everything
from attnutils.transformer import Stack, TransformerConfig
from attnutils.training import fit, warmup_then_linear
rng = seed_everything(int(sys.argv[1]) if len(sys.argv)>1 else 0)
NAMES, COLORS, N = 16, 4, 12
def draw(batch):
    order = np.argsort(rng.random((batch, NAMES)),1)[:, :N//2]
    names = np.concatenate([order, order],1)
    colors = rng.integers(COLORS,size=(batch,N))
    target = (colors + np.roll(colors, N//2, 1)) % COLORS
    perm = np.argsort(rng.random((batch,N)),1)
    t = lambda a: torch.as_tensor(np.take_along_axis(a,perm,1))
    return t(names), t(colors), t(target)
class Model(nn.Module):
    def __init__(s, depth, norm_first, dim=32, heads=2):
        super().__init__()
        s.name = nn.Embedding(NAMES, dim); s.color = nn.Embedding(COLORS, dim)
        s.stack = Stack(TransformerConfig(dim=dim, num_heads=heads, num_layers=depth, norm_first=norm_first, positions="none"))
        s.head = nn.Linear(dim, COLORS)
        for m in s.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_normal_(m.weight); nn.init.zeros_(m.bias)
    def forward(s, n, c): return s.head(s.stack(s.name(n)+s.color(c)))
def loss(m, n, c, t): return F.cross_entropy(m(n,c).flatten(0,1), t.flatten())
def run(depth, first, lr, warm, steps=300, batch=32):
    bs=[draw(batch) for _ in range(steps)]
    m=Model(depth, first)
    opt=torch.optim.Adam(m.parameters(), lr=lr)
    t=time.process_time()
    h=fit(m,bs,loss,steps=steps,optimizer=opt,schedule=(lambda s: min(1,(s+1)/warm)) if warm else None)
    t=time.process_time()-t
    with torch.no_grad():
        n,c,y=draw(250); acc=(m(n,c).argmax(-1)==y).float().mean().item()
    return acc,h.loss,t
if __name__=="__main__":
    for depth in (2,6):
        for first in (True,False):
            for lr in (1e-3,3e-3,1e-2):
                a,l,t=run(depth,first,lr,0)
                print(depth,first,lr,f"acc {a:.3f} t {t:.2f}", *(f"{np.mean(l[i:i+30]):.2f}" for i in range(0,300,45)),flush=True)
