# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Can attention replace recurrence?
#
# > **Question.** So far attention stood beside a recurrent network. What happens if the recurrence goes, and the words of a sentence attend to each other?
# >
# > **You will be able to** build self-attention and say why it needs two projections; count and measure what it saves and what it costs; prove that it is blind to order; set weights by hand for three tasks and compare them with what training finds; and say which long-range tasks it wins and which a GRU wins.
# >
# > **Time** about 30 minutes · **Needs** chapters [06](../2_mechanism/06_numpy_attention.ipynb) and [10](../3_recurrent/10_recurrent_networks.ipynb) · **Core path**
#
# Bahdanau's decoder ([chapter 12](../3_recurrent/12_bahdanau.ipynb)) attends to the source, but its query is a recurrent state. So it must wait: word $i$ cannot begin before word $i - 1$ is done. And when it wrote *elles*, the gender came by way of that state and not by way of the weights. {cite:t}`vaswani2017attention` removed the state. What is left is a sentence that asks itself.
#
# Three quick questions first.
#
# <details>
# <summary>Chapter 06: who gives queries, keys and values in self-attention?</summary>
#
# One sequence $X$ gives all three: $Q = XW_q$, $K = XW_k$, $V = XW_v$. In cross-attention the keys and values come from another one.
#
# </details>
#
# <details>
# <summary>Chapter 10: how much of the gradient is left after one step of a fresh RNN?</summary>
#
# Somewhat more than half, whatever its size. After thirty steps next to nothing is left.
#
# </details>
#
# <details>
# <summary>Chapter 06: what costs more for long inputs, the vectors or the weights?</summary>
#
# The weights: there are $n \cdot m$ of them, and $n^2$ if a sentence attends to itself.
#
# </details>
#
# ## Three hands or none

# %% tags=["hide-input"]
# Set-up: installs the book's package where it is missing (on Colab, say).
import importlib.util
import subprocess
import sys

REPOSITORY = ""

if importlib.util.find_spec("attnutils") is None:
    if not REPOSITORY:
        raise ModuleNotFoundError(
            "This chapter needs the package attnutils. In a copy of the book's repository run "
            "`pip install .`, or set REPOSITORY above to the repository's address."
        )
    package = f"attnutils[data] @ git+{REPOSITORY}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", package], check=True)
    importlib.invalidate_caches()

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from torch import nn

from attnutils.checks import claim, matches, no_leak
from attnutils.checks import permutation_equivariant, rows_sum_to_one
from attnutils.data.tasks import copy, reverse
from attnutils.grading import grade, predict
from attnutils.layers import MultiHeadAttention
from attnutils.plotting import PALETTE, WIDTH, curves, heatmap, use_style
from attnutils.reference import attention as numpy_attention
from attnutils.seeding import seed_everything
from attnutils.training import fit, warmup_then_linear

use_style()
rng = seed_everything(0)

# %% [markdown]
# What does *they* need to hear about *cats*? A recurrent network passes it on from hand to hand, and each hand waits for the one before.

# %% mystnb={"figure": {"caption": "In a recurrent network the news of *cats* reaches *they* over three steps in a row; in self-attention every word reads every other directly, and all of them in the same step.", "name": "fig-22-paths"}, "image": {"alt": "Two drawings over the words cats sleep because they hunt. Left, a chain of five circles joined by arrows, numbered 1 to 5; an orange path climbs from cats and runs along three arrows to they. Right, five circles all numbered 1, each joined to all five words by thin lines; one orange line leads from cats to they."}} tags=["hide-input"]
words = ["cats", "sleep", "because", "they", "hunt"]
figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 4.2))
for ax, title in zip(axes, ("recurrent", "self-attention")):
    ax.set(xlim=(-0.6, 4.6), ylim=(-0.35, 1.4), title=title)
    ax.axis("off")
    for i, word in enumerate(words):
        ax.text(i, -0.1, word, ha="center", va="center", fontsize=11)
        step = i + 1 if title == "recurrent" else 1
        ax.text(i, 1, f"{step}", ha="center", va="center", fontsize=11, zorder=3,
                bbox={"boxstyle": "circle,pad=0.35", "fc": "white", "ec": "#666666"})
        if title == "recurrent":
            edges = [((i, 0.05), (i, 0.8))] + [((i - 0.8, 1), (i - 0.2, 1))] * (i > 0)
            used = [i == 0, i in (1, 2, 3)]
        else:
            edges = [((j, 0.05), (i, 0.8)) for j in range(5)]
            used = [(i, j) == (3, 0) for j in range(5)]
        for (start, end), on in zip(edges, used):
            style = {"arrowstyle": "-|>", "lw": 2.4 if on else 0.8, "shrinkA": 0,
                     "shrinkB": 0, "color": PALETTE[1] if on else "#999999"}
            ax.annotate("", end, start, arrowprops=style, zorder=2 + on)
plt.show()

# %% [markdown]
# The numbers in {numref}`fig-22-paths` say when a circle can be computed. Below they are five and one.
#
# ## One sequence, three roles
#
# Each word is asked, answers and asks. From one sequence $X$ come queries, keys and values, by three projections:
#
# $$
# \begin{aligned}
# \underset{(n,\,d_k)}{Q} &= \underset{(n,\,d)}{X}\,\underset{(d,\,d_k)}{W_q}, \qquad
# \underset{(n,\,d_k)}{K} = X\,\underset{(d,\,d_k)}{W_k}, \qquad
# \underset{(n,\,d_v)}{V} = X\,\underset{(d,\,d_v)}{W_v} \\[4pt]
# \underset{(n,\,n)}{S} &= Q K^\top \big/ \sqrt{d_k}, \qquad
# \underset{(n,\,n)}{A} = \operatorname{softmax}(S), \qquad
# \underset{(n,\,d_v)}{O} = A V
# \end{aligned}
# $$ (eq-22-self)
#
# Here is the running example once more, with the weights that chapter 06 set by hand. A word is six facts: noun, verb, pronoun, before (+1 before *they*, −1 after), gender, action. A pronoun asks for a noun before it, and a little for a verb; a verb asks for a noun. We compute the row of *they*.

