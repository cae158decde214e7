"""The mathematics: one row per function, the only place where a derivative is written."""

import sys
from importlib import import_module
from typing import Any

from . import (  # noqa: F401 - importing fills the table
    bilinear,
    calculus,
    composite,
    constant,
    elementwise,
    folds,
    formula,
    gather,
    linalg,
    linear,
    padding,
    polynomials,
    products,
    quantiles,
    selection,
    shapes,
    singular,
    spectra,
    statistics,
)
from .registry import ROWS, Row, name_of

__all__ = ["ROWS", "Row", "name_of", "row_of"]


# Rows of libraries that ``import numpy`` leaves alone, by library: importing dualdiff imports none of them either.
LATER = {"numpy.fft": "fourier", "numpy.polynomial": "series", "scipy.special": "special"}


def row_of(function: Any) -> Row | None:
    """The row of a function, or None. A library's rows are registered when one of its functions may first be met."""
    row = ROWS.get(function)
    if row is None and LATER:
        for library, file in list(LATER.items()):
            if library in sys.modules:
                import_module(f"{__name__}.{file}")  # first: another thread must not find neither row nor entry
                LATER.pop(library, None)
        row = ROWS.get(function)
    return row
