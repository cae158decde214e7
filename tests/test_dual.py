"""Dual, one dual number: arithmetic over any ring Python can add and multiply, in loops, in object arrays, by laws."""

import copy
import math
import operator
import pickle
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dualdiff import Dual, DualArray, derivative, gradient, kinks, stop_gradient
from dualdiff.errors import ConversionError, EscapeError, KinkError, RuleError, ShapeError, StructureError
from dualdiff.transforms.trees import flatten

settings.register_profile("no clock", deadline=None)        # a busy machine is no counterexample
settings.load_profile("no clock")


# ---- the lecture -----------------------------------------------------------------------------------------------------
def test_the_product_of_eq_29():
    z = Dual(2, 3) * Dual(5, 7)
    assert (z.value, z.tangent) == (10, 2 * 7 + 5 * 3)


def test_the_square_of_epsilon_is_zero():
    e = Dual(0, 1)
    for power in (e * e, e**2, e**3):
        assert (power.value, power.tangent) == (0, 0)


def test_partials_by_adding_epsilon():
    def f(x, y):
        return x * (x + y) + y * y

    x, y, e = Dual(2), Dual(3), Dual(0, 1)
    assert (f(x + e, y).tangent, f(x, y + e).tangent) == (7, 8)
    assert f(x, y).tangent == 0


# ---- arithmetic over rings -------------------------------------------------------------------------------------------
@pytest.fixture(autouse=True)
def thirty_digits():
    with mpmath.workdps(30):
        yield


RINGS = {
    "float": (2.5, 0.5, 3.0, -1.0, 1.5), "int": (6, 1, 3, 2, 5), "complex": (1 + 2j, 1j, 2 - 1j, 1.0, 3j),
    "Fraction": tuple(map(Fraction, ("5/2", "1/3", "3", "-1/7", "2/9"))),
    "Decimal": tuple(map(Decimal, ("2.5", "0.1", "3", "-1.25", "1.5"))),
    "mpf": tuple(mpmath.mpf(a) / 8 for a in (20, 1, 24, -10, 12)),
    "float64": tuple(map(np.float64, (2.5, 0.5, 3.0, -1.0, 1.5))),
    "float32": tuple(map(np.float32, (2.5, 0.5, 3.0, -1.0, 1.5))),
    "symbol": sp.symbols("a b c d k"),
    "directions": (2.5, np.array([0.5, 1.0, 0.0]), 3.0, np.array([-1.0, 2.0, 0.0]), 1.5),
}
# The textbook, for a + bε, c + dε and a constant k: value, ε-part.
ARITHMETIC = {
    "x + y": lambda a, b, c, d, k: (a + c, b + d), "x - y": lambda a, b, c, d, k: (a - c, b - d),
    "x * y": lambda a, b, c, d, k: (a * c, a * d + b * c), "x / y": lambda a, b, c, d, k: (a / c, (b * c - a * d) / c**2),
    "x + k": lambda a, b, c, d, k: (a + k, b), "k + x": lambda a, b, c, d, k: (k + a, b),
    "x - k": lambda a, b, c, d, k: (a - k, b), "k - x": lambda a, b, c, d, k: (k - a, -b),
    "x * k": lambda a, b, c, d, k: (a * k, b * k), "k * x": lambda a, b, c, d, k: (k * a, b * k),
    "x / k": lambda a, b, c, d, k: (a / k, b / k), "k / x": lambda a, b, c, d, k: (k / a, -b * k / a**2),
    "-x": lambda a, b, c, d, k: (-a, -b), "+x": lambda a, b, c, d, k: (a, b), "x ** 2": lambda a, b, c, d, k: (a**2, 2 * a * b),
    "x ** 3": lambda a, b, c, d, k: (a**3, 3 * a**2 * b), "x ** -1": lambda a, b, c, d, k: (a**-1, -b * a**-2),
    "x ** 1": lambda a, b, c, d, k: (a, b), "x ** 0": lambda a, b, c, d, k: (a**0, 0 * b),
    "x * x * y - y": lambda a, b, c, d, k: (a * a * c - c, 2 * a * b * c + a * a * d - d),
    "1 + 2 * x - x / 3": lambda a, b, c, d, k: (1 + 2 * a - a / 3, 2 * b - b / 3),
}


