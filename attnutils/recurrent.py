"""Recurrent networks that attend: an encoder, decoders around any core, copying, and pooling.

``Seq2Seq`` joins an ``Encoder`` to a decoder. There are two, after when they attend:
``BahdanauDecoder`` before each recurrent step, with the state before it; ``LuongDecoder`` after it,
with the new one. Both take any ``AttentionCore``, or none: then the encoder's summary stands where
the context would stand, the bottleneck that attention was invented to widen.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attnutils import shapes
from attnutils.layers import AttentionCore, DotProductAttention
from attnutils.masks import padding_mask

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}

Lengths = Int[Tensor, " batch"] | None
Logits = Float[Tensor, "batch query vocab"]
Mask = Bool[Tensor, "..."] | None
Memory = Float[Tensor, "batch key memory"]
Pooled = Float[Tensor, "*batch dim"]
Source = Int[Tensor, "batch key"]
Summary = Float[Tensor, "batch memory"]
Target = Int[Tensor, "batch query"]
Vectors = Float[Tensor, "*batch length dim"]


class Encoder(nn.Module):
    """Reads a sequence: a vector for each token, and one for the whole.

    Weights start as torch draws them, but for the LSTM's forget gate: its bias starts at 1, so that
    at first the cell keeps what it holds.

    Args:
        vocab_size: number of tokens; None for a source of vectors ``(batch, length, embed_dim)``.
        dim: size of a vector of the memory; two directions have half of it each.
        embed_dim: size of an embedded token; default ``dim``.
        cell: "gru" or "lstm".
        bidirectional: whether to read from both ends.
        num_layers: number of recurrent layers.
        dropout: probability of dropping an entry of the embedded tokens, and between layers.
    Raises:
        ValueError: a size below 1, an odd ``dim`` for two directions, an unknown cell, or a
            probability outside [0, 1).
    Example:
        >>> encoder = Encoder(vocab_size=10, dim=8)
        >>> memory, summary = encoder(torch.tensor([[1, 2, 3], [4, 0, 0]]), torch.tensor([3, 1]))
        >>> memory.shape, summary.shape
        (torch.Size([2, 3, 8]), torch.Size([2, 8]))

    Source: Bahdanau et al. (2015), section A.2.1; the GRU: Cho et al. (2014), section 2.3; the
    LSTM: Hochreiter & Schmidhuber (1997); its forget gate: Gers et al. (2000), and that its bias
    should start at 1: Józefowicz et al. (2015).
    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """

    def __init__(
        self, vocab_size: int | None, dim: int, *, embed_dim: int | None = None, cell: str = "gru",
        bidirectional: bool = True, num_layers: int = 1, dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.dim = shapes.check_size("dim", dim)
        self.directions = 2 if bidirectional else 1
        if dim % self.directions:
            raise ValueError(f"dim is {dim}; expected an even number: each direction has half.")
        self.embed_dim = shapes.check_size("embed_dim", dim if embed_dim is None else embed_dim)
        self.embed = None
        if vocab_size is not None:
            vocab_size = shapes.check_size("vocab_size", vocab_size)
            self.embed = nn.Embedding(vocab_size, self.embed_dim)
        sizes = (self.embed_dim, dim // self.directions, num_layers)
        self.rnn = _recurrent(cell, *sizes, dropout, bidirectional=bidirectional)
        self.dropout = nn.Dropout(dropout)

    def forward(self, source: Source | Vectors, lengths: Lengths = None) -> tuple[Memory, Summary]:
        """Read a batch.

        Args:
            source: tokens ``(batch, length)``, padded behind, or vectors.
            lengths: number of real tokens of each row, at least 1; default all.
        Returns:
            The memory ``(batch, length, dim)``, zero at padding, and the summary ``(batch, dim)``:
            the last state of the last layer, of both directions where there are two.
        Raises:
            ValueError: tokens outside the vocabulary, other shapes, or an empty source.
        """
        if self.embed is None:
            cause = "Is it of tokens? This encoder embeds none."
            shapes.check_shape("source", source, ("batch", "length", self.embed_dim), cause)
        else:
            shapes.check_tokens("source", source, self.embed.num_embeddings)
        if lengths is not None:
            shapes.check_shape("lengths", lengths, source.shape[:1], "One for each row of source.")
            padding_mask(lengths, source.shape[1])  # checks them
        if not source.shape[1] or (lengths is not None and lengths.min() < 1):
            raise ValueError("a source is empty; expected a token in each. Are there empty lines?")
        x = self.dropout(source if self.embed is None else self.embed(source))
        if lengths is None:
            memory, last = self.rnn(x)
        else:
            packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
            memory, last = self.rnn(packed)
            memory, _ = pad_packed_sequence(memory, batch_first=True, total_length=source.shape[1])
        last = last[0] if isinstance(last, tuple) else last  # (layers * directions, batch, size)
        return memory, last[-self.directions :].transpose(0, 1).flatten(1)


class LocalAttention(AttentionCore):
    r"""Attention to a window of keys around one place.

    With ``query_dim`` the place is predicted (Luong's local-p) and the weights fall off around it,
    :math:`p_i = (m - 1)\,\sigma(v^\top \tanh(W q_i))`,
    :math:`\alpha_{ij} = w_{ij} \exp(-(j - p_i)^2 / 2\sigma^2)` with σ = window / 2, where w are the
    core's weights in the window; a row may then sum to less than one. Without it query i looks at
    key i (local-m), and past the end of the source at its last key.

    Args:
        core: gives the weights in the window.
        window: how many keys on each side of the place are seen.
        query_dim: size of a query, to predict the place from it; None for query i at key i.
    Raises:
        ValueError: a size below 1.
    Example:
        >>> core = LocalAttention(DotProductAttention(), window=1)
        >>> core.weights(torch.zeros(2, 4), torch.zeros(4, 4))
        tensor([[0.5000, 0.5000, 0.0000, 0.0000],
                [0.3333, 0.3333, 0.3333, 0.0000]])

    Source: Luong et al. (2015), section 3.2, equations 9 and 10; there positions run to m.
    Chapter: notebooks/3_recurrent/13_luong.ipynb
    """

    def __init__(self, core: AttentionCore, window: int, *, query_dim: int | None = None) -> None:
        super().__init__(core.dropout)
        self.core, self.window = core, shapes.check_size("window", window)
        self.place = None
        if query_dim is not None:
            shapes.check_size("query_dim", query_dim)
            hidden = nn.Linear(query_dim, query_dim, bias=False)
            self.place = nn.Sequential(hidden, nn.Tanh(), nn.Linear(query_dim, 1, bias=False))

    def project_keys(self, k: Float[Tensor, "*c key key_dim"]) -> Float[Tensor, "*c key dim"]:
        """The keys as the core projects them, to be computed once for many queries."""
        return self.core.project_keys(k) if hasattr(self.core, "project_keys") else k

    def weights(self, q, k, *, mask=None, keys_projected=False, positions=None, **options: Any):
        """Weights of each query over the keys.

        Args:
            q: ``(*batch, query, query_dim)``.
            k: ``(*batch, key, key_dim)``.
            mask: True = may attend; the keys that it allows must come first, as with padding.
            keys_projected: whether ``k`` comes from ``project_keys``.
            positions: of the queries, for query i at key i, ``(query,)``; default from 0.
            options: ``causal`` and ``bias``, as in ``attention_weights``.
        Returns:
            ``(*batch, query, key)``.
        Raises:
            ValueError: shapes do not fit.
        """
        query, key = q.shape[-2], k.shape[-2]
        positions = torch.arange(query, device=q.device) if positions is None else positions
        mask = torch.ones(key, dtype=torch.bool, device=q.device) if mask is None else mask
        shapes.check_shape("positions", positions, (query,), "One for each query.")
        shapes.check_mask(mask, (*q.shape[:-1], key))
        end = mask.expand(*mask.shape[:-1], key).sum(-1).sub(1).clamp(min=0).to(q.dtype)
        if self.place is None:
            place = torch.minimum(positions.to(q.dtype), end)
        else:
            place = end * self.place(q).squeeze(-1).sigmoid()
        away = torch.arange(key, device=q.device) - place[..., None]  # (*batch, query, key)
        if keys_projected and hasattr(self.core, "project_keys"):
            options["keys_projected"] = True
        weights = self.core.weights(q, k, mask=mask & (away.abs() <= self.window), **options)
        fall = 1.0 if self.place is None else torch.exp(-2 * (away / self.window) ** 2)
        return weights * fall


def copy_distribution(
    logits: Logits, gate: Float[Tensor, "batch query"],
    weights: Float[Tensor, "batch query key"], tokens: Source,
) -> Logits:  # fmt: skip
    r"""Mix what the decoder would write with what it may copy; the weight *is* the probability.

    :math:`P(w) = g\,P_{\mathrm{vocab}}(w) + (1 - g) \sum_{j:\,x_j = w} \alpha_{ij}` with
    :math:`g = \sigma(\mathrm{gate})`.

    Args:
        logits: of the vocabulary.
        gate: before the sigmoid; large writes, small copies.
        weights: of attention over the source; rows sum to one.
        tokens: of the source, as numbers of the target's vocabulary. Of one that stands there
            twice the weights add up.
    Returns:
        Log-probabilities ``(batch, query, vocab)``, which serve wherever logits do.
    Raises:
        ValueError: shapes do not fit, or a token is outside the vocabulary.
    Example:
        >>> never = torch.tensor([[[0.0, 0.0, -1e9]]])  # token 2 was not met in training
        >>> weights, source = torch.tensor([[[0.1, 0.9]]]), torch.tensor([[0, 2]])
        >>> copy_distribution(never, torch.zeros(1, 1), weights, source).exp()
        tensor([[[0.3000, 0.2500, 0.4500]]])

    Source: See et al. (2017), section 2.2, equation 9.
    Chapter: notebooks/3_recurrent/13_luong.ipynb
    """
    shapes.check_tokens("tokens", tokens, logits.shape[-1])
    shapes.check_shape("gate", gate, logits.shape[:-1], "One for each row of logits.")
    shapes.check_shape("weights", weights, (*gate.shape, "key"), "One row for each of logits.")
    shapes.check_shape("tokens", tokens, (len(logits), weights.shape[-1]), "One for each weight.")
    dtype = torch.promote_types(logits.dtype, torch.float32)  # float16 has no small numbers
    gate, where = gate.to(dtype)[..., None], tokens[:, None].expand(weights.shape)
    copied = torch.zeros_like(logits, dtype=dtype).scatter_add(-1, where, weights.to(dtype))
    # the logarithm of 0 would be -inf and its gradient NaN
    copied = copied.clamp(min=torch.finfo(dtype).tiny).log()
    written = logits.log_softmax(-1, dtype=dtype)
    mixed = torch.logaddexp(F.logsigmoid(gate) + written, F.logsigmoid(-gate) + copied)
    return mixed.to(logits.dtype)


@dataclass
class RecurrentState:
    """What a recurrent decoder carries from step to step; a step makes a new one.

    Args:
        hidden: the cell's states, each ``(layers, batch, dim)``: one for a GRU, two for an LSTM.
        memory: of the source, ``(batch, key, memory_dim)``.
        keys: the memory as the core wants it, projected once.
        summary: of the source, ``(batch, memory_dim)``.
        fed: attentional vector of the step before, ``(batch, dim)``, for input feeding.
        mask: True = may attend, ``(batch, 1, key)``, or None.
        copy_tokens: the source as tokens of the target, ``(batch, key)``, or None.
        length: tokens read so far.
    Example:
        >>> model = Seq2Seq(Encoder(10, 8), BahdanauDecoder(10, 8))
        >>> state = model.start(torch.tensor([[1, 2, 3]]))
        >>> logits, after = model.step(torch.tensor([[0, 4]]), state)
        >>> len(state), len(after)
        (0, 2)

    Source: this book.
    Chapter: notebooks/3_recurrent/12_bahdanau.ipynb
    """

    hidden: tuple[Tensor, ...]
    memory: Tensor
    keys: Tensor
    summary: Tensor
    fed: Tensor
    mask: Tensor | None = None
    copy_tokens: Tensor | None = None
    length: int = 0

    def __len__(self) -> int:
        return self.length

    def reorder(self, rows: Int[Tensor, " batch"]) -> None:
        """Replace the rows of the batch by a selection of them, in place, as beam search does.

        Args:
            rows: ``(new batch,)``, each the number of an old row.
        Raises:
            ValueError: a row that does not exist.
        """
        if rows.numel() and not 0 <= rows.min() <= rows.max() < len(self.memory):
            raise ValueError(f"rows {rows.tolist()} of a state with a batch of {len(self.memory)}.")
        self.hidden = tuple(part.index_select(1, rows) for part in self.hidden)
        for name in ("memory", "keys", "summary", "fed", "mask", "copy_tokens"):
            if (part := getattr(self, name)) is not None:
                setattr(self, name, part[rows])

    def truncate(self, length: int) -> None:
        """Refuse to forget tokens: a recurrent state holds only the last step.

        Args:
            length: how many tokens to keep; all of them is allowed.
        Raises:
            ValueError: any other number.
        """
        if length != self.length:
            raise ValueError(
                f"cannot go back to {length} of {self.length} tokens: a recurrent state holds only "
                "the last. Speculative decoding needs a decoder with a cache."
            )


class Decoder(nn.Module):
    r"""What both decoders share; use ``BahdanauDecoder`` or ``LuongDecoder``.

    The first state comes from the encoder's summary, :math:`s_0 = \tanh(W c)` (an LSTM's cell
    without the tanh). With ``core=None`` the summary stands where the context would stand, at each
    step: everything else is equal, so that both have the same number of parameters but for those of
    the core. Make ``dim`` a little larger to compare at equal numbers.

    Args:
        vocab_size: number of tokens.
        dim: size of the state.
        memory_dim: size of the memory's vectors; default ``dim``.
        embed_dim: size of an embedded token; default ``dim``.
        core: any ``AttentionCore`` for queries of size ``dim`` and keys of size ``memory_dim``;
            None for the bottleneck. It gets the keys projected, once per source, where it has
            ``project_keys``.
        cell: "gru" or "lstm".
        num_layers: number of recurrent layers; the last one asks.
        copy: whether a gate, ``self.gate``, lets source tokens be copied; needs a core.
        dropout: probability of dropping an entry of the embedded tokens and of the vector from
            which the logits are made, and between layers.
    Raises:
        ValueError: a size below 1, an unknown cell, a probability outside [0, 1), a core that does
            not take such queries and keys, or copying without a core.
    Example:
        >>> from attnutils.layers import AdditiveAttention
        >>> core = AdditiveAttention(8, 8, 4)
        >>> plain, attending = BahdanauDecoder(10, 8), BahdanauDecoder(10, 8, core=core)
        >>> [sum(p.numel() for p in module.parameters()) for module in (plain, attending, core)]
        [1066, 1134, 68]

    Source: Cho et al. (2014), section 2.2, for the summary at each step.
    Chapter: notebooks/3_recurrent/12_bahdanau.ipynb
    """

    def __init__(
        self, vocab_size: int, dim: int, *, memory_dim: int | None = None,
        embed_dim: int | None = None, core: AttentionCore | None = None, cell: str = "gru",
        num_layers: int = 1, copy: bool = False, dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.dim = shapes.check_size("dim", dim)
        self.memory_dim = shapes.check_size("memory_dim", dim if memory_dim is None else memory_dim)
        self.embed_dim = shapes.check_size("embed_dim", dim if embed_dim is None else embed_dim)
        if core is not None:
            self._check_core(core)
        elif copy:
            raise ValueError("copy=True needs a core: its weights say what to copy.")
        fed_dim, combined_dim = self._sizes()
        self.embed = nn.Embedding(shapes.check_size("vocab_size", vocab_size), self.embed_dim)
        self.rnn = _recurrent(cell, self.embed_dim + fed_dim, dim, num_layers, dropout)
        self.parts = (2 if cell == "lstm" else 1, num_layers, dim)
        self.first = nn.Linear(self.memory_dim, self.parts[0] * num_layers * dim)
        self.core = core
        self.combine = nn.Linear(combined_dim, dim)
        self.output = nn.Linear(dim, vocab_size)
        self.gate = nn.Linear(self.memory_dim + dim + self.embed_dim, 1) if copy else None
        self.dropout = nn.Dropout(dropout)

    def start(
        self, memory: Memory, summary: Summary, *, mask: Bool[Tensor, "batch 1 key"] | None = None,
        copy_tokens: Source | None = None,
    ) -> RecurrentState:  # fmt: skip
        """The state before the first token.

        Args:
            memory: what to attend to.
            summary: one vector of each source.
            mask: True = may attend.
            copy_tokens: the source as tokens of the target, for a decoder that copies.
        Returns:
            The state, its keys projected.
        Raises:
            ValueError: shapes do not fit, or tokens to copy are missing, outside the vocabulary or
                not asked for.
        """
        cause = "Was the decoder built for another encoder?"
        shapes.check_shape("memory", memory, ("batch", "key", self.memory_dim), cause)
        shapes.check_size("number of keys in memory", memory.shape[1])
        shapes.check_shape("summary", summary, (len(memory), self.memory_dim), cause)
        if mask is not None:
            shapes.check_mask(mask, (len(memory), 1, memory.shape[1]))
            mask = mask.expand(len(memory), 1, -1)
        if copy_tokens is None and self.gate is not None:
            raise ValueError("copy_tokens are missing: this decoder copies.")
        if copy_tokens is not None:
            if self.gate is None:
                raise ValueError("this decoder copies no tokens; build it with copy=True.")
            shapes.check_tokens("copy_tokens", copy_tokens, self.embed.num_embeddings)
            shapes.check_shape("copy_tokens", copy_tokens, memory.shape[:2], "One for each key.")
        hidden = self.first(summary).unflatten(-1, self.parts)  # (batch, parts, layers, dim)
        first, *rest = (part.transpose(0, 1).contiguous() for part in hidden.unbind(1))
        keys = self.core.project_keys(memory) if hasattr(self.core, "project_keys") else memory
        fed = summary.new_zeros(len(summary), self.dim)
        return RecurrentState((first.tanh(), *rest), memory, keys, summary, fed, mask, copy_tokens)

    def forward(self, tokens: Target, state: RecurrentState) -> tuple[Logits, RecurrentState]:
        """Logits for what follows each new token, and the state after them.

        Args:
            tokens: ``(batch, new)``; in training the whole target, shifted right.
            state: from ``start``, or from the call before; it is left as it was.
        Returns:
            Logits, log-probabilities where the decoder copies, and the new state.
        Raises:
            ValueError: tokens outside the vocabulary, none, or another batch than the state's.
        """
        shapes.check_tokens("tokens", tokens, self.embed.num_embeddings)
        if state is None:
            raise ValueError("state is missing; start(…) makes one from a source.")
        cause = "Is the source, or the state, of another batch?"
        shapes.check_shape("tokens", tokens, (len(state.memory), "new"), cause)
        shapes.check_size("number of new tokens", tokens.shape[1])
        x = self.dropout(self.embed(tokens))
        combined, states, contexts, queries, after = self._read(x, state)
        logits = self.output(self.dropout(combined))
        if self.gate is not None:
            weights = self.core.weights(queries, state.keys, **self._options(queries, state))
            total = weights.sum(-1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)
            gate = self.gate(torch.cat([contexts, states, x], dim=-1)).squeeze(-1)
            logits = copy_distribution(logits, gate, weights / total, state.copy_tokens)
        return logits, after

    def _sizes(self) -> tuple[int, int]:
        """Sizes of what is joined to each embedded token, and of what the logits are made from."""
        raise NotImplementedError("use BahdanauDecoder or LuongDecoder, which define _read, too")

    def _recur(self, x: Tensor, state: RecurrentState) -> tuple[Tensor, RecurrentState]:
        """The last layer's states, (batch, new, dim), and the state after them."""
        states, hidden = self.rnn(x, state.hidden if len(state.hidden) > 1 else state.hidden[0])
        hidden = hidden if isinstance(hidden, tuple) else (hidden,)
        return states, replace(state, hidden=hidden, length=state.length + x.shape[1])

    def _attend(self, q: Tensor, state: RecurrentState) -> Tensor:
        """Context of each query, the first of which follows what the state has read."""
        if self.core is None:
            return state.summary[:, None].expand(-1, q.shape[1], -1)
        return self.core(q, state.keys, state.memory, **self._options(q, state))

    def _options(self, q: Tensor, state: RecurrentState) -> dict[str, Any]:
        options: dict[str, Any] = {"mask": state.mask}
        if hasattr(self.core, "project_keys"):
            options["keys_projected"] = True
        if isinstance(self.core, LocalAttention):
            options["positions"] = state.length + torch.arange(q.shape[1], device=q.device)
        return options

    def _check_core(self, core: AttentionCore) -> None:
        like = next(core.parameters(), torch.zeros(()))
        try:
            core.weights(like.new_zeros(1, 1, self.dim), like.new_zeros(1, 1, self.memory_dim))
        except Exception as error:
            sizes = f"queries of size dim {self.dim} and keys of size memory_dim {self.memory_dim}"
            raise ValueError(f"{type(core).__name__} does not take {sizes}: {error}") from error


