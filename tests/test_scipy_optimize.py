"""scipy.optimize in programs that are differentiated as they stand."""

import math
from functools import partial

import numpy as np
import pytest
from scipy import optimize
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq, curve_fit, fixed_point, least_squares, minimize, newton, root
from scipy_programs import agrees

import dualdiff
import dualdiff.implicit
from dualdiff import derivative, gradient, hessian, jacobian, jvp, lift
from dualdiff.errors import ConvergenceError, DegenerateError, RuleError

pytestmark = pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")  # the check's complex step in compiled code

A = np.random.default_rng(0).normal(size=(4, 3))
B = np.arange(1.0, 5.0)
C = np.array([2.0, 3.0])
X = np.linspace(0, 2, 9)
DATA = 2 * np.exp(-1.3 * X) + 0.05 * np.cos(9 * X)


def cubic(x, a):
    return x**3 - a * x - 1


def pair(x, a):
    return np.array([x[0] * a[0] - x[1] - 1, x[1] ** 2 + x[0] - a[1]])


def model(x, a, b):
    return a * np.exp(-b * x)


def price(rate, flows):
    return sum(flow / (1 + rate) ** t for t, flow in enumerate(flows))


PROGRAMS = {
    **{solve.__name__: (lambda a, solve=solve: solve(lambda x: x**3 - a * x - 1, 0.0, 3.0), 1.5)
       for solve in (optimize.brentq, optimize.brenth, optimize.ridder, optimize.bisect, optimize.toms748)},
    "args": (lambda a, b: brentq(lambda x, a, b: math.exp(a * x) - b * x - 2, 0.0, 3.0, args=(a, b)), 1.5, 0.4),
    "full_output": (lambda a: brentq(cubic, 0.0, 3.0, args=a, full_output=True)[1].root, 1.5),
    "helper": (lambda flows: brentq(price, 0.0, 1.0, args=(flows,)), np.array([-10.0, 4.0, 4.0, 5.0])),
    "newton": (lambda a: optimize.newton(cubic, 2.0, fprime=lambda x, a: 3 * x**2 - a, args=(a,)), 1.5),
    "secant": (lambda a: optimize.newton(lambda x: x**3 - a * x - 1, 2.0), 1.5),
    "newton of arrays": (lambda a: optimize.newton(cubic, np.full(4, 2.0), args=(a,)), np.arange(1, 5.0) / 2),
    "root_scalar": (lambda a: optimize.root_scalar(lambda x: x**3 - a * x - 1, bracket=(0, 3)).root, 1.5),
    "root_scalar with slopes": (lambda a: optimize.root_scalar(lambda x: (cubic(x, a), 3 * x * x - a), x0=2.0,
                                                               fprime=True).root, 1.5),
    "fsolve of a list": (lambda a: optimize.fsolve(lambda x: [x[0] * a[0] - x[1] - 1, x[1] ** 2 + x[0] - a[1]], [1.0, 1.0],
                                                   xtol=1e-13), C),
    "root": (lambda a: optimize.root(pair, [1.0, 1.0], args=(a,), tol=1e-13).x, C),
    "root with its Jacobian": (lambda a: optimize.root(lambda x: (pair(x, a), np.array([[a[0], -1], [1, 2 * x[1]]])),
                                                       [1.0, 1.0], jac=True, method="lm", tol=1e-13).x, C),
    "fixed_point": (lambda a: optimize.fixed_point(lambda x: np.cos(a * x), np.ones(3), xtol=1e-13), np.array([0.3, 0.5, 0.7])),
    "broyden1": (lambda a: optimize.broyden1(partial(pair, a=a), [1.0, 1.0], f_tol=1e-13), C),
    "newton_krylov": (lambda a: optimize.newton_krylov(lambda x: pair(x, a), [1.0, 1.0], f_tol=1e-13), C),
    "nnls": (lambda A, b: optimize.nnls(A, b)[0], A, B),
    "the norm of nnls": (lambda b: optimize.nnls(A, b)[1], B),
    "lsq_linear": (lambda b: optimize.lsq_linear(A, b).x, B),
    "lsq_linear within bounds": (lambda b: optimize.lsq_linear(A, b, bounds=(-10, 0.5), method="bvls", tol=1e-14).x, B),
    "linprog": (lambda c, M, r: optimize.linprog(c, A_ub=M, b_ub=r).x, -C + 1, np.array([[1.0, 1.0], [1.0, 3.0]]), 2 * C),
    "isotonic_regression": (lambda y: optimize.isotonic_regression(y).x, np.array([1.0, 3.0, 2.0, 4.0, 3.5, 8.0])),
    "rosen": (optimize.rosen, np.array([1.0, 3.0, 2.0])),
    "rosen_hess": (optimize.rosen_hess, np.array([1.0, 3.0, 2.0])),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_scipy_and_with_differences(name):
    agrees(*PROGRAMS[name], rtol=1e-5, order=1 if name in ("nnls", "linprog", "helper") else 2)


# ---- minima: sloppy values of SciPy's, exact derivatives
def well(x, a):
    return np.sum((x - a) ** 2) + 0.1 * np.sum(x**4)


def slope(x, a):
    return 2 * (x - a) + 0.4 * x**3


def well_and_slopes(x, a):
    slopes = np.zeros(2)
    slopes[:] = slope(x, a)
    return well(x, a), slopes


MINIMISERS = {
    **{method: lambda a, method=method: minimize(well, [0.5, 0.5], args=(a,), method=method).x
       for method in (None, "BFGS", "CG", "Nelder-Mead", "Powell", "L-BFGS-B", "TNC", "SLSQP", "COBYLA", "trust-constr")},
    **{method: lambda a, method=method: minimize(well, [0.5, 0.5], (a,), method, jac=slope, hess=lambda x, a: np.diag(
        2 + 1.2 * x**2)).x for method in ("Newton-CG", "trust-exact", "trust-krylov", "dogleg")},
    "with its gradient": lambda a: minimize(lambda x: (well(x, a), slope(x, a)), [0.5, 0.5], jac=True).x,
    "fmin": lambda a: optimize.fmin(well, [0.5, 0.5], (a,), disp=0),
    "fmin_powell": lambda a: optimize.fmin_powell(well, [0.5, 0.5], (a,), disp=0),
    "fmin_cg": lambda a: optimize.fmin_cg(well, [0.5, 0.5], slope, (a,), disp=0),
    "fmin_bfgs": lambda a: optimize.fmin_bfgs(well, [0.5, 0.5], args=(a,), disp=0, full_output=True)[0],
    "fmin_ncg": lambda a: optimize.fmin_ncg(well, [0.5, 0.5], slope, args=(a,), disp=0),
    "fmin_l_bfgs_b": lambda a: optimize.fmin_l_bfgs_b(lambda x: (well(x, a), slope(x, a)), [0.5, 0.5])[0],
    "fmin_tnc": lambda a: optimize.fmin_tnc(well, [0.5, 0.5], slope, (a,), messages=0)[0],
    "fmin_cobyla": lambda a: optimize.fmin_cobyla(well, [0.5, 0.5], [lambda x, a: 9 - x[0]], (a,), rhoend=1e-6),
    "fmin_slsqp": lambda a: optimize.fmin_slsqp(well, [0.5, 0.5], args=(a,), iprint=0),
    "differential_evolution": lambda a: optimize.differential_evolution(well, [(-2, 3)] * 2, (a,), rng=1, maxiter=20).x,
    "dual_annealing": lambda a: optimize.dual_annealing(well, [(-2, 3)] * 2, (a,), maxiter=5, rng=1).x,
    "basinhopping with slopes": lambda a: optimize.basinhopping(
        well_and_slopes, [0.5, 0.5], niter=2, rng=1, minimizer_kwargs={"method": "L-BFGS-B", "jac": True, "args": (a,)}).x,
    "basinhopping": lambda a: optimize.basinhopping(lambda x: well(x, a), [0.5, 0.5], niter=2, rng=1).x,
    "shgo": lambda a: optimize.shgo(well, [(-2, 3)] * 2, (a,)).x,
    "brute": lambda a: optimize.brute(well, [(-2, 3)] * 2, (a,), Ns=5),
    **{f"{name} of one number": lambda a, f=f: np.stack([f(well, a[0]), f(well, a[1])])
       for name, f in {"minimize_scalar": lambda f, a: optimize.minimize_scalar(f, args=(a,)).x,
                       "golden": lambda f, a: optimize.golden(f, (a,)), "brent": lambda f, a: optimize.brent(f, (a,)),
                       "bounded": lambda f, a: optimize.minimize_scalar(f, bounds=(-1, 3), args=(a,)).x,
                       "fminbound": lambda f, a: optimize.fminbound(f, -1, 3, (a,), full_output=True)[0]}.items()},
    "least_squares": lambda a: optimize.least_squares(lambda x: np.concatenate([x - a, 0.1**0.5 * x**2]), [0.5, 0.5]).x,
    "leastsq": lambda a: optimize.leastsq(lambda x: np.concatenate([x - a, 0.1**0.5 * x**2]), [0.5, 0.5])[0],
}


@pytest.mark.parametrize("name", MINIMISERS)
def test_a_minimiser_moves_as_its_gradient_says_however_closely_scipy_found_it(name):
    f, a = MINIMISERS[name], np.array([1.0, 1.6])
    exact = dualdiff.root(lambda x: slope(x, a), a)
    d = 2 / (2 + 1.2 * exact**2)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(f, mode=mode)(a), np.diag(d), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(hessian(lambda a: np.sum(f(a)))(a), np.diag(-2.4 * exact * d**3 / 2), rtol=1e-8, atol=1e-10)
    np.testing.assert_array_equal(jvp(f, (a,), (a,))[0], f(a))


def test_what_is_least_moves_with_the_minimum():
    a = np.array([1.0, 1.6])
    exact = dualdiff.root(lambda x: slope(x, a), a)
    for f in (lambda a: minimize(well, [0.5, 0.5], (a,)).fun,
              lambda a: optimize.fmin(well, [0.5, 0.5], (a,), disp=0, full_output=True)[1],
              lambda a: optimize.least_squares(lambda x: 2**0.5 * np.concatenate([x - a, 0.1**0.5 * x**2]), [1.0, 1.0]).cost):
        np.testing.assert_allclose(gradient(f)(a), 2 * (a - exact), rtol=1e-9)


CONSTRAINED = {
    "a bound that moves": lambda a: minimize(well, [0.5, 0.5], (a,), bounds=[(None, 0.2 * a[1]), (0, 9)], method="L-BFGS-B").x,
    "an object of bounds": lambda a: minimize(well, [0.1, 0.5], (a,), bounds=optimize.Bounds([0, 0], [0.2 * a[1], 9]),
                                              method="TNC").x,
    "bounded": lambda a: np.stack([optimize.minimize_scalar(lambda x: well(x, a[0]), bounds=(-1, 0.2 * a[1])).x, minimize(
        well, [0.5], a[1]).x[0]]),
    "an inequality": lambda a: minimize(lambda x: well(x, a), [0.1, 0.5], constraints={
        "type": "ineq", "fun": lambda x, b: 0.2 * b - x[0], "args": (a[1],)}).x,
    "an equation": lambda a: minimize(well, [0.1, 0.5], (a,), constraints=[
        {"type": "eq", "fun": lambda x: x[0] - 0.2 * a[1]}]).x,
    "trust-constr": lambda a: minimize(well, [0.1, 0.5], (a,), method="trust-constr", jac=slope, options={"gtol": 1e-9},
                                       constraints=optimize.NonlinearConstraint(
        lambda x: x[0] - 0.2 * a[1], -9, 0, hess=lambda x, v: np.zeros((2, 2)))).x,
    "least_squares": lambda a: optimize.least_squares(lambda x: np.concatenate([2**0.5 * (x - a), 0.2**0.5 * x**2]), [0.0, 0.5],
                                                      bounds=([-1, -1], [0.2 * a[1], 9])).x,
    "fmin_slsqp": lambda a: optimize.fmin_slsqp(well, [0.1, 0.5], args=(a,), iprint=0, f_ieqcons=lambda x, a: np.array(
        [0.2 * a[1] - x[0], 9 - x[1]])),
    "fmin_cobyla": lambda a: optimize.fmin_cobyla(lambda x: well(x, a), [0.1, 0.5], lambda x: 0.2 * a[1] - x[0], rhoend=1e-7),
}


@pytest.mark.parametrize("name", CONSTRAINED)
def test_at_an_active_constraint_the_minimiser_moves_with_it(name):
    f, a = CONSTRAINED[name], np.array([1.0, 1.6])
    exact = dualdiff.root(lambda x: slope(x, a), a)[1]
    d = 2 / (2 + 1.2 * exact**2)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(f, mode=mode)(a), [[0, 0.2], [0, d]], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(hessian(lambda a: np.sum(f(a)))(a), [[0, 0], [0, -2.4 * exact * d**3 / 2]], rtol=1e-7, atol=1e-8)


def test_a_curved_constraint_bends_the_way():
    f = lambda r: minimize(lambda x: x[0] + 2 * x[1], [-1.0, -1.0], method="SLSQP", tol=1e-10,
                           constraints=optimize.NonlinearConstraint(lambda x: x @ x, 0, r**2)).x
    x = -np.array([1, 2]) / 5**0.5
    np.testing.assert_allclose(derivative(f)(1.5), x, rtol=1e-9)
    np.testing.assert_allclose(derivative(f, order=2)(1.5), 0, atol=1e-9)
    plane = lambda b: minimize(lambda x: (x[0] - b) ** 2 + x[1] ** 2, [1.0, 0.0],
                               constraints=optimize.LinearConstraint([[1.0, 1.0]], 2, 2)).x
    np.testing.assert_allclose(derivative(plane)(1.0), [0.5, -0.5], rtol=1e-9)


@pytest.mark.parametrize("loss", ["linear", "soft_l1", "huber", "cauchy", "arctan"])
def test_robust_fits_move_with_the_data(loss):
    fit = lambda y: optimize.least_squares(lambda p, y: model(X, *p) - y, [1.0, 1.0], loss=loss, f_scale=0.04, args=(y,),
                                           gtol=1e-15, xtol=1e-15, ftol=1e-15).x
    J, step = jacobian(fit)(DATA), 1e-5
    for i in (0, 4):
        e = step * (np.arange(9) == i)
        np.testing.assert_allclose(J[:, i], (fit(DATA + e) - fit(DATA - e)) / (2 * step), rtol=1e-3, atol=2e-4)


def test_curve_fit_moves_with_data_errors_and_places():
    tight = {"ftol": 1e-15, "xtol": 1e-15}
    agrees(lambda y: curve_fit(model, X, y, **tight)[0], DATA, order=1, rtol=1e-5)
    agrees(lambda y: curve_fit(model, X, y, **tight)[1], DATA, order=1, rtol=1e-4)
    agrees(lambda x, s: curve_fit(model, x, DATA, sigma=s, absolute_sigma=True, **tight)[0], X, 1 + X, order=1, rtol=1e-5)
    bounded = jacobian(lambda y: curve_fit(model, X, y, bounds=(0, [1.8, 5]), p0=[1, 1])[0])(DATA)
    np.testing.assert_array_equal(bounded[0], 0)  # held at 1.8
    full = jacobian(lambda y: curve_fit(model, X, y, full_output=True)[2]["fvec"])(DATA)
    J = jacobian(lambda p: model(X, *p))(curve_fit(model, X, DATA)[0])
    assert full.shape == (9, 9)
    np.testing.assert_allclose(J.T @ full, 0, atol=0.1)  # nearly the projection off the model
    cov = lambda y: optimize.leastsq(lambda p: model(X, *p) - y, [1.0, 1.0], full_output=True)[1]
    np.testing.assert_allclose(jacobian(cov)(DATA)[0, 0, 0], (cov(DATA + 1e-4 * (X == 0)) - cov(DATA - 1e-4 * (X == 0)))[0, 0]
                               / 2e-4, rtol=1e-3)


def test_an_assignment_is_constant():
    costs = np.random.default_rng(3).normal(size=(3, 4))
    f = lift(lambda c: np.sum(c[optimize.linear_sum_assignment(c)]))
    rows, columns = optimize.linear_sum_assignment(costs)
    expected = np.zeros((3, 4))
    expected[rows, columns] = 1
    np.testing.assert_array_equal(gradient(f)(costs), expected)


def test_results_are_scipys_and_refuse_by_name_what_has_no_rule():
    seen = []

    def f(a):
        seen[:] = [minimize(well, [0.5, 0.5], (a,)), optimize.root(pair, [1.0, 1.0], args=(C * a[0],)),
                   optimize.fsolve(lambda x: x - a, [1.0, 1.0], full_output=True), brentq(cubic, 0, 3, a[0], full_output=True)]
        return seen[0].x
    jvp(lift(f), (np.array([1.0, 1.6]),), (np.ones(2),))
    least, root, fsolve, scalar = seen
    assert type(least) is type(root) is optimize.OptimizeResult
    assert (least.success, root.success, fsolve[2], scalar[1].converged) == (True, True, 1, True)
    assert type(scalar[1]) is optimize.RootResults
    for use in (lambda: least.hess_inv @ np.ones(2), lambda: least.jac + 1, lambda: np.sum(root.fjac),
                lambda: fsolve[1]["r"][0], lambda: float(least.jac), lambda: least.hess_inv.T):
        with pytest.raises(RuleError, match=r"scipy.optimize.(minimize|root|fsolve): the derivative of result.\w+ has no rule"):
            use()
    assert "without a derivative" in repr(least)


def test_with_nothing_perturbed_a_solver_runs_f_as_often_as_scipy_does():
    calls = []

    def f(x):
        calls.append(x)
        return x**3 - 2

    def program(a):
        return brentq(f, 0, 2) + minimize(lambda x: np.sum(f(x) ** 2), [1.0]).x[0] + optimize.least_squares(f, [1.0]).x[0] + a
    program(1.0)
    often = len(calls)
    calls.clear()
    assert derivative(lift(program))(1.0) == 1.0
    assert len(calls) == often


def test_ends_of_a_bracket_and_guesses_do_not_move_a_root():
    assert derivative(lambda a: brentq(lambda x: x * x - 2, 0, a))(3.0) == 0
    assert derivative(lambda a: optimize.fsolve(lambda x: x * x - 2, a, xtol=1e-12)[0])(3.0) == 0


def test_roots_keep_their_type():
    f = lift(lambda a: optimize.newton(lambda x: x**3 - a, np.ones(3, np.float32), fprime=lambda x: 3 * x**2))
    plain = f(np.full(3, 8, np.float32))
    seen = jvp(f, (np.full(3, 8, np.float32),), (np.ones(3, np.float32),))
    assert seen[0].dtype == seen[1].dtype == plain.dtype
    z = lift(lambda a: optimize.newton(lambda z: z * z + a, 1 + 1j))
    assert derivative(z)(4.0 + 0j) == pytest.approx(1j / 4)  # z = i√a


def test_many_elements_need_no_dense_jacobian():
    a = np.linspace(1, 2, 30_000)
    y, dy = jvp(lambda a: optimize.newton(cubic, np.full(a.shape, 2.0), args=(a,)), (a,), (np.ones_like(a),))
    np.testing.assert_allclose(dy, y / (3 * y**2 - a), rtol=1e-12)


def test_steps_of_a_solver_are_not_differentiated():
    uneven = lambda x, a: np.cosh(x - a) + 0.1 * (x - a) ** 3 + 0.1 * np.exp(x * a)
    exact = derivative(lambda a: dualdiff.implicit.minimize(lambda x: uneven(x, a), 0.0))(0.7)
    for solve in (optimize.golden, lambda f: optimize.minimize_scalar(f, method="golden").x,
                  lambda f: optimize.fminbound(f, -4, 4)):
        assert derivative(lambda a, solve=solve: solve(lambda x: uneven(x, a)))(0.7) == pytest.approx(exact, rel=1e-9)
    loose = lambda a: optimize.fixed_point(lambda x: np.cos(a * x), 1.0, xtol=1e-3, method="iteration")
    exact = derivative(lambda a: dualdiff.fixed_point(lambda x: np.cos(a * x), 1.0))(0.7)
    assert derivative(loose)(0.7) == pytest.approx(exact, rel=1e-9)


def test_solutions_that_have_no_derivative_say_why():
    with pytest.raises(DegenerateError, match="a bound or constraint is met at the solution"):
        derivative(lambda a: minimize(lambda x: (x[0] - a) ** 2, [1.0], bounds=[(0, None)]).x[0])(0.0)
    with pytest.raises(DegenerateError, match="the Jacobian at the solution is singular"):
        derivative(lambda a: minimize(lambda x: (x[0] + x[1] - a) ** 2, [1.0, 1.0]).x[0])(0.5)
    with pytest.raises(ConvergenceError, match=r"scipy.optimize.minimize: SciPy stopped at \[.*Newton's method leads"):
        derivative(lambda a: minimize(lambda x: optimize.rosen(x * a), [-1, 2], options={"maxiter": 2}).x[0])(1.0)
    for x0 in (1.0, 0.300001):
        with pytest.raises(DegenerateError, match=r"scipy.optimize.newton: the Jacobian at the solution is singular"):
            derivative(lambda b, x0=x0: optimize.newton(lambda x: (x - 0.3) ** 2 - b, x0, lambda x: 2 * x - 0.6, maxiter=99))(0)
    with pytest.raises(DegenerateError, match=r"scipy.optimize.fsolve: the Jacobian at the solution is singular"):
        derivative(lambda b: optimize.fsolve(lambda x: x * x - 2 * x + 1 - b, 1.1)[0])(0.0)
    with pytest.raises((DegenerateError, ConvergenceError), match=r"scipy.optimize.minimize: "):
        derivative(lambda b: minimize(lambda x: (x[0] - b) ** 4, 1.1).x[0])(0.5)
    for corner in (lambda x, b: abs(x - b), lambda x, b: np.maximum(x - b, 2 * (b - x))):
        with pytest.raises(ConvergenceError, match="where no derivative can be taken"):
            derivative(lambda b, corner=corner: optimize.fminbound(corner, -1, 2, (b,)))(0.3)
    with pytest.raises(RuleError, match="3 equations for 2 unknowns"):
        derivative(lambda a: optimize.root(lambda x: np.stack([x[0] - a, x[1], x[0]]), [1.0, 1.0], method="lm").x[0])(1.0)
    with pytest.raises(RuleError, match=r"scipy.optimize.milp has no derivative rule; its solution jumps"):
        derivative(lambda a: optimize.milp(np.stack([a, -a]), integrality=[1, 1], bounds=optimize.Bounds(0, 3)).fun)(1.0)
    with pytest.raises(RuleError, match=r"scipy.optimize.milp has no derivative rule"):
        derivative(lambda a: optimize.milp([-1], constraints=optimize.LinearConstraint([1], ub=a)).fun)(1.0)
    assert derivative(lambda a: a * optimize.milp([-1], bounds=optimize.Bounds(np.zeros(1), np.ones(1))).fun)(1.0) == -1
    with pytest.raises(RuleError, match=r"with nan_policy=.omit."):
        derivative(lambda a: curve_fit(model, X, a * DATA, nan_policy="omit")[0][0])(1.0)


def test_roots_of_elements_keep_a_jacobian_sparse():
    a = np.linspace(1, 2, 20)
    for f in (lambda a: optimize.newton(cubic, np.full(20, 2.0), args=(a,)),
              lambda a: np.stack([brentq(cubic, 0, 3, args=(each,)) for each in a])):
        J = jacobian(lift(f), sparse=True)(a)
        assert J.nnz == 20
        np.testing.assert_allclose(J.diagonal(), f(a) / (3 * f(a) ** 2 - a), rtol=1e-9)


def test_a_solver_may_call_another():
    a = 0.7
    area = lambda a: brentq(lambda b: quad(lambda x: np.exp(-a * x), 0, b)[0] - 0.5, 0, 5)  # (1 - e^(-ab)) / a = 1/2
    assert derivative(area)(a) == pytest.approx(derivative(lambda a: -np.log(1 - a / 2) / a)(a), rel=1e-9)
    assert derivative(area, order=2)(a) == pytest.approx(derivative(lambda a: -np.log(1 - a / 2) / a, order=2)(a), rel=1e-7)
    best = lambda a: minimize(lambda x: quad(lambda t: (t * t - x[0] * a * t - x[1]) ** 2, 0, 1)[0], [1.0, 1.0]).x
    np.testing.assert_allclose(derivative(best)(a), [-1 / a**2, 0], rtol=1e-7, atol=1e-9)  # t² ≈ t - 1/6
    end = lambda a, v: solve_ivp(lambda t, y: [-a * y[0]], (0, 1), [v], rtol=1e-9, atol=1e-9).y[0, -1]
    flown = lambda a: brentq(lambda v: end(a, v) - 1, 0, 5)
    assert derivative(flown)(a) == pytest.approx(np.exp(a), rel=1e-6)


METHODS = ("hybr", "lm", "krylov", "df-sane", "anderson", "broyden1")


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("method", METHODS)
def test_an_array_beside_a_list_of_perturbed_numbers_is_differentiated(method, mode):
    f = lambda a: np.abs(root(lambda z: z**2 - [a, 2 * a], [1.0, 1.0], method=method).x)
    np.testing.assert_allclose(jacobian(f, mode=mode)(2.0), [0.5 / np.sqrt(2), 0.5], rtol=1e-6)
    g = lambda a: root(lambda z, c: z**2 - c, [1.0, 1.0], args=([a, 2 * a],)).x
    np.testing.assert_allclose(jacobian(g, mode=mode)(2.0), [0.5 / np.sqrt(2), 0.5], rtol=1e-6)


def test_a_constraint_that_gives_a_list_of_perturbed_numbers_is_differentiated():
    f = lambda a: minimize(lambda v: (v[0] - 1)**2 + (v[1] - v[0])**2, np.array([0.5, a * 1.0]), method="SLSQP",
                           constraints=[{"type": "eq", "fun": lambda v: v[[1]] - [a]}]).x[0]
    assert derivative(f)(0.3) == pytest.approx(0.5)


def test_arguments_given_as_a_list_are_spread_where_scipy_spreads_them():
    x = np.array([2.0, 3.0])
    expected = [0.5 / np.sqrt(6), -np.sqrt(2 / 27) / 2]
    for f in (lambda x: newton(lambda z, a, b: z**2 * b - a, 1.0, args=[x[0], x[1]]),
              lambda x: newton(lambda z, a, b: z**2 * b - a, 1.0, args=x),
              lambda x: fixed_point(lambda z, a, b: np.sqrt(z * 0 + a / b), 1.0, args=[x[0], x[1]]),
              lambda x: least_squares(lambda z, a, b: z - np.sqrt(a / b), 1.0, args=[x[0], x[1]]).x[0]):
        np.testing.assert_allclose(gradient(f)(x), expected, rtol=1e-6)
    assert derivative(lambda a: brentq(lambda z, c: z**2 - c[0], 0, 3, args=[a]))(2.0) == pytest.approx(0.5 / np.sqrt(2))