# %%
X = torch.tensor([
    [1, 0, 0, 1, 1, 0],  # cats
    [0, 1, 0, 1, 0, 1],  # sleep
    [0, 0, 0, 1, 0, 0],  # because
    [0, 0, 1, 0, 0, 0],  # they
    [0, 1, 0, -1, 0, 1],  # hunt
]).double()
W_q = torch.zeros(6, 4).double()
W_q[1] = torch.tensor([3, 0, 0, 0])  # a verb asks
W_q[2] = torch.tensor([2, 1, 0, 1])  # a pronoun asks
W_q *= 2 * np.log(2)
W_k = torch.eye(6)[:, :4].double()
W_v = 4 * torch.eye(6)[:, 4:].double()

# %%
q = X[3] @ W_q  # they asks, (4,)
s = X @ W_k @ q / 2  # every word answers, (5,); the root of d_k is 2
alpha = s.softmax(0)
print("scores in bits", (s / np.log(2)).numpy().round(6))
print("weights       ", alpha.numpy())
print("output        ", (alpha @ (X @ W_v)).numpy())


# %% [markdown]
# The other words ask at the same time, and none waits for another.
#
# ### Exercise 1 · Every word at once
#
# Write {eq}`eq-22-self` for a batch of sequences. Nothing but `@`, `.mT` and `.softmax` is needed. All matrices of weights are square now, so that many a mistake runs without an error. `hint("self-attention")` gives the first of three hints.

# %% tags=["exercise"]
def self_attention(x, w_q, w_k, w_v):
    """x (batch, n, d), w_q and w_k (d, d_k), w_v (d, d_v) -> (batch, n, d_v)"""
    return ...


grade("self-attention", self_attention)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution", "hide-cell"]
# @title Solution
def solution_self_attention(x, w_q, w_k, w_v):
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    scores = q @ k.mT / q.shape[-1] ** 0.5  # (batch, n, n)
    return scores.softmax(-1) @ v


grade("self-attention", solution_self_attention)


# %% [markdown]
# As a layer that can be trained it is folded below. It agrees with our numbers, with the NumPy reference, and with the package's layer, which has several heads and a last projection; one head and the identity make it ours.

# %% tags=["hide-input"]
class MySelfAttention(nn.Module):
    def __init__(self, dim, head_dim, out_dim):
        super().__init__()
        self.query = nn.Linear(dim, head_dim, bias=False)
        self.key = nn.Linear(dim, head_dim, bias=False)
        self.value = nn.Linear(dim, out_dim, bias=False)

    def scores(self, x):
        q, k = self.query(x), self.key(x)  # (batch, n, head_dim)
        return q @ k.mT * q.shape[-1] ** -0.5

    def forward(self, x):
        return self.scores(x).softmax(-1) @ self.value(x)


# %%
def with_weights(layer, w_q, w_k, w_v):
    """The layer, with these weights; Linear stores them transposed"""
    layer.query.weight.data = w_q.T.clone()
    layer.key.weight.data = w_k.T.clone()
    layer.value.weight.data = w_v.T.clone()
    return layer.requires_grad_(False)


ours = with_weights(MySelfAttention(6, 4, 2), W_q, W_k, W_v)
matches(ours(X)[3], np.array([2, 1.25]), name="they, layer and paper")
by_numpy = numpy_attention(*(x.numpy() for x in (X @ W_q, X @ W_k, X @ W_v)))
matches(ours(X), by_numpy, name="layer and NumPy")
theirs = MultiHeadAttention(6, 1, bias=False).double()
with_weights(theirs, *torch.randn(3, 6, 6).double())
theirs.output.weight.data = torch.eye(6).double()
same = [m.weight.T for m in (theirs.query, theirs.key, theirs.value)]
ours_again = with_weights(MySelfAttention(6, 6, 6), *same)
matches(ours_again(X[None]), theirs(X[None]), name="layer and package")


# %% [markdown]
# ## What it saves and what it costs
#
# Count for $n$ words of size $d$, with $d_k = d_v = d$. The **path length** between two words is the number of layers' steps that a signal takes from one to the other; the **sequential steps** are those that must wait for each other, however many processors there are.
#
# | | GRU | self-attention |
# |---|---|---|
# | path length, words $m$ apart | $m$ | 1 |
# | sequential steps | $n$ | 1 |
# | multiplications | $6\,n\,d^2$ | $3\,n\,d^2 + 2\,n^2 d$ |
# | numbers held at once | $n\,d$ | $3\,n\,d + n^2$ |
#
# The table of {cite:t}`vaswani2017attention` says the same in orders of growth. But counts can be wrong about programs, so we measure each row.
#
# **Steps.** Autograd keeps a graph of all operations. The longest chain in it is what no machine can shorten.

# %%
def depth(tensor):
    """Number of operations in the longest chain that leads to the tensor"""
    known, open_nodes = {None: 0}, [tensor.grad_fn]
    while open_nodes:
        before = [node for node, _ in open_nodes[-1].next_functions]
        if missing := [node for node in before if node not in known]:
            open_nodes += missing
        else:
            node = open_nodes.pop()
            known[node] = 1 + max([known[b] for b in before], default=0)
    return known[tensor.grad_fn]


# %%
cell, layer = nn.GRUCell(16, 16), MySelfAttention(16, 16, 16)
depths = {"GRU": {}, "self-attention": {}}
for n in (4, 16, 64, 256):
    x, h = torch.randn(1, n, 16), torch.zeros(1, 16)
    for x_t in x.unbind(1):
        h = cell(x_t, h)
    depths["GRU"][n], depths["self-attention"][n] = depth(h), depth(layer(x))
for name, row in depths.items():
    print(f"{name:15}", *(f"n = {n}: {row[n]:4}  " for n in row))
by_word = (depths["GRU"][256] - depths["GRU"][4]) / 252
claim("22-depth-gru", by_word, at_least=1, deterministic=True)
flat = depths["self-attention"]
claim("22-depth-attention", flat[256] - flat[4], at_most=0, deterministic=True)

# %% [markdown]
# Ten operations more for each word there, none here.
#
# **Path.** How much does the first word move the last output? The size of the gradient tells, for fresh layers as PyTorch draws them, by distance.