class BahdanauDecoder(Decoder):
    r"""Attends with the state before, then steps: context and token go into the cell together.

    :math:`c_i = \mathrm{attend}(s_{i-1})`, :math:`s_i = \mathrm{cell}([y_{i-1}; c_i], s_{i-1})`,
    :math:`t_i = \tanh(W [s_i; c_i; y_{i-1}])`, where y are embedded tokens; logits from t. The
    paper makes t from the state before, by maxout.

    Args:
        vocab_size, dim, memory_dim, embed_dim, core, cell, num_layers, copy, dropout: see
            ``Decoder``; ``AdditiveAttention(dim, memory_dim, …)`` is the paper's core.
    Raises:
        ValueError: as in ``Decoder``.
    Example:
        >>> from attnutils.layers import AdditiveAttention
        >>> decoder = BahdanauDecoder(10, 8, core=AdditiveAttention(8, 8, 8))
        >>> model = Seq2Seq(Encoder(10, 8), decoder)
        >>> model(torch.tensor([[1, 2, 3]]), torch.tensor([[0, 4]])).shape
        torch.Size([1, 2, 10])

    Source: Bahdanau et al. (2015), sections 3.1 and A.2.2.
    Chapter: notebooks/3_recurrent/12_bahdanau.ipynb
    """

    def _sizes(self) -> tuple[int, int]:
        return self.memory_dim, self.dim + self.memory_dim + self.embed_dim

    def _read(self, x: Tensor, state: RecurrentState) -> tuple:
        """What the logits are made from, states, contexts and queries; and the state after."""
        steps = []
        for token in x.split(1, dim=1):
            query = state.hidden[0][-1][:, None]  # (batch, 1, dim): the last layer's
            context = self._attend(query, state)
            new, state = self._recur(torch.cat([token, context], dim=-1), state)
            steps.append((new, context, query))
        states, contexts, queries = (torch.cat(parts, dim=1) for parts in zip(*steps))
        combined = self.combine(torch.cat([states, contexts, x], dim=-1)).tanh()
        return combined, states, contexts, queries, state


