"""Exercises and predictions of chapter 24; NumPy alone."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant

BASE = 10000.0


def _speeds(dim, base=BASE, power=-2.0):
    """Angle per place of each pair."""
    return base ** (power * np.arange(dim // 2) / dim)


def _waves(places, dim):
    angles = np.asarray(places)[..., None] * _speeds(dim)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(*angles.shape[:-1], dim)


# ------------------------------------------------------------------------------------- sinusoids


def _moved(P, angles):
    """Each pair (sin, cos) one place on for each unit of its angle."""
    sin, cos = P[..., 0::2], P[..., 1::2]
    turned = (
        sin * np.cos(angles) + cos * np.sin(angles),
        cos * np.cos(angles) - sin * np.sin(angles),
    )
    return np.stack(turned, axis=-1).reshape(P.shape)


def _move(P, k):
    return _moved(P, k * _speeds(P.shape[-1]))


def _move_half_split(P, k):
    angles, half = k * _speeds(P.shape[-1]), P.shape[-1] // 2
    sin, cos = P[..., :half], P[..., half:]
    turned = (
        sin * np.cos(angles) + cos * np.sin(angles),
        cos * np.cos(angles) - sin * np.sin(angles),
    )
    return np.concatenate(turned, axis=-1)


def _move_without_minus(P, k):
    angles = k * _speeds(P.shape[-1])
    sin, cos = P[..., 0::2], P[..., 1::2]
    turned = (
        sin * np.cos(angles) + cos * np.sin(angles),
        cos * np.cos(angles) + sin * np.sin(angles),
    )
    return np.stack(turned, axis=-1).reshape(P.shape)


def _move_in_place(P, k):
    """The cosines are made from the sines that were already overwritten."""
    angles, P = k * _speeds(P.shape[-1]), P.copy()
    P[..., 0::2] = P[..., 0::2] * np.cos(angles) + P[..., 1::2] * np.sin(angles)
    P[..., 1::2] = P[..., 1::2] * np.cos(angles) - P[..., 0::2] * np.sin(angles)
    return P


def _move_side_by_side(P, k):
    moved = _move(P, k)
    return np.concatenate([moved[..., 0::2], moved[..., 1::2]], axis=-1)


def _sinusoid_cases(rng):
    places = rng.integers(0, 300, size=5)
    return [(_waves(places, 8), 3), (_waves(places[:4], 6), -7)]


_SINUSOIDS = Exercise(
    id="sinusoids",
    chapter="24",
    signature="move(P (length, dim), k) -> (length, dim)",
    reference=_move,
    cases=_sinusoid_cases,
    variants=(
        Variant(
            "backward",
            lambda P, k: _move(P, -k),
            "You moved by -k: a sign is wrong, or sines and cosines are exchanged (the sine "
            "stands first).",
        ),
        Variant(
            "half-split pairs",
            _move_half_split,
            "You paired entry r with entry r + dim/2. In this table a pair is neighbors: "
            "P[:, 0::2] are the sines, P[:, 1::2] the cosines.",
        ),
        Variant(
            "one speed for all pairs",
            lambda P, k: _moved(P, k * np.ones(P.shape[-1] // 2)),
            "You turned all pairs by the same angle k: each has a speed of its own.",
        ),
        Variant(
            "the exponent's sign",
            lambda P, k: _moved(P, k * _speeds(P.shape[-1], power=2.0)),
            "The exponent's sign is wrong: your speeds grow from pair to pair. They must fall.",
        ),
        Variant(
            "without the 2",
            lambda P, k: _moved(P, k * _speeds(P.shape[-1], power=-1.0)),
            "Your speeds fall too slowly: the exponent is -2r/dim, where r counts the pairs.",
        ),
        Variant(
            "without k",
            lambda P, k: _moved(P, _speeds(P.shape[-1])),
            "You moved by one place: the angle is k times the speed.",
        ),
        Variant(
            "added",
            lambda P, k: P + _waves(np.array(k), P.shape[-1]),
            "You added the sinusoids of place k. Angles add up, sines do not: sin(a + b) is "
            "sin a cos b + cos a sin b.",
        ),
        Variant(
            "rows moved",
            lambda P, k: np.roll(P, -k, axis=0),
            "You moved the rows of the table. The rows may be of any places, in any order: each "
            "one must be turned by itself.",
        ),
        Variant(
            "without the minus",
            _move_without_minus,
            "The minus is missing: cos(a + b) is cos a cos b - sin a sin b.",
        ),
        Variant(
            "counted from 0",
            lambda P, k: _waves(np.arange(len(P)) + k, P.shape[-1]),
            "You took the rows for places 0, 1, 2, …. They may be of any places: what you need "
            "is in P.",
        ),
        Variant(
            "half of it overwritten",
            _move_in_place,
            "Your cosines are made from the new sines. Keep both old ones until both new ones "
            "are made.",
        ),
        Variant(
            "side by side",
            _move_side_by_side,
            "Your numbers are right, but the sines stand before all cosines: they go back to "
            "the columns 0::2 and 1::2.",
        ),
        Variant("unchanged", lambda P, k: P.copy(), "Your output is P itself: nothing moved."),
    ),
    hints=(
        "the place itself is not needed. Each pair (sin, cos) is turned by the angle k ω_r.",
        "speeds = 10000.0 ** (-np.arange(0, dim, 2) / dim); the sines are P[:, 0::2].",
        "sine' = sine cos(kω) + cosine sin(kω), cosine' = cosine cos(kω) - sine sin(kω); write "
        "them to the even and odd columns of an empty array.",
    ),
)


# ---------------------------------------------------------------------------------------- rotary


def _rotated(x, angles):
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate(
        [a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], axis=-1
    )


def _rotate(x, positions):
    return _rotated(x, positions[:, None] * _speeds(x.shape[-1]))


def _rotate_interleaved(x, positions):
    angles = positions[:, None] * _speeds(x.shape[-1])
    a, b = x[..., 0::2], x[..., 1::2]
    turned = a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)
    return np.stack(turned, axis=-1).reshape(x.shape)


def _rotate_mixed(x, positions):
    """Halves are paired, but the angles are laid out for neighbors."""
    angles = positions[:, None] * np.repeat(_speeds(x.shape[-1]), 2)
    a, b = np.split(x, 2, axis=-1)
    return x * np.cos(angles) + np.concatenate([-b, a], axis=-1) * np.sin(angles)


def _rotate_without_minus(x, positions):
    angles = positions[:, None] * _speeds(x.shape[-1])
    a, b = np.split(x, 2, axis=-1)
    turned = a * np.cos(angles) + b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)
    return np.concatenate(turned, axis=-1)


def _rotate_in_place(x, positions):
    """The second half is made from the first half that was already overwritten."""
    angles, x = positions[:, None] * _speeds(x.shape[-1]), x.copy()
    half = x.shape[-1] // 2
    x[..., :half] = x[..., :half] * np.cos(angles) - x[..., half:] * np.sin(angles)
    x[..., half:] = x[..., half:] * np.cos(angles) + x[..., :half] * np.sin(angles)
    return x


def _neighbors_to_halves(x, positions):
    """Neighbors are paired, but written as halves."""
    return _rotate(np.concatenate([x[..., 0::2], x[..., 1::2]], axis=-1), positions)


def _exchanged(x, positions):
    a, b = np.split(_rotate(x, positions), 2, axis=-1)
    return np.concatenate([b, a], axis=-1)


_ROTARY = Exercise(
    id="rotary",
    chapter="24",
    signature="rotate(x (heads, length, head_dim), positions (length,)) "
    "-> (heads, length, head_dim)",
    reference=_rotate,
    cases=lambda rng: [
        (rng.normal(size=(2, 5, 8)), np.arange(7, 12)),
        (rng.normal(size=(3, 4, 6)), np.array([0, 2, 50, 9])),
    ],
    variants=(
        Variant(
            "interleaved pairs",
            _rotate_interleaved,
            "You paired neighbors, as the paper does. Here entry r goes with entry r + head_dim/2.",
        ),
        Variant(
            "backward",
            lambda x, positions: _rotate(x, -positions),
            "You turned the other way. Scores of q and k turned so are right only by symmetry; "
            "weights trained with the usual direction do not fit.",
        ),
        Variant(
            "positions ignored",
            lambda x, positions: _rotate(x, np.arange(len(positions))),
            "You counted places from 0: `positions` says where the rows stand.",
        ),
        Variant(
            "without the minus",
            _rotate_without_minus,
            "The minus is missing: that is no rotation, and lengths change. The first half is "
            "a cos - b sin.",
        ),
        Variant(
            "half of it overwritten",
            _rotate_in_place,
            "Your second half is made from the new first half. Keep both old halves until both "
            "new ones are made.",
        ),
        Variant(
            "angles for the other pairing",
            _rotate_mixed,
            "Your pairs are halves, but the angles are laid out for neighbors: repeat the list "
            "of speeds (np.tile), not each speed (np.repeat).",
        ),
        Variant(
            "one speed for all pairs",
            lambda x, positions: _rotated(x, positions[:, None] * np.ones(x.shape[-1] // 2)),
            "You turned all pairs by the same angle: each has a speed of its own.",
        ),
        Variant(
            "the exponent's sign",
            lambda x, positions: _rotated(x, positions[:, None] * _speeds(x.shape[-1], power=2.0)),
            "The exponent's sign is wrong: your speeds grow from pair to pair. They must fall.",
        ),
        Variant(
            "without the 2",
            lambda x, positions: _rotated(x, positions[:, None] * _speeds(x.shape[-1], power=-1.0)),
            "Your speeds fall too slowly: the exponent is -2r/head_dim, where r counts the pairs.",
        ),
        Variant(
            "added",
            lambda x, positions: x + _waves(positions, x.shape[-1]),
            "You added sinusoids. Rotary positions turn x and leave its length as it is.",
        ),
        Variant(
            "halves exchanged",
            _exchanged,
            "The two halves of your output are exchanged: a cos - b sin comes first.",
        ),
        Variant(
            "neighbors to halves",
            _neighbors_to_halves,
            "You took neighbors as pairs and wrote the result as halves. Take halves, too: "
            "np.split(x, 2, axis=-1).",
        ),
        Variant(
            "unchanged", lambda x, positions: x.copy(), "Your output is x itself: nothing turned."
        ),
    ),
    hints=(
        "one angle for each place and pair: positions[:, None] * speeds, (length, head_dim/2). "
        "It broadcasts over the heads.",
        "a, b = np.split(x, 2, axis=-1) are the first and the second entries of all pairs.",
        "np.concatenate([a cos - b sin, b cos + a sin], axis=-1).",
    ),
)


# ------------------------------------------------------------------------------------ predictions

_BEYOND = Prediction(
    id="beyond-the-trained-lengths",
    chapter="24",
    question="One layer learns to say the symbol three places back, on sequences of 32. Then the "
    "sequences have 128. Which positions still work there?",
    options={
        "a": (
            "all that are given by a formula: sinusoids, rotary, ALiBi",
            "A formula gives a vector or an angle for any place. What the trained weights make of "
            "places and distances that they never met, it does not say.",
        ),
        "b": (
            "rotary and the relative bias: both depend on the distance alone",
            "Both do, and three back is a distance both have met. But beyond 32 there are new "
            "distances, too, and each gets a score. The bias gives all far keys a score it has "
            "learned; rotary makes up new ones.",
        ),
        "c": (
            "the relative bias alone",
            "Its last bucket covers all far distances, and that one was trained. The others give "
            "far places and distances something the weights never met.",
        ),
    },
    answer="c",
)

_ONE_LAYER = Prediction(
    id="one-layer-without-positions",
    chapter="24",
    question="A causal decoder of one layer without positions is trained to say the symbol just "
    "before the current one. The symbols of a sequence are all different. How often is it right at "
    "the twelfth?",
    options={
        "a": (
            "1 time in 16, by chance: it sees nothing of the order",
            "It sees nothing of the order, but it does see which symbols came before: the sum over "
            "the keys has them all. It can rule out the rest, and the current one.",
        ),
        "b": (
            "1 time in 11: it sees which symbols came before, not in which order",
            "Eleven other symbols came before, and each of them is as likely as the next.",
        ),
        "c": (
            "nearly always: the causal mask shows the order",
            "The mask decides which keys are in the sum. A sum does not depend on the order of its "
            "terms; it takes a second layer to use what the mask gave to each of the keys.",
        ),
    },
    answer="b",
)

EXERCISES = [_SINUSOIDS, _ROTARY]
PREDICTIONS = [_BEYOND, _ONE_LAYER]
