"""Positions against their formulas, one entry at a time; the laws they promise; bad input."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnutils.positions import (
    AlibiBias,
    LearnedPositions,
    RelativeBias,
    Rotary,
    SinusoidalPositions,
    alibi_slopes,
    relative_buckets,
    sinusoids,
)


def test_sinusoids_follow_the_formula():
    table = sinusoids(7, 6, base=100.0)
    for p in range(7):
        for i in range(3):
            angle = p * 100 ** (-2 * i / 6)
            assert table[p, 2 * i] == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[p, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-6)
    positions = torch.tensor([[6, 0], [2, 2]])
    assert SinusoidalPositions(6, base=100.0)(positions).equal(table[positions])


def test_learned_positions_look_up(rng):
    layer = LearnedPositions(5, 4)
    assert layer(torch.tensor([[4, 0]])).equal(layer.weight[torch.tensor([[4, 0]])])
    assert layer(torch.zeros(0, 3, dtype=torch.long)).shape == (0, 3, 4)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@given(m=st.integers(0, 500), n=st.integers(0, 500), shift=st.integers(0, 500))
def test_rotary_scores_depend_on_the_distance_alone(pairing, m, n, shift):
    generator = torch.Generator().manual_seed(m + 7 * n)
    q, k = torch.randn(2, 1, 8, generator=generator, dtype=torch.float64)
    rotary = Rotary(8, pairing=pairing)

    def score(query, key):
        return rotary(q, torch.tensor([query])) @ rotary(k, torch.tensor([key])).mT

    torch.testing.assert_close(score(m, n), score(m + shift, n + shift))


def test_rotary_turns_pairs_and_keeps_lengths():
    x = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    angle = torch.tensor([1])
    half = Rotary(4, pairing="half")(x, angle)[0]
    torch.testing.assert_close(half, torch.tensor([math.cos(1), 0, math.sin(1), 0]))
    between = Rotary(4, pairing="interleaved")(x, angle)[0]
    torch.testing.assert_close(between, torch.tensor([math.cos(1), math.sin(1), 0, 0]))


def test_the_pairings_differ_by_a_permutation(rng):
    x, places = torch.randn(2, 3, 5, 8), torch.arange(5)
    order = torch.tensor([0, 4, 1, 5, 2, 6, 3, 7])
    torch.testing.assert_close(
        Rotary(8, pairing="interleaved")(x[..., order], places),
        Rotary(8, pairing="half")(x, places)[..., order],
    )


def test_rotary_takes_positions_of_each_row(rng):
    x, rotary = torch.randn(2, 3, 4, 8), Rotary(8)
    places = torch.tensor([[0, 1, 2, 3], [5, 6, 7, 8]])
    both = rotary(x, places[:, None])
    torch.testing.assert_close(both[1], rotary(x[1], places[1]))


def test_low_precision_keeps_its_dtype(rng):
    x = torch.randn(1, 1, 3, 8)
    low = Rotary(8)(x.bfloat16(), torch.tensor([0, 1000, 2000]))
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(
        low.float(), Rotary(8)(x, torch.tensor([0, 1000, 2000])), atol=0.05, rtol=0
    )


def test_buckets():
    distance = torch.arange(-300, 301)
    both = relative_buckets(distance)
    assert set(both.tolist()) == set(range(32)) - {16}  # distance 0 is not after
    assert both[distance == 3].item() == 16 + 3
    assert both[distance == -3].item() == 3
    one = relative_buckets(distance, both=False)
    assert (one[distance >= 0] == 0).all()
    assert set(one.tolist()) == set(range(32))
    assert (one[distance <= -128] == 31).all()
    assert (one[:-301].diff() <= 0).all()  # farther back, never a lower bucket


def test_relative_bias_and_alibi_are_aligned_to_the_lower_right(rng):
    for layer in (RelativeBias(3, both=False), AlibiBias(3)):
        torch.testing.assert_close(layer(2, 6), layer(6, 6)[:, :, -2:])
    assert AlibiBias(1)(3, 3)[0, 0].tolist()[2] == [-2 / 256, -1 / 256, 0]


def test_slopes_of_other_numbers_of_heads():
    assert alibi_slopes(8)[0] == 0.5
    twelve = alibi_slopes(12)
    assert twelve[:8].equal(alibi_slopes(8))
    torch.testing.assert_close(twelve[8:], alibi_slopes(16)[0::2][:4])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: sinusoids(3, 5), "dim is 5; expected an even number"),
        (lambda: sinusoids(-1, 4), "length is -1"),
        (lambda: SinusoidalPositions(4, base=1.0), "base is 1.0"),
        (lambda: Rotary(7), "head_dim is 7; expected an even number"),
        (lambda: Rotary(8, pairing="both"), "pairing is 'both'"),
        (lambda: Rotary(8)(torch.ones(1, 2, 3, 6), torch.arange(3)), "Was x split into heads?"),
        (lambda: Rotary(8)(torch.ones(1, 2, 3, 8), torch.arange(4)), "positions (4,)"),
        (lambda: LearnedPositions(4, 2)(torch.tensor([[4]])), "longer than max_length?"),
        (lambda: LearnedPositions(4, 2)(torch.tensor([[-1]])), "positions run from -1"),
        (lambda: LearnedPositions(0, 2), "max_length is 0"),
        (lambda: RelativeBias(2, buckets=2), "buckets is 2"),
        (lambda: RelativeBias(2, max_distance=4), "max_distance is 4; expected more than 8"),
        (lambda: RelativeBias(2)(3, 2), "3 queries but 2 keys"),
        (lambda: AlibiBias(0), "num_heads is 0"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