class LuongDecoder(Decoder):
    r"""Steps, then attends with the new state, and makes an attentional vector of both.

    :math:`s_i = \mathrm{cell}([y_{i-1}; \tilde h_{i-1}], s_{i-1})`,
    :math:`c_i = \mathrm{attend}(s_i)`, :math:`\tilde h_i = \tanh(W_c [c_i; s_i])`; logits from
    :math:`\tilde h_i`. Without input feeding the cell reads :math:`y_{i-1}` alone: all steps are
    taken first, and all attend at once.

    The paper's scores: "dot" is ``DotProductAttention(scale=1.0)``, "general" is
    ``GeneralAttention``, "concat" is ``AdditiveAttention``. Its :math:`v^\top \tanh(W [q; k])` is
    Bahdanau's score with the columns of W split in two; what differs is the query, the state after
    the step instead of the one before.

    Args:
        input_feeding: whether each step also reads the attentional vector of the one before.
        vocab_size, dim, options: see ``Decoder``.
    Raises:
        ValueError: as in ``Decoder``.
    Example:
        >>> from attnutils.layers import GeneralAttention
        >>> decoder = LuongDecoder(10, 8, core=GeneralAttention(8, 8), cell="lstm")
        >>> model = Seq2Seq(Encoder(10, 8, cell="lstm"), decoder)
        >>> model(torch.tensor([[1, 2, 3]]), torch.tensor([[0, 4]])).shape
        torch.Size([1, 2, 10])

    Source: Luong et al. (2015), sections 3.1 and 3.3.
    Chapter: notebooks/3_recurrent/13_luong.ipynb
    """

    def __init__(
        self, vocab_size: int, dim: int, *, input_feeding: bool = True, **options: Any
    ) -> None:
        self.input_feeding = input_feeding  # first: the sizes depend on it
        super().__init__(vocab_size, dim, **options)

    def _sizes(self) -> tuple[int, int]:
        return self.dim if self.input_feeding else 0, self.memory_dim + self.dim

    def _read(self, x: Tensor, state: RecurrentState) -> tuple:
        """As ``BahdanauDecoder``'s; the queries are the states."""
        if not self.input_feeding:
            return self._step(x, state)
        steps = []
        for token in x.split(1, dim=1):
            *step, state = self._step(torch.cat([token, state.fed[:, None]], dim=-1), state)
            steps.append(step)
        return *(torch.cat(parts, dim=1) for parts in zip(*steps)), state

    def _step(self, x: Tensor, before: RecurrentState) -> tuple:
        states, after = self._recur(x, before)
        contexts = self._attend(states, before)
        combined = self.combine(torch.cat([contexts, states], dim=-1)).tanh()
        return combined, states, contexts, states, replace(after, fed=combined[:, -1])


