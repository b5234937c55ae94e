"""Layers with parameters: attention cores, and multi-head attention built on any of them.

A *core* turns queries, keys and values that are already projected into an output. It has two faces:
``forward`` (fast, fused where possible) and ``weights`` (explicit). ``record_attention`` watches
the cores, so that layers neither store their weights nor return them.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnutils.attention import (
    Bias,
    Keys,
    Mask,
    Queries,
    Values,
    Weights,
    additive_scores,
    attention,
    attention_weights,
    dot_scores,
    general_scores,
)
from attnutils.positions import Rotary
from attnutils.shapes import check_probability, check_qkv, check_shape, check_size


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

    Source: this book; the split into scores, softmax and sum is that of Bahdanau et al. (2015).
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = check_probability("dropout", dropout)

    def weights(
        self, q: Queries, k: Keys, *, mask: Mask = None, causal: bool = False, bias: Bias = None
    ) -> Weights:
        """Weights of each query over the keys; arguments as in ``attention_weights``."""
        raise NotImplementedError(f"{type(self).__name__} must define weights(q, k, …)")

    def forward(
        self, q: Queries, k: Keys, v: Values, **options: Any
    ) -> Float[Tensor, "*d query value_dim"]:
        """One weighted sum of values per query; options as in ``weights``."""
        check_qkv(q, k, v, same_dim=False)
        return F.dropout(self.weights(q, k, **options), self.dropout, self.training) @ v


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

    def weights(self, q, k, **options):
        """Weights of each query over the keys, as ``attention_weights`` gives them."""
        return attention_weights(q, k, scale=self.scale, **options)

    def forward(self, q, k, v, **options):
        """The fused kernel; the same output as ``weights`` times v."""
        dropout = self.dropout if self.training else 0.0  # the kernel does not know of eval()
        return attention(q, k, v, scale=self.scale, dropout=dropout, **options)


class AdditiveAttention(AttentionCore):
    r"""Bahdanau's scores, :math:`v^\top \tanh(W q_i + U k_j)`.

    A decoder that asks step after step about the same keys projects them once, with
    ``project_keys``, and then says ``keys_projected=True``.

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

    def project_keys(self, k: Keys) -> Float[Tensor, "*c key hidden_dim"]:
        """U k, to be computed once for many queries."""
        return self.key(k)

    def weights(self, q, k, *, keys_projected=False, **options):
        """Weights of each query over the keys; memory query times key times hidden_dim."""

        def score(q: Tensor, k: Tensor) -> Tensor:
            return additive_scores(self.query(q), k if keys_projected else self.key(k), self.v)

        return attention_weights(q, k, score=score, **options)


