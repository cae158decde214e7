"""scipy.spatial: distances, in NumPy on rows that broadcast; neighbours, hulls and triangulations, whose indices are constant
between their jumps.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from math import factorial
from typing import Any

import numpy as np
import scipy.spatial as plain
from scipy.spatial import distance
from scipy.special import rel_entr

from ..custom import custom_rule
from ..errors import RuleError
from ..forms import dual_form, stripped
from ..lifted_classes import LOOKED, RUNS, beside
from ..standins import Shown
from .calling import linearly
from .classes import array_of, in_double, perturbed
from .counterparts import KINDS, counterpart, with_tangent


# ---- distances: of u and v, whose last axes are the vectors
def total(x: Any, w: Any) -> Any:
    return np.sum(x if w is None else w * x, -1)


def minkowski(u: Any, v: Any, p: Any = 2, w: Any = None) -> Any:
    if perturbed(p):
        raise RuleError("scipy.spatial.distance.minkowski: no derivative in p; give it dualdiff.stop_gradient(p)")
    scale = 1.0 if w is None else (stripped(w) != 0) if p == np.inf else array_of(w) ** (1 / p)
    return np.linalg.norm((u - v) * scale, ord=p, axis=-1)


def correlation(u: Any, v: Any, w: Any = None, centered: bool = True) -> Any:
    w = None if w is None else array_of(w) / np.sum(w)
    if centered:
        u, v = (x - (np.mean(x, -1) if w is None else total(x, w))[..., None] for x in (u, v))
    u, v = (x if w is None else x * np.sqrt(w) for x in (u, v))
    u, v = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (u, v))
    D = 1 - np.einsum("...j,...j->...", u, v)
    return np.clip(D, 0.0, 2.0) if np.any(np.abs(stripped(D) - 1) > 1) else D


def canberra(u: Any, v: Any, w: Any = None) -> Any:
    size = np.abs(u) + np.abs(v)
    none = stripped(size) == 0
    return total(np.where(none, 0.0, np.abs(u - v) / np.where(none, 1.0, size)), w)


def mahalanobis(u: Any, v: Any, VI: Any) -> Any:
    d = u - v
    return np.sqrt(np.sum(d @ np.atleast_2d(VI) * d, -1))


def jensenshannon(p: Any, q: Any, base: Any = None) -> Any:
    p, q = (x / np.sum(x, -1, keepdims=True) for x in (p, q))
    m = (p + q) / 2
    return np.sqrt(np.sum(rel_entr(p, m) + rel_entr(q, m), -1) / (2 if base is None else 2 * np.log(base)))


METRICS: dict[str, Callable[..., Any]] = {
    "euclidean": lambda u, v, w=None: minkowski(u, v, 2, w), "minkowski": minkowski, "correlation": correlation,
    "cosine": lambda u, v, w=None: correlation(u, v, w, False), "canberra": canberra, "mahalanobis": mahalanobis,
    "sqeuclidean": lambda u, v, w=None: total((u - v) ** 2, w), "cityblock": lambda u, v, w=None: total(np.abs(u - v), w),
    "chebyshev": lambda u, v, w=None: np.max(np.abs(u - v) * (1.0 if w is None else stripped(w) > 0), axis=-1),
    "braycurtis": lambda u, v, w=None: total(np.abs(u - v), w) / total(np.abs(u + v), w),
    "seuclidean": lambda u, v, V: minkowski(u, v, 2, 1 / array_of(V))}
BETWEEN = {**METRICS, "jensenshannon": jensenshannon}
STEPS = ("hamming", "jaccard", "dice", "rogerstanimoto", "russellrao", "sokalsneath", "yule", "matching", "kulczynski1",
         "sokalmichener")  # of counts and of truth values: constant between their jumps


def named(name: str, metric: Any) -> None:
    @counterpart(getattr(distance, name))
    def between(u: Any, v: Any, *args: Any, **options: Any) -> Any:
        value = getattr(distance, name)(*map(stripped, (u, v, *args)), **{key: stripped(x) for key, x in options.items()})
        return with_tangent(value, metric(in_double(u), in_double(v), *map(dual_form, args),
                                          **{key: dual_form(x) for key, x in options.items()}))


for _name, _metric in METRICS.items():
    named(_name, _metric)


def reciprocal(D: Any) -> Any:
    """1/D, and 0 where points are equal: of the slopes there the least."""
    none = stripped(D) == 0
    return np.where(none, 0.0, 1 / np.where(none, 1.0, D))


# Of the distance D of two rows, whose difference is u: the derivative along u, a function of u times one of D.
SLOPES: dict[Any, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "euclidean": (lambda u: u, reciprocal), "sqeuclidean": (lambda u: u, lambda D: 2.0), "cityblock": (np.sign, lambda D: 1.0)}


def sloped(original: Callable[..., Any], name: Any, A: Any, B: Any, rows: Any) -> Any:
    """SciPy's distances between all pairs of rows; short rows are taken column by column, both ways."""
    slope, scale = SLOPES[name]

    def ahead(D: Any, a: Any, b: Any, da: Any, db: Any) -> Any:
        """The derivative along the rows' da and db; None for one that stays."""
        left, right = rows(a, b)
        du: Any = (0.0 if da is None else rows(da, da)[0]) - (0.0 if db is None else rows(db, db)[1])
        if a.shape[1] < SHORT:
            return scale(D) * reduce(np.add, (slope(left[..., j] - right[..., j]) * du[..., j] for j in range(a.shape[1])))
        return scale(D) * np.sum(slope(left - right) * du, -1)

    def back(D: Any, a: Any, b: Any, w: Any, axis: int) -> Any:
        """Its transpose for the rows of a, summed over axis -1, or of b, over -2."""
        left, right = rows(a, b)
        w = w * scale(D) if axis == -1 else -w * scale(D)
        if a.shape[1] < SHORT:
            return np.stack([np.sum(w * slope(left[..., j] - right[..., j]), axis) for j in range(a.shape[1])], -1)
        return np.sum(w[..., None] * slope(left - right), axis - 1)
    if rows is not EACH:
        return custom_rule(original, differentials=lambda D, a, da: ahead(D, a, a, da, da))(A)
    if A is B:
        return linearly(original, (lambda D, a, d: ahead(D, a, a, d, d),
                                   lambda D, a, w: back(D, a, a, w, -1) + back(D, a, a, w, -2)))(A)
    return linearly(original, (lambda D, a, b, d: ahead(D, a, b, d, None), lambda D, a, b, w: back(D, a, b, w, -1)),
                    (lambda D, a, b, d: ahead(D, a, b, None, d), lambda D, a, b, w: back(D, a, b, w, -2)))(A, B)


