"""The function that Numba compiles for a gradient inside compiled code.

It does with what only the values tell what ``run_cpu`` does for a call from Python. The kernels are
the same.
"""

from functools import cache, reduce
from typing import Any

import numpy as np
from numba import types
from numba.core.errors import NumbaTypeError, NumbaValueError
from numba.extending import overload
from numba.np.numpy_support import as_dtype

from numgrad.fields.compiled.plan import (
    common_order,
    constant,
    constant_axes,
    constant_edge_order,
    is_none,
    samples_dtype_of,
    spacing_kinds,
)
from numgrad.fields.kernels import tables
from numgrad.fields.kernels.coefficients import uniform_filling
from numgrad.fields.kernels.coordinates import TABLE_POINTS, measuring
from numgrad.fields.kernels.cpu import BLOCK_BYTES, count_blocks, derivation
from numgrad.fields.kernels.lanes import HAS_NON_TEMPORAL_STORES
from numgrad.fields.kernels.unrolled import named
from numgrad.fields.plan import result_dtype
from numgrad.fields.stencils import NUMPYS
from numgrad.targets.choose import most_cached_bytes
from numgrad.targets.options import formula, internal_njit
from numgrad.targets.stamps import PackageStamp, mark

made_by_numgrad = mark(PackageStamp())


def implementation(f, spacings, axis, edge_order, out, target):
    """Make the function ``(f, spacings, out)`` that computes the gradient for these types."""
    if constant(target, "target") not in ("auto", "cpu"):
        raise NumbaValueError(
            "gradient in compiled code runs on the CPU: target is 'auto' or 'cpu'"
        )
    samples_dtype = samples_dtype_of(f)
    scheme = NUMPYS[constant_edge_order(edge_order)]
    axes = constant_axes(axis, f.ndim)
    if not axes:
        return formula(named(lambda f, spacings, out: (), "no_axes"))
    given = [spacing for spacing in spacings if not is_none(spacing)]
    kinds = spacing_kinds(given, len(axes), samples_dtype)
    results_dtype = result_dtype(samples_dtype)
    outputs = outputs_of(out, f, results_dtype, len(axes))
    order = common_order(f, out)
    passes: dict[Any, list[int]] = {}
    for k, kind in enumerate(kinds):
        passes.setdefault((kind.precision, kind.weights_dtype), []).append(k)
    steps = [
        _pass(
            samples_dtype,
            results_dtype,
            [(k, axes[k], kinds[k]) for k in members],
            scheme,
            f,
            out,
            order,
        )
        for members in passes.values()
    ]
    derive_all = reduce(_in_turn, steps)
    check = shape_check(axes, scheme.fewest)
    single = len(axes) == 1

    def gradient(f, spacings, out):
        check(f)
        results = outputs(f, out)
        if f.size > 0:
            derive_all(f, spacings, results)
        return results

    def gradient_of_one_axis(f, spacings, out):
        return gradient_of_all(f, spacings, out)[0]

    gradient_of_all = formula(gradient)
    return formula(gradient_of_one_axis) if single else gradient_of_all


def shape_check(axes, fewest):
    def check(f):
        for axis in axes:
            if f.shape[axis] < fewest:
                raise ValueError(
                    "Shape of array too small to calculate a numerical gradient, "
                    "at least (edge_order + 1) elements are required."
                )

    return formula(named(check, "check", *axes, fewest))


def outputs_of(out, f, dtype, count):
    """Make the function ``(f, out)`` that gives the results' arrays as a tuple."""
    if is_none(out):
        name = dtype.char
        allocate = formula(named(lambda f, out: (np.empty_like(f, dtype),), "allocate", name, 1))
        for k in range(2, count + 1):
            allocate = _allocate_one_more(allocate, dtype, k)
        return allocate
    arrays = list(out) if isinstance(out, types.BaseTuple) else [out]
    if len(arrays) != count:
        raise NumbaTypeError(f"gradient: out must hold one array an axis: {count}, not {out}")
    for array in arrays:
        if not isinstance(array, types.Array) or as_dtype(array.dtype) != dtype:
            raise NumbaTypeError(f"gradient: out must be of dtype {dtype}, not {array}")
        if array.ndim != f.ndim:
            raise NumbaTypeError(f"gradient: out must have {f.ndim} dimensions, not {array.ndim}")
        if not array.mutable or not array.aligned:
            raise NumbaTypeError(f"gradient: out must be writable and aligned, not {array}")
    if not isinstance(out, types.BaseTuple):
        return formula(named(lambda f, out: _checked(f, (out,)), "one_output"))
    return formula(named(lambda f, out: _checked(f, out), "outputs"))


