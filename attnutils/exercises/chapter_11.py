"""Exercises and predictions of chapter 11; they need torch."""

import numpy as np
import torch
from torch import Tensor

from attnutils.grading import Exercise, Prediction, Variant


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
            "rolled along the batch",
            lambda target, bos: target.roll(1, dims=0),
            "You roll along the batch: each sentence gets its neighbor's words. Use dim 1, and put "
            "bos in front.",
        ),
        Variant(
            "padding in front",
            lambda target, bos: torch.cat([torch.zeros_like(target[:, :1]), target[:, :-1]], dim=1),
            "Padding stands in front: put bos there.",
        ),
        Variant(
            "shifted left, bos behind",
            lambda target, bos: torch.cat(
                [target[:, 1:], torch.full_like(target[:, :1], bos)], dim=1
            ),
            "You shift to the left, and bos stands at the end; it belongs in front.",
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
            "mean of the sentences' sums",
            lambda logits, target, padding: (
                (_token_losses(logits, target) * (target != padding)).sum(1).mean()
            ),
            "You divide by the number of sentences; divide by the number of real words.",
        ),
        Variant(
            "only the padding",
            lambda logits, target, padding: _token_losses(logits, target)[target == padding].mean(),
            "Your mask is inverted: only the padding is counted.",
        ),
        Variant(
            "probabilities without the logarithm",
            lambda logits, target, padding: (
                -logits.softmax(-1).gather(-1, target[..., None])[target != padding].mean()
            ),
            "You average the probabilities; the loss is minus their logarithm.",
        ),
        Variant(
            "logits as they are",
            lambda logits, target, padding: (
                -logits.gather(-1, target[..., None])[target != padding].mean()
            ),
            "You average the logits themselves; log_softmax makes log-probabilities of them.",
        ),
        Variant(
            "softmax twice",
            lambda logits, target, padding: _real_loss(logits.softmax(-1), target, padding),
            "The softmax is taken twice: cross_entropy and log_softmax expect logits.",
        ),
        Variant(
            "softmax over the places",
            lambda logits, target, padding: (
                -logits.log_softmax(1).gather(-1, target[..., None])[target != padding].mean()
            ),
            "Your softmax runs over the places of the sentence: use dim=-1, the vocabulary.",
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


EXERCISES = (
    _SHIFT_RIGHT,
    _LOSS_WITHOUT_PADDING,
)

PREDICTIONS = (
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
)
