"""Exercises and predictions of chapter 26; they need torch."""

import math

import numpy as np
import torch

from attnutils.grading import Exercise, Prediction, Variant
from attnutils.masks import causal_mask, padding_mask

# ---------------------------------------------------------------------------------- decoder-mask


def _decoder_mask(lengths, n):
    return causal_mask(n) & padding_mask(lengths, n)


def _strictly_before(lengths, n):
    return torch.tril(torch.ones(n, n), -1).bool() & padding_mask(lengths, n)


_DECODER_MASK = Exercise(
    id="decoder-mask",
    chapter="26",
    signature="decoder_mask(lengths (batch,), n) -> (batch, 1, n, n), True = may attend",
    reference=_decoder_mask,
    cases=lambda rng: [(torch.tensor([5, 3, 2]), 5), (torch.tensor([1, 4]), 4)],
    variants=(
        Variant(
            "padding alone",
            lambda lengths, n: padding_mask(lengths, n).expand(-1, 1, n, n),
            "Only the padding is hidden: each word sees the words after it.",
        ),
        Variant(
            "padding alone, one row",
            padding_mask,
            "Only the padding is hidden, and the query axis has size 1: combine it with a causal "
            "mask of shape (n, n).",
        ),
        Variant(
            "causal alone",
            lambda lengths, n: causal_mask(n).expand(len(lengths), 1, n, n),
            "Only the future is hidden; the padding of short rows is seen.",
        ),
        Variant(
            "causal alone, no batch",
            lambda lengths, n: causal_mask(n),
            "Only the future is hidden; the padding of short rows is seen. Each sentence needs a "
            "mask of its own: (batch, 1, n, n).",
        ),
        Variant(
            "or instead of and",
            lambda lengths, n: causal_mask(n) | padding_mask(lengths, n),
            "You joined the two by or. A key may be seen if it is real and not later: use &.",
        ),
        Variant(
            "strictly before",
            _strictly_before,
            "A word does not see itself. It may: what it reads is the word before the one to "
            "write. And the first row would be empty.",
        ),
        Variant(
            "upper triangle",
            lambda lengths, n: causal_mask(n).mT & padding_mask(lengths, n),
            "Your triangle is the upper one: each word sees itself and what comes after.",
        ),
        Variant(
            "inverted",
            lambda lengths, n: ~_decoder_mask(lengths, n),
            "True and False are exchanged: in this book True means may attend.",
        ),
        Variant(
            "hides queries",
            lambda lengths, n: causal_mask(n) & padding_mask(lengths, n).mT,
            "You empty the rows of the padding. Padding is hidden as a key, along the last axis; "
            "what its own rows give is not used, and an empty row can make NaN elsewhere.",
        ),
        Variant(
            "without the axis of heads",
            lambda lengths, n: _decoder_mask(lengths, n)[:, 0],
            "The axis of the heads is missing. A mask (batch, n, n) would be matched with "
            "(batch, heads, n, n) from the right, and batch would meet heads.",
        ),
        Variant(
            "one key too few",
            lambda lengths, n: causal_mask(n) & padding_mask((lengths - 1).clamp(min=0), n),
            "The last real word of each row is hidden: lengths counts it.",
        ),
        Variant(
            "one key too many",
            lambda lengths, n: causal_mask(n) & padding_mask((lengths + 1).clamp(max=n), n),
            "One place of padding is seen in each short row: places count from 0, so the real ones "
            "are those below the length.",
        ),
        Variant(
            "the future alone",
            lambda lengths, n: ~causal_mask(n) & padding_mask(lengths, n),
            "Your triangle marks what is hidden: each word sees only what comes after it. True "
            "means may attend.",
        ),
        Variant(
            "padding inverted",
            lambda lengths, n: causal_mask(n) & ~padding_mask(lengths, n),
            "Your padding part is True at the padding, as key_padding_mask in PyTorch. Here True "
            "means may attend.",
        ),
        Variant(
            "added to the scores",
            lambda lengths, n: torch.zeros(()).masked_fill(~_decoder_mask(lengths, n), -math.inf),
            "You return numbers to add to the scores, 0 and -inf. Return the boolean mask.",
        ),
    ),
    hints=(
        "two conditions, one about places and one about lengths; both must hold.",
        "torch.arange(n) < lengths[:, None] has the shape (batch, n); keys go last.",
        "tril of ones is (n, n); give the other one the axes [:, None, None, :] and join by &.",
    ),
)


# ------------------------------------------------------------------------------- label-smoothing


