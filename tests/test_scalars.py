"""Lists of numbers joined into an array, in every mode, at a cost that grows with their number alone."""

from numbers import Number, Real

import numpy as np
import pytest

from dualdiff import DerivativeWarning, Dual, DualArray, derivative, forms, gradient, hessian, jacobian, jvp, lift, linearize
from dualdiff.tangents import join, moves, scalars
from dualdiff.transforms import noting

N = 7
X = np.linspace(0.4, 1.6, N)


def squares(x):
    return np.stack([a * a for a in x])


def stencil(x):
    return np.array([x[i - 1] * x[i] - 2 * x[i] for i in range(N)])


def some_constant(x):
    return np.stack([x[0] * x[1], 2.0, np.sin(x[2]), x[3] - x[3], x[4] * x[5] * x[6], 0.0])


def accumulated(x):
    s, sums = 0.0, []
    for a in x:
        s = s * 0.9 + a
        sums.append(s)
    return np.stack(sums)


def contracted(x):
    return np.stack([x[:3].sum(), x[0], x @ np.arange(N), 1.0, x[1] * x.sum(), (x * x)[2:5].sum()])


def among_arrays(x):
    return np.concatenate([[x[0], x[1] * x[2], 3.0, x[0]], x[2:] ** 2, [x[5] * x.sum()]])


def right_hand_side(x):
    return np.stack([x[0] * x[1] - x[2] * x[0] * x[3], x[4] * x[1]])


def row_beside_seeds(x):
    return np.stack([x[0] * 2.0, x.sum() * x[1] + x[2], 1.0, x[3] - np.prod(x)])


def one_number(x):
    return np.stack([x[6] * x[2] + x[6]])


PROGRAMS = [squares, stencil, some_constant, accumulated, contracted, among_arrays, right_hand_side, row_beside_seeds,
            one_number]
each_program = pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)


def complex_step(f):
    return np.stack([np.asarray(f(X + 1e-200j * e), complex).imag / 1e-200 for e in np.eye(N)], axis=1)


@each_program
def test_numbers_are_stacked_in_every_mode(f):
    J = complex_step(f)
    V, u = np.random.default_rng(1).normal(size=(3, N)), np.arange(1.0, len(J) + 1)
    close = {"rtol": 1e-14, "atol": 1e-14}                 # sums of at most ten terms of order one
    np.testing.assert_allclose(jacobian(f)(X), J, **close)
    np.testing.assert_allclose(jvp(f, (X,), (V,))[1], V @ J.T, **close)
    np.testing.assert_allclose(jvp(f, (X,), (V[0],))[1], J @ V[0], **close)
    np.testing.assert_allclose(gradient(lambda x: f(x) @ u, mode="reverse")(X), u @ J, **close)
    np.testing.assert_allclose(gradient(lambda x: f(x) @ u, mode="forward")(X), u @ J, **close)
    recorded = linearize(f, X)
    np.testing.assert_allclose(recorded @ V.T, J @ V.T, **close)
    np.testing.assert_allclose(recorded.T @ u, u @ J, **close)
    np.testing.assert_allclose(recorded.todense(), J, **close)


@each_program
def test_numbers_are_stacked_at_two_levels(f):
    u = np.arange(1.0, len(f(X)) + 1)

    def g(x):
        return f(x) @ u
    inner = [gradient(g, mode="forward"), gradient(g, mode="reverse"), lambda x: jvp(g, (x,), (np.eye(N),))[1]]
    H = [jvp(df, (X,), (np.cos(X),))[1] for df in inner]
    H += [gradient(lambda x, df=df: df(x) @ np.cos(X), mode=mode)(X) for df in inner for mode in ("forward", "reverse")]
    h = 1e-5
    expected = (complex_step_gradient(g, X + h * np.cos(X)) - complex_step_gradient(g, X - h * np.cos(X))) / (2 * h)
    for found in H:
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)                  # central differences


def complex_step_gradient(g, x):
    return np.array([g(x + 1e-200j * e).imag / 1e-200 for e in np.eye(N)])


