"""Fields with missing samples: derivatives there from the side that has some."""

from collections.abc import Sequence

import numpy as np

from numgrad.fields.boundaries import Ghosts, extended
from numgrad.fields.curvilinear import with_ghosts
from numgrad.fields.kernels.missing import derive_points
from numgrad.fields.layout import Array
from numgrad.fields.lines import real_offsets
from numgrad.fields.terms import Part
from numgrad.fields.weights import central_reach, points_needed

POINTS_AT_ONCE = 1 << 14


def reach_of(part: Part) -> int:
    """Give how far from a point its derivative may have to look for samples."""
    size = points_needed(part.order, part.accuracy)
    return max(size - 1, int(np.abs(real_offsets(part.line.slots)).max()))


def derive_where_missing(output: Array, parts: Sequence[Part], around: Sequence[Array]) -> None:
    """Derive again where an output is nan for neighbours that are missing.

    ``around`` are the components of the parts, with as many places on each side of the axis of the
    part as it reaches; nan where nothing is.
    """
    lost = np.isnan(output)
    for part, wider in zip(parts, around, strict=True):
        axis, reach = part.axis.axis, reach_of(part)
        cut = (slice(None),) * axis + (slice(reach, wider.shape[axis] - reach),)
        lost &= ~np.isnan(wider[cut])
    places = np.nonzero(lost)
    for start in range(0, len(places[0]), POINTS_AT_ONCE):
        some = tuple(place[start : start + POINTS_AT_ONCE] for place in places)
        results = np.zeros(len(some[0]), np.result_type(output.dtype, np.float64))
        for part, wider in zip(parts, around, strict=True):
            _add(part, wider, some, results)
        output[some] = results


def _add(part: Part, wider: Array, places: tuple[Array, ...], results: Array) -> None:
    axis, reach = part.axis.axis, reach_of(part)
    along = places[axis][:, None] + np.arange(2 * reach + 1)
    in_whole = along + part.start
    size = points_needed(part.order, part.accuracy)
    if isinstance(part.axis.spacing, float):
        left = right = central_reach(part.order, part.accuracy)
        x = np.broadcast_to(np.arange(-reach, reach + 1) * part.axis.spacing, along.shape)
    else:
        left, right = (size - 1) // 2, size // 2
        x = _coordinates(part, reach, places, in_whole)
    inner = np.ones(along.shape)
    if part.inner is not None:
        ghosts = Ghosts(part.axis.ends, reach, reach)
        inner = _at(with_ghosts(part.inner, ghosts, axis), axis, places, in_whole)
    outer = _at(part.outer, axis, places, places[axis])
    derive_points(
        np.ascontiguousarray(_at(wider, axis, places, along), results.dtype),
        np.ascontiguousarray(x),
        np.ascontiguousarray(inner),
        np.ascontiguousarray(outer),
        part.order,
        part.inner is not None and part.order == 2,
        left,
        right,
        size,
        results,
    )


def _coordinates(part: Part, reach: int, places: tuple[Array, ...], along: Array) -> Array:
    """Give the coordinates around some points; beyond a one-sided end they go on somehow."""
    axis, spacing = part.axis.axis, part.axis.coordinates
    ghosts = Ghosts(part.axis.ends, reach, reach)
    x = extended(spacing, ghosts, part.axis.period).astype(np.float64, copy=False)
    if x.ndim == 1:
        return x[along]
    return _at(np.moveaxis(x, -1, axis), axis, places, along)


def _at(array: Array, axis: int, places: tuple[Array, ...], along: Array) -> Array:
    """Give the entries of an array that spreads over the field, at some places along an axis."""
    indices = []
    for d, n in enumerate(array.shape):
        place = along if d == axis else places[d].reshape(-1, *(1,) * (along.ndim - 1))
        indices.append(np.zeros_like(place) if n == 1 else place)
    return np.broadcast_to(array[tuple(indices)], along.shape)
