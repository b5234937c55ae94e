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


@pytest.mark.parametrize(
    "options, clim",
    [
        ({}, (-3, 3)),  # as far below as above
        ({"limits": None}, (-3, 3)),
        ({"limits": (-1.0, 5.0)}, (-5, 5)),
        ({"center": 2.0}, (-1, 5)),
    ],
)
def test_signed_data_is_centered(options, clim):
    gradient = np.array([[-1.0, 0.0, 3.0]])
    ax = plotting.heatmap(gradient, **{"center": 0.0, "label": "gradient"} | options)
    assert ax.images[0].get_clim() == clim


def test_zero_is_the_middle_even_of_zeros():
    for data in (np.zeros((2, 2)), np.eye(2) * 1e-3):
        image = plotting.heatmap(data, center=0.0).images[0]
        assert min(image.to_rgba(data)[0, 1, :3]) > 0.95


def _linear(color):
    color = np.asarray(color)
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def test_numbers_can_be_read_on_every_color():
    data = np.linspace(-1, 1, 81)[None]
    ax = plotting.heatmap(data, center=0.0, annotate=".1f")
    weights = [0.2126, 0.7152, 0.0722]
    for text, cell in zip(ax.texts, ax.images[0].to_rgba(data)[0, :, :3]):
        light = sorted([_linear(cell) @ weights, float(text.get_color() == "white")])
        assert (light[1] + 0.05) / (light[0] + 0.05) > 4


# what is seen without the one or the other sort of cones: Viénot et al. (1999)
LESS = {
    "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


@pytest.mark.parametrize("kind", LESS)
def test_signs_differ_for_color_blind_readers(kind):
    data = np.linspace(-1, 1, 41)[None]
    colors = plotting.heatmap(data, center=0.0).images[0].to_rgba(data)[0, :, :3]
    red, green, blue = (_linear(colors) @ np.transpose(LESS[kind])).T
    below, above = slice(0, 18), slice(None, -19, -1)
    assert (np.diff(green[:21]) > 0).all() and (np.diff(green[20:]) < 0).all()  # pale at zero
    assert ((blue - red)[below] > (blue - red)[above] + 0.1)[1:-1].all()  # bluish, yellowish


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
