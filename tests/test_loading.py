"""What `import dualdiff` leaves for the moment in which it is first asked for, and that it is there at that moment."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dualdiff import rules

ROOT = Path(__file__).parent.parent
START = """
import sys
import threading
import numpy as np
import dualdiff as dd
from dualdiff import rules
from dualdiff.rules.registry import Table

def read():
    return sorted(name.rpartition(".")[2] for name in sys.modules if name.startswith("dualdiff.rules."))

x = np.array([3.0, 1.0, 2.0])
at_first = read()
"""


def fresh(program):
    """What a program prints in a process of its own that has just imported dualdiff."""
    return subprocess.run([sys.executable, "-c", START + program], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_ordinary_programs_read_no_more_rows_than_the_import_does():
    assert fresh("""
def f(x):
    y = np.concatenate([x[1:], np.stack([x[0], np.max(x)])]).reshape(2, 2)
    y = np.where(y > 1, np.exp(-y) @ y.T, y) / np.sum(x) + np.mean(np.abs(x)) * np.linalg.solve(y, y)
    return np.clip(y, -9, 9).sum(axis=0) ** 2 - np.diff(np.cumsum(x))
dd.jacobian(f)(x), dd.gradient(lambda x: f(x).sum())(x)
print(read() == at_first)
""") == "True\n"


def test_the_rows_of_rarer_functions_are_read_when_one_of_them_is_met():
    assert fresh("""
print("spectra" in at_first, "fourier" in at_first)
print(*dd.gradient(np.prod)(x))
print("spectra" in read(), "fourier" in read())
""").split() == ["False", "False", "2.0", "6.0", "3.0", "True", "False"]


@pytest.mark.parametrize("times", range(3))
def test_threads_that_meet_rarer_functions_at_once_find_their_rows(times):
    assert fresh("""
found, start = [], threading.Barrier(8)
def meet():
    start.wait()
    found.append(dd.gradient(np.prod)(x).tolist())
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
whole = Table.add
def interrupted(table, row):
    if row.function is np.linalg.eigvalsh:
        raise KeyboardInterrupt
    whole(table, row)
Table.add = interrupted
try:
    dd.gradient(np.prod)(x)
except KeyboardInterrupt:
    print(read() == at_first)
Table.add = whole
print(*dd.gradient(np.prod)(x), *dd.gradient(lambda a: np.linalg.eigvalsh(a * np.eye(3)).sum())(x))
""").split() == ["True", "2.0", "6.0", "3.0", "1.0", "1.0", "1.0"]


def test_every_file_of_rows_is_read():
    files = {path.stem for path in Path(rules.__file__).parent.glob("*.py")} - {"__init__"}
    pytest.importorskip("scipy.special")
    assert np.fft.__name__ in sys.modules
    assert np.polynomial.__name__ in sys.modules
    rules.every_row()
    assert [file for file in files if f"dualdiff.rules.{file}" not in sys.modules] == []
    assert rules.LATER == {}
