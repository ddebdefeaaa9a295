"""Derivatives on Python threads and in forked processes, each a program of its own."""

import os

import pytest

from tests.test_safety import layer, run

__all__ = ["layer"]  # a fixture

START = """
import os, threading, warnings
import numba, numpy as np, numgrad

warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: forks beside threads

@numba.njit
def wave(x):
    return x * np.sin(x)

@numba.njit
def squares(x):
    total = 0.0
    for number in x:
        total += number * number
    return total

slope, gradient = numgrad.derivative(wave), numgrad.grad(squares)
gradients = numgrad.vmap(gradient)
x, points = np.linspace(-3.0, 3.0, 150_000), np.linspace(0.0, 1.0, 60_000).reshape(10_000, 6)
many = np.linspace(0.0, 1.0, 2000)
answer = np.sin(x) + x * np.cos(x)

def right():
    return (
        np.allclose(slope(x), answer, rtol=1e-12, atol=1e-14)
        and np.array_equal(gradients(points), 2.0 * points)
        and np.array_equal(gradient(many), 2.0 * many)
    )

def right_in_child():
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if right() else 2
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0
"""


THREADS = """
wrong = []

def work():
    for _ in range(10):
        if not right():
            wrong.append(1)

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert right()
assert not wrong, len(wrong)
assert numba.threading_layer() == os.environ["NUMBA_THREADING_LAYER"]
"""

FORK = """
assert right()
assert right_in_child()
assert right()
"""

# Items start no threads of their own: these are large enough to be shared among threads by
# themselves, and then only the items are.
ITEMS = """
large = np.linspace(0.0, 1.0, 8_000).reshape(4, 2_000)
assert np.array_equal(gradients(large), 2.0 * large)
assert numba.threading_layer() == "workqueue"
"""

MORE_ITEMS = """
stacked = points.reshape(2, 5_000, 6)
assert np.array_equal(numgrad.vmap(gradients)(stacked), 2.0 * stacked)
wide = np.stack([x, x])
assert np.array_equal(numgrad.vmap(slope)(wide), slope(wide))
assert numba.threading_layer() == "workqueue"
"""


def test_forks_and_python_threads(layer):
    """One program for all, since compiling takes the time."""
    program = START + (FORK if hasattr(os, "fork") else "") + THREADS
    if layer == "workqueue":
        run(program + ITEMS, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="3")
    else:
        run(program, NUMBA_THREADING_LAYER=layer)


@pytest.mark.thorough
def test_items_of_items_and_of_points():
    run(START + MORE_ITEMS, NUMBA_THREADING_LAYER="workqueue", NUMBA_NUM_THREADS="3")


def test_one_thread():
    run(START + "assert right()", NUMBA_NUM_THREADS="1")
