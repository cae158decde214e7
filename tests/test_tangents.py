"""The ε-part: what is stored, what is shared, and how much work is done. Work is counted, never timed."""

import gc
import threading
import tracemalloc
import weakref
from math import prod

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.dual_array import array
from dualdiff.rules.gather import placed
from dualdiff.tangents import assemble, coefficients, join, tangent
from dualdiff.tangents.contraction import packed
from dualdiff.tangents.leaf import Leaf, dense_leaf, identity_seeds
from dualdiff.tangents.level import Level, next_number
from dualdiff.tangents.meter import owner
from dualdiff.tangents.ragged import Ragged
from dualdiff.tangents.tangent import MAX_TERMS, Tangent
from dualdiff.tangents.tape import TapeLeaf, reachable


def seeded(x, careful=False):
    level = Level(next_number(), careful=careful)
    (leaf,) = identity_seeds(level, [x.shape])
    return array(x, Tangent({leaf: None}, x.shape), level), leaf


def taped(x):
    root = TapeLeaf(Level(next_number(), careful=False), x.shape)
    return array(x, Tangent({root: None}, x.shape), root.level), root


def leaves(y):
    return list(y.eps.terms)


# ---- one direction -----------------------------------------------------------------------------------------------------
def test_one_direction_that_a_contraction_left_dense_stays_apart_from_the_zeros_of_a_later_move():
    M = np.linspace(1, 2, 6).reshape(2, 3)
    total = lambda x: np.sum(x[[0, 0]] @ M)                # Σ M = 9 times x₀
    assert np.array_equal(dd.jacobian(lambda x: np.diag(np.broadcast_to(total(x), 2)))(np.ones(1))[..., 0], 9 * np.eye(2))
    f = lambda x: np.sum((x[[0, 0]] @ M) * x[0])           # 9 x₀², which does not depend on x₁
    x = np.array([0.3, 0.4], np.float32)
    for chunk in (1, 2):
        assert np.allclose(dd.hessian(f, chunk=chunk)(x), [[18, 0], [0, 0]], rtol=1e-6)
    only = dd.jacobian(lambda x: np.diag(np.broadcast_to(np.sum(x[[0, 0]] @ M.astype(np.float32)), 2)))(x[:1])
    assert only.dtype == np.float32


# ---- coefficients ------------------------------------------------------------------------------------------------------
def test_elementwise_operations_leave_the_leaf_alone():
    x, leaf = seeded(np.linspace(0.1, 1, 12).reshape(3, 4))
    y = np.tanh(np.exp(x) * 2 - 1) / np.sqrt(x)
    assert leaves(y) == [leaf]
    assert y.eps.terms[leaf].shape == (3, 4)


