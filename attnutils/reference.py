"""Attention, norms and feed-forward in plain NumPy and float64, with hand-written backward.

Slow, short and obvious: these functions are what the torch modules and the learners' answers are
compared with. They follow the formulas letter by letter and need nothing but NumPy.

Formulas: q, k, v are ``(*batch, query|key, dim)``; scores and weights ``(*batch, query, key)``. A
name such as ``dx`` is the gradient of the loss by x.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from attnutils import shapes

Array = np.ndarray
Numbers = Float[Array, "*axes"]
Reduced = Float[Array, "*rest"] | float
Queries = Float[Array, "*b query query_dim"]
Keys = Float[Array, "*c key key_dim"]
Values = Float[Array, "*c key value_dim"]
Weights = Float[Array, "*d query key"]
Output = Float[Array, "*d query value_dim"]
Mask = Bool[Array, "..."] | None
Bias = Float[Array, "..."] | None
Rows = Float[Array, "*batch dim"]
Outs = Float[Array, "*batch out"]
Matrix = Float[Array, "out dim"]
Vector = Float[Array, " dim"]


# ------------------------------------------------------------------------------------- softmax


def log_sum_exp(scores: Numbers, *, axis: int = -1) -> Reduced:
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

    Source: Blanchard et al. (2021), arXiv:1909.03469, section 1.
    Chapter: notebooks/2_mechanism/04_softmax.ipynb
    """
    _check_axis(scores, axis)
    top = scores.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.exp(scores - top).sum(axis=axis))


def softmax(scores: Numbers, *, axis: int = -1) -> Numbers:
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


def softmax_backward(weights: Numbers, grad: Numbers, *, axis: int = -1) -> Numbers:
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

    Source: Bridle (1990).
    Chapter: notebooks/2_mechanism/04_softmax.ipynb
    """
    _check_axis(weights, axis)
    shapes.check_shape(
        "grad", grad, weights.shape, "Is it the gradient by the output, not the weights?"
    )
    return weights * (grad - (weights * grad).sum(axis=axis, keepdims=True))


def masked_softmax(scores: Weights, mask: Mask = None) -> Weights:
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

    Source: this book.
    Chapter: notebooks/2_mechanism/07_masks.ipynb
    """
    if mask is None:
        return softmax(scores)
    shapes.check_mask(mask, scores.shape)
    allowed = np.where(mask, scores, -np.inf)
    top = allowed.max(axis=-1, keepdims=True, initial=-np.inf)
    numerator = np.exp(allowed - np.where(top > -np.inf, top, 0))  # exp(-inf) = 0
    total = numerator.sum(axis=-1, keepdims=True)
    return numerator / np.where(total > 0, total, 1)


def entropy(weights: Numbers, *, axis: int = -1) -> Reduced:
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


def dot_scores(q: Queries, k: Keys) -> Weights:
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
    Chapter: notebooks/2_mechanism/05_scores.ipynb
    """
    shapes.check_qkv(q, k)
    return q @ k.swapaxes(-1, -2)


def general_scores(q: Queries, k: Keys, weight: Float[Array, "query_dim key_dim"]) -> Weights:
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
    Chapter: notebooks/2_mechanism/05_scores.ipynb
    """
    shapes.check_qkv(q, k, same_dim=False)
    shapes.check_shape("weight", weight, (q.shape[-1], k.shape[-1]), "Is it transposed?")
    return q @ weight @ k.swapaxes(-1, -2)


