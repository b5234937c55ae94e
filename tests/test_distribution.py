"""The package by itself: what is in the wheel and the sdist, and that it runs from there."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with one wheel and one sdist, built from a copy of the sources."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "attnutils", source / "attnutils", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE-CODE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), "."]
    run = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return target


def test_wheel_and_sdist_hold_all_modules_and_nothing_else(built):
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "attnutils").rglob("*.py")} | {
        "attnutils/py.typed"
    }
    wheel = set(zipfile.ZipFile(next(built.glob("*.whl"))).namelist())
    assert {name for name in wheel if ".dist-info/" not in name} == modules
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert modules <= names


def test_the_readme_example_runs_from_the_wheel_alone(built, tmp_path):
    zipfile.ZipFile(next(built.glob("*.whl"))).extractall(tmp_path)
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    code = f"{example}\nimport attnutils; assert {str(tmp_path)!r} in attnutils.__file__"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
