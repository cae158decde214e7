"""The house rules that a reader relies on: what imports what, how deep it goes, how files are called."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import dualdiff

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dualdiff"
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in FILES}

# Imports point from a later floor to an earlier one, or stay in the room. "" is dualdiff/__init__.py: it
# gathers the public names from everywhere and has no limits of its own; who imports them stands above it.
# An element of an array is a number, a number times an array is an array: this floor's rooms need each other.
MUTUAL = {"dual", "dual_scalar", "dual_array", "reading", "operands", "elementwise", "equalities", "forms",
          "assignment", "creation", "operators", "ufunc_forms", "handlers", "dispatch", "methods", "lifted_classes",
          "lifted_names", "lifting", "subclasses", "math_functions", "lifted_calls", "standins", "plans"}
FLOORS = [
    {"allocator", "errors", "errstate"},
    {"policies"},
    {"rules"},
    {"floating"},
    {"tangents"},
    {"memory"},
    {"views"},
    MUTUAL,
    {"custom"},
    {"transforms"},
    {"symbolic", "testing"},
    {""},
    {"optimize"},
    {"implicit"},
    {"scipy"},
    {"models"},
    {"datasets"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# The data sets are tables of numbers: they know nothing of derivatives.
ONLY = {"datasets": {"errors"}}


def room(module):
    """The room of dualdiff that a dotted name lies in: dualdiff.rules.linear -> rules."""
    return module.partition(".")[2].partition(".")[0]


def runtime_nodes(tree):
    """Every node but those under ``if TYPE_CHECKING``, which never run; imports inside functions count."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        hidden = node.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) else []
        pending.extend(child for child in ast.iter_child_nodes(node) if child not in hidden)


def imported_names(source, module, is_package=False):
    """Dotted names that the source of ``module`` imports: (from, name) pairs, name "" for a plain import."""
    found = []
    for node in runtime_nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".") + [""] * is_package
            base = ".".join(parts[: len(parts) - node.level]) if node.level else ""
            origin = ".".join(filter(None, [base, node.module]))
            found += [(origin, alias.name) for alias in node.names]
    return found


def rooms_imported(source, module, is_package=False):
    """Rooms of dualdiff that the source imports from, at its top or inside a function."""
    rooms = set()
    for origin, name in imported_names(source, module, is_package):
        if origin.split(".")[0] == "dualdiff":
            rooms.add(room(origin) or (name if name in FLOOR else ""))
    return rooms


def wrongly_imported(source, module, is_package=False):
    """Rooms that the source imports although they stand on its own floor or above it."""
    here = room(module)
    if here == "" or here not in FLOOR:
        return set()  # a room without a floor fails a test of its own
    return {
        there
        for there in rooms_imported(source, module, is_package) - {here}
        if (FLOOR.get(there, 0) >= FLOOR[here] and not {here, there} <= MUTUAL)
        or there not in ONLY.get(here, FLOOR)
    }


@pytest.mark.parametrize(
    ("source", "module", "is_package", "rooms"),
    [
        ("import dualdiff", "dualdiff.models.mlp", False, {""}),
        ("import dualdiff.rules.linear", "dualdiff.dual", False, {"rules"}),
        ("from dualdiff import gradient", "dualdiff.models.mlp", False, {""}),
        ("from dualdiff import rules", "dualdiff.dual", False, {"rules"}),
        ("from dualdiff.errors import RuleError", "dualdiff.dual", False, {"errors"}),
        ("from .errors import RuleError", "dualdiff.dual", False, {"errors"}),
        ("from . import rules", "dualdiff.dual", False, {"rules"}),
        ("from ..dual import Dual", "dualdiff.rules.linear", False, {"dual"}),
        ("from .linear import cumsum", "dualdiff.rules", True, {"rules"}),
        ("from .. import errors", "dualdiff.rules", True, {"errors"}),
        ("def f():\n    from ..dual import Dual", "dualdiff.rules.linear", False, {"dual"}),
        ("if TYPE_CHECKING:\n    from ..dual import Dual", "dualdiff.rules.linear", False, set()),
        ("if not READY:\n    from ..dual import Dual", "dualdiff.rules.linear", False, {"dual"}),
        ("import numpy, dualdiff_other", "dualdiff.dual", False, set()),
    ],
)
def test_the_rooms_that_a_line_imports_are_recognised(source, module, is_package, rooms):
    assert rooms_imported(source, module, is_package) == rooms


