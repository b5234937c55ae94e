"""English-French sentence pairs from a small grammar, with gold alignments and antecedents.

======================  =========================================================================
sentence                clause, then up to three times: conjunction clause
clause                  subject [does not | do not] verb [object] [in | under | behind noun phrase]
subject                 noun phrase, or a pronoun for the subject of the clause before
noun phrase             [determiner] up to two adjectives, noun
======================  =========================================================================

A sentence is drawn in English and put into French by ``translate``, which takes any English
sentence of the grammar. French asks for what English hides: gender, agreement of determiner,
adjective, noun and verb, adjectives after the noun, negation around the verb, elision. The gender
of a pronoun stands only in the clause before.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool
from numpy.random import Generator

from attnutils.shapes import check_size


class Pronoun(NamedTuple):
    """Where a pronoun stands and for what.

    Args:
        target: its position in the target.
        source: its position in the source.
        antecedent: the position, in the source, of the noun that it stands for.
    Example:
        >>> translate("cats sleep because they hunt").pronouns[0].distance
        3

    Source: this book.
    Chapter: notebooks/3_recurrent/12_bahdanau.ipynb
    """

    target: int
    source: int
    antecedent: int

    @property
    def distance(self) -> int:
        """Words from the antecedent to the pronoun, in the source."""
        return self.source - self.antecedent


class Pair(NamedTuple):
    """A sentence, its translation, and how they belong together.

    Args:
        source: English words.
        target: French words; an elided one keeps its apostrophe ("parce", "qu'", "ils").
        alignment: gold links (target position, source position).
        pronouns: the target's pronouns, from left to right.
    Example:
        >>> print(translate("cats sleep because they hunt"))
        cats sleep because they hunt → les chats dorment parce qu' ils chassent

    Source: this book.
    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignment: frozenset[tuple[int, int]]
    pronouns: tuple[Pronoun, ...]

    def gold(self) -> Bool[np.ndarray, "target source"]:
        """The alignment as an array like attention weights, ``(target, source)``: True = a link."""
        links = np.zeros((len(self.target), len(self.source)), dtype=bool)
        links[tuple(zip(*self.alignment))] = True
        return links

    def __str__(self) -> str:
        return f"{' '.join(self.source)} → {' '.join(self.target)}"


class Corpus(NamedTuple):
    """The splits of a corpus; no sentence stands in two of them.

    Args:
        train: sentences of trained lengths.
        validation: to choose by; drawn like ``unseen``.
        unseen: sentences of trained lengths.
        held_out: each holds an adjective with a noun that it never meets in the other splits.
        long: sentences longer than any in ``train``.
        by_distance: (least, most) words between pronoun and antecedent → sentences of the upper
            half of the trained lengths, with one such pronoun, half of them feminine.
        held_out_pairs: (adjective, noun in the singular), in English.
    Example:
        >>> data = small_corpus(np.random.default_rng(0), train=100, test=10, per_bin=4)
        >>> {edges: len(pairs) for edges, pairs in data.by_distance.items()}
        {(3, 4): 4, (5, 6): 4, (7, 8): 4}

    Source: this book.
    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """

    train: list[Pair]
    validation: list[Pair]
    unseen: list[Pair]
    held_out: list[Pair]
    long: list[Pair]
    by_distance: dict[tuple[int, int], list[Pair]]
    held_out_pairs: frozenset[tuple[str, str]]