def _parts(logits, target, padding):
    """Of each real word: minus the log-probability of the truth, and of each word on average."""
    log_p = logits.log_softmax(-1)
    truth = -log_p.gather(-1, target[..., None])[..., 0]
    real = target != padding
    return truth[real], -log_p.mean(-1)[real]


def _smoothed(logits, target, padding, epsilon):
    truth, mean = _parts(logits, target, padding)
    return ((1 - epsilon) * truth + epsilon * mean).mean()


def _shared_by_the_others(logits, target, padding, epsilon):
    truth, mean = _parts(logits, target, padding)
    size = logits.shape[-1]
    others = (mean * size - truth) / (size - 1)
    return ((1 - epsilon) * truth + epsilon * others).mean()


def _counts_padding(logits, target, padding, epsilon):
    return _smoothed(logits, target, -1, epsilon)


def _divided_by_all(logits, target, padding, epsilon):
    share = (target != padding).double().mean()
    return _smoothed(logits, target, padding, epsilon) * share


def _not_averaged(logits, target, padding, epsilon):
    truth, mean = _parts(logits, target, padding)
    return ((1 - epsilon) * truth + epsilon * mean * logits.shape[-1]).mean()


def _inside_the_logarithm(logits, target, padding, epsilon):
    truth, _ = _parts(logits, target, padding)
    return -((1 - epsilon) * (-truth).exp() + epsilon / logits.shape[-1]).log().mean()


def _divergence(logits, target, padding, epsilon):
    size = logits.shape[-1]
    q = np.full(size, epsilon / size)
    q[0] += 1 - epsilon
    return _smoothed(logits, target, padding, epsilon) + float((q * np.log(q)).sum())


def _sum(logits, target, padding, epsilon):
    return _smoothed(logits, target, padding, epsilon) * (target != padding).sum()


def _row_by_row(logits, target, padding, epsilon):
    rows = [_smoothed(*row, padding, epsilon) for row in zip(logits, target)]
    return torch.stack(rows).mean()


def _added(logits, target, padding, epsilon):
    truth, mean = _parts(logits, target, padding)
    return (truth + epsilon * mean).mean()


def _without_logarithm(logits, target, padding, epsilon):
    p = logits.softmax(-1)
    truth = p.gather(-1, target[..., None])[..., 0]
    return -((1 - epsilon) * truth + epsilon * p.mean(-1))[target != padding].mean()


def _logits_as_logarithms(logits, target, padding, epsilon):
    truth = logits.gather(-1, target[..., None])[..., 0]
    return -((1 - epsilon) * truth + epsilon * logits.mean(-1))[target != padding].mean()


def _softmax_over_places(logits, target, padding, epsilon):
    return _logits_as_logarithms(logits.log_softmax(1), target, padding, epsilon)


def _by_sentence(logits, target, padding, epsilon):
    return _sum(logits, target, padding, epsilon) / len(target)


def _truth_without_its_share(logits, target, padding, epsilon):
    truth, mean = _parts(logits, target, padding)
    return ((1 - epsilon) * truth + epsilon * (mean - truth / logits.shape[-1])).mean()


def _smoothing_cases(rng):
    logits = torch.as_tensor(rng.normal(size=(3, 4, 6)))
    target = torch.tensor([[3, 1, 5, 2], [4, 4, 0, 0], [2, 0, 0, 0]])
    return [(logits, target, 0, 0.1), (2 * logits, target.flip(0), 0, 0.3)]


