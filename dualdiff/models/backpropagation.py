"""Back-propagation written out, eqs. (16)-(26) of the lecture notes: the reference for the dual-number gradients.

An array holds one example per row, so every formula of the notes, which writes columns, appears transposed: a layer's
weights W = (wˡ)ᵀ have shape (inputs, neurons), as scikit-learn's ``coefs_`` do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .activations import activation_of
from .costs import COSTS, weighed

Layers = Sequence[tuple[Any, Any]]  # (W, b) of each layer


def forward(layers: Layers, X: Any, activations: Sequence[Any]) -> Any:
    """The outputs aᴸ, shape (n, outputs), of a network for the rows of X: z = a W + b and a = σ(z), eqs. (5)-(7).

    ``layers`` holds (W, b) per layer, ``activations`` a name or function per layer. Costs one pass.

    >>> forward([(np.ones((2, 1)), np.zeros(1))], np.array([[1.0, 2.0]]), ["none"])
    array([[3.]])
    """
    a = X
    for (W, b), activation in zip(layers, activations, strict=True):
        a = activation_of(activation).function(a @ W + b)
    return a


def backpropagate(layers: Layers, X: Any, Y: Any, activations: Sequence[Any], cost: str = "squared",
                  w: Any = None) -> list[Any]:
    """∂C/∂W and ∂C/∂b of every layer, as a list of pairs like ``layers``: one pass forward, one back.

    ``X`` has shape (n, inputs), ``Y`` shape (n, outputs); ``cost`` is "squared" or "cross-entropy". With δˡ = ∂Cₓ/∂zˡ,
    times w(x) if given, one row per example x:

        δᴸ = ∂Cₓ/∂aᴸ ⊙ σ′(zᴸ)                (19); for the squared cost (aᴸ - y) ⊙ σ′(zᴸ), (20)
        δˡ = (δˡ⁺¹ Wˡ⁺¹ᵀ) ⊙ σ′(zˡ)           (25), (26)
        ∂C/∂bˡ = Σₓ δˡ / n                    (17), (15)
        ∂C/∂Wˡ = Σₓ aˡ⁻¹ᵀ δˡ / n              (18), (14)

    Y. Hu, *Machine learning* (lecture notes), section 2.4.

    >>> (dW, db), = backpropagate([(np.ones((2, 1)), np.zeros(1))], np.array([[1.0, 2.0]]), np.zeros((1, 1)), ["none"])
    >>> dW.ravel(), db
    (array([3., 6.]), array([3.]))
    """
    used = [activation_of(activation) for activation in activations]
    inputs, slopes, a = [], [], X
    for (W, b), activation in zip(layers, used, strict=True):
        z = a @ W + b
        inputs.append(a)
        a = activation.function(z)
        slopes.append(activation.slope(z, a))

    n = len(Y)
    delta = weighed(COSTS[cost].slope(Y, a) * slopes[-1], w)
    found = []
    for number in range(len(layers) - 1, -1, -1):
        found.append((inputs[number].T @ delta / n, np.sum(delta, axis=0) / n))
        if number:
            delta = (delta @ layers[number][0].T) * slopes[number - 1]
    return found[::-1]
