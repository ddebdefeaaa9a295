"""From the arguments of ``gradient`` to the kernels on a GPU.

Addresses are reckoned with as on the CPU: every array on the GPU has a shadow, an array of NumPy
that lies where it does and is never read.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numgrad.fields.kernels import tables
from numgrad.fields.kernels.coordinates import TABLE_POINTS, measuring_kernel
from numgrad.fields.kernels.cuda import (
    MEASURED,
    MOST_POSITIONS,
    TABULATED,
    UNIFORM,
    VARYING,
    gradient_kernel,
    measuring_kernels,
    reciprocal,
)
from numgrad.fields.layout import (
    Array,
    contiguous_in_one_order,
    flat_order,
    flat_strides,
    memory_of,
    steps,
)
from numgrad.fields.outputs import checked_outputs
from numgrad.fields.plan import Coordinates, Plan, Spacing, make_plan
from numgrad.fields.stencils import Scheme
from numgrad.targets import cuda_arrays, cuda_device

MEMORY_SHARE = 0.8  # of what is free, at most
STREAM = 0  # for arrays of the host, which wait for their results anyway


@dataclass(frozen=True, slots=True)
class Ready:
    """The spacing of an axis as a kernel takes it."""

    kind: str
    values: tuple[Any, ...]


def gradient_on_device(
    f: Any, varargs: tuple[Any, ...], axis: Any, edge_order: Any, out: Any, stream: Any
) -> Any:
    """Give the gradient of an array that lies on the GPU, as arrays of the same library."""
    cuda_device.ready()
    samples = cuda_arrays.shadow_of(f)
    plan = _plan(samples, varargs, axis, edge_order)
    given = [f, *(argument for argument in varargs if cuda_arrays.is_on_device(argument))]
    stream = cuda_arrays.stream_of(stream, given)
    order = flat_order([samples])
    if out is None:
        itemsize = plan.result_dtype.itemsize
        strides = tuple(itemsize * step for step in flat_strides(samples.shape, order))
        outputs = [cuda_arrays.empty_like(f, plan.result_dtype, strides, stream) for _ in plan.axes]
        results = [cuda_arrays.shadow_of(output) for output in outputs]
    else:
        outputs = list(out) if isinstance(out, tuple) else [out]
        results = _checked(out, plan, [cuda_arrays.shadow_of(array) for array in given])
    if samples.size:
        _check_strides(samples, results)
        spacings = _on_device(plan, varargs, stream)
        _derive(plan, samples, results, spacings, (f, outputs), stream)
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _plan(samples: Array, varargs: tuple[Any, ...], axis: Any, edge_order: Any) -> Plan:
    """Give the plan for samples on the GPU, or raise NumPy's error."""
    stand_ins = tuple(
        np.zeros(argument.shape, cuda_arrays.shadow_of(argument).dtype)
        if cuda_arrays.is_on_device(argument)
        else argument
        for argument in varargs
    )
    if not samples.dtype.isnative or not samples.flags.aligned:
        raise TypeError("an array on a GPU must be aligned and in its byte order; pass a copy")
    plan = make_plan(samples, stand_ins, axis, edge_order)
    if plan is None:
        # what NumPy says of such arguments; the samples can't be read
        np.gradient(
            np.broadcast_to(np.zeros((), samples.dtype), samples.shape),
            *stand_ins,
            axis=axis,
            edge_order=edge_order,
        )
        raise TypeError(
            "on a GPU gradient takes samples of float32, float64, complex64, complex128 and "
            f"integers, with real spacings, not samples of {samples.dtype} with these spacings"
        )
    return plan


def _checked(out: Any, plan: Plan, inputs: Sequence[Array]) -> list[Array]:
    """Give the shadows of the caller's arrays if the results fit into them."""
    arrays = out if isinstance(out, tuple) else (out,)
    for array in arrays:
        if not cuda_arrays.is_on_device(array):
            raise TypeError(
                f"out must lie on the GPU as the samples do, but a {type(array).__name__} came"
            )
    shadows = tuple(cuda_arrays.shadow_of(array) for array in arrays)
    checked = shadows if isinstance(out, tuple) else shadows[0]
    dtype, count = plan.result_dtype, len(plan.axes)
    return list(checked_outputs(checked, plan.samples.shape, dtype, count, inputs))


def _check_strides(samples: Array, results: Sequence[Array]) -> None:
    for array in (samples, *results):
        if any(stride % array.itemsize for stride in array.strides):
            raise ValueError("the strides of an array on a GPU must be whole elements; pass a copy")


# Spacings


