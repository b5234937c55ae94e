"""Exercises and predictions of chapter 9; they need torch."""

import numpy as np
import torch
from torch import Tensor, nn

from attnutils.attention import attention, attention_weights
from attnutils.grading import Exercise, Prediction, Variant
from attnutils.masks import padding_mask


def _keys_allowed(x: Tensor, lengths: Tensor) -> Tensor:
    return padding_mask(lengths, x.shape[1])[:, 0]  # (batch, 1, key)


def _attention_layer(x, lengths, query, key, value):
    return attention(query(x), key(x), value(x), mask=_keys_allowed(x, lengths))


def _mask_after_softmax(x, lengths, query, key, value):
    return attention_weights(query(x), key(x)) * _keys_allowed(x, lengths) @ value(x)


def _zero_scores(q, k, x, lengths):
    """Weights whose masked scores are 0 instead of -inf."""
    scores = q @ k.mT * q.shape[-1] ** -0.5
    return scores.masked_fill(~_keys_allowed(x, lengths), 0.0).softmax(-1)


def _masks_queries(x, lengths, query, key, value):
    return attention(
        query(x), key(x), value(x), mask=_keys_allowed(x, lengths).mT.expand(-1, -1, 4)
    )


def _softmax_over_queries(x, lengths, query, key, value):
    q, k = query(x), key(x)
    scores = (q @ k.mT * q.shape[-1] ** -0.5).masked_fill(~_keys_allowed(x, lengths), -1e9)
    return scores.softmax(1) @ value(x)


def _layer_cases(rng: np.random.Generator) -> list[tuple]:
    def linear() -> nn.Linear:
        layer = nn.utils.skip_init(nn.Linear, 5, 5, dtype=torch.float64)  # draws nothing
        for parameter in layer.parameters():  # biases too: their default hides mistakes
            parameter.data = torch.as_tensor(rng.normal(size=parameter.shape))
            parameter.requires_grad_(False)
        return layer

    x = torch.as_tensor(rng.normal(size=(3, 4, 5)))
    return [(x, torch.tensor([4, 2, 1]), linear(), linear(), linear())]


_ATTENTION_LAYER = Exercise(
    id="attention-layer",
    chapter="09",
    signature="attention_layer(x (batch, length, dim), lengths (batch,), "
    "query, key, value: nn.Linear) -> (batch, length, dim)",
    reference=_attention_layer,
    cases=_layer_cases,
    variants=(
        Variant(
            "no mask",
            lambda x, lengths, query, key, value: attention(query(x), key(x), value(x)),
            "The padding is attended: lengths is not used.",
        ),
        Variant(
            "mask after the softmax",
            _mask_after_softmax,
            "You hide the padding after the softmax: the weights of a short sequence no longer sum "
            "to one. Hide the scores, before it.",
        ),
        Variant(
            "masked scores set to zero",
            lambda x, lengths, query, key, value: (
                _zero_scores(query(x), key(x), x, lengths) @ value(x)
            ),
            "You set the scores of the padding to 0, but e⁰ = 1 is a share like any other: "
            "set them to -inf.",
        ),
        Variant(
            "inverted mask",
            lambda x, lengths, query, key, value: attention(
                query(x), key(x), value(x), mask=~_keys_allowed(x, lengths)
            ),
            "The mask is inverted: only the padding is attended.",
        ),
        Variant(
            "masks the queries",
            _masks_queries,
            "You hide rows (queries) instead of columns (keys): the real positions still look at "
            "the padding.",
        ),
        Variant(
            "without 1/√d",
            lambda x, lengths, query, key, value: attention(
                query(x), key(x), value(x), mask=_keys_allowed(x, lengths), scale=1.0
            ),
            "Your output equals attention without 1/√d.",
        ),
        Variant(
            "values are the keys",
            lambda x, lengths, query, key, value: attention(
                query(x), key(x), key(x), mask=_keys_allowed(x, lengths)
            ),
            "The values are the projected keys: the layer `value` is not used.",
        ),
        Variant(
            "values not projected",
            lambda x, lengths, query, key, value: attention(
                query(x), key(x), x, mask=_keys_allowed(x, lengths)
            ),
            "The values are x itself: the layer `value` is not used.",
        ),
        Variant(
            "softmax over the queries",
            _softmax_over_queries,
            "Your softmax runs over the queries: use dim=-1.",
        ),
    ),
    hints=(
        "project three times, then it is attention with a mask.",
        "torch.arange(length) < lengths[:, None] is True at real keys, (batch, length); "
        "where must an axis for the queries stand?",
        "scores.masked_fill(~real[:, None, :], float('-inf')) hides them; then softmax(dim=-1).",
    ),
)


