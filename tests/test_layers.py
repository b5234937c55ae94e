"""Layers: what they accept, what cores promise, and bad input."""

import pytest
import torch

from attnutils.layers import (
    AdditiveAttention,
    AttentionCore,
    DotProductAttention,
    GeneralAttention,
    MultiHeadAttention,
)
from attnutils.masks import padding_mask

CORES = {
    "dot": lambda **o: DotProductAttention(**o),
    "additive": lambda **o: AdditiveAttention(4, 4, 7, **o),
    "general": lambda **o: GeneralAttention(4, 4, **o),
}


@pytest.mark.parametrize("name", CORES)
def test_forward_is_weights_times_values(rng, name):
    core = CORES[name]()
    q, k, v = (torch.randn(2, 3, n, 4) for n in (5, 6, 6))
    mask = padding_mask(torch.tensor([2, 6]), 6)
    expected = core.weights(q, k, mask=mask, causal=True) @ v
    torch.testing.assert_close(core(q, k, v, mask=mask, causal=True), expected)


@pytest.mark.parametrize("name", CORES)
def test_dropout_acts_only_in_training(rng, name):
    core = CORES[name](dropout=0.5)
    q = torch.randn(1, 1, 32, 4)
    assert not core(q, q, q).equal(core(q, q, q))
    core.eval()
    assert core(q, q, q).equal(core(q, q, q))


@pytest.mark.parametrize("name", CORES)
def test_any_core_serves_in_several_heads(rng, name):
    layer = MultiHeadAttention(8, 2, core=CORES[name]())
    layer(torch.randn(2, 3, 8)).sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


def test_scores_see_query_and_key_sides_apart(rng):
    core = AdditiveAttention(6, 8, 5)
    assert core(torch.randn(2, 1, 6), torch.randn(2, 5, 8), torch.randn(2, 5, 3)).shape == (2, 1, 3)


def test_sizes_of_the_projections():
    layer = MultiHeadAttention(12, 4, num_kv_heads=2, head_dim=5, memory_dim=7, bias=False)
    shapes = {name: tuple(p.shape) for name, p in layer.named_parameters()}
    assert shapes == {
        "query.weight": (20, 12),
        "key.weight": (10, 7),
        "value.weight": (10, 7),
        "output.weight": (12, 20),
    }
    assert layer(torch.ones(2, 3, 12), torch.ones(2, 5, 7)).shape == (2, 3, 12)


def test_fully_masked_sequence_gives_the_output_bias(rng):
    layer = MultiHeadAttention(8, 2)
    layer.output.bias.data.normal_()
    x = torch.randn(2, 3, 8, requires_grad=True)
    output = layer(x, mask=padding_mask(torch.tensor([0, 3]), 3))
    torch.testing.assert_close(output[0], layer.output.bias.expand(3, 8))
    output.sum().backward()
    assert x.grad.isfinite().all()


def test_empty_batch():
    assert MultiHeadAttention(8, 2)(torch.ones(0, 3, 8)).shape == (0, 3, 8)


def test_a_core_must_say_how_it_weighs():
    with pytest.raises(NotImplementedError, match="AttentionCore must define weights"):
        AttentionCore()(torch.ones(1, 2), torch.ones(1, 2), torch.ones(1, 2))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: MultiHeadAttention(10, 3), "dim 10 is not divisible by num_heads 3"),
        (lambda: MultiHeadAttention(0, 1), "dim is 0"),
        (lambda: MultiHeadAttention(8, 0), "num_heads is 0"),
        (lambda: MultiHeadAttention(8, True), "num_heads is True"),
        (lambda: MultiHeadAttention(8, 4, num_kv_heads=3), "not divisible by num_kv_heads 3"),
        (lambda: MultiHeadAttention(8, 4, num_kv_heads=0), "num_kv_heads is 0"),
        (lambda: MultiHeadAttention(8, 4, head_dim=0), "head_dim is 0"),
        (lambda: MultiHeadAttention(8, 4, memory_dim=-1), "memory_dim is -1"),
        (lambda: DotProductAttention(dropout=1.0), "dropout is 1.0"),
        (lambda: AdditiveAttention(4, 0, 4), "key_dim is 0"),
        (lambda: GeneralAttention(4, 0), "key_dim is 0"),
        (lambda: MultiHeadAttention(8, 2)(torch.ones(3, 8)), "x has shape (3, 8); expected (batch"),
        (lambda: MultiHeadAttention(8, 2)(torch.ones(1, 3, 6)), "expected (batch, length, 8)"),
        (
            lambda: MultiHeadAttention(8, 2)(torch.ones(2, 3, 8), torch.ones(1, 3, 8)),
            "memory has shape (1, 3, 8); expected (2, length, 8). Was the memory encoded",
        ),
        (
            lambda: MultiHeadAttention(8, 2)(torch.ones(2, 3, 8), mask=torch.ones(2, 3).bool()),
            "query axis 2 ≠ 3",
        ),
        (
            lambda: AdditiveAttention(4, 4, 4)(
                torch.ones(1, 4), torch.ones(2, 4), torch.ones(3, 4)
            ),
            "k has 2 rows",
        ),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
