"""Exercises and predictions of chapter 13; they need torch."""

import numpy as np
import torch
from torch import Tensor

from attnutils.grading import Exercise, Prediction, Variant


def _away(scores: Tensor, place: Tensor) -> Tensor:
    return torch.arange(scores.shape[-1]) - place[:, None]  # (query, key)


def _windowed(scores: Tensor, place: Tensor, window: int) -> Tensor:
    """Softmax over the window alone."""
    hidden = _away(scores, place).abs() > window
    return scores.masked_fill(hidden, float("-inf")).softmax(-1)


def _fall(scores, place, sigma):
    return torch.exp(-(_away(scores, place) ** 2) / (2 * sigma**2))


def _local_weights(scores, place, window):
    return _windowed(scores, place, window) * _fall(scores, place, window / 2)


def _mask_after_softmax(scores, place, window):
    inside = _away(scores, place).abs() <= window
    return scores.softmax(-1) * inside * _fall(scores, place, window / 2)


def _zero_outside(scores, place, window):
    hidden = _away(scores, place).abs() > window
    weights = scores.masked_fill(hidden, 0.0).softmax(-1)
    return weights * _fall(scores, place, window / 2)


def _edge_left_out(scores, place, window):
    hidden = _away(scores, place).abs() >= window
    weights = scores.masked_fill(hidden, float("-inf")).softmax(-1)
    return weights * _fall(scores, place, window / 2)


def _renormalized(scores, place, window):
    weights = _local_weights(scores, place, window)
    return weights / weights.sum(-1, keepdim=True)


def _fall_on_scores(scores, place, window):
    return _windowed(scores * _fall(scores, place, window / 2), place, window)


def _without_scores(scores, place, window):
    inside = _away(scores, place).abs() <= window
    return inside * _fall(scores, place, window / 2)


def _over_queries(scores, place, window):
    hidden = _away(scores, place).abs() > window
    weights = scores.masked_fill(hidden, float("-inf")).softmax(0).nan_to_num()
    return weights * _fall(scores, place, window / 2)


def _rising(scores, place, window):
    return _windowed(scores, place, window) / _fall(scores, place, window / 2)


_LOCAL_WINDOW = Exercise(
    id="local-window",
    chapter="13",
    signature="local_weights(scores (query, key), place (query,), window: int) -> (query, key)",
    reference=_local_weights,
    cases=lambda rng: [
        (
            torch.as_tensor(rng.normal(size=(4, 9))),
            torch.tensor([0.3, 2.0, 4.6, 7.9], dtype=torch.float64),
            2,
        )
    ],
    variants=(
        Variant(
            "no fall",
            _windowed,
            "The window is right, but inside it the weights do not fall off with the distance "
            "from the place: the factor exp(-(j - p)²/2σ²) is missing.",
        ),
        Variant(
            "no window",
            lambda scores, place, window: scores.softmax(-1) * _fall(scores, place, window / 2),
            "Your softmax runs over all keys: hide those farther than `window` from the place "
            "before it.",
        ),
        Variant(
            "window after the softmax",
            _mask_after_softmax,
            "You cut the window out after the softmax, which has shared the weight among all "
            "keys. Hide the scores, before it.",
        ),
        Variant(
            "scores outside set to zero",
            _zero_outside,
            "You set the scores outside the window to 0, but e⁰ = 1 is a share like any other: "
            "set them to -inf.",
        ),
        Variant(
            "rows made to sum to one",
            _renormalized,
            "Your rows sum to one: you divide by the sum at the end, or the fall went into the "
            "softmax. In Luong's formula it multiplies the weights, and the rows may sum to less.",
        ),
        Variant(
            "fall on the scores",
            _fall_on_scores,
            "You multiply the scores by the fall. It belongs to the weights, after the softmax: "
            "a score of 0 is no small weight.",
        ),
        Variant(
            "places only",
            _without_scores,
            "The scores are not used: your weights depend on the distance alone.",
        ),
        Variant(
            "softmax over the queries",
            _over_queries,
            "Your softmax runs over the queries: each query shares its weight among the keys, "
            "softmax(-1).",
        ),
        Variant(
            "sign of the exponent",
            _rising,
            "Your weights grow with the distance: the exponent has a minus.",
        ),
        Variant(
            "sigma is the window",
            lambda scores, place, window: (
                _windowed(scores, place, window) * _fall(scores, place, window)
            ),
            "Your curve is twice as wide: σ is half of the window.",
        ),
        Variant(
            "without the factor two",
            lambda scores, place, window: (
                _windowed(scores, place, window) * _fall(scores, place, window / 8**0.5)
            ),
            "You divide by σ² where the exponent has 2σ².",
        ),
        Variant(
            "place rounded",
            lambda scores, place, window: _local_weights(scores, place.round(), window),
            "You round the place to a whole key. Then no gradient could reach what predicts it; "
            "take it as it is.",
        ),
        Variant(
            "edge left out",
            _edge_left_out,
            "A key exactly `window` away belongs to the window: hide only what is farther.",
        ),
    ),
    hints=(
        "torch.arange(key) - place[:, None] is how far each key lies from each place.",
        "hide the scores of the keys farther than `window` with -inf, then softmax(-1).",
        "multiply by exp(-away² / (2σ²)) with σ = window / 2, after the softmax.",
    ),
)


