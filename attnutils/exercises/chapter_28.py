"""Exercises and predictions of chapter 28; they need torch."""

import numpy as np
import torch
from torch import Tensor

from attnutils.grading import Exercise, Prediction, Variant


def _head_weights(in_proj_weight: Tensor, num_heads: int, head: int) -> Tensor:
    dim = in_proj_weight.shape[1]
    return in_proj_weight.reshape(3, num_heads, dim // num_heads, dim)[:, head]


def _head_first(in_proj_weight, num_heads, head):
    dim = in_proj_weight.shape[1]
    return in_proj_weight.reshape(num_heads, 3, dim // num_heads, dim)[head]


def _every_other_row(in_proj_weight, num_heads, head):
    dim = in_proj_weight.shape[1]
    return in_proj_weight.reshape(3, dim // num_heads, num_heads, dim)[:, :, head]


def _columns(in_proj_weight, num_heads, head):
    dim = in_proj_weight.shape[1]
    apart = in_proj_weight.reshape(3, dim, num_heads, dim // num_heads)
    return apart[:, :, head].mT


def _every_third_row(in_proj_weight, num_heads, head):
    dim = in_proj_weight.shape[1]
    roles = in_proj_weight.reshape(dim, 3, dim).transpose(0, 1)
    return roles.reshape(3, num_heads, dim // num_heads, dim)[:, head]


_HEAD_WEIGHTS = Exercise(
    id="port-weights",
    chapter="28",
    signature="head_weights(in_proj_weight (3 dim, dim), num_heads, head) -> (3, head_dim, dim)",
    reference=_head_weights,
    cases=lambda rng: [
        (torch.as_tensor(rng.normal(size=(36, 12))), heads, head)
        for heads, head in ((2, 1), (4, 2), (6, 3))
    ],
    variants=(
        Variant(
            "by head, then by role",
            _head_first,
            "You cut the stack by head first and then by role, as some checkpoints have it. "
            "PyTorch stacks all queries, then all keys, then all values: cut in three first.",
        ),
        Variant(
            "every other row",
            _every_other_row,
            "You take rows that lie num_heads apart. A head owns head_dim rows in one stretch: "
            "reshape to (3, num_heads, head_dim, dim), not (3, head_dim, num_heads, dim).",
        ),
        Variant(
            "every third row",
            _every_third_row,
            "You take every third row for a role. The rows of a role lie in one stretch: the "
            "first dim are the queries, then come the keys, then the values.",
        ),
        Variant(
            "columns",
            _columns,
            "You cut the columns. A weight of nn.Linear is (outputs, inputs), and heads are "
            "stretches of the outputs: cut the rows.",
        ),
        Variant(
            "transposed",
            lambda *given: _head_weights(*given).mT,
            "The right numbers, transposed: keep (outputs, inputs) = (head_dim, dim).",
        ),
        Variant(
            "the head before",
            lambda weight, num_heads, head: _head_weights(weight, num_heads, head - 1),
            "These are the weights of the head before: heads count from 0.",
        ),
        Variant(
            "queries alone",
            lambda *given: _head_weights(*given)[0],
            "That is the matrix of the queries alone; return all three, stacked.",
        ),
    ),
    hints=(
        "the rows of in_proj_weight come in three parts of dim rows: queries, keys, values.",
        "within a part the first head owns the first head_dim rows, the second the next, …",
        "one reshape to (3, num_heads, head_dim, dim) gives an axis for each; index the head.",
    ),
)


def _attn_mask(mask: Tensor, num_heads: int) -> Tensor:
    batch, _, query, key = mask.shape
    return ~mask.expand(batch, num_heads, query, key).reshape(-1, query, key)


def _repeated_batches(mask, num_heads):
    batch, _, query, key = mask.shape
    every_head = mask.expand(batch, num_heads, query, key)
    return ~every_head.transpose(0, 1).reshape(-1, query, key)


def _added(mask, num_heads):
    hidden = _attn_mask(mask, num_heads)
    return torch.zeros(hidden.shape, dtype=torch.float64).masked_fill(hidden, float("-inf"))


def _mask_cases(rng: np.random.Generator) -> list[tuple]:
    return [
        (torch.as_tensor(rng.random((3, heads, 4, 5)) < 0.5), num_heads)
        for heads, num_heads in ((1, 2), (2, 2), (1, 4))
    ]


def _first_head(mask, num_heads):
    return _attn_mask(mask[:, :1], num_heads)


_ATTN_MASK = Exercise(
    id="mask-for-torch",
    chapter="28",
    signature="attn_mask(mask (batch, 1 or heads, query, key) bool, True = may attend, num_heads) "
    "-> (batch * heads, query, key) bool, True = hidden",
    reference=_attn_mask,
    cases=_mask_cases,
    variants=(
        Variant(
            "not inverted",
            lambda mask, num_heads: ~_attn_mask(mask, num_heads),
            "The shape is right, but True still means may attend: invert it.",
        ),
        Variant(
            "heads before batch",
            _repeated_batches,
            "You have all sentences of head 0 first, then those of head 1. PyTorch wants all "
            "heads of sentence 0 first: batch is the outer axis.",
        ),
        Variant(
            "heads before batch, not inverted",
            lambda mask, num_heads: ~_repeated_batches(mask, num_heads),
            "Two things: True still means may attend, and all heads of a sentence must stand "
            "together, with batch as the outer axis.",
        ),
        Variant(
            "the first head for all",
            _first_head,
            "Right while all heads share one mask. Where each has its own, you give that of head 0 "
            "to all: expand the axis of the heads, do not index it.",
        ),
        Variant(
            "the first head for all, heads before batch",
            lambda mask, num_heads: _repeated_batches(mask[:, :1], num_heads),
            "Two things: you give the mask of head 0 to all heads, and all heads of a sentence "
            "must stand together, with batch as the outer axis.",
        ),
        Variant(
            "numbers to be added",
            _added,
            "That is a mask to be added to the scores, 0 and -inf. The layer would take it, but "
            "asked for is the boolean one, True = hidden.",
        ),
        Variant(
            "four axes",
            lambda mask, num_heads: ~mask.expand(-1, num_heads, -1, -1),
            "Inverted, but with four axes: nn.MultiheadAttention wants batch and heads in one.",
        ),
        Variant(
            "four axes, not inverted",
            lambda mask, num_heads: mask.expand(-1, num_heads, -1, -1),
            "Two things: True still means may attend, and nn.MultiheadAttention wants batch and "
            "heads in one axis.",
        ),
        Variant(
            "not expanded",
            lambda mask, num_heads: ~mask.flatten(0, 1),
            "A mask with one head for all must be repeated for each head before the axes are "
            "joined: expand it first.",
        ),
    ),
    hints=(
        "two things change: what True means, and the number of axes.",
        "mask.expand(batch, num_heads, query, key) gives every head its own copy.",
        "~ inverts; reshape(batch * num_heads, query, key) joins the first two axes in the right "
        "order.",
    ),
)

_FAST_PATH = Prediction(
    id="fast-path-without-padding",
    chapter="28",
    question="All sentences have full length, gradients are off. Beside the same layers with the "
    "fast path turned off, on one core of a CPU, the fast path takes …",
    options={
        "a": (
            "half the time or less: it is fused C++",
            "Fusing saves overhead between operations. At this size the time goes into the "
            "matrix products, and they are the same ones.",
        ),
        "b": (
            "about the same time",
            "So one would expect, for the matrix products are the same. But a mask is given, and "
            "even if it hides nothing, the fast path has a slower softmax for it.",
        ),
        "c": (
            "more time: there is a mask to be looked at",
            "The matrix products are the same, and the softmax with a mask is slower there. "
            "Without a mask the two take about the same time.",
        ),
    },
    answer="c",
)

EXERCISES = (_HEAD_WEIGHTS, _ATTN_MASK)

PREDICTIONS = (_FAST_PATH,)
