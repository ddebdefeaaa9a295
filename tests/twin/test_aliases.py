"""Memory under several names: what is written under one is read under the others.

Each line computes y from an array x of four numbers. Its derivatives are compared with differences
of itself, run by Python.
"""

import operator  # noqa: F401 - by the lines
from collections import namedtuple

import numpy as np
import pytest
from numba import literal_unroll, njit, objmode, typed, types
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.twin.lines import differences, program

X = np.array([0.7, 1.3, 0.4, 2.1])
Pair = namedtuple("Pair", "a b")


@njit
def first(items):
    return next(iter(items))


@njit
def rows(m):
    for i in range(m.shape[0]):
        yield m[i]


@njit
def write_both(s, a, b):
    a[0] = s
    b[0] = 2.0 * s


@njit
def write_second(*items):
    items[1][0] *= 2.0


@njit
def second(*items):
    return items[1]


@njit
def by_closure(a, s):
    def store(t):
        a[0] = t

    store(s)


@njit
def squares(*numbers):
    total = 0.0
    for each in numbers:
        total += each * each
    return total


@njit
def fill(a, s, n):
    if n > 0:
        fill(a, s, n - 1)
        a[n] += s * n
    return a


@njit
def pair_of(s):
    return (s, 2.0), (3.0, s)


@njit
def doubled(numbers):
    return [2.0 * each for each in numbers]


ALIASED = """
u = np.zeros(2); a = next(iter((u, np.ones(2)))); a[0] = 2 * x[0]; y = u[0] + x[1]
u = np.zeros((2, 2)); a, b = next(zip(u, u[::-1])); a[0] = x[0]; y = u[0, 0] + x[1]
u = np.zeros(4); a = operator.getitem(u, slice(1, 3)); a[0] = 2 * x[0]; y = u[1] + x[1]
u = np.zeros(2); t = (u,) + (np.ones(2),); t[0][0] = 2 * x[0]; y = u[0] + x[1]
u = np.zeros(2); w = np.ones(2); t = (u, w); write_both(x[0], *t); y = u[0] + w[0]
u = np.zeros(2); a = second(1.0, u); a[0] = x[0]; y = u[0] * x[1]
a = np.zeros(3); b = fill(a, x[0], 2); b[0] = x[1]; y = (a * a).sum()
u = np.zeros(2); t = [np.ones(2), np.ones(2)]; t[0] = u; t[0][0] = 2 * x[0]; y = u[0] + x[1]
u = np.zeros(2); d = {1: np.ones(2)}; d[2] = u; d[2][0] = 2 * x[0]; y = u[0] + x[1]
u = np.zeros(2); t = [np.ones(2)]; t.extend([u]); t[1][0] = x[0]; y = u[0] + x[1]
u = np.zeros(2); t = [u, u + 1]; s = t[:1]; s[0][0] = x[0]; y = u[0] + x[1]
u = np.zeros(2); d = {1: u}; s = 0.0; y = x[1]; v = list(d.values())[0]; v[0] = x[0]; y += u[0]
v = np.zeros(3); v[0] = x[0]; y = 0.0; t = (1.0, 2.0, v[0]); y = t[0] + t[2] * max(t)
t = ((x[0], 1.0), (2.0, x[1])); y = max(t[0]) * min(t[1])
l = sorted([3.0, 2.0]); l[0] = x[0]; y = l[0] * l[1]
a = np.zeros(4); a.flat[2] = x[0]; y = (a * a).sum() + x[1]
a = np.floor(x); b = a[1:]; b[0] = x[1]; y = (a * a).sum() + x[0]
y = np.trunc(x[2]) * x[0] + squares(x[0], 2.0, x[1])
p = Pair(1.0, x) if x[0] > 0.0 else Pair(x[1], x); y = p.a * p.b[0]
""".strip().splitlines()


