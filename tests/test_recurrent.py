"""Recurrent models: what they compute, step by step and all at once, what they learn, bad input."""

import pytest
import torch
from torch import nn

from attnutils.attention import attention_weights
from attnutils.capture import record_attention
from attnutils.layers import (
    AdditiveAttention,
    AttentionCore,
    DotProductAttention,
    GeneralAttention,
)
from attnutils.masks import padding_mask
from attnutils.recurrent import (
    AttentionPooling,
    BahdanauDecoder,
    Decoder,
    Encoder,
    LocalAttention,
    LuongDecoder,
    Seq2Seq,
    copy_distribution,
    last_pool,
    max_pool,
    mean_pool,
)
from attnutils.training import fit, sequence_loss, warmup_then_linear

VOCAB, DIM, MEMORY = 11, 6, 8
CORES = {
    "none": lambda: None,
    "additive": lambda: AdditiveAttention(DIM, MEMORY, 5),
    "general": lambda: GeneralAttention(DIM, MEMORY),
    "local-m": lambda: LocalAttention(GeneralAttention(DIM, MEMORY), 1),
    "local-p": lambda: LocalAttention(AdditiveAttention(DIM, MEMORY, 5), 2, query_dim=DIM),
}
DECODERS = {
    "bahdanau": BahdanauDecoder,
    "luong": LuongDecoder,
    "luong, no feeding": lambda *a, **o: LuongDecoder(*a, input_feeding=False, **o),
}
SOURCE = torch.tensor([[1, 2, 3, 4, 5], [6, 7, 8, 0, 0], [9, 10, 0, 0, 0]])
LENGTHS = torch.tensor([5, 3, 2])
TARGET = torch.tensor([[0, 1, 2, 3], [0, 4, 5, 6], [0, 7, 8, 9]])


def model_of(decoder="bahdanau", core="additive", *, cell="gru", dtype=torch.float64, **options):
    """A small model with every parameter random, and the biases too."""
    encoder = Encoder(VOCAB, MEMORY, embed_dim=5, cell=cell)
    options = {"memory_dim": MEMORY, "embed_dim": 4, "core": CORES[core]()} | options
    model = Seq2Seq(encoder, DECODERS[decoder](VOCAB, DIM, cell=cell, **options)).to(dtype)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model.eval()


every_model = pytest.mark.parametrize("decoder", DECODERS)
every_core = pytest.mark.parametrize("core", CORES)


# ------------------------------------------------------------------------------------- encoder


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_padding_behind_changes_nothing(rng, cell, bidirectional):
    encoder = Encoder(VOCAB, 6, cell=cell, bidirectional=bidirectional, num_layers=2).double()
    memory, summary = encoder(SOURCE, LENGTHS)
    assert (memory.shape, summary.shape) == ((3, 5, 6), (3, 6))
    for row, length in enumerate(LENGTHS):
        alone, alone_summary = encoder(SOURCE[row : row + 1, :length])
        torch.testing.assert_close(memory[row, :length], alone[0])
        assert (memory[row, length:] == 0).all()
        torch.testing.assert_close(summary[row], alone_summary[0])


@pytest.mark.parametrize("num_layers", [1, 2])
def test_the_summary_has_read_the_whole_from_both_ends(rng, num_layers):
    memory, summary = Encoder(VOCAB, 6, num_layers=num_layers)(SOURCE, LENGTHS)
    ends = [torch.cat([row[n - 1, :3], row[0, 3:]]) for row, n in zip(memory, LENGTHS)]
    torch.testing.assert_close(summary, torch.stack(ends))
    encoder = Encoder(VOCAB, 6, num_layers=num_layers, bidirectional=False)
    memory, summary = encoder(SOURCE, LENGTHS)
    torch.testing.assert_close(summary, last_pool(memory, mask=padding_mask(LENGTHS, 5)))


def test_an_encoder_of_vectors(rng):
    encoder = Encoder(None, 6, embed_dim=3)
    assert encoder(torch.randn(2, 4, 3))[0].shape == (2, 4, 6)
    assert not any(isinstance(m, nn.Embedding) for m in encoder.modules())


def test_the_forget_gate_starts_open(rng):
    rnn = Encoder(VOCAB, 6, cell="lstm", num_layers=2).rnn
    for name, parameter in rnn.named_parameters():
        if name.startswith("bias"):
            assert (parameter[3:6] == (1 if "_ih_" in name else 0)).all()
            assert (parameter[:3] != 1).all()
    assert (Encoder(VOCAB, 6).rnn.bias_ih_l0[3:6] != 1).all()  # a GRU has no such gate


# ------------------------------------------------------------------------------------- decoders


