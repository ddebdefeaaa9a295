"""Kinds of code that real programs have, small, in every mode."""

import cmath

import numpy as np
import pytest
from numba import njit, types
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
    middle = np.partition(x * x, 3)[3] + (x * x)[np.argpartition(x, 2)[2]]
    return np.sum(a * b * b, dtype=np.float64) + np.sum(x[0] * x[1]) * middle


@pytest.mark.parametrize("keywords", MODES, ids=str)
@pytest.mark.parametrize("function", [containers, complex_numbers, arrays])
def test_derivatives(function, keywords):
    found = numgrad.grad(function, **keywords)(X)
    assert_allclose(found, by_differences(function, X), rtol=1e-6, atol=1e-7)


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

    for jit in (True, False):
        with pytest.raises(numgrad.DifferentiationError, match="# a set\nA set keeps one of"):
            numgrad.grad(unique, jit=jit)(X)


def test_sets_of_constants():
    def counted(x):
        kinds = {1, 2}
        kinds.add(3)
        total = 0.0
        for each in {0.5, 1.5}:
            total += each * x[0]
        return total * len(kinds) if 2 in kinds else 0.0

    for mode in ("forward", "reverse"):
        assert_allclose(numgrad.grad(counted, mode=mode)(X)[:2], [6.0, 0.0])
    assert_allclose(numgrad.grad(counted, jit=False)(X)[:2], [6.0, 0.0])
