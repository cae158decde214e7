"""custom_rule: a row of one's own, in every way to say it, serves every mode; check_rule finds what is wrong with one."""

import gc
import math
import weakref

import numpy as np
import pytest
import scipy.sparse

from dualdiff import (
    Dual,
    DualArray,
    custom_rule,
    derivative,
    gradient,
    hessian,
    hvp,
    jacobian,
    jvp,
    lift,
    stop_gradient,
    trace_nonfinite,
    vjp,
)
from dualdiff.errors import MismatchError, RuleError, ShapeError, StructureError
from dualdiff.testing import check_derivatives, check_rule

A = np.arange(12.0).reshape(3, 4) / 7 - 0.4
X = np.array([0.5, -1.0, 2.0, 0.25])


def power(x, y):
    return x**y


def mixed_product(W, x):
    return np.tanh(W @ x)


def slope(f):
    return 1 - f * f


# One function and its rule in every way to say it: (function, keywords, arguments). Each way must give what NumPy's own
# rows give, which is what the plain function is differentiated by.
RULES = {
    "partials": (power, {"partials": (lambda f, x, y: y * x ** (y - 1), lambda f, x, y: f * np.log(x))},
                 (np.abs(X), np.array([[2.0], [1.5], [3.0]]))),
    "partials of numbers": (power, {"partials": (lambda f, x, y: y * x ** (y - 1), lambda f, x, y: f * np.log(x))},
                            (2.0, 3.5)),
    "a constant partial": (lambda x: 3.0 * x + np.sin(0.0), {"partials": 3.0}, (X,)),
    "jacobians": (mixed_product, {"jacobians": (
        lambda f, W, x: slope(f)[:, None, None] * np.eye(3)[:, :, None] * x, lambda f, W, x: slope(f)[:, None] * W)}, (A, X)),
    "the Jacobian of a number": (lambda t: A * np.sin(t), {"jacobians": lambda f, t: A * np.cos(t)}, (0.3,)),
    "the Jacobian in a number": (lambda x: np.sum(x**3), {"jacobians": lambda f, x: 3 * x**2}, (X,)),
    "differentials": (mixed_product, {"differentials": (
        lambda f, W, x, dW: slope(f) * (dW @ x), lambda f, W, x, dx: slope(f) * (W @ dx))}, (A, X)),
    "forward and transpose": (mixed_product, {
        "forward": (lambda f, W, x, dW: slope(f) * (dW @ x), lambda f, W, x, dx: slope(f) * (W @ dx)),
        "transpose": (lambda f, W, x, u: np.outer(slope(f) * u, x), lambda f, W, x, u: (slope(f) * u) @ W)}, (A, X)),
    "forward and transpose of many directions": (mixed_product, {
        "batched": True,
        "forward": (lambda f, W, x, dW: slope(f) * (dW @ x), lambda f, W, x, dx: slope(f) * (dx @ W.T)),
        "transpose": (lambda f, W, x, u: (slope(f) * u)[:, :, None] * x, lambda f, W, x, u: (slope(f) * u) @ W)}, (A, X)),
    "no elements": (lambda x: x[:0] * 2, {"forward": lambda f, x, dx: dx[:0] * 2,
                                          "transpose": lambda f, x, u: np.zeros(4)}, (X,)),
    "from no elements": (np.sum, {"forward": lambda f, x, dx: np.sum(dx),
                                  "transpose": lambda f, x, u: np.zeros(0)}, (np.zeros(0),)),
    "one element": (np.cumsum, {"forward": lambda f, x, dx: np.cumsum(dx),
                                "transpose": lambda f, x, u: u + 0.0}, (np.ones(1),)),
    "single precision": (np.tanh, {"partials": lambda f, x: slope(f)}, (X.astype(np.float32),)),
    "complex numbers": (np.exp, {"forward": lambda f, z, dz: f * dz, "transpose": lambda f, z, u: f * u}, (X + 0.5j,)),
}  # fmt: skip
every_rule = pytest.mark.parametrize(("plain", "rules", "args"), RULES.values(), ids=RULES)


def blind(f):
    """The function as one that duals cannot run through: a rule that is not used gives an error, not the right answer."""
    def g(*args):
        assert not any(hasattr(x, "level") for x in args)
        return f(*args)
    return g


@every_rule
def test_a_rule_passes_check_rule_and_keeps_the_value(plain, rules, args):
    f = custom_rule(blind(plain), **rules)
    assert check_rule(f, *args)
    np.testing.assert_array_equal(f(*args), plain(*args))


