"""The innermost loops: a run of consecutive results along one axis, all by the same stencil.

A loop is told a stencil by where the samples for the first result of the run lie, the ``positions``
of its points. Its coefficients come from a ``source``, of which there are three kinds.

There are two loops. The plain one is written for single numbers, which LLVM turns into vector code.
The one that streams computes and stores a whole line of the cache at a time, past the cache, and
single numbers before the first and after the last whole line.
"""

from functools import cache

from numgrad.fields.kernels.formulas import NAMES, written
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
CONSTANT = "constant"  # a tuple of them
TABULATED = "tabulated"  # a table, and the places in it of the coefficients for the first result
WEIGHED = "weighed"  # the coordinates, and the places of the points for the first result


@cache
def positions_of(count):
    """Make the function ``(offsets, at, step)`` that gives the positions of a stencil's points.

    The point derived at lies at ``at``, neighbours ``step`` apart.
    """
    items = [f"index(at + offsets[{k}] * step)" for k in range(count)]
    return expression(formula, "offsets, at, step", tuple_of(items), index=index)


def _derivation(quotient, count, kind, weigh, load, constant):
    """Make the function that derives by such stencils, of single numbers or of lanes.

    ``load`` and ``constant`` are how numbers or lanes are taken from an array and from a tuple.
    """
    places = range(count)
    arguments = "samples, positions, q, results, source"
    names = {**NAMES, "load_lanes": load_lanes, "spread": spread}
    samples = [load("samples", f"positions[{k}] + q") for k in places]
    entries = [load("source[0]", f"source[1][{k}] + q") for k in places]
    if kind == CONSTANT:
        weights = [constant(f"source[{k}]") for k in places]
    elif kind == TABULATED:
        weights = entries
    else:
        weights = [f"weights[{k}]" for k in places]
        lines = [
            f"weights = weigh({tuple_of(entries)})",
            f"return {written(quotient, samples, weights)}",
        ]
        return statements(formula, arguments, lines, weigh=formula(weigh), **names)
    return expression(formula, arguments, written(quotient, samples, weights), **names)


def run_of(stencil, kind, streamed):
    """Make the loop over a run for a stencil: the same for all of its size and kind."""
    weigh = stencil.weigh if kind == WEIGHED else None
    return _run(stencil.quotient, len(stencil.offsets), kind, weigh, streamed)


@cache
def _run(quotient, count, kind, weigh, streamed):
    such = quotient, count, kind, weigh
    derive = _derivation(*such, "{}[{}]".format, "{}".format)

    def plain(samples, positions, results, at, n, source):
        at = index(at)
        for q in range(index(n)):
            results[at + q] = derive(samples, positions, q, results, source)

    form, weighing = "quotients" if quotient else "sums", getattr(weigh, "__name__", "any")
    name = form, count, kind, weighing
    if not streamed:
        return internal_njit(named(plain, "plain", *name))

    derive_lanes = _derivation(
        *such, "load_lanes({}, {}, results)".format, "spread({}, results)".format
    )
    last, measures = count - 1, kind == WEIGHED

    def stream(samples, positions, results, at, n, source):
        at, n = index(at), index(n)
        one, line = index(1), index(lanes_in_line(results))
        q = index(0)
        while q < n:
            if q + line <= n and is_line_start(results, at + q):
                ahead = q + LINES_AHEAD * line
                prefetch(samples, positions[last] + ahead)
                if measures:
                    prefetch(source[0], source[1][0] + ahead)
                derivatives = derive_lanes(samples, positions, q, results, source)
                stream_lanes(results, at + q, derivatives)
                q += line
            else:
                derivative = derive(samples, positions, q, results, source)
                stream_number(results, at + q, derivative)
                q += one

    return internal_njit(named(stream, "stream", *name))


@cache
def lanes_by_constants(stencil):
    """Make the function that derives lanes by a stencil of constant coefficients."""
    such = stencil.quotient, len(stencil.offsets), CONSTANT, None
    return _derivation(*such, "load_lanes({}, {}, results)".format, "spread({}, results)".format)


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