def _on_device(plan: Plan, varargs: tuple[Any, ...], stream: Any) -> list[Ready]:
    """Give the spacing of every axis of a plan for samples on the GPU."""
    given = varargs * len(plan.axes) if len(varargs) == 1 else varargs
    return [
        _measured(plan.scheme, given[k], spacing, stream)
        if given and cuda_arrays.is_on_device(given[k])
        else _from_host(plan.scheme, spacing, stream)
        for k, spacing in enumerate(plan.spacings)
    ]


def _measured(scheme: Scheme, x: Any, spacing: Spacing, stream: Any) -> Ready:
    """Give the spacing of coordinates on the GPU, measured there."""
    shadow = cuda_arrays.shadow_of(x)
    if not isinstance(spacing, Coordinates):
        raise TypeError("a spacing without dimensions must be a number, not an array on a GPU")
    if not (shadow.flags.c_contiguous and shadow.flags.aligned and shadow.dtype.isnative):
        raise ValueError("coordinates on a GPU must be contiguous and aligned; pass a copy")
    points = cuda_arrays.array_at(shadow, x)
    entries = scheme.entries(shadow.size) if shadow.size <= TABLE_POINTS else 0
    row = cuda_arrays.empty(scheme.columns[-1], spacing.precision, stream)
    varies = cuda_arrays.empty(1, np.dtype(np.int32), stream)
    table = cuda_arrays.empty(entries, spacing.precision, stream)
    for kernel, count in zip(
        measuring_kernels(scheme, spacing.weights_dtype), (1, shadow.size, 1), strict=True
    ):
        kernel.launch(count, stream, points, row, varies, table)
    return Ready(MEASURED, (row, varies, points, table))


def _from_host(scheme: Scheme, spacing: Spacing, stream: Any) -> Ready:
    """Give a spacing that the host knows: what is the same everywhere goes with the launch."""
    number = spacing.precision.type
    if not isinstance(spacing, Coordinates):
        return Ready(UNIFORM, (tuple(map(number, spacing.row)),))
    points = len(spacing.values)
    axis = np.zeros(tables.AXIS_COLUMNS, np.int64)
    rows = np.zeros((1, scheme.columns[-1]), spacing.precision)
    table = np.empty(scheme.entries(points) if points <= TABLE_POINTS else 0, spacing.precision)
    measuring_kernel(scheme, spacing.weights_dtype)(
        spacing.values, 0, axis, rows, table, spacing.uneven
    )
    row = tuple(rows[0])
    if axis[tables.UNIFORM]:
        return Ready(UNIFORM, (row,))
    if table.size:
        return Ready(TABULATED, (row, cuda_arrays.to_device(table, stream)))
    return Ready(VARYING, (row, cuda_arrays.to_device(spacing.values, stream)))


# Launches


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The dimensions that the kernels see, slowest first, and which of them are the axes."""

    lengths: list[int]
    steps: list[list[int]]  # of each array
    axes: tuple[int, ...]

    @property
    def row(self) -> int:
        """How many positions one place of dimension 0 has."""
        return math.prod(self.lengths[1:])


def dimensions_of(arrays: Sequence[Array], order: list[int], axes: tuple[int, ...]) -> Dimensions:
    """Give the dimensions of some arrays; those that aren't axes are joined where they can be."""
    columns = [steps(array) for array in arrays]
    lengths: list[int] = []
    rows: list[list[int]] = []
    places: dict[int, int] = {}
    joinable = False
    for d in order:
        length, inner = arrays[0].shape[d], [column[d] for column in columns]
        is_axis = d in axes
        if length == 1 and not is_axis:
            continue
        if joinable and not is_axis and rows[-1] == [length * step for step in inner]:
            lengths[-1], rows[-1] = lengths[-1] * length, inner
        else:
            lengths.append(length)
            rows.append(inner)
        joinable = not is_axis
        places[d] = len(lengths) - 1
    return Dimensions(
        lengths,
        [list(column) for column in zip(*rows, strict=True)],
        tuple(places[a] for a in axes),
    )


def _derive(
    plan: Plan,
    samples: Array,
    results: Sequence[Array],
    spacings: Sequence[Ready],
    owner: Any,
    stream: Any,
) -> None:
    """Derive arrays on the GPU, given as their shadows, along every axis."""
    order = flat_order(results)
    dimensions = dimensions_of([samples, *results], order, plan.axes)
    strided = not contiguous_in_one_order(samples, results)
    lines = []
    for array in (samples, *results):
        memory, origin = memory_of(array)
        lines.append((cuda_arrays.array_at(memory, owner), origin))
    whole = Part(0, dimensions.lengths[0], lines[0][1], [origin for _, origin in lines[1:]])
    arguments = [line for line, _ in lines]
    _launch(plan, dimensions, arguments, whole, spacings, strided, stream)


