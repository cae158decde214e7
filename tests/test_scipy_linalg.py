"""scipy.linalg in programs that are differentiated as they stand."""

import numpy as np
import pytest
import scipy.linalg
from scipy_programs import agrees

from dualdiff import gradient, hessian, hvp, jacobian, lift, vjp
from dualdiff.errors import RuleError

A = np.random.default_rng(1).normal(size=(3, 3)) + 3 * np.eye(3)

PROGRAMS = {
    "inv": (scipy.linalg.inv, A),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_scipy_and_with_differences(name):
    agrees(*PROGRAMS[name])


def test_a_program_that_needed_lift_runs_once_from_then_on():
    calls = []

    def f(a):
        calls.append(a)
        return np.sum(scipy.linalg.inv(a))
    for run in (gradient(f), jacobian(f), hessian(f), lambda a: hvp(f)(a, a), lambda a: vjp(f, a)[1](1.0)):
        run(A)
        calls.clear()
        run(A)
        assert len(calls) == 1


def test_compiled_functions_are_refused_by_name():
    from scipy.optimize import linear_sum_assignment
    with pytest.raises(RuleError, match="linear_sum_assignment is compiled and has no derivative rule"):
        jacobian(lift(lambda a: a[linear_sum_assignment(a)]))(A)
