"""Text: readers for files, the documentation on this machine, vocabularies and batches."""

import ast
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, SupportsInt

import numpy as np
from jaxtyping import Int
from numpy.random import Generator

from attnutils.shapes import check_size, check_tokens

File = str | Path
Pairs = list[tuple[str, str]]
Words = Sequence[str]

# --- files ---


def read_lines(path: File, *, encoding: str = "utf-8") -> list[str]:
    """Read a file with one sentence on each line, such as the two files of a polarity data set.

    Args:
        path: of the file. Blank lines are left out, and blanks around a sentence.
        encoding: of the file; the films of Pang & Lee (2005) are in "latin-1".
    Returns:
        The sentences.
    Raises:
        ValueError: bytes of another encoding (says line and byte), or an empty file.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "positive.txt")
        ...     _ = file.write_text("a fine film\\n\\nwarm and funny\\n")
        ...     read_lines(file)
        ['a fine film', 'warm and funny']

    Source: this book; the format is that of Pang & Lee (2005).
    Chapter: notebooks/3_recurrent/14_text_classification.ipynb
    """
    return [line for (line,) in _rows(path, encoding, lambda line: [line], "a sentence")]


def read_pairs(path: File, *, columns: tuple[int, int] = (0, 1), encoding: str = "utf-8") -> Pairs:
    """Read sentence pairs from a file with tabs between its columns, as Tatoeba's are.

    Args:
        path: of the file, one pair on each line; further columns (the license) are ignored.
        columns: where source and target stand, from 0. Tatoeba's own downloads, which have a number
            before each sentence, need (1, 3).
        encoding: of the file.
    Returns:
        The pairs (source, target), blanks around them removed.
    Raises:
        ValueError: a line without both columns (says which), bytes of another encoding, or an
            empty file.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "fra.txt")
        ...     _ = file.write_text("Go.\\tVa !\\tCC-BY 2.0\\nRun!\\tCours !\\tCC-BY 2.0\\n")
        ...     read_pairs(file)
        [('Go.', 'Va !'), ('Run!', 'Cours !')]

    Source: this book; the format is Tatoeba's.
    Chapter: notebooks/3_recurrent/12_bahdanau.ipynb
    """

    def cut(line):
        cells = dict(enumerate(line.split("\t")))
        return [cells.get(column, "") for column in columns]

    expected = "sentences in columns {} and {}, with tabs between".format(*columns)
    return _rows(path, encoding, cut, f"{expected}. Are there blanks in place of the tab?")


def read_labelled(path: File, *, label_first: bool = False, encoding: str = "utf-8") -> Pairs:
    """Read labelled sentences: on each line a sentence, a tab and its label.

    Args:
        path: of the file.
        label_first: the label stands before the sentence; then a blank may separate them too.
        encoding: of the file.
    Returns:
        Pairs (sentence, label), the label as it stands there.
    Raises:
        ValueError: a line without sentence or label (says which), bytes of another encoding, or an
            empty file.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "films.txt")
        ...     _ = file.write_text("A fine film.\\t1\\nToo long.\\t0\\n")
        ...     read_labelled(file)
        [('A fine film.', '1'), ('Too long.', '0')]

    Source: this book.
    Chapter: notebooks/3_recurrent/14_text_classification.ipynb
    """

    def cut(line):
        if label_first:
            return reversed([*line.split(None, 1), ""][:2])
        return line.rpartition("\t")[::2]

    order = "a label, a blank, a sentence" if label_first else "a sentence, a tab, a label"
    causes = "Do the labels stand on the other side, or in the file's name (read_lines)?"
    return _rows(path, encoding, cut, f"{order}. {causes}")


