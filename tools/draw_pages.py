"""Draw the schematics of the Markdown pages into book/_assets/figures/.

    python tools/draw_pages.py            draw all
    python tools/draw_pages.py --check    fail if a stored drawing differs

The drawings are small SVG files with a white background, so that they read the same in light and
dark mode. The maps mark a chapter as written when its notebook exists: run this again after adding
a chapter.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle

from attnutils.plotting import PALETTE

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "book" / "_assets" / "figures"

BLUE, VERMILLION, GREEN, _, ORANGE, _, BLACK = PALETTE
GRAY, PALE = "#555555", "#CFE6F5"

TITLES = {
    1: "Soft look-up", 2: "Kernel regression", 3: "History",
    4: "Softmax", 5: "Scores", 6: "Attention in NumPy", 7: "Masks", 8: "Backward",
    9: "A PyTorch layer", 10: "Recurrent networks", 11: "The bottleneck",
    12: "Bahdanau", 13: "Luong", 14: "Text classification", 15: "Hierarchical",
    16: "Channel and spatial", 17: "Non-local", 18: "Soft and hard", 19: "Captioning",
    20: "Cross-modal", 21: "Joint embedding",
    22: "Self-attention", 23: "Multi-head", 24: "Positions", 25: "The block",
    26: "Encoder-decoder", 27: "Decoding", 28: "PyTorch's layers",
    29: "GPT", 30: "BERT", 31: "ViT", 32: "Five families",
    33: "Cost", 34: "Flash", 35: "Sparse, linear", 36: "KV cache",
    37: "Compression", 38: "Scaling out",
    39: "Looking inside", 40: "Elsewhere", 41: "Bug clinic", 42: "Limits",
}  # fmt: skip
CORE = (1, 4, 5, 6, 7, 9, 12, 22, 23, 24, 25, 26, 29)
BRANCHES = {  # optional chapters, by the core chapter after which they can be read
    1: ((2,), (3,)),
    7: ((8,),),
    9: ((10, 11), (14, 15), (16, 17), (20, 21)),
    12: ((13,), (18,), (19,)),
    22: ((40,),),
    25: ((31,), (33, 34, 35)),
    26: ((27,), (28,), (30, 37)),
    29: ((32,), (36,), (38,), (39,), (41,), (42,)),
}

# --- Parts of drawings -------------------------------------------------------------------------


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a blank figure whose data units are inches, origin at the lower left."""
    figure = plt.figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def write(axes: Axes, x: float, y: float, text: str, size: float = 10, **style: Any) -> None:
    """Write centered on (x, y), unless ``ha`` says otherwise."""
    style = {"ha": "center", "va": "center_baseline", "fontsize": size, **style}
    axes.text(x, y, text, **style)


def box(axes: Axes, x: float, y: float, width: float, height: float, **style: Any) -> None:
    """Draw a rounded box centered on (x, y)."""
    style = {"facecolor": "white", "edgecolor": GRAY, "linewidth": 1.2, "zorder": 2, **style}
    shape = {"boxstyle": "round,pad=0,rounding_size=0.07"}
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(FancyBboxPatch(corner, width, height, **shape, **style))


