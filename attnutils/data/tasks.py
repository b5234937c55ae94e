"""Small generated tasks whose right attention is known."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from attnutils.shapes import check_size

__all__ = ["Needle", "Recall", "associative_recall", "needle"]


class Needle(NamedTuple):
    """One query and the rows among which one is meant; see ``needle``."""

    q: Float[np.ndarray, "batch dim"]
    k: Float[np.ndarray, "batch rows dim"]
    v: Float[np.ndarray, "batch rows"]
    target: Int[np.ndarray, " batch"]


def needle(
    rng: np.random.Generator, batch: int, rows: int, *, dim: int = 32, noise: float = 0.0
) -> Needle:
    """A needle in a haystack: random unit keys, normal values, and a query for one of the rows.

    Args:
        rng: draws everything.
        batch: number of haystacks.
        rows: rows in each.
        dim: size of keys and queries.
        noise: standard deviation of the noise added to the query, as a whole vector.
    Returns:
        q ``(batch, dim)`` and k ``(batch, rows, dim)``, of length one; v ``(batch, rows)``, normal;
        the target row ``(batch,)``.
    Raises:
        ValueError: a size below 1, or negative noise.
    Example:
        >>> hay = needle(np.random.default_rng(0), batch=2, rows=5)
        >>> (hay.k @ hay.q[..., None])[..., 0].argmax(-1) == hay.target
        array([ True,  True])

    Chapter: notebooks/1_intuition/01_soft_lookup.ipynb
    """
    check_size("batch", batch), check_size("rows", rows), check_size("dim", dim)
    if noise < 0:
        raise ValueError(f"noise is {noise}; expected a standard deviation, at least 0.")
    k = _unit(rng.normal(size=(batch, rows, dim)))
    target = rng.integers(rows, size=batch)
    q = _unit(k[np.arange(batch), target] + noise * dim**-0.5 * rng.normal(size=(batch, dim)))
    return Needle(q, k, rng.normal(size=(batch, rows)), target)


class Recall(NamedTuple):
    """Pairs of symbols and a question about one of them; see ``associative_recall``."""

    keys: Int[np.ndarray, "batch pairs"]
    values: Int[np.ndarray, "batch pairs"]
    query: Int[np.ndarray, " batch"]
    answer: Int[np.ndarray, " batch"]
    target: Int[np.ndarray, " batch"]


def associative_recall(
    rng: np.random.Generator, batch: int, pairs: int, *, symbols: int = 16
) -> Recall:
    """Pairs such as a→3, b→1, c→3 and the question: what does b go with?

    Keys are distinct within a row; values may repeat. Guessing scores 1/symbols.

    Args:
        rng: draws everything.
        batch: number of rows.
        pairs: pairs in each, at most ``symbols``.
        symbols: size of the alphabet of keys, and of that of values.
    Returns:
        keys and values ``(batch, pairs)``; query, answer and target pair ``(batch,)``.
    Raises:
        ValueError: a size below 1, or more pairs than distinct keys.
    Example:
        >>> task = associative_recall(np.random.default_rng(0), batch=1, pairs=3, symbols=8)
        >>> bool(task.values[0, task.target[0]] == task.answer[0])
        True

    Source: the task goes back to Graves et al. (2014), section 4.3, simplified to pairs.
    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    check_size("batch", batch), check_size("pairs", pairs), check_size("symbols", symbols)
    if pairs > symbols:
        raise ValueError(
            f"{pairs} pairs of {symbols} symbols; expected at most as many pairs as symbols, "
            "since the keys of a row are distinct."
        )
    keys = rng.random((batch, symbols)).argsort(-1)[:, :pairs]
    values = rng.integers(symbols, size=(batch, pairs))
    target, row = rng.integers(pairs, size=batch), np.arange(batch)
    return Recall(keys, values, keys[row, target], values[row, target], target)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)
