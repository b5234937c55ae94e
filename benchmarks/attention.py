"""Our attention beside what a user would pick instead: one table of ratios, ours over theirs.

    make bench

Each row is measured in turn (A B A B, medians, one thread). Below 1 ours is faster or smaller. Rows
with a bound fail the run when they exceed it by more than the noise that the last row shows.
"""

import platform
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import numpy as np
import torch
import torch.nn.functional as F
from measure import peak_mib, ratio
from torch import nn

from attnutils import reference
from attnutils.attention import attention
from attnutils.capture import record_attention
from attnutils.efficient import tiled_attention
from attnutils.layers import AdditiveAttention, KVCache, MultiHeadAttention

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
        layer_rows,
        kernel_rows,
        family_rows,
        decoding_rows,
        recurrent_rows,
        numpy_rows,
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
    """A batch of about the same number of tokens for every length."""
    return torch.randn(max(1, 2048 // length // 2), length, DIM)


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
    """One step with a cache of 2048 keys against joining with torch.cat."""
    n = 2048
    layer = MultiHeadAttention(DIM, HEADS).eval()
    x = torch.randn(1, 1, DIM)
    with torch.no_grad():
        k, v = (torch.randn(1, HEADS, n, DIM // HEADS) for _ in range(2))
        cache = KVCache(n + 1)
        cache.append(k, v)

        def ours() -> None:
            layer(x, causal=True, cache=cache)
            cache.truncate(n)

        def joined() -> None:
            q, new_k, new_v = (
                part(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
                for part in (layer.query, layer.key, layer.value)
            )
            keys, values = torch.cat([k, new_k], 2), torch.cat([v, new_v], 2)
            out = F.scaled_dot_product_attention(q, keys, values)
            layer.output(out.transpose(1, 2).flatten(2))

        yield (f"one decoding step, cache of {n}", "a cache grown by torch.cat",
               ratio(forward(ours), forward(joined)), 0.4)  # fmt: skip
        memory = torch.randn(1, n, DIM)
        yield (f"one decoding step, cache of {n}", "no cache: all keys projected again",
               ratio(forward(ours), forward(partial(layer, x, memory))), None)  # fmt: skip


def recurrent_rows():
    """A decoder's 20 training steps over 20 source words, keys projected once or at every step."""
    core = AdditiveAttention(128, 256, 128)
    q = torch.randn(64, 1, 128)
    memory = torch.randn(64, 20, 256)

    def once() -> torch.Tensor:
        keys = core.project_keys(memory)
        return sum(core(q, keys, memory, keys_projected=True).sum() for _ in range(20))

    def each_time() -> torch.Tensor:
        return sum(core(q, memory, memory).sum() for _ in range(20))

    yield ("additive attention, 20 decoder steps", "keys projected at every step",
           ratio(backward(once), backward(each_time)), None)  # fmt: skip


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
