"""Exercises and predictions of part 1."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant


def _weighted_sum_cases(rng: np.random.Generator) -> list[tuple]:
    shapes = [(5, 2), (3, 3), (1, 4)]
    return [(rng.dirichlet(np.ones(m)), rng.normal(size=(m, d))) for m, d in shapes]


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


def _cue_cases(rng: np.random.Generator) -> list[tuple]:
    sizes = [(1.5, 6, 4, 0.4), (300.0, 8, 3, 0.7), (0.9, 5, 5, 1.3)]
    return [
        (
            cue,
            cue * 2 ** rng.uniform(-1.5, 1.5, size=bands),
            rng.normal(size=(bands, times)),
            width,
        )
        for cue, bands, times, width in sizes
    ]


def _by_pitch(distance: np.ndarray, signals: np.ndarray, width: float) -> np.ndarray:
    shares = np.exp(-(distance**2) / (2 * width**2))
    return shares / shares.sum() @ signals


def _octaves(cue: float, frequencies: np.ndarray) -> np.ndarray:
    return np.log2(frequencies / cue)


def _saliency_cases(rng: np.random.Generator) -> list[tuple]:
    return [(rng.normal(size=shape),) for shape in [(4, 5), (3, 3), (2, 6)]]


def _around(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the up to eight neighbors of each cell."""
    (rows, columns), padded = image.shape, np.pad(image, 1)
    there = np.pad(np.ones(image.shape), 1)
    steps = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]

    def total(x: np.ndarray) -> np.ndarray:
        return sum(x[i : i + rows, j : j + columns] for i, j in steps)

    return total(padded), total(there)


def _saliency(image: np.ndarray) -> np.ndarray:
    total, count = _around(image)
    return np.abs(image - total / count)


def _rolled(image: np.ndarray) -> np.ndarray:
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    return np.abs(image - sum(np.roll(image, step, (0, 1)) for step in steps) / 8)