# %%
n, d, draws = 64, 64, 8
layers = {
    "GRU": lambda: nn.GRU(d, d, batch_first=True),
    "self-attention": lambda: MySelfAttention(d, d, d),
}
reach = {}
for name, build in layers.items():
    sizes = []
    for _ in range(draws):
        x = torch.randn(1, n, d, requires_grad=True)
        output = build()(x)
        output = output[0] if isinstance(output, tuple) else output
        output[0, -1].backward(torch.randn(d))
        sizes.append(x.grad[0].norm(dim=-1).flip(0))  # distance 0 first
    reach[name] = torch.stack(sizes).mean(0).numpy()

# %% mystnb={"figure": {"caption": "The gradient of a fresh GRU fades with every word between; that of self-attention is small from the start, a share of one in n, and the same at any distance.", "name": "fig-22-reach"}, "image": {"alt": "Gradient by distance up to 63 words, logarithmic. The line of the GRU falls straight from about 2 to below 1e-12. The line of self-attention lies flat near 0.04."}} tags=["hide-input"]
ax = plt.subplots(figsize=(WIDTH, 2.9))[1]
curves(np.arange(n), reach, ax=ax, log="y", xlabel="words between input and output")
ax.set_ylabel("size of the gradient")
plt.show()

# %%
for name, sizes in reach.items():
    print(f"{name:15}", *(f"{m}: {sizes[m]:.0e}  " for m in (1, 4, 16, 63)))
far = {name: sizes[-8:].mean() / sizes[1:9].mean() for name, sizes in reach.items()}
claim("22-reach-gru", far["GRU"], at_most=1e-6)
claim("22-reach-attention", far["self-attention"], at_least=0.5)


# %% [markdown]
# For words next to each other the GRU has more gradient; ten words on it has less. A trained GRU can open its gates and keep more than a fresh one (chapter 10), but it has to learn to.
#
# **Time.** "Attention makes networks more efficient" is often read. Two things are mixed up in that sentence. So we time three layers of width 64: a GRU, a GRU with self-attention *beside* it, reading its states, and self-attention *instead* of it.

# %%
def seconds(f, *arguments):
    start = time.process_time()
    f(*arguments)
    return time.process_time() - start


gru, layer = nn.GRU(64, 64, batch_first=True), MySelfAttention(64, 64, 64)
forms = {
    "GRU": gru,
    "GRU and attention": lambda x: layer(gru(x)[0]),
    "attention alone": layer,
}
lengths = [16, 64, 256, 1024, 2048, 4096]
best = {name: dict.fromkeys(lengths, np.inf) for name in forms}
with torch.no_grad():
    for n in 2 * lengths:  # each length twice, the shortest counts
        x = torch.randn(1, n, 64)
        for name, f in forms.items():
            best[name][n] = min(best[name][n], seconds(f, x))

# %% mystnb={"figure": {"caption": "Attention beside a GRU only adds to its time; attention instead of it is faster up to a thousand words or so on this one processor core, and slower from there on, since its cost grows with the square of n.", "name": "fig-22-time"}, "image": {"alt": "Milliseconds by number of words, both logarithmic. Attention alone starts lowest and rises steepest; it crosses the GRU's line between 1,000 and 2,000 words. GRU and attention lies above both throughout."}} tags=["hide-input", "nbval-ignore-output"]
ax = plt.subplots(figsize=(WIDTH, 3.3))[1]
lines = {name: [1e3 * t for t in times.values()] for name, times in best.items()}
curves(lengths, lines, ax=ax, log="xy", marker="o", xlabel="words n (log scale)")
ax.set_ylabel("milliseconds (log scale)")
ax.set_xticks(lengths, lengths)
ax.minorticks_off()
plt.show()

# %% tags=["nbval-ignore-output"]
ratio = {n: best["attention alone"][n] / best["GRU"][n] for n in lengths}
print("attention alone / GRU:", *(f"n = {n}: {r:.2f} " for n, r in ratio.items()))
claim("22-time-short", ratio[64], at_most=0.7)
claim("22-time-long", ratio[4096], at_least=1.2)
added = np.median([best["GRU and attention"][n] / best["GRU"][n] for n in lengths])
claim("22-time-beside", added, at_least=1.05)
work = {"GRU": 6 * 256 * 64**2, "attention alone": 3 * 256 * 64**2 + 2 * 256**2 * 64}
rate = {name: work[name] / best[name][256] / 1e9 for name in work}
print({name: f"{r:.1f} billion multiplications a second" for name, r in rate.items()})
claim("22-work-rate", rate["attention alone"] / rate["GRU"], at_least=2)

# %% [markdown]
# So the sentence is false as it stands. Attention *beside* recurrence adds $O(n^2)$ work and takes away not one of the $n$ steps. Attention *instead of* recurrence does more work from $n = 1.5\,d$ on: at $n = 256$ it multiplies almost twice as often. It takes less time all the same, because its multiplications come as a few large products, which even one core does several times faster than many small ones one after the other. The more units a processor has, the more of them a large product can use; a chain of $n$ steps can use none of them. For long inputs the square wins in the end.
#
# ## Blind to order
#
# The price stands in {eq}`eq-22-self`: no index $i$ says where a word stands. Let $P$ be a **permutation matrix**, the identity with its rows shuffled, so that $PX$ is the shuffled sentence. Then the queries are $PXW_q = PQ$, and likewise $PK$ and $PV$. The scores become
#
# $$
# (PQ)(PK)^\top \big/ \sqrt{d_k} = P S P^\top .
# $$
#
# The softmax runs along each row and does not care about the order within it, so the weights become $PAP^\top$. With $P^\top P = I$ the output is
#
# $$
# \big(P A P^\top\big)\big(P V\big) = P A V = P O .
# $$ (eq-22-equivariance)
#
# Shuffled words in, the same outputs shuffled: **permutation equivariance**. Layers on top of each other cannot undo it, since each passes on $P$ to the next.

# %%
stack = nn.Sequential(
    MySelfAttention(16, 8, 16), nn.ReLU(), MySelfAttention(16, 8, 16)
).double()
permutation_equivariant(stack, torch.randn(7, 16).double(), rng=rng)
table = {word: torch.randn(16).double() for word in ("cats", "hunt", "mice")}
first = stack(torch.stack([table[w] for w in ("cats", "hunt", "mice")]))
second = stack(torch.stack([table[w] for w in ("mice", "hunt", "cats")]))
matches(first[0], second[2], name="cats, hunting or hunted")