# --- words ---
# animals, food, things, places; masculine, feminine; the small corpus has the first of each
_NOUN_TABLE = {
    "am": """cat cats chat chats | dog dogs chien chiens | horse horses cheval chevaux |
    bird birds oiseau oiseaux | bear bears ours ours | owl owls hibou hiboux |
    wolf wolves loup loups | rabbit rabbits lapin lapins | donkey donkeys âne ânes |
    monkey monkeys singe singes""",
    "af": """mouse mice souris souris | turtle turtles tortue tortues | goat goats chèvre chèvres |
    bee bees abeille abeilles | goose geese oie oies | frog frogs grenouille grenouilles |
    spider spiders araignée araignées | ant ants fourmi fourmis |
    giraffe giraffes girafe girafes | otter otters loutre loutres""",
    "fm": """cake cakes gâteau gâteaux | egg eggs œuf œufs |
    mushroom mushrooms champignon champignons""",
    "ff": """apple apples pomme pommes | nut nuts noix noix | leaf leaves feuille feuilles""",
    "tm": """ball balls ballon ballons | basket baskets panier paniers""",
    "tf": """stone stones pierre pierres | flower flowers fleur fleurs""",
    "pm": """garden gardens jardin jardins | tree trees arbre arbres | field fields champ champs""",
    "pf": """house houses maison maisons | forest forests forêt forêts |
    table tables table tables""",
}
# masculine, feminine, both in the plural; kinds of nouns that it suits
_BEFORE_THE_NOUN = """
small petit petite petits petites aftp | big grand grande grands grandes aftp |
old vieux vieille vieux vieilles aftp | beautiful beau belle beaux belles aftp |
pretty joli jolie jolis jolies aftp | young jeune jeune jeunes jeunes a |
large gros grosse gros grosses aft | huge énorme énorme énormes énormes aftp"""
_AFTER_THE_NOUN = """
black noir noire noirs noires aft | white blanc blanche blancs blanches aftp |
gray gris grise gris grises aft | slow lent lente lents lentes a |
green vert verte verts vertes tp | brown brun brune bruns brunes aft |
red rouge rouge rouges rouges ft | quick rapide rapide rapides rapides a |
shy timide timide timides timides a | calm calme calme calmes calmes a |
curious curieux curieuse curieux curieuses a | wild sauvage sauvage sauvages sauvages a"""
# kinds of objects; "-": may stand alone; "*": generic, takes a bare plural: cats like mice
_VERB_TABLE = """
sleeps sleep dort dorment - | hunts hunt chasse chassent -a* | eats eat mange mangent -f |
drinks drink boit boivent - | waits wait attend attendent - | runs run court courent - |
sees see voit voient aft | likes like aime aiment af* | fears fear craint craignent a* |
hears hear entend entendent a | wants want veut veulent ft | hides hide cache cachent ft |
plays play joue jouent - | jumps jump saute sautent - | dreams dream rêve rêvent - |
listens listen écoute écoutent - | finds find trouve trouvent aft |
watches watch regarde regardent a | hates hate déteste détestent af* |
follows follow suit suivent a | avoids avoid évite évitent a | helps help aide aident a |
brings bring apporte apportent ft | chooses choose choisit choisissent ft"""
_DETERMINERS = {  # masculine, feminine; the same in the plural
    "the": ("le", "la", "les", "les"),
    "a": ("un", "une", "", ""),
    "an": ("un", "une", "", ""),
    "this": ("ce", "cette", "", ""),
    "these": ("", "", "ces", "ces"),
    "my": ("mon", "ma", "mes", "mes"),
}
# those that the sampler draws, by the place of the noun phrase
_SUBJECT = ("the", "a", "this", "my"), ("the", "these", "my", "")  # singular, plural
_GENERIC = ("the", "this", "my"), ("the", "these", "my", "")  # "ils n'aiment pas de chat" is wrong
_OTHER = ("the", "a", "this", "my"), ("the", "these", "my")
_PREPOSITIONS = {
    "in": ("dans", ("garden", "field", "house", "forest")),
    "under": ("sous", ("tree", "table")),
    "behind": ("derrière", ("tree", "house", "garden", "table")),
}
_CONJUNCTIONS = {"because": "parce que", "and": "et", "but": "mais", "when": "quand"}
_PRONOUNS = {"it": ("il", "elle"), "they": ("ils", "elles")}
_BEFORE_A_VOWEL = dict(le="l'", la="l'", ne="n'", que="qu'", de="d'", ce="cet", ma="mon")
_MASCULINE_BEFORE_A_VOWEL = dict(beau="bel", vieux="vieil")
_VOWELS = "aâeéioœu"  # no h: the h of hibou is aspirated, "le hibou"
# --- grammar ---


