"""Train a network: AdamW with a warm-up and a cosine, hard or soft targets, on the CPU or on CUDA."""

from __future__ import annotations

import copy
import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import SettingsError, TrainingError

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

Augment = Callable[["Tensor", "Generator"], "Tensor"]
WARM_UP = 0.2  # share of the steps over which the learning rate rises
ROWS_AT_ONCE = 4096


def resolve_device(name: str) -> str:
    """'cpu' or 'cuda', for 'auto', 'cpu' or 'cuda'. Raises SettingsError for CUDA where there is none."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingsError("training.device is 'cuda' and torch sees no CUDA device here. "
                            "Set training.device to 'auto' or 'cpu', or install the CUDA build of torch.")
    return name


def batch_size(rows: int) -> int:
    """About 20 batches an epoch, a power of two between 32 and 1024.

    >>> [batch_size(rows) for rows in (100, 1_000, 10_000, 1_000_000)]
    [32, 64, 512, 1024]
    """
    return int(min(1024, max(32, 2 ** round(math.log2(max(rows, 1) / 20)))))


@dataclass(frozen=True)
class Lesson:
    """What one training is made of, on its device: rows, targets and how far off an answer is."""

    rows: Tensor
    targets: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    exact: bool = False  # bfloat16 holds three digits: enough for logits, too few for a price

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Stepper:
    """How a network takes its steps: which rows, how changed, how far."""

    optimizer: Any
    pace: Any
    batch: int
    augment: Augment | None
    generator: Generator

    def batches(self, rows: int) -> tuple[Tensor, ...]:
        """The row numbers of each batch, in a new order."""
        import torch

        return torch.split(torch.randperm(rows, generator=self.generator), self.batch)

    def augmented(self, rows: Tensor) -> Tensor:
        return self.augment(rows, self.generator) if self.augment else rows

    def step(self, loss: Any) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.pace.step()


def train_network(module: nn.Module, X: NDArray[np.float32], y: NDArray[Any], *,
                  X_val: NDArray[np.float32] | None = None, y_val: NDArray[Any] | None = None,
                  epochs: int, lr: float, weight_decay: float, seed: int, device: str = "cpu",
                  augment: Augment | None = None, soft_targets: NDArray[np.float32] | None = None,
                  temperature: float = 1.0, batch: int | None = None, label_smoothing: float = 0.0,
                  class_weights: NDArray[np.float32] | None = None) -> nn.Module:
    """A trained copy of a network, on the CPU and in evaluation mode; the argument stays as it is.

    X: (rows, features); y: class indices (rows,), or floats for a regression. `soft_targets` (rows, classes) are a
    teacher's probabilities: they take the place of y, softened by the temperature (Hinton et al., 2015).
    `class_weights` (classes,) say how much a row of each class weighs in the loss. With validation rows the weights of
    the epoch with the least validation loss are kept, else the last ones.
    Raises TrainingError where the loss is no longer a number.
    """
    import torch

    device = resolve_device(device)
    network = copy.deepcopy(module).to(device)
    lesson = (_hard(X, y, device, class_weights, label_smoothing) if soft_targets is None
              else _soft(X, soft_targets, device, temperature))
    exam = None if X_val is None or y_val is None else _hard(X_val, y_val, device, class_weights)
    size = batch or batch_size(len(X))
    with torch.random.fork_rng(devices=[device] if device == "cuda" else []), _repeatable(device):
        torch.manual_seed(seed)
        stepper = _stepper(network, lr, weight_decay, epochs * math.ceil(len(X) / size), batch=size, augment=augment,
                           generator=torch.Generator().manual_seed(seed))
        _learn(network, lesson, exam, epochs, stepper)
    return network.cpu().eval()


@contextmanager
def _repeatable(device: str) -> Iterator[None]:
    """On CUDA, kernels that add up in the same order each time; the CPU's do so at a given number of threads.

    Only there: torch loads its compiler for this, which takes seconds. The kernel of a maximum's gradient is called not
    repeatable since windows may overlap, and ours do not: so torch warns, where it could refuse.
    """
    import torch

    if device != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it at its first product
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=True)


def _stepper(network: nn.Module, lr: float, weight_decay: float, steps: int, **how: Any) -> Stepper:
    import torch

    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=weight_decay)
    return Stepper(optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, _pace(steps)), **how)


def _hard(X: NDArray[np.float32], y: NDArray[Any], device: str, class_weights: NDArray[np.float32] | None,
          label_smoothing: float = 0.0) -> Lesson:
    """Learn the truth: cross-entropy for class indices, squares for floats."""
    import torch
    from torch.nn.functional import cross_entropy, mse_loss

    rows = _on(device, X)
    if np.issubdtype(y.dtype, np.floating):
        unit = float(y.var()) or 1.0  # else the gradients of a target counted in millionths would vanish
        return Lesson(rows, _on(device, y), lambda answer, target: mse_loss(answer[:, 0], target) / unit, exact=True)
    weights = None if class_weights is None else _on(device, class_weights)
    return Lesson(rows, torch.as_tensor(y, device=device),
                  lambda logits, target: cross_entropy(logits, target, weights, label_smoothing=label_smoothing))


def _soft(X: NDArray[np.float32], probabilities: NDArray[np.float32], device: str, temperature: float) -> Lesson:
    """Learn a teacher's probabilities, both sides softened; the square keeps the gradient's size."""
    from torch.nn.functional import cross_entropy

    soft = _on(device, probabilities).clamp_min(1e-7).log().div(temperature).softmax(1)
    return Lesson(_on(device, X), soft,
                  lambda logits, target: cross_entropy(logits / temperature, target) * temperature**2)


def _on(device: str, values: NDArray[Any]) -> Tensor:
    import torch

    return torch.as_tensor(np.ascontiguousarray(values, dtype=np.float32), device=device)


def _learn(network: nn.Module, lesson: Lesson, exam: Lesson | None, epochs: int, stepper: Stepper) -> None:
    """Run every epoch on the network itself, and leave the best or last weights in it."""
    least, best = math.inf, None
    for epoch in range(epochs):
        loss = _epoch(network, lesson, stepper)
        if not math.isfinite(loss):
            raise TrainingError(f"the loss was {loss} in epoch {epoch + 1} of {epochs}. "
                                f"Take a smaller learning rate, or look for extreme values in the rows.")
        if exam is not None and (found := _examine(network, exam)) < least:
            least, best = found, copy.deepcopy(network.state_dict())
    if best is not None:
        network.load_state_dict(best)


def _pace(steps: int) -> Callable[[int], float]:
    """The learning rate's factor at each step: a linear rise, then half a cosine down to nothing."""
    rise = max(1, round(steps * WARM_UP))

    def factor(step: int) -> float:
        return (step + 1) / rise if step < rise else (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise))) / 2

    return factor


