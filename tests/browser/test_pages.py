"""What holds for every page of the book."""

import pytest
from visits import Visit

KB = 1024
REQUESTS, COMPRESSED, SCRIPT, SHIFT = 40, 550 * KB, 200 * KB, 0.02
SEARCH_INDEX = "searchindex.js"  # the words of the whole book, read by the search page alone


def test_no_error_and_no_other_host(visits, page_name):
    visit = visits[page_name]
    assert not visit.errors
    assert not visit.foreign


def test_weight(visits, page_name):
    assert not (heavy := overweight(visits[page_name], page_name)), heavy


def overweight(visit: Visit, name: str) -> list[str]:
    """Which bounds the page exceeds. The API shows every signature, search the whole index."""
    script = 40 * SCRIPT if name == "search" else SCRIPT
    measured = {
        "requests": (len(visit.requests), REQUESTS),
        "compressed bytes": (visit.compressed, COMPRESSED),
        "bytes of script": (visit.script, script),
        "layout shift": (visit.shift, SHIFT),
    }
    return [
        f"{what}: {now}, at most {most}" for what, (now, most) in measured.items() if now > most
    ]


def test_only_the_search_page_reads_the_index(visits, page_name):
    reads = any(SEARCH_INDEX in url for url in visits[page_name].requests)
    assert reads == (page_name == "search")


def test_images(visits, page_name):
    for image in visits[page_name].images:
        assert image["width"] > 0, f"{image['source']} did not load"
        assert image["alt"] and image["alt"] != image["file"], f"{image['source']}: what is on it?"


def test_formulas(visits, page_name):
    assert not visits[page_name].formulas


def test_folded_parts_open_and_close(visits, page_name):
    assert not visits[page_name].folded


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_overflows(visits, page_name, width):
    assert not visits[page_name].overflow[width]


@pytest.mark.parametrize("look", ["light 1280", "light 390", "dark 1280", "dark 390"])
def test_accessible(visits, page_name, look):
    assert not visits[page_name].axe[look]


def test_a_page_of_each_kind_was_seen(visits):
    pages = [visits[name] for name in ("book/intro", "book/glossary", "search", "404")]
    assert all(visit.requests and visit.axe for visit in pages)
