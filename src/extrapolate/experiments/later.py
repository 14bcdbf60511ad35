"""Progress of what follows something else."""

from dataclasses import dataclass

from extrapolate.training.watch import Watch


@dataclass(frozen=True)
class Later:
    """Reports steps as coming after those before."""

    before: int
    watch: Watch

    def progress(self, step: int, solved: int | None) -> None:
        self.watch.progress(self.before + step, solved)

    def stop_requested(self) -> bool:
        return self.watch.stop_requested()
