"""Calls of every function that has a derivative, on asymmetric shapes, sizes 0 and 1 included: data for test_laws.py.

A case is the code itself in x, y and z, which is evaluated and is the case's name, and the shape of each. Cases are
analytic, so that the complex step applies, but for the ``KINKED`` ones: differentiable at the points drawn, but they
compare, conjugate, or take absolute values.
"""

from dataclasses import dataclass

import numpy as np

from dualdiff.rules import every_row
from dualdiff.rules.registry import Elementwise


@dataclass(frozen=True)
class Case:
    code: str
    shapes: tuple
    between: tuple = (-2.0, 2.0)
    smooth: bool = True

    @property
    def f(self):
        names = ("x", "x, y", "x, y, z")[len(self.shapes) - 1]
        return eval(f"lambda {names}: {self.code}", {"np": np})

    def arguments(self):
        rng = np.random.default_rng(len(self.code))
        return tuple(rng.uniform(*self.between, shape) for shape in self.shapes)

    def directions(self, seed=1):
        rng = np.random.default_rng(len(self.code) + seed)
        return tuple(rng.standard_normal(shape) for shape in self.shapes)

    def __str__(self):
        return " ".join([self.code, *(str(shape).replace(" ", "") for shape in self.shapes)])


# ---- elements are moved ----------------------------------------------------------------------------------------------
INDEXING = {
    (5,): ["x[2]", "x[-1]", "x[np.int64(3)]", "x[1:]", "x[:-1]", "x[::-1]", "x[4:0:-2]", "x[...]", "x[None]",
           "x[:, None]", "x[3:3]", "x[[0, 0, 4]]", "x[np.array([[1, 2], [2, -1]])]", "x[[]]",
           "x[[True, False, True, True, False]]", "x[np.array(2)]", "x[(2,)]", "x[1:] + x[:-1] * x[1:]",
           "sum(a * b for a, b in zip(x, x[1:]))"],
    (3, 4): ["x[1]", "x[1, 2]", "x[:, 1]", "x[..., 0]", "x[0, ...]", "x[::2, ::-1]", "x[None, 1:, None, -3:]",
             "x[-1, ::-2]", "x[[2, 0, 2]]", "x[:, [3, 0]]", "x[[0, 2], [1, 3]]", "x[[[0], [2]], [1, 3, 3]]",
             "x[1:, [1, 1, 0]]", "x[np.arange(12).reshape(3, 4) % 3 == 1]", "x[[True, False, True]]",
             "x[:, [True, False, False, True]]", "x[[True, False, True], 1:]", "x[[0, 1], None, [2, 3]]",
             "x[np.array([0, 1])[:, None], [2, 3, 0]]", "x[np.ix_([2, 1], [0, 3, 3])]", "x[0:0]", "x[1:2, 3:]",
             "x.T[1]", "x[1][2]", "x[True]", "x[False]"],
    (2, 3, 4): ["x[1, :, 2]", "x[:, [0, 2], :]", "x[[0, 1], :, [3, 1]]", "x[..., [1, 1]]", "x[1, [0, 2]]",
                "x[:, ::-1, 1:3]", "x[0][..., None]", "x[[1], ..., [0, 2, 3]]",
                "x[:, np.array([[True, False, False, True]] * 3)]"],
    (0,): ["x[:]", "x[::-1]", "x[[]]", "x[None]"],
    (0, 3): ["x[:, 1]", "x[:, [2, 0]]", "x[1:]"],
    (1,): ["x[0]", "x[-1:]", "x[[0, 0]]"],
    (): ["x[()]", "x[None]", "x[...]"],
}
MOVES = {
    (3, 4): ["np.reshape(x, (2, 6))", "np.reshape(x, -1)", "np.reshape(x, (4, -1), order='F')", "x.reshape(6, 2)",
             "np.ravel(x)", "np.ravel(x, order='F')", "x.flatten()", "np.transpose(x)", "x.T", "x.mT",
             "np.matrix_transpose(x)", "np.swapaxes(x, 0, 1)", "np.moveaxis(x, 0, -1)", "np.expand_dims(x, 1)",
             "np.expand_dims(x, (0, -1))", "np.flip(x)", "np.flip(x, 1)", "np.flip(x, (0, 1))", "np.fliplr(x)",
             "np.flipud(x)", "np.roll(x, 2)", "np.roll(x, -1, axis=0)", "np.roll(x, (1, 2), axis=(0, 1))",
             "np.broadcast_to(x, (2, 3, 4))", "np.take(x, [0, 11, 5])", "np.take(x, [[1, 1], [0, 3]], axis=1)",
             "np.repeat(x, 2)", "np.repeat(x, 3, axis=1)", "np.repeat(x, [1, 0, 2], axis=0)", "np.tile(x, 2)",
             "np.tile(x, (2, 1, 3))", "np.rot90(x)", "np.rot90(x, 2)", "np.diag(x)", "np.diag(x, 1)",
             "np.diagonal(x, -1)", "np.diagflat(x)", "np.tril(x)", "np.tril(x, 1)", "np.triu(x, -1)",
             "np.resize(x, (2, 7))", "np.compress([True, False, True], x, axis=0)", "np.atleast_1d(x)",
             "np.atleast_3d(x)", "x.copy()", "np.take_along_axis(x, np.argsort(x, axis=1), axis=1)"],
    (4,): ["np.diag(x)", "np.diag(x, -2)", "np.diagflat(x, 1)", "np.atleast_2d(x)", "np.broadcast_to(x, (3, 4))",
           "np.compress([False, True, True], x)", "np.expand_dims(x, 0)", "np.tile(x, (3, 2))", "np.roll(x, 5)"],
    (2, 3, 4): ["np.transpose(x, (2, 0, 1))", "x.transpose(1, 0, 2)", "np.moveaxis(x, (0, 1), (-1, 0))",
                "np.swapaxes(x, 0, -1)", "np.rot90(x, -1, axes=(1, 2))", "np.diagonal(x, 0, 1, 2)", "np.tril(x)",
                "np.matrix_transpose(x)", "x.mT"],
    (3, 1): ["np.squeeze(x)", "np.squeeze(x, 1)", "np.broadcast_to(x, (3, 5))", "np.broadcast_to(x, (2, 3, 4))"],
    (1, 3, 1): ["np.squeeze(x)", "np.squeeze(x, (0,))"],
    (0, 3): ["np.reshape(x, (3, 0))", "np.ravel(x)", "np.transpose(x)", "np.flip(x)", "np.roll(x, 1)",
             "np.tile(x, (2, 2))", "np.repeat(x, 2, axis=1)", "np.broadcast_to(x, (2, 0, 3))"],
    (1, 1): ["np.reshape(x, ())", "np.squeeze(x)", "np.diag(x)", "np.tile(x, 3)", "np.tril(x)"],
    (): ["np.reshape(x, (1, 1))", "np.broadcast_to(x, (2, 3))", "np.atleast_2d(x)", "np.tile(x, 3)", "np.repeat(x, 2)"],
}
JOINS = [
    ("np.concatenate([x, y])", (2, 3), (1, 3)), ("np.concatenate([x, y], axis=1)", (2, 3), (2, 4)),
    ("np.concatenate([x, y], axis=None)", (2, 3), (4,)), ("np.concatenate([x, np.ones((2, 2)), x], axis=1)", (2, 3)),
    ("np.concatenate([x, y])", (0, 3), (2, 3)), ("np.concatenate([x])", (1,)), ("np.stack([x, y])", (3, 4), (3, 4)),
    ("np.stack([x, 2 * x, y], axis=-1)", (3, 4), (3, 4)), ("np.stack([x, y], axis=1)", (0,), (0,)),
    ("np.stack([x[0], x[1] * x[2], 1.0])", (3,)), ("np.vstack([x, y])", (2, 3), (3,)),
    ("np.hstack([x, y])", (2, 3), (2, 1)), ("np.hstack([x, y])", (3,), (2,)), ("np.dstack([x, y])", (2, 3), (2, 3)),
    ("np.column_stack([x, y])", (3,), (3, 2)), ("np.column_stack([x[0], y, x[1]])", (2,), (1, 3)),
    ("np.where(np.arange(4) % 2 == 0, x, y)", (3, 4), (3, 1)),
    ("np.where([[True], [False]], x, 0.5)", (3,)), ("np.where(True, x, y)", (), (2,)),
    ("np.where(np.zeros(0) > 1, x, y)", (0,), (1,)),
]

