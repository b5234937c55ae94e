"""One style sheet instead of eleven, with the rules that some page of the book uses.

The theme, its parts and the notebooks bring 560 KB of rules, most of them for things that no page
of this book has. What is kept is decided by the built pages and scripts: a rule stays if each class
that it asks for stands in one of them.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from posixpath import dirname, join, normpath

import tinycss2

NAME = "style.css"
LINK = re.compile(
    r'\s*<link (?=[^>]*rel="stylesheet")[^>]*href="(?:\.\./|\./)*_static/([^"?]+)[^"]*"[^>]*>'
)
IMPORT = re.compile(r'@import\s+(?:url\()?["\']?([^"\')]+)["\']?\)?[^;]*;')
URL = re.compile(r'url\((["\']?)(?!data:|#|/|\w+:)([^"\')]+)\1\)')
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
ALTERNATIVES = re.compile(r":(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)")


def link_one(html: str) -> str:
    """The page with one link in place of those to the style sheets of the book."""
    first = LINK.search(html)
    if not first:
        return html
    root = re.search(r'href="((?:\.\./|\./)*)_static', first[0])[1]
    one = f'\n  <link rel="stylesheet" href="{root}_static/{NAME}"/>'
    head = html[: first.start()] + one
    return head + LINK.sub("", html[first.end() :])


def sheets_of(html: str) -> list[str]:
    """The style sheets that a page asks for, in order, as paths below _static."""
    return LINK.findall(html)


def read_sheet(static: Path, path: str) -> str:
    """A style sheet with the ones it imports, its addresses relative to _static."""
    folder = dirname(path)
    text = (static / path).read_text(encoding="utf-8").replace('@charset "UTF-8";', "")
    text = IMPORT.sub(lambda m: read_sheet(static, normpath(join(folder, m[1]))), text)
    if not folder:
        return text
    return URL.sub(lambda m: f'url("{normpath(join(folder, m[2]))}")', text)


def words_in_use(folder: Path) -> set[str]:
    """Every class of the pages, and every word of the scripts, which add classes too."""
    words = set()
    for page in folder.rglob("*.html"):
        for value in re.findall(r'\bclass="([^"]*)"', page.read_text(encoding="utf-8")):
            words.update(value.split())
    for script in (folder / "_static").rglob("*.js"):
        words.update(re.findall(r"[\w-]+", script.read_text(encoding="utf-8")))
    return words


def rules_in_use(rules: Iterable, words: set[str]) -> Iterable[str]:
    """The text of the rules that can apply."""
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = _split(tinycss2.serialize(rule.prelude))
            kept = [
                one for one in selectors if set(CLASS.findall(ALTERNATIVES.sub("", one))) <= words
            ]
            if kept:
                yield f"{','.join(kept)}{{{tinycss2.serialize(rule.content).strip()}}}"
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports", "layer"):
            if rule.content is None:
                yield rule.serialize()
                continue
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            if text := "\n".join(rules_in_use(inner, words)):
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{text}}}"
        elif rule.type == "at-rule" and not _is_icon_font(rule):
            yield rule.serialize()


def _is_icon_font(rule) -> bool:
    return rule.lower_at_keyword == "font-face" and "Font Awesome" in tinycss2.serialize(
        rule.content
    )


def _split(selectors: str) -> list[str]:
    """At the commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in selectors:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def write_style(folder: Path, sheets: list[str]) -> None:
    """Write the one style sheet of a built book."""
    static = folder / "_static"
    text = "\n".join(read_sheet(static, path) for path in sheets)
    rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    kept = "\n".join(rules_in_use(rules, words_in_use(folder)))
    (static / NAME).write_text(kept + "\n", encoding="utf-8")
