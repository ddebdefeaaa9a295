"""Sparse derivatives of random programs, against dense ones."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.testing import assert_allclose

import numgrad

# Programs as data, so that one function is compiled for all of them: each step takes two numbers of
# those there are and puts a new one in the place of a third.

STEPS = 10


@njit
def step(kind, a, b):
    if kind == 0:
        return a * b
    if kind == 1:
        return a + b
    if kind == 2:
        return np.sin(a)
    if kind == 3:
        return np.floor(a) * b
    if kind == 4:
        return a if b > 0.5 else a * b
    if kind == 5:
        return a * 0.0 + b
    if kind == 6:
        return max(a, b)
    if kind == 7:
        return a / (1.5 + b * b)
    if kind == 8:
        return float(int(b)) + 0.5
    return np.exp(-a * a) - b


@njit
def interpreted(x, program):
    numbers = np.empty(x.size + 4)
    numbers[: x.size] = x
    numbers[x.size :] = 0.25
    for k in range(program.shape[0]):
        kind, a, b, place = program[k]
        numbers[place] = step(kind, numbers[a], numbers[b])
    return numbers[2:]


@njit
def of_one_number(x, program):
    y = interpreted(x, program)
    total = 0.0
    for k in range(1, y.size):
        total += y[k] * y[k - 1]
    return total


SIZE = 7
PROGRAMS = st.lists(
    st.tuples(st.integers(0, STEPS - 1), *[st.integers(0, SIZE + 3)] * 3), min_size=1, max_size=40
).map(np.array)
POINTS = st.lists(st.floats(-2.0, 2.0), min_size=SIZE, max_size=SIZE).map(np.array)

dense_jacobian = numgrad.jacobian(interpreted)
dense_hessian = numgrad.hessian(of_one_number)


@given(PROGRAMS, POINTS)
@settings(max_examples=60, deadline=None)
def test_random_programs(program, x):
    """The pattern has all that differs from 0, and the compressed Jacobian is the dense one."""
    dense = dense_jacobian(x, program)
    pattern = numgrad.sparsity(interpreted, x, program)
    assert not np.any(dense[~pattern.toarray()])
    found = numgrad.sparse_jacobian(interpreted, pattern=pattern)(x, program)
    assert_allclose(found.toarray(), dense, rtol=1e-13, atol=1e-300)


@pytest.mark.thorough
@given(PROGRAMS, POINTS)
@settings(max_examples=30, deadline=None)
def test_random_programs_backward(program, x):
    dense = dense_jacobian(x, program)
    pattern = numgrad.sparsity(interpreted, x, program)
    backward = numgrad.sparse_jacobian(interpreted, pattern=pattern, mode="reverse")
    assert_allclose(backward(x, program).toarray(), dense, rtol=1e-12, atol=1e-12)


@pytest.mark.thorough
@given(PROGRAMS, POINTS)
@example(np.array([(0, 0, 0, 0), (6, 0, 1, 6)]), np.zeros(SIZE))
@settings(max_examples=40, deadline=None)
def test_random_programs_at_second_order(program, x):
    dense = dense_hessian(x, program)
    pattern = numgrad.sparsity(of_one_number, x, program, order=2)
    assert not np.any(dense[~pattern.toarray()])
    found = numgrad.sparse_hessian(of_one_number, pattern=pattern)(x, program).toarray()
    # Where the arguments of max are equal it is nan, but for what is multiplied by 0 from one side.
    is_nan = np.isnan(dense)
    known = ~(is_nan | is_nan.T)
    assert_allclose(found[known], dense[known], rtol=1e-9, atol=1e-9)
    assert np.isnan(found[is_nan & is_nan.T]).all()
