"""What the tests of the book look at: chapters, pages, and the book they form."""

import ast
import importlib
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

import nbformat
import pytest
import yaml
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.mdit_to_docutils.base import default_slugify
from myst_parser.parsers.mdit import create_md_parser
from pybtex.database import parse_file

from attnutils import grading

ROOT = Path(__file__).parents[2]
PARSER = create_md_parser(
    MdParserConfig(enable_extensions={"dollarmath", "amsmath", "colon_fence"}), RendererHTML
)


@dataclass
class Document:
    """A chapter; or a page, seen as a chapter of one text cell. ``path`` starts at the root."""

    path: PurePosixPath
    notebook: nbformat.NotebookNode

    @classmethod
    def read(cls, root: Path, path: str) -> "Document":
        text = (root / path).read_text(encoding="utf-8")
        if path.endswith(".ipynb"):
            return cls(PurePosixPath(path), nbformat.reads(text, as_version=4))
        return cls.page(path, text)

    @classmethod
    def page(cls, path: str, text: str) -> "Document":
        cell = nbformat.v4.new_markdown_cell(text, id="page")
        return cls(PurePosixPath(path), nbformat.v4.new_notebook(cells=[cell]))

    @property
    def number(self) -> str:
        return self.path.name[:2]

    @cached_property
    def cells(self) -> list:
        """(where, cell) of each cell, where as in ``cell 7 (a1b2c3)``."""
        return [
            (f"cell {index} ({cell.get('id')})", cell)
            for index, cell in enumerate(self.notebook.cells)
        ]

    @cached_property
    def code(self) -> list:
        return [(where, cell) for where, cell in self.cells if cell.cell_type == "code"]

    @property
    def text(self) -> str:
        return "\n\n".join(c.source for _, c in self.cells if c.cell_type == "markdown")

    @cached_property
    def tokens(self) -> list:
        """(where, token) of all Markdown, with what is nested and what stands in directives."""
        return [
            (where, token)
            for where, cell in self.cells
            if cell.cell_type == "markdown"
            for token in _flat(PARSER.parse(cell.source))
        ]

    @property
    def headings(self) -> list[tuple[str, int, str]]:
        """(where, level, title) of each heading."""
        return [
            (where, int(token.tag[1]), token.meta["title"])
            for where, token in self.tokens
            if token.type == "heading_open"
        ]

    @property
    def anchors(self) -> set[str]:
        """What a link may name after its ``#``."""
        targets = {token.content for _, token in self.tokens if token.type == "myst_target"}
        return targets | {default_slugify(title) for _, _, title in self.headings}

    @property
    def labels(self) -> list[str]:
        """What {numref} and {eq} may point to: names of figures and tables, labels of equations."""
        figures = [
            cell.metadata.get("mystnb", {}).get("figure", {}).get("name", "")
            for _, cell in self.code
        ]
        equations = [token.info for _, token in self.tokens if token.type == "math_block_label"]
        directives = re.findall(r"^ *:(?:name|label): *(\S+)", self.text, re.MULTILINE)
        return [label for label in figures + equations + directives if label]

    @property
    def claims(self) -> list:
        """The ids of all calls of claim()."""
        return [first(call) for _, cell in self.code for call in calls(cell, "claim")]

    def roles(self, *names: str) -> Iterator[tuple[str, str]]:
        """(where, target) of these roles: ``{eq}`eq-04-x```, ``{cite:p}`one,two```."""
        for where, token in self.tokens:
            if token.type == "myst_role" and token.meta["name"] in names:
                for target in token.content.split(","):
                    yield where, re.sub(r".*<(.*)>$", r"\1", target).strip()