# %% [markdown]
# For these layers, whatever their weights, *cats hunt mice* and *mice hunt cats* are the same bag of words. A recurrent network reads the order off the time at which a word comes. Self-attention has to be told. The plainest way is to write the place into the word's vector. We do so here with a one at the place's number; better ways have a [chapter of their own](24_positions.ipynb).
#
# ## Weights by hand
#
# Sequences of twelve letters; a letter is twelve numbers with a single 1, and its place another twelve. Three tasks: **copy** the letter, say the **previous** one (the first says itself), and **reverse** the sequence.

# %%
n = symbols = 12


def previous(rng, batch, length, symbols):
    source = rng.integers(symbols, size=(batch, length))
    alignment = np.maximum(np.arange(length) - 1, 0) + 0 * source
    return source, np.take_along_axis(source, alignment, -1), alignment


def encode(source):
    """(batch, n) -> (batch, n, 24): which letter, which place"""
    letters = F.one_hot(torch.as_tensor(source), symbols).float()
    return torch.cat([letters, torch.eye(n).expand(len(letters), n, n)], -1)


tasks = {"copy": copy, "previous": previous, "reverse": reverse}


# %% [markdown]
# The value is the letter, and the key is the place. Only the query differs by task. It is the key of the place that is wanted, with a factor: $b$ **bits** above the others make a weight of $2^b / (2^b + n - 1)$.

# %%
def set_by_hand(queries, bits=10.0):
    """A layer in which place i asks for the place that queries[i] names"""
    none = torch.zeros(symbols, n)
    gap = bits * np.log(2) * n**0.5
    w_q = torch.cat([none, gap * queries])  # (24, 12)
    w_k = torch.cat([none, torch.eye(n)])  # (24, 12)
    w_v = torch.cat([torch.eye(symbols), none.T])  # (24, 12)
    return with_weights(MySelfAttention(symbols + n, n, symbols), w_q, w_k, w_v)


by_hand = {
    "copy": set_by_hand(torch.eye(n)),  # place i asks for i
    "reverse": set_by_hand(torch.eye(n).flip(0)),  # for the i-th from the end
}


# %% [markdown]
# ### Exercise 2 · The previous word
#
# You set the third. Return the queries of all places with their factor: with the one-hot places as keys, and after the division by $\sqrt{d_k} = \sqrt n$, place $i$ should score `bits` · ln 2 at place $i - 1$ and 0 elsewhere. The first place asks for itself. `hint("previous-token")` gives the first of three hints.

# %% tags=["exercise"]
def previous_token(n, bits):
    """-> (n, n), row i the query of place i"""
    return ...


grade("previous-token", previous_token)


# %% cellView="form" jupyter={"source_hidden": true} tags=["solution", "hide-cell"]
# @title Solution
def solution_previous_token(n, bits):
    wanted = torch.eye(n)[[0, *range(n - 1)]]  # row i has its one at i - 1
    return bits * np.log(2) * n**0.5 * wanted


grade("previous-token", solution_previous_token)

# %% tags=["hide-input"]
by_hand["previous"] = set_by_hand(torch.eye(n)[[0, *range(n - 1)]])


# %%
def judge(layer, task, batch=500):
    """Share of right answers; weight where the hand would look; weight on
    any place with the right letter; rows whose largest weight is the hand's"""
    source, target, place = map(torch.as_tensor, tasks[task](rng, batch, n, symbols=symbols))
    with torch.no_grad():
        weights = layer.scores(encode(source)).softmax(-1)
        right = layer(encode(source)).argmax(-1) == target
    there = weights.gather(-1, place[..., None])
    letter = weights * (source[:, None] == target[..., None])
    top = weights.argmax(-1) == place
    return [x.float().mean().item() for x in (right, there, letter.sum(-1), top)]


for task in tasks:
    right, there, *_ = judge(by_hand[task], task)
    print(f"{task:9} right {right:.3f}, weight {there:.4f}")
    assert right == 1
print(f"2^10 / (2^10 + 11) = {2**10 / (2**10 + 11):.4f}")


# %% [markdown]
# All three are exact, and without any training.
#
# ## What training finds
#
# Now the same layer from random weights: 300 steps of 32 sequences, cross-entropy at each place, Adam.

# %%
def batches_of(task, count=300, batch=32):
    drawn = (tasks[task](rng, batch, n, symbols=symbols) for _ in range(count))
    return [(encode(d[0]), torch.as_tensor(d[1])) for d in drawn]


def loss(model, x, target):
    return F.cross_entropy(model(x).flatten(0, 1), target.flatten())


