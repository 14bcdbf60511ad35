"""Madam with integer weights: a sign and a logarithm in 8 to 16 bits."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from extrapolate._runtime.compiler import numba_is_installed
from extrapolate.optim import _codes
from extrapolate.optim._formulas import (
    check_positive,
    check_rates,
    root_mean_square,
    zeros_in,
)
from extrapolate.optim._integer_definition import base_of, decode, move
from extrapolate.optim._step import Entry, State, StepwiseOptimizer
from extrapolate.optim._words import seeds_of

#: Choices of ``rounding`` and of ``zeros``.
ROUNDINGS = ("stochastic", "nearest")
ZEROS = ("error", "freeze")


class IntegerMadam(StepwiseOptimizer):
    r"""Madam in the logarithmic number system (Bernstein et al., 2020, "B-bit Madam").

    A weight is :math:`s \cdot \text{bound} \cdot e^{-\text{base} \cdot k}`: a sign :math:`s` that never changes
    and an integer :math:`0 \le k < 2^{\text{bits} - 1}`, together ``bits`` bits. With :math:`\hat g` as in
    :class:`Madam`, a step is an addition of integers,

    .. math:: k \leftarrow \operatorname{clip}(k + s \cdot \operatorname{round}(\text{lr} / \text{base} \cdot
        \hat g),\ 0,\ 2^{\text{bits} - 1} - 1), \qquad \text{bound} = \text{scale\_bound} \cdot
        \operatorname{RMS}(W_0), \qquad \text{base} = \ln \text{span} / (2^{\text{bits} - 1} - 1)

    The weights are these integers, packed into bytes in the optimizer's state and in checkpoints. The parameters
    hold the same weights as floats. :meth:`pack` deletes the floats; then they exist only inside
    :meth:`unpack_state`::

        optimizer = IntegerMadam(model.named_parameters(), bits=12)
        optimizer.pack()                       # 3.5 bytes per weight, including the optimizer's state
        for x, y in batches:
            with optimizer.unpack_state():
                loss = criterion(model(x), y)
                loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    The second moment has 16 bits and stochastic rounding. Nearest rounding would lose its small decay steps.
    **Zero cannot be represented**: use a separate :class:`Madam` for biases and norms that are initially 0.

    Args:
        params: tensors, (name, tensor) pairs, or groups of them; float32. The first step or :meth:`pack` rounds each
            weight to the nearest level.
        lr: learning rate: the typical relative change of a weight per step. A tensor sets one per replica. If
            it is below ``base`` (the distance of two levels), use stochastic rounding: nearest rounding loses steps.
        bits: bits per weight, including its sign: 8, 10, 12 or 16.
        span: ratio of the largest to the smallest size of a weight in one tensor.
        rounding: ``"stochastic"``: steps are rounded up or down at random, correct on average. ``"nearest"``, as
            published: steps below half a level are lost.
        seed: seed of the random numbers, which depend only on it, the step and the index of the parameter. With
            ``replica_dims``, one seed per replica; an integer s gives replica i the seed s + i.
        zeros: ``"error"``: parameters with zeros are refused. ``"freeze"``: a tensor that is all zeros does not
            change; in other tensors a zero becomes the smallest positive weight.
        scale_bound, gradient_bound, beta, replica_dims, nonfinite, maximize, capturable, fused: see :class:`Madam`.

    Raises:
        ValueError: a setting is out of range; at the first step or :meth:`pack`: zeros with ``zeros="error"``.
        TypeError: a parameter is not float32.

    Source: arXiv 2006.14560. There the initial integers are random; here the model's initial weights are rounded.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.01,
        bits: int = 12,
        span: float = 60.0,
        scale_bound: float = 3.0,
        gradient_bound: float = 10.0,
        beta: float = 0.999,
        *,
        rounding: str = "stochastic",
        seed: int | Sequence[int] = 0,
        zeros: str = "error",
        replica_dims: int = 0,
        nonfinite: str = "skip",
        maximize: bool = False,
        capturable: bool = False,
        fused: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "bits": bits,
            "span": span,
            "scale_bound": scale_bound,
            "gradient_bound": gradient_bound,
            "beta": beta,
            "rounding": rounding,
            "seed": seed if isinstance(seed, int) else list(seed),  # a checkpoint holds lists
            "zeros": zeros,
            "replica_dims": replica_dims,
            "nonfinite": nonfinite,
            "maximize": maximize,
            "capturable": capturable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        check_rates(group)
        check_positive(group, ("scale_bound", "gradient_bound"))
        if not 0 < group["beta"] < 1:
            raise ValueError(f"Invalid beta: {group['beta']} must be between 0 and 1")
        if group["bits"] not in _codes.WORDS_PER_GROUP:
            raise ValueError(f"Invalid bits: {group['bits']} must be 8, 10, 12 or 16")
        if not 1 < group["span"] < 1e30:
            raise ValueError(f"Invalid span: {group['span']} must be above 1 and below 1e30")
        for name, known in (("rounding", ROUNDINGS), ("zeros", ZEROS)):
            if group[name] not in known:
                raise ValueError(f"Invalid {name}: {group[name]!r} must be one of {', '.join(known)}")
        for parameter in group["params"]:
            if parameter.dtype != torch.float32:
                raise TypeError(f"IntegerMadam needs float32 parameters, got {parameter.dtype}")
            seeds_of(group["seed"], parameter.shape[: group["replica_dims"]].numel())

    def _begin(self, parameter: Tensor, leading: tuple[int, ...], group: dict[str, Any]) -> State:
        if group["zeros"] == "error" and bool(zeros_in(parameter, leading).any()):
            raise ValueError(
                f"IntegerMadam cannot represent zero, and a parameter of shape {tuple(parameter.shape)} has zeros: "
                'use Madam for it, initialise it differently, or set zeros="freeze" in its group'
            )
        bound = group["scale_bound"] * root_mean_square(parameter, leading)
        rows = parameter.detach().reshape(bound.numel(), -1)
        encoded = _codes.encode(rows, bound.reshape(-1), base_of(group), group["bits"])
        device = parameter.device
        return {
            "step": torch.zeros(leading, dtype=torch.float32, device=device),
            "skipped": torch.zeros(leading, dtype=torch.int64, device=device),
            "codes": _codes.pack(encoded, group["bits"]).reshape(*leading, -1),
            "second_moment": torch.zeros(parameter.shape, dtype=torch.int16, device=device),
            "bound": bound,
            # on the device, because a captured graph cannot copy it there at each step
            "seed": seeds_of(group["seed"], bound.numel()).to(device).reshape(leading),
        }

    def _shapes(
        self, parameter: Tensor, leading: tuple[int, ...], group: Mapping[str, Any]
    ) -> dict[str, tuple[int, ...]]:
        each = parameter[(0,) * len(leading)].numel() if 0 not in leading else 0
        rows = dict.fromkeys(("step", "skipped", "bound", "seed"), leading)
        codes = (*leading, _codes.packed_length(each, group["bits"]))
        return {"codes": codes, "second_moment": tuple(parameter.shape), **rows}

    def _move(self, entries: list[Entry]) -> None:
        for each in entries:
            packed = _is_packed(each.parameter)
            if _one_pass(each, packed):
                from extrapolate.optim import _integer_kernel  # the kernel's compiler is a slow import

                _integer_kernel.move(each, base_of(each.group), decode=not packed)
                continue
            move(each)
            if not packed:
                each.parameter.copy_(decode(each.parameter, each.state, each.group))

    @torch.no_grad()
    def pack(self) -> None:
        """Delete the floats of the parameters and keep only the integers. The parameters read as NaN."""
        for _, parameter, group, state in self.begun():
            if not _is_packed(parameter) and parameter.numel() > 1:
                parameter.copy_(decode(parameter, state, group))  # the last values for views of it
                parameter.data = parameter.new_full((), torch.nan).expand(parameter.shape)

    @torch.no_grad()
    def unpack(self) -> None:
        """Restore the floats of the parameters from their integers."""
        for _, parameter, group, state in self.begun():
            if _is_packed(parameter):
                parameter.data = decode(parameter, state, group)

    @contextmanager
    def unpack_state(self) -> Iterator[None]:
        """Unpack the parameters inside the context, and pack them at its end."""
        self.unpack()
        try:
            yield
        finally:
            self.pack()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a saved state with its weights; see :class:`StepwiseOptimizer`."""
        super().load_state_dict(state_dict)
        with torch.no_grad():
            for _, parameter, group, state in self.begun():
                if not _is_packed(parameter):
                    parameter.copy_(decode(parameter, state, group))

    def begun(self) -> Iterator[tuple[str, Tensor, dict[str, Any], State]]:
        """Yield every parameter with its name (or ""), group and state, which is created if necessary."""
        for group in self.param_groups:
            names = group.get("param_names", [""] * len(group["params"]))
            for name, parameter in zip(names, group["params"], strict=True):
                if parameter.numel() == 0:
                    continue
                state = self.state[parameter]
                if not state:
                    leading = tuple(parameter.shape[: group["replica_dims"]])
                    state.update(self._begin(parameter, leading, group))
                yield name, parameter, group, state


def _one_pass(entry: Entry, packed: bool) -> bool:
    """Return whether the kernel supports this parameter: contiguous, on the CPU."""
    plain = entry.gradient.is_contiguous() and (packed or entry.parameter.is_contiguous())
    return entry.parameter.device.type == "cpu" and entry.group["fused"] and plain and numba_is_installed()


def _is_packed(parameter: Tensor) -> bool:
    return parameter.numel() > 1 and parameter.untyped_storage().nbytes() == parameter.element_size()
