"""Distance of a module from its formula on a box of inputs: a rigorous bound, and the largest sampled value."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy
import torch
from torch import Tensor, nn

from extrapolate.inspect.exact_bounds import Twin
from extrapolate.inspect.exact_units import Layer

Pair = tuple[float, float]

#: One range (low, high) for all inputs, or one range per input.
Ranges = Pair | Sequence[Pair]

#: The box is this many times ``trained_on``, or this many times ``ASSUMED`` if neither is set.
TIMES, ASSUMED = 10.0, (-1.0, 1.0)

#: The box excludes magnitudes below this share of an input's largest magnitude around a pole at 0.
POLE_MARGIN = 0.01

#: Number of compared points: at most this many corners of the box, and random points.
CORNERS, RANDOM = 4096, 2048

#: A text lists at most this many inputs.
LISTED = 6


def _join(items: Sequence[str]) -> str:
    return ", ".join(items[:LISTED]) + (", …" if len(items) > LISTED else "")


@dataclass(frozen=True)
class InputBox:
    """The inputs on which a module and its formula are compared.

    Attributes:
        sides: (low, high) of each input.
        origin: how the box was chosen, in words.
        away: for each input, the smallest magnitude in the box. It is above 0 only around a pole at 0.
    """

    sides: tuple[Pair, ...]
    origin: str
    away: tuple[float, ...]

    def words(self, names: Sequence[str]) -> str:
        if len(set(self.sides)) == 1:
            where = f"inputs in [{self.sides[0][0]:g}, {self.sides[0][1]:g}]"
        else:
            sides = zip(names, self.sides, strict=True)
            where = _join([f"{name} in [{low:g}, {high:g}]" for name, (low, high) in sides])
        cut = [f"|{name}| ≥ {away:g}" for name, away in zip(names, self.away, strict=True) if away]
        return f"{where}{f', {_join(cut)}' if cut else ''} ({self.origin})"

    def ends(self) -> list[list[float]]:
        """Return the ends of the interval of each input, or of its two intervals around a pole."""
        return [
            sorted({low, high} | ({-away, away} if low < 0 < high and away else set()))
            for (low, high), away in zip(self.sides, self.away, strict=True)
        ]


@dataclass(frozen=True)
class BoxError:
    """Distance of a module from its formula on a box, both in float64.

    With several outputs, it is that of the output with the largest ``bound / size``.

    Attributes:
        box: the inputs.
        names: names of the inputs.
        bound: upper bound of |module - formula| for all inputs of the box, by interval arithmetic that includes
            float64's rounding. None if there is no bound.
        sampled: the largest |module - formula| at the corners and at random points.
        point: the inputs with this largest value.
        size: the largest |formula| at these points; if the formula is 0, the largest |input|.
        allowed: the module is near its formula if ``bound`` is at most ``allowed * size``.
        output: index of the output.
        unbounded: why there is no bound. None if there is one.
    """

    box: InputBox
    names: tuple[str, ...]
    bound: float | None
    sampled: float
    point: tuple[float, ...]
    size: float
    allowed: float
    output: int
    unbounded: str | None

    @property
    def near(self) -> bool:
        return self.bound is not None and self.bound <= self.allowed * self.size

    def words(self) -> str:
        """Return the bound, the sampled maximum and the formula's size in one line."""
        if self.bound is None:
            bound = f"no bound ({self.unbounded})"
        else:
            share = f"{self.bound / self.size:.2g} times the formula's size {self.size:.3g}"
            bound = f"at most {self.bound:.2g}, {share} (allowed: {self.allowed:g})"
        return f"{bound}; largest sampled: {self.sampled:.2g}"

    def describe_point(self) -> str:
        return _join([f"{name} = {at:.4g}" for name, at in zip(self.names, self.point, strict=True)])


def choose_box(width: int, box: Ranges | None, trained_on: Ranges | None) -> InputBox:
    """Return ``box``, or a box of 10 times the training range, which is [-1, 1] by default.

    Raises:
        ValueError: both are set, a range is not (low, high), or the number of ranges is not that of the inputs.
    """
    if box is not None and trained_on is not None:
        raise ValueError("pass either box or trained_on, not both")
    if box is not None:
        return InputBox(_sides("box", box, width), "as stated", (0.0,) * width)
    ranges = _sides("trained_on", ASSUMED if trained_on is None else trained_on, width)
    origin = "by default, 10 times [-1, 1]" if trained_on is None else "10 times the training range"
    sides = tuple((min(low, TIMES * low), max(high, TIMES * high)) for low, high in ranges)
    return InputBox(sides, origin, (0.0,) * width)


