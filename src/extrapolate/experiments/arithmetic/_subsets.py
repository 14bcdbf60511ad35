"""Shared by the tasks on two sums over subsets of many inputs: options, network, training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
from torch import Tensor, nn
from torch.func import vmap

from extrapolate.experiments import lab
from extrapolate.tasks import SubsetFunction
from extrapolate.training import Penalty, Replicas, Warmup
from extrapolate.training.metrics import Evaluate

#: Makes a layer from its numbers of inputs and outputs.
Layer = Callable[[int, int], nn.Module]

#: The full weight of the penalty on the weights of NAU and NMU.
PENALTY = 10.0


@dataclass(frozen=True, kw_only=True)
class SubsetConfig(lab.Config):
    """Options of the tasks on two sums.

    With the published 100 inputs, a network needs millions of steps to separate the two sums; with 16, far fewer.
    """

    in_features: int = lab.integer(
        16,
        "Input size; each of the two sums is over a quarter of the inputs. Published: 100.",
        least=8,
        cut=lab.fewer("inputs"),
    )
    samples: int = lab.integer(
        1_000,
        "Samples of the validation set, and of the extrapolation set.",
        least=2,
        cut=lab.fewer("test samples"),
    )
    epsilon: float = lab.real(
        1e-2,
        "A model counts as solved if its error is below that of the exact solution with every weight changed by X. "
        "Published: 1e-5.",
        above=0,
        below=0.5,
        cut=lab.larger("weight tolerance {:g} instead of {:g}"),
    )


class Static(nn.Sequential):
    """Maps a single step (1, B, I) to answers (B, 1): layers in sequence."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input[0])


@dataclass(frozen=True)
class SumsTraining:
    """Replica ``i`` learns task ``i // seeds`` with seed ``i % seeds``, which also sets the offset of its subsets.

    The tasks differ only by their functions: all replicas see one stream of inputs.
    """

    config: SubsetConfig
    tasks: Sequence[SubsetFunction]

    @property
    def seeds(self) -> list[int]:
        return list(range(self.config.seeds)) * len(self.tasks)

    @cached_property
    def own(self) -> dict[str, Tensor]:
        """Per replica: its ``subsets``, 1 where an input is in a sum (R, I, 2), and its function, one-hot (R, F)."""
        generators = [torch.Generator().manual_seed(seed) for seed in self.seeds]
        subsets = torch.stack([self.tasks[0].place_subsets(each).subsets for each in generators])
        chosen = torch.eye(len(self.tasks)).repeat_interleave(self.config.seeds, 0)
        return {"subsets": subsets.to(self.config.device), "chosen": chosen.to(self.config.device)}

    def error(self, model: nn.Module, x: Tensor, subsets: Tensor, chosen: Tensor) -> Tensor:
        """Return the mean squared error of one replica on its own function."""
        answers = torch.cat([task.answer(x, subsets) for task in self.tasks], -1)
        return (model(x)[..., 0] - answers @ chosen).square().mean()

    @torch.no_grad()
    def errors(self, replicas: Replicas, x: Tensor) -> Tensor:
        """Return the errors (R,) on ``x``, float64; for 8 replicas at a time, to save memory on long sequences."""
        call = replicas.functionalize(self.error, training=False, dtype=torch.float64)
        mapped = vmap(call, in_dims=(0, 0, None, None, 0, 0), chunk_size=8)
        own = (each.double() for each in self.own.values())
        return mapped(replicas.parameters, replicas.buffers, None, x, *own)

    def inputs(self, split: str) -> Tensor:
        """Return the inputs of ``validation`` or ``test``, float64 (T, N, I), the same for every replica."""
        return self.tasks[0].sample_fixed(self.config.samples)[split].to(self.config.device)

    def train(self, learning_rate: float, penalty: Warmup, metrics: Mapping[str, str]) -> lab.TrainConfig:
        """Make the training arguments, with Adam. ``metrics``: the split whose error each metric measures."""

        def loss(model: nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
            return self.error(model, batch["x"], batch["subsets"], batch["chosen"])

        def evaluation() -> Evaluate:
            inputs = {name: self.inputs(split) for name, split in metrics.items()}
            return lambda replicas, keys: {name: self.errors(replicas, x) for name, x in inputs.items()}

        def shared_batch(key: Tensor) -> dict[str, Tensor]:
            return {"x": self.tasks[0].train.sample_keyed(self.config.batch, self.config.in_features, key)}

        adam = partial(torch.optim.Adam, lr=learning_rate, fused=True)
        return replace(
            self.config.train(loss, adam, lab.at_first_use(evaluation), "validation_mse"),
            per_replica=self.own,
            shared_batch=shared_batch,
            penalties=(Penalty(penalty),),
        )
