"""Exercises and predictions of chapter 5."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant
from attnutils.reference import additive_scores, cosine_scores, dot_scores, softmax

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


EXERCISES = (
    _SCALED_DOT_PRODUCT,
    _ADDITIVE_SCORE,
)

PREDICTIONS = (
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
)
