"""Readers, documentation, vocabularies, buckets, byte pairs: what they give, what they refuse."""

import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnutils.data import text
from attnutils.data.text import (
    BytePairEncoder,
    Vocabulary,
    docstrings,
    documentation_text,
    length_buckets,
    read_labelled,
    read_lines,
    read_pairs,
    split_words,
)


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "data.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


# --- files ---


def test_pairs(file):
    path = file("\ufeffGo.\tVa !\tCC-BY 2.0 (France)\r\n\r\nHi.\t Salut ! \n")
    assert read_pairs(path) == read_pairs(str(path)) == [("Go.", "Va !"), ("Hi.", "Salut !")]
    assert read_pairs(file("12\tGo.\t34\tVa !\n"), columns=(1, 3)) == [("Go.", "Va !")]
    assert read_pairs(file("ça\toui\n".encode("latin-1")), encoding="latin-1") == [("ça", "oui")]


def test_labelled_lines(file):
    assert read_labelled(file("fine film\t1\ntoo\tlong\t0")) == [
        ("fine film", "1"),
        ("too\tlong", "0"),
    ]
    given = file("pos a fine film\nneg\ttoo long\n")
    assert read_labelled(given, label_first=True) == [("a fine film", "pos"), ("too long", "neg")]
    assert read_lines(file("\n a fine film \ntoo long\t\n\n")) == ["a fine film", "too long"]


def test_split_words():
    assert split_words("L’âne, qu'il voit, s'arrête.") == [
        *("l'", "âne", ",", "qu'", "il", "voit", ",", "s'", "arrête", ".")
    ]
    assert split_words("I don't; it's 3 €!") == ["i", "don't", ";", "it's", "3", "€", "!"]
    assert split_words("lorsqu'elle aujourd'hui") == ["lorsqu'", "elle", "aujourd'hui"]
    assert split_words("") == []


NOT_UTF8 = "Go.\tVa !\nHey.\tÉcoute !\n".encode("latin-1")


@pytest.mark.parametrize(
    "read, content, messages",
    [
        (
            read_pairs,
            "Go.\tVa !\n\nRun!\n",
            ["line 3: 'Run!'; expected sentences in columns 0 and 1"],
        ),
        (read_pairs, "Go.\t\tCC-BY\n", ["line 1: ", "with tabs between"]),
        (read_pairs, "Go.    Va !\n", ["line 1", "Are there blanks in place of the tab?"]),
        (read_pairs, NOT_UTF8, ["line 2, byte 6 is 0xc9; expected utf-8", "encoding='latin-1'"]),
        (read_labelled, NOT_UTF8, ["line 2, byte 6 is 0xc9"]),
        (read_lines, NOT_UTF8, ["line 2, byte 6 is 0xc9"]),
        (read_labelled, "fine\t1\nlong 0\n", ["line 2: 'long 0'; expected a sentence, a tab"]),
        (read_labelled, "\t1\n", ["line 1", "expected a sentence, a tab, a label"]),
        *((read, "", ["has no text"]) for read in (read_pairs, read_labelled, read_lines)),
        (read_lines, " \n\t\n", ["has no text"]),
    ],
)
def test_bad_files_are_named(read, content, messages, file):
    path = file(content)
    with pytest.raises(ValueError) as error:
        read(path)
    assert all(message in str(error.value) for message in [str(path), *messages])


def test_a_label_alone_before_nothing(file):
    with pytest.raises(ValueError, match="line 1: 'pos'; expected a label, a blank, a sentence"):
        read_labelled(file("pos\n"), label_first=True)


# --- documentation ---

