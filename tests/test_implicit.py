"""Functions defined by what they solve: values, derivatives in every mode and of every order, and honest failures."""

import gc
import sys

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
import scipy.special

import dualdiff.implicit
from dualdiff import (
    Dual,
    DualArray,
    checkpoint,
    custom_rule,
    derivative,
    fixed_point,
    gradient,
    hessian,
    hvp,
    jacobian,
    jvp,
    linearize,
    root,
    vjp,
)
from dualdiff.errors import (
    ConvergenceError,
    DegenerateError,
    MissingExtraError,
    ParameterError,
    RuleError,
    ShapeError,
    StructureError,
)
from dualdiff.implicit import minimize, solve_ivp, spsolve
from dualdiff.implicit.theorem import Factored
from dualdiff.testing import check_derivatives

P = np.array([1.0, 2.0, 0.5])
B = np.array([1.0, -2.0, 3.0])


def circle_and_curve(x, p):
    return np.stack([x[0] ** 2 + p[0] * x[1] - 3 * p[1], np.exp(x[1] * p[2]) - x[0]])


def energy(x, p):
    return (x[0] - p[0]) ** 4 + (x[0] * x[1] - p[1]) ** 2 + p[2] * np.sum(x**2)


def nested_pair(x, p):
    return {"a": [x["a"][0] - np.cos(p[0] * x["b"][0])], "b": x["b"] * 3 - p[1:] * x["a"][0]}


ROWS, COLUMNS = np.array([0, 0, 1, 1, 2, 2, 0]), np.array([0, 1, 1, 2, 2, 0, 1])
D = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 0.9, 0.6])  # the place (0, 1) twice


def matrix_of(d):
    o = 0 * d[0]
    return np.stack([np.stack([d[0], d[1] + d[6], o]), np.stack([o, d[2], d[3]]), np.stack([d[5], o, d[4]])])


def flat(tree):
    return np.concatenate([np.ravel(tree["a"][0]), np.ravel(tree["b"])])


