"""Shared by all tests."""

import os

os.environ["MPLBACKEND"] = "agg"
os.environ.pop("ATTNUTILS_SEED", None)

import hypothesis
import jaxtyping
import numpy as np
import pytest

# the same examples every time, and no deadline that a busy machine would miss
hypothesis.settings.register_profile("book", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("book")


@pytest.fixture
def rng():
    """A fresh generator; torch is seeded alike."""
    from attnutils.seeding import seed_everything

    return seed_everything(0)


@pytest.fixture
def untyped():
    """Without the shape annotations, as a reader runs the package: only its own checks speak."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(autouse=True)
def clean_slate():
    """Leave no open figure and no way of printing numbers to the next test."""
    with np.printoptions():
        yield
    import matplotlib.pyplot as plt

    plt.close("all")
