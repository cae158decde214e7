"""From a file to rows of fields: decoding, separators, quotes, and rows of equal width."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError

if TYPE_CHECKING:
    from _csv import Reader

# In order of preference where several fit: where a tab or a semicolon separates, commas are decimal points or
# text.
SEPARATORS = ("\t", ";", ",")
# Rows looked at to find the separator: enough for text with commas to give itself away.
SNIFFED = 20
# First bytes of workbooks and other zip archives, and of gzip.
ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b")
# A message that lists every bad cell of a long file is read by nobody.
SHOWN = 5

Row = tuple[int, list[str]]  # line number in the file, fields


def listed(cells: Sequence[str]) -> str:
    more = len(cells) - SHOWN
    return "; ".join(cells[:SHOWN]) + (f"; and {more} more" if more > 0 else "")


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without byte order mark. Raises DataError for whatever else it is."""
    try:
        if path.is_dir():
            raise DataError(f"{path}: this is a directory; name one CSV file inside it")
        if path.is_char_device() or path.is_block_device():  # it may never end
            raise DataError(f"{path}: this is a device; name a CSV file")
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file; check its name and your directory") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{path}: this is UTF-16 text; save it as UTF-8")
    if raw.startswith(ARCHIVES) or b"\0" in raw:
        raise DataError(f"{path}: this is a binary file ({raw[:8]!r}…); export the table as CSV text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = f"0x{error.object[error.start]:02x}"
        raise DataError(f"{path}: byte {byte} in row {line} is not UTF-8; save the file as UTF-8") from error


def split_rows(text: str, least: int = 2) -> list[Row]:
    """Non-blank rows with their line numbers, all of one width of at least ``least``. Raises DataError."""
    rows: list[Row] = []
    line = 1
    try:
        separator = _separator(text)
        reader = _reader(text, separator, strict=True)
        for fields in reader:
            if any(field.strip() for field in fields):  # spreadsheets append rows of separators only
                rows.append((line, [field.strip() for field in fields]))
            line = reader.line_num + 1  # a quoted field may span lines: a row is known by its first
    except csv.Error as error:
        raise DataError(f"row {line} cannot be split ({error}); look for a missing double quote") from error
    if not rows:
        raise DataError("the file is empty; give one row per observation, one column per quantity")
    first, fields = rows[0]
    width = len(fields)
    if width < least:
        raise DataError(
            f"row {first} is one field, {fields[0]!r}; separate columns by comma, semicolon or tab"
        )
    ragged = [f"row {line} has {len(fields)}" for line, fields in rows if len(fields) != width]
    if ragged:
        raise DataError(
            f"row {first} has {width} fields separated by {separator!r}, but {listed(ragged)}. Give all "
            "rows as many, and put a field that contains the separator in double quotes."
        )
    return rows


def _reader(text: str, separator: str, *, strict: bool) -> Reader:
    lines = io.StringIO(text, newline="")
    return csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=strict)


def _separator(text: str) -> str:
    """The separator that cuts the first rows into equally many fields, more than one."""
    widths = {}
    for separator in SEPARATORS:
        rows = filter(any, _reader(text, separator, strict=False))
        widths[separator] = [len(fields) for fields in islice(rows, SNIFFED)] or [0]
        if min(widths[separator]) == max(widths[separator]) != 1:  # 0: nothing but this separator
            return separator
    # None gives equal rows: take what cuts the first one finest, and let the ragged rows be reported.
    return max(SEPARATORS, key=lambda separator: widths[separator][0])