# Every function twice: given what it depends on by args, and closing over it. By a closed form where there is one.
CASES = {
    "a square root": (lambda a: root(lambda x, a: x**2 - a, 1.0, args=(a,)), np.sqrt, 4.0),
    "a square root, closed over": (lambda a: root(lambda x: x**2 - a, 1.0), np.sqrt, 4.0),
    "square roots of an array": (lambda a: root(lambda x: x * x - a, np.ones((2, 1))), np.sqrt, np.array([[4.0], [0.25]])),
    "Kepler's equation": (lambda M: root(lambda E: E - 0.3 * np.sin(E) - M, 1.0),
                          lambda M: fixed_point(lambda E: M + 0.3 * np.sin(E), 1.0), 1.2),
    "Lambert's W": (lambda a: root(lambda w: w * np.exp(w) - a, 1.0), None, 2.0),
    "two equations": (lambda p: root(circle_and_curve, np.ones(2), args=(p,)), None, P),
    "two equations, closed over": (lambda p: root(lambda x: circle_and_curve(x, p), np.ones(2)), None, P),
    "two equations, sparse": (lambda p: root(circle_and_curve, np.ones(2), args=p, sparse=True), None, P),
    "a linear system": (lambda b: root(lambda x: matrix_of(D) @ x - b, np.zeros(3)),
                        lambda b: np.linalg.solve(matrix_of(D), b), B),
    "a tree": (lambda p: flat(root(nested_pair, {"a": [0.5], "b": np.zeros(2)}, args=(p,))), None, P),
    "no unknowns": (lambda p: root(lambda x: x * p[:0], np.zeros(0)), lambda p: p[:0], P),
    "a fixed point": (lambda p: fixed_point(lambda x, p: np.cos(p * x) / 2, np.ones(3), args=(p,)),
                      lambda p: root(lambda x: x - np.cos(p * x) / 2, np.ones(3)), P),
    "a fixed point of a linear map": (lambda b: fixed_point(lambda x: b + 0.5 * np.roll(x, 1), np.zeros(3)),
                                      lambda b: np.linalg.solve(np.eye(3) - 0.5 * np.roll(np.eye(3), 1, 0), b), B),
    "a fixed point reached at once": (lambda p: fixed_point(lambda x: p, np.zeros(3)), lambda p: p, P),
    "least of a quadratic": (lambda b: minimize(lambda x: 0.5 * x @ (matrix_of(D) + matrix_of(D).T) @ x - b @ x, np.zeros(3)),
                             lambda b: np.linalg.solve(matrix_of(D) + matrix_of(D).T, b), B),
    "a minimum": (lambda p: minimize(energy, np.ones(2), args=(p,)), None, P),
    "a minimum, closed over": (lambda p: minimize(lambda x: energy(x, p), np.ones(2)), None, P),
    "a minimum in one number": (lambda a: minimize(lambda x: np.cosh(x - a**2), 0.0), lambda a: a**2, 1.5),
    "sparse right-hand side": (lambda b: spsolve(scipy.sparse.csr_array(matrix_of(D)), b),
                               lambda b: np.linalg.solve(matrix_of(D), b), B),
    "sparse right-hand sides": (lambda b: spsolve(scipy.sparse.coo_array(matrix_of(D)), np.stack([b, b**2], 1)),
                                lambda b: np.linalg.solve(matrix_of(D), np.stack([b, b**2], 1)), B),
    "sparse entries": (lambda d: spsolve((d, (ROWS, COLUMNS)), B), lambda d: np.linalg.solve(matrix_of(d), B), D),
    "sparse entries and sides": (lambda d: spsolve((d, (ROWS, COLUMNS)), np.stack([d[:3], B], 1)),
                                 lambda d: np.linalg.solve(matrix_of(d), np.stack([d[:3], B], 1)), D),
    "compressed rows": (lambda d: spsolve((d, np.array([0, 1, 1, 2, 0, 2]), np.array([0, 2, 4, 6])), d[:3]),
                        lambda d: np.linalg.solve(matrix_of(np.stack([d[0], d[1], d[2], d[3], d[5], d[4], 0 * d[0]])), d[:3]),
                        D[:6]),
}  # fmt: skip
every_case = pytest.mark.parametrize(("f", "closed_form", "p"), CASES.values(), ids=CASES)
with_form = pytest.mark.parametrize(
    ("f", "closed_form", "p"), [c for c in CASES.values() if c[1]], ids=[n for n, c in CASES.items() if c[1]]
)


@every_case
def test_first_derivatives_pass_the_check_in_both_modes(f, closed_form, p):
    verdict = check_derivatives(f, p)
    assert verdict
    assert verdict.unchecked == ()


@every_case
def test_second_derivatives_pass_the_check_forward_over_either_mode(f, closed_form, p):
    def slope(p):
        return gradient(lambda q: np.sum(f(q) ** 2), mode="reverse")(p)

    assert check_derivatives(jacobian(f), p)
    assert check_derivatives(slope, p)


@with_form
def test_values_and_derivatives_are_those_of_the_closed_form(f, closed_form, p):
    x = f(p)
    # Both are solutions to rounding, of systems whose condition is below a hundred.
    np.testing.assert_allclose(x, closed_form(p), rtol=1e-13)
    assert type(x) is type(closed_form(p)) or np.ndim(x) == 0
    v = np.linspace(0.5, 1.5, np.size(p)).reshape(np.shape(p))
    several = np.stack([np.asarray(v), np.asarray(v) ** 2])
    u = np.ones_like(x)
    for order, transform in (
        (1, lambda f: jacobian(f)(p)),
        (1, lambda f: jacobian(lambda q: f(np.sin(q) + p - np.sin(p)))(p)),  # sparse tangents with weights
        (1, lambda f: jvp(f, (p,), (v,))[1]),
        (1, lambda f: jvp(f, (p,), (several,))[1]),
        (1, lambda f: vjp(f, p)[1](u)[0]),
        (2, lambda f: hessian(lambda q: np.sum(f(q) ** 3))(p)),
        (2, lambda f: hvp(lambda q: np.sum(f(q) ** 3))(p, v)),
        (2, lambda f: jacobian(jacobian(f))(p)),
        (3, lambda f: jacobian(hessian(lambda r: np.sum(f(r) ** 3)))(p)),
    ):
        expected = transform(closed_form)
        scale = np.max(np.abs(expected), initial=0.0)
        np.testing.assert_allclose(transform(f), expected, rtol=0, atol=10.0**order * 1e-14 * (scale + 1), err_msg=str(order))


