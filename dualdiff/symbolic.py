"""The same rules on SymPy expressions: formulas in, formulas out. The only file that imports sympy, when called.

``from_sympy`` turns a formula into plain NumPy code. ``formula_of`` runs plain NumPy code on symbols, and ``partials``
the rows of `rules/`: a derivative rule becomes a formula that can be printed, simplified and proved.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from .errors import RuleError, StructureError, needed
from .rules.elementwise import DEGREE, LN2, LN10
from .rules.registry import ROWS, Elementwise, name_of


def sympy() -> Any:
    return needed("sympy", extra="symbolic")


# ---- formulas to NumPy code
def from_sympy(expression: Any, symbols: Any) -> Callable[..., Any]:
    """A SymPy expression as a NumPy function of ``symbols``, which dualdiff differentiates like any other.

    ``expression``: an expression, a (nested) list of them, or a Matrix of shape R, whose function returns an array of
    shape R + S for arguments of shape S. ``symbols``: a symbol or a sequence of them, one argument each; a sequence
    inside it is one argument that is unpacked: ``from_sympy(x * y, [[x, y]])(v)``. The expression is translated once.
    Raises MissingExtraError without SymPy, RuleError for a function that NumPy does not have.

    >>> from sympy.abc import x, y
    >>> from dualdiff import gradient
    >>> gradient(from_sympy(x**2 * y, [[x, y]]))(np.array([3.0, 5.0]))
    array([30.,  9.])
    """
    sp = sympy()
    words = {"numpy": SimpleNamespace(**vars(np) | NUMPY_WORDS), "functools": functools}
    printer = sp.printing.numpy.NumPyPrinter({"user_functions": {"conjugate": "numpy.conj"}})  # numpy.pi is no symbol's name
    try:
        whole, kinds = sp.sympify(atoms_of(expression)), (sp.Function, sp.Derivative, sp.Integral, sp.Limit, sp.Product)
        foreign = sorted(f.func.__name__ for f in whole.atoms(*kinds) if f.func not in translatable())
        if foreign:
            raise RuleError(f"from_sympy: {', '.join(dict.fromkeys(foreign))} has no NumPy function; rewrite the "
                            "expression without it, for instance with expression.rewrite(exp) or expression.doit()")
        unknown = {str(s) for s in whole.free_symbols if isinstance(s, sp.Symbol)} - names_in(symbols)
        if unknown:
            raise StructureError(f"from_sympy: {', '.join(sorted(unknown))} is not among the symbols, {symbols}; add it there")
        code: Callable[..., Any] = sp.lambdify(symbols, expression, modules=words, printer=printer)
    except (AttributeError, KeyError, NotImplementedError, SyntaxError) as error:
        raise RuleError(f"from_sympy: {expression!r} of {symbols!r} is no NumPy code: {error}; try .doit()") from error
    return (lambda *args: stacked(code(*args))) if isinstance(expression, list) else code


def names_in(symbols: Any) -> set[str]:
    if isinstance(symbols, list | tuple):
        return set().union(*map(names_in, symbols))
    return set(map(str, getattr(symbols, "free_symbols", (symbols,))))


def atoms_of(expression: Any) -> Any:
    """A (nested) list or a matrix as one Tuple, so that what is in it can be listed."""
    sp = sympy()
    if isinstance(expression, list | tuple):
        return sp.Tuple(*map(atoms_of, expression))
    return sp.Tuple(*expression) if hasattr(expression, "shape") else expression


def stacked(parts: Any) -> Any:
    """``numpy.array`` for nested lists that may hold duals, and numbers beside arrays."""
    R: list[int] = []
    parts = [parts]
    while isinstance(parts[0], list | tuple):
        R.append(len(parts[0]))
        parts = [x for part in parts for x in part]
    parts = np.broadcast_arrays(*parts)
    return np.reshape(np.stack(parts), (*R, *np.shape(parts[0])))


# What SymPy's printer writes, in functions that have rows.
NUMPY_WORDS = {"array": stacked, "amax": lambda parts, axis: functools.reduce(np.maximum, parts),
               "amin": lambda parts, axis: functools.reduce(np.minimum, parts)} | {
    f.__name__: SimpleNamespace(reduce=functools.partial(functools.reduce, f)) for f in (np.logical_and, np.logical_or)}


@cache
def translatable() -> frozenset[Any]:
    sp = sympy()
    return frozenset((
        sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.asin, sp.acos, sp.atan, sp.atan2, sp.sinh, sp.cosh, sp.tanh,
        sp.asinh, sp.acosh, sp.atanh, sp.sinc, sp.sec, sp.csc, sp.cot, sp.Abs, sp.sign, sp.floor, sp.ceiling, sp.Max,
        sp.Min, sp.Mod, sp.Heaviside, sp.Piecewise, sp.re, sp.im, sp.conjugate))


# ---- NumPy code to formulas
class Symbolic(np.lib.mixins.NDArrayOperatorsMixin):
    """A SymPy expression that goes through NumPy's elementwise functions: ``np.sin(Symbolic(x)).expression == sin(x)``.

    Symbols are real unless declared ``complex=True``. Raises RuleError for a function without a formula.

    >>> from sympy.abc import x
    >>> np.exp(2 * Symbolic(x))
    Symbolic(exp(2*x))
    """

    __slots__ = ("expression",)
    shape: tuple[int, ...] = ()

    def __init__(self, expression: Any) -> None:
        self.expression = sympy().sympify(expression)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, dtype: Any = None, **options: Any) -> Any:
        formula = formulas().get(ufunc)
        if formula is None or method != "__call__" or options:
            raise no_formula(f"{name_of(ufunc)}{'' if method == '__call__' else '.' + method}")
        return Symbolic(formula(*map(expression_of, inputs)))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function is np.where and len(args) == 3:
            condition, x, y = map(expression_of, args)
            return Symbolic(sympy().Piecewise((x, condition), (y, True)))
        if function is np.any:  # whether it holds for some values of the symbols
            return args[0].expression != sympy().false
        if function is np.broadcast_to and args[1:] == ((),):
            return self
        if function is np.iscomplexobj:
            return bool(self.expression.is_complex and not self.expression.is_extended_real)
        raise no_formula(name_of(function))

    def copy(self) -> Symbolic:
        return self

    def __bool__(self) -> bool:
        return bool(self.expression)

    def __repr__(self) -> str:
        return f"Symbolic({self.expression})"


def no_formula(name: str) -> RuleError:
    return RuleError(f"{name} of SymPy expressions has no formula here; write it with elementwise functions such as "
                     "numpy.exp and numpy.where")


def expression_of(x: Any) -> Any:
    """The expression; a number exactly: the constants that rows round to floats as what they stand for."""
    if isinstance(x, Symbolic):
        return x.expression
    sp = sympy()
    x = x.item() if isinstance(x, np.generic | np.ndarray) else x
    if isinstance(x, float):
        exact = {LN2: sp.log(2), LN10: sp.log(10), DEGREE: sp.pi / 180, 1 / DEGREE: 180 / sp.pi}
        return exact.get(x) or (sp.Rational(x) if (1024 * x).is_integer() else sp.Float(x))
    return sp.sympify(x)


def formula_of(function: Callable[..., Any], *symbols: Any) -> Any:
    """What plain elementwise NumPy code computes, as a SymPy expression of ``symbols``.

    Raises RuleError, naming the function, where the code leaves elementwise functions.

    >>> from sympy.abc import x
    >>> formula_of(lambda x: np.sin(x) / x, x)
    sin(x)/x
    """
    return expression_of(function(*map(Symbolic, symbols)))


def partials(function: Any, *symbols: Any) -> tuple[Any, ...]:
    """The partials of an elementwise NumPy function as its row in `rules/` states them; None for an input without one.

    >>> from sympy.abc import x, y
    >>> partials(np.divide, x, y)
    (1/y, -x/y**2)
    """
    row = ROWS.get(function)
    if not isinstance(row, Elementwise):
        raise RuleError(f"{name_of(function)} has no elementwise row, so it has no partials to show")
    inputs = tuple(map(Symbolic, symbols))
    f = function(*inputs)
    return tuple(None if p is None else expression_of(p(f, *inputs) if callable(p) else p) for p in row.partials)


@cache
def formulas() -> dict[Any, Callable[..., Any]]:
    """What each NumPy ufunc means. Real inputs; NumPy's conventions at the kinks are the rows' affair."""
    sp = sympy()

    def truncated(x: Any) -> Any:
        return sp.sign(x) * sp.floor(sp.Abs(x))

    def nearest(x: Any) -> Any:
        return sp.floor(x + sp.Rational(1, 2))

    def number(x: Any) -> Any:
        return sp.Piecewise((1, x), (0, True)) if x.is_Boolean or x.is_Relational else x

    return {
        # ---- arithmetic
        np.positive: number,                              np.negative: lambda x: -x,
        np.add: lambda x, y: x + y,                       np.subtract: lambda x, y: x - y,
        np.multiply: lambda x, y: number(x) * number(y),  np.divide: lambda x, y: x / y,
        np.power: lambda x, y: x**y,                      np.float_power: lambda x, y: x**y,
        np.square: lambda x: x**2,                        np.reciprocal: lambda x: 1 / x,
        np.sqrt: sp.sqrt,                                 np.cbrt: lambda x: sp.sign(x) * sp.cbrt(sp.Abs(x)),
        np.hypot: lambda x, y: sp.sqrt(x**2 + y**2),
        # ---- exponentials and logarithms
        np.exp: sp.exp,                                   np.log: sp.log,
        np.exp2: lambda x: 2**x,                          np.log2: lambda x: sp.log(x) / sp.log(2),
        np.expm1: lambda x: sp.exp(x) - 1,                np.log1p: lambda x: sp.log(1 + x),
        np.log10: lambda x: sp.log(x) / sp.log(10),       np.ldexp: lambda x, n: x * 2**n,
        np.logaddexp: lambda x, y: sp.log(sp.exp(x) + sp.exp(y)),
        np.logaddexp2: lambda x, y: sp.log(2**x + 2**y) / sp.log(2),
        # ---- circular and hyperbolic functions
        np.sin: sp.sin, np.cos: sp.cos, np.tan: sp.tan, np.arcsin: sp.asin, np.arccos: sp.acos, np.arctan: sp.atan,
        np.sinh: sp.sinh, np.cosh: sp.cosh, np.tanh: sp.tanh, np.arcsinh: sp.asinh, np.arccosh: sp.acosh,
        np.arctanh: sp.atanh, np.arctan2: sp.atan2,
        np.deg2rad: lambda x: x * sp.pi / 180,            np.rad2deg: lambda x: x * 180 / sp.pi,
        np.radians: lambda x: x * sp.pi / 180,            np.degrees: lambda x: x * 180 / sp.pi,
        # ---- piecewise
        np.absolute: sp.Abs, np.fabs: sp.Abs, np.sign: sp.sign, np.floor: sp.floor, np.ceil: sp.ceiling,
        np.trunc: truncated, np.rint: nearest, np.floor_divide: lambda x, y: sp.floor(x / y),
        np.maximum: sp.Max, np.minimum: sp.Min, np.fmax: sp.Max, np.fmin: sp.Min,
        np.fmod: lambda x, y: x - y * truncated(x / y),   np.remainder: lambda x, y: x - y * sp.floor(x / y),
        np.copysign: lambda x, y: sp.Abs(x) * sp.sign(y), np.heaviside: sp.Heaviside,
        np.conjugate: sp.conjugate,
        # ---- conditions
        np.equal: sp.Eq, np.not_equal: sp.Ne, np.less: sp.Lt, np.less_equal: sp.Le, np.greater: sp.Gt,
        np.greater_equal: sp.Ge, np.bitwise_and: sp.And, np.bitwise_or: sp.Or, np.logical_and: sp.And,
        np.logical_or: sp.Or, np.logical_not: sp.Not, np.invert: sp.Not,
        np.isinf: lambda x: sp.true if x.is_infinite else sp.false,
        np.isfinite: lambda x: sp.false if x.is_finite is False else sp.true,
    }
