"""Exercises and predictions of chapter 12; they need torch."""

import numpy as np
import torch
from torch import Tensor

from attnutils.grading import Exercise, Prediction, Variant
from attnutils.masks import padding_mask


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


def _with_score(score):
    """The context with another score, ``score(query (batch, 1, hidden), keys, v)``."""

    def context(s, keys, memory, lengths, W, v):
        scores = score((s @ W.T)[:, None], keys, v)
        return (_hidden(scores, lengths, float("-inf")).softmax(-1)[:, None] @ memory)[:, 0]

    return context


def _mask_from_the_front(s, keys, memory, lengths, W, v):
    real = padding_mask(lengths, keys.shape[1])[:, 0, 0].flip(1)
    scores = _bahdanau_scores(s, keys, W, v).masked_fill(~real, float("-inf"))
    return (scores.softmax(-1)[:, None] @ memory)[:, 0]


def _inverted_mask(s, keys, memory, lengths, W, v):
    real = padding_mask(lengths, keys.shape[1])[:, 0, 0]
    scores = _bahdanau_scores(s, keys, W, v).masked_fill(real, float("-inf"))
    return (scores.softmax(-1)[:, None] @ memory)[:, 0]


def _softmax_over_the_batch(s, keys, memory, lengths, W, v):
    weights = _hidden(_bahdanau_scores(s, keys, W, v), lengths, float("-inf")).softmax(0)
    return (weights[:, None] @ memory)[:, 0]


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
            "inverted mask",
            _inverted_mask,
            "The mask is inverted: only the padding is attended, and where there is none the "
            "softmax of nothing but -inf is NaN.",
        ),
        Variant(
            "mask from the front",
            _mask_from_the_front,
            "You hide the first words; the padding stands behind: key j is real where j < length.",
        ),
        Variant(
            "softmax over the batch",
            _softmax_over_the_batch,
            "Your softmax runs over the batch: use dim=-1, the keys of a sentence.",
        ),
        Variant(
            "without the query",
            _with_score(lambda query, keys, v: keys.tanh() @ v),
            "Your weights do not depend on the state s: add s @ W.T to every key of its sentence, "
            "and take the tanh of the sum.",
        ),
        Variant(
            "tanh after v",
            _with_score(lambda query, keys, v: ((query + keys) @ v).tanh()),
            "You take the tanh after the product with v; it comes before.",
        ),
        Variant(
            "without v",
            _with_score(lambda query, keys, v: (query + keys).tanh().sum(-1)),
            "The vector v is not used: the score is (…).tanh() @ v.",
        ),
        Variant(
            "sigmoid",
            _with_score(lambda query, keys, v: (query + keys).sigmoid() @ v),
            "The score has a sigmoid where it should have tanh.",
        ),
        Variant(
            "query times key",
            _with_score(lambda query, keys, v: (query * keys).tanh() @ v),
            "You multiply query and key; the additive score adds them.",
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


def _links_in_either(weights, gold):
    linked = gold.any(1)
    ours, gold = _argmax_links(weights)[linked], gold[linked]
    return 1 - (ours & gold).sum() / (ours | gold).sum()


def _shares_of_weight(weights, gold):
    linked = gold.any(1)
    weights, gold = weights[linked], gold[linked]
    return 1 - 2 * (weights * gold).sum() / (weights.sum() + gold.sum())


def _mean_of_words(weights, gold):
    linked = gold.any(1)
    rows = zip(_argmax_links(weights)[linked], gold[linked])
    return float(np.mean([_error_rate(ours, some) for ours, some in rows]))


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
            "over the links of either side",
            _links_in_either,
            "You divide by the links that either side has; divide by the sum of both numbers, and "
            "count the common ones twice above.",
        ),
        Variant(
            "weights in place of links",
            _shares_of_weight,
            "You add up weights; the error rate counts links, one for each target word, to its "
            "largest weight.",
        ),
        Variant(
            "mean of the words",
            _mean_of_words,
            "You average an error rate for each word; add up the links of all words first, then "
            "divide once.",
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
    _BAHDANAU_SCORE,
    _ALIGNMENT_ERROR_RATE,
)

PREDICTIONS = (
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
