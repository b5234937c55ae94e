"""Real checkpoints in this package's blocks: GPT-2, BERT, Llama, ViT, T5 from ``transformers``.

Strict on purpose: an architecture or a config value that the blocks cannot reproduce is refused by
name, and no weight may be missing or left over. ``transformers`` itself is never imported here.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from attnutils.transformer import Stack, bert, gpt, llama, t5, vit

__all__ = ["from_huggingface"]

State = dict[str, Tensor]
ACTIVATIONS = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "silu": "silu",
    "swish": "silu",
}


def from_huggingface(model: nn.Module) -> nn.Module:
    """Rebuild a model of ``transformers`` from this package's blocks, with the same weights.

    The result computes the same logits (in eval mode), takes boolean masks, and can be watched with
    ``record_attention``. Dropout is not carried over.

    Args:
        model: ``GPT2LMHeadModel``, ``BertForMaskedLM``, ``LlamaForCausalLM``,
            ``ViTForImageClassification`` or ``T5ForConditionalGeneration`` (1.0 and 1.1), loaded.
    Returns:
        A ``Transformer``, or for T5 an ``EncoderDecoder``, in the same dtype, device and mode.
    Raises:
        ValueError: another architecture, a config value that is not supported (named), or weights
            that are missing or left over.
    Example:
        >>> from_huggingface(nn.Linear(2, 2))
        Traceback (most recent call last):
        ValueError: cannot translate Linear; expected one of GPT2LMHeadModel, BertForMaskedLM, \
LlamaForCausalLM, ViTForImageClassification, T5ForConditionalGeneration.

    Source: Wolf et al. (2020), arXiv:1910.03771, for the layout of the weights.
    Chapter: notebooks/6_models/32_five_families.ipynb
    """
    name = type(model).__name__
    if name not in _FAMILIES:
        raise ValueError(f"cannot translate {name}; expected one of {', '.join(_FAMILIES)}.")
    build, translate = _FAMILIES[name]
    ours = build(_Config(model.config))
    state = _Weights(model.state_dict())
    translated = translate(state, ours)
    state.check_all_used()
    parameter = next(model.parameters())
    ours.to(dtype=parameter.dtype, device=parameter.device)  # before loading, or digits are lost
    try:
        ours.load_state_dict(translated)
    except RuntimeError as error:
        raise ValueError(f"weights of {name} do not fit: {error}") from error
    return ours.train(model.training)


class _Config:
    """A config whose fields must be asked for with the values that are supported."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def __getattr__(self, name: str) -> Any:
        return getattr(self.config, name)

    def require(self, **supported: Any) -> None:
        """Refuse every other value, by name."""
        for name, value in supported.items():
            found = getattr(self.config, name, value)
            if found != value:
                raise ValueError(
                    f"{type(self.config).__name__} has {name}={found!r}; supported is {value!r}."
                )

    def activation(self, name: str) -> str:
        """Our name of an activation."""
        found = getattr(self.config, name)
        if found not in ACTIVATIONS:
            raise ValueError(
                f"{type(self.config).__name__} has {name}={found!r}; supported are "
                f"{', '.join(ACTIVATIONS)}."
            )
        return ACTIVATIONS[found]


class _Weights:
    """Weights by name, each to be taken once."""

    def __init__(self, state: State) -> None:
        self.state = dict(state)

    def take(self, name: str) -> Tensor:
        """One weight."""
        if name not in self.state:
            raise ValueError(f"the weight {name} is missing; is the model loaded as a whole?")
        return self.state.pop(name)

    def linear(self, to: str, name: str) -> State:
        """Weight and, where there is one, bias."""
        parts = {"weight": self.take(f"{name}.weight")}
        if f"{name}.bias" in self.state:
            parts["bias"] = self.take(f"{name}.bias")
        return {f"{to}.{part}": tensor for part, tensor in parts.items()}

    def all(self, to: str, names: dict[str, str], under: str) -> State:
        """Several at once: our names to theirs."""
        result: State = {}
        for ours, theirs in names.items():
            result |= self.linear(f"{to}.{ours}", f"{under}.{theirs}")
        return result

    def drop(self, *names: str) -> None:
        """Weights that repeat others, or that no output depends on."""
        for name in names:
            self.state.pop(name, None)

    def check_all_used(self) -> None:
        """Refuse to leave anything behind."""
        if self.state:
            raise ValueError(f"weights left over: {', '.join(sorted(self.state))}.")


def _attention(query: str, key: str, value: str, output: str, *, at: str = "attention") -> dict:
    layers = {"query": query, "key": key, "value": value, "output": output}
    return {f"{at}.layer.{ours}": theirs for ours, theirs in layers.items()}


# ---------------------------------------------------------------------------------------- GPT-2


