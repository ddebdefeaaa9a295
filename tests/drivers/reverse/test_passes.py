"""Reverse mode against forward mode, and both against differences."""

import threading
import time
from functools import cache

import numpy as np
import pytest
from numba import njit, prange, types
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.numbers.tape import sweeping, threads
from numgrad.numbers.tape.type import NodeType
from tests.drivers.reverse import programs, sums
from tests.twin.lines import differences

POINTS = [np.array([0.7, 1.3, 0.4, 2.1]), np.array([1.1, 0.6, 1.7, 0.9])]


def all_of(some):
    """Return the function that computes all programs, compiled once."""
    called = ", ".join(f"{name}(x)" for name in some)
    names = vars(programs) | vars(sums) | {"np": np}
    exec(f"def f(x):\n    return np.array([{called}])\n", names)
    return njit(names["f"])


@pytest.mark.parametrize("some", [programs.PROGRAMS, sums.SUMS], ids=["programs", "sums"])
def test_as_differences(some):
    reverse = numgrad.jacobian(all_of(some), mode="reverse")
    for x in POINTS:
        for found, (name, function) in zip(reverse(x), some.items(), strict=True):
            assert_allclose(found, differences(function, x), 1e-6, 1e-6, err_msg=name)


@pytest.mark.thorough
@pytest.mark.parametrize("some", [programs.PROGRAMS, sums.SUMS], ids=["programs", "sums"])
def test_as_forward(some):
    f = all_of(some)
    reverse, forward = (numgrad.jacobian(f, mode=mode) for mode in ("reverse", "forward"))
    for x in POINTS:
        for found, expected, name in zip(reverse(x), forward(x), some, strict=True):
            assert_allclose(found, expected, 1e-12, 1e-12, err_msg=name)


def both(transform, f, *arguments, **settings):
    """Return what compiled code computes backward, and plain Python forward."""
    yield transform(f, mode="reverse", **settings)(*arguments)
    yield transform(f, mode="forward", jit=False, **settings)(*arguments)


# Derivatives of derivatives


def cubic(x, a):
    return x**3 * a


def shifted(y, x):
    return x * y + y * y


slopes = {mode: numgrad.grad(cubic, mode=mode) for mode in ("reverse", "forward")}
slopes_by_y = {mode: numgrad.grad(shifted, mode=mode) for mode in ("reverse", "forward")}


def interleaved(mode):
    """Return a function in which derivatives are taken at constants, and at what is active."""
    slope, slope_by_y = slopes[mode], slopes_by_y[mode]

    def f(x):
        constant = x[0] * slope(2.0, 3.0)
        active = slope(x[1], x[0])
        confused = x[2] * slope_by_y(1.0, x[2])
        return constant * active + confused * slope(x[0] * x[1], 2.0)

    return njit(f)


def interleaved_by_hand(x):
    constant, active, confused = x[0] * 36.0, 3.0 * x[1] ** 2 * x[0], x[2] * (x[2] + 2.0)
    return constant * active + confused * 6.0 * (x[0] * x[1]) ** 2


@pytest.mark.parametrize("inner", ["reverse", "forward"])
@pytest.mark.parametrize("outer", ["reverse", "forward"])
def test_interleaved(outer, inner):
    x = POINTS[0]
    f = interleaved(inner)
    assert_allclose(f(x), interleaved_by_hand(x), 1e-14)
    found = numgrad.grad(f, mode=outer)(x)
    assert_allclose(found, differences(interleaved_by_hand, x), 1e-7)


def coupled(x):
    s = 0.0
    for i in range(x.size):
        s += x[i] * x[i - 1] ** 2
    return np.exp(0.1 * s) * x[0] + s**2


@cache
def nested(modes):
    """Return the derivative of the derivative, the innermost mode last."""
    f = njit(coupled)
    for k, mode in enumerate(reversed(modes)):
        f = (numgrad.jacobian if k else numgrad.grad)(f, mode=mode)
    return f


