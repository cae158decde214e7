"""Vector forward mode as textbooks have it: a value of shape S and its tangents, an array (k, *S).

Every operation costs k times the plain one, and NumPy does that work in C; it is the layout of most forward-mode
libraries. Written as leanly as the idea allows: no levels, no checks, no rules beyond what the benchmarks use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

PARTIALS: dict[Any, Callable[[Any, Any], Any]] = {
    np.sin:      lambda f, x: np.cos(x),
    np.cos:      lambda f, x: -np.sin(x),
    np.exp:      lambda f, x: f,
    np.log:      lambda f, x: 1 / x,
    np.sqrt:     lambda f, x: 0.5 / f,
    np.tanh:     lambda f, x: 1 - f * f,
    np.negative: lambda f, x: -1.0,
}


class VectorDual:
    """An array and its derivatives along k directions, directions leading."""

    __slots__ = ("tangent", "value")

    def __init__(self, value: Any, tangent: Any) -> None:
        self.value, self.tangent = value, tangent

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            return NotImplemented
        if len(inputs) == 1:
            x = self.value
            f = ufunc(x)
            return VectorDual(f, self.tangent * PARTIALS[ufunc](f, x))
        x, y = inputs                                      # a plain array came first
        return {np.add: y.__radd__, np.subtract: y.__rsub__, np.multiply: y.__rmul__,
                np.true_divide: y.__rtruediv__, np.matmul: y.__rmatmul__}[ufunc](x)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        """Of a vector: np.roll, np.resize and np.mean."""
        x, *rest = args
        if function is np.mean:
            return VectorDual(np.mean(x.value), np.mean(x.tangent, axis=-1))
        if function is np.roll:
            return VectorDual(np.roll(x.value, *rest), np.roll(x.tangent, *rest, axis=-1))
        return x[np.arange(*rest) % x.value.size] if function is np.resize else NotImplemented

    def along(self, value: Any) -> Any:
        """The tangents with their axes in line with those of a result that has more."""
        missing = np.ndim(value) - np.ndim(self.value)
        t = self.tangent
        return t.reshape(t.shape[:1] + (1,) * missing + t.shape[1:]) if missing else t

    def __add__(self, other: Any) -> VectorDual:
        if isinstance(other, VectorDual):
            f = self.value + other.value
            return VectorDual(f, self.along(f) + other.along(f))
        f = self.value + other
        return VectorDual(f, np.broadcast_to(self.along(f), self.tangent.shape[:1] + np.shape(f)))

    __radd__ = __add__

    def __neg__(self) -> VectorDual:
        return VectorDual(-self.value, -self.tangent)

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, VectorDual):
            f = self.value - other.value
            return VectorDual(f, self.along(f) - other.along(f))
        return self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> VectorDual:
        if isinstance(other, VectorDual):
            f = self.value * other.value
            return VectorDual(f, self.along(f) * other.value + other.along(f) * self.value)
        f = self.value * other
        return VectorDual(f, self.along(f) * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, VectorDual):
            f = self.value / other.value
            return VectorDual(f, (self.along(f) - other.along(f) * f) / other.value)
        return self * (1 / other)

    def __rtruediv__(self, other: Any) -> VectorDual:
        f = other / self.value
        return VectorDual(f, self.along(f) * (-f / self.value))

    def __pow__(self, power: float) -> VectorDual:
        return VectorDual(self.value ** power, self.tangent * (power * self.value ** (power - 1)))

    def __matmul__(self, other: Any) -> VectorDual:
        if isinstance(other, VectorDual):
            moved = self.value @ other.tangent if other.value.ndim > 1 else other.tangent @ self.value.T
            return VectorDual(self.value @ other.value, self.tangent @ other.value + moved)
        return VectorDual(self.value @ other, self.tangent @ other)

    def __rmatmul__(self, other: Any) -> VectorDual:
        value = other @ self.value
        return VectorDual(value, other @ self.tangent if self.value.ndim > 1 else self.tangent @ other.T)

    def __getitem__(self, index: Any) -> VectorDual:
        index = index if isinstance(index, tuple) else (index,)
        return VectorDual(self.value[index], self.tangent[(slice(None), *index)])

    def reshape(self, *shape: int) -> VectorDual:
        value = self.value.reshape(*shape)
        return VectorDual(value, self.tangent.reshape(self.tangent.shape[:1] + value.shape))


BLOCK = 8                 # directions per run: the fastest of 1, 2, 4 … 641 for both networks of jacobian_mlp


def jacobian(f: Callable[[Any], VectorDual], x: Any) -> Any:
    """Jacobian of f, array (n,) -> array (m,): an array (m, n), in n / BLOCK sweeps whose tangents fit the cache."""
    seeds = np.eye(x.size)
    return np.concatenate([f(VectorDual(x, seeds[i:i + BLOCK])).tangent for i in range(0, x.size, BLOCK)]).T
