"""Exercises and predictions of chapter 10; they need torch."""

import numpy as np
import torch

from attnutils.grading import Exercise, Prediction, Variant


def _back_through_time(states, U, grad, *, slope=None, matrix=None):
    """Norms of the gradient by lag; ``slope`` is tanh's, of the states, the newest first."""
    slope = 1 - states.flip(0) ** 2 if slope is None else slope
    matrix = U.T if matrix is None else matrix
    norms = []
    for s in slope:
        norms.append(grad.norm())
        grad = grad * s @ matrix
    return torch.stack(norms)


def _previous_slope(states, U, grad):
    before = torch.cat([torch.zeros_like(states[:1]), states[:-1]])
    return _back_through_time(states, U, grad, slope=1 - before.flip(0) ** 2)


def _starts_at_lag_one(states, U, grad):
    grad = grad * (1 - states[-1] ** 2) @ U.T
    return _previous_slope(states, U, grad)


def _slope_after_the_product(states, U, grad):
    norms = []
    for h in states.flip(0):
        norms.append(grad.norm())
        grad = grad @ U.T * (1 - h**2)
    return torch.stack(norms)


_GRADIENT_BY_LAG = Exercise(
    id="gradient-by-lag",
    chapter="10",
    signature="gradient_by_lag(states (length, hidden), U (hidden, hidden), grad (hidden,)) "
    "-> norms (length,)",
    reference=_back_through_time,
    cases=lambda rng: [
        (
            torch.as_tensor(np.tanh(rng.normal(size=(4, 3)))),
            torch.as_tensor(rng.normal(size=(3, 3))),
            torch.as_tensor(rng.normal(size=3)),
        )
    ],
    variants=(
        Variant(
            "without the slope of tanh",
            lambda states, U, grad: _back_through_time(
                states, U, grad, slope=torch.ones_like(states)
            ),
            "You go back through U but not through the tanh: its slope 1 - h² is missing.",
        ),
        Variant(
            "U not transposed",
            lambda states, U, grad: _back_through_time(states, U, grad, matrix=U),
            "You multiply by U as on the way forward; on the way back it is U transposed.",
        ),
        Variant(
            "slope of the step before",
            _previous_slope,
            "You use the slope at h_{t-1} where the tanh of step t needs that at h_t.",
        ),
        Variant(
            "slope after the product",
            _slope_after_the_product,
            "You multiply by U first and by the slope of tanh afterwards. Forward, tanh comes "
            "last; so on the way back it comes first.",
        ),
        Variant(
            "oldest first",
            lambda states, U, grad: _back_through_time(states, U, grad).flip(0),
            "The norms are right but stand from the oldest to the newest: lag 0 comes first.",
        ),
        Variant(
            "starts at lag 1",
            _starts_at_lag_one,
            "You start at lag 1: the first entry is the norm of grad itself.",
        ),
        Variant(
            "states from the first to the last",
            lambda states, U, grad: _back_through_time(states, U, grad, slope=1 - states**2),
            "You walk through the states from the first to the last; the way back begins at the "
            "last.",
        ),
        Variant(
            "tanh applied again",
            lambda states, U, grad: _back_through_time(
                states, U, grad, slope=1 - states.flip(0).tanh() ** 2
            ),
            "You apply tanh to the states once more: h is tanh(...) already, its slope is 1 - h².",
        ),
        Variant(
            "1 - h",
            lambda states, U, grad: _back_through_time(states, U, grad, slope=1 - states.flip(0)),
            "Your slope is 1 - h; that of tanh is 1 - h².",
        ),
        Variant(
            "squared norms",
            lambda states, U, grad: _back_through_time(states, U, grad) ** 2,
            "These are the squares of the norms: a root is missing.",
        ),
    ),
    hints=(
        "walk from the last state to the first and keep one vector, the gradient there; "
        "note its norm before each step back.",
        "one step back: through the tanh, then through the product with U.",
        "for h in states.flip(0): append grad.norm(), then grad = grad * (1 - h**2) @ U.T.",
    ),
)


def _gru_cell(x, h, W, U, b, a, *, order="rzn", candidate=None, blend=None):
    x_gates = dict(zip(order, (x @ W + b).chunk(3, -1)))
    h_gates = dict(zip(order, (h @ U + a).chunk(3, -1)))
    r, z = ((x_gates[name] + h_gates[name]).sigmoid() for name in "rz")
    if candidate is None:
        n = torch.tanh(x_gates["n"] + r * h_gates["n"])
    else:
        n = candidate(x_gates["n"], h_gates["n"], r)
    return (1 - z) * n + z * h if blend is None else blend(z, n, h)


