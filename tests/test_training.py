"""The training loop and what goes into it: what it does, what it keeps, and bad input."""

import copy
import os
import subprocess
import sys
import textwrap

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from attnutils.training import (
    History,
    cosine,
    fit,
    muon,
    sequence_loss,
    warmup_inverse_sqrt,
    warmup_then_linear,
)

X = torch.linspace(-1, 1, 16)[:, None]
BATCHES = [(X[:8], 2 * X[:8]), (X[8:], 2 * X[8:])]


def squared_error(model, x, y):
    return (model(x) - y).square().mean()


def test_it_learns_and_keeps_the_mode(rng):
    model = nn.Linear(1, 1).eval()
    history = fit(
        model, BATCHES, squared_error, steps=200, optimizer=torch.optim.SGD(model.parameters(), 0.5)
    )
    assert history.loss[-1] < 1e-6
    assert len(history.loss) == 200
    assert not model.training


def test_the_same_seed_gives_the_same_history():
    from attnutils.seeding import seed_everything

    losses = []
    for _ in range(2):
        seed_everything(3)
        losses.append(fit(nn.Linear(1, 1), BATCHES, squared_error, steps=5, progress=False).loss)
    assert losses[0] == losses[1]


def test_validation_sees_an_evaluating_model_without_gradient(rng):
    seen = []

    def validate(model):
        seen.append((model.training, torch.is_grad_enabled()))
        return {"accuracy": 0.5}

    history = fit(
        nn.Linear(1, 1), BATCHES, squared_error, steps=7, validate=validate, validate_every=3
    )
    assert history.validation == {"accuracy": [(3, 0.5), (6, 0.5), (7, 0.5)]}
    assert seen == [(False, False)] * 3
    assert "accuracy 0.5" in repr(history)


def test_the_schedule_scales_the_rate(rng):
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    before = [p.clone() for p in model.parameters()]
    fit(model, BATCHES, squared_error, steps=3, optimizer=optimizer, schedule=lambda step: 0.0)
    assert all(a.equal(b) for a, b in zip(before, model.parameters(), strict=True))


def test_an_interruption_keeps_what_was_learned(rng):
    model, calls = nn.Linear(1, 1), []

    def interrupted(model, x, y):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return squared_error(model, x, y)

    history = fit(model, BATCHES, interrupted, steps=10)
    assert (len(history.loss), history.interrupted) == (3, True)
    assert "interrupted" in repr(history)
    assert model.training


def test_a_single_tensor_is_a_batch_and_moves(rng):
    history = fit(
        nn.Linear(1, 1), [X], lambda model, x: model(x).square().mean(), steps=2, device="cpu"
    )
    assert len(history.loss) == 2


def test_repr_of_nothing():
    assert repr(History()) == "History(0 steps)"


def test_clipping_shortens_a_long_gradient_and_leaves_a_short_one(rng):
    def moved(clip, factor):
        model = nn.Linear(3, 2)
        nn.init.ones_(model.weight), nn.init.zeros_(model.bias)
        before = nn.utils.parameters_to_vector(model.parameters()).clone()
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        x = torch.tensor([[1.0, 2.0, 3.0]])
        options = {"optimizer": optimizer, "clip": clip, "progress": False}
        fit(model, [x], lambda model, x: factor * model(x).sum(), steps=1, **options)
        return before - nn.utils.parameters_to_vector(model.parameters())

    length = moved(None, 1.0).norm()
    torch.testing.assert_close(moved(0.5, 1.0), moved(None, 1.0) / length * 0.5)
    torch.testing.assert_close(moved(0.5, 0.01), moved(None, 0.01))


def test_the_rate_is_given_back_for_more_training(rng):
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    seen = []

    def loss(model, x, y):
        seen.append(optimizer.param_groups[0]["lr"])
        return squared_error(model, x, y)

    for _ in range(2):
        fit(model, BATCHES, loss, steps=4, optimizer=optimizer, schedule=warmup_then_linear(2, 4))
    assert seen == [0.25, 0.5, 0.5, 0.25] * 2
    assert optimizer.param_groups[0]["lr"] == 0.5
    optimizer.param_groups[0]["lr"] = 0.1  # another one is taken up
    fit(model, BATCHES, loss, steps=1, optimizer=optimizer, schedule=lambda step: 1.0)
    assert seen[-1] == 0.1