# ---- sums, products, linear maps -------------------------------------------------------------------------------------
SUMS = {
    (3, 4): ["np.sum(x)", "np.sum(x, axis=0)", "np.sum(x, axis=(0, 1))", "np.sum(x, axis=-1, keepdims=True)",
             "x.sum(1)", "np.sum(x, axis=1, where=np.arange(4) > 1)", "np.sum(x, initial=2.5)",
             "np.sum(x * x, axis=0, initial=1.0)", "np.add.reduce(x)", "np.mean(x)",
             "np.mean(x, axis=0, keepdims=True)", "x.mean(-1)", "np.add.accumulate(x)",
             "np.mean(x, axis=1, where=np.arange(4) > 1)", "np.trace(x)", "np.trace(x, 1)", "np.trace(x, offset=-2)",
             "np.trace(x, axis1=1, axis2=0)",
             "np.cumsum(x)", "np.cumsum(x, axis=0)", "np.cumsum(x, axis=-1)", "np.diff(x)", "np.diff(x, 2, axis=0)",
             "np.diff(x, axis=0, prepend=1.0)", "np.diff(x, append=x[:, :1])", "x / x.sum()",
             "x / np.sum(x * x, axis=1, keepdims=True)", "np.einsum('ij->j', x)", "np.einsum('ij->ji', x)",
             "np.einsum('ij->', x)", "np.einsum('ij', x)"],
    (2, 3, 4): ["np.sum(x, axis=(0, 2))", "np.sum(x, axis=(-1, 0), keepdims=True)", "np.trace(x, axis1=1, axis2=2)",
                "np.cumsum(x, 1)", "np.mean(x, axis=(1, 2))", "np.einsum('...ij->...i', x)", "np.einsum('ijk->kj', x)"],
    (3, 3): ["np.einsum('ii', x)", "np.einsum('ii->i', x)", "np.einsum('ij,ji', x, x)", "x @ x", "x @ x.T @ x"],
    (0,): ["np.sum(x)", "np.cumsum(x)", "np.sum(x, initial=1.0)", "np.diff(x)"],
    (0, 3): ["np.sum(x, axis=0)", "np.sum(x, axis=1)", "np.mean(x, axis=1)", "np.einsum('ij->j', x)"],
    (1,): ["np.sum(x)", "np.mean(x)", "np.cumsum(x)", "np.diff(x)"],
    (): ["np.sum(x)", "np.mean(x)"],
}
PRODUCTS = [
    *(("np.matmul(x, y)", *shapes) for shapes in [
        ((3, 4), (4, 2)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 2)), ((5, 3, 4), (4, 2)), ((3, 4), (5, 4, 2)),
        ((5, 3, 4), (5, 4, 2)), ((2, 1, 3, 4), (5, 4, 2)), ((5, 3, 4), (4,)), ((4,), (5, 4, 2)), ((3, 0), (0, 2)),
        ((0, 4), (4, 2)), ((1, 1), (1, 1))]),
    *(("np.dot(x, y)", *shapes) for shapes in [
        ((3, 4), (4, 2)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 2)), ((2, 3, 4), (4,)), ((2, 3, 4), (4, 2)),
        ((3, 4), (2, 4, 5)), ((), (3,)), ((3,), ()), ((0,), (0,))]),
    *(("np.inner(x, y)", *shapes) for shapes in [((3, 4), (2, 4)), ((4,), (4,)), ((2, 3, 4), (4,)), ((), (3,))]),
    ("np.outer(x, y)", (3,), (4,)), ("np.outer(x, y)", (2, 3), (2,)), ("np.outer(x, x)", (3,)),
    ("np.tensordot(x, y)", (2, 3, 4), (3, 4, 5)),
    ("np.tensordot(x, y, 1)", (2, 3), (3, 4)), ("np.tensordot(x, y, 0)", (2,), (3,)),
    ("np.tensordot(x, y, axes=([0, 2], [1, 0]))", (2, 3, 4), (4, 2, 5)),
    ("np.tensordot(x, y, axes=(1, 0))", (2, 3), (3, 2)),
    ("np.matvec(x, y)", (3, 4), (4,)),
    ("np.matvec(x, y)", (5, 3, 4), (5, 4)),
    ("np.einsum('ij,jk->ik', x, y)", (2, 3), (3, 4)), ("np.einsum('ij,jk', x, y)", (2, 3), (3, 4)),
    ("np.einsum('ij,kj->ki', x, y)", (2, 3), (4, 3)), ("np.einsum('i,j->ij', x, y)", (2,), (3,)),
    ("np.einsum('ij,ij->', x, y)", (2, 3), (2, 3)), ("np.einsum('bij,bjk->bik', x, y)", (5, 2, 3), (5, 3, 4)),
    ("np.einsum('...ij,...j->...i', x, y)", (5, 2, 3), (3,)),
    ("np.einsum('ij,jk,kl->il', x, y, z)", (2, 3), (3, 4), (4, 5)),
    ("np.einsum('i,ij,j', x, y, z)", (2,), (2, 3), (3,)), ("np.einsum('ii,ij->j', x, y)", (3, 3), (3, 4)),
    ("np.einsum('ij,j->i', x, np.arange(3.0))", (2, 3)), ("np.einsum('i,i,i->i', x, x, y)", (3,), (3,)),
    ("np.einsum('ij , jk -> ki', x, y)", (0, 3), (3, 2)), ("x @ y", (3, 4), (4, 2)),
    ("np.arange(6.0).reshape(2, 3) @ x", (3, 4)), ("x @ np.arange(4.0)", (3, 4)),
    ("np.tanh(x @ y) @ z", (5, 3), (3, 4), (4,)), ("np.sum((x @ y - z) ** 2)", (5, 3), (3,), (5,)),
    ("np.multiply.outer(x, y)", (2, 3), (4,)), ("np.matmul(x, y) + np.dot(x, y)", (2, 3), (3, 2)),
]
MATRICES = [
    ("np.linalg.solve(x + 4 * np.eye(3), y)", (3, 3), (3,)), ("np.linalg.solve(x + 4 * np.eye(3), y)", (3, 3), (3, 2)),
    ("np.linalg.solve(x + 4 * np.eye(3), y)", (2, 3, 3), (2, 3, 4)),
    ("np.linalg.solve(x + 4 * np.eye(3), y)", (2, 3, 3), (3, 4)),
    ("np.linalg.solve(x + 4 * np.eye(3), y)", (3, 3), (5, 3, 2)),
    ("np.linalg.solve(x + 4 * np.eye(3), y)", (2, 3, 3), (3,)),
    ("np.linalg.solve(np.eye(3) + np.diag([1.0, 2.0], 1), x)", (3,)),
    ("np.linalg.solve(x + 4 * np.eye(3), np.ones(3))", (3, 3)), ("np.linalg.solve(x + 4 * np.eye(1), y)", (1, 1), (1,)),
    ("np.linalg.inv(x + 4 * np.eye(3))", (3, 3)), ("np.linalg.inv(x + 4 * np.eye(3))", (2, 3, 3)),
    ("np.linalg.inv(x + 4 * np.eye(1))", (1, 1)), ("np.linalg.det(x)", (3, 3)), ("np.linalg.det(x)", (2, 3, 3)),
    ("np.linalg.det(x)", (1, 1)), ("np.linalg.det(x @ np.diag([1.0, 2.0, 3.0]))", (3, 3)),
]