class _Noun(NamedTuple):
    english: list[str]  # singular, plural
    french: list[str]  # singular, plural
    kind: str
    feminine: bool


class _Adjective(NamedTuple):
    english: str
    french: list[str]  # masculine, feminine; the same in the plural
    kinds: str  # of nouns that it suits
    before: bool  # stands before the noun


class _Verb(NamedTuple):
    english: list[str]  # with a subject in the singular, plural
    french: list[str]
    kinds: str  # of objects, "" for none
    marks: str  # "-" and "*" as in the table


def _rows(table):
    return [row.split() for row in table.split("|")]


def _adjectives(table, before):
    return [_Adjective(word, french, kinds, before) for word, *french, kinds in _rows(table)]


_NOUNS = {
    (kind, gender): [_Noun(row[:2], row[2:], kind, gender == "f") for row in _rows(table)]
    for (kind, gender), table in _NOUN_TABLE.items()
}
_EARLY, _LATE = _adjectives(_BEFORE_THE_NOUN, True), _adjectives(_AFTER_THE_NOUN, False)
_VERBS = [_Verb(row[:2], row[2:4], row[4].strip("-*"), row[4]) for row in _rows(_VERB_TABLE)]
_NOUN_FORMS = {
    noun.english[i]: (noun, i) for some in _NOUNS.values() for noun in some for i in (0, 1)
}
_ADJECTIVE_FORMS = {adjective.english: adjective for adjective in _EARLY + _LATE}
_VERB_FORMS = {verb.english[plural]: (verb, plural) for verb in _VERBS for plural in (0, 1)}
_NOMINAL = {*_DETERMINERS, *_ADJECTIVE_FORMS, *_NOUN_FORMS}  # may begin a noun phrase
_KNOWN = _NOMINAL | {*_VERB_FORMS, *_PREPOSITIONS, *_CONJUNCTIONS, *_PRONOUNS, "do", "does", "not"}


# --- from English to French ---


def translate(source: str | Sequence[str]) -> Pair:
    """Put an English sentence of the grammar into French.

    A pronoun stands for the subject of the clause before. A bare plural becomes "les", which has
    no source; "not" is linked to both "ne" and "pas", "do" and "does" to nothing; "a" under
    negation becomes "de".

    Args:
        source: words, or a string with blanks between them; small letters, no punctuation.
    Returns:
        The Pair with its gold links.
    Raises:
        ValueError: an unknown word, or one that may not stand where it does; says which.
    Example:
        >>> pair = translate("this old bear does not eat an apple")
        >>> " ".join(pair.target)
        'ce vieil ours ne mange pas de pomme'
        >>> sorted(pair.alignment)
        [(0, 0), (1, 1), (2, 2), (3, 4), (4, 5), (5, 4), (6, 6), (7, 7)]
        >>> translate("mice sleep because they hunt").pronouns
        (Pronoun(target=5, source=3, antecedent=0),)

    Source: this book.
    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """
    return _Translator(source.split() if isinstance(source, str) else source).sentence()


