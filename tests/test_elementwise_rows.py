"""Every elementwise row is the derivative: proved with SymPy, and measured against 50 digits, extremes included."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import mpmath
import numpy as np
import pytest
import sympy as sp

import dualdiff as dd
from dualdiff import symbolic
from dualdiff.rules import elementwise as rules_elementwise
from dualdiff.rules import every_row
from dualdiff.rules.elementwise import (
    cosine,
    decline,
    one_less_square,
    sech_squared,
    softmax_share,
    softmax_share2,
    softmax_shares,
    softmax_shares2,
)
from dualdiff.rules.registry import Elementwise, name_of

ROWS = {function: row for function, row in every_row().items() if not name_of(function).startswith("scipy.")}
ELEMENTWISE = {ufunc: row for ufunc, row in ROWS.items() if isinstance(row, Elementwise) and isinstance(ufunc, np.ufunc)}
PARTIALS = [(ufunc, i) for ufunc, row in ELEMENTWISE.items() for i, p in enumerate(row.partials) if p is not None]
by_partial = pytest.mark.parametrize(("ufunc", "i"), PARTIALS, ids=lambda case: getattr(case, "__name__", str(case)))

x, y = sp.symbols("x y", real=True)
s, t = sp.symbols("s t", positive=True)
n = sp.Symbol("n", integer=True)
m = sp.Symbol("m", integer=True, nonnegative=True)
THIRD = sp.Rational(1, 3)


@dataclass
class Piece:
    """Where a function is smooth: a test of numbers, the same place in symbols, and the smooth formula there."""

    holds: Callable
    region: tuple
    branch: Callable


LARGER = Piece(lambda x, y: x > y, (y + t, y), lambda x, y: x)
SMALLER = Piece(lambda x, y: x < y, (y - t, y), lambda x, y: y)
LARGER_LOSES = replace(LARGER, branch=lambda x, y: y)
SMALLER_WINS = replace(SMALLER, branch=lambda x, y: x)
POSITIVE, NEGATIVE = Piece(lambda x: x > 0, (t,), lambda x: x), Piece(lambda x: x < 0, (-t,), lambda x: -x)
ROOT = [Piece(lambda x: x > 0, (t,), sp.cbrt), Piece(lambda x: x < 0, (-t,), lambda x: -sp.cbrt(-x))]
POWER = [Piece(lambda x, y, sign=sign: x > 0 and np.sign(float(y)) == sign, (s, sign * t), lambda x, y: x**y)
         for sign in (-1, 1)] + [Piece(lambda x, y: x > 0 and y == 0, (s, sp.S.Zero), lambda x, y: x**y)]


def quadrants(branch):
    """The four pieces of a function of two inputs that bends where either changes sign."""
    return [Piece(lambda x, y, a=a, b=b: a * x > 0 and b * y > 0, (a * s, b * t),
                  lambda x, y, a=a, b=b: branch(x, y, a, b)) for a, b in product((1, -1), repeat=2)]


PIECES = {
    np.absolute: [POSITIVE, NEGATIVE],
    np.fabs: [POSITIVE, NEGATIVE],
    np.sign: [replace(POSITIVE, branch=lambda x: sp.S.One), replace(NEGATIVE, branch=lambda x: -sp.S.One)],
    np.cbrt: ROOT,
    np.tanh: [replace(POSITIVE, branch=sp.tanh), replace(NEGATIVE, branch=sp.tanh)],
    np.power: POWER,
    np.float_power: POWER,
    np.hypot: quadrants(lambda x, y, a, b: sp.sqrt(x**2 + y**2)),
    np.logaddexp: [replace(piece, branch=lambda x, y: sp.log(sp.exp(x) + sp.exp(y))) for piece in (LARGER, SMALLER)],
    np.logaddexp2: [replace(piece, branch=lambda x, y: sp.log(2**x + 2**y) / sp.log(2)) for piece in (LARGER, SMALLER)],
    np.arctan2: [Piece(lambda x, y: x or y, (x, y), sp.atan2)],
    np.maximum: [LARGER, SMALLER],
    np.fmax: [LARGER, SMALLER],
    np.minimum: [LARGER_LOSES, SMALLER_WINS],
    np.fmin: [LARGER_LOSES, SMALLER_WINS],
    np.copysign: quadrants(lambda x, y, a, b: a * b * x),
    np.heaviside: [Piece(lambda x, y: x > 0, (t, y), lambda x, y: sp.S.One),
                   Piece(lambda x, y: x < 0, (-t, y), lambda x, y: sp.S.Zero),
                   Piece(lambda x, y: x == 0, (sp.S.Zero, y), lambda x, y: y)],
    # A whole number of y fits into x: n of them, with a third of one left over.
    np.remainder: [Piece(lambda x, y: y and mpmath.floor(x / y) != x / y, ((n + THIRD) * y, y),
                         lambda x, y: x - (mpmath.floor(x / y) if isinstance(x, mpmath.mpf) else n) * y)],
    np.fmod: [Piece(lambda x, y, a=a: y and a * x / y > 0 and mpmath.floor(x / y) != x / y, (a * (m + THIRD) * t, t),
                    lambda x, y, a=a: x - a * (mpmath.floor(abs(x / y)) if isinstance(x, mpmath.mpf) else m) * y)
              for a in (1, -1)],
    np.ldexp: [Piece(lambda x, n: True, (x, n), lambda x, n: x * 2**n)],
}


def pieces(ufunc):
    """A row without an entry is smooth in all its domain, and its formula is NumPy's meaning of it."""
    whole = tuple(t if low == 0 else symbol
                  for symbol, (low, _) in zip((x, y), ROWS[ufunc].domain[:ufunc.nin], strict=False))
    return PIECES.get(ufunc) or [Piece(lambda *point: True, whole, symbolic.formulas()[ufunc])]


