"""The table of worst errors that readers find: it has a line for every partial there is, and none for what is gone."""

import re

import accuracy_table
import test_elementwise_rows as rows
import test_special as special

LINE = re.compile(r"\| `(.+?)` \| (\d) \| (\d+) \| (\S+) \| .*\|")


def lines(section):
    return [LINE.fullmatch(line).groups() for line in section.splitlines() if line.startswith("| `")]


def test_the_table_of_accuracy_has_a_line_for_every_partial_and_every_line_keeps_its_bound():
    first, second = accuracy_table.FILE.read_text().split("## scipy.special")
    partials = [(ufunc.__name__, str(i)) for ufunc, i in rows.PARTIALS if callable(rows.ELEMENTWISE[ufunc].partials[i])]
    found = lines(first)
    assert [(name, i) for name, i, _, _ in found] == partials
    assert all(0 <= float(error) <= rows.CLOSE for _, _, _, error in found)
    assert all(int(points) >= 20 for _, _, points, _ in found)
    found = lines(second)
    assert [(name, i) for name, i, _, _ in found] == [
        (name, str(i)) for name, _, points in special.CASES for i in special.differentiable_inputs(name, points)]
    assert all(float(error) <= special.COARSER.get(name, (special.CLOSE,))[0] for name, _, _, error in found)
