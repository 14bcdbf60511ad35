"""What the numba kernels of this room share: addresses as arrays, and elements shared among threads."""

# pyright: reportIndexIssue=false, reportCallIssue=false, reportArgumentType=false
# pyright: reportPrivateImportUsage=false
# (numba's decorated functions and type objects carry no useful static types)

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numba import carray, int64, njit, types, uint32
from numba.extending import intrinsic
from torch import Tensor

from extrapolate.threads import at_once, cut

#: Elements below which a second thread costs more than it brings.
WORTH_A_THREAD = 1 << 16

#: float32 bits, without the sign, of 2**64, whose square overflows; above are infinity and NaN too.
_TOO_LARGE = 0x5F800000


def _pointer_to(kind: Any) -> Any:
    """An intrinsic that takes an address for a pointer to ``kind``; ``numba.carray`` makes an array of it."""

    @intrinsic
    def pointer(_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(address), generate

    return pointer


floats_at = _pointer_to(types.float32)
words_at = _pointer_to(types.uint32)


def share(function: Callable[..., None], count: int, size: int, *arguments: Any) -> None:
    """``function(start, stop, *arguments)`` over ``count`` pieces of ``size`` elements, on torch's many threads."""
    edges = cut(count, -(-WORTH_A_THREAD // size))
    at_once([partial(function, start, stop, *arguments) for start, stop in edges])


@njit(nogil=True, cache=True)
def _largest(words):
    """The largest magnitude, as float32 bits; comparing bits, unlike adding floats, is vectorised."""
    largest = uint32(0)
    for i in range(words.shape[0]):
        largest = max(largest, uint32(words[i] & uint32(0x7FFFFFFF)))
    return largest


@njit(nogil=True, cache=True)
def _mark_share(start, stop, tensors, usable):
    begin = int64(0)
    for t in range(tensors.shape[0]):
        size = tensors[t, 1]
        for r in range(usable.shape[0]):
            low, high = max(start, begin), min(stop, begin + size)
            if low < high:
                words = carray(words_at(tensors[t, 0] + 4 * (r * size + low - begin)), high - low)
                if _largest(words) >= uint32(_TOO_LARGE):
                    usable[r] = False
            begin += size


def usable_rows(gradients: Sequence[Tensor], rows: int) -> np.ndarray:
    """bool (rows): whether row r of all gradients (rows, ...) has finite squares; contiguous float32 on the CPU."""
    tensors = np.array([(each.data_ptr(), each.numel() // rows) for each in gradients], np.int64)
    usable = np.ones(rows, np.bool_)
    share(_mark_share, int(tensors[:, 1].sum()) * rows, 1, tensors, usable)
    return usable
