"""Our pages beside the same book built with the stock theme: one table.

    make bench

Both are served compressed from this machine to a cold browser that is slowed down: 10 Mbit/s, 40 ms
for each request, a processor four times slower. What stock fetches from a CDN comes from the same
server, which spares it the look-up, connection and encryption of another host. Rounds are taken in
turn (A B A B), medians; "scripts" are their bytes before compression.
"""

import gzip
import http.server
import mimetypes
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[1]
OURS, STOCK = ROOT / "_build" / "html", ROOT / "_build" / "stock"
PAGES = {"Markdown page": "book/intro.html", "chapter": "notebooks/2_mechanism/04_softmax.html"}
MATHJAX = "mathjax@3.2.2"
CDN = re.compile(r"https://cdn\.jsdelivr\.net/npm/mathjax@3/")
ROUNDS = 5
BITS, LATENCY, SLOWER = 10e6, 40, 4
BOUND = 0.5  # of stock's time to load, for a chapter
SETTINGS = {  # what `jupyter-book create` gives, and what the sources cannot do without
    "title": "Paying Attention",
    "author": "The Paying Attention contributors",
    "logo": "book/_assets/logo.svg",
    "only_build_toc_files": True,
    "execute": {"execute_notebooks": "off"},
    "bibtex_bibfiles": ["book/references.bib"],
    "sphinx": {"extra_extensions": ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]},
}
COLUMNS = ("requests", "KB", "scripts KB", "DOM ms", "load ms", "shift")
SHIFT = """window.layoutShift = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) layoutShift += entry.value;
}).observe({type: "layout-shift", buffered: true});"""
TIMES = """(() => { const page = performance.getEntriesByType("navigation")[0];
  return [page.domContentLoadedEventEnd, page.loadEventEnd, layoutShift]; })()"""


def build_ours() -> None:
    """Our book, anew where it has changed."""
    _jupyter_book(ROOT, "-W", "-n", "--keep-going")


def build_stock() -> None:
    """The same sources with the stock theme, and MathJax from npm."""
    STOCK.mkdir(parents=True, exist_ok=True)
    for name in ("book", "notebooks"):
        shutil.copytree(ROOT / name, STOCK / name, dirs_exist_ok=True)
    shutil.copy(ROOT / "_toc.yml", STOCK)
    ours = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config = yaml.safe_dump({**SETTINGS, "parse": ours["parse"]})
    if not (path := STOCK / "_config.yml").exists() or path.read_text("utf-8") != config:
        path.write_text(config, encoding="utf-8")
    _jupyter_book(STOCK)
    if not (STOCK / "node_modules" / "mathjax").is_dir():
        command = ["npm", "install", "--silent", "--no-save", "--no-audit", "--no-fund"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        place = ["--prefix", str(STOCK), MATHJAX]  # or npm would add it to the book's own packages
        subprocess.run([*command, *place], env={**os.environ, "PATH": path}, check=True)


def _jupyter_book(folder: Path, *options: str) -> None:
    program = Path(sys.executable).with_name("jupyter-book")
    done = subprocess.run(
        [program, "build", ".", "-q", *options], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{folder} does not build:\n{done.stdout}{done.stderr}")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder compressed, and npm's packages in place of a CDN."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer with the compressed file."""
        path = urlsplit(self.path).path.lstrip("/")
        cdn = path.startswith("cdn/")
        base = STOCK / "node_modules" if cdn else Path(self.directory)
        file = base / path.removeprefix("cdn/")
        if not file.is_file():
            self.send_error(404)
            return
        body = compressed(file)
        self.send_response(200)
        self.send_header("Content-Type", mimetypes.guess_type(file.name)[0] or "font/woff2")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@cache
def compressed(file: Path) -> bytes:
    """A file as a server would send it."""
    body = file.read_bytes()
    if file.suffix == ".html":
        body = CDN.sub("/cdn/mathjax/", body.decode("utf-8")).encode("utf-8")
    return gzip.compress(body)


def visit(browser, address: str) -> tuple:
    """Load a page with a cold cache; the columns of the table."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    answers, sizes = {}, {}
    session = context.new_cdp_session(page)
    session.on("Network.responseReceived", lambda e: answers.update({e["requestId"]: e}))
    session.on(
        "Network.loadingFinished", lambda e: sizes.update({e["requestId"]: e["encodedDataLength"]})
    )
    session.send("Network.enable")
    limits = {"latency": LATENCY, "downloadThroughput": BITS / 8, "uploadThroughput": BITS / 8}
    session.send("Network.emulateNetworkConditions", {"offline": False, **limits})
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.add_init_script(SHIFT)
    scripts = []
    page.on(
        "response", lambda r: scripts.append(r) if r.request.resource_type == "script" else None
    )
    page.goto(address, wait_until="networkidle", timeout=120_000)
    page.wait_for_timeout(500)
    dom, load, shift = page.evaluate(TIMES)
    host = urlsplit(address).netloc
    wrong = [
        f"{answer['response']['status']} {answer['response']['url']}"
        for answer in answers.values()
        if answer["response"]["status"] >= 400
        and not answer["response"]["url"].endswith(".ico")
        or urlsplit(answer["response"]["url"]).netloc not in (host, "")
    ]
    if wrong:
        raise SystemExit(f"{address} asks for what this machine does not serve: {wrong}")
    plain = sum(len(script.body()) for script in scripts)
    context.close()
    return len(sizes), sum(sizes.values()) / 1024, plain / 1024, dom, load, shift


def main() -> None:
    """Build both, measure, print the table."""
    name = os.environ.get("CHROMIUM", "chromium")
    if not (chromium := shutil.which(name)):
        print(f"pages: no browser {name!r} here, so they are not measured (see CONTRIBUTING.md)")
        return
    from playwright.sync_api import sync_playwright

    build_ours()
    build_stock()
    books = {"ours": OURS, "stock": STOCK / "_build" / "html"}
    sites = {}
    for book, folder in books.items():
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), partial(Handler, directory=folder)
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sites[book] = f"http://127.0.0.1:{server.server_port}/"
    options = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
               "--disable-background-networking", "--disable-component-update"]  # fmt: skip
    missed = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        print(f"Chromium {browser.version}; {BITS / 1e6:g} Mbit/s, {LATENCY} ms, {SLOWER}x slower")
        print(f"{'page':15}{'book':8}", *(f"{column:>11}" for column in COLUMNS))
        for kind, path in PAGES.items():
            runs = {book: [] for book in books}
            for _ in range(ROUNDS):
                for book, site in sites.items():
                    runs[book].append(visit(browser, site + path))
            rows = {
                book: [statistics.median(column) for column in zip(*taken, strict=True)]
                for book, taken in runs.items()
            }
            for book, row in rows.items():
                cells = [
                    f"{value:11.3f}" if i == 5 else f"{value:11.0f}" for i, value in enumerate(row)
                ]
                print(f"{kind:15}{book:8}", *cells)
            ratio = rows["ours"][4] / rows["stock"][4]
            bound = f", at most {BOUND:g}" if kind == "chapter" else ""
            if bound and ratio > BOUND:
                missed.append(kind)
            print(f"{kind:15}load, ours over stock: {ratio:.2f}{bound}", flush=True)
        browser.close()
    print("all bounds hold" if not missed else f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
