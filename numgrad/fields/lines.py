"""The stencils along an axis of a field: which samples they take, and the weight of each.

A derivative is ``sum w (a - b)``, over differences of two samples of a line. Between the edges
all points take their samples at the same offsets; each edge point has offsets of its own. Weights
are arrays with one axis for the differences and those of the field, of length 1 along each axis
that they don't vary along.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from numgrad.fields.boundaries import ONE_SIDED, WRAP, Boundaries, Ghosts, extended
from numgrad.fields.kernels.weighing import weighing
from numgrad.fields.layout import Array
from numgrad.fields.weights import (
    ZERO,
    Slots,
    central,
    central_reach,
    one_sided,
    points_needed,
    power,
    weights_of_lines,
)

# An axis of more points gets its weights where they are used, some points at a time.
LONG = 1 << 18

# How many distances are compared at a time, at first and then: most grids that are uneven begin so.
FEW_STEPS, MANY_STEPS = 16, 1 << 14


@dataclass(frozen=True, eq=False, slots=True)
class LongWeights:
    """The weights on a long axis, which aren't computed yet."""

    coordinates: Array  # with those of the ghosts
    before: int  # how many of these there are before
    size: int
    left: int
    order: int
    axis: int
    ndim: int
    factor: float = 1.0

    def table(self, start: int, stop: int) -> Array:
        """Give the weights of some points."""
        low = max(0, start + self.before - self.left)
        part = self.coordinates[low : stop + self.before + self.size]
        at = np.arange(start, stop) + self.before - low
        starts = np.clip(at - self.left, 0, len(part) - self.size)
        table = weights_of_lines(part, starts, at, self.size, self.order)
        return self.factor * spread(table, self.axis, self.ndim)

    def addresses(self, kept: list[Array]) -> list[int]:
        """Give the addresses by which a kernel makes the weights of any points, and keep them."""
        coordinates = np.ascontiguousarray(self.coordinates, np.float64)
        factor = np.array([self.factor])
        kept += [coordinates, factor]
        function = weighing(self.size, self.order, self.left).address
        first = coordinates.ctypes.data + (self.before - self.left) * coordinates.itemsize
        return [function, first, factor.ctypes.data]


@dataclass(frozen=True, eq=False, slots=True)
class Line:
    """The stencils of one order and accuracy at all points of an axis."""

    axis: int
    points: int
    slots: Array  # of each difference, the two offsets from the point derived at
    weights: Any  # an array: of each difference, along the axis one number or one a point
    first: int  # how many points have stencils of their own before the others
    last: int  # and after them
    edge_slots: Array  # of each edge point and each of its differences
    edge_weights: Array  # along the axis one number an edge point
    ghosts: Ghosts

    @property
    def edges(self) -> Array:
        """The places of the edge points."""
        places: Array = np.r_[0 : self.first, self.points - self.last : self.points]
        return places.astype(np.int64)

    @property
    def reach(self) -> tuple[int, int]:
        """How far the stencils lead out of the axis on each side."""
        return reach_between(self, 0, self.points)

    def part(self, start: int, stop: int) -> "Line":
        """Give the stencils of some of the points, which reach to where they did before."""
        points = stop - start
        first = min(max(self.first - start, 0), points)
        last = min(max(stop - (self.points - self.last), 0), points - first)
        after = self.first + (stop - last) - (self.points - self.last)
        chosen = np.r_[start : start + first, after : after + last]
        along = (slice(None),) * (1 + self.axis)
        if isinstance(self.weights, LongWeights):
            weights = self.weights.table(start, stop)
        elif self.weights.shape[1 + self.axis] > 1:
            weights = self.weights[(*along, slice(start, stop))]
        else:
            weights = self.weights
        return replace(
            self,
            points=points,
            weights=weights,
            first=first,
            last=last,
            edge_slots=self.edge_slots[chosen],
            edge_weights=self.edge_weights[(*along, chosen)],
        )

    def across(self, axis: int, start: int, stop: int) -> "Line":
        """Give the stencils for a part of the field along another axis."""
        if isinstance(self.weights, LongWeights):
            return self
        along = (slice(None),) * (1 + axis)
        cut = (*along, slice(start, stop))
        return replace(
            self,
            weights=self.weights[cut] if self.weights.shape[1 + axis] > 1 else self.weights,
            edge_weights=self.edge_weights[cut]
            if self.edge_weights.shape[1 + axis] > 1
            else self.edge_weights,
        )


def reach_between(line: Line, start: int, stop: int) -> tuple[int, int]:
    """Give how far the stencils of some points lead out of them on each side."""
    low, high = start, stop
    offsets = real_offsets(line.slots)
    inside = max(start, line.first), min(stop, line.points - line.last)
    if inside[0] < inside[1] and offsets.size:
        low = min(low, inside[0] + int(offsets.min()))
        high = max(high, inside[1] + int(offsets.max()))
    edges = line.edges
    chosen = (edges >= start) & (edges < stop)
    if chosen.any():
        slots = line.edge_slots[chosen]
        places = edges[chosen, None, None] + np.where(slots == ZERO, 0, slots)
        low, high = min(low, int(places.min())), max(high, int(places.max()) + 1)
    return start - low, high - stop


def real_offsets(slots: Array) -> Array:
    """Give the offsets that lead to samples."""
    offsets: Array = slots[slots != ZERO]
    return offsets


