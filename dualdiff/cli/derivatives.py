"""``jacobian`` and ``check``: the derivatives of the user's own function, printed or judged."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import jacobian
from ..testing import check_derivatives
from .functions import Function, arguments, guarded, load

# What `check` returns to the shell where a derivative is wrong, as test runners do.
DISAGREE = 1


def print_jacobian(name: str, at: Sequence[str]) -> int:
    """Print ∂f/∂argument for every argument, to all digits. Exit status 0."""
    f = load(name)
    args = arguments(f, name, at)
    J = guarded(name, lambda: jacobian(f, tuple(range(len(args))))(*args))
    lines: list[str] = []
    describe(J, name, parameters(f, len(args)), lines)
    print("\n".join(lines))
    return 0


def describe(tree: Any, result: str, arguments: list[str], lines: list[str]) -> None:
    """One block per result and argument; results may be nested lists, tuples and dicts, each ending in a tuple of J."""
    if isinstance(tree, tuple) and len(tree) == len(arguments) and all(isinstance(J, np.ndarray | np.generic) for J in tree):
        for J, argument in zip(tree, arguments, strict=True):
            shape = f"shape {J.shape}" if J.ndim else "a number"
            lines += [f"∂ {result} / ∂ {argument}, {shape}", text(J)]
    elif isinstance(tree, dict):
        for key, part in tree.items():
            describe(part, f"{result}[{key!r}]", arguments, lines)
    else:
        for i, part in enumerate(tree):
            describe(part, f"{result}[{i}]", arguments, lines)


def text(J: Any) -> str:
    """All entries, to the digits that tell them apart; a pipe wants no dots."""
    with np.printoptions(threshold=J.size + 1, floatmode="unique", linewidth=120):
        return str(J) if J.ndim else repr(J.item())


def parameters(f: Function, count: int) -> list[str]:
    """The names of the first arguments, as far as the function tells them."""
    try:
        named = inspect.signature(f).parameters.values()
        names = [p.name for p in named if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    except ValueError:
        names = []
    return [names[i] if i < len(names) else f"argument {i}" for i in range(count)]


def print_check(name: str, at: Sequence[str]) -> int:
    """Print the verdict on f's derivatives. Exit status 0 where they agree, 1 where they do not."""
    f = load(name)
    args = arguments(f, name, at)
    verdict = guarded(name, lambda: check_derivatives(f, *args, raise_on_failure=False))
    print(f"{name}: {verdict}")
    return 0 if verdict else DISAGREE
