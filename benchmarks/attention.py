"""Our attention beside what a user would pick instead: one table of ratios, ours over theirs.

    make bench

Each row is measured in turn (A B A B, medians, one thread). Below 1 ours is faster or smaller. Rows
that exceed their bound are marked. A forward pass takes 2,048 tokens, in as many sequences as that
makes: with PyTorch's own, the larger batch of scores decides, and so a single sequence stands
beside it.
"""

import platform
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import numpy as np
import torch
import torch.nn.functional as F
from measure import in_fresh_process, peak_mib, ratio
from torch import nn

from attnutils import reference
from attnutils.attention import attention
from attnutils.capture import record_attention
from attnutils.efficient import tiled_attention
from attnutils.layers import AdditiveAttention, AttentionCore, KVCache, MultiHeadAttention
from attnutils.recurrent import BahdanauDecoder, Encoder, Seq2Seq

DIM, HEADS = 256, 8


def main() -> None:
    """Measure everything and print the table."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    names = ("torch", "numpy", "transformers", "x-transformers")
    print(f"Python {platform.python_version()}, {platform.machine()}, one thread;",
          ", ".join(f"{name} {version(name)}" for name in names))  # fmt: skip
    print(f"{'what':44} {'against':40} {'ratio':>7} {'at most':>8}")
    missed = []
    for part in (
        numpy_rows,
        layer_rows,
        kernel_rows,
        family_rows,
        decoding_rows,
        recurrent_rows,
        memory_rows,
    ):
        for what, against, value, bound in part():
            fails = bound is not None and value > bound
            missed += [what] if fails else []
            limit = "" if bound is None else f"{bound:8.2f}"
            print(
                f"{what:44} {against:40} {value:7.3f} {limit}{' missed' if fails else ''}",
                flush=True,
            )
    print("all bounds hold" if not missed else f"missed: {'; '.join(missed)}")


def inputs(length: int) -> torch.Tensor:
    """2,048 tokens, in sequences of that length."""
    return torch.randn(2048 // length, length, DIM)


def forward(f: Callable) -> Callable:
    """The same call without gradient."""

    def call() -> None:
        with torch.no_grad():
            f()

    return call


def backward(f: Callable) -> Callable:
    """The same call and its gradient."""

    def call() -> None:
        output = f()
        (output[0] if isinstance(output, tuple) else output).sum().backward()

    return call


def layer_rows():
    """MultiHeadAttention against PyTorch's and x-transformers'."""
    from x_transformers.x_transformers import Attention

    ours = MultiHeadAttention(DIM, HEADS).eval()
    torchs = nn.MultiheadAttention(DIM, HEADS, batch_first=True).eval()
    flash = Attention(dim=DIM, heads=HEADS, dim_head=DIM // HEADS, flash=True).eval()
    bounds = {512: 0.85, 2048: 0.70}
    for n in (128, 512, 2048):
        x = inputs(n)
        plain = partial(torchs, x, x, x, need_weights=False)
        yield (f"MultiHeadAttention forward, {n}", "nn.MultiheadAttention(need_weights=False)",
               ratio(forward(partial(ours, x)), forward(plain)), bounds.get(n))  # fmt: skip
        yield (f"forward, {n}", "nn.MultiheadAttention with weights",
               ratio(forward(partial(ours, x)),
                     forward(partial(torchs, x, x, x))), None)  # fmt: skip
        yield (f"forward, {n}", "x-transformers with flash",
               ratio(forward(partial(ours, x)), forward(partial(flash, x))), 1.05)  # fmt: skip
        grad = x.clone().requires_grad_()
        plain = partial(torchs, grad, grad, grad, need_weights=False)
        yield (f"forward and backward, {n}", "nn.MultiheadAttention(need_weights=False)",
               ratio(backward(partial(ours, grad)), backward(plain)), 1.05)  # fmt: skip
        mask = nn.Transformer.generate_square_subsequent_mask(n)
        hidden = {"need_weights": False, "attn_mask": mask, "is_causal": True}
        yield (f"causal forward, {n}", "nn.MultiheadAttention with is_causal",
               ratio(forward(partial(ours, x, causal=True)),
                     forward(partial(torchs, x, x, x, **hidden))), 1.05)  # fmt: skip
        yield (f"causal forward and backward, {n}", "nn.MultiheadAttention with is_causal",
               ratio(backward(partial(ours, grad, causal=True)),
                     backward(partial(torchs, grad, grad, grad, **hidden))), 1.05)  # fmt: skip
    x = torch.randn(1, 512, DIM)
    yield ("forward, 512, one sequence", "nn.MultiheadAttention(need_weights=False)",
           ratio(forward(partial(ours, x)),
                 forward(partial(torchs, x, x, x, need_weights=False))), None)  # fmt: skip
    x = inputs(512)
    with record_attention(ours):
        pass
    yield ("forward after a recording, 512", "the same module, never recorded",
           ratio(forward(partial(ours, x)), forward(partial(_copy(ours), x))), 1.05)  # fmt: skip


def _copy(module: nn.Module) -> nn.Module:
    fresh = MultiHeadAttention(DIM, HEADS).eval()
    fresh.load_state_dict(module.state_dict())
    return fresh


def kernel_rows():
    """The function against the kernel it calls."""
    for n in (128, 512, 2048):
        q, k, v = (torch.randn(1, HEADS, n, DIM // HEADS) for _ in range(3))
        yield (f"attention, {n}", "F.scaled_dot_product_attention",
               ratio(forward(partial(attention, q, k, v)),
                     forward(partial(F.scaled_dot_product_attention, q, k, v))), None)  # fmt: skip


def family_rows():
    """Our attention layers against those of transformers, with the same number of parameters."""
    from transformers import GPT2Config, LlamaConfig
    from transformers.models.gpt2.modeling_gpt2 import GPT2Attention
    from transformers.models.llama.modeling_llama import LlamaAttention, LlamaRotaryEmbedding

    from attnutils.positions import Rotary

    n = 512
    x = inputs(n)
    config = GPT2Config(n_embd=DIM, n_head=HEADS, attn_implementation="sdpa")
    theirs = GPT2Attention(config, layer_idx=0).eval()
    ours = MultiHeadAttention(DIM, HEADS).eval()
    yield (f"causal forward, {n}", "transformers' GPT-2 attention (sdpa)",
           ratio(forward(partial(ours, x, causal=True)),
                 forward(partial(theirs, x))), None)  # fmt: skip
    config = LlamaConfig(hidden_size=DIM, num_attention_heads=HEADS, num_key_value_heads=2,
                         attn_implementation="sdpa")  # fmt: skip
    theirs = LlamaAttention(config, layer_idx=0).eval()
    places = torch.arange(n)[None]
    turn = LlamaRotaryEmbedding(config)

    def llama() -> None:
        theirs(x, position_embeddings=turn(x, places), attention_mask=None)

    ours = MultiHeadAttention(DIM, HEADS, num_kv_heads=2, bias=False, rotary=Rotary(DIM // HEADS))
    yield (f"causal forward, rotary, grouped, {n}", "transformers' Llama attention (sdpa)",
           ratio(forward(partial(ours.eval(), x, causal=True)), forward(llama)), None)  # fmt: skip


def decoding_rows():
    """One step with a cache of 2048 keys against joining with torch.cat, and against no cache.

    What joining costs depends on the allocator: a process that never held larger blocks gets fresh
    pages from the system at every step, one that did uses its own again.
    """
    for batch, bound in ((8, 0.4), (1, 0.4)):
        what = f"one decoding step, cache of 2048, batch {batch}"
        joined, again = in_fresh_process(decoding_step, batch)
        yield what, "a cache grown by torch.cat", joined, bound
        yield what, "no cache: all keys projected again", again, None
        joined, _ = in_fresh_process(decoding_step, batch, True)
        yield what, "torch.cat, after larger blocks", joined, None


def decoding_step(batch: int, larger_blocks: bool = False, keys: int = 2048) -> tuple[float, float]:
    """Time of a step with our cache over one with torch.cat, and over one without a cache."""
    torch.set_num_threads(1)
    if larger_blocks:
        [torch.ones(2**20 * size) for size in (1, 2, 4, 7)]  # up to 28 MiB, then given back
    layer = MultiHeadAttention(DIM, HEADS).eval()
    x, memory = torch.randn(batch, 1, DIM), torch.randn(batch, keys, DIM)
    k, v = (torch.randn(batch, HEADS, keys, DIM // HEADS) for _ in range(2))
    cache = KVCache(keys + 1)
    cache.append(k, v)

    def ours() -> None:
        layer(x, causal=True, cache=cache)
        cache.truncate(keys)

    def joined() -> None:
        q, new_k, new_v = (
            part(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in (layer.query, layer.key, layer.value)
        )
        all_k, all_v = torch.cat([k, new_k], 2), torch.cat([v, new_v], 2)
        out = F.scaled_dot_product_attention(q, all_k, all_v)
        layer.output(out.transpose(1, 2).flatten(2))

    theirs = (joined, partial(layer, x, memory))
    return tuple(ratio(forward(ours), forward(f)) for f in theirs)


def recurrent_rows():
    """A Bahdanau decoder's training step over 20 words, keys projected once or at every step."""
    size = {"vocab_size": 200, "dim": 128}
    core = AdditiveAttention(128, 128, 128)
    source, target = torch.randint(200, (2, 64, 20))

    def train(core: AttentionCore) -> Callable:
        model = Seq2Seq(Encoder(**size), BahdanauDecoder(**size, core=core))
        optimizer = torch.optim.Adam(model.parameters())

        def step() -> None:
            optimizer.zero_grad()
            F.cross_entropy(model(source, target).flatten(0, 1), target.flatten()).backward()
            optimizer.step()

        return step

    yield ("Bahdanau decoder, training step", "keys projected at every step",
           ratio(train(core), train(ProjectsEachTime(core))), None)  # fmt: skip


