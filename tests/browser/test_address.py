"""The repository's address, once it is set: buttons, and where links to the book look."""

import pytest
from served import serve
from small_book import CHAPTER, small_book

URL = "https://github.com/Someone/paying-attention"
BRANCHED = f"blob/main/{CHAPTER}"


@pytest.fixture(scope="module")
def stamped(tmp_path_factory, browser):
    """The address of a small book that knows the address of its repository."""
    book = small_book(
        tmp_path_factory.mktemp("stamped"), lambda config: config["repository"].update(url=URL)
    )
    done = book.build()
    assert done.returncode == 0, done.stdout
    yield from serve(book.html)


def test_buttons(open_page, stamped):
    page = open_page(stamped + CHAPTER.replace(".ipynb", ".html"))
    links = page.locator(".chapter-buttons a").evaluate_all(
        "links => links.map(link => [link.textContent, link.href])"
    )
    assert dict(links) == {
        "Colab": f"https://colab.research.google.com/github/Someone/paying-attention/{BRANCHED}",
        "Download 04_small.ipynb": f"{stamped}_sources/{CHAPTER}",
        "Source": f"{URL}/{BRANCHED}",
    }


def test_preview(open_page, stamped):
    page = open_page(f"{stamped}book/intro.html")
    value = page.locator('meta[property="og:image"]').get_attribute("content")
    assert value == "https://someone.github.io/paying-attention/_static/social.png"
    assert page.request.get(f"{stamped}_static/social.png").body().startswith(b"\x89PNG")
    assert page.locator('meta[name="description"]').get_attribute("content")


def test_without_address_only_what_works_without(open_page):
    page = open_page("notebooks/2_mechanism/04_softmax")
    assert page.locator(".chapter-buttons a").all_text_contents() == ["Download 04_softmax.ipynb"]
