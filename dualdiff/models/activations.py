"""The functions that a neuron may apply to its weighted input, eqs. (2)-(4) of the lecture notes, and their slopes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import derivative
from ..errors import ParameterError

Function = Callable[[Any], Any]


def step(z: Any) -> Any:
    """1 where z ≥ 0, else 0: eq. (2). Its derivative is 0 wherever it exists, so no network learns through it.

    >>> step(np.array([-0.5, 0.0, 2.0]))
    array([0., 1., 1.])
    """
    return np.heaviside(z, 1.0)


def relu(z: Any) -> Any:
    """max(0, z), the rectified linear unit: eq. (3). Its derivative at the kink, z = 0, is taken as 0.

    >>> relu(np.array([-0.5, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return np.maximum(0.0, z)


def sigmoid(z: Any) -> Any:
    """1 / (1 + exp(-z)): eq. (4), written so that neither tail overflows or loses digits.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return np.exp(-np.logaddexp(0.0, -z))


def tanh(z: Any) -> Any:
    """The hyperbolic tangent, 2 sigmoid(2z) - 1.

    >>> tanh(np.array([-1000.0, 0.0, 1000.0]))
    array([-1.,  0.,  1.])
    """
    return np.tanh(z)


def none(z: Any) -> Any:
    """z itself: the output layer of a regression.

    >>> none(3.0)
    3.0
    """
    return z


@dataclass(frozen=True)
class Activation:
    """A function of each neuron's weighted input z, and its slope written in terms of z and a = function(z)."""

    function: Function
    slope: Callable[[Any, Any], Any]


NAMED = {
    "relu": Activation(relu, lambda z, a: np.where(z > 0, 1.0, 0.0)),
    "sigmoid": Activation(sigmoid, lambda z, a: a * (1 - a)),  # eq. (37)
    "tanh": Activation(tanh, lambda z, a: 1 - a * a),
    "none": Activation(none, lambda z, a: np.ones_like(z)),
}


def activation_of(given: Any) -> Activation:
    """The activation of a name or of a function; that of a function has its slope from dual numbers."""
    if isinstance(given, Activation):
        return given
    if given is step or (isinstance(given, str) and given == "step"):
        raise ParameterError("activation 'step' has the derivative 0 everywhere, so no gradient can train its layer; "
                             "use 'sigmoid', its smooth form")
    for name, known in NAMED.items():
        if given is known.function or (isinstance(given, str) and given == name):
            return known
    if callable(given):
        slope = derivative(given)
        return Activation(given, lambda z, a: slope(z))
    raise ParameterError(f"activation {given!r} is not known; use one of {', '.join(map(repr, NAMED))}, or a function of an "
                         "array written in NumPy")
