"""hessian and hvp: a forward and a reverse sweep, one inside the other; levels keep the two perturbations apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from .brief import noted_hessian, noted_product
from .chunks import Parts
from .forward import jacobian, jvp
from .inputs import Function
from .programs import as_it_runs
from .results import scalar_result
from .reverse import gradient
from .trees import flatten


def hessian(f: Function, argnums: int | Sequence[int] = 0, *, sparse: bool = False,
            batch_axis: int | None = None, verify: bool = False, chunk: int | None = None, max_bytes: int | None = None,
            executor: Any = None) -> Callable[..., Any]:
    """Hessian of a function that returns one number: an array of shape S + S for an argument of shape S.

    Entry [s, t] is ∂²f / ∂x[s] ∂x[t]. For a list, tuple or dict of arrays it is a tree of such blocks. Runs ``f`` once,
    forward over reverse: n directions through the gradient, which ``chunk``, ``max_bytes`` and ``executor`` split as they
    do in ``jacobian``.

    ``sparse=True`` gives a canonical ``scipy.sparse.csr_array``, rows and columns counted in C order, symmetric to the last
    bit: forward over forward, both with sparse tangents. Entries and memory are as in ``jacobian(f, sparse=True)``.

    With ``batch_axis`` f returns one number for each of N samples, and the answer is N Hessians, shape (N, …) + S; ``verify``
    is as in ``jacobian``.

    >>> import numpy as np
    >>> hessian(lambda x: x[0]**2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    if sparse:
        Parts(chunk, max_bytes, executor).refuse_beside("sparse=True", batch_axis=batch_axis, verify=verify or None)
        from .sparse_hessian import value_and_sparse_hessian
        both = value_and_sparse_hessian(f, argnums)
        return lambda *args, **options: both(*args, **options)[1]
    slope: Any = ReverseGradient(f, argnums)
    if batch_axis is not None:
        from .batch import SampleGradients
        slope = SampleGradients(f, argnums, batch_axis)
    ordinary = jacobian(slope, argnums, mode="forward", batch_axis=batch_axis, verify=verify, chunk=chunk, max_bytes=max_bytes,
                        executor=executor)
    if not chunk is max_bytes is executor is batch_axis is None or verify:
        return ordinary

    def H(*args: Any, **options: Any) -> Any:
        found = noted_hessian(f, argnums, args, options)
        return ordinary(*args, **options) if found is None else found
    return H


class ReverseGradient:
    """``gradient(f, argnums, "reverse")`` as an object that can be sent to another process if f can."""

    __slots__ = ("argnums", "f")

    def __init__(self, f: Function, argnums: Any) -> None:
        self.f, self.argnums = f, argnums

    def __call__(self, *args: Any, **options: Any) -> Any:
        return gradient(self.f, self.argnums, "reverse")(*args, **options)


def hvp(f: Function) -> Callable[[Any, Any], Any]:
    """The Hessian times a vector without the Hessian: ``hvp(f)(x, v)``, shaped like x, as SciPy's ``hessp`` is called.

    Runs ``f`` once: the gradient of the derivative along v, reverse over forward, a small multiple of the cost of f.
    Further arguments are passed on to f. Raises ShapeError where v is not shaped like x. Pearlmutter, "Fast exact
    multiplication by the Hessian", 1994.

    >>> import numpy as np
    >>> hvp(lambda x: x[0]**2 * x[1])(np.array([1.0, 3.0]), np.array([1.0, 0.0]))
    array([6., 2.])
    """
    def product(x: Any, v: Any, *args: Any, **options: Any) -> Any:
        if (found := noted_product(f, x, v, args, options)) is not None:
            return found
        g, known = as_it_runs(f, (*args, *options.values()))
        if known is not None and known.compares:  # which a sweep of f itself tells
            gradient(f, mode="reverse")(x, *args, **options)

        def slope(y: Any) -> Any:
            _, along = jvp(lambda z: scalar_result(g(z, *args, **options), "hvp"), (y,), (v,))
            if along.shape:
                shapes = " and ".join(str(np.shape(a)) for a in flatten(v)[0])
                raise ShapeError(f"v has shape {shapes}, one axis more than x: hvp takes one direction at a time; "
                                 "for many take hessian(f)(x)")
            return along
        return gradient(slope, mode="reverse")(x)
    return product
