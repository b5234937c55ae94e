"""Laws for every public name: documented with an example, typed, and strict about ranks."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch

import attnutils

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(attnutils.__path__, "attnutils.")
    if ".exercises" not in name
]


def _public():
    for name in MODULES:
        module = importlib.import_module(name)
        for attribute, thing in vars(module).items():
            here = getattr(thing, "__module__", None) == name
            if here and not attribute.startswith("_") and callable(thing):
                yield pytest.param(thing, id=f"{name.removeprefix('attnutils.')}.{attribute}")


PUBLIC = list(_public())


@pytest.mark.parametrize("thing", PUBLIC)
def test_documented_with_what_it_raises(thing):
    text = inspect.getdoc(thing) or ""
    assert re.match(r"[^\n]+[.:?]\n?", text), "a one-line summary"
    if inspect.isfunction(thing):
        parameters = list(inspect.signature(thing).parameters)
        assert not parameters or "Args:" in text
        for name in parameters:
            assert re.search(rf"\b{name}\b", text), f"{name} is not described"


@pytest.mark.parametrize("thing", PUBLIC)
def test_documented_with_an_example_and_a_source(thing):
    text = inspect.getdoc(thing) or ""
    assert re.search(r"^Example:\n(?:.*\n)*?\s+>>> ", text, re.MULTILINE), "a doctest"
    assert re.search(r"^Source: \S", text, re.MULTILINE), "a paper, or: Source: this book."
    source = inspect.getsource(thing)  # of a class, the method that raises may say it
    if re.search(r"\braise \w|\bcheck_\w+\(", source):
        assert re.search(r"Raises:\n\s+\w+: \S", source), "what is raised, and when"


@pytest.mark.parametrize("thing", PUBLIC)
def test_annotated(thing):
    if inspect.isfunction(thing):
        signature = inspect.signature(thing)
        missing = [p for p in signature.parameters.values() if p.annotation is p.empty]
        assert not missing
        assert signature.return_annotation is not signature.empty


def test_all_lists_what_is_public():
    for name in MODULES:
        module = importlib.import_module(name)
        if hasattr(module, "__all__"):
            assert sorted(module.__all__) == sorted(set(module.__all__)), name
            public = {
                a
                for a, thing in vars(module).items()
                if getattr(thing, "__module__", None) == name and not a.startswith("_")
            }
            assert public <= set(module.__all__), f"{name}: {public - set(module.__all__)}"


def _arrays(function):
    """Its required parameters that are arrays, by their jaxtyping annotation."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if hasattr(p.annotation, "dim_str") and p.default is p.empty]


TAKES_ARRAYS = [p for p in PUBLIC if inspect.isfunction(p.values[0]) and _arrays(p.values[0])]


@pytest.mark.parametrize("function", TAKES_ARRAYS)
def test_wrong_rank_is_refused(function):
    parameters = inspect.signature(function).parameters.values()
    given = {p.name: 1 for p in parameters if p.default is p.empty}
    scalar = np.array(1.0) if "reference" in function.__module__ else torch.tensor(1.0)
    with pytest.raises((jaxtyping.TypeCheckError, ValueError)):
        function(**given | dict.fromkeys(_arrays(function), scalar))


def test_the_arrays_were_found():
    assert len(TAKES_ARRAYS) >= 25


def _code_lines(text):
    """Lines of code, without blank ones, comments, docstrings and lists of words."""
    tree = ast.parse(text)
    holders = ast.Module | ast.ClassDef | ast.FunctionDef
    documented = [node for node in ast.walk(tree) if isinstance(node, holders)]
    documented = [node.body[0] for node in documented if ast.get_docstring(node) is not None]
    skipped = {n for node in documented for n in range(node.lineno, node.end_lineno + 1)}
    words, count = False, 0
    for n, line in enumerate(text.splitlines(), 1):
        if line.startswith("# --- "):
            words = line.strip() == "# --- words ---"
        is_code = line.strip() and not line.lstrip().startswith("#")
        count += bool(is_code and not words and n not in skipped)
    return count


def test_the_package_stays_small():
    folder = Path(attnutils.__file__).parent
    paths = [path for path in folder.rglob("*.py") if path.parent.name != "exercises"]
    lines = {path.name: _code_lines(path.read_text(encoding="utf-8")) for path in paths}
    assert sum(lines.values()) <= 4_000, lines
