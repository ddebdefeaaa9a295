"""Dask arrays: lazy results, of blocks with halos of the stencils' reach.

A block is derived by itself, as a part of the field that the stencils are made for. What it needs
of its neighbours, or of the other end of a circle, are a few planes, which are tasks of their own.
"""

import operator
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numgrad.fields.adapters.chunks import is_chunked
from numgrad.fields.boundaries import ONE_SIDED, Boundaries, Boundary, Ghosts
from numgrad.fields.layout import Array
from numgrad.fields.lines import reach_between
from numgrad.fields.missing import reach_of
from numgrad.fields.operation import (
    Sides,
    derive_into,
    fields_of,
    filled,
    indicator,
    masked,
    needs_floats,
)
from numgrad.fields.terms import Formula, Part

Ranges = tuple[tuple[int, int], ...]


def loaded() -> Any:
    """Give the module, which has been imported by whoever made an array of it."""
    return sys.modules["dask.array"]


def components_of(given: Any) -> list[Any] | None:
    """Give the components of a field if one of them is an array of Dask's, in the same chunks."""
    if is_chunked(given):
        return [given[k] for k in range(given.shape[0])]
    if not isinstance(given, tuple | list) or not is_chunked(*given):
        return None
    da = loaded()
    if any(np.shape(array) != np.shape(given[0]) for array in given):
        shapes = " and ".join(map(str, {np.shape(array): None for array in given}))
        raise ValueError(f"all components must have the same shape, but {shapes} came")
    (first, *_) = (array for array in given if is_chunked(array))
    arrays = [
        array if is_chunked(array) else da.from_array(np.asanyarray(array), first.chunks)
        for array in given
    ]
    places = tuple(range(first.ndim))
    _, unified = da.core.unify_chunks(*(item for array in arrays for item in (array, places)))
    return list(unified)


def derive_chunked(
    components: Sequence[Any],
    build: Callable[..., Formula],
    arguments: Sequence[Any],
    avoid: bool,
    out: Any,
    target: str,
) -> Any:
    """Give the lazy outputs of an operator, ``build(shape, *arguments)``."""
    refuse(components, out, target)
    from dask import delayed
    from dask.base import tokenize

    shape, ndim = components[0].shape, components[0].ndim
    model = build(shape, *(stand_in(argument) for argument in arguments))
    fields = fields_of([meta_of(c) for c in components])
    model.check_constants(fields.dtype)
    names = [component.name for component in components]
    name = f"{build.__name__.removeprefix('of_')}-{tokenize(names, arguments, avoid)}"
    graph: dict[Any, Any] = {}
    sources = list(components)
    if any(is_chunked(leaf) for argument in arguments for leaf in leaves_of(argument)):
        lazy = delayed(build, pure=True)(shape, *arguments)
        formula = lazy.key
        sources.append(lazy)
    else:
        formula = f"formula-{name}"
        graph[formula] = model
    halos = Halos(components, name, graph)
    for index in np.ndindex(*components[0].numblocks):
        graph[(name, *index)] = (
            derive_block,
            formula,
            halos.ranges(index),
            [(component.name, *index) for component in components],
            halos.around(index, model, avoid),
            avoid,
        )
    axes = {axis.axis for axis in model.grid}
    halos.even_out([(name, *index) for index in np.ndindex(*components[0].numblocks)], axes)
    meta = np.empty((0,) * ndim, fields.dtype)
    if fields.masks is not None:
        meta = np.ma.MaskedArray(meta)
    results = outputs_of(name, graph, sources, meta, len(model.outputs))
    return results[0] if model.single else results


