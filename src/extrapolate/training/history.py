"""What was measured on the way, and the best values met."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from extrapolate.training.replicas import Replicas, State


@dataclass
class History:
    """The measures of R replicas at every evaluation, on the CPU.

    ``steps`` (E), ``measures[name]`` (E, R) in float64; ``best`` maps the names of parameters and buffers to
    (R, ...): the values of each replica at its evaluation with the lowest ``best_by``, for
    :meth:`Replicas.take`. ``seconds`` (E): wall-clock time of the training up to each evaluation, that of
    earlier runs that it went on from included.
    """

    best_by: str
    best: State
    steps: list[int] = field(default_factory=list)
    measures: dict[str, Tensor] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, replicas: Replicas, best_by: str) -> "History":
        """An empty history of replicas that have not been evaluated yet."""
        return cls(best_by, {name: value.clone() for name, value in replicas.state.items()})

    def add(self, step: int, measures: dict[str, Tensor], replicas: Replicas, seconds: float = 0.0) -> None:
        """Appends an evaluation; keeps the values of the replicas that are at their best so far."""
        if self.best_by not in measures:
            raise ValueError(f"best_by={self.best_by!r} is not among the measures {sorted(measures)}")
        rows = {name: value.detach().to("cpu", torch.float64)[None] for name, value in measures.items()}
        # A replica that has diverged (NaN) is never at its best.
        score = rows[self.best_by][0].nan_to_num(nan=torch.inf)
        improved = score < self.best_score()
        for name, value in replicas.state.items():
            kept = self.best[name]
            where = improved.to(kept.device).view(-1, *[1] * (kept.dim() - 1))
            torch.where(where, value, kept, out=kept)
        self.steps.append(step)
        self.seconds.append(seconds)
        self.measures = {
            name: torch.cat([self.measures[name], row]) if name in self.measures else row
            for name, row in rows.items()
        }

    @property
    def seconds_so_far(self) -> float:
        return self.seconds[-1] if self.seconds else 0.0

    def best_score(self) -> Tensor:
        """(R,): the lowest ``best_by`` so far; inf where there is none."""
        if not self.steps:
            return torch.full((next(iter(self.best.values())).shape[0],), torch.inf, dtype=torch.float64)
        return self.measures[self.best_by].nan_to_num(nan=torch.inf).min(0).values

    def best_steps(self) -> list[int]:
        """Each replica's step of its best evaluation."""
        return [self.steps[int(i)] for i in self._best_index()]

    def _best_index(self) -> Tensor:
        return self.measures[self.best_by].nan_to_num(nan=torch.inf).argmin(0)

    def at_best(self, name: str) -> Tensor:
        """(R,): measure ``name`` at each replica's best evaluation."""
        return self.measures[name].gather(0, self._best_index()[None])[0]

    def first_below(self, name: str, threshold: Tensor) -> list[int | None]:
        """A replica's first evaluated step with measure ``name`` below its threshold (R,); None if never."""
        below = self.measures[name] < threshold
        return [
            self.steps[int(column.to(torch.uint8).argmax())] if bool(column.any()) else None
            for column in below.unbind(1)
        ]

    def latest(self) -> dict[str, Tensor]:
        """Measures of the last evaluation, (R,) each; empty before the first."""
        return {name: values[-1] for name, values in self.measures.items()}
