"""Functions: scores against their formulas, hard cases of the masked softmax, and bad input."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from attnutils import attention as functions
from attnutils import reference


def test_scores_equal_the_reference(rng):
    q, k = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
    w, u, v = rng.normal(size=(6, 4)), rng.normal(size=(6, 4)), rng.normal(size=6)
    general = rng.normal(size=(4, 4))
    tq, tk, tw, tu, tv, tg = map(torch.as_tensor, (q, k, w, u, v, general))
    for ours, expected in [
        (functions.dot_scores(tq, tk), reference.dot_scores(q, k)),
        (functions.general_scores(tq, tk, tg), reference.general_scores(q, k, general)),
        (
            functions.additive_scores(tq @ tw.T, tk @ tu.T, tv),
            reference.additive_scores(q, k, w, u, v),
        ),
        (
            functions.cosine_scores(tq, tk, temperature=0.5),
            reference.cosine_scores(q, k, temperature=0.5),
        ),
    ]:
        np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_another_score_is_not_scaled(rng):
    q, k = (torch.as_tensor(rng.normal(size=(3, 4))) for _ in range(2))
    score = partial(functions.cosine_scores, temperature=0.1)
    expected = (10 * torch.nn.functional.cosine_similarity(q[:, None], k[None], -1)).softmax(-1)
    torch.testing.assert_close(functions.attention_weights(q, k, score=score), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("masked", [False, True])
def test_huge_scores(dtype, masked):
    scores = torch.tensor([[1e4, -1e4, 1e4], [-1e4, -1e4, -1e4]], dtype=dtype, requires_grad=True)
    mask = torch.tensor([[True, True, False], [False, False, False]]) if masked else None
    weights = functions.masked_softmax(scores, mask)
    weights.sum().backward()
    expected = [[1, 0, 0], [0, 0, 0]] if masked else [[0.5, 0, 0.5], [1 / 3] * 3]
    torch.testing.assert_close(weights, torch.tensor(expected, dtype=dtype), atol=1e-3, rtol=0)
    assert scores.grad.isfinite().all()


def test_what_hidden_places_hold_does_not_matter():
    scores = torch.tensor([[0.0, math.inf, math.nan]], requires_grad=True)
    weights = functions.masked_softmax(scores, torch.tensor([[True, False, False]]))
    weights[0, 0].backward()
    assert weights.tolist() == [[1, 0, 0]]
    assert scores.grad.tolist() == [[0, 0, 0]]
    assert scores.isnan().any()  # and the argument is left as it was


@pytest.mark.parametrize("shape", [(0, 2, 3, 4), (2, 2, 0, 4)])
def test_empty_batches_and_no_queries(shape):
    q, k = torch.ones(shape), torch.ones(shape[0], 2, 5, 4)
    assert functions.attention(q, k, k).shape == shape
    assert functions.attention_weights(q, k).shape == (*shape[:-1], 5)
    assert reference.attention(q.numpy(), k.numpy(), k.numpy()).shape == shape


def test_one_query_with_a_cache_sees_all_keys(rng):
    q, k = torch.as_tensor(rng.normal(size=(1, 4))), torch.as_tensor(rng.normal(size=(5, 4)))
    torch.testing.assert_close(
        functions.attention(q, k, k, causal=True), functions.attention(q, k, k)
    )


@given(seed=st.integers(0, 1000), key=st.integers(1, 8), batch=st.integers(1, 3))
def test_outputs_stay_inside_the_values(seed, key, batch):
    rng = np.random.default_rng(seed)
    q, k, v = (torch.as_tensor(rng.normal(size=(batch, n, 4)) * 3) for n in (2, key, key))
    output = functions.attention(q, k, v)
    assert (output <= v.amax(-2, keepdim=True) + 1e-9).all()
    assert (output >= v.amin(-2, keepdim=True) - 1e-9).all()


@given(seed=st.integers(0, 1000), key=st.integers(1, 8))
def test_order_of_keys_does_not_matter(seed, key):
    rng = np.random.default_rng(seed)
    q, k, v = (torch.as_tensor(rng.normal(size=(n, 4))) for n in (3, key, key))
    order = torch.as_tensor(rng.permutation(key))
    torch.testing.assert_close(
        functions.attention(q, k[order], v[order]), functions.attention(q, k, v)
    )


def test_dropout_drops_weights(rng):
    q = torch.as_tensor(rng.normal(size=(1, 1, 64, 8)))
    assert not functions.attention(q, q, q, dropout=0.5).equal(functions.attention(q, q, q))


X = torch.ones(2, 3, 5, 4)
BAD = {
    "one axis": (lambda f: f(torch.ones(4), X, X), "q has shape (4,); expected (..., length, dim)"),
    "head_dim": (lambda f: f(X, torch.ones(2, 3, 5, 8), X), "head_dim 4 (shape (2, 3, 5, 4)) but"),
    "keys without values": (lambda f: f(X, X, X[..., :3, :]), "k has 5 rows"),
    "batch": (lambda f: f(X, X[:, :2], X[:, :2]), "q has batch axes (2, 3) but k has (2, 2)"),
    "dtype": (lambda f: f(X, X.double(), X), "dtypes differ: q torch.float32, k torch.float64"),
    "float mask": (lambda f: f(X, X, X, mask=torch.zeros(5, 5)), "mask has dtype torch.float32"),
    "mask for another length": (
        lambda f: f(X, X, X, mask=torch.ones(2, 1, 5, 7, dtype=torch.bool)),
        "mask has shape (2, 1, 5, 7) but scores are (2, 3, 5, 5): key axis 7 ≠ 5. Was the padding",
    ),
    "mask swapped": (
        lambda f: f(X[..., :2, :], X, X, mask=torch.ones(5, 1, dtype=torch.bool)),
        "query axis 5 ≠ 2. Are the query and key axes swapped?",
    ),
    "mask for other heads": (
        lambda f: f(X, X, X, mask=torch.ones(2, 4, 1, 5, dtype=torch.bool)),
        "heads axis 4 ≠ 3",
    ),
    "mask with too many axes": (
        lambda f: f(X[0, 0], X[0, 0], X[0, 0], mask=torch.ones(1, 1, 5, 5, dtype=torch.bool)),
        "mask has 4 axes",
    ),
    "mask of a batch without heads": (
        lambda f: f(X, X, X, mask=torch.ones(2, 5, 5, dtype=torch.bool)),
        "heads axis 2 ≠ 3",
    ),
    "boolean bias": (lambda f: f(X, X, X, bias=torch.ones(5, 5).bool()), "bias has dtype"),
    "bias for another length": (lambda f: f(X, X, X, bias=torch.ones(5, 7)), "key axis 7 ≠ 5"),
    "more queries than keys": (
        lambda f: f(X, X[..., :3, :], X[..., :3, :], causal=True),
        "5 queries but 3 keys",
    ),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("form", ["torch", "numpy"])
def test_bad_input_is_named(case, form, untyped):
    call, message = BAD[case]

    def numpy_attention(*x, **options):
        options = {k: v.numpy() if isinstance(v, torch.Tensor) else v for k, v in options.items()}
        return reference.attention(*(a.numpy() for a in x), **options)

    with pytest.raises(ValueError) as error:
        call(functions.attention if form == "torch" else numpy_attention)
    if form == "numpy":
        message = message.replace("torch.", "")
        message = message.replace("5 queries but 3 keys", "5 queries and 3 keys")
    assert message in str(error.value)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: functions.attention(X, X, X, dropout=1.5), "dropout is 1.5; expected a prob"),
        (lambda: functions.cosine_scores(X, X, temperature=0.0), "temperature is 0.0"),
        (lambda: functions.general_scores(X, X, torch.ones(4, 3)), "Is it transposed?"),
        (lambda: functions.additive_scores(X, X, torch.ones(3)), "expected (hidden,) = (4,)"),
        (lambda: functions.masked_softmax(X, torch.ones(3, 1, 1).bool()[..., 0]), "query axis 3"),
        (lambda: functions.attention_weights(X, X[..., :3]), "head_dim 4"),
    ],
)
def test_other_bad_input(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


class _Operations(TorchDispatchMode):
    """Names of the operations that run inside the block."""

    def __enter__(self):
        self.names = set()
        return super().__enter__()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.names.add(operation.name())
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("masked", [False, True])
def test_three_axes_take_the_fused_kernel_as_four_do(masked, rng):
    q, k, v = torch.as_tensor(rng.normal(size=(3, 2, 64, 8)))
    mask = torch.as_tensor(rng.random((2, 64, 64)) > 0.5) if masked else None
    with _Operations() as operations:
        output = functions.attention(q, k, v, mask=mask)
    assert "aten::_scaled_dot_product_flash_attention_for_cpu" in operations.names
    weights = functions.attention_weights(q, k, mask=mask)
    torch.testing.assert_close(output, weights @ v)
