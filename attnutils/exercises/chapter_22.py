"""Exercises and predictions of chapter 22; they need torch."""

import math

import torch

from attnutils.attention import attention
from attnutils.grading import Exercise, Prediction, Variant


def _self_attention(x, w_q, w_k, w_v):
    return attention(x @ w_q, x @ w_k, x @ w_v)


def _softmax_over(axis):
    def variant(x, w_q, w_k, w_v):
        scores = (x @ w_q) @ (x @ w_k).mT * w_q.shape[-1] ** -0.5
        return scores.softmax(axis) @ (x @ w_v)

    return variant


def _weights_transposed(x, w_q, w_k, w_v):
    scores = (x @ w_q) @ (x @ w_k).mT * w_q.shape[-1] ** -0.5
    return scores.softmax(-1).mT @ (x @ w_v)


_SELF_ATTENTION = Exercise(
    id="self-attention",
    chapter="22",
    signature="self_attention(x (batch, n, d), w_q (d, d_k), w_k (d, d_k), w_v (d, d_v)) "
    "-> (batch, n, d_v)",
    reference=_self_attention,
    cases=lambda rng: [
        tuple(
            torch.as_tensor(rng.normal(size=shape)) for shape in ((2, 5, 6), (6, 4), (6, 4), (6, 6))
        )
    ],
    variants=(
        Variant(
            "queries and keys exchanged",
            lambda x, w_q, w_k, w_v: _self_attention(x, w_k, w_q, w_v),
            "Queries and keys are exchanged: you ask with W_k and answer with W_q. In a sequence "
            "that attends to itself all shapes still fit; row i of the scores belongs to query i.",
        ),
        Variant(
            "shared projection, W_q",
            lambda x, w_q, w_k, w_v: _self_attention(x, w_q, w_q, w_v),
            "Your keys are the queries: W_k is not used.",
        ),
        Variant(
            "shared projection, W_k",
            lambda x, w_q, w_k, w_v: _self_attention(x, w_k, w_k, w_v),
            "Your queries are the keys: W_q is not used.",
        ),
        Variant(
            "without 1/√d_k",
            lambda x, w_q, w_k, w_v: attention(x @ w_q, x @ w_k, x @ w_v, scale=1.0),
            "Your output equals self-attention without 1/√d_k.",
        ),
        Variant(
            "divided by √d",
            lambda x, w_q, w_k, w_v: attention(
                x @ w_q, x @ w_k, x @ w_v, scale=x.shape[-1] ** -0.5
            ),
            "You divide by √d, the size of a word's vector. The scores are sums over the d_k "
            "numbers of a query: divide by √d_k.",
        ),
        Variant(
            "divided by d_k",
            lambda x, w_q, w_k, w_v: attention(x @ w_q, x @ w_k, x @ w_v, scale=1 / w_q.shape[-1]),
            "You divide by d_k instead of √d_k.",
        ),
        Variant(
            "divided by √n",
            lambda x, w_q, w_k, w_v: attention(
                x @ w_q, x @ w_k, x @ w_v, scale=x.shape[-2] ** -0.5
            ),
            "You divide by √n, the number of words; expected √d_k.",
        ),
        Variant(
            "values not projected",
            lambda x, w_q, w_k, w_v: attention(x @ w_q, x @ w_k, x),
            "The values are x itself: W_v is not used.",
        ),
        Variant(
            "softmax over the queries",
            _softmax_over(1),
            "Your softmax runs over the queries. The matrix is square, so nothing complains: each "
            "row, over the keys, must sum to one (dim=-1).",
        ),
        Variant(
            "softmax over the batch",
            _softmax_over(0),
            "Your softmax mixes the sentences of the batch: use dim=-1.",
        ),
        Variant(
            "weights transposed",
            _weights_transposed,
            "The weights are transposed before they meet the values: row i must mix the values "
            "for word i.",
        ),
        Variant(
            "no softmax",
            lambda x, w_q, w_k, w_v: (x @ w_q) @ (x @ w_k).mT * w_q.shape[-1] ** -0.5 @ (x @ w_v),
            "The softmax is missing: scores meet the values.",
        ),
        Variant(
            "softmax before the scale",
            lambda x, w_q, w_k, w_v: (
                attention(x @ w_q, x @ w_k, x @ w_v, scale=1.0) * w_q.shape[-1] ** -0.5
            ),
            "You divide the weights by √d_k, after the softmax: divide the scores, before it.",
        ),
        Variant(
            "keys as values",
            lambda x, w_q, w_k, w_v: attention(x @ w_q, x @ w_k, x @ w_k),
            "The keys are mixed instead of the values: W_v is not used.",
        ),
        Variant(
            "returns the weights",
            lambda x, w_q, w_k, w_v: ((x @ w_q) @ (x @ w_k).mT * w_q.shape[-1] ** -0.5).softmax(-1),
            "These are the weights; the output is their product with the values.",
        ),
    ),
    hints=(
        "project x three times; then it is attention, with as many queries as keys.",
        "in a batch, k.mT (or k.transpose(-2, -1)) exchanges the last two axes; .T would not.",
        "((x @ w_q) @ (x @ w_k).mT / w_q.shape[-1] ** 0.5).softmax(-1) are the weights.",
    ),
)


def _gap(n: int, bits: float) -> float:
    return bits * math.log(2) * math.sqrt(n)


def _places(n: int) -> torch.Tensor:
    return torch.eye(n, dtype=torch.float64)


