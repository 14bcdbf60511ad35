"""The main result of a run in one sentence."""

from extrapolate.report.files import Folder
from extrapolate.report.success import Success, successes
from extrapolate.report.words import all_of, join_words, operation_name


def headline(folder: Folder) -> str:
    """Return one sentence: the findings that hold, and the best units; or that there are no results yet."""
    parts = [part for part in (_findings(folder), *_bests(folder)) if part]
    if not parts:
        return _describe_unjudged(folder)
    sentence = "; ".join(parts)
    if not folder.finished:
        return f"So far: {sentence}."
    return sentence[0].upper() + sentence[1:] + "."


def _describe_unjudged(folder: Folder) -> str:
    if not folder.finished:
        return "No results yet."
    return "The results are not enough to judge a finding." if folder.claims else "The run has no results."


def _findings(folder: Folder) -> str:
    judged = [claim for claim in folder.findings if claim.holds is not None]
    if not judged:
        return ""
    hold = sum(bool(claim.holds) for claim in judged)
    if len(judged) == 1:
        return f"the published finding {'holds' if hold else 'does not hold'}"
    if hold == len(judged):
        return f"{all_of(hold, 'published finding')} hold"
    return f"{hold} of {len(judged)} published findings {'holds' if hold == 1 else 'hold'}"


def _bests(folder: Folder) -> list[str]:
    """Return for one operation its best units; for several, which of them are solved in every range."""
    tables = successes(folder)
    if len(tables) == 1:
        return [_best(tables[0])]
    solved = [operation_name(table.task) for table in tables if _perfect(table)]
    unsolved = [operation_name(table.task) for table in tables if not _perfect(table)]
    parts = []
    if solved:
        parts.append(f"{join_words(solved)} {'is' if len(solved) == 1 else 'are'} solved in every range")
    if unsolved:
        parts.append(f"no unit solves {join_words(unsolved)} in every range")
    return parts


def _perfect(table: Success) -> list[str]:
    """Return the units of which every model solves every range of the table."""
    perfect = []
    for unit in table.units:
        cells = [table.at(unit, range) for range in table.ranges]
        if all(cell is not None and cell.n > 0 and cell.solved == cell.n for cell in cells):
            perfect.append(unit)
    return perfect


def _best(table: Success) -> str:
    perfect, name = _perfect(table), operation_name(table.task)
    ranges = all_of(len(table.ranges), "range")
    if perfect:
        names = perfect if len(perfect) <= 4 else [*perfect[:3], f"{len(perfect) - 3} others"]
        return f"{join_words(names)} {'solves' if len(perfect) == 1 else 'solve'} {name} in {ranges}"
    best = table.units[0]
    solved, n = table.total(best)
    if solved == 0:
        return f"no model solves {name}"
    return f"no unit solves {name} in {ranges}; {best} comes closest with {solved} of {n} models"
