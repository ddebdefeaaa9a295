"""The adjoint of the QR decomposition, one record: against dual numbers and differences."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad
from numgrad.numbers.tape import memory, threads

pytest.importorskip("scipy", reason="Numba's linear algebra needs SciPy")

RNG = np.random.default_rng(11)
V, SMALL = RNG.normal(size=(6, 6)), RNG.normal(size=(3, 2))


@njit
def weighed(a):
    q, r = np.linalg.qr(a)
    return np.sum(V[: q.shape[0], : q.shape[1]] * q**3) + np.sum(np.sin(r) * V[2, : r.shape[1]])


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 5), (1, 1)])
def test_as_dual_numbers_and_as_differences(shape):
    a = RNG.normal(size=shape)
    found = numgrad.grad(weighed, mode="reverse")(a)
    duals = numgrad.grad(weighed, mode="forward", jit=False)(a)  # the same, with nothing to compile
    assert_allclose(found, duals, rtol=1e-12, atol=1e-13)
    direction, step = RNG.normal(size=shape), 1e-5
    difference = (weighed(a + step * direction) - weighed(a - step * direction)) / (2.0 * step)
    assert_allclose(np.sum(found * direction), difference, rtol=1e-7)


def test_a_record_and_no_statements():
    f = njit(lambda a: np.linalg.qr(a)[0][0, 0])
    a = RNG.normal(size=(40, 30))
    numgrad.grad(f, mode="reverse")(a)
    results = threads.last_size(memory.LAST_STATEMENTS) - a.size
    assert results < (40 + 30) * 30 + 30


@pytest.mark.thorough
@pytest.mark.parametrize("inner", ["forward", "reverse"])
@pytest.mark.parametrize("outer", ["forward", "reverse"])
def test_second_order(inner, outer):
    expected = numgrad.hessian(weighed, mode="forward")(SMALL)
    hessian = numgrad.jacobian(numgrad.grad(weighed, mode=inner), mode=outer)
    assert_allclose(hessian(SMALL), expected, rtol=1e-10, atol=1e-11)
