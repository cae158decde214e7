"""Rows for SciPy's ufuncs, one file per family; `row_of` imports this file when it meets the first of them.

Every public ufunc of `scipy.special` has a row, is constant, or is refused with the reason, and a test names the one
that SciPy adds. A few private ufuncs have rows too, because public Python functions (`zeta`, `lambertw`) hand their
arguments on to them. Formulas are cited by their number in the NIST Digital Library of Mathematical Functions,
https://dlmf.nist.gov. An input marked None refuses to be perturbed.
"""

from . import (  # noqa: F401 - importing fills the table
    special_bessel,
    special_elliptic,
    special_entropy,
    special_error,
    special_gamma,
    special_hypergeometric,
    special_incomplete,
    special_integrals,
    special_oscillators,
    special_polynomials,
    special_python,
    special_statistics,
)
