"""From the terms of an operator to the kernels on the CPU."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numgrad.fields.kernels import differences as kernels
from numgrad.fields.kernels import pieces
from numgrad.fields.layout import Array, flat_order
from numgrad.fields.lines import Line, LongWeights, real_offsets
from numgrad.targets.choose import most_cached_bytes, thread_count
from numgrad.targets.pace import PACE

# Numbers of a row that are derived at a time: they, and their samples, stay in the cache.
TILE = 1 << 12

# The same where rows far apart are needed, and how much of them the cache of a processor keeps.
FAR_TILE = 1 << 10
STRIP_BYTES = 1 << 19


# How much is found at a time, and how much of that is gathered before it goes past the cache.
TOGETHER_BYTES = 1 << 17
BUFFER_BYTES = 1 << 14

# Fewer numbers than these aren't a row of their own, but belong to the points of the axis before.
SHORT_ROW = 256

# Points of a long axis whose weights are there at a time, along a row and across rows.
LONG_TILE = 1 << 11
POINTS_AT_ONCE = 1 << 18

# Results that it pays to compile loops of their own for.
WRITTEN_SIZE = 1 << 16


# Of each term, whether its weights vary along a row, its component, and of each of its differences
# whether the second sample is that at the point derived at.
Structure = tuple[tuple[bool, int, tuple[bool, ...]], ...]


@dataclass(slots=True)
class Term:
    """The derivatives of a component along an axis: a part of an output, in which terms add up."""

    samples: Array
    line: Line
    before: Array | None  # the samples of the ghosts on both sides
    after: Array | None


@dataclass(slots=True)
class Rows:
    """How a field is seen as rows, and what must live until it is derived."""

    order: list[int]  # of the axes, from the slowest
    outer: int  # how many of them count the rows
    axis: int  # that of the rows, in that order; -1: none
    unit: int
    kept: list[Array]

    def place(self, axis: int) -> int:
        """Give the outer axis that an axis of the field is, or -1."""
        place = self.order.index(axis)
        return place if place < self.outer else -1


def evaluate(outputs: Sequence[Array], terms: Sequence[Sequence[Term]]) -> None:
    """Derive into arrays that are native and aligned: in each the sum of its terms."""
    if outputs[0].size == 0:
        return
    axes = {term.line.axis for group in terms for term in group}
    order = flat_order(outputs)
    rows = _rows(outputs[0].shape, order, axes)
    for term in (term for group in terms for term in group):
        axis = term.line.axis
        along = axis == rows.axis and rows.unit == 1 and outputs[0].dtype.kind != "c"
        if isinstance(term.line.weights, LongWeights) and not along:
            _by_parts(outputs, terms, axis)
            return
    if outputs[0].dtype.kind == "c":
        outputs, terms = _as_reals(outputs, terms)
        order = flat_order(outputs)
        rows = _rows(outputs[0].shape, order, axes)
    targets = [
        output if _has_rows(output, rows) else _empty_in_order(output, order) for output in outputs
    ]
    _derive(targets, terms, rows)
    for output, target in zip(outputs, targets, strict=True):
        if output is not target:
            output[...] = target


def _by_parts(outputs: Sequence[Array], terms: Sequence[Sequence[Term]], axis: int) -> None:
    """Derive some points of a long axis after others, each with their weights."""
    points = outputs[0].shape[axis]
    for start in range(0, points, POINTS_AT_ONCE):
        stop = min(start + POINTS_AT_ONCE, points)
        parts = [[_part(term, axis, start, stop) for term in group] for group in terms]
        evaluate([_cut(output, axis, start, stop) for output in outputs], parts)


def _part(term: Term, axis: int, start: int, stop: int) -> Term:
    samples = _cut(term.samples, axis, start, stop)
    if term.line.axis != axis:
        before, after = (
            None if planes is None else _cut(planes, axis, start, stop)
            for planes in (term.before, term.after)
        )
        return Term(samples, term.line.across(axis, start, stop), before, after)
    line, points = term.line.part(start, stop), term.line.points
    low, high = line.reach
    inner = _cut(term.samples, axis, max(0, start - low), start)
    outer = _cut(term.samples, axis, stop, min(points, stop + high))
    before = _joined(term.before if start < low else None, inner, axis)
    after = _joined(outer, term.after if stop + high > points else None, axis)
    return Term(samples, line, before, after)


def _joined(first: Array | None, second: Array | None, axis: int) -> Array | None:
    """Join planes; those of the ghosts may be more than are needed."""
    pieces = [one for one in (first, second) if one is not None]
    return np.concatenate(pieces, axis) if len(pieces) > 1 else pieces[0]


def _cut(array: Array, axis: int, start: int, stop: int) -> Array:
    return array[(slice(None),) * axis + (slice(start, stop),)]


def _as_reals(
    outputs: Sequence[Array], terms: Sequence[Sequence[Term]]
) -> tuple[list[Array], list[list[Term]]]:
    """See complex numbers as two real ones along one axis more."""
    seen: dict[int, Array] = {}

    def halves(array: Array) -> Array:
        if id(array) not in seen:
            seen[id(array)] = array[..., None].view(array.real.dtype)
        return seen[id(array)]

    def of_term(term: Term) -> Term:
        line = term.line
        wider = Line(
            **{name: getattr(line, name) for name in Line.__dataclass_fields__}
            | {"weights": line.weights[..., None], "edge_weights": line.edge_weights[..., None]}
        )
        before, after = (
            None if ghosts is None else halves(ghosts) for ghosts in (term.before, term.after)
        )
        return Term(halves(term.samples), wider, before, after)

    return list(map(halves, outputs)), [[of_term(term) for term in group] for group in terms]


def _rows(shape: tuple[int, ...], order: list[int], axes: set[int]) -> Rows:
    """Choose the rows: behind the last axis that is derived along, or that axis with them."""
    last = max(order.index(axis) for axis in axes)
    inner = math.prod(shape[d] for d in order[last + 1 :])
    if inner >= SHORT_ROW:
        return Rows(order, last + 1, -1, 1, [])
    return Rows(order, last, last, inner, [])


def _has_rows(array: Array, rows: Rows) -> bool:
    """Tell if the rows of an array are contiguous."""
    step = array.itemsize
    for d in reversed(rows.order[rows.outer :]):
        if array.shape[d] > 1:
            if array.strides[d] != step:
                return False
            step *= array.shape[d]
    return True


def _empty_in_order(array: Array, order: list[int]) -> Array:
    new = np.empty([array.shape[d] for d in order], array.dtype)
    return new.transpose(np.argsort(order))


def _with_rows(array: Array, rows: Rows) -> Array:
    """Give an array with contiguous rows, a copy where it hasn't any."""
    if _has_rows(array, rows):
        return array
    copy = _empty_in_order(array, rows.order)
    copy[...] = array
    return copy


