"""scipy.linalg in programs that are differentiated as they stand."""

import numpy as np
import pytest
import scipy.linalg
from scipy_programs import agrees

A = np.random.default_rng(1).normal(size=(3, 3)) + 3 * np.eye(3)

PROGRAMS = {
    "inv": (scipy.linalg.inv, A),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_scipy_and_with_differences(name):
    agrees(*PROGRAMS[name])
