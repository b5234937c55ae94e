"""One visit to a page, on which everything is looked at that is asked of every page."""

import gzip
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
THEMES, WIDTHS = ("light", "dark"), (1280, 390)

SHIFT = """
window.layoutShift = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) layoutShift += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""
IMAGES = """async () => {
  const images = [...document.querySelectorAll("article img")];
  for (const image of images) image.loading = "eager";
  await Promise.all(images.map(image => image.decode().catch(() => null)));
  return images.map(image => ({
    source: image.getAttribute("src"), alt: image.getAttribute("alt"), width: image.naturalWidth,
    file: image.src.split("/").pop(),
  }));
}"""
FORMULAS = r"""() => {
  const errors = [...document.querySelectorAll(".katex-error, .math:not(:has(.katex))")];
  const text = document.querySelector("main").cloneNode(true);
  for (const part of text.querySelectorAll("pre, code, .katex, script, style")) part.remove();
  const tex = /\$\$|\\\(|\\\[|\\(frac|sum|operatorname|mathbb|text|begin)\b/g;
  const raw = text.textContent.match(tex);
  return [...errors.map(error => error.outerHTML.slice(0, 200)), ...(raw || [])];
}"""
FOLDED = """() => [...document.querySelectorAll("article details")].filter(details => {
  details.open = false;
  details.querySelector("summary").click();
  const shown = details.open && details.getBoundingClientRect().height
    > details.querySelector("summary").getBoundingClientRect().height;
  details.querySelector("summary").click();
  return !shown || details.open;
}).map(details => details.outerHTML.slice(0, 150))"""
OVERFLOW = """() => {
  const root = document.documentElement, wide = [];
  if (root.scrollWidth > root.clientWidth) wide.push(`the page is ${root.scrollWidth} px wide`);
  const scrolls = element => {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement)
      if (/auto|scroll/.test(getComputedStyle(box).overflowX)) return true;
    return false;
  };
  for (const element of document.querySelectorAll("article *:not(.katex *)")) {
    const box = element.getBoundingClientRect();
    if (box.width && box.right > innerWidth + 1 && !scrolls(element)
        && getComputedStyle(element).position !== "absolute")
      wide.push(`${element.outerHTML.slice(0, 120)} ends at ${Math.round(box.right)} px`);
  }
  return wide;
}"""
# Thousands of tokens of code, signatures and formulas look alike. Of each kind and class one is
# kept in the page; of the others the text stays and its parts go, or axe would take minutes.
THIN = """() => {
  const seen = new Set();
  for (const box of document.querySelectorAll(".highlight pre, .katex, dt.sig")) {
    const kind = box.className || box.tagName;
    const formula = kind.includes("katex");
    const classes = formula ? [kind] : [...box.querySelectorAll("*")].map(part => part.className);
    const fresh = classes.filter(name => !seen.has(kind.split(" ")[0] + " " + name));
    for (const name of fresh) seen.add(kind.split(" ")[0] + " " + name);
    if (!fresh.length) box.textContent = formula ? box.textContent.slice(0, 20) : box.textContent;
  }
}"""
# The theme moves its columns for a while after a change of width; then tab stops are set anew.
SETTLE = """async () => {
  const article = document.querySelector("article") ?? document.body;
  for (let still = 0, before = 0; still < 12;) {
    await new Promise(requestAnimationFrame);
    const now = article.getBoundingClientRect().width;
    still = now === before ? still + 1 : 0;
    before = now;
  }
}"""
AXE = """async () => {
  const {violations} = await axe.run(document, {resultTypes: ["violations"]});
  return violations.map(({id, help, nodes}) => {
    const why = nodes[0].failureSummary.split("\\n").slice(1).join(" ").trim();
    return `${id}: ${help}; ${nodes.length} times, first ${nodes[0].html.slice(0, 200)} (${why})`;
  });
}"""


@cache
def axe() -> str:
    """The source of axe-core."""
    return (ROOT / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@dataclass
class Visit:
    """What was found on one page. Lists of faults are empty on a sound one."""

    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    compressed: int = 0
    script: int = 0
    shift: float = 0.0
    images: list[dict] = field(default_factory=list)
    formulas: list[str] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)
    overflow: dict[int, list[str]] = field(default_factory=dict)
    axe: dict[str, list[str]] = field(default_factory=dict)


class Visits:
    """Opens each page once and remembers what was found."""

    def __init__(self, browser, site: str) -> None:
        self.browser, self.site = browser, site
        self.known: dict[str, Visit] = {}
        self.sizes: dict[str, int] = {}

    def __getitem__(self, name: str) -> Visit:
        if name not in self.known:
            self.known[name] = self._visit(name)
        return self.known[name]

    def _visit(self, name: str) -> Visit:
        visit, responses = Visit(), []
        context = self.browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        listen(page, visit, self.site)
        page.on("response", lambda response: responses.append(response))
        page.add_init_script(SHIFT)
        page.goto(f"{self.site}{name}.html", wait_until="networkidle")
        visit.images = page.evaluate(IMAGES)
        visit.requests = [response.url for response in responses]
        for response in responses:
            self._weigh(response, visit)
        visit.formulas = page.evaluate(FORMULAS)
        visit.folded = page.evaluate(FOLDED)
        visit.shift = page.evaluate("layoutShift")
        page.set_viewport_size({"width": 390, "height": 900})
        visit.overflow[390] = page.evaluate(OVERFLOW)
        page.set_viewport_size({"width": 1280, "height": 900})
        visit.overflow[1280] = page.evaluate(OVERFLOW)
        page.evaluate(THIN)
        page.evaluate(axe())
        for theme in THEMES:
            page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                page.evaluate(SETTLE)
                visit.axe[f"{theme} {width}"] = page.evaluate(AXE)
        context.close()
        return visit

    def _weigh(self, response, visit: Visit) -> None:
        path = urlsplit(response.url).path
        if path not in self.sizes:
            body = response.body()
            self.sizes[path] = len(gzip.compress(body)), len(body)
        compressed, plain = self.sizes[path]
        visit.compressed += compressed
        visit.script += plain if path.endswith(".js") else 0


def listen(page, visit: Visit, site: str) -> None:
    """Note down errors, and requests that fail or go elsewhere."""

    def ask(request) -> None:
        if not request.url.startswith((site, "data:", "blob:", "about:")):
            visit.foreign.append(request.url)

    def answer(response) -> None:
        if response.status >= 400:
            visit.errors.append(f"{response.status} {response.url}")

    page.on("request", ask)
    page.on("response", answer)
    page.on("requestfailed", lambda request: visit.errors.append(f"failed: {request.url}"))
    page.on("pageerror", lambda error: visit.errors.append(f"uncaught: {error}"))
    page.on(
        "console",
        lambda message: visit.errors.append(message.text) if message.type == "error" else None,
    )
