"""How attention learns of order: added to the input, added to the scores, or turned into q and k.

Three kinds of object, by where they act:

* added to the input: ``LearnedPositions``, ``SinusoidalPositions``, called with positions;
* added to the scores: ``RelativeBias``, ``AlibiBias``, called with the numbers of queries and keys
  (the last query stands at the last key);
* turned into queries and keys: ``Rotary``, called with q or k and positions.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnutils.masks import distances
from attnutils.shapes import check_choice, check_size

Positions = Int[Tensor, "*batch length"]
Vectors = Float[Tensor, "*batch length dim"]
Bias = Float[Tensor, "1 heads {query} {key}"]


def sinusoids(length: int, dim: int, *, base: float = 10000.0) -> Float[Tensor, "{length} {dim}"]:
    r"""Sines and cosines of falling frequency, a rotation by one angle per pair of entries.

    :math:`P_{p,2i} = \sin(p\,\omega_i)`, :math:`P_{p,2i+1} = \cos(p\,\omega_i)`,
    :math:`\omega_i = \mathrm{base}^{-2i/\mathrm{dim}}`.

    Args:
        length: number of positions.
        dim: size of a position vector; even.
        base: how far the slowest wave stretches.
    Returns:
        ``(length, dim)``, float32.
    Raises:
        ValueError: an odd or too small size, or a base that is not above 1.
    Example:
        >>> sinusoids(2, 4)
        tensor([[0.0000, 1.0000, 0.0000, 1.0000],
                [0.8415, 0.5403, 0.0100, 0.9999]])

    Source: Vaswani et al. (2017), section 3.5.
    Chapter: notebooks/5_transformer/24_positions.ipynb
    """
    check_size("length", length, least=0)
    return SinusoidalPositions(dim, base=base)(torch.arange(length))


class SinusoidalPositions(nn.Module):
    """Adds sinusoids to the input; any position can be asked for.

    Args:
        dim: size of a position vector; even.
        base: as in ``sinusoids``.
    Raises:
        ValueError: an odd size, or a base that is not above 1.
    Example:
        >>> SinusoidalPositions(4)(torch.tensor([[0, 1]])).shape
        torch.Size([1, 2, 4])

    Source: Vaswani et al. (2017), section 3.5.
    Chapter: notebooks/5_transformer/24_positions.ipynb
    """

    def __init__(self, dim: int, *, base: float = 10000.0) -> None:
        super().__init__()
        _check_pairs("dim", dim, base)
        self.dim, self.base = dim, base

    def forward(self, positions: Positions) -> Vectors:
        """Vectors for the positions."""
        angles = positions[..., None] * _frequencies(self.dim, self.base, positions)
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


class LearnedPositions(nn.Module):
    """A table of learned vectors, one for each position up to a maximum.

    Args:
        max_length: number of positions.
        dim: size of a position vector.
    Raises:
        ValueError: a size below 1, or a position outside the table.
    Example:
        >>> LearnedPositions(8, 4)(torch.tensor([[0, 7]])).shape
        torch.Size([1, 2, 4])

    Source: Gehring et al. (2017), arXiv:1705.03122, section 3.1; Devlin et al. (2019).
    Chapter: notebooks/5_transformer/24_positions.ipynb
    """

    def __init__(self, max_length: int, dim: int) -> None:
        super().__init__()
        check_size("max_length", max_length), check_size("dim", dim)
        self.weight = nn.Parameter(torch.randn(max_length, dim) * 0.02)

    def forward(self, positions: Positions) -> Vectors:
        """Vectors for the positions."""
        if positions.numel() and not 0 <= positions.min() <= positions.max() < len(self.weight):
            raise ValueError(
                f"positions run from {positions.min()} to {positions.max()}; expected 0 to "
                f"{len(self.weight) - 1}. Is the input longer than max_length?"
            )
        return nn.functional.embedding(positions, self.weight)


class Rotary(nn.Module):
    r"""Rotates pairs of entries of q and k by an angle that grows with the position.

    A score then depends on the distance alone: :math:`R_m^\top R_n = R_{n-m}`.

    Two pairings are in use, and a checkpoint fits only its own: ``"half"`` pairs entry i with entry
    i + dim/2 (GPT-NeoX, and Llama as ``transformers`` stores it), ``"interleaved"`` pairs 2i with
    2i + 1 (the paper, GPT-J). They differ by a fixed permutation of the entries.

    Args:
        head_dim: size of a head; even.
        base: how far the slowest rotation stretches.
        pairing: "half" or "interleaved".
    Raises:
        ValueError: an odd size, a base that is not above 1, or another pairing.
    Example:
        >>> rotary = Rotary(4)
        >>> x = torch.ones(1, 1, 2, 4)
        >>> rotary(x, torch.tensor([0, 1]))[0, 0, 0]
        tensor([1., 1., 1., 1.])

    Source: Su et al. (2021), section 3.2 and equation 34.
    Chapter: notebooks/5_transformer/24_positions.ipynb
    """

    def __init__(self, head_dim: int, *, base: float = 10000.0, pairing: str = "half") -> None:
        super().__init__()
        check_choice("pairing", pairing, ("half", "interleaved"))
        _check_pairs("head_dim", head_dim, base)
        self.head_dim, self.base, self.pairing = head_dim, base, pairing

    def forward(self, x: Vectors, positions: Int[Tensor, "..."]) -> Vectors:
        """Rotate.

        Args:
            x: queries or keys, ``(batch, heads, length, head_dim)``.
            positions: ``(length,)``, or ``(batch, 1, length)`` where they differ within a batch.
        Returns:
            The same shape; lengths of vectors are unchanged.
        Raises:
            ValueError: another head_dim, or positions that do not fit.
        """
        if x.shape[-1] != self.head_dim or positions.shape[-1] != x.shape[-2]:
            raise ValueError(
                f"x has shape {tuple(x.shape)} and positions {tuple(positions.shape)}; expected "
                f"(..., length, {self.head_dim}) and (..., length). Was x split into heads?"
            )
        angles = positions[..., None] * _frequencies(self.head_dim, self.base, x)
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        half = self.pairing == "half"
        a, b = x.chunk(2, dim=-1) if half else (x[..., 0::2], x[..., 1::2])
        turned = a * cos - b * sin, b * cos + a * sin
        return torch.cat(turned, -1) if half else torch.stack(turned, -1).flatten(-2)


def relative_buckets(
    distance: Int[Tensor, "*axes"], *, buckets: int = 32, max_distance: int = 128, both: bool = True
) -> Int[Tensor, "*axes"]:
    """Number of the bucket that a distance falls into: exact when near, logarithmic when far.

    Args:
        distance: position of the key minus position of the query.
        buckets: number of buckets.
        max_distance: from here on, all distances share the last bucket.
        both: whether keys after the query have buckets of their own (half of them); otherwise they
            share bucket 0 with distance zero.
    Returns:
        Numbers from 0 to ``buckets - 1``.
    Raises:
        ValueError: too few buckets, or a ``max_distance`` that the exact ones already cover.
    Example:
        >>> relative_buckets(torch.tensor([0, -1, -7, -8, -200, 1]))
        tensor([ 0,  1,  7,  8, 15, 17])

    Source: Raffel et al. (2020), section 2.1; the T5 release.
    Chapter: notebooks/5_transformer/24_positions.ipynb
    """
    side = check_size("buckets", buckets, least=4 if both else 2) // (2 if both else 1)
    exact = side // 2
    if check_size("max_distance", max_distance) <= exact:
        raise ValueError(f"max_distance is {max_distance}; expected more than {exact}.")
    before = distance.abs() if both else (-distance).clamp(min=0)
    growth = (before.clamp(min=1).float() / exact).log() / torch.tensor(max_distance / exact).log()
    far = (exact + (growth * (side - exact)).long()).clamp(max=side - 1)
    return torch.where(before < exact, before, far) + (side * (distance > 0) if both else 0)


class RelativeBias(nn.Module):
    """A learned number per head and bucket of distance, added to the scores.

    Args:
        num_heads: number of heads.
        buckets, max_distance, both: as in ``relative_buckets``.
    Raises:
        ValueError: a size out of range, or more queries than keys.
    Example:
        >>> RelativeBias(4)(3, 5).shape
        torch.Size([1, 4, 3, 5])

    Source: Raffel et al. (2020), section 2.1; the idea: Shaw et al. (2018).
    Chapter: notebooks/5_transformer/24_positions.ipynb
    """

    def __init__(
        self, num_heads: int, *, buckets: int = 32, max_distance: int = 128, both: bool = True
    ) -> None:
        super().__init__()
        self.options = {"buckets": buckets, "max_distance": max_distance, "both": both}
        relative_buckets(torch.zeros(1, dtype=torch.long), **self.options)  # checks them
        self.weight = nn.Parameter(torch.randn(buckets, check_size("num_heads", num_heads)) * 0.02)

    def forward(self, query: int, key: int) -> Bias:
        """Bias for the last ``query`` of ``key`` positions."""
        distance = -distances(query, key, device=self.weight.device)
        return self.weight[relative_buckets(distance, **self.options)].permute(2, 0, 1)[None]


def alibi_slopes(num_heads: int) -> Float[Tensor, " {num_heads}"]:
    r"""Slope of each head's penalty: :math:`2^{-8/h}, 2^{-16/h}, \dots, 2^{-8}`.

    For a number of heads that is no power of two, the slopes of the power below are completed by
    every other slope of the power above.

    Args:
        num_heads: number of heads.
    Returns:
        ``(num_heads,)``, float32.
    Raises:
        ValueError: fewer than one head.
    Example:
        >>> alibi_slopes(4)
        tensor([0.2500, 0.0625, 0.0156, 0.0039])

    Source: Press et al. (2022), section 3.
    Chapter: notebooks/5_transformer/24_positions.ipynb
    """
    check_size("num_heads", num_heads)
    below = 2 ** (num_heads.bit_length() - 1)
    slopes = 2.0 ** (-8 / below * torch.arange(1, below + 1))
    between = 2.0 ** (-4 / below * torch.arange(1, 2 * below + 1, 2))
    return torch.cat([slopes, between[: num_heads - below]])


class AlibiBias(nn.Module):
    """A fixed penalty on the scores that grows with the distance, steeper in some heads.

    Args:
        num_heads: number of heads.
    Raises:
        ValueError: fewer than one head, or more queries than keys.
    Example:
        >>> AlibiBias(2)(1, 3)[0, :, 0]
        tensor([[-0.1250, -0.0625, -0.0000],
                [-0.0078, -0.0039, -0.0000]])

    Source: Press et al. (2022), section 3.
    Chapter: notebooks/5_transformer/24_positions.ipynb
    """

    def __init__(self, num_heads: int) -> None:
        super().__init__()
        self.register_buffer("slopes", alibi_slopes(num_heads), persistent=False)

    def forward(self, query: int, key: int) -> Bias:
        """Bias for the last ``query`` of ``key`` positions."""
        distance = distances(query, key, device=self.slopes.device).abs()
        return -self.slopes[None, :, None, None] * distance


def _frequencies(dim: int, base: float, like: Tensor) -> Float[Tensor, " half"]:
    """Angle per position of each pair; float64 for float64 inputs, float32 for all others."""
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    return base ** -(torch.arange(0, dim, 2, dtype=dtype, device=like.device) / dim)


def _check_pairs(name: str, dim: int, base: float) -> None:
    if check_size(name, dim, least=2) % 2:
        raise ValueError(f"{name} is {dim}; expected an even number: entries are turned in pairs.")
    if base <= 1:
        raise ValueError(f"base is {base}; expected more than 1.")
