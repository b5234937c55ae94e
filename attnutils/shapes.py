"""Names of the axes, and the checks of shape and dtype that the NumPy and torch modules share.

Axes, in this order, everywhere in the package:

* ``(batch, heads, query, head_dim)`` for queries and ``(batch, heads, key, head_dim)`` for keys and
  values inside attention; the axes before the last two are optional and may be any number;
* ``(batch, heads, query, key)`` for scores, weights and masks;
* ``(batch, length, dim)`` between layers;
* ``(batch, height, width)`` for gray images.

The checks read only ``.shape``, ``.dtype`` and, of tokens, the smallest and the largest: they serve
arrays and tensors alike and import neither library. Every message says what was received, what was
expected and the likely cause.
"""

from collections.abc import Iterable, Sequence
from typing import Any


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

    Source: this book.
    """
    given = {"q": q, "k": k} if v is None else {"q": q, "k": k, "v": v}
    shapes = {name: tuple(x.shape) for name, x in given.items()}
    for name, x in given.items():
        cause = "Is the length axis of a single vector missing? Use x[None, :]."
        check_shape(name, x, ("...", "length", "dim"), cause)
    if len({str(x.dtype) for x in given.values()}) > 1:
        found = ", ".join(f"{name} {x.dtype}" for name, x in given.items())
        raise ValueError(f"dtypes differ: {found}; expected one for all. Was only one cast?")
    if same_dim and q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"q has head_dim {q.shape[-1]} (shape {shapes['q']}) but k has {k.shape[-1]} (shape "
            f"{shapes['k']}): a dot product needs the same. Was k projected to another size?"
        )
    if v is not None and k.shape[-2] != v.shape[-2]:
        raise ValueError(
            f"k has {k.shape[-2]} rows (shape {shapes['k']}) but v has {v.shape[-2]} (shape "
            f"{shapes['v']}): each key needs its value. Do k and v come from the same sequence?"
        )
    for name, shape in shapes.items():
        pairs = zip(reversed(shapes["q"][:-2]), reversed(shape[:-2]))
        if any(a != b and 1 not in (a, b) for a, b in pairs):
            raise ValueError(
                f"q has batch axes {shapes['q'][:-2]} but {name} has {shape[:-2]}; expected axes "
                "that broadcast. Was one of them split into heads and the other not?"
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

    Source: this book.
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

    Source: this book.
    """
    if "float" not in str(bias.dtype):
        raise ValueError(
            f"bias has dtype {bias.dtype}; expected floating point. Is it a mask? Pass it as mask=."
        )
    _check_fits("bias", bias, scores_shape)


def check_shape(name: str, x: Any, expected: Sequence[int | str], cause: str = "") -> None:
    """Check the number of axes, and the size of those whose size is known.

    Args:
        name: what to call it in the message.
        x: array or tensor.
        expected: for each axis its size, or its name where any size will do; "..." in front
            stands for any number of axes.
        cause: the likely cause, for the message.
    Raises:
        ValueError: another number of axes, or another size.
    Example:
        >>> import numpy as np
        >>> check_shape("x", np.ones((5, 4)), ("batch", "length", 4), "Is the batch axis missing?")
        Traceback (most recent call last):
        ValueError: x has shape (5, 4); expected (batch, length, 4). Is the batch axis missing?

    Source: this book.
    """
    found, sizes = tuple(x.shape), tuple(expected)
    if sizes[0] == "...":
        sizes = sizes[1:]
        found = found[-len(sizes) :]
    fits = [isinstance(size, str) or size == n for n, size in zip(found, sizes)]
    if len(found) != len(sizes) or not all(fits):
        wanted = str(tuple(expected)).replace("'", "")
        verb = "have" if name.endswith("s") and name != "bias" else "has"
        raise ValueError(
            f"{name} {verb} shape {tuple(x.shape)}; expected {wanted}. {cause}".strip()
        )


def check_tokens(name: str, tokens: Any, vocab_size: int) -> None:
    """Check that tokens are whole numbers of a vocabulary, in rows.

    Args:
        name: what to call them in the message.
        tokens: array or tensor, ``(batch, length)``.
        vocab_size: number of tokens that there are.
    Raises:
        ValueError: another number of axes, another dtype, or a token outside the vocabulary.
    Example:
        >>> import numpy as np
        >>> check_tokens("source", np.array([[3, 10]]), 10)
        Traceback (most recent call last):
        ValueError: the numbers in source run from 3 to 10; expected 0 to 9. \
Do they come from another vocabulary?

    Source: this book.
    """
    if len(tokens.shape) != 2 or "int" not in str(tokens.dtype):
        raise ValueError(
            f"{name} has shape {tuple(tokens.shape)} and dtype {tokens.dtype}; expected whole "
            "numbers, (batch, length). Is the batch axis missing?"
        )
    if 0 not in tokens.shape and not 0 <= tokens.min() <= tokens.max() < vocab_size:
        raise ValueError(
            f"the numbers in {name} run from {tokens.min()} to {tokens.max()}; expected 0 to "
            f"{vocab_size - 1}. Do they come from another vocabulary?"
        )


def check_size(name: str, value: Any, *, least: int = 1) -> int:
    """Check that a size is a whole number, at least ``least``, and return it.

    Args:
        name: what to call it in the message.
        value: the size.
        least: the smallest allowed.
    Returns:
        The size.
    Raises:
        ValueError: anything else, booleans included.
    Example:
        >>> check_size("num_heads", 0)
        Traceback (most recent call last):
        ValueError: num_heads is 0; expected a whole number, at least 1.

    Source: this book.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < least:
        raise ValueError(f"{name} is {value!r}; expected a whole number, at least {least}.")
    return value.__index__()


def check_probability(name: str, value: float) -> float:
    """Check that a value lies in [0, 1) and return it.

    Args:
        name: what to call it in the message.
        value: the probability.
    Returns:
        The value.
    Raises:
        ValueError: anything else.
    Example:
        >>> check_probability("dropout", 1.5)
        Traceback (most recent call last):
        ValueError: dropout is 1.5; expected a probability, 0 <= dropout < 1. Is it a percentage?

    Source: this book.
    """
    if not 0 <= value < 1:
        expected = f"expected a probability, 0 <= {name} < 1. Is it a percentage?"
        raise ValueError(f"{name} is {value!r}; {expected}")
    return value


def check_choice(name: str, value: str, known: Iterable[str]) -> str:
    """Check that a name is one of those known, and return it.

    Args:
        name: what is chosen, for the message.
        value: the choice.
        known: what can be chosen.
    Returns:
        The choice.
    Raises:
        ValueError: anything else.
    Example:
        >>> check_choice("cell", "rnn", ["gru", "lstm"])
        Traceback (most recent call last):
        ValueError: cell is 'rnn'; expected one of gru, lstm.

    Source: this book.
    """
    if value not in known:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(known)}.")
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
    for back, size in enumerate(reversed(shape)):
        expected = scores_shape[-1 - back]
        if size not in (1, expected):
            axis = list(causes)[min(back, 3)]  # further axes in front are batch axes, too
            raise ValueError(
                f"{name} has shape {shape} but scores are {scores_shape}: "
                f"{axis} axis {size} ≠ {expected}. {causes[axis]}"
            )
