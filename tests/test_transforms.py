"""The public calls: what they take, what they give, and what they say when they cannot."""

import collections
import warnings

import numpy as np
import pytest

import dualdiff as dd
from dualdiff import derivative, gradient, hessian, hvp, jacobian, jvp, value_and_gradient, value_and_jacobian, vjp
from dualdiff.errors import HolomorphicError, RuleError, ShapeError, StructureError
from dualdiff.tangents.moves import Contraction

X = np.random.default_rng(0).standard_normal((3, 4))
A = np.random.default_rng(1).standard_normal((4, 2))


# ---- shapes ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("shape_in", "f", "shape_out"), [
    ((3, 4), lambda x: x @ A, (3, 2)), ((3, 4), np.sum, ()), ((), lambda x: x * np.ones(5), (5,)), ((), np.sin, ()),
    ((1,), lambda x: x * np.ones((2, 1)), (2, 1)), ((0, 3), lambda x: x[:, 1:], (0, 2)), ((2, 0), lambda x: x.sum(0), (0,)),
])
def test_a_jacobian_has_the_result_s_axes_before_the_argument_s(shape_in, f, shape_out):
    x = np.ones(shape_in)
    J = jacobian(f)(x)
    assert J.shape == shape_out + shape_in
    value, pullback = vjp(f, x)
    assert np.shape(value) == shape_out
    assert pullback(np.ones(shape_out))[0].shape == shape_in
    assert jvp(f, (x,), (np.ones(shape_in),))[1].shape == shape_out
    assert jvp(f, (x,), (np.ones((7, *shape_in)),))[1].shape == (7, *shape_out)


def test_a_gradient_is_shaped_like_the_argument_and_a_hessian_like_it_twice():
    def f(x):
        return np.sum(np.sin(x) @ A)
    for mode in ("auto", "forward", "reverse"):
        assert gradient(f, mode=mode)(X).shape == (3, 4)
    assert hessian(f)(X).shape == (3, 4, 3, 4)
    assert hvp(f)(X, X).shape == (3, 4)
    assert np.allclose(hvp(f)(X, X), np.tensordot(hessian(f)(X), X, 2))
    assert np.array_equal(hvp(lambda x, a, b=1.0: a * b * f(x))(X, X, 2.0, b=3.0), hvp(lambda x: 6.0 * f(x))(X, X))
    assert derivative(np.sin, order=np.int64(2))(0.5) == -np.sin(0.5)


def test_scalars_come_back_as_numpy_scalars():
    assert type(gradient(lambda x: x * x)(3.0)) is np.float64
    assert type(jacobian(lambda x: x * x)(3)) is np.float64
    assert type(derivative(lambda x: x * x)(3)) is np.float64
    assert type(value_and_gradient(lambda x: x * x)(3)[0]) is np.float64
    for mode in ("auto", "forward", "reverse"):
        assert type(gradient(lambda x: 5.0, mode=mode)(3.0)) is np.float64
        assert type(jacobian(lambda x: 5.0, mode=mode)(3.0)) is np.float64


def test_the_value_is_the_value_that_f_returns_without_derivatives():
    def f(x):
        return np.tanh(x @ A) ** 3 / (1 + np.exp(-x[:, :2]))
    assert np.array_equal(value_and_jacobian(f)(X)[0], f(X))
    assert value_and_gradient(lambda x: np.sum(f(x)))(X)[0] == np.sum(f(X))
    assert np.array_equal(vjp(f, X)[0], f(X))
    assert np.array_equal(jvp(f, (X,), (X,))[0], f(X))


@pytest.mark.parametrize(("f", "expected"), [(np.sqrt, [np.inf, 3 / 256]), (lambda x: x**1.5, [-np.inf, -3 / 64]),
                                             (lambda x: 1 / x, [-np.inf, -6 / 256])])
