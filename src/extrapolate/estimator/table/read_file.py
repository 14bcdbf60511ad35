"""Read a file as rows of cells: all rows, or for a very large file a sample spread over it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import polars as pl

from extrapolate._runtime.errors import UserError
from extrapolate.estimator.table.file_kind import kind_of
from extrapolate.estimator.table.file_layout import Layout, layout_of

#: A file of more bytes is sampled: ``BLOCKS`` evenly spread pieces, together half of this size.
LARGEST = 256 * 2**20
BLOCKS = 64

#: Rows per batch when a whole file is read in batches.
BATCH = 200_000

#: The name of the extra column with the row number, for error messages.
ROW = "\x00row"


@dataclass(frozen=True)
class Table:
    """The cells of a file before they are parsed.

    Attributes:
        path: of the file.
        frame: text columns for a text file; the stored types for parquet. ``ROW`` is the row number from 1,
            or null in a sample.
        layout: None for parquet.
        notes: sentences for the user, about sampling.
    """

    path: Path
    frame: pl.DataFrame
    layout: Layout | None
    notes: tuple[str, ...] = field(default=())

    @property
    def names(self) -> list[str]:
        return [name for name in self.frame.columns if name != ROW]


def read_table(path: Path) -> Table:
    """Read the table in ``path``, or a sample of it if the file is larger than ``LARGEST`` bytes.

    Raises:
        UserError: the file is missing, empty, not a table, or a row has too many cells.
    """
    large = path.stat().st_size > LARGEST if path.is_file() else False
    if kind_of(path) == "parquet":
        return _parquet_sample(path) if large else Table(path, _add_row_numbers(_parquet(path).collect()), None)
    if large:
        return _text_sample(path)
    layout = layout_of(path)
    frame = _parse(path, path.read_bytes(), layout)
    return Table(path, _without_blanks(_add_row_numbers(frame), layout), layout)


def read_batches(path: Path) -> Iterator[Table]:
    """Yield the whole table in batches of ``BATCH`` rows; an empty table yields one empty batch."""
    if kind_of(path) == "parquet":
        layout, lazy = None, _parquet(path)
    else:
        layout = layout_of(path)
        lazy = pl.scan_csv(path, separator=layout.separator, infer_schema=False, encoding="utf8")
        lazy = lazy.rename(dict(zip(lazy.collect_schema().names(), layout.names, strict=True)))
    done = 0
    try:
        for frame in lazy.collect_batches(chunk_size=BATCH, maintain_order=True):
            yield Table(path, _without_blank_lines(frame.with_row_index(ROW, offset=done + 1)), layout)
            done += len(frame)
        if not done:
            yield Table(path, lazy.head(0).collect().with_row_index(ROW), layout)
    except pl.exceptions.PolarsError as error:
        raise _unreadable(path, error, layout) from error


def _add_row_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_row_index(ROW, offset=1)


def _drop_row_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.lit(None, pl.UInt32).alias(ROW), pl.all())


def _without_blanks(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Drop empty lines, and the empty columns that come from a separator at the end of every line."""
    empty = [name for name in layout.nameless if frame[name].is_null().all()]
    return _without_blank_lines(frame.drop(empty))


def _without_blank_lines(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.any_horizontal(pl.exclude(ROW).is_not_null())) if frame.width > 2 else frame


def _parse(path: Path, content: bytes, layout: Layout) -> pl.DataFrame:
    try:
        frame = pl.read_csv(BytesIO(content), separator=layout.separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise _unreadable(path, error, layout) from error
    if frame.width != len(layout.names):
        raise UserError(f"{path}: its first line must name the columns")
    frame.columns = list(layout.names)
    return frame


def _text_sample(path: Path) -> Table:
    layout, size = layout_of(path), path.stat().st_size
    with open(path, "rb") as file:
        pieces = [file.read(layout.first_row)]
        for block in range(BLOCKS):
            file.seek(layout.first_row + (size - layout.first_row) * block // BLOCKS)
            piece = file.read(LARGEST // (2 * BLOCKS))
            begin = piece.find(b"\n") + 1 if block else 0
            pieces.append(piece[begin : piece.rfind(b"\n") + 1])
    frame = _without_blanks(_drop_row_numbers(_parse(path, b"".join(pieces), layout)), layout)
    return Table(path, frame, layout, (_sample(size, f"{len(frame):,} of its rows"),))


def _parquet(path: Path) -> pl.LazyFrame:
    lazy = pl.scan_parquet(path)
    try:
        lazy.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, error, None) from error
    return lazy


def _parquet_sample(path: Path) -> Table:
    lazy, size = _parquet(path), path.stat().st_size
    rows = int(lazy.select(pl.len()).collect().item())
    length = max(1, rows * LARGEST // size // (2 * BLOCKS))
    frame = pl.concat(lazy.slice(rows * block // BLOCKS, length).collect() for block in range(BLOCKS))
    note = _sample(size, f"{len(frame):,} of its {rows:,} rows")
    return Table(path, _drop_row_numbers(frame), None, (note,))


def _sample(size: int, rows: str) -> str:
    return f"the file is large ({size / 2**20:,.1f} MiB), so a sample was read: {rows}"


def _unreadable(path: Path, error: Exception, layout: Layout | None) -> UserError:
    """Return the error for an unreadable file; it names the offending line if that can be found."""
    if layout is not None and (found := _offending_line(path, layout)):
        return UserError(f"{path}: {found}")
    lines = [line for line in str(error).splitlines() if line.strip()]
    return UserError(f"{path} cannot be read as a table: {lines[0] if lines else type(error).__name__}")


def _offending_line(path: Path, layout: Layout) -> str | None:
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = f"0x{line[error.start]:02x}"
                return f"line {number} is not UTF-8 text (byte {byte}): save the file as UTF-8"
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter=layout.separator)
        for row in rows:
            if len(row) > len(layout.names):
                return f"line {rows.line_num} has {len(row)} cells, but there are {len(layout.names)} columns"
    return None
