"""Exercises and predictions of chapter 15; they need torch."""

import numpy as np
import torch
from torch import Tensor

from attnutils.attention import masked_softmax
from attnutils.grading import Exercise, Prediction, Variant


def _word_mask(lengths: Tensor, words: int) -> Tensor:
    return torch.arange(words) < lengths[..., None]  # (batch, sentences, words)


def _sentence_mask(lengths: Tensor, words: int) -> tuple[Tensor, Tensor]:
    return _word_mask(lengths, words), lengths > 0


def _mask_cases(rng: np.random.Generator) -> list[tuple]:
    fixed = torch.tensor([[2, 1, 4], [3, 0, 0]])
    drawn = torch.as_tensor(rng.integers(1, 6, size=(4, 3)))
    drawn[0, 2:], drawn[1, 1:], drawn[2, 0] = 0, 0, 1
    return [(fixed, 4), (drawn, 5)]


_SENTENCE_MASK = Exercise(
    id="sentence-mask",
    chapter="15",
    signature="sentence_mask(lengths (batch, sentences), words) -> (batch, sentences, words), "
    "(batch, sentences)",
    reference=_sentence_mask,
    cases=_mask_cases,
    variants=(
        Variant(
            "every sentence is real",
            lambda n, words: (_word_mask(n, words), torch.ones_like(n, dtype=torch.bool)),
            "Your second mask takes every sentence for real. One of length 0 is padding.",
        ),
        Variant(
            "one word too many",
            lambda n, words: (torch.arange(words) <= n[..., None], n > 0),
            "One word too many in each sentence: places count from 0, so use <, not <=.",
        ),
        Variant(
            "padding marked",
            lambda n, words: tuple(~mask for mask in _sentence_mask(n, words)),
            "Both masks are inverted: True means real in this book.",
        ),
        Variant(
            "inverted word mask",
            lambda n, words: (~_word_mask(n, words), n > 0),
            "The word mask is inverted: True means a real word.",
        ),
        Variant(
            "sentence of one word lost",
            lambda n, words: (_word_mask(n, words), n > 1),
            "Your second mask loses sentences of one word: real means a length above 0.",
        ),
        Variant(
            "masks exchanged",
            lambda n, words: _sentence_mask(n, words)[::-1],
            "The masks are exchanged: first the words, then the sentences.",
        ),
        Variant(
            "words only",
            _word_mask,
            "Return both masks, of the words and of the sentences.",
        ),
        Variant(
            "words of the document",
            lambda n, words: (
                (torch.arange(words) < n.sum(1)[:, None, None]).expand(*n.shape, words),
                n > 0,
            ),
            "You count the words of the whole document. Each sentence has its own length.",
        ),
        Variant(
            "full sentences only",
            lambda n, words: (_word_mask(n, words), n == words),
            "Your second mask keeps only sentences without padding: all(-1) for any(-1)?",
        ),
    ),
    hints=(
        "a sentence is real if it has a word. Which numbers in lengths say so?",
        "the places of the words are torch.arange(words); lengths needs one more axis.",
        "torch.arange(words) < lengths[..., None], and lengths > 0.",
    ),
)


def _two_level_weights(word_scores: Tensor, sentence_scores: Tensor, lengths: Tensor) -> Tensor:
    word_mask, real = _sentence_mask(lengths, word_scores.shape[-1])
    alpha = masked_softmax(word_scores, word_mask)
    return masked_softmax(sentence_scores, real)[..., None] * alpha


def _flat(scores: Tensor, lengths: Tensor) -> Tensor:
    mask = _word_mask(lengths, scores.shape[-1])
    return masked_softmax(scores.flatten(1), mask.flatten(1)).view_as(scores)


def _no_word_mask(e, f, n):
    return masked_softmax(f, n > 0)[..., None] * e.softmax(-1)


def _no_sentence_mask(e, f, n):
    return f.softmax(-1)[..., None] * masked_softmax(e, _word_mask(n, e.shape[-1]))


def _mask_after_softmax(e, f, n):
    alpha, beta = e.softmax(-1) * _word_mask(n, e.shape[-1]), f.softmax(-1) * (n > 0)
    return beta[..., None] * alpha


def _even_sentences(e, f, n):
    return _two_level_weights(e, torch.zeros_like(f), n)


