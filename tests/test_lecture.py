"""The programmes and equations of the lecture notes this project implements, spelled as the notes spell them.

Y. Hu, *Machine learning* (lecture notes). Equation numbers are theirs.
"""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sympy
from matplotlib.figure import Figure

from dualdiff import Dual, derivative, gradient, jacobian, vjp
from dualdiff.datasets import load_breast_cancer, load_iris, load_line
from dualdiff.models import (
    MLP,
    LinearRegression,
    LogisticRegression,
    backpropagate,
    forward,
    logistic_loss,
    none,
    relu,
    sigmoid,
    squared_cost,
    step,
    tanh,
)
from dualdiff.optimize import gradient_descent, sgd
from dualdiff.symbolic import Symbolic

MODES = ["forward", "reverse"]
ROUNDING = 1e-12  # sums of a few hundred products, each rounded at 1e-16


# ---- section 3: automatic differentiation ----------------------------------------------------------------------------
def f(x, y):
    return x * (x + y) + y * y


def test_dual_numbers_give_7_and_8():
    x = Dual(2)
    y = Dual(3)
    epsilon = Dual(0, 1)
    a = f(x + epsilon, y)
    b = f(x, y + epsilon)
    assert a.tangent == 7
    assert b.tangent == 8
    assert f(x + Dual(0, 1), y).tangent == 7
    assert a.value == b.value == 19


def test_one_jacobian_sweep_gives_7_and_8():
    runs = []

    def z(v):
        runs.append(v)
        return f(v[0], v[1])

    assert jacobian(z)(np.array([2.0, 3.0])).tolist() == [7, 8]
    assert len(runs) == 1
    assert jacobian(f, argnums=(0, 1))(2.0, 3.0) == (7, 8)


def test_one_reverse_sweep_gives_7_and_8():
    z, pullback = vjp(f, 2.0, 3.0)
    assert z == 19
    assert pullback(1.0) == (7, 8)
    assert gradient(f, argnums=(0, 1), mode="reverse")(2.0, 3.0) == (7, 8)


TAYLOR = [
    ("a cube", lambda x: x**3 - 2 * x, lambda x: x**3 - 2 * x, 1.5),
    ("a quotient", lambda x: (x + 1) / (x * x + 2), lambda x: (x + 1) / (x * x + 2), -0.7),
    ("sin exp", lambda x: np.sin(x) * np.exp(x), lambda x: sympy.sin(x) * sympy.exp(x), 0.3),
    ("a logarithm", lambda x: np.log(1 + x**2), lambda x: sympy.log(1 + x**2), 2.5),
]


@pytest.mark.parametrize(("numeric", "symbolic", "at"), [case[1:] for case in TAYLOR], ids=[case[0] for case in TAYLOR])
def test_eq_27_the_epsilon_part_of_f_is_b_times_the_derivative(numeric, symbolic, at):
    x = sympy.Symbol("x")
    slope = float(sympy.diff(symbolic(x), x).subs(x, at).evalf(30))
    result = numeric(Dual(at, 2.5))
    assert result.value == numeric(at)
    np.testing.assert_allclose(result.tangent, 2.5 * slope, rtol=1e-14)


def test_eqs_28_and_29_hold_exactly_for_any_numbers():
    a1, b1, a2, b2 = Fraction(1, 3), Fraction(-7, 5), Fraction(2, 9), Fraction(11, 4)
    total, product = Dual(a1, b1) + Dual(a2, b2), Dual(a1, b1) * Dual(a2, b2)
    assert (total.value, total.tangent) == (a1 + a2, b1 + b2)
    assert (product.value, product.tangent) == (a1 * a2, a1 * b2 + a2 * b1)


def test_eqs_28_and_29_hold_for_symbols():
    a1, b1, a2, b2 = sympy.symbols("a1 b1 a2 b2")
    total, product = Dual(a1, b1) + Dual(a2, b2), Dual(a1, b1) * Dual(a2, b2)
    assert (total.value, total.tangent) == (a1 + a2, b1 + b2)
    assert (product.value, sympy.expand(product.tangent)) == (a1 * a2, a1 * b2 + a2 * b1)


def test_epsilon_squared_is_zero_though_epsilon_is_not():
    epsilon = Dual(0, 1)
    assert ((epsilon * epsilon).value, (epsilon * epsilon).tangent) == (0, 0)
    assert epsilon.tangent != 0


