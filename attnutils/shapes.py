"""Names of the axes, and the checks of shape and dtype that the NumPy and torch modules share.

Axes, in this order, everywhere in the package:

* ``(batch, heads, query, head_dim)`` for queries and ``(batch, heads, key, head_dim)`` for keys and
  values inside attention; the axes before the last two are optional and may be any number;
* ``(batch, heads, query, key)`` for scores, weights and masks;
* ``(batch, length, dim)`` between layers;
* ``(batch, height, width)`` for gray images.

The checks read only ``.shape`` and ``.dtype``: they serve arrays and tensors alike and import
neither library. Every message says what was received, what was expected and the likely cause.
"""

from collections.abc import Sequence
from typing import Any

SCORE_AXES = ("batch", "heads", "query", "key")


def check_qkv(q: Any, k: Any, v: Any = None, *, same_dim: bool = True) -> None:
    """Check that queries, keys and, if given, values can meet in one attention.

    Args:
        q: ``(*batch, query, head_dim)``.
        k: ``(*batch, key, head_dim)``.
        v: ``(*batch, key, value_dim)``, or None.
        same_dim: whether q and k must share ``head_dim`` (true for dot products).
    Raises:
        ValueError: fewer than two axes, differing batch axes, key lengths, dimensions or dtypes.
    Example:
        >>> import numpy as np
        >>> check_qkv(np.ones((5, 4)), np.ones((3, 8)))
        Traceback (most recent call last):
        ValueError: q has head_dim 4 (shape (5, 4)) but k has 8 (shape (3, 8)): a dot product \
needs the same. Was k projected to another size?
    """
    given = {"q": q, "k": k} | ({} if v is None else {"v": v})
    for name, x in given.items():
        if len(x.shape) < 2:
            raise ValueError(
                f"{name} has shape {tuple(x.shape)}; expected at least two axes, "
                "(..., length, dim). Is the length axis of a single vector missing? Use x[None, :]."
            )
    if len({str(x.dtype) for x in given.values()}) > 1:
        dtypes = ", ".join(f"{name} {x.dtype}" for name, x in given.items())
        raise ValueError(
            f"dtypes differ: {dtypes}; expected one for all. Was only one of them cast?"
        )
    if same_dim and q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"q has head_dim {q.shape[-1]} (shape {tuple(q.shape)}) but k has {k.shape[-1]} "
            f"(shape {tuple(k.shape)}): a dot product needs the same. "
            "Was k projected to another size?"
        )
    if v is not None and k.shape[-2] != v.shape[-2]:
        raise ValueError(
            f"k has {k.shape[-2]} rows (shape {tuple(k.shape)}) but v has {v.shape[-2]} "
            f"(shape {tuple(v.shape)}): each key needs its value. "
            "Do k and v come from the same sequence?"
        )
    for name, x in list(given.items())[1:]:
        if not _broadcast(q.shape[:-2], x.shape[:-2]):
            raise ValueError(
                f"q has batch axes {tuple(q.shape[:-2])} but {name} has {tuple(x.shape[:-2])} "
                f"(shapes {tuple(q.shape)} and {tuple(x.shape)}); expected axes that broadcast. "
                "Was one of them split into heads and the other not?"
            )


def check_mask(mask: Any, scores_shape: Sequence[int]) -> None:
    """Check that a mask is boolean and broadcasts to the shape of the scores.

    Args:
        mask: array or tensor, True = may attend.
        scores_shape: ``(*batch, query, key)``.
    Raises:
        ValueError: another dtype, more axes than the scores, or an axis that does not fit.
    Example:
        >>> import numpy as np
        >>> check_mask(np.ones((2, 1, 5, 7), dtype=bool), (2, 4, 5, 6))
        Traceback (most recent call last):
        ValueError: mask has shape (2, 1, 5, 7) but scores are (2, 4, 5, 6): key axis 7 ≠ 6. \
Was the padding mask built for another length?
    """
    if str(mask.dtype) not in ("bool", "torch.bool"):
        raise ValueError(
            f"mask has dtype {mask.dtype}; expected bool with True = may attend. "
            "Is it an additive mask (0 and -inf)? Use mask == 0."
        )
    _check_fits("mask", mask, scores_shape)