def additive_scores(
    q: Queries, k: Keys, query_weight: Float[Array, "hidden query_dim"],
    key_weight: Float[Array, "hidden key_dim"], v: Float[Array, " hidden"],
) -> Weights:  # fmt: skip
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
    Chapter: notebooks/2_mechanism/05_scores.ipynb
    """
    shapes.check_qkv(q, k, same_dim=False)
    shapes.check_shape("query_weight", query_weight, (len(v), q.shape[-1]), "Is it transposed?")
    shapes.check_shape("key_weight", key_weight, (len(v), k.shape[-1]), "Is it transposed?")
    hidden = (q @ query_weight.T)[..., :, None, :] + (k @ key_weight.T)[..., None, :, :]
    return np.tanh(hidden) @ v  # hidden: (*batch, query, key, hidden)


def cosine_scores(q: Queries, k: Keys, *, temperature: float = 1.0) -> Weights:
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
    q: Queries, k: Keys, *, mask: Mask = None, causal: bool = False, bias: Bias = None,
    scale: float | None = None, score: Callable[[Array, Array], Array] = dot_scores,
) -> Weights:  # fmt: skip
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
        shapes.check_bias(bias, scores.shape)
        scores = scores + bias
    if causal:
        past = causal_mask(*scores.shape[-2:])
        mask = past if mask is None else mask & past
    return masked_softmax(scores, mask)


def attention(
    q: Queries, k: Keys, v: Values, *, mask: Mask = None, causal: bool = False, bias: Bias = None,
    scale: float | None = None,
) -> Output:  # fmt: skip
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
    shapes.check_qkv(q, k, v)
    return attention_weights(q, k, mask=mask, causal=causal, bias=bias, scale=scale) @ v


def attention_backward(
    q: Queries, k: Keys, v: Values, grad: Output, *, mask: Mask = None, causal: bool = False,
    bias: Bias = None, scale: float | None = None,
) -> tuple[Queries, Keys, Values]:  # fmt: skip
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

    Source: Dao et al. (2022), arXiv:2205.14135, section B.2.
    Chapter: notebooks/2_mechanism/08_backward.ipynb
    """
    shapes.check_qkv(q, k, v)
    batch = q.shape[:-2]
    shapes.check_shape("k", k, (*batch, "key", "dim"), "Broadcast it to the batch axes of q first.")
    shapes.check_shape("v", v, (*batch, "key", "dim"), "Broadcast it to the batch axes of q first.")
    shapes.check_shape(
        "grad", grad, (*q.shape[:-1], v.shape[-1]), "Is it the gradient by the output?"
    )
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
    Chapter: notebooks/2_mechanism/07_masks.ipynb
    """
    key = query if key is None else key
    shapes.check_size("query", query, least=0)
    if key < query:
        sizes = f"{query} queries and {key} keys"
        raise ValueError(f"{sizes}; expected at least as many keys. Are they swapped?")
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

    Source: this book.
    Chapter: notebooks/2_mechanism/07_masks.ipynb
    """
    if lengths.size and not 0 <= lengths.min() <= lengths.max() <= key:
        raise ValueError(
            f"lengths run from {lengths.min()} to {lengths.max()}; expected 0 to {key}, the "
            "padded length. Were they taken before truncation?"
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

    Source: Vaswani et al. (2017), section 3.2.2.
    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    *rows, dim = x.shape
    if dim % shapes.check_size("num_heads", num_heads):
        raise ValueError(f"dim {dim} is not divisible by num_heads {num_heads}.")
    return x.reshape(*rows, num_heads, dim // num_heads).swapaxes(-2, -3)


def merge_heads(x: Float[Array, "*batch heads length head_dim"]) -> Float[Array, "*d length dim"]:
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

    Source: Vaswani et al. (2017), section 3.2.2.
    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    shapes.check_shape("x", x, ("...", "heads", "length", "head_dim"), "Is it split into heads?")
    *rows, heads, head_dim = x.swapaxes(-2, -3).shape
    return x.swapaxes(-2, -3).reshape(*rows, heads * head_dim)


def multi_head_attention(
    x: Float[Array, "*b query dim"], memory: Float[Array, "*c key memory_dim"],
    weights: Sequence[Float[Array, "..."]], biases: Sequence[Float[Array, "..."]], *,
    num_heads: int, mask: Mask = None, causal: bool = False,
) -> Float[Array, "*d query out"]:  # fmt: skip
    r"""Several attentions side by side, each on its own projections, joined and projected.

    Args:
        x: what asks, ``(*batch, query, dim)``.
        memory: what is read, ``(*batch, key, memory_dim)``; x itself in self-attention.
        weights: of query, key, value and output, each ``(out, in)`` as a linear layer stores it.
        biases: of the same four, each ``(out,)``.
        num_heads: divides what the first three project to.
        mask: True = may attend, broadcastable to ``(*batch, heads, query, key)``.
        causal: hide what comes after each query (aligned to the lower right).
    Returns:
        ``(*batch, query, out)``.
    Raises:
        ValueError: there are not four of each, or shapes or the mask do not fit.
    Example:
        >>> x, eye, zeros = np.zeros((3, 4)), [np.eye(4)] * 4, [np.zeros(4)] * 4
        >>> multi_head_attention(x, x + 5, eye, zeros, num_heads=2)[0]
        array([5., 5., 5., 5.])

    Source: Vaswani et al. (2017), section 3.2.2.
    Chapter: notebooks/5_transformer/23_multi_head.ipynb
    """
    q, k, v = _project(x, memory, weights, biases, num_heads)
    heads = attention(q, k, v, mask=mask, causal=causal)
    return linear(merge_heads(heads), weights[3], biases[3])


def multi_head_attention_backward(
    x: Float[Array, "*b query dim"], memory: Float[Array, "*b key memory_dim"],
    weights: Sequence[Float[Array, "..."]], biases: Sequence[Float[Array, "..."]],
    grad: Float[Array, "*b query out"], *, num_heads: int, mask: Mask = None, causal: bool = False,
) -> tuple[Array, Array, list[Array], list[Array]]:  # fmt: skip
    """Gradients of ``multi_head_attention``, step by step backwards.

    Args:
        x, memory, weights, biases: what the forward was given; here with the same batch axes.
        grad: gradient of the loss by its output.
        num_heads, mask, causal: what the forward was given.
    Returns:
        ``(dx, dmemory, dweights, dbiases)``, the last two lists of four. In self-attention the
        gradient by the input is ``dx + dmemory``.
    Raises:
        ValueError: there are not four of each, or shapes or the mask do not fit.
    Example:
        >>> x, eye, zeros = np.ones((1, 4)), [np.eye(4)] * 4, [np.zeros(4)] * 4
        >>> dx, dmemory, *_ = multi_head_attention_backward(x, x, eye, zeros, x, num_heads=2)
        >>> dx, dmemory  # one key: its value passes, whatever the query
        (array([[0., 0., 0., 0.]]), array([[1., 1., 1., 1.]]))

    Source: Vaswani et al. (2017), section 3.2.2.
    Chapter: notebooks/5_transformer/23_multi_head.ipynb
    """
    q, k, v = _project(x, memory, weights, biases, num_heads)
    options = {"mask": mask, "causal": causal}
    joined = merge_heads(attention(q, k, v, **options))
    djoined, *doutput = linear_backward(joined, weights[3], grad)
    dheads = attention_backward(q, k, v, split_heads(djoined, num_heads), **options)
    (dx, *dquery), (dkeys, *dkey), (dvalues, *dvalue) = (
        linear_backward(source, weight, merge_heads(d))
        for source, weight, d in zip((x, memory, memory), weights, dheads)
    )
    dweights, dbiases = zip(dquery, dkey, dvalue, doutput)
    return dx, dkeys + dvalues, list(dweights), list(dbiases)


# ---------------------------------------------------------------------- linear layers and norms


def linear(x: Rows, weight: Matrix, bias: Float[Array, " out"]) -> Outs:
    r"""A linear layer, :math:`y = W x + b` for each row.

    Args:
        x: ``(*batch, dim)``.
        weight: W, ``(out, dim)``.
        bias: b, ``(out,)``.
    Returns:
        ``(*batch, out)``.
    Raises:
        ValueError: the weight or the bias does not fit.
    Example:
        >>> linear(np.array([[1.0, 2.0]]), np.array([[1.0, 1.0]]), np.array([0.5]))
        array([[3.5]])

    Source: Rumelhart et al. (1986), equation 1.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """
    shapes.check_shape("weight", weight, ("out", x.shape[-1]), "Is it transposed?")
    shapes.check_shape("bias", bias, (len(weight),), "Does it belong to another layer?")
    return x @ weight.T + bias


def linear_backward(
    x: Rows, weight: Matrix, grad: Outs
) -> tuple[Rows, Matrix, Float[Array, " out"]]:
    r"""Gradients of ``linear``: :math:`dx = W^\top dy`, :math:`dW = \sum dy\, x^\top`.

    Args:
        x, weight: what ``linear`` was given.
        grad: dy, the gradient of the loss by its output.
    Returns:
        ``(dx, dweight, dbias)``; the bias's is the sum of dy over all rows.
    Raises:
        ValueError: shapes do not fit.
    Example:
        >>> linear_backward(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([[1.0]]))
        (array([[3., 4.]]), array([[1., 2.]]), array([1.]))

    Source: Rumelhart et al. (1986), equations 6 and 7.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """
    shapes.check_shape("weight", weight, ("out", x.shape[-1]), "Is it transposed?")
    shapes.check_shape(
        "grad", grad, (*x.shape[:-1], len(weight)), "Is it the gradient by the output?"
    )
    return grad @ weight, _rows(grad).T @ _rows(x), _rows(grad).sum(0)


def rms_norm(x: Rows, weight: Vector, *, eps: float = 1e-6) -> Rows:
    r"""Each row divided by its root mean square, then scaled by the weight.

    :math:`y = w \odot x / \sqrt{\overline{x^2} + \epsilon}`.

    Args:
        x: ``(*batch, dim)``.
        weight: w, ``(dim,)``.
        eps: keeps a row of zeros from being divided by zero.
    Returns:
        ``(*batch, dim)``.
    Raises:
        ValueError: the weight does not fit.
    Example:
        >>> rms_norm(np.array([[1.0, -1.0, 7.0, 7.0]]), np.ones(4)).round(4)
        array([[ 0.2, -0.2,  1.4,  1.4]])

    Source: Zhang and Sennrich (2019), arXiv:1910.07467, equation 4.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """
    shapes.check_shape("weight", weight, x.shape[-1:], "Was it made for another dim?")
    return weight * x / np.sqrt((x**2).mean(-1, keepdims=True) + eps)


def rms_norm_backward(
    x: Rows, weight: Vector, grad: Rows, *, eps: float = 1e-6
) -> tuple[Rows, Vector]:
    r"""Gradients of ``rms_norm``.

    With :math:`r` the root and :math:`n = x / r`: :math:`dn = w \odot dy`,
    :math:`dx = (dn - n\,\overline{n \odot dn}) / r`, :math:`dw = \sum n \odot dy`.

    Args:
        x, weight, eps: what ``rms_norm`` was given.
        grad: dy, the gradient of the loss by its output.
    Returns:
        ``(dx, dweight)``.
    Raises:
        ValueError: shapes do not fit.
    Example:
        >>> one = np.ones((1, 2))
        >>> dx, dweight = rms_norm_backward(one, np.ones(2), one)
        >>> dx.round(4), dweight.round(4)  # a longer row gives the same
        (array([[0., 0.]]), array([1., 1.]))

    Source: Zhang and Sennrich (2019), arXiv:1910.07467, section 4.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """
    shapes.check_shape("weight", weight, x.shape[-1:], "Was it made for another dim?")
    shapes.check_shape("grad", grad, x.shape, "Is it the gradient by the output?")
    root = np.sqrt((x**2).mean(-1, keepdims=True) + eps)
    normal, dnormal = x / root, weight * grad
    dx = (dnormal - normal * (normal * dnormal).mean(-1, keepdims=True)) / root
    return dx, _rows(normal * grad).sum(0)


def layer_norm(x: Rows, weight: Vector, bias: Vector, *, eps: float = 1e-5) -> Rows:
    r"""Each row shifted to mean 0 and scaled to variance 1, then by weight and bias.

    :math:`y = w \odot (x - \bar x) / \sqrt{\mathrm{var}(x) + \epsilon} + b`: ``rms_norm`` of what
    is left when the mean is taken away, plus a bias.

    Args:
        x: ``(*batch, dim)``.
        weight: w, ``(dim,)``.
        bias: b, ``(dim,)``.
        eps: keeps a constant row from being divided by zero.
    Returns:
        ``(*batch, dim)``.
    Raises:
        ValueError: weight or bias do not fit.
    Example:
        >>> layer_norm(np.array([[1.0, 3.0]]), np.ones(2), np.array([10.0, 10.0])).round(4)
        array([[ 9., 11.]])

    Source: Ba et al. (2016), arXiv:1607.06450, equation 4.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """
    shapes.check_shape("bias", bias, x.shape[-1:], "Was it made for another dim?")
    return rms_norm(_centered(x), weight, eps=eps) + bias


def layer_norm_backward(
    x: Rows, weight: Vector, grad: Rows, *, eps: float = 1e-5
) -> tuple[Rows, Vector, Vector]:
    r"""Gradients of ``layer_norm``: that of ``rms_norm``, centered as the row was.

    Taking the mean away is symmetric, and so its own backward: :math:`dx = dc - \overline{dc}`.

    Args:
        x, weight, eps: what ``layer_norm`` was given.
        grad: gradient of the loss by its output.
    Returns:
        ``(dx, dweight, dbias)``.
    Raises:
        ValueError: shapes do not fit.
    Example:
        >>> x, grad = np.array([[0.0, 1.0, 5.0]]), np.array([[2.0, 0.0, 0.0]])
        >>> dx, dweight, dbias = layer_norm_backward(x, np.ones(3), grad)
        >>> dx.round(4), dbias  # a shift of the row would change nothing: dx sums to 0
        (array([[ 0.3527, -0.4409,  0.0882]]), array([2., 0., 0.]))

    Source: Ba et al. (2016), arXiv:1607.06450, section 3.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """
    dcentered, dweight = rms_norm_backward(_centered(x), weight, grad, eps=eps)
    return _centered(dcentered), dweight, _rows(grad).sum(0)


# --------------------------------------------------------------------------------- feed-forward


def gelu(x: Numbers, *, approximate: str = "none") -> Numbers:
    r"""A soft gate on each number, :math:`x\,\Phi(x)` with Φ the normal distribution function.

    ``"tanh"`` is the form of GPT-2,
    :math:`\tfrac{x}{2} (1 + \tanh(\sqrt{2/\pi}\,(x + 0.044715\,x^3)))`.

    Args:
        x: any shape.
        approximate: "none" or "tanh", as in ``torch.nn.functional.gelu``.
    Returns:
        The same shape.
    Raises:
        ValueError: another form.
    Example:
        >>> gelu(np.array([-1.0, 0.0, 2.0])).round(4)
        array([-0.1587,  0.    ,  1.9545])

    Source: Hendrycks and Gimpel (2016), arXiv:1606.08415, section 2.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """
    return x * _gate(x, approximate)[0]


def gelu_backward(x: Numbers, grad: Numbers, *, approximate: str = "none") -> Numbers:
    r"""Gradient of ``gelu``, :math:`dx = dy \odot (\Phi(x) + x\,\Phi'(x))`.

    Args:
        x, approximate: what ``gelu`` was given.
        grad: dy, the gradient of the loss by its output.
    Returns:
        Gradient of the loss by x.
    Raises:
        ValueError: another form, or shapes differ.
    Example:
        >>> gelu_backward(np.array([0.0, 9.0]), np.array([1.0, 1.0])).round(4)
        array([0.5, 1. ])

    Source: Hendrycks and Gimpel (2016), arXiv:1606.08415, section 2.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """
    if grad.shape != x.shape:
        raise ValueError(f"grad has shape {grad.shape}; expected that of x, {x.shape}.")
    gate, slope = _gate(x, approximate)
    return grad * (gate + x * slope)


def feed_forward(
    x: Rows, up_weight: Float[Array, "hidden dim"], up_bias: Float[Array, " hidden"],
    down_weight: Float[Array, "dim hidden"], down_bias: Vector, *, approximate: str = "none",
) -> Rows:  # fmt: skip
    r"""Two linear layers with a GELU between, at each position alone.

    :math:`y = W_2\,\mathrm{gelu}(W_1 x + b_1) + b_2`.

    Args:
        x: ``(*batch, dim)``.
        up_weight: W₁, ``(hidden, dim)``.
        up_bias: b₁, ``(hidden,)``.
        down_weight: W₂, ``(dim, hidden)``.
        down_bias: b₂, ``(dim,)``.
        approximate: form of the GELU, "none" or "tanh".
    Returns:
        ``(*batch, dim)``.
    Raises:
        ValueError: a weight or bias does not fit, or another form of the GELU.
    Example:
        >>> up, down = np.ones((2, 1)), np.ones((1, 2))
        >>> feed_forward(np.array([[9.0]]), up, np.zeros(2), down, np.ones(1))
        array([[19.]])

    Source: Vaswani et al. (2017), section 3.3, there with a ReLU.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """
    hidden = gelu(linear(x, up_weight, up_bias), approximate=approximate)
    return linear(hidden, down_weight, down_bias)


def feed_forward_backward(
    x: Rows, up_weight: Float[Array, "hidden dim"], up_bias: Float[Array, " hidden"],
    down_weight: Float[Array, "dim hidden"], grad: Rows, *, approximate: str = "none",
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """Gradients of ``feed_forward``, step by step backwards.

    Args:
        x, up_weight, up_bias, down_weight, approximate: what ``feed_forward`` was given.
        grad: gradient of the loss by its output.
    Returns:
        ``(dx, dup_weight, dup_bias, ddown_weight, ddown_bias)``.
    Raises:
        ValueError: shapes do not fit, or another form of the GELU.
    Example:
        >>> one = np.ones((1, 1))
        >>> dx, *_ = feed_forward_backward(9 * one, one, np.zeros(1), 2 * one, one)
        >>> dx.round(4)
        array([[2.]])

    Source: Vaswani et al. (2017), section 3.3, there with a ReLU.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """
    up = linear(x, up_weight, up_bias)
    dhidden, *ddown = linear_backward(gelu(up, approximate=approximate), down_weight, grad)
    dx, *dup = linear_backward(x, up_weight, gelu_backward(up, dhidden, approximate=approximate))
    return dx, *dup, *ddown


# -------------------------------------------------------------------------------------- within


def _check_axis(scores: Array, axis: int) -> None:
    if scores.ndim == 0 or scores.shape[axis] == 0:
        expected = f"expected at least one along axis {axis}, else there is nothing to attend to"
        raise ValueError(f"scores have shape {scores.shape}; {expected}.")


def _unit(x: Array) -> Array:
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(norm > 0, norm, 1)


def _rows(x: Array) -> Array:
    """(*batch, dim) -> (rows, dim), to sum over all rows."""
    return x.reshape(-1, x.shape[-1])


def _centered(x: Array) -> Array:
    return x - x.mean(-1, keepdims=True)


def _project(
    x: Array, memory: Array, weights: Sequence[Array], biases: Sequence[Array], num_heads: int
) -> list[Array]:
    """Queries, keys and values, (*batch, heads, length, head_dim) each."""
    if len(weights) != 4 or len(biases) != 4:
        given = f"{len(weights)} weights and {len(biases)} biases"
        raise ValueError(f"{given}; expected four each: query, key, value, output.")
    projections = zip((x, memory, memory), weights, biases)
    return [split_heads(linear(*projection), num_heads) for projection in projections]


def _gate(x: Array, approximate: str) -> tuple[Array, Array]:
    """What ``gelu`` multiplies x with, and the slope of that."""
    if shapes.check_choice("approximate", approximate, ("none", "tanh")) == "none":
        gate = (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2))) / 2
        return gate, np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    tanh = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    return (1 + tanh) / 2, (1 - tanh**2) * math.sqrt(2 / math.pi) * (1 + 0.134145 * x**2) / 2
