"""Attention as functions of torch tensors: scores, weights, and the fused kernel.

``attention_weights`` shows every step; ``attention`` leaves the same computation to PyTorch. Where
a fused kernel fits, it never holds the weights: on the processor for three or four axes, equal
batch axes, values as wide as keys, and no dropout. All follow the dtype and device of their inputs.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from attnutils.masks import causal_mask
from attnutils.shapes import check_bias, check_mask, check_probability, check_qkv

Queries = Float[Tensor, "*b query query_dim"]
Keys = Float[Tensor, "*c key key_dim"]
Values = Float[Tensor, "*c key value_dim"]
Weights = Float[Tensor, "*d query key"]
Mask = Bool[Tensor, "..."] | None
Bias = Float[Tensor, "..."] | None


def masked_softmax(scores: Weights, mask: Mask = None) -> Weights:
    """Softmax over the allowed keys; a row with none allowed gives zeros, never NaN.

    That holds for the gradient too. The scores are left as they were.

    Args:
        scores: before the softmax.
        mask: True = may attend, broadcastable to ``scores``; None allows all.
    Returns:
        Weights; each row sums to one, or to zero where nothing is allowed.
    Raises:
        ValueError: the mask is not boolean or does not fit.
    Example:
        >>> masked_softmax(torch.zeros(2, 2), torch.tensor([[True, False], [False, False]]))
        tensor([[1., 0.],
                [0., 0.]])

    Source: this book; PyTorch's softmax gives NaN in such a row.
    Chapter: notebooks/2_mechanism/07_masks.ipynb
    """
    if mask is None:
        return scores.softmax(-1)
    check_mask(mask, scores.shape)
    empty = ~mask.any(-1, keepdim=True)
    # softmax of a row of -inf is NaN, forward and backward: give such a row finite scores first
    scores = scores.masked_fill(~mask, float("-inf")).masked_fill(empty, 0.0)
    return scores.softmax(-1).masked_fill(empty, 0.0)


def dot_scores(q: Queries, k: Keys) -> Weights:
    r"""Unscaled dot products, :math:`s_{ij} = q_i \cdot k_j`.

    Args:
        q: queries.
        k: keys.
    Returns:
        Scores ``(*batch, query, key)``.
    Raises:
        ValueError: dimensions, batch axes or dtypes differ.
    Example:
        >>> dot_scores(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[11.,  2.]])

    Source: Luong et al. (2015), section 3.1, "dot".
    Chapter: notebooks/2_mechanism/05_scores.ipynb
    """
    check_qkv(q, k)
    return q @ k.mT


def general_scores(q: Queries, k: Keys, weight: Float[Tensor, "query_dim key_dim"]) -> Weights:
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
        >>> general_scores(torch.ones(1, 2), torch.ones(1, 1), torch.tensor([[1.0], [2.0]]))
        tensor([[3.]])

    Source: Luong et al. (2015), section 3.1, "general".
    Chapter: notebooks/2_mechanism/05_scores.ipynb
    """
    check_qkv(q, k, same_dim=False)
    if weight.shape != (q.shape[-1], k.shape[-1]):
        raise ValueError(
            f"weight is {tuple(weight.shape)}; expected (query_dim, key_dim) = "
            f"({q.shape[-1]}, {k.shape[-1]}). Is it transposed?"
        )
    return q @ weight @ k.mT


def additive_scores(
    q: Float[Tensor, "*b query hidden"],
    k: Float[Tensor, "*c key hidden"],
    v: Float[Tensor, " hidden"],
) -> Weights:
    r"""Additive scores of *projected* queries and keys, :math:`s_{ij} = v^\top \tanh(q_i + k_j)`.

    Queries and keys come projected (W q and U k in the paper), so that a decoder can project the
    keys once and not at every step.

    Args:
        q: projected queries.
        k: projected keys.
        v: ``(hidden,)``.
    Returns:
        Scores ``(*batch, query, key)``. Memory: query times key times hidden numbers.
    Raises:
        ValueError: hidden sizes differ.
    Example:
        >>> additive_scores(torch.ones(1, 1), -torch.ones(2, 1), torch.ones(1))
        tensor([[0., 0.]])

    Source: Bahdanau et al. (2015), section A.1.2.
    Chapter: notebooks/2_mechanism/05_scores.ipynb
    """
    check_qkv(q, k)
    if v.shape != q.shape[-1:]:
        raise ValueError(
            f"v is {tuple(v.shape)}; expected (hidden,) = ({q.shape[-1]},). "
            "Were q and k projected to the hidden size?"
        )
    return torch.tanh(q[..., :, None, :] + k[..., None, :, :]) @ v


