"""Nothing of NumPy is overlooked: every function, method and attribute is in exactly one list, with its reason."""

import pytest
from coverage_table import BEGIN, END, README, VERSION, attribute_lists_of, attributes, dispatching, lists_of, with_table

from dualdiff import DualArray
from dualdiff.errors import AbsentError, DualdiffError
from dualdiff.methods import ABSENT
from dualdiff.rules import every_row
from dualdiff.rules.registry import Constant, Refused

FUNCTIONS, ROWS = dispatching(), every_row()


def test_every_function_of_numpy_is_in_exactly_one_list():
    assert {name: lists for name, f in FUNCTIONS.items() if len(lists := lists_of(f)) != 1} == {}


def test_every_method_and_attribute_of_arrays_is_in_exactly_one_list():
    assert {name: lists for name in attributes() if len(lists := attribute_lists_of(name)) != 1} == {}
    assert [name for name in ABSENT if name not in attributes()] == []


def test_the_search_finds_what_numpy_is_known_to_have():
    assert {"sin", "matmul", "sort", "linalg.svd", "fft.rfft", "lib.stride_tricks.sliding_window_view"} <= set(FUNCTIONS)
    assert {"T", "sort", "ctypes"} <= set(attributes())
    assert len(FUNCTIONS) >= 345


def test_a_function_that_numpy_gains_is_named():
    def gained(x):
        return x
    assert lists_of(gained) == []
    assert attribute_lists_of("gained") == []


# The calls that need more than x, once per input.
CALLS = {
    "save": lambda x: ("file", x), "savez": lambda x: ("file", x), "savez_compressed": lambda x: ("file", x),
    "savetxt": lambda x: ("file", x), "busday_count": lambda x: (x, x), "busday_offset": lambda x: (x, x),
    "ravel_multi_index": lambda x: (x, (2, 2)), "unravel_index": lambda x: (x, (2, 2))}


@pytest.mark.parametrize("name", [name for name, f in FUNCTIONS.items() if type(ROWS.get(f)) is Refused])
def test_a_refused_function_says_why_and_what_to_do_next(name):
    f, x = FUNCTIONS[name], DualArray([1.0, 2.0], [1.0, 0.0])
    with pytest.raises(DualdiffError) as caught:
        f(*CALLS[name](x) if name in CALLS else (x,) * getattr(f, "nin", 1))
    message = str(caught.value)
    assert f.__name__ in message
    assert ROWS[f].reason in message
    assert any(word in message for word in ("stop_gradient", "save x.value", "use "))


@pytest.mark.parametrize("name", [name for name, f in FUNCTIONS.items() if type(ROWS.get(f)) is Constant])
def test_a_constant_has_a_reason(name):
    assert len(ROWS[FUNCTIONS[name]].reason.split()) >= 3


@pytest.mark.parametrize("name", ABSENT)
def test_an_absent_attribute_is_absent_and_says_why(name):
    x = DualArray([1.0, 2.0], [1.0, 0.0])
    assert not hasattr(x, name)
    with pytest.raises(AbsentError, match=f"no '{name}': .{{20}}"):
        getattr(x, name)


def test_the_readme_shows_the_lists_as_they_are():
    text = README.read_text()
    assert (text.count(BEGIN), text.count(END)) == (1, 1)
    if f"NumPy {VERSION} that" not in text:
        pytest.skip(f"the table is of another NumPy than {VERSION}")
    assert text == with_table(text), "run python tests/coverage_table.py"