@every_model
@every_core
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_token_by_token_equals_all_at_once(rng, decoder, core, cell):
    model = model_of(decoder, core, cell=cell, num_layers=2)
    expected = model(SOURCE, TARGET, LENGTHS)
    for cuts in ([1, 1, 1, 1], [2, 2], [3, 1]):
        state = model.start(SOURCE, LENGTHS)
        parts = []
        for tokens in TARGET.split(cuts, dim=1):
            logits, state = model.step(tokens, state)
            parts.append(logits)
        torch.testing.assert_close(torch.cat(parts, dim=1), expected)
        assert len(state) == 4


@every_model
@every_core
def test_rows_do_not_meet_and_padding_is_not_seen(rng, decoder, core):
    model = model_of(decoder, core)
    together = model(SOURCE, TARGET, LENGTHS)
    for row, length in enumerate(LENGTHS):
        one = slice(row, row + 1)
        alone = model(SOURCE[one, :length], TARGET[one])
        torch.testing.assert_close(together[one], alone)
    other = SOURCE.masked_fill(~padding_mask(LENGTHS, 5)[:, 0, 0], 3)
    assert model(other, TARGET, LENGTHS).equal(together)


@every_model
def test_a_later_target_is_not_seen(rng, decoder):
    model = model_of(decoder)
    changed = TARGET.clone()
    changed[:, 2] = 10
    before, after = model(SOURCE, TARGET, LENGTHS), model(SOURCE, changed, LENGTHS)
    assert before[:, :2].equal(after[:, :2])
    assert not before[:, 2:].isclose(after[:, 2:]).any(-1).all()


def test_bahdanau_by_its_formulas(rng):
    model = model_of("bahdanau")
    decoder, core = model.decoder, model.decoder.core
    memory, summary = model.encoder(SOURCE, LENGTHS)
    cell = nn.GRUCell(4 + MEMORY, DIM).double()
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in decoder.rnn.state_dict().items()})
    s = decoder.first(summary).tanh()
    logits = []
    for token in TARGET.T:
        y = decoder.embed(token)
        e = torch.tanh(core.query(s)[:, None] + core.key(memory)) @ core.v  # (batch, key)
        e = e.masked_fill(torch.arange(5) >= LENGTHS[:, None], -torch.inf)
        c = (e.softmax(-1)[..., None] * memory).sum(1)
        s = cell(torch.cat([y, c], -1), s)
        t = decoder.combine(torch.cat([s, c, y], -1)).tanh()
        logits.append(decoder.output(t))
    torch.testing.assert_close(model(SOURCE, TARGET, LENGTHS), torch.stack(logits, 1))


@pytest.mark.parametrize("decoder, asks_after", [("bahdanau", False), ("luong", True)])
def test_the_last_layer_asks(rng, decoder, asks_after):
    model, asked = model_of(decoder, num_layers=3), []
    model.decoder.core.register_forward_pre_hook(lambda core, args: asked.append(args[0]))
    before = model.start(SOURCE, LENGTHS)
    _, after = model.step(TARGET[:, :1], before)
    assert asked[0][:, 0].equal((after if asks_after else before).hidden[0][-1])


@pytest.mark.parametrize("feeding", [True, False])
def test_luong_by_its_formulas(rng, feeding):
    model = model_of("luong", "general", input_feeding=feeding, cell="lstm")
    decoder = model.decoder
    memory, summary = model.encoder(SOURCE, LENGTHS)
    cell = nn.LSTMCell(4 + DIM * feeding, DIM).double()
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in decoder.rnn.state_dict().items()})
    s, inner = decoder.first(summary).chunk(2, -1)
    s, h = s.tanh(), torch.zeros(3, DIM).double()
    logits = []
    for token in TARGET.T:
        y = decoder.embed(token)
        s, inner = cell(torch.cat([y, h], -1) if feeding else y, (s, inner))
        scores = torch.einsum("bq,qk,bmk->bm", s, decoder.core.weight, memory)
        scores = scores.masked_fill(torch.arange(5) >= LENGTHS[:, None], -torch.inf)
        c = (scores.softmax(-1)[..., None] * memory).sum(1)
        h = decoder.combine(torch.cat([c, s], -1)).tanh()
        logits.append(decoder.output(h))
    torch.testing.assert_close(model(SOURCE, TARGET, LENGTHS), torch.stack(logits, 1))


def test_input_feeding_feeds(rng):
    model = model_of("luong", "general")
    plain = model(SOURCE, TARGET, LENGTHS)
    model.decoder.combine.weight.data[:] = torch.randn_like(model.decoder.combine.weight)
    state = model.start(SOURCE, LENGTHS)
    _, state = model.step(TARGET[:, :1], state)
    fed, state.fed = state.fed, torch.zeros_like(state.fed)
    assert fed.abs().min() > 0
    without = model.step(TARGET[:, 1:2], state)[0]
    assert not without.isclose(plain[:, 1:2]).any(-1).all()


