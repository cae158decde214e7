"""Least squares over shards: the answer of the whole, the same bits for any workers, and workers that die."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from dualdiff.errors import DataError, ParameterError, StructureError, WorkerError
from dualdiff.optimize import least_squares

START = [1.0, 1.0, 0.0]


def data(i):
    """Shard i: its own number of points, the last of them fewer than there are parameters."""
    t = np.linspace(0, 3, 23 - 7 * i) + 0.01 * i
    return t, 2.0 * np.exp(-1.1 * t) + 0.3 + 0.02 * np.sin(40 * t)


def residual(p, i):
    t, y = data(i)
    return p[0] * np.exp(-p[1] * t) + p[2] - y


def steep(p, i):
    """Columns that differ by 1e-5 of themselves: JᵀJ keeps hardly a digit."""
    t, y = data(i)
    return p[0] + p[1] * (1 + 1e-5 * t) + p[2] * t**2 - y


def whole(f):
    return lambda p: np.concatenate([f(p, i) for i in range(4)])


def killing(p, i, mark):
    if i == 2 and not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return residual(p, i)


def deadly(p, i):
    if i == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return residual(p, i)


def broken(p, i):
    if i == 3:
        raise ValueError("shard 3 is unreadable")
    return residual(p, i)


@pytest.mark.parametrize("f", [residual, steep])
def test_shards_give_the_fit_of_the_whole(f):
    parts = least_squares(f, START, shards=range(4))
    together = least_squares(whole(f), START)
    # The steep problem has a condition of 1e6, and data that end in the 16th digit.
    np.testing.assert_allclose(parts.x, together.x, rtol=1e-9 if f is residual else 1e-8)
    np.testing.assert_allclose(parts.stderr, together.stderr, rtol=1e-6)
    assert parts.dof == together.dof == 23 + 16 + 9 + 2 - 3
    assert parts.success
    assert parts.jac is parts.fun is None


@pytest.mark.parametrize("f", [residual, steep])
def test_workers_change_no_bit(f):
    alone = least_squares(f, START, shards=range(4))
    with ThreadPoolExecutor(3) as threads, ProcessPoolExecutor(2) as processes:
        for executor in (threads, processes):
            assert least_squares(f, START, shards=range(4), executor=executor).x.tobytes() == alone.x.tobytes()


def test_a_killed_workers_shards_are_sent_again(tmp_path):
    alone = least_squares(residual, START, shards=range(4))
    mark = str(tmp_path / "killed")
    fit = least_squares(killing, START, args=(mark,), shards=range(4), executor=2)
    assert os.path.exists(mark)
    assert fit.x.tobytes() == alone.x.tobytes()
    assert fit.nfev == alone.nfev


def test_a_callers_pool_that_breaks_is_replaced(tmp_path):
    with ProcessPoolExecutor(1) as pool:
        fit = least_squares(killing, START, args=(str(tmp_path / "killed"),), shards=range(4), executor=pool)
    assert fit.x.tobytes() == least_squares(residual, START, shards=range(4)).x.tobytes()


def test_a_shard_that_kills_every_worker_is_named():
    with pytest.raises(WorkerError, match=r"shard [01] could not be worked on: after 4 tries"):
        least_squares(deadly, START, shards=range(4), executor=1)


def test_bounds_fixed_parameters_and_losses_go_with_shards():
    options = {"bounds": ([0, 0, 0.35], 10), "loss": "soft_l1", "f_scale": 0.1, "fixed": [1]}
    parts = least_squares(residual, [1.0, 1.0, 0.5], shards=range(4), **options)
    together = least_squares(whole(residual), [1.0, 1.0, 0.5], **options)
    np.testing.assert_allclose(parts.x, together.x, rtol=1e-7)
    assert parts.x[1:].tolist() == [1.0, 0.35]


def test_a_run_over_shards_is_resumed_to_the_same_bits(tmp_path):
    path = tmp_path / "run.npz"
    alone = least_squares(residual, START, shards=range(4), checkpoint=tmp_path / "whole.npz")
    least_squares(residual, START, shards=range(4), checkpoint=path, max_iter=2)
    assert least_squares(residual, START, shards=range(4), checkpoint=path, resume=True).x.tobytes() == alone.x.tobytes()


@pytest.mark.parametrize(("call", "kind", "said"), [
    (lambda: least_squares(residual, START, shards=[]), DataError, "there are no shards"),
    (lambda: least_squares(residual, START, shards=iter([1])), StructureError, "shards must be a list or another sequence"),
    (lambda: least_squares(residual, START, executor=2), ParameterError, "pass shards= too"),
    (lambda: least_squares(residual, START, shards=range(4), executor="two"), StructureError, "must have a submit method"),
    (lambda: least_squares(residual, START, shards=range(4), executor=0), StructureError, "a number of processes; got 0"),
    (lambda: least_squares(residual, START, shards=range(4), weights=1.0), ParameterError, "weigh inside the function"),
    (lambda: least_squares(whole(residual), START, shards=range(4), executor=1), StructureError, "function .* cannot be sent"),
    (lambda: least_squares(broken, START, shards=range(4), executor=1), ValueError, "shard 3 is unreadable"),
    (lambda: least_squares(lambda p, i: np.log(p - 1), START, shards=range(4)), DataError, "not finite at the start"),
])
def test_shards_that_cannot_be_are_refused(call, kind, said):
    with pytest.raises(kind, match=said):
        call()
