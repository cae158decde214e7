"""What the code of a function says of it: whether it asks for types, which names it uses, whose it is."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache, partial
from itertools import pairwise
from opcode import opmap
from types import CodeType, FunctionType
from typing import Any
from weakref import ref

import numpy as np

from ..dual_array import DualArray

KNOWN: dict[int, tuple[Any, Any]] = {}  # what is known of a code, by its id, and a reference to it


class Known:
    """What the code of a function says, whatever it reaches: whether it asks (see below), whether it compares ``x.__class__``,
    and the names that it uses, of globals and of all. The rest is what was found when all that it reaches was looked up, see
    `programs.py`.
    """

    __slots__ = ("asks", "classes", "compares", "found", "names", "ours", "outside", "root", "straight", "users", "within")

    def __init__(self, f: Any) -> None:
        self.asks, self.names, self.outside = asks(f.__code__), tuple(names_in(f.__code__)), tuple(globals_in(f.__code__))
        self.root, self.ours, self.users = root_of(f), is_ours(f), is_users(f)
        self.classes, self.compares = compares_classes(f.__code__), False
        self.found: Any = None
        self.straight: Any = False  # its steps, see plans/straight.py; None if it has branches, False if nobody looked


def known_of(f: Any) -> Any:
    code = f.__code__
    key = id(code)
    found = KNOWN.get(key)
    if found is None or found[0]() is not code:
        found = KNOWN[key] = ref(code, partial(KNOWN.pop, key)), Known(f)
    return found[1]


def asks(code: CodeType) -> bool:
    """Whether the code, unless it knows of duals, compares ``type(x)`` or its name or looks it up, or asks hasattr or
    getattr for what NumPy's have and these do not, or the other way round.
    """
    if not AWARE.isdisjoint((*code.co_names, *code.co_consts)):
        return False
    if "type" in code.co_names or not HASATTR.isdisjoint(code.co_names):
        from dis import get_instructions, stack_effect  # a slow import
        found = [*get_instructions(code)]
        steps = [(step.opname, step.argval) for step in found]
        pushed = [stack_effect(step.opcode, step.arg, jump=False) for step in found]
        if any(names_what_tells(steps, i) if told in HASATTR else told == "type" and (
                decides(steps[max(i - 4, 0):i], steps[i:i + NEAR]) or is_kept(steps, i) or is_handed_on(steps, pushed, i))
                for i, (step, told) in enumerate(steps) if step == "LOAD_GLOBAL"):
            return True
    return any(asks(part) for part in code.co_consts if type(part) is CodeType)


def compares_classes(code: CodeType) -> bool:
    """Whether the code, unless it knows of duals, compares or looks up ``x.__class__`` or its name, x not being ``self``."""
    if "__class__" in code.co_names and AWARE.isdisjoint((*code.co_names, *code.co_consts)):
        from dis import get_instructions  # a slow import
        steps = [(step.opname, step.argval) for step in get_instructions(code)]
        if any(step == ("LOAD_ATTR", "__class__") and steps[i - 1] != ("LOAD_FAST", "self")
               and decides(steps[max(i - NEAR, 0):i], steps[i:i + NEAR]) for i, step in enumerate(steps)):
            return True
    return any(compares_classes(part) for part in code.co_consts if type(part) is CodeType)


def decides(before: list[Any], after: list[Any]) -> bool:
    """Whether ``type(x)`` between these is compared, or looked up, or its name is asked for, but not for a text."""
    named = [text for step, (text, _) in pairwise(after) if step == ("LOAD_ATTR", "__name__")]
    return any(name in COMPARING for name, _ in after) or any(step in LOOKING for step in before) or \
        any(not text.startswith("FORMAT") for text in named)


def is_kept(steps: list[Any], i: int) -> bool:
    """Whether the ``type(x)`` that begins there goes into a list, or gets a name that is compared or looked up later."""
    calls = [k for k in range(i, min(i + NEAR, len(steps) - 1)) if steps[k][0] == "CALL" and "CALL" not in steps[k + 1][0]]
    what, name = steps[calls[0] + 1] if calls else ("", "")
    if what == "LIST_APPEND" or not what.startswith("STORE") or what in ("STORE_ATTR", "STORE_SUBSCR"):
        return what == "LIST_APPEND"
    name = name if type(name) is str else name[0]
    return any(step.startswith("LOAD") and name in (told if type(told) is tuple else (told,))
               and decides(steps[max(k - 4, 0):k], steps[k:k + 4]) for k, (step, told) in enumerate(steps))


def is_handed_on(steps: list[Any], pushed: list[int], i: int) -> bool:
    """Whether the ``type(x)`` that begins there, x not being ``self``, is returned, stored in an object, or an argument."""
    depth, end = pushed[i], 0
    for k in range(i + 1, len(steps)):
        before, depth = depth, depth + pushed[k]
        if not end and depth == 1 and steps[k][0].startswith("CALL"):  # it lies on the stack, and above it what comes
            end = k
        elif end and (depth < 1 or (depth == 1 and before >= 1)):
            what, count = steps[k]
            called = what.startswith(("CALL", "PRECALL"))
            handed = before - count < 1 and steps[i - 1][1] not in TEXTS if called else what in KEEPING
            return handed and steps[i + 1] != ("LOAD_FAST", "self")
    return False


def names_what_tells(steps: list[Any], i: int) -> bool:
    """Whether ``hasattr``, or ``getattr`` with a default, that begins there is given such a name, and not ``self``."""
    near = steps[i:i + NEAR]
    end = ("CALL", 2 if steps[i][1] == "hasattr" else 3)
    return (near[1][1] != "self" or near[2][0] != "LOAD_CONST") and any(
        step == "LOAD_CONST" and told in told_by() and end in near[k:k + (3 if end[1] == 2 else NEAR)]
        for k, (step, told) in enumerate(near))


@cache
def told_by() -> frozenset[str]:
    """The names of what NumPy's arrays or numbers have and their duals have not, or the other way round."""
    dual: Any = DualArray(np.ones((1, 1)), np.ones((1, 1)))
    return frozenset(name for plain, x in ((dual.value, dual), (np.float64(1), np.sum(dual)))
                     for name in {*dir(plain), *dir(type(x))} if has(plain, name) is not has(x, name))


