"""Transformers out of one block: a config, a stack, embeddings, heads, and five recipes.

A recipe (``gpt``, ``bert``, ``llama``, ``t5``, ``vit``) fills in a config and picks embedding and
head; the rest is shared. Only ``Stack`` and the recipes read the config: layers never see it.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnutils import layers, positions, shapes

Hidden = Float[Tensor, "batch query dim"]
Logits = Float[Tensor, "batch query vocab"]
Mask = Bool[Tensor, "..."] | None
Memory = Float[Tensor, "batch key dim"]
Places = Int[Tensor, "..."] | None
Source = Int[Tensor, "batch key"]
Tokens = Int[Tensor, "batch query"]

ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu}
ACTIVATIONS |= {"gelu_tanh": lambda x: F.gelu(x, approximate="tanh")}
NORMS = {"layer": nn.LayerNorm, "rms": nn.RMSNorm}
POSITIONS = ("learned", "sinusoidal", "rotary", "relative", "alibi", "none")


@dataclass(frozen=True)
class TransformerConfig:
    """The sizes and choices of a stack of blocks; refuses what does not fit together.

    Args:
        dim: size between the blocks.
        num_heads: heads of each attention.
        num_layers: number of blocks.
        num_kv_heads: heads of keys and values; default ``num_heads``.
        head_dim: size of a head; default ``dim / num_heads``.
        hidden_dim: size inside the feed-forward; default as ``FeedForward``'s.
        activation: "relu", "gelu", "gelu_tanh" or "silu".
        gated: whether the feed-forward is gated.
        norm: "layer" or "rms".
        norm_eps: added to the variance.
        norm_first: pre-norm with a last norm behind the stack, or post-norm.
        bias: whether linear layers have one.
        positions: "learned", "sinusoidal", "rotary", "relative", "alibi" or "none".
        max_length: number of learned positions.
        causal: whether positions see only what came before.
        scale: of the scores; default 1/sqrt(head_dim).
        rotary_base: of rotary positions.
        buckets, max_distance: of relative positions.
        dropout: in residual paths, embeddings and attention weights.
    Raises:
        ValueError: a size below 1, an unknown choice, or sizes that do not divide each other.
    Example:
        >>> TransformerConfig(dim=64, num_heads=5, num_layers=2)
        Traceback (most recent call last):
        ValueError: dim 64 is not divisible by num_heads 5; choose another number of heads, or \
