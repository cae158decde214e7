"""Read a table of numbers from the user's own CSV file, or say which cells stand in the way and what to do.

A row is counted as an editor or a spreadsheet counts it: the first line of the file is row 1. A column is
named as the header names it; without a header, by its index from 0.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, nearest
from .dataset import Dataset
from .rows import Row, listed, read_text, split_rows

# Lower-case spellings of "not measured". "none" and "-" are left out: they can be the name of a class.
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})

Kind = Literal["auto", "numbers", "classes"]
Column = list[tuple[int, str]]  # line number in the file, field
Faults = defaultdict[str, list[str]]  # what is wrong and what to do, cells to be named in it

EMPTY = "no value at all in {}. Delete the column."
GAP = "missing values at {}. Fill them in or delete these rows."
TEXT = "text in {}. Replace it by numbers, with decimal points, or delete the column."
NOT_NUMBER = "not a number at {}. Use a decimal point, as in 1500.5 or 1.5e3, no unit and no other sign."
NOT_FINITE = "not finite in double precision at {}. Correct or delete these rows."
MIXED = "numbers and text mixed in the target: {}. Correct the text, or set kind='classes' if both are labels."
LABELS = "text in the target: {}. Choose a model for classes, or replace the text by numbers."
NOT_LABELS = "measurements in place of class labels at {}. Predict this column as a number."
ONE_CLASS = "a single class in {}. A classifier needs rows of two or more."


def read_csv(
    path: str | PathLike[str], target: str | int, *, kind: Kind = "auto", header: bool | None = None
) -> Dataset:
    r"""Read a CSV file: the column ``target`` is to be predicted, all others are features.

    The file is UTF-8 text, with or without byte order mark; columns are separated by commas, semicolons or
    tabs, and a field that contains the separator is in double quotes. ``target`` is the name of a column or
    its index, from 0 or negative from the end; the index may be given as text, as on a command line. A first
    row without any number is a header, and so is one that contains the text ``target``; ``header`` decides
    otherwise.

    A target of numbers gives floats, one of text gives classes, numbered in sorted order and named in
    ``target_names``. ``kind="classes"`` makes classes of whole numbers too, ``kind="numbers"`` refuses text.

    Raises DataError, naming the file, the rows and the columns, for whatever is not a finite number where one
    is needed, and for a file that is not a table.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "pets.csv")
    ...     _ = file.write_text("legs,weight,animal\n4,5.5,cat\n2,0.1,bird\n4,30,dog\n")
    ...     pets = read_csv(file, target="animal")
    >>> pets
    <Dataset pets: 3 rows × 2 features, 3 classes: bird, cat, dog>
    >>> pets.target
    array([1, 0, 2])
    """
    path = Path(path)
    return parse_csv(read_text(path), target, name=path.stem, source=str(path), kind=kind, header=header)


def read_columns(path: str | PathLike[str], wanted: Sequence[str], *, header: bool | None = None) -> NDArray[np.float64]:
    """The columns named ``wanted`` of a CSV file, in that order, shape (n, d), as ``read_csv`` reads them; others are left
    out. Without a header, a file of d columns has them in that order.
    """
    text = read_text(Path(path))
    with told(str(path)):
        rows = split_rows(text, least=1)
        # A header is one whatever its names look like; "column 0" is what a column without a name is called.
        known = next((name for name in wanted if name in rows[0][1]), wanted[0])
        names = _take_names(rows, known, header, least=1)
        if names == [f"column {j}" for j in range(len(wanted))]:
            names = list(wanted)
        faults: Faults = defaultdict(list)
        for name in wanted:
            if name not in names:
                raise DataError(f"there is no column {name!r}, which the model needs; the columns are "
                                f"{listed([*map(repr, names)])}")
        columns = [_numbers(_column(rows, names.index(name)), name, faults) for name in wanted]
        refuse(faults)
    return np.column_stack(columns)


@contextmanager
def told(source: str) -> Iterator[None]:
    """Errors begin with the source of the data."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{source}: {error}") from error.__cause__


def refuse(faults: Faults) -> None:
    if faults:
        raise DataError("\n  ".join(fault.format(listed(cells)) for fault, cells in faults.items()))


def parse_csv(text: str, target: str | int, *, name: str, source: str, licence: str = "not stated", kind: Kind = "auto",
              header: bool | None = None) -> Dataset:
    """As ``read_csv``, from text; messages begin with ``source``."""
    if kind not in get_args(Kind):
        raise DataError(f"kind={kind!r} is not one of {', '.join(map(repr, get_args(Kind)))}")
    with told(source):
        rows = split_rows(text)
        names = _take_names(rows, target, header)
        index = _target_index(names, target)
        columns = [_column(rows, j) for j in range(len(names))]
        faults: Faults = defaultdict(list)
        values, classes = _target(columns.pop(index), names.pop(index), kind, faults)
        features = [_numbers(column, feature, faults) for column, feature in zip(columns, names, strict=True)]
        refuse(faults)
    return Dataset(name, np.column_stack(features), values, tuple(names), classes, source, licence)


