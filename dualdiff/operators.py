"""Elementwise operations: Python's operators and NumPy's ufuncs on duals, generated from the elementwise rows.

An operator is called a thousand times for every hundred lines of a user's program, so each is a closure over its function
and partials with the common case first: same level, quick sweep, no view to refresh.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .dual import Dual, is_plain, new
from .dual_array import DualArray, DualScalar, array, from_objects, lifted, lowered, scalar
from .errors import AssignmentError, HolomorphicError, RuleError
from .rules.registry import ROWS, Bilinear, Composite, Constant, Elementwise, Formula, Gather, Linear, Refused, name_of
from .tangents.differential import Differential
from .tangents.level import HAND, Level
from .tangents.tangent import MAX_TERMS, Tangent

LEVELED = (DualArray, DualScalar)
NUMBERS = frozenset({float, int, bool, complex})


# ---- one input -------------------------------------------------------------------------------------------------------
def unary(row: Elementwise, operate: Any) -> Any:
    """The operation on one leveled dual."""
    (p,) = row.partials
    varies = callable(p)
    real_linear = row.real_linear

    def apply(x: Any) -> Any:
        if x.source is not None:
            x.refresh()
        v = x.value
        f = operate(v)
        level = x.level
        if real_linear is not None and np.iscomplexobj(v):
            return wrap(f, x.level, differential(row, x.level, real_linear, f, v, x.eps))
        if level.careful:
            with np.errstate(all="ignore"):
                return wrap(f, level, x.eps.chained(p(f, v) if varies else p, x.eps.shape, f))
        if not varies:
            return f if p == 0 else wrap(f, level, x.eps.scaled(p, x.eps.shape))
        return propagated(f, level, x.eps, p(f, v))

    return apply


def differential(row: Elementwise, level: Level, real_linear: Any, f: Any, v: Any, eps: Tangent) -> Tangent:
    if level.holomorphic:
        raise HolomorphicError(f"{name_of(row.function)} is not holomorphic, so f has no complex derivative; "
                               "differentiate with respect to the real and imaginary parts, or use jvp")
    result: Tangent = real_linear(f, v, Differential(eps, level)).tangent
    return result


def wrap(f: Any, level: Level, eps: Tangent) -> Any:
    t = type(f)
    if t is np.ndarray or t is DualArray:
        return array(f, eps, level)
    return scalar(f, eps, level)


def propagated(f: Any, level: Level, eps: Tangent, p: Any) -> Any:
    """The dual f + (p ⊙ eps) ε: ``Tangent.scaled`` written out, for this is what every elementwise operation runs."""
    shape = f.shape
    if eps.shape != shape:
        eps = eps.broadcast(shape)
    terms: dict[Any, Any] = {}
    last: Any = level
    r: Any = None
    for leaf, c in eps.terms.items():
        if c is not last:
            last, r = c, p if c is None else c * p
        terms[leaf] = r
    t = new(Tangent)
    t.terms, t.shape = terms, shape
    if type(f) is np.ndarray or type(f) is DualArray:
        d = new(DualArray)
        d.value, d.eps, d.level, d.source, d.version = f, t, level, None, 0
        return d
    return scalar(f, t, level)


def combined(shape: tuple[int, ...], s: Tangent, p: Any, t: Tangent, q: Any) -> Tangent:
    """p ⊙ s + q ⊙ t; a partial that is the number 1 leaves coefficients alone."""
    if s.shape != shape:
        s = s.broadcast(shape)
    if t.shape != shape:
        t = t.broadcast(shape)
    plain = type(p) is int and p == 1
    terms = dict(s.terms) if plain else {leaf: p if c is None else c * p for leaf, c in s.terms.items()}
    plain = type(q) is int and q == 1
    for leaf, c in t.terms.items():
        v = c if plain else q if c is None else c * q
        if leaf in terms:
            have = terms[leaf]
            v = (1.0 if have is None else have) + (1.0 if v is None else v)
        terms[leaf] = v
    r = Tangent(terms, shape)
    return r if len(terms) <= MAX_TERMS else r.merged()


# ---- two inputs ------------------------------------------------------------------------------------------------------
def binary(row: Elementwise, operate: Any) -> tuple[Any, Any, Any]:
    """The operation on (dual, constant), (constant, dual) and (dual, dual of the same level)."""
    dx, dy = row.partials
    jx, jy = row.joint or row.partials
    holomorphic = row.holomorphic

    def watched(p: Any, f: Any, x: Any, y: Any, dual: Any) -> Any:
        """The careful or unusual cases."""
        shape, level = shape_of(f), dual.level
        if p is None or not holomorphic and np.iscomplexobj(f):
            raise no_partial(row, p, dual.value is x)
        if not callable(p):
            return f if p == 0 else wrap(f, level, dual.eps.scaled(None if p == 1 else p, shape))
        with np.errstate(all="ignore"):
            return wrap(f, level, dual.eps.chained(p(f, x, y), shape, f))

    x_varies, y_varies = callable(dx) and holomorphic, callable(dy) and holomorphic

    def left(a: Any, y: Any) -> Any:
        if a.source is not None:
            a.refresh()
        x, level = a.value, a.level
        f = operate(x, y)
        if x_varies and not level.careful:
            return propagated(f, level, a.eps, dx(f, x, y))                                # type: ignore[operator]
        return watched(dx, f, x, y, a)

    def right(x: Any, b: Any) -> Any:
        if b.source is not None:
            b.refresh()
        y, level = b.value, b.level
        f = operate(x, y)
        if y_varies and not level.careful:
            return propagated(f, level, b.eps, dy(f, x, y))                                # type: ignore[operator]
        return watched(dy, f, x, y, b)

    def both(a: Any, b: Any) -> Any:
        if a.source is not None:
            a.refresh()
        if b.source is not None:
            b.refresh()
        x, y, level = a.value, b.value, a.level
        f = operate(x, y)
        shape = shape_of(f)
        if jx is None or jy is None or not holomorphic and np.iscomplexobj(f):
            raise no_partial(row, jy, False)
        if level.careful:
            with np.errstate(all="ignore"):
                p, q = (jx(f, x, y) if callable(jx) else jx), (jy(f, x, y) if callable(jy) else jy)
                return wrap(f, level, a.eps.chained(p, shape, f).plus(b.eps.chained(q, shape, f)))
        p, q = (jx(f, x, y) if callable(jx) else jx), (jy(f, x, y) if callable(jy) else jy)
        if a.eps is b.eps:
            return wrap(f, level, a.eps.scaled(p + q, shape))
        if type(q) is int and q == 0:
            return wrap(f, level, a.eps.scaled(p, shape))
        return wrap(f, level, combined(shape, a.eps, p, b.eps, q))

    return left, right, both


def shape_of(f: Any) -> tuple[int, ...]:
    try:
        shape: tuple[int, ...] = f.shape
    except AttributeError:
        return ()
    return shape


def no_partial(row: Elementwise, p: Any, first: bool) -> Exception:
    name = name_of(row.function)
    if p is None:
        return RuleError(f"{name} has no derivative in its {'first' if first else 'second'} input; wrap that input in "
                         "dualdiff.stop_gradient() if it is meant as a constant")
    return HolomorphicError(f"{name} of complex numbers compares them and is not differentiable; apply it to real parts")


def operations(row: Elementwise, operate: Any) -> tuple[Any, Any]:
    """``self op other`` and ``other op self`` for a leveled self and any other."""
    left, right, both = binary(row, operate)

    (dx, dy), holomorphic = row.partials, row.holomorphic
    quick = callable(dx) and holomorphic

    def forward(self: Any, other: Any) -> Any:
        t = type(other)
        if (t is float or t is int) and quick and self.source is None and not self.level.careful:
            x = self.value
            f = operate(x, other)
            return propagated(f, self.level, self.eps, dx(f, x, other))                    # type: ignore[operator]
        if t is DualArray or t is DualScalar:
            if other.level is self.level:
                return both(self, other)
            return ordered(self, other, left, right, both)
        if t in NUMBERS or (t is np.ndarray and other.dtype.kind in "fciub"):
            return left(self, other)
        other = operand(other)
        if other is NotImplemented:
            return other
        return forward(self, other) if type(other) in LEVELED else left(self, other)

    def backward(self: Any, other: Any) -> Any:
        t = type(other)
        if t in NUMBERS or (t is np.ndarray and other.dtype.kind in "fciub"):
            return right(other, self)
        other = operand(other)
        if other is NotImplemented:
            return other
        return forward(other, self) if type(other) in LEVELED else right(other, self)

    return forward, backward


def ordered(a: Any, b: Any, left: Any, right: Any, both: Any) -> Any:
    """The highest level computes; the lower one is its constant."""
    if a.level.number == b.level.number:
        return both(a, b)
    return left(a, b) if a.level.number > b.level.number else right(a, b)


def operand(x: Any) -> Any:
    """Anything NumPy would accept beside a dual: a Dual by hand lifted, lists and object arrays as one array."""
    if type(x) is Dual:
        return lifted(x)
    if isinstance(x, np.ndarray):
        if x.dtype == object:
            return from_objects(x)
        return x if type(x) is np.ndarray else NotImplemented
    if isinstance(x, np.generic):
        return x
    if isinstance(x, list | tuple):
        if any(hasattr(part, "level") for part in x):
            return np.stack([part if hasattr(part, "level") else np.asarray(part, float) for part in x])
        return np.asarray(x)
    if x is None or isinstance(x, str | bytes | dict) or hasattr(x, "__array_ufunc__") or hasattr(x, "tocsr"):
        return NotImplemented
    return x if is_plain(x) else NotImplemented


# ---- ufuncs ----------------------------------------------------------------------------------------------------------
TABLES: dict[Any, Any] = {}


def elementwise_call(ufunc: Any, inputs: tuple[Any, ...]) -> Any:
    """A ufunc with an elementwise row, called on inputs of which one at least is dual."""
    made = TABLES[ufunc]
    inputs = tuple(lifted(x) if type(x) is Dual else x for x in inputs)
    if ufunc.nin == 1:
        return made(inputs[0])
    return made[0](*inputs) if type(inputs[0]) in LEVELED else made[1](inputs[1], inputs[0])


REDUCTIONS = {np.add: np.sum, np.maximum: np.max, np.minimum: np.min, np.multiply: np.prod, np.logical_and: np.all,
              np.logical_or: np.any}
SCANS = {np.add: np.cumsum, np.multiply: np.cumprod}


def array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """NumPy calls this for every ufunc with a dual among its inputs or outputs."""
    if method == "__call__" and not options and ufunc in TABLES:
        made, x = TABLES[ufunc], inputs[0]
        if len(inputs) == 1 and type(x) is not Dual:
            return made(x)
        if len(inputs) == 2 and type(x) is not Dual and type(inputs[1]) is not Dual:
            return made[0](*inputs) if type(x) in LEVELED else made[1](inputs[1], x)
    return any_ufunc(ufunc, method, inputs, **options)


def any_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], out: Any = None, **options: Any) -> Any:
    """The rarer forms: methods, keywords, numbers made by hand, ufuncs that are not elementwise."""
    from .dispatch import array_function, store

    if method == "reduce" and ufunc in REDUCTIONS:
        options.setdefault("axis", 0)
        result = array_function(REDUCTIONS[ufunc], inputs, options)
    elif method == "accumulate" and ufunc in SCANS:
        options.setdefault("axis", 0)
        result = array_function(SCANS[ufunc], inputs, options)
    elif method == "outer" and not options:
        x, y = inputs
        result = ufunc(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y)
    elif method != "__call__":
        raise RuleError(f"{name_of(ufunc)}.{method} of dual numbers has no derivative rule; "
                        "write it with the function itself, or with numpy.sum, numpy.cumsum or numpy.where")
    else:
        row = ROWS.get(ufunc)
        if type(row) is Elementwise and not options:
            result = elementwise_call(ufunc, inputs)
        elif type(row) in (Bilinear, Gather, Linear, Composite, Formula, Constant, Refused) or row is None:
            result = array_function(ufunc, inputs, options)
        else:
            result = with_options(ufunc, inputs, **options)
    if out is None:
        return maybe_lowered(result, inputs)
    return store(out[0] if isinstance(out, tuple) else out, result)


def with_options(ufunc: Any, inputs: tuple[Any, ...], dtype: Any = None, casting: Any = None, **options: Any) -> Any:
    """A call with ``dtype=``: the inputs are converted first. ``where=`` without a defined elsewhere is refused."""
    if options:
        raise RuleError(f"{name_of(ufunc)}: the keyword {', '.join(map(repr, options))} of dual numbers is not supported; "
                        "use numpy.where(condition, f(x), other) instead")
    if dtype is not None:
        inputs = tuple(x.astype(dtype) if hasattr(x, "astype") else x for x in inputs)
    return elementwise_call(ufunc, inputs)


def maybe_lowered(result: Any, inputs: tuple[Any, ...]) -> Any:
    """Numbers made by hand stay plain Duals through NumPy's ufuncs."""
    if type(result) is DualScalar and result.level is HAND and all(type(x) is not DualScalar for x in inputs):
        return lowered(result)
    return result


