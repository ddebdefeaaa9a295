"""Programs with variables that add up numbers in a loop; each computes a number from an array x."""

import numpy as np
from numba import njit

from tests.drivers.reverse.programs import power

SUMS = {}


def sum_program(function):
    """Register a program; it is compiled."""
    SUMS[function.__name__] = function
    return njit(function)


@sum_program
def plain_sum(x):
    s = 0.0
    for i in range(x.size):
        s += x[i] * x[i - 1]
    return s * s


@sum_program
def from_the_other_side(x):
    s = x[0] * x[1]
    for i in range(x.size):
        s = x[i] * x[0] + s
    return s * x[2]


@sum_program
def differences_taken(x):
    s, t = x[0], x[1]
    for i in range(x.size):
        s -= x[i] * x[i]
        t = x[i] * t - t
        t = x[i] - t
    return s * t


@sum_program
def integer_start(x):
    s = 0
    for i in range(x.size):
        s += x[i] * x[i]
    return s * s


@sum_program
def older_version_is_returned(x):
    s, t = 0.0, 0.0
    while True:
        t = s + x[0] * x[1]
        if t > 5.0:
            break
        s = t
    return s * s + t


@sum_program
def older_version_is_returned_alone(x):
    s = x[2]
    while True:
        t = s + x[0] * x[1]
        if t > 5.2:
            break
        s = t
    return s * x[3]


@sum_program
def two_sums_of_one_version(x):
    s = x[0]
    for i in range(4):
        t = s + x[i]
        u = s + x[i] * x[i]
        s = t if x[i] > 1.0 else u
    return s * s


@sum_program
def version_of_last_round(x):
    s, before = x[0], x[0]
    for i in range(4):
        before = s
        s += x[i] * x[1]
    return before * s


@sum_program
def version_of_two_rounds_ago(x):
    s, a, b = x[0], x[0], x[0]
    for i in range(4):
        b = a
        a = s
        s += x[i] * x[1]
    return a * s + b * b


@sum_program
def read_in_the_loop(x):
    s, p = 0.0, 1.0
    for i in range(4):
        s += x[i]
        p *= s
    return p * s


@sum_program
def added_to_itself(x):
    s = x[0]
    for i in range(4):
        s += s
        s += x[i] * s
    return s


@sum_program
def second_loop(x):
    s = 0.0
    for i in range(4):
        s += x[i] * x[i]
    middle = s
    for i in range(4):
        s += x[i] * middle
    return s * middle


@sum_program
def read_between_two_loops(x):
    s = 0.0
    for i in range(4):
        s += x[i] * x[i]
    y = s * x[1]
    for i in range(4):
        s -= x[i] * x[1]
    return s * y


@sum_program
def reset_in_the_loop(x):
    total, s = 1.0, 0.0
    for i in range(4):
        s = 0.0
        for j in range(i + 1):
            s += x[j] * x[i]
        total *= s
    return total * s


@sum_program
def reset_now_and_then(x):
    s, p = x[0], 1.0
    for i in range(8):
        s += x[i % 4] * x[1]
        if i % 3 == 2:
            p *= s
            s = x[2]
    return p * s


@sum_program
def conditional(x):
    s = x[3]
    for i in range(4):
        if x[i] > 1.0:
            s += x[i] * x[i]
        elif x[i] > 0.5:
            s -= x[i]
            s += x[0] * x[i]
    return s * s


@sum_program
def nested_loops(x):
    s = 0.0
    for i in range(4):
        s += x[i]
        for j in range(i):
            s += x[i] * x[j]
            if j == 1:
                s -= x[0]
        s = s + x[2]
    return s * s


@sum_program
def inner_loop_reads_the_outer_sum(x):
    s, p = 0.0, 1.0
    for i in range(4):
        s += x[i]
        for j in range(2):
            p += s * x[j]
    return s * p


@sum_program
def two_sums_that_meet(x):
    s, t = x[0], x[1]
    for i in range(4):
        s += x[i] * x[i]
        t += x[i]
        if i == 2:
            s, t = t, s
    return s * t


@sum_program
def one_sum_into_another(x):
    s, t = x[0], x[1]
    for i in range(4):
        s += x[i]
        t += s
    return s * t


@sum_program
def copies(x):
    s = x[0]
    for i in range(4):
        t = s
        u = t
        u += x[i] * x[1]
        s = u
    return s * s