def _crosswise(image: np.ndarray) -> np.ndarray:
    (rows, columns), padded = image.shape, np.pad(image, 1, constant_values=np.nan)
    steps = [(0, 1), (2, 1), (1, 0), (1, 2)]
    neighbors = [padded[i : i + rows, j : j + columns] for i, j in steps]
    return np.abs(image - np.nanmean(neighbors, axis=0))


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
                "distance is zero. Hide the diagonal.",
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
    Exercise(
        id="select-by-cue",
        chapter="03",
        signature=(
            "select_by_cue(cue, frequencies (bands,), signals (bands, time), width) -> (time,)"
        ),
        reference=lambda cue, frequencies, signals, width: _by_pitch(
            _octaves(cue, frequencies), signals, width
        ),
        cases=_cue_cases,
        variants=(
            Variant(
                "distance in hertz",
                lambda cue, frequencies, signals, width: _by_pitch(
                    frequencies - cue, signals, width
                ),
                "You measure the distance between cue and band in hertz. Wanted are octaves, "
                "log2(frequency / cue): from 125 to 250 Hz is as far as from 1,000 to 2,000.",
            ),
            Variant(
                "natural logarithm",
                lambda cue, frequencies, signals, width: _by_pitch(
                    np.log(frequencies / cue), signals, width
                ),
                "Your logarithm is the natural one; an octave is one unit of log2.",
            ),
            Variant(
                "hard",
                lambda cue, frequencies, signals, width: signals[
                    np.abs(_octaves(cue, frequencies)).argmin()
                ],
                "You return the one nearest band: a hard choice. Here all bands take part, the "
                "near ones more.",
            ),
            Variant(
                "cue ignored",
                lambda cue, frequencies, signals, width: signals.mean(0),
                "That is the mean of all bands: the cue is not used.",
            ),
            Variant(
                "not divided by the sum",
                lambda cue, frequencies, signals, width: (
                    np.exp(-(_octaves(cue, frequencies) ** 2) / (2 * width**2)) @ signals
                ),
                "Your weights do not sum to one: divide by their sum, or use softmax.",
            ),
            Variant(
                "factor 1/2 forgotten",
                lambda cue, frequencies, signals, width: _by_pitch(
                    _octaves(cue, frequencies), signals, width / np.sqrt(2)
                ),
                "You divide the squared distance by σ² instead of 2σ².",
            ),
            Variant(
                "width not squared",
                lambda cue, frequencies, signals, width: _by_pitch(
                    _octaves(cue, frequencies), signals, np.sqrt(width)
                ),
                "You divide the squared distance by 2σ instead of 2σ².",
            ),
            Variant(
                "sign of the score",
                lambda cue, frequencies, signals, width: (
                    _by_pitch(1j * _octaves(cue, frequencies), signals, width).real
                ),
                "The minus is missing: the band farthest from the cue gets the largest weight.",
            ),
        ),
        hints=(
            "three steps: how far each band is from the cue, weights that sum to one, a sum.",
            "the distance in octaves is np.log2(frequencies / cue); its square, over 2 * width**2 "
            "and with a minus, is the score.",
            "softmax(-np.log2(frequencies / cue) ** 2 / (2 * width**2)) @ signals",
        ),
    ),
    Exercise(
        id="saliency",
        chapter="03",
        signature="saliency(image (rows, columns)) -> (rows, columns)",
        reference=_saliency,
        cases=_saliency_cases,
        variants=(
            Variant(
                "zeros beyond the border",
                lambda image: np.abs(image - _around(image)[0] / 8),
                "At the border you count neighbors that do not exist, as zeros: divide by the "
                "number of those that do. As it is, each corner looks odd.",
            ),
            Variant(
                "border repeated",
                lambda image: np.abs(
                    image - (_around(np.pad(image, 1, "edge"))[0])[1:-1, 1:-1] / 8
                ),
                "At the border you repeat the edge, so that cells count twice, and some as their "
                "own neighbors. Use only the neighbors that exist.",
            ),
            Variant(
                "wrapped around",
                _rolled,
                "At the border your neighbors come from the opposite side (np.roll?).",
            ),
            Variant(
                "the cell is its own neighbor",
                lambda image: np.abs(image - (_around(image)[0] + image) / (_around(image)[1] + 1)),
                "The mean contains the cell itself, which shrinks every contrast. Leave it out.",
            ),
            Variant(
                "signed",
                lambda image: image - _around(image)[0] / _around(image)[1],
                "The sign is left: a cell that is paler than its neighbors is as odd as a darker "
                "one. Take the absolute value.",
            ),
            Variant(
                "squared",
                lambda image: _saliency(image) ** 2,
                "You squared the difference; wanted is its absolute value.",
            ),
            Variant(
                "four neighbors",
                _crosswise,
                "You compare with the neighbors above, below, left and right; the diagonal ones "
                "count, too.",
            ),
            Variant(
                "compared with all cells",
                lambda image: np.abs(image - (image.sum() - image) / (image.size - 1)),
                "You compare each cell with all others. That is global contrast; wanted is the "
                "contrast with the eight neighbors.",
            ),
            Variant(
                "weights",
                lambda image: np.exp(_saliency(image)) / np.exp(_saliency(image)).sum(),
                "You return weights; wanted is the contrast itself, before any softmax.",
            ),
        ),
        hints=(
            "for one cell: which cells are its neighbors, and how many are there in a corner?",
            "image[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2] is the cell with its neighbors "
            "(a slice may end beyond the border but must not begin before it).",
            "with that window: others = (window.sum() - image[i, j]) / (window.size - 1), and the "
            "contrast is abs(image[i, j] - others).",
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
    Prediction(
        id="more-cells",
        chapter="03",
        question=(
            "The grid grows from 4 to 64 digits. Salience looks for the one in odd ink, the query "
            "for the one that shows the wanted digit. How often does each find its cell?"
        ),
        options={
            "a": (
                "both less often: there is more to confuse them with",
                "That holds for the query only. More cells of ordinary ink make the odd one no "
                "less odd; they tell better what ordinary is.",
            ),
            "b": (
                "salience about as often, the query less often",
                "An odd ink stays odd in any crowd. But each further digit is one more chance for "
                "one that looks more like a 3, say, than the 3 does.",
            ),
            "c": (
                "the query about as often, for it knows what it wants; salience less often",
                "Knowing what to look for does not protect from look-alikes, and their number "
                "grows with the grid. Salience has no look-alikes here.",
            ),
        },
        answer="b",
    ),
)