# ---- differentiable where drawn, but not analytic --------------------------------------------------------------------
KINKED = {
    (3, 4): ["np.max(x)", "np.max(x, axis=0)", "np.max(x, axis=(0, 1))", "np.max(x, axis=1, keepdims=True)", "x.min()",
             "np.min(x, axis=-1)", "np.min(x, 0, keepdims=True)", "np.maximum.reduce(x)",
             "np.minimum.reduce(x, axis=1)", "np.max(x, axis=1, initial=0.25)",
             "np.min(x, axis=0, where=x < 1, initial=2.0)", "np.clip(x, -0.5, 0.8)", "np.clip(x, None, 0.3)",
             "x.clip(0)", "np.abs(x)", "np.linalg.norm(x)", "np.linalg.norm(x, 'fro')", "np.linalg.norm(x, axis=0)",
             "np.linalg.norm(x, axis=1, keepdims=True)", "np.linalg.norm(x, 1)", "np.linalg.norm(x, np.inf)",
             "np.linalg.norm(x, -np.inf)", "np.linalg.norm(x, -1)", "np.linalg.norm(x, 3, axis=1)",
             "np.linalg.norm(x, 1, axis=0)", "np.linalg.norm(x, np.inf, axis=1)", "np.linalg.norm(x, -np.inf, axis=0)",
             "np.linalg.norm(x, 0.5, axis=1)", "np.linalg.norm(x, axis=(0, 1))",
             "np.linalg.norm(x, 1, axis=(0, 1), keepdims=True)", "np.linalg.norm(x, 2, axis=1)",
             "np.where(x > 0, x * x, np.sin(x))", "x[x > 0]", "x[np.argmax(x, axis=0), np.arange(4)]", "np.modf(x)[0]",
             "np.divmod(x, 0.7)[1]", "x % 0.7", "np.take_along_axis(x, np.argsort(x, axis=0), axis=0)",
             "np.conjugate(x)", "np.real(x)", "np.imag(x)", "np.stack([a.max() for a in x])",
             "max(x[0, 0], 0.25) + abs(x[1, 1])"],
    (2, 3, 4): ["np.linalg.norm(x, axis=(0, 2))", "np.linalg.norm(x, np.inf, axis=(1, 2))", "np.max(x, axis=(0, 2))"],
    (5,): ["np.linalg.norm(x)", "np.linalg.norm(x, 1)", "np.linalg.norm(x, np.inf)", "np.linalg.norm(x, -np.inf)",
           "np.linalg.norm(x, 3)", "np.linalg.norm(x, 2)", "np.linalg.norm(x, 2.5)", "np.max(x)",
           "np.linalg.norm(x, 0)"],
    (1,): ["np.max(x)", "np.linalg.norm(x)", "np.min(x, axis=0)"],
    (0, 3): ["np.max(x, axis=1)", "np.linalg.norm(x, axis=1)", "np.clip(x, 0, 1)", "np.max(x, axis=0, initial=1.0)"],
}
KINKED_PAIRS = [
    ("np.vdot(x, y)", (2, 3), (2, 3)), ("np.vecdot(x, y)", (2, 3), (2, 3)), ("np.vecdot(x, y, axis=0)", (2, 3), (2, 1)),
    ("np.vecmat(x, y)", (3,), (3, 4)), ("np.vecmat(x, y)", (5, 3), (3, 4)), ("x[x > 0] * y", (4,), (1,)),
    ("np.clip(x, y, 0.9)", (3, 4), (4,)), ("np.clip(0.1, x, y + 3)", (3,), (3,)),
    ("np.where(x > y, x * y, x - y)", (3, 4), (4,)), ("np.divmod(x, y + 3)[1]", (3, 4), (3, 1)),
    ("np.max(np.stack([x, y]), axis=0)", (3,), (3,)), ("x % (y + 3)", (4,), (4,)),
]

