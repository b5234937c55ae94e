"""Recording shows the weights that were used and changes nothing."""

import pytest
import torch
from torch import nn

from attnutils.capture import record_attention
from attnutils.layers import AdditiveAttention, MultiHeadAttention
from attnutils.masks import padding_mask


def test_recorded_weights_reproduce_the_output(rng):
    layer = MultiHeadAttention(8, 2)
    x, mask = torch.randn(2, 5, 8), padding_mask(torch.tensor([3, 5]), 5)
    plain = layer(x, mask=mask, causal=True)
    with record_attention(layer) as weights:
        output = layer(x, mask=mask, causal=True)
    assert output.equal(plain)  # bit for bit
    values = layer.value(x).unflatten(-1, (2, 4)).transpose(1, 2)
    again = layer.output((weights["core"] @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(again, plain)
    assert not weights["core"].requires_grad


def test_recording_ends_with_the_block_even_after_an_error(rng):
    layer = MultiHeadAttention(8, 2)
    with pytest.raises(RuntimeError, match="stop"), record_attention(layer) as weights:
        raise RuntimeError("stop")
    layer(torch.randn(1, 3, 8))
    assert weights == {}


def test_names_of_several_layers(rng):
    model = nn.Sequential(MultiHeadAttention(8, 2), MultiHeadAttention(8, 4))
    with record_attention(model) as weights:
        model(torch.randn(1, 3, 8))
    assert {name: tuple(w.shape) for name, w in weights.items()} == {
        "0.core": (1, 2, 3, 3),
        "1.core": (1, 4, 3, 3),
    }


def test_steps_are_joined_and_padded(rng):
    layer = MultiHeadAttention(8, 2)
    x = torch.randn(1, 4, 8)
    with record_attention(layer) as weights:
        for length in (1, 2, 4):
            layer(x[:, length - 1 : length], x[:, :length])
    assert weights["core"].shape == (1, 2, 3, 4)
    assert (weights["core"][0, :, 0, 1:] == 0).all()
    torch.testing.assert_close(weights["core"].sum(-1), torch.ones(1, 2, 3))


def test_a_core_without_heads_reports_one(rng):
    core = AdditiveAttention(4, 4, 4)
    with record_attention(core) as weights:
        core(torch.randn(2, 1, 4), torch.randn(2, 5, 4), v=torch.randn(2, 5, 4))
    assert weights[""].shape == (2, 1, 1, 5)


def test_dropout_is_not_recorded(rng):
    layer = MultiHeadAttention(8, 2, core=AdditiveAttention(4, 4, 4, dropout=0.5))
    with record_attention(layer) as weights:
        layer(torch.randn(1, 5, 8))
    torch.testing.assert_close(weights["core"].sum(-1), torch.ones(1, 2, 5))


def test_bad_input_is_named(rng):
    with (
        pytest.raises(ValueError, match="Linear holds no AttentionCore"),
        record_attention(nn.Linear(2, 2)),
    ):
        pass
    layer = MultiHeadAttention(8, 2)
    with pytest.raises(ValueError, match="Open a new record"), record_attention(layer):
        layer(torch.randn(1, 3, 8))
        layer(torch.randn(2, 3, 8))
