"""Figures hold what they were given, are the same each time, and refuse what does not fit."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from attnutils import plotting


@pytest.fixture(autouse=True)
def style():
    plotting.use_style()


def _svg(draw):
    draw()
    text = io.StringIO()
    plt.gcf().savefig(text, format="svg", metadata={"Date": None})
    plt.close("all")
    return text.getvalue()


def test_heatmap_shows_the_numbers():
    ax = plotting.heatmap(
        torch.tensor([[0.25, 0.75]]), rows=["they"], columns=["cats", "sleep"], annotate=".2f"
    )
    assert [t.get_text() for t in ax.texts] == ["0.25", "0.75"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["cats", "sleep"]
    assert ax.images[0].get_clim() == (0, 1)
    assert len(ax.figure.axes) == 2  # with its color bar


def test_heatmap_without_extras():
    figure, ax = plt.subplots()
    plotting.heatmap(np.eye(3) * 5, ax=ax, limits=None, colorbar=False)
    assert ax.images[0].get_clim() == (0, 5)
    assert figure.axes == [ax]


def test_head_grid_leaves_no_empty_axes():
    figure = plotting.head_grid(np.ones((5, 2, 3)) / 3, rows=["a", "b"], columns=list("xyz"))
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]
    assert titles == [f"head {h}" for h in range(5)]


def test_mask_map_crosses_out_what_is_hidden():
    ax = plotting.mask_map(np.tri(3, dtype=bool), title="causal")
    assert len(ax.lines[0].get_xdata()) == 3


def test_curves_show_mean_range_and_apart_labels():
    x = [1, 10, 100]
    ax = plotting.curves(
        x, {"one": [1, 2, 3.0], "two": [[1, 2, 3.01], [1, 2, 3.03]]}, log="x", xlabel="rows"
    )
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [1, 2, 3.02])
    assert len(ax.collections) == 1  # the band of two
    assert ax.get_xscale() == "log"
    heights = [text.get_position()[1] for text in ax.texts]
    assert abs(heights[1] - heights[0]) > 8  # the labels were moved apart


def test_labels_never_leave_the_top():
    ax = plotting.curves([0, 1], {str(i): [0, 1] for i in range(4)}, ylim=(0.0, 1.0))
    places = [text.get_position()[1] for text in ax.texts]
    assert max(places) <= 1e-6


def test_the_same_figure_is_the_same_text():
    def draw():
        plotting.curves([0, 1], {"a": [0, 1], "b": [1, 0]}, ylim=(0.0, 2.0))

    assert _svg(draw) == _svg(draw)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: plotting.heatmap(np.ones((1, 2, 2))), "Are batch and heads still there?"),
        (lambda: plotting.heatmap(np.eye(2), rows=["a"]), "1 rows named but there are 2"),
        (lambda: plotting.heatmap(np.eye(2), columns=list("abc")), "3 columns named but"),
        (lambda: plotting.head_grid(np.ones((1, 2, 3, 3))), "Is the batch axis still there?"),
        (lambda: plotting.head_grid(np.ones((2, 3, 3)), titles=["a"]), "1 titles named"),
        (lambda: plotting.mask_map(np.eye(2)), "mask has dtype float64"),
        (lambda: plotting.curves([1, 2], {"a": [1, 2, 3]}), "Are runs and points swapped?"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
