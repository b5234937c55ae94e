"""The book opened from disk, as from the zip that `make offline` makes: no server, no errors."""

import pytest
from served import LISTED
from visits import FORMULAS, Visit, listen

CHAPTER = next(name for name in LISTED if name.startswith("notebooks/"))


@pytest.fixture
def from_disk(open_page, built):
    """Opens a page by its path, and gives the page and what went wrong on it."""

    def open_(name: str, query: str = ""):
        page = open_page("about:blank", color_scheme="light")
        visit = Visit()
        listen(page, visit, built.as_uri())
        page.goto(f"{(built / f'{name}.html').as_uri()}{query}", wait_until="networkidle")
        return page, visit

    return open_


@pytest.mark.parametrize("name", [CHAPTER, "book/intro", "book/glossary", "404", "search"])
def test_page(from_disk, name):
    page, visit = from_disk(name)
    assert not visit.errors
    assert not visit.foreign
    assert not page.evaluate(FORMULAS)
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily")
    page.locator(".theme-switch-button").first.click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_formulas_have_their_fonts(from_disk):
    page, _ = from_disk(CHAPTER)
    page.wait_for_function("document.fonts.status === 'loaded'")
    assert page.evaluate("document.fonts.check('16px KaTeX_Main')")
    loaded = "[...document.fonts].filter(font => font.status === 'loaded').map(font => font.family)"
    assert "KaTeX_Main" in page.evaluate(loaded)


def test_navigation(from_disk):
    page, visit = from_disk(CHAPTER)
    page.locator(".right-next").click()
    page.locator(".left-prev").click()
    assert page.url.endswith(f"{CHAPTER}.html")
    page.locator("nav.bd-docs-nav").get_by_role("link", name="Glossary").click()
    assert page.url.endswith("book/glossary.html")
    assert not visit.errors


def test_search_results(from_disk):
    page, visit = from_disk("search", "?q=softmax")
    results = page.locator("#search-results li a")
    page.wait_for_function(
        "document.querySelector('.search-summary').textContent.includes('found')"
    )
    assert results.count() > 2
    results.first.click()
    page.wait_for_load_state()
    assert "softmax" in page.locator("article").text_content().lower()
    assert not visit.errors
