"""What a reader does: by mouse and keyboard, wide and narrow, on screen and on paper."""

import json
import re
from urllib.parse import urlsplit

import nbformat
import pytest
from served import LISTED, ROOT

CHAPTERS = [name for name in LISTED if name.startswith("notebooks/")]
CHAPTER = CHAPTERS[1]
KINDS = ["book/intro", "book/glossary", CHAPTER, "search", "404"]
BACK = "() => getComputedStyle(document.body).backgroundColor"

# Characters of the full lines of long paragraphs: where the text wraps, from its rectangles.
LINES = """() => {
  const lengths = [];
  for (const text of document.querySelectorAll("article section > p")) {
    if (text.textContent.length < 300 || text.querySelector(".katex")) continue;
    const lines = Math.round(text.getBoundingClientRect().height
      / parseFloat(getComputedStyle(text).lineHeight));
    const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT), rows = new Map();
    for (let node; (node = walker.nextNode());) for (let i = 0; i < node.length; i++) {
      const range = document.createRange();
      range.setStart(node, i); range.setEnd(node, i + 1);
      const row = Math.round((range.getBoundingClientRect().top) / 12);
      rows.set(row, (rows.get(row) || 0) + 1);
    }
    lengths.push(...[...rows.values()].slice(0, -1).filter(length => length > 20));
  }
  return lengths;
}"""
FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element), box = element.getBoundingClientRect();
  element.dataset.reached = "yes";
  return {
    name: element.outerHTML.slice(0, 120),
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    shown: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
  };
}"""
UNREACHED = """() => [...document.querySelectorAll(
    "a[href], button, summary, input, [tabindex='0']")].filter(element =>
  element.checkVisibility({visibilityProperty: true}) && !element.dataset.reached
  && element.getBoundingClientRect().width > 0 && element.tabIndex >= 0
).map(element => element.outerHTML.slice(0, 150))"""


@pytest.mark.parametrize("name", KINDS)
def test_keyboard_reaches_everything_and_shows_where_it_is(open_page, name):
    page = open_page(name)
    page.evaluate("document.activeElement?.blur()")
    hidden, missing = [], []
    for _ in range(1000):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus is None:
            break
        if not focus["ring"]:
            missing.append(focus["name"])
        if not focus["shown"]:
            hidden.append(focus["name"])
    assert not missing
    assert not hidden
    assert not page.evaluate(UNREACHED)


def test_skip_link_leads_to_the_text(open_page):
    page = open_page(CHAPTER)
    page.keyboard.press("Tab")
    assert "Skip" in page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    assert urlsplit(page.url).fragment == "main-content"


def test_dark_mode_toggles_and_stays(open_page):
    page = open_page("book/intro", color_scheme="light")
    light = page.evaluate(BACK)
    button = page.locator(".theme-switch-button").first
    button.click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(BACK) != light
    page.goto(page.url.replace("intro", "notation"))
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_first_visit_follows_the_system(open_page, scheme):
    page = open_page("book/intro", color_scheme=scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme


def test_figures_stand_on_white_in_the_dark(open_page):
    page = open_page(CHAPTER, color_scheme="dark")
    back = "image => getComputedStyle(image).backgroundColor"
    for image in page.locator("article img").all():
        assert image.evaluate(back) == "rgb(255, 255, 255)"


def test_copy_button_copies(open_page):
    page = open_page(CHAPTER, permissions=["clipboard-read", "clipboard-write"])
    cells = [c for c in nbformat.read(ROOT / f"{CHAPTER}.ipynb", 4).cells if c.cell_type == "code"]
    code = page.locator("div.cell:not(.tag_hide-input, .tag_hide-cell) div.cell_input").first
    code.hover()
    code.locator("button.copybtn").click()
    page.wait_for_function("document.querySelector('.copybtn.success') !== null")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == cells[1].source.strip()


def test_folded_solution_opens_by_keyboard(open_page):
    page = open_page(CHAPTER)
    solution = page.locator("div.cell.tag_solution details").first
    assert not solution.locator("pre").first.is_visible()
    solution.locator("summary").focus()
    page.keyboard.press("Enter")
    assert solution.locator("pre").first.is_visible()


def test_sidebar_and_contents_open_on_a_phone(open_page):
    page = open_page(CHAPTER, width=390)
    for button, panel in ((".primary-toggle", "primary"), (".secondary-toggle", "secondary")):
        dialog = page.locator(f"#pst-{panel}-sidebar-modal")
        assert not dialog.is_visible()
        page.locator(button).focus()
        page.keyboard.press("Enter")
        assert dialog.locator("nav a").first.is_visible()
        page.keyboard.press("Escape")
        assert not dialog.is_visible()


def test_logo_and_search_field_are_in_sight(open_page):
    page = open_page(CHAPTERS[0])
    assert page.locator(".navbar-brand").bounding_box()["y"] >= 0


def test_previous_and_next_carry_titles(open_page):
    page = open_page(CHAPTER)
    place = LISTED.index(CHAPTER)
    for side, neighbour in (("left-prev", LISTED[place - 1]), ("right-next", LISTED[place + 1])):
        link = page.locator(f".prev-next-area a.{side}")
        title = link.locator(".prev-next-title").text_content().strip()
        target = link.evaluate("link => link.href")
        assert target.endswith(f"{neighbour}.html")
        other = open_page(neighbour)
        assert other.locator("h1").first.text_content().startswith(title)


@pytest.mark.parametrize("fonts", ["loaded", "missing"])
@pytest.mark.parametrize("name", [CHAPTER, "book/intro"])
def test_measure(open_page, site, name, fonts):
    page = open_page("about:blank")
    if fonts == "missing":
        page.route("**/_static/fonts/*", lambda route: route.abort())
    for _ in range(2):  # the second time fonts are there for the first line
        page.goto(f"{site}{name}.html")
    lengths = sorted(page.evaluate(LINES))
    assert len(lengths) > 5
    assert 60 <= lengths[len(lengths) // 2] <= 75
    assert lengths[-1] <= 85


def test_contents_at_the_right_move_nothing(open_page):
    """Of a long page the browser shows the text before it has read the list of its contents."""
    page = open_page(CHAPTER)
    article = page.locator("article.bd-article")
    width = article.bounding_box()["width"]
    page.locator(".bd-sidebar-secondary").evaluate("contents => contents.remove()")
    assert article.bounding_box()["width"] == width


def test_head_of_chapter(open_page, chapter_name):
    page = open_page(chapter_name)
    head = page.locator(".chapter-head")
    text = head.text_content()
    assert re.search(r"Time\s+about", text)
    assert "Needs" in text
    link = head.get_by_role("link", name="Download")
    answer = page.request.get(link.evaluate("link => link.href"))
    assert json.loads(answer.body())["nbformat"] == 4


@pytest.mark.parametrize("name", [CHAPTER, "book/intro", "book/glossary"])
def test_paper(open_page, name):
    """Printed from the dark: white, without what only a screen needs, and nothing cut off."""
    page = open_page(name, width=718, color_scheme="dark")  # the text's width on A4
    page.evaluate(
        f"""() => addEventListener("beforeprint", () => {{ window.printed = ({BACK})(); }})"""
    )
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert page.evaluate("window.printed") != page.evaluate(BACK)
    page.emulate_media(media="print")
    assert page.evaluate(BACK) == "rgb(255, 255, 255)"
    shown = "nodes => nodes.filter(node => node.checkVisibility()).map(node => node.className)"
    furniture = ".bd-sidebar-primary, .bd-header-article, .prev-next-footer, .copybtn, nav, button"
    assert not page.locator(furniture).evaluate_all(shown)
    assert page.locator("h1").filter(visible=True).count() == 1
    cut = page.locator("article pre").evaluate_all(
        "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth + 1).length"
    )
    assert cut == 0


def test_unknown_address_leads_home(open_page):
    page = open_page("nothing-here")
    assert page.locator("h1").text_content() == "Nothing here"
    page.get_by_role("link", name="first page").click()
    assert page.url.endswith("book/intro.html")


def test_root_leads_to_the_first_page(open_page):
    page = open_page("index")
    page.wait_for_url("**/book/intro.html")
