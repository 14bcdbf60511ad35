"""Format numbers and names for readers, as plain text: the page escapes it."""

import json
import math
import re

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
WORD = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[^A-Z\s_-]+|.")
OPERATIONS = {
    "add": ("addition", "a + b"),
    "sub": ("subtraction", "a − b"),
    "mul": ("multiplication", "a × b"),
    "div": ("division", "a ÷ b"),
}
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
THIN = "\u202f"


def printable(text: str) -> str:
    """Return `text` on one line, without characters that can break a terminal, an XML parser or the layout."""
    return UNPRINTABLE.sub(lambda found: " " if found[0] in "\t\n\r\u2028\u2029" else "\ufffd", text)


def shorten(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def parts(name: str) -> list[str]:
    """Split a name like `BatchStochasticNMU` into words, between which a line may break."""
    return WORD.findall(name)


def operation_name(task: str) -> str:
    return OPERATIONS[task][0] if task in OPERATIONS else task


def operation_title(task: str) -> str:
    if task not in OPERATIONS:
        return task
    name, formula = OPERATIONS[task]
    return f"{name.capitalize()}, {formula}"


def join_words(names: list[str]) -> str:
    """Return `["a", "b", "c"]` as "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def format_count(count: int, noun: str) -> str:
    word = COUNTS[count] if 0 <= count < len(COUNTS) else str(count)
    return f"{word} {noun}" if count == 1 else f"{word} {noun}s"


def all_of(count: int, noun: str) -> str:
    """Return such as "all nine ranges", "both ranges", "the one range"."""
    if count == 1:
        return f"the one {noun}"
    return f"both {noun}s" if count == 2 else f"all {format_count(count, noun)}"


def number(amount: float) -> str:
    """Return three significant digits, with thousands separators; `e` only for very large or small numbers."""
    if not math.isfinite(amount):
        return "–" if math.isnan(amount) else ("∞" if amount > 0 else "−∞")
    if amount == 0:
        return "0"
    size = abs(amount)
    if size >= 1e7 or size < 1e-3:
        mantissa, exponent = f"{size:.2e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    elif size >= 1000 or size == int(size):
        text = f"{size:,.0f}".replace(",", THIN)
    else:
        text = f"{size:.3g}"
    return (("−" if amount < 0 else "") + text).replace("e-", "e−")


def short_number(amount: float) -> str:
    """Return a short form for axes and panels: `12k`, `1.5M`, `2e−6`."""
    size = abs(amount)
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if unit <= size < 1000 * unit:
            return f"{amount / unit:.3g}{letter}".replace("-", "−")
    if size != 0 and (size < 1e-2 or size >= 1e12):
        return f"{amount:.0e}".replace("e-0", "e−").replace("e-", "e−").replace("e+", "e").replace("-", "−")
    return f"{amount:.3g}".replace("-", "−")


def interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{number(low)} – {number(high)}"


def percents(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{100 * low:.0f}–{100 * high:.0f}{THIN}%"


def value(item: object) -> str:
    """Return any JSON value as one line of text."""
    if item is None:
        return "–"
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, float):
        return number(item)
    if isinstance(item, int):
        return f"{item:,}".replace(",", THIN).replace("-", "−")
    if isinstance(item, str):
        return printable(item)
    if isinstance(item, list):
        return ", ".join(map(value, item)) or "–"
    return printable(json.dumps(item, ensure_ascii=False))


def duration(seconds: float | None) -> str:
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
