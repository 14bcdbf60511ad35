"""Evaluations: the loss and the metrics of all replicas on held-out data."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from extrapolate._runtime.batches import call_on_batch
from extrapolate.training.data import DEFAULT_BATCH, fix_tensors, is_task
from extrapolate.training.feeds import NOTHING, count_of, join, move
from extrapolate.training.replicas import Replicas
from extrapolate.training.vectorize import stack

#: ``evaluate(replicas, keys)``: the metrics by name, each a tensor (R,). ``keys`` (R, 3) contain the step, and a
#: stream of random numbers that no training step uses.
Evaluate = Callable[[Replicas, Tensor], dict[str, Tensor]]

#: The functions to measure, by name.
Metrics = Mapping[str, Callable[..., Any]]

#: Batches to evaluate on, read again at each evaluation: pairs (own, shared), as a feed returns.
Sets = Callable[[], Iterable[tuple[Any, Any]]]


def evaluation_of(
    replicas: Replicas,
    loss: Callable[..., Tensor],
    metrics: Metrics,
    data: Any,
    validation: Any,
    batch: int | None,
) -> Evaluate:
    """Make the evaluation from the arguments of :func:`extrapolate.train`.

    Raises:
        ValueError: there are metrics but no data for them, or the validation data cannot be used.
    """
    if data is None and validation is None:
        return _by_key(metrics)
    functions = dict(metrics)
    if validation is not None and data is not None:
        functions = {"loss": loss} | functions
    if not functions:
        return lambda replicas, keys: {}
    held_out = validation if validation is not None else _of_training(data)
    return _on(functions, _sets(held_out, len(replicas), replicas.device, batch or DEFAULT_BATCH))


def _by_key(metrics: Metrics) -> Evaluate:
    """Evaluate metrics that sample their own examples from a key, as the loss does."""

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        def measure(model: nn.Module, key: Tensor) -> dict[str, Tensor]:
            return {name: _scalar(name, function(model, key)) for name, function in metrics.items()}

        return replicas.vmap(measure, keys) if metrics else {}

    return evaluate


def _on(functions: Metrics, sets: Sets) -> Evaluate:
    """Evaluate the functions on all batches of ``sets`` and average over the examples."""

    @torch.no_grad()
    @torch.random.fork_rng(devices=[])  # a loader samples a seed, which must not change the training
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        sums = {name: torch.zeros(len(replicas), dtype=torch.float64) for name in functions}
        total = 0
        for own, shared in sets():

            def measure(model: nn.Module, own: Any, shared_batch: Any = shared) -> dict[str, Tensor]:
                batch = join(own, shared_batch)
                return {name: _scalar(name, call_on_batch(f, model, batch)) for name, f in functions.items()}

            count = count_of(join(own, shared))
            if not count:
                continue
            for name, value in replicas.vmap(measure, own).items():
                sums[name] += count * value.to("cpu", torch.float64)
            total += count
        if not total:
            raise ValueError("the validation data has no examples")
        return {name: value / total for name, value in sums.items()}

    return evaluate


def _scalar(name: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor | int | float):
        raise ValueError(f"metric {name!r} must return a scalar for one replica, got {type(value).__name__}")
    value = torch.as_tensor(value)
    if value.dim():
        raise ValueError(
            f"metric {name!r} must return a scalar for one replica, got shape {tuple(value.shape)}: "
            "take the mean over the examples"
        )
    return value


def _of_training(data: Any) -> Any:
    """Return the training data that metrics are measured on without validation data."""
    if is_task(data) or fix_tensors(data) is not None:
        return data
    raise ValueError("metrics need validation data here: pass validation=")


def _sets(held_out: Any, replicas: int, device: torch.device, batch: int) -> Sets:
    tensors = _tensors(held_out)
    if tensors is not None:
        fixed = move(tensors, device)
        return lambda: [(NOTHING, fixed)]
    if isinstance(held_out, list | tuple):
        own = [_tensors(each) for each in held_out]
        if len(own) != replicas or any(each is None for each in own):
            raise ValueError(f"a list of validation data must hold tensors for each of the {replicas} replicas")
        stacked = move(stack(own), device)
        return lambda: [(stacked, NOTHING)]
    loader = DataLoader(held_out, batch) if isinstance(held_out, Dataset) else held_out
    if not isinstance(loader, Iterable) or isinstance(loader, Iterator):
        raise ValueError(
            f"validation data of type {type(held_out).__name__} cannot be read at every evaluation: pass tensors, "
            "a Dataset, a DataLoader or a Task"
        )
    return lambda: ((NOTHING, move(dict(b) if isinstance(b, Mapping) else b, device)) for b in loader)


def _tensors(held_out: Any) -> Any:
    """Return the tensors of the validation data as one batch; None if there are several batches."""
    if not is_task(held_out):
        return fix_tensors(held_out)
    splits = held_out.splits()
    if "validation" not in splits:
        raise ValueError(f"the task has no validation split, only {', '.join(splits)}: pass the tensors of one")
    return fix_tensors(splits["validation"])
