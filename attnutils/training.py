"""One training loop for the whole book, the record it leaves, and what one may pass to it."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm import tqdm

from attnutils.shapes import check_probability, check_size

Schedule = Callable[[int], float]
Validate = Callable[[nn.Module], dict[str, float]]


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

    Source: this book.
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """

    loss: list[float] = field(default_factory=list)
    validation: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    interrupted: bool = False

    def __repr__(self) -> str:
        if not self.loss:
            return "History(0 steps)"
        words = [f"{len(self.loss)} steps", f"loss {self.loss[0]:.3g} -> {self.loss[-1]:.3g}"]
        words += [f"{name} {pairs[-1][1]:.3g}" for name, pairs in self.validation.items()]
        return f"History({', '.join(words + ['interrupted'] * self.interrupted)})"


def fit(
    model: nn.Module, batches: Iterable[Any], loss: Callable[..., Tensor], *, steps: int,
    optimizer: torch.optim.Optimizer | None = None, schedule: Schedule | None = None,
    clip: float | None = None, validate: Validate | None = None, validate_every: int | None = None,
    device: torch.device | str | None = None, progress: bool = True,
) -> History:  # fmt: skip
    """Train a model for a fixed number of steps.

    An interruption (Ctrl-C, or stop in Jupyter) ends the training and keeps what was learned; the
    returned History says so. The model is left in the mode (train or eval) it came in.

    With several processes (torchrun) pass the model as ``DistributedDataParallel`` wraps it, and
    to each process its own batches. The gradients are then averaged over the processes, the losses
    in the History are each process's own, and only the first shows a bar.

    Args:
        model: trained in place.
        batches: each batch a tuple (or one tensor); started again when they run out.
        loss: ``loss(model, *batch)`` -> scalar tensor.
        steps: number of optimizer steps.
        optimizer: default Adam with learning rate 1e-3; see also ``muon``.
        schedule: factor on the learning rate by step (from 0), such as ``warmup_then_linear``.
        clip: largest norm of the gradient, all parameters taken as one vector; a longer one is
            shortened to it. Default no limit.
        validate: ``validate(model)`` -> numbers by name; called in eval mode and without gradient.
        validate_every: steps between two validations; default a tenth of ``steps``. The last step
            is always validated.
        device: where to move model and batches; default where the model is.
        progress: show a progress bar.
    Returns:
        The History.
    Raises:
        ValueError: no steps, no batches, an iterator that runs out, a limit that is not positive,
            or a loss that is not a finite scalar.
    Example:
        >>> model = nn.Linear(1, 1)
        >>> x = torch.linspace(-1, 1, 8)[:, None]
        >>> def squared_error(model, x, y):
        ...     return (model(x) - y).square().mean()
        >>> history = fit(model, [(x, 2 * x)], squared_error, steps=50, progress=False)
        >>> history.loss[-1] < history.loss[0]
        True

    Source: this book.
    Chapter: notebooks/3_recurrent/09_pytorch_layer.ipynb
    """
    check_size("steps", steps)
    default = max(1, steps // 10)
    every = check_size("validate_every", default if validate_every is None else validate_every)
    if clip is not None and not clip > 0:
        raise ValueError(f"clip is {clip}; expected a norm, > 0. For no limit leave it out.")
    if device is None:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3) if optimizer is None else optimizer
    rates = [group["lr"] for group in optimizer.param_groups]
    scheduler = schedule and torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
    history, stream, was_training = History(), _forever(batches), model.training
    # passing disable=False would override TQDM_DISABLE, with which a page is built without bars
    bar = tqdm(range(1, steps + 1), **({} if progress and _first_process() else {"disable": True}))
    try:
        for step in bar:
            batch = _to(next(stream), device)
            model.train()
            value = loss(model, *batch)
            _check_loss(value, step)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
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
        for group, rate in zip(optimizer.param_groups, rates):  # for whoever trains on with it
            group["lr"] = rate
            group.pop("initial_lr", None)  # else a schedule would begin there, whatever lr is then
        model.train(was_training)
    return history


