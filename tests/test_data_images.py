"""Images are what they were cut from; captions and remarks say what is there."""

import sys
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from attnutils.data import images


@pytest.fixture(scope="module")
def digits():
    return images.digits()


def test_digits_and_patches(digits):
    assert digits.images.shape == (1797, 8, 8)
    assert (digits.images.min(), digits.images.max()) == (0, 1)
    cut = images.patches(digits.images, 2)
    assert cut.shape == (1797, 16, 4)
    np.testing.assert_array_equal(cut[7, 6].reshape(2, 2), digits.images[7, 2:4, 4:6])


def test_cluttered_digits(rng, digits):
    originals = digits.images[:30]
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


# --- captions ---

NUMERALS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
HOLDS = {  # of the first digit's corner, seen from the other's
    "above": lambda down, right: down <= -8 and abs(right) <= 4,
    "below": lambda down, right: down >= 8 and abs(right) <= 4,
    "left of": lambda down, right: right <= -8 and abs(down) <= 4,
    "right of": lambda down, right: right >= 8 and abs(down) <= 4,
}


def read(caption):
    """Digits and relations of a caption, by its words alone."""
    phrases = " ".join(caption).replace(" an ", " a ").removeprefix("an ").removeprefix("a ")
    first, *others = phrases.replace(" and ", " # ").split(" a ")
    numerals, relations = [first.split()[0]], [" ".join(first.split()[1:])]
    for place, words in enumerate(others):
        numeral, _, relation = words.partition(" # ")
        numerals.append(numeral)
        relations += [relation] if place < len(others) - 1 else []
    return [NUMERALS.index(numeral) for numeral in numerals], relations


@pytest.fixture(scope="module")
def captioned(digits):
    rng = np.random.default_rng(0)
    return images.captioned_digits(rng, digits.images[:700], digits.labels[:700], 3000)


def test_the_reader_of_captions():
    caption = "a one left of an eight and above a nine".split()
    assert read(caption) == ([1, 8, 9], ["left of", "above"])
    assert read("a zero below an eight".split()) == ([0, 8], ["below"])


def test_captions_are_true(captioned):
    seen = Counter()
    for caption, labels, boxes in zip(captioned.captions, captioned.labels, captioned.boxes):
        numbers, relations = read(caption)
        assert numbers == [label for label in labels if label >= 0]
        for relation, (top, left, *_) in zip(relations, boxes[1:], strict=False):
            assert HOLDS[relation](boxes[0, 0] - top, boxes[0, 1] - left), caption
        upright = [relation in ("above", "below") for relation in relations]
        assert upright in ([True], [False], [True, False])
        seen.update([*relations, *numbers, f"{len(numbers)} digits"])
    assert all(1000 < seen[relation] < 1250 for relation in HOLDS)
    assert all(1400 < seen[f"{number} digits"] < 1600 for number in (2, 3))
    assert set(seen) == {*range(10), *HOLDS, "2 digits", "3 digits"}


def test_fields_hold_the_given_digits_and_nothing_else(captioned, digits):
    given = {image.tobytes(): label for image, label in zip(*(x[:700] for x in digits))}
    for field, labels, boxes in zip(captioned.images[:500], captioned.labels, captioned.boxes):
        left_over = field.copy()
        for place, (label, (top, left, bottom, right)) in enumerate(zip(labels, boxes)):
            if label < 0:
                assert not (top or left or bottom or right)
                continue
            image = field[top:bottom, left:right] * (2 if place else 1)  # the first in full ink
            assert given[np.ascontiguousarray(image).tobytes()] == label
            assert (left_over[top:bottom, left:right] == field[top:bottom, left:right]).all()
            left_over[top:bottom, left:right] = 0
        assert not left_over.any()
    real = captioned.labels >= 0
    for axis in (0, 1):  # anywhere in the field
        low = np.where(real, captioned.boxes[..., axis], 24).min(-1)
        high = captioned.boxes[..., axis + 2].max(-1)
        assert 0.05 < (low == 0).mean() < 0.5 and 0.05 < (high == 24).mean() < 0.5
        assert set(captioned.boxes[:, 0, axis]) == set(range(17))


def test_words_are_about_their_digits(captioned):
    for caption, about, labels in zip(captioned.captions, captioned.about, captioned.labels):
        assert not (about[len(caption) :] >= 0).any()
        for word, digit in zip(caption, about):
            assert (digit >= 0) == (word in NUMERALS)
            assert digit < 0 or NUMERALS[labels[digit]] == word
    before = {caption[i] for caption in captioned.captions for i in range(len(caption) - 1)}
    assert {"a", "an", "and", "of"} <= before
    for caption in captioned.captions:
        for word, following in zip(caption, caption[1:]):
            assert following not in NUMERALS or word == ("an" if following == "eight" else "a")


