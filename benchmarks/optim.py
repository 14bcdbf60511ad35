"""Madam against torch's Adam on the CPU: time per step, and bytes of weights and optimizer state.

All optimizers update the same 100 tensors with 10 M parameters in total, in one process. They take turns, so that
other load affects all; the fastest step of each counts. Prints one JSON line per comparison; ``ratio`` is ours /
theirs:

* ``time``: of the seconds per step. Goal for Madam: at most 1.0 against ``Adam(foreach=True)``, 1.5 against
  ``Adam(fused=True)``.
* ``state``: of the bytes of optimizer state. Goal for Madam: 0.5.
* ``weights and state``: of the allocated bytes of weights and state. Goal for IntegerMadam with 12 bits: at most 0.4.

    python benchmarks/optim.py [--rounds 20]
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from extrapolate.optim import IntegerMadam, Madam

TENSORS, PARAMETERS, STEPS_A_TURN = 100, 10_000_000, 4

Make = Callable[[list[Tensor]], Optimizer]

OURS: dict[str, Make] = {
    "Madam": Madam,
    "IntegerMadam, 12 bits": lambda params: IntegerMadam(params, bits=12),
}
THEIRS: dict[str, Make] = {
    "Adam(foreach=True)": lambda params: Adam(params, foreach=True),
    "Adam(fused=True)": lambda params: Adam(params, fused=True),
}


def create(make: Make) -> tuple[Optimizer, list[Tensor]]:
    """Return an optimizer after its first step, and its parameters, which are the same for all optimizers."""
    generator = torch.Generator().manual_seed(0)
    shape = (PARAMETERS // TENSORS // 250, 250)
    params = [torch.randn(shape, generator=generator) for _ in range(TENSORS)]
    for each in params:
        each.grad = torch.randn(shape, generator=generator)
    optimizer = make(params)
    optimizer.step()
    return optimizer, params


def fastest(optimizers: dict[str, Optimizer], rounds: int) -> dict[str, float]:
    """Return the seconds of each optimizer's fastest step; they take turns of a few steps."""
    best = dict.fromkeys(optimizers, float("inf"))
    for _ in range(rounds):
        for name, each in optimizers.items():
            for _ in range(STEPS_A_TURN):
                began = time.perf_counter()
                each.step()
                best[name] = min(best[name], time.perf_counter() - began)
    return best


def count_bytes(tensors: list[Tensor]) -> int:
    """Return the bytes of the tensors' storages; a shared storage counts once."""
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}
    return sum(storages.values())


def state_of(optimizer: Optimizer) -> list[Tensor]:
    return [value for state in optimizer.state.values() for value in state.values() if torch.is_tensor(value)]


def print_result(what: str, ours: str, theirs: str, ratio: float, details: dict[str, Any]) -> None:
    line = {"what": what, "ours": ours, "theirs": theirs, "ratio": round(ratio, 3), **details}
    print(json.dumps({**line, "threads": torch.get_num_threads(), "torch": torch.__version__}), flush=True)


def times(rounds: int) -> None:
    best = fastest({name: create(make)[0] for name, make in (OURS | THEIRS).items()}, rounds)
    for ours in OURS:
        for theirs in THEIRS:
            details = {"ms_ours": round(1e3 * best[ours], 2), "ms_theirs": round(1e3 * best[theirs], 2)}
            print_result("time", ours, theirs, best[ours] / best[theirs], details)


def sizes() -> None:
    adam, adam_params = create(THEIRS["Adam(fused=True)"])
    theirs = count_bytes(state_of(adam))
    for name, make in OURS.items():
        optimizer, params = create(make)
        if isinstance(optimizer, IntegerMadam):
            optimizer.pack()
        ours = count_bytes(state_of(optimizer))
        print_result("state", name, "Adam", ours / theirs, {"bytes_per_weight": round(ours / PARAMETERS, 3)})
        ours, total = count_bytes([*state_of(optimizer), *params]), theirs + count_bytes(adam_params)
        print_result(
            "weights and state", name, "Adam", ours / total, {"bytes_per_weight": round(ours / PARAMETERS, 3)}
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="turns per optimizer (default 20), 4 steps each")
    times(parser.parse_args().rounds)
    sizes()


if __name__ == "__main__":
    main()
