"""The five families equal ``transformers``, every parameter at random, in float64."""

import logging
import warnings

import pytest
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    from transformers import (
        BertConfig,
        BertForMaskedLM,
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        T5Config,
        T5ForConditionalGeneration,
        ViTConfig,
        ViTForImageClassification,
    )

from attnutils.capture import record_attention
from attnutils.decoding import generate
from attnutils.masks import padding_mask
from attnutils.pretrained import from_huggingface

IDS = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": 0}
GPT2 = dict(vocab_size=13, n_positions=16, n_embd=12, n_layer=2, n_head=3, **IDS)
BERT = dict(
    vocab_size=13,
    hidden_size=12,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=20,
    max_position_embeddings=16,
)
LLAMA = dict(
    vocab_size=13,
    hidden_size=12,
    num_hidden_layers=2,
    num_attention_heads=6,
    num_key_value_heads=2,
    head_dim=4,
    intermediate_size=20,
    **IDS,
)
VIT = dict(
    hidden_size=12,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=20,
    image_size=8,
    patch_size=4,
    num_labels=5,
)
T5 = dict(
    vocab_size=13,
    d_model=12,
    d_kv=5,
    d_ff=20,
    num_layers=2,
    num_decoder_layers=3,
    num_heads=3,
    relative_attention_max_distance=12,
    relative_attention_num_buckets=8,
    decoder_start_token_id=0,
    **IDS,
)
FAMILIES = {
    "gpt2": lambda **o: GPT2LMHeadModel(GPT2Config(**GPT2 | o)),
    "bert": lambda **o: BertForMaskedLM(BertConfig(**BERT | o)),
    "llama": lambda **o: LlamaForCausalLM(LlamaConfig(**LLAMA | o)),
    "vit": lambda **o: ViTForImageClassification(ViTConfig(**VIT | o)),
    "t5": lambda **o: T5ForConditionalGeneration(T5Config(**T5 | o)),
    "t5 1.1": lambda **o: T5ForConditionalGeneration(
        T5Config(**T5 | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False} | o)
    ),
}
TOLERANCE = {"gpt2": 1e-10, "bert": 1e-10, "vit": 1e-10, "llama": 2e-6, "t5": 2e-6, "t5 1.1": 2e-6}
TOKENS = torch.tensor([[5, 3, 8, 1, 9, 2], [7, 7, 2, 11, 4, 3]])


def randomized(family, **options):
    """A tiny model whose every parameter is drawn: defaults of 0 and 1 hide mistakes."""
    torch.manual_seed(0)
    model = FAMILIES[family](**{"attn_implementation": "sdpa"} | options).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    return model


def their_logits(family, model, **options):
    with torch.no_grad():
        return model(**inputs(family), **options).logits


def inputs(family):
    if family == "vit":
        return {"pixel_values": torch.linspace(-1, 1, 2 * 3 * 64).double().reshape(2, 3, 8, 8)}
    both = {"input_ids": TOKENS}
    return both | ({"decoder_input_ids": TOKENS[:, [0, 2, 4, 5, 1]]} if "t5" in family else {})


def ours_on(family, model):
    with torch.no_grad():
        return model(*inputs(family).values())


