"""Functions as users write them: callees, allocations, options, classes of expressions."""

import math
import warnings
from collections import namedtuple

import numba
import numpy as np
import pytest
from numba import float64, njit, types
from numba.core.errors import NumbaExperimentalFeatureWarning
from numba.extending import overload
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.twin.twin import twin_of


@njit
def helper(a, b):
    return a * np.sin(b)


@njit
def allocate_and_call(x, matrix):
    n = len(x)
    active, inactive = np.zeros(n), np.zeros(n)
    for i in range(n):
        inactive[i] = i
        total = 0
        for j in range(n):
            total += matrix[i, j] * x[j]
        active[i] = total * inactive[i]
    result = 0.0
    for number in active:
        result += helper(number, number)
    return result


def test_callees_and_allocations():
    x, matrix = np.array([0.1, 0.2, 0.3, 0.4]), np.arange(16.0).reshape(4, 4)
    numgrad.check_grad(lambda x: allocate_and_call(x, matrix), x)
    rows = np.arange(4)[:, None] * matrix
    active = rows @ x
    expected = (np.sin(active) + active * np.cos(active)) @ rows
    assert_allclose(numgrad.grad(allocate_and_call)(x, matrix), expected, rtol=1e-13)


@njit
def sizes(x):
    inactive, active = np.zeros(3), np.zeros(3)
    for i in range(3):  # an index that both have shares no memory with them
        inactive[i] += 1.0
        active[i] += x * inactive[i]
    return x * inactive.itemsize, x * active.itemsize


def test_inactive_allocations_stay_floats():
    plain, dual = numgrad.derivative(sizes)(2.0)
    assert plain == 8
    assert dual > 8


# Each makes an array y, whose second number is then a known function of x.
MAKERS = {
    "np.zeros(2)": lambda x: (0.0, 0.0),
    "np.zeros(2, dtype=np.float64)": lambda x: (0.0, 0.0),
    "np.ones(2)": lambda x: (1.0, 0.0),
    "np.ones((1, 2))[0]": lambda x: (1.0, 0.0),
    "np.full(2, 3.0)": lambda x: (3.0, 0.0),
    "np.full(2, x)": lambda x: (x, 1.0),
    "np.zeros_like(np.ones(2))": lambda x: (0.0, 0.0),
    "np.ones_like(np.zeros(2))": lambda x: (1.0, 0.0),
    "np.full_like(np.ones(2), x)": lambda x: (x, 1.0),
    "np.array([1.0, 2.0])": lambda x: (2.0, 0.0),
    "np.array([1.0, 2.0 * x])": lambda x: (2.0 * x, 2.0),
    "np.array((1.0, 2.0 * x))": lambda x: (2.0 * x, 2.0),
    "np.array([[1.0, 2.0 * x]])[0]": lambda x: (2.0 * x, 2.0),
    "np.array(np.ones(2))": lambda x: (1.0, 0.0),
    "np.asarray([x, 2.0 * x])": lambda x: (2.0 * x, 2.0),
    "np.array([x, x * x]).astype(np.float64)": lambda x: (x * x, 2.0 * x),
    "[1.0, 3.0 * x]": lambda x: (3.0 * x, 3.0),
    "np.array([x, x * x]).copy()": lambda x: (x * x, 2.0 * x),
}


def test_allocations():
    lines = [f"    y{k} = {source}; y{k}[0] = x * x" for k, source in enumerate(MAKERS)]
    results = "".join(f"y{k}[0] * y{k}[0] + y{k}[1], " for k in range(len(MAKERS)))
    exec("\n".join(["def f(x):", *lines, f"    return {results}"]), namespace := {"np": np})
    derivatives = numgrad.derivative(namespace["f"])(1.5)
    for (source, known), found in zip(MAKERS.items(), derivatives, strict=True):
        assert found == pytest.approx(13.5 + known(1.5)[1], rel=1e-14), source


def test_views_share_their_tangents():
    @njit
    def f(x):
        field = np.zeros((3, 3))
        row = field[1]
        row[2] = x * x
        column = field[:, 2]
        transposed = field.T
        return column[1] + transposed[2, 1] + field.ravel()[5] + field.reshape(9)[5]

    assert numgrad.derivative(f)(3.0) == 24.0


def test_views_of_the_argument():
    @njit
    def f(x):
        head, reversed_x = x[:2], x[::-1]
        return head[0] * reversed_x[0] + x[1:][0] ** 2

    assert_array_equal(numgrad.grad(f)(np.array([2.0, 3.0, 5.0])), [5.0, 6.0, 2.0])