def warmup_then_linear(warmup: int, steps: int) -> Schedule:
    """Learning rate that rises linearly, then falls linearly to zero.

    Args:
        warmup: steps until the full rate; 0 begins with it.
        steps: steps of the training, more than ``warmup``.
    Returns:
        Factor on the learning rate by step (from 0), for ``fit``.
    Raises:
        ValueError: a negative number, or no steps after the warm-up.
    Example:
        >>> factor = warmup_then_linear(2, 6)
        >>> [factor(step) for step in range(6)]
        [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]

    Source: Devlin et al. (2019), section A.2.
    Chapter: notebooks/5_transformer/26_encoder_decoder.ipynb
    """
    return _warmed(warmup, steps, lambda step: max(0.0, (steps - step) / (steps - warmup)))


def warmup_inverse_sqrt(warmup: int) -> Schedule:
    r"""Learning rate that rises linearly, then falls with the root of the step.

    :math:`\min(s / w, \sqrt{w / s})` with steps s from 1 and w = ``warmup``. The paper's rate is
    this times :math:`1/\sqrt{d w}`, d the size of the model: give that, or what you have tuned, to
    the optimizer.

    Args:
        warmup: steps until the full rate, at least 1.
    Returns:
        Factor on the learning rate by step (from 0), for ``fit``.
    Raises:
        ValueError: a number below 1.
    Example:
        >>> factor = warmup_inverse_sqrt(4)
        >>> [factor(step) for step in (0, 1, 2, 3, 15)]
        [0.25, 0.5, 0.75, 1.0, 0.5]

    Source: Vaswani et al. (2017), equation 3.
    Chapter: notebooks/5_transformer/26_encoder_decoder.ipynb
    """
    check_size("warmup", warmup)
    return lambda step: min((step + 1) / warmup, math.sqrt(warmup / (step + 1)))


def cosine(steps: int, *, warmup: int = 0, floor: float = 0.0) -> Schedule:
    """Learning rate that falls along half a cosine, after an optional linear rise.

    Args:
        steps: steps of the training, more than ``warmup``.
        warmup: steps until the full rate.
        floor: factor at the end, 0 <= floor < 1.
    Returns:
        Factor on the learning rate by step (from 0), for ``fit``.
    Raises:
        ValueError: a negative number, no steps after the warm-up, or a floor outside [0, 1).
    Example:
        >>> factor = cosine(4)
        >>> [round(factor(step), 3) for step in range(5)]
        [1.0, 0.854, 0.5, 0.146, 0.0]

    Source: Loshchilov & Hutter (2017), arXiv:1608.03983, equation 5.
    Chapter: notebooks/6_models/29_gpt.ipynb
    """
    check_probability("floor", floor)

    def fall(step: int) -> float:
        share = min(1.0, (step - warmup) / (steps - warmup))
        return floor + (1 - floor) * (1 + math.cos(math.pi * share)) / 2

    return _warmed(warmup, steps, fall)


def sequence_loss(
    logits: Float[Tensor, "batch length vocab"], targets: Int[Tensor, "batch length"], *,
    padding: int | None = None, label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:  # fmt: skip
    r"""Cross-entropy in nats per token, the mean over the real tokens of a padded batch.

    With smoothing ε the target is the token with probability :math:`1 - \varepsilon` and any token,
    itself included, with ε shared equally.

    Args:
        logits: ``(batch, length, vocab)``, of what follows each token read.
        targets: what does follow, ``(batch, length)``.
        padding: the token that fills short rows, left out; None counts every token.
        label_smoothing: ε, 0 <= ε < 1.
    Returns:
        A scalar.
    Raises:
        ValueError: shapes that do not fit, tokens outside the vocabulary, or nothing but padding.
    Example:
        >>> logits, targets = torch.zeros(1, 3, 8), torch.tensor([[5, 2, 0]])
        >>> sequence_loss(logits, targets, padding=0)  # ln 8
        tensor(2.0794)

    Source: Szegedy et al. (2016), section 7; Vaswani et al. (2017), section 5.4.
    Chapter: notebooks/5_transformer/26_encoder_decoder.ipynb
    """
    check_probability("label_smoothing", label_smoothing)
    whole = not targets.is_floating_point() and targets.dtype != torch.bool
    if logits.ndim != 3 or targets.shape != logits.shape[:2] or not whole:
        raise ValueError(
            f"logits have shape {tuple(logits.shape)} and targets {tuple(targets.shape)}, "
            f"{targets.dtype}; expected (batch, length, vocab) and whole numbers, (batch, length). "
            "Was only one of them shifted or cut?"
        )
    kept, vocab_size = targets if padding is None else targets[targets != padding], logits.shape[-1]
    if not kept.numel():
        raise ValueError("there is no target but padding; expected at least one real token.")
    if not 0 <= kept.min() <= kept.max() < vocab_size:
        raise ValueError(
            f"targets run from {kept.min()} to {kept.max()}; expected 0 to {vocab_size - 1}. "
            "Do they come from another vocabulary, or is padding= another token?"
        )
    ignored = -100 if padding is None else padding  # -100: no token has that number
    options = {"ignore_index": ignored, "label_smoothing": label_smoothing}
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten().long(), **options)