# ---- proved ----------------------------------------------------------------------------------------------------------
def is_zero(expression):
    return any(sp.simplify(form) == 0 for form in (expression, expression.rewrite(sp.exp), sp.expand(expression)))


def smooth_derivative(piece, i):
    """∂branch/∂input i as an expression in placeholders, and the placeholders."""
    names = sp.symbols(f"u:{len(piece.region)}", real=True)
    return sp.diff(piece.branch(*names), names[i]), names


def is_proved(row, i):
    """Whether partial i is SymPy's own derivative in every piece of the domain, in symbols."""
    return all(is_zero(stated(row, i, piece.region) - derivative.subs(dict(zip(names, piece.region, strict=True))))
               for piece in pieces(row.function) for derivative, names in [smooth_derivative(piece, i)])


def stated(row, i, region):
    p = row.partials[i]
    inputs = tuple(map(symbolic.Symbolic, region))
    return symbolic.expression_of(p(row.function(*inputs), *inputs) if callable(p) else p)


@by_partial
def test_a_partial_is_the_derivative_that_sympy_finds(ufunc, i):
    assert is_proved(ELEMENTWISE[ufunc], i)


@pytest.mark.parametrize("ufunc", PIECES, ids=lambda ufunc: ufunc.__name__)
def test_the_pieces_add_up_to_the_function(ufunc):
    for piece in PIECES[ufunc]:
        assert is_zero(symbolic.formulas()[ufunc](*piece.region) - piece.branch(*piece.region))


# ---- measured --------------------------------------------------------------------------------------------------------
REAL_POINTS = [0.0, 1e-300, 1e-200, 1e-20, 1e-8, 1e-3, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0, 1.25, 2.5, 3.0, 10.0, 22.5,
               40.0, 700.0, 1e5, 1e20, 1e160, 1e200, 1e300]
ENDS = {  # points that come as near to the ends of a bounded domain as floats do
    (-1.0, 1.0): [-1 + 2**-53, -1 + 1e-8, 1 - 1e-8, 1 - 2**-53],
    (-1.0, float("inf")): [-1 + 2**-53, -1 + 1e-8],
    (1.0, float("inf")): [1 + 2**-52, 1 + 1e-8],
}
FEW = [-1e200, -700.0, -40.0, -2.5, -1.0, -0.3, -1e-8, -1e-200, 0.0, 1e-200, 1e-8, 0.1, 0.3, 1.0, 2.0, 2.5, 10.0,
       40.0, 700.0, 1e200]
EXPONENTS = [-1074, -60, -1, 0, 1, 52, 1000]


