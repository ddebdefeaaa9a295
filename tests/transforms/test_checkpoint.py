"""Functions that run again in the sweep, against the same without."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.drivers.reverse.iterated import next_position
from numgrad.numbers.tape import memory, threads

U, RATE, X = np.linspace(0.1, 1.0, 5), 0.2, np.ones((2, 3))


@njit
def block(u, pair, count, x):
    for _ in range(count):
        u = u + pair[0] * np.sin(u) * pair[1] + 0.001 * np.sum(x)
    return u, np.sum(u) * pair[0]


@njit
def several(u, rate, x):
    total = 0.0
    for _ in range(4):
        u, number = block(u, (rate, 2.0 * rate), 10, x)
        total += number
    return np.sum(u**2) + total


checkpointed = numgrad.checkpoint(block)


@njit
def several_checkpointed(u, rate, x):
    total = 0.0
    for _ in range(4):
        u, number = checkpointed(u, (rate, 2.0 * rate), 10, x)
        total += number
    return np.sum(u**2) + total


def test_the_same_with_fewer_statements():
    assert several_checkpointed(U, RATE, X) == several(U, RATE, X)
    expected = numgrad.grad(several, (0, 1, 2), mode="reverse")(U, RATE, X)
    many = threads.last_size(memory.LAST_STATEMENTS)
    found = numgrad.grad(several_checkpointed, (0, 1, 2), mode="reverse")(U, RATE, X)
    assert threads.last_size(memory.LAST_STATEMENTS) < many / 2
    for got, wanted in zip(found, expected, strict=True):
        assert_allclose(got, wanted, rtol=1e-12)
    forward = numgrad.grad(several_checkpointed, mode="forward")(U, RATE, X)
    assert_allclose(forward, expected[0], rtol=1e-12)


@pytest.mark.thorough
def test_second_order():
    expected = numgrad.hessian(several, mode="forward")(U, RATE, X)
    found = numgrad.hessian(several_checkpointed, mode="reverse")(U, RATE, X)
    assert_allclose(found, expected, rtol=1e-11)


@njit
def square(u):
    return u * u


@numgrad.checkpoint
@njit
def by_function(function, u, nothing=None):
    return function(u) * u


def test_functions_among_the_arguments():
    f = njit(lambda u: np.sum(by_function(square, u)) + np.sum(by_function(square, u, None)))
    assert_allclose(numgrad.grad(f, mode="reverse")(U), 6.0 * U**2)


def test_products_go_forward_through_what_cannot_run_again():
    doubled = numgrad.checkpoint(njit(lambda some: some[0] * 2.0))
    f = njit(lambda x: doubled([x[0] * x[1], x[2]]) * np.sum(x))
    x, v = np.linspace(0.1, 1.0, 12), np.ones(12)
    with pytest.raises(numgrad.DifferentiationError, match="only numbers"):
        numgrad.hvp(f, x, v, mode="reverse")
    assert_allclose(numgrad.hvp(f, x, v), numgrad.hvp(f, x, v, mode="forward"))


@njit
def mixed(given, factor):
    u, constant, power = given
    return np.sum(u * constant) ** power * factor


mixed_again = numgrad.checkpoint(mixed)
steps_of_mixed = numgrad.iterate(
    njit(lambda u, given: u * given[0] * given[1] ** given[2] + given[3]), 3
)


CONSTANT = np.array([1.0, 3.0])


@njit
def of_mixed(x):
    given = steps_of_mixed(x, (x[0], 0.5, 2, CONSTANT))
    return mixed_again((given, CONSTANT, 2), x[1])


@njit
def of_mixed_without(x):
    u = x
    for _ in range(3):
        u = u * x[0] * 0.5**2 + CONSTANT
    return mixed((u, CONSTANT, 2), x[1])


def test_constants_in_one_tuple_with_what_has_derivatives():
    """By these there is no product."""
    expected = numgrad.grad(of_mixed_without, mode="forward", jit=False)(TWO)
    assert_allclose(numgrad.grad(of_mixed, mode="reverse")(TWO), expected, rtol=1e-13)


@pytest.mark.thorough
def test_products_through_constants_in_one_tuple():
    v = np.array([1.0, -1.0])
    expected = numgrad.hvp(of_mixed_without, TWO, v, mode="forward")
    assert_allclose(numgrad.hvp(of_mixed, TWO, v, mode="reverse"), expected, rtol=1e-13)


# Complex numbers: against the same without, and by hand


@njit
def turning(z, pair, x):
    """Complex and real arguments and results, of a function that is not holomorphic."""
    for _ in range(3):
        z = z * pair[0] + np.conj(z) * pair[1] * x[0] + 0.1j * np.abs(z[0])
    return z, np.sum(z) * pair[0], np.abs(z[1]) * x


turning_again = numgrad.checkpoint(turning)


def of_turning(function):
    @njit
    def f(z, x):
        w, number, reals = function(z * 2.0, (x[0] + 0.5j, x[1]), x)
        w, number, reals = function(w * number, (number, x[1]), reals * x)
        return np.sum(w.real * w.imag) + number.real * number.imag + np.sum(reals)

    return f


Z = np.array([0.3 - 0.2j, -0.1 + 0.4j, 0.2 + 0.1j])
TWO = np.array([0.7, -0.4])


def both_parts(f, z, *others, jit=True):
    """Return what vjp gives by z: by each part, with the second one's sign changed."""
    return numgrad.vjp(f, (z, *others), 1.0, jit=jit)[1]


