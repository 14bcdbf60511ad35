"""Tensors in the form that the CPU kernels take."""

import numpy as np
from torch import Tensor


class Rows:
    """A tensor (N, T, D) as one flat array per sequence; ``step``: elements from one time step to the next."""

    def __init__(self, x: Tensor) -> None:
        if x.stride(-1) != 1 and x.shape[-1] > 1:
            x = x.contiguous()
        count, length, width = x.shape
        self.step, self.between = x.stride(1), x.stride(0)
        self.extent = (length - 1) * self.step + width
        total = (count - 1) * self.between + self.extent
        self.flat = x.detach().as_strided((total,), (1,)).numpy()

    def __getitem__(self, row: int) -> np.ndarray:
        start = row * self.between
        return self.flat[start : start + self.extent]


def reset_rows(reset: Tensor | None, count: int) -> np.ndarray:
    return np.empty((count, 0), np.bool_) if reset is None else reset.contiguous().numpy()
