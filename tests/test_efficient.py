"""Tiles, windows and linear attention against their plain forms; memory; bad input."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from attnutils import efficient, reference
from attnutils.attention import attention
from attnutils.efficient import (
    elu_features,
    linear_attention,
    online_softmax,
    tiled_attention,
    tiled_attention_backward,
    tiled_attention_forward,
    window_attention,
)
from attnutils.masks import causal_mask, padding_mask, window_mask

QUERY, KEY = 5, 7
TILES = [(1, 1), (2, 3), (5, 7), (3, 100)]


def _arrays(rng, batch=(2, 3), query=QUERY, key=KEY, dim=4, value_dim=6):
    return [rng.normal(size=(*batch, *s)) for s in [(query, dim), (key, dim), (key, value_dim)]]


def _options(rng):
    some = rng.random((2, 3, QUERY, KEY)) < 0.6
    empty_row = some.copy()
    empty_row[0, 1, 2] = False
    return {
        "none": {},
        "causal": {"causal": True},
        "scale": {"scale": 0.3},
        "padding": {"mask": reference.padding_mask(np.array([2, 7]), KEY)},
        "any": {"mask": some},
        "one mask for all": {"mask": some[0, 0]},
        "an empty row": {"mask": empty_row},
        "first keys hidden": {"mask": np.arange(KEY) > 3},
        "all empty": {"mask": np.zeros((1, 1, QUERY, KEY), dtype=bool)},
        "mask and causal": {"mask": empty_row, "causal": True},
    }


KINDS = list(_options(np.random.default_rng(0)))


# ---------------------------------------------------------------------------- online softmax


@given(seed=st.integers(0, 1000), key=st.integers(1, 12), tile=st.integers(1, 15))
def test_online_softmax_is_softmax_for_any_tile(seed, key, tile):
    scores = np.random.default_rng(seed).normal(size=(2, 3, key)) * 10
    np.testing.assert_allclose(
        online_softmax(scores, tile=tile), reference.softmax(scores), rtol=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_online_softmax_of_huge_rising_and_hidden_scores(dtype):
    scores = np.array([[-1e4, 0, 1e4, 1e4], [-np.inf, 1, -np.inf, 1], [-np.inf] * 4], dtype)
    weights = online_softmax(scores, tile=1)
    assert weights.dtype == dtype
    assert weights.tolist() == [[0, 0, 0.5, 0.5], [0, 0.5, 0, 0.5], [0, 0, 0, 0]]


# -------------------------------------------------------------------------------------- tiles


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tile", TILES)
def test_tiled_equals_the_reference(rng, kind, tile):
    q, k, v = _arrays(rng)
    options = _options(rng)[kind]
    expected = reference.attention(q, k, v, **options)
    np.testing.assert_allclose(tiled_attention(q, k, v, tile=tile, **options), expected, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tile", TILES)
def test_tiled_backward_equals_the_reference(rng, kind, tile):
    q, k, v = _arrays(rng)
    grad = rng.normal(size=(2, 3, QUERY, 6))
    options = _options(rng)[kind]
    saved = tiled_attention_forward(q, k, v, **options)
    gradients = tiled_attention_backward(q, k, v, *saved, grad, tile=tile, **options)
    expected = reference.attention_backward(q, k, v, grad, **options)
    for ours, theirs, name in zip(gradients, expected, "qkv", strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12, err_msg=f"d{name}")


def test_tiled_backward_by_finite_differences(rng):
    inputs = _arrays(rng, batch=(2,))
    grad = rng.normal(size=(2, QUERY, 6))
    mask = rng.random((QUERY, KEY)) < 0.7
    mask[1] = False
    options = {"mask": mask, "causal": True, "scale": 0.7, "tile": (2, 3)}
    saved = tiled_attention_forward(*inputs, **options)
    gradients = tiled_attention_backward(*inputs, *saved, grad, **options)
    step = 1e-6
    for x, dx in zip(inputs, gradients, strict=True):
        for place in np.ndindex(x.shape):
            held, change = x[place], []
            for x[place] in (held + step, held - step):
                change.append((grad * tiled_attention(*inputs, **options)).sum())
            x[place] = held
            assert (change[0] - change[1]) / (2 * step) == pytest.approx(dx[place], abs=1e-7)


@given(
    seed=st.integers(0, 1000),
    query=st.integers(0, 9),
    past=st.integers(0, 9),
    tile=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    causal=st.booleans(),
    masked=st.booleans(),
)
def test_tile_size_is_irrelevant(seed, query, past, tile, causal, masked):
    rng = np.random.default_rng(seed)
    key = query + past + 1
    q, k, v = _arrays(rng, batch=(2,), query=query, key=key)
    mask = rng.random((2, query, key)) < 0.4 if masked else None
    options = {"mask": mask, "causal": causal}
    output, log_sum_exp = tiled_attention_forward(q, k, v, tile=tile, **options)
    np.testing.assert_allclose(output, reference.attention(q, k, v, **options), atol=1e-12)
    whole = tiled_attention_forward(q, k, v, tile=(100, 100), **options)[1]
    np.testing.assert_allclose(log_sum_exp, whole, atol=1e-12)
    gradients = tiled_attention_backward(q, k, v, output, log_sum_exp, v[:, :query] + 1, **options)
    expected = reference.attention_backward(q, k, v, v[:, :query] + 1, **options)
    for ours, theirs in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_log_sum_exp_is_that_of_the_scores(rng):
    q, k, v = _arrays(rng)
    mask = np.ones((QUERY, KEY), dtype=bool)
    mask[3] = False
    found = tiled_attention_forward(q, k, v, mask=mask, tile=(2, 2))[1]
    expected = reference.log_sum_exp(q @ k.swapaxes(-1, -2) / 2)
    np.testing.assert_allclose(found[..., mask[:, 0]], expected[..., mask[:, 0]], atol=1e-12)
    assert (found[..., 3] == -np.inf).all()


def test_outputs_over_disjoint_keys_join_by_their_log_sum_exp(rng):
    q, k, v = _arrays(rng)
    parts = [tiled_attention_forward(q, k[..., s, :], v[..., s, :]) for s in (np.s_[:3], np.s_[3:])]
    share = reference.softmax(np.stack([log_sum_exp for _, log_sum_exp in parts], -1))
    joined = sum(share[..., i, None] * parts[i][0] for i in range(2))
    np.testing.assert_allclose(joined, reference.attention(q, k, v), atol=1e-12)


@pytest.mark.parametrize("which", [0, 1])
def test_batch_axes_broadcast(rng, which):
    q, k, v = _arrays(rng)
    q, k, v = (q[:1], k[:, :1], v[:, :1]) if which else (q, k[0], v[0])
    np.testing.assert_allclose(tiled_attention(q, k, v), reference.attention(q, k, v), atol=1e-12)


def test_scores_that_rise_from_tile_to_tile(rng):
    q, k = np.ones((1, 1)), np.arange(8.0)[:, None] * 200
    v = np.eye(8)
    for sign in (1, -1):
        output = tiled_attention(sign * q, k, v, tile=(1, 1))[0]
        np.testing.assert_allclose(output, v[-1 if sign > 0 else 0], atol=1e-80)


def test_huge_scores_in_hidden_places_do_not_matter():
    q, k, v = np.ones((2, 1)), np.array([[0.0], [1e4], [0.0]]), np.arange(3.0)[:, None]
    mask = np.array([[True, False, True], [False, False, False]])
    saved = tiled_attention_forward(q, k, v, mask=mask, scale=1.0, tile=(2, 2))
    assert [x.tolist() for x in saved] == [[[1.0], [0.0]], [np.log(2), -np.inf]]
    gradients = tiled_attention_backward(q, k, v, *saved, np.ones((2, 1)), mask=mask, scale=1.0)
    assert [x.tolist() for x in gradients] == [[[0]] * 2, [[-0.5], [0], [0.5]], [[0.5], [0], [0.5]]]


def test_buffers_of_numpy_are_left_as_they_were(rng):
    inputs = _arrays(rng)
    with np.errstate():  # the size holds until its end
        np.setbufsize(4096)
        saved = tiled_attention_forward(*inputs)
        assert np.getbufsize() == 4096
        tiled_attention_backward(*inputs, *saved, saved[0])
        assert np.getbufsize() == 4096


def test_inputs_are_left_as_they_were(rng):
    inputs = _arrays(rng)
    copies = [x.copy() for x in inputs]
    saved = tiled_attention_forward(*inputs, causal=True)
    kept = [x.copy() for x in saved]
    tiled_attention_backward(*inputs, *saved, saved[0], causal=True)
    for x, copy in zip((*inputs, *saved), (*copies, *kept), strict=True):
        np.testing.assert_array_equal(x, copy)


def test_float32_is_as_good_as_plain_numpy(rng):
    q, k, v = _arrays(rng, batch=(4,), query=300, key=300, dim=16, value_dim=16)
    exact = reference.attention(q, k, v)
    low = [x.astype(np.float32) for x in (q, k, v)]
    output, log_sum_exp = tiled_attention_forward(*low, tile=(64, 64))
    assert output.dtype == log_sum_exp.dtype == np.float32
    error, plain = np.abs(output - exact).max(), np.abs(reference.attention(*low) - exact).max()
    assert error <= 2 * plain
    assert all(
        x.dtype == np.float32 for x in tiled_attention_backward(*low, output, log_sum_exp, output)
    )


def test_scale_of_numpy_does_not_widen(rng):
    low = [x.astype(np.float32) for x in _arrays(rng)]
    ours, plain = (tiled_attention_forward(*low, scale=s) for s in (np.float64(0.5), 0.5))
    for x, y in zip(ours, plain, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("causal", [False, True])
def test_scores_are_never_held_whole(rng, causal):
    length = 2048
    q, k, v = (rng.normal(size=(length, 8)).astype(np.float32) for _ in range(3))
    tiled_attention(q[:8], k[:8], v[:8])
    tracemalloc.start()
    saved = tiled_attention_forward(q, k, v, causal=causal, tile=(128, 256))
    forward = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    tiled_attention_backward(q, k, v, *saved, saved[0], causal=causal, tile=(128, 256))
    backward = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    scores = 4 * length**2
    assert forward < scores / 16
    assert backward < scores / 16


@pytest.mark.parametrize("kind, most", [("causal", 0.54), ("block", 0.3)])
def test_tiles_without_anything_allowed_are_skipped(kind, most):
    length = 512
    mask = np.kron(np.eye(4, dtype=bool), np.ones((128, 128), bool)) if kind == "block" else None
    tiles = efficient._tiles(length, length, mask, kind == "causal", (32, 32))
    done = sum((r.stop - r.start) * (c.stop - c.start) for r, c, _ in tiles)
    assert done <= most * length**2


# ------------------------------------------------------------------------------------ windows


def _tensors(rng, batch, query, key, dim=3, value_dim=2):
    return [torch.as_tensor(x) for x in _arrays(rng, batch, query, key, dim, value_dim)]


@given(
    seed=st.integers(0, 1000),
    query=st.integers(0, 200),
    past=st.integers(0, 90),
    before=st.integers(0, 100),
    after=st.integers(0, 100),
    batch=st.sampled_from([(), (2,), (2, 3), (2, 1, 2), (0, 2)]),
    masked=st.sampled_from([None, "keys", "batch", "heads"]),
)
def test_window_equals_masked_attention(seed, query, past, before, after, batch, masked):
    rng = np.random.default_rng(seed)
    key = query + past + 1
    q, k, v = _tensors(rng, batch, query, key)
    shape = {"keys": (key,), "batch": (*batch[:-1], *([1] if batch else []), 1, key)}
    mask = None
    if masked:
        mask = torch.as_tensor(rng.random(shape.get(masked, (*batch, 1, key))) < 0.5)
    near = window_mask(query, key, before=before, after=after)
    expected = attention(q, k, v, mask=near if mask is None else near & mask, scale=0.4)
    output = window_attention(q, k, v, before=before, after=after, mask=mask, scale=0.4)
    torch.testing.assert_close(output, expected)


def test_window_gradients_equal_those_of_masked_attention(rng):
    inputs = [x.requires_grad_() for x in _tensors(rng, (2, 2), 150, 160)]
    mask = padding_mask(torch.tensor([160, 90]), 160)
    near = window_mask(150, 160, before=20, after=5)
    output = window_attention(*inputs, before=20, after=5, mask=mask)
    expected = attention(*inputs, mask=near & mask)
    torch.testing.assert_close(output, expected)
    assert (output[1, :, 130:] == 0).all()  # their whole window is padding
    grad = torch.randn_like(output)
    for ours, theirs in zip(
        torch.autograd.grad(output, inputs, grad), torch.autograd.grad(expected, inputs, grad)
    ):
        torch.testing.assert_close(ours, theirs)


def test_window_gradcheck(rng):
    inputs = [x.requires_grad_() for x in _tensors(rng, (1,), 70, 72)]
    assert torch.autograd.gradcheck(
        lambda *x: window_attention(*x, before=3, after=1), inputs, fast_mode=True
    )


# ------------------------------------------------------------------------------------- linear


def _explicit(q, k, v, allowed=None):
    q, k = (torch.where(x > 0, x + 1, x.exp()) for x in (q, k))
    weights = q @ k.mT
    weights = weights if allowed is None else weights * allowed
    return (weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)) @ v


@given(
    seed=st.integers(0, 1000),
    query=st.integers(0, 20),
    past=st.integers(0, 9),
    chunk=st.integers(1, 24),
    batch=st.sampled_from([(), (2,), (2, 3)]),
    causal=st.booleans(),
    masked=st.booleans(),
)
def test_linear_equals_its_explicit_form(seed, query, past, chunk, batch, causal, masked):
    rng = np.random.default_rng(seed)
    key = query + past + 1
    q, k, v = _tensors(rng, batch, query, key)
    allowed = causal_mask(query, key) if causal else torch.ones(query, key, dtype=torch.bool)
    mask = torch.as_tensor(rng.random((*batch, 1, key)) < 0.5) if masked else None
    allowed = allowed if mask is None else allowed & mask
    output = linear_attention(q, k, v, causal=causal, mask=mask, chunk=chunk)
    torch.testing.assert_close(output, _explicit(q, k, v, allowed))


def test_linear_causal_is_a_recurrent_network(rng):
    q, k, v = _tensors(rng, (2,), 9, 9)
    state, total, outputs = torch.zeros(2, 3, 2), torch.zeros(2, 3), []
    for t in range(9):
        qt, kt = elu_features(q[:, t]), elu_features(k[:, t])
        state = state + kt[:, :, None] * v[:, t, None]
        total = total + kt
        outputs.append((qt[:, None] @ state)[:, 0] / (qt * total).sum(-1, keepdim=True))
    output = linear_attention(q, k, v, causal=True, chunk=4)
    torch.testing.assert_close(output, torch.stack(outputs, 1).to(output.dtype))


@pytest.mark.parametrize("causal", [False, True])
def test_linear_gradcheck(rng, causal):
    inputs = [x.requires_grad_() for x in _tensors(rng, (2,), 5, 6)]
    mask = torch.ones(2, 1, 6, dtype=torch.bool)
    mask[1] = False  # a sequence of which nothing is left
    mask[0, 0, 2] = False

    def call(*x):
        return linear_attention(*x, causal=causal, mask=mask, chunk=2)

    assert (call(*inputs)[1] == 0).all()
    assert torch.autograd.gradcheck(call, inputs)


def test_features_that_are_all_zero_weigh_nothing(rng):
    q, k, v = _tensors(rng, (), 4, 4)
    output = linear_attention(-q.abs(), k, v, features=torch.relu)
    assert output.tolist() == [[0, 0]] * 4


# --------------------------------------------------------------------------- time and memory


class _Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that any operation makes."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for x in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(x, torch.Tensor):
                self.numbers = max(self.numbers, x.untyped_storage().nbytes() // x.element_size())
        return result


CALLS = {
    "window": lambda *x: window_attention(*x, before=15, after=16),
    "linear": lambda *x: linear_attention(*x),
    "linear causal": lambda *x: linear_attention(*x, causal=True),
}


@pytest.mark.parametrize("name", CALLS)
def test_memory_grows_with_length_not_with_its_square(name):
    largest = {}
    for length in (1024, 2048):
        inputs = [torch.ones(1, 1, length, 8, requires_grad=True) for _ in range(3)]
        with _Largest() as largest[length]:
            CALLS[name](*inputs).sum().backward()
    assert largest[2048].numbers <= 2048 * 110
    assert largest[2048].numbers <= 2.1 * largest[1024].numbers


def test_plain_attention_would_hold_the_square():
    q = torch.ones(1, 1, 512, 8)
    with _Largest() as largest:
        _explicit(q, q, q)
    assert largest.numbers >= 512**2


# ---------------------------------------------------------------------------------- bad input

A = np.ones((2, 3, 5, 4))
L = np.ones((2, 3, 5))
X = torch.ones(2, 3, 5, 4)


def _back(q=A, k=A, v=A, output=A, log_sum_exp=L, grad=A, **options):
    return tiled_attention_backward(q, k, v, output, log_sum_exp, grad, **options)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: online_softmax(A, tile=0), "tile is 0; expected a whole number, at least 1"),
        (lambda: online_softmax(A[..., :0]), "scores have shape (2, 3, 5, 0); expected at least"),
        (lambda: online_softmax(np.array(1.0)), "scores have shape (); expected at least one"),
        (lambda: online_softmax(A.astype(int)), "scores is ndarray of int64; expected NumPy"),
        (lambda: tiled_attention(X, X, X), "q is Tensor of torch.float32; expected NumPy arrays"),
        (lambda: tiled_attention(*[A.astype(np.float16)] * 3), "q is ndarray of float16"),
        (lambda: tiled_attention(A, A.astype(np.float32), A), "dtypes differ"),
        (lambda: tiled_attention(A[0, 0, 0], A, A), "q has shape (4,); expected (..., length"),
        (lambda: tiled_attention(A, A[..., :2], A), "q has head_dim 4"),
        (lambda: tiled_attention(A, A, A[..., :2, :]), "k has 5 rows"),
        (lambda: tiled_attention(A, A, A, tile=64), "tile is 64; expected a pair of sizes"),
        (lambda: tiled_attention(A, A, A, tile=(64, 0)), "tile[1] is 0; expected a whole number"),
        (lambda: tiled_attention(A, A, A, tile=(-1, 8)), "tile[0] is -1"),
        (lambda: tiled_attention(A, A, A, mask=np.ones((5, 5))), "mask has dtype float64"),
        (lambda: tiled_attention(A, A, A, mask=np.ones((5, 7), bool)), "key axis 7 ≠ 5"),
        (
            lambda: tiled_attention_forward(A, A[..., :3, :], A[..., :3, :], causal=True),
            "5 queries but 3 keys; expected at least as many keys",
        ),
        (lambda: _back(k=A[:1], v=A[:1]), "k has shape (1, 3, 5, 4); expected (2, 3, 5, 4)"),
        (lambda: _back(q=A[:1]), "q has shape (1, 3, 5, 4); expected (2, 3, 5, 4)"),
        (lambda: _back(output=A[..., :2]), "output has shape (2, 3, 5, 2); expected (2, 3, 5, 4)"),
        (lambda: _back(log_sum_exp=A), "log_sum_exp has shape (2, 3, 5, 4); expected (2, 3, 5)"),
        (lambda: _back(grad=A[0]), "grad has shape (3, 5, 4); expected (2, 3, 5, 4)"),
        (
            lambda: _back(grad=A.astype(np.float32)),
            "grad is ndarray of float32; expected NumPy arrays, all",
        ),
        (lambda: _back(grad=torch.ones(A.shape)), "grad is Tensor of torch.float32"),
        (lambda: _back(mask=np.ones((4, 5), bool)), "query axis 4 ≠ 5"),
        (lambda: window_attention(X, X, X, before=-1), "before is -1; expected a whole number"),
        (lambda: window_attention(X, X, X, before=1, after=0.5), "after is 0.5"),
        (lambda: window_attention(X, X[..., :4, :], X[..., :4, :], before=1), "5 queries but 4"),
        (lambda: window_attention(X, X[..., :2], X, before=1), "q has head_dim 4"),
        (
            lambda: window_attention(X, X, X, before=1, mask=torch.ones(5, 5).bool()),
            "mask has shape (5, 5); expected one for all queries, (..., 1, 5)",
        ),
        (
            lambda: window_attention(X, X, X, before=1, mask=torch.ones(2, 1, 1, 6).bool()),
            "key axis 6 ≠ 5",
        ),
        (lambda: window_attention(X, X, X, before=1, mask=torch.ones(5)), "mask has dtype torch"),
        (lambda: linear_attention(X, X.double(), X), "dtypes differ"),
        (lambda: linear_attention(X, X, X, chunk=0), "chunk is 0"),
        (lambda: linear_attention(X, X[..., :4, :], X[..., :4, :], causal=True), "5 queries but 4"),
        (
            lambda: linear_attention(X, X, X, mask=causal_mask(5)),
            "Is it causal or a window? Those are options here",
        ),
        (lambda: elu_features(torch.arange(3)), "x has dtype torch.int64; expected floating point"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