@every_rule
def test_a_rule_gives_what_the_rows_of_numpy_give_in_every_mode(plain, rules, args):
    f = custom_rule(blind(plain), **rules)
    random = np.random.default_rng(3)
    v = tuple((random.standard_normal((2, *np.shape(x)))).astype(np.result_type(x, np.float32)) for x in args)
    everything = tuple(range(len(args)))
    # Products summed in another order differ by a few units in the last place of the type.
    rtol = 1e-5 if np.result_type(*args) == np.float32 else 1e-13
    for g, h in (
        (lambda f: jvp(f, args, v), lambda t: t),
        (lambda f: jvp(f, args, tuple(a[0] for a in v)), lambda t: t),
        (lambda f: jacobian(f, everything)(*args), lambda t: t),
        (lambda f: jacobian(lambda *a: f(*(x * x for x in a)), everything)(*args), lambda t: t),
        (lambda f: vjp(f, *args)[1](np.ones_like(plain(*args))), lambda t: t),
        (lambda f: vjp(f, *args)[1](np.ones((2, *np.shape(plain(*args))), np.result_type(*args))), lambda t: t),
    ):
        for ours, expected in zip(h(g(f)), h(g(plain)), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", [name for name in RULES if "no " not in name and "complex" not in name
                                  and "single" not in name])
def test_a_rule_written_in_numpy_is_differentiated_itself(name):
    plain, rules, args = RULES[name]
    f = custom_rule(blind(plain), **rules)
    for transform in (
        lambda f: jacobian(jacobian(f)),
        lambda f: hessian(lambda x, *rest: np.sum(f(x, *rest) ** 2)),
        lambda f: lambda x, *rest: hvp(lambda y: np.sum(f(y, *rest) ** 3))(x, np.ones_like(x)),
        lambda f: jacobian(jacobian(lambda x, *rest: gradient(lambda y: np.sum(f(y, *rest) ** 2))(x))),
    ):
        np.testing.assert_allclose(transform(f)(*args), transform(plain)(*args), rtol=1e-12, atol=1e-13)


def test_a_sparse_matrix_may_be_the_jacobian():
    band = scipy.sparse.csr_array([[2.0, -1.0, 0, 0], [0, 2.0, -1.0, 0], [0, 0, 2.0, -1.0]])
    f = custom_rule(lambda x: band @ x, jacobians=lambda f, x: band)
    assert check_rule(f, X)
    np.testing.assert_array_equal(jacobian(f)(X), band.toarray())
    assert check_derivatives(lambda x: f(np.sin(x)) ** 2, X)
    assert check_derivatives(jacobian(lambda x: f(np.sin(x)) ** 2), X)
    grid = custom_rule(lambda x: (band @ x.ravel()).reshape(1, 3), jacobians=lambda f, x: band.tocoo())
    assert check_rule(grid, X.reshape(2, 2))
    assert jacobian(lambda x: f(x**2), sparse=True)(X).nnz == 6


def test_elementwise_and_jacobian_rules_keep_sparse_tangents_sparse():
    seen = []
    f = custom_rule(np.sin, partials=lambda f, x: np.cos(x))
    g = custom_rule(lambda x: A @ x, jacobians=lambda f, x: A)

    def h(x):
        seen[:] = [f(x).eps, g(x).eps]
        return f(x)

    jacobian(h)(X)
    assert all(leaf.cols is not None for eps in seen for leaf in eps.terms)


def test_compiled_functions_of_numbers_take_duals_by_hand():
    lgamma = custom_rule(math.lgamma, partials=lambda f, x: -0.5772156649015329)
    y = lgamma(Dual(1.0, 2.0))
    assert type(y) is Dual
    assert (y.value, y.tangent) == (0.0, pytest.approx(-1.1544313298030658))
    z = custom_rule(np.sum, jacobians=lambda f, x: np.ones(2))(DualArray([1.0, 2.0], [3.0, 4.0]))
    assert (z.value, z.tangent) == (3.0, 7.0)


def test_the_function_and_its_rules_run_once_a_sweep_and_see_plain_arrays():
    runs = []

    @custom_rule(partials=lambda f, x, n: (runs.append("partial"), n * x ** (n - 1))[1])
    def f(x, n):
        """A docstring."""
        runs.append(type(x))
        return x**n

    assert (f.__name__, f.__doc__) == ("f", "A docstring.")
    np.testing.assert_array_equal(jacobian(f)(X, 3), np.diag(3 * X**2))
    assert runs == [np.ndarray, "partial"]
    runs.clear()
    assert f(2.0, 3) == 8.0
    assert runs == [float]


