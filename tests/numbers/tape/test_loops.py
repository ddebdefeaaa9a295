"""Loops as records of a tape: programs against forward mode, and those that would make it lie."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numba import njit, prange
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.numbers.tape import memory, threads
from tests.numbers.tape.loop_programs import PROGRAMS

SIZES = 15, 40, 70, 300  # statement by statement, as they are, and told in short


def all_of(names):
    """Return the function that computes some programs, compiled once."""
    called = ", ".join(f"{name}(x)" for name in names)
    known = {name: njit(PROGRAMS[name]) for name in names} | {"np": np}
    exec(f"def f(x):\n    return np.array([{called}])\n", known)
    return njit(known["f"])


def point(size):
    return np.random.default_rng(size).uniform(0.2, 1.2, size)


def statements_of(f, *arguments):
    numgrad.grad(f, mode="reverse")(*arguments)
    return threads.last_size(memory.LAST_STATEMENTS), threads.last_size(memory.LAST_LEAVES)


@pytest.mark.parametrize("size", SIZES)
def test_as_forward(both, size):
    reverse, forward = both
    for found, expected, name in zip(
        reverse(point(size)), forward(point(size)), PROGRAMS, strict=True
    ):
        scale = np.abs(expected).max()
        tolerance = 1e-6 if name == "single_precision" else 1e-12
        assert_allclose(found, expected, tolerance, tolerance * scale, err_msg=name)


@pytest.fixture(scope="module")
def both():
    """The derivatives of all programs by both modes: several results, in lanes."""
    f = all_of(PROGRAMS)
    return [numgrad.jacobian(f, mode=mode) for mode in ("reverse", "forward")]


def test_one_result():
    """One sweep, which has other code than lanes."""
    names = ["stencil_in_place", "later_statement_before", "sum_and_elements", "gathered"]
    f = all_of(names)

    @njit
    def one(x):
        return np.sum(f(x) * np.array([1.0, 2.0, 3.0, 4.0]))

    for size in SIZES:
        found, expected = (
            numgrad.grad(one, mode=mode)(point(size)) for mode in ("reverse", "forward")
        )
        assert_allclose(found, expected, 1e-12, 1e-12 * np.abs(expected).max())


@njit
def heat(x, steps):
    u = x.copy()
    for _ in range(steps):
        for i in range(1, u.size - 1):
            u[i] += 0.2 * (x[i - 1] - u[i])
    return np.sum(u)


def test_a_stencil_leaves_little():
    """Three leaves a round are told in a few words: one slot a result is left."""
    few, many = (statements_of(heat, point(2_000), steps) for steps in (1, 11))
    statements, leaves = (after - before for before, after in zip(few, many, strict=True))
    assert statements == 10 * 1_998
    assert leaves == statements


def test_infinite_partials_of_what_nothing_depends_on():
    @njit
    def f(x):
        y = np.empty_like(x)
        for i in range(x.size):
            y[i] = np.sqrt(x[i])
        return y[0] * y[1]

    x = np.ones(50)
    x[7] = 0.0
    gradient = numgrad.grad(f, mode="reverse")(x)
    assert_array_equal(gradient, [0.5, 0.5, *[0.0] * 48])


def test_an_error_amid_a_loop():
    """What was computed before the error has its derivatives still."""

    @njit
    def f(x, zero):
        y = x.copy()
        try:
            for i in range(x.size):
                y[i] = x[i] * x[i]
                y[i + 1 if i + 1 < x.size else i] += 1.0 / (20.0 - zero * i)
        except Exception:
            y[0] = y[0] * 3.0
        return np.sum(y)

    x = point(60)
    for zero in (0.0, 1.0):
        found, expected = (numgrad.grad(f, mode=mode)(x, zero) for mode in ("reverse", "forward"))
        assert_allclose(found, expected, 1e-13)


def test_checked_bounds():
    @njit(boundscheck=True)
    def f(x, n):
        y = x.copy()
        for i in range(n):
            y[i] = x[i] * x[i]
        return np.sum(y)

    x = point(50)
    gradient = numgrad.grad(f, mode="reverse")
    assert_allclose(gradient(x, 50), 2.0 * x)
    with pytest.raises(IndexError):
        gradient(x, 51)
    assert_allclose(gradient(x, 50), 2.0 * x)


def test_a_rule_that_raises():
    @njit
    def cube(x):
        return x**3

    @numgrad.rule(cube)
    def cube_rule(x):
        if x > 5.0:
            raise ValueError("too large")
        return x**3, 3.0 * x**2

    @njit
    def f(x):
        y = np.empty_like(x)
        total = 0.0
        for i in range(x.size):
            y[i] = x[i] * x[0]
            total += cube(y[i])
        return total

    @njit
    def caught(x):
        try:
            return f(x)
        except Exception:
            return x[1] * x[2]

    gradient = numgrad.grad(caught, mode="reverse")
    expected = numgrad.grad(f, mode="forward")(point(40))
    assert_allclose(gradient(point(40)), expected, 1e-12)
    assert_array_equal(gradient(np.full(40, 3.0)), [0.0, 3.0, 3.0, *[0.0] * 37])


def test_nested():
    """Second derivatives: partials that carry something are statements of their own."""

    @njit
    def f(x):
        y, total = np.empty_like(x), 0.0
        for i in range(x.size):
            y[i] = np.sin(x[i]) * x[0]
        for i in range(1, x.size):
            total += y[i] * y[i - 1]
        return total

    x, v = point(40), np.random.default_rng(1).normal(size=40)
    expected = numgrad.hvp(f, x, v, mode="forward")
    assert_allclose(numgrad.hvp(f, x, v, mode="reverse"), expected, 1e-11, 1e-12)

    @njit
    def slope(x):
        return np.sum(numgrad.grad(f, mode="reverse")(x) * v)

    assert_allclose(numgrad.grad(slope, mode="reverse")(x), expected, 1e-11, 1e-12)


def test_threads():
    results = {}
    gradient = numgrad.grad(PROGRAMS_OF_THREADS, mode="reverse")

    def work(k):
        for _ in range(20):
            results[k] = gradient(point(200 + k))

    running = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    for k in range(8):
        assert_array_equal(results[k], gradient(point(200 + k)))


PROGRAMS_OF_THREADS = njit(PROGRAMS["stencil_in_place"])


def test_parallel_loops():
    @njit(parallel=True)
    def f(x):
        rows = np.empty(4)
        for row in prange(4):
            total = 0.0
            for i in range(x.size):
                total += x[i] * x[i] * row
            rows[row] = total
        return np.sum(rows)

    x = point(100)
    assert_allclose(numgrad.grad(f, mode="reverse")(x), 12.0 * x, 1e-13)


def test_no_more_memory():
    @njit
    def f(x, steps):
        y = x.copy()
        for _ in range(steps):
            for i in range(x.size):
                y[i] = y[i] * x[i]
        return np.sum(y)

    x = np.full(5_000, 0.5)
    gradient = numgrad.grad(f, mode="reverse")
    before = numgrad.tape_limit()
    numgrad.tape_limit(20_000_000)
    try:
        with pytest.raises(MemoryError, match=r"numgrad\.iterate"):
            gradient(x, 2_000)
    finally:
        numgrad.tape_limit(before)
    assert_allclose(gradient(x, 2), 3.0 * x**2)


KEPT = """
import numpy as np
import numgrad

def wave(x):
    y, total = np.empty_like(x), 0.0
    for i in range(x.size):
        y[i] = np.sin(x[i]) * x[i - 1]
    for i in range(x.size):
        total += y[i] * x[i]
    return total

print(*numgrad.grad(wave, mode="reverse")(np.linspace(0.1, 1.0, 50)))
"""


def test_kept_on_disk(tmp_path):
    """A process that finds the derivative on disk finds what completes records and sweeps too."""
    program = tmp_path / "program.py"
    program.write_text(KEPT)
    environment = os.environ | {
        "NUMGRAD_CACHE": "1",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(Path(numgrad.__file__).parents[1]),
    }
    outputs = [
        subprocess.run(
            [sys.executable, str(program)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0].split()) == 50
