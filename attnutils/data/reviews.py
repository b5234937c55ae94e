"""Film reviews from a small grammar, built to defeat the counting of words, with their reasons.

========  ==================================================================================
review    the verdict, with up to two other sentences before or after it
verdict   view | aside, but view | although aside, view | view, although aside
view      a thing (the film, the plot, …) and an adjective, perhaps negated or strengthened
aside     of the opposite opinion: a view of another thing, or somebody else's
other     a view of another work, somebody else's, what was expected, or mere facts
========  ==================================================================================

The view in the verdict decides, as in argument: what follows "but" counts, what follows "although"
does not. Its adjective is turned around by a negation ("not in the least dull", "anything but
dull"), not by what only looks like one ("could not have been more dull", "nobody can deny that it
was dull"). No other sentence has a say. So words and pairs of words say little, the rules all.
"""

from typing import NamedTuple

from numpy.random import Generator

from attnutils.shapes import check_size

# --- words ---
# every adjective goes with every thing, and can be strengthened
_ADJECTIVES = (
    """annoying boring clumsy confusing disappointing dull forgettable irritating lifeless
    predictable shallow silly tedious tiresome unconvincing""".split(),
    """amusing charming clever convincing delightful elegant enjoyable exciting funny impressive
    lively memorable moving original touching""".split(),
)
_CHOICES = {
    "WHOLE": "the film | the movie | this film | the whole thing",
    "PART": "the plot | the acting | the music | the script | the dialogue | the ending"
    "| the first hour",
    "OTHER": "the book | the trailer | the play | the first film of the series | the old version",
    "PERSON": "my brother | my sister | my neighbor | the critics | my best friend"
    "| the man beside me",
    "VERY": "very | really | truly | genuinely | extremely",
    "LEAST": "at all | in the least | the least bit | in any way | remotely",
    "DAY": "monday | tuesday | wednesday | thursday | friday | saturday | sunday",
    "TIME": "morning | afternoon | evening",
    "TOWN": "paris | london | dublin | chicago | boston | rome | vienna | madrid",
    "NUMBER": "two | three | four | five | six | seven | eight",
    "FRIEND": "an old friend | my uncle | my aunt | my boss | a student of mine",
    # THING: what the view is about; ADJ: adjectives of one kind; *: decides, as they do
    "DIRECT": """THING was ADJ | THING was VERY ADJ | THING was VERY ADJ | i found THING ADJ
    | i found THING VERY ADJ | i would call THING ADJ | i have to say that THING was VERY ADJ
    | THING could *not have been *more ADJ | THING was *never *less *than ADJ
    | THING was *not *only ADJ but also ADJ | *nobody can *deny that THING was ADJ
    | i *cannot *deny that THING was VERY ADJ | there is *no *doubt that THING was ADJ""",
    "NEGATED": """THING was *not ADJ | THING was *not LEAST ADJ | THING was *not LEAST ADJ
    | THING was *anything *but ADJ | THING was *far *from ADJ | THING was *hardly ADJ
    | i did *not find THING ADJ | i *never found THING ADJ | i would *not call THING ADJ
    | *nobody could call THING ADJ | i *cannot say that THING was ADJ
    | i *cannot say that THING was VERY ADJ | there is *no *reason to call THING ADJ
    | there was *nothing ADJ about THING | at *no *point was THING ADJ""",
    "OPINION": """PERSON found THING ADJ | PERSON called THING VERY ADJ
    | PERSON said that THING was VERY ADJ | PERSON told me that THING was ADJ
    | PERSON could not deny that THING was ADJ""",
    "NEGATED OPINION": """PERSON did not find THING ADJ | PERSON never found THING ADJ
    | PERSON would not call THING ADJ | PERSON said that THING was not LEAST ADJ
    | PERSON told me that THING was anything but ADJ""",
    "HOPE": """i expected THING to be ADJ | i had expected THING to be VERY ADJ
    | i thought that THING would be VERY ADJ | i was told that THING would be ADJ
    | i was sure that THING would be VERY ADJ | i had heard that THING was ADJ
    | from the pictures i thought that THING would be ADJ""",
    "NEUTRAL": """we saw it on a DAY TIME | the cinema was almost empty that TIME
    | i went there on DAY after work | FRIEND gave me the ticket on DAY
    | the story begins in TOWN on a DAY | most of it was shot in TOWN
    | the director grew up in TOWN | it has been shown in TOWN for NUMBER weeks
    | there are NUMBER songs in it | NUMBER of us sat in the first row
    | the tickets cost NUMBER euros each | i saw it in TOWN with FRIEND
    | there was a break of NUMBER minutes | it was late on a DAY TIME""",
}
# --- grammar ---
_WORDS = {slot: [row.split() for row in rows.split("|")] for slot, rows in _CHOICES.items()}
_VIEWS, _OPINIONS, _HOPES = ("DIRECT", "NEGATED"), ("OPINION", "NEGATED OPINION"), ("HOPE", "HOPE")
_LONGEST = 40  # words in a review
_NEGATIONS = 0.4  # share of views: nearer to 0 or 1, and single words say more
_CONTRASTS = 0.4  # share of verdicts: fewer, and pairs say more


