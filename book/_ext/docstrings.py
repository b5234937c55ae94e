"""The last lines of a docstring, ``Source: …`` and ``Chapter: …``, as they look best on a page.

Each gets its own paragraph, and the chapter becomes a link, if it is written yet.
"""

from typing import Any

from chapter_numbers import chapter_number
from sphinx.application import Sphinx


def set_apart(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list) -> None:
    """Rewrite the lines of one docstring in place."""
    rewritten = []
    for line in lines:
        label, colon, text = line.partition(": ")
        if colon and label in ("Source", "Chapter"):
            text = chapter_link(app, text.strip()) if label == "Chapter" else text
            line = f"**{label}:** {text}"
            rewritten.append("")
        rewritten.append(line)
    lines[:] = rewritten


def chapter_link(app: Sphinx, path: str) -> str:
    """A link to the chapter, or its number while it is planned."""
    docname = path.removesuffix(".ipynb")
    if docname in app.env.found_docs:
        return f":doc:`/{docname}`"
    return f"{chapter_number(docname) or path} (planned)"


def setup(app: Sphinx) -> dict[str, Any]:
    """Work before napoleon, which has priority 500."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", set_apart, priority=400)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
