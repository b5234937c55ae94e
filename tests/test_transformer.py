"""Blocks, stacks and recipes: caches, masks, what a failed call leaves behind, and bad input.

That they compute the right thing is shown against ``transformers``.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnutils.checks import no_leak
from attnutils.layers import (
    AttentionCore,
    FeedForward,
    GatedFeedForward,
    KVCache,
    MultiHeadAttention,
    Residual,
)
from attnutils.masks import padding_mask
from attnutils.positions import Rotary
from attnutils.transformer import (
    PatchEmbedding,
    Stack,
    TokenEmbedding,
    TransformerConfig,
    bert,
    gpt,
    llama,
    t5,
    vit,
)

POSITIONS = ["learned", "sinusoidal", "rotary", "relative", "alibi", "none"]
TOKENS = torch.tensor([[5, 3, 8, 1, 9, 2], [7, 7, 2, 11, 4, 3]])


def small(positions, **choices):
    torch.manual_seed(0)
    model = gpt(13, 12, 3, 2, positions=positions, **choices).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    return model


@pytest.mark.parametrize("positions", POSITIONS)
@settings(max_examples=5)
@given(cuts=st.sets(st.integers(1, 5)))
def test_any_split_of_the_input_gives_the_same(positions, cuts):
    model = small(positions) if positions != "rotary" else small(positions, head_dim=4)
    cache, parts, edges = model.new_cache(), [], [0, *sorted(cuts), 6]
    with torch.no_grad():
        for start, stop in zip(edges, edges[1:], strict=False):
            parts.append(model(TOKENS[:, start:stop], cache=cache))
        torch.testing.assert_close(torch.cat(parts, 1), model(TOKENS), rtol=0, atol=1e-10)


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_causal_stack_does_not_look_ahead(norm_first):
    torch.manual_seed(0)
    config = TransformerConfig(8, 2, 2, causal=True, positions="none", norm_first=norm_first)
    stack = Stack(config).double()
    no_leak(lambda x: stack(x[None])[0], torch.randn(5, 8).double(), torch.ones(5, 5).tril().bool())


@pytest.mark.parametrize("positions", POSITIONS)
def test_left_padding_changes_nothing(positions):
    model = small(positions) if positions != "rotary" else small(positions, head_dim=4)
    padded = torch.cat([torch.zeros(2, 2, dtype=torch.long), TOKENS], 1)
    real = padding_mask(torch.tensor([6, 6]), 8).flip(-1)
    places = (real[:, 0, 0].cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        got = model(padded, mask=real, positions=places)[:, 2:]
        torch.testing.assert_close(got, model(TOKENS), rtol=0, atol=1e-10)


def test_residual_orders(rng):
    layer, norm = torch.nn.Linear(4, 4), torch.nn.LayerNorm(4)
    x = torch.randn(3, 4)
    torch.testing.assert_close(Residual(layer, norm)(x), x + layer(norm(x)))
    torch.testing.assert_close(Residual(layer, norm, norm_first=False)(x), norm(x + layer(x)))


def test_feed_forwards(rng):
    x = torch.randn(2, 3, 8)
    plain = FeedForward(8, 16, activation=torch.relu)
    torch.testing.assert_close(plain(x), plain.down(torch.relu(plain.up(x))))
    gated = GatedFeedForward(8, 16)
    expected = gated.down(torch.nn.functional.silu(gated.gate(x)) * gated.up(x))
    torch.testing.assert_close(gated(x), expected)


def test_query_key_norm_bounds_the_scores(rng):
    layer = MultiHeadAttention(8, 2, qk_norm=lambda dim: torch.nn.RMSNorm(dim))
    x = torch.randn(1, 4, 8)
    torch.testing.assert_close(layer(1000 * x - 0, x), layer(500 * x, x), atol=1e-3, rtol=1e-3)


def test_cache_grows_reorders_and_forgets(rng):
    cache, keys = KVCache(), torch.randn(2, 3, 40, 4)
    for start in range(0, 40, 7):
        k, v = cache.append(keys[:, :, start : start + 7], 2 * keys[:, :, start : start + 7])
    assert len(cache) == 40
    assert k.equal(keys) and v.equal(2 * keys)
    cache.reorder(torch.tensor([1, 1, 0]))
    assert cache.get()[0].equal(keys[[1, 1, 0]])
    cache.truncate(5)
    k, _ = cache.append(keys[[0, 0, 0], :, :1], keys[[0, 0, 0], :, :1])
    assert k.shape == (3, 3, 6, 4)
    assert k[:, :, :5].equal(keys[[1, 1, 0], :, :5])


def test_a_cache_with_a_maximum_is_set_aside_at_once(rng):
    cache, k = KVCache(8), torch.randn(1, 1, 3, 4)
    cache.append(k, k)
    place = cache.get()[0].data_ptr()
    cache.append(k, k)
    assert cache.get()[0].data_ptr() == place
    with pytest.raises(ValueError, match="holds 6 of at most 8 keys; 3 more do not fit"):
        cache.append(k, k)
    assert len(cache) == 6


def test_failed_calls_leave_caches_as_they_were(rng):
    layer = MultiHeadAttention(8, 2)
    cache, x = KVCache(), torch.randn(2, 3, 8)
    layer(x, cache=cache)
    for options in (
        {"mask": torch.ones(2, 1, 1, 3, dtype=torch.bool)},
        {"bias": torch.ones(3, 9)},
    ):
        with pytest.raises(ValueError):
            layer(x, cache=cache, **options)
        assert len(cache) == 3
    with pytest.raises(ValueError, match="another batch"):
        layer(x[:1], cache=cache)
    assert len(cache) == 3
    broken = MultiHeadAttention(8, 2, core=_Broken())
    with pytest.raises(RuntimeError, match="broken"):
        broken(x, cache=cache)
    assert len(cache) == 3


def test_a_stack_that_fails_halfway_forgets_what_it_began():
    model = small("none")
    cache = model.new_cache()
    model(TOKENS, cache=cache)
    model.stack.blocks[1].attention.layer.core = _Broken()
    with pytest.raises(RuntimeError, match="broken"):
        model(TOKENS, cache=cache)
    assert [len(layer.own) for layer in cache] == [6, 6]


class _Broken(AttentionCore):
    def forward(self, *_, **__):
        raise RuntimeError("broken")


def test_recipes_tie_and_count():
    model = gpt(13, 12, 3, 2)
    assert model.head.weight is model.embed.table.weight
    assert t5(13, 12, 3, 1, decoder_layers=2).decoder.blocks[1].cross is not None
    assert llama(13, 12, 3, 1).embed.positions is None
    assert bert(13, 12, 3, 1).stack.norm.__class__ is torch.nn.Identity


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: TransformerConfig(12, 5, 2), "dim 12 is not divisible by num_heads 5"),
        (lambda: TransformerConfig(12, 3, 0), "num_layers is 0"),
        (lambda: TransformerConfig(12, 0, 2, positions="rotary"), "num_heads is 0"),
        (lambda: t5(13, 12, 3, 2, decoder_layers=0), "num_layers is 0"),
        (lambda: TransformerConfig(12, 3, 2, norm="batch"), "norm is 'batch'; expected one of"),
        (lambda: TransformerConfig(12, 3, 2, activation="x"), "activation is 'x'"),
        (lambda: TransformerConfig(12, 3, 2, positions="x"), "positions is 'x'"),
        (lambda: TransformerConfig(12, 3, 2, dropout=2.0), "dropout is 2.0"),
        (lambda: TransformerConfig(9, 3, 2, positions="rotary"), "head_dim is 3; expected an even"),
        (lambda: gpt(0, 12, 3, 2), "vocab_size is 0"),
        (lambda: gpt(13, 12, 3, 2)(TOKENS + 5), "Do they come from another vocabulary?"),
        (lambda: gpt(13, 12, 3, 2)(TOKENS.float()), "expected whole numbers, (batch, length)"),
        (lambda: gpt(13, 12, 3, 2, max_length=0), "max_length is 0"),
        (lambda: gpt(13, 12, 3, 2, max_length=4)(TOKENS), "longer than max_length?"),
        (lambda: gpt(13, 12, 3, 2)(TOKENS, segments=TOKENS), "segments are given"),
        (lambda: gpt(13, 12, 3, 2)(TOKENS, cache=gpt(13, 12, 3, 1).new_cache()), "for 1 blocks"),
        (lambda: Stack(TransformerConfig(12, 3, 1))(torch.ones(1, 2, 12), torch.ones(1, 2, 12)),
         "no cross-attention"),
        (lambda: Stack(TransformerConfig(12, 3, 1), cross=True)(torch.ones(1, 2, 12)),
         "memory is missing"),
        (lambda: PatchEmbedding(9, 2, 4), "image_size=9 is not divisible by patch_size=2"),
        (lambda: vit(3, 12, 3, 1, image_size=8, patch_size=4)(torch.ones(1, 1, 8, 8)),
         "images have shape (1, 1, 8, 8); expected"),
        (lambda: TokenEmbedding(5, 4, dropout=1.0), "dropout is 1.0"),
        (lambda: FeedForward(0), "dim is 0"),
        (lambda: GatedFeedForward(4, 0), "hidden_dim is 0"),
        (lambda: KVCache(0), "max_length is 0"),
        (lambda: KVCache().get(), "the cache is empty"),
        (lambda: KVCache().truncate(1), "cannot keep 1 of 0 keys"),
        (lambda: KVCache().append(torch.ones(1, 2, 3, 4), torch.ones(1, 2, 2, 4)), "one value for"),
        (lambda: MultiHeadAttention(8, 2, memory_dim=4)(torch.ones(1, 2, 8)), "memory is missing"),
        (lambda: MultiHeadAttention(8, 2, rotary=Rotary(4))(*torch.ones(2, 1, 2, 8)),
         "Build the cross-attention layer without rotary"),
        (lambda: MultiHeadAttention(8, 2, rotary=Rotary(4))(
            torch.ones(1, 2, 8), positions=torch.arange(3)), "one for each query"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


def test_reordering_an_unknown_row_is_refused(rng):
    cache, k = KVCache(), torch.randn(2, 1, 3, 4)
    cache.append(k, k)
    with pytest.raises(ValueError, match="of a cache with a batch of 2"):
        cache.reorder(torch.tensor([0, 2]))
    assert cache.get()[0].equal(k)
