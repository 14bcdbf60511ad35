"""Candidates from networks: train many replicas at once and read structures from the best ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from extrapolate.estimator.formula.structure import Array, Monomial, Structure
from extrapolate.estimator.search.levenberg_marquardt import Trained, train_replicas
from extrapolate.estimator.search.network import LinearProduct, PowerFraction
from extrapolate.estimator.table.split import SplitTable
from extrapolate.training import Replicas

#: Training rows of the networks: enough for their few parameters.
ROWS = 200

#: Weights of a sum below this share of its largest contribution count as zero.
NEGLIGIBLE = 0.02


@dataclass(frozen=True)
class Scaled:
    """A table scaled for training: columns of median magnitude 1, a target of root mean square 1."""

    table: SplitTable
    scale: Array
    x: Tensor
    y: Tensor

    @classmethod
    def of(cls, table: SplitTable, target: Array) -> "Scaled":
        scale = np.array([column.scale for column in table.columns])
        size = float(np.sqrt(np.mean(np.square(target)))) or 1.0
        x, y = (table.x / scale)[:ROWS], (target / size)[:ROWS]
        return cls(table, scale, torch.from_numpy(x), torch.from_numpy(y))


def train_powers(data: Scaled, shape: tuple[int, int], seeds: range, steps: int, stop: Callable[[], bool]) -> Trained:
    """Train power networks from random exponents; their coefficients start at the least-squares solution."""
    columns = len(data.scale)
    replicas = Replicas.build(lambda: PowerFraction(columns, *shape), seeds)
    with torch.no_grad():
        for name in ("weight", "divisor_weight"):
            replicas.parameters[name].copy_(_sample_initial(replicas.parameters[name], data.table))
        _solve_coefficients(replicas, data)
    return train_replicas(replicas, data.x, data.y, steps, stop)


def train_sums(data: Scaled, shape: tuple[int, int], seeds: range, steps: int, stop: Callable[[], bool]) -> Trained:
    """Train networks of sums from random weights."""
    columns = len(data.scale)
    replicas = Replicas.build(lambda: LinearProduct(columns, *shape), seeds)
    return train_replicas(replicas, data.x, data.y, steps, stop)


def _sample_initial(weight: Tensor, table: SplitTable) -> Tensor:
    """Make initial exponents valid: not negative for a column with zeros, integer for one with negative values."""
    weight = weight.clone()
    for index, column in enumerate(table.columns):
        if column.constant:
            weight[..., index] = 0.0
        if column.zero:
            weight[..., index] = weight[..., index].abs()
        if column.negative:
            weight[..., index] = weight[..., index].round()
    return weight


def _solve_coefficients(replicas: Replicas, data: Scaled) -> None:
    """Solve y·(1 + Σ d q) = b + Σ c p for b, c and d; it is linear for fixed exponents."""

    def features(model: nn.Module) -> Tensor:
        assert isinstance(model, PowerFraction)
        return model.features(data.x, data.y)

    values = replicas.vmap(features)
    scale = values.square().mean(1).sqrt().clamp_min(1e-30)
    scaled = values / scale[:, None]
    normal = scaled.mT @ scaled + 1e-6 * len(data.y) * torch.eye(values.shape[-1], dtype=values.dtype)
    right = scaled.mT @ data.y.expand(len(replicas), -1)[..., None]
    solved = torch.linalg.solve(normal, right)[..., 0] / scale
    bias, coefficient, divisor = solved.split(
        [1, replicas.parameters["coefficient"].shape[1], replicas.parameters["divisor"].shape[1]], 1
    )
    for name, value in (("bias", bias[:, 0]), ("coefficient", coefficient), ("divisor", divisor)):
        replicas.parameters[name].copy_(value)


#: A product of sums that expands to more terms than this is discarded.
MOST_TERMS = 30

#: Largest denominators to which exponents are rounded; None: the exponents of ``LATTICE``.
DENOMINATORS = (None, 3, 10, 100, 1000)


@torch.no_grad()
def read_powers(model: PowerFraction, table: SplitTable, root: int, sign: int, *, fine: bool) -> Iterator[Structure]:
    """Yield structures near a trained power network: exponents rounded, with and without the constant.

    ``fine``: also round to the finer fractions of ``DENOMINATORS``.
    """
    zero = tuple(Fraction(0) for _ in table.columns)
    for denominator in DENOMINATORS if fine else DENOMINATORS[:1]:
        above = [_round_exponents(row, table, denominator) for row in model.weight]
        below = [_round_exponents(row, table, denominator) for row in model.divisor_weight]
        divisors = [[zero, *below], below] if below else [[]]
        for constant, divisor in product(([], [zero]), divisors):
            yield Structure.of([*above, *constant], divisor, root, sign)


def _round_exponents(row: Tensor, table: SplitTable, denominator: int | None) -> Monomial:
    exponents = []
    for column, weight in zip(table.columns, row.tolist(), strict=True):
        nearest = column.nearest(weight)
        if denominator is not None and abs(weight) < 10:
            fraction = Fraction(weight).limit_denominator(denominator)
            nearest = fraction if column.allows(fraction) and not column.negative else nearest
        exponents.append(nearest)
    return tuple(exponents)


@torch.no_grad()
def read_sums(model: LinearProduct, data: Scaled, root: int, sign: int) -> Structure | None:
    """Expand a trained network of sums, without the columns that contribute little to a sum."""
    above = _multiply(model.above, data)
    below = _multiply(model.below, data) if model.below is not None else set()
    if not above or (model.below is not None and not below) or len(above) + len(below) > MOST_TERMS:
        return None
    return Structure.of(above, below, root, sign)


def _multiply(layer: nn.Linear, data: Scaled) -> set[Monomial]:
    zero = tuple(Fraction(0) for _ in data.scale)
    spread = data.x.std(0, unbiased=False)
    terms = {zero}
    for weight, bias in zip(layer.weight, layer.bias, strict=True):
        # Compare the bias with the contribution of each column: its weight times its standard deviation.
        sizes = torch.cat([weight * spread, bias[None]]).abs()
        kept = (sizes > NEGLIGIBLE * sizes.max()).tolist()
        factor = [zero] if kept[-1] else []
        factor += [_single_factor(index, len(zero)) for index, keep in enumerate(kept[:-1]) if keep]
        terms = {tuple(a + b for a, b in zip(one, two, strict=True)) for one in terms for two in factor}
    return terms


def _single_factor(index: int, length: int) -> Monomial:
    return tuple(Fraction(int(position == index)) for position in range(length))