def test_a_root_that_rounding_hides_costs_few_runs():
    """At the last step no length of it lowers the residual: that is asked after three halvings, not after thirty."""
    runs = []

    def cubic(u, p):
        runs.append(1)
        return u ** 3 + u - p
    x = root(cubic, np.ones(3), np.array([1.0, 2.0, 3.0]))
    assert np.allclose(x ** 3 + x, [1, 2, 3], rtol=4e-16, atol=0)
    assert len(runs) <= 20


def test_derivatives_of_lamberts_w_are_those_of_its_differential_equation():
    f = lambda a: root(lambda w: w * np.exp(w) - a, 1.0)
    w = scipy.special.lambertw(2.0).real
    assert f(2.0) == pytest.approx(w, rel=1e-15)
    assert derivative(f)(2.0) == pytest.approx(w / (2.0 * (1 + w)), rel=1e-14)
    assert derivative(f, order=2)(2.0) == pytest.approx(-(w**2) * (w + 2) / (4.0 * (1 + w) ** 3), rel=1e-13)


def test_a_derivative_of_order_six_is_exact():
    expected = np.prod(0.5 - np.arange(6)) * 4.0**-5.5
    assert derivative(lambda a: root(lambda x: x**2 - a, 1.0), order=6)(4.0) == pytest.approx(expected, rel=1e-13)


def test_a_root_inside_a_root_inside_a_minimum():
    def cube_root(a):
        return root(lambda x: x**3 - a, 1.0)

    f = lambda p: minimize(lambda x: (x - root(lambda y: y**2 - cube_root(p), 1.0)) ** 2, 0.5)
    assert derivative(f)(64.0) == pytest.approx(64.0 ** (-5 / 6) / 6, rel=1e-12)
    assert derivative(f, order=2)(64.0) == pytest.approx(-5 / 36 * 64.0 ** (-11 / 6), rel=1e-12)


def test_numbers_perturbed_by_hand():
    x = root(lambda x: x**2 - Dual(9.0, 1.0), 1.0)
    assert (x.value, x.tangent) == (3.0, pytest.approx(1 / 6))
    y = spsolve((DualArray(D, np.eye(7)), (ROWS, COLUMNS)), B)
    np.testing.assert_allclose(y.tangent.T, jacobian(lambda d: np.linalg.solve(matrix_of(d), B))(D), rtol=1e-13)


def test_complex_roots_of_holomorphic_equations():
    f = lambda c: root(lambda z: z**3 - c, 1.0 + 1.0j)
    c = 1.0 + 2.0j
    assert derivative(f)(c) == pytest.approx(1 / (3 * f(c) ** 2), rel=1e-14)
    real = lambda a: root(lambda z: z**2 + a, 0.3 + 1.0j)  # z = i√a
    assert jvp(real, (4.0,), (1.0,))[1] == pytest.approx(0.25j, rel=1e-14)
    assert vjp(real, 4.0)[1](-1j)[0] == pytest.approx(0.25, rel=1e-14)
    A, b = scipy.sparse.csr_array(matrix_of(D)), B + 1j * P
    np.testing.assert_allclose(jvp(lambda b: spsolve(A, b), (b,), (b,))[1], np.linalg.solve(matrix_of(D), b), rtol=1e-13)