SHORT = 16  # columns


def EACH(a: Any, b: Any) -> tuple[Any, Any]:
    """Each row with each."""
    return a[..., :, None, :], b[..., None, :, :]


def pairwise(what: str, A: Any, B: Any, rows: Any, metric: Any, options: dict[str, Any], original: Any) -> Any:
    """The distances between rows of A and B, whatever of these ``rows`` pairs."""
    name = metric.lower() if isinstance(metric, str) else getattr(metric, "__name__", "")
    name = getattr(distance, "_METRIC_ALIAS", {}).get(name, None)
    name = getattr(name, "canonical_name", metric)
    options = {key: dual_form(x) for key, x in options.items()}
    if options.pop("out", None) is not None:
        raise RuleError(f"scipy.spatial.distance.{what}: out= would drop the derivative; take the result")
    if name in STEPS:
        if any(map(perturbed, options.values())):
            raise RuleError(f"scipy.spatial.distance.{what}: metric {name!r} has no derivative in its weights")
        return original()
    stacked = in_double(A if B is A else np.concatenate([A, B]))
    if name == "seuclidean" and options.get("V") is None:
        options["V"] = np.var(stacked, axis=0, ddof=1)
    if name == "mahalanobis" and options.get("VI") is None:
        options["VI"] = np.linalg.inv(np.atleast_2d(np.cov(stacked.T))).T
    if name in SLOPES and not options and np.shape(A)[1]:
        return sloped(original, name, A, B, rows)
    left, right = rows(A, B)
    if name in BETWEEN:
        return BETWEEN[name](in_double(left), in_double(right), **options)
    if not callable(name):
        raise RuleError(f"scipy.spatial.distance.{what}: metric {metric!r} has no derivative; give one of {[*BETWEEN]}, or a "
                        "function of two vectors")
    shape = np.broadcast_shapes(left.shape, right.shape)
    left, right = np.broadcast_to(left, shape), np.broadcast_to(right, shape)
    places = [*np.ndindex(left.shape[:-1])]
    return np.reshape(in_double(np.stack([name(left[i], right[i], **options) for i in places])), left.shape[:-1])


@counterpart(distance.cdist, always=True)
def cdist(XA: Any, XB: Any, metric: Any = "euclidean", **options: Any) -> Any:
    def original(A: Any = XA, B: Any = XB) -> Any:
        return distance.cdist(stripped(A), stripped(B), getattr(metric, "original", metric), **options)
    if not any(map(perturbed, (XA, XB, *options.values()))) and (isinstance(metric, str) or hasattr(metric, "original")):
        return original()
    A, B = array_of(XA), array_of(XB)
    if np.ndim(A) != 2 or np.ndim(B) != 2 or np.shape(A)[1] != np.shape(B)[1]:
        original()
    return pairwise("cdist", A, B, EACH, metric, options, original)


@counterpart(distance.pdist, always=True)
def pdist(X: Any, metric: Any = "euclidean", **options: Any) -> Any:
    def original(A: Any = X) -> Any:
        return distance.pdist(stripped(A), getattr(metric, "original", metric), **options)
    if not any(map(perturbed, (X, *options.values()))) and (isinstance(metric, str) or hasattr(metric, "original")):
        return original()
    A = array_of(X)
    if np.ndim(A) != 2:
        original()
    i, j = np.triu_indices(len(A), 1)
    return pairwise("pdist", A, A, lambda a, b: (a[i], b[j]), metric, options, original)


