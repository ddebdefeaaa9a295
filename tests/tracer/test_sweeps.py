"""Reverse mode in plain Python, of many inputs, long programs and several threads."""

import threading
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.tracer import derivatives
from numgrad.tracer.derivatives import FORWARD_UP_TO
from tests.tracer.test_backward import check, compare, coupled, jacobian


def test_auto_goes_backward_for_many_inputs(monkeypatch):
    monkeypatch.delenv("NUMGRAD_MODE", raising=False)
    monkeypatch.setattr(derivatives, "PULLBACKS", {})  # since when there are any, it always does
    called = []

    def f(x):
        called.append(type(x[0].elements.partials[0]).__name__)
        return np.sum(x)

    for n in (FORWARD_UP_TO, FORWARD_UP_TO + 1):
        numgrad.grad(f, jit=False)(np.ones(n))
    assert called == ["float64", "Differential"]


def test_the_environment_says_what_auto_means(monkeypatch):
    def f(x):
        return float(len(x[0].elements.partials)) * np.sum(x)

    monkeypatch.setenv("NUMGRAD_MODE", "forward")
    assert_array_equal(numgrad.grad(f, jit=False)(np.ones(6)), np.full(6, 6.0))
    monkeypatch.setenv("NUMGRAD_MODE", "reverse")
    assert_array_equal(numgrad.grad(f, jit=False)(np.ones(6)), np.full(6, 1.0))


def test_more_results_than_inputs():
    """The graph is gone over once an input under auto, and once a result under reverse."""

    def f(x):
        return np.concatenate([np.sin(k * x) * x[0] for k in range(4)])

    x = np.linspace(0.2, 1.0, 6)
    expected = jacobian(f, "forward")(x)
    compare(jacobian(f, "auto")(x), expected, "auto", 1e-14)
    compare(jacobian(f, "reverse")(x), expected, "reverse", 1e-14)


def test_ten_thousand_inputs_in_memory_of_the_operations():
    def f(x):
        return np.sum(x**3) * x[0]

    x = np.linspace(0.5, 1.5, 10_000)
    gradient = numgrad.grad(f, jit=False)
    tracemalloc.start()
    try:
        found = gradient(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    expected = 3.0 * x**2 * x[0]
    expected[0] += np.sum(x**3)
    assert_allclose(found, expected, rtol=1e-12)
    assert peak < 2000 * x.size  # a partial by each input would be 80 kB a number


def test_long_loops_are_no_deep_recursion():
    def f(x):
        s = x[0]
        for k in range(20_000):
            s = s * 0.9999 + x[k % 5]
        return s

    x = np.arange(5.0)
    check(f, x, share=1e-11)


def test_threads():
    x, found = np.linspace(0.5, 1.0, 30), {}
    expected = numgrad.grad(coupled, mode="forward", jit=False)(x)

    def work(k):
        found[k] = numgrad.grad(coupled, mode="reverse", jit=False)(x * (1.0 + 0.0 * k))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        assert_allclose(found[k], expected, rtol=1e-12)


def test_a_mode_that_is_none():
    for maker in (numgrad.grad, numgrad.jacobian, numgrad.hessian, numgrad.value_and_grad):
        with pytest.raises(ValueError, match="mode must be 'auto', 'forward' or 'reverse'"):
            maker(coupled, mode="backward", jit=False)
    with pytest.raises(ValueError, match="mode must be 'auto', 'forward' or 'reverse'"):
        numgrad.hvp(coupled, np.ones(3), np.ones(3), mode="backward", jit=False)
