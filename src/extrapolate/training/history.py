"""What was measured on the way, and the best values met."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from extrapolate._runtime.extras import needs_extra
from extrapolate.training.replicas import Replicas, State

if TYPE_CHECKING:
    import polars as pl


@dataclass(repr=False)
class History:
    """The measures of R replicas at E evaluations, on the CPU.

    Attributes:
        monitor: the measure that marks a replica's best step, its lowest or highest value by ``mode``.
        best: parameters and buffers by name, (R, ...): the values of each replica at its best evaluation.
        seeds: of the replicas, (R,).
        steps: the steps at which the replicas were evaluated, int64 (E,).
        metrics: by name, float64 (E, R); ``loss`` is that on the validation data.
        train_loss: the mean loss of the training steps since the evaluation before, float64 (E, R).
        seconds: wall-clock time of the training up to each evaluation, float64 (E,); earlier runs that were
            resumed count.
    """

    monitor: str
    best: State
    mode: Literal["min", "max"] = "min"
    seeds: tuple[int, ...] = ()
    steps: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    metrics: dict[str, Tensor] = field(default_factory=dict)
    train_loss: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.float64))
    seconds: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))

    @classmethod
    def of(cls, replicas: Replicas, monitor: str, mode: Literal["min", "max"] = "min") -> "History":
        """An empty history of replicas that have not been evaluated yet."""
        best = {name: value.clone() for name, value in replicas.state.items()}
        nothing = torch.zeros(0, len(replicas), dtype=torch.float64)
        return cls(monitor, best, mode, replicas.seeds, train_loss=nothing)

    def add(
        self,
        step: int,
        metrics: dict[str, Tensor],
        replicas: Replicas,
        train_loss: Tensor | None = None,
        seconds: float = 0.0,
    ) -> None:
        """Append an evaluation; keep the values of the replicas that are at their best so far.

        Raises:
            ValueError: a measure is not a tensor (R,), or ``monitor`` is not among them.
        """
        for name, value in metrics.items():
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            if shape != (len(replicas),):
                raise ValueError(f"measure {name!r} must be a tensor ({len(replicas)},), got {shape}")
        if self.monitor not in metrics and self.monitor != "loss":
            raise ValueError(f"monitor={self.monitor!r} is not among the metrics {sorted(metrics)}")
        if len(self.steps) and metrics.keys() != self.metrics.keys():
            raise ValueError(
                f"the metrics are now {', '.join(metrics) or 'none'}, but {', '.join(self.metrics) or 'none'} at the "
                "evaluations before: resume with the metrics and validation data that the training began with"
            )
        rows = {name: value.detach().to("cpu", torch.float64)[None] for name, value in metrics.items()}
        loss = torch.full((len(replicas),), torch.nan) if train_loss is None else train_loss
        before = self._best_score()
        self.steps = torch.cat([self.steps, torch.tensor([step])])
        self.seconds = torch.cat([self.seconds, torch.tensor([seconds], dtype=torch.float64)])
        self.train_loss = torch.cat([self.train_loss, loss.detach().to("cpu", torch.float64)[None]])
        self.metrics = {
            name: torch.cat([self.metrics[name], row]) if name in self.metrics else row for name, row in rows.items()
        }
        improved = self._scores()[-1] < before
        for name, value in replicas.state.items():
            kept = self.best[name]
            where = improved.to(kept.device).view(-1, *[1] * (kept.dim() - 1))
            torch.where(where, value, kept, out=kept)

    def _scores(self) -> Tensor:
        """(E, R): lower is better; inf where a replica has diverged (NaN), which is never its best."""
        values = self.metrics.get(self.monitor, self.train_loss)
        return (values if self.mode == "min" else -values).nan_to_num(nan=torch.inf)

    def _best_score(self) -> Tensor | float:
        return self._scores().min(0).values if len(self.steps) else torch.inf

    @property
    def best_step(self) -> Tensor:
        """int64 (R,): the step of each replica's best evaluation."""
        return self.steps[self._scores().argmin(0)]

    @property
    def seconds_so_far(self) -> float:
        return float(self.seconds[-1]) if len(self.seconds) else 0.0

    def at_best(self, name: str) -> Tensor:
        """float64 (R,): metric ``name``, or ``train_loss``, at each replica's best evaluation."""
        values = self.train_loss if name == "train_loss" else self.metrics[name]
        return values.gather(0, self._scores().argmin(0)[None])[0]

    def first_below(self, name: str, threshold: Tensor) -> list[int | None]:
        """Each replica's first evaluated step with metric ``name`` below its threshold (R,); None if never."""
        below = self.metrics[name] < threshold
        return [
            int(self.steps[int(column.to(torch.uint8).argmax())]) if bool(column.any()) else None
            for column in below.unbind(1)
        ]

    def latest(self) -> dict[str, Tensor]:
        """Metrics of the last evaluation, (R,) each; empty before the first."""
        return {name: values[-1] for name, values in self.metrics.items()}

    def to_polars(self) -> "pl.DataFrame":
        """One row per evaluation and replica: ``step, seconds, replica, seed, train_loss`` and the metrics."""
        with needs_extra("experiments", "History.to_polars()"):
            import polars as pl  # a slow import

        evaluations, count = self.train_loss.shape
        columns: dict[str, Any] = {
            "step": self.steps.repeat_interleave(count).numpy(),
            "seconds": self.seconds.repeat_interleave(count).numpy(),
            "replica": torch.arange(count).repeat(evaluations).numpy(),
            "seed": list(self.seeds) * evaluations,
            "train_loss": self.train_loss.flatten().numpy(),
        }
        return pl.DataFrame(columns | {name: value.flatten().numpy() for name, value in self.metrics.items()})

    def __repr__(self) -> str:
        evaluations, count = self.train_loss.shape
        if not evaluations:
            return f"History of {count} replicas: no evaluation yet"
        best = self._scores().min(0).values * (1 if self.mode == "min" else -1)
        better = "lowest" if self.mode == "min" else "highest"
        lines = [
            f"History of {count} replicas: {evaluations} evaluations up to step {int(self.steps[-1]):,}, "
            f"{self.seconds_so_far:.1f} s",
            f"  {better} {self.monitor} of each replica: median {best.median():.4g}, "
            f"range {best.min():.4g} to {best.max():.4g}",
        ]
        for name, values in {"train_loss": self.train_loss, **self.metrics}.items():
            last = values[-1]
            lines.append(f"  last {name}: median {last.nanmedian():.4g}, {int(last.isnan().sum())} NaN")
        return "\n".join(lines)
