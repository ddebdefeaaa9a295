"""The innermost loops: a run of consecutive results along one axis, all by one formula.

Each stands here twice. The plain one is written for single numbers, which LLVM turns into vector
code. The one that streams computes and stores a whole line of the cache at a time, past the cache,
and single numbers before the first and after the last whole line.
"""

import numpy as np

from numgrad.fields.lanes import (
    is_line_start,
    lanes_in_line,
    load_lanes,
    prefetch,
    spread,
    stream_lanes,
    stream_number,
)
from numgrad.fields.stencils import difference_quotient, interior_weights, weighted_sum
from numgrad.targets.options import internal_njit

# An index that can't be negative needs no test for it, which lets a loop become vector code.
index = np.uintp

# How many lines ahead samples are asked for: what the processor does by itself falls behind a
# stream of stores.
LINES_AHEAD = index(16)


@internal_njit
def quotients(samples, left, right, results, at, count, spacing):
    """Derive by difference quotients with the same spacing."""
    left, right, at = index(left), index(right), index(at)
    for q in range(index(count)):
        results[at + q] = difference_quotient(samples[right + q], samples[left + q], spacing)


@internal_njit
def stream_quotients(samples, left, right, results, at, count, spacing):
    """Derive by difference quotients with the same spacing."""
    left, right, at, count = index(left), index(right), index(at), index(count)
    one, line, spacings = index(1), index(lanes_in_line(results)), spread(spacing, results)
    q = index(0)
    while q < count:
        if q + line <= count and is_line_start(results, at + q):
            prefetch(samples, right + q + LINES_AHEAD * line)
            rights = load_lanes(samples, right + q, results)
            lefts = load_lanes(samples, left + q, results)
            stream_lanes(results, at + q, difference_quotient(rights, lefts, spacings))
            q += line
        else:
            derivative = difference_quotient(samples[right + q], samples[left + q], spacing)
            stream_number(results, at + q, derivative)
            q += one


@internal_njit
def sums(samples, left, step, results, at, count, a, b, c):
    """Derive by sums with the same weights; ``left`` is the first of three samples."""
    left, step, at = index(left), index(step), index(at)
    for q in range(index(count)):
        p = left + q
        results[at + q] = weighted_sum(
            a, samples[p], b, samples[p + step], c, samples[p + step + step]
        )


@internal_njit
def stream_sums(samples, left, step, results, at, count, a, b, c):
    """Derive by sums with the same weights; ``left`` is the first of three samples."""
    left, step, at, count = index(left), index(step), index(at), index(count)
    one, line = index(1), index(lanes_in_line(results))
    a_lanes, b_lanes, c_lanes = spread(a, results), spread(b, results), spread(c, results)
    q = index(0)
    while q < count:
        p = left + q
        if q + line <= count and is_line_start(results, at + q):
            prefetch(samples, p + step + step + LINES_AHEAD * line)
            lefts = load_lanes(samples, p, results)
            middles = load_lanes(samples, p + step, results)
            rights = load_lanes(samples, p + step + step, results)
            derivatives = weighted_sum(a_lanes, lefts, b_lanes, middles, c_lanes, rights)
            stream_lanes(results, at + q, derivatives)
            q += line
        else:
            derivative = weighted_sum(
                a, samples[p], b, samples[p + step], c, samples[p + step + step]
            )
            stream_number(results, at + q, derivative)
            q += one


@internal_njit
def tabulated_sums(samples, left, step, results, at, count, weights, first, pitch):
    """Derive by sums with the weights of a table: ``pitch`` a, as many b, as many c."""
    left, step, at = index(left), index(step), index(at)
    first, pitch = index(first), index(pitch)
    for q in range(index(count)):
        p, w = left + q, first + q
        results[at + q] = weighted_sum(
            weights[w],
            samples[p],
            weights[w + pitch],
            samples[p + step],
            weights[w + pitch + pitch],
            samples[p + step + step],
        )


@internal_njit
def stream_tabulated_sums(samples, left, step, results, at, count, weights, first, pitch):
    """Derive by sums with the weights of a table: ``pitch`` a, as many b, as many c."""
    left, step, at, count = index(left), index(step), index(at), index(count)
    first, pitch = index(first), index(pitch)
    one, line = index(1), index(lanes_in_line(results))
    q = index(0)
    while q < count:
        p, w = left + q, first + q
        if q + line <= count and is_line_start(results, at + q):
            prefetch(samples, p + step + step + LINES_AHEAD * line)
            derivatives = weighted_sum(
                load_lanes(weights, w, results),
                load_lanes(samples, p, results),
                load_lanes(weights, w + pitch, results),
                load_lanes(samples, p + step, results),
                load_lanes(weights, w + pitch + pitch, results),
                load_lanes(samples, p + step + step, results),
            )
            stream_lanes(results, at + q, derivatives)
            q += line
        else:
            derivative = weighted_sum(
                weights[w],
                samples[p],
                weights[w + pitch],
                samples[p + step],
                weights[w + pitch + pitch],
                samples[p + step + step],
            )
            stream_number(results, at + q, derivative)
            q += one


@internal_njit
def weighed_sums(samples, left, step, results, at, count, coordinates, first):
    """Derive by sums with the weights of the coordinates, of which ``first`` is the leftmost."""
    left, step, at, first = index(left), index(step), index(at), index(first)
    one, two = index(1), index(2)
    for q in range(index(count)):
        p, x = left + q, first + q
        middle = coordinates[x + one]
        a, b, c = interior_weights(middle - coordinates[x], coordinates[x + two] - middle)
        results[at + q] = weighted_sum(
            a, samples[p], b, samples[p + step], c, samples[p + step + step]
        )


@internal_njit
def stream_weighed_sums(samples, left, step, results, at, count, coordinates, first):
    """Derive by sums with the weights of the coordinates, of which ``first`` is the leftmost."""
    left, step, at, count = index(left), index(step), index(at), index(count)
    first, one, two = index(first), index(1), index(2)
    line = index(lanes_in_line(results))
    q = index(0)
    while q < count:
        p, x = left + q, first + q
        if q + line <= count and is_line_start(results, at + q):
            prefetch(samples, p + step + step + LINES_AHEAD * line)
            prefetch(coordinates, x + LINES_AHEAD * line)
            middles = load_lanes(coordinates, x + one, results)
            a_lanes, b_lanes, c_lanes = interior_weights(
                middles - load_lanes(coordinates, x, results),
                load_lanes(coordinates, x + two, results) - middles,
            )
            derivatives = weighted_sum(
                a_lanes,
                load_lanes(samples, p, results),
                b_lanes,
                load_lanes(samples, p + step, results),
                c_lanes,
                load_lanes(samples, p + step + step, results),
            )
            stream_lanes(results, at + q, derivatives)
            q += line
        else:
            middle = coordinates[x + one]
            a, b, c = interior_weights(middle - coordinates[x], coordinates[x + two] - middle)
            derivative = weighted_sum(
                a, samples[p], b, samples[p + step], c, samples[p + step + step]
            )
            stream_number(results, at + q, derivative)
            q += one


@internal_njit
def stream_copy(source, results, at, count):
    """Copy the first numbers of a buffer past the cache."""
    at, count = index(at), index(count)
    one, line = index(1), index(lanes_in_line(results))
    q = index(0)
    while q < count:
        if q + line <= count and is_line_start(results, at + q):
            stream_lanes(results, at + q, load_lanes(source, q, results))
            q += line
        else:
            stream_number(results, at + q, source[q])
            q += one
