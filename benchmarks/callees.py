"""Small callees in reverse mode: as parts of their callers, as functions, and with own slopes.

``python -m benchmarks.callees`` prints how many evaluations a gradient takes. Small callees become
parts of their callers (`numgrad.twin.inlining`); with ``inline="never"`` they stay functions; with
a rule that computes slopes by duals a call is one statement of one number.
"""

import numba
import numpy as np
from numba import njit

import numgrad
from benchmarks.timing import turn_about

WAYS = "inlined", "a function", "own slopes"


def rate(u, a):
    """Return what u becomes in a step of the logistic equation's, by Runge and Kutta."""
    first = u * (1.0 - a * u)
    second = (u + 0.05 * first) * (1.0 - a * (u + 0.05 * first))
    third = (u + 0.05 * second) * (1.0 - a * (u + 0.05 * second))
    fourth = (u + 0.1 * third) * (1.0 - a * (u + 0.1 * third))
    return u + 0.1 / 6.0 * (first + 2.0 * second + 2.0 * third + fourth)


def callee(way):
    """Return a function that is differentiated in some way."""
    if way == "a function":
        return njit(inline="never")(rate)
    function = njit(rate)
    if way == "own slopes":
        slopes = numgrad.value_and_grad(njit(rate), argnums=(0, 1), mode="forward")

        def value_and_slopes(u, a):
            value, (by_u, by_a) = slopes(u, a)
            return value, by_u, by_a

        numgrad.rule(function)(value_and_slopes)
    return function


def stepping(way):
    """Return a function that takes a step from each of some numbers."""
    step = callee(way)

    def steps(x, a):
        y = np.empty_like(x)
        for i in range(x.size):
            y[i] = step(x[i], a)
        return y[0] + y[-1]

    return numba.njit(steps)


class Callees:
    """The gradient of 2,000 steps from different numbers."""

    param_names = ("way",)
    params = (list(WAYS),)

    def setup(self, way):
        self.x = np.random.default_rng(0).uniform(0.5, 1.5, 2_000)
        self.function = stepping(way)
        self.gradient = numgrad.grad(self.function, argnums=(0, 1), mode="reverse")
        found = self.gradient(self.x, 1.1)
        expected = numgrad.grad(self.function, argnums=1, mode="forward")(self.x, 1.1)
        np.testing.assert_allclose(found[1], expected, rtol=1e-12)

    def time_gradient(self, *_):
        self.gradient(self.x, 1.1)


def main():
    for way in WAYS:
        problem = Callees()
        problem.setup(way)
        calls = {
            "gradient": problem.time_gradient,
            "function": lambda of=problem: of.function(of.x, 1.1),
        }
        seconds = turn_about(calls, 50)
        print(f"{way:12} {seconds['gradient'] / seconds['function']:6.1f} evaluations")


if __name__ == "__main__":
    main()