def test_single_precision_stays_single():
    f = lambda a: root(lambda x: x * x - a, np.float32(1.0))
    a = np.float32(4.0)
    assert f(a).dtype == np.float32
    assert derivative(f)(a) == pytest.approx(0.25, rel=1e-6)
    d, b = D.astype(np.float32), B.astype(np.float32)
    assert spsolve((d, (ROWS, COLUMNS)), b).dtype == np.float32
    np.testing.assert_allclose(jacobian(lambda d: spsolve((d, (ROWS, COLUMNS)), b))(d),
                               jacobian(lambda d: np.linalg.solve(matrix_of(d), B))(D), rtol=1e-5, atol=1e-6)


def test_an_infinite_derivative_beside_spoils_nothing():
    f = lambda p: np.stack([np.sqrt(p[0]), root(lambda x: x**2 - p[1], 1.0)])
    np.testing.assert_allclose(jacobian(f)(np.array([0.0, 4.0])), [[np.inf, 0], [0, 0.25]], rtol=1e-15)


# ---- every other way to ask ----------------------------------------------------------------------------------------------
A = np.arange(12.0).reshape(3, 4) / 7 - 0.4
X = np.array([0.5, -1.0, 2.0, 0.25])
tanh_of = custom_rule(
    lambda x: np.tanh(A @ x), batched=True, forward=lambda f, x, dx: (1 - f * f) * (dx @ A.T),
    transpose=lambda f, x, u: ((1 - f * f) * u) @ A
)  # fmt: skip
FUNCTIONS = {
    "a custom rule": tanh_of,
    "a root": lambda x: root(lambda z, x: z**3 + z - tanh_of(x), np.ones(3), args=(x,)),
    "a fixed point": lambda x: fixed_point(lambda z: np.cos(z) / 2 + x, np.zeros(4)),
    "a minimum": lambda x: minimize(lambda z: np.sum((z - x**2) ** 4) + np.sum((z - 1) ** 2), np.zeros(4)),
    "sparse entries": lambda x: spsolve((x[:3], (np.array([0, 1, 1]), np.array([0, 0, 1]))), x[2:]),
    "an initial value problem": lambda x: solve_ivp(lambda t, y, x: -y * x[:2], (0, 1), [1.0, 2.0], args=(x,), rtol=1e-9,
                                                    atol=1e-11).y[:, -1],
}  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_operators_sparse_matrices_parts_and_checkpoints(f):
    J = jacobian(f)(X)
    m = len(J)
    u, v, L = np.arange(1.0, m + 1), np.arange(4.0), linearize(f, X)
    H = hessian(lambda x: np.sum(f(x) ** 2))(X)
    for got, expected in (
        (L @ v, J @ v), (L.T @ u, u @ J), (L.todense(), J), (L.tosparse().toarray(), J), (J, jacobian(f, chunk=3)(X)),
        (jacobian(f, sparse=True)(X).toarray(), J), (gradient(lambda x: np.sum(checkpoint(f)(x)))(X), J.sum(0)),
        (hessian(lambda x: np.sum(f(x) ** 2), sparse=True)(X).toarray(), H), (H.T, H),
    ):  # fmt: skip
        # Exact to rounding, but for the trajectory, whose second run depends on the directions within its tolerance.
        atol = 1e-7 if f is FUNCTIONS["an initial value problem"] else 1e-13
        np.testing.assert_allclose(got, expected, rtol=0, atol=atol)


def test_only_what_is_there_is_in_the_room():
    with pytest.raises(AttributeError, match="has no attribute 'bisect'"):
        dualdiff.implicit.bisect  # noqa: B018


# ---- work is counted --------------------------------------------------------------------------------------------------
def test_the_guess_and_its_derivative_have_no_influence():
    assert derivative(lambda x0: root(lambda x: x**2 - 4.0, x0))(1.0) == 0.0
    np.testing.assert_array_equal(jacobian(lambda x0: fixed_point(lambda x: x / 2, x0) + 0 * x0)(P), np.zeros((3, 3)))


