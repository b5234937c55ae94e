"""Shared by all tests."""

import os

os.environ["MPLBACKEND"] = "agg"
os.environ.pop("ATTNUTILS_SEED", None)

import jaxtyping
import pytest


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
def close_figures():
    """Leave no figure open for the next test."""
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
