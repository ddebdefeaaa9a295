"""From a plan to the kernels."""

from functools import lru_cache
from typing import Any

import numpy as np

from numgrad.fields import kernels_cpu, tables
from numgrad.fields.layout import (
    NO_DIMENSIONS,
    Array,
    dimension_table,
    flat_order,
    flat_strides,
    is_flat,
    memory_of,
    same_contiguous_order,
    steps,
)
from numgrad.fields.plan import Coordinates, Plan, Spacing
from numgrad.fields.stores import HAS_NON_TEMPORAL_STORES
from numgrad.targets.choose import cache_bytes, thread_count

BLOCK_BYTES = 1 << 14
TABLE_POINTS = 8192  # longest axis whose weights are tabulated


@lru_cache
def _empty(dtype: np.dtype[Any]) -> Array:
    """Return an array that tells a kernel a type."""
    return np.empty(0, dtype)


def run(plan: Plan, results: list[Array]) -> None:
    """Derive the samples along every axis of a plan."""
    samples = plan.samples
    if samples.size == 0:
        return
    samples = as_native(samples)
    results = [result.view(result.dtype.newbyteorder("=")) for result in results]
    groups: dict[tuple[Any, Any], list[int]] = {}
    for k, spacing in enumerate(plan.spacings):
        own = spacing.values.dtype if isinstance(spacing, Coordinates) else None
        groups.setdefault((spacing.precision, own), []).append(k)
    for (precision, own), members in groups.items():
        run_group(plan, samples, results, members, precision, own or precision)


def as_native(samples: Array) -> Array:
    if not samples.dtype.isnative or not samples.flags.aligned:
        samples = samples.astype(samples.dtype.newbyteorder("="), order="K")
    if any(stride % samples.itemsize for stride in samples.strides):
        samples = samples.copy(order="K")
    return samples


def run_group(plan, samples, all_results, members, precision, own):
    results = [all_results[k] for k in members]
    count = len(members)
    axes = np.zeros((count, tables.AXIS_COLUMNS), np.int64)
    spacings = np.zeros((count, tables.SPACING_COLUMNS), precision)
    field = np.zeros(tables.FIELD_COLUMNS, np.int64)
    if same_contiguous_order(samples, results):
        dimensions = NO_DIMENSIONS
        strides = steps(samples)
        memory, origin = samples.ravel("K"), 0
        memories = [(result.ravel("K"), 0) for result in results]
        gathered, scattered = False, [False] * count
    else:
        order = flat_order(results)
        dimensions = dimension_table(samples.shape, order, samples, results)
        strides = flat_strides(samples.shape, order)
        memory, origin = memory_of(samples)
        memories = [memory_of(result) for result in results]
        gathered = not is_flat(samples, order)
        scattered = [not is_flat(result, order) for result in results]
    tablesx = []
    for row, k in enumerate(members):
        axis = plan.axes[k]
        axes[row, :3] = samples.shape[axis], strides[axis], True
        axes[row, tables.RESULT_SPAN] = memories[row][0].size
        axes[row, tables.RESULT_ORIGIN] = memories[row][1]
        axes[row, tables.SCATTERED] = scattered[row]
        kernels_cpu.locate(memories[row][0].view(np.uint8), axes[row], tables.RESULT)
        spacing = plan.spacings[k]
        if isinstance(spacing, Coordinates):
            n = samples.shape[axis]
            table = np.empty(3 * (n - 2) if n <= TABLE_POINTS else 0, precision)
            tablesx.append(table)
            kernels_cpu.measure(spacing.values, axes[row], spacings[row], table)
        else:
            spacings[row] = spacing.row
    itemsize = results[0].itemsize
    field[tables.SAMPLES_SPAN] = memory.size
    field[tables.SAMPLES_ORIGIN] = origin
    field[tables.GATHERED] = gathered
    field[tables.SIZE] = samples.size
    field[tables.BLOCK] = min(samples.size, BLOCK_BYTES // itemsize)
    field[tables.EDGE_ORDER] = plan.edge_order
    field[tables.STREAMED] = HAS_NON_TEMPORAL_STORES and samples.size*itemsize*count > cache_bytes()//2
    field[tables.MARCH] = -1
    kernels_cpu.locate(memory.view(np.uint8), field, tables.SAMPLES)
    blocks = -(-samples.size//int(field[tables.BLOCK]))
    field[tables.AXIS_COUNT] = count
    function = kernels_cpu.derivation_address(samples.dtype, results[0].dtype, own, precision, dimensions is not NO_DIMENSIONS)
    field[tables.DIMENSION_COUNT] = len(dimensions)
    arguments = (function, field, axes, spacings, dimensions, blocks)
    threads = thread_count(samples.size * count)
    if threads == 1:
        kernels_cpu.launch(*arguments)
    else:
        kernels_cpu.launch_in_parallel(*arguments, threads)
