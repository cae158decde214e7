"""Temporaries of a sweep take memory that the process has, not new pages: counted, not timed."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FAULTS = """
import resource
import numpy as np
import dualdiff as dd

def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

slope, x = dd.gradient(rosenbrock, mode="reverse"), np.linspace(0.0, 1.0, 30_000)
slope(x)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    slope(x)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(**environment):
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": str(ROOT), **environment})
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators keep freed memory by rules of their own")
def test_a_fresh_process_does_not_fault_in_every_temporary_anew():
    assert page_faults() < 500                             # of 50 gradients; without settle() more than 100 for each


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators keep freed memory by rules of their own")
def test_what_the_user_told_the_allocator_holds():
    assert page_faults(MALLOC_TRIM_THRESHOLD_="131072") > 2000
