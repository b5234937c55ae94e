"""Exercises that grade themselves: ``grade``, ``hint`` and ``predict``.

An answer is compared with the reference and with known wrong variants on the same inputs; if it
equals one of them, the learner is told which mistake it is. The contents live in
``attnutils/exercises``, one module for each part of the book.
"""

import copy
import difflib
import importlib
import pkgutil
import sysconfig
import textwrap
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from attnutils.checks import matches


@dataclass(frozen=True)
class Variant:
    """A known wrong answer.

    Attributes:
        name: of the mistake, in a few words.
        function: called as the learner's is.
        diagnosis: what to tell the learner whose answer equals it.
    Example:
        >>> exercises()["weighted-sum"].variants[0].name
        'ignores the weights'

    Source: this book.
    """

    name: str
    function: Callable
    diagnosis: str


@dataclass(frozen=True)
class Exercise:
    """A function to write.

    Attributes:
        id: what ``grade`` is called with.
        chapter: number of its chapter, such as "04".
        signature: how the learner's function is called, with shapes.
        reference: the right answer.
        cases: draws a list of argument tuples from a generator.
        variants: known wrong answers.
        hints: from a nudge to nearly the answer.
        tolerance: largest allowed absolute difference.
    Example:
        >>> exercises()["weighted-sum"].signature
        'weighted_sum(weights (rows,), values (rows, dim)) -> (dim,)'

    Source: this book.
    """

    id: str
    chapter: str
    signature: str
    reference: Callable
    cases: Callable[[np.random.Generator], list[tuple]]
    variants: tuple[Variant, ...]
    hints: tuple[str, ...]
    tolerance: float = 1e-8


@dataclass(frozen=True)
class Prediction:
    """A question asked before the cell that answers it.

    Attributes:
        id: what ``predict`` is called with.
        chapter: number of its chapter.
        question: one sentence.
        options: for each letter, the choice and what to tell the learner who makes it.
        answer: the letter of the right choice.
    Example:
        >>> list(predictions()["needle-dilution"].options)
        ['a', 'b', 'c']

    Source: this book.
    """

    id: str
    chapter: str
    question: str
    options: Mapping[str, tuple[str, str]]
    answer: str


@dataclass(frozen=True)
class Verdict:
    """Outcome of ``assess``.

    Attributes:
        passed: whether the answer equals the reference.
        message: what ``grade`` prints.
        variant: name of the known mistake, if it is one.
    Example:
        >>> assess("weighted-sum", lambda weights, values: weights @ values)
        Verdict(passed=True, message='correct.', variant=None)

    Source: this book.
    """

    passed: bool
    message: str
    variant: str | None = None


def grade(id: str, answer: Callable) -> None:
    """Grade an answer and print the verdict.

    Args:
        id: the exercise's id.
        answer: the learner's function; it gets copies, so it cannot change the inputs.
    Raises:
        ValueError: unknown id, or the answer is no function.
    Example:
        >>> grade("weighted-sum", lambda weights, values: ...)
        weighted-sum: not attempted yet.
        Replace the `...` and run the cell again; hint("weighted-sum") helps.
        >>> grade("weighted-sum", lambda weights, values: weights @ values)
        weighted-sum: correct.

    Source: this book.
    """
    _print(f"{id}: {assess(id, answer).message}")


def assess(id: str, answer: Callable) -> Verdict:
    """Grade an answer without printing.

    Args:
        id: the exercise's id.
        answer: the learner's function.
    Returns:
        The verdict, with the diagnosis if the mistake is a known one.
    Raises:
        ValueError: unknown id, or the answer is no function.
    Example:
        >>> assess("weighted-sum", lambda weights, values: values.mean(0)).variant
        'ignores the weights'

    Source: this book.
    """
    exercise = _find(id, exercises(), "exercise")
    if not callable(answer):
        raise ValueError(
            f"grade({id!r}, …) got a {type(answer).__name__}; expected the function itself. "
            "Is it called already? Pass it without parentheses."
        )
    cases, outputs, careless = exercise.cases(np.random.default_rng(0)), [], ""
    for case in cases:
        given = copy.deepcopy(case)
        try:
            got = _call(answer, given)
        except Exception as error:  # whatever a learner's function raises becomes an answer
            told = f"your function raised {type(error).__name__}: {error}\n{_where(error)}"
            called = f"It was called with {_describe(case)}; expected is {exercise.signature}."
            return Verdict(False, f"{told}  {called}")
        if got is ...:
            told = f'Replace the `...` and run the cell again; hint("{id}") helps.'
            return Verdict(False, f"not attempted yet.\n{told}")
        if got is None:
            return Verdict(False, "your function returned None. Is a `return` missing?")
        outputs.append(got)
        careless = careless or _careless(
            case, given, got, _call(exercise.reference, copy.deepcopy(case))
        )

    def differing(function: Callable) -> list[tuple]:
        answers = (_call(function, copy.deepcopy(case)) for case in cases)
        compared = zip(cases, outputs, answers)
        return [x for x in compared if not _same(x[1], x[2], exercise.tolerance)]

    wrong = differing(exercise.reference)
    if not wrong:
        return Verdict(not careless, careless or "correct.")
    for variant in exercise.variants:
        if not differing(variant.function):
            return Verdict(False, f"not yet. {variant.diagnosis}", variant.name)
    return Verdict(False, _difference(*wrong[0], exercise.tolerance))


