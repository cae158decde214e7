"""scipy.spatial.transform: rotations, by the code that SciPy has for the arrays of other libraries, made anew."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.transform import _rotation, _rotation_xp

from ..forms import stripped
from .classes import array_of, seen_class
from .counterparts import counterpart
from .python_functions import SCIPY


@counterpart(_rotation.select_backend, always=True)
def select_backend(xp: Any, cython_compatible: bool) -> Any:
    return SCIPY.of(_rotation_xp)


@counterpart(_rotation_xp.from_rotvec)
def from_rotvec(rotvec: Any, degrees: bool = False) -> Any:
    """sin(√s/2)/√s and cos(√s/2), smooth in s, the squared angle: where it is small by their series."""
    v = np.deg2rad(rotvec) if degrees else rotvec
    s = np.sum(v * v, -1, keepdims=True)
    small = stripped(s) < 1e-2
    near, angle = np.where(small, s, 0.0), np.sqrt(np.where(small, 1.0, s))
    sine = np.where(small, series(near, 0.5, 1), np.sin(angle / 2) / angle)
    return np.concatenate([v * sine, np.where(small, series(near, 1.0, 0), np.cos(angle / 2))], -1)


def series(s: Any, term: float, odd: int) -> Any:
    value, power = term, 1.0
    for k in range(1, 8):
        term, power = -term / (4 * (2 * k + odd) * (2 * k + odd - 1)), power * s
        value = value + term * power
    return value


@counterpart(_rotation_xp.inv)
def inv(quat: Any) -> Any:
    return quat * np.array([-1.0, -1.0, -1.0, 1.0])


@counterpart(_rotation_xp.reduce)
def reduce(quat: Any, left: Any = None, right: Any = None) -> Any:
    """A side that is not given is the identity, for which SciPy's code for other libraries has ones."""
    sides = (np.array([[0.0, 0.0, 0.0, 1.0]]) if side is None else side for side in (left, right))
    return SCIPY.function(_rotation_xp.reduce)(quat, *sides)


def apply(self: Any, vectors: Any, inverse: bool = False) -> Any:
    m = self.as_matrix()
    return np.einsum("...ji,...j->...i" if inverse else "...ij,...j->...i", m, array_of(vectors))


Rotation: Any = seen_class(_rotation.Rotation, apply=apply,
                      __getitem__=lambda self, index: Rotation(self.as_quat()[index], normalize=False))
seen_class(_rotation.Slerp)
