"""Exercises and predictions of chapter 14; they need torch."""

import numpy as np
import torch
from torch import Tensor

from attnutils.grading import Exercise, Prediction, Variant


def _real(x: Tensor, lengths: Tensor) -> Tensor:
    return torch.arange(x.shape[1]) < lengths[:, None]  # (batch, length)


def _masked_max(h: Tensor, lengths: Tensor, fill: float = float("-inf")) -> Tensor:
    return h.masked_fill(~_real(h, lengths)[..., None], fill).amax(1)


def _max_with_positions(h, lengths):
    return tuple(h.masked_fill(~_real(h, lengths)[..., None], float("-inf")).max(1))


def _max_of_the_padding(h, lengths):
    return h.masked_fill(_real(h, lengths)[..., None], float("-inf")).amax(1)


def _largest_size(h, lengths):
    kept = h * _real(h, lengths)[..., None]
    place = kept.abs().argmax(1, keepdim=True)
    return h.gather(1, place)[:, 0]


def _one_whole_row(h, lengths):
    sums = h.sum(-1).masked_fill(~_real(h, lengths), float("-inf"))
    return h[torch.arange(len(h)), sums.argmax(1)]


def _max_over_features(h, lengths):
    return h.masked_fill(~_real(h, lengths)[..., None], float("-inf")).amax(2)


def _max_over_the_batch(h, lengths):
    return h.masked_fill(~_real(h, lengths)[..., None], float("-inf")).amax(0)


def _adds_infinity(x, real):
    return x + ~real * float("-inf")  # NaN where real: 0 * -inf


def _max_cases(rng: np.random.Generator) -> list[tuple]:
    h = torch.as_tensor(rng.normal(size=(3, 5, 4)))
    h[1, :, 0] = -h[1, :, 0].abs() - 0.1  # a feature without a positive entry, and
    h[2, :2, 1] = -1 - h[2, :2, 1].abs()  # one that an LSTM could not have
    h[1, 3:, 2], h[2, 2:, 3] = 4.0, 5.0  # padding that would win
    return [(h, torch.tensor([5, 3, 2]))]


_MASKED_MAX = Exercise(
    id="masked-max",
    chapter="14",
    signature="masked_max(h (batch, length, dim), lengths (batch,)) -> (batch, dim)",
    reference=_masked_max,
    cases=_max_cases,
    variants=(
        Variant(
            "no mask",
            lambda h, lengths: h.amax(1),
            "The padding takes part: lengths is not used.",
        ),
        Variant(
            "padding set to zero",
            lambda h, lengths: _masked_max(h, lengths, 0.0),
            "You set the padding to 0 (or multiply by the mask), and 0 beats every negative "
            "entry. Set it to -inf.",
        ),
        Variant(
            "padding set to -1",
            lambda h, lengths: _masked_max(h, lengths, -1.0),
            "You set the padding to -1, the least that an LSTM can give; but the rows may come "
            "from elsewhere. Set it to -inf.",
        ),
        Variant(
            "inverted mask",
            _max_of_the_padding,
            "The mask is inverted: you take the largest entry of the padding.",
        ),
        Variant(
            "one row too many",
            lambda h, lengths: _masked_max(h, (lengths + 1).clamp(max=h.shape[1])),
            "One row of padding is taken for real: the last real row is lengths - 1.",
        ),
        Variant(
            "one row too few",
            lambda h, lengths: _masked_max(h, lengths - 1),
            "The last real row is left out: rows 0 to lengths - 1 are real, arange < lengths.",
        ),
        Variant(
            "zero times infinity",
            lambda h, lengths: _adds_infinity(h, _real(h, lengths)[..., None]).amax(1),
            "You add -inf times the mask, but 0 * -inf is NaN. Use masked_fill or where.",
        ),
        Variant(
            "minimum",
            lambda h, lengths: -_masked_max(-h, lengths),
            "You take the smallest entry of each feature; asked is the largest.",
        ),
        Variant(
            "mean",
            lambda h, lengths: (h * _real(h, lengths)[..., None]).sum(1) / lengths[:, None],
            "That is the mean of the real rows; asked is the largest entry of each feature.",
        ),
        Variant(
            "largest size",
            _largest_size,
            "You take the entry of the largest size, whatever its sign; the maximum of -3 and 1 "
            "is 1.",
        ),
        Variant(
            "one row for all features",
            _one_whole_row,
            "You choose one whole row. Each feature has its own maximum, from whatever row.",
        ),
        Variant(
            "values and positions",
            _max_with_positions,
            "max(dim) returns the values and where they stand: take .values, or use amax.",
        ),
        Variant(
            "over the features",
            _max_over_features,
            "Your maximum runs over the features of a row; it runs over the rows, dim 1.",
        ),
        Variant(
            "over the batch",
            _max_over_the_batch,
            "Your maximum mixes the texts of the batch: use dim 1.",
        ),
    ),
    hints=(
        "torch.arange(length) < lengths[:, None] is True at real rows, (batch, length).",
        "what number can never be the largest? Put it where nothing is real.",
        "h.masked_fill(~real[..., None], float('-inf')).amax(1).",
    ),
)


