"""Run a chapter where torch is absent, all but its cells tagged needs-torch.

Usage: python without_torch.py CHAPTER.ipynb, in the chapter's folder.
"""

import sys
from importlib.machinery import PathFinder

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


class WithoutTorch(PathFinder):
    """Finds what PathFinder finds, except torch."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        if fullname.partition(".")[0] != "torch":
            return super().find_spec(fullname, path, target)


def run(path: str) -> str | None:
    """What went wrong, or None."""
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    for index, cell in enumerate(nbformat.read(path, as_version=4).cells):
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "code" and "needs-torch" not in tags:
            result = shell.run_cell(cell.source)
            error = result.error_before_exec or result.error_in_exec
            if ("raises-exception" in tags) != (error is not None):
                return (
                    f"{path}, cell {index} ({cell.id}): {error!r}. Without torch, this cell "
                    f"must {'raise' if error is None else 'run, or be tagged needs-torch'}."
                )


if __name__ == "__main__":
    assert "torch" not in sys.modules
    sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutTorch
    sys.exit(run(sys.argv[1]))
