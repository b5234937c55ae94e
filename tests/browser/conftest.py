"""The built book, a server for it on this machine, and a browser: once for all tests.

The browser is Chromium, found on the PATH or named in the environment variable CHROMIUM. Where
there is none the tests are skipped; where CHROMIUM names one that is missing they fail.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import LISTED, PAGES, ROOT, serve

sys.path += [str(ROOT / "book" / "_ext"), str(ROOT / "tests" / "book")]

from visits import ARGUMENTS, Visits  # noqa: E402

BUILD = ("jupyter-book", "build", ".", "-q", "-W", "-n", "--keep-going")


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