def _reset_before(x, h, W, U, b, a):
    def candidate(x_n, h_n, r):
        size = h.shape[-1]
        return torch.tanh(x_n + (r * h) @ U[:, -size:] + a[-size:])

    return _gru_cell(x, h, W, U, b, a, candidate=candidate)


def _bias_outside(x, h, W, U, b, a):
    def candidate(x_n, h_n, r):
        bias = a[-h.shape[-1] :]
        return torch.tanh(x_n + bias + r * (h_n - bias))

    return _gru_cell(x, h, W, U, b, a, candidate=candidate)


_GRU_CELL = Exercise(
    id="gru-cell",
    chapter="10",
    signature="gru_cell(x (batch, input), h (batch, hidden), W (input, 3 hidden), "
    "U (hidden, 3 hidden), b (3 hidden,), a (3 hidden,)) -> (batch, hidden)",
    reference=_gru_cell,
    cases=lambda rng: [
        tuple(
            torch.as_tensor(rng.normal(size=shape))
            for shape in ((2, 3), (2, 4), (3, 12), (4, 12), (12,), (12,))
        )
    ],
    variants=(
        Variant(
            "z the other way round",
            lambda *given: _gru_cell(*given, blend=lambda z, n, h: z * n + (1 - z) * h),
            "z and 1 - z are exchanged: here a z near 1 keeps the old state.",
        ),
        Variant(
            "gates in the order z, r",
            lambda *given: _gru_cell(*given, order="zrn"),
            "You take the first block for z; the order is r, z, n.",
        ),
        Variant(
            "no reset",
            lambda *given: _gru_cell(*given, candidate=lambda x_n, h_n, r: torch.tanh(x_n + h_n)),
            "The gate r is not used in the candidate.",
        ),
        Variant(
            "reset before the product",
            _reset_before,
            "You apply r to the state before the product with U, as Cho et al. do; here it acts "
            "on the product.",
        ),
        Variant(
            "bias outside the reset",
            _bias_outside,
            "Your r leaves out the bias a of the candidate: it multiplies h U + a as a whole.",
        ),
        Variant(
            "reset on the input as well",
            lambda *given: _gru_cell(
                *given, candidate=lambda x_n, h_n, r: torch.tanh(r * (x_n + h_n))
            ),
            "Your r multiplies the block from x as well; it acts on the block from h alone.",
        ),
        Variant(
            "reset on the input",
            lambda *given: _gru_cell(
                *given, candidate=lambda x_n, h_n, r: torch.tanh(r * x_n + h_n)
            ),
            "Your r multiplies the block from x; it acts on the block from h.",
        ),
        Variant(
            "without a",
            lambda x, h, W, U, b, a: _gru_cell(x, h, W, U, b, torch.zeros_like(a)),
            "The bias a is not used: each of the three blocks from h has one.",
        ),
        Variant(
            "candidate by sigmoid",
            lambda *given: _gru_cell(
                *given, candidate=lambda x_n, h_n, r: torch.sigmoid(x_n + r * h_n)
            ),
            "The candidate has a sigmoid; it takes tanh, so that it can be negative.",
        ),
        Variant(
            "only the candidate",
            lambda *given: _gru_cell(*given, blend=lambda z, n, h: n),
            "You return the candidate n; the new state is its blend with the old one.",
        ),
    ),
    hints=(
        "x @ W + b holds three blocks, h @ U + a three more: chunk(3, dim=-1).",
        "the gates add their two blocks; in the candidate r multiplies the block from h first.",
        "n = tanh(x_n + r * h_n); return (1 - z) * n + z * h.",
    ),
)


EXERCISES = (
    _GRADIENT_BY_LAG,
    _GRU_CELL,
)

PREDICTIONS = (
    Prediction(
        id="untrained-lstm",
        chapter="10",
        question="RNN, LSTM and GRU with 64 units, untrained, with the weights that PyTorch "
        "draws. How much of the gradient is left 50 steps back?",
        options={
            "a": (
                "the RNN loses it; LSTM and GRU keep most of it: they were made for that",
                "The gates make it possible, no more. A gate is a number, and with small random "
                "weights it is near 1/2: the cell halves at every step.",
            ),
            "b": (
                "all three lose nearly all of it, more than a factor of a hundred million",
                "Fresh gates are half open, so LSTM and GRU fade by about as much at each step "
                "as the RNN.",
            ),
            "c": (
                "the LSTM's grows, because its cell adds instead of multiplying",
                "It adds new content to f times the old. What comes back along the cell is "
                "multiplied by f, which is never above 1.",
            ),
        },
        answer="b",
    ),
)