ROUNDING = {np.float32: 1e-6, Decimal: Decimal("1e-25"), mpmath.mpf: mpmath.mpf("1e-28")}


def agree(got, expected):
    """Equal but for rounding in the type at hand; symbols as formulas, whole numbers and fractions exactly."""
    if isinstance(got, sp.Basic) or isinstance(expected, sp.Basic):
        return sp.simplify(got - expected) == 0
    if isinstance(expected, Fraction):
        return got == expected
    return np.all(abs(got - expected) <= abs(expected) * ROUNDING.get(type(expected), 1e-15))


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("code", ARITHMETIC)
def test_arithmetic_is_the_textbooks_over_every_ring(code, ring):
    a, b, c, d, k = RINGS[ring]
    z = eval(code, {"x": Dual(a, b), "y": Dual(c, d), "k": k})
    value, tangent = ARITHMETIC[code](a, b, c, d, k)
    assert isinstance(z, Dual)
    assert agree(z.value, value)
    assert agree(z.tangent, tangent)
    if ring not in ("int", "directions", "symbol"):
        assert type(z.value) is type(value)


LOGARITHMS = {"float": math.log, "complex": np.log, "float64": np.log, "Decimal": Decimal.ln}


@pytest.mark.parametrize("ring", ["mpf", "symbol"])
def test_a_power_whose_exponent_is_dual_needs_a_logarithm_and_says_so(ring):
    a, b, c, d, _ = RINGS[ring]
    with pytest.raises(RuleError, match=r"logarithm of x, and NumPy has none for"):
        Dual(a, b) ** Dual(c, d)


@pytest.mark.parametrize("ring", ["float", "complex", "float64", "Decimal"])
def test_powers_of_duals_differentiate_base_and_exponent(ring):
    a, b, c, d, k = RINGS[ring]
    log = LOGARITHMS[ring]
    z = Dual(a, b) ** Dual(c, d)
    assert agree(z.value, a**c)
    assert agree(z.tangent, a**c * (d * log(a) + c * b / a)) or abs(z.tangent - a**c * (d * log(a) + c * b / a)) < 1e-13
    z = k ** Dual(a, b)
    assert agree(z.value, k**a)
    assert abs(z.tangent - b * k**a * log(k)) < 1e-13


def test_thirty_digits_stay_thirty_digits():
    x = Dual(mpmath.mpf("0.1"), mpmath.mpf(1))
    z = (x * x + 1) / (3 - x)
    exact = mpmath.diff(lambda t: (t * t + 1) / (3 - t), mpmath.mpf("0.1"))
    assert abs(z.tangent - exact) < mpmath.mpf("1e-25")
    third = Dual(Fraction(1, 3), Fraction(1))
    assert (third**3 - third / 7).tangent == Fraction(1, 3) - Fraction(1, 7)


@pytest.mark.parametrize(("code", "value", "tangent"), [
    ("divmod(7, x)[1]", 0.0, -2.0),
    ("x % 2", 1.5, 1.0), ("x % y", 1.5, -1.0), ("5 % x", 1.5, -1.0), ("x // 2", 1.0, 0.0), ("7 // x", 2.0, 0.0),
    ("x // y", 1.0, 0.0),
    ("divmod(x, 2)[1]", 1.5, 1.0), ("abs(x)", 3.5, 1.0), ("abs(-x)", 3.5, 1.0), ("round(x)", 4, 0.0),
    ("round(x, 0)", 4.0, 0.0)])
def test_remainders_absolute_values_and_rounding(code, value, tangent):
    z = eval(code, {"x": Dual(3.5, 1.0), "y": Dual(2.0, 2.0), "divmod": divmod, "abs": abs, "round": round})
    assert (z.value, z.tangent) == (value, tangent)