def test_lists_of_duals_arguments_by_name_and_defaults():
    @custom_rule(differentials=(lambda f, x, y, dx, scale: dx * y * scale, lambda f, x, y, dy, scale: dy * x * scale))
    def f(x, y, scale=1.0):
        return np.asarray(x) * y * scale

    np.testing.assert_array_equal(jacobian(lambda t: f([t[0], 2.0 * t[1]], y=3.0, scale=2.0))(np.ones(2)),
                                  [[6.0, 0.0], [0.0, 12.0]])


def test_several_results_by_differentials():
    @custom_rule(differentials=lambda f, x, dx: (2 * x * dx, None))
    def f(x):
        return x * x, np.sign(x)

    square, sign = jacobian(f)(X)
    np.testing.assert_array_equal(square, np.diag(2 * X))
    np.testing.assert_array_equal(sign, np.zeros((4, 4)))


def test_the_first_derivative_that_is_not_finite_is_found_in_a_rule():
    steep = custom_rule(np.sqrt, jacobians=lambda f, x: np.diag(np.where(f == 0, np.inf, 0.5 / np.where(f == 0, 1, f))))
    with trace_nonfinite() as t:
        jacobian(lambda x: np.sum(steep(x) * 2))(np.array([4.0, 0.0]))
    assert t.first.function.endswith(".sqrt")


def test_an_infinite_partial_spoils_nothing_that_is_not_perturbed():
    root = custom_rule(np.sqrt, partials=lambda f, x: 0.5 / f)
    f = lambda x: np.stack([root(x[0]), x[1] ** 2])
    np.testing.assert_array_equal(jacobian(f)(np.array([0.0, 3.0])), [[np.inf, 0.0], [0.0, 6.0]])
    x, v = np.array([0.0, 4.0]), np.array([0.0, 1.0])
    np.testing.assert_array_equal(jvp(root, (x,), (v,))[1], [0.0, 0.25])
    np.testing.assert_array_equal(vjp(root, x)[1](v)[0], [0.0, 0.25])


# ---- refusals name the function and the argument ------------------------------------------------------------------------
def identity(x, y=None):
    return x


MALFORMED = {
    "nothing": ({}, "needs one of partials="),
    "two ways": ({"partials": 1.0, "jacobians": A.dot}, "got partials and jacobians"),
    "no rules": ({"partials": ()}, "partials is empty"),
    "a matrix for a function": ({"jacobians": A}, "jacobians\\[0\\] is array"),
    "unequal pairs": ({"forward": A.dot, "transpose": (A.dot, A.dot)}, "1 forward rules and 2 transposes"),
}


