"""Partials of NumPy's ufuncs. ``f`` is the result, ``x`` and ``y`` the inputs; one partial per input.

Partials are written so that they stay accurate and finite where the derivative is: 1 - tanh² cancels, (1/cosh)/cosh
does not; x/hypot² is (x/hypot)/hypot. Kinks take the element of least norm of the subdifferential.
Formulas: Abramowitz & Stegun 4.2-4.6; Wirtinger calculus for the real-linear rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..policies import OTHER, start_again_carefully
from .constant import plain
from .linear import as_part
from .registry import POSITIVE, REAL, UNIT, constant, elementwise, refused, smooth

LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))
DEGREE = float(np.pi / 180)
DOUBLE, ONE = np.dtype(np.float64), np.array(1.0)
CHAINING = ("propagated", "combined", "shifted")  # where elementwise operations multiply coefficients by partials
MODEST = (-700.0, 700.0)  # where exp neither overflows nor vanishes


def indicator(condition: Any, f: Any) -> Any:
    """1 where the condition holds, else 0, in the type of f."""
    return np.positive(condition, dtype=getattr(f, "dtype", float))


def inverse(x: Any) -> Any:
    """1/x; infinite at 0 for Python's own numbers too, which refuse."""
    if type(x) is np.ndarray and x.dtype is DOUBLE:
        return ONE / x                                     # which takes NumPy half as long as a number of Python's
    try:
        return 1 / x
    except ZeroDivisionError:
        return np.divide(1.0, x)


@smooth(lambda f, x: -2 * f * np.tanh(x))
def sech_squared(x: Any) -> Any:
    """1/cosh(x)², accurate where 1 - tanh² cancels, and where cosh² would overflow."""
    c = np.cosh(x)
    r = inverse(c)
    if type(c) is np.ndarray and c.dtype is DOUBLE:
        r /= c                                             # in place, which long arrays notice
        return r
    return np.where(np.isfinite(plain(c)), r / c, 0)[()] if np.iscomplexobj(x) else r / c


def inverse_root(f: Any, x: Any) -> Any:
    """1/√(1+x²), without overflow."""
    return 1 / root_inside(f, 1j * x, np.cosh) if np.iscomplexobj(x) else 1 / np.hypot(1.0, x)


@smooth(lambda f, x: -2 * x)
def one_less_square(x: Any) -> Any:
    """1-x², accurate near 1, with a slope that is near 0."""
    return (1 - x) * (1 + x)


def root_inside(f: Any, x: Any, branch: Any) -> Any:
    """√(1-x²), which is ``branch(f)``."""
    if not np.iscomplexobj(x):
        return np.sqrt(one_less_square(x))
    huge = np.abs(plain(x)) > 1e10  # there 1 is nothing beside the square, which may overflow
    return on_sheet(np.where(huge, 1j * x, np.sqrt(one_less_square(np.where(huge, 0, x)))), branch, f)


def root_outside(f: Any, x: Any) -> Any:
    """√(x²-1), which is sinh f."""
    if np.iscomplexobj(x):
        return 1j * root_inside(f, x, lambda f: -1j * np.sinh(f))
    return np.sqrt(x - 1) * np.sqrt(x + 1)


def on_sheet(root: Any, branch: Any, f: Any) -> Any:
    """A complex root, or its negative where that is branch(f): on a cut the sign of a zero decides, and sums lose it."""
    at = plain(root)
    return np.where(np.real(at / np.abs(at) * np.conj(branch(plain(f)))) < 0, -root, root)


@smooth(lambda f, x, y: cosine(y, x) ** 2 / np.hypot(x, y), lambda f, x, y: -f * cosine(y, x) / np.hypot(x, y))
def cosine(x: Any, y: Any) -> Any:
    """x / hypot(x, y), whose slope in x cancels where it is made of those of x and hypot."""
    return x / np.hypot(x, y)


def ratio(x: Any, f: Any, name: str, y: Any = None) -> Any:
    """x / f, and 0 where f is 0: the least element of the subdifferential of the function ``name`` at its kink."""
    if y is not None and hasattr(f, "level") and np.all(plain(f)):
        return cosine(x, y)
    if not np.any(f <= 1e-37):  # which is 0 to a half
        return x / f
    zero = f == 0
    y = np.where(zero, 1, f)  # NumPy's own quotient of complex numbers overflows where y is subnormal
    q = as_part(np.real(x) / y, False) + as_part(np.imag(x) / y, True) if np.iscomplexobj(x) else x / y
    return np.where(zero, at_apex(x, f, zero, name), q) if np.any(zero) else q


