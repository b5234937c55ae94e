"""For `pytest --nbval`: run cells as Jupyter does, with their history.

nbval runs them without, and then IPython does not see the semicolon that keeps a cell's last
value from being shown, because it looks for it in the history.
"""

from nbval.kernel import RunningKernel


def execute_with_history(kernel: RunningKernel, source: str, allow_stdin: bool | None = None):
    """Send a cell to the kernel; returns the message's id."""
    options = {"store_history": True, "stop_on_error": False}
    return kernel.kc.execute(source, allow_stdin=allow_stdin, **options)


RunningKernel.execute_cell_input = execute_with_history
