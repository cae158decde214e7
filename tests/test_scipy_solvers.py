"""SciPy's solvers take our functions as they are: right answers, fewer calls of f than with differences."""

import numpy as np
import pytest
from scipy import integrate, optimize, sparse

from benchmarks.scipy_solvers import BY_HAND, DIFFERENCES, OURS, Counted, broyden, problems, robertson
from dualdiff import derivative, gradient, hessian, hvp, jacobian

PROBLEMS = {problem.title: problem for problem in problems(quick=True)}
every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
# What is solved is known where it is not a trajectory: a residual that vanishes, or the point itself.
SOLUTIONS = {"Rosenbrock": np.ones(8), "Hock": np.array([1.0, 4.7429994, 3.8211503, 1.3794082])}


@every_problem
def test_the_solver_takes_the_derivatives_and_finds_what_it_finds_by_other_means(problem):
    answers = {name: way(problem.f) for name, way in problem.ways.items()}
    assert OURS in answers
    assert len(answers) > 1
    scale = np.max(np.abs(answers[OURS]))
    for name, answer in answers.items():
        np.testing.assert_allclose(answer, answers[OURS], rtol=0, atol=problem.tolerance * scale, err_msg=name)
    for word, solution in SOLUTIONS.items():
        if word in problem.title:
            np.testing.assert_allclose(answers[OURS], solution, rtol=0, atol=1e-4)
    if "root" in problem.title or "gmres" in problem.title or "Broyden" in problem.title:
        assert np.max(np.abs(problem.f(answers[OURS]))) < 1e-4 * np.max(np.abs(problem.f(0 * answers[OURS])))


@every_problem
def test_f_runs_less_often_than_with_differences(problem):
    if DIFFERENCES not in problem.ways:
        assert BY_HAND in problem.ways  # second derivatives, for which SciPy has no differences
        return
    counts = {}
    for name in (OURS, DIFFERENCES):
        f = Counted(problem.f)
        problem.ways[name](f)
        counts[name] = f.calls
    assert counts[OURS] < counts[DIFFERENCES]


def test_a_sparse_jacobian_is_one_run_of_f_whatever_its_size():
    f = Counted(broyden)
    optimize.least_squares(f, -np.ones(300), jac=jacobian(f, sparse=True), tr_solver="lsmr", max_nfev=1)
    few = f.calls
    f.calls = 0
    optimize.least_squares(f, -np.ones(3000), jac=jacobian(f, sparse=True), tr_solver="lsmr", max_nfev=1)
    assert f.calls == few == 2  # the start, and its Jacobian


def test_jacobians_have_the_form_that_stiff_solvers_ask_for():
    J = jacobian(robertson, argnums=1)(0.0, np.array([1.0, 2e-5, 0.1]))
    assert J.shape == (3, 3)
    assert sparse.issparse(jacobian(robertson, argnums=1, sparse=True)(0.0, np.ones(3)))
    found = integrate.solve_ivp(robertson, (0, 1e5), [1.0, 0, 0], method="LSODA", jac=jacobian(robertson, argnums=1), rtol=1e-8,
                                atol=1e-12)
    # The concentrations at large times, from E. Hairer and G. Wanner's reference: y0 falls off, the sum stays.
    np.testing.assert_allclose(found.y.sum(axis=0), 1.0, atol=1e-9)
    assert found.y[0, -1] == pytest.approx(1.786592e-2, rel=1e-4)


def test_nonlinear_constraints_take_jacobians_and_hessians():
    x0 = np.array([1.0, 5.0, 5.0, 1.0])
    f = lambda x: x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2]
    g = lambda x: np.stack([np.prod(x), np.sum(x**2)])
    along = lambda x, v: hessian(lambda z: v @ g(z))(x)
    constraint = optimize.NonlinearConstraint(g, [25.0, 40.0], [np.inf, 40.0], jac=jacobian(g), hess=along)
    found = optimize.minimize(f, x0, method="trust-constr", jac=gradient(f), hess=hessian(f), constraints=constraint,
                              bounds=[(1, 5)] * 4, options={"gtol": 1e-9, "xtol": 1e-12})
    np.testing.assert_allclose(found.x, SOLUTIONS["Hock"], atol=1e-5)


def test_root_scalar_takes_two_derivatives():
    f = lambda x: np.exp(x) - 3.0
    for method in ("newton", "halley"):
        found = optimize.root_scalar(f, x0=1.0, fprime=derivative(f), fprime2=derivative(f, order=2), method=method)
        assert found.root == pytest.approx(np.log(3.0), rel=1e-14)


def test_arguments_of_the_solver_reach_the_derivatives():
    f = lambda x, a, b: np.sum((x - a) ** 4) + b * np.sum(x**2)
    a = np.array([1.0, -2.0])
    plain = optimize.minimize(lambda x: f(x, a, 0.5), np.zeros(2), jac=gradient(lambda x: f(x, a, 0.5)), method="BFGS").x
    for method, known in (("BFGS", {}), ("trust-krylov", {"hessp": hvp(f)}), ("Newton-CG", {"hess": hessian(f)})):
        found = optimize.minimize(f, np.zeros(2), args=(a, 0.5), jac=gradient(f), method=method, **known)
        np.testing.assert_allclose(found.x, plain, atol=1e-4)
