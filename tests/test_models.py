"""Models on real data: certified answers, three gradients that agree, scikit-learn's names, errors that help."""

import copy
import inspect

import numpy as np
import pytest
from scipy.optimize import minimize

from dualdiff import gradient
from dualdiff.datasets import load_breast_cancer, load_diabetes, load_iris, load_line, load_norris
from dualdiff.errors import DataError, DivergenceError, DualdiffError, NotFittedError, ParameterError, ShapeError
from dualdiff.models import (
    MLP,
    GammaRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    backpropagate,
    relu,
    sigmoid,
    softmax,
)
from dualdiff.optimize import sgd

MODES = ["forward", "reverse", "backprop"]


def standardised(data):
    return (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)


CANCER, IRIS, DIABETES = load_breast_cancer(), load_iris(), load_diabetes()
CANCER_X, IRIS_X, DIABETES_X = map(standardised, (CANCER, IRIS, DIABETES))
PROGRESSION = (DIABETES.target - DIABETES.target.mean()) / DIABETES.target.std()


# ---- the bar: three gradients agree ----------------------------------------------------------------------------------
TRIED = [
    ("linear", LinearRegression(), DIABETES_X, PROGRESSION),
    ("linear, ridge, no intercept", LinearRegression(alpha=0.3, fit_intercept=False), DIABETES_X, PROGRESSION + 1),
    ("linear, far from the minimum", LinearRegression(solver="gradient-descent", max_iter=3), DIABETES_X, PROGRESSION),
    ("logistic", LogisticRegression(max_iter=3), CANCER_X, CANCER.target),
    ("logistic, no intercept", LogisticRegression(max_iter=2, fit_intercept=False), CANCER_X, CANCER.target),
    ("softmax", LogisticRegression(max_iter=2, alpha=0.1), IRIS_X, IRIS.target),
    ("network, classes", MLP((16,), epochs=2), IRIS_X, IRIS.target),
    ("network, squared cost", MLP((5,), loss="squared", activation=("tanh", "sigmoid"), epochs=2), IRIS_X, IRIS.target),
    ("network, numbers", MLP((8, 3), task="regression", alpha=0.01, epochs=2), DIABETES_X, PROGRESSION),
    ("network, relu", MLP((8, 3), task="regression", activation="relu", epochs=2), DIABETES_X, PROGRESSION),
    ("network, own function", MLP((6,), activation=[np.arctan, np.cosh], epochs=2), IRIS_X, IRIS.target),
    ("network, none", MLP((6, 2), activation="none", epochs=2), IRIS_X, IRIS.target),
    ("no hidden layer", MLP((), epochs=2), IRIS_X, IRIS.target),
    ("several outputs", MLP((6,), task="regression", epochs=2), IRIS_X[:, :2], IRIS_X[:, 2:]),
]


@pytest.mark.parametrize(("model", "X", "y"), [case[1:] for case in TRIED], ids=[case[0] for case in TRIED])
def test_the_three_gradients_of_every_model_agree_to_rounding(model, X, y):
    found = copy.deepcopy(model).fit(X, y).gradients(X[:90], y[:90])  # not the rows of the fit: the gradient is not zero
    assert list(found) == MODES
    length = np.linalg.norm(found["backprop"])
    assert length > 1e-4
    for mode in ("forward", "reverse"):
        assert np.linalg.norm(found[mode] - found["backprop"]) <= 1e-12 * length


def test_the_order_of_a_flat_gradient_is_that_of_the_fitted_attributes():
    model = MLP((5,), epochs=1).fit(IRIS_X, IRIS.target)
    flat = model.gradients(IRIS_X, IRIS.target)["reverse"]
    Y = np.eye(3)[IRIS.target]
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    (dW, db), (dV, dc) = backpropagate(layers, IRIS_X, Y, ["tanh", "none"], "cross-entropy")
    np.testing.assert_allclose(flat, np.concatenate([dW.ravel(), db, dV.ravel(), dc]), rtol=1e-11, atol=1e-15)


