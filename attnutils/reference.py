"""Attention in plain NumPy and float64, each function with its hand-written backward.

Slow, short and obvious: these functions are what the torch modules and the learners' answers are
compared with. They follow the formulas letter by letter and need nothing but NumPy.

Formulas: q, k, v are ``(*batch, query|key, dim)``; scores and weights ``(*batch, query, key)``.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from attnutils.shapes import check_bias, check_mask, check_qkv, check_size

Array = np.ndarray


# ------------------------------------------------------------------------------------- softmax


def log_sum_exp(scores: Float[Array, "*axes"], *, axis: int = -1) -> Float[Array, "*rest"] | float:
    r"""Logarithm of a sum of exponentials, :math:`\log \sum_j e^{s_j}`, without overflow.

    Args:
        scores: any shape.
        axis: axis to sum over.
    Returns:
        ``scores`` without ``axis``.
    Raises:
        ValueError: the axis is empty.
    Example:
        >>> float(log_sum_exp(np.array([1000.0, 1000.0])).round(4))
        1000.6931

    Chapter: notebooks/2_mechanism/04_softmax.ipynb
    """
    _check_axis(scores, axis)
    top = scores.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.exp(scores - top).sum(axis=axis))


def softmax(scores: Float[Array, "*axes"], *, axis: int = -1) -> Float[Array, "*axes"]:
    r"""Positive weights that sum to one, :math:`p_i = e^{s_i} / \sum_j e^{s_j}`.

    The largest score is subtracted first: the result is the same and nothing overflows.

    Args:
        scores: any shape.
        axis: axis along which the weights sum to one.
    Returns:
        Weights of the same shape.
    Raises:
        ValueError: the axis is empty.
    Example:
        >>> softmax(np.log([8.0, 4.0, 2.0, 1.0, 1.0]))
        array([0.5   , 0.25  , 0.125 , 0.0625, 0.0625])

    Source: Bridle (1990), who named it.
    Chapter: notebooks/2_mechanism/04_softmax.ipynb
    """
    _check_axis(scores, axis)
    numerator = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return numerator / numerator.sum(axis=axis, keepdims=True)


def softmax_backward(
    weights: Float[Array, "*axes"], grad: Float[Array, "*axes"], *, axis: int = -1
) -> Float[Array, "*axes"]:
    r"""Gradient by the scores, :math:`ds = p \odot (dp - \sum_j p_j\, dp_j)`.

    Args:
        weights: what ``softmax`` returned.
        grad: gradient of the loss by these weights, same shape.
        axis: the axis ``softmax`` ran along.
    Returns:
        Gradient of the loss by the scores, same shape.
    Raises:
        ValueError: shapes differ.
    Example:
        >>> softmax_backward(np.array([0.5, 0.25, 0.25]), np.array([4.0, 0.0, 0.0]))
        array([ 1. , -0.5, -0.5])

    Chapter: notebooks/2_mechanism/04_softmax.ipynb
    """
    if weights.shape != grad.shape:
        raise ValueError(
            f"weights are {weights.shape} but grad is {grad.shape}; expected the same shape. "
            "Is grad the gradient by the output instead of by the weights?"
        )
    return weights * (grad - (weights * grad).sum(axis=axis, keepdims=True))


def masked_softmax(
    scores: Float[Array, "*batch query key"], mask: Bool[Array, "..."] | None = None
) -> Float[Array, "*batch query key"]:
    """Softmax over the allowed keys; a row with none allowed gives zeros, never NaN.

    Its backward is ``softmax_backward``: a weight of zero passes no gradient.

    Args:
        scores: before the softmax.
        mask: True = may attend, broadcastable to ``scores``; None allows all.
    Returns:
        Weights; each row sums to one, or to zero where nothing is allowed.
    Raises:
        ValueError: the mask is not boolean or does not fit.
    Example:
        >>> masked_softmax(np.zeros((2, 2)), np.array([[True, False], [False, False]]))
        array([[1., 0.],
               [0., 0.]])

    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    if mask is None:
        return softmax(scores)
    check_mask(mask, scores.shape)
    mask = np.broadcast_to(mask, scores.shape)
    allowed = np.where(mask, scores, -np.inf)
    top = allowed.max(axis=-1, keepdims=True, initial=-np.inf)
    numerator = np.where(
        mask, np.exp(np.where(mask, scores - np.where(top > -np.inf, top, 0), 0)), 0
    )
    total = numerator.sum(axis=-1, keepdims=True)
    return numerator / np.where(total > 0, total, 1)