def test_in_place_operators_rebind_a_number():
    x = y = Dual(2.0, 1.0)
    for operate, value in ((operator.iadd, 5.0), (operator.isub, -1.0), (operator.imul, 6.0), (operator.itruediv, 2 / 3),
                           (operator.ipow, 8.0)):
        x = operate(y, 3.0)
        assert x.value == pytest.approx(value)
        assert (y.value, y.tangent) == (2.0, 1.0)


@pytest.mark.parametrize("other", ["text", None, {}, object()])
@pytest.mark.parametrize("operate", [operator.add, operator.mul, operator.sub, operator.truediv, operator.pow])
def test_what_is_no_number_is_refused_by_python_itself(operate, other):
    for pair in ((Dual(1.0, 1.0), other), (other, Dual(1.0, 1.0))):
        with pytest.raises(TypeError):
            operate(*pair)


@pytest.mark.filterwarnings("ignore::dualdiff.DerivativeWarning")
def test_comparisons_and_truth_see_values_only():
    x, y = Dual(2.0, 1.0), Dual(2.0, 5.0)
    assert x == y
    assert x == 2
    assert x >= y
    assert x < 3
    assert not x != y  # noqa: SIM202 - the operator itself is tested
    assert hash(x) == hash(2.0)
    assert bool(x)
    assert not Dual(0.0, 1.0)
    assert max(Dual(1.0, 7.0), y).tangent == 5.0
    assert {x: "found"}[Dual(2.0, 9.0)] == "found"


def test_a_dual_holds_one_number():
    with pytest.raises(EscapeError, match="DualArray"):
        Dual(np.ones(3), np.ones(3))


@pytest.mark.parametrize(("value", "tangent", "error", "message"), [
    ("2", 1, StructureError, "got '2'"), (None, 1, StructureError, "got None"),
    (2.0, None, StructureError, "got None"), (2.0, "a", StructureError, "got 'a'"),
    ([1, 2], 1, EscapeError, r"shape \(2,\) use DualArray"),
    (2.0, np.ones((2, 3)), ShapeError, r"not an array of shape \(2, 3\)")])
def test_what_is_no_number_makes_no_dual(value, tangent, error, message):
    with pytest.raises(error, match=message):
        Dual(value, tangent)


@pytest.mark.parametrize("tangent", [np.uint8(1), np.True_, np.int8(1), np.uint64(1)])
def test_tangents_of_small_whole_numbers_do_not_wrap_around(tangent):
    for b in (tangent, np.array([tangent, tangent])):
        x = Dual(2.0, b)
        assert np.all((1 - x).tangent == -1)
        assert np.all((x + x).tangent == 2)
        assert np.all((200 * x).tangent == 200)


# ---- duals of duals --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ring", [ring for ring in RINGS if ring != "directions"])
def test_a_dual_of_a_dual_has_the_second_derivative_over_every_ring(ring):
    a = RINGS[ring][0]
    x = Dual(Dual(a, 1), 1)
    for z, value, slope, bend in ((x ** 3, a**3, 3 * a**2, 6 * a), (x * x * x, a**3, 3 * a**2, 6 * a),
                                  (1 / x, 1 / a, -1 / a**2, 2 / a**3), ((1 + x) * x, a + a * a, 1 + 2 * a, 2)):
        assert agree(z.value.value, value)
        assert agree(z.value.tangent, slope)
        assert agree(z.tangent.value, slope)
        assert agree(z.tangent.tangent, bend)
        assert repr(z).startswith("Dual(Dual(")


def test_a_dual_of_a_dual_may_have_several_directions():
    a, b, c, d = np.array([1.0, 0.0]), np.array([3.0, 1.0]), [1.0, 0.0, 2.0], [1.0, 2.0, 0.0]
    z = Dual(Dual(2.0, a), c) * Dual(Dual(5.0, b), d)
    assert np.array_equal(z.tangent.value, 5 * np.array(c) + 2 * np.array(d))
    assert np.array_equal(z.tangent.tangent, np.outer(b, c) + np.outer(a, d))
    assert np.array_equal(np.sin(Dual(Dual(2.0, 1.0), c)).tangent.tangent, -np.sin(2.0) * np.array(c))


