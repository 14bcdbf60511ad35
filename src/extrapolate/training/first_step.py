"""What a training settles at its first step: whether ``vmap`` maps it, and how many threads its work is worth."""

import random
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from extrapolate.training.gradients import Gradients, loop_gradients, vmap_gradients, vmap_gradients_eagerly
from extrapolate.training.replicas import Replicas
from extrapolate.training.train_config import TrainConfig
from extrapolate.training.vectorize import failing_layer, warn_one_by_one, without_slow_fallback
from extrapolate.training.work import WorkCounter, is_worth_sharing

#: Seconds of compiling before it is announced.
ANNOUNCE_SECONDS = 3.0


@dataclass
class FirstStep:
    """The ``gradients`` of a config that decides at its first batch how they are computed.

    The batch is tried on copies: the trial changes no weight, buffer or random state.

    Args:
        vectorize: ``"auto"``: map with ``vmap`` where it can; True: map or fail; False: one after another.
        threads: those of the caller; None: the work is not measured.
    """

    vectorize: bool | str = "auto"
    threads: int | None = None

    def __call__(self, replicas: Replicas, config: TrainConfig) -> Gradients:
        chosen: Gradients | None = None

        def compute(*args: Any) -> Any:
            nonlocal chosen
            if chosen is not None:
                return chosen(*args)
            chosen = self._choose(replicas, config, args)
            with _announce() if config.compile else nullcontext():
                return chosen(*args)

        return compute

    def _choose(self, replicas: Replicas, config: TrainConfig, args: tuple[Any, ...]) -> Gradients:
        if self.vectorize is False and self.threads is None:
            return loop_gradients(replicas, config)
        work = WorkCounter()
        maps = self._can_vmap(replicas, config, args, work)
        if self.threads is not None:
            shares = config.first_step.setdefault("shares_work", is_worth_sharing(work))
            torch.set_num_threads(self.threads if shares else 1)
        return (vmap_gradients if maps else loop_gradients)(replicas, config)

    def _can_vmap(self, replicas: Replicas, config: TrainConfig, args: tuple[Any, ...], work: WorkCounter) -> bool:
        """Whether the step is mapped; its work is counted on the way."""
        if self.vectorize is False:
            with _leaving_no_trace(replicas):
                _try(loop_gradients(replicas, config), args, work)
            return False
        failure: Exception | None = None
        with _leaving_no_trace(replicas):
            try:
                with without_slow_fallback():
                    _try(vmap_gradients_eagerly(replicas, config), args, work)
                return True
            except Exception as error:
                failure = error
        with _leaving_no_trace(replicas):
            _try(loop_gradients(replicas, config), args, work)  # raises what is not vmap's fault
        if self.vectorize is True:
            raise ValueError(
                f"vectorize=True, but vmap cannot map this training: {str(failure).strip().splitlines()[0]}"
            ) from failure
        with _leaving_no_trace(replicas), without_slow_fallback():
            layer = failing_layer(
                replicas.template, lambda: _try(vmap_gradients_eagerly(replicas, config), args, WorkCounter())
            )
        replicas.vectorized = False
        warn_one_by_one(failure, layer)
        return False


def _try(step: Gradients, args: tuple[Any, ...], work: WorkCounter) -> None:
    """One step on copies: a forward pass or a loss may write into what it is given."""
    copies = pytree.tree_map(lambda each: each.clone() if isinstance(each, Tensor) else each, args)
    with work, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what there is to say is said by the step itself
        step(*copies)


@contextmanager
def _leaving_no_trace(replicas: Replicas) -> Iterator[None]:
    """Afterwards all random generators are as they were."""
    states = random.getstate(), np.random.get_state()
    devices = [replicas.device] if replicas.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


@contextmanager
def _announce() -> Iterator[None]:
    """While inside, a compilation of over :data:`ANNOUNCE_SECONDS` says what takes so long."""
    text = "compiling the training step, once for each shape of a batch: this can take a minute\n"
    timer = threading.Timer(ANNOUNCE_SECONDS, lambda: sys.stderr.write(text))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
