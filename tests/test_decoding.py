"""Decoding: each rule against its definition, with and without cache, and bad input."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from attnutils.decoding import (
    beam_search,
    filter_top_k,
    filter_top_p,
    generate,
    greedy,
    sampler,
    speculative,
)
from attnutils.layers import AdditiveAttention, GeneralAttention
from attnutils.recurrent import BahdanauDecoder, Encoder, LuongDecoder, Seq2Seq
from attnutils.transformer import gpt, llama, t5

SEEDS = st.integers(0, 10_000)
few = settings(max_examples=6)  # each builds a model
some = settings(max_examples=25)


def randomized(model, scale=0.5):
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=scale)
    return model.double().eval()


def decoder_only(seed, vocab=6, **choices):
    torch.manual_seed(seed)
    return randomized(gpt(vocab, 8, 2, 2, max_length=32, **choices))


def encoder_decoder(seed, vocab=6, kind="bahdanau"):
    """A model, two sources, and the state to write from."""
    torch.manual_seed(seed)
    source, lengths = torch.randint(1, vocab, (2, 4)), torch.tensor([4, 2])
    if kind == "t5":
        model = randomized(t5(vocab, 8, 2, 2))
        mask = (torch.arange(4) < lengths[:, None])[:, None, None]
        return model, lambda rows: model.start(source[rows], mask=mask[rows])
    decoder = {
        "bahdanau": lambda: BahdanauDecoder(vocab, 8, core=AdditiveAttention(8, 8, 8)),
        "luong": lambda: LuongDecoder(
            vocab, 8, core=GeneralAttention(8, 8), cell="lstm", copy=True, num_layers=2
        ),
    }[kind]()
    model = randomized(Seq2Seq(Encoder(vocab, 8), decoder))
    return model, lambda rows: model.start(source[rows], lengths[rows])


BOTH = slice(None)
FAMILIES = ["bahdanau", "luong", "t5"]


def log_probability(step, state, prompt, continuation, end):
    """Of one continuation; after ``end`` nothing costs anything."""
    logits, state = step(prompt, state)
    total = 0.0
    for token in continuation:
        total += logits[0, -1].log_softmax(-1)[token].item()
        if token == end:
            break
        logits, state = step(torch.tensor([[token]]), state)
    return total


# -------------------------------------------------------------------------------------- choosing


@some
@given(seed=SEEDS, k=st.integers(1, 12), batch=st.integers(1, 3))
def test_top_k_keeps_the_k_largest(seed, k, batch):
    logits = torch.randn(batch, 8, generator=torch.Generator().manual_seed(seed))
    kept = filter_top_k(logits, k)
    for row, cut in zip(logits, kept):
        largest = row.sort(descending=True).indices[:k]
        assert cut[largest].equal(row[largest])
        assert cut.isfinite().sum() == min(k, 8)


def test_top_k_keeps_ties_together():
    assert filter_top_k(torch.tensor([1.0, 2.0, 2.0, 0.0]), 1).isfinite().sum() == 2


@some
@given(seed=SEEDS, p=st.floats(0.01, 1.0))
def test_top_p_keeps_the_fewest_that_reach_p(seed, p):
    logits = 2 * torch.randn(8, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    cut, probabilities = filter_top_p(logits, p), logits.softmax(-1)
    kept = cut.isfinite()
    assert cut[kept].equal(logits[kept])
    assert probabilities[kept].sum() >= p - 1e-12
    # without the least of them p is not reached, and none outside is more probable
    assert probabilities[kept].sum() - probabilities[kept].min() < p or p == 1
    assert kept.all() or probabilities[~kept].max() <= probabilities[kept].min()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_top_p_adds_up_small_probabilities_in_low_precision(dtype):
    """The running sum near one half has steps of 1/512 in bfloat16, eight tokens wide."""
    kept = filter_top_p(torch.zeros(4096, dtype=dtype), 0.5)
    assert kept.dtype == dtype
    assert kept.isfinite().sum() == 2048


@some
@given(seed=SEEDS)
def test_top_p_of_one_and_top_k_of_all_are_plain_sampling(seed):
    logits = 3 * torch.randn(16, 9, generator=torch.Generator().manual_seed(seed))
    logits[:, 0] = -200.0  # a probability that rounds to zero
    tokens = [
        sampler(generator=torch.Generator().manual_seed(seed), **options)(logits)
        for options in ({}, {"top_p": 1.0}, {"top_k": 9}, {"top_k": 50, "top_p": 1.0})
    ]
    assert all(drawn.equal(tokens[0]) for drawn in tokens)
    assert filter_top_p(logits, 1.0).equal(logits)


@some
@given(seed=SEEDS, temperature=st.floats(0.1, 5.0))
def test_top_k_of_one_a_tiny_p_and_cold_sampling_are_greedy(seed, temperature):
    logits = torch.randn(4, 9, generator=torch.Generator().manual_seed(seed))
    expected = greedy(logits)
    assert sampler(top_k=1, temperature=temperature)(logits).equal(expected)
    assert sampler(top_p=1e-6, temperature=temperature)(logits).equal(expected)
    assert sampler(temperature=1e-5)(logits).equal(expected)


def test_top_p_sees_what_top_k_leaves():
    """After the cut to two, each has a half: the nucleus of 0.6 needs both."""
    logits = torch.tensor([[0.35, 0.35, 0.3]]).log()
    generator = torch.Generator().manual_seed(0)
    draw = sampler(top_k=2, top_p=0.6, generator=generator)
    assert torch.cat([draw(logits) for _ in range(50)]).unique().tolist() == [0, 1]


def test_temperature_sharpens(rng):
    logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(20_000, -1)
    generator = torch.Generator().manual_seed(0)
    share = sampler(temperature=0.5, generator=generator)(logits).bincount() / 20_000
    expected = torch.tensor([25.0, 9.0, 4.0]) / 38
    torch.testing.assert_close(share, expected, atol=0.01, rtol=0)


# ------------------------------------------------------------------------------------ generating


@pytest.mark.parametrize("recipe", [gpt, llama])
@few
@given(seed=SEEDS, batch=st.integers(1, 3), length=st.integers(1, 4))
def test_cached_equals_uncached(recipe, seed, batch, length):
    torch.manual_seed(seed)
    model = randomized(recipe(7, 8, 2, 2))
    prompt = torch.randint(7, (batch, length))
    for choose in (lambda: greedy, lambda: sampler(generator=torch.Generator().manual_seed(seed))):
        texts = [
            generate(model.step, prompt, steps=6, choose=choose(), cached=cached)
            for cached in (True, False)
        ]
        assert texts[0].equal(texts[1])
        assert texts[0].shape == (batch, length + 6)
        assert texts[0][:, :length].equal(prompt)


@few
@given(seed=SEEDS)
def test_greedy_takes_the_most_probable_each_time(seed):
    model = decoder_only(seed)
    prompt = torch.randint(6, (2, 3))
    text = generate(model.step, prompt, steps=5)
    for end in range(3, 8):
        assert text[:, end].equal(model(text[:, :end])[:, -1].argmax(-1))


def test_a_row_that_ended_writes_only_the_end():
    follows = torch.tensor([1, 2, 3, 4, 4, 4])

    def step(tokens, state):
        return nn.functional.one_hot(follows[tokens], 6).double(), state

    text = generate(step, torch.tensor([[0], [2]]), steps=9, end=3)
    assert text.tolist() == [[0, 1, 2, 3], [2, 3, 3, 3]]  # and it stops when all have
    assert generate(step, torch.tensor([[0], [2]]), steps=0, end=3).tolist() == [[0], [2]]


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_batch_of_sources_is_written_as_each_alone(kind):
    model, start = encoder_decoder(3, kind=kind)
    prompt = torch.zeros(2, 1, dtype=torch.long)
    together = generate(model.step, prompt, steps=6, state=start(BOTH))
    for row in range(2):
        one = slice(row, row + 1)
        alone = generate(model.step, prompt[one], steps=6, state=start(one))
        assert together[one].equal(alone)


# ------------------------------------------------------------------------------------------ beams


@few
@given(seed=SEEDS, penalty=st.sampled_from([0.0, 0.6, 1.0]))
def test_one_beam_is_greedy(seed, penalty):
    model = decoder_only(seed)
    prompt = torch.randint(6, (2, 2))
    expected = generate(model.step, prompt, steps=6, end=5)
    tokens, _ = beam_search(model.step, prompt, steps=6, beams=1, end=5, length_penalty=penalty)
    assert tokens[:, 0].equal(expected)


@pytest.mark.parametrize("kind", FAMILIES)
@few
@given(seed=SEEDS)
def test_one_beam_is_greedy_with_a_source(kind, seed):
    model, start = encoder_decoder(seed, kind=kind)
    prompt = torch.zeros(2, 1, dtype=torch.long)
    expected = generate(model.step, prompt, steps=6, end=5, state=start(BOTH))
    tokens, _ = beam_search(model.step, prompt, steps=6, beams=1, end=5, state=start(BOTH))
    assert tokens[:, 0].equal(expected)


def exhaustive(step, start, prompt, steps, end, vocab, penalty):
    """All continuations of a vocabulary's tokens with their scores, best first."""
    found = {}
    for tokens in itertools.product(range(vocab), repeat=steps):
        if end in tokens:
            length = tokens.index(end) + 1
            tokens = tokens[:length] + (end,) * (steps - length)
        else:
            length = steps
        if tokens not in found:
            logp = log_probability(step, start(), prompt, tokens, end)
            found[tokens] = logp / ((5 + length) / 6) ** penalty
    return sorted(found.items(), key=lambda pair: -pair[1])