def _sum_of_both(e, f, n):
    alpha = masked_softmax(e, _word_mask(n, e.shape[-1]))
    return (alpha + masked_softmax(f, n > 0)[..., None]) * _word_mask(n, e.shape[-1])


def _over_the_sentences(e, f, n):
    mask = _word_mask(n, e.shape[-1])
    alpha = masked_softmax(e.mT, mask.mT).mT
    return masked_softmax(f, n > 0)[..., None] * alpha


def _over_the_batch(e, f, n):
    alpha = masked_softmax(e, _word_mask(n, e.shape[-1]))
    return masked_softmax(f.T, (n > 0).T).T[..., None] * alpha


def _weight_cases(rng: np.random.Generator) -> list[tuple]:
    lengths = torch.tensor([[2, 4, 3], [3, 1, 0]])
    scores = torch.as_tensor(rng.normal(size=(2, 3, 4)))
    return [(scores, torch.as_tensor(rng.normal(size=(2, 3))), lengths)]


_TWO_LEVEL_WEIGHTS = Exercise(
    id="two-level-weights",
    chapter="15",
    signature="two_level_weights(word_scores (batch, sentences, words), sentence_scores "
    "(batch, sentences), lengths (batch, sentences)) -> (batch, sentences, words)",
    reference=_two_level_weights,
    cases=_weight_cases,
    variants=(
        Variant(
            "one softmax over the scores of the words",
            lambda e, f, n: _flat(e, n),
            "Your weights are one softmax over all words of the document; the scores of the "
            "sentences are not used.",
        ),
        Variant(
            "one softmax over both scores",
            lambda e, f, n: _flat(e + f[..., None], n),
            "You take one softmax of the sums of both scores. So a sentence of many words gets "
            "more than its share: its total is missing.",
        ),
        Variant(
            "words only",
            lambda e, f, n: masked_softmax(e, _word_mask(n, e.shape[-1])),
            "These are the weights within the sentences. Multiply by the sentence's own weight.",
        ),
        Variant(
            "sentences only",
            lambda e, f, n: masked_softmax(f, n > 0)[..., None] * _word_mask(n, e.shape[-1]),
            "Each word has its sentence's whole weight. Share it out among the words.",
        ),
        Variant(
            "even sentences",
            _even_sentences,
            "All real sentences have the same weight: sentence_scores is not used.",
        ),
        Variant(
            "no word mask",
            _no_word_mask,
            "Padding inside the sentences takes part in the softmax over words.",
        ),
        Variant(
            "no sentence mask",
            _no_sentence_mask,
            "Empty sentences take part in the softmax over sentences, so the weights of a "
            "shorter document do not sum to one.",
        ),
        Variant(
            "mask after softmax",
            _mask_after_softmax,
            "You mask after the softmax, so the weights do not sum to one. Mask the scores.",
        ),
        Variant(
            "weights added",
            _sum_of_both,
            "You add the two weights. A word gets its share of its sentence's share: multiply.",
        ),
        Variant(
            "softmax over the sentences for words",
            _over_the_sentences,
            "Your first softmax runs over the sentences; for words it runs over dim -1.",
        ),
        Variant(
            "softmax over the batch",
            _over_the_batch,
            "Your second softmax mixes the documents of the batch; it runs over dim 1.",
        ),
    ),
    hints=(
        "compute the weights of the words within their sentences, then those of the sentences.",
        "masked_softmax(scores, mask) gives zeros, not NaN, where a sentence is empty.",
        "masked_softmax(sentence_scores, lengths > 0)[..., None] times the words' weights.",
    ),
)

EXERCISES = [_SENTENCE_MASK, _TWO_LEVEL_WEIGHTS]
PREDICTIONS = [
    Prediction(
        id="two-levels",
        chapter="15",
        question="Three readers with attention and about as many parameters learn from documents "
        "of up to four sentences. Which is ahead on 17 to 32 sentences?",
        options={
            "a": (
                "two levels: each sentence has one vote, however long it is",
                "So it is before training. But a reader with one level can learn its scores, and "
                "the three differ no more than two runs of the same reader can.",
            ),
            "b": (
                "in a row: it reads each word in the context of the whole document",
                "No other sentence has a say here, so that context is of no use. It does not hurt "
                "much either: the three differ no more than two runs of the same reader can.",
            ),
            "c": (
                "none clearly: each can learn to look at the decisive sentence",
                "The three differ no more than two runs of the same reader can.",
            ),
        },
        answer="c",
    )
]