def check_bias(bias: Any, scores_shape: Sequence[int]) -> None:
    """Check that a bias is a floating-point number for each score, or broadcasts to that.

    Args:
        bias: array or tensor, added to the scores.
        scores_shape: ``(*batch, query, key)``.
    Raises:
        ValueError: a boolean or integer dtype, more axes than the scores, or one that does not fit.
    Example:
        >>> import numpy as np
        >>> check_bias(np.ones((5, 5), dtype=bool), (2, 4, 5, 5))
        Traceback (most recent call last):
        ValueError: bias has dtype bool; expected floating point. Is it a mask? Pass it as mask=.
    """
    if "float" not in str(bias.dtype):
        raise ValueError(
            f"bias has dtype {bias.dtype}; expected floating point. Is it a mask? Pass it as mask=."
        )
    _check_fits("bias", bias, scores_shape)


def check_size(name: str, value: Any, *, least: int = 1) -> int:
    """Check that a size is a whole number, at least ``least``, and return it.

    Args:
        name: what to call it in the message.
        value: the size.
        least: the smallest allowed.
    Raises:
        ValueError: anything else, booleans included.
    Example:
        >>> check_size("num_heads", 0)
        Traceback (most recent call last):
        ValueError: num_heads is 0; expected a whole number, at least 1.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < least:
        raise ValueError(f"{name} is {value!r}; expected a whole number, at least {least}.")
    return value.__index__()


def check_probability(name: str, value: float) -> float:
    """Check that a value lies in [0, 1) and return it.

    Args:
        name: what to call it in the message.
        value: the probability.
    Raises:
        ValueError: anything else.
    Example:
        >>> check_probability("dropout", 1.5)
        Traceback (most recent call last):
        ValueError: dropout is 1.5; expected a probability, 0 <= dropout < 1. Is it a percentage?
    """
    if not 0 <= value < 1:
        raise ValueError(
            f"{name} is {value!r}; expected a probability, 0 <= {name} < 1. Is it a percentage?"
        )
    return value


def _check_fits(name: str, x: Any, scores_shape: Sequence[int]) -> None:
    """Check that a mask or bias broadcasts to the scores without enlarging them."""
    shape, scores_shape = tuple(x.shape), tuple(scores_shape)
    if len(shape) > len(scores_shape):
        raise ValueError(
            f"{name} has {len(shape)} axes (shape {shape}) but scores have {len(scores_shape)} "
            f"(shape {scores_shape}); expected at most as many. "
            f"Does the {name} carry an axis for heads that q and k lack? Drop it with {name}[:, 0]."
        )
    causes = {
        "key": f"Was the padding {name} built for another length?",
        "query": "Are the query and key axes swapped?",
        "heads": f"Was the {name} built for another number of heads? One head (size 1) serves all.",
        "batch": f"Was the {name} built for another batch? Or is its axis for heads missing?",
    }
    for back, size in enumerate(reversed(shape), start=1):
        expected = scores_shape[-back]
        if size not in (1, expected):
            axis = SCORE_AXES[-back] if back <= len(SCORE_AXES) else f"axis -{back}"
            raise ValueError(
                f"{name} has shape {shape} but scores are {scores_shape}: "
                f"{axis} axis {size} ≠ {expected}. {causes.get(axis, causes['batch'])}"
            )


def _broadcast(a: Sequence[int], b: Sequence[int]) -> bool:
    return all(
        x == y or 1 in (x, y) for x, y in zip(reversed(tuple(a)), reversed(tuple(b)), strict=False)
    )
