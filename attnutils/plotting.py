"""Figures in one style: arrays and labels in, matplotlib axes out; never a model.

One sequential color map (viridis), one categorical palette (Okabe and Ito's, safe for color-blind
readers), lines labeled at their end instead of in a legend.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

__all__ = ["PALETTE", "WIDTH", "curves", "head_grid", "heatmap", "mask_map", "use_style"]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colors (without yellow, too faint for lines), in order of use."""

WIDTH = 5.6
"""Width of a figure in inches; fills a column of the page and is still legible on a phone."""

_STYLE = {
    "axes.edgecolor": "#666666",
    "axes.labelcolor": "#222222",
    "axes.labelsize": 10.5,
    "axes.prop_cycle": plt.cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.figsize": (WIDTH, 3.2),
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "image.cmap": "viridis",
    "legend.frameon": False,
    "lines.linewidth": 2,
    "savefig.dpi": 200,
    "svg.fonttype": "path",
    "svg.hashsalt": "attnutils",
    "xtick.color": "#444444",
    "xtick.labelsize": 9.5,
    "ytick.color": "#444444",
    "ytick.labelsize": 9.5,
}


def use_style() -> None:
    """Set the book's style; in a notebook, also draw figures as undated SVG.

    Undated and with fixed ids, a figure is the same text whenever it is drawn, and can be compared.

    Example:
        >>> use_style()
        >>> plt.rcParams["image.cmap"]
        'viridis'
    """
    plt.rcParams.update(_STYLE)
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata={"Date": None})


def heatmap(
    weights: Any,
    *,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "key",
    ylabel: str = "query",
    label: str = "weight",
    limits: tuple[float, float] | None = (0.0, 1.0),
    annotate: str | None = None,
    colorbar: bool = True,
) -> Axes:
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
        annotate: format for the number in each cell, such as ``".2f"``; None writes none.
        colorbar: whether to draw one.
    Returns:
        The axes.
    Raises:
        ValueError: not a matrix, or the names do not fit its size.
    Example:
        >>> heatmap(np.eye(2), rows=["a", "b"], columns=["x", "y"]).get_xlabel()
        'key'
    """
    weights = _matrix(weights)
    _check_names("rows", rows, weights.shape[0])
    _check_names("columns", columns, weights.shape[1])
    if ax is None:
        height, width = weights.shape
        cell = 0.42 if columns or rows or annotate else 0.2
        size = (min(WIDTH, max(2.6, cell * width + 2.0)), min(WIDTH, max(1.6, cell * height + 1.2)))
        ax = plt.subplots(figsize=size)[1]
    low, high = limits if limits else (weights.min(), weights.max())
    image = ax.imshow(weights, vmin=low, vmax=high, aspect="equal", interpolation="nearest")
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.spines[:].set_visible(False)
    _name_ticks(ax, rows, columns)
    if annotate:
        for (i, j), value in np.ndenumerate(weights):
            dark = (value - low) < 0.6 * (high - low)
            ax.text(j, i, format(value + 1e-9, annotate), ha="center", va="center", fontsize=9,
                    color="white" if dark else "black")  # fmt: skip
    if colorbar:
        ax.figure.colorbar(image, ax=ax, label=label, shrink=0.9, aspect=18).outline.set_visible(
            False
        )
    return ax


def head_grid(
    weights: Any,
    *,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    per_row: int = 4,
    label: str = "weight",
    xlabel: str = "key",
    ylabel: str = "query",
) -> Figure:
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
    """
    weights = _numbers(weights)
    if weights.ndim != 3:
        raise ValueError(
            f"weights have shape {weights.shape}; expected (heads, query, key). "
            "Is the batch axis still there? Use weights[0]."
        )
    titles = [f"head {h}" for h in range(len(weights))] if titles is None else titles
    _check_names("titles", titles, len(weights))
    across = min(per_row, len(weights))
    down = -(-len(weights) // across)
    figure, axes = plt.subplots(
        down, across, figsize=(WIDTH, down * ((WIDTH - 0.8) / across + 0.5)), squeeze=False
    )
    for ax in axes.flat[len(weights) :]:
        ax.remove()
    used = list(axes.flat[: len(weights)])
    for index, (ax, head, title) in enumerate(zip(used, weights, titles, strict=True)):
        first = index % across == 0
        heatmap(
            head, rows=rows if first else None, columns=columns, ax=ax, title=title,
            xlabel=xlabel, ylabel=ylabel if first else "", colorbar=False,
        )  # fmt: skip
        if not first:
            ax.set_yticks([])
    figure.colorbar(used[0].images[0], ax=used, label=label, shrink=0.8).outline.set_visible(False)
    return figure


def mask_map(
    mask: Any,
    *,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str = "",
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
    """
    mask = _matrix(mask)
    if mask.dtype != bool:
        raise ValueError(f"mask has dtype {mask.dtype}; expected bool, True = may attend.")
    _check_names("rows", rows, mask.shape[0])
    _check_names("columns", columns, mask.shape[1])
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
    x: Any,
    lines: Mapping[str, Any],
    *,
    ax: Axes | None = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    log: str = "",
    ylim: tuple[float, float] | None = None,
    marker: str = "",
) -> Axes:
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
    """
    x = _numbers(x)
    ax = plt.subplots()[1] if ax is None else ax
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    for axis in log:
        getattr(ax, f"set_{axis}scale")("log")
    ends = []
    for label, values in lines.items():
        runs = np.atleast_2d(_numbers(values))
        if runs.ndim != 2 or runs.shape[1] != len(x):
            raise ValueError(
                f"{label!r} has shape {runs.shape}; expected (points,) or (runs, points) with "
                f"{len(x)} points. Are runs and points swapped?"
            )
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


def _matrix(x: Any) -> np.ndarray:
    x = _numbers(x)
    if x.ndim != 2:
        raise ValueError(
            f"got shape {x.shape}; expected (query, key). "
            "Are batch and heads still there? Use weights[0, 0], or head_grid."
        )
    return x


def _check_names(what: str, names: Sequence[str] | None, size: int) -> None:
    if names is not None and len(names) != size:
        raise ValueError(f"{len(names)} {what} named but there are {size}: {list(names)}")


def _name_ticks(ax: Axes, rows: Sequence[str] | None, columns: Sequence[str] | None) -> None:
    if columns is not None:
        tilt = max(map(len, columns)) > 3
        ax.set_xticks(range(len(columns)), columns, rotation=45 if tilt else 0,
                      ha="right" if tilt else "center", rotation_mode="anchor")  # fmt: skip
    if rows is not None:
        ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(which="both", length=0)
