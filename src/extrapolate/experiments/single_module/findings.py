"""The published findings on the Single Module Task: sentences, and when each of them holds."""

from collections.abc import Callable
from dataclasses import dataclass

from extrapolate.experiments.intervals import Estimate
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES

HARD_FOR_NMU = ("U[-2,-1]", "U[-1.2,-1.1]")
ALL = tuple(str(pair) for pair in PUBLISHED_RANGES)
NEGATIVE = tuple(str(pair) for pair in PUBLISHED_RANGES if pair.train.intervals[0][0] < 0)
POSITIVE = tuple(name for name in ALL if name not in NEGATIVE)


@dataclass(frozen=True)
class Finding:
    """A published sentence about one unit and operation on some ranges.

    ``holds(rates)`` judges the share solved by range; ``explain(rates)`` says why it does not hold.
    """

    id: str
    unit: str
    operation: str
    ranges: tuple[str, ...]
    claim: str
    published: str
    holds: Callable[[dict[str, Estimate]], bool]
    explain: Callable[[dict[str, Estimate]], str] = lambda rates: _rates_text(rates)


def _rate(estimate: Estimate) -> float:
    return estimate.value or 0.0


def _rates_text(rates: dict[str, Estimate]) -> str:
    return "share solved: " + ", ".join(f"{name} {_rate(rate):.0%}" for name, rate in rates.items())


def _all_solved(rates: dict[str, Estimate]) -> bool:
    return all(_rate(rate) == 1 for rate in rates.values())


def _none_solved(rates: dict[str, Estimate]) -> bool:
    return all(_rate(rate) == 0 for rate in rates.values())


def _interval_excludes_one(rates: dict[str, Estimate]) -> bool:
    return all(rate.high is not None and rate.high < 1 for rate in rates.values())


def _not_all_solved(rates: dict[str, Estimate]) -> bool:
    return not _all_solved(rates)


def _only_some_positive(rates: dict[str, Estimate]) -> bool:
    positive = [_rate(rates[name]) for name in POSITIVE]
    return _none_solved({name: rates[name] for name in NEGATIVE}) and max(positive) > 0 and min(positive) < 1


def _which_negative(rates: dict[str, Estimate]) -> str:
    solved = [name for name in NEGATIVE if _rate(rates[name]) > 0]
    if not solved:
        return _rates_text(rates)
    return (
        f"solves negative ranges too ({', '.join(solved)}): it multiplies magnitudes, and the product of two "
        f"negative numbers is the product of their magnitudes; {_rates_text(rates)}"
    )


#: The units of arXiv 2110.05177 and 2101.09530 that divide.
DIVIDERS = ("NACMul", "NALU", "INALU", "GNALU", "NPU", "RealNPU", "ModifiedRealNPU", "NRU", "NMRU")

STOCHASTIC_PAPER = "arXiv 2211.05624"
FINDINGS: tuple[Finding, ...] = (
    *(
        Finding(
            f"{unit}/mul/solves-every-range",
            unit,
            "mul",
            ALL,
            f"{unit} learns × in every range with every seed",
            f"succeeds in all nine ranges ({STOCHASTIC_PAPER})",
            _all_solved,
        )
        for unit in ("StochasticNMU", "BatchStochasticNMU")
    ),
    Finding(
        "NMU/mul/solves-seven-ranges",
        "NMU",
        "mul",
        tuple(name for name in ALL if name not in HARD_FOR_NMU),
        "NMU learns × with every seed in the seven ranges other than " + " and ".join(HARD_FOR_NMU),
        f"succeeds there ({STOCHASTIC_PAPER})",
        _all_solved,
    ),
    *(
        Finding(
            f"NMU/mul/fails-in-{name}",
            "NMU",
            "mul",
            (name,),
            f"NMU fails for some seeds in {name}: the interval of its success rate excludes 1",
            f"success below 1 ({STOCHASTIC_PAPER})",
            _interval_excludes_one,
        )
        for name in HARD_FOR_NMU
    ),
    *(
        Finding(
            f"{unit}/mul/only-some-positive-ranges",
            unit,
            "mul",
            ALL,
            f"{unit} learns × only in some of the positive ranges",
            "succeeds only in some positive ranges (arXiv 2101.09530, 2001.05016)",
            _only_some_positive,
            _which_negative,
        )
        for unit in ("NACMul", "NALU")
    ),
    *(
        Finding(
            f"NAU/{operation}/solves-every-range",
            "NAU",
            operation,
            ALL,
            f"NAU learns {OPERATIONS[operation].symbol} in every range with every seed",
            "succeeds in all nine ranges at two inputs (arXiv 2101.09530)",
            _all_solved,
        )
        for operation in ("add", "sub")
    ),
    *(
        Finding(
            f"MLP/{operation}/never-extrapolates",
            "MLP",
            operation,
            ALL,
            f"a ReLU network never extrapolates {OPERATIONS[operation].symbol}",
            "success 0 in every range (arXiv 2101.09530)",
            _none_solved,
        )
        for operation in OPERATIONS
    ),
    *(
        Finding(
            f"{unit}/div/not-in-every-range",
            unit,
            "div",
            ALL,
            f"{unit} does not learn ÷ in every range with every seed",
            "no unit succeeds in every range (arXiv 2110.05177)",
            _not_all_solved,
        )
        for unit in DIVIDERS
    ),
    Finding(
        "RealNPU/div/fails-on-negative-ranges",
        "RealNPU",
        "div",
        NEGATIVE,
        "RealNPU fails ÷ for some seeds in every range with negative inputs",
        "fails where inputs are negative or tiny (arXiv 2110.05177)",
        _interval_excludes_one,
    ),
)