class _Translator:
    """Reads English words from left to right and says them in French."""

    def __init__(self, words):
        self.words, self.at = (*words, None), 0  # None: the end
        self.target, self.links, self.pronouns = [], [], []
        self.subject = None  # of the last clause: noun, plural, position of the noun

    @property
    def word(self):
        return self.words[self.at]

    def take(self, french):
        """Say the word in French, and read on."""
        self.say(french, self.at)
        self.at += 1

    def say(self, french, *sources):
        for word in french.split():
            self.links += [(len(self.target), source) for source in sources]
            self.target.append(word)

    def sentence(self):
        self.clause()
        while self.word in _CONJUNCTIONS:
            self.take(_CONJUNCTIONS[self.word])
            self.clause()
        if self.word is not None:
            self.refuse("a conjunction, or the end of the sentence")
        target = tuple(
            _BEFORE_A_VOWEL.get(word, word) if following[0] in _VOWELS else word
            for word, following in zip(self.target, [*self.target[1:], "."])
        )
        return Pair(self.words[:-1], target, frozenset(self.links), tuple(self.pronouns))

    def clause(self):
        if self.word in _PRONOUNS:
            noun, plural, antecedent = self.subject or self.refuse("a noun: no clause before")
            if plural != (self.word == "they"):
                self.refuse(f"the pronoun for {self.words[antecedent]!r}")
            self.pronouns.append(Pronoun(len(self.target), self.at, antecedent))
            self.take(_PRONOUNS[self.word][noun.feminine])
        else:
            self.subject = _, plural, _ = self.noun_phrase()
        negation = None
        if self.word in ("do", "does"):
            if self.word != ("do" if plural else "does"):
                self.refuse("do with a plural, does with a singular")
            negation = self.at = self.at + 1
            if self.word != "not":
                self.refuse("'not'")
            self.take("ne")
        verb, form = _VERB_FORMS.get(self.word) or self.refuse("a verb")
        if form != (1 if negation else plural):
            self.refuse(f"the verb to agree with its subject: {verb.english[1 - form]!r}")
        self.take(verb.french[plural])
        if negation:
            self.say("pas", negation)
        if self.word in _NOMINAL:
            self.noun_phrase(negated=negation is not None)
        if self.word in _PREPOSITIONS:
            self.take(_PREPOSITIONS[self.word][0])
            self.noun_phrase()

    def noun_phrase(self, negated=False):
        first = self.at
        self.at += self.word in _DETERMINERS
        adjectives = []
        while self.word in _ADJECTIVE_FORMS:
            adjectives.append((_ADJECTIVE_FORMS[self.word], self.at))
            self.at += 1
        noun, plural = _NOUN_FORMS.get(self.word) or self.refuse("a noun")
        form = noun.feminine + 2 * plural
        if self.words[first] in _DETERMINERS:
            self.say(self.determiner(first, form, negated), first)
        elif plural:
            self.say("les")
        else:
            self.refuse("a determiner before it, or the plural")
        phrase = [(a.french[form], place) for a, place in adjectives if a.before]
        phrase.append((noun.french[plural], self.at))
        phrase += [(a.french[form], place) for a, place in reversed(adjectives) if not a.before]
        for (word, place), (following, _) in zip(phrase, [*phrase[1:], (".", None)]):
            if not plural and following[0] in _VOWELS:
                word = _MASCULINE_BEFORE_A_VOWEL.get(word, word)
            self.say(word, place)
        self.at += 1
        return noun, plural, self.at - 1

    def determiner(self, place, form, negated):
        word, following = self.words[place : place + 2]
        french, article = _DETERMINERS[word][form], word in ("a", "an")
        if not french:
            self.refuse(f"a noun in the {'singular' if form > 1 else 'plural'} after {word!r}")
        if article and (word == "an") != (following[0] in "aeiou"):
            self.at = place
            self.refuse(f"{'a' if word == 'an' else 'an'!r} before {following!r}")
        return "de" if article and negated else french

    def refuse(self, expected):
        what = "the end" if self.word is None else repr(self.word)
        where = f"word {self.at + 1} of {' '.join(self.words[:-1])!r} is {what}"
        unknown = "" if self.word in {*_KNOWN, None} else " The word is unknown."
        raise ValueError(f"{where}; expected {expected}.{unknown}")


# --- drawing sentences ---


class _Grammar:
    """The first words of each table; of nouns, by kind, as many feminine as masculine ones."""

    def __init__(self, nouns, before, after, alone, transitive, places, clauses):
        self.nouns = {
            kind: _NOUNS[kind, "m"][:count] + _NOUNS[kind, "f"][:count]
            for kind, count in nouns.items()
        }
        self.early = {kind: [a for a in _EARLY[:before] if kind in a.kinds] for kind in nouns}
        self.late = {kind: [a for a in _LATE[:after] if kind in a.kinds] for kind in nouns}
        self.alone = [verb for verb in _VERBS if "-" in verb.marks][:alone]
        self.transitive = [verb for verb in _VERBS if verb.kinds][:transitive]
        self.places, self.clauses = places, clauses  # probability of a place; at most so many