class Seq2Seq(nn.Module):
    """An encoder that reads the source, and a decoder that writes the target.

    Args:
        encoder: gives ``(memory, summary)``.
        decoder: writes from them.
    Raises:
        ValueError: the decoder expects a memory of another size.
    Example:
        >>> from attnutils.decoding import generate
        >>> model = Seq2Seq(Encoder(10, 8), BahdanauDecoder(10, 8)).eval()
        >>> state = model.start(torch.tensor([[1, 2, 3], [4, 0, 0]]), torch.tensor([3, 1]))
        >>> generate(model.step, torch.tensor([[0], [0]]), steps=5, state=state).shape
        torch.Size([2, 6])

    Source: Cho et al. (2014); Sutskever et al. (2014); Bahdanau et al. (2015).
    Chapter: notebooks/3_recurrent/11_seq2seq_bottleneck.ipynb
    """

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        if encoder.dim != decoder.memory_dim:
            sizes = f"{encoder.dim} but the decoder's memory_dim {decoder.memory_dim}"
            raise ValueError(f"the encoder's dim is {sizes}; expected the same.")
        self.encoder, self.decoder = encoder, decoder

    def forward(
        self, source: Source, target: Target, source_lengths: Lengths = None,
        *, copy_tokens: Source | None = None,
    ) -> Logits:  # fmt: skip
        """Logits for what follows each target token.

        Args:
            source: tokens, padded behind.
            target: tokens, shifted right: it begins with the start token. Padding behind changes
                nothing before it.
            source_lengths: number of real source tokens; default all.
            copy_tokens: for a decoder that copies, the source as tokens of the target; default the
                source itself, for a vocabulary that both share. For words outside the vocabulary
                keep a few of its numbers free and give them out anew for each source.
        Returns:
            Logits ``(batch, query, vocab)``; log-probabilities where the decoder copies.
        Raises:
            ValueError: shapes, tokens or lengths do not fit, or a source is empty.
        """
        state = self.start(source, source_lengths, copy_tokens=copy_tokens)
        return self.step(target, state)[0]

    def start(
        self, source: Source, source_lengths: Lengths = None, *, copy_tokens: Source | None = None
    ) -> RecurrentState:
        """Encode a source; the state from which ``step`` writes. Arguments as in ``forward``."""
        memory, summary = self.encoder(source, source_lengths)
        mask = None
        if source_lengths is not None:
            mask = padding_mask(source_lengths, source.shape[1])[:, 0].to(source.device)
        if copy_tokens is None and self.decoder.gate is not None:
            copy_tokens = source
        return self.decoder.start(memory, summary, mask=mask, copy_tokens=copy_tokens)

    def step(self, tokens: Target, state: RecurrentState) -> tuple[Logits, RecurrentState]:
        """Logits after new target tokens, and the state to go on from: what decoding needs."""
        return self.decoder(tokens, state)


