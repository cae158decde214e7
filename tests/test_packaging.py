"""What a user installs: its size, its dependencies, and the commands that the README promises."""

import ast
import configparser
import fnmatch
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dualdiff"
SHIPPED = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def setup():
    parser = configparser.RawConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.fixture(scope="module")
def readme_command():
    spec = importlib.util.spec_from_file_location("readme_command", ROOT / ".ci" / "readme_command.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.readme_command


def requirements(setup, extra):
    """Names of the distributions that an extra installs, the extras it refers to included."""
    names = set()
    for line in setup["options.extras_require"][extra].split("\n"):
        name, others = re.match(r"([\w-]*)(?:\[([\w,]*)\])?", line).groups()
        if name == "dualdiff-toolkit":
            names.update(*(requirements(setup, other) for other in others.split(",")))
        elif name:
            names.add({"scikit-learn": "sklearn"}.get(name, name))  # distributions under the names they are imported by
    return names


# ---- size and contents -----------------------------------------------------------------------------------


def test_the_package_stays_small():
    """It was to stay under 1 MB, and no longer does (see the README's limits); it must not grow unnoticed."""
    assert 100_000 < sum(path.stat().st_size for path in SHIPPED) < 1_885_000


def test_every_data_file_is_declared_as_package_data(setup):
    declared = setup["options.package_data"]
    undeclared = [
        path.relative_to(ROOT)
        for path in SHIPPED
        if path.suffix != ".py"
        and not any(
            fnmatch.fnmatch(path.name, pattern.strip())
            for pattern in declared.get(".".join(path.relative_to(ROOT).parts[:-1]), "").split(",")
        )
    ]
    assert undeclared == []


def test_the_package_says_that_it_is_typed():
    assert PACKAGE / "py.typed" in SHIPPED


# ---- dependencies ----------------------------------------------------------------------------------------


def test_numpy_is_the_only_hard_dependency(setup):
    assert setup["options"]["install_requires"].split() == ["numpy>=2"]


def test_importing_dualdiff_imports_no_package_but_numpy():
    program = """
import sys
import numpy
before = set(sys.modules)
import dualdiff, dualdiff.datasets
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(tops - set(sys.stdlib_module_names)))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    # NumPy loads parts of itself late; scipy or matplotlib would be a cost to everyone.
    assert set(run.stdout.split()) - {"numpy"} == {"dualdiff"}


def test_every_optional_package_has_an_extra(setup):
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.level == 0)
        for alias in node.names
    }
    optional = imported - set(sys.stdlib_module_names) - {"dualdiff", "numpy"}
    assert optional - requirements(setup, "all") == set()


def test_the_extra_all_holds_whatever_a_user_can_use(setup):
    users = {"sparse", "symbolic", "plot", "fit", "distributed"}
    assert requirements(setup, "all") == set().union(*(requirements(setup, extra) for extra in users))
    assert requirements(setup, "fit") == {"matplotlib", "tqdm"}


def test_every_package_that_the_tests_import_is_in_the_extra_test(setup):
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for path in (ROOT / "tests").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.level == 0)
        for alias in node.names
    }
    own = {"dualdiff", "benchmarks", *(path.stem for path in (ROOT / "tests").glob("*.py"))}
    needed = imported - set(sys.stdlib_module_names) - own - {"numpy"}
    assert needed - requirements(setup, "test") == set()


# ---- the README's commands -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "last"), [("fit", "-m dualdiff fit"), ("test", "-m pytest -n auto")])
def test_a_command_of_the_readme_does_all_its_own_set_up(setup, readme_command, name, last):
    create, install, run = readme_command(README, name).split(" && ")
    assert create == "python3 -m venv .venv"
    assert install == f'.venv/bin/pip install -e ".[{name}]"'
    assert run == f".venv/bin/python {last}"
    assert name in setup["options.extras_require"]


def test_both_commands_are_on_the_first_screen():
    assert all(f"<!-- command: {name} -->" in README.splitlines()[:30] for name in ("fit", "test"))


FENCE = "<!-- command: fit -->\n```bash\n{}\n```\n"


@pytest.mark.parametrize(
    "readme",
    [
        "",
        FENCE.format("a") * 2,
        FENCE.format("a\nb"),
        FENCE.format("a").replace("fit", "test"),
        "```\na\n```\n",
    ],
    ids=["empty", "twice", "two lines", "another name", "no comment"],
)
def test_a_command_that_is_not_given_exactly_once_on_one_line_fails_the_check(readme_command, readme):
    assert readme_command(FENCE.format("a"), "fit") == "a"
    with pytest.raises(SystemExit, match="'fit' once, on one line"):
        readme_command(readme, "fit")


def test_the_unrelated_package_of_our_import_name_is_never_installed():
    texts = [
        README,
        (ROOT / ".ci" / "run").read_text(encoding="utf-8"),
        (ROOT / "setup.cfg").read_text(encoding="utf-8"),
    ]
    wrong = re.compile(
        r"pip install[^\n&]*\bdualdiff\b(?!-toolkit)|^ +dualdiff\b(?!-toolkit)[\[=<>~ ]*$", re.MULTILINE
    )
    assert wrong.search("pip install -U dualdiff[fit]")
    assert [found for text in texts for found in wrong.findall(text)] == []


def test_the_readme_explains_every_extra(setup):
    assert [extra for extra in setup["options.extras_require"] if f"| `{extra}` |" not in README] == []
