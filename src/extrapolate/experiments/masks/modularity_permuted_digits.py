"""Weight masks: how much a new task reuses the weights of earlier tasks."""

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.experiments import lab
from extrapolate.experiments.digits._images import DigitConfig, digits_of
from extrapolate.experiments.masks._config import ABLE, batch, widths
from extrapolate.experiments.masks._dense import PUBLISHED_BATCH
from extrapolate.experiments.masks._masks import BATCHES, Line, accuracies, by_layer, table
from extrapolate.inspect import JointLearner, Mask, MaskConfig, is_weight_or_bias
from extrapolate.inspect.masks import learn
from extrapolate.inspect.masks.mask import PerLayer
from extrapolate.stats import student
from extrapolate.tasks.permuted_digits import PermutedDigits

#: Masks sampled per step; each gets an equal part of the batch.
MASKS = 8

#: By name, initial logits of the weights that no earlier task keeps. Those of the kept weights, and all logits of the
#: first task, start at ``KEPT_START``.
STARTS = {"neutral": 2.0, "prefer-old": 0.0, "prefer-old-strongly": -1.0}
KEPT_START = 2.0


@dataclass(frozen=True, kw_only=True)
class PermutedDigitsConfig(DigitConfig):
    """Published: three hidden layers, eleven tasks, one Adam at 1e-2 for weights and masks, eight masks per step."""

    hidden: tuple[int, ...] = widths((800, 800, 64))
    starts: tuple[str, ...] = lab.names(STARTS, "Initial logits of the weights that no earlier task keeps", "start")
    tasks: int = lab.integer(
        11, "Number of tasks, learned one after another. Published: 11.", least=2, cut=lab.fewer("tasks")
    )
    seeds: int = lab.integer(3, "Networks per start; their seeds are 0, 1, 2, ...", cut=lab.fewer("seeds"))
    steps: int = lab.integer(
        30_000, "Training steps of each task. Published: 30,000.", cut=lab.fewer("steps of each task")
    )
    strength: float = lab.real(1.28e-3, "Sparsity penalty of the masks (β). Published: 0.00128.", least=0, below=1)
    batch: int = batch(128, MASKS)
    eval_every: int = 0  # tasks are evaluated once, at the end


def findings(config: PermutedDigitsConfig) -> Iterator[lab.Finding]:
    yield lab.Finding("prefer-old-strongly/more-sharing", more_sharing)
    for start in config.starts:
        accuracy = lab.of(lambda rows: means_by_seed(rows, "accuracy")["accuracy"].to_numpy(), {"model": start})
        yield lab.Finding("{init}/solved", accuracy, {"init": start})


def more_sharing(results: pl.DataFrame) -> lab.Found | None:
    """Return the gain in the share of old weights, over every second task and all layers but the first, by seed."""
    examined = results.filter(pl.col("task_number") % 2 == 0)
    starts = ("prefer-old-strongly", "neutral")
    one, other = (means_by_seed(examined.filter(model=start), "share") for start in starts)
    both = one.join(other, on="seed", suffix="_neutral").drop_nulls()
    if both.is_empty():
        return None
    gain = student((both["share"] - both["share_neutral"]).to_numpy())
    return lab.Found(gain, f"shares: {both['share'].mean():.2g} and {both['share_neutral'].mean():.2g}")


