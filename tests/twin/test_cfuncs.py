"""Functions of cfunc that take pointers, called from Python and from compiled code."""

import numpy as np
from numba import carray, cfunc, njit, types
from numpy.testing import assert_allclose

import numgrad

numbers = types.CPointer(types.float64)


@cfunc(types.void(types.float64, numbers, numbers, numbers))
def slopes(t, u, du, p):
    state = carray(u, (2,))
    du[0] = p[0] * state[0] - state[0] * state[1]
    du[1] = state[0] * state[1] - p[1] * u[1]


@njit
def call(u):
    du, p = np.zeros(2), np.array([0.3, 0.4])
    slopes(0.0, u.ctypes, du.ctypes, p.ctypes)
    return du


U, P = np.array([2.0, 3.0]), np.array([0.3, 0.4])
EXPECTED = np.array([[P[0] - U[1], -U[0]], [U[1], U[0] - P[1]]])


def test_in_compiled_code():
    assert_allclose(numgrad.jacobian(call)(U), EXPECTED)


def test_from_python():
    du = np.zeros(2)
    assert_allclose(numgrad.jacobian(slopes, 1, out_argnum=2)(0.0, U, du, P), EXPECTED)
    assert_allclose(du, call(U))
