"""Programs that are hard to differentiate backward; each computes a number from an array x."""

import numpy as np
from numba import njit

PROGRAMS = {}


def program(function):
    """Register a program; it is compiled."""
    PROGRAMS[function.__name__] = function
    return njit(function)


@program
def trips_depend_on_data(x):
    y, k = x[0], 0
    while y < 50.0:
        y = y * (x[1] + 0.3) * 1.5 + x[2]
        k += 1
    return y + k


@program
def values_overwritten(x):
    y, z = x[0], x[1]
    for k in range(5):
        y = np.sin(y) * z
        z = 0.5 * z * y + x[k % 4]
    return y * z


@program
def element_in_place(x):
    a = x.copy()
    for i in range(a.size):
        a[i] *= x[i]
        a[i] *= a[i - 1]
    return a[0] * a[3]


@program
def write_after_read(x):
    a = x.copy()
    y = a[0]
    z = y * a[1]
    a[0] = x[2] * x[3]
    a[1] = z
    return y * z + a[0] * a[1]


@program
def two_names(x):
    a = x.copy()
    b = a[::-1]
    for i in range(a.size):
        a[i] = a[i] * b[i]
    return a[0] + 2.0 * a[1] + 3.0 * b[0] * b[1]


@program
def read_again_after_write_by_another_name(x):
    a = x.copy()
    b = a
    before = a[0]
    b[0] = x[1] * 3.0
    return before * a[0] * b[0]


@program
def break_and_continue(x):
    y = 1.0
    for i in range(100):
        if i % 3 == 1:
            continue
        y = y * x[i % 4] + x[0]
        if y > 18.0:
            break
    return y


@njit
def power(x, n):
    if n == 0:
        return x * 0.0 + 1.0
    if n % 2:
        return x * power(x, n - 1)
    half = power(x, n // 2)
    return half * half


@program
def recursion(x):
    return power(x[0], 5) * x[1] + power(x[1] * x[2], 4)


@program
def early_return(x):
    y = x[0]
    for _ in range(10):
        y = y * x[1] + x[3]
        if y > 8.0:
            return y * x[2]
    return y


@program
def swapped(x):
    a, b, c = x[0], x[1], x[2]
    for i in range(7):
        a, b, c = b, c * x[3], a
        if i == 3:
            a, b = b, a
    return a * 2.0 + b * 3.0 + c * 5.0 + a * b * c


@program
def fibonacci(x):
    a, b = x[0], x[1]
    for _ in range(6):
        a, b = b, a + b
    return a * b


@program
def same_leaf_after_the_loop_went_on(x):
    a = x[0]
    before = a
    for i in range(1, 4):
        before = a
        a = x[i] * a
    return before * before * a


@program
def one_place_read_in_two_rounds(x):
    before, total = x[0] * 1.0, 0.0
    for i in range(4):
        now = x[i]
        total = total * 0.5 + now * before
        before = now
    return total * before


@program
def chosen_by_branches(x):
    y = x[0]
    for i in range(4):
        if x[i] > 1.0:
            z = x[i] * y
        elif i % 2:
            z = y
        else:
            z = 2.0
        y = y + z * x[1]
    return y * y


@program
def tuples(x):
    pair = x[0] * x[1], x[2]
    for i in range(3):
        pair = pair[1] * x[i], pair[0] + x[3]
    a, b = pair
    return a * b + min(pair) * max(a, b, 1.0)


@program
def lists(x):
    some = [x[0] * x[1]]
    for i in range(4):
        some.append(some[-1] * x[i])
    some[0] = some[2] * 2.0
    return sum(some) + some.pop()


@program
def through_complex(x):
    z = complex(x[0], x[1] * x[2])
    w = z
    for _ in range(3):
        w = w * z + np.conj(z) * abs(w)
    return w.real * w.imag + abs(z)


@program
def whole_arrays(x):
    a = np.outer(x, x) + np.diag(x)
    b = a @ x + np.cumsum(x)[::-1]
    b[1:] *= b[:-1].copy()
    b += x.sum() * np.sqrt(x)
    return b.dot(x) + a.sum(axis=0)[1] * np.cumsum(a, axis=1)[2, 2] + a.sum(axis=(0, 1))


@njit
def writes(a, b):
    for i in range(a.size):
        a[i] = a[i] * b[i]
        b[i] = a[i] + b[0]


@program
def callee_that_writes(x):
    a, b = x.copy(), x * x
    writes(a, b)
    writes(a, a[::-1].copy())
    return (a * b).sum()


@program
def never_touched(x):
    y = 2.0
    for _ in range(3):
        y = y * 2.0
    return y


# Reads of one element: what is read again after a write is another number.


@program
def read_again(x):
    a = x.copy()
    total = 0.0
    for i in range(3):
        before = a[i + 1] * a[i] * a[i + 1]
        a[i + 1] = x[i] * a[i]
        total += before * a[i + 1] + a[1 + i] * x[i] ** 2 * x[i]
        j = i + 1
        writes(a[j:], x.copy())
        total += a[j] * a[i + 1] * before
    return total


@program
def read_at_moving_places(x):
    total, j = 0.0, 0
    while j < 3:
        first = x[j + 1] * x[j]
        k = j + 1
        j = k
        total += first * x[j] * x[k] * x[j - 1]
        if j == 2:
            j += 1
            total += x[j] * x[k]
    return total


@program
def read_in_two_dimensions(x):
    a = np.outer(x, x)
    b = a.T
    total = a[0, 1] * a[0, 1] * b[1, 0]
    b[1, 0] = x[2]
    total += a[0, 1] * b[1, 0] * a[1, 0]
    for i in range(3):
        total += a[i, i + 1] * a[i, i + 1] * a[i + 1, i]
        a[i, i + 1] += total
        total += a[i, i + 1] ** 2
    return total
