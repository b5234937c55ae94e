"""Real digits (8×8, from scikit-learn): as images, as patches, and small in a cluttered field."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from attnutils.shapes import check_size

__all__ = ["Digits", "Fields", "cluttered_digits", "digits", "patches"]


class Digits(NamedTuple):
    """Images and what they show."""

    images: Float[np.ndarray, "count 8 8"]
    labels: Int[np.ndarray, " count"]


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
        raise ModuleNotFoundError(
            "digits() reads the images that come with scikit-learn, which is not installed. "
            "pip install scikit-learn",
            name=error.name,
        ) from error
    data = load_digits()
    return Digits(data.images / 16.0, data.target)


def patches(
    images: Float[np.ndarray, "count height width"], size: int
) -> Float[np.ndarray, "count length pixels"]:
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
        raise ValueError(
            f"images have shape {images.shape}; expected (count, height, width), "
            f"both divisible by the patch size {size}."
        )
    count, height, width = images.shape
    cut = images.reshape(count, height // size, size, width // size, size)
    return cut.swapaxes(2, 3).reshape(count, -1, size * size)


class Fields(NamedTuple):
    """Cluttered fields and where the digit is; see ``cluttered_digits``."""

    images: Float[np.ndarray, "count field field"]
    rows: Int[np.ndarray, " count"]
    columns: Int[np.ndarray, " count"]


def cluttered_digits(
    rng: np.random.Generator,
    images: Float[np.ndarray, "count height width"],
    *,
    field: int = 24,
    clutter: int = 8,
    fragment: int = 4,
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
    for index in range(count):
        for _ in range(clutter):
            source = images[rng.integers(count)]
            y, x = rng.integers(height - fragment + 1), rng.integers(width - fragment + 1)
            to_y, to_x = rng.integers(field - fragment + 1, size=2)
            piece = source[y : y + fragment, x : x + fragment]
            fields[index, to_y : to_y + fragment, to_x : to_x + fragment] = piece
        place = (
            slice(rows[index], rows[index] + height),
            slice(columns[index], columns[index] + width),
        )
        fields[index][place] = images[index]
    return Fields(fields, rows, columns)
