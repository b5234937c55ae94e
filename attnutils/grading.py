"""Exercises that grade themselves: ``grade``, ``hint`` and ``predict``.

An answer is compared with the reference and with known wrong variants on the same inputs; if it
equals one of them, the learner is told which mistake it is. The contents live in
``attnutils/exercises``, one module for each part of the book.
"""

import copy
import difflib
import importlib
import pkgutil
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

__all__ = [
    "Exercise",
    "Prediction",
    "Variant",
    "Verdict",
    "assess",
    "exercises",
    "grade",
    "hint",
    "predict",
    "predictions",
]


@dataclass(frozen=True)
class Variant:
    """A known wrong answer, and what to tell the learner who gives it."""

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
    """

    id: str
    chapter: str
    question: str
    options: Mapping[str, tuple[str, str]]
    answer: str


@dataclass(frozen=True)
class Verdict:
    """Outcome of ``assess``; ``variant`` names the known mistake, if it is one."""

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
    """
    exercise = _find(id, exercises(), "exercise")
    if not callable(answer):
        raise ValueError(
            f"grade({id!r}, …) got a {type(answer).__name__}; expected the function itself. "
            "Is it called already? Pass it without parentheses."
        )
    outputs = []
    for case in exercise.cases(np.random.default_rng(0)):
        expected = exercise.reference(*copy.deepcopy(case))
        try:
            with np.errstate(all="ignore"):  # an overflow is judged by what it returns
                got = answer(*copy.deepcopy(case))
        except Exception as error:  # whatever a learner's function raises becomes an answer
            return Verdict(
                False,
                f"your function raised {type(error).__name__}: {error}\n"
                f"  It was called with {_describe(case)}; expected is {exercise.signature}.",
            )
        if got is ...:
            return Verdict(
                False,
                "not attempted yet.\n"
                f'Replace the `...` and run the cell again; hint("{id}") helps.',
            )
        if got is None:
            return Verdict(False, "your function returned None. Is a `return` missing?")
        outputs.append((case, got, expected))
    if all(_same(got, expected, exercise.tolerance) for _, got, expected in outputs):
        return Verdict(True, "correct.")
    for variant in exercise.variants:
        with np.errstate(all="ignore"):
            wrong = [variant.function(*copy.deepcopy(case)) for case, _, _ in outputs]
        if all(
            _same(got, slip, exercise.tolerance)
            for (_, got, _), slip in zip(outputs, wrong, strict=True)
        ):
            return Verdict(False, f"not yet. {variant.diagnosis}", variant.name)
    for case, got, expected in outputs:
        if not _same(got, expected, exercise.tolerance):
            return Verdict(False, _difference(case, got, expected))
    raise AssertionError("unreachable: some case differs")


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
    """
    return {e.id: e for module in _modules() for e in module.EXERCISES}


@cache
def predictions() -> dict[str, Prediction]:
    """All predictions by id.

    Example:
        >>> predictions()["needle-dilution"].chapter
        '01'
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


def _describe(case: tuple) -> str:
    def describe(x: Any) -> str:
        if hasattr(x, "in_features"):
            return f"{type(x).__name__}({x.in_features}, {x.out_features})"
        return f"{type(x).__name__} {tuple(x.shape)}" if hasattr(x, "shape") else repr(x)

    return ", ".join(map(describe, case))


def _flat(x: Any) -> list[np.ndarray]:
    """The arrays in an answer: one, or several in a tuple or list."""
    if isinstance(x, tuple | list) and any(getattr(item, "ndim", 0) for item in x):
        return [array for item in x for array in _flat(item)]
    if hasattr(x, "detach"):
        x = x.detach().cpu().numpy()
    return [np.asarray(x)]


def _same(got: Any, expected: Any, tolerance: float) -> bool:
    a, b = _flat(got), _flat(expected)
    return len(a) == len(b) and all(
        x.dtype != object
        and x.shape == y.shape
        and np.allclose(x, y, rtol=0, atol=tolerance, equal_nan=True)
        for x, y in zip(a, b, strict=True)
    )


def _difference(case: tuple, got: Any, expected: Any) -> str:
    called = f"Called with {_describe(case)}"
    a, b = _flat(got), _flat(expected)
    if len(a) != len(b):
        return f"not yet. {called} it returned {len(a)} arrays; expected {len(b)}."
    for x, y in zip(a, b, strict=True):
        if x.shape != y.shape:
            return f"not yet. {called} it returned shape {x.shape}; expected {y.shape}."
        if x.dtype == object or not np.isfinite(x).all():
            return f"not yet. {called} it returned values that are not finite numbers."
    worst = max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True) if x.size)
    return (
        f"not yet. {called} the shape is right but values differ by up to {worst:.3g}. "
        "It is none of the known mistakes: compare a small case by hand."
    )
