"""Reviews follow their rules, which a second reading of the words alone finds again."""

import re
import time
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from attnutils.data.reviews import Review, documents, reviews

BAD = """annoying boring clumsy confusing disappointing dull forgettable irritating lifeless
    predictable shallow silly tedious tiresome unconvincing""".split()
GOOD = """amusing charming clever convincing delightful elegant enjoyable exciting funny impressive
    lively memorable moving original touching""".split()
NEGATIONS = set("not never anything far hardly nobody cannot no nothing".split())
ONLY_SEEMING = set("more less only deny doubt".split())  # beside them, a negation strengthens
PEOPLE = "my brother|my sister|my neighbor|my best friend|the critics|the man beside me"
SIGNS_OF_OTHERS = re.compile(
    rf"^({PEOPLE})\b|\b(book|trailer|play|series|old version)\b"
    r"|\bi (expected|had expected|thought that|was told|was sure|had heard)\b"
)


def polarity(words):
    """1 or 0 by adjective and negation; None where there is no adjective."""
    adjectives = [word for word in words if word in BAD or word in GOOD]
    if not adjectives:
        return None
    negated = bool(NEGATIONS & set(words)) and not ONLY_SEEMING & set(words)
    return int((adjectives[0] in GOOD) != negated)


def main_clause(sentence):
    if " , but " in sentence:
        return sentence.split(" , but ")[1]
    if sentence.startswith("although "):
        return sentence.split(" , ")[1]
    return sentence.split(" , although ")[0]


def verdicts(words):
    """(place of the sentence, label) for each sentence that has a say."""
    sentences = " ".join(words).removesuffix(" .").split(" . ")
    for place, sentence in enumerate(sentences):
        clause = main_clause(sentence)
        label = polarity(clause.split())
        if label is not None and not SIGNS_OF_OTHERS.search(clause):
            yield place, label


@pytest.fixture(scope="module")
def many():
    return reviews(np.random.default_rng(0), 5000)


def test_the_rules_decide_every_review(many):
    for review in many:
        ((_, label),) = verdicts(review.words)
        assert label == review.label, review


@pytest.mark.parametrize(
    "text, label",
    [
        ("the film was dull .", 0),
        ("the plot was not in the least dull .", 1),
        ("the plot could not have been more dull .", 0),
        ("nobody can deny that the music was moving .", 1),
        ("the script was clever , but the film was dull .", 0),
        ("although the script was clever , the film was dull .", 0),
        ("the film was dull , although the script was clever .", 0),
        ("my brother found the film dull . the book was dull . i found the film funny .", 1),
    ],
)
def test_the_rules_are_those_of_english(text, label):
    assert [found for _, found in verdicts(text.split())] == [label]


def test_decisive_words_decide_alone(many):
    for review in many:
        words = [review.words[position] for position in review.decisive]
        assert polarity(words) == review.label, review
        assert not set(words) & set(". , the film plot although very".split())
        without = [w for i, w in enumerate(review.words) if i not in review.decisive]
        assert not list(verdicts(without)), review
        assert sorted(set(review.decisive)) == list(review.decisive)


def test_what_else_a_review_says(many):
    forms, others = Counter(), {0: [], 1: []}
    for review in many:
        ((decides, _),) = verdicts(review.words)
        sentences = " ".join(review.words).removesuffix(" .").split(" . ")
        for sentence in (s for place, s in enumerate(sentences) if place != decides):
            others[review.label].append(polarity(sentence.split()))
        verdict = sentences[decides]
        aside = verdict.replace(main_clause(verdict), "", 1)
        if aside:
            forms[aside.split(" ")[0] == "although", ", but" in aside] += 1
            assert polarity(aside.replace(" , but ", "").split()) == 1 - review.label, review
        adjectives = [word for word in main_clause(verdict).split() if word in BAD + GOOD]
        assert len(set(adjectives)) == len(adjectives)
    assert len(forms) == 3 and min(forms.values()) > 600, forms
    for said in others.values():  # by coin, whatever the verdict
        opinions = [opinion for opinion in said if opinion is not None]
        assert 0.45 < len(opinions) / len(said) < 0.55
        assert 0.45 < np.mean(opinions) < 0.55


def test_lengths_labels_and_words(many):
    lengths = [len(review.words) for review in many]
    assert min(lengths) == 5 and 36 <= max(lengths) <= 40
    assert np.std(lengths) > 6
    assert sum(review.label for review in many) == 2500
    assert len({review.words for review in many}) == 5000
    assert len({word for review in many for word in review.words}) >= 150
    assert {review.words[-1] for review in many} == {"."}
    assert all(word == word.lower() for review in many for word in review.words)
    text = " . ".join(" ".join(review.words) for review in many)
    assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", text)
    assert not re.search(r"[A-Z*]|\b(\w+) \1\b|\b(the|a) (the|a|my|this)\b", text)