@pytest.mark.parametrize(("rules", "said"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_row_is_refused_where_it_is_written(rules, said):
    with pytest.raises(StructureError, match=said):
        custom_rule(**rules)(identity)


def test_a_thing_that_is_no_function_is_refused():
    with pytest.raises(StructureError, match="custom_rule: the first argument must be a function; got 3"):
        custom_rule(3, partials=1.0)


WRONG_SHAPES = {
    "a partial of a sum": (np.sum, {"partials": lambda f, x: np.ones(4)}, "argument 0: partials act element by element"),
    "a partial of another shape": (np.sin, {"partials": lambda f, x: np.ones(3)}, "the partial \\(3,\\)"),
    "a transposed Jacobian": (lambda x: A @ x, {"jacobians": lambda f, x: A.T}, "so the Jacobian must be \\(3, 4\\)"),
    "a forward": (np.sin, {"forward": lambda f, x, dx: dx[:2]}, "forward returned shape \\(2,\\)"),
    "a differential": (np.sin, {"differentials": lambda f, x, dx: dx[:2]}, "differential has shape \\(2,\\)"),
}


@pytest.mark.parametrize(("function", "rules", "said"), WRONG_SHAPES.values(), ids=WRONG_SHAPES)
def test_a_rule_of_another_shape_is_named(function, rules, said):
    with pytest.raises(ShapeError, match=said):
        jacobian(custom_rule(function, **rules))(X)


@pytest.mark.parametrize(("rules", "nothing"), [
    ({"partials": lambda f, x: None}, "NoneType"), ({"jacobians": lambda f, x: None}, "NoneType"),
    ({"forward": lambda f, x, dx: None, "transpose": lambda f, x, u: None}, "NoneType"),
    ({"partials": lambda f, x: "2"}, "str")])
def test_a_rule_that_returns_no_numbers_is_named_a_forgotten_return_among_them(rules, nothing):
    with pytest.raises(StructureError, match=rf"the rule of .*, argument 0 takes numbers; .* from {nothing}"):
        jacobian(custom_rule(lambda x: x**2, **rules), mode="forward")(X)


@pytest.mark.parametrize("rules", [
    {"partials": lambda f, x: np.full(4, 100, np.int8)}, {"jacobians": lambda f, x: 100 * np.eye(4, dtype=np.int8)},
    {"jacobians": lambda f, x: scipy.sparse.csr_array(100 * np.eye(4, dtype=np.int8))}, {"partials": np.float64(100)}])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_whole_partials_are_real_numbers(rules, mode):
    f = custom_rule(lambda x: 100 * x, **rules)
    np.testing.assert_array_equal(np.diag(jacobian(lambda x: f(f(x)), mode=mode)(X)), [10_000] * 4)


def test_rules_may_fill_one_array_again_and_write_to_what_they_are_given():
    buffer = np.zeros(4)

    def filled(f, x, v=1.0):
        buffer[:] = 2 * x * v
        return buffer

    def overwritten(f, x, v):
        f *= 0
        v *= 2 * x
        return v

    expected = np.diag(16 * X**3)
    for rules in ({"partials": filled}, {"forward": filled, "transpose": filled},
                  {"forward": overwritten, "transpose": overwritten},
                  {"differentials": lambda f, x, dx: filled(f, x) * dx}):
        square = custom_rule(lambda x: x**2, **rules)
        for mode in ("forward", "reverse"):
            J = jacobian(lambda x: square(x) * square(2 * x), mode=mode)(X)  # noqa: B023
            np.testing.assert_allclose(J, expected, rtol=1e-15)
        u = np.ones(4)
        value, pullback = vjp(square, X)
        pullback(u)
        np.testing.assert_array_equal([u, value], [np.ones(4), X**2])


def test_a_method_has_a_rule_whose_first_argument_is_its_self():
    class Spring:
        stiffness = 3.0

        @custom_rule(partials=(None, lambda f, self, x: 2 * self.stiffness * x))
        def energy(self, x):
            return self.stiffness * x**2

    np.testing.assert_array_equal(jacobian(Spring().energy)(X), np.diag(6 * X))
    assert derivative(Spring().energy, order=2)(1.0) == 6


def test_a_transpose_of_another_shape_is_named():
    f = custom_rule(lambda x: A @ x, forward=lambda f, x, dx: A @ dx, transpose=lambda f, x, u: u)
    with pytest.raises(ShapeError, match="transpose returned shape \\(3,\\)"):
        vjp(f, X)[1](np.ones(3))


def test_what_has_no_rule_is_refused_by_name():
    f = custom_rule(lambda x, y, n: x * y, partials=(lambda f, x, y, n: y, None))
    np.testing.assert_array_equal(jacobian(f)(X, 2.0, 1), 2 * np.eye(4))
    with pytest.raises(RuleError, match=r"<lambda>, argument 1: its custom_rule has None there"):
        derivative(lambda t: f(X[0], t, 1))(1.0)
    with pytest.raises(RuleError, match="only its array arguments can be perturbed"):
        derivative(lambda t: f(X[0], 1.0, t))(1.0)
    one_way = custom_rule(np.sin, forward=lambda f, x, dx: np.cos(x) * dx)
    assert check_rule(one_way, X, modes=("forward",))
    with pytest.raises(RuleError, match="has no transpose, which reverse mode needs"):
        vjp(one_way, X)[1](np.ones(4))
    other_way = custom_rule(np.sin, transpose=lambda f, x, u: np.cos(x) * u)
    assert check_rule(other_way, X, modes=("reverse",))
    with pytest.raises(RuleError, match="has no forward, which forward mode needs"):
        jacobian(other_way)(X)


def test_a_function_that_returns_several_arrays_is_refused():
    with pytest.raises(StructureError, match="returned a tuple"):
        jacobian(custom_rule(lambda x: (x, x), partials=1.0))(X)
    with pytest.raises(StructureError, match="returned 2 results, so must its differential"):
        jacobian(custom_rule(lambda x: (x, x), differentials=lambda f, x, dx: dx))(X)
    with pytest.raises(StructureError, match="returned ndarray"):
        jacobian(custom_rule(np.sin, differentials=lambda f, x, dx: x))(X)


# ---- check_rule finds a wrong rule and names the place --------------------------------------------------------------------
def product_rule(**changed):
    right = {"forward": lambda f, x, dx: A @ dx, "transpose": lambda f, x, u: u @ A}
    return custom_rule(lambda x: A @ x, **right | changed)


def nudged(v, i, by=1e-6):
    return v + by * np.abs(v[..., i : i + 1]) * (np.arange(v.shape[-1]) == i)


WRONG = {
    "a lost factor": (product_rule(forward=lambda f, x, dx: 2 * A @ dx), "∂result"),
    "one entry of the transpose": (product_rule(transpose=lambda f, x, u: nudged(u @ A, 2)), "argument 0[2]"),
    "one entry of forward": (product_rule(forward=lambda f, x, dx: nudged(A @ dx, 1)), "result[1]"),
    "a derivative that is not linear": (
        product_rule(forward=lambda f, x, dx: A @ dx * np.sqrt(dx @ dx)), "linearity of the derivative FAILS"),
    "a transpose that is not linear": (
        product_rule(transpose=lambda f, x, u: u @ A * np.sqrt(u @ u)), "linearity of the transpose FAILS"),
    "directions that mix": (
        product_rule(forward=lambda f, x, dx: dx @ A.T if len(dx) != 2 else (dx @ A.T)[::-1],
                     transpose=lambda f, x, u: u @ A, batched=True), "several directions at once FAILS"),
    "cotangents that mix": (
        product_rule(forward=lambda f, x, dx: dx @ A.T,
                     transpose=lambda f, x, u: u @ A if len(u) != 2 else (u @ A)[::-1], batched=True),
        "several cotangents at once FAILS"),
    "a rule that returns NaN": (product_rule(forward=lambda f, x, dx: A @ dx * np.nan), "∂result[0] / ∂argument 0[0]"),
}  # fmt: skip


@pytest.mark.parametrize(("f", "place"), WRONG.values(), ids=WRONG)
def test_a_wrong_rule_is_found_and_the_worst_place_named(f, place):
    with pytest.raises(MismatchError) as caught:
        check_rule(f, X)
    verdict = check_rule(f, X, raise_on_failure=False)
    assert not verdict
    assert str(verdict) == str(caught.value)
    assert place in str(verdict.worst)


def test_an_adjoint_that_is_not_is_said_in_its_own_words():
    verdict = check_rule(product_rule(transpose=lambda f, x, u: 1.001 * u @ A), X, raise_on_failure=False)
    (adjoint,) = [law for law in verdict.laws if "adjoint" in law.name]
    assert not adjoint.holds
    assert adjoint.place == "argument 0"
    assert "⟨u, Jv⟩ = ⟨Jᵀu, v⟩ FAILS, worst at argument 0" in str(verdict)


def test_a_value_that_changes_when_it_is_perturbed_is_found():
    assert "the plain value FAILS" in str(check_rule(lambda x: np.sin(x) + (1.0 if isinstance(x, DualArray) else 0.0), X,
                                                     raise_on_failure=False))


@pytest.mark.parametrize("other", [None, {}, {"a": 1}])
def test_what_is_no_array_reaches_the_function_as_it_is(other):
    seen = []
    function = custom_rule(lambda o, x: seen.append(o) or np.sin(x), partials=[None, lambda f, o, x: np.cos(x)])
    np.testing.assert_array_equal(gradient(lambda x: np.sum(function(other, x)))(X), np.cos(X))
    assert all(o is other for o in seen)


@pytest.mark.parametrize("rule", [{"partials": 1.0}, {"jacobians": lambda f, x: A}, {"forward": lambda f, x, dx: dx}])
@pytest.mark.parametrize("bad", [np.ma.array(X, mask=X > 0), None, "text", np.array(["a", "b"]), np.matrix(X)])
def test_a_function_that_returns_no_plain_numbers_is_named(bad, rule):
    with pytest.raises(StructureError, match=r"<lambda> returned a \w+; a function with a custom_rule returns one plain array"):
        jacobian(custom_rule(lambda x: bad, **rule))(X)


def test_a_partial_that_is_no_number_is_named():
    with pytest.raises(StructureError, match=r"the rule of .*, argument 0 takes numbers; got .* from dict"):
        jacobian(custom_rule(np.sin, partials=lambda f, x: {"a": 1}))(X)


COMPLEX = A + 1j * A[::-1]
SAID = {"partials": {"partials": 2j}, "jacobians": {"jacobians": lambda f, x: COMPLEX},
        "sparse": {"jacobians": lambda f, x: scipy.sparse.csr_array(COMPLEX)},
        "pair": {"forward": lambda f, x, dx: COMPLEX @ dx, "transpose": lambda f, x, u: COMPLEX.T @ u}}


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("said", SAID)
def test_a_complex_rule_of_a_real_function_is_refused_in_every_mode(said, mode):
    function = custom_rule(lambda x: 2 * x if said == "partials" else A @ x, **SAID[said])
    with pytest.raises(StructureError, match="argument 0 gives complex128 numbers; the function's argument and"):
        jacobian(function, mode=mode)(X)
    function = custom_rule(lambda x: 2j * x if said == "partials" else COMPLEX @ x, **SAID[said])
    expected = 2j * np.eye(4) if said == "partials" else COMPLEX
    np.testing.assert_allclose(jacobian(function, mode=mode)(X), expected, rtol=1e-14)
    np.testing.assert_allclose(gradient(lambda x: np.sum(function(x)), mode=mode)(X), expected.sum(axis=0), rtol=1e-13)


def test_every_law_is_said_to_hold_where_it_does():
    verdict = check_rule(product_rule(), X)
    assert [law.holds for law in verdict.laws] == [True] * 6
    assert str(verdict).count("holds, worst at") == 6
    assert verdict.worst is verdict.derivatives.worst
    assert verdict.passed


def test_check_rule_takes_any_differentiable_function():
    assert check_rule(lambda p: {"y": p["w"] * stop_gradient(2.0), "z": [p["b"] ** 2]}, {"w": X, "b": 3.0})


@pytest.mark.parametrize("rules", [lambda a: {"partials": lambda f, x: a}, lambda a: {"jacobians": lambda f, x: np.diag(a)},
                                   lambda a: {"forward": lambda f, x, dx: a * dx, "transpose": lambda f, x, u: a * u}])
def test_what_a_function_and_its_rules_close_over_goes_with_it_and_waits_for_no_collection(rules):
    a = np.array([2.0, 3.0, 4.0])
    alive = weakref.ref(a)
    gc.disable()
    try:
        scaled = custom_rule(lambda x, a=a: a * x, **rules(a))
        np.testing.assert_array_equal(jacobian(scaled)(np.ones(3)), np.diag(a))
        del a, scaled
        assert alive() is None
    finally:
        gc.enable()


def test_what_the_program_writes_to_after_the_call_is_recorded_as_it_was():
    @custom_rule(forward=(lambda f, a, c, d: d * c, lambda f, a, c, d: a * d),
                 transpose=(lambda f, a, c, u: u * c, lambda f, a, c, u: u * a), batched=True)
    def times(a, c):
        return a * c

    def f(x):
        c = np.array([1.0, 2.0, 3.0])
        y = times(x, c)
        c[0] = 100.0
        return np.sum(y)
    for mode in ("forward", "reverse"):
        np.testing.assert_array_equal(gradient(f, mode=mode)(np.ones(3)), [1.0, 2.0, 3.0])


@pytest.mark.parametrize("linear", [
    np.sum, np.mean, np.trace, np.transpose, np.cumsum, np.ravel, lambda M: np.tril(M.T),
    lambda M: np.dot(np.eye(3) * 2, M), lambda M: np.einsum("ij,j->i", M, X[:3]), lambda M: np.einsum("ii->", M),
    lambda M: np.vecdot(X[:3], M), lambda M: np.full((3, 3), 2.0) * M,
    lambda M: np.sum(M, axis=1, dtype=None) / np.size(M) + np.ndim(M) * M[0]])
@pytest.mark.parametrize("around", [lambda f: f, lift])
def test_a_differential_takes_part_in_linear_functions_in_lifted_programs_too(linear, around):
    f = custom_rule(linear, differentials=lambda f, M, dM: linear(dM) - 0 * linear(dM))
    expected = jacobian(lambda x: linear(np.outer(x, x)))(X[:3])
    for mode in ("forward", "reverse"):
        J = jacobian(around(lambda x: f(np.outer(x, x)) * 1.0), mode=mode)(X[:3])
        assert type(J) is np.ndarray
        np.testing.assert_allclose(J, expected, rtol=1e-14)
