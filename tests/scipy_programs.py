"""How the tests of dualdiff.scipy hold a program to SciPy's values and to differences of them."""

import numpy as np

from dualdiff import gradient, lift
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