def trained(model, batches, rate, loss=loss, steps=300):
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    options = {"schedule": warmup_then_linear(steps // 10, steps), "clip": 1.0}
    fit(model, batches, loss, steps=steps, optimizer=optimizer, **options)
    return model


training = {task: batches_of(task) for task in tasks}
learned = {
    task: trained(MySelfAttention(symbols + n, n, symbols), batches, 3e-2)
    for task, batches in training.items()
}

# %%
print("           right  weight there  on the letter  largest there")
found = {task: judge(layer, task) for task, layer in learned.items()}
for task, row in found.items():
    print(f"{task:9}", "{:7.2f} {:11.2f} {:13.2f} {:14.2f}".format(*row))
claim("22-trained-right", min(row[0] for row in found.values()), at_least=0.99)
agree = min(found["previous"][3], found["reverse"][3])
claim("22-trained-as-by-hand", agree, at_least=0.98)
claim("22-copy-own-place", found["copy"][1], at_most=0.92)
claim("22-copy-equal-letter", found["copy"][2], at_least=0.98)

# %% mystnb={"figure": {"caption": "For the previous word and for reverse, training finds the maps that we set by hand; for copy it finds another one, which spreads over all places that hold the same letter.", "name": "fig-22-maps"}, "image": {"alt": "Six heat maps of 12 by 12 weights for one sequence. Above, set by hand, a diagonal, a diagonal shifted by one, and an anti-diagonal. Below, trained; previous and reverse look the same as above, copy has the diagonal and more bright cells where letters repeat."}} tags=["hide-input"]
source = np.array([list(map("abcdefghijkl".index, "adbacdabgfga"))])
letters = ["abcdefghijkl"[i] for i in source[0]]
figure, axes = plt.subplots(2, 3, figsize=(WIDTH, 4.3))
for row, layers_of, who in zip(axes, (by_hand, learned), ("by hand", "trained")):
    for ax, task in zip(row, tasks):
        with torch.no_grad():
            weights = layers_of[task].scores(encode(source)).softmax(-1)[0]
        names = {"rows": letters, "columns": letters, "xlabel": "", "colorbar": False}
        heatmap(weights, ax=ax, ylabel=who if task == "copy" else "", **names)
        ax.set_title(task if who == "by hand" else "")
        ax.tick_params(labelsize=9)
plt.show()


# %% [markdown]
# Do they agree? For *previous* and *reverse*, yes: the largest weight stands where we put it in every row. For *copy*, no. The answer is right every time, but some of the weight goes to other places with the same letter. That is no mistake: whoever wants the letter *a* may take it from any *a*. We wrote "look at your own place"; the task says "find your letter", and content serves it as well as position. Look at the two parts of $W_q W_k^\top$: how many bits does an equal letter add to a score, and how many the place that we would ask for?

# %%
def bits_of(layer, wanted):
    """Mean bits that an equal letter, and the wanted place, add to a score"""
    w_q, w_k = layer.query.weight.T, layer.key.weight.T
    product = (w_q @ w_k.T).detach() / n**0.5 / np.log(2)
    by_letter, by_place = product[:symbols, :symbols], product[symbols:, symbols:]
    here = wanted.bool()
    equal = torch.eye(symbols).bool()
    return [(b[at].mean() - b[~at].mean()).item()
            for b, at in ((by_letter, equal), (by_place, here))]


wanted = {"copy": torch.eye(n), "previous": torch.eye(n)[[0, *range(n - 1)]],
          "reverse": torch.eye(n).flip(0)}
bits = {task: bits_of(learned[task], wanted[task]) for task in tasks}
for task, (letter, place) in bits.items():
    print(f"{task:9} equal letter {letter:5.1f} bits, wanted place {place:5.1f} bits")
claim("22-copy-by-letter", bits["copy"][0] - bits["reverse"][0], at_least=2)

# %% [markdown]
# Training has found a mixture for *copy* and the place alone for the others. A map that works need not be the one you had in mind.
#
# ## Two projections, or one?
#
# Queries and keys come from the same words. Why not from the same projection, $W_q = W_k = W$? It would save a third of the parameters.

# %%
predict("one-projection")

# %% [markdown]
# Write $g_i = x_i W$ for the common vector of word $i$. Then
#
# $$
# s_{ij} \propto g_i \cdot g_j = s_{ji}, \qquad
# s_{ii} + s_{jj} - 2 s_{ij} \propto \lVert g_i - g_j \rVert^2 \ge 0 .
# $$ (eq-22-shared)
#
# The first half says that the scores are **symmetric**: what *they* is to *cats*, *cats* is to *they*. But one word asks and another answers. In the running example *they* scores *cats* with 3 bits, and *cats* asks for nothing. The second half is less known and cuts deeper: $s_{ij}$ is at most the mean of $s_{ii}$ and $s_{jj}$. So **two words cannot each look at the other more than at itself.**
#
# What is left of the running example? We take the one projection that comes closest to $W_q W_k^\top$ in squared error: the symmetric part, without its negative eigenvalues.

# %%
values, vectors = torch.linalg.eigh((W_q @ W_k.T + W_k @ W_q.T) / 2)
W = vectors * values.clamp(min=0).sqrt()  # (6, 6)
one = with_weights(MySelfAttention(6, 6, 2), W, W, W_v)
one_scores = X @ W @ W.T @ X.T / 2  # the root of d_k stays 2
print("they scores cats", (one_scores[3, 0] / np.log(2)).numpy().round(2), "bits")
print("cats scores they", (one_scores[0, 3] / np.log(2)).numpy().round(2), "bits")
print("output of they  ", (one_scores[3].softmax(0) @ X @ W_v).numpy().round(2))

# %% mystnb={"figure": {"caption": "With two projections *they* singles out *cats*; with the closest single one its scores must be returned in kind, and next to nothing of the difference between words is left.", "name": "fig-22-shared"}, "image": {"alt": "Two heat maps over the five words. Left, two projections; the row they reads 0.50, 0.25, 0.13, 0.06, 0.06 and the verbs have 0.67 at cats. Right, one projection; all numbers lie between 0.13 and 0.27."}} tags=["hide-input"]
figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.3))
options = dict(columns=words, annotate=".2f", limits=(0, 0.7), colorbar=False)
heatmap(ours.scores(X).softmax(-1), rows=words, ax=left, title="two projections", **options)
heatmap(one_scores.softmax(-1), ax=right, title="one projection", ylabel="", **options)
right.set_yticks([])
plt.show()


# %% [markdown]
# And training? The three tasks again, with one projection.

# %%
def one_projection():
    layer = MySelfAttention(symbols + n, n, symbols)
    layer.key = layer.query  # one module under two names
    return layer


shared = {task: trained(one_projection(), training[task], 3e-2) for task in tasks}
print("           right  largest there")
right = {}
for task, layer in shared.items():
    right[task], _, _, top = judge(layer, task)
    print(f"{task:9} {right[task]:7.2f} {top:11.2f}")
claim("22-shared-copy", right["copy"], at_least=0.98)
claim("22-shared-previous", right["previous"], at_least=0.7, at_most=0.97)
claim("22-shared-reverse", right["reverse"], at_most=0.62)

# %%
g = shared["previous"].query.weight.T.detach()[symbols:]  # of the places
source, target, _ = map(torch.as_tensor, previous(rng, 500, n, symbols))
with torch.no_grad():
    hit = shared["previous"](encode(source)).argmax(-1) == target
print("length of g", *(f"{size:5.1f}" for size in g.norm(dim=-1)))
print("right      ", *(f"{share:5.2f}" for share in hit.float().mean(0)))

