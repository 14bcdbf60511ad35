"""The mechanism of the experiments on masks: train networks, learn masks over them, make tables for the page."""

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

#: First stream of random numbers for the masks' batches. The few streams that sample masks begin at 0.
BATCHES = 1_000_000

Model = Callable[..., Tensor]
Masks = Mapping[str, Mask]

#: Prefix of the columns with the share of each possible answer.
ANSWERS = "answers "

#: A row of a table for the page: measure, mask, layer (or what replaces it), value.
Line = tuple[str, str, str, float | None]


@dataclass(frozen=True)
class MaskSpec:
    """A mask to learn.

    Args:
        name: its name in the results and on the page.
        functions: the functions on whose examples it is learned.
        parameters: which tensors are masked.
        network: ``network(trained, earlier)``: the network over which the mask is learned, from the trained network
            and the masks of earlier rounds.
        complete: ``complete(mask, earlier)``: the learned mask, with the tensors that were not learned added.
    """

    name: str
    functions: tuple[str, ...]
    parameters: ParameterFilter = is_weight
    network: Callable[[nn.Module, Masks], nn.Module] = lambda network, earlier: network
    complete: Callable[[Mask, Masks], Mask] = lambda mask, earlier: mask


class MaskedView(NamedTuple):
    """A network and the mask under which it is evaluated; None: no mask."""

    name: str
    network: nn.Module
    mask: Mask | None = None

    @property
    def model(self) -> Model:
        return self.network if self.mask is None else self.mask.apply(self.network)


def unmasked_and_under(network: nn.Module, masks: Masks, unmasked: str = "unmasked") -> Iterator[MaskedView]:
    """Yield the network without a mask, named ``unmasked``, then under each mask."""
    yield MaskedView(unmasked, network)
    for name, mask in masks.items():
        yield MaskedView(name, network, mask)


@dataclass(frozen=True, kw_only=True)
class MaskStudy:
    """The network of one seed, the masks over its weights, and what is evaluated under each of them.

    Listing the trainings of an experiment creates all its studies. So load data inside the functions, with a cache.

    Args:
        name: the name of the training is this name and the seed.
        sample: ``sample(u, functions)``: a batch of these functions, from uniform numbers ``u`` (3, B) in [0, 1).
        loss: ``loss(model, *batch)``: the mean loss over a batch.
        rounds: the masks, round by round. The masks of a round are learned together and may use those of earlier
            rounds.
        evaluate: ``evaluate(model)``: one row per task, with ``task``, ``split``, ``accuracy`` and more.
        views: ``views(network, masks)``: the networks and masks to evaluate.
        losses: computes the losses of a batch under all sampled masks.
        extra_columns: ``extra_columns(masks)``: further columns, the same in every row.
        compared: pairs of masks, by name, whose overlap the page shows.
        lines: ``lines(masks)``: further lines of the page's table of masks.
        tables: ``tables(rows)``: further tables for the page, by name; a table "masks" replaces that of the lines.
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
    """Return the training of a study: train its network, then learn its masks."""

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
    """Learn the masks of round ``number``, on the device of the network."""
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
    """Sample the batch of one step of a mask; ``index`` is the number of the mask in its study."""
    key = torch.tensor([study.seed, BATCHES + index, step], device=study.config.device)
    return study.sample(ops.uniform(key, (3, study.config.batch)), spec.functions)


def _rows(study: MaskStudy, network: nn.Module, masks: Masks) -> Iterator[dict[str, Any]]:
    """Yield one row per view of the network and task."""
    last = {"seed": study.seed, "steps": study.train.steps, "mask_steps": study.config.mask_steps}
    last |= study.extra_columns(masks)
    for view in study.views(network, masks):
        kept: dict[str, Any] = {"num_kept": None, "kept_share": None}
        if view.mask is not None:
            kept = {"num_kept": int(view.mask.count().pooled), "kept_share": view.mask.fraction().pooled}
        for row in study.evaluate(view.model):
            yield {"model": view.name, **row, **kept, **last}


def page_lines(masks: Masks, compared: Sequence[tuple[str, str]], rows: pl.DataFrame) -> list[Line]:
    """Return one line per measure, mask and layer (and "all").

    For accuracies the task replaces the layer, for answers the answer. ``rows``: the results of the network.
    ``compared``: pairs of masks, by name, whose overlap is shown.
    """
    lines = accuracies(rows)
    for row in rows.filter(pl.col("model").is_in(list(masks))).iter_rows(named=True):
        title = f"{row['model']} mask, inputs of {row['task']}"
        shares = {name.removeprefix(ANSWERS): row[name] for name in row if name.startswith(ANSWERS)}
        lines += [("answers", title, answer, share) for answer, share in shares.items()]
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
    """Return a table with one row per line: measure, mask, layer, value."""
    schema = {"measure": pl.String, "mask": pl.String, "layer": pl.String, "value": pl.Float64}
    return pl.DataFrame(list(lines), schema=schema, orient="row")


def accuracies(rows: pl.DataFrame) -> list[Line]:
    """Return the accuracy under each mask, by task."""
    return [("accuracy", *row) for row in rows.select("model", "task", "accuracy").iter_rows()]


def by_layer(measure: str, name: str, values: PerLayer) -> list[Line]:
    """Return one line per layer, and one for all layers together."""
    layers = values.layers | {"all": values.pooled}
    return [(measure, name, layer, float(value)) for layer, value in layers.items()]
