"""Exercises and predictions of chapter 23; they need torch."""

import torch

from attnutils.attention import attention
from attnutils.grading import Exercise, Prediction, Variant


def _split(x, num_heads):
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def _split_by_reshape(x, num_heads):
    batch, length, dim = x.shape
    return x.reshape(batch, num_heads, length, dim // num_heads)


def _split_interleaved(x, num_heads):
    return x.unflatten(-1, (-1, num_heads)).permute(0, 3, 1, 2)


_SPLIT_HEADS = Exercise(
    id="split-heads",
    chapter="23",
    signature="split(x (batch, n, num_heads · d_k), num_heads) -> (batch, num_heads, n, d_k)",
    reference=_split,
    cases=lambda rng: [
        (torch.as_tensor(rng.normal(size=(2, 5, 12))), 3),
        (torch.as_tensor(rng.normal(size=(3, 4, 12))), 4),
    ],
    variants=(
        Variant(
            "reshape without transpose",
            _split_by_reshape,
            "The shape is right and the numbers are not: a reshape alone cuts the rows in reading "
            "order, so a head gets pieces of several words. First (batch, n, heads, d_k), then "
            "exchange the two axes in the middle.",
        ),
        Variant(
            "not transposed",
            lambda x, num_heads: x.unflatten(-1, (num_heads, -1)),
            "You have (batch, n, heads, d_k). A product of the last two axes would now mix heads "
            "instead of words: exchange axes 1 and 2.",
        ),
        Variant(
            "interleaved",
            _split_interleaved,
            "Your heads take every h-th number. Head 0 should get the first d_k numbers of each "
            "word, head 1 the next d_k: unflatten into (num_heads, d_k), in this order.",
        ),
        Variant(
            "pieces of num_heads numbers",
            lambda x, num_heads: x.unflatten(-1, (-1, num_heads)).transpose(1, 2),
            "You cut each word into pieces of num_heads numbers, so there are d_k pieces. There "
            "should be num_heads pieces of d_k numbers: unflatten into (num_heads, d_k).",
        ),
        Variant(
            "words last",
            lambda x, num_heads: _split(x, num_heads).mT,
            "The last two axes are exchanged: expected (…, n, d_k).",
        ),
        Variant(
            "heads first",
            lambda x, num_heads: _split(x, num_heads).transpose(0, 1),
            "The heads stand before the batch; expected (batch, heads, n, d_k).",
        ),
        Variant(
            "the first head alone",
            lambda x, num_heads: _split(x, num_heads)[:, :1],
            "This is head 0 alone; all of them are wanted.",
        ),
    ),
    hints=(
        "cut the last axis in two first; which of the two new axes comes first?",
        "x.unflatten(-1, (num_heads, -1)) has shape (batch, n, num_heads, d_k).",
        "exchange n and num_heads: .transpose(1, 2). A reshape cannot do that.",
    ),
)


def _multi_head(x, w_q, w_k, w_v, w_o, num_heads, scale=None, split=_split):
    q, k, v = (split(x @ w, num_heads) for w in (w_q, w_k, w_v))
    return attention(q, k, v, scale=scale).transpose(1, 2).flatten(2) @ w_o


def _merged_by_reshape(x, w_q, w_k, w_v, w_o, num_heads):
    q, k, v = (_split(x @ w, num_heads) for w in (w_q, w_k, w_v))
    return attention(q, k, v).reshape(x.shape[0], x.shape[1], -1) @ w_o


def _not_transposed(x, w_q, w_k, w_v, w_o, num_heads):
    q, k, v = ((x @ w).unflatten(-1, (num_heads, -1)) for w in (w_q, w_k, w_v))
    return attention(q, k, v).flatten(2) @ w_o


def _without_softmax(x, w_q, w_k, w_v, w_o, num_heads):
    q, k, v = (_split(x @ w, num_heads) for w in (w_q, w_k, w_v))
    scores = q @ k.mT * q.shape[-1] ** -0.5
    return (scores @ v).transpose(1, 2).flatten(2) @ w_o


def _scaled_afterward(x, w_q, w_k, w_v, w_o, num_heads):
    root = (x.shape[-1] / num_heads) ** 0.5
    return _multi_head(x, w_q, w_k, w_v, w_o, num_heads, scale=1.0) / root


def _over(axis):
    def variant(x, w_q, w_k, w_v, w_o, num_heads):
        q, k, v = (_split(x @ w, num_heads) for w in (w_q, w_k, w_v))
        weights = (q @ k.mT * q.shape[-1] ** -0.5).softmax(axis)
        return (weights @ v).transpose(1, 2).flatten(2) @ w_o

    return variant


_MULTI_HEAD = Exercise(
    id="multi-head",
    chapter="23",
    signature="multi_head(x (batch, n, d), w_q, w_k, w_v, w_o (d, d), num_heads) -> (batch, n, d)",
    reference=_multi_head,
    cases=lambda rng: [
        (
            torch.as_tensor(rng.normal(size=(2, 5, 12))),
            *(torch.as_tensor(rng.normal(size=(12, 12))) * 0.4 for _ in range(4)),
            num_heads,
        )
        for num_heads in (3, 2)
    ],
    variants=(
        Variant(
            "scaled by √d",
            lambda x, *args: _multi_head(x, *args, scale=x.shape[-1] ** -0.5),
            "You divide by √d, the size of a word's vector. A head's score is a sum over d_k = "
            "d / num_heads products: divide by √d_k.",
        ),
        Variant(
            "not scaled",
            lambda *args: _multi_head(*args, scale=1.0),
            "Your output equals multi-head attention without 1/√d_k.",
        ),
        Variant(
            "scaled by d_k",
            lambda *args: _multi_head(*args, scale=args[-1] / args[0].shape[-1]),
            "You divide by d_k. It should be its root.",
        ),
        Variant(
            "scaled by √h",
            lambda *args: _multi_head(*args, scale=args[-1] ** -0.5),
            "You divide by the root of the number of heads. It should be the root of d_k, the "
            "size of one head.",
        ),
        Variant(
            "scaled after the softmax",
            _scaled_afterward,
            "You divide by √d_k after the softmax. Divide the scores, before it.",
        ),
        Variant(
            "without softmax",
            _without_softmax,
            "The scores weight the values as they are: the softmax is missing.",
        ),
        Variant(
            "heads not moved",
            _not_transposed,
            "Your heads still stand behind the words, so @ compares the heads of one word with "
            "each other. Exchange axes 1 and 2 before the scores.",
        ),
        Variant(
            "one head",
            lambda x, w_q, w_k, w_v, w_o, num_heads: _multi_head(x, w_q, w_k, w_v, w_o, 1),
            "This is a single head of size d: num_heads is not used.",
        ),
        Variant(
            "split by reshape",
            lambda *args: _multi_head(*args, split=_split_by_reshape),
            "The heads are cut by a reshape alone, so each mixes pieces of several words.",
        ),
        Variant(
            "interleaved heads",
            lambda *args: _multi_head(*args, split=_split_interleaved),
            "Your heads take every h-th column of the weights. Head 0 should get the first d_k.",
        ),
        Variant(
            "merged by reshape",
            _merged_by_reshape,
            "The heads are right, but joining them is not: exchange heads and words back before "
            "you flatten.",
        ),
        Variant(
            "without output projection",
            lambda x, w_q, w_k, w_v, w_o, num_heads: _multi_head(
                x, w_q, w_k, w_v, torch.eye(len(w_o)).to(w_o), num_heads
            ),
            "The heads are joined but w_o is not used.",
        ),
        Variant(
            "output projection transposed",
            lambda x, w_q, w_k, w_v, w_o, num_heads: _multi_head(
                x, w_q, w_k, w_v, w_o.T, num_heads
            ),
            "w_o is transposed. nn.Linear stores its weight so; here it stands as in the formula.",
        ),
        Variant(
            "all matrices transposed",
            lambda x, w_q, w_k, w_v, w_o, num_heads: _multi_head(
                x, w_q.T, w_k.T, w_v.T, w_o.T, num_heads
            ),
            "The four matrices are transposed. nn.Linear stores its weight so; here it is x @ w_q.",
        ),
        Variant(
            "without projections",
            lambda x, w_q, w_k, w_v, w_o, num_heads: _multi_head(
                x, *[torch.eye(len(w_o)).to(w_o)] * 3, w_o, num_heads
            ),
            "The heads are cut from x itself: w_q, w_k and w_v are not used.",
        ),
        Variant(
            "queries and keys exchanged",
            lambda x, w_q, w_k, *args: _multi_head(x, w_k, w_q, *args),
            "Queries and keys are exchanged.",
        ),
        Variant("softmax over the queries", _over(-2), "Your softmax runs over the queries."),
        Variant(
            "softmax over the heads",
            _over(1),
            "Your softmax runs over the heads: they would have to share. Use dim=-1, the keys.",
        ),
    ),
    hints=(
        "project first, split then: three products for all heads together.",
        "q @ k.mT works on the last two axes and leaves batch and heads alone: (batch, h, n, n).",
        "at the end .transpose(1, 2).flatten(2) joins the heads, and @ w_o mixes them.",
    ),
)

EXERCISES = [_SPLIT_HEADS, _MULTI_HEAD]

PREDICTIONS = [
    Prediction(
        id="one-head-at-best",
        chapter="23",
        question="One head, its weights and its readout chosen as well as can be: of all ordered "
        "pairs of eight words, how many can it return?",
        options={
            "a": (
                "all: 2/3 of one and 1/3 of the other tell who is who",
                "They do tell, and a nonlinear readout could use it. A linear one answers the "
                "first word with ease. For the second, see what it must satisfy for all pairs.",
            ),
            "b": (
                "somewhat more than half",
                "More than half, because the two weights may differ. Not all, because the weaker "
                "word has to win against the stronger one in every pair.",
            ),
            "c": (
                "half at most: a mixture has no order",
                "With equal weights, yes. But the weights may differ, and then the two orders give "
                "different mixtures.",
            ),
        },
        answer="b",
    ),
    Prediction(
        id="prune-four-heads",
        chapter="23",
        question="Four heads together get every pair right. We take away one after another, each "
        "time the one that costs least. When does it fall to the level of one head?",
        options={
            "a": (
                "with the first: they were trained together",
                "They were, and something is lost. But heads are added up, and the others still "
                "say what they said.",
            ),
            "b": (
                "a quarter is lost with each",
                "Heads do not own a quarter of the pairs each. Several of them do the same work.",
            ),
            "c": (
                "with the third, when a role has no head any more",
                "There are two roles to fill, and of four heads two can be enough for that.",
            ),
        },
        answer="c",
    ),
]