def _build_gpt2(config: _Config) -> nn.Module:
    config.require(
        scale_attn_weights=True,
        scale_attn_by_inverse_layer_idx=False,
        reorder_and_upcast_attn=False,
        add_cross_attention=False,
        tie_word_embeddings=True,
    )
    return gpt(
        config.vocab_size,
        config.n_embd,
        config.n_head,
        config.n_layer,
        hidden_dim=config.n_inner or 4 * config.n_embd,
        max_length=config.n_positions,
        norm_eps=config.layer_norm_epsilon,
        activation=config.activation("activation_function"),
    )


def _gpt2(theirs: _Weights, ours: nn.Module) -> State:
    state = {
        "embed.table.weight": theirs.take("transformer.wte.weight"),
        "embed.positions.weight": theirs.take("transformer.wpe.weight"),
        "head.weight": theirs.take("lm_head.weight"),
        **theirs.linear("stack.norm", "transformer.ln_f"),
    }
    for index in range(len(ours.stack.blocks)):
        block, layer = f"stack.blocks.{index}", f"transformer.h.{index}"
        names = {"attention.norm": "ln_1", "feed_forward.norm": "ln_2"}
        state |= theirs.all(block, names, layer)
        dense = {
            "attention.layer.output": "attn.c_proj",
            "feed_forward.layer.up": "mlp.c_fc",
            "feed_forward.layer.down": "mlp.c_proj",
        }
        for to, name in dense.items():  # Conv1D stores (in, out)
            state[f"{block}.{to}.weight"] = theirs.take(f"{layer}.{name}.weight").mT
            state[f"{block}.{to}.bias"] = theirs.take(f"{layer}.{name}.bias")
        for part in ("weight", "bias"):  # query, key and value in one
            packed = theirs.take(f"{layer}.attn.c_attn.{part}").chunk(3, dim=-1)
            for to, tensor in zip(("query", "key", "value"), packed, strict=True):
                state[f"{block}.attention.layer.{to}.{part}"] = (
                    tensor.mT if tensor.ndim > 1 else tensor
                )
        theirs.drop(f"{layer}.attn.bias", f"{layer}.attn.masked_bias")  # masks, in old versions
    return state


# ----------------------------------------------------------------------------------------- BERT


def _build_bert(config: _Config) -> nn.Module:
    config.require(
        is_decoder=False,
        add_cross_attention=False,
        position_embedding_type="absolute",
        tie_word_embeddings=True,
        type_vocab_size=2,
    )
    return bert(
        config.vocab_size,
        config.hidden_size,
        config.num_attention_heads,
        config.num_hidden_layers,
        hidden_dim=config.intermediate_size,
        max_length=config.max_position_embeddings,
        norm_eps=config.layer_norm_eps,
        activation=config.activation("hidden_act"),
    )


def _bert(theirs: _Weights, ours: nn.Module) -> State:
    table = theirs.take("bert.embeddings.word_embeddings.weight")
    state = {
        "embed.table.weight": table,
        "head.weight": table,
        "embed.positions.weight": theirs.take("bert.embeddings.position_embeddings.weight"),
        "embed.segments.weight": theirs.take("bert.embeddings.token_type_embeddings.weight"),
        "head.bias": theirs.take("cls.predictions.bias"),
        **theirs.linear("embed.norm", "bert.embeddings.LayerNorm"),
        **theirs.linear("head.transform.0", "cls.predictions.transform.dense"),
        **theirs.linear("head.transform.2", "cls.predictions.transform.LayerNorm"),
    }
    attention = {
        f"attention.layer.{part}": f"attention.self.{part}" for part in ("query", "key", "value")
    }
    names = attention | {
        "attention.layer.output": "attention.output.dense",
        "attention.norm": "attention.output.LayerNorm",
        "feed_forward.layer.up": "intermediate.dense",
        "feed_forward.layer.down": "output.dense",
        "feed_forward.norm": "output.LayerNorm",
    }
    for index in range(len(ours.stack.blocks)):
        state |= theirs.all(f"stack.blocks.{index}", names, f"bert.encoder.layer.{index}")
    theirs.drop("cls.predictions.decoder.weight", "cls.predictions.decoder.bias")  # repeated
    return state


# ---------------------------------------------------------------------------------------- Llama


def _build_llama(config: _Config) -> nn.Module:
    config.require(attention_bias=False, mlp_bias=False, pretraining_tp=1)
    rope = dict(config.rope_parameters or {})
    if rope.get("rope_type", "default") != "default":
        raise ValueError(
            f"LlamaConfig has rope_type={rope['rope_type']!r}; supported is 'default'."
        )
    return llama(
        config.vocab_size,
        config.hidden_size,
        config.num_attention_heads,
        config.num_hidden_layers,
        num_kv_heads=config.num_key_value_heads,
        head_dim=config.head_dim,
        hidden_dim=config.intermediate_size,
        max_length=config.max_position_embeddings,
        norm_eps=config.rms_norm_eps,
        activation=config.activation("hidden_act"),
        rotary_base=rope.get("rope_theta", 10000.0),
    )