def test_a_third_derivative_of_an_array_may_be_infinite_at_one_of_its_points(f, expected):
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(derivative(f, order=3)(np.array([0.0, 4.0])), expected)


# ---- arguments ---------------------------------------------------------------------------------------------------------
def test_argnums_chooses_arguments_and_keywords_are_constants():
    def f(a, b, c, scale=1.0):
        return scale * np.sum(a * b) + c
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert np.array_equal(gradient(f, 1)(a, b, 5.0), a)
    assert np.array_equal(gradient(f, -2)(a, b, 5.0), a)
    both = gradient(f, (0, 2))(a, b, 5.0, scale=2.0)
    assert isinstance(both, tuple)
    assert np.array_equal(both[0], 2 * b)
    assert both[1] == 1
    blocks = jacobian(lambda a, b: a * b, (1, 0))(a, b)
    assert np.array_equal(blocks[0], np.diag(a))
    assert np.array_equal(blocks[1], np.diag(b))


def test_an_argument_that_is_named_twice_is_refused():
    for argnums in [(0, 0), (1, -1), [0, -2]]:
        with pytest.raises(StructureError, match="names an argument twice"):
            jacobian(lambda a, b: a * b, argnums)(X[0], X[1])


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_arguments_may_be_trees(mode):
    tree = {"W": X, "layers": [np.ones(2), (2.0, Point(3.0, np.array([4.0])))]}

    def f(t):
        (scale, point) = t["layers"][1]
        return np.sum(t["W"]) * scale + np.sum(t["layers"][0]) * point.x + point.y[0] ** 2
    g = gradient(f, mode=mode)(tree)
    assert list(g) == ["W", "layers"]
    assert np.array_equal(g["W"], np.full((3, 4), 2.0))
    assert np.array_equal(g["layers"][0], [3.0, 3.0])
    scale, point = g["layers"][1]
    assert np.isclose(scale, X.sum())
    assert type(point) is Point
    assert point == Point(2.0, np.array([8.0]))


@pytest.mark.parametrize("kind", [lambda t: collections.defaultdict(float, t), collections.OrderedDict, dict])
def test_dicts_of_any_kind_stay_of_that_kind(kind):
    tree = kind({"b": 3.0, "a": np.ones(2)})
    g = gradient(lambda t: t["b"] ** 2 * np.sum(t["a"]))(tree)
    assert type(g) is type(tree)
    assert list(g) == ["b", "a"]
    assert g["b"] == 12.0
    assert np.array_equal(tree["a"], [1, 1])


def test_dicts_of_directions_and_cotangents_may_name_their_parts_in_any_order():
    p, swapped = {"a": np.array([2.0, 5.0]), "b": 3.0}, {"b": 1.0, "a": np.zeros(2)}

    def f(p):
        return {"u": p["a"] * p["b"], "v": [{"w": p["b"] ** 2, "x": p["b"]}]}
    cotangent = {"v": [{"x": 0.0, "w": 1.0}], "u": np.zeros(2)}
    assert np.array_equal(jvp(f, (p,), (swapped,))[1]["u"], p["a"])
    assert vjp(f, p)[1](cotangent)[0]["b"] == 6.0
    J = dd.linearize(f, p)
    assert np.array_equal((J @ swapped)["u"], p["a"])
    assert (J.T @ cotangent)["b"] == 6.0
    assert hvp(lambda p: p["a"][0] ** 2 * p["b"])(p, swapped)["a"][0] == 4.0
    for call in (lambda: jvp(f, (p,), ({"a": p["a"], "c": 1.0},)), lambda: J @ {"b": 1.0}, lambda: vjp(f, p)[1]({"u": p["a"]})):
        with pytest.raises(StructureError, match=r"its keys are \[.*; they must be \['[au]', '[bv]'\]"):
            call()


