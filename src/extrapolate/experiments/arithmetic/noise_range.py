"""How much noise the stochastic NMU needs: the Arithmetic Dataset Task over upper ends of the noise."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import polars as pl

from extrapolate import nn
from extrapolate.experiments.arithmetic import _dataset_training
from extrapolate.experiments.arithmetic._dataset_training import (
    BATCH_NOISE,
    PAPER,
    PLAIN,
    SMOKE,
    ArithmeticDatasetConfig,
    Network,
    train_network,
)
from extrapolate.experiments.config import names
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding, Found, share_of
from extrapolate.experiments.training import Training
from extrapolate.stats import Estimate, difference_of_rates
from extrapolate.tasks import PUBLISHED_RANGES

#: The upper ends of the noise that are tried; 5 is the published one.
HIGHS = (1.1, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def with_noise(high: float) -> str:
    """The name of the network with noise U[1, high]."""
    return f"NAU-StochasticNMU-{high:g}"


NETWORKS: dict[str, Network] = {
    PLAIN: _dataset_training.NETWORKS[PLAIN],
    **{with_noise(high): Network(nn.NAU, partial(nn.StochasticNMU, high=high)) for high in HIGHS},
    BATCH_NOISE: _dataset_training.NETWORKS[BATCH_NOISE],
}


@dataclass(frozen=True, kw_only=True)
class NoiseRangeConfig(ArithmeticDatasetConfig):
    """That of the Arithmetic Dataset Task; the networks differ by their noise."""

    networks: tuple[str, ...] = names(
        NETWORKS, "Networks to train (the number is the upper end of the noise)", "network"
    )


# ------------------------------------------------------------------------------------------------------ findings

SOURCE = "arXiv 2211.05624, noise study; quoted, unverified"

#: A band of upper ends is broad if its greatest is at least this many times its least. Our bound.
BROAD = 5.0

#: A share counts as no smaller if the interval of the difference lies above minus this. Our bound.
MARGIN = 0.25

Rates = Mapping[float, Estimate]


def rate_of(results: pl.DataFrame, network: str) -> Estimate:
    return share_of(results.filter(unit=network))


def rates_by_noise(results: pl.DataFrame) -> Rates:
    """The share solved by upper end, of those that were run."""
    rates = {high: rate_of(results, with_noise(high)) for high in HIGHS}
    return {high: rate for high, rate in rates.items() if rate.n}


def best_of(rates: Rates) -> float:
    """The upper end with which most models are solved; the least of several."""
    return max(rates, key=lambda high: rates[high].value or 0.0)


def no_smaller(difference: Estimate) -> bool:
    return difference.low is not None and difference.low > -MARGIN


def widest_band(rates: Rates) -> list[float]:
    """The neighbouring upper ends around the best with which no smaller share is solved."""
    highs, best = list(rates), best_of(rates)
    as_good = [no_smaller(difference_of_rates(rates[high], rates[best])) for high in highs]
    first = last = highs.index(best)
    while first > 0 and as_good[first - 1]:
        first -= 1
    while last < len(highs) - 1 and as_good[last + 1]:
        last += 1
    return highs[first : last + 1]


def band(results: pl.DataFrame) -> Found | None:
    """How many times the least end of the widest band its greatest is."""
    rates = rates_by_noise(results)
    if len(rates) < 2:
        return None
    found = widest_band(rates)
    shares = ", ".join(f"U[1,{high:g}] {rate.value:.0%}" for high, rate in rates.items())
    note = f"from U[1,{found[0]:g}] to U[1,{found[-1]:g}]; share solved: {shares}"
    ratio = Estimate(found[-1] / found[0], None, None, len(rates))
    return Found(ratio, note, found[-1] >= BROAD * found[0])


def gain_from_noise(name: str, results: pl.DataFrame) -> Found | None:
    rate, plain = rate_of(results, name), rate_of(results, PLAIN)
    if not rate.n or not plain.n:
        return None
    gain = difference_of_rates(rate, plain)
    note = f"share solved: {rate.value:.0%}, without noise {plain.value:.0%}"
    return Found(gain, note, gain.low is not None and gain.low > 0)


def batch_noise_beside_the_best(results: pl.DataFrame) -> Found | None:
    rates, batch = rates_by_noise(results), rate_of(results, BATCH_NOISE)
    if not rates or not batch.n:
        return None
    best = best_of(rates)
    gain = difference_of_rates(batch, rates[best])
    note = (
        f"the best is U[1,{best:g}]: share solved {rates[best].value:.0%}, with batch noise {batch.value:.0%}"
    )
    return Found(gain, note, no_smaller(gain))


def findings(config: NoiseRangeConfig) -> Iterator[Finding]:
    """The noise may be chosen from a broad band, helps, and need not be chosen where it follows the batch."""
    yield Finding(
        "StochasticNMU/broad-band-of-noises",
        "the upper end of the noise may be chosen from a broad band: neighbouring ends, the greatest at least "
        f"{BROAD:g} times the least, solve no fewer models than the best, within {MARGIN:g} (measured: how many "
        "times)",
        f"works over a broad band of upper ends ({SOURCE})",
        band,
    )
    for name in map(with_noise, HIGHS):
        yield Finding(
            f"{name}/solves-more-than-{PLAIN}",
            f"{name} solves a larger share of models than {PLAIN} (measured: the difference)",
            "raises success where the NMU fails (arXiv 2211.05624)",
            partial(gain_from_noise, name),
        )
    yield Finding(
        f"{BATCH_NOISE}/as-good-as-the-best",
        f"noise that follows the batch solves no fewer models than the best upper end, within {MARGIN:g} (measured: "
        "the difference)",
        f"removes the choice ({SOURCE})",
        batch_noise_beside_the_best,
    )


# ---------------------------------------------------------------------------------------------------- experiment


def notes(config: NoiseRangeConfig) -> list[str]:
    """Which noises there are, then how the models were trained and judged."""
    return [
        "NAU-StochasticNMU-k: noise U[1, k]; NAU-BatchStochasticNMU: U[1, 1 + 1 / std] of the batch, recomputed at "
        "every step.",
        "The authors' script (bmistry4/nalm-robust-nmu, arithmetic_dataset_noise_ranges.sh) tries U[0.01, 0.05], "
        "U[0.1, 0.5], U[1, 2] and U[5, 10] beside U[1, 5]; here the noise always begins at 1.",
        *_dataset_training.notes(config),
    ]


@experiment(
    source=(
        "Mistry, Farrahi & Hare, Improving the Robustness of Neural Multiplication Units with Reversible "
        "Stochasticity (arXiv 2211.05624, 2022)"
    ),
    laptop=NoiseRangeConfig(
        networks=(PLAIN, *map(with_noise, (1.5, 2, 5, 10, 50)), BATCH_NOISE),
        ranges=(PUBLISHED_RANGES[1], PUBLISHED_RANGES[4]),
        seeds=10,
        steps=80_000,
        penalty_start=40_000,
        penalty_end=53_000,
        eval_every=500,
        in_features=12,
        samples=2_000,
        epsilon=1e-4,
    ),
    paper={
        **PAPER,
        "networks": tuple(NETWORKS),
        "ranges": PUBLISHED_RANGES,
        "seeds": 25,
        "steps": 2_000_000,
    },
    smoke={**SMOKE, "networks": (with_noise(2), with_noise(5), BATCH_NOISE), "in_features": 16},
    findings=findings,
    notes=notes,
)
def noise_range(config: NoiseRangeConfig) -> Iterator[Training]:
    for name in config.networks:
        for ranges in config.ranges:
            yield train_network(config, name, NETWORKS[name], ranges)