def at_apex(x: Any, f: Any, zero: Any, name: str) -> Any:
    """0; in a run that asks whether a second derivative depends on it, other numbers that move otherwise."""
    tell(f"{name} is 0", "write its square as np.sum(x * x)", zero, x, f)
    return (0.5 + np.cos(np.arange(1.0, np.size(x) + 1)).reshape(np.shape(x)) / 4) * (1 + x + 2 * f) if OTHER.get() else 0


def sign_of(f: Any, x: Any) -> Any:
    """The slope of |x|, 0 at 0; in the runs that ask whether a second derivative depends on it, that beside it."""
    s = np.sign(x)
    if not hasattr(x, "level") or np.all(plain(s)):
        return s
    zero = s == 0
    if x.level.is_sweep:
        tell("the argument of numpy.absolute is 0", "write |x|**2 as x * x", zero, x)
    return np.where(zero, OTHER.get(), s)[()]


def tell(what: str, instead: str, there: Any, *nested: Any) -> None:
    """The sweeps whose duals these are look whether their results depend on what is chosen at a kink."""
    for part in nested:
        while hasattr(part, "level"):
            if part.eps.terms:
                place = tuple(map(int, np.argwhere(there)[0]))
                part.level.bend(f"{what}{f' at element {place}' if place else ''}, a kink, so what depends on it has no "
                                f"second derivative; {instead}, or drop the element by np.where")
            part = part.value


def of_reciprocal(f: Any, x: Any) -> Any:
    return -f * f


def of_divisor(f: Any, x: Any, y: Any) -> Any:
    return -f / y


def power_base(f: Any, x: Any, y: Any) -> Any:
    """∂(x^y)/∂x = y x^(y-1), which is 0 for y = 0 even at x = 0, where x^(y-1) is infinite.

    Where y - 1 is rounded the power magnifies that, by up to 200 ulps: there y < 1/2, and x^y / x neither over- nor
    underflows before the answer does.
    """
    if type(y) is int and y == 2:
        return x + x
    x = np.float64(x) if type(x) is float else x  # Python refuses 0.0 ** -1 and overflow
    z = y - 1
    if type(y) in (int, float):
        if z + 1 == y:
            return y * x ** z if y != 0 else 0 * x
        q = f / x
        lost = np.isnan(q)  # 0/0, inf/inf
        return y * (np.where(lost, x ** z, q) if np.any(lost) else q)
    flat, rounded = y == 0, z + 1 != y
    some = np.any(flat)
    if some and hasattr(y, "level"):  # elsewhere the slope is 0 there only: ∂²(x^y)/∂x∂y is not
        flat = flat & np.logical_not(np.abs(plain(x)) >= np.finfo(np.result_type(plain(x), np.float16)).tiny)
        some = np.any(flat)
    base = np.where(flat, 1, x) if some else x
    p = np.power(base, z)
    if np.any(rounded):
        q = f / base
        p = np.where(rounded & np.isfinite(q), q, p)
    return np.where(flat, 0, y * p) if some else y * p


def power_exponent(f: Any, x: Any, y: Any) -> Any:
    """∂(x^y)/∂y = x^y ln x, whose limit is 0 where x^y vanishes (x = 0, y > 0), with an infinite slope in x for y ≤ 1."""
    if type(x) in (int, float) and x > 0:
        return f * float(np.log(x))
    zero = (x == 0) & (y != 0) & (f == 0)
    if not np.any(zero):
        return f * np.log(x)
    limit = -np.sqrt(np.where(zero & (y <= 1), x, 0)) if hasattr(x, "level") else 0
    return np.where(zero, limit, f * np.log(np.where(zero, 1, x)))


