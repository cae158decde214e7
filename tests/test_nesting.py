"""Derivatives inside derivatives: levels keep perturbations apart, to any depth, through arrays and closures."""

import threading

import numpy as np
import pytest
import sympy as sp

from dualdiff import Dual, DualArray, derivative, gradient, hessian, hvp, jacobian, jvp, linearize, vjp
from dualdiff.errors import DegenerateError
from dualdiff.tangents import moves

MODES = ["forward", "reverse"]
modes = pytest.mark.parametrize("mode", MODES)


# ---- perturbation confusion ------------------------------------------------------------------------------------------
def test_an_inner_derivative_that_closes_over_an_outer_variable_is_not_confused():
    # Siskind & Pearlmutter (2005): d/dx (x · d/dy (x + y)) = 1, where one ε for both would give 2
    assert derivative(lambda x: x * derivative(lambda y: x + y)(1.0))(1.0) == 1.0


@modes
def test_x_times_the_derivative_of_a_product_at_a_constant(mode):
    # d/dy (x y) = x, so the outer function is x², whatever y is
    assert derivative(lambda x: x * derivative(lambda y: x * y)(2.0))(3.0) == 6.0
    assert gradient(lambda x: x * gradient(lambda y: x * y, mode=mode)(2.0), mode=mode)(3.0) == 6.0


@pytest.mark.parametrize("outer", MODES)
@pytest.mark.parametrize("inner", MODES)
def test_closures_over_arrays_are_not_confused_in_any_pair_of_modes(outer, inner):
    # ∇_y Σ x y² = 2 x y at y = x² is 2 x³: a derivative that reaches y through the closure and through the point
    def f(x):
        return np.sum(gradient(lambda y: np.sum(x * y * y), mode=inner)(x * x))

    x = np.array([0.5, -1.5, 2.0])
    np.testing.assert_allclose(gradient(f, mode=outer)(x), 6 * x * x, rtol=1e-15)


def test_three_variables_of_three_levels_are_kept_apart():
    # ∂³/∂x ∂y ∂z of x y z² + x² y z is 2 z + 2 x, each taken inside the one before
    def dz(x, y):
        return derivative(lambda z: x * y * z * z + x * x * y * z)(4.0)

    assert derivative(lambda x: derivative(lambda y: dz(x, y))(5.0))(3.0) == 14.0


def test_the_same_point_at_three_levels_adds_up_all_paths():
    # h(x) = ∂_y [∂_z (x y z²) at z = y] at y = x: ∂_z gives 2 x y z, at z = y it is 2 x y², ∂_y gives 4 x y, so h = 4 x²
    def h(x):
        return derivative(lambda y: derivative(lambda z: x * y * z * z)(y))(x)

    assert derivative(h)(3.0) == 24.0


def test_the_inner_derivative_of_something_that_does_not_depend_on_it_is_zero():
    assert derivative(lambda x: derivative(lambda y: x * x)(2.0) + x)(3.0) == 1.0
    np.testing.assert_array_equal(jacobian(lambda x: jacobian(lambda y: x * 2)(x))(np.ones(2)), np.zeros((2, 2, 2)))


# ---- high order ------------------------------------------------------------------------------------------------------
def test_the_fifth_derivative_of_a_cube_is_zero():
    assert [derivative(lambda x: x**3, order)(2.0) for order in range(6)] == [8.0, 12.0, 12.0, 6.0, 0.0, 0.0]
    assert [derivative(lambda x: x * x * x, order)(2.0) for order in range(6)] == [8.0, 12.0, 12.0, 6.0, 0.0, 0.0]


