"""scipy.spatial in programs that are differentiated as they stand."""
# ruff: noqa: PLW0108 - the program is the lambda, in which the object's name is met

import numpy as np
import pytest
import scipy.spatial as sp
import scipy.spatial.distance as sd
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation, Slerp
from scipy_programs import agrees

from dualdiff import gradient, hessian, jacobian, jvp, lift
from dualdiff.errors import RuleError

pytestmark = pytest.mark.filterwarnings("ignore:.*distance.*is deprecated in favor of .scipy.spatial.distance")  # by SciPy 1.18

random = np.random.default_rng(5)
A, B = random.normal(size=(3, 3)), random.normal(size=(4, 3))
w = random.uniform(0.5, 1.5, 3)
U, V, W = np.abs(A[0]) + 0.1, np.abs(B[0]) + 0.1, np.diag(w) + 0.1
tree, ctree = sp.KDTree(B), sp.cKDTree(B)
SMOOTH = ("euclidean", "sqeuclidean", "cityblock", "chebyshev", "cosine", "correlation", "canberra", "braycurtis", "minkowski")

DISTANCES = {
    **{f"cdist {m}": (lambda a, b, m=m: cdist(a, b, metric=m), A[:2], B[:2]) for m in (*SMOOTH, "seuclidean", "hamming")},
    **{f"pdist {m}": (lambda a, m=m: sd.pdist(a, m), A) for m in (*SMOOTH, "seuclidean", "jaccard")},
    **{m: (lambda u, v, m=m: getattr(sd, m)(u, v), U, V) for m in (*SMOOTH, "hamming")},
    **{f"{m}, weights": (lambda u, v, w, m=m: getattr(sd, m)(u, v, w=w), U, V, w) for m in SMOOTH if m != "chebyshev"},
    "cdist mahalanobis": (lambda a: cdist(a, B, "mahalanobis"), A),
    "mahalanobis": (lambda u, v, VI: sd.mahalanobis(u, v, VI), U, V, W),
    "cdist VI": (lambda a, VI: cdist(a, B, "mahalanobis", VI=VI), A[:2], W),
    "pdist V": (lambda a, V: sd.pdist(a, "seuclidean", V=V), A, w),
    "seuclidean": (lambda u, v, V: sd.seuclidean(u, v, V), U, V, w),
    "cdist jensenshannon": (lambda a, b: cdist(np.abs(a), np.abs(b), "jensenshannon"), A[:2], B[:2]),
    "jensenshannon": (lambda u, v: sd.jensenshannon(u, v) + sd.jensenshannon(u, v, base=2.0), U, V),
    "cdist minkowski": (lambda a, b, w: cdist(a, b, "minkowski", p=3, w=w), A[:2], B[:2], w),
    "cdist of a function": (lambda a, b: cdist(a, b, lambda u, v: np.sum((u - v) ** 3)), A[:2], B[:2]),
    "cdist of its closure": (lambda a: cdist(A, B, sd.cosine) + cdist(A, B, lambda u, v: np.sum(a * u - v)), U),
    "squareform": (lambda a: sd.squareform(sd.pdist(a)) @ sd.squareform(sd.pdist(a)), A),
    "squareform of a matrix": (lambda a: sd.squareform(a + a.T, checks=False), random.normal(size=(3, 3))),
    "directed_hausdorff": (lambda a, b: sd.directed_hausdorff(a, b)[0], A, B),
    "distance_matrix": (lambda a: sp.distance_matrix(a, B, p=3), A),
    "KDTree.query": (lambda a: tree.query(a)[0] + ctree.query(a, k=2)[0][:, 1], A),
    "KDTree of one": (lambda a: tree.query(a, k=3, p=1)[0], U),
    "ConvexHull": (lambda a: sp.ConvexHull(a).volume + sp.ConvexHull(a).area, random.normal(size=(6, 3))),
    "ConvexHull in the plane": (lambda a: sp.ConvexHull(a).volume * sp.ConvexHull(a).area, random.normal(size=(5, 2))),
}

