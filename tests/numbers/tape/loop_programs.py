"""Programs whose loops may be one record of a tape; each computes a number from an array x."""

import math

import numpy as np
from numba import njit

PROGRAMS = {}


def program(function):
    """Register a program; it is compiled."""
    PROGRAMS[function.__name__] = function
    return njit(function)


# Rounds that have nothing to do with each other


@program
def stencil_in_place(x):
    u = x.copy()
    for _ in range(3):
        left = u[0]
        for i in range(1, u.size - 1):
            old = u[i]
            u[i] = old + 0.2 * (left - 2.0 * old + u[i + 1])
            left = old
    return np.sum(u * u)


@program
def two_rounds_back(x):
    u, far, near = x.copy(), x[0], x[1]
    for i in range(2, u.size):
        old = u[i]
        u[i] = old * far + near
        far = near
        near = old
    return u[u.size // 2] * u[-1] + far * near


@program
def steps_of_two(x):
    y = np.zeros_like(x)
    for i in range(0, x.size - 1, 2):
        y[i] = x[i] * x[i + 1]
    return y[0] * y[2] + np.sum(y)


@program
def backwards(x):
    y = np.empty_like(x)
    for i in range(x.size - 1, -1, -1):
        y[x.size - 1 - i] = math.sin(x[i]) + x[0]
    return y[1] * np.sum(y[::3])


@program
def gathered(x):
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = x[(i * 7) % x.size] * x[(i * i) % 5]
    return np.sum(y * x)


@program
def rows_and_columns(x):
    a = np.outer(x, x)
    for i in range(x.size):
        for j in range(x.size):
            a[i, j] = a[i, j] * x[j]
    for j in range(x.size):
        total = 0.0
        for i in range(x.size):
            total += a[i, j] * x[i]
        a[0, j] = total
    return a[0, 1] * np.sum(a[0])


@program
def several_statements(x):
    y, z = np.empty_like(x), np.empty_like(x)
    for i in range(x.size):
        y[i] = math.exp(0.1 * x[i])
        z[i] = y[i] * x[i] + y[i] * y[i]
        y[i] = z[i] - x[0]
    return np.sum(y) * z[3]


@program
def many_leaves(x):
    y = np.empty_like(x)
    for i in range(6, x.size - 6):
        y[i] = (
            x[i - 6] * x[i - 5] * x[i - 4] * x[i - 3] * x[i - 2] * x[i - 1]
            + x[i] * x[i + 1] * x[i + 2] * x[i + 3] * x[i + 4] * x[i + 5] * x[i + 6]
        )
    return np.sum(y[6:-6])


@program
def constants_among_numbers(x):
    y = np.zeros_like(x)
    y[2], y[5] = x[0], x[1]
    z = np.empty_like(x)
    for i in range(x.size):
        z[i] = 3.0 * y[i]
    for i in range(x.size):
        z[i] = z[i] * z[i] + 1.0
    return z[2] * z[5] + z[4]


# Rounds that read what others wrote


@program
def running_sums(x):
    y = x.copy()
    for i in range(1, y.size):
        y[i] = y[i] * 0.5 + y[i - 1] * x[0]
    return y[-1] + y[3]


@program
def read_by_another_name(x):
    y = x.copy()
    view = y[1:]
    for i in range(y.size - 1):
        view[i] = 0.9 * y[i] + 0.1 * x[i] * x[1]
    return np.sum(y * x)


@program
def one_element_again_and_again(x):
    y = x.copy()
    for i in range(1, x.size):
        y[0] = y[0] * 0.9 + x[i] * x[i]
    return y[0] * y[1]


@program
def later_statement_before(x):
    y, z = x.copy(), x.copy()
    for i in range(1, x.size):
        y[i] = 0.5 * z[i - 1] + x[i]
        z[i] = y[i] * x[0]
    return z[-1] + y[5]


@program
def overwritten_and_read(x):
    y = x.copy()
    for i in range(x.size):
        y[i] = y[i] * x[i]
        y[i] = y[i] * y[i]
        y[i] *= x[0]
    return np.sum(y)


# Sums


@program
def sums_of_differences(x):
    s, t = x[0], 0.0
    for i in range(1, x.size):
        s += x[i] * x[i - 1]
        t -= (x[i] - x[i - 1]) ** 2
    return s * t


@program
def sum_of_sums(x):
    total = 0.0
    for j in range(3):
        for i in range(x.size):
            total += x[i] * x[j]
        total *= 0.5
    return total * total


@program
def sum_over_two_loops(x):
    total = 0.0
    for j in range(4):
        for i in range(x.size):
            total += math.sin(x[i]) * x[j]
    return total * x[1]


@program
def sum_and_elements(x):
    y, total = np.empty_like(x), x[1]
    for i in range(x.size):
        y[i] = x[i] * x[i]
        total += y[i] * x[0]
    return total * y[7]


@program
def sum_stored_each_round(x):
    y, total = np.empty_like(x), 0.0
    for i in range(x.size):
        total += x[i] * x[i]
        y[i] = total
    return y[-1] * y[2]


# What comes after the loop


@program
def sums_of_two_loops(x):
    s = 0.0
    for i in range(x.size):
        s += x[i] * x[i]
    middle = s
    for i in range(x.size):
        s += x[i] * middle
    return s * middle


@program
def index_used_afterwards(x):
    y, i = x.copy(), 0
    for i in range(x.size // 2 + 1):
        y[i] = x[i] * x[i]
    return y[i] * y[i + 1]


@program
def last_number_read(x):
    y, last = x.copy(), x[0]
    for i in range(x.size):
        last = x[i]
        y[i] = last * x[0]
    return last * np.sum(y)


@program
def loops_in_branches(x):
    y = x.copy()
    if x[0] > 0.0:
        for i in range(x.size):
            y[i] = x[i] * x[1]
    else:
        for i in range(x.size):
            y[i] = x[i] * x[2]
    if x[1] < -5.0:
        for i in range(x.size):
            y[i] = 0.0
    return np.sum(y * y)


@program
def no_rounds(x):
    y = x.copy()
    for i in range(y.size, y.size):
        y[i] = 2.0 * x[i]
    for i in range(-40, x.size - 1000):
        y[i] = 2.0 * x[i]
    return np.sum(y)


# Rounds that don't all do the same, or may leave


@program
def conditions(x):
    y = x.copy()
    for i in range(x.size):
        if x[i] > 0.5:
            y[i] = x[i] * x[i]
    for i in range(x.size):
        if i > 20:
            break
        y[i] *= x[0]
    return np.sum(y)


@njit
def doubled(a):
    return a * a * a


@program
def callees(x):
    y = x.copy()
    for i in range(x.size):
        y[i] = doubled(x[i]) + x[0]
    return np.sum(y)


@program
def largest_and_smallest(x):
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = max(x[i], 0.3) * abs(x[i]) + min(x[i], x[0])
    return np.sum(y)


@program
def complex_numbers(x):
    z = x * (1.0 + 0.5j)
    for i in range(x.size):
        z[i] = z[i] * z[i] + 1j * x[i]
    total = 0j
    for i in range(x.size):
        total += z[i] * z[0]
    return (total * np.conj(total)).real


@program
def single_precision(x):
    y = x.astype(np.float32)
    for i in range(x.size):
        y[i] = y[i] * y[i]
    return float(np.sum(y))
