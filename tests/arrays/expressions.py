"""Expressions with NumPy's functions of arrays, and what they are tested with."""

import numpy as np
from numba import njit

# One line an expression, by the shape of x. Beside x there are constants: v as long as a row of x,
# w as long as the rows of A, A and B to multiply a row with from either side, i and m to index it.

VECTOR = """
np.sum(x)
np.mean(x)
np.prod(x)
np.var(x)
np.min(x)
np.ptp(x)
np.cumsum(x)
np.cumprod(x)
x[np.argmin(x)] * x[x.argmax()]
x * np.any(x > 1.0) + x * np.all(x > 1.0) + x * np.any(x)
np.nansum(x)
np.nanmin(x)
np.median(x)
np.percentile(x, v[:2] * 30.0)
np.dot(x, x)
np.dot(A, x, out=np.empty(3))
v @ x
A @ x
x @ B
np.vdot(x, v)
np.kron(x.reshape(2, 3), x.reshape(3, 2))
np.cross(x[3:], x[:3])
np.linalg.norm(x)
np.linalg.norm(x, 1)
np.linalg.norm(x, np.inf)
np.linalg.norm(x, 3)
np.vander(x, 3)
np.where(m, x, v)
np.select([x < 0.3, x > 1.6], [x * x, np.sin(x)], 0.0)
np.clip(x, 0.6, 1.5)
np.clip(x, v, None)
np.concatenate((v, x, x[:2]))
np.vstack((x, v))
np.append(v, x[0])
np.insert(v, 1, x[0])
np.insert(x, np.array([1, 3]), v[:2])
np.insert(v, np.array([2, 0]), x[0])
np.repeat(x, i)
x.reshape(2, 3).flatten()
np.flip(x)
np.roll(x, -8)
np.sort(x)
sorted_in_place(x.copy())
np.digitize(x, np.sort(v)) * x
np.unique(x)
np.extract(m, x)
np.interp(x, np.sort(v), v)
np.interp(v, np.cumsum(x * x), x)
np.diff(x, 2)
np.ediff1d(x, v[0], x[0])
np.convolve(x, v)
np.correlate(x[:2], v, mode="full")
np.diag(x)
np.broadcast_to(x[0], (2, 3))
x[m]
x[i]
x[:, None] * x[None, :]
x.reshape(2, 3)[:, i[4:]]
np.take(x, i)
np.add(x, v, 0.0 * x)
np.linspace(x[0], x[1], 5)
np.arange(x[0], x[0] + 2.2, 0.5)
np.array([[x[0], 1.0], [x[1], x[2]]])
np.sum(x[0]) * np.mean(x[2]) + np.prod(x[1]) * np.max(x[3]) - np.min(x[4]) + np.std(x[5])
np.sum(x, dtype=np.complex128)
np.repeat(x[1], 3) * x[:3]
"""

MATRIX = """
x.sum(1)
np.sum(x[:, ::2])
x.max()
np.cumsum(x, axis=1)
x[:, np.argmax(x, axis=1)[0]]
x[:, np.argmin(x) % 4]
x @ x.T
A @ x.T
x @ A.T
w @ x
np.cross(w, x[:, 1:])
np.trace(x, 1)
np.linalg.norm(x)
np.concatenate((x, A), axis=0)
np.stack((x, x * x), axis=2)
x.T.flatten()
np.diag(x)
x[1:, ::2]
x[np.array([2, 0])]
np.hypot(x, v, x.copy())
"""

CUBE = """
np.cumsum(x)
np.transpose(x, (2, 0, 1))
np.ravel(x)
"""

# The same functions by the same code, or tested by themselves below: the thorough tests compile
# them.

