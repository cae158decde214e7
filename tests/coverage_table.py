"""Every NumPy function, method and attribute in the list that says what dualdiff does with it: data for test_partition.py.

``python tests/coverage_table.py`` writes the README's section "Coverage" anew from the lists.
"""

import sys
from pathlib import Path

import numpy as np

if __name__ == "__main__":                                 # run by itself, it must see the checkout
    sys.path.insert(0, str(Path(__file__).parent.parent))

from dualdiff import DualArray
from dualdiff.creation import BUFFERS
from dualdiff.methods import ABSENT
from dualdiff.rules import every_row
from dualdiff.rules.registry import Bilinear, Composite, Constant, Elementwise, Formula, Gather, Linear, Refused

README = Path(__file__).parent.parent / "README.md"
VERSION = np.__version__.rsplit(".", 1)[0]
BEGIN, END = "<!-- coverage -->", "<!-- /coverage -->"

POLYNOMIALS = ("polynomial", "chebyshev", "legendre", "hermite", "hermite_e", "laguerre", "polyutils")
MODULES = {"": np, "linalg.": np.linalg, "fft.": np.fft, "lib.stride_tricks.": np.lib.stride_tricks,
           **{f"polynomial.{name}.": getattr(np.polynomial, name) for name in POLYNOMIALS}}
ROWS = every_row()  # after NumPy's modules have been asked for

DIFFERENTIATED = {
    Elementwise: "element by element, from its partial derivatives", Gather: "elements are moved",
    Linear: "a linear map and its transpose", Bilinear: "a product of two arrays",
    Formula: "its differential, in matrix calculus", Composite: "plain NumPy in terms of the others"}


def dispatching():
    """By name, every public ufunc of NumPy and every function that asks its arguments; of aliases, the first."""
    found = {}
    for prefix, module in MODULES.items():
        for name in sorted(dir(module), key=lambda name: name != getattr(getattr(module, name), "__name__", "")):
            f = getattr(module, name)
            public = not name.startswith("_") and (isinstance(f, np.ufunc) or hasattr(f, "_implementation"))
            if public and f not in found.values():
                found[prefix + name] = f
    return dict(sorted(found.items()))


def lists_of(function):
    """The lists that a function is in; exactly one, if all is well."""
    row = ROWS.get(function)
    return [*([type(row)] if row is not None else []), *(["new arrays"] if function in BUFFERS else [])]


def attributes():
    return [name for name in dir(np.ndarray) if not name.startswith("_")]


def attribute_lists_of(name):
    return [*(["absent"] if name in ABSENT else []),
            *(["present"] if hasattr(DualArray, name) and name not in ABSENT else [])]


def table():
    """The section: a line for each list."""
    functions = dispatching()

    def line(what, names):
        return f"| {what} | {len(names)} | {', '.join(f'`{name}`' for name in names)} |"
    kinds = {kind: [name for name, f in functions.items() if type(ROWS.get(f)) is kind] for kind in DIFFERENTIATED}
    lines = [line(text, kinds[kind]) for kind, text in DIFFERENTIATED.items()]
    lines.append(line("new arrays of the same kind, and their type", [n for n, f in functions.items() if f in BUFFERS]))
    for kind, title in ((Constant, "constant: "), (Refused, "refused: ")):
        rows = {name: ROWS[f] for name, f in functions.items() if type(ROWS.get(f)) is kind}
        for reason in dict.fromkeys(row.reason for row in rows.values()):
            lines.append(line(title + reason, [name for name, row in rows.items() if row.reason == reason]))
    lines.append(line("methods and attributes of arrays", [name for name in attributes() if name not in ABSENT]))
    lines.append(line("absent from arrays, by name and reason", [name for name in attributes() if name in ABSENT]))
    total = sum(map(len, kinds.values()))
    return "\n".join([
        f"Of the {len(functions)} functions of NumPy {VERSION} that ask their arguments, {total} are "
        "differentiated, forward and in reverse. Every other is in a list with its reason, and a test fails by name when NumPy "
        "gains one. `python tests/coverage_table.py` writes this table from the lists.", "",
        "| what happens | how many | which |", "|---|---|---|", *lines])


def with_table(text):
    """The README with its section anew."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
