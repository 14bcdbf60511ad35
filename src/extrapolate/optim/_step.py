"""Shared by the optimizers: gradient checks, step counts per replica, strict ``load_state_dict``."""

# pyright: reportPrivateImportUsage=false
# (torch does not export its foreach functions to type checkers)

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

from extrapolate._runtime.compiler import numba_is_installed

State = dict[str, Tensor]

#: Choices for a step with gradients that are not finite.
NONFINITE = ("skip", "raise")

#: The squares of gradients from this size overflow: they count as infinite.
LARGEST_GRADIENT = {torch.float32: 2.0**64, torch.float64: 2.0**512}


@dataclass(slots=True)
class Entry:
    """One parameter with a gradient, in one step.

    ``leading``: shape of the replica axes, () for an ordinary parameter. ``usable``, of this shape: whether all
    gradients of the replica are finite. ``position``: index of the parameter over all groups.
    """

    parameter: Tensor
    gradient: Tensor
    group: dict[str, Any]
    leading: tuple[int, ...]
    position: int
    state: State
    usable: Tensor

    def spread(self, rows: Tensor) -> Tensor:
        """Reshape ``rows`` (leading) to broadcast against the parameter."""
        return rows.reshape(self.leading + (1,) * (self.parameter.dim() - len(self.leading)))