# %% [markdown]
# *Reverse* is the one that breaks, although its map is perfectly symmetric. Its words come in pairs, $i$ and $n + 1 - i$, which must look at each other; of each pair only one may. Half of the rows are right, and the rest are guesses. *Previous* gets away with more: each word may look to its left if the vectors $g_i$ become shorter from left to right (exercise 3). PREVNOTE *Copy* profits: with one projection a word prefers itself anyway.
#
# So $W_q \ne W_k$ is no matter of taste. Two projections let $W_q W_k^\top$ be any matrix of rank $d_k$, and so let asking and answering be two things.
#
# ## How far does it reach?
#
# The path is short. Does that help over a distance? Two tasks, one in which *one* thing has to be carried far, and one with *many*.
#
# **Agreement.** The running example grows: *cats near dogs behind mice sleep because they* … *ils* or *elles*? The gender is that of the last subject, here *cats*. Nouns after a preposition are **attractors**, nearer to the pronoun and none of its business; and before the last clause stand others, with subjects of their own.

# %%
nouns = np.array("""cats dogs horses birds bears owls wolves rabbits donkeys monkeys
    mice turtles goats bees geese frogs spiders ants giraffes otters""".split())
prepositions = np.array("near behind under beside".split())
verbs = np.array("sleep hunt eat drink wait run play jump".split())
conjunctions = np.array("because and but when".split())
lexicon = [*nouns, *prepositions, *verbs, *conjunctions, "they"]
number = {word: i for i, word in enumerate(lexicon)}
feminine = set(nouns[10:])


def clause(extra):
    """A noun, so many times preposition and noun, a verb, a conjunction"""
    pairs = zip(rng.choice(prepositions, extra), rng.choice(nouns, extra))
    rest = [word for pair in pairs for word in pair]
    return [rng.choice(nouns), *rest, rng.choice(verbs), rng.choice(conjunctions)]


# %%
length = 21


def passages(extras):
    """21 words up to "they", extras: the prepositions in each last clause"""
    text, ends = [], []
    while len(ends) < 1500:
        text += clause(rng.integers(6))
        ends.append(len(text))
    x, y = [], []
    for extra, end in zip(extras, rng.choice(ends[10:], len(extras))):
        last = clause(extra)
        some = [*text[end - length : end], *last, "they"][-length:]
        x.append([number[word] for word in some])
        y.append(last[0] in feminine)
    return torch.tensor(x), torch.tensor(y)


x, y = passages([3])
print(" ".join(lexicon[i] for i in x[0]), "→", "elles" if y[0] else "ils")

# %% [markdown]
# From subject to pronoun it is $2 \cdot \text{extra} + 3$ words. We train on 3 to 13 words, each distance equally often, and test on up to 19. Chance is 50 %.

# %%
examples = passages(rng.integers(6, size=9600))
agreement_batches = list(zip(*(part.split(32) for part in examples)))
agreement_validation = passages(rng.integers(6, size=1000))
by_distance = {2 * extra + 3: passages([extra] * 400) for extra in range(9)}

# %% [markdown]
# **Reverse.** The task from above. Letter $i$ must go $\lvert n + 1 - 2i \rvert$ places, and all twelve must go at once. Chance is 1/12.

# %%
predict("who-reaches-far")


# %% [markdown]
# The models of agreement have 11,400 parameters, give or take 3 %: a GRU read off at *they*; two layers of self-attention; and two layers of which we set the first by hand, to the previous word, and train only its values. In all of them the output of a layer is added to its input (chapter 25 asks why), and places have learned vectors.

# %%
class PreviousWord(nn.Module):
    """Self-attention with the scores of exercise 2; only the values are trained"""

    def __init__(self, dim):
        super().__init__()
        rows = torch.eye(length)[[0, *range(length - 1)]]
        self.weights = (15 * np.log(2) * rows).softmax(-1)  # 15 bits
        self.value = nn.Linear(dim, dim, bias=False)

    def forward(self, x):
        return self.weights @ self.value(x)


class Attentive(nn.Module):
    def __init__(self, dim, first):
        super().__init__()
        self.embed, self.place = nn.Embedding(37, dim), nn.Embedding(length, dim)
        self.layers = nn.ModuleList([first, MySelfAttention(dim, dim, dim)])
        self.output = nn.Linear(dim, 1)

    def forward(self, x):
        x = self.embed(x) + self.place.weight
        for layer in self.layers:
            x = x + layer(x)
        return self.output(x[:, -1])[:, 0]  # read off at they


