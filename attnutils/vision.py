"""Attention in convolutional networks: over channels, over places, and between all places.

Images are ``(batch, channels, height, width)``; every module returns the shape it is given, so that
it can stand between any two layers. Gates and maps are computed by methods of their own: call those
to see them.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from attnutils.layers import AttentionCore, DotProductAttention
from attnutils.shapes import check_size

Image = Float[Tensor, "batch channels height width"]
ChannelGates = Float[Tensor, "batch channels"]
PlaceGates = Float[Tensor, "batch height width"]
Core = AttentionCore | None


class _Gate(nn.Module):
    """An image times its gates, which the subclasses compute, for each channel or each place."""

    def forward(self, x: Image) -> Image:
        """The image, scaled by its gates."""
        gates = self.gates(x)
        return x * (gates[:, :, None, None] if gates.ndim == 2 else gates[:, None])


class SqueezeExcite(_Gate):
    r"""A gate for each channel, from the means of all channels.

    :math:`g = \sigma(W_2\,\mathrm{ReLU}(W_1 z))` with :math:`z_c` the mean of channel c;
    the output is :math:`g_c x_c`.

    Args:
        channels: number of channels.
        ratio: the hidden layer has ``channels // ratio`` units.
    Raises:
        ValueError: a size below 1, or more ``ratio`` than channels.
    Example:
        >>> layer = SqueezeExcite(32)
        >>> x = torch.randn(2, 32, 8, 8)
        >>> layer(x).shape, layer.gates(x).shape
        (torch.Size([2, 32, 8, 8]), torch.Size([2, 32]))

    Source: Hu et al. (2018), arXiv:1709.01507, section 3.
    Chapter: notebooks/4_vision_and_modalities/16_channel_spatial.ipynb
    """

    def __init__(self, channels: int, *, ratio: int = 16) -> None:
        super().__init__()
        self.channels = check_size("channels", channels)
        hidden = _hidden(channels, ratio)
        self.squeeze, self.excite = nn.Linear(channels, hidden), nn.Linear(hidden, channels)

    def gates(self, x: Image) -> ChannelGates:
        """How much of each channel is let through, in (0, 1)."""
        _check_image(x, self.channels)
        return self.excite(F.relu(self.squeeze(x.mean((2, 3))))).sigmoid()


class ChannelAttention(_Gate):
    r"""A gate for each channel, from its mean and its maximum through one shared network.

    :math:`g = \sigma(f(\mathrm{mean}_{h,w}\, x) + f(\max_{h,w} x))` with f two linear layers and a
    ReLU between them.

    Args:
        channels: number of channels.
        ratio: the hidden layer has ``channels // ratio`` units.
    Raises:
        ValueError: a size below 1, or more ``ratio`` than channels.
    Example:
        >>> x = torch.randn(2, 32, 8, 8)
        >>> ChannelAttention(32).gates(x).shape
        torch.Size([2, 32])

    Source: Woo et al. (2018), arXiv:1807.06521, equation 2.
    Chapter: notebooks/4_vision_and_modalities/16_channel_spatial.ipynb
    """

    def __init__(self, channels: int, *, ratio: int = 16) -> None:
        super().__init__()
        self.channels = check_size("channels", channels)
        hidden = _hidden(channels, ratio)
        layers = nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels)
        self.shared = nn.Sequential(*layers)

    def gates(self, x: Image) -> ChannelGates:
        """How much of each channel is let through, in (0, 1)."""
        _check_image(x, self.channels)
        return (self.shared(x.mean((2, 3))) + self.shared(x.amax((2, 3)))).sigmoid()


class SpatialAttention(_Gate):
    r"""A gate for each place, from the mean and the maximum over the channels there.

    :math:`g = \sigma(\mathrm{conv}([\mathrm{mean}_c\, x;\ \max_c x]))`: what is pooled away is the
    *channel* axis, and two maps as large as the image remain.

    Args:
        kernel: width of the convolution, odd.
    Raises:
        ValueError: an even kernel, or one below 1.
    Example:
        >>> x = torch.randn(2, 32, 8, 8)
        >>> SpatialAttention().gates(x).shape
        torch.Size([2, 8, 8])

    Source: Woo et al. (2018), arXiv:1807.06521, equation 3.
    Chapter: notebooks/4_vision_and_modalities/16_channel_spatial.ipynb
    """

    def __init__(self, *, kernel: int = 7) -> None:
        super().__init__()
        if check_size("kernel", kernel) % 2 == 0:
            raise ValueError(f"kernel is {kernel}; expected an odd number, with a middle.")
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def gates(self, x: Image) -> PlaceGates:
        """How much of each place is let through, in (0, 1)."""
        _check_image(x)
        pooled = torch.stack([x.mean(1), x.amax(1)], 1)  # (batch, 2, height, width)
        return self.conv(pooled)[:, 0].sigmoid()


class CBAM(nn.Module):
    """Channel attention, then spatial attention on what it let through.

    Args:
        channels: number of channels.
        ratio: the hidden layer of the channel attention has ``channels // ratio`` units.
        kernel: width of the spatial attention's convolution, odd.
    Raises:
        ValueError: a size below 1, more ``ratio`` than channels, or an even kernel.
    Example:
        >>> CBAM(32)(torch.randn(2, 32, 8, 8)).shape
        torch.Size([2, 32, 8, 8])

    Source: Woo et al. (2018), arXiv:1807.06521, equation 1.
    Chapter: notebooks/4_vision_and_modalities/16_channel_spatial.ipynb
    """

    def __init__(self, channels: int, *, ratio: int = 16, kernel: int = 7) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels, ratio=ratio)
        self.spatial = SpatialAttention(kernel=kernel)

    def forward(self, x: Image) -> Image:
        """Scale each channel by its gate, then each place by its own."""
        return self.spatial(self.channel(x))


class NonLocal(nn.Module):
    r"""Every place attends to every place; what it finds is added to what it holds.

    :math:`z_i = x_i + W_z \sum_j \mathrm{softmax}_j(\theta(x_i)^\top \phi(x_j))\, g(x_j)`, the
    embedded Gaussian, without scaling. :math:`W_z` starts at zero, so that the block starts as the
    identity and can be put into a trained network. ``record_attention`` sees the weights, as
    ``(batch, 1, height * width, keys)``.

    Args:
        channels: number of channels.
        hidden_dim: size of queries, keys and values; default half the channels.
        pool: keys and values are max-pooled over squares of this width: 2 leaves a quarter of them.
        core: any ``AttentionCore``; default dot products with scale 1.
    Raises:
        ValueError: a size below 1; in use, other channels or an image smaller than ``pool``.
    Example:
        >>> x = torch.randn(2, 32, 8, 8)
        >>> bool((NonLocal(32, pool=2)(x) == x).all())
        True

    Source: Wang et al. (2018), arXiv:1711.07971, sections 3.2 and 3.3.
    Chapter: notebooks/4_vision_and_modalities/17_non_local.ipynb
    """

    def __init__(
        self, channels: int, *, hidden_dim: int | None = None, pool: int = 1, core: Core = None
    ) -> None:
        super().__init__()
        self.channels, self.pool = check_size("channels", channels), check_size("pool", pool)
        hidden_dim = max(1, channels // 2) if hidden_dim is None else hidden_dim
        check_size("hidden_dim", hidden_dim)
        self.query, self.key, self.value = (nn.Conv2d(channels, hidden_dim, 1) for _ in range(3))
        self.output = nn.Conv2d(hidden_dim, channels, 1)
        nn.init.zeros_(self.output.weight), nn.init.zeros_(self.output.bias)
        self.core = DotProductAttention(scale=1.0) if core is None else core

    def forward(self, x: Image) -> Image:
        """Add to each place what it finds at all others."""
        _check_image(x, self.channels)
        if min(x.shape[2:]) < self.pool:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, smaller than a pool of {self.pool}; expected at "
                "least one square of it. Was the image shrunk more than once?"
            )
        q = _places(self.query(x))
        k, v = (_places(F.max_pool2d(f(x), self.pool)) for f in (self.key, self.value))
        found = self.core(q, k, v)[:, 0].mT.unflatten(2, x.shape[2:])  # (batch, hidden, h, w)
        return x + self.output(found)


def _places(x: Tensor) -> Tensor:
    """(batch, dim, height, width) -> (batch, 1 head, height * width, dim)."""
    return x.flatten(2).mT[:, None].contiguous()  # else the kernel falls back to its slow form


def _hidden(channels: int, ratio: int) -> int:
    if check_size("ratio", ratio) > channels:
        raise ValueError(
            f"ratio is {ratio} but there are {channels} channels: no hidden unit left."
        )
    return channels // ratio


def _check_image(x: Tensor, channels: int | None = None) -> None:
    if x.ndim != 4 or channels not in (None, x.shape[1]) or 0 in x.shape[1:]:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; expected (batch, {channels or 'channels'}, height, "
            "width), none of the last three empty. Is an axis missing, or do channels come last?"
        )
