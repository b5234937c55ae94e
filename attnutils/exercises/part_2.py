"""Exercises and predictions of part 2."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant
from attnutils.reference import (
    additive_scores,
    attention,
    attention_weights,
    causal_mask,
    cosine_scores,
    dot_scores,
    masked_softmax,
    softmax,
    softmax_backward,
)

# ----------------------------------------------------------------------------------- chapter 04


def _naive_softmax(scores, axis=-1):
    numerator = np.exp(scores)
    return numerator / numerator.sum(axis=axis, keepdims=True)


def _softmax_minus(shift):
    def wrong(scores):
        numerator = np.exp(scores - shift(scores))
        return numerator / numerator.sum(axis=-1, keepdims=True)

    return wrong


_STABLE_SOFTMAX = Exercise(
    id="stable-softmax",
    chapter="04",
    signature="stable_softmax(scores (rows, columns)) -> weights (rows, columns), rows sum to one",
    reference=softmax,
    cases=lambda rng: [
        (rng.normal(size=(3, 3)),),
        (rng.normal(size=(2, 5)) + np.array([[1000.0], [-1000.0]]),),
        (np.array([[1500.0, 0.0, 0.0, 1.0], [0.0, -1000.0, 0.0, 1.0]]),),
    ],
    variants=(
        Variant(
            "overflows",
            _naive_softmax,
            "Right for small scores, but exp(1000) overflows: subtract the largest score of each "
            "row first.",
        ),
        Variant(
            "clips the scores",
            lambda scores: _naive_softmax(np.clip(scores, -700, 700)),
            "Clipping keeps exp finite but makes all scores beyond the limit equal: subtract the "
            "largest score of each row instead, which changes nothing.",
        ),
        Variant(
            "wrong axis",
            lambda scores: softmax(scores, axis=0),
            "Your columns sum to one; the rows should. Reduce over axis=-1.",
        ),
        Variant(
            "normalizes over everything",
            lambda scores: np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum(),
            "The whole matrix sums to one; each row should. Reduce over axis=-1, keepdims=True.",
        ),
        Variant(
            "subtracts the largest score of the whole matrix",
            _softmax_minus(np.max),
            "You subtract the largest score of the whole matrix: a row far below it underflows to "
            "0/0. Each row needs its own maximum.",
        ),
        Variant(
            "subtracts the mean of each row",
            _softmax_minus(lambda scores: scores.mean(axis=-1, keepdims=True)),
            "You subtract the mean of each row: a score far above the mean still overflows. After "
            "subtracting the largest score no exponent is above 0.",
        ),
        Variant(
            "subtracts the smallest score of each row",
            _softmax_minus(lambda scores: scores.min(axis=-1, keepdims=True)),
            "You subtract the smallest score of each row: no exponent is below 0 then, and a wide "
            "row overflows. Subtract the largest.",
        ),
        Variant(
            "not normalized",
            lambda scores: np.exp(scores - scores.max(axis=-1, keepdims=True)),
            "The rows do not sum to one: divide by their sum.",
        ),
    ),
    hints=(
        "adding a constant to all scores of a row changes nothing: which constant makes exp safe?",
        "scores.max(axis=-1, keepdims=True) keeps the axis, so that the subtraction lines up.",
        "exponentiate scores minus that maximum, then divide by the row sums (axis=-1, keepdims).",
    ),
)

_SOFTMAX_BACKWARD = Exercise(
    id="softmax-backward",
    chapter="04",
    signature="my_backward(weights (rows, columns), grad (rows, columns)) -> (rows, columns)",
    reference=softmax_backward,
    cases=lambda rng: [
        (softmax(rng.normal(size=shape)), rng.normal(size=shape)) for shape in [(3, 3), (2, 5)]
    ],
    variants=(
        Variant(
            "forgets the row sum",
            lambda p, g: p * g,
            "Your gradient is p·g: the second term of the Jacobian, −p pᵀ g, is missing. "
            "Raising one score lowers all other weights.",
        ),
        Variant(
            "diagonal of the Jacobian only",
            lambda p, g: p * (1 - p) * g,
            "You use only the diagonal p(1 − p) of the Jacobian: weights also react to the other "
            "scores.",
        ),
        Variant(
            "row sum without weights",
            lambda p, g: p * (g - g.sum(-1, keepdims=True)),
            "You subtract the plain sum of g; it must be weighted by p.",
        ),
        Variant(
            "mean instead of weighted mean",
            lambda p, g: p * (g - g.mean(-1, keepdims=True)),
            "You subtract the plain mean of g; it must be weighted by p (they agree only where all "
            "weights are equal).",
        ),
        Variant(
            "forgets the factor p",
            lambda p, g: g - (p * g).sum(-1, keepdims=True),
            "The factor p in front is missing: a weight near zero can hardly move.",
        ),
        Variant(
            "wrong axis",
            lambda p, g: p * (g - (p * g).sum(0, keepdims=True)),
            "You sum over the rows; each row has its own softmax: sum along axis=-1.",
        ),
        Variant(
            "wrong sign",
            lambda p, g: -softmax_backward(p, g),
            "The sign is wrong: it is p·(g − Σ p g), not the other way round.",
        ),
    ),
    hints=(
        "write out ∂p_i/∂s_j for i = j and for i ≠ j.",
        "the Jacobian is diag(p) − p pᵀ; multiply it with g without building it.",
        "first the weighted row sum of g, (p * g).sum(axis=-1, keepdims=True); subtract it from g.",
    ),
)

# ----------------------------------------------------------------------------------- chapter 05

_SCALED_DOT_PRODUCT = Exercise(
    id="scaled-dot-product",
    chapter="05",
    signature="scaled_dot_product(q (n, d), k (m, d)) -> scores (n, m), of variance 1 for any d",
    reference=lambda q, k: dot_scores(q, k) * q.shape[-1] ** -0.5,
    cases=lambda rng: [(rng.normal(size=(5, d)), rng.normal(size=(5, d))) for d in (4, 9)],
    variants=(
        Variant(
            "not scaled",
            dot_scores,
            "These are the plain dot products: their variance is d.",
        ),
        Variant(
            "divides by d",
            lambda q, k: dot_scores(q, k) / q.shape[-1],
            "You divide by d. That divides the variance by d², so it becomes 1/d: the root of the "
            "variance is what a factor acts on.",
        ),
        Variant(
            "divides by the length of q",
            lambda q, k: dot_scores(q, k) / np.linalg.norm(q, axis=-1, keepdims=True),
            "You divide each row by the length of its query, which differs from row to row; the "
            "factor is the same for all: 1/√d.",
        ),
        Variant(
            "multiplies by √d",
            lambda q, k: dot_scores(q, k) * q.shape[-1] ** 0.5,
            "You multiply by √d, which makes the variance d²: divide.",
        ),
        Variant(
            "divides by √m",
            lambda q, k: dot_scores(q, k) * len(k) ** -0.5,
            "You divide by the root of the number of keys. The variance grows with the size of a "
            "key, k.shape[-1].",
        ),
        Variant(
            "divides by the measured spread",
            lambda q, k: dot_scores(q, k) / dot_scores(q, k).std(),
            "You divide by the standard deviation of these very scores. Then the score of one pair "
            "depends on which others are in the batch.",
        ),
        Variant(
            "divides by both lengths",
            cosine_scores,
            "You divide by the lengths of query and key: that is the cosine, whose variance is "
            "1/d, and a long key no longer scores more.",
        ),
        Variant(
            "softmax already",
            lambda q, k: softmax(dot_scores(q, k) * q.shape[-1] ** -0.5),
            "These are weights: leave the softmax for later.",
        ),
        Variant(
            "transposed",
            lambda q, k: dot_scores(k, q) * q.shape[-1] ** -0.5,
            "Queries run down and keys across: your matrix has a row for each key.",
        ),
    ),
    hints=(
        "if a number is divided by c, by what is its variance divided?",
        "the variance of a dot product of d numbers is d; c² has to be d.",
        "all dot products at once are q @ k.T; d is q.shape[-1].",
    ),
)


def _additive_without(part):
    """Additive scores with one step replaced; hidden is ``(query, key, hidden)``."""

    def wrong(q, k, query_weight, key_weight, v):
        return part((q @ query_weight.T)[:, None], (k @ key_weight.T)[None], v)

    return wrong


_ADDITIVE_SCORE = Exercise(
    id="additive-score",
    chapter="05",
    signature="additive(q (n, d), k (m, d), query_weight (hidden, d), key_weight (hidden, d), "
    "v (hidden,)) -> scores (n, m)",
    reference=additive_scores,
    cases=lambda rng: [
        (*rng.normal(size=(2, d, d)), *rng.normal(size=(2, d, d)), rng.normal(size=d))
        for d in (4, 5)
    ],
    variants=(
        Variant(
            "without tanh",
            _additive_without(lambda q, k, v: (q + k) @ v),
            "The tanh is missing. Then the query adds the same number to all scores of its row, "
            "and the softmax cancels it: every query gets the same weights.",
        ),
        Variant(
            "tanh before the sum",
            _additive_without(lambda q, k, v: (np.tanh(q) + np.tanh(k)) @ v),
            "Query and key each go through a tanh of their own and are added afterwards. Then the "
            "query's part is the same for all keys and cancels in the softmax: add first.",
        ),
        Variant(
            "tanh after v",
            _additive_without(lambda q, k, v: np.tanh((q + k) @ v)),
            "The tanh comes last: it belongs on the hidden numbers, before v weighs them.",
        ),
        Variant(
            "bilinear",
            _additive_without(lambda q, k, v: (q * k).sum(-1)),
            "You multiply the projected query and key. That is a bilinear score, whatever its "
            "name: add them, then tanh, then v.",
        ),
        Variant(
            "bilinear with v",
            _additive_without(lambda q, k, v: (q * k) @ v),
            "You multiply the projected query and key and weigh the products with v: still "
            "bilinear. Add them, then tanh.",
        ),
        Variant(
            "product inside tanh",
            _additive_without(lambda q, k, v: np.tanh(q * k) @ v),
            "Inside the tanh you multiply the projected query and key: add them.",
        ),
        Variant(
            "v not used",
            _additive_without(lambda q, k, v: np.tanh(q + k).sum(-1)),
            "The hidden numbers are summed with equal weight: v is not used.",
        ),
        Variant(
            "weights transposed",
            lambda q, k, w, u, v: additive_scores(q, k, w.T, u.T, v),
            "The weights are stored (hidden, d), so a row of q is projected by q @ query_weight.T.",
        ),
        Variant(
            "weights swapped",
            lambda q, k, w, u, v: additive_scores(q, k, u, w, v),
            "query_weight meets the keys and key_weight the queries: exchange them.",
        ),
        Variant(
            "transposed",
            lambda q, k, w, u, v: additive_scores(q, k, w, u, v).T,
            "Queries run down and keys across: your matrix has a row for each key.",
        ),
    ),
    hints=(
        "start with one query and one key: three steps, two projections, tanh of the sum, then v.",
        "for all pairs the sum needs three axes: (n, 1, hidden) plus (1, m, hidden).",
        "(q @ query_weight.T)[:, None] + (k @ key_weight.T)[None], then np.tanh(…) @ v.",
    ),
)

# ----------------------------------------------------------------------------------- chapter 06


def _qkv(rng: np.random.Generator, *, n: int, m: int, d: int, value_dim: int) -> tuple:
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)), rng.normal(size=(m, value_dim))


_ATTENTION = Exercise(
    id="attention",
    chapter="06",
    signature="my_attention(q (n, d), k (m, d), v (m, value_dim)) -> (n, value_dim)",
    reference=attention,
    cases=lambda rng: [
        _qkv(rng, n=5, m=5, d=4, value_dim=4),
        _qkv(rng, n=5, m=5, d=9, value_dim=3),
    ],
    variants=(
        Variant(
            "without 1/√d",
            lambda q, k, v: attention(q, k, v, scale=1.0),
            "Your output equals attention without 1/√d.",
        ),
        Variant(
            "divides by d",
            lambda q, k, v: attention(q, k, v, scale=1 / q.shape[-1]),
            "Your output equals attention with the scores divided by d instead of √d.",
        ),
        Variant(
            "multiplies by √d",
            lambda q, k, v: attention(q, k, v, scale=q.shape[-1] ** 0.5),
            "Your output equals attention with the scores multiplied by √d: divide.",
        ),
        Variant(
            "divides by √m",
            lambda q, k, v: attention(q, k, v, scale=len(k) ** -0.5),
            "Your scores are divided by √m, m being the number of keys: len(k) is k.shape[0]. The "
            "size of a key is k.shape[-1].",
        ),
        Variant(
            "divides by the root of the size of a value",
            lambda q, k, v: attention(q, k, v, scale=v.shape[-1] ** -0.5),
            "Your scores are divided by the root of the size of a value; take the size of a key, "
            "k.shape[-1].",
        ),
        Variant(
            "softmax over the queries",
            lambda q, k, v: softmax(dot_scores(q, k) * q.shape[-1] ** -0.5, axis=0) @ v,
            "Your softmax runs over the queries (axis 0); each query's weights over the keys must "
            "sum to one (axis -1).",
        ),
        Variant(
            "transposed weights",
            lambda q, k, v: attention_weights(q, k).T @ v,
            "Your weights are transposed when they meet the values; with n = m nothing complains.",
        ),
        Variant(
            "queries and keys swapped",
            lambda q, k, v: attention(k, q, v),
            "Queries and keys have changed places; with n = m nothing complains.",
        ),
        Variant(
            "no softmax",
            lambda q, k, v: dot_scores(q, k) * q.shape[-1] ** -0.5 @ v,
            "The scores meet the values without a softmax.",
        ),
    ),
    hints=(
        "three steps: scores, weights, weighted sum. Which shapes do they have?",
        "scores are q @ k.T, (n, m), divided by the square root of the last axis of q.",
        "a stable softmax along axis=-1, then weights @ v.",
    ),
)


def _cross(q_from, k_from, v_from, scale=None):
    """Cross-attention with q, k and v made from the arguments by three functions."""

    def wrong(*given):
        return attention(q_from(*given), k_from(*given), v_from(*given), scale=scale)

    return wrong


def _q(x, memory, wq, wk, wv):
    return x @ wq


def _k(x, memory, wq, wk, wv):
    return memory @ wk


def _v(x, memory, wq, wk, wv):
    return memory @ wv


_CROSS_ATTENTION = Exercise(
    id="cross-attention",
    chapter="06",
    signature="cross_attention(x (n, dim), memory (m, dim), query_weight (dim, dim), "
    "key_weight (dim, dim), value_weight (dim, dim)) -> (n, dim)",
    reference=_cross(_q, _k, _v),
    cases=lambda rng: [
        (*rng.normal(size=(2, 4, 6)), *rng.normal(size=(3, 6, 6)) / 2) for _ in range(2)
    ],
    variants=(
        Variant(
            "self-attention",
            _cross(_q, lambda x, m, wq, wk, wv: x @ wk, lambda x, m, wq, wk, wv: x @ wv),
            "Keys and values come from x: that is self-attention, and memory is never read.",
        ),
        Variant(
            "roles swapped",
            _cross(
                lambda x, m, wq, wk, wv: m @ wq,
                lambda x, m, wq, wk, wv: x @ wk,
                lambda x, m, wq, wk, wv: x @ wv,
            ),
            "The queries come from memory, keys and values from x: the direction is reversed.",
        ),
        Variant(
            "values from x",
            _cross(_q, _k, lambda x, m, wq, wk, wv: x @ wv),
            "The values come from x: you look up places in memory but fetch from x. "
            "With n = m nothing complains.",
        ),
        Variant(
            "values not projected",
            _cross(_q, _k, lambda x, m, wq, wk, wv: m),
            "The values are memory itself: value_weight is not used.",
        ),
        Variant(
            "values are the keys",
            _cross(_q, _k, _k),
            "The values are the projected keys: value_weight is not used.",
        ),
        Variant(
            "weights transposed",
            _cross(
                lambda x, m, wq, wk, wv: x @ wq.T,
                lambda x, m, wq, wk, wv: m @ wk.T,
                lambda x, m, wq, wk, wv: m @ wv.T,
            ),
            "The weights are transposed: they are stored (in, out) here, so use x @ weight. "
            "(torch's Linear stores (out, in).)",
        ),
        Variant(
            "without 1/√d",
            _cross(_q, _k, _v, scale=1.0),
            "Your output equals cross-attention without 1/√d.",
        ),
    ),
    hints=(
        "who asks, and who is asked? Only the queries come from x.",
        "project first: x @ query_weight, memory @ key_weight, memory @ value_weight.",
        "then it is the attention of the exercise before, on these three.",
    ),
)

# ----------------------------------------------------------------------------------- chapter 07


def _masked_softmax_cases(rng: np.random.Generator) -> list[tuple]:
    """Ordinary scores; hidden ones that are far louder or all far down; always one empty row."""
    loud = np.array([[0.0, -1.0, 20_000.0, 1.0], [1.0, 0.0, 2.0, 3.0], [0.0, 1.0, 2.0, -1.0]])
    loud_mask = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [1, 0, 1, 0]], dtype=bool)
    low = np.array([[-20_000.0, -20_001.0, 0.0], [900.0, 901.0, 2.0], [0.0, 1.0, 2.0]])
    low_mask = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]], dtype=bool)
    mask = rng.random((4, 4)) < 0.5
    mask[0], mask[1] = True, False
    return [(rng.normal(size=(4, 4)), mask), (loud, loud_mask), (low, low_mask)]


def _late(scores, mask):
    """Mask after the softmax, then divide once more."""
    weights = softmax(scores) * mask
    total = weights.sum(-1, keepdims=True)
    return weights / np.where(total > 0, total, 1)


def _overflowing(scores, mask):
    numerator = np.exp(scores) * mask
    total = numerator.sum(-1, keepdims=True)
    return numerator / np.where(total > 0, total, 1)


_MASKED_SOFTMAX = Exercise(
    id="masked-softmax",
    chapter="07",
    signature="hiding_softmax(scores (rows, columns), mask (rows, columns), True = may be seen) "
    "-> weights (rows, columns)",
    reference=masked_softmax,
    cases=_masked_softmax_cases,
    variants=(
        Variant(
            "ignores the mask",
            lambda scores, mask: softmax(scores),
            "The mask has no effect. np.where and masked copies return a new array: is the result "
            "used?",
        ),
        Variant(
            "inverted",
            lambda scores, mask: masked_softmax(scores, ~mask),
            "The mask is inverted: True means that a key may be seen, and you hide those.",
        ),
        Variant(
            "NaN in empty rows",
            lambda scores, mask: softmax(np.where(mask, scores, -np.inf)),
            "Right, except where nothing may be seen: a row of -inf gives NaN. Such a row should "
            "be zero.",
        ),
        Variant(
            "lowest number",
            lambda scores, mask: softmax(np.where(mask, scores, np.finfo(float).min)),
            "Where nothing may be seen all scores become the same lowest number, and the weights "
            "equal. Such a row should be zero.",
        ),
        Variant(
            "writes -1e4",
            lambda scores, mask: softmax(np.where(mask, scores, -1e4)),
            "You write -1e4 in place of hidden scores: a row whose visible scores are lower still "
            "loses to it. Use -inf, and zeros where nothing may be seen.",
        ),
        Variant(
            "adds -1e4",
            lambda scores, mask: softmax(scores + np.where(mask, 0, -1e4)),
            "You add -1e4 to hidden scores: one that is 20,000 higher shouts over it, and in an "
            "empty row a constant cancels. Use -inf, and zeros where nothing may be seen.",
        ),
        Variant(
            "scores times mask",
            lambda scores, mask: softmax(scores * mask),
            "You multiply the scores by the mask: a hidden key then scores 0, and e^0 = 1 is a "
            "share like any other.",
        ),
        Variant(
            "after the softmax",
            lambda scores, mask: softmax(scores) * mask,
            "You mask after the softmax: the hidden keys still count in the sum that the weights "
            "were divided by, so the rows do not sum to one.",
        ),
        Variant(
            "after the softmax, divided again",
            _late,
            "You mask after the softmax and divide once more (or subtract the largest of all "
            "scores, the hidden ones too): where a hidden score is far larger, the others have "
            "underflowed to zero by then. Mask the scores first.",
        ),
        Variant(
            "overflows",
            _overflowing,
            "Right for small scores, but exp(900) overflows: subtract the largest visible score of "
            "each row first.",
        ),
    ),
    hints=(
        "which score gives e^score = 0? And what is 0/0?",
        "np.where(mask, scores, -np.inf) hides; mask.any(axis=-1, keepdims=True) finds the rows "
        "in which something is left.",
        "give the empty rows finite scores (0, say) before the softmax, and set their weights to "
        "zero after it.",
    ),
)


def _triangle(offset):
    """A lower triangle whose first row has 1 + offset(query, key) keys."""
    return lambda query, key: np.tri(query, key, offset(query, key), dtype=bool)


_CAUSAL_MASK = Exercise(
    id="causal-mask",
    chapter="07",
    signature="my_causal(query, key), two whole numbers, query <= key "
    "-> mask (query, key), True = may be seen",
    reference=causal_mask,
    cases=lambda rng: [(4, 4), (2, 5), (1, 6), (3, 4)],
    variants=(
        Variant(
            "upper left",
            _triangle(lambda query, key: 0),
            "Right for a square, but with more keys than queries your triangle sits in the upper "
            "left: one new query with a cache of five keys would see only the first of them.",
        ),
        Variant(
            "offset with the wrong sign",
            _triangle(lambda query, key: query - key),
            "Right for a square, but your triangle moves to the left when keys are added: the "
            "query's place among the keys is i + key - query.",
        ),
        Variant(
            "misses itself",
            _triangle(lambda query, key: key - query - 1),
            "Each query misses its own place: it may see itself (<=, not <).",
        ),
        Variant(
            "one too many",
            _triangle(lambda query, key: key - query + 1),
            "Each query sees one key too many, the very next one.",
        ),
        Variant(
            "inverted",
            lambda query, key: ~causal_mask(query, key),
            "The mask is inverted: True means that a key may be seen.",
        ),
        Variant(
            "sees the future",
            lambda query, key: np.triu(np.ones((query, key), dtype=bool), key - query),
            "Each query sees itself and the future: your triangle is the upper one (np.triu for "
            "np.tril, or >= for <=).",
        ),
        Variant(
            "additive",
            lambda query, key: np.where(causal_mask(query, key), 0.0, -np.inf),
            "That is a mask to be added to the scores (0 and -inf). Here a mask is boolean, and "
            "True means that a key may be seen.",
        ),
        Variant(
            "key by query",
            lambda query, key: causal_mask(query, key).T,
            "Queries and keys have changed places: rows are queries, columns are keys.",
        ),
    ),
    hints=(
        "the last query stands at the last key. At which key does query i stand?",
        "query i stands at place i + key - query, and may see every key j up to there.",
        "compare np.arange(key) with a column of places, np.arange(key - query, key)[:, None].",
    ),
)

# ----------------------------------------------------------------------------------- chapter 08


def _attention_backward(
    dscores=softmax_backward,
    factor=lambda q, k: q.shape[-1] ** -0.5,
    dq=lambda ds, q, k: ds @ k,
    dk=lambda ds, q, k: ds.T @ q,
    dv=lambda weights, grad: weights.T @ grad,
):
    """The backward pass of attention, each part of which a variant may get wrong."""

    def backward(q, k, v, grad):
        weights = attention_weights(q, k)
        ds = dscores(weights, grad @ v.T) * factor(q, k)
        return dq(ds, q, k), dk(ds, q, k), dv(weights, grad)

    return backward


_ATTENTION_BACKWARD = Exercise(
    id="attention-backward",
    chapter="08",
    signature="my_attention_backward(q (n, d), k (m, d), v (m, value_dim), grad (n, value_dim)) "
    "-> (dq, dk, dv), shaped like q, k and v",
    reference=_attention_backward(),
    cases=lambda rng: [
        (*_qkv(rng, n=5, m=5, d=d, value_dim=value_dim), rng.normal(size=(5, value_dim)))
        for d, value_dim in [(4, 4), (9, 3)]
    ],
    variants=(
        Variant(
            "forgets the row sum",
            _attention_backward(lambda p, g: p * g),
            "Your dS is A∘dA, without the row sum: the other weights of the row fall when one "
            "rises. Each row of dS must sum to zero.",
        ),
        Variant(
            "no softmax backward",
            _attention_backward(lambda p, g: g),
            "You pass dA on as dS: the step back through the softmax is missing.",
        ),
        Variant(
            "row sum without weights",
            _attention_backward(lambda p, g: p * (g - g.sum(-1, keepdims=True))),
            "You subtract the plain row sum of dA; each entry must be weighted by A.",
        ),
        Variant(
            "row sum along the wrong axis",
            _attention_backward(lambda p, g: p * (g - (p * g).sum(-1))),
            "Your row sums have shape (n,) and were subtracted along the keys: with n = m nothing "
            "complains. Keep the axis: keepdims=True.",
        ),
        Variant(
            "not weighted by A",
            _attention_backward(lambda p, g: g - (p * g).sum(-1, keepdims=True)),
            "You subtract the right row sum from dA but do not multiply by A afterwards.",
        ),
        Variant(
            "gradients in another order",
            lambda q, k, v, grad: _attention_backward()(q, k, v, grad)[::-1],
            "You return (dv, dk, dq); expected is (dq, dk, dv), the order of the arguments.",
        ),
        Variant(
            "mean instead of weighted mean",
            _attention_backward(lambda p, g: p * (g - g.mean(-1, keepdims=True))),
            "You subtract the plain mean of dA; it must be weighted by A. (They agree only where "
            "all weights are equal.)",
        ),
        Variant(
            "sums over the queries",
            _attention_backward(lambda p, g: p * (g - (p * g).sum(0, keepdims=True))),
            "You sum A∘dA over the queries; each query has a softmax of its own: axis=-1.",
        ),
        Variant(
            "without 1/√d",
            _attention_backward(factor=lambda q, k: 1.0),
            "dq and dk lack the factor 1/√d: it stands between the scores and q·k, so it stands in "
            "the way back, too.",
        ),
        Variant(
            "divides by d",
            _attention_backward(factor=lambda q, k: 1 / q.shape[-1]),
            "dq and dk are divided by d: the factor 1/√d was applied twice. Once is enough.",
        ),
        Variant(
            "dk without transpose",
            _attention_backward(dk=lambda ds, q, k: ds @ q),
            "dk is dS Q where dSᵀ Q is wanted: a key collects from all queries. With n = m nothing "
            "complains.",
        ),
        Variant(
            "dq transposed",
            _attention_backward(dq=lambda ds, q, k: ds.T @ k),
            "dq is dSᵀ K where dS K is wanted: a query collects from all keys. With n = m nothing "
            "complains.",
        ),
        Variant(
            "dv without transpose",
            _attention_backward(dv=lambda weights, grad: weights @ grad),
            "dv is A dO where Aᵀ dO is wanted: a value collects from all queries that read it. "
            "With n = m nothing complains.",
        ),
        Variant(
            "queries and keys swapped",
            _attention_backward(dq=lambda ds, q, k: ds @ q, dk=lambda ds, q, k: ds.T @ k),
            "dq is made from q and dk from k: the derivative of a product by one factor is the "
            "other factor.",
        ),
    ),
    hints=(
        "go back step by step: output → values and weights → scores → queries and keys. Which "
        "shape must each gradient have?",
        "of C = X Y the gradients are dX = dC Yᵀ and dY = Xᵀ dC. The output is such a product "
        "(weights @ v), and the scores are one (q @ k.T, over √d).",
        "dv = weights.T @ grad, dscores = softmax_backward(weights, grad @ v.T) / √d, "
        "dq = dscores @ k, dk = dscores.T @ q.",
    ),
)


def _additive_backward(
    slope=lambda h: 1 - h**2,
    out=lambda v: v,
    over=(1, 0),
    project=lambda x, weight: x @ weight,
    swap=False,
    read=np.tanh,
):
    """The backward pass of additive scores, each part of which a variant may get wrong."""

    def backward(q, k, query_weight, key_weight, v, grad):
        before = (q @ query_weight.T)[:, None] + (k @ key_weight.T)[None]  # (n, m, hidden)
        dbefore = grad[..., None] * out(v) * slope(np.tanh(before))
        if swap:
            query_weight, key_weight = key_weight, query_weight
        dq = project(dbefore.sum(axis=over[0]), query_weight)
        dk = project(dbefore.sum(axis=over[1]), key_weight)
        return dq, dk, (grad[..., None] * read(before)).sum(axis=(0, 1))

    return backward


_ADDITIVE_BACKWARD = Exercise(
    id="additive-backward",
    chapter="08",
    signature="additive_backward(q (n, query_dim), k (m, key_dim), query_weight (hidden, "
    "query_dim), key_weight (hidden, key_dim), v (hidden), grad (n, m)) -> (dq, dk, dv)",
    reference=_additive_backward(),
    cases=lambda rng: [
        (*rng.normal(size=(4, 4, 4)), rng.normal(size=4), rng.normal(size=(4, 4))) for _ in range(2)
    ],
    variants=(
        Variant(
            "forgets the tanh",
            _additive_backward(slope=np.ones_like),
            "The slope of tanh is missing: multiply by 1 − h², where h = tanh(…).",
        ),
        Variant(
            "1 − h as slope",
            _additive_backward(slope=lambda h: 1 - h),
            "The slope of tanh is 1 − h², not 1 − h.",
        ),
        Variant(
            "tanh twice",
            _additive_backward(slope=lambda h: 1 - np.tanh(h) ** 2),
            "You take the tanh of h, which is a tanh already: the slope is 1 − h².",
        ),
        Variant(
            "forgets v",
            _additive_backward(out=np.ones_like),
            "dq and dk lack the factor v: how much the score feels each hidden number.",
        ),
        Variant(
            "sums over the wrong axis",
            _additive_backward(over=(0, 1)),
            "The sums are exchanged: query i stands in every column j of row i, so dq sums over "
            "the keys and dk over the queries. With n = m nothing complains.",
        ),
        Variant(
            "transposed weights",
            _additive_backward(project=lambda x, weight: x @ weight.T),
            "The weights are transposed: forward is q @ query_weight.T, so backward is "
            "@ query_weight. With equal sizes nothing complains.",
        ),
        Variant(
            "weights swapped",
            _additive_backward(swap=True),
            "dq goes back through key_weight and dk through query_weight: swap them.",
        ),
        Variant(
            "dv from before the tanh",
            _additive_backward(read=lambda before: before),
            "dv uses the sum before the tanh; v multiplies what comes after it.",
        ),
    ),
    hints=(
        "call h = tanh(W q_i + U k_j); it has the shape (n, m, hidden). The score is v · h: what "
        "are the gradients by v and by h?",
        "the slope of tanh is 1 − h². Before the tanh, q_i was added to each of the m keys: its "
        "gradient is the sum over them.",
        "dh = grad[..., None] * v; dbefore = dh * (1 - h**2); dq = dbefore.sum(1) @ query_weight, "
        "dk = dbefore.sum(0) @ key_weight, dv sums grad[..., None] * h over n and m.",
    ),
)

EXERCISES = (
    _STABLE_SOFTMAX,
    _SOFTMAX_BACKWARD,
    _SCALED_DOT_PRODUCT,
    _ADDITIVE_SCORE,
    _ATTENTION,
    _CROSS_ATTENTION,
    _CAUSAL_MASK,
    _MASKED_SOFTMAX,
    _ATTENTION_BACKWARD,
    _ADDITIVE_BACKWARD,
)

PREDICTIONS = (
    Prediction(
        id="softmax-shift-or-scale",
        chapter="04",
        question="Five scores give weights 1/2, 1/4, 1/8, 1/16, 1/16. What raises the first one?",
        options={
            "a": (
                "adding 10 to every score",
                "The new factor e^10 stands in every numerator and in the sum, and cancels: only "
                "differences of scores count.",
            ),
            "b": (
                "doubling every score",
                "It doubles every difference, so each ratio of two weights is squared and the "
                "largest weight gains.",
            ),
            "c": (
                "neither: the order of the scores stays the same",
                "The order does not settle the weights. Doubling keeps the order but doubles the "
                "differences, and the weights depend on those.",
            ),
        },
        answer="b",
    ),
    Prediction(
        id="wider-scores",
        chapter="05",
        question="Queries and keys of 1,024 independent numbers instead of 64, each of the same "
        "size as before. Their dot products spread …",
        options={
            "a": (
                "about as much as before: positive and negative products cancel",
                "They cancel in the mean, which stays 0. The spread around it does not cancel: "
                "each of the d products adds its variance.",
            ),
            "b": (
                "4 times as much",
                "The variance of a sum of independent terms is the sum of their variances, so it "
                "grows 16-fold, and the standard deviation is its root.",
            ),
            "c": (
                "16 times as much",
                "That is the variance. Its root is what says how far apart scores lie; 16 times "
                "would need all products to have the same sign.",
            ),
        },
        answer="b",
    ),
    Prediction(
        id="double-length",
        chapter="06",
        question="A text that attends to itself becomes twice as long. The work …",
        options={
            "a": (
                "doubles",
                "Each query is one more row, but each row is also twice as long: every new word is "
                "compared with all others. Twice as many rows, each twice as long, is four times.",
            ),
            "b": (
                "grows fourfold",
                "There are n·m scores, and both factors double.",
            ),
            "c": (
                "grows eightfold: it is a product of matrices",
                "Two n × n matrices would cost n³. But here one side of each product is d or d_v, "
                "and the width did not change: n·m·d grows fourfold.",
            ),
        },
        answer="b",
    ),
    Prediction(
        id="sum-memory",
        chapter="06",
        question="Keys of 16 numbers. Attention or the sum memory, from 2 to 128 pairs?",
        options={
            "a": (
                "attention answers more questions at every size",
                "With few pairs the memory makes no mistakes either: random keys are nearly at "
                "right angles, so the pairs hardly disturb each other.",
            ),
            "b": (
                "they tie for few pairs, then the memory falls",
                "The memory has 16 × 16 numbers, however many pairs go in. Attention keeps them "
                "all, and the exponential keeps them apart.",
            ),
            "c": (
                "the memory wins in the end: a softmax over 128 pairs dilutes",
                "It does dilute. But the match scores √16 = 4 and the others about 0, and e⁴ = 55 "
                "against each single rival is enough; the memory has no such help.",
            ),
        },
        answer="b",
    ),
    Prediction(
        id="hidden-share",
        chapter="07",
        question="The weights are 1/2, 1/4, 1/8, 1/16, 1/16, and the last key is hidden from the "
        "query. The first weight …",
        options={
            "a": (
                "stays 1/2: its score has not changed",
                "The score stays, but a weight is a share of the sum, and the sum has become "
                "smaller. With 1/2 the row would sum to 15/16.",
            ),
            "b": (
                "becomes 8/15",
                "The shares are 8, 4, 2, 1, and together they are 15 now. All ratios among them "
                "stay.",
            ),
            "c": (
                "becomes 9/16: the best key takes what has become free",
                "A softmax has no favorite. What has become free goes to all in proportion, or "
                "the ratio of the first two weights would change although their scores do not.",
            ),
        },
        answer="b",
    ),
    Prediction(
        id="dice-mask",
        chapter="07",
        question="The mask lets each query see one key too many. How often does the trained model "
        "name the next die?",
        options={
            "a": (
                "about once in six: dice cannot be predicted",
                "The next die cannot be predicted, but it can be read: it is the one key too many.",
            ),
            "b": (
                "a little more often: one of many keys helps",
                "The keys do not share the weight equally. Training finds the one that is always "
                "right and gives it all the weight.",
            ),
            "c": (
                "every time",
                "The one key too many is the next die. A single learned number, the score of "
                "distance -1, is enough to copy it.",
            ),
        },
        answer="c",
    ),
    Prediction(
        id="backward-zero-value",
        chapter="08",
        question="The value of *because* is (0, 0). What does a higher score of *because* do to "
        "the gender in the answer, which is 2?",
        options={
            "a": (
                "nothing: zero times any weight is zero",
                "Its own term stays zero. But its weight comes out of the others', and most of it "
                "from *cats*, which brings the gender.",
            ),
            "b": (
                "it lowers the gender",
                "0 is less than the 2 that the row returns now: mixing in more of it pulls the "
                "answer down, by weight times difference, 1/8 · (0 − 2) = −1/4.",
            ),
            "c": (
                "it raises the gender: a higher score means a higher weight",
                "A higher weight, yes, but on a value that is below the answer of 2. It pulls the "
                "answer toward 0.",
            ),
        },
        answer="b",
    ),
    Prediction(
        id="buggy-training",
        chapter="08",
        question="The row sum is forgotten in the backward pass. How does the training go at a "
        "learning rate of 3?",
        options={
            "a": (
                "the accuracy stays at chance: the gradient is wrong",
                "It is wrong, but not useless. The forgotten term is small while the scores are, "
                "and the right key still gets the strongest pull.",
            ),
            "b": (
                "it learns all the same, only more slowly",
                "At first it does. But the rows of dS no longer sum to zero: nothing holds the "
                "scores in place, and they run away.",
            ),
            "c": (
                "the accuracy rises like that of the right one, then collapses",
                "The start looks healthy. Meanwhile the scores drift without a limit, until every "
                "row is saturated.",
            ),
        },
        answer="c",
    ),
)
