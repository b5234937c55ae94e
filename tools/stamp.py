"""Write the repository's address where it is needed: ``make stamp URL=https://…``.

That is ``repository: url:`` in _config.yml, from which the book's links come, and the first code
cell of every chapter, which installs the package from there. An empty URL= takes it out again.
"""

import re
import sys
from pathlib import Path

import nbformat
from first_cell import ROOT, chapters, first_cell
from run import store

SETTING = re.compile(
    r'(?m)^(repository:\n(?:[ \t]+.*\n)*?[ \t]+url:)[ \t]*("[^"\n]*"|[^#\n]*?)([ \t]*#.*)?$'
)
ADDRESS = re.compile(r"https://[\w.-]+(/[\w.~-]+)+")


def stamp_config(url: str, config: Path) -> None:
    """Set the address in _config.yml and leave all else as it is, comments included."""
    text = config.read_text(encoding="utf-8")
    changed, count = SETTING.subn(rf'\1 "{url}"\3', text)
    if count != 1:
        raise SystemExit(f"{config}: no `repository:` with a `url:` in it")
    config.write_text(changed, encoding="utf-8")


def stamp_chapter(url: str, path: Path) -> bool:
    """Renew a chapter's first code cell; True if that changed it."""
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    if cell.source == first_cell(url):
        return False
    cell.source = first_cell(url)
    store(notebook, path)
    return True


def main(url: str) -> int:
    """Stamp the settings and all chapters."""
    url = url.strip().removesuffix("/").removesuffix(".git")
    if url and not ADDRESS.fullmatch(url):
        print(f"{url!r} is no address such as https://host/name/repository", file=sys.stderr)
        return 2
    stamp_config(url, ROOT / "_config.yml")
    changed = [path.name for path in chapters() if stamp_chapter(url, path)]
    print(f"_config.yml: {url or 'no address'}; chapters changed: {len(changed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
