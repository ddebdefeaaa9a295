"""``numgrad.gradient`` of Dask arrays: NumPy's values bit for bit, on any chunks.

Every block is derived along all axes at once, and again where it meets its neighbours, from a few
planes of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numgrad.fields.adapters.chunks import is_chunked
from numgrad.fields.adapters.dask import (
    Halos,
    Ranges,
    joined,
    meta_of,
    outputs_of,
    refuse,
)
from numgrad.fields.boundaries import Boundary
from numgrad.fields.grid import axes_of
from numgrad.fields.layout import Array
from numgrad.fields.plan import Coordinates
from numgrad.fields.run_cpu import make_plan, run

ONE_SIDED = Boundary("one-sided"), Boundary("one-sided")


@dataclass(frozen=True, slots=True)
class Steps:
    """The spacing of an axis: one for all, or coordinates, and whether their distances differ."""

    values: Any
    varying: bool = False

    def part(self, start: int, stop: int) -> Any:
        """Give the spacing of some points."""
        return self.values[start:stop] if np.ndim(self.values) else self.values


def steps_of(given: Any) -> Steps:
    """Give a spacing that is in memory."""
    if np.ndim(given) == 0:
        return Steps(given)
    values = np.asarray(given)
    distances = np.diff(values)
    return Steps(values, bool((distances != distances[:1]).any()))


def gradient_chunked(
    f: Any, varargs: tuple[Any, ...], axis: Any, edge_order: Any, out: Any, target: str
) -> Any:
    """Give the lazy derivatives along all axes."""
    refuse([f], out, target)
    from dask import delayed
    from dask.base import tokenize

    axes = axes_of(axis, f.ndim)
    known = [_stand_in(given) for given in varargs]
    # NumPy's checks of all arguments, and the dtype of the results
    sample = np.broadcast_to(np.ones((), f.dtype), f.shape)
    dtype = _checked(sample, known, axis, edge_order)
    if len(varargs) != len(axes):
        varargs = (varargs or (1.0,)) * len(axes)
    name = f"gradient-{tokenize(f.name, varargs, axes, edge_order)}"
    graph: dict[Any, Any] = {}
    sources, steps = [f], []
    for k, given in enumerate(varargs):
        if is_chunked(given):
            lazy = delayed(steps_of, pure=True)(given)
            sources.append(lazy)
            steps.append(lazy.key)
        else:
            graph[f"steps-{name}-{k}"] = steps_of(given)
            steps.append(f"steps-{name}-{k}")
    halos = Halos([f], name, graph)
    for index in np.ndindex(*f.numblocks):
        sides = []
        for a in axes:
            (start, stop), points = halos.ranges(index)[a], f.shape[a]
            before, after = _needs(start, stop, points, int(edge_order))
            sides.append([*halos.sides(0, index, a, before, after, ONE_SIDED)])
        block = (f.name, *index)
        graph[(name, *index)] = (
            _block, block, halos.ranges(index), axes, list(steps), sides, int(edge_order)
        )  # fmt: skip
    halos.even_out([(name, *index) for index in np.ndindex(*f.numblocks)], axes)
    meta = np.empty((0,) * f.ndim, dtype)
    if isinstance(meta_of(f), np.ma.MaskedArray):
        meta = np.ma.MaskedArray(meta)
    results = outputs_of(name, graph, sources, meta, len(axes))
    return results[0] if len(results) == 1 else results


def _stand_in(given: Any) -> Any:
    if not is_chunked(given):
        return given
    return np.arange(given.shape[0], dtype=given.dtype) if given.ndim == 1 else given


def _checked(sample: Array, varargs: Sequence[Any], axis: Any, edge_order: Any) -> np.dtype[Any]:
    """Raise NumPy's errors, and give the dtype of the results."""
    plan = make_plan(sample, tuple(varargs), axis, edge_order)
    if plan is not None:
        return plan.result_dtype
    # few samples, of which NumPy says the same
    axes = axes_of(axis, sample.ndim)
    lengths = [
        min(n, 4) if d in axes and not any(np.ndim(given) for given in varargs) else n
        for d, n in enumerate(sample.shape)
    ]
    answer = np.gradient(
        sample[tuple(map(slice, lengths))], *varargs, axis=axis, edge_order=edge_order
    )
    first = answer[0] if isinstance(answer, tuple) else answer
    return np.dtype(first.dtype)


def _needs(start: int, stop: int, points: int, edge_order: int) -> tuple[int, int]:
    """Give how many planes of its neighbours a block needs: one, or what its ends need."""
    fewest = edge_order + 1
    low, high = max(0, start - 1), min(points, stop + 1)
    if start == 0:
        high = max(high, min(points, fewest))
    if stop == points:
        low = min(low, max(0, points - fewest))
    return start - low, high - stop


