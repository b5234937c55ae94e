"""Numbers chapters by their file names: 04_softmax is "4. …" and its first figure Fig. 4.1.

Chapters appear in any order, so counting them, as Sphinx does, would change numbers with every
new one. The number becomes a part of the title, and so shows wherever the title does: heading,
sidebar, previous and next, search. Pages that are no chapters have no number.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles as TocTreeCollector

CHAPTER = re.compile(r"notebooks/[^/]+/(\d\d)_[^/]+")


def chapter_number(docname: str) -> int | None:
    """4 for ``notebooks/2_mechanism/04_softmax``; None for a page that is no chapter."""
    match = CHAPTER.fullmatch(docname)
    return int(match.group(1)) if match else None


def number_title(app: Sphinx, doctree: nodes.document) -> None:
    """Put the number before the title, before Sphinx collects titles."""
    number = chapter_number(app.env.docname)
    title = next(doctree.findall(nodes.title), None)
    if number is not None and title is not None:
        text = f"{number}. "
        title.insert(0, nodes.inline(text, text, classes=["section-number"]))


def number_sections(collector: TocTreeCollector, env: BuildEnvironment) -> list[str]:
    """Give each chapter its number while Sphinx numbers figures and equations by section."""
    numbers = {docname: chapter_number(docname) for docname in env.found_docs}
    env.toc_secnumbers = {name: {"": (n,)} for name, n in numbers.items() if n is not None}
    return []


def forget_sections(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Else each heading of a chapter would repeat the chapter's number."""
    env.toc_secnumbers = {}
    return []


def setup(app: Sphinx) -> dict[str, Any]:
    """Replace the counting of sections (priorities: Sphinx's own handlers have 500)."""
    TocTreeCollector.assign_section_numbers = number_sections
    app.connect("doctree-read", number_title, priority=100)
    app.connect("env-get-updated", forget_sections, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