# ---- elementwise rows: on their domain, broadcast, and empty ---------------------------------------------------------
DRAWN = {(0.0, float("inf")): (0.3, 3.0), (-1.0, 1.0): (-0.9, 0.9), (1.0, float("inf")): (1.2, 4.0),
         (-1.0, float("inf")): (-0.8, 3.0)}
NOT_ANALYTIC = {np.fabs, np.absolute, np.sign, np.hypot, np.arctan2, np.logaddexp, np.logaddexp2, np.fmod, np.remainder,
                np.copysign, np.heaviside, np.maximum, np.minimum, np.fmax, np.fmin, np.cbrt, np.deg2rad, np.rad2deg,
                np.radians, np.degrees, np.ldexp, np.float_power}
PAIRS = (((3, 4), (3, 4)), ((3, 1), (4,)), ((), (3,)), ((3,), ()), ((0, 3), (1, 3)), ((1,), (2, 1)))


def elementwise_cases():
    for ufunc, row in every_row().items():
        if isinstance(row, Elementwise) and getattr(np, ufunc.__name__, None) is ufunc:
            between, smooth = DRAWN.get(row.domain[0], (-2.0, 2.0)), ufunc not in NOT_ANALYTIC
            name = f"np.{ufunc.__name__}"
            if ufunc is np.ldexp:
                yield Case("np.ldexp(x, [1, -2, 0, 3])", ((3, 4),), between, smooth)
            elif ufunc.nin == 1:
                for shape in ((3, 4), (), (0, 3), (1,)):
                    yield Case(f"{name}(x)", (shape,), between, smooth)
            else:
                for shapes in PAIRS:
                    yield Case(f"{name}(x, y)", shapes, between, smooth)
                yield Case(f"{name}(x, x[::-1])", ((5,),), between, smooth)
                yield Case(f"{name}(1.5, x) + {name}(x, np.array([0.6, 1.25, 1.7]))", ((2, 3),), between, smooth)


OPERATORS = {
    (3, 4): ["x + 1", "2 - x", "-x * 3", "1 / (x + 3)", "x / 2", "x ** 3", "x ** 2", "x ** 0", "2.0 ** x",
             "(x + 3) ** -1.5", "+x - x * x / 7", "(x + 3) ** x", "x * np.arange(4) + np.ones((3, 1))",
             "np.arange(4) - x", "np.exp(x) / (1 + np.exp(x))", "np.float64(2) * x", "x + [1, 2, 3, 4]",
             "np.sin(x) * np.cos(x) - x", "(x + x) * (x - x)"],
    (): ["x * x + 1", "2 ** x - x ** 2", "np.sin(x) / (x + 3)", "np.float64(2) / (x + 5)"],
    (0,): ["x * x + 1", "1 / x"],
}


def tabled(table, smooth=True):
    return [Case(code, (shape,), smooth=smooth) for shape, codes in table.items() for code in codes]


def listed(rows, smooth=True):
    return [Case(code, tuple(shapes), smooth=smooth) for code, *shapes in rows]


CASES = [
    *tabled(INDEXING), *tabled(MOVES), *listed(JOINS), *tabled(SUMS), *listed(PRODUCTS), *listed(MATRICES),
    *tabled(OPERATORS), *tabled(KINKED, smooth=False), *listed(KINKED_PAIRS, smooth=False), *elementwise_cases()]

