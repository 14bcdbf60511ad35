"""A step of Madam against torch's Adam, and the bytes that each optimizer keeps, on the CPU.

All on the same 100 tensors of 10 M parameters in all, in one process; the sides of a comparison take turns, and
the fastest of each counts, so that what else the machine does meets both. Prints a JSON line a comparison:

* ``time``: ``ratio`` is ours over theirs, of a step's seconds; of Madam at most 1.0 against
  ``Adam(foreach=True)`` is asked, 1.5 against ``Adam(fused=True)`` aimed at.
* ``state``: ratio of the bytes of the optimizers' state; 0.5 is asked of Madam.
* ``weights and state``: ratio of the bytes of all that is kept between steps, as allocated; at most 0.4 is asked
  of IntegerMadam at 12 bits.

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


def stepped(make: Make) -> tuple[Optimizer, list[Tensor]]:
    """An optimizer that has begun, and its parameters; every optimizer gets the same ones."""
    generator = torch.Generator().manual_seed(0)
    shape = (PARAMETERS // TENSORS // 250, 250)
    params = [torch.randn(shape, generator=generator) for _ in range(TENSORS)]
    for each in params:
        each.grad = torch.randn(shape, generator=generator)
    optimizer = make(params)
    optimizer.step()
    return optimizer, params


def fastest(optimizers: dict[str, Optimizer], rounds: int) -> dict[str, float]:
    """Seconds of each optimizer's fastest step, by turns of a few steps each."""
    best = dict.fromkeys(optimizers, float("inf"))
    for _ in range(rounds):
        for name, each in optimizers.items():
            for _ in range(STEPS_A_TURN):
                began = time.perf_counter()
                each.step()
                best[name] = min(best[name], time.perf_counter() - began)
    return best


def allocated(tensors: list[Tensor]) -> int:
    """Bytes of the memory that tensors hold, each piece once."""
    pieces = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}
    return sum(pieces.values())


def state_of(optimizer: Optimizer) -> list[Tensor]:
    return [value for state in optimizer.state.values() for value in state.values() if torch.is_tensor(value)]


def print_result(what: str, ours: str, theirs: str, ratio: float, details: dict[str, Any]) -> None:
    line = {"what": what, "ours": ours, "theirs": theirs, "ratio": round(ratio, 3), **details}
    print(json.dumps({**line, "threads": torch.get_num_threads(), "torch": torch.__version__}), flush=True)


def times(rounds: int) -> None:
    best = fastest({name: stepped(make)[0] for name, make in (OURS | THEIRS).items()}, rounds)
    for ours in OURS:
        for theirs in THEIRS:
            details = {"ms_ours": round(1e3 * best[ours], 2), "ms_theirs": round(1e3 * best[theirs], 2)}
            print_result("time", ours, theirs, best[ours] / best[theirs], details)


def bytes_kept() -> None:
    adam, adam_params = stepped(THEIRS["Adam(fused=True)"])
    theirs = allocated(state_of(adam))
    for name, make in OURS.items():
        optimizer, params = stepped(make)
        if isinstance(optimizer, IntegerMadam):
            optimizer.pack()
        ours = allocated(state_of(optimizer))
        print_result("state", name, "Adam", ours / theirs, {"bytes_a_weight": round(ours / PARAMETERS, 3)})
        ours, total = allocated([*state_of(optimizer), *params]), theirs + allocated(adam_params)
        print_result("weights and state", name, "Adam", ours / total, {"bytes_a_weight": round(ours / PARAMETERS, 3)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="turns of each optimizer, of a few steps each")
    times(parser.parse_args().rounds)
    bytes_kept()


if __name__ == "__main__":
    main()