def test_an_elementwise_chain_allocates_nothing_that_grows_with_the_directions():
    x, _ = seeded(np.linspace(0.1, 1, 3000))
    tracemalloc.start()
    np.sin(np.exp(x) * x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * x.nbytes                            # 3000 directions as an array would take 3000 times x.nbytes


def test_the_same_slice_twice_is_the_same_leaf_so_coefficients_merge():
    x, _ = seeded(np.arange(6.0))
    y = x[1:] * x[:-1] + np.sin(x[1:])
    assert len(leaves(y)) == 2
    assert leaves(x[1:]) == leaves(x[1:])
    assert leaves(x[np.array([0, 2])]) == leaves(x[np.array([0, 2])])
    assert leaves(x[np.array([0, 2])]) != leaves(x[np.array([0, 3])])


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_slice_is_not_mistaken_for_a_broadcast_to_the_shape_of_the_same_numbers(mode):
    def f(x):
        return np.sum(0 * x[1:2:2]) + np.sum(x * np.ones((1, 2, 2)))
    assert np.array_equal(dd.gradient(f, mode=mode)(np.ones(2)), [2, 2])


def test_an_index_array_that_the_caller_changes_is_not_mistaken_for_itself():
    index = np.array([0, 1])

    def f(x):
        first = x[index]
        index[0] = 2
        return first + x[index]
    assert np.array_equal(dd.jacobian(f)(np.zeros(3)), [[1, 0, 1], [0, 2, 0]])


def test_a_sum_times_a_difference_does_not_double_the_leaves():
    x, _ = seeded(np.arange(1.0, 7.0))
    a, b = x[:3], x[3:]
    y = a
    for _ in range(5):
        y = (y + b) * (y - b)
    assert len(leaves(y)) == 2


def test_broadcasting_moves_no_numbers():
    x, _ = seeded(np.arange(3.0))
    (leaf,) = leaves(x[:, None] + np.zeros((3, 400)))
    assert leaf.shape == (3, 400)
    assert leaf.cols.size == 3


@pytest.mark.parametrize("index", [(slice(1, 4),), (slice(None, None, -2), None), (Ellipsis, 2)])
def test_the_transpose_of_a_slice_is_a_move_of_its_own(index):
    shape = (5,)
    S = np.stack([row[index].ravel() for row in np.eye(5)], axis=1)
    u = np.random.default_rng(0).standard_normal(np.zeros(shape)[index].shape)

    def back(x):
        return placed(x * x, shape, index)
    assert np.array_equal(placed(u, shape, index), S.T @ u.ravel())
    assert np.allclose(dd.jacobian(back)(u).reshape(5, u.size), S.T * (2 * u.ravel()), rtol=1e-15)
    assert np.allclose(dd.jvp(back, (u,), (np.ones(u.shape),))[1], S.T @ (2 * u.ravel()), rtol=1e-15)
    assert np.allclose(dd.vjp(back, u)[1](np.eye(5))[0].reshape(5, u.size), S.T * (2 * u.ravel()), rtol=1e-15)
    assert np.allclose(dd.jvp(lambda x: placed(x, shape, index), (u,), (np.ones(u.shape),))[1], S.T.sum(axis=1), rtol=1e-15)


# ---- contractions ------------------------------------------------------------------------------------------------------
def test_contracting_a_seeded_axis_makes_it_a_width_axis_and_the_matrix_a_view():
    X = np.random.default_rng(0).standard_normal((50, 3))
    X.flags.writeable = False                              # else the program might write to it again: a copy
    W, _ = seeded(np.ones((3, 4)))
    (leaf,) = leaves(X @ W)
    assert leaf.width == (3,)
    assert leaf.affine
    assert np.shares_memory(leaf.factors[0], X)


def test_a_second_layer_is_summed_within_the_factors_that_hold_its_axis():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3))
    p, _ = seeded(rng.standard_normal(3 * 4 + 4 * 5 + 5))
    hidden = np.tanh(np.tanh(X @ p[:12].reshape(3, 4)) @ p[12:32].reshape(4, 5))
    out = hidden @ p[32:]
    first = next(leaf for leaf in leaves(out) if leaf.width == (3, 4))
    assert max(np.size(a) for a in first.factors) <= 200 * 4           # never (3, 4, 200, 5), nor even (3, 4, 200)


def test_the_tangent_of_a_small_state_does_not_grow_with_the_steps_of_an_integrator():
    u, _ = seeded(np.array([1.0, 0.0, 0.0, 1.0]))
    for _ in range(30):
        u = u + 0.01 * np.concatenate([u[2:], -u[:2] / np.sum(u[:2] ** 2) ** 1.5])
        assert len(leaves(u)) <= 3
    pattern = dd.jacobian(lambda x: np.concatenate([x[:2] * x[1:], x[:1] + x[2:] * x[:1], x[1:2]]), sparse=True)(np.ones(3))
    assert pattern.toarray().tolist() == [[1, 1, 0], [0, 1, 1], [2, 0, 1], [0, 1, 0]]
    assert pattern.nnz == 7


def test_a_filter_and_an_unpacked_state_keep_one_array_of_all_directions():
    A, q = np.linspace(-0.4, 0.5, 16).reshape(4, 4), np.linspace(0.5, 1.5, 4)
    x, _ = seeded(q)
    Q, dQ = np.diag(x), np.einsum("ki,ij->kij", np.eye(4), np.eye(4))
    P, V, dP = np.eye(4) + Q, np.eye(4) + np.diag(q), dQ
    for _ in range(4):
        P = A @ P @ A.T + P @ Q
        dP, V = A @ dP @ A.T + dP @ np.diag(q) + V @ dQ, A @ V @ A.T + V @ np.diag(q)
        assert len(leaves(P @ A)) == len(leaves(P)) == 1  # P keeps what it was added up to
    assert np.allclose(np.moveaxis(dP, 0, -1), np.moveaxis(P.tangent, 0, -1), rtol=1e-13)
    y, _ = seeded(q[:3])
    for _ in range(3):
        a, b, c = y + 0.1 * np.roll(y, 1) ** 2
        y = y + 0.1 * np.stack([b - a, a * (2 - c) - b, a * b - c])
        assert all(leaf.is_dense for leaf in leaves(y + 0.1 * np.roll(y, 1) ** 2))  # the seed is not carried along