def _additive_scores(h, W, b, v) -> Tensor:
    return (h @ W + b).tanh() @ v  # (batch, length)


def _weighted(h: Tensor, scores: Tensor, lengths: Tensor, fill: float = float("-inf")) -> Tensor:
    weights = scores.masked_fill(~_real(h, lengths), fill).softmax(-1)
    return (weights[..., None] * h).sum(1)


def _attention_pooling(h, lengths, W, b, v):
    return _weighted(h, _additive_scores(h, W, b, v), lengths)


def _attends_to_the_padding(h, lengths, W, b, v):
    scores = _additive_scores(h, W, b, v).masked_fill(_real(h, lengths), float("-inf"))
    return (scores.softmax(-1)[..., None] * h).sum(1)


def _mask_after_softmax(h, lengths, W, b, v):
    weights = _additive_scores(h, W, b, v).softmax(-1) * _real(h, lengths)
    return (weights[..., None] * h).sum(1)


def _softmax_over_the_batch(h, lengths, W, b, v):
    scores = _additive_scores(h, W, b, v).masked_fill(~_real(h, lengths), float("-inf"))
    return (scores.softmax(0)[..., None] * h).sum(1)


def _sums_the_hidden(h, lengths, W, b, v):
    hidden = (h @ W + b).tanh()
    return _weighted(hidden, hidden @ v, lengths)


def _weight_for_each_feature(h, lengths, W, b, v):
    scores = (h @ W + b).tanh() * v  # (batch, length, hidden)
    weights = scores.masked_fill(~_real(h, lengths)[..., None], float("-inf")).softmax(1)
    return (weights * h).sum(1)


def _hard_choice(h, lengths, W, b, v):
    scores = _additive_scores(h, W, b, v).masked_fill(~_real(h, lengths), float("-inf"))
    return h[torch.arange(len(h)), scores.argmax(1)]


