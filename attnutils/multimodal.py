"""Two modalities: let them read each other, join them, and teach them one space.

They are called *first* and *second* throughout; nothing depends on which is the text. Sequences are
``(batch, length, dim)``; their masks, like padding masks, broadcast to ``(batch, 1, 1, length)``.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnutils.attention import masked_softmax
from attnutils.layers import MultiHeadAttention
from attnutils.shapes import check_mask, check_probability, check_shape, check_size

First, Second = Float[Tensor, "batch first first_dim"], Float[Tensor, "batch second second_dim"]
One, Other = Float[Tensor, "*batch first_dim"], Float[Tensor, "*batch second_dim"]
Joined = Float[Tensor, "*batch dim"]
Mask = Bool[Tensor, "..."] | None
Map = Callable[[Tensor], Tensor]
Temperature = float | Float[Tensor, ""]
Rows = Float[Tensor, "batch dim"]
Compared = Bool[Tensor, "batch batch"] | None


# ----------------------------------------------------------------------------- reading each other


class CrossModalBlock(nn.Module):
    r"""Each modality asks the other: queries of one, keys and values of the other, both ways.

    :math:`x' = x + \mathrm{attend}(\mathrm{norm}(x), \mathrm{norm}(y))` and the same with x and y
    exchanged; both read what came in, so that neither goes first. ``record_attention`` sees the
    weights as ``first_over_second.core``, (batch, heads, first, second), and
    ``second_over_first.core``.

    Args:
        first_dim: size of an item of the first modality.
        second_dim: size of an item of the second.
        num_heads: number of heads; divides both sizes.
        dropout: probability of dropping a number of what was read, in training.
    Raises:
        ValueError: sizes below 1 or not divisible, or a probability outside [0, 1).
    Example:
        >>> block = CrossModalBlock(16, 32, 4)
        >>> text, image = block(torch.randn(2, 5, 16), torch.randn(2, 9, 32))
        >>> text.shape, image.shape
        (torch.Size([2, 5, 16]), torch.Size([2, 9, 32]))

    Source: Tsai et al. (2019), arXiv:1906.00295, sections 3.1 and 3.2.
    Chapter: notebooks/4_vision_and_modalities/20_cross_modal.ipynb
    """

    def __init__(
        self, first_dim: int, second_dim: int, num_heads: int, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.dims = check_size("first_dim", first_dim), check_size("second_dim", second_dim)
        self.first_norm, self.second_norm = nn.LayerNorm(first_dim), nn.LayerNorm(second_dim)
        self.first_over_second = MultiHeadAttention(first_dim, num_heads, memory_dim=second_dim)
        self.second_over_first = MultiHeadAttention(second_dim, num_heads, memory_dim=first_dim)
        self.dropout = nn.Dropout(check_probability("dropout", dropout))

    def forward(
        self, first: First, second: Second, *, first_mask: Mask = None, second_mask: Mask = None
    ) -> tuple[First, Second]:
        """Let each read the other.

        Args:
            first: ``(batch, first, first_dim)``.
            second: ``(batch, second, second_dim)``.
            first_mask: True = the second may see this item of the first.
            second_mask: True = the first may see this item of the second.
        Returns:
            Both, in their shapes.
        Raises:
            ValueError: shapes or masks do not fit.
        """
        _items(first, second, self.dims, first_mask, second_mask)
        x, y = self.first_norm(first), self.second_norm(second)
        first = first + self.dropout(self.first_over_second(x, y, mask=second_mask))
        second = second + self.dropout(self.second_over_first(y, x, mask=first_mask))
        return first, second


class CoAttention(nn.Module):
    r"""One summary of each modality, each weighed by how its items fit those of the other.

    Affinity :math:`C = \tanh(X W_b Y^\top)`; then with :math:`H_x = \tanh(X W_x + C\,Y W_y)` and
    :math:`H_y = \tanh(Y W_y + C^\top X W_x)`, the weights :math:`a_x = \mathrm{softmax}(H_x w_x)`
    and :math:`a_y = \mathrm{softmax}(H_y w_y)`; the summaries :math:`a_x^\top X` and
    :math:`a_y^\top Y`.

    Args:
        first_dim: size of an item of the first modality (X).
        second_dim: size of an item of the second (Y).
        hidden_dim: size of H.
    Raises:
        ValueError: a size below 1.
    Example:
        >>> layer = CoAttention(16, 32, 8)
        >>> x, y = torch.randn(2, 5, 16), torch.randn(2, 9, 32)
        >>> [tuple(a.shape) for a in layer(x, y) + layer.weights(x, y)]
        [(2, 16), (2, 32), (2, 5), (2, 9)]

    Source: Lu et al. (2016), arXiv:1606.00061, section 3.3, "parallel co-attention".
    Chapter: notebooks/4_vision_and_modalities/20_cross_modal.ipynb
    """

    def __init__(self, first_dim: int, second_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.dims = check_size("first_dim", first_dim), check_size("second_dim", second_dim)
        check_size("hidden_dim", hidden_dim)
        self.affinity_weight = nn.Linear(first_dim, second_dim, bias=False)
        self.first_hidden = nn.Linear(first_dim, hidden_dim, bias=False)
        self.second_hidden = nn.Linear(second_dim, hidden_dim, bias=False)
        self.first_score = nn.Linear(hidden_dim, 1, bias=False)
        self.second_score = nn.Linear(hidden_dim, 1, bias=False)

    def affinity(
        self, first: First, second: Second, *, first_mask: Mask = None, second_mask: Mask = None
    ) -> Float[Tensor, "batch first second"]:
        """How well each item of the first fits each of the second, in (-1, 1); hidden pairs 0."""
        rows, columns = _items(first, second, self.dims, first_mask, second_mask)
        affinity = torch.tanh(self.affinity_weight(first) @ second.mT)
        return affinity.masked_fill(~(rows[:, :, None] & columns[:, None]), 0.0)

    def weights(
        self, first: First, second: Second, *, first_mask: Mask = None, second_mask: Mask = None
    ) -> tuple[Float[Tensor, "batch first"], Float[Tensor, "batch second"]]:
        """Both attention maps; arguments as in ``forward``."""
        rows, columns = _items(first, second, self.dims, first_mask, second_mask)
        affinity = self.affinity(first, second, first_mask=first_mask, second_mask=second_mask)
        x, y = self.first_hidden(first), self.second_hidden(second)
        first_scores = self.first_score(torch.tanh(x + affinity @ y)).mT  # (batch, 1, first)
        second_scores = self.second_score(torch.tanh(y + affinity.mT @ x)).mT
        first_weights = masked_softmax(first_scores, rows[:, None])[:, 0]
        return first_weights, masked_softmax(second_scores, columns[:, None])[:, 0]

    def forward(
        self, first: First, second: Second, *, first_mask: Mask = None, second_mask: Mask = None
    ) -> tuple[Float[Tensor, "batch first_dim"], Float[Tensor, "batch second_dim"]]:
        """Summarize both.

        Args:
            first: ``(batch, first, first_dim)``.
            second: ``(batch, second, second_dim)``.
            first_mask: True = an item of the first counts.
            second_mask: True = an item of the second counts.
        Returns:
            ``(batch, first_dim)`` and ``(batch, second_dim)``; zeros where nothing counts.
        Raises:
            ValueError: shapes or masks do not fit.
        """
        weights = self.weights(first, second, first_mask=first_mask, second_mask=second_mask)
        return tuple((w[:, None] @ x)[:, 0] for w, x in zip(weights, (first, second)))


# -------------------------------------------------------------------------------- joining two


class _Fusion(nn.Module):
    """Two vectors in, one out: keeps the sizes and checks what comes; a subclass says ``_join``."""

    def __init__(self, first_dim: int, second_dim: int, dim: int) -> None:
        super().__init__()
        self.dims = check_size("first_dim", first_dim), check_size("second_dim", second_dim)
        check_size("dim", dim)

    def forward(self, first: One, second: Other) -> Joined:
        """Join the two."""
        self._check(first, second)
        return self._join(first, second)

    def _check(self, first: Tensor, second: Tensor) -> None:
        for name, x, dim in zip(("first", "second"), (first, second), self.dims):
            check_shape(name, x, ("...", dim), "Are first and second exchanged?")
        if first.shape[:-1] != second.shape[:-1]:
            raise ValueError(
                f"first has shape {tuple(first.shape)} but second {tuple(second.shape)}; expected "
                "the same axes before the last. Is one a sequence that is yet to be pooled?"
            )


class Concat(_Fusion):
    r"""One linear layer on both, side by side: :math:`z = W [x; y] + b`.

    It adds what each says; it cannot make one depend on the other.

    Args:
        first_dim: size of the first.
        second_dim: size of the second.
        dim: size of the result.
    Raises:
        ValueError: a size below 1.
    Example:
        >>> Concat(3, 4, 5)(torch.randn(2, 3), torch.randn(2, 4)).shape
        torch.Size([2, 5])

    Source: Baltrušaitis et al. (2019), arXiv:1705.09406, section 3.1.
    Chapter: notebooks/4_vision_and_modalities/20_cross_modal.ipynb
    """

    def __init__(self, first_dim: int, second_dim: int, dim: int) -> None:
        super().__init__(first_dim, second_dim, dim)
        self.output = nn.Linear(first_dim + second_dim, dim)

    def _join(self, first: Tensor, second: Tensor) -> Tensor:
        return self.output(torch.cat([first, second], -1))


class Gated(_Fusion):
    r"""A gate decides, number by number, which of the two to believe.

    :math:`h_x = \tanh(W_x x)`, :math:`h_y = \tanh(W_y y)`, :math:`g = \sigma(W_g [x; y])`,
    :math:`z = g \odot h_x + (1 - g) \odot h_y`.

    Args:
        first_dim: size of the first (x).
        second_dim: size of the second (y).
        dim: size of the result.
    Raises:
        ValueError: a size below 1.
    Example:
        >>> layer = Gated(3, 4, 5)
        >>> layer.gate(torch.zeros(1, 3), torch.zeros(1, 4))
        tensor([[0.5000, 0.5000, 0.5000, 0.5000, 0.5000]], grad_fn=<SigmoidBackward0>)

    Source: Arevalo et al. (2017), arXiv:1702.01992, section 3.
    Chapter: notebooks/4_vision_and_modalities/20_cross_modal.ipynb
    """

    def __init__(self, first_dim: int, second_dim: int, dim: int) -> None:
        super().__init__(first_dim, second_dim, dim)
        self.first = nn.Linear(first_dim, dim, bias=False)
        self.second = nn.Linear(second_dim, dim, bias=False)
        self.choose = nn.Linear(first_dim + second_dim, dim, bias=False)

    def gate(self, first: One, second: Other) -> Joined:
        """How much the first counts, in (0, 1); the second counts the rest."""
        self._check(first, second)
        return self.choose(torch.cat([first, second], -1)).sigmoid()

    def _join(self, first: Tensor, second: Tensor) -> Tensor:
        gate = self.gate(first, second)
        return gate * torch.tanh(self.first(first)) + (1 - gate) * torch.tanh(self.second(second))


class Bilinear(_Fusion):
    r"""Every number of one times every number of the other, :math:`z_k = x^\top W_k y + b_k`.

    Args:
        first_dim: size of the first (x).
        second_dim: size of the second (y).
        dim: size of the result; there are first_dim times second_dim times dim weights.
    Raises:
        ValueError: a size below 1.
    Example:
        >>> Bilinear(3, 4, 5)(torch.randn(2, 3), torch.randn(2, 4)).shape
        torch.Size([2, 5])

    Source: Tenenbaum and Freeman (2000), Neural Computation 12(6):1247-1283.
    Chapter: notebooks/4_vision_and_modalities/20_cross_modal.ipynb
    """

    def __init__(self, first_dim: int, second_dim: int, dim: int) -> None:
        super().__init__(first_dim, second_dim, dim)
        self.output = nn.Bilinear(first_dim, second_dim, dim)

    def _join(self, first: Tensor, second: Tensor) -> Tensor:
        return self.output(first, second)


class LowRankBilinear(_Fusion):
    r"""Bilinear with few weights: project both, multiply number by number, project again.

    :math:`z = P^\top (\sigma(U^\top x) \odot \sigma(V^\top y)) + b`. With the identity for σ it is
    the bilinear form with :math:`W_k = \sum_r P_{rk}\, u_r v_r^\top`.

    Args:
        first_dim: size of the first (x).
        second_dim: size of the second (y).
        dim: size of the result.
        rank: number of products.
        activation: σ.
    Raises:
        ValueError: a size below 1.
    Example:
        >>> LowRankBilinear(3, 4, 5, rank=2)(torch.randn(2, 3), torch.randn(2, 4)).shape
        torch.Size([2, 5])

    Source: Kim et al. (2017), arXiv:1610.04325, sections 2 and 3.
    Chapter: notebooks/4_vision_and_modalities/20_cross_modal.ipynb
    """

    def __init__(
        self, first_dim: int, second_dim: int, dim: int, *, rank: int, activation: Map = torch.tanh
    ) -> None:
        super().__init__(first_dim, second_dim, dim)
        self.first = nn.Linear(first_dim, check_size("rank", rank), bias=False)
        self.second = nn.Linear(second_dim, rank, bias=False)
        self.output = nn.Linear(rank, dim)
        self.activation = activation

    def _join(self, first: Tensor, second: Tensor) -> Tensor:
        x, y = self.activation(self.first(first)), self.activation(self.second(second))
        return self.output(x * y)


# ---------------------------------------------------------------------------- one space for both


def contrastive_loss(
    first: Rows, second: Rows, *, temperature: Temperature = 0.07, mask: Compared = None
) -> Float[Tensor, ""]:
    r"""Each row must find its partner among all of the other's rows, both ways; InfoNCE.

    With cosines :math:`s_{ij} = \cos(x_i, y_j)/\tau`, the mean of
    :math:`-\log \mathrm{softmax}_j(s_{ij})_i` and of :math:`-\log \mathrm{softmax}_i(s_{ij})_j`.

    Args:
        first: embeddings; row i belongs to row i of the second.
        second: embeddings.
        temperature: tau, > 0; a tensor if it is to be learned.
        mask: True = the pair (i, j) is compared; False on a pair that is right as well, such as two
            equal captions, which else would count as an error. From numbers that name the caption:
            ``(ids[:, None] != ids) | torch.eye(len(ids), dtype=torch.bool)``.
    Returns:
        The loss; log(batch) where all rows look alike.
    Raises:
        ValueError: shapes differ, the batch is empty, the temperature is not positive, the mask is
            not square or hides a row from its own partner.
    Example:
        >>> x = torch.eye(4)
        >>> contrastive_loss(x, torch.ones(4, 4)), contrastive_loss(x, x, temperature=0.01)
        (tensor(1.3863), tensor(0.))

    Source: van den Oord et al. (2018), arXiv:1807.03748, equation 4; Radford et al. (2021),
    arXiv:2103.00020, figure 3.
    Chapter: notebooks/4_vision_and_modalities/21_joint_embedding.ipynb
    """
    if first.ndim != 2 or first.shape != second.shape or len(first) == 0:
        raise ValueError(
            f"first has shape {tuple(first.shape)} and second {tuple(second.shape)}; expected the "
            "same (batch, dim), at least one row. Is one yet to be pooled or projected?"
        )
    if torch.as_tensor(temperature).ndim or not temperature > 0:
        raise ValueError(f"temperature is {temperature}; expected one number > 0. A logarithm?")
    scores = F.normalize(first, dim=-1) @ F.normalize(second, dim=-1).T / temperature
    if mask is not None:
        if mask.dtype != torch.bool or mask.shape != scores.shape or not mask.diagonal().all():
            raise ValueError(
                f"mask has dtype {mask.dtype} and shape {tuple(mask.shape)}; expected bool, "
                f"{tuple(scores.shape)}, True on the diagonal. Is it the wrong way round?"
            )
        scores = scores.masked_fill(~mask, -math.inf)
    partner = torch.arange(len(first), device=first.device)
    return (F.cross_entropy(scores, partner) + F.cross_entropy(scores.T, partner)) / 2


class ContrastiveLoss(nn.Module):
    """``contrastive_loss`` with a temperature that is learned, as its logarithm.

    Args:
        temperature: where it starts.
        least: it never falls below; scores are then scaled by at most 1 / least.
    Raises:
        ValueError: a temperature below ``least``, or ``least`` not positive.
    Example:
        >>> loss = ContrastiveLoss()
        >>> round(loss.temperature.item(), 4)
        0.07

    Source: Radford et al. (2021), arXiv:2103.00020, section 2.5.
    Chapter: notebooks/4_vision_and_modalities/21_joint_embedding.ipynb
    """

    def __init__(self, *, temperature: float = 0.07, least: float = 0.01) -> None:
        super().__init__()
        if not 0 < least <= temperature:
            raise ValueError(
                f"temperature is {temperature} and least {least}; expected 0 < least <= "
                "temperature. Is it a scale, one over the temperature?"
            )
        self.least = least
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)))

    @property
    def temperature(self) -> Tensor:
        """The present temperature."""
        return self.log_temperature.exp().clamp(min=self.least)

    def forward(self, first: Rows, second: Rows, *, mask: Compared = None) -> Float[Tensor, ""]:
        """The loss at the present temperature; arguments as in ``contrastive_loss``."""
        return contrastive_loss(first, second, temperature=self.temperature, mask=mask)


def _items(
    first: Tensor, second: Tensor, dims: tuple[int, int], first_mask: Mask, second_mask: Mask
) -> list[Tensor]:
    """Which items of two sequences count, (batch, length) each, after checking all of them."""
    given = ("first", first, first_mask), ("second", second, second_mask)
    counts = []
    for (name, x, mask), dim in zip(given, dims):
        cause = "Are first and second exchanged, or is an image yet to be cut into items?"
        check_shape(name, x, ("batch", "length", dim), cause)
        if len(x) != len(first):
            raise ValueError(
                f"first has batch {len(first)} but second {len(second)}; expected the same: "
                "row i of one belongs to row i of the other."
            )
        mask = torch.ones(1, dtype=torch.bool, device=x.device) if mask is None else mask
        try:
            check_mask(mask, (len(x), 1, 1, x.shape[1]))
        except ValueError as error:
            raise ValueError(f"{name}_mask: {error}") from None
        counts.append(mask.expand(len(x), 1, 1, x.shape[1])[:, 0, 0])
    return counts
