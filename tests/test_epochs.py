"""Long stochastic runs: schedules, Nesterov's momentum, early stopping, interruption, and checkpoints to the same bits."""

import numpy as np
import pytest

from dualdiff.errors import DataError, ParameterError, ShapeError
from dualdiff.optimize import adam, schedules, sgd

X = np.random.default_rng(0).normal(size=(37, 3))
Y = X @ np.array([1.0, -2.0, 0.5]) + 0.1 * np.random.default_rng(1).normal(size=37)
METHODS = {
    "sgd": lambda **o: sgd(loss, np.zeros(3), (X, Y), learning_rate=0.05, **o),
    "nesterov": lambda **o: sgd(loss, np.zeros(3), (X, Y), learning_rate=0.01, momentum=0.9, nesterov=True, **o),
    "adam": lambda **o: adam(loss, {"w": np.zeros(3)}["w"], (X, Y), learning_rate=schedules.cosine_decay(0.1, 60), **o),
}


def loss(w, X, y):
    return np.mean((X @ w - y) ** 2)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("stop", [1, 4, 9])
def test_a_resumed_run_ends_in_the_same_bits(name, stop, tmp_path):
    whole = METHODS[name](epochs=12, rng=5)
    METHODS[name](epochs=stop, rng=5, checkpoint=tmp_path / "run.npz")
    again = METHODS[name](epochs=12, rng=5, checkpoint=tmp_path / "run.npz", resume=True)
    assert again.x.tobytes() == whole.x.tobytes()
    assert again.history == whole.history
    assert (again.nit, again.message) == (whole.nit, whole.message)


def test_nesterovs_momentum_is_its_recurrence():
    g = lambda w: 2 * X.T @ (X @ w - Y) / 37
    w, v = np.zeros(3), np.zeros(3)
    for _ in range(5):
        slope = g(w)
        v = 0.8 * v - 0.1 * slope
        w = w + 0.8 * v - 0.1 * slope
    result = sgd(loss, np.zeros(3), (X, Y), learning_rate=0.1, momentum=0.8, nesterov=True, batch_size=None, epochs=5)
    np.testing.assert_allclose(result.x, w, rtol=1e-12)     # the rows are summed in another order


def test_a_schedule_is_asked_at_every_step():
    asked = []

    def rate(step):
        asked.append(step)
        return 0.1 / (1 + step)

    sgd(loss, np.zeros(3), (X, Y), learning_rate=rate, batch_size=20, epochs=2)
    assert sorted(set(asked)) == [0, 1, 2, 3, 4]
    with pytest.raises(ParameterError, match="the learning rate of step 0 must be a positive number; got -1"):
        sgd(loss, np.zeros(3), (X, Y), learning_rate=lambda step: -1)


def test_a_schedule_may_end_at_zero():
    result = sgd(loss, np.zeros(3), (X, Y), learning_rate=schedules.cosine_decay(0.1, 6), batch_size=20, epochs=4)
    assert result.history[4] == result.history[3] < result.history[2]


@pytest.mark.parametrize(("make", "said"), [
    (lambda: schedules.step_decay(-1), "rate must be a positive"),
    (lambda: schedules.step_decay(1, 2), "factor must be at most"),
    (lambda: schedules.step_decay(1, every=0), "every must be"), (lambda: schedules.exponential_decay(0.1, -1), "factor must"),
    (lambda: schedules.cosine_decay(1, 5, warmup=5), "warmup must be less than steps=5"),
])
def test_a_schedule_that_cannot_be_is_refused(make, said):
    with pytest.raises(ParameterError, match=said):
        make()


def test_validation_data_stop_early_and_the_best_is_kept():
    # Fifteen parameters on sixteen noisy rows: the fit to these goes on when the fit to others has turned.
    rng = np.random.default_rng(2)
    A, B, w = rng.normal(size=(16, 15)), rng.normal(size=(200, 15)), rng.normal(size=15)
    data, others = (A, A @ w + rng.normal(size=16)), (B, B @ w + rng.normal(size=200))
    result = adam(loss, np.zeros(15), data, learning_rate=0.05, epochs=3000, tol=0.0, patience=20, validation=others)
    assert result.success
    assert "validation" in result.message
    assert result.nit < 3000
    assert result.fun == pytest.approx(loss(result.x, *data))
    longer = adam(loss, np.zeros(15), data, learning_rate=0.05, epochs=result.nit + 200)
    assert loss(result.x, *others) < loss(longer.x, *others)


def test_an_interrupt_keeps_the_best_and_says_so():
    runs = []

    def counted(w, X, y):
        runs.append(1)
        if len(runs) == 14:
            raise KeyboardInterrupt
        return loss(w, X, y)

    result = sgd(counted, np.zeros(3), (X, Y), learning_rate=0.05)
    assert (result.reason, result.status, result.success) == ("interrupted", -3, False)
    assert result.fun == min(result.history)
    assert result.fun == pytest.approx(loss(result.x, X, Y))


def test_seconds_and_the_callback_end_a_run():
    assert "max_seconds" in sgd(loss, np.zeros(3), (X, Y), max_seconds=1e-9).message

    def stop(epoch, value):
        if epoch == 3:
            raise StopIteration

    result = sgd(loss, np.zeros(3), (X, Y), callback=stop)
    assert (result.nit, result.reason) == (3, "interrupted")


def test_settings_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="nesterov must be False where momentum is 0"):
        sgd(loss, np.zeros(3), (X, Y), nesterov=True)
    with pytest.raises(ShapeError, match=r"arrays of validation have \[37, 4\] rows"):
        sgd(loss, np.zeros(3), (X, Y), validation=(X, Y[:4]))
    with pytest.raises(ParameterError, match="validation must be as many arrays as data, 2"):
        sgd(loss, np.zeros(3), (X, Y), validation=(X,))
    sgd(loss, np.zeros(3), (X, Y), epochs=1, checkpoint=tmp_path / "run.npz")
    with pytest.raises(DataError, match="belongs to another run: its kind is 'sgd', here it is 'adam'"):
        adam(loss, np.zeros(3), (X, Y), checkpoint=tmp_path / "run.npz", resume=True)
    with pytest.raises(DataError, match="pass an rng of that kind"):
        sgd(loss, np.zeros(3), (X, Y), checkpoint=tmp_path / "run.npz", resume=True,
            rng=np.random.Generator(np.random.MT19937(1)))


def test_a_generator_with_arrays_in_its_state_is_resumed_too(tmp_path):
    make = lambda: np.random.Generator(np.random.MT19937(1))
    whole = sgd(loss, np.zeros(3), (X, Y), epochs=6, rng=make())
    sgd(loss, np.zeros(3), (X, Y), epochs=2, rng=make(), checkpoint=tmp_path / "run.npz")
    again = sgd(loss, np.zeros(3), (X, Y), epochs=6, rng=make(), checkpoint=tmp_path / "run.npz", resume=True)
    assert again.x.tobytes() == whole.x.tobytes()