def test_the_seed_that_a_loop_multiplies_by_is_written_out_once(monkeypatch):
    written, assembled = [], assemble.assembled
    monkeypatch.setattr(assemble, "assembled", lambda terms, *args: written.append(args[0]) or assembled(terms, *args))
    A, _ = seeded(np.linspace(-1, 1, 9).reshape(3, 3))
    power = A
    for n in range(2, 8):
        power = power @ A
        assert n < 4 or all(leaf.is_dense for leaf in leaves(power))
    assert written == [(3, 3)]
    expected = np.linalg.matrix_power(A, 7)
    assert np.allclose(power.tangent, expected.tangent, rtol=1e-12)


X = np.linspace(-1, 1, 3600).reshape(600, 6)


def network(p):
    W, b, w, c = p[:192].reshape(6, 32), p[192:224], p[224:256], p[256]
    return np.tanh(X @ W + b) @ w + c


def test_a_result_that_is_filled_anyway_is_not_made_of_zeros(monkeypatch):
    """And at long arrays, the slope that two leaves show and the value, is looked once, for all infinities they have not."""
    made, looked, zeros, finite = [], [], np.zeros, coefficients.finite
    monkeypatch.setattr(np, "zeros", lambda shape, *args: made.append(np.prod(shape)) or zeros(shape, *args))
    monkeypatch.setattr(coefficients, "finite", lambda a: looked.append(owner(a)) or finite(a))
    p = np.linspace(-0.4, 0.5, 257)
    J = dd.jacobian(network, mode="forward")(p)
    assert not [n for n in made if n == J.size]
    assert len({id(a) for a in looked if np.size(a) == 600 * 32}) == len([a for a in looked if np.size(a) == 600 * 32]) == 2
    monkeypatch.setattr(assemble, "ROOMY", J.size)
    assert np.array_equal(J, dd.jacobian(network, mode="forward")(p))
    assert [n for n in made if n == J.size]
    half = dd.jacobian(lambda p: network(np.concatenate([p[:200], p[:57]])), mode="forward")(p)
    assert not half[:, 200:].any()  # which nobody writes


def test_however_a_program_reshapes_it_the_leaf_is_the_same():
    terms = []

    def f(x):
        y = 2 * x.reshape(20, 30) + 3 * np.reshape(x, (20, 30)) + x.reshape(20, -1) * np.sin(np.reshape(x, (-1, 30)))
        terms.append(len(y.eps.terms))
        return y
    x = np.linspace(0.0, 1.0, 600)
    J = dd.jacobian(f, mode="forward")(x)
    assert terms == [1]
    assert np.allclose(J.reshape(600, 600), np.diag(5 + np.sin(x) + x * np.cos(x)), rtol=1e-14, atol=0)


def test_a_part_that_is_finite_says_nothing_of_the_whole():
    level, z = Level(next_number(), careful=False), np.ones((1000, 39), complex)
    z[7, 5] = complex(1.0, np.inf)
    with np.errstate(invalid="ignore"):
        assert coefficients.seen_finite(level, z.real)
        assert coefficients.seen_finite(level, z[:5])
        assert not coefficients.seen_finite(level, z.T)
    z[7, 5] = 1.0
    assert coefficients.seen_finite(level, z)
    assert coefficients.seen_finite(level, z.T[1:])
    assert len(level.seen) == 1


@pytest.mark.parametrize("kind", [float, complex])
def test_what_looks_like_an_array_that_was_looked_at_is_looked_at_too(kind):
    """Windows of an array have its address and steps, and the real part of a complex one has them and its shape."""
    B = np.ones((1000, 39), kind)
    B[7, 23 if kind is float else 5] = np.inf if kind is float else complex(1.0, np.inf)
    B.flags.writeable = False
    windows = np.lib.stride_tricks.sliding_window_view(B, 20, axis=1)

    def f(p):
        if kind is complex:
            with np.errstate(invalid="ignore"):
                return B.real @ p[:39] + np.where(np.arange(1000) == 7, 0, B @ p[39:78])
        return np.tanh(B[:, :20] @ p[:20] + np.einsum("mij,ij->m", windows, p[20:].reshape(20, 20)))
    J = dd.jacobian(f, mode="forward")(np.full(78 if kind is complex else 420, 0.1))
    assert np.isfinite(J).all()


