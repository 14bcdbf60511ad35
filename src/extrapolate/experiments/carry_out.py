"""Trains one part and writes all it leaves."""

from collections.abc import Callable

from extrapolate.experiments.experiment import Part, Staged
from extrapolate.experiments.folder import RunFolder, write_table
from extrapolate.experiments.later import Later
from extrapolate.threads import thread_limit
from extrapolate.training.checkpoint import Checkpoint, write
from extrapolate.training.loop import run_training
from extrapolate.training.watch import Watch

#: ``begin(replicas, steps)``: training begins; returns what it reports to.
Begin = Callable[[int, int], Watch]


def carry_out(part: Part, place: RunFolder, begin: Begin) -> None:
    """Trains ``part``, on one core where it is on the CPU; its rows come last, since they mark it as finished.

    One core: a step of some hundred small models is too short to share (two threads are no faster on an idle
    machine and many times slower on a busy one), and its numbers don't depend on how many there are.
    """
    with thread_limit(1):
        replicas = part.replicas()
        plan = part.plan(replicas)
        checkpoint = place.part(part.name, "checkpoint.safetensors")
        later = place.part(part.name, "later.safetensors")  # a part may write more files that begin so
        watch = begin(len(replicas), plan.steps + (part.more_steps if isinstance(part, Staged) else 0))
        history = run_training(replicas, plan, checkpoint=checkpoint, watch=watch)
        replicas.load_state_dict(history.best)
        if isinstance(part, Staged):
            part = part.go_on(replicas, later, Later(plan.steps, watch))
        rows = part.rows(replicas, history)
        extras = part.extras(replicas, rows)
    for name, table in extras.items():
        write_table(place.part(part.name, f"{name}.parquet"), table)
    weights = Checkpoint(replicas.state, part.about())
    write(place.part(part.name, "weights.safetensors"), weights)
    write_table(place.part(part.name, "parquet"), rows)
    for each in (checkpoint, *later.parent.glob(f"{later.stem}*{later.suffix}")):
        each.unlink(missing_ok=True)