SECOND = [("reverse", "reverse"), ("forward", "reverse"), ("reverse", "forward")]


@pytest.mark.parametrize("modes", SECOND, ids=" over ".join)
def test_second_order(modes):
    x = POINTS[0]
    expected = nested(("forward", "forward"))(x)
    assert_allclose(nested(modes)(x), expected, 1e-12, 1e-12)


@pytest.mark.thorough
def test_third_order():
    x = POINTS[0][:3]
    expected = nested(("forward",) * 3)(x)
    for modes in (("reverse",) * 3, ("reverse", "forward", "reverse")):
        assert_allclose(nested(modes)(x), expected, 1e-12, 1e-12, err_msg=str(modes))


# Kinds of numbers and of arguments


def not_holomorphic(z):
    w = z
    for _ in range(3):
        w = w * np.conj(z) + abs(w) * z.imag
    return w


def test_complex_functions():
    z = np.array([0.3 + 0.4j, -0.7 + 0.2j])
    inner = njit(not_holomorphic)
    real = njit(lambda z: inner(z[0]).real * abs(z[1]) + inner(z[1]).imag)
    found, expected = both(numgrad.grad, real, z)
    assert_allclose(found, expected, 1e-12, 1e-12)
    of_parts = njit(lambda p: inner(complex(p[0], p[1])))
    found, expected = both(numgrad.jacobian, of_parts, np.array([0.3, 0.4]))
    assert found.dtype == np.complex128
    assert_allclose(found, expected, 1e-12, 1e-12)
    step = 1e-6
    for k, unit in enumerate(np.eye(2)):
        p, h = np.array([0.3, 0.4]), step * unit
        difference = (of_parts.py_func(p + h) - of_parts.py_func(p - h)) / (2.0 * step)
        assert_allclose(found[k], difference, 1e-8)


def test_tuples():
    def f(pair, y, n):
        (a, b), k = pair, 0
        while k < n:
            a, b = a * b[0] + y, b * a
            k += 1
        return a * y, (b * y, n), b.sum() > 0.0

    arguments = (1.5, np.array([0.5, 2.0])), 0.7, 3
    found, expected = both(numgrad.jacobian, njit(f), *arguments, argnums=(0, 1))
    flat = [np.concatenate([np.ravel(x) for x in leaves(each)]) for each in (found, expected)]
    assert_allclose(*flat, 1e-12)
    assert len(flat[0]) == 3 + 1 + 2 * 3 + 2


def leaves(tree):
    if isinstance(tree, tuple):
        return [leaf for each in tree for leaf in leaves(each)]
    return [] if tree is None else [tree]


def test_single_precision():
    def f(x):
        s, y = x[0], x[1]
        for i in range(x.size):
            s += x[i] * x[i - 1]
            y = np.sin(y) * s
        return s * y

    f = njit(f)
    found, expected = both(numgrad.grad, f, POINTS[0].astype(np.float32))
    assert found.dtype == np.float32
    assert_allclose(found, expected, 1e-5)
    assert_allclose(found, numgrad.grad(f, mode="forward")(POINTS[0]), 1e-5)


def relax(x, out, rounds):
    """Write to both arrays."""
    out[:] = x
    for _ in range(rounds):
        for i in range(out.size):
            out[i] = 0.5 * (out[i - 1] + x[i] * out[i])
        x[0] *= 1.1


def test_functions_that_write_their_arguments():
    found, outs, xs = {}, {}, {}
    for mode in ("reverse", "forward"):
        xs[mode], outs[mode] = POINTS[0].copy(), np.zeros(4)
        derive = numgrad.jacobian(njit(relax), out_argnum=1, mode=mode)
        found[mode] = derive(xs[mode], outs[mode], 3)
    assert_allclose(found["reverse"], found["forward"], 1e-12)
    expected_x, expected_out = POINTS[0].copy(), np.zeros(4)
    relax(expected_x, expected_out, 3)
    for mode in ("reverse", "forward"):
        assert_allclose(xs[mode], expected_x, 1e-15)
        assert_allclose(outs[mode], expected_out, 1e-15)


