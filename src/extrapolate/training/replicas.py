"""R modules of one architecture as one object: parameters stacked on a leading axis, calls mapped over it."""

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.func import functional_call, vmap

from extrapolate._runtime.errors import UserError
from extrapolate._runtime.files import replacing
from extrapolate.nn.contract import key_names
from extrapolate.training.architecture import check_alike
from extrapolate.training.vectorize import (
    failing_layer,
    row_of,
    stack,
    warn_one_by_one,
    without_slow_fallback,
)

State = dict[str, Tensor]

#: The stream of random numbers for evaluations. The training data use stream 0.
EVALUATION_STREAM = 2**32 - 1


class _Shell(nn.Module):
    """Lets ``functional_call`` reach every method of a module, not only ``forward``."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(self.model, *args)


class Replicas:
    """R replicas of one ``nn.Module``, trained and called at once.

    Args:
        modules: R modules that differ only in the values of their tensors. The values are copied.
        seeds: one integer per replica, 0, 1, 2, ... by default. Random numbers of :func:`ops.uniform` (data, noise
            of a stochastic unit) depend only on the replica's own seed. Random numbers from torch's global
            generator (dropout) depend on the seeds of all replicas.

    ``parameters`` and ``buffers`` map names to tensors (R, ...). Frozen parameters (``requires_grad=False``) are
    not trained. ``replicas[i]`` is an ordinary module with a copy of replica i's values. ``replicas[a:b]`` is a
    new ``Replicas`` with copies of these rows.

    Raises:
        ValueError: there are no modules, they have no parameters or different architectures, or the number of
            seeds is not R.
    """

    def __init__(self, modules: Sequence[nn.Module], seeds: Sequence[int] | None = None) -> None:
        if not modules:
            raise ValueError("Replicas needs at least one module")
        self.seeds = tuple(range(len(modules)) if seeds is None else seeds)
        if len(self.seeds) != len(modules):
            raise ValueError(f"{len(modules)} modules need {len(modules)} seeds, got {len(self.seeds)}")
        if next(modules[0].parameters(), None) is None:
            raise ValueError(f"{type(modules[0]).__name__} has no parameters: there is nothing to train")
        check_alike(modules)
        self.parameters = _stack([dict(each.named_parameters()) for each in modules])
        self.buffers = _stack([dict(each.named_buffers()) for each in modules])
        self.vectorized = True
        self.template = copy.deepcopy(modules[0])

    @classmethod
    def build(
        cls, factory: Callable[[], nn.Module], seeds: Sequence[int], *, device: torch.device | str = "cpu"
    ) -> "Replicas":
        """Build one module per seed with ``factory``, each initialised under ``torch.manual_seed(seed)``.

        Modules are initialised on the CPU and then moved to ``device``, so a seed gives the same initial weights
        on every device. The state of torch's global generator does not change.
        """
        modules = []
        with torch.random.fork_rng(devices=[]):
            for seed in seeds:
                torch.default_generator.manual_seed(seed)
                modules.append(factory())
        return cls(modules, seeds).to(device)

    def __len__(self) -> int:
        return len(self.seeds)

    def __iter__(self) -> Iterator[nn.Module]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> nn.Module: ...
    @overload
    def __getitem__(self, index: slice) -> "Replicas": ...
    def __getitem__(self, index: "int | slice") -> "nn.Module | Replicas":
        if isinstance(index, slice):
            return self._rows(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"replica {index} of {len(self)}")
        module = copy.deepcopy(self.template)
        values = {name: value[index] for name, value in self.state.items()}
        with torch.no_grad():
            for name, target in [*module.named_parameters(), *module.named_buffers()]:
                target.data = values[name].clone()
        return module

    def _rows(self, rows: slice) -> "Replicas":
        if not self.seeds[rows]:
            raise IndexError(f"replicas[{rows.start}:{rows.stop}:{rows.step}] of {len(self)} is empty")
        part = copy.copy(self)
        part.seeds = self.seeds[rows]
        index = torch.tensor(range(len(self))[rows], device=self.device)
        part.parameters = {name: value[index] for name, value in self.parameters.items()}
        part.buffers = {name: value[index] for name, value in self.buffers.items()}
        return part

    def __repr__(self) -> str:
        count = sum(value[0].numel() for value in self.parameters.values())
        return (
            f"Replicas of {type(self.template).__name__}: {len(self)} with seeds {_shorten(self.seeds)}, "
            f"{count:,} parameters each, on {self.device}"
        )

    @property
    def device(self) -> torch.device:
        return next(iter(self.parameters.values())).device

    @property
    def state(self) -> State:
        """Parameters and buffers together, by name: tensors (R, ...)."""
        return self.parameters | self.buffers

    @property
    def trainable(self) -> State:
        """The parameters that are not frozen."""
        wanted = {name: value.requires_grad for name, value in self.template.named_parameters()}
        return {name: value for name, value in self.parameters.items() if wanted[name]}

    def state_dict(self) -> State:
        """Return parameters and buffers by name: tensors (R, ...) that share the replicas' memory."""
        return self.state

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Copy ``state``, tensors (R, ...) by name, into parameters and buffers, in place.

        Raises:
            ValueError: a name is missing or unknown, or a shape differs. No tensor is changed in that case.
        """
        own = self.state
        for name in sorted(own.keys() | state.keys()):
            if name not in own or name not in state:
                raise ValueError(f"{name!r} is {'missing' if name in own else 'not a tensor of these replicas'}")
            if own[name].shape != state[name].shape:
                raise ValueError(f"{name!r} has shape {tuple(state[name].shape)} instead of {tuple(own[name].shape)}")
        for name, target in own.items():
            target.copy_(state[name])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the values of all replicas to a safetensors file. The file is replaced atomically."""
        with replacing(Path(path)) as temporary:
            values = {name: value.detach().cpu().contiguous() for name, value in self.state.items()}
            save_file(values, temporary, {"seeds": repr(list(self.seeds))})

    def load(self, path: str | os.PathLike[str]) -> None:
        """Load, in place, the values that :meth:`save` wrote.

        Raises:
            UserError: the file is missing, damaged, or holds other tensors.
        """
        try:
            with safe_open(path, "pt") as file:
                values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                checkpoint = "digest" in (file.metadata() or {})
            if checkpoint:
                raise ValueError("it is a checkpoint of train: call train again to resume, then replicas.save")
            self.load_state_dict(values)
        except FileNotFoundError:
            raise UserError(f"there is no file {path}") from None
        except (SafetensorError, ValueError) as error:
            raise UserError(f"{path} does not hold these replicas: {str(error).splitlines()[0]}") from None

    def to(self, device: torch.device | str) -> "Replicas":
        """Move the stacked values to ``device``, in place, and return self."""
        self.parameters = {name: value.to(device) for name, value in self.parameters.items()}
        self.buffers = {name: value.to(device) for name, value in self.buffers.items()}
        return self

    def keys(self, step: int = 0, stream: int = 0) -> Tensor:
        """Return the replicas' keys ``seed, stream, step``, int64 (R, 3) (see :func:`extrapolate.ops.uniform`)."""
        return torch.tensor([[seed, stream, step] for seed in self.seeds], device=self.device)

    def functionalize(
        self, function: Callable[..., Any], *, training: bool, dtype: torch.dtype | None = None
    ) -> Callable[..., Any]:
        """Turn ``function(model, *args)`` into a pure function of one replica's values.

        Returns ``call(parameters, buffers, key, *args)`` for ``vmap``, ``grad`` and ``torch.compile``. The ``key``
        (3,), or None, is for the submodules that sample random numbers. Each of them uses its own stream
        (1, 2, ...); stream 0 is for data. Floating-point values are cast to ``dtype`` if it is set.
        """
        shell = _Shell(copy.deepcopy(self.template).train(training))
        streams = {f"model.{name}": index for index, name in enumerate(key_names(self.template), 1)}
        offsets = torch.zeros(len(streams) + 1, 3, dtype=torch.int64, device=self.device)
        offsets[:, 1] = torch.arange(len(streams) + 1)

        def call(parameters: State, buffers: State, key: Tensor | None, *args: Any) -> Any:
            state = {f"model.{name}": value for name, value in (parameters | buffers).items()}
            if dtype is not None:
                state = {n: v.to(dtype) if v.is_floating_point() else v for n, v in state.items()}
            if key is not None:
                state |= {name: key + offsets[index] for name, index in streams.items()}
            return functional_call(shell, state, (function, *args))

        return call

    def vmap(self, function: Callable[..., Any], *per_replica: Any) -> Any:
        """Call ``function(module, *args)`` for every replica in evaluation mode and stack the results.

        Args:
            function: returns a tensor, or a tree (dict, tuple) of them.
            per_replica: trees of tensors (R, ...); each replica gets its own entries.

        If ``vmap`` cannot map the function, the replicas are called one after another, with one warning.
        """
        if not self.vectorized:
            return self._map_one_by_one(function, per_replica)
        try:
            return self._map_at_once(function, per_replica)
        except Exception as error:
            result = self._map_one_by_one(function, per_replica)  # raises if the function itself is wrong
            self.vectorized = False
            layer = failing_layer(self.template, lambda: self._map_at_once(function, per_replica))
            warn_one_by_one(error, layer)
            return result

    def _map_at_once(self, function: Callable[..., Any], per_replica: tuple[Any, ...]) -> Any:
        call, in_dims = self.functionalize(function, training=False), (0, 0, None, *(0 for _ in per_replica))
        with without_slow_fallback():
            return vmap(call, in_dims)(self.parameters, self.buffers, None, *per_replica)

    def _map_one_by_one(self, function: Callable[..., Any], per_replica: tuple[Any, ...]) -> Any:
        call = self.functionalize(function, training=False)
        rows = (row_of((self.parameters, self.buffers, per_replica), row) for row in range(len(self)))
        return stack([call(parameters, buffers, None, *own) for parameters, buffers, own in rows])

    def __call__(self, x: Tensor) -> Tensor:
        """Return the replicas' outputs (R, ...) in evaluation mode.

        If the leading axis of ``x`` has length R, each replica gets its own input. Otherwise all replicas get the
        same ``x``. To share a batch of exactly R examples, pass ``x.expand(R, *x.shape)``. ``replicas[i]`` is in
        training mode: call its ``eval()`` before you compare outputs.
        """
        if x.dim() and len(x) == len(self):
            return self.vmap(lambda model, own: model(own), x)
        return self.vmap(lambda model: model(x))


@torch.no_grad()
def _stack(values: Sequence[Mapping[str, Tensor]]) -> State:
    return {name: torch.stack([each[name] for each in values]) for name in values[0]}


def _shorten(seeds: Sequence[int]) -> str:
    """Return the seeds as text; consecutive ones as a range, such as ``0 to 24``."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    text = ", ".join(map(str, seeds[:6]))
    return f"{text}, ..." if len(seeds) > 6 else text