def _derive(outputs: Sequence[Array], terms: Sequence[Sequence[Term]], rows: Rows) -> None:
    """Fill in the tables and launch."""
    shape, precision = outputs[0].shape, outputs[0].dtype
    lengths = [shape[d] for d in rows.order[: rows.outer]]
    length = math.prod(shape[d] for d in rows.order[rows.outer :])
    count = math.prod(lengths)
    tile, strip = _strips(terms, rows, lengths, length)
    long = [term for group in terms for term in group if isinstance(term.line.weights, LongWeights)]
    if long:
        tile = min(length, LONG_TILE)
    together = max(1, TOGETHER_BYTES // (tile * precision.itemsize))
    streamed = sum(output.nbytes for output in outputs) > most_cached_bytes()
    samples_dtype = terms[0][0].samples.dtype
    zeros = np.zeros(tile, samples_dtype)
    any_function = pieces.any_piece(samples_dtype, precision).address
    copies: dict[int, Array] = {}
    output_rows: list[list[int]] = []
    term_rows: list[list[int]] = []
    for output, group in zip(outputs, terms, strict=True):
        start = len(term_rows)
        for term in group:
            key = id(term.samples)
            if key not in copies:
                copies[key] = _with_rows(term.samples, rows)
            term_rows.append(_term_row(term, copies[key], rows, shape, precision, tile))
        inside = _inside(group, rows, length)
        strides = [output.strides[d] for d in rows.order[: rows.outer]]
        functions = [any_function] * 2
        if output.size >= WRITTEN_SIZE:
            structures = (
                _structure(group, term_rows[start:]),
                _edge_structure(group, term_rows[start:]),
            )
            functions = [
                pieces.written_piece(samples_dtype, precision, structure).address
                if structure
                else any_function
                for structure in structures
            ]
        output_rows.append(
            [output.ctypes.data, start, len(term_rows), *inside, *functions, *strides]
        )
    gathered = 0
    if streamed and tile == length and all(_is_block(target, rows, length) for target in outputs):
        most = max(count_pieces(row, length, rows.unit) for row in output_rows)
        if most <= kernels.MOST_PIECES:
            gathered = max(1, BUFFER_BYTES // (tile * precision.itemsize))
            gathered = 0 if gathered == 1 else gathered
    stores = pieces.SMALL if not streamed else pieces.LARGE if gathered else pieces.PAST
    tables = [np.array(table, np.int64) for table in (lengths, output_rows, term_rows)]
    head = np.array(
        [
            count,
            length,
            tile,
            rows.unit,
            rows.outer,
            len(outputs),
            *(table.ctypes.data for table in tables),
            sum(_most_slots(term.line) for group in terms for term in group),
            len(term_rows),
            zeros.ctypes.data,
            together,
            any_function,
            strip,
            stores,
            gathered,
            sum(len(term.line.slots) for term in long),
        ],
        np.int64,
    )
    function = kernels.compiled_derivation(samples_dtype, precision).address
    tiles = count * -(-length // tile)
    results = sum(output.size for output in outputs)

    def launch(count: int) -> None:
        if count > 1:
            kernels.launch_in_parallel(function, head, tiles, count)
        else:
            kernels.launch(function, head, tiles)

    PACE.run((function, len(term_rows)), results, min(tiles, thread_count(results)), launch)
    del tables, zeros, copies


def _strips(
    terms: Sequence[Sequence[Term]], rows: Rows, lengths: Sequence[int], length: int
) -> tuple[int, int]:
    """Choose how long rows are, and how many make a strip, whose neighbours stay in the cache."""
    tile = min(length, TILE)
    if not lengths:
        return tile, 1
    far: dict[int, int] = {}
    itemsize = terms[0][0].samples.itemsize
    for term in (term for group in terms for term in group):
        if 0 <= rows.place(term.line.axis) < len(lengths) - 1:
            offsets = real_offsets(term.line.slots)
            planes = int(offsets.max() - offsets.min()) + 1
            far[id(term.samples)] = max(planes, far.get(id(term.samples), 0))
    if not far:
        return tile, lengths[-1]
    tile = min(length, FAR_TILE)
    strip = STRIP_BYTES // (sum(far.values()) * tile * itemsize)
    return tile, max(1, min(strip, lengths[-1]))


def count_pieces(output: Sequence[int], length: int, unit: int) -> int:
    """Count the pieces that a row has."""
    start, stop = output[kernels.ROW_INSIDE_FROM], output[kernels.ROW_INSIDE_TO]
    return -(-start // unit) + 1 + -(-(length - stop) // unit)


def _is_block(output: Array, rows: Rows, length: int) -> bool:
    """Tell if neighbouring rows follow on each other in memory."""
    row = length * output.itemsize
    return rows.outer > 0 and output.strides[rows.order[rows.outer - 1]] == row


def _structure(group: Sequence[Term], rows: Sequence[Sequence[int]]) -> Structure:
    """Tell what the differences of an output are taken of, and which end at the point itself."""
    components: dict[int, int] = {}
    return tuple(
        (
            bool(row[kernels.WEIGHTS_VARY]),
            components.setdefault(id(term.samples), len(components)),
            tuple(second == 0 for _, second in term.line.slots.tolist()),
        )
        for term, row in zip(group, rows, strict=True)
    )


def _edge_structure(group: Sequence[Term], rows: Sequence[Sequence[int]]) -> Structure | None:
    """Tell the same at the ends of rows, if all points there have it in common."""
    structure = list(_structure(group, rows))
    edges = 0
    for k, (term, row) in enumerate(zip(group, rows, strict=True)):
        if row[kernels.AXIS] >= 0 or not len(term.line.edges):
            continue
        at_point = term.line.edge_slots[..., 1] == 0
        if not (at_point == at_point[0]).all():
            return None
        varies = bool(row[kernels.EDGE_WEIGHTS_VARY])
        structure[k] = varies, structure[k][1], tuple(at_point[0].tolist())
        edges += 1
    return tuple(structure) if edges else None


def _most_slots(line: Line) -> int:
    return max(len(line.slots), int(line.edge_slots.shape[1]))


def _inside(group: Sequence[Term], rows: Rows, length: int) -> tuple[int, int]:
    """Tell where in a row the points begin and end whose samples all lie in it."""
    low, high = 0, length
    for term in group:
        line = term.line
        if rows.place(line.axis) >= 0:
            continue
        offsets = real_offsets(line.slots)
        first = max(line.first, -int(offsets.min()))
        last = max(line.last, int(offsets.max()))
        low, high = max(low, first * rows.unit), min(high, (line.points - last) * rows.unit)
    return (low, high) if low < high else (length, length)


def _term_row(
    term: Term,
    samples: Array,
    rows: Rows,
    shape: tuple[int, ...],
    precision: np.dtype[Any],
    tile: int,
) -> list[int]:
    """Give the row of a term in its table."""
    line, outer = term.line, rows.order[: rows.outer]
    weighing = [0, 0, 0]
    place = rows.place(line.axis)
    edges = len(line.edges)
    if isinstance(line.weights, LongWeights):
        weights, step, vary, strides = 0, tile * precision.itemsize, True, [0] * rows.outer
        weighing = line.weights.addresses(rows.kept)
    else:
        weights, step, vary, strides = _weights(line.weights, rows, shape, precision, False)
    edge_shape = [*shape]
    edge_shape[line.axis] = edges
    if place < 0 and edges:
        at_edges = _weights(line.edge_weights, rows, tuple(edge_shape), precision, True)
    elif edges:
        at_edges = _weights(line.edge_weights, rows, shape, precision, False)
    else:
        at_edges = 0, 0, False, [0] * rows.outer
    edge_weights, edge_step, edge_vary, edge_strides = at_edges
    ghosts = []
    for given in (term.before, term.after):
        copy = None if given is None else _with_rows(given, rows)
        rows.kept += [] if copy is None else [copy]
        ghosts.append(
            (0, 0, [0] * rows.outer)
            if copy is None
            else (copy.ctypes.data, copy.shape[line.axis], [copy.strides[d] for d in outer])
        )
    (before, before_count, before_strides), (after, _, after_strides) = ghosts
    slots = np.ascontiguousarray(line.slots, np.int64)
    edge_slots = np.ascontiguousarray(line.edge_slots, np.int64)
    offsets = real_offsets(slots)
    rows.kept += [samples, slots, edge_slots]
    return [
        place,
        line.points,
        line.first,
        line.last,
        len(slots),
        edge_slots.shape[1],
        samples.ctypes.data,
        before,
        before_count,
        after,
        slots.ctypes.data,
        edge_slots.ctypes.data,
        weights,
        step,
        vary,
        edge_weights,
        edge_step,
        edge_vary,
        max(line.first, -int(offsets.min())),
        line.points - max(line.last, int(offsets.max())),
        *weighing,
        *(samples.strides[d] for d in outer),
        *before_strides,
        *after_strides,
        *strides,
        *edge_strides,
    ]


def _weights(
    weights: Array, rows: Rows, shape: tuple[int, ...], precision: np.dtype[Any], varying: bool
) -> tuple[int, int, bool, list[int]]:
    """Give the address of weights, their step, whether they vary along a row, and the strides."""
    weights = weights.transpose(0, *(1 + d for d in rows.order))
    inner = weights.shape[1 + rows.outer :]
    vary = varying or any(n > 1 for n in inner)
    if vary:
        full = [shape[d] for d in rows.order[rows.outer :]]
        weights = np.broadcast_to(weights, (*weights.shape[: 1 + rows.outer], *full))
    table = np.ascontiguousarray(weights, precision)
    table = table.reshape(*table.shape[: 1 + rows.outer], -1)
    rows.kept.append(table)
    strides = [
        stride if n > 1 else 0
        for n, stride in zip(table.shape[1:-1], table.strides[1:-1], strict=True)
    ]
    return table.ctypes.data, table.strides[0], vary, strides
