"""The complete state of a training, to and from a checkpoint."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from extrapolate.training.checkpoint import Checkpoint, CheckpointError
from extrapolate.training.feeds import Feed
from extrapolate.training.history import History
from extrapolate.training.packing import pack, unpack
from extrapolate.training.replicas import Replicas
from extrapolate.training.restart import RestartState
from extrapolate.training.train_config import TrainConfig


@dataclass
class TrainingState:
    """Everything that the next step depends on.

    ``loss_sums`` (2, R): sums of the losses and of their squares since the last evaluation. ``first_step``: what
    the first step decided for all later steps, such as whether threads share the work.
    """

    replicas: Replicas
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler | None
    feed: Feed
    history: History
    starts: RestartState
    loss_sums: Tensor
    first_step: dict[str, Any]
    optimizer_settings: list[str]
    schedule_settings: str
    step: int = 0

    @classmethod
    def of(cls, replicas: Replicas, config: TrainConfig) -> "TrainingState":
        """Return the state before the first step."""
        optimizer = config.optimizer(list(replicas.trainable.values()))
        for group in optimizer.param_groups:
            rate = group["lr"]
            group.setdefault("initial_lr", rate.clone() if isinstance(rate, Tensor) else rate)
        optimizer_settings = [_plain(group) for group in optimizer.param_groups]
        scheduler = config.lr_scheduler(optimizer) if config.lr_scheduler else None
        return cls(
            replicas,
            optimizer,
            scheduler,
            config.feed,
            History.of(replicas, config.monitor, config.mode),
            RestartState.of(replicas),
            torch.zeros(2, len(replicas), dtype=torch.float64, device=replicas.device),
            config.first_step,
            optimizer_settings,
            "" if scheduler is None else _plain(scheduler.state_dict()),
        )

    def record(self, losses: Tensor) -> None:
        """Add one step's losses (R,) to the sums."""
        losses = losses.double()  # a float32 sum of many thousand losses would be inaccurate
        self.loss_sums[0].add_(losses)
        self.loss_sums[1].addcmul_(losses, losses)

    def take_mean_losses(self) -> Tensor:
        """Return the means (2, R) of the losses and of their squares since the last evaluation; reset the sums."""
        steps = self.step - (int(self.history.steps[-1]) if len(self.history.steps) else 0)
        means = self.loss_sums.cpu() / steps
        self.loss_sums.zero_()
        return means

    def to_checkpoint(self) -> Checkpoint:
        packed = pack(
            {
                "parameters": self.replicas.parameters,
                "buffers": self.replicas.buffers,
                "best": self.history.best,
                "metrics": self.history.metrics,
                "train_loss": self.history.train_loss,
                "evaluated": self.history.steps,
                "seconds": self.history.seconds,
                "starts": self.starts.tensors(),
                "loss_sums": self.loss_sums,
                "torch_rng": torch.get_rng_state(),  # dropout and the like sample from it
                "cuda_rng": self._cuda_rng(),
                "optimizer": self.optimizer.state_dict()["state"],
                "optimizer_groups": [
                    {name: value for name, value in group.items() if not isinstance(value, Tensor)}
                    for group in self.optimizer.state_dict()["param_groups"]
                ],
                "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
                "feed": self.feed.state(),
                "first_step": self.first_step,
                "step": self.step,
                "of": self._identity(),
            }
        )
        return Checkpoint(*packed)

    def _identity(self) -> dict[str, Any]:
        """Return the settings that must be equal for a checkpoint to belong to this training."""
        return {
            "seeds": list(self.replicas.seeds),
            "monitor": self.history.monitor,
            "mode": self.history.mode,
            "optimizer": type(self.optimizer).__name__,
            "schedule": type(self.scheduler).__name__,
            "data": type(self.feed).__name__,
            "batch size": getattr(self.feed, "batch", None),
            "rows of data": getattr(self.feed, "count", None),
            "digest of the data": getattr(self.feed, "digest", None),
            "optimizer settings": self.optimizer_settings,
            "schedule settings": self.schedule_settings,
        }

    def _cuda_rng(self) -> Tensor | None:
        device = self.replicas.device
        return torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore(self, checkpoint: Checkpoint, source: str) -> None:
        """Check that the checkpoint belongs to this training, then copy its values in place.

        Raises:
            CheckpointError: the checkpoint belongs to another training.
        """
        saved = unpack(checkpoint.tensors, checkpoint.metadata)
        if not isinstance(saved.get("of"), dict):
            raise CheckpointError(f"checkpoint {source} holds no training: pass another path, or remove the file")
        for name, own in self._identity().items():
            if saved["of"].get(name) != own:
                raise CheckpointError(
                    f"checkpoint {source} is of another training: its {name} is {saved['of'].get(name)}, not {own}; "
                    "pass another path, or remove the file"
                )
        own = {
            "parameters": self.replicas.parameters,
            "buffers": self.replicas.buffers,
            "best": self.history.best,
        }
        for name, targets in own.items():
            _check_fit(targets, saved[name], source)
        for name, targets in own.items():
            for each, target in targets.items():
                target.copy_(saved[name][each])
        self.starts.load(saved["starts"])
        history = self.history
        history.steps, history.seconds = saved["evaluated"], saved["seconds"]
        history.metrics, history.train_loss = saved["metrics"], saved["train_loss"]
        self.loss_sums.copy_(saved["loss_sums"])
        # settings that are tensors (a learning rate for each replica) come from the caller, not from the file
        ours = self.optimizer.state_dict()["param_groups"]
        groups = [own | saved for own, saved in zip(ours, saved["optimizer_groups"], strict=True)]
        self.optimizer.load_state_dict({"state": saved["optimizer"], "param_groups": groups})
        if self.scheduler is not None:
            self.scheduler.load_state_dict(saved["scheduler"])
            for group, rate in zip(self.optimizer.param_groups, saved["scheduler"]["_last_lr"], strict=True):
                if isinstance(group["lr"], Tensor):
                    group["lr"].copy_(torch.as_tensor(rate))
        self.feed.restore(saved["feed"])
        self.first_step.update(saved["first_step"])
        self.step = saved["step"]
        torch.set_rng_state(saved["torch_rng"])
        if saved["cuda_rng"] is not None:
            torch.cuda.set_rng_state(saved["cuda_rng"], self.replicas.device)


def _plain(settings: dict[str, Any]) -> str:
    """Return the numbers and strings among the settings as one string, to compare."""
    values = {name: value for name, value in settings.items() if isinstance(value, bool | int | float | str)}
    return ", ".join(f"{name}={value}" for name, value in sorted(values.items()))


def _check_fit(targets: dict[str, Tensor], values: dict[str, Tensor], source: str) -> None:
    for name in sorted(targets.keys() | values.keys()):
        if name not in targets or name not in values or targets[name].shape != values[name].shape:
            raise CheckpointError(f"checkpoint {source} is of another model: tensor {name!r} does not fit")