@pytest.mark.parametrize("penalty", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("kind", ["gpt", "bahdanau", "t5"])
def test_beams_wide_enough_search_everything(kind, penalty):
    vocab, steps, end = 3, 3, 2
    if kind == "gpt":
        model, start = decoder_only(1, vocab), lambda rows: None
        prompt = torch.tensor([[0, 1], [1, 1]])
    else:
        model, start = encoder_decoder(2, vocab, kind=kind)
        prompt = torch.zeros(2, 1, dtype=torch.long)
    tokens, scores = beam_search(
        model.step, prompt, steps=steps, beams=27, end=end, length_penalty=penalty,
        state=start(BOTH),
    )  # fmt: skip
    for row in range(2):
        one = slice(row, row + 1)
        expected = exhaustive(
            model.step, lambda one=one: start(one), prompt[one], steps, end, vocab, penalty
        )
        real = scores[row].isfinite()
        assert real.sum() == len(expected)
        got = tokens[row, real, prompt.shape[1] :].tolist()
        assert [tuple(t) for t in got] == [t for t, _ in expected]
        wanted = torch.tensor([score for _, score in expected])
        torch.testing.assert_close(scores[row, real], wanted, atol=1e-4, rtol=1e-4)
        assert not real[len(expected) :].any()  # what is left over comes last


@pytest.mark.parametrize("kind", FAMILIES)
@few
@given(seed=SEEDS)
def test_states_follow_their_beams(kind, seed):
    """Two sources, three beams: every score is that of its own row, computed anew."""
    model, start = encoder_decoder(seed, kind=kind)
    prompt = torch.zeros(2, 1, dtype=torch.long)
    tokens, scores = beam_search(
        model.step, prompt, steps=5, beams=3, end=5, length_penalty=0.6, state=start(BOTH)
    )
    assert (scores.diff(dim=1) <= 0).all()
    for row in range(2):
        for beam in range(3):
            text = tokens[row, beam, 1:].tolist()
            length = text.index(5) + 1 if 5 in text else len(text)
            assert set(text[length:]) <= {5}  # ended rows are padded with the end
            logp = log_probability(model.step, start(slice(row, row + 1)), prompt[:1], text, 5)
            assert scores[row, beam] == pytest.approx(logp / ((5 + length) / 6) ** 0.6, abs=1e-4)
        assert len({tuple(t.tolist()) for t in tokens[row]}) == 3  # no beam twice


def test_a_penalty_favors_the_longer():
    """End at once with probability .4, or three tokens with .25 together."""

    def step(tokens, state):
        table = torch.tensor([[0.6, 0.4], [0.0, 1.0]]).log()
        return table[tokens], state

    options = {"steps": 3, "beams": 2, "end": 1}
    prompt = torch.tensor([[0]])
    best = [
        beam_search(step, prompt, length_penalty=penalty, **options)[0][0, 0].tolist()
        for penalty in (0.0, 5.0)
    ]
    assert best == [[0, 1, 1, 1], [0, 0, 0, 0]]


def test_the_penalty_acts_in_the_search_too():
    """0 ends (.37) or goes to 2, then 3 (.51) or 4 (.49): the row by 4 lives only if 1 goes."""
    table = torch.zeros(5, 5)
    table[0, 1], table[0, 2], table[2, 3], table[2, 4] = 0.368, 0.632, 0.51, 0.49
    table[3, :], table[4, 1] = 0.2, 1.0

    def step(tokens, state):
        return table.log()[tokens], state

    tokens, _ = beam_search(step, torch.tensor([[0]]), steps=3, beams=2, end=1, length_penalty=5.0)
    assert tokens[0, 0].tolist() == [0, 2, 4, 1]


def test_beams_find_what_greedy_misses():
    """Greedy takes .6 and then at best .6 × .4; the other way is .4 × .9."""
    rows = {0: [0, 0.6, 0.4, 0], 1: [0.3, 0.3, 0, 0.4], 2: [0.05, 0.05, 0, 0.9], 3: [0, 0, 0, 1]}
    table = torch.tensor([rows[token] for token in range(4)]).log()

    def step(tokens, state):
        return table[tokens], state

    prompt = torch.tensor([[0]])
    assert generate(step, prompt, steps=2, end=3)[0].tolist() == [0, 1, 3]
    tokens, scores = beam_search(step, prompt, steps=2, beams=2, end=3)
    assert tokens[0, 0].tolist() == [0, 2, 3]
    assert scores[0].exp().tolist() == pytest.approx([0.36, 0.24])


def test_no_steps_leave_the_prompt():
    model = decoder_only(0)
    tokens, scores = beam_search(model.step, torch.tensor([[1, 2]]), steps=0, beams=3, end=5)
    assert (tokens.tolist(), scores.tolist()) == ([[[1, 2]]], [[0.0]])


# ------------------------------------------------------------------------------------ speculation


@few
@given(large=SEEDS, small=SEEDS, ahead=st.integers(1, 6), steps=st.integers(0, 9))
def test_greedy_speculation_is_plain_greedy_whatever_the_draft(large, small, ahead, steps):
    model, draft = decoder_only(large), decoder_only(small)
    prompt = torch.randint(6, (1, 3))
    tokens, accepted = speculative(model.step, draft.step, prompt, steps=steps, ahead=ahead)
    assert tokens.equal(generate(model.step, prompt, steps=steps))
    assert 0 <= accepted <= 1


def test_a_perfect_draft_is_accepted_and_saves_steps():
    model, calls = decoder_only(4), []

    def counted(tokens, state):
        calls.append(tokens.shape[1])
        return model.step(tokens, state)

    prompt = torch.tensor([[1, 2, 3]])
    tokens, accepted = speculative(counted, model.step, prompt, steps=10, ahead=4)
    assert (accepted, len(calls)) == (1.0, 2)
    assert tokens.equal(generate(model.step, prompt, steps=10))


class Read:
    """A state that remembers the tokens read, and can go back."""

    def __init__(self, tokens):
        self.tokens = tokens

    def __len__(self):
        return self.tokens.shape[1]

    def truncate(self, length):
        assert 0 <= length <= len(self)
        self.tokens = self.tokens[:, :length]


def bigram(table):
    """A decoder whose logits are a row of a table."""

    def step(tokens, state):
        read = tokens if state is None else torch.cat([state.tokens, tokens], dim=1)
        return table[tokens], Read(read)

    return step


@pytest.mark.parametrize("ahead", [1, 3])
def test_speculative_sampling_is_distributed_as_the_large_model(ahead, untyped):
    """All texts of two tokens from a vocabulary of three, against their exact probabilities."""
    generator = torch.Generator().manual_seed(0)
    large, small = torch.randn(2, 3, 3, generator=generator)
    options = {"steps": 2, "ahead": ahead, "sample": True, "generator": generator}
    seen = torch.zeros(3, 3)
    for _ in range(1000):
        prompt = torch.tensor([[0]])
        tokens, _ = speculative(bigram(large), bigram(small), prompt, **options)
        seen[tokens[0, 1], tokens[0, 2]] += 1
    expected, drafted = (
        1000 * table.softmax(-1)[0, :, None] * table.softmax(-1) for table in (large, small)
    )
    assert expected.min() > 5  # or the test would not apply
    assert stats.chisquare(seen.flatten(), expected.flatten()).pvalue > 0.01
    assert stats.chisquare(seen.flatten(), drafted.flatten()).pvalue < 1e-6  # it could fail


def test_a_rejection_by_rounding_alone_draws_from_the_large_model(monkeypatch):
    table = torch.zeros(3, 3)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor(1.0))
    options = {"steps": 4, "sample": True, "generator": torch.Generator().manual_seed(0)}
    tokens, accepted = speculative(bigram(table), bigram(table), torch.tensor([[0]]), **options)
    assert (tokens.shape, accepted) == ((1, 5), 0.0)