def entropy(weights: Float[Array, "*axes"], *, axis: int = -1) -> Float[Array, "*rest"] | float:
    r"""Entropy of weights in bits, :math:`-\sum_j p_j \log_2 p_j`, with 0 log 0 = 0.

    Args:
        weights: non-negative, summing to one along ``axis``.
        axis: the axis to sum over.
    Returns:
        Bits: 0 where one weight is 1, log2(key) where all are equal.
    Raises:
        ValueError: a weight is negative, or the axis is empty.
    Example:
        >>> float(entropy(np.array([1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16])))
        1.875

    Source: Shannon (1948), "A mathematical theory of communication", section 6.
    Chapter: notebooks/2_mechanism/04_softmax.ipynb
    """
    _check_axis(weights, axis)
    if (weights < 0).any():
        raise ValueError(f"a weight is {weights.min()}; expected >= 0. Were scores passed instead?")
    positive = np.where(weights > 0, weights, 1.0)
    return (weights * -np.log2(positive)).sum(axis=axis)


# -------------------------------------------------------------------------------------- scores


def dot_scores(
    q: Float[Array, "*b query dim"], k: Float[Array, "*c key dim"]
) -> Float[Array, "*d query key"]:
    r"""Unscaled dot products, :math:`s_{ij} = q_i \cdot k_j`.

    Args:
        q: queries.
        k: keys.
    Returns:
        Scores ``(*batch, query, key)``.
    Raises:
        ValueError: dimensions or batch axes differ.
    Example:
        >>> dot_scores(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]))
        array([[11.,  2.]])

    Source: Luong et al. (2015), section 3.1, "dot".
    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    check_qkv(q, k)
    return q @ k.swapaxes(-1, -2)


def general_scores(
    q: Float[Array, "*b query query_dim"],
    k: Float[Array, "*c key key_dim"],
    weight: Float[Array, "query_dim key_dim"],
) -> Float[Array, "*d query key"]:
    r"""Bilinear scores, :math:`s_{ij} = q_i^\top W k_j`.

    Args:
        q: queries.
        k: keys; their dimension may differ from the queries'.
        weight: ``(query_dim, key_dim)``.
    Returns:
        Scores ``(*batch, query, key)``.
    Raises:
        ValueError: the weight does not fit q and k.
    Example:
        >>> general_scores(np.array([[1.0, 2.0]]), np.array([[3.0]]), np.array([[1.0], [1.0]]))
        array([[9.]])

    Source: Luong et al. (2015), section 3.1, "general".
    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    check_qkv(q, k, same_dim=False)
    if weight.shape != (q.shape[-1], k.shape[-1]):
        raise ValueError(
            f"weight is {weight.shape}; expected (query_dim, key_dim) = "
            f"({q.shape[-1]}, {k.shape[-1]}). Is it transposed?"
        )
    return q @ weight @ k.swapaxes(-1, -2)


