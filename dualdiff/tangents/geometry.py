"""What shapes, labels and strides alone tell of a leaf: pure functions, whose answers later sweeps find again."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .contraction import thin
from .moves import Shape, extents


class LeafWay:
    """What labels and sizes tell of the contraction of a leaf: its operands and columns without axes of length one, the labels
    that are summed over and those of the width axes that come of it. Where none are summed over, ``arranged`` has for each
    operand whether it becomes a factor, and how its axes are put in the order of the result; and the latter of the columns.
    """

    __slots__ = ("arranged", "cols", "gone", "operands", "sizes", "wide", "width")

    def __init__(self, operands: list[Any], cols: Any, gone: list[Any], wide: tuple[Any, ...], sizes: dict[Any, int],
                 arranged: Any) -> None:
        self.operands, self.cols, self.gone, self.wide, self.sizes, self.arranged = operands, cols, gone, wide, sizes, arranged
        self.width = tuple(sizes[name] for name in wide)


@lru_cache(maxsize=1024)
def contraction_way(shape: Shape, width: Shape, cols_shape: Shape | None, factors: tuple[Shape, ...], coef: Shape | None,
                    labels: tuple[Any, ...], result: tuple[Any, ...], others: tuple[Any, ...],
                    other_shape: Shape | None) -> LeafWay:
    """Of a leaf, its coefficient and a constant by their shapes; ``labels`` are the leaf's, ``others`` the constant's."""
    lead = tuple(range(len(width)))
    given = [(own, lead + labels) for own in factors]
    if coef is not None:
        given.append((coef, labels[len(labels) - len(coef):]))
    if other_shape is not None:
        given.append((other_shape, others))
    operands = [thin(own, names) for own, names in given]
    cols = None if cols_shape is None else thin(cols_shape, lead + labels)
    sizes, _ = extents(labels, shape, result, others, other_shape or ())
    gone = [name for name in sizes if name not in result and sizes[name] != 1]
    moved = tuple(name for name in gone if cols is not None and name in cols[1])
    summed, wide = [name for name in gone if name not in moved], lead + moved
    forms: Any = None
    if not summed:
        forms = [], None if cols_shape is None else arrangement(cols_shape, lead + labels, wide + result)
        for (own, names), (_, left) in zip(given, operands, strict=True):
            held = any(name in wide for name in left)
            forms[0].append((held, arrangement(own, names, wide + result if held else result if left else ())))
    return LeafWay(operands, cols, summed, wide, sizes | dict(enumerate(width)), forms)


def arrangement(shape: Shape, labels: tuple[Any, ...], target: tuple[Any, ...]) -> tuple[Any, Any]:
    """How an array's axes are permuted and its shape becomes one with an axis for each label of the target; None where they
    stay.
    """
    keep = [i for i, n in enumerate(shape) if n != 1]
    form = dict.fromkeys(target, 1) | {labels[i]: shape[i] for i in keep}
    order = sorted(keep, key=lambda i: target.index(labels[i]))
    new_shape = tuple(form.values())
    whole = None if order == keep else (*order, *(i for i in range(len(shape)) if i not in keep))
    return whole, None if whole is None and new_shape == shape else new_shape


def arranged(a: Any, form: tuple[Any, Any]) -> Any:
    """The array in the form that ``arrangement`` has told."""
    order, shape = form
    a = a if order is None else a.transpose(order)
    return a if shape is None else a.reshape(shape)


@lru_cache(maxsize=1024)
def affine_jumps(shape: Shape, strides: Shape, itemsize: int, lead: int, full: Shape, steps: Shape,
                 step: int) -> tuple[int, ...] | None:
    """From a leaf's columns, how far its elements lie from each other in the result along each of its axes."""
    jumps = [s // itemsize * step if n > 1 else 0 for s, n in zip(strides, shape, strict=True)]
    if not apart([(abs(j), n) for j, n in zip(jumps[:lead], full[:lead], strict=True) if n > 1]):
        return None
    for axis, s in enumerate(steps):
        jumps[lead + axis] += s
    return tuple(jumps)


def apart(axes: list[tuple[int, int]]) -> bool:
    """Whether strided axes (step, length) reach every place at most once."""
    reach = 0
    for step, length in sorted(axes):
        if step <= reach:
            return False
        reach += step * (length - 1)
    return True