def hint(id: str, number: int = 1) -> None:
    """Print a hint for an exercise, from a nudge (1) to nearly the answer.

    Args:
        id: the exercise's id.
        number: which hint.
    Raises:
        ValueError: unknown id, or no such hint.
    Example:
        >>> hint("weighted-sum")
        Hint 1 of 3: multiply each row of values by its weight; what do you do with the
        rows then?

    Source: this book.
    """
    hints = _find(id, exercises(), "exercise").hints
    if number not in range(1, len(hints) + 1):
        raise ValueError(f"{id!r} has hints 1 to {len(hints)}; there is no hint {number!r}.")
    _print(f"Hint {number} of {len(hints)}: {hints[number - 1]}")


def predict(id: str, choice: Any = ...) -> None:
    """Ask for a prediction, or answer the one that was made.

    Args:
        id: the prediction's id.
        choice: a letter; ``...`` shows the question.
    Raises:
        ValueError: unknown id or letter.
    Example:
        >>> predict("needle-dilution", "z")
        Traceback (most recent call last):
        ValueError: 'needle-dilution' has the choices a, b, c; 'z' is none of them.

    Source: this book.
    """
    prediction = _find(id, predictions(), "prediction")
    if choice is ...:
        _print(prediction.question)
        for letter, (text, _) in prediction.options.items():
            _print(f"  {letter}) {text}")
        print(f'Choose: predict("{id}", "a"), then run on.')
        return
    if choice not in prediction.options:
        letters = ", ".join(prediction.options)
        raise ValueError(f"{id!r} has the choices {letters}; {choice!r} is none of them.")
    verdict = "That is what happens." if choice == prediction.answer else "Not quite."
    _print(f"{verdict} {prediction.options[choice][1]}")


@cache
def exercises() -> dict[str, Exercise]:
    """All exercises by id; those that need torch only where it is installed.

    Example:
        >>> "weighted-sum" in exercises()
        True

    Source: this book.
    """
    return {e.id: e for module in _modules() for e in module.EXERCISES}


@cache
def predictions() -> dict[str, Prediction]:
    """All predictions by id.

    Example:
        >>> predictions()["needle-dilution"].chapter
        '01'

    Source: this book.
    """
    return {p.id: p for module in _modules() for p in module.PREDICTIONS}


def _print(message: str) -> None:
    """Print wrapped to the width of a page, each line of the message by itself."""
    for line in message.splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + 3 * line.startswith("  "))
        print(textwrap.fill(line, 79, subsequent_indent=indent, break_long_words=False))


def _modules() -> list[Any]:
    found = []
    package = importlib.import_module("attnutils.exercises")  # its modules import this one
    for info in pkgutil.iter_modules(package.__path__, "attnutils.exercises."):
        try:
            found.append(importlib.import_module(info.name))
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
    return found


def _find(id: str, among: dict[str, Any], what: str) -> Any:
    if id not in among:
        close = difflib.get_close_matches(str(id), among, n=1)
        guess = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(among))}."
        raise ValueError(f"there is no {what} {id!r}. {guess}")
    return among[id]


def _call(function: Callable, case: tuple) -> Any:
    with np.errstate(all="ignore"):  # an overflow is judged by what it returns
        return function(*case)


def _careless(case: tuple, given: tuple, got: Any, expected: Any) -> str:
    """What is left to say of an answer whose numbers are right."""
    for before, after in zip(case, given):
        if isinstance(before, np.ndarray) and not np.array_equal(before, after, equal_nan=True):
            return (
                "the numbers are right, but your function overwrites its argument of shape "
                f"{before.shape}, which the caller may still need. Compute on a copy."
            )
    if isinstance(expected, np.ndarray) and expected.dtype == bool != np.asarray(got).dtype:
        return f"the numbers are right, but their dtype is {np.asarray(got).dtype}; expected bool."
    return ""


def _where(error: Exception) -> str:
    """The line of the learner's own code in which it was raised, if it was called at all."""
    paths = sysconfig.get_paths()
    libraries = paths["stdlib"], paths["purelib"], paths["platlib"], str(Path(__file__).parent)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((*libraries, "<frozen")):
            return f"  in line {frame.lineno}{frame.line and ': '}{frame.line}\n"
    return ""


def _describe(case: tuple) -> str:
    def describe(x: Any) -> str:
        if hasattr(x, "in_features"):
            return f"{type(x).__name__}({x.in_features}, {x.out_features})"
        return f"{type(x).__name__} {tuple(x.shape)}" if hasattr(x, "shape") else repr(x)

    return ", ".join(map(describe, case))


def _flat(x: Any) -> tuple[np.ndarray, ...]:
    """The arrays in an answer: one, or several in a tuple or list. What is no number is NaN."""
    if isinstance(x, tuple | list) and any(getattr(item, "ndim", 0) for item in x):
        return tuple(array for item in x for array in _flat(item))
    try:
        x = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
    except (TypeError, ValueError):  # such as lists of different lengths
        return (np.array(np.nan),)
    return (x if x.dtype.kind in "biufc" else np.full(x.shape, np.nan),)


def _same(got: Any, expected: Any, tolerance: float) -> bool:
    a, b = _flat(got), _flat(expected)
    return len(a) == len(b) and all(
        x.shape == y.shape and np.allclose(x, y, rtol=0, atol=tolerance, equal_nan=True)
        for x, y in zip(a, b)
    )


def _difference(case: tuple, got: Any, expected: Any, tolerance: float) -> str:
    name = f"not yet. Called with {_describe(case)}, your result"
    try:
        matches(_flat(got), _flat(expected), tolerance=tolerance, name=name)
    except AssertionError as error:
        told = str(error)
    unknown = told.endswith(f"allowed {tolerance:g}.")
    return told + (" It is no known mistake: compare a small case by hand." if unknown else "")
