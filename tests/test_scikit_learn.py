"""scikit-learn takes the models as its own: its checks, pipelines, grids, and the same numbers."""

import numpy as np
import pytest
from scipy.optimize import curve_fit as scipy_fit
from sklearn import linear_model
from sklearn.base import clone
from sklearn.ensemble import AdaBoostClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from dualdiff.datasets import load_breast_cancer, load_diabetes, load_iris
from dualdiff.models import (
    MLP,
    GammaRegressor,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    NonlinearRegression,
    PoissonRegressor,
)


def line(X, p):
    """A formula for any number of columns, as scikit-learn's checks bring them."""
    return p["a"] + X[:, :5] @ p["w"][: X.shape[1]]


ESTIMATORS = [LinearRegression(), LogisticRegression(), PoissonRegressor(), GammaRegressor(),
              MLPClassifier((4,), solver="lbfgs", epochs=50), MLPRegressor((4,), solver="lbfgs", epochs=50),
              NonlinearRegression(line, {"a": 0.0, "w": np.zeros(5)})]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
@pytest.mark.filterwarnings("ignore")                      # its checks warn on purpose
def test_scikit_learns_own_checks_pass(estimator):
    found = check_estimator(clone(estimator), on_skip=None, on_fail="raise")
    assert len([check for check in found if check["status"] == "passed"]) >= 50


X, y = load_diabetes().data, load_diabetes().target
Z = StandardScaler().fit_transform(X)


def same(ours, theirs):
    assert ours.coef_.ravel() == pytest.approx(theirs.coef_.ravel(), rel=1e-6, abs=1e-9)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, rel=1e-6)


def test_the_ridge_is_scikit_learns():
    same(LinearRegression(alpha=0.3).fit(Z, y), linear_model.Ridge(alpha=0.3 * len(y)).fit(Z, y))


@pytest.mark.parametrize("data", [load_breast_cancer, load_iris], ids=["binary", "multinomial"])
def test_logistic_regression_is_scikit_learns(data):
    rows, labels = StandardScaler().fit_transform(data().data), data().target
    theirs = linear_model.LogisticRegression(C=1 / (len(labels) * 1e-2), tol=1e-12, solver="newton-cholesky", max_iter=500)
    same(LogisticRegression(alpha=1e-2, tol=1e-11).fit(rows, labels), theirs.fit(rows, labels))


@pytest.mark.parametrize("name", ["PoissonRegressor", "GammaRegressor"])
def test_generalised_linear_models_are_scikit_learns(name):
    ours = {"PoissonRegressor": PoissonRegressor, "GammaRegressor": GammaRegressor}[name](alpha=0.1, tol=1e-10).fit(Z, y)
    theirs = getattr(linear_model, name)(alpha=0.1, tol=1e-12, solver="newton-cholesky").fit(Z, y)
    same(ours, theirs)
    assert ours.score(Z, y) == pytest.approx(theirs.score(Z, y), rel=1e-8)
    ways = ours.gradients(Z, y)
    for way in ways.values():
        assert way == pytest.approx(ways["forward"], abs=1e-12 * np.max(np.abs(y)))


def test_pipelines_grids_and_cross_validation_take_them():
    iris = load_iris()
    steps = make_pipeline(StandardScaler(), LogisticRegression())
    grid = GridSearchCV(steps, {"logisticregression__alpha": [1e-3, 1.0]}, cv=3)
    assert grid.fit(iris.data, iris.target).best_score_ > 0.9
    assert cross_val_score(LinearRegression(), X, y, cv=3).mean() == pytest.approx(
        cross_val_score(linear_model.LinearRegression(), X, y, cv=3).mean(), rel=1e-8)


@pytest.mark.parametrize("solver", ["lbfgs", "levenberg-marquardt"])
def test_solvers_on_all_rows_train_a_network(solver):
    target = (y - y.mean()) / y.std()
    model = MLPRegressor((4,), solver=solver, epochs=60, random_state=3).fit(Z, target)
    assert model.loss_history_[-1] < 0.75 * model.loss_history_[0]
    assert model.loss_history_[-1] == pytest.approx(model.cost(model.fitted_parameters(), Z, target[:, None]), rel=1e-12)
    ridge = MLPRegressor((4,), solver=solver, epochs=60, alpha=1.0, random_state=3).fit(Z, target)
    assert np.sum(ridge.coefs_[0] ** 2) < np.sum(model.coefs_[0] ** 2)


