"""Small generated tasks whose right attention is known."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from attnutils.shapes import check_size

Numbers = Int[np.ndarray, " batch"]
Sequences = Int[np.ndarray, "batch length"]


class Needle(NamedTuple):
    """One query and the rows among which one is meant; see ``needle``.

    Args:
        q: queries ``(batch, dim)``, of length one.
        k: keys ``(batch, rows, dim)``, of length one.
        v: values ``(batch, rows)``.
        target: the row that is meant, ``(batch,)``.
    Example:
        >>> hay = needle(np.random.default_rng(0), batch=2, rows=5)
        >>> hay.q.shape, hay.k.shape, hay.v.shape, hay.target
        ((2, 32), (2, 5, 32), (2, 5), array([4, 3]))

    Source: this book.
    Chapter: notebooks/1_intuition/01_soft_lookup.ipynb
    """

    q: Float[np.ndarray, "batch dim"]
    k: Float[np.ndarray, "batch rows dim"]
    v: Float[np.ndarray, "batch rows"]
    target: Numbers


def needle(rng: Generator, batch: int, rows: int, *, dim: int = 32, noise: float = 0.0) -> Needle:
    """A needle in a haystack: random unit keys, normal values, and a query for one of the rows.

    Args:
        rng: draws everything.
        batch: number of haystacks.
        rows: rows in each.
        dim: size of keys and queries.
        noise: standard deviation of the noise added to the query, as a whole vector.
    Returns:
        q ``(batch, dim)`` and k ``(batch, rows, dim)``, of length one; v ``(batch, rows)``, normal;
        the target row ``(batch,)``.
    Raises:
        ValueError: a size below 1, or negative noise.
    Example:
        >>> hay = needle(np.random.default_rng(0), batch=2, rows=5)
        >>> (hay.k @ hay.q[..., None])[..., 0].argmax(-1) == hay.target
        array([ True,  True])

    Source: this book; the name is that of a test of language models, Kamradt (2023).
    Chapter: notebooks/1_intuition/01_soft_lookup.ipynb
    """
    check_size("batch", batch), check_size("rows", rows), check_size("dim", dim)
    if noise < 0:
        raise ValueError(f"noise is {noise}; expected a standard deviation, at least 0.")
    k = _unit(rng.normal(size=(batch, rows, dim)))
    target = rng.integers(rows, size=batch)
    q = _unit(k[np.arange(batch), target] + noise * dim**-0.5 * rng.normal(size=(batch, dim)))
    return Needle(q, k, rng.normal(size=(batch, rows)), target)


class Recall(NamedTuple):
    """Pairs of symbols and a question about one of them; see ``associative_recall``.

    Args:
        keys: ``(batch, pairs)``, distinct within a row.
        values: ``(batch, pairs)``, what each key goes with.
        query: the key asked for, ``(batch,)``.
        answer: the value it goes with, ``(batch,)``.
        target: the pair that holds both, ``(batch,)``.
    Example:
        >>> Recall(*(x[0].tolist() for x in associative_recall(np.random.default_rng(0), 1, 3)))
        Recall(keys=[11, 3, 13], values=[1, 13, 0], query=3, answer=13, target=1)

    Source: this book.
    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """

    keys: Int[np.ndarray, "batch pairs"]
    values: Int[np.ndarray, "batch pairs"]
    query: Numbers
    answer: Numbers
    target: Numbers


def associative_recall(rng: Generator, batch: int, pairs: int, *, symbols: int = 16) -> Recall:
    """Pairs such as a→3, b→1, c→3 and the question: what does b go with?

    Keys are distinct within a row; values may repeat. Guessing scores 1/symbols.

    Args:
        rng: draws everything.
        batch: number of rows.
        pairs: pairs in each, at most ``symbols``.
        symbols: size of the alphabet of keys, and of that of values.
    Returns:
        keys and values ``(batch, pairs)``; query, answer and target pair ``(batch,)``.
    Raises:
        ValueError: a size below 1, or more pairs than distinct keys.
    Example:
        >>> task = associative_recall(np.random.default_rng(0), batch=1, pairs=3, symbols=8)
        >>> bool(task.values[0, task.target[0]] == task.answer[0])
        True

    Source: the task goes back to Graves et al. (2014), section 4.3, simplified to pairs.
    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    check_size("batch", batch), check_size("pairs", pairs), check_size("symbols", symbols)
    if pairs > symbols:
        raise ValueError(f"{pairs} pairs of {symbols} symbols; expected one for each, none twice.")
    keys = rng.random((batch, symbols)).argsort(-1)[:, :pairs]
    values = rng.integers(symbols, size=(batch, pairs))
    target, row = rng.integers(pairs, size=batch), np.arange(batch)
    return Recall(keys, values, keys[row, target], values[row, target], target)


class Rewritten(NamedTuple):
    """Sequences, the same symbols in another order, and where each came from.

    Args:
        source: symbols ``(batch, length)``, drawn at random; they may repeat.
        target: the sequence to produce, ``(batch, length)``.
        alignment: ``(batch, length)``; ``target[i, j] == source[i, alignment[i, j]]``, each
            position once.
    Example:
        >>> source, target, alignment = reverse(np.random.default_rng(0), batch=1, length=4)
        >>> bool((target == np.take_along_axis(source, alignment, -1)).all())
        True

    Source: this book.
    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """

    source: Sequences
    target: Sequences
    alignment: Sequences


