"""Numbers as one-hot digits, least significant first."""

import torch
from torch import Tensor


def digits_of(number: Tensor, count: int) -> Tensor:
    """int64 (N,) to the last ``count`` decimal digits, int64 (N, count)."""
    places = 10 ** torch.arange(count, device=number.device)
    return number[..., None] // places % 10


def one_hot(index: Tensor, size: int) -> Tensor:
    """int64 (...) to float32 (..., size). torch's own looks at the values, which vmap and the compiler forbid."""
    return (index[..., None] == torch.arange(size, device=index.device)).float()
