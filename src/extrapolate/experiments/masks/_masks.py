"""The mechanism of the experiments on masks: networks, then masks over their weights; what the page draws of them."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments import lab
from extrapolate.experiments.masks._config import StudyConfig
from extrapolate.inspect import Mask, MaskConfig, is_weight
from extrapolate.inspect.masks import learn
from extrapolate.inspect.masks.batched import MaskedLosses
from extrapolate.inspect.masks.choice import ParameterFilter
from extrapolate.inspect.masks.learner import MaskLearner
from extrapolate.inspect.masks.mask import PerLayer

#: Streams of random numbers of the masks' batches begin here: those of the drawn masks begin at 0 and are few.
BATCHES = 1_000_000

Model = Callable[..., Tensor]
Masks = Mapping[str, Mask]

#: Columns of results that say what was answered, where there are several answers one may give.
ANSWERS = "answers "

#: Of a table for the page: measure, mask, layer (or what stands in its place), value.
Line = tuple[str, str, str, float | None]


@dataclass(frozen=True)
class MaskSpec:
    """A mask to learn.

    Args:
        name: what the results and the page call it.
        functions: the functions whose examples it is learned on.
        choose: which tensors are masked.
        network: of the trained network and the masks of earlier rounds, the network that the mask is learned over.
        complete: of the learned mask and those of earlier rounds, the mask with the tensors that were not learned.
    """

    name: str
    functions: tuple[str, ...]
    parameters: ParameterFilter = is_weight
    network: Callable[[nn.Module, Masks], nn.Module] = lambda network, earlier: network
    complete: Callable[[Mask, Masks], Mask] = lambda mask, earlier: mask


class MaskedView(NamedTuple):
    """A network that is evaluated under a mask; None: as it was trained."""

    name: str
    network: nn.Module
    mask: Mask | None = None

    @property
    def model(self) -> Model:
        return self.network if self.mask is None else self.mask.apply(self.network)


def unmasked_and_under(network: nn.Module, masks: Masks, unmasked: str = "unmasked") -> Iterator[MaskedView]:
    """The network as it was trained, which is called ``unmasked``, and under each mask."""
    yield MaskedView(unmasked, network)
    for name, mask in masks.items():
        yield MaskedView(name, network, mask)


@dataclass(frozen=True, kw_only=True)
class MaskStudy:
    """The network of one seed, the masks over its weights, and what is evaluated under each of them.

    Listing the trainings of an experiment makes all its studies: what takes time or memory (data) belongs in the
    functions, behind a cache.

    Args:
        name: what begins the name of the training, which ends with the seed.
        sample: ``sample(u, functions)``: a batch of these functions, from uniform numbers ``u`` (3, B) in [0, 1).
        loss: ``loss(model, *batch)``: the mean loss over a batch.
        rounds: the masks, those of a round side by side; a round may build on the masks of those before.
        evaluate: of a model a row for everything it is asked: ``operation``, ``range``, ``accuracy`` and more.
        views: of the trained network and the masks, what is evaluated.
        losses: computes the losses of a batch under all drawn masks.
        further: columns of every row, measured on the masks.
        compared: pairs of masks, by name, whose overlap the page shows.
        lines: what else the page shows of the masks.
        tables: further tables for the page, by name, from the rows; "masks" replaces the lines.
    """

    seed: int
    config: StudyConfig
    build: Callable[[], nn.Module]
    train: lab.TrainConfig
    sample: Callable[[Tensor, tuple[str, ...]], tuple[Tensor, ...]]
    loss: Callable[..., Tensor]
    mask_config: MaskConfig
    rounds: Sequence[Sequence[MaskSpec]]
    evaluate: Callable[[Model], Iterable[dict[str, Any]]]
    name: str = "seed"
    views: Callable[[nn.Module, Masks], Iterable[MaskedView]] = unmasked_and_under
    losses: Callable[..., MaskedLosses] = MaskedLosses
    extra_columns: Callable[[Masks], dict[str, Any]] = lambda masks: {}
    compared: Sequence[tuple[str, str]] = ()
    lines: Callable[[Masks], list[Line]] = lambda masks: []
    tables: Callable[[pl.DataFrame], dict[str, pl.DataFrame]] = lambda rows: {}


def mask_training(study: MaskStudy) -> lab.Training:
    """Train the network of a study, then learn its masks."""

    def measure(trained: lab.Trained) -> lab.Measured:
        network = trained.replicas[0].eval()
        masks: dict[str, Mask] = {}
        for number in range(len(study.rounds)):
            masks |= _learn_round(study, number, network, masks, trained.context)
        masks = {name: mask.cpu() for name, mask in masks.items()}
        with torch.no_grad():
            rows = pl.DataFrame(_rows(study, network.cpu(), masks), infer_schema_length=None)
        lines = page_lines(masks, study.compared, rows) + study.lines(masks)
        tables = {"masks": table(lines), **study.tables(rows)}
        seed = pl.lit(study.seed, pl.Int64)
        return lab.Measured(rows, {name: each.with_columns(seed=seed) for name, each in tables.items()})

    return lab.Training(
        name=f"{study.name}-{study.seed}",
        labels={},
        build=study.build,
        seeds=[study.seed],
        train=study.train,
        measure=measure,
        measure_steps=len(study.rounds) * study.config.mask_steps,
        config=study.config,
    )


def _learn_round(
    study: MaskStudy, number: int, network: nn.Module, earlier: Masks, context: lab.Context
) -> dict[str, Mask]:
    """The masks of round ``number``, on the device of the network."""
    make = partial(MaskLearner, loss=study.loss, config=study.mask_config, losses=study.losses)
    learners, batches = [], []
    for index, spec in enumerate(study.rounds[number], len(earlier)):
        masked = spec.network(network, earlier)
        learners.append(make(masked, name=spec.name, index=index, parameters=spec.parameters))
        batches.append(partial(_batch, study, spec, index))
    steps, checkpoint = study.config.mask_steps, context.checkpoint(f"masks-{number}")
    learn(learners, batches, steps, checkpoint=checkpoint, progress=context.after(number * steps))
    pairs = zip(study.rounds[number], learners, strict=True)
    return {spec.name: spec.complete(learner.mask(), earlier) for spec, learner in pairs}


def _batch(study: MaskStudy, spec: MaskSpec, index: int, step: int) -> tuple[Tensor, ...]:
    """The batch of a mask's step; ``index`` tells the masks of a study apart."""
    key = torch.tensor([study.seed, BATCHES + index, step], device=study.config.device)
    return study.sample(ops.uniform(key, (3, study.config.batch)), spec.functions)