def mean_pool(x: Vectors, *, mask: Mask = None) -> Pooled:
    """Mean over the real positions; zeros where there are none.

    Args:
        x: ``(*batch, length, dim)``.
        mask: True = real, ``(*batch, length)`` or as ``padding_mask`` makes it; None for all.
    Returns:
        ``(*batch, dim)``.
    Raises:
        ValueError: no positions, or a mask that is not boolean or does not fit.
    Example:
        >>> x, mask = torch.tensor([[2.0], [4.0], [9.0]]), torch.tensor([True, True, False])
        >>> mean_pool(x, mask=mask)
        tensor([3.])

    Source: Iyyer et al. (2015), the average of a deep averaging network.
    Chapter: notebooks/3_recurrent/14_text_classification.ipynb
    """
    real = _real(x, mask)
    return x.masked_fill(~real, 0.0).sum(-2) / real.sum(-2).clamp(min=1)


def max_pool(x: Vectors, *, mask: Mask = None) -> Pooled:
    """Largest entry over the real positions, for each dimension; zeros where there are none.

    Args:
        x: ``(*batch, length, dim)``.
        mask: True = real, ``(*batch, length)`` or as ``padding_mask`` makes it; None for all.
    Returns:
        ``(*batch, dim)``.
    Raises:
        ValueError: no positions, or a mask that is not boolean or does not fit.
    Example:
        >>> x, mask = torch.tensor([[2.0], [4.0], [9.0]]), torch.tensor([True, True, False])
        >>> max_pool(x, mask=mask)
        tensor([4.])

    Source: Collobert et al. (2011), section 3.3.2, the max layer.
    Chapter: notebooks/3_recurrent/14_text_classification.ipynb
    """
    real = _real(x, mask)
    return x.masked_fill(~real, float("-inf")).amax(-2).masked_fill(~real.any(-2), 0.0)


