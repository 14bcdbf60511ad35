"""Whether a training step is worth several CPU threads: its work is counted, operation by operation."""

from typing import Any

import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

#: Assumed speed of one core: FLOP/s of matrix products, and elements per second of all other operations.
FLOPS, ELEMENTS = 3e10, 5e8

#: Seconds. A shorter operation is not worth a second thread. On an idle machine the thread saves little time. On a
#: busy one it may wait until the scheduler has run another program.
WORTH_SHARING = 1e-3


class WorkCounter(TorchDispatchMode):
    """Counts the work of the tensor operations inside, in seconds of one core.

    The work is counted, not timed: a step has the same count on a busy machine and after resuming.

    Attributes:
        seconds: work of all operations.
        shareable: work of the operations of at least :data:`WORTH_SHARING` each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.shareable = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        seconds = _seconds(func, args, kwargs or {}, result)
        self.seconds += seconds
        if seconds >= WORTH_SHARING:
            self.shareable += seconds
        return result


def _seconds(func: Any, args: Any, kwargs: Any, result: Any) -> float:
    if func._overloadpacket in flop_registry:
        return flop_registry[func._overloadpacket](*args, **kwargs, out_val=result) / FLOPS
    if any(each.alias_info is not None and not each.alias_info.is_write for each in func._schema.returns):
        return 0.0  # a view
    tensors = [leaf for leaf in pytree.tree_leaves((args, result)) if isinstance(leaf, torch.Tensor)]
    return max((leaf.numel() for leaf in tensors), default=0) / ELEMENTS


def is_worth_sharing(work: WorkCounter) -> bool:
    """Return whether at least half of the work is in operations that gain from a second thread."""
    return work.shareable > 0 and work.shareable >= work.seconds / 2
