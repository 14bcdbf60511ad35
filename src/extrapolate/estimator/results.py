"""The result of a fit as one JSON object; equal for equal table and seed, except ``seconds``."""

import math
import time
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from extrapolate._runtime.machine import now, versions
from extrapolate.estimator import ArithmeticRegressor
from extrapolate.estimator.formula.render import render
from extrapolate.estimator.table.fit_data import FitData


def answer(
    model: ArithmeticRegressor, data: FitData, *, file: str, target: str, seed: int, began: float
) -> dict[str, Any]:
    """Return the result of ``model`` fitted on ``data``; ``began``: its start in seconds (``time.monotonic``)."""
    symbols = model.symbols_
    expression = model.formula_.expression(tuple(symbols.values()))
    rendered = render(expression, symbols, target)
    found = model.found_
    found_object = {
        "found": found,
        "expression": rendered.text if found else None,
        "target": target,
        "symbols": {name: str(symbol) for name, symbol in symbols.items()},
        "latex": rendered.latex if found else None,
        "mathml": rendered.mathml if found else None,
        "reason": model.certificate_.reason,
        "fallback": None if found else rendered.text,
        "coefficients": [
            {
                "term": each.term,
                "part": each.part,
                "value": each.value,
                "written": render(each.symbolic, symbols, target).text,
                "estimate": each.refit,
                "standard_error": each.standard_error,
            }
            for each in model.coefficients_
        ],
        "certificate": asdict(model.certificate_),
        "candidates": [
            asdict(each) | {"expression": render(each.expression, symbols, target).text} for each in model.candidates_
        ],
        "file": file,
        "rows": data.rows,
        "rows_used": len(data.y),
        "columns": list(data.names),
        "notes": list(data.notes),
        "seed": seed,
        "seconds": round(time.monotonic() - began, 3),
    }
    return _finite(found_object)


def circumstances(command: str) -> dict[str, Any]:
    """Return the facts of the run for the page: command, time, versions."""
    return {
        "command": command,
        "finished": now(),
        "versions": versions() | {"sympy": version("sympy")},
    }


def _finite(value: Any) -> Any:
    """Replace NaN and infinity by null, since JSON has neither."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
