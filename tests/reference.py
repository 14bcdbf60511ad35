"""Definitions written a second time from the published equations, with loops: what the tests compare with.

Nothing here imports the package. A unit's reference takes its parameters by name (float64 arrays) and inputs
(..., I), and gives (..., O).
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

Array = np.ndarray
Parameters = Mapping[str, Array]


def _by_sample(answer: Callable[[Array], list[float]], x: Array, out_features: int) -> Array:
    """``answer(sample)`` of every sample of x (..., I), put together to (..., O)."""
    samples = x.reshape(-1, x.shape[-1]) if x.size else np.empty((0, x.shape[-1]))
    y = np.empty((len(samples), out_features))
    for index, sample in enumerate(samples):
        y[index] = answer(sample)
    return y.reshape(*x.shape[:-1], out_features)


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))


def _weighted_sum(weights: Array, values: Array) -> float:
    total = 0.0
    for weight, value in zip(weights, values, strict=True):
        total += weight * value
    return total


def _log(sample: Array) -> Array:
    return np.array([math.log(abs(value) + 1e-7) for value in sample])


def _nac_weight(w_hat: Array, m_hat: Array) -> Array:
    weight = np.empty_like(w_hat)
    for index in np.ndindex(*w_hat.shape):
        weight[index] = math.tanh(float(w_hat[index])) * _sigmoid(float(m_hat[index]))
    return weight


def nac(p: Parameters, x: Array) -> Array:
    weight = _nac_weight(p["w_hat"], p["m_hat"])
    return _by_sample(lambda sample: [_weighted_sum(row, sample) for row in weight], x, len(weight))


def nac_mul(p: Parameters, x: Array) -> Array:
    weight = _nac_weight(p["w_hat"], p["m_hat"])

    def answer(sample: Array) -> list[float]:
        return [math.exp(_weighted_sum(row, _log(sample))) for row in weight]

    return _by_sample(answer, x, len(weight))


def nalu(p: Parameters, x: Array) -> Array:
    weight = _nac_weight(p["nac.w_hat"], p["nac.m_hat"])

    def answer(sample: Array) -> list[float]:
        outputs = []
        for row, gate_row in zip(weight, p["gate"], strict=True):
            added = _weighted_sum(row, sample)
            multiplied = math.exp(_weighted_sum(row, _log(sample)))
            gate = _sigmoid(_weighted_sum(gate_row, sample))
            outputs.append(gate * added + (1 - gate) * multiplied)
        return outputs

    return _by_sample(answer, x, len(weight))


def nau(p: Parameters, x: Array) -> Array:
    weight = p["weight"]
    return _by_sample(lambda sample: [_weighted_sum(row, sample) for row in weight], x, len(weight))


def nmu(p: Parameters, x: Array) -> Array:
    def answer(sample: Array) -> list[float]:
        outputs = []
        for row in p["weight"]:
            product = 1.0
            for weight, value in zip(row, sample, strict=True):
                product *= weight * value + 1 - weight
            outputs.append(product)
        return outputs

    return _by_sample(answer, x, len(p["weight"]))


def stochastic_nmu(p: Parameters, x: Array, noise: Array) -> Array:
    """The answer while training, for given noise of the shape of x."""
    return nmu(p, x * noise) / nmu(p, noise)


def mlp(p: Parameters, x: Array) -> Array:
    def answer(sample: Array) -> list[float]:
        hidden = [
            max(0.0, _weighted_sum(row, sample) + bias)
            for row, bias in zip(p["hidden.weight"], p["hidden.bias"], strict=True)
        ]
        return [
            _weighted_sum(row, np.array(hidden)) + bias
            for row, bias in zip(p["output.weight"], p["output.bias"], strict=True)
        ]

    return _by_sample(answer, x, len(p["output.bias"]))


def nac_range(in_features: int, out_features: int) -> float:
    """r with (fan_in + fan_out)·Var = 2 (the fan sum 5 at least), by bisection on an integrated variance.

    Var is that of tanh(a)·σ(b) with a, b ~ U(-r, r); tanh(a) has mean 0, so it is E tanh² · E σ².
    """
    fan = max(5, in_features + out_features)
    unit = np.linspace(-1, 1, 20_001)

    def variance(r: float) -> float:
        tanh_square = np.trapezoid(np.tanh(r * unit) ** 2, unit) / 2
        sigmoid_square = np.trapezoid((1 / (1 + np.exp(-r * unit))) ** 2, unit) / 2
        return float(tanh_square * sigmoid_square)

    low, high = 1e-6, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if fan * variance(middle) < 2 else (low, middle)
    return low


def nau_penalty(weight: Array) -> float:
    """mean min(|W|, |1 - |W||)."""
    return float(np.mean([min(abs(w), abs(1 - abs(w))) for w in weight.flat]))


def nmu_penalty(weight: Array) -> float:
    """mean min(|W|, |1 - W|)."""
    return float(np.mean([min(abs(w), abs(1 - w)) for w in weight.flat]))


def threefry2x32(key: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    """Threefry-2x32 with 20 rounds on plain integers (Salmon et al. 2011)."""
    word = 2**32
    schedule = (key[0], key[1], 0x1BD11BDA ^ key[0] ^ key[1])
    x, y = (counter[0] + key[0]) % word, (counter[1] + key[1]) % word
    for number in range(20):
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[number % 8]
        x = (x + y) % word
        y = ((y << turn) % word | y >> (32 - turn)) ^ x
        if number % 4 == 3:
            inject = number // 4 + 1
            x = (x + schedule[inject % 3]) % word
            y = (y + schedule[(inject + 1) % 3] + inject) % word
    return x, y


def uniform(key: tuple[int, int, int], count: int) -> Array:
    """float32 numbers in [0, 1) of a key (seed, stream, step): first words first, then second words."""
    seed, stream, step = (part % 2**32 for part in key)
    pairs = [threefry2x32((seed, stream), (step, index)) for index in range((count + 1) // 2)]
    words = [first for first, _ in pairs] + [second for _, second in pairs]
    return np.array([(word >> 8) * 2.0**-24 for word in words[:count]], np.float32)