def _llama(theirs: _Weights, ours: nn.Module) -> State:
    state = {
        "embed.table.weight": theirs.take("model.embed_tokens.weight"),
        **theirs.linear("stack.norm", "model.norm"),
        **theirs.linear("head", "lm_head"),
    }
    names = _attention(*(f"self_attn.{letter}_proj" for letter in "qkvo")) | {
        "attention.norm": "input_layernorm",
        "feed_forward.norm": "post_attention_layernorm",
        "feed_forward.layer.gate": "mlp.gate_proj",
        "feed_forward.layer.up": "mlp.up_proj",
        "feed_forward.layer.down": "mlp.down_proj",
    }
    for index in range(len(ours.stack.blocks)):
        state |= theirs.all(f"stack.blocks.{index}", names, f"model.layers.{index}")
    return state


# ------------------------------------------------------------------------------------------ ViT


def _build_vit(config: _Config) -> nn.Module:
    config.require(qkv_bias=True)
    for name in ("image_size", "patch_size"):
        if not isinstance(getattr(config, name), int):
            raise ValueError(
                f"ViTConfig has {name}={getattr(config, name)!r}; supported is a square."
            )
    return vit(
        config.num_labels,
        config.hidden_size,
        config.num_attention_heads,
        config.num_hidden_layers,
        image_size=config.image_size,
        patch_size=config.patch_size,
        channels=config.num_channels,
        hidden_dim=config.intermediate_size,
        norm_eps=config.layer_norm_eps,
        activation=config.activation("hidden_act"),
    )


def _vit(theirs: _Weights, ours: nn.Module) -> State:
    state = {
        "embed.class_token": theirs.take("vit.embeddings.cls_token"),
        "embed.positions.weight": theirs.take("vit.embeddings.position_embeddings")[0],
        **theirs.linear("embed.project", "vit.embeddings.patch_embeddings.projection"),
        **theirs.linear("stack.norm", "vit.layernorm"),
        **theirs.linear("head", "classifier"),
    }
    names = _attention(*(f"attention.{letter}_proj" for letter in "qkvo")) | {
        "attention.norm": "layernorm_before",
        "feed_forward.norm": "layernorm_after",
        "feed_forward.layer.up": "mlp.fc1",
        "feed_forward.layer.down": "mlp.fc2",
    }
    for index in range(len(ours.stack.blocks)):
        state |= theirs.all(f"stack.blocks.{index}", names, f"vit.layers.{index}")
    return state


# ------------------------------------------------------------------------------------------- T5


def _build_t5(config: _Config) -> nn.Module:
    config.require(tie_word_embeddings=True)
    ours = t5(
        config.vocab_size,
        config.d_model,
        config.num_heads,
        config.num_layers,
        decoder_layers=config.num_decoder_layers,
        head_dim=config.d_kv,
        hidden_dim=config.d_ff,
        buckets=config.relative_attention_num_buckets,
        max_distance=config.relative_attention_max_distance,
        norm_eps=config.layer_norm_epsilon,
        activation=config.activation("dense_act_fn"),
        gated=config.is_gated_act,
    )
    if not getattr(config, "scale_decoder_outputs", True):  # version 1.1
        ours.head.scale = 1.0
    return ours


def _t5(theirs: _Weights, ours: nn.Module) -> State:
    table = theirs.take("shared.weight")
    state = {f"{name}.weight": table for name in ("source.table", "target.table", "head")}
    feed_forward = {"up": "wi", "down": "wo"}
    if "encoder.block.0.layer.1.DenseReluDense.wi_0.weight" in theirs.state:
        feed_forward = {"gate": "wi_0", "up": "wi_1", "down": "wo"}
    for to in ("encoder", "decoder"):
        stack: Stack = getattr(ours, to)
        bias = f"{to}.block.0.layer.0.SelfAttention.relative_attention_bias"
        state |= theirs.linear(f"{to}.bias", bias)
        state |= theirs.linear(f"{to}.norm", f"{to}.final_layer_norm")
        last = 2 if to == "decoder" else 1
        names = _attention(*(f"layer.0.SelfAttention.{letter}" for letter in "qkvo")) | {
            "attention.norm": "layer.0.layer_norm",
            "feed_forward.norm": f"layer.{last}.layer_norm",
            **{
                f"feed_forward.layer.{part}": f"layer.{last}.DenseReluDense.{name}"
                for part, name in feed_forward.items()
            },
        }
        if to == "decoder":
            cross = (f"layer.1.EncDecAttention.{letter}" for letter in "qkvo")
            names |= _attention(*cross, at="cross") | {"cross.norm": "layer.1.layer_norm"}
        for index in range(len(stack.blocks)):
            state |= theirs.all(f"{to}.blocks.{index}", names, f"{to}.block.{index}")
    theirs.drop("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")
    return state


_FAMILIES: dict[str, tuple[Callable[[_Config], nn.Module], Callable[..., State]]] = {
    "GPT2LMHeadModel": (_build_gpt2, _gpt2),
    "BertForMaskedLM": (_build_bert, _bert),
    "LlamaForCausalLM": (_build_llama, _llama),
    "ViTForImageClassification": (_build_vit, _vit),
    "T5ForConditionalGeneration": (_build_t5, _t5),
}
