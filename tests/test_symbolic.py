"""SymPy on both sides: formulas become NumPy code that dualdiff differentiates, and NumPy code becomes formulas."""

import sys

import numpy as np
import pytest
import sympy as sp

from dualdiff import Dual, gradient, hessian, jacobian
from dualdiff.errors import DualdiffError, MissingExtraError, RuleError, StructureError
from dualdiff.symbolic import Symbolic, formula_of, from_sympy, partials

x, y = sp.symbols("x y", real=True)
t = sp.Symbol("t", positive=True)


@pytest.mark.parametrize("expression", [
    x**3 * sp.sin(y) - x / y, sp.exp(-x**2) * sp.cosh(y), sp.atan2(y, x) + sp.sqrt(x**2 + y**2),
    sp.Piecewise((x**2, x < 1), (y * x, x < 3), (sp.log(y), True)), sp.Max(x, y, x * y), sp.Min(x, 2 * y, 7),
    sp.Abs(x - y) + sp.sign(x), sp.sec(x) + sp.cot(y), sp.Mod(x, y), sp.pi * x + sp.E * y + sp.Rational(1, 3)])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_the_gradient_of_a_formula_is_the_one_that_sympy_finds(expression, mode):
    f = from_sympy(expression, [x, y])
    for point in [(0.5, 0.7), (1.5, 0.4), (4.0, 1.3)]:
        at = dict(zip((x, y), point, strict=True))
        expected = [float(sp.diff(expression, symbol).subs(at).doit()) for symbol in (x, y)] \
            if not expression.has(sp.Mod) else [1.0, -float(sp.floor(x / y).subs(at))]
        np.testing.assert_allclose(gradient(f, argnums=(0, 1), mode=mode)(*point), expected, rtol=1e-13, atol=1e-15)


def test_the_hessian_of_a_formula_is_the_one_that_sympy_finds():
    expression = sp.sin(x * y) + x**3 * y
    f = from_sympy(expression, [[x, y]])
    expected = np.array(sp.hessian(expression, (x, y)).subs({x: 0.3, y: 1.7}), float)
    np.testing.assert_allclose(hessian(f)(np.array([0.3, 1.7])), expected, rtol=1e-13)


def test_a_matrix_of_formulas_becomes_an_array_and_keeps_its_derivatives():
    rotation = sp.Matrix([[sp.cos(x), -sp.sin(x), 0], [sp.sin(x), sp.cos(x), y]])
    f = from_sympy(rotation, [x, y])
    assert f(0.5, 2.0).shape == (2, 3)
    J = jacobian(f, argnums=(0, 1))(0.5, 2.0)
    np.testing.assert_allclose(J[0], np.array(rotation.diff(x).subs(x, 0.5), float), rtol=1e-15)
    np.testing.assert_array_equal(J[1], [[0, 0, 0], [0, 0, 1]])


def test_a_formula_takes_arrays_beside_its_constants():
    f = from_sympy(sp.Matrix([x**2, 3]), [x])
    np.testing.assert_array_equal(f(np.array([1.0, 2.0, 4.0]))[:, 0], [[1, 4, 16], [3, 3, 3]])


def test_rows_of_constants_take_the_shape_of_the_arrays_beside_them():
    values = from_sympy(sp.Matrix([[x, y], [1, 2]]), [x, y])(np.zeros(2), 5.0)
    np.testing.assert_array_equal(values, [[[0, 0], [5, 5]], [[1, 1], [2, 2]]])
    assert from_sympy(sp.Matrix([[x, y], [1, 2]]), [x, y])(np.zeros(3), 5.0).shape == (2, 2, 3)


def test_a_list_of_formulas_becomes_an_array():
    f = from_sympy([[x, y], [1, x * y]], [[x, y]])
    np.testing.assert_array_equal(f(np.array([2.0, 3.0])), [[2, 3], [1, 6]])
    J = jacobian(from_sympy([x**2, y, 4], [[x, y]]), sparse=True)(np.array([2.0, 3.0]))
    np.testing.assert_array_equal(J.toarray(), [[4, 0], [0, 1], [0, 0]])


def test_conditions_take_numbers_beside_arrays():
    f = from_sympy(sp.Piecewise((x * y, sp.And(x > 0, y > 1)), (y, sp.Or(x < -1, y < 0)), (2, True)), [x, y])
    np.testing.assert_array_equal(jacobian(f, argnums=1)(np.array([3.0, 0.0, -2.0]), 2.0), [3, 0, 1])


@pytest.mark.parametrize(("name", "formula", "value"), [
    ("pi", lambda s: s * sp.pi, np.pi), ("e", lambda s: s + sp.E - 1, np.e), ("sin", sp.sin, np.sin(1.0)),
    ("array", lambda s: sp.Matrix([s, sp.EulerGamma]), np.array([[1.0], [np.euler_gamma]])),
    ("select", lambda s: sp.Piecewise((3 * s, s > 0), (0, True)), 3.0), ("amax", lambda s: sp.Max(s, -s, 0.5), 1.0)])