def scattered(low, high, count, seed):
    """Numbers of every size between the bounds, from 1e-12 to 1e12 or the bounds, of both signs where they allow."""
    r = np.random.default_rng(seed)
    sizes = np.exp(r.uniform(np.log(1e-12), np.log(min(high, 1e12) if high > 0 else 1e12), count))
    values = sizes * np.where(low < 0, r.choice([-1.0, 1.0], count), 1.0) if low < 1 else 1 + sizes
    return values[(values > low) & (values < high)].tolist()


def points(row):
    """The inputs of a row, an array each: its domain, extremes included, and numbers of every size; pairs are crossed."""
    if row.function.nin == 1:
        (low, high), = row.domain
        inside = [a for b in REAL_POINTS for a in (-b, b) if low < a < high or low == a == -700 or high == a == 700]
        inside += scattered(low, high, 80, 1)
        return (np.array(sorted({0.0 if a == 0 else a for a in inside} | set(ENDS.get(row.domain[0], [])))),)
    first = [a for a in FEW if row.domain[0][0] <= a]
    second = EXPONENTS if row.function is np.ldexp else FEW
    pairs = list(product(first, second)) + [(a, np.nextafter(a, 1)) for a in first[1:] if row.function is not np.ldexp]
    if row.function is not np.ldexp:
        u, v = scattered(max(-1e3, row.domain[0][0]), 1e3, 150, 2), scattered(-1e3, 1e3, 150, 3)
        pairs += zip(u, v, strict=False)
    return tuple(np.array(column) for column in zip(*pairs, strict=True))


def fifty_digits(function, point):
    """The value at exactly these floats: with more and more digits, until forty of them stand."""
    last = None
    for digits in (60, 120, 480, 1600):
        with mpmath.workdps(digits):
            value = function(*map(mpmath.mpf, point))
            if last and abs(value - last) <= mpmath.mpf(10)**-40 * abs(value):
                return value
            last = value
    assert abs(value) < mpmath.mpf(10)**-400, f"1600 digits are not enough at {point}"
    return value


def ulps(got, reference):
    """The distance in units in the last place. Below the smallest normal number any such number will do; above the
    largest, infinity."""
    tiny, huge = np.finfo(float).tiny, np.finfo(float).max
    size = abs(reference)
    if size > huge:
        return 0.0 if np.isinf(got) and np.sign(got) == mpmath.sign(reference) else np.inf
    if size < tiny:
        return 0.0 if abs(got) <= tiny else np.inf
    if not np.isfinite(got):
        return np.inf
    return float(abs(mpmath.mpf(got) - reference) / float(np.spacing(float(size))))


def worst(row, i):
    """The largest error of partial i in ulps, and where. The result f that it is given is NumPy's own."""
    inputs = points(row)
    with np.errstate(all="ignore"):
        f = row.function(*inputs)
        p = row.partials[i]
        values = np.broadcast_to(p(f, *inputs) if callable(p) else p, f.shape)
    found = (0.0, None)
    for piece in pieces(row.function):
        function = mp_derivative(row.function, piece, i)
        for value, result, *point in zip(values.tolist(), f.tolist(), *(a.tolist() for a in inputs), strict=True):
            # where f itself over- or underflows, the sweep judges the product (promise 2), not the row
            if piece.holds(*map(mpmath.mpf, point)) and np.isfinite(result):
                error = ulps(value, fifty_digits(function, point))
                found = max(found, (error, (point, value)), key=lambda pair: pair[0])
    return found


def mp_derivative(ufunc, piece, i):
    if ufunc in (np.remainder, np.fmod):                   # x - n y with a whole number n that depends on the point
        return lambda x, y: mpmath.mpf(1) if i == 0 else (piece.branch(x, y) - x) / y
    derivative, names = smooth_derivative(piece, i)
    return sp.lambdify(names, derivative, "mpmath")


CLOSE = 4


@by_partial
def test_a_partial_agrees_with_fifty_digits_up_to_the_ends_of_its_domain(ufunc, i, record_property):
    error, where = worst(ELEMENTWISE[ufunc], i)
    record_property("ulps", error)
    assert error <= CLOSE, f"{error} ulps at {where}"