def arrow(axes: Axes, start: tuple, end: tuple, color: str = GRAY, width: float = 1.2) -> None:
    """Draw an arrow between two points."""
    style = {"arrowstyle": "-|>", "mutation_scale": 10, "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(FancyArrowPatch(start, end, color=color, linewidth=width, **style))


def unit(axes: Axes, x: float, y: float, radius: float, color: str, text: str = "") -> None:
    """Draw one number of a network as a circle."""
    axes.add_patch(Circle((x, y), radius, facecolor=color, edgecolor=BLACK, zorder=3))
    write(axes, x, y, text, zorder=4)


# --- Maps of chapters --------------------------------------------------------------------------


def written_chapters() -> set[int]:
    """Return the numbers of the chapters whose notebooks exist."""
    return {int(path.name[:2]) for path in ROOT.glob("notebooks/*/[0-9][0-9]_*.ipynb")}


def look(number: int) -> tuple[dict, str]:
    """Return a chapter's box style and text color: core in blue, written ones filled."""
    core = number in CORE
    if number in written_chapters():
        return (
            {"facecolor": BLUE if core else PALE, "edgecolor": BLUE},
            "white" if core else BLACK,
        )
    return {"edgecolor": BLUE if core else GRAY, "linewidth": 2.0 if core else 1.0}, BLACK


def chapter_box(axes: Axes, number: int, x: float, y: float, width: float) -> None:
    """Draw a chapter as a box with its number and short title."""
    style, color = look(number)
    box(axes, x, y, width, 0.34, **style)
    star = " ★" if number in CORE else ""
    write(axes, x, y, f"{number:02d}  {TITLES[number]}{star}", color=color)


def legend(axes: Axes, x: float, y: float, numbers: Iterable[int]) -> None:
    """Explain the kinds of boxes that these chapters use, four of them in two lines."""
    kinds = {}
    for number in sorted(numbers, key=lambda n: (n not in CORE, n not in written_chapters())):
        path = "core" if number in CORE else "optional"
        state = "written" if number in written_chapters() else "planned"
        kinds[f"{path}, {state}"] = look(number)[0]
    for index, (label, style) in enumerate(kinds.items()):
        two_lines = len(kinds) > 3
        left = x + 1.68 * (index % 2 if two_lines else index)
        level = y + 0.25 * (two_lines and index < 2)
        box(axes, left + 0.13, level, 0.26, 0.16, **style)
        write(axes, left + 0.34, level, label, size=9.5, ha="left")


def dependency_map() -> Figure:
    """Draw the core path as a spine; optional chapters branch off where they become readable."""
    rows = sum(len(BRANCHES.get(number, "-")) for number in CORE)
    step, left, fork, first, gap = 0.4, 1.05, 2.14, 2.3, 0.27
    figure, axes = canvas(6.9, rows * step + 0.6)
    y = rows * step + 0.38
    bottom = y - (rows - len(BRANCHES[CORE[-1]])) * step
    axes.plot((left, left), (y, bottom), color=BLUE, linewidth=3, zorder=1)
    for number in CORE:
        branches = BRANCHES.get(number, ())
        for offset, branch in enumerate(branches):
            level = y - offset * step
            width = 1.32 if len(branch) == 3 else 1.82
            axes.plot((left, fork, fork), (y, y, level), color=GRAY, linewidth=1.2, zorder=1)
            start = fork
            for place, optional in enumerate(branch):
                x = first + width / 2 + place * (width + gap)
                arrow(axes, (start, level), (x - width / 2, level))
                chapter_box(axes, optional, x, level, width)
                start = x + width / 2
        chapter_box(axes, number, left, y, 1.9)
        y -= max(1, len(branches)) * step
    legend(axes, 0.12, 0.2, TITLES)
    return figure


def part_map(places: dict[int, tuple[float, float]], edges: Iterable, rows: float) -> Figure:
    """Draw the chapters of one part as boxes; an arrow means "read this first".

    A place is (column, row), counted from the upper left.
    """
    figure, axes = canvas(5.2, 0.6 * rows + 0.5)
    spots = {
        n: (1.1 + 2.9 * column, 0.6 * (rows - row) + 0.2) for n, (column, row) in places.items()
    }
    for first, second in edges:
        (x0, y0), (x1, y1) = spots[first], spots[second]
        if x0 == x1:
            arrow(axes, (x0, y0 - 0.17), (x1, y1 + 0.17))
        else:
            arrow(axes, (x0 + 1, y0), (x1 - 1, y1))
    for number, (x, y) in spots.items():
        chapter_box(axes, number, x, y, 2)
    legend(axes, 0.1, 0.2, places)
    return figure


def part_1_map() -> Figure:
    """Draw how chapter 1 opens both others."""
    return part_map({1: (0, 0.5), 2: (1, 0), 3: (1, 1)}, ((1, 2), (1, 3)), rows=2)


def part_2_map() -> Figure:
    """Draw a chain to chapter 6, then masks and the backward pass."""
    places = {4: (0, 0), 5: (0, 1), 6: (0, 2), 7: (1, 1.5), 8: (1, 2.5)}
    return part_map(places, ((4, 5), (5, 6), (6, 7), (6, 8)), rows=3.5)


def part_3_map() -> Figure:
    """Draw the layer, then translation on one side and classification on the other."""
    places = {9: (0, 0), 14: (0, 1), 15: (0, 2), 10: (1, 0), 11: (1, 1), 12: (1, 2), 13: (1, 3)}
    edges = ((9, 10), (9, 14), (14, 15), (10, 11), (11, 12), (12, 13))
    return part_map(places, edges, rows=4)


def part_5_map() -> Figure:
    """Draw the pieces of a block, then what is built of them."""
    places = {22: (0, 0), 23: (0, 1), 24: (0, 2), 25: (0, 3), 26: (1, 1), 27: (1, 2), 28: (1, 3)}
    edges = ((22, 23), (23, 24), (24, 25), (25, 26), (26, 27), (27, 28))
    return part_map(places, edges, rows=4)


# --- Attention, networks and training ----------------------------------------------------------


def running_example() -> Figure:
    """Draw how *they* looks at five words: keys, weights, values, and the weighted sum."""
    words = ("cats", "sleep", "because", "they", "hunt")
    keys = ("noun,\nbefore", "verb,\nbefore", "other,\nbefore", "pronoun,\nhere", "verb,\nafter")
    k = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, -1]])
    v = np.array([[4, 0], [0, 4], [0, 0], [0, 0], [0, 4]])
    q = 2 * np.log(2) * np.array([2, 1, 0, 1])
    weights = np.exp(k @ q / 2) / np.exp(k @ q / 2).sum()
    output = weights @ v

    figure, axes = canvas(5.8, 4.2)
    columns = 1.05 + 1.02 * np.arange(5)
    middle = columns[2]
    box(axes, middle, 3.95, 3.5, 0.36, facecolor=ORANGE, edgecolor=ORANGE)
    write(axes, middle, 3.95, "“they” asks: a noun, before me?", 11.5)
    for x, word, key, weight, value in zip(columns, words, keys, weights, v):
        look_at = {"linewidth": 22 * weight, "solid_capstyle": "butt", "zorder": 1}
        axes.plot((middle, x), (3.77, 3.08), color=ORANGE, **look_at)
        box(axes, x, 2.92, 0.92, 0.34, edgecolor=BLACK)
        write(axes, x, 2.92, word, 11.5)
        write(axes, x, 2.5, key)
        axes.add_patch(Rectangle((x - 0.3, 1.45), 0.6, weight, color=BLUE))
        share = Fraction(weight).limit_denominator(16)
        write(axes, x, 1.5 + weight, str(share), 11.5, va="bottom")
        write(axes, x, 1.08, f"({value[0]}, {value[1]})", 11.5)
    axes.plot((0.55, 5.65), (1.45, 1.45), color=GRAY, linewidth=0.8)
    write(axes, 0.03, 2.5, "key", color=VERMILLION, ha="left")
    write(axes, 0.03, 1.62, "weight", color=BLUE, ha="left")
    write(axes, 0.03, 1.08, "value", color=GREEN, ha="left")
    write(axes, middle - 0.15, 0.74, "value = (gender, action)", ha="right")
    arrow(axes, (middle, 0.93), (middle, 0.55), GREEN, 2)
    write(axes, middle + 0.15, 0.74, "weight × value, summed", ha="left")
    box(axes, middle, 0.32, 4.9, 0.4, edgecolor=GREEN, linewidth=2)
    result = f"output  ({output[0]:g}, {output[1]:g}): masculine, and acting"
    write(axes, middle, 0.32, result, 11.5)
    return figure