# ---- the rest of NumPy -----------------------------------------------------------------------------------------------
SPLITS_AND_GRIDS = {
    (4, 5): ["np.array_split(x, 3)[1]", "np.split(x, [1, 3], axis=1)[1]", "np.hsplit(x, [2])[1]", "np.vsplit(x, 2)[0]",
             "np.unstack(x, axis=1)[2]", "np.append(x, x[:1] * 2, axis=0)", "np.append(x, 3.0)",
             "np.insert(x, 1, x[0] * x[1], axis=0)", "np.insert(x, [1, 3], 7.0, axis=1)", "np.insert(x, 2, 9.0)",
             "np.delete(x, 1, axis=1)", "np.delete(x, [0, 3])", "np.delete(x, slice(1, 3), 0)",
             "np.block([[x, x * x], [x[:1], x[:1] * 3]])", "np.block([x, np.ones((4, 1))])",
             "np.broadcast_arrays(x, x[:1] * x[:1])[1]", "np.meshgrid(x[0], x[:, 1])[0]",
             "np.meshgrid(x[0], x[:, 1], indexing='ij')[1]", "np.ix_(x[0], x[:, 1])[0] * np.ix_([0, 1], x[1])[1]",
             "np.meshgrid(x[0], x[:, 1], x[1], sparse=True)[2]",
             "np.rollaxis(x, 1)", "np.rollaxis(x, 0, 2)", "np.astype(x, x.dtype)", "np.vander(x[0], 3)",
             "np.vander(x[0], increasing=True)", "np.vander(x[0], 0)",
             "np.apply_along_axis(lambda r: np.cumsum(r) * r, 0, x)", "np.apply_along_axis(np.sum, 1, x)",
             "np.apply_along_axis(lambda r: np.outer(r, r), 0, x)", "np.apply_over_axes(np.sum, x, [0, 1])",
             "np.lib.stride_tricks.sliding_window_view(x, (2, 3))",
             "np.lib.stride_tricks.sliding_window_view(x, 3, axis=1)", "np.trim_zeros(x[0] * [0, 1, 0, 1, 0])",
             "(o := np.zeros_like(x), np.copyto(o, x * x))[0]",
             "(o := np.zeros_like(x), np.copyto(o, x * x, where=np.arange(5) > 2))[0]",
             "(o := np.zeros_like(x), np.put(o, [0, 7, -1], x[0, :3]))[0]",
             "(o := np.zeros_like(x), np.put(o, [0, 7, 33], x[0, :2], mode='wrap'))[0]",
             "(o := np.zeros_like(x), np.place(o, np.eye(4, 5) > 0, x[0, :3]))[0]",
             "(o := np.zeros_like(x), np.putmask(o, np.eye(4, 5) > 0, x[0, :3]))[0]",
             "(o := x * 1, np.put_along_axis(o, np.array([[1], [0], [3], [2]]), x[:, :1] * 2, axis=1))[0]",
             "(o := x * 1, np.fill_diagonal(o, x[0, 0] ** 2))[0]", "(o := x * 1, np.fill_diagonal(o, x[0, :4]))[0]",
             "np.pad(x, ((1, 2), (0, 3)))", "np.pad(x, 3, constant_values=x[0, 0])", "np.pad(x, {1: (2, 1)}, 'edge')",
             "np.pad(x, 1, constant_values=((x[0, 0], x[0, 1]), (x[1, 0], 2.0)))", "np.pad(x, 2, 'mean')",
             "np.pad(x, ((1, 2), (0, 3)), 'reflect')", "np.pad(x, 2, 'symmetric')", "np.pad(x, (7, 3), 'wrap')",
             "np.pad(x, 2, 'mean', stat_length=2)", "np.pad(x, 6, 'reflect', reflect_type='odd')",
             "np.pad(x, (1, 3), 'symmetric', reflect_type='odd')", "np.pad(x, 2, 'linear_ramp')",
             "np.pad(x, 2, 'linear_ramp', end_values=((1, 2), (x[0, 0], 4)))"],
    (2, 3, 4): ["np.dsplit(x, [1])[1]", "np.rollaxis(x, 2)", "np.rollaxis(x, 0, -1)", "np.unstack(x)[1]",
                "np.array_split(x, 5, axis=1)[2]"],
    (5,): ["np.linspace(x[0], x[1], 4)", "np.linspace(x, x[::-1] * x, 4, axis=1)",
           "np.linspace(0, x, 4, endpoint=False)", "np.linspace(x, 1, 1)", "np.linspace(x, 1, 3, retstep=True)[1]",
           "np.logspace(x[0], x[1], 4)", "np.logspace(0, 1, 4, base=x[0] ** 2 + 1)",
           "np.logspace(x, 1, 3, base=x ** 2 + 1, axis=1)", "np.hsplit(x, [2])[0]"],
    (0,): ["np.append(x, 1.0)", "np.vander(x, 2)", "np.array_split(x, 2)[0]", "np.pad(x, 1)"],
    (0, 3): ["np.unstack(x, axis=1)[0]", "np.insert(x, 0, 2.0, axis=0)", "np.delete(x, 0, axis=1)"],
    (1,): ["np.meshgrid(x, x)[0]", "np.pad(x, 2, 'edge')", "np.block([x, x])"],
}
PRODUCTS_AND_SCANS = {
    (3, 4): ["np.prod(x)", "np.prod(x, axis=0)", "np.prod(x, axis=(0, 1), keepdims=True)", "x.prod(axis=-1)",
             "np.prod(x, where=np.eye(3, 4) == 0, initial=3.0)", "np.prod(x * [1, 0, 1, 1], axis=1)",
             "np.prod(x * [1, 0, 0, 1], axis=1)", "np.cumprod(x)", "np.cumprod(x, axis=0)", "x.cumprod(axis=1)",
             "np.cumprod(x * [1, 0, 1, 1], axis=1)", "np.cumprod(x * [0, 1, 0, 1])", "np.multiply.reduce(x, axis=1)",
             "np.multiply.accumulate(x)", "np.cumulative_prod(x, axis=1, include_initial=True)",
             "np.cumulative_sum(x, axis=0, include_initial=True)", "np.cumulative_sum(x, axis=1)",
             "np.nansum(x, axis=0)", "np.nanprod(x, axis=1)", "np.nancumsum(x)", "np.nancumprod(x, axis=1)",
             "np.nanmean(x, axis=1, keepdims=True)", "np.nansum(np.where(np.eye(3, 4) > 0, np.nan, x), axis=1)",
             "np.nanprod(np.where(np.eye(3, 4) > 0, np.nan, x), axis=1)",
             "np.nanmean(np.where(np.eye(3, 4) > 0, np.nan, x), axis=1)",
             "np.nancumprod(np.where(np.eye(3, 4) > 0, np.nan, x), axis=1)", "np.ediff1d(x)",
             "np.ediff1d(x, to_end=x[0], to_begin=3.0)", "np.trapezoid(x)", "np.trapezoid(x, axis=0, dx=x[0, 0])",
             "np.trapezoid(x, x[0] ** 2)", "np.trapezoid(x, x ** 3, axis=0)", "np.gradient(x)[1]",
             "np.gradient(x, axis=0)", "np.gradient(x, 2.0, x[0] + 9 * np.arange(4), edge_order=2)[1]",
             "np.gradient(x, 0.5, edge_order=2)[0]", "np.gradient(x, np.array([0, 1, 3]), x[0, 0] + 3)[0]",
             "np.average(x)", "np.average(x, axis=0)", "np.average(x, axis=1, weights=np.arange(1, 5.0))",
             "np.average(x, axis=1, weights=x[0] ** 2 + 1)", "np.average(x, weights=x ** 2, returned=True)[1]",
             "np.einsum(x, [0, 1], x, [2, 1], [0, 2])",
             "np.einsum(x, [0, 1])", "np.einsum(x, [0, ...], x, [1, ...])", "np.einsum('ij,j', x, [1, 2, 3, 4])",
             "np.einsum('ij,kj,kl->il', x, x, x, optimize=True)",
             "np.einsum('ij,kj,kl->il', x, x, x, optimize=['einsum_path', (1, 2), (0, 1)])"],
    (4,): ["np.prod(x)", "np.cumprod(x)", "np.cumulative_prod(x)", "np.trapezoid(x)", "np.gradient(x)"],
    (2, 3, 4): ["np.subtract.reduce(x, axis=1)", "np.divide.accumulate(x, axis=2)"],
    (1,): ["np.prod(x)", "np.cumprod(x)", "np.ediff1d(x)", "np.trapezoid(x)", "np.nanmean(x)"],
    (): ["np.prod(x)"],
    (0, 3): ["np.prod(x, axis=0)", "np.prod(x)", "np.cumprod(x, axis=1)", "np.nansum(x)", "np.trapezoid(x)"],
}
PRODUCTS_OF_TWO = [
    *((f"np.convolve(x, y, '{mode}')", (n,), (m,)) for mode in ("full", "same", "valid")
      for n, m in ((5, 3), (3, 5), (6, 4), (4, 6), (1, 3))),
    ("np.convolve(x, [1.0, 2.0, -1.0])", (5,)), ("np.convolve(x, x)", (4,)),
    ("np.convolve(x, y, 1)", (5,), (3,)), ("np.cross(x, y)", (4, 3), (3,)),
    ("np.cross(x, y, axis=0)", (3, 4), (3, 4)), ("np.cross(x, y, axisc=0)", (2, 3), (2, 3)),
    *((f"np.trapezoid(x, y, axis={axis})", x, y) for axis, x, y in (  # of more axes than the other, either way
        (-1, (2,), (2, 2)), (-1, (3,), (2, 4, 3)), (0, (3,), (3, 1)), (1, (2, 3), (2, 3, 1)), (-1, (2, 4, 3), (4, 3)))),
    ("np.kron(x, y)", (2, 3), (3,)), ("np.kron(x, y)", (2, 3), (4, 1)), ("np.kron(x, 2.0)", (2, 3)),
]
STATISTICS = {
    (4, 5): ["np.var(x)", "np.var(x, axis=0, ddof=1)", "np.std(x, axis=1, keepdims=True)", "x.std()", "x.var(axis=1)",
             "np.std(x, axis=1, where=np.arange(5) > 1)", "np.var(x, axis=1, correction=1)", "np.ptp(x)",
             "np.ptp(x, axis=0, keepdims=True)", "np.amax(x, axis=0)", "np.amin(x)", "np.cov(x)",
             "np.cov(x, rowvar=False)", "np.cov(x[0])", "np.cov(x[0], x[1])", "np.cov(x, x[:1], bias=True)",
             "np.cov(x, aweights=np.arange(1, 6.0))", "np.cov(x, fweights=np.arange(1, 6), ddof=0)",
             "np.cov(x, fweights=np.arange(1, 6), aweights=x[0] ** 2)", "np.corrcoef(x)", "np.corrcoef(x[0], x[1])",
             "np.histogram(x)[1]", "np.histogram(x, 4, density=True)[0]", "np.histogram_bin_edges(x, 'auto')",
             "np.histogram2d(x[0], x[1], [2, 3])[2]", "np.median(x)", "np.median(x, axis=1, keepdims=True)",
             "np.median(x, axis=0)", "np.quantile(x, 0.3)", "np.percentile(x, [10, 40.0, 90], axis=1, keepdims=True)",
             *(f"np.quantile(x, [0, 0.2, 0.37, 1], axis=1, method='{method}')" for method in (
                 "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen",
                 "weibull", "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest")),
             "np.quantile(x, 0.4, axis=1, method='inverted_cdf', weights=np.arange(1, 6.0))",
             *(f"np.{name}(np.where(np.eye(4, 5) > 0, np.nan, x){rest})" for name in (
                 "nanmax", "nanmin", "nanvar", "nanstd", "nanmedian") for rest in ("", ", axis=1", ", 0, keepdims=True")),
             "np.nanquantile(np.where(np.eye(4, 5) > 0, np.nan, x), 0.3, axis=1)",
             "np.nanpercentile(np.where(np.eye(4, 5) > 0, np.nan, x), [10, 60], axis=1, keepdims=True)",
             "np.pad(x, 2, 'maximum')", "np.pad(x, 2, 'minimum', stat_length=((1, 2), (3, 1)))", "np.pad(x, 1, 'median')"],
    (3, 4): ["np.bincount([0, 2, 2, 5], x[0])", "np.bincount([0, 2, 2, 1], weights=x[0] ** 2, minlength=8)",
             "np.histogram(np.arange(12).reshape(3, 4), 3, weights=x)[0]",
             "np.histogram(np.arange(4), [0, 1, 3], weights=x[0], density=True)[0]",
             "np.histogram2d(np.arange(4), [1, 3, 0, 2], [2, 3], weights=x[2])[0]",
             "np.histogramdd(np.eye(4)[:, :2], bins=(2, 3), weights=x[2])[0]"],
    (6,): ["np.median(x)", "np.var(x)", "np.quantile(x, [[0.1], [0.9]])", "np.cov(x)"],
    (1,): ["np.median(x)", "np.quantile(x, 0.3)", "np.ptp(x)"],
    (0, 3): ["np.median(x, axis=1)", "np.var(x, axis=1)"],
}
CHOICES = {
    (2, 3, 4): ["np.hypot.reduce(x, axis=(0, 2))", "np.logaddexp.reduce(x, axis=1, keepdims=True)",
                "np.logaddexp2.reduce(x, axis=None)", "np.hypot.reduce(x, where=np.eye(3, 4) == 0, initial=2.0)",
                "np.maximum.accumulate(x, axis=1)"],
    (4, 5): ["np.sort(x)", "np.sort(x, axis=None)", "np.sort(x, axis=0)", "np.partition(x, 2)",
             "np.partition(x, (1, 3), axis=0)", "np.real(np.sort_complex(x))",
             "np.select([x > 0.5, x < -0.5], [x * x, np.sin(x)])",
             "np.select([x[0] > 0.5, x < -0.5], [x * x, np.sin(x[:1])], default=x * 3)",
             "np.choose([0, 1, 2, 1], [x[:, 0], x[:, 1], 2.0])",
             "np.choose([0, 1, 5, -1], [x[:, 0], x[:, 1] * 2], mode='wrap')",
             "np.piecewise(x, [x > 0.5, x < 0], [lambda t: t * t, lambda t: np.sin(t), 3.0])",
             "np.piecewise(x, [x > 0.5], [lambda t: t * t, lambda t: -t])",
             "np.piecewise(x[0], x[0] > 0, [lambda t: t ** 3])", "np.extract(x > 0, x)", "np.compress([1, 0, 1, 1], x, 0)",
             "np.unique(x)", "np.unique(x, return_index=True)[0]", "np.unique(x, axis=0)", "np.unique_all(x).values",
             "np.unique_counts(x).values", "np.unique_inverse(x).values", "np.unique_values(x)",
             "np.union1d(x[0], x[1])", "np.intersect1d(x[:2], x[1:])", "np.setdiff1d(x, x[1])",
             "np.setxor1d(x[:2], x[1:])", "np.nan_to_num(x)", "np.real_if_close(x)", "np.angle(x + 1j * x ** 2)",
             "np.nan_to_num(np.where(np.eye(4, 5) > 0, np.nan, x), nan=x[0, 0])", "np.angle(x + 2j, deg=True)",
             *(f"np.real(np.emath.{f}(x) * 1j)" for f in ("sqrt", "log", "log2", "log10", "arccos", "arcsin", "arctanh")),
             "np.imag(np.emath.logn(3.0, x))", "np.real(np.emath.power(x, 1.5))",
             "np.unwrap(x * 9)", "np.unwrap(x * 9, axis=0, period=3)", "np.frexp(x)[0]",
             "np.interp(x, [-1, 0, 0.5], [2, 3, 1])",
             "np.interp([0.3, 1.2, 2.5, -1], np.cumsum(x[0] ** 2), x[1])",
             "np.interp(x[0], np.cumsum(x[1] ** 2), x[2], left=x[3, 0], right=9)",
             "np.interp(x, np.arange(5.0), x[0], period=3.5)",
             "np.interp(x[0] * 5, [0, 0.7, 2.1], x[1, :3], period=3)", "np.interp(x[0], [0.1], x[1, :1])",
             "np.sinc(x)", "np.sinc(0.1 * x)", "np.i0(x * 4)", "np.i0(x * 20)", "np.geomspace(x[0] ** 2 + 1, 8, 4)",
             "np.geomspace(-1 - x[0] ** 2, -8, 4, endpoint=False)"],
    (1,): ["np.sort(x)", "np.unique(x)", "np.sinc(x)"],
    (0, 3): ["np.sort(x)", "np.sort(x, axis=0)", "np.unique(x)", "np.nan_to_num(x)"],
}
PAIRS_OF_SAMPLES = [(f"np.correlate(x, y, '{mode}')", (n,), (m,)) for mode in ("full", "same", "valid")
                    for n, m in ((5, 3), (3, 5), (6, 4), (4, 6))]
