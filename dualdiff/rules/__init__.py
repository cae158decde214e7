"""The mathematics: one row per function, the only place where a derivative is written."""

import sys
from typing import Any

from . import (  # noqa: F401 - importing fills the table
    bilinear,
    calculus,
    composite,
    constant,
    elementwise,
    folds,
    formula,
    fourier,
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
    sparse_products,
    spectra,
    statistics,
)
from .registry import ROWS, Row, name_of

__all__ = ["ROWS", "Row", "name_of", "row_of"]


def row_of(function: Any) -> Row | None:
    """The row of a function. SciPy's are registered when the first of them is met: importing dualdiff needs no SciPy."""
    row = ROWS.get(function)
    if row is None and "scipy.special" in sys.modules and f"{__name__}.special" not in sys.modules:
        from . import special  # noqa: F401
        row = ROWS.get(function)
    return row
