"""Exercises and predictions of part 2."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant
from attnutils.reference import attention, attention_weights, dot_scores, softmax, softmax_backward

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

EXERCISES = (_STABLE_SOFTMAX, _SOFTMAX_BACKWARD, _ATTENTION, _CROSS_ATTENTION)

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
)