# ---- what the columns are called, and which one is the target


def _take_names(rows: list[Row], target: str | int, header: bool | None, least: int = 2) -> list[str]:
    """Names of the columns; a header is taken off ``rows``."""
    first = rows[0][1]
    if header is None:
        named = target in first and _number(str(target)) is None
        header = named or all(_number(field) is None for field in first)
    names = [field if header and field else f"column {j}" for j, field in enumerate(first)]
    if header:
        del rows[0]
        where = defaultdict(list)
        for j, name in enumerate(names):
            where[name].append(j)
        twice = [f"{name!r} in columns {columns}" for name, columns in where.items() if len(columns) > 1]
        if twice:
            raise DataError(f"the header uses a name more than once: {listed(twice)}. Rename all but one.")
    if len(rows) < least:
        have = f"{'one row' if rows else 'no row'} of data{' below the header' * header}"
        raise DataError(f"there is {have}" + ("; nothing can be learnt from fewer than two" if least > 1 else ""))
    return names


def _target_index(names: list[str], target: str | int) -> int:
    """Index, from 0 or from the end, of the column that the caller named."""
    if target in names:
        return names.index(str(target))
    n = len(names)
    try:
        index = int(str(target))
    except ValueError as error:
        raise DataError(f"there is no column {target!r}{nearest(str(target), names)}; the columns are "
                        f"{listed([*map(repr, names)])}. Name one, or give its index, 0 to {n - 1}.") from error
    if not -n <= index < n:
        raise DataError(f"there is no column {index}; columns count from 0 to {n - 1}, or from the end, {-n} to -1")
    return index


# ---- from fields to numbers and classes


def _column(rows: list[Row], j: int) -> Column:
    return [(line, fields[j]) for line, fields in rows]


def _number(field: str) -> float | None:
    """The number that the field holds, or None; ``float`` alone would read 1_5 as fifteen."""
    try:
        return None if "_" in field else float(field)
    except ValueError:
        return None


def _present(column: Column, name: str, faults: Faults) -> Column:
    """The cells that are not missing; a column of which nothing is left is one fault, not one per row."""
    present = [(line, cell) for line, cell in column if cell.lower() not in MISSING]
    if not present:
        faults[EMPTY].append(f"column {name!r}")
    elif len(present) < len(column):
        gaps = [(line, cell) for line, cell in column if cell.lower() in MISSING]
        faults[GAP] += [f"row {line}, column {name!r}{f' ({cell!r})' if cell else ''}" for line, cell in gaps]
    return present


def _numbers(column: Column, name: str, faults: Faults) -> NDArray[np.float64]:
    """The numbers of a column, shape (n,); fewer, and faults, where something is missing or wrong."""
    cells = [(line, cell, _number(cell)) for line, cell in _present(column, name, faults)]
    if cells and all(value is None for _, _, value in cells):
        line, cell, _ = cells[0]
        faults[TEXT].append(f"column {name!r} (row {line}: {cell!r})")
        return np.empty(0)
    for line, cell, value in cells:
        if value is None:
            faults[NOT_NUMBER].append(f"row {line}, column {name!r}: {cell!r}")
        elif not math.isfinite(value):
            faults[NOT_FINITE].append(f"row {line}, column {name!r}: {cell!r}")
    return np.array([value for _, _, value in cells if value is not None])


def _target(column: Column, name: str, kind: Kind, faults: Faults) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Floats and no names, or integers 0, 1, … and the names of the classes they stand for."""
    cells = [(line, cell) for line, cell in column if cell.lower() not in MISSING]
    numeric = [_number(cell) is not None for _, cell in cells]
    if kind == "auto" and any(numeric) and not all(numeric):
        examples = [cells[numeric.index(which)] for which in (True, False)]
        faults[MIXED].append(" and ".join(f"{cell!r} (row {line})" for line, cell in examples))
    elif kind == "numbers" and numeric and not any(numeric):
        faults[LABELS].append(f"column {name!r} (row {cells[0][0]}: {cells[0][1]!r})")
    elif kind == "numbers" or (kind == "auto" and all(numeric)):
        return _numbers(column, name, faults), ()
    return _classes(_present(column, name, faults), name, faults)


def _classes(cells: Column, name: str, faults: Faults) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Integers 0, 1, … and the names they stand for: numbers in numerical order, anything else as text."""
    numbers = [_number(cell) for _, cell in cells]
    if None in numbers:
        labels, codes = np.unique([cell for _, cell in cells], return_inverse=True)
        names = tuple(map(str, labels))
    else:
        values, codes = np.unique(np.array(numbers, dtype=float), return_inverse=True)
        names = tuple(f"{value:.0f}" for value in values)
        for line, cell in cells:
            if not float(cell).is_integer():
                faults[NOT_LABELS].append(f"row {line}, column {name!r}: {cell!r}")
    if len(names) == 1:
        faults[ONE_CLASS].append(f"column {name!r} ({names[0]!r} in every row)")
    return codes, names
