"""The weights of points for a derivative at one of them.

The polynomial that is 1 at the point ``q_j`` and 0 at the others is, with the one derived at at 0,
``t prod(t - q_l) / prod(q_j - q_l)``. Its derivative of order k there, which is the weight of the
sample at ``q_j``, is ``k! c / prod(q_j - q_l)``, with c the coefficient of ``t^(k - 1)`` in the
product above over all points but both, made of those of the products before and after j.

There are two functions: one for any window of points, and one written out for many windows of the
same kind, each one point further. Both multiply and add in the same order.
"""

import math
from functools import cache

import numpy as np
from numba import prange, types

from numgrad.fields.kernels.addresses import array_at, call_at
from numgrad.fields.kernels.raw_memory import block_at, block_of, put
from numgrad.fields.kernels.unrolled import named, statements
from numgrad.targets.cache import callback, kernel, parallel_kernel
from numgrad.targets.options import internal_njit

precision = np.dtype(np.float64)
table_dtype = np.dtype(np.int64)
WIDTH = precision.itemsize
BLOCK = 16  # windows side by side

# What the function for many windows is told, a row of 64-bit integers.
COORDINATES = 0  # address of the first coordinate of the first window
WEIGHTS = 1  # address of its first weight
STEP = 2  # bytes between the weights of two points
WEIGHING_COLUMNS = 3

AT_ONCE = 1 << 10  # windows that have a unit of length in common

# Where steps differ from one by no more, and so does that from 1, neither products of distances nor
# weights leave the range of numbers.
MOST_RATIO, MOST_POWER = 2.0**16, 500


@internal_njit
def weigh_window(x, start, size, at, order, points, weights):
    """Weigh ``size`` points of a line from ``start`` on for the derivative at the point ``at``.

    The weights stand in the last column; that of the point derived at is none. Distances are
    measured in a power of two as large as the window, so that products of many of them neither
    overflow nor vanish, and no digit is lost.
    """
    here, center, last = x[at], at - start, size - 1
    span, factorial = 0.0, 1.0
    for j in range(size):
        points[j] = x[start + j] - here
        span = max(span, abs(points[j]))
    for k in range(2, order + 1):
        factorial *= np.float64(k)
    exponent = 0
    if 0.0 < span < np.inf:
        _, exponent = math.frexp(span)
    unit = math.ldexp(1.0, -exponent)
    for j in range(size):
        points[j] *= unit
    # the first coefficients of the product after each point
    weights[last, 0] = 1.0
    degree = 0
    for j in range(last - 1, -1, -1):
        degree = _times(weights[j + 1], degree, points[j + 1], j + 1 == center, order, weights[j])
    # then of that before, which takes its place
    degree_before = 0
    for j in range(size):
        before, after = weights[j - 1 if j else 0], weights[j]
        coefficient, has_any = 0.0, False
        for a in range(order):
            if a <= degree_before and order - 1 - a <= degree:
                term = (before[a] if j else 1.0) * after[order - 1 - a]
                coefficient = coefficient + term if has_any else term
                has_any = True
        product = 1.0
        for k in range(j - 1, -1, -1):
            product *= x[start + j] * unit - x[start + k] * unit
        for k in range(j + 1, size):
            product *= x[start + j] * unit - x[start + k] * unit
        weight = 0.0
        if j != center:
            weight = coefficient * factorial / product
        for _ in range(order):
            weight *= unit
        if j == 0:
            after[0] = 1.0
            degree_before = _times(after, 0, points[j], j == center, order, after)
        else:
            degree_before = _times(before, degree_before, points[j], j == center, order, after)
        if j < last and j + 1 != center:
            degree -= 1
        after[order] = weight


@internal_njit
def _times(product, degree, point, skipped, order, result):
    """Multiply a polynomial, as far as it is needed, by ``t - point``; give its new degree."""
    if skipped:
        for a in range(min(degree + 1, order)):
            result[a] = product[a]
        return degree
    if degree + 1 < order:
        result[degree + 1] = product[degree]
    for a in range(min(degree, order - 1), 0, -1):
        result[a] = product[a - 1] - point * product[a]
    result[0] = -point * product[0]
    return degree + 1


def _written(size, order, center):
    """Write down how a block of windows is weighed."""
    lines = [
        f"x{j} = block_at(x + (q + {j}) * {WIDTH}, precision) * unit" for j in range(size)
    ]  # fmt: skip
    points = [j for j in range(size) if j != center]
    lines += [f"p{j} = x{j} - x{center}" for j in points]

    def times(product, j, name):
        terms = []
        for a in range(min(len(product) + 1, order)):
            old = product[a] if a < len(product) else None
            lower = product[a - 1] if a else None
            if old is None:
                terms.append(lower)
                continue
            if a == 0:
                text = f"-p{j}" if old == "one" else f"-p{j} * {old}"
            else:
                text = f"{lower} - " + (f"p{j}" if old == "one" else f"p{j} * {old}")
            lines.append(f"{name}_{j}_{a} = {text}")
            terms.append(f"{name}_{j}_{a}")
        return terms

    after = {size - 1: ["one"]}
    for j in range(size - 2, -1, -1):
        after[j] = after[j + 1] if j + 1 == center else times(after[j + 1], j + 1, "after")
    before, s = ["one"], 0
    for j in range(size):
        if j == center:
            continue
        terms = [
            " * ".join(name for name in (before[a], after[j][order - 1 - a]) if name != "one")
            or "one"
            for a in range(order)
            if a < len(before) and order - 1 - a < len(after[j])
        ]
        others = [*range(j - 1, -1, -1), *range(j + 1, size)]
        product = " * ".join(f"(x{j} - x{k})" for k in others)
        lines.append(f"w = ({' + '.join(terms)}) * factorial / ({product})")
        lines.append(f"put(weights + {s} * step + q * {WIDTH}, w * scale)")
        before, s = times(before, j, "before"), s + 1
    return lines


