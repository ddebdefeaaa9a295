"""Launches on several threads, where these wait for each other longer than one would take."""

import math
import threading

import numba
import numpy as np
import pytest
from numba import njit

import numgrad
from numgrad.fields import run_cpu
from numgrad.targets.pace import MOST_KINDS, RARE, Pace
from numgrad.transforms import vmap

RESULTS = 1_000_000


class Machine:
    """Calls by a clock of their own, which take as long as they are said to."""

    def __init__(self, one=0.7e-3, several=0.35e-3):
        self.now = 0.0
        self.one, self.several = one, several
        self.pace = Pace(lambda: self.now)
        self.trial = math.inf

    def call(self, kind="gradient", results=RESULTS, threads=2):
        """Return on how many threads a call runs."""
        used = []

        def launch(count):
            used.append(count)
            self.now += self.several if count > 1 else self.one

        self.pace.run(kind, results, threads, launch, self.trial)
        (count,) = used
        return count

    def calls(self, count):
        return [self.call() for _ in range(count)]


def test_quiet_machines_launch_always():
    machine = Machine()
    assert set(machine.calls(1000)) == {2}


def test_slow_work_is_compared_once():
    """What takes longer than most on several threads too, and yet pays."""
    machine = Machine(one=0.02, several=0.01)
    assert machine.calls(5) == [2, 2, 1, 1, 2]
    assert set(machine.calls(1000)) == {2}


def test_long_work_is_not_tried_on_one_thread():
    machine = Machine(one=20.0, several=10.0)
    machine.trial = 0.3
    assert set(machine.calls(100)) == {2}
    machine.several = 0.1
    assert 1 in machine.calls(3)


def test_busy_machines():
    machine = Machine(several=8e-3)
    assert machine.calls(4) == [2, 2, 1, 1]
    start, calls = machine.now, 10_000
    machine.calls(calls)
    assert machine.now - start < 1.03 * calls * machine.one  # where 11 times was the rule


def test_the_load_comes_and_goes():
    machine = Machine()
    machine.calls(10)
    machine.several = 8e-3
    machine.calls(10)
    assert machine.call() == 1
    machine.several = 0.35e-3
    assert 1 in machine.calls(10)
    machine.now += RARE * 8e-3
    assert set(machine.calls(100)) == {2}


def test_first_calls_may_compile():
    """They take long on any number of threads, and say nothing."""
    machine = Machine(one=3.0, several=2.0)
    machine.call()
    machine.several = 0.35e-3
    assert set(machine.calls(100)) == {2}


def test_kinds_and_sizes_are_told_apart():
    machine = Machine(several=8e-3)
    machine.calls(4)
    assert machine.call() == 1
    assert machine.call(kind="divergence") == 2
    assert machine.call(results=8 * RESULTS) == 2
    assert machine.call(threads=4) == 4
    for kind in range(2 * MOST_KINDS):
        machine.call(kind=kind)
    assert len(machine.pace._known) <= MOST_KINDS


def test_one_thread_is_not_timed():
    machine = Machine()
    assert machine.call(threads=1) == 1
    assert not machine.pace._known


def test_errors_pass():
    pace = Pace()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            pace.run("gradient", RESULTS, 2, lambda count: 1 / 0)


@pytest.mark.parametrize("made", [numgrad.derivative, numgrad.vmap])
def test_maps_take_one_thread_where_several_wait(made, monkeypatch):
    """By a clock in which calls on several threads take longer than on one."""
    monkeypatch.setattr(vmap, "thread_count", lambda results: 2)
    now, threads, on_threads = [0.0], [], vmap.on_threads

    @njit
    def cube(x):
        return x**3

    points = np.linspace(0.5, 1.5, 100_000)
    mapped = made(cube)
    expected = 3.0 * points**2 if made is numgrad.derivative else points**3
    mapped.pace = Pace(lambda: now[0])

    def noted(call, count):
        threads.append(count)
        now[0] += 0.02 if count > 1 else 0.001
        return on_threads(call, count)

    monkeypatch.setattr(vmap, "on_threads", noted)
    before = numba.get_num_threads()
    for _ in range(6):
        np.testing.assert_allclose(mapped(points), expected, 1e-14)
    assert threads == [2, 2, 1, 1, 1, 1]
    assert numba.get_num_threads() == before


@pytest.mark.parametrize("waits", [0.0, 1.0])
def test_results_are_the_same(monkeypatch, waits):
    """A clock that leaps makes each launch look slow, in all threads that call at once."""
    now = iter(np.arange(1e6) * waits)
    monkeypatch.setattr(run_cpu, "PACE", Pace(lambda: next(now)))
    samples = np.random.default_rng(0).random((400, 500))
    expected = np.gradient(samples)
    wrong = []

    def derive():
        for _ in range(8):
            found = numgrad.gradient(samples)
            if not all(map(np.array_equal, found, expected)):
                wrong.append(found)

    callers = [threading.Thread(target=derive) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong
