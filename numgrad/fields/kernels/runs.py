"""The innermost loops: a run of consecutive results along one axis, all by the same stencil.

A loop is told a stencil by its offsets: where the first result of the run is derived at the
position ``left`` among the samples and neighbours are ``step`` apart, the q-th is derived from the
samples at ``left + offset * step + q``. Its coefficients come from a ``source``, of which there are
three kinds.

There are two loops. The plain one is written for single numbers, which LLVM turns into vector code.
The one that streams computes and stores a whole line of the cache at a time, past the cache, and
single numbers before the first and after the last whole line.
"""

from functools import cache

from numgrad.fields.kernels.formulas import NAMES, weights_of, written
from numgrad.fields.kernels.lanes import (
    is_line_start,
    lanes_in_line,
    load_lanes,
    prefetch,
    spread,
    stream_lanes,
    stream_number,
)
from numgrad.fields.kernels.unrolled import expression, index, named, statements, tuple_of
from numgrad.targets.options import formula, internal_njit

# How many lines ahead samples are asked for: what the processor does by itself falls behind a
# stream of stores.
LINES_AHEAD = index(16)

# Where the coefficients come from.
CONSTANT = "constant"  # the source is a tuple of them
TABULATED = "tabulated"  # a table: from ``first`` on the first of each point, the next a pitch on
WEIGHED = "weighed"  # the coordinates, of which ``first`` is that of the first point derived at


def _derivation(stencil, kind, load, constant):
    """Make the function that derives by a stencil, of single numbers or of lanes.

    Its arguments are those of the loop, with q in place of what concerns the results alone.
    ``load`` and ``constant`` are how numbers or lanes are taken from an array and from a tuple.
    """
    places = range(len(stencil.offsets))
    arguments = "samples, offsets, left, step, q, results, source, first, pitch"
    names = {**NAMES, "index": index, "load_lanes": load_lanes, "spread": spread}
    samples = [load("samples", f"left + index(offsets[{k}] * step) + q") for k in places]
    if kind == CONSTANT:
        weights = [constant(f"source[{k}]") for k in places]
    elif kind == TABULATED:
        weights = [load("source", f"first + index({k} * pitch) + q") for k in places]
    else:
        points = [load("source", f"first + index(offsets[{k}]) + q") for k in places]
        weights = [f"weights[{k}]" for k in places]
        lines = [
            f"weights = weigh({tuple_of(points)})",
            f"return {written(stencil, samples, weights)}",
        ]
        return statements(formula, arguments, lines, weigh=weights_of(stencil), **names)
    return expression(formula, arguments, written(stencil, samples, weights), **names)


@cache
def run_of(stencil, kind, streamed):
    """Make the loop over a run for a stencil."""
    derive = _derivation(stencil, kind, "{}[{}]".format, "{}".format)

    def plain(samples, offsets, left, step, results, at, count, source, first, pitch):
        left, at, first = index(left), index(at), index(first)
        for q in range(index(count)):
            results[at + q] = derive(samples, offsets, left, step, q, results, source, first, pitch)

    form = "quotients" if stencil.quotient else "sums"
    weigh = stencil.weigh.__name__ if kind == WEIGHED else "any"
    name = form, len(stencil.offsets), kind, weigh
    if not streamed:
        return internal_njit(named(plain, "plain", *name))

    derive_lanes = _derivation(
        stencil, kind, "load_lanes({}, {}, results)".format, "spread({}, results)".format
    )
    last, measures = len(stencil.offsets) - 1, kind == WEIGHED

    def stream(samples, offsets, left, step, results, at, count, source, first, pitch):
        left, at, count, first = index(left), index(at), index(count), index(first)
        one, line = index(1), index(lanes_in_line(results))
        q = index(0)
        while q < count:
            if q + line <= count and is_line_start(results, at + q):
                ahead = q + LINES_AHEAD * line
                prefetch(samples, left + index(offsets[last] * step) + ahead)
                if measures:
                    prefetch(source, first + index(offsets[0]) + ahead)
                derivatives = derive_lanes(
                    samples, offsets, left, step, q, results, source, first, pitch
                )
                stream_lanes(results, at + q, derivatives)
                q += line
            else:
                derivative = derive(samples, offsets, left, step, q, results, source, first, pitch)
                stream_number(results, at + q, derivative)
                q += one

    return internal_njit(named(stream, "stream", *name))


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
