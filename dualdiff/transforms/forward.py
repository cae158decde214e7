"""derivative, jacobian, jvp: forward sweeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dual_array import inexact
from ..errors import ShapeError, StructureError
from ..plans.plan import FEW, at_each, evenly, planned
from ..plans.plan import along as one_way
from ..plans.plan import forward as ahead
from ..plans.plan import rows as in_order
from ..reading import dtype_of
from ..tangents.leaf import dense_leaf, one
from ..tangents.level import Level, is_dual
from ..tangents.tangent import Tangent
from .choice import Choices, checked_mode
from .chunks import Parts, inputs_of
from .inputs import DOUBLE, EVERYDAY, Function, Inputs
from .results import of_type, pairs_of, value_and_eps
from .sweep import seed_identity, swept
from .trees import flatten, spans

LONG = 1000  # elements of a direction that is worth a look for ones


def derivative(f: Function, order: int = 1) -> Callable[..., Any]:
    """The ``order``-th derivative of a function of one number, or of each element for an elementwise f.

    Returns a function of x. For a number x, f may return an array of any shape R, and so does the derivative. For an
    array x of shape S, f must act on each element by itself and return shape S, or a constant; anything else raises
    StructureError rather than mixing derivatives. Runs f once, on duals of duals: each order doubles the arithmetic.

    >>> derivative(lambda x: x**3)(2.0), derivative(lambda x: x**3, order=2)(2.0)
    (np.float64(12.0), np.float64(12.0))
    """
    if not isinstance(order, int | np.integer) or not 0 <= order <= 150:
        raise StructureError(f"order must be a whole number of at least 0, at most 150; got {order!r:.40}")
    if order == 0:
        return f
    if order > 1:
        return derivative(derivative(f, order - 1))

    def df(x: Any, *args: Any, **options: Any) -> Any:
        inputs = Inputs(f, 0, (x, *args), options)
        if len(inputs.leaves) != 1:
            raise StructureError("derivative takes one number or one array; use gradient or jacobian for a "
                                 f"{type(x).__name__}")
        pointwise = bool(inputs.shapes[0])

        def read(out: Any, level: Level) -> Any:
            leaves, rebuild = flatten(out)
            return rebuild([slope(leaf, level) for leaf in leaves])

        def slope(y: Any, level: Level) -> Any:
            value, eps = value_and_eps(y, level)
            dtype = np.result_type(inputs.dtypes[0], dtype_of(value))
            if not eps.terms:
                return np.zeros(eps.shape, dtype)[()]
            if pointwise and (eps.shape != inputs.shapes[0] or list(eps.terms) != seeds):
                raise StructureError("derivative of an array needs an elementwise f: its result mixed elements of x "
                                     f"(shape {inputs.shapes[0]} became {eps.shape}). Use jacobian(f)")
            if pointwise:
                eps = Tangent({one(level): coef for coef in eps.terms.values()}, eps.shape)
            return number(of_type(eps.dense(dtype=dtype), dtype))

        seeds: list[Any] = []

        def seed(level: Level) -> list[tuple[Any, Any]]:
            pairs = seed_identity(inputs)(level) if pointwise else [(one(level), None)]
            seeds[:] = [leaf for leaf, _ in pairs]
            return pairs

        def plan(out: Any, notes: Any) -> Any:
            found = planned(notes, out, at_each if pointwise else in_order)
            return None if found is None else number(found[0] if pointwise else found[0][0])

        return swept(inputs, seed, read, inputs.is_complex, plan)

    return df


def jacobian(f: Function, argnums: int | Sequence[int] = 0, *, mode: str = "auto", sparse: bool = False,
             batch_axis: int | None = None, verify: bool = False, chunk: int | None = None, max_bytes: int | None = None,
             executor: Any = None) -> Callable[..., Any]:
    """Jacobian of ``f``: array of shape S -> array of shape R.

    Returns a function giving an array of shape R + S; entry [r, s] is ∂f(x)[r] / ∂x[s]. Where the argument or the result
    is a list, tuple or dict of arrays, so is the Jacobian: a tree of results, each a tree of arguments; a tuple for a
    tuple of ``argnums``. Runs ``f`` once, or again where ``mode`` changes. Elementwise operations cost what they cost without
    derivatives, whatever the number of directions; memory beyond the answer grows with what contractions leave dense.
    Raises RuleError, naming the function, where one has no derivative.

    ``sparse=True`` gives each block as a canonical ``scipy.sparse.csr_array`` with one row per element of the result and one
    column per element of the argument, both counted in C order. No detection pass, no colouring: the entries are those that
    the program's own steps connect, and they stay where their value is zero, so that the pattern hardly ever changes from
    point to point (``eliminate_zeros()`` drops them). The returned function remembers the structure of its last call and
    checks that it still holds; a matrix is the caller's own, indices too.

    ``mode="reverse"`` records f and pulls m cotangents back, one for each number of the result: less work where m is much
    smaller than n and f mixes its inputs; ``"forward"`` never does; ``"auto"`` counts (see ``explain``), and takes a mixture
    where everything passes through few numbers. The first call with arguments of these shapes goes forward, and if that
    contracts much, records f and takes what works less, which later calls follow: each gives the bits of the first.
    ``sparse``, ``chunk``, ``max_bytes`` and ``executor`` are for forward sweeps.

    ``max_bytes`` bounds that memory (a quarter of the machine's): a sweep that would pass it starts again with its
    directions split, f running once for each part. Not counted are f's own arrays, copies of its sparse matrices and, in a
    Hessian's record, of constants that are not read-only. Raises BudgetError where not even one direction fits. ``chunk``:
    at most so many directions in one run of f. The parts agree with the whole, forward, to rounding, and to the bit but for
    short programs and matrix products with dense tangents, which BLAS rounds by their size. ``executor``, a
    ``concurrent.futures.Executor`` (threads, processes, a Dask client's ``get_executor()``), runs parts at the same time, each
    in its own ``max_bytes``: 16 of them or ``chunk``, with the bits of the same ``chunk`` without it. What lost workers owe is
    computed here, and warned of; raises ExecutorError where f cannot be sent to another process.

    ``batch_axis`` says that the arguments and results hold N samples along that axis, and that sample i of the results
    depends on sample i of the arguments alone: the answer then is N small Jacobians, shape (N, …) + S for samples of shape
    S, at the cost of one sample's directions. That promise is the caller's to keep.

    ``verify=True`` compares a sparse or batched answer with the derivative along a random direction, in which samples move
    apart (f runs once more), and raises MismatchError, naming the worst entry or a sample.

    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """
    both = value_and_jacobian(f, argnums, mode=mode, sparse=sparse, batch_axis=batch_axis, verify=verify, chunk=chunk,
                              max_bytes=max_bytes, executor=executor)

    def J(*args: Any, **options: Any) -> Any:
        return both(*args, **options)[1]
    return J


def value_and_jacobian(f: Function, argnums: int | Sequence[int] = 0, *, mode: str = "auto", sparse: bool = False,
                       batch_axis: int | None = None, verify: bool = False, chunk: int | None = None,
                       max_bytes: int | None = None, executor: Any = None) -> Callable[..., Any]:
    """``(f(x), jacobian(f, …)(x))`` from one sweep; the options are those of ``jacobian``.

    >>> import numpy as np
    >>> value_and_jacobian(lambda x: 3 * x)(np.array([2.0]))
    (array([6.]), array([[3.]]))
    """
    parts = Parts(chunk, max_bytes, executor)
    choices = Choices()
    whole = checked_mode(mode) != "forward" and chunk is max_bytes is executor is batch_axis is None
    if mode == "reverse":
        parts.refuse_beside('mode="reverse"', batch_axis=batch_axis)
        if sparse:
            raise StructureError('mode="reverse" makes a dense matrix; sparse=True goes forward: leave mode out')
    if sparse:
        parts.refuse_beside("sparse=True", batch_axis=batch_axis)
        from .sparse import value_and_sparse_jacobian
        return value_and_sparse_jacobian(f, argnums, verify)
    if verify and batch_axis is None:
        raise StructureError("verify=True checks sparse and batched Jacobians; for dense ones there is "
                             "dualdiff.testing.check_derivatives")

    def both(*args: Any, **options: Any) -> Any:
        inputs = inputs_of(f, argnums, args, options, batch_axis)

        def read(out: Any, level: Level) -> Any:
            pairs, rebuild = pairs_of(out, level)
            matrices = [inputs.like_arguments(split(inputs.matrix(value, eps), inputs)) for value, eps in pairs]
            return rebuild([value for value, _ in pairs]), rebuild(matrices)

        def plan(out: Any, notes: Any) -> Any:
            found = planned(notes, out, ahead)
            return None if found is None else (own_value(out), inputs.like_arguments(split(found[0], inputs)))

        def join(out: Any, matrices: list[Any]) -> Any:
            _, rebuild = flatten(out)
            return out, rebuild([inputs.like_arguments(split(J, inputs)) for J in matrices])

        def forward(work: list[int] | None) -> Any:
            few = batch_axis is max_bytes is None and inputs.size <= FEW
            return parts.sweep(inputs, argnums, batch_axis, read, join, work, plan if few else None)

        found = choices.sweep(inputs, mode, forward, join) if whole else forward(None)
        if verify:
            from .batch import confirm
            confirm(inputs, found[1])
        return found

    return both


def split(matrix: Any, inputs: Inputs) -> list[Any]:
    """The columns of a matrix, R + (n,), handed to the arguments that they belong to: for each an array of shape R + S."""
    shape = matrix.shape[:-1]
    if len(inputs.shapes) == 1:
        full = shape + inputs.shapes[0]
        return [number(matrix if matrix.shape == full else matrix.reshape(full))]
    return [number(matrix[..., start:stop].reshape(shape + own))
            for own, (start, stop) in zip(inputs.shapes, spans(inputs.sizes), strict=True)]


def number(a: Any) -> Any:
    """A zero-dimensional array as NumPy's scalar."""
    return a[()] if type(a) is np.ndarray and not a.ndim else a


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """``(f(*primals), df)``: the derivative of f along one direction, the Jacobian times a vector without the Jacobian.

    ``primals`` is the tuple of all arguments; ``tangents`` has the same structure and shapes, or an extra leading axis
    of length k for k directions at once, which the second result then has too. Runs ``f`` once; for one direction every
    operation costs about twice the plain one. Raises ShapeError where a tangent does not fit its argument.

    >>> import numpy as np
    >>> jvp(lambda x: x**2, (np.array([1.0, 3.0]),), (np.array([1.0, 10.0]),))
    (array([1., 9.]), array([ 2., 60.]))
    """
    if not isinstance(primals, list | tuple) or not isinstance(tangents, list | tuple) or len(primals) != len(tangents):
        raise StructureError("jvp takes a tuple of arguments and a tuple of as many tangents: jvp(f, (x,), (v,))")
    inputs = Inputs(f, tuple(range(len(primals))), tuple(primals), {})
    directions: list[Any] = list(tangents) if inputs.chosen is EVERYDAY and type(tangents[0]) is np.ndarray else \
        flatten(tangents, "the tangents", primals)[0]
    if len(directions) != len(inputs.leaves):
        raise StructureError(f"the tangents hold {len(directions)} arrays, the arguments {len(inputs.leaves)}")
    directions = [v if is_dual(v) else inexact(v, "jvp") for v in directions]
    counts = {v.shape[0] for v, shape in zip(directions, inputs.shapes, strict=True) if v.shape != shape and v.shape}
    for v, shape in zip(directions, inputs.shapes, strict=True):
        if v.shape != shape and (v.shape[1:] != shape or len(counts) > 1):
            raise ShapeError(f"a tangent has shape {v.shape}; its argument has shape {shape}, so the tangent must be "
                             f"{shape}, or (k, …) with one k for all")
    several = bool(counts)

    def seed(level: Level) -> list[tuple[Any, Any]]:
        if not several:
            return [(one(level), None if all_ones(v, x) else v) for v, x in zip(directions, inputs.leaves, strict=True)]
        (level.k,) = counts
        return [(dense_leaf(level, v if v.shape != shape else np.broadcast_to(v, (level.k, *shape)), shape), None)
                for v, shape in zip(directions, inputs.shapes, strict=True)]

    def read(out: Any, level: Level) -> Any:
        pairs, rebuild = pairs_of(out, level)
        return rebuild([value for value, _ in pairs]), rebuild([along(value, eps, level) for value, eps in pairs])

    def along(value: Any, eps: Tangent, level: Level) -> Any:
        dtype = dtype_of(value)
        if eps.is_constant:
            dtype = dtype if dtype.kind in "fc" else inputs.dtype_with(value)
            front: Any = (level.k,) if several else ()
            return np.zeros(front + eps.shape, dtype)[()]
        return number(of_type(eps.dense(dtype=dtype), dtype))

    def plan(out: Any, notes: Any) -> Any:
        ones = all(map(all_ones, directions, inputs.leaves))
        found = planned(notes, out, evenly) if ones else planned(notes, out, one_way, tuple(directions))
        return None if found is None else (own_value(out), number(found[0]))

    brief = not several and directions != [] and all(type(v) is np.ndarray and v.dtype == DOUBLE for v in directions)
    result: tuple[Any, Any] = swept(inputs, seed, read, plan=plan if brief else None)
    return result


def own_value(out: Any) -> Any:
    """The value of a result as the caller's own."""
    value = out.value
    return value.copy() if type(value) is np.ndarray and not value.flags.writeable else value


def all_ones(v: Any, x: Any) -> bool:
    """Whether a direction of a long array is 1 everywhere, as for the derivative at every point: no factor then."""
    return type(v) is np.ndarray and v.size > LONG and v.dtype is DOUBLE is dtype_of(x) and v.flat[0] == v.flat[-1] == 1 \
        and bool((v == 1).all())