def _pool(x: Tensor, lengths: Tensor, query: Tensor) -> Tensor:
    return attention(query.expand(len(x), 1, -1), x, x, mask=_keys_allowed(x, lengths))[:, 0]


def _real(x: Tensor, lengths: Tensor) -> Tensor:
    return _keys_allowed(x, lengths).mT.to(x)  # (batch, length, 1), 1.0 at real rows


def _hard_pool(x, lengths, query):
    scores = (x @ query).masked_fill(~_keys_allowed(x, lengths)[:, 0], float("-inf"))
    return x[torch.arange(len(x)), scores.argmax(-1)]


def _pool_over_the_batch(x, lengths, query):
    scores = (x @ query * query.shape[-1] ** -0.5)[:, None]
    return (scores.masked_fill(~_keys_allowed(x, lengths), -1e9).softmax(0) @ x)[:, 0]


_POOLING_QUERY = Exercise(
    id="pooling-query",
    chapter="09",
    signature="pool(x (batch, length, dim), lengths (batch,), query (dim,)) -> (batch, dim)",
    reference=_pool,
    cases=lambda rng: [
        (
            torch.as_tensor(rng.normal(size=(3, 4, 6))),
            torch.tensor([4, 2, 1]),
            torch.as_tensor(rng.normal(size=6)),
        )
    ],
    variants=(
        Variant(
            "no mask",
            lambda x, lengths, query: _pool(x, torch.full_like(lengths, x.shape[1]), query),
            "The padding is pooled, too: lengths is not used.",
        ),
        Variant(
            "masked scores set to zero",
            lambda x, lengths, query: (_zero_scores(query[None], x, x, lengths) @ x)[:, 0],
            "You set the scores of the padding to 0, but e⁰ = 1 is a share like any other: "
            "set them to -inf.",
        ),
        Variant(
            "mask after the softmax",
            lambda x, lengths, query: (
                attention_weights(query.expand(len(x), 1, -1), x) * _keys_allowed(x, lengths) @ x
            )[:, 0],
            "You hide the padding after the softmax: the weights of a short sequence no longer sum "
            "to one. Hide the scores, before it.",
        ),
        Variant(
            "mean pooling",
            lambda x, lengths, query: (x * _real(x, lengths)).sum(1) / lengths[:, None],
            "Your output is the mean of the real rows: the query is not used.",
        ),
        Variant(
            "mean over the padding too",
            lambda x, lengths, query: x.mean(1),
            "Your output is the plain mean over all rows: neither query nor lengths is used.",
        ),
        Variant(
            "hard choice",
            _hard_pool,
            "Your output is the single best row (arg-max); every real row counts by its weight.",
        ),
        Variant(
            "without 1/√d",
            lambda x, lengths, query: attention(
                query.expand(len(x), 1, -1), x, x, mask=_keys_allowed(x, lengths), scale=1.0
            )[:, 0],
            "Your output equals pooling without 1/√d.",
        ),
        Variant(
            "keeps the query axis",
            lambda x, lengths, query: _pool(x, lengths, query)[:, None],
            "The values are right, but an axis of size 1 (the query) is left over: take [:, 0].",
        ),
        Variant(
            "softmax over the batch",
            _pool_over_the_batch,
            "Your softmax mixes the examples of the batch: use dim=-1.",
        ),
    ),
    hints=(
        "one query for all examples: scores are x @ query, (batch, length).",
        "divide by √dim, hide the padding with -inf, softmax along the length.",
        "the weighted sum: (weights[..., None] * x).sum(1).",
    ),
)


EXERCISES = (
    _ATTENTION_LAYER,
    _POOLING_QUERY,
)

PREDICTIONS = (
    Prediction(
        id="digit-in-a-field",
        chapter="09",
        question="A digit lies anywhere in a cluttered field. "
        "Who reads it best, by test accuracy over five splits?",
        options={
            "a": (
                "attention pooling: it alone can single out the window with the digit",
                "Max pooling singles out, too: for each feature it takes the window where the "
                "feature is largest. Over five splits the two cannot be told apart.",
            ),
            "b": (
                "attention and max pooling, about level, before the mean",
                "Both can let one window decide; the mean gives each of the 81 the same vote.",
            ),
            "c": (
                "logistic regression: it wins on centered digits, and sees every pixel",
                "A weight for each pixel has to know where the digit is. In the field the pixels "
                "that matter are elsewhere each time.",
            ),
        },
        answer="b",
    ),
)
