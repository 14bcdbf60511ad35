"""Find formulas in tables: ``ArithmeticRegressor`` against gplearn with its defaults.

Both sides read the same CSV files, in turn, each in a new process, with the same time limit. A side is right
on a table if its relative error is below 1e-6 on the fitted inputs times 100. Prints one JSON line per table,
then one with the share of exact formulas and the median time to one.

    pip install gplearn && python benchmarks/fit.py [--seconds 60] [--tables 20]
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[np.float64]
Range = tuple[float, float]

ROWS, FAR, RIGHT = 500, 100.0, 1e-6

TABLES: list[tuple[str, dict[str, Range]]] = [
    ("U*J", {"U": (0.1, 10), "J": (1, 1000)}),
    ("0.5*m*v**2", {"m": (1, 100), "v": (-30, 30)}),
    ("n*8.314*T/V", {"n": (0.1, 5), "T": (200, 400), "V": (1e-3, 1)}),
    ("6.674*a*b/r**2", {"a": (1, 10), "b": (1, 10), "r": (1, 20)}),
    ("price*qty + shipping", {"price": (1, 100), "qty": (0, 20), "shipping": (0, 15)}),
    ("gross - tax - fee", {"gross": (1000, 5000), "tax": (0, 900), "fee": (0, 50)}),
    ("a*b + c*d", {"a": (-5, 5), "b": (-5, 5), "c": (-5, 5), "d": (-5, 5)}),
    ("(a - b)/c", {"a": (-10, 10), "b": (-10, 10), "c": (1, 10)}),
    ("1.8*C + 32", {"C": (-40, 100)}),
    ("w/h**2", {"w": (40, 120), "h": (1.4, 2.1)}),
    ("2*pi*sqrt(l/g)", {"l": (0.1, 5), "g": (1, 20)}),
    ("a*b/(a + b)", {"a": (1, 100), "b": (1, 100)}),
    ("(a + b)*(c + d)", {"a": (1, 5), "b": (-5, 5), "c": (0, 5), "d": (-5, 5)}),
    ("(m*u + n*v)/(m + n)", {"m": (1, 10), "u": (-10, 10), "n": (1, 10), "v": (-10, 10)}),
    ("sqrt(a**2 + b**2)", {"a": (-5, 5), "b": (-5, 5)}),
    ("v*t - 4.905*t**2", {"v": (5, 50), "t": (0, 10)}),
    ("price*qty*(1 - discount)", {"price": (1, 500), "qty": (1, 50), "discount": (0, 0.5)}),
    ("a/(b + 2.5)", {"a": (1, 10), "b": (0, 10)}),
    ("a/b + c/d", {"a": (1, 10), "b": (1, 10), "c": (-10, 10), "d": (1, 10)}),
    ("a*b", {"a": (-3, 3), "b": (-3, 3)}),
]
DISTRACTORS: dict[str, Range] = {"other": (-1, 1), "large": (1e5, 1e6), "tiny": (1e-3, 2e-3)}


def truth(formula: str, frame: pl.DataFrame) -> Array:
    columns = {name: frame[name].to_numpy() for name in frame.columns}
    return np.asarray(eval(formula, {"sqrt": np.sqrt, "pi": np.pi}, columns), float)


def write_table(path: Path, formula: str, ranges: dict[str, Range], seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({name: rng.uniform(*span, ROWS) for name, span in (DISTRACTORS | ranges).items()})
    frame.with_columns(target=truth(formula, frame)).write_csv(path)


def extrapolate_fit(x: Array, y: Array, seconds: float) -> tuple[Callable[[Array], Array], str]:
    from extrapolate.estimator import ArithmeticRegressor

    model = ArithmeticRegressor(time_limit=seconds).fit(x, y)
    return model.predict, str(model.expression_)


def gplearn_fit(x: Array, y: Array, seconds: float) -> tuple[Callable[[Array], Array], str]:
    from gplearn.genetic import SymbolicRegressor  # pyright: ignore[reportMissingImports]

    model = SymbolicRegressor(random_state=0).fit(x, y)
    return model.predict, str(model._program)


SIDES = {"extrapolate": extrapolate_fit, "gplearn": gplearn_fit}


def measure(side: str, path: Path, formula: str, seconds: float, queue: "multiprocessing.Queue[dict]") -> None:
    frame = pl.read_csv(path)
    inputs = frame.drop("target")
    x, y = inputs.to_numpy(), frame["target"].to_numpy()
    SIDES[side](x[:20], x[:20, 0], 1.0)  # warm-up: imports and first calls
    started = time.perf_counter()
    predict, answer = SIDES[side](x, y, seconds)
    taken = time.perf_counter() - started
    far = FAR * inputs
    expected = truth(formula, far)
    error = np.abs(predict(far.to_numpy()) - expected).max() / np.abs(expected).max()
    queue.put({"right": bool(error < RIGHT), "seconds": round(taken, 3), "answer": answer[:200]})


def run(side: str, path: Path, formula: str, seconds: float) -> dict:
    """Run one side on one table, in a new process that is killed 30 seconds after the time limit."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=measure, args=(side, path, formula, seconds, queue))
    process.start()
    try:
        return queue.get(timeout=seconds + 30.0)
    except Empty:
        return {"right": False, "seconds": seconds, "answer": "none within the time limit"}
    finally:
        process.kill()
        process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="time limit per table in seconds (default 60)")
    parser.add_argument("--tables", type=int, default=len(TABLES), help="number of tables (default all)")
    options = parser.parse_args()
    results: dict[str, list[dict]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        for seed, (formula, ranges) in enumerate(TABLES[: options.tables]):
            path = Path(folder) / f"{seed}.csv"
            write_table(path, formula, ranges, seed)
            for side, rows in results.items():
                rows.append(run(side, path, formula, options.seconds))
            print(
                json.dumps({"formula": formula} | {side: rows[-1] for side, rows in results.items()}),
                flush=True,
            )
    summary: dict[str, object] = {"benchmark": "fit", "tables": options.tables, "time_limit": options.seconds}
    for side, rows in results.items():
        times = [row["seconds"] for row in rows if row["right"]]
        summary[f"{side}_exact"] = len(times) / len(rows)
        summary[f"{side}_median_seconds_to_exact"] = statistics.median(times) if times else None
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
