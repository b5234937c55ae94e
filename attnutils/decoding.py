"""From probabilities to text: greedy, sampling, beam search, speculative decoding.

All of it needs one function from a model, ``step(tokens, state) -> (logits, state)``: logits after
each new token, and what to remember. Every decoder of the package offers it. A state can be
``reorder``-ed (beams) and, where it is a cache, ``truncate``-d (speculation).
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from attnutils.shapes import check_shape, check_size

Choose = Callable[[Tensor], Tensor]
Generator = torch.Generator | None
Logits = Float[Tensor, "*batch vocab"]
Prompt = Int[Tensor, "batch length"]
Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


def greedy(logits: Float[Tensor, "batch vocab"]) -> Int[Tensor, " batch"]:
    """The most probable token.

    Args:
        logits: ``(batch, vocab)``.
    Returns:
        ``(batch,)``; of equal ones the first.
    Example:
        >>> greedy(torch.tensor([[0.0, 2.0, 1.0]]))
        tensor([1])

    Source: this book.
    Chapter: notebooks/5_transformer/27_decoding.ipynb
    """
    return logits.argmax(-1)


def filter_top_k(logits: Logits, k: int) -> Logits:
    """Keep the k most probable tokens; the others get -inf.

    Args:
        logits: ``(..., vocab)``.
        k: how many to keep; more than there are keeps all. Ties with the last one stay, too.
    Returns:
        Logits of the same shape.
    Raises:
        ValueError: k below 1.
    Example:
        >>> filter_top_k(torch.tensor([1.0, 3.0, 2.0]), 2)
        tensor([-inf, 3., 2.])

    Source: Fan et al. (2018), section 5.4.
    Chapter: notebooks/5_transformer/27_decoding.ipynb
    """
    kept = logits.topk(min(check_size("k", k), logits.shape[-1])).values
    return logits.masked_fill(logits < kept[..., -1:], float("-inf"))


def filter_top_p(logits: Logits, p: float) -> Logits:
    """Keep the fewest most probable tokens whose probabilities reach p; the others get -inf.

    Args:
        logits: ``(..., vocab)``.
        p: probability to reach, 0 < p <= 1; 1 keeps all.
    Returns:
        Logits of the same shape; at least one token is kept.
    Raises:
        ValueError: p outside (0, 1].
    Example:
        >>> filter_top_p(torch.tensor([0.5, 0.3, 0.2]).log(), 0.6).exp()
        tensor([0.5000, 0.3000, 0.0000])

    Source: Holtzman et al. (2020), section 3.1, "nucleus".
    Chapter: notebooks/5_transformer/27_decoding.ipynb
    """
    if not 0 < p <= 1:
        raise ValueError(f"p is {p}; expected a probability, 0 < p <= 1. Is it a percentage?")
    ordered, order = logits.sort(descending=True, stable=True)
    # in half precision a running sum would lose its small parts
    probabilities = ordered.softmax(-1, dtype=torch.promote_types(logits.dtype, torch.float32))
    reached_before = probabilities.cumsum(-1) - probabilities >= p
    ordered = ordered.masked_fill(reached_before & (p < 1), float("-inf"))
    return torch.empty_like(logits).scatter_(-1, order, ordered)


def sampler(
    *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None,
    generator: Generator = None,
) -> Choose:  # fmt: skip
    """A way to choose: draw from the probabilities, sharpened or cut as asked.

    Args:
        temperature: divides the logits; > 0, below 1 sharpens.
        top_k: keep that many tokens.
        top_p: keep the tokens that reach this probability; after ``top_k``.
        generator: draws; default torch's own.
    Returns:
        A function from logits ``(batch, vocab)`` to tokens ``(batch,)``.
    Raises:
        ValueError: a value out of range.
    Example:
        >>> sampler(top_k=1)(torch.tensor([[0.0, 2.0, 1.0]]))
        tensor([1])

    Source: Holtzman et al. (2020), section 3.
    Chapter: notebooks/5_transformer/27_decoding.ipynb
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; expected > 0. For 0 use greedy.")

    def cut(logits: Tensor) -> Tensor:
        logits = logits / temperature
        logits = logits if top_k is None else filter_top_k(logits, top_k)
        return logits if top_p is None else filter_top_p(logits, top_p)

    cut(torch.zeros(1))  # checks the other values now, not at the first token
    return lambda logits: torch.multinomial(cut(logits).softmax(-1), 1, generator=generator)[:, 0]