def test_the_derivative_costs_two_runs_of_f_more_however_many_directions():
    runs = []

    def f(x, p):
        runs.append(1)
        return x**3 - p

    p = np.linspace(1.0, 2.0, 50)
    root(f, np.ones(50), args=(p,))
    plain = len(runs)
    runs.clear()
    jacobian(lambda p: root(f, np.ones(50), args=(p,)))(p)
    assert len(runs) - plain == 1  # the Jacobian; with the plain call, which sees whether anything is perturbed, two


def test_a_sparse_matrix_is_factored_once_for_directions_and_transposes(monkeypatch):
    import scipy.sparse.linalg

    factored = []
    splu = scipy.sparse.linalg.splu
    monkeypatch.setattr(scipy.sparse.linalg, "splu", lambda A: (factored.append(1), splu(A))[1])
    jacobian(lambda d: spsolve((d, (ROWS, COLUMNS)), B))(D)
    assert len(factored) == 1
    hvp(lambda d: np.sum(spsolve((d, (ROWS, COLUMNS)), B) ** 2))(D, D)
    assert len(factored) == 2


def test_a_large_sparse_system_stays_sparse():
    n = 3000

    def chain(x, p):
        return np.concatenate([x[:1] - p, 3 * x[1:] - x[:-1] + x[1:] ** 3])

    f = lambda p: root(chain, np.zeros(n), args=(p,), sparse=True)[:3]
    assert check_derivatives(f, np.array([0.5]), modes=("forward",))


# ---- other solvers find, the theorem differentiates --------------------------------------------------------------------
@pytest.mark.parametrize("method", ["hybr", "lm", "krylov", "df-sane", "broyden1"])
def test_scipys_root_finders_give_the_same_root_to_rounding(method):
    f = lambda p: root(circle_and_curve, np.ones(2), args=(p,), method=method)
    np.testing.assert_allclose(f(P), root(circle_and_curve, np.ones(2), args=(P,)), rtol=1e-14)
    np.testing.assert_allclose(jacobian(f)(P), jacobian(CASES["two equations"][0])(P), rtol=1e-13)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "Newton-CG", "trust-exact", "trust-krylov", "Nelder-Mead", "CG"])
def test_scipys_minimisers_give_the_same_minimum_to_rounding(method):
    f = lambda p: minimize(energy, np.ones(2), args=(p,), method=method)
    np.testing.assert_allclose(f(P), minimize(energy, np.ones(2), args=(P,)), rtol=1e-13)
    np.testing.assert_allclose(jacobian(f)(P), jacobian(CASES["a minimum"][0])(P), rtol=1e-12)


def test_newtons_method_shortens_steps_that_lead_away():
    # Newton's undamped iteration diverges from 3 for the arctangent, and oversteps for the logarithm's domain.
    assert root(np.arctan, 3.0) == 0.0
    assert root(np.log, 20.0) == pytest.approx(1.0, abs=1e-15)
    assert root(lambda x: 1e-20 * (x - 3e8), 1.0) == pytest.approx(3e8, rel=1e-15)
    assert root(lambda x: x - 1e-20, 1.0) == 1e-20


def test_every_unknown_is_found_to_its_own_precision():
    x = root(lambda x: np.stack([x[0] ** 2 - 1e20, x[1] ** 2 - 1e-20]), np.array([1e9, 1e-9]))
    np.testing.assert_allclose(x, [1e10, 1e-10], rtol=1e-14)


# ---- honest failures ---------------------------------------------------------------------------------------------------
def test_what_has_no_root_is_not_given_one():
    with pytest.raises(ConvergenceError, match=r"no step along Newton's direction|no convergence in 100 iterations"):
        root(lambda x: x**2 + 1, 1.0)
    with pytest.raises(ConvergenceError, match="f is not finite at x0"), np.errstate(all="ignore"):
        root(np.log, -1.0)
    with pytest.raises(ConvergenceError, match="no convergence in 3 iterations"):
        root(lambda x: x**9 - 1, 8.0, max_iter=3)
    with pytest.raises(ConvergenceError, match=r"scipy.optimize.root\(method='hybr'\) says"):
        root(lambda x: x**2 + 1, 1.0, method="hybr")
    with pytest.raises(RuntimeError):
        root(lambda x: x**2 + 1, 1.0)
    for x0 in (1e20, 1e-20, 0.0, -3.0):  # whatever the lengths seen on the way, a minimum of |f| is no root
        with pytest.raises(ConvergenceError):
            root(lambda x: x**2 + 1, x0)
        with pytest.raises(ConvergenceError):
            root(lambda x: np.cosh(x / 3e9) - 0.999, x0)