@cache
def weighing(size, order, center):
    """Compile the function ``(address, first, last)`` that weighs one window after another."""
    factor = math.factorial(order)
    lines = [
        f"factorial, one = block_of({float(factor)}), block_of(1.0)",
        "unit, scale = block_of(unit), block_of(scale)",
        "done = 0",
        "while done < count:",
        f"    q = min(done, count - {BLOCK})",
        *("    " + line for line in _written(size, order, center)),
        f"    done = q + {BLOCK}",
    ]
    names = size, order, center
    blocks = statements(
        lambda function: internal_njit(named(function, "weigh_blocks", *names)),
        "x, weights, step, count, unit, scale",
        lines,
        block_at=block_at,
        block_of=block_of,
        precision=precision,
        put=put,
    )

    def weigh(address, first, last):
        row = array_at(address, WEIGHING_COLUMNS, table_dtype)
        points, table = np.empty(size), np.empty((size, order + 1))
        for start in range(first, last, AT_ONCE):
            count = min(AT_ONCE, last - start)
            x = row[COORDINATES] + start * WIDTH
            weights = row[WEIGHTS] + (start - first) * WIDTH
            unit, scale = 0.0, 0.0
            if count >= BLOCK:
                unit, scale = common_unit(x, count + size - 1, size, order)
            if unit > 0.0:
                blocks(x, weights, row[STEP], count, unit, scale)
                continue
            coordinates = array_at(x, count + size - 1, precision).astype(np.float64)
            for p in range(count):
                weigh_window(coordinates, p, size, p + center, order, points, table)
                s = 0
                for j in range(size):
                    if j != center:
                        array_at(weights + s * row[STEP], count, precision)[p] = table[j, order]
                        s += 1

    signature = types.void(types.int64, types.int64, types.int64)
    return callback(signature, named(weigh, "weighing", *names))


@internal_njit
def common_unit(address, count, size, order):
    """Give a unit of length for windows of coordinates, and its power; 0 where there is none."""
    x = array_at(address, count, precision)
    right, left = x[1:], x[: count - 1]
    usual = right[0] - left[0]
    low, high = usual / MOST_RATIO, usual * MOST_RATIO
    if usual < 0.0:
        low, high = high, low
    if not (0.0 < abs(usual) < np.inf):
        return 0.0, 0.0
    alike = 0
    for k in range(left.size):
        step = right[k] - left[k]
        alike += (step > low) & (step < high)
    _, exponent = math.frexp(usual * (size - 1))
    if alike < left.size or abs(exponent) * order > MOST_POWER:
        return 0.0, 0.0
    return math.ldexp(1.0, -exponent), math.ldexp(1.0, -exponent * order)


@internal_njit
def weigh_some(lines, starts, at, size, order, table, first, last):
    """Weigh the points of some windows on each line."""
    points, weights = np.empty(size), np.empty((size, order + 1))
    for line in range(len(lines)):
        x = lines[line]
        for p in range(first, last):
            weigh_window(x, starts[p], size, at[p], order, points, weights)
            s = 0
            for j in range(size):
                if starts[p] + j != at[p]:
                    table[s, line, p] = weights[j, order]
                    s += 1


@kernel
def weigh_lines(lines, starts, at, size, order, table, first, last):
    """Weigh the points of windows on each line, all but the one derived at.

    ``table[s, line, p]`` is the weight of the s-th other point of window p, which begins at
    ``starts[p]`` and is for the derivative at ``at[p]``.
    """
    weigh_some(lines, starts, at, size, order, table, first, last)


@internal_njit
def weigh_part(function, lines, start, table, first, last, part, parts):
    """Weigh a part of the windows from the first, which begins at ``start``, to the last."""
    row = np.empty(WEIGHING_COLUMNS, np.int64)
    count = last - first
    done, stop = len(lines) * count * part // parts, len(lines) * count * (part + 1) // parts
    while done < stop:
        line, begin = done // count, done % count
        end = min(count, begin + stop - done)
        row[COORDINATES] = lines[line].ctypes.data + start * WIDTH
        row[WEIGHTS] = table[0, line].ctypes.data + (first + begin) * WIDTH
        row[STEP] = table.shape[1] * table.shape[2] * WIDTH
        call_at(function, row.ctypes.data, begin, end)
        done += end - begin


@kernel
def weigh_runs(function, lines, start, table, first, last):
    """Weigh windows on all lines, each one point further than the one before."""
    weigh_part(function, lines, start, table, first, last, 0, 1)


@parallel_kernel
def weigh_runs_in_parallel(function, lines, start, table, first, last, threads):
    """Do the same, each thread a part of them."""
    for thread in prange(threads):
        weigh_part(function, lines, start, table, first, last, thread, threads)
