"""Ways to compare two computations fairly on a machine that does other things too."""

import gc
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable


def ratio(ours: Callable[[], object], theirs: Callable[[], object], *, rounds: int = 15) -> float:
    """Median time of ours over median time of theirs, measured in turn (A B A B …).

    The time is the processor's, in which other programs do not count. Both run in turn for a third
    of a second first, until clock and memory have settled. Calls that are too short for the clock
    are repeated until they take about ten milliseconds.
    """
    start = time.perf_counter()
    while time.perf_counter() - start < 0.3:
        ours(), theirs()
    repeat = max(1, round(0.01 / max(_seconds(ours, 1), 1e-6)))
    times = [(_seconds(ours, repeat), _seconds(theirs, repeat)) for _ in range(rounds)]
    ours_median, theirs_median = (statistics.median(column) for column in zip(*times, strict=True))
    return ours_median / theirs_median


def _seconds(f: Callable[[], object], repeat: int) -> float:
    gc.collect()
    gc.disable()
    start = time.process_time()
    for _ in range(repeat):
        f()
    seconds = time.process_time() - start
    gc.enable()
    return seconds / repeat


def in_fresh_process(f: Callable, *arguments: object) -> object:
    """What a function returns that has a process to itself, with memory nobody used before."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(f, arguments)


def peak_mib(setup: str, statement: str) -> float:
    """MiB by which a statement raises the memory of a fresh process after its set-up (Linux)."""
    code = (
        "def status(name):\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024\n"
        f"{setup}\n"
        "open('/proc/self/clear_refs', 'w').write('5')  # forget the peak of the set-up\n"
        "before = status('VmRSS')\n"
        f"{statement}\n"
        "print(max(0.1, status('VmHWM') - before))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(run.stdout.split()[-1])
