"""Kinds of code that real programs have, small, in every mode."""

import cmath
from collections import namedtuple

import numpy as np
import pytest
from numba import literal_unroll, njit, objmode, types
from numba.typed import Dict, List
from numpy.testing import assert_allclose

import numgrad
from tests.fields.reference import by_differences

X = np.array([1.3, 0.7, 2.1, 0.4, 1.9, 2.7])
MODES = [{"mode": "forward"}, {"mode": "reverse"}, {"jit": False}]


@njit
def containers(x):
    """Typed lists and dictionaries made empty, slices of lists, updates."""
    typed, empty = List(), List.empty_list(types.float64)
    for each in x:
        typed.append(each * each)
        empty.append(each)
    by_number, by_name = Dict(), Dict.empty(types.int64, types.float64)
    for k in range(x.size):
        by_number[k] = x[k] * typed[k]
        by_name[k] = 2.0
    by_number.update(by_name) if x[0] > 5 else by_name.update(by_number)
    row = [1.0, 2.0, 3.0]
    row[1:] = [x[0] * x[1], x[2]]
    row += [x[3], 4.0]
    return typed[0] * by_name[1] + empty[2] * row[1] * row[2] + row[3] * row[4]


@njit
def complex_numbers(x):
    z = cmath.exp(complex(x[0], x[1])) * cmath.sqrt(complex(x[2], -x[3]))
    length, angle = cmath.polar(z + cmath.log(z, 3.0))
    back = cmath.rect(length, x[4]) / cmath.atan(complex(x[5]))
    return back.real * back.imag + abs(z) + angle + cmath.phase(z)


@njit
def arrays(x):
    a, b = np.broadcast_arrays(x.reshape(6, 1) * x[0], x)
    three, same, row = np.broadcast_arrays(x[:3], 2.0, (1.0, 2.0, 3.0))
    middle = np.partition(x * x, 3)[3] + (x * x)[np.argpartition(x, 2)[2]]
    total = np.sum(a * b * b, dtype=np.float64) + np.sum(x[0] * x[1]) * middle
    return total + np.sum(three * same * row)


Pair = namedtuple("Pair", "first rest count")
SINGLE = np.arange(6, dtype=np.float32)  # constants beside what has derivatives


@njit
def summed(*args):
    """Of mixed kinds: arrays, numbers, whole numbers."""
    total = 0.0
    for each in literal_unroll(args):
        total += np.sum(np.asarray(each)) ** 2
    return total


@njit
def paired(x, is_first):
    if is_first:
        return Pair(x[0] * x[1], np.ones(2), 1)
    return Pair(0.5, x[2:4] * 2.0, 2)


@njit
def squared_if_alone(x, y=None):
    return x * x if y is None else x * y


@njit
def meeting(x):
    """Tuples that meet in branches, and are returned, with derivatives in some of their items."""
    pair = (0.0, 1.0)
    for i in range(x.size):
        if x[i] > 1.0:
            pair = (pair[0] + x[i] ** 2, pair[1] * 2.0)
    total = pair[0] * pair[1] + squared_if_alone(x[4]) + squared_if_alone(2.0, y=x[5])
    for is_first in (True, False):
        found = paired(x, is_first)
        total += found.first * found.rest.sum() * found.count
    weights = X if x[0] < 0.0 else x
    for a, b in ((x[0], 1.0), (2.0, x[3]), (x[1], x[2])):
        total += a * b * b
    return total + summed(x, 3, x[0], SINGLE) + np.sum(SINGLE * weights)


@njit
def largest(x):
    with objmode(k="int64"):
        k = int(np.argmax(x))
    return k  # noqa: RET504 - the block returns it


@njit
def blocks(x):
    """Of object mode: what comes back has no derivatives."""
    n = x.size
    with objmode(window="float64[:]"):
        window = np.hanning(n)
    return x[largest(x)] ** 2 * np.sum(window * x)


FUNCTIONS = [containers, complex_numbers, arrays, meeting, blocks]