class ProjectsEachTime(AttentionCore):
    """The same core without ``project_keys``: a decoder cannot project the keys once."""

    def __init__(self, core: AttentionCore) -> None:
        super().__init__()
        self.core = core

    def weights(self, q, k, **options):
        """As the core's."""
        return self.core.weights(q, k, **options)


def numpy_rows():
    """Tiled NumPy attention against its two matrix products alone."""
    for n in (1024, 4096):
        q, k, v = np.random.default_rng(0).normal(size=(3, n, 64)).astype(np.float32)

        def products(q=q, k=k, v=v) -> np.ndarray:
            return (q @ k.T) @ v

        yield (f"tiled NumPy attention, {n}", "its two matrix products alone",
               ratio(partial(tiled_attention, q, k, v), products), 1.5)  # fmt: skip
        yield (f"reference attention (float64), {n}", "its two matrix products alone (float32)",
               ratio(partial(reference.attention, *(x.astype(float) for x in (q, k, v))), products,
                     rounds=5), None)  # fmt: skip


def memory_rows():
    """Peak memory, each in a process of its own."""
    setup = (
        "import torch; torch.set_num_threads(1)\n"
        "from attnutils.attention import attention, attention_weights\n"
        "q = torch.randn(1, 8, {n}, 32)\n"
        "with torch.no_grad(): attention(q[:, :, :64], q[:, :, :64], q[:, :, :64])"
    )
    fused = peak_mib(setup.format(n=2048), "with torch.no_grad(): attention(q, q, q)")
    explicit = peak_mib(setup.format(n=2048), "with torch.no_grad(): attention_weights(q, q) @ q")
    yield "peak memory of attention, 2048", "materialized scores", fused / explicit, 0.05
    setup = (
        "import numpy as np\n"
        "from attnutils.efficient import tiled_attention\n"
        "q = np.random.default_rng(0).normal(size=(16384, 64)).astype(np.float32)\n"
        "tiled_attention(q[:256], q[:256], q[:256])"
    )
    extra = peak_mib(setup, "tiled_attention(q, q, q)")
    yield "tiled NumPy attention, 16384: MiB extra", "MiB", extra, 20.0


if __name__ == "__main__":
    main()
