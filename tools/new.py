"""A new chapter from the template: ``make new PART=2_mechanism NAME=05_scores``.

The notebook gets the anatomy that all chapters share, with the set-up cell stamped, and its line
in _toc.yml. PART may be the folder or its number.
"""

import re
import sys
from pathlib import Path

from first_cell import ROOT, chapters, first_cell, repository_url
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from run import KERNEL, store

NAME = re.compile(r"(\d\d)_[a-z][a-z0-9_]*")

OPENING = """\
# The one question of this chapter?

**The question.** What the last chapter could not do, in a sentence.
**After it** you will be able to … · **Time** about 25 minutes · **Needs** chapters … · optional

**Before you start**, three questions from earlier chapters.

<details><summary>1. … ?</summary>

…

</details>"""

IMPORTS = """\
import numpy as np

from attnutils.checks import claim, matches
from attnutils.grading import grade, hint, predict
from attnutils.plotting import use_style
from attnutils.seeding import seed_everything

use_style()
rng = seed_everything(0)"""

SECTIONS = [
    "## A tiny story\n\nConcrete numbers before any formula.",
    "## Predict\n\nWhat will the next cell show? `predict` answers to (a), (b) or (c).",
    "## The formula\n\nOnce, numbered, each symbol with its shape:\n\n"
    "$$\nc = \\sum_{{j=1}}^{{m}} \\alpha_j \\underbrace{{v_j}}_{{d_v}}\n$$ (eq-{number}-name)",
    "## By hand\n\nWeights set by hand first; cells of 1 to 12 lines, each printing what can be "
    "checked.",
    "## Prove it\n\nEqual to the package, to PyTorch, and to the gradient by finite differences.",
    "## An experiment that could have come out otherwise\n\nThe strongest cheap method without "
    "attention, tuned equally, in the same table. Steps, metric, chance level and split stated; "
    "a figure; a claim with margin; what it does *not* show.",
    "## Common bugs\n\nTwo to four real ones, each runnable, each with the check that catches it.",
    "## Exercises\n\nThree to five, each followed by its folded solution.",
    "## In short\n\n- Five lines.\n\n**Sources.** …\n\n**Next question.** …",
]


def template(number: str) -> NotebookNode:
    """The chapter's cells, all sections empty."""
    set_up = new_code_cell(first_cell(repository_url()), metadata={"tags": ["hide-input"]})
    sections = [new_markdown_cell(text.format(number=number)) for text in SECTIONS]
    cells = [new_markdown_cell(OPENING), set_up, new_code_cell(IMPORTS), *sections]
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return new_notebook(cells=cells, metadata=metadata)


def part_folder(part: str) -> Path:
    """The folder that is called ``part``, or starts with that number."""
    folders = sorted(path for path in (ROOT / "notebooks").glob("[1-9]_*") if path.is_dir())
    for folder in folders:
        if part in (folder.name, folder.name[0]):
            return folder
    if re.fullmatch(r"[1-9]_[a-z_]+", part):
        return ROOT / "notebooks" / part
    known = ", ".join(folder.name for folder in folders) or "none yet"
    raise SystemExit(f"PART={part!r} is no part such as 2_mechanism; there are: {known}")


def add_to_toc(chapter: Path, toc: Path) -> None:
    """Insert the chapter behind the one of its part that comes before it."""
    entry = f"  - file: {chapter.relative_to(ROOT).with_suffix('').as_posix()}"
    opener = f"  - file: book/part_{chapter.parent.name[0]}"
    lines = toc.read_text(encoding="utf-8").splitlines()
    if opener not in lines:
        print(f"_toc.yml has no {opener.strip()}: add the part, then\n{entry}", file=sys.stderr)
        return
    place = lines.index(opener) + 1
    while place < len(lines) and not starts_after(lines[place], entry):
        place += 1
    toc.write_text("\n".join([*lines[:place], entry, *lines[place:]]) + "\n", encoding="utf-8")


def starts_after(line: str, entry: str) -> bool:
    """Whether a line of _toc.yml begins another part or a chapter that comes after ``entry``."""
    return line.startswith("- ") or (line.startswith("  - file:") and line > entry)


def main(part: str, name: str) -> int:
    """Make the chapter."""
    taken = {path.stem[:2]: path.stem for path in chapters()}
    match = NAME.fullmatch(name)
    if not match or match[1] in taken:
        reason = f"{match[1]} is {taken[match[1]]}" if match else f"NAME={name!r}"
        print(
            f"{reason}. Name the chapter NN_name, like 05_scores, with a number that is free; "
            f"taken: {', '.join(taken) or 'none'}",
            file=sys.stderr,
        )
        return 2
    path = part_folder(part) / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    store(template(match[1]), path)
    add_to_toc(path, ROOT / "_toc.yml")
    print(f"{path.relative_to(ROOT)}: write it, then `make run NB={path.relative_to(ROOT)}`")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
