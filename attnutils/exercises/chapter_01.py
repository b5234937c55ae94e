"""Exercises and predictions of chapter 1."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant


def _weighted_sum_cases(rng: np.random.Generator) -> list[tuple]:
    shapes = [(5, 2), (3, 3), (1, 4)]
    return [(rng.dirichlet(np.ones(m)), rng.normal(size=(m, d))) for m, d in shapes]


EXERCISES = (
    Exercise(
        id="weighted-sum",
        chapter="01",
        signature="weighted_sum(weights (rows,), values (rows, dim)) -> (dim,)",
        reference=lambda weights, values: weights @ values,
        cases=_weighted_sum_cases,
        variants=(
            Variant(
                "ignores the weights",
                lambda weights, values: values.mean(0),
                "Your output is the plain mean of the rows: the weights are not used.",
            ),
            Variant(
                "sums without weights",
                lambda weights, values: values.sum(0),
                "Your output is the plain sum of the rows: the weights are not used.",
            ),
            Variant(
                "hard look-up",
                lambda weights, values: values[weights.argmax()],
                "Your output is the single row with the largest weight. That is a hard look-up; "
                "here every row takes part.",
            ),
            Variant(
                "weighted mean over rows again",
                lambda weights, values: weights @ values / len(values),
                "Your output is too small by the number of rows: the weights sum to one already, "
                "so nothing is left to divide by (did you use .mean instead of .sum?).",
            ),
            Variant(
                "softmax over the weights",
                lambda weights, values: np.exp(weights) / np.exp(weights).sum() @ values,
                "You pass the weights through another softmax, which evens them out: they are "
                "weights already.",
            ),
            Variant(
                "not summed",
                lambda weights, values: weights[:, None] * values,
                "You weight the rows but do not add them up: the output should have one axis less.",
            ),
            Variant(
                "sums the wrong axis",
                lambda weights, values: (weights[:, None] * values).sum(1),
                "You add up the entries of each row instead of the rows: sum over axis 0.",
            ),
        ),
        hints=(
            "multiply each row of values by its weight; what do you do with the rows then?",
            "weights has one axis, values two: weights[:, None] lines them up row by row.",
            "a vector times a matrix does both at once: weights @ values.",
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="needle-dilution",
        chapter="01",
        question="Same query, same score gap, 100 times as many rows. The needle's weight …",
        options={
            "a": (
                "stays the same: its score is still the largest",
                "The largest score does not buy a fixed weight: the softmax divides by the sum "
                "over all rows, and each new row adds to that sum.",
            ),
            "b": (
                "falls: many small scores add up",
                "Each row takes a little; once there are about e^gap of them, together they "
                "outweigh the needle.",
            ),
            "c": (
                "rises: more rows make the best one stand out",
                "Standing out is a matter of the score gap, and that did not change.",
            ),
        },
        answer="b",
    ),
)