@torch.no_grad()
def generate(
    step: Step, prompt: Prompt, *, steps: int, choose: Choose = greedy, end: int | None = None,
    state: Any = None, cached: bool = True,
) -> Int[Tensor, "batch longer"]:  # fmt: skip
    """Write token after token.

    Args:
        step: a decoder's ``step(tokens, state)``.
        prompt: what is there already, ``(batch, length)``, at least one token.
        steps: how many tokens to write at most.
        choose: logits ``(batch, vocab)`` to tokens ``(batch,)``: ``greedy`` or a ``sampler``.
        end: after this token a row writes only it; all rows ended stop the writing.
        state: to start from, such as an encoded source.
        cached: False computes everything anew at each step, to show what a cache saves; only for
            decoders that start from no state.
    Returns:
        The prompt and what follows, ``(batch, length + written)``.
    Raises:
        ValueError: an empty prompt, a negative number of steps, a state without cache, or an end
            outside the vocabulary.
    Example:
        >>> def next_number(tokens, state):
        ...     return torch.nn.functional.one_hot(tokens + 1, 9).float(), state
        >>> generate(next_number, torch.tensor([[3]]), steps=4, end=6)
        tensor([[3, 4, 5, 6]])

    Source: this book.
    Chapter: notebooks/5_transformer/27_decoding.ipynb
    """
    _check_prompt(prompt, steps)
    if state is not None and not cached:
        raise ValueError("cached=False starts anew at each step; expected no state to go on from.")
    written, new = prompt, prompt
    ended = torch.zeros(len(prompt), dtype=torch.bool, device=prompt.device)
    for _ in range(steps):
        logits, after = step(new, state)
        _check_end(end, logits)
        token = choose(logits[:, -1])
        if end is not None:
            token = token.masked_fill(ended, end)
            ended |= token == end
        written = torch.cat([written, token[:, None]], dim=1)
        new, state = (token[:, None], after) if cached else (written, None)
        if ended.all():
            break
    return written


@torch.no_grad()
def beam_search(
    step: Step, prompt: Prompt, *, steps: int, beams: int, end: int, length_penalty: float = 0.0,
    state: Any = None,
) -> tuple[Int[Tensor, "batch beams longer"], Float[Tensor, "batch beams"]]:  # fmt: skip
    r"""Follow the ``beams`` best beginnings at once.

    The score of a continuation y is :math:`\log p(y) / ((5 + |y|)/6)^\alpha`.

    Args:
        step: a decoder's ``step(tokens, state)``.
        prompt: ``(batch, length)``, at least one token.
        steps: how many tokens to write at most.
        beams: how many beginnings to follow.
        end: the token that ends a row; ended rows are padded with it.
        length_penalty: alpha; 0 compares log-probabilities as they are, larger favors longer rows.
        state: to start from, such as an encoded source; it is reordered in place.
    Returns:
        Tokens ``(batch, beams, length + written)``, best first; their scores ``(batch, beams)``.
        There are fewer beams where fewer continuations exist, or some that score -inf.
    Raises:
        ValueError: an empty prompt, fewer than one beam, a negative penalty or number of steps, or
            an end outside the vocabulary.
    Example:
        >>> def next_number(tokens, state):
        ...     return torch.nn.functional.one_hot(tokens + 1, 9).float(), state
        >>> tokens, scores = beam_search(next_number, torch.tensor([[3]]), steps=3, beams=2, end=6)
        >>> tokens[0, 0]
        tensor([3, 4, 5, 6])

    Source: Wu et al. (2016), arXiv:1609.08144, equation 14, for the penalty.
    Chapter: notebooks/5_transformer/27_decoding.ipynb
    """
    _check_prompt(prompt, steps)
    check_size("beams", beams)
    if length_penalty < 0:
        raise ValueError(f"length_penalty is {length_penalty}; expected at least 0.")

    def score(total: Tensor, length: Tensor) -> Tensor:
        return total / ((5 + length) / 6) ** length_penalty

    written, new = prompt[:, None], prompt  # (batch, beams so far, length)
    total = torch.zeros(len(prompt), 1, device=prompt.device)  # log-probability of each beam
    lengths, ended = torch.zeros_like(total), torch.zeros_like(total, dtype=torch.bool)
    for _ in range(steps):
        logits, state = step(new, state)
        _check_end(end, logits)
        logp = logits[:, -1].float().log_softmax(-1).unflatten(0, total.shape)
        only_end = torch.full_like(logp, float("-inf"))
        only_end[..., end] = 0.0  # an ended beam goes on with end at no cost
        candidates = total[..., None] + torch.where(ended[..., None], only_end, logp)
        longer = lengths + (~ended).float()
        scores = score(candidates, longer[..., None]).flatten(1)  # (batch, beams so far * vocab)
        best = scores.topk(min(beams, scores.shape[1])).indices
        row, token = best // logp.shape[-1], best % logp.shape[-1]
        if state is not None:
            before = torch.arange(len(row), device=row.device)[:, None] * total.shape[1]
            state.reorder((row + before).flatten())
        total = candidates.flatten(1).gather(1, best)
        lengths, ended = longer.gather(1, row), ended.gather(1, row) | (token == end)
        chosen = written.take_along_dim(row[..., None], dim=1)
        written, new = torch.cat([chosen, token[..., None]], dim=-1), token.flatten()[:, None]
        if ended.all():
            break
    scores, order = score(total, lengths).sort(dim=1, descending=True, stable=True)
    return written.take_along_dim(order[..., None], dim=1), scores


