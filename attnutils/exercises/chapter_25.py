"""Exercises and predictions of chapter 25."""

from collections.abc import Callable

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant
from attnutils.reference import layer_norm, rms_norm


def _normed(x, weight, bias, eps, *, axis=-1, ddof=0):
    deviation = x - x.mean(axis, keepdims=True)
    root = np.sqrt(x.var(axis, keepdims=True, ddof=ddof) + eps)
    return weight * deviation / root + bias


_LAYER_NORM = Exercise(
    id="layer-norm",
    chapter="25",
    signature="my_layer_norm(x (batch, length, dim), weight (dim,), bias (dim,), eps) "
    "-> (batch, length, dim)",
    reference=lambda x, weight, bias, eps: layer_norm(x, weight, bias, eps=eps),
    cases=lambda rng: [
        (
            rng.normal(1.0, 2.0, size=(3, 4, 5)),
            rng.normal(size=5),
            rng.normal(size=5),
            0.5,
        )
    ],
    variants=(
        Variant(
            "over the batch",
            lambda x, weight, bias, eps: _normed(x, weight, bias, eps, axis=0),
            "You take mean and variance over the batch (axis 0): that is batch normalization, and "
            "what a row becomes depends on its company. Each row by itself: axis=-1.",
        ),
        Variant(
            "over the length",
            lambda x, weight, bias, eps: _normed(x, weight, bias, eps, axis=1),
            "You take mean and variance over the length (axis 1): each row then depends on all "
            "rows of its sequence, the later ones too. Each row by itself: axis=-1.",
        ),
        Variant(
            "over the whole sequence",
            lambda x, weight, bias, eps: _normed(x, weight, bias, eps, axis=(1, 2)),
            "You take one mean and one variance for a whole sequence. Each row has its own: "
            "axis=-1.",
        ),
        Variant(
            "over everything",
            lambda x, weight, bias, eps: _normed(x, weight, bias, eps, axis=(0, 1, 2)),
            "You take one mean and one variance for the whole array: is axis=-1 missing?",
        ),
        Variant(
            "unbiased variance",
            lambda x, weight, bias, eps: _normed(x, weight, bias, eps, ddof=1),
            "Your variance divides by dim - 1. The norm describes the row that is there and "
            "estimates nothing, so it divides by dim (torch.var does the other by default).",
        ),
        Variant(
            "unbiased deviation, eps outside the root",
            lambda x, weight, bias, eps: (
                weight * (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True, ddof=1) + eps)
                + bias
            ),
            "Your deviation divides by dim - 1, and eps is added to it. Divide by dim, and put "
            "eps under the root.",
        ),
        Variant(
            "mean of the squares",
            lambda x, weight, bias, eps: (
                weight
                * (x - x.mean(-1, keepdims=True))
                / np.sqrt((x**2).mean(-1, keepdims=True) + eps)
                + bias
            ),
            "The mean is taken away above the line but not below it: the variance is the mean "
            "square of the deviations.",
        ),
        Variant(
            "sum of the squares",
            lambda x, weight, bias, eps: (
                weight
                * (x - x.mean(-1, keepdims=True))
                / np.sqrt(x.shape[-1] * x.var(-1, keepdims=True) + eps)
                + bias
            ),
            "You divide by the length of the row of deviations: the variance is their mean "
            "square, not the sum.",
        ),
        Variant(
            "eps outside the root",
            lambda x, weight, bias, eps: (
                weight * (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + eps) + bias
            ),
            "You add eps to the standard deviation; it belongs to the variance, under the root.",
        ),
        Variant(
            "no eps",
            lambda x, weight, bias, eps: _normed(x, weight, bias, 0.0),
            "eps is not used: a row of equal numbers would be divided by zero.",
        ),
        Variant(
            "eps fixed at 1e-5",
            lambda x, weight, bias, eps: _normed(x, weight, bias, 1e-5),
            "You use 1e-5 whatever eps is given.",
        ),
        Variant(
            "divided by the variance",
            lambda x, weight, bias, eps: (
                weight * (x - x.mean(-1, keepdims=True)) / (x.var(-1, keepdims=True) + eps) + bias
            ),
            "You divide by the variance; it takes its root to bring a row to size one.",
        ),
        Variant(
            "mean not subtracted",
            lambda x, weight, bias, eps: rms_norm(x, weight, eps=eps) + bias,
            "The mean is not taken away: this is an RMS norm with a bias.",
        ),
        Variant(
            "variance of a row, mean not subtracted",
            lambda x, weight, bias, eps: (
                weight * x / np.sqrt(x.var(-1, keepdims=True) + eps) + bias
            ),
            "You divide x itself by the root; take the mean away above the line, too.",
        ),
        Variant(
            "without weight and bias",
            lambda x, weight, bias, eps: _normed(x, 1.0, 0.0, eps),
            "The learned weight and bias are missing.",
        ),
        Variant(
            "without the bias",
            lambda x, weight, bias, eps: _normed(x, weight, 0.0, eps),
            "The bias is missing.",
        ),
        Variant(
            "without the weight",
            lambda x, weight, bias, eps: _normed(x, 1.0, bias, eps),
            "The weight is missing.",
        ),
        Variant(
            "bias before the weight",
            lambda x, weight, bias, eps: weight * _normed(x, 1.0, bias, eps),
            "You add the bias before you multiply by the weight.",
        ),
    ),
    hints=(
        "each row has a mean and a variance of its own. Which axis of x holds a row's numbers?",
        "keepdims=True keeps an axis of size 1, so that (batch, length, 1) can be subtracted from "
        "(batch, length, dim).",
        "(x - mean) / np.sqrt(variance + eps), then times weight, plus bias; x.var divides by dim.",
    ),
)


