"""The loop: the masks of several functions of one module, side by side."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from extrapolate._runtime.errors import Interrupted, UserError
from extrapolate._runtime.files import replacing
from extrapolate._runtime.progress import NullProgress, Progress
from extrapolate.inspect.masks.batched import Batch, Loss, ready
from extrapolate.inspect.masks.choice import ParameterFilter, is_weight
from extrapolate.inspect.masks.learner import MaskConfig, MaskLearner
from extrapolate.inspect.masks.mask import Mask

#: Batches of one function: tensors (B, ...), or several in a tuple, list or mapping. A DataLoader, begun again when
#: it ends; or ``batch(step)``, the batch of a step.
Batches = Iterable[Tensor | Batch] | Callable[[int], Tensor | Batch]

#: Seconds between two progress calls, and between two checkpoints.
PROGRESS_SECONDS, CHECKPOINT_SECONDS = 0.2, 5.0


def learn_masks(
    module: nn.Module,
    loss: Loss,
    functions: Mapping[str, Batches],
    *,
    steps: int = 20_000,
    config: MaskConfig | None = None,
    parameters: ParameterFilter = is_weight,
    progress: Progress | None = None,
) -> dict[str, Mask]:
    """Which of a trained module's weights each function needs: its masks by function.

    Every step a function's batch is cut into K parts, each under a mask of its own, drawn anew; the logits of
    the masks follow the loss, and a pressure that removes what it does not need (Csordás et al., arXiv
    2010.02066). Weights and buffers of ``module`` stay as they are, bit for bit; it runs in evaluation mode.

    Args:
        module: any module, trained. One with an operator that cannot be mapped over masks (``nn.LSTM``) is
            run in a loop over them, with a RuntimeWarning.
        loss: ``loss(model, *batch)``, of a mapping ``loss(model, **batch)``: the mean loss over a batch; ``model`` is
            called like ``module``.
        functions: by name, batches of the examples that make up one function.
        steps: steps of each mask.
        learning: rate, pressure, masks a step and the like.
        choose: which parameters are masked: :func:`weights`, :func:`weights_and_biases`, or one of your own.
        watch: told about progress.

    Raises:
        UserError: no maskable weight, a batch that K masks cannot share, a loss that is not finite.
        Interrupted: ``watch`` asked to.
    """
    if not functions:
        raise UserError("no function given: name at least one and give its batches")
    learners = [
        MaskLearner(module, loss, config or MaskConfig(), name=name, index=place, parameters=parameters)
        for place, name in enumerate(functions)
    ]
    learn(learners, list(functions.values()), steps, progress=progress)
    return {learner.name: learner.mask() for learner in learners}


def learn(
    learners: Sequence[MaskLearner],
    batches: Sequence[Batches],
    steps: int,
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Takes learners to step ``steps``, each with its batches; their modules are in evaluation mode meanwhile.

    With a ``checkpoint`` path their states are saved there now and then, when asked to stop and in the end, and go
    on from there if the file exists: where the batches of a step are always the same, so are the final masks.

    Raises:
        UserError: as :meth:`MaskLearner.step`; or the checkpoint is of other learners.
        Interrupted: ``watch`` asked to.
    """
    progress = progress or NullProgress()
    if checkpoint is not None and checkpoint.exists():
        _read_states(checkpoint, learners)
    streams = [_from(each, learner) for each, learner in zip(batches, learners, strict=True)]
    told_at, saved_at = 0.0, time.monotonic()
    with ExitStack() as stack:
        for module in {id(learner.module): learner.module for learner in learners}.values():
            stack.enter_context(ready(module))
        for step in range(min(learner.steps_done for learner in learners) + 1, steps + 1):
            for learner, stream in zip(learners, streams, strict=True):
                learner.step(next(stream))
            stop, now = False, time.monotonic()
            if now - told_at > PROGRESS_SECONDS:
                told_at = now
                progress.update(step)
                stop = progress.stop_requested() and step < steps
            if checkpoint is not None and (stop or now - saved_at > CHECKPOINT_SECONDS):
                saved_at = now
                _write_states(checkpoint, learners)
            if stop:
                raise Interrupted(f"stopped at step {step:,} of {steps:,}")
    if checkpoint is not None:
        _write_states(checkpoint, learners)
    progress.update(steps)


def _from(batches: Batches, learner: MaskLearner) -> Iterator[Batch]:
    """The batches from the learner's next step on, without end."""
    if callable(batches):
        endless = map(batches, itertools.count(learner.steps_done))
    else:
        endless = itertools.islice(_again(learner.name, batches), learner.steps_done, None)
    return map(_as_tree, endless)


def _as_tree(batch: Tensor | Batch) -> Batch:
    if isinstance(batch, Tensor):
        return (batch,)
    return dict(batch) if isinstance(batch, Mapping) else batch


def _again(name: str, batches: Iterable[Tensor | Batch]) -> Iterator[Tensor | Batch]:
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise UserError(f"{name}: there are no more batches: give a list, a DataLoader, or an endless generator")


def _write_states(path: Path, learners: Sequence[MaskLearner]) -> None:
    """Replaces ``path`` by the states of all learners."""
    states = {
        f"{place}/{name}": value.cpu().contiguous()
        for place, learner in enumerate(learners)
        for name, value in learner.state().items()
    }
    with replacing(path) as temporary:
        save_file(states, temporary)


def _read_states(path: Path, learners: Sequence[MaskLearner]) -> None:
    """Puts the states that :func:`_write_states` wrote into the learners.

    Raises:
        UserError: the file cannot be read, or is of other learners.
    """
    try:
        states = load_file(path)
    except SafetensorError as error:
        raise UserError(f"checkpoint {path} is damaged ({error}): delete it to learn its masks anew") from None
    for place, learner in enumerate(learners):
        start = f"{place}/"
        learner.restore({n.removeprefix(start): v for n, v in states.items() if n.startswith(start)})
