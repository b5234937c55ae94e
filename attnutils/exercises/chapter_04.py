"""Exercises and predictions of chapter 4."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant
from attnutils.reference import softmax, softmax_backward


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


EXERCISES = (
    _STABLE_SOFTMAX,
    _SOFTMAX_BACKWARD,
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
)