PARTS = {softmax_share: lambda x, y: 1 / (1 + sp.exp(y - x)), softmax_share2: lambda x, y: 1 / (1 + 2 ** (y - x)),
         softmax_shares: lambda x, y: 1 / (1 + sp.exp(y - x)) / (1 + sp.exp(x - y)),
         softmax_shares2: lambda x, y: 1 / (1 + 2 ** (y - x)) / (1 + 2 ** (x - y)),
         sech_squared: lambda x: 1 / sp.cosh(x) ** 2, one_less_square: lambda x: 1 - x**2,
         cosine: lambda x, y: x / sp.sqrt(x**2 + y**2)}


def test_every_function_that_partials_are_written_with_is_measured():
    parts = {function for function, row in ROWS.items() if isinstance(row, Elementwise) and not isinstance(function, np.ufunc)}
    assert set(PARTS) == parts  # SciPy's ufuncs, which another test may have met, are measured by themselves


@pytest.mark.parametrize(("function", "i"), [(function, i) for function in PARTS for i in range(function.nin)],
                         ids=lambda part: getattr(part, "__name__", part))
def test_the_partials_of_a_partial_agree_with_fifty_digits(function, i, monkeypatch):
    def modest(*point):
        return all(abs(x) < 1e3 for x in point)
    monkeypatch.setitem(PIECES, function, [Piece(modest, (x, y)[:function.nin], PARTS[function])])
    error, where = worst(ROWS[function], i)
    assert error <= 2 * CLOSE, f"{error} ulps at {where}"  # a product of two


def test_the_second_derivative_of_a_logistic_loss_takes_a_share_for_one_operation(monkeypatch):
    calls = []
    monkeypatch.setattr(rules_elementwise, "decline", lambda *args: calls.append(args) or decline(*args))
    z = np.linspace(-3, 3, 5)
    second = dd.derivative(lambda z: np.logaddexp(0, z), order=2)(z)
    s = 1 / (1 + np.exp(-z))
    assert np.allclose(second, s * (1 - s), rtol=1e-14, atol=0)
    assert all(type(x) in (int, np.ndarray) for args in calls for x in args[:2])           # never a dual, inside or out
    assert len(calls) == 3                                 # of the value, of its partial, and of both shares


def test_the_formulas_of_the_proof_are_the_functions_that_numpy_computes():
    for ufunc, row in ELEMENTWISE.items():
        inputs = points(row)
        with np.errstate(all="ignore"):
            f = ufunc(*inputs)
        for piece in pieces(ufunc):
            names = sp.symbols(f"u:{ufunc.nin}", real=True)
            function = piece.branch if ufunc in (np.remainder, np.fmod) \
                else sp.lambdify(names, piece.branch(*names), "mpmath")
            for value, *point in zip(f.tolist(), *(a.tolist() for a in inputs), strict=True):
                if piece.holds(*map(mpmath.mpf, point)) and 1e-300 < abs(value) < 1e300:
                    reference = fifty_digits(function, point)
                    # a sum that cancels, as log(eˣ + eʸ) near its zero does, is right beside its inputs
                    size = max(abs(reference), min(map(abs, point)))
                    assert abs(value - reference) <= 1e-13 * size, (ufunc, point)


# ---- complex numbers -------------------------------------------------------------------------------------------------
HOLOMORPHIC = [ufunc for ufunc, row in ELEMENTWISE.items()
               if "D->D" in ufunc.types and row.holomorphic and row.real_linear is None and ufunc is not np.sign]
COMPLEX_POINTS = [0.3 + 0.4j, -0.7 + 2.5j, 2.0 - 1.5j, -3.0 - 0.2j, 1e-8 + 1e-8j, 20.0 + 3.0j, -20.0 - 0.5j]


@pytest.mark.parametrize("ufunc", HOLOMORPHIC, ids=lambda ufunc: ufunc.__name__)
def test_a_partial_is_the_complex_derivative_of_a_holomorphic_function(ufunc):
    z = sp.Symbol("z", complex=True)
    derivative = sp.lambdify(z, sp.diff(symbolic.formulas()[ufunc](z), z), "mpmath")
    (p,) = ELEMENTWISE[ufunc].partials
    for point in COMPLEX_POINTS:
        with mpmath.workdps(60):
            reference = complex(derivative(mpmath.mpc(point)))
        value = complex(p(ufunc(point), np.complex128(point)) if callable(p) else p)
        # the partial may cancel against 1, as 1 + tan² and 1 - tanh² do; where it is small beside 1 it is so to 1e-15
        assert abs(value - reference) <= 1e-14 * max(abs(reference), 0.1)