def _before(n: int, steps: int = 1) -> torch.Tensor:
    """Row i is the key of place i - steps, of the first place where there is none."""
    return _places(n)[[max(i - steps, 0) for i in range(n)]]


def _first_asks_nothing(n: int, bits: float) -> torch.Tensor:
    return _gap(n, bits) * _places(n).roll(1, 0).tril(-1)


_PREVIOUS_TOKEN = Exercise(
    id="previous-token",
    chapter="22",
    signature="previous_token(n, bits) -> (n, n), row i the query of place i",
    reference=lambda n, bits: _gap(n, bits) * _before(n),
    cases=lambda rng: [(5, 10.0), (4, 3.0)],
    tolerance=1e-4,  # an answer may be float32
    variants=(
        Variant(
            "the next word",
            lambda n, bits: _gap(n, bits) * _places(n)[[min(i + 1, n - 1) for i in range(n)]],
            "Each place asks for the one after it: row i needs its number in column i - 1. "
            "Is it transposed, or rolled the other way?",
        ),
        Variant(
            "transposed",
            lambda n, bits: _gap(n, bits) * _before(n).T,
            "Your matrix is transposed: row i is the query of place i, and needs its number in "
            "column i - 1.",
        ),
        Variant(
            "rolled to the right",
            lambda n, bits: _gap(n, bits) * _places(n).roll(-1, 0),
            "Each place asks for the one after it, and the last for the first: roll the other way, "
            "and mind the end.",
        ),
        Variant(
            "the first asks the last",
            lambda n, bits: _gap(n, bits) * _places(n).roll(1, 0),
            "Right but for the first word, which asks for the last one: rolling goes around. "
            "It should ask for itself.",
        ),
        Variant(
            "the first asks nothing",
            _first_asks_nothing,
            "Right but for the first word. Its query is zero, so it takes the mean of all words; "
            "it should ask for itself.",
        ),
        Variant(
            "two words back",
            lambda n, bits: _gap(n, bits) * _before(n, 2),
            "Each place asks for the one two before it.",
        ),
        Variant(
            "copy",
            lambda n, bits: _gap(n, bits) * _places(n),
            "That is copy: each place asks for itself.",
        ),
        Variant(
            "without √n",
            lambda n, bits: bits * math.log(2) * _before(n),
            "The places are right, the gap is not: the layer divides by √d_k, and here d_k = n. "
            "Multiply by √n beforehand.",
        ),
        Variant(
            "divided by √n",
            lambda n, bits: bits * math.log(2) / math.sqrt(n) * _before(n),
            "The places are right, the gap is not: multiply by √n; the layer divides by it.",
        ),
        Variant(
            "times n",
            lambda n, bits: bits * math.log(2) * n * _before(n),
            "The places are right, the gap is not: the layer divides by √n, not by n.",
        ),
        Variant(
            "bits as they are",
            lambda n, bits: bits * math.sqrt(n) * _before(n),
            "The places are right, the gap is not: a bit is ln 2, since the softmax takes powers "
            "of e.",
        ),
        Variant(
            "neither √n nor bits",
            lambda n, bits: bits * _before(n),
            "The places are right, the gap is not: a bit is ln 2, and the layer divides by √n.",
        ),
        Variant(
            "ones",
            lambda n, bits: _before(n),
            "The places are right, but the gap is that of a 1: multiply by bits · ln 2 · √n.",
        ),
        Variant(
            "the weights",
            lambda n, bits: (bits * math.log(2) * _before(n)).softmax(-1),
            "These are the weights that come out. Return the queries that lead to them.",
        ),
    ),
    hints=(
        "copy is torch.eye(n): row i has its one in column i. Where must it stand now?",
        "torch.eye(n)[rows] picks rows; which row of the identity should row i be? And row 0?",
        "torch.eye(n)[[0, *range(n - 1)]], times bits · ln 2 · √n, since √n is divided out again.",
    ),
)

EXERCISES = [_SELF_ATTENTION, _PREVIOUS_TOKEN]

PREDICTIONS = [
    Prediction(
        id="one-projection",
        chapter="22",
        question="Queries and keys get the same projection. Which of the three tasks suffers most?",
        options={
            "a": (
                "previous word: its map is the only one that is not symmetric",
                "It suffers, but less than you would think: if the words' vectors shrink from left "
                "to right, each can look at the one before. There is a worse case.",
            ),
            "b": (
                "reverse, although its map is symmetric",
                "Symmetry is not the whole price. Two words that share a projection cannot each "
                "look at the other more than at itself, and in reverse every pair would have to.",
            ),
            "c": (
                "none: the softmax makes the weights asymmetric again",
                "It does, row by row. But it cannot change which score of a row is the largest, "
                "and there a shared projection sets a limit.",
            ),
        },
        answer="b",
    ),
    Prediction(
        id="who-reaches-far",
        chapter="22",
        question="A GRU and self-attention of equal size, trained for equally many steps. One "
        "task asks for the gender of the last subject, the other for the whole sequence "
        "backward. Who does better?",
        options={
            "a": (
                "self-attention in both: every word is one step away",
                "The path is short, but attention has to learn which word it leads to. The last "
                "subject is marked by order, and order is what attention lacks.",
            ),
            "b": (
                "the GRU in the first, self-attention in the second",
                "The GRU carries one thing far, and reading in order marks the last one by itself. "
                "Carrying many things at once is what its state is too small for.",
            ),
            "c": (
                "the GRU in the second: reading both ways, it has seen every letter",
                "It has seen them, and must hold all of them in a few numbers. Attention leaves "
                "them where they are.",
            ),
        },
        answer="b",
    ),
]