def network_forward_backward() -> Figure:
    """Draw the two-layer network of the appendix with its numbers, forward and backward."""
    x, target = np.array([1.0, 2.0]), 1.0
    W1, W2 = np.array([[1.0, -1.0], [0.5, 0.25]]), np.array([1.0, 2.0])
    z = x @ W1
    h = np.maximum(z, 0)
    y = h @ W2
    dz = (y - target) * W2 * (z > 0)

    figure, axes = canvas(5.8, 2.75)
    left, middle, right, rows, center = 0.75, 2.75, 4.7, (2.0, 0.9), 1.45

    def connect(start: tuple, end: tuple, along: float, weight: float) -> None:
        axes.plot(*zip(start, end), color=GRAY, linewidth=1, zorder=1)
        spot = [a + along * (b - a) for a, b in zip(start, end)]
        blank = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        write(axes, *spot, f"{weight:g}", va="center", bbox=blank)

    for i in range(2):
        for j in range(2):
            connect((left, rows[i]), (middle, rows[j]), 0.3, W1[i, j])
        connect((middle, rows[i]), (right, center), 0.4, W2[i])
        unit(axes, left, rows[i], 0.21, PALE, f"{x[i]:g}")
        unit(axes, middle, rows[i], 0.21, PALE, f"{h[i]:g}")
        place = rows[i] + (0.36 if i == 0 else -0.38)
        write(axes, middle, place, f"gradient {dz[i]:g}", color=VERMILLION)
    unit(axes, right, center, 0.21, PALE, f"{y:g}")
    write(axes, right, center - 0.38, f"gradient {y - target:g}", color=VERMILLION)
    write(axes, right, center + 0.38, f"target {target:g}")
    for place, name in ((left, "input x"), (middle, "hidden h"), (right, "output y")):
        write(axes, place, 2.6, name, 10.5)
    arrow(axes, (0.7, 0.34), (2.5, 0.34), BLUE, 2)
    write(axes, 0.7, 0.12, "forward: values", color=BLUE, ha="left")
    arrow(axes, (5.0, 0.34), (3.2, 0.34), VERMILLION, 2)
    write(axes, 5.0, 0.12, "backward: slopes", color=VERMILLION, ha="right")
    return figure