def test_levenberg_marquardt_is_for_squares():
    with pytest.raises(ValueError, match="levenberg-marquardt' is for squares"):
        MLP(loss="cross-entropy", solver="levenberg-marquardt").fit(Z, load_diabetes().target > 100)


@pytest.mark.parametrize("solver", ["adam", "levenberg-marquardt"])
def test_training_goes_on_from_its_checkpoint_to_the_same_bits(solver, tmp_path):
    target = (y - y.mean()) / y.std()
    whole = MLPRegressor((3,), solver=solver, epochs=8, tol=0).fit(Z, target)
    file = tmp_path / "training.npz"

    def stop(epoch, loss):
        if epoch == 5:
            raise StopIteration

    MLPRegressor((3,), solver=solver, epochs=8, tol=0).fit(Z, target, callback=stop, checkpoint=file)
    rest = MLPRegressor((3,), solver=solver, epochs=8, tol=0).fit(Z, target, checkpoint=file, resume=True)
    for a, b in zip(whole.coefs_, rest.coefs_, strict=True):
        assert (a == b).all()


def test_what_cannot_be_counted_or_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="y holds -1; PoissonRegressor takes values that are at least 0"):
        PoissonRegressor().fit([[1.0], [2.0]], [3.0, -1.0])
    with pytest.raises(ValueError, match="y holds 0; GammaRegressor takes values that are positive"):
        GammaRegressor().fit([[1.0], [2.0]], [3.0, 0.0])
    with pytest.raises(ValueError, match="model must be a function"):
        NonlinearRegression("a*x", {"a": 1.0}).fit([[1.0], [2.0]], [3.0, 4.0])
    with pytest.raises(ValueError, match=r"model returned shape \(2, 1\) for 2 rows; it must return \(2,\)"):
        NonlinearRegression(lambda X, p: X * p, 1.0).fit([[1.0], [2.0]], [3.0, 4.0])


# ---- sample weights
W = np.random.default_rng(7).integers(0, 4, len(y)).astype(float)
W[:40] = 0.0
CLASSES = np.digitize(y, [100.0, 180.0])
STANDARD = (y - y.mean()) / y.std()


@pytest.mark.parametrize("mode", ["forward", "reverse", "backprop"])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("intercept", [True, False])
def test_weighted_least_squares_are_scikit_learns(mode, alpha, intercept):
    theirs = linear_model.Ridge(alpha * W.sum(), fit_intercept=intercept) if alpha else \
        linear_model.LinearRegression(fit_intercept=intercept)
    ours = LinearRegression(alpha=alpha, mode=mode, fit_intercept=intercept).fit(Z, y, W)
    same(ours, theirs.fit(Z, y, W))
    assert ours.score(Z, y, W) == pytest.approx(theirs.score(Z, y, W), rel=1e-10)
    assert ours.loss_history_[-1] == pytest.approx(np.average((ours.predict(Z) - y)**2, weights=W) / 2
                                                   + alpha / 2 * ours.coef_ @ ours.coef_, rel=1e-12)


@pytest.mark.parametrize("mode", ["forward", "reverse", "backprop"])
@pytest.mark.parametrize("labels", [CLASSES > 0, CLASSES], ids=["binary", "multinomial"])
def test_weighted_logistic_regression_is_scikit_learns(mode, labels):
    theirs = linear_model.LogisticRegression(C=1 / (W.sum() * 1e-2), tol=1e-12, solver="newton-cholesky", max_iter=500)
    ours = LogisticRegression(alpha=1e-2, tol=1e-11, mode=mode).fit(Z, labels, sample_weight=W)
    same(ours, theirs.fit(Z, labels, W))
    assert ours.score(Z, labels, W) == pytest.approx(theirs.score(Z, labels, W), rel=1e-14)


@pytest.mark.parametrize("mode", ["forward", "reverse", "backprop"])
@pytest.mark.parametrize("ours", [PoissonRegressor, GammaRegressor])
def test_weighted_generalised_linear_models_are_scikit_learns(mode, ours):
    theirs = getattr(linear_model, ours.__name__)(alpha=0.1, tol=1e-12, solver="newton-cholesky").fit(Z, y, W)
    model = ours(alpha=0.1, tol=1e-10, mode=mode).fit(Z, y, W)
    same(model, theirs)
    assert model.score(Z, y, W) == pytest.approx(theirs.score(Z, y, W), rel=1e-8)