class StepwiseOptimizer(Optimizer):
    """Base class. A step changes all parameters of a replica or none, and loaded states keep their dtypes.

    Groups need ``replica_dims``, ``nonfinite`` and ``capturable``. A subclass defines the initial state
    (:meth:`_begin`), the step (:meth:`_move`), and the check of its own settings (:meth:`_check`).
    """

    _warned_of_nonfinite = False

    def _check(self, group: dict[str, Any]) -> None:
        """Raise ValueError for invalid settings."""
        raise NotImplementedError

    def _begin(self, parameter: Tensor, leading: tuple[int, ...], group: dict[str, Any]) -> State:
        """Return the state of a parameter before its first step."""
        raise NotImplementedError

    def _move(self, entries: list[Entry]) -> None:
        """Update all ``entries`` by one step. Replicas that are not usable and their state must not change."""
        raise NotImplementedError

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        try:
            self._check_common(group)
            self._check(group)
        except (TypeError, ValueError):
            self.param_groups.pop()
            raise

    def _check_common(self, group: dict[str, Any]) -> None:
        name = type(self).__name__
        if group["nonfinite"] not in NONFINITE:
            raise ValueError(f"Invalid nonfinite: {group['nonfinite']!r} must be 'skip' or 'raise'")
        if group["capturable"] and group["nonfinite"] == "raise":
            raise ValueError("Invalid nonfinite: a captured graph cannot raise: use nonfinite='skip'")
        dims = group["replica_dims"]
        for parameter in group["params"]:
            if parameter.dtype not in (torch.float32, torch.float64):
                raise TypeError(f"{name} needs float32 or float64 parameters, got {parameter.dtype}")
            if not 0 <= dims <= parameter.dim():
                shape = tuple(parameter.shape)
                raise ValueError(f"Invalid replica_dims: {dims} for a parameter of shape {shape}")

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step. A ``closure`` first computes the gradients; its value is returned.

        Raises:
            RuntimeError: a gradient is sparse, or a CUDA graph is captured without ``capturable``.
            FloatingPointError: a gradient is not finite, and the group has ``nonfinite="raise"``.
        """
        self._check_capture()
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        entries = self._entries()
        self._find_usable(entries)
        self._move(entries)
        # autograd does not see the writes of the kernels: a graph from before this step must fail after it
        torch.autograd.graph.increment_version([each.parameter for each in entries])
        return loss

    def _check_capture(self) -> None:
        if torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing():
            tensors = [each for group in self.param_groups for each in group["params"]]
            if not all(group["capturable"] for group in self.param_groups):
                raise RuntimeError(f"{type(self).__name__}: set capturable=True to capture a step")
            if not all(self.state.get(each) for each in tensors if each.grad is not None):
                raise RuntimeError(f"{type(self).__name__}: take one step before capturing one")

    def _entries(self) -> list[Entry]:
        entries, position = [], -1
        for group in self.param_groups:
            for parameter in group["params"]:
                position += 1
                gradient = parameter.grad
                if gradient is None or parameter.numel() == 0:
                    continue
                if gradient.is_sparse:
                    raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")
                leading = tuple(parameter.shape[: group["replica_dims"]])
                state = self.state[parameter]
                if not state:
                    state.update(self._begin(parameter, leading, group))
                entries.append(Entry(parameter, gradient, group, leading, position, state, gradient))
        return entries

    def _find_usable(self, entries: list[Entry]) -> None:
        """Set ``usable``. Parameters with equal leading axes on one device belong to the same replicas."""
        replicas: dict[tuple[torch.device, tuple[int, ...]], list[Entry]] = {}
        for entry in entries:
            replicas.setdefault((entry.parameter.device, entry.leading), []).append(entry)
        for (device, leading), members in replicas.items():
            usable = _usable_replicas(members, device, leading)
            for entry in members:
                entry.usable = usable
            if device.type != "cpu":
                self._count_skipped(members, usable)
            elif not bool(usable.all()):
                self._report(members, usable)
                self._count_skipped(members, usable)
            if device.type != "cpu" and any(each.group["nonfinite"] == "raise" for each in members):
                self._report(members, usable)

    def _count_skipped(self, members: list[Entry], usable: Tensor) -> None:
        torch._foreach_add_([each.state["skipped"] for each in members], [(~usable).long()] * len(members))

    def _report(self, members: list[Entry], usable: Tensor) -> None:
        if bool(usable.all()):
            return
        count = int((~usable).sum())
        which = f"of {count} of {usable.numel()} replicas " if usable.dim() else ""
        if any(each.group["nonfinite"] == "raise" for each in members):
            raise FloatingPointError(f"{type(self).__name__}: gradients {which}are not finite")
        if not self._warned_of_nonfinite:
            self._warned_of_nonfinite = True
            warnings.warn(
                f"{type(self).__name__}: gradients {which}are not finite: the step is skipped; the state "
                "'skipped' counts such steps, without further warnings",
                RuntimeWarning,
                stacklevel=6,
            )

    @torch._disable_dynamo
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a saved state. Every tensor keeps its saved dtype.

        Raises:
            ValueError: the state belongs to other groups, or to parameters of other shapes. Nothing changes then.
        """
        pairs = []
        # torch's own loader below raises if the groups do not match
        for saved, ours in zip(state_dict["param_groups"], self.param_groups, strict=False):
            for index, parameter in zip(saved["params"], ours["params"], strict=False):
                leading = tuple(parameter.shape[: saved["replica_dims"]])
                needed = self._shapes(parameter, leading, saved)
                _check_shapes(index, state_dict["state"].get(index, {}), needed)
                pairs.append((index, parameter))
        super().load_state_dict(state_dict)
        # torch has cast every tensor to its parameter's dtype, integers too: restore the saved dtypes
        for index, parameter in pairs:
            for name, value in state_dict["state"].get(index, {}).items():
                self.state[parameter][name] = value.detach().to(parameter.device, copy=True)

    def _shapes(
        self, parameter: Tensor, leading: tuple[int, ...], group: Mapping[str, Any]
    ) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the state's tensors that depend on the parameter's shape."""
        raise NotImplementedError


def _usable_replicas(members: list[Entry], device: torch.device, leading: tuple[int, ...]) -> Tensor:
    """Return bool (leading): whether the squares of all gradients of a replica are finite."""
    gradients = [each.gradient for each in members]
    usable = torch.ones(leading, dtype=torch.bool, device=device)
    if device.type == "cpu" and numba_is_installed():
        plain = [each for each in gradients if each.dtype == torch.float32 and each.is_contiguous()]
        gradients = [each for each in gradients if each.dtype != torch.float32 or not each.is_contiguous()]
        if plain:
            from extrapolate.optim import _usable_kernel  # the kernel's compiler is a slow import

            usable = torch.from_numpy(_usable_kernel.usable_rows(plain, math.prod(leading))).reshape(leading)
    for each in gradients:
        usable &= (each.abs() < LARGEST_GRADIENT[each.dtype]).reshape(*leading, -1).all(-1)
    return usable


def _check_shapes(index: int, saved: State, needed: dict[str, tuple[int, ...]]) -> None:
    for name, shape in needed.items():
        if name in saved and tuple(saved[name].shape) != shape:
            raise ValueError(
                f"the loaded state of parameter {index} has {name!r} of shape {tuple(saved[name].shape)}, "
                f"but this parameter needs {shape}"
            )
