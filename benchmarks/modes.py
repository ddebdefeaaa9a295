"""How long a gradient takes each way: the measurement behind mode "auto"."""

import numpy as np
from numba import njit

import numgrad
from benchmarks.problems import point


@njit
def rosenbrock(x):
    total = 0.0
    for i in range(x.size - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


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


@njit
def lorenz(p, steps, h):
    x, y, z, s, r, b = p[0], p[1], p[2], p[3], p[4], p[5]
    for _ in range(steps):
        dx, dy, dz = s * (y - x), x * (r - z) - y, x * y - b * z
        mx, my, mz = x + 0.5 * h * dx, y + 0.5 * h * dy, z + 0.5 * h * dz
        x, y, z = (
            x + h * s * (my - mx),
            y + h * (mx * (r - mz) - my),
            z + h * (mx * my - b * mz),
        )
    return x + y + z


@njit
def heat(x, steps, rate):
    u = x.copy()
    for _ in range(steps):
        left = u[0]
        for i in range(1, u.size - 1):
            old = u[i]
            u[i] = old + rate * (left - 2.0 * old + u[i + 1])
            left = old
    return np.sum(u * u)


@njit
def classifier(weights, rows, labels):
    return np.sum(np.log1p(np.exp(-labels * (rows @ weights))))


class Reverse:
    """Problems that reverse mode is for, beside the function itself."""

    param_names = ("problem",)
    params = (["lorenz", "heat", "classifier"],)

    def setup(self, problem):
        rng = np.random.default_rng(0)
        x, *self.more = {
            "lorenz": (np.array([1.0, 2.0, 3.0, 10.0, 28.0, 8.0 / 3.0]), 1000, 1e-3),
            "heat": (rng.normal(size=1000), 200, 0.2),
            "classifier": (
                0.01 * rng.normal(size=10_000),
                rng.normal(size=(100, 10_000)),
                np.sign(rng.normal(size=100)),
            ),
        }[problem]
        self.function = {"lorenz": lorenz, "heat": heat, "classifier": classifier}[problem]
        self.x, self.out = x, np.empty_like(x)
        self.gradient = numgrad.grad(self.function, mode="reverse")
        direction = rng.normal(size=x.size)
        slope = numgrad.jvp(self.function, (x, *self.more), (direction, *(None,) * len(self.more)))
        self.gradient(x, *self.more, self.out)
        np.testing.assert_allclose(self.out @ direction, slope[1], rtol=1e-8)
        self.function(x, *self.more)

    def time_function(self, _):
        self.function(self.x, *self.more)

    def time_gradient(self, _):
        self.gradient(self.x, *self.more, self.out)
