"""The pattern of a Jacobian alone, and a check of sparse Jacobians by sweeps that know nothing of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import MismatchError
from ..forms import stripped
from ..reading import dtype_of
from .forward import jacobian, jvp
from .reverse import vjp
from .sweep import Function, Inputs
from .trees import flatten, spans

EXTRA_DIGITS = 1e4  # rounding errors of a long program, in units of the last place


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


def verify_jacobian(inputs: Inputs, tree: Any) -> None:
    """Compare sparse blocks with the derivative along one random direction; raise MismatchError naming the worst entry."""
    v, values, along = along_random(inputs)
    matrices, _ = flatten(tree, None)
    for place, (y, dy) in enumerate(zip(map(np.ravel, values), map(np.ravel, along), strict=True)):
        row_of_blocks = matrices[place * len(v):(place + 1) * len(v)]
        product = sum(M @ x.ravel() for M, x in zip(row_of_blocks, v, strict=True))
        size = sum(abs(M) @ abs(x.ravel()) for M, x in zip(row_of_blocks, v, strict=True))
        with np.errstate(invalid="ignore"):
            off = np.abs(product - dy)
            wrong = off > allowance(y, dy, size, inputs)
        wrong |= np.isfinite(product) != np.isfinite(dy)
        if wrong.any():
            row = int(np.argmax(np.where(wrong & np.isfinite(off), off, wrong)))
            name_worst(inputs, row_of_blocks, place, row, np.shape(along[place]))


def name_worst(inputs: Inputs, blocks: list[Any], place: int, row: int, shape: tuple[int, ...]) -> None:
    value, pullback = vjp(lambda *x: flatten(inputs.call(list(x)))[0][place], *inputs.leaves)
    unit = np.zeros(np.size(value), dtype_of(value))
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
