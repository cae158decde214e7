"""The pattern of a Jacobian alone, and a check of sparse Jacobians by sweeps that know nothing of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import MismatchError
from ..reading import dtype_of
from .forward import jacobian, jvp
from .reverse import vjp
from .sweep import Function, Inputs
from .trees import flatten, spans


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


def verify_jacobian(f: Function, argnums: Any, args: tuple[Any, ...], options: dict[str, Any], tree: Any) -> None:
    """Compare sparse blocks with the derivative along one random direction; raise MismatchError naming the worst entry."""
    inputs = Inputs(f, argnums, args, options)
    rng = np.random.default_rng(0)
    v = [rng.standard_normal(shape).astype(dtype) for shape, dtype in zip(inputs.shapes, inputs.dtypes, strict=True)]
    values, along = (flatten(part)[0]
                     for part in jvp(lambda *x: inputs.call(list(x)), tuple(inputs.leaves), tuple(v)))
    matrices, _ = flatten(tree, None)
    for place, (y, dy) in enumerate(zip(values, along, strict=True)):
        row_of_blocks = matrices[place * len(v):(place + 1) * len(v)]
        product = sum(M @ x.ravel() for M, x in zip(row_of_blocks, v, strict=True))
        size = sum(abs(M) @ abs(x.ravel()) for M, x in zip(row_of_blocks, v, strict=True))
        dy = np.ravel(dy)
        with np.errstate(invalid="ignore"):
            off = np.abs(product - dy)
            # sums in another order, and what cancels, differ by rounding; a missing or wrong entry by something like itself
            eps = max(np.finfo(d).eps for d in (dtype_of(dy), *inputs.dtypes))
            noise = 1e4 * eps * np.max(size, initial=0, where=np.isfinite(size)) + 9 * eps * np.abs(np.ravel(y))
            wrong = off > np.sqrt(eps) * (size + np.abs(dy)) + noise
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
