"""Masks against their definitions, one pair at a time."""

import pytest
import torch

from attnutils import masks

SIZES = [(1, 1), (1, 5), (3, 3), (3, 5), (0, 2)]


@pytest.mark.parametrize("query, key", SIZES)
def test_positions(query, key):
    ours = {
        "causal": masks.causal_mask(query, key),
        "window": masks.window_mask(query, key, before=1, after=2),
        "prefix": masks.prefix_mask(query, key, prefix=1),
    }
    for i in range(query):
        for j in range(key):
            distance = i + key - query - j  # the last query stands at the last key
            assert ours["causal"][i, j] == (distance >= 0)
            assert ours["window"][i, j] == (-2 <= distance <= 1)
            assert ours["prefix"][i, j] == (distance >= 0 or j < 1)


def test_masks_compose():
    window = masks.window_mask(6, before=2, after=6)
    assert (window & masks.causal_mask(6)).equal(masks.window_mask(6, before=2))
    assert (masks.causal_mask(6) | ~masks.causal_mask(6)).all()


def test_blocks():
    blocks = torch.tensor([[0, 0, 1], [2, 3, 3]])
    mask = masks.block_mask(blocks)
    assert mask.shape == (2, 3, 3)
    assert mask[1].tolist() == [[True, False, False], [False, True, True], [False, True, True]]
    assert masks.block_mask(blocks[:, :1], blocks).shape == (2, 1, 3)


def test_padding_of_an_empty_batch():
    assert masks.padding_mask(torch.zeros(0, dtype=torch.long), 4).shape == (0, 1, 1, 4)


@pytest.mark.parametrize(
    "mask, words",
    [
        (masks.causal_mask(2, 4), "causal"),
        (torch.ones(2, 2).bool(), "hides nothing"),
        (torch.zeros(2, 2).bool(), "hides everything, 2 queries may attend to nothing"),
        (masks.padding_mask(torch.tensor([1, 2]), 2).expand(2, 1, 2, 2), "padding?"),
        (torch.eye(3).bool(), "3 of 9 pairs allowed"),
    ],
)
def test_describe(mask, words):
    assert words in masks.describe(mask)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: masks.causal_mask(3, 2), "3 queries but 2 keys"),
        (lambda: masks.causal_mask(-1), "query is -1"),
        (lambda: masks.causal_mask(2.5), "query is 2.5"),
        (lambda: masks.window_mask(3, before=-1), "before is -1"),
        (lambda: masks.window_mask(3, before=1, after=-1), "after is -1"),
        (lambda: masks.prefix_mask(2, prefix=3), "prefix is 3 but there are only 2 keys"),
        (lambda: masks.padding_mask(torch.tensor([1, 5]), 4), "lengths run from 1 to 5"),
        (lambda: masks.padding_mask(torch.tensor([-1]), 4), "lengths run from -1"),
        (
            lambda: masks.padding_mask(torch.ones(2, 2), 4),
            "expected whole numbers, (batch,). Is it a mask already?",
        ),
        (
            lambda: masks.padding_mask(torch.ones(2).bool(), 4),
            "expected whole numbers, (batch,). Is it a mask already?",
        ),
        (lambda: masks.block_mask(torch.ones(3, 3).bool()), "Is it a mask already?"),
        (lambda: masks.block_mask(torch.ones(2, 3).int(), torch.ones(3).int()), "same axes"),
        (lambda: masks.describe(torch.ones(3, 3)), "expected bool"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