class _Layer:
    """A layer with its way back: called with x it returns (y, back)."""

    def __init__(self, name: str, matrix: np.ndarray) -> None:
        self.name, self.matrix = name, matrix

    def __repr__(self) -> str:
        return self.name

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, Callable]:
        y = np.tanh(x @ self.matrix)
        return y, lambda dy: (dy * (1 - y**2)) @ self.matrix.T


def _pre(x, norm, f, *, around=True, halves=(True, True)):
    """One pre-norm step; ``halves`` says which parts of the gradient arrive."""
    n, norm_back = norm(x)
    y, f_back = f(n)

    def back(dy):
        own, through = halves
        return (dy if own else 0) + (norm_back(f_back(dy)) if through else 0)

    return (x + y if around else y), back


def _two_steps(step, *, swapped=False):
    """A block of two such steps, called as the learner's is."""

    def block(x, grad, norm1, attention, norm2, feed_forward):
        first, second = (norm1, attention), (norm2, feed_forward)
        first, second = (second, first) if swapped else (first, second)
        h, back1 = step(x, *first)
        y, back2 = step(h, *second)
        return y, back1(back2(grad))

    return block


def _post(x, norm, f):
    y, f_back = f(x)
    z, norm_back = norm(x + y)

    def back(dz):
        ds = norm_back(dz)
        return ds + f_back(ds)

    return z, back


def _residual_after_the_norm(x, norm, f):
    n, norm_back = norm(x)
    y, f_back = f(n)
    return n + y, lambda dy: norm_back(dy + f_back(dy))


def _no_residual(x, norm, f):
    n, norm_back = norm(x)
    y, f_back = f(n)
    return y, lambda dy: norm_back(f_back(dy))


def _no_norm(x, norm, f):
    y, f_back = f(x)
    return x + y, lambda dy: dy + f_back(dy)


def _swapped_backs(x, norm, f):
    n, norm_back = norm(x)
    y, f_back = f(n)
    return x + y, lambda dy: dy + f_back(norm_back(dy))


def _forgets_the_norm_back(x, norm, f):
    n, _ = norm(x)
    y, f_back = f(n)
    return x + y, lambda dy: dy + f_back(dy)


def _side_by_side(x, grad, norm1, attention, norm2, feed_forward):
    a, back1 = _pre(x, norm1, attention, around=False, halves=(False, True))
    f, back2 = _pre(x, norm2, feed_forward, around=False, halves=(False, True))
    return x + a + f, grad + back1(grad) + back2(grad)


