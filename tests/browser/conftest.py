"""The built book, a server for it on this machine, and a browser: once for all tests.

The browser is Chromium, found on the PATH or named in the environment variable CHROMIUM. Where
there is none the tests are skipped; where CHROMIUM names one that is missing they fail.
"""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "book" / "_ext"), str(ROOT / "tests" / "book")]

from visits import ARGUMENTS, Visits  # noqa: E402

BUILD = ("jupyter-book", "build", ".", "-q", "-W", "-n", "--keep-going")
MADE = ["404", "genindex", "py-modindex", "search"]  # pages without a source


def listed() -> list[str]:
    """Names of the pages in _toc.yml: ``book/intro``, ``notebooks/2_mechanism/04_softmax``."""

    def files(toc) -> Iterator[str]:
        if isinstance(toc, dict):
            yield from (toc[key] for key in ("root", "file") if key in toc)
        for item in toc.values() if isinstance(toc, dict) else toc if isinstance(toc, list) else []:
            yield from files(item)

    return list(files(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))))


LISTED = listed()
PAGES = LISTED + MADE


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of ``page`` looks at every page, one of ``chapter`` at each chapter."""
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", PAGES)
    if "chapter_name" in metafunc.fixturenames:
        chapters = [name for name in LISTED if name.startswith("notebooks/")]
        metafunc.parametrize("chapter_name", chapters)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser."""
    name = os.environ.get("CHROMIUM", "chromium")
    if path := shutil.which(name):
        return path
    if "CHROMIUM" in os.environ:
        pytest.fail(f"CHROMIUM names {name!r}, which is no program on this machine", pytrace=False)
    pytest.skip(
        "no Chromium on the PATH, so nothing is looked at in a browser: "
        "`apt-get install chromium`, or name another one in the environment variable CHROMIUM"
    )


@pytest.fixture(scope="session")
def built(chromium) -> Path:
    """The folder of the book, built anew where its sources have changed."""
    program = Path(sys.executable).with_name(BUILD[0])
    done = subprocess.run(
        [program, *BUILD[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        # what it has read is forgotten, or the next build would not repeat its warnings
        shutil.rmtree(ROOT / "_build" / ".doctrees", ignore_errors=True)
        pytest.fail(f"the book does not build:\n{done.stdout}{done.stderr}", pytrace=False)
    return ROOT / "_build" / "html"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, silently, with its 404 page."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args) -> None:
        pass

    def send_error(self, code, message=None, explain=None) -> None:
        page = Path(self.directory, "404.html")
        if code != 404 or not page.exists():
            return super().send_error(code, message, explain)
        body = page.read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(folder: Path) -> Iterator[str]:
    """The address of a server for this folder, as long as the generator lives."""
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def site(built) -> Iterator[str]:
    """The address of the book."""
    yield from serve(built)


@pytest.fixture(scope="session")
def browser(chromium):
    """One browser for all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, site):
    """Opens a page of the book, or an address, in a fresh profile."""
    contexts = []

    def open_(name: str, width: int = 1280, height: int = 900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.goto(name if ":" in name else f"{site}{name}.html")
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def visits(browser, site) -> Visits:
    """What was found on each page, each of which is opened once."""
    return Visits(browser, site)