def additive_scores(
    q: Float[Array, "*b query query_dim"],
    k: Float[Array, "*c key key_dim"],
    query_weight: Float[Array, "hidden query_dim"],
    key_weight: Float[Array, "hidden key_dim"],
    v: Float[Array, " hidden"],
) -> Float[Array, "*d query key"]:
    r"""Additive scores, :math:`s_{ij} = v^\top \tanh(W q_i + U k_j)`.

    Args:
        q: queries.
        k: keys.
        query_weight: W, ``(hidden, query_dim)`` as a linear layer stores it.
        key_weight: U, ``(hidden, key_dim)``.
        v: ``(hidden,)``.
    Returns:
        Scores ``(*batch, query, key)``. Memory: key times query times hidden numbers.
    Raises:
        ValueError: a weight does not fit.
    Example:
        >>> one = np.ones((1, 1))
        >>> additive_scores(one, -one, one, one, np.ones(1))
        array([[0.]])

    Source: Bahdanau et al. (2015), section A.1.2.
    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    check_qkv(q, k, same_dim=False)
    for name, weight, x in (("query_weight", query_weight, q), ("key_weight", key_weight, k)):
        if weight.shape != (v.shape[0], x.shape[-1]):
            raise ValueError(
                f"{name} is {weight.shape}; expected (hidden, dim) = "
                f"({v.shape[0]}, {x.shape[-1]}). Is it transposed?"
            )
    hidden = (q @ query_weight.T)[..., :, None, :] + (k @ key_weight.T)[..., None, :, :]
    return np.tanh(hidden) @ v  # hidden: (*batch, query, key, hidden)


def cosine_scores(
    q: Float[Array, "*b query dim"], k: Float[Array, "*c key dim"], *, temperature: float = 1.0
) -> Float[Array, "*d query key"]:
    r"""Cosine of the angle between query and key, over a temperature.

    :math:`s_{ij} = \cos(q_i, k_j) / \tau`; a zero vector scores zero.

    Args:
        q: queries.
        k: keys.
        temperature: tau, > 0; smaller is sharper.
    Returns:
        Scores in [-1/tau, 1/tau].
    Raises:
        ValueError: dimensions differ or the temperature is not positive.
    Example:
        >>> cosine_scores(np.array([[3.0, 0.0]]), np.array([[5.0, 0.0], [0.0, 1.0]]))
        array([[1., 0.]])

    Source: Graves et al. (2014), equation 6.
    Chapter: notebooks/1_intuition/01_soft_lookup.ipynb
    """
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}; expected > 0.")
    return dot_scores(_unit(q), _unit(k)) / temperature


# ----------------------------------------------------------------------------------- attention


def attention_weights(
    q: Float[Array, "*b query dim"],
    k: Float[Array, "*c key key_dim"],
    *,
    mask: Bool[Array, "..."] | None = None,
    causal: bool = False,
    bias: Float[Array, "..."] | None = None,
    scale: float | None = None,
    score: Callable[[Array, Array], Array] = dot_scores,
) -> Float[Array, "*d query key"]:
    """Weights of attention, ``softmax(scale * score(q, k) + bias)``.

    Args:
        q: queries.
        k: keys.
        mask: True = may attend, broadcastable to the scores.
        causal: also hide what comes after each query (aligned to the lower right).
        bias: added to the scaled scores.
        scale: default 1/sqrt(dim) for dot products, 1 for any other score.
        score: function of q and k.
    Returns:
        Weights ``(*batch, query, key)``.
    Raises:
        ValueError: shapes or the mask do not fit.
    Example:
        >>> attention_weights(np.zeros((1, 4)), np.ones((4, 4)))
        array([[0.25, 0.25, 0.25, 0.25]])

    Source: Vaswani et al. (2017), equation 1.
    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    if scale is None:
        scale = q.shape[-1] ** -0.5 if score is dot_scores else 1.0
    scores = score(q, k) * scale
    if bias is not None:
        check_bias(bias, scores.shape)
        scores = scores + bias
    if causal:
        future = causal_mask(*scores.shape[-2:])
        mask = future if mask is None else mask & future
    return masked_softmax(scores, mask)


def attention(
    q: Float[Array, "*b query dim"],
    k: Float[Array, "*c key dim"],
    v: Float[Array, "*c key value_dim"],
    *,
    mask: Bool[Array, "..."] | None = None,
    causal: bool = False,
    bias: Float[Array, "..."] | None = None,
    scale: float | None = None,
) -> Float[Array, "*d query value_dim"]:
    r"""Scaled dot-product attention, :math:`\mathrm{softmax}(QK^\top/\sqrt{d_k})\,V`.

    Args:
        q: queries.
        k: keys.
        v: values, one row per key.
        mask, causal, bias, scale: as in ``attention_weights``.
    Returns:
        One weighted sum of values per query.
    Raises:
        ValueError: shapes or the mask do not fit.
    Example:
        >>> attention(np.zeros((1, 2)), np.ones((2, 2)), np.array([[0.0, 4.0], [2.0, 0.0]]))
        array([[1., 2.]])

    Source: Vaswani et al. (2017), equation 1.
    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    check_qkv(q, k, v)
    return attention_weights(q, k, mask=mask, causal=causal, bias=bias, scale=scale) @ v


def attention_backward(
    q: Float[Array, "*batch query dim"],
    k: Float[Array, "*batch key dim"],
    v: Float[Array, "*batch key value_dim"],
    grad: Float[Array, "*batch query value_dim"],
    *,
    mask: Bool[Array, "..."] | None = None,
    causal: bool = False,
    bias: Float[Array, "..."] | None = None,
    scale: float | None = None,
) -> tuple[
    Float[Array, "*batch query dim"],
    Float[Array, "*batch key dim"],
    Float[Array, "*batch key value_dim"],
]:
    r"""Gradients of ``attention`` by q, k and v.

    :math:`dV = A^\top dO`, :math:`dA = dO\,V^\top`,
    :math:`dS = A \odot (dA - \mathrm{rowsum}(A \odot dA))`,
    :math:`dQ = dS\,K/\sqrt{d_k}`, :math:`dK = dS^\top Q/\sqrt{d_k}`.

    Args:
        q, k, v: what ``attention`` was given; here all with the same batch axes.
        grad: gradient of the loss by its output.
        mask, causal, bias, scale: what ``attention`` was given.
    Returns:
        ``(dq, dk, dv)``, each shaped like its input.
    Raises:
        ValueError: shapes or the mask do not fit.
    Example:
        >>> one = np.ones((1, 1))
        >>> attention_backward(one, one, one, one)[2]
        array([[1.]])

    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    check_qkv(q, k, v)
    expected = (*q.shape[:-1], v.shape[-1])
    if grad.shape != expected:
        raise ValueError(f"grad is {grad.shape}; expected the shape of the output, {expected}.")
    weights = attention_weights(q, k, mask=mask, causal=causal, bias=bias, scale=scale)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    dscores = softmax_backward(weights, grad @ v.swapaxes(-1, -2)) * scale
    return dscores @ k, dscores.swapaxes(-1, -2) @ q, weights.swapaxes(-1, -2) @ grad


