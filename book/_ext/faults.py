"""Faults of the sources that fail the build, and where they are: the file and the cell.

Unknown citations, broken links and formulas that KaTeX refuses are reported by the parts that meet
them; figures without alternative text and chapters without outputs are looked for here. As all
warnings are errors, each fails the build.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.logging import WarningLogRecordTranslator

logger = logging.getLogger(__name__)

# myst-nb counts the lines of each cell from a number of its own: 70003 is line 3 of cell 7.
LINE = re.compile(r"^(.*\.ipynb):(\d+)$")
PER_CELL = 10000


def name_cell(location: str) -> str:
    """``…/04_softmax.ipynb:70003`` as ``…/04_softmax.ipynb, cell 6 (a1b2c3), line 3``.

    Cells count from 0 and have their ids, as the rules in tests/book name them.
    """
    match = LINE.match(location)
    if not match or (number := int(match[2])) < PER_CELL:
        return location
    index, line = number // PER_CELL - 1, number % PER_CELL
    try:
        cell = json.loads(Path(match[1]).read_text(encoding="utf-8"))["cells"][index]
    except (OSError, ValueError, LookupError):
        return location
    return f"{match[1]}, cell {index} ({cell.get('id')}), line {line}"


def name_cells() -> None:
    """Translate the place of every warning."""
    original = WarningLogRecordTranslator.filter
    if getattr(original, "names_cells", False):
        return

    def translate(self: Any, record: Any) -> bool:
        kept = original(self, record)
        if isinstance(getattr(record, "location", None), str):
            record.location = name_cell(record.location)
        return kept

    translate.names_cells = True
    WarningLogRecordTranslator.filter = translate


def missing_outputs(notebook: dict, path: str) -> Iterator[str]:
    """What is wrong with a chapter that shows nothing of what its code does."""
    code = [
        (index, cell)
        for index, cell in enumerate(notebook["cells"])
        if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]
    mend = f"`make run NB={path}` executes and stores"
    never = [f"{index} ({cell.get('id')})" for index, cell in code if not cell["execution_count"]]
    if never:
        yield f"cell {', '.join(never)} was never executed: {mend}"
    elif code and not any(cell["outputs"] for _, cell in code):
        cells = f"cell {code[0][0]} to {code[-1][0]}"
        yield f"none of the {len(code)} code cells, {cells}, has an output: {mend}"


def look_for_faults(app: Sphinx, doctree: nodes.document) -> None:
    """Report images without alternative text, and chapters without outputs."""
    for image in doctree.findall(nodes.image):
        if not image.get("alt", "").strip():
            logger.warning(
                "image without alternative text; expected what is seen on it, in `:alt:` or, "
                "for a cell, in its metadata as mystnb.image.alt",
                location=image if image.line else image.parent,
                type="alt",
            )
    path = app.env.doc2path(app.env.docname)
    if str(path).endswith(".ipynb"):
        notebook = json.loads(Path(path).read_text(encoding="utf-8"))
        relative = Path(path).relative_to(app.srcdir).as_posix()
        for fault in missing_outputs(notebook, relative):
            logger.warning(fault, location=app.env.docname, type="outputs")


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at each document once it is read."""
    name_cells()
    app.connect("doctree-read", look_for_faults)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
