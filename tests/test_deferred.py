"""Elementwise operations on large arrays are put off and worked through in slabs: the same numbers, fewer arrays."""

import tracemalloc

import numpy as np
import pytest

import dualdiff as dd
from dualdiff import elementwise, gradient, hvp, jacobian, jvp, linearize, stop_gradient, vjp
from dualdiff.rules.registry import ROWS, Elementwise
from dualdiff.tangents import deferred
from dualdiff.transforms import forward, noting

X = np.linspace(0.25, 2.0, 23)
A = np.linspace(-1.0, 3.0, 23)
TABLE = np.linspace(0.5, 2.5, 60)


SLABS = pytest.mark.parametrize("slab", [1, 4])


@pytest.fixture
def small_slabs(monkeypatch):
    """Operations on more than 3 elements are put off."""
    put_off(monkeypatch, 4)


def put_off(monkeypatch, slab):
    monkeypatch.setattr(elementwise, "LARGE", 3)
    monkeypatch.setattr(forward, "LONG", 3)
    monkeypatch.setattr(noting, "FEW_NUMBERS", 0)  # so short ones would be noted, not put off
    monkeypatch.setattr(deferred, "SLAB", slab)


def long_chain(x):
    y = x
    for i in range(40):
        y = np.sin(y) * x + y / (i + 2.0) - 0.25 * y
    return y


PROGRAMS = {
    "a polynomial": lambda x: x * x * x - 2.0 * x + 1.0 / x,
    "a chain longer than what is put off": long_chain,
    "sums and differences": lambda x: (3.0 - x) - (x - x * x) + (x + x),
    "negated": lambda x: np.negative(-np.exp(-x)) - (-x),
    "constants on both sides": lambda x: (A * x - x / A + A / x) ** 2 - 2.0 ** x + x ** A,
    "powers": lambda x: x ** 2 + x ** -1.5,
    "two leaves": lambda x: x[1:] * np.sin(x[:-1]) - x[:-1] ** 2,
    "ten leaves": lambda x: sum(np.sin(x * i)[i:13 + i] for i in range(10)),
    "kinks": lambda x: np.maximum(x, 1.0) * abs(x - 1.0) + np.hypot(x, x) + np.minimum(x, x),
    "a part of it": lambda x: np.cos(x)[::2] * 2,
    "matrices": lambda x: (np.tanh(x.reshape(1, -1)) * np.ones((2, 1)))[0],
    "short and wide": lambda x: np.exp(x[:20].reshape(2, 10)) * 2.0,
    "transposed": lambda x: np.exp(x[:20].reshape(2, 10).T) * x[:20].reshape(10, 2),
    "broadcast": lambda x: np.exp(np.sin(x) * x[:, None]) * 2.0,
    "reduced": lambda x: np.exp(x) * np.sum(np.log(x) * x),
    "written to": lambda x: written(np.sin(x) * x),
    "single precision": lambda x: np.sqrt(x * np.linspace(1, 2, 23, dtype=np.float32)),
    "complex": lambda x: np.abs(np.exp(1j * x) * x) * x,
    "a partial that is infinite": lambda x: np.sqrt(x - 0.25) * (x - 0.25),
}


def written(y):
    z = y * y + y
    y[3:] = 1.0
    y *= 2.0
    return z * y


def pulled(f):
    value, pullback = vjp(f, X)
    return value, pullback(np.ones_like(value))[0]


MODES = {
    "jvp": lambda f: jvp(f, (X,), (A,)),
    "along ones": lambda f: jvp(f, (X,), (np.ones(23),)),
    "three directions": lambda f: jvp(f, (X,), (np.stack([X, A, A * A]),)),
    "jacobian": lambda f: [jacobian(f, mode="forward")(X)],
    "sparse": lambda f: [jacobian(f, sparse=True)(X).toarray()],
    "in chunks": lambda f: [jacobian(f, chunk=5)(X)],
    "vjp": pulled,
    "gradient": lambda f: [gradient(lambda x: np.sum(f(x)), mode=mode)(X) for mode in ("forward", "reverse")],
    "hvp": lambda f: [hvp(lambda x: np.sum(f(x)))(X, A)],
    "derivative of a derivative": lambda f: jvp(lambda x: jvp(f, (x,), (A,))[1], (X,), (A,)),
}


