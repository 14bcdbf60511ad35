"""Checks that all recurrent modules pass."""

from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call


def assert_pieces_equal_the_whole(module: torch.nn.Module, sizes: list[int]) -> None:
    """Check that pieces of a sequence, connected by the state, give the same result as the whole (3 features)."""
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    hx, outputs = None, []
    for piece in x.split(sizes):
        output, hx = module(piece, hx)
        outputs.append(output)
    torch.testing.assert_close((torch.cat(outputs), hx), module(x), atol=1e-12, rtol=0)


def assert_gradients_are_exact(module: torch.nn.Module, x: Tensor, **options: Any) -> None:
    """Check gradients of first and second order, in the input and all parameters."""
    names, values = zip(*module.named_parameters(), strict=True)

    def output(x: Tensor, *parameters: Tensor) -> Tensor:
        return functional_call(module, dict(zip(names, parameters, strict=True)), (x,), options)[0]

    assert torch.autograd.gradcheck(output, (x.requires_grad_(), *values), fast_mode=True)
    assert torch.autograd.gradgradcheck(output, (x, *values), fast_mode=True)