def muon(
    model: nn.Module, *, lr: float = 1e-3, adam_lr: float | None = None, weight_decay: float = 0.0,
    head: nn.Module | None = None,
) -> torch.optim.Optimizer:  # fmt: skip
    """An optimizer for ``fit``: Muon for the matrices inside the model, AdamW for all the rest.

    Muon makes each update of a matrix nearly orthogonal. It is for the weights of linear and
    recurrent layers; embeddings, the layer of the logits, biases and norms go to AdamW. The updates
    are scaled so that both take the same learning rate, and a schedule acts on both.

    Args:
        model: its parameters; frozen ones are left out.
        lr: learning rate of both.
        adam_lr: another one for AdamW; default ``lr``.
        weight_decay: of both.
        head: the layer of the logits; default ``model.head`` where there is one.
    Returns:
        One optimizer.
    Raises:
        ValueError: a model without such matrices, or a negative rate.
    Example:
        >>> model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 4), nn.Linear(4, 10))
        >>> optimizer = muon(model, lr=0.02, head=model[2])
        >>> [len(group["params"]) for group in optimizer.param_groups]
        [1, 4]

    Source: Jordan et al. (2024), https://kellerjordan.github.io/posts/muon; the scale: Liu et al.
    (2025), arXiv:2502.16982, section 2.2.
    Chapter: notebooks/5_transformer/26_encoder_decoder.ipynb
    """
    head = getattr(model, "head", None) if head is None else head
    apart = [m for m in model.modules() if isinstance(m, nn.Embedding)]
    apart += [] if head is None else [head]
    mixing = [m for m in model.modules() if isinstance(m, nn.Linear | nn.RNNBase)]
    inside = {p for m in mixing for p in m.parameters() if p.ndim == 2}
    inside -= {p for m in apart for p in m.parameters()}
    parameters = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in parameters if p in inside]
    rest = [p for p in parameters if p not in inside]
    if not matrices:
        raise ValueError(
            f"{type(model).__name__} has no matrix for Muon; expected linear or recurrent layers "
            "besides embeddings and head. Use torch.optim.AdamW."
        )
    shared = {"weight_decay": weight_decay}
    parts = [torch.optim.Muon(matrices, lr=lr, adjust_lr_fn="match_rms_adamw", **shared)]
    if rest:
        parts.append(torch.optim.AdamW(rest, lr=lr if adam_lr is None else adam_lr, **shared))
    return _Joined(parts)


class _Joined(torch.optim.Optimizer):
    """Several optimizers as one."""

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        self.parts = parts
        super().__init__(self._groups(), {})

    def _groups(self) -> list[dict[str, Any]]:
        # the very dictionaries of the parts: a learning rate set here is set there
        return [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of each."""
        value = None if closure is None else torch.enable_grad()(closure)()
        for part in self.parts:
            part.step()
        return value

    def state_dict(self) -> dict[str, Any]:
        """The states of all."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the states of all."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = self._groups()


def _warmed(warmup: int, steps: int, after: Schedule) -> Schedule:
    """A linear rise over the first steps, then what ``after`` says."""
    if check_size("steps", steps) <= check_size("warmup", warmup, least=0):
        raise ValueError(f"warmup is {warmup} of {steps} steps; expected fewer. Are they swapped?")
    return lambda step: (step + 1) / warmup if step < warmup else after(step)


def _first_process() -> bool:
    return not (dist.is_available() and dist.is_initialized() and dist.get_rank())


def _forever(batches: Iterable[Any]) -> Iterator[Any]:
    count, before = 0, -1
    while count > before:
        before = count
        for batch in batches:
            count += 1
            yield batch
    raise ValueError(
        f"no batch after {count}: {'they ran out' if count else 'there are none'}. Expected an "
        "iterable that can be started again. Is it a generator? Make it a list."
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
