"""One training loop for the whole book, and the record it leaves."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from attnutils.shapes import check_size

__all__ = ["History", "fit"]


@dataclass
class History:
    """What happened during ``fit``.

    Attributes:
        loss: training loss of every step.
        validation: for each name that ``validate`` returned, pairs (step, value).
        interrupted: True if the training was stopped by hand.
    Example:
        >>> history = History(loss=[2.0, 1.0, 0.5])
        >>> history
        History(3 steps, loss 2 -> 0.5)
    """

    loss: list[float] = field(default_factory=list)
    validation: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    interrupted: bool = False

    def __repr__(self) -> str:
        if not self.loss:
            return "History(0 steps)"
        last = "".join(f", {name} {pairs[-1][1]:.3g}" for name, pairs in self.validation.items())
        stopped = ", interrupted" if self.interrupted else ""
        return (
            f"History({len(self.loss)} steps, loss {self.loss[0]:.3g} -> {self.loss[-1]:.3g}"
            f"{last}{stopped})"
        )


def fit(
    model: nn.Module,
    batches: Iterable[Any],
    loss: Callable[..., Tensor],
    *,
    steps: int,
    optimizer: torch.optim.Optimizer | None = None,
    schedule: Callable[[int], float] | None = None,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    validate_every: int | None = None,
    device: torch.device | str | None = None,
    progress: bool = True,
) -> History:
    """Train a model for a fixed number of steps.

    An interruption (Ctrl-C, or stop in Jupyter) ends the training and keeps what was learned; the
    returned History says so. The model is left in the mode (train or eval) it came in.

    Args:
        model: trained in place.
        batches: each batch a tuple (or one tensor); started again when they run out.
        loss: ``loss(model, *batch)`` -> scalar tensor.
        steps: number of optimizer steps.
        optimizer: default Adam with learning rate 1e-3.
        schedule: factor on the learning rate by step (from 0).
        validate: ``validate(model)`` -> numbers by name; called in eval mode and without gradient.
        validate_every: steps between two validations; default a tenth of ``steps``. The last step
            is always validated.
        device: where to move model and batches; default where the model is.
        progress: show a progress bar.
    Returns:
        The History.
    Raises:
        ValueError: no steps, no batches, an iterator that runs out, or a loss that is not a finite
            scalar.
    Example:
        >>> model = nn.Linear(1, 1)
        >>> x = torch.linspace(-1, 1, 8)[:, None]
        >>> def squared_error(model, x, y):
        ...     return (model(x) - y).square().mean()
        >>> history = fit(model, [(x, 2 * x)], squared_error, steps=50, progress=False)
        >>> history.loss[-1] < history.loss[0]
        True

    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """
    check_size("steps", steps)
    every = check_size("validate_every", validate_every or max(1, steps // 10))
    if device is None:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3) if optimizer is None else optimizer
    scheduler = schedule and torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
    history, stream, was_training = History(), _forever(batches), model.training
    # passing disable=False would override TQDM_DISABLE, with which a page is built without bars
    bar = tqdm(range(1, steps + 1), **({} if progress else {"disable": True}))
    try:
        for step in bar:
            batch = _to(next(stream), device)
            model.train()
            value = loss(model, *batch)
            _check_loss(value, step)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            if scheduler:
                scheduler.step()
            history.loss.append(value.item())
            bar.set_postfix(loss=f"{history.loss[-1]:.3g}", refresh=False)
            if validate and (step % every == 0 or step == steps):
                model.eval()
                with torch.no_grad():
                    for name, number in validate(model).items():
                        history.validation.setdefault(name, []).append((step, float(number)))
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        bar.close()
        model.train(was_training)
    return history


def _forever(batches: Iterable[Any]) -> Iterator[Any]:
    count = 0
    while True:
        before = count
        for batch in batches:
            count += 1
            yield batch
        if count == before:
            cause = "they ran out" if count else "there are none"
            raise ValueError(
                f"no batch after {count}: {cause}. Expected an iterable that can be started again; "
                "is it a generator? Make it a list, or let it run forever."
            )


def _to(batch: Any, device: torch.device | str) -> tuple:
    items = batch if isinstance(batch, tuple | list) else (batch,)
    return tuple(x.to(device) if isinstance(x, Tensor) else x for x in items)


def _check_loss(value: Any, step: int) -> None:
    if not isinstance(value, Tensor) or value.ndim:
        what = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"the loss is of {what}; expected a scalar tensor. Is .mean() missing?")
    if not math.isfinite(value.item()):
        raise ValueError(
            f"the loss is {value.item()} at step {step}; expected a finite number. "
            "Is the learning rate too high, or is a row fully masked somewhere?"
        )