@pytest.mark.parametrize("family", FAMILIES)
def test_logits(family):
    model = randomized(family)
    ours = from_huggingface(model)
    assert not ours.training
    expected = their_logits(family, model)
    assert expected.std() > 0.1
    torch.testing.assert_close(ours_on(family, ours), expected, rtol=0, atol=TOLERANCE[family])
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("family", ["gpt2", "bert", "t5", "t5 1.1"])
def test_a_head_of_its_own(family):
    """A checkpoint may hold a head that is not the table, as those of T5 1.1 do."""
    model = randomized(family)
    head = model.get_output_embeddings()
    head.weight = torch.nn.Parameter(torch.randn_like(head.weight))
    ours = from_huggingface(model)
    expected = their_logits(family, model)
    torch.testing.assert_close(ours_on(family, ours), expected, rtol=0, atol=TOLERANCE[family])
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("family", ["gpt2", "bert", "llama"])
def test_padding(family, side):
    model = randomized(family)
    ours = from_huggingface(model)
    real = padding_mask(torch.tensor([6, 4]), 6)
    real = real.flip(-1) if side == "left" else real
    attended = real[:, 0, 0]
    positions = (attended.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        theirs = model(TOKENS, attention_mask=attended.long(), position_ids=positions).logits
        got = ours(TOKENS, mask=real, positions=positions)
    torch.testing.assert_close(got[attended], theirs[attended], rtol=0, atol=TOLERANCE[family])


@pytest.mark.parametrize("family", ["t5", "t5 1.1"])
def test_padded_source(family):
    model = randomized(family)
    ours = from_huggingface(model)
    real = padding_mask(torch.tensor([6, 4]), 6)
    with torch.no_grad():
        theirs = model(**inputs(family), attention_mask=real[:, 0, 0].long()).logits
        got = ours(*inputs(family).values(), source_mask=real)
    torch.testing.assert_close(got, theirs, rtol=0, atol=TOLERANCE[family])


def test_segments():
    model = randomized("bert")
    segments = torch.tensor([[0, 0, 0, 1, 1, 1]] * 2)
    with torch.no_grad():
        theirs = model(TOKENS, token_type_ids=segments).logits
        got = from_huggingface(model)(TOKENS, segments=segments)
    torch.testing.assert_close(got, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("split", [[1] * 6, [2, 3, 1], [5, 1]])
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_cached_steps_equal_the_full_pass(family, split):
    model = randomized(family)
    ours = from_huggingface(model)
    cache, parts = ours.new_cache(), []
    with torch.no_grad():
        for piece in TOKENS.split(split, dim=1):
            parts.append(ours(piece, cache=cache))
    expected = their_logits(family, model)
    torch.testing.assert_close(torch.cat(parts, 1), expected, rtol=0, atol=TOLERANCE[family])


def test_cached_decoder_equals_the_full_pass():
    model = randomized("t5")
    ours = from_huggingface(model)
    target = inputs("t5")["decoder_input_ids"]
    with torch.no_grad():
        state, parts = ours.start(TOKENS), []
        for piece in target.split(1, dim=1):
            logits, state = ours.step(piece, state)
            parts.append(logits)
    torch.testing.assert_close(
        torch.cat(parts, 1), their_logits("t5", model), rtol=0, atol=TOLERANCE["t5"]
    )


@pytest.mark.parametrize("family", ["gpt2", "llama", "t5"])
def test_greedy_generation_equals_theirs(family):
    model = randomized(family)
    ours = from_huggingface(model)
    options = {"do_sample": False, "max_new_tokens": 8, "use_cache": False}
    with torch.no_grad():
        theirs = model.generate(TOKENS, attention_mask=torch.ones_like(TOKENS), **options)
        prompt = torch.zeros(2, 1, dtype=torch.long) if family == "t5" else TOKENS
        start = ours.start(TOKENS) if family == "t5" else None
        written = generate(ours.step, prompt, steps=8, state=start)
    assert written.equal(theirs)


@pytest.mark.parametrize("family", FAMILIES)
def test_recorded_weights_equal_their_eager_attentions(family):
    model = randomized(family, attn_implementation="eager")
    ours = from_huggingface(model)
    with record_attention(ours) as weights:
        ours_on(family, ours)
    with torch.no_grad():
        output = model(**inputs(family), output_attentions=True)
    if "t5" in family:
        expected = list(output.encoder_attentions)
        for own, cross in zip(output.decoder_attentions, output.cross_attentions, strict=True):
            expected += [own, cross]
    else:
        expected = output.attentions
    for (name, got), theirs in zip(weights.items(), expected, strict=True):
        tolerance = max(TOLERANCE[family], 1e-6 if family == "vit" else 0)  # softmax in float32
        torch.testing.assert_close(got, theirs, rtol=0, atol=tolerance, msg=name)


@pytest.mark.parametrize("family", ["gpt2", "bert", "llama", "vit", "t5", "t5 1.1"])
def test_every_parameter_matters(family):
    """A weight put into a wrong place of the same shape, or lost, moves the logits."""
    ours = from_huggingface(randomized(family))
    expected = ours_on(family, ours)
    for name, parameter in ours.named_parameters():
        if name.endswith(("key.bias", "segments.weight")):
            continue  # a key's bias shifts all scores of a query alike; one segment is not used
        before = parameter.detach().clone()
        with torch.no_grad():
            parameter.copy_(before.flatten().roll(1).reshape(before.shape))
        moved = (ours_on(family, ours) - expected).abs().max()
        parameter.data = before
        assert moved > 1e-4, name


MISTAKES = {
    "transposed weight": ("gpt2", lambda m: _transpose(m.stack.blocks[0].attention.layer.output)),
    "swapped norms": ("gpt2", lambda m: _swap_norms(m.stack.blocks[0])),
    "exact for tanh GELU": ("gpt2", lambda m: _set_activation(m, torch.nn.functional.gelu)),
    "wrong rotary pairing": ("llama", lambda m: _set_pairing(m, "interleaved")),
    "lost bias": ("bert", lambda m: m.head.bias.data.zero_()),
    "lost bias of a layer": (
        "vit",
        lambda m: m.stack.blocks[0].attention.layer.value.bias.data.zero_(),
    ),
    "scaled scores": (
        "t5",
        lambda m: setattr(m.encoder.blocks[0].attention.layer.core, "scale", None),
    ),
    "unscaled head": ("t5", lambda m: setattr(m.head, "scale", 1.0)),
    "norm eps": ("vit", lambda m: setattr(m.stack.norm, "eps", 1e-5)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_planted_mistakes_are_seen(mistake):
    family, spoil = MISTAKES[mistake]
    model = randomized(family)
    ours = from_huggingface(model)
    with torch.no_grad():
        spoil(ours)
    difference = (ours_on(family, ours) - their_logits(family, model)).abs().max()
    assert difference > 10 * TOLERANCE[family]


def _transpose(layer):
    layer.weight.data = layer.weight.data.T.contiguous()


def _swap_norms(block):
    block.attention.norm, block.feed_forward.norm = block.feed_forward.norm, block.attention.norm


def _set_activation(model, activation):
    for block in model.stack.blocks:
        block.feed_forward.layer.activation = activation


def _set_pairing(model, pairing):
    for block in model.stack.blocks:
        block.attention.layer.rotary.pairing = pairing


@pytest.mark.parametrize(
    "family, options, message",
    [
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx=True"),
        ("gpt2", {"activation_function": "mish"}, "activation_function is 'mish'"),
        ("bert", {"type_vocab_size": 3}, "type_vocab_size=3"),
        ("llama", {"attention_bias": True}, "attention_bias=True"),
        (
            "llama",
            {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}},
            "rope_type='linear'",
        ),
        ("vit", {"qkv_bias": False}, "qkv_bias=False"),
        ("vit", {"image_size": (8, 8)}, "image_size is (8, 8)"),
    ],
)
def test_unsupported_values_are_refused_by_name(family, options, message, untyped):
    with pytest.raises(ValueError) as error:
        from_huggingface(FAMILIES[family](**options))
    assert message in str(error.value)


def test_weights_left_over_or_missing_are_named():
    model = randomized("gpt2")
    model.transformer.h[0].extra = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"left over: transformer\.h\.0\.extra\.bias"):
        from_huggingface(model)
    model = randomized("gpt2")
    del model.transformer.h[1].ln_1
    with pytest.raises(ValueError, match=r"transformer\.h\.1\.ln_1\.weight is missing"):
        from_huggingface(model)
    model = randomized("gpt2")
    model.transformer.ln_f = torch.nn.LayerNorm(4)
    with pytest.raises(ValueError, match="do not fit"):
        from_huggingface(model)
