"""The CPU kernel that finds gradients whose squares are not finite, and pointers for all kernels here."""

# pyright: reportIndexIssue=false, reportCallIssue=false, reportArgumentType=false
# pyright: reportPrivateImportUsage=false
# (numba's decorated functions and type objects carry no useful static types)

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numba import carray, int64, njit, types, uint32
from numba.extending import intrinsic
from torch import Tensor

from extrapolate._runtime.threads import share

#: Time per element on one thread.
NANOSECONDS = 0.06

#: The float32 bits, without the sign, of 2**64, whose square overflows. Those of infinity and NaN are larger.
_TOO_LARGE = 0x5F800000


def _pointer_to(kind: Any) -> Any:
    """Return an intrinsic that converts an address to a pointer to ``kind``, for ``numba.carray``."""

    @intrinsic
    def pointer(_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(address), generate

    return pointer


floats_at = _pointer_to(types.float32)
words_at = _pointer_to(types.uint32)


@njit(nogil=True, cache=True)
def _largest(words):
    """Return the largest magnitude as float32 bits. The comparison of bits is vectorised; a sum of floats is not."""
    largest = uint32(0)
    for i in range(words.shape[0]):
        largest = max(largest, uint32(words[i] & uint32(0x7FFFFFFF)))
    return largest


@njit(nogil=True, cache=True)
def _mark_share(tensors, usable, first, stop):
    begin = int64(0)
    for t in range(tensors.shape[0]):
        size = tensors[t, 1]
        for r in range(usable.shape[0]):
            low, high = max(first, begin), min(stop, begin + size)
            if low < high:
                words = carray(words_at(tensors[t, 0] + 4 * (r * size + low - begin)), high - low)
                if _largest(words) >= uint32(_TOO_LARGE):
                    usable[r] = False
            begin += size


def usable_rows(gradients: Sequence[Tensor], rows: int) -> np.ndarray:
    """Return bool (rows): whether row r of all gradients (rows, ...) has finite squares.

    Gradients must be contiguous float32 on the CPU.
    """
    tensors = np.array([(each.data_ptr(), each.numel() // rows) for each in gradients], np.int64)
    usable = np.ones(rows, np.bool_)
    share(partial(_mark_share, tensors, usable), int(tensors[:, 1].sum()) * rows, NANOSECONDS)
    return usable
