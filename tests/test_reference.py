"""The NumPy reference: hand-written backward against finite differences; hard cases; bad input."""

import numpy as np
import pytest

from attnutils import reference


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


ONE = np.ones((2, 3))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: reference.softmax(np.ones((2, 0))), "nothing to attend to"),
        (lambda: reference.log_sum_exp(np.array(1.0)), "scores have shape ()"),
        (lambda: reference.softmax_backward(ONE, np.ones((3, 2))), "weights are (2, 3) but grad"),
        (lambda: reference.entropy(-ONE), "Were scores passed instead?"),
        (lambda: reference.general_scores(ONE, ONE, np.ones((3, 2))), "Is it transposed?"),
        (
            lambda: reference.additive_scores(
                ONE, ONE, np.ones((4, 3)), np.ones((3, 2)), np.ones(4)
            ),
            "key_weight is (3, 2); expected (hidden, dim) = (4, 3)",
        ),
        (lambda: reference.cosine_scores(ONE, ONE, temperature=-1.0), "temperature is -1.0"),
        (lambda: reference.attention_backward(ONE, ONE, ONE, ONE[:1]), "expected the shape of"),
        (lambda: reference.causal_mask(3, 2), "3 queries and 2 keys"),
        (lambda: reference.padding_mask(np.array([4]), 3), "lengths run from 4 to 4"),
        (lambda: reference.split_heads(np.ones((1, 2, 5)), 2), "dim 5 is not divisible by"),
        (lambda: reference.merge_heads(ONE), "expected (..., heads, length, head_dim)"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
