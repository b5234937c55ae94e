"""Mends what the theme and its parts write: each function below changes the HTML of one page.

Its docstring names the defect. ``tests/browser/test_mends.py`` opens a page without the mend, where
the defect must show (or the mend is no longer needed), and with it, where it must not.
Settings come first, then ``book.css`` and ``book.js``; only what they cannot reach stands here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

from extras import EXTRAS
from image_size import image_size
from one_style import link_one, sheets_of, write_style
from sphinx.application import Sphinx

MENDS: dict[str, Callable[[str, "Page"], str]] = {}


@dataclass
class Page:
    """A page while it is written: its name, and where the files lie that it shows."""

    name: str
    find: Callable[[str], Path | None]
    address: str = ""  # where the book is published, ending in a slash; "" while unknown
    title: str = ""
    description: str = ""

    def file(self, link: str) -> Path | None:
        """The file behind a link of this page; None where it leads elsewhere."""
        path = normpath(join(dirname(self.name), link.partition("?")[0]))
        return self.find(path)


def mend(function: Callable[[str, Page], str]) -> Callable[[str, Page], str]:
    """Add a function to the mends, in the order in which they stand here."""
    MENDS[function.__name__] = function
    return function


def mended(html: str, page: Page, leave: str = "") -> str:
    """The page with all mends but one."""
    for name, function in MENDS.items():
        if name != leave:
            html = function(html, page)
    return html


# --- Weight --------------------------------------------------------------------------------------

ICONS = {  # drawn for this book on a grid of 24, as strokes
    "angle-left": "M15 5l-7 7 7 7",
    "angle-right": "M9 5l7 7-7 7",
    "arrow-up": "M12 20V4M5 11l7-7 7 7",
    "bars": "M4 6h16M4 12h16M4 18h16",
    "circle-half-stroke": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18v18M15 5v14M18 7v10",
    "list": "M9 6h11M9 12h11M9 18h11M4 6h.01M4 12h.01M4 18h.01",
    "magnifying-glass": "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5L21 21",
    "moon": "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
    "sun": "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2"
    "M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5",
}
ICON = re.compile(r'<(i|span) class="([^"]*\bfa-[^"]*)"([^>]*)></\1>')


@mend
def icons_are_drawn(html: str, page: Page) -> str:
    """A script of 1.4 MB draws a dozen icons, and gives them titles that no label contains."""

    def draw(match: re.Match) -> str:
        names = re.findall(r"\bfa-([a-z-]+)", match[2])
        shape = next((ICONS[name] for name in names if name in ICONS), "")
        classes = " ".join(name for name in match[2].split() if not name.startswith("fa"))
        mode = re.search(r' data-mode="\w+"', match[3])
        return (
            f'<svg class="icon {classes}"{mode[0] if mode else ""} viewBox="0 0 24 24" '
            f'aria-hidden="true"><path d="{shape}"/></svg>'
        )

    html = re.sub(r"\s*<script[^>]*/fontawesome\.js[^>]*></script>", "", html)
    return ICON.sub(draw, html)


@mend
def bootstrap_is_left_out(html: str, page: Page) -> str:
    """Of Bootstrap's script (80 KB) only the tips would be used that titles show as well."""
    return re.sub(r"\s*<(?:script|link)[^>]*/bootstrap\.js[^>]*>(?:</script>)?", "", html)


@mend
def search_stays_on_its_page(html: str, page: Page) -> str:
    """Every page waits for the index of the whole book, which only the search page reads."""
    if page.name == "search":
        return html
    scripts = r"\s*<script[^>]*/(?:searchtools|language_data|searchindex)\.js[^>]*></script>"
    return re.sub(scripts.replace("/(?:", '(?<=[/"])(?:'), "", html)


@mend
def unused_scripts_are_left_out(html: str, page: Page) -> str:
    """Scripts for tabs and folded boxes are loaded by pages that have none."""
    if "sd-tab-set" not in html:
        html = re.sub(r"\s*<script[^>]*/design-tabs\.js[^>]*></script>", "", html)
    if not re.search(r'class="[^"]*(?:(?<![\w-])toggle(?![\w-])|admonition dropdown)', html):
        html = re.sub(r"\s*<script[^>]*/togglebutton\.js[^>]*></script>", "", html)
        html = re.sub(r"\s*<script>(?:let|var) toggle\w+ = [^<]*</script>", "", html)
    return html


@mend
def styles_are_one(html: str, page: Page) -> str:
    """Eleven style sheets, one of which imports a twelfth, hold back the first line."""
    return link_one(html)


@mend
def scripts_do_not_block(html: str, page: Page) -> str:
    """The text waits for scripts in the head that nothing on the page needs before it is read."""
    head, tag, body = html.partition("</head>")
    # set for another search and for a switch of versions, neither of which this book has
    head = re.sub(r"\s*<script>DOCUMENTATION_OPTIONS\.\w+ = [^<]*</script>", "", head)
    head = re.sub(r"<script (?!defer)((?:[^>]* )?src=)", r"<script defer \1", head)
    return head + tag + body