@each_program
def test_numbers_that_are_listed_have_the_same_derivatives(f, monkeypatch):
    V, u = np.eye(N)[::-1], np.cos(np.arange(len(f(X))))
    sweeps = [lambda: jacobian(f, mode="forward")(X), lambda: jvp(f, (X,), (V,))[1],
              lambda: jacobian(f, sparse=True)(X).todense(),
              lambda: jvp(gradient(lambda x: f(x) @ u, mode="forward"), (X,), (V,))[1]]
    filled = [sweep() for sweep in sweeps]
    monkeypatch.setattr(scalars, "wasteful", lambda filled, held: True)
    for again, expected in zip(sweeps, filled, strict=True):
        np.testing.assert_allclose(again(), expected, rtol=1e-14, atol=1e-14)


def test_few_numbers_list_what_they_depend_on_and_no_more():
    J = jacobian(right_hand_side, sparse=True)
    for _ in range(2):                                                          # from nothing, and remembered
        found = J(X)
        assert found.nnz == 6
        np.testing.assert_array_equal(found.toarray() != 0, complex_step(right_hand_side) != 0)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_few_numbers_of_other_types_keep_them(dtype):
    def f(x):
        return np.stack([x[0] * x[1], x[1] * x[2] + x[0]])
    x = np.array([2.0, 3.0, 4.0], dtype)
    J = jacobian(f)(x)
    assert f(x).dtype == J.dtype == dtype
    np.testing.assert_array_equal(J, [[3, 2, 0], [1, 4, 3]])


def test_one_number_of_all_inputs_does_not_fill_the_pattern_of_those_beside_it():
    n = 300

    def f(x, total):
        out = np.zeros_like(x)
        out[0] = total(x)
        for i in range(1, n):
            out[i] = x[i] * x[i - 1]
        return out
    for total in (np.sum, lambda x: sum(a * a for a in x), lambda x: x @ x):
        J = jacobian(lambda x, total=total: f(x, total), sparse=True)(np.ones(n))
        assert J.nnz == n + 2 * (n - 1)
        np.testing.assert_array_equal(J.toarray(), jacobian(lambda x, total=total: f(x, total), mode="reverse")(np.ones(n)))


def test_an_infinite_coefficient_stays_where_it_is():
    def f(x):
        return np.stack([np.sqrt(x[0]), x[1] ** 2, x[0] * 2, np.sqrt(x[0]) * 0.0])
    x = np.array([0.0, 3.0])
    expected = [[np.inf, 0], [0, 6], [2, 0], [0, 0]]
    np.testing.assert_array_equal(jacobian(f)(x), expected)
    np.testing.assert_array_equal(jvp(f, (x,), (np.eye(2),))[1].T, expected)
    np.testing.assert_array_equal(jvp(f, (x,), (np.array([0.0, 1.0]),))[1], [0, 6, 0, 0])


def test_the_work_of_stacking_does_not_grow_with_each_number(monkeypatch):
    """Numbers take one pass together: no array operation of the join is made for each of them."""
    calls = []
    monkeypatch.setattr(noting, "FEW_NUMBERS", 0)
    for module, name in ((forms, "stacked"), (join, "stacked"), (join, "joined_dense"), (join, "joined_sparse"),
                         (moves, "take_or_fill")):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, original=original, name=name: calls.append(name) or original(*a))
    monkeypatch.setattr(join, "take_or_fill", lambda *a: calls.append("take") or moves.take_or_fill(*a))
    counts = []
    for n in (10, 1000):
        calls.clear()
        jacobian(lambda x: np.stack([a * a for a in x]))(np.ones(n))
        jvp(lambda x: np.stack([a * a for a in x]), (np.ones(n),), (np.ones((2, n)),))
        counts.append(len(calls))
    assert counts[0] == counts[1] > 0


# ---- one number by itself ----------------------------------------------------------------------------------------------
OF_ONE = ["np.sum(s)", "np.mean(s)", "np.std(s) + s", "np.var(s, ddof=0) + s", "np.nanmean(s)", "np.nanstd(s) * s + s",
          "np.average(s)", "np.nan_to_num(s)", "np.linalg.norm(s)", "np.trace(s.reshape(1, 1))", "s.std() + s",
          "s.clip(0, 5)", "s.prod()", "s.flatten()", "s.squeeze()", "s.repeat(3)", "s.item(0)", "s.round(1) + s",
          "s.take([0, 0])", "np.sum(-s)", "s.any() * s", "s.nbytes * s", "np.array(s.tolist()) * s",
          "np.interp(s, [0, 9], [1, 5])"]


