"""How the published findings are judged on the results; what was measured beside them."""

import polars as pl

from extrapolate.experiments.arithmetic_dataset.claims import cut_short, measurements
from extrapolate.experiments.arithmetic_dataset.settings import ArithmeticDatasetSettings
from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import Estimate, difference_of_rates, success_rate
from extrapolate.experiments.noise_range.models import BATCH_NOISE, HIGHS, NO_NOISE, with_noise
from extrapolate.experiments.noise_range.settings import PRESETS
from extrapolate.tasks import PUBLISHED_RANGES

PUBLISHED, LEAST = PRESETS["paper"], PRESETS["laptop"]
SOURCE = "arXiv 2211.05624, noise study; quoted, unverified"

#: A band of upper ends is broad where its greatest is so many times its least.
BROAD = 5.0

#: How much smaller a share of solved models may be, at the end of the interval, to count as no smaller.
MARGIN = 0.25


def claims(results: pl.DataFrame, settings: ArithmeticDatasetSettings) -> list[Claim]:
    """The findings about the noises that were run, then every measurement by noise and range."""
    rates = {
        str(unit): success_rate(int(rows["solved"].sum()), rows.height)
        for (unit,), rows in results.group_by("unit", maintain_order=True)
    }
    fixed = {high: rates[with_noise(high)] for high in HIGHS if with_noise(high) in rates}
    return [
        *([_broad(fixed, settings)] if len(fixed) > 1 else []),
        *(
            _helps(name, rates[name], rates[NO_NOISE], settings)
            for name in map(with_noise, fixed)
            if NO_NOISE in rates
        ),
        *(
            [_removes_the_choice(rates[BATCH_NOISE], fixed, settings)]
            if fixed and BATCH_NOISE in rates
            else []
        ),
        *measurements(results),
    ]


def _share(rate: Estimate) -> float:
    return rate.value or 0.0


def _told(fixed: dict[float, Estimate]) -> str:
    return "share solved: " + ", ".join(f"U[1,{high:g}] {_share(rate):.0%}" for high, rate in fixed.items())


def _widest_band(fixed: dict[float, Estimate]) -> list[float]:
    """The neighbouring upper ends around the best that do not solve fewer models than it, by the interval."""
    highs = list(fixed)
    best = max(highs, key=lambda high: _share(fixed[high]))

    def as_good(high: float) -> bool:
        less = difference_of_rates(fixed[high], fixed[best])
        return less.low is not None and less.low > -MARGIN

    first = last = highs.index(best)
    while first > 0 and as_good(highs[first - 1]):
        first -= 1
    while last < len(highs) - 1 and as_good(highs[last + 1]):
        last += 1
    return highs[first : last + 1]


def _broad(fixed: dict[float, Estimate], settings: ArithmeticDatasetSettings) -> Claim:
    band = _widest_band(fixed)
    return _claim(
        "StochasticNMU/broad-band-of-noises",
        "the upper end of the noise may be chosen from a broad band: neighbouring ends, the greatest at least "
        f"{BROAD:g} times the least, solve no fewer models than the best, within {MARGIN:g} (measured: how many "
        "times)",
        f"works over a broad band of upper ends ({SOURCE})",
        Estimate(band[-1] / band[0], None, None, len(fixed)),
        band[-1] >= BROAD * band[0],
        f"from U[1,{band[0]:g}] to U[1,{band[-1]:g}]; {_told(fixed)}",
        settings,
    )


def _helps(name: str, rate: Estimate, plain: Estimate, settings: ArithmeticDatasetSettings) -> Claim:
    gain = difference_of_rates(rate, plain)
    return _claim(
        f"{name}/solves-more-than-{NO_NOISE}",
        f"{name} solves a larger share of models than {NO_NOISE} (measured: the difference)",
        "raises success where the NMU fails (arXiv 2211.05624)",
        gain,
        gain.low is not None and gain.low > 0,
        f"share solved: {_share(rate):.0%}, without noise {_share(plain):.0%}",
        settings,
    )


def _removes_the_choice(
    batch: Estimate, fixed: dict[float, Estimate], settings: ArithmeticDatasetSettings
) -> Claim:
    best = max(fixed, key=lambda high: _share(fixed[high]))
    gain = difference_of_rates(batch, fixed[best])
    return _claim(
        f"{BATCH_NOISE}/as-good-as-the-best",
        f"noise that follows the batch solves no fewer models than the best upper end, within {MARGIN:g} (measured: "
        "the difference)",
        f"removes the choice ({SOURCE})",
        gain,
        gain.low is not None and gain.low > -MARGIN,
        f"the best is U[1,{best:g}]: share solved {_share(fixed[best]):.0%}, by batch noise {_share(batch):.0%}",
        settings,
    )


def _claim(
    id: str,
    claim: str,
    published: str,
    measured: Estimate,
    holds: bool,
    told: str,
    settings: ArithmeticDatasetSettings,
) -> Claim:
    """A finding, judged where the training is as long as the least that says something."""
    judged = settings.steps >= LEAST.steps and settings.seeds >= LEAST.seeds
    missing = len(PUBLISHED_RANGES) - len(set(settings.ranges) & set(PUBLISHED_RANGES))
    ranges = f"{missing} of {len(PUBLISHED_RANGES)} ranges not run" if missing else ""
    why = "; ".join(
        filter(None, ["" if judged else "not judged", told, ranges, cut_short(settings, PUBLISHED)])
    )
    return Claim(
        id,
        claim,
        published,
        measured.value,
        interval_of(measured),
        measured.n,
        holds if judged else None,
        why,
    )