class Review(NamedTuple):
    """A review, its label and the words that decide it.

    Args:
        words: small letters; commas and full stops are words of their own.
        label: 1 for praise, 0 for a complaint.
        decisive: positions of the adjective that decides and of what turns it around, or only
            seems to.
        traits: which of "negation", "intensifier" (both: in the view that decides), "contrast",
            "distractor" (an adjective in another sentence) the review holds.
    Example:
        >>> print(Review(("it", "was", "not", "dull", "."), 1, (2, 3), frozenset({"negation"})))
        + it was [not] [dull] .

    Source: this book.
    Chapter: notebooks/3_recurrent/14_text_classification.ipynb
    """

    words: tuple[str, ...]
    label: int
    decisive: tuple[int, ...]
    traits: frozenset[str]

    def __str__(self) -> str:
        return _marked(self.label, self.words, self.decisive)


class Document(NamedTuple):
    """Sentences, one of which decides the label.

    Args:
        sentences: the words of each, as in ``Review``.
        label: 1 for praise, 0 for a complaint.
        target: the sentence that decides.
        decisive: positions in that sentence, as in ``Review``.
    Example:
        >>> print(Document((("we", "sat", "."), ("it", "was", "dull", ".")), 0, 1, (2,)))
          we sat .
        - it was [dull] .

    Source: this book.
    Chapter: notebooks/3_recurrent/15_hierarchical.ipynb
    """

    sentences: tuple[tuple[str, ...], ...]
    label: int
    target: int
    decisive: tuple[int, ...]

    def __str__(self) -> str:
        lines = [f"  {' '.join(words)}" for words in self.sentences]
        lines[self.target] = _marked(self.label, self.sentences[self.target], self.decisive)
        return "\n".join(lines)


def reviews(rng: Generator, count: int) -> list[Review]:
    """Draw reviews of 5 to 40 words, no two alike, half of them praise.

    Args:
        rng: draws everything.
        count: number of reviews.
    Returns:
        Reviews in random order. Guessing scores 1/2.
    Raises:
        ValueError: a count below 1.
    Example:
        >>> import numpy as np
        >>> for review in reviews(np.random.default_rng(0), 3)[1:]:
        ...     print(review)
        - there is [no] [doubt] that the music was [shallow] . the cinema was almost empty that
        evening . the director grew up in madrid .
        + we saw it on a wednesday morning . there is no reason to call the dialogue memorable ,
        but i would [not] call this film [dull] . the story begins in london on a thursday .

    Source: this book.
    Chapter: notebooks/3_recurrent/14_text_classification.ipynb
    """
    return _distinct(rng, count, _Writer(rng).review)


def documents(rng: Generator, count: int, *, least: int = 3, most: int = 12) -> list[Document]:
    """Draw longer reviews as sentences of which one, anywhere, holds the verdict.

    Half of the other sentences hold an adjective that has no say. No two documents are alike, half
    of them are praise.

    Args:
        rng: draws everything.
        count: number of documents.
        least: fewest sentences in a document.
        most: most sentences in a document; each number between is equally likely.
    Returns:
        Documents in random order. Guessing scores 1/2.
    Raises:
        ValueError: a size below 1, or ``most`` below ``least``.
    Example:
        >>> import numpy as np
        >>> print(documents(np.random.default_rng(0), 1, most=3)[0])
          we saw it on a monday evening .
          i expected the first hour to be tedious .
        - the music was [boring] .

    Source: this book.
    Chapter: notebooks/3_recurrent/15_hierarchical.ipynb
    """
    check_size("least", least), check_size("most", most, least=least)
    writer, lengths = _Writer(rng), range(least, most + 1)
    return _distinct(rng, count, lambda praise: writer.document(praise, writer.pick(lengths)))