# --------------------------------------------------------------------------------------- masks


def causal_mask(query: int, key: int | None = None) -> Bool[Array, "query key"]:
    """Mask that lets each query see itself and what came before, aligned to the lower right.

    Args:
        query: number of queries.
        key: number of keys, at least ``query``; default the same.
    Returns:
        True where query i may attend to key j: ``j <= i + key - query``.
    Raises:
        ValueError: fewer keys than queries.
    Example:
        >>> causal_mask(2, 3).astype(int)
        array([[1, 1, 0],
               [1, 1, 1]])

    Source: Vaswani et al. (2017), section 3.2.3.
    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    key = query if key is None else key
    check_size("query", query, least=0)
    if key < query:
        raise ValueError(
            f"causal mask for {query} queries and {key} keys; expected at least as many keys. "
            "Are the two sizes swapped?"
        )
    return np.tri(query, key, key - query, dtype=bool)


def padding_mask(lengths: Int[Array, " batch"], key: int) -> Bool[Array, "batch 1 1 key"]:
    """Mask that hides the padding after each sequence of a batch.

    Args:
        lengths: number of real keys of each sequence, ``(batch,)``.
        key: length of the padded batch.
    Returns:
        True where a key is real; the axes for heads and queries have size 1.
    Raises:
        ValueError: a length is negative or exceeds ``key``.
    Example:
        >>> padding_mask(np.array([1, 3]), 3)[:, 0, 0].astype(int)
        array([[1, 0, 0],
               [1, 1, 1]])

    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    if lengths.size and not 0 <= lengths.min() <= lengths.max() <= key:
        raise ValueError(
            f"lengths run from {lengths.min()} to {lengths.max()}; expected 0 to {key}, "
            "the padded length. Were the lengths taken before truncation?"
        )
    return (np.arange(key) < lengths[:, None])[:, None, None, :]


# -------------------------------------------------------------------------------------- heads


def split_heads(
    x: Float[Array, "*batch length dim"], num_heads: int
) -> Float[Array, "*batch {num_heads} length dim//{num_heads}"]:
    """Cut the last axis into heads and move them before the length.

    Args:
        x: ``(*batch, length, dim)``.
        num_heads: must divide dim.
    Returns:
        ``(*batch, heads, length, head_dim)``.
    Raises:
        ValueError: num_heads does not divide dim.
    Example:
        >>> split_heads(np.arange(4.0).reshape(1, 1, 4), 2).tolist()
        [[[[0.0, 1.0]], [[2.0, 3.0]]]]

    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    check_size("num_heads", num_heads)
    *batch, length, dim = x.shape
    if dim % num_heads:
        raise ValueError(f"dim {dim} is not divisible by num_heads {num_heads}.")
    heads = x.reshape(*batch, length, num_heads, dim // num_heads)
    return heads.swapaxes(-2, -3)


def merge_heads(
    x: Float[Array, "*batch heads length head_dim"],
) -> Float[Array, "*batch length dim"]:
    """Undo ``split_heads``.

    Args:
        x: ``(*batch, heads, length, head_dim)``.
    Returns:
        ``(*batch, length, heads * head_dim)``.
    Raises:
        ValueError: fewer than three axes.
    Example:
        >>> x = np.arange(6.0).reshape(1, 1, 6)
        >>> bool((merge_heads(split_heads(x, 3)) == x).all())
        True

    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    if x.ndim < 3:
        raise ValueError(f"x has shape {x.shape}; expected (..., heads, length, head_dim).")
    *batch, heads, length, head_dim = x.shape
    return x.swapaxes(-2, -3).reshape(*batch, length, heads * head_dim)


# -------------------------------------------------------------------------------------- within


def _check_axis(scores: Array, axis: int) -> None:
    if scores.ndim == 0 or scores.shape[axis] == 0:
        raise ValueError(
            f"scores have shape {scores.shape}; expected at least one along axis {axis}: "
            "there is no weight to give where there is nothing to attend to."
        )


def _unit(x: Array) -> Array:
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(norm > 0, norm, 1)
