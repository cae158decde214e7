"""SciPy's functions for lifted programs: what lift puts where the program names SciPy's, a file for each of its modules.

Most say a function by NumPy's, whose rows have the derivatives; the rest by a linear map and its transpose, or by the theorem
that defines the result. What has no counterpart here stays what it is, and raises where it meets a dual. They share

    counterparts                                how lift meets them, and how they refuse
    calling, linear_maps                        SciPy's values and the differentials of NumPy's rows; its linear maps
    classes, python_functions, distributions    SciPy's own Python code, made anew
    callbacks, closures, seeded                 functions that the program gives to SciPy
    solutions, stationary, trajectories         what solvers find, by the theorem that defines it (variations: its equations)

and the larger modules have rooms beside their own: linear_systems, spectra and matrix_functions (linalg), multivariate (stats),
fitpack and interpolate_nd (interpolate), integrands (integrate), image_interpolation and image_outputs (ndimage), rotation
(spatial), entries, matrices and items (sparse).
"""

import warnings
from contextlib import suppress
from importlib import import_module
from typing import Any

import scipy

from ..errors import DerivativeWarning
from ..lifted_classes import OTHERS
from ..transforms.programs import PARTS
from .counterparts import KINDS, counterpart_of

RELEASES = ("1.17", "1.18")  # whose private modules are known here, too
READ: set[str] = set()


def told_of_release(version: str) -> None:
    """Warn of a release of SciPy other than those."""
    if ".".join(version.split(".")[:2]) not in RELEASES:
        warnings.warn(f"derivatives of SciPy's functions are those of SciPy {' and '.join(RELEASES)}; with {version} some raise"
                      " and some may be wrong: install one of those, or hold yours to dualdiff.testing.check_derivatives",
                      DerivativeWarning, stacklevel=2)


told_of_release(scipy.__version__)


def seen(x: Any, home: str) -> Any:
    """What a lifted program sees in place of x, a function, class or object of the SciPy module ``home``; None for x itself."""
    part = home.split(".")[1]
    if part in PARTS and part not in READ:
        with suppress(ImportError, AttributeError):  # a release without what the file is about: as it is
            import_module(f"{__name__}.{part}")
        READ.add(part)
    owner = getattr(x, "__self__", None)
    if type(owner).__name__ == "SuperLU" or not KINDS.keys().isdisjoint(type(owner).__mro__):
        return getattr(seen(owner, home), x.__name__)
    if id(x) in OTHERS:
        return OTHERS[id(x)][1]
    new = counterpart_of(x)
    if new is not x and not KINDS.keys().isdisjoint((x if isinstance(x, type) else type(x)).__mro__):
        OTHERS[id(x)] = x, new
    return new
