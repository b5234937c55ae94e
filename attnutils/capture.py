"""See the attention weights of any model, change them for a while, follow them through layers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from attnutils.layers import AttentionCore

Edits = Mapping[str, Callable[[Tensor], Tensor]]


@contextmanager
def record_attention(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Record the weights of every attention core while the block runs.

    The cores run as always (fused, and bit for bit the same output); the weights are computed
    beside them from the queries and keys that they got, without gradient and without dropout.

    Args:
        model: any module that holds ``AttentionCore`` layers.
    Yields:
        ``{name of the core: (batch, heads, query, key)}``, filled as the model runs. Cores without
        heads report one. Repeated calls of one core are concatenated along ``query`` and padded
        with zeros to the longest ``key``.
    Raises:
        ValueError: the model has no attention core, or a core is called with another batch size
            than before.
    Example:
        >>> from attnutils.layers import MultiHeadAttention
        >>> layer = MultiHeadAttention(8, 2)
        >>> with record_attention(layer) as weights:
        ...     output = layer(torch.randn(1, 3, 8))
        >>> weights["core"].shape
        torch.Size([1, 2, 3, 3])

    Source: this book.
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """
    recorded: dict[str, Tensor] = {}

    def record(name: str, compute: Callable[[], Tensor], v: Tensor) -> None:
        with torch.no_grad():
            weights = compute()
        weights = weights[:, None] if weights.ndim == 3 else weights  # without heads: one head
        before = recorded.get(name)
        recorded[name] = weights if before is None else _joined(name, before, weights)

    with _hooked(_cores(model), record):
        yield recorded


@contextmanager
def edit_attention(model: nn.Module, edits: Edits) -> Iterator[None]:
    """Replace attention weights while the block runs: switch heads off, freeze or shuffle them.

    Args:
        model: any module that holds ``AttentionCore`` layers.
        edits: for each core's name, as ``record_attention`` gives it, a function from its weights
            to the weights to use, of the same shape.
    Raises:
        ValueError: an unknown name, or an edit that changes the shape.
    Example:
        >>> from attnutils.layers import MultiHeadAttention
        >>> layer = MultiHeadAttention(8, 2)
        >>> with edit_attention(layer, {"core": torch.zeros_like}):
        ...     output = layer(torch.randn(1, 3, 8))
        >>> bool((output == layer.output.bias).all())
        True

    Source: Michel et al. (2019), arXiv:1905.10650, section 2.3 (heads switched off).
    Chapter: notebooks/8_understanding/39_looking_inside.ipynb
    """
    cores = _cores(model)
    if unknown := set(edits) - set(cores):
        raise ValueError(f"no core named {sorted(unknown)}; the model has {sorted(cores)}.")

    def edit(name: str, compute: Callable[[], Tensor], v: Tensor) -> Tensor:
        weights = compute()
        edited = edits[name](weights)
        if edited.shape != weights.shape:
            shapes = f"shape {tuple(weights.shape)} into {tuple(edited.shape)}"
            raise ValueError(
                f"the edit of {name} turned weights of {shapes}; expected the same shape."
            )
        return edited @ v

    with _hooked({name: cores[name] for name in edits}, edit):
        yield


def rollout(
    weights: Mapping[str, Tensor] | Sequence[Tensor], *, residual: float = 0.5
) -> Float[Tensor, "batch query key"]:
    r"""How much of each input reaches each output, if attention and residual paths were all.

    :math:`\prod_l (r I + (1 - r) \bar A_l)`, with :math:`\bar A_l` the mean over heads.

    Args:
        weights: self-attention weights ``(batch, heads, length, length)``, layer by layer from the
            bottom, as ``record_attention`` gives them.
        residual: share r of the path around each attention.
    Returns:
        ``(batch, length, length)``; rows sum to one where the weights' rows do.
    Raises:
        ValueError: no layers, weights that are not square, or a share outside [0, 1].
    Example:
        >>> rollout([torch.eye(3)[None, None]] * 2)[0]
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 1.]])

    Source: Abnar & Zuidema (2020), section 3.
    Chapter: notebooks/8_understanding/39_looking_inside.ipynb
    """
    layers = list(weights.values() if isinstance(weights, Mapping) else weights)
    if not 0 <= residual <= 1:
        raise ValueError(f"residual is {residual}; expected a share, 0 <= residual <= 1.")
    if not layers or any(w.ndim != 4 or w.shape[-1] != w.shape[-2] for w in layers):
        raise ValueError(
            f"weights have shapes {[tuple(w.shape) for w in layers]}; expected for each layer "
            "(batch, heads, length, length). Is there cross-attention among them?"
        )
    total = torch.eye(layers[0].shape[-1], dtype=layers[0].dtype, device=layers[0].device)
    for layer in layers:
        mixed = (1 - residual) * layer.mean(1)
        mixed.diagonal(dim1=-2, dim2=-1).add_(residual)
        total = mixed @ total
    return total


def _cores(model: nn.Module) -> dict[str, AttentionCore]:
    cores = {name: m for name, m in model.named_modules() if isinstance(m, AttentionCore)}
    if not cores:
        raise ValueError(
            f"{type(model).__name__} holds no AttentionCore; expected at least one. "
            "Is it built from torch's own layers? Those report weights with need_weights=True."
        )
    return cores


@contextmanager
def _hooked(cores: Mapping[str, AttentionCore], see: Callable) -> Iterator[None]:
    """After each call of a core, ``see(name, its weights (to be computed), v)``.

    What it returns, if anything, takes the place of the core's output.
    """

    def hook_for(name: str) -> Callable:
        def hook(core: AttentionCore, args: tuple, options: dict, output: Tensor) -> Tensor | None:
            q, k, *rest = args
            options = dict(options)
            v = rest[0] if rest else options.pop("v")
            return see(name, lambda: core.weights(q, k, **options), v)

        return hook

    handles = [c.register_forward_hook(hook_for(n), with_kwargs=True) for n, c in cores.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _joined(name: str, before: Tensor, weights: Tensor) -> Tensor:
    """Weights of two calls, one after the other along query, padded to the longer key."""
    if before.shape[:2] != weights.shape[:2]:
        raise ValueError(
            f"{name} was called with batch and heads {tuple(before.shape[:2])}, now with "
            f"{tuple(weights.shape[:2])}; expected the same within one recording. "
            "Open a new record_attention for each batch."
        )
    longest = max(before.shape[-1], weights.shape[-1])
    return torch.cat([F.pad(w, (0, longest - w.shape[-1])) for w in (before, weights)], dim=-2)