def test_speculation_needs_a_state_that_goes_back():
    model, start = encoder_decoder(0)
    state = start(slice(0, 1))

    def step(tokens, before):
        return model.step(tokens, state if before is None else before)

    def wrong(tokens, before):  # a draft that is never right
        logits, after = step(tokens, before)
        return -logits, after

    with pytest.raises(ValueError, match="a recurrent state holds only the last"):
        speculative(step, wrong, torch.tensor([[0]]), steps=6)


# -------------------------------------------------------------------------------------- bad input

PROMPT = torch.tensor([[1, 2]])
STEP = decoder_only(0).step


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: filter_top_k(torch.zeros(3), 0), "k is 0; expected a whole number"),
        (lambda: filter_top_p(torch.zeros(3), 0.0), "p is 0.0; expected a probability, 0 < p <= 1"),
        (lambda: filter_top_p(torch.zeros(3), 90), "p is 90; expected a probability"),
        (lambda: filter_top_p(torch.zeros(3), float("nan")), "p is nan"),
        (lambda: sampler(temperature=0.0), "temperature is 0.0; expected > 0. For 0 use greedy"),
        (lambda: sampler(temperature=float("nan")), "temperature is nan"),
        (lambda: sampler(top_k=-1), "k is -1"),
        (lambda: sampler(top_p=1.5), "p is 1.5"),
        (lambda: generate(STEP, PROMPT[:, :0], steps=2), "the prompt is empty; expected at least"),
        (lambda: generate(STEP, PROMPT[0], steps=2), "prompt has shape (2,)"),
        (lambda: generate(STEP, PROMPT, steps=-1), "steps is -1"),
        (lambda: generate(STEP, PROMPT + 5, steps=1), "in tokens run from 6 to 7; expected 0 to 5"),
        (lambda: generate(STEP, PROMPT, steps=1, state=1, cached=False), "expected no state"),
        (lambda: generate(STEP, PROMPT, steps=40), "Is the input longer than max_length?"),
        (lambda: beam_search(STEP, PROMPT[:, :0], steps=2, beams=2, end=5), "the prompt is empty"),
        (lambda: beam_search(STEP, PROMPT, steps=2, beams=0, end=5), "beams is 0"),
        (
            lambda: beam_search(STEP, PROMPT, steps=2, beams=2, end=5, length_penalty=-1.0),
            "length_penalty is -1.0; expected at least 0",
        ),
        (
            lambda: beam_search(STEP, PROMPT, steps=2, beams=2, end=6),
            "end is 6; expected a token, 0 to 5",
        ),
        (lambda: beam_search(STEP, PROMPT, steps=2, beams=2, end=-1), "end is -1; expected a tok"),
        (lambda: generate(STEP, PROMPT, steps=2, end=6), "end is 6; expected a token"),
        (lambda: speculative(STEP, STEP, PROMPT, steps=2, ahead=0), "ahead is 0"),
        (lambda: speculative(STEP, STEP, PROMPT[:, :0], steps=2), "the prompt is empty"),
        (lambda: speculative(STEP, STEP, PROMPT.expand(2, -1), steps=2), "prompt has shape (2, 2)"),
        (
            lambda: speculative(STEP, decoder_only(0, 7).step, PROMPT, steps=2),
            "the draft has 7 tokens but the large model 6",
        ),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