PACKAGE = {
    "__init__.py": '"""The sample package.\n\n    Indented.\n    """\n',
    "public.py": '''
"""A module about sample.public."""
def one():
    """Return sample one,
    or two."""
    def inner():
        """Not seen."""
def _hidden():
    """Not seen."""
def bare(): pass
class Thing:
    """A thing \\d."""
    def method(self):
        """Its method."""
    def again(self):
        """Return sample one,
        or two."""
    def _private(self):
        """Not seen."""
async def later():
    """Comes later."""
''',
    "broken.py": '"""Not seen."""\nprint "old"\n',
    "_inner/hidden.py": '"""Not seen."""',
    "_core/seen.py": '"""Seen."""',
    "_single.py": '"""Seen too."""',
    "tests/test_it.py": '"""Not seen."""',
    "needs.py": 'import no_such_library\nraise SystemExit\n"""Not a docstring."""',
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    for name, content in PACKAGE.items():
        path = tmp_path / "sample" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.syspath_prepend(tmp_path)


def test_docstrings(package):
    found = docstrings("sample")
    assert [(entry.module, entry.name, entry.text) for entry in found] == [
        ("sample", "", "The sample package.\n\nIndented."),
        ("sample._core.seen", "", "Seen."),
        ("sample._single", "", "Seen too."),
        ("sample.public", "", "A module about sample.public."),
        ("sample.public", "one", "Return sample one,\nor two."),
        ("sample.public", "Thing", "A thing \\d."),
        ("sample.public", "Thing.method", "Its method."),
        ("sample.public", "later", "Comes later."),
    ]
    assert "sample" not in sys.modules
    assert docstrings(["sample"]) == found


def test_names_can_be_stripped(package):
    found = {
        (entry.module, entry.name): entry.text for entry in docstrings("sample", strip_names=True)
    }
    assert found["sample.public", "one"] == "Return  ,\nor two."
    assert found["sample.public", "Thing"] == "A  \\d."
    assert found["sample.public", "Thing.method"] == "Its ."
    assert not any("sample" in value for value in found.values())


def test_docstrings_of_real_libraries():
    found = docstrings(["numpy", "tqdm"])
    assert len(found) > 1_000
    assert len({entry.text for entry in found}) == len(found)
    assert {entry.module.split(".")[0] for entry in found} == {"numpy", "tqdm"}
    by_name = {(entry.module, entry.name): entry.text for entry in found}
    name = next(key for key in by_name if key[1] == "moveaxis")
    assert by_name[name].startswith("Move axes of an array to new positions.\n\nOther axes remain")
    stripped = docstrings("tqdm", strip_names=True)
    assert not [e for e in stripped if Counter(split_words(e.text)) & Counter(["tqdm"])]


def test_nothing_is_imported_and_nothing_printed():
    code = (
        "import sys; from attnutils.data.text import docstrings; "
        "docstrings(['tqdm']); assert not {'tqdm', 'torch'} & {*sys.modules}"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_module_of_one_file():
    assert docstrings("threadpoolctl")[0].module == "threadpoolctl"


def test_documentation_text():
    alone, more = documentation_text([]), documentation_text()
    lines = more.splitlines()
    assert len(lines) == len(set(lines)) and all(line == line.rstrip() != "" for line in lines)
    assert more.startswith(alone) and len(more) > len(alone) + 500_000
    assert documentation_text("tqdm") == documentation_text(["tqdm"]) != alone
    assert "if" in alone and "numpy" in more


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: docstrings([]), "no packages"),
        (lambda: docstrings("no_such_package"), "'no_such_package' is not installed"),
        (lambda: docstrings("scikit-learn"), "'scikit-learn' is not installed; expected a name as"),
        (lambda: docstrings("math"), "'math' has no Python files"),
        (lambda: documentation_text(["no_such_package"]), "is not installed"),
    ],
)
def test_bad_packages_are_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


# --- vocabulary and batches ---

SENTENCES = [["the", "cat", "sees", "the", "mouse"], ["cats", "sleep"], ["the", "cat", "sleeps"]]


def test_vocabulary():
    vocabulary = Vocabulary(SENTENCES)
    assert vocabulary.words[:4] == ["<pad>", "<bos>", "<eos>", "<unk>"]
    assert vocabulary.words[4:] == ["the", "cat", "cats", "mouse", "sees", "sleep", "sleeps"]
    assert (vocabulary.pad, vocabulary.bos, vocabulary.eos, vocabulary.unk) == (0, 1, 2, 3)
    assert len(vocabulary) == 11 and "cat" in vocabulary and "dog" not in vocabulary
    assert vocabulary.encode(["the", "dog"]) == [4, 3]
    for sentence in SENTENCES:
        assert vocabulary.decode(vocabulary.encode(sentence)) == sentence
    assert vocabulary.decode(np.array([1, 4, 5, 3, 2, 5, 0])) == ["the", "cat", "<unk>"]
    assert vocabulary.decode([]) == []
    assert Vocabulary(SENTENCES, least=2).words[4:] == ["the", "cat"]
    assert Vocabulary(reversed(SENTENCES)).words == vocabulary.words
    assert Vocabulary([("pair", "of")]).encode(("of",)) == [4]


def test_batch():
    vocabulary = Vocabulary(SENTENCES)
    ids, lengths = vocabulary.batch(SENTENCES, bos=True, eos=True)
    assert ids.dtype == np.int64 and ids.shape == (3, 7)
    assert lengths.tolist() == [7, 4, 5]
    assert ids[1].tolist() == [1, 6, 9, 2, 0, 0, 0]
    assert [vocabulary.decode(row) for row in ids] == SENTENCES
    assert vocabulary.batch([[], ["cat"]]).ids.tolist() == [[0], [5]]
    assert vocabulary.batch([[]], eos=True).lengths.tolist() == [1]