@pytest.mark.parametrize("code", OF_ONE)
@pytest.mark.parametrize("number", ["x[0] * 2.0", "x.sum()", "-x[1]", "3 - x[0]", "x[0] * x[1]"])
def test_numpy_s_functions_and_methods_take_one_number_in_every_mode(code, number):
    def f(x):
        return eval(code, {"np": np, "s": eval(number, {"x": x})})

    def g(x):
        return np.sum(0.5 * np.sum(f(x)) ** 2)
    x = np.array([1.3, 1.9])
    expected = np.stack([(f(x + e) - f(x - e)) / 2e-5 for e in 1e-5 * np.eye(2)], axis=-1)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(f, mode=mode)(x), expected, rtol=1e-8, atol=1e-9)
        slope = gradient(g, mode=mode)
        np.testing.assert_allclose(slope(x), np.sum(f(x)) * expected.reshape(-1, 2).sum(0), rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(jacobian(slope, mode=mode)(x), hessian(g)(x), rtol=1e-12, atol=1e-12)
    for e in np.eye(2):
        np.testing.assert_allclose(jvp(f, (x,), (e,))[1], expected @ e, rtol=1e-8, atol=1e-9)


def test_a_number_has_no_elements_to_go_through():
    def total(v):
        return sum(v) if np.iterable(v) else 2 * v
    for mode in ("forward", "reverse"):
        assert gradient(lambda x: total(x[0]) + total(x), mode=mode)(np.array([2.0, 3.0])).tolist() == [3.0, 1.0]
        assert gradient(total, mode=mode)(2.0) == 2.0
    for unpacked in (lambda x: [*x[0]], lambda x: np.stack(list(np.sum(x))), lambda x: 1.0 in x[0]):
        with pytest.raises(TypeError, match="iterable"):
            jacobian(unpacked)(np.ones(2))


def test_a_number_has_a_type_in_lifted_programs_alone_and_says_what_else_has():
    with pytest.raises(AttributeError, match="result_type"):
        np.sum(DualArray(np.ones(2), np.ones(2))).dtype  # noqa: B018
    assert jacobian(lambda x: np.zeros(2, x[0].dtype))(np.ones(2)).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(AttributeError, match="no attribute 'total'"):
        jacobian(lambda x: x[0].total())(np.ones(2))


@pytest.mark.filterwarnings("ignore:== is true:dualdiff.DerivativeWarning")
@pytest.mark.parametrize("f", [lambda x: x[1] * (2 if x[0].is_integer() else 3),
                               lambda x: x[1] * (2 if hasattr(x[0], "is_integer") and x[0].is_integer() else 3)])
def test_a_number_says_whether_it_is_whole_as_numpy_s_do(f):
    for start in (1.0, 1.5, np.inf, np.nan):
        x = np.array([start, 0.7])
        for g in (f, lift(f), f):
            np.testing.assert_array_equal(gradient(g)(x), [0, f([x[0], 1.0])])
    assert Dual(2.0, 1.0).is_integer()
    assert hasattr(Dual(2, 1), "is_integer") is hasattr(2, "is_integer")
    with pytest.raises(AttributeError, match="is_integer"):
        gradient(lambda x: x[0] * x[0].is_integer())(np.array([1j, 2.0]))


def test_asking_whether_a_number_is_whole_is_a_test_of_equality():
    with pytest.warns(DerivativeWarning, match="== is true"):
        assert derivative(lambda x: 2 * x if x.is_integer() else x * x)(3.0) == 2
    assert derivative(lambda x: 2 * x if x.is_integer() else x * x)(2.5) == 5


def test_a_number_copies_to_itself_and_np_copy_makes_an_array_of_it():
    for mode in ("forward", "reverse"):
        assert gradient(lambda x: x.copy() ** 3, mode=mode)(2.0) == 12.0
        assert gradient(lambda x: x[0].copy() * x[1], mode=mode)(np.array([2.0, 3.0])).tolist() == [3.0, 2.0]
    assert jacobian(lambda x: np.copy(x) ** 2)(3.0) == 6.0
    assert repr(np.copy(Dual(1.0, 2.0))) == "DualArray(1., 2.0)"
    assert Dual(1.0, 2.0).copy().tangent == 2.0


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("number", [lambda x: x[0], np.sum, lambda x: np.float64(1.5) * x[1]])
@pytest.mark.parametrize("use", [list, set, sum, lambda s: 1.0 in s, lambda s: dict(zip("a", s, strict=False)), lambda s: [*s]])
def test_a_number_is_no_empty_sequence(use, number, mode):
    assert jacobian(lambda x: x * (0.0 if np.iterable(number(x)) else 2.0), mode=mode)(np.ones(2)).sum() == 4.0
    with pytest.raises(TypeError, match="iterable"):
        jacobian(lambda x: np.sum(use(number(x))), mode=mode)(np.ones(2))


def test_a_number_as_the_constant_of_an_integral_keeps_its_derivative():
    J = jacobian(lift(lambda x: np.polynomial.polynomial.polyint([1.0], k=x[0])))(np.array([2.0, 3.0]))
    np.testing.assert_array_equal(J, [[1.0, 0.0], [0.0, 0.0]])


def test_a_number_of_many_terms_is_a_row_of_all_directions_in_a_dense_sweep_only():
    def sweep(d):
        c = [d[0]]
        for i in range(1, 60):
            c.append(c[-1] * d[i] - 0.3 * c[i // 2] + d[i] / (2 + c[-1]))
        found.append(repr(c[10].eps))
        return np.stack(c)

    d, found = np.linspace(0.5, 1, 200), []
    J = jacobian(sweep, mode="forward")(d)
    assert "dense" in found[0]
    np.testing.assert_allclose(J, jacobian(sweep, mode="reverse")(d), rtol=1e-12, atol=1e-14)

    def near(d):
        return np.stack([sum((j + 0.5) * d[i - j] * d[i - 2 * j] for j in range(9)) for i in range(60)])

    assert jacobian(near, sparse=True)(d).nnz == np.count_nonzero(jacobian(near, mode="reverse")(d)) < 1000


class Scaled:
    """A class of the user's that knows how numbers act on it."""

    def __init__(self, size):
        self.size = size

    def __mul__(self, other):
        return Scaled(self.size * other)

    __rmul__ = __radd__ = __mul__


@pytest.mark.parametrize("f", [lambda x: x[0] * Scaled(x[1]), lambda x: x[0] + Scaled(x[1]), lambda x: Scaled(x[1]) * x[0]])
def test_operators_of_a_number_leave_classes_of_the_users_to_theirs(f):
    x = np.array([2.0, 3.0])
    for mode in ("forward", "reverse"):
        np.testing.assert_array_equal(gradient(lambda x: f(x).size, mode=mode)(x), [3, 2])


def squared_if_it_is_a_number(x):
    match x[1]:
        case float():
            return x[0] ** 2 if isinstance(x[0], float) and isinstance(x[0], np.floating) else x[0]
        case _:
            return x[1]


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.complex128])
def test_a_number_of_a_dual_array_is_for_isinstance_what_numpy_s_is(kind):
    x = np.array([3.0, 1.0]).astype(kind)
    seen = []
    jacobian(lambda x: seen.append(x[0]) or x)(x)
    for number in (float, complex, int, Real, Number, np.floating, np.complexfloating, np.generic, np.ndarray):
        assert isinstance(seen[0], number) is isinstance(x[0], number)
    if kind is np.float64:
        for f in (squared_if_it_is_a_number, lift(squared_if_it_is_a_number)):
            np.testing.assert_array_equal(gradient(f)(x), [6, 0])


def test_a_matrix_written_in_rows_of_numbers_is_joined_at_once(monkeypatch):
    joined = []
    monkeypatch.setattr(forms, "stacked", lambda tangents, own=forms.stacked: joined.append(len(tangents)) or own(tangents))

    def f(x):
        c, s = np.cos(x[0]), np.sin(x[0])
        return np.array([[c, -s, 0], [s, c, False], [0, 0.5, 1]]) @ x[1:]
    x = np.array([0.3, 1.0, 2.0, 3.0])
    c, s = np.cos(0.3), np.sin(0.3)
    J = jacobian(lift(f))(x)
    assert joined == [9]
    np.testing.assert_allclose(J[:, 1:], [[c, -s, 0], [s, c, 0], [0, 0.5, 1]], rtol=1e-15)
    np.testing.assert_allclose(J[:, 0], [-s - 2 * c, c - 2 * s, 0], rtol=1e-14)
