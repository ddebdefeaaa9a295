"""New arrays of numbers with derivatives: their elements, and the errors of wrong lengths."""

import numpy as np
import pytest
from numba import njit
from numba.core.compiler import CompilerBase
from numpy.testing import assert_allclose, assert_array_equal

import numgrad


@njit
def through_arrays(x):
    """Six times the sum of cubes, and what is left of arrays that hold 0."""
    line, table = np.zeros(x.size), np.empty((2, x.size))
    named, short = np.zeros((x.size, 2, 2), dtype=np.float64), np.zeros(3, np.float64)
    for i in range(x.size):
        line[i] = x[i] ** 2
        table[1, i] = 2.0 * line[i]
        named[i, 1, 0] = x[i] * table[1, i]
    short[0] = 2.0 * np.sum(named)
    return short[0] + np.sum(named) + short[1] + named[0, 0, 1]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("size", [1, 5])
def test_elements_are_0_and_carry_what_is_stored(mode, size):
    x = np.linspace(0.5, 2.0, size)
    value, slopes = numgrad.value_and_grad(through_arrays, mode=mode)(x)
    assert_allclose(value, 6.0 * np.sum(x**3), 1e-14)
    assert_allclose(slopes, 18.0 * x**2, 1e-14)


def test_memory_is_0_again_each_time():
    """Memory that a call has filled and freed comes back with the next one."""

    @njit
    def f(x):
        filled, total = np.full(1000, x), 0.0
        total += filled[3]
        filled = np.zeros(1000)
        filled[0] = x
        return np.sum(filled) + total

    derive = numgrad.derivative(f)
    assert_array_equal([derive(0.5) for _ in range(50)], 2.0)


def test_nothing_is_compiled_for_it(monkeypatch):
    compiled = []
    compile_core = CompilerBase._compile_core

    def noted(self):
        compiled.append(self.state.func_id.func_qualname)
        return compile_core(self)

    @njit
    def f(x):
        table = np.zeros((3, 2))
        table[1, 1] = x
        return table[1, 1]

    monkeypatch.setattr(CompilerBase, "_compile_core", noted)
    assert numgrad.derivative(f)(2.0) == 1.0
    assert not [name for name in compiled if "zeros" in name or "empty" in name]


@pytest.mark.parametrize("lengths", [(-1, 2), (2, -1), (1 << 62, 8), (1 << 31, 1 << 31)])
def test_errors_are_those_of_the_function(lengths):
    @njit
    def f(x, m, n):
        table = np.zeros((m, n))
        table[0, 0] = x
        return table[0, 0]

    match = "negative dimensions" if min(lengths) < 0 else "array is too big"
    for function in (f, numgrad.derivative(f)):
        with pytest.raises(ValueError, match=match):
            function(1.0, *lengths)


def test_an_array_of_nothing():
    @njit
    def f(x, n):
        return x * (1.0 + np.zeros((n, 3)).size)

    assert numgrad.derivative(f)(2.0, 0) == 1.0


def test_a_wrong_length_is_caught_as_in_the_function():
    @njit
    def f(x):
        total = 0.0
        for k in range(-2, 3):
            try:
                line = np.zeros(k)
                total += x * (1.0 + line.size)
            except Exception:
                total += 10.0 * x
        return total

    for mode in ("forward", "reverse"):
        assert numgrad.grad(f, mode=mode)(1.5) == 26.0