def outputs_of(
    name: str, graph: dict[Any, Any], sources: Sequence[Any], meta: Array, count: int
) -> tuple[Any, ...]:
    """Give the outputs of a graph as arrays."""
    from dask.highlevelgraph import HighLevelGraph

    da, like = loaded(), sources[0]
    layer = HighLevelGraph.from_collections(name, graph, dependencies=list(sources))
    together = da.Array(layer, name, like.chunks, meta=meta)
    if count == 1:
        return (together,)
    outputs = []
    for o in range(count):
        own = f"{name}-{o}"
        items = {
            (own, *index): (operator.getitem, (name, *index), o)
            for index in np.ndindex(*like.numblocks)
        }
        one = HighLevelGraph.from_collections(own, items, dependencies=[together])
        outputs.append(da.Array(one, own, like.chunks, meta=meta))
    return tuple(outputs)


@dataclass(frozen=True, slots=True)
class Constants:
    """Planes of one value."""

    count: int
    value: Any


class Halos:
    """The tasks that fetch what blocks need of others."""

    def __init__(self, components: Sequence[Any], name: str, graph: dict[Any, Any]) -> None:
        self.components, self.graph, self.name = components, graph, name
        self.shape = components[0].shape
        self.bounds = [np.cumsum([0, *sizes]).tolist() for sizes in components[0].chunks]
        self.known: dict[Any, tuple[str, int]] = {}
        self.wanted: dict[Any, list[Any]] = {}  # of a block

    def ranges(self, index: tuple[int, ...]) -> Ranges:
        """Give where a block begins and stops along each axis."""
        return tuple((b[i], b[i + 1]) for b, i in zip(self.bounds, index, strict=True))

    def around(self, index: tuple[int, ...], formula: Formula, avoid: bool) -> list[Any]:
        """Give, for each component and axis, the pieces before and after a block."""
        needs: dict[tuple[int, int], list[int]] = {}
        ends: dict[int, Boundaries] = {}
        for part in (part for parts in formula.outputs for part in parts):
            axis = part.axis.axis
            start, stop = self.ranges(index)[axis]
            before, after = reach_of_block(part, start, stop, self.shape[axis], avoid)
            need = needs.setdefault((part.component, axis), [0, 0])
            need[:] = max(need[0], before), max(need[1], after)
            ends[axis] = part.axis.ends
        return [
            [k, axis, *self.sides(k, index, axis, before, after, ends[axis])]
            for (k, axis), (before, after) in needs.items()
        ]

    def sides(
        self, k: int, index: tuple[int, ...], axis: int, before: int, after: int, ends: Boundaries
    ) -> tuple[list[Any], list[Any]]:
        """Give the pieces of so many planes before and after a block."""
        points = self.shape[axis]
        start, stop = self.ranges(index)[axis]
        ghosts = Ghosts(ends, max(0, before - start), max(0, stop + after - points))
        indices, signs = ghosts.indices(points), ghosts.signs(points)
        sides = []
        for first, last, end in ((start - before, start, 0), (stop, stop + after, 1)):
            places = slice(first + ghosts.before, last + ghosts.before)
            sides.append(self._pieces(k, index, axis, indices[places], signs[places], ends[end]))
        return sides[0], sides[1]

    def _pieces(
        self,
        k: int,
        index: tuple[int, ...],
        axis: int,
        indices: Array,
        signs: Array,
        end: Boundary,
    ) -> list[Any]:
        """Give the planes at some places along an axis: tasks, one for each block they lie in."""
        pieces: list[Any] = []
        blocks = np.searchsorted(self.bounds[axis], indices, side="right") - 1
        i = 0
        while i < len(indices):
            same = (blocks == blocks[i]) & (signs == signs[i]) & ((indices < 0) == (indices[i] < 0))
            stop = i + int(np.argmin(np.append(same[i:], False)))
            if indices[i] < 0:
                pieces.append(Constants(stop - i, end.value))
            else:
                local = (indices[i:stop] - self.bounds[axis][blocks[i]]).tolist()
                source = (*index[:axis], int(blocks[i]), *index[axis + 1 :])
                pieces.append(self._fetched(k, source, axis, local, float(signs[i])))
            i = stop
        return pieces

    def _fetched(
        self, k: int, source: tuple[int, ...], axis: int, local: list[int], sign: float
    ) -> Any:
        key = k, source, axis, tuple(local), sign
        if key not in self.known:
            # All that others need of a block is one task: where they are as many tasks as others,
            # Dask keeps twice the blocks in memory, by the order that it chooses.
            own = (f"edges-{self.name}", k, *source)
            if own not in self.wanted:
                self.wanted[own] = []
                self.graph[own] = (fetch, (self.components[k].name, *source), self.wanted[own])
            self.known[key] = (f"halo-{self.name}", len(self.known))
            self.graph[self.known[key]] = (item, own, len(self.wanted[own]))
            self.wanted[own].append((axis, local, sign))
        return self.known[key]

    def even_out(self, blocks: Sequence[Any], axes: Collection[int]) -> None:
        """Let the blocks at the ends wait for as many tasks as others, which do nothing.

        Dask begins with what waits for the most tasks. That would be the blocks in the middle, and
        while they are derived twice as many blocks lie in memory as in the order of their places.
        Where others than the first axes aren't derived along, theirs isn't the better order.
        """
        cut = [axis for axis, sizes in enumerate(self.components[0].chunks) if len(sizes) > 1]
        derived = [axis for axis in cut if axis in axes]
        if len(derived) < 2 or derived != cut[-len(derived) :]:
            return
        counts = [sum(1 for _ in self._halos_in(self.graph[key])) for key in blocks]
        most, name = max(counts), f"nothing-{self.name}"
        if most == min(counts):
            return
        # as many of the source's tasks stand behind each as behind a halo, and as many beginnings
        self.graph[name] = (nothing,)
        for halo in self.known.values():
            self.graph[halo] = (*self.graph[halo], name)
        for key, count in zip(blocks, counts, strict=True):
            names = [(f"edges-{self.name}", c, *key[1:]) for c in range(len(self.components))]
            block = (self.components[0].name, *key[1:])
            own, waits = next((each for each in names if each in self.graph), block), []
            for k in range(most - count):
                self.graph[(name, k)] = (nothing,)
                waits.append((f"{name}-{k}", *key[1:]))
                self.graph[waits[-1]] = (nothing, own, (name, k))
            self.graph[key] = (*self.graph[key], waits)

    def _halos_in(self, task: Any) -> Iterator[Any]:
        """Give the halos among the arguments of a task."""
        if isinstance(task, tuple) and task and task[0] == f"halo-{self.name}":
            yield task
        elif isinstance(task, tuple | list):
            for item in task:
                yield from self._halos_in(item)