def test_parameters_are_added_to_an_array_of_all_directions_each_in_its_place():
    p, seed = seeded(np.arange(3.0))
    c = np.linspace(1, 2, 6).reshape(2, 3)
    first, last = leaves(p[0])[0].broadcast((2, 3)), leaves(p[2])[0].broadcast((2, 3))
    data = np.linspace(-1, 1, 18).reshape(3, 2, 3)
    kept, dense = data.copy(), dense_leaf(seed.level, data, (2, 3))
    total = assemble.small_sum({dense: None, first: c, last: 2}, (3, 2, 3))
    assert np.array_equal(total, kept + np.stack([c, 0 * c, 0 * c + 2]))
    assert np.array_equal(data, kept)  # what another array holds
    for coef in (np.inf, c * 1j, np.float32(2) * c.astype(np.float32)):
        assert assemble.small_sum({dense: None, first: coef}, (3, 2, 3)) is None


def test_places_in_a_result_of_more_than_2_31_numbers_do_not_overflow():
    assert assemble.jumps(np.array([0, 3], np.int32), 2**30).tolist() == [0, 3 * 2**30]


def test_labels_of_einsum_are_not_the_directions():
    x, _ = seeded(np.linspace(1, 2, 9).reshape(3, 3))
    M = np.linspace(-1, 1, 9).reshape(3, 3)
    y = x @ M  # of all directions
    assert np.allclose(np.einsum("ij,kl->kl", y, M).tangent, y.tangent.sum((1, 2))[:, None, None] * M, rtol=1e-14)


@pytest.mark.parametrize("n", [12, 60, 300])
def test_a_wave_that_is_stepped_in_time_has_few_leaves_and_the_textbooks_jacobian(n):
    u, _ = seeded(np.sin(np.linspace(0, 3, n)))
    v, T = u.value, np.eye(n)
    for _ in range(25):
        u = u - 0.1 * u * (np.roll(u, -1) - np.roll(u, 1)) + 0.05 * (np.roll(u, -1) - 2 * u + np.roll(u, 1))
        right, left, R, L = np.roll(v, -1), np.roll(v, 1), np.roll(T, -1, 1), np.roll(T, 1, 1)
        v, T = v - 0.1 * v * (right - left) + 0.05 * (right - 2 * v + left), \
            T - 0.1 * (T * (right - left) + v * (R - L)) + 0.05 * (R - 2 * T + L)
        assert len(leaves(u)) <= 8
    assert np.allclose(u.tangent, T, rtol=1e-13, atol=1e-15)


def test_a_leaf_wider_than_the_number_of_directions_becomes_dense():
    x, _ = seeded(np.arange(1.0, 6.0))
    y = x[:, None] * x[None, :] + x[None, ::-1]            # each row holds every direction more than once
    total = np.sum(np.cumsum(y, axis=0), axis=1)
    assert all(leaf.cols is None or np.prod(leaf.width) <= 5 for leaf in leaves(total))
    assert np.allclose(total.tangent.T, dd.jacobian(lambda x: np.sum(np.cumsum(
        x[:, None] * x[None, :] + x[None, ::-1], axis=0), axis=1))(np.arange(1.0, 6.0)))


