"""Results of derivatives in plain Python, and the arrays that are given for them."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from numgrad.tracer.arguments import kind_of, leaves, mapped, returned, structure_of, traced_leaf
from numgrad.tracer.arrays import TracedArray, recorded_anew
from numgrad.tracer.elements import Elements, dtype_of, is_array, objects
from numgrad.tracer.layout import overlaps_itself
from numgrad.tracer.numbers import Traced


@dataclass(frozen=True, eq=False)
class Result:
    """A leaf of what a derivative returns: a number or an array, and its dtype."""

    elements: Elements
    dtype: Any = None


def plain(result: Result) -> Any:
    """Return a number or an array as the caller gets it."""
    return returned(result.elements, result.dtype)


def noted(name: str, arguments: tuple[Any, ...], result: Any) -> Any:
    """Let a graph know of derivatives taken within it."""

    def note(each: Any) -> Any:
        if isinstance(each, Traced):
            return traced_leaf(*recorded_anew(name, arguments, each.elements))
        return each

    return mapped(note, result)


def fill(out: Any, results: Any) -> Any:
    """Store results in arrays that were given for them."""
    places, members = leaves(structure_of(out)), leaves(results)
    if len(places) != len(members) or not all(is_array(r.elements) for r in members):
        raise TypeError(
            f"out must hold one array for each of the {len(members)} derivatives, arranged as the "
            f"result is, and not be {kind_of(out)}"
        )
    for place, result in zip(places, members, strict=True):
        elements, dtype = result.elements, result.dtype or dtype_of(result.elements)
        if dtype_of(place.elements) != dtype or len(place.shape) != elements.ndim:
            raise TypeError(
                f"out must be an array of {dtype} with {elements.ndim} dimensions, "
                f"not {kind_of(place.given)}"
            )
        if place.shape != elements.shape:
            raise ValueError(
                f"out has not the shape of the result: {place.shape}, not {elements.shape}"
            )
    arrays = [place.given for place in places]
    _check_memory([each.raw if isinstance(each, TracedArray) else each for each in arrays])
    for place, result in zip(places, members, strict=True):
        place.given[...] = returned(result.elements, result.dtype)
    return out


def _check_memory(arrays: list[Any]) -> None:
    """Raise if results would overwrite each other."""
    if any(map(overlaps_itself, arrays)):
        raise ValueError(
            "out has several elements in one place of memory, where results would overwrite each "
            "other"
        )
    if any(np.shares_memory(a, b) for a, b in combinations(arrays, 2)):
        raise ValueError("out holds arrays that share memory")


def stored(out: Any, result: Any) -> Any:
    """Return what a derivative returns, after storing its arrays if there are places for them."""
    if out is not None:
        arrays = [leaf for leaf in leaves(structure_of(result)) if leaf.is_array]
        fill(out, tuple(Result(leaf.elements) for leaf in arrays))
    return result


def stack(items: list[Any]) -> Any:
    """Return results side by side."""
    if not items:
        return Result(np.empty(0, object), np.dtype(float))
    if isinstance(items[0], tuple):
        return tuple(stack(list(column)) for column in zip(*items, strict=True))
    if items[0] is None:
        return None
    elements = [item.elements for item in items]
    if any(map(is_array, elements)):
        block = np.stack([objects(each) for each in elements])
    else:
        block = np.fromiter(elements, object, len(elements))
    return Result(block, items[0].dtype)
