"""The checks that all modules share, on arrays and tensors alike."""

import numpy as np
import pytest
import torch

from attnutils.shapes import check_choice, check_shape, check_tokens

X = np.ones((2, 3, 4))
TOKENS = torch.tensor([[0, 4], [2, 1]])


@pytest.mark.parametrize("make", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize(
    "expected", [(2, 3, 4), ("batch", 3, "dim"), ("...", "dim"), ("...", 3, 4), ("...", 2, 3, 4)]
)
def test_shapes_that_fit(make, expected):
    check_shape("x", make(X), expected)


@pytest.mark.parametrize(
    "expected, shown",
    [
        ((2, 3), "(2, 3)"),
        (("batch", 3, 5), "(batch, 3, 5)"),
        (("...", 4, "dim"), "(..., 4, dim)"),
        (("...", "more", 2, 3, 4), "(..., more, 2, 3, 4)"),
        ((6,), "(6,)"),
    ],
)
def test_shapes_that_do_not_fit(expected, shown):
    with pytest.raises(ValueError) as error:
        check_shape("x", X, expected, "Why?")
    assert str(error.value) == f"x has shape (2, 3, 4); expected {shown}. Why?"


def test_several_have_and_one_has():
    with pytest.raises(ValueError, match=r"^weights have shape \(2, 3, 4\); expected \(1,\)\.$"):
        check_shape("weights", X, (1,))


@pytest.mark.parametrize("make", [np.asarray, torch.as_tensor])
def test_tokens(make):
    check_tokens("tokens", make(TOKENS), 5)
    check_tokens("tokens", make(TOKENS)[:, :0], 5)  # none at all
    for wrong in (make(TOKENS)[0], make(TOKENS) * 1.0, make(TOKENS) > 0):
        with pytest.raises(ValueError, match="expected whole numbers"):
            check_tokens("tokens", wrong, 5)
    for wrong in (make(TOKENS), make(TOKENS) - 2):
        with pytest.raises(ValueError, match="expected 0 to 3. Do they come from another"):
            check_tokens("tokens", wrong, 4)


def test_choices():
    assert check_choice("cell", "gru", {"gru": 1, "lstm": 2}) == "gru"
    with pytest.raises(ValueError, match="cell is 'rnn'; expected one of gru, lstm"):
        check_choice("cell", "rnn", {"gru": 1, "lstm": 2})
