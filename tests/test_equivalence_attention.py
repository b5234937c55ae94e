"""Reference = functions = cores = MultiHeadAttention = PyTorch, forward and backward."""

import numpy as np
import pytest
import torch
from torch import nn

from attnutils import attention as functions
from attnutils import masks, reference
from attnutils.layers import DotProductAttention, MultiHeadAttention

QUERY, KEY = 4, 6


def _masks(rng):
    some = torch.as_tensor(rng.random((2, 3, QUERY, KEY)) < 0.6)
    empty_row = some.clone()
    empty_row[0, 1, 2] = False
    return {
        "none": {},
        "causal": {"causal": True},
        "padding": {"mask": masks.padding_mask(torch.tensor([2, 6]), KEY)},
        "window": {"mask": masks.window_mask(QUERY, KEY, before=1, after=1)},
        "prefix": {"mask": masks.prefix_mask(QUERY, KEY, prefix=3)},
        "any": {"mask": some},
        "an empty row": {"mask": empty_row},
        "all empty": {"mask": torch.zeros(1, 1, QUERY, KEY, dtype=torch.bool)},
        "mask and causal": {"mask": empty_row, "causal": True},
        "bias": {"bias": torch.as_tensor(rng.normal(size=(3, QUERY, KEY)))},
        "bias, mask, causal": {
            "bias": torch.as_tensor(rng.normal(size=(1, 3, QUERY, KEY))),
            "mask": empty_row,
            "causal": True,
        },
        "scale": {"scale": 0.3},
    }


KINDS = list(_masks(np.random.default_rng(0)))


def _inputs(rng):
    shapes = [(2, 3, QUERY, 5), (2, 3, KEY, 5), (2, 3, KEY, 7)]
    return [torch.as_tensor(rng.normal(size=s)).requires_grad_() for s in shapes]


def _numpy(options):
    return {k: v.numpy() if isinstance(v, torch.Tensor) else v for k, v in options.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_forward_and_gradients_agree(rng, kind):
    q, k, v = _inputs(rng)
    options = _masks(rng)[kind]
    grad = torch.as_tensor(rng.normal(size=(2, 3, QUERY, 7)))
    arrays = [x.detach().numpy() for x in (q, k, v)]
    expected = reference.attention(*arrays, **_numpy(options))
    gradients = reference.attention_backward(*arrays, grad.numpy(), **_numpy(options))

    def explicit(q, k, v, **options):
        return functions.attention_weights(q, k, **options) @ v

    scale = options.get("scale")
    core_options = {name: x for name, x in options.items() if name != "scale"}
    core = DotProductAttention(scale=scale)
    for name, output in {
        "fused": functions.attention(q, k, v, **options),
        "explicit": explicit(q, k, v, **options),
        "core": core(q, k, v, **core_options),
        "core's weights": core.weights(q, k, **core_options) @ v,
    }.items():
        np.testing.assert_allclose(output.detach(), expected, atol=1e-12, err_msg=name)
        for x, dx, which in zip(
            torch.autograd.grad(output, (q, k, v), grad), gradients, "qkv", strict=True
        ):
            np.testing.assert_allclose(x, dx, atol=1e-12, err_msg=f"{name}: d{which}")


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck(rng, kind):
    options = _masks(rng)[kind]
    assert torch.autograd.gradcheck(lambda *x: functions.attention(*x, **options), _inputs(rng))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_multi_head_equals_torch(rng, causal, padded):
    ours = _randomized(MultiHeadAttention(12, 3, memory_dim=12).double(), rng)
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).double()
    with torch.no_grad():
        for packed, parts in {
            "in_proj_weight": [ours.query.weight, ours.key.weight, ours.value.weight],
            "in_proj_bias": [ours.query.bias, ours.key.bias, ours.value.bias],
        }.items():
            getattr(theirs, packed).copy_(torch.cat(parts))
        theirs.out_proj.load_state_dict(ours.output.state_dict())
    x = torch.as_tensor(rng.normal(size=(2, 5, 12)))
    mask = masks.padding_mask(torch.tensor([5, 3]), 5) if padded else None
    expected, _ = theirs(
        x, x, x,
        key_padding_mask=~mask[:, 0, 0] if padded else None,  # the opposite polarity
        attn_mask=~masks.causal_mask(5) if causal else None,
    )  # fmt: skip
    torch.testing.assert_close(ours(x, mask=mask, causal=causal), expected, rtol=0, atol=1e-12)


def test_cross_attention_equals_torch(rng):
    ours = _randomized(MultiHeadAttention(8, 2, memory_dim=6).double(), rng)
    theirs = nn.MultiheadAttention(8, 2, kdim=6, vdim=6, batch_first=True).double()
    with torch.no_grad():
        for name in ("query", "key", "value"):
            getattr(theirs, f"{name[0]}_proj_weight").copy_(getattr(ours, name).weight)
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]))
        theirs.out_proj.load_state_dict(ours.output.state_dict())
    x, memory = (torch.as_tensor(rng.normal(size=s)) for s in [(2, 3, 8), (2, 5, 6)])
    torch.testing.assert_close(ours(x, memory), theirs(x, memory, memory)[0], rtol=0, atol=1e-12)


def test_grouped_heads_equal_repeated_heads(rng):
    grouped = _randomized(MultiHeadAttention(12, 6, num_kv_heads=2).double(), rng)
    full = MultiHeadAttention(12, 6).double()
    state = dict(grouped.state_dict())
    for name in ("key.weight", "key.bias", "value.weight", "value.bias"):
        heads = state[name].unflatten(0, (2, 2))  # (kv heads, head_dim, …)
        state[name] = heads.repeat_interleave(3, 0).flatten(0, 1)
    full.load_state_dict(state)
    x = torch.as_tensor(rng.normal(size=(2, 5, 12)))
    torch.testing.assert_close(grouped(x, causal=True), full(x, causal=True), rtol=0, atol=1e-12)


def test_multi_head_equals_the_reference(rng):
    layer = _randomized(MultiHeadAttention(12, 3, bias=False).double(), rng)
    x = rng.normal(size=(2, 5, 12))
    q, k, v = (
        reference.split_heads(x @ getattr(layer, name).weight.detach().numpy().T, 3)
        for name in ("query", "key", "value")
    )
    heads = reference.merge_heads(reference.attention(q, k, v, causal=True))
    expected = heads @ layer.output.weight.detach().numpy().T
    np.testing.assert_allclose(
        layer(torch.as_tensor(x), causal=True).detach(), expected, atol=1e-12
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("form", ["fused", "explicit"])
def test_low_precision_is_as_good_as_plain_torch(rng, dtype, form):
    q, k, v = (torch.as_tensor(rng.normal(size=(2, 4, 33, 16))) for _ in range(3))
    exact = functions.attention(q, k, v, causal=True)
    low = [x.to(dtype) for x in (q, k, v)]
    plain = (low[0] @ low[1].mT / 4).masked_fill(~masks.causal_mask(33), float("-inf"))
    plain = plain.softmax(-1) @ low[2]
    if form == "fused":
        ours = functions.attention(*low, causal=True)
    else:
        ours = functions.attention_weights(*low[:2], causal=True) @ low[2]
    allowed = 2 * (plain - exact).abs().max()
    assert (ours - exact).abs().max() <= allowed


def _randomized(module, rng):
    """Every parameter at random: default biases of zero hide mistakes."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.as_tensor(rng.normal(size=parameter.shape)) / 2)
    return module
