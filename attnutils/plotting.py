"""Figures in one style: arrays and labels in, matplotlib axes out; never a model.

One sequential color map (viridis), one diverging (blue to red, for signed data), one categorical
palette (Okabe and Ito's), all safe for color-blind readers; lines labeled at their end instead of
in a legend.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from attnutils.shapes import check_shape

__all__ = ["PALETTE", "WIDTH", "curves", "head_grid", "heatmap", "mask_map", "use_style"]

Names = Sequence[str] | None
Range = tuple[float, float] | None

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colors (without yellow, too faint for lines), in order of use."""

WIDTH = 5.6
"""Width of a figure in inches; fills a column of the page and is still legible on a phone."""

_DIVERGING = "RdBu_r"  # blue below, red above, nearly white between
_STYLE = {
    "axes.edgecolor": "#666666", "axes.labelcolor": "#222222", "axes.labelsize": 10.5,
    "axes.prop_cycle": plt.cycler(color=PALETTE),
    "axes.spines.right": False, "axes.spines.top": False,
    "axes.titlelocation": "left", "axes.titlesize": 11, "axes.titleweight": "bold",
    "figure.dpi": 100, "figure.facecolor": "white", "figure.figsize": (WIDTH, 3.2),
    "figure.constrained_layout.use": True, "savefig.dpi": 200,
    "font.size": 10, "image.cmap": "viridis", "legend.frameon": False, "lines.linewidth": 2,
    "svg.fonttype": "path", "svg.hashsalt": "attnutils",
    "xtick.color": "#444444", "xtick.labelsize": 9.5,
    "ytick.color": "#444444", "ytick.labelsize": 9.5,
}  # fmt: skip


def use_style() -> None:
    """Set the book's style; in a notebook, also draw figures as undated SVG.

    Undated and with fixed ids, a figure is the same text whenever it is drawn, and can be compared.

    Example:
        >>> use_style()
        >>> plt.rcParams["image.cmap"]
        'viridis'

    Source: this book.
    """
    plt.rcParams.update(_STYLE)
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata={"Date": None})


def heatmap(
    weights: Any, *, rows: Names = None, columns: Names = None, ax: Axes | None = None,
    title: str = "", xlabel: str = "key", ylabel: str = "query", label: str = "weight",
    limits: Range = (0.0, 1.0), center: float | None = None, annotate: str | None = None,
    colorbar: bool = True,
) -> Axes:  # fmt: skip
    """Draw a matrix of weights, queries down and keys across.

    Args:
        weights: ``(query, key)``, array or tensor.
        rows: names of the queries.
        columns: names of the keys.
        ax: where to draw; default a new figure sized to the matrix.
        title: above the axes.
        xlabel, ylabel: of the axes.
        label: what the color means, on the color bar.
        limits: values at the ends of the color map; None takes them from the data.
        center: for signed data, such as gradients: the value in the middle of a diverging color
            map, nearly white there. It reaches as far below as above: to the limits if others than
            (0, 1) are given, else to the data.
        annotate: format for the number in each cell, such as ``".2f"``; None writes none.
        colorbar: whether to draw one.
    Returns:
        The axes.
    Raises:
        ValueError: not a matrix, or the names do not fit its size.
    Example:
        >>> heatmap(np.eye(2), rows=["a", "b"], columns=["x", "y"]).get_xlabel()
        'key'
        >>> heatmap(np.array([[-3.0, 0.5]]), center=0.0, label="gradient").images[0].get_clim()
        (-3.0, 3.0)

    Source: this book.
    """
    weights = _matrix(weights, rows, columns)
    if ax is None:
        height, width = weights.shape
        cell = 0.42 if columns or rows or annotate else 0.2
        size = (min(WIDTH, max(2.6, cell * width + 2.0)), min(WIDTH, max(1.6, cell * height + 1.2)))
        ax = plt.subplots(figsize=size)[1]
    if not limits or (center is not None and limits == (0.0, 1.0)):
        limits = weights.min(), weights.max()
    low, high = limits
    if center is not None:
        reach = max(high - center, center - low) or 1.0
        low, high = center - reach, center + reach
    image = ax.imshow(weights, vmin=low, vmax=high, aspect="equal", interpolation="nearest",
                      cmap=None if center is None else _DIVERGING)  # fmt: skip
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.spines[:].set_visible(False)
    _name_ticks(ax, rows, columns)
    if annotate:
        if center is None:
            dark = weights - low < 0.6 * (high - low)
        else:
            dark = abs(weights - center) > 0.67 * reach
        for (i, j), value in np.ndenumerate(weights):
            ax.text(j, i, format(value + 1e-9, annotate), ha="center", va="center", fontsize=9,
                    color="white" if dark[i, j] else "black")  # fmt: skip
    if colorbar:
        _color_bar(image, ax, label, shrink=0.9, aspect=18)
    return ax


