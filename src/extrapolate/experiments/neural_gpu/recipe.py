"""How diagonal Neural GPUs are trained on a task: the published recipe."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.experiments.neural_gpu.optimizers import TRAINERS
from extrapolate.nn import DiagonalNeuralGPU
from extrapolate.optim import GradientNoise
from extrapolate.tasks import Algorithm, Examples
from extrapolate.training import History, Plan, Replicas, mapped, one_by_one
from extrapolate.training.feedback import Balance, Feedback, Lowered, Onset, Plateau, Scaled
from extrapolate.training.length_bins import LengthBins

#: Streams of random examples beside each other: those of the training, and the fixed ones it is measured on.
TRAINING, FIXED = 0, 1

#: Of evaluations with equal errors the one with the least loss is best: it counts this little beside them.
TIE = 1e-3

#: Below this, a sum of shares of wrong sequences is none.
NO_ERROR = 1e-9

#: Standard deviation of the noise on gradients, as a share of the learning rate.
NOISE = 1e-4

#: The fixed examples are so many batches of every group of lengths.
FIXED_BATCHES = 4

#: With levels: the loss from which on states are rounded, more and more within so many evaluations.
LEARNED, ROUNDED_WITHIN = 0.02, 5

#: A network whose states are not rounded yet scores worse than any whose are.
NOT_YET = 1e6

#: Measures of a network at an evaluation: ``error``, the largest share of wrong sequences, and ``errors``, their sum.
Checks = Callable[[DiagonalNeuralGPU], dict[str, float]]


@dataclass(frozen=True)
class Recipe:
    """A batch from some groups of lengths in every step; cross-entropy at every place, padding included.

    The saturation cost weighs about the learning rate times the loss. Both that weight and the rate, which falls
    where the loss makes no progress, follow from the loss on fixed batches, with dropout, at every evaluation
    (published: from that of all steps since the last one). From the first perfect evaluation on the rate is
    ``settling`` of what it would be (published: 1). Networks trained together see the same examples and noise, which
    follow from the first seed. With ``levels`` states are rounded once the task is learned.
    """

    task: Algorithm
    seeds: tuple[int, ...]
    maps: int
    dropout: float
    batch: int
    bins: LengthBins
    bins_a_step: int
    optimizer: str = "AdaMax"
    levels: int | None = None
    settling: float = 1.0

    def build(self) -> DiagonalNeuralGPU:
        task = self.task
        return DiagonalNeuralGPU(
            task.symbols, task.classes, self.maps, dropout=self.dropout, levels=self.levels
        )

    def replicas(self, device: str) -> Replicas:
        return Replicas.build(self.build, self.seeds, device=device)

    def generator(self, stream: int, step: int) -> torch.Generator:
        """The random numbers of one step, of a stream of this seed."""
        words = np.random.SeedSequence((self.seeds[0], stream, step)).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))

    def batches(self, stream: int, step: int) -> list[Examples]:
        """Those of one step, a group of lengths each; the fixed ones are of all groups, some of each."""
        generator = self.generator(stream, step)
        if stream == FIXED:
            groups = self.bins.used(self.task) * FIXED_BATCHES
        else:
            groups = self.bins.drawn(self.task, self.bins_a_step, generator)
        return [self.bins.batch(self.task, index, self.batch, generator) for index in groups]

    def plan(
        self,
        replicas: Replicas,
        steps: int,
        evaluate_every: int,
        checks: Checks,
        ends: Callable[[History], bool] | None = None,
    ) -> Plan:
        device = replicas.device
        trainer = TRAINERS[self.optimizer]
        rate = Lowered(Plateau("loss", trainer.rate(self.maps)), "errors", NO_ERROR, self.settling)
        rounding = Onset("loss", LEARNED, ROUNDED_WITHIN)
        rules = {
            "rate": rate,
            "noise": Scaled(rate, NOISE),
            "weight": Balance("loss", "saturation", rate),
            "rounding": rounding,
        }
        feedback = Feedback(rules, len(replicas), device=device, ends=ends)
        fixed = _named(self.batches(FIXED, 0), device)

        def shared(key: Tensor) -> dict[str, Tensor]:
            return _named(self.batches(TRAINING, int(key[2])), device)

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            entropy, saturation = costs(model, given)
            return entropy + given["weight"] * saturation

        measured = replicas.bind(costs, training=True)

        def measures(replicas: Replicas, row: int, key: Tensor) -> dict[str, float]:
            # one set of dropout for all evaluations: they differ by the weights alone
            given = fixed | {"rounding": feedback["rounding"][row]}
            parameters = {name: value[row] for name, value in replicas.parameters.items()}
            entropy, saturation = (float(cost) for cost in measured(parameters, {}, key, given))
            model = network(replicas, row)
            rounded = model.levels is None or float(given["rounding"]) == 1
            if not rounded:
                model.levels = None  # what it can do by then
            found = checks(model)
            score = found["errors"] + TIE * entropy + (0 if rounded else NOT_YET)
            return {"loss": entropy, "saturation": saturation, "rounded": rounded, "score": score, **found}

        @torch.no_grad()
        def evaluate(replicas: Replicas) -> dict[str, Tensor]:
            rows = [measures(replicas, row, key) for row, key in enumerate(replicas.keys())]
            return {
                name: torch.tensor([float(own[name]) for own in rows], dtype=torch.float64)
                for name in rows[0]
            }

        return Plan(
            loss=loss,
            optimizer=trainer.make,
            steps=steps,
            evaluate=evaluate,
            evaluate_every=evaluate_every,
            best_by="score",
            given=feedback.numbers,
            shared=shared,
            rate=feedback.schedule("rate"),
            noise=GradientNoise(feedback["noise"], seed=self.seeds[0]),
            solved=lambda measures: measures["error"] == 0,
            until=feedback,
            compile=False,  # hundreds of steps of a loop would be compiled for minutes
            gradients=one_by_one if device.type == "cpu" else mapped,
        )


def network(replicas: Replicas, row: int) -> DiagonalNeuralGPU:
    """The network in this row, for answering."""
    model = replicas[row].eval()
    assert isinstance(model, DiagonalNeuralGPU)
    return model


def costs(model: nn.Module, given: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The cross-entropy and the saturation, each the mean over the batches in ``given``."""
    assert isinstance(model, DiagonalNeuralGPU)
    entropies, saturations = [], []
    for name in sorted(name for name in given if name.startswith("symbols")):
        index = name.removeprefix("symbols")
        logits, saturation = model.saturated(
            given[name], span=given[f"span{index}"], rounding=given["rounding"]
        )
        entropies.append(F.cross_entropy(logits.flatten(0, 1), given[f"answer{index}"].flatten()))
        saturations.append(saturation)
    return torch.stack(entropies).mean(), torch.stack(saturations).mean()


def _named(batches: list[Examples], device: torch.device) -> dict[str, Tensor]:
    """The batches' tensors under names of their own."""
    return {
        f"{name}{index:02}": value.to(device)
        for index, batch in enumerate(batches)
        for name, value in (("symbols", batch.symbols), ("answer", batch.answer), ("span", batch.span))
    }