def test_luongs_concat_is_the_additive_score(rng):
    core = AdditiveAttention(DIM, MEMORY, 5).double()
    q, k = torch.randn(2, 3, DIM).double(), torch.randn(2, 4, MEMORY).double()
    joined = torch.cat([q[:, :, None].expand(-1, -1, 4, -1), k[:, None].expand(-1, 3, -1, -1)], -1)
    w = torch.cat([core.query.weight, core.key.weight], dim=1)  # W_a
    expected = (torch.tanh(joined @ w.T) @ core.v).softmax(-1)
    torch.testing.assert_close(core.weights(q, k), expected)


@pytest.mark.parametrize("core", ["additive", "general", "local-p"])
def test_keys_are_projected_once_for_each_source(rng, core, monkeypatch):
    model = model_of(core=core)
    calls = []
    kind = type(model.decoder.core)
    project = kind.project_keys
    monkeypatch.setattr(kind, "project_keys", lambda self, k: calls.append(1) or project(self, k))
    if core != "general":
        inner = getattr(model.decoder.core, "core", model.decoder.core)
        inner.key.register_forward_hook(lambda *_: calls.append("key"))
    model(SOURCE, TARGET, LENGTHS)
    assert calls.count(1) == 1
    assert calls.count("key") == (core != "general")


@pytest.mark.parametrize("core", ["additive", "general", "local-m", "local-p"])
def test_projected_keys_give_the_same(rng, core):
    core = CORES[core]().double()
    q, k, v = (torch.randn(2, n, d).double() for n, d in ((3, DIM), (4, MEMORY), (4, 2)))
    options = {"mask": padding_mask(torch.tensor([2, 4]), 4)[:, 0]}
    projected = core.project_keys(k)
    plain = core.weights(q, k, **options)
    torch.testing.assert_close(core.weights(q, projected, keys_projected=True, **options), plain)
    output = core(q, projected, v, keys_projected=True, **options)
    torch.testing.assert_close(output, plain @ v)


def test_a_core_of_ones_own_needs_no_projection(rng):
    class Uniform(AttentionCore):
        def weights(self, q, k, **options):
            return attention_weights(q[..., :1], k[..., :1], scale=0.0, **options)

    model = Seq2Seq(Encoder(VOCAB, 6), BahdanauDecoder(VOCAB, 6, core=Uniform()))
    state = model.start(SOURCE, LENGTHS)
    assert state.keys is state.memory
    with record_attention(model) as weights:
        model(SOURCE, TARGET, LENGTHS)
    expected = padding_mask(LENGTHS, 5)[:, 0] / LENGTHS[:, None, None]
    torch.testing.assert_close(weights["decoder.core"][:, 0], expected.expand(-1, 4, -1))


@every_model
@pytest.mark.parametrize("core", ["additive", "general", "local-m"])
def test_recorded_weights_are_those_used(rng, decoder, core):
    model = model_of(decoder, core)
    contexts = []
    model.decoder.core.register_forward_hook(lambda core, args, output: contexts.append(output))
    plain = model(SOURCE, TARGET, LENGTHS)
    contexts.clear()
    with record_attention(model) as weights:
        assert model(SOURCE, TARGET, LENGTHS).equal(plain)
    assert list(weights) == ["decoder.core"]
    (recorded,) = weights.values()
    assert recorded.shape == (3, 1, 4, 5)
    memory = model.encoder(SOURCE, LENGTHS)[0]
    torch.testing.assert_close(recorded[:, 0] @ memory, torch.cat(contexts, 1))
    assert (recorded[1, ..., 3:] == 0).all()


@every_model
def test_without_a_core_the_summary_stands_in_and_the_rest_is_equal(rng, decoder):
    options = {"memory_dim": MEMORY, "embed_dim": 4}
    plain = DECODERS[decoder](VOCAB, DIM, **options)
    core = AdditiveAttention(DIM, MEMORY, 5)
    attending = DECODERS[decoder](VOCAB, DIM, core=core, **options)
    count = [sum(p.numel() for p in m.parameters()) for m in (plain, attending, core)]
    assert count[0] + count[2] == count[1]
    # the memory itself is out of reach
    model = model_of(decoder, "none")
    memory, summary = model.encoder(SOURCE, LENGTHS)
    logits = [
        model.decoder(TARGET, model.decoder.start(m, summary))[0] for m in (memory, 0 * memory)
    ]
    assert logits[0].equal(logits[1])
    # and the summary is read at every step, not only at the first
    state = model.decoder.start(memory, summary)
    state.summary = torch.zeros_like(state.summary)
    assert not model.decoder(TARGET, state)[0][:, -1].isclose(logits[0][:, -1]).all()


