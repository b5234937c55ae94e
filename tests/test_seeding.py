"""One seed for everything."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from attnutils.seeding import seed_everything


def _draws(seed):
    rng = seed_everything(seed)
    return [rng.random(), random.random(), np.random.random(), torch.rand(()).item()]


def test_all_generators_repeat_and_differ():
    assert _draws(0) == _draws(0)
    assert all(a != b for a, b in zip(_draws(0), _draws(1), strict=True))
    assert torch.get_num_threads() == 1


def test_the_environment_adds_to_the_seed(monkeypatch):
    expected = _draws(3)
    monkeypatch.setenv("ATTNUTILS_SEED", "2")
    assert _draws(1) == expected


def test_it_works_without_torch():
    code = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'torch' else find(name, *a)\n"
        "from attnutils.seeding import seed_everything; seed_everything(0)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("seed", [-1, 1.5, "x"])
def test_bad_seeds_are_named(seed, monkeypatch, untyped):
    with pytest.raises(ValueError, match="seed is"):
        seed_everything(seed)
    monkeypatch.setenv("ATTNUTILS_SEED", str(seed))
    with pytest.raises(ValueError, match="ATTNUTILS_SEED is"):
        seed_everything(0)