@pytest.mark.parametrize("code", [
    "sin(x)*exp(x)", "x**4/(1 + x**2)", "tanh(x)", "sqrt(1 + x**2)", "x**2.5", "log(1 + exp(x))", "atan(x)*cos(x)", "2**x"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_of_high_order_match_sympy(code, order):
    symbol = sp.Symbol("x")
    expression = sp.sympify(code, locals={"x": symbol})
    f = eval(f"lambda x: {code.replace('atan', 'arctan')}", {name: getattr(np, name) for name in (
        "sin", "cos", "exp", "tanh", "sqrt", "log", "arctan")})
    for point in (0.3, 1.1, 2.7):
        exact = float(sp.diff(expression, symbol, order).subs(symbol, sp.Rational(point)).evalf(40))
        assert derivative(f, order)(point) == pytest.approx(exact, rel=1e-14 if code.startswith("sin") else 1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_high_order_are_taken_at_every_point_of_an_array(order):
    x = np.array([[0.3, 1.1, 2.7]])
    expected = [[derivative(np.tanh, order)(a) for a in x[0]]]
    np.testing.assert_allclose(derivative(np.tanh, order)(x), expected, rtol=1e-13)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_reverse_mode_nests_as_deep(order):
    def f(x):
        return np.sin(x) * np.exp(x)

    g = f
    for _ in range(order):
        g = gradient(g, mode="reverse")
    assert g(0.7) == pytest.approx(derivative(f, order)(0.7), rel=1e-13)


# ---- arrays ----------------------------------------------------------------------------------------------------------
def network(x):
    W = np.cos(np.arange(12.0)).reshape(4, 3)
    return np.sum(np.tanh(W @ x) ** 2 * np.arange(1.0, 5.0)) + x[0] * x[1] ** 2


POINT = np.array([0.2, -0.4, 0.7])


@pytest.mark.parametrize("inner", MODES)
def test_the_jacobian_of_a_gradient_is_the_hessian_in_both_modes_and_both_orders(inner):
    H = hessian(network)(POINT)
    np.testing.assert_allclose(H, H.T, rtol=1e-14)
    np.testing.assert_allclose(jacobian(gradient(network, mode=inner))(POINT), H, rtol=1e-13)
    rows = [gradient(lambda x, i=i: gradient(network, mode=inner)(x)[i], mode="reverse")(POINT) for i in range(3)]
    np.testing.assert_allclose(rows, H, rtol=1e-13)
    _, pullback = vjp(gradient(network, mode=inner), POINT)
    np.testing.assert_allclose(pullback(np.eye(3))[0], H, rtol=1e-13)
    v = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(hvp(network)(POINT, v), H @ v, rtol=1e-13)
    np.testing.assert_allclose(jvp(gradient(network, mode=inner), (POINT,), (v,))[1], H @ v, rtol=1e-13)
    h = 6e-6
    difference = [(gradient(network)(POINT + h * e) - gradient(network)(POINT - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(H, difference, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("ways", [("forward", "reverse", "jacobian"), ("reverse", "reverse", "reverse"),
                                  ("forward", "forward", "forward"), ("reverse", "forward", "reverse")])
def test_three_levels_pass_through_contractions(ways):
    """∂³/∂x_i ∂x_j ∂x_k of a function of matrix products, read along one direction at each level."""
    A = np.sin(np.arange(9.0)).reshape(3, 3)

    def f(x):
        return np.einsum("i,ij,j->", x * x, A, np.exp(A @ x)) + np.sum(x / x.sum())

    u, v = np.array([1.0, 0.5, -0.3]), np.array([-0.2, 0.4, 1.0])

    def along(g, w, way):
        if way == "reverse":
            return lambda x: gradient(g, mode="reverse")(x) @ w
        if way == "forward":
            return lambda x: jvp(g, (x,), (w,))[1]
        return lambda x: jacobian(g)(x) @ w

    once, twice = along(f, u, ways[0]), along(along(f, u, ways[0]), v, ways[1])
    third = along(twice, u, ways[2])(POINT)
    t = sp.symbols("t:3")
    x = sp.Matrix(POINT.tolist()) + t[0] * sp.Matrix(u.tolist()) + t[1] * sp.Matrix(v.tolist()) + t[2] * sp.Matrix(u.tolist())
    M = sp.Matrix(A.tolist())
    expression = (x.applyfunc(lambda a: a * a).T * M * (M * x).applyfunc(sp.exp))[0] + sum(x) / sum(x)
    exact = float(sp.diff(expression, *t).subs(dict.fromkeys(t, 0)))
    assert third == pytest.approx(exact, rel=1e-12)
    assert once(POINT) == pytest.approx(float(sp.diff(expression, t[0]).subs(dict.fromkeys(t, 0))), rel=1e-13)


def test_a_hessian_inside_a_gradient():
    # the trace of the hessian of Σ x⁴ is 12 Σ x²
    for mode in MODES:
        found = gradient(lambda x: np.trace(hessian(lambda y: np.sum(y**4))(x)), mode=mode)(POINT)
        np.testing.assert_allclose(found, 24 * POINT, rtol=1e-14)


def test_newton_steps_differentiate_through_an_inner_jacobian():
    def root(a):
        x = np.array([1.0, 1.0])
        for _ in range(8):
            x = x - np.linalg.solve(jacobian(lambda y: residual(y, a))(x), residual(x, a))
        return x

    def residual(y, a):
        return np.stack([y[0] ** 2 + y[1] - a[0], y[1] ** 2 - a[1] * y[0]])

    a = np.array([3.0, 2.0])
    x = root(a)
    by_theorem = np.linalg.solve(jacobian(residual)(x, a), -jacobian(residual, argnums=1)(x, a))
    np.testing.assert_allclose(jacobian(root)(a), by_theorem, rtol=1e-13)


# ---- by hand ---------------------------------------------------------------------------------------------------------
def test_a_dual_of_duals_carries_second_derivatives():
    x = Dual(Dual(2.0, 1.0), 1.0)
    f = x**3 * np.sin(x)
    at = sp.Symbol("x")
    exact = [float(sp.diff(at**3 * sp.sin(at), at, n).subs(at, 2)) for n in range(3)]
    assert f.value.value == pytest.approx(exact[0], rel=1e-15)
    assert f.value.tangent == pytest.approx(exact[1], rel=1e-15)
    assert f.tangent.value == pytest.approx(exact[1], rel=1e-15)
    assert f.tangent.tangent == pytest.approx(exact[2], rel=1e-14)


def test_a_dual_of_duals_of_duals():
    x = Dual(Dual(Dual(2.0, 1.0), 1.0), 1.0)
    assert (x**4).tangent.tangent.tangent == 48.0
    assert (x * x * x * x).tangent.tangent.tangent == 48.0


def test_two_perturbations_on_two_levels_give_the_mixed_derivative():
    x, y = Dual(Dual(2.0, 1.0), Dual(0.0, 0.0)), Dual(Dual(3.0, 0.0), Dual(1.0, 0.0))
    assert (x * y**2).tangent.tangent == 6.0               # ∂²(x y²)/∂x ∂y = 2 y


def test_a_dual_by_hand_inside_a_sweep_is_a_constant_of_the_sweep():
    d = Dual(3.0, 1.0)
    # d/dx (x² d) = 2 x d, whose own tangent along d is 2 x
    slope = derivative(lambda x: x * x * d)(5.0)
    assert (slope.value, slope.tangent) == (30.0, 10.0)


@modes
def test_a_dual_by_hand_inside_a_gradient_is_a_constant_of_it(mode):
    d = Dual(3.0, 1.0)
    slopes = gradient(lambda x: np.sum(x * x) * d, mode=mode)(np.array([5.0, 1.0]))
    assert (slopes.value.tolist(), slopes.tangent.tolist()) == ([30.0, 6.0], [10.0, 2.0])


def test_a_sweep_at_a_dual_made_by_hand_gives_a_dual():
    slope = derivative(lambda x: x**3)(Dual(2.0, 1.0))
    assert (slope.value, slope.tangent) == (12.0, 12.0)
    slopes = gradient(lambda x: np.sum(x**3))(DualArray([2.0, 1.0], [1.0, 0.5]))
    np.testing.assert_array_equal(slopes.value, [12.0, 3.0])
    np.testing.assert_array_equal(slopes.tangent, [12.0, 3.0])


@modes
def test_directions_made_by_hand_pass_through_a_gradient(mode):
    x = DualArray([2.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    H = gradient(lambda x: x[0] ** 2 * x[1] ** 3, mode=mode)(x).tangent
    np.testing.assert_allclose(H, [[2.0, 12.0], [12.0, 24.0]], rtol=1e-15)


# ---- kinks that have no second derivative ------------------------------------------------------------------------------
ORIGIN, ROWS = np.zeros(3), np.array([[0.0, 0.0], [3.0, 4.0]])
SECOND = [hessian, lambda f: lambda x: hessian(f, sparse=True)(x).toarray(), lambda f: lambda x: hvp(f)(x, np.ones_like(x)),
          lambda f: jacobian(gradient(f, mode="forward"), mode="forward"),
          lambda f: jacobian(gradient(f, mode="forward"), mode="reverse"),
          lambda f: jacobian(gradient(f, mode="reverse"), mode="reverse")]


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize(("f", "x", "name"), [
    (np.linalg.norm, ORIGIN, r"linalg\.norm"), (lambda x: np.linalg.norm(x)**2, ORIGIN, r"linalg\.norm"),
    (lambda x: np.cos(np.linalg.norm(x)), ORIGIN, r"linalg\.norm"),
    (lambda x: x[0] * np.linalg.norm(x), ORIGIN, r"linalg\.norm"),
    (lambda x: np.linalg.norm(x, 3)**2, ORIGIN, r"linalg\.norm"),
    (lambda x: np.sum(np.linalg.norm(x, axis=1)), ROWS, r"linalg\.norm .* element \(0, 0\)"),
    (lambda x: np.hypot(x[0], x[1])**2, ORIGIN, "hypot"), (lambda x: np.hypot.reduce(x)**2, ORIGIN, "hypot"),
    (lambda x: np.sum(np.abs(x + 1j * x[::-1])**2), ORIGIN, "absolute")])
def test_a_norm_at_zero_has_no_second_derivative(f, x, name, second):
    np.testing.assert_array_equal(gradient(f)(x)[0], 0)    # the first is the element of least norm
    with pytest.raises(DegenerateError, match=rf"numpy\.{name}.*np\.sum\(x \* x\)"):
        second(f)(x)


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize(("f", "x"), [
    (lambda x: np.linalg.norm(x)**3, ORIGIN), (lambda x: np.sum(abs(x)), ORIGIN), (lambda x: np.sum(abs(x) * x), ORIGIN),
    (lambda x: np.linalg.norm(x, 1), ORIGIN), (lambda x: np.sum(abs(x)**3), ORIGIN),
    (lambda x: x[0] * 1e-300 * np.linalg.norm(2.0 * ORIGIN), ORIGIN)])
def test_a_second_derivative_that_does_not_depend_on_the_kink_is_there(f, x, second):
    np.testing.assert_array_equal(second(f)(x), np.zeros_like(second(f)(x)))


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("f", [
    lambda x: np.sum(np.linalg.norm(x, axis=1)[1:]), lambda x: np.linalg.norm(x, axis=1) @ np.array([0.0, 1.0]),
    lambda x: np.sum(np.where(x[:, 0] > 0, np.linalg.norm(x, axis=1), x[:, 0])), lambda x: np.hypot(x[1, 0], x[1, 1]),
    lambda x: np.sum(np.linalg.norm(x, axis=1) * np.array([0, 1]))])
def test_rows_at_the_kink_that_the_result_drops_do_no_harm(f, second):
    expected = second(lambda x: np.linalg.norm(x[1]))(ROWS)
    np.testing.assert_allclose(second(f)(ROWS), expected, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("f", [
    lambda x: np.sum(abs(x)**2), lambda x: np.sum(np.fabs(x)**1.5), lambda x: np.exp(-abs(x[0])), lambda x: np.max(abs(x))**2,
    lambda x: np.linalg.norm(x, 1)**2, lambda x: abs(x[0]) * abs(x[1]), lambda x: sum(abs(v)**2 for v in x)])
def test_absolute_values_of_zero_whose_pieces_agree_on_another_second_derivative_are_told_of(f, second):
    """That of |x|**2 is 2 on both sides of 0; the slope that was chosen, 0, would make it 0."""
    with pytest.raises(DegenerateError, match=r"argument of numpy\.absolute is 0.* write \|x\|\*\*2 as x \* x"):
        second(f)(ORIGIN)


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize(("f", "x", "name"), [
    (lambda x: np.sqrt(x @ x), ORIGIN, "sqrt"), (lambda x: np.sqrt(x @ x)**2, ORIGIN, "sqrt"),
    (lambda x: np.sqrt(x @ x) * np.sqrt(x @ x), ORIGIN, "sqrt"), (lambda x: ((x @ x)**0.5)**2, ORIGIN, "power"),
    (lambda x: np.cos(np.sqrt(x @ x)), ORIGIN, "sqrt"), (lambda x: x[0] * np.sqrt(x @ x), ORIGIN, "sqrt"),
    (lambda x: np.std(x * np.arange(3))**2, ORIGIN, "sqrt"), (lambda x: np.arccos(np.cos(x[1]))**2, ORIGIN, "arccos"),
    (lambda x: np.sum(np.sqrt(np.sum(x**2, axis=1))**2), ROWS, r"sqrt .* element \(0,\)")])
def test_a_root_of_squares_written_out_has_no_second_derivative_at_zero(f, x, name, second):
    np.testing.assert_array_equal(gradient(f)(x)[0], 0)
    with pytest.raises(DegenerateError, match=rf"slope of numpy\.{name}.* write the square of a root as what is under it"):
        second(f)(x)


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")    # NumPy's own, of the values
@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize(("f", "x", "expected"), [
    (lambda x: np.sqrt(x @ x)**3, ORIGIN, 0), (lambda x: np.sqrt(np.sum(x**4))**2, ORIGIN, 0),
    (lambda x: np.sum(np.sqrt(np.maximum(x, 0)) * x[::-1]), np.array([-1.0, 4.0, -3.0]), np.diag([0.0, 0.375, 0.0])),
    (lambda x: np.sum(np.where(x > 0, np.sqrt(x), x**2)), np.array([-1.0, 4.0, 0.0]), np.diag([2.0, -1 / 32, 2.0])),
    (lambda x: np.sum(1 / (1 + np.exp(-x))), np.array([-800.0, 0.0, 800.0]), 0),
    (lambda x: np.sum(np.exp(-1 / x**2)), np.array([0.0, 1e-200]), 0),
    (lambda x: np.sum(np.sqrt((x[:, None] - x)**2)**2), np.array([0.1, 0.2, 3.0]), 4 * (3 * np.eye(3) - 1)),
    (lambda x: np.sum(np.sqrt((x[:, None] - x)**2) * x[:, None] * x), np.array([0.0, 1.0]), [[-4.0, 4.0], [4.0, 0.0]])])
def test_a_second_derivative_beside_an_infinite_slope_that_does_not_depend_on_it_is_there(f, x, expected, second):
    H = np.broadcast_to(expected, (x.size, x.size))
    H = H if second(lambda x: x @ x)(x).ndim == 2 else H.sum(axis=1)    # times a vector of ones
    np.testing.assert_allclose(second(f)(x), H, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("second", SECOND)
def test_points_are_no_kinks_of_their_own_distance(second):
    def f(x):
        d = np.linalg.norm(x[:, None, None] - x[:, None], axis=-1)
        return np.linalg.slogdet(np.exp(-d) + np.eye(3))[1]

    def by_pairs(x):
        e = np.exp(-np.abs(x[[0, 0, 1]] - x[[1, 2, 2]]))
        return np.log(8 + 2 * np.prod(e) - 2 * np.sum(e**2))
    x = np.array([0.1, 0.5, 2.0])
    np.testing.assert_allclose(second(f)(x), second(by_pairs)(x), rtol=1e-13, atol=1e-15)


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
@pytest.mark.parametrize("second", SECOND)
def test_a_partial_that_is_zero_moves_though_another_element_s_is_infinite(second):
    """x**x at 1: ln x is 0 there, and its slope is not; at 0 the second derivative is infinite."""
    x = np.array([1.0, 0.0])
    H = second(lambda x: np.sum(x**x))(x)
    np.testing.assert_allclose(np.ravel(H)[0], 2.0, rtol=1e-15)


def test_a_norm_at_zero_of_duals_by_hand_has_no_second_derivative():
    with pytest.raises(DegenerateError, match=r"numpy\.linalg\.norm"):
        np.linalg.norm(DualArray(DualArray(ORIGIN, np.ones(3)), np.ones(3)))


def test_eight_threads_nest_at_once_and_each_has_the_right_answer():
    found = {}

    def work(i):
        found[i] = [derivative(lambda x: x * derivative(lambda y: x * y**2)(float(i)))(3.0) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: [12.0 * i] * 20 for i in range(8)}      # x · 2 x i


def test_bins_of_weights_that_are_directions_of_an_inner_level():
    """The inner sweep's directions are a batch of weights, sparse in the outer one."""
    index, x = np.array([1, 0, 1, 2]), np.array([0.5, 1.0, -2.0, 3.0])
    binned = lambda x: np.bincount(index, x**3, 4)
    at_once = jacobian(jacobian(binned))(x)
    expected = np.zeros((4, 4, 4))
    expected[index, range(4), range(4)] = 6 * x
    np.testing.assert_array_equal(at_once, expected)
    weights = np.linspace(1.0, 2.0, 12).reshape(3, 4)
    several = lambda x: jvp(binned, (x,), (weights,))[1]
    expected = np.zeros((3, 4, 4))
    expected[:, index, range(4)] = 6 * x * weights
    np.testing.assert_allclose(jacobian(several)(x), expected, rtol=1e-14)


def test_a_hessian_times_a_vector_copies_no_coefficient_as_if_the_program_might_write_to_it(monkeypatch):
    copied = []
    monkeypatch.setattr("dualdiff.elementwise.kept", lambda x: copied.append(x) or x)

    def rosenbrock(x):
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    x, v = np.linspace(-1, 1, 5), np.linspace(1, 2, 5)
    assert np.allclose(hvp(rosenbrock)(x, v), hessian(rosenbrock)(x) @ v, rtol=1e-13)
    assert copied == []


def test_two_levels_share_one_copy_of_a_constant_matrix(monkeypatch):
    copied, kept = [], moves.kept

    def counted(x):
        if type(x) is np.ndarray and x.flags.writeable:
            copied.append(x.shape)
        return kept(x)
    monkeypatch.setattr(moves, "kept", counted)
    A = np.linspace(-1, 1, 12).reshape(4, 3)
    x = np.array([0.3, -0.2, 0.5])
    expected = hessian(lambda x: np.sum(np.tanh((A * x).sum(axis=1))))(x)
    for f in (lambda x: np.sum(np.tanh(A @ x)), lambda x: np.sum(np.tanh(np.copy(A @ x)))):  # by a plan, and by two sweeps
        copied.clear()
        assert np.allclose(hessian(f)(x), expected)
        assert copied.count(A.shape) == 1
    assert A.flags.writeable


@pytest.mark.parametrize("f", [lambda x: np.sin(x[None]) * x[..., None], lambda x: x[()] * np.pad(np.reshape(x, 1), 1),
                               lambda x: np.concatenate([[x], [1.0], [x * x]]), lambda x: x.reshape(1) * np.copy(x)])
@pytest.mark.parametrize("x", [np.array(0.7), np.float64(0.7), 0.7], ids=["0-d", "NumPy", "Python"])
def test_an_array_without_axes_is_indexed_and_joined_at_every_level(f, x):
    g = lambda x: np.sum(f(x) ** 2)
    slope = [gradient(g)(0.7 + h) for h in (1e-5, -1e-5)]
    for second in (hessian(g), derivative(g, 2), gradient(gradient(g, mode="reverse"), mode="reverse"),
                   jacobian(lambda x: linearize(g, x).todense()), lambda x: hessian(g, sparse=True)(x).toarray()):
        np.testing.assert_allclose(np.ravel(second(x)), (slope[0] - slope[1]) / 2e-5, rtol=1e-8)  # central differences
    along = jacobian(lambda x: linearize(f, x) @ np.ones(()))(x)
    np.testing.assert_allclose(along, jacobian(lambda x: jvp(f, (x,), (np.ones(()),))[1])(x), rtol=1e-13)