@every_model
def test_gradients_reach_every_parameter(rng, decoder):
    core = LocalAttention(AdditiveAttention(DIM, MEMORY, 5), 2, query_dim=DIM)
    model = model_of(decoder, copy=True)
    model.decoder.core = core.double()
    model.train()
    sequence_loss(model(SOURCE, TARGET, LENGTHS), TARGET).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize("core", ["additive", "general", "local-p"])
@every_model
def test_gradients_are_right(rng, decoder, core):
    model = model_of(decoder, core, copy=True)
    memory, summary = torch.randn(2, 3, MEMORY).double(), torch.randn(2, MEMORY).double()
    mask = padding_mask(torch.tensor([2, 3]), 3)[:, 0]

    def logits(memory, summary):
        state = model.decoder.start(memory, summary, mask=mask, copy_tokens=SOURCE[:2, :3])
        return model.decoder(TARGET[:2, :2], state)[0].logsumexp(-1) + model.decoder(
            TARGET[:2, :2], state
        )[0].sum(-1)

    assert torch.autograd.gradcheck(
        logits, (memory.requires_grad_(), summary.requires_grad_()), fast_mode=True
    )


def test_dropout_acts_only_in_training(rng):
    model = model_of(dropout=0.5)
    assert model(SOURCE, TARGET).equal(model(SOURCE, TARGET))
    model.train()
    assert not model(SOURCE, TARGET).equal(model(SOURCE, TARGET))
    assert Encoder(VOCAB, 6, dropout=0.5).rnn.dropout == 0
    assert Encoder(VOCAB, 6, dropout=0.5, num_layers=2).rnn.dropout == 0.5


# ----------------------------------------------------------------------------------------- state


@every_model
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("core", ["none", "additive"])
def test_a_reordered_state_is_that_of_the_reordered_batch(rng, decoder, core, cell):
    model = model_of(decoder, core, cell=cell, copy=core != "none", num_layers=2)
    rows = torch.tensor([2, 0, 0, 1])
    _, state = model.step(TARGET[:, :2], model.start(SOURCE, LENGTHS))
    state.reorder(rows)
    logits, _ = model.step(TARGET[rows, 2:], state)
    expected = model(SOURCE[rows], TARGET[rows], LENGTHS[rows])
    torch.testing.assert_close(logits, expected[:, 2:])


def test_a_step_leaves_the_state_before_as_it_was(rng):
    model = model_of("luong", cell="lstm", copy=True)
    state = model.start(SOURCE, LENGTHS)
    first = model.step(TARGET[:, :1], state)
    model.step(TARGET, state)
    assert len(state) == 0
    assert model.step(TARGET[:, :1], state)[0].equal(first[0])


def test_a_failed_reordering_changes_nothing(rng):
    state = model_of().start(SOURCE, LENGTHS)
    for rows in ([3], [-1]):
        with pytest.raises(ValueError, match="of a state with a batch of 3"):
            state.reorder(torch.tensor(rows))
    assert len(state.memory) == len(state.keys) == state.hidden[0].shape[1] == 3


def test_a_recurrent_state_does_not_go_back(rng):
    model = model_of()
    _, state = model.step(TARGET, model.start(SOURCE))
    state.truncate(4)
    with pytest.raises(ValueError, match="cannot go back to 3 of 4 tokens: a recurrent state"):
        state.truncate(3)


# ----------------------------------------------------------------------------------------- local


def test_the_window_moves_on_and_stops_at_the_last_key(rng):
    core = LocalAttention(DotProductAttention(), 1)
    q, k = torch.zeros(2, 5, 4), torch.zeros(2, 6, 4)
    weights = core.weights(q, k, mask=padding_mask(torch.tensor([3, 6]), 6)[:, 0])
    assert (weights[0] > 0).int().tolist() == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [0, 1, 1, 0, 0, 0],
        [0, 1, 1, 0, 0, 0],
        [0, 1, 1, 0, 0, 0],
    ]
    assert (weights[1, 4] > 0).int().tolist() == [0, 0, 0, 1, 1, 1]
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 5))
    later = core.weights(q[:, :1], k, positions=torch.tensor([4]))
    torch.testing.assert_close(later[1, 0], weights[1, 4])