def test_a_root_that_rounding_blurs_is_found_as_well_as_it_can_be():
    assert root(lambda x: (x + 1.0) - 1.0, 0.5) == pytest.approx(0.0, abs=1e-15)
    assert root(lambda x: np.cos(x) - 0.3 + 1e6 - 1e6, 1.0) == pytest.approx(np.arccos(0.3), abs=1e-9)


def test_an_iteration_may_name_its_unknowns_in_any_order():
    def f(c):
        step = lambda p: {"b": p["b"] / 2 + c, "a": p["a"] / 4 + p["b"]}
        return fixed_point(step, {"a": 0.0, "b": 0.0}, max_iter=np.int64(99))
    assert f(3.0) == pytest.approx({"a": 8.0, "b": 6.0}, rel=1e-14)
    assert gradient(lambda c: f(c)["a"])(3.0) == pytest.approx(8 / 3, rel=1e-14)
    with pytest.raises(StructureError, match=r"fixed_point: its keys are \['b'\]; they must be \['a'\]"):
        fixed_point(lambda p: {"b": p["a"]}, {"a": 0.0})


def test_an_iteration_that_does_not_contract_is_not_taken_for_one_that_does():
    with pytest.raises(ConvergenceError, match="no convergence in 50 iterations"):
        fixed_point(lambda x: -x, 1.0, max_iter=50)
    with pytest.raises(ConvergenceError, match="not finite"), np.errstate(all="ignore"):
        fixed_point(lambda x: x**2, 2.0)
    slow = fixed_point(lambda x: 0.99 * x + 0.01, 0.0)
    assert slow == pytest.approx(1.0, rel=1e-13)  # the steps are a hundredth of the way that is left


def test_what_has_no_minimum_is_not_given_one():
    with pytest.raises(ConvergenceError, match="minimize"):
        minimize(lambda x: x**3 - 3 * x, -1.0)  # at the maximum
    with pytest.raises(ConvergenceError, match="f is not least there"):
        minimize(lambda x: x[0] ** 2 - x[1] ** 2, np.array([1.0, 0.0]))
    with pytest.raises(ConvergenceError, match=r"minimize\(method='Nelder-Mead'\) says"):
        minimize(np.sum, np.zeros(2), method="Nelder-Mead")


@pytest.mark.parametrize("f", [
    lambda x, a: x**2 - 2 * x + a, lambda x, a: (x - a) ** 2, lambda x, a: (x - 1) ** 3 + (a - 1) * x
])  # fmt: skip
def test_a_multiple_root_has_no_derivative_and_says_so(f):
    assert root(f, 3.0, args=(1.0,)) == pytest.approx(1.0, abs=1e-4)
    with pytest.raises(DegenerateError, match="the Jacobian at the solution is singular to rounding"):
        derivative(lambda a: root(f, 3.0, args=(a,)))(1.0)


def test_a_singular_system_has_no_derivative_and_says_so():
    f = lambda a: root(lambda x: np.stack([x[0] + x[1] - a, 2 * (x[0] + x[1]) - 2 * a]), np.zeros(2))
    np.testing.assert_allclose(f(4.0), [2.0, 2.0])
    with pytest.raises(DegenerateError, match="singular"):
        derivative(lambda a: f(a)[0])(4.0)
    with pytest.raises(DegenerateError, match=r"spsolve: .* singular"):
        spsolve((np.array([1.0, 1.0]), (np.array([0, 0]), np.array([0, 1]))), np.ones(2))


