"""The Chinese words of the glossary: search and index find them, and a voice speaks them rightly.

An entry's explanation starts with its Chinese term in brackets. The term is marked as Chinese and
entered in the index beside the English one, where the search looks it up.
"""

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

CHINESE = re.compile(r"\(([^()]*[\u4e00-\u9fff][^()]*)\)")


def enter_words(app: Sphinx, doctree: nodes.document) -> None:
    """Mark each entry's Chinese word and add it to the index entry of its term."""
    for glossary in doctree.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            text = next((t for t in item[-1].findall(nodes.Text)), None)
            match = CHINESE.match(text) if text else None
            entry = next(item.findall(addnodes.index), None)
            if not match or entry is None:
                continue
            word = nodes.inline("", match[1], classes=["chinese"])
            parts = [nodes.Text("("), word, nodes.Text(")" + text[match.end() :])]
            text.parent[text.parent.index(text) : text.parent.index(text) + 1] = parts
            kind, _, target, main, _ = entry["entries"][0]
            entry["entries"].append((kind, match[1], target, main, None))


def read_with_others(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
    """Read the glossary where any page is read: Sphinx forgets index entries of the others."""
    if pages:
        terms = env.get_domain("std").get_objects()
        pages += {page for _, _, kind, page, *_ in terms if kind == "term"}.difference(pages)


def name_language(app: Sphinx, page: str, template: str, context: dict, doctree: Any) -> None:
    """Docutils cannot say which language an inline text has; the page's HTML can."""
    if "body" in context:
        context["body"] = context["body"].replace(
            '<span class="chinese">', '<span class="chinese" lang="zh-Hans">'
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Work before Sphinx collects the index entries (priority 500)."""
    app.connect("env-before-read-docs", read_with_others)
    app.connect("doctree-read", enter_words, priority=100)
    app.connect("html-page-context", name_language)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
