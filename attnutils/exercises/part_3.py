"""Exercises and predictions of part 3; they need torch."""

import numpy as np
import torch
from torch import Tensor, nn

from attnutils.attention import attention, attention_weights
from attnutils.grading import Exercise, Prediction, Variant
from attnutils.masks import padding_mask

# ----------------------------------------------------------------------------------- chapter 09


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

# ----------------------------------------------------------------------------------- chapter 10


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

# ----------------------------------------------------------------------------------- chapter 11


def _shift_right(target: Tensor, bos: int) -> Tensor:
    return torch.cat([torch.full_like(target[:, :1], bos), target[:, :-1]], dim=1)


def _rolled(target, bos):
    return target.roll(1, dims=1)


def _shift_left(target, bos):
    return torch.cat([target[:, 1:], torch.zeros_like(target[:, :1])], dim=1)


_SHIFT_RIGHT = Exercise(
    id="shift-right",
    chapter="11",
    signature="shift_right(target (batch, length), bos: int) -> (batch, length)",
    reference=_shift_right,
    cases=lambda rng: [(torch.tensor([[5, 9, 4, 2], [7, 2, 0, 0], [8, 6, 2, 0]]), 1)],
    variants=(
        Variant(
            "not shifted",
            lambda target, bos: target,
            "You return the target as it is: the decoder would read the very word it has to "
            "predict.",
        ),
        Variant(
            "shifted left",
            _shift_left,
            "You shift to the left: the decoder would read the word after the one it has to "
            "predict.",
        ),
        Variant(
            "rolled around",
            _rolled,
            "The last token comes round to the front: put bos there instead.",
        ),
        Variant(
            "one too long",
            lambda target, bos: torch.cat([torch.full_like(target[:, :1], bos), target], dim=1),
            "bos stands in front, but the last token is still there: what is read has as many "
            "tokens as what is predicted.",
        ),
        Variant(
            "overwrites the first word",
            lambda target, bos: torch.cat(
                [torch.full_like(target[:, :1], bos), target[:, 1:]], dim=1
            ),
            "bos stands in place of the first word and nothing has moved: from the second word on "
            "the decoder reads what it has to predict.",
        ),
        Variant(
            "moved down the batch",
            lambda target, bos: torch.cat([torch.full_like(target[:1], bos), target[:-1]], dim=0),
            "You shift along the batch: each sentence gets its neighbor's words. Use dim 1.",
        ),
    ),
    hints=(
        "before the first word the decoder reads bos; before the second, the first.",
        "all but the last token of each row: target[:, :-1].",
        "torch.full_like(target[:, :1], bos) is the column to put in front, with torch.cat.",
    ),
)


def _token_losses(logits: Tensor, target: Tensor) -> Tensor:
    return -logits.log_softmax(-1).gather(-1, target[..., None])[..., 0]  # (batch, length)


def _real_loss(logits: Tensor, target: Tensor, padding: int) -> Tensor:
    return _token_losses(logits, target)[target != padding].mean()


def _mean_of_sentences(logits, target, padding):
    real = target != padding
    return ((_token_losses(logits, target) * real).sum(1) / real.sum(1)).mean()


_LOSS_WITHOUT_PADDING = Exercise(
    id="loss-without-padding",
    chapter="11",
    signature="loss(logits (batch, length, vocab), target (batch, length), padding: int) -> ()",
    reference=_real_loss,
    cases=lambda rng: [
        (
            torch.as_tensor(rng.normal(size=(3, 4, 6))),
            torch.tensor([[5, 3, 4, 2], [3, 2, 0, 0], [4, 5, 2, 0]]),
            0,
        )
    ],
    variants=(
        Variant(
            "counts the padding",
            lambda logits, target, padding: _token_losses(logits, target).mean(),
            "The padding is counted like words: a model that predicts nothing but padding would "
            "look good.",
        ),
        Variant(
            "divides by all places",
            lambda logits, target, padding: (
                _token_losses(logits, target) * (target != padding)
            ).mean(),
            "The padding adds nothing, but you divide by its places, too: the loss falls where "
            "there is more padding.",
        ),
        Variant(
            "mean of the sentences",
            _mean_of_sentences,
            "You average each sentence and then the sentences: a word of a short sentence counts "
            "more than one of a long sentence.",
        ),
        Variant(
            "the sum",
            lambda logits, target, padding: _token_losses(logits, target)[target != padding].sum(),
            "Your loss is the sum over the real words: it grows with the batch. Take the mean.",
        ),
        Variant(
            "bits",
            lambda logits, target, padding: _real_loss(logits, target, padding) / np.log(2),
            "Your loss is in bits; take the natural logarithm.",
        ),
        Variant(
            "negative",
            lambda logits, target, padding: -_real_loss(logits, target, padding),
            "The sign is wrong: a loss is minus the logarithm of the probability.",
        ),
    ),
    hints=(
        "logits.log_softmax(-1) are the log-probabilities of all words.",
        "gather picks those of the true words: .gather(-1, target[..., None])[..., 0].",
        "target != padding is True at real words; index with it, then take the mean.",
    ),
)


