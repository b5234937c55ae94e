"""Generated tasks have the answer they claim, in the place they claim."""

import numpy as np
import pytest

from attnutils.data import tasks


def test_needle(rng):
    hay = tasks.needle(rng, batch=50, rows=20, noise=0.3)
    assert hay.k.shape == (50, 20, 32)
    np.testing.assert_allclose(np.linalg.norm(hay.k, axis=-1), 1)
    np.testing.assert_allclose(np.linalg.norm(hay.q, axis=-1), 1)
    cosines = (hay.k @ hay.q[..., None])[..., 0]
    assert (cosines.argmax(-1) == hay.target).all()
    assert cosines.max(-1).mean() < 0.99  # noise was added
    assert len(set(hay.target)) > 5


def test_associative_recall(rng):
    task = tasks.associative_recall(rng, batch=200, pairs=4, symbols=6)
    assert all(len(set(row)) == 4 for row in task.keys)
    row = np.arange(200)
    assert (task.keys[row, task.target] == task.query).all()
    assert (task.values[row, task.target] == task.answer).all()
    assert set(task.keys.ravel()) == set(task.values.ravel()) == set(range(6))
    assert set(task.target) == set(range(4))


REWRITTEN = {tasks.copy: list, tasks.reverse: lambda row: row[::-1], tasks.sort: sorted}


@pytest.mark.parametrize("draw", REWRITTEN, ids=lambda draw: draw.__name__)
@pytest.mark.parametrize("length", [1, 9])
def test_rewritten(rng, draw, length):
    task = draw(rng, 200, length, symbols=6)
    assert task.source.shape == task.target.shape == task.alignment.shape == (200, length)
    assert task.source.dtype.kind == task.alignment.dtype.kind == "i"
    assert set(task.source.ravel()) == set(range(6))
    for source, target, alignment in zip(*(x.tolist() for x in task)):
        assert target == REWRITTEN[draw](source)
        assert target == [source[place] for place in alignment]
        assert sorted(alignment) == list(range(length))
        task.alignment[0] = 0  # rows are arrays of their own, which may be changed


def test_diagonals(rng):
    assert (tasks.copy(rng, 3, 5).alignment == [0, 1, 2, 3, 4]).all()
    assert (tasks.reverse(rng, 3, 5).alignment == [4, 3, 2, 1, 0]).all()


def test_equal_symbols_keep_their_order(rng):
    task = tasks.sort(rng, 100, 12, symbols=3)
    ties = np.diff(task.target) == 0
    assert ties.any()
    assert (np.diff(task.alignment)[ties] > 0).all()


def test_induction_repeats_one_pair(rng):
    task = tasks.induction(rng, 500, 12, symbols=5)
    for tokens, answer, target in zip(*(x.tolist() for x in task)):
        assert tokens.count(tokens[-1]) == 2
        assert tokens.index(tokens[-1]) == target - 1
        assert tokens[target] == answer != tokens[-1]
    assert set(task.target) == set(range(1, 11))
    assert set(task.tokens.ravel()) == set(range(5))
    shortest = tasks.induction(rng, 20, 3, symbols=3)
    assert (shortest.tokens[:, 0] == shortest.tokens[:, 2]).all()


def test_counts_do_not_solve_induction(rng):
    symbols, chance = 8, 1 / 7
    train = tasks.induction(rng, 5000, 20, symbols=symbols)
    test = tasks.induction(rng, 5000, 20, symbols=symbols)
    full = np.c_[train.tokens, train.answer]  # as a language model sees it
    pairs = np.zeros((symbols, symbols))
    np.add.at(pairs, (full[:, :-1], full[:, 1:]), 1)
    last = test.tokens[:, -1]
    assert (pairs[last].argmax(-1) == test.answer).mean() == pytest.approx(chance, abs=0.02)
    answers = np.bincount(test.answer, minlength=symbols) / 5000
    np.testing.assert_allclose(answers, 1 / symbols, atol=0.02)
    counts = (test.tokens[:, :-1, None] == np.arange(symbols)).sum(1)
    in_context = (counts.argmax(-1) == test.answer).mean()
    assert chance + 0.03 < in_context < 2.2 * chance  # "somewhat more often"


@pytest.mark.parametrize("draw", [*REWRITTEN, tasks.induction], ids=lambda draw: draw.__name__)
def test_same_generator_same_task(draw):
    one, two = (draw(np.random.default_rng(5), 4, 6) for _ in range(2))
    other = draw(np.random.default_rng(6), 4, 6)
    assert all((x == y).all() for x, y in zip(one, two))
    assert (one[0] != other[0]).any()


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: tasks.needle(RNG, 0, 5), "batch is 0"),
        (lambda: tasks.needle(RNG, 1, 5, noise=-1.0), "noise is -1.0"),
        (lambda: tasks.associative_recall(RNG, 1, 9, symbols=8), "9 pairs of 8 symbols"),
        (lambda: tasks.copy(RNG, 0, 5), "batch is 0"),
        (lambda: tasks.reverse(RNG, 1, 0), "length is 0"),
        (lambda: tasks.sort(RNG, 1, 5, symbols=0), "symbols is 0"),
        (lambda: tasks.sort(RNG, 1, 2.5), "length is 2.5"),
        (lambda: tasks.induction(RNG, 0, 5), "batch is 0"),
        (lambda: tasks.induction(RNG, 1, 2), "length is 2; expected a whole number, at least 3"),
        (lambda: tasks.induction(RNG, 1, 5, symbols=2), "symbols is 2; expected a whole number"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
