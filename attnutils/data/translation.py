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

from attnutils.shapes import check_size

__all__ = ["Corpus", "Pair", "Pronoun", "corpus", "small_corpus", "translate"]


class Pronoun(NamedTuple):
    """Where a pronoun stands and for what: positions in the target, the source, the source."""

    target: int
    source: int
    antecedent: int

    @property
    def distance(self) -> int:
        """Words from the antecedent to the pronoun, in the source."""
        return self.source - self.antecedent


class Pair(NamedTuple):
    """A sentence, its translation, and how they belong together.

    Attributes:
        source: English words.
        target: French words; an elided one keeps its apostrophe ("parce", "qu'", "ils").
        alignment: gold links (target position, source position).
        pronouns: the target's pronouns, from left to right.
    Example:
        >>> print(translate("cats sleep because they hunt"))
        cats sleep because they hunt → les chats dorment parce qu' ils chassent
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignment: frozenset[tuple[int, int]]
    pronouns: tuple[Pronoun, ...]

    def gold(self) -> Bool[np.ndarray, "target source"]:
        """The alignment as an array like attention weights: True where a link is."""
        links = np.zeros((len(self.target), len(self.source)), dtype=bool)
        links[tuple(zip(*self.alignment))] = True
        return links

    def __str__(self) -> str:
        return f"{' '.join(self.source)} → {' '.join(self.target)}"


class Corpus(NamedTuple):
    """The splits of a corpus; no sentence stands in two of them.

    Attributes:
        train: sentences of trained lengths.
        validation: to choose by; drawn like ``unseen``.
        unseen: sentences of trained lengths.
        held_out: each holds an adjective with a noun that it never meets in the other splits.
        long: sentences longer than any in ``train``.
        by_distance: (least, most) words between pronoun and antecedent → sentences of the upper
            half of the trained lengths, with one such pronoun, half of them feminine.
        held_out_pairs: (adjective, noun in the singular), in English.
    """

    train: list[Pair]
    validation: list[Pair]
    unseen: list[Pair]
    held_out: list[Pair]
    long: list[Pair]
    by_distance: dict[tuple[int, int], list[Pair]]
    held_out_pairs: frozenset[tuple[str, str]]


# --- the words ---


class _Noun(NamedTuple):
    english: tuple[str, ...]  # singular, plural
    french: tuple[str, ...]  # singular, plural
    feminine: bool
    kind: str


class _Adjective(NamedTuple):
    english: str
    french: tuple[str, ...]  # masculine, feminine; the same in the plural
    before: bool  # stands before the noun
    kinds: str  # of nouns that it suits


class _Verb(NamedTuple):
    english: tuple[str, ...]  # with a subject in the singular, plural
    french: tuple[str, ...]
    objects: str  # kinds of nouns, "" for none
    alone: bool  # also, or only, without an object
    generic: bool  # takes a bare plural: cats like mice, les chats aiment les souris


# kinds: a animals, f food, t other things, p places; the first nouns serve the small corpus too
_NOUN_TABLE = """
cat cats chat chats m a
dog dogs chien chiens m a
horse horses cheval chevaux m a
bird birds oiseau oiseaux m a
bear bears ours ours m a
owl owls hibou hiboux m a
wolf wolves loup loups m a
rabbit rabbits lapin lapins m a
donkey donkeys âne ânes m a
monkey monkeys singe singes m a
mouse mice souris souris f a
turtle turtles tortue tortues f a
goat goats chèvre chèvres f a
bee bees abeille abeilles f a
goose geese oie oies f a
frog frogs grenouille grenouilles f a
spider spiders araignée araignées f a
ant ants fourmi fourmis f a
giraffe giraffes girafe girafes f a
otter otters loutre loutres f a
cake cakes gâteau gâteaux m f
egg eggs œuf œufs m f
mushroom mushrooms champignon champignons m f
apple apples pomme pommes f f
nut nuts noix noix f f
leaf leaves feuille feuilles f f
ball balls ballon ballons m t
basket baskets panier paniers m t
stone stones pierre pierres f t
flower flowers fleur fleurs f t
garden gardens jardin jardins m p
tree trees arbre arbres m p
field fields champ champs m p
house houses maison maisons f p
forest forests forêt forêts f p
table tables table tables f p
"""

_ADJECTIVE_TABLE = """
small petit petite petits petites before aftp
big grand grande grands grandes before aftp
old vieux vieille vieux vieilles before aftp
beautiful beau belle beaux belles before aftp
pretty joli jolie jolis jolies before aftp
young jeune jeune jeunes jeunes before a
large gros grosse gros grosses before aft
huge énorme énorme énormes énormes before aftp
black noir noire noirs noires after aft
white blanc blanche blancs blanches after aftp
gray gris grise gris grises after aft
slow lent lente lents lentes after a
green vert verte verts vertes after tp
brown brun brune bruns brunes after aft
red rouge rouge rouges rouges after ft
quick rapide rapide rapides rapides after a
shy timide timide timides timides after a
calm calme calme calmes calmes after a
curious curieux curieuse curieux curieuses after a
wild sauvage sauvage sauvages sauvages after a
"""

# objects: kinds of nouns; "-": may stand alone; "*": generic
_VERB_TABLE = """
sleeps sleep dort dorment -
hunts hunt chasse chassent -a*
eats eat mange mangent -f
drinks drink boit boivent -
waits wait attend attendent -
runs run court courent -
sees see voit voient aft
likes like aime aiment af*
fears fear craint craignent a*
hears hear entend entendent a
wants want veut veulent ft
hides hide cache cachent ft
plays play joue jouent -
jumps jump saute sautent -
dreams dream rêve rêvent -
listens listen écoute écoutent -
finds find trouve trouvent aft
watches watch regarde regardent a
hates hate déteste détestent af*
follows follow suit suivent a
avoids avoid évite évitent a
helps help aide aident a
brings bring apporte apportent ft
chooses choose choisit choisissent ft
"""

_NOUNS = [
    _Noun((row[0], row[1]), (row[2], row[3]), row[4] == "f", row[5])
    for row in map(str.split, _NOUN_TABLE.strip().splitlines())
]
_ADJECTIVES = [
    _Adjective(row[0], tuple(row[1:5]), row[5] == "before", row[6])
    for row in map(str.split, _ADJECTIVE_TABLE.strip().splitlines())
]
_VERBS = [
    _Verb((row[0], row[1]), (row[2], row[3]), row[4].strip("-*"), "-" in row[4], "*" in row[4])
    for row in map(str.split, _VERB_TABLE.strip().splitlines())
]
_DETERMINERS = {  # masculine, feminine; the same in the plural
    "the": ("le", "la", "les", "les"),
    "a": ("un", "une"),
    "an": ("un", "une"),
    "this": ("ce", "cette"),
    "these": (None, None, "ces", "ces"),
    "my": ("mon", "ma", "mes", "mes"),
}
_PREPOSITIONS = {
    "in": ("dans", ("garden", "field", "house", "forest")),
    "under": ("sous", ("tree", "table")),
    "behind": ("derrière", ("tree", "house", "garden", "table")),
}
_CONJUNCTIONS = {"because": "parce", "and": "et", "but": "mais", "when": "quand"}
_PRONOUNS = {"it": ("il", "elle"), "they": ("ils", "elles")}
_BEFORE_A_VOWEL = {"le": "l'", "la": "l'", "ne": "n'", "que": "qu'", "de": "d'"} | {
    "ce": "cet",
    "ma": "mon",
}
_VOWELS = "aâeéioœu"  # no h: the h of hibou is aspirated, "le hibou"

_NOUN_FORMS = {noun.english[plural]: (noun, plural) for noun in _NOUNS for plural in (0, 1)}
_ADJECTIVE_FORMS = {adjective.english: adjective for adjective in _ADJECTIVES}
_VERB_FORMS = {verb.english[plural]: (verb, plural) for verb in _VERBS for plural in (0, 1)}
_KNOWN = {*_NOUN_FORMS, *_ADJECTIVE_FORMS, *_VERB_FORMS, *_DETERMINERS, *_PREPOSITIONS}
_KNOWN |= {*_CONJUNCTIONS, *_PRONOUNS, "do", "does", "not", None}


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

    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """
    return _Translator(source.split() if isinstance(source, str) else source).sentence()