# ------------------------------------------------------------------------------------- schedules


@pytest.mark.parametrize(
    "make",
    [
        warmup_then_linear,
        lambda warmup, steps: warmup_inverse_sqrt(warmup) if warmup else lambda step: 1.0,
        lambda warmup, steps: cosine(steps, warmup=warmup),
    ],
    ids=["linear", "inverse sqrt", "cosine"],
)
@given(warmup=st.integers(0, 20), after=st.integers(1, 30))
def test_schedules_rise_to_one_and_never_after(make, warmup, after):
    factor = make(warmup, warmup + after)
    values = [factor(step) for step in range(warmup + after + 5)]
    assert all(0 <= value <= 1 for value in values)
    assert values[:warmup] == [(step + 1) / warmup for step in range(warmup)]
    falling = values[max(warmup - 1, 0) :]
    assert falling[0] == 1
    assert all(a >= b for a, b in zip(falling, falling[1:]))


def test_schedules_end_where_they_should():
    assert [warmup_then_linear(0, 4)(step) for step in (0, 2, 4, 9)] == [1.0, 0.5, 0.0, 0.0]
    assert [cosine(4, floor=0.2)(step) for step in (0, 4, 9)] == [1.0, 0.2, 0.2]
    assert cosine(6, warmup=2)(4) == pytest.approx(0.5)


def test_the_papers_rate_in_our_units():
    """Vaswani's d^-0.5 min(s^-0.5, s w^-1.5) is our factor times 1/sqrt(d w)."""
    dim, warmup = 512, 4000
    factor = warmup_inverse_sqrt(warmup)
    for step in (1, 100, 4000, 4001, 100_000):
        paper = dim**-0.5 * min(step**-0.5, step * warmup**-1.5)
        assert factor(step - 1) * (dim * warmup) ** -0.5 == pytest.approx(paper)


# ------------------------------------------------------------------------------------ the loss


def smoothed(logits, target, epsilon):
    """Cross-entropy against a smoothed target, written out."""
    wanted = torch.full_like(logits, epsilon / len(logits))
    wanted[target] += 1 - epsilon
    return -(wanted * logits.log_softmax(0)).sum()


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_the_loss_is_the_mean_over_real_tokens(rng, epsilon):
    logits = torch.randn(2, 4, 6).double().requires_grad_()
    targets = torch.tensor([[3, 1, 2, 0], [5, 0, 0, 0]])
    loss = sequence_loss(logits, targets, padding=0, label_smoothing=epsilon)
    real = [(0, 0), (0, 1), (0, 2), (1, 0)]
    expected = sum(smoothed(logits[at], targets[at], epsilon) for at in real) / 4
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert (logits.grad[targets == 0] == 0).all() and (logits.grad[targets != 0] != 0).all()


def test_padding_may_be_any_number_or_none(rng):
    logits, targets = torch.randn(1, 3, 4), torch.tensor([[1, 2, -100]])
    expected = F.cross_entropy(logits[0, :2], targets[0, :2])
    torch.testing.assert_close(sequence_loss(logits, targets, padding=-100), expected)
    everything = sequence_loss(logits, targets.clamp(min=0).int())
    torch.testing.assert_close(everything, F.cross_entropy(logits[0], targets[0].clamp(min=0)))


# -------------------------------------------------------------------------------------- muon


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 6)
        self.rnn = nn.GRU(6, 6, batch_first=True)
        self.norm = nn.LayerNorm(6)
        self.table = nn.Parameter(torch.randn(6, 6))  # a matrix, but of no layer
        self.inside = nn.Linear(6, 6)
        self.frozen = nn.Linear(6, 6).requires_grad_(False)
        self.head = nn.Linear(6, 10)

    def forward(self, tokens):
        x = self.frozen(self.inside(self.norm(self.rnn(self.embed(tokens))[0]) @ self.table))
        return self.head(x)


def language_loss(model, tokens):
    return sequence_loss(model(tokens[:, :-1]), tokens[:, 1:])