def test_results_may_be_trees():
    def f(x):
        return {"a": [x**2, 1.0], "b": (x[0], np.sum(x))}
    x = np.array([1.0, 3.0])
    J = jacobian(f)(x)
    assert np.array_equal(J["a"][0], np.diag(2 * x))
    assert np.array_equal(J["a"][1], [0, 0])
    assert np.array_equal(J["b"][0], [1, 0])
    _, pullback = vjp(f, x)
    (u,) = pullback({"a": [np.ones(2), 1.0], "b": (10.0, 100.0)})
    assert np.array_equal(u, 2 * x + [110, 100])
    H = hessian(lambda t: t["p"] ** 2 * t["q"])({"p": 3.0, "q": 5.0})
    assert H == {"p": {"p": 10.0, "q": 6.0}, "q": {"p": 6.0, "q": 0.0}}


def test_an_array_of_duals_made_by_numpy_array_is_a_result_like_any_other():
    J = jacobian(lambda x: np.array([x[0] * x[1], 2.0, np.sin(x[2])]))(np.array([1.0, 2.0, 0.0]))
    assert np.array_equal(J, [[2, 1, 0], [0, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_result_that_does_not_depend_on_the_argument_has_a_zero_derivative(mode):
    assert np.array_equal(gradient(lambda x: 3.0, mode=mode)(np.ones(6)), np.zeros(6))
    assert np.array_equal(gradient(lambda x, y: np.sum(y), mode=mode)(np.ones(6), np.ones(2)), np.zeros(6))
    assert np.array_equal(jacobian(lambda x: np.ones(2))(np.ones(3)), np.zeros((2, 3)))
    assert np.array_equal(jacobian(np.floor)(np.ones(3)), np.zeros((3, 3)))
    assert derivative(lambda x: 7)(2.0) == 0


def test_integers_become_float64_and_float32_stays_float32():
    assert gradient(np.sum)(np.arange(6)).dtype == np.float64
    x = np.linspace(0, 1, 6, dtype=np.float32)
    for mode in ("forward", "reverse"):
        assert gradient(lambda x: np.sum(np.sin(x) ** 2 / (1 + x) - np.maximum(x, 0.5)), mode=mode)(x).dtype == np.float32
    assert jacobian(lambda x: np.tanh(x)[1:] * 2)(x).dtype == np.float32
    assert jacobian(lambda x: x[1:])(x).dtype == np.float32
    assert derivative(np.exp)(np.float32(1)).dtype == np.float32


def test_a_holomorphic_function_has_a_complex_derivative():
    z = np.array([1 + 2j, -0.5j])
    assert np.allclose(jacobian(lambda z: np.exp(z) * z)(z), np.diag(np.exp(z) * (1 + z)))
    assert np.isclose(derivative(np.sin)(1 + 2j), np.cos(1 + 2j))
    assert np.allclose(gradient(lambda z: np.sum(z**3), mode="reverse")(z), 3 * z**2)


def test_a_function_that_is_only_real_linear_has_none_but_its_products_are_exact():
    z, v = np.array([1 + 2j, -0.5j]), np.array([0.3 - 1j, 2 + 0j])
    with pytest.raises(HolomorphicError, match=r"absolute is not holomorphic.*jvp"):
        jacobian(np.abs)(z)
    with pytest.raises(HolomorphicError, match="conj"):
        gradient(lambda z: np.sum(np.conj(z) * z))(z)
    for f in (np.abs, np.conj, np.real, lambda z: z * np.conj(z)):
        for call in (derivative(f), derivative(f, order=2), lambda z, f=f: derivative(f)(z[0])):
            with pytest.raises(HolomorphicError, match="is not holomorphic"):
                call(z)
    h = 1e-6
    for f in (np.abs, np.conj, np.real, np.imag, lambda z: np.abs(z) ** 2 * z):
        assert np.allclose(jvp(f, (z,), (v,))[1], (f(z + h * v) - f(z - h * v)) / (2 * h))


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_complex_function_of_real_arguments_has_a_complex_gradient_in_both_modes(mode):
    def f(x, z):
        return np.sum(np.exp(1j * x) * z)

    x, z = np.array([0.5, -1.0, 2.0, 3.0, 0.1]), np.array([1 + 1j, 2, -1j, 0.5, 3])
    dx, dz = gradient(f, argnums=(0, 1), mode=mode)(x, z)
    np.testing.assert_allclose(dx, 1j * np.exp(1j * x) * z, rtol=1e-14)
    np.testing.assert_allclose(dz, np.exp(1j * x), rtol=1e-14)
    slope = gradient(lambda x: f(x, z) + np.sum(np.real(np.exp(1j * x)) * 3j), mode=mode)(x)
    np.testing.assert_allclose(slope, dx - 3j * np.sin(x), rtol=1e-14)


def test_complex_numbers_inside_a_real_function_are_differentiated_through():
    def f(x):
        z = np.exp(1j * x) * (x + 2j)
        return np.abs(z) ** 2 + np.real(z) * np.imag(np.conj(z))
    x, h = np.array([0.3, -1.2, 2.0]), 1e-6
    J = jacobian(f)(x)
    assert np.allclose(np.diag(J), (f(x + h) - f(x - h)) / (2 * h))
    assert np.allclose(vjp(f, x)[1](np.eye(3))[0], J, rtol=1e-13)


@pytest.mark.parametrize("f", [
    lambda x: np.real(np.sum(np.exp(1j * A[0] * x) * (2 + 1j)) + 1j * x * np.sin(x)) + np.sum(x[None]),
    lambda x: np.sum(np.concatenate([np.sin(np.append(A[:, 0] * x, np.broadcast_to(x, ()))), x[None]]).astype(np.float32)),
], ids=["complex", "float32"])
def test_cotangents_of_several_types_for_one_number_are_all_added_up(f):
    slopes = [gradient(f, mode=mode)(np.array(0.7)) for mode in ("forward", "reverse")]
    np.testing.assert_allclose(*slopes, rtol=1e-6)


# ---- directions and cotangents -----------------------------------------------------------------------------------------
def test_several_results_are_pulled_back_in_one_pass_over_the_record(monkeypatch):
    A, x, back, passes = np.arange(9.0).reshape(3, 3), np.arange(3.0), Contraction.transpose, []
    monkeypatch.setattr(Contraction, "transpose", lambda *args: passes.append(1) or back(*args))

    def f(x):
        y = A @ np.sin(x)
        return [y, np.exp(y), np.ones(2), y[:2] * y[1:]]
    pullback = vjp(f, x)[1]
    u = [np.ones(3), np.arange(3.0), np.ones(2), np.array([2.0, 1.0])]
    found = pullback(u)[0]
    assert len(passes) == 1
    along = jvp(f, (x,), (np.eye(3),))[1]
    assert np.allclose(found, sum(b @ a for a, b in zip(u, along, strict=True)), rtol=1e-14)
    assert np.array_equal(dd.linearize(f, x).T @ u, found)
    assert vjp(lambda x: [], x)[1]([])[0].tolist() == [0, 0, 0]


def test_one_pullback_serves_many_cotangents():
    value, pullback = vjp(lambda x: x @ A, X)
    U = np.random.default_rng(2).standard_normal((5, *value.shape))
    (many,) = pullback(U)
    assert np.allclose(many, np.stack([pullback(u)[0] for u in U]), rtol=1e-14)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: gradient(3.0), StructureError, "function"),
    (lambda: gradient(np.sum, mode="backward"), StructureError, "'backward' is not one of 'auto', 'forward', 'reverse'"),
    (lambda: gradient(np.sum, mode=np.ones(2)), StructureError, r"mode=array\(\[1., 1.\]\) is not one of 'auto'"),
    (lambda: derivative(np.sin, order=10**400), StructureError, "order must be a whole number of at least 0, at most 150"),
    (lambda: dd.lift(3), StructureError, "lift: the first argument must be a function; got 3"),
    (lambda: gradient(lambda x: x)(np.ones(3)), StructureError, r"one number; it returned a result of shape \(3,\)"),
    (lambda: gradient(lambda x: [x[0], x[1]])(np.ones(3)), StructureError, "of 2 arrays"),
    (lambda: gradient(np.sum, 1)(np.ones(3)), StructureError, "argument 1, but f was called with 1 positional argument$"),
    (lambda: gradient(np.sum)("text"), StructureError, "'text' of type str"),
    (lambda: gradient(np.sum)(np.array(["a"])), StructureError, "dtype <U1"),
    (lambda: gradient(lambda x: "text")(1.0), StructureError, "result of f.*'text'"),
    (lambda: gradient(lambda x: None)(1.0), StructureError, "NoneType"),
    (lambda: gradient(np.sum)(np.ma.masked_array([1.0])), StructureError, "MaskedArray"),
    (lambda: jvp(np.sin, (X,), (np.ones(4),)), ShapeError, r"tangent has shape \(4,\); its argument has shape \(3, 4\)"),
    (lambda: jvp(np.sin, X, X), StructureError, r"jvp\(f, \(x,\), \(v,\)\)"),
    (lambda: hvp(np.sum)(X, np.ones((5, 3, 4))), ShapeError, r"v has shape \(5, 3, 4\), one axis more than x: hvp takes one"),
    (lambda: vjp(np.sin, X)[1](np.ones(4)), ShapeError, r"cotangent has shape \(4,\); the result of f has shape \(3, 4\)"),
    (lambda: vjp(np.sin, X)[1]([X, X]), StructureError, "cotangent holds 2 arrays"),
    (lambda: derivative(np.sin, order=-1), StructureError, "order must be"),
    (lambda: derivative(np.cumsum)(X), StructureError, "mixed elements"),
    (lambda: derivative(lambda x: x[::-1])(np.ones(3)), StructureError, "mixed elements"),
    (lambda: derivative(np.sum)(X), StructureError, r"\(3, 4\) became \(\)"),
    (lambda: derivative(lambda t: t[0])([1.0, 2.0]), StructureError, "one number or one array"),
    (lambda: gradient(lambda x: np.gcd(x, 2))(1.0), RuleError, "numpy.gcd.*integer.*stop_gradient"),
])
def test_a_mistake_is_named_with_the_next_step(call, error, message):
    def run():
        result = call()
        if callable(result):
            result(1.0)
    with pytest.raises(error, match=message) as caught:
        run()
    assert isinstance(caught.value, dd.DualdiffError)