_LABEL_SMOOTHING = Exercise(
    id="label-smoothing",
    chapter="26",
    signature="smoothed_loss(logits (batch, n, vocab), target (batch, n), padding, epsilon) "
    "-> scalar",
    reference=_smoothed,
    cases=_smoothing_cases,
    variants=(
        Variant(
            "shared by the other words",
            _shared_by_the_others,
            "You share ε among the other words alone. In the formula all words share it: the true "
            "one gets ε/vocab, too.",
        ),
        Variant(
            "counts the padding",
            _counts_padding,
            "Padding is counted as words to predict: leave out the places where the target is "
            "padding.",
        ),
        Variant(
            "divided by all places",
            _divided_by_all,
            "You divide by the number of all places; divide by that of the real words.",
        ),
        Variant(
            "no smoothing",
            lambda logits, target, padding, epsilon: _smoothed(logits, target, padding, 0.0),
            "This is the plain cross-entropy: ε is not used.",
        ),
        Variant(
            "ε and 1 - ε exchanged",
            lambda logits, target, padding, epsilon: _smoothed(
                logits, target, padding, 1 - epsilon
            ),
            "ε and 1 - ε are exchanged: the truth gets the large part.",
        ),
        Variant(
            "ε for each word",
            _not_averaged,
            "Each word gets ε; together they get ε, that is ε/vocab each.",
        ),
        Variant(
            "smooths the prediction",
            _inside_the_logarithm,
            "You mix the prediction with the uniform distribution. Mix the target; the logarithm "
            "is of p alone.",
        ),
        Variant(
            "without the entropy of q",
            _divergence,
            "Your loss is the divergence of p from q, which is smaller by the entropy of q. Its "
            "gradient is the same; asked for is the cross-entropy.",
        ),
        Variant("sum", _sum, "Your loss is the sum over the real words; take the mean."),
        Variant(
            "mean of the rows' means",
            _row_by_row,
            "You average within each sentence first, so that words of short sentences count "
            "more. Take one mean over all real words.",
        ),
        Variant(
            "truth keeps all",
            _added,
            "The truth keeps its full weight: your target sums to 1 + ε.",
        ),
        Variant(
            "truth without its share",
            _truth_without_its_share,
            "Your target sums to less than 1: the truth gets its part of ε, too, 1 - ε + ε/vocab.",
        ),
        Variant(
            "uniform part missing",
            lambda logits, target, padding, epsilon: (
                (1 - epsilon) * _smoothed(logits, target, padding, 0.0)
            ),
            "Your loss is 1 - ε times the plain one. The other part is missing: ε times the mean "
            "of -log p over the vocabulary.",
        ),
        Variant(
            "no logarithm",
            _without_logarithm,
            "You mix probabilities; the loss is made of their logarithms: log_softmax.",
        ),
        Variant(
            "logits as logarithms",
            _logits_as_logarithms,
            "You take the logits for log p. Normalize them first: log_softmax over the last axis.",
        ),
        Variant(
            "softmax over the places",
            _softmax_over_places,
            "Your softmax runs over the places; it runs over the vocabulary, the last axis.",
        ),
        Variant(
            "divided by the sentences",
            _by_sentence,
            "You divide by the number of sentences; divide by that of the real words.",
        ),
    ),
    hints=(
        "the loss is a sum of two parts: 1 - ε times what it was, and ε times the mean of -log p "
        "over the vocabulary.",
        "log_p = logits.log_softmax(-1); log_p.gather(-1, target[..., None])[..., 0] is the "
        "truth's, log_p.mean(-1) the mean over the vocabulary.",
        "both have the shape (batch, n): mix them, select with target != padding, take the mean.",
    ),
)


# ------------------------------------------------------------------------------- warmup-schedule


def _warmup(step, warmup):
    return min((step + 1) / warmup, math.sqrt(warmup / (step + 1)))


