"""Masks: which weights of a module are kept."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.func import functional_call

from extrapolate._runtime.errors import UserError
from extrapolate._runtime.files import replacing

FORMAT = "extrapolate-mask-1"

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class PerLayer:
    """A number for each masked tensor by name, and ``pooled`` for all tensors together.

    NaN if the number is not defined, such as the IoU of two masks that keep nothing.
    """

    layers: dict[str, float]
    pooled: float


class Mask(Mapping[str, Tensor]):
    """Maps parameter names to bool tensors with the shapes of the parameters: True where a weight is kept.

    ``~a``, ``a & b`` and ``a | b`` are elementwise. Parameters that the mask does not contain are not masked, also
    under ``~``: a mask of some tensors (:meth:`only`) changes nothing in the other parameters. To join masks of
    different tensors, use ``Mask({**a, **b})``.

    Raises:
        UserError: a tensor is not bool, or there are no tensors.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        if not tensors:
            raise UserError("a mask needs at least one tensor")
        for name, value in tensors.items():
            if value.dtype != torch.bool:
                raise UserError(f"the mask of {name!r} has dtype {value.dtype}: pass bool, True to keep a weight")
        self._tensors = {name: value.detach() for name, value in tensors.items()}

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __repr__(self) -> str:
        kept, size = sum(self._counts(self)), sum(value.numel() for value in self.values())
        return f"Mask({kept:,} of {size:,} weights kept in {len(self)} tensors)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        return self.keys() == other.keys() and all(torch.equal(self[name], other[name]) for name in self)

    __hash__ = None  # type: ignore[assignment]  # its tensors can change

    def __invert__(self) -> "Mask":
        return Mask({name: ~value for name, value in self.items()})

    def __and__(self, other: "Mask") -> "Mask":
        self._check_like(other)
        return Mask({name: value & other[name] for name, value in self.items()})

    def __or__(self, other: "Mask") -> "Mask":
        self._check_like(other)
        return Mask({name: value | other[name] for name, value in self.items()})

    def only(self, *names: str) -> "Mask":
        """Return a mask of these tensors only."""
        for name in names:
            if name not in self:
                raise UserError(f"the mask has no tensor {name!r}: choose from {', '.join(self)}")
        return Mask({name: self[name] for name in names})

    def cpu(self) -> "Mask":
        """Return the mask on the CPU. Masks that are combined or compared must be on one device."""
        return Mask({name: value.cpu() for name, value in self.items()})

    def count(self) -> PerLayer:
        """Return the number of weights that are kept."""
        counts = self._counts(self)
        return PerLayer(dict(zip(self, counts, strict=True)), sum(counts))

    def fraction(self) -> PerLayer:
        """Return the fraction of weights that are kept."""
        return self._ratio(self._counts(self), [value.numel() for value in self.values()])

    def iou(self, other: "Mask") -> PerLayer:
        """Return the intersection over union, \\|A ∧ B\\| / \\|A ∨ B\\|."""
        return self._ratio(self._counts(self & other), self._counts(self | other))

    def iomin(self, other: "Mask") -> PerLayer:
        """Return the intersection over the smaller mask, \\|A ∧ B\\| / min(\\|A\\|, \\|B\\|).

        It is 1 if one mask is a subset of the other.
        """
        both = self._counts(self & other)
        mine, others = self._counts(self), self._counts(other.only(*self))
        layers = self._ratio(both, [min(pair) for pair in zip(mine, others, strict=True)]).layers
        return PerLayer(layers, _divide(sum(both), min(sum(mine), sum(others))))

    def share(self, *others: "Mask") -> PerLayer:
        """Return the fraction of this mask that other masks keep as well, \\|A ∧ (B ∨ C ∨ …)\\| / \\|A\\|."""
        if not others:
            raise UserError("share needs at least one other mask")
        union = others[0]
        for each in others[1:]:
            union = union | each
        return self._ratio(self._counts(self & union), self._counts(self))

    def apply(self, module: nn.Module) -> "MaskedModule":
        """Return a module that computes ``module`` with only the kept weights. ``module`` does not change.

        Raises:
            UserError: a masked tensor is missing in the module, or has another shape.
        """
        return MaskedModule(self, module)

    def prune(self, module: Module) -> Module:
        """Return a copy of ``module`` in which all weights that are not kept are 0.

        Raises:
            UserError: a masked tensor is missing in the module, or has another shape.
        """
        pruned = copy.deepcopy(module)
        with torch.no_grad():
            for name, value in self._over(pruned).items():
                pruned.get_parameter(name).copy_(value)
        return pruned

    def save(self, path: Path | str) -> None:
        """Write the mask to a safetensors file."""
        with replacing(Path(path)) as temporary:
            tensors = {name: value.cpu().contiguous() for name, value in self.items()}
            save_file(tensors, temporary, {"format": FORMAT})

    @classmethod
    def load(cls, path: Path | str) -> "Mask":
        """Read a mask that :meth:`save` wrote.

        Raises:
            UserError: the file does not exist, or holds no mask.
        """
        try:
            with safe_open(path, "pt") as file:
                found = (file.metadata() or {}).get("format")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise UserError(f"cannot read a mask from {path}: {str(error).splitlines()[0]}") from None
        if found != FORMAT:
            raise UserError(f"{path} holds no mask: its format is {found!r}, not {FORMAT!r}")
        return cls(tensors)

    def _over(self, module: nn.Module) -> dict[str, Tensor]:
        """Return the masked parameters of ``module``, with 0 for weights that are not kept."""
        parameters = dict(module.named_parameters())
        for name, kept in self.items():
            if name not in parameters:
                raise UserError(f"{type(module).__name__} has no parameter {name!r}: the mask is of another module")
            if parameters[name].shape != kept.shape:
                shapes = f"{tuple(kept.shape)}, in {type(module).__name__} {tuple(parameters[name].shape)}"
                raise UserError(f"{name!r} has the shape {shapes}: the mask is of another module")
        # `where`, not a product: 0 × inf would be NaN
        return {
            name: torch.where(kept.to(parameters[name].device), parameters[name].detach(), 0)
            for name, kept in self.items()
        }

    def _check_like(self, other: "Mask") -> None:
        for name in self.keys() ^ other.keys():
            raise UserError(f"only one of the two masks has a tensor {name!r}")
        for name, value in self.items():
            if value.shape != other[name].shape:
                raise UserError(
                    f"the masks of {name!r} have the shapes {tuple(value.shape)} and {tuple(other[name].shape)}"
                )

    def _counts(self, mask: "Mask") -> list[int]:
        return [int(mask[name].sum()) for name in self]

    def _ratio(self, above: list[int], below: list[int]) -> PerLayer:
        ratios = [_divide(a, b) for a, b in zip(above, below, strict=True)]
        return PerLayer(dict(zip(self, ratios, strict=True)), _divide(sum(above), sum(below)))


class MaskedModule(nn.Module):
    """A module under a mask. Each call uses the current weights and the current mode of ``module``."""

    def __init__(self, mask: Mask, module: nn.Module) -> None:
        super().__init__()
        mask._over(module)  # raises now if the mask does not fit
        self.mask, self.module = mask, module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        buffers = {name: value.clone() for name, value in self.module.named_buffers()}
        return functional_call(self.module, {**buffers, **self.mask._over(self.module)}, args, kwargs)


def _divide(above: int, below: int) -> float:
    return above / below if below else float("nan")
