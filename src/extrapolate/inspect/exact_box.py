"""How far a module is from its formula on a box of inputs: a rigorous bound, and the largest sampled value."""

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

#: A range (low, high) of every input, or one per input.
Ranges = Pair | Sequence[Pair]

#: Of ``trained_on``, and of the range that is assumed where neither it nor a box is stated.
TIMES, ASSUMED = 10.0, (-1.0, 1.0)

#: Around a pole at 0 this share of an input's largest magnitude is left out of a box.
POLE_MARGIN = 0.01

#: Points compared: corners of the box, all of them if there are no more, and random points.
CORNERS, RANDOM = 4096, 2048

#: Inputs that are written out.
LISTED = 6


def _join(items: Sequence[str]) -> str:
    return ", ".join(items[:LISTED]) + (", …" if len(items) > LISTED else "")


@dataclass(frozen=True)
class InputBox:
    """The inputs on which a module and its formula are compared.

    Attributes:
        sides: (low, high) of each input.
        origin: in words, where the box comes from.
        away: of each input, the magnitudes below which it is left out, around a pole at 0.
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
        """Of each input the ends of its interval, or of its two intervals."""
        return [
            sorted({low, high} | ({-away, away} if low < 0 < high and away else set()))
            for (low, high), away in zip(self.sides, self.away, strict=True)
        ]


@dataclass(frozen=True)
class BoxError:
    """How far a module is from its formula on a box, both in float64.

    Of several outputs, the one whose bound is the largest share of its size.

    Attributes:
        box: where.
        names: of the inputs.
        bound: no input of the box has a larger |module - formula|, by interval arithmetic that includes
            float64's rounding; None where there is no bound.
        sampled: the largest |module - formula| found at the corners and at random points.
        place: the inputs where it was found.
        size: the largest |formula| found; of a formula that is 0, the largest |input|.
        allowed: the largest share of ``size`` that ``bound`` may have for the module to be near its formula.
        output: index of the output.
        unbounded: why there is no bound; None if there is one.
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
        """The bound, the sampled maximum and the formula's size, in one line."""
        if self.bound is None:
            bound = f"no bound ({self.unbounded})"
        else:
            share = f"{self.bound / self.size:.2g} of the formula's size {self.size:.3g}"
            bound = f"at most {self.bound:.2g}, {share} ({self.allowed:g} is allowed)"
        return f"{bound}; largest sampled: {self.sampled:.2g}"

    def place_in_words(self) -> str:
        return _join([f"{name} = {at:.4g}" for name, at in zip(self.names, self.point, strict=True)])


def choose_box(width: int, box: Ranges | None, trained_on: Ranges | None) -> InputBox:
    """The stated box, or the training range out to ten times its ends, or that of [-1, 1].

    Raises:
        ValueError: both are stated, or a range is not (low, high), or there is not one range per input.
    """
    if box is not None and trained_on is not None:
        raise ValueError("state either box or trained_on, not both")
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
            f"{name} must be (low, high), or one such pair for each of the {width} inputs; got {value!r}"
        )
    sides = tuple((float(low), float(high)) for low, high in ranges)
    for low, high in sides:
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"{name} needs finite low < high; got ({low:g}, {high:g})")
    return sides


def away_from_poles(box: InputBox, layers: Sequence[Layer], names: Sequence[str]) -> InputBox:
    """Leave out the inputs near 0 at which the first layer with weights has no value.

    Raises:
        ValueError: an input must be positive, and the box holds no positive value of it.
    """
    first = next((each.snapped for each in layers if each.snapped.distances), layers[0].snapped)
    sides, away = list(box.sides), list(box.away)
    for index, (low, high) in enumerate(sides):
        margin = POLE_MARGIN * max(abs(low), abs(high))
        if index in first.positive and high <= 0:
            raise ValueError(f"{names[index]} must be positive for this module; its range is ({low:g}, {high:g})")
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
        module: in float64, and its ``layers``.
        allowed: the largest share of the formula's size that counts as near.
    """
    points = _points(box, seed)
    formula = _values(expressions, symbols, points)
    apart = (module(points) - formula).abs()
    apart = apart.masked_fill(apart.isnan(), torch.inf)
    size = formula.abs().nan_to_num(0.0, 0.0, 0.0).amax(0)
    size = torch.where(size > 0, size, points.abs().max())
    bounds, unbounded = _bounds(layers, box, len(expressions))
    output = int((bounds / size).argmax())
    finite = math.isfinite(float(bounds[output]))
    worst = int(apart[:, output].argmax())
    return BoxError(
        box=box,
        names=tuple(map(str, symbols)),
        bound=float(bounds[output]) if finite else None,
        sampled=float(apart[worst, output]),
        point=tuple(points[worst].tolist()),
        size=float(size[output]),
        allowed=allowed,
        output=output,
        unbounded=None if finite else unbounded,
    )


def _bounds(layers: Sequence[Layer], box: InputBox, outputs: int) -> tuple[Tensor, str]:
    """One bound per output, infinite where there is none; and the reason for that."""
    low, high = torch.tensor(box.sides, dtype=torch.float64).unbind(-1)
    twin = Twin.same(low, high, torch.tensor(box.away, dtype=torch.float64))
    for layer in layers:
        if layer.snapped.enclose is None:
            kind = type(layer.module).__name__
            return torch.full((outputs,), torch.inf), f"the rule of {kind} has no `enclose`"
        twin = layer.snapped.enclose(twin)
    return twin.gap, "the formula may have no value somewhere in the box: state a smaller box"


def _points(box: InputBox, seed: int) -> Tensor:
    """Corners and random points of the box, (N, I)."""
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
    """The expressions in float64 at ``points``, (N, O)."""
    function = sympy.lambdify(symbols, list(expressions), "numpy")
    with np.errstate(all="ignore"):
        columns = function(*points.numpy().T)
    return torch.from_numpy(np.stack([np.broadcast_to(np.asarray(c, float), len(points)) for c in columns], -1))