def test_a_normalisation_is_a_diagonal_and_a_rank_one_term_and_never_a_square_array():
    n = 2000
    x, seed = seeded(np.linspace(1, 2, n))
    tracemalloc.start()
    y = x / x.sum()
    z = np.sum(y * y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seed in leaves(y)
    assert peak < 100 * x.nbytes < n * x.nbytes
    s = np.sum(x.value)
    expected = 2 * x.value / s**2 - 2 * np.sum(x.value**2) / s**3
    assert np.allclose(z.tangent, expected, rtol=1e-12)


# ---- the number of leaves ----------------------------------------------------------------------------------------------
def test_many_different_leaves_are_merged():
    x, _ = seeded(np.arange(1.0, 40.0))
    y = sum(np.roll(x, i) * (i + 1.0) for i in range(30))
    assert len(leaves(y)) <= MAX_TERMS
    shifts = sum((i + 1.0) * np.roll(np.eye(39), i, axis=0) for i in range(30))
    assert np.allclose(y.eps.dense(trailing=True), shifts)


def test_equal_directions_are_merged_in_a_stencil_applied_many_times():
    x, _ = seeded(np.arange(64.0))
    for _ in range(6):
        x = 0.5 * x + 0.25 * (np.roll(x, 1) + np.roll(x, -1))
    assert sum(int(np.prod(leaf.width)) for leaf in leaves(x)) <= 64
    row = x.eps.dense(trailing=True)[32]
    assert np.allclose(row[26:39], [1 / 4**6 * c for c in (1, 12, 66, 220, 495, 792, 924, 792, 495, 220, 66, 12, 1)])


def test_numbers_of_a_loop_are_rows_once_they_depend_on_many_of_the_directions(monkeypatch):
    sorts, argsort = [], np.argsort
    monkeypatch.setattr(np, "argsort", lambda *args, **options: sorts.append(args) or argsort(*args, **options))

    def recursion(d):
        c = [d[0]]
        for x in d[1:]:
            c.append((x - 0.3 * c[-1]) / (2 + c[-1]))
        return c[-1]
    dd.jacobian(recursion, mode="forward")(np.linspace(1, 2, 250))
    assert not sorts  # the ninth direction makes the first row
    n = 600
    v = list(seeded(np.linspace(1, 2, n))[0])
    for _ in range(4):
        v = [0.5 * v[i] + 0.25 * (v[i - 1] + v[(i + 1) % n] ** 2) * v[i - 2] for i in range(n)]
        assert not any(leaf.is_dense for x in v for leaf in leaves(x))  # which depend on few


def test_stacking_pairs_leaves_instead_of_adding_them_up():
    x, _ = seeded(np.arange(1.0, 101.0))
    pieces = [x[i] * x[i + 1] for i in range(99)]
    assert len(leaves(np.stack(pieces))) == 1
    assert len(leaves(np.concatenate([x[:50] ** 2, np.sin(x[50:])]))) == 1


# ---- tape --------------------------------------------------------------------------------------------------------------
def test_the_tape_records_structure_only():
    x, root = taped(np.linspace(0.1, 1, 5))
    y = np.sum(np.sin(np.exp(x) * x) ** 2 + 1)
    nodes = reachable(y.eps.terms)
    assert len(nodes) == 2                                 # the sum and the root: ten operations left no other trace
    assert nodes[-1] is root


def test_a_loop_over_elements_is_linear_on_the_tape():
    counts = []
    for n in (100, 200):
        x, _ = taped(np.arange(1.0, n + 1))
        s = 0.0
        for i in range(n):
            s = s + x[i] * x[i]
        counts.append(sum(len(node.edges) for node in reachable(s.eps.terms)))
    assert counts[1] <= 2.2 * counts[0]


def test_looking_at_tangents_on_a_tape_is_refused_with_a_remedy():
    with pytest.raises(dd.DualdiffError, match="mode='forward'"):
        dd.gradient(lambda x: np.sum(x * x.tangent), mode="reverse")(np.ones(5))


# ---- sweeps ------------------------------------------------------------------------------------------------------------
def count_calls(f):
    def counted(*args):
        counted.calls += 1
        return f(*args)
    counted.calls = 0
    return counted


@pytest.mark.parametrize("transform", [dd.jacobian, dd.gradient, dd.hessian,
                                       lambda f: dd.gradient(f, mode="forward")], ids=lambda t: getattr(t, "__name__", "?"))
def test_f_runs_once_whatever_the_number_of_inputs(transform):
    f = count_calls(lambda x: np.sum(np.sin(x) ** 3))
    transform(f)(np.linspace(0, 1, 50))
    assert f.calls == 1


def test_f_runs_once_more_only_where_a_partial_is_infinite():
    f = count_calls(lambda x: np.sum(np.sqrt(x)))
    assert np.array_equal(dd.gradient(f)(np.array([0.0, 4.0, 1.0, 1.0, 1.0])), [np.inf, 0.25, 0.5, 0.5, 0.5])
    assert f.calls == 2


@pytest.mark.parametrize("f", [lambda x: np.tanh(x @ np.ones((4, 2))) * x[:, :2], lambda x: x / np.sum(x * x, axis=0),
                               lambda x: np.maximum(x, x[::-1]), lambda x: np.linalg.norm(x, axis=1)])
def test_a_careful_sweep_gives_what_a_quick_one_gives(f):
    value = np.random.default_rng(0).standard_normal((3, 4))
    (quick, _), (careful, _) = seeded(value), seeded(value, careful=True)
    assert np.array_equal(f(quick).tangent, f(careful).tangent)


def test_nothing_outlives_a_sweep():
    kept = []

    def f(x):
        kept.append(weakref.ref(x))
        return np.sum(x[1:] * x[:-1])
    for mode in ("forward", "reverse"):
        dd.gradient(f, mode=mode)(np.ones(10))
    gc.collect()
    assert all(ref() is None for ref in kept)


def test_terms_of_unequal_width_do_not_pile_up_in_a_loop():
    W, most = np.random.default_rng(0).normal(size=(20, 39, 60)) / 10, []

    def f(x):
        z = x[1:40] * x[:39]
        for A in W:
            z = np.sin(z) * x[1:40] + x[:39] * (A @ x) + x[2:41] * z  # narrow leaves come back in every step, and a dense one
            most.append(len(leaves(z)))
        return z
    dd.jacobian(f, mode="forward")(np.linspace(-1, 1, 60))
    assert max(most) <= MAX_TERMS


def test_forward_over_forward_of_a_loop_costs_what_it_has_steps(monkeypatch):
    terms, gather = [], Tangent.gather

    def counted(self, move):
        terms.append(len(self.terms))
        return gather(self, move)
    monkeypatch.setattr(Tangent, "gather", counted)

    def f(p):
        y, rhs, out = p[:2], lambda y: np.array([y[1], -p[2] * np.sin(y[0])]), []
        for _ in range(4):
            a = rhs(y)
            b = rhs(y + 0.05 * a)
            y = y + 0.1 * (a + 2 * b + rhs(y + 0.05 * b))
            out.append(y)
        return np.sum(np.stack(out) ** 2)
    p = np.array([0.5, 0.1, 2.0])
    H = dd.jacobian(dd.gradient(f, mode="forward"), mode="forward")(p)
    assert max(terms) <= MAX_TERMS + 1  # they were hundreds, and twice as many in every step
    assert np.allclose(H, dd.hessian(f)(p), rtol=1e-12)


def test_an_array_that_is_written_to_and_read_in_turn_keeps_few_leaves(monkeypatch):
    A, terms, contract = 4 * np.eye(4) + 0.5, [], Tangent.contract

    def counted(self, op):
        terms.append(len(self.terms))
        return contract(self, op)
    monkeypatch.setattr(Tangent, "contract", counted)

    def gauss_seidel(b):
        x = np.zeros(4, like=b)
        for _ in range(30):
            for i in range(4):
                x[i] = (b[i] - A[i, :i] @ x[:i] - A[i, i + 1:] @ x[i + 1:]) / A[i, i]
        return x
    np.testing.assert_allclose(dd.jacobian(gauss_seidel, mode="forward")(np.ones(4)), np.linalg.inv(A), rtol=1e-13)
    assert np.mean(terms) < 2  # it was 9.4


def test_eight_threads_get_eight_right_answers():
    answers = {}

    def work(i):
        x = np.linspace(0.1, 1, 30) + i
        for _ in range(20):
            answers.setdefault(i, []).append((dd.gradient(lambda x: np.sum(np.sin(x) * x[::-1]))(x),
                                              dd.jacobian(lambda x: np.cumsum(x**2))(x)))
    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for i in range(8):
        x = np.linspace(0.1, 1, 30) + i
        for gradient, jacobian in answers[i]:
            assert np.allclose(gradient, np.cos(x) * x[::-1] + np.sin(x[::-1]), rtol=1e-13)
            assert np.allclose(jacobian, np.tril(np.broadcast_to(2 * x, (30, 30))))
    assert len(answers) == 8


def test_a_diagonal_between_two_matrices_is_a_product_of_matrices_for_each_direction(monkeypatch):
    entries, assembled, n = [], join.assembled, 140

    def counted(terms, shape, *rest):
        entries.extend(leaf.breadth * prod(shape) for leaf in terms)
        return assembled(terms, shape, *rest)
    for module in (join, tangent):
        monkeypatch.setattr(module, "assembled", counted)
    distance = np.subtract.outer(np.linspace(0, 1, n), np.linspace(0, 1, n)) ** 2

    def determinant(p):
        K = np.exp(-distance * p[0]) * p[1] + np.eye(n) * p[2]
        return np.sum(np.log(np.diag(np.linalg.cholesky(K))))
    dd.hessian(determinant)(np.array([3.0, 1.5, 0.5]))
    assert max(entries) <= 3 * n * n


def test_a_sum_of_elements_that_list_more_entries_than_there_are_directions_holds_each_direction_once():
    _, seed = seeded(np.arange(3.0))
    cols = np.arange(80) % 3
    listed = Tangent({Ragged(seed.level, 3, (40, 2), np.arange(81), cols, None): None}, (40, 2))
    total = np.sum(array(np.ones((40, 2)), listed, seed.level), axis=0).eps
    (leaf,) = total.terms
    assert [a.shape for a in leaf.numbers()] == [(3, 2)]
    np.testing.assert_array_equal(total.dense(), [[np.sum(cols[i::2] == j) for i in range(2)] for j in range(3)])


def test_elements_that_list_a_quarter_of_the_directions_are_an_array_of_all_of_them():
    n = 100
    state, _ = seeded(np.sin(np.arange(2.0 * n - 1)))
    u, v = state[:n], state[n:]
    for i in range(30):
        v = v + 0.3 * (u[1:] - u[:-1])
        u = u + 0.3 * np.concatenate([v[:1], v[1:] - v[:-1], -v[-1:]])  # which lists: both ends are of another kind
        assert i < 20 or any(leaf.is_dense for leaf in leaves(u))


@pytest.mark.parametrize("total", [
    lambda x: np.sum(x[1:] - x[:-1]), lambda x: np.sum(x - x.mean()), lambda x: np.sum(x[:-1] * 2 - x[1:] / 3 + x[2:].mean())])
def test_a_sum_of_terms_of_which_each_is_a_seed_times_a_number_looks_into_no_leaf(total, monkeypatch):
    x, _ = seeded(np.linspace(1, 2, 6))
    monkeypatch.setattr(Leaf, "contract", contracted := Counting(Leaf.contract))
    slope = total(x).eps.dense()
    assert contracted.calls <= 1                           # for the mean, which every element depends on
    np.testing.assert_allclose(slope, dd.gradient(total, mode="reverse")(x.value), atol=1e-15)


class Counting:
    """A method, and how often it ran."""

    def __init__(self, method):
        self.method, self.calls = method, 0

    def __get__(self, instance, owner):
        def call(*args):
            self.calls += 1
            return self.method(instance, *args)
        return call


@pytest.mark.parametrize("extreme", [
    np.max, np.min, lambda x: x.max(keepdims=True)[0, 0], lambda x: np.max(x[:, 1]), np.ptp])
def test_an_extreme_that_one_element_attains_depends_on_it_alone(extreme):
    x, _ = seeded(np.cos(np.arange(12.0)).reshape(3, 4))
    assert all(leaf.breadth == 1 and leaf.cols.size == 1 for leaf in leaves(extreme(x)))
    g = dd.gradient(extreme)(x.value)
    assert set(g.ravel()) <= {-1.0, 0.0, 1.0}
    assert np.sum(g * x.value) == extreme(x.value)
    assert np.array_equal(dd.gradient(extreme, mode="reverse")(x.value), g)
    tied = x.value * 0 + 1                                 # all share
    np.testing.assert_allclose(np.sum(dd.gradient(extreme)(tied)), extreme(tied) and 1.0, rtol=1e-15)


def test_the_place_of_an_extreme_is_not_mistaken_for_a_shape():
    def f(x):
        return np.max(x) + np.sum(np.broadcast_to(x[1, 2], (1, 2)))  # the extreme is at (1, 2), too
    x = np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 3.0]])
    for mode in ("forward", "reverse"):
        assert np.array_equal(dd.gradient(f, mode=mode)(x), [[0, 0, 0], [0, 0, 3]])


