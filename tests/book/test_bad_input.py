"""Faults in the sources fail the build, with the file and the cell in the message."""

import json
import re
import sys

import nbformat
import pytest
from documents import ROOT
from small_book import CHAPTER, INTRO, chapter, small_book

sys.path.append(str(ROOT / "book" / "_ext"))
from faults import missing_outputs, name_cell

FORMULA, LINK, ALT = "KaTeX parse error", "cross-reference target not found", "without alternative"
REPORTED = [  # where, what, and the name of the culprit
    ("04_small.ipynb, cell 2 (text), line 12", "could not find bibtex key", "nobody2020"),
    ("04_small.ipynb, cell 2 (text), line 12", LINK, "05_gone.ipynb"),
    ("04_small.ipynb, cell 2 (text), line 12", LINK, "nowhere"),
    ("04_small.ipynb, cell 2 (text), line 12", FORMULA, r"\frac{a}"),
    ("04_small.ipynb, cell 3 (plot), line 2", ALT, "mystnb.image.alt"),
    ("04_small.ipynb", "cell 4 (solution) was never executed", "make run NB=notebooks/"),
    ("book/intro.md:13", "could not find bibtex key", "nobody2021"),
    ("book/intro.md:13", LINK, "gone.md"),
    ("book/intro.md:13", FORMULA, r"\nope"),
    ("book/intro.md:15", ALT, ":alt:"),
]


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """The report of one build with all faults."""
    book = small_book(tmp_path_factory.mktemp("spoiled"))
    notebook = chapter()
    text, plot, solution = notebook.cells[2:]
    text.source += "\n\n{cite:p}`nobody2020` [gone](05_gone.ipynb) [there](#nowhere) $\\frac{a}$"
    plot.metadata.mystnb.image = {}
    solution.execution_count = None
    book.write(CHAPTER, nbformat.writes(notebook))
    faults = "\n{cite:p}`nobody2021` [gone](gone.md) $\\nope$\n\n![](_assets/cover.svg)\n"
    book.write("book/intro.md", INTRO + faults)
    return book.build()


def test_a_sound_book_builds(tmp_path):
    done = small_book(tmp_path).build()
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout


def test_search_keeps_the_glossary_when_another_page_changes(tmp_path):
    book = small_book(tmp_path)
    for text in (INTRO, INTRO + "\nOne sentence more.\n"):
        book.write("book/intro.md", text)
        assert book.build().returncode == 0
        index = (book.html / "searchindex.js").read_text(encoding="utf-8")
        index = json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))
        assert {"attention", "注意力"} <= index["indexentries"].keys(), text


def test_faults_fail_the_build(spoiled):
    assert spoiled.returncode != 0


@pytest.mark.parametrize(("where", "what", "culprit"), REPORTED)
def test_fault_is_reported_with_its_place(spoiled, where, what, culprit):
    lines = re.sub(r"\x1b\[\d+(;\d+)*m", "", spoiled.stdout).splitlines()
    assert any(where in line and what in line and culprit in line for line in lines), spoiled.stdout


def test_nothing_else_is_reported(spoiled):
    assert spoiled.stdout.count("WARNING") == len(REPORTED)


def test_missing_outputs():
    notebook = chapter()
    assert not list(missing_outputs(notebook, "a.ipynb"))
    for cell in notebook.cells:
        cell.update({"outputs": []} if cell.cell_type == "code" else {})
    assert next(missing_outputs(notebook, "a.ipynb")) == (
        "none of the 3 code cells, cell 1 to 4, has an output: "
        "`make run NB=a.ipynb` executes and stores"
    )


def test_name_cell(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(chapter(), path)
    assert name_cell(f"{path}:30012") == f"{path}, cell 2 (text), line 12"
    for other in (f"{path}:3", f"{path}:990001", f"{path}", "b.ipynb:10001", "a.md:20000"):
        assert name_cell(other) == other