@pytest.mark.parametrize("keywords", MODES, ids=str)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_derivatives(function, keywords):
    found = numgrad.grad(function, **keywords)(X)
    assert_allclose(found, by_differences(function, X), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_in_compiled_code(function):
    inside = njit(lambda x: numgrad.grad(function)(x))
    assert_allclose(inside(X), by_differences(function, X), rtol=1e-6, atol=1e-7)


def test_constants_are_returned_beside_what_has_derivatives():
    def several(x):
        return x[0] * SINGLE, SINGLE, (x[0] ** 2, 3, None)

    for keywords in MODES:
        scaled, constant, (square, *others) = numgrad.jacobian(several, **keywords)(X[:2])
        assert_allclose(scaled, np.column_stack([SINGLE, np.zeros(6)]))
        assert_allclose(constant, np.zeros((6, 2)))
        assert_allclose(square, [2.0 * X[0], 0.0])
        assert others == [None, None]


def test_complex_as_a_class_stays_one():
    """Only where all that is done with it is a call may it be a function."""

    def typed(x):
        total = np.zeros(1, dtype=complex)
        total[0] = x[0] * x[1]
        return total[0].real if isinstance(1j, complex) else 0.0 * x[0]

    assert_allclose(numgrad.grad(typed, jit=False)(X[:2]), X[1::-1])


def test_sets_are_refused_by_line():
    def unique(x):
        total = 0.0
        for each in {x[0] * x[0], 1.0}:  # a set
            total += each
        return total

    def added(x):
        kept = set()
        for each in x:
            kept.add(each)  # a set
        return x[0] * len(kept)

    def taken(x):
        return x[0] * len(set(x))  # a set

    for function in (unique, added, taken):
        for jit in (True, False):
            with pytest.raises(numgrad.DifferentiationError, match="# a set\nA set keeps one of"):
                numgrad.grad(function, jit=jit)(X)


def test_sets_of_constants():
    def counted(x):
        kinds = {1, 2}
        kinds.add(3)
        total = 0.0
        for each in {0.5, 1.5}:
            total += each * x[0]
        return total * len(kinds) if 2 in kinds else 0.0

    def looked_up(x):
        return x[1] ** 2 if x[0] in {1.3, 2.0} else x[1]

    for mode in ("forward", "reverse"):
        assert_allclose(numgrad.grad(counted, mode=mode)(X)[:2], [6.0, 0.0])
        assert_allclose(numgrad.grad(looked_up, mode=mode)(X)[:2], [0.0, 2.0 * X[1]])
    assert_allclose(numgrad.grad(counted, jit=False)(X)[:2], [6.0, 0.0])


def test_lists_and_dictionaries_that_are_given():
    """Read, and written with constants; what is written with derivatives is refused by line."""

    def read(x, items, table):
        items.append(4.0)
        return items[-1] * x[0] + sum([each * x[1] for each in items]) + table["a"] * x[2]

    def stored(x, items, table):
        items[0] = x[0]  # there
        return items[0]

    def extended(x, items, table):
        items.extend([x[0]])  # there
        return items[0]

    def named(x, items, table):
        table["a"] = x[0] * x[1]  # there
        return table["a"]

    def given():
        table = Dict()
        table["a"] = 2.0
        return List([1.0, 2.0]), table

    for keywords in MODES:
        items, table = given()
        found = numgrad.grad(read, **keywords)(X[:3], items, table)
        assert_allclose(found, [4.0, 7.0, 2.0])
        assert list(items) == [1.0, 2.0, 4.0]
    for function in (stored, extended, named):
        with pytest.raises(numgrad.DifferentiationError, match="# there\nWhat is stored carries"):
            numgrad.grad(function)(X, *given())
    items, table = given()
    assert_allclose(numgrad.grad(named, jit=False)(X[:2], items, table), X[1::-1])
    assert_allclose(table["a"], X[0] * X[1])
    assert_allclose(numgrad.grad(stored, jit=False)(X[:2], items, table), [1.0, 0.0])
    assert list(items) == [X[0], 2.0]