def _rows(study: MaskStudy, network: nn.Module, masks: Masks) -> Iterator[dict[str, Any]]:
    """A row for each view of the network and everything it is asked."""
    last = {"seed": study.seed, "steps": study.train.steps, "mask_steps": study.config.mask_steps}
    last |= study.extra_columns(masks)
    for view in study.views(network, masks):
        kept: dict[str, Any] = {"num_kept": None, "kept_share": None}
        if view.mask is not None:
            kept = {"num_kept": int(view.mask.count().pooled), "kept_share": view.mask.fraction().pooled}
        for row in study.evaluate(view.model):
            yield {"model": view.name, **row, **kept, **last}


def page_lines(masks: Masks, compared: Sequence[tuple[str, str]], rows: pl.DataFrame) -> list[Line]:
    """A line for each measure, mask and layer (and "all"); for answers, what was asked in place of the layer.

    ``rows``: the network's results; ``compared``: pairs of masks, by name, whose overlap is shown.
    """
    lines = accuracies(rows)
    for row in rows.filter(pl.col("model").is_in(list(masks))).iter_rows(named=True):
        title = f"{row['model']} mask, {row['task']} asked"
        given = {name.removeprefix(ANSWERS): row[name] for name in row if name.startswith(ANSWERS)}
        lines += [("answers", title, answer, share) for answer, share in given.items()]
    for name, mask in masks.items():
        lines += by_layer("kept", name, mask.count())
    for one, other in compared:
        lines += by_layer("iou", f"{one} and {other}", masks[one].iou(masks[other]))
        lines += by_layer("iomin", f"{one} and {other}", masks[one].iomin(masks[other]))
    for name in dict.fromkeys(itertools.chain.from_iterable(compared)):
        others = [other for pair in compared for other in pair if name in pair and other != name]
        lines += by_layer("share", name, masks[name].share(*(masks[other] for other in others)))
    return lines


def table(lines: Iterable[Line]) -> pl.DataFrame:
    """A row for each line: measure, mask, layer, value."""
    schema = {"measure": pl.String, "mask": pl.String, "layer": pl.String, "value": pl.Float64}
    return pl.DataFrame(list(lines), schema=schema, orient="row")


def accuracies(rows: pl.DataFrame) -> list[Line]:
    """The accuracy under each mask, by what was asked."""
    return [("accuracy", *row) for row in rows.select("model", "task", "accuracy").iter_rows()]


def by_layer(measure: str, name: str, values: PerLayer) -> list[Line]:
    """A line for each layer, and one for all of them."""
    layers = values.layers | {"all": values.pooled}
    return [(measure, name, layer, float(value)) for layer, value in layers.items()]
