"""Every chapter and every page of the book obeys the rules of ``rules.py``."""

import pytest
from documents import ROOT, Document, fail_for, read_book
from rules import PAGE_RULES, RULES

BOOK = read_book()
FRONT = [Document.read(ROOT, path.name) for path in sorted(ROOT.glob("[A-Z]*.md"))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("chapter", BOOK.chapters, ids=lambda chapter: chapter.path.stem)
def test_chapter(chapter, rule):
    fail_for(rule(chapter, BOOK), chapter.path)


@pytest.mark.parametrize("rule", PAGE_RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("page", BOOK.pages + FRONT, ids=lambda page: page.path.stem)
def test_page(page, rule):
    fail_for(rule(page, BOOK), page.path)
