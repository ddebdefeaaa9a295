"""The protocol of numbers: one that counts operations goes through all that a dual goes through."""

import math

import numba
import numpy as np
import pytest
from numba import njit

from numgrad.arrays.loading import load
from numgrad.twin.twin import twin_of
from tests.numbers.counting import counting, value_and_count

load()


def counts_of(function, *arguments):
    """Run the twin of a function on floats that count; return its value and its count."""
    twin = twin_of(njit(function))

    @njit
    def run(*arguments):
        return value_and_count(twin(*arguments))

    starred = ", ".join(f"a{k}" for k in range(len(arguments)))
    counted = ", ".join(
        f"counted(a{k})" if isinstance(each, float | complex | np.ndarray) else f"a{k}"
        for k, each in enumerate(arguments)
    )
    names = {"twin": twin, "counted": counted_copy, "value_and_count": value_and_count}
    exec(f"def run({starred}):\n    return value_and_count(twin({counted}))", names)
    return njit(names["run"])(*arguments)


def counted_copy(x):
    raise NotImplementedError("compiled code only")


@numba.extending.overload(counted_copy)
def _counted_copy(x):
    if not isinstance(x, numba.types.Array):
        return lambda x: counting(x)

    def copied(x):
        one = counting(x.flat[0])
        result = np.full(x.shape, one)
        for index, number in np.ndenumerate(x):
            result[index] = counting(number)
        return result

    return copied


@njit
def square(x):
    return x * x


@njit
def fill(out, x):
    for k in range(out.size):
        out[k] = x * k  # one operation each


def polynomial(x, y):
    return x * x + y * 3.0 - 1.0  # 1, 1, then 3, then 4


def callee(x):
    return square(x) + square(x)  # 1 + 1 + 1


def loop(x, n):
    s = 0.0
    for k in range(n):
        s += math.sin(x) / (k + 1)  # each turn 3 more: sin, quotient, sum
    return s


def branch(x):
    return np.exp(x) if x > 0.5 else x


def through_an_array(x):
    a = np.zeros(3)
    fill(a, x)
    a[1:] += 1.0
    return a[0] + a[1] + a[2]  # 1 + 2 + 2, and two sums


def of_an_array(x):
    return (np.sqrt(x) * 2.0)[::-1][0] + x.sum()  # 2; 3 sums (one with 0.0); their sum


def on_a_constant(x):
    return np.ones(2)[0] + 0.0 * (x > 0.0)


def tuples(x, y):
    pair = (x + y, y)
    a, b = pair
    return max(a, b) * 1.0


def complex_numbers(x):
    z = complex(x, x * x)
    return z.real + abs(z)


CASES = [
    (polynomial, (2.0, 3.0), 12.0, 4),
    (callee, (1.5,), 4.5, 3),
    (loop, (0.4, 5), sum(math.sin(0.4) / (k + 1) for k in range(5)), 15),
    (branch, (1.0,), math.e, 1),
    (branch, (0.25,), 0.25, 0),
    (through_an_array, (2.0,), 8.0, 7),
    (of_an_array, (np.array([1.0, 4.0, 9.0]),), 20.0, 6),
    (tuples, (2.0, 1.0), 3.0, 2),
]


@pytest.mark.parametrize(
    ("function", "arguments", "value", "count"), CASES, ids=[c[0].__name__ for c in CASES]
)
def test_counts(function, arguments, value, count):
    found, operations = counts_of(function, *arguments)
    assert found == pytest.approx(value, rel=1e-14)
    assert operations == count


def test_complex_numbers():
    value, count = counts_of(complex_numbers, 0.75)
    assert value == pytest.approx(0.75 + abs(0.75 + 0.5625j), rel=1e-14)
    assert count > 2


def test_what_does_not_depend_on_numbers_that_count_carries_nothing():
    assert counts_of(on_a_constant, 2.0) == (1.0, -1)
