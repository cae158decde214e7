"""Python's operators and NumPy's ufuncs on duals, generated from the rules."""

from __future__ import annotations

import operator
import sys
from typing import Any

import numpy as np

from .assignment import assign, store
from .dispatch import array_function
from .dual import Dual
from .dual_array import DualArray, lowered, noted_value
from .dual_scalar import DualScalar
from .elementwise import ARRAYS, LEVELED, nary, operations, shape_of, unary
from .equalities import warn_of_equality
from .errors import AssignmentError, EscapeError
from .forms import dual_form, holds_dual
from .rules import row_of
from .rules.linear import PRODUCTS, matmul_sparse, overridden
from .rules.registry import ROWS, Elementwise
from .subclasses import base_array, is_subclassed
from .tangents.differential import Differential
from .tangents.level import HAND, is_dual

# ---- ufuncs
SOLVERS = "scipy.optimize"  # whose steps see plain numbers only
TABLES: dict[Any, Any] = {}  # what `operation` has made


def operation(ufunc: Any) -> Any:
    """The operation of a ufunc with an elementwise row, or the pair (forward, reflected); made when first called."""
    if ufunc not in TABLES:
        row: Any = ROWS[ufunc]
        TABLES[ufunc] = nary(row, ufunc) if row.outputs or ufunc.nin > 2 else unary(row, ufunc) if ufunc.nin == 1 \
            else operations(row, ufunc)
    return TABLES[ufunc]


def elementwise_call(ufunc: Any, inputs: tuple[Any, ...]) -> Any:
    """A ufunc with an elementwise row, called on inputs of which one at least is dual."""
    made = operation(ufunc)
    inputs = tuple(dual_form(x) if type(x) in (Dual, list, tuple) else x for x in inputs)
    if type(made) is not tuple:
        return made(*inputs)
    return made[0](*inputs) if type(inputs[0]) in LEVELED else made[1](inputs[1], inputs[0])


def array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """NumPy calls this for every ufunc with a dual among its inputs or outputs."""
    if method == "__call__" and not options:
        made, x = TABLES.get(ufunc), inputs[0]
        if made is not None and len(inputs) == 1 and type(x) is not Dual:
            return made(x)
        if type(made) is tuple and type(x) is not Dual and type(inputs[1]) is not Dual:
            return made[0](*inputs) if type(x) in LEVELED else made[1](inputs[1], x)
        if ufunc is np.matmul and type(x) in ARRAYS and type(inputs[1]) in ARRAYS:
            return array_function(ufunc, inputs, options)
    return any_ufunc(ufunc, method, inputs, **options)


def any_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], out: Any = None, **options: Any) -> Any:
    """The rarer forms: methods, keywords, numbers made by hand, ufuncs that are not elementwise."""
    if any(type(x) is Differential for x in inputs):  # a formula's tangent takes the lower duals as constants
        return NotImplemented
    if any(map(is_subclassed, inputs)):
        inputs = tuple(base_array(x) if is_subclassed(x) else x for x in inputs)
        if any(x is NotImplemented for x in inputs):
            return NotImplemented
    if ufunc in REFLECTED and type(inputs[-1]) is Dual and isinstance(inputs[0], np.generic) and \
            type(inputs[1].value) not in INEXACT and method == "__call__" and out is None and not options:
        return getattr(inputs[1], REFLECTED[ufunc])(inputs[0].item())  # of Fractions and the like, which NumPy does not know
    row = row_of(ufunc)
    only_out = out is not None and not any(map(holds_dual, (*inputs, *options.values())))
    made_of_python = row is None and "".join(ufunc.types[:1]).strip("O") == "->"
    if method != "__call__" or options or made_of_python:
        from .ufunc_forms import along_axes, by_elements, method_call, with_options
    if only_out and (method != "__call__" or "where" not in options):
        result = getattr(ufunc, method)(*inputs, **options)
    elif method != "__call__":
        result = method_call(ufunc, method, inputs, options)
    elif made_of_python and not options:
        result = by_elements(ufunc, inputs)
    elif type(row) is not Elementwise and not ("where" in options and ufunc.signature is None):
        result = along_axes(ufunc, inputs, **options) if options and ufunc.signature else array_function(ufunc, inputs, options)
    elif options:
        result = with_options(ufunc, inputs, out=out, **options)
    else:
        result = elementwise_call(ufunc, inputs)
    if out is None:
        return maybe_lowered(result, inputs)
    outs, results = (out if isinstance(out, tuple) else (out,)), (result if type(result) is tuple else (result,))
    stored = tuple(part if o is None else o if o is part else store(o, part, method == "__call__")
                   for o, part in zip(outs, results, strict=True))
    return stored if len(stored) > 1 else stored[0]


REFLECTED = {np.add: "__radd__", np.subtract: "__rsub__", np.multiply: "__rmul__", np.divide: "__rtruediv__",
             np.power: "__rpow__", np.remainder: "__rmod__", np.floor_divide: "__rfloordiv__"}
INEXACT = frozenset((float, int, bool, complex, np.float64, np.float32, np.complex128))


def maybe_lowered(result: Any, inputs: tuple[Any, ...]) -> Any:
    """Numbers made by hand stay plain Duals through NumPy's ufuncs."""
    if type(result) is tuple:
        return tuple(maybe_lowered(part, inputs) for part in result)
    if type(result) is DualScalar and result.level is HAND and all(type(x) is not DualScalar for x in inputs):
        return lowered(result)
    return result


