"""The mathematics: one row per function, the only place where a derivative is written."""

import sys
from importlib import import_module
from typing import Any

from . import bilinear, composite, constant, elementwise, formula, gather, linear  # noqa: F401 - importing fills the table
from .registry import ROWS, Row, name_of

__all__ = ["ROWS", "Row", "every_row", "name_of", "row_of"]


# The files of the other rows, by the library whose functions they are about: they are read when a function without a row is
# first met, so that importing dualdiff reads none of them, and imports no library either. Every public ufunc of scipy.special
# has a row, and a test names the one that SciPy adds; so have private ones to which its Python functions (zeta, lambertw) hand
# their arguments on.
LATER = {
    "numpy": ("calculus", "folds", "linalg", "padding", "polynomials", "products", "quantiles", "selection", "shapes",
              "singular", "spectra", "statistics"),
    "numpy.fft": ("fourier",),
    "numpy.polynomial": ("series",),
    "scipy.special": ("special_bessel", "special_elliptic", "special_entropy", "special_error", "special_gamma",
                      "special_hypergeometric", "special_incomplete", "special_integrals", "special_oscillators",
                      "special_polynomials", "special_python", "special_statistics"),
}


def row_of(function: Any) -> Row | None:
    """The row of a function, or None."""
    row = ROWS.get(function)
    return every_row().get(function) if row is None else row


def every_row() -> dict[Any, Row]:
    """ROWS, after the files about all libraries imported so far have been read."""
    for library, files in list(LATER.items()):
        if library in sys.modules:
            read(files)
            LATER.pop(library, None)  # last: another thread must find the rows, or the entry and wait for them
    return ROWS


def read(files: tuple[str, ...]) -> None:
    """Import files of rows; where Ctrl-C, say, breaks that off, none of them, so that they can be read again."""
    rows, modules = set(ROWS), set(sys.modules)
    try:
        for file in files:
            import_module(f"{__name__}.{file}")
    except BaseException:
        for function in ROWS.keys() - rows:
            del ROWS[function]
        for name in sys.modules.keys() - modules:
            if name.startswith(__name__):
                del sys.modules[name]
        raise
