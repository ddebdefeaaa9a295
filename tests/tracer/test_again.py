"""Functions that run again in a sweep, in plain Python, against the same without."""

import itertools
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.transforms import test_checkpoint as compiled

U, RATE, X = compiled.U, compiled.RATE, compiled.X
MODES = ("forward", "reverse")


@pytest.mark.parametrize("mode", MODES)
def test_checkpoints(mode):
    found, expected = (
        numgrad.grad(f, (0, 1, 2), mode=mode, jit=False)(U, RATE, X)
        for f in (compiled.several_checkpointed, compiled.several)
    )
    for got, wanted in zip(found, expected, strict=True):
        assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.parametrize("modes", list(itertools.product(MODES, repeat=2)), ids=" over ".join)
@pytest.mark.parametrize("name", ["checkpoint", "iterate"])
def test_second_order(name, modes):
    outer, inner = modes
    plain, again = {
        "checkpoint": (compiled.several, compiled.several_checkpointed),
        "iterate": (compiled.stepped, compiled.iterated(3)),
    }[name]
    gradients = (
        numgrad.grad(f, mode=mode, jit=False) for f, mode in ((plain, "forward"), (again, inner))
    )
    expected, found = (
        numgrad.jacobian(gradient, mode=mode, jit=False)(U, RATE, X)
        for gradient, mode in zip(gradients, ("forward", outer), strict=True)
    )
    assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_every_number_of_states_gives_the_same_bits():
    expected = numgrad.grad(compiled.stepped, (0, 1, 2), jit=False)(U, RATE, X)
    first = None
    for states in (None, 1, 2, 23):
        f = compiled.iterated(states)
        found = numgrad.grad(f, (0, 1, 2), mode="reverse", jit=False)(U, RATE, X)
        for got, wanted in zip(found, expected, strict=True):
            assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)
        first = first or found
        for got, wanted in zip(found, first, strict=True):
            assert_array_equal(got, wanted)


@pytest.mark.parametrize("count", [0, 1, 6])
def test_a_step_that_writes_to_its_state(count):
    step, given = compiled.in_place.py_func, U.copy()
    repeated = numgrad.iterate(step, count)
    gradient = numgrad.grad(lambda u: np.sum(repeated(u, RATE) ** 2), mode="reverse", jit=False)
    matrix = np.linalg.matrix_power(np.stack([step(row, RATE) for row in np.eye(5)], 1), count)
    assert_allclose(gradient(given), 2.0 * matrix.T @ (matrix @ U), rtol=1e-13)
    assert_array_equal(given, U)


def diffuse(u, rate):
    new = u.copy()
    for i in range(1, u.size - 1):
        new[i] += rate * (u[i - 1] - 2.0 * u[i] + u[i + 1])
    return new


def peak(f, *arguments):
    gradient = numgrad.grad(f, mode="reverse", jit=False)
    tracemalloc.start()
    try:
        found = gradient(*arguments)
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory():
    after = numgrad.iterate(diffuse, 25)

    def direct(u, rate):
        for _ in range(25):
            u = diffuse(u, rate)
        return np.sum(u**2)

    u = np.linspace(0.0, 1.0, 12) ** 2
    expected, all_of_it = peak(direct, u, 0.2)
    found, little = peak(lambda u, rate: np.sum(after(u, rate) ** 2), u, 0.2)
    assert_allclose(found, expected, rtol=1e-13)
    assert little < all_of_it / 4


def test_what_it_runs_again_is_what_it_was_given():
    """Arrays of whole numbers and of floats that are written to after the call."""

    @numgrad.checkpoint
    def picked(x, k, weights):
        return x[k[0]] * weights[0] * x[0]

    def f(x, k, weights):
        y = picked(x, k, weights)
        k[0], weights[0] = 2, 100.0
        return y + picked(x, k, weights)

    given = np.array([1.0, 2.0, 3.0]), np.array([1]), np.array([10.0])
    gradient = numgrad.grad(f, mode="reverse", jit=False)(*given)
    assert_array_equal(gradient, [20.0 + 300.0, 10.0, 100.0])


def test_complex_numbers_and_constants_are_recorded_as_ever():
    @numgrad.checkpoint
    def turned(x, z):
        return x * z * z

    def f(x):
        return np.abs(np.sum(turned(x, 1.0 + 2.0j))) + turned(2.0, 3.0)

    x = np.array([1.0, -2.0, 4.0])
    expected = np.full(3, 5.0)
    assert_allclose(numgrad.grad(f, mode="reverse", jit=False)(x), expected, rtol=1e-14)


def test_a_nan_is_decided_forward():
    @numgrad.checkpoint
    def flat(x):
        return np.sqrt(x[0] - x[0]) + x[1]

    gradient = numgrad.grad(lambda x: flat(x) * 2.0, mode="reverse", jit=False)
    assert_array_equal(gradient(np.array([1.0, 3.0])), [0.0, 2.0])


def test_what_can_not_run_again():
    def overwritten(x):
        x[0] = 2.0 * x[1]
        return np.sum(x)

    def random(x):
        return np.sum(x) * np.random.random()  # noqa: NPY002

    for function, message in ((overwritten, "may write"), (random, "draws random numbers")):
        again = numgrad.checkpoint(function)
        gradient = numgrad.grad(lambda x: again(1.0 * x), mode="reverse", jit=False)  # noqa: B023
        with pytest.raises(TypeError, match=message):
            gradient(np.ones(3))
