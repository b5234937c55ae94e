"""Drawings whose parts are links: an SVG file with links in it is written into the page itself.

In an ``<img>`` a link cannot be followed. The alt text becomes the label of the group; a link
around a shape is left to the pointer, since the one around its text stands beside it.
"""

import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def inline(svg: str, alt: str) -> str:
    """The drawing as it stands in a page."""
    svg = re.sub(
        r"<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.S
    )
    label = f'<svg role="group" class="linked" aria-label="{escape(alt)}"'
    svg = svg.replace("<svg", label, 1)
    svg = re.sub(r'<a xlink:href="([^"]*)"[^>]*>', r'<a href="\1">', svg)
    return re.sub(r"<a (?=[^>]*>\s*<path)", '<a aria-hidden="true" tabindex="-1" ', svg)


def write_inline(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Replace the images of one page that hold links."""
    if app.builder.format != "html":
        return
    for image in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir, image["uri"])
        if path.suffix == ".svg" and path.is_file():
            svg = path.read_text(encoding="utf-8")
            if "<a xlink:href=" in svg:
                image.replace_self(nodes.raw("", inline(svg, image.get("alt", "")), format="html"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("doctree-resolved", write_inline)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