@sum_program
def copy_kept_outside(x):
    s = x[0]
    kept = s
    for i in range(4):
        s += x[i] * x[1]
    return s * kept


@sum_program
def starts_with_one_variable(x):
    start = x[0] * x[1]
    s, t = start, start
    for i in range(4):
        s += x[i] * t
        t -= x[i]
    return s * start + t


@sum_program
def start_is_an_element(x):
    a = x.copy()
    s = a[0]
    for i in range(4):
        s += a[i] * a[1]
        a[0] = a[i] * 2.0
    return s * a[0]


@sum_program
def broken_off(x):
    s = 0.0
    for i in range(4):
        s += x[i] * x[i]
        if s > 1.5:
            break
        s += x[0]
    return s * s


@sum_program
def broken_off_before(x):
    s, last = x[0], 0.0
    for i in range(9):
        new = s + x[i % 4] * x[1]
        if new > 6.0:
            last = new
            break
        s = new
    return last * s


@sum_program
def with_else(x):
    s = 0.0
    for i in range(4):
        s += x[i] * x[2]
    else:
        s += x[0]
    for _ in range(0):
        s += x[1]
    return s * s


@sum_program
def no_rounds(x):
    s = x[0]
    for _ in range(0):
        s += x[1] * x[2]
    return s * x[0]


@sum_program
def kept_in_an_array(x):
    s, a = x[0], np.zeros(4)
    for i in range(4):
        s += x[i] * x[1]
        a[i] = s
    return a[0] * a[1] * a[3] * s


@sum_program
def passed_on(x):
    s, p = x[0], 0.0
    for i in range(4):
        s += x[i] * x[1]
        p += power(s, 2)
    return p * s


@sum_program
def compared_in_the_loop(x):
    s, t = x[0], 0.0
    while s < 8.7:
        s += x[0] * x[1]
        t += x[2] * x[2]
    return s * t


@sum_program
def continued(x):
    s = x[0]
    for i in range(6):
        old = s
        s += x[i % 4] * x[1]
        if i % 2:
            s = old
            continue
        s += x[3]
    return s * s


@sum_program
def previous_or_new(x):
    s = x[0]
    for i in range(6):
        new = s + x[i % 4] * x[1]
        s = new if x[i % 4] > 1.0 else s
    return s * s


@sum_program
def largest_so_far(x):
    s, best = 0.0, -1e3
    for i in range(6):
        s += x[i % 4] * x[1] - 1.0
        best = max(best, s)
    return best * s


@sum_program
def difference_from_a_number(x):
    s = x[0]
    for i in range(3):
        s = x[i] * x[1] - s
    return s * s


@sum_program
def sums_in_an_inner_loop_of_the_outer_start(x):
    s = x[0]
    for i in range(3):
        t = s
        for j in range(2):
            t += x[j] * x[i]
        s = t * x[3] if i == 1 else t
    return s * s


@sum_program
def outer_version_after_inner_loop(x):
    s = x[0]
    for i in range(3):
        before = s
        for j in range(2):
            s += x[j] * x[i]
        if i == 1:
            s = before
    return s * s


@sum_program
def outer_version_read_after_inner_loop(x):
    s, p = x[0], 1.0
    for i in range(3):
        before = s
        for j in range(2):
            s += x[j] * x[i]
        p += before * x[2]
    return s * p


@sum_program
def value_of_both_exits(x):
    s, r = x[0], 0.0
    for i in range(5):
        if s > 4.0:
            r = s
            break
        t = s + x[i % 4] * x[1]
        if t > 7.0:
            r = s * t
            break
        s = t
    return r + s


@sum_program
def added_twice_in_one_branch(x):
    s = x[0]
    for i in range(4):
        if i % 2:
            s += x[i]
            s += x[i] * x[1]
        else:
            t = s + x[2]
            s = t - x[0] * x[3]
    return s * s * x[1]


@sum_program
def retried(x):
    s, i = x[0], 0
    while i < 6:
        trial = s + x[i % 4] * x[1]
        i += 1
        if trial > 5.0 and i < 5:
            continue
        s = trial
    return s * s


@sum_program
def constants_added(x):
    s = x[0]
    for i in range(4):
        s += 2.0
        s += i
        s -= 0.5
    return s * s