def names_in(model, group):
    names = {id(p): name for name, p in model.named_parameters()}
    return {names[id(p)] for p in group["params"]}


def test_muon_takes_the_matrices_inside_and_adamw_the_rest(rng):
    model = Model()
    matrices, rest = muon(model, lr=0.1, adam_lr=0.2, weight_decay=0.3).param_groups
    assert names_in(model, matrices) == {"rnn.weight_ih_l0", "rnn.weight_hh_l0", "inside.weight"}
    assert names_in(model, matrices) | names_in(model, rest) == {
        name for name, p in model.named_parameters() if p.requires_grad
    }
    assert [(g["lr"], g["weight_decay"]) for g in (matrices, rest)] == [(0.1, 0.3), (0.2, 0.3)]
    head = muon(model, head=model.inside).param_groups[0]
    assert "inside.weight" not in names_in(model, head)
    model.head.weight = model.embed.weight  # tied
    assert "embed.weight" in names_in(model, muon(model, head=model.inside).param_groups[1])


def test_muon_equals_its_two_parts_by_hand(rng):
    model, twin = Model(), Model()
    twin.load_state_dict(model.state_dict())
    tokens = [torch.randint(10, (4, 5)) for _ in range(3)]
    optimizer = muon(model, lr=0.01)
    fit(model, tokens, language_loss, steps=6, optimizer=optimizer, schedule=cosine(6))
    matrices = [twin.rnn.weight_ih_l0, twin.rnn.weight_hh_l0, twin.inside.weight]
    chosen = {id(p) for p in matrices}
    rest = [p for p in twin.parameters() if id(p) not in chosen and p.requires_grad]
    parts = [
        torch.optim.Muon(matrices, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, weight_decay=0.0),
    ]
    for step in range(6):
        loss = language_loss(twin, tokens[step % 3])
        for part in parts:
            part.zero_grad()
            part.param_groups[0]["lr"] = 0.01 * cosine(6)(step)
        loss.backward()
        [part.step() for part in parts]
    for a, b in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(a, b)


def test_muon_learns_and_can_be_taken_up_again(rng):
    model, tokens = Model(), [torch.randint(10, (4, 5))]
    optimizer = muon(model, lr=0.02)
    history = fit(model, tokens, language_loss, steps=60, optimizer=optimizer)
    assert history.loss[-1] < 0.5 * history.loss[0]
    twin = Model()
    twin.load_state_dict(model.state_dict())
    resumed = muon(twin)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert resumed.param_groups[1]["lr"] == 0.02
    for m, o in ((model, optimizer), (twin, resumed)):
        fit(m, tokens, language_loss, steps=3, optimizer=o, schedule=lambda step: 0.5)
    for a, b in zip(model.parameters(), twin.parameters()):
        assert a.equal(b)


def test_muon_takes_a_closure_and_a_model_of_matrices_alone(rng):
    model = nn.Linear(3, 3, bias=False)
    optimizer = muon(model, lr=0.1)
    assert len(optimizer.param_groups) == 1

    def closure():
        optimizer.zero_grad()
        loss = model(torch.ones(1, 3)).square().sum()
        loss.backward()
        return loss

    first = optimizer.step(closure)
    assert optimizer.step(closure) < first


# ------------------------------------------------------------------------- more than one process


DISTRIBUTED = """
    import contextlib, io, sys
    import torch
    from torch import distributed, nn
    from torch.nn.parallel import DistributedDataParallel
    from attnutils.training import cosine, fit, muon

    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    torch.manual_seed(rank)  # the wrapper makes the weights equal
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    if rank == 0:
        torch.save(model.state_dict(), f"{sys.argv[1]}/start.pt")
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(8, 3, generator=generator)[rank::2] for _ in range(5)]

    def loss(model, x):
        return (model(x) - x.prod(1, keepdim=True)).square().mean()

    wrapped = DistributedDataParallel(model)
    optimizer = muon(model, lr=0.02, head=model[2])
    options = {"schedule": cosine(20), "clip": 0.1, "validate": lambda m: {"0": m(batches[0])[0]}}
    with contextlib.redirect_stderr(io.StringIO()) as shown:
        history = fit(wrapped, batches, loss, steps=20, optimizer=optimizer, **options)
    seen = {"weights": model.state_dict(), "loss": history.loss, "bar": shown.getvalue()}
    torch.save(seen, f"{sys.argv[1]}/{rank}.pt")
    distributed.destroy_process_group()
"""


