"""Decisions at the first training step: use ``vmap`` or a loop, and the number of threads."""

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

#: Seconds of compiling before a message is written.
ANNOUNCE_SECONDS = 3.0


@dataclass
class FirstStep:
    """A value for ``TrainConfig.gradients`` that decides at the first batch how to compute the gradients.

    The trial runs on copies: it changes no weight, buffer or random state.

    Args:
        vectorize: True: use ``vmap`` or fail. False: compute the replicas one after another. ``"auto"``: use
            ``vmap`` if possible, else compute them one after another.
        threads: the caller's number of threads, used if the work is worth sharing. None: do not measure the work.
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
        """Return whether ``vmap`` can map the step; count its work in ``work``."""
        if self.vectorize is False:
            with _preserve_generators(replicas):
                _try(loop_gradients(replicas, config), args, work)
            return False
        failure: Exception | None = None
        with _preserve_generators(replicas):
            try:
                with without_slow_fallback():
                    _try(vmap_gradients_eagerly(replicas, config), args, work)
                return True
            except Exception as error:
                failure = error
        with _preserve_generators(replicas):
            _try(loop_gradients(replicas, config), args, work)  # raises if the error is not vmap's
        if self.vectorize is True:
            raise ValueError(
                f"vectorize=True, but vmap cannot map this training: {str(failure).strip().splitlines()[0]}"
            ) from failure
        with _preserve_generators(replicas), without_slow_fallback():
            layer = failing_layer(
                replicas.template, lambda: _try(vmap_gradients_eagerly(replicas, config), args, WorkCounter())
            )
        replicas.vectorized = False
        warn_one_by_one(failure, layer)
        return False


def _try(step: Gradients, args: tuple[Any, ...], work: WorkCounter) -> None:
    """Run one step on copies: a forward pass or a loss may write into its inputs."""
    copies = pytree.tree_map(lambda each: each.clone() if isinstance(each, Tensor) else each, args)
    with work, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the real step repeats all warnings
        step(*copies)


@contextmanager
def _preserve_generators(replicas: Replicas) -> Iterator[None]:
    """Restore the states of all random generators on exit."""
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
    """Write a message to stderr if the block takes longer than :data:`ANNOUNCE_SECONDS`."""
    text = "compiling the training step, once for each shape of a batch: this can take a minute\n"
    timer = threading.Timer(ANNOUNCE_SECONDS, lambda: sys.stderr.write(text))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