def _rows(path, encoding, cut, expected) -> list[tuple[str, ...]]:
    """The lines that are not blank, each cut into its parts, without blanks around them."""
    rows = []
    for number, raw in enumerate(Path(path).read_bytes().splitlines(), start=1):
        try:
            line = raw.decode(encoding).removeprefix("\ufeff").strip(" \r\n")
        except UnicodeDecodeError as error:
            found = f"byte {error.start + 1} is 0x{raw[error.start]:02x}; expected {encoding}"
            cause = "Is the file in another encoding? Try encoding='latin-1'."
            raise ValueError(f"{path}, line {number}, {found}. {cause}") from None
        if line.strip():
            rows.append(tuple(part.strip() for part in cut(line)))
            if not all(rows[-1]):
                raise ValueError(f"{path}, line {number}: {line!r}; expected {expected}")
    if not rows:
        raise ValueError(f"{path} has no text; expected one sentence a line. Is it the right file?")
    return rows


def split_words(text: str) -> list[str]:
    """Cut a sentence into words and marks, in small letters; an elided French word is one of them.

    Args:
        text: any.
    Returns:
        The words and marks, in their order.
    Example:
        >>> split_words("Les chats dorment parce qu'ils chassent. Don't wake them!")
        ['les', 'chats', 'dorment', 'parce', "qu'", 'ils', 'chassent', '.',
         "don't", 'wake', 'them', '!']

    Source: this book.
    Chapter: notebooks/3_recurrent/12_bahdanau.ipynb
    """
    elided = r"\b(?:[cdjlmnst]|(?:lors|puis|jus)?qu)'(?=\w)"
    return re.findall(elided + r"|\w+(?:'\w+)*|[^\w\s]", text.lower().replace("’", "'"))


# --- the documentation on this machine ---


class Docstring(NamedTuple):
    """What a docstring documents, and its text; see ``docstrings``.

    Args:
        module: name of the module, such as "numpy.linalg".
        name: of the function, class or method ("Class.method") in it; "" for the module itself.
        text: the docstring without its indentation.
    Example:
        >>> next(entry.module for entry in docstrings("tqdm") if entry.name == "tqdm.update")
        'tqdm.std'

    Source: this book.
    Chapter: notebooks/3_recurrent/14_text_classification.ipynb
    """

    module: str
    name: str
    text: str


# other names under which a package's documentation speaks of it
_ALIASES = {"numpy": ("np",), "matplotlib": ("mpl", "plt", "pyplot"), "sklearn": ("scikit-learn",)}
_NOT_PUBLIC = {"test", "tests", "testing", "conftest", "setup", "extern", "externals", "vendor"}


def docstrings(packages: str | Sequence[str], *, strip_names: bool = False) -> list[Docstring]:
    """Documentation of the public modules, functions, classes and methods of installed packages.

    Read from the source files: nothing is imported or run, so that no package needs to work, and
    what is written in C is missing. Each text comes once.

    Args:
        packages: names as in ``import numpy``.
        strip_names: remove from each text the names of all packages and the names of its own module
            and function or class, so that they cannot give away where it comes from.
    Returns:
        Module, name within it ("" for the module itself, "Class.method") and text without
        indentation; by package as given, then by module, then as they stand in the file.
    Raises:
        ValueError: no packages, one that is not installed, or one without Python files.
    Example:
        >>> docstrings("tqdm")[0].module
        'tqdm'

    Source: this book.
    Chapter: notebooks/3_recurrent/14_text_classification.ipynb
    """
    packages = [packages] if isinstance(packages, str) else list(packages)
    if not packages:
        raise ValueError("no packages; expected names, as in import numpy.")
    aliases = [name for package in packages for name in (package, *_ALIASES.get(package, ()))]
    found = {}
    for package in packages:
        for module, path in _modules(package):
            for name, text in _documented(path):
                if strip_names:
                    text = _without({*aliases, *module.split("."), *name.split(".")}, text)
                found.setdefault(text, Docstring(module, name, text))
    found.pop("", None)
    return list(found.values())