def copy(rng: Generator, batch: int, length: int, *, symbols: int = 16) -> Rewritten:
    """Say the sequence again: the right attention is the diagonal.

    Guessing scores 1/symbols a position.

    Args:
        rng: draws the symbols.
        batch: number of sequences.
        length: symbols in each.
        symbols: size of the alphabet, from 0.
    Returns:
        source, target and alignment, all ``(batch, length)``.
    Raises:
        ValueError: a size below 1.
    Example:
        >>> task = copy(np.random.default_rng(0), batch=1, length=4, symbols=10)
        >>> task.target
        array([[8, 6, 5, 2]])
        >>> task.alignment
        array([[0, 1, 2, 3]])

    Source: the task goes back to Graves et al. (2014), section 4.1, there with vectors of bits.
    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """
    return _rewritten(rng, batch, length, symbols, lambda source: np.arange(length))


def reverse(rng: Generator, batch: int, length: int, *, symbols: int = 16) -> Rewritten:
    """Say the sequence backward: the right attention is the anti-diagonal.

    Guessing scores 1/symbols a position.

    Args:
        rng: draws the symbols.
        batch: number of sequences.
        length: symbols in each.
        symbols: size of the alphabet, from 0.
    Returns:
        source, target and alignment, all ``(batch, length)``.
    Raises:
        ValueError: a size below 1.
    Example:
        >>> task = reverse(np.random.default_rng(0), batch=1, length=4, symbols=10)
        >>> task.source, task.target
        (array([[8, 6, 5, 2]]), array([[2, 5, 6, 8]]))

    Source: Sutskever et al. (2014), section 3.3, reverse the source to make translation easier.
    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """
    return _rewritten(rng, batch, length, symbols, lambda source: np.arange(length)[::-1])


def sort(rng: Generator, batch: int, length: int, *, symbols: int = 16) -> Rewritten:
    """Say the symbols from the smallest to the largest: the right attention depends on content.

    Equal symbols keep their order in ``alignment``; weight on any of them gives the same answer.
    Guessing scores more than 1/symbols, since early positions hold small symbols.

    Args:
        rng: draws the symbols.
        batch: number of sequences.
        length: symbols in each.
        symbols: size of the alphabet, from 0.
    Returns:
        source, target and alignment, all ``(batch, length)``.
    Raises:
        ValueError: a size below 1.
    Example:
        >>> task = sort(np.random.default_rng(0), batch=1, length=4, symbols=10)
        >>> task.source, task.target, task.alignment
        (array([[8, 6, 5, 2]]), array([[2, 5, 6, 8]]), array([[3, 2, 1, 0]]))

    Source: the task goes back to Graves et al. (2014), section 4.5, there by given priorities.
    Chapter: notebooks/5_transformer/22_self_attention.ipynb
    """
    return _rewritten(rng, batch, length, symbols, lambda source: source.argsort(kind="stable"))


class Induction(NamedTuple):
    """Sequences that end on a symbol seen before; see ``induction``.

    Args:
        tokens: the sequences ``(batch, length)``; the last symbol of each occurs once before.
        answer: what followed it there, ``(batch,)``.
        target: the position of that answer, where an induction head looks, ``(batch,)``.
    Example:
        >>> tokens, answer, target = induction(np.random.default_rng(0), batch=3, length=8)
        >>> tokens[range(3), target] == answer
        array([ True,  True,  True])

    Source: this book.
    Chapter: notebooks/6_models/29_gpt.ipynb
    """

    tokens: Sequences
    answer: Numbers
    target: Numbers


def induction(rng: Generator, batch: int, length: int, *, symbols: int = 16) -> Induction:
    """A pair that begins again: … A B … A, and the question: what comes next?

    A and its place are drawn anew for each sequence; everything else is drawn from the other
    symbols, each equally likely. So counts of symbols and of pairs over any number of sequences
    say nothing: they score chance, 1/(symbols − 1). What is in the sequence says a little: its most
    frequent symbol is right somewhat more often.

    Args:
        rng: draws everything.
        batch: number of sequences.
        length: symbols in each, at least 3.
        symbols: size of the alphabet, from 0; at least 3.
    Returns:
        tokens ``(batch, length)``; answer and its position, target, ``(batch,)``.
    Raises:
        ValueError: a size below those.
    Example:
        >>> task = induction(np.random.default_rng(0), batch=1, length=8, symbols=10)
        >>> task.tokens
        array([[4, 2, 2, 8, 0, 0, 1, 8]])
        >>> task.answer, task.target
        (array([0]), array([4]))

    Source: Olsson et al. (2022), "In-context learning and induction heads".
    Chapter: notebooks/6_models/29_gpt.ipynb
    """
    check_size("batch", batch), check_size("length", length, least=3)
    check_size("symbols", symbols, least=3)
    row = np.arange(batch)
    repeated = rng.integers(symbols, size=batch)
    target = rng.integers(1, length - 1, size=batch)
    tokens = rng.integers(symbols - 1, size=(batch, length))
    tokens += tokens >= repeated[:, None]  # every symbol but the repeated one
    tokens[row, target - 1] = tokens[:, -1] = repeated
    return Induction(tokens, tokens[row, target], target)


def _rewritten(rng, batch, length, symbols, order) -> Rewritten:
    check_size("batch", batch), check_size("length", length), check_size("symbols", symbols)
    source = rng.integers(symbols, size=(batch, length))
    alignment = np.broadcast_to(order(source), source.shape).copy()
    return Rewritten(source, np.take_along_axis(source, alignment, -1), alignment)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)