# ---- the program is the same program -----------------------------------------------------------------------------------
def test_a_partial_that_is_infinite_does_not_warn_but_the_user_s_own_division_does():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert derivative(np.sqrt)(0.0) == np.inf
        assert jacobian(lambda x: np.sqrt(x * np.zeros(2)))(np.ones(2)).tolist() == [[0, 0], [0, 0]]
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        gradient(lambda x: np.sum(np.array([1.0, 2.0]) / np.zeros(2)) + x)(1.0)
    with pytest.raises(FloatingPointError), np.errstate(all="raise"):
        gradient(lambda x: np.sum(np.exp(x)))(np.array([1000.0]))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        gradient(lambda x: np.sum(np.exp(x)))(np.array([1000.0]))


def test_an_exception_of_f_comes_through_as_it_is():
    with pytest.raises(ZeroDivisionError):
        gradient(lambda x: 1 / 0)(1.0)


def test_stop_gradient_makes_a_constant_of_every_level_and_of_trees():
    assert derivative(lambda x: x * dd.stop_gradient(x))(3.0) == 3.0
    assert derivative(lambda x: derivative(lambda y: y * dd.stop_gradient({"a": [x * y]})["a"][0])(2.0))(3.0) == 0.0
    assert dd.stop_gradient((1, "text")) == (1, "text")