def item(items: Sequence[Any], place: int, _waits: Any = None) -> Any:
    """Give an item."""
    return items[place]


def nothing(*_waits: Any) -> None:
    """Do nothing."""


def reach_of_block(part: Part, start: int, stop: int, points: int, avoid: bool) -> tuple[int, int]:
    """Give how many planes on both sides a block needs."""
    if not avoid:
        return reach_between(part.line, start, stop)
    reach = reach_of(part)
    before, after = (end.name == ONE_SIDED for end in part.axis.ends)
    return (
        min(reach, start) if before else reach,
        min(reach, points - stop) if after else reach,
    )


def fetch(block: Any, wanted: Sequence[tuple[int, list[int], float]]) -> list[Any]:
    """Copy some planes of a block: along an axis, at some places, times a sign."""
    return [planes_of(block, *each) for each in wanted]


def planes_of(block: Any, axis: int, places: list[int], sign: float) -> Any:
    """Copy planes along one axis."""
    planes = (
        np.take(block, places, axis)
        if not isinstance(block, np.ma.MaskedArray)
        else (block.take(places, axis))
    )
    if sign == 1.0:
        return planes
    return -(planes.astype(np.float64) if planes.dtype.kind in "iu" else planes)


def derive_block(
    formula: Formula,
    ranges: Ranges,
    blocks: Sequence[Any],
    halos: Sequence[Any],
    avoid: bool,
    _waits: Any = (),
) -> Any:
    """Derive a block, given what lies around it; what it only waits for is nothing."""
    fields, own = fields_of(blocks), formula.block(ranges)
    dtype = fields.precision if needs_floats(own) else fields.components[0].dtype
    around: dict[tuple[int, int], tuple[Any, Any]] = {}
    for k, axis, before, after in halos:
        around[k, axis] = joined(before, blocks[k], axis), joined(after, blocks[k], axis)

    def samples(_: Sequence[Array], part: Part, __: bool) -> Sides:
        sides = around[part.component, part.axis.axis]
        return _both(sides, lambda planes: filled(planes, dtype))

    def missing(_: Sequence[Array], part: Part, __: bool) -> Sides:
        sides = around[part.component, part.axis.axis]
        return _both(
            sides, lambda planes: indicator(np.ma.getdata(planes), np.ma.getmaskarray(planes))
        )

    results = tuple(np.empty_like(fields.components[0], fields.dtype) for _ in own.outputs)
    derive_into(fields, own, avoid, results, samples)
    if fields.masks is not None:
        results = masked(fields, own, avoid, results, missing)
    return results[0] if len(results) == 1 else results


