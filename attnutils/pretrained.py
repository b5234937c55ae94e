"""Real checkpoints in this package's blocks: GPT-2, BERT, Llama, ViT, T5 from ``transformers``.

Strict on purpose: an architecture or a config value that the blocks cannot reproduce is refused by
name, and no weight may be missing or left over. ``transformers`` itself is never imported here.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from attnutils.shapes import check_choice
from attnutils.transformer import TiedHead, bert, gpt, llama, t5, vit

ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "silu": "silu", "swish": "silu"}
ACTIVATIONS |= {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh"}


def from_huggingface(model: nn.Module) -> nn.Module:
    """Rebuild a model of ``transformers`` from this package's blocks, with the same weights.

    The result computes the same logits (in eval mode), takes boolean masks, and can be watched with
    ``record_attention``. Dropout is not carried over. A head that is not the table of the embedding
    stays its own, as in T5 1.1.

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
    kind = type(model).__name__
    if kind not in _FAMILIES:
        raise ValueError(f"cannot translate {kind}; expected one of {', '.join(_FAMILIES)}.")
    family, config = _FAMILIES[kind], model.config
    ours = _build(family, config)
    if not getattr(config, "scale_decoder_outputs", True):  # T5 1.1
        ours.head.scale = 1.0
    if isinstance(ours.head, TiedHead):
        head, table = model.get_output_embeddings(), model.get_input_embeddings()
        if head.weight is not table.weight:  # a checkpoint may hold both, whatever its config says
            ours.head.weight = nn.Parameter(torch.empty_like(ours.head.weight))
    weights = _translate(model.state_dict(), ours, family.names)
    parameter = next(model.parameters())
    ours.to(dtype=parameter.dtype, device=parameter.device)  # before loading, or digits are lost
    try:
        ours.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"weights of {kind} do not fit: {error}") from error
    return ours.train(model.training)


class _Family(NamedTuple):
    """How to rebuild a class; # stands for the number of a block."""

    recipe: Callable[..., nn.Module]
    sizes: dict[str, str]  # the recipe's argument: the config's field
    required: dict[str, Any]  # the config's field: the one value that is supported
    names: dict[str, str]  # our parameter, or the module that holds it: theirs


def _build(family: _Family, config: Any) -> nn.Module:
    for name, supported in family.required.items():
        found = _field(config, name, supported)
        if found != supported:
            kind = type(config).__name__
            raise ValueError(f"{kind} has {name}={found!r}; supported is {supported!r}.")
    choices = {ours: _field(config, theirs) for ours, theirs in family.sizes.items()}
    check_choice(family.sizes["activation"], choices["activation"], ACTIVATIONS)
    return family.recipe(**choices | {"activation": ACTIVATIONS[choices["activation"]]})


def _field(config: Any, path: str, default: Any = None) -> Any:
    """A field of a config, or of a dictionary in it."""
    for name in path.split("."):
        inside = isinstance(config, dict)
        config = config.get(name, default) if inside else getattr(config, name, default)
    return config


def _translate(state: dict[str, Tensor], ours: nn.Module, names: dict[str, str]) -> dict:
    """Their weights under our names, none missing, none left over."""
    state, weights = _laid_out(state), {}
    for name in ours.state_dict():
        number = re.search(r"(?<=blocks\.)\d+", name)
        numbered = re.sub(r"blocks\.\d+", "blocks.#", name)
        path, _, part = numbered.rpartition(".")
        theirs = names[numbered] if numbered in names else f"{names[path]}.{part}"
        theirs = theirs.replace("#", number[0]) if number else theirs
        if theirs not in state:
            raise ValueError(f"the weight {theirs} is missing; is the model loaded as a whole?")
        weights[name] = state[theirs]
    used = {tensor.data_ptr() for tensor in weights.values()}  # also under a second name, if tied
    left_over = sorted(name for name, tensor in state.items() if tensor.data_ptr() not in used)
    if left_over:
        raise ValueError(f"weights left over: {', '.join(left_over)}.")
    return weights