def test_callee_that_writes_to_its_argument():
    @njit
    def store(y, x):
        y[0] = x * x

    @njit
    def f(x):
        y = np.zeros(2)
        store(y, x)
        return y[0] + y[1]

    assert numgrad.derivative(f)(3.0) == 6.0


def test_callee_named_through_a_module():
    import tests.twin.functions as module

    @njit
    def f(x):
        return 2.0 * module.wave(x)

    assert numgrad.derivative(f)(0.5) == pytest.approx(2.0 * module.wave_slope(0.5), rel=1e-14)


def test_closure_and_factory():
    def make(power):
        @njit
        def f(x):
            def inner(y):
                return y**power

            return inner(x) + inner(2.0 * x)

        return f

    assert numgrad.derivative(make(3))(2.0) == 12.0 * 9.0


def test_recursion():
    @njit
    def power(x, n):
        if n == 0:
            return 1.0 * x / x
        return x * power(x, n - 1)

    assert numgrad.derivative(power)(2.0, 5) == pytest.approx(80.0, rel=1e-15)


def test_locked_signature():
    @njit(float64(float64))
    def locked(x):
        return x * x * x

    @njit
    def f(x):
        return locked(x) + locked(2.0)

    assert numgrad.derivative(locked)(2.0) == 12.0
    assert numgrad.derivative(f)(2.0) == 12.0


def test_options_are_kept():
    fast = njit(fastmath=True, error_model="numpy")(lambda x: 1.0 / x)
    assert twin_of(fast).targetoptions["fastmath"] is True
    assert numgrad.derivative(fast)(0.0) == -math.inf
    with pytest.raises(ZeroDivisionError):
        njit(lambda x: 1.0 / x)(0.0)


def test_vectorized_function():
    @numba.vectorize
    def cube(x):
        return x * x * x

    assert numgrad.derivative(cube)(2.0) == 12.0


def test_inactive_callee_is_called_as_it_is():
    @njit
    def heavy(n):
        return n * 1.0

    @njit
    def f(x, n):
        return x * heavy(n)

    numgrad.derivative(f)(2.0, 3)
    assert not twin_of(heavy).overloads
    assert len(heavy.overloads) == 1


def test_conversions_keep_the_derivative():
    @njit
    def f(x):
        return float(x) * np.float64(x) + float64(x)

    assert numgrad.derivative(f)(3.0) == 7.0


def test_rounding_to_float32():
    @njit
    def f(x):
        return np.float32(x) * x

    assert numgrad.derivative(f)(0.1) == pytest.approx(0.2, rel=1e-7)


def test_integers_are_values_alone():
    @njit
    def f(x, table):
        return table[int(x)] * x + math.floor(x) * x

    assert numgrad.grad(f)(1.5, np.array([10.0, 20.0])) == 21.0


def test_loops_of_all_kinds():
    @njit
    def f(x):
        total = 0.0
        for row in x:
            for number in row:
                total += number
        for index, number in enumerate(x[0]):
            total += index * number
        for a, b in zip(x[0], x[1]):  # noqa: B905 - Numba knows no strict
            total += a * b
        for i, j in np.ndindex(x.shape):
            total += x[i, j] ** 2
        return total

    x = np.arange(1.0, 7.0).reshape(2, 3)
    expected = 1.0 + np.array([[0.0, 1.0, 2.0], [0.0] * 3]) + x[::-1] + 2.0 * x
    assert_array_equal(numgrad.grad(f)(x), expected)


def test_parallel_function():
    @njit(parallel=True)
    def f(x):
        total = 0.0
        for i in numba.prange(x.size):
            total += x[i] ** 3
        return total

    x = np.linspace(0.0, 1.0, 100)
    assert_allclose(numgrad.grad(f)(x), 3.0 * x**2, rtol=1e-14)


def test_a_rule_wins_over_the_body():
    @njit
    def step(x):
        return 1.0 if x > 0.0 else 0.0

    @numgrad.rule(step)
    def smooth_step(x):
        return (1.0 if x > 0.0 else 0.0), np.exp(-x * x)

    @njit
    def f(x):
        return 3.0 * step(2.0 * x)

    assert numgrad.derivative(f)(0.5) == pytest.approx(6.0 * math.exp(-1.0), rel=1e-15)
    assert numgrad.derivative(step)(0.5) == pytest.approx(math.exp(-0.25), rel=1e-15)
    assert f(0.5) == 3.0


@njit(fastmath=True)
def fast_powers(x):
    return 0.1 - x[0] ** 13


@njit
def exact_powers(x):
    return 0.1 - x[0] ** 13


def test_fastmath_stays_with_its_function():
    # both share the compiled power, which rounds otherwise where it may be fused with what follows
    for point in np.linspace(0.5, 1.0, 20):
        x = np.array([point])
        numgrad.grad(fast_powers)(x)
        value, _ = numgrad.value_and_grad(exact_powers)(x)
        assert value == exact_powers(x)


