"""Real digits (8×8, from scikit-learn): images, patches, small in a field, with words about them.

The generators that need words give them as tuples; ``attnutils.data.text.Vocabulary`` numbers them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.random import Generator

from attnutils.shapes import check_probability, check_shape, check_size

Images = Float[np.ndarray, "count height width"]
Flags = Bool[np.ndarray, " count"]
Numbers = Int[np.ndarray, " count"]

# --- words ---

_NUMERALS = "zero one two three four five six seven eight nine".split()
_SUBJECTS = "food service music coffee".split()  # of the cells, in this order
_OPINIONS = (
    "awful dismal disgraceful dreadful horrible miserable terrible wretched".split(),
    "brilliant delightful excellent lovely marvelous splendid superb wonderful".split(),
)
_PHRASES = """
what OPINION SUBJECT | such OPINION SUBJECT | the SUBJECT was OPINION | we found the SUBJECT OPINION
| thank you for the OPINION SUBJECT | OPINION SUBJECT , as always | i must say , OPINION SUBJECT
| we will not forget such OPINION SUBJECT
""".split("|")

# --- digits, and small in a field ---


class Digits(NamedTuple):
    """Images and what they show.

    Args:
        images: ``(count, 8, 8)`` in [0, 1].
        labels: ``(count,)``, 0 to 9.
    Example:
        >>> sorted(set(digits().labels.tolist()))
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

    Source: Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI.
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """

    images: Float[np.ndarray, "count 8 8"]
    labels: Numbers


def digits() -> Digits:
    """The 1,797 handwritten digits that come with scikit-learn.

    Returns:
        images ``(1797, 8, 8)`` in [0, 1] and labels ``(1797,)`` from 0 to 9.
    Raises:
        ModuleNotFoundError: scikit-learn is missing; says how to install it.
    Example:
        >>> images, labels = digits()
        >>> images.shape, labels[:5]
        ((1797, 8, 8), array([0, 1, 2, 3, 4]))

    Source: Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI; the test set.
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        missing = "digits() reads images that come with scikit-learn: pip install scikit-learn"
        raise ModuleNotFoundError(missing, name=error.name) from error
    data = load_digits()
    return Digits(data.images / 16.0, data.target)


