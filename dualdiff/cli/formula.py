"""A formula of the user's, as a NumPy function: arithmetic, names and a list of functions, nothing else is ever run.

Python's parser reads the text and nothing evaluates it: every node of the tree must be in the tables below, and becomes one
step of a program for a stack, each step one NumPy function. That program is what is differentiated.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Collection, Mapping
from keyword import iskeyword
from typing import Any

import numpy as np

from ..errors import CommandError, nearest

LONGEST = 2000  # characters; Python's parser nests no deeper than this allows
OPERATORS = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power,
             ast.USub: np.negative, ast.UAdd: np.positive}
FUNCTIONS: dict[str, Any] = {name: getattr(np, name) for name in (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "abs", "sign", "sin", "cos", "tan", "arcsin",
    "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "hypot", "minimum", "maximum")}
FUNCTIONS |= {f"a{name}": getattr(np, f"arc{name}") for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")}
FUNCTIONS["ln"] = np.log
TWO = frozenset({np.arctan2, np.hypot, np.minimum, np.maximum})


class Formula:
    """``Formula(text)(values)``: the value for a dict of numbers, arrays or duals; ``names`` are those it needs."""

    def __init__(self, text: str) -> None:
        self.text, self.names, self.program = text, dict[str, None](), list[tuple[Any, int]]()
        if len(text) > LONGEST:
            self.refuse(f"it has {len(text)} characters; at most {LONGEST} are read")
        try:
            self.add(ast.parse(text.strip(), mode="eval").body)
        except SyntaxError as error:
            taken = [word for word in re.findall(r"\w+", text) if iskeyword(word)]
            also = f"; the name {taken[0]!r} is taken, use another" if taken else ""
            self.refuse(f"it cannot be read ({error.msg}){also}")
        except (RecursionError, MemoryError):
            self.refuse("it is nested too deeply")
        except CommandError:
            raise
        except ValueError as error:  # a null character, or a number of thousands of digits
            self.refuse(f"it cannot be read ({error})")

    def refuse(self, why: str) -> None:
        shown = self.text if len(self.text) <= 80 else self.text[:77] + "…"
        raise CommandError(f"the formula {shown!r}: {why}") from None

    def add(self, node: ast.AST) -> None:
        """Append the node's steps: a number or a name with -1, or a function with the count of its arguments."""
        arguments: list[ast.expr] = []
        step: Any = None
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            try:
                step = float(node.value)
            except OverflowError:
                step = np.inf
            if step == np.inf:
                self.refuse("it holds a number beyond double precision")
        elif isinstance(node, ast.Name):
            step = node.id
            self.names[step] = None
        elif isinstance(node, ast.BinOp | ast.UnaryOp) and type(node.op) in OPERATORS:
            step = OPERATORS[type(node.op)]
            arguments = [node.left, node.right] if isinstance(node, ast.BinOp) else [node.operand]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
            self.refuse("a power is written **, as in x**2")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            step, arguments = FUNCTIONS.get(node.func.id), node.args
            if step is None:
                self.refuse(f"there is no function {node.func.id!r}{nearest(node.func.id, FUNCTIONS)}; it may use "
                            f"{', '.join(FUNCTIONS)}")
            if len(arguments) != 1 + (step in TWO):
                self.refuse(f"{node.func.id} takes {1 + (step in TWO)} argument{'s' * (step in TWO)}, it is given "
                            f"{len(arguments)}")
        else:
            part = ast.get_source_segment(self.text.strip(), node) or type(node).__name__
            self.refuse(f"{part[:60]!r} is not arithmetic; numbers, names, + - * / **, brackets and the functions "
                        f"{', '.join(FUNCTIONS)} are")
        for argument in arguments:
            self.add(argument)
        self.program.append((step, len(arguments) or -1))

    def __call__(self, values: Mapping[str, Any]) -> Any:
        stack: list[Any] = []
        for step, count in self.program:
            if count < 0:
                stack.append(values[step] if isinstance(step, str) else step)
            else:
                stack[-count:] = [step(*stack[-count:])]
        return stack[0]


def variables(columns: Collection[str]) -> dict[str, int]:
    """What a formula calls the columns: their names, with _ for what is no letter or digit; x is the only one there is."""
    found: dict[str, int] = {}
    plain = ["".join(c if c.isalnum() else "_" for c in unicodedata.normalize("NFKC", name)) for name in columns]
    for i, name in enumerate(plain):
        if plain.count(name) == 1 or name in columns:
            found.setdefault(name, i)
    return {"x": 0, **found} if len(plain) == 1 else found


def start_of(text: str | None) -> dict[str, float]:
    """``b1=500,b2=1e-4`` as numbers by name."""
    found: dict[str, float] = {}
    for part in (text or "").split(",") if text else []:
        name, equals, number = (piece.strip() for piece in part.partition("="))
        name = unicodedata.normalize("NFKC", name)
        try:
            value = float("nan" if "_" in number else number)
        except ValueError:
            value = np.nan
        if not (equals and name.isidentifier()):
            raise CommandError(f"--start: {part.strip()!r} is not of the form name=number, as in b1=500,b2=1e-4")
        if not np.isfinite(value):
            raise CommandError(f"--start: {number!r} for {name!r} is not a finite number")
        if name in found:
            raise CommandError(f"--start gives {name!r} twice")
        found[name] = value
    return found


def require_known(formula: Formula, start: Mapping[str, float], columns: Mapping[str, int]) -> None:
    """Raise where a name in the formula is neither a column nor a parameter, or a parameter is not in the formula."""
    known = [*columns, *start]
    both = [name for name in start if name in columns]
    if both:
        raise CommandError(f"{both[0]!r} is a column and a parameter of --start; rename one")
    unknown = [name for name in formula.names if name not in known and name != "pi"]
    unused = [name for name in start if name not in formula.names]
    if unknown:
        less = f" and --start gives {', '.join(start)}" if start else ""
        formula.refuse(f"{unknown[0]!r} is neither a column nor a parameter{nearest(unknown[0], known)}; the columns are "
                       f"called {', '.join(columns)}{less}. If it is a parameter, give its start: --start "
                       f"{','.join(f'{name}=…' for name in [*start, *unknown])}")
    if unused:
        formula.refuse(f"--start names {unused[0]!r}, which is not in it{nearest(unused[0], formula.names)}")
    if not start:
        formula.refuse("it has no parameter to be fitted; write them as names, and give their starts: --start b1=1,b2=1")