class _Translator:
    """Reads English words from left to right and says them in French."""

    def __init__(self, source):
        self.words = (*source, None)  # None: the end
        self.at = 0
        self.target, self.links, self.pronouns = [], [], []
        self.subject = None  # of the last clause: noun, plural, position of the noun

    def sentence(self):
        self.clause()
        while self.words[self.at] in _CONJUNCTIONS:
            self.say(_CONJUNCTIONS[self.words[self.at]], self.at)
            if self.words[self.at] == "because":
                self.say("que", self.at)
            self.at += 1
            self.clause()
        if self.words[self.at] is not None:
            self.refuse("a conjunction, or the end of the sentence")
        for place, following in enumerate(self.target[1:]):
            if following[0] in _VOWELS:
                word = self.target[place]
                self.target[place] = _BEFORE_A_VOWEL.get(word, word)
        links, pronouns = frozenset(self.links), tuple(self.pronouns)
        return Pair(self.words[:-1], tuple(self.target), links, pronouns)

    def clause(self):
        pronoun = self.words[self.at]
        if pronoun in _PRONOUNS:
            noun, plural, antecedent = self.subject or self.refuse("a noun: no clause before")
            if plural != (pronoun == "they"):
                self.refuse(f"the pronoun for {self.words[antecedent]!r}")
            self.pronouns.append(Pronoun(len(self.target), self.at, antecedent))
            self.say(_PRONOUNS[pronoun][noun.feminine], self.at)
            self.at += 1
        else:
            self.subject = noun, plural, _ = self.noun_phrase()
        negation = None
        if self.words[self.at] in ("do", "does"):
            if self.words[self.at] != ("do" if plural else "does"):
                self.refuse("do with a plural, does with a singular")
            negation = self.at = self.at + 1
            if self.words[self.at] != "not":
                self.refuse("'not'")
            self.say("ne", negation)
            self.at += 1
        verb, form = _VERB_FORMS.get(self.words[self.at]) or self.refuse("a verb")
        if form != (1 if negation else plural):
            self.refuse(f"the verb to agree with its subject: {verb.english[1 - form]!r}")
        self.say(verb.french[plural], self.at)
        self.at += 1
        if negation:
            self.say("pas", negation)
        if self.starts_noun_phrase():
            self.noun_phrase(negated=negation is not None)
        if self.words[self.at] in _PREPOSITIONS:
            self.say(_PREPOSITIONS[self.words[self.at]][0], self.at)
            self.at += 1
            self.noun_phrase()

    def noun_phrase(self, negated=False):
        first = self.at
        if self.words[first] in _DETERMINERS:
            self.at += 1
        after_determiner = self.at
        while self.words[self.at] in _ADJECTIVE_FORMS:
            self.at += 1
        noun, plural = _NOUN_FORMS.get(self.words[self.at]) or self.refuse("a noun")
        form = noun.feminine + 2 * plural
        if after_determiner == first:
            if not plural:
                self.refuse("a determiner before it, or the plural")
            self.say("les")
        else:
            self.say(self.determiner(first, form, negated), first)
        places = range(after_determiner, self.at)
        adjectives = [(_ADJECTIVE_FORMS[self.words[place]], place) for place in places]
        phrase = [(a.french[form], place) for a, place in adjectives if a.before]
        phrase.append((noun.french[plural], self.at))
        phrase += [(a.french[form], place) for a, place in reversed(adjectives) if not a.before]
        for (word, place), (following, _) in zip(phrase, [*phrase[1:], ("-", None)]):
            if not plural and following[0] in _VOWELS:
                word = {"beau": "bel", "vieux": "vieil"}.get(word, word)
            self.say(word, place)
        self.at += 1
        return noun, plural, self.at - 1

    def determiner(self, place, form, negated):
        word, following = self.words[place], self.words[place + 1]
        forms = _DETERMINERS[word]
        if form >= len(forms) or forms[form] is None:
            self.refuse(f"a noun in the {'singular' if form > 1 else 'plural'} after {word!r}")
        if word in ("a", "an"):
            if (word == "an") != (following[0] in "aeiou"):
                self.at = place
                self.refuse(f"{'a' if word == 'an' else 'an'!r} before {following!r}")
            if negated:
                return "de"
        return forms[form]

    def starts_noun_phrase(self):
        word = self.words[self.at]
        return word in _DETERMINERS or word in _ADJECTIVE_FORMS or word in _NOUN_FORMS

    def say(self, word, *sources):
        self.links += [(len(self.target), source) for source in sources]
        self.target.append(word)

    def refuse(self, expected):
        word, sentence = self.words[self.at], " ".join(self.words[:-1])
        known = "" if word in _KNOWN else " The word is unknown."
        what = repr(word) if word else "the end"
        raise ValueError(
            f"word {self.at + 1} of {sentence!r} is {what}; expected {expected}.{known}"
        )


