"""A French agreement checker, written apart from the corpus that it judges.

It shares nothing with the generator: no table, no code, not even the way of writing the words down.
Forms are derived here by the rules of school grammar (plurals in -x, feminines in -euse, verbs in
-er …), exceptions listed. It reads a sentence from left to right and reports every violation.
"""

import unicodedata

MASCULINE = """chat chien cheval oiseau ours hibou loup lapin âne singe gâteau œuf champignon ballon
panier jardin arbre champ""".split()
FEMININE = """souris tortue chèvre abeille oie grenouille araignée fourmi girafe loutre pomme noix
feuille pierre fleur maison forêt table""".split()
ASPIRATED = {"hibou", "hiboux"}  # le hibou, not l' hibou

BEFORE_THE_NOUN = "beau joli jeune vieux petit grand gros énorme".split()
AFTER_THE_NOUN = """noir blanc gris brun vert rouge lent rapide timide calme curieux
sauvage""".split()
ODD_FEMININES = {"beau": "belle", "vieux": "vieille", "gros": "grosse", "blanc": "blanche"}
BEFORE_VOWELS = {"beau": "bel", "vieux": "vieil"}

NO_OBJECT = "boire attendre courir dormir jouer sauter rêver écouter".split()
OBJECT = """voir aimer craindre entendre vouloir cacher trouver regarder détester suivre éviter
aider apporter choisir""".split()
FEELINGS = "aimer détester craindre".split()  # elle n' aime pas les chats, not "de chat"
EITHER = "chasser manger".split()
ODD_VERBS = {
    "boire": "boit boivent",
    "attendre": "attend attendent",
    "entendre": "entend entendent",
    "courir": "court courent",
    "dormir": "dort dorment",
    "voir": "voit voient",
    "craindre": "craint craignent",
    "vouloir": "veut veulent",
    "suivre": "suit suivent",
    "choisir": "choisit choisissent",
}


def plural(word):
    """Of a noun or an adjective in the masculine."""
    if word[-1] in "sxz":
        return word
    if word.endswith("al"):
        return word[:-2] + "aux"
    return word + ("x" if word.endswith(("eau", "eu")) or word == "hibou" else "s")


def feminine(word):
    """Of an adjective."""
    if word in ODD_FEMININES:
        return ODD_FEMININES[word]
    if word.endswith("eux"):
        return word[:-1] + "se"
    return word if word.endswith("e") else word + "e"


def third_persons(infinitive):
    """Of the present: singular, plural."""
    if infinitive in ODD_VERBS:
        return ODD_VERBS[infinitive].split()
    assert infinitive.endswith("er")
    return infinitive[:-1], infinitive[:-1] + "nt"


def starts_with_vowel(word):
    letter = unicodedata.normalize("NFD", word.replace("œ", "oe"))[0]
    return letter in "aeiou" or (letter == "h" and word not in ASPIRATED)


NOUNS = {}  # form -> {(gender, number)}
for words, gender in ((MASCULINE, "m"), (FEMININE, "f")):
    for noun in words:
        NOUNS.setdefault(noun, set()).add((gender, "s"))
        NOUNS.setdefault(plural(noun), set()).add((gender, "p"))

ADJECTIVES = {}  # form -> (lemma, {(gender, number)})
for lemma in BEFORE_THE_NOUN + AFTER_THE_NOUN:
    of_lemma = {
        ("m", "s"): lemma,
        ("m", "p"): plural(lemma),
        ("f", "s"): feminine(lemma),
        ("f", "p"): feminine(lemma) + "s",
    }
    for key, form in of_lemma.items():
        ADJECTIVES.setdefault(form, (lemma, set()))[1].add(key)
    if lemma in BEFORE_VOWELS:
        ADJECTIVES[BEFORE_VOWELS[lemma]] = (lemma, {("m", "s")})

VERBS = {}  # form -> (infinitive, number)
for infinitive in NO_OBJECT + OBJECT + EITHER:
    for form, number in zip(third_persons(infinitive), "sp"):
        VERBS[form] = infinitive, number

DETERMINERS = {
    "le": ("m", "s"),
    "la": ("f", "s"),
    "l'": ("mf", "s"),
    "un": ("m", "s"),
    "une": ("f", "s"),
    "ce": ("m", "s"),
    "cet": ("m", "s"),
    "cette": ("f", "s"),
    "mon": ("mf", "s"),
    "ma": ("f", "s"),
    "les": ("mf", "p"),
    "ces": ("mf", "p"),
    "mes": ("mf", "p"),
    "de": ("mf", "sp"),
    "d'": ("mf", "sp"),
}
PRONOUNS = {"il": ("m", "s"), "elle": ("f", "s"), "ils": ("m", "p"), "elles": ("f", "p")}
MUST_ELIDE = {"le", "la", "de", "ne", "que"}
ELIDED = {"l'", "d'", "n'", "qu'"}
CONJUNCTIONS = {"et", "mais", "quand", "parce"}
PREPOSITIONS = {"dans", "sous", "derrière"}


