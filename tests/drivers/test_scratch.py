"""Derivatives with ``out`` allocate nothing, and no memory is used for two things at once."""

import threading

import numba
import numpy as np
import pytest
from numba.core.runtime import _nrt_python, rtsys
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.drivers.scratch import ENTRIES, scratch
from tests.twin.functions import (
    product,
    rosenbrock,
    rosenbrock_gradient,
    rosenbrock_hessian,
)

CALLS = 100

gradient = numgrad.grad(rosenbrock)
value_and_gradient = numgrad.value_and_grad(rosenbrock)
hessian = numgrad.hessian(rosenbrock)
slopes = numgrad.derivative(product, argnums=(0, 1))


@numba.njit
def reversed_squares(x, result):
    """Store values in an array of the caller's."""
    for i in range(x.size):
        result[i] = x[x.size - 1 - i] ** 2


squares_jacobian = numgrad.jacobian(reversed_squares, out_argnum=1)


@numba.njit
def itself(x):
    """Return the memory of the argument."""
    return x[::-1]


view_jacobian = numgrad.jacobian(itself)


@numba.njit
def energy(mass, velocity):
    return 0.5 * mass * (velocity[0] ** 2 + velocity[1] ** 2)


tuple_gradient = numgrad.grad(energy, argnums=(0, 1))
tuple_hessian = numgrad.hessian(energy, argnums=1)


@pytest.fixture
def allocations():
    """Return a function that counts how many allocations a call makes, once all is compiled."""
    _nrt_python.memsys_enable_stats()

    def count(function, *arguments):
        function(*arguments)
        before = rtsys.get_allocation_stats().alloc
        function(*arguments)
        return rtsys.get_allocation_stats().alloc - before

    yield count
    _nrt_python.memsys_disable_stats()


@numba.njit
def with_out(x, v, lines, squares, repeats):
    """Store derivatives of all kinds in lines and squares."""
    for _ in range(repeats):
        gradient(x, lines[0])
        value_and_gradient(x, lines[1])
        view_jacobian(x, squares[1])
        squares_jacobian(x, lines[2], squares[2])
        numgrad.jvp(itself, (x,), (v,), out=(lines[3], lines[4]))
        slopes(x, v, (lines[6], lines[7]))
        numgrad.jvp(rosenbrock, (x,), (v,))


@numba.njit
def of_second_order(x, v, lines, squares, repeats):
    for _ in range(repeats):
        hessian(x, squares[0])
        numgrad.hvp(rosenbrock, x, v, out=lines[5])


@numba.njit
def with_gaps(x, v, line, other, repeats):
    """Do some of the same with arrays that have gaps between their elements."""
    for _ in range(repeats):
        gradient(x, line)
        slopes(x, v, (line, other))


@numba.njit
def of_tuples(repeats):
    total = 0.0
    for _ in range(repeats):
        by_mass, by_velocity = tuple_gradient(2.0, (3.0, total))
        ((second, _), _) = tuple_hessian(2.0, (3.0, by_mass))
        total += by_velocity[1] + second
        total += numgrad.jvp(energy, (2.0, (3.0, total)), (1.0, (0.5, 0.5)))[1]
    return total


def test_nothing_is_allocated_with_out(allocations):
    for size in (5, 40, 7):  # memory for 40 serves 7 as well
        x, v = np.random.default_rng(size).random((2, size))
        lines, squares = np.empty((8, size)), np.empty((3, size, size))
        baseline = allocations(with_out, x, v, lines, squares, 0)  # arrays come from Python
        assert allocations(with_out, x, v, lines, squares, CALLS) == baseline
        assert_allclose(lines[:2], [rosenbrock_gradient(x)] * 2, rtol=1e-11, atol=1e-11)
        assert_array_equal(squares[1], np.eye(size)[::-1])
        assert_array_equal(squares[2], np.diag(2.0 * x)[::-1])
        assert_array_equal(lines[2:5], [x[::-1] ** 2, x[::-1], v[::-1]])
        assert_allclose(lines[6:], [v * v, 2.0 * x * v], rtol=1e-14)


@pytest.mark.thorough
def test_nothing_is_allocated_at_second_order(allocations):
    for size in (5, 40, 7):
        x, v = np.random.default_rng(size).random((2, size))
        lines, squares = np.empty((8, size)), np.empty((3, size, size))
        baseline = allocations(of_second_order, x, v, lines, squares, 0)
        assert allocations(of_second_order, x, v, lines, squares, CALLS) == baseline
        by_hand = rosenbrock_hessian(x)
        assert_allclose(squares[0], by_hand, rtol=1e-11, atol=1e-10)
        assert_allclose(lines[5], by_hand @ v, rtol=1e-11, atol=1e-11)


@pytest.mark.thorough
def test_nothing_is_allocated_with_gaps_in_arrays(allocations):
    x, v, line, other = np.random.default_rng(0).random((4, 80))[:, ::2]
    baseline = allocations(with_gaps, x, v, line, other, 0)
    assert allocations(with_gaps, x, v, line, other, CALLS) == baseline
    assert_allclose([line, other], [v * v, 2.0 * x * v], rtol=1e-14)
    gradient(x, line)
    assert_allclose(line, rosenbrock_gradient(x), rtol=1e-11, atol=1e-11)


def test_nothing_is_allocated_from_python(allocations):
    x, out = np.ones(6), np.empty(6)
    baseline = allocations(numba.njit(lambda x, out: None), x, out)
    assert allocations(gradient, x, out) == baseline


@numba.njit
def marks(x, seen):
    total = 0.0
    for i in range(x.size):
        if not seen[i]:
            total += x[i] ** 2
            seen[i] = True
    return total


marks_gradient = numgrad.grad(marks)


