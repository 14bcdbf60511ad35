"""Learn the masks of several functions of one module together."""

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

#: Batches of one function: an iterable such as a DataLoader, which is repeated when it ends, or a function
#: ``batch(step)``. A batch is a tensor (B, ...), or a tuple, list or mapping of tensors.
Batches = Iterable[Tensor | Batch] | Callable[[int], Tensor | Batch]

#: Minimum seconds between two progress updates, and between two checkpoints.
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
    """Learn which weights of a trained module each function (sub-task) needs. Return one mask per function.

    Each step samples K masks for a function and splits its batch into K parts, one per mask. The logits of the masks
    are trained on the loss. A sparsity penalty removes the weights that the loss does not need (Csordás et al.,
    arXiv 2010.02066). ``module`` runs in evaluation mode; its weights and buffers do not change.

    Args:
        module: a trained module. If ``vmap`` cannot map one of its operators over masks (``nn.LSTM``), the masks
            are computed in a loop, with a RuntimeWarning.
        loss: ``loss(model, *batch)``, or ``loss(model, **batch)`` for a mapping. It returns the mean loss over the
            batch. ``model`` is called like ``module``.
        functions: the batches of each function by its name, with examples of that function only: an iterable, such
            as a DataLoader, which is restarted when it ends, or a callable ``batch(step)``. A batch is a tensor
            (B, ...), or a tuple, list or mapping of tensors.
        steps: number of training steps per function.
        config: learning rate, sparsity penalty, number of masks per step, seed, ...
        parameters: which parameters are masked: :func:`is_weight` (default), :func:`is_weight_or_bias`, or your
            own function ``(name, parameter, owner) -> bool``.
        progress: object that shows the progress and may request a stop.

    Raises:
        UserError: there is no function or no maskable weight, a batch cannot be split into K equal parts, or the
            loss or a gradient is not finite.
        Interrupted: ``progress`` requested a stop.
    """
    if not functions:
        raise UserError("functions is empty: pass the batches of at least one function")
    learners = [
        MaskLearner(module, loss, config or MaskConfig(), name=name, index=index, parameters=parameters)
        for index, name in enumerate(functions)
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
    """Train several learners, each with its batches, up to step ``steps``. Their modules run in evaluation mode.

    With a ``checkpoint`` path the states are saved there: every few seconds, when a stop is requested, and at the
    end. If the file exists, the training resumes from it. If each step has the same batches as before, a resumed
    training gives the same masks.

    Raises:
        UserError: as :meth:`MaskLearner.step`, or the checkpoint belongs to other learners.
        Interrupted: ``progress`` requested a stop.
    """
    progress = progress or NullProgress()
    if checkpoint is not None and checkpoint.exists():
        _read_states(checkpoint, learners)
    streams = [_remaining_batches(each, learner) for each, learner in zip(batches, learners, strict=True)]
    reported_at, saved_at = 0.0, time.monotonic()
    with ExitStack() as stack:
        for module in {id(learner.module): learner.module for learner in learners}.values():
            stack.enter_context(ready(module))
        for step in range(min(learner.steps_done for learner in learners) + 1, steps + 1):
            for learner, stream in zip(learners, streams, strict=True):
                learner.step(next(stream))
            stop, now = False, time.monotonic()
            if now - reported_at > PROGRESS_SECONDS:
                reported_at = now
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


def _remaining_batches(batches: Batches, learner: MaskLearner) -> Iterator[Batch]:
    """Yield, without end, the batches from the learner's next step on."""
    if callable(batches):
        endless = map(batches, itertools.count(learner.steps_done))
    else:
        endless = itertools.islice(_repeat(learner.name, batches), learner.steps_done, None)
    return map(_as_tree, endless)


def _as_tree(batch: Tensor | Batch) -> Batch:
    if isinstance(batch, Tensor):
        return (batch,)
    return dict(batch) if isinstance(batch, Mapping) else batch


def _repeat(name: str, batches: Iterable[Tensor | Batch]) -> Iterator[Tensor | Batch]:
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise UserError(f"{name}: there are no more batches: pass a list, a DataLoader, or an endless generator")


def _write_states(path: Path, learners: Sequence[MaskLearner]) -> None:
    """Write the states of all learners to ``path``."""
    states = {
        f"{index}/{name}": value.cpu().contiguous()
        for index, learner in enumerate(learners)
        for name, value in learner.state().items()
    }
    with replacing(path) as temporary:
        save_file(states, temporary)


def _read_states(path: Path, learners: Sequence[MaskLearner]) -> None:
    """Load the states that :func:`_write_states` wrote into the learners.

    Raises:
        UserError: the file cannot be read, or belongs to other learners.
    """
    try:
        states = load_file(path)
    except SafetensorError as error:
        raise UserError(f"checkpoint {path} is damaged ({error}): delete it to start again") from None
    for index, learner in enumerate(learners):
        prefix = f"{index}/"
        learner.restore({n.removeprefix(prefix): v for n, v in states.items() if n.startswith(prefix)})
