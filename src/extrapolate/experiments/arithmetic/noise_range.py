"""How much noise the stochastic NMU needs: the Arithmetic Dataset Task with several noise ranges."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import takewhile

import polars as pl

from extrapolate import nn
from extrapolate.experiments import lab
from extrapolate.experiments.arithmetic._subsets import Layer
from extrapolate.experiments.arithmetic.arithmetic_dataset import (
    BATCH_NOISE,
    PLAIN,
    ArithmeticDatasetConfig,
    arithmetic_dataset,
    train_network,
)
from extrapolate.stats import Estimate, difference_of_rates
from extrapolate.tasks import PUBLISHED_RANGES

#: The networks with noise U[1, high], by ``high``; 5 is the published value.
WITH_NOISE = {high: f"NAU-StochasticNMU-{high:g}" for high in (1.1, 1.5, 2, 3, 5, 10, 20, 50, 100)}

NETWORKS: dict[str, tuple[Layer, Layer]] = {
    PLAIN: (nn.NAU, nn.NMU),
    **{name: (nn.NAU, partial(nn.StochasticNMU, high=high)) for high, name in WITH_NOISE.items()},
    BATCH_NOISE: (nn.NAU, nn.BatchStochasticNMU),
}


@dataclass(frozen=True, kw_only=True)
class NoiseRangeConfig(ArithmeticDatasetConfig):
    """Options of the Arithmetic Dataset Task; the networks differ by their noise."""

    networks: tuple[str, ...] = lab.names(
        NETWORKS, "Networks to train (NAU-StochasticNMU-k has noise in U[1, k])", "network"
    )


PAPER, SMOKE = (vars(arithmetic_dataset.presets[name]) for name in ("paper", "smoke"))

#: This project's bounds. A band of upper ends is broad if its greatest is at least ``BROAD`` times its least. A share
#: counts as equally large if the interval of the difference lies above -``MARGIN``.
BROAD, MARGIN = 5.0, 0.25


def rates_by_noise(results: pl.DataFrame) -> tuple[dict[float, Estimate], float]:
    """Return the share solved by upper end (of the ends that were run), and the best end (the lowest, if several)."""
    rates = {high: lab.share_of(results.filter(model=name)) for high, name in WITH_NOISE.items()}
    rates = {high: rate for high, rate in rates.items() if rate.n}
    return rates, max(rates, key=lambda high: rates[high].value or 0.0, default=0.0)


def band(results: pl.DataFrame) -> lab.Found | None:
    """Measure the band of upper ends around the best that solve an equally large share: greatest ÷ least."""
    rates, best = rates_by_noise(results)
    if len(rates) < 2:
        return None

    def as_good(high: float) -> bool:
        low = difference_of_rates(rates[high], rates[best]).low
        return low is not None and low > -MARGIN

    least = [best, *takewhile(as_good, (high for high in reversed(rates) if high < best))][-1]
    greatest = [best, *takewhile(as_good, (high for high in rates if high > best))][-1]
    shares = ", ".join(f"U[1,{high:g}] {rate.value:.0%}" for high, rate in rates.items())
    note = f"from U[1,{least:g}] to U[1,{greatest:g}]; share solved: {shares}"
    return lab.Found(Estimate(greatest / least, None, None, len(rates)), note, greatest >= BROAD * least)


def gain_from_batch_noise(results: pl.DataFrame) -> lab.Found | None:
    rates, best = rates_by_noise(results)
    if not rates:
        return None
    batch, noisy = results.filter(model=BATCH_NOISE), results.filter(model=WITH_NOISE[best])
    return lab.gain(batch, noisy, f"the best is U[1,{best:g}]: share solved {{1}}, with batch noise {{0}}")


def findings(config: NoiseRangeConfig) -> Iterator[lab.Finding]:
    def gain(name: str, results: pl.DataFrame) -> lab.Found | None:
        noisy, plain = results.filter(model=name), results.filter(model=PLAIN)
        return lab.gain(noisy, plain, "share solved: {0}, without noise {1}")

    yield lab.Finding("StochasticNMU/broad-band-of-noises", band, {"broad": BROAD, "margin": MARGIN})
    for name in WITH_NOISE.values():
        yield lab.Finding("{network}/solves-more-than-NAU-NMU", partial(gain, name), {"network": name})
    yield lab.Finding("NAU-BatchStochasticNMU/as-good-as-the-best", gain_from_batch_noise)


def notes(config: NoiseRangeConfig) -> list[str]:
    return [
        "NAU-StochasticNMU-k: noise U[1, k]; NAU-BatchStochasticNMU: U[1, 1 + 1 / std] of the batch, recomputed at "
        "every step.",
        "The authors' script (bmistry4/nalm-robust-nmu, arithmetic_dataset_noise_ranges.sh) tries U[0.01, 0.05], "
        "U[0.1, 0.5], U[1, 2] and U[5, 10] besides U[1, 5]. Here the lower end of the noise is always 1.",
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
    paper=PAPER | {"networks": tuple(NETWORKS), "seeds": 25, "steps": 2_000_000},
    smoke=SMOKE | {"networks": (WITH_NOISE[2], WITH_NOISE[5], BATCH_NOISE)},
    findings=findings,
    notes=notes,
)
def noise_range(config: NoiseRangeConfig) -> Iterator[lab.Training]:
    for name in config.networks:
        for ranges in config.ranges:
            yield train_network(config, name, NETWORKS[name], ranges)
