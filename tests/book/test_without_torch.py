"""Chapters 01-08, and the modules they stand on, work where torch is absent."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat.v4 as v4
import pytest
from documents import ROOT, read_book

NUMPY_MODULES = [
    "attnutils",
    *(
        f"attnutils.{name}"
        for name in (
            "reference",
            "seeding",
            "checks",
            "grading",
            "plotting",
            "data.tasks",
            "data.images",
        )
    ),
]
CHAPTERS = [chapter.path for chapter in read_book().chapters if chapter.number <= "08"]


def python(*arguments, cwd=ROOT):
    environment = os.environ | {"MPLBACKEND": "agg", "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )


def run_without_torch(chapter: Path):
    return python(Path(__file__).with_name("without_torch.py"), chapter.name, cwd=chapter.parent)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_runs_without_torch(chapter):
    done = run_without_torch(ROOT / chapter)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", NUMPY_MODULES)
def test_import_leaves_torch_alone(module):
    done = python("-c", f"import sys, {module}; sys.exit('torch' in sys.modules)")
    assert done.returncode == 0, done.stderr or f"{module} imports torch"


@pytest.mark.parametrize(
    ("source", "tags", "passes"),
    [
        ("%time x = 1", [], True),
        ("import torch.nn", [], False),
        ("import torch.nn", ["needs-torch"], True),
        ("import importlib.util\nassert importlib.util.find_spec('torch') is None", [], True),
        ("1 / 0", ["raises-exception"], True),
        ("1 / 1", ["raises-exception"], False),
    ],
)
def test_runner_tells_what_needs_torch(source, tags, passes, tmp_path):
    cell = v4.new_code_cell(source, id="planted", metadata={"tags": tags})
    chapter = tmp_path / "planted.ipynb"
    chapter.write_text(v4.writes(v4.new_notebook(cells=[cell])))
    done = run_without_torch(chapter)
    assert (done.returncode == 0) == passes, done.stderr
    assert passes or "cell 0 (planted)" in done.stderr
