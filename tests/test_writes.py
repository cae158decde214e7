"""Random programs that read, write and take views: what a dual array holds is what NumPy would hold, element by element.

The reference runs the same program twice on plain arrays: on the values, and on complex numbers whose imaginary parts are the
derivatives (the complex step, exact to rounding for sums and products).
"""

import copy

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dualdiff import DualArray, derivative, gradient, hessian, hvp, jacobian, jvp, linearize, value_and_jacobian
from dualdiff.errors import AssignmentError, EscapeError

STEP = 1e-200
SHAPES = [(5,), (3, 4), (2, 3, 2), (1,), (0,), (70,)]


# ---- programs --------------------------------------------------------------------------------------------------------
@st.composite
def slices(draw, n):
    ends = st.one_of(st.none(), st.integers(-n - 1, n + 1))
    return slice(draw(ends), draw(ends), draw(st.sampled_from([None, None, 1, 2, -1, -2])))


@st.composite
def indices(draw, shape, basic=False):
    """An index of any kind for an array of this shape."""
    kind = "basic" if basic else draw(st.sampled_from(["basic", "basic", "basic", "mask", "fancy", "whole"]))
    n = shape[0] if shape else 0
    if kind == "mask" and shape:
        return np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    if kind == "fancy" and n:
        return draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=4, unique_by=lambda i, n=n: i % n))
    if kind == "whole" or not shape:
        return ...
    parts = []
    for size in shape[:draw(st.integers(1, len(shape)))]:
        parts.append(draw(st.one_of(st.integers(-size, size - 1), slices(size)) if size else slices(size)))
    return parts[0] if len(parts) == 1 else tuple(parts)


VIEWS = {
    "reshape": lambda a, i: a.reshape(-1), "transpose": lambda a, i: a.T, "flip": lambda a, i: np.flip(a),
    "expand": lambda a, i: np.expand_dims(a, 0), "ravel": lambda a, i: np.ravel(a), "index": lambda a, i: a[i],
    "atleast": lambda a, i: np.atleast_2d(a), "rot90": lambda a, i: np.rot90(a) if a.ndim > 1 else a[::-1],
    "swap": lambda a, i: a.swapaxes(0, -1), "split": lambda a, i: np.array_split(a, 2)[0],
    "squeeze": lambda a, i: np.squeeze(a),
    "copy": lambda a, i: a.copy(), "product": lambda a, i: a * 1.5,
}


def put_array(a, b, index, number):
    """``a[index] = b`` where NumPy broadcasts it, else one number."""
    target = np.shape(a[index])
    try:
        fits = np.broadcast_shapes(target, b.shape) == target
    except ValueError:
        fits = False
    if type(a) is type(b) is np.ndarray and np.may_share_memory(a, b):
        b = b.copy()  # NumPy says it does so itself, but 2.4 does not for a[::2] = a[:3]
    a[index] = (b * number if number > 0 else b) if fits else np.sum(b)


def put_number(a, b, index, number):
    a[index] = number


def put_element(a, b, index, number):
    if b.size:
        a[index] = b[(0,) * b.ndim] * number


def add(a, b, index, number):
    a[index] += number
    a[index] += np.sum(b) * 0.25


def scale(a, b, index, number):
    a *= number


WRITES = {"set": put_array, "set number": put_number, "set element": put_element, "add": add, "scale": scale}
READS = {"whole": lambda a, index, number: np.sum(a * a), "read": lambda a, index, number: np.sum(a[index] * number),
         "products": lambda a, index, number: np.sum(np.ravel(a)[1:] * np.ravel(a)[:-1]),
         "element": lambda a, index, number: a[(-1,) * a.ndim] * number if a.size else 0.0}
STEPS = ["view", "view", "set", "set", *WRITES, *READS]


def run(x, steps, record):
    """Interpret a program on x; ``record`` keeps its arrays."""
    arrays = [x * 1.0, np.zeros_like(x)]
    out = []
    for kind, which, other, index, view, number in steps:
        a, b = arrays[which], arrays[other]
        if kind == "view":
            arrays.append(VIEWS[view](a, index))
        elif kind in READS:
            out.append(READS[kind](a, index, number))
        else:
            WRITES[kind](a, b, index, number)
    record.extend(arrays)
    return np.stack([*out, *(np.sum(a * np.arange(1.0, a.size + 1).reshape(a.shape)) for a in arrays)])


