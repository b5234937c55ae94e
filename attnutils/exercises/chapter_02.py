"""Exercises and predictions of chapter 2."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant


def _kernel_regression_cases(rng: np.random.Generator) -> list[tuple]:
    sizes = [(3, 7, 2, 1, 0.5), (4, 4, 1, 2, 2.0), (2, 5, 3, 3, 1.5)]
    return [
        (rng.normal(size=(n, d)), rng.normal(size=(m, d)), rng.normal(size=(m, dv)), sigma)
        for n, m, d, dv, sigma in sizes
    ]


def _distances(q: np.ndarray, k: np.ndarray) -> np.ndarray:
    return ((q[:, None] - k) ** 2).sum(-1)


def _closeness(q: np.ndarray, k: np.ndarray, bandwidth: float) -> np.ndarray:
    return np.exp(-_distances(q, k) / (2 * bandwidth**2))


def _normalized(shares: np.ndarray, axis: int = 1) -> np.ndarray:
    return shares / shares.sum(axis, keepdims=True)


def _leave_one_out_cases(rng: np.random.Generator) -> list[tuple]:
    sizes = [(6, 1, 1, 0.5), (4, 2, 2, 2.0), (5, 3, 1, 1.5)]
    return [(rng.normal(size=(m, d)), rng.normal(size=(m, dv)), sigma) for m, d, dv, sigma in sizes]


def _of_the_others(k: np.ndarray, bandwidth: float) -> np.ndarray:
    return _closeness(k, k, bandwidth) * (1 - np.eye(len(k)))


EXERCISES = (
    Exercise(
        id="nadaraya-watson",
        chapter="02",
        signature=(
            "nadaraya_watson(q (queries, dim), k (rows, dim), v (rows, value_dim), bandwidth) -> "
            "(queries, value_dim)"
        ),
        reference=lambda q, k, v, bandwidth: _normalized(_closeness(q, k, bandwidth)) @ v,
        cases=_kernel_regression_cases,
        variants=(
            Variant(
                "not divided by the sum",
                lambda q, k, v, bandwidth: _closeness(q, k, bandwidth) @ v,
                "You add up the values times their kernels but do not divide by the sum of the "
                "kernels: the weights of a query should sum to one.",
            ),
            Variant(
                "divided by the number of rows",
                lambda q, k, v, bandwidth: _closeness(q, k, bandwidth) @ v / len(k),
                "You divide by the number of rows instead of by the sum of the kernels: where few "
                "rows are near, your answer shrinks toward zero.",
            ),
            Variant(
                "normalized over the queries",
                lambda q, k, v, bandwidth: _normalized(_closeness(q, k, bandwidth), axis=0) @ v,
                "Your weights sum to one over the queries. Divide by the sum over the rows, so "
                "that each query's weights sum to one.",
            ),
            Variant(
                "divided by the sum of the whole table",
                lambda q, k, v, bandwidth: (
                    _closeness(q, k, bandwidth) / _closeness(q, k, bandwidth).sum() @ v
                ),
                "You divide by the sum over all queries and rows. Each query has weights of its "
                "own: divide each row of the table by its own sum, with keepdims=True.",
            ),
            Variant(
                "factor 1/2 forgotten",
                lambda q, k, v, bandwidth: (
                    _normalized(_closeness(q, k, bandwidth / np.sqrt(2))) @ v
                ),
                "Your kernel is e^(-u²) instead of e^(-u²/2): it is narrower by a factor √2.",
            ),
            Variant(
                "bandwidth not squared",
                lambda q, k, v, bandwidth: _normalized(_closeness(q, k, np.sqrt(bandwidth))) @ v,
                "You divide the squared distance by 2σ; it must be 2σ², because the kernel takes "
                "the distance divided by σ, and then squares.",
            ),
            Variant(
                "distance not squared",
                lambda q, k, v, bandwidth: (
                    _normalized(np.exp(-np.sqrt(_distances(q, k)) / (2 * bandwidth**2))) @ v
                ),
                "Your exponent has the distance where the Gaussian kernel has its square (is a "
                "square root or a norm left over?).",
            ),
            Variant(
                "sign of the exponent",
                lambda q, k, v, bandwidth: _normalized(1 / _closeness(q, k, bandwidth)) @ v,
                "The minus in the exponent is missing: the farthest row gets the largest weight.",
            ),
            Variant(
                "dot product instead of distance",
                lambda q, k, v, bandwidth: _normalized(np.exp(q @ k.T / bandwidth**2)) @ v,
                "You score by the dot product q·k/σ². That equals the Gaussian only where all keys "
                "have the same length; here they have not.",
            ),
        ),
        hints=(
            "three steps: squared distances (queries, rows), kernels, weights that sum to one.",
            "q[:, None] - k has shape (queries, rows, dim): square it and sum over the last axis.",
            "shares = np.exp(-distances / (2 * bandwidth**2)); divide by shares.sum(axis=1, "
            "keepdims=True), then multiply by v with @.",
        ),
    ),
    Exercise(
        id="leave-one-out",
        chapter="02",
        signature="leave_one_out(k (rows, dim), v (rows, value_dim), bandwidth) -> same as v",
        reference=lambda k, v, bandwidth: _normalized(_of_the_others(k, bandwidth)) @ v,
        cases=_leave_one_out_cases,
        variants=(
            Variant(
                "nobody left out",
                lambda k, v, bandwidth: _normalized(_closeness(k, k, bandwidth)) @ v,
                "Each row still answers its own question, with the largest weight of all: its "
                "distance is zero. Hide the diagonal; a *score* of 0 does not, since e^0 = 1.",
            ),
            Variant(
                "removed after the division",
                lambda k, v, bandwidth: (
                    (_normalized(_closeness(k, k, bandwidth)) * (1 - np.eye(len(k)))) @ v
                ),
                "You set the diagonal of the weights to zero after dividing: what is left sums to "
                "less than one. Remove it first, then divide.",
            ),
            Variant(
                "normalized over the wrong axis",
                lambda k, v, bandwidth: _normalized(_of_the_others(k, bandwidth), axis=0) @ v,
                "Your weights sum to one down the columns. Each row asks a question: divide by "
                "the sum over its own row.",
            ),
            Variant(
                "factor 1/2 forgotten",
                lambda k, v, bandwidth: _normalized(_of_the_others(k, bandwidth / np.sqrt(2))) @ v,
                "Your kernel is e^(-u²) instead of e^(-u²/2): it is narrower by a factor √2.",
            ),
            Variant(
                "divided by the rows",
                lambda k, v, bandwidth: _of_the_others(k, bandwidth) @ v / (len(k) - 1),
                "You divide by the number of other rows instead of by the sum of their kernels.",
            ),
            Variant(
                "plain mean of the others",
                lambda k, v, bandwidth: (v.sum(0) - v) / (len(k) - 1),
                "That is the plain mean of the other rows: the kernel is not used.",
            ),
            Variant(
                "softmax over the kernels",
                lambda k, v, bandwidth: _normalized(np.exp(_of_the_others(k, bandwidth))) @ v,
                "Your kernels went through another exponential: a hidden row then has weight "
                "e^0 = 1. The Gaussian kernel is the exponential already.",
            ),
            Variant(
                "errors instead of answers",
                lambda k, v, bandwidth: _normalized(_of_the_others(k, bandwidth)) @ v - v,
                "You return the differences from v; wanted are the answers themselves.",
            ),
        ),
        hints=(
            "compute the weights of k on k as in exercise 1; which of them must be zero before "
            "you divide?",
            "1 - np.eye(len(k)) is zero on the diagonal and one elsewhere. (With scores and a "
            "softmax: np.fill_diagonal(scores, -np.inf).)",
            "multiply the kernels by it, divide each row by its sum, multiply by v.",
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="kernel-training-error",
        chapter="02",
        question=(
            "Gradient descent adjusts σ so that the answers at the 100 readings themselves come "
            "as close as possible to these readings. Then σ …"
        ),
        options={
            "a": (
                "settles near the value that is best for new readings",
                "It would if each row had to be answered by the others. But every row takes part "
                "in its own answer, at distance zero.",
            ),
            "b": (
                "shrinks on and on",
                "Each row answers its own question best, and it does so alone when σ is small. "
                "The error at the readings goes to zero, and so does the use of the answers.",
            ),
            "c": (
                "grows on and on",
                "A large σ averages the noise away, but the answers then miss the curve, and the "
                "error at the readings shows it.",
            ),
        },
        answer="b",
    ),
)
