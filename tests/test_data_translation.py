"""The corpus: good French by an independent checker, true links, clean splits, hidden gender."""

from collections import Counter, defaultdict
from itertools import chain

import french_checker as french
import numpy as np
import pytest

from attnutils.data import translation
from attnutils.data.translation import corpus, small_corpus, translate

LARGE = corpus(np.random.default_rng(0), train=4_000, test=300, per_bin=100)
SMALL = small_corpus(np.random.default_rng(0), train=2_000, test=200, per_bin=50)
BOTH = pytest.mark.parametrize("data", [LARGE, SMALL], ids=["large", "small"])
LISTS = ("train", "validation", "unseen", "held_out", "long")


def everything(data):
    return [*chain(*(getattr(data, name) for name in LISTS), *data.by_distance.values())]


def adjacent_pairs(pair):
    """Adjectives and nouns as the sentence has them, found by the checker's French lexicon."""
    by_source = {source: pair.target[target] for target, source in pair.alignment}
    adjectives = []
    for place, word in enumerate(pair.source):
        if by_source.get(place) in french.ADJECTIVES:
            adjectives.append(word)
        elif by_source.get(place) in french.NOUNS:
            yield from ((adjective, word) for adjective in adjectives)
            adjectives = []


# --- the French, and the checker that judges it ---


@BOTH
def test_the_french_is_good(data):
    faults = [
        (str(pair), fault) for pair in everything(data) for fault in french.violations(pair.target)
    ]
    assert not faults, faults[:5]
    assert len(everything(data)) >= 2_900


@pytest.mark.parametrize(
    "sentence",
    [
        "les chats dorment parce qu' ils chassent",
        "les souris dorment parce qu' elles chassent",
        "l' énorme abeille n' aime pas mon oie quand le vieil âne gris boit",
        "cet énorme hibou ne trouve pas d' œuf sous ce bel arbre",
        "ma petite souris timide voit un vieux hibou et elle écoute",
        "mon abeille noire suit les vieux ours",
        "les chevaux blancs mangent les gros gâteaux mais ils ne veulent pas de noix",
    ],
)
def test_the_checker_accepts_good_french(sentence):
    assert french.violations(sentence) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "le souris dort",  # gender
        "la chat dort",
        "les chevals dorment",  # plural
        "les cheval dorment",
        "les petit chats dorment",  # agreement
        "les petites chats dorment",
        "la souris gris dort",
        "le noir chat dort",  # place
        "le chat petit dort",
        "le chat noir lent dort",
        "les chats dort",  # verb
        "le chat dorment",
        "le chat dorme",
        "la abeille dort",  # elision
        "le œuf",
        "l' hibou dort",
        "l' chat dort",
        "le chat ne aime pas la souris",
        "le chat n' dort pas",
        "le chat dort parce que il mange",
        "le chat dort parce qu' le chien mange",
        "le chat dort parce il mange",
        "ce ours dort",
        "cet chat dort",
        "le beau oiseau dort",
        "le vieux oiseau dort",
        "le vieil chat dort",
        "ma abeille dort",
        "mon souris dort",
        "ma chat dort",
        "le chat ne dort",  # negation
        "le chat dort pas",
        "le chat ne pas dort",
        "le chat pas dort ne",
        "le chat ne voit pas un chien",
        "le chat voit de chien",
        "le chat n' aime pas de chien",
        "de chat dort",
        "le chat dort dans de jardin",
        "il dort",  # pronouns
        "le chat dort et elle mange",
        "le chat dort et ils mangent",
        "les souris dorment et ils mangent",
        "le chat dort le chien",  # objects
        "le chat craint",
        "chats dorment",
        "le dort",
        "le chat dort et",
        "le chat dort le",
        "le chat dort dort",
        "",
    ],
)
def test_the_checker_refuses_bad_french(sentence):
    assert french.violations(sentence)


