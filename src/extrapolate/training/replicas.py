"""R modules of one architecture as one: their parameters stacked on a leading axis, their calls mapped."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from extrapolate.nn import key_names

State = dict[str, Tensor]


class _Shell(nn.Module):
    """Lets ``functional_call`` reach every method of a module, not only ``forward``."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(self.model, *args)


class Replicas:
    """R replicas of one plain ``nn.Module``, trained and called at once.

    Args:
        modules: R modules of the same architecture; their values are copied.
        seeds: one integer a replica; what it draws through a key (data, noise) follows from it alone, what is drawn
            from torch's global generator (dropout) from all seeds together. Default: 0, 1, 2, ...

    ``parameters`` and ``buffers`` map names to tensors (R, ...); parameters that the modules have frozen
    (``requires_grad=False``) stay as they are. ``replicas[i]`` is an ordinary module with a copy of replica
    i's values.

    Raises:
        ValueError: no modules, another number of seeds, or modules without parameters.
    """

    def __init__(self, modules: Sequence[nn.Module], seeds: Sequence[int] | None = None) -> None:
        if not modules:
            raise ValueError("Replicas needs at least one module")
        self.seeds = tuple(range(len(modules)) if seeds is None else seeds)
        if len(self.seeds) != len(modules):
            raise ValueError(f"{len(modules)} modules need as many seeds, got {len(self.seeds)}")
        if next(modules[0].parameters(), None) is None:
            raise ValueError(f"{type(modules[0]).__name__} has no parameters: there is nothing to train")
        parameters, buffers = stack_module_state(list(modules))
        self.parameters: State = {name: value.detach() for name, value in parameters.items()}
        self.buffers: State = {name: value.detach() for name, value in buffers.items()}
        self._template = copy.deepcopy(modules[0])

    @classmethod
    def build(
        cls, factory: Callable[[], nn.Module], seeds: Sequence[int], *, device: torch.device | str = "cpu"
    ) -> "Replicas":
        """One module of ``factory`` a seed, each initialised under ``torch.manual_seed(seed)``.

        Initialised on the CPU, whatever the device: a seed starts from the same weights everywhere. The
        global generator is left as it was.
        """
        modules = []
        with torch.random.fork_rng(devices=[]):
            for seed in seeds:
                torch.default_generator.manual_seed(seed)
                modules.append(factory())
        return cls(modules, seeds).to(device)

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, index: int) -> nn.Module:
        module = copy.deepcopy(self._template)
        values = {name: value[index] for name, value in self.state.items()}
        with torch.no_grad():
            for name, target in [*module.named_parameters(), *module.named_buffers()]:
                target.data = values[name].clone()
        return module

    @property
    def device(self) -> torch.device:
        return next(iter(self.parameters.values())).device

    @property
    def state(self) -> State:
        """Parameters and buffers together, by name."""
        return self.parameters | self.buffers

    @property
    def trainable(self) -> State:
        """The parameters that are not frozen."""
        asked = {name: value.requires_grad for name, value in self._template.named_parameters()}
        return {name: value for name, value in self.parameters.items() if asked[name]}

    @torch.no_grad()
    def take(self, state: State) -> None:
        """Puts copies of ``state``'s values into parameters and buffers, in place."""
        for name, target in self.state.items():
            target.copy_(state[name])

    def to(self, device: torch.device | str) -> "Replicas":
        """Moves the stacked values to ``device``, in place; returns self."""
        self.parameters = {name: value.to(device) for name, value in self.parameters.items()}
        self.buffers = {name: value.to(device) for name, value in self.buffers.items()}
        return self

    def keys(self) -> Tensor:
        """The replicas' keys at step 0, int64 (R, 3): ``seed, stream 0, step`` (see :func:`ops.uniform`)."""
        seeds = torch.tensor(self.seeds, dtype=torch.int64, device=self.device)
        return torch.stack([seeds, torch.zeros_like(seeds), torch.zeros_like(seeds)], -1)

    def bind(
        self, function: Callable[..., Any], *, training: bool, dtype: torch.dtype | None = None
    ) -> Callable[..., Any]:
        """``function(model, *args)`` as a pure function of one replica's values.

        Returns ``call(parameters, buffers, key, *args)`` for ``vmap``, ``grad`` and ``torch.compile``. The
        ``key`` (3,), or None, is handed to the parts of the model that draw random numbers, each with a
        stream of its own (1, 2, ...; stream 0 is left for data). Floating values are cast to ``dtype``.
        """
        shell = _Shell(copy.deepcopy(self._template).train(training))
        streams = {f"model.{name}": index for index, name in enumerate(key_names(self._template), 1)}
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

    def map(self, function: Callable[[nn.Module], Tensor]) -> Tensor:
        """``function(module)`` of every replica, in evaluation mode, stacked: (R, ...)."""
        call = self.bind(function, training=False)
        return vmap(call, in_dims=(0, 0, None))(self.parameters, self.buffers, None)

    def __call__(self, x: Tensor) -> Tensor:
        """The replicas' answers in evaluation mode: x (R, ...), one input a replica, to (R, ...)."""
        call = self.bind(lambda model, x: model(x), training=False)
        return vmap(call, in_dims=(0, 0, None, 0))(self.parameters, self.buffers, None, x)
