"""One seed for everything, so that a chapter prints the same numbers each time."""

import importlib.util
import os
import random

import numpy as np


def seed_everything(seed: int = 0) -> np.random.Generator:
    """Seed Python, NumPy and, where it is installed, torch; return the generator to draw from.

    The environment variable ``ATTNUTILS_SEED`` (default 0) is added to ``seed``: it lets a whole
    chapter be repeated with other random numbers without touching its code. torch is also set to
    one thread, because sums split over several threads are rounded differently.

    Args:
        seed: a whole number, at least 0.
    Returns:
        A NumPy generator; pass it to everything that draws.
    Raises:
        ValueError: ``seed`` or ``ATTNUTILS_SEED`` is no whole number >= 0.
    Example:
        >>> rng = seed_everything(0)
        >>> again = seed_everything(0)
        >>> bool(rng.normal() == again.normal())
        True

    Source: this book.
    Chapter: notebooks/1_intuition/01_soft_lookup.ipynb
    """
    seed = _whole("seed", seed) + _whole("ATTNUTILS_SEED", os.environ.get("ATTNUTILS_SEED", 0))
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if importlib.util.find_spec("torch"):
        import torch

        torch.manual_seed(seed)
        torch.set_num_threads(1)
    return np.random.default_rng(seed)


def _whole(name: str, value: int | str) -> int:
    if not str(value).isdecimal():
        raise ValueError(f"{name} is {value!r}; expected a whole number, at least 0.")
    return int(value)