# --- drawing sentences ---


class _Grammar(NamedTuple):
    """The words that a corpus uses, and the most clauses in a sentence."""

    nouns: dict[str, list[_Noun]]  # by kind
    adjectives: dict[str, tuple[list[_Adjective], list[_Adjective]]]  # by kind: before, after it
    alone: list[_Verb]
    transitive: list[_Verb]
    places: float  # probability that a clause names a place
    clauses: int


def _grammar(nouns, before, after, alone, transitive, places, clauses) -> _Grammar:
    """The first words of each table; of nouns, by kind, as many feminine as masculine ones."""
    early = [a for a in _ADJECTIVES if a.before][:before]
    late = [a for a in _ADJECTIVES if not a.before][:after]
    return _Grammar(
        {
            kind: [noun for noun in _NOUNS if noun.kind == kind and not noun.feminine][:count]
            + [noun for noun in _NOUNS if noun.kind == kind and noun.feminine][:count]
            for kind, count in nouns.items()
        },
        {k: ([a for a in early if k in a.kinds], [a for a in late if k in a.kinds]) for k in nouns},
        [verb for verb in _VERBS if verb.alone][:alone],
        [verb for verb in _VERBS if verb.objects][:transitive],
        places,
        clauses,
    )


_LARGE = _grammar({"a": 10, "f": 3, "t": 2, "p": 3}, 8, 12, 10, 16, places=0.2, clauses=4)
_SMALL = _grammar({"a": 6, "f": 2, "t": 1}, 4, 4, 5, 6, places=0.0, clauses=2)