def _allocate_one_more(allocate, dtype, count):
    def allocate_one_more(f, out):
        return (np.empty_like(f, dtype),) + allocate(f, out)  # noqa: RUF005 - Numba knows no other

    return formula(named(allocate_one_more, "allocate", dtype.char, count))


@internal_njit
def _memory_of(array):
    """Give the first byte of the memory of an array and the first one after it."""
    low = high = 0
    for d in range(array.ndim):
        span = (array.shape[d] - 1) * array.strides[d]
        low, high = min(low, low + span), max(high, high + span)
    return array.ctypes.data + low, array.ctypes.data + high + array.itemsize


@internal_njit
def _check_apart(array, result):
    """Raise if an array lies in the memory of a result."""
    if array.size == 0:
        return
    start, stop = _memory_of(array)
    result_start, result_stop = _memory_of(result)
    if start < result_stop and result_start < stop:
        raise ValueError("gradient: out shares memory with an input or with another result")


@internal_njit
def _checked(f, results):
    """Give the caller's arrays if the results fit into them."""
    for k in range(len(results)):
        if results[k].shape != f.shape:
            raise ValueError("gradient: out must have the shape of f")
        for other in range(k):
            _check_apart(results[k], results[other])
        _check_apart(f, results[k])
    return results


def _lengths_and_strides(axes, order):
    """Make the function that writes the lengths and the strides of some axes."""

    def fill(f, table):
        for row in range(len(axes)):
            axis, stride = axes[row], 1
            for d in range(f.ndim):
                if (d < axis) if order == "F" else (d > axis):
                    stride *= f.shape[d]
            at = row * tables.AXIS_COLUMNS
            table[at + tables.LENGTH], table[at + tables.STRIDE] = f.shape[axis], stride
            table[at + tables.UNIFORM] = 1

    return formula(named(fill, "lengths_and_strides", *axes, order))


def _coordinates(values, room):
    raise NotImplementedError("compiled code only")


@overload(_coordinates)
def _contiguous_coordinates(values, room):
    """Give coordinates as they are if the kernels can read them, otherwise a copy in ``room``."""
    if values.layout == "C" and values.dtype == room.dtype and values.aligned:
        return lambda values, room: values

    def convert(values, room):
        for i in range(len(values)):
            room[i] = values[i]
        return room

    return convert


def _fill_spacing(row, axis, kind, scheme, checked):
    """Make the function that fills in the spacing of one axis."""
    slot, edges, width = kind.slot, len(scheme.edges), len(scheme.varying.offsets)
    fill = uniform_filling(scheme, np.float64, formula)
    measure = measuring(scheme, kind.weights_dtype) if kind.coordinates else None
    name = "fill_spacing", scheme.name, row, axis, slot, kind.coordinates, checked

    def unit(f, spacings, results, table, numbers, coordinates, weights):
        fill(1.0, numbers[row])

    def scalar(f, spacings, results, table, numbers, coordinates, weights):
        fill(np.float64(spacings[slot]), numbers[row])

    def zero_dimensional(f, spacings, results, table, numbers, coordinates, weights):
        fill(np.float64(spacings[slot][()]), numbers[row])

    def varying(f, spacings, results, table, numbers, coordinates, weights):
        values = spacings[slot]
        points = f.shape[axis]
        if len(values) != points:
            raise ValueError(
                "when 1d, distances must match the length of the corresponding dimension"
            )
        if checked:
            for k in range(len(results)):
                _check_apart(values, results[k])
        before = before_tabulated = 0
        for earlier in range(row):
            length = table[earlier * tables.AXIS_COLUMNS + tables.LENGTH]
            before += length
            before_tabulated += width * (length - edges) if length <= TABLE_POINTS else 0
        entries = width * (points - edges) if points <= TABLE_POINTS else 0
        measure(
            _coordinates(values, coordinates[before : before + points]),
            row,
            table,
            numbers,
            weights[before_tabulated : before_tabulated + entries],
            False,
        )

    if slot is None:
        return formula(named(unit, *name))
    if kind.coordinates:
        return formula(named(varying, *name))
    return formula(named(scalar, *name))


def _chain(first, second):
    """Make the function that calls both with the same arguments."""

    def both(f, spacings, results, table, numbers, coordinates, weights):
        first(f, spacings, results, table, numbers, coordinates, weights)
        second(f, spacings, results, table, numbers, coordinates, weights)

    return formula(both)