def patches(images: Images, size: int) -> Float[np.ndarray, "count length pixels"]:
    """Cut images into square patches, row by row.

    Args:
        images: ``(count, height, width)``, both divisible by ``size``.
        size: pixels along the edge of a patch.
    Returns:
        ``(count, patches, size * size)``.
    Raises:
        ValueError: the size does not divide height and width.
    Example:
        >>> patches(np.arange(16.0).reshape(1, 4, 4), 2)[0, 1]
        array([2., 3., 6., 7.])

    Source: Dosovitskiy et al. (2021), section 3.1.
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """
    check_size("size", size)
    if images.ndim != 3 or images.shape[1] % size or images.shape[2] % size:
        expected = f"(count, height, width), both divisible by the patch size {size}"
        raise ValueError(f"images have shape {images.shape}; expected {expected}.")
    count, height, width = images.shape
    cut = images.reshape(count, height // size, size, width // size, size)
    return cut.swapaxes(2, 3).reshape(count, -1, size * size)


class Fields(NamedTuple):
    """Cluttered fields and where the digit is; see ``cluttered_digits``.

    Args:
        images: ``(count, field, field)`` in [0, 1].
        rows: ``(count,)``, the row of the digit's upper left corner, in pixels.
        columns: ``(count,)``, its column.
    Example:
        >>> fields = cluttered_digits(np.random.default_rng(0), digits().images[:2])
        >>> fields.images.shape, fields.rows, fields.columns
        ((2, 24, 24), array([14, 10]), array([8, 4]))

    Source: this book.
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """

    images: Images
    rows: Numbers
    columns: Numbers


def cluttered_digits(
    rng: Generator, images: Images, *, field: int = 24, clutter: int = 8, fragment: int = 4
) -> Fields:
    """Put each digit somewhere in a larger field, among fragments of other digits.

    Fragments are square pieces of the given images, laid anywhere in the field
    (they may overlap each other); the digit is written over them, whole.

    Args:
        rng: draws places and fragments.
        images: ``(count, height, width)`` in [0, 1].
        field: pixels along the edge of the field.
        clutter: number of fragments in each field.
        fragment: pixels along the edge of a fragment.
    Returns:
        images ``(count, field, field)`` and the row and column of the digit's upper left corner.
    Raises:
        ValueError: the field is smaller than the image, or the fragment larger.
    Example:
        >>> images = digits().images[:2]
        >>> fields, rows, columns = cluttered_digits(np.random.default_rng(0), images)
        >>> corner = (slice(rows[0], rows[0] + 8), slice(columns[0], columns[0] + 8))
        >>> bool((fields[0][corner] == images[0]).all())
        True

    Source: the task goes back to Mnih et al. (2014), section 4.1.
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """
    count, height, width = images.shape
    check_size("field", field, least=max(height, width))
    check_size("clutter", clutter, least=0)
    if check_size("fragment", fragment) > min(height, width):
        raise ValueError(f"fragment is {fragment} pixels; the images have only {height}×{width}.")
    fields = np.zeros((count, field, field))
    rows = rng.integers(field - height + 1, size=count)
    columns = rng.integers(field - width + 1, size=count)
    for image, paper, row, column in zip(images, fields, rows, columns):
        for _ in range(clutter):
            source = images[rng.integers(count)]
            y, x = rng.integers(height - fragment + 1), rng.integers(width - fragment + 1)
            to_y, to_x = rng.integers(field - fragment + 1, size=2)
            _put(paper, to_y, to_x, source[y : y + fragment, x : x + fragment])
        _put(paper, row, column, image)
    return Fields(fields, rows, columns)


def _put(field, top, left, image) -> None:
    """Write an image into a field, over what is there."""
    field[top : top + len(image), left : left + len(image[0])] = image


class Captioned(NamedTuple):
    """Fields with several digits and a caption for each; see ``captioned_digits``.

    Args:
        images: ``(count, field, field)`` in [0, 1].
        captions: words, such as ("a", "three", "above", "a", "seven").
        about: ``(count, length)``, for each word of the captions the digit that it names, 0, 1 or
            2; -1 for words that name none and behind the end.
        labels: ``(count, shown)``, the digits, in the order of the caption; -1 where a field has
            fewer.
        boxes: ``(count, shown, 4)``, top, left, bottom and right pixel of each digit, the last two
            exclusive; 0 for none.
    Example:
        >>> data = captioned_digits(np.random.default_rng(0), *digits(), 5)
        >>> data.images.shape, data.about.shape, data.labels.shape, data.boxes.shape
        ((5, 24, 24), (5, 10), (5, 3), (5, 3, 4))

    Source: this book.
    Chapter: notebooks/4_vision_and_modalities/19_captioning.ipynb
    """

    images: Images
    captions: list[tuple[str, ...]]
    about: Int[np.ndarray, "count length"]
    labels: Int[np.ndarray, "count shown"]
    boxes: Int[np.ndarray, "count shown 4"]

    def gold(self, cells: int) -> Float[np.ndarray, "count length cells cells"]:
        """Where each word points on a grid: the share of its digit's box in each cell.

        Args:
            cells: along each edge of the field.
        Returns:
            ``(count, length, cells, cells)``; sums to 1 for a word that names a digit, else to 0.
        Raises:
            ValueError: a number below 1.
        """
        edges = np.linspace(0, self.images.shape[-1], check_size("cells", cells) + 1)
        low, high = self.boxes[..., :2, None], self.boxes[..., 2:, None]
        inside = (np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1])).clip(0)
        inside /= np.maximum(high - low, 1)  # (count, shown, axis, cells)
        maps = inside[..., 0, :, None] * inside[..., 1, None, :]
        named = maps[np.arange(len(maps))[:, None], self.about]
        return named * (self.about >= 0)[..., None, None]