def decline(x: Any, y: Any, exp: Any, log_base: float) -> tuple[Any, Any]:
    """e^-|d| for d = y - x, which cannot overflow, and where d > 0; equal infinities are no difference.

    d is rounded, by e say (Knuth's two-sum tells), and exp magnifies that: e^(d+e) = e^d (1 + e).
    """
    d = y - x
    rounded = not (type(x) in (int, float) and x == 0) and not (type(y) in (int, float) and y == 0)
    strange = np.logical_not(np.isfinite(d)) if rounded else np.False_
    some = strange.any() if type(strange) is np.ndarray else np.any(strange)
    if some:
        d = np.where((x == y) & strange, 0, d)
    larger = d > 0
    s = exp(-np.abs(d) if type(d) is np.ndarray else np.where(larger, -d, d))  # of duals this is smooth at 0, as -|d| is not
    if rounded:
        b = d - y
        e = (y - (d - b)) - (x + b)
        e = np.where(strange, 0, e) if some else e
        s = s + s * (np.where(larger, -e, e) * log_base)
    return s, larger


def share(x: Any, y: Any, exp: Any = np.exp, log_base: float = 1.0) -> Any:
    """e^x / (e^x + e^y)."""
    s, larger = decline(x, y, exp, log_base)
    return np.where(larger, s, 1) / (1 + s)


def shares(x: Any, y: Any, exp: Any = np.exp, log_base: float = 1.0) -> Any:
    """Those of x and y, multiplied."""
    s, _ = decline(x, y, exp, log_base)
    return s / (1 + s) / (1 + s)


@smooth(lambda f, x, y: softmax_shares(x, y), lambda f, x, y: -softmax_shares(x, y))
def softmax_share(x: Any, y: Any) -> Any:
    return share(x, y)


@smooth(lambda f, x, y: f * np.tanh((y - x) / 2), lambda f, x, y: f * np.tanh((x - y) / 2))
def softmax_shares(x: Any, y: Any) -> Any:
    return shares(x, y)


@smooth(lambda f, x, y: LN2 * softmax_shares2(x, y), lambda f, x, y: -LN2 * softmax_shares2(x, y))
def softmax_share2(x: Any, y: Any) -> Any:
    return share(x, y, np.exp2, LN2)


@smooth(lambda f, x, y: LN2 * f * np.tanh((LN2 / 2) * (y - x)), lambda f, x, y: LN2 * f * np.tanh((LN2 / 2) * (x - y)))
def softmax_shares2(x: Any, y: Any) -> Any:
    return shares(x, y, np.exp2, LN2)


def chosen(f: Any, x: Any, y: Any) -> Any:
    """1 where f was taken from x alone; a tie with a constant gives 0, the least norm of [0, 1]."""
    return indicator((f == x) & (x != y), f)


def shared(f: Any, x: Any, y: Any) -> Any:
    """1 where f was taken from x, one half where both were equal."""
    return 0.5 * (indicator(f == x, f) + indicator((f == x) & (x != y), f))


LEAST_SQUARE = 1e-290  # a sum of squares above it has lost no digit


def turn(a: Any, x: Any, y: Any) -> Any:
    """a / (x² + y²), without overflow."""
    squares = x * x + y * y
    if getattr(squares, "dtype", None) is DOUBLE:
        size = plain(squares)
        if np.minimum.reduce(size, axis=None, initial=1.0) > LEAST_SQUARE and \
                np.maximum.reduce(size, axis=None, initial=1.0) < np.inf:
            return a / squares                             # which takes a fifth of the time
    r = np.hypot(x, y)
    return a / r / r


def over_square(x: Any) -> Any:
    """1/(1+x²)."""
    return inverse(1 + x * x)


def sign_real_linear(f: Any, z: Any, dz: Any) -> Any:
    """d(z/|z|) = i (z/|z|) Im(conj(z/|z|) dz) / |z|: only the phase turns."""
    return 1j * ratio(f, np.abs(z), "numpy.sign") * np.imag(np.conj(f) * dz)


CHOICE = (lambda f, x, y: chosen(f, x, y), lambda f, x, y: chosen(f, y, x))
SHARED = (lambda f, x, y: shared(f, x, y), lambda f, x, y: shared(f, y, x))

# Partials that are a number over an input: the input and the number. They may underflow where the derivative does not.
OVER_INPUT: dict[Any, Any] = {of_reciprocal: lambda f, x: (x, -f), of_divisor: lambda f, x, y: (y, -f),
                              power_base: lambda f, x, y: (x, y * f)}