# ----------------------------------------------------------------------------------- chapter 12


def _bahdanau_scores(s: Tensor, keys: Tensor, W: Tensor, v: Tensor) -> Tensor:
    return ((s @ W.T)[:, None] + keys).tanh() @ v  # (batch, key)


def _hidden(scores: Tensor, lengths: Tensor, value: float) -> Tensor:
    return scores.masked_fill(~padding_mask(lengths, scores.shape[1])[:, 0, 0], value)


def _bahdanau_context(s, keys, memory, lengths, W, v):
    weights = _hidden(_bahdanau_scores(s, keys, W, v), lengths, float("-inf")).softmax(-1)
    return (weights[:, None] @ memory)[:, 0]


def _without_mask(s, keys, memory, lengths, W, v):
    return (_bahdanau_scores(s, keys, W, v).softmax(-1)[:, None] @ memory)[:, 0]


def _without_tanh(s, keys, memory, lengths, W, v):
    scores = ((s @ W.T)[:, None] + keys) @ v
    return (_hidden(scores, lengths, float("-inf")).softmax(-1)[:, None] @ memory)[:, 0]


def _zero_under_the_mask(s, keys, memory, lengths, W, v):
    weights = _hidden(_bahdanau_scores(s, keys, W, v), lengths, 0.0).softmax(-1)
    return (weights[:, None] @ memory)[:, 0]


def _mask_on_weights(s, keys, memory, lengths, W, v):
    weights = _hidden(_bahdanau_scores(s, keys, W, v).softmax(-1), lengths, 0.0)
    return (weights[:, None] @ memory)[:, 0]


def _scaled_score(s, keys, memory, lengths, W, v):
    scores = _bahdanau_scores(s, keys, W, v) * len(v) ** -0.5
    return (_hidden(scores, lengths, float("-inf")).softmax(-1)[:, None] @ memory)[:, 0]


def _dot_score(s, keys, memory, lengths, W, v):
    scores = (keys @ (s @ W.T)[..., None])[..., 0]
    return (_hidden(scores, lengths, float("-inf")).softmax(-1)[:, None] @ memory)[:, 0]


_BAHDANAU_SCORE = Exercise(
    id="bahdanau-score",
    chapter="12",
    signature="context(s (batch, dim), keys (batch, key, hidden), memory (batch, key, size), "
    "lengths (batch,), W (hidden, dim), v (hidden,)) -> (batch, size)",
    reference=_bahdanau_context,
    cases=lambda rng: [
        (
            torch.as_tensor(rng.normal(size=(3, 4))),
            torch.as_tensor(rng.normal(size=(3, 5, 6))),
            torch.as_tensor(rng.normal(size=(3, 5, 6))),
            torch.tensor([5, 3, 2]),
            torch.as_tensor(rng.normal(size=(6, 4))),
            torch.as_tensor(rng.normal(size=6)),
        )
    ],
    variants=(
        Variant(
            "no mask",
            _without_mask,
            "The padding is attended: lengths is not used.",
        ),
        Variant(
            "without tanh",
            _without_tanh,
            "The tanh is missing. Without it the query adds the same number to all scores of a "
            "sentence, and the weights do not depend on it.",
        ),
        Variant(
            "masked scores set to zero",
            _zero_under_the_mask,
            "You set the scores of the padding to 0, but e⁰ = 1 is a share like any other: "
            "set them to -inf.",
        ),
        Variant(
            "mask after the softmax",
            _mask_on_weights,
            "You hide the padding after the softmax: the weights of a short sentence no longer sum "
            "to one. Hide the scores, before it.",
        ),
        Variant(
            "sums the projected keys",
            lambda s, keys, memory, lengths, W, v: _bahdanau_context(s, keys, keys, lengths, W, v),
            "The weights are right, but you sum the projected keys; what comes back is the memory.",
        ),
        Variant(
            "a dot product",
            _dot_score,
            "Your score is the dot product of query and key; the additive one is vᵀtanh(query + "
            "key).",
        ),
        Variant(
            "scaled",
            _scaled_score,
            "You divide the score by the root of the hidden size. The additive score is not "
            "scaled: v can learn its own scale.",
        ),
    ),
    hints=(
        "(s @ W.T)[:, None] + keys has the shape (batch, key, hidden).",
        "after the tanh, @ v gives one score for each key; hide the padding with -inf.",
        "softmax along the keys; then (weights[..., None] * memory).sum(1).",
    ),
)


def _argmax_links(weights: np.ndarray) -> np.ndarray:
    return np.arange(weights.shape[1]) == weights.argmax(1)[:, None]  # (target, source)


def _error_rate(links: np.ndarray, gold: np.ndarray) -> float:
    return 1 - 2 * (links & gold).sum() / (links.sum() + gold.sum())


