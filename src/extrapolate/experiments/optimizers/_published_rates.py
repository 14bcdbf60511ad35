"""The published learning-rate figure: the data behind figure 1 of arXiv 2006.14560 (its notebook)."""

import polars as pl

RATES = (1.0, 0.1, 0.01, 0.001, 0.0001)

#: Accuracies in per cent, on three image sets.
ACCURACY: dict[str, dict[str, tuple[float, ...]]] = {
    "Madam": {
        "CIFAR-10": (20.24, 79.98, 90.46, 83.51, 71.89),
        "CIFAR-100": (10, 67.22, 69.88, 47.72, 19.57),
        "ImageNet": (0.1, 4.5, 56.83, 54.59, 19.69),
    },
    "SGD": {
        "CIFAR-10": (87.82, 92.58, 91.64, 86.79, 78.38),
        "CIFAR-100": (59.58, 70.01, 67.22, 58.81, 36.12),
        "ImageNet": (39.95, 60.88, 47.1, 29.70, 3.8),
    },
    "Adam": {
        "CIFAR-10": (10, 91.36, 92.19, 93.28, 89.73),
        "CIFAR-100": (1, 61.18, 61.2, 70.47, 62.84),
        "ImageNet": (0.1, 49.9, 67.4, 67.6, 63.2),
    },
}

#: Fréchet inception distance, and perplexity (infinite where it overflowed).
ERRORS: dict[str, dict[str, tuple[float, ...]]] = {
    "Madam": {
        "GAN": (255.7, 115.8, 29.16, 39.28, 83.74),
        "Wikitext-2": (3791, 367.6, 214.3, 267.6, 552.2),
    },
    "SGD": {
        "GAN": (678.7, 380.2, 41.8, 54.95, 109.8),
        "Wikitext-2": (204.4, 374.9, 792.3, 2005, 16328),
    },
    "Adam": {
        "GAN": (496.1, 496.2, 300, 106.8, 26.79),
        "Wikitext-2": (float("inf"), 25519, 1526, 258, 199.7),
    },
}


def errors(optimizer: str) -> dict[str, tuple[float, ...]]:
    """The error at each of ``RATES``, by task, as in the figure: in per cent where it has accuracies."""
    wrong = {task: tuple(100 - each for each in row) for task, row in ACCURACY[optimizer].items()}
    return wrong | ERRORS[optimizer]


def best_rates(optimizer: str) -> dict[str, float]:
    """The rate with the lowest error, by task."""
    return {task: RATES[row.index(min(row))] for task, row in errors(optimizer).items()}


def table(optimizer: str) -> pl.DataFrame:
    """A row for each task and rate."""
    lines = [
        (optimizer, task, rate, error)
        for task, row in errors(optimizer).items()
        for rate, error in zip(RATES, row, strict=True)
    ]
    schema = {"optimizer": pl.String, "task": pl.String, "rate": pl.Float64, "error": pl.Float64}
    return pl.DataFrame(lines, schema=schema, orient="row")