def connection_patterns() -> Figure:
    """Draw which outputs read which inputs, and which connections share a weight."""
    figure, axes = canvas(5.0, 4.75)
    weights = np.full((4, 4), 0.1)
    weights[[0, 1, 3], [0, 3, 1]] = 0.7
    weights[2] = 0.25

    def frame(x: float, y: float, title: str, note: str) -> tuple[np.ndarray, float, float]:
        columns = x + 0.52 * np.arange(4)
        write(axes, columns.mean(), y + 2.02, title, 11, weight="bold")
        write(axes, columns.mean(), y + 0.12, note, 9.5, color=GRAY)
        for column in columns:
            unit(axes, column, y + 0.5, 0.12, "white")
            unit(axes, column, y + 1.6, 0.12, PALE)
        return columns, y + 0.5, y + 1.6

    def connect(columns: np.ndarray, i: int, j: int, low: float, high: float, **style: Any) -> None:
        axes.plot((columns[i], columns[j]), (low, high), zorder=1, **style)

    columns, low, high = frame(0.42, 2.45, "Fully connected", "16 weights, all different")
    for i in range(4):
        for j in range(4):
            connect(columns, i, j, low, high, color=GRAY, linewidth=0.8)

    columns, low, high = frame(3.02, 2.45, "Convolutional", "3 weights, the same everywhere")
    for j in range(4):
        for offset, color in ((-1, BLUE), (0, ORANGE), (1, GREEN)):
            if 0 <= j + offset < 4:
                connect(columns, j + offset, j, low, high, color=color, linewidth=1.6)

    columns, low, high = frame(0.42, 0.05, "Recurrent", "2 weights, the same at each step")
    for j in range(4):
        arrow(axes, (columns[j], low + 0.12), (columns[j], high - 0.12), BLUE, 1.6)
        if j:
            arrow(axes, (columns[j - 1] + 0.12, high), (columns[j] - 0.12, high), ORANGE, 1.6)

    columns, low, high = frame(3.02, 0.05, "Attention", "weights computed from the inputs")
    for i in range(4):
        for j in range(4):
            width = 4.5 * weights[j, i]
            connect(columns, i, j, low, high, color=VERMILLION, linewidth=width)
    return figure


