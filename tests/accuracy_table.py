"""The table of worst errors, measured: ``python tests/accuracy_table.py`` writes tests/ACCURACY.md."""

from pathlib import Path

import numpy as np
import test_elementwise_rows as rows
import test_special as special

FILE = Path(__file__).parent / "ACCURACY.md"
TEXT = """# How accurate the partial derivatives are

Written by `python tests/accuracy_table.py`. The errors are those of one machine; `tests/test_elementwise_rows.py` and
`tests/test_special.py` measure them again on yours and fail where a bound is passed.

## NumPy's elementwise functions

The worst error of each partial derivative over its domain, extremes included, against {digits} digits of mpmath, in units in
the last place. The bound is {close} ulps. Constant partials are exact.

| function | input | points | worst error, ulps | at |
|---|---|---|---|---|
{elementwise}

## scipy.special

The worst error of each derivative through a sweep against mpmath at {special_digits} digits, relative to the derivative
(to 1e-15 where that vanishes). The bound is {special_close:g}, but where the reason is given.

| function | input | points | worst relative error | why coarser |
|---|---|---|---|---|
{special}
"""


def elementwise_lines():
    for ufunc, i in rows.PARTIALS:
        row = rows.ELEMENTWISE[ufunc]
        if callable(row.partials[i]):
            error, where = rows.worst(row, i)
            at = ", ".join(f"{a:.6g}" for a in where[0]) if where else ""
            yield f"| `{ufunc.__name__}` | {i} | {rows.points(row)[0].size} | {error:.2f} | {at} |"


def special_lines():
    for name, _, points in special.CASES:
        reason = special.COARSER.get(name, (0, ""))[1]
        for m in special.measured(name, len(points[0])):
            yield f"| `{name}` | {m.i} | {len(points)} | {m.error():.1e} | {reason} |"


def table():
    with np.errstate(all="ignore"):
        return TEXT.format(digits=50, close=rows.CLOSE, elementwise="\n".join(elementwise_lines()),
                           special="\n".join(special_lines()), special_digits=special.DIGITS, special_close=special.CLOSE)


if __name__ == "__main__":
    FILE.write_text(table())