# The tape


NODE = NodeType(types.float64, 1)


@njit
def counters():
    """Return how many statements and leaves there are on the tape of the thread."""
    before = sweeping.open_tape(NODE, 0)
    sweeping.close_tape(NODE, before)
    return before


def raises_late(x, limit):
    total, y = 0.0, 1.0
    for i in range(x.size):
        total += x[i] ** 2
        y *= np.sin(x[i])
    if total > limit:
        raise ValueError("too long")
    return total + y


def test_calls_that_raise_leave_the_tape_as_it_was():
    derive = numgrad.grad(njit(raises_late), mode="reverse")
    within = njit(lambda x, limit: x[0] * derive(x, limit)[1])
    outer = numgrad.grad(within, mode="reverse")
    x = np.linspace(0.5, 2.0, 500)
    expected = derive(x, 1e9), outer(x, 1e9)
    used, memory = counters(), threads.STATE[threads.ALLOCATED]
    for _ in range(1000):
        with pytest.raises(ValueError, match="too long"):
            derive(x, 1.0)
        with pytest.raises(ValueError, match="too long"):
            outer(x, 1.0)
    assert counters() == used == (1, 1)
    assert threads.STATE[threads.ALLOCATED] == memory
    assert (derive(x, 1e9) == expected[0]).all()
    assert (outer(x, 1e9) == expected[1]).all()


def test_tapes_that_are_full():
    """Sweeps whose adjoints are numbers with derivatives may be broken off too."""
    derive, x, failed = nested(("reverse", "reverse")), np.linspace(0.1, 0.6, 300), 0
    messages = set()
    expected, limit = derive(x), threads.STATE[threads.LIMIT]
    for room in range(0, 1_000_000, 25_000):
        threads.release()
        threads.STATE[threads.LIMIT] = threads.STATE[threads.ALLOCATED] + room
        try:
            derive(x)
        except MemoryError as error:
            messages.add(str(error))
            failed += 1
        finally:
            threads.STATE[threads.LIMIT] = limit
        assert_allclose(derive(x), expected, 1e-13, err_msg=str(room))
    assert 5 < failed < 40
    assert all("the tape of reverse mode would take more" in each for each in messages)


@njit(error_model="numpy")
def steep(x):
    return np.array([np.log(x[0]), np.sqrt(x[0]), np.arccosh(x[0]), x[1]])


def test_infinite_slopes_of_other_results():
    """A number that a result doesn't depend on takes nothing from it, however steep it is."""
    found, expected = both(numgrad.jacobian, steep, np.array([0.0, 1.0]))
    assert_array_equal(found, expected)
    assert_array_equal(found[:2, 0], [np.inf, np.inf])


def test_nan_that_is_due_is_not_looked_at_again():
    """The value is nan: forward passes by 10,000 inputs would find no derivative."""
    x = np.full(10_000, np.nan)
    gradient = numgrad.grad(njit(lambda x: np.sum(x * x)), mode="reverse")
    assert np.isnan(gradient(x)).all()


def test_caught_within_a_function():
    """What was recorded before an error that the function catches has no part in the result."""
    fails = njit(raises_late)

    @njit
    def f(x):
        y = x[0] * x[1]
        try:
            y = y * fails(x, 1.0)
        except Exception:
            y = y * x[2]
        return y * x[0]

    found, expected = both(numgrad.grad, f, POINTS[0])
    assert_allclose(found, expected, 1e-12)


