"""A training's whole state, to and from a checkpoint: continuing from it changes nothing."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from extrapolate.training.checkpoint import Checkpoint, CheckpointError
from extrapolate.training.history import History
from extrapolate.training.replicas import Replicas
from extrapolate.training.starts import Starts


@dataclass
class TrainingState:
    """Everything the next step depends on. Data need no state: they are a function of seed and step."""

    replicas: Replicas
    optimizer: torch.optim.Optimizer
    history: History
    starts: Starts
    step: int = 0

    @classmethod
    def of(cls, replicas: Replicas, optimizer: torch.optim.Optimizer, best_by: str) -> "TrainingState":
        """The state before the first step."""
        return cls(replicas, optimizer, History.of(replicas, best_by), Starts.of(replicas))

    def to_checkpoint(self) -> Checkpoint:
        optimizer = self.optimizer.state_dict()
        slots, plain = _split(optimizer["state"])
        tensors = (
            {f"parameters/{name}": value for name, value in self.replicas.parameters.items()}
            | {f"buffers/{name}": value for name, value in self.replicas.buffers.items()}
            | {f"best/{name}": value for name, value in self.history.best.items()}
            | {f"measures/{name}": value for name, value in self.history.measures.items()}
            | {f"optimizer/{name}": value for name, value in slots.items()}
            | {f"starts/{name}": value for name, value in self.starts.tensors().items()}
            | {"torch_rng": torch.get_rng_state()}  # dropout and the like draw from it
        )
        if self.replicas.device.type == "cuda":
            tensors["cuda_rng"] = torch.cuda.get_rng_state(self.replicas.device)
        about = {
            "step": self.step,
            "seeds": list(self.replicas.seeds),
            "evaluated": self.history.steps,
            "seconds": self.history.seconds,
            "best_by": self.history.best_by,
            "optimizer_groups": [_plain(group) for group in optimizer["param_groups"]],
            "optimizer_plain": plain,
        }
        return Checkpoint(tensors, about)

    def restore(self, checkpoint: Checkpoint, source: str) -> None:
        """Takes the checkpoint's values over, in place, after checking that they are of this training."""
        about, tensors = checkpoint.about, checkpoint.tensors
        if about["seeds"] != list(self.replicas.seeds) or about["best_by"] != self.history.best_by:
            raise CheckpointError(f"checkpoint {source} is of a training with other seeds or measures")
        _copy_into(self.replicas.parameters, _under(tensors, "parameters"), source)
        _copy_into(self.replicas.buffers, _under(tensors, "buffers"), source)
        _copy_into(self.history.best, _under(tensors, "best"), source)
        self.starts.take(_under(tensors, "starts"))
        self.history.steps = list(about["evaluated"])
        self.history.seconds = list(about.get("seconds", [0.0] * len(self.history.steps)))
        self.history.measures = _under(tensors, "measures")
        slots = _join(_under(tensors, "optimizer"), about["optimizer_plain"])
        # settings that are tensors (a learning rate for each replica) are the plan's, and stay
        ours = self.optimizer.state_dict()["param_groups"]
        groups = [own | saved for own, saved in zip(ours, about["optimizer_groups"], strict=True)]
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        self.step = about["step"]
        torch.set_rng_state(tensors["torch_rng"])
        if "cuda_rng" in tensors:
            torch.cuda.set_rng_state(tensors["cuda_rng"], self.replicas.device)


def _plain(group: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if not isinstance(value, Tensor)}


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(f"{prefix}/"): v for n, v in tensors.items() if n.startswith(f"{prefix}/")}


def _copy_into(targets: dict[str, Tensor], values: dict[str, Tensor], source: str) -> None:
    for name in targets.keys() | values.keys():
        if name not in targets or name not in values or targets[name].shape != values[name].shape:
            raise CheckpointError(f"checkpoint {source} is of another model: tensor {name!r} does not fit")
    for name, target in targets.items():
        target.copy_(values[name])


def _split(state: dict[int, dict[str, Any]]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's state as tensors, and as plain values, named ``parameter/slot``."""
    tensors: dict[str, Tensor] = {}
    plain: dict[str, Any] = {}
    for index, slots in state.items():
        for slot, value in slots.items():
            (tensors if isinstance(value, Tensor) else plain)[f"{index}/{slot}"] = value
    return tensors, plain


def _join(tensors: dict[str, Tensor], plain: dict[str, Any]) -> dict[int, dict[str, Any]]:
    state: dict[int, dict[str, Any]] = {}
    for name, value in (tensors | plain).items():
        index, _, slot = name.partition("/")
        state.setdefault(int(index), {})[slot] = value
    return state