def test_where_selects_among_the_coefficients_of_a_leaf_that_both_sides_hold():
    x, leaf = seeded(np.linspace(-1, 1, 6))
    y = np.where(x > 0, x ** 2, np.sin(x))
    assert leaves(y) == [leaf]
    np.testing.assert_array_equal(y.eps.terms[leaf], np.where(x.value > 0, 2 * x.value, np.cos(x.value)))
    assert len(leaves(np.where(x[1:] > 0, x[1:], x[:-1]))) == 2


A34 = np.random.default_rng(4).standard_normal((3, 4))


@pytest.mark.parametrize("product", [
    lambda x: x[0] @ A34[0], lambda x: np.dot(A34[0], x[1]), lambda x: x[0] @ np.exp(x[1]), lambda x: np.vdot(x, A34),
    lambda x: np.einsum("ij,ij->", A34, x), lambda x: np.inner(x[0], x[0]), lambda x: np.tensordot(x, x * A34)])
def test_an_inner_product_is_a_scaled_sum(product):
    x, _ = seeded(A34 / 2)
    terms = product(x).eps.terms
    assert all(leaf.breadth in (4, 12) and not leaf.is_dense for leaf in terms)
    assert len(terms) <= 2
    for mode in ("forward", "reverse"):
        slope = dd.gradient(product, mode=mode)(x.value)
        np.testing.assert_allclose(slope, dd.jacobian(lambda x: np.sum(A34 * 0) + product(x))(x.value), rtol=1e-14)
        np.testing.assert_allclose(np.sum(slope * A34), dd.jvp(product, (x.value,), (A34,))[1], rtol=1e-13)


