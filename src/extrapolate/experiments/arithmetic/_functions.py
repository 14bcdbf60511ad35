"""One model on functions of two sums: all functions and seeds are trained at once on one stream of inputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap

from extrapolate.experiments.arithmetic._function_findings import GREATEST_SCORE, LEAST_SCORE
from extrapolate.experiments.arithmetic._function_networks import STATIC, Build
from extrapolate.experiments.arithmetic._subsets import PENALTY, SubsetConfig, place_subsets
from extrapolate.experiments.config import fewer, names, number
from extrapolate.experiments.training import Trained, Training, at_first_use
from extrapolate.tasks import SUM_FUNCTIONS, Sequences, SubsetFunction
from extrapolate.training import Penalty, Replicas, Warmup
from extrapolate.training.metrics import Evaluate
from extrapolate.training.train_config import TrainConfig

SOURCE = (
    "Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018); Madsen & Johansen, Neural "
    "Arithmetic Units (arXiv 2001.05016, ICLR 2020)"
)

#: Replicas that are tested at once: a thousand steps of all of them would fill the memory.
TESTED_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class FunctionsConfig(SubsetConfig):
    """Adam, squared error, penalty 10 on the units that state one.

    NAC and NALU reach their weights at infinity only, so laptops judge at 1e-2. The published learning rates,
    batches and lengths are not known.
    """

    models: tuple[str, ...] = names(STATIC, "Models to train", "model")
    functions: tuple[str, ...] = names(SUM_FUNCTIONS, "Functions of the two sums", "function")
    hidden: int = number(
        32, "Units between the layers of networks that are not arithmetic.", cut=fewer("hidden units")
    )


@dataclass(frozen=True)
class Form:
    """What the inputs are in training and in the test, and the learning rate."""

    train: Sequences
    test: Sequences
    learning_rate: float

    @property
    def title(self) -> str:
        """The training range, for the tables of the results."""
        if self.train.length == 1:
            return str(self.train.range)
        return f"{self.train.length} steps of {self.train.range}"


@dataclass(frozen=True)
class _Functions:
    """The functions of a configuration: model ``i`` has function ``i // seeds`` and seed ``i % seeds``."""

    config: FunctionsConfig
    form: Form

    @property
    def tasks(self) -> list[SubsetFunction]:
        form, size = self.form, self.config.in_features
        return [
            SubsetFunction(SUM_FUNCTIONS[name], form.train, form.test, size) for name in self.config.functions
        ]

    @property
    def seeds(self) -> list[int]:
        return list(range(self.config.seeds)) * len(self.config.functions)

    def each(self, values: list[Any]) -> list[Any]:
        """One value per function to one per model."""
        return [value for value in values for _ in range(self.config.seeds)]

    def per_replica(self) -> dict[str, Tensor]:
        """Each model's subsets (R, I, 2), and which function is its own (R, F)."""
        device, count = self.config.device, len(self.config.functions)
        chosen = torch.eye(count, device=device).repeat_interleave(self.config.seeds, 0)
        return {"subsets": place_subsets(self.tasks[0].sums, self.seeds, device), "chosen": chosen}

    def error(self, model: nn.Module, x: Tensor, subsets: Tensor, chosen: Tensor) -> Tensor:
        """The mean squared error of one model on its own function."""
        answers = torch.cat([task.answer(x, subsets) for task in self.tasks], -1)
        return (model(x)[..., 0] - answers @ chosen).square().mean()

    @torch.no_grad()
    def errors(self, replicas: Replicas, x: Tensor) -> Tensor:
        """The errors (R,) of all models on ``x``, float64."""
        own = {name: value.double() for name, value in self.per_replica().items()}
        call = replicas.bind(self.error, training=False, dtype=torch.float64)
        mapped = vmap(call, in_dims=(0, 0, None, None, 0, 0), chunk_size=TESTED_AT_ONCE)
        return mapped(replicas.parameters, replicas.buffers, None, x, own["subsets"], own["chosen"])

    def inputs(self, split: str) -> Tensor:
        """Of ``validation`` or ``test``, the same for every model."""
        return self.tasks[0].sample_fixed(self.config.samples)[split].to(self.config.device)

    def validation(self) -> Evaluate:
        x = self.inputs("validation")
        return lambda replicas, keys: {"validation_mse": self.errors(replicas, x)}

    def thresholds(self) -> Tensor:
        """Below which error a model counts as solved, (R,)."""
        every = torch.tensor([task.threshold(self.config.epsilon) for task in self.tasks])
        return every.double().repeat_interleave(self.config.seeds)


