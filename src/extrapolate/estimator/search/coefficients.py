"""Fit the real coefficients of a structure by least squares in float64, with their covariance."""

from dataclasses import dataclass

import numpy as np

from extrapolate.estimator.formula.structure import Array, Structure, evaluate

#: Most steps, and the relative decrease of the loss below which they end.
GAUSS_NEWTON_STEPS, SETTLED = 25, 1e-7


@dataclass(frozen=True)
class Fit:
    """The fitted coefficients of a structure.

    Attributes:
        above, below: coefficients of the numerator and the denominator; ``below[0]`` is 1.
        covariance: of ``above`` and ``below[1:]``, for unit noise.
    """

    structure: Structure
    above: Array
    below: Array
    covariance: Array

    def predict(self, x: Array) -> Array:
        return self.structure.value(x, self.above, self.below)

    def jacobian(self, x: Array) -> Array:
        """Return the derivatives (N, K + L - 1) of the prediction with respect to ``above`` and ``below[1:]``."""
        with np.errstate(all="ignore"):
            n = evaluate(self.structure.numerator, x)
            d = evaluate(self.structure.denominator, x)
            return _jacobian(self.structure, n, d, self.above, self.below)[1]


def least_squares(features: Array, target: Array) -> Array | None:
    """Return the least-squares coefficients, solved with normalized columns; None if the columns are dependent."""
    scale = np.sqrt(np.mean(np.square(features), 0))
    if not np.isfinite(scale).all() or (scale == 0).any():
        return None
    q, r = np.linalg.qr(features / scale)
    diagonal = np.abs(np.diag(r))
    if diagonal.min() < 1e-11 * diagonal.max():
        return None
    solution = np.linalg.solve(r, q.T @ target)
    # One step of iterative refinement is cheap and gains two digits if columns are nearly dependent.
    solution = solution + np.linalg.solve(r, q.T @ (target - (features / scale) @ solution))
    return solution / scale


def fit(structure: Structure, x: Array, y: Array, noise_std: Array) -> Fit | None:
    """Minimise Σ ((y - f(x)) / noise_std)²; None if f is undefined on a row or its terms are dependent."""
    with np.errstate(all="ignore"):
        n, d = evaluate(structure.numerator, x), evaluate(structure.denominator, x)
        if not (np.isfinite(n).all() and np.isfinite(d).all()) or len(y) <= structure.free_coefficients:
            return None
        target = y if structure.root == 1 else y * y
        start = _linearize(structure, n, d, target, noise_std)
        if start is None:
            return None
        above, below = start
        if structure.root != 1 or structure.denominator:
            improved = _gauss_newton(structure, n, d, above, below, y, noise_std)
            if improved is None:
                return None
            above, below = improved
        value, slopes = _jacobian(structure, n, d, above, below)
        if not (np.isfinite(value).all() and np.isfinite(slopes).all()):
            return None
        return Fit(structure, above, below, _covariance(slopes / noise_std[:, None]))


def _linearize(
    structure: Structure, n: Array, d: Array, target: Array, noise_std: Array
) -> tuple[Array, Array] | None:
    """Solve target·D = N, which is linear, with weights from the previous D (Sanathanan & Koerner)."""
    above, below = np.zeros(n.shape[1]), np.zeros(d.shape[1])
    below[:1] = 1.0
    weight = 1 / noise_std if structure.root == 1 else 1 / (noise_std * np.maximum(np.sqrt(np.abs(target)), 1e-300))
    features, answer = n, target
    if d.shape[1]:
        features = np.concatenate([n, -target[:, None] * d[:, 1:]], 1)
        answer = target * d[:, 0]
    # The scale of the weights cancels; dividing by the median prevents overflow.
    for _ in range(3 if d.shape[1] else 1):
        scaled = weight / np.median(weight)
        if not np.isfinite(scaled).all():
            return None
        solved = least_squares(features * scaled[:, None], answer * scaled)
        if solved is None or not np.isfinite(solved).all():
            return None
        above, below[1:] = solved[: n.shape[1]], solved[n.shape[1] :]
        if d.shape[1]:
            size = np.abs(d @ below)
            weight = 1 / (noise_std * np.maximum(size, 1e-6 * np.median(size)))
    return above, below


def _jacobian(structure: Structure, n: Array, d: Array, above: Array, below: Array) -> tuple[Array, Array]:
    numerator = n @ above
    denominator = d @ below if d.shape[1] else np.ones(len(n))
    ratio = numerator / denominator
    slopes = np.concatenate([n / denominator[:, None], -(ratio / denominator)[:, None] * d[:, 1:]], 1)
    if structure.root == 1:
        return ratio, slopes
    value = structure.sign * np.sqrt(ratio)
    return value, slopes / (2 * value[:, None])


def _gauss_newton(
    structure: Structure, n: Array, d: Array, above: Array, below: Array, y: Array, noise_std: Array
) -> tuple[Array, Array] | None:
    split = len(above)
    value, slopes = _jacobian(structure, n, d, above, below)
    loss = _loss(value, y, noise_std)
    if not np.isfinite(loss):
        return None
    for _ in range(GAUSS_NEWTON_STEPS):
        if not np.isfinite(slopes).all():
            return None
        step = least_squares(slopes / noise_std[:, None], (y - value) / noise_std)
        if step is None:
            return None
        for shrink in (1.0, 0.3, 0.05):
            tried = above + shrink * step[:split], below.copy()
            tried[1][1:] += shrink * step[split:]
            tried_value, tried_slopes = _jacobian(structure, n, d, *tried)
            tried_loss = _loss(tried_value, y, noise_std)
            if tried_loss < loss:
                break
        else:
            break
        settled = tried_loss > loss * (1 - SETTLED)
        (above, below), value, slopes, loss = tried, tried_value, tried_slopes, tried_loss
        if settled:
            break
    return above, below


def _loss(value: Array, y: Array, noise_std: Array) -> float:
    return float(np.sum(np.square((y - value) / noise_std)))


def _covariance(slopes: Array) -> Array:
    scale = np.sqrt(np.mean(np.square(slopes), 0))
    scale[scale == 0] = 1.0
    return np.linalg.pinv((slopes / scale).T @ (slopes / scale)) / np.outer(scale, scale)