def _sides(name: str, value: Ranges, width: int) -> tuple[Pair, ...]:
    try:
        ranges = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        ranges = np.empty(())
    if ranges.shape == (2,):
        ranges = np.tile(ranges, (width, 1))
    if ranges.shape != (width, 2):
        raise ValueError(
            f"{name} must be (low, high), or one such pair for each of the {width} inputs, got {value!r}"
        )
    sides = tuple((float(low), float(high)) for low, high in ranges)
    for low, high in sides:
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"{name} must have finite low < high, got ({low:g}, {high:g})")
    return sides


def away_from_poles(box: InputBox, layers: Sequence[Layer], names: Sequence[str]) -> InputBox:
    """Exclude inputs near 0 from the box if the first layer with weights has a pole there.

    Raises:
        ValueError: an input must be positive, but its range has no positive value.
    """
    first = next((each.snapped for each in layers if each.snapped.distances), layers[0].snapped)
    sides, away = list(box.sides), list(box.away)
    for index, (low, high) in enumerate(sides):
        margin = POLE_MARGIN * max(abs(low), abs(high))
        if index in first.positive and high <= 0:
            raise ValueError(f"{names[index]} must be positive for this module, but its range is ({low:g}, {high:g})")
        pole = low <= 0 <= high and index in first.nonzero
        if low <= 0 and index in first.positive:
            sides[index] = (POLE_MARGIN * high, high)
        elif pole and -low < margin:
            sides[index] = (margin, high)
        elif pole and high < margin:
            sides[index] = (low, -margin)
        elif pole:
            away[index] = margin
    return replace(box, sides=tuple(sides), away=tuple(away))


def box_error(
    module: nn.Module,
    layers: Sequence[Layer],
    expressions: Sequence[sympy.Expr],
    symbols: Sequence[sympy.Symbol],
    box: InputBox,
    *,
    allowed: float,
    seed: int,
) -> BoxError:
    """Bound and sample |module - expressions| on ``box``.

    Args:
        module: the module in float64.
        layers: its layers.
        allowed: the largest ratio of the bound to the formula's size for a module that is near its formula.
    """
    points = _points(box, seed)
    formula = _values(expressions, symbols, points)
    distance = (module(points) - formula).abs()
    distance = distance.masked_fill(distance.isnan(), torch.inf)
    size = formula.abs().nan_to_num(0.0, 0.0, 0.0).amax(0)
    size = torch.where(size > 0, size, points.abs().max())
    bounds, unbounded = _bounds(layers, box, len(expressions))
    output = int((bounds / size).argmax())
    finite = math.isfinite(float(bounds[output]))
    worst = int(distance[:, output].argmax())
    return BoxError(
        box=box,
        names=tuple(map(str, symbols)),
        bound=float(bounds[output]) if finite else None,
        sampled=float(distance[worst, output]),
        point=tuple(points[worst].tolist()),
        size=float(size[output]),
        allowed=allowed,
        output=output,
        unbounded=None if finite else unbounded,
    )


def _bounds(layers: Sequence[Layer], box: InputBox, outputs: int) -> tuple[Tensor, str]:
    """Return one bound per output, infinite if there is none, and the reason for an infinite bound."""
    low, high = torch.tensor(box.sides, dtype=torch.float64).unbind(-1)
    twin = Twin.same(low, high, torch.tensor(box.away, dtype=torch.float64))
    for layer in layers:
        if layer.snapped.enclose is None:
            kind = type(layer.module).__name__
            return torch.full((outputs,), torch.inf), f"the rule of {kind} has no `enclose`"
        twin = layer.snapped.enclose(twin)
    return twin.gap, "the formula may be undefined in parts of the box: pass a smaller box"


def _points(box: InputBox, seed: int) -> Tensor:
    """Return corners and random points of the box, (N, I)."""
    rng = np.random.default_rng(seed)
    ends = box.ends()
    if math.prod(map(len, ends)) <= CORNERS:
        corners = np.array(list(itertools.product(*ends)))
    else:
        corners = np.stack([rng.choice(each, CORNERS) for each in ends], -1)
    low, high = np.array(box.sides).T
    inside = rng.uniform(low, high, (RANDOM, len(ends)))
    away = np.array(box.away)
    near = np.abs(inside) < away
    inside = np.where(near, np.where(inside < 0, -away, away), inside)
    return torch.from_numpy(np.concatenate([corners, inside]))


def _values(expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol], points: Tensor) -> Tensor:
    """Evaluate the expressions in float64 at ``points``; returns (N, O)."""
    function = sympy.lambdify(symbols, list(expressions), "numpy")
    with np.errstate(all="ignore"):
        columns = function(*points.numpy().T)
    return torch.from_numpy(np.stack([np.broadcast_to(np.asarray(c, float), len(points)) for c in columns], -1))