rot, arc = Rotation.from_euler("xyz", [0.1, 0.2, 0.3]), Slerp([0, 1, 2], Rotation.from_rotvec(A))
q = random.normal(size=4)
ROTATIONS = {
    "from_rotvec": (lambda v, x: Rotation.from_rotvec(v).apply(x), U, A[:2]),
    "of zero": (lambda v: Rotation.from_rotvec(v).apply(U), 0 * U),
    "of many": (lambda v: Rotation.from_rotvec(v).as_matrix(), A),
    "of small": (lambda v: Rotation.from_rotvec(v).as_matrix(), 0.02 * U),
    "from_euler": (lambda a: Rotation.from_euler("zyx", a).as_matrix(), U),
    "as_euler": (lambda a: Rotation.from_euler("XYZ", a, degrees=True).as_euler("zxz") @ w, 20 * U),
    "from_quat": (lambda q, x: (Rotation.from_quat(q) * Rotation.from_rotvec(x)).as_quat(), q, U),
    "as_rotvec": (lambda q: Rotation.from_quat(q).as_rotvec(), q),
    "from_matrix": (lambda a: Rotation.from_matrix(Rotation.from_rotvec(a).as_matrix()).as_rotvec() @ w, U),
    "inverse": (lambda a: Rotation.from_rotvec(a).inv().apply(w) + Rotation.from_rotvec(a).apply(w, inverse=True), U),
    "magnitude": (lambda a: Rotation.from_rotvec(a).magnitude(), U), "mrp": (lambda a: Rotation.from_mrp(a).as_mrp() @ w, U),
    "of plain ones": (lambda x: rot.apply(x) + (rot * Rotation.from_rotvec(x)).as_rotvec(), U),
    "power": (lambda a: (Rotation.from_rotvec(a) ** 2).as_matrix(), U),
    "Slerp": (lambda t: arc(t).as_matrix(), np.array([0.3, 1.4])),
    "Slerp between": (lambda a: Slerp([0, 1, 2], Rotation.from_rotvec(a))([0.3, 1.4]).as_rotvec(), A),
    "mean": (lambda a: Rotation.from_rotvec(a).mean().as_matrix(), A * 0.3),
    "reduce by the left": (lambda a: Rotation.from_rotvec(a).reduce(Rotation.create_group("C3")).as_quat(), 3 * U),
    "reduce by the right": (lambda a: Rotation.from_rotvec(a).reduce(right=Rotation.create_group("O")).as_quat(), 3 * A),
    "parts": (
        lambda a: (Rotation.from_rotvec(a)[1] * Rotation.concatenate([Rotation.from_rotvec(a[0]), rot])[0]).as_rotvec(), A),
}


@pytest.mark.parametrize("name", DISTANCES)
def test_distances(name):
    agrees(*DISTANCES[name], order=1 if sum(map(np.size, DISTANCES[name][1:])) > 9 else 2)


@pytest.mark.skipif(isinstance(vars(Rotation)["from_quat"], classmethod), reason="rotations are compiled before SciPy 1.17")
@pytest.mark.parametrize("name", ROTATIONS)
def test_rotations(name):
    linear = name in ("from_matrix", "as_euler")       # there and back: the second derivatives are rounding
    agrees(*ROTATIONS[name], order=1 if linear or np.size(ROTATIONS[name][1]) > 4 else 2, rtol=1e-5 if name == "mean" else 1e-6)