_SUBJECT = ("the", "a", "this", "my"), ("the", "these", "my", "")  # singular, plural
_GENERIC = ("the", "this", "my"), ("the", "these", "my", "")  # "ils n'aiment pas de chat" is wrong
_OTHER = ("the", "a", "this", "my"), ("the", "these", "my")


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
        verb = self.verb
        if self.random() < 0.25:
            words += ["do" if plural else "does", "not", verb.english[1]]
        else:
            words.append(verb.english[plural])
        if transitive:
            thing = noun
            while thing is noun:
                thing = self.pick(self.grammar.nouns[self.pick(verb.objects)])
            determiners = _GENERIC if verb.generic else _OTHER
            words += self.noun_phrase(thing, self.random() < 0.5, determiners)
        if self.random() < self.grammar.places:
            preposition = self.pick([*_PREPOSITIONS])
            place, _ = _NOUN_FORMS[self.pick(_PREPOSITIONS[preposition][1])]
            words += [preposition, *self.noun_phrase(place, self.random() < 0.3, _OTHER)]
        return words

    def noun_phrase(self, noun, plural, determiners):
        before, after = self.grammar.adjectives[noun.kind]
        count = self.pick((0, 0, 0, 0, 1, 1, 1, 2))
        words = [self.pick(before), self.pick(after)] if count == 2 else []
        words += [self.pick(before + after)] if count == 1 else []
        words = [adjective.english for adjective in words] + [noun.english[plural]]
        determiner = self.pick(determiners[plural])
        if determiner == "a" and words[0][0] in "aeiou":
            determiner = "an"
        return [determiner, *words] if determiner else words


# --- corpora ---

_PATIENCE = 20_000  # sentences drawn in vain before a corpus is given up


def corpus(
    rng: np.random.Generator, *, train: int = 40_000, test: int = 1_000, per_bin: int = 200
) -> Corpus:
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

    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """
    bins = ((3, 4), (5, 6), (7, 8), (9, 14))
    return _splits(rng, _LARGE, (train, test, per_bin), (3, 20), (21, 30), bins)


def small_corpus(
    rng: np.random.Generator, *, train: int = 8_000, test: int = 500, per_bin: int = 100
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
            if fits and secrets == bool(secret & _modified(words)):
                pair = translate(words)
                if accept(pair):
                    seen.add(words)
                    found.append(pair)
                    since = 0
            if since == _PATIENCE:
                raise ValueError(
                    f"only {len(found)} of {count} sentences found with {least} to {most} words; "
                    "expected a number that the grammar can give. Ask for fewer."
                )
        return found

    def bin_of(pair):
        """Of a sentence with one pronoun: its bin, and whether it is feminine."""
        for pronoun in pair.pronouns if len(pair.pronouns) == 1 else ():
            for low, high in bins:
                if low <= pronoun.distance <= high:
                    return (low, high), pair.target[pronoun.target].startswith("elle")
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
    before, after = grammar.adjectives["a"]
    adjectives, nouns = rng.permutation(len(before + after)), grammar.nouns["a"]
    chosen = [(before + after)[adjectives[i % len(adjectives)]] for i in range(len(nouns))]
    return frozenset((a.english, noun.english[0]) for a, noun in zip(chosen, nouns))


def _modified(source) -> set[tuple[str, str]]:
    """The pairs (adjective, noun in the singular) of a sentence."""
    pairs, adjectives = set(), []
    for word in source:
        if word in _ADJECTIVE_FORMS:
            adjectives.append(word)
        elif adjectives:
            noun = _NOUN_FORMS[word][0].english[0]
            pairs.update((adjective, noun) for adjective in adjectives)
            adjectives = []
    return pairs