@st.composite
def programs(draw):
    """A shape and a list of steps whose indices fit the arrays that there will be."""
    shape = draw(st.sampled_from(SHAPES))
    arrays = [np.zeros(shape), np.zeros(shape)]
    steps = []
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(STEPS))
        which, other = draw(st.integers(0, len(arrays) - 1)), draw(st.integers(0, len(arrays) - 1))
        a = arrays[which]
        view = draw(st.sampled_from(sorted(VIEWS)))
        index = draw(indices(a.shape, basic=kind in ("view", "add") and draw(st.booleans())))
        number = draw(st.sampled_from([-0.5, 0.5, 1.25, 2.0]))
        if kind == "view":
            made = VIEWS[view](a, index)
            if not isinstance(made, np.ndarray) or not 1 <= made.ndim <= 3:
                continue
            arrays.append(made)
        steps.append((kind, which, other, index, view, number))
    return shape, steps


def reference(shape, steps):
    x = np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)
    value = run(x, steps, [])
    columns = []
    for i in range(x.size):
        e = np.zeros(x.size)
        e[i] = STEP
        columns.append(run(x + 1j * e.reshape(shape), steps, []).imag / STEP)
    return x, value, np.stack(columns, axis=1) if columns else np.zeros((len(value), 0))


often = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@often
@given(programs())
def test_a_program_that_writes_has_numpy_s_result_in_every_mode(program):
    shape, steps = program
    x, value, J = reference(shape, steps)
    u, V = np.linspace(1.0, 2.0, len(value)), np.linspace(-1, 1, 3 * x.size).reshape(3, *shape)
    scale = 1e-12 * (1 + np.max(np.abs(J), initial=0))     # at most thirteen steps of rounding, in sums of at most 70 terms
    n = x.size

    def f(x):
        return run(x, steps, [])
    np.testing.assert_allclose(jacobian(f)(x).reshape(len(value), n), J, rtol=0, atol=scale)
    primal, along = jvp(f, (x,), (V,))
    np.testing.assert_allclose(primal, value, rtol=1e-13)
    np.testing.assert_allclose(along, V.reshape(3, n) @ J.T, rtol=0, atol=scale * max(n, 1))
    np.testing.assert_allclose(jvp(f, (x,), (V[0],))[1], J @ V[0].ravel(), rtol=0, atol=scale * max(n, 1))
    if n:
        g = gradient(lambda x: f(x) @ u, mode="reverse")(x)
        np.testing.assert_allclose(g.ravel(), u @ J, rtol=0, atol=scale * 20)
        np.testing.assert_allclose(linearize(f, x) @ V[0], J @ V[0].ravel(), rtol=0, atol=scale * n)


@often
@given(programs())
def test_a_program_that_writes_has_numpy_s_derivatives_at_two_levels(program):
    shape, steps = program
    x, _, J = reference(shape, steps)
    v = np.ones(shape)
    outer, inner = jvp(lambda x: jvp(lambda y: run(y * x, steps, []), (np.ones(shape),), (v,))[1], (x,), (v,))
    h = 1e-6

    def directional(x):                                    # d/dy f(y x) along 1 at y = 1
        return run(x + 1j * STEP * x, steps, []).imag / STEP
    np.testing.assert_allclose(outer, directional(x), rtol=1e-11, atol=1e-11 * (1 + np.max(np.abs(J), initial=0)))
    expected = (directional(x + h * v) - directional(x - h * v)) / (2 * h)
    np.testing.assert_allclose(inner, expected, rtol=1e-5, atol=1e-5 * (1 + np.max(np.abs(J), initial=0)))    # differences