# ---- Python's operators ----------------------------------------------------------------------------------------------
def in_place(forward: Any, symbol: str) -> Any:
    """``x += y`` changes the array that every name of it sees, as NumPy does; a number is simply rebound."""
    def operate(self: Any, other: Any) -> Any:
        from .dispatch import assign
        result = forward(self, other)
        if result is NotImplemented:
            return result
        if shape_of(result) != self.shape:
            raise AssignmentError(f"non-broadcastable output operand: x {symbol} y would change the shape of x from "
                                  f"{self.shape} to {shape_of(result)}; write x = x {symbol[:-1]} y")
        assign(self, ..., result)
        return self
    return operate


def comparison(compare: Any) -> Any:
    def operate(self: Any, other: Any) -> Any:
        if self.source is not None:
            self.refresh()
        return compare(self.value, other.value if hasattr(other, "level") and other.level.number >= self.level.number
                       else other)
    return operate


def install() -> None:
    """Give the two classes every operator, from the rows."""
    for ufunc, row in ROWS.items():
        if type(row) is Elementwise and isinstance(ufunc, np.ufunc):
            TABLES[ufunc] = unary(row, ufunc) if ufunc.nin == 1 else operations(row, ufunc)
    for name, ufunc, operate in (
            ("add", np.add, operator.add), ("sub", np.subtract, operator.sub), ("mul", np.multiply, operator.mul),
            ("truediv", np.divide, operator.truediv), ("pow", np.power, operator.pow),
            ("mod", np.remainder, operator.mod)):
        forward, backward = operations(ROWS[ufunc], operate)                               # type: ignore[arg-type]
        for cls in LEVELED:
            setattr(cls, f"__{name}__", forward)
            setattr(cls, f"__r{name}__", backward)
        setattr(DualArray, f"__i{name}__", in_place(forward, {"add": "+=", "sub": "-=", "mul": "*=", "truediv": "/=",
                                                              "pow": "**=", "mod": "%="}[name]))
    for name, ufunc, operate in (("neg", np.negative, operator.neg), ("pos", np.positive, operator.pos),
                                 ("abs", np.absolute, operator.abs)):
        method = unary(ROWS[ufunc], operate)                                               # type: ignore[arg-type]
        for cls in LEVELED:
            setattr(cls, f"__{name}__", method)
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        for cls in LEVELED:
            setattr(cls, f"__{name}__", comparison(getattr(operator, name)))
    DualScalar.__hash__ = Dual.__hash__                                                    # type: ignore[method-assign]
    for cls in LEVELED:
        cls.__floordiv__ = lambda self, other: np.floor_divide(self, other)                # type: ignore
        cls.__rfloordiv__ = lambda self, other: np.floor_divide(other, self)               # type: ignore
        cls.__divmod__ = lambda self, other: (self // other, self % other)                 # type: ignore
        cls.__rdivmod__ = lambda self, other: (other // self, other % self)                # type: ignore
    DualArray.__matmul__ = lambda self, other: np.matmul(self, other)                      # type: ignore
    DualArray.__rmatmul__ = lambda self, other: np.matmul(other, self)                     # type: ignore
    for cls in (DualArray, Dual):
        cls.__array_ufunc__ = array_ufunc                                                  # type: ignore
    for ufunc, row in ROWS.items():                        # x.sin(), x.exp(): what NumPy calls on object arrays
        if type(row) is Elementwise and getattr(ufunc, "nin", 0) == 1 and not hasattr(Dual, ufunc.__name__):
            setattr(Dual, ufunc.__name__, method_for(ufunc))
    Dual.conjugate = method_for(np.conjugate)                                              # type: ignore


def method_for(ufunc: Any) -> Any:
    def method(self: Any) -> Any:
        return ufunc(self)
    method.__name__ = ufunc.__name__
    method.__doc__ = f"numpy.{ufunc.__name__} of this number."
    return method


install()