def cosine_scores(q: Queries, k: Keys, *, temperature: float = 1.0) -> Weights:
    r"""Cosine of the angle between query and key over a temperature, :math:`\cos(q_i, k_j)/\tau`.

    Args:
        q: queries; a zero vector scores zero.
        k: keys.
        temperature: tau, > 0; smaller is sharper.
    Returns:
        Scores in [-1/tau, 1/tau].
    Raises:
        ValueError: dimensions differ or the temperature is not positive.
    Example:
        >>> cosine_scores(torch.tensor([[3.0, 0.0]]), torch.tensor([[5.0, 0.0], [0.0, 1.0]]))
        tensor([[1., 0.]])

    Source: Graves et al. (2014), equation 6.
    Chapter: notebooks/2_mechanism/05_scores.ipynb
    """
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}; expected > 0.")
    return dot_scores(F.normalize(q, dim=-1), F.normalize(k, dim=-1)) / temperature


def attention_weights(
    q: Queries,
    k: Keys,
    *,
    mask: Mask = None,
    causal: bool = False,
    bias: Bias = None,
    scale: float | None = None,
    score: Callable[[Tensor, Tensor], Tensor] = dot_scores,
) -> Weights:
    """Weights of attention, ``softmax(scale * score(q, k) + bias)``.

    Args:
        q: queries.
        k: keys.
        mask: True = may attend, broadcastable to the scores.
        causal: also hide what comes after each query (aligned to the lower right).
        bias: added to the scaled scores, broadcastable to them.
        scale: default 1/sqrt(head_dim) for ``dot_scores``, 1 for any other score.
        score: function of q and k; bind parameters with ``functools.partial``.
    Returns:
        Weights ``(*batch, query, key)``; a row with nothing allowed is zero.
    Raises:
        ValueError: shapes, dtypes or the mask do not fit.
    Example:
        >>> attention_weights(torch.zeros(1, 4), torch.ones(4, 4))
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])

    Source: Vaswani et al. (2017), equation 1.
    Chapter: notebooks/2_mechanism/06_numpy_attention.ipynb
    """
    if score is dot_scores:
        check_qkv(q, k)
        # scaling the queries first keeps float16 scores small; half the work, too
        scores = dot_scores(q * (q.shape[-1] ** -0.5 if scale is None else scale), k)
    else:
        scores = score(q, k) * (1.0 if scale is None else scale)
    if bias is not None:
        check_bias(bias, scores.shape)
        scores = scores + bias
    return masked_softmax(scores, _allowed(mask, causal, scores.shape, scores.device))


def attention(
    q: Queries,
    k: Keys,
    v: Values,
    *,
    mask: Mask = None,
    causal: bool = False,
    bias: Bias = None,
    scale: float | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "*d query value_dim"]:
    r"""Scaled dot-product attention, :math:`\mathrm{softmax}(QK^\top/\sqrt{d_k})\,V`, fused.

    Args:
        q: queries.
        k: keys.
        v: values, one row per key.
        mask: True = may attend, broadcastable to ``(*batch, query, key)``.
        causal: also hide what comes after each query (aligned to the lower right); alone, without
            mask or bias, it lets the kernel skip half the work.
        bias: added to the scaled scores.
        scale: default 1/sqrt(head_dim).
        dropout: probability of dropping a weight; pass 0 outside training.
    Returns:
        One weighted sum of values per query; zeros where nothing is allowed.
    Raises:
        ValueError: shapes, dtypes, the mask or the probability do not fit.
    Example:
        >>> attention(torch.zeros(1, 2), torch.ones(2, 2), torch.tensor([[0.0, 4.0], [2.0, 0.0]]))
        tensor([[1., 2.]])

    Source: Vaswani et al. (2017), equation 1.
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """
    check_qkv(q, k, v)
    check_probability("dropout", dropout)
    query, key = q.shape[-2], k.shape[-2]
    causal = causal and query != 1  # the last query sees every key
    # PyTorch's own flag is aligned to the upper left: the same only where the lengths agree
    plain = mask is None and bias is None and (not causal or query == key)
    allowed = None
    if not plain:
        scores_shape = (*torch.broadcast_shapes(q.shape[:-2], k.shape[:-2]), query, key)
        allowed = _allowed(mask, causal, scores_shape, q.device)
        if bias is not None:
            check_bias(bias, scores_shape)
            allowed = bias if allowed is None else bias.masked_fill(~allowed, float("-inf"))
    options = {"dropout_p": dropout, "is_causal": plain and causal, "scale": scale}
    if not q.ndim == k.ndim == v.ndim == 3:
        return F.scaled_dot_product_attention(q, k, v, allowed, **options)
    # on the processor the fused kernel asks for an axis of heads
    if allowed is not None and allowed.ndim == 3:
        allowed = allowed[:, None]
    q, k, v = (x[:, None] for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, allowed, **options).squeeze(1)


def _allowed(
    mask: Tensor | None, causal: bool, scores_shape: tuple[int, ...], device: torch.device
) -> Tensor | None:
    """One mask out of the given one and the causal one."""
    if mask is not None:
        check_mask(mask, scores_shape)
    if not causal:
        return mask
    past = causal_mask(*scores_shape[-2:]).to(device)
    return past if mask is None else mask & past