def _distinct(rng, count, draw) -> list:
    """Half of them praise, in random order, no two with the same words."""
    drawn = {}
    for praise in (rng.permutation(check_size("count", count)) % 2 == 1).tolist():
        item = draw(praise)
        while item[0] in drawn:
            item = draw(praise)
        drawn[item[0]] = item
    return list(drawn.values())


def _marked(label, words, decisive) -> str:
    marked = (f"[{word}]" if place in decisive else word for place, word in enumerate(words))
    return " ".join(["-+"[label], *marked])


class _Writer:
    """Draws sentences, as lists of words, with what is known about them."""

    def __init__(self, rng):
        self.random = rng.random

    def pick(self, choices):
        return choices[int(self.random() * len(choices))]

    def review(self, praise):
        verdict, decisive, traits = self.verdict(praise)
        before, after = [], []
        for _ in range(self.pick((0, 1, 2))):
            other, has_adjective = self.other()
            if len(before) + len(verdict) + len(after) + len(other) <= _LONGEST:
                side = self.pick((before, after))
                side += other
                if has_adjective:
                    traits.add("distractor")
        positions = tuple(len(before) + position for position in decisive)
        return Review((*before, *verdict, *after), int(praise), positions, frozenset(traits))

    def document(self, praise, length):
        sentences = [tuple(self.other()[0]) for _ in range(length)]
        target = self.pick(range(length))
        verdict, decisive, _ = self.verdict(praise)
        sentences[target] = tuple(verdict)
        return Document(tuple(sentences), int(praise), target, tuple(decisive))

    def verdict(self, praise):
        """The sentence that decides, the positions in it that do, and its traits."""
        thing = self.thing("WHOLE", "PART")
        words, decisive, traits = self.view(_VIEWS, thing, praise)
        if self.random() < _CONTRASTS:
            aside = self.aside(thing, not praise)
            before = self.pick(([*aside, ",", "but"], ["although", *aside, ","], []))
            words = [*before, *words] if before else [*words, ",", "although", *aside]
            decisive = [len(before) + position for position in decisive]
            traits.add("contrast")
        return [*words, "."], decisive, traits

    def aside(self, thing, praise):
        """A view of another thing, or somebody else's."""
        if self.random() < 0.5:
            return self.view(_OPINIONS, self.thing("WHOLE", "PART"), praise)[0]
        other = thing
        while other is thing:
            other = self.thing("PART")
        return self.view(_VIEWS, other, praise)[0]

    def other(self):
        """A sentence that has no say, and whether it holds an adjective."""
        if self.random() < 0.5:
            return [*self.fill(self.pick(_WORDS["NEUTRAL"]))[0], "."], False
        praise = self.random() < 0.5
        views, *slots = self.pick(
            ((_VIEWS, "OTHER"), (_OPINIONS, "WHOLE", "PART"), (_HOPES, "WHOLE", "PART"))
        )
        return [*self.view(views, self.thing(*slots), praise)[0], "."], True

    def thing(self, *slots):
        return self.pick(_WORDS[self.pick(slots)])

    def view(self, views, thing, praise):
        """An opinion, perhaps negated: its words, the positions that decide, its traits."""
        negated = self.random() < _NEGATIONS
        template = self.pick(_WORDS[views[negated]])
        words, decisive = self.fill(template, thing, _ADJECTIVES[praise != negated])
        strong = not {"VERY", "LEAST", "*more"}.isdisjoint(template)
        traits = {"negation": negated, "intensifier": strong}
        return words, decisive, {trait for trait, holds in traits.items() if holds}

    def fill(self, template, thing=None, adjectives=None):
        words, decisive = [], []
        for token in template:
            if token == "ADJ" or token[0] == "*":
                decisive.append(len(words))
            if token == "ADJ":
                adjective = self.pick(adjectives)
                while adjective in words:
                    adjective = self.pick(adjectives)
                words.append(adjective)
            elif token in _WORDS:
                words += self.pick(_WORDS[token])
            else:
                words += thing if token == "THING" else [token.lstrip("*")]
        return words, decisive
