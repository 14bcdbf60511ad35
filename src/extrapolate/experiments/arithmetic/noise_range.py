"""How much noise the stochastic NMU needs: the Arithmetic Dataset Task over upper ends of the noise."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import polars as pl

from extrapolate import nn
from extrapolate.experiments import lab
from extrapolate.experiments.arithmetic.arithmetic_dataset import (
    BATCH_NOISE,
    PLAIN,
    ArithmeticDatasetConfig,
    Layer,
    arithmetic_dataset,
    train_network,
)
from extrapolate.experiments.arithmetic.arithmetic_dataset import NETWORKS as DATASET_NETWORKS
from extrapolate.stats import Estimate, difference_of_rates
from extrapolate.tasks import PUBLISHED_RANGES

#: The networks with noise U[1, high] by ``high``; 5 is the published one.
WITH_NOISE = {
    high: f"NAU-StochasticNMU-{high:g}" for high in (1.1, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
}

NETWORKS: dict[str, tuple[Layer, Layer]] = {
    PLAIN: DATASET_NETWORKS[PLAIN],
    **{name: (nn.NAU, partial(nn.StochasticNMU, high=high)) for high, name in WITH_NOISE.items()},
    BATCH_NOISE: DATASET_NETWORKS[BATCH_NOISE],
}


@dataclass(frozen=True, kw_only=True)
class NoiseRangeConfig(ArithmeticDatasetConfig):
    """That of the Arithmetic Dataset Task; the networks differ by their noise."""

    networks: tuple[str, ...] = lab.names(
        NETWORKS, "Networks to train (the number is the upper end of the noise)", "network"
    )


# ------------------------------------------------------------------------------------------------------ findings

#: A band of upper ends is broad if its greatest is at least this many times its least. Our bound.
BROAD = 5.0

#: A share counts as no smaller if the interval of the difference lies above minus this. Our bound.
MARGIN = 0.25

Rates = Mapping[float, Estimate]


def rate_of(results: pl.DataFrame, network: str) -> Estimate:
    return lab.share_of(results.filter(unit=network))


def rates_by_noise(results: pl.DataFrame) -> Rates:
    """The share solved by upper end, of those that were run."""
    rates = {high: rate_of(results, name) for high, name in WITH_NOISE.items()}
    return {high: rate for high, rate in rates.items() if rate.n}


def best_of(rates: Rates) -> float:
    """The upper end with which most models are solved; the least of several."""
    return max(rates, key=lambda high: rates[high].value or 0.0)


def widest_band(rates: Rates) -> list[float]:
    """The neighbouring upper ends around the best with which no smaller share is solved."""
    highs, best = list(rates), best_of(rates)
    differences = [difference_of_rates(rates[high], rates[best]) for high in highs]
    as_good = [each.low is not None and each.low > -MARGIN for each in differences]
    first = last = highs.index(best)
    while first > 0 and as_good[first - 1]:
        first -= 1
    while last < len(highs) - 1 and as_good[last + 1]:
        last += 1
    return highs[first : last + 1]


def band(results: pl.DataFrame) -> lab.Found | None:
    """How many times the least end of the widest band its greatest is."""
    rates = rates_by_noise(results)
    if len(rates) < 2:
        return None
    highs = widest_band(rates)
    least, greatest = highs[0], highs[-1]
    shares = ", ".join(f"U[1,{high:g}] {rate.value:.0%}" for high, rate in rates.items())
    note = f"from U[1,{least:g}] to U[1,{greatest:g}]; share solved: {shares}"
    ratio = Estimate(greatest / least, None, None, len(rates))
    return lab.Found(ratio, note, greatest >= BROAD * least)


def gain_from_noise(name: str, results: pl.DataFrame) -> lab.Found | None:
    rate, plain = rate_of(results, name), rate_of(results, PLAIN)
    if not rate.n or not plain.n:
        return None
    note = f"share solved: {rate.value:.0%}, without noise {plain.value:.0%}"
    return lab.Found(difference_of_rates(rate, plain), note)


def batch_noise_less_the_best(results: pl.DataFrame) -> lab.Found | None:
    rates, batch = rates_by_noise(results), rate_of(results, BATCH_NOISE)
    if not rates or not batch.n:
        return None
    best = best_of(rates)
    shares = f"share solved {rates[best].value:.0%}, with batch noise {batch.value:.0%}"
    return lab.Found(difference_of_rates(batch, rates[best]), f"the best is U[1,{best:g}]: {shares}")


def findings(config: NoiseRangeConfig) -> Iterator[lab.Finding]:
    """The noise may be chosen from a broad band, helps, and need not be chosen where it follows the batch."""
    bounds = {"broad": BROAD, "margin": MARGIN}
    yield lab.Finding("StochasticNMU/broad-band-of-noises", band, bounds)
    for name in WITH_NOISE.values():
        gain = partial(gain_from_noise, name)
        yield lab.Finding("{network}/solves-more-than-NAU-NMU", gain, {"network": name})
    yield lab.Finding("NAU-BatchStochasticNMU/as-good-as-the-best", batch_noise_less_the_best)


# ---------------------------------------------------------------------------------------------------- experiment


def notes(config: NoiseRangeConfig) -> list[str]:
    """Which noises there are, then how the models were trained and judged."""
    return [
        "NAU-StochasticNMU-k: noise U[1, k]; NAU-BatchStochasticNMU: U[1, 1 + 1 / std] of the batch, recomputed at "
        "every step.",
        "The authors' script (bmistry4/nalm-robust-nmu, arithmetic_dataset_noise_ranges.sh) tries U[0.01, 0.05], "
        "U[0.1, 0.5], U[1, 2] and U[5, 10] beside U[1, 5]; here the noise always begins at 1.",
        *arithmetic_dataset.notes(config),
    ]


@lab.experiment(
    papers=["2211.05624"],
    laptop=NoiseRangeConfig(
        networks=(PLAIN, *(WITH_NOISE[high] for high in (1.5, 2, 5, 10, 50)), BATCH_NOISE),
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
        **vars(arithmetic_dataset.presets["paper"]),
        "networks": tuple(NETWORKS),
        "seeds": 25,
        "steps": 2_000_000,
    },
    smoke={
        **vars(arithmetic_dataset.presets["smoke"]),
        "networks": (WITH_NOISE[2], WITH_NOISE[5], BATCH_NOISE),
    },
    findings=findings,
    notes=notes,
)
def noise_range(config: NoiseRangeConfig) -> Iterator[lab.Training]:
    for name in config.networks:
        for ranges in config.ranges:
            yield train_network(config, name, NETWORKS[name], ranges)
