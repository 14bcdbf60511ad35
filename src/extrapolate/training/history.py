"""The metrics measured during a training, and each replica's best weights."""

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
    """The metrics of R replicas at E evaluations. All tensors but ``best`` are on the CPU.

    Attributes:
        monitor: the metric that selects each replica's best step.
        mode: ``min`` if the lowest value of ``monitor`` is best, ``max`` if the highest is.
        best: parameters and buffers (R, ...) by name: the values of each replica at its best evaluation.
        seeds: the seeds of the replicas, R integers.
        steps: the training step of each evaluation, int64 (E,).
        metrics: values by name, float64 (E, R). ``loss`` is the validation loss.
        train_loss: the mean training loss since the previous evaluation, float64 (E, R).
        seconds: wall-clock time of the training up to each evaluation, float64 (E,). A resumed training includes
            the time before it was resumed.
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
        """Return an empty history for replicas that have not been evaluated yet."""
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
        """Append an evaluation. Update ``best`` for the replicas that have improved.

        Raises:
            ValueError: a metric is not a tensor (R,), ``monitor`` is missing, or the set of metrics has changed.
        """
        for name, value in metrics.items():
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            if shape != (len(replicas),):
                raise ValueError(f"metric {name!r} must be a tensor ({len(replicas)},), got {shape}")
        if self.monitor not in metrics and self.monitor != "loss":
            raise ValueError(f"monitor={self.monitor!r} is not among the metrics {sorted(metrics)}")
        if len(self.steps) and metrics.keys() != self.metrics.keys():
            raise ValueError(
                f"the metrics are now {', '.join(metrics) or 'none'}, but were {', '.join(self.metrics) or 'none'}: "
                "resume with the same metrics and validation data"
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
            best = self.best[name]
            where = improved.to(best.device).view(-1, *[1] * (best.dim() - 1))
            torch.where(where, value, best, out=best)

    def _scores(self) -> Tensor:
        """Scores (E, R), lower is better. A diverged replica (NaN) scores inf, which is never its best."""
        values = self.metrics.get(self.monitor, self.train_loss)
        return (values if self.mode == "min" else -values).nan_to_num(nan=torch.inf)

    def _best_score(self) -> Tensor | float:
        return self._scores().min(0).values if len(self.steps) else torch.inf

    @property
    def best_step(self) -> Tensor:
        """The step of each replica's best evaluation, int64 (R,)."""
        return self.steps[self._scores().argmin(0)]

    @property
    def seconds_so_far(self) -> float:
        return float(self.seconds[-1]) if len(self.seconds) else 0.0

    def at_best(self, name: str) -> Tensor:
        """Return metric ``name``, or ``train_loss``, at each replica's best evaluation, float64 (R,)."""
        values = self.train_loss if name == "train_loss" else self.metrics[name]
        return values.gather(0, self._scores().argmin(0)[None])[0]

    def first_below(self, name: str, threshold: Tensor) -> list[int | None]:
        """Return, per replica, the first evaluated step with metric ``name`` below ``threshold`` (R,), or None."""
        below = self.metrics[name] < threshold
        return [
            int(self.steps[int(column.to(torch.uint8).argmax())]) if bool(column.any()) else None
            for column in below.unbind(1)
        ]

    def latest(self) -> dict[str, Tensor]:
        """Return the metrics of the last evaluation, (R,) each; empty before the first."""
        return {name: values[-1] for name, values in self.metrics.items()}

    def to_polars(self) -> "pl.DataFrame":
        """Return one row per evaluation and replica.

        The columns are ``step, seconds, replica, seed, train_loss`` and the metrics.
        """
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
