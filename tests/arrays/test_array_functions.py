"""NumPy's functions of arrays on arrays of duals, each against differences of NumPy's own."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.arrays.beside_jax import IS_INSTALLED, pushed_forward

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
STEP = 5e-3  # for second derivatives
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


def groups_of_first_order():
    for k, group in enumerate([*groups(1, QUICK), *groups(1, MORE)]):
        is_fast = k < len(list(groups(1, QUICK))) and k % 2 == 0
        yield pytest.param(*group, marks=() if is_fast else pytest.mark.thorough)


@pytest.mark.parametrize(("shape", "expressions"), list(groups_of_first_order()))
def test_first_order(shape, expressions):
    """Compiled along every element of x, and in plain Python."""
    x, *constants = arguments(shape)
    f = function(expressions)
    compiled = njit(f)

    def along(direction):
        return numgrad.jvp(compiled, (x, *constants), (direction, *(None,) * len(constants)))

    values, columns = f(x, *constants), [along(each) for each in np.eye(x.size).reshape(-1, *shape)]
    slopes = differences(lambda x: f(x, *constants), x, 1e-3)
    plain = numgrad.jacobian(f, jit=False)(x, *constants)
    for k, line in enumerate(expressions):
        assert_allclose(columns[0][0][k], values[k], rtol=1e-13, atol=1e-14, err_msg=line)
        jacobian = np.stack([tangents[k] for _, tangents in columns], axis=-1)
        jacobian = jacobian.reshape(slopes[k].shape)
        assert_allclose(jacobian, slopes[k], rtol=1e-8, atol=1e-9, err_msg=line)
        assert_allclose(plain[k], jacobian, rtol=1e-10, atol=1e-11, err_msg=line)
        compare_with_jax(np.tensordot(jacobian, x + 1.0, x.ndim), line, shape, x + 1.0)


SECOND = ["x.std()"]


def groups_of_second_order():
    """Return one; each third expression is thorough, plain Python runs the same bodies too."""
    yield (6,), SECOND
    for group in groups(3):
        yield pytest.param(*group, marks=pytest.mark.thorough)


@pytest.mark.parametrize(("shape", "expressions"), list(groups_of_second_order()))
def test_second_order(shape, expressions):
    """The second derivative along two directions of squares, since most functions are linear."""
    x, *constants = arguments(shape)
    f = function([f"({each}) ** 2" for each in expressions])
    compiled = njit(f)

    @njit
    def slopes(x, t, A, B, v, w, i, m):  # noqa: N803
        tangents = (t, None, None, None, None, None, None)
        return numgrad.jvp(compiled, (x, A, B, v, w, i, m), tangents)[1]

    one, other = np.random.default_rng(3).uniform(-1.0, 1.0, (2, *shape))
    primals, tangents = (x, one, *constants), (other, *(None,) * 7)
    _, results = numgrad.jvp(slopes, primals, tangents)

    def along(s):
        return f(x + s[0] * one + s[1] * other, *constants)

    def slope(s):
        return [each[..., 0] for each in differences(along, s, STEP)]

    for k, expected in enumerate(differences(slope, np.zeros(2), STEP)):
        assert_allclose(results[k], expected[..., 1], rtol=1e-6, atol=1e-7, err_msg=expressions[k])
        compare_with_jax(results[k], f"({expressions[k]}) ** 2", shape, one, other)


# JAX has no derivative of these, and says 0.
WITHOUT_JAX = ("np.arange(x[0], x[0] + 2.2, 0.5)", "np.unique(x)")


def compare_with_jax(actual, expression, shape, *directions):
    if any(each in expression for each in WITHOUT_JAX):
        return
    x, *constants = arguments(shape)
    expected = pushed_forward(expression, PARAMETERS.split(", "), x, constants, *directions)
    if expected is not None:
        assert_allclose(actual, expected, rtol=1e-11, atol=1e-12, err_msg=f"JAX: {expression}")


@pytest.mark.skipif(not IS_INSTALLED, reason="JAX isn't installed, beside which these are tested")
def test_jax_knows_most_of_the_table():
    """A comparison that compared nothing would not be noticed."""
    compared = 0
    for shape, table in TABLES.items():
        for line in table.strip().splitlines():
            x, *constants = arguments(shape)
            found = pushed_forward(line, PARAMETERS.split(", "), x, constants, x)
            compared += found is not None
    assert compared > 90


def test_what_has_no_derivative():
    @njit
    def f(x):
        return (
            np.argmin(x),
            x.argmax(),
            np.any(x > 1.0),
            np.all(x),
            np.argsort(x),
            np.searchsorted(np.sort(x), x),
            np.count_nonzero(x),
        )

    x = arguments((6,))[0]
    values, tangents = numgrad.jvp(f, (x,), (x,))
    assert tangents == (None,) * 7
    for value, expected in zip(values, f(x), strict=True):
        assert_array_equal(value, expected)


def test_nan_as_in_numpy():
    @njit
    def f(x):
        return (
            np.min(x),
            x.max(),
            np.ptp(x),
            np.sort(x),
            np.argmin(x),
            np.argsort(x)[-1],
            np.nanmax(x),
            np.nansum(x),
            np.median(x),
        )

    x = np.array([2.0, np.nan, 1.0, 3.0])
    values, tangents = numgrad.jvp(f, (x,), (np.arange(4.0),))
    for value, expected in zip(values, f.py_func(x), strict=True):
        assert_array_equal(value, expected)
    assert_array_equal(tangents[3], [2.0, 0.0, 3.0, 1.0])


def test_first_of_equal_extrema():
    @njit
    def f(x):
        return x.min(), np.max(x)

    lowest, highest = numgrad.jacobian(f)(np.array([1.0, 2.0, 1.0, 2.0]))
    assert_array_equal(lowest, [1.0, 0.0, 0.0, 0.0])
    assert_array_equal(highest, [0.0, 1.0, 0.0, 0.0])


def test_norms_at_the_origin_and_far_from_it():
    @njit
    def f(x):
        return np.linalg.norm(x)

    assert_array_equal(numgrad.grad(f)(np.zeros(3)), np.zeros(3))
    for scale in (1e-200, 1e200):
        assert_allclose(numgrad.grad(f)(scale * np.array([3.0, 4.0])), [0.6, 0.8], rtol=1e-14)


def test_single_precision_stays():
    @njit
    def f(x):
        return np.sum(x), np.mean(x), np.dot(x, x), np.linalg.norm(x), np.cumsum(x), x.var()

    for result in numgrad.jacobian(f)(np.ones(3, np.float32)):
        assert result.dtype == np.float32


def test_errors_of_numpy():
    @njit
    def product(x):
        return np.dot(x, x[1:])

    @njit
    def lowest(x):
        return np.min(x[:0])

    for f in (product, lowest):
        with pytest.raises(ValueError, match=r"incompatible array sizes|zero-size array"):
            numgrad.grad(f)(np.ones(3))


@pytest.mark.parametrize("layout", ["C", pytest.param("F", marks=pytest.mark.thorough)])
def test_large_products(layout):
    """BLAS multiplies floats by the plain numbers that duals are in memory."""

    @njit
    def f(a, x):
        return a @ x, np.dot(a, np.outer(x, x)).sum()

    rng = np.random.default_rng(5)
    a, x = np.asarray(rng.normal(size=(80, 70)), order=layout), rng.normal(size=70)
    vector, number = numgrad.jacobian(f, argnums=1)(a, x)
    assert_allclose(vector, a, rtol=1e-13)
    assert_allclose(number, a.sum(0) * x.sum() + a.sum(0) @ x, rtol=1e-11, atol=1e-11)


def test_new_arrays_that_take_derivatives():
    @njit
    def f(x, v):
        arrays = (
            np.arange(3.0),
            np.arange(1.0, 4.0),
            np.arange(3.0, 0.0, -1.0),
            np.linspace(0, 1, 3),
            np.copy(v),
        )
        for array in arrays:
            array[1] = x[0]
        unit, square = np.eye(2, 3, k=1), np.identity(2)
        unit[1, 0] = square[0, 1] = x[1]
        return (*arrays, unit, square)

    x, v = np.array([2.0, 3.0]), np.ones(3)
    values, tangents = numgrad.jvp(f, (x, v), (np.array([5.0, 7.0]), None))
    for value, expected in zip(values, f(x, v), strict=True):
        assert_array_equal(value, expected)
    for tangent in tangents[:5]:
        assert_array_equal(tangent, [0.0, 5.0, 0.0])
    assert_array_equal(tangents[5], [[0.0, 0.0, 0.0], [7.0, 0.0, 0.0]])
    assert_array_equal(tangents[6], [[0.0, 7.0], [0.0, 0.0]])


@njit
def in_single(x):
    return x.sum(dtype=np.float32), np.cumsum(x, dtype=np.float32), np.sum(x, 0, np.float32)


def test_sums_in_another_type():
    """Each number becomes one of the type before it is added, as in the function itself."""
    x = np.linspace(0.1, 1.7, 7)
    values = numgrad.jvp(in_single, (x,), (x,))
    for value, tangent, expected in zip(*values, in_single(x), strict=True):
        assert_array_equal(value, expected)
        assert_array_equal(tangent, expected)  # sums are linear

    whole = njit(lambda x: x.sum(dtype=np.int64) * x[0])
    assert_allclose(numgrad.grad(whole)(np.array([1.7, 2.9])), [3.0, 0.0])


@pytest.mark.thorough
def test_partitions_among_equal_numbers():
    """The order that is left among equal numbers is Numba's own."""
    x = np.array([1.0, 0.0, 1.0, 3.0, 1.0, 0.0, 2.0, 1.0, -1.0])
    places, tangent = njit(lambda x: np.argpartition(x, 4))(x), np.arange(9.0)
    both = njit(lambda x: (np.partition(x, 4), x[np.argpartition(x, 4)]))
    for values, tangents in zip(*numgrad.jvp(both, (x,), (tangent,)), strict=True):
        assert_array_equal(values, x[places])
        assert_array_equal(tangents, tangent[places])


def test_broadcast_arrays_are_views():
    """What is written to an array is seen in all that was broadcast from it before."""

    @njit
    def seen(x):
        a, b = np.zeros((2, 3)), np.ones(3)
        wide, constant = np.broadcast_arrays(a[0], b)
        a[0] = x * x
        b[1] = 5.0
        return wide * constant

    @njit
    def mixed(x):
        b = np.ones(3)
        wide, constant = np.broadcast_arrays(x, b)
        b[1] = 5.0
        return wide * constant

    x = np.array([0.3, 0.7, 1.1])
    assert_allclose(numgrad.jacobian(seen)(x), np.diag(2 * x * [1.0, 5.0, 1.0]))
    assert_allclose(numgrad.jacobian(mixed)(x), np.diag([1.0, 5.0, 1.0]))
