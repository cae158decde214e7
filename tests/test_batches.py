"""N samples with a small Jacobian each: all share the directions of one, and the answer is that of a loop over them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dualdiff import gradient, hessian, jacobian, jvp, value_and_jacobian
from dualdiff.errors import MismatchError, ShapeError, StructureError

RNG = np.random.default_rng(0)
U = RNG.standard_normal((70, 3))
W = RNG.standard_normal((3, 5))


def by_columns(u):
    x, y, z = u[:, 0], u[:, 1], u[:, 2]
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 2.5 * z], axis=-1)


def by_last_axis(u):
    return np.stack([10 * (u[..., 1] - u[..., 0]), u[..., 0] * (28 - u[..., 2]) - u[..., 1],
                     u[..., 0] * u[..., 1] - 2.5 * u[..., 2]], axis=-1)


def unpacked(u):
    x, y, z = u.T
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 2.5 * z]).T


def column_stacked(u):
    x, y, z = u.T
    return np.column_stack([10 * (y - x), x * (28 - z) - y, x * y - 2.5 * z])


def concatenated(u):
    x, y, z = u[:, :1], u[:, 1:2], u[:, 2:]
    return np.concatenate([10 * (y - x), x * (28 - z) - y, x * y - 2.5 * z], axis=1)


def assigned(u):
    x, y, z = u.T
    r = np.zeros_like(u)
    r[:, 0], r[:, 1], r[:, 2] = 10 * (y - x), x * (28 - z) - y, x * y - 2.5 * z
    return r


def by_rows(u):
    x, y, z = u
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 2.5 * z])


def lorenz_jacobians(u):
    x, y, z = u.T
    J = np.zeros((len(u), 3, 3))
    J[:, 0, 0], J[:, 0, 1] = -10, 10
    J[:, 1, 0], J[:, 1, 1], J[:, 1, 2] = 28 - z, -1, -x
    J[:, 2, 0], J[:, 2, 1], J[:, 2, 2] = y, x, -2.5
    return J


@pytest.mark.parametrize("f", [by_columns, by_last_axis, unpacked, column_stacked, concatenated, assigned])
@pytest.mark.parametrize("n", [70, 5000, 3, 1, 0])
def test_every_spelling_of_a_right_hand_side_gives_each_sample_s_jacobian(f, n):
    u = RNG.standard_normal((n, 3))
    assert np.allclose(jacobian(f, batch_axis=0)(u), lorenz_jacobians(u), rtol=1e-15, atol=0)


@pytest.mark.parametrize("axis", [1, -1])
def test_samples_lead_the_answer_whatever_axis_they_have(axis):
    J = jacobian(by_rows, batch_axis=axis)(U.T)
    assert np.allclose(J, lorenz_jacobians(U), rtol=1e-15, atol=0)
    assert np.linalg.solve(J, U[..., None]).shape == (70, 3, 1)  # as NumPy's stacks of matrices want them


@pytest.mark.parametrize("f", [
    lambda u: np.tanh(u @ W) @ W.T,
    lambda u: np.sum(u**2, axis=1),
    lambda u: u / np.linalg.norm(u, axis=1, keepdims=True),
    lambda u: np.sort(u, axis=1) * u,
    lambda u: np.cumsum(np.exp(u), axis=1),
    lambda u: np.sqrt(u * u)[:, ::-1],
    lambda u: np.einsum("ni,nj->nij", u, np.sin(u)),
    lambda u: np.where(u > 0, u**2, u[:, :1]),
    lambda u: np.reshape(u, (70, 3, 1)) * U[:, None, :],
    lambda u: np.concatenate([u, u[:, :2] ** 2], axis=1),
    lambda u: np.stack([u[:, 0], np.ones(70), u[:, 2] * u[:, 0]]).T ** 2,
    lambda u: np.stack([u, u @ W[:, :3]], axis=2)[:, ::-1] * U[:, :, None],
    lambda u: np.linalg.inv(4 * np.eye(3) + np.einsum("ni,nj->nij", u, u)),
    lambda u: u * 0 + 1.0,
    lambda u: np.ones((70, 2)),
])
def test_the_answer_is_the_diagonal_of_the_whole_jacobian(f):
    whole = jacobian(f)(U)  # (N, …, N, 3)
    diagonal = np.stack([whole[i, ..., i, :] for i in range(70)])
    assert np.allclose(jacobian(f, batch_axis=0, verify=True)(U), diagonal, rtol=1e-12, atol=1e-14)


def test_a_batch_carries_no_zeros_along():
    """10⁵ samples: the whole Jacobian would have 9·10¹⁰ entries."""
    u = RNG.standard_normal((100_000, 3))
    assert np.allclose(jacobian(by_columns, batch_axis=0)(u), lorenz_jacobians(u), rtol=1e-15, atol=0)


def test_several_arguments_and_trees_share_the_axis():
    def f(p, t, c):
        return {"y": p["a"][:, None] * np.sin(t) + c, "s": np.sum(p["b"] * t, axis=1) ** 2}
    p, t = {"a": U[:, 0], "b": RNG.standard_normal((70, 4))}, RNG.standard_normal((70, 4))
    value, J = value_and_jacobian(f, (0, 1), batch_axis=0, verify=True)(p, t, 2.0)
    assert np.array_equal(value["y"], f(p, t, 2.0)["y"])
    in_p, in_t = J["y"]
    assert np.allclose(in_p["a"], np.sin(t))
    assert in_p["a"].shape == (70, 4)
    assert np.array_equal(in_p["b"], np.zeros((70, 4, 4)))
    assert np.allclose(in_t, p["a"][:, None, None] * np.cos(t)[:, :, None] * np.eye(4))
    in_p, in_t = J["s"]
    assert np.allclose(in_t, 2 * np.sum(p["b"] * t, axis=1)[:, None] * p["b"])
    assert in_p["a"].shape == (70,)


def test_a_number_for_each_sample_has_a_number_for_its_derivative():
    x = U[:, 0]
    assert np.allclose(jacobian(np.sin, batch_axis=0)(x), np.cos(x))
    assert np.allclose(hessian(np.sin, batch_axis=0)(x), -np.sin(x))


def test_hessians_of_a_batch():
    def f(u):
        return np.sum(np.tanh(u @ W) ** 2, axis=1) * u[:, 0]
    H = hessian(f, batch_axis=0, verify=True)(U)
    assert H.shape == (70, 3, 3)
    assert np.allclose(H[9], hessian(lambda x: f(x[None])[0])(U[9]), rtol=1e-12, atol=1e-14)
    assert np.allclose(hessian(lambda u: f(u.T), batch_axis=-1)(U.T), H, rtol=1e-12, atol=1e-14)
    with pytest.raises(ShapeError, match=r"one number for each of the 70 samples, shape \(70,\); it returned shape \(70, 5\)"):
        hessian(lambda u: u @ W, batch_axis=0)(U)


def test_a_batch_can_be_differentiated_again():
    f = jacobian(by_columns, batch_axis=0)
    second = jacobian(f, batch_axis=0)(U)
    assert second.shape == (70, 3, 3, 3)
    assert np.array_equal(second[5], jacobian(jacobian(lambda x: by_columns(x[None])[0]))(U[5]))
    assert np.allclose(gradient(lambda u: np.sum(f(u) ** 2))(U[:4]),
                       gradient(lambda u: np.sum(lorenz(u) ** 2))(U[:4]))


def lorenz(u):
    x, y, z = u.T
    ones = np.ones(len(u))
    return np.stack([-10 * ones, 10 * ones, 28 - z, -ones, -x, y, x, -2.5 * ones])


def test_directions_of_a_batch_split_and_spread_as_any_others():
    J = jacobian(by_columns, batch_axis=0)(U)
    assert np.array_equal(jacobian(by_columns, batch_axis=0, chunk=2)(U), J)
    with ThreadPoolExecutor(2) as pool:
        assert np.array_equal(jacobian(by_columns, batch_axis=0, chunk=1, executor=pool)(U), J)


# ---- promises that are not kept ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("f", [lambda u: u - np.mean(u, axis=0), lambda u: u * u[::-1], lambda u: np.cumsum(u, axis=0),
                               lambda u: np.sort(u, axis=0), lambda u: np.linalg.norm(u) * u])
def test_samples_that_depend_on_each_other_are_noticed_by_verify(f):
    with pytest.raises(MismatchError, match=r"sample \d+: the Jacobian gives .* samples are not independent"):
        jacobian(f, batch_axis=0, verify=True)(U)


def test_verify_takes_what_cancels_for_rounding():
    u = np.random.default_rng(1).normal(size=(5, 4))

    def f(u):
        w = np.exp(u - u.mean(axis=1, keepdims=True))
        return w.sum(axis=1) - (w @ np.ones(4)) + 3.0
    np.testing.assert_allclose(jacobian(f, batch_axis=0, verify=True)(u), np.zeros((5, 4)), atol=1e-14)
    for axis in (0, 1):
        J = jacobian(lambda u: np.sin(u) ** 2 + np.cos(u) ** 2 - 1.0, batch_axis=axis, verify=True)(u)
        assert np.abs(J).max() < 1e-15


def test_verify_runs_f_once_more_and_passes_over_what_is_infinite_in_both():
    runs = []
    x = np.array([[0.0, 1.0], [4.0, 0.0]])
    J = jacobian(lambda u: runs.append(1) or np.sqrt(u), batch_axis=0, verify=True)(x)
    assert len(runs) in (2, 3, 4)  # infinite partials may make each of the two sweeps start again, carefully
    assert np.array_equal(J, [[[np.inf, 0], [0, 0.5]], [[0.25, 0], [0, np.inf]]])


@pytest.mark.parametrize(("call", "said"), [
    (lambda: jacobian(lambda u: np.sum(u, axis=0), batch_axis=0)(U), r"returned shape \(3,\); with batch_axis=0 and 70 "),
    (lambda: jacobian(np.sin, batch_axis=1)(U[:, 0]), r"batch_axis=1, but an argument has shape \(70,\)"),
    (lambda: jacobian(np.sin, batch_axis="a")(U), "batch_axis='a', but an argument has shape"),
    (lambda: jacobian(lambda a, b: a, (0, 1), batch_axis=0)(U, U[:9]), r"different numbers of samples .* \[70, 9\]"),
])
def test_shapes_that_are_no_batch_are_refused(call, said):
    with pytest.raises(ShapeError, match=said):
        call()


def test_a_batch_has_no_sparse_form():
    with pytest.raises(StructureError, match="batch_axis cannot be combined with sparse=True"):
        jacobian(by_columns, batch_axis=0, sparse=True)


# ---- arrays filled part by part
def filled(*writes, start=np.zeros_like):
    """A program that makes an array of u and writes to it, part by part."""
    def f(u):
        out = start(u)
        for write in writes:
            write(out, u)
        return out
    return f


def put(index, value):
    def write(out, u):
        out[index] = value(u)
    return write


FIRST, SECOND, THIRD = put((slice(None), 0), lambda u: u[:, 1] * u[:, 2]), put((..., 1), lambda u: np.sin(u[:, 0])), \
    put((slice(None), -1), lambda u: 2 * u[:, 2])
LONG = 400  # rows: enough for parts to be written where they belong, and for axes to be taken as if they had length one
LAST = np.arange(LONG)
PARTS = {
    "columns": filled(FIRST, SECOND, THIRD),
    "a column left": filled(FIRST, THIRD),
    "a column twice": filled(FIRST, SECOND, THIRD, put((slice(None), 0), lambda u: u[:, 0])),
    "some rows twice": filled(FIRST, SECOND, put((slice(5, 9), 0), lambda u: u[1:5, 2])),
    "a number over a column": filled(FIRST, SECOND, put((slice(None), 0), lambda u: 1.0)),
    "a column over a number": filled(put((slice(None), 0), lambda u: 1.0), FIRST, SECOND),
    "one row for all": filled(put(slice(5, None), lambda u: u[0]), FIRST),
    "one number for a column": filled(FIRST, put((slice(None), 1), lambda u: u[0, 0])),
    "rows backwards": filled(put((slice(None, None, -1), 0), lambda u: u[:, 0] ** 2), SECOND),
    "rows by a list": filled(put((LAST[::-1], 0), lambda u: u[:, 0] ** 2), SECOND),
    "one row by a list": filled(put((LAST * 0, 0), lambda u: u[:, 0] ** 2), SECOND),
    "old columns left": filled(FIRST, THIRD, start=np.copy),
    "no old column left": filled(FIRST, SECOND, THIRD, start=np.copy),
    "a view of a column": filled(lambda out, u: put(slice(None), lambda u: u[:, 1])(out[:, 0], u), SECOND),
    "a column increased": filled(FIRST, SECOND, lambda out, u: put((slice(None), 0), lambda u: out[:, 0] + u[:, 1])(out, u)),
    "the flat array's beginning": filled(lambda out, u: put(slice(0, LONG), lambda u: u[:, 0])(np.reshape(out, -1), u)),
    "another row's length": filled(put((0, slice(0, LONG)), lambda u: u[:, 1]),
                                   put((slice(1, 3), slice(0, LONG)), lambda u: u[:, 2]),
                                   start=lambda u: np.zeros((40, 2 * LONG), like=u)),
    "in Fortran's order": filled(FIRST, SECOND, start=lambda u: np.zeros_like(u.T).T),
    "blocks": filled(put((slice(None), 1), lambda u: u[:, :2] * u[:, 2:]), put((slice(None), 0, 1), lambda u: u[:, 0]),
                     start=lambda u: np.zeros((LONG, 2, 2), like=u)),
    "with a new axis": filled(put((None, slice(None), 0), lambda u: (u[:, 0] * u[:, 1])[None]), SECOND),
}


@pytest.mark.parametrize("what", PARTS)
def test_an_array_filled_part_by_part_has_the_derivative_of_each_part(what):
    f, u = PARTS[what], np.random.default_rng(1).standard_normal((LONG, 3))
    v = np.random.default_rng(2).standard_normal(u.shape)
    value, along = jvp(f, (u,), (v,))
    assert np.array_equal(value, f(u))
    for g in (f, lambda u: 1.0 * f(u)):  # read as it is, and by the next operation
        J = jacobian(g, mode="forward")(u)
        assert np.allclose(np.tensordot(J, v, 2), along, rtol=1e-13, atol=1e-13)
        assert np.count_nonzero(J) <= 6 * value.size


@pytest.mark.parametrize("what", ["columns", "a column left", "a column over a number", "no old column left", "blocks"])
def test_columns_of_a_batch_are_written_where_they_belong_without_an_index_of_samples(what, monkeypatch):
    joins = []
    monkeypatch.setattr("dualdiff.tangents.joined.joined_terms", lambda *args: joins.append(args))
    u = np.random.default_rng(1).standard_normal((LONG, 3))
    jacobian(PARTS[what], batch_axis=0, verify=False)(u)
    assert joins == []


@pytest.mark.parametrize("what", ["columns", "a column left", "a column twice", "old columns left"])
def test_what_is_made_of_a_filled_batch_does_not_carry_its_samples_along(what):
    seen = []

    def f(u):
        out = 1.0 * PARTS[what](u)
        seen.extend(leaf.cols.size for leaf in out.eps.terms)
        return out
    u = np.random.default_rng(1).standard_normal((LONG, 3))
    jacobian(f, batch_axis=0, verify=False)(u)
    assert seen
    assert max(seen) <= 9