def bend(X, p):
    return p["a"] + p["b"] * np.tanh(X @ p["w"])


BEND = NonlinearRegression(bend, {"a": 0.0, "b": 1.0, "w": np.full(3, 0.1)})
WEIGHTED = [
    (LinearRegression(alpha=0.1, solver="gradient-descent", learning_rate=0.1, tol=1e-10), STANDARD),
    (LinearRegression(alpha=0.1), STANDARD),
    (LogisticRegression(solver="gradient-descent", alpha=0.1, learning_rate=0.5, tol=1e-10), CLASSES),
    (LogisticRegression(), CLASSES), (PoissonRegressor(), y), (GammaRegressor(), y), (BEND, STANDARD),
    *[(clone(BEND).set_params(loss=loss, f_scale=0.3), STANDARD) for loss in ("huber", "soft_l1", "cauchy", "arctan")],
    (clone(BEND).set_params(loss="soft_l1", f_scale=0.3, method="trf"), STANDARD),
    *[(MLPRegressor((3,), activation=("tanh", "none"), solver=solver, alpha=alpha, epochs=30), STANDARD)
      for solver in ("lbfgs", "levenberg-marquardt", "gradient-descent") for alpha in (0.0, 0.01)],
    *[(MLPRegressor((3,), solver=solver, batch_size=None, mode="backprop", epochs=9), np.stack([STANDARD, -y / 99], 1))
      for solver in ("adam", "sgd", "momentum")],
    *[(MLPClassifier((3,), solver="lbfgs", mode=mode, epochs=30), CLASSES) for mode in ("forward", "reverse", "backprop")],
    (MLPClassifier((3,), solver="levenberg-marquardt", epochs=30), CLASSES),
]


