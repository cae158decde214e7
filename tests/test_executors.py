"""Directions on many workers: the bits of the serial sweep, and an answer or a clear error when workers are lost."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dualdiff import elementwise, gradient, hessian, jacobian, kinks, lift, trace_nonfinite, value_and_jacobian, views
from dualdiff.errors import ExecutorError, KinkError, RuleError

ROOT = Path(__file__).parent.parent
RNG = np.random.default_rng(0)
W1, W2 = (RNG.standard_normal(shape) / 10 for shape in ((70, 60), (50, 70)))
x = RNG.standard_normal(60)


def mixing(x):
    return np.tanh(W2 @ np.tanh(W1 @ x)) * np.cumsum(x)[:50]


def energy(x):
    return np.sum(np.tanh(W1 @ x) ** 2)


def tree(p, scale=1.0):
    return {"a": scale * np.tanh(W2 @ (W1 @ p["x"])), "b": np.sum(p["x"]) * p["y"]}


def last_will(x, marker):
    """Kills the process that runs it first, with the signal that cannot be refused."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return mixing(x)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture(params=["threads", "processes"])
def pool(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("chunk", [1, 7, 59])
def test_an_executor_gives_the_bits_of_the_serial_sweep(pool, chunk):
    assert np.array_equal(jacobian(mixing, chunk=chunk, executor=pool)(x), jacobian(mixing, chunk=chunk)(x))
    assert np.array_equal(hessian(energy, chunk=chunk, executor=pool)(x), hessian(energy, chunk=chunk)(x))


def test_the_parts_do_not_depend_on_the_number_of_workers(pool):
    with ThreadPoolExecutor(5) as five:
        assert np.array_equal(jacobian(mixing, executor=pool)(x), jacobian(mixing, executor=five)(x))
    assert np.array_equal(jacobian(mixing, executor=pool)(x), jacobian(mixing, chunk=8)(x))


def test_trees_keywords_and_values_pass_through_workers(pool):
    p = {"x": x, "y": 2.0}
    value, J = value_and_jacobian(tree, executor=pool)(p, scale=3.0)
    same, K = value_and_jacobian(tree, chunk=8)(p, scale=3.0)
    assert np.array_equal(value["a"], same["a"])
    assert value["b"] == same["b"]
    assert all(np.array_equal(J[r][s], K[r][s]) for r in "ab" for s in "xy")


def test_a_budget_splits_what_each_worker_does_in_the_same_way(pool):
    J = jacobian(mixing, chunk=30, executor=pool, max_bytes=30_000)(x)
    assert np.array_equal(J, jacobian(mixing, chunk=30, max_bytes=30_000)(x))


def test_errors_of_f_are_those_of_the_serial_sweep(pool):
    with pytest.raises(RuleError, match="gcd"):
        jacobian(refused, executor=pool)(x)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        jacobian(dividing, executor=pool)(x)


def test_policies_hold_on_workers_too(pool):
    y = np.concatenate([np.zeros(2), x[2:]])
    with kinks("nan"):
        J = jacobian(kinked, executor=pool)(y)
        assert np.array_equal(J, jacobian(kinked, chunk=8)(y), equal_nan=True)
        assert np.array_equal(np.flatnonzero(np.isnan(np.diag(J))), [0, 1])
    with kinks("raise"), pytest.raises(KinkError, match="abs"):
        jacobian(kinked, executor=pool)(y)
    assert np.array_equal(np.diag(jacobian(kinked, executor=pool)(y)), np.sign(y))


def test_a_trace_follows_threads_and_is_refused_processes(threads, processes):
    y = np.concatenate([x[:30] ** 2, np.zeros(30)])
    with trace_nonfinite() as t:
        jacobian(np.sqrt, executor=threads)(y)
        with pytest.raises(ExecutorError, match="trace_nonfinite sees the threads of this process only"):
            jacobian(np.sqrt, executor=processes)(y)
    assert t.first.function == "numpy.sqrt"


def kinked(x):
    return np.abs(x)


def refused(x):
    return np.gcd(x, 2)


def dividing(x):
    return x / np.zeros(60)


def test_a_function_that_cannot_be_pickled_is_refused_with_the_remedy(processes):
    for f in (lambda x: 2 * mixing(x), gradient(energy)):
        with pytest.raises(ExecutorError, match=r"cannot be sent to another process .*top level .*ThreadPoolExecutor"):
            jacobian(f, executor=processes)(x)
    with pytest.raises(ExecutorError, match="an argument cannot be sent"):
        jacobian(lambda_taking, executor=processes)(x, np.sin, lambda x: x)
    assert np.array_equal(jacobian(mixing, executor=processes)(x), jacobian(mixing, chunk=8)(x))


def lambda_taking(x, f, g):
    return g(f(x))


def test_an_error_that_only_looks_like_pickling_stays_what_it_is(processes):
    with pytest.raises(AttributeError, match="no_such_thing"):
        jacobian(mistaken, executor=processes)(x)


def mistaken(x):
    return x.no_such_thing


def test_a_sweep_inside_a_sweep_may_use_threads_and_is_refused_processes(threads, processes):
    def outer(y, pool):
        return jacobian(mixing, chunk=20, executor=pool)(y)
    assert np.allclose(jacobian(outer)(x, threads), jacobian(jacobian(mixing))(x), rtol=1e-12, atol=1e-14)
    with pytest.raises(ExecutorError, match="dual number inside a running sweep"):
        jacobian(outer)(x, processes)


class Own(ThreadPoolExecutor):
    """A pool whose workers would wait for each other if one of them gave it work."""

    def submit(self, *task, **options):
        assert threading.current_thread() not in self._threads
        return super().submit(*task, **options)


def test_a_sweep_on_a_thread_of_the_pool_that_it_is_given_waits_for_nobody():
    points = [x, x + 1, x - 2]
    with Own(2) as pool:
        for J, y in zip(pool.map(jacobian(mixing, executor=pool), points), points, strict=True):
            assert np.array_equal(J, jacobian(mixing, chunk=8)(y))
        inner = hessian(lambda y: np.sum(jacobian(mixing, executor=pool)(y) ** 2), executor=pool)(x)
    np.testing.assert_allclose(inner, hessian(lambda y: np.sum(jacobian(mixing)(y) ** 2))(x), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_an_executor_that_was_shut_down_is_named_with_the_remedy(kind):
    with kind(1) as pool:
        pass
    with pytest.raises(ExecutorError, match=f"the {kind.__name__} was shut down .* with block"):
        jacobian(mixing, executor=pool)(x)


# ---- workers that die -------------------------------------------------------------------------------------------------
def test_when_a_worker_process_is_killed_the_answer_still_comes_with_a_warning(tmp_path):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool, \
            pytest.warns(RuntimeWarning, match="ProcessPoolExecutor lost a worker"):
        J = jacobian(last_will, executor=pool)(x, str(tmp_path / "marker"))
    assert (tmp_path / "marker").exists()
    assert np.array_equal(J, jacobian(mixing, chunk=8)(x))


class Dying(Executor):
    """An executor that does some tasks and then has no workers left."""

    def __init__(self, alive):
        self.alive = alive

    def submit(self, f, /, *args, **options):
        self.alive -= 1
        if self.alive < -2:
            raise BrokenExecutor
        future = Future()
        if self.alive < 0:
            future.set_exception(BrokenExecutor())
        else:
            future.set_result(f(*pickle.loads(pickle.dumps(args)), **options))
        return future


@pytest.mark.parametrize("alive", [0, 3, 7])
def test_what_lost_workers_owe_is_computed_here(alive):
    with pytest.warns(RuntimeWarning, match="Dying lost a worker") as warned:
        J = jacobian(mixing, executor=Dying(alive))(x)
    assert len(warned) == 1
    assert np.array_equal(J, jacobian(mixing, chunk=8)(x))


def test_nothing_is_left_running_when_f_fails(threads):
    started = []

    def f(x):
        started.append(1)
        time.sleep(0.01)
        return refused(x)
    J = jacobian(f, chunk=1, executor=threads)
    with pytest.raises(RuleError):
        J(x)
    assert len(started) < 60


DASK = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
import numpy as np
from distributed import Client, LocalCluster
from dualdiff import hessian, jacobian
import test_executors as t

if __name__ == "__main__":
    with LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        pool = client.get_executor(pure=False)
        assert np.array_equal(jacobian(t.mixing, executor=pool)(t.x), jacobian(t.mixing, chunk=8)(t.x))
        assert np.array_equal(hessian(t.energy, chunk=20, executor=pool)(t.x), hessian(t.energy, chunk=20)(t.x))
        scale = 3.0  # Dask pickles by value: a function of this script, with what it closes over
        assert np.array_equal(jacobian(lambda x: scale * t.mixing(x), chunk=8, executor=pool)(t.x),
                              jacobian(lambda x: scale * t.mixing(x), chunk=8)(t.x))
        assert np.array_equal(jacobian(t.last_will, executor=pool)(t.x, sys.argv[1]), jacobian(t.mixing, chunk=8)(t.x))
        print("four right answers")
"""


def test_a_dask_cluster_of_two_workers_gives_the_serial_bits_and_survives_the_loss_of_one(tmp_path):
    pytest.importorskip("distributed", reason="the extra 'distributed' is not installed")
    script, marker = tmp_path / "cluster.py", tmp_path / "marker"
    script.write_text(DASK, encoding="utf-8")
    done = subprocess.run([sys.executable, str(script), str(marker)], capture_output=True, text=True, check=False,
                          timeout=120, cwd=tmp_path)
    assert "four right answers" in done.stdout, done.stderr[-3000:]
    assert marker.exists()


# ---- threads of the user's own ------------------------------------------------------------------------------------------
def test_eight_threads_sweeping_at_once_get_eight_right_answers():
    """Promise 7: no state is shared but the count of levels. Each thread runs another mix of sweeps, nested ones too."""
    points = [RNG.standard_normal(60) for _ in range(8)]
    calls = [jacobian(mixing), jacobian(mixing, chunk=13), jacobian(mixing, max_bytes=60_000), hessian(energy),
             gradient(energy), jacobian(gradient(energy, mode="reverse")), value_and_jacobian(mixing)]
    for call in calls:
        call(points[0])  # mode="auto" may choose another mode, with other roundings, after a first call
    expected = [[call(p) for call in calls] for p in points]
    wrong, barrier = [], threading.Barrier(8)

    def work(i):
        barrier.wait()
        for turn in range(5):
            for j in range(len(calls)):
                j = (j + i + turn) % len(calls)
                found, right = calls[j](points[i]), expected[i][j]
                pairs = zip(found, right, strict=True) if j == len(calls) - 1 else [(found, right)]
                if not all(np.array_equal(a, b) for a, b in pairs):
                    wrong.append((i, j))

    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads change places far more often than they would
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def one_after_the_other(work, parts):
    return [*map(work, parts)]


def four_at_once(work, parts):
    with ThreadPoolExecutor(4) as pool:
        return [*pool.map(work, parts)]


def indices_of_a_new_array(x, run):
    out = np.zeros_like(x)

    def work(part):
        for i in part:
            out[i] = np.sin(x[i])
            out[i] *= x[i]
    run(work, np.array_split(np.arange(x.size), 40))
    return out


def views_made_before(x, run):
    out = np.zeros_like(x)

    def work(i):
        parts[i][:] = np.sin(given[i])
        parts[i] *= 2.0
    parts, given = np.array_split(out, 16), np.array_split(x, 16)
    run(work, range(16))
    return out


def rows_read_and_written_over(x, run):
    A = np.zeros_like(x).reshape(20, 3)
    A[...] = x.reshape(20, 3)

    def work(i):
        row = A[i]
        square = row * row
        A[i] = 0.5
        row += square * A[i, ::-1]
        row *= row
    run(work, range(20))
    return A.ravel()


def a_new_array_of_a_lifted_program(x, run):
    out = np.zeros(x.size)

    def work(part):
        for i in part:
            out[i] = x[i] ** 2
    run(work, np.array_split(np.arange(x.size), 40))
    return out


def an_array_that_is_only_read(x, run):
    y = np.zeros_like(x)
    y[:] = x
    y[::2] *= 2
    y[1] = y[2] * y[3]
    return np.stack(run(lambda i: (y[i:] * y[:x.size - i]).sum(), range(1, 40)))


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("f", [indices_of_a_new_array, views_made_before, rows_read_and_written_over,
                               a_new_array_of_a_lifted_program, an_array_that_is_only_read])
def test_threads_of_f_may_write_their_own_elements_of_one_array(f, mode):
    call = value_and_jacobian(lift(f) if f is a_new_array_of_a_lifted_program else f, mode=mode)
    expected = call(x, one_after_the_other)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(10):
            for found, right in zip(call(x, four_at_once), expected, strict=True):
                np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-15)
    finally:
        sys.setswitchinterval(interval)


def test_what_a_thread_has_begun_to_read_is_moved_out_of_the_way_of_later_writes(monkeypatch):
    def between(x):
        settle(x)
        if x is seen.get("v"):  # another thread writes to another element just before the values are read
            thread = threading.Thread(target=lambda: x.source[0].__setitem__(3, 1.0))
            thread.start()
            thread.join()
    settle, seen = views.settle, {}
    monkeypatch.setattr(elementwise, "settle", between)

    def f(x):
        y = np.zeros_like(x)
        y[:] = x
        seen["v"] = v = y[:2]
        product = v * x[2:]
        y[0] = 7.0
        return product
    J = [[5.0, 0, 2, 0], [0, 7, 0, 3]]
    np.testing.assert_array_equal(jacobian(f)(np.array([2.0, 3.0, 5.0, 7.0])), J)