# ---- linear regression -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", MODES)
def test_norris_agrees_with_the_certified_coefficients_to_nine_digits(mode):
    norris = load_norris()
    model = LinearRegression(mode=mode).fit(norris.data, norris.target)
    certified = norris.certified.coefficients
    relative = np.abs(np.array([model.intercept_, *model.coef_]) - certified) / np.abs(certified)
    assert (relative < 1e-9).all()
    squares = np.sum((norris.target - model.predict(norris.data)) ** 2)
    np.testing.assert_allclose(squares, norris.certified.residual_ss, rtol=1e-9)
    assert model.converged_
    assert model.n_iter_ == 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_gauss_newton_solves_the_normal_equations(mode, fit_intercept, alpha):
    X, y = DIABETES.data, DIABETES.target  # 442 rows: not a multiple of the block of a reverse sweep
    model = LinearRegression(mode=mode, fit_intercept=fit_intercept, alpha=alpha).fit(X, y)
    A = np.column_stack([X, np.ones(len(X))]) if fit_intercept else X
    ridge = np.diag([len(X) * alpha] * X.shape[1] + [0.0] * fit_intercept)
    exact = np.linalg.solve(A.T @ A + ridge, A.T @ y)
    got = np.append(model.coef_, model.intercept_) if fit_intercept else model.coef_
    np.testing.assert_allclose(got, exact, rtol=1e-7)
    # The loss is the one whose gradient vanishes there.
    assert np.linalg.norm(model.gradients(X, y)["backprop"]) < 1e-8 * np.linalg.norm(X.T @ y / len(y))
    np.testing.assert_allclose(model.loss_history_[-1], model.cost(model.fitted_parameters(), X, y), rtol=1e-10)
    assert fit_intercept or model.intercept_ == 0


@pytest.mark.parametrize("mode", MODES)
def test_gradient_descent_comes_to_the_same_line(mode):
    direct = LinearRegression(alpha=0.1).fit(IRIS_X[:, :3], IRIS_X[:, 3])
    steps = LinearRegression(alpha=0.1, solver="gradient-descent", mode=mode, learning_rate=0.4)
    assert steps.fit(IRIS_X[:, :3], IRIS_X[:, 3]).converged_
    # The ridge makes the least curvature 0.1, so the distance is at most ten times the gradient's length.
    np.testing.assert_allclose(steps.coef_, direct.coef_, atol=1e-7)
    np.testing.assert_allclose(steps.intercept_, direct.intercept_, atol=1e-7)


def test_columns_that_depend_on_each_other_or_are_constant_still_give_the_least_squares():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(23, 2))
    y = 3 + x @ [1.0, -2.0] + rng.normal(size=23) / 10
    plain = LinearRegression().fit(x, y)
    odd = LinearRegression().fit(np.column_stack([x, 2 * x[:, 0], np.full(23, 0.1)]), y)
    np.testing.assert_allclose(odd.predict(np.column_stack([x, 2 * x[:, 0], np.full(23, 0.1)])), plain.predict(x), rtol=1e-12)
    assert np.abs(odd.coef_).max() < 3
    assert odd.coef_[3] == 0


@pytest.mark.parametrize("level", [17.7851863453701, -1.1175040851561668, 0.1])
@pytest.mark.parametrize("weights", [None, np.arange(1.0, 101.0)])
def test_what_rounding_leaves_of_a_constant_column_has_no_coefficient(level, weights):
    rng = np.random.default_rng(0)
    X, y = np.column_stack([rng.normal(size=100), np.full(100, level)]), rng.normal(size=100)
    assert abs(LinearRegression().fit(X, y, weights).coef_[1]) < 1e-25


def test_the_units_of_a_column_change_its_coefficient_only():
    units = np.array([1e-9, 1.0, 1e9, 1e3])
    plain, scaled = LinearRegression().fit(IRIS.data, IRIS.target), LinearRegression().fit(IRIS.data * units, IRIS.target)
    np.testing.assert_allclose(scaled.coef_ * units, plain.coef_, rtol=1e-11)
    np.testing.assert_allclose(scaled.intercept_, plain.intercept_, rtol=1e-11)


def test_numbers_too_large_to_square_are_divergence_with_advice():
    with pytest.raises(DivergenceError, match="Scale X and y"), np.errstate(over="ignore"):
        LinearRegression().fit(IRIS_X, 1e200 * IRIS_X[:, 0])


def test_a_learning_rate_too_large_names_a_smaller_one():
    norris = load_norris()
    with pytest.raises(DivergenceError, match=r"iteration \d+.*Try learning_rate=0.001 instead of 0.01, or scale the data"):
        LinearRegression(solver="gradient-descent").fit(norris.data, norris.target)


def test_r_squared_is_one_for_the_fit_itself_and_zero_for_the_mean():
    line = load_line()
    model = LinearRegression().fit(line.data, line.target)
    np.testing.assert_allclose(model.score(line.data, model.predict(line.data)), 1, rtol=1e-12)
    flat = LinearRegression(alpha=1e12).fit(line.data, line.target)
    assert abs(flat.score(line.data, line.target)) < 1e-9
    with pytest.raises(DataError, match="R² is undefined: all 11 values of y are the same"):
        model.score(line.data, np.ones(11))