# ---- section 2.1: activations ----------------------------------------------------------------------------------------
Z = sympy.Symbol("z", real=True)
ACTIVATIONS = [
    ("eq 2", step, sympy.Piecewise((1, Z >= 0), (0, True))),
    ("eq 3", relu, sympy.Piecewise((0, Z < 0), (Z, True))),
    ("eq 4", sigmoid, 1 / (1 + sympy.exp(-Z))),
    ("tanh", tanh, sympy.tanh(Z)),
    ("none", none, Z),
]


@pytest.mark.parametrize(("function", "formula"), [case[1:] for case in ACTIVATIONS], ids=[case[0] for case in ACTIVATIONS])
def test_an_activation_and_its_derivative_are_the_formula(function, formula):
    points = np.array([-30.0, -2.5, -0.125, 0.375, 4.0, 30.0])
    exact, slope = (
        [float(expression.subs(Z, sympy.Rational(point)).evalf(30)) for point in points]
        for expression in (formula, sympy.diff(formula, Z))
    )
    np.testing.assert_allclose(function(points), exact, rtol=1e-13)
    np.testing.assert_allclose(derivative(function)(points), slope, rtol=1e-13)


def test_the_step_is_one_at_zero_and_relu_has_its_least_slope_there():
    assert step(0.0) == 1
    assert derivative(relu)(0.0) == 0


def test_eq_37_the_slope_of_the_sigmoid_is_sigmoid_times_one_minus_it():
    dual = 1 / (1 + np.exp(-Dual(Symbolic(Z), Symbolic(1))))
    assert sympy.simplify(dual.tangent.expression - dual.value.expression * (1 - dual.value.expression)) == 0
    z = np.linspace(-20, 20, 41)
    np.testing.assert_allclose(derivative(sigmoid)(z), sigmoid(z) * sigmoid(-z), rtol=1e-13)


def test_the_sigmoid_loses_nothing_in_either_tail():
    np.testing.assert_allclose(sigmoid(np.array([-700.0, 700.0])), [np.exp(-700), 1], rtol=1e-12)
    assert derivative(sigmoid)(np.array([-1000.0, 1000.0])).tolist() == [0, 0]


# ---- the network that the equations below speak of -------------------------------------------------------------------
# K = 4 inputs, 3 and 5 hidden neurons, 2 outputs; wˡ is J × K, bˡ and aˡ are columns, as in the notes.
SIZES = [4, 3, 5, 2]
SIGMAS = ["tanh", "sigmoid", "none"]
FUNCTIONS = {"tanh": np.tanh, "sigmoid": sigmoid, "none": none}
N = 7


@pytest.fixture
def network():
    rng = np.random.default_rng(8)
    return [(rng.normal(size=(J, K)), rng.normal(size=J)) for K, J in pairwise(SIZES)]


@pytest.fixture
def examples():
    rng = np.random.default_rng(9)
    return rng.normal(size=(N, SIZES[0])), rng.normal(size=(N, SIZES[-1]))


def rowwise(network):
    """The same network for one example per row."""
    return [(w.T, b) for w, b in network]


def columns(network, x):
    """Every zˡ and aˡ for one example x, by eq. (7)."""
    z, a = [], [x]
    for (w, b), name in zip(network, SIGMAS, strict=True):
        z.append(w @ a[-1] + b)
        a.append(FUNCTIONS[name](z[-1]))
    return z, a


def cost_of_one(network, x, y):
    return np.sum((y - columns(network, x)[1][-1]) ** 2) / 2


def test_eqs_1_5_and_6_neuron_by_neuron_are_the_matrix_form_7(network, examples):
    X, _ = examples
    for x in X:
        a = x
        for (w, b), name in zip(network, SIGMAS, strict=True):
            J, K = w.shape
            z = [sum(w[j, k] * a[k] for k in range(K)) + b[j] for j in range(J)]
            a = [FUNCTIONS[name](z_j) for z_j in z]
        np.testing.assert_allclose(a, columns(network, x)[1][-1], rtol=ROUNDING)
        np.testing.assert_allclose(a, forward(rowwise(network), x[None], SIGMAS)[0], rtol=ROUNDING)


