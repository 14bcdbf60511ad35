"""Exact weights of the INALU, whose gate chooses between a sum and a product. The NALU has none."""

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import nn

from extrapolate.inspect.exact_additive import affine, saturated_bits, saturated_trits
from extrapolate.inspect.exact_bounds import Twin, power
from extrapolate.inspect.exact_multiplicative import divisors, gated_twin, powers, product
from extrapolate.inspect.exact_rational import UndefinedError
from extrapolate.inspect.exact_rational import power as rational_power
from extrapolate.inspect.exact_units import BITS, TRITS, NeverExactError, Snapped, exact_rule, snap_to
from extrapolate.nn import GNALU, INALU, NALU, IndependentNALU

#: The INALU's multiplication saturates at products above the first, and at inputs below the second.
LARGEST, SMALLEST = math.exp(20.0), 1e-7


@exact_rule(INALU)
def _improved(module: nn.Module, tolerance: float) -> Snapped:
    """Use the path that the gate of each output opens. The multiplication saturates at e^20."""
    assert isinstance(module, INALU)
    gates = snap_to("sigmoid(gate)", torch.sigmoid(module.gate), BITS, tolerance)
    added = snap_to("additive", module.additive.effective_weight(), TRITS, tolerance)
    multiplied = snap_to("multiplicative", module.multiplicative.effective_weight(), TRITS, tolerance)
    columns, distances = added.value.shape[1], list(gates.distances)
    for output, gate in enumerate(gates.fractions):
        row = slice(output * columns, (output + 1) * columns)
        distances += (added if gate else multiplied).distances[row]
    # The path behind a closed gate has no exact weights: they are set to 0.
    is_sum = gates.exact[:, None]
    exponents = multiplied.exact * (1 - is_sum)
    matrix = [
        [Fraction(0) if gate else w for w in row]
        for gate, row in zip(gates.fractions, multiplied.matrix, strict=True)
    ]
    sums = affine(added)
    largest, smallest = Fraction(LARGEST), Fraction(SMALLEST)

    def multiply(x: Sequence[Fraction]) -> list[Fraction]:
        values = []
        for row in matrix:
            used = [(v, w) for v, w in zip(x, row, strict=True) if w]
            if any(abs(v) < smallest for v, _ in used):
                raise UndefinedError("an input is below 1e-7")
            value = product([rational_power(abs(v), w) for v, w in used])
            if value > largest:
                raise UndefinedError("a product is above e^20")
            signs = [((v > 0) - (v < 0)) * abs(w) + 1 - abs(w) for v, w in zip(x, row, strict=True)]
            values.append(value * product(signs))
        return values

    def enclose(x: Twin) -> Twin:
        total = (Twin.constants(added.value, added.exact * is_sum) * x).sum()
        size = power(x.absolute().at_least(SMALLEST), multiplied.value, exponents).product().at_most(LARGEST)
        signs = gated_twin(x.sign(), Twin.constants(multiplied.value.abs(), exponents.abs()))
        gate = gates.twin
        return gate * total + gate.complement() * size * signs

    def choose(first: Sequence, second: Sequence) -> list:
        return [a if gate else b for a, b, gate in zip(first, second, gates.fractions, strict=True)]

    saturated = {"additive": added.exact * is_sum, "multiplicative": exponents}
    limit = "a product above e^20, or an input below 1e-7: the unit saturates"
    return Snapped(
        tuple(distances),
        evaluate=lambda x: choose(sums.evaluate(x), multiply(x)),
        expressions=lambda x: choose(sums.expressions(x), powers(matrix)(x)),
        limits=() if all(gates.fractions) else (limit,),
        parameters={"gate": saturated_bits(gates.exact)}
        | {
            f"{path}.{hat}": value
            for path, exact in saturated.items()
            for hat, value in saturated_trits(exact).items()
        },
        enclose=enclose,
        nonzero=divisors(matrix),
    )


@exact_rule(NALU, GNALU, IndependentNALU)
def _gate_sees_input(module: nn.Module, tolerance: float) -> Snapped:
    raise NeverExactError(
        f"the gate of {type(module).__name__} is a logistic function of its input: finite weights cannot choose "
        "one path for all inputs"
    )