# More of the same kinds
MORE_ALIASED = """
u = np.zeros((2, 2)); i, a = next(enumerate(u)); a[0] = x[0]; y = u[0, 0] + x[1]
u = np.zeros(2); first((u, np.ones(2)))[0] = x[0]; y = u[0] + x[1]
u = np.zeros((2, 3)); a = getattr(u, "T"); a[2, 0] = 2 * x[0]; y = u[0, 2] + x[1]
u = np.zeros(2); a = [(1.0, np.ones(2))]; a[0] = (2.0, u); a[0][1][0] = x[0]; y = u[0] + x[1]
u = np.zeros(2); a = [x * 1.0]; a[0] = u; a[0][0] = 7.0; y = u[0] * x[1] + x[0]
u = np.zeros(2); t = [np.ones(2)]; t += [u]; t[1][0] = x[0]; y = u[0] + x[1]
u = np.zeros(2); t = [u]; s = t.copy(); s[0][0] = x[0]; y = u[0] + x[1]
u = np.zeros(2); t = [u]; a = t.pop(); a[0] = x[0]; y = u[0] + x[1]
u = np.zeros(2); d = {1: u}; e = d.copy(); e[1][0] = x[0]; y = u[0] + x[1]
l = doubled(np.array([1.0, 2.0])); l[0] = x[0]; y = l[0] * l[1]
a = np.round(x, 1) if x[0] > 9.0 else x * 2.0; a[1] = 3.0; y = (a * a).sum()
""".strip().splitlines()


def groups():
    for lines, marks in ((ALIASED, ()), (MORE_ALIASED, pytest.mark.thorough)):
        for start in range(0, len(lines), 12):
            yield pytest.param(lines[start : start + 12], marks=marks)


@pytest.mark.parametrize("lines", list(groups()))
def test_lines(lines):
    x = X.copy()
    f, each = program(lines, globals())
    gradients = numgrad.jacobian(f)(x)
    for line, gradient, alone in zip(lines, gradients, each, strict=True):
        assert_allclose(gradient, differences(alone, X), rtol=1e-8, atol=1e-8, err_msg=line)
    assert_array_equal(x, X)


def unrolled_and_written(x):
    u = np.zeros(2)
    w = np.zeros((2, 2))
    for a in literal_unroll((u, w)):
        a[0] = x[0] * 2
    return u[0] + w[0, 1] * x[1]


def unrolled_numbers(x):
    v = np.zeros(3)
    v[0] = x[0]
    total = 0.0
    for each in literal_unroll((1, 2.0, v[0])):
        total += each * 3
    return total


def unrolled_constants(x):
    v = np.zeros(2)
    v[0] = x[0]
    w = np.zeros((2, 2))
    w[0] = v
    for each in literal_unroll((v, w)):
        each[1] = 2.0
    return v[1] * x[0] + w[1, 1] * x[1] + v[0]


def typed_dictionary(x):
    u = np.zeros(2)
    d = typed.Dict.empty(types.int64, types.float64[::1])
    d[2] = u
    d[2][0] = x[0]
    return u[0] + x[1]


def loop_over_concatenated(x):
    u = np.zeros(2)
    w = np.ones(2)
    for a in (u,) + (w,):  # noqa: RUF005
        a[0] = 2 * x[0]
    return u[0] + w[0] * x[1]


def swapped(x):
    a, b = np.zeros(2), np.ones(2)
    for k in range(3):
        a[0] += x[k] * b[0]
        a, b = b, a
    return a[0] * b[0]


def rows_of_generator(x):
    m = np.zeros((2, 2))
    for row in rows(m):
        row[0] = x[0]
    return m[0, 0] * m[1, 0] + x[1]


def loop_over_pairs(x):
    total = 0.0
    for a, b in pair_of(x[0]):
        total += a * b
    return total


@pytest.mark.parametrize(
    "f",
    [
        unrolled_and_written,
        unrolled_numbers,
        unrolled_constants,
        typed_dictionary,
        loop_over_concatenated,
        swapped,
        rows_of_generator,
        loop_over_pairs,
    ],
)
def test_functions(f):
    compiled = njit(f)
    assert_allclose(numgrad.grad(compiled)(X), differences(compiled, X), rtol=1e-8, atol=1e-8)


def object_mode_on_numbers(x):
    y = x[0] * 2
    with objmode(z="float64"):  # lost
        z = y * 3
    return z + x[1]


def object_mode_on_arrays(x):
    y = x * 2
    with objmode(z="float64[:]"):  # lost
        z = y * 3
    return z.sum() + x[1]


@pytest.mark.parametrize("f", [object_mode_on_numbers, object_mode_on_arrays])
def test_derivatives_cannot_enter_object_mode(f):
    with pytest.raises(numgrad.DifferentiationError, match="object mode") as raised:
        numgrad.grad(njit(f))(X)
    assert "# lost" in str(raised.value)


def object_mode_that_counts(x):
    with objmode(n="int64"):
        n = int(x[0] > 1.0) + 2
    return x[0] ** n * x[1]