def last_pool(x: Vectors, *, mask: Mask = None) -> Pooled:
    """The last real position; zeros where there is none.

    Of a bidirectional memory only half has read the whole there; ``Encoder`` gives a summary in
    which both have.

    Args:
        x: ``(*batch, length, dim)``.
        mask: True = real, ``(*batch, length)`` or as ``padding_mask`` makes it; None for all.
    Returns:
        ``(*batch, dim)``.
    Raises:
        ValueError: no positions, or a mask that is not boolean or does not fit.
    Example:
        >>> x, mask = torch.tensor([[2.0], [4.0], [9.0]]), torch.tensor([True, True, False])
        >>> last_pool(x, mask=mask)
        tensor([4.])

    Source: Sutskever et al. (2014), section 2.
    Chapter: notebooks/3_recurrent/14_text_classification.ipynb
    """
    real = _real(x, mask)
    place = torch.arange(x.shape[-2], device=x.device)[:, None]
    last = (place * real).amax(-2, keepdim=True)  # (*batch, 1, 1)
    chosen = x.take_along_dim(last, dim=-2).squeeze(-2)
    return chosen.masked_fill(~real.any(-2), 0.0)


class AttentionPooling(nn.Module):
    r"""One vector out of many by attention from a learned query, the same for all.

    Args:
        dim: size of a vector.
        core: any ``AttentionCore`` for queries and keys of size ``dim``; default scaled dot
            products. With ``AdditiveAttention(dim, dim, hidden_dim)`` it is the paper's,
            :math:`\mathrm{softmax}(v^\top \tanh(U h_j + b))` with b made from the query.
        num_queries: number of learned queries; what they find is joined.
    Raises:
        ValueError: a size below 1.
    Example:
        >>> pooling = AttentionPooling(8, num_queries=2)
        >>> pooling(torch.randn(3, 5, 8), mask=torch.ones(3, 5, dtype=torch.bool)).shape
        torch.Size([3, 16])

    Source: Yang et al. (2016), equations 5 to 7; several queries: Lin et al. (2017), section 2.1.
    Chapter: notebooks/3_recurrent/14_text_classification.ipynb
    """

    def __init__(
        self, dim: int, *, core: AttentionCore | None = None, num_queries: int = 1
    ) -> None:
        super().__init__()
        shapes.check_size("dim", dim), shapes.check_size("num_queries", num_queries)
        self.query = nn.Parameter(torch.randn(num_queries, dim))
        self.core = DotProductAttention() if core is None else core

    def forward(self, x: Vectors, *, mask: Mask = None) -> Float[Tensor, "*batch joined"]:
        """Pool over ``length``.

        Args:
            x: ``(*batch, length, dim)``.
            mask: True = real, ``(*batch, length)`` or as ``padding_mask`` makes it; None for all.
        Returns:
            ``(*batch, num_queries * dim)``; zeros where nothing is real.
        Raises:
            ValueError: shapes do not fit, or a mask that is not boolean.
        """
        cause = "Was the layer built for another size?"
        shapes.check_shape("x", x, ("...", "length", self.query.shape[-1]), cause)
        real = None if mask is None else _real(x, mask).mT  # (*batch, 1, length)
        query = self.query.expand(*x.shape[:-2], -1, -1)
        return self.core(query, x, x, mask=real).flatten(-2)