@pytest.mark.parametrize(("model", "target"), WEIGHTED, ids=lambda part: type(part).__name__)
def test_a_weight_of_two_is_the_row_twice_and_one_of_zero_is_no_row(model, target):
    rows, times = Z[:, :3], W.astype(int)
    often = clone(model).fit(rows.repeat(times, axis=0), target.repeat(times, axis=0))
    for weights in (W, 1e-9 * W, times.tolist()):
        once = clone(model).fit(rows, target, weights)
        np.testing.assert_allclose(once.predict(rows), often.predict(rows), rtol=1e-6, atol=1e-6)
    assert once.converged_ == often.converged_
    scores = once.score(rows, target, W), often.score(rows.repeat(times, axis=0), target.repeat(times, axis=0))
    assert scores[0] == pytest.approx(scores[1], rel=1e-5)
    every = clone(model).fit(rows, target, 3)
    np.testing.assert_allclose(every.predict(rows), clone(model).fit(rows, target).predict(rows), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mode", ["forward", "reverse", "backprop"])
def test_a_batch_takes_its_rows_weights_along(mode):
    model = MLPClassifier((3,), solver="sgd", batch_size=5, epochs=1, learning_rate=0.1, mode=mode, activation="tanh")
    start = model.glorot(np.random.default_rng(0), 3, 2)
    (V, v), (U, u) = start
    keep, T = W > 0, np.eye(2)[(CLASSES > 0).astype(int)]
    rows, T, w = Z[keep, :3], T[keep], W[keep] / W[keep].mean()
    rng = np.random.default_rng(0)
    model.glorot(rng, 3, 2)
    order = np.random.default_rng(rng).permutation(len(w))
    for first in range(0, len(w), 5):
        some = order[first:first + 5]
        a = np.tanh(rows[some] @ V + v)
        e = np.exp(a @ U + u)
        delta = (e / e.sum(1, keepdims=True) - T[some]) * w[some, None] / len(some)
        back = delta @ U.T * (1 - a * a)
        V, v, U, u = V - 0.1 * rows[some].T @ back, v - 0.1 * back.sum(0), U - 0.1 * a.T @ delta, u - 0.1 * delta.sum(0)
    model.fit(Z[:, :3], CLASSES > 0, W)
    np.testing.assert_allclose(model.coefs_[0], V, rtol=1e-9)
    np.testing.assert_allclose(model.coefs_[1], U, rtol=1e-9)


def test_the_uncertainty_of_weighted_estimates_is_curve_fits():
    rng, rows = np.random.default_rng(3), Z[:, :3]
    sigma = rng.uniform(0.5, 2.0, len(y))
    target = bend(rows, {"a": 1.0, "b": 2.0, "w": np.array([0.5, 1.0, -0.7])}) + 0.1 * sigma * rng.normal(size=len(y))
    model = clone(BEND).fit(rows, target, 7 / sigma**2)

    def flat(X, a, b, *w):
        return bend(X.T, {"a": a, "b": b, "w": np.array(w)})

    popt, pcov = scipy_fit(flat, rows.T, target, [0, 1, 0.1, 0.1, 0.1], sigma, xtol=1e-14, ftol=1e-14)
    np.testing.assert_allclose(model.result_.flat, popt, rtol=1e-7)
    np.testing.assert_allclose(model.covariance_, pcov, rtol=1e-4, atol=1e-9)
    without, fewer = clone(BEND).fit(rows, target, np.arange(len(y)) >= 40), clone(BEND).fit(rows[40:], target[40:])
    np.testing.assert_allclose(without.covariance_, fewer.covariance_, rtol=1e-12)


def test_a_class_without_weight_is_no_class_and_its_rows_need_no_sense():
    model = LogisticRegression().fit(Z, CLASSES, CLASSES != 1)
    assert model.classes_.tolist() == [0, 2]
    assert (model.coef_ == LogisticRegression().fit(Z[CLASSES != 1], CLASSES[CLASSES != 1]).coef_).all()
    words = np.array(["none", "some", "many"], object)[CLASSES]
    assert MLPClassifier((3,), epochs=1).fit(Z, words, CLASSES != 1).classes_.tolist() == ["many", "none"]
    with pytest.raises(ValueError, match="y holds one class only, 'some'"):
        LogisticRegression().fit(Z, words, CLASSES == 1)
    with pytest.raises(ValueError, match="with a positive mean"):
        PoissonRegressor().fit(Z, CLASSES, CLASSES == 0)
    for score in (PoissonRegressor().fit(Z, CLASSES).score, LinearRegression().fit(Z, CLASSES).score):
        with pytest.raises(ValueError, match="is undefined: all"):
            score(Z, np.where(CLASSES == 1, 0.1, 3.0), CLASSES == 1)


@pytest.mark.parametrize(("model", "target"), [WEIGHTED[i] for i in (1, 3, 4, 6, -1)], ids=lambda m: type(m).__name__)
@pytest.mark.parametrize(("weights", "words"), [
    (W[1:], r"sample_weight has shape \(441,\); it must be \(442,\)"), (W[:, None], r"sample_weight has shape \(442, 1\)"),
    (W - 1, "sample_weight runs from -1 to 2; none may be negative"), (0 * W, "not all zero"), (0, "from 0 to 0"),
    (np.where(W > 2, np.nan, W), r"sample_weight holds NaN at row \d+"), (np.inf, "sample_weight holds inf"),
    (W + 1j, "sample_weight is complex"), (["a"] * 442, "sample_weight cannot be read as numbers"),
])
def test_weights_that_cannot_be_are_refused(model, target, weights, words):
    model = clone(model).fit(Z[:, :3], target)
    for call in (model.score, model.fit):
        with pytest.raises(ValueError, match=words):
            call(Z[:, :3], target, sample_weight=weights)


def test_pipelines_grids_and_boosting_hand_weights_on():
    steps = make_pipeline(StandardScaler(), LinearRegression(alpha=0.1))
    steps.fit(X, y, linearregression__sample_weight=W)
    scaled = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(steps[-1].coef_, LinearRegression(alpha=0.1).fit(scaled, y, W).coef_, rtol=1e-12)
    grid = GridSearchCV(PoissonRegressor(), {"alpha": [0.01, 1.0]}, cv=3).fit(Z, y, sample_weight=W)
    theirs = GridSearchCV(linear_model.PoissonRegressor(tol=1e-10, max_iter=1000), {"alpha": [0.01, 1.0]}, cv=3)
    np.testing.assert_allclose(grid.cv_results_["mean_test_score"],
                               theirs.fit(Z, y, sample_weight=W).cv_results_["mean_test_score"], rtol=1e-5)
    assert AdaBoostClassifier(LogisticRegression(), n_estimators=5).fit(Z, CLASSES).score(Z, CLASSES) > 0.5