def test_length_buckets(rng):
    lengths = [(int(a), int(b)) for a, b in rng.integers(3, 8, size=(500, 2))]
    batches = length_buckets(rng, lengths, 8)
    assert sorted(np.concatenate(batches)) == list(range(500))
    assert all(len({lengths[place] for place in batch}) == 1 for batch in batches)
    assert max(map(len, batches)) == 8
    assert sum(len(batch) < 8 for batch in batches) <= len(set(lengths))
    firsts = [lengths[batch[0]] for batch in batches]
    assert firsts != sorted(firsts)
    one, other = (length_buckets(np.random.default_rng(seed), lengths, 8) for seed in (1, 1))
    assert all((a == b).all() for a, b in zip(one, other))
    assert len(length_buckets(rng, np.array([4, 4, 5]), 2)) == 2


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Vocabulary([]), "no words"),
        (lambda: Vocabulary([[], []]), "no words"),
        (lambda: Vocabulary(["cats sleep"]), "a sentence is the string 'cats sleep'"),
        (lambda: Vocabulary(SENTENCES, least=0), "least is 0"),
        (lambda: Vocabulary(SENTENCES).encode("cats"), "Use .split()"),
        (lambda: Vocabulary(SENTENCES).decode([4, 11]), "ids run from 4 to 11; expected 0 to 10"),
        (lambda: Vocabulary(SENTENCES).decode([-1]), "ids run from -1 to -1; expected 0 to 10"),
        (lambda: Vocabulary(SENTENCES).batch([]), "no sentences"),
        (
            lambda: Vocabulary(SENTENCES, unknown=False).encode(["the", "dog"]),
            "'dog' is none of the 11 words known",
        ),
        (lambda: length_buckets(RNG, [1], 0), "batch is 0"),
        (lambda: length_buckets(RNG, [], 1), "no lengths"),
        (lambda: BytePairEncoder.train("text", -1), "merges is -1"),
        (
            lambda: BytePairEncoder([(97, 256)]),
            "merge 0 joins 97 and 256; expected tokens below 256",
        ),
        (lambda: BytePairEncoder([(97, -1)]), "merge 0 joins 97 and -1"),
        (lambda: BytePairEncoder([]).decode([256]), "ids run from 256 to 256; expected 0 to 255"),
        (lambda: BytePairEncoder([]).decode([7, -1]), "ids run from -1 to 7"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


# --- byte pairs ---

CORPUS = "the cats sleep because they hunt; the mice sleep because the cats do not hunt\n" * 3
ENCODER = BytePairEncoder.train(CORPUS, 40)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec=None, exclude_categories=[]), max_size=60))
def test_any_text_comes_back(string):
    assert ENCODER.decode(ENCODER.encode(string)) == string


@pytest.mark.parametrize(
    "string", ["", " ", "\n\n  x\t", "a\u2028b", "\ud800 half", "日本 🐭 œuf é", "\x00"]
)
def test_odd_text_comes_back(string):
    assert ENCODER.decode(ENCODER.encode(string)) == string


def slow_merges(string, merges):
    """Byte-pair encoding as one would first write it: count all pairs anew for each merge."""
    pieces = [list(word.encode()) for word in text._WORDS.findall(string)]
    found = []
    while len(found) < merges:
        counts = Counter(pair for piece in pieces for pair in zip(piece, piece[1:]))
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < 2:
            break
        for piece in pieces:
            place = 0
            while place < len(piece) - 1:
                if (piece[place], piece[place + 1]) == best:
                    piece[place : place + 2] = [256 + len(found)]
                place += 1
        found.append(best)
    return found, [token for piece in pieces for token in piece]


@pytest.mark.parametrize(
    "string", [CORPUS, "aaaa aaa aa aaaaaaa", "abab abab ba", "x", "", "a b c d"]
)
@pytest.mark.parametrize("merges", [0, 1, 7, 100])
def test_byte_pairs_equal_the_slow_way(string, merges):
    expected, tokens = slow_merges(string, merges)
    encoder = BytePairEncoder.train(string, merges)
    assert encoder.merges == expected
    assert encoder.encode(string) == tokens
    assert len(encoder) == 256 + len(expected) == len(encoder.tokens)


@settings(max_examples=100, deadline=None)
@given(st.text("ab c", max_size=60))
def test_byte_pairs_equal_the_slow_way_on_any_text(string):
    assert BytePairEncoder.train(string, 10).merges == slow_merges(string, 10)[0]


def test_ties_go_to_the_lower_pair():
    assert BytePairEncoder.train("ba\nba\nab\nab", 1).merges == [(97, 98)]
    assert BytePairEncoder.train("ba\nba\nba\nab\nab", 1).merges == [(98, 97)]


def test_merges_can_be_stored_and_read():
    again = BytePairEncoder([list(pair) for pair in ENCODER.merges])
    assert again.encode(CORPUS) == ENCODER.encode(CORPUS)
    assert len(ENCODER.encode(CORPUS)) < len(CORPUS) / 4


def test_broken_bytes_are_shown():
    assert BytePairEncoder([]).decode([0xC3, 97]) == "\ufffda"


def test_training_is_fast():
    documentation = documentation_text([])[:200_000]
    start = time.process_time()
    encoder = BytePairEncoder.train(documentation, 500)
    assert time.process_time() - start < 20  # 1 or 2 for a megabyte where types are not checked
    assert len(encoder) == 756
    assert encoder.decode(encoder.encode(documentation)) == documentation


def test_a_mark_spelled_out_is_the_mark():
    vocabulary = Vocabulary([["a", "<unk>", "<eos>"]])
    assert vocabulary.words == ["<pad>", "<bos>", "<eos>", "<unk>", "a"]
    assert vocabulary.encode(["<unk>", "a", "<eos>"]) == [3, 4, 2]