@dataclass(frozen=True, slots=True)
class Part:
    """Some places of dimension 0, and where in their memory the samples and results of it begin."""

    start: int
    stop: int
    origin: int
    origins: Sequence[int]


def _launch(
    plan: Plan,
    dimensions: Dimensions,
    lines: Sequence[Any],
    part: Part,
    spacings: Sequence[Ready],
    strided: bool,
    stream: Any,
) -> None:
    """Derive a part in as few launches as numbers of 31 bits allow."""
    count, row = len(dimensions.lengths), dimensions.row
    kinds = tuple(spacing.kind for spacing in spacings)
    kernel = gradient_kernel(dimensions.axes, kinds, plan.scheme, strided, count)
    table = tuple((length, *reciprocal(length)) for length in dimensions.lengths)
    all_steps = [tuple(column) for column in dimensions.steps]
    values = tuple(spacing.values for spacing in spacings)
    most = max(1, (MOST_POSITIONS - 1) // row)
    for start in range(part.start, part.stop, most):
        places = min(most, part.stop - start)
        origins = [
            origin + (start - part.start) * column[0]
            for origin, column in zip((part.origin, *part.origins), all_steps, strict=True)
        ]
        samples, *results = zip(lines, origins, all_steps, strict=True)
        kernel.launch(
            places * row, stream, samples, tuple(results), places * row, start, table, values
        )


# Arrays of the host


def run(plan: Plan, results: Sequence[Array]) -> None:
    """Derive samples of the host on the GPU, each axis into its result."""
    samples = plan.samples
    if samples.size == 0:
        return
    cuda_device.ready()
    order = flat_order(results)
    native = samples.dtype.newbyteorder("=")
    flat_samples = np.ascontiguousarray(samples.transpose(order), native).ravel()
    dimensions = _as_if_flat(samples.shape, order, plan)
    spacings = [_from_host(plan.scheme, spacing, STREAM) for spacing in plan.spacings]
    flat_results = [
        result.transpose(order).reshape(-1)
        if result.dtype.isnative and result.transpose(order).flags.c_contiguous
        else np.empty(samples.size, plan.result_dtype.newbyteorder("="))
        for result in results
    ]
    for start, stop in _parts(dimensions, flat_samples, flat_results, plan.scheme.reach):
        _derive_part(plan, dimensions, flat_samples, flat_results, start, stop, spacings)
    shape = [samples.shape[d] for d in order]
    for result, flat in zip(results, flat_results, strict=True):
        if not np.may_share_memory(result, flat):
            result.transpose(order)[...] = flat.reshape(shape)


def _as_if_flat(shape: tuple[int, ...], order: list[int], plan: Plan) -> Dimensions:
    """Give the dimensions of samples and results that all lie in the flat order."""
    strides = np.array(flat_strides(shape, order)) * plan.result_dtype.itemsize
    pattern = np.lib.stride_tricks.as_strided(
        np.empty(1, plan.result_dtype), shape, tuple(strides.tolist())
    )
    return dimensions_of([pattern] * (1 + len(plan.axes)), order, plan.axes)


def _parts(
    dimensions: Dimensions, samples: Array, results: Sequence[Array], halo: int
) -> list[tuple[int, int]]:
    """Give the parts of dimension 0 that fit into the device's memory one at a time."""
    length, row = dimensions.lengths[0], dimensions.row
    row_bytes = row * (samples.itemsize + sum(result.itemsize for result in results))
    free = min(cuda_arrays.free_bytes() * MEMORY_SHARE, row_bytes * (length + 2.0 * halo))
    places = max(1, int(free // row_bytes) - 2 * halo)
    return [(start, min(start + places, length)) for start in range(0, length, places)]


def _derive_part(
    plan: Plan,
    dimensions: Dimensions,
    samples: Array,
    results: Sequence[Array],
    start: int,
    stop: int,
    spacings: Sequence[Ready],
) -> None:
    """Copy a part with its halo to the GPU, derive it, and copy its results back."""
    row, halo = dimensions.row, plan.scheme.reach
    low, high = max(0, start - halo), min(dimensions.lengths[0], stop + halo)
    lines = [cuda_arrays.to_device(samples[low * row : high * row], STREAM)]
    lines += [cuda_arrays.empty((stop - start) * row, result.dtype, STREAM) for result in results]
    part = Part(start, stop, (start - low) * row, [0] * len(results))
    _launch(plan, dimensions, lines, part, spacings, False, STREAM)
    for line, result in zip(lines[1:], results, strict=True):
        line.copy_to_host(result[start * row : stop * row])