@numba.njit
def again(x, seen, out, calls):
    for _ in range(calls):
        seen[:] = False
        marks_gradient(x, seen, out)


def test_nothing_is_allocated_for_what_is_put_back(allocations):
    x, seen, out = np.arange(40.0), np.zeros(40, np.bool_), np.zeros(40)
    baseline = allocations(again, x, seen, out, 0)
    assert allocations(again, x, seen, out, CALLS) == baseline
    assert_array_equal(out, 2.0 * x)


def test_nothing_is_allocated_for_tuples(allocations):
    assert allocations(of_tuples, CALLS) == 0
    assert allocations(tuple_gradient, 2.0, (3.0, 4.0)) == 0


@numba.njit(forceinline=False)
def line_of(size):
    return scratch((size,), np.float64)


@numba.njit
def hold(count, size):
    """Hold many arrays at once, each filled with a number of its own; return what is in them."""
    held = [line_of(size) for _ in range(count)]
    for k in range(count):
        held[k][:] = k
    views = [line[1:] for line in held]
    held.clear()
    again = line_of(size)
    again[:] = -1.0
    return [view.sum() for view in views], again


def test_memory_in_use_is_never_handed_out(allocations):
    count = 3 * ENTRIES
    sums, _ = hold(count, 5)
    assert sums == [4.0 * k for k in range(count)]
    _, kept = hold(2, 5)
    hold(count, 5)
    assert_array_equal(kept, np.full(5, -1.0))  # Python refers to it
    del kept

    @numba.njit
    def one_after_another(size):
        for _ in range(CALLS):
            line_of(size)[:] = 1.0

    for size in (5, 1000, 10):
        assert allocations(one_after_another, size) == 0


def test_gradients_that_a_function_keeps_stay_what_they_are():
    """Where the function is differentiated, its gradients come in kept memory."""

    @numba.njit
    def function(x):
        held = [gradient(x * k)[::-1] for k in range(1, 2 * ENTRIES)]
        total = 0.0
        for k in range(len(held)):
            total += held[k][-1] * (k + 1)
        return total, held[0], gradient(x)

    x = np.random.default_rng(0).random(3)
    total, first, last = numgrad.jacobian(function)(x)
    expected = sum(k**2 * rosenbrock_hessian(x * k)[0] for k in range(1, 2 * ENTRIES))
    assert_allclose(total, expected, rtol=1e-12)
    assert_allclose(first, rosenbrock_hessian(x)[::-1], rtol=1e-12)
    assert_allclose(last, rosenbrock_hessian(x), rtol=1e-12)


def test_threads_have_memory_of_their_own():
    points = np.random.default_rng(0).random((4, 30))
    expected = [gradient(x) for x in points]
    failures = []

    @numba.njit(nogil=True)
    def compare(x, out, expected):
        wrong = 0
        for _ in range(2000):
            gradient(x, out)
            wrong += (out != expected).any()
        return wrong

    def work(k):
        failures.append(compare(points[k], np.empty(30), expected[k]))

    compare(points[0], np.empty(30), expected[0])
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [0] * 4


def fails_late(x, limit):
    total = 0.0
    for i in range(x.size):
        total += x[i] ** 2
    if total > limit:
        raise ValueError("too long")
    return total


def test_memory_is_sound_after_exceptions():
    derive = numgrad.grad(fails_late)
    x, out = np.arange(1.0, 5.0), np.zeros(4)
    for _ in range(2 * ENTRIES):
        with pytest.raises(ValueError, match="too long"):
            derive(x, 1.0, out=out)
        assert_array_equal(derive(x, 1e9, out=out), 2.0 * x)


def test_results_may_overlap_the_inputs():
    """Passes after the first read the inputs again."""

    @numba.njit
    def weighted(x, weights):
        return (weights * x**2).sum()

    derive = numgrad.grad(weighted)
    x, weights = np.linspace(1.0, 2.0, 200), np.linspace(3.0, 4.0, 200)
    expected = 2.0 * weights * x
    for given in (x.copy(), weights.copy()):
        pair = (given, weights) if given[0] == x[0] else (x, given)
        assert_allclose(derive(*pair, out=given), expected, rtol=1e-14)
        assert_allclose(given, expected, rtol=1e-14)


def test_results_must_not_overlap_each_other():
    place = np.zeros(2)
    derive = numgrad.jacobian(lambda x: (x[0], x[1]))
    with pytest.raises(ValueError, match="share memory"):
        derive(np.ones(2), out=(place, place))
    assert not place.any()


@pytest.mark.parametrize(
    ("out", "error"),
    [
        ((np.empty(3),), TypeError),
        (np.empty(3), TypeError),
        ((np.empty(3), np.empty(3, np.float32)), TypeError),
        ((np.empty(3), np.empty((3, 1))), TypeError),
        ((np.empty(3), np.empty(2)), ValueError),
    ],
)
def test_out_of_a_jvp_must_fit(out, error):
    x = np.ones(3)
    with pytest.raises(error, match="out"):
        numgrad.jvp(itself, (x,), (x,), out=out)


def test_out_must_be_writable():
    place = np.zeros(3)
    place.flags.writeable = False
    with pytest.raises(TypeError, match="writable"):
        gradient(np.ones(3), out=place)


def test_jvp_and_hvp_without_compiling_take_out():
    x, v, line, other = np.random.default_rng(0).random((4, 3))
    numgrad.jvp(itself.py_func, (x,), (v,), out=(line, other), jit=False)
    assert_array_equal(other, v[::-1])
    numgrad.hvp(rosenbrock.py_func, x, v, out=line, jit=False)
    assert_allclose(line, rosenbrock_hessian(x) @ v, rtol=1e-12)