def test_complex_numbers_run_again():
    found = both_parts(of_turning(turning_again), Z, TWO)
    expected = both_parts(of_turning(turning), Z, TWO, jit=False)
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other, rtol=1e-12)
    f, step = of_turning(turning), 1e-6
    for k in range(Z.size):
        unit = np.zeros(Z.size, complex)
        for part, got in ((step, found[0][k].real), (1j * step, -found[0][k].imag)):
            unit[k] = part
            assert_allclose((f(Z + unit, TWO) - f(Z - unit, TWO)) / (2 * step), got, rtol=1e-7)


@njit
def turn(state, rate):
    z, t = state
    return z + 1j * rate * z * np.abs(z) * t, t * 0.99 + 0.01 * z[0].real


def turned(steps):
    @njit
    def f(z, rate):
        w, t = steps((z, rate.real), rate)
        return np.sum(w * w).real * t + w[1].imag

    return f


@njit
def turn_seven_times(state, rate):
    for _ in range(7):
        state = turn(state, rate)
    return state


def test_complex_states():
    rate = 0.3 + 0.1j
    expected = both_parts(turned(turn_seven_times), Z, rate, jit=False)
    found = both_parts(turned(numgrad.iterate(turn, 7, 2)), Z, rate)
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other, rtol=1e-12)


@pytest.mark.thorough
@pytest.mark.parametrize("inner", ["forward", "reverse"])
def test_second_order_through_complex_numbers(inner):
    """By real inputs, of which complex ones are made."""

    def real(function):
        return njit(lambda x: function(x[:3] * (1.0 + 2.0j * x[3]), x[:2]))

    x = np.array([0.3, -0.2, 0.1, 0.5])
    again, plain = (real(of_turning(f)) for f in (turning_again, turning))
    expected = numgrad.hessian(plain, mode="forward")(x)
    gradient = numgrad.grad(again, mode="reverse")
    assert_allclose(numgrad.jacobian(gradient, mode=inner)(x), expected, rtol=1e-10, atol=1e-12)


def test_what_cannot_run_again():
    @njit
    def overwritten(u):
        u[0] = 1.0
        return u.sum()

    @njit
    def listed(u):
        results = [u[0]]
        results.append(u[1])
        return results

    @njit
    def random(u):
        return u.sum() * np.random.random()  # noqa: NPY002

    refused = (
        (overwritten, "may write"),
        (listed, "must return floats"),
        (random, "draws random numbers"),
    )
    for function, message in refused:
        again = numgrad.checkpoint(function)
        with pytest.raises((TypeError, numgrad.DifferentiationError), match=message):
            numgrad.grad(lambda u: again(u), mode="reverse")(U.copy())  # noqa: B023


@njit
def step(state, rate, x):
    u, t = state
    new = u.copy()
    for i in range(1, u.size - 1):
        new[i] += rate * (u[i - 1] - 2.0 * u[i] + u[i + 1]) * np.cos(t)
    return new, t * 0.999 + 0.001 * u[1] + 0.0001 * x[0, 0]


@njit
def stepped(u, rate, x):
    state = (u, rate * 2.0)
    for _ in range(23):
        state = step(state, rate, x)
    return np.sum(state[0] ** 2) * state[1]


def iterated(states):
    repeated = numgrad.iterate(step, 23, states)

    @njit
    def f(u, rate, x):
        u, t = repeated((u, rate * 2.0), rate, x)
        return np.sum(u**2) * t

    return f


