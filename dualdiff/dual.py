"""Dual: one dual number a + bε with ε² = 0, in plain Python.

The arithmetic of the lecture, eqs. (27)-(29): (a₁ + b₁ε)(a₂ + b₂ε) = a₁a₂ + (a₁b₂ + a₂b₁)ε. The parts may be any numbers
that Python can add and multiply: float, complex, Fraction, Decimal, mpmath.mpf, a SymPy symbol; b may also be an array
of directions. Arithmetic with anything of a higher level (a DualArray, a number inside a sweep) is handed to it.
"""

from __future__ import annotations

from math import ceil, floor, inf, log, trunc
from numbers import Number
from typing import Any

import numpy as np

from .errors import ConversionError, EscapeError, RuleError, ShapeError, StructureError
from .policies import WATCH
from .subclasses import base_array, is_subclassed
from .tangents.level import HAND

new = object.__new__


class Dual:
    """The dual number ``value + tangent ε``.

    ``value``: a number. ``tangent``: a number, or an array of shape (k,) for k directions. Built on another dual, it is
    a dual of duals: ``Dual(Dual(a, 1), 1)`` carries second derivatives. Comparisons and ``bool`` look at values only.

    >>> def f(x, y):
    ...     return x * (x + y) + y * y
    >>> x, y, ε = Dual(2), Dual(3), Dual(0, 1)
    >>> f(x + ε, y).tangent, f(x, y + ε).tangent
    (7, 8)
    """

    __slots__ = ("tangent", "value")

    value: Any
    tangent: Any
    level: Any = HAND
    source: Any = None
    _op_priority = 1000  # SymPy's symbols then leave arithmetic with a Dual to it
    shape: tuple[int, ...] = ()
    ndim = 0
    size = 1

    def __new__(cls, value: Any = 0.0, tangent: Any = 0) -> Any:
        if hasattr(value, "level") or hasattr(tangent, "level"):
            from .dual_array import nested_by_hand
            return nested_by_hand(value, tangent)
        self = new(cls)
        self.value = value if value.__class__ in PLAIN else one_number(value)
        self.tangent = tangent if tangent.__class__ in PLAIN else directions(tangent)
        return self

    # ---- arithmetic, written out: this is what loops over plain numbers pay
    def __add__(self, other: Any) -> Any:
        kind = other.__class__
        if kind is Dual:
            r = new(Dual)
            r.value = self.value + other.value
            r.tangent = self.tangent + other.tangent
            return r
        if kind is float or kind in PLAIN or is_plain(other):
            r = new(Dual)
            r.value = self.value + other
            r.tangent = self.tangent
            return r
        return NotImplemented

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        kind = other.__class__
        if kind is Dual:
            r = new(Dual)
            r.value = self.value - other.value
            r.tangent = self.tangent - other.tangent
            return r
        if kind is float or kind in PLAIN or is_plain(other):
            r = new(Dual)
            r.value = self.value - other
            r.tangent = self.tangent
            return r
        return NotImplemented

    def __rsub__(self, other: Any) -> Any:
        kind = other.__class__
        if kind is float or kind in PLAIN or is_plain(other):
            r = new(Dual)
            r.value = other - self.value
            r.tangent = -self.tangent
            return r
        return NotImplemented

    def __mul__(self, other: Any) -> Any:
        kind = type(other)
        if kind is Dual:
            r = new(Dual)
            x, y = self.value, other.value
            r.value = x * y
            t = self.tangent * y + other.tangent * x
            if spoiled(t) if t.__class__ is not float else t != t:
                t = strong(self.tangent, y, r.value) + strong(other.tangent, x, r.value)
            r.tangent = t
            return r
        if kind is float or kind in PLAIN or is_plain(other):
            r = new(Dual)
            r.value = self.value * other
            r.tangent = t = self.tangent * other
            if t.__class__ is not float or t != t:
                r.tangent = careful(t, self.tangent, other, r.value)
            return r
        return NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        kind = type(other)
        if kind is Dual:
            r = new(Dual)
            y = other.value
            f = self.value / y
            r.value = f
            t = (self.tangent - other.tangent * f) / y
            if spoiled(t) if t.__class__ is not float else t != t:
                t = strong(self.tangent, 1 / y, f) - strong(strong(other.tangent, f, f), 1 / y, f)
            r.tangent = t
            return r
        if kind is float or kind in PLAIN or is_plain(other):
            r = new(Dual)
            r.value = self.value / other
            r.tangent = t = self.tangent / other
            if t.__class__ is not float or t != t:
                r.tangent = careful(t, self.tangent, 1 / other, r.value)
            return r
        return NotImplemented

    def __rtruediv__(self, other: Any) -> Any:
        kind = type(other)
        if kind is float or kind in PLAIN or is_plain(other):
            r = new(Dual)
            y = self.value
            f = other / y
            r.value = f
            t = -self.tangent * f / y
            if spoiled(t) if t.__class__ is not float else t != t:
                t = -strong(strong(self.tangent, f, f), 1 / y, f)
            r.tangent = t
            return r
        return NotImplemented

    def __pow__(self, other: Any) -> Any:
        kind = other.__class__
        if kind is Dual:
            x, y = self.value, other.value
            if x.__class__ is float and x > 0:
                r = new(Dual)
                r.value = f = x ** y
                try:
                    r.tangent = t = self.tangent * (y * x ** (y - 1)) + other.tangent * (f * log(x))
                    if t.__class__ is float and t == t:
                        return r
                except OverflowError:  # of a partial alone
                    pass
            return power(self, other)
        if kind is int or kind in PLAIN or is_plain(other):
            r = new(Dual)
            x = self.value
            r.value = x ** other
            try:
                p = other * x ** (other - 1) if other != 0 else 0
            except ZeroDivisionError:  # 0 ** p with 0 < p < 1: an infinite slope, unless unperturbed
                p = inf
            except OverflowError:
                p = other * r.value / x
            r.tangent = t = self.tangent * p
            if t.__class__ is not float or t != t:
                r.tangent = careful(t, self.tangent, p, r.value)
            return r
        return NotImplemented

    def __rpow__(self, other: Any) -> Any:
        if other.__class__ in PLAIN or is_plain(other):
            return Dual(other, 0) ** self
        return NotImplemented

    def __mod__(self, other: Any) -> Any:
        if WATCH.count and (type(other) is Dual or is_plain(other)):
            return np.remainder(self, other)
        if type(other) is Dual:
            return Dual(self.value % other.value, self.tangent - other.tangent * (self.value // other.value))
        return Dual(self.value % other, self.tangent) if is_plain(other) else NotImplemented

    def __rmod__(self, other: Any) -> Any:
        if WATCH.count and is_plain(other):
            return np.remainder(other, self)
        return Dual(other % self.value, -self.tangent * (other // self.value)) if is_plain(other) else NotImplemented

    def __floordiv__(self, other: Any) -> Any:
        y = value_of(other)
        if WATCH.count and is_plain(y):
            return np.floor_divide(self, other)
        return Dual(self.value // y, self.tangent * 0) if is_plain(y) else NotImplemented

    def __rfloordiv__(self, other: Any) -> Any:
        if WATCH.count and is_plain(other):
            return np.floor_divide(other, self)
        return Dual(other // self.value, self.tangent * 0) if is_plain(other) else NotImplemented

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __neg__(self) -> Any:
        r = new(Dual)
        r.value = -self.value
        r.tangent = -self.tangent
        return r

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        if isinstance(self.value, complex | np.complexfloating):
            return np.absolute(self)
        x = self.value
        if x == 0 and WATCH.count:  # a kink: the row asks the policy
            return np.absolute(self)
        return self if x > 0 else -self if x < 0 else Dual(abs(x), self.tangent * abs(x))

    # ---- comparisons see values only: the program takes the branch that the plain program takes
    def __eq__(self, other: Any) -> Any:
        equal = self.value == value_of(other)
        if equal is not False and other is not self:
            told_of_equality(equal, self, other)
        return equal

    def __ne__(self, other: Any) -> Any:
        unequal = self.value != value_of(other)
        if unequal is not True and other is not self:
            told_of_equality(not unequal, self, other)
        return unequal

    def __lt__(self, other: Any) -> Any:
        return self.value < value_of(other)

    def __le__(self, other: Any) -> Any:
        return self.value <= value_of(other)

    def __gt__(self, other: Any) -> Any:
        return self.value > value_of(other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= value_of(other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __bool__(self) -> bool:
        truth = bool(self.value)
        if not truth:  # self == 0
            told_of_equality(True, self, 0)
        return truth

    # ---- conversions: keep the derivative or raise
    @property
    def __array__(self) -> Any:
        """NumPy makes arrays of objects of lists of Duals."""
        if isinstance(self.value, complex | np.complexfloating):
            raise ConversionError(OBJECTS)
        raise AttributeError("__array__")

    def __float__(self) -> float:
        raise escape("float()", FLOAT)

    def __int__(self) -> int:
        raise escape("int()", "np.floor(x) and np.trunc(x) say that a constant is meant")

    def __index__(self) -> int:
        raise escape("an index", "use int(x.value) if a constant is meant")

    def __complex__(self) -> complex:
        raise escape("complex()", "write x + 0j, which keeps it")

    def as_integer_ratio(self) -> Any:
        raise escape("as_integer_ratio()", "np.mean, np.var and np.median keep it where the module "
                     "statistics cannot")

    @property
    def is_integer(self) -> Any:
        """Whether the value is whole, which is an equality; absent where numbers of its type do not say."""
        whole = self.value.is_integer
        return (lambda: whole() and bool(self == self.value)) if callable(whole) else whole

    def __round__(self, digits: int | None = None) -> Any:
        if WATCH.count:
            return np.round(self, digits or 0)
        return Dual(round(self.value, digits), self.tangent * 0)

    def __trunc__(self) -> Any:
        return trunc(self.value)

    def __floor__(self) -> Any:
        return floor(self.value)

    def __ceil__(self) -> Any:
        return ceil(self.value)

    def __repr__(self) -> str:
        return f"Dual({number_text(self.value)}, {number_text(self.tangent)})"

    def __format__(self, spec: str) -> str:
        if not spec:
            return repr(self)
        tangent = self.tangent
        eps = format(tangent, spec) if np.ndim(tangent) == 0 else \
            "[" + ", ".join(format(b, spec) for b in tangent) + "]"
        return f"{format(self.value, spec)} + {eps}ε"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Dual, (self.value, self.tangent))

    T = property(lambda self: self)
    real = property(np.real)
    imag = property(np.imag)

    def item(self, *index: Any) -> Any:
        return self


Number.register(Dual)  # np.isscalar asks
PLAIN = frozenset({float, int, bool, complex})
WATCHED: Any = PLAIN | {np.float64}
INEXACT = (np.ndarray, np.generic, float, complex)


def is_plain(x: Any) -> bool:
    """Whether x is one number without levels: float, Fraction, mpf, a symbol, but no array and no dual."""
    if isinstance(x, np.ndarray):
        if is_subclassed(x):
            base_array(x)  # masked arrays and matrices are refused
        return False
    return not hasattr(x, "level") and not isinstance(x, list | tuple | dict | str | bytes) \
        and x is not None and getattr(x, "shape", ()) == () and getattr(x, "__array_ufunc__", x) is not None


def one_number(a: Any) -> Any:
    if isinstance(a, np.ndarray | list | tuple) and np.ndim(a):
        raise EscapeError(f"Dual holds one number; for an array of shape {np.shape(a)} use DualArray(value, tangent)")
    if not isinstance(a, np.ndarray) and not is_plain(a):
        raise StructureError(f"Dual takes numbers, got {a!r}")
    return a


def directions(b: Any) -> Any:
    """NumPy's small whole numbers wrap around: they become int64."""
    if isinstance(b, np.ndarray | list | tuple):
        b = np.array(b)
        if b.ndim > 1:
            raise ShapeError(f"Dual has one tangent or k of them, not an array of shape {b.shape}")
    elif not isinstance(one_number(b), np.generic):
        return b
    return b.astype(int) if b.dtype.kind in "biu" else b


def value_of(x: Any) -> Any:
    return x.value if isinstance(x, Dual) else x


def spoiled(t: Any) -> bool:
    """Whether a tangent became NaN; rings without a NaN never do."""
    return t != t if isinstance(t, float) else isinstance(t, INEXACT) and bool(np.not_equal(t, t).any())


def careful(t: Any, b: Any, p: Any, f: Any) -> Any:
    """t = b · p; zeros win."""
    return strong(b, p, f) if p.__class__ in WATCHED and not 0 < abs(p) < inf and spoiled(t) else t


def strong(b: Any, p: Any, f: Any) -> Any:
    """b · p, where b = 0 wins over an infinite p, and p = 0 over an infinite b if the result f is finite."""
    with np.errstate(invalid="ignore"):
        return np.where((np.asarray(b) == 0) | ((p == 0) & (f - f == 0)), 0.0, np.asarray(b) * p)[()]


def power(x: Dual, y: Dual) -> Any:
    """x^y = e^(y ln x): y x^(y-1) dx + x^y ln x dy; for x = 0 < y the second part is 0, its limit."""
    a, p = x.value, y.value
    r = new(Dual)
    f = r.value = a ** p
    still = not isinstance(y.tangent, np.ndarray) and y.tangent == 0
    slope = 0 if still or (a == 0 and p > 0) else f * logarithm(a, f)
    t = (x ** p).tangent + y.tangent * slope
    if spoiled(t) if t.__class__ is not float else t != t:
        t = (x ** p).tangent + strong(y.tangent, slope, f)
    r.tangent = t
    return r


def logarithm(a: Any, f: Any) -> Any:
    """ln a, as precise as the power f."""
    try:
        a = a if type(f) is Dual else float(a) if isinstance(f, np.integer) else type(f)(a)
        return a.ln() if hasattr(a, "ln") else np.log(a)
    except TypeError:
        raise RuleError(f"x ** y with a dual exponent needs the logarithm of x, and NumPy has none for {type(f).__name__}; "
                        "write the power with a plain exponent, or convert x to float") from None


# An element of a plain array asks for a float, as math.sin and float do: nothing tells them apart.
FLOAT = ("NumPy's functions, such as np.sin(x), keep it where float(x) cannot; an array that x is written into keeps it if it "
         "is made by np.zeros(n, like=x); a program that runs as dualdiff.lift(f) needs neither, not for math.sin(x) either")


OBJECTS = ("NumPy makes an array of objects of dual numbers, and takes the imaginary parts of objects to be 0: make it by "
           "np.stack([...]), or run the program as dualdiff.lift(f)")


def told_of_equality(equal: Any, x: Any, y: Any) -> None:
    from .equalities import warn_of_equality
    warn_of_equality(equal, x, y)


def escape(what: str, remedy: str, error: type[EscapeError] = EscapeError) -> EscapeError:
    return error(f"{what} of a dual number would drop its derivative: {remedy}; "
                 "lift(f, packages=['name']) reaches the classes of an installed package; "
                 "for compiled code there is custom_rule, for solvers dualdiff.implicit; "
                 "x.value and dualdiff.stop_gradient(x) give a constant if that is meant")


def number_text(x: Any) -> str:
    return repr(x.item()) if isinstance(x, np.generic) else \
        np.array2string(x, separator=", ", threshold=8) if type(x) is np.ndarray else repr(x)