def _both(sides: tuple[Any, Any], change: Callable[[Any], Array]) -> Sides:
    before, after = (None if planes is None else change(planes) for planes in sides)
    return before, after


def joined(pieces: Sequence[Any], block: Any, axis: int) -> Any:
    """Join the planes on one side of a block."""
    planes = []
    for piece in pieces:
        if isinstance(piece, Constants):
            shape = [*block.shape]
            shape[axis] = piece.count
            dtype = block.dtype if block.dtype.kind in "fc" else np.dtype(np.float64)
            planes.append(np.full(shape, piece.value, dtype))
        else:
            planes.append(piece)
    if len(planes) < 2:
        return planes[0] if planes else None
    masked_ones = any(isinstance(piece, np.ma.MaskedArray) for piece in planes)
    return (np.ma if masked_ones else np).concatenate(planes, axis)


def meta_of(array: Any) -> Any:
    """Give an array without samples, of the kind that the blocks are."""
    from dask.array.utils import meta_from_array

    return np.asanyarray(meta_from_array(array, array.ndim))


def refuse(components: Sequence[Any], out: Any, target: str) -> None:
    """Raise if an argument has no meaning for lazy results."""
    if out is not None:
        raise TypeError(
            "out can't hold the derivatives of a Dask array, which are lazy: store the result, as "
            "by dask.array.store"
        )
    if target == "cuda":
        raise ValueError("target 'cuda' is for arrays in memory: Dask arrays are derived on CPUs")
    if any(np.isnan(size) for component in components for size in component.shape):
        raise ValueError(
            "the chunks of a Dask array must have known sizes: call its compute_chunk_sizes() first"
        )


def leaves_of(argument: Any) -> list[Any]:
    """Give what is in an argument: the fields of a dataclass, the items of a tuple."""
    if hasattr(argument, "__dataclass_fields__"):
        argument = [getattr(argument, name) for name in argument.__dataclass_fields__]
    if isinstance(argument, tuple | list):
        return [leaf for item in argument for leaf in leaves_of(item)]
    return [argument]


def stand_in(argument: Any) -> Any:
    """Give an argument with something in the place of arrays of Dask's, whose values aren't known.

    Coordinates may be uneven, which is all that the reach of stencils depends on. Other arrays are
    copied: they may be changed before a block is derived.
    """
    if hasattr(argument, "__dataclass_fields__"):
        names = argument.__dataclass_fields__
        return type(argument)(**{name: stand_in(getattr(argument, name)) for name in names})
    if isinstance(argument, tuple | list):
        return type(argument)(stand_in(item) for item in argument)
    if not is_chunked(argument):
        return argument.copy() if isinstance(argument, np.ndarray) else argument
    if argument.ndim == 1:
        return 1e-30 * np.cumsum(1.0 + np.arange(argument.shape[0]) % 2)
    return np.ones(argument.shape)