POLYNOMIALS_OF_TWO = [
    ("np.polynomial.polynomial.polyval2d(x, y, z)", (4,), (4,), (3, 2)),
    ("np.polynomial.polynomial.polyval2d(x, y, [[1, 2, 3], [4, 5, 6]])", (2, 3), (2, 3)),
    ("np.polynomial.polynomial.polygrid2d(x, y, z)", (4,), (2, 1), (3, 2)),
    ("np.polynomial.polynomial.polygrid2d(x, y, [[1, 2, 3], [4, 5, 6]])", (), (3,)),
]
if hasattr(np.polynomial.polynomial, "polyvalnd"):  # NumPy 2.5
    POLYNOMIALS_OF_TWO += [
        ("np.polynomial.polynomial.polyvalnd((x, y), z)", (4,), (4,), (3, 2, 2)),
        ("np.polynomial.polynomial.polyvalnd((x, 0.5, x * x), np.ones((3, 2, 2)) * y)", (), ()),
        ("np.polynomial.polynomial.polyvalnd([x], y)", (2, 3), (4,))]
REST_OF_NUMPY = [
    *tabled(SPLITS_AND_GRIDS), *tabled(PRODUCTS_AND_SCANS), *listed(PRODUCTS_OF_TWO), *listed(POLYNOMIALS_OF_TWO),
    *tabled(STATISTICS, smooth=False), *tabled(CHOICES, smooth=False), *listed(PAIRS_OF_SAMPLES, smooth=False)]