def test_every_number_of_states_gives_the_same_bits():
    expected = numgrad.grad(stepped.py_func, (0, 1, 2), jit=False)(U, RATE, X)
    first = None
    for states in (None, 1):
        f = iterated(states)
        assert f(U, RATE, X) == stepped(U, RATE, X)
        found = numgrad.grad(f, (0, 1, 2), mode="reverse")(U, RATE, X)
        for got, wanted in zip(found, expected, strict=True):
            assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)
        first = first or found
        for got, wanted in zip(found, first, strict=True):
            assert_array_equal(got, wanted)


@pytest.mark.thorough
def test_second_order_of_steps():
    expected = numgrad.hessian(stepped, mode="forward")(U, RATE, X)
    found = numgrad.hessian(iterated(None), mode="reverse")(U, RATE, X)
    assert_allclose(found, expected, rtol=1e-11, atol=1e-14)


@njit
def in_place(u, rate):
    u[1:-1] = u[1:-1] + rate * (u[:-2] - 2.0 * u[1:-1] + u[2:])
    return u


def test_a_step_that_writes_to_its_state():
    repeated, given = numgrad.iterate(in_place, 6), U.copy()
    expected = U.copy()
    for _ in range(6):
        in_place(expected, RATE)
    assert_array_equal(repeated(given, RATE), expected)
    assert_array_equal(given, U)
    gradient = numgrad.grad(lambda u: np.sum(repeated(u, RATE) ** 2), mode="reverse")(given)
    assert_array_equal(given, U)
    matrix = np.stack([repeated(row, RATE) for row in np.eye(5)], axis=1)  # it is linear
    assert_allclose(gradient, 2.0 * matrix.T @ (matrix @ U), rtol=1e-13)


@njit
def step_that_returns_another(state, other):
    state[0] += 1.0
    return other


def test_a_step_that_returns_another_argument():
    steps, other = numgrad.iterate(step_that_returns_another, 3), np.array([1.0, 2.0])
    assert_array_equal(steps(np.zeros(2), other), [1.0, 2.0])
    for mode in ("forward", "reverse"):
        assert_array_equal(numgrad.jacobian(steps, 1, mode=mode)(np.zeros(2), other), np.eye(2))
    assert_array_equal(other, [1.0, 2.0])


def test_no_step_and_one():
    for count in (0,):
        repeated = numgrad.iterate(in_place, count)
        matrix = np.stack([repeated(row, RATE) for row in np.eye(5)], axis=1)
        gradient = numgrad.grad(lambda u: np.sum(repeated(u, RATE) ** 2), mode="reverse")(U)  # noqa: B023
        assert_allclose(gradient, 2.0 * matrix.T @ (matrix @ U), rtol=1e-13)


@pytest.mark.parametrize(("steps", "states"), [(1000, 3), (1000, 12), (64, 6), (5, 5), (2, 2)])
def test_revolve_computes_few_steps_again(steps, states):
    """As few as the binomial coefficients allow: no step more than r times, C(s + r, s) >= n."""
    repetitions, reach = 0, 1
    while reach < steps:
        repetitions += 1
        reach = reach * (repetitions + states) // repetitions
    positions, last, computed = [0], steps, np.zeros(steps, int)
    while last > 0:
        at = positions[-1]
        while last - at > 1:
            target = last - 1
            if len(positions) < states:
                target = next_position.py_func(at, last, states - len(positions) + 1)
                assert at < target < last
            computed[at:target] += 1
            at = target
            if len(positions) < states:
                positions.append(at)
        last -= 1
        while positions and positions[-1] >= last:
            positions.pop()
    assert computed.max() <= repetitions


def test_arguments_of_iterate():
    for n, states, error in ((-1, None, ValueError), (2, 0, ValueError), (2.0, None, TypeError)):
        with pytest.raises(error, match="iterate"):
            numgrad.iterate(in_place, n, states)
    with pytest.raises(TypeError, match="the state must be a float"):
        numgrad.iterate(in_place, 2)(3, RATE)
    with pytest.raises(TypeError, match="may write to its argument 1"):
        numgrad.iterate(njit(lambda u, v: in_place(v, u)), 2)(RATE, U.copy())


def test_several_sweeps_over_one_tape():
    """What runs again in one sweep leaves the statements that the next one needs."""

    @njit
    def both(u, rate, x):
        v, number = checkpointed(u, (rate, 0.5), 10, x)
        w, other = checkpointed(v * number, (rate, 1.5), 10, x)
        return w * other, number + other * v[0]

    found = numgrad.jacobian(both, mode="reverse")(U, RATE, X)
    expected = numgrad.jacobian(both.py_func, mode="forward", jit=False)(U, RATE, X)
    for got, wanted in zip(found, expected, strict=True):
        assert_allclose(got, wanted, rtol=1e-12)
