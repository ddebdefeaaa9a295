"""What the kernels must know of the coordinates of an axis, found out on the CPU."""

from functools import cache

from numgrad.fields.kernels import tables
from numgrad.fields.kernels.coefficients import inner_weights, uniform_filling, varying_filling
from numgrad.fields.kernels.unrolled import index, named
from numgrad.targets.cache import kernel
from numgrad.targets.options import formula, internal_njit

TABLE_POINTS = 1 << 13  # longest axis whose weights are tabulated


@internal_njit
def is_uniform(coordinates):
    """Tell if all differences of neighbours are equal."""
    spacing = coordinates[1] - coordinates[0]
    one, chunk, count = index(1), index(1024), index(len(coordinates) - 1)
    for start in range(index(0), count, chunk):
        others = 0
        for i in range(start, min(start + chunk, count)):
            others += coordinates[i + one] - coordinates[i] != spacing
        if others > 0:
            return False
    return True


@cache
def measuring(scheme, coordinates_dtype):
    """Make the function of compiled code that measures the coordinates of an axis.

    It fills in the axis' rows of both tables, and tabulates the weights if there is a table. If
    ``uneven``, the coordinates are a part of some whose distances differ.
    """
    fill_uniform = uniform_filling(scheme, coordinates_dtype.type, formula)
    fill_varying = varying_filling(scheme, formula)
    weigh = inner_weights(scheme, formula)
    first, edges, entries = len(scheme.first), len(scheme.edges), len(scheme.varying.offsets)

    def measure(coordinates, row, axes, spacings, table, uneven):
        axis = row * tables.AXIS_COLUMNS
        uniform = not uneven and is_uniform(coordinates)
        axes[axis + tables.UNIFORM] = uniform
        axes[axis + tables.COORDINATES] = coordinates.ctypes.data
        if uniform:
            fill_uniform(coordinates[1] - coordinates[0], spacings[row])
            return
        fill_varying(coordinates, spacings[row])
        if len(table) > 0:
            axes[axis + tables.WEIGHTS] = table.ctypes.data
            inside = len(coordinates) - edges
            for i in range(inside):
                weights = weigh(coordinates, i + first)
                for j in range(entries):
                    table[i + j * inside] = weights[j]

    return internal_njit(named(measure, "measure", scheme.name, coordinates_dtype.char))


@cache
def measuring_kernel(scheme, coordinates_dtype):
    """Make the kernel that does the same from Python."""
    measure = measuring(scheme, coordinates_dtype)

    def measure_axis(coordinates, row, axes, spacings, table, uneven):
        measure(coordinates, row, axes, spacings, table, uneven)

    return kernel(named(measure_axis, "measure_axis", scheme.name, coordinates_dtype.char))