def overfitting() -> Figure:
    """Plot the error on the fitted points and on fresh ones by degree of the polynomial."""
    rng = np.random.default_rng(0)
    x, x_new = rng.uniform(-1, 1, 12), rng.uniform(-1, 1, 500)
    y = np.sin(3 * x) + 0.2 * rng.normal(size=12)
    y_new = np.sin(3 * x_new) + 0.2 * rng.normal(size=500)
    degrees = np.arange(1, 9)
    fits = [np.polynomial.Polynomial.fit(x, y, degree) for degree in degrees]
    seen = [np.mean((fit(x) - y) ** 2) for fit in fits]
    unseen = [np.mean((fit(x_new) - y_new) ** 2) for fit in fits]

    figure, axes = plt.subplots(figsize=(5.6, 3.0), layout="constrained")
    axes.semilogy(degrees, seen, "o-", color=BLUE)
    axes.semilogy(degrees, unseen, "s-", color=VERMILLION)
    axes.text(8.2, seen[-1], "the 12 points\nof the fit", color=BLUE, va="center")
    axes.text(8.2, unseen[-1], "500 fresh\npoints", color=VERMILLION, va="center")
    axes.set(xlabel="degree of the polynomial", ylabel="mean squared error")
    axes.set(xlim=(0.8, 10.4), ylim=(0.004, 0.5), xticks=degrees)
    axes.set_yticks((0.01, 0.1), ("0.01", "0.1"))
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def training_loop() -> Figure:
    """Draw the four calls of a training step."""
    figure, axes = canvas(4.9, 1.85)
    code = {"size": 9.5, "family": "DejaVu Sans Mono"}
    left, right, high, low = 1.15, 3.75, 1.5, 0.4
    for x, y, name, call, color in (
        (left, high, "forward", "logits = model(x)", BLUE),
        (right, high, "loss", "loss = F.cross_entropy(…)", BLUE),
        (right, low, "backward", "loss.backward()", VERMILLION),
        (left, low, "update", "optimizer.step()", GREEN),
    ):
        box(axes, x, y, 2.15, 0.6, edgecolor=color, linewidth=2)
        write(axes, x, y + 0.13, name, 10.5, weight="bold", color=color)
        write(axes, x, y - 0.13, call, **code)
    arrow(axes, (2.26, high), (2.64, high), width=2)
    arrow(axes, (right, 1.19), (right, 0.71), width=2)
    arrow(axes, (2.64, low), (2.26, low), width=2)
    arrow(axes, (left, 0.71), (left, 1.19), width=2)
    write(axes, left + 0.13, 0.95, "optimizer.zero_grad()", ha="left", **code)
    return figure


# --- The Transformer ---------------------------------------------------------------------------


def address(number: int) -> str | None:
    """Return where a chapter's page lies, seen from a page in book/; None if it is not written."""
    for chapter in ROOT.glob(f"notebooks/*/{number:02d}_*.ipynb"):
        return f"../{chapter.relative_to(ROOT).with_suffix('.html').as_posix()}"
    return None


def linked_box(axes: Axes, x: float, y: float, text: str, number: int, color: str, **size: Any):
    """Draw a box with a chapter's number, which leads to the chapter."""
    width, height = size.get("width", 2.0), size.get("height", 0.34)
    link = {"url": address(number), "zorder": 3}
    box(axes, x, y, width, height, edgecolor=color, linewidth=1.6, **link)
    write(axes, x - width / 2 + 0.09, y, f"{number:02d}  {text}", 9.5, ha="left", **link)


def sublayer(axes: Axes, x: float, y: float, text: str, number: int, color: str) -> None:
    """Draw norm, layer and sum from ``y`` upward, and the residual connection around them."""
    linked_box(axes, x, y + 0.2, "norm", 25, GRAY, height=0.26)
    arrow(axes, (x, y + 0.33), (x, y + 0.52))
    linked_box(axes, x, y + 0.69, text, number, color)
    arrow(axes, (x, y + 0.86), (x, y + 1.02))
    axes.add_patch(Circle((x, y + 1.11), 0.09, facecolor="white", edgecolor=BLACK, zorder=3))
    write(axes, x, y + 1.11, "+", 9.5, zorder=4)
    side = x - 1.1
    axes.plot((x, side, side), (y - 0.02, y - 0.02, y + 1.11), color=GRAY, linewidth=1.2)
    arrow(axes, (side, y + 1.11), (x - 0.09, y + 1.11))
    axes.plot((x, x), (y - 0.1, y + 0.07), color=GRAY, linewidth=1.2, zorder=1)