# ---- hard points -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [float, np.float64])
@pytest.mark.parametrize(("code", "tangent"), [
    ("x ** y", 12.0), ("zero ** y", 0.0), ("zero ** zero", 0.0), ("still ** 2", 0.0), ("still * inf", 0.0),
    ("inf * still", 0.0), ("still ** y", 0.0), ("steep * 0.0", 0.0), ("steep / inf", 0.0), ("zero * steep", 0.0),
    ("still / number(2)", 0.0), ("steep ** 0", 0.0)])
def test_what_is_not_perturbed_stays_so_and_a_zero_partial_wins(code, tangent, number):
    names = {"x": Dual(number(-2), 1.0), "y": Dual(number(3), 0.0), "zero": Dual(number(0), 0.0),
             "still": Dual(number(math.inf), 0.0), "steep": Dual(number(1), math.inf), "inf": math.inf, "number": number}
    with np.errstate(invalid="ignore"):
        assert eval(code, names).tangent == tangent


def test_a_root_of_a_negative_number_is_complex_and_so_is_its_derivative():
    x, y = Dual(-8.0, 1.0), Dual(1 / 3, 0.5)
    f = (-8.0) ** (1 / 3)
    assert (x ** y).tangent == pytest.approx(f * (0.5 * np.log(-8 + 0j) + 1 / 3 / -8), rel=1e-14)
    assert ((-8.0) ** y).tangent == pytest.approx(f * 0.5 * np.log(-8 + 0j), rel=1e-14)


@pytest.mark.parametrize("ring", ["Fraction", "mpf", "Decimal", "symbol"])
def test_an_exponent_that_is_not_perturbed_needs_no_logarithm(ring):
    a, b = RINGS[ring][:2]
    z = Dual(a, b) ** Dual(2, 0)
    assert agree(z.value, a * a)
    assert agree(z.tangent, 2 * a * b)


def test_the_absolute_value_of_nan_has_the_derivative_nan():
    assert math.isnan(abs(Dual(math.nan, 1.0)).tangent)


# ---- NumPy on numbers made by hand -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("ufunc", "slope"), [
    (np.sin, math.cos), (np.exp, math.exp), (np.log, lambda x: 1 / x), (np.sqrt, lambda x: 0.5 / math.sqrt(x)),
    (np.tanh, lambda x: 1 - math.tanh(x) ** 2), (np.arctan, lambda x: 1 / (1 + x * x)), (np.square, lambda x: 2 * x),
    (np.reciprocal, lambda x: -1 / x**2), (np.negative, lambda x: -1.0), (np.abs, lambda x: 1.0)])
def test_ufuncs_of_a_dual_give_a_dual(ufunc, slope):
    z = ufunc(Dual(0.7, 3.0))
    assert type(z) is Dual
    assert z.tangent == pytest.approx(3.0 * slope(0.7), rel=1e-14)
    k = ufunc(Dual(0.7, np.array([3.0, 0.0])))
    np.testing.assert_allclose(k.tangent, [3.0 * slope(0.7), 0.0], rtol=1e-14)


def test_complex_numbers_are_differentiated_where_functions_are_holomorphic():
    z = 0.3 + 0.4j
    assert np.sin(Dual(z, 1.0)).tangent == pytest.approx(np.cos(z), rel=1e-15)
    assert (Dual(z, 1.0) ** 2).tangent == 2 * z
    assert abs(Dual(3 + 4j, 1.0)).tangent == pytest.approx(0.6)        # d|z| along dz = 1 is Re(conj(z) dz)/|z|
    assert abs(Dual(3 + 4j, 1j)).tangent == pytest.approx(0.8)


