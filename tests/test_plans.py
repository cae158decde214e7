"""Short programs are noted and differentiated by plans: the derivatives of the ordinary sweeps, with less work."""

import gc
import pickle
import random
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import special

import dualdiff as dd
from dualdiff import derivative, equality, gradient, hessian, hvp, jacobian, jvp, kinks, value_and_gradient
from dualdiff.errors import BudgetError, DualdiffError, EscapeError, KinkError, StructureError
from dualdiff.models import MLPClassifier
from dualdiff.optimize import curve_fit
from dualdiff.plans import code, graph, notes, plan, reach
from dualdiff.plans import ordinary as ordinary_module
from dualdiff.transforms import forward, noting, sweep

X = np.array([0.3, -0.7, 1.2, 0.5])
V = np.array([1.0, 0.5, -2.0, 0.25])
MODES = {
    "forward": lambda f, x: gradient(f, mode="forward")(x),
    "reverse": lambda f, x: gradient(f, mode="reverse")(x),
    "value": lambda f, x: value_and_gradient(f)(x)[0],
    "jacobian": lambda f, x: jacobian(f)(x),
    "jvp": lambda f, x: jvp(f, (x,), (np.resize(V, x.shape),))[1],
    "hvp": lambda f, x: hvp(f)(x, np.resize(V, x.shape)),
    "hessian": lambda f, x: hessian(f)(x),
}
in_every_mode = pytest.mark.parametrize("mode", MODES)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def ordinary(mode, f, x):
    """What the sweeps give that note nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noting, "FEW_NUMBERS", 0)
        return MODES[mode](f, x)


@pytest.fixture(autouse=True)
def no_plan_is_dropped(monkeypatch):
    """One that fails is a mistake, though nobody would notice."""
    def dropped(key, error):
        raise error
    monkeypatch.setattr(plan, "dropped", dropped)


@pytest.fixture(autouse=True)
def every_call_runs_f(monkeypatch):
    """Replays are tested in test_replay.py."""
    monkeypatch.setattr(sweep, "replayed", lambda *_: None)


@pytest.fixture
def planned_only(monkeypatch):
    """Whatever asks for the ordinary rules fails."""
    monkeypatch.setattr(notes.Notes, "work_off", lambda *_: pytest.fail("the notes were worked off"))


def close(found, expected):
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=1.0)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11 * scale)


# ---- programs
A, B, IDX = np.arange(12.0).reshape(3, 4) / 10, np.linspace(1, 2, 4), np.array([2, 0, 2, -1, 1])
PROGRAMS = {
    "Rosenbrock": rosenbrock,
    "Ackley": lambda x: -20 * np.exp(-0.2 * np.sqrt(np.sum(x**2) / len(x))) - np.exp(np.sum(np.cos(2 * np.pi * x)) / len(x)),
    "numbers": lambda x: x[0] * np.exp(-x[1] * 0.5) + x[2] / x[3] - 2,
    "a mean of squares": lambda x: np.mean((A @ x - np.ones(3)) ** 2),
    "products": lambda x: np.tanh(x @ A.T) @ (A @ x) + x @ x + np.dot(A, x).sum(),
    "an outer product": lambda x: np.sum(np.sin(x[:, None] * x[None]) @ np.outer(B, B)),
    "matrices": lambda x: np.sum((x.reshape(2, 2) @ x.reshape(2, 2).T) ** 2 * np.ravel(x[::-1]).reshape(2, 2)),
    "sums along axes": lambda x: np.sum((x * A).sum(axis=1) * np.mean(x[:, None] * A.T, axis=0) + (x * A).mean(-1)),
    "broadcast": lambda x: np.sum((x[:, None] + B) / (1.5 + x[0] * B) ** 2),
    "an index array": lambda x: np.sum(x[IDX] ** 3 * np.arange(5.0)) + x[np.array([[0, 1], [1, 1]])].sum(axis=0) @ x[:2],
    "joined": lambda x: np.sum(np.concatenate([[1.0, 2.0], x[1:], x[:2] * 3]) ** 2 * np.arange(7.0)),
    "stacked": lambda x: np.sum(np.stack([x[0] * x[1], 2.0, x[2]]) ** 2) + np.sum(np.stack([x, x * x]) ** 3),
    "powers": lambda x: np.sum((x * x + 1) ** -1.5 + x**3 + x**1 + x**0 + (x * x) ** 2.0),
    "dual exponents": lambda x: np.sum(2.0**x + (x * x + 1) ** x),
    "losses": lambda x: np.mean(np.logaddexp(0, A @ x)) + np.sum(np.log1p(np.exp(x))),
    "special functions": lambda x: np.sum(special.erf(x) * special.gammaln(x + 2.5)),
    "a choice": lambda x: np.sum(np.where(x > 0.4, x**2, np.sin(x)) + np.where(np.array([True, False, True, False]), x, 1.0)),
    "extremes": lambda x: np.log(np.sum(np.exp(x - x.max()))) + x.max() * np.min(np.cos(A * x), axis=0).sum(),
    "a softmax": lambda x: np.sum((e := np.exp(A * x - np.max(A * x, axis=1, keepdims=True))) / e.sum(-1, keepdims=True) * A),
    "products of all": lambda x: np.prod(x + 1.2) + np.sum((A * x + 1).prod(axis=0) ** 2) + np.sum(A * x, axis=(0, 1)) ** 2,
    "running sums": lambda x: np.cumsum(x) @ x + np.sum(np.cumsum(A * x, axis=0) ** 3 + (A.T * x[:, None]).cumsum(1).T),
    "spreads": lambda x: np.std(x + B) + x.var(ddof=1) + np.sum(np.var(A * x + A**2, axis=1) + (A * x + A).std(axis=-1)),
    "norms": lambda x: np.linalg.norm(x + 3) * np.sum(np.linalg.norm(A * x - 2, axis=1)) + np.linalg.norm(x[1:] + 2, ord=2),
    "differences": lambda x: np.sum(np.diff(x) ** 2) + np.sum(np.diff(A * x**2, axis=-1) ** 3) + np.sum(x[None] * x[..., None]),
    "an outer product of itself": lambda x: np.sum(np.outer(x, np.sin(x)) ** 2 * np.outer(x, B)),
    "clipped": lambda x: np.sum(np.clip(x, -0.5, 0.6) ** 2 + x.clip(0.1, 2.0)),
    "kinks": lambda x: np.sum(np.maximum(x, 0.4) + abs(x) * np.minimum(x, x[::-1]) + np.hypot(x, B)),
    "branches": lambda x: x[0] ** 2 if x[0] > 0.2 and x.sum() != 0 else x[1],
    "all of it": lambda x: x.sum() + np.float64(2.0) * x.mean() - np.array(3.0) * x[-1] + x[np.int64(1)],
    "its shape": lambda x: np.sum(x) / len(x) + x.ndim * x[0] * x.size + np.shape(x)[0],
    "nothing of it": lambda x: np.sum(np.ones(3) * 2.0) + 0 * x[0],
}
BEYOND = {
    "sums with their axis by place": lambda x: np.sum(np.sum(x[:, None] * A.T, 0, float) * x.mean(0, float)),
    "sums of what has no axes": lambda x: np.sum((x * x)[..., 0], axis=-1) * np.sum(x[..., 1], axis=0),
    "a bound that is an array": lambda x: np.sum(x[:np.array(2)] ** 2),
    "a solve": lambda x: np.sum(np.linalg.solve(np.eye(4) + np.diag(B), x) ** 2),
    "half of it": lambda x: np.sum(np.sort(np.sin(x) * x) * B),
    "a mask": lambda x: np.sum(x[np.array([True, False, True, True])] ** 2),
    "an array for writing": lambda x: written(np.sin(x) * 2),
    "a view that is written to": lambda x: through_a_view(x * 1.5),
    "an array of numbers": lambda x: np.sum(np.array([x[0] * x[1], x[2]]) ** 2),
    "an inner sweep": lambda x: np.sum(gradient(rosenbrock)(x) ** 2),
    "its number": lambda x: x[0] * np.linalg.norm(x[1:], 1) + np.median(x),
}


def written(y):
    z = y * y
    y[1:] += 2.0
    y[0] = z[0] * 3
    return np.sum(y * y) + np.sum(z)


def through_a_view(y):
    part, turned = y[1:], y.reshape(2, 2).T
    total = np.sum(part * B[1:])
    part[0] = total
    turned[1, 1] *= 2.0
    return np.sum(y**2) + np.sum(part) + np.sum(turned**3)


@in_every_mode
@pytest.mark.parametrize("name", [*PROGRAMS, *BEYOND])
@pytest.mark.parametrize("x", [X, np.array([1.0, 0.0, 1.0, 2.0])], ids=["", "ties"])
def test_a_program_has_the_derivatives_of_the_ordinary_sweeps(name, mode, x):
    f = {**PROGRAMS, **BEYOND}[name]
    try:
        expected = ordinary(mode, f, x)
    except DualdiffError as error:
        with pytest.raises(type(error)):
            MODES[mode](f, x)
        return
    close(MODES[mode](f, x), expected)


FIRST_ORDER = ("kinks", "clipped", "dual exponents")


@in_every_mode
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.usefixtures("planned_only")
def test_no_ordinary_rule_takes_part(name, mode):
    if mode in ("hvp", "hessian") and name in FIRST_ORDER:  # partials that look at values are differentiated by two sweeps
        with pytest.raises(pytest.fail.Exception):
            MODES[mode](PROGRAMS[name], X)
        return
    MODES[mode](PROGRAMS[name], X)


@pytest.mark.parametrize(("f", "x"), [
    (lambda x: np.sin(x) * x + 2, 1.3), (lambda x: np.sin(x) * x + 2, X), (lambda x: np.exp(-x * B), 0.7), (np.tanh, X * A),
    (lambda x: x, X), (lambda x: np.stack([x, x**2]), 2.0), (lambda x: x**3, 2), (lambda x: np.where(x > 0, x * x, x**3), X)])
@pytest.mark.usefixtures("planned_only")
def test_derivatives_of_one_number_and_of_each_element_are_planned(f, x):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noting, "FEW_NUMBERS", 0)
        expected = derivative(f)(x)
    close(derivative(f)(x), expected)


@pytest.mark.parametrize("f", [lambda x: x * x.sum(), np.cumsum, lambda x: x[::-1] * x, lambda x: x[:, None] * x])
def test_a_derivative_of_each_element_refuses_what_mixes_them(f):
    with pytest.raises(StructureError):
        derivative(f)(X)


UNARY = [np.sin, np.cos, np.tanh, np.exp, np.square, np.log1p, np.expm1, np.arctan, np.sinh, np.negative, np.abs, np.floor,
         np.sign]


def random_program(seed):
    rnd = random.Random(seed)
    steps = [(rnd.random(), rnd.random(), rnd.randrange(10**6)) for _ in range(rnd.randint(3, 10))]

    def f(x):
        pool = [x]
        for kind, place, number in steps:
            u, w = pool[int(place * len(pool))], pool[-1]
            shape = np.shape(u)
            if kind < 0.3:
                pool.append(UNARY[number % len(UNARY)](u * 0.5) if number % 5 else (u * u + 1.1) ** (2, -1, 0.5)[number % 3])
            elif kind < 0.65:
                try:
                    np.broadcast_shapes(shape, np.shape(w))
                except ValueError:
                    w = (2.0, -1, 0.5)[number % 3]
                pool.append((u + w, u - w, u * w, w / (u * u + 0.5), np.maximum(u, w), np.arctan2(u, w))[number % 6])
            elif not shape:
                pool.append(np.stack([u, 2.0, u * u]))
            elif kind < 0.8:
                index = (slice(1, None), 0, slice(None, None, -1), None, (..., slice(0, 1)), np.array([0, -1, 0]))[number % 6]
                pool.append(u[index] if np.size(np.empty(shape)[index]) else u)
            elif kind < 0.9:
                pool.append((np.sum, np.mean)[number % 2](u, axis=(None, 0, -1)[number % 3]))
            else:
                pool.append(np.ones((2, shape[0])) @ u if len(shape) < 3 else u)
            if np.size(pool[-1]) > 300:
                pool[-1] = np.sum(pool[-1])
        return np.sum(pool[-1]) + np.sum(pool[len(pool) // 2] ** 2)
    return f


@pytest.mark.parametrize("seed", range(150))
def test_random_programs_have_the_derivatives_of_the_ordinary_sweeps(seed):
    f = random_program(seed)
    x = np.random.default_rng(seed).normal(size=4)
    for at in (x, np.round(x)):
        for mode in list(MODES):
            with np.errstate(all="ignore"):
                try:
                    expected = ordinary(mode, f, at)
                except DualdiffError:  # a second derivative at a kink
                    continue
                close(MODES[mode](f, at), expected)


@pytest.mark.parametrize("indices", [(0, (..., 1)), ((..., 0), (..., -1)), ((..., 0, 1), (..., 1)), (0, -2),
                                     ((..., 1), (..., 0)), (0, 1), (1, slice(None)), ((0, 1), (..., 1)),
                                     (None, (..., 0))], ids=str)
@pytest.mark.parametrize("shape", [(2, 2), (2, 1), (2, 2, 2)])
def test_items_that_overlap_add_up(indices, shape):
    x = np.linspace(0.5, 1.5, np.prod(shape)).reshape(shape)
    indices = [i for i in indices if fits(x, i)]

    def f(x):
        return sum(np.sum(np.sin(x[i]) * (k + 1)) for k, i in enumerate(indices)) ** 2
    for mode in ("forward", "reverse", "hvp", "hessian"):
        close(MODES[mode](f, x), ordinary(mode, f, x))


def fits(x, index):
    try:
        return x[index] is not None
    except IndexError:
        return False


@pytest.mark.parametrize("n", [5, forward.LONG + 1])
@pytest.mark.parametrize("f", [lambda x: np.exp(-x) * np.sin(3.0 * x), lambda x: np.sum(x[1:] * x[:-1]), lambda x: 3.0 * x,
                               lambda x: x + 1.0])
def test_a_direction_of_ones_costs_no_products(f, n, planned_only, monkeypatch):
    x = np.linspace(0.5, 2.0, n)
    monkeypatch.setattr(plan, "PLANS", {})
    value, slope = jvp(f, (x,), (np.ones(n),))
    assert [key[0] for key in plan.PLANS] == [plan.evenly if n > forward.LONG else plan.along]
    close(value, f(x))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noting, "FEW_NUMBERS", 0)
        close(slope, jvp(f, (x,), (np.ones(n),))[1])


# ---- work
@pytest.mark.parametrize(("mode", "most"), [("reverse", 11), ("forward", 14), ("hvp", 23)])
def test_a_plan_has_no_operation_too_many(mode, most, monkeypatch):
    """As many as one would write by hand; shared subexpressions once."""
    written = []
    monkeypatch.setattr(code, "compile", lambda source, *rest: written.append(source) or compile(source, *rest), raising=False)
    monkeypatch.setattr(plan, "PLANS", {})
    MODES[mode](rosenbrock, X)
    (source,) = written
    operations = [line for line in source.splitlines()[1:-1] if " = v[" not in line and " = array" not in line]
    assert len(operations) <= most


def test_what_a_direction_does_not_move_costs_nothing(monkeypatch):
    """The Jacobian of a model in few numbers is that which one writes by hand: a column has its own operations only."""
    written = []
    monkeypatch.setattr(code, "compile", lambda source, *rest: written.append(source) or compile(source, *rest), raising=False)
    monkeypatch.setattr(plan, "PLANS", {})
    t = np.linspace(0, 1, 50)
    jacobian(lambda p: p[0] * np.exp(-p[1] * t) + p[2])(np.array([1.0, 2.0, 3.0]))
    assert len([line for line in written[0].splitlines() if "*" in line]) == 2


@in_every_mode
def test_a_plan_is_made_once_for_each_structure(mode, monkeypatch):
    made, found = [], {}
    plan_for = plan.plan_for
    monkeypatch.setattr(plan, "PLANS", found)
    monkeypatch.setattr(plan, "plan_for", lambda *args: made.append(args) or plan_for(*args))
    for c in (1.0, 2.0, -3.0):
        MODES[mode](lambda x, c=c: np.sum(c * x**3 + B * c), X * c)
    assert len(made) == len(found) == 1
    for f in (lambda x: np.sum(x**3.0), lambda x: np.sum(x**2), lambda x: np.sum(x[1:]), lambda x: x.mean()):
        MODES[mode](f, X)
    assert len(made) == 5


def test_there_is_a_limit_to_the_plans_that_are_kept(monkeypatch):
    monkeypatch.setattr(plan, "MOST_PLANNED", 50)
    monkeypatch.setattr(plan, "PLANS", {})
    kept = []
    for n in range(2, 10):
        close(gradient(rosenbrock)(np.ones(n)), np.zeros(n))
        assert sum(len(entries) for _, _, entries in plan.PLANS) <= 50
        kept.append(len(plan.PLANS))
    assert max(kept) > 1


@in_every_mode
@pytest.mark.parametrize("name", [*PROGRAMS, *BEYOND])
def test_f_runs_once(name, mode):
    f, runs = {**PROGRAMS, **BEYOND}[name], []
    before = sum(map(len, [runs]))
    try:
        MODES[mode](lambda x: runs.append(1) or f(x), X)
    except DualdiffError:
        return
    again = {"an array of numbers"} | (FIRST_TWICE if mode in ("hvp", "hessian") else set())  # lifted: after the first attempt
    assert len(runs) - before == 1 or name in again


FIRST_TWICE = {"kinks"}  # a second derivative at a kink asks whether it depends on the choice there


def long(steps, width=1):
    def f(x):
        y = x * np.ones((width, 4))
        for _ in range(steps):
            y = y * 0.99 + 0.01 * np.sin(x)
        return np.sum(y**2)
    return f


@pytest.mark.parametrize("steps", [notes.MOST, notes.LONGEST])
def test_a_program_too_long_to_note_is_like_any_other(steps):
    for mode in MODES if steps == notes.MOST else ("forward", "reverse"):
        close(MODES[mode](long(steps), X), ordinary(mode, long(steps), X))


def test_a_long_program_has_a_plan_for_the_reverse_sweep(planned_only):
    f = long(notes.LONGEST // 7)                           # with its numbers six notes a step
    close(gradient(f, mode="reverse")(X), ordinary("reverse", f, X))


def test_long_notes_have_room_for_short_arrays_only(monkeypatch):
    noted = []
    monkeypatch.setattr(notes.Notes, "work_off", lambda self, level, late=None: noted.append(len(self.values)) or
                        ordinary_rules(self, level, late))
    ordinary_rules = ordinary_module.work_off
    monkeypatch.setattr(notes, "ROOM", 10_000)
    f = long(notes.LONGEST // 7, width=50)
    close(gradient(f, mode="reverse")(X), ordinary("reverse", f, X))
    assert max(noted) <= notes.MOST + 2


# ---- what must not be lost
@in_every_mode
def test_the_same_call_gives_the_same_bits(mode):
    """The first, which makes the plan, and later ones, in any thread, on arrays that were pickled."""
    plan.PLANS.clear()
    first = np.asarray(MODES[mode](rosenbrock, X)).tobytes()
    with ThreadPoolExecutor(4) as pool:
        others = list(pool.map(lambda _: MODES[mode](rosenbrock, pickle.loads(pickle.dumps(X))), range(20)))
    assert {np.asarray(a).tobytes() for a in others} == {first}


def test_answers_are_the_callers_own():
    f = lambda x: x * 2.0
    J = jacobian(f)
    first = J(X)
    first[:] = 7.0
    np.testing.assert_array_equal(J(X), 2 * np.eye(4))
    for answer in (gradient(np.sum)(X), hvp(rosenbrock)(X, V), hessian(rosenbrock)(X), jvp(f, (X,), (V,))[1],
                   jvp(lambda x: x, (X,), (V,))[1], jvp(lambda x: x, (X,), (V,))[0], gradient(lambda x: x @ B)(X),
                   dd.value_and_jacobian(lambda x: x[::-1])(X)[0]):
        assert answer.flags.writeable
        assert not any(np.shares_memory(answer, a) for a in (X, V, B))


def test_what_the_program_overwrites_later_is_taken_as_it_was():
    def f(x, overwritten):
        a, i = B.copy(), IDX.copy()
        y = np.sum(a * x) + np.sum(x[i] * 2.0) + np.sum(a @ x)
        if overwritten:
            a[:] = 100.0
            i[:] = 0
        return y**2
    for mode in list(MODES):
        close(MODES[mode](lambda x: f(x, True), X), MODES[mode](lambda x: f(x, False), X))


def test_an_argument_that_is_overwritten_later_is_taken_as_it_was():
    x = X.copy()

    def f(y):
        z = y**2
        x[:] = 9.0
        return np.sum(z)
    close(gradient(f)(x), 2 * X)


def test_what_a_finished_run_left_shows_its_tangent_and_is_not_used_again():
    for f in (rosenbrock, lambda x: np.sum(np.sort(x))):  # by a plan, and worked off
        left = []

        def g(x, f=f, left=left):
            left.extend([x * 2.0, x[0] * 3.0])
            return f(x)
        gradient(g, mode="forward")(X)
        np.testing.assert_array_equal(left[0].tangent, 2 * np.eye(4))
        np.testing.assert_array_equal(left[1].tangent, [3, 0, 0, 0])
        assert "tangent" in repr(left[0])
        np.testing.assert_array_equal(left[0].value, 2 * X)
        with pytest.raises(EscapeError, match="earlier run"):
            gradient(lambda x, left=left: np.sum(x * left[0]))(X)


def test_a_run_leaves_nothing_behind_for_the_garbage_collector():
    a = np.arange(4.0)
    alive = weakref.ref(a)
    f = lambda x, a=a: np.sum(a * x**2) * x[0]
    gc.collect()
    gc.disable()
    try:
        for mode in list(MODES):
            MODES[mode](f, X)
        del a, f
        assert alive() is None
    finally:
        gc.enable()


def test_threads_of_the_program_may_note_at_the_same_time():
    def f(x):
        with ThreadPoolExecutor(4) as pool:
            parts = list(pool.map(lambda i: np.sin(x[i] * (i + 1)) ** 2 - x[i] / (i + 2.0), [0, 1, 2, 3] * 5))
        return sum(parts[1:], parts[0])
    expected = 5 * np.array([(i + 1) * np.sin(2 * x * (i + 1)) - 1 / (i + 2) for i, x in enumerate(X)])
    for _ in range(20):
        np.testing.assert_allclose(gradient(f)(X), expected, rtol=1e-13)


def test_a_dual_of_another_sweep_is_no_constant():
    found = gradient(lambda x: gradient(lambda y: np.sum(y * x) * y[0])(np.ones(4)) @ B)(X)
    expected = gradient(lambda x: np.sum(x) * B[0] + x @ B)(X)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize(("f", "x", "expected"), [
    (lambda x: 1 / (1 + np.exp(-x[0])), -800.0, 0.0), (lambda x: np.sqrt(x[0] ** 2), 1e200, np.nan),
    (lambda x: np.sqrt(x[0] * x[0]), 0.0, 0.0), (lambda x: np.log(1 / (1 + np.exp(x[0]))), 400.0, -1.0),
    (lambda x: np.prod(np.stack([x[0], 1e-200, 1e200])), 1e-200, 1.0),
    (lambda x: np.linalg.norm(x * np.ones(2)), 1e-160, 2**0.5),
    (lambda x: np.exp(-(x[0] ** 2)) * 1e300, 30.0, -60 * 1e300 * np.exp(-900.0)),
    (lambda x: np.sqrt(x[0]), 0.0, np.inf), (lambda x: x[0] * 1e150 * 1e-200 * 1e-200, 1.0, 1e-250),
    (lambda x: x[0] * 1e-200 * 1e-200 * 1e300, 1e200, 1e-100), (lambda x: np.sum(x / 1e-200 / 1e-200 / 1e300), 1e-200, 1e100)])
def test_where_numbers_leave_the_range_of_floats_the_ordinary_rules_decide(f, x, expected):
    for mode in ("forward", "reverse", "jacobian"):
        with np.errstate(all="ignore"):
            found, other = MODES[mode](f, np.array([x])), ordinary(mode, f, np.array([x]))
        np.testing.assert_allclose(found, other, rtol=1e-15)
        np.testing.assert_allclose(found, [expected], rtol=1e-12)


def test_the_programs_warnings_are_its_own_and_those_of_a_plan_are_nobodys():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        gradient(lambda x: np.sum(1 / x))(np.array([0.0, 1.0]))
    with np.errstate(all="raise"):
        assert gradient(lambda x: np.sum(np.exp(-x)))(np.array([700.0])) == -np.exp(-700.0)
        with pytest.raises(FloatingPointError):
            gradient(lambda x: np.sum(np.exp(x)))(np.array([800.0]))


@in_every_mode
@pytest.mark.parametrize("beyond", [np.sum, np.linalg.norm], ids=["noted", "worked off"])
def test_what_the_program_lets_pass_warns_no_second_time(mode, beyond, recwarn):
    def f(x):
        with np.errstate(divide="ignore"):
            r = np.log(x)
        return np.sum(np.where(x > 0, r, 0.0)) + beyond(x)
    for settings in ("warn", "raise"):
        with np.errstate(all=settings):
            close(MODES[mode](f, np.array([0.0, 2.0])), ordinary(mode, f, np.array([0.0, 2.0])))
    assert not recwarn


@pytest.mark.parametrize("mode", ["hvp", "hessian"])
@pytest.mark.parametrize("f", [lambda x: np.sum(x**2 * np.array([1 + 2j, 3 - 1j])), lambda x: np.sum(np.exp(1j * x)),
                               lambda x: np.sum((x * np.longdouble(2)) ** 2)])
def test_second_derivatives_have_the_type_of_the_result(f, mode):
    close(MODES[mode](f, X[:2]), ordinary(mode, f, X[:2]))


@pytest.mark.parametrize("mode", ["hvp", "hessian"])
def test_a_value_that_is_asked_for_is_there_in_second_derivatives(mode):
    def weighed(x):
        w = x.value if hasattr(x, "value") else x
        return np.sum(w * x**2)

    class Model:
        def loss(self, x):
            return np.sum(jvp(lambda y: y**2, (np.ones(4),), (x,))[1] ** 2)
    left = []
    for f in (weighed, lambda x: np.sum(x.value * x**2), lambda x: Model().loss(x),
              lambda x: np.sum(left.append(x * 2) or left[-1] ** 2)):
        close(MODES[mode](f, X), ordinary(mode, f, X))
    assert np.array_equal(left[0].value, X * 2)


def test_memory_is_bounded_where_it_is_asked():
    with pytest.raises(BudgetError):
        jacobian(lambda x: np.ones((5000, 3)) @ x * x[0], max_bytes=1000)(X[:3])


def test_policies_are_asked():
    with kinks("raise"), pytest.raises(KinkError):
        gradient(lambda x: np.sum(np.abs(x)))(np.zeros(2))
    with pytest.warns(dd.DerivativeWarning):
        gradient(lambda x: x[0] ** 2 if x[0] == 0.3 else x[1])(X)
    with pytest.warns(dd.DerivativeWarning):
        gradient(lambda x: np.sum(x[x == 0.3]) + x[0])(X)
    with equality("ignore"):
        gradient(lambda x: x[0] ** 2 if x[0] == 0.3 else x[1])(X)


def test_errors_are_those_of_the_ordinary_sweeps():
    with pytest.raises(StructureError, match="one number"):
        gradient(lambda x: x * 2.0)(X)
    for second in (lambda f: hvp(f)(X, V), lambda f: hessian(f)(X)):
        with pytest.raises(StructureError, match="one number"):
            second(lambda x: x * 2.0)
        with pytest.raises(ZeroDivisionError, match="mine"):
            second(lambda x: (_ for _ in ()).throw(ZeroDivisionError("mine")))
    with pytest.raises(ValueError, match="broadcast"):
        gradient(lambda x: np.sum(x * np.ones(3)))(X)
    with pytest.raises(IndexError):
        gradient(lambda x: x[7])(X)


def test_a_tangent_that_is_read_too_early_starts_the_sweep_again():
    runs = []

    def f(x):
        runs.append(1)
        y = x * 2.0
        assert len(y.eps.terms) == 1 or len(runs) < 2  # nobody does so; if somebody did, nothing would be lost
        return np.sum(y * x)
    np.testing.assert_allclose(gradient(f, mode="forward")(X), 4 * X)
    assert len(runs) == 2
    runs.clear()

    def g(x):
        runs.append(1)
        y = x * 2.0
        try:
            y.eps.terms  # noqa: B018
        except BaseException:
            return np.sum(x)
        return np.sum(y * x)
    np.testing.assert_allclose(gradient(g, mode="forward")(X), 4 * X)


def test_a_plan_that_fails_is_dropped(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(sweep, "replayed", lambda *_: None)
    monkeypatch.setattr(plan, "PLANS", {})
    close(gradient(rosenbrock)(X), ordinary("reverse", rosenbrock, X))
    (key,) = plan.PLANS
    plan.PLANS[key] = lambda v: [1 // 0]
    close(gradient(rosenbrock)(X), ordinary("reverse", rosenbrock, X))
    assert {key: None} == plan.PLANS
    plan.PLANS.clear()
    monkeypatch.setattr(plan, "plan_for", lambda *_: 1 // 0)
    close(gradient(rosenbrock)(X), ordinary("reverse", rosenbrock, X))
    assert {key: None} == plan.PLANS


def test_signs_and_reciprocals_cost_no_operation_of_their_own_where_they_can_be_part_of_another():
    graph_ = graph.Graph()
    a, b, c = (graph_.value(i, (3,)) for i in range(3))
    minus, apply = graph_.apply(np.negative, a), graph_.apply
    product = apply(np.multiply, minus, b)
    assert product == apply(np.negative, apply(np.multiply, a, b)) == apply(np.multiply, a, apply(np.negative, b))
    assert apply(np.multiply, minus, apply(np.negative, b)) == apply(np.multiply, a, b)
    assert apply(np.add, product, c) == apply(np.add, c, product) == apply(np.subtract, c, apply(np.multiply, a, b))
    assert apply(np.subtract, c, product) == apply(np.add, c, apply(np.multiply, a, b))
    assert apply(np.divide, c, minus) == apply(np.negative, apply(np.divide, c, a))
    assert apply(np.multiply, apply(np.divide, graph_.number(1), a), b) == apply(np.divide, b, a)
    known = graph_.apply(np.negative, c)
    graph_.noted[known] = 3  # what the program has computed costs nothing
    assert graph_.nodes[apply(np.multiply, known, b)] == ("apply", (known, b), np.multiply)


# ---- which programs are noted
def statements(graph_, *results):
    written = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "compile", lambda source, *rest: written.append(source) or compile(source, *rest), raising=False)
        made = code.compiled(graph_, [*results], [graph_.shapes[i] for i in results])
    return made, [line.strip() for line in written[0].splitlines()[1:-1]]


def test_an_array_that_nothing_needs_any_more_holds_the_next_result():
    graph_ = graph.Graph()
    a, b = (graph_.value(i, (3,)) for i in range(2))
    first = graph_.apply(np.sin, a)
    second = graph_.apply(np.multiply, b, first)
    third = graph_.apply(np.subtract, second, a)
    made, lines = statements(graph_, third)
    assert lines[3:] == [f"t{first} *= t{b}", f"t{first} -= t{a}"]
    values = {0: np.arange(3.0), 1: np.ones(3)}
    close(made(values)[0], np.sin(np.arange(3.0)) - np.arange(3.0))
    close(values[0], np.arange(3.0))  # what was noted stays as it is
    close(values[1], np.ones(3))


@pytest.mark.parametrize("view", [lambda g, i: g.item(i, (tuple, ("slice", None, None, -1))), lambda g, i: g.reshape(i, (3, 1)),
                                  lambda g, i: g.node("partial", (i,), lambda f: f, (3,))])
def test_an_array_that_a_view_shows_is_left_as_it_is(view):
    graph_ = graph.Graph()
    a = graph_.value(0, (3,))
    first = graph_.apply(np.sin, a)
    shown = view(graph_, first)
    moved = graph_.apply(np.add, first, a)
    made, lines = statements(graph_, graph_.apply(np.multiply, graph_.apply(np.add, moved, a), graph_.apply(np.cos, shown)))
    assert f"t{first} += t{a}" not in lines
    assert f"t{moved} += t{a}" in lines
    x = np.arange(3.0)
    s = np.sin(x)
    seen = s[::-1] if graph_.nodes[shown][0] == "item" else s.reshape(graph_.shapes[shown])
    close(made({0: x})[0], (s + 2 * x) * np.cos(seen))


def test_results_are_not_written_over():
    graph_ = graph.Graph()
    a = graph_.value(0, (3,))
    first = graph_.apply(np.sin, a)
    second = graph_.apply(np.add, first, a)
    x = np.arange(3.0)
    made, _ = statements(graph_, first, second)
    one, two = made({0: x})
    close(one, np.sin(x))
    close(two, np.sin(x) + x)


def test_the_code_of_a_program_says_whether_notes_are_in_vain():
    class Model:
        def __call__(self, x):
            return np.linalg.inv(x)
    assert reach.is_within_reach(rosenbrock)
    assert reach.is_within_reach(np.sum)
    assert reach.is_within_reach(MLPClassifier((3,)).cost)
    assert not reach.is_within_reach(Model())
    assert not reach.is_within_reach(dd.lift(lambda x: np.sort(x) + 1))
    assert not reach.is_within_reach(lambda x: [np.median(row) for row in x])

    def writes(x):
        y = x * 1
        y[0] = 2
        return y
    assert not reach.is_within_reach(writes)


def test_what_is_not_noted_has_a_name_that_tells():
    """Every function that NumPy asks us for is noted, looks at values only, or ends the notes, and then its name is known."""
    names = {name for name, function in vars(np).items() if type(function) is type(np.sum)}
    assert names - reach.beyond() <= reach.WITHIN
    assert {"sum", "mean", "matmul", "dot", "where", "stack", "reshape"} <= reach.WITHIN


def test_fits_take_plans():
    plan.PLANS.clear()
    t = np.linspace(0, 4, 30)
    popt, _ = curve_fit(lambda t, a, b: a * np.exp(-b * t), t, 2.0 * np.exp(-0.7 * t), [1.0, 1.0])
    np.testing.assert_allclose(popt, [2.0, 0.7], rtol=1e-9)
    assert [made is not None for made in plan.PLANS.values()] == [True]
