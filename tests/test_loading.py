"""What `import dualdiff` leaves for the moment in which it is first asked for, and that it is there at that moment."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dualdiff import rules
from dualdiff.errors import DerivativeWarning

ROOT = Path(__file__).parent.parent
START = """
import sys
import threading
import numpy as np
import dualdiff as dd
from dualdiff import rules
from dualdiff.errors import DerivativeWarning
from dualdiff.rules import registry

files = [file for later in rules.LATER.values() for file in later]
def read():
    return [file for file in files if "dualdiff.rules." + file in sys.modules]
x = np.array([3.0, 1.0, 2.0])
"""


def fresh(program):
    """What a program prints in a process of its own that has just imported dualdiff."""
    return subprocess.run([sys.executable, "-c", START + program], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_the_public_names_are_there_and_the_modules_of_those_found_later_are_not_imported():
    assert fresh("""
print(any(name.startswith("dualdiff.transforms") for name in sys.modules), set(dd._LATER) <= set(dd.__all__) <= set(dir(dd)))
from dualdiff import *
print(all(name in globals() for name in dd.__all__), gradient is dd.transforms.gradient is dd.gradient)
""").split() == ["False", "True", "True", "True"]


def test_ordinary_programs_read_none_of_the_rows_left_for_later():
    assert fresh("""
def f(x):
    y = np.concatenate([x[1:], np.stack([x[0], np.max(x)])]).reshape(2, 2)
    y = np.where(y > 1, np.exp(-y) @ y.T, y) / np.sum(x) + np.mean(np.abs(x)) * np.linalg.solve(y, y)
    return np.clip(y, -9, 9).sum(axis=0) ** 2 - np.diff(np.cumsum(x))
dd.jacobian(f)(x), dd.gradient(lambda x: f(x).sum())(x)
print(read())
""") == "[]\n"


def test_the_rows_of_rarer_functions_are_read_when_one_of_them_is_met():
    assert fresh("""
print(read())
print(*dd.gradient(lambda a: np.cumprod(a)[-1])(x))
print("spectra" in read(), "fourier" in read())
""").split() == ["[]", "2.0", "6.0", "3.0", "True", "False"]


@pytest.mark.parametrize("times", range(3))
def test_threads_that_meet_rarer_functions_at_once_find_their_rows(times):
    assert fresh("""
found, start = [], threading.Barrier(8)
def meet():
    start.wait()
    found.append(dd.gradient(lambda a: np.cumprod(a)[-1])(x).tolist())
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=meet) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(found == [[2, 6, 3]] * 8)
""") == "True\n"


def test_rows_whose_reading_was_interrupted_are_read_again():
    assert fresh("""
whole = registry.add
def interrupted(row):
    if row.function is np.linalg.eigvalsh:
        raise KeyboardInterrupt
    whole(row)
registry.add = interrupted
try:
    dd.gradient(lambda a: np.cumprod(a)[-1])(x)
except KeyboardInterrupt:
    print(read())
registry.add = whole
print(*dd.gradient(lambda a: np.cumprod(a)[-1])(x), *dd.gradient(lambda a: np.linalg.eigvalsh(a * np.eye(3)).sum())(x))
""").split() == ["[]", "2.0", "6.0", "3.0", "1.0", "1.0", "1.0"]


def test_every_file_of_rows_is_read():
    files = {path.stem for path in Path(rules.__file__).parent.glob("*.py")} - {"__init__"}
    pytest.importorskip("scipy.special")
    assert np.fft.__name__ in sys.modules
    assert np.polynomial.__name__ in sys.modules
    rules.every_row()
    assert [file for file in files if f"dualdiff.rules.{file}" not in sys.modules] == []
    assert rules.LATER == {}


def test_a_release_of_scipy_that_is_not_known_is_told_of():
    from dualdiff.scipy import RELEASES, told_of_release

    for version in (f"{RELEASES[0]}.0", f"{RELEASES[-1]}.1rc1"):
        told_of_release(version)  # warnings are errors
    for version in ("1.9.3", "1.16.3", "1.19.0.dev0", "2.0.0"):
        with pytest.warns(DerivativeWarning, match=f"SciPy 1.17 and 1.18; with {version} some raise and"):
            told_of_release(version)
