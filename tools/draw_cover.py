"""Draw the cover of the first page and the picture that previews of links show.

    python tools/draw_cover.py

They become book/_assets/cover.svg and social.png. The arcs are the weights of the running example:
"they" gives half of its attention to "cats". Every other word looks back evenly, in gray.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FOLDER = Path(__file__).resolve().parents[1] / "book" / "_assets"
WORDS = ("cats", "sleep", "because", "they", "hunt")
PLACES = (0.75, 2.15, 3.85, 5.5, 6.85)
WEIGHTS = (1 / 2, 1 / 4, 1 / 8)  # from "they" to the words before it
ORANGE, BLUE, GRAY, NIGHT, PAPER = "#D98E04", "#3A8FC4", "#7F8A94", "#10283A", "#F4F2EC"
PALE = "#B9C6D0"


def arc(axes: Axes, start: float, end: float, base: float, **style) -> None:
    """Half an ellipse above the words, from one to another."""
    angle = np.linspace(0, np.pi, 60)
    middle, radius = (start + end) / 2, (end - start) / 2
    height = 0.62 * abs(radius) + 0.12
    axes.plot(middle + radius * np.cos(angle), base + height * np.sin(angle),
              solid_capstyle="round", **style)  # fmt: skip


def sentence(axes: Axes, left: float, base: float, scale: float, ink: str) -> None:
    """The five words and what each looks back at."""
    places = [left + scale * place for place in PLACES]
    for i, end in enumerate(places):
        for start in places[:i]:
            if WORDS[i] != "they":
                arc(axes, start, end, base, color=GRAY, linewidth=scale, alpha=0.55, zorder=1)
    for start, weight, color in zip(places, WEIGHTS, (ORANGE, BLUE, BLUE)):
        arc(axes, start, places[3], base, color=color, linewidth=26 * scale * weight, zorder=2)
    for word, place in zip(WORDS, places):
        color = ORANGE if word == "they" else ink
        axes.text(place, base - 0.26 * scale, word, ha="center", va="top", color=color,
                  fontsize=27 * scale, family="STIXGeneral")  # fmt: skip


def canvas(width: float, height: float, color: str) -> tuple[Figure, Axes]:
    """A blank figure whose data units are inches."""
    figure = plt.figure(figsize=(width, height), facecolor=color)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def main() -> None:
    """Write both files, the same bytes each time."""
    with plt.rc_context({"svg.hashsalt": "cover", "svg.fonttype": "path"}):
        figure, axes = canvas(7.6, 3.1, "none")
        sentence(axes, 0, 0.85, 1.0, GRAY)
        figure.savefig(FOLDER / "cover.svg", metadata={"Date": None}, transparent=True)
        figure, axes = canvas(12, 6.3, NIGHT)
        sentence(axes, 0.55, 2.75, 1.45, PAPER)
        axes.text(0.9, 1.0, "Paying Attention", color=PAPER, fontsize=50, family="STIXGeneral")
        subtitle = "From intuition to Transformers, in NumPy and PyTorch"
        axes.text(0.95, 0.5, subtitle, color=PALE, fontsize=21, family="STIXGeneral")
        figure.savefig(FOLDER / "social.png", dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    main()
