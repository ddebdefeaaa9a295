"""From the formula of an operator to the kernels on a GPU."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numgrad.fields.kernels import cuda_differences as kernels
from numgrad.fields.layout import Array
from numgrad.fields.lines import whole
from numgrad.fields.outputs import checked_outputs
from numgrad.fields.terms import Formula, Part
from numgrad.targets import cuda_arrays, cuda_device

STREAM = 0
# Derives again, in components and results on the host, where these are nan for missing samples
Mend = Callable[[Sequence[Array], Formula, Sequence[Array]], None]


def derive_on_device(
    given: Sequence[Any],
    build: Callable[..., Formula],
    arguments: Sequence[Any],
    mend: Mend | None,
    out: Any,
) -> Any:
    """Give the outputs of an operator on arrays of the GPU, as arrays of the same library.

    Where missing samples are to be avoided, ``mend`` does so, on the host.
    """
    cuda_device.ready()
    if not all(map(cuda_arrays.is_on_device, given)):
        raise TypeError("all components must lie on the GPU if one does")
    shadows = [cuda_arrays.shadow_of(one) for one in given]
    first = shadows[0]
    for shadow in shadows:
        if shadow.shape != first.shape or shadow.dtype != first.dtype:
            raise ValueError("components on a GPU must have one shape and one dtype")
        if not (shadow.flags.c_contiguous and shadow.flags.aligned and shadow.dtype.isnative):
            raise ValueError("samples on a GPU must be contiguous and aligned; pass a copy")
    if first.dtype.char not in "bBhHiIlLqQfdFD":
        raise TypeError(
            "samples on a GPU must be integers, float32, float64, complex64 or complex128, not "
            f"{first.dtype}"
        )
    formula = build(first.shape, *arguments)
    dtype = first.dtype if first.dtype.kind in "fc" else np.dtype(np.float64)
    count = len(formula.outputs)
    if out is None:
        strides = np.empty(first.shape, np.dtype("b")).strides
        strides = tuple(dtype.itemsize * stride for stride in strides)
        outputs = [cuda_arrays.empty_like(given[0], dtype, strides, STREAM) for _ in range(count)]
        results = [cuda_arrays.shadow_of(output) for output in outputs]
    else:
        outputs = list(out) if isinstance(out, tuple) else [out]
        if not all(map(cuda_arrays.is_on_device, outputs)):
            raise TypeError("out must lie on the GPU as the samples do")
        results = [cuda_arrays.shadow_of(output) for output in outputs]
        checked = tuple(results) if isinstance(out, tuple) else results[0]
        checked_outputs(checked, first.shape, dtype, count, shadows)
        if not all(result.flags.c_contiguous for result in results):
            raise ValueError("out on a GPU must be contiguous")
    owner = given, outputs
    memories = [cuda_arrays.array_at(_flat(shadow), owner) for shadow in shadows]
    if first.size:
        targets = [cuda_arrays.array_at(_flat(result), owner) for result in results]
        _launch(memories, formula, targets, first.shape, dtype)
        if mend is not None:
            _mend(mend, memories, formula, targets, first, dtype)
    return outputs[0] if formula.single else tuple(outputs)


def derive_from_host(
    components: Sequence[Array], formula: Formula, targets: Sequence[Array]
) -> None:
    """Derive arrays of the host on the GPU, and copy the results back."""
    cuda_device.ready()
    if targets[0].size == 0:
        return
    flat = [_flat(np.ascontiguousarray(component)) for component in components]
    memories = [cuda_arrays.to_device(component, STREAM) for component in flat]
    dtype = targets[0].dtype
    real = dtype.char.lower()
    count = targets[0].size * (2 if dtype.kind == "c" else 1)
    results = [cuda_arrays.empty(count, np.dtype(real), STREAM) for _ in targets]
    _launch(memories, formula, results, targets[0].shape, dtype)
    for result, target in zip(results, targets, strict=True):
        target[...] = result.copy_to_host().view(dtype).reshape(target.shape)


def _mend(
    mend: Mend,
    memories: Sequence[Any],
    formula: Formula,
    targets: Sequence[Any],
    samples: Array,
    dtype: np.dtype[Any],
) -> None:
    """Let copies on the host be mended, and copy back what changed."""

    def copied(memory: Any, own: np.dtype[Any]) -> Array:
        copy: Array = memory.copy_to_host().view(own).reshape(samples.shape)
        return copy

    components = [copied(memory, samples.dtype) for memory in memories]
    if not any(np.isnan(component).any() for component in components):
        return
    results = [copied(target, dtype) for target in targets]
    mend([component.astype(dtype, copy=False) for component in components], formula, results)
    for target, result in zip(targets, results, strict=True):
        target.copy_to_device(_flat(result))


def _flat(array: Array) -> Array:
    """Give a contiguous array as one dimension, complex numbers as two real ones."""
    flat = array.reshape(-1)
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def _launch(
    memories: Sequence[Any],
    formula: Formula,
    results: Sequence[Any],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> None:
    """Derive one output after the other."""
    lengths = np.array([*shape, 2] if dtype.kind == "c" else shape, np.int64)
    formula.check_constants(dtype)
    ends = [end for axis in formula.grid for end in axis.ends]
    if dtype.kind == "c" and any(end.value != 0 for end in ends):
        raise ValueError(
            "complex samples on a GPU have no constant but 0 beyond their ends; pass target='cpu'"
        )
    real = np.dtype(dtype.char.lower())
    kernel = kernels.difference_kernel(real)
    for parts, result in zip(formula.outputs, results, strict=True):
        tables = Tables(parts, len(lengths), real)
        on_device = [cuda_arrays.to_device(np.asarray(array), STREAM) for array in tables.arrays()]
        size = int(lengths.prod())
        kernel.launch(
            size, STREAM, tuple(memories), result, size,
            cuda_arrays.to_device(lengths, STREAM), *on_device,
        )  # fmt: skip


class Tables:
    """The stencils of the terms of an output, as arrays for a kernel."""

    def __init__(self, parts: Sequence[Part], dimensions: int, real: np.dtype[Any]) -> None:
        self.real, self.dimensions = real, dimensions
        self.offsets: list[Array] = [np.zeros(0, np.int64)]
        self.weights: list[Array] = [np.zeros(0, real)]
        self.places: list[Array] = [np.zeros(0, np.int64)]
        self.signs: list[Array] = [np.zeros(0)]
        self.constants: list[Array] = [np.zeros(0)]
        self.rows = np.array([self._row(part) for part in parts], np.int64)

    def arrays(self) -> list[Array]:
        """Give the arrays in the order in which the kernel takes them."""
        lists = self.offsets, self.weights, self.places, self.signs, self.constants
        return [self.rows, *map(np.concatenate, lists)]

    def _row(self, part: Part) -> list[int]:
        line = whole(part.line)
        offsets, edge_offsets = (
            self._append(self.offsets, table.ravel()) for table in (line.slots, line.edge_slots)
        )
        weights, step, strides = self._weights(line.weights)
        edge_weights, edge_step, edge_strides = self._weights(line.edge_weights)
        points = line.points
        before, after = line.ghosts.ends
        constants = np.repeat(
            [before.value, 0.0, after.value],
            [line.ghosts.before, points, line.ghosts.after],
        )
        places = self._append(self.places, line.ghosts.indices(points))
        self._append(self.signs, line.ghosts.signs(points))
        self._append(self.constants, constants)
        return [
            part.component,
            line.axis,
            line.first,
            line.last,
            len(line.slots),
            line.edge_slots.shape[1],
            offsets,
            edge_offsets,
            weights,
            step,
            edge_weights,
            edge_step,
            places,
            line.ghosts.before,
            *strides,
            *edge_strides,
        ]

    def _weights(self, weights: Array) -> tuple[int, int, list[int]]:
        table = np.ascontiguousarray(weights, self.real)
        at = self._append(self.weights, table.ravel())
        strides = [
            stride // table.itemsize if n > 1 else 0
            for n, stride in zip(table.shape[1:], table.strides[1:], strict=True)
        ]
        strides += [0] * (self.dimensions - len(strides))
        return at, table.strides[0] // table.itemsize if table.size else 0, strides

    @staticmethod
    def _append(arrays: list[Array], more: Array) -> int:
        start = sum(map(len, arrays))
        arrays.append(more)
        return start
