"""Fits over shards: the answer of the whole, the same bits for any workers, and workers that die."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dualdiff.errors import DataError, ParameterError, StructureError, WorkerError
from dualdiff.optimize import adam, least_squares, sgd

ROOT = Path(__file__).parent.parent
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
    (lambda: least_squares(residual, START, shards={"a": 1}), StructureError, "shards must be a list .* got a dict"),
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


# ---- stochastic training ---------------------------------------------------------------------------------------------
def loss(p, i):
    """The mean over shard i; the shards are of one size."""
    X = np.random.default_rng(i).normal(size=(10, 3))
    return np.mean((np.tanh(X @ p["w"]) + p["b"] - X[:, 0]) ** 2)


def loss_of_a_dying_worker(p, number):
    mark = os.environ["MARK_OF_THE_DEAD"]
    if number == 2 and not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return loss(p, number)


def trained(f=loss, **options):
    return adam(f, {"w": np.zeros(3), "b": 0.0}, shards=range(6), batch_size=4, epochs=5, rng=1, **options)


def bits(result):
    return result.x["w"].tobytes(), np.float64(result.x["b"]).tobytes(), result.history


def test_shards_of_one_size_give_the_path_of_all_their_rows():
    X = np.concatenate([np.random.default_rng(i).normal(size=(10, 3)) for i in range(6)])
    whole = lambda p, X: np.mean((np.tanh(X @ p["w"]) + p["b"] - X[:, 0]) ** 2)
    options = {"batch_size": None, "epochs": 7, "momentum": 0.5}
    parts = sgd(loss, {"w": np.zeros(3), "b": 0.0}, shards=range(6), **options)
    together = sgd(whole, {"w": np.zeros(3), "b": 0.0}, (X,), **options)
    np.testing.assert_allclose(parts.history, together.history, rtol=1e-12)
    np.testing.assert_allclose(parts.x["w"], together.x["w"], rtol=1e-11)


def test_workers_change_no_bit_of_a_training(tmp_path, monkeypatch):
    alone = trained()
    with ThreadPoolExecutor(3) as threads:
        assert bits(trained(executor=threads)) == bits(alone)
    monkeypatch.setenv("MARK_OF_THE_DEAD", str(tmp_path / "killed"))
    assert bits(trained(loss_of_a_dying_worker, executor=2)) == bits(alone)
    assert (tmp_path / "killed").exists()


def test_a_training_over_shards_is_resumed_to_the_same_bits(tmp_path):
    def stop(epoch, loss):
        if epoch == 2:
            raise StopIteration
    trained(checkpoint=tmp_path / "run.npz", callback=stop)
    assert bits(trained(checkpoint=tmp_path / "run.npz", resume=True)) == bits(trained())


@pytest.mark.parametrize(("options", "kind", "said"), [
    ({"shards": []}, DataError, "there are no shards"),
    ({"data": (np.ones(3),)}, ParameterError, "shards must be all the data"),
    ({"validation": (np.ones(3),)}, ParameterError, "shards must be all the data"),
    ({"executor": "two"}, StructureError, "must have a submit method"),
    ({"executor": 1}, StructureError, "the function .* cannot be sent to another process"),
    ({"shards": None, "executor": 2}, ParameterError, "pass shards= too"),
])
def test_trainings_over_shards_that_cannot_be_are_refused(options, kind, said):
    with pytest.raises(kind, match=said):
        sgd(lambda p, i: p**2, 1.0, **{"shards": range(3), "epochs": 1, **options})


DASK = f"""
import os, sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from distributed import Client, LocalCluster
from dualdiff.errors import WorkerError
from dualdiff.optimize import least_squares
import test_shards as t

if __name__ == "__main__":
    folder = sys.argv[1]
    os.environ["MARK_OF_THE_DEAD"] = folder + "/second"
    with LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        pool = client.get_executor(pure=False)
        alone, weight = least_squares(t.residual, t.START, shards=range(4)), 2.0
        fits = [least_squares(f, t.START, args=args, shards=range(4), executor=pool) for f, args in
                [(t.residual, ()), (t.killing, (folder + "/first",))]]
        assert [fit.x.tobytes() for fit in fits] == [alone.x.tobytes()] * 2
        assert least_squares(lambda p, i: weight * t.residual(p, i), t.START, shards=range(4), executor=pool).success
        assert t.bits(t.trained(t.loss_of_a_dying_worker, executor=pool)) == t.bits(t.trained())
        print("four right answers")
        try:
            least_squares(t.deadly, t.START, shards=range(4), executor=pool)
        except WorkerError as error:
            print("WorkerError", error)
"""


def test_a_dask_cluster_of_two_workers_gives_the_same_bits_and_survives_the_loss_of_one(tmp_path):
    pytest.importorskip("distributed", reason="the extra 'distributed' is not installed")
    script = tmp_path / "cluster.py"
    script.write_text(DASK, encoding="utf-8")
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=False,
                          timeout=120, cwd=tmp_path, env=os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"})
    assert "four right answers" in done.stdout, done.stderr[-3000:]
    assert (tmp_path / "first").exists()
    assert (tmp_path / "second").exists()
    assert "WorkerError shard 1 could not be worked on" in done.stdout, done.stdout