def test_gold_maps(captioned):
    names = captioned.about >= 0
    for cells in (1, 5, 24):
        maps = captioned.gold(cells)
        assert maps.shape == (*captioned.about.shape, cells, cells)
        np.testing.assert_allclose(maps.sum((-1, -2)), names)
    digit = captioned.about[7, 1]
    top, left, bottom, right = captioned.boxes[7, digit]
    expected = np.zeros((24, 24))
    expected[top:bottom, left:right] = 1 / 64
    np.testing.assert_allclose(maps[7, 1], expected)
    one = images.Captioned(
        np.zeros((1, 24, 24)),
        [("a",)],
        np.array([[0]]),
        np.array([[3]]),
        np.array([[[4, 8, 12, 16]]]),
    )
    np.testing.assert_allclose(one.gold(3)[0, 0], [[0, 0.5, 0], [0, 0.5, 0], [0, 0, 0]])


@pytest.mark.parametrize("shown, captions", [(2, 400), (3, 4000)])
def test_captions_cannot_be_guessed(rng, digits, shown, captions):
    data = images.captioned_digits(rng, *digits, 20_000, shown=(shown,))
    assert data.labels.shape == (20_000, shown)
    counts = Counter(data.captions)
    assert 0.98 * captions < len(counts) <= captions
    assert max(counts.values()) / 20_000 < 2.5 / captions + 0.0004
    for one in range(shown):
        for other in range(one):
            together = np.histogram2d(data.labels[:, one], data.labels[:, other], 10)[0]
            assert (0.0065 < together / 20_000).all() and (together / 20_000 < 0.0135).all()
    after = Counter(caption[1:3] for caption in data.captions)  # numeral, then above, left, …
    upright = 0.25 if shown == 2 else 0.5
    for numeral in NUMERALS:
        assert after[numeral, "above"] / 2000 == pytest.approx(upright, abs=0.07)
        assert after[numeral, "left"] / 2000 == pytest.approx(0.5 - upright, abs=0.07)


def test_larger_fields_and_other_images(rng):
    tall = np.ones((10, 6, 4)) * np.arange(1, 11)[:, None, None] / 10
    data = images.captioned_digits(rng, tall, np.arange(10), 200, field=32, shown=(3,))
    assert data.images.shape == (200, 32, 32)
    ink = (data.labels + 1) @ [1, 0.5, 0.5]
    np.testing.assert_allclose(data.images.sum((1, 2)), 2.4 * ink)
    assert images.captioned_digits(rng, tall, np.arange(10), 50, field=15).images.shape[1] == 15


# --- sarcasm ---

PRAISE = set("brilliant delightful excellent lovely marvelous splendid superb wonderful".split())
COMPLAINT = set("awful dismal disgraceful dreadful horrible miserable terrible wretched".split())
SUBJECTS = ["food", "service", "music", "coffee"]


def test_remarks_are_what_they_claim(rng, digits):
    data = images.remarks(rng, digits.images[:700], digits.labels[:700], 1000)
    assert data.pictures.shape == (1000, 4, 8, 8)
    given = {image.tobytes(): label for image, label in zip(*(x[:700] for x in digits))}
    for index, phrase in enumerate(data.phrases):
        (subject,) = set(phrase) & set(SUBJECTS)
        (opinion,) = set(phrase) & (PRAISE | COMPLAINT)
        score = given[data.pictures[index, SUBJECTS.index(subject)].tobytes()]
        assert data.target[index] == SUBJECTS.index(subject)
        assert data.scores[index, data.target[index]] == score
        assert data.praise[index] == (opinion in PRAISE)
        assert data.high[index] == (score >= 5)
        assert data.sarcastic[index] == ((opinion in PRAISE) == (score < 5))
        scores = [given[picture.tobytes()] for picture in data.pictures[index]]
        assert (data.scores[index] == scores).all()
    assert Counter(zip(data.praise, data.high)) == dict.fromkeys(
        [(False, False), (False, True), (True, False), (True, True)], 250
    )
    assert set(data.target) == set(range(4))
    assert set(data.scores.ravel()) == set(range(10))


def test_neither_modality_nor_their_sum_tells_sarcasm(rng, digits):
    data = images.remarks(rng, *digits, 4000)
    vectorizer = CountVectorizer(token_pattern=r"\S+", ngram_range=(1, 2))
    words = vectorizer.fit_transform(map(" ".join, data.phrases)).toarray()
    pixels = data.pictures.reshape(4000, -1)
    for x in (words, pixels, np.c_[words, pixels]):
        model = LogisticRegression(C=0.01, max_iter=1000).fit(x[:3000], data.sarcastic[:3000])
        assert model.score(x[3000:], data.sarcastic[3000:]) < 0.56
    text = LogisticRegression().fit(words[:3000], data.praise[:3000])
    assert text.score(words[3000:], data.praise[3000:]) == 1  # it could read the words


