"""Ordinary NumPy calls, each in forward, reverse and second order, against the complex step or differences.

The reference is the complex step where the call is analytic in all that it is given, and then holds to 1e-12; elsewhere
central differences with Richardson's extrapolation, whose error the test measures.
"""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from ordinary_calls import LIFTED, calls

from dualdiff import DualArray, gradient, hessian, jacobian, jvp, lift, vjp
from dualdiff.errors import EscapeError, RuleError

CALLS = calls()
DIRECT = [name for name in CALLS if name not in LIFTED]


def numbers(result):
    """All that a call returns as one vector of real numbers."""
    if isinstance(result, tuple | list):
        return np.concatenate([np.zeros(0), *map(numbers, result)])
    if not hasattr(result, "level"):
        result = np.asarray(result) * 1.0
    flat = np.reshape(result, -1)
    return np.concatenate([np.real(flat), np.imag(flat)]) if np.iscomplexobj(flat) else flat


def vector_function(f, inputs):
    """The call as a function of one vector, and the point."""
    ends = np.cumsum([np.size(x) for x in inputs])[:-1]

    def of_vector(p):
        return numbers(f(*(np.reshape(part, x.shape) for part, x in zip(np.split(p, ends), inputs, strict=True))))
    return of_vector, np.concatenate([np.ravel(x) for x in inputs])


def along(F, p, v):
    """The derivative of F along v by differences: the tableau of Richardson, whose last two entries tell its error."""
    table = [(F(p + h * v) - F(p - h * v)) / (2 * h) for h in 2.0 ** -np.arange(6, 11)]
    for k in range(1, len(table)):
        last = table[-1]
        table = [(4**k * fine - coarse) / (4**k - 1) for coarse, fine in pairwise(table)]
    return table[0], np.max(np.abs(table[0] - last), initial=0)


def by_complex_step(F, f, inputs, v, difference):
    """The derivative by the complex step, if it is one here: where it agrees with differences. Else None."""
    ends, step = np.cumsum([np.size(x) for x in inputs])[:-1], 1e-30
    moved = [x + 1j * step * np.reshape(part, x.shape) for part, x in zip(np.split(v, ends), inputs, strict=True)]
    plain = f(*inputs)
    if np.iscomplexobj(numbers_of_any_kind(plain)):        # the result's own imaginary part is in the way
        return None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            found = np.imag(numbers_of_any_kind(f(*moved))) / step
    except Exception:  # whatever NumPy says to complex numbers here
        return None
    return found if np.allclose(found, difference, rtol=1e-6, atol=1e-6) else None


def numbers_of_any_kind(result):
    if isinstance(result, tuple | list):
        return np.concatenate([np.zeros(0), *map(numbers_of_any_kind, result)])
    return np.reshape(np.asarray(result), -1) * 1.0


def directions(n):
    """Every input by itself would take n runs of the reference; a few directions see every input with its own weight."""
    random = np.random.default_rng(5)
    return random.choice([-1.0, 1.0], size=(2, n)) * random.uniform(0.5, 1.0, size=(2, n))


def check(f, inputs, used):
    """First and second derivatives of ``used``, which is f or lifts it, against those of f."""
    F, p = vector_function(f, inputs)
    D, _ = vector_function(used, inputs)
    shapes = [np.shape(x) for x in inputs]
    value = F(p)
    every = jacobian(lambda *a: numbers(used(*a)), argnums=tuple(range(len(inputs))))(*inputs)
    forward = np.concatenate([np.reshape(J, (value.size, int(np.prod(s)))) for J, s in zip(every, shapes, strict=True)], axis=1)
    found, pullback = vjp(D, p)
    np.testing.assert_allclose(found, value, rtol=1e-13, atol=1e-14)
    backward = np.stack([pullback(row)[0] for row in np.eye(value.size)]) if value.size else forward
    scale = max(1.0, np.max(np.abs(forward), initial=0))
    np.testing.assert_allclose(backward, forward, rtol=1e-12, atol=1e-12 * scale)
    weights = np.random.default_rng(8).uniform(0.5, 1.5, value.size)
    curve = hessian(lambda q: np.sum(weights * D(q)))(p)
    analytic = True
    for v in directions(p.size):
        difference, error = along(F, p, v)
        exact = by_complex_step(F, f, inputs, v, difference)
        analytic &= exact is not None
        tolerance = 1e-12 if exact is not None else min(1e-7, 10 * error + 1e-11 * scale)
        np.testing.assert_allclose(forward @ v, difference if exact is None else exact, rtol=tolerance, atol=tolerance * scale)
        np.testing.assert_allclose(jvp(D, (p,), (v,))[1], forward @ v, rtol=1e-13, atol=1e-13 * scale)

        def slope(q):
            return gradient(lambda r: np.sum(weights * D(r)), mode="reverse")(q)
        second, _ = along(lambda q: np.asarray(slope(q)), p, v)
        bound = 1e-7 * max(1.0, np.max(np.abs(curve), initial=0))
        np.testing.assert_allclose(curve @ v, second, rtol=1e-7, atol=bound)
        np.testing.assert_allclose(jvp(slope, (p,), (v,))[1], curve @ v, rtol=1e-11, atol=1e-5 * bound)
    return analytic


@pytest.mark.parametrize("name", DIRECT)
def test_an_ordinary_call_has_its_derivatives(name):
    f, inputs = CALLS[name]
    check(f, inputs, f)


@pytest.mark.parametrize("name", LIFTED)
def test_a_call_that_converts_its_arguments_has_its_derivatives_and_needs_lift_outside_of_transforms(name):
    f, inputs = CALLS[name]
    duals = [DualArray(x, np.cos(x)) for x in inputs]
    with pytest.raises((EscapeError, RuleError)):
        f(*duals)
    assert np.any(numbers(lift(f)(*duals)).tangent)
    check(f, inputs, f)


def test_the_list_is_long():
    assert len(CALLS) >= 900
    assert set(LIFTED) <= set(CALLS)


def branches(x):
    return np.sum(x * x) if isinstance(x, np.ndarray) else x


@pytest.mark.parametrize("x", [np.array([1.0, 2.0]), np.array([[1.0, 2.0, 3.0]])])
def test_the_program_takes_the_branch_for_arrays(x):
    np.testing.assert_array_equal(gradient(branches)(x), 2 * x)
    np.testing.assert_array_equal(jvp(branches, (x,), (x,))[1], 2 * np.sum(x * x))
