"""Execute chapters and store their outputs: ``make run NB=notebooks/…/04_softmax.ipynb``.

A notebook runs in its own folder. Stored with the outputs is the CPU time (user and system) of
the kernel and its children, imports included, as the reference machine would take it: a yardstick
before and after the chapter tells how much slower or faster this machine is just now. Everything
that would differ between two equal runs (times, editors' traces) is left out, so that a diff shows
what changed. If a cell fails, it is shown and nothing is stored.
"""

import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

SECONDS_PER_CELL = 600
YARDSTICK = """
import time, torch
torch.set_num_threads(1)
rnn, x = torch.nn.GRU(96, 96, batch_first=True, bidirectional=True), torch.ones(64, 20, 96)
def train(steps):
    for _ in range(steps):
        rnn(x)[0].square().mean().backward()
train(3)
start = time.process_time()
train(40)
print(time.process_time() - start)
"""
REFERENCE = 0.6  # CPU seconds of the yardstick on the reference machine
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
CELL_METADATA = ("tags", "mystnb", "jupyter", "cellView")  # what the book, Jupyter and Colab read
ANSI = re.compile(r"\x1b\[[0-9;]*m")
RED, PLAIN = "\x1b[31m", "\x1b[39m"


class ChapterError(Exception):
    """A chapter that does not run to its end; the message shows the cell."""


def execute(path: Path, seed: int = 0) -> tuple[NotebookNode, float]:
    """Run a chapter at one seed; return it with its new outputs, and the CPU seconds it took."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],  # of the kernel program, not of the chapter
    )
    os.environ["ATTNUTILS_SEED"] = str(seed)
    slow = _yardstick()
    before = _children_cpu_seconds()
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise ChapterError(f"{path}: {ANSI.sub('', str(error)).strip()}") from None
    taken = _children_cpu_seconds() - before
    return notebook, taken * 2 * REFERENCE / (slow + _yardstick())


def _yardstick() -> float:
    """CPU seconds that a fixed piece of training takes on this machine at this moment."""
    done = subprocess.run([sys.executable, "-c", YARDSTICK], capture_output=True, check=True)
    return float(done.stdout)


def _children_cpu_seconds() -> float:
    """User and system time of all processes that this one has started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def normalize(notebook: NotebookNode, cpu_seconds: float) -> NotebookNode:
    """Leave in the notebook what its reader or the book needs, and nothing that varies by run."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = NotebookNode(
        kernelspec=KERNEL,
        language_info={"name": "python"},
        attnutils={"cpu_seconds": round(cpu_seconds, 1)},
    )
    for cell in notebook.cells:
        cell.metadata = NotebookNode(
            {key: cell.metadata[key] for key in CELL_METADATA if cell.metadata.get(key)}
        )
        for output in cell.get("outputs", []):
            output.pop("transient", None)
            if output.output_type == "error":  # its last line; the rest names this machine's files
                output.traceback = [f"{RED}{output.ename}{PLAIN}: {output.evalue}"]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate((cell for cell in code if cell.source.strip()), start=1):
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    _, notebook = nbformat.validator.normalize(notebook)  # a cell without an id gets one
    return notebook


def store(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook, completely or not at all."""
    nbformat.validate(notebook)
    draft = path.with_suffix(".tmp")
    draft.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")
    draft.replace(path)


def main(paths: list[str]) -> int:
    """Run the chapters one after the other; stop at the first that fails."""
    for name in paths:
        path = Path(name).resolve()
        if not path.is_file():
            print(f"{name}: no such notebook", file=sys.stderr)
            return 2
        start = time.monotonic()
        try:
            notebook, cpu_seconds = execute(path)
        except ChapterError as error:
            print(f"{error}\n\nNothing was stored.", file=sys.stderr)
            return 1
        store(normalize(notebook, cpu_seconds), path)
        print(f"{name}: {cpu_seconds:.1f} CPU s, {time.monotonic() - start:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