@lru_cache(maxsize=256)
def uniform_line(
    axis: int,
    ndim: int,
    points: int,
    h: float,
    order: int,
    accuracy: int,
    ends: Boundaries,
    at_ends: int,
) -> Line:
    """Give the stencils of points at equal distances, by weights that are exact fractions.

    ``at_ends`` is the accuracy at ends that are one-sided.
    """
    reach = central_reach(order, accuracy)
    slots, weights = central(order, accuracy)
    size = points_needed(order, at_ends)
    scale = power(h, order)
    edges: list[tuple[Slots, tuple[float, ...]]] = []
    before, after = (end.name == ONE_SIDED for end in ends)
    if before:
        edges += [one_sided(size, i, order) for i in range(reach)]
    if after:
        edges += [one_sided(size, size - reach + i, order) for i in range(reach)]
    return Line(
        axis,
        points,
        np.array(slots, np.int64),
        spread(np.array(weights)[:, None] / scale, axis, ndim),
        reach if before else 0,
        reach if after else 0,
        np.array([slots for slots, _ in edges], np.int64).reshape(len(edges), size - 1, 2),
        spread(np.array([w for _, w in edges]).reshape(len(edges), size - 1).T / scale, axis, ndim),
        Ghosts(ends, 0 if before else reach, 0 if after else reach),
    )


def varying_line(
    axis: int,
    ndim: int,
    x: Array,
    order: int,
    accuracy: int,
    ends: Boundaries,
    period: float | None,
    at_ends: int,
) -> Line:
    """Give the stencils of points at any coordinates, whose last axis runs along."""
    points = x.shape[-1]
    size = points_needed(order, accuracy)
    left = (size - 1) // 2
    right = size - 1 - left
    before, after = (end.name == ONE_SIDED for end in ends)
    ghosts = Ghosts(ends, 0 if before else left, 0 if after else right)
    lines = extended(x, ghosts, period)
    total = lines.shape[-1]
    own = np.r_[0 : left * before, points - right * after : points]
    first = left * before
    table: Any
    if lines.ndim == 1 and points > LONG:
        table = LongWeights(lines, ghosts.before, size, left, order, axis, ndim)
    else:
        at = np.arange(points) + ghosts.before
        starts = np.clip(at - left, 0, total - size)
        table = spread(weights_of_lines(lines, starts, at, size, order), axis, ndim)
    edge_size = points_needed(order, at_ends)
    edge_at = own + ghosts.before
    edge_starts = np.where(own < left, 0, total - edge_size) if before else total - edge_size
    edge_starts = np.broadcast_to(edge_starts, own.shape)
    edge_table = weights_of_lines(lines, edge_starts, edge_at, edge_size, order)
    return Line(
        axis,
        points,
        from_center(others(-left, size)),
        table,
        first,
        len(own) - first,
        from_center(
            np.array([others(k, edge_size) for k in edge_starts - edge_at], np.int64).reshape(
                len(own), edge_size - 1
            )
        ),
        spread(edge_table, axis, ndim),
        ghosts,
    )


def others(start: int, size: int) -> Array:
    """Give the offsets of the points of a window but for that which is derived at."""
    offsets = np.arange(start, start + size)
    rest: Array = offsets[offsets != 0]
    return rest


def from_center(offsets: Array) -> Array:
    """Give the differences of samples at offsets and the one at the point derived at."""
    return np.stack([offsets, np.zeros_like(offsets)], axis=-1)


def spread(weights: Array, axis: int, ndim: int) -> Array:
    """Give weights, whose last axis runs along, the axes of the field."""
    if weights.ndim == 2:
        shape = [len(weights)] + [1] * ndim
        shape[1 + axis] = weights.shape[1]
        return np.ascontiguousarray(weights).reshape(shape)
    return np.ascontiguousarray(np.moveaxis(weights, -1, 1 + axis))


def is_equally_spaced(x: Array, ends: Boundaries, period: float | None) -> bool:
    """Tell if all distances of coordinates are equal, that over the ends of a circle too."""
    if len(x) < 2:
        return False
    step = x[1] - x[0]
    start, count = 0, FEW_STEPS
    while start + 1 < len(x):
        if not (np.diff(x[start : start + count + 1]) == step).all():
            return False
        start, count = start + count, MANY_STEPS
    return ends[0].name != WRAP or bool(x[0] + (period or 0.0) - x[-1] == step)


def whole(line: Line) -> Line:
    """Give stencils with all weights."""
    return line.part(0, line.points) if isinstance(line.weights, LongWeights) else line


def scaled(line: Line, factors: Any) -> Line:
    """Give stencils whose derivatives are multiplied with factors, which spread over the field."""
    factors = np.reshape(factors, np.shape(factors) or (1,) * (line.weights.ndim - 1))
    if isinstance(line.weights, LongWeights):
        if factors.size > 1:
            line = whole(line)
        else:
            factor = line.weights.factor * float(factors.item())
            weights = replace(line.weights, factor=factor)
            return replace(line, weights=weights, edge_weights=line.edge_weights * factors)
    at_edges = factors
    if factors.shape[line.axis] > 1:
        at_edges = np.take(factors, line.edges, line.axis)
    return replace(
        line,
        weights=line.weights * factors,
        edge_weights=line.edge_weights * at_edges,
    )