def _from_the_beginning(x, grad, norm1, attention, norm2, feed_forward):
    h, back1 = _pre(x, norm1, attention)
    f, back2 = _pre(h, norm2, feed_forward, around=False, halves=(False, True))
    return x + f, grad + back1(back2(grad))


def _one_norm_for_both(x, grad, norm1, attention, norm2, feed_forward):
    return _two_steps(_pre)(x, grad, norm1, attention, norm1, feed_forward)


def _back_in_forward_order(x, grad, norm1, attention, norm2, feed_forward):
    h, back1 = _pre(x, norm1, attention)
    y, back2 = _pre(h, norm2, feed_forward)
    return y, back2(back1(grad))


def _walked(way):
    """The right output; ``way`` makes the gradient of grad and the ways through the layers."""

    def block(x, grad, norm1, attention, norm2, feed_forward):
        h, back1 = _pre(x, norm1, attention, halves=(False, True))
        y, back2 = _pre(h, norm2, feed_forward, halves=(False, True))
        return y, way(grad, back1, back2)

    return block


def _right_way_back(forward):
    """A wrong output; the gradient is walked as if it were right."""

    def block(x, grad, norm1, attention, norm2, feed_forward):
        n, norm1_back = norm1(x)
        a, attention_back = attention(n)
        m, norm2_back = norm2(x + a if forward == "from the beginning" else n + a)
        f, feed_forward_back = feed_forward(m)
        dh = grad + norm2_back(feed_forward_back(grad))
        y = x + f if forward == "from the beginning" else m + f
        return y, dh + norm1_back(attention_back(dh))

    return block


_PRE_NORM_BLOCK = Exercise(
    id="pre-norm-block",
    chapter="25",
    signature="pre_norm_block(x (length, dim), grad (length, dim), norm1, attention, norm2, "
    "feed_forward) -> (y (length, dim), dx (length, dim)); each layer(x) -> (y, back), "
    "back(dy) -> dx",
    reference=_two_steps(_pre),
    cases=lambda rng: [
        (
            rng.normal(size=(3, 4)),
            rng.normal(size=(3, 4)),
            *(
                _Layer(name, rng.normal(size=(4, 4)) / 2)
                for name in ("norm1", "attention", "norm2", "feed_forward")
            ),
        )
    ],
    variants=(
        Variant(
            "post-norm",
            _two_steps(_post),
            "This is a post-norm block: the norm acts on the sum. In pre-norm it acts on what "
            "enters the layer, x + f(norm(x)).",
        ),
        Variant(
            "residual after the norm",
            _two_steps(_residual_after_the_norm),
            "You add f's output to norm(x). The path around goes past the norm as well: "
            "x + f(norm(x)).",
        ),
        Variant(
            "no residual",
            _two_steps(_no_residual),
            "There is no path around the layers: add x to what attention returns, and the sum to "
            "what the feed-forward returns.",
        ),
        Variant(
            "no norm",
            _two_steps(_no_norm),
            "The norms are not used: each layer reads norm(x), not x.",
        ),
        Variant(
            "side by side",
            _side_by_side,
            "Attention and feed-forward both read x. The feed-forward reads what attention has "
            "written: its input is norm2(x + attention).",
        ),
        Variant(
            "second path from the beginning",
            _from_the_beginning,
            "You add the feed-forward's output to x; what attention wrote is lost from the path. "
            "Add it to the sum of the first step.",
        ),
        Variant(
            "one norm for both",
            _one_norm_for_both,
            "norm1 is used twice and norm2 not at all.",
        ),
        Variant(
            "feed-forward first",
            _two_steps(_pre, swapped=True),
            "The feed-forward comes before the attention.",
        ),
        Variant(
            "gradient without the paths around",
            _two_steps(lambda x, norm, f: _pre(x, norm, f, halves=(False, True))),
            "y is right. Your dx knows only the way through the layers; at each sum the gradient "
            "goes both ways: dx = dy + norm_back(f_back(dy)).",
        ),
        Variant(
            "gradient through the paths around alone",
            lambda x, grad, *layers: (_two_steps(_pre)(x, grad, *layers)[0], grad),
            "y is right. Your dx is grad itself: the way through the layers is missing.",
        ),
        Variant(
            "gradient without the first path around",
            _walked(lambda dy, back1, back2: back1(dy + back2(dy))),
            "y is right. At the first sum your gradient goes through the attention only; dh also "
            "goes to x as it is: dx = dh + norm1_back(attention_back(dh)).",
        ),
        Variant(
            "gradient without the second path around",
            _walked(lambda dy, back1, back2: back2(dy) + back1(back2(dy))),
            "y is right. At the second sum your gradient goes through the feed-forward only; grad "
            "also goes to h as it is: dh = grad + norm2_back(feed_forward_back(grad)).",
        ),
        Variant(
            "grad in place of dh",
            _walked(lambda dy, back1, back2: dy + back1(dy + back2(dy))),
            "y is right. On the path around the attention you carry grad; what arrives at the "
            "first sum is dh.",
        ),
        Variant(
            "residual after the norm, in y only",
            _right_way_back("after the norm"),
            "You add each layer's output to norm(x). The path around goes past the norm as well: "
            "x + f(norm(x)).",
        ),
        Variant(
            "second path from the beginning, in y only",
            _right_way_back("from the beginning"),
            "You add the feed-forward's output to x; what attention wrote is lost from y. Add it "
            "to h.",
        ),
        Variant(
            "both ways added once",
            _walked(lambda dy, back1, back2: dy + back1(dy) + back2(dy)),
            "y is right. Your dx adds up both layers' gradients of grad. The attention's comes "
            "from what arrives at the first sum, that is from dh, not from grad.",
        ),
        Variant(
            "back in forward order",
            _back_in_forward_order,
            "y is right. You walk back through the attention first; the way back begins at the "
            "end, with the feed-forward.",
        ),
        Variant(
            "norm and layer exchanged on the way back",
            _two_steps(_swapped_backs),
            "y is right. On the way back you pass the norm before the layer; the layer came last, "
            "so it is first: norm_back(f_back(dy)).",
        ),
        Variant(
            "norm forgotten on the way back",
            _two_steps(_forgets_the_norm_back),
            "y is right. The gradient leaves the layer and skips the norm: norm_back(f_back(dy)).",
        ),
    ),
    hints=(
        "forward first: two steps, each x + f(norm(x)). Keep the four functions `back` that the "
        "layers return.",
        "at a sum the gradient goes both ways, unchanged: what arrives at x + y goes to x and "
        "to y, and at x what comes back through y is added.",
        "dh = grad + norm2_back(feed_forward_back(grad)); the first step does the same to dh.",
    ),
)

