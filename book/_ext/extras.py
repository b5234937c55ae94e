"""What each page gets besides the theme's HTML: its part's color, a preview for links, fonts.

``make stamp URL=…`` sets the repository's address, from which that of the published book follows
(GitHub Pages), unless ``html: baseurl:`` in _config.yml names another.
"""

import hashlib
import re
import shutil
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

FONTS = Path(__file__).resolve().parents[2] / "node_modules/@fontsource-variable/source-serif-4"
FACES = ("latin-wght-normal", "latin-wght-italic", "latin-ext-wght-normal", "latin-ext-wght-italic")
UNUSED = (  # by any page: `theme_mends` takes out what asks for them
    "locales",
    "vendor",
    "scripts/*.map",
    "styles/*.map",
    "scripts/fontawesome*",
    "scripts/bootstrap*",
    "images/logo_*",
    "webpack-macros.html",
    "sbt-webpack-macros.html",
)


def part_of(name: str) -> str | None:
    """The digit of the part that a page belongs to, if any."""
    match = re.match(r"(?:notebooks/|book/part_)(\d)", name)
    return match[1] if match else None


def name_part(html: str, page: Any) -> str:
    """Let book.css know the part, which has a color of its own."""
    part = part_of(page.name)
    return html.replace("<html ", f'<html data-part="{part}" ', 1) if part else html


def preview(html: str, page: Any) -> str:
    """What a link to the page looks like elsewhere; with a picture once the address is known."""
    lines = [
        ("name", "description", page.description),
        ("property", "og:title", page.title),
        ("property", "og:description", page.description),
        ("property", "og:type", "book" if page.name == "book/intro" else "article"),
        ("property", "og:site_name", "Paying Attention"),
    ]
    if page.address:
        lines += [
            ("property", "og:url", f"{page.address}{page.name}.html"),
            ("property", "og:image", f"{page.address}_static/social.png"),
            ("property", "og:image:alt", "Paying Attention: the word “they” looks back at “cats”"),
            ("name", "twitter:card", "summary_large_image"),
        ]
    tags = (
        f'  <meta {kind}="{key}" content="{escape(text)}"/>' for kind, key, text in lines if text
    )
    return html.replace("</head>", "\n".join(tags) + "\n  </head>", 1)


def fonts_first(html: str, page: Any) -> str:
    """Ask for the fonts of the first lines at once, so that the lines do not change their breaks.

    Not where the page is opened from disk: there a browser would refuse, and say so.
    """
    root = "../" * page.name.count("/")
    names = ["fonts/source-serif-4-latin-wght-normal"]
    if "<em>" in html:
        names.append("fonts/source-serif-4-latin-wght-italic")
    if 'class="katex"' in html:
        names += ["katex/fonts/KaTeX_Main-Regular", "katex/fonts/KaTeX_Math-Italic"]
    hrefs = [f"{root}_static/{name}.woff2" for name in names]
    script = (
        f"<script>if (location.protocol !== 'file:') for (const href of {hrefs})\n"
        "    document.head.append(Object.assign(document.createElement('link'), "
        "{rel: 'preload', as: 'font', crossOrigin: '', href}));</script>"
    )
    return html.replace("<title>", f"{script}\n    <title>", 1)


def lead_home(html: str, page: Any) -> str:
    """The page for unknown addresses is shown at any depth: its links start at the root."""
    if page.name != "404" or not page.address:
        return html
    base = urlsplit(page.address).path
    return re.sub(r'\b(href|src|action)="(?![#/]|\w+:)(?:\./)?', rf'\1="{base}', html)


EXTRAS = (name_part, preview, fonts_first, lead_home)


def settle_address(app: Sphinx, config: Config) -> None:
    """Derive where the book is published from where its repository is."""
    address = config.html_baseurl
    if not address:
        url = urlsplit(config.html_theme_options.get("repository_url") or "")
        owner, _, name = url.path.strip("/").partition("/")
        if url.hostname == "github.com" and name:
            pages = f"{owner.lower()}.github.io"
            address = f"https://{pages}/" if name.lower() == pages else f"https://{pages}/{name}/"
    config.templates_path.append(str(Path(__file__).parent / "templates"))
    config.html_additional_pages = {"404": "404.html"}
    config.published_at = address.rstrip("/") + "/" if address else ""


def digest(folder: Path) -> str:
    """Changes with any file below the folder."""
    files = sorted(path for path in folder.rglob("*") if path.suffix not in (".pyc", ""))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def notice_changes(app: Sphinx, config: Config) -> None:
    """Build anew when an extension or an asset has changed, which Sphinx does not look at."""
    config.extensions_digest = digest(Path(__file__).parent)
    config.assets_digest = digest(Path(app.confdir, "book", "_assets"))


def copy_fonts(app: Sphinx) -> None:
    """Copy the text's typeface into the book."""
    if not FONTS.is_dir():
        raise ExtensionError(f"{FONTS.name} is missing in node_modules: run `make setup`")
    target = Path(app.outdir) / "_static" / "fonts"
    target.mkdir(parents=True, exist_ok=True)
    for face in FACES:
        shutil.copy(FONTS / "files" / f"source-serif-4-{face}.woff2", target)


def drop_unused(app: Sphinx, error: Exception | None) -> None:
    """Take out of the built book what no page asks for: most of its weight on disk."""
    if error or not app.config.mend_theme:
        return
    static = Path(app.outdir) / "_static"
    for pattern in UNUSED:
        for path in static.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def setup(app: Sphinx) -> dict[str, Any]:
    """Settle the address before the buttons take it out of the theme's options."""
    app.add_config_value("published_at", "", "html", str)
    app.add_config_value("extensions_digest", "", "env", str)
    app.add_config_value("assets_digest", "", "html", str)
    app.connect("config-inited", settle_address, priority=400)
    app.connect("config-inited", notice_changes)
    app.connect("builder-inited", copy_fonts)
    app.connect("build-finished", drop_unused, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
