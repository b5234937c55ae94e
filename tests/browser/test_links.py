"""Every link to a page, a file or a place on a page leads somewhere."""

import re
from html import unescape
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

import pytest

LINK = re.compile(r'<(?:a|link|script|img)\b[^>]*?\b(?:href|src)="([^"]+)"')
PLACE = re.compile(r'\bid="([^"]+)"')


@pytest.fixture(scope="module")
def pages(built) -> dict[str, str]:
    """The HTML of each page by its path."""
    return {
        path.relative_to(built).as_posix(): path.read_text(encoding="utf-8")
        for path in built.rglob("*.html")
        if "_static" not in path.parts
    }


def dead_links(pages: dict[str, str], folder: Path) -> list[str]:
    """Links with no page, file or place at their end."""
    places = {path: {unescape(one) for one in PLACE.findall(html)} for path, html in pages.items()}
    dead = []
    for path, html in pages.items():
        for link in sorted(set(LINK.findall(html))):
            url = urlsplit(unescape(link))
            if url.scheme or url.netloc:
                continue
            to = normpath(join(dirname(path), unquote(url.path))) if url.path else path
            if to not in pages and not (folder / to).is_file():
                dead.append(f"{path}: {link} leads to no file")
            elif url.fragment and unquote(url.fragment) not in places.get(to, ()):
                dead.append(f"{path}: {link} leads to no place on that page")
    return dead


def test_links(pages, built):
    assert len(pages) > 10
    assert not dead_links(pages, built)


def test_dead_links_are_found(tmp_path):
    (tmp_path / "file.svg").touch()
    sound = '<a href="b/c.html#x"></a><img src="file.svg"/><a href="https://example.org"></a>'
    pages = {"a.html": sound, "b/c.html": '<p id="x"><a href="../a.html?y=1"></a></p>'}
    assert not dead_links(pages, tmp_path)
    pages["a.html"] += '<a href="b/c.html#z"></a><a href="gone.html"></a>'
    assert dead_links(pages, tmp_path) == [
        "a.html: b/c.html#z leads to no place on that page",
        "a.html: gone.html leads to no file",
    ]