_ATTENTION_POOLING = Exercise(
    id="attention-pooling",
    chapter="14",
    signature="attention_pooling(h (batch, length, dim), lengths (batch,), W (dim, hidden), "
    "b (hidden,), v (hidden,)) -> (batch, dim)",
    reference=_attention_pooling,
    cases=lambda rng: [
        (
            torch.as_tensor(rng.normal(size=(3, 5, 4))),
            torch.tensor(lengths),
            *(torch.as_tensor(rng.normal(size=shape)) for shape in ((4, 4), (4,), (4,))),
        )
        # padding in each row: an inverted mask has a softmax, too; then a row without any: so has
        # a softmax over the batch in each column
        for lengths in ([4, 3, 2], [5, 3, 2])
    ],
    variants=(
        Variant(
            "no mask",
            lambda h, lengths, W, b, v: _weighted(
                h, _additive_scores(h, W, b, v), torch.full_like(lengths, h.shape[1])
            ),
            "The padding is pooled, too: lengths is not used.",
        ),
        Variant(
            "masked scores set to zero",
            lambda h, lengths, W, b, v: _weighted(h, _additive_scores(h, W, b, v), lengths, 0.0),
            "You set the scores of the padding to 0, but e⁰ = 1 is a share like any other: "
            "set them to -inf.",
        ),
        Variant(
            "mask after the softmax",
            _mask_after_softmax,
            "You hide the padding after the softmax: the weights of a short text no longer sum "
            "to one. Hide the scores, before it.",
        ),
        Variant(
            "zero times infinity",
            lambda h, lengths, W, b, v: _weighted(
                h, _adds_infinity(_additive_scores(h, W, b, v), _real(h, lengths)), lengths
            ),
            "You add -inf times the mask, but 0 * -inf is NaN. Use masked_fill or where.",
        ),
        Variant(
            "one row too many",
            lambda h, lengths, W, b, v: _attention_pooling(
                h, (lengths + 1).clamp(max=h.shape[1]), W, b, v
            ),
            "One row of padding is taken for real: the last real row is lengths - 1.",
        ),
        Variant(
            "without softmax",
            lambda h, lengths, W, b, v: (
                (_additive_scores(h, W, b, v) * _real(h, lengths))[..., None] * h
            ).sum(1),
            "You weigh the rows by their scores; the softmax is missing.",
        ),
        Variant(
            "inverted mask",
            _attends_to_the_padding,
            "The mask is inverted: you hide the real rows and pool the padding.",
        ),
        Variant(
            "without tanh",
            lambda h, lengths, W, b, v: _weighted(h, (h @ W + b) @ v, lengths),
            "The tanh is missing. Without it W, b and v collapse into one query, W v.",
        ),
        Variant(
            "without b",
            lambda h, lengths, W, b, v: _attention_pooling(h, lengths, W, 0 * b, v),
            "The bias b is not used, or it is added after the tanh, where the softmax cancels it.",
        ),
        Variant(
            "tanh of the score",
            lambda h, lengths, W, b, v: _weighted(h, ((h @ W + b) @ v).tanh(), lengths),
            "You take the tanh of the score; it comes before v: tanh(h W + b) @ v.",
        ),
        Variant(
            "relu",
            lambda h, lengths, W, b, v: _weighted(h, (h @ W + b).relu() @ v, lengths),
            "You take relu(h W + b); the formula has tanh.",
        ),
        Variant(
            "without v",
            lambda h, lengths, W, b, v: _attention_pooling(h, lengths, W, b, torch.ones_like(v)),
            "You add up the hidden numbers; the score is their product with v: @ v.",
        ),
        Variant(
            "W transposed",
            lambda h, lengths, W, b, v: _attention_pooling(h, lengths, W.T, b, v),
            "You multiply by W transposed; here W has the shape (dim, hidden): h @ W.",
        ),
        Variant(
            "scaled",
            lambda h, lengths, W, b, v: _weighted(
                h, _additive_scores(h, W, b, v) * len(v) ** -0.5, lengths
            ),
            "You divide the score by the root of the hidden size; the additive score is not "
            "scaled.",
        ),
        Variant(
            "sums the hidden vectors",
            _sums_the_hidden,
            "The weights are right, but you sum tanh(h W + b); what is pooled is h.",
        ),
        Variant(
            "a weight for each feature",
            _weight_for_each_feature,
            "You give each feature a softmax of its own. One weight for each row: sum over the "
            "hidden numbers with @ v first.",
        ),
        Variant(
            "hard choice",
            _hard_choice,
            "Your output is the single best row (arg-max); every real row counts by its weight.",
        ),
        Variant(
            "mean of the weighted rows",
            lambda h, lengths, W, b, v: _attention_pooling(h, lengths, W, b, v) / h.shape[1],
            "You take the mean of the weighted rows; their weights sum to one already: take the "
            "sum.",
        ),
        Variant(
            "divided by the number of rows",
            lambda h, lengths, W, b, v: _attention_pooling(h, lengths, W, b, v) / lengths[:, None],
            "You divide by lengths, as for the mean; the weights sum to one already.",
        ),
        Variant(
            "sums the projected rows",
            lambda h, lengths, W, b, v: _attention_pooling(h, lengths, W, b, v) @ W,
            "The weights are right, but you sum h W; what is pooled is h.",
        ),
        Variant(
            "softmax over the batch",
            _softmax_over_the_batch,
            "Your softmax mixes the texts of the batch: use dim=-1.",
        ),
        Variant(
            "keeps the query axis",
            lambda h, lengths, W, b, v: _attention_pooling(h, lengths, W, b, v)[:, None],
            "The values are right, but an axis of size 1 (the query) is left over: take [:, 0].",
        ),
    ),
    hints=(
        "one score for each row: (h @ W + b).tanh() @ v has the shape (batch, length).",
        "hide the scores of the padding with -inf, then softmax along the length.",
        "the weighted sum of the rows of h: (weights[..., None] * h).sum(1).",
    ),
)

EXERCISES = (_MASKED_MAX, _ATTENTION_POOLING)

PREDICTIONS = (
    Prediction(
        id="pool-of-reviews",
        chapter="14",
        question="Four ways to pool the same network, 400 steps of training each. Which is ahead "
        "on the reviews?",
        options={
            "a": (
                "max: one word decides, and the maximum can pick it",
                "It could, and with three times the steps it comes close. But it is the slowest "
                "learner here; we think because each feature passes its gradient to one state.",
            ),
            "b": (
                "the last state: an LSTM has read everything by then",
                "It has, and it does well on the lengths it was trained on. But what was read "
                "early must be carried to the end, and longer reviews show it.",
            ),
            "c": (
                "attention: it can learn which state to read",
                "Within these steps it is ahead of all three, and on longer reviews even more so. "
                "With more steps the maximum comes close.",
            ),
        },
        answer="c",
    ),
    Prediction(
        id="real-text",
        chapter="14",
        question="Now real text: from which of three libraries is this docstring? Counts of words "
        "were near chance on the reviews. And here?",
        options={
            "a": (
                "near chance again: without order there is no meaning",
                "The reviews were built so. Here single words, such as estimator or interpolation, "
                "give the library away in any order.",
            ),
            "b": (
                "clearly behind attention",
                "Attention does not come out ahead. The network has to learn thousands of words "
                "from a few thousand texts; for logistic regression that is routine.",
            ),
            "c": (
                "level with the best network, or ahead of it",
                "The topic is in the words, whatever their order, and logistic regression finds "
                "their weights in a few seconds.",
            ),
        },
        answer="c",
    ),
)