def documentation_text(packages: str | Sequence[str] = "numpy") -> str:
    """The documentation of Python and of some packages as one text, to train on without a download.

    Python's comes from ``pydoc_data.topics`` and differs from version to version; the packages'
    from ``docstrings``. A line that was there before is left out, since a model would learn to
    repeat it and be tested on what it has seen.

    Args:
        packages: names as in ``import numpy``; an empty list for Python's documentation alone.
    Returns:
        Lines, all different, each ended by a newline; blanks at their ends removed.
    Raises:
        ValueError: a package that is not installed.
    Example:
        >>> text = documentation_text([])
        >>> lines = text.splitlines()
        >>> len(text) > 100_000, len(lines) == len(set(lines))
        (True, True)

    Source: this book.
    Chapter: notebooks/6_models/29_gpt.ipynb
    """
    from pydoc_data.topics import topics

    texts = [topics[name] for name in sorted(topics)]
    texts += [entry.text for entry in docstrings(packages)] if packages else []
    lines = (line.rstrip() for text in texts for line in text.split("\n"))
    return "".join(f"{line}\n" for line in dict.fromkeys(lines) if line)


def _modules(package: str) -> list[tuple[str, Path]]:
    """Names and files of a package's modules, found without importing it."""
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None:
        raise ValueError(f"{package!r} is not installed; expected a name as in import numpy.")
    modules = {}
    for root in map(Path, spec.submodule_search_locations or [str(spec.origin)]):
        for path in [root] if root.suffix == ".py" else root.rglob("*.py"):
            inner = path.with_suffix("").relative_to(root.with_suffix("")).parts
            # a private folder is left out, but numpy keeps its functions in _core
            private = [part for part in inner[:-1] if part[0] == "_" and part != "_core"]
            if not private and _NOT_PUBLIC.isdisjoint(inner):
                modules[".".join((package, *inner)).removesuffix(".__init__")] = path
    if not modules:
        raise ValueError(f"package {package!r} has no Python files; is it written in C?")
    return sorted(modules.items())


