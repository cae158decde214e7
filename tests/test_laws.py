"""Laws that every derivative obeys, over every function that has a rule: data (law_cases.py) crossed with modes."""

import operator

import numpy as np
import pytest
from law_cases import CASES

from dualdiff import gradient, hessian, hvp, jacobian, jvp, vjp
from dualdiff.rules import (
    composite,
    every_row,
    folds,
    formula,
    gather,
    linear,
    polynomials,
    products,
    quantiles,
    shapes,
    statistics,
)
from dualdiff.rules.registry import Constant, Elementwise, Refused, name_of

pytestmark = pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")

every_case = pytest.mark.parametrize("case", CASES, ids=str)


def inner(u, v):
    """⟨u, v⟩ and the size that its rounding errors are measured by."""
    products = np.concatenate([np.ravel(a * b) for a, b in zip(u, v, strict=True)])
    return products.sum(), np.abs(products).sum()


def close(got, expected, rtol, scale=None):
    """Equal beside the largest entry: where entries cancel, rounding errors are of that size."""
    size = np.max(np.abs(expected), initial=0.0) if scale is None else scale
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * (size + 1e-30))


# Sums that we take in another order than NumPy; everywhere else the dual run computes the same floats.
REASSOCIATED = ("initial=", "np.vecdot", "x, y, z)", "optimize=", "reflect_type='odd'")


# ---- first derivatives -----------------------------------------------------------------------------------------------
@every_case
def test_reverse_is_the_adjoint_of_forward(case):
    f, x, v = case.f, case.arguments(), case.directions()
    value, along = jvp(f, x, v)
    same, pullback = vjp(f, *x)
    if any(word in case.code for word in REASSOCIATED):
        np.testing.assert_allclose(value, f(*x), rtol=1e-12)
    else:
        np.testing.assert_array_equal(value, f(*x))
    np.testing.assert_array_equal(same, value)
    assert np.shape(along) == np.shape(value)
    u = np.random.default_rng(7).standard_normal(np.shape(value))
    back = pullback(u)
    assert [np.shape(a) for a in back] == list(case.shapes)
    left, scale = inner([u], [along])
    right, other = inner(back, v)
    assert abs(left - right) <= 1e-13 * max(scale, other)


@every_case
def test_the_jacobian_holds_every_direction_in_both_modes(case):
    """Sparse identity seeds = dense seeds, many and one at a time = the tape, many cotangents and one at a time."""
    f, x = case.f, case.arguments()
    J = jacobian(f, argnums=tuple(range(len(x))))(*x)
    value, pullback = vjp(f, *x)
    m = np.size(value)
    rows = pullback(np.eye(m).reshape(m, *np.shape(value)))
    scale = max((np.max(np.abs(part), initial=0.0) for part in J), default=0.0)
    for part, row, shape in zip(J, rows, case.shapes, strict=True):
        assert np.shape(part) == np.shape(value) + shape
        close(row.reshape(part.shape), part, 1e-13, scale)
    directions = [case.directions(seed) for seed in (1, 2, 3)]
    dense = jvp(f, x, tuple(np.stack(parts) for parts in zip(*directions, strict=True)))[1]
    for several, v in zip(dense, directions, strict=True):
        expected = sum(np.tensordot(part, a, a.ndim) for part, a in zip(J, v, strict=True))
        close(several, expected, 1e-12, scale)
        close(jvp(f, x, v)[1], several, 1e-12, scale)


@every_case
def test_the_derivative_is_linear_in_its_direction(case):
    f, x, v, w = case.f, case.arguments(), case.directions(1), case.directions(2)
    combined = jvp(f, x, tuple(3.0 * a - 0.5 * b for a, b in zip(v, w, strict=True)))[1]
    apart = 3.0 * jvp(f, x, v)[1] - 0.5 * jvp(f, x, w)[1]
    close(combined, apart, 1e-12, np.max(np.abs(jvp(f, x, v)[1]), initial=0.0) + np.max(np.abs(apart), initial=0.0))


@every_case
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_the_chain_rule_holds_on_both_sides(case, mode):
    f, x = case.f, case.arguments()
    numbers = tuple(range(len(x)))
    inside = jacobian(f, argnums=numbers)(*(np.sin(a) + a for a in x)) if case.between == (-2.0, 2.0) else None
    outside = jacobian(f, argnums=numbers)(*x)
    value = f(*x)
    found = gradient(lambda *a: np.sum(np.sin(f(*a))), argnums=numbers, mode=mode)(*x)
    for part, J, a in zip(found, outside, x, strict=True):
        close(part, np.tensordot(np.cos(value), J, np.ndim(value)), 1e-12, np.max(np.abs(J), initial=0.0))
        assert part.shape == a.shape
    if inside is not None:
        found = jacobian(lambda *a: f(*(np.sin(b) + b for b in a)), argnums=numbers)(*x)
        for part, J, a in zip(found, inside, x, strict=True):
            close(part, J * (np.cos(a) + 1), 1e-12, np.max(np.abs(J), initial=0.0))


