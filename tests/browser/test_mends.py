"""Each mend of the theme is needed, and works: without it a page has the defect, with it not.

A small book is built as the theme writes it. Its pages are opened twice, with all mends and with
all but one, and one thing is looked at that tells the defect.
"""

import re
from urllib.parse import urlsplit

import pytest
from extras import EXTRAS
from one_style import sheets_of, write_style
from served import serve
from small_book import CHAPTER, small_book
from theme_mends import MENDS, Page, mended
from visits import AXE, Visit, axe, listen

PAGE, SOURCES = CHAPTER.replace(".ipynb", ".html"), "book/bibliography.html"


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """The book as the theme writes it, with the style sheet that the mends make of its own."""
    book = small_book(
        tmp_path_factory.mktemp("raw"),
        lambda config: config["sphinx"]["config"].update(mend_theme=False),
    )
    done = book.build()
    assert done.returncode == 0, done.stdout
    html = (book.html / PAGE).read_text(encoding="utf-8")
    write_style(book.html, sheets_of(html))
    return book.html


@pytest.fixture(scope="module")
def address(raw):
    yield from serve(raw)


@pytest.fixture
def look(browser, raw, address):
    """Opens a page with all mends but one (``leave``), and gives it with what went wrong."""
    contexts = []

    def open_(name: str, leave: str, **options):
        def find(path):
            return raw / path if (raw / path).is_file() else None

        def answer(route):
            path = urlsplit(route.request.url).path.lstrip("/")
            if not path.endswith(".html"):
                return route.continue_()
            html = (raw / path).read_text(encoding="utf-8")
            html = mended(html, Page(path.removesuffix(".html"), find), leave)
            return route.fulfill(body=html, content_type="text/html; charset=utf-8")

        context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        contexts.append(context)
        page, visit = context.new_page(), Visit()
        page.route("**/*", answer)
        listen(page, visit, address)
        asked = visit.requests
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}{name}", wait_until="networkidle")
        return page, visit

    yield open_
    for context in contexts:
        context.close()


def asks_for(*names):
    """Does a page ask for one of these files?"""
    return lambda page, visit: any(f"/{name}" in url for url in visit.requests for name in names)


def violates(*rules):
    """Does axe find one of these rules broken?"""

    def check(page, visit):
        page.evaluate(axe())
        return any(line.split(":")[0] in rules for line in page.evaluate(AXE))

    return check


def has(selector):
    return lambda page, visit: page.locator(selector).count() > 0


def no_size(page, visit):
    return page.locator("article img:not([width][height])").count() > 0


def light_at_first(page, visit):
    return any("theme mode" in error for error in visit.errors)


CHECKS = {  # mend: page, is the defect there?
    "icons_are_drawn": (PAGE, asks_for("_static/scripts/fontawesome.js")),
    "bootstrap_is_left_out": (PAGE, asks_for("_static/scripts/bootstrap.js")),
    "search_stays_on_its_page": (PAGE, asks_for("searchindex.js", "_static/searchtools.js")),
    "unused_scripts_are_left_out": (
        PAGE,
        asks_for("_static/design-tabs.js", "_static/togglebutton.js"),
    ),
    "styles_are_one": (PAGE, asks_for("_static/styles/pydata-sphinx-theme.css")),
    "scripts_do_not_block": (PAGE, has("head script[src]:not([defer])")),
    "mode_is_set": (PAGE, light_at_first),
    "images_keep_their_place": (PAGE, no_size),
    "labels_say_what_is_written": (PAGE, violates("label-content-name-mismatch")),
    "sidebar_is_a_landmark": (PAGE, violates("region")),
    "empty_corners_are_no_headers": (PAGE, violates("empty-table-header")),
    "sources_have_no_stale_roles": (
        SOURCES,
        violates("aria-allowed-role", "aria-required-children", "aria-deprecated-role"),
    ),
    "title_stands_once": (PAGE, has("#jb-print-docs-body")),
}


def test_each_mend_is_looked_at():
    assert list(CHECKS) == list(MENDS)
    assert all(mend.__doc__ for mend in MENDS.values())


@pytest.mark.parametrize("name", MENDS)
def test_mend_is_needed_and_works(look, name):
    path, defect = CHECKS[name]
    page, visit = look(path, leave=name)
    assert defect(page, visit), f"{name}: the defect is gone without it; is it needed still?"
    page, visit = look(path, leave="")
    assert not defect(page, visit), f"{name}: the defect is there in spite of it"
    assert not visit.errors


@pytest.mark.parametrize(("name", "scheme"), [(PAGE, "light"), (PAGE, "dark"), (SOURCES, "light")])
def test_one_style_looks_like_many(look, name, scheme):
    shots = []
    for leave in ("styles_are_one", ""):
        page, _ = look(name, leave, color_scheme=scheme)
        page.wait_for_function("document.fonts.status === 'loaded'")
        page.evaluate("document.activeElement?.blur()")
        shots.append(page.screenshot(full_page=True, animations="disabled"))
    assert shots[0] == shots[1]


# --- What book.js mends --------------------------------------------------------------------------

WITHOUT = "**/book.js*"


@pytest.mark.parametrize("kept", [False, True])
def test_excerpts_are_not_fetched_from_disk(open_page, built, kept):
    page = open_page("about:blank")
    visit = Visit()
    listen(page, visit, built.as_uri())
    if not kept:
        page.route(WITHOUT, lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(f"{(built / 'search.html').as_uri()}?q=softmax", wait_until="networkidle")
    assert bool(visit.errors) != kept


@pytest.mark.parametrize("kept", [False, True])
def test_long_formulas_get_the_focus(open_page, site, kept):
    page = open_page("about:blank", width=390)
    if not kept:
        page.route(WITHOUT, lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(f"{site}book/notation.html", wait_until="networkidle")
    page.evaluate("document.querySelector('article').style.width = '90px'")
    page.evaluate("dispatchEvent(new Event('resize'))")
    page.wait_for_timeout(400)
    lost = """[...document.querySelectorAll(".katex-display")].filter(
      box => box.scrollWidth > box.clientWidth && box.tabIndex < 0).length"""
    assert bool(page.evaluate(lost)) != kept


# --- What the extras add -------------------------------------------------------------------------


def test_extras(raw):
    html = (raw / PAGE).read_text(encoding="utf-8")
    page = Page(
        "notebooks/2_mechanism/04_small", lambda path: None, "https://a.example/b/", "T", "D"
    )
    for extra in EXTRAS:
        html = extra(html, page)
    assert '<html data-part="2"' in html
    assert '<meta property="og:image" content="https://a.example/b/_static/social.png"/>' in html
    assert '<meta name="description" content="D"/>' in html
    page.address = ""
    assert "og:image" not in EXTRAS[1]("<head></head>", page)


def test_404_finds_its_files_from_any_depth(raw):
    html = (raw / "404.html").read_text(encoding="utf-8")
    lead_home = EXTRAS[-1]
    page = Page("404", lambda path: None, "https://a.example/b/")
    links = re.findall(r'\b(?:href|src|action)="([^"#]+)', lead_home(html, page))
    assert len(links) > 10
    assert all(link.startswith("/b/") or ":" in link for link in links)
