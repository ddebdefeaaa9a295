"""What numbers depend on: programs that would make a pattern lie, by bits and by sets in memory."""

import math

import numpy as np
import pytest
from numba import njit, prange

import numgrad
from numgrad.numbers.pattern import sets
from numgrad.numbers.pattern.seeds import inputs_a_pass
from numgrad.numbers.pattern.type import LISTED
from numgrad.transforms.sparsity import of_bits, of_found, pattern_entries

BITS = 2  # words


def by_bits(f, *arguments):
    return of_bits(pattern_entries(f, 0, BITS, None), arguments).toarray()


def in_memory(f, *arguments):
    return of_found(pattern_entries(f, 0, LISTED, None), arguments, 1 << 22).toarray()


WAYS = pytest.mark.parametrize("found", [by_bits, in_memory])


@njit
def callee(pair, table):
    table[1] = pair[0]
    return pair[1]


@njit
def unchanged(a):
    return a


@njit
def without_data(y):
    trips = 0
    while y < 50.0:
        y *= 2.0
        trips += 1
    return y, float(trips)


@njit
def largest(x):
    best = x[0]
    for k in range(x.size):
        if x[k] > best:
            best = x[k]
    return best


STATEMENTS = """
    a = np.zeros(4)
    a[2] = x[2] * x[3]
    overwritten = np.ones(3) * x[0]
    overwritten[:] = x[1]
    halves = np.zeros(6)
    view = unchanged(halves)[::2]
    view[1] = x[4]
    partly = np.empty(5)
    partly[1:3] = x[1:3]
    again = partly * 2.0
    z = complex(x[0], x[1])
    many = np.array([1j * x[0], x[1] + 0j])
    many.real[0] = x[2]
    table = np.zeros(2)
    last = callee((x[2], x[3]), table)
    kept = [x[0], x[1] * x[2]]
    kept.append(x[3])
"""

# An expression, and the inputs that it depends on. x ascends, all are between 1 and 7.
EXPRESSIONS = {
    "x[0] * 0.0": {0},
    "x[0] - x[0]": {0},
    "np.floor(x[1]) + x[2]": {2},
    "float(int(x[3]))": set(),
    "x[3] if x[4] > 0.0 else x[0]": {3},
    "np.where(x[0] > 0.0, x[1], x[2])": {1},
    "np.sign(x[0]) * x[1]": {1},
    "float(np.argmax(x))": set(),
    "x[order[0]] + x[order[1]]": {3, 5},
    "a[0]": set(),
    "a[2]": {2, 3},
    "a.sum()": {2, 3},
    "overwritten[1]": {1},
    "halves[2]": {4},
    "halves[1]": set(),
    "again[1]": {1},
    "without_data(x[5])[0]": {5},
    "without_data(x[5])[1]": set(),
    "z.imag": {0, 1},
    "abs(z)": {0, 1},
    "many[0].real": {0, 2},
    "table[1]": {2},
    "last": {3},
    "largest(x)": {5},
    "kept[1]": {1, 2},
    "kept[2]": {3},
    "x[0] // x[1]": set(),
    "x[0] % x[1]": {0, 1},
    "math.hypot(x[2], 2.0)": {2},
    "np.prod(x[:3])": {0, 1, 2},
    "x[0] ** 2 * (x[1] > 3.0)": {0},
    "max(x[0], x[1])": {1},
    "np.maximum(x[1], x[0]) + np.maximum(x[2], x[2])": {1, 2},
    "1.0": set(),
}


def of_text(statements, expressions):
    names = {"np": np, "math": math, "callee": callee, "unchanged": unchanged}
    names |= {"without_data": without_data, "largest": largest}
    results = "".join(f"    r[{k}] = {each}\n" for k, each in enumerate(expressions))
    made = f"    r = np.zeros({len(expressions)})\n{results}    return r\n"
    exec(f"def f(x, order):{statements}{made}", names)
    return njit(names["f"])


X, ORDER = np.array([1.1, 2.3, 3.2, 4.7, 5.6, 6.4]), np.array([5, 3])


@pytest.fixture(scope="module")
def program():
    return of_text(STATEMENTS, EXPRESSIONS)


@pytest.mark.parametrize("found", [pytest.param(by_bits, marks=pytest.mark.thorough), in_memory])
def test_each_expression(found, program):
    rows = found(program, X, ORDER)
    assert rows.shape == (len(EXPRESSIONS), X.size)
    for row, (expression, inputs) in zip(rows, EXPRESSIONS.items(), strict=True):
        assert set(np.flatnonzero(row)) == inputs, expression


@njit
def of_neighbours(x):
    """Sums of all inputs beside others of a few, by threads."""
    result = np.empty(x.size + 2)
    for k in prange(x.size):
        result[k] = np.sin(x[k]) * x[k - 1]
    total = 0.0
    for _ in range(3):
        for k in range(x.size):
            total += x[k]
    result[-2] = total
    result[-1] = result[-2] * result[0]
    return result


def expected_of_neighbours(n):
    rows = np.zeros((n + 2, n), bool)
    rows[np.arange(n), np.arange(n)] = rows[np.arange(n), np.arange(n) - 1] = True
    rows[-2:] = True
    return rows


@pytest.mark.parametrize("n", [1, 40, inputs_a_pass(BITS), inputs_a_pass(BITS) + 1, 700])
@WAYS
def test_any_number_of_inputs(found, n):
    """More than there are bits, and sums of more than a list has."""
    rows = found(of_neighbours, np.linspace(1.0, 2.0, n))
    np.testing.assert_array_equal(rows, expected_of_neighbours(n))


def test_threads():
    threads = njit(parallel=True)(of_neighbours.py_func)
    np.testing.assert_array_equal(
        in_memory(threads, np.linspace(1.0, 2.0, 700)), expected_of_neighbours(700)
    )


def test_a_block_that_is_full_says_how_much_was_wanted():
    entries = pattern_entries(of_neighbours, 0, LISTED, None)
    x = np.linspace(1.0, 2.0, 700)
    assert of_found(entries, (x,), 4000) > 4000
    assert numgrad.sparsity(of_neighbours, x).nnz == expected_of_neighbours(700).sum()


def test_sets_that_contain_others_are_made_once():
    """A loop that goes on with the same inputs takes no memory a round."""

    @njit
    def rounds(x, n):
        y = x.copy()
        for _ in range(n):
            y[0] = np.sin(y[0]) * x[1]
            y[1] = y[0] + x[0]
        return y

    entries = pattern_entries(rounds, 0, LISTED, None)
    used = []
    for n in (10, 10_000):
        block = sets.new_block(1 << 12)
        entries.entry_point(None)(block, np.ones(3), n)
        used.append(sets.wanted(block))
    assert used[0] == used[1]


def test_precision_stays():
    single = np.linspace(1.0, 2.0, 5, dtype=np.float32)

    @njit
    def mixed(x, y):
        return x * y, np.float64(x[0]) * y[1]

    rows = in_memory(mixed, single, np.ones(5))
    np.testing.assert_array_equal(rows, np.vstack([np.eye(5), np.eye(5)[:1]]) == 1.0)


def test_numbers_in_messages():
    """An error that tells a number is raised as the function raises it."""

    @njit
    def strict(x):
        if x[0] > 1.0:
            raise ValueError("too large", x[0])
        return x

    with pytest.raises(ValueError, match="too large") as raised:
        in_memory(strict, np.array([2.0, 3.0]))
    assert raised.value.args == ("too large", 2.0)
