"""From a plan to the kernels."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from numgrad.fields.kernels import cpu, tables
from numgrad.fields.kernels.coordinates import TABLE_POINTS, measuring_kernel
from numgrad.fields.kernels.cpu import BLOCK_BYTES
from numgrad.fields.kernels.lanes import HAS_NON_TEMPORAL_STORES
from numgrad.fields.layout import (
    Array,
    contiguous_in_one_order,
    dimension_rows,
    flat_order,
    flat_strides,
    is_flat,
    memory_of,
)
from numgrad.fields.plan import (
    DOUBLE,
    SAMPLES,
    SINGLE,
    Coordinates,
    Plan,
    Spacing,
    checked_axes,
    make_plan,
    real_precision,
    result_dtype,
    uniform_row,
    unit_spacing,
)
from numgrad.fields.stencils import NUMPYS, Scheme
from numgrad.targets.choose import PARALLEL_RESULTS, most_cached_bytes, stays_cached, thread_count
from numgrad.targets.pace import PACE

__all__ = ["make_plan", "run", "run_few"]

DIRECT_BLOCK_BYTES = 1 << 17  # results that go straight past the cache
SHORT_RUN = 64  # results too few in a row to be stored as whole lines of the cache
ROW_IN_TURN = 128  # results in a row from which on several axes are derived in turn
NO_DIMENSIONS = np.empty((0, tables.RESULT_STEP), np.int64)


@dataclass(slots=True)
class Pass:
    """The tables of one pass over the samples, all but the addresses and the spacings."""

    function: int
    field: Array
    axes: Array
    dimensions: Array


def run(plan: Plan, results: Sequence[Array]) -> None:
    """Derive the samples along every axis of a plan, each into its result."""
    samples = plan.samples
    if samples.size == 0:
        return
    native = samples.dtype.newbyteorder("=")
    if not _is_plain(samples):
        samples = samples.astype(native, order="K")
    targets = [
        result
        if _is_plain(result)
        else np.empty_like(samples, dtype=result.dtype.newbyteorder("="))
        for result in results
    ]
    _run_plain(plan, samples, targets)
    for result, target in zip(results, targets, strict=True):
        if target is not result:
            result[...] = target


def _is_plain(array: Array) -> bool:
    """Tell if an array's numbers are native, aligned and whole steps apart."""
    if not (array.dtype.isnative and array.flags.aligned):
        return False
    return array.dtype.kind != "c" or not any(stride % array.itemsize for stride in array.strides)


def run_few(f: Any, varargs: tuple[Any, ...], axis: Any, edge_order: Any, out: Any) -> Array | None:
    """Give the gradient of few samples along one axis, or None if it isn't that.

    The commonest call of all, with everything looked up that its shape determines.
    """
    if type(f) is not np.ndarray or len(varargs) > 1 or type(edge_order) is not int:
        return None
    if axis is not None and type(axis) is not int:
        return None
    if varargs and type(varargs[0]) is np.ndarray:
        return _run_few_between(f, varargs[0], axis, edge_order, out)
    this = _few_pass(f.shape, f.strides, f.dtype, axis, edge_order)
    if this is None or not f.flags.aligned:
        return None
    spacings = this.unit_spacings
    if varargs:
        if type(varargs[0]) is not float and type(varargs[0]) is not int:
            return None
        row = uniform_row(varargs[0], NUMPYS[edge_order])
        if row is None:
            return None
        spacings = np.array([row], spacings.dtype)
    if out is None:
        result = np.empty_like(f, dtype=this.result_dtype)
    elif _is_like(out, f, this.result_dtype):
        result = out
    else:
        return None
    cpu.launch_one(this.function, this.field, this.axes, spacings, _flat(f), _flat(result))
    return result


def _run_few_between(f: Array, x: Array, axis: Any, edge_order: int, out: Any) -> Array | None:
    """Give the gradient of few samples along one axis with coordinates."""
    this = _few_between(f.shape, f.strides, f.dtype, axis, edge_order, x.shape, x.dtype)
    if this is None or not (f.flags.aligned and x.flags.carray):
        return None
    if out is None:
        result = np.empty_like(f, dtype=this.result_dtype)
    elif _is_like(out, f, this.result_dtype) and not np.may_share_memory(out, x):
        result = out
    else:
        return None
    this.launch(this.function, this.field, this.axes, this.spacings, x, _flat(f), _flat(result))
    return result


def _is_like(out: Any, f: Array, dtype: np.dtype[Any]) -> bool:
    """Tell if an array of the caller's fits as a new one would; if not, it may still do."""
    return (
        type(out) is np.ndarray
        and out.dtype == dtype
        and out.shape == f.shape
        and out.flags.carray
        and f.flags.c_contiguous
        and not np.may_share_memory(out, f)
    )


def _run_plain(plan: Plan, samples: Array, results: Sequence[Array]) -> None:
    """Derive samples that are native, aligned and whole steps apart."""
    if len(results) == 1:
        _derive(plan, samples, results, plan.axes, plan.spacings)
        return
    # one pass for all axes whose derivatives are computed in the same precision
    passes: dict[Any, list[int]] = {}
    for k, spacing in enumerate(plan.spacings):
        passes.setdefault((spacing.precision, spacing.weights_dtype), []).append(k)
    for members in passes.values():
        _derive(
            plan,
            samples,
            [results[k] for k in members],
            tuple(plan.axes[k] for k in members),
            [plan.spacings[k] for k in members],
        )