def _block(
    block: Any,
    ranges: Ranges,
    axes: Sequence[int],
    steps: Sequence[Steps],
    sides: Sequence[Any],
    edge_order: int,
    _waits: Any = (),
) -> Any:
    """Derive a block along all axes, and again at its faces; what it waits for is nothing."""
    results: list[Any] = [None] * len(axes)
    whole = [k for k, axis in enumerate(axes) if block.shape[axis] > edge_order]
    if whole:
        spacings = [steps[k].part(*ranges[axes[k]]) for k in whole]
        varying = [steps[k].varying for k in whole]
        ends = [ranges[axes[k]][1] == np.size(steps[k].values) for k in whole]
        derived = _gradient(block, spacings, [axes[k] for k in whole], edge_order, varying, ends)
        for k, result in zip(whole, derived, strict=True):
            results[k] = result
    for k, axis in enumerate(axes):
        before, after = (joined(pieces, block, axis) for pieces in sides[k])
        results[k] = _at_faces(
            results[k], block, before, after, axis, steps[k], ranges[axis], edge_order
        )
    return results[0] if len(results) == 1 else tuple(results)


def _at_faces(
    result: Any,
    block: Any,
    before: Any,
    after: Any,
    axis: int,
    steps: Steps,
    bounds: tuple[int, int],
    edge_order: int,
) -> Any:
    """Derive along an axis where a block meets its neighbours; all of it, where it is thin."""
    join = np.ma.concatenate if isinstance(block, np.ma.MaskedArray) else np.concatenate
    low, high = (0 if side is None else side.shape[axis] for side in (before, after))
    if not low and not high:
        return result
    points = block.shape[axis]
    pieces = [side for side in (before, block, after) if side is not None]
    if result is None or points < 2:
        start, stop = bounds[0] - low, bounds[1] + high
        wider = join(pieces, axis)
        (derived,) = _gradient(
            wider, [steps.part(start, stop)], [axis], edge_order, [steps.varying], [not high]
        )
        return _planes(derived, axis, low, low + points)
    if low:
        face = join([before, _planes(block, axis, 0, 2)], axis)
        spacing = steps.part(bounds[0] - low, bounds[0] + 2)
        (derived,) = _gradient(face, [spacing], [axis], 1, [steps.varying], [False])
        _set(result, axis, 0, _planes(derived, axis, low, low + 1))
    if high:
        face = join([_planes(block, axis, points - 2, points), after], axis)
        spacing = steps.part(bounds[1] - 2, bounds[1] + high)
        (derived,) = _gradient(face, [spacing], [axis], 1, [steps.varying], [False])
        _set(result, axis, points - 1, _planes(derived, axis, 1, 2))
    return result


def _planes(array: Any, axis: int, start: int, stop: int) -> Any:
    return array[(slice(None),) * axis + (slice(start, stop),)]


def _set(array: Any, axis: int, place: int, planes: Any) -> None:
    array[(slice(None),) * axis + (slice(place, place + 1),)] = planes


def _gradient(
    f: Any,
    spacings: Sequence[Any],
    axes: Sequence[int],
    edge_order: int,
    varying: Sequence[bool],
    ends: Sequence[bool],
) -> tuple[Any, ...]:
    """Give the derivatives of some planes, whose distances may be equal by chance.

    ``ends`` tell where the last plane is that of the whole axis.
    """
    plan = make_plan(f, tuple(spacings), tuple(axes), edge_order)
    if plan is None:
        each = zip(spacings, axes, varying, ends, strict=True)
        return tuple(_by_numpy(f, edge_order, *of_axis) for of_axis in each)
    for spacing, uneven in zip(plan.spacings, varying, strict=True):
        if isinstance(spacing, Coordinates):
            spacing.uneven = uneven
    results = tuple(np.empty_like(plan.samples, plan.result_dtype) for _ in axes)
    run(plan, results)
    return results


def _by_numpy(f: Any, edge_order: Any, spacing: Any, axis: int, uneven: bool, end: bool) -> Any:
    """Give NumPy's answer for some planes, whose distances it must not take for equal by chance.

    Where they are, it gets a plane more, at another distance, on a side that isn't the end.
    """
    more = 0
    if uneven and np.ndim(spacing):
        distances = np.diff(spacing)
        more = int((distances == distances[:1]).all())
    if not more:
        return np.gradient(f, spacing, axis=axis, edge_order=edge_order)
    place = 0 if end else len(spacing)
    beyond = spacing[0] - 2 * distances[0] if end else spacing[-1] + 2 * distances[-1]
    at = (slice(None),) * axis + (slice(0, 1),)
    pieces = [f[at], f] if end else [f, f[at]]
    join = np.ma.concatenate if isinstance(f, np.ma.MaskedArray) else np.concatenate
    wider = np.insert(spacing, place, beyond)
    derived = np.gradient(join(pieces, axis), wider, axis=axis, edge_order=edge_order)
    first = 1 if end else 0
    return _planes(derived, axis, first, first + f.shape[axis])
