"""Laws that any attention must obey, each with a diagnosis when broken; and claims.

The checks take NumPy arrays and torch tensors alike. A check that holds prints one line (so that a
chapter shows what was proven); one that fails raises AssertionError and says which mistake it looks
like. torch is never imported here: tensors are met through their own methods.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


def matches(got: Any, expected: Any, *, tolerance: float = 1e-10, name: str = "the result") -> None:
    """Check that two arrays are equal up to rounding.

    Args:
        got: array or tensor.
        expected: array or tensor, or a tuple of them on both sides.
        tolerance: largest allowed absolute difference.
        name: what is compared, for the message.
    Raises:
        AssertionError: they differ; names the likely slip (transposed, scaled, negated, shifted).
    Example:
        >>> matches(np.array([1.0, 2.0]), np.array([1.0, 2.0]), name="sum")
        sum: equal (to 1e-10)

    Source: this book.
    """
    pairs = [(name, got, expected)]
    if isinstance(got, tuple) and isinstance(expected, tuple):
        if len(got) != len(expected):
            raise AssertionError(f"{name}: {len(got)} results, expected {len(expected)}")
        labels = [f"{name}[{i}]" for i in range(len(got))] if len(got) > 1 else [name]
        pairs = list(zip(labels, got, expected))
    for label, a, b in pairs:
        a, b = _array(a), _array(b)
        if a.shape != b.shape:
            slip = _slip(a, b, tolerance)
            raise AssertionError(f"{label}: shape {a.shape}, expected {b.shape}.{slip}")
        if not np.isfinite(a).all() and np.isfinite(b).all():
            raise AssertionError(f"{label}: holds NaN or infinity. An exp that overflowed, or 0/0?")
        if not _close(a, b, tolerance):
            distance = f"differs by up to {np.abs(a - b).max():.3g}, allowed {tolerance:g}."
            raise AssertionError(f"{label}: {distance}{_slip(a, b, tolerance)}")
    print(f"{name}: equal (to {tolerance:g})")


def rows_sum_to_one(weights: Any, *, tolerance: float = 1e-6) -> None:
    """Check that weights are non-negative and each row sums to one, or to zero if all are zero.

    Args:
        weights: ``(..., query, key)``.
        tolerance: allowed difference from one.
    Raises:
        AssertionError: a row breaks the law; says whether the columns sum to one instead.
    Example:
        >>> rows_sum_to_one(np.array([[0.5, 0.5], [0.0, 0.0]]))
        rows sum to one: 2 rows

    Source: this book.
    """
    weights = _array(weights)
    if np.isnan(weights).any():
        raise AssertionError("a weight is NaN; is a row fully masked, or did exp overflow?")
    if not (weights >= 0).all():
        raise AssertionError(f"a weight is {weights.min():.3g}; is this before the softmax?")
    totals = weights.sum(-1)
    wrong = (np.abs(totals - 1) > tolerance) & (weights != 0).any(-1)
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        columns = weights.ndim > 1 and np.allclose(weights.sum(-2), 1, atol=tolerance)
        hint = " The columns do: the softmax ran over the wrong axis." if columns else ""
        row = ", ".join(map(str, at))
        raise AssertionError(f"row {row} sums to {totals[at]:.4g}, not 1.{hint}")
    print(f"rows sum to one: {totals.size} rows")


def permutation_equivariant(
    f: Callable[[Any], Any], x: Any, *, tolerance: float = 1e-6, rng: np.random.Generator
) -> None:
    """Check that shuffling the rows of the input shuffles the rows of the output alike.

    Args:
        f: function of ``(..., length, dim)`` that keeps the length.
        x: an input.
        tolerance: largest allowed absolute difference.
        rng: draws the permutation.
    Raises:
        AssertionError: it does not; the output depends on the order.
    Example:
        >>> permutation_equivariant(np.tanh, np.eye(3), rng=np.random.default_rng(0))
        permutation equivariant: 3 rows

    Source: this book.
    """
    length = x.shape[-2]
    order = rng.permutation(length)
    if (order == np.arange(length)).all():
        order = order[::-1].copy()
    a, b = _array(f(x))[..., order, :], _array(f(x[..., order, :]))
    if not _close(a, b, tolerance):
        raise AssertionError(
            f"shuffled rows change the output by up to {np.abs(a - b).max():.3g}: "
            "it depends on the order. Is a position added, or a mask applied?"
        )
    print(f"permutation equivariant: {length} rows")


def no_leak(f: Callable[[Any], Any], x: Any, allowed: Any, *, tolerance: float = 1e-7) -> None:
    """Check that each output row depends on the allowed input rows, and on no other.

    Each input row is changed in turn, and which output rows change is compared with ``allowed``.

    Args:
        f: function of ``(..., key, dim)`` giving ``(..., query, dim)``.
        x: an input; several other values are tried in its place.
        allowed: ``(query, key)``, True where a query may see a key.
        tolerance: changes below it count as none.
    Raises:
        AssertionError: names the slip: inverted, transposed, without effect, off by one, deaf, or
            the pairs that leak.
    Example:
        >>> no_leak(lambda x: np.cumsum(x, 0), np.ones((3, 2)), np.tri(3, dtype=bool))
        no leak: 3 queries × 3 keys

    Source: this book.
    """
    allowed = _array(allowed).astype(bool)
    seen = _influence(f, x, tolerance)
    if seen.shape != allowed.shape:
        raise AssertionError(f"f maps to {seen.shape} (query, key); allowed is {allowed.shape}")
    if (seen == allowed).all():
        print(f"no leak: {allowed.shape[0]} queries × {allowed.shape[1]} keys")
        return
    earlier = np.pad(allowed, ((0, 0), (1, 0)))[:, :-1]  # whether the key before is allowed
    later = np.pad(allowed, ((0, 0), (0, 1)))[:, 1:]
    slips = {
        "the mask is without effect: every query sees every key": np.ones_like(allowed),
        "the mask is inverted: exactly the hidden keys are seen": ~allowed,
        "the mask is transposed: queries and keys are swapped": allowed.T,
        "off by one: each query sees one key too many": allowed | earlier,
        "off by one: each query misses its last allowed key": allowed & later,
    }
    for message, pattern in slips.items():
        if np.array_equal(seen, pattern):
            raise AssertionError(message)
    leaks, deaf = np.argwhere(seen & ~allowed), np.argwhere(allowed & ~seen)
    if len(leaks):
        raise AssertionError(f"{len(leaks)} leaks: {_pairs(leaks, 'sees')}")
    raise AssertionError(f"deaf to {len(deaf)} allowed keys: {_pairs(deaf, 'ignores')}")


def gradients_flow(module: Any) -> None:
    """Check, after ``backward()``, that every parameter of a torch module got a gradient.

    Args:
        module: after a loss computed from it was differentiated.
    Raises:
        AssertionError: names the parameters whose gradient is missing, zero or not finite.
    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(2, 1)
        >>> layer(torch.ones(1, 2)).sum().backward()
        >>> gradients_flow(layer)
        gradients flow: 2 parameters

    Source: this book.
    """
    parameters = dict(module.named_parameters())
    faults = []
    for name, parameter in parameters.items():
        if parameter.grad is None:
            faults.append(f"{name}: none (not used, or backward not called)")
        elif not np.isfinite(_array(parameter.grad)).all():
            faults.append(f"{name}: not finite")
        elif not _array(parameter.grad).any():
            faults.append(f"{name}: zero everywhere")
    if faults:
        raise AssertionError("no gradient reaches " + "; ".join(faults))
    print(f"gradients flow: {len(parameters)} parameters")


@dataclass(frozen=True)
class Claim:
    """A claim that held: what was measured and the bounds it was held to.

    Args:
        id: chapter number and a slug.
        value: what was measured.
        at_least, at_most: bounds; None is no bound.
        deterministic: the value cannot depend on the seed.
    Example:
        >>> print(Claim("01-half", 0.5, at_most=0.6))
        claim 01-half: 0.5 (<= 0.6)

    Source: this book.
    """

    id: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    deterministic: bool = False

    def __str__(self) -> str:
        bounds = {">=": self.at_least, "<=": self.at_most}.items()
        words = [f"{sign} {bound:.3g}" for sign, bound in bounds if bound is not None]
        return f"claim {self.id}: {self.value:.3g} ({', '.join(words)})"


def claim(
    id: str, value: float, *, at_least: float | None = None, at_most: float | None = None,
    deterministic: bool = False,
) -> None:  # fmt: skip
    """State something measured, hold it to its bounds, and leave a machine-readable trace.

    In a notebook the printed line carries the claim as metadata, from which the ranges over
    several seeds are collected.

    Args:
        id: chapter number and a slug, such as ``"04-dilution"``.
        value: what was measured.
        at_least, at_most: bounds, at least one of them.
        deterministic: the value cannot depend on the seed.
    Raises:
        AssertionError: the value is outside its bounds, or not a number.
        ValueError: no bound is given.
    Example:
        >>> claim("01-half", 0.5, at_most=0.6)
        claim 01-half: 0.5 (<= 0.6)

    Source: this book.
    """
    if at_least is None and at_most is None:
        raise ValueError(f"claim {id!r} has no bound; expected at_least, at_most or both.")
    held = Claim(id, float(value), at_least, at_most, deterministic)
    least, most = -np.inf if at_least is None else at_least, np.inf if at_most is None else at_most
    if not least <= held.value <= most:  # so written, NaN does not hold either
        raise AssertionError(f"does not hold: {held}")
    ipython = sys.modules.get("IPython")
    if ipython and ipython.get_ipython():
        data, metadata = {"text/plain": str(held)}, {"attnutils_claim": asdict(held)}
        ipython.display.publish_display_data(data, metadata=metadata)
    else:
        print(held)


def _array(x: Any) -> np.ndarray:
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        x = x.double() if x.is_floating_point() else x
    x = np.asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(float)  # truth values cannot be subtracted


def _close(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=0, atol=tolerance))


def _slip(a: np.ndarray, b: np.ndarray, tolerance: float) -> str:
    """Which simple mistake turns b into a, if one does?"""
    if a.ndim > 1 and _close(a.swapaxes(-1, -2), b, tolerance):
        return " It looks transposed: the last two axes are swapped."
    if a.shape != b.shape:
        same = [n for n in a.shape if n != 1] == [n for n in b.shape if n != 1]
        return " Only an axis of size 1 is too many or missing." if same else ""
    if _close(-a, b, tolerance):
        return " It looks negated: a sign is wrong."
    if np.isfinite(a).all() and (large := np.abs(b) > 1e-3).any():
        factor = float(np.median(a[large] / b[large]))
        if factor and _close(a / factor, b, max(tolerance, 1e-8)):
            return f" It looks scaled: every value is {factor:.4g} times the expected one."
    shifted = a.ndim and len(a) > 1 and _close(a[1:], b[:-1], tolerance)
    return " It looks shifted by one row." if shifted else ""


def _pairs(pairs: np.ndarray, verb: str) -> str:
    words = ", ".join(f"query {i} {verb} key {j}" for i, j in pairs[:3])
    return words + (" …" if len(pairs) > 3 else "")


def _influence(f: Callable[[Any], Any], x: Any, tolerance: float) -> np.ndarray:
    """(query, key): whether changing input row j changes output row i, for any of three changes."""
    base = _array(f(x))
    seen = np.zeros((base.shape[-2], x.shape[-2]), dtype=bool)
    for j in range(x.shape[-2]):
        for factor, offset in ((-1.0, 0.5), (3.0, -1.0), (0.0, 2.0)):
            changed = x.clone() if hasattr(x, "clone") else x.copy()
            changed[..., j, :] = changed[..., j, :] * factor + offset
            difference = np.abs(_array(f(changed)) - base) > tolerance
            rows = np.moveaxis(difference, -2, 0).reshape(base.shape[-2], -1)
            seen[:, j] |= rows.any(-1)
    return seen