def _documented(path: Path) -> Iterator[tuple[str, str]]:
    """Names and docstrings of a file, private ones left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of backslashes in other people's strings
        try:
            tree = ast.parse(path.read_bytes())
        except SyntaxError:  # a template, or written for another Python
            return
    nodes, functions = [("", tree)], ast.FunctionDef | ast.AsyncFunctionDef
    for node in tree.body:
        if isinstance(node, ast.ClassDef | functions):
            nodes.append((node.name, node))
        if isinstance(node, ast.ClassDef):
            methods = (inner for inner in node.body if isinstance(inner, functions))
            nodes += [(f"{node.name}.{method.name}", method) for method in methods]
    for name, node in nodes:
        if not any(part.startswith("_") for part in name.split(".")):
            yield name, ast.get_docstring(node) or ""


def _without(names: set[str], text: str) -> str:
    longest_first = "|".join(map(re.escape, sorted(names - {""}, key=len, reverse=True)))
    name = re.compile(rf"(?<!\w)(?:{longest_first})(?!\w)(?:\.(?=\w))?", re.IGNORECASE)
    return name.sub("", text).strip()


# --- numbers for words ---


class Padded(NamedTuple):
    """Sequences of numbers side by side, padded at the end, and how long each of them is.

    Args:
        ids: ``(batch, length)``, 0 behind the end of a sequence.
        lengths: ``(batch,)``, numbers in each without the padding.
    Example:
        >>> Vocabulary([["cats", "sleep"]]).batch([["cats"], ["cats", "sleep"]])
        Padded(ids=array([[4, 0],
                          [4, 5]]), lengths=array([1, 2]))

    Source: this book.
    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """

    ids: Int[np.ndarray, "batch length"]
    lengths: Int[np.ndarray, " batch"]


class Vocabulary:
    """Numbers for words: 0 padding, 1 beginning, 2 end, 3 unknown, then the words.

    Args:
        sentences: sequences of words. The most frequent word comes first; equally frequent ones in
            alphabetical order.
        least: how often a word must occur to get a number of its own.
        unknown: give any other word the number 3; if False, refuse it.
    Attributes:
        words: word of each number.
        pad: 0; then bos 1, eos 2 and unk 3.
    Raises:
        ValueError: no words, ``least`` below 1, or one string in place of a sequence of words.
    Example:
        >>> vocabulary = Vocabulary([["cats", "sleep"], ["cats", "hunt"]])
        >>> vocabulary.encode(["mice", "sleep"])
        [3, 6]
        >>> vocabulary.batch([["cats", "sleep"], ["hunt"]], eos=True).ids
        array([[4, 6, 2],
               [5, 2, 0]])

    Source: this book.
    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """

    pad, bos, eos, unk = range(4)

    def __init__(self, sentences: Iterable[Words], *, least: int = 1, unknown: bool = True) -> None:
        check_size("least", least)
        counts = Counter(word for sentence in sentences for word in _not_a_string(sentence))
        if not counts:
            raise ValueError("no words; expected sentences, each a sequence of words.")
        marks = ["<pad>", "<bos>", "<eos>", "<unk>"]  # such a word in a sentence is the mark itself
        known = [word for word in counts if counts[word] >= least and word not in marks]
        self.words = marks + sorted(known, key=lambda word: (-counts[word], word))
        self.unknown = unknown
        self._numbers = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._numbers

    def encode(self, sentence: Words) -> list[int]:
        """Numbers of the words; ValueError for an unknown one if the vocabulary refuses those."""
        numbers = [self._numbers.get(word, self.unk) for word in _not_a_string(sentence)]
        if self.unk in numbers and not self.unknown:
            word = sentence[numbers.index(self.unk)]
            raise ValueError(
                f"{word!r} is none of the {len(self)} words known; expected one. "
                "Was the vocabulary built from other sentences? Or use unknown=True."
            )
        return numbers

    def decode(self, ids: Iterable[SupportsInt]) -> list[str]:
        """Words up to the first end mark, without padding and beginning; takes arrays too."""
        ids = _numbers_below(len(self), ids)
        ids = ids[: ids.index(self.eos)] if self.eos in ids else ids
        return [self.words[number] for number in ids if number not in (self.pad, self.bos)]

    def batch(self, sentences: Iterable[Words], *, bos: bool = False, eos: bool = False) -> Padded:
        """Sentences as one array, padded to the longest; with marks of beginning and end if asked.

        The lengths count the marks.
        """
        rows = [[self.bos] * bos + self.encode(s) + [self.eos] * eos for s in sentences]
        if not rows:
            raise ValueError("no sentences; expected at least one.")
        lengths = np.array([len(row) for row in rows])
        ids = np.full((len(rows), lengths.max()), self.pad)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
        return Padded(ids, lengths)


def length_buckets(
    rng: Generator, lengths: Sequence[Hashable] | np.ndarray, batch: int
) -> list[Int[np.ndarray, " count"]]:
    """One pass over examples in batches of equal length, which need no padding, in random order.

    Args:
        rng: draws the order within and of the batches.
        lengths: of each example; pairs of lengths keep both sides equal.
        batch: examples in each batch; the last of a length may hold fewer.
    Returns:
        The positions of each batch's examples.
    Raises:
        ValueError: no examples, or a batch below 1.
    Example:
        >>> sorted(map(len, length_buckets(np.random.default_rng(0), [3, 5, 3, 3, 5], batch=2)))
        [1, 2, 2]

    Source: this book.
    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """
    check_size("batch", batch)
    if not len(lengths):
        raise ValueError("no lengths; expected one for each example.")
    buckets = defaultdict(list)
    for place in rng.permutation(len(lengths)):
        buckets[lengths[place]].append(place)
    cut = []
    for bucket in buckets.values():
        cut += np.split(np.array(bucket), range(batch, len(bucket), batch))
    return [cut[place] for place in rng.permutation(len(cut))]


def _numbers_below(size, ids) -> list[int]:
    ids = [int(number) for number in ids]
    check_tokens("ids", np.array([ids], dtype=int), size)
    return ids


def _not_a_string(sentence: Words) -> Words:
    if isinstance(sentence, str):
        raise ValueError(f"a sentence is the string {sentence!r}; expected words. Use .split().")
    return sentence


class BytePairEncoder:
    """Byte-pair encoding: merge the pair of neighbors that is most frequent, again and again.

    The first 256 tokens are the bytes, so that any text can be encoded and comes back exactly.
    Pairs are merged within words; a blank before a word belongs to it.

    Args:
        merges: pairs of tokens in the order in which they are merged; the first becomes token 256.
            ``train`` finds them.
    Attributes:
        merges: these pairs.
        tokens: the bytes each token stands for.
    Raises:
        ValueError: a pair of tokens that do not exist yet.
    Example:
        >>> encoder = BytePairEncoder.train("low lower lowest", merges=3)
        >>> encoder.tokens[256:]
        [b'lo', b'low', b' low']
        >>> encoder.encode("low lows")
        [257, 258, 115]
        >>> encoder.decode([257, 258, 115])
        'low lows'

    Source: Sennrich et al. (2016), section 3.2; on bytes, Radford et al. (2019), section 2.2.
    Chapter: notebooks/6_models/29_gpt.ipynb
    """

    def __init__(self, merges: Iterable[Sequence[int]]) -> None:
        self.merges = [(left, right) for left, right in merges]
        self.tokens = [bytes([byte]) for byte in range(256)]
        for left, right in self.merges:
            if not (0 <= left < len(self) and 0 <= right < len(self)):
                raise ValueError(
                    f"merge {len(self) - 256} joins {left} and {right}; expected tokens below "
                    f"{len(self)}. Are the merges in the order in which they were found?"
                )
            self.tokens.append(self.tokens[left] + self.tokens[right])
        self._numbers = {pair: 256 + rank for rank, pair in enumerate(self.merges)}

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def train(cls, text: str, merges: int) -> "BytePairEncoder":
        """Find the merges in a text; of equally frequent pairs, the one with the lower numbers.

        Fewer are found where no pair is left that occurs twice. Words are counted once, and after
        a merge only the words that hold its pair are counted anew.
        """
        check_size("merges", merges, least=0)
        words = Counter(_WORDS.findall(text))
        sequences = {word: _bytes(word) for word in words}
        frequency, holders = Counter(), defaultdict(set)

        def recount(word, sign=1):
            for pair in zip(sequences[word], sequences[word][1:]):
                frequency[pair] += sign * words[word]
                holders[pair].add(word)

        for word in words:
            recount(word)
        found = []
        while len(found) < merges and (most := max(frequency.values(), default=0)) > 1:
            best = min(pair for pair, count in frequency.items() if count == most)
            for word in holders.pop(best):
                recount(word, -1)
                sequences[word] = _merge(sequences[word], best, 256 + len(found))
                recount(word)
            found.append(best)
        return cls(found)

    def encode(self, text: str) -> list[int]:
        """Tokens of a text: the merges, in their order, wherever they apply."""
        pieces = _WORDS.findall(text)
        known = {word: self._encode_word(word) for word in set(pieces)}
        return [token for word in pieces for token in known[word]]

    def decode(self, ids: Iterable[SupportsInt]) -> str:
        """Text of some tokens; bytes that form no character become "\ufffd"."""
        joined = b"".join(self.tokens[token] for token in _numbers_below(len(self), ids))
        try:
            return joined.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return joined.decode("utf-8", "replace")

    def _encode_word(self, word):
        sequence = _bytes(word)
        while pairs := [pair for pair in zip(sequence, sequence[1:]) if pair in self._numbers]:
            first = min(pairs, key=self._numbers.get)
            sequence = _merge(sequence, first, self._numbers[first])
        return sequence


_WORDS = re.compile(r" ?\w+| ?[^\w\s]+|\s+(?!\S)|\s")


def _bytes(word):
    return tuple(word.encode("utf-8", "surrogatepass"))  # even half a surrogate pair comes back


def _merge(sequence, pair, number):
    merged = []
    for token in sequence:
        if merged and (merged[-1], token) == pair:
            merged[-1] = number
        else:
            merged.append(token)
    return tuple(merged)