def _derive(
    plan: Plan,
    samples: Array,
    results: Sequence[Array],
    axes: tuple[int, ...],
    spacings: Sequence[Spacing],
) -> None:
    """Derive along some of the axes in one pass over the samples."""
    precision = spacings[0].precision
    dtypes = samples.dtype, results[0].dtype, spacings[0].weights_dtype, precision
    spacing_table = np.array([spacing.row for spacing in spacings], precision)
    threads = thread_count(samples.size * len(axes))
    coordinates = tuple([isinstance(spacing, Coordinates) for spacing in spacings])
    if contiguous_in_one_order(samples, results):
        this = _contiguous_pass(
            samples.shape, samples.strides, dtypes, axes, coordinates, plan.scheme
        )
        memory, memories = _flat(samples), [_flat(result) for result in results]
    else:
        this, memory, memories = _strided_pass(
            samples, results, dtypes, axes, any(coordinates), plan.scheme
        )
    axis_table = this.axes.copy()
    weights = [  # in use until the kernel has run
        _measure(plan.scheme, spacing, k, axis_table, spacing_table)
        for k, spacing in enumerate(spacings)
        if isinstance(spacing, Coordinates)
    ]
    if threads == 1 and len(results) == 1 and not len(this.dimensions):
        cpu.launch_one(this.function, this.field, axis_table, spacing_table, memory, memories[0])
        return
    field = this.field.copy()
    cpu.locate(memory.view(np.uint8), field, tables.SAMPLES)
    for k, result in enumerate(memories):
        cpu.locate(result.view(np.uint8), axis_table, k * tables.AXIS_COLUMNS + tables.RESULT)
    arguments = this.function, field, axis_table, spacing_table, this.dimensions

    def launch(count: int) -> None:
        if count == 1:
            cpu.launch(*arguments)
        else:
            cpu.launch_in_parallel(*arguments, count)

    PACE.run(this.function, samples.size * len(axes), threads, launch)
    del weights


def _measure(scheme: Scheme, spacing: Coordinates, k: int, axes: Array, spacings: Array) -> Array:
    """Fill in the rows of an axis; return the table of its weights."""
    points = len(spacing.values)
    table = np.empty(scheme.entries(points) if points <= TABLE_POINTS else 0, spacing.precision)
    measure = measuring_kernel(scheme, spacing.weights_dtype)
    measure(spacing.values, k, axes, spacings, table, spacing.uneven)
    return table


def _flat(array: Array) -> Array:
    """Give a contiguous array as one dimension."""
    return array if array.ndim == 1 else array.ravel("K")


@dataclass(slots=True)
class FewPass(Pass):
    """A pass over few contiguous samples along one axis."""

    result_dtype: np.dtype[Any]
    unit_spacings: Array


@lru_cache(maxsize=256)
def _few_pass(
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    dtype: np.dtype[Any],
    axis: int | None,
    edge_order: int,
) -> FewPass | None:
    """Give the pass for samples of this kind along one uniform axis, if they are few."""
    axes = checked_axes(axis, shape, edge_order)
    if dtype not in SAMPLES or axes is None or len(axes) != 1:
        return None
    if not 0 < math.prod(shape) < PARALLEL_RESULTS or not _are_contiguous(shape, strides, dtype):
        return None
    own = real_precision(dtype)
    dtypes = dtype, result_dtype(dtype), own, own
    scheme = NUMPYS[edge_order]
    this = _contiguous_pass(shape, strides, dtypes, axes, (False,), scheme)
    units = np.array([unit_spacing(scheme, own).row], own)
    return FewPass(this.function, this.field, this.axes, this.dimensions, dtypes[1], units)


@dataclass(slots=True)
class PassBetween(Pass):
    """A pass over few contiguous samples along one axis with coordinates."""

    result_dtype: np.dtype[Any]
    spacings: Array
    launch: Callable[..., None]


@lru_cache(maxsize=256)
def _few_between(
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    dtype: np.dtype[Any],
    axis: int | None,
    edge_order: int,
    points: tuple[int, ...],
    coordinates_dtype: np.dtype[Any],
) -> PassBetween | None:
    """Give the pass for samples of this kind along one axis with coordinates, if they are few."""
    few = _few_pass(shape, strides, dtype, axis, edge_order)
    if few is None or coordinates_dtype not in (SINGLE, DOUBLE):
        return None
    axes = checked_axes(axis, shape, edge_order)
    if axes is None or points != (shape[axes[0]],):
        return None
    own = real_precision(dtype)
    precision = SINGLE if own == coordinates_dtype == SINGLE else DOUBLE
    dtypes = dtype, few.result_dtype, coordinates_dtype, precision
    scheme = NUMPYS[edge_order]
    this = _contiguous_pass(shape, strides, dtypes, axes, (True,), scheme)
    spacings = np.zeros((1, scheme.columns[-1]), precision)
    launch = cpu.launching(scheme, coordinates_dtype)
    parts = this.function, this.field, this.axes, this.dimensions
    return PassBetween(*parts, few.result_dtype, spacings, launch)


