"""Residuals and their Jacobian at a vector of parameters, from one sweep: what the least-squares algorithms iterate on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DataError, ShapeError, StructureError
from ..plans.plan import FEW as FEW_DIRECTIONS
from ..plans.plan import planned
from ..plans.plan import rows as transposed
from ..tangents.leaf import Leaf, identity_seeds
from ..tangents.level import CareNeeded, Level, is_dual
from ..tangents.tangent import Tangent
from ..transforms.forward import derivative
from ..transforms.inputs import Sweepable
from ..transforms.results import value_and_eps
from ..transforms.sweep import swept
from ..transforms.trees import flatten
from .losses import Loss, robust
from .parameters import Parameters
from .result import Array, joined
from .spectrum import FEW


class Point:
    """The residuals r, Jᵀ (each parameter's column contiguous), g = Jᵀr, the cost, A = JᵀJ and its diagonal ``squares`` at
    one x; of many parameters A is made when it is first asked for.
    """

    __slots__ = ("A", "Jt", "cost", "g", "r", "raw", "rows", "spectrum", "squares", "x")

    def __init__(self, x: Array, r: Any, Jt: Any, cost: float, raw: Any) -> None:
        self.x, self.r, self.Jt, self.cost, self.raw = x, r, Jt, cost, raw
        self.g = Jt.dot(r)
        self.rows = raw.size  # the number of residuals
        if x.size <= FEW:
            self.A = Jt.dot(Jt.T)
            self.squares = self.A.diagonal()
        self.spectrum: Any = None  # of this very J, if a step was made from here

    def __getattr__(self, name: str) -> Any:
        if name == "A":
            found = self.Jt.dot(self.Jt.T)
        elif name == "squares":
            found = self.A.diagonal() if self.Jt is None else np.vecdot(self.Jt, self.Jt)
        else:
            raise AttributeError(name)
        setattr(self, name, found)
        return found

    def norms(self) -> Array:
        n: Array = np.sqrt(self.squares)
        return n

    def scales(self) -> Array:
        """``norms``, 1 for a parameter without effect."""
        D: Array = self.norms() + (self.squares == 0)
        return D

    def model(self, p: Array) -> float:
        """The change of the cost along p that the linear model predicts."""
        q = p.dot(self.A.dot(p)) if self.Jt is None else np.square(self.Jt.T.dot(p)).sum()
        return float(p.dot(self.g) + 0.5 * q)

    def restricted(self, free: Any, p: Array) -> Point:
        """The linearised problem in the free parameters, the others having moved by p."""
        return Point(self.x[free], self.r + p[~free] @ self.Jt[~free], self.Jt[free], self.cost, self.raw)


class Residuals(Sweepable):
    """``f`` at vectors x: ``value(x)`` by a plain run, ``sweep(x)`` with the Jacobian, both weighted and under the loss.

    ``target`` is subtracted and ``root`` (the square root of weights, or a matrix that whitens) applied to what f returns.
    ``free`` masks the parameters that are fitted: the others keep the value in ``parameters.flat`` and are no directions.
    """

    def __init__(self, f: Callable[..., Any], parameters: Parameters, before: tuple[Any, ...] = (),
                 after: tuple[Any, ...] = (), options: dict[str, Any] | None = None, target: Any = None, root: Any = None,
                 loss: Loss | None = None, scale: float = 1.0, jac: Callable[..., Any] | None = None,
                 free: Any = None) -> None:
        self.f, self.parameters, self.before, self.after, self.options = f, parameters, before, after, options or {}
        self.target, self.root, self.loss, self.scale, self.jac, self.free = target, root, loss, scale, jac, free
        self.nfev = self.njev = 0
        self.size: int | None = None  # of the residuals, once they are known
        self._columns: list[tuple[Any, Any]] = []

    def full(self, x: Array) -> Array:
        if self.free is None:
            return x
        whole = self.parameters.flat.copy()
        whole[self.free] = x
        return whole

    def arguments(self, duals: list[Any]) -> tuple[Any, ...]:
        return (*self.before, *self.parameters.arguments(duals), *self.after)

    def call(self, duals: list[Any]) -> Any:
        self.nfev += 1
        return super().call(duals)

    @property
    def places(self) -> tuple[int, ...] | None:
        first, parameters = len(self.before), self.parameters
        return tuple(range(first, first + parameters.flat.size)) if parameters.spread is not None else \
            (first,) if parameters.plain else None

    def spared(self) -> None:
        self.nfev += 1

    # ---- runs of f
    def value(self, x: Array) -> float:
        """The cost alone; infinite where a residual is not finite."""
        out = self.call(self.numbers(self.full(x)))
        r, _ = self.finished(joined(flatten(out, "the residuals")[0]), None)
        cost = robust(r, None, self.loss, self.scale)[0] if self.loss else 0.5 * float(r.dot(r))
        return cost if cost - cost == 0 else np.inf

    def numbers(self, x: Array) -> list[Any]:
        return list(x) if self.parameters.spread is not None else [p if p.ndim else p[()] for p in self.parameters.split(x)]

    def sweep(self, x: Array) -> Point:
        """Residuals and Jacobian: f runs once, on duals (twice where an infinite partial was met)."""
        self.njev += 1
        whole = self.full(x)
        r, Jt = self.by_hand(whole) if self.jac is not None else self.by_duals(whole)
        raw, Jt = self.finished(r, Jt)
        if self.loss is None:
            return Point(x, raw, Jt, 0.5 * float(raw.dot(raw)), raw)
        cost, r, Jt = robust(raw, Jt, self.loss, self.scale)
        return Point(x, r, Jt, cost, raw)

    def by_duals(self, x: Array) -> tuple[Array, Any]:
        self.leaves = self.numbers(x)
        found: tuple[Array, Any] = swept(self, self.seeds, lambda out, level: read(out, level, x.size, self.free),
                                         plan=self.planned if x.size <= FEW_DIRECTIONS else None)
        return found

    def planned(self, out: Any, notes: Any) -> tuple[Array, Any] | None:
        found = planned(notes, out, transposed)
        if found is None:
            return None
        Jt = found[0].reshape(len(found[0]), -1)
        return plain(out.value), Jt if self.free is None else Jt[self.free]

    def seeds(self, level: Level) -> list[tuple[Any, Any]]:
        if self.parameters.spread is None:
            return [(leaf, None) for leaf in identity_seeds(level, self.parameters.shapes)]
        n = level.k = len(self.leaves)
        length = self.size if self.target is None else self.target.size
        seeds = []
        for narrow, wide in self.columns(n):
            leaf = Leaf(level, n, (), (), narrow, (), True)
            if length is not None:  # what most models do first with a parameter
                leaf.memo[length,] = Leaf(level, n, (length,), (), wide, (), True)
            seeds.append((leaf, None))
        return seeds

    def second(self, point: Point, v: Array) -> Array:
        """The second derivative of the residuals along v: one sweep more, or a difference of Jacobians by ``jac``."""
        if self.jac is not None:
            return v @ (self.sweep(point.x + 1e-5 * v).Jt - point.Jt) / 1e-5  # type: ignore[no-any-return]
        whole, along = self.full(point.x), np.zeros(self.parameters.flat.size)
        along[slice(None) if self.free is None else self.free] = v

        def curve(t: Any) -> Any:
            moved = whole + t * along
            return self.call(list(moved) if self.parameters.spread is not None else self.parameters.split(moved))

        leaves = flatten(derivative(curve, order=2)(0.0), "the residuals")[0]
        return self.weighed(np.broadcast_to(joined(leaves), point.raw.shape))

    def columns(self, n: int) -> list[tuple[Any, Any]]:
        """For each parameter the number of its direction, as an array without axes and with one."""
        if not self._columns:
            every = np.arange(n, dtype=np.int32)
            self._columns = [(every[i:i + 1].reshape(()), every[i:i + 1]) for i in range(n)]
        return self._columns

    def by_hand(self, x: Array) -> tuple[Array, Any]:
        assert self.jac is not None
        numbers = self.numbers(x)
        r = plain(joined(flatten(self.call(numbers), "the residuals")[0]))
        J = self.jac(*self.before, *self.parameters.arguments(numbers), *self.after, **self.options)
        try:
            J = np.asarray(J.toarray() if hasattr(J, "toarray") else J, float)
        except (TypeError, ValueError):
            raise StructureError(f"jac must return one array ({r.size}, {x.size}), a row for each residual and a column for "
                                 f"each parameter; it returned a {type(J).__name__}") from None
        if J.shape != (r.size, x.size):
            raise ShapeError(f"jac returned an array of shape {J.shape}; {r.size} residuals of {x.size} parameters need "
                             f"({r.size}, {x.size})")
        Jt = np.ascontiguousarray(J.T)
        return r, Jt if self.free is None else Jt[self.free]

    def finished(self, r: Array, Jt: Any) -> tuple[Array, Any]:
        """Minus the target, times the weights; the number of residuals must stay what it was."""
        if self.size is None:
            self.check(r)
        elif r.size != self.size >= 0:
            raise ShapeError(f"the function returned {r.size} residuals, and {self.size} before: their number must not "
                             "depend on the parameters")
        if self.target is not None:
            if r.size != self.target.size:  # a model that does not depend on the data gives one number
                r, Jt = np.broadcast_to(r, self.target.shape), None if Jt is None else np.repeat(Jt, self.target.size, 1)
            r = r - self.target
        if self.root is None:
            return r, Jt
        return self.weighed(r), None if Jt is None else self.weighed(Jt)

    def weighed(self, a: Array) -> Array:
        """A vector of residuals, or one per parameter, times the root."""
        if self.root is None:
            return a
        return a * self.root if self.root.ndim < 2 else np.asarray(a @ self.root.T)

    def check(self, r: Array) -> None:
        if not r.size:
            raise ShapeError("the function returned no residuals")
        if self.target is not None and r.size not in {1, self.target.size}:
            raise ShapeError(f"the model returned {r.size} value{'s' * (r.size != 1)}; y has {self.target.size}")
        if self.root is not None and self.target is None and self.root.ndim and self.root.shape[-1] != r.size:
            raise ShapeError(f"there are {self.root.shape[-1]} weights for {r.size} residuals")
        if not np.isfinite(r).all():
            bad = np.flatnonzero(~np.isfinite(r))
            raise DataError(f"at the start {self.start_text()} the function gives {r[bad[0]]} in place {bad[0]}"
                            f"{f' and {bad.size - 1} more' if bad.size > 1 else ''}. Start elsewhere, or check the data")
        self.size = r.size

    def start_text(self) -> str:
        flat = self.parameters.flat
        return "(" + ", ".join(f"{v:g}" for v in flat[:6]) + (", …" if flat.size > 6 else "") + ")"


def read(out: Any, level: Level, n: int, free: Any) -> tuple[Array, Any]:
    """Residuals as one vector and their Jacobian transposed, from whatever f returned."""
    if is_dual(out):
        value, eps = value_and_eps(out, level)
        r, Jt = plain(value), rows(eps, level, n)
    else:
        pairs = [value_and_eps(part, level) for part in flatten(out, "the residuals")[0]]
        if not pairs:
            return np.zeros(0), None
        values, parts = [plain(value) for value, _ in pairs], [rows(eps, level, n) for _, eps in pairs]
        r, Jt = (values[0], parts[0]) if len(pairs) == 1 else (np.concatenate(values), np.concatenate(parts, axis=1))
    return r, Jt if free is None else Jt[free]


def plain(value: Any) -> Array:
    if is_dual(value):
        raise StructureError("a fit inside a derivative of its data or parameters is not differentiated; wrap them in "
                             "dualdiff.stop_gradient(), or differentiate the optimality condition")
    r = np.asarray(value)
    if r.dtype.kind not in "fiub":
        raise StructureError("the residuals are complex; return real and imaginary parts side by side: "
                             "np.concatenate([r.real, r.imag])" if r.dtype.kind == "c" else
                             f"the residuals are of type {r.dtype}; numbers are needed")
    r = r.astype(np.float64, copy=False)
    return r if r.ndim == 1 else r.ravel()


def rows(eps: Tangent, level: Level, n: int) -> Any:
    """The tangent as (n, m). Where each term is one parameter's, its coefficient is the row: the case of most small fits."""
    shape, terms = eps.shape, eps.terms
    if len(terms) <= n and all(not leaf.factors and leaf.cols is not None and leaf.cols.size == 1 for leaf in terms):
        Jt = np.zeros((n, *shape))
        written: set[int] = set()
        for leaf, c in terms.items():
            j = leaf.cols.item()
            if j in written:
                Jt[j] += 1.0 if c is None else c
            elif j >= 0:
                Jt[j] = 1.0 if c is None else c
                written.add(j)
        Jt = Jt.reshape(n, -1)
        flat = Jt.ravel()
        total = flat.dot(flat)
        if total - total != 0 and not level.careful:  # not finite: the strong zero may decide otherwise
            raise CareNeeded(level)
        return Jt
    return eps.dense().reshape(n, -1).astype(np.float64, copy=False)  # of long doubles, where a careful sweep took them