def test_the_predicted_place_by_its_formula(rng):
    inner = DotProductAttention(scale=1.0)
    core = LocalAttention(inner, 2, query_dim=4).double()
    q, k, lengths = torch.randn(2, 3, 4).double(), torch.randn(2, 9, 4).double(), [9, 4]
    mask = padding_mask(torch.tensor(lengths), 9)[:, 0]
    w, v = core.place[0].weight, core.place[2].weight[0]
    weights = core.weights(q, k, mask=mask)
    for b, length in enumerate(lengths):
        for i in range(3):
            p = (length - 1) * torch.sigmoid(v @ torch.tanh(w @ q[b, i]))
            s = torch.arange(9)
            inside = ((s - p).abs() <= 2) & (s < length)
            scores = (k[b] @ q[b, i]).masked_fill(~inside, -torch.inf)
            expected = scores.softmax(-1) * torch.exp(-((s - p) ** 2) / (2 * 1.0**2))  # σ = D/2
            torch.testing.assert_close(weights[b, i], expected)


def test_local_attention_hides_as_told(rng):
    core = LocalAttention(DotProductAttention(), 2, query_dim=4)
    q = torch.randn(2, 5, 4)
    weights = core.weights(q, q, causal=True)
    assert (weights.triu(1) == 0).all()
    nothing = torch.zeros(2, 1, 5, dtype=torch.bool)
    assert (core.weights(q, q, mask=nothing) == 0).all()
    one = core.weights(q, q, bias=torch.tensor([0.0, 0, 1e4, 0, 0]))
    assert ((one > 0).sum(-1) <= 5).all() and one.isfinite().all()


# --------------------------------------------------------------------------------------- copying