def _recurrent(
    cell: str, input_dim: int, dim: int, num_layers: int, dropout: float, **options: Any
) -> nn.Module:
    """A GRU or LSTM, its forget gates open."""
    shapes.check_choice("cell", cell, CELLS)
    shapes.check_probability("dropout", dropout)
    between = dropout if shapes.check_size("num_layers", num_layers) > 1 else 0.0  # or torch warns
    rnn = CELLS[cell](input_dim, dim, num_layers, batch_first=True, dropout=between, **options)
    if cell == "lstm":  # gates in torch's order: input, forget, cell, output
        for name, parameter in rnn.named_parameters():
            if name.startswith("bias"):  # there are two, and they are added
                nn.init.constant_(parameter[dim : 2 * dim], 1.0 if "_ih_" in name else 0.0)
    return rnn


def _real(x: Tensor, mask: Tensor | None) -> Bool[Tensor, "*batch length 1"]:
    """Which positions are real, beside the vectors."""
    shapes.check_shape("x", x, ("...", "length", "dim"))
    shapes.check_size("number of positions", x.shape[-2])
    if mask is None:
        return torch.ones(*x.shape[:-1], 1, dtype=torch.bool, device=x.device)
    if x.ndim == 3 and mask.ndim > 2 and set(mask.shape[1:-1]) == {1}:
        mask = mask.flatten(1)  # axes for heads and queries
    if mask.dtype != torch.bool:
        raise ValueError(f"mask has dtype {mask.dtype}; expected bool, True = real.")
    shapes.check_shape("mask", mask, x.shape[:-1], "One for each position; see padding_mask.")
    return mask[..., None]