_LARGE = _Grammar({"a": 10, "f": 3, "t": 2, "p": 3}, 8, 12, 10, 16, places=0.2, clauses=4)
_SMALL = _Grammar({"a": 6, "f": 2, "t": 1}, 4, 4, 5, 6, places=0.0, clauses=2)


class _Sampler:
    """Draws English sentences."""

    def __init__(self, rng, grammar):
        self.random, self.grammar = rng.random, grammar

    def pick(self, options):
        return options[int(self.random() * len(options))]

    def sentence(self):
        self.subject = self.verb = None  # of the clause before
        words, conjunctions = [], [*_CONJUNCTIONS]
        for count in range(1 + int(self.random() * self.grammar.clauses)):
            if count:
                words.append(self.pick(conjunctions))
                conjunctions.remove(words[-1])  # none twice
            words += self.clause()
        return tuple(words)

    def clause(self):
        # no pronoun in the clause after another: that one's French form would tell the gender
        if self.subject and self.random() < 0.6:
            (noun, plural), self.subject = self.subject, None
            words = ["they" if plural else "it"]
        else:
            self.subject = noun, plural = self.pick(self.grammar.nouns["a"]), self.random() < 0.5
            words = self.noun_phrase(noun, plural, _SUBJECT)
        transitive, last = self.random() < 0.5, self.verb
        while self.verb is last:  # nobody sleeps when it does not sleep
            self.verb = self.pick(self.grammar.transitive if transitive else self.grammar.alone)
        if self.random() < 0.25:
            words += ["do" if plural else "does", "not", self.verb.english[1]]
        else:
            words.append(self.verb.english[plural])
        if transitive:
            thing = noun
            while thing is noun:
                thing = self.pick(self.grammar.nouns[self.pick(self.verb.kinds)])
            determiners = _GENERIC if "*" in self.verb.marks else _OTHER
            words += self.noun_phrase(thing, self.random() < 0.5, determiners)
        if self.random() < self.grammar.places:
            preposition = self.pick([*_PREPOSITIONS])
            place, _ = _NOUN_FORMS[self.pick(_PREPOSITIONS[preposition][1])]
            words += [preposition, *self.noun_phrase(place, self.random() < 0.3, _OTHER)]
        return words

    def noun_phrase(self, noun, plural, determiners):
        before, after = self.grammar.early[noun.kind], self.grammar.late[noun.kind]
        count = self.pick((0, 0, 0, 0, 1, 1, 1, 2))
        adjectives = [before + after] if count == 1 else [before, after][:count]
        words = [self.pick(some).english for some in adjectives] + [noun.english[plural]]
        determiner = self.pick(determiners[plural])
        if determiner == "a" and words[0][0] in "aeiou":
            determiner = "an"
        return [determiner, *words] if determiner else words


# --- corpora ---

_PATIENCE = 20_000  # sentences drawn in vain before a corpus is given up


def corpus(rng: Generator, *, train: int = 40_000, test: int = 1_000, per_bin: int = 200) -> Corpus:
    """English-French pairs: 158 and 212 forms of words, trained lengths of 3 to 20 English words.

    From the second clause on, the subject is a pronoun with probability .6 if the clause before has
    a noun as its subject; never twice running, so that no French pronoun tells the next one's
    gender. Half of the nouns are feminine: to guess a pronoun's gender is right half of the time.

    Args:
        rng: draws everything. The other splits do not depend on the size of ``train``.
        train: sentences to train on, at most 20 words.
        test: sentences in each of validation, unseen, held_out (3 to 20 words) and long (21 to 30).
        per_bin: sentences in each bin of distances between pronoun and antecedent (12 to 20 words).
    Returns:
        The Corpus.
    Raises:
        ValueError: a size below 1, or more sentences than the grammar gives.
    Example:
        >>> data = corpus(np.random.default_rng(0), train=100, test=10, per_bin=4)
        >>> len(data.train), len(data.long), max(len(pair.source) for pair in data.train) <= 20
        (100, 10, True)

    Source: this book.
    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """
    bins = ((3, 4), (5, 6), (7, 8), (9, 14))
    return _splits(rng, _LARGE, (train, test, per_bin), (3, 20), (21, 30), bins)