def _in_turn(first, second):
    """Make the function that makes two passes."""

    def both(f, spacings, results):
        first(f, spacings, results)
        second(f, spacings, results)

    return formula(both)


def _pass(samples_dtype, results_dtype, members, scheme, f, out, order):
    """Make the function that derives along some axes in one pass over the samples."""
    count = len(members)
    places = tuple(k for k, _, _ in members)
    kind = members[0][2]
    precision, weights_dtype = kind.precision, kind.weights_dtype
    checked, strided, gathered = not is_none(out), order == "A", f.layout != "C"
    fill_axes = _lengths_and_strides(tuple(axis for _, axis, _ in members), order)
    fill_spacings = [
        _fill_spacing(row, axis, kind, scheme, checked)
        for row, (_, axis, kind) in enumerate(members)
    ]
    fill_all = reduce(_chain, fill_spacings)
    varying = any(kind.coordinates for _, _, kind in members)
    dtypes = samples_dtype, results_dtype, weights_dtype, precision
    derive = _derivation(scheme, *dtypes, varying, strided)
    columns, edges, width = scheme.columns[-1], len(scheme.edges), len(scheme.varying.offsets)
    itemsize = results_dtype.itemsize
    most_cached = most_cached_bytes() if HAS_NON_TEMPORAL_STORES else np.iinfo(np.int64).max

    @internal_njit
    def launch(f, spacings, results, field, table, numbers, dimensions, coordinates, weights):
        # every array whose address a table holds is an argument, so that it lives until the end
        start, stop = _memory_of(f)
        width = f.itemsize
        field[tables.SAMPLES], field[tables.SAMPLES_SPAN] = start, (stop - start) // width
        field[tables.SAMPLES_ORIGIN] = (f.ctypes.data - start) // width
        for row in range(count):
            result, at = results[places[row]], row * tables.AXIS_COLUMNS
            start, stop = _memory_of(result)
            table[at + tables.RESULT] = start
            table[at + tables.RESULT_SPAN] = (stop - start) // itemsize
            table[at + tables.RESULT_ORIGIN] = (result.ctypes.data - start) // itemsize
            table[at + tables.SCATTERED] = strided and checked
        field[tables.AXES], field[tables.SPACINGS] = table.ctypes.data, numbers.ctypes.data
        field[tables.DIMENSIONS] = dimensions.ctypes.data
        derive(field.ctypes.data, 0, count_blocks(field, table))

    def derive_pass(f, spacings, results):
        table = np.zeros(count * tables.AXIS_COLUMNS, np.int64)
        numbers = np.zeros((count, columns), precision)
        fill_axes(f, table)
        points = entries = 0
        for row in range(count):
            length = table[row * tables.AXIS_COLUMNS + tables.LENGTH]
            points += length
            entries += width * (length - edges) if length <= TABLE_POINTS else 0
        coordinates, weights = np.empty(points, weights_dtype), np.empty(entries, precision)
        fill_all(f, spacings, results, table, numbers, coordinates, weights)
        field = np.zeros(tables.FIELD_COLUMNS, np.int64)
        field[tables.SIZE], field[tables.BLOCK] = f.size, min(f.size, BLOCK_BYTES // itemsize)
        field[tables.GATHERED] = gathered
        field[tables.STREAMED] = f.size * count * itemsize > most_cached
        field[tables.MARCH], field[tables.AXIS_COUNT] = -1, count
        dimensions = np.empty((f.ndim if strided else 0, tables.RESULT_STEP + count), np.int64)
        field[tables.DIMENSION_COUNT] = len(dimensions)
        for d in range(len(dimensions)):
            dimensions[d, tables.DIMENSION_LENGTH] = f.shape[d]
            dimensions[d, tables.SAMPLES_STEP] = _whole_steps(f.strides[d], f.itemsize)
            for row in range(count):
                stride = results[places[row]].strides[d]
                dimensions[d, tables.RESULT_STEP + row] = _whole_steps(stride, itemsize)
        launch(f, spacings, results, field, table, numbers, dimensions, coordinates, weights)

    return formula(derive_pass)


@cache
def _derivation(*key):
    return internal_njit(derivation(*key, direct=False, in_turn=False))


@internal_njit
def _whole_steps(stride, itemsize):
    if stride % itemsize != 0:
        raise ValueError("gradient: the strides of an array must be whole elements; pass a copy")
    return stride // itemsize
