"""The Levenberg-Marquardt method on all replicas at once, for models with few parameters and zero-error fits."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import grad_and_value, vmap

from extrapolate.training import Replicas

#: A replica is solved if its root mean square error is below this share of the target's.
SOLVED = 1e-10

#: After these shares of the steps, only the better half of the replicas continues.
HALVED_AT = (0.25, 0.5)

#: Replicas are halved only if there are more than this.
FEWEST = 24


@dataclass(frozen=True)
class Trained:
    """Trained replicas, and their root mean square errors (R,) divided by the root mean square of the target."""

    replicas: Replicas
    errors: Tensor

    def best(self, count: int) -> list[nn.Module]:
        """Return the ``count`` replicas with the smallest errors, best first, without diverged ones."""
        order = torch.argsort(self.errors.nan_to_num(nan=torch.inf), stable=True)[:count]
        return [self.replicas[int(index)] for index in order if bool(self.errors[index].isfinite())]


def train_replicas(replicas: Replicas, x: Tensor, y: Tensor, steps: int, stop: Callable[[], bool]) -> Trained:
    """Minimise Σ (model(x) - y)² of every replica, in place; all share x (N, I) and y (N,).

    Each replica has its own damping: multiplied by 4 if a step fails, divided by 3 if it succeeds. Replicas
    in the worse half stop early and keep their weights. Training ends if ``stop()`` or if one is solved.
    """
    names = list(replicas.parameters)
    shapes = [replicas.parameters[name].shape[1:] for name in names]
    sizes = [shape.numel() for shape in shapes]

    def unflatten(flat: Tensor) -> dict[str, Tensor]:
        return {name: part.view(shape) for name, part, shape in zip(names, flat.split(sizes), shapes, strict=True)}

    call = replicas.functionalize(lambda model, rows: model(rows), training=True)

    def output(flat: Tensor, row: Tensor) -> Tensor:
        return call(unflatten(flat), {}, None, row)

    # The output of a row is a scalar, so its gradient costs a few forward passes for any number of weights.
    slopes_and_outputs = vmap(vmap(grad_and_value(output), in_dims=(None, 0)), in_dims=(0, None))
    outputs = vmap(output, in_dims=(0, None))

    def loss_of(flat: Tensor) -> Tensor:
        return (outputs(flat, x) - y).square().sum(1).nan_to_num(nan=torch.inf)

    flat = torch.cat([replicas.parameters[n].reshape(len(replicas), k) for n, k in zip(names, sizes, strict=True)], 1)
    damping = torch.full((len(replicas),), 1e-2, dtype=flat.dtype)
    loss = loss_of(flat)
    enough = (SOLVED**2) * float(y.square().sum())
    halve_at = {round(share * steps) for share in HALVED_AT}
    running = torch.arange(len(replicas))
    everyone, losses = flat.clone(), loss.clone()
    for step in range(steps):
        if stop() or bool((loss < enough).any()):
            break
        if step in halve_at and len(running) > FEWEST:
            everyone[running], losses[running] = flat, loss
            kept = torch.argsort(loss, stable=True)[: len(running) // 2].sort().values
            running, flat, loss, damping = running[kept], flat[kept], loss[kept], damping[kept]
        slopes, answers = slopes_and_outputs(flat, x)
        tried = flat + _step(slopes, answers - y, damping)
        tried_loss = loss_of(tried)
        better = tried_loss < loss
        flat = torch.where(better[:, None], tried, flat)
        loss = torch.where(better, tried_loss, loss)
        damping = torch.where(better, damping / 3, damping * 4).clamp(1e-12, 1e8)
    everyone[running], losses[running] = flat, loss
    for name, part, shape in zip(names, everyone.split(sizes, 1), shapes, strict=True):
        replicas.parameters[name].copy_(part.reshape(len(replicas), *shape))
    return Trained(replicas, (losses / y.square().sum()).sqrt())


def _step(slopes: Tensor, error: Tensor, damping: Tensor) -> Tensor:
    """Return -(JᵀJ + λ diag(JᵀJ))⁻¹ Jᵀ r for every replica; zero if J or r is not finite."""
    finite = slopes.isfinite().all(-1).all(-1) & error.isfinite().all(-1)
    slopes = torch.where(finite[:, None, None], slopes, 0.0)
    error = torch.where(finite[:, None], error, 0.0)
    scale = slopes.square().sum(1).sqrt().clamp_min(1e-150)
    scaled = slopes / scale[:, None]
    normal = scaled.mT @ scaled + torch.diag_embed((damping[:, None] + 1e-12).expand_as(scale))
    solved = torch.linalg.solve(normal, (scaled.mT @ error[..., None]))[..., 0]
    return -(solved / scale).clamp(-10.0, 10.0)
