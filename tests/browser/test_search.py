"""The search finds every term of the glossary, in English and in Chinese."""

import re

import pytest
from served import ROOT

GLOSSARY = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^(\S.*)\n  \(([^()\n]*[\u4e00-\u9fff][^()\n]*)\)", GLOSSARY, re.MULTILINE)
FOUND = """terms => terms.filter(term => {
  const [query, searched, excluded, highlighted, objects] = Search._parseQuery(term);
  return !Search._performSearch(query, searched, excluded, highlighted, objects)
    .some(([page, title, place]) => page === "book/glossary" && place.startsWith("#term-"));
})"""


def test_the_glossary_was_read():
    assert len(TERMS) > 80
    assert len(TERMS) == len(re.findall(r"^  \(", GLOSSARY, re.MULTILINE))


@pytest.mark.parametrize("language", [0, 1], ids=["English", "Chinese"])
def test_every_term_is_found(open_page, language):
    page = open_page("search")
    page.wait_for_function("Search.hasIndex()")
    assert page.evaluate(FOUND, ["no such term"]) == ["no such term"]
    assert not page.evaluate(FOUND, [pair[language] for pair in TERMS])


@pytest.mark.parametrize("word", ["注意力", "beam search"])
def test_a_reader_finds_the_term(open_page, word):
    page = open_page("book/intro")
    page.keyboard.press("Control+k")
    page.keyboard.type(word)
    page.keyboard.press("Enter")
    results = page.locator("#search-results li a")
    results.first.wait_for()
    page.wait_for_function(
        "document.querySelector('.search-summary').textContent.includes('found')"
    )
    links = results.evaluate_all("links => links.map(link => link.getAttribute('href'))")
    place = next(link for link in links if "book/glossary.html#term-" in link)
    page.locator(f'#search-results a[href="{place}"]').first.click()
    assert word in page.locator(":target").locator("xpath=..").text_content()


def test_chinese_is_marked_as_chinese(open_page):
    page = open_page("book/glossary")
    unmarked = page.evaluate(
        """() => {
          const text = document.querySelector("article").cloneNode(true);
          for (const part of text.querySelectorAll("[lang]")) part.remove();
          return text.textContent.match(/[\\u4e00-\\u9fff]+/g);
        }"""
    )
    assert unmarked is None
