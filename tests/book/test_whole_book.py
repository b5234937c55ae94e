"""What no single page shows: the table of contents, the ledger of claims, commands and examples."""

import doctest
import importlib
import json
import re
import subprocess
import sys
from pathlib import PurePosixPath

import pytest
from documents import ROOT, Document, fail_for, read_book, tool
from nbformat.v4 import new_code_cell, new_notebook, new_output

BOOK = read_book()
ON_DISK = [
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("notebooks/**/*.ipynb"), *ROOT.glob("book/**/*.md")]
    if ".ipynb_checkpoints" not in path.parts
]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def contents_faults(listed, on_disk):
    """Files missing on either side, and numbers given twice."""
    yield from (f"{name} is not in _toc.yml" for name in sorted(set(on_disk) - set(listed)))
    yield from (
        f"_toc.yml lists {name}, which does not exist"
        for name in sorted(set(listed) - set(on_disk))
    )
    numbers = [name.rpartition("/")[2][:2] for name in listed if name.endswith(".ipynb")]
    if numbers != sorted(set(numbers)):
        yield f"chapters of _toc.yml are not in ascending order, each number once: {numbers}"


def ledger_faults(chapter, ledger):
    """Claims that differ between a chapter's code, its stored outputs and book/claims.json."""
    stored = set(tool("seeds").claims_in(chapter.notebook))
    if stored != set(chapter.claims):
        yield f"the code claims {sorted(chapter.claims)}, outputs hold {sorted(stored)}: `make run`"
    entry = ledger.get(chapter.path.stem, {"claims": [], "code": None})
    if set(entry["claims"]) != stored:
        yield f"the ledger has {sorted(entry['claims'])}, outputs {sorted(stored)}: `make seeds`"
    if entry["code"] != tool("seeds").code_hash(chapter.notebook):
        yield "the code has changed since `make seeds`: repeat it"


def unknown_targets(text, makefile):
    """What code in a page calls ``make …`` that the Makefile does not know."""
    code = "\n".join(
        token.content
        for _, token in Document.page("page.md", text).tokens
        if token.type in ("code_inline", "fence", "code_block")
    )
    named = set(re.findall(r"^\s*(?:\$ )?make ([a-z]+)", code, re.MULTILINE))
    return named - set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def failed_examples(page):
    """Reports of the ``>>>`` examples that do not give what the page prints."""
    blocks = [token.content for _, token in page.tokens if "fence" in token.type]
    test = doctest.DocTestParser().get_doctest(
        "\n".join(block for block in blocks if ">>>" in block), {}, str(page.path), None, 0
    )
    reports = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(
        test, out=reports.append
    )
    return "".join(reports)


def test_table_of_contents():
    assert BOOK.chapters, "no chapters"
    fail_for(contents_faults(BOOK.listed, ON_DISK), "_toc.yml")


@pytest.mark.parametrize("chapter", BOOK.chapters, ids=lambda chapter: chapter.path.stem)
def test_ledger_of_claims(chapter):
    path = tool("seeds").LEDGER
    ledger = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    fail_for(ledger_faults(chapter, ledger), chapter.path)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_make_targets_exist(name):
    assert not unknown_targets(read(name), read("Makefile"))


def test_drawings_are_what_the_script_draws():
    script = [sys.executable, "tools/draw_pages.py", "--check"]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stdout + done.stderr


def test_readme_example_runs():
    example = re.search(r"^```python\n(.*?)^```", read("README.md"), re.M | re.S)
    subprocess.run([sys.executable, "-c", example[1]], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    "page", [page for page in BOOK.pages if ">>>" in page.text], ids=lambda page: page.path.stem
)
def test_examples_of_page(page):
    assert not (reports := failed_examples(page)), reports


# --- Each check can fail -----------------------------------------------------------------------


def test_contents_faults():
    good = ["book/intro.md", "notebooks/1_a/01_b.ipynb", "notebooks/2_a/04_b.ipynb"]
    assert not list(contents_faults(good, good))
    assert list(contents_faults(good[1:], good)) == ["book/intro.md is not in _toc.yml"]
    assert "does not exist" in next(contents_faults(good, good[1:]))
    assert "ascending" in next(contents_faults(good[::-1], good))
    twice = [*good, "notebooks/2_a/04_c.ipynb"]
    assert "each number once" in next(contents_faults(twice, twice))


def test_ledger_faults():
    shown = new_output("display_data", metadata={"attnutils_claim": {"id": "04-x"}})
    cells = [new_code_cell("set_up"), new_code_cell('claim("04-x", 1)', outputs=[shown])]
    chapter = Document(PurePosixPath("04_b.ipynb"), new_notebook(cells=cells))
    code = tool("seeds").code_hash(chapter.notebook)
    assert not list(ledger_faults(chapter, {"04_b": {"code": code, "claims": {"04-x": {}}}}))
    assert "changed" in next(ledger_faults(chapter, {"04_b": {"code": "", "claims": ["04-x"]}}))
    assert "the ledger has []" in next(ledger_faults(chapter, {}))
    cells[1].outputs = []
    assert "outputs hold []" in next(ledger_faults(chapter, {}))


def test_unknown_targets():
    text = "Say `make book` to make haste:\n\n```sh\nmake tea\n```\n"
    assert unknown_targets(text, "book: setup ## x\n") == {"tea"}


def test_failed_examples():
    page = "```python\n>>> 1 + 1\n{}\n```\n"
    assert not failed_examples(Document.page("page.md", page.format(2)))
    assert "Got:" in failed_examples(Document.page("page.md", page.format(3)))


def test_the_page_of_claims_rounds_as_chapters_do(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    ledger = importlib.import_module("ledger")
    claim = {"at_least": 900, "at_most": 1300, "lowest": 1128.9, "highest": 1135.2}
    rows = ledger.table({"01-cliff-at-8": claim | {"deterministic": False}})
    assert "| cliff at 8 | 900 to 1,300 | 1,130 to 1,140 |" in rows
    claim = {"at_most": 1e-9, "lowest": 3e-11, "highest": 3e-11, "deterministic": True}
    assert "| error | at most 1e-09 | 3e-11 (no chance in it) |" in ledger.table(
        {"08-error": claim}
    )


def test_links_of_a_drawing_can_be_followed(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    inline = importlib.import_module("linked_pictures").inline
    shape = '<a xlink:href="a.html" target="_blank">\n <path d=""/></a>'
    text = '<a xlink:href="a.html" target="_blank">\n <text>22 x</text></a>'
    page = inline(f"<?xml?>\n<svg>{shape}{text}<style>*{{}}</style></svg>", 'of "a"')
    assert page.startswith('<svg role="group" class="linked" aria-label="of &quot;a&quot;">')
    assert page.count('<a aria-hidden="true" tabindex="-1" href="a.html">') == 1
    assert page.count('<a href="a.html">') == 1 and "<style" not in page