# ---- logistic regression ---------------------------------------------------------------------------------------------
def analytic(v):
    """The loss of the notes' eq. (35) with the ridge, and its gradient, eqs. (38)-(39), for SciPy."""
    w, b, y = v[:30], v[30], CANCER.target
    z = CANCER_X @ w + b
    error = 1 / (1 + np.exp(-z)) - y
    value = np.mean(np.logaddexp(0, z) - y * z) + 0.5e-3 * w @ w
    return value, np.append(CANCER_X.T @ error / len(y) + 1e-3 * w, error.mean())


@pytest.fixture(scope="module")
def scipys():
    return minimize(analytic, np.zeros(31), jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 10_000})


@pytest.mark.parametrize("mode", MODES)
def test_breast_cancer_reaches_scipys_minimiser(mode, scipys):
    model = LogisticRegression(alpha=1e-3, mode=mode).fit(CANCER_X, CANCER.target)
    assert np.linalg.norm(model.gradients(CANCER_X, CANCER.target)["backprop"]) <= 1e-8
    np.testing.assert_allclose(np.append(model.coef_[0], model.intercept_), scipys.x, rtol=0, atol=1e-6)
    assert model.converged_
    assert model.n_iter_ < 20
    assert model.score(CANCER_X, CANCER.target) > 0.98


def test_softmax_reaches_the_minimiser_and_its_classes_sum_to_zero():
    model = LogisticRegression(alpha=0.01).fit(IRIS_X, IRIS.target)
    Y = np.eye(3)[IRIS.target]

    def loss(v):
        W, b = v[:12].reshape(3, 4), v[12:]
        P = softmax(IRIS_X @ W.T + b)
        value = -np.mean(np.log(P[Y == 1])) + 0.005 * np.sum(W * W)
        return value, np.append(((P - Y).T @ IRIS_X / 150 + 0.01 * W).ravel(), (P - Y).mean(axis=0))

    best = minimize(loss, np.zeros(15), jac=True, method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose(np.append(model.coef_.ravel(), model.intercept_), best.x, atol=1e-6)
    np.testing.assert_allclose(np.append(model.coef_.sum(axis=0), model.intercept_.sum()), 0, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("classes", [2, 3])
def test_gradient_descent_comes_to_newtons_minimum(mode, classes):
    rows = IRIS.target < classes
    X, y = IRIS_X[rows], IRIS.target[rows]
    newton = LogisticRegression(alpha=0.1).fit(X, y)
    steps = LogisticRegression(alpha=0.1, solver="gradient-descent", mode=mode, learning_rate=0.5, max_iter=3000).fit(X, y)
    assert steps.converged_
    np.testing.assert_allclose(steps.coef_, newton.coef_, atol=1e-6)
    np.testing.assert_allclose(steps.intercept_, newton.intercept_, atol=1e-6)


@pytest.mark.parametrize(
    "labels",
    [["setosa", "versicolor", "virginica"], [10, 20, 30], [-1.5, 0.0, 2.5], np.array(["a", "b", "c"], object)],
    ids=["text", "integers", "floats", "objects"],
)
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("make", [LogisticRegression, lambda: MLP((4,), learning_rate=0.05)], ids=["logistic", "mlp"])
def test_labels_of_any_type_come_back_as_they_were(make, count, labels):
    rows = IRIS.target < count
    X, y = IRIS_X[rows], np.asarray(labels)[IRIS.target[rows]]
    model = make().fit(X, y)
    assert model.classes_.tolist() == sorted(labels[:count])
    assert set(model.predict(X).tolist()) == set(labels[:count])
    P = model.predict_proba(X)
    assert P.shape == (50 * count, count)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-12)
    assert (model.classes_[np.argmax(P, axis=1)] == model.predict(X)).all()
    assert model.score(X, y) == np.mean(model.predict(X) == y) > 0.9


def test_two_booleans_are_classes_too():
    model = LogisticRegression().fit(IRIS_X, IRIS.target == 2)
    assert model.classes_.tolist() == [False, True]
    assert model.coef_.shape == (1, 4)
    assert model.intercept_.shape == (1,)


def test_the_probability_of_the_second_class_is_the_sigmoid_of_the_plane():
    model = LogisticRegression().fit(CANCER_X, CANCER.target)
    z = CANCER_X @ model.coef_[0] + model.intercept_[0]
    np.testing.assert_allclose(model.predict_proba(CANCER_X)[:, 1], sigmoid(z), rtol=1e-12)


def test_probabilities_stay_finite_far_from_the_data():
    for model in (LogisticRegression().fit(IRIS_X, IRIS.target), LogisticRegression().fit(CANCER_X, CANCER.target)):
        far = model.predict_proba(np.full((1, model.n_features_in_), 1e6))
        assert np.isfinite(far).all()
        np.testing.assert_allclose(far.sum(), 1)


def test_a_ridge_keeps_separable_classes_finite_and_a_larger_one_shrinks_the_weights():
    models = [LogisticRegression(alpha=alpha).fit(IRIS_X, IRIS.target == 0) for alpha in (1e-3, 1e-1, 10)]
    lengths = [np.linalg.norm(model.coef_) for model in models]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] < 100