@often
@given(programs())
def test_value_and_tangent_of_every_array_and_view_are_current_after_a_program(program):
    shape, steps = program
    x = np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)
    t = np.cos(x)
    plain, stepped, dual = [], [], []
    run(x, steps, plain)
    run(x + 1j * STEP * t, steps, stepped)
    kept = x.copy()
    run(DualArray(x, t), steps, dual)
    assert np.array_equal(x, kept)
    for p, s, d in zip(plain, stepped, dual, strict=True):
        assert d.shape == p.shape
        np.testing.assert_allclose(d.value, p, rtol=1e-13)                                  # before anything else is read
        np.testing.assert_allclose(d.tangent, s.imag / STEP, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(d.value, p, rtol=1e-13)


@pytest.mark.parametrize("order", ["C", "F"])
def test_reshaped_views_of_arrays_in_either_order_are_those_of_numpy(order):
    def f(x):
        y = x * 1.0
        z = y.reshape(-1)
        z[1] = 7.0
        w = y.T.reshape(-1)
        w[2] = x[0, 0] * 3
        return np.concatenate([y.ravel(), z, w])
    x = np.asarray(np.arange(1.0, 13).reshape(3, 4), order=order)
    value, along = jvp(f, (x,), (x,))
    np.testing.assert_array_equal(value, f(x))
    np.testing.assert_allclose(along, f(x * (1 + 1j * STEP)).imag / STEP, rtol=1e-14)


@pytest.mark.parametrize("order", [1, 2])
def test_an_array_without_axes_is_written_to(order):
    def f(x):
        y = np.zeros((), like=x)
        y[...] = x * x
        y += x
        y[()] = y * x
        return y[()] + np.sum(y)
    df = derivative(f, order)                              # 2 (x³ + x²)
    assert df(3.0) == [66.0, 40.0][order - 1]


# ---- levels ------------------------------------------------------------------------------------------------------------
def left_behind(x):
    """A program whose inner sweep writes into an array of the outer one."""
    buffer = np.zeros_like(x)

    def g(y):
        buffer[0] = y * x[0]
        return np.sum(buffer)
    return derivative(g)(2.0) + buffer[0]                  # x₀ + 2 x₀


def mixed(x):
    """An inner sweep writes into an array that depends on the outer argument."""
    def g(y):
        out = x * 2.0
        view = out[1:]
        out[0] = y * x[1]
        return np.sum(out) + view[0] * y
    return derivative(g)(2.0) * x[0]                       # (x₁ + 2 x₁) x₀


@pytest.mark.parametrize(("f", "expected"), [(left_behind, [3, 0]), (mixed, [15, 9])])
def test_an_inner_sweep_may_write_into_an_array_of_the_outer_one(f, expected):
    x = np.array([3.0, 5.0])
    assert np.array_equal(gradient(f, mode="reverse")(x), expected)
    assert np.array_equal(gradient(f, mode="forward")(x), expected)
    assert np.array_equal(jvp(f, (x,), (np.eye(2),))[1], expected)


def test_a_tangent_given_by_hand_does_not_hide_the_sweep_s():
    x = np.array([3.0, 5.0])
    assert np.array_equal(jacobian(lambda x: DualArray(x * x, np.ones(2)))(x), np.diag(2 * x))
    y = DualArray(x, np.ones(2))
    with pytest.raises(AssignmentError, match="given by hand"):
        derivative(lambda t: y.__setitem__(0, t) or y[0])(1.0)


# ---- views that NumPy has ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("same", [np.atleast_1d, np.atleast_2d], ids=lambda f: f.__name__)
def test_what_numpy_answers_with_the_array_itself_is_written_to_as_the_array(same):
    def f(x):
        y = x.copy()
        same(y)[0] = 10.0
        return y
    x = np.ones((2, 3))
    value, along = jvp(f, (x,), (x,))
    np.testing.assert_array_equal(value, f(x))
    np.testing.assert_array_equal(along, [[0, 0, 0], [1, 1, 1]])


def test_a_copy_of_a_view_that_lies_backwards_is_no_view_though_the_view_was_written_to():
    """While it is written to, a view that was read holds a copy, which lies forwards: that does not make ravel a view."""
    def f(x):
        y = x * 1.0
        back = np.flip(y)
        y[0] = 2 * y[0]
        back[...] = y * 3.0
        flat = np.ravel(back)
        flat[0] = 7.0
        y[1:] = y[:-1]
        return np.stack([y, back, flat])
    x = np.linspace(0.5, 1.5, 5)
    value, along = jvp(f, (x,), (x,))
    np.testing.assert_array_equal(value, f(x))
    np.testing.assert_allclose(along, f(x + 1e-200j * x).imag / 1e-200)


def test_a_view_shows_the_current_value_before_anything_else_is_read():
    x = DualArray([3.0, 1.0, 2.0], [1.0, 2.0, 3.0])
    view = x[1:]
    x[2] = 5.0
    assert np.array_equal(view.value, [1, 5])
    x.sort()
    assert np.array_equal(view.value, [3, 5])
    assert np.array_equal(view.tangent, [1, 0])
    view[0] = x[0] * 2
    assert np.array_equal(x.value, [1, 2, 5])
    assert np.array_equal(x.tangent, [2, 4, 0])


@pytest.mark.parametrize("view", [
    np.diagonal, np.diag, lambda a: np.broadcast_to(a, (2, 3, 3)), lambda a: np.lib.stride_tricks.sliding_window_view(a[0], 2)])
def test_a_read_only_view_of_numpy_s_is_read_only_and_sees_its_base(view):
    x = DualArray(np.arange(9.0).reshape(3, 3), np.ones((3, 3)))
    seen = view(x)
    with pytest.raises(AssignmentError, match="read-only"):
        seen[...] = 1.0
    x[0, 0] = 7.0
    assert seen.value.ravel()[0] == 7
    assert seen.tangent.ravel()[0] == 0


def test_the_parts_of_a_complex_array_see_it():
    z = DualArray(np.array([1 + 1j, 2.0, 3j]), np.array([1.0, 1j, 2 + 2j]))
    real, imag = z.real, z.imag[1:]
    z[1] = z[2] * 1j
    assert np.array_equal(real.value, [1, -3, 0])
    assert np.array_equal(real.tangent, [1, -2, 2])
    assert np.array_equal(imag.value, [0, 3])
    assert np.array_equal(imag.tangent, [2, 2])
    z[0] = 5.0
    assert real[0].tangent == 0
    assert np.array_equal(np.sum(real).value, 2.0)
    with pytest.raises(AssignmentError, match="complex"):
        real[0] = 1j


PARTS = ["z.real = x", "z.imag = x ** 2", "z.real += x", "z.imag[1:] = x[1:]", "z.real[[0, 2]] *= x[1:3]",
         "z.imag[0] = 2 * x[1]", "z.real = z.imag", "z.imag.fill(x[1])", "z.reshape(2, 2).T.imag[1] = x[:2]",
         "r = z.real; r[0] = x[1]; r[1:] += x[1:] * r[0]", "np.multiply(z.imag, x, out=z.imag)", "z.real.flat[::2] = x[:2]",
         "z.real = [1, x[0], 2, x[1]]", "z.imag = 3", "np.copyto(z.real, x, where=[True, False, True, True])", "z.real.sort()"]


@pytest.mark.parametrize("write", PARTS)
def test_a_write_to_a_part_of_a_complex_array_is_a_write_to_the_array(write):
    def f(x):
        z = np.exp(1j * x)
        seen = z[1:].imag
        exec(write, {"np": np, "x": x, "z": z})
        return np.concatenate([z.real * x, z.imag, seen * seen])
    x = np.array([0.5, -1.25, 0.75, 2.0])
    expected = np.stack([(f(x + e) - f(x - e)) / 2e-5 for e in 1e-5 * np.eye(4)], axis=1)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(f, mode=mode)(x), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("mode", ["forward", "reverse", "sparse", "jvp"])
@pytest.mark.parametrize(("write", "expected"), [
    ("z.real[...] = np.sqrt(x); z.imag[...] = x * 3", [np.inf, 3]), ("z = np.sqrt(x) + 0j; z.imag = x * 3", [np.inf, 3]),
    ("z.imag[...] = np.sqrt(x); z.real[...] = x * 3", [3, np.inf]), ("z = 1j * np.sqrt(x); z.real[:] = x * 3", [3, np.inf]),
    ("z.imag[0] = np.sqrt(x[0]); z.real[0] = 3 * x[0]", [3, np.inf]), ("z = 1j * np.sqrt(x) + x * 3", [3, np.inf]),
    ("z = np.array([[1j, 0], [0, 1]]) @ np.sqrt(x) + x * 3", [3, np.inf])])
def test_an_infinite_derivative_of_one_part_leaves_the_other_alone(write, expected, mode):
    def parts(x):
        space = {"np": np, "x": x, "z": x * (1 + 1j)}
        exec(write, space)
        return np.stack([space["z"].real, space["z"].imag])[:, 0]
    x = np.array([0.0, 4.0])
    J = jvp(parts, (x,), (np.array([1.0, 0.0]),))[1] if mode == "jvp" else jacobian(parts, sparse=True)(x).toarray()[:, 0] \
        if mode == "sparse" else jacobian(parts, mode=mode)(x)[:, 0]
    np.testing.assert_array_equal(J, expected)


def test_a_snapshot_of_a_view_is_not_changed_by_later_writes():
    def f(x):
        out = np.zeros_like(x)
        kept = []
        for i in range(1, x.size):
            out[i] = x[i] * x[i - 1]
            kept.append(out[i - 1:i + 1] * x[i])           # coefficients hold the values of the view
        return np.concatenate(kept)
    x = np.linspace(0.5, 1.5, 80)
    J = np.stack([f(x + STEP * 1j * e).imag / STEP for e in np.eye(80)], axis=1)
    np.testing.assert_allclose(jacobian(f)(x), J, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(gradient(lambda x: np.sum(f(x)), mode="reverse")(x), J.sum(0), rtol=1e-13)


def test_dead_views_are_forgotten():
    x = DualArray(np.arange(5.0), np.ones(5))
    for _ in range(1000):
        x[1:] * 2.0
    assert len(x.source.views) < 20


def diagonal_written(A):
    B = A * A
    np.einsum("ii->i", B)[:] = A[0]
    return B


def transpose_written(A):
    B = A * A
    np.einsum("ij->ji", B)[0] = A[1]
    return B


def diagonal_seen(A):
    B = A * A
    d = np.einsum("ii->i", B)
    B[1, 1] = 5 * A[0, 0]
    return d


@pytest.mark.parametrize("f", [diagonal_written, transpose_written, diagonal_seen])
def test_einsum_without_a_sum_is_a_view_as_in_numpy(f):
    A = np.arange(1.0, 10.0).reshape(3, 3)
    J = np.stack([f(A + 1j * STEP * e.reshape(3, 3)).imag.ravel() / STEP for e in np.eye(9)], axis=1)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(f, mode=mode)(A).reshape(-1, 9), J, rtol=1e-14)


def after_an_empty_write(x):
    y = np.zeros_like(x)
    y[0:2] = x[:2] ** 2
    y[2] = x[2] * 5
    y[3:3] = x[:0]
    return y[1] * 1.0


def infinite_in_a_view(x):
    y = x.copy()
    view = y[:]
    y[:1] /= np.zeros(1)
    return view


def undecided_in_a_view(x):
    y = np.zeros_like(x)
    view = y[:]
    w, V = np.linalg.eigh(np.eye(2) * x[0])
    view[:2] = V @ (w * (V.T @ np.ones(2)))
    y[2:] = x[2:]
    return view


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_what_was_written_last_is_seen_whatever_follows(mode):
    x = np.arange(2.0, 42.0)
    np.testing.assert_array_equal(np.flatnonzero(jacobian(after_an_empty_write, mode=mode)(x)), [1])
    infinite = jacobian(infinite_in_a_view, mode=mode)(x)
    assert np.isinf(infinite[0, 0])
    np.testing.assert_array_equal(infinite[1:], np.eye(40)[1:])
    np.testing.assert_array_equal(jacobian(undecided_in_a_view, mode=mode)(x)[:3, :3], [[1, 0, 0], [1, 0, 0], [0, 0, 1]])


def test_a_view_of_one_element_is_no_plain_number_once_its_base_was_written_to():
    def dropped(x):
        y = np.zeros_like(x)
        view = y[:1]
        y[0] = 2 * x[0]
        return float(view) * x[1]
    with pytest.raises(EscapeError, match=r"float\(\)"):
        gradient(dropped)(np.array([2.0, 3.0]))


def swapped_in_place(y):
    y @= np.array([[0.0, 1.0], [1.0, 0.0]])
    return y


def sorted_in_place(y):
    y.sort(axis=0)
    return y


LAYOUTS = [lambda x: x * 1, np.copy, np.conj, lambda x: x.copy("F"), lambda x: x.copy(order="C"),
           lambda x: swapped_in_place(np.copy(x)), lambda x: sorted_in_place(np.copy(x))]
ROWS_FIRST = [lambda x: np.gradient(x, axis=0), lambda x: np.logaddexp.accumulate(x, axis=1),
              lambda x: np.add.reduceat(x, [0, 1], axis=1)]


@pytest.mark.parametrize(("make", "order"), [(f, "C") for f in LAYOUTS + ROWS_FIRST] + [(f, "F") for f in LAYOUTS])
def test_an_array_lies_in_memory_as_numpys_does_so_that_the_same_reshapes_are_views(make, order):
    def written(x, order):
        y = make(x)
        y.reshape(-1, order=order)[0] = 7 * x[1, 1]
        return y
    x = np.array([[3.0, 2.0], [1.0, 5.0]], order=order)
    for way in "CF":
        np.testing.assert_allclose(written(DualArray(x, np.ones((2, 2))), way).value, written(x, way), rtol=1e-15)
        np.testing.assert_allclose(jvp(lambda x, way=way: written(x, way), (x,), (x,))[0], written(x, way), rtol=1e-15)


def written_whole(x):
    y = np.copy(x)
    y[...] = np.ascontiguousarray(x) ** 2
    return y


NEW_ARRAYS = {
    "astype": lambda x: x.astype(float), "astype F": lambda x: x.astype(float, order="F"),
    "astype C": lambda x: x.astype(float, "C", copy=False), "astype complex": lambda x: x.astype(complex),
    "np.astype": lambda x: np.astype(x, float), "copy": copy.copy, "deepcopy": copy.deepcopy, "sort": lambda x: np.sort(x, 0),
    "partition": lambda x: np.partition(x, 1, 1), "select": lambda x: np.select([x > 0.5], [x], 1.0),
    "gradient": lambda x: np.gradient(x, axis=1), "piecewise": lambda x: np.piecewise(x, [x > 0.5], [np.sin, np.cos]),
    "vectorize": lambda x: np.vectorize(lambda a, b: a * b)(x, x), "list": lambda x: np.array([x, x]),
    "sum of a list": lambda x: np.sum([x, x], 0), "list beside an array": lambda x: x[:2] * [x[0], x[1]],
    "written whole": written_whole,
}


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
@pytest.mark.parametrize("name", NEW_ARRAYS)
def test_a_new_array_lies_in_memory_as_numpy_s_at_every_level(name, axes):
    x, seen = np.linspace(0.1, 1.0, 24), []

    def f(x):
        y = NEW_ARRAYS[name](x.reshape(2, 3, 4).transpose(axes))
        seen.append(y)
        return (y.real ** 2).sum()
    f(x)
    hvp(f)(x, x)
    expected, *_, found = seen
    while hasattr(found, "level"):
        found = found.value
    assert found.strides == expected.strides
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_what_numpy_copies_of_a_matrix_in_fortran_s_order_is_copied_after_a_whole_write_at_two_levels():
    def f(x):
        A = np.array(x.reshape(2, 3), order="F")
        A[...] = A ** 2
        B = A.ravel()
        B *= 3.0
        return (A ** 2).sum()
    x = np.array([0.3, 0.5, 0.7, 1.1, 1.3, 1.7])
    np.testing.assert_allclose(hessian(f)(x), np.diag(12 * x ** 2), rtol=1e-14)


COPIES = [np.conj, lambda x: np.prod(x, axis=()), lambda x: np.hypot.reduce(x, axis=()), lambda x: x.flat[:]]
VIEWS_OF = [lambda x: x.conj(), lambda x: x.conjugate(), np.real]


@pytest.mark.parametrize("make", COPIES + VIEWS_OF)
def test_what_numpy_copies_is_copied_and_what_it_hands_on_is_a_view(make):
    def f(x):
        x = x * 1
        y = make(x)
        y[0] = 7 * x[1, 1]
        return x
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(jvp(f, (x,), (x,)), [f(x), f(x)])


@pytest.mark.parametrize("part", [lambda A: A[:, :2], lambda A: A[:, ::-2], lambda A: A.T[1:], lambda A: np.copy(A[:, 1:].T)])
def test_the_diagonal_of_any_square_matrix_may_be_written_to(part):
    def f(x):
        A = x.reshape(2, 3) * 1
        square = part(A)
        np.einsum("ii->i", square)[:] = x[:2] * x[3:5]
        np.einsum("ii->i", square)[0] *= x[5]
        return np.sum(A * np.arange(6.0).reshape(2, 3)) + np.sum(square ** 2)
    x = np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0])
    expected = np.array([f(x + 1e-200j * e).imag / 1e-200 for e in np.eye(6)])
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(gradient(f, mode=mode)(x), expected, rtol=1e-14)
    np.testing.assert_allclose(hvp(f)(x, x), jvp(gradient(f, mode="forward"), (x,), (x,))[1], rtol=1e-14)