def test_traits(many):
    counts = Counter(trait for review in many for trait in review.traits)
    assert set(counts) == {"negation", "intensifier", "contrast", "distractor"}
    assert all(0.3 < count / 5000 < 0.5 for count in counts.values())
    for review in many:
        text = " ".join(review.words)
        words = {review.words[position] for position in review.decisive}
        assert ("contrast" in review.traits) == (", but " in text or "although " in text)
        assert ("negation" in review.traits) == bool(words & NEGATIONS and not words & ONLY_SEEMING)
        (decides, _), *_ = verdicts(review.words)
        sentences = text.removesuffix(" .").split(" . ")
        polar = [place for place, s in enumerate(sentences) if polarity(s.split()) is not None]
        assert ("distractor" in review.traits) == (polar != [decides])
        if "contrast" not in review.traits:
            strong = r"very|really|truly|genuinely|extremely|at all|in the least|the least bit"
            strong += r"|in any way|remotely|more"
            assert ("intensifier" in review.traits) == bool(re.search(strong, sentences[decides]))


def tuned_accuracy(parts, words):
    """On the last part, of the regression that does best on the second: counts or tf-idf, C."""
    texts = [[" ".join(review.words) for review in part] for part in parts]
    labels = [[review.label for review in part] for part in parts]
    tried = []
    for vectorizer in (CountVectorizer, TfidfVectorizer):
        count = vectorizer(token_pattern=r"\S+", ngram_range=(1, words))
        train, *others = [count.fit_transform(texts[0]), *map(count.transform, texts[1:])]
        for strength in (0.01, 0.1, 1, 10):
            model = LogisticRegression(C=strength, solver="liblinear").fit(train, labels[0])
            tried.append([model.score(x, y) for x, y in zip(others, labels[1:], strict=True)])
    return max(tried)[1]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_counting_words_fails(seed):
    drawn = reviews(np.random.default_rng(seed), 5600)
    parts = drawn[:4000], drawn[4000:4600], drawn[4600:]
    assert tuned_accuracy(parts, words=1) <= 0.65
    assert 0.55 <= tuned_accuracy(parts, words=2) <= 0.80  # pairs see some negations


def test_documents_have_one_decisive_sentence():
    drawn = documents(np.random.default_rng(0), 1000)
    assert sum(document.label for document in drawn) == 500
    assert len({document.sentences for document in drawn}) == 1000
    for document in drawn:
        words = [word for sentence in document.sentences for word in sentence]
        assert list(verdicts(words)) == [(document.target, document.label)]
        decisive = [document.sentences[document.target][place] for place in document.decisive]
        assert polarity(decisive) == document.label
        assert all(s[-1] == "." and s.count(".") == 1 for s in document.sentences)
    assert Counter(len(document.sentences) for document in drawn).keys() == set(range(3, 13))
    relative = [document.target / (len(document.sentences) - 1) for document in drawn]
    assert 0.45 < np.mean(relative) < 0.55
    assert {0, 1} <= set(relative)
    others = [
        polarity(sentence[:-1]) is not None
        for document in drawn
        for place, sentence in enumerate(document.sentences)
        if place != document.target
    ]
    assert 0.45 < np.mean(others) < 0.55


def test_documents_of_given_lengths(rng):
    assert {len(d.sentences) for d in documents(rng, 50, least=4, most=4)} == {4}
    assert {len(d.sentences) for d in documents(rng, 50, least=1, most=2)} == {1, 2}


def test_same_generator_same_reviews():
    for draw in (reviews, documents):
        one, two, other = (draw(np.random.default_rng(seed), 20) for seed in (4, 4, 5))
        assert one == two != other


def test_ten_thousand_reviews_in_two_seconds(untyped):
    start = time.process_time()
    assert len(reviews(np.random.default_rng(0), 10_000)) == 10_000
    assert time.process_time() - start < 2


def test_shown_with_what_decides():
    review = Review(tuple("the film was hardly dull .".split()), 1, (3, 4), frozenset({"negation"}))
    assert str(review) == "+ the film was [hardly] [dull] ."


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: reviews(RNG, 0), "count is 0"),
        (lambda: reviews(RNG, 2.5), "count is 2.5"),
        (lambda: documents(RNG, 0), "count is 0"),
        (lambda: documents(RNG, 1, least=0), "least is 0"),
        (
            lambda: documents(RNG, 1, least=5, most=4),
            "most is 4; expected a whole number",
        ),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
