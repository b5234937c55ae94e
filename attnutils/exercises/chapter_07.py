"""Exercises and predictions of chapter 7."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant
from attnutils.reference import causal_mask, masked_softmax, softmax


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


EXERCISES = (
    _CAUSAL_MASK,
    _MASKED_SOFTMAX,
)

PREDICTIONS = (
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
)