BRANCHES = [1e200 + 2e200j, -3e160j - 1e9, 1 + 1e-9 + 2e-9j, -1 - 1e-12j, 1e-9 + (1 - 1e-9) * 1j, 1e-12 - 1j, 1e-200 + 1e-210j]


@pytest.mark.parametrize(("ufunc", "point"), [*product((np.tan, np.tanh), (0.3 + 20j, 20 - 0.3j, 1 - 300j, 900 + 1j, 2 + 900j)),
                                              *product((np.arcsin, np.arccos, np.arcsinh, np.arccosh), BRANCHES)], ids=str)
@pytest.mark.parametrize("order", [1, 2])
def test_complex_derivatives_keep_their_digits_far_out_and_beside_branch_points(ufunc, point, order):
    z = sp.Symbol("z", complex=True)
    derivative = sp.lambdify(z, sp.diff(symbolic.formulas()[ufunc](z), z, order), "mpmath")
    with mpmath.workdps(900):
        reference = complex(derivative(mpmath.mpc(point)))
    with np.errstate(over="ignore"):
        assert abs(dd.derivative(ufunc, order)(point) - reference) <= 1e-13 * abs(reference)


# ---- types -----------------------------------------------------------------------------------------------------------
@by_partial
@pytest.mark.parametrize("scalar", [False, True], ids=["array", "scalar"])
def test_a_partial_of_single_precision_stays_in_single_precision(ufunc, i, scalar):
    inside = {(0.0, float("inf")): 2.5, (1.0, float("inf")): 2.5}
    inputs = [np.float32(inside.get(domain, 0.25)) for domain in ELEMENTWISE[ufunc].domain]
    if ufunc is np.ldexp:
        inputs[1] = np.int32(3)
    if not scalar:
        inputs = [np.full(3, a) for a in inputs]
    p = ELEMENTWISE[ufunc].partials[i]
    f = ufunc(*inputs)
    assert f.dtype == np.float32 or ufunc is np.float_power    # which NumPy computes in double precision
    value = p(f, *inputs) if callable(p) else p
    assert type(value) in (int, float) or value.dtype == f.dtype or ufunc is np.float_power


# ---- the checkers can fail -------------------------------------------------------------------------------------------
def with_partials(row, partials):
    return Elementwise(row.function, partials, row.domain, row.joint, row.real_linear, row.holomorphic, row.outputs)


def mutated(row, i, change):
    """The row with partial i replaced by change(partial i)."""
    p = row.partials[i]
    other = (lambda *a: change(p(*a))) if callable(p) else change(p)
    return with_partials(row, (*row.partials[:i], other, *row.partials[i + 1:]))


# ∂copysign/∂y, ∂heaviside/∂x and ∂sign/∂x are zero everywhere: they have no sign to flip.
NONZERO = [(ufunc, i) for ufunc, i in PARTIALS if ELEMENTWISE[ufunc].partials[i] != 0]


@pytest.mark.parametrize(("ufunc", "i"), NONZERO, ids=lambda case: getattr(case, "__name__", str(case)))
def test_a_wrong_sign_in_any_row_turns_the_proof_red(ufunc, i):
    assert not is_proved(mutated(ELEMENTWISE[ufunc], i, lambda p: -p), i)


@pytest.mark.parametrize(("ufunc", "i"), NONZERO, ids=lambda case: getattr(case, "__name__", str(case)))
def test_an_error_in_the_twelfth_digit_of_any_row_turns_the_measurement_red(ufunc, i):
    assert worst(mutated(ELEMENTWISE[ufunc], i, lambda p: p * (1 + 1e-12)), i)[0] > 1000


@pytest.mark.parametrize(("ufunc", "i"), [case for case in PARTIALS if case not in NONZERO],
                         ids=lambda case: getattr(case, "__name__", str(case)))
