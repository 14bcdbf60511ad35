"""``torch.compile`` where it works, plain eager where it does not."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch._dynamo.exc import TorchDynamoException

#: Recompute instead of storing what several readers want: a step of many small models is bound by memory,
#: and a hidden layer that never leaves the registers makes a ReLU network's step three times faster.
FUSE_MORE = {
    "realize_opcount_threshold": 200,
    "realize_reads_threshold": 50,
    "realize_acc_reads_threshold": 100,
}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` fused at its first call; eager, with one warning, where no compiler can fuse it.

    ``function`` must be pure: a first call that fails to compile is repeated eagerly.
    """
    # A compiled function counts against a small limit kept with its code object, which all trainings share.
    torch.compiler.reset()
    fused = torch.compile(function, fullgraph=True, dynamic=False, options=FUSE_MORE)
    chosen: Callable[..., Any] | None = None

    def call(*args: Any) -> Any:
        nonlocal chosen
        if chosen is not None:
            return chosen(*args)
        try:
            result = fused(*args)
            chosen = fused
        except TorchDynamoException as error:
            result = function(*args)
            chosen = function
            reason = str(error).strip().splitlines()[0]
            warnings.warn(f"running uncompiled, which is slower: {reason}", RuntimeWarning, stacklevel=2)
        return result

    return call