def test_a_symbol_may_have_the_name_of_something_of_numpys(name, formula, value):
    symbol = sp.Symbol(name)
    f = from_sympy(formula(symbol), symbol)
    np.testing.assert_array_equal(f(1.0), value)
    jacobian(f)(1.0)


@pytest.mark.parametrize("expression", [sp.besselj(1, x), sp.Function("g")(x), [x, sp.Matrix([[sp.zeta(x), 1]])],
                                        sp.Derivative(sp.sin(x), x), [sp.Integral(sp.exp(-x * y), (y, 0, 1))]])
def test_a_function_that_numpy_does_not_have_is_refused_by_name(expression):
    with pytest.raises(RuleError, match=r": (besselj|g|zeta|Derivative|Integral) has"):
        from_sympy(expression, x)


@pytest.mark.parametrize("expression", [x * y + t, [1, [y, t]], sp.Matrix([y - t])])
def test_a_symbol_that_is_no_argument_is_named(expression):
    with pytest.raises(StructureError, match=r"t, y is not among the symbols, \[\[x\]\]"):
        from_sympy(expression, [[x]])
    assert from_sympy(sp.Sum(x**y, (y, 0, 3)), sp.Symbol("x"))(2.0) == 15


@pytest.mark.parametrize(("expression", "symbols", "said"), [
    (x + y, [x], r"y is not among the symbols, \[x\]"), (x, [], r"x is not among the symbols, \[\]"),
    (x + sp.zoo, [x], "ComplexInfinity"), (sp.Integral(sp.exp(x * y), (y, 0, 1)), [x], "Integral"),
    (sp.Product(x * y, (y, 1, 3)), [x], "Product"), (sp.Derivative(sp.sin(x), x), [x], "Derivative"),
    (sp.Limit(sp.sin(x * y) / y, y, 0), [x], "Limit"), (sp.Determinant(sp.MatrixSymbol("M", 2, 2)), [x], "Determinant"),
    (x, [x, x], r"x of \[x, x\] is no NumPy code: duplicate argument"), (x, [x, 3], "invalid syntax"),
    (None, [x], "None of"), ([x, None], [x], "is no NumPy code")])
def test_what_cannot_be_translated_is_quoted(expression, symbols, said):
    with pytest.raises(DualdiffError, match=said):
        from_sympy(expression, symbols)


def test_indexed_arrays_and_bound_symbols_are_no_missing_symbols():
    B, i = sp.IndexedBase("B"), sp.Symbol("i", integer=True)
    np.testing.assert_allclose(gradient(from_sympy(sp.Sum(B[i] ** 2, (i, 0, 1)), [B]))(np.array([1.0, 2.0])), [2, 4])


@pytest.mark.parametrize("call", [lambda: from_sympy("x", "x"), lambda: Symbolic(1), lambda: formula_of(np.sin, "x")])
def test_without_sympy_the_error_names_the_extra(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(MissingExtraError, match=r'sympy cannot be imported .* extra .symbolic.: .*"\.\[symbolic\]"'):
        call()


def test_plain_numpy_code_becomes_a_formula():
    half = sp.Rational(1, 2)
    assert formula_of(lambda x, y: np.sqrt(x * x + 1) / np.exp(-y) + 0.5, x, y) == sp.sqrt(x**2 + 1) * sp.exp(y) + half
    assert formula_of(lambda x: np.where(x > 0, x, 2 * x), x) == sp.Piecewise((x, x > 0), (2 * x, True))
    assert formula_of(lambda x: x + 0.1, x) == x + sp.Float(0.1)


def test_partials_are_formulas_and_say_where_an_input_has_none():
    assert partials(np.log2, t) == (1 / (t * sp.log(2)),)
    assert partials(np.deg2rad, x) == (sp.pi / 180,)
    assert partials(np.ldexp, x, y) == (2**y, None)
    with pytest.raises(RuleError, match=r"numpy\.sum has no elementwise row"):
        partials(np.sum, x)


@pytest.mark.parametrize(("function", "name"), [
    (np.sum, "numpy.sum"), (np.add.reduce, "numpy.add.reduce"), (np.gcd, "numpy.gcd")])
def test_code_that_is_not_elementwise_is_refused_by_name(function, name):
    with pytest.raises(RuleError, match=name.replace(".", r"\.")):
        formula_of(lambda a: function(a, 1) if function is np.gcd else function(a), x)


def test_a_branch_on_an_open_condition_is_sympys_own_error():
    with pytest.raises(TypeError, match="truth value"):
        formula_of(lambda x: x if x > 0 else -x, x)


def test_duals_of_symbols_go_through_numpys_functions():
    d = np.tanh(np.sin(Dual(Symbolic(x), 1)) * 2)
    expected = sp.diff(sp.tanh(2 * sp.sin(x)), x)
    assert abs(sp.N((d.tangent.expression - expected).subs(x, sp.Rational(3, 7)), 40)) < 1e-39
    assert d.value.expression == sp.tanh(2 * sp.sin(x))