RANGED = {*OVER_INPUT, turn, over_square}  # partials that over- or underflow where the result need not


def noticed(kind: str, frame: Any) -> None:
    """A floating-point event: where a derivative may be lost by it, as in log(1 / (1 + exp(400))), the sweep starts again."""
    code, at = frame.f_code, frame.f_locals
    with np.errstate(all="ignore"):
        if code.co_name in CHAINING:
            p = "q" if "sign" in at else "p"  # the partial that its loop multiplies by
            lost = "c" in at and p in at and out_of_range(at["f"], at[p], [at["c"]])
        elif (partial := frame.f_globals.get(code.co_name)) in RANGED:
            given = [at[name] for name in code.co_varnames[:code.co_argcount]]  # None: what a deferred one does not read
            known = [np.abs(plain(a)) for a in given if a is not None]
            lost = out_of_range(known[0] if partial in OVER_INPUT else sum(known), partial(*given), [None])
        else:
            return
    if lost:
        start_again_carefully(True)


def out_of_range(f: Any, p: Any, coefficients: Any) -> bool:
    """Whether p, or its product with a coefficient, over- or underflows where f, though large or small, is far from that."""
    f, p = np.abs(plain(f)), plain(p)
    info = np.finfo(np.result_type(f, np.float16))
    far = (f > info.tiny / info.eps ** 0.2) ^ (f >= info.max ** -0.1)
    if np.any(f > info.max ** 0.1):
        far = far | (f > info.max ** 0.1) & (f < np.inf)
    for c in coefficients if np.any(far) else ():
        size = np.abs(p if c is None else plain(c) * p)
        lost = far & ~((size >= info.tiny) & (size < np.inf))
        if np.any(lost) and (c is None or np.any(lost & (plain(c) != 0) & (p != 0))):
            return True
    return False


# Where an input meets a kink or a jump, for the policy that asks.
AT_ZERO = ("kink", lambda f, x, *y: x == 0)
JUMP_AT_ZERO = ("jump", lambda f, x, *y: x == 0)
TIE = ("kink", lambda f, x, y: (x == y) & (f == x))
WHOLE = ("jump", lambda f, x, y: (f == 0) & (x != 0))  # a whole number of y fits into x

# ---- one input ------------------ ∂f/∂x
elementwise(np.positive,    1)
elementwise(np.negative,    -1)
elementwise(np.square,      lambda f, x: x + x)
elementwise(np.reciprocal,  of_reciprocal)
elementwise(np.sqrt,        lambda f, x: 0.5 / f,                        domain=POSITIVE)
elementwise(np.cbrt,        lambda f, x: 1 / (3 * f * f))
elementwise(np.exp,         lambda f, x: f,                              domain=MODEST)
elementwise(np.exp2,        lambda f, x: f * LN2,                        domain=MODEST)
elementwise(np.expm1,       lambda f, x: np.exp(x),                      domain=MODEST)
elementwise(np.log,         lambda f, x: inverse(x),                     domain=POSITIVE)
elementwise(np.log2,        lambda f, x: inverse(x * LN2),               domain=POSITIVE)
elementwise(np.log10,       lambda f, x: inverse(x * LN10),              domain=POSITIVE)
elementwise(np.log1p,       lambda f, x: inverse(1 + x),                 domain=(-1.0, float("inf")))
elementwise(np.sin,         lambda f, x: np.cos(x))
elementwise(np.cos,         lambda f, x: -np.sin(x))
elementwise(np.tan,         lambda f, x: sech_squared(1j * x) if np.iscomplexobj(x) else 1 + f * f)
elementwise(np.arcsin,      lambda f, x: 1 / root_inside(f, x, np.cos),  domain=UNIT)
elementwise(np.arccos,      lambda f, x: -1 / root_inside(f, x, np.sin), domain=UNIT)
elementwise(np.arctan,      lambda f, x: over_square(x))
elementwise(np.sinh,        lambda f, x: np.cosh(x),                     domain=MODEST)
elementwise(np.cosh,        lambda f, x: np.sinh(x),                     domain=MODEST)
elementwise(np.tanh,        lambda f, x: sech_squared(x))
elementwise(np.arcsinh,     inverse_root)
elementwise(np.arccosh,     lambda f, x: 1 / root_outside(f, x),         domain=(1.0, float("inf")))
elementwise(np.arctanh,     lambda f, x: inverse(one_less_square(x)),    domain=UNIT)
elementwise(np.deg2rad,     DEGREE)
elementwise(np.radians,     DEGREE)
elementwise(np.rad2deg,     1 / DEGREE)
elementwise(np.degrees,     1 / DEGREE)
elementwise(np.fabs,        sign_of,                                     kinks=(AT_ZERO,))