@counterpart(distance.squareform)
def squareform(X: Any, force: str = "no", checks: bool = True) -> Any:
    X = array_of(X)
    if distance.squareform(stripped(X), force, checks).ndim == 1:
        return X[np.triu_indices(len(X), 1)]
    places = distance.squareform(np.arange(1, len(X) + 1))
    return np.concatenate([np.zeros(1, X.dtype), X])[places]


@counterpart(distance.directed_hausdorff)
def directed_hausdorff(u: Any, v: Any, rng: Any = 0) -> Any:
    _, i, j = distance.directed_hausdorff(stripped(u), stripped(v), rng)
    return np.linalg.norm(in_double(u)[i] - in_double(v)[j]), i, j


@counterpart(plain.distance_matrix)
def distance_matrix(x: Any, y: Any, p: Any = 2, threshold: Any = 1000000) -> Any:
    return minkowski(in_double(x)[:, None], in_double(y), p)


# ---- neighbours, hulls and triangulations
class Tree(Shown):
    """A KDTree: distances have derivatives, indices are constant. Of a class of the user's it has the user's methods, too."""

    original = None

    def __len__(self) -> int:
        return len(self.data)

    def __getattr__(self, name: str) -> Any:
        part = getattr(self.original, name)
        home = next((c.__module__ for c in type(self.original).__mro__ if name in vars(c)), "")
        if not home.startswith("scipy."):  # the user's
            return RUNS[-1].of(part) if RUNS else part
        if not callable(part):
            return part
        return lambda *args, **options: part(*map(bare, args), **{key: bare(x) for key, x in options.items()})

    def __setattr__(self, name: str, x: Any) -> None:
        setattr(self.original, name, x)

    def query(self, x: Any, k: Any = 1, eps: Any = 0, p: Any = 2, distance_upper_bound: Any = np.inf, workers: int = 1) -> Any:
        kind: Any = plain.KDTree if isinstance(self.original, plain.KDTree) else plain.cKDTree
        d, i = kind.query(self.original, stripped(x), k, eps, p, distance_upper_bound, workers)
        if not perturbed(x):
            return d, i
        x, points = array_of(x), self.data[np.minimum(i, self.n - 1)]
        x = x if points.ndim == x.ndim else x[..., None, :]
        return np.where(np.isinf(d), np.inf, minkowski(x, points, p)), i


def bare(x: Any) -> Any:
    return x.original if issubclass(type(x), Tree) else stripped(x)


def tree_class(kind: Any) -> Any:
    return Tree if kind.__module__.startswith("scipy.") else beside(kind, tree_class)


def seen(tree: Any) -> Any:
    new = object.__new__(tree_class(type(tree)))
    object.__setattr__(new, "original", tree)
    own = getattr(tree, "__dict__", {})
    LOOKED[id(own)] = own  # arrays that took no dual are plain in it when the run ends
    return new


def tree_of(kind: Any) -> None:
    @counterpart(kind, always=True)
    def make(data: Any, *args: Any, **options: Any) -> Any:
        if perturbed(data):
            raise RuleError(f"scipy.spatial.{kind.__name__} of perturbed points: build it from dualdiff.stop_gradient(points), "
                            "ask it for indices, and take the distances of these points")
        return seen(kind(data, *args, **options))
    KINDS[kind] = seen


tree_of(plain.KDTree)
tree_of(plain.cKDTree)


class Cells(Shown):
    """A hull or triangulation of dual points: its indices, and what follows from them."""

    def __init__(self, found: Any, points: Any) -> None:
        self.original, self.points = found, points

    def __getattr__(self, name: str) -> Any:
        x = getattr(self.original, name)
        if isinstance(x, int) or getattr(x, "dtype", np.dtype(float)).kind in "bui":
            return x
        raise RuleError(f"scipy.spatial.{type(self.original).__name__}: .{name} of perturbed points has no derivative; "
                        ".points, and a hull's .volume and .area, have one, and indices are constant")

    @property
    def volume(self) -> Any:
        """Cones from a point inside over the facets, whose sum does not depend on it."""
        hull = self.hull("volume")
        corners = self.points[hull.simplices]
        inside = np.mean(stripped(self.points)[hull.vertices], axis=0)
        return np.sum(np.abs(np.linalg.det(corners - inside))) / factorial(hull.ndim)

    @property
    def area(self) -> Any:
        hull = self.hull("area")
        corners = self.points[hull.simplices]
        edges = corners[:, 1:] - corners[:, :1]
        return np.sum(np.sqrt(np.linalg.det(edges @ np.swapaxes(edges, -1, -2)))) / factorial(hull.ndim - 1)

    def hull(self, name: str) -> Any:
        if not isinstance(self.original, plain.ConvexHull):
            raise AttributeError(f"{type(self.original).__name__!r} object has no attribute {name!r}")
        return self.original


for _kind in (plain.ConvexHull, plain.Delaunay):
    counterpart(_kind)(lambda points, *args, _kind=_kind, **options: Cells(_kind(stripped(points), *args, **options),
                                                                           in_double(points)))


with suppress(ImportError):  # before SciPy 1.17 rotations are compiled code
    from . import rotation  # noqa: F401
