"""An operator as a sparse matrix: what its stencils do, entry by entry."""

import math
from typing import Any

import numpy as np

from numgrad.fields.boundaries import CONSTANT
from numgrad.fields.layout import Array
from numgrad.fields.terms import Formula, Part
from numgrad.fields.weights import ZERO


def entries_of(formula: Formula, shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Give the rows, the columns and the values of a matrix; those of one place add up."""
    for axis in formula.grid:
        for end in axis.ends:
            if end.name == CONSTANT and end.value != 0:
                raise ValueError(
                    f"boundary ('constant', {end.value!r}) adds something that no matrix does: "
                    "pass ('constant', 0) and add what the operator makes of a field of zeros"
                )
    size = math.prod(shape)
    rows, columns, values = [], [], []
    for o, parts in enumerate(formula.outputs):
        for part in parts:
            for row, column, value in _of_part(part, shape):
                rows.append(row + o * size)
                columns.append(column + part.component * size)
                values.append(value)
    return tuple(map(np.concatenate, (rows, columns, values)))  # type: ignore[return-value]


def _of_part(part: Part, shape: tuple[int, ...]) -> Any:
    line = part.line
    inside = np.arange(line.first, line.points - line.last)
    yield from _of_points(part, shape, inside, line.slots[None], line.weights, whole=True)
    if len(line.edges):
        yield from _of_points(
            part, shape, line.edges, line.edge_slots, line.edge_weights, whole=False
        )


def _of_points(
    part: Part, shape: tuple[int, ...], places: Array, slots: Array, weights: Array, *, whole: bool
) -> Any:
    """Yield the entries for some places along the axis."""
    line, axis = part.line, part.axis.axis
    if not len(places):
        return
    numbers = np.arange(math.prod(shape)).reshape(shape)
    rows = np.take(numbers, places, axis)
    if whole and weights.shape[1 + axis] > 1:
        weights = np.take(weights, places, 1 + axis)
    indices, signs = line.ghosts.indices(line.points), line.ghosts.signs(line.points)
    spread = [1] * len(shape)
    spread[axis] = len(places)
    for s in range(slots.shape[1]):
        weight = np.broadcast_to(weights[s], rows.shape)
        for side, sign in ((0, 1.0), (1, -1.0)):
            offset = np.broadcast_to(slots[:, s, side], places.shape)
            if (offset == ZERO).all():
                continue
            at = places + offset + line.ghosts.before
            here = np.broadcast_to((indices[at] >= 0).reshape(spread), rows.shape)
            columns = np.take(numbers, indices[at], axis)
            values = sign * weight * signs[at].reshape(spread)
            yield rows[here], columns[here], values[here]
