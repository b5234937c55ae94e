"""Each rule is silent on a sound chapter and speaks up about a planted fault."""

from pathlib import PurePosixPath

import pytest
import rules
from documents import ROOT, Book, Document
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

TEXT = """## Text

$$ p = 1 $$ (eq-04-one)

See {eq}`eq-04-one`, {numref}`fig-04-sharp`, {cite:p}`a2020b,c2021d`,
[before](../1_intuition/01_soft_lookup.ipynb#the-end), [web](https://example.org), `[no](link)`.

<details><summary>Solution</summary>

$\\mathbb{R}$; `hint("stable-softmax")` gives the first of 3 hints.

</details>

That is all."""
STUB = """def stable_softmax(s):
    return ...

grade("stable-softmax", stable_softmax)"""
SOLVED = """# @title Solution
def solution_stable_softmax(s):
    return s

grade("stable-softmax", solution_stable_softmax)"""


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def picture():
    return new_output("display_data", data={"image/svg+xml": "<svg/>", "text/plain": "<Figure>"})


def error():
    return new_output("error", ename="ZeroDivisionError", evalue="no", traceback=[])


def sound() -> Document:
    """A chapter without a fault; cells are known by their ids."""

    def code(id, source, *outputs, **metadata):
        return new_code_cell(source, id=id, outputs=list(outputs), metadata=metadata)

    figure = {
        "figure": {"caption": "Low temperatures sharpen the weights.", "name": "fig-04-sharp"},
        "image": {"alt": "four falling curves"},
    }
    cells = [
        new_markdown_cell("# Softmax", id="title"),
        new_markdown_cell(TEXT, id="text"),
        code("set-up", "set_up", tags=["hide-input"]),
        code(
            "imports",
            "from attnutils.reference import softmax\nuse_style()\nrng = seed_everything(0)",
        ),
        code(
            "plot",
            "%time\nplot(rng.spawn(3), np.random.default_rng(rng.integers(9)))",
            picture(),
            mystnb=figure,
            tags=["nbval-ignore-output"],
        ),
        code("claim", 'claim("04-sharp", 0.5, at_least=0.4)\npredict("cold")', printed("held")),
        code("stub", STUB, printed("stable-softmax: not attempted yet."), tags=["exercise"]),
        code(
            "solution",
            SOLVED,
            printed("stable-softmax: correct."),
            tags=["solution", "hide-cell"],
            cellView="form",
            jupyter={"source_hidden": True},
        ),
        code("error", "1 / 0", error(), tags=["raises-exception"]),
        new_markdown_cell("## In PyTorch", id="last"),
        code("torch", "import torch", tags=["needs-torch"]),
    ]
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "attnutils": {"cpu_seconds": 3.2},
    }
    for count, cell in enumerate((c for c in cells if c.cell_type == "code"), start=1):
        cell.execution_count = count
    path = PurePosixPath("notebooks/2_mechanism/04_softmax.ipynb")
    return Document(path, new_notebook(cells=cells, metadata=metadata))


def faults(rule, chapter) -> str:
    before = Document.page("notebooks/1_intuition/01_soft_lookup.ipynb", "# Soft\n\n## The end\n")
    book = Book(
        ROOT,
        [],
        [before, chapter],
        "set_up",
        {"a2020b", "c2021d"},
        {"softmax": "attnutils.reference"},
        {"stable-softmax": "04"},
        {"cold": "04"},
    )
    return "\n".join(rule(chapter, book))


# --- What can be done to a cell ----------------------------------------------------------------


def write(text):
    """Add to the cell's source; for code, after what is there."""
    return lambda cell: cell.update(source=f"{cell.source}\n{text}")


def swap(old, new):
    return lambda cell: cell.update(source=cell.source.replace(old, new))


def tag(*names):
    return lambda cell: cell.metadata.update(tags=list(names))


def meta(**values):
    return lambda cell: cell.metadata.update(values)


def show(*outputs):
    return lambda cell: cell.update(outputs=list(outputs))


def count(number):
    return lambda cell: cell.update(execution_count=number)


def figure(**values):
    return lambda cell: cell.metadata.mystnb.figure.update(values)