def test_a_constant_of_an_inner_product_may_be_written_to_afterwards():
    a = np.array([1.0, 2.0, 3.0])

    def f(x):
        first = x @ a
        a[:] = 0
        return first
    for mode in ("forward", "reverse"):
        a[:] = 1, 2, 3
        np.testing.assert_array_equal(dd.gradient(f, mode=mode)(np.ones(3)), [1, 2, 3])


def test_what_only_repeats_an_array_is_packed_before_it_is_multiplied():
    a = np.broadcast_to(np.arange(3.0)[:, None], (3, 4))
    assert 0 in a.strides
    assert packed(a).strides == (32, 8)
    np.testing.assert_array_equal(packed(a), a)
    b = np.ones((3, 4))
    assert packed(b) is b


@pytest.mark.parametrize("use", [
    lambda y, x: y * x + np.sin(x[::-1]) + np.roll(x, 1), lambda y, x: np.ones((1, 60)) @ y, lambda y, x: C60[:3] @ y,
    lambda y, x: np.einsum("jak,j->ka", C60[:, :6].reshape(60, 2, 3), y) * x[0], lambda y, x: np.sum(y.reshape(6, 10), axis=0),
])
def test_one_element_of_all_directions_is_listed_and_the_others_are_not_filled_up_to_it(use, monkeypatch):
    _, seed = seeded(np.ones(60))
    cols = np.concatenate([np.arange(60), np.arange(1, 60)])
    starts, weights = np.concatenate([[0], np.arange(60, 120)]), np.cos(np.arange(119.0))
    y = array(np.ones(60), Tangent({Ragged(seed.level, 60, (60,), starts, cols, weights): None}, (60,)), seed.level)
    x = array(np.linspace(0, 1, 60), Tangent({seed: None}, (60,)), seed.level)
    expected = use(array(y.value, Tangent({dense_leaf(seed.level, y.eps.dense(), (60,)): None}, (60,)), seed.level), x)
    monkeypatch.setattr(Ragged, "cols", property(lambda self: pytest.fail("filled up")))
    np.testing.assert_allclose(use(y, x).tangent, expected.tangent, rtol=1e-13, atol=1e-13)


