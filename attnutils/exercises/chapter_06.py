"""Exercises and predictions of chapter 6."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant
from attnutils.reference import attention, attention_weights, dot_scores, softmax


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


EXERCISES = (
    _ATTENTION,
    _CROSS_ATTENTION,
)

PREDICTIONS = (
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