@torch.no_grad()
def speculative(
    step: Step, draft: Step, prompt: Int[Tensor, "1 length"], *, steps: int, ahead: int = 4,
    sample: bool = False, generator: Generator = None,
) -> tuple[Int[Tensor, "1 longer"], float]:  # fmt: skip
    """Let a small model write ahead and a large one check several tokens at once.

    The result is distributed exactly as if the large model had written alone: greedily, the same
    tokens; sampling, the same probabilities.

    Args:
        step: the large model's ``step(tokens, state)``, with a state that can be truncated.
        draft: the small model's, with the same vocabulary.
        prompt: ``(1, length)``, at least one token.
        steps: how many tokens to write.
        ahead: how many tokens the draft writes before each check.
        sample: draw tokens instead of taking the most probable.
        generator: draws; default torch's own.
    Returns:
        Tokens ``(1, length + steps)`` and the share of drafted tokens that were accepted.
    Raises:
        ValueError: an empty prompt, more than one row, a size below 1, a draft with another
            vocabulary, or a state that cannot be truncated.
    Example:
        >>> from attnutils.transformer import gpt
        >>> large, small = gpt(9, 8, 2, 2).eval(), gpt(9, 8, 2, 1).eval()
        >>> prompt = torch.tensor([[1, 2, 3]])
        >>> tokens, accepted = speculative(large.step, small.step, prompt, steps=5)
        >>> tokens.equal(generate(large.step, prompt, steps=5))
        True

    Source: Leviathan et al. (2023), arXiv:2211.17192, algorithm 1.
    Chapter: notebooks/5_transformer/27_decoding.ipynb
    """
    _check_prompt(prompt, steps)
    check_shape("prompt", prompt, (1, "length"), "Rows would accept different numbers of tokens.")
    check_size("ahead", ahead)

    def probabilities(logits: Tensor) -> Tensor:
        best = F.one_hot(logits.argmax(-1), logits.shape[-1]).float()
        return logits.float().softmax(-1) if sample else best

    def draw(p: Tensor) -> Tensor:
        return torch.multinomial(p, 1, generator=generator)[None]

    written, states = prompt, [None, None]
    drafted = accepted = 0
    while (left := prompt.shape[1] + steps - written.shape[1]) > 0:
        guess, q = written, []
        for _ in range(min(ahead, left)):
            logits, states[1] = draft(_unseen(guess, states[1]), states[1])
            q.append(probabilities(logits[0, -1]))
            guess = torch.cat([guess, draw(q[-1])], dim=1)
        logits, states[0] = step(_unseen(guess, states[0]), states[0])
        p = probabilities(logits[0, -len(q) - 1 :])  # after the last sure and each drafted token
        if p.shape[-1] != len(q[0]):
            sizes = f"{len(q[0])} tokens but the large model {p.shape[-1]}"
            raise ValueError(f"the draft has {sizes}; expected the same vocabulary.")
        kept, following = len(q), p[-1]
        for index, token in enumerate(guess[0, written.shape[1] :]):
            if torch.rand((), generator=generator) >= p[index, token] / q[index][token]:
                rest = (p[index] - q[index]).clamp(min=0)
                rest = rest if rest.any() else p[index]  # p and q differed by rounding alone
                kept, following = index, rest / rest.sum()
                break
        written = guess[:, : written.shape[1] + kept]
        if kept < left:
            written = torch.cat([written, draw(following)], dim=1)
        drafted, accepted = drafted + len(q), accepted + kept
        for state in states:  # forget what was drafted in vain
            state.truncate(min(len(state), written.shape[1] - 1))
    return written, accepted / drafted if drafted else 0.0


def _unseen(tokens: Tensor, state: Any) -> Tensor:
    """The tokens that the state does not hold yet."""
    return tokens if state is None else tokens[:, len(state) :]


def _check_prompt(prompt: Tensor, steps: int) -> None:
    check_size("steps", steps, least=0)
    check_shape("prompt", prompt, ("batch", "length"), "Is the batch axis missing?")
    if not prompt.shape[1]:
        raise ValueError("the prompt is empty; expected at least one token, such as a start token.")


def _check_end(end: int | None, logits: Tensor) -> None:
    if end is not None and not 0 <= end < logits.shape[-1]:
        raise ValueError(f"end is {end}; expected a token, 0 to {logits.shape[-1] - 1}.")