def train_model(config: FunctionsConfig, form: Form, name: str, build: Build) -> Training:
    """One model on all functions, from all seeds; the seed places the subsets too."""
    functions = _Functions(config, form)

    def loss(model: nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
        return functions.error(model, batch["x"], batch["subsets"], batch["chosen"])

    def shared_batch(key: Tensor) -> dict[str, Tensor]:
        return {"x": form.train.sample_keyed(config.batch, config.in_features, key)}

    def measure(trained: Trained) -> Mapping[str, Any]:
        return _measured(functions, trained, training.replicas())

    start = config.steps // 2
    end = max(config.steps * 2 // 3, start + 1)
    training = Training(
        name=name,
        labels={
            "unit": name,
            "operation": functions.each([SUM_FUNCTIONS[each].formula for each in config.functions]),
            "function": functions.each(list(config.functions)),
            "range": form.title,
        },
        build=partial(build, config.in_features, config.hidden),
        seeds=functions.seeds,
        train=TrainConfig(
            loss=loss,
            optimizer=partial(torch.optim.Adam, lr=form.learning_rate, fused=True),
            steps=config.steps,
            evaluate=at_first_use(functions.validation),
            eval_every=config.eval_every,
            monitor="validation_mse",
            per_replica=functions.per_replica(),
            shared_batch=shared_batch,
            penalties=(Penalty(Warmup(end, start, PENALTY)),),
            compile=config.compile,
        ),
        measure=measure,
        device=config.device,
    )
    return training


def _measured(functions: _Functions, trained: Trained, untrained: Replicas) -> dict[str, Any]:
    validation, test = functions.inputs("validation"), functions.inputs("test")
    interpolation = trained.history.at_best("validation_mse")
    error, thresholds = functions.errors(trained.replicas, test), functions.thresholds()
    seeds = functions.config.seeds
    return {
        "solved": error.cpu() < thresholds,
        "interpolation": scores(interpolation, functions.errors(untrained, validation), seeds),
        "extrapolation": scores(error, functions.errors(untrained, test), seeds),
        "validation_mse": interpolation,
        "extrapolation_mse": error,
        "threshold": thresholds,
        "best_step": trained.history.best_step,
        "steps": functions.config.steps,
    }


def scores(errors: Tensor, untrained: Tensor, seeds: int) -> Tensor:
    """100 × the error ÷ the median error before training over a function's seeds: few of them err vastly."""
    usual = untrained.cpu().view(-1, seeds).median(-1).values
    return 100 * errors.cpu() / usual.repeat_interleave(seeds)


def notes(config: FunctionsConfig, form: Form) -> list[str]:
    """How the models were trained and judged."""
    return [
        f"Adam, learning rate {form.learning_rate:g}, squared error, {config.batch} fresh samples per step, one "
        f"stream for all models; penalty {PENALTY:g} on NAU and NMU, growing from step {config.steps // 2:,} to "
        f"{config.steps * 2 // 3:,}.",
        f"{config.in_features} inputs in {form.train.range}, {form.train.length} steps of them; a and b are sums "
        f"over {config.in_features // 4} of them each, which overlap by half, at a place that the seed chooses. "
        f"Tested on {form.test.length:,} steps in {form.test.range}, at the step with the lowest validation error.",
        f"Between the layers: two units where they are arithmetic, {config.hidden} otherwise (published: about 100).",
        "Score: 100 × the error (float64) ÷ the median error of the same models before training. The published "
        "scores divide by the mean, which follows the one seed whose powers of the inputs are largest. Means are "
        f"geometric, over scores clipped to [{LEAST_SCORE:g}, {GREATEST_SCORE:,.0f}].",
        f"Solved: the extrapolation error is below that of sums whose weights are all {config.epsilon:g} off.",
        "Intervals (95 %): Wilson for success rates, Newcombe for their differences, Student's t for powers of ten.",
    ]