def test_object_arrays_of_duals_go_through_numpy():
    d = np.array([Dual(1.0, 1.0), Dual(2.0, 0.0)])
    assert d.dtype == object
    results = [(np.sin(d), [math.cos(1), 0.0]), (d * d, [2.0, 0.0]), (d / d[::-1], [0.5, -2.0]),
               (np.exp(d) - d, [math.e - 1, 0])]
    for z, expected in results:
        np.testing.assert_allclose([element.tangent for element in z], expected, rtol=1e-14)
    assert (d @ d).tangent == 2.0
    assert (np.ones(2) @ d).tangent == 1.0
    assert d.sum().tangent == 1.0
    assert d.prod().tangent == 2.0
    assert np.dot(d, [3.0, 4.0]).tangent == 3.0
    matrix = np.array([[Dual(1.0, 1.0), 2.0], [3.0, 4.0]], dtype=object)
    assert (matrix @ d)[0].tangent == 2.0
    assert sorted(d)[0].tangent == 1.0


@pytest.mark.parametrize("f", [
    lambda x: np.polyval([1.0, 2.0, 3.0], x), np.poly1d([1.0, 2.0]),
    lambda x: np.piecewise(x, [x > 1], [lambda t: t * t, lambda t: 3 * t])], ids=["polyval", "poly1d", "piecewise"])
def test_functions_that_ask_for_the_type_of_an_array_take_numbers_made_by_hand(f):
    for a in (0.7, np.float64(0.7), 1.5):
        assert f(Dual(a, 2.0)).tangent == pytest.approx(2 * derivative(f)(a), rel=1e-14)


def test_whole_numbers_become_floating_point_among_arrays():
    x = np.stack([Dual(2, 1), Dual(3, 1)])
    x *= 0.5
    assert (x.value.tolist(), x.tangent.tolist()) == ([1.0, 1.5], [0.5, 0.5])
    for y in (np.ones(2, int) * Dual(2, 1), np.ones(2) + Dual(np.int64(2), 1), np.ones(2) + Dual(2.0, 1)):
        assert (y.dtype, y.tangent.dtype) == (float, float)


def test_the_tangent_has_the_type_of_the_value():
    x = DualArray(np.array([1.0, 2.0], np.float32), [1.0, 0.0])
    for y in (x, x + 1j, np.append(x, np.float64(3.0)), x.astype(float)):
        assert y.tangent.dtype == y.dtype
    assert DualArray([1.0, 2.0], [1j, 0.0]).tangent.tolist() == [1j, 0]   # a real number moved along an imaginary direction


def test_stacking_duals_makes_a_dual_array():
    x = np.stack([Dual(1.0, 1.0), Dual(2.0, 0.5)])
    assert type(x) is DualArray
    np.testing.assert_array_equal((x * x).tangent, [2.0, 2.0])
    element = x[1]
    assert isinstance(element, Dual)
    assert (element.value, element.tangent) == (2.0, 0.5)


# ---- policies and constants ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("code", ["2 % x", "2 // x", "divmod(2, x)", "round(y)", "round(y, 0)", "x % 1", "x // 1"])
def test_a_jump_is_told_whichever_side_the_dual_stands_on(code):
    names = {"x": Dual(1.0, 1.0), "y": Dual(2.5, 1.0)}
    with kinks("raise"), pytest.raises(KinkError, match="jump"):
        eval(code, names)
    with kinks("raise"):
        assert (round(Dual(2.4, 1.0)), 3 // Dual(2.0, 1.0), (3 % Dual(2.0, 1.0)).tangent) == (2, 1, -1)


def test_stop_gradient_reaches_into_arrays_of_objects():
    found = stop_gradient(np.array([[Dual(2.0, 1.0)], [Dual(Dual(3.0, 1.0), 1.0)], [4.0]], dtype=object))
    assert (found.dtype, found.tolist()) == (float, [[2.0], [3.0], [4.0]])


@pytest.mark.parametrize("x", [Dual(1 + 2j, 1j), Dual(np.complex64(1j), 1.0), Dual(1j, [1j, 0.0])])
def test_numpy_does_not_take_the_imaginary_parts_of_complex_duals_to_be_zero(x):
    with pytest.raises(ConversionError, match=r"imaginary parts of objects to be 0: make it by np\.stack"):
        np.array([x, 1.0])
    assert np.all(np.stack([x, x]).imag.tangent[..., 0] == np.imag(x.tangent))


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_transforms_take_trees_of_numbers_made_by_hand(mode):
    x, y = gradient(lambda p: p[0] ** 2 * p[1], mode=mode)([Dual(3.0, 1.0), Dual(2, 5)])
    assert (x.value, x.tangent, y.value, y.tangent) == (12.0, 2 * 2 + 2 * 3 * 5, 9.0, 6.0)


# ---- text, copies, pickles -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("d", "text"), [
    (Dual(2.0, 1), "Dual(2.0, 1)"), (Dual(np.float64(2.5), 1.0), "Dual(2.5, 1.0)"),
    (Dual(Fraction(1, 2)), "Dual(Fraction(1, 2), 0)"), (Dual(1.0, [1.0, 2.0]), "Dual(1.0, [1., 2.])")])