def test_copying_adds_up_the_weights_of_a_token_that_stands_twice(rng):
    weights = torch.tensor([[[0.2, 0.3, 0.5]]]).double()
    tokens = torch.tensor([[4, 1, 4]])
    logits = torch.randn(1, 1, 6).double()
    gate = torch.tensor([[0.7]]).double()
    mixed = copy_distribution(logits, gate, weights, tokens).exp()
    g, vocabulary = gate.sigmoid(), logits.softmax(-1)
    expected = g * vocabulary + (1 - g) * torch.tensor([0, 0.3, 0, 0, 0.7, 0]).double()
    torch.testing.assert_close(mixed, expected)
    torch.testing.assert_close(mixed.sum(-1), torch.ones(1, 1).double())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_closed_gate_and_impossible_tokens_keep_the_gradient_finite(dtype):
    logits = torch.tensor([[[0.0, 0.0, -1e9]]], dtype=dtype, requires_grad=True)
    weights = torch.tensor([[[1.0, 0.0]]], dtype=dtype, requires_grad=True)
    for value in (-200.0, 0.0, 200.0):
        gate = torch.full((1, 1), value, dtype=dtype, requires_grad=True)
        mixed = copy_distribution(logits, gate, weights, torch.tensor([[1, 2]]))
        gradients = torch.autograd.grad(mixed[..., :2].sum(), (logits, gate, weights))
        assert all(g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_copying_in_low_precision_rounds_only_the_result(rng, dtype):
    logits, gate = torch.randn(2, 3, 500).to(dtype), torch.randn(2, 3).to(dtype)
    weights, tokens = torch.rand(2, 3, 4).softmax(-1).to(dtype), torch.randint(500, (2, 4))
    mixed = copy_distribution(logits, gate, weights, tokens)
    exact = copy_distribution(logits.double(), gate.double(), weights.double(), tokens)
    assert mixed.dtype == dtype
    torch.testing.assert_close(mixed, exact.to(dtype), rtol=torch.finfo(dtype).eps, atol=1e-4)


@every_model
@pytest.mark.parametrize("core", [core for core in CORES if core != "none"])
def test_a_copying_decoder_gives_log_probabilities(rng, decoder, core):
    model = model_of(decoder, core, copy=True)
    mixed = model(SOURCE, TARGET, LENGTHS)
    torch.testing.assert_close(mixed.logsumexp(-1), torch.zeros(3, 4).double())
    # the gate closed: only the source's own tokens, and no padding
    nn.init.zeros_(model.decoder.gate.weight), nn.init.constant_(model.decoder.gate.bias, -60.0)
    only = model(SOURCE, TARGET, LENGTHS).exp()
    for row, length in enumerate(LENGTHS):
        outside = torch.ones(VOCAB, dtype=torch.bool)
        outside[SOURCE[row, :length]] = False
        assert only[row, :, outside].max() < 1e-10
    # and open: the plain decoder
    nn.init.constant_(model.decoder.gate.bias, 60.0)
    opened = model(SOURCE, TARGET, LENGTHS)
    model.decoder.gate = None
    torch.testing.assert_close(opened, model(SOURCE, TARGET, LENGTHS).log_softmax(-1))


def test_what_is_copied_may_have_other_numbers_in_the_target(rng):
    model = model_of("luong", "general", copy=True)
    nn.init.zeros_(model.decoder.gate.weight), nn.init.constant_(model.decoder.gate.bias, -60.0)
    tokens = torch.full_like(SOURCE, 10)
    mixed = model(SOURCE, TARGET, LENGTHS, copy_tokens=tokens).exp()
    torch.testing.assert_close(mixed[..., 10], torch.ones(3, 4).double())


# --------------------------------------------------------------------------------------- pooling


MASKS = {
    "rows": lambda: padding_mask(LENGTHS, 5)[:, 0, 0],
    "as padding_mask makes it": lambda: padding_mask(LENGTHS, 5),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("pool", [mean_pool, max_pool, last_pool, "attention", "additive"])
def test_pools_see_real_rows_only(rng, pool, mask):
    if pool == "attention":
        pool = AttentionPooling(4, num_queries=3)
    elif pool == "additive":
        pool = AttentionPooling(4, core=AdditiveAttention(4, 4, 5))
    x = torch.randn(3, 5, 4)
    pooled = pool(x, mask=MASKS[mask]())
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(pooled[row], pool(x[row : row + 1, :length])[0])
    # whatever stands at the padding
    spoiled = x.masked_fill(~padding_mask(LENGTHS, 5)[:, 0, 0, :, None], 1e6)
    torch.testing.assert_close(pool(spoiled, mask=MASKS[mask]()), pooled)


def test_pools_by_hand():
    x = torch.tensor([[[1.0, -2.0], [3.0, -4.0], [8.0, -9.0]]])
    mask = torch.tensor([[True, True, False]])
    assert mean_pool(x, mask=mask).tolist() == [[2.0, -3.0]]
    assert max_pool(x, mask=mask).tolist() == [[3.0, -2.0]]
    assert last_pool(x, mask=mask).tolist() == [[3.0, -4.0]]
    assert last_pool(x, mask=torch.tensor([[True, False, False]])).tolist() == [[1.0, -2.0]]


@pytest.mark.parametrize(
    "pool",
    [mean_pool, max_pool, last_pool, AttentionPooling(4)],
    ids=["mean", "max", "last", "attention"],
)
def test_an_empty_row_is_zero_in_value_and_gradient(rng, pool):
    x = torch.randn(3, 5, 4, requires_grad=True)
    mask = padding_mask(torch.tensor([0, 5, 2]), 5)
    pooled = pool(x, mask=mask)
    assert (pooled[0] == 0).all()
    (gradient,) = torch.autograd.grad(pooled.sum(), x)
    assert gradient.isfinite().all() and (gradient[0] == 0).all()


def test_words_and_then_sentences(rng):
    """Two levels: (batch, sentences, words, dim), some sentences empty."""
    words, pool = torch.randn(2, 3, 4, 6), AttentionPooling(6)
    mask = torch.arange(4) < torch.tensor([[4, 2, 0], [1, 0, 0]])[..., None]
    with record_attention(pool) as weights:
        sentences = pool(words, mask=mask)
    assert (sentences.shape, weights["core"].shape) == ((2, 3, 6), (2, 3, 1, 4))
    torch.testing.assert_close(sentences[0, 1], pool(words[0, 1:2, :2])[0])
    assert (sentences[1, 1:] == 0).all()


# -------------------------------------------------------------------------------------- learning


def reversal(rng, batch, symbols):
    """Rows of 4 to 6 symbols and their reverse; 0 is padding, 1 starts, 2 ends."""
    lengths = torch.as_tensor(rng.integers(4, 7, size=batch))
    place = torch.arange(6)
    padding = place >= lengths[:, None]
    source = torch.as_tensor(rng.choice(symbols, size=(batch, 6))).masked_fill(padding, 0)
    target = torch.zeros(batch, 7, dtype=torch.long)
    target[:, :6] = source.gather(1, (lengths[:, None] - 1 - place).clamp(min=0))
    target[:, :6].masked_fill_(padding, 0)
    target[torch.arange(batch), lengths] = 2
    shifted = torch.cat([torch.ones(batch, 1, dtype=torch.long), target[:, :-1]], dim=1)
    return source, shifted, lengths, target


def trained_to_reverse(rng, symbols, vocab_size, steps, **options):
    """The quickest decoder, one without a loop over the target."""

    def loss(model, source, shifted, lengths, target):
        return sequence_loss(model(source, shifted, lengths), target, padding=0)

    options |= {"core": GeneralAttention(32, 32), "input_feeding": False}
    decoder = LuongDecoder(vocab_size, 32, embed_dim=16, **options)
    model = Seq2Seq(Encoder(vocab_size, 32, embed_dim=16), decoder)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    batches = [reversal(rng, 32, symbols) for _ in range(steps)]
    options = {"schedule": warmup_then_linear(20, steps), "clip": 1.0, "progress": False}
    fit(model, batches, loss, steps=steps, optimizer=optimizer, **options)
    return model.eval()


def test_it_learns_to_reverse_and_looks_at_the_mirrored_place(rng, untyped):
    model = trained_to_reverse(rng, range(3, 11), vocab_size=11, steps=300)
    source, shifted, lengths, target = reversal(rng, 200, range(3, 11))
    with record_attention(model) as weights:
        right = (model(source, shifted, lengths).argmax(-1) == target) | (target == 0)
    assert right.all(1).float().mean() >= 0.9
    mirrored = lengths[:, None] - 1 - torch.arange(7)
    looked = weights["decoder.core"][:, 0].argmax(-1)
    assert (looked == mirrored)[mirrored >= 0].float().mean() >= 0.9


def test_the_gate_copies_symbols_never_met_in_training(rng, untyped):
    accuracy = {}
    for copy in (True, False):
        model = trained_to_reverse(rng, range(3, 43), vocab_size=53, steps=150, copy=copy)
        source, shifted, lengths, target = reversal(rng, 200, range(43, 53))
        found = model(source, shifted, lengths).argmax(-1) == target
        accuracy[copy] = found[target > 2].float().mean()
    assert accuracy[True] >= 0.5
    assert accuracy[False] <= 0.02


# ------------------------------------------------------------------------------------- bad input


def small(**options):
    return Seq2Seq(Encoder(VOCAB, 6), BahdanauDecoder(VOCAB, 6, **options))


VECTORS = torch.ones(2, 3, 4)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Encoder(VOCAB, 7), "dim is 7; expected an even number"),
        (lambda: Encoder(0, 6), "vocab_size is 0"),
        (lambda: Encoder(VOCAB, 0), "dim is 0"),
        (lambda: Encoder(VOCAB, 6, embed_dim=-1), "embed_dim is -1"),
        (lambda: Encoder(VOCAB, 6, cell="rnn"), "cell is 'rnn'; expected one of gru, lstm"),
        (lambda: Encoder(VOCAB, 6, num_layers=0), "num_layers is 0"),
        (lambda: Encoder(VOCAB, 6, dropout=1.5), "dropout is 1.5"),
        (lambda: Encoder(VOCAB, 6)(SOURCE[0]), "source has shape (5,)"),
        (lambda: Encoder(VOCAB, 6)(SOURCE.float()), "dtype torch.float32; expected whole numbers"),
        (lambda: Encoder(9, 6)(SOURCE), "the numbers in source run from 0 to 10; expected 0 to 8"),
        (lambda: Encoder(VOCAB, 6)(-SOURCE), "the numbers in source run from -10 to 0"),
        (lambda: Encoder(VOCAB, 6)(SOURCE[:, :0]), "a source is empty"),
        (lambda: Encoder(VOCAB, 6)(SOURCE, torch.tensor([5, 0, 2])), "a source is empty"),
        (lambda: Encoder(VOCAB, 6)(SOURCE, torch.tensor([5, 6, 2])), "lengths run from 2 to 6"),
        (lambda: Encoder(VOCAB, 6)(SOURCE, torch.tensor([5, -1, 2])), "lengths run from -1"),
        (lambda: Encoder(VOCAB, 6)(SOURCE, LENGTHS[:2]), "lengths have shape (2,); expected (3,)"),
        (lambda: Encoder(VOCAB, 6)(SOURCE, LENGTHS.double()), "expected whole numbers, (batch,)"),
        (lambda: Encoder(None, 6)(SOURCE), "expected (batch, length, 6). Is it of tokens?"),
        (lambda: BahdanauDecoder(VOCAB, 0), "dim is 0"),
        (lambda: BahdanauDecoder(0, 6), "vocab_size is 0"),
        (lambda: BahdanauDecoder(VOCAB, 6, memory_dim=0), "memory_dim is 0"),
        (lambda: BahdanauDecoder(VOCAB, 6, embed_dim=0), "embed_dim is 0"),
        (lambda: BahdanauDecoder(VOCAB, 6, copy=True), "copy=True needs a core"),
        (
            lambda: BahdanauDecoder(VOCAB, 6, core=GeneralAttention(6, 5)),
            "GeneralAttention does not take queries of size dim 6 and keys of size memory_dim 6",
        ),
        (
            lambda: LuongDecoder(VOCAB, 6, memory_dim=8, core=DotProductAttention()),
            "q has head_dim 6",
        ),
        (lambda: LuongDecoder(VOCAB, 6, cell="rnn"), "cell is 'rnn'"),
        (lambda: Decoder(VOCAB, 6), "use BahdanauDecoder or LuongDecoder"),
        (
            lambda: Seq2Seq(Encoder(VOCAB, 8), BahdanauDecoder(VOCAB, 6)),
            "the encoder's dim is 8 but the decoder's memory_dim 6",
        ),
        (lambda: small()(SOURCE, TARGET[:2]), "tokens have shape (2, 4); expected (3, new)"),
        (lambda: small()(SOURCE, TARGET + 5), "in tokens run from 5 to 14; expected 0 to 10"),
        (lambda: small()(SOURCE, TARGET[:, :0]), "number of new tokens is 0"),
        (lambda: small().step(TARGET, None), "state is missing; start(…) makes one"),
        (
            lambda: (m := small()).step(TARGET[:2], m.start(SOURCE)),
            "Is the source, or the state, of another batch?",
        ),
        (lambda: small().start(SOURCE, copy_tokens=SOURCE), "this decoder copies no tokens"),
        (
            lambda: small().decoder.start(torch.ones(2, 3, 5), torch.ones(2, 6)),
            "memory has shape (2, 3, 5); expected (batch, key, 6)",
        ),
        (
            lambda: small().decoder.start(torch.ones(2, 3, 6), torch.ones(1, 6)),
            "summary has shape (1, 6); expected (2, 6)",
        ),
        (
            lambda: small().decoder.start(
                torch.ones(2, 3, 6), torch.ones(2, 6), mask=torch.ones(2, 1, 4).bool()
            ),
            "key axis 4 ≠ 3",
        ),
        (
            lambda: small(core=DotProductAttention(), copy=True).decoder.start(
                torch.ones(2, 3, 6), torch.ones(2, 6)
            ),
            "copy_tokens are missing: this decoder copies",
        ),
        (
            lambda: small(core=DotProductAttention(), copy=True).start(
                SOURCE, copy_tokens=SOURCE[:, :2]
            ),
            "copy_tokens have shape (3, 2); expected (3, 5). One for each key",
        ),
        (
            lambda: small(core=DotProductAttention(), copy=True).start(
                SOURCE, copy_tokens=SOURCE + 1
            ),
            "copy_tokens run from 1 to 11",
        ),
        (lambda: LocalAttention(DotProductAttention(), 0), "window is 0"),
        (lambda: LocalAttention(DotProductAttention(), 2, query_dim=0), "query_dim is 0"),
        (
            lambda: LocalAttention(DotProductAttention(), 2)(VECTORS, VECTORS, VECTORS[:, :2]),
            "k has 3 rows",
        ),
        (
            lambda: LocalAttention(DotProductAttention(), 2).weights(
                VECTORS, VECTORS, positions=torch.arange(2)
            ),
            "positions have shape (2,); expected (3,)",
        ),
        (
            lambda: LocalAttention(DotProductAttention(), 2).weights(
                VECTORS, VECTORS, mask=torch.ones(2, 1, 4).bool()
            ),
            "key axis 4 ≠ 3",
        ),
        (
            lambda: copy_distribution(VECTORS, torch.ones(2), VECTORS, torch.zeros(2, 4).long()),
            "gate has shape (2,); expected (2, 3)",
        ),
        (
            lambda: copy_distribution(VECTORS, torch.ones(2, 3), VECTORS, torch.zeros(2, 3).long()),
            "tokens have shape (2, 3); expected (2, 4). One for each weight",
        ),
        (
            lambda: copy_distribution(VECTORS, torch.ones(2, 3), VECTORS[:1], SOURCE[:2, :4] * 0),
            "weights have shape (1, 3, 4); expected (2, 3, key)",
        ),
        (
            lambda: copy_distribution(VECTORS, torch.ones(2, 3), VECTORS, torch.full((2, 4), 4)),
            "tokens run from 4 to 4; expected 0 to 3",
        ),
        (lambda: mean_pool(torch.ones(4)), "x has shape (4,)"),
        (lambda: max_pool(torch.ones(2, 0, 4)), "number of positions is 0"),
        (
            lambda: mean_pool(VECTORS, mask=torch.ones(2, 3)),
            "mask has dtype torch.float32; expected bool",
        ),
        (lambda: last_pool(VECTORS, mask=torch.ones(2, 4).bool()), "mask has shape (2, 4)"),
        (lambda: AttentionPooling(0), "dim is 0"),
        (lambda: AttentionPooling(4, num_queries=0), "num_queries is 0"),
        (lambda: AttentionPooling(5)(VECTORS), "x has shape (2, 3, 4); expected (..., length, 5)"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises((ValueError, NotImplementedError)) as error:
        call()
    assert message in str(error.value)