@SLABS
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_slabs_give_the_bits_of_whole_arrays(program, mode, slab, monkeypatch):
    monkeypatch.setattr(noting, "FEW_NUMBERS", 0)
    expected = MODES[mode](PROGRAMS[program])
    put_off(monkeypatch, slab)
    found = MODES[mode](PROGRAMS[program])
    for a, b in zip(found, expected, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("use", [lambda x, a: x * a, lambda x, a: a * x, lambda x, a: a / x, lambda x, a: x ** a, np.hypot,
                                 np.arctan2])
@pytest.mark.usefixtures("small_slabs")
def test_a_constant_may_be_overwritten_before_the_work_is_done(use):
    def f(x, overwritten):
        a, y = A.copy(), x * 1.0
        z = np.exp(use(y, a))
        if overwritten:
            a[:] = 7.0
            y[:] = 5.0
        return z
    for mode in MODES.values():
        for found, expected in zip(mode(lambda x: f(x, True)), mode(lambda x: f(x, False)), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_the_constant_that_stands_for_a_dual_array_is_read_only():
    """Its memory is what partials are taken at."""
    def f(x):
        y = np.exp(x)
        stop_gradient(y)[0] = 0.0
        return y
    with pytest.raises(ValueError, match="read-only"):
        jvp(f, (X,), (A,))
    mine = X.copy()
    assert stop_gradient(mine) is mine


@pytest.mark.usefixtures("small_slabs")
def test_the_answer_is_the_callers_own():
    seen = []

    def f(x):
        seen.append(np.sin(x) * x)
        return seen[0]
    derivative = jvp(f, (X,), (np.ones(23),))[1]
    kept = derivative.copy()
    derivative[:] = 0.0
    np.testing.assert_array_equal(seen[0].tangent, kept)


def test_what_is_passed_through_twice_is_kept(monkeypatch):
    """A hundred results of one chain do not work through it a hundred times."""
    monkeypatch.setattr(elementwise, "LARGE", 3)
    count = []
    summed = deferred.summed
    monkeypatch.setattr(deferred, "summed", lambda *args: (count.append(1), summed(*args))[1])

    def f(x):
        y = np.exp(np.sin(np.cos(np.tanh(x))))
        return np.stack([np.sum(y * float(i)) for i in range(100)])
    jvp(f, (X,), (A,))
    assert len(count) <= 4 + 2 * 100 + 4


def test_two_threads_may_work_through_one_chain(monkeypatch):
    put_off(monkeypatch, 4)
    x, summed, seen = np.linspace(0.1, 1.0, 12), deferred.summed, []

    def interrupted(*args):
        """In the middle of the work, the other thread does all of it."""
        seen.append(None)
        if len(seen) == 4:
            waiting[0].eps.terms  # noqa: B018
        return summed(*args)

    def f(x):
        y = np.exp(np.sin(x) * x)
        waiting[:] = [y]
        monkeypatch.setattr(deferred, "summed", interrupted)
        return y * 2.0
    waiting = []
    assert np.array_equal(jvp(f, (x,), (np.ones(12),))[1], 2 * jvp(lambda x: np.exp(np.sin(x) * x), (x,), (np.ones(12),))[1])
    assert len(seen) > 4


def test_a_chain_makes_no_array_for_each_coefficient():
    """Of a chain of ten operations there are its values, the answer and slabs; each coefficient would be an array more."""
    x = np.linspace(0.5, 1.5, 4 * deferred.LARGE)
    v = np.full_like(x, 0.5)

    def f(x):
        return np.exp(np.sin(np.exp(np.sin(np.exp(np.sin(np.exp(np.sin(np.exp(np.sin(x))))))))))
    jvp(f, (x,), (v,))
    tracemalloc.start()
    value, derivative = jvp(f, (x,), (v,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (10 + 1 + 1 + 1) * x.nbytes  # values, answer, the argument, and slabs together less than another array
    np.testing.assert_allclose(derivative[::9999], [dd.derivative(f)(number) / 2 for number in x[::9999]], rtol=1e-13)
    np.testing.assert_array_equal(value, f(x))


PARTIALS = {p: p for row in ROWS.values() if type(row) is Elementwise and getattr(np, row.function.__name__, 0) is row.function
            for p in (*row.partials, *(row.joint or ())) if callable(p)}


@pytest.mark.parametrize("partial", PARTIALS)
def test_what_a_partial_does_not_read_may_be_missing(partial):
    code = partial.__code__
    read = deferred.read_by(partial)
    values = [np.array([0.25, 0.5, 0.75]) + i / 8 for i in range(code.co_argcount - len(partial.__defaults__ or ()))]
    if "ldexp" in code.co_names:
        values[2] = np.array([1, 2, 3])
    with np.errstate(all="ignore"):
        found = partial(*(a if i in read else None for i, a in enumerate(values)))
        np.testing.assert_array_equal(found, partial(*values))


def test_all_is_kept_for_a_partial_that_hides_what_it_reads():
    assert deferred.read_by(lambda f, *x: x[0]) >= {0, 1, 2}
    assert deferred.read_by(lambda f, x: lambda: x) >= {0, 1}
    assert deferred.read_by(np.multiply) >= {0, 1}


def test_values_that_no_partial_reads_are_not_kept():
    x = np.linspace(0.5, 1.5, 4 * deferred.LARGE)

    def f(x):
        return 3.0 * (x * 2.0)
    jvp(f, (x,), (x,))
    tracemalloc.start()
    jvp(f, (x,), (x,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3.5 * x.nbytes  # two values, and the answer


def test_no_more_is_put_off_than_promised():
    """Values of a long loop die as they do in the program."""
    x = np.linspace(0.5, 1.5, 4 * deferred.LARGE)

    def f(x):
        for _ in range(100):
            x = np.sin(x)
        return x
    jvp(f, (x,), (x,))
    tracemalloc.start()
    jvp(f, (x,), (x,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (deferred.MOST + 6) * x.nbytes


@pytest.mark.usefixtures("small_slabs")
def test_a_partial_of_the_users_own_sees_whole_arrays():
    weight = np.linspace(1.0, 2.0, 23)
    own = dd.custom_rule(lambda x: weight * x ** 2, partials=[lambda f, x: 2 * weight * x])
    np.testing.assert_array_equal(jvp(lambda x: np.sin(x) + own(x), (X,), (A,))[1], np.cos(X) * A + 2 * weight * X * A)


@pytest.mark.usefixtures("small_slabs")
def test_an_operator_keeps_nothing_put_off():
    """What outlives the call has its coefficients."""
    J = linearize(lambda x: np.exp(np.sin(x) * x), X)
    np.testing.assert_allclose(J @ A, jvp(lambda x: np.exp(np.sin(x) * x), (X,), (A,))[1], rtol=1e-14)
    assert not any(type(t) is deferred.Deferred and t.made is None for t in J._tangents)
