"""The checks of a visit find what is planted on a page."""

import re

import pytest
from served import serve
from test_pages import overweight
from visits import Visits

SOUND = """<!DOCTYPE html><html lang="en"><head><title>Page</title>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<link rel="icon" href="data:,"/></head>
<body><main id="main-content"><article><h1>Page</h1>
<details><summary>More</summary><p>text</p></details>
</article></main></body></html>"""
PLANTED = {  # what is put into the article, and where the visit must show it
    "<script>undefined_name()</script>": lambda visit: visit.errors,
    "<script>console.error('no')</script>": lambda visit: visit.errors,
    "<script src='gone.js'></script>": lambda visit: visit.errors,
    "<script src='http://127.0.0.1:9/x.js'></script>": lambda visit: visit.foreign,
    "<p>$$ x $$</p>": lambda visit: visit.formulas,
    r"<p>\frac{a}{b}</p>": lambda visit: visit.formulas,
    "<span class='katex-error'>x</span>": lambda visit: visit.formulas,
    "<div class='math'>x</div>": lambda visit: visit.formulas,
    "<details><summary onclick='return false'>x</summary>y</details>": lambda v: v.folded,
    "<p style='width: 500px'>wide</p>": lambda visit: visit.overflow[390],
    "<p style='width: 1500px'>wide</p>": lambda visit: visit.overflow[1280],
    "<p style='color: #ccc'>pale</p>": lambda visit: visit.axe["light 1280"],
    "<style>[data-theme=dark] p {color: #ccc}</style><p>pale</p>": lambda v: v.axe["dark 390"],
    "<img src='data:,'/>": lambda visit: [i for i in visit.images if not i["width"]],
    "<script>setTimeout(() => document.querySelector('h1').style.marginTop = '9em', 99)</script>": (
        lambda visit: visit.shift > 0.02
    ),
}


@pytest.fixture(scope="module")
def visits(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    (folder / "sound.html").write_text(SOUND, encoding="utf-8")
    for number, fault in enumerate(PLANTED):
        html = SOUND.replace("</article>", f"{fault}</article>")
        (folder / f"{number}.html").write_text(html, encoding="utf-8")
    for site in serve(folder):
        yield Visits(browser, site)


def test_sound_page_has_no_fault(visits):
    visit = visits["sound"]
    found = (visit.errors, visit.foreign, visit.formulas, visit.folded, visit.images, visit.shift)
    assert not any(found)
    assert not any(visit.overflow.values())
    assert not any(visit.axe.values())


@pytest.mark.parametrize(
    "number", range(len(PLANTED)), ids=lambda n: re.sub(r"\W+", "-", list(PLANTED)[n])[:40]
)
def test_planted_fault_is_found(visits, number):
    assert list(PLANTED.values())[number](visits[str(number)])


def test_overweight_is_found(visits):
    visit = visits["sound"]
    assert not overweight(visit, "a")
    visit.requests *= 60
    visit.compressed = visit.script = 10**6
    visit.shift = 0.03
    assert [line.split(":")[0] for line in overweight(visit, "a")] == [
        "requests", "compressed bytes", "bytes of script", "layout shift"]  # fmt: skip
