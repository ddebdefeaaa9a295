"""Functions that the tests share, so that each is compiled once a process."""

import math

import numpy as np
from numba import njit


@njit
def rosenbrock(x):
    total = 0.0
    for i in range(x.size - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


def rosenbrock_gradient(x):
    """The same by hand."""
    gradient = np.zeros_like(x)
    gradient[:-1] += -400.0 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2.0 * (1.0 - x[:-1])
    gradient[1:] += 200.0 * (x[1:] - x[:-1] ** 2)
    return gradient


def rosenbrock_hessian(x):
    """The same by hand."""
    diagonal = np.zeros_like(x)
    diagonal[:-1] += 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    diagonal[1:] += 200.0
    beside = -400.0 * x[:-1]
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


@njit
def wave(x):
    return math.sin(x) * math.exp(-x * x)


def wave_slope(x):
    """The same by hand."""
    return np.exp(-x * x) * (np.cos(x) - 2.0 * x * np.sin(x))


def wave_curvature(x):
    """The same by hand."""
    return np.exp(-x * x) * ((4.0 * x * x - 3.0) * np.sin(x) - 4.0 * x * np.cos(x))


@njit
def product(x, y):
    return x * y * y


@njit
def rotate(p):
    """A function of an array that returns one it has allocated."""
    result = np.zeros(p.size)
    for i in range(p.size):
        result[i] = p[i] * p[(i + 1) % p.size] ** 2
    return result


def rotate_jacobian(p):
    """The same by hand."""
    following = np.roll(p, -1)
    return np.diag(following**2) + np.roll(np.diag(2.0 * p * following), 1, axis=1)