def test_scipy_s_solvers_take_the_functions_as_they_are():
    optimize = pytest.importorskip("scipy.optimize")

    def rosenbrock(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    x0 = np.array([-1.2, 1.0, 0.5])
    result = optimize.minimize(rosenbrock, x0, jac=gradient(rosenbrock), hessp=hvp(rosenbrock), method="trust-krylov")
    assert np.allclose(result.x, 1, atol=1e-6)

    def residual(p, t, y):
        return p[0] * np.exp(-p[1] * t) - y
    t = np.linspace(0, 3, 20)
    fit = optimize.least_squares(residual, [1.0, 1.0], jac=jacobian(residual), args=(t, 2.5 * np.exp(-1.3 * t)))
    assert np.allclose(fit.x, [2.5, 1.3])


def test_constants_and_comparisons_see_what_was_written_to_the_base_of_a_view():
    def f(x):
        x = x * 1.0
        floored, left, right = x[:2], x[1:3], x[2:4]
        x[:] = np.array([-7.5, 3.5, 2.5, 9.5])
        assert np.array_equal(np.floor(floored), [-8, 3])
        assert np.array_equal(x[:2] < left, [True, False])
        assert np.array_equal(np.argmax(right), 1)
        return np.sum(x)
    gradient(f)(np.ones(4))


def test_gradients_are_arrays_of_the_callers_own():
    """No two of them share memory, nor one with the cotangent it came from: a step in place on one changes no other."""
    x, y, u = np.ones(3), np.arange(3.0), np.ones((3, 2))
    first, second = gradient(lambda x, y: np.sum((x + y) ** 2), argnums=(0, 1), mode="reverse")(x, y)
    assert not np.shares_memory(first, second)
    for f in (lambda x: x.reshape(3, 2), lambda x: x[::-1].reshape(3, 2), lambda x: np.stack([x[:3], x[3:]], axis=1)):
        assert not np.shares_memory(vjp(f, np.arange(6.0))[1](u)[0], u)
    first, second = vjp(lambda x, y: np.concatenate([x, y]), x, y)[1](np.arange(6.0))
    first -= first
    assert second.tolist() == [3, 4, 5]
    for parts in (dd.linearize(lambda x, y: np.cumsum(x + y), x, y).T @ x, dd.linearize(lambda x: [np.cumsum(x)] * 2, x) @ x):
        assert not np.shares_memory(*parts)


@pytest.mark.parametrize("f", [
    lambda x: x[0, 1] * x[-1, 0] ** 2 + np.sin(x[1, -1]) * x[0, 1] + x[2, 1] * np.sum(x[:, 0] ** 2),
    lambda x: sum(x[i, j] ** 2 * x[2 - i, j] for i in range(3) for j in range(2)),
    lambda x: x[0, 0] * x[1, 1],
    lambda x: np.where(x > 0, x, 0)[1, 0] ** 3 * x[1, 0] + x[np.int64(0), 1] ** 2 * x[1, 0],
])
def test_second_derivatives_by_single_elements_are_those_of_the_forward_sweep(f):
    """The cotangents of elements are duals here; they are joined, or placed where few arrived."""
    x = np.array([[0.5, 1.5], [2.0, -0.5], [1.0, 0.7]])
    again = jacobian(gradient(f, mode="forward"), mode="forward")(x)
    assert np.allclose(hessian(f)(x), again, rtol=1e-14, atol=0)
    assert np.allclose(hvp(f)(x, x), np.tensordot(again, x), rtol=1e-13, atol=1e-14)
    third = derivative(lambda t: hessian(f)(t * x))(1.0)
    assert np.allclose(third, derivative(lambda t: jacobian(gradient(f, mode="forward"))(t * x))(1.0), rtol=1e-13, atol=1e-14)