SWAPS = {
    "gender": "le la|la le|un une|une un|ce cette|cet cette|cette ce|mon ma|ma mon",
    "number": "les le|le les|la les|cette ces|mes mon|mon mes",
    "elision": "l' le|l' la|n' ne|ne n'|qu' que|que qu'|cet ce|bel beau|vieil vieux",
    "pronoun": "il elle|elle il|ils elles|elles ils|il ils|elles elle",
    "pas un": "de un|d' un|de une",
    "half a negation": "pas -|ne -|n' -",
    "parce alone": "que -|qu' -",
    "verb": "|".join(
        f"{form} {other}"
        for form, (infinitive, number) in french.VERBS.items()
        for other, reading in french.VERBS.items()
        if reading[0] == infinitive and reading[1] != number
    ),
    "adjective": "|".join(
        f"{form} {other}"
        for form, (lemma, _) in french.ADJECTIVES.items()
        for other, reading in french.ADJECTIVES.items()
        if reading[0] == lemma and other != form
    ),
    "noun": "|".join(
        f"{form} {other}"
        for form in french.NOUNS
        for other in [french.plural(form)]
        if other != form and form in french.MASCULINE + french.FEMININE
    ),
}


INVARIABLE = {noun for noun, readings in french.NOUNS.items() if len(readings) > 1}


@pytest.mark.parametrize("kind", SWAPS)
def test_planted_words_are_caught(kind):
    """Each word of each sentence replaced by a wrong one: all are noticed."""
    swaps = defaultdict(list)
    for rule in SWAPS[kind].split("|"):
        swaps[rule.split()[0]].append(rule.split()[1].replace("-", ""))
    planted = missed = 0
    for pair in LARGE.unseen + LARGE.long:
        for place, word in enumerate(pair.target):
            if kind == "number" and INVARIABLE & {*pair.target[place + 1 : place + 3]}:
                continue  # "la souris" may become "les souris"
            if kind == "noun" and {"de", "d'"} & {*pair.target[max(0, place - 2) : place]}:
                continue  # and "pas de chat" "pas de chats"
            for wrong in swaps[word]:
                bad = [*pair.target[:place], *wrong.split(), *pair.target[place + 1 :]]
                planted += 1
                missed += not french.violations(bad)
    assert planted >= 20
    assert not missed


def test_planted_order_is_caught():
    """Adjective and noun, verb and pas exchanged."""
    planted = Counter()
    for pair in LARGE.unseen:
        for place, (word, following) in enumerate(zip(pair.target, pair.target[1:])):
            kinds = {word in french.ADJECTIVES, following in french.ADJECTIVES}
            kinds = kinds if {word, following} & set(french.NOUNS) else set()
            if kinds == {True, False} or following == "pas":
                bad = [*pair.target[:place], following, word, *pair.target[place + 2 :]]
                assert french.violations(bad), bad
                planted[following == "pas"] += 1
    assert min(planted.values()) >= 50


@pytest.mark.parametrize(
    "name, wrong",
    [
        ("_VOWELS", "aâeéiœu"),
        ("_BEFORE_A_VOWEL", {}),
        ("_BEFORE_A_VOWEL", {"le": "l'", "la": "l'", "ne": "n'", "que": "qu'", "ce": "cet"}),
        ("_PRONOUNS", {"it": ("il", "elle"), "they": ("ils", "ils")}),
        ("_CONJUNCTIONS", {"because": "pour", "and": "et", "but": "mais", "when": "quand"}),
        (
            "_ADJECTIVE_FORMS",
            {word: a._replace(before=True) for word, a in translation._ADJECTIVE_FORMS.items()},
        ),
    ],
)
def test_mistakes_planted_in_the_generator_are_caught(name, wrong, monkeypatch):
    monkeypatch.setattr(translation, name, wrong)
    found = [translate(pair.source).target for pair in LARGE.unseen]
    assert sum(bool(french.violations(target)) for target in found) >= 5


# --- links and antecedents ---


