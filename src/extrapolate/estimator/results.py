"""What a fit found, as one JSON object: the same for the same table and seed, but for its seconds."""

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
    """``model`` after its fit of ``data``; ``began``: on the monotonic clock."""
    symbols = model.symbols_
    used = model.formula_.expression(tuple(symbols.values()))
    shown = render(used, symbols, target)
    found = model.found_
    found_object = {
        "found": found,
        "expression": shown.text if found else None,
        "target": target,
        "symbols": {name: str(symbol) for name, symbol in symbols.items()},
        "latex": shown.latex if found else None,
        "mathml": shown.mathml if found else None,
        "reason": model.certificate_.reason,
        "fallback": None if found else shown.text,
        "coefficients": [
            {
                "term": each.term,
                "part": each.part,
                "value": each.value,
                "text": render(each.symbolic, symbols, target).text,
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
    """What the page says about how it was made."""
    return {
        "command": command,
        "finished": now(),
        "versions": versions() | {"sympy": version("sympy")},
    }


def _finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity: null stands for them."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
