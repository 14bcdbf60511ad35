"""Masks over sequence-to-sequence networks: options, training, masks, accuracy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate import ops
from extrapolate._runtime.errors import UserError
from extrapolate.experiments import lab
from extrapolate.experiments.masks._config import ABLE, StudyConfig
from extrapolate.experiments.masks._masks import MaskSpec, MaskStudy, Model, unmasked_and_under
from extrapolate.inspect import MaskConfig
from extrapolate.tasks.token_rows import TokenRows
from extrapolate.training import Clip, Replicas
from extrapolate.training.gradients import loop_gradients

GENERATED = "generated"


def data_folder(files: str, published: str) -> Any:
    """An option: the source of the examples, generated or a folder with files."""
    cut = lab.instead(GENERATED, published)
    return lab.folder(GENERATED, GENERATED, f"Examples: {GENERATED}, or a folder with {files}.", cut=cut)


@dataclass(frozen=True, kw_only=True)
class SequenceConfig(StudyConfig):
    """Learning rates are constant."""

    width: int = lab.integer(128, "Width of the network's layers.", cut=lab.fewer("units per layer"))
    layers: int = lab.integer(1, "Layers of the encoder; the decoder has the same number.", cut=lab.fewer("layers"))
    dropout: float = lab.real(0.0, "Dropout in the training of the weights.", least=0, below=1)
    learning_rate: float = lab.real(1e-3, "Learning rate of the weights.", above=0)
    mask_learning_rate: float = lab.real(1e-2, "Learning rate of the masks.", above=0)
    examined: int = lab.integer(
        10_000, "Largest number of test examples per test set.", cut=lab.fewer("test examples per set")
    )


def check_heads(width: int, heads: int) -> None:
    """Raise a UserError if ``width`` is not a multiple of the number of attention heads."""
    if width % heads:
        raise UserError(f"--width: {width} is not divisible by {heads} heads: give a multiple of {heads}")


#: Values of the smoke presets.
SMOKE = {
    "width": 8,
    "layers": 1,
    "seeds": 1,
    "steps": 4,
    "mask_steps": 2,
    "eval_every": 4,
    "batch": 16,
    "examined": 20,
}


def lengths(target: Tensor, pad: int) -> Tensor:
    """Return the number of tokens of each target (N, T), end mark included: (N,)."""
    return (target != pad).sum(1)


@torch.no_grad()
def accuracy(model: Model, rows: TokenRows, pad: int) -> float:
    """Return the share of examples that greedy decoding gets right in every token, up to the end mark.

    Targets are sorted by length, since decoding a batch takes one step per token of its longest target.
    """
    right = []
    for part in lengths(rows.targets, pad).argsort(stable=True).split(512):
        source, target = rows.inputs[part].long(), rows.targets[part].long()
        target = target[:, : int(lengths(target, pad).max())]
        right.append(((model(source, steps=target.shape[1]) == target) | (target == pad)).all(1))
    return float(torch.cat(right).double().mean())


def sequence_study(
    config: SequenceConfig,
    *,
    seed: int,
    build: Callable[[], nn.Module],
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer],
    training: Callable[[tuple[str, ...]], TokenRows],
    test: Callable[[str], TokenRows],
    trained: tuple[str, ...],
    tested: tuple[str, ...],
    pad: int,
    split: str,
    mask_config: MaskConfig,
    masks: Sequence[MaskSpec],
    teacher_forcing: float = 1.0,
) -> MaskStudy:
    """Return the study of one network and its masks; a function is a set of examples.

    The examples of a batch are sampled independently, so the masks of a step may share it out in any way.

    Args:
        training: ``training(functions)``: the examples of these functions that train the weights or a mask.
        test: ``test(function)``: the test examples of a function.
        trained, tested: the functions that train the weights, and those to evaluate.
        pad: the token after the end of a target.
        split: the column "split" of the results.
        mask_config: how masks are learned. Its ``grad_clip`` also clips the gradients of the weights.
        teacher_forcing: share of batches in which the decoder gets the right previous tokens. In the others it gets
            its own output.
    """

    def sample(u: Tensor, functions: tuple[str, ...]) -> tuple[Tensor, ...]:
        """Return sources and targets, and the targets again if the decoder gets them.

        The first row of ``u`` samples the examples. One number of the second row samples teacher forcing.
        """
        source, target = training(functions).pick(u[0])
        target = target[:, : int(lengths(target, pad).max())]
        return (source, target, target) if float(u[1, 0]) < teacher_forcing else (source, target)

    def loss(model: Model, source: Tensor, target: Tensor, *forced: Tensor) -> Tensor:
        """Return the cross-entropy, summed over the tokens of a target, averaged over the batch.

        The decoder gets the tokens of ``forced`` if there are any, else its own greedy output.
        """
        before = forced[0] if forced else model(source, steps=target.shape[1])
        logits = model(source, before).flatten(0, 1)
        return F.cross_entropy(logits, target.flatten(), ignore_index=pad, reduction="sum") / len(target)

    def loss_of_weights(model: nn.Module, key: Tensor, batch: Any) -> Tensor:
        return loss(model, *sample(ops.uniform(key, (3, config.batch)), trained))

    def error(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        rows = [test(each).spread(max(1, 1_000 // len(trained))) for each in trained]
        right = [[accuracy(model.eval(), each, pad) for each in rows] for model in replicas]
        return {"error": 1 - torch.tensor(right, dtype=torch.float64).mean(1)}

    def evaluate(model: Model) -> Iterator[dict[str, Any]]:
        for function in tested:
            rows = test(function).spread(config.examined)
            share = accuracy(model, rows, pad)
            yield {"task": function, "split": split, "accuracy": share, "examined": len(rows)}

    return MaskStudy(
        seed=seed,
        config=config,
        build=build,
        train=replace(
            config.train(loss_of_weights, optimizer, error, "error"),
            grad_clip=Clip(norm=mask_config.grad_clip),
            solved=lambda measures: measures["error"] <= 1 - ABLE,
            gradients=loop_gradients,
        ),
        sample=sample,
        loss=loss,
        mask_config=mask_config,
        rounds=[masks],
        evaluate=evaluate,
        views=lambda network, masks: unmasked_and_under(network.to(config.device), masks),
    )
