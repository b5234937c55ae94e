"""Attention that never holds its query × key matrix: tiles (exact), windows and linear features.

The tiled functions are NumPy, so that every step can be read, and timed beside the two matrix
products it consists of; window and linear attention are torch, to be trained.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from attnutils.attention import attention
from attnutils.shapes import check_mask, check_qkv, check_shape, check_size

Array = np.ndarray
ArrayQ, ArrayK = Float[Array, "*b query dim"], Float[Array, "*c key dim"]
ArrayV, ArrayOut = Float[Array, "*c key value_dim"], Float[Array, "*d query value_dim"]
ArrayMask = Bool[Array, "..."] | None
TensorQ, TensorK = Float[Tensor, "*b query dim"], Float[Tensor, "*c key dim"]
TensorV, TensorOut = Float[Tensor, "*c key value_dim"], Float[Tensor, "*d query value_dim"]
TensorMask = Bool[Tensor, "..."] | None

_TILE = (256, 1024)  # 1 MiB of float32 scores: they stay in a core's cache


# --------------------------------------------------------------------------- tiles, in NumPy


def online_softmax(scores: Float[Array, "*axes"], *, tile: int = 1024) -> Float[Array, "*axes"]:
    r"""Softmax along the last axis, its normalizer found in one pass over tiles of scores.

    A running maximum m and a running sum are kept; where a tile raises m to m', the sum so far is
    rescaled by :math:`e^{m - m'}`.

    Args:
        scores: float32 or float64, ``(..., key)``; -inf hides a place.
        tile: how many scores are looked at together; the result is the same for all.
    Returns:
        Weights of the same shape; each row sums to one, or to zero where all is hidden.
    Raises:
        ValueError: another dtype, an empty last axis, or a tile below 1.
    Example:
        >>> online_softmax(np.log([8.0, 4.0, 2.0, 1.0, 1.0]), tile=2)
        array([0.5   , 0.25  , 0.125 , 0.0625, 0.0625])

    Source: Milakov and Gimelshein (2018), arXiv:1805.02867, algorithm 3.
    Chapter: notebooks/7_efficiency/34_flash.ipynb
    """
    check_size("tile", tile)
    _check_floats(scores=scores)
    if scores.ndim == 0 or scores.shape[-1] == 0:
        raise ValueError(f"scores have shape {scores.shape}; expected at least one key.")
    top = np.full((*scores.shape[:-1], 1), np.finfo(scores.dtype).min, scores.dtype)
    total = np.zeros_like(top)
    for start in range(0, scores.shape[-1], tile):
        part = scores[..., start : start + tile]
        raised = np.maximum(top, part.max(-1, keepdims=True))
        total *= np.exp(top - raised)
        total += np.exp(part - raised).sum(-1, keepdims=True)
        top = raised
    total[total == 0] = 1  # all hidden: the weights stay zero
    return np.exp(scores - top) / total


def tiled_attention(
    q: ArrayQ, k: ArrayK, v: ArrayV, *, mask: ArrayMask = None, causal: bool = False,
    scale: float | None = None, tile: tuple[int, int] = _TILE,
) -> ArrayOut:  # fmt: skip
    """Exact attention that holds one tile of scores at a time.

    Args:
        q: queries, float32 or float64.
        k: keys.
        v: values, one row per key.
        mask: True = may attend, broadcastable to ``(*batch, query, key)``; tiles in which nothing
            is allowed are skipped.
        causal: hide what comes after each query (aligned to the lower right); the tiles above the
            diagonal, nearly half, are skipped.
        scale: default 1/sqrt(dim).
        tile: (queries, keys) of a tile; changes time and memory, not the result.
    Returns:
        One weighted sum of values per query; zeros where nothing is allowed.
    Raises:
        ValueError: shapes, dtypes, the mask or the tile do not fit; causal with fewer keys.
    Example:
        >>> q, k, v = np.zeros((1, 2)), np.ones((2, 2)), np.array([[0.0, 4.0], [2.0, 0.0]])
        >>> tiled_attention(q, k, v, tile=(1, 1))
        array([[1., 2.]])

    Source: Dao et al. (2022), arXiv:2205.14135, algorithm 1.
    Chapter: notebooks/7_efficiency/34_flash.ipynb
    """
    return tiled_attention_forward(q, k, v, mask=mask, causal=causal, scale=scale, tile=tile)[0]


def tiled_attention_forward(
    q: ArrayQ, k: ArrayK, v: ArrayV, *, mask: ArrayMask = None, causal: bool = False,
    scale: float | None = None, tile: tuple[int, int] = _TILE,
) -> tuple[ArrayOut, Float[Array, "*d query"]]:  # fmt: skip
    r"""``tiled_attention``, and the one number per query that its backward needs.

    That number, :math:`L_i = \log \sum_j e^{s_{ij}}`, gives a weight back from its score,
    :math:`a_{ij} = e^{s_{ij} - L_i}`. Outputs over disjoint sets of keys join by it, too: they mix
    in the proportion :math:`e^{L_i}`.

    Args:
        q, k, v: as in ``tiled_attention``.
        mask, causal, scale, tile: as in ``tiled_attention``.
    Returns:
        ``(output, log_sum_exp)``, the latter ``(*batch, query)``, -inf where nothing is allowed.
    Raises:
        ValueError: as in ``tiled_attention``.
    Example:
        >>> one = np.ones((1, 1))
        >>> output, log_sum_exp = tiled_attention_forward(one, one, 5 * one)
        >>> output, log_sum_exp
        (array([[5.]]), array([1.]))

    Source: Dao et al. (2022), arXiv:2205.14135, algorithm 1.
    Chapter: notebooks/7_efficiency/34_flash.ipynb
    """
    batch, mask, scale = _check_tiled(q, k, v, mask, causal, scale, tile)
    q, k, v = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (q * scale, k, v))
    output = np.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)
    # the lowest number and not -inf, from which -inf cannot be subtracted
    top = np.full((*q.shape[:-1], 1), np.finfo(q.dtype).min, q.dtype)
    total, ones = np.zeros_like(top), np.ones((k.shape[-2], 1), q.dtype)
    with _rows_unbuffered():
        for rows, keys, scores in _scores(q, k, mask, causal, tile):
            raised = np.maximum(top[rows], scores.max(-1, keepdims=True))
            correction = np.exp(top[rows] - raised)
            weights = np.exp(np.subtract(scores, raised, out=scores), out=scores)
            total[rows] *= correction
            total[rows] += weights @ ones[keys[-1]]  # three times as fast as .sum()
            output[rows] *= correction
            output[rows] += weights @ v[keys]
            top[rows] = raised
    top[total == 0], total[total == 0] = -np.inf, 1  # nothing allowed: the output stays zero
    output /= total
    return output, (top + np.log(total))[..., 0]


def tiled_attention_backward(
    q: ArrayQ, k: ArrayK, v: ArrayV, output: ArrayOut, log_sum_exp: Float[Array, "*d query"],
    grad: ArrayOut, *, mask: ArrayMask = None, causal: bool = False, scale: float | None = None,
    tile: tuple[int, int] = _TILE,
) -> tuple[ArrayQ, ArrayK, ArrayV]:  # fmt: skip
    r"""Gradients of ``tiled_attention`` by q, k and v; the weights of each tile are computed anew.

    With :math:`A = e^{S - L}` and :math:`D_i = do_i \cdot o_i`, the row sums of
    :math:`A \odot dA`: :math:`dV = A^\top dO`, :math:`dS = A \odot (dO\,V^\top - D)`,
    :math:`dQ = dS\,K/\sqrt{d_k}`, :math:`dK = dS^\top Q/\sqrt{d_k}`.

    Args:
        q, k, v: what the forward was given; here all with the same batch axes.
        output, log_sum_exp: what ``tiled_attention_forward`` returned.
        grad: gradient of the loss by the output.
        mask, causal, scale: what the forward was given.
        tile: (queries, keys) of a tile; may differ from the forward's.
    Returns:
        ``(dq, dk, dv)``, each shaped like its input.
    Raises:
        ValueError: shapes, dtypes, the mask or the tile do not fit.
    Example:
        >>> one = np.ones((1, 1))
        >>> output, log_sum_exp = tiled_attention_forward(one, one, one)
        >>> tiled_attention_backward(one, one, one, output, log_sum_exp, 3 * one)[2]
        array([[3.]])

    Source: Dao et al. (2022), arXiv:2205.14135, algorithm 4.
    Chapter: notebooks/7_efficiency/34_flash.ipynb
    """
    batch, mask, scale = _check_tiled(q, k, v, mask, causal, scale, tile)
    given = dict(q=q, k=k, v=v, output=output, log_sum_exp=log_sum_exp, grad=grad)
    rows, like_output = (*batch, q.shape[-2]), (*batch, q.shape[-2], v.shape[-1])
    expected = {name: (*batch, *given[name].shape[-2:]) for name in "qkv"}
    expected |= {"output": like_output, "log_sum_exp": rows, "grad": like_output}
    for name, x in given.items():
        cause = "Do output and log_sum_exp come from these q, k and v, all with one batch?"
        check_shape(name, x, expected[name], cause)
    _check_floats(**given)
    q = q * scale
    shift = np.where(log_sum_exp == -np.inf, 0, log_sum_exp)[..., None]  # all its scores are -inf
    row_sums = (grad * output).sum(-1, keepdims=True)
    dq, dk, dv, buffer = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v), _buffer(q, k, tile)
    with _rows_unbuffered():
        for rows, keys, scores in _scores(q, k, mask, causal, tile):
            weights = np.exp(np.subtract(scores, shift[rows], out=scores), out=scores)
            dv[keys] += weights.T @ grad[rows]
            dscores = _product(grad[rows], v[keys], buffer)
            dscores -= row_sums[rows]
            dscores *= weights
            dq[rows] += dscores @ k[keys]
            dk[keys] += dscores.T @ q[rows]
    dq *= scale
    return dq, dk, dv


@contextmanager
def _rows_unbuffered() -> Iterator[None]:
    """Subtract a number from each row twice as fast.

    NumPy first copies a broadcast number into its buffer, unless a row is longer than that.
    """
    with np.errstate():  # brings the buffer's size back, too
        np.setbufsize(512)
        yield


def _buffer(q: Array, k: Array, tile: tuple[int, int]) -> Array:
    return np.empty(min(tile[0], q.shape[-2]) * min(tile[1], k.shape[-2]), q.dtype)


def _product(rows: Array, keys: Array, buffer: Array) -> Array:
    """``rows @ keys.T``, written into a buffer."""
    shape = len(rows), len(keys)
    return np.matmul(rows, keys.T, out=buffer[: math.prod(shape)].reshape(shape))


def _scores(
    q: Array, k: Array, mask: Array | None, causal: bool, tile: tuple[int, int]
) -> Iterator[tuple[tuple, tuple, Array]]:
    """Tile by tile of each head: where its queries stand, where its keys, and the scores.

    Hidden scores are -inf. The next tile overwrites them.
    """
    buffer = _buffer(q, k, tile)
    for i in np.ndindex(q.shape[:-2]):
        head_mask = None if mask is None else mask[i]
        for rows, keys, allowed in _tiles(q.shape[-2], k.shape[-2], head_mask, causal, tile):
            scores = _product(q[*i, rows], k[*i, keys], buffer)
            if allowed is not None:
                np.copyto(scores, -np.inf, where=~allowed)
            yield (*i, rows), (*i, keys), scores


def _tiles(
    query: int, key: int, mask: Array | None, causal: bool, tile: tuple[int, int]
) -> Iterator[tuple[slice, slice, Array | None]]:
    """Queries, keys and mask (None: all allowed) of each tile in which anything is allowed."""
    for i in range(0, query, tile[0]):
        rows = slice(i, min(i + tile[0], query))
        seen = rows.stop + key - query if causal else key  # by the last of these queries
        for j in range(0, seen, tile[1]):
            keys = slice(j, min(j + tile[1], seen))
            allowed = None if mask is None else mask[rows, keys]
            first_sees = i + key - query  # position of the tile's first query
            if causal and keys.stop > first_sees + 1:
                past = np.tri(rows.stop - i, keys.stop - j, first_sees - j, dtype=bool)
                allowed = past if allowed is None else past & allowed
            if allowed is None or allowed.any():
                yield rows, keys, allowed


# ----------------------------------------------------------------- windows and sums, in torch


def window_attention(
    q: TensorQ, k: TensorK, v: TensorV, *, before: int, after: int = 0, mask: TensorMask = None,
    scale: float | None = None,
) -> TensorOut:  # fmt: skip
    """Attention to nearby keys, in time and memory proportional to length times window.

    Equal to ``attention`` with ``window_mask(query, key, before=before, after=after)``. Queries are
    cut into blocks; a block meets only the stretch of keys that its windows reach.

    Args:
        q: queries.
        k: keys, at least as many; the last query stands at the last key.
        v: values, one row per key.
        before: how many keys before its own a query sees.
        after: how many after its own; 0 makes the window causal.
        mask: True = a key may be seen, broadcastable to ``(*batch, 1, key)``, like a padding mask.
        scale: default 1/sqrt(dim).
    Returns:
        One weighted sum of values per query; zeros where nothing is allowed.
    Raises:
        ValueError: shapes, dtypes or sizes do not fit, or the mask differs from query to query.
    Example:
        >>> q, v = torch.zeros(4, 1), torch.tensor([[0.0], [2.0], [4.0], [6.0]])
        >>> window_attention(q, q, v, before=1)[:, 0]
        tensor([0., 1., 3., 5.])

    Source: Beltagy et al. (2020), arXiv:2004.05150, section 3.1.
    Chapter: notebooks/7_efficiency/35_sparse_linear.ipynb
    """
    check_size("before", before, least=0), check_size("after", after, least=0)
    batch, seen = _check_sequences(q, k, v, mask, aligned=True)
    query, key = q.shape[-2], k.shape[-2]
    block = max(1, min(query, max(before + 1 + after, 64)))  # tiny products would waste time
    blocks = max(1, -(-query // block))
    span = before + block + after  # keys that a block of queries reaches
    fill = blocks * block - query  # queries that complete the last block
    lead, heads = math.prod(batch[:-1]), batch[-1] if batch else 1

    def cut(x: Tensor, pad: tuple[int, int], size: int) -> Tensor:
        x = x.expand(*batch, *x.shape[-2:]).reshape(lead, heads, *x.shape[-2:])
        x = F.pad(x, (0, 0, *pad)).unfold(2, size, block)  # (lead, heads, blocks, dim, size)
        return x.permute(0, 2, 1, 4, 3).flatten(0, 1)  # (lead * blocks, heads, size, dim)

    reach = (before - (key - query), after + fill)  # a negative pad crops keys nobody reaches
    real = cut(seen, reach, span).mT  # (lead * blocks, heads, 1, span); the padding is not
    if mask is None or mask.ndim < 3 or mask.shape[-3] == 1:
        real = real[:, :1]  # one mask serves all heads
    distance = before + torch.arange(block)[:, None] - torch.arange(span)  # query minus key
    near = ((distance <= before) & (distance >= -after)).to(q.device)
    q, k, v = cut(q, (0, fill), block), cut(k, reach, span), cut(v, reach, span)
    output = attention(q, k, v, mask=near & real, scale=scale)
    output = output.unflatten(0, (lead, blocks)).transpose(1, 2).flatten(2, 3)[:, :, :query]
    return output.reshape(*batch, query, v.shape[-1])


def elu_features(x: Float[Tensor, "*batch length dim"]) -> Float[Tensor, "*batch length dim"]:
    r"""Positive features for linear attention, :math:`\phi(x) = \mathrm{elu}(x) + 1`.

    Args:
        x: queries or keys.
    Returns:
        x + 1 where x is positive, e to the x elsewhere; same shape.
    Raises:
        ValueError: x is not floating point.
    Example:
        >>> elu_features(torch.tensor([[-1.0, 0.0, 2.0]]))
        tensor([[0.3679, 1.0000, 3.0000]])

    Source: Katharopoulos et al. (2020), arXiv:2006.16236, equation 7.
    Chapter: notebooks/7_efficiency/35_sparse_linear.ipynb
    """
    if not x.is_floating_point():
        raise ValueError(f"x has dtype {x.dtype}; expected floating point. Are these tokens?")
    return F.elu(x) + 1


def linear_attention(
    q: TensorQ, k: TensorK, v: TensorV, *, mask: TensorMask = None, causal: bool = False,
    features: Callable[[Tensor], Tensor] = elu_features, chunk: int = 64,
) -> TensorOut:  # fmt: skip
    r"""Attention whose scores are products of features, in time proportional to length.

    .. math:: o_i = \frac{\phi(q_i)^\top \sum_j \phi(k_j) v_j^\top}
                         {\phi(q_i)^\top \sum_j \phi(k_j)}

    The sums over keys are the same for all queries; where the attention is causal they are running
    sums, kept once per chunk, and inside a chunk the small matrix of products is built.

    Args:
        q: queries.
        k: keys.
        v: values, one row per key.
        mask: True = a key may be seen, broadcastable to ``(*batch, 1, key)``, like a padding mask.
        causal: hide what comes after each query (aligned to the lower right).
        features: phi, on the last axis; must not be negative.
        chunk: queries per chunk of the causal form; changes time and memory, not the result.
    Returns:
        One weighted sum of values per query; zeros where nothing is allowed.
    Raises:
        ValueError: shapes, dtypes or sizes do not fit, the mask differs from query to query, or
            causal with fewer keys than queries.
    Example:
        >>> q, v = torch.zeros(3, 1), torch.tensor([[0.0], [2.0], [4.0]])
        >>> linear_attention(q, q, v, causal=True)[:, 0]
        tensor([0., 1., 2.])

    Source: Katharopoulos et al. (2020), arXiv:2006.16236, equations 5 and 8.
    Chapter: notebooks/7_efficiency/35_sparse_linear.ipynb
    """
    check_size("chunk", chunk)
    _, seen = _check_sequences(q, k, v, mask, aligned=causal)
    q, k = features(q), features(k).masked_fill(~seen, 0.0)
    v = torch.cat([v, torch.ones_like(v[..., :1])], -1)  # the last column sums the weights
    sums = _causal_sums(q, k, v, chunk) if causal else q @ (k.mT @ v)
    output, total = sums[..., :-1], sums[..., -1:]
    return output / total.masked_fill(total == 0, 1.0)


def _causal_sums(q: Tensor, k: Tensor, v: Tensor, chunk: int) -> Tensor:
    """``(q @ k.mT).tril() @ v``, aligned to the lower right, without the whole product."""
    query, past = q.shape[-2], k.shape[-2] - q.shape[-2]
    state = k[..., :past, :].mT @ v[..., :past, :]  # what every query sees
    fill = max(chunk, -(-query // chunk) * chunk) - query

    def chunks(x: Tensor) -> Tensor:
        return F.pad(x, (0, 0, 0, fill)).unflatten(-2, (-1, chunk))

    q, k, v = chunks(q), chunks(k[..., past:, :]), chunks(v[..., past:, :])
    states = torch.cat([state[..., None, :, :], (k.mT @ v)[..., :-1, :, :]], -3).cumsum(-3)
    sums = (q @ k.mT).tril() @ v + q @ states  # own chunk, and all before it
    return sums.flatten(-3, -2)[..., :query, :]


# ------------------------------------------------------------------------------------- checks


def _batch(q: Any, k: Any, v: Any, *, aligned: bool) -> tuple[int, ...]:
    """The batch axes of the output, after checking q, k and v, arrays or tensors."""
    check_qkv(q, k, v)
    query, key = q.shape[-2], k.shape[-2]
    if aligned and key < query:
        raise ValueError(
            f"{query} queries but {key} keys; expected at least as many keys: the last query "
            "stands at the last key. Are q and k swapped?"
        )
    return np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])


def _check_tiled(
    q: Array, k: Array, v: Array, mask: Array | None, causal: bool, scale: float | None, tile: tuple
) -> tuple[tuple[int, ...], Array | None, float]:
    """Check what the tiled functions are given; return the batch axes, whole mask and scale."""
    batch = _batch(q, k, v, aligned=causal)
    _check_floats(q=q)
    if not isinstance(tile, tuple) or len(tile) != 2:
        raise ValueError(f"tile is {tile!r}; expected a pair of sizes, (queries, keys).")
    check_size("tile[0]", tile[0]), check_size("tile[1]", tile[1])
    if mask is not None:
        shape = (*batch, q.shape[-2], k.shape[-2])
        check_mask(mask, shape)
        mask = np.broadcast_to(mask, shape)
    # a scale of NumPy's would make float32 float64
    return batch, mask, q.shape[-1] ** -0.5 if scale is None else float(scale)


def _check_sequences(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, *, aligned: bool
) -> tuple[tuple[int, ...], Tensor]:
    """Check what the torch functions are given; return the batch axes and which keys are seen.

    The latter is ``(*batch, key, 1)``, a view.
    """
    batch, key = _batch(q, k, v, aligned=aligned), k.shape[-2]
    mask = torch.ones(1, 1, dtype=torch.bool, device=q.device) if mask is None else mask
    if mask.ndim > 1 and mask.shape[-2] != 1:
        raise ValueError(
            f"mask has shape {tuple(mask.shape)}; expected one for all queries, (..., 1, {key}). "
            "Is it causal or a window? Those are options here; for any other use attention."
        )
    check_mask(mask, (*batch, 1, key))
    return batch, mask.expand(*batch, 1, key).mT


def _check_floats(**arrays: Array) -> None:
    dtype = next(iter(arrays.values())).dtype
    for name, x in arrays.items():
        if not isinstance(x, np.ndarray) or x.dtype != dtype or dtype not in ("f4", "f8"):
            raise ValueError(
                f"{name} is {type(x).__name__} of {x.dtype}; expected NumPy arrays, all float32 or "
                "all float64. Is it a tensor (use .numpy()), or was only one cast?"
            )