def test_noise_and_cells(digits):
    clean, noisy = (
        images.remarks(np.random.default_rng(0), *digits, 300, cells=2, noise=noise)
        for noise in (0.0, 0.5)
    )
    assert clean.pictures.shape == (300, 2, 8, 8)
    assert set(clean.target) == {0, 1}
    assert clean.phrases == noisy.phrases
    difference = noisy.pictures - clean.pictures
    assert difference.std() == pytest.approx(0.5, rel=0.03)
    assert difference.mean() == pytest.approx(0, abs=0.02)


def test_missing_modalities(digits):
    whole, data = (
        images.remarks(np.random.default_rng(0), *digits, 2000, noise=0.1, missing=missing)
        for missing in (0.0, 0.4)
    )
    no_text = np.array([not phrase for phrase in data.phrases])
    no_card = ~data.pictures.any((1, 2, 3))
    assert no_text.mean() == pytest.approx(0.2, abs=0.03)
    assert no_card.mean() == pytest.approx(0.2, abs=0.03)
    assert not (no_text & no_card).any()
    assert (data.pictures[~no_card] == whole.pictures[~no_card]).all()
    for name in ("sarcastic", "praise", "high", "target", "scores"):
        assert (getattr(data, name) == getattr(whole, name)).all()
    assert all(whole.phrases)


def test_same_generator_same_data(digits):
    for draw in (images.captioned_digits, images.remarks):
        one, two, other = (draw(np.random.default_rng(s), *digits, 5) for s in (1, 1, 2))
        assert one[1] == two[1] != other[1]
        assert (one[0] == two[0]).all()


RNG = np.random.default_rng(0)
IMAGES, LABELS = np.ones((10, 8, 8)), np.arange(10)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: images.patches(np.ones((1, 8, 8)), 3), "divisible by the patch size 3"),
        (lambda: images.patches(np.ones((8, 8)), 2), "expected (count, height, width)"),
        (lambda: images.cluttered_digits(RNG, np.ones((1, 8, 8)), field=6), "field is 6"),
        (lambda: images.cluttered_digits(RNG, np.ones((1, 8, 8)), fragment=9), "fragment is 9"),
        (lambda: images.cluttered_digits(RNG, np.ones((1, 8, 8)), clutter=-1), "clutter is -1"),
        (lambda: images.captioned_digits(RNG, IMAGES, LABELS, 0), "count is 0"),
        (lambda: images.captioned_digits(RNG, IMAGES, LABELS, 1, field=19), "field is 19"),
        (lambda: images.captioned_digits(RNG, IMAGES, LABELS, 1, shown=(4,)), "shown is (4,)"),
        (lambda: images.captioned_digits(RNG, IMAGES, LABELS, 1, shown=()), "shown is ()"),
        (lambda: images.captioned_digits(RNG, IMAGES, LABELS[:9], 1), "Was only one of them split"),
        (
            lambda: images.captioned_digits(RNG, IMAGES[0], LABELS[:8], 1),
            "expected (given, height, width)",
        ),
        (lambda: images.captioned_digits(RNG, IMAGES, LABELS + 1, 1), "expected digits, 0 to 9"),
        (lambda: images.captioned_digits(RNG, IMAGES[:0], LABELS[:0], 1), "at least one"),
        (lambda: images.captioned_digits(RNG, IMAGES, LABELS, 1).gold(0), "cells is 0"),
        (lambda: images.remarks(RNG, IMAGES, LABELS, 0), "count is 0"),
        (lambda: images.remarks(RNG, IMAGES, LABELS, 1, cells=1), "cells is 1"),
        (lambda: images.remarks(RNG, IMAGES, LABELS, 1, cells=5), "cells is 5; expected at most 4"),
        (lambda: images.remarks(RNG, IMAGES, LABELS, 1, noise=-0.1), "noise is -0.1"),
        (lambda: images.remarks(RNG, IMAGES, LABELS, 1, missing=1.0), "missing is 1.0"),
        (lambda: images.remarks(RNG, IMAGES, LABELS[:3], 1), "Was only one of them split"),
        (lambda: images.remarks(RNG, IMAGES, LABELS - 1, 1), "expected digits, 0 to 9"),
        (
            lambda: images.remarks(RNG, IMAGES, LABELS // 2, 1),
            "labels are [0 1 2 3 4]; expected some below 5 and some from 5 on",
        ),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