# ---- two inputs ----------------- ∂f/∂x --------------------------------- ∂f/∂y
elementwise(np.add,         1,                                          1)
elementwise(np.subtract,    1,                                          -1)
elementwise(np.multiply,    lambda f, x, y: y,                          lambda f, x, y: x)
elementwise(np.divide,      lambda f, x, y: inverse(y),                 of_divisor)
elementwise(np.power,       power_base,                                 power_exponent,     domain=(POSITIVE, REAL))
elementwise(np.float_power, power_base,                                 power_exponent,     domain=(POSITIVE, REAL))
elementwise(np.hypot,       lambda f, x, y: ratio(x, f, "numpy.hypot", y),  lambda f, x, y: ratio(y, f, "numpy.hypot", x),
            kinks=(("kink", lambda f, x, y: f == 0),) * 2)
elementwise(np.arctan2,     lambda f, x, y: turn(y, x, y),              lambda f, x, y: turn(-x, x, y))
elementwise(np.logaddexp,   lambda f, x, y: softmax_share(x, y),        lambda f, x, y: softmax_share(y, x))
elementwise(np.logaddexp2,  lambda f, x, y: softmax_share2(x, y),       lambda f, x, y: softmax_share2(y, x))
elementwise(np.fmod,        1,                                          lambda f, x, y: -np.rint((x - f) / y),
            kinks=(WHOLE, WHOLE))
elementwise(np.remainder,   1,                                          lambda f, x, y: -np.floor_divide(x, y),
            kinks=(("jump", lambda f, x, y: f == 0),) * 2)
elementwise(np.copysign,    lambda f, x, y: np.sign(x) * np.copysign(1, f),   0,
            kinks=(AT_ZERO, ("jump", lambda f, x, y: (y == 0) & (x != 0))))
elementwise(np.heaviside,   0,                                          lambda f, x, y: indicator(x == 0, f),
            kinks=(JUMP_AT_ZERO, None))
elementwise(np.ldexp,       lambda f, x, n: np.ldexp(indicator(True, f), n), None)
for _extreme in (np.maximum, np.minimum, np.fmax, np.fmin):
    elementwise(_extreme,   *CHOICE, joint=SHARED, holomorphic=False, kinks=(TIE, TIE))

# ---- real-linear on complex input: the differential in dz and its conjugate
elementwise(np.absolute,    sign_of,                 kinks=(AT_ZERO,),
            real_linear=lambda f, z, dz: np.real(np.conj(ratio(z, f, "numpy.absolute")) * dz))
elementwise(np.sign,        0,                       real_linear=sign_real_linear, kinks=(JUMP_AT_ZERO,))

STEPS = "piecewise constant: the derivative is zero wherever it exists"
constant(STEPS, np.floor, np.ceil, jump=lambda f, x: f == x)
constant(STEPS, np.trunc, jump=lambda f, x: (f == x) & (x != 0))
constant(STEPS, np.rint, jump=lambda f, x: np.abs(x - np.trunc(x)) == 0.5)
constant(STEPS, np.floor_divide, jump=lambda f, x, y: np.remainder(x, y) == 0)
constant("the result is a truth value",
         np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.isnan, np.isinf, np.isfinite,
         np.signbit, np.logical_and, np.logical_or, np.logical_xor, np.logical_not)
constant("a property of the number format, not a function of the reals", np.spacing)

refused("its result is an integer; wrap the operand in dualdiff.stop_gradient() if that is meant",
        np.gcd, np.lcm, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift,
        np.bitwise_count)
refused("it steps to a neighbouring floating-point number; apply it to stop_gradient(x) if that is meant", np.nextafter)
refused("it is defined for dates; wrap the operand in dualdiff.stop_gradient() if that is meant", np.isnat)