def violations(sentence):
    """What is wrong with a sentence: a list of messages, empty for good French.

    ``sentence`` is a string or a list of words, in small letters, an elided word apart: "l' âne".
    """
    words = sentence.split() if isinstance(sentence, str) else list(sentence)
    reader = _Reader(words)
    try:
        reader.sentence()
    except _LostError as lost:
        reader.faults.append(str(lost))
    return reader.faults + list(_elision_faults(words))


def _elision_faults(words):
    for word, following in zip(words, [*words[1:], "."]):
        vowel = starts_with_vowel(following)
        if word in MUST_ELIDE and vowel:
            yield f"no elision: {word} {following}"
        if word in ELIDED and not vowel:
            yield f"elision before a consonant: {word} {following}"
        if word in ("ce", "ma", "beau") and vowel and following not in CONJUNCTIONS:
            yield f"{word} before a vowel: {following}"
        if word in ("cet", "bel", "vieil") and not vowel:
            yield f"{word} before a consonant: {following}"


class _LostError(Exception):
    """The sentence is not built as the checker expects: it cannot read on."""


class _Reader:
    def __init__(self, words):
        self.words, self.at, self.faults = words, 0, []

    @property
    def word(self):
        return self.words[self.at] if self.at < len(self.words) else "."

    def take(self):
        self.at += 1
        return self.words[self.at - 1]

    def fault(self, message):
        self.faults.append(f"{message} (word {self.at} of {' '.join(self.words)})")

    def sentence(self):
        subject = self.clause(None)
        while self.word in CONJUNCTIONS:
            if self.take() == "parce":
                if self.word not in ("que", "qu'"):
                    raise _LostError("parce without que")
                self.take()
            subject = self.clause(subject)
        if self.word != ".":
            raise _LostError(f"not understood from here: {' '.join(self.words[self.at :])}")

    def clause(self, before):
        """Returns gender and number of the subject; ``before`` are those of the clause before."""
        if self.word in PRONOUNS:
            subject = PRONOUNS[self.take()]
            if before is None:
                self.fault("a pronoun for nothing")
            elif subject != before:
                self.fault(f"pronoun {subject} for {before}")
        else:
            if self.word in ("de", "d'"):
                self.fault("de before a subject")
            subject = self.noun_phrase()
        negative = self.word in ("ne", "n'")
        if negative:
            self.take()
        if self.word not in VERBS:
            raise _LostError(f"no verb: {self.word}")
        infinitive, number = VERBS[self.take()]
        if number != subject[1]:
            self.fault(f"verb {number}, subject {subject[1]}")
        if (self.word == "pas") != negative:
            self.fault("half a negation")
        if self.word == "pas":
            self.take()
        if self.word in DETERMINERS:
            if infinitive in NO_OBJECT:
                self.fault(f"{infinitive} takes no object")
            if negative and self.word in ("un", "une"):
                self.fault("pas un: should be pas de")
            if self.word in ("de", "d'") and (not negative or infinitive in FEELINGS):
                self.fault("de without negation, or after a feeling")
            self.noun_phrase()
        elif infinitive in OBJECT:
            self.fault(f"{infinitive} without an object")
        if self.word in PREPOSITIONS:
            self.take()
            if self.word in ("de", "d'"):
                self.fault("de after a preposition")
            self.noun_phrase()
        return subject

    def noun_phrase(self):
        if self.word not in DETERMINERS:
            raise _LostError(f"no determiner: {self.word}")
        determiner = self.take()
        before, after = [], []
        while self.word in ADJECTIVES:
            before.append(self.take())
        if self.word not in NOUNS:
            raise _LostError(f"no noun: {self.word}")
        noun = self.take()
        while self.word in ADJECTIVES:
            after.append(self.take())
        genders, numbers = DETERMINERS[determiner]
        readings = {(g, n) for g, n in NOUNS[noun] if g in genders and n in numbers}
        if not readings:
            self.fault(f"{determiner} {noun}")
            readings = NOUNS[noun]
        for adjective in before + after:
            agreeing = readings & ADJECTIVES[adjective][1]
            if not agreeing:
                self.fault(f"{adjective} with {noun}")
            readings = agreeing or readings
        gender, number = sorted(readings)[0]
        following = (before + [noun])[0]
        if determiner == "mon" and gender == "f" and not starts_with_vowel(following):
            self.fault(f"mon {following}")
        self.places(before, noun, after, number)
        return gender, number

    def places(self, before, noun, after, number):
        if len(before) > 1 or len(after) > 1:
            self.fault("two adjectives side by side")
        for adjective in before:
            lemma, _ = ADJECTIVES[adjective]
            if lemma not in BEFORE_THE_NOUN:
                self.fault(f"{adjective} before {noun}")
            if adjective == "vieux" and number == "s" and starts_with_vowel(noun):
                self.fault(f"vieux {noun}: should be vieil")
        for adjective in after:
            if ADJECTIVES[adjective][0] not in AFTER_THE_NOUN:
                self.fault(f"{adjective} after {noun}")