CASES += REST_OF_NUMPY


# ---- linear algebra, Fourier transforms, polynomials -----------------------------------------------------------------
SPD = "x @ np.swapaxes(x, -1, -2) + 2 * np.eye(3)"
ANALYTIC_ALGEBRA = {
    (3, 3): ["np.linalg.matrix_power(x, 0) + x", "np.linalg.matrix_power(x, 1)", "np.linalg.matrix_power(x, 3)",
             "np.linalg.matrix_power(x, 5)", "np.linalg.matrix_power(x + 4 * np.eye(3), -2)", "np.linalg.trace(x)",
             "np.linalg.multi_dot([x[0], x, x.T, x[:, :2]])", "np.poly(x[0])",
             "np.poly(np.triu(x, 1) + x[0, 0] * np.eye(3))", "np.polyval(x[0], x[1:])",
             "np.polyder(x[0])", "np.polyint(x[0], 2, k=x[1])", "np.polymul(x[0], x[1])", "np.polyadd(x[0], x[1, :2])",
             "np.polysub(x[0, :2], x[1])", "np.polydiv(x[0], x[1, :2] + 3)[0]", "np.polydiv(x[0], x[1, :2] + 3)[1]"],
    (2, 3, 4): ["np.linalg.diagonal(x, offset=1)", "np.linalg.trace(x, offset=-1)", "np.linalg.matrix_transpose(x)",
                "np.fft.fftshift(x)", "np.fft.fftshift(x, axes=(0, 2))", "np.fft.ifftshift(x)",
                "np.fft.ifftshift(x, axes=1)"],
    (2, 3, 6): ["np.linalg.tensorinv(x)", "np.linalg.tensorsolve(x, [[1, 2, 3], [4, 5, 7]])"],
    (2, 6, 3): ["np.linalg.tensorsolve(x, np.ones((2, 3)), axes=(1,))"],
    (6, 2, 3): ["np.linalg.tensorinv(x, ind=1)"],
    (2, 3, 3): ["np.linalg.matrix_power(x, 2)"],
    (0,): ["np.polyval(x, 2.0)"],
}
ALGEBRA_OF_TWO = [
    ("np.linalg.outer(x, y)", (2,), (3,)), ("np.linalg.matmul(x, y)", (2, 3), (3, 4)), ("np.linalg.cross(x, y)", (2, 3), (3,)),
    ("np.linalg.tensordot(x, y, axes=1)", (2, 3), (3, 4)), ("np.linalg.multi_dot([x, np.ones((3, 5)), y])", (4, 3), (5, 2)),
    ("np.linalg.tensorsolve(x, y)", (2, 3, 6), (2, 3)), ("np.polyval(x, y)", (4,), (2, 3)), ("np.polymul(x, y)", (3,), (4,))]