def captioned_digits(
    rng: Generator, images: Images, labels: Numbers, count: int, *, field: int = 24,
    shown: Sequence[int] = (2, 3),
) -> Captioned:  # fmt: skip
    """Fields with two or three digits, and what stands where.

    "a three above a seven", "a one left of an eight", "a two below a four and right of a two":
    a caption begins with the digit in full ink, the others are drawn in half, and "above" or
    "below" goes first. So there is one caption for each field. Digits and relations are drawn
    independently, so a guess without the image is right about once in 400 (two digits) or 4,000
    (three). Above means: by at least one digit's height, and at most half a width aside.

    Args:
        rng: draws digits, places and images.
        images: ``(given, height, width)`` in [0, 1], to draw from; for a test, unseen ones.
        labels: what they show, 0 to 9.
        count: number of fields.
        field: pixels along the edge of the field, at least 2.5 times those of a digit.
        shown: how many digits a field may show, each equally likely: 2, 3 or both.
    Returns:
        Fields, captions, the digits and where they are.
    Raises:
        ValueError: images and labels that differ in number, labels that are no digits, a count
            below 1, a field too small, or another number of digits shown.
    Example:
        >>> images, labels = digits()
        >>> data = captioned_digits(np.random.default_rng(0), images, labels, 2)
        >>> print(" ".join(data.captions[0]))
        a three above a three and left of a nine
        >>> data.labels[0], data.about[0]
        (array([3, 3, 9]), array([-1,  0, -1, -1,  1, -1, -1, -1, -1,  2]))
        >>> data.boxes[0, 0], data.gold(3)[0, 1]  # of the first three
        (array([ 3,  4, 11, 12]),
         array([[0.3125, 0.3125, 0.    ],
                [0.1875, 0.1875, 0.    ],
                [0.    , 0.    , 0.    ]]))

    Source: this book; gold maps to judge attention by, as in Liu et al. (2017).
    Chapter: notebooks/4_vision_and_modalities/19_captioning.ipynb
    """
    _check_digits(images, labels)
    check_size("count", count)
    if not shown or not set(shown) <= {2, 3}:
        raise ValueError(f"shown is {shown!r}; expected numbers of digits: (2,), (3,) or (2, 3).")
    height, width = images.shape[1:]
    side = max(height, width)
    check_size("field", field, least=2 * side + side // 2)
    present = np.arange(max(shown)) < rng.choice(shown, size=count)[:, None]
    chosen = rng.integers(len(images), size=present.shape)
    corners = _places(rng, present, field, side)
    fields = np.zeros((count, field, field))
    captions, about = [], np.full((count, 10), -1)
    for index, (paper, places) in enumerate(zip(fields, corners)):
        words = []
        for digit, picture in enumerate(chosen[index, present[index]]):
            if digit:
                words += ["and"] * (digit == 2) + _relation(*places[[0, digit]])
            numeral = _NUMERALS[labels[picture]]
            words += ["an" if numeral == "eight" else "a", numeral]
            about[index, len(words) - 1] = digit
            _put(paper, *places[digit], images[picture] / (2 if digit else 1))
        captions.append(tuple(words))
    boxes = np.concatenate([corners, corners + (height, width)], -1) * present[..., None]
    about = about[:, : max(map(len, captions))]
    return Captioned(fields, captions, about, np.where(present, labels[chosen], -1), boxes)


def _places(rng, present, field, side) -> np.ndarray:
    """Upper left corners ``(count, shown, 2)``: the first digit, one above or below, one beside."""
    count, shown = present.shape
    far = rng.integers(side, field - side - side // 2 + 1, size=(count, 2))
    near = rng.integers(-(side // 2), side // 2 + 1, size=(count, 2))
    near[:, 0] = np.minimum(near[:, 0], far[:, 1] - side)  # the two others do not overlap
    below, right = np.stack([far[:, 0], near[:, 0]], -1), np.stack([near[:, 1], far[:, 1]], -1)
    others = np.stack([below, right], 1) * rng.choice((-1, 1), size=(count, 1, 2))
    swap = (rng.random(count) < 0.5) & (present.sum(-1) == 2)
    others[swap] = others[swap, ::-1]
    offsets = np.zeros((count, shown, 2), dtype=int)
    offsets[:, 1:] = others[:, : shown - 1] * present[:, 1:, None]
    least, most = -offsets.min(1), field - side - offsets.max(1)
    return offsets + rng.integers(least, most + 1)[:, None]


def _relation(first, other) -> list[str]:
    down, right = other - first
    if abs(down) > abs(right):
        return ["above" if down > 0 else "below"]
    return ["left" if right > 0 else "right", "of"]


class Remarks(NamedTuple):
    """Score cards and what guests say about them; see ``remarks``.

    Args:
        pictures: ``(count, cells, height, width)``, the digits of each card, cell by cell; zeros
            where the card is missing.
        phrases: words, such as ("what", "lovely", "coffee"); none where the phrase is missing.
        sarcastic: ``(count,)``, praise for a low score, or a complaint about a high one: the label.
        praise: ``(count,)``, whether the phrase praises.
        high: ``(count,)``, whether the score that the phrase is about is 5 or more.
        target: ``(count,)``, the cell that the phrase is about.
        scores: ``(count, cells)``, the digits, cell by cell.
    Example:
        >>> data = remarks(np.random.default_rng(0), *digits(), 4)
        >>> data.sarcastic == (data.praise != data.high)
        array([ True,  True,  True,  True])

    Source: this book.
    Chapter: notebooks/4_vision_and_modalities/20_cross_modal.ipynb
    """

    pictures: Float[np.ndarray, "count cells height width"]
    phrases: list[tuple[str, ...]]
    sarcastic: Flags
    praise: Flags
    high: Flags
    target: Numbers
    scores: Int[np.ndarray, "count cells"]


def remarks(
    rng: Generator, images: Images, labels: Numbers, count: int, *, cells: int = 4,
    noise: float = 0.0, missing: float = 0.0,
) -> Remarks:  # fmt: skip
    """Sarcasm: a phrase that says the opposite of the score card beside it.

    The card holds a digit for each of food, service, music and coffee; the phrase is about one of
    them. It is sarcastic if it praises a score below 5 or complains about one of 5 or more:
    polarity of the phrase XOR polarity of the picture. The four combinations are equally frequent,
    so each modality alone scores 1/2, and so does any sum of what is seen in the one and in the
    other.

    Args:
        rng: draws everything.
        images: ``(given, height, width)`` in [0, 1], to draw from; for a test, unseen ones.
        labels: what they show, 0 to 9.
        count: number of remarks.
        cells: digits on a card, 2 to 4: the first of food, service, music, coffee.
        noise: standard deviation of the noise added to each pixel.
        missing: share of remarks that lack the phrase or the card, each in half of the cases. Their
            labels are what they were: a coin, for who sees only the rest.
    Returns:
        Cards, phrases, labels and what is behind them.
    Raises:
        ValueError: images and labels that differ in number, labels that are no digits, all low or
            all high, a count below 1, cells not 2 to 4, negative noise, missing outside [0, 1).
    Example:
        >>> images, labels = digits()
        >>> data = remarks(np.random.default_rng(0), images, labels, 2)
        >>> " ".join(data.phrases[0]), int(data.target[0]), data.scores[0]
        ('we found the music dreadful', 2, array([3, 9, 4, 5]))
        >>> bool(data.sarcastic[0])  # 4 is a low score: meant as it is said
        False

    Source: this book.
    Chapter: notebooks/4_vision_and_modalities/20_cross_modal.ipynb
    """
    _check_digits(images, labels)
    halves = [np.flatnonzero((labels >= 5) == high) for high in (False, True)]
    if not all(map(len, halves)):
        found = f"labels are {np.unique(labels)}; expected some below 5 and some from 5 on"
        raise ValueError(f"{found}. Were the images sorted by label before they were split?")
    check_size("count", count), check_probability("missing", missing)
    if check_size("cells", cells, least=2) > len(_SUBJECTS):
        raise ValueError(f"cells is {cells}; expected at most {len(_SUBJECTS)}: {_SUBJECTS}.")
    if noise < 0:
        raise ValueError(f"noise is {noise}; expected a standard deviation, at least 0.")
    combination = rng.permutation(count) % 4
    praise, high = combination >= 2, combination % 2 == 1
    target = rng.integers(cells, size=count)
    chosen = rng.integers(len(images), size=(count, cells))
    low_or_high = [rng.choice(half, count) for half in halves]
    chosen[np.arange(count), target] = np.where(high, low_or_high[1], low_or_high[0])
    pictures = images[chosen] + noise * rng.normal(size=(count, cells, *images.shape[1:]))
    lacks = np.where(rng.random(count) < missing, rng.integers(2, size=count), -1)
    pictures[lacks == 0] = 0
    phrases = []
    for lacking, good, cell in zip(lacks, praise.tolist(), target):
        filled = {"SUBJECT": _SUBJECTS[cell], "OPINION": str(rng.choice(_OPINIONS[good]))}
        phrase = _PHRASES[rng.integers(len(_PHRASES))].split()
        phrases.append(() if lacking == 1 else tuple(filled.get(word, word) for word in phrase))
    return Remarks(pictures, phrases, praise != high, praise, high, target, labels[chosen])


def _check_digits(images, labels) -> None:
    check_shape("images", images, ("given", "height", "width"))
    check_shape("labels", labels, images.shape[:1], "Was only one of them split?")
    if not len(labels) or labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"labels are {np.unique(labels)}; expected digits, 0 to 9, at least one.")
