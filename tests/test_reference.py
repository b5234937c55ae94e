"""The NumPy reference: hand-written backward against finite differences and autograd; bad input."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from attnutils import reference
from attnutils.layers import FeedForward, MultiHeadAttention


def _slope(f, x, direction, h=1e-6):
    return (f(x + h * direction) - f(x - h * direction)) / (2 * h)


def test_softmax_backward(rng):
    scores, grad, direction = rng.normal(size=(3, 2, 5))
    analytic = reference.softmax_backward(reference.softmax(scores), grad)
    slope = _slope(lambda s: (reference.softmax(s) * grad).sum(), scores, direction)
    assert abs((analytic * direction).sum() - slope) < 1e-8


def test_softmax_backward_along_another_axis(rng):
    scores, grad = rng.normal(size=(2, 3, 4))
    down = reference.softmax_backward(reference.softmax(scores, axis=0), grad, axis=0)
    across = reference.softmax_backward(reference.softmax(scores.T), grad.T)
    np.testing.assert_allclose(down, across.T, atol=1e-15)


@pytest.mark.parametrize("which", range(3))
def test_attention_backward(rng, which):
    inputs = [rng.normal(size=s) for s in [(2, 3, 4), (2, 5, 4), (2, 5, 6)]]
    mask = rng.random((2, 3, 5)) < 0.7
    mask[0, 1] = False
    grad, direction = rng.normal(size=(2, 3, 6)), rng.normal(size=inputs[which].shape)
    analytic = reference.attention_backward(*inputs, grad, mask=mask)[which]

    def loss(x):
        given = inputs[:which] + [x] + inputs[which + 1 :]
        return (reference.attention(*given, mask=mask) * grad).sum()

    assert abs((analytic * direction).sum() - _slope(loss, inputs[which], direction)) < 1e-8


def test_running_example():
    k = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, -1.0]])
    v = np.array([[4, 0], [0, 4], [0, 0], [0, 0], [0, 4.0]])
    q = 2 * np.log(2) * np.array([[2, 1, 0, 1.0]])
    weights = reference.attention_weights(q, k)
    np.testing.assert_allclose(weights, [[1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16]], atol=1e-15)
    np.testing.assert_allclose(reference.attention(q, k, v), [[2, 1.25]], atol=1e-14)
    assert abs(reference.attention_weights(q, k, scale=1.0)[0, 0] - 0.744) < 5e-4
    assert abs(reference.attention_weights(q, k, scale=0.25)[0, 0] - 0.343) < 5e-4
    np.testing.assert_allclose(
        reference.attention_weights(q, k[:4], causal=True), [[8 / 15, 4 / 15, 2 / 15, 1 / 15]]
    )
    padded = np.concatenate([k, np.zeros((16, 4))])
    assert abs(reference.attention_weights(q, padded)[0, 0] - 1 / 4) < 1e-12
    dq, _, _ = reference.attention_backward(q, k, v, np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(dq, [[0.5, -0.3125, -0.0625, 0.1875]], atol=1e-12)


def test_large_scores_and_empty_rows():
    scores = np.array([[1e4, -1e4], [np.inf, np.nan]])
    mask = np.array([[True, True], [False, False]])
    assert reference.masked_softmax(scores, mask).tolist() == [[1, 0], [0, 0]]
    assert reference.log_sum_exp(np.array([[1e4, 1e4]]))[0] == pytest.approx(1e4 + np.log(2))


def test_entropy_of_certain_and_even_weights():
    np.testing.assert_allclose(reference.entropy(np.array([[1.0, 0.0], [0.5, 0.5]])), [0, 1])


def test_heads_split_and_merge(rng):
    x = rng.normal(size=(2, 3, 12))
    heads = reference.split_heads(x, 4)
    np.testing.assert_array_equal(heads[1, 2, 0], x[1, 0, 6:9])
    np.testing.assert_array_equal(reference.merge_heads(heads), x)


# ------------------------------------------------------- hand-written backward against autograd


def _tensors(rng, *shapes):
    """Random leaves, with arrays that share nothing with them."""
    arrays = [rng.normal(size=shape) for shape in shapes]
    return arrays, [torch.tensor(x, requires_grad=True) for x in arrays]


def _close(ours, theirs):
    assert ours.shape == tuple(theirs.shape)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=1e-10)


def _agree(output, expected, gradients, leaves, grad):
    """The outputs are equal, and the gradients by all leaves."""
    _close(output, expected)
    expected.backward(torch.tensor(grad))
    assert len(gradients) == len(leaves)
    for ours, leaf in zip(gradients, leaves):
        _close(ours, leaf.grad)


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_linear_equals_autograd(rng, batch):
    (x, w, b, grad), leaves = _tensors(rng, (*batch, 5), (7, 5), (7,), (*batch, 7))
    gradients = reference.linear_backward(x, w, grad)
    _agree(reference.linear(x, w, b), F.linear(*leaves[:3]), gradients, leaves[:3], grad)


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_norms_equal_autograd(rng, batch, eps):
    (x, w, b, grad), (tx, tw, tb, _) = _tensors(rng, (*batch, 5), (5,), (5,), (*batch, 5))
    x += 3  # a mean that is not zero
    with torch.no_grad():
        tx += 3
    gradients = reference.layer_norm_backward(x, w, grad, eps=eps)
    expected = F.layer_norm(tx, (5,), tw, tb, eps)
    _agree(reference.layer_norm(x, w, b, eps=eps), expected, gradients, [tx, tw, tb], grad)
    tx.grad = tw.grad = None
    gradients = reference.rms_norm_backward(x, w, grad, eps=eps)
    expected = F.rms_norm(tx, (5,), tw, eps)
    _agree(reference.rms_norm(x, w, eps=eps), expected, gradients, [tx, tw], grad)


def test_norms_have_the_defaults_of_the_package(rng):
    (x, w, b), leaves = _tensors(rng, (4, 5), (5,), (5,))
    x, tx = 1e-3 * x, 1e-3 * leaves[0]  # small enough for eps to be seen
    _close(reference.layer_norm(x, w, b), F.layer_norm(tx, (5,), *leaves[1:]))
    _close(reference.rms_norm(x, w), F.rms_norm(tx, (5,), leaves[1], 1e-6))


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_equals_autograd(rng, approximate):
    (x, grad), (tx, _) = _tensors(rng, (4, 5), (4, 5))
    x[0, 0] = tx.data[0, 0] = -9.0
    gradients = [reference.gelu_backward(x, grad, approximate=approximate)]
    ours = reference.gelu(x, approximate=approximate)
    _agree(ours, F.gelu(tx, approximate=approximate), gradients, [tx], grad)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_feed_forward_equals_the_layer_and_autograd(rng, approximate):
    layer = FeedForward(5, 7, activation=lambda x: F.gelu(x, approximate=approximate)).double()
    (x, grad), (tx, _) = _tensors(rng, (2, 3, 5), (2, 3, 5))
    leaves = [layer.up.weight, layer.up.bias, layer.down.weight, layer.down.bias]
    arrays = [p.detach().numpy() for p in leaves]
    form = {"approximate": approximate}
    gradients = reference.feed_forward_backward(x, *arrays[:3], grad, **form)
    _agree(reference.feed_forward(x, *arrays, **form), layer(tx), gradients, [tx, *leaves], grad)


@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention_equals_the_layer_and_autograd(rng, causal):
    layer = MultiHeadAttention(6, 3, memory_dim=4).double()
    (x, memory, grad), (tx, tm, _) = _tensors(rng, (2, 5, 6), (2, 7, 4), (2, 5, 6))
    mask = rng.random((2, 1, 5, 7)) < 0.7
    mask[1, 0, 2] = False
    projections = [layer.query, layer.key, layer.value, layer.output]
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.tensor(rng.normal(size=tuple(p.shape))))
    weights, biases = ([getattr(p, n) for p in projections] for n in ("weight", "bias"))
    given = [[p.detach().numpy() for p in group] for group in (weights, biases)]
    options = {"num_heads": 3, "mask": mask, "causal": causal}
    dx, dm, dweights, dbiases = reference.multi_head_attention_backward(
        x, memory, *given, grad, **options
    )
    output = reference.multi_head_attention(x, memory, *given, **options)
    expected = layer(tx, tm, mask=torch.tensor(mask), causal=causal)
    gradients, leaves = [dx, dm, *dweights, *dbiases], [tx, tm, *weights, *biases]
    _agree(output, expected, gradients, leaves, grad)


def test_self_attention_adds_the_gradients_of_both_roles(rng):
    layer = MultiHeadAttention(6, 3).double()
    (x, grad), (tx, _) = _tensors(rng, (5, 6), (5, 6))
    projections = [layer.query, layer.key, layer.value, layer.output]
    given = [[getattr(p, n).detach().numpy() for p in projections] for n in ("weight", "bias")]
    dx, dmemory, *_ = reference.multi_head_attention_backward(x, x, *given, grad, num_heads=3)
    layer(tx[None])[0].backward(torch.tensor(grad))
    _close(dx + dmemory, tx.grad)


# ------------------------------------------------------------------------------------ bad input

ONE, D = np.ones((2, 3)), np.ones(3)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: reference.softmax(np.ones((2, 0))), "nothing to attend to"),
        (lambda: reference.log_sum_exp(np.array(1.0)), "scores have shape ()"),
        (
            lambda: reference.softmax_backward(ONE, np.ones((3, 2))),
            "Is it the gradient by the output",
        ),
        (lambda: reference.entropy(-ONE), "Were scores passed instead?"),
        (lambda: reference.general_scores(ONE, ONE, np.ones((3, 2))), "Is it transposed?"),
        (
            lambda: reference.additive_scores(
                ONE, ONE, np.ones((4, 3)), np.ones((3, 2)), np.ones(4)
            ),
            "key_weight has shape (3, 2); expected (4, 3). Is it transposed?",
        ),
        (lambda: reference.cosine_scores(ONE, ONE, temperature=-1.0), "temperature is -1.0"),
        (
            lambda: reference.attention_backward(ONE, ONE, ONE, ONE[:1]),
            "grad has shape (1, 3); expected (2, 3)",
        ),
        (
            lambda: reference.attention_backward(ONE[None], ONE, ONE, ONE[None]),
            "k has shape (2, 3); expected (1, key, dim). Broadcast it",
        ),
        (lambda: reference.causal_mask(3, 2), "3 queries and 2 keys"),
        (lambda: reference.padding_mask(np.array([4]), 3), "lengths run from 4 to 4"),
        (lambda: reference.split_heads(np.ones((1, 2, 5)), 2), "dim 5 is not divisible by"),
        (lambda: reference.merge_heads(ONE), "expected (..., heads, length, head_dim)"),
        (
            lambda: reference.linear(ONE, np.ones((3, 4)), D),
            "weight has shape (3, 4); expected (out, 3)",
        ),
        (
            lambda: reference.linear(ONE, np.ones((4, 3)), D),
            "shape (3,); expected (4,). Does it belong",
        ),
        (
            lambda: reference.linear_backward(ONE, np.ones((4, 3)), ONE),
            "expected (2, 4). Is it the",
        ),
        (lambda: reference.rms_norm(ONE, ONE), "weight has shape (2, 3); expected (3,)"),
        (lambda: reference.rms_norm_backward(ONE, D, D), "grad has shape (3,); expected (2, 3)"),
        (
            lambda: reference.layer_norm(ONE, D, ONE[:, :2]),
            "shape (2, 2); expected (3,). Was it made",
        ),
        (
            lambda: reference.layer_norm(ONE, D[:2], D),
            "weight has shape (2,); expected (3,). Was it",
        ),
        (lambda: reference.layer_norm_backward(ONE, D, ONE[:1]), "grad has shape (1, 3)"),
        (
            lambda: reference.gelu(ONE, approximate="erf"),
            "approximate is 'erf'; expected one of none",
        ),
        (
            lambda: reference.gelu_backward(ONE, D),
            "grad has shape (3,); expected that of x, (2, 3)",
        ),
        (
            lambda: reference.feed_forward(ONE, np.ones((4, 3)), np.ones(4), np.ones((4, 3)), D),
            "weight has shape (4, 3); expected (out, 4). Is it transposed?",
        ),
        (
            lambda: reference.multi_head_attention(ONE, ONE, [np.eye(3)] * 3, [D] * 4, num_heads=1),
            "3 weights and 4 biases; expected four each",
        ),
        (
            lambda: reference.multi_head_attention(ONE, ONE, [np.eye(3)] * 4, [D] * 4, num_heads=2),
            "dim 3 is not divisible by num_heads 2",
        ),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
