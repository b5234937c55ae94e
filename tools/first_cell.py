"""The first code cell, the same in every chapter: it installs attnutils where it is missing.

``_config.yml`` holds the repository's address; ``make stamp URL=…`` writes it there and into
every chapter (``tools/stamp.py``), ``make new`` into a new one, and a test compares.
"""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent

CELL = """\
# Set-up: installs the book's package where it is missing (on Colab, say).
import importlib.util
import subprocess
import sys

REPOSITORY = "{url}"

if importlib.util.find_spec("attnutils") is None:
    if not REPOSITORY:
        raise ModuleNotFoundError(
            "This chapter needs the package attnutils. In a copy of the book's repository run "
            "`pip install .`, or set REPOSITORY above to the repository's address."
        )
    package = f"attnutils[data] @ git+{{REPOSITORY}}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", package], check=True)
    importlib.invalidate_caches()"""


def first_cell(url: str) -> str:
    """Source of the set-up cell for a repository at ``url`` ("" while there is none)."""
    return CELL.format(url=url)


def repository_url(config: Path = ROOT / "_config.yml") -> str:
    """The repository's address in ``_config.yml``, or ""."""
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    return (settings.get("repository") or {}).get("url") or ""


def chapters() -> list[Path]:
    """All chapters, in the order of their numbers."""
    return sorted((ROOT / "notebooks").glob("*/[0-9][0-9]_*.ipynb"), key=lambda path: path.name)


if __name__ == "__main__":
    print(first_cell(repository_url()))