def test_a_rotation_by_nothing_has_its_second_derivative():
    H = hessian(lambda v: Rotation.from_rotvec(v).apply([1.0, 2.0, 3.0])[0])(np.zeros(3))
    K = [np.cross(np.eye(3), e) for e in np.eye(3)]     # v × x, by which the matrix is I + K + K²/2
    expected = [[(K[i] @ K[j] + K[j] @ K[i])[0] @ [1, 2, 3] / 2 for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(H, expected, atol=1e-12)


def test_distances_of_equal_points_take_the_least_norm():
    J = jacobian(lambda a: cdist(a, A))(A)
    assert not J[np.arange(3), np.arange(3)].any()
    assert not gradient(lambda u: sd.euclidean(u, U))(U).any()
    np.testing.assert_allclose(hessian(lambda u: sd.sqeuclidean(u, U))(U), 2 * np.eye(3))


def test_values_are_scipys_and_so_are_the_types():
    for m in (*SMOOTH, "seuclidean", "jensenshannon"):
        X = np.abs(A)
        value, along = jvp(lambda a, m=m: cdist(a, np.abs(B), m), (X,), (X,))
        np.testing.assert_allclose(value, cdist(X, np.abs(B), m), rtol=1e-12)
        assert along.shape == (3, 4)
    assert jacobian(lambda a: cdist(a, B, "hamming"))(A).any() == np.False_


def test_indices_are_constant_and_shapes_follow_from_the_points():
    flat = sp.KDTree(B[:, :2])

    def f(a):
        hull = sp.ConvexHull(a)
        return np.sum(hull.points[hull.vertices] ** 2) + len(flat.query_ball_point(a[0], 1.0)) + hull.simplices.shape[1]
    x = random.normal(size=(6, 2))
    expected = np.zeros_like(x)
    outer = sp.ConvexHull(x).vertices
    expected[outer] = 2 * x[outer]
    np.testing.assert_allclose(gradient(f)(x), expected)


class Both:
    def both(self, q):
        out = np.zeros(3)
        out[:] = q * 2
        return out


def with_methods(kind):
    class Sites(Both, kind):
        def __init__(self, points, power=2.0):
            super().__init__(points)
            self.power, self.asked = power, 0

        def query(self, q, k=1):
            self.asked += 1
            d, i = super(Sites, self).query(q, k)  # noqa: UP008 - both ways
            return d ** self.power, i

        def potential(self, q):
            return np.sum(q**2) + self.kernel(q[0]) + self.data[self.query_ball_point(q, 9.0)].sum(0) @ q

        @property
        def scale(self):
            return self.power * 3

        def __call__(self, q):
            return self.query(self.both(q))[0] * self.scale

        @classmethod
        def build(cls, power):
            return cls(B, power)

        @staticmethod
        def kernel(t):
            return t**3

    class Nearer(Sites):
        def query(self, q, k=1):
            d, i = super().query(q, k)
            return 1.5 * d, i
    return Nearer


KINDS = {kind: with_methods(kind) for kind in (sp.KDTree, sp.cKDTree)}
SITES = {kind: made(B) for kind, made in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_tree_of_a_class_of_the_users_runs_its_methods_on_duals(kind):
    sites, made, asked = SITES[kind], KINDS[kind], SITES[kind].asked
    agrees(lambda q: sites.query(q, 2)[0], A[0], order=1)
    for f in (lambda q: sites(q), lambda q: sites.potential(q), lambda q: made.build(q[0] ** 2 + 1)(q),
              lambda q: made(B, q[1] ** 2 + 1).potential(q), lambda q: isinstance(sites, made) * made.kernel(q[0])):
        agrees(lift(f), A[0], order=1)
    assert type(sites) is made
    assert sites.asked > asked


@pytest.mark.parametrize("f", [
    lambda a: sp.ConvexHull(a).volume if isinstance(sp.ConvexHull(a), sp.ConvexHull) else 0.0 * a[0, 0],
    lambda a: sp.ConvexHull(a).area if type(sp.ConvexHull(a)) is sp.ConvexHull is not sp.Delaunay else 0.0 * a[0, 0],
    lambda a: a[0, 0] if type(sp.Delaunay(a)).__name__ == "Delaunay" else 0.0 * a[0, 0],
    lambda a: a[0, 0] if type(tree) is sp.KDTree and type(ctree) is not sp.KDTree else 0.0 * a[0, 0],
    lambda a: a[0, 0] if type(SITES[sp.KDTree]).__name__ == "Nearer" else 0.0 * a[0, 0]])
def test_the_types_of_hulls_and_trees_are_those_of_scipys(f):
    agrees(f, random.normal(size=(6, 2)), order=1)


@pytest.mark.parametrize(("f", "says"), [
    (lambda a: sp.KDTree(a).query(B)[0], "KDTree of perturbed points.*stop_gradient"),
    (lambda a: sp.ConvexHull(a).equations, "ConvexHull.*equations.*volume"),
    (lambda a: sp.Delaunay(a).transform, "Delaunay.*transform"),
    (lambda a: cdist(a, B, "minkowski", p=a[0, 0] ** 2 + 1), "minkowski.*in p"),
    (lambda a: cdist(B > 0, B > 1, "yule", w=a[0] ** 2), "yule.*weights"),
])
def test_what_has_no_derivative_is_refused(f, says):
    with pytest.raises(RuleError, match=says):
        jacobian(f)(np.vstack([A, B]))


@pytest.mark.parametrize("metric", [*SMOOTH, "jensenshannon"])
def test_single_precision_becomes_double_where_it_does_in_scipy(metric):
    a, b = np.abs(A).astype(np.float32), np.abs(B).astype(np.float32)
    for f in (lambda a: cdist(a, b, metric), lambda a: sd.pdist(a, metric), lambda a: getattr(sd, metric)(a[0], b[0]),
              lambda a: cdist(a, b, lambda u, v: np.sum(u * v)), lambda a: sp.distance_matrix(a, b, 3)):
        value, slope = jvp(f, (a,), (a,))
        assert value.dtype == slope.dtype == np.asarray(f(a)).dtype
        np.testing.assert_allclose(value, f(a), rtol=1e-7 if value.dtype == np.float32 else 1e-12)