@numba.vectorize
def cubed(x):
    return x * x * x


def parts_and_scalars(x):
    """Numbers where Numba's own code for real, ufuncs and None once stumbled over duals."""
    chosen = None
    if x[0] > 0.0:
        chosen = x[1]
    spread = np.std(x) + complex(x[0], x[1]).real * x[2].imag
    return cubed(x[0]) + spread + (0.0 if chosen is None else chosen * x[2])


def test_parts_and_scalars():
    x = np.array([0.7, 1.3, 0.4, 2.1])
    expected = (x - x.mean()) / (x.size * x.std()) + [3.0 * x[0] ** 2, x[2], x[1], 0.0]
    assert_allclose(numgrad.grad(parts_and_scalars)(x), expected, rtol=1e-13)


# What asks for the types of numbers gets those of their values.


def chosen(x, y):
    raise NotImplementedError


@overload(chosen)
def typed_chosen(x, y):
    if isinstance(x, types.Float) and y == types.float64[::1]:
        return lambda x, y: x * y[0]
    return None


Pair = namedtuple("Pair", ["numbers", "weights"])


@njit
def allocate_pair(n):
    return Pair(np.zeros(n), np.ones(n))


@njit
def fill_pair(pair, x):
    for k in range(x.size):
        pair.numbers[k] = x[k] * pair.weights[k]


@njit
def convert(kind, number):
    return kind(number)


@njit
def idioms(x):
    kind = type(x[0])
    number = kind(2) * x[0] + kind(x[1]) * kind(np.pi)
    element = x.dtype.type
    eps = np.finfo(x.dtype).eps
    active, alone = np.zeros(2, dtype=float), np.asarray(x[0])
    active[1] = element(x[1]) * eps / eps
    active[0] = np.cos(alone)
    alone += x[1]
    by_class = x[0] * 3.0 if isinstance(x[0], float) else x[1]
    comprehension = np.array([0.0 * k for k in range(2)])
    comprehension[0] = x[1]
    pair = allocate_pair(2)
    fill_pair(pair, x)
    z = x * (1.0 + 2.0j)
    return (
        number,
        active,
        alone,
        by_class,
        np.array([each * each for each in x]),
        comprehension,
        pair.numbers,
        z.real * z.imag,
        chosen(x[0], x),
        convert(type(x[0]), x[1]),
    )


def test_types_are_those_of_values():
    x = np.array([0.3, 0.7])
    a = x[0]
    expected = (
        [2.0, np.pi],
        [[-np.sin(a), 0.0], [0.0, 1.0]],
        [1.0, 1.0],
        [3.0, 0.0],
        np.diag(2.0 * x),
        [[0.0, 1.0], [0.0, 0.0]],
        np.eye(2),
        np.diag(4.0 * x),
        [2.0 * a, 0.0],
        [0.0, 1.0],
    )
    for got, wanted in zip(numgrad.jacobian(idioms)(x), expected, strict=True):
        assert_allclose(got, wanted, rtol=1e-12, atol=1e-15)


@njit("float64(float64, int64)")
def power(x, n):
    return x**n


@njit("float64(float64, int64)")
def multiple(x, n):
    return x * n


FUNCTIONS = power, multiple


@njit
def by_address(x):
    total = 0.0
    for k in range(2):
        total += FUNCTIONS[k](x, 3)
    for function in [multiple, power]:
        total += function(x * x, 2)
    return total


def test_functions_in_tuples_and_lists():
    """Called by their addresses, which Numba says is experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaExperimentalFeatureWarning)
        slope = numgrad.derivative(by_address)
        curvature = numgrad.derivative(slope)
        assert slope(2.0) == 3 * 4.0 + 3.0 + 4 * 2.0 + 4 * 8.0
        assert curvature(2.0) == 6 * 2.0 + 4.0 + 12 * 4.0
        with pytest.raises(numgrad.DifferentiationError, match="argument of its own"):
            numgrad.grad(njit(lambda x, functions: functions[0](x, 2)))(2.0, FUNCTIONS)


def plain_helper(x):
    return x * x


def plain_caller(x, n):
    return plain_helper(x) + plain_helper(n)


def test_plain_functions_call_plain_functions():
    """Compiled for the user as the function itself is, whether or not they carry derivatives."""
    assert numgrad.value_and_grad(plain_caller)(3.0, 2) == (13.0, 6.0)
    assert_array_equal(numgrad.vmap(plain_caller, in_axes=(0, None))(np.arange(3.0), 2), [4, 5, 8])
