"""Layers with parameters: attention cores, and multi-head attention built on any of them.

A *core* turns queries, keys and values that are already projected into an output. It has two faces:
``forward`` (fast, fused where possible) and ``weights`` (explicit). ``record_attention`` watches
the cores, so that layers neither store their weights nor return them.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnutils.attention import additive_scores, attention, attention_weights, general_scores
from attnutils.shapes import check_mask, check_probability, check_qkv, check_size

__all__ = [
    "AdditiveAttention",
    "AttentionCore",
    "DotProductAttention",
    "GeneralAttention",
    "MultiHeadAttention",
]


class AttentionCore(nn.Module):
    """What every core can do: ``weights(q, k)`` and ``forward(q, k, v)``.

    A subclass defines ``weights``; ``forward`` multiplies them with the values unless the subclass
    knows a faster way. Dropout acts on the weights and only in training.

    Args:
        dropout: probability of dropping a weight.
    Raises:
        ValueError: the probability is outside [0, 1).
    Example:
        >>> class Uniform(AttentionCore):
        ...     def weights(self, q, k, **options):
        ...         return attention_weights(q, k, scale=0.0, **options)
        >>> Uniform()(torch.ones(1, 2), torch.ones(2, 2), torch.tensor([[0.0], [4.0]]))
        tensor([[2.]])

    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = check_probability("dropout", dropout)

    def weights(
        self,
        q: Float[Tensor, "*b query query_dim"],
        k: Float[Tensor, "*c key key_dim"],
        *,
        mask: Bool[Tensor, "..."] | None = None,
        causal: bool = False,
        bias: Float[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*d query key"]:
        """Weights of each query over the keys; arguments as in ``attention_weights``."""
        raise NotImplementedError(f"{type(self).__name__} must define weights(q, k, …)")

    def forward(
        self,
        q: Float[Tensor, "*b query query_dim"],
        k: Float[Tensor, "*c key key_dim"],
        v: Float[Tensor, "*c key value_dim"],
        *,
        mask: Bool[Tensor, "..."] | None = None,
        causal: bool = False,
        bias: Float[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*d query value_dim"]:
        """One weighted sum of values per query; arguments as in ``attention``."""
        check_qkv(q, k, v, same_dim=False)
        weights = self.weights(q, k, mask=mask, causal=causal, bias=bias)
        return nn.functional.dropout(weights, self.dropout, self.training) @ v


class DotProductAttention(AttentionCore):
    r"""Scaled dot products, :math:`\mathrm{softmax}(QK^\top/\sqrt{d_k})\,V`, by the fused kernel.

    Args:
        scale: default 1/sqrt(head_dim).
        dropout: probability of dropping a weight.
    Raises:
        ValueError: the probability is outside [0, 1).
    Example:
        >>> q = torch.randn(2, 4, 5, 8)
        >>> DotProductAttention()(q, q, q).shape
        torch.Size([2, 4, 5, 8])

    Source: Vaswani et al. (2017), section 3.2.1.
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """

    def __init__(self, *, scale: float | None = None, dropout: float = 0.0) -> None:
        super().__init__(dropout)
        self.scale = scale

    def weights(self, q, k, *, mask=None, causal=False, bias=None):
        """Weights of each query over the keys, as ``attention_weights`` gives them."""
        return attention_weights(q, k, mask=mask, causal=causal, bias=bias, scale=self.scale)

    def forward(self, q, k, v, *, mask=None, causal=False, bias=None):
        """The fused kernel; the same output as ``weights`` times v."""
        dropout = self.dropout if self.training else 0.0  # the kernel does not know of eval()
        return attention(
            q, k, v, mask=mask, causal=causal, bias=bias, scale=self.scale, dropout=dropout
        )


class AdditiveAttention(AttentionCore):
    r"""Bahdanau's scores, :math:`v^\top \tanh(W q_i + U k_j)`.

    Args:
        query_dim: size of a query.
        key_dim: size of a key.
        hidden_dim: size of the hidden layer between them.
        dropout: probability of dropping a weight.
    Raises:
        ValueError: a size is below 1.
    Example:
        >>> core = AdditiveAttention(6, 8, 16)
        >>> core(torch.randn(2, 1, 6), torch.randn(2, 5, 8), torch.randn(2, 5, 8)).shape
        torch.Size([2, 1, 8])

    Source: Bahdanau et al. (2015), section A.1.2.
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """

    def __init__(
        self, query_dim: int, key_dim: int, hidden_dim: int, *, dropout: float = 0.0
    ) -> None:
        super().__init__(dropout)
        check_size("hidden_dim", hidden_dim)
        self.query = nn.Linear(check_size("query_dim", query_dim), hidden_dim, bias=False)
        self.key = nn.Linear(check_size("key_dim", key_dim), hidden_dim, bias=False)
        self.v = nn.Parameter(torch.empty(hidden_dim).uniform_(-1, 1) * hidden_dim**-0.5)

    def weights(self, q, k, *, mask=None, causal=False, bias=None):
        """Weights of each query over the keys; memory query times key times hidden_dim."""

        def score(q: Tensor, k: Tensor) -> Tensor:
            return additive_scores(self.query(q), self.key(k), self.v)

        return attention_weights(q, k, mask=mask, causal=causal, bias=bias, score=score)


class GeneralAttention(AttentionCore):
    r"""Luong's bilinear scores, :math:`q_i^\top W k_j`.

    Args:
        query_dim: size of a query.
        key_dim: size of a key.
        dropout: probability of dropping a weight.
    Raises:
        ValueError: a size is below 1.
    Example:
        >>> core = GeneralAttention(6, 8)
        >>> core.weights(torch.randn(2, 1, 6), torch.randn(2, 5, 8)).shape
        torch.Size([2, 1, 5])

    Source: Luong et al. (2015), section 3.1, "general".
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """

    def __init__(self, query_dim: int, key_dim: int, *, dropout: float = 0.0) -> None:
        super().__init__(dropout)
        check_size("query_dim", query_dim), check_size("key_dim", key_dim)
        self.weight = nn.Parameter(torch.empty(query_dim, key_dim))
        nn.init.xavier_uniform_(self.weight)

    def weights(self, q, k, *, mask=None, causal=False, bias=None):
        """Weights of each query over the keys."""

        def score(q: Tensor, k: Tensor) -> Tensor:
            return general_scores(q, k, self.weight)

        return attention_weights(q, k, mask=mask, causal=causal, bias=bias, score=score)


class MultiHeadAttention(nn.Module):
    r"""Several attentions side by side, each on its own projections.

    :math:`\mathrm{head}_i = \mathrm{attention}(X W^Q_i, M W^K_i, M W^V_i)`, joined, projected.

    Args:
        dim: size of the input and of the output.
        num_heads: number of heads.
        num_kv_heads: heads of keys and values, each shared by ``num_heads / num_kv_heads`` query
            heads (grouped-query attention); default one for each.
        head_dim: size of a head; default ``dim / num_heads``.
        memory_dim: size of what cross-attention reads; default ``dim``.
        bias: whether the projections have one.
        core: any ``AttentionCore``; default ``DotProductAttention()``.
    Raises:
        ValueError: sizes that are no whole numbers or do not divide each other.
    Example:
        >>> layer = MultiHeadAttention(64, 4)
        >>> layer(torch.randn(2, 10, 64), causal=True).shape
        torch.Size([2, 10, 64])

    Source: Vaswani et al. (2017), section 3.2.2; grouped heads: Ainslie et al. (2023).
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        *,
        num_kv_heads: int | None = None,
        head_dim: int | None = None,
        memory_dim: int | None = None,
        bias: bool = True,
        core: AttentionCore | None = None,
    ) -> None:
        super().__init__()
        self.dim = check_size("dim", dim)
        self.num_heads = check_size("num_heads", num_heads)
        num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        self.num_kv_heads = check_size("num_kv_heads", num_kv_heads)
        self.memory_dim = check_size("memory_dim", dim if memory_dim is None else memory_dim)
        if head_dim is None and dim % num_heads:
            raise ValueError(
                f"dim {dim} is not divisible by num_heads {num_heads}; "
                "choose another number of heads, or give head_dim."
            )
        self.head_dim = check_size("head_dim", dim // num_heads if head_dim is None else head_dim)
        if num_heads % num_kv_heads:
            raise ValueError(
                f"num_heads {num_heads} is not divisible by num_kv_heads {num_kv_heads}: "
                "each key-value head serves the same number of query heads."
            )
        self.query = nn.Linear(dim, num_heads * self.head_dim, bias=bias)
        self.key = nn.Linear(self.memory_dim, num_kv_heads * self.head_dim, bias=bias)
        self.value = nn.Linear(self.memory_dim, num_kv_heads * self.head_dim, bias=bias)
        self.output = nn.Linear(num_heads * self.head_dim, dim, bias=bias)
        self.core = DotProductAttention() if core is None else core

    def forward(
        self,
        x: Float[Tensor, "batch query dim"],
        memory: Float[Tensor, "batch key memory_dim"] | None = None,
        *,
        mask: Bool[Tensor, "..."] | None = None,
        causal: bool = False,
        bias: Float[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "batch query dim"]:
        """Attend from ``x`` to ``memory``, or to ``x`` itself.

        Args:
            x: ``(batch, query, dim)``.
            memory: ``(batch, key, memory_dim)``; default ``x`` (self-attention).
            mask: True = may attend, broadcastable to ``(batch, heads, query, key)``.
            causal: hide what comes after each query (aligned to the lower right).
            bias: added to the scaled scores.
        Returns:
            ``(batch, query, dim)``.
        Raises:
            ValueError: shapes or the mask do not fit.
        """
        memory = x if memory is None else memory
        for name, given, dim in (("x", x, self.dim), ("memory", memory, self.memory_dim)):
            if given.ndim != 3 or given.shape[-1] != dim:
                raise ValueError(
                    f"{name} has shape {tuple(given.shape)}; expected (batch, length, {dim}). "
                    "Is the batch axis missing, or another layer's size meant?"
                )
        if len(memory) != len(x):
            raise ValueError(
                f"x has batch {len(x)} but memory {len(memory)}; expected the same. "
                "Was the memory encoded from another batch?"
            )
        if mask is not None:
            check_mask(mask, (len(x), self.num_heads, x.shape[1], memory.shape[1]))
        q = self._split(self.query(x), self.num_heads)
        k = self._split(self.key(memory), self.num_kv_heads)
        v = self._split(self.value(memory), self.num_kv_heads)
        if self.num_kv_heads < self.num_heads:
            share = self.num_heads // self.num_kv_heads
            k, v = k.repeat_interleave(share, 1), v.repeat_interleave(share, 1)
        heads = self.core(q, k, v, mask=mask, causal=causal, bias=bias)
        return self.output(heads.transpose(1, 2).flatten(2))  # (batch, query, heads * head_dim)

    def _split(self, x: Tensor, heads: int) -> Tensor:
        return x.unflatten(-1, (heads, self.head_dim)).transpose(
            1, 2
        )  # (batch, heads, length, head_dim)