MORE_VECTOR = """
np.outer(x, v)
x[x.argsort()]
np.convolve(v[:3], x, mode="same")
np.searchsorted(np.sort(x), v + 1e-2) * x
np.where(x > 1.0, x * x, 0.0)
np.transpose(x.reshape(2, 3))
np.diag(x, 1)
np.reshape(x, (3, 2))
np.sum(x, axis=0)
x.std()
x.max()
x.cumsum(axis=0)
x.cumprod()
np.dot(v, x)
np.dot(A, x)
np.dot(x, B)
np.cross(v[:3], x[3:])
np.ravel(x.reshape(2, 3))
x.reshape(2, 3).T
np.searchsorted(np.sort(v), x) * x
np.interp(v, np.arange(6.0), x)
np.diff(x)
np.ediff1d(x, to_end=v)
np.eye(6) * x
x[x > 1.0]
np.cumsum(x, dtype=np.complex128)
np.partition(x, 2)[2] * x
x[np.argpartition(x, 4)[4]] * x
np.broadcast_arrays(x, v)[0] * np.broadcast_arrays(x[0], x, x[1:2])[2]
"""

MORE_MATRIX = """
np.partition(x, 2)[:, 2]
x[:, np.array([2, 0])]
x - np.mean(x)
np.sum(x, axis=0)
np.sum(x, axis=-1)
np.mean(x)
np.cumsum(x)
np.cumprod(x)
np.dot(x, v)
np.dot(x, x.T)
np.cross(x[:, :3], x[::-1, 1:])
np.trace(x)
np.linalg.norm(x, -np.inf)
np.where(x > 0.5, x, v)
x.reshape(-1)
x[np.array([True, False, True])]
x / np.sum(x * x, axis=0)
np.sum(x, axis=1, dtype=np.complex128)
"""

MORE_CUBE = """
np.sum(x)
x.max()
x[:, 1, :]
"""

QUICK = {(6,): VECTOR, (3, 4): MATRIX, (2, 3, 2): CUBE}
MORE = {(6,): MORE_VECTOR, (3, 4): MORE_MATRIX, (2, 3, 2): MORE_CUBE}
TABLES = {shape: QUICK[shape] + MORE[shape].lstrip() for shape in QUICK}
TOGETHER = 10  # expressions to compile as one function
PARAMETERS = "x, A, B, v, w, i, m"


@njit
def sorted_in_place(x):
    x.sort()
    return x


def groups(step, tables=TABLES):
    """Return the shape of x and some expressions, for all expressions or each step-th of them."""
    for shape, table in tables.items():
        lines = table.strip().splitlines()[::step]
        for start in range(0, len(lines), TOGETHER):
            yield shape, lines[start : start + TOGETHER]


def arguments(shape):
    """Return the arguments: no two numbers of x, or of x and v, are close to each other."""
    rng = np.random.default_rng(7)
    size = int(np.prod(shape))
    x = rng.permutation(np.linspace(-0.45, 1.93, size)).reshape(shape)
    row = shape[-1]
    v = rng.permutation(np.linspace(0.17, 1.7, row))
    a, b, w = rng.normal(size=(3, row)), rng.normal(size=(row, 2)), rng.normal(size=3)
    i = np.array([3, 0, 2, 1, 1, 0])[:row] % row
    m = np.array([True, False, True, True, False, True])[:row]
    return x, a, b, v, w, i, m


def function(expressions):
    """Return the function of all arguments that returns the values of expressions."""
    namespace = {"np": np, "sorted_in_place": sorted_in_place}
    source = f"def f({PARAMETERS}):\n    return (\n"
    source += "".join(f"        {each},\n" for each in expressions) + "    )\n"
    exec(source, namespace)
    return namespace["f"]


def differences(f, x, step):
    """Return the derivatives of each array that f returns: central differences, extrapolated."""

    def central(h):
        columns = []
        for direction in np.eye(x.size).reshape(x.size, *x.shape):
            pair = zip(f(x + h * direction), f(x - h * direction), strict=True)
            columns.append([(np.asarray(up) - np.asarray(down)) / (2 * h) for up, down in pair])
        for column in zip(*columns, strict=True):
            yield np.stack(column, axis=-1).reshape(*column[0].shape, *x.shape)

    pairs = zip(central(step / 2), central(step), strict=True)
    return [(4 * fine - coarse) / 3 for fine, coarse in pairs]