def object_mode_that_writes(x):
    y = x * 2
    with objmode(n="int64"):
        y[0] = 3.0
        n = 2
    return y[0] * n


def test_values_enter_object_mode_where_whole_numbers_come_back():
    for mode in ("forward", "reverse"):
        found = numgrad.grad(njit(object_mode_that_counts), mode=mode)(np.array([1.5, 2.0]))
        assert_allclose(found, [3 * 1.5**2 * 2.0, 1.5**3])


def test_what_object_mode_writes_is_not_lost_in_silence():
    with pytest.raises(ValueError, match="read-only"):
        numgrad.grad(njit(object_mode_that_writes))(np.array([1.5, 2.0]))


def object_mode_beside(x):
    n = x.size
    with objmode(z="float64"):
        z = float(n)
    return z * x[0]


def test_object_mode_without_derivatives():
    assert_array_equal(numgrad.grad(njit(object_mode_beside))(X), [4.0, 0.0, 0.0, 0.0])


WRITTEN = """
a = next(iter((x, x))); a[0] *= x[1]; y = x.sum() ** 2
t = [x * 2]; t[0] = x; t[0][0] *= x[1]; y = x.sum() ** 2
by_closure(x, x[1] * x[0]); y = x.sum() ** 2
""".strip().splitlines()
MORE_WRITTEN = """
operator.iadd(x, x); y = x.sum() ** 2
t = [x]; s = t.copy(); s[0][0] *= x[1]; y = x.sum() ** 2
write_second(1.0, x); y = x.sum() ** 2
np.nan_to_num(x, copy=False); x[0] *= x[1]; y = x.sum() ** 2
""".strip().splitlines()


@pytest.mark.parametrize(
    "lines", [WRITTEN, pytest.param(MORE_WRITTEN, marks=pytest.mark.thorough)], ids=["some", "more"]
)
def test_arguments_written_under_other_names(lines):
    """In each pass they are what the caller left, and in the end what one call leaves."""
    _, each = program(lines, globals())
    for line, alone in zip(lines, each, strict=True):
        x, left = np.linspace(0.1, 1.0, 40), np.linspace(0.1, 1.0, 40)
        gradient = numgrad.grad(njit(alone))(x)
        njit(alone)(left)
        assert_array_equal(x, left, err_msg=line)
        point = np.linspace(0.1, 1.0, 40)
        expected = differences(lambda p, alone=alone: alone(p.copy()), point)
        assert_allclose(gradient, expected, rtol=1e-7, err_msg=line)


@njit
def contiguous_rows(x):
    """The rows may be views of anything by their type; that they are contiguous is seen in time."""
    for row in x:
        a = np.ascontiguousarray(row)
        a[0] = 2.0 * x[1, 1]
    return (x * x).sum()


def test_rows_that_turn_out_to_be_contiguous():
    x = np.arange(1.0, 5.0).reshape(2, 2)
    assert_array_equal(numgrad.grad(contiguous_rows)(x.copy()), [[0.0, 4.0], [0.0, 72.0]])
    strided = np.zeros((2, 4))[:, ::2]
    strided[...] = x
    assert_array_equal(numgrad.grad(contiguous_rows)(strided), 2.0 * x)
    assert_array_equal(strided, x)


TABLE = np.array([1.0, 2.0])


def constant_beside_what_is_written(x):
    u = np.zeros(2)
    a = TABLE if x[0] > 0.0 else u
    u[0] = x[1]
    return (a * a).sum() * x[0] + u[0]


@njit
def sums(a, table, n):
    b = a if n > 3 else table
    for _ in range(3):
        yield b.sum()


def generator_whose_argument_changes(x):
    table = np.ones(2)
    total = 0.0
    for each in sums(x, table, x.size - 1):
        total += each * x[0]
        table[0] += 1.0
    return total


def test_constants_stand_for_themselves():
    f = njit(constant_beside_what_is_written)
    assert_allclose(numgrad.grad(f)(X), differences(f, X), rtol=1e-8)
    assert_allclose(numgrad.grad(f)(-X), differences(f, -X), rtol=1e-8)


def test_arguments_of_a_generator_that_change():
    f = njit(generator_whose_argument_changes)
    for x in (X, X[:3]):
        assert_allclose(numgrad.grad(f)(x), differences(f, x), rtol=1e-8)
