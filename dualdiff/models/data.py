"""X and y as arrays that a model can learn from, or an error that says where they cannot."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ShapeError, StructureError

Array = NDArray[np.float64]


def numbers(a: Any, name: str) -> Array:
    """An array of finite floats; what is not finite is told by its place."""
    if hasattr(a, "tocsr"):
        raise StructureError(f"{name} is a sparse matrix, and sparse data is not supported here; pass {name}.toarray()")
    plain = array_of(a, name)
    if plain.dtype.kind == "c":
        raise DataError(f"Complex data not supported: {name} is complex. Pass real and imaginary parts as two columns")
    try:
        array: Array = plain.astype(np.float64)
    except (TypeError, ValueError) as reason:
        kind = StructureError if isinstance(reason, TypeError) else DataError
        raise kind(f"{name} cannot be read as numbers: {reason}. Turn text into numbers first, for instance into one "
                   "column of 0 and 1 per category") from None
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        first = bad[0]
        place = "".join(f", {word} {i}" for word, i in zip(("row", "column"), first, strict=False))
        more = f" ({len(bad)} such entries in all)" if len(bad) > 1 else ""
        value = "NaN" if np.isnan(array[tuple(first)]) else array[tuple(first)]
        raise DataError(f"{name} holds {value}{place.replace(',', ' at', 1)}{more}; remove those rows or fill "
                        "them in")
    return array


def array_of(a: Any, name: str) -> Any:
    """a as an array, NaN where it is masked."""
    try:
        if np.ma.is_masked(a):
            return a.astype(object).filled(np.nan)
        return np.asarray(a)
    except ValueError as reason:
        raise ShapeError(f"{name} has rows of different lengths: {reason}") from None


def features(X: Any, expected: int | None = None, model: str = "") -> Array:
    """X of shape (n, d), with the number of columns that the model was fitted on."""
    array = numbers(X, "X")
    if array.ndim != 2:
        hint = ". Reshape your data: X[:, None] has one feature, X[None] is one row" if array.ndim == 1 else ""
        raise ShapeError(f"X has shape {array.shape}; it must have two axes, (rows, features){hint}")
    if 0 in array.shape:
        raise ShapeError(f"X has {array.shape[0]} sample(s) and {array.shape[1]} feature(s) (shape={array.shape}) while a "
                         "minimum of 1 is required.")
    if expected is not None and array.shape[1] != expected:
        raise ShapeError(f"X has {array.shape[1]} features, but {model} is expecting {expected} features as input")
    return array


def names_of(X: Any) -> Any:
    """What the columns of a data frame are called; None without names, or where they are not texts."""
    names = list(getattr(X, "columns", []))
    return np.array(names, object) if names and all(isinstance(name, str) for name in names) else None


def require_names(names: list[str], known: list[str]) -> None:
    """Raise, in scikit-learn's words, where columns are others than those learned from, or in another order."""
    if names == known:
        return
    found = {"unseen at fit time": set(names) - set(known), "seen at fit time, yet now missing": set(known) - set(names)}
    parts = [f"Feature names {what}:\n" + "".join(f"- {name}\n" for name in sorted(which))
             for what, which in found.items() if which]
    raise DataError("The feature names should match those that were passed during fit.\n" +
                    ("".join(parts) or "Feature names must be in the same order as they were in fit.\n"))


def one_per_row(y: Any, n: int, *, columns: bool = False, depth: int = 4) -> Any:
    """y with one entry per row of X: shape (n,), or also (n, m) where a model has several outputs."""
    if y is None:
        raise DataError("fit requires y to be passed, but the target y is None")
    array = array_of(y, "y")
    if array.ndim == 2 and array.shape[1] == 1 and not columns:
        theirs = getattr(sys.modules.get("sklearn.exceptions"), "DataConversionWarning", UserWarning)
        warnings.warn("A column-vector y was passed when a 1d array was expected; write y.ravel()", theirs, stacklevel=depth)
        array = array[:, 0]
    if array.ndim != 1 and not (columns and array.ndim == 2 and array.shape[1]):
        raise ShapeError(f"y has shape {array.shape}; it must be ({n},){f' or ({n}, outputs)' if columns else ''}")
    if len(array) != n:
        raise ShapeError(f"y has {len(array)} entries; X has {n} rows")
    return array


def weights_of(sample_weight: Any, n: int) -> Any:
    """A weight per row, 1 the greatest, or None."""
    if sample_weight is None:
        return None
    w = numbers(sample_weight, "sample_weight")
    if w.shape not in {(), (n,)}:
        raise ShapeError(f"sample_weight has shape {w.shape}; it must be ({n},), or one number")
    if w.min() < 0 or w.max() == 0:
        raise DataError(f"sample_weight runs from {w.min():g} to {w.max():g}; none may be negative, and not all zero")
    return np.broadcast_to(w / w.max(), n)


def counted(X: Any, T: Any, sample_weight: Any) -> tuple[Any, ...]:
    """X and T, or those rows of them that have a weight, and the weights, 1 on average."""
    w = weights_of(sample_weight, len(T))
    if w is None:
        return X, T
    some = w > 0
    return X[some], T[some], w[some] / w[some].mean()


def classes_of(y: Any, n: int, sample_weight: Any = None) -> tuple[Any, NDArray[np.intp]]:
    """The sorted distinct labels, and the index of each row's; two classes or more."""
    labels, w = labels_of(y, n), weights_of(sample_weight, n)
    if w is not None:  # of weight 0: no class
        labels = np.where(w > 0, labels, labels[np.argmax(w)])
    classes, index = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"y holds one class only, {classes.tolist()[0]!r}; a classifier needs at least two")
    if labels.dtype.kind == "f" and len(classes) > max(20, n // 2):
        raise DataError(f"Unknown label type: continuous. y holds {len(classes)} different numbers in {n} rows, which look "
                        "like amounts, not classes; use a regression, or round y to the classes meant")
    return classes, index


def labels_of(y: Any, n: int) -> Any:
    """A label per row; they may be anything that sorts; a missing one is an error, not a class."""
    labels = one_per_row(y, n, depth=5)
    if labels.dtype.kind in "fc" and not np.isfinite(labels).all():
        numbers(labels, "y")
    if labels.dtype.kind == "O":
        missing = [i for i, label in enumerate(labels.tolist()) if label is None or label != label]  # noqa: PLR0124 - NaN
        if missing:
            raise DataError(f"y holds {labels[missing[0]]!r} at row {missing[0]}; remove rows without a label")
        kinds = sorted({type(label).__name__ for label in labels.tolist()})
        if len(kinds) > 1:
            raise DataError(f"y mixes labels of types {', '.join(kinds)}; make them one type, for instance by y.astype(str)")
    return labels


def index_of(y: Any, n: int, classes: Any) -> NDArray[np.intp]:
    """The index of each row's label among the classes that the model was fitted on."""
    labels = labels_of(y, n)
    index: NDArray[np.intp] = np.clip(np.searchsorted(classes, labels), 0, len(classes) - 1)
    unknown = classes[index] != labels
    if np.any(unknown):
        raise DataError(f"y holds {labels[unknown].tolist()[0]!r}, which is none of the fitted classes {classes.tolist()}")
    return index


def indicators(index: NDArray[np.intp], count: int) -> Array:
    """One row per example: 1 in the column of its class, else 0."""
    return np.eye(count)[index]
