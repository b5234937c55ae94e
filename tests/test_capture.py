"""Recording shows the weights that were used and changes nothing."""

import pytest
import torch
from torch import nn

from attnutils.capture import edit_attention, record_attention, rollout
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


def test_an_edit_that_changes_nothing_changes_nothing(rng):
    layer = MultiHeadAttention(8, 2)
    x, mask = torch.randn(2, 5, 8), padding_mask(torch.tensor([3, 5]), 5)
    plain = layer(x, mask=mask, causal=True)
    with edit_attention(layer, {"core": lambda weights: weights}):
        torch.testing.assert_close(layer(x, mask=mask, causal=True), plain)
    assert layer(x, mask=mask, causal=True).equal(plain)


def test_a_head_switched_off_adds_nothing(rng):
    layer = MultiHeadAttention(8, 2)
    x = torch.randn(1, 3, 8)

    def without_first(weights):
        return torch.stack([torch.zeros_like(weights[:, 0]), weights[:, 1]], dim=1)

    with edit_attention(layer, {"core": without_first}):
        output = layer(x)
    with torch.no_grad():
        layer.output.weight[:, :4] = 0  # what reads the first head
    torch.testing.assert_close(layer(x), output)


def test_a_core_called_by_name_can_be_edited(rng):
    core, k = AdditiveAttention(4, 4, 4), torch.randn(2, 5, 4)
    with edit_attention(core, {"": lambda weights: weights * 2}):
        doubled = core(k[:, :1], k, v=k)
    torch.testing.assert_close(doubled, 2 * core(k[:, :1], k, v=k))


def test_rollout(rng):
    layers = torch.randn(3, 2, 4, 5, 5).softmax(-1)
    eye = torch.eye(5)
    expected = eye
    for layer in layers:
        expected = (0.3 * eye + 0.7 * layer.mean(1)) @ expected
    got = rollout(list(layers), residual=0.3)
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(got.sum(-1), torch.ones(2, 5))
    torch.testing.assert_close(rollout({"a": layers[0]}, residual=0.0), layers[0].mean(1))


def test_bad_edits_and_rollouts_are_named(rng, untyped):
    layer = MultiHeadAttention(8, 2)
    with pytest.raises(ValueError, match="no core named"), edit_attention(layer, {"kore": abs}):
        pass
    with (
        pytest.raises(ValueError, match="expected the same shape"),
        edit_attention(layer, {"core": lambda weights: weights[:, :1]}),
    ):
        layer(torch.randn(1, 3, 8))
    for weights, options, message in [
        ([], {}, "for each"),
        ([torch.ones(1, 2, 3, 4)], {}, "Is there cross-attention among them?"),
        ([torch.ones(1, 2, 3, 3)], {"residual": 1.5}, "residual is 1.5"),
    ]:
        with pytest.raises(ValueError, match=message):
            rollout(weights, **options)
