"""Exercises and predictions of chapter 3."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant


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
                "the query about as often, for it is told the digit; salience less often",
                "Being told the digit does not protect from look-alikes, and their number "
                "grows with the grid. Salience has no look-alikes here.",
            ),
        },
        answer="b",
    ),
)
