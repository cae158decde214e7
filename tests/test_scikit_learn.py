"""scikit-learn takes the models as its own: its checks, pipelines, grids, and the same numbers."""

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.base import clone
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
    return p["a"] + X @ p["w"][: X.shape[1]]


ESTIMATORS = [LinearRegression(), LogisticRegression(), PoissonRegressor(), GammaRegressor(),
              MLPClassifier((4,), solver="lbfgs", epochs=50), MLPRegressor((4,), solver="lbfgs", epochs=50),
              NonlinearRegression(line, {"a": 0.0, "w": np.zeros(20)})]


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