def _alignment_error_rate(weights, gold):
    linked = gold.any(1)
    return _error_rate(_argmax_links(weights)[linked], gold[linked])


def _half(weights, gold):
    linked = gold.any(1)
    return _error_rate(weights[linked] > 0.5, gold[linked])


def _alignment_cases(rng: np.random.Generator) -> list[tuple]:
    weights = rng.dirichlet(np.ones(5) / 2, size=7)
    gold = np.zeros((7, 5), dtype=bool)  # the second word has no link, others have two
    gold[[0, 0, 2, 3, 4, 4, 5, 6], [0, 1, 2, 1, 2, 3, 4, 0]] = True
    for row in (0, 2, 3, 6):
        weights[row] = np.roll(weights[row], int(gold[row].argmax() - weights[row].argmax()))
    return [(weights, gold)]


_ALIGNMENT_ERROR_RATE = Exercise(
    id="alignment-error-rate",
    chapter="12",
    signature="error_rate(weights (target, source), gold (target, source) of bool) -> number",
    reference=_alignment_error_rate,
    cases=_alignment_cases,
    variants=(
        Variant(
            "counts words without a link",
            lambda weights, gold: _error_rate(_argmax_links(weights), gold),
            "You also count target words that have no gold link: whatever the model does there is "
            "an error. Leave those rows out.",
        ),
        Variant(
            "precision alone",
            lambda weights, gold: (
                1 - (_argmax_links(weights) & gold)[gold.any(1)].sum() / gold.any(1).sum()
            ),
            "That is one minus the share of your links that are right. Gold links that you miss "
            "must count, too: divide by both numbers of links.",
        ),
        Variant(
            "recall alone",
            lambda weights, gold: 1 - (_argmax_links(weights) & gold).sum() / gold.sum(),
            "That is one minus the share of the gold links that you found. Wrong links of yours "
            "must count, too: divide by both numbers of links.",
        ),
        Variant(
            "agreement",
            lambda weights, gold: 1 - _alignment_error_rate(weights, gold),
            "That is the agreement; the error rate is one minus it.",
        ),
        Variant(
            "best target of each source word",
            lambda weights, gold: _error_rate(
                _argmax_links(weights.T).T[gold.any(1)], gold[gold.any(1)]
            ),
            "Your arg-max runs over the target words: each row of weights is a target word, and "
            "its best source word is wanted.",
        ),
        Variant(
            "weights above one half",
            _half,
            "You link where the weight is above one half; here each target word gets one link, to "
            "its largest weight.",
        ),
        Variant(
            "the factor 2 is missing",
            lambda weights, gold: (1 + _alignment_error_rate(weights, gold)) / 2,
            "The factor 2 is missing: links on which both agree stand in both numbers below.",
        ),
    ),
    hints=(
        "rows = gold.any(1) are the target words with a link; keep those of both arrays.",
        "weights.argmax(1) is the source word that each target word is linked to.",
        "with A links of yours, G of gold and B in both, it is 1 - 2 B / (A + G).",
    ),
)

EXERCISES = (
    _ATTENTION_LAYER,
    _POOLING_QUERY,
    _GRADIENT_BY_LAG,
    _GRU_CELL,
    _SHIFT_RIGHT,
    _LOSS_WITHOUT_PADDING,
    _BAHDANAU_SCORE,
    _ALIGNMENT_ERROR_RATE,
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
    Prediction(
        id="four-times-the-steps",
        chapter="11",
        question="A vector of 32 numbers held about 6 of 16 symbols after 200 steps. "
        "What do four times the steps make of it?",
        options={
            "a": (
                "still about 6: the vector is full",
                "What the vector can hold is not what stopped it: the same 32 numbers hold far "
                "more after more steps. The table shows training, not room.",
            ),
            "b": (
                "clearly more, but not all 16",
                "The room was there; training had not found it yet, and after four times the "
                "steps it still has not found all of it.",
            ),
            "c": (
                "all 16: by hand one number held five, so 32 numbers have room enough",
                "The room is there, but it lies in the far digits of the numbers, where gradient "
                "descent hardly gets. More steps help, and fall short of all.",
            ),
        },
        answer="b",
    ),
    Prediction(
        id="where-a-pronoun-looks",
        chapter="12",
        question="The decoder is about to write elles. Where does most of its weight go?",
        options={
            "a": (
                "to mice, five words before: there the gender stands",
                "The noun gets next to nothing. By then its gender is in the decoder's own state, "
                "which has kept it since it wrote the noun.",
            ),
            "b": (
                "to they, the word that elles translates",
                "The weights show which word is translated. The gender does not come by way of "
                "them: the decoder's own state has kept it.",
            ),
            "c": (
                "half to mice, half to they: it needs gender and number",
                "It needs both, but the gender is in its own state already, so that there is no "
                "need to look.",
            ),
        },
        answer="b",
    ),
)
