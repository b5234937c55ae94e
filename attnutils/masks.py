"""Boolean masks, True = may attend; combine them with ``&``, ``|`` and ``~``.

All broadcast to ``(batch, heads, query, key)``. Masks of positions are ``(query, key)``, aligned to
the lower right: the last query stands at the last key, so that one query with a cache of five keys
sees all five.
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from attnutils.shapes import check_size

Mask = Bool[Tensor, "query key"]


def distances(
    query: int, key: int | None = None, *, device: torch.device | str | None = None
) -> Int[Tensor, "query key"]:
    """Position of each query minus position of each key, the last of both at the same place.

    Args:
        query: number of queries.
        key: number of keys, at least ``query``; default the same.
        device: where to make it.
    Returns:
        Positive where the key comes before the query.
    Raises:
        ValueError: a negative size, or fewer keys than queries.
    Example:
        >>> distances(2, 3)
        tensor([[ 1,  0, -1],
                [ 2,  1,  0]])

    Source: this book.
    Chapter: notebooks/2_mechanism/07_masks.ipynb
    """
    key = query if key is None else key
    check_size("query", query, least=0)
    if check_size("key", key, least=0) < query:
        raise ValueError(
            f"{query} queries but {key} keys; expected at least as many keys. Are they swapped?"
        )
    places = torch.arange(key, device=device)
    return places[key - query :, None] - places


def causal_mask(query: int, key: int | None = None) -> Mask:
    """Mask that lets each query see itself and what came before.

    Aligned to the lower right: the last query sees every key, so that a query of
    length 1 with a cache of 5 keys sees all 5.

    Args:
        query: number of queries.
        key: number of keys, at least ``query``; default the same.
    Returns:
        True where query i may attend to key j: ``j <= i + key - query``.
    Raises:
        ValueError: fewer keys than queries.
    Example:
        >>> causal_mask(2, 3).int()
        tensor([[1, 1, 0],
                [1, 1, 1]], dtype=torch.int32)

    Source: Vaswani et al. (2017), section 3.2.3.
    Chapter: notebooks/2_mechanism/07_masks.ipynb
    """
    return distances(query, key) >= 0


def window_mask(query: int, key: int | None = None, *, before: int, after: int = 0) -> Mask:
    """Mask that lets each query see the keys near it.

    Args:
        query: number of queries.
        key: number of keys, at least ``query``; default the same.
        before: how many keys before its own a query sees.
        after: how many after its own; 0 makes the window causal.
    Returns:
        True where ``-after <= position of the query - position of the key <= before``.
    Raises:
        ValueError: a size is negative or there are fewer keys than queries.
    Example:
        >>> window_mask(3, before=1).int()
        tensor([[1, 0, 0],
                [1, 1, 0],
                [0, 1, 1]], dtype=torch.int32)

    Source: Child et al. (2019), arXiv:1904.10509; Beltagy et al. (2020), arXiv:2004.05150.
    Chapter: notebooks/2_mechanism/07_masks.ipynb
    """
    check_size("before", before, least=0), check_size("after", after, least=0)
    distance = distances(query, key)
    return (distance <= before) & (distance >= -after)


def prefix_mask(query: int, key: int | None = None, *, prefix: int) -> Mask:
    """Causal mask whose first ``prefix`` keys everyone sees.

    Args:
        query: number of queries.
        key: number of keys, at least ``query``; default the same.
        prefix: number of keys visible to all, at most ``key``.
    Returns:
        True where the key is in the prefix or not after the query.
    Raises:
        ValueError: the prefix is longer than the keys.
    Example:
        >>> prefix_mask(3, prefix=2).int()
        tensor([[1, 1, 0],
                [1, 1, 0],
                [1, 1, 1]], dtype=torch.int32)

    Source: Raffel et al. (2020), section 3.2.1, "prefix LM".
    Chapter: notebooks/2_mechanism/07_masks.ipynb
    """
    key = query if key is None else key
    if check_size("prefix", prefix, least=0) > key:
        raise ValueError(f"prefix is {prefix} but there are only {key} keys.")
    return causal_mask(query, key) | (torch.arange(key) < prefix)


def block_mask(
    query_blocks: Int[Tensor, "*batch query"], key_blocks: Int[Tensor, "*batch key"] | None = None
) -> Bool[Tensor, "*batch query key"]:
    """Mask that lets a query see the keys of its own block, as for several documents in one row.

    Args:
        query_blocks: number of each query's block.
        key_blocks: number of each key's block; default the same.
    Returns:
        True where the two numbers agree. A batch of them needs an axis for heads:
        ``block_mask(blocks)[:, None]``.
    Raises:
        ValueError: the numbers are not integers or the batches differ.
    Example:
        >>> block_mask(torch.tensor([0, 0, 1])).int()
        tensor([[1, 1, 0],
                [1, 1, 0],
                [0, 0, 1]], dtype=torch.int32)

    Source: Krell et al. (2021), arXiv:2107.02027.
    Chapter: notebooks/2_mechanism/07_masks.ipynb
    """
    key_blocks = query_blocks if key_blocks is None else key_blocks
    _check_whole("query_blocks", query_blocks), _check_whole("key_blocks", key_blocks)
    if query_blocks.shape[:-1] != key_blocks.shape[:-1]:
        shapes = f"{tuple(query_blocks.shape)} but key_blocks {tuple(key_blocks.shape)}"
        raise ValueError(f"query_blocks are {shapes}; expected the same axes before the last.")
    return query_blocks[..., :, None] == key_blocks[..., None, :]


def padding_mask(lengths: Int[Tensor, " batch"], key: int) -> Bool[Tensor, "batch 1 1 {key}"]:
    """Mask that hides the padding after each sequence of a batch.

    Args:
        lengths: number of real keys of each sequence, ``(batch,)``.
        key: length of the padded batch.
    Returns:
        True where a key is real; the axes for heads and queries have size 1.
    Raises:
        ValueError: a length is negative or exceeds ``key``, or is no whole number.
    Example:
        >>> padding_mask(torch.tensor([1, 3]), 3)[:, 0, 0].int()
        tensor([[1, 0, 0],
                [1, 1, 1]], dtype=torch.int32)

    Source: this book.
    Chapter: notebooks/2_mechanism/07_masks.ipynb
    """
    check_size("key", key, least=0)
    _check_whole("lengths", lengths, axes=1)
    if lengths.numel() and not 0 <= lengths.min() <= lengths.max() <= key:
        raise ValueError(
            f"lengths run from {lengths.min()} to {lengths.max()}; expected 0 to {key}, the "
            "padded length. Were they taken before truncation?"
        )
    return (torch.arange(key, device=lengths.device) < lengths[:, None])[:, None, None, :]


def describe(mask: Bool[Tensor, "*batch query key"]) -> str:
    """Say in words what a mask lets through; for error messages and for looking.

    Args:
        mask: True = may attend.
    Returns:
        One line: size, share of allowed pairs, known pattern, rows with nothing allowed.
    Raises:
        ValueError: not boolean, or fewer than two axes.
    Example:
        >>> describe(causal_mask(4))
        '4 queries × 4 keys, 10 of 16 pairs allowed, causal'

    Source: this book.
    Chapter: notebooks/2_mechanism/07_masks.ipynb
    """
    if mask.dtype != torch.bool or mask.ndim < 2:
        got = f"dtype {mask.dtype} and shape {tuple(mask.shape)}"
        raise ValueError(f"mask has {got}; expected bool, (..., query, key). Is it additive?")
    query, key = mask.shape[-2:]
    empty = int((~mask.any(-1)).sum())
    patterns = {
        "hides nothing": mask.all(),
        "hides everything": not mask.any(),
        "causal": key >= query and (mask == causal_mask(query, key).to(mask.device)).all(),
        "the same for every query (padding?)": (mask == mask[..., :1, :]).all(),
    }
    pattern = next((words for words, holds in patterns.items() if holds), None)
    nothing = f"{empty} queries may attend to nothing" if empty else None
    words = f"{query} queries × {key} keys", f"{int(mask.sum())} of {mask.numel()} pairs allowed"
    return ", ".join(filter(None, (*words, pattern, nothing)))


def _check_whole(name: str, x: Tensor, axes: int | None = None) -> None:
    if x.is_floating_point() or x.dtype == torch.bool or not x.ndim or axes not in (None, x.ndim):
        raise ValueError(
            f"{name}: dtype {x.dtype}, shape {tuple(x.shape)}; expected whole numbers, "
            f"{'(batch,)' if axes else '(..., length)'}. Is it a mask already?"
        )