def _laid_out(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their weights as our layers hold them: one for each projection, (out, in)."""
    result = {}
    for name, tensor in state.items():
        if ".c_" in name and tensor.ndim == 2:  # GPT-2's Conv1D is (in, out)
            tensor = tensor.mT
        if name == "vit.embeddings.position_embeddings":
            tensor = tensor[0]
        if ".c_attn." in name:  # query, key and value in one
            for letter, part in zip("qkv", tensor.chunk(3)):
                result[name.replace("c_attn", letter)] = part
        else:
            result[name.replace(".wi_1.", ".wi.")] = tensor  # T5: the gate is wi_0
    return result


def _projections(at: str, theirs: str) -> dict[str, str]:
    """Names of an attention's layers, where theirs differ by a letter, written ?."""
    ours = {"query": "q", "key": "k", "value": "v", "output": "o"}
    return {f"{at}.layer.{name}": theirs.replace("?", letter) for name, letter in ours.items()}


def _blocks(ours: str, theirs: str, names: dict[str, str]) -> dict[str, str]:
    return {f"{ours}.#.{name}": f"{theirs}.#.{their_name}" for name, their_name in names.items()}


_SIZES = {
    "dim": "hidden_size", "num_heads": "num_attention_heads", "num_layers": "num_hidden_layers",
    "hidden_dim": "intermediate_size", "activation": "hidden_act",
}  # fmt: skip

_GPT2 = _Family(
    gpt,
    sizes={
        "vocab_size": "vocab_size", "dim": "n_embd", "num_heads": "n_head", "num_layers": "n_layer",
        "hidden_dim": "n_inner", "activation": "activation_function",
        "max_length": "n_positions", "norm_eps": "layer_norm_epsilon",
    },
    required={
        "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False,
        "reorder_and_upcast_attn": False, "add_cross_attention": False,
    },
    names={
        "embed.table": "transformer.wte", "embed.positions": "transformer.wpe",
        "stack.norm": "transformer.ln_f", "head": "lm_head",
    }
    | _blocks("stack.blocks", "transformer.h", {
        **_projections("attention", "attn.?"), "attention.layer.output": "attn.c_proj",
        "feed_forward.layer.up": "mlp.c_fc", "feed_forward.layer.down": "mlp.c_proj",
        "attention.norm": "ln_1", "feed_forward.norm": "ln_2",
    }),
)  # fmt: skip

_BERT = _Family(
    bert,
    sizes=_SIZES | {
        "vocab_size": "vocab_size", "max_length": "max_position_embeddings",
        "norm_eps": "layer_norm_eps",
    },
    required={
        "is_decoder": False, "add_cross_attention": False, "type_vocab_size": 2,
        "position_embedding_type": "absolute",
    },
    names={
        "embed.table": "bert.embeddings.word_embeddings",
        "embed.positions": "bert.embeddings.position_embeddings",
        "embed.segments": "bert.embeddings.token_type_embeddings",
        "embed.norm": "bert.embeddings.LayerNorm",
        "head.transform.0": "cls.predictions.transform.dense",
        "head.transform.2": "cls.predictions.transform.LayerNorm",
        "head": "cls.predictions.decoder",
    }
    | _blocks("stack.blocks", "bert.encoder.layer", {
        "attention.layer.query": "attention.self.query",
        "attention.layer.key": "attention.self.key",
        "attention.layer.value": "attention.self.value",
        "attention.layer.output": "attention.output.dense",
        "feed_forward.layer.up": "intermediate.dense", "feed_forward.layer.down": "output.dense",
        "attention.norm": "attention.output.LayerNorm", "feed_forward.norm": "output.LayerNorm",
    }),
)  # fmt: skip

_LLAMA = _Family(
    llama,
    sizes=_SIZES | {
        "vocab_size": "vocab_size", "num_kv_heads": "num_key_value_heads", "head_dim": "head_dim",
        "norm_eps": "rms_norm_eps", "rotary_base": "rope_parameters.rope_theta",
    },
    required={
        "attention_bias": False, "mlp_bias": False, "pretraining_tp": 1,
        "rope_parameters.rope_type": "default",
    },
    names={"embed.table": "model.embed_tokens", "stack.norm": "model.norm", "head": "lm_head"}
    | _blocks("stack.blocks", "model.layers", {
        **_projections("attention", "self_attn.?_proj"), "feed_forward.layer.gate": "mlp.gate_proj",
        "feed_forward.layer.up": "mlp.up_proj", "feed_forward.layer.down": "mlp.down_proj",
        "attention.norm": "input_layernorm", "feed_forward.norm": "post_attention_layernorm",
    }),
)  # fmt: skip

_VIT = _Family(
    vit,
    sizes=_SIZES | {
        "classes": "num_labels", "image_size": "image_size", "patch_size": "patch_size",
        "channels": "num_channels", "norm_eps": "layer_norm_eps",
    },
    required={"qkv_bias": True},
    names={
        "embed.class_token": "vit.embeddings.cls_token",
        "embed.positions.weight": "vit.embeddings.position_embeddings",
        "embed.project": "vit.embeddings.patch_embeddings.projection",
        "stack.norm": "vit.layernorm", "head": "classifier",
    }
    | _blocks("stack.blocks", "vit.layers", {
        **_projections("attention", "attention.?_proj"),
        "feed_forward.layer.up": "mlp.fc1", "feed_forward.layer.down": "mlp.fc2",
        "attention.norm": "layernorm_before", "feed_forward.norm": "layernorm_after",
    }),
)  # fmt: skip


def _t5_stack(stack: str, last: int) -> dict[str, str]:
    """Names of a stack whose blocks have the feed-forward as their layer number ``last``."""
    bias = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias"
    names = _projections("attention", "layer.0.SelfAttention.?")
    names |= _projections("cross", "layer.1.EncDecAttention.?")  # the encoder has none to look up
    for layer, theirs in {"gate": "wi_0", "up": "wi", "down": "wo"}.items():
        names[f"feed_forward.layer.{layer}"] = f"layer.{last}.DenseReluDense.{theirs}"
    for number, path in {0: "attention", 1: "cross", last: "feed_forward"}.items():
        names[f"{path}.norm"] = f"layer.{number}.layer_norm"
    outside = {f"{stack}.bias": bias, f"{stack}.norm": f"{stack}.final_layer_norm"}
    return outside | _blocks(f"{stack}.blocks", f"{stack}.block", names)


_T5 = _Family(
    t5,
    sizes={
        "vocab_size": "vocab_size", "dim": "d_model", "num_heads": "num_heads", "head_dim": "d_kv",
        "num_layers": "num_layers", "decoder_layers": "num_decoder_layers", "hidden_dim": "d_ff",
        "buckets": "relative_attention_num_buckets", "norm_eps": "layer_norm_epsilon",
        "max_distance": "relative_attention_max_distance", "activation": "dense_act_fn",
        "gated": "is_gated_act",
    },
    required={},
    names={"source.table": "shared", "target.table": "shared", "head": "lm_head"}
    | _t5_stack("encoder", 1) | _t5_stack("decoder", 2),
)  # fmt: skip

_FAMILIES = {
    "GPT2LMHeadModel": _GPT2,
    "BertForMaskedLM": _BERT,
    "LlamaForCausalLM": _LLAMA,
    "ViTForImageClassification": _VIT,
    "T5ForConditionalGeneration": _T5,
}