def small_corpus(
    rng: Generator, *, train: int = 8_000, test: int = 500, per_bin: int = 100
) -> Corpus:
    """A corpus of the same making with fewer words and at most two clauses, to compare many models.

    Args:
        rng: draws everything. The other splits do not depend on the size of ``train``.
        train: sentences to train on, 3 to 10 words.
        test: sentences in each of validation, unseen, held_out (3 to 10 words) and long (11 to 15).
        per_bin: sentences in each bin of distances between pronoun and antecedent (7 to 10 words).
    Returns:
        The Corpus.
    Raises:
        ValueError: a size below 1, or more sentences than the grammar gives.
    Example:
        >>> data = small_corpus(np.random.default_rng(0), train=100, test=10, per_bin=4)
        >>> max(len(pair.source) for pair in data.train) <= 10
        True

    Source: this book.
    Chapter: notebooks/3_recurrent/13_luong.ipynb
    """
    bins = ((3, 4), (5, 6), (7, 8))
    return _splits(rng, _SMALL, (train, test, per_bin), (3, 10), (11, 15), bins)


def _splits(rng, grammar, sizes, lengths, beyond, bins) -> Corpus:
    train, test, per_bin = map(check_size, ("train", "test", "per_bin"), sizes)
    secret, seen, sampler = _some_pairs(rng, grammar), set(), _Sampler(rng, grammar)

    def draw(count, least, most, secrets=False, accept=lambda pair: True):
        found, since = [], 0
        while len(found) < count:
            words, since = sampler.sentence(), since + 1
            fits = least <= len(words) <= most and words not in seen
            fits = fits and secrets == bool(secret & _modified(words))
            if fits and accept(pair := translate(words)):
                seen.add(words)
                found.append(pair)
                since = 0
            if since == _PATIENCE:
                what = f"only {len(found)} of {count} sentences found with {least} to {most} words"
                raise ValueError(f"{what}; the grammar gives no more. Ask for fewer.")
        return found

    def bin_of(pair):
        """Of a sentence with one pronoun: its bin, and whether it is feminine."""
        for low, high in bins:
            if [low <= pronoun.distance <= high for pronoun in pair.pronouns] == [True]:
                return (low, high), pair.target[pair.pronouns[0].target].startswith("elle")
        return None, False

    room = Counter({(edges, elle): (per_bin + elle) // 2 for edges in bins for elle in (0, 1)})

    def has_room(pair):
        room[bin_of(pair)] -= 1
        return room[bin_of(pair)] >= 0

    long = draw(test, *beyond)
    upper_half = ((sum(lengths) + 1) // 2, lengths[1])
    binned = draw(room.total(), *upper_half, accept=has_room)
    by_distance = {edges: [pair for pair in binned if bin_of(pair)[0] == edges] for edges in bins}
    validation, unseen = draw(test, *lengths), draw(test, *lengths)
    held_out = draw(test, *lengths, secrets=True)
    return Corpus(draw(train, *lengths), validation, unseen, held_out, long, by_distance, secret)


def _some_pairs(rng, grammar) -> frozenset[tuple[str, str]]:
    """Pairs to hold out: one for each animal, with adjectives as different as can be."""
    adjectives, nouns = grammar.early["a"] + grammar.late["a"], grammar.nouns["a"]
    order = np.resize(rng.permutation(len(adjectives)), len(nouns))  # begun again where too short
    return frozenset((adjectives[i].english, noun.english[0]) for i, noun in zip(order, nouns))


def _modified(source) -> set[tuple[str, str]]:
    """The pairs (adjective, noun in the singular) of a sentence."""

    def noun_after(place):
        return next(_NOUN_FORMS[word][0] for word in source[place:] if word in _NOUN_FORMS)

    places = [place for place, word in enumerate(source) if word in _ADJECTIVE_FORMS]
    return {(source[place], noun_after(place).english[0]) for place in places}