def test_a_dual_prints_as_it_is_written(d, text):
    assert repr(d) == text


@pytest.mark.parametrize("d", [Dual(2.0, 1.0), Dual(Fraction(1, 3), 2), Dual(1.0, np.array([1.0, 2.0]))])
def test_copies_and_pickles_are_equal(d):
    for again in (copy.copy(d), copy.deepcopy(d), pickle.loads(pickle.dumps(d))):
        assert again.value == d.value
        assert np.array_equal(again.tangent, d.tangent)


# ---- laws ------------------------------------------------------------------------------------------------------------
rationals = st.builds(Fraction, st.integers(-20, 20), st.integers(1, 9))
duals = st.builds(Dual, rationals, rationals)
moderate = st.floats(-100, 100, allow_nan=False).filter(lambda a: a == 0 or abs(a) > 1e-6)


def same(x, y):
    return x.value == y.value and x.tangent == y.tangent


@given(duals, duals, duals)
def test_duals_are_a_commutative_ring(x, y, z):
    """Exactly so over the rationals."""
    assert same((x + y) + z, x + (y + z))
    assert same(x + y, y + x)
    assert same((x * y) * z, x * (y * z))
    assert same(x * y, y * x)
    assert same(x * (y + z), x * y + x * z)
    assert same(x + 0, x)
    assert same(x * 1, x)
    assert same(x - x, Dual(Fraction(0), Fraction(0)))
    assert same(operator.neg(-x), x)


@given(duals, duals, rationals)
def test_division_undoes_multiplication_where_the_value_is_not_zero(x, y, k):
    assume(y.value != 0)
    assert same(x * y / y, x)
    assert same(1 / (1 / y), y)
    if k:
        assert same(x / k * k, x)
        assert same(k / y, Dual(k, Fraction(0)) / y)


@given(duals, st.integers(0, 6))
def test_a_power_is_a_repeated_product(x, n):
    product = Dual(Fraction(1), Fraction(0))
    for _ in range(n):
        product = product * x
    assert same(x**n, product)
    if x.value != 0:
        assert same(x**-n * product, Dual(Fraction(1), Fraction(0)))


@given(st.lists(rationals, min_size=1, max_size=6), rationals)
def test_a_polynomial_has_its_formal_derivative(coefficients, at):
    x, value = Dual(at, Fraction(1)), Dual(Fraction(0), Fraction(0))
    for c in reversed(coefficients):                       # Horner
        value = value * x + c
    assert value.tangent == sum((i * c * at ** (i - 1) for i, c in enumerate(coefficients) if i), Fraction(0))


@given(moderate, moderate, st.lists(moderate, min_size=1, max_size=4))
def test_directions_at_once_are_the_directions_one_by_one(a, c, directions):
    assume(c != 0)

    def f(x, y):
        return x * y / (y * y + 1) - x + np.sin(x * 0.01)

    together = f(Dual(a, np.array(directions)), Dual(c, 2.0)).tangent
    apart = [f(Dual(a, b), Dual(c, 2.0)).tangent for b in directions]
    np.testing.assert_allclose(together, apart, rtol=1e-12, atol=1e-12)


