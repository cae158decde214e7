"""How the tests of dualdiff.scipy hold a program to SciPy's values and to differences of them."""

import numpy as np

from dualdiff import gradient, jvp, lift
from dualdiff.testing import check_derivatives


def agrees(f, *args, order=2, rtol=1e-6, atol=0.0):
    """f's first and second derivatives are those of SciPy's values, in both modes, as f stands and lifted."""
    plain = f(*args)
    for program in (f, lift(f)):
        check_derivatives(program, *args, rtol=rtol, atol=atol)
    assert np.shape(lift(f)(*args)) == np.shape(plain)
    np.testing.assert_array_equal(lift(f)(*args), plain)  # nothing perturbed: SciPy's own bits
    if order == 2:
        weights = np.random.default_rng(0).uniform(0.5, 1.5, np.shape(plain))
        for mode in ("forward", "reverse"):
            slope = gradient(lambda *xs: np.sum(f(*xs) * weights), range(len(args)), mode=mode)
            check_derivatives(slope, *args, rtol=rtol, atol=atol)


def transposes(f, *args, tolerance=1e-13):
    """Forward and reverse mode are each other's transposes, ⟨u, J v⟩ = ⟨Jᵀ u, v⟩, of the program lifted."""
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=np.shape(x)) for x in args]
    y, forward = jvp(lift(f), args, directions)
    u = rng.normal(size=np.shape(y)) + (1j * rng.normal(size=np.shape(y)) if np.iscomplexobj(y) else 0)
    reverse = gradient(lift(lambda *xs: np.real(np.sum(u * f(*xs)))), range(len(args)), mode="reverse")(*args)
    one, other = np.real(np.sum(u * forward)), sum(np.sum(a * v) for a, v in zip(reverse, directions, strict=True))
    assert abs(one - other) <= tolerance * max(np.linalg.norm(u) * np.linalg.norm(forward), 1e-300)
    np.testing.assert_allclose(y, f(*args), rtol=1e-10, atol=1e-12 * max(np.max(np.abs(y), initial=0), 1))