# ---- Python's operators
def in_place(forward: Any, symbol: str) -> Any:
    """``x += y`` changes the array that every name of it sees, as NumPy does; a number is simply rebound."""
    def operate(self: Any, other: Any) -> Any:
        result = forward(self, other)
        if result is NotImplemented:
            return result
        if shape_of(result) != self.shape:
            raise AssignmentError(f"non-broadcastable output operand: x {symbol} y would change the shape of x from "
                                  f"{self.shape} to {shape_of(result)}; write x = x {symbol[:-1]} y")
        assign(self, ..., result, fresh=True)
        return self
    return operate


def comparison(compare: Any) -> Any:
    """Comparisons see values only, so that the program takes the branch that the plain program takes."""
    equality = compare in (operator.eq, operator.ne)
    loaded, frame = sys.modules, sys._getframe

    def operate(self: Any, other: Any) -> Any:
        noted = type(self.source) is int
        if self.source is not None and not noted:
            self.refresh()
        same = hasattr(type(other), "value") and is_dual(other) and other.level.number >= self.level.number
        others = noted_value(other) if same and type(other.source) is int else None
        if others is None and same:
            if other.source is not None:
                other.refresh()
            others = other.value
        result = compare(noted_value(self) if noted else self.value, others if same else other)
        if SOLVERS in loaded and frame(1).f_globals.get("__package__") == SOLVERS and self.eps.terms:
            raise EscapeError("scipy.optimize compares dual numbers: its steps would be differentiated, not what they solve. "
                              "Run the program as dualdiff.lift(f), or use dualdiff.root, dualdiff.implicit.minimize")
        if equality:
            warn_of_equality(result if compare is operator.eq else np.logical_not(result), self, other)
        return result
    return operate


def install() -> None:
    """Give the two classes every operator, from the rows."""
    classes: tuple[Any, ...] = LEVELED
    arrays: Any = DualArray
    numbers: Any = Dual
    rows: dict[Any, Any] = ROWS
    for name, symbol, ufunc in (("add", "+=", np.add), ("sub", "-=", np.subtract), ("mul", "*=", np.multiply),
                                ("truediv", "/=", np.divide), ("pow", "**=", np.power), ("mod", "%=", np.remainder)):
        forward, backward = operations(rows[ufunc], getattr(operator, name), matrix_product if ufunc is np.multiply else None)
        for cls in classes:
            setattr(cls, f"__{name}__", forward)
            setattr(cls, f"__r{name}__", backward)
        setattr(arrays, f"__i{name}__", in_place(forward, symbol))
    for cls in classes:
        cls.__neg__ = unary(rows[np.negative], operator.neg)
        cls.__pos__ = unary(rows[np.positive], operator.pos)
        cls.__abs__ = unary(rows[np.absolute], operator.abs)
        for name in ("eq", "ne", "lt", "le", "gt", "ge"):
            setattr(cls, f"__{name}__", comparison(getattr(operator, name)))
        cls.__floordiv__ = swapped(np.floor_divide, False)
        cls.__rfloordiv__ = swapped(np.floor_divide, True)
    DualScalar.__hash__ = Dual.__hash__  # type: ignore[method-assign]
    arrays.__divmod__, arrays.__rdivmod__ = Dual.__divmod__, Dual.__rdivmod__
    product, reflected = swapped(np.matmul, False), swapped(np.matmul, True)
    arrays.__matmul__ = lambda self, other: array_function(np.matmul, (self, other), {}) if type(other) in ARRAYS else \
        (beside_sparse if hasattr(other, "tocsr") else product)(self, other)
    arrays.__rmatmul__ = lambda self, other: reflected(self, other) if not hasattr(other, "tocsr") else \
        matmul_sparse(other, self)
    arrays.__imatmul__, arrays.__ifloordiv__ = in_place(arrays.__matmul__, "@="), in_place(arrays.__floordiv__, "//=")
    arrays.__array_ufunc__ = numbers.__array_ufunc__ = array_ufunc
    for ufunc, row in rows.items():  # x.sin(), x.exp(): what NumPy calls on object arrays
        if type(row) is Elementwise and getattr(ufunc, "nin", 0) == 1 and not hasattr(Dual, ufunc.__name__):
            setattr(numbers, ufunc.__name__, method_for(ufunc))
    numbers.conjugate = method_for(np.conjugate)


def beside_sparse(x: Any, A: Any) -> Any:
    """``x @ A`` for a scipy.sparse A; one that a lifted program sees knows it by itself."""
    if PRODUCTS & overridden(A):
        return NotImplemented if hasattr(A, "as_scipys") else matmul_sparse(A, x)
    return np.transpose(matmul_sparse(A.T, np.transpose(x)))


def matrix_product(x: Any, A: Any, reflected: bool) -> Any:
    """``*`` beside a matrix of scipy.sparse, which means ``@``; beside its arrays it is not ours."""
    if not hasattr(A, "tocsr") or not x.shape or not sys.modules["scipy.sparse"].isspmatrix(A):
        return NotImplemented
    return matmul_sparse(A, x) if reflected else beside_sparse(x, A)


def swapped(ufunc: Any, reflected: bool) -> Any:
    """A ufunc as a Python operator, or as its reflection; NumPy's arrays, too, leave it to operands that want no ufuncs."""
    def operate(self: Any, other: Any) -> Any:
        if getattr(other, "__array_ufunc__", ufunc) is None:
            return NotImplemented
        return ufunc(other, self) if reflected else ufunc(self, other)
    return operate


def method_for(ufunc: Any) -> Any:
    def method(self: Any) -> Any:
        return ufunc(self)
    method.__name__ = ufunc.__name__
    method.__doc__ = f"numpy.{ufunc.__name__} of this number."
    return method


install()