@given(moderate)
def test_by_hand_and_by_sweep_are_the_same_numbers(a):
    def f(x):
        return np.tanh(x * 0.1) * x + x**2 / (1 + x * x)

    assert derivative(f)(a) == pytest.approx(f(Dual(a, 1.0)).tangent, rel=1e-13, abs=1e-13)


trees = st.recursive(st.one_of(moderate, st.integers(-5, 5), st.builds(np.ones, st.integers(0, 3))),
                     lambda inner: st.one_of(st.lists(inner, max_size=3), st.tuples(inner, inner),
                                             st.dictionaries(st.text(max_size=2), inner, max_size=3)), max_leaves=8)


def equal(a, b):
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(equal(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    return np.array_equal(a, b)


@given(trees)
def test_a_tree_taken_apart_and_put_together_is_the_same(tree):
    leaves, rebuild = flatten(tree, "the tree")
    assert equal(rebuild(leaves), tree)
    assert all(isinstance(leaf, int | float | np.ndarray) for leaf in leaves)


@pytest.mark.parametrize("ring", [mpmath.mpf, sp.Integer])
def test_a_power_of_a_plain_number_is_refused_where_its_logarithm_would_be_a_float(ring):
    with pytest.raises(RuleError, match="needs the logarithm of x, and NumPy has none for"):
        2 ** Dual(ring(1) / 3, ring(1))


@pytest.mark.parametrize(("base", "exponent", "value"), [
    (np.int8(3), 0.5, math.log(3) * 3**0.5), (np.int8(3), np.int8(2), 9 * math.log(3)), (np.float32(3), 2.0, 9 * math.log(3)),
    (2, Decimal("0.5"), Decimal(2).ln() * Decimal(2).sqrt())])
def test_a_logarithm_is_as_precise_as_the_power(base, exponent, value):
    found = (Dual(base, 0) ** Dual(exponent, 1)).tangent
    assert abs(found - value) <= abs(value) * (Decimal("1e-27") if isinstance(value, Decimal) else 4e-16)


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int64, mpmath.mpf, Decimal])
def test_floors_and_ceilings_are_pythons_of_every_number(kind):
    assert (math.floor(Dual(kind(5) / 2, 1)), math.ceil(Dual(kind(5) / 2, 1))) == (2, 3)


@given(trees)
def test_the_gradient_of_a_tree_is_a_tree_of_the_same_form(tree):
    leaves, rebuild = flatten(tree, "the tree")
    assume(leaves)

    def f(t):
        return sum(np.sum(3.0 * leaf) for leaf in flatten(t, "the tree")[0])

    for mode in ("forward", "reverse"):
        found = gradient(f, mode=mode)(tree)
        assert equal(found, rebuild([np.full(np.shape(leaf), 3.0)[()] for leaf in leaves]))


@pytest.mark.parametrize("number", [np.float64(2.0), np.float32(2.0), np.int64(3), np.int8(3), np.bool_(True)])
def test_numpys_numbers_meet_other_rings_on_either_side(number):
    d, plain = Dual(Fraction(1, 2), 1), number.item()
    for a, b in ((number + d, plain + d), (number - d, plain - d), (number * d, plain * d), (number / d, plain / d),
                 (number**d, plain**d), (number % d, plain % d)):
        assert (a.value, a.tangent) == (b.value, b.tangent)
        assert type(a.value) is type(b.value)


@pytest.mark.parametrize(("power", "value", "tangent"), [
    (lambda: 0.5 ** Dual(-1023.5, 1.0), 0.5**-1023.5, 0.5**-1023.5 * np.log(0.5)),
    (lambda: 5e-324 ** Dual(0.0, 1.0), 1.0, np.log(5e-324)),
    (lambda: 1e-200 ** Dual(-1.5, 0.0), 1e300, 0.0), (lambda: Dual(1e-200, 0.0) ** -1.5, 1e300, 0.0),
    (lambda: Dual(1e-309, 1.0) ** 1e-300, 1.0, 1e9)])
def test_a_partial_beyond_the_floats_is_no_error_where_the_value_is_none(power, value, tangent):
    found = power()
    assert found.value == pytest.approx(value)
    assert found.tangent == pytest.approx(tangent)