EXERCISES = [_LAYER_NORM, _PRE_NORM_BLOCK]

PREDICTIONS = [
    Prediction(
        id="twelve-post-norm-blocks",
        chapter="25",
        question="Twelve blocks, with warm-up and three learning rates to choose from, the same "
        "120 steps. Pre-norm learns the task. What does post-norm do?",
        options={
            "a": (
                "it learns as well: all numbers have size one after every norm",
                "Healthy sizes are not enough. All rows have size one, but they have become "
                "alike: little is left in a row of what it was at the beginning.",
            ),
            "b": (
                "it stays near guessing: in the upper blocks all rows are alike",
                "Nothing overflows and the gradients are not small. The rows can hardly be told "
                "apart, so there is little to learn from.",
            ),
            "c": (
                "its loss diverges: its gradients are larger",
                "They are larger, but Adam divides by their size. The loss stays finite, and "
                "stays where it is.",
            ),
        },
        answer="b",
    ),
    Prediction(
        id="least-missed-part",
        chapter="25",
        question="Six blocks, and one part is taken out of all of them. Which is missed least on "
        "our task?",
        options={
            "a": (
                "the residual: the layers can learn to pass on what is needed",
                "A layer could learn that, but before training it does not, and six layers in a "
                "row leave nothing to learn from.",
            ),
            "b": (
                "the norm: it computes nothing, and the weights can be scaled instead",
                "Without it the size of the rows grows from block to block, and the gradient "
                "with it.",
            ),
            "c": (
                "the feed-forward, if a second attention takes its place",
                "Attention's weights depend on the rows, and the norm divides by the size of a "
                "row: neither is linear, and together they suffice here.",
            ),
        },
        answer="c",
    ),
]