def test_two_processes_train_as_one_on_the_joined_batch(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(DISTRIBUTED))
    environment = {k: v for k, v in os.environ.items() if k != "TQDM_DISABLE"}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(script), str(tmp_path)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert all(first["weights"][name].equal(second["weights"][name]) for name in first["weights"])
    assert ("100%" in first["bar"], second["bar"]) == (True, "")

    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    model.load_state_dict(torch.load(tmp_path / "start.pt"))
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(8, 3, generator=generator) for _ in range(5)]

    def loss(model, x):
        return (model(x) - x.prod(1, keepdim=True)).square().mean()

    options = {"schedule": cosine(20), "clip": 0.1, "progress": False}
    optimizer = muon(model, lr=0.02, head=model[2])
    history = fit(model, batches, loss, steps=20, optimizer=optimizer, **options)
    for name, parameter in model.state_dict().items():
        torch.testing.assert_close(first["weights"][name], parameter, atol=1e-4, rtol=1e-3)
    assert history.loss != first["loss"]  # each process saw its own half


# ------------------------------------------------------------------------------------ bad input


LOGITS, TARGETS = torch.zeros(2, 3, 5), torch.ones(2, 3, dtype=torch.long)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: warmup_then_linear(5, 5), "warmup is 5 of 5 steps; expected fewer"),
        (lambda: warmup_then_linear(-1, 5), "warmup is -1"),
        (lambda: warmup_then_linear(2, 0), "steps is 0"),
        (lambda: warmup_inverse_sqrt(0), "warmup is 0"),
        (lambda: cosine(5, warmup=9), "warmup is 9 of 5 steps"),
        (lambda: cosine(5, floor=1.0), "floor is 1.0"),
        (lambda: sequence_loss(LOGITS[0], TARGETS), "logits have shape (3, 5) and targets (2, 3)"),
        (lambda: sequence_loss(LOGITS, TARGETS[:, 1:]), "Was only one of them shifted or cut?"),
        (lambda: sequence_loss(LOGITS, TARGETS.float()), "torch.float32; expected (batch"),
        (lambda: sequence_loss(LOGITS, TARGETS + 4), "targets run from 5 to 5; expected 0 to 4"),
        (lambda: sequence_loss(LOGITS, TARGETS, padding=1), "there is no target but padding"),
        (lambda: sequence_loss(LOGITS, TARGETS, label_smoothing=1.0), "label_smoothing is 1.0"),
        (lambda: muon(nn.Embedding(3, 3)), "Embedding has no matrix for Muon"),
        (lambda: muon(nn.Linear(3, 3), lr=-1.0), "earning rate should be >= 0"),
        (
            lambda: fit(nn.Linear(1, 1), BATCHES, squared_error, steps=1, clip=0.0),
            "clip is 0.0; expected a norm, > 0",
        ),
        (
            lambda: fit(nn.Linear(1, 1), BATCHES, squared_error, steps=1, validate_every=0),
            "validate_every is 0",
        ),
    ],
)
def test_bad_arguments_are_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


@pytest.mark.parametrize(
    "batches, loss, steps, message",
    [
        (BATCHES, squared_error, 0, "steps is 0"),
        ([], squared_error, 2, "there are none"),
        (iter(BATCHES), squared_error, 5, "no batch after 2: they ran out"),
        (BATCHES, lambda model, x, y: model(x), 2, r"shape \(8, 1\); expected a scalar"),
        (BATCHES, lambda model, x, y: 1.0, 2, "the loss is of float"),
        (BATCHES, lambda model, x, y: squared_error(model, x, y) * torch.nan, 2, "nan at step 1"),
    ],
)
def test_bad_input_is_named(batches, loss, steps, message, rng, untyped):
    with pytest.raises(ValueError, match=message):
        fit(nn.Linear(1, 1), batches, loss, steps=steps)