C60 = np.random.default_rng(3).standard_normal((60, 60))


M22 = np.array([[1.0, 2.0], [0.0, 3.0]])


@pytest.mark.parametrize("f", [
    lambda x: np.sum(np.ones((3, 1)) + (M22 @ x) ** 2), lambda x: np.sum(x[:, None] + np.cumsum(x) ** 2),
    lambda x: np.mean(np.ones((4, 1)) - np.tanh(M22 @ x) * np.arange(1.0, 3.0)),
    lambda x: np.sum(M22 @ x + np.exp(M22 @ x)[:, None]), lambda x: np.einsum("ij->", x[:, None] + (M22 @ x) ** 2),
    lambda x: np.sum(np.ones((3, 1)) + M22[0] * (M22 @ x), axis=(0, 1)),
    lambda x: np.sum(x[:, None] + np.cumsum(x) ** 2) ** 2, lambda x: np.var(x[:, None] + np.cumsum(x) ** 2),
    lambda x: np.sum(np.sum(np.ones((3, 1, 4)) + ((M22 @ x) ** 2)[:, None], axis=(0, 2)) ** 2)])
def test_an_axis_that_only_repeats_a_dense_tangent_counts_in_its_sum(f):
    x = np.array([0.5, -0.7])
    reverse, second = dd.gradient(f, mode="reverse"), dd.hvp(f)
    H = np.stack([second(x, e) for e in np.eye(2)])
    np.testing.assert_allclose([(f(x + 1e-6 * e) - f(x - 1e-6 * e)) / 2e-6 for e in np.eye(2)], reverse(x), rtol=1e-7)
    for found in (dd.gradient(f, mode="forward")(x), dd.gradient(f)(x), dd.jacobian(f, sparse=True)(x).toarray()[0]):
        np.testing.assert_allclose(found, reverse(x), rtol=1e-13)
    for found in (dd.hessian(f)(x), dd.hessian(f, sparse=True)(x).toarray(), dd.jacobian(reverse, mode="forward")(x),
                  dd.jacobian(dd.gradient(f, mode="forward"), mode="forward")(x)):
        np.testing.assert_allclose(found, H, rtol=1e-12, atol=1e-13)
