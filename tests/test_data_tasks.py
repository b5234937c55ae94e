"""Generated tasks have the answer they claim; images are what they were cut from."""

import sys

import numpy as np
import pytest

from attnutils.data import images, tasks


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


def test_digits_and_patches():
    data = images.digits()
    assert data.images.shape == (1797, 8, 8)
    assert (data.images.min(), data.images.max()) == (0, 1)
    cut = images.patches(data.images, 2)
    assert cut.shape == (1797, 16, 4)
    np.testing.assert_array_equal(cut[7, 6].reshape(2, 2), data.images[7, 2:4, 4:6])


def test_cluttered_digits(rng):
    originals = images.digits().images[:30]
    fields, rows, columns = images.cluttered_digits(rng, originals)
    for field, row, column, image in zip(fields, rows, columns, originals, strict=True):
        np.testing.assert_array_equal(field[row : row + 8, column : column + 8], image)
    outside = fields.sum() - originals.sum()
    assert outside > 0.2 * originals.sum()  # there is clutter
    assert rows.min() == 0 or columns.min() == 0 or len(set(rows)) > 5
    clean, *_ = images.cluttered_digits(rng, originals, clutter=0)
    np.testing.assert_allclose(clean.sum((1, 2)), originals.sum((1, 2)))
    assert images.cluttered_digits(rng, originals[:0]).images.shape == (0, 24, 24)


def test_missing_scikit_learn_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match="pip install scikit-learn"):
        images.digits()


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: tasks.needle(RNG, 0, 5), "batch is 0"),
        (lambda: tasks.needle(RNG, 1, 5, noise=-1.0), "noise is -1.0"),
        (lambda: tasks.associative_recall(RNG, 1, 9, symbols=8), "9 pairs of 8 symbols"),
        (lambda: images.patches(np.ones((1, 8, 8)), 3), "divisible by the patch size 3"),
        (lambda: images.patches(np.ones((8, 8)), 2), "expected (count, height, width)"),
        (lambda: images.cluttered_digits(RNG, np.ones((1, 8, 8)), field=6), "field is 6"),
        (lambda: images.cluttered_digits(RNG, np.ones((1, 8, 8)), fragment=9), "fragment is 9"),
        (lambda: images.cluttered_digits(RNG, np.ones((1, 8, 8)), clutter=-1), "clutter is -1"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
