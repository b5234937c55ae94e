"""Exercises and predictions of chapter 27."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant


def _top_p(p: np.ndarray, threshold: float) -> np.ndarray:
    order = np.argsort(-p)
    reached_before = p[order].cumsum() - p[order]
    kept = np.zeros_like(p)
    kept[order[reached_before < threshold]] = p[order[reached_before < threshold]]
    return kept / kept.sum()


def _without_the_crossing_token(p, threshold):
    order = np.argsort(-p)
    inside = order[p[order].cumsum() <= threshold]
    kept = np.zeros_like(p)
    kept[inside] = p[inside]
    return kept / kept.sum() if len(inside) else kept


def _without_the_crossing_token_divided(p, threshold):
    with np.errstate(invalid="ignore"):  # 0 / 0 where the first token alone exceeds it
        kept = _without_the_crossing_token_undivided(p, threshold)
        return kept / kept.sum()


def _without_the_crossing_token_undivided(p, threshold):
    order = np.argsort(-p)
    return np.where(np.isin(np.arange(len(p)), order[p[order].cumsum() <= threshold]), p, 0.0)


def _one_more_where_it_is_reached_exactly(p, threshold):
    order = np.argsort(-p)
    inside = order[p[order].cumsum() - p[order] <= threshold]
    kept = np.zeros_like(p)
    kept[inside] = p[inside]
    return kept / kept.sum()


def _softmax_again(p, threshold):
    e = np.exp(np.where(_top_p(p, threshold) > 0, p, -np.inf))
    return e / e.sum()


def _softmax_over_all(p, threshold):
    e = np.exp(np.where(_top_p(p, threshold) > 0, p, 0.0))
    return e / e.sum()


def _one_more(p, threshold):
    order = np.argsort(-p)
    count = int((p[order].cumsum() < threshold).sum()) + 2
    kept = np.zeros_like(p)
    kept[order[:count]] = p[order[:count]]
    return kept / kept.sum()


def _by_each_probability(p, threshold):
    kept = np.where(p >= threshold, p, 0.0)
    return kept / kept.sum() if kept.any() else kept


def _from_below(p, threshold):
    order = np.argsort(p)
    reached_before = p[order].cumsum() - p[order]
    kept = np.zeros_like(p)
    kept[order[reached_before < threshold]] = p[order[reached_before < threshold]]
    return kept / kept.sum()


def _without_sorting(p, threshold):
    kept = np.where(p.cumsum() - p < threshold, p, 0.0)
    return kept / kept.sum()


_CROSSING = (
    "The token with which the sum reaches the threshold is missing, so that the kept ones "
    "hold less than the threshold, and nothing is left where the first token alone "
    "exceeds it. A token stays if the sum before it is below the threshold."
)

_TOP_P = Exercise(
    id="top-p",
    chapter="27",
    signature="top_p(p (vocab,), threshold) -> (vocab,), sums to 1",
    reference=_top_p,
    cases=lambda rng: [
        *(
            (rng.dirichlet(np.full(size, 0.7)), threshold)
            for size, threshold in ((5, 0.6), (8, 0.9), (12, 0.5), (6, 0.05))
        ),
        (np.array([0.25, 0.5, 0.125, 0.125]), 0.75),  # reached exactly
    ],
    variants=(
        Variant(
            "the token that crosses is cut",
            _without_the_crossing_token,
            _CROSSING,
        ),
        Variant(
            "the token that crosses is cut, divided by 0",
            _without_the_crossing_token_divided,
            f"{_CROSSING} Without it you divide 0 by 0 there.",
        ),
        Variant(
            "the token that crosses is cut, not normalized",
            _without_the_crossing_token_undivided,
            f"{_CROSSING} Then divide by what is left.",
        ),
        Variant(
            "one token too many where the threshold is reached exactly",
            _one_more_where_it_is_reached_exactly,
            "Where the sum before a token is the threshold exactly, it is reached already, and the "
            "token is not needed: compare with <, not with <=.",
        ),
        Variant(
            "softmax of the kept",
            _softmax_again,
            "The right tokens are kept, but a softmax of probabilities changes their ratios. "
            "Divide by what is left.",
        ),
        Variant(
            "softmax over all",
            _softmax_over_all,
            "A softmax gives the tokens outside the nucleus a probability again, since exp(0) = 1. "
            "Divide what is kept by its sum.",
        ),
        Variant(
            "the mask",
            lambda p, threshold: _top_p(p, threshold) > 0,
            "You return which tokens are kept. Return their probabilities, divided by their sum.",
        ),
        Variant(
            "one token too many",
            _one_more,
            "One token more is kept than is needed to reach the threshold.",
        ),
        Variant(
            "not normalized",
            lambda p, threshold: np.where(_top_p(p, threshold) > 0, p, 0.0),
            "The right tokens are kept, but their probabilities do not sum to 1. Divide by what "
            "is left.",
        ),
        Variant(
            "each probability against the threshold",
            _by_each_probability,
            "You compare each probability with the threshold. It is the sum of the most probable "
            "ones, from the top down, that has to reach it.",
        ),
        Variant(
            "from the least probable",
            _from_below,
            "You start from the least probable token. Sort in descending order.",
        ),
        Variant(
            "not sorted",
            _without_sorting,
            "The sum runs over the tokens as they stand in the vocabulary. Sort them by "
            "probability first.",
        ),
        Variant(
            "left in sorted order",
            lambda p, threshold: np.sort(_top_p(p, threshold))[::-1],
            "The right numbers, still sorted: put each back to the place of its token.",
        ),
    ),
    hints=(
        "np.argsort(-p) gives the tokens from the most to the least probable.",
        "cumsum minus the token itself is the probability that was reached before it.",
        "keep the tokens for which that is below the threshold, at their own places; then divide "
        "by the sum.",
    ),
)


def _beam_step(total: np.ndarray, logp: np.ndarray, beams: int) -> tuple:
    candidates = (total[:, None] + logp).ravel()
    best = np.argsort(-candidates, kind="stable")[:beams]
    return best // logp.shape[1], best % logp.shape[1], candidates[best]


def _greedy_in_each_beam(total, logp, beams):
    row, token = np.arange(len(total)), logp.argmax(1)
    return row, token, total + logp.max(1)


def _greedy_in_each_beam_sorted(total, logp, beams):
    row, token, new = _greedy_in_each_beam(total, logp, beams)
    order = np.argsort(-new, kind="stable")
    return row[order], token[order], new[order]


def _best_last(total, logp, beams):
    return tuple(x[::-1] for x in _beam_step(total, logp, beams))


def _last_step_returned(total, logp, beams):
    row, token, _ = _beam_step(total, logp, beams)
    return row, token, logp[row, token]


def _from_the_best_row(total, logp, beams):
    row = np.full(beams, total.argmax())
    token = np.argsort(-logp[row[0]], kind="stable")[:beams]
    return row, token, total[row] + logp[row, token]


def _as_probabilities(total, logp, beams):
    row, token, new = _beam_step(total, logp, beams)
    return row, token, np.exp(new)


def _only_the_last_step(total, logp, beams):
    row, token, _ = _beam_step(np.zeros_like(total), logp, beams)
    return row, token, (total[:, None] + logp)[row, token]


def _last_step_as_total(total, logp, beams):
    return _beam_step(np.zeros_like(total), logp, beams)


def _split_by_beams(total, logp, beams):
    candidates = (total[:, None] + logp).ravel()
    best = np.argsort(-candidates, kind="stable")[:beams]
    return best // len(total), best % len(total), candidates[best]


def _worst_first(total, logp, beams):
    candidates = (total[:, None] + logp).ravel()
    best = np.argsort(candidates, kind="stable")[:beams]
    return best // logp.shape[1], best % logp.shape[1], candidates[best]


def _multiplied(total, logp, beams):
    candidates = (total[:, None] * logp).ravel()
    best = np.argsort(-candidates, kind="stable")[:beams]
    return best // logp.shape[1], best % logp.shape[1], candidates[best]


def _beam_cases(rng: np.random.Generator) -> list[tuple]:
    return [
        (
            np.log(rng.dirichlet(np.full(rows, 2.0))),
            np.log(rng.dirichlet(np.full(vocab, 0.7), size=rows)),
            rows,
        )
        for rows, vocab in ((3, 5), (4, 6), (2, 9), (3, 7))
    ]


_EACH_ALONE = (
    "You keep the best continuation of each beam. All continuations of all beams compete: "
    "two may come from the same beam, and a beam may die."
)

_BEAM_STEP = Exercise(
    id="beam-step",
    chapter="27",
    signature="beam_step(total (rows,), logp (rows, vocab), beams) "
    "-> row (beams,), token (beams,), new total (beams,), best first",
    reference=_beam_step,
    cases=_beam_cases,
    variants=(
        Variant(
            "greedy in each beam",
            _greedy_in_each_beam,
            _EACH_ALONE,
        ),
        Variant(
            "greedy in each beam, then sorted",
            _greedy_in_each_beam_sorted,
            f"{_EACH_ALONE} Sorting comes too late for that.",
        ),
        Variant(
            "all from the best row",
            _from_the_best_row,
            "You continue only the best beginning. The continuations of all of them compete: a "
            "second beginning may overtake the first.",
        ),
        Variant(
            "chosen by the last step",
            _only_the_last_step,
            "You choose by the last step alone; what a beam has collected so far has to be added "
            "before candidates are compared.",
        ),
        Variant(
            "the totals so far are lost",
            _last_step_as_total,
            "The new totals hold only the last step. Add what each beam had before.",
        ),
        Variant(
            "the last step returned",
            _last_step_returned,
            "The right candidates, but the new totals hold only the last step. Add what each row "
            "had before.",
        ),
        Variant(
            "as probabilities",
            _as_probabilities,
            "The right candidates, but the totals are probabilities. Keep their logarithms.",
        ),
        Variant(
            "best last",
            _best_last,
            "The right candidates from the worst to the best. Best first.",
        ),
        Variant(
            "divided by the number of beams",
            _split_by_beams,
            "A place in the flattened candidates is row * vocab + token, so divide by the size of "
            "the vocabulary, not by the number of beams.",
        ),
        Variant(
            "row and token swapped",
            lambda *given: (lambda row, token, total: (token, row, total))(*_beam_step(*given)),
            "Row and token are swapped: the row comes first.",
        ),
        Variant(
            "worst first",
            _worst_first,
            "These are the least probable candidates. Log-probabilities are negative, and the "
            "largest is the best.",
        ),
        Variant(
            "multiplied",
            _multiplied,
            "You multiply log-probabilities. Probabilities are multiplied, their logarithms added.",
        ),
    ),
    hints=(
        "add total to logp, so that each candidate has the log-probability of its whole row.",
        "flatten the (rows, vocab) candidates and take the best of all.",
        "a flat place is row * vocab + token: // and % take it apart.",
    ),
)

_WHAT_REPEATS = Prediction(
    id="what-repeats",
    chapter="27",
    question="The Transformer, the GRU and the trigram have learned from text in which hardly a "
    "group of four words comes twice in 48. Each writes on, always with the most probable word. "
    "Which of them repeat themselves?",
    options={
        "a": (
            "the GRU and the trigram: attention sees what was written and avoids it",
            "Attention can see what was written. Nothing in its training asked it to avoid that.",
        ),
        "b": (
            "all three",
            "After each end of a sentence they are asked the same question, and the most probable "
            "answer is the same.",
        ),
        "c": (
            "none: no text in training repeats itself",
            "What is drawn rarely repeats, and the training text was drawn. What is always the "
            "most probable comes again.",
        ),
    },
    answer="b",
)

EXERCISES = (_TOP_P, _BEAM_STEP)
PREDICTIONS = (_WHAT_REPEATS,)
