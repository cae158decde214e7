"""Elementwise operations on leveled duals: one closure per row, with partials read from the rules.

An operation runs a thousand times for every hundred lines of a user's program, so the common case comes first (same level,
quick sweep, no view to refresh) and is written out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .dual import new
from .dual_array import DualArray, array, scalar
from .dual_scalar import DualScalar
from .errors import HolomorphicError, RuleError
from .errstate import all_ignored
from .operands import constant, operand, promoted
from .plans.notes import noted_as
from .policies import WATCH
from .reading import dtype_of
from .rules.elementwise import OVER_INPUT, inverse, out_of_range
from .rules.registry import Elementwise, name_of
from .tangents.coefficients import generic, owned, plain, steep
from .tangents.deferred import LARGE, deferred
from .tangents.differential import Differential, refuse_holomorphic
from .tangents.level import Level
from .tangents.moves import kept
from .tangents.tangent import Tangent
from .tangents.watch import observed
from .views import settle

LEVELED = (DualArray, DualScalar)
ARRAYS = (np.ndarray, DualArray)
ndarray = np.ndarray
DOUBLE = np.dtype(np.float64)
LONG = {"f": np.longdouble, "c": np.clongdouble}
NUMBERS = frozenset({float, int, bool})
TINY, HUGE = float(np.finfo(float).tiny), float(np.finfo(float).max)


# ---- one input
def unary(row: Elementwise, operate: Any) -> Any:
    """The operation on one leveled dual."""
    p: Any = row.partials[0]
    varies = callable(p)
    real_linear = row.real_linear
    noted = noted_as(row, operate)

    def apply(x: Any) -> Any:
        if x.source is not None:
            if noted is not None and type(x.source) is int and (notes := x.level.notes) is not None \
                    and (r := notes.unary(noted, x)) is not None:
                return r
            settle(x)
        v = x.value
        f = operate(v)
        level = x.level
        if real_linear is not None and np.iscomplexobj(v):
            at = generic(v, False) * (1 + 0.5j) if level.generic else v
            eps = differential(row, level, real_linear, f if at is v else operate(at), at, x.eps)
            return wrap(f, x.level, observed(row, f, (v,), (x.eps,), eps) if WATCH.count else eps)
        if level.careful:
            with all_ignored():
                eps = linked(x.eps, p, (f, v), row)
                return wrap(f, level, observed(row, f, (v,), (x.eps,), eps) if WATCH.count else eps)
        if not varies:
            return f if p == 0 else wrap(f, level, x.eps.scaled(p, x.eps.shape))
        if type(f) is ndarray and f.size > LARGE and \
                (late := deferred(row, f.shape, ((x.eps, p),), (f, v))) is not None:
            return array(f, late, level)
        return propagated(f, level, x.eps, p(f, v))

    if noted is not None:
        noted.again = apply
    return apply


def linked(eps: Tangent, partial: Any, at: tuple[Any, ...], row: Elementwise) -> Tangent:
    """The careful product of a tangent and a partial at (f, x, …). Where coefficients leave the range of floats, dx / x or
    their product with the leaf comes first.
    """
    wide = eps.level.wide if eps.terms and not eps.level.generic else None
    f, p = at[0], partial if not callable(partial) else widened(partial, at) if wide else partial(*at)
    if wide is False and out_of_range(f, p, eps.terms.values()):
        eps.level.ask_for_care(True)
    if OVER_INPUT.keys() & set(row.partials) and eps.terms and not eps.level.generic and \
            np.asarray(plain(f)).dtype.kind in "fc":
        x, over = OVER_INPUT[partial](*at) if partial in OVER_INPUT else (1.0, p)
        here = np.isfinite(plain(f)) & (plain(x) != 0) & (plain(over) != 0)
        sizes = [np.abs(plain(p if c is None else c * p)) for c in eps.terms.values()]
        if any(np.any(here & ~((s > np.finfo(s.dtype).tiny) & (s < np.inf))) for s in sizes):
            eps, p = eps.chained(inverse(np.where(here, x, 1)), shape_of(f), f), np.where(here, over, p)
            if eps.on_tape:  # what follows shall multiply the product
                eps = eps.merged()
            elif any(leaf.numbers() for leaf in eps.terms):
                eps = Tangent({eps.as_leaf(): None}, eps.shape)
    return eps.chained(steep(p, f, row.function), shape_of(f), f)


def widened(partial: Any, at: tuple[Any, ...]) -> Any:
    """The partial in the widest floats that NumPy has: what leaves the range of doubles on the way may be back in the end."""
    kinds = [np.asarray(plain(a)).dtype.kind if hasattr(a, "astype") else "" for a in at]
    try:
        p = partial(*[a.astype(LONG[kind]) if kind in LONG else a for a, kind in zip(at, kinds, strict=True)])
        return np.longdouble(p) if type(p) is float else p
    except TypeError:  # functions of SciPy's
        return partial(*at)


def differential(row: Elementwise, level: Level, real_linear: Any, f: Any, v: Any, eps: Tangent) -> Tangent:
    refuse_holomorphic(level, row.function)
    with all_ignored():
        result: Tangent = real_linear(f, v, Differential(eps, level)).tangent
    return result


def wrap(f: Any, level: Level, eps: Tangent) -> Any:
    t = type(f)
    if t is np.ndarray or t is DualArray:
        return array(f, eps, level)
    return scalar(f, eps, level)


def propagated(f: Any, level: Level, eps: Tangent, p: Any, borrowed: bool = False) -> Any:
    """The dual f + (p ⊙ eps) ε: ``Tangent.scaled`` written out, for this is what every elementwise operation runs.

    ``borrowed``: p is the program's own array, which it may write to again; a product with it is not.
    """
    shape = f.shape
    narrow = eps.shape != shape
    terms: dict[Any, Any] = {}
    last: Any = level
    r: Any = None
    for leaf, c in eps.terms.items():
        if narrow:
            leaf = leaf.memo.get(shape) or leaf.broadcast(shape)
        if c is not last:
            last = c
            r = (kept(p) if borrowed else p) if c is None else owned(c, p) if type(p) is DualArray else c * p
            if type(r) is float and not TINY < abs(r) < HUGE:
                r = float(np.multiply(c, p)) if c else r  # of Python's numbers nobody is told what they lose
        terms[leaf] = r
    t = new(Tangent)
    t.terms = terms
    t.shape = shape
    kind = type(f)
    if kind is not ndarray and kind is not DualArray:
        return scalar(f, t, level)
    d = new(DualArray)
    d.value = f
    d.eps = t
    d.level = level
    d.source = None
    return d


def scaled_by(self: Any, c: Any) -> Any:
    """self · c for an array c that nobody will write to."""
    if self.source is not None or self.level.careful or c.dtype.kind not in "fc":
        return self * c
    return propagated(self.value * c, self.level, self.eps, c)


DualArray.scaled_by = DualScalar.scaled_by = scaled_by  # type: ignore[attr-defined]


def shifted(f: Any, level: Level, eps: Tangent, sign: int) -> Any:
    """The dual of a sum or difference with a constant: the ε-part as it was, or negated."""
    shape = f.shape
    if eps.shape != shape:
        eps = eps.broadcast(shape)
    if sign < 0:
        late = deferred(None, shape, ((eps, -1),), ()) if type(f) is ndarray and f.size > LARGE else None
        eps = Tangent({leaf: -1.0 if c is None else -c for leaf, c in eps.terms.items()}, shape) if late is None else late
    return wrap(f, level, eps)


def combined(f: Any, shape: tuple[int, ...], level: Level, s: Tangent, p: Any, t: Tangent, q: Any) -> Any:
    """The dual f + (p ⊙ s + q ⊙ t) ε; a partial that is the number 1 leaves coefficients alone."""
    narrow, same = s.shape != shape, type(p) is int and p == 1
    if same and not narrow:
        terms = s.terms.copy()
    else:
        terms = {}
        for leaf, c in s.terms.items():
            if narrow:
                leaf = leaf.memo.get(shape) or leaf.broadcast(shape)
            terms[leaf] = c if same else p if c is None else owned(c, p) if type(p) is DualArray else c * p
    narrow, sign, nested = t.shape != shape, q if type(q) is int else 0, type(q) is DualArray
    for leaf, c in t.terms.items():
        if narrow:
            leaf = leaf.memo.get(shape) or leaf.broadcast(shape)
        if leaf not in terms:
            terms[leaf] = c if sign == 1 else q if c is None else -c if sign == -1 else owned(c, q) if nested else c * q
            continue
        have = terms[leaf]
        have = 1.0 if have is None else have
        if sign:
            c = 1.0 if c is None else c
            terms[leaf] = have + c if sign == 1 else have - c
            continue
        v = q if c is None else owned(c, q) if nested else c * q
        if c is not None and type(have) is ndarray is type(v) and have.shape == v.shape and have.dtype is v.dtype:
            v += have  # the product is nobody else's
            terms[leaf] = v
        else:
            terms[leaf] = have + v
    r = new(Tangent)
    r.terms = terms
    r.shape = shape
    return wrap(f, level, r if len(terms) < 3 else r.fewer())


# A factor is the other's partial: the program's own array, which it may write to again.
FACTORS: tuple[Any, Any] = (lambda f, x, y: kept(y) if type(y) in ARRAYS else y,
                            lambda f, x, y: kept(x) if type(x) in ARRAYS else x)


# ---- two inputs
def is_real(f: Any) -> bool:
    return bool(dtype_of(f).kind != "c")


def binary(row: Elementwise, operate: Any) -> tuple[Any, Any, Any]:
    """The operation on (dual, constant), (constant, dual) and (dual, dual of the same level)."""
    holomorphic, factor = row.holomorphic, row.function is np.multiply
    partials: Any = row.partials, row.joint or row.partials, FACTORS if factor else row.partials
    (dx, dy), (jx, jy), (kx, ky) = partials

    def watched(p: Any, f: Any, x: Any, y: Any, dual: Any) -> Any:
        """The careful or unusual cases."""
        shape, level = shape_of(f), dual.level
        if p is None or (not holomorphic and np.iscomplexobj(f)):
            raise no_partial(row, p, ORDINALS[dual.value is not x])
        with all_ignored():
            # in a generic run a constant zero factor says that nothing is perturbed
            eps: Any = dual.eps.chained(steep(p(f, x, y), f, row.function), shape, 0.0) if level.generic and factor else \
                linked(dual.eps, p, (f, x, y), row) if callable(p) else \
                None if p == 0 else dual.eps.scaled(None if p == 1 else p, shape)
            if WATCH.count:
                one = (dual.eps, None) if dual.value is x else (None, dual.eps)
                eps = observed(row, f, (x, y), one, eps)
        return f if eps is None else wrap(f, level, eps)

    x_shifts, y_shifts = holomorphic and dx in (1, -1), holomorphic and dy in (1, -1)
    x_varies, y_varies, jx_varies, jy_varies = map(callable, (dx, dy, jx, jy))
    both_quick = jx is not None and jy is not None and (jy_varies or jy != 0)

    def left(a: Any, y: Any) -> Any:
        x, level = a.value, a.level
        f = operate(x, y)
        if x_varies and not level.careful and (holomorphic or is_real(f)):
            if type(f) is ndarray and f.size > LARGE and \
                    (late := deferred(row, f.shape, ((a.eps, dx),), (f, x, kept(y)))) is not None:
                return array(f, late, level)
            return propagated(f, level, a.eps, dx(f, x, y), factor)
        return shifted(f, level, a.eps, dx) if x_shifts and not level.careful else watched(kx, f, x, y, a)

    def right(x: Any, b: Any) -> Any:
        y, level = b.value, b.level
        f = operate(x, y)
        if y_varies and not level.careful and (holomorphic or is_real(f)):
            if type(f) is ndarray and f.size > LARGE and \
                    (late := deferred(row, f.shape, ((b.eps, dy),), (f, kept(x), y))) is not None:
                return array(f, late, level)
            return propagated(f, level, b.eps, dy(f, x, y), factor)
        return shifted(f, level, b.eps, dy) if y_shifts and not level.careful else watched(ky, f, x, y, b)

    def both(a: Any, b: Any) -> Any:
        x, y, level = a.value, b.value, a.level
        f = operate(x, y)
        if both_quick and not level.careful and (holomorphic or is_real(f)):
            if type(f) is ndarray and f.size > LARGE and \
                    (late := deferred(row, f.shape, ((a.eps, jx), (b.eps, jy)), (f, x, y))):
                return array(f, late, level)
            p, q = (y, x) if factor else (jx(f, x, y) if jx_varies else jx, jy(f, x, y) if jy_varies else jy)
            s, t = a.eps, b.eps
            return propagated(f, level, s, p + q) if s is t and jx_varies else combined(f, f.shape, level, s, p, t, q)
        shape = shape_of(f)
        if jx is None or jy is None or (not holomorphic and np.iscomplexobj(f)):
            raise no_partial(row, None if jx is None or jy is None else jx, ORDINALS[jx is not None])
        with all_ignored():
            if level.careful:
                eps = linked(a.eps, jx, (f, x, y), row).plus(linked(b.eps, jy, (f, x, y), row))
                return wrap(f, level, observed(row, f, (x, y), (a.eps, b.eps), eps) if WATCH.count else eps)
            p, q = (jx(f, x, y) if callable(jx) else jx), (jy(f, x, y) if callable(jy) else jy)
        if type(q) is int and q == 0:
            return wrap(f, level, a.eps.scaled(p, shape))
        return combined(f, shape, level, a.eps, p, b.eps, q)

    return left, right, both


def operations(row: Elementwise, operate: Any, foreign: Any = None) -> tuple[Any, Any]:
    """``self op other`` and ``other op self`` for a leveled self and any other; ``foreign(self, other, reflected)`` is asked
    about what is no operand of ours.
    """
    left, right, both = binary(row, operate)
    dx: Any = row.partials[0]
    quick, holomorphic = callable(dx), row.holomorphic
    noted = noted_as(row, operate)
    whole = any(set(t[:2]) & set("iIlLqQ") and set(t[:2]) & set("efdg") for t in getattr(row.function, "types", ()))

    def forward(self: Any, other: Any) -> Any:
        if self.source is not None:
            if noted is not None and type(self.source) is int and (notes := self.level.notes) is not None \
                    and (r := notes.binary(noted, self, other)) is not None:
                return r
            settle(self)
        t = type(other)
        if (t is float or t is int) and quick and not self.level.careful:
            x = self.value
            f = operate(x, other)
            if not (holomorphic or is_real(f)):
                return left(self, other)
            if type(f) is ndarray and f.size > LARGE and \
                    (late := deferred(row, f.shape, ((self.eps, dx),), (f, x, other))) is not None:
                return array(f, late, self.level)
            return propagated(f, self.level, self.eps, dx(f, x, other))
        if t is DualArray or t is DualScalar:
            if other.source is not None:
                settle(other)
            mine, others = self.level, other.level
            if mine is others or mine.number == others.number:
                return both(self, other)
            if mine.number > others.number:  # the highest level computes; the lower one is its constant
                return left(self, constant(other))
            return right(constant(self), other)
        if t in NUMBERS or (t is ndarray and other.dtype is DOUBLE):
            return left(self, other)
        known = operand(other)
        if known is NotImplemented:
            return known if foreign is None else foreign(self, other, False)
        return forward(self, known) if type(known) in LEVELED else left(self, known if whole else promoted(known, self))

    def backward(self: Any, other: Any) -> Any:
        if self.source is not None:
            if noted is not None and type(self.source) is int and (notes := self.level.notes) is not None \
                    and (r := notes.reflected(noted, other, self)) is not None:
                return r
            settle(self)
        t = type(other)
        if t in NUMBERS or (t is ndarray and other.dtype is DOUBLE):
            return right(other, self)
        known = operand(other)
        if known is NotImplemented:
            return known if foreign is None else foreign(self, other, True)
        return forward(known, self) if type(known) in LEVELED else right(known if whole else promoted(known, self), self)

    if noted is not None:
        noted.again = forward, backward
    return forward, backward


# ---- any number of inputs and results
def nary(row: Elementwise, operate: Any) -> Any:
    """The operation on inputs of which one at least is dual, for rows with three inputs or more, or several results."""
    outputs: Any = row.outputs or (row.partials,)

    def apply(*inputs: Any) -> Any:
        inputs = tuple(x if type(x) in LEVELED else operand(x) for x in inputs)
        if any(x is NotImplemented for x in inputs):
            return NotImplemented
        duals = [x for x in inputs if type(x) in LEVELED]
        for x in duals:
            if x.source is not None:
                x.refresh()
        level = max((x.level for x in duals), key=lambda level: level.number)
        mine = [type(x) in LEVELED and x.level.number == level.number for x in inputs]
        values = [x.value if belongs else constant(x) if type(x) in LEVELED else x
                  for x, belongs in zip(inputs, mine, strict=True)]
        f = operate(*values)
        results = []
        for value, partials in zip(f if row.outputs else (f,), outputs, strict=True):
            eps: Tangent | None = None
            with all_ignored():
                for i, p in enumerate(partials):
                    if not mine[i] or (not callable(p) and p == 0):
                        continue
                    if p is None:
                        raise no_partial(row, None, ORDINALS[i])
                    p = p if not callable(p) else widened(p, (f, *values)) if level.wide else p(f, *values)
                    part = inputs[i].eps.chained(steep(p, value, row.function), shape_of(value), value)
                    eps = part if eps is None else eps.plus(part)
                if WATCH.count:
                    tangents = tuple(x.eps if belongs else None for x, belongs in zip(inputs, mine, strict=True))
                    eps = observed(row, value, tuple(values), tangents, eps)
            results.append(value if eps is None else wrap(value, level, eps))
        return tuple(results) if row.outputs else results[0]

    return apply


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


def shape_of(f: Any) -> tuple[int, ...]:
    try:
        shape: tuple[int, ...] = f.shape
    except AttributeError:
        return ()
    return shape


def no_partial(row: Elementwise, p: Any, place: str) -> Exception:
    name = name_of(row.function)
    if p is None:
        return RuleError(f"{name} has no derivative in its {place} input; wrap that input in "
                         "dualdiff.stop_gradient() if it is meant as a constant")
    return HolomorphicError(f"{name} of complex numbers compares them and is not differentiable; apply it to real parts")