def test_threads_have_tapes_of_their_own():
    some = {name: sums.SUMS[name] for name in ("plain_sum", "nested_loops", "copies")}
    derive, wrong = numgrad.jacobian(all_of(some), mode="reverse"), []
    points = np.random.default_rng(0).uniform(0.2, 2.0, (8, 4))
    expected = [derive(x) for x in points]
    before = threads.STATE[threads.ALLOCATED]

    @njit(nogil=True)
    def compare(x, expected):
        count = 0
        for _ in range(2000):
            count += np.abs(derive(x) - expected).max() > 1e-12
        return count

    def work(k):
        wrong.append(compare(points[k], expected[k]))

    compare(points[0], expected[0])
    workers = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == [0] * 8
    end = time.monotonic() + 10.0  # Python doesn't wait for what a thread leaves to the system
    while threads.STATE[threads.ALLOCATED] != before and time.monotonic() < end:
        time.sleep(0.01)
    assert threads.STATE[threads.ALLOCATED] == before


@njit
def cube_of_first(t):
    return t[0] ** 3


@njit
def by_a_rule(x):
    return x**3


@numgrad.rule(by_a_rule)
def _(x):
    return x**3, numgrad.grad(cube_of_first, mode="reverse")(np.array([x, 1.0]))[0]


def test_rule_that_takes_a_derivative():
    """It writes on the tape of the function that calls it, behind what is there."""

    @njit
    def f(x):
        s, u = x[0] * x[1], np.empty(x.size)
        for i in range(x.size):
            u[i] = x[i] * s + x[i - 1]
            s = by_a_rule(u[i]) * x[i]
        return s + u.sum()

    x = np.linspace(0.3, 0.9, 5)
    reverse, forward = (numgrad.grad(f, mode=mode)(x) for mode in ("reverse", "forward"))
    assert_allclose(reverse, forward, 1e-13)


def test_in_parallel_loops():
    """Each thread has a tape of its own, in `prange` and in `vmap`."""
    points = np.random.default_rng(8).normal(size=(300, 70))

    @njit
    def wave(x):
        total = 0.0
        for i in range(x.size - 1):
            total += np.sin(x[i]) * x[i + 1]
        return total

    gradient = numgrad.grad(wave, mode="reverse")

    @njit(parallel=True)
    def at_all(points):
        slopes = np.empty_like(points)
        for k in prange(points.shape[0]):
            slopes[k] = gradient(points[k])
        return slopes

    expected = np.stack([gradient(x) for x in points])
    assert (at_all(points) == expected).all()
    assert (numgrad.vmap(gradient)(points) == expected).all()


@njit
def of_complex_array(x):
    c = np.empty((2, x.size), np.complex128)
    c[0] = x * (1.0 + 2.0j)
    c[1] = c[0] * x[0]
    return np.abs(c[1, 1]) * c.real[0, 0] + c[1, 0].imag


@njit
def along_ones(x):
    return numgrad.jvp(of_complex_array, (x,), (np.ones(2),))[1]


def test_backward_over_complex_arrays_that_carry_tangents():
    found, expected = both(numgrad.grad, along_ones, np.array([0.7, 1.3]))
    assert_allclose(found, expected, rtol=1e-13)


@njit
def some_constant(x, y):
    return 2.0, x * x * y, 3.0 * y, 2.0j * y


def test_second_derivatives_of_results_that_are_constant():
    """They are no nodes, though all that is swept carries the outer derivative."""
    inner = numgrad.jacobian(some_constant, mode="reverse")
    x, y = np.array([1.5, -2.0]), 3.0
    found = numgrad.jacobian(inner, argnums=(0, 1))(x, y)
    by_x, by_y = zip(*found, strict=True)
    squares = np.zeros((2, 2, 2))
    squares[[0, 1], [0, 1], [0, 1]] = 2.0 * y
    for each, zeros, expected in (
        (by_x, np.zeros((2, 2)), squares),
        (by_y, np.zeros(2), np.diag(2.0 * x)),
    ):
        assert_allclose(each[1], expected)
        for constant in (0, 2, 3):
            assert_array_equal(each[constant], zeros)
    assert_array_equal(numgrad.hessian(lambda x: 2.0, mode="reverse")(x), np.zeros((2, 2)))
    assert numgrad.sparse_hessian(lambda x: 2.0)(x).nnz == 0