def test_eqs_8_and_9_are_the_cost_that_is_trained(network, examples):
    X, Y = examples
    aL = forward(rowwise(network), X, SIGMAS)
    eq8 = sum(np.linalg.norm(y - a) ** 2 for y, a in zip(Y, aL, strict=True)) / (2 * N)
    eq9 = sum((Y[i, j] - aL[i, j]) ** 2 for i in range(N) for j in range(SIZES[-1])) / (2 * N)
    np.testing.assert_allclose([eq8, eq9], squared_cost(Y, aL), rtol=ROUNDING)
    model = MLP((3, 5), task="regression", epochs=1).fit(X, Y)
    np.testing.assert_allclose(model.loss_history_[-1], squared_cost(Y, model.predict(X)), rtol=ROUNDING)


@pytest.mark.parametrize("mode", MODES)
def test_eqs_12_to_15_the_gradient_is_the_average_over_examples(network, examples, mode):
    X, Y = examples
    whole = gradient(lambda p: squared_cost(Y, forward(p, X, SIGMAS)), mode=mode)(rowwise(network))
    each = [gradient(cost_of_one, mode=mode)(network, x, y) for x, y in zip(X, Y, strict=True)]
    for layer, (dW, db) in enumerate(whole):
        np.testing.assert_allclose(dW.T, sum(g[layer][0] for g in each) / N, rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(db, sum(g[layer][1] for g in each) / N, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("mode", MODES)
def test_eqs_10_and_11_are_a_step_of_gradient_descent(network, examples, mode):
    X, Y = examples
    start, eta = rowwise(network), 0.05

    def C(p):
        return squared_cost(Y, forward(p, X, SIGMAS))

    by_hand = start
    for _ in range(3):
        slopes = gradient(C)(by_hand)
        by_hand = [(w - eta * dw, b - eta * db) for (w, b), (dw, db) in zip(by_hand, slopes, strict=True)]
    result = gradient_descent(C, start, learning_rate=eta, max_iter=3, mode=mode)
    for (w, b), (w0, b0) in zip(result.x, by_hand, strict=True):
        np.testing.assert_allclose(w, w0, rtol=1e-11)
        np.testing.assert_allclose(b, b0, rtol=1e-11)
    assert result.fun < result.history[0]


def test_section_2_3_batches_of_16_train_a_network_on_iris():
    iris = load_iris()
    X = (iris.data - iris.data.mean(axis=0)) / iris.data.std(axis=0)
    sizes = []

    def C(p, X, Y):
        sizes.append(len(X))
        return squared_cost(Y, forward(p, X, ["sigmoid", "sigmoid"]))

    rng = np.random.default_rng(0)
    start = [(rng.normal(size=(4, 8)) / 2, np.zeros(8)), (rng.normal(size=(8, 3)) / 2, np.zeros(3))]
    result = sgd(C, start, (X, np.eye(3)[iris.target]), learning_rate=1.0, batch_size=16, epochs=60, rng=1)
    assert set(sizes) == {16, 150 % 16, 150}
    assert result.fun < 0.2 * result.history[0]
    answers = np.argmax(forward(result.x, X, ["sigmoid", "sigmoid"]), axis=1)
    assert np.mean(answers == iris.target) > 0.95


@pytest.mark.parametrize("mode", MODES)
def test_section_2_3_batches_that_cover_the_data_average_to_the_gradient(network, examples, mode):
    X, Y = np.tile(examples[0], (3, 1))[:18], np.tile(examples[1], (3, 1))[:18]
    slope = gradient(lambda b, X, Y: squared_cost(Y, forward([*rowwise(network)[:-1], (network[-1][0].T, b)], X, SIGMAS)),
                     mode=mode)
    batches = [slope(network[-1][1], X[i : i + 6], Y[i : i + 6]) for i in (0, 6, 12)]
    np.testing.assert_allclose(np.mean(batches, axis=0), slope(network[-1][1], X, Y), rtol=ROUNDING)
    assert not np.allclose(batches[0], batches[1])


# ---- section 2.4: back-propagation, neuron by neuron -----------------------------------------------------------------
SLOPES = {
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "sigmoid": lambda z: sigmoid(z) * (1 - sigmoid(z)),
    "none": np.ones_like,
}


def errors_of_neurons(network, x, y):
    """δˡ of every layer by eqs. (20) and (25), with the sums written out."""
    z, a = columns(network, x)
    L = len(network) - 1
    slope = [SLOPES[name](z[layer]) for layer, name in enumerate(SIGMAS)]
    delta = [np.zeros(len(b)) for _, b in network]
    for j in range(len(delta[L])):
        delta[L][j] = (a[-1][j] - y[j]) * slope[L][j]
    for layer in range(L - 1, -1, -1):
        w = network[layer + 1][0]
        for J in range(len(delta[layer])):
            delta[layer][J] = sum(delta[layer + 1][j] * w[j, J] for j in range(len(w))) * slope[layer][J]
    return delta, z, a


def cost_from(layer, z, network, y):
    """Cₓ as a function of the weighted inputs zˡ of one layer: what eq. (16) differentiates."""
    a = FUNCTIONS[SIGMAS[layer]](z)
    for (w, b), name in zip(network[layer + 1 :], SIGMAS[layer + 1 :], strict=True):
        a = FUNCTIONS[name](w @ a + b)
    return np.sum((y - a) ** 2) / 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_eqs_16_20_and_25_are_the_dual_number_slopes_of_the_weighted_inputs(network, examples, mode, layer):
    for x, y in zip(*examples, strict=True):
        delta, z, _ = errors_of_neurons(network, x, y)
        eq16 = gradient(lambda z_l: cost_from(layer, z_l, network, y), mode=mode)(z[layer])  # noqa: B023 - used at once
        np.testing.assert_allclose(delta[layer], eq16, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("mode", MODES)
def test_eqs_17_and_18_are_the_dual_number_gradient(network, examples, mode):
    for x, y in zip(*examples, strict=True):
        delta, _, a = errors_of_neurons(network, x, y)
        slopes = gradient(cost_of_one, mode=mode)(network, x, y)
        for layer, (dw, db) in enumerate(slopes):
            np.testing.assert_allclose(db, delta[layer], rtol=1e-11, atol=1e-14)
            np.testing.assert_allclose(dw, np.outer(delta[layer], a[layer]), rtol=1e-11, atol=1e-14)


def test_eq_19_is_the_chain_rule_at_the_output_layer(network, examples):
    x, y = examples[0][0], examples[1][0]
    delta, z, a = errors_of_neurons(network, x, y)
    of_outputs = gradient(lambda aL: np.sum((y - aL) ** 2) / 2)(a[-1])
    np.testing.assert_allclose(of_outputs * derivative(FUNCTIONS[SIGMAS[-1]])(z[-1]), delta[-1], rtol=ROUNDING)


@pytest.mark.parametrize("layer", [0, 1])
def test_eqs_21_to_24_a_change_of_one_neuron_reaches_the_cost_through_the_next_layer(network, examples, layer):
    x, y = examples[0][1], examples[1][1]
    delta, z, _ = errors_of_neurons(network, x, y)
    w, b = network[layer + 1]
    moved = jacobian(lambda z_l: w @ FUNCTIONS[SIGMAS[layer]](z_l) + b)(z[layer])
    # (22), (23): dz_j of the next layer is w_jJ σ'(z_J) dz_J.
    np.testing.assert_allclose(moved, w * SLOPES[SIGMAS[layer]](z[layer]), rtol=ROUNDING)
    # (21), (24): the cost changes by the sum over the next layer.
    np.testing.assert_allclose(delta[layer + 1] @ moved, delta[layer], rtol=1e-11)


@pytest.mark.parametrize("layer", [0, 1])
def test_eq_26_is_eq_25_for_a_whole_layer(network, examples, layer):
    delta, z, _ = errors_of_neurons(network, examples[0][2], examples[1][2])
    eq26 = (network[layer + 1][0].T @ delta[layer + 1]) * SLOPES[SIGMAS[layer]](z[layer])
    np.testing.assert_allclose(eq26, delta[layer], rtol=ROUNDING)


def test_back_propagation_of_the_package_is_that_of_the_notes(network, examples):
    found = backpropagate(rowwise(network), *examples, SIGMAS)
    each = [errors_of_neurons(network, x, y) for x, y in zip(*examples, strict=True)]
    for layer, (dW, db) in enumerate(found):
        np.testing.assert_allclose(db, sum(delta[layer] for delta, _, _ in each) / N, rtol=1e-11, atol=1e-14)
        outer = sum(np.outer(delta[layer], a[layer]) for delta, _, a in each) / N
        np.testing.assert_allclose(dW.T, outer, rtol=1e-11, atol=1e-14)


# ---- linear regression by gradient descent ---------------------------------------------------------------------------
def test_the_line_of_the_notes_is_fitted_in_a_hundred_steps_and_drawn(tmp_path):
    data = load_line()
    X, Y = data.data[:, 0], data.target

    def L(b):
        return np.mean((Y - (b[0] + b[1] * X)) ** 2) / 2

    b = np.zeros(2)
    initial = b[0] + b[1] * X
    learning_rate = 0.01
    i = 0
    while i < 100:
        b = b - learning_rate * gradient(L, mode="forward")(b)
        i = i + 1
    final = b[0] + b[1] * X

    figure = Figure()
    ax = figure.subplots()
    ax.plot(X, Y, "k.", label="data")
    ax.plot(X, initial, label="Initial fit line")
    ax.plot(X, final, "b-", label="Final Fit Line")
    ax.legend()
    figure.savefig(tmp_path / "line.png")
    assert (tmp_path / "line.png").read_bytes().startswith(b"\x89PNG")

    # The same by hand-written derivatives, and by the model.
    hand = np.zeros(2)
    for _ in range(100):
        error = hand[0] + hand[1] * X - Y
        hand = hand - learning_rate * np.array([error.mean(), (error * X).mean()])
    np.testing.assert_allclose(b, hand, rtol=1e-12)
    for mode in ("forward", "reverse", "backprop"):
        model = LinearRegression(solver="gradient-descent", mode=mode, learning_rate=0.01, max_iter=100)
        model.fit(data.data, Y)
        np.testing.assert_allclose([model.intercept_, *model.coef_], b, rtol=1e-12)
        assert len(model.loss_history_) == 101
        assert not model.converged_
    # A hundred steps do not reach the least squares, but come near it.
    best = LinearRegression().fit(data.data, Y).score(data.data, Y)
    assert best - 0.05 < model.score(data.data, Y) < best
    assert np.mean((Y - final) ** 2) < 0.05 * np.mean((Y - initial) ** 2)


# ---- section 6: logistic regression ----------------------------------------------------------------------------------
def test_eqs_36_and_38_the_simplified_slope_is_the_dual_number_one_for_symbols():
    w, b, x, y = sympy.symbols("w b x y", real=True)
    # One example; the sum over examples is linear. The dual numbers have SymPy expressions for parts.
    for seeds, expected in (((1, 0), x), ((0, 1), sympy.Integer(1))):
        W, B = (Dual(Symbolic(s), Symbolic(seed)) for s, seed in zip((w, b), seeds, strict=True))
        X, Y = Dual(Symbolic(x), Symbolic(0)), Dual(Symbolic(y), Symbolic(0))
        y_hat = 1 / (1 + np.exp(-(W * X + B)))  # (34)
        loss = -(Y * np.log(y_hat) + (1 - Y) * np.log(1 - y_hat))  # (35) with m = 1
        simplified = -(y - y_hat.value.expression) * expected  # (38), and (39) for b
        assert sympy.simplify(loss.tangent.expression - simplified) == 0
        by_sympy = sympy.diff(loss.value.expression, w if seeds[0] else b)
        assert sympy.simplify(by_sympy - simplified) == 0


@pytest.mark.parametrize("mode", MODES)
def test_eqs_38_and_39_are_the_dual_number_gradient_on_real_data(mode):
    data = load_breast_cancer()
    X, y = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0), data.target
    w, b = np.random.default_rng(5).normal(size=30) / 10, 0.25

    def L(w, b):
        y_hat = sigmoid(X @ w + b)
        return -np.mean(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat))

    y_hat = sigmoid(X @ w + b)
    dw, db = gradient(L, argnums=(0, 1), mode=mode)(w, b)
    np.testing.assert_allclose(dw, -((y - y_hat) @ X) / len(y), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(db, -np.mean(y - y_hat), rtol=1e-11)
    # The loss that the model minimises is eq. (35), written so that it cannot overflow.
    np.testing.assert_allclose(logistic_loss(y, X @ w + b), L(w, b), rtol=1e-12)


def test_gradient_descent_on_eq_35_learns_the_tumours():
    data = load_breast_cancer()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    model = LogisticRegression(alpha=0.0, solver="gradient-descent", mode="forward", learning_rate=0.5, max_iter=200)
    model.fit(X, data.target)
    assert model.score(X, data.target) > 0.98
    assert model.loss_history_ == sorted(model.loss_history_, reverse=True)