def head_grid(
    weights: Any, *, rows: Names = None, columns: Names = None, titles: Names = None,
    per_row: int = 4, label: str = "weight", xlabel: str = "key", ylabel: str = "query",
) -> Figure:  # fmt: skip
    """Draw the weights of several heads side by side under one color bar.

    Args:
        weights: ``(heads, query, key)``.
        rows, columns: names of queries and keys.
        titles: one for each head; default "head 0", …
        per_row: heads in a row of the grid.
        label: what the color means.
        xlabel, ylabel: of the axes.
    Returns:
        The figure.
    Raises:
        ValueError: not three axes, or the names do not fit.
    Example:
        >>> len(head_grid(np.ones((3, 2, 2)) / 2).axes)
        4

    Source: this book.
    """
    weights = _numbers(weights)
    cause = "Is the batch axis still there? Use weights[0]."
    check_shape("weights", weights, ("heads", "query", "key"), cause)
    titles = [f"head {h}" for h in range(len(weights))] if titles is None else titles
    _check_names("titles", titles, len(weights))
    across = min(per_row, len(weights))
    down = -(-len(weights) // across)
    size = WIDTH, down * ((WIDTH - 0.8) / across + 0.5)
    figure, axes = plt.subplots(down, across, figsize=size, squeeze=False)
    used, unused = np.split(axes.ravel(), [len(weights)])
    for ax in unused:
        ax.remove()
    for index, (ax, head, title) in enumerate(zip(used, weights, titles)):
        first = index % across == 0
        heatmap(head, rows=rows if first else None, columns=columns, ax=ax, title=title,
                xlabel=xlabel, ylabel=ylabel if first else "", colorbar=False)  # fmt: skip
        if not first:
            ax.set_yticks([])
    _color_bar(used[0].images[0], list(used), label, shrink=0.8)
    return figure


def mask_map(
    mask: Any, *, rows: Names = None, columns: Names = None, ax: Axes | None = None, title: str = ""
) -> Axes:
    """Draw a mask: allowed pairs filled, hidden ones pale and crossed out.

    Args:
        mask: ``(query, key)``, True = may attend.
        rows, columns: names of queries and keys.
        ax: where to draw; default a new figure.
        title: above the axes.
    Returns:
        The axes.
    Raises:
        ValueError: not a boolean matrix, or the names do not fit.
    Example:
        >>> mask_map(np.eye(3, dtype=bool), rows=["a", "b", "c"]).get_ylabel()
        'query'

    Source: this book.
    """
    mask = _matrix(mask, rows, columns)
    if mask.dtype != bool:
        raise ValueError(f"mask has dtype {mask.dtype}; expected bool, True = may attend.")
    ax = plt.subplots(figsize=(3.2, 3.2))[1] if ax is None else ax
    ax.imshow(mask, cmap=ListedColormap(["#eeeeee", PALETTE[0]]), vmin=0, vmax=1)
    ax.set(xlabel="key", ylabel="query", title=title)
    ax.set_xticks(np.arange(mask.shape[1] + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(mask.shape[0] + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="minor", length=0)
    ax.spines[:].set_visible(False)
    hidden = np.argwhere(~mask)
    ax.plot(hidden[:, 1], hidden[:, 0], "x", color="#999999", markersize=4, markeredgewidth=1)
    _name_ticks(ax, rows, columns)
    return ax


def curves(
    x: Any, lines: Mapping[str, Any], *, ax: Axes | None = None, xlabel: str = "", ylabel: str = "",
    title: str = "", log: str = "", ylim: Range = None, marker: str = "",
) -> Axes:  # fmt: skip
    """Draw lines labeled at their right end; several runs become a mean with a band of their range.

    Args:
        x: ``(points,)``.
        lines: for each label, ``(points,)`` or ``(runs, points)``.
        ax: where to draw; default a new figure.
        xlabel, ylabel: with units.
        title: above the axes.
        log: "x", "y", "xy" or "".
        ylim: limits of the vertical axis.
        marker: matplotlib's marker for the points.
    Returns:
        The axes.
    Raises:
        ValueError: a line has another number of points than x.
    Example:
        >>> curves([1, 2], {"up": [1, 2], "runs": [[1, 1], [2, 3]]}).texts[1].get_text()
        'runs'

    Source: this book.
    """
    x = _numbers(x)
    ax = plt.subplots()[1] if ax is None else ax
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    for axis in log:
        getattr(ax, f"set_{axis}scale")("log")
    ends = []
    for label, values in lines.items():
        runs = np.atleast_2d(_numbers(values))
        check_shape(repr(label), runs, ("runs", len(x)), "Are runs and points swapped?")
        (line,) = ax.plot(x, runs.mean(0), marker=marker, markersize=4)
        if len(runs) > 1:
            ax.fill_between(x, runs.min(0), runs.max(0), alpha=0.2, color=line.get_color(), lw=0)
        ends.append((label, float(runs.mean(0)[-1]), line.get_color()))
    if ylim:
        ax.set_ylim(*ylim)
    _label_ends(ax, float(x[-1]), ends)
    return ax


def _label_ends(ax: Axes, x: float, ends: list[tuple[str, float, Any]]) -> None:
    """Write each label right of its line's end, moved apart where they would overlap."""
    ax.figure.canvas.draw()
    height = ax.bbox.height
    pixels = [ax.transData.transform((x, y))[1] - ax.bbox.y0 for _, y, _ in ends]
    gap = 1.25 * plt.rcParams["font.size"] * ax.figure.dpi / 72
    places, last = {}, -np.inf
    for index in np.argsort(pixels, kind="stable"):
        last = places[index] = max(float(np.clip(pixels[index], 0, height)), last + gap)
    overflow = max(0.0, last - height) if places else 0.0
    for index, (label, y, color) in enumerate(ends):
        shift = (places[index] - overflow - pixels[index]) * 72 / ax.figure.dpi
        ax.annotate(label, (x, y), (6, shift), textcoords="offset points", color=color,
                    va="center", annotation_clip=False)  # fmt: skip


def _numbers(x: Any) -> np.ndarray:
    return np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)


def _matrix(x: Any, rows: Names, columns: Names) -> np.ndarray:
    x = _numbers(x)
    cause = "Are batch and heads still there? Use weights[0, 0], or head_grid."
    check_shape("the matrix", x, ("query", "key"), cause)
    _check_names("rows", rows, x.shape[0])
    _check_names("columns", columns, x.shape[1])
    return x


def _check_names(what: str, names: Names, size: int) -> None:
    if names is not None and len(names) != size:
        raise ValueError(f"{len(names)} {what} named but there are {size}: {list(names)}")


def _color_bar(image, ax, label, **shape) -> None:
    image.figure.colorbar(image, ax=ax, label=label, **shape).outline.set_visible(False)


def _name_ticks(ax: Axes, rows: Names, columns: Names) -> None:
    if columns is not None:
        tilt = max(map(len, columns)) > 3
        ax.set_xticks(range(len(columns)), columns, rotation=45 if tilt else 0,
                      ha="right" if tilt else "center", rotation_mode="anchor")  # fmt: skip
    if rows is not None:
        ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(which="both", length=0)
