"""The pattern of a Jacobian alone, and a check of sparse Jacobians by sweeps that know nothing of columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import MismatchError
from ..forms import stripped
from ..reading import dtype_of
from .forward import jacobian, jvp
from .inputs import Function, Inputs
from .reverse import vjp
from .trees import flatten, spans

Product = Callable[[list[Any], list[Any], tuple[int, ...]], Any]
EXTRA_DIGITS = 1e4  # rounding errors of a long program, in units of the last place
NOISY = 16  # two roundings of one number differ by less than so many times what is seen of its noise


def sparsity(f: Function, *args: Any, argnums: int | Sequence[int] = 0, verify: bool = False) -> Any:
    """Where the Jacobian of ``f`` at these arguments may be other than zero: boolean ``scipy.sparse.csr_array`` matrices.

    The pattern is that of ``jacobian(f, argnums, sparse=True)``, whose form (trees of blocks) it has: entries that the
    program's own steps connect, whatever their value. Runs ``f`` once. ``verify=True`` also compares the Jacobian with f's
    derivative along a random direction, at the cost of one more run, and raises MismatchError naming the worst entry.

    >>> import numpy as np
    >>> sparsity(lambda x: x[1:] * x[:-1], np.zeros(4)).toarray().astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """
    J = jacobian(f, argnums, sparse=True, verify=verify)(*args)
    blocks, rebuild = flatten(J, None)
    return rebuild([type(M)((np.ones(M.nnz, bool), M.indices, M.indptr), shape=M.shape) for M in blocks])


def along_random(inputs: Inputs) -> tuple[list[Any], list[Any], list[Any]]:
    """A random direction, and along it the values and the derivatives of f, as lists of arrays."""
    rng = np.random.default_rng(0)
    leaves = [stripped(x) for x in inputs.leaves]
    v = [np.asarray(rng.standard_normal(x.shape), x.real.dtype) for x in leaves]
    both = jvp(lambda *x: inputs.call(list(x)), tuple(leaves), tuple(v))
    values, slopes = (flatten(stripped(part))[0] for part in both)
    return v, values, slopes


def allowance(y: Any, dy: Any, size: Any, inputs: Inputs) -> Any:
    """By how much a product with the Jacobian, of terms of this size, may differ from the derivative dy of the result y.

    Sums in another order, and what cancels, differ by rounding; a missing or wrong entry by something like itself.
    """
    eps = max(np.finfo(dtype).eps for dtype in (dtype_of(dy), *inputs.dtypes))
    return np.sqrt(eps) * (size + np.abs(dy)) + 9 * eps * np.abs(y) \
        + EXTRA_DIGITS * eps * np.max(size, initial=0, where=np.isfinite(size))


def noise(measure: Callable[[list[Any], list[Any]], list[Any]], leaves: list[Any]) -> list[Any]:
    """By how much each number of the arrays ``measure(x, s)`` may be off by rounding: what is 0 because all else cancels.

    It is taken at neighbours x of the leaves, with directions in units s that are nearly 1. Second differences know no slope,
    and on one of the two sides no jump close by.
    """
    rng, found = np.random.default_rng(0), list[Any]()
    here = [measure(leaves, [np.ones_like(x.real) for x in leaves]) for _ in range(2)]
    if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(*here, strict=True)):
        return found  # f is no function
    for _ in range(6):
        steps, sides = [rng.integers(1, 1000) * rng.choice([-1, 1], np.shape(x)) for x in leaves], []
        try:
            for side in (1, -1):
                rows = zip(*(measure([beside(x, k * side * step) for x, step in zip(leaves, steps, strict=True)],
                                     [beside(np.ones_like(x.real), rng.integers(64, size=x.shape)) for x in leaves])
                             for k in range(1, 6)), strict=True)
                sides.append([np.max(np.abs(np.diff(row, 2, axis=0)), axis=0) for row in rows])
        except Exception:  # f refuses a neighbour: what is not measured is not allowed
            break
        least = [np.where(np.isfinite(a + b), np.minimum(a, b), 0) for a, b in zip(*sides, strict=True)]
        found = [np.maximum(a, b) for a, b in zip(found or least, least, strict=True)]
    return found


def beside(x: Any, steps: Any) -> Any:
    """x moved by so many units of its last place; a zero stays."""
    if np.iscomplexobj(x):
        return beside(x.real, steps) + 1j * beside(x.imag, steps)
    return np.where(x == 0, x, x + steps * np.spacing(x)).astype(x.dtype)[()]


def moved(call: Callable[[list[Any]], Any], leaves: list[Any], scales: list[Any]) -> tuple[Function, tuple[Any, ...]]:
    """``call`` as a function of how far the leaves are moved, in units of the scales, and where that is no way."""
    def f(*t: Any) -> Any:
        return call([x + s * u for x, s, u in zip(leaves, scales, t, strict=True)])
    return f, tuple(np.zeros_like(x)[()] for x in leaves)


def compared(inputs: Inputs, J: list[Any], times: Product, placed: Callable[[Any], Any], **kind: Any) -> list[Any]:
    """For each result of f where J · v, f's own derivative along a random v, and whether they differ by more than rounding.

    ``times`` is the product of a result's blocks with v, ``placed`` puts results in its order, ``kind`` says how J was made.
    """
    v, values, along = along_random(inputs)

    def products(J: list[Any], v: list[Any], results: list[Any]) -> list[Any]:
        n = len(v)
        return [times(J[i * n:(i + 1) * n], v, y.shape) for i, y in enumerate(results)]

    def measure(leaves: list[Any], scales: list[Any]) -> list[Any]:
        f, at = moved(inputs.call, leaves, scales)
        results = list(map(placed, flatten(jvp(f, at, tuple(v))[1])[0]))
        return products(flatten(jacobian(f, tuple(range(len(v))), **kind)(*at), None)[0], v, results) + results

    values, along = list(map(placed, values)), list(map(placed, along))
    sizes = products([abs(M) for M in J], [abs(a) for a in v], along)
    answer, spare = list[Any](), list[Any]()
    with np.errstate(all="ignore"):
        for i, (found, y, dy, size) in enumerate(zip(products(J, v, along), values, along, sizes, strict=True)):
            off, allowed = np.abs(found - dy), allowance(y, dy, size, inputs)
            if (off > allowed).any():
                spare = spare or noise(measure, [stripped(x) for x in inputs.leaves])
                allowed = allowed + (NOISY * np.maximum(spare[i], spare[len(along) + i]) if spare else 0)
            answer.append((found, dy, ~(off <= allowed) & (np.isfinite(found) | np.isfinite(dy))))
    return answer


def verify_jacobian(inputs: Inputs, tree: Any) -> None:
    """Compare sparse blocks with the derivative along one random direction; raise MismatchError naming the worst entry."""
    J, n = flatten(tree, None)[0], len(inputs.leaves)
    both = compared(inputs, J, lambda blocks, v, shape: sum(M @ np.ravel(x) for M, x in zip(blocks, v, strict=True)), np.ravel,
                    sparse=True)
    for place, (found, dy, wrong) in enumerate(both):
        if wrong.any():
            with np.errstate(invalid="ignore"):
                off = np.abs(found - dy)
            row = int(np.argmax(np.where(wrong & np.isfinite(off), off, wrong)))
            name_worst(inputs, J[place * n:(place + 1) * n], place, row)


def name_worst(inputs: Inputs, blocks: list[Any], place: int, row: int) -> None:
    value, pullback = vjp(lambda *x: flatten(inputs.call(list(x)))[0][place], *inputs.leaves)
    shape, unit = np.shape(value), np.zeros(np.size(value), dtype_of(value))
    unit[row] = 1
    exact = np.concatenate([np.ravel(a) for a in pullback(unit.reshape(shape))])
    found = np.concatenate([M[[row]].toarray()[0] for M in blocks])
    with np.errstate(invalid="ignore"):
        off = np.abs(found - exact)
    column = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
    argument, start = next((i, start) for i, (start, stop) in enumerate(spans(inputs.sizes)) if start <= column < stop)
    s = np.unravel_index(column - start, inputs.shapes[argument])
    where = (f" of array {place}" if place else "", f" of array {argument}" if argument else "")
    raise MismatchError(
        f"the sparse Jacobian is wrong: ∂f[{indices(np.unravel_index(row, shape))}]{where[0]} / "
        f"∂x[{indices(s)}]{where[1]} is {found[column]!s} there and {exact[column]!s} in reverse mode. "
        "Does f give the same result for the same arguments? If so, this is a mistake in dualdiff: please report it")


def indices(at: Any) -> str:
    return ", ".join(str(int(i)) for i in at) or "()"
