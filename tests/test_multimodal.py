"""Cross-modal and co-attention, fusion and contrastive loss, each against its plain form."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from attnutils.capture import record_attention
from attnutils.masks import padding_mask
from attnutils.multimodal import (
    Bilinear,
    CoAttention,
    Concat,
    ContrastiveLoss,
    CrossModalBlock,
    Gated,
    LowRankBilinear,
    contrastive_loss,
)

FIRST, SECOND = (3, 5, 4), (3, 7, 6)  # batch, length, dim


def _randomized(module, rng):
    module = module.double()
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.as_tensor(rng.normal(size=tuple(p.shape))))
    return module


def _tensor(rng, *shape):
    return torch.as_tensor(rng.normal(size=shape))


def _pair(rng):
    return _tensor(rng, *FIRST), _tensor(rng, *SECOND)


def _masks():
    return {
        "first_mask": padding_mask(torch.tensor([5, 2, 0]), 5),
        "second_mask": padding_mask(torch.tensor([4, 7, 1]), 7),
    }


# -------------------------------------------------------------------------------- cross-modal


def test_cross_modal_is_two_attentions_that_read_what_came_in(rng):
    block = _randomized(CrossModalBlock(4, 6, 2), rng)
    first, second = _pair(rng)
    x, y = block.first_norm(first), block.second_norm(second)

    def attend(layer, x, y):
        q, k, v = layer.query(x), layer.key(y), layer.value(y)
        heads = []
        for part in torch.arange(q.shape[-1]).chunk(2):
            scores = torch.einsum("bid,bjd->bij", q[..., part], k[..., part]) / len(part) ** 0.5
            heads.append(torch.einsum("bij,bjd->bid", scores.softmax(-1), v[..., part]))
        return layer.output(torch.cat(heads, -1))

    ours = block(first, second)
    torch.testing.assert_close(ours[0], first + attend(block.first_over_second, x, y))
    torch.testing.assert_close(ours[1], second + attend(block.second_over_first, y, x))


def test_cross_modal_weights_are_recorded_with_their_indices_right(rng):
    block = CrossModalBlock(4, 6, 2)
    with record_attention(block) as weights:
        block(*(x.float() for x in _pair(rng)))
    assert {name: tuple(w.shape) for name, w in weights.items()} == {
        "first_over_second.core": (3, 2, 5, 7),
        "second_over_first.core": (3, 2, 7, 5),
    }


@pytest.mark.parametrize("make", [lambda: CrossModalBlock(4, 6, 2), lambda: CoAttention(4, 6, 3)])
def test_hidden_items_do_not_matter(rng, make):
    layer = _randomized(make(), rng)
    first, second = _pair(rng)
    other = first.clone(), second.clone()
    for x, mask in zip(other, _masks().values(), strict=True):
        x[~mask[:, 0, 0]] = 7.0
    outputs, changed = (layer(*pair, **_masks()) for pair in ((first, second), other))
    for x, y, mask in zip(outputs, changed, _masks().values(), strict=True):
        seen = mask[:, 0, 0] if x.ndim == 3 else ...
        torch.testing.assert_close(x[seen], y[seen])
    assert not layer(first, second)[0].allclose(layer(*other)[0])  # without masks they do


def test_missing_modality_leaves_the_other_as_it_was(rng):
    block = _randomized(CrossModalBlock(4, 6, 2), rng)
    first, second = _pair(rng)
    nothing = torch.zeros(1, 1, 1, 1, dtype=torch.bool)
    output, _ = block(first, second, second_mask=nothing)
    torch.testing.assert_close(output, first + block.first_over_second.output.bias)


def test_cross_modal_dropout_acts_in_training_alone(rng):
    block, (first, second) = CrossModalBlock(4, 6, 2, dropout=0.5).double(), _pair(rng)
    assert not block(first, second)[0].equal(block(first, second)[0])
    block.eval()
    assert block(first, second)[0].equal(block(first, second)[0])


# ------------------------------------------------------------------------------- co-attention


def _co_attention(layer, first, second):
    """One sequence of each, letter by letter."""
    affinity = torch.empty(len(first), len(second), dtype=torch.float64)
    for i, x in enumerate(first):
        for j, y in enumerate(second):
            affinity[i, j] = torch.tanh((layer.affinity_weight.weight @ x) @ y)
    x = [layer.first_hidden.weight @ a for a in first]
    y = [layer.second_hidden.weight @ b for b in second]
    scores = [
        torch.stack([
            layer.first_score.weight[0] @ torch.tanh(a + sum(c * b for c, b in zip(row, y)))
            for a, row in zip(x, affinity)
        ]),
        torch.stack([
            layer.second_score.weight[0] @ torch.tanh(b + sum(c * a for c, a in zip(column, x)))
            for b, column in zip(y, affinity.T)
        ]),
    ]  # fmt: skip
    weights = [s.exp() / s.exp().sum() for s in scores]
    return affinity, weights, (weights[0] @ first, weights[1] @ second)


def test_co_attention_item_by_item(rng):
    layer, (first, second) = _randomized(CoAttention(4, 6, 3), rng), _pair(rng)
    for b in range(3):
        affinity, weights, summaries = _co_attention(layer, first[b], second[b])
        torch.testing.assert_close(layer.affinity(first, second)[b], affinity)
        for ours, theirs in zip(layer.weights(first, second), weights, strict=True):
            torch.testing.assert_close(ours[b], theirs)
        for ours, theirs in zip(layer(first, second), summaries, strict=True):
            torch.testing.assert_close(ours[b], theirs)


def test_co_attention_of_padded_sequences_is_that_of_their_beginnings(rng):
    layer, (first, second) = _randomized(CoAttention(4, 6, 3), rng), _pair(rng)
    weights, summaries = (f(first, second, **_masks()) for f in (layer.weights, layer))
    affinity = layer.affinity(first, second, **_masks())
    for b, (n, m) in enumerate([(5, 4), (2, 7)]):
        expected = _co_attention(layer, first[b, :n], second[b, :m])
        torch.testing.assert_close(affinity[b, :n, :m], expected[0])
        torch.testing.assert_close(weights[0][b], F.pad(expected[1][0], (0, 5 - n)))
        torch.testing.assert_close(weights[1][b], F.pad(expected[1][1], (0, 7 - m)))
        torch.testing.assert_close(summaries[0][b], expected[2][0])
    assert (affinity[2] == 0).all()  # its first is empty
    assert (weights[0][2] == 0).all() and (summaries[0][2] == 0).all()
    assert weights[1][2].tolist() == [1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("make", [lambda: CrossModalBlock(4, 6, 2), lambda: CoAttention(4, 6, 3)])
def test_gradcheck_with_masks(rng, make):
    layer = _randomized(make(), rng)
    inputs = [x.requires_grad_() for x in _pair(rng)]
    parameters = tuple(layer.parameters())
    assert torch.autograd.gradcheck(
        lambda x, y, *_: layer(x, y, **_masks()), (*inputs, *parameters), fast_mode=True
    )


# ------------------------------------------------------------------------------------- fusion

FUSIONS = {
    "concat": lambda: Concat(4, 6, 5),
    "gated": lambda: Gated(4, 6, 5),
    "bilinear": lambda: Bilinear(4, 6, 5),
    "low rank": lambda: LowRankBilinear(4, 6, 5, rank=3),
}


def _plain(name, layer, x, y):
    """One pair of vectors, letter by letter."""
    both = torch.cat([x, y])
    if name == "concat":
        return layer.output.weight @ both + layer.output.bias
    if name == "gated":
        gate = 1 / (1 + torch.exp(-(layer.choose.weight @ both)))
        return gate * torch.tanh(layer.first.weight @ x) + (1 - gate) * torch.tanh(
            layer.second.weight @ y
        )
    if name == "bilinear":
        products = [x @ w @ y for w in layer.output.weight]
        return torch.stack(products) + layer.output.bias
    product = torch.tanh(layer.first.weight @ x) * torch.tanh(layer.second.weight @ y)
    return layer.output.weight @ product + layer.output.bias


@pytest.mark.parametrize("name", FUSIONS)
def test_fusion_letter_by_letter(rng, name):
    layer = _randomized(FUSIONS[name](), rng)
    x, y = _tensor(rng, 2, 3, 4), _tensor(rng, 2, 3, 6)
    output = layer(x, y)
    assert output.shape == (2, 3, 5)
    for place in [(0, 0), (1, 2)]:
        torch.testing.assert_close(output[place], _plain(name, layer, x[place], y[place]))


@pytest.mark.parametrize("name", FUSIONS)
def test_fusion_gradcheck(rng, name):
    layer = _randomized(FUSIONS[name](), rng)
    inputs = [_tensor(rng, 2, n).requires_grad_() for n in (4, 6)]
    assert torch.autograd.gradcheck(lambda x, y, *_: layer(x, y), (*inputs, *layer.parameters()))


@pytest.mark.parametrize("name", FUSIONS)
def test_only_concatenation_adds(rng, name):
    """Exclusive or needs f(a, c) + f(b, d) to differ from f(a, d) + f(b, c)."""
    layer = _randomized(FUSIONS[name](), rng)
    (a, b), (c, d) = _tensor(rng, 2, 4), _tensor(rng, 2, 6)
    additive = (layer(a, c) + layer(b, d)).allclose(layer(a, d) + layer(b, c))
    assert additive == (name == "concat")


def test_low_rank_is_bilinear_with_composed_weights(rng):
    low = _randomized(LowRankBilinear(4, 6, 5, rank=3, activation=nn.Identity()), rng)
    full = Bilinear(4, 6, 5).double()
    with torch.no_grad():
        full.output.weight.copy_(
            torch.einsum("kr,ri,rj->kij", low.output.weight, low.first.weight, low.second.weight)
        )
        full.output.bias.copy_(low.output.bias)
    x, y = _tensor(rng, 2, 4), _tensor(rng, 2, 6)
    torch.testing.assert_close(low(x, y), full(x, y))


def test_the_gate_is_the_share_of_the_first(rng):
    layer = _randomized(Gated(4, 6, 5), rng)
    x, y = _tensor(rng, 3, 4), _tensor(rng, 3, 6)
    layer.second.weight.data.zero_()
    torch.testing.assert_close(layer(x, y), layer.gate(x, y) * torch.tanh(layer.first(x)))


# ---------------------------------------------------------------------------- contrastive loss


def _contrastive(x, y, temperature, mask):
    total = 0.0
    for a, b, allowed in ((x, y, mask), (y, x, mask.T)):
        for i in range(len(a)):
            cosines = [a[i] @ z / (a[i].norm() * z.norm()) / temperature for z in b]
            others = [c.exp() for j, c in enumerate(cosines) if allowed[i, j]]
            total = total - torch.log(cosines[i].exp() / sum(others))
    return total / (2 * len(x))


@pytest.mark.parametrize("masked", [False, True])
def test_contrastive_loss_pair_by_pair(rng, masked):
    x, y = _tensor(rng, 5, 3), _tensor(rng, 5, 3)
    mask = torch.ones(5, 5, dtype=torch.bool)
    if masked:
        mask[0, 3] = mask[2, 1] = False  # not symmetric: columns and rows are told apart
    loss = contrastive_loss(x, y, temperature=0.5, mask=mask if masked else None)
    torch.testing.assert_close(loss, _contrastive(x, y, 0.5, mask))


def test_contrastive_loss_is_symmetric_and_knows_no_length(rng):
    x, y = _tensor(rng, 5, 3), _tensor(rng, 5, 3)
    torch.testing.assert_close(contrastive_loss(x, y), contrastive_loss(y, x))
    torch.testing.assert_close(contrastive_loss(3 * x, y / 7), contrastive_loss(x, y))


def test_equal_captions_are_no_errors():
    ids = torch.tensor([0, 1, 0])
    x = torch.eye(2)[ids]
    mask = (ids[:, None] != ids) | torch.eye(3, dtype=torch.bool)
    assert contrastive_loss(x, x, temperature=0.01) > 0.4  # log 2 for two rows of three
    assert contrastive_loss(x, x, temperature=0.01, mask=mask) < 1e-6


@pytest.mark.parametrize("masked", [False, True])
def test_contrastive_gradcheck(rng, masked):
    inputs = [_tensor(rng, 4, 3).requires_grad_() for _ in range(2)]
    temperature = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(4, 4, dtype=torch.bool)
    mask[1, 2] = False
    assert torch.autograd.gradcheck(
        lambda x, y, t: contrastive_loss(x, y, temperature=t, mask=mask if masked else None),
        (*inputs, temperature),
    )


def test_temperature_is_learned_down_to_its_limit(rng):
    x = torch.eye(4)
    loss = ContrastiveLoss(temperature=0.5, least=0.2)
    assert torch.equal(loss(x, x), contrastive_loss(x, x, temperature=loss.temperature))
    optimizer = torch.optim.SGD(loss.parameters(), 1.0)
    found = []
    for _ in range(60):
        found.append(loss.temperature.item())
        optimizer.zero_grad()
        loss(x, x).backward()
        optimizer.step()
    assert found[0] == pytest.approx(0.5)
    assert found[1] < found[0]  # all pairs are right: sharper is better
    assert found[-1] == pytest.approx(0.2)


# ---------------------------------------------------------------------------------- bad input

X, Y = torch.ones(FIRST), torch.ones(SECOND)
E = torch.ones(3, 4)


@pytest.mark.parametrize("make", [lambda: CrossModalBlock(4, 6, 2), lambda: CoAttention(4, 6, 3)])
@pytest.mark.parametrize(
    "call, message",
    [
        (lambda f: f(Y, X), "first has shape (3, 7, 6); expected (batch, length, 4). Are first"),
        (lambda f: f(X[0], Y), "first has shape (5, 4); expected (batch, length, 4)"),
        (lambda f: f(X, Y[:, 0]), "second has shape (3, 6); expected (batch, length, 6)"),
        (lambda f: f(X, Y[:2]), "first has batch 3 but second 2; expected the same"),
        (
            lambda f: f(X, Y, first_mask=padding_mask(torch.tensor([1, 2, 3]), 7)),
            "first_mask: mask has shape (3, 1, 1, 7) but scores are (3, 1, 1, 5): key axis 7 ≠ 5",
        ),
        (
            lambda f: f(X, Y, second_mask=torch.ones(3, 7).bool()),
            "second_mask: mask has shape (3, 7) but scores are (3, 1, 1, 7): query axis 3 ≠ 1",
        ),
        (lambda f: f(X, Y, second_mask=torch.ones(7)), "second_mask: mask has dtype torch.float32"),
    ],
)
def test_bad_sequences_are_named(make, call, message, untyped):
    with pytest.raises(ValueError) as error:
        call(make())
    assert message in str(error.value)


@pytest.mark.parametrize("method", ["weights", "affinity"])
def test_bad_sequences_are_named_by_the_maps_too(method, untyped):
    with pytest.raises(ValueError, match="first has batch 3 but second 2"):
        getattr(CoAttention(4, 6, 3), method)(X, Y[:2])


@pytest.mark.parametrize("name", FUSIONS)
@pytest.mark.parametrize(
    "x, y, message",
    [
        (Y, X, "first has shape (3, 7, 6); expected (..., 4). Are first and second exchanged?"),
        (X[:, 0], X[:, 0], "second has shape (3, 4); expected (..., 6)"),
        (X[:, 0], Y, "first has shape (3, 4) but second (3, 7, 6); expected the same axes"),
        (torch.tensor(1.0), Y, "first has shape (); expected (..., 4)"),
    ],
)
def test_bad_pairs_are_named(name, x, y, message, untyped):
    with pytest.raises(ValueError) as error:
        FUSIONS[name]()(x, y)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: CrossModalBlock(0, 6, 2), "first_dim is 0; expected a whole number, at least 1"),
        (lambda: CrossModalBlock(4, 6.5, 2), "second_dim is 6.5"),
        (lambda: CrossModalBlock(4, 6, 4), "dim 6 is not divisible by num_heads 4"),
        (lambda: CrossModalBlock(4, 6, 2, dropout=1.0), "dropout is 1.0; expected a probability"),
        (lambda: CoAttention(4, 0, 3), "second_dim is 0"),
        (lambda: CoAttention(4, 6, 0), "hidden_dim is 0"),
        (lambda: Concat(4, 6, 0), "dim is 0"),
        (lambda: Gated(-4, 6, 5), "first_dim is -4"),
        (lambda: Gated(4, 6, 5).gate(E[:, :2], E), "first has shape (3, 2); expected (..., 4)"),
        (lambda: Bilinear(4, True, 5), "second_dim is True"),
        (lambda: LowRankBilinear(4, 6, 5, rank=0), "rank is 0"),
        (lambda: contrastive_loss(E, E[:2]), "first has shape (3, 4) and second (2, 4); expected"),
        (lambda: contrastive_loss(E[0], E[0]), "first has shape (4,)"),
        (lambda: contrastive_loss(E[:0], E[:0]), "at least one row"),
        (
            lambda: contrastive_loss(E, E, temperature=0.0),
            "temperature is 0.0; expected one number",
        ),
        (lambda: contrastive_loss(E, E, temperature=math.nan), "temperature is nan"),
        (lambda: contrastive_loss(E, E, temperature=E), "expected one number > 0"),
        (lambda: contrastive_loss(E, E, mask=torch.ones(3, 3)), "mask has dtype torch.float32"),
        (lambda: contrastive_loss(E, E, mask=torch.ones(3, 4).bool()), "shape (3, 4); expected"),
        (
            lambda: contrastive_loss(E, E, mask=~torch.eye(3).bool()),
            "expected bool, (3, 3), True on the diagonal",
        ),
        (lambda: ContrastiveLoss(temperature=14.3, least=20.0), "temperature is 14.3 and least"),
        (lambda: ContrastiveLoss(least=0.0), "expected 0 < least <= temperature"),
        (lambda: ContrastiveLoss()(E, E[:2]), "first has shape (3, 4) and second (2, 4)"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
