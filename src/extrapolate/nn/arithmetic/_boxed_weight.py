"""Base classes of the units with one boxed weight: the weight, its box, initialisation and penalty."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic import _init
from extrapolate.nn.arithmetic._functional import distance_to_bit, distance_to_trit


class _BoxedWeight(nn.Module):
    """Base class: a ``weight`` of shape (O, I)."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = nn.Parameter(torch.empty(out_features, in_features, device=device, dtype=dtype))
        self.initialise(self.weight)

    @staticmethod
    @abstractmethod
    def initialise(weight: Tensor) -> Tensor:
        """Initialise the weight in place."""

    def reset_parameters(self) -> None:
        self.initialise(self.weight)

    def effective_weight(self) -> Tensor:
        """Return W of shape (O, I)."""
        return self.weight

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


class TritWeight(_BoxedWeight):
    """A weight in the box [-1, 1]; the penalty pulls it to -1, 0 or 1."""

    box = {"weight": (-1.0, 1.0)}  # noqa: RUF012  (a constant of the class)
    initialise = staticmethod(_init.nau_)

    def penalty(self) -> Tensor:
        """Return mean min(|W|, |1 - |W||): zero exactly when every weight is -1, 0 or 1."""
        return distance_to_trit(self.weight).mean()


class BitWeight(_BoxedWeight):
    """A weight in the box [0, 1]; the penalty pulls it to 0 or 1."""

    box = {"weight": (0.0, 1.0)}  # noqa: RUF012  (a constant of the class)
    initialise = staticmethod(_init.nmu_)

    def penalty(self) -> Tensor:
        """Return mean min(|W|, |1 - W|): zero exactly when every weight is 0 or 1."""
        return distance_to_bit(self.weight).mean()