give head_dim.

    Source: this book.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """

    dim: int
    num_heads: int
    num_layers: int
    num_kv_heads: int | None = None
    head_dim: int | None = None
    hidden_dim: int | None = None
    activation: str = "gelu"
    gated: bool = False
    norm: str = "layer"
    norm_eps: float = 1e-5
    norm_first: bool = True
    bias: bool = True
    positions: str = "learned"
    max_length: int = 1024
    causal: bool = False
    scale: float | None = None
    rotary_base: float = 10000.0
    buckets: int = 32
    max_distance: int = 128
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("num_heads", "num_layers", "max_length"):
            shapes.check_size(name, getattr(self, name))
        shapes.check_probability("dropout", self.dropout)
        for name, known in (("activation", ACTIVATIONS), ("norm", NORMS), ("positions", POSITIONS)):
            shapes.check_choice(name, getattr(self, name), known)
        with torch.device("meta"):  # the layers check the rest, without memory
            self.attention(), self.feed_forward()

    def attention(self, *, cross: bool = False) -> layers.MultiHeadAttention:
        """An attention layer of these sizes."""
        options: dict[str, Any] = {"num_kv_heads": self.num_kv_heads, "head_dim": self.head_dim}
        if self.positions == "rotary" and not cross:
            head_dim = self.head_dim or self.dim // self.num_heads
            options["rotary"] = positions.Rotary(head_dim, base=self.rotary_base)
        core = layers.DotProductAttention(scale=self.scale, dropout=self.dropout)
        options |= {"bias": self.bias, "core": core}
        return layers.MultiHeadAttention(self.dim, self.num_heads, **options)

    def feed_forward(self) -> layers.FeedForward:
        """A feed-forward layer of these sizes."""
        kind = layers.GatedFeedForward if self.gated else layers.FeedForward
        options = {"bias": self.bias, "dropout": self.dropout}
        return kind(self.dim, self.hidden_dim, activation=ACTIVATIONS[self.activation], **options)

    def make_norm(self) -> nn.Module:
        """A norm of these sizes."""
        return NORMS[self.norm](self.dim, eps=self.norm_eps)

    def residual(self, layer: nn.Module) -> layers.Residual:
        """The path around a layer."""
        options = {"norm_first": self.norm_first, "dropout": self.dropout}
        return layers.Residual(layer, self.make_norm(), **options)


class LayerCache(NamedTuple):
    """What one block remembers: its own keys and values, and those of the memory it reads.

    Args:
        own: ``(batch, heads, key, head_dim)`` each, of the tokens so far.
        memory: the same of the memory; empty in a block without cross-attention.
    Example:
        >>> cache = Stack(TransformerConfig(dim=8, num_heads=2, num_layers=3)).new_cache()
        >>> len(cache), len(cache[0].own)
        (3, 0)

    Source: this book.
    Chapter: notebooks/7_efficiency/36_kv_cache.ipynb
    """

    own: layers.KVCache
    memory: layers.KVCache


Cache = list[LayerCache] | None


@dataclass
class DecoderState:
    """What a decoder carries from step to step: its caches, and the memory it reads.

    Args:
        cache: one for each block.
        memory: of the source, ``(batch, key, dim)``, or None.
        memory_mask: hides its padding, or None.
    Example:
        >>> model = gpt(vocab_size=10, dim=8, num_heads=2, num_layers=1)
        >>> logits, state = model.step(torch.tensor([[1, 2, 3]]))
        >>> len(state)
        3

    Source: this book.
    Chapter: notebooks/5_transformer/27_decoding.ipynb
    """

    cache: list[LayerCache]
    memory: Tensor | None = None
    memory_mask: Tensor | None = None

    def __len__(self) -> int:
        return len(self.cache[0].own)

    def reorder(self, rows: Int[Tensor, " batch"]) -> None:
        """Replace the rows of the batch by a selection of them, as beam search does."""
        filled = [part for layer in self.cache for part in layer if len(part)]
        for part in filled:
            part.reorder(rows)
        if self.memory is not None:
            self.memory = self.memory[rows]
        if self.memory_mask is not None and len(self.memory_mask) > 1:
            self.memory_mask = self.memory_mask[rows]

    def truncate(self, length: int) -> None:
        """Forget all but the first ``length`` tokens, as speculative decoding does."""
        for layer in self.cache:
            layer.own.truncate(length)


class Block(nn.Module):
    """Attention, then perhaps cross-attention, then a feed-forward, each in its residual path.

    Args:
        attention: self-attention in its residual path.
        feed_forward: feed-forward in its residual path.
        cross: cross-attention in its residual path, for a decoder that reads an encoder.
    Raises:
        ValueError: a memory is given to a block without cross-attention, or is missing.
    Example:
        >>> config = TransformerConfig(dim=8, num_heads=2, num_layers=1)
        >>> attention, feed_forward = config.attention(), config.feed_forward()
        >>> block = Block(config.residual(attention), config.residual(feed_forward))
        >>> block(torch.ones(1, 3, 8)).shape
        torch.Size([1, 3, 8])

    Source: Vaswani et al. (2017), figure 1.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """

    def __init__(
        self, attention: layers.Residual, feed_forward: layers.Residual,
        cross: layers.Residual | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.attention, self.cross, self.feed_forward = attention, cross, feed_forward

    def forward(
        self, x: Hidden, memory: Memory | None = None, *, memory_mask: Mask = None,
        cache: LayerCache | None = None, **options: Any,
    ) -> Hidden:  # fmt: skip
        """One block; ``options`` go to the self-attention (mask, causal, bias, positions)."""
        if (memory is None) != (self.cross is None):
            found = "missing" if memory is None else "given, but there is no cross-attention"
            raise ValueError(f"memory is {found}. Was the stack built with the right cross=?")
        x = self.attention(x, cache=cache and cache.own, **options)
        if self.cross is not None:
            x = self.cross(x, memory, mask=memory_mask, cache=cache and cache.memory)
        return self.feed_forward(x)


class Stack(nn.Module):
    """Blocks on top of each other, with what they share: the bias of positions and the last norm.

    Args:
        config: sizes and choices.
        cross: whether the blocks read a memory.
    Raises:
        ValueError: buckets and a largest distance of relative positions that do not fit together.
    Example:
        >>> stack = Stack(TransformerConfig(dim=8, num_heads=2, num_layers=3, causal=True))
        >>> stack(torch.ones(1, 4, 8)).shape
        torch.Size([1, 4, 8])

    Source: Vaswani et al. (2017), section 3.1.
    Chapter: notebooks/5_transformer/25_block.ipynb
    """

    def __init__(self, config: TransformerConfig, *, cross: bool = False) -> None:
        super().__init__()
        self.causal = config.causal
        self.blocks = nn.ModuleList(_block(config, cross) for _ in range(config.num_layers))
        self.norm = config.make_norm() if config.norm_first else nn.Identity()
        self.bias: nn.Module | None = None
        if config.positions == "relative":
            options = {"buckets": config.buckets, "max_distance": config.max_distance}
            both = not config.causal
            self.bias = positions.RelativeBias(config.num_heads, both=both, **options)
        elif config.positions == "alibi":
            self.bias = positions.AlibiBias(config.num_heads)

    def new_cache(self) -> list[LayerCache]:
        """An empty cache for each block."""
        return [LayerCache(layers.KVCache(), layers.KVCache()) for _ in self.blocks]

    def forward(
        self, x: Hidden, memory: Memory | None = None, *, mask: Mask = None,
        memory_mask: Mask = None, positions: Places = None, cache: Cache = None,
    ) -> Hidden:  # fmt: skip
        """All blocks, then the last norm.

        Args:
            x: ``(batch, query, dim)``.
            memory: what cross-attention reads, ``(batch, key, dim)``.
            mask: True = may attend, for the self-attention; ``causal`` comes on top of it.
            memory_mask: the same for the cross-attention.
            positions: for rotary positions; default counts on from the cache.
            cache: from ``new_cache``; a call that fails leaves it as it was.
        Returns:
            ``(batch, query, dim)``.
        Raises:
            ValueError: shapes, masks or the cache do not fit.
        """
        caches = [None] * len(self.blocks) if cache is None else cache
        if len(caches) != len(self.blocks):
            raise ValueError(f"cache for {len(caches)} blocks; this stack has {len(self.blocks)}.")
        before = [(part, len(part)) for layer in cache or [] for part in layer]
        bias = None
        if self.bias is not None:
            key = x.shape[1] + (before[0][1] if before else 0)
            bias = self.bias(x.shape[1], key).to(x.dtype)
        options = {"mask": mask, "causal": self.causal, "bias": bias, "positions": positions}
        try:
            for block, own in zip(self.blocks, caches):
                x = block(x, memory, memory_mask=memory_mask, cache=own, **options)
        except Exception:
            for part, length in before:
                part.truncate(length)
            raise
        return self.norm(x)


class TokenEmbedding(nn.Module):
    """Tokens to vectors: a table, perhaps positions, segments and a norm.

    Args:
        vocab_size: number of tokens.
        dim: size of a vector.
        positions: called with positions and added, or None.
        segments: number of segments, each with a learned vector; 0 for none.
        norm: applied last, or None.
        scale: factor on the table's vectors.
        dropout: probability of dropping an entry.
    Raises:
        ValueError: a token outside the vocabulary, or shapes that do not fit.
    Example:
        >>> TokenEmbedding(10, 4)(torch.tensor([[1, 2, 3]])).shape
        torch.Size([1, 3, 4])

    Source: Vaswani et al. (2017), section 3.4; segments: Devlin et al. (2019), section 3.
    Chapter: notebooks/5_transformer/26_encoder_decoder.ipynb
    """

    def __init__(
        self, vocab_size: int, dim: int, *, positions: nn.Module | None = None, segments: int = 0,
        norm: nn.Module | None = None, scale: float = 1.0, dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        shapes.check_size("vocab_size", vocab_size), shapes.check_size("dim", dim)
        self.table = nn.Embedding(vocab_size, dim)
        nn.init.normal_(self.table.weight, std=0.02 if scale == 1 else dim**-0.5)
        self.positions, self.scale = positions, scale
        self.segments = nn.Embedding(segments, dim) if segments else None
        self.norm = nn.Identity() if norm is None else norm
        self.dropout = nn.Dropout(shapes.check_probability("dropout", dropout))

    def forward(
        self, tokens: Tokens, *, positions: Places = None, segments: Tokens | None = None
    ) -> Hidden:
        """Vectors of the tokens at the given positions, by default from 0."""
        shapes.check_tokens("tokens", tokens, self.table.num_embeddings)
        x = self.table(tokens) * self.scale
        if self.positions is not None:
            positions = _places(tokens) if positions is None else positions
            x = x + self.positions(positions).to(x.dtype)
        if self.segments is not None:
            x = x + self.segments(torch.zeros_like(tokens) if segments is None else segments)
        elif segments is not None:
            raise ValueError("segments are given but this embedding has none.")
        return self.dropout(self.norm(x))


class PatchEmbedding(nn.Module):
    """Images to vectors: one for each patch, after a learned class token, with learned positions.

    Args:
        image_size: height and width of the images, divisible by ``patch_size``.
        patch_size: height and width of a patch.
        dim: size of a vector.
        channels: of the images.
        dropout: probability of dropping an entry.
    Raises:
        ValueError: sizes that do not divide each other, or images of another shape.
    Example:
        >>> PatchEmbedding(8, 2, 16, channels=1)(torch.ones(3, 1, 8, 8)).shape
        torch.Size([3, 17, 16])

    Source: Dosovitskiy et al. (2021), section 3.1.
    Chapter: notebooks/6_models/31_vit.ipynb
    """

    def __init__(
        self, image_size: int, patch_size: int, dim: int, *, channels: int = 3, dropout: float = 0.0
    ) -> None:
        super().__init__()
        shapes.check_size("image_size", image_size), shapes.check_size("patch_size", patch_size)
        if image_size % patch_size:
            raise ValueError(f"{image_size=} is not divisible by {patch_size=}; expected it to be.")
        self.shape = (shapes.check_size("channels", channels), image_size, image_size)
        self.project = nn.Conv2d(channels, dim, patch_size, stride=patch_size)
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.positions = positions.LearnedPositions((image_size // patch_size) ** 2 + 1, dim)
        self.dropout = nn.Dropout(shapes.check_probability("dropout", dropout))

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Hidden:
        """The class token, then the patches row by row."""
        shapes.check_shape("images", images, ("batch", *self.shape), "Of another size or color?")
        x = self.project(images).flatten(2).mT  # (batch, patches, dim)
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1)
        return self.dropout(x + self.positions.weight)


class Transformer(nn.Module):
    """An embedding, a stack and a head: encoder-only or decoder-only.

    Args:
        embed: tokens or images to vectors.
        stack: the blocks.
        head: vectors to what is asked for, such as logits; default none.
    Example:
        >>> model = gpt(vocab_size=10, dim=8, num_heads=2, num_layers=1)
        >>> model(torch.tensor([[1, 2, 3]])).shape
        torch.Size([1, 3, 10])

    Source: this book.
    Chapter: notebooks/5_transformer/26_encoder_decoder.ipynb
    """

    def __init__(self, embed: nn.Module, stack: Stack, head: nn.Module | None = None) -> None:
        super().__init__()
        self.embed, self.stack = embed, stack
        self.head = nn.Identity() if head is None else head

    def new_cache(self) -> list[LayerCache]:
        """An empty cache, one for each block."""
        return self.stack.new_cache()

    def forward(
        self, inputs: Tensor, *, mask: Mask = None, positions: Places = None,
        segments: Tokens | None = None, cache: Cache = None,
    ) -> Tensor:  # fmt: skip
        """From tokens or images to what the head gives.

        Args:
            inputs: tokens ``(batch, length)`` or images ``(batch, channels, height, width)``.
            mask: True = may attend, broadcastable to ``(batch, heads, query, key)``.
            positions: ``(length,)`` or ``(batch, length)``; default counts on from the cache. With
                padding on the left they are needed: ``(tokens != pad).cumsum(1) - 1``.
            segments: ``(batch, length)``, for embeddings that have them.
            cache: from ``new_cache``.
        Returns:
            What the head makes of ``(batch, length, dim)``.
        Raises:
            ValueError: shapes, tokens, positions or masks do not fit; the cache is as it was.
        """
        if isinstance(self.embed, PatchEmbedding):
            return self.head(self.stack(self.embed(inputs), mask=mask))
        positions = _places(inputs, cache) if positions is None else positions
        x = self.embed(inputs, positions=positions, segments=segments)
        return self.head(self.stack(x, mask=mask, positions=positions, cache=cache))

    def step(
        self, tokens: Tokens, state: DecoderState | None = None
    ) -> tuple[Logits, DecoderState]:
        """Logits after new tokens, and the state to go on from: what decoding needs."""
        state = DecoderState(self.new_cache()) if state is None else state
        return self(tokens, cache=state.cache), state


class EncoderDecoder(nn.Module):
    """An encoder that reads the source, and a decoder that reads it while it writes the target.

    Args:
        source: embedding of the source.
        encoder: stack over the source.
        target: embedding of the target.
        decoder: causal stack with cross-attention.
        head: vectors to logits.
    Example:
        >>> model = t5(vocab_size=10, dim=8, num_heads=2, num_layers=1)
        >>> model(torch.tensor([[1, 2, 3]]), torch.tensor([[0, 4]])).shape
        torch.Size([1, 2, 10])

    Source: Vaswani et al. (2017), figure 1.
    Chapter: notebooks/5_transformer/26_encoder_decoder.ipynb
    """

    def __init__(
        self, source: nn.Module, encoder: Stack, target: nn.Module, decoder: Stack, head: nn.Module
    ) -> None:
        super().__init__()
        self.source, self.encoder = source, encoder
        self.target, self.decoder, self.head = target, decoder, head

    def new_cache(self) -> list[LayerCache]:
        """An empty cache for each block of the decoder."""
        return self.decoder.new_cache()

    def encode(self, source: Source, *, mask: Mask = None) -> Memory:
        """Memory of the source, ``(batch, key, dim)``."""
        return self.encoder(self.source(source), mask=mask)

    def decode(
        self, target: Tokens, memory: Memory, *, mask: Mask = None, memory_mask: Mask = None,
        cache: Cache = None,
    ) -> Logits:  # fmt: skip
        """Logits after each target token, ``(batch, length, vocab)``."""
        x = self.target(target, positions=_places(target, cache))
        return self.head(self.decoder(x, memory, mask=mask, memory_mask=memory_mask, cache=cache))

    def forward(
        self, source: Source, target: Tokens, *, source_mask: Mask = None, target_mask: Mask = None
    ) -> Logits:
        """Logits for what follows each target token.

        Args:
            source: tokens, ``(batch, key)``.
            target: tokens, shifted right: it begins with the start token.
            source_mask: True = may attend, hides the source's padding from both stacks.
            target_mask: the same for the target.
        Returns:
            ``(batch, query, vocab)``.
        Raises:
            ValueError: shapes, tokens or masks do not fit.
        """
        memory = self.encode(source, mask=source_mask)
        return self.decode(target, memory, mask=target_mask, memory_mask=source_mask)

    def start(self, source: Source, *, mask: Mask = None) -> DecoderState:
        """Encode a source; the state from which ``step`` writes."""
        return DecoderState(self.new_cache(), self.encode(source, mask=mask), mask)

    def step(self, tokens: Tokens, state: DecoderState) -> tuple[Logits, DecoderState]:
        """Logits after new target tokens, and the state to go on from: what decoding needs."""
        logits = self.decode(tokens, state.memory, memory_mask=state.memory_mask, cache=state.cache)
        return logits, state


class TiedHead(nn.Module):
    """Logits by the dot product with the embedding's own table.

    Args:
        table: the embedding.
        scale: factor on the vectors before.
        bias: whether each token has one.
        transform: applied to the vectors first, or None.
    Example:
        >>> TiedHead(nn.Embedding(10, 4))(torch.ones(1, 3, 4)).shape
        torch.Size([1, 3, 10])

    Source: Press & Wolf (2017).
    Chapter: notebooks/5_transformer/26_encoder_decoder.ipynb
    """

    def __init__(
        self, table: nn.Embedding, *, scale: float = 1.0, bias: bool = False,
        transform: nn.Module | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.weight, self.scale = table.weight, scale
        self.bias = nn.Parameter(torch.zeros(len(table.weight))) if bias else None
        self.transform = nn.Identity() if transform is None else transform

    def forward(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch vocab"]:
        """Logits of each token."""
        return F.linear(self.transform(x) * self.scale, self.weight, self.bias)


def gpt(vocab_size: int, dim: int, num_heads: int, num_layers: int, **choices: Any) -> Transformer:
    """GPT-2: decoder-only, pre-norm, learned positions, tanh GELU, tied head.

    Args:
        vocab_size: number of tokens.
        dim, num_heads, num_layers: sizes.
        choices: any other field of ``TransformerConfig``, instead of the family's.
    Raises:
        ValueError: sizes or choices that do not fit, as in ``TransformerConfig``.
    Example:
        >>> sum(p.numel() for p in gpt(50257, 768, 12, 12).parameters())
        124439808

    Source: Radford et al. (2019).
    Chapter: notebooks/6_models/29_gpt.ipynb
    """
    family = {"activation": "gelu_tanh", "causal": True}
    config = TransformerConfig(dim, num_heads, num_layers, **family | choices)
    embed = _embedding(vocab_size, config)
    return Transformer(embed, Stack(config), TiedHead(embed.table))


def bert(vocab_size: int, dim: int, num_heads: int, num_layers: int, **choices: Any) -> Transformer:
    """BERT: encoder-only, post-norm, learned positions, two segments, masked-word head.

    Args:
        vocab_size: number of tokens.
        dim, num_heads, num_layers: sizes.
        choices: any other field of ``TransformerConfig``, instead of the family's.
    Raises:
        ValueError: sizes or choices that do not fit, as in ``TransformerConfig``.
    Example:
        >>> bert(10, 8, 2, 1)(torch.tensor([[1, 2]])).shape
        torch.Size([1, 2, 10])

    Source: Devlin et al. (2019).
    Chapter: notebooks/6_models/30_bert.ipynb
    """
    family = {"norm_first": False, "norm_eps": 1e-12, "max_length": 512}
    config = TransformerConfig(dim, num_heads, num_layers, **family | choices)
    embed = _embedding(vocab_size, config, segments=2, norm=config.make_norm())
    transform = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), config.make_norm())
    return Transformer(embed, Stack(config), TiedHead(embed.table, bias=True, transform=transform))


def llama(
    vocab_size: int, dim: int, num_heads: int, num_layers: int, **choices: Any
) -> Transformer:
    """Llama: decoder-only, RMS norm, rotary positions, gated feed-forward, no biases.

    Args:
        vocab_size: number of tokens.
        dim, num_heads, num_layers: sizes.
        choices: any other field of ``TransformerConfig``, instead of the family's.
    Raises:
        ValueError: sizes or choices that do not fit, as in ``TransformerConfig``.
    Example:
        >>> llama(10, 8, 4, 1, num_kv_heads=2)(torch.tensor([[1, 2]])).shape
        torch.Size([1, 2, 10])

    Source: Touvron et al. (2023).
    Chapter: notebooks/6_models/32_five_families.ipynb
    """
    family = {"norm": "rms", "norm_eps": 1e-6, "bias": False, "positions": "rotary"}
    family |= {"activation": "silu", "gated": True, "causal": True}
    config = TransformerConfig(dim, num_heads, num_layers, **family | choices)
    embed = _embedding(vocab_size, config)
    return Transformer(embed, Stack(config), nn.Linear(dim, vocab_size, bias=False))


def t5(
    vocab_size: int, dim: int, num_heads: int, num_layers: int,
    *, decoder_layers: int | None = None, **choices: Any,
) -> EncoderDecoder:  # fmt: skip
    """T5: encoder-decoder, RMS norm, relative bias shared by the blocks, unscaled scores.

    Args:
        vocab_size: number of tokens.
        dim, num_heads, num_layers: sizes.
        decoder_layers: blocks of the decoder; default ``num_layers``.
        choices: any other field of ``TransformerConfig``, instead of the family's.
    Raises:
        ValueError: sizes or choices that do not fit, as in ``TransformerConfig``.
    Example:
        >>> t5(10, 8, 2, 1)(torch.tensor([[1, 2]]), torch.tensor([[0]])).shape
        torch.Size([1, 1, 10])

    Source: Raffel et al. (2020).
    Chapter: notebooks/6_models/32_five_families.ipynb
    """
    family = {"norm": "rms", "norm_eps": 1e-6, "bias": False, "positions": "relative"}
    family |= {"activation": "relu", "scale": 1.0}
    config = TransformerConfig(dim, num_heads, num_layers, **family | choices)
    embed = _embedding(vocab_size, config)
    decoder_layers = num_layers if decoder_layers is None else decoder_layers
    decoder = replace(config, num_layers=decoder_layers, causal=True)
    head = TiedHead(embed.table, scale=dim**-0.5)
    return EncoderDecoder(embed, Stack(config), embed, Stack(decoder, cross=True), head)


def vit(
    classes: int, dim: int, num_heads: int, num_layers: int, *, image_size: int, patch_size: int,
    channels: int = 3, **choices: Any,
) -> Transformer:  # fmt: skip
    """Vision Transformer: encoder-only over patches, pre-norm, logits from the class token.

    Args:
        classes: number of classes.
        dim, num_heads, num_layers: sizes.
        image_size, patch_size, channels: as in ``PatchEmbedding``.
        choices: any other field of ``TransformerConfig``, instead of the family's.
    Raises:
        ValueError: sizes or choices that do not fit, as in ``TransformerConfig``.
    Example:
        >>> vit(10, 8, 2, 1, image_size=8, patch_size=2, channels=1)(torch.ones(3, 1, 8, 8)).shape
        torch.Size([3, 10])

    Source: Dosovitskiy et al. (2021).
    Chapter: notebooks/6_models/31_vit.ipynb
    """
    family = {"norm_eps": 1e-12, "positions": "none"}
    config = TransformerConfig(dim, num_heads, num_layers, **family | choices)
    embed = PatchEmbedding(image_size, patch_size, dim, channels=channels, dropout=config.dropout)
    return Transformer(embed, Stack(config), FirstHead(dim, classes))


class FirstHead(nn.Linear):
    """A linear layer on the first position alone, such as a class token's.

    Args:
        in_features, out_features: as in ``nn.Linear``.
    Example:
        >>> FirstHead(4, 2)(torch.ones(1, 3, 4)).shape
        torch.Size([1, 2])

    Source: Dosovitskiy et al. (2021), section 3.1.
    Chapter: notebooks/6_models/31_vit.ipynb
    """

    def forward(self, x: Float[Tensor, "batch length dim"]) -> Float[Tensor, "batch classes"]:
        """Logits of each class."""
        return super().forward(x[:, 0])


def _block(config: TransformerConfig, cross: bool) -> Block:
    attention, feed_forward = config.attention(), config.feed_forward()
    read = config.residual(config.attention(cross=True)) if cross else None
    return Block(config.residual(attention), config.residual(feed_forward), read)


def _embedding(vocab_size: int, config: TransformerConfig, **options: Any) -> TokenEmbedding:
    """An embedding with the positions that are added to the input, if the config has such."""
    if config.positions == "learned":
        options["positions"] = positions.LearnedPositions(config.max_length, config.dim)
    elif config.positions == "sinusoidal":
        options["positions"] = positions.SinusoidalPositions(config.dim)
    return TokenEmbedding(vocab_size, config.dim, dropout=config.dropout, **options)


def _places(tokens: Tensor, cache: Cache = None) -> Int[Tensor, " new"]:
    """Positions of new tokens, counted on from the cache."""
    before = len(cache[0].own) if cache else 0
    return torch.arange(before, before + tokens.shape[-1], device=tokens.device)
