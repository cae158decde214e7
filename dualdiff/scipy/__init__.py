"""SciPy's functions for lifted programs, a file for each of its modules: what lift puts where the program names SciPy's.

Most say a function by NumPy's, whose rows have the derivatives; the rest by a linear map and its transpose, or by the theorem
that defines the result. What has no counterpart here stays what it is, and raises where it meets a dual.
"""

from contextlib import suppress
from importlib import import_module
from typing import Any

from .counterparts import counterpart_of

PARTS = frozenset(("fft", "fftpack", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse", "spatial",
                   "stats"))


READ: set[str] = set()


def seen(x: Any, home: str) -> Any:
    """What a lifted program sees in place of x, a function, class or object of the SciPy module ``home``; None for x itself."""
    part = home.split(".")[1]
    if part in PARTS and part not in READ:
        with suppress(ImportError, AttributeError):  # an older release than 1.17 without what the file is about: as it is
            import_module(f"{__name__}.{part}")
        READ.add(part)
    owner = getattr(x, "__self__", None)
    return getattr(counterpart_of(owner), x.__name__) if type(owner).__name__ == "SuperLU" else counterpart_of(x)