def _copy_part(weights: Tensor, tokens: Tensor, vocab_size: int) -> Tensor:
    """Weights added up by the token that stands there."""
    onehot = torch.nn.functional.one_hot(tokens, vocab_size).to(weights)  # (key, vocab)
    return weights @ onehot


def _mixed(p_vocab, gate, weights, tokens):
    copied = _copy_part(weights, tokens, p_vocab.shape[-1])
    return gate[:, None] * p_vocab + (1 - gate[:, None]) * copied


def _overwrites(p_vocab, gate, weights, tokens):
    copied = torch.zeros_like(p_vocab)
    for j, token in enumerate(tokens.tolist()):
        copied[:, token] = weights[:, j]
    return gate[:, None] * p_vocab + (1 - gate[:, None]) * copied


def _only_the_largest(p_vocab, gate, weights, tokens):
    hard = torch.nn.functional.one_hot(weights.argmax(-1), weights.shape[-1]).to(weights)
    return _mixed(p_vocab, gate, hard, tokens)


def _by_position(p_vocab, gate, weights, tokens):
    return _mixed(p_vocab, gate, weights, torch.arange(len(tokens)))


_COPY_DISTRIBUTION = Exercise(
    id="copy-distribution",
    chapter="13",
    signature="mixed(p_vocab (query, vocab), gate (query,), weights (query, key), tokens (key,)) "
    "-> (query, vocab)",
    reference=_mixed,
    cases=lambda rng: [
        (
            torch.as_tensor(rng.dirichlet(np.ones(7), size=3)),
            torch.as_tensor(rng.uniform(0.2, 0.8, size=3)),
            torch.as_tensor(rng.dirichlet(np.ones(5), size=3)),
            torch.tensor([6, 2, 5, 2, 3]),
        )
    ],
    variants=(
        Variant(
            "gate the other way round",
            lambda p_vocab, gate, weights, tokens: _mixed(p_vocab, 1 - gate, weights, tokens),
            "g and 1 - g are exchanged: here a large gate writes and a small one copies.",
        ),
        Variant(
            "the last one of a double word counts",
            _overwrites,
            "Token 2 stands twice in the source, and only the last of its weights is left: "
            "assigning overwrites, so add them up.",
        ),
        Variant(
            "no gate",
            lambda p_vocab, gate, weights, tokens: (
                p_vocab + _copy_part(weights, tokens, p_vocab.shape[-1])
            ),
            "The gate is not used: your rows sum to two.",
        ),
        Variant(
            "gate on the copy alone",
            lambda p_vocab, gate, weights, tokens: (
                p_vocab + (1 - gate[:, None]) * _copy_part(weights, tokens, p_vocab.shape[-1])
            ),
            "Only the copied part is gated: multiply what the decoder would write by g, too.",
        ),
        Variant(
            "gate on the vocabulary alone",
            lambda p_vocab, gate, weights, tokens: (
                gate[:, None] * p_vocab + _copy_part(weights, tokens, p_vocab.shape[-1])
            ),
            "Only the vocabulary is gated: multiply what is copied by 1 - g, too.",
        ),
        Variant(
            "sigmoid on the gate",
            lambda p_vocab, gate, weights, tokens: _mixed(p_vocab, gate.sigmoid(), weights, tokens),
            "The gate is a probability already; you took the sigmoid once more.",
        ),
        Variant(
            "writes only",
            lambda p_vocab, gate, weights, tokens: gate[:, None] * p_vocab,
            "Nothing is copied: the weights and the tokens are not used.",
        ),
        Variant(
            "copies only",
            lambda p_vocab, gate, weights, tokens: _copy_part(weights, tokens, p_vocab.shape[-1]),
            "You only copy, as a pointer network does: p_vocab and the gate are not used.",
        ),
        Variant(
            "copies the largest weight only",
            _only_the_largest,
            "All that is copied goes to the word with the largest weight; each word gets its own "
            "weight, or the others would never learn.",
        ),
        Variant(
            "numbers of places for numbers of words",
            _by_position,
            "The weight of place j goes to word j of the vocabulary: it belongs to tokens[j].",
        ),
        Variant(
            "softmax on top",
            lambda p_vocab, gate, weights, tokens: _mixed(p_vocab, gate, weights, tokens).softmax(
                -1
            ),
            "A softmax too many: the mixture of two distributions is one already.",
        ),
        Variant(
            "logarithms",
            lambda p_vocab, gate, weights, tokens: _mixed(p_vocab, gate, weights, tokens).log(),
            "These are the logarithms; return the probabilities.",
        ),
    ),
    hints=(
        "two distributions over the vocabulary, mixed by g and 1 - g; the second one you make "
        "from the weights.",
        "start with zeros (query, vocab) and add the weight of place j to column tokens[j].",
        "torch.zeros_like(p_vocab).index_add_(1, tokens, weights) adds, where an assignment "
        "would overwrite.",
    ),
)

