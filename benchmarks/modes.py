"""How long a gradient takes each way: the measurement behind mode "auto"."""

from functools import partial

import numpy as np
from numba import njit

import numgrad
from benchmarks import recurrences, reverse_problems
from benchmarks.problems import point, rosenbrock
from benchmarks.timing import turn_about


@njit
def pairs(x):
    total = 0.0
    for i in range(x.size):
        for j in range(x.size):
            total += np.exp(-((x[i] - x[j]) ** 2))
    return total


class Modes:
    """Gradients of functions of some inputs, forward and backward."""

    param_names = ("function", "inputs", "mode")
    functions = {each.__name__: each for each in (rosenbrock, pairs)}
    params = (list(functions), [32, 48, 512], ["forward", "reverse"])

    def setup(self, function, inputs, mode):
        self.x, self.out = point(inputs), np.empty(inputs)
        self.gradient = numgrad.grad(self.functions[function], mode=mode)
        expected = numgrad.grad(self.functions[function], mode="forward")(self.x)
        np.testing.assert_allclose(self.gradient(self.x, self.out), expected, rtol=1e-10)

    def time_gradient(self, *_):
        self.gradient(self.x, self.out)


@njit
def some_outputs(x, count):
    common, results = 0.0, np.empty(count)
    for i in range(x.size):
        common += np.exp(-x[i] * x[i]) * x[i - 1]
    for k in range(count):
        i = k * x.size // count
        results[k] = x[i] * x[i - 1] + common * np.cos(x[i])
    return results


class Jacobians:
    """Jacobians by 256 inputs: the break-even is at a quarter as many outputs."""

    param_names = ("outputs", "mode")
    params = ([4, 32, 64, 128, 256], ["forward", "reverse"])

    def setup(self, outputs, mode):
        self.x, self.outputs, self.out = point(256), outputs, np.empty((outputs, 256))
        self.jacobian = numgrad.jacobian(some_outputs, mode=mode)
        expected = numgrad.jacobian(some_outputs, mode="forward")(self.x, outputs)
        found = self.jacobian(self.x, outputs, self.out)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)

    def time_jacobian(self, *_):
        self.jacobian(self.x, self.outputs, self.out)


class InPython:
    """The same without compiling, where reverse mode pays from a handful of inputs on."""

    param_names = ("inputs", "mode")
    params = ([2, 4, 8, 16, 256], ["forward", "reverse"])

    def setup(self, inputs, mode):
        self.x = point(inputs)
        self.gradient = numgrad.grad(rosenbrock.py_func, mode=mode, jit=False)
        expected = numgrad.grad(rosenbrock)(self.x)
        np.testing.assert_allclose(self.gradient(self.x), expected, rtol=1e-10)

    def time_gradient(self, *_):
        self.gradient(self.x)

    def peakmem_gradient(self, *_):
        self.gradient(self.x)


class Reverse:
    """Derivatives by many inputs, in evaluations of their functions: both timed turn about."""

    param_names = ("problem",)
    problems = {
        "lorenz": partial(recurrences.lorenz, 1_000),
        "heat": partial(recurrences.heat, 1_000, 200),
        "logistic, loops": partial(reverse_problems.logistic, 10_000, "loops"),
        "logistic, X @ w": partial(reverse_problems.logistic, 10_000, "`X @ w`"),
    }
    params = (list(problems),)
    unit = "evaluations"

    def setup(self, name):
        self.problem = self.problems[name]()
        self.problem.check()

    def track_evaluations(self, _):
        times = turn_about(self.problem.calls, rounds=15)
        return times["numgrad"] / times["the function"]