_WARMUP_SCHEDULE = Exercise(
    id="warmup-schedule",
    chapter="26",
    signature="factor(step, warmup) -> number; step counts from 0",
    reference=_warmup,
    cases=lambda rng: [(0, 4), (1, 4), (3, 4), (4, 4), (15, 4), (7, 10), (9, 10), (39, 10)],
    variants=(
        Variant(
            "counts from 0",
            lambda step, warmup: min(step / warmup, math.sqrt(warmup / max(step, 1e-9))),
            "Your first step has the factor 0: nothing is learned from the first batch. s is "
            "step + 1.",
        ),
        Variant(
            "stays at 1",
            lambda step, warmup: min((step + 1) / warmup, 1.0),
            "The rise is right; afterwards your factor stays at 1. It falls with √(w/s).",
        ),
        Variant(
            "falls as 1/s",
            lambda step, warmup: min((step + 1) / warmup, warmup / (step + 1)),
            "Your factor falls as w/s; the root is missing.",
        ),
        Variant(
            "jumps",
            lambda step, warmup: (step + 1) / warmup if step < warmup else 1 / math.sqrt(step + 1),
            "Your factor jumps at the end of the warm-up, from 1 to 1/√s. It must go on from 1: "
            "√(w/s).",
        ),
        Variant(
            "fall counts from 0",
            lambda step, warmup: (step + 1) / warmup if step < warmup else math.sqrt(warmup / step),
            "Your rise is right; the fall takes s one too small. s is step + 1 there, too.",
        ),
        Variant(
            "paper's rate",
            lambda step, warmup: min((step + 1) ** -0.5, (step + 1) * warmup**-1.5),
            "This is the paper's formula without d. Its largest value is 1/√w; as a factor on a "
            "tuned rate it must reach 1.",
        ),
        Variant(
            "greater of the two",
            lambda step, warmup: max((step + 1) / warmup, math.sqrt(warmup / (step + 1))),
            "You took the greater of the two; take the smaller.",
        ),
        Variant(
            "root in the rise",
            lambda step, warmup: min(
                math.sqrt((step + 1) / warmup), math.sqrt(warmup / (step + 1))
            ),
            "Your rise follows a root; it is linear, s/w.",
        ),
        Variant(
            "fall alone",
            lambda step, warmup: math.sqrt(warmup / (step + 1)),
            "This is the fall alone: it begins far above 1.",
        ),
        Variant(
            "fall counted from the peak",
            lambda step, warmup: (
                (step + 1) / warmup if step < warmup else 1 / math.sqrt(step - warmup + 2)
            ),
            "Your fall counts from the end of the warm-up, so it is far too steep there. It "
            "counts s from the first step, too.",
        ),
        Variant(
            "counts from 0, stays at 1",
            lambda step, warmup: min(step / warmup, 1.0),
            "Your first step has the factor 0, since s is step + 1, and after the warm-up your "
            "factor stays at 1. It falls with √(w/s).",
        ),
        Variant(
            "rise counts from 0",
            lambda step, warmup: min(step / warmup, math.sqrt(warmup / (step + 1))),
            "The fall is right; in the rise s is one too small. It is step + 1 there, too.",
        ),
        Variant(
            "rise alone",
            lambda step, warmup: (step + 1) / warmup,
            "This is the rise alone: it goes on above 1.",
        ),
        Variant(
            "root upside down",
            lambda step, warmup: min((step + 1) / warmup, math.sqrt((step + 1) / warmup)),
            "The root is upside down: after the warm-up your factor goes on growing. It is √(w/s).",
        ),
        Variant(
            "fall without the warm-up",
            lambda step, warmup: min((step + 1) / warmup, 1 / math.sqrt(step + 1)),
            "Your fall is 1/√s, so the factor never reaches 1. It is √(w/s).",
        ),
        Variant(
            "turns a step late",
            lambda step, warmup: (
                (step + 1) / warmup if step <= warmup else math.sqrt(warmup / (step + 1))
            ),
            "You compare step with w, and so turn one step late, above 1. Compare s = step + 1, or "
            "take the smaller of the two.",
        ),
    ),
    hints=(
        "with s = step + 1 there are two curves; they meet where s = w. Which is lower before?",
        "the rise is s / w, the fall is √(w / s); both are 1 at s = w.",
        "min(s / warmup, (warmup / s) ** 0.5).",
    ),
)

EXERCISES = (_DECODER_MASK, _LABEL_SMOOTHING, _WARMUP_SCHEDULE)

PREDICTIONS = (
    Prediction(
        id="without-recurrence",
        chapter="26",
        question="As many parameters, as many steps, the same sentences of 3 to 20 words in "
        "training. Beside Bahdanau's translator, how does the Transformer do on new sentences?",
        options={
            "a": (
                "better at every length: each word is one step away from every other",
                "Up to 20 words there is nothing left to win: both write nearly all sentences. "
                "And beyond, the short way does not help where the places are new.",
            ),
            "b": (
                "as well up to 20 words, worse beyond",
                "Within the trained lengths the two tie. Beyond them the Transformer meets places "
                "that it never saw; the recurrence has no places.",
            ),
            "c": (
                "worse everywhere: attention alone is blind to order and needs more data",
                "The sinusoids tell it the order, and 40,000 sentences are enough; so are 2,000, "
                "as you will see. It falls behind only beyond the trained lengths.",
            ),
        },
        answer="b",
    ),
    Prediction(
        id="which-trick",
        chapter="26",
        question="2,000 training sentences, a small model, 120 steps. Five single changes: no "
        "warm-up, no clipping, smoothing, dropout, a tied output layer. Which one changes exact "
        "match most?",
        options={
            "a": (
                "no warm-up: a Transformer does not train without it",
                "That is a matter of depth, rate and post-norm (chapter 25). One block with "
                "pre-norm trains at its full rate from the first step on.",
            ),
            "b": (
                "dropout, for the better: 2,000 sentences are soon learned by heart",
                "In 120 steps nothing is learned by heart yet: each sentence was seen four times. "
                "Here dropout only makes learning slower.",
            ),
            "c": (
                "the tied output layer, for the worse",
                "One table then has to serve as input and as output. That saves parameters, which "
                "are not scarce here, and it learns far more slowly.",
            ),
        },
        answer="c",
    ),
)