# %%
class Recurrent(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.embed = nn.Embedding(37, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.output = nn.Linear(dim, 1)

    def forward(self, x):
        return self.output(self.rnn(self.embed(x))[0][:, -1])[:, 0]


contestants = {
    "GRU": (lambda: Recurrent(40), (3e-3, 1e-2, 3e-2)),
    "two layers": (
        lambda: Attentive(39, MySelfAttention(39, 39, 39)), (2e-3, 5e-3, 1e-2)),
    "first by hand": (
        lambda: Attentive(46, PreviousWord(46)), (2e-3, 5e-3, 1e-2)),
}


# %% [markdown]
# Each gets 300 steps of 32 passages, none seen twice, with three learning rates; the best by validation is kept.

# %%
def agreement_loss(model, x, y):
    return F.binary_cross_entropy_with_logits(model(x), y.float())


def share_right(model, x, y):
    with torch.no_grad():
        return ((model(x) > 0) == y).float().mean().item()


def best_of(name, build, rates, batches, loss, score):
    runs = []
    for rate in rates:
        model = trained(build(), batches, rate, loss)
        runs.append((score(model), model))
    size = sum(p.numel() for p in runs[0][1].parameters())
    tried = ", ".join(f"{rate:g}: {s:.2f}" for rate, (s, _) in zip(rates, runs))
    print(f"{name:14} {size:6,} parameters, validation {tried}")
    return max(runs, key=lambda run: run[0])[1]


kept = {
    name: best_of(name, *setting, agreement_batches, agreement_loss,
                  lambda model: share_right(model, *agreement_validation))
    for name, setting in contestants.items()
}


# %% [markdown]
# Two methods without attention and without a matrix to carry things along stand beside them. The **nearest noun** before the pronoun decides. And **fading pairs**: count the pairs of neighbors such as *because cats* or *near mice*, each count worth less the farther back it stands, by a factor for each word; logistic regression reads the counts. The factor is the best of three by validation.

# %%
def nearest_noun(x):
    back = (x < 20).flip(1).int().argmax(1)  # words back to a noun
    return x[torch.arange(len(x)), length - 1 - back] >= 10


def fading_pairs(x, keep):
    pair = (37 * x[:, :-1] + x[:, 1:]).numpy()
    worth = keep ** np.arange(length - 1)[::-1] + 0 * pair
    rows = np.arange(len(x))[:, None] + 0 * pair
    entries = worth.ravel(), (rows.ravel(), pair.ravel())
    return csr_matrix(entries, shape=(len(x), 37 * 37))


tried = []
for keep in (0.7, 0.8, 0.9):
    counts = LogisticRegression(C=1e4, max_iter=1000)
    counts.fit(fading_pairs(examples[0], keep), examples[1])
    x, y = agreement_validation
    tried.append((counts.score(fading_pairs(x, keep), y), keep, counts))
    print(f"factor {keep}: validation {tried[-1][0]:.3f}")
_, keep, counts = max(tried, key=lambda run: run[0])

# %%
agreement = {name: [share_right(model, *test) for test in by_distance.values()]
             for name, model in kept.items()}
agreement["fading pairs"] = [
    counts.score(fading_pairs(x, keep), y) for x, y in by_distance.values()]
agreement["nearest noun"] = [
    (nearest_noun(x) == y).float().mean().item() for x, y in by_distance.values()]
print("right, %       words from subject to pronoun; trained up to 13")
print(" " * 13, *(f"{words:4}" for words in by_distance))
for name, row in agreement.items():
    print(f"{name:13}", *(f"{100 * share:4.0f}" for share in row))

# %%
within = {name: np.mean(row[:6]) for name, row in agreement.items()}
beyond = {name: np.mean(row[6:]) for name, row in agreement.items()}
claim("22-agreement-gru", within["GRU"], at_least=0.98)
behind = within["GRU"] - within["two layers"]
claim("22-agreement-two-layers-behind", behind, at_least=0.02)
claim("22-agreement-by-hand", within["first by hand"], at_least=0.97)
claim("22-agreement-pairs", within["fading pairs"], at_least=0.97)
claim("22-beyond-gru", beyond["GRU"], at_least=0.95)
claim("22-beyond-two-layers", beyond["two layers"], at_most=0.65)
claim("22-beyond-by-hand", beyond["first by hand"], at_most=0.93)


# %% [markdown]
# Now *reverse*, with a GRU that reads both ways, since the last letter is to be said first. It gets the parameters of the attention layer, and once more thirteen times as many. The method without attention is a **table**: twelve times twelve numbers in place of the scores, learned, the same for every sequence.

# %%
class BothWays(nn.Module):
    def __init__(self, dim):
        super().__init__()
        options = {"batch_first": True, "bidirectional": True}
        self.rnn = nn.GRU(symbols + n, dim, **options)
        self.output = nn.Linear(2 * dim, symbols)

    def forward(self, x):
        return self.output(self.rnn(x)[0])


class Table(nn.Module):
    def __init__(self):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(n, n))
        self.value = nn.Linear(symbols + n, symbols, bias=False)

    def forward(self, x):
        return self.scores.softmax(-1) @ self.value(x)


# %%
def places_right(model, x, target):
    with torch.no_grad():
        return (model(x).argmax(-1) == target).float().mean(0).numpy()


contestants = {
    "self-attention": (lambda: MySelfAttention(24, 12, 12), (1e-2, 3e-2, 1e-1)),
    "GRU": (lambda: BothWays(4), (3e-2, 1e-1, 3e-1)),
    "larger GRU": (lambda: BothWays(32), (1e-2, 3e-2, 1e-1)),
    "table": (Table, (1e-2, 3e-2, 1e-1)),
}
validation, test = batches_of("reverse", 1, 500)[0], batches_of("reverse", 1, 2000)[0]
reversers = {
    name: best_of(name, *setting, training["reverse"], loss,
                  lambda model: places_right(model, *validation).mean())
    for name, setting in contestants.items()
}

# %%
distance = np.abs(n - 1 - 2 * np.arange(n))
steps = np.unique(distance)
reversal = {}
for name, model in reversers.items():
    right = places_right(model, *test)
    reversal[name] = [right[distance == step].mean() for step in steps]
print("right, %       places to go")
print(" " * 14, *(f"{step:4}" for step in steps))
for name, row in reversal.items():
    print(f"{name:14}", *(f"{100 * share:4.0f}" for share in row))
claim("22-reverse-attention", np.mean(reversal["self-attention"]), at_least=0.98)
claim("22-reverse-table", np.mean(reversal["table"]), at_least=0.98)
claim("22-reverse-gru", np.mean(reversal["GRU"]), at_most=0.5)
claim("22-reverse-larger-gru", np.mean(reversal["larger GRU"]), at_most=0.9)

# %% mystnb={"figure": {"caption": "One gender to be carried far is a task for the GRU, and beyond the trained distances (dotted line) for it alone of the three networks; twelve letters to be carried at once are a task for self-attention.", "name": "fig-22-distance"}, "image": {"alt": "Two panels of accuracy by distance. Above, agreement; the GRU stays at 100 percent from 3 to 19 words, the model with its first layer by hand at 100 up to 13 and lower beyond, two trained layers below it and at 50 beyond 13. Below, reverse; self-attention at 100 at all distances, the GRUs far below."}} tags=["hide-input"]
figure, (above, below) = plt.subplots(2, 1, figsize=(WIDTH, 5.4))
shown = {name: 100 * np.array(agreement[name]) for name in kept}
curves(list(by_distance), shown, ax=above, marker="o", ylim=(40, 104), title="agreement")
above.axvline(14, color="#777777", ls=":", lw=1.5)
above.set(xlabel="words from subject to pronoun", ylabel="right (%)")
above.axhline(50, color="#bbbbbb", lw=1, zorder=0)
shown = {name: 100 * np.array(row) for name, row in reversal.items() if name != "table"}
curves(steps, shown, ax=below, marker="o", ylim=(0, 104), title="reverse")
below.set(xlabel="places that a letter must go", ylabel="right (%)")
below.axhline(100 / symbols, color="#bbbbbb", lw=1, zorder=0)
plt.show()


# %% [markdown]
# TEXT-RESULTS
#
# ## Who took the recurrence out?
#
# | | who asks | recurrence |
# |---|---|---|
# | {cite:t}`cheng2016long` | each word, the words before it, within one LSTM that reads ("intra-attention") | kept: attention stands in for the cell |
# | {cite:t}`parikh2016decomposable` | each word of one sentence, the words of another; optionally those of its own | none, and no order either, unless by a bias for distance |
# | {cite:t}`lin2017structured` | a few learned queries, the states of a BiLSTM ("self-attentive") | kept, below the attention |
# | {cite:t}`vaswani2017attention` | each word, all words, in layers, with several heads | none; order comes from vectors for positions |
#
# The word *self-attention* has meant all four. Today it means the last.
#
# ## Common bugs

# %%
def attempt(check, *args, **options):
    try:
        check(*args, **options)
    except AssertionError as error:
        print("fails:", error)


# %% [markdown]
# **One module under two names.** A line copied, or a projection "initialized like" the other by assignment. It trains, and it does worse for no visible reason. The check: fresh scores must not be symmetric.

# %%
x = torch.randn(2, 5, 8)
tied = MySelfAttention(8, 8, 8)
tied.key = tied.query
print("parameters:", len(list(tied.parameters())), "where there should be 3")
matches(tied.scores(x), tied.scores(x).mT, tolerance=1e-5, name="scores and transposed")
right = MySelfAttention(8, 8, 8)
attempt(matches, right.scores(x), right.scores(x).mT, name="the right layer")

# %% [markdown]
# **The wrong axis.** In cross-attention a softmax over queries, or transposed weights, mostly end in an error of shapes. In self-attention everything is square.

# %%
rows_sum_to_one(right.scores(x).softmax(-1))
attempt(rows_sum_to_one, right.scores(x).softmax(-2))
attempt(rows_sum_to_one, right.scores(x).softmax(-1).mT)


# %% [markdown]
# **Length first.** `nn.GRU` reads (length, batch, dim) unless told otherwise. Give such a tensor to a layer that expects the batch first, and each word attends to the other sentences of the batch. The shapes fit. The check: no example may depend on another.

# %%
def on_examples(layer, length_first):
    def f(rows):  # (batch, 5 · 8)
        x = rows.unflatten(-1, (5, 8))
        y = layer(x.transpose(0, 1)).transpose(0, 1) if length_first else layer(x)
        return y.flatten(1)
    return f


rows = torch.randn(3, 40)
with torch.no_grad():
    no_leak(on_examples(right, False), rows, torch.eye(3))
    attempt(no_leak, on_examples(right, True), rows, torch.eye(3))


# %% [markdown]
# ## More exercises
#
# ### Exercise 3 · One projection
#
# By {eq}`eq-22-shared`: (a) Which word always looks most at itself? (b) What must hold of the lengths of the $g_i$ if each word but the first is to look most at the one before? And of the scores $s_{i, i-1}$? (c) Let $W_k = W_q D$ with a diagonal matrix $D$ of signs, some +1 and some −1. Which half of {eq}`eq-22-shared` still holds? Does that help *previous*, *reverse*, both?
#
# <details>
# <summary>Solution</summary>
#
# (a) The one with the longest $g_i$: for every $j$, $s_{ij} \le (s_{ii} + s_{jj})/2 \le s_{ii}$. (b) $s_{i,i-1} > s_{ii}$ together with $2 s_{i,i-1} \le s_{ii} + s_{i-1,i-1}$ gives $s_{i-1,i-1} > s_{i,i-1} > s_{ii}$: the lengths fall from left to right. The scores fall, too: word $i$ prefers $i - 1$ to $i + 1$, so $s_{i,i-1} > s_{i,i+1} = s_{i+1,i}$. Each word asks less firmly than the one before, and a long sequence runs out of room. (c) The first: $x_i W_q D W_q^\top x_j^\top$ is symmetric, but $s_{ii}$ may be negative now, and the bound is gone. The map of *reverse* is a symmetric matrix with eigenvalues +1 and −1, so it becomes possible. *Previous* still has to make do with falling scores.
#
# </details>
#
# ### Exercise 4 · A matter of signs
#
# Try (c): give the layer one projection and six signs of each kind, and train it on the three tasks.

# %% cellView="form" jupyter={"source_hidden": true} tags=["solution", "hide-cell"]
# @title Solution
class Signed(MySelfAttention):
    def scores(self, x):
        g = self.query(x)
        signs = torch.tensor([1.0, -1.0]).repeat(n // 2)
        return g @ (signs * g).mT * n**-0.5


for task in tasks:
    layer = Signed(symbols + n, n, symbols)
    layer.key = layer.query
    right, _, _, top = judge(trained(layer, training[task], 3e-2), task)
    print(f"{task:9} right {right:.2f}, largest there {top:.2f}")

# %% [markdown]
# <details>
# <summary>What we saw</summary>
#
# TEXT-SIGNS
#
# </details>
#
# ### Exercise 5 · Where is the crossing?
#
# By the table, from which $n$ on does self-attention multiply more often than a GRU? Put in $d = 64$ and $d = 1024$. {numref}`fig-22-time` shows the crossing of the *times* elsewhere. Why?
#
# <details>
# <summary>Solution</summary>
#
# $3nd^2 + 2n^2 d > 6nd^2$ for $n > 1.5\,d$: 96 words for $d = 64$, and 1,536 for $d = 1024$. The times cross more than ten times later, because a multiplication within a large product takes less time than one within a small one. The GRU's products with the state have one row each. With a batch of 64 sentences they would have 64 rows, and the GRU would use the processor better; its $n$ steps would stay $n$.
#
# </details>
#
# ## In short
#
# TEXT-SHORT
#
# ## Sources
#
# {cite:t}`cheng2016long`, {cite:t}`parikh2016decomposable`, {cite:t}`lin2017structured` and {cite:t}`vaswani2017attention` for the idea and its forms, the last also for the counts; {cite:t}`linzen2016assessing` for agreement with attractors as a test; {cite:t}`tran2018importance` and {cite:t}`tang2018why` for agreement in recurrent and self-attentive networks; {cite:t}`cho2014learning` for the GRU.
#
# ## Next question
#
# One layer makes one map: each word may look in one way. What if it needs to look in two?