PLANTED = [  # rule, cell, what is done to it, what the rule must say
    ("is_a_valid_notebook", "text", lambda cell: cell.update(id="a b"), "not a valid notebook"),
    ("is_a_valid_notebook", None, lambda nb: nb.metadata.pop("kernelspec"), "kernelspec is None"),
    ("has_one_title_without_a_number", "title", swap("#", "##"), "does not start with `# Title`"),
    ("has_one_title_without_a_number", "title", swap("# ", "# 4 "), "has a number"),
    ("has_one_title_without_a_number", "text", write("# Again"), "2 headings of level 1"),
    ("has_one_title_without_a_number", "text", write("\n#### Deep"), "has level 4"),
    ("starts_with_the_set_up", "set-up", write("x"), "is not what tools/first_cell.py makes"),
    ("starts_with_the_set_up", "set-up", tag(), "hide-input"),
    ("draws_from_one_seed", "imports", swap("(0)", "(1)"), "expected one call"),
    ("draws_from_one_seed", "plot", write("seed_everything(0)"), "expected one call"),
    ("draws_from_one_seed", "imports", swap("use_style()", ""), "use_style()"),
    ("draws_from_one_seed", "plot", write("np.random.default_rng(3)"), "seed of its own"),
    ("draws_from_one_seed", "plot", write("np.random.default_rng()"), "seed of its own"),
    ("draws_from_one_seed", "plot", write("torch.manual_seed(7)"), "seed of its own"),
    ("draws_from_one_seed", "plot", write("split(x, random_state=1)"), "seed of its own"),
    ("draws_from_one_seed", "plot", write("[f(seed=s) for s in range(3)]"), "seed of its own"),
    ("draws_from_one_seed", "plot", write("S = 3\nf(seed=S + 1)"), "seed of its own"),
    ("cells_are_short", "plot", write("x\n" * 24), "has 26 lines"),
    ("cells_are_short", "claim", show(printed("x\n" * 21)), "prints 21 lines"),
    ("tags_are_known", "plot", tag("hide_input"), "unknown tags ['hide_input']"),
    ("tags_are_known", "plot", write("# NBVAL_SKIP"), "NBVAL comment"),
    ("torch_has_one_section_in_the_numpy_chapters", "plot", tag("needs-torch"), "2 sections"),
    ("nothing_public_is_defined_again", "plot", write("def softmax(s): ..."), "defines `softmax`"),
    ("nothing_public_is_defined_again", "plot", write("softmax = lambda s: s"), "`my_softmax`"),
    ("was_executed_in_order", "plot", count(None), "has execution count None"),
    ("was_executed_in_order", "torch", count(9), "count 9, expected 8"),
    ("was_executed_in_order", "claim", show(), "no output is stored"),
    ("errors_are_on_purpose", "plot", show(error()), "ended in ZeroDivisionError: no"),
    ("errors_are_on_purpose", "error", show(), "raised nothing"),
    ("outputs_are_clean", "claim", show(printed("odd", "stderr")), "wrote to stderr 'odd'"),
    ("outputs_are_clean", "claim", show(printed("50%|####    | 5/10")), "progress bar"),
    ("outputs_are_clean", "claim", show(printed("<f at 0x7f00aa00bb00>")), "0x7f00aa00bb00"),
    ("figures_are_described", "plot", show(picture(), picture()), "shows 2 figures"),
    ("figures_are_described", "plot", show(), "metadata of a figure but stores none"),
    ("figures_are_described", "plot", meta(mystnb={}), "caption ''"),
    ("figures_are_described", "plot", figure(caption="Weights by temperature."), "is no sentence"),
    ("figures_are_described", "plot", figure(caption="One two three four five"), "is no sentence"),
    ("figures_are_described", "plot", figure(name="fig-05-sharp"), "expected fig-04-some-slug"),
    ("figures_are_described", "plot", figure(caption="four falling curves"), "alt text"),
    ("outputs_not_compared_are_few_and_guarded", "claim", tag("nbval-ignore-output"), "2 of 5"),
    (
        "outputs_not_compared_are_few_and_guarded",
        "claim",
        swap("claim", "print"),
        "assert or claim()",
    ),
    ("runs_in_a_minute", None, lambda nb: nb.metadata.update(attnutils={}), "is None"),
    ("runs_in_a_minute", None, lambda nb: nb.metadata.attnutils.update(cpu_seconds=61), "takes 61"),
    ("claims_can_fail", "claim", swap("04-", "05-"), "expected a literal '04-some-slug'"),
    ("claims_can_fail", "claim", swap('"04-sharp"', "name"), "expected a literal"),
    ("claims_can_fail", "claim", write('claim("04-sharp", 1, at_most=2)'), "is used 2 times"),
    ("claims_can_fail", "claim", swap("at_least", "deterministic"), "neither at_least nor at_most"),
    ("predictions_and_exercises_are_known", "claim", swap('"cold"', '"warm"'), "predict('warm')"),
    ("predictions_and_exercises_are_known", "claim", swap('predict("cold")', ""), "no cell calls"),
    ("predictions_and_exercises_are_known", "stub", swap('"stable', '"safe'), "'safe-softmax'"),
    ("exercises_have_stub_and_solution", "stub", tag(), "tag it exercise or solution"),
    ("exercises_have_stub_and_solution", "stub", write("x = 1"), "the last line of a stub"),
    ("exercises_have_stub_and_solution", "stub", show(), "not attempted yet"),
    ("exercises_have_stub_and_solution", "text", swap("hint", "help"), "does not say that hint"),
    ("exercises_have_stub_and_solution", "solution", tag("hide-cell"), "must be the solution"),
    ("exercises_have_stub_and_solution", "solution", tag("solution"), "not folded everywhere"),
    ("exercises_have_stub_and_solution", "solution", meta(cellView=""), "not folded everywhere"),
    ("exercises_have_stub_and_solution", "solution", meta(jupyter={}), "not folded everywhere"),
    (
        "exercises_have_stub_and_solution",
        "solution",
        swap("# @title", "#"),
        "not folded everywhere",
    ),
    ("exercises_have_stub_and_solution", "solution", swap("solution_", ""), "last line is"),
    ("text_works_in_plain_jupyter", "text", write("```{note}\nx\n```"), "directive '```{note}'"),
    ("text_works_in_plain_jupyter", "text", write(":::{tip}\nx\n:::"), "directive ':::{tip}'"),
    ("text_works_in_plain_jupyter", "text", write("{doc}`x`"), "role {doc}"),
    ("text_works_in_plain_jupyter", "text", swap("</summary>\n", "</summary>"), "blank line"),
    ("text_works_in_plain_jupyter", "text", write("\n$$ x $$ (one)"), "equation label 'one'"),
    (
        "text_works_in_plain_jupyter",
        "text",
        write("\n\\begin{align}x\\end{align}\n"),
        "a bare \\begin{…}",
    ),
    ("formulas_are_within_katex", "text", write("$\\mathds{1}$"), "render \\mathds"),
    (
        "formulas_are_within_katex",
        "text",
        write("\n$$\n\\begin{eqnarray}x\\end{eqnarray}\n$$\n"),
        "\\begin{eqnarray}",
    ),
    ("labels_are_defined_once", "text", write("{eq}`eq-04-two`"), "reference to 'eq-04-two'"),
    ("labels_are_defined_once", "text", write("{numref}`Fig. %s <fig-04-b>`"), "to 'fig-04-b'"),
    ("labels_are_defined_once", "plot", figure(name="eq-04-one"), "is defined 2 times"),
    ("citations_are_in_the_bibliography", "text", write("{cite:t}`e2022f`"), "citation 'e2022f'"),
    ("links_resolve", "text", write("[x](02_none.ipynb)"), "there is no notebooks/2_mechanism/02_"),
    ("links_resolve", "text", write('<a href="none.md">x</a>'), "leads nowhere"),
    ("links_resolve", "text", write("![x](none.png)"), "leads nowhere"),
    ("links_resolve", "text", write("[x](#nowhere)"), "names no heading"),
    ("links_resolve", "text", swap("#the-end", "#end"), "anchors are ['soft', 'the-end']"),
    ("links_resolve", "text", write("[x](../../book/bibliography.md)"), "_toc.yml does not list"),
    ("nothing_is_left_to_do", "text", write("TODO: more"), "TODO is left"),
    ("nothing_is_left_to_do", "plot", write("# XXX"), "XXX is left"),
]


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_sound_chapter_has_no_fault(rule):
    assert not faults(rule, sound())


@pytest.mark.parametrize(("name", "cell", "spoil", "said"), PLANTED)
def test_planted_fault_is_found(name, cell, spoil, said):
    chapter = sound()
    spoil(next((c for c in chapter.notebook.cells if c.id == cell), chapter.notebook))
    report = faults(getattr(rules, name), chapter)
    assert said in report


def test_each_rule_has_a_planted_fault():
    assert {rule.__name__ for rule in rules.RULES} == {name for name, *_ in PLANTED}
