"""Derivatives without dual numbers: extrapolated central differences with their own error, and the complex step.

Both run the user's function on plain numbers, one entry of the arguments at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError

Array = NDArray[Any]
Curve = Callable[[Any], Array]  # the results along one entry of the arguments, as one vector

# Step sizes form a ladder. Its ratio is no simple fraction, so that no step is a whole period of f if the last was.
SHRINK = 1.7
RUNGS = 16
# More columns of extrapolation than this only amplify rounding.
COLUMNS = 5
# A ladder whose error is this small, relative to the derivative, is not climbed further.
ENOUGH = 1e-9
# An estimated error is an estimate: ten times it is believed.
SAFETY = 10.0
# Differences that do not know the derivative to a thousandth decide nothing.
CONCLUSIVE = 1e-3
# What underflows in the complex step, and its h².
UNSEEN = 1e-203
# What a function may raise outside its domain, where NumPy's would return NaN.
OUTSIDE = (ArithmeticError, ValueError, np.linalg.LinAlgError)


def scales(x: float) -> list[float]:
    """Lengths over which f may vary at x, longest first: |x| or 1, a thousandth of that, and the other of |x| and 1."""
    size = abs(x)
    other = [1.0] if size > 10 else [size] if 0 < size < 0.1 else []
    return [max(size, 1.0), *other, 1e-3 * max(size, 1.0)]


def central_differences(g: Curve, x: Any, scale: float, eps: float) -> tuple[Array, Array, Array]:
    """dg/dx at x, its estimated error, and whether that error is small enough to decide anything; all of shape (m,).

    Central differences (g(x + h) - g(x - h)) / 2h have an error in even powers of h. Neville's tableau removes them one
    by one; of its entries the one closest to its two parents is taken. From C. J. F. Ridders, *Accurate computation of
    F'(x) and F'(x) F''(x)*, Advances in Engineering Software 4 (1982) 75-76. A rung where g is not finite is skipped.
    """
    here = g(x)
    best, error = np.full(here.shape, np.nan, np.result_type(here, float)), np.full(here.shape, np.inf)
    size = np.abs(here) / scale
    above: list[Array] = []
    h = 0.1 * scale
    for rung in range(RUNGS):
        right, left = x + x.dtype.type(h), x - x.dtype.type(h)
        if x in {right, left}:
            break
        up, down = g(right), g(left)
        row = [(up - down) / (right - left)]
        typical = np.maximum(np.abs(up), np.abs(down))
        rounding = 2 * eps * (typical + np.abs(x * row[0])) / abs(right - left)
        for j, parent in enumerate(above[: COLUMNS - 1], 1):
            weight = SHRINK ** (2 * j)
            row.append((weight * row[-1] - parent) / (weight - 1))
            doubt = np.maximum(np.abs(row[j] - row[j - 1]), np.abs(row[j] - parent)) + rounding
            better = doubt < error  # never where doubt is NaN
            best, error = np.where(better, row[j], best), np.where(better, doubt, error)
            size = np.where(better, typical / scale, size)
        above = row
        if rung >= 3 and np.all(error <= np.maximum(ENOUGH * np.abs(best), 4 * rounding)):
            break
        h /= SHRINK
    return best, error, SAFETY * error <= CONCLUSIVE * np.maximum(np.abs(best), size)


def one_sided(g: Curve, x: Any) -> tuple[Array, Array, Array]:
    """Left slope, right slope, and whether they differ however short the step, as at a kink; all of shape (m,)."""
    def slopes(h: float) -> tuple[Array, Array]:
        right, left = x + x.dtype.type(h), x - x.dtype.type(h)
        return (here - g(left)) / (x - left), (g(right) - here) / (right - x)

    here = g(x)
    scale = max(abs(float(np.real(x))), 1.0)
    eps = float(np.finfo(x.dtype).eps)
    left, right = slopes(eps ** (1 / 3) * scale)
    closer = slopes(eps ** (1 / 2) * scale)
    gap, gap_closer = np.abs(right - left), np.abs(closer[1] - closer[0])
    # Where f is smooth the gap is h f'' and shrinks with h, a hundredfold and more between the two steps.
    return *closer, (gap_closer > gap / 2) & (gap_closer > CONCLUSIVE * np.maximum(*map(np.abs, closer)))


def complex_step(g: Curve, x: float) -> Array | None:
    """Im g(x + ih) / h with h so small that h² vanishes: exact to rounding where g is analytic, of shape (m,).

    None where g does not take complex numbers, or returns real ones, having dropped the imaginary part on the way.
    From W. Squire and G. Trapp, *Using complex variables to estimate derivatives of real functions*, SIAM Review 40
    (1998) 110-112.
    """
    h = 1e-110 * max(abs(x), 1.0)
    try:
        moved = g(complex(x, h))
    except Exception:  # whatever a function may do with numbers that it was not written for
        return None
    return moved.imag / h if np.iscomplexobj(moved) else None


def curves(f: Callable[[list[Any]], Array], leaves: list[Any]) -> Iterator[tuple[Any, Curve]]:
    """For each entry of the arrays ``leaves``: its value, and f as a function of it alone. NaN outside f's domain."""
    m = f(leaves).shape

    for number, leaf in enumerate(leaves):
        for index in np.ndindex(leaf.shape):

            def along(t: Any, number: int = number, index: tuple[int, ...] = index) -> Array:
                moved = [np.array(x, np.result_type(x, complex) if i == number and isinstance(t, complex) else None)
                         for i, x in enumerate(leaves)]
                moved[number][index] = t
                try:
                    y = f(moved)
                except OUTSIDE:
                    if isinstance(t, complex):
                        raise
                    return np.full(m, np.nan)
                if y.shape != m:
                    raise ShapeError(f"f returned {y.size} numbers near a point where it returned {m[0]}; "
                                     "a function whose result changes its shape has no derivative")
                return y

            yield leaf[index], along