def transformer() -> Figure:
    """Draw an encoder, a decoder and the inside of their attention; each box names its chapter."""
    figure, axes = canvas(5.4, 8.02)
    left, right, height = 1.45, 4.15, 1.3
    for x, tokens, blocks in ((left, "source", 2), (right, "target so far", 3)):
        write(axes, x, 0.16, tokens, 10, weight="bold")
        arrow(axes, (x, 0.26), (x, 0.42))
        linked_box(axes, x, 0.59, "token embedding", 26, ORANGE)
        arrow(axes, (x, 0.76), (x, 0.92))
        linked_box(axes, x, 1.09, "+ positions", 24, ORANGE)
        axes.plot((x, x), (1.26, 1.5), color=GRAY, linewidth=1.2)
        frame = {"facecolor": "#F4F4F4", "edgecolor": "none", "zorder": 0}
        top = 1.6 + blocks * height
        box(axes, x - 0.02, (1.42 + top) / 2, 2.5, top - 1.42, **frame)
        arrow(axes, (x, top - 0.19), (x, top + 0.14))
        linked_box(axes, x, top + 0.27, "norm", 25, GRAY, height=0.26)
    first = 1.6
    sublayer(axes, left, first, "self-attention", 22, BLUE)
    sublayer(axes, left, first + height, "feed-forward", 25, GREEN)
    sublayer(axes, right, first, "causal self-attention", 22, BLUE)
    sublayer(axes, right, first + height, "cross-attention", 26, VERMILLION)
    sublayer(axes, right, first + 2 * height, "feed-forward", 25, GREEN)
    write(axes, left - 1.2, 1.52, "× N", 9.5, ha="left")
    write(axes, right + 1.2, 1.52, "× N", 9.5, ha="right")

    memory, across = first + 2 * height + 0.4, first + height + 0.69
    middle = (left + right) / 2
    path = (left, left, middle, middle), (memory, memory + 0.22, memory + 0.22, across)
    axes.plot(*path, color=VERMILLION, linewidth=2)
    arrow(axes, (middle, across), (right - 1.0, across), VERMILLION, 2)
    write(axes, left - 0.1, memory + 0.38, "memory: keys, values", 9.5, color=VERMILLION)

    top = first + 3 * height + 0.4
    arrow(axes, (right, top), (right, top + 0.18))
    linked_box(axes, right, top + 0.35, "linear, softmax", 4, ORANGE)
    arrow(axes, (right, top + 0.52), (right, top + 0.68))
    linked_box(axes, right, top + 0.85, "choose the next word", 27, ORANGE)
    arrow(axes, (right, top + 1.02), (right, top + 1.24))
    write(axes, right, top + 1.36, "target, one word on", 10, weight="bold")

    low, frame = 5.42, {"facecolor": "white", "edgecolor": BLUE, "linewidth": 1.2, "zorder": 0}
    box(axes, left, low + 1.15, 2.5, 2.64, **frame, linestyle="--")
    steps = ("q, k, v: projections", 9), ("scores q·k / √d", 5), ("mask", 7), ("softmax", 4)
    steps += ("weighted sum of v", 6), ("h heads, joined", 23)
    for row, (text, number) in enumerate(steps):
        y = low + 0.05 + 0.4 * row
        linked_box(axes, left, y, text, number, BLUE, height=0.28)
        if row:
            arrow(axes, (left, y - 0.26), (left, y - 0.14))
    write(axes, left, low + 2.3, "inside each attention", 9.5, color=BLUE, weight="bold")
    return figure


# --- All of them -------------------------------------------------------------------------------

DRAWINGS = (
    running_example,
    dependency_map,
    part_1_map,
    part_2_map,
    part_3_map,
    part_5_map,
    network_forward_backward,
    connection_patterns,
    overfitting,
    training_loop,
    transformer,
)


def draw_all(folder: Path) -> list[Path]:
    """Draw every schematic into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for draw in DRAWINGS:
        name = draw.__name__
        style = {"svg.fonttype": "none"} if draw is transformer else {}  # its text is read aloud
        style |= {"svg.hashsalt": name, "font.family": "DejaVu Sans", "savefig.facecolor": "white"}
        with plt.rc_context(style):
            paths.append(folder / f"{name}.svg")
            draw().savefig(paths[-1], metadata={"Date": None, "Creator": None})
            plt.close()
    return paths


def main() -> int:
    """Draw, or with --check compare with what is stored."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if a stored drawing differs")
    if not parser.parse_args().check:
        draw_all(FOLDER)
        return 0
    with tempfile.TemporaryDirectory() as fresh:
        stale = [
            path.name
            for path in draw_all(Path(fresh))
            if not (FOLDER / path.name).exists()
            or path.read_bytes() != (FOLDER / path.name).read_bytes()
        ]
    if stale:
        print(f"out of date: {', '.join(stale)}; run python tools/draw_pages.py")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
