"""The training loop: what it does, what it keeps, and bad input."""

import pytest
import torch
from torch import nn

from attnutils.training import History, fit

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