class GeneralAttention(AttentionCore):
    r"""Luong's bilinear scores, :math:`q_i^\top W k_j`.

    As in ``AdditiveAttention``, the keys' side :math:`W k_j` can be projected once for many
    queries.

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

    def project_keys(self, k: Keys) -> Float[Tensor, "*c key query_dim"]:
        """W k, to be computed once for many queries."""
        return k @ self.weight.mT

    def weights(self, q, k, *, keys_projected=False, **options):
        """Weights of each query over the keys."""

        def score(q: Tensor, k: Tensor) -> Tensor:
            return dot_scores(q, k) if keys_projected else general_scores(q, k, self.weight)

        return attention_weights(q, k, score=score, **options)


class KVCache:
    """Keys and values of what came before, in memory set aside ahead and grown by doubling.

    Growing by doubling copies each key a bounded number of times on average; joining with
    ``torch.cat`` at every step would copy all of them each time.

    Args:
        max_length: set aside room for that many and refuse more; default no limit.
    Raises:
        ValueError: ``max_length`` below 1.
    Example:
        >>> cache = KVCache()
        >>> k, v = cache.append(torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4))
        >>> k, v = cache.append(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4))
        >>> k.shape, len(cache)
        (torch.Size([1, 2, 4, 4]), 4)

    Source: Shazeer (2019), section 2.4, the incremental form; room set aside ahead: this book.
    Chapter: notebooks/7_efficiency/36_kv_cache.ipynb
    """

    def __init__(self, max_length: int | None = None) -> None:
        self.max_length = None if max_length is None else check_size("max_length", max_length)
        self._k: Tensor | None = None
        self._v: Tensor | None = None
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(
        self, k: Float[Tensor, "batch heads new head_dim"], v: Float[Tensor, "batch heads new dim"]
    ) -> tuple[Float[Tensor, "batch heads key head_dim"], Float[Tensor, "batch heads key dim"]]:
        """Add keys and values at the end.

        Args:
            k, v: ``(batch, heads, new, head_dim)``.
        Returns:
            All keys and all values so far: views, valid until the cache changes.
        Raises:
            ValueError: another batch, number of heads or size than before, or no room; the cache
                is left as it was.
        """
        length = self._length + k.shape[-2]
        if self.max_length is not None and length > self.max_length:
            raise ValueError(
                f"the cache holds {self._length} of at most {self.max_length} keys; "
                f"{k.shape[-2]} more do not fit. Was it used for another sequence before?"
            )
        check_shape("v", v, (*k.shape[:-1], "dim"), "Is there one value for each key?")
        old = self.get() if self._length else (k, v)
        for name, new, held in zip("kv", (k, v), old):
            expected = (*held.shape[:2], "new", held.shape[-1])
            check_shape(name, new, expected, "Does the cache hold another batch?")
        self._k, self._v = self._room(self._k, k, length), self._room(self._v, v, length)
        self._k[:, :, self._length : length] = k
        self._v[:, :, self._length : length] = v
        self._length = length
        return self.get()

    def get(self) -> tuple[Tensor, Tensor]:
        """All keys and values so far, as views.

        Raises:
            ValueError: there are none.
        """
        if not self._length:
            raise ValueError("the cache is empty; append keys and values first.")
        return self._k[:, :, : self._length], self._v[:, :, : self._length]

    def reorder(self, rows: Int[Tensor, " batch"]) -> None:
        """Replace the rows of the batch by a selection of them, as beam search does.

        Args:
            rows: ``(new batch,)``, each the number of an old row.
        Raises:
            ValueError: a row that does not exist, or an empty cache.
        """
        k, v = self.get()
        if rows.numel() and not 0 <= rows.min() <= rows.max() < len(k):
            raise ValueError(f"rows {rows.tolist()} of a cache with a batch of {len(k)}.")
        self._k, self._v = k[rows], v[rows]

    def truncate(self, length: int) -> None:
        """Forget all but the first ``length`` keys, as speculative decoding does.

        Raises:
            ValueError: more than there are, or a negative number.
        """
        if check_size("length", length, least=0) > self._length:
            raise ValueError(f"cannot keep {length} of {self._length} keys.")
        self._length = length

    def _room(self, held: Tensor | None, new: Tensor, length: int) -> Tensor:
        """The tensor to write into: the one held, or a copy with room."""
        used = self._length
        if used and held.shape[2] >= length:
            return held
        size = self.max_length or max(length, 2 * used, 16)
        room = new.new_empty(*new.shape[:2], size, new.shape[3])
        if used:
            room[:, :, :used] = held[:, :, :used]
        return room


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
        rotary: turns queries and keys by their positions; self-attention only.
        qk_norm: makes from ``head_dim`` a norm for queries and one for keys, such as
            ``nn.RMSNorm``.
    Raises:
        ValueError: sizes that are no whole numbers or do not divide each other.
    Example:
        >>> layer = MultiHeadAttention(64, 4)
        >>> layer(torch.randn(2, 10, 64), causal=True).shape
        torch.Size([2, 10, 64])

    Source: Vaswani et al. (2017), section 3.2.2; grouped heads: Ainslie et al. (2023); query-key
    norm: Henry et al. (2020).
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
        rotary: Rotary | None = None,
        qk_norm: Callable[[int], nn.Module] | None = None,
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
        self.rotary = rotary
        self.query_norm = nn.Identity() if qk_norm is None else qk_norm(self.head_dim)
        self.key_norm = nn.Identity() if qk_norm is None else qk_norm(self.head_dim)

    def forward(
        self,
        x: Float[Tensor, "batch query dim"],
        memory: Float[Tensor, "batch key memory_dim"] | None = None,
        *,
        mask: Bool[Tensor, "..."] | None = None,
        causal: bool = False,
        bias: Float[Tensor, "..."] | None = None,
        positions: Int[Tensor, "..."] | None = None,
        cache: KVCache | None = None,
    ) -> Float[Tensor, "batch query dim"]:
        """Attend from ``x`` to ``memory``, or to ``x`` itself and what the cache holds.

        Args:
            x: ``(batch, query, dim)``.
            memory: ``(batch, key, memory_dim)``; default ``x`` (self-attention).
            mask: True = may attend, broadcastable to ``(batch, heads, query, key)``.
            causal: hide what comes after each query (aligned to the lower right).
            bias: added to the scaled scores.
            positions: of ``x``, for ``rotary``: ``(query,)`` or ``(batch, query)``; default counts
                on from the cache.
            cache: in self-attention, the keys and values of ``x`` are appended and all of them
                attended; with ``memory``, its keys and values are projected at the first call only.
        Returns:
            ``(batch, query, dim)``.
        Raises:
            ValueError: shapes, the mask or the cache do not fit; the cache is left as it was.
        """
        self._check_inputs(x, memory)
        before = 0 if cache is None else len(cache)
        q = self.query_norm(self._split(self.query(x), self.num_heads))
        if memory is not None and before:
            k, v = cache.get()
        else:
            source = x if memory is None else memory
            k = self.key_norm(self._split(self.key(source), self.num_kv_heads))
            v = self._split(self.value(source), self.num_kv_heads)
        if self.rotary is not None:
            places = self._positions(positions, x, before)
            q, k = self.rotary(q, places), self.rotary(k, places)
        if cache is not None and not (memory is not None and before):
            k, v = cache.append(k, v)
        if self.num_kv_heads < self.num_heads:
            share = self.num_heads // self.num_kv_heads
            k, v = k.repeat_interleave(share, 1), v.repeat_interleave(share, 1)
        try:
            heads = self.core(q, k, v, mask=mask, causal=causal, bias=bias)
        except Exception:
            if cache is not None:
                cache.truncate(before)
            raise
        return self.output(heads.transpose(1, 2).flatten(2))  # (batch, query, heads * head_dim)

    def _check_inputs(self, x: Tensor, memory: Tensor | None) -> None:
        if memory is None and self.memory_dim != self.dim:
            raise ValueError(f"memory is missing; expected one of size {self.memory_dim}.")
        cause = "Is the batch axis missing, or another layer's size meant?"
        check_shape("x", x, ("batch", "length", self.dim), cause)
        if memory is not None:
            cause = "Was the memory encoded from another batch, or by another size of model?"
            check_shape("memory", memory, (len(x), "length", self.memory_dim), cause)
            if self.rotary is not None:
                raise ValueError(
                    "rotary positions turn queries and keys of one sequence; expected no memory. "
                    "Build the cross-attention layer without rotary."
                )

    def _positions(self, positions: Tensor | None, x: Tensor, before: int) -> Tensor:
        if positions is None:
            return torch.arange(before, before + x.shape[1], device=x.device)
        if positions.shape not in (x.shape[1:2], x.shape[:2]):
            raise ValueError(
                f"positions have shape {tuple(positions.shape)}; expected {tuple(x.shape[1:2])} or "
                f"{tuple(x.shape[:2])}, one for each query."
            )
        return positions if positions.ndim == 1 else positions[:, None]  # an axis for heads

    def _split(self, x: Tensor, heads: int) -> Float[Tensor, "batch heads length head_dim"]:
        return x.unflatten(-1, (heads, self.head_dim)).transpose(1, 2)


class FeedForward(nn.Module):
    r"""Two linear layers with a nonlinearity between, at each position alone.

    :math:`\mathrm{down}(\phi(\mathrm{up}(x)))`.

    Args:
        dim: size of input and output.
        hidden_dim: size between; default four times ``dim``.
        activation: the nonlinearity.
        bias: whether the linear layers have one.
        dropout: probability of dropping a hidden unit.
    Raises:
        ValueError: a size below 1 or a probability outside [0, 1).
    Example:
        >>> FeedForward(8)(torch.ones(2, 3, 8)).shape
        torch.Size([2, 3, 8])

    Source: Vaswani et al. (2017), section 3.3.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """

    def __init__(
        self,
        dim: int,
        hidden_dim: int | None = None,
        *,
        activation: Callable[[Tensor], Tensor] = F.gelu,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        hidden_dim = 4 * check_size("dim", dim) if hidden_dim is None else hidden_dim
        self.up = nn.Linear(dim, check_size("hidden_dim", hidden_dim), bias=bias)
        self.down = nn.Linear(hidden_dim, dim, bias=bias)
        self.activation = activation
        self.dropout = nn.Dropout(check_probability("dropout", dropout))

    def forward(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """The same function at every position."""
        return self.down(self.dropout(self.activation(self.up(x))))


class GatedFeedForward(FeedForward):
    r"""Feed-forward whose hidden units are multiplied by gates, :math:`\phi(Gx) \odot Ux`.

    With ``F.silu`` it is SwiGLU, with ``F.gelu`` GEGLU.

    Args:
        dim: size of input and output.
        hidden_dim: size between; default 8/3 of ``dim``, which keeps the number of parameters.
        activation: the nonlinearity of the gates.
        bias: whether the linear layers have one.
        dropout: probability of dropping a hidden unit.
    Raises:
        ValueError: a size below 1 or a probability outside [0, 1).
    Example:
        >>> GatedFeedForward(8, 16)(torch.ones(2, 3, 8)).shape
        torch.Size([2, 3, 8])

    Source: Shazeer (2020), equations 5 and 6.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """

    def __init__(
        self,
        dim: int,
        hidden_dim: int | None = None,
        *,
        activation: Callable[[Tensor], Tensor] = F.silu,
        bias: bool = False,
        dropout: float = 0.0,
    ) -> None:
        hidden_dim = 8 * check_size("dim", dim) // 3 if hidden_dim is None else hidden_dim
        super().__init__(dim, hidden_dim, activation=activation, bias=bias, dropout=dropout)
        self.gate = nn.Linear(dim, hidden_dim, bias=bias)

    def forward(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """The same function at every position."""
        return self.down(self.dropout(self.activation(self.gate(x)) * self.up(x)))


class Residual(nn.Module):
    r"""A layer, its norm and the path around both.

    Pre-norm :math:`x + f(\mathrm{norm}(x))`, or post-norm :math:`\mathrm{norm}(x + f(x))`.

    Args:
        layer: f; called with the input and all further arguments.
        norm: keeps the shape.
        norm_first: pre-norm, or post-norm if False.
        dropout: probability of dropping an entry of f's output.
    Raises:
        ValueError: a probability outside [0, 1).
    Example:
        >>> Residual(nn.Linear(8, 8), nn.LayerNorm(8))(torch.ones(2, 8)).shape
        torch.Size([2, 8])

    Source: post-norm: Vaswani et al. (2017), section 3.1; pre-norm: Xiong et al. (2020).
    Chapter: notebooks/5_transformer/25_block.ipynb
    """

    def __init__(
        self, layer: nn.Module, norm: nn.Module, *, norm_first: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.layer, self.norm, self.norm_first = layer, norm, norm_first
        self.dropout = nn.Dropout(check_probability("dropout", dropout))

    def forward(self, x: Float[Tensor, "*batch dim"], *rest: Any, **options: Any) -> Tensor:
        """One residual step; everything after ``x`` is passed on to the layer."""
        if self.norm_first:
            return x + self.dropout(self.layer(self.norm(x), *rest, **options))
        return self.norm(x + self.dropout(self.layer(x, *rest, **options)))