EXERCISES = [_LOCAL_WINDOW, _COPY_DISTRIBUTION]
PREDICTIONS = [
    Prediction(
        id="scaling-the-dot",
        chapter="13",
        question="Luong's dot product of two LSTM states is not divided by √d. What happens in a "
        "short training if we divide it, as chapter 05 does?",
        options={
            "a": (
                "it learns faster: undivided scores saturate the softmax",
                "They do where the entries have variance 1. The states of a fresh LSTM are far "
                "smaller; their dot products hardly differ, and divided they differ even less.",
            ),
            "b": (
                "no difference: the states can grow and make up for it",
                "They can, in the end. But growing takes steps, and meanwhile the weights are "
                "nearly even.",
            ),
            "c": (
                "it learns more slowly: the scores become too small",
                "The entries of an LSTM's states are small, so that nothing saturates, and divided "
                "scores leave the weights nearly even for long.",
            ),
        },
        answer="c",
    ),
    Prediction(
        id="weight-on-a-name",
        chapter="13",
        question="A decoder without a gate writes <unk> where a name belongs. Take the names on "
        "which it puts less than a tenth of its weight. How probable is <unk> there, on average?",
        options={
            "a": (
                "less than a tenth: the weight is the probability",
                "That holds where words are copied. Here W_c, a tanh and W_o stand between the "
                "weights and the words.",
            ),
            "b": (
                "about a quarter: with little weight on the name it can only guess",
                "It does not have to see the name to write <unk>. That a name is due can be told "
                "from the states of the words around it, too.",
            ),
            "c": (
                "more than a half: it need not look at the name to see that one is due",
                "The states of other words tell that a name is due, and nothing in the loss asks "
                "for the weight on the name itself.",
            ),
        },
        answer="c",
    ),
]