def has(x: Any, name: str) -> bool:
    with suppress(Exception):  # some have it for another shape only
        return hasattr(x, name)
    return True


AWARE = frozenset(("Dual", "DualArray", "DualScalar"))
HASATTR = frozenset(("hasattr", "getattr"))
COMPARING = ("IS_OP", "COMPARE_OP", "CONTAINS_OP", "BINARY_SUBSCR")
LOOKING = (("LOAD_GLOBAL", "issubclass"), ("LOAD_METHOD", "get"), ("LOAD_ATTR", "get"))
KEEPING = ("RETURN_VALUE", "YIELD_VALUE", "STORE_ATTR", "STORE_SUBSCR", "STORE_DEREF", "STORE_GLOBAL", "STORE_NAME")
TEXTS = ("print", "repr", "str", "format")
NEAR = 14  # instructions


def root_of(f: Any) -> str:
    return str(getattr(f, "__module__", None)).partition(".")[0]


def is_ours(f: Any) -> bool:
    """Whether f was written here, whatever it says of itself, as what ``lift`` returns does."""
    return str(getattr(f, "__globals__", {}).get("__name__")).partition(".")[0] == "dualdiff"


def is_users(f: FunctionType) -> bool:
    return root_of(f) not in sys.stdlib_module_names and not is_ours(f) and "-packages" not in f.__code__.co_filename


def names_in(code: CodeType) -> set[str]:
    """Names outside a function that it or one inside it uses."""
    inner = [names_in(part) for part in code.co_consts if type(part) is CodeType]
    return {*code.co_names, *code.co_freevars}.union(*inner)


def globals_in(code: CodeType) -> set[str]:
    """Names of globals that a function or one inside it loads."""
    found: set[str] = set()
    more = 0
    for op, arg in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        arg |= more
        more = arg << 8 if op == EXTENDED else 0
        if op == GLOBAL:
            found.add(code.co_names[arg >> 1])
    return found.union(*(globals_in(part) for part in code.co_consts if type(part) is CodeType))


GLOBAL, EXTENDED = opmap["LOAD_GLOBAL"], opmap["EXTENDED_ARG"]