def test_out_of_iterations_is_not_converged_and_says_so():
    model = LogisticRegression(max_iter=2).fit(CANCER_X, CANCER.target)
    assert not model.converged_
    assert model.n_iter_ == 2
    assert "out of iterations" in model.message_


# ---- the network -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("solver", ["adam", "sgd", "momentum", "gradient-descent"])
def test_the_three_modes_walk_the_same_path(solver):
    paths = []
    for mode in MODES:
        model = MLP((6,), solver=solver, mode=mode, epochs=4, learning_rate=0.05, random_state=3).fit(IRIS_X, IRIS.target)
        paths.append([*model.loss_history_, *np.concatenate([W.ravel() for W in model.coefs_])])
    np.testing.assert_allclose(paths[0], paths[2], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(paths[1], paths[2], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("solver", "rate"), [("adam", 0.02), ("sgd", 0.3), ("momentum", 0.05), ("gradient-descent", 1.0)]
)
def test_every_solver_learns_iris(solver, rate):
    model = MLP((8,), solver=solver, learning_rate=rate, epochs=100, mode="backprop").fit(IRIS_X, IRIS.target)
    assert model.score(IRIS_X, IRIS.target) > 0.95
    assert model.loss_history_[-1] < 0.2 * model.loss_history_[0]
    assert len(model.loss_history_) == model.n_iter_ + 1
    assert all(type(loss) is float for loss in model.loss_history_)


def test_the_steps_of_sgd_are_those_of_eqs_10_and_11():
    plain = MLP((4,), solver="sgd", batch_size=None, epochs=1, learning_rate=0.1)
    model = copy.deepcopy(plain).fit(IRIS_X, IRIS.target)
    layers = plain.glorot(np.random.default_rng(0), 4, 3)
    slopes = gradient(plain.cost)(layers, IRIS_X, np.eye(3)[IRIS.target])
    for W, b, (W0, b0), (dW, db) in zip(model.coefs_, model.intercepts_, layers, slopes, strict=True):
        np.testing.assert_allclose(W, W0 - 0.1 * dW, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(b, b0 - 0.1 * db, rtol=1e-10, atol=1e-14)


def test_momentum_is_sgd_with_nine_tenths():
    model = MLP((4,), solver="momentum", batch_size=None, epochs=3, learning_rate=0.1)
    start = model.glorot(np.random.default_rng(0), 4, 3)
    model.fit(IRIS_X, IRIS.target)
    data = IRIS_X, np.eye(3)[IRIS.target]
    result = sgd(model.cost, start, data, momentum=0.9, batch_size=None, epochs=3, learning_rate=0.1)
    np.testing.assert_allclose(model.loss_history_, result.history, rtol=1e-12)


def test_the_first_weights_fill_glorots_interval():
    (W, b), (V, _) = MLP((50,)).glorot(np.random.default_rng(0), 30, 7)
    for weights, limit in ((W, np.sqrt(6 / 80)), (V, np.sqrt(6 / 57))):
        assert 0.98 * limit < np.abs(weights).max() <= limit
        assert abs(weights.mean()) < 0.1 * limit
    assert not b.any()


def test_a_network_bends_where_a_line_cannot():
    x = np.linspace(-2, 2, 61)[:, None]
    y = np.sin(2 * x[:, 0])
    model = MLP((12,), task="regression", learning_rate=0.03, epochs=300, mode="backprop").fit(x, y)
    assert model.score(x, y) > 0.95
    assert LinearRegression().fit(x, y).score(x, y) < 0.5
    assert model.predict(x).shape == (61,)


def test_a_regression_of_several_outputs_keeps_their_shape():
    X, Y = IRIS_X[:, :2], IRIS_X[:, 2:]
    model = MLP((6,), task="regression", epochs=30, learning_rate=0.05, mode="backprop").fit(X, Y)
    assert model.predict(X).shape == (150, 2)
    assert model.coefs_[0].shape == (2, 6)
    assert model.coefs_[1].shape == (6, 2)
    assert [b.shape for b in model.intercepts_] == [(6,), (2,)]
    each = 1 - np.sum((Y - model.predict(X)) ** 2, axis=0) / np.sum(Y**2, axis=0)
    np.testing.assert_allclose(model.score(X, Y), each.mean(), rtol=1e-12)
    with pytest.raises(ShapeError, match="y has 1 outputs per row; the model was fitted on 2"):
        model.score(X, Y[:, 0])


def test_a_column_of_targets_predicts_a_column():
    model = MLP((3,), task="regression", epochs=1).fit(IRIS_X, IRIS_X[:, :1])
    assert model.predict(IRIS_X[:5]).shape == (5, 1)


def test_the_seed_decides_the_weights_and_the_batches():
    a, b, c = (MLP((5,), epochs=2, random_state=seed).fit(IRIS_X, IRIS.target).loss_history_ for seed in (1, 1, 2))
    assert a == b != c
    generator = MLP((5,), epochs=2, random_state=np.random.default_rng(1)).fit(IRIS_X, IRIS.target)
    assert generator.loss_history_ == a


def test_a_name_and_its_function_are_the_same_activation():
    by_name, by_function = (MLP((5,), activation=given, epochs=2).fit(IRIS_X, IRIS.target) for given in ("relu", relu))
    assert by_name.loss_history_ == by_function.loss_history_


def test_the_squared_cost_of_the_notes_trains_a_classifier_without_probabilities():
    model = MLP((8,), loss="squared", activation=("tanh", "sigmoid"), learning_rate=0.03, epochs=60).fit(IRIS_X, IRIS.target)
    assert model.score(IRIS_X, IRIS.target) > 0.95
    with pytest.raises(ParameterError, match="predict_proba needs classes and loss='cross-entropy'"):
        model.predict_proba(IRIS_X)


def test_a_network_that_settles_is_converged():
    model = MLP((4,), learning_rate=0.1, alpha=0.1, epochs=1000, batch_size=None, tol=1e-5, mode="backprop")
    model.fit(IRIS_X, IRIS.target)
    assert model.converged_
    assert model.n_iter_ < 1000
    assert "no more than tol" in model.message_


def test_a_ridge_of_the_network_shrinks_its_weights():
    free, held = (MLP((5,), alpha=alpha, epochs=50, mode="backprop").fit(IRIS_X, IRIS.target) for alpha in (0.0, 0.1))
    assert sum(np.sum(W * W) for W in held.coefs_) < 0.7 * sum(np.sum(W * W) for W in free.coefs_)


def test_a_network_that_diverges_names_the_epoch_and_a_smaller_rate():
    with pytest.raises(DivergenceError, match=r"sgd diverged in iteration \d+.*Try learning_rate=100 instead of 1000"):
        MLP((5,), task="regression", activation="relu", solver="sgd", learning_rate=1000).fit(DIABETES_X, PROGRESSION)


# ---- what all models share -------------------------------------------------------------------------------------------
ALL = [
    (LinearRegression, {}, DIABETES_X, PROGRESSION),
    (LogisticRegression, {}, IRIS_X, IRIS.target),
    (MLP, {"epochs": 2}, IRIS_X, IRIS.target),
]
every_model = pytest.mark.parametrize(("cls", "settings", "X", "y"), ALL, ids=[case[0].__name__ for case in ALL])


@every_model
def test_fit_returns_the_model_and_the_callback_hears_every_iteration(cls, settings, X, y):
    heard = []
    model = cls(**settings)
    assert model.fit(X, y, callback=lambda i, loss: heard.append((i, loss))) is model
    assert heard == list(enumerate(model.loss_history_))[1:]
    assert len(heard) == model.n_iter_
    assert model.n_features_in_ == X.shape[1]


@every_model
def test_a_fit_leaves_the_callers_arrays_alone_and_starts_afresh(cls, settings, X, y):
    mine, labels = X.copy(), y.copy()
    model = cls(**settings).fit(mine, labels)
    first = model.predict(X)
    assert (mine == X).all()
    assert (labels == y).all()
    assert (model.fit(X, y).predict(X) == first).all()


@every_model
def test_lists_are_as_good_as_arrays(cls, settings, X, y):
    lists = cls(**settings).fit(X.tolist(), y.tolist())
    assert lists.predict(X.tolist()).tolist() == cls(**settings).fit(X, y).predict(X).tolist()


@every_model
def test_an_unfitted_model_says_so(cls, settings, X, y):
    for use in (lambda m: m.predict(X), lambda m: m.score(X, y), lambda m: m.gradients(X, y)):
        with pytest.raises(NotFittedError, match=rf"this {cls.__name__} is not fitted yet; call fit\(X, y\) first"):
            use(cls(**settings))


@every_model
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_told_by_its_place(cls, settings, X, y, bad):
    broken, said = X.copy(), "NaN" if np.isnan(bad) else bad
    broken[7, 2] = bad
    with pytest.raises(DataError, match=rf"X holds {said} at row 7, column 2; remove those rows or fill them in"):
        cls(**settings).fit(broken, y)
    model = cls(**settings).fit(X, y)
    with pytest.raises(DataError, match="at row 7, column 2"):
        model.predict(broken)
    broken[[3, 9]] = bad
    with pytest.raises(DataError, match=rf"row 3, column 0 \({2 * X.shape[1] + 1} such entries in all\)"):
        model.predict(broken)
    target = y.astype(float)
    target[4] = bad
    with pytest.raises(DataError, match=rf"y holds {said} at row 4"):
        cls(**settings).fit(X, target)


@every_model
def test_shapes_that_do_not_fit_are_quoted(cls, settings, X, y):
    n, d = X.shape
    for call, message in [
        (lambda: cls(**settings).fit(X[:, 0], y), rf"X has shape \({n},\); .*Reshape your data: X\[:, None\] has one"),
        (lambda: cls(**settings).fit(X[None], y), r"X has shape \(1, .*it must have two axes"),
        (lambda: cls(**settings).fit(X[:0], y[:0]), rf"X has 0 sample\(s\) and {d} feature.* a minimum of 1"),
        (lambda: cls(**settings).fit(X[:, :0], y), rf"0 feature\(s\) \(shape=\({n}, 0\)\) while a minimum of 1"),
        (lambda: cls(**settings).fit(X, y[:-1]), f"y has {n - 1} entries; X has {n} rows"),
        (lambda: cls(**settings).fit(X, y[0]), r"y has shape \(\)"),
        (lambda: cls(**settings).fit([[1.0], [2.0, 3.0]], y[:2]), "X has rows of different lengths"),
        (lambda: cls(**settings).fit(X[:2], [[1.0], [2.0, 3.0]]), "y has rows of different lengths"),
        (lambda: cls(**settings).fit(X, y).predict(X[:, 1:]), f"X has {d - 1} features, but {cls.__name__} is expecting {d}"),
        (lambda: cls(**settings).fit(X, y).score(X, y[:-1]), f"y has {n - 1} entries; X has {n} rows"),
    ]:
        with pytest.raises(ShapeError, match=message):
            call()


@every_model
def test_text_and_complex_numbers_are_refused_with_the_next_step(cls, settings, X, y):
    words = X.astype(object)
    words[1, 1] = "tall"
    with pytest.raises(DataError, match=r"X cannot be read as numbers: .*tall.*one column of 0 and 1 per category"):
        cls(**settings).fit(words, y)
    with pytest.raises(DataError, match="X is complex"):
        cls(**settings).fit(X + 1j, y)


@pytest.mark.parametrize("make", [LogisticRegression, MLP])
def test_labels_that_cannot_be_classes_are_refused(make):
    X = IRIS_X[:6]
    for labels, message in [
        (["a"] * 6, "one class only, 'a'; a classifier needs at least two"),
        (np.array(["a", "b", None, "a", "b", "a"], object), "y holds None at row 2; remove rows without a label"),
        (np.array(["a", "b", float("nan"), "a", "b", "a"], object), "y holds nan at row 2"),
        (np.array(["a", 1, "b", "a", "b", "a"], object), r"mixes labels of types int, str; .*y.astype\(str\)"),
    ]:
        with pytest.raises(DataError, match=message):
            make().fit(X, labels)
    with pytest.raises(DataError, match="442 rows, which look like amounts, not classes; use a regression"):
        make().fit(DIABETES_X, DIABETES.target + np.arange(442) / 1000)


@pytest.mark.parametrize(("make", "y"), [(LogisticRegression, IRIS.target), (lambda: MLP(epochs=1), IRIS.target)])
def test_a_label_that_was_not_fitted_counts_as_wrong_but_has_no_gradient(make, y):
    model = make().fit(IRIS_X, y)
    other = np.where(y == 1, 7, y)
    assert model.score(IRIS_X, other) <= 2 / 3
    with pytest.raises(DataError, match=r"y holds 7, which is none of the fitted classes \[0, 1, 2\]"):
        model.gradients(IRIS_X, other)


# ---- settings --------------------------------------------------------------------------------------------------------
@every_model
def test_settings_are_read_and_changed_by_name(cls, settings, X, y):
    model = cls(**settings)
    before = model.get_params()
    assert list(before) == list(inspect.signature(cls).parameters)
    assert cls(**before).get_params() == before == model.get_params(deep=False)
    assert model.set_params(mode="backprop", learning_rate=0.5) is model
    assert model.get_params() == {**before, "mode": "backprop", "learning_rate": 0.5}
    assert "mode='backprop'" in repr(model)


@every_model
def test_a_setting_that_does_not_exist_is_answered_with_the_nearest(cls, settings, X, y):
    with pytest.raises(ParameterError, match=rf"{cls.__name__} has no setting 'learning_rat' .did you mean 'learning_rate'"):
        cls().set_params(learning_rat=0.1)
    with pytest.raises(ParameterError, match="has no setting 'zzz'; it has "):
        cls().set_params(zzz=1)


@every_model
def test_an_unknown_setting_among_others_changes_nothing(cls, settings, X, y):
    model = cls()
    with pytest.raises(ParameterError, match="has no setting 'zzz'"):
        model.set_params(learning_rate=0.5, zzz=1)
    assert model.get_params() == cls().get_params()


@every_model
def test_a_setting_spoilt_by_hand_is_met_at_the_fit(cls, settings, X, y):
    model = cls()
    model.solver = "magic"
    with pytest.raises(ParameterError, match=r"solver must be one of .*; got 'magic'"):
        model.fit(X, y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearRegression(alpha=-1.0), "alpha must be a number of at least 0; got -1.0"),
        (lambda: LinearRegression(alpha=np.ones(2)), r"alpha must be a number of at least 0; got array"),
        (lambda: LinearRegression(fit_intercept="no"), "fit_intercept must be one of True, False; got 'no'"),
        (lambda: LinearRegression(fit_intercept=np.arange(2)), r"must be one of True, False; got array\(\[0, 1\]\)"),
        (lambda: LinearRegression(max_iter=0), "max_iter must be a whole number of at least 1; got 0"),
        (lambda: LogisticRegression(tol=-1.0), "tol must be a number of at least 0; got -1.0"),
        (lambda: LogisticRegression(solver="lbfgs"), "solver must be one of 'newton', 'gradient-descent'; got 'lbfgs'"),
        (lambda: LogisticRegression(learning_rate=0), "learning_rate must be a positive number; got 0"),
        (lambda: MLP(16), r"hidden must be a tuple .* such as \(16,\); got 16"),
        (lambda: MLP((16, 0)), "each entry of hidden must be a whole number of at least 1; got 0"),
        (lambda: MLP(activation="step"), "activation 'step' has the derivative 0 everywhere.*use 'sigmoid'"),
        (lambda: MLP(activation=np.ones(2)), "activation array.* is not known; use one of 'relu'"),
        (lambda: MLP(activation="swish"), "activation 'swish' is not known; use one of 'relu', 'sigmoid', 'tanh', 'none'"),
        (lambda: MLP((4, 3), activation=("tanh", "none")), "activation has 2 entries for 2 hidden layers .*; give 3"),
        (lambda: MLP(task="ranking"), "task must be one of"),
        (lambda: MLP(task="regression", loss="cross-entropy"), "a regression takes loss='squared'"),
        (lambda: MLP(batch_size=0), "batch_size must be"),
        (lambda: MLP(epochs=1.5), "epochs must be a whole number of at least 1; got 1.5"),
        (lambda: MLP(random_state=-3), "random_state must be a whole number of at least 0; got -3"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_fit_as_scikit_learn_wants_it(make, message):
    model = make()                                         # clone and set_params must pass anything on
    with pytest.raises(ParameterError, match=message) as caught:
        model.fit(IRIS_X, IRIS.target)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, DualdiffError)


# ---- data as others bring it -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("unit", [1e-300, 1e-200, 1.0, 1e200, 1e300])
def test_columns_of_any_unit_are_regressed_on(unit):
    x = np.array([[1.0, 0.5], [2.0, -1.0], [4.0, 3.0], [5.0, 0.0], [-2.0, 1.0]])
    model = LinearRegression().fit(x * unit, x @ [1.0, 2.0] + 3.0)     # squares of the columns overflow, or vanish
    np.testing.assert_allclose(model.coef_ * unit, [1.0, 2.0], rtol=1e-12)
    assert model.intercept_ == pytest.approx(3.0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("unit", "alpha"), [(1e-300, 0), (1e-200, 0), (1e-9, 0.01), (1e9, 0.01), (1e160, 0), (1e300, 0)])
@pytest.mark.parametrize("model", [PoissonRegressor, GammaRegressor, LogisticRegression])
def test_the_units_of_columns_change_no_fit_by_newton(model, unit, alpha, mode):
    y = IRIS.target % 2 if model is LogisticRegression else 1.0 + IRIS.target
    plain, scaled = (model(alpha=alpha * u * u, mode=mode, fit_intercept=False).fit(IRIS_X * u, y) for u in (1.0, unit))
    np.testing.assert_allclose(scaled.coef_ * unit, plain.coef_, rtol=1e-6)
    assert scaled.converged_


class Frame:
    """What a data frame shows of itself."""

    def __init__(self, values, columns):
        self.values, self.columns = values, columns

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


def test_columns_of_a_data_frame_are_known_by_their_names():
    model = LogisticRegression().fit(Frame(IRIS_X, list("abcd")), IRIS.target)
    assert model.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(model.predict(Frame(IRIS_X, list("abcd"))), model.predict(IRIS_X))
    with pytest.raises(DataError, match=r"should match those that were passed during fit.\nFeature names must be in the same"):
        model.predict(Frame(IRIS_X, list("dcba")))
    with pytest.raises(DataError, match=r"unseen at fit time:\n- e\nFeature names seen at fit time, yet now missing:\n- d"):
        model.predict(Frame(IRIS_X, list("abce")))
    assert not hasattr(model.fit(Frame(IRIS_X, [0, 1, 2, 3]), IRIS.target), "feature_names_in_")


@pytest.mark.parametrize("solver", ["gradient-descent", "lbfgs"])
def test_a_solver_without_checkpoints_says_so(solver, tmp_path):
    for options in ({"checkpoint": tmp_path / "run.npz"}, {"resume": True}):
        with pytest.raises(ParameterError, match=f"solver='{solver}' writes no checkpoint"):
            MLP((3,), solver=solver).fit(IRIS_X, IRIS.target, **options)


def test_a_network_is_resumed_from_a_file_only():
    with pytest.raises(ParameterError, match="resume must be False without checkpoint="):
        MLP((3,)).fit(IRIS_X, IRIS.target, resume=True)
    with pytest.raises(TypeError, match="learning_rate"):   # a setting of the model, not of its fit
        MLP((3,)).fit(IRIS_X, IRIS.target, learning_rate=1.0)


def test_a_callback_may_end_the_regression_that_is_solved_at_once():
    def stop(iteration, loss):
        raise StopIteration

    model = LinearRegression().fit(IRIS_X, IRIS.target, callback=stop)
    assert (model.n_iter_, model.converged_) == (1, False)
    assert model.message_ == "stopped by the callback after iteration 1"
    with pytest.raises(ParameterError, match="callback must be a function; got 3"):
        model.fit(IRIS_X, IRIS.target, callback=3)


def test_masked_entries_are_missing_and_a_seed_may_be_left_out():
    with pytest.raises(DataError, match="X holds NaN at row 0, column 0"):
        LinearRegression().fit(np.ma.masked_less(IRIS_X, IRIS_X[0, 0] + 1e-9), IRIS.target)
    with pytest.raises(DataError, match="y holds NaN at row 2"):
        LinearRegression().fit(IRIS_X, np.ma.masked_array(IRIS_X[:, 0], np.arange(150) == 2))
    for labels in (IRIS.target, np.array(IRIS.target_names)[IRIS.target]):
        with pytest.raises(DataError, match="y holds nan at row 2; remove rows without a label"):
            LogisticRegression().fit(IRIS_X, np.ma.masked_array(labels, np.arange(150) == 2))
    assert MLP((3,), epochs=1, random_state=None).fit(IRIS_X, IRIS.target).n_iter_ == 1


def test_a_subclass_may_have_settings_of_its_own():
    class Mine(LinearRegression):
        def __init__(self, *, alpha=0.0, extra=1):
            super().__init__(alpha=alpha)
            self.extra = extra

    assert Mine(extra=2).get_params() == {"alpha": 0.0, "extra": 2}


def test_the_score_is_finite_where_predictions_overflow():
    X, y = [[0.0], [1.0], [2.0]], [1.0, 2.0, 4.0]
    model = GammaRegressor(alpha=0).fit(X, y)
    model.coef_ *= 1000
    assert np.isfinite(model.score(X, y))
