"""See the attention weights of any model without touching it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnutils.layers import AttentionCore

__all__ = ["record_attention"]


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

    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """
    cores = {name: m for name, m in model.named_modules() if isinstance(m, AttentionCore)}
    if not cores:
        raise ValueError(
            f"{type(model).__name__} holds no AttentionCore; expected at least one. "
            "Is it built from torch's own layers? Those report weights with need_weights=True."
        )
    recorded: dict[str, Tensor] = {}

    def hook_for(name: str):
        def hook(core: AttentionCore, args: tuple, options: dict, output: Tensor) -> None:
            q, k, *_ = args
            options = {key: value for key, value in options.items() if key != "v"}
            with torch.no_grad():
                weights = core.weights(q, k, **options)
            if weights.ndim == 3:
                weights = weights[:, None]  # (batch, query, key) -> one head
            recorded[name] = _append(name, recorded.get(name), weights)

        return hook

    handles = [
        core.register_forward_hook(hook_for(name), with_kwargs=True) for name, core in cores.items()
    ]
    try:
        yield recorded
    finally:
        for handle in handles:
            handle.remove()


def _append(name: str, before: Tensor | None, weights: Tensor) -> Tensor:
    if before is None:
        return weights
    if before.shape[:2] != weights.shape[:2]:
        raise ValueError(
            f"{name} was called with batch and heads {tuple(before.shape[:2])}, "
            f"now with {tuple(weights.shape[:2])}; expected the same within one recording. "
            "Open a new record_attention for each batch."
        )
    longest = max(before.shape[-1], weights.shape[-1])
    return torch.cat([F.pad(w, (0, longest - w.shape[-1])) for w in (before, weights)], dim=-2)
