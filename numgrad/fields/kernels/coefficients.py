"""The row of an axis: the coefficients of its stencils at every place.

This is the one place where it is filled in, and read. The functions are made to be run by Python,
or to be compiled for the CPU or for CUDA: ``compiled`` says how.
"""

from functools import cache

import numpy as np

from numgrad.fields.kernels.formulas import distance, number_of, weights_of
from numgrad.fields.kernels.unrolled import expression, index, statements, tuple_of


@cache
def uniform_coefficients(scheme, number=float, compiled=None):
    """Make the function ``(h)`` that gives the row of points at equal distances.

    ``number`` is the precision to compute in, for compiled code: Python follows that of ``h``.
    """
    terms, names = [], {}
    for stencil in scheme.places:
        operation = "*" if stencil.quotient else "/"
        for unit in map(number, stencil.unit_coefficients):
            name = f"unit{len(terms)}"
            terms.append(f"{name} {operation} h")
            names[name] = unit
    return expression(compiled, "h", tuple_of(terms), **names)


@cache
def uniform_filling(scheme, number, compiled):
    """Make the function ``(h, row)`` that fills in the row of points at equal distances."""
    coefficients = uniform_coefficients(scheme, number, compiled)
    entries = tuple_of([f"row[{j}]" for j in range(scheme.columns[-1])])
    line = f"{entries} = coefficients(h)"
    return statements(compiled, "h, row", [line], coefficients=coefficients)


@cache
def varying_filling(scheme, compiled, read="{}"):
    """Make the function ``(x, row)`` that fills in the edges' part of the row from coordinates.

    ``read`` says how a coordinate is read: ``number({})`` where it may be an integer.
    """
    lines, names = [], {"distance": distance, "number": number_of}
    for edge, stencil in enumerate(scheme.edges):
        # the point derived at: that of the last edges counts from the end
        at = edge if edge < len(scheme.first) else edge - len(scheme.edges)
        points = [read.format(f"x[{at + offset}]") for offset in stencil.offsets]
        column = _column(scheme, edge)
        if stencil.quotient:
            lines.append(f"row[{column}] = distance({points[1]}, {points[0]})")
            continue
        names[f"weigh{edge}"] = weights_of(stencil)
        entries = [f"row[{column + j}]" for j in range(len(points))]
        lines.append(f"{', '.join(entries)} = weigh{edge}({tuple_of(points)})")
    return statements(compiled, "x, row", lines, **names)


@cache
def edge_choice(scheme, compiled):
    """Make the function ``(edge, row)`` that gives the offsets and the coefficients at an edge."""
    choices, names = [], {}
    for edge, stencil in enumerate(scheme.edges):
        names[f"offsets{edge}"] = offsets_of(stencil)
        count = len(stencil.unit_coefficients)
        choices.append(f"(offsets{edge}, {_entries(_column(scheme, edge), count)})")
    *others, last = choices
    text = " ".join(f"{choice} if edge == {edge} else" for edge, choice in enumerate(others))
    return expression(compiled, "edge, row", f"{text} {last}", **names)


@cache
def inner_coefficients(scheme, compiled):
    """Make the function ``(row)`` that gives the coefficients between the edges."""
    place = len(scheme.first)
    count = len(scheme.uniform.unit_coefficients)
    return expression(compiled, "row", _entries(scheme.columns[place], count))


def _column(scheme, edge):
    """Where in the row the coefficients of an edge begin."""
    return scheme.columns[edge if edge < len(scheme.first) else edge + 1]


def _entries(column, count):
    """Write down so many entries of a row from a column on."""
    return tuple_of([f"row[{column + j}]" for j in range(count)])


@cache
def inner_weights(scheme, compiled, read="{}"):
    """Make the function ``(x, i)`` that weighs the points of the stencil between the edges."""
    stencil = scheme.varying
    points = [read.format(f"x[index(i + {offset})]") for offset in stencil.offsets]
    names = {"weigh": weights_of(stencil), "number": number_of, "index": index}
    return expression(compiled, "x, i", f"weigh({tuple_of(points)})", **names)


@cache
def tabulated_weights(scheme, compiled):
    """Make the function ``(table, i, pitch)`` that gives a point's weights from a table of them."""
    entries = [f"table[index(i + {k} * pitch)]" for k in range(len(scheme.varying.offsets))]
    return expression(compiled, "table, i, pitch", tuple_of(entries), index=index)


def offsets_of(stencil):
    """Give the offsets of a stencil as compiled code takes them.

    Numba would make of Python's integers a type of their own for each stencil.
    """
    return tuple(map(np.int64, stencil.offsets))