def means_by_seed(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    return rows.sort("seed", "task_number").group_by("seed", maintain_order=True).agg(pl.col(column).mean())


class Chain(nn.Module):
    """Dense networks with ReLU between the layers, one per task; each has its own first layer and shares the rest."""

    def __init__(self, pixels: int, hidden: tuple[int, ...], tasks: int) -> None:
        super().__init__()
        self.firsts = nn.ModuleList(nn.Linear(pixels, hidden[0]) for _ in range(tasks))
        layers = [nn.Linear(*pair) for pair in itertools.pairwise((*hidden, 10))]
        self.rest = nn.Sequential(*(part for layer in layers for part in (nn.ReLU(), layer)))

    def of(self, task: int) -> nn.Sequential:
        """Return the network of one task; it holds the chain's layers, not copies."""
        return nn.Sequential(self.firsts[task], *self.rest)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of the last task's network."""
        return self.of(len(self.firsts) - 1)(x)


def union_of(masks: Sequence[Mask]) -> Mask | None:
    """Return the union of the masks in the layers that all tasks share; None without masks."""
    if not masks:
        return None
    union = reduce(operator.or_, masks)
    return union.only(*(name for name in union if not name.startswith("0.")))


@torch.no_grad()
def initialize_unkept(network: nn.Sequential, mask: Mask | None, seed: int, task: int) -> None:
    """Initialize all weights that ``mask`` does not keep: Xavier-normal, biases 0, as published.

    The gain is √2, in the last layer 1.
    """
    word = int(np.random.SeedSequence([seed, task]).generate_state(1)[0])
    generator = torch.Generator().manual_seed(word)
    *_, last, _ = (name for name, _ in network.named_parameters())
    for name, value in network.named_parameters():
        fresh = torch.zeros(value.shape)
        if value.dim() == 2:
            nn.init.xavier_normal_(fresh, 1.0 if name == last else math.sqrt(2), generator)
        fresh = fresh.to(value.device)
        value.copy_(fresh if mask is None or name not in mask else torch.where(mask[name], value, fresh))


def notes(config: PermutedDigitsConfig) -> list[str]:
    starts = ", ".join(f"{STARTS[start]:g} ({start})" for start in config.starts)
    return [
        "Task 1 has the pixels of handwritten digits in their order, task p + 1 in the order of numpy's "
        "RandomState(p). Accuracies are over the test images after the last task. Masks are thresholded at "
        "keep-probability 1/2.",
        "Before a task, the weights that no earlier mask keeps are initialized again; kept weights are frozen. Every "
        "task has its own first layer, since a new order of the pixels changes the meaning of the inputs. The "
        "published network has one first layer; it is initialized again for every task and forgets the task before.",
        f"Weights and logits: one Adam, learning rate 1e-2, batch {config.batch}, gradients clipped to norm 1, "
        f"{MASKS} masks sampled per step, sparsity penalty β = {config.strength:g}; biases are masked too. Initial "
        f"logits: 2 in the first task and for kept weights; for other weights {starts}.",
        "Both over layers 2, 3, ...: share is the share of the weights in a task's mask that an earlier mask keeps "
        "too. old is that share among all weights, which a random mask would have.",
        f"A task counts as solved at an accuracy of at least {100 * ABLE:g} %. This lies between the nearest mean "
        "image (90 % on scikit-learn's digits, 82 % on MNIST) and the nearest image (99 %, 97 %).",
    ]


def task_of(config: PermutedDigitsConfig, number: int) -> PermutedDigits:
    return PermutedDigits(digits_of(config.data, config.device), number)


def train_chain(config: PermutedDigitsConfig, init: str, seed: int) -> lab.Training:
    """Return the training of one network on task after task; the replica holds the weights after the last task."""

    def measure(trained: lab.Trained) -> lab.Measured:
        chain = trained.replicas[0].eval()
        assert isinstance(chain, Chain)
        masks: list[Mask] = []
        for number in range(config.tasks):
            kept = union_of(masks)
            initialize_unkept(chain.of(number), kept, seed, number)
            first = KEPT_START if kept is None else STARTS[init]
            learner = JointLearner(
                chain.of(number),
                lambda model, x, label: F.cross_entropy(model(x), label),
                MaskConfig(
                    masks=MASKS, sparsity_penalty=config.strength / PUBLISHED_BATCH, init_logit=first, seed=seed
                ),
                frozen=kept,
                frozen_start=KEPT_START,
                name=f"task {number + 1}",
                index=number,
                parameters=is_weight_or_bias,
            )
            context = trained.context.after(number * config.steps)
            checkpoint = context.checkpoint(f"masks-{number}")
            learn([learner], [batches(number)], config.steps, checkpoint=checkpoint, progress=context)
            chain.of(number).load_state_dict(learner.trained_weights())
            masks.append(learner.mask())
        trained.replicas.load_state_dict({name: value[None] for name, value in chain.state_dict().items()})
        found = [
            evaluate(task_of(config, number), chain.of(number), masks[: number + 1]) for number in range(config.tasks)
        ]
        rows = pl.DataFrame({"model": init, **row, "seed": seed, "steps": config.steps} for row in found)
        lines = accuracies(rows) + sharing_lines(rows, masks)
        return lab.Measured(rows, {"masks": table(lines).with_columns(seed=pl.lit(seed, pl.Int64))})

    def batches(number: int) -> Callable[[int], tuple[Tensor, Tensor]]:
        task, stream = task_of(config, number), BATCHES + number
        return lambda step: task.sample(config.batch, torch.tensor([seed, stream, step]).to(config.device))

    return lab.Training(
        name=f"{init}-seed-{seed}",
        labels={},
        build=lambda: Chain(task_of(config, 0).pixels, config.hidden, config.tasks),
        seeds=[seed],
        train=None,
        measure=measure,
        measure_steps=config.tasks * config.steps,
        config=config,
    )


@torch.no_grad()
def evaluate(task: PermutedDigits, network: nn.Module, masks: Sequence[Mask]) -> dict[str, Any]:
    """Evaluate the network of a task under the mask of that task, the last of ``masks``."""
    images, labels = task.splits()["test"]
    *earlier, mask = masks
    right = task.solved(mask.apply(network)(images).argmax(-1), labels)
    return {
        "task": f"task {task.number + 1}",
        "split": "test images",
        "task_number": task.number + 1,
        "accuracy": float(right.double().mean()),
        "num_kept": int(mask.count().pooled),
        "kept_share": mask.fraction().pooled,
        **measure_overlaps(mask, earlier),
    }


def measure_overlaps(mask: Mask, earlier: Sequence[Mask]) -> dict[str, float | None]:
    """Return the share of old weights in a task's mask, by layer from 2 on and over these layers together.

    Old weights are those that an earlier mask keeps. ``old`` is their share among all weights, which a random mask
    would have. A share is None if there is no earlier task, or if the mask keeps nothing.
    """
    names, old = matrices(mask)[1:], union_of(earlier)
    columns = [*(f"share_{layer}" for layer in range(2, len(names) + 2)), "share", "old"]
    if old is None:
        return dict.fromkeys(columns)
    old = old.only(*names)
    share = mask.only(*names).share(old)
    values = [*share.layers.values(), share.pooled, old.fraction().pooled]
    return {name: None if math.isnan(each) else each for name, each in zip(columns, values, strict=True)}


def sharing_lines(rows: pl.DataFrame, masks: Sequence[Mask]) -> list[Line]:
    """Return, for every second task as published, the weights kept by layer and the share of old ones."""
    kept: list[Line] = []
    shared: list[Line] = []
    for row in rows.filter(pl.col("task_number") % 2 == 0).iter_rows(named=True):
        title, mask = f"{row['model']}, {row['task']}", masks[row["task_number"] - 1]
        counts = mask.only(*matrices(mask)).count()
        layers = {f"layer {layer}": count for layer, count in enumerate(counts.layers.values(), 1)}
        kept += by_layer("kept", title, PerLayer(layers, counts.pooled))
        shared += [("share", title, layer, row[f"share_{layer[6:]}"]) for layer in list(layers)[1:]]
        shared.append(("share", title, "all", row["share"]))
    return kept + shared


def matrices(mask: Mask) -> list[str]:
    """Return the names of the weight matrices, first layer first."""
    return [name for name in mask if name.endswith(".weight")]


@lab.experiment(
    papers=["2010.02066"],
    laptop=PermutedDigitsConfig(hidden=(100, 100, 32), steps=3_000),
    paper={"data": lab.REQUIRED, "hidden": (800, 800, 64), "seeds": 10, "steps": 30_000},
    smoke={"hidden": (16, 16, 16), "tasks": 2, "seeds": 1, "steps": 5, "batch": 128},
    findings=findings,
    notes=notes,
    means=["accuracy", "kept_share", "share", "old"],
)
def modularity_permuted_digits(config: PermutedDigitsConfig) -> Iterator[lab.Training]:
    digits_of(config.data, config.device)  # fails before the run begins if files cannot be read
    for start in config.starts:
        for seed in range(config.seeds):
            yield train_chain(config, start, seed)
