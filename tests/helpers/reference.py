"""Independent definitions in NumPy, from the published equations, which the tests compare with.

Nothing here imports the package. A unit's reference takes its parameters by name (float64 arrays) and inputs
(..., I), and returns (..., O).
"""

from collections.abc import Mapping

import numpy as np

Array = np.ndarray
Parameters = Mapping[str, Array]


def sigmoid(x: Array) -> Array:
    return (1 + np.tanh(x / 2)) / 2


def nac_weight(p: Parameters, prefix: str = "") -> Array:
    return np.tanh(p[f"{prefix}w_hat"]) * sigmoid(p[f"{prefix}m_hat"])


def nac(p: Parameters, x: Array) -> Array:
    return x @ nac_weight(p).T


def nac_mul(p: Parameters, x: Array) -> Array:
    return np.exp(np.log(abs(x) + 1e-7) @ nac_weight(p).T)


def nalu(p: Parameters, x: Array) -> Array:
    hats = {name.removeprefix("nac."): value for name, value in p.items()}
    gate = sigmoid(x @ p["gate"].T)
    return gate * nac(hats, x) + (1 - gate) * nac_mul(hats, x)


def nau(p: Parameters, x: Array) -> Array:
    return x @ p["weight"].T


def nmu(p: Parameters, x: Array) -> Array:
    factors = p["weight"] * x[..., None, :] + 1 - p["weight"]
    return factors.prod(-1)


def stochastic_nmu(p: Parameters, x: Array, noise: Array) -> Array:
    """Return the output in training mode; ``noise`` has the shape of x."""
    return nmu(p, x * noise) / nmu(p, noise)


def mlp(p: Parameters, x: Array) -> Array:
    hidden = np.maximum(0, x @ p["hidden.weight"].T + p["hidden.bias"])
    return hidden @ p["output.weight"].T + p["output.bias"]


def nac_range(in_features: int, out_features: int) -> float:
    """Return r with (fan_in + fan_out)·Var = 2 (fan sum at least 5), by bisection on an integrated variance.

    Var is the variance of tanh(a)·σ(b) with a, b ~ U(-r, r). As tanh(a) has mean 0, Var = E tanh² · E σ².
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
    """Return mean min(|W|, |1 - |W||)."""
    return float(np.mean([min(abs(w), abs(1 - abs(w))) for w in weight.flat]))


def nmu_penalty(weight: Array) -> float:
    """Return mean min(|W|, |1 - W|)."""
    return float(np.mean([min(abs(w), abs(1 - w)) for w in weight.flat]))


def threefry2x32(key: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    """Return the result of Threefry-2x32 with 20 rounds, in Python integers (Salmon et al. 2011)."""
    word = 2**32
    schedule = (key[0], key[1], 0x1BD11BDA ^ key[0] ^ key[1])
    x, y = (counter[0] + key[0]) % word, (counter[1] + key[1]) % word
    for number in range(20):
        rotation = (13, 15, 26, 6, 17, 29, 16, 24)[number % 8]
        x = (x + y) % word
        y = ((y << rotation) % word | y >> (32 - rotation)) ^ x
        if number % 4 == 3:
            inject = number // 4 + 1
            x = (x + schedule[inject % 3]) % word
            y = (y + schedule[(inject + 1) % 3] + inject) % word
    return x, y


def uniform(key: tuple[int, int, int], count: int) -> Array:
    """Return float32 numbers in [0, 1) for a key (seed, stream, step): all first words, then all second words."""
    seed, stream, step = (part % 2**32 for part in key)
    pairs = [threefry2x32((seed, stream), (step, index)) for index in range((count + 1) // 2)]
    words = [first for first, _ in pairs] + [second for _, second in pairs]
    return np.array([(word >> 8) * 2.0**-24 for word in words[:count]], np.float32)