def test_the_running_example():
    pair = translate("cats sleep because they hunt")
    assert pair.target == ("les", "chats", "dorment", "parce", "qu'", "ils", "chassent")
    assert pair.alignment == {(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (6, 4)}
    assert pair.pronouns == ((5, 3, 0),)
    assert pair.pronouns[0].distance == 3
    mice = translate("mice sleep because they hunt".split())
    assert mice.target == ("les", "souris", "dorment", "parce", "qu'", "elles", "chassent")
    assert (mice.alignment, mice.pronouns) == (pair.alignment, pair.pronouns)


@pytest.mark.parametrize("grammar", [translation._LARGE, translation._SMALL])
@pytest.mark.parametrize("noun", ["cats", "mice"])
def test_the_running_example_can_be_drawn(grammar, noun):
    """With the numbers that lead there in place of random ones."""
    animals = [animal.english[1] for animal in grammar.nouns["a"]]

    class Script:
        random = iter(
            [
                1.5 / grammar.clauses,  # two clauses
                (animals.index(noun) + 0.5) / len(animals),
                *(0.1, 0.0, 0.9),  # plural, no adjectives, no determiner
                *(0.9, 0.0, 0.9, 0.9),  # intransitive, the first verb, not negated, no place
                *(0.0, 0.1),  # the first conjunction, a pronoun
                *(0.9, 1.5 / len(grammar.alone), 0.9, 0.9),  # the second verb
            ]
        ).__next__

    drawn = translation._Sampler(Script, grammar).sentence()
    assert drawn == (noun, "sleep", "because", "they", "hunt")


def test_links_written_by_hand():
    pair = translate(
        "my old bear does not see the small gray mice in a huge forest but it eats an egg"
    )
    assert " ".join(pair.target) == (
        "mon vieil ours ne voit pas les petites souris grises dans une énorme forêt "
        "mais il mange un œuf"
    )
    links = [(0, 0), (1, 1), (2, 2), (3, 4), (4, 5), (5, 4), (6, 6), (7, 7), (8, 9), (9, 8)]
    assert pair.alignment == {*links, *((place, place) for place in range(10, 19))}
    assert pair.pronouns == ((15, 15, 2),)
    gold = pair.gold()
    assert gold.shape == (len(pair.target), len(pair.source))
    assert {(int(t), int(s)) for t, s in np.argwhere(gold)} == pair.alignment
    assert str(pair).endswith("but it eats an egg → " + " ".join(pair.target))


@BOTH
def test_links_cover_both_sides(data):
    for pair in everything(data):
        targets = Counter(target for target, _ in pair.alignment)
        sources = Counter(source for _, source in pair.alignment)
        twice = {"not", "because"}
        for place, word in enumerate(pair.source):
            expected = 0 if word in ("do", "does") else 2 if word in twice else 1
            assert sources[place] == expected, (str(pair), word)
        for place, word in enumerate(pair.target):
            assert targets[place] == 1 or (word == "les" and targets[place] == 0), (str(pair), word)
        assert max(targets) < len(pair.target)


def test_links_are_a_dictionary():
    """A form of French stands for one English word (in two numbers at most), on all its links."""
    partners = defaultdict(set)
    for pair in everything(LARGE):
        for target, source in pair.alignment:
            partners[pair.target[target]].add(pair.source[source])
    for word in {*french.ADJECTIVES} & {*partners}:
        assert len(partners[word]) == 1, (word, partners[word])
    for word in {*french.NOUNS, *french.VERBS} & {*partners}:
        # "ours" is singular and plural; a negated verb has no -s
        assert len(partners[word]) <= 2, (word, partners[word])
        assert len({other[:2] for other in partners[word]}) == 1 or word in ("oie", "souris"), word
    assert partners["souris"] == {"mouse", "mice"} and partners["chevaux"] == {"horses"}
    assert partners["ne"] == partners["n'"] == partners["pas"] == {"not"}
    assert partners["parce"] == partners["qu'"] == partners["que"] == {"because"}
    assert partners["l'"] == {"the"} and partners["les"] == {"the"}
    assert partners["de"] == partners["d'"] == {"a", "an"}
    assert partners["ces"] == {"these"} and partners["cet"] == {"this"}
    assert partners["il"] == partners["elle"] == {"it"}
    assert partners["ils"] == partners["elles"] == {"they"}


@BOTH
def test_antecedents(data):
    """The subject noun of the clause before, of the right gender; no pronoun after another."""
    conjunctions = {"because", "and", "but", "when"}
    for pair in everything(data):
        starts = [0, *(i + 1 for i, word in enumerate(pair.source) if word in conjunctions)]
        of_source = {source: target for target, source in pair.alignment}
        pronouns = [place for place in starts if pair.source[place] in ("it", "they")]
        assert pronouns == [pronoun.source for pronoun in pair.pronouns]
        for pronoun in pair.pronouns:
            clause = starts.index(pronoun.source) - 1
            assert clause >= 0 and starts[clause] not in pronouns
            assert starts[clause] <= pronoun.antecedent < pronoun.source
            assert pronoun.distance == pronoun.source - pronoun.antecedent
            assert (pronoun.target, pronoun.source) in pair.alignment
            noun = pair.target[of_source[pronoun.antecedent]]
            gender, number = french.PRONOUNS[pair.target[pronoun.target]]
            assert (gender, number) in french.NOUNS[noun]
            between = pair.source[starts[clause] : pronoun.antecedent]
            french_before = [
                pair.target[of_source[starts[clause] + i]] for i, _ in enumerate(between)
            ]
            assert not {*french_before} & {*french.NOUNS}  # its first noun, not an object


@BOTH
def test_gender_cannot_be_guessed(data):
    for pairs in data.by_distance.values():
        genders = [french.PRONOUNS[p.target[p.pronouns[0].target]][0] for p in pairs]
        assert genders.count("f") == genders.count("m") == len(pairs) / 2
    for low, high in data.by_distance:
        genders = Counter(
            french.PRONOUNS[pair.target[pronoun.target]][0]
            for pair in data.train
            for pronoun in pair.pronouns
            if low <= pronoun.distance <= high
        )
        spread = 2.5 * genders.total() ** 0.5 / 2
        assert abs(genders["m"] - genders.total() / 2) <= spread


def test_english_hides_the_gender():
    """Exchanging the noun exchanges the pronoun, and nothing else of the English changes."""
    for pair in LARGE.unseen[:100]:
        assert translate(pair.source) == pair
    one = translate("the small horse does not hunt but it waits")
    other = translate("the small goat does not hunt but it waits")
    assert (one.target[-2], other.target[-2]) == ("il", "elle")
    chain_of_two = translate("a goat eats and it hunts because it waits")
    assert [p.antecedent for p in chain_of_two.pronouns] == [1, 1]


# --- splits ---


@BOTH
def test_splits_are_disjoint(data):
    sources = [pair.source for pair in everything(data)]
    assert len(sources) == len(set(sources))


@pytest.mark.parametrize(
    "data, sizes, per_bin, trained, upper, beyond",
    [
        (LARGE, (4_000, 300), 100, (3, 20), (12, 20), (21, 30)),
        (SMALL, (2_000, 200), 50, (3, 10), (7, 10), (11, 15)),
    ],
    ids=["large", "small"],
)
def test_sizes_and_lengths(data, sizes, per_bin, trained, upper, beyond):
    assert [len(getattr(data, name)) for name in LISTS] == [sizes[0], *[sizes[1]] * 4]
    for name in LISTS:
        lengths = {len(pair.source) for pair in getattr(data, name)}
        least, most = beyond if name == "long" else trained
        assert least <= min(lengths) and max(lengths) <= most
        assert len(lengths) >= most - least  # all lengths, but for one at most
    for (low, high), pairs in data.by_distance.items():
        assert len(pairs) == per_bin
        assert all(len(pair.pronouns) == 1 for pair in pairs)
        assert all(low <= pair.pronouns[0].distance <= high for pair in pairs)
        assert all(upper[0] <= len(pair.source) <= upper[1] for pair in pairs)


@BOTH
def test_held_out_pairs(data):
    forms = {noun.english[0]: noun.english for noun, _ in translation._NOUN_FORMS.values()}
    held_out = {(word, form) for word, noun in data.held_out_pairs for form in forms[noun]}
    met = [any(two in held_out for two in adjacent_pairs(pair)) for pair in everything(data)]
    inside = [any(two in held_out for two in adjacent_pairs(pair)) for pair in data.held_out]
    assert all(inside) and sum(met) == len(data.held_out)
    known = {word for pair in data.train for word in pair.target}
    assert {word for pair in everything(data) for word in pair.target} <= known
    assert len(data.held_out_pairs) >= 12
    genders = Counter(noun.feminine for noun in translation._LARGE.nouns["a"])
    assert genders[True] == genders[False]


def test_the_same_seed_gives_the_same_corpus():
    sizes = {"test": 5, "per_bin": 3}
    one, other = (corpus(np.random.default_rng(3), train=20, **sizes) for _ in range(2))
    assert one == other
    longer = corpus(np.random.default_rng(3), train=40, **sizes)
    assert longer.train[:20] == one.train
    assert all(a == b for a, b in zip(longer[1:], one[1:]))
    assert corpus(np.random.default_rng(4), train=20, **sizes) != one


def test_number_of_words_and_sentences():
    pairs = everything(LARGE)
    english = {word for pair in pairs for word in pair.source}
    assert (len(english), len({word for pair in pairs for word in pair.target})) == (158, 212)
    small = everything(SMALL)
    assert len({word for pair in small for word in pair.source}) < 90
    # those alone with two clauses, each a noun with one of its 2 · 4 determiners and one of the
    # verbs without object, another one in each, negated or not
    grammar = translation._LARGE
    subjects, verbs = len(grammar.nouns["a"]) * 8, len(grammar.alone)
    assert subjects**2 * 4 * verbs * (verbs - 1) * 2**2 > 10**7
    with_objects = sum(bool(pair.target[-1] in french.NOUNS) for pair in LARGE.unseen)
    assert with_objects > 100  # and there are many others


# --- bad input ---

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: corpus(RNG, train=0), "train is 0; expected a whole number, at least 1"),
        (lambda: corpus(RNG, test=-1), "test is -1"),
        (lambda: small_corpus(RNG, per_bin=0), "per_bin is 0"),
        (lambda: translate(""), "word 1 of '' is the end; expected a noun"),
        (lambda: translate("cats bark"), "word 2 of 'cats bark' is 'bark'; expected a verb."),
        (lambda: translate("cats bark"), "The word is unknown."),
        (lambda: translate("cats sleeps"), "expected the verb to agree with its subject: 'sleep'"),
        (lambda: translate("a cat sleep"), "agree with its subject: 'sleeps'"),
        (lambda: translate("a cat do not sleep"), "does with a singular"),
        (lambda: translate("a cat does sleep"), "is 'sleep'; expected 'not'"),
        (lambda: translate("a cat does not sleeps"), "agree with its subject: 'sleep'"),
        (lambda: translate("cat sleeps"), "word 1 of 'cat sleeps' is 'cat'; expected a determiner"),
        (lambda: translate("a cats sleep"), "expected a noun in the singular after 'a'"),
        (lambda: translate("these cat sleeps"), "expected a noun in the plural after 'these'"),
        (lambda: translate("a owl sleeps"), "word 1 of 'a owl sleeps' is 'a'; expected 'an'"),
        (lambda: translate("an cat sleeps"), "expected 'a' before 'cat'"),
        (lambda: translate("it sleeps"), "expected a noun: no clause before"),
        (lambda: translate("cats sleep when it hunts"), "expected the pronoun for 'cats'"),
        (lambda: translate("cats sleep because"), "is the end; expected a noun"),
        (lambda: translate("cats sleep sleep"), "expected a conjunction, or the end"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


def test_more_sentences_than_there_are(monkeypatch):
    tiny = translation._Grammar({"a": 1, "f": 1, "t": 1}, 1, 1, 2, 1, places=0.0, clauses=1)
    monkeypatch.setattr(translation, "_SMALL", tiny)
    monkeypatch.setattr(translation, "_PATIENCE", 1_000)
    with pytest.raises(ValueError, match="of 500 sentences found with 11 to 15 words"):
        small_corpus(RNG)
