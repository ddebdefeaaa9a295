"""Where a call runs."""

import os
import sys
import threading

import numba
import pytest

from numgrad.targets import choose

LARGE = choose.PARALLEL_RESULTS


@pytest.fixture
def layer(monkeypatch):
    """Return a function that pretends another threading layer."""

    def pretend(name):
        monkeypatch.setattr(numba, "threading_layer", lambda: name)
        monkeypatch.setattr(numba, "get_num_threads", lambda: 4)

    return pretend


def second_thread(action):
    """Return what a call returns while another Python thread lives."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        return action()
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("name", ["workqueue", "omp", "tbb"])
def test_large_work_runs_on_all_threads(layer, monkeypatch, name):
    layer(name)
    # pytest-xdist has threads of its own
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert choose.thread_count(LARGE) == 4


@pytest.mark.parametrize("results", [0, 1, LARGE - 1])
def test_small_work_runs_on_one(layer, results):
    layer("tbb")
    assert choose.thread_count(results) == 1


@pytest.mark.parametrize(("name", "threads"), [("workqueue", 1), ("omp", 4), ("tbb", 4)])
def test_beside_another_python_thread(layer, name, threads):
    layer(name)
    assert second_thread(lambda: choose.thread_count(LARGE)) == threads


@pytest.mark.parametrize(("name", "threads"), [("workqueue", 4), ("omp", 1), ("tbb", 1)])
def test_in_a_forked_child(layer, monkeypatch, name, threads):
    layer(name)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(choose, "_forked_after_launch", True)
    assert choose.thread_count(LARGE) == threads


def test_set_num_threads_is_respected(monkeypatch):
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    most = numba.get_num_threads()
    try:
        for threads in range(1, most + 1):
            numba.set_num_threads(threads)
            assert choose.thread_count(LARGE) == threads
    finally:
        numba.set_num_threads(most)


@pytest.fixture
def fresh_cache_bytes():
    choose.cache_bytes.cache_clear()
    yield
    choose.cache_bytes.cache_clear()


def test_the_size_of_the_cache(fresh_cache_bytes):
    assert choose.cache_bytes() > 0


def fails(name):
    raise ValueError("unrecognized configuration name")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sysconf")
@pytest.mark.parametrize("answer", [lambda name: 0, lambda name: -1, fails])
def test_the_usual_size_where_the_system_does_not_tell(fresh_cache_bytes, monkeypatch, answer):
    monkeypatch.setattr(os, "sysconf", answer)
    assert choose.cache_bytes() == choose.USUAL_CACHE_BYTES