@pytest.mark.parametrize(
    ("source", "module", "wrong"),
    [
        ("from ..dual import Dual", "dualdiff.tangents.leaf", {"dual"}),
        ("from .. import gradient", "dualdiff.transforms.sweep", {""}),
        ("from ..rules import ROWS", "dualdiff.datasets.table", {"rules"}),
        ("from .dual_array import DualArray", "dualdiff.dual", set()),
        ("from ..rules import ROWS", "dualdiff.tangents.leaf", set()),
    ],
)
def test_an_import_against_the_direction_is_recognised(source, module, wrong):
    assert wrongly_imported(source, module) == wrong


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    path = MODULES[module]
    assert wrongly_imported(path.read_text(encoding="utf-8"), module, path.name == "__init__.py") == set()


def test_every_room_stands_on_a_floor():
    assert {room(module) for module in MODULES} - set(FLOOR) == set()


def test_the_map_names_every_room():
    map_ = dualdiff.__doc__ or ""
    assert [name for name in sorted({room(module) for module in MODULES}) if name not in map_] == []


def test_the_map_stands_in_the_order_of_imports():
    rooms = re.findall(r"(?m)^ {4}(\w+)(?:\.py|/) ", dualdiff.__doc__)
    assert set(rooms) | {"dual_scalar"} == {room(module) for module in MODULES} - {"", "__main__"}
    place = {name: i for i, name in enumerate(rooms)} | {"dual_scalar": rooms.index("dual_array"), "": rooms.index("testing")}
    for module, path in MODULES.items():
        top = [line for line in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(line, ast.ImportFrom)]
        source, here = "\n".join(map(ast.unparse, top)), room(module)
        for there in rooms_imported(source, module, path.name == "__init__.py") if here in place else ():
            assert place[there] <= place[here], f"{here} imports {there}, which the map has below it"


def test_the_map_names_every_kind_of_tangent():
    assert [module for module in MODULES if "tangents." in module and module.rpartition(".")[2] not in dualdiff.__doc__] == []


def test_models_use_public_names_only():
    ours = {"errors", "optimize", "models"}
    private = [
        f"{module} imports {origin}.{name}"
        for module, path in MODULES.items()
        if room(module) == "models"
        for origin, name in imported_names(
            path.read_text(encoding="utf-8"), module, path.name == "__init__.py"
        )
        if origin.startswith("dualdiff")
        and room(origin) not in ours
        and name
        and name not in dualdiff.__all__
    ]
    assert private == []


def test_only_symbolic_imports_sympy():
    importers = {
        module
        for module, path in MODULES.items()
        for origin, _ in imported_names(path.read_text(encoding="utf-8"), module)
        if origin.split(".")[0] == "sympy"
    }
    assert importers <= {"dualdiff.symbolic"}


def test_the_house_is_two_levels_deep():
    assert [path for path in FILES if len(path.relative_to(PACKAGE).parts) > 2] == []


def test_no_file_is_named_for_being_left_over():
    assert [
        path for path in FILES if path.stem.strip("_") in {"common", "helpers", "misc", "util", "utils"}
    ] == []


def test_every_public_function_and_class_shows_an_example():
    public = {name: getattr(dualdiff, name) for name in dualdiff.__all__}
    silent = [
        name
        for name, thing in public.items()
        if (inspect.isfunction(thing) or inspect.isclass(thing))
        and not (inspect.isclass(thing) and issubclass(thing, BaseException))
        and ">>>" not in (inspect.getdoc(thing) or "")
    ]
    assert public
    assert silent == []
