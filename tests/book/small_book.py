"""A book of two pages and one chapter, built with the real settings, for tests that spoil it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parents[2]
CHAPTER = "notebooks/2_mechanism/04_small.ipynb"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="300pt" height="150pt" viewBox="0 0 300 150">'
    '<path d="M0 0L300 150" stroke="black"/></svg>'
)
INTRO = """# Small

A page with a formula, $x^2$, a citation {cite:p}`vaswani2017attention` and a
[link](../notebooks/2_mechanism/04_small.ipynb#a-figure).

```{figure} _assets/figures/running_example.svg
:name: fig-small
:alt: Five words and their weights.

A figure.
```
"""
TITLE = """# Small chapter

> **Question.** Why?
>
> **Time** about 5 minutes · **Needs** nothing · **Core path**"""
TEXT = """## A figure

$$ \\frac{a}{b} $$ (eq-04-small)

See {numref}`fig-04-line`.

| | b |
|---|---|
| a | 1 |"""
WORDS = """# Glossary

```{glossary}
attention
  (注意力) A weighted sum.
```
"""


def chapter() -> nbformat.NotebookNode:
    """Text, a folded cell, a figure, a folded solution."""
    mystnb = {
        "figure": {"caption": "A line.", "name": "fig-04-line"},
        "image": {"alt": "a falling line"},
    }
    correct = new_output("stream", name="stdout", text="correct\n")
    line = new_output("display_data", data={"image/svg+xml": SVG, "text/plain": "<Figure>"})
    folded = {"tags": ["solution", "hide-cell"]}
    cells = [
        new_markdown_cell(TITLE, id="title"),
        new_code_cell("1", id="set-up", metadata={"tags": ["hide-input"]}),
        new_markdown_cell(TEXT, id="text"),
        new_code_cell("plot()", id="plot", metadata={"mystnb": mystnb}, outputs=[line]),
        new_code_cell("answer()", id="solution", metadata=folded, outputs=[correct]),
    ]
    for count, cell in enumerate((c for c in cells if c.cell_type == "code"), start=1):
        cell.execution_count = count
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
    }
    return new_notebook(cells=cells, metadata=metadata)


@dataclass
class SmallBook:
    """Where it lies, and how to build it."""

    folder: Path

    @property
    def html(self) -> Path:
        return self.folder / "_build" / "html"

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def configure(self, change: Callable[[dict], None]) -> None:
        """The real settings, their paths made absolute, and what ``change`` does to them."""
        config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
        sphinx = config["sphinx"]
        sphinx["local_extensions"] = dict.fromkeys(
            sphinx["local_extensions"], str(ROOT / "book/_ext")
        )
        sphinx["config"]["html_static_path"] = [str(ROOT / "book/_assets")]
        change(config)
        self.write("_config.yml", yaml.safe_dump(config, allow_unicode=True))

    def build(self) -> subprocess.CompletedProcess:
        program = str(Path(sys.executable).with_name("jupyter-book"))
        command = [program, "build", ".", "-q", "-W", "-n", "--keep-going"]
        environment = {**os.environ, "PYTHONWARNINGS": "default", "NO_COLOR": "1"}
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def small_book(folder: Path, change: Callable[[dict], None] = lambda config: None) -> SmallBook:
    """Write a sound book that may be spoiled before it is built."""
    book = SmallBook(folder)
    book.configure(change)
    files = ["book/glossary", CHAPTER.removesuffix(".ipynb"), "book/bibliography"]
    toc = {"format": "jb-book", "root": "book/intro", "chapters": [{"file": f} for f in files]}
    book.write("_toc.yml", yaml.safe_dump(toc))
    book.write("book/intro.md", INTRO)
    book.write("book/glossary.md", WORDS)
    book.write("book/bibliography.md", "# Sources\n\n```{bibliography}\n```\n")
    book.write(CHAPTER, nbformat.writes(chapter()))
    shutil.copytree(ROOT / "book/_assets", folder / "book/_assets")
    shutil.copy(ROOT / "book/references.bib", folder / "book/references.bib")
    return book