MATRIX_FUNCTIONS = {
    (3, 3): [f"np.linalg.slogdet({SPD})[1]", f"np.linalg.cholesky({SPD})", f"np.linalg.cholesky({SPD}, upper=True)",
             "np.linalg.eigvalsh(x)", "np.linalg.eigvalsh(x, UPLO='U')", "np.linalg.eigh(x + x.T)[0]",
             "np.abs(np.linalg.eigh(x)[1])", "np.linalg.norm(x, 2)", "np.linalg.norm(x, -2)", "np.linalg.norm(x, 'nuc')",
             "np.linalg.cond(x)", "np.linalg.cond(x, 1)", "np.linalg.cond(x, -2)", "np.linalg.cond(x, 'fro')",
             "np.real(np.linalg.eigvals(x))", "np.imag(np.linalg.eigvals(x))", "np.real(np.linalg.eig(x)[1])",
             "np.imag(np.linalg.eig(x)[1])", "np.linalg.svdvals(x)", "np.linalg.pinv(x)", "np.linalg.qr(x)[0]",
             "np.linalg.svd(x + x.T, hermitian=True, compute_uv=False)", "np.linalg.qr(x)[1]",
             "np.real(np.roots(x[0]))", "np.imag(np.roots(x.ravel()[:5]))"],
    (4, 3): ["np.linalg.svd(x, compute_uv=False)", "np.abs(np.linalg.svd(x)[0][:, :3])", "np.abs(np.linalg.svd(x, False)[0])",
             "np.abs(np.linalg.svd(x)[2])", "np.linalg.qr(x)[0]", "np.linalg.qr(x, 'r')", "np.linalg.pinv(x)",
             "np.linalg.cond(x)", "np.linalg.matrix_norm(x)", "np.linalg.matrix_norm(x, ord=2, keepdims=True)",
             "np.linalg.vector_norm(x)", "np.linalg.vector_norm(x, axis=1, ord=3)", "np.linalg.pinv(x[:, :1] @ x[:1])",
             "np.linalg.lstsq(x, np.arange(4.0))[0]", "np.linalg.lstsq(x, np.arange(8.0).reshape(4, 2))[1]",
             "np.linalg.lstsq(x, np.arange(4.0))[3]"],
    (3, 4): ["np.abs(np.linalg.svd(x)[0])", "np.abs(np.linalg.svd(x)[2][:3])", "np.abs(np.linalg.svd(x, False)[2])",
             "np.linalg.qr(x)[0]", "np.linalg.qr(x)[1]", "np.linalg.qr(x, 'complete')[1]", "np.linalg.pinv(x)",
             "np.linalg.lstsq(x, np.arange(3.0))[0]"],
    (2, 3, 3): [f"np.linalg.slogdet({SPD})[1]", f"np.linalg.cholesky({SPD})", "np.linalg.eigvalsh(x)",
                "np.abs(np.linalg.eigh(x)[1])", "np.real(np.linalg.eigvals(x))"],
    (2, 3, 4): ["np.linalg.svd(x, compute_uv=False)", "np.abs(np.linalg.svd(x, False)[2])", "np.linalg.pinv(x)",
                "np.linalg.qr(x)[1]", "np.linalg.norm(x, 2, axis=(0, 2))",
                "np.linalg.norm(x, 'nuc', axis=(2, 1), keepdims=True)",
                "np.linalg.norm(x, -2, axis=(-2, -1))", "np.linalg.vector_norm(x, axis=(0, 2), keepdims=True)",
                "np.linalg.matrix_norm(x, ord='nuc')"],
    (1, 1): ["np.linalg.eigvalsh(x)", "np.linalg.svd(x, compute_uv=False)", "np.real(np.linalg.eigvals(x))"],
    (0, 0): ["np.linalg.eigvalsh(x)", "np.linalg.svd(x, compute_uv=False)", "np.linalg.slogdet(x)[1]"],
}
TRANSFORMS = {
    (2, 5, 6): [f"np.{part}(np.fft.{call})" for part in ("real", "imag") for call in (
        "fft(x)", "fft(x, 4, axis=1)", "fft(x, 9, axis=0, norm='ortho')", "ifft(x, norm='forward')", "rfft(x)",
        "rfft(x, 7)", "rfft(x, 3, 1, 'forward')", "ihfft(x, 5)", "fft2(x, axes=(0, 2))", "ifft2(x, norm='ortho')",
        "fftn(x, s=(3, 8), axes=(0, 1))", "ifftn(x)", "rfft2(x)", "rfftn(x, axes=(1, 0))")] + [
        f"np.fft.{call}" for call in (
            "irfft(x + 1j * x ** 2)", "irfft(x + 1j * x, 5)", "irfft(x * (1 + 2j), 15, 1, 'ortho')", "irfft(x)",
            "hfft(x + 1j * x, 7)", "hfft(x, axis=1, norm='forward')", "irfft2(x * (1 - 1j))",
            "irfftn(x, s=(4, 7), axes=(1, 2))")],
}
FITS = [("np.polyfit(x, y, 2)", (6,), (6,)), ("np.polyfit(x, y, 1, w=[1, 2, 3, 1, 2, 3])", (6,), (6, 2)),
        ("np.polyfit(x, y, 1, cov=True)[1]", (6,), (6,)), ("np.polyfit(x, y, 1, full=True)[1]", (6,), (6,)),
        ("np.linalg.lstsq(x, y)[0]", (4, 3), (4, 2)), ("np.linalg.lstsq(x, y)[1]", (4, 3), (4,)),
        ("np.linalg.vecdot(x, y)", (2, 3), (3,)), ("np.linalg.vecdot(x, y, axis=0)", (2, 3), (2, 1))]
ALGEBRA = [*tabled(ANALYTIC_ALGEBRA), *listed(ALGEBRA_OF_TWO), *tabled(MATRIX_FUNCTIONS, smooth=False),
           *tabled(TRANSFORMS, smooth=False), *listed(FITS, smooth=False)]
CASES += ALGEBRA
# What an older NumPy does not have, or does not take.
LATER = {(2, 1): ("np.unstack", "np.cumulative_"), (2, 2): ("np.matvec", "np.vecmat", "np.pad(x, {")}
NUMPY = tuple(map(int, np.__version__.split(".")[:2]))
CASES[:] = [case for case in CASES if not any(since > NUMPY and name in case.code for since, names in LATER.items()
                                              for name in names)]