def test_what_is_read_of_an_array_being_written_to_lies_in_memory_as_it_did():
    def f(x):
        y = x * 1
        y[0, :2] = y[1, :2] * 2
        part = y[:3, [0, 1]]
        part.reshape(-1)[0] = 7.0
        return part
    x = np.asfortranarray(np.ones((20, 20)))
    np.testing.assert_array_equal(jvp(f, (x,), (x,))[0], f(x))


@pytest.mark.parametrize("front", [(None,), (None, None), ()])
def test_copyto_takes_axes_of_length_one_in_front_as_numpy_does(front):
    def f(x):
        y = x * 1
        np.copyto(y, x[front] * 2, where=x > 0)
        return y
    x = np.array([[1.0, -1.0, 2.0], [-2.0, 3.0, 0.5]])
    np.testing.assert_array_equal(jvp(f, (x,), (np.ones((2, 3)),)), [f(x), np.where(x > 0, 2, 1)])
    with pytest.raises(ValueError, match="shape"):
        jvp(lambda x: np.copyto(x[0] * 1, x, where=[True, False, True]), (x,), (x,))


@pytest.mark.parametrize(("subscripts", "shape"), [
    ("kii->ki", (3, 2, 2)), ("ijj->ij", (2, 3, 3)), ("...ii->i...", (2, 3, 3)), ("iji->ji", (3, 2, 3)), ("iii->i", (3, 3, 3)),
    ("ijij->ij", (2, 3, 2, 3)), ("ijkk->kij", (2, 3, 2, 2)), ("ii->i", (3, 3)), ("ij->ji", (2, 3))])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_what_einsum_takes_without_a_sum_is_a_view_to_write_to(subscripts, shape, mode):
    def f(x, like):
        A = np.zeros(shape, like=like)
        B = np.transpose(A.copy())
        for C in (A, B.T):
            view = np.einsum(subscripts, C)
            view[...] = np.arange(1.0, view.size + 1).reshape(view.shape)
            view *= 2 * x[0]
        return (A + 3 * B.T) * x[1]
    x = np.array([1.5, 0.5])
    value, J = value_and_jacobian(lambda x: f(x, x), mode=mode)(x)
    plain = f(x, np.zeros(0))
    np.testing.assert_array_equal(value, plain)
    assert np.any(plain != 0)
    np.testing.assert_allclose(J, np.stack([plain / x[0], plain / x[1]], axis=-1), rtol=1e-14)


def test_a_view_that_was_read_while_its_array_was_written_to_is_copied_where_numpy_would():
    def f(x):
        a = x * 1.0
        b = a[::-1]
        np.nan_to_num(b, copy=False)
        np.ascontiguousarray(b).fill(7.0)                  # a copy: b runs backwards
        return a
    x = np.arange(3.0)
    value, J = value_and_jacobian(f)(x)
    np.testing.assert_array_equal(value, x)
    np.testing.assert_array_equal(J, np.eye(3))