# --- Errors and jumps ----------------------------------------------------------------------------

MODE = re.compile(r"<script data-cfasync[^>]*>.*?</script>", re.DOTALL)
SET_MODE = """<script>
    { let mode = null;
      try { mode = localStorage.getItem("mode"); } catch {}
      mode ||= "auto";
      const dark = mode === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches
        : mode === "dark";
      Object.assign(document.documentElement.dataset, {mode, theme: dark ? "dark" : "light"}); }
  </script>"""


@mend
def mode_is_set(html: str, page: Page) -> str:
    """Each first visit starts in no mode: an error in the console, a white flash in the dark."""
    return MODE.sub(lambda _: SET_MODE, html, count=1)


@mend
def images_keep_their_place(html: str, page: Page) -> str:
    """Images have no size, so the text below jumps when they arrive; and all come at once."""
    seen = 0

    def place(match: re.Match) -> str:
        nonlocal seen
        tag = match[0]
        file = page.file(match[1])
        if file and " width=" not in tag and (size := image_size(file)):
            tag = tag.replace("<img", f'<img width="{size[0]}" height="{size[1]}"', 1)
        if "logo__image" not in tag and " loading=" not in tag:
            seen += 1
            tag = tag.replace("<img", '<img loading="lazy" decoding="async"', 1 if seen > 1 else 0)
        return tag

    return re.sub(r'<img\b[^>]*?src="([^":]+)"[^>]*>', place, html)


# --- What a screen reader and a keyboard meet ----------------------------------------------------


@mend
def labels_say_what_is_written(html: str, page: Page) -> str:
    """Labels hide the text: "Toggle hidden content" for "Show the code", "Search" for its keys."""
    html = html.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    return re.sub(
        r'(<button class="btn search-button-field[^>]*?) aria-label="Search"', r"\1", html
    )


@mend
def sidebar_is_a_landmark(html: str, page: Page) -> str:
    """The logo stands outside of every landmark."""
    start = '<div class="sidebar-primary-items__start sidebar-primary__section"'
    return html.replace(start, start + ' role="region" aria-label="Book"', 1)


@mend
def empty_corners_are_no_headers(html: str, page: Page) -> str:
    """The empty corner of a table is a header without a name."""
    return re.sub(r"<th\b([^>]*)>(\s*(?:<p>\s*</p>)?\s*)</th>", r"<td\1>\2</td>", html)


@mend
def sources_have_no_stale_roles(html: str, page: Page) -> str:
    """The bibliography claims to be a list but has other children, its entries a role given up."""
    html = html.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    return re.sub(r'(<div class="citation"[^>]*) role="doc-biblioentry"', r"\1", html)


@mend
def title_stands_once(html: str, page: Page) -> str:
    """Title and contents stand in the page twice, for printing a list of links without numbers."""
    start = html.find('<div id="jb-print-docs-body"')
    end = html.find('<div id="searchbox">', start)
    return html if -1 in (start, end) else html[:start] + html[end:]


# --- Into the build ------------------------------------------------------------------------------


def mend_pages(app: Sphinx) -> None:
    """Let every page that the theme has written pass through the mends and the extras."""
    if app.builder.format != "html" or not app.config.mend_theme:
        return
    render = app.builder.templates.render
    sheets: list[str] = []

    def find(path: str) -> Path | None:
        """The source of a file of the book, which is copied only after the pages are written."""
        if path.startswith("_static/"):
            places = [Path(app.confdir, folder) for folder in app.config.html_static_path]
            files = [folder / path.removeprefix("_static/") for folder in places]
        else:
            files = [
                Path(app.srcdir, source)
                for source, name in app.builder.images.items()
                if f"{app.builder.imagedir}/{name}" == path
            ]
        return next((file for file in files if file.is_file()), None)

    def rendered(template: str, context: dict[str, Any]) -> str:
        html = render(template, context)
        if "pagename" not in context or "</html>" not in html:
            return html
        page = Page(
            context["pagename"],
            find,
            app.config.published_at,
            str(context.get("pagetitle") or context.get("title") or ""),
            str(context.get("page_description") or ""),
        )
        sheets[:] = max(sheets, sheets_of(html), key=len)
        html = mended(html, page)
        for extra in EXTRAS:
            html = extra(html, page)
        return html

    def finish(app: Sphinx, error: Exception | None) -> None:
        if not error and sheets:
            write_style(Path(app.outdir), sheets)

    app.builder.templates.render = rendered
    app.connect("build-finished", finish, priority=950)  # after unused scripts are gone


def setup(app: Sphinx) -> dict[str, Any]:
    """Work once the builder has its templates."""
    app.add_config_value("mend_theme", True, "html", bool)
    app.connect("builder-inited", mend_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