def test_systems_in_unlike_units_are_not_singular():
    scale = np.array([1e-80, 1e60])
    f = lambda p: root(lambda x: scale * (x**3 / scale[::-1] ** 3 - p), scale[::-1])
    np.testing.assert_allclose(jacobian(f)(np.ones(2)), np.diag(scale[::-1] / 3), rtol=1e-12)


MISTAKES = {
    "too few equations": (ShapeError, lambda: root(lambda x: x[:2], np.ones(3)), "2 numbers for 3 unknowns"),
    "no function": (StructureError, lambda: root(3.0, 1.0), "must be a function; got 3.0"),
    "a tolerance": (ParameterError, lambda: root(np.sin, 1.0, tol=-1), "tol=-1"),
    "a tolerance that is text": (ParameterError, lambda: root(np.sin, 1.0, tol="a"), "tol='a'"),
    "several tolerances": (ParameterError, lambda: fixed_point(np.cos, 1.0, tol=np.ones(2)), r"tol=array\(\[1., 1.\]\)"),
    "a method that is none": (ValueError, lambda: root(np.sin, 1.0, method=None), "Unknown solver None"),
    "a method that is a number": (ValueError, lambda: root(np.sin, 1.0, method=3), "Unknown solver 3"),
    "a number for a minimiser": (ValueError, lambda: minimize(np.square, 1.0, method=3), "Unknown solver 3"),
    "iterations": (ParameterError, lambda: fixed_point(np.cos, 1.0, max_iter=0), "max_iter=0"),
    "text": (StructureError, lambda: root(np.sin, "one"), "x0 of root holds 'one'"),
    "sparse and closed over": (
        RuleError, lambda: derivative(lambda a: root(lambda x: a * x - 1, np.ones(2), sparse=True)[0])(1.0),
        "f closes over a dual number"),
    "no matrix": (StructureError, lambda: spsolve(np.eye(2), np.ones(2)), "got ndarray"),
    "no columns": (StructureError, lambda: spsolve((np.ones(2), ([0, 1],)), np.ones(2)), r"\(data, \(rows, columns\)\)"),
    "unlike lengths": (ShapeError, lambda: spsolve((np.ones(2), ([0], [0])), np.ones(1)), r"\(2,\), its rows \(1,\)"),
    "indptr": (ShapeError, lambda: spsolve((np.ones(1), [0], [0, 1, 1]), np.ones(1)), r"indptr has shape \(3,\)"),
    "a side": (ShapeError, lambda: spsolve(scipy.sparse.eye_array(2), np.ones(3)), r"A has shape \(2, 2\) and b .* b as long"),
    "sides": (ShapeError, lambda: spsolve(scipy.sparse.eye_array(2), np.ones((2, 1, 1))), r"must be \(n,\) or \(n, m\)"),
}  # fmt: skip


@pytest.mark.parametrize(("error", "call", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named(error, call, said):
    with pytest.raises(error, match=said):
        call()


@pytest.mark.parametrize("call", [
    lambda: root(np.sin, 3.0, method="hybr"),
    lambda: minimize(lambda x: x**2, 3.0, method="BFGS"),
    lambda: spsolve(scipy.sparse.eye_array(2), np.ones(2)),
])  # fmt: skip
def test_without_scipy_the_extra_is_named(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtraError, match=r"\.\[sparse\]"):
        call()


def test_without_scipy_newtons_method_works(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert derivative(lambda a: root(lambda x: x**2 - a, 1.0))(4.0) == 0.25
    assert derivative(lambda a: minimize(lambda x: (x - a) ** 2, 1.0))(4.0) == pytest.approx(1.0)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_the_matrix_of_a_derivative_goes_with_it_and_waits_for_no_collection(mode):
    gc.collect()
    gc.disable()
    try:
        gradient(lambda a: np.sum(root(lambda x, a: x**3 + x - a, np.ones(3), (a,))), mode=mode)(np.array([1.0, 2.0, 3.0]))
        assert not [thing for thing in gc.get_objects() if type(thing) is Factored]
    finally:
        gc.enable()