def _epoch(network: nn.Module, lesson: Lesson, stepper: Stepper) -> float:
    """One pass over the rows in a new order; the mean loss of its batches."""
    import torch

    network.train()
    device, found = lesson.rows.device, []
    for chosen in stepper.batches(len(lesson)):
        rows = stepper.augmented(lesson.rows[chosen.to(device)])
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" and not lesson.exact):
            answer = network(rows)
        loss = lesson.loss(answer.float(), lesson.targets[chosen.to(device)])
        stepper.step(loss)
        found.append(loss.detach())
    return float(torch.stack(found).mean())


def _examine(network: nn.Module, exam: Lesson) -> float:
    """The mean loss on validation rows; infinite where it is not a number, so that it is never the best."""
    loss = float(exam.loss(_outputs(network, exam.rows), exam.targets))
    return loss if math.isfinite(loss) else math.inf


def _outputs(network: nn.Module, rows: Tensor) -> Tensor:
    import torch

    network.eval()
    with torch.inference_mode():
        return torch.cat([network(part) for part in torch.split(rows, ROWS_AT_ONCE)])


def ask_network(network: nn.Module, matrix: NDArray[np.float32], *, regression: bool) -> NDArray[np.float32]:
    """A network's answers on the CPU: probabilities (rows, classes), or predictions (rows,) for a regression."""
    import torch

    outputs = _outputs(network, torch.as_tensor(np.ascontiguousarray(matrix, dtype=np.float32)))
    answers: NDArray[np.float32] = (outputs[:, 0] if regression else outputs.softmax(1)).numpy()
    return answers
