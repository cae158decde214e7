"""check_derivatives: our derivatives against differences of the plain function, entry by entry, and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dual_array import inexact
from ..errors import MismatchError, StructureError
from ..transforms import jacobian
from ..transforms.sparsity import NOISY, moved, noise
from ..transforms.trees import flatten, parts_of
from .references import CONCLUSIVE, SAFETY, UNSEEN, Array, central_differences, complex_step, curves, one_sided, scales

MODES = ("forward", "reverse")
DIFFERENCES, COMPLEX = "finite differences", "complex step"
# The complex step and the other mode are exact to rounding: they are held to this part of rtol.
STRICT = 1e-3
# ... but never to less than what a sum of some length loses.
ROUNDING = 100
# Of values that cancel, differences over such a part of the scale are believed.
STEP = 1e-3
SHOWN = 5


@dataclass(frozen=True)
class Entry:
    """One entry of the Jacobian in one mode: ours, the reference it is compared with, and how far apart they may be.

    ``result`` and ``argument`` say where it is, as you would write it: ``result[1, 0]``, ``argument 0['w'][3]``.
    """

    mode: str
    against: str
    result: str
    argument: str
    ours: Any
    reference: Any
    tolerance: float

    @property
    def error(self) -> float:
        return 0.0 if self.ours == self.reference else float(abs(self.ours - self.reference))

    def __str__(self) -> str:
        return (f"∂{self.result} / ∂{self.argument}: {self.mode} mode gives {self.ours:.10g}, {self.against} "
                f"{self.reference:.10g}; they differ by {self.error:.2g} (tolerance {self.tolerance:.2g})")


@dataclass(frozen=True)
class DerivativeCheck:
    """What ``check_derivatives`` found; true where all that could be compared agrees.

    ``worst`` is the entry closest to, or furthest beyond, its tolerance; None if there is none. ``jacobians`` holds,
    by name (the modes, "finite differences", and "complex step" where it applies), the matrices compared, of shape
    (m, n): m entries of the result by n of the arguments, in order. ``error_estimate`` (m, n) is that of the finite
    differences; ``largest`` the largest difference from each reference, over the entries that it is a reference for.
    ``kinks`` and ``unchecked`` name entries where f has no derivative and where nothing could be compared.
    """

    passed: bool
    worst: Entry | None
    jacobians: dict[str, Array]
    error_estimate: Array
    largest: dict[str, float]
    kinks: tuple[str, ...]
    unchecked: tuple[str, ...]

    @property
    def modes(self) -> tuple[str, ...]:
        return tuple(mode for mode in MODES if mode in self.jacobians)

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        m, n = self.error_estimate.shape
        nothing = len(self.unchecked) == m * n > 0
        word = "agree" if self.passed else "could not be compared" if nothing else "DISAGREE"
        lines = [f"derivatives {word}: {m} × {n} entries of the Jacobian, {' and '.join(self.modes)} mode"]
        for name in (DIFFERENCES, COMPLEX):
            if name in self.largest:
                lines.append(f"largest difference from {name}: {self.largest[name]:.2g}")
            elif name == COMPLEX:
                lines.append(f"{name}: does not apply, as f takes no complex numbers or is not analytic")
        if self.worst:
            lines.append(f"worst entry: {self.worst}")
        for cells, what in ((self.kinks, "kinks, where any slope between the one-sided ones is accepted"),
                            (self.unchecked, "not checked, as no difference converges there")):
            if cells:
                more = f"; and {len(cells) - SHOWN} more" if len(cells) > SHOWN else ""
                lines.append(f"{what}: {'; '.join(cells[:SHOWN])}{more}")
        return "\n".join(lines)


def check_derivatives(f: Callable[..., Any], *args: Any, modes: Sequence[str] = MODES, rtol: float | None = None,
                      atol: float = 0.0, raise_on_failure: bool = True) -> DerivativeCheck:
    """Compare the derivatives of ``f`` at ``args``, forward and reverse, with finite differences and the complex step.

    Arguments and results are numbers, arrays, or (nested) lists, tuples and dicts of them, and every entry is checked;
    pass constants by a ``lambda``. An entry is wrong where it differs from extrapolated central differences by more
    than ``atol + rtol·|entry|`` plus ten times their estimated error, or by a thousandth of that ``rtol`` from the
    complex step (where f is analytic) or from the other mode. ``rtol`` is 1e-6, for single precision 1e-3. At a kink
    any slope between the one-sided ones is right. Where something disagrees, entries that are 0 only because terms cancel are
    allowed rounding errors of a size that f's derivatives show at neighbouring arguments.

    f runs 8 to 32 times per entry of the arguments, more often where they disagree; for large arguments check along a
    direction instead: ``check_derivatives(lambda t: f(x + t * v), 0.0)``.

    Returns a ``DerivativeCheck``. Raises MismatchError, an AssertionError that names the worst entry, if an entry is
    wrong or none could be compared; with ``raise_on_failure=False`` the result says so. Raises as ``jacobian`` does
    where a function has no rule.

    >>> import numpy as np
    >>> verdict = check_derivatives(lambda x, y: np.sin(x) * y, np.array([1.0, 2.0]), 3.0)
    >>> verdict.passed, verdict.error_estimate.shape
    (True, (2, 3))
    """
    wrong = not np.iterable(modes) or [mode for mode in modes if mode not in MODES]
    if wrong or not modes or isinstance(modes, str):
        raise StructureError(f"modes={modes!r} must be some of {MODES}, such as modes=('forward',)")
    leaves = [np.array(inexact(leaf, "check_derivatives")) for leaf in flatten(args, "the arguments")[0]]
    eps, rtol = precision(leaves, rtol)
    if not all(isinstance(tol, int | float | np.floating) and 0 <= tol < np.inf for tol in (rtol, atol)):
        raise StructureError(f"rtol={rtol!r} and atol={atol!r} must be numbers of at least 0")
    ours = {mode: matrix(f, args, mode) for mode in modes}
    plain = plain_function(f, args)
    found = Comparison(plain, leaves, ours, rtol, atol, eps)
    places = labels(f(*args), "result"), labels_of_arguments(args)
    verdict = found.verdict(*places)
    if not verdict:
        found = Comparison(plain, leaves, ours, rtol, atol, eps, rounding(f, args, leaves, modes))
        verdict = found.verdict(*places)
    if raise_on_failure and not verdict:
        raise MismatchError(str(verdict))
    return verdict


def precision(leaves: list[Any], rtol: float | None) -> tuple[float, float]:
    """The rounding of the least precise argument, and the relative tolerance that goes with it where none is given."""
    eps = max([float(np.finfo(leaf.dtype).eps) for leaf in leaves], default=0.0)
    return eps, (1e-6 if eps < 1e-12 else 1e-3) if rtol is None else rtol


class Comparison:
    """The matrices side by side, one column (an entry of the arguments) at a time."""

    def __init__(self, f: Callable[[list[Any]], Array], leaves: list[Any], ours: dict[str, Array], rtol: float,
                 atol: float, eps: float, rounding: tuple[Any, Any] = (0.0, 0.0)) -> None:
        self.ours, self.rtol, self.atol, self.eps = ours, rtol, atol, eps
        self.rounding, self.noise = rounding  # of derivatives and of values, where all else cancels
        shape = next(iter(ours.values())).shape
        kind = np.result_type(float, *ours.values())
        self.differences, self.estimate = np.full(shape, np.nan, kind), np.full(shape, np.inf)
        self.exact = np.full(shape, np.nan)
        self.kinks, self.decided = np.zeros(shape, bool), np.zeros(shape, bool)
        self.between = np.zeros((2, *shape), kind)
        for j, (x, g) in enumerate(curves(f, leaves)):
            with np.errstate(all="ignore"):
                self.column(j, x, g)

    def column(self, j: int, x: Any, g: Callable[[Any], Array]) -> None:
        for scale in scales(float(abs(x))):
            fresh, error, decided = central_differences(g, x, scale, self.eps)
            rough = self.noise / (STEP * scale)
            decided, error = decided | (error <= SAFETY * rough), np.maximum(error, rough)
            # Where two scales decide, the shorter one is right: a derivative is a limit.
            self.differences[decided, j], self.estimate[decided, j] = fresh[decided], error[decided]
            self.decided[decided, j] = True
            if self.decided[:, j].all() and not self.misses(j).any():
                break
        else:
            left, right, kink = one_sided(g, x)
            self.kinks[:, j] = kink & (self.misses(j) | ~self.decided[:, j])
            self.between[:, :, j] = np.minimum(left.real, right.real), np.maximum(left.real, right.real)
        if not np.iscomplexobj(x) and (exact := complex_step(g, float(x))) is not None:
            self.exact[:, j] = exact

    def misses(self, j: int) -> Array:
        allowed = self.allowed()[:, j]
        near: list[Array] = [np.abs(J[:, j] - self.differences[:, j]) <= allowed for J in self.ours.values()]
        return np.asarray(~np.logical_and.reduce(near))

    def allowed(self) -> Array:
        """By how much an entry may differ from the finite differences."""
        return np.asarray(np.maximum(self.atol + self.rtol * np.abs(self.differences) + SAFETY * self.estimate, self.rounding))

    def strictly(self, reference: Array) -> Array:
        """By how much it may differ from a reference that is exact to rounding; rows share their rounding errors."""
        size = np.abs(reference)
        largest = np.max(np.where(np.isfinite(size), size, 0), axis=1, keepdims=True, initial=0)
        allowed = self.atol + max(STRICT * self.rtol, ROUNDING * self.eps) * np.maximum(size, largest)
        return np.asarray(np.maximum(allowed, self.rounding))

    def verdict(self, results: list[str], arguments: list[str]) -> DerivativeCheck:
        candidates: list[tuple[float, float, Entry]] = []
        allowed = self.allowed()
        strict = self.strictly(self.exact) + UNSEEN * (1 + np.nan_to_num(self.estimate, posinf=0))
        low, high = self.between
        checked = self.kinks.copy()
        other, first = next(iter(self.ours.items()))
        for mode, J in self.ours.items():
            inside = np.clip(J.real, low, high) if self.kinks.any() else J
            slack = CONCLUSIVE * np.maximum(np.abs(low), np.abs(high))
            # Only where both references agree is f analytic, and the complex step a derivative at all.
            analytic = np.abs(self.exact - self.differences) <= allowed
            alone = ~self.decided & (np.abs(J - self.exact) <= strict)
            checked |= self.decided | alone
            for against, reference, tolerance, where in (
                    (DIFFERENCES, self.differences, allowed, self.decided & ~self.kinks),
                    ("the one-sided slopes", inside, slack, self.kinks),
                    (COMPLEX, self.exact, strict, (analytic & ~self.kinks) | alone),
                    (f"{other} mode", first, self.strictly(first), np.full(J.shape, J is not first))):
                if where.any():
                    candidates.append(worst(mode, against, J, reference, tolerance, where, results, arguments))
        ratio, _, entry = max(candidates, key=lambda found: found[0], default=(0.0, 0.0, None))
        largest: dict[str, float] = {}
        for _, error, at in candidates:
            largest[at.against] = max(error, largest.get(at.against, 0.0))
        places = [f"∂{result} / ∂{argument}" for result in results for argument in arguments]
        exact = {COMPLEX: self.exact} if COMPLEX in largest else {}
        return DerivativeCheck(
            passed=bool(ratio <= 1 and (checked.any() or not checked.size)),
            worst=entry, error_estimate=self.estimate, largest=largest,
            jacobians=self.ours | {DIFFERENCES: self.differences} | exact,
            kinks=tuple(place for place, kink in zip(places, self.kinks.flat, strict=True) if kink),
            unchecked=tuple(place for place, known in zip(places, checked.flat, strict=True) if not known))


def worst(mode: str, against: str, J: Array, reference: Array, tolerance: Array, where: Array, results: list[str],
          arguments: list[str]) -> tuple[float, float, Entry]:
    """The entry closest to its tolerance, or most beyond it: its error in tolerances. And the largest error."""
    with np.errstate(all="ignore"):
        # not inf - inf
        error = np.where((reference == J) | np.isnan(reference) & np.isnan(J), 0.0, np.abs(J - reference))
        ratio = np.where(error == 0, 0.0, error / tolerance)
    ratio = np.where(where, np.where(np.isnan(ratio), np.inf, ratio), -1.0)
    i, j = np.unravel_index(np.argmax(ratio), ratio.shape)
    numbers = J[i, j].item(), reference[i, j].item(), float(tolerance[i, j])
    return float(ratio[i, j]), float(error[where].max()), Entry(mode, against, results[i], arguments[j], *numbers)


# ---- from trees of arrays to one matrix


def plain_function(f: Callable[..., Any], args: tuple[Any, ...]) -> Callable[[list[Any]], Array]:
    """f from a flat list of arrays to one vector, each number in the form in which the caller gave it."""
    leaves, rebuild = flatten(args, "the arguments")

    def plain(new: list[Any]) -> Array:
        given = [y if isinstance(x, np.ndarray) else y[()] for x, y in zip(leaves, new, strict=True)]
        out, _ = flatten(f(*rebuild(given)), "the result of f")
        return np.concatenate([np.zeros(0), *(np.ravel(inexact(y, "check_derivatives")) for y in out)])

    return plain


def matrix(f: Callable[..., Any], args: tuple[Any, ...], mode: str) -> Array:
    leaves, _ = flatten(args, "the arguments")
    n = sum(map(np.size, leaves))
    blocks, _ = flatten(jacobian(f, tuple(range(len(args))), mode=mode)(*args), "the Jacobian")
    rows = []
    while blocks:
        row, blocks = blocks[:len(leaves)], blocks[len(leaves):]
        rows.append(np.hstack([np.reshape(J, (np.size(J) // max(np.size(x), 1), np.size(x)))
                               for J, x in zip(row, leaves, strict=True)]))
    return np.vstack(rows) if rows else np.zeros((0, n))


def rounding(f: Callable[..., Any], args: tuple[Any, ...], leaves: list[Any], modes: Sequence[str]) -> tuple[Any, Any]:
    """By how much two of the matrices may differ, and f's values vary, where all that is not rounding cancels."""
    rebuild = flatten(args, "the arguments")[1]

    def measure(x: list[Any], scales: list[Any]) -> list[Array]:
        g, at = moved(lambda new: f(*rebuild(new)), x, scales)
        units = np.concatenate([np.zeros(0), *map(np.ravel, scales)])
        found = [matrix(g, at, mode) / units for mode in modes]
        exact, plain, here = np.zeros(found[0].shape), plain_function(g, at), list(map(np.array, at))
        for j, (t, along) in enumerate(curves(plain, here)):
            step = None if np.iscomplexobj(t) else complex_step(along, float(t))
            exact[:, j] = 0 if step is None else step / units[j]
        return [plain(here), *found, exact]

    with np.errstate(all="ignore"):
        found = noise(measure, leaves)
    return (NOISY * np.max(found[1:], axis=0), found[0]) if found else (0.0, 0.0)


def labels(tree: Any, path: str) -> list[str]:
    """The name of every number in a tree, as one would write it: argument 0['w'][3, 1]."""
    if isinstance(tree, dict):
        return [label for name, part in tree.items() for label in labels(part, f"{path}[{name!r}]")]
    if isinstance(tree, list | tuple):
        fields, parts = getattr(tree, "_fields", ()), parts_of(tree)
        names = [f".{name}" for name in (*fields, *getattr(tree, "_extra_fields", ()))] or [f"[{i}]" for i in range(len(parts))]
        return [label for name, part in zip(names, parts, strict=True) for label in labels(part, path + name)]
    return [f"{path}[{', '.join(map(str, index))}]" if index else path for index in np.ndindex(np.shape(tree))]


def labels_of_arguments(args: tuple[Any, ...]) -> list[str]:
    return [label for i, arg in enumerate(args) for label in labels(arg, f"argument {i}")]