def _flat(tokens) -> Iterator:
    for token, following in zip(tokens, [*tokens[1:], None]):
        if token.type == "heading_open":
            token.meta["title"] = "".join(
                part.content for part in following.children if part.type in ("text", "code_inline")
            )
        yield token
        yield from _flat(token.children or [])
        directive = re.match(r"\{([\w:-]+)", token.info) if "fence" in token.type else None
        if directive and not re.match("code|eval|math|auto|bib|toctree|raw", directive[1]):
            yield from _flat(PARSER.parse(token.content))


@dataclass
class Book:
    """What the rules need to know about everything else."""

    root: Path
    listed: list[str]  # files in _toc.yml
    documents: list[Document]
    first_cell: str
    keys: set[str]  # of references.bib
    public: dict[str, str]  # public name of attnutils -> its module
    exercises: dict[str, str]  # id -> number of its chapter
    predictions: dict[str, str]

    @property
    def chapters(self) -> list[Document]:
        return [d for d in self.documents if d.path.suffix == ".ipynb"]

    @property
    def pages(self) -> list[Document]:
        return [d for d in self.documents if d.path.suffix == ".md"]

    @cached_property
    def by_path(self) -> dict[str, Document]:
        return {str(document.path): document for document in self.documents}

    @cached_property
    def labels(self) -> Counter:
        return Counter(label for document in self.documents for label in document.labels)

    @cached_property
    def claims(self) -> Counter:
        return Counter(claim for chapter in self.chapters for claim in chapter.claims)


@cache
def read_book(root: Path = ROOT) -> Book:
    """The book as it lies on the disk."""
    listed = list(_files(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))))
    return Book(
        root,
        listed,
        [Document.read(root, name) for name in listed if (root / name).exists()],
        tool("first_cell").first_cell(tool("first_cell").repository_url()),
        set(parse_file(root / "book/references.bib").entries),
        dict(_public_names(root)),
        {name: exercise.chapter for name, exercise in grading.exercises().items()},
        {name: prediction.chapter for name, prediction in grading.predictions().items()},
    )


def fail_for(faults, where) -> None:
    """Fail the test if there are faults, with a line for each."""
    if faults := list(faults):
        pytest.fail("\n".join([str(where), *faults]), pytrace=False)


def tool(name: str):
    """The module tools/<name>.py."""
    if (folder := str(ROOT / "tools")) not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


def _files(toc) -> Iterator[str]:
    """All files that a table of contents names, which it does without suffixes."""
    if isinstance(toc, dict):
        for name in (toc[key] for key in ("root", "file") if key in toc):
            yield name + (".md" if name.startswith("book/") else ".ipynb")
    for item in toc.values() if isinstance(toc, dict) else toc if isinstance(toc, list) else []:
        yield from _files(item)


def _public_names(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((root / "attnutils").rglob("*.py")):
        module = path.relative_to(root).with_suffix("").parts
        if "exercises" not in module:
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
                    yield node.name, ".".join(module)


# --- Reading a cell ----------------------------------------------------------------------------


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def tree(cell) -> ast.Module:
    """The cell's Python; lines with IPython's magics left out."""
    return ast.parse(re.sub(r"(?m)^[%!].*", "pass", cell.source))


def calls(cell, *names: str) -> list[ast.Call]:
    """The cell's calls of these names, also as attributes: ``x.name(...)``."""
    return [
        node
        for node in ast.walk(tree(cell))
        if isinstance(node, ast.Call) and called(node) in names
    ]


def called(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def first(call: ast.Call):
    """The first argument if it is a literal, else None."""
    return call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None


def names_in(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def has_image(output) -> bool:
    return any(kind.startswith("image/") for kind in output.get("data", {}))


def output_text(cell) -> str:
    """All text that a cell shows, without the ``<Figure …>`` that stands in for a picture."""
    parts = [
        text
        for output in cell.outputs
        for text in (
            output.get("text", ""),
            *output.get("traceback", []),
            "" if has_image(output) else output.get("data", {}).get("text/plain", ""),
        )
    ]
    return "\n".join(part.rstrip("\n") for part in parts if part)
