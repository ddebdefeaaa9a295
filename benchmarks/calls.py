"""What a call from Python costs, of functions so short that there is nothing else to time."""

import numpy as np
from numba import njit

import numgrad


@njit
def cube(x):
    return x**3


@njit
def rosenbrock(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


@njit
def rosenbrock_gradient(x):
    inner = 200.0 * (x[1] - x[0] ** 2)
    return np.array([-2.0 * inner * x[0] - 2.0 * (1.0 - x[0]), inner])


SAMPLES, SLOPES, POINTS = np.sin(np.arange(10.0)), np.empty(10), np.arange(10.0) ** 1.5
POINT, DIRECTION, LINE = np.array([0.5, 2.0]), np.ones(2), np.ones(3)
GRADIENT, VALUE_TOO = numgrad.grad(rosenbrock), numgrad.value_and_grad(rosenbrock)
SLOPE, OF_ALL = numgrad.derivative(cube), numgrad.vmap(cube)

CALLS = {
    "a compiled function of a number": lambda: cube(2.0),
    "derivative of it": lambda: SLOPE(2.0),
    "derivative of it, anew": lambda: numgrad.derivative(cube)(2.0),
    "derivative of it, of an array": lambda: SLOPE(LINE),
    "jvp of it": lambda: numgrad.jvp(cube, (2.0,), (1.0,)),
    "vmap of it": lambda: OF_ALL(LINE),
    "a gradient written by hand": lambda: rosenbrock_gradient(POINT),
    "grad": lambda: GRADIENT(POINT),
    "grad, anew": lambda: numgrad.grad(rosenbrock)(POINT),
    "value_and_grad": lambda: VALUE_TOO(POINT),
    "hvp": lambda: numgrad.hvp(rosenbrock, POINT, DIRECTION),
    "gradient of samples": lambda: numgrad.gradient(SAMPLES),
    "gradient of samples, distance": lambda: numgrad.gradient(SAMPLES, 0.1),
    "gradient of samples, coordinates": lambda: numgrad.gradient(SAMPLES, POINTS),
    "gradient of samples, coordinates, out": lambda: numgrad.gradient(SAMPLES, POINTS, out=SLOPES),
}


class Calls:
    """A hundred calls are timed as one: what is kept for the arguments is there already."""

    param_names = ("call",)
    params = (list(CALLS),)

    def setup(self, call):
        CALLS[call]()

    def time_hundred_calls(self, call):
        function = CALLS[call]
        for _ in range(100):
            function()
