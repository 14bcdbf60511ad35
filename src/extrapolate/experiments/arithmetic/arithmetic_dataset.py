"""The Arithmetic Dataset Task: the product of two sums over unknown parts of many numbers."""

from collections.abc import Iterator

import polars as pl

from extrapolate.experiments.arithmetic._dataset_training import (
    BATCH_NOISE,
    NETWORKS,
    PAPER,
    PLAIN,
    SMOKE,
    ArithmeticDatasetConfig,
    notes,
    train_network,
)
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding, Found, Measure, share_of
from extrapolate.experiments.training import Training
from extrapolate.stats import Estimate, difference_of_rates
from extrapolate.tasks import PUBLISHED_RANGES

SOURCE = "arXiv 2211.05624, Arithmetic Dataset Task"


def rates_of(results: pl.DataFrame, network: str) -> dict[str, Estimate]:
    """The share solved by range, over the published ranges."""
    rows = published(results, network)
    return {str(name): share_of(part) for (name,), part in rows.group_by("range", maintain_order=True)}


def published(results: pl.DataFrame, network: str) -> pl.DataFrame:
    return results.filter(pl.col("range").is_in([str(pair) for pair in PUBLISHED_RANGES]), unit=network)


def failing_ranges(results: pl.DataFrame) -> Found | None:
    """The share solved over all ranges; holds where the interval excludes 1 in at least two of them."""
    rates = rates_of(results, PLAIN)
    if not rates:
        return None
    failing = [name for name, rate in rates.items() if rate.high is not None and rate.high < 1]
    note = f"fails in {len(failing)} of {len(rates)} ranges ({', '.join(failing) or 'none'})"
    return Found(share_of(published(results, PLAIN)), note, len(failing) >= 2)


def gain_of(network: str) -> Measure:
    """The share solved over all ranges less that of NAU→NMU."""

    def measure(results: pl.DataFrame) -> Found | None:
        rates, plain = rates_of(results, network), rates_of(results, PLAIN)
        if not rates or not plain:
            return None
        gain = difference_of_rates(*(share_of(published(results, each)) for each in (network, PLAIN)))
        wins, plain_wins = (sum(rate.value == 1 for rate in each.values()) for each in (rates, plain))
        note = f"solved with every seed: {wins} ranges, by NAU→NMU {plain_wins}"
        return Found(gain, note, gain.low is not None and gain.low > 0)

    return measure


def findings(config: ArithmeticDatasetConfig) -> Iterator[Finding]:
    """NAU→NMU fails in several ranges, where stochastic units succeed."""
    yield Finding(
        f"{PLAIN}/fails-in-several-ranges",
        "NAU→NMU fails for some seeds in several ranges: in two or more, the interval of its success rate excludes 1",
        f"fails in several ranges, those of large magnitude and negative ones worst ({SOURCE})",
        failing_ranges,
    )
    for name in ("NAU-StochasticNMU", BATCH_NOISE):
        yield Finding(
            f"{name}/solves-more-than-{PLAIN}",
            f"{name.replace('-', '→')} solves a larger share of models over all ranges than NAU→NMU (measured: the "
            "difference)",
            f"raises success where NAU→NMU fails ({SOURCE})",
            gain_of(name),
        )


@experiment(
    source=(
        "Mistry, Farrahi & Hare, Improving the Robustness of Neural Multiplication Units with Reversible "
        "Stochasticity (arXiv 2211.05624, 2022); Madsen & Johansen, Neural Arithmetic Units (arXiv 2001.05016, "
        "ICLR 2020)"
    ),
    # Adam's own steps keep few weights within 1e-5 of their exact values in so short a training
    laptop=ArithmeticDatasetConfig(seeds=10, steps=150_000, eval_every=500, samples=2_000, epsilon=1e-4),
    paper=PAPER,
    smoke={"networks": tuple(NETWORKS)[:2], **SMOKE},
    findings=findings,
    notes=notes,
)
def arithmetic_dataset(config: ArithmeticDatasetConfig) -> Iterator[Training]:
    for name in config.networks:
        for ranges in config.ranges:
            yield train_network(config, name, NETWORKS[name], ranges)
