"""Each exercise accepts its solution and tells a learner which of the known mistakes was made."""

import ast
from pathlib import PurePosixPath

import numpy as np
import pytest
from documents import Document, calls, fail_for, first, read_book, tags, tree
from nbformat.v4 import new_code_cell, new_notebook

from attnutils import grading
from attnutils.grading import Exercise, Prediction, Variant, assess

CHAPTERS = {chapter.number: chapter for chapter in read_book().chapters}
EXERCISES = grading.exercises()
WRITTEN = [name for name, exercise in EXERCISES.items() if exercise.chapter in CHAPTERS]


def solution(chapter, name):
    """What the chapter's solution cell grades, standing on the chapter's imports alone."""
    cell = next(
        (
            cell
            for _, cell in chapter.code
            if "solution" in tags(cell) and name in map(first, calls(cell, "grade"))
        ),
        None,
    )
    assert cell, f"{chapter.path} has no cell tagged solution that calls grade({name!r}, …)"
    imports = [
        ast.unparse(node)
        for _, other in chapter.code
        for node in tree(other).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    graded, namespace = {}, {}
    exec("\n".join(imports), namespace)
    namespace["grade"] = graded.__setitem__
    exec(cell.source, namespace)
    return graded[name]


def exercise_faults(exercise):
    if len(exercise.variants) < 3 or len(exercise.hints) < 2:
        yield (
            f"{len(exercise.variants)} wrong variants and {len(exercise.hints)} hints, "
            "expected at least three and two"
        )
    if not (verdict := assess(exercise.id, exercise.reference)).passed:
        yield f"the reference does not pass: {verdict.message}"
    for variant in exercise.variants:
        # Two variants that are equal on the grading input would get the same verdict.
        verdict = assess(exercise.id, variant.function)
        if (verdict.passed, verdict.variant) != (False, variant.name):
            yield (
                f"variant {variant.name!r} is taken for {verdict.variant!r}: {verdict.message} "
                "Choose cases on which it differs from the reference and all other variants."
            )
        elif not variant.diagnosis or variant.diagnosis not in verdict.message:
            yield f"variant {variant.name!r} is refused without its diagnosis: {verdict.message}"
    for what in ("name", "diagnosis"):
        if len({getattr(variant, what) for variant in exercise.variants}) < len(exercise.variants):
            yield f"two variants share a {what}"


def prediction_faults(prediction):
    if list(prediction.options) != ["a", "b", "c"] or prediction.answer not in prediction.options:
        yield f"options {list(prediction.options)}, answer {prediction.answer!r}; expected a, b, c"
    feedback = {text.strip() for _, text in prediction.options.values()} - {""}
    if len(feedback) < len(prediction.options):
        yield "two options have the same feedback, or one has none: name each misconception"


def with_chapter(name):
    """A test's id, so that ``pytest -k 04`` finds all of chapter 04."""
    return f"{(EXERCISES | grading.predictions())[name].chapter}-{name}"


@pytest.mark.parametrize("name", EXERCISES, ids=with_chapter)
def test_exercise(name):
    fail_for(exercise_faults(EXERCISES[name]), f"exercise {name!r} in attnutils/exercises")


@pytest.mark.parametrize("name", grading.predictions(), ids=with_chapter)
def test_prediction(name):
    prediction = grading.predictions()[name]
    fail_for(prediction_faults(prediction), f"prediction {name!r} in attnutils/exercises")


@pytest.mark.parametrize("name", WRITTEN, ids=with_chapter)
def test_solution_passes(name):
    chapter = CHAPTERS[EXERCISES[name].chapter]
    try:
        verdict = assess(name, solution(chapter, name))
    except NameError as error:
        pytest.fail(f"{chapter.path}, solution of {name!r}: {error}; it may use imports alone")
    assert verdict.passed, f"{chapter.path}, solution of {name!r}: {verdict.message}"


def test_at_least_25_mistakes_are_known():
    assert sum(len(exercise.variants) for exercise in EXERCISES.values()) >= 25


# --- Each check can fail -----------------------------------------------------------------------


def halved(x):
    return x / 2


DOUBLE, HALF, NONE = (
    Variant("doubled", lambda x: 2 * x, "Twice."),
    Variant("halved", halved, "Half."),
    Variant("zero", lambda x: 0 * x, "All zero."),
)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"variants": (DOUBLE, HALF)}, "expected at least three"),
        ({"hints": ("only one",)}, "1 hints"),
        (
            {"variants": (DOUBLE, HALF, Variant("twice", lambda x: x + x, "Sum."))},
            "taken for 'doubled'",
        ),
        (
            {"variants": (DOUBLE, HALF, Variant("same", lambda x: x, "No."))},
            "taken for None: correct",
        ),
        (
            {"variants": (DOUBLE, HALF, Variant("zero", lambda x: 0 * x, "Half."))},
            "share a diagnosis",
        ),
        (
            {"variants": (DOUBLE, HALF, Variant("zero", lambda x: 0 * x, ""))},
            "without its diagnosis",
        ),
        ({"cases": lambda rng: [(np.zeros(2),)]}, "taken for None"),
    ],
)
def test_faulty_exercise_is_caught(changes, fault, monkeypatch):
    good = {
        "variants": (DOUBLE, HALF, NONE),
        "hints": ("look", "copy"),
        "cases": lambda rng: [(rng.normal(size=3),)],
    }
    planted = Exercise("planted", "04", "planted(x)", lambda x: x, **good | changes)
    monkeypatch.setattr(grading, "exercises", lambda: {"planted": planted})
    faults = "\n".join(exercise_faults(planted))
    assert fault in faults if fault else not faults


def test_solution_may_use_imports_alone():
    def graded(result):
        source = f'def solution_f(x):\n    return {result}\n\ngrade("planted", solution_f)'
        cells = [new_code_cell("import math\nfactor = 2"), new_code_cell(source)]
        cells[1].metadata.tags = ["solution"]
        return solution(Document(PurePosixPath("04_b.ipynb"), new_notebook(cells=cells)), "planted")

    assert graded("math.sqrt(x)")(4) == 2
    with pytest.raises(NameError):
        graded("factor * x")(4)


@pytest.mark.parametrize(
    ("options", "answer", "faulty"),
    [
        ({"a": ("x", "no: p"), "b": ("y", "yes"), "c": ("z", "no: q")}, "b", False),
        ({"a": ("x", "no"), "b": ("y", "yes"), "c": ("z", "no")}, "b", True),
        ({"a": ("x", "no: p"), "b": ("y", "yes")}, "b", True),
        ({"a": ("x", "no: p"), "b": ("y", "yes"), "c": ("z", "no: q")}, "d", True),
    ],
)
def test_faulty_prediction_is_caught(options, answer, faulty):
    prediction = Prediction("planted", "04", "What?", options, answer)
    assert bool(list(prediction_faults(prediction))) == faulty
