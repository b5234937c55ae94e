"""The grader: it never believes, never crashes, never changes its inputs."""

import numpy as np
import pytest
import torch

from attnutils import grading, reference
from attnutils.grading import assess, grade, hint, predict


def test_right_and_not_attempted(capsys):
    grade("stable-softmax", reference.softmax)
    grade("stable-softmax", lambda scores: ...)
    out = capsys.readouterr().out
    assert out.startswith("stable-softmax: correct.\nstable-softmax: not attempted yet.")


@pytest.mark.parametrize(
    "name, answer, message",
    [
        ("stable-softmax", lambda s: None, "returned None. Is a `return` missing?"),
        ("stable-softmax", lambda s: s[0], "your result: shape (3,), expected (3, 3)."),
        ("stable-softmax", lambda s: (s, s), "your result: 2 results, expected 1"),
        ("stable-softmax", lambda s: s * np.nan, "holds NaN or infinity"),
        ("stable-softmax", lambda s: "softmax", "shape (), expected (3, 3)"),
        ("stable-softmax", lambda s: np.full(s.shape, "7"), "holds NaN or infinity"),
        ("stable-softmax", lambda s: [[1, 2], [3]], "shape (), expected (3, 3)"),
        ("stable-softmax", lambda s: s > 0, "compare a small case by hand"),
        ("stable-softmax", lambda s: np.full_like(s, 7.0), "It is no known mistake: compare"),
        ("stable-softmax", lambda s: 3 * reference.softmax(s), "every value is 3 times"),
        (
            "attention",
            lambda q, k, v: reference.attention(q, k, v).T,
            "shape (4, 5), expected (5, 4). It looks transposed: the last two axes are swapped.",
        ),
        (
            "attention",
            lambda q, k, v: reference.attention(q, k, v)[None],
            "expected (5, 4). Only an axis of size 1 is too many or missing.",
        ),
    ],
)
def test_unknown_mistakes_get_shapes_or_distances(name, answer, message):
    verdict = assess(name, answer)
    assert not verdict.passed
    assert message in verdict.message
    assert ("by hand" in verdict.message) == ("by hand" in message or "no known" in message)


def test_a_list_of_numbers_is_one_array():
    assert assess("weighted-sum", lambda w, v: list(w @ v)).passed


def test_what_the_answer_raises_is_told_with_its_inputs():
    verdict = assess("attention", lambda q, k: q)
    assert "raised TypeError" in verdict.message and "in line" not in verdict.message
    assert "called with ndarray (5, 4), ndarray (5, 4)" in verdict.message
    assert "expected is my_attention(q (n, d)" in verdict.message


def test_the_line_that_raised_is_told_and_no_line_of_a_library():
    def helper(scores):
        return np.reshape(scores, (7, 11))  # raises inside NumPy

    def answer(q, k, v):
        return helper(q @ k.T)

    line = helper.__code__.co_firstlineno + 1
    assert f"  in line {line}: return np.reshape(" in assess("attention", answer).message
    bare = eval("lambda q, k, v: q / (1 / None)")
    assert "\n  in line 1\n" in assess("attention", bare).message


def test_an_answer_that_changes_its_inputs_is_still_diagnosed():
    def destructive(q, k, v):
        output = reference.attention(q, k, v, scale=1.0)
        q[:] = k[:] = v[:] = 0
        return output

    assert assess("attention", destructive).variant == "without 1/√d"


def test_grading_leaves_the_random_state_alone():
    np.random.seed(3), torch.manual_seed(3)
    expected = np.random.random(), torch.rand(()).item()
    np.random.seed(3), torch.manual_seed(3)
    assess("attention-layer", lambda *given: ...)
    assert (np.random.random(), torch.rand(()).item()) == expected


def test_a_right_answer_that_overflows_on_the_way_is_not_excused():
    assert assess("stable-softmax", lambda s: np.exp(s) / np.exp(s).sum(-1, keepdims=True)).variant


def test_hints_and_predictions(capsys):
    hint("attention", 3)
    predict("needle-dilution")
    predict("needle-dilution", "a")
    predict("needle-dilution", "b")
    out = capsys.readouterr().out
    assert "Hint 3 of 3" in out
    assert "a) stays the same" in out
    assert "Not quite. The largest score does not buy" in out
    assert "That is what happens." in out


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: grade("atention", reference.attention), "Did you mean 'attention'?"),
        (lambda: grade("zzz", reference.attention), "there is no exercise 'zzz'. Known: "),
        (lambda: grade("attention", np.ones(3)), "got a ndarray; expected the function itself"),
        (lambda: hint("attention", 9), "has hints 1 to 3; there is no hint 9"),
        (lambda: predict("nope"), "there is no prediction 'nope'"),
        (lambda: predict("needle-dilution", "z"), "'z' is none of them"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


def test_without_torch_only_its_exercises_are_missing(monkeypatch):
    real = grading.importlib.import_module

    def no_torch(name, *rest):
        if name.endswith("chapter_09"):
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *rest)

    monkeypatch.setattr(grading.importlib, "import_module", no_torch)
    names = {e.id for module in grading._modules() for e in module.EXERCISES}
    assert "attention" in names
    assert "attention-layer" not in names

    def broken(name, *rest):
        raise ModuleNotFoundError("No module named 'x'", name="x")

    monkeypatch.setattr(
        grading.importlib, "import_module", lambda n: real(n) if n.endswith("s") else broken(n)
    )
    with pytest.raises(ModuleNotFoundError, match="'x'"):
        grading._modules()


def test_right_numbers_with_a_careless_function(monkeypatch):
    def overwrites(q, k, v):
        output = reference.attention(q, k, v)
        q *= 0
        return output

    verdict = assess("attention", overwrites)
    assert not verdict.passed and "overwrites its argument of shape" in verdict.message
    verdict = assess("causal-mask", lambda query, key: 1.0 * reference.causal_mask(query, key))
    assert not verdict.passed and "float64; expected bool" in verdict.message