@every_case
def test_differences_agree(case):
    f, x, v = case.f, case.arguments(), case.directions()
    along, h = jvp(f, x, v)[1], 6e-6                       # ∛eps: truncation h² and rounding eps/h are both near 4e-11

    def moved(step):
        return f(*(a + step * b for a, b in zip(x, v, strict=True)))

    scale = np.max(np.abs(f(*x)), initial=0.0) + np.max(np.abs(along), initial=0.0)
    close(along, (moved(h) - moved(-h)) / (2 * h), 1e-6, 0.01 * scale + 1e-3)


@pytest.mark.parametrize("case", [case for case in CASES if case.smooth], ids=str)
def test_the_complex_step_agrees_to_rounding(case):
    f, x, v = case.f, case.arguments(), case.directions()
    h = 1e-30
    step = np.imag(f(*(a + 1j * h * b for a, b in zip(x, v, strict=True)))) / h
    along = jvp(f, x, v)[1]
    close(along, step, 1e-12, np.max(np.abs(along), initial=0.0) + 0.1)


# ---- second derivatives ----------------------------------------------------------------------------------------------
def packed(case):
    """The case as a scalar, curved function of one vector, and the point."""
    f, x = case.f, case.arguments()
    sizes = [a.size for a in x]

    def g(v):
        parts, start = [], 0
        for shape, size in zip(case.shapes, sizes, strict=True):
            parts.append(v[start:start + size].reshape(shape))
            start += size
        y = f(*parts)
        weights = np.cos(np.arange(1, np.size(y) + 1.0)).reshape(np.shape(y))
        return np.sum(weights * y * y) + np.sum(y)

    return g, np.concatenate([a.ravel() for a in x])


@every_case
def test_second_derivatives_agree_in_every_order_of_modes(case):
    g, x = packed(case)
    H = hessian(g)(x)
    scale = np.max(np.abs(H), initial=0.0)
    assert H.shape == x.shape + x.shape
    close(H, H.T, 1e-11, scale)
    close(jacobian(gradient(g, mode="forward"))(x), H, 1e-11, scale)
    v = np.cos(np.arange(x.size))
    close(hvp(g)(x, v), H @ v, 1e-11, scale)
    close(gradient(lambda a: gradient(g, mode="forward")(a) @ v, mode="reverse")(x), H @ v, 1e-11, scale)
    close(gradient(lambda a: gradient(g, mode="reverse")(a) @ v, mode="reverse")(x), H @ v, 1e-11, scale)
    h = 6e-6
    difference = (gradient(g, mode="reverse")(x + h * v) - gradient(g, mode="reverse")(x - h * v)) / (2 * h)
    close(H @ v, difference, 1e-6, 0.01 * scale + 0.1 * np.max(np.abs(difference), initial=0.0) + 1e-3)


# ---- nothing is left out ---------------------------------------------------------------------------------------------
SPELLED = {operator.getitem: "x[", gather.placed: "x[", formula.marked: ".sort(",
           linear.linear_solve: "linalg.solve(", formula.euclidean_norm: "linalg.norm(",
           formula.power_norm: "linalg.norm(x, 3", products.product: ".prod(", products.running_product: ".cumprod(",
           products.shifted: ".cumprod(", products.convolved: ".convolve(", quantiles.order_statistic: ".quantile(",
           shapes.arranged: ".pad(", linear.binned: ".bincount(", linear.as_part: "np.imag(",
           polynomials.roots_of: ".roots(", polynomials.characteristic: ".poly(np.triu(", folds.folded: ".hypot.reduce(",
           folds.accumulated: ".accumulate(", statistics.scatter: ".var(",
           composite.diagonals: "einsum(",
           shapes.strided: "sliding_window_view("}  # as_strided, of which test_lift.py has the cases


def test_every_function_that_has_a_derivative_has_a_case():
    text = " ".join(case.code for case in CASES)
    # SciPy's rows join the table when the first of its functions is met; tests/test_special.py has their cases, and
    # tests/test_sparse.py those of its matrices
    differentiable = [f for f, row in every_row().items() if not isinstance(row, Constant | Refused)
                      and not name_of(f).startswith("scipy.") and f is not linear.sparse_product
                      and not (isinstance(row, Elementwise) and not isinstance(f, np.ufunc))  # measured beside the ufuncs
                      and not getattr(f, "__module__", "").startswith("dualdiff.rules.special")]
    assert [f for f in differentiable if SPELLED.get(f, f".{getattr(f, '__name__', f)}(") not in text] == []


def test_no_case_is_listed_twice():
    assert len({str(case) for case in CASES}) == len(CASES)