def test_a_zero_that_is_not_zero_turns_both_red(ufunc, i):
    wrong = mutated(ELEMENTWISE[ufunc], i, lambda p: 1e-12)
    assert not is_proved(wrong, i)
    assert worst(wrong, i)[0] > 1000


def test_the_textbook_partial_of_tanh_would_be_found_inaccurate():
    textbook = with_partials(ELEMENTWISE[np.tanh], (lambda f, x: 1 - f * f,))
    assert is_proved(textbook, 0)
    assert worst(textbook, 0)[0] > 1e6


def test_the_partial_of_remainder_counts_as_numpy_does():
    # 1 / 0.1 rounds to 10, but 0.1 fits into 1 only 9 times: remainder(1, 0.1) is nearly 0.1
    for ufunc in (np.remainder, np.fmod):
        x, y = np.array([1.0, 6.0, 0.6]), np.array([0.1, 0.3, 0.2])
        f = ufunc(x, y)
        np.testing.assert_array_equal(ELEMENTWISE[ufunc].partials[1](f, x, y), -np.rint((x - f) / y))


@pytest.mark.parametrize("function", [np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh, np.sqrt, np.log],
                         ids=lambda f: f.__name__)
def test_on_a_branch_cut_the_derivative_is_that_of_the_side_where_the_value_is(function):
    """On either side, which the sign of a zero says; along the cut, where the function is smooth."""
    for z, along in [(1.5 + 0j, 1), (complex(1.5, -0.0), 1), (-1.5 + 0j, 1), (complex(-1.5, -0.0), 1), (0.5 + 0j, 1),
                     (complex(0.0, 1.5), 1j), (complex(-0.0, 1.5), 1j), (complex(-0.0, -1.5), 1j), (-2 - 3j, 1)]:
        def moved(t, z=z, along=along):
            return function(complex(z.real + t, z.imag) if along == 1 else complex(z.real, z.imag + t))
        step = 2.0**-10
        coarse, fine = ((moved(h) - moved(-h)) / (2 * h) for h in (step, step / 2))
        for x in (np.array([z]), z):
            np.testing.assert_allclose(np.ravel(dd.jvp(function, (x,), (x * 0 + along,))[1]), (4 * fine - coarse) / 3, 1e-8)


@pytest.mark.parametrize(("ufunc", "second"), [(np.arcsin, lambda x: x / mpmath.sqrt(1 - x * x) ** 3),
                                               (np.arccos, lambda x: -x / mpmath.sqrt(1 - x * x) ** 3),
                                               (np.arctanh, lambda x: 2 * x / (1 - x * x) ** 2),
                                               (np.arctan, lambda x: -2 * x / (1 + x * x) ** 2)],
                         ids=lambda f: getattr(f, "__name__", ""))
def test_second_derivatives_keep_their_digits_where_they_nearly_vanish(ufunc, second):
    x = np.array([1e-300, 1e-160, -1e-20, 1e-8, 1e-3, 0.3, -0.9, 1 - 1e-9] + [1e50, -1e100] * (ufunc is np.arctan))
    with mpmath.workdps(50):
        expected = [float(second(mpmath.mpf(a))) for a in x]
    for found in (dd.derivative(ufunc, 2)(x), dd.gradient(lambda x: np.sum(dd.derivative(ufunc)(x)), mode="reverse")(x),
                  [dd.derivative(ufunc, 2)(a) for a in x]):
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_the_partial_of_arctan2_takes_the_length_of_its_arguments_where_squares_would_not_do(monkeypatch):
    y, x = np.cos(np.arange(5.0)), np.sin(np.arange(5.0)) + 2
    partial = ROWS[np.arctan2].partials[0]
    hypot, lengths = np.hypot, []
    monkeypatch.setattr(np, "hypot", lambda *args: lengths.append(args) or hypot(*args))
    np.testing.assert_allclose(partial(np.arctan2(y, x), y, x), x / (x * x + y * y), rtol=1e-15)
    assert not lengths
    for size in (1e-160, 1e160):
        with np.errstate(over="ignore"):
            slope = partial(np.arctan2(y, x), size * y, size * x)
        np.testing.assert_allclose(slope * size, x / (x * x + y * y), rtol=1e-14)
    assert len(lengths) == 2