def _are_contiguous(shape: tuple[int, ...], strides: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    pattern = as_strided(np.empty(1, dtype), shape, strides)
    return bool(pattern.flags.forc)


@lru_cache(maxsize=256)
def _contiguous_pass(
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    dtypes: tuple[np.dtype[Any], ...],
    axes: tuple[int, ...],
    coordinates: tuple[bool, ...],
    scheme: Scheme,
) -> Pass:
    """Give the pass for arrays that are all contiguous in the same order."""
    itemsize = dtypes[0].itemsize
    distances = [strides[axis] // itemsize for axis in axes]
    lengths = [shape[axis] for axis in axes]
    runs = [
        distance if varying and distance > 1 else length * distance
        for length, distance, varying in zip(lengths, distances, coordinates, strict=True)
    ]
    direct = dtypes[1].kind == "f" and min(runs) >= SHORT_RUN
    in_turn = direct and min(runs) >= ROW_IN_TURN and distances != [1] and not any(coordinates)
    size = math.prod(shape)
    rows = [
        _axis_row(length, distance, size, 0, scattered=False)
        for length, distance in zip(lengths, distances, strict=True)
    ]
    kernel = any(coordinates), False, direct, in_turn
    return _pass(dtypes, kernel, rows, NO_DIMENSIONS, (size, size, 0), False, scheme)


def _strided_pass(
    samples: Array,
    results: Sequence[Array],
    dtypes: tuple[np.dtype[Any], ...],
    axes: tuple[int, ...],
    varying: bool,
    scheme: Scheme,
) -> tuple[Pass, Array, list[Array]]:
    """Give the pass for arrays of any order, and their memory; the flat order is a result's."""
    order = flat_order(results)
    distances = flat_strides(samples.shape, order)
    dimensions = np.array(dimension_rows(samples.shape, order, [samples, *results]), np.int64)
    memory, origin = memory_of(samples)
    memories = [memory_of(result) for result in results]
    rows = [
        _axis_row(
            samples.shape[axis],
            distances[axis],
            result_memory.size,
            result_origin,
            scattered=not is_flat(result, order),
        )
        for axis, result, (result_memory, result_origin) in zip(
            axes, results, memories, strict=True
        )
    ]
    extent = samples.size, memory.size, origin
    gathered = not is_flat(samples, order)
    kernel = varying, True, False, False
    this = _pass(dtypes, kernel, rows, dimensions, extent, gathered, scheme)
    return this, memory, [result_memory for result_memory, _ in memories]


def _axis_row(
    length: int, distance: int, span: int, origin: int, *, scattered: bool
) -> tuple[int, ...]:
    """Give the row of an axis, as it is before anything is known of its spacing."""
    row = [0] * tables.AXIS_COLUMNS
    row[tables.LENGTH], row[tables.STRIDE], row[tables.UNIFORM] = length, distance, True
    row[tables.RESULT_SPAN], row[tables.RESULT_ORIGIN] = span, origin
    row[tables.SCATTERED] = scattered
    return tuple(row)


def _pass(
    dtypes: tuple[np.dtype[Any], ...],
    kernel: tuple[bool, bool, bool, bool],
    rows: list[tuple[int, ...]],
    dimensions: Array,
    extent: tuple[int, int, int],
    gathered: bool,
    scheme: Scheme,
) -> Pass:
    """Give the tables of a pass, with the choice of its kernel and of its blocks."""
    size, span, origin = extent
    itemsize = dtypes[1].itemsize
    streamed = HAS_NON_TEMPORAL_STORES and size * len(rows) * itemsize > most_cached_bytes()
    varying, strided, direct, in_turn = kernel
    direct, in_turn = direct and streamed, in_turn and streamed
    block = min(size, (DIRECT_BLOCK_BYTES if direct else BLOCK_BYTES) // itemsize)
    field = np.zeros(tables.FIELD_COLUMNS, np.int64)
    field[tables.SAMPLES_SPAN], field[tables.SAMPLES_ORIGIN] = span, origin
    field[tables.GATHERED], field[tables.SIZE], field[tables.BLOCK] = gathered, size, block
    field[tables.STREAMED] = streamed
    field[tables.MARCH] = _march(rows, dtypes[0].itemsize, block)
    field[tables.AXIS_COUNT], field[tables.DIMENSION_COUNT] = len(rows), len(dimensions)
    function = cpu.compiled_derivation(scheme, *dtypes, varying, strided, direct, in_turn).address
    return Pass(function, field, np.array(rows, np.int64).ravel(), dimensions)


def _march(rows: list[tuple[int, ...]], itemsize: int, block: int) -> int:
    """Give the axis to go down first, if its neighbours lie too far apart for the cache."""
    distance = max(row[tables.STRIDE] for row in rows)
    if distance < 2 * block or stays_cached(2 * distance * itemsize):
        return -1
    return [row[tables.STRIDE] for row in rows].index(distance)
