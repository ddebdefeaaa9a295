"""Arguments and results: numbers and arrays, in tuples to any depth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from numgrad.numbers.dual.number import Dual
from numgrad.rules.registry import primal
from numgrad.tracer import live
from numgrad.tracer.arrays import TracedArray, fresh
from numgrad.tracer.elements import NUMBERS, Elements, depth_of, dtype_of, is_array, objects
from numgrad.tracer.numbers import Traced, TracedNumber, has_traced, held_by
from numgrad.tracer.operators import is_python


@dataclass(eq=False)
class Leaf:
    """A number or an array of numbers among arguments or results."""

    given: Any
    elements: Elements
    first: int = 0  # which input its first number is, among all that are differentiated by

    @property
    def dtype(self) -> np.dtype[Any]:
        is_known = isinstance(self.given, np.ndarray | Traced) and self.given.dtype != object
        return self.given.dtype if is_known else dtype_of(self.elements)

    @property
    def is_floating(self) -> bool:
        return self.dtype.kind in "fc"

    @property
    def is_python(self) -> bool:
        return is_python(self.given)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.elements.shape if is_array(self.elements) else ()

    @property
    def is_array(self) -> bool:
        return is_array(self.elements)

    @property
    def size(self) -> int:
        return self.elements.size if is_array(self.elements) else 1


def leaf_of(x: Any) -> Leaf | None:
    """Return a leaf; None for what holds no numbers."""
    if isinstance(x, Traced):
        return Leaf(x, x.elements)
    if isinstance(x, np.ndarray):
        if x.dtype == object:
            return Leaf(x, held_by(x)) if has_traced(x) else None
        return Leaf(x, objects(x)) if x.dtype.kind in "biufc" else None
    if isinstance(x, Dual):
        return Leaf(x, x)
    if isinstance(x, NUMBERS):
        return Leaf(x, x if isinstance(x, np.generic | bool) else np.result_type(type(x)).type(x))
    return None


def structure_of(x: Any) -> Any:
    """Return the leaves of a value as nested tuples; None for what holds no numbers."""
    if isinstance(x, tuple):
        return tuple(map(structure_of, x))
    return leaf_of(x)


def leaves(structure: Any) -> list[Any]:
    """Return the leaves of nested tuples in order."""
    if isinstance(structure, tuple):
        return [leaf for item in structure for leaf in leaves(item)]
    return [] if structure is None else [structure]


def mapped(function: Callable[[Any], Any], structure: Any) -> Any:
    """Return nested tuples with something in the place of every leaf."""
    if isinstance(structure, tuple):
        return tuple(mapped(function, item) for item in structure)
    return None if structure is None else function(structure)


def replaced(x: Any, function: Callable[[Any], Any]) -> Any:
    """Return an argument with something in the place of every number, array and other thing."""
    if isinstance(x, tuple):
        items = [replaced(item, function) for item in x]
        return type(x)(*items) if hasattr(x, "_fields") else tuple(items)
    return function(x)


def as_floats(x: Any) -> Any:
    """Return an argument whose whole numbers are floats, and lists arrays; or itself."""
    taken = replaced(array_of_list(x), _as_float)
    pairs = zip(values_of_parts(taken), values_of_parts(x), strict=True)
    return x if all(a is b for a, b in pairs) else taken


def array_of_list(x: Any) -> Any:
    """Return an array of what is in a list; any other thing is what it is."""
    if not isinstance(x, list):
        return x
    return fresh(x) if has_traced(x) else np.array(x)


def values_of_parts(x: Any) -> list[Any]:
    """Return what is in nested tuples, in order."""
    return [each for item in x for each in values_of_parts(item)] if isinstance(x, tuple) else [x]


def _as_float(x: Any) -> Any:
    if isinstance(x, int | np.integer) and not isinstance(x, bool):
        return float(x)
    is_whole = isinstance(x, np.ndarray) and x.dtype.kind in "iu"
    return x.astype(np.float64) if is_whole else x


def in_place_of_leaves(x: Any, others: list[Any]) -> Any:
    """Return an argument with other things in the place of its leaves, in order."""
    remaining = iter(others)
    return replaced(x, lambda _: next(remaining))


def kind_of(x: Any) -> str:
    """Return what type something is of, for a message."""
    if isinstance(x, tuple):
        return f"({', '.join(map(kind_of, x))})"
    if isinstance(x, np.ndarray | TracedArray):
        return f"array({x.dtype}, {x.ndim}d)"
    return PYTHON_NUMBERS.get(type(x), type(x).__name__)


# What compiled code calls Python's own numbers.
PYTHON_NUMBERS = {int: "int64", float: "float64", complex: "complex128"}


def new_depth(arguments: Any) -> int:
    """Return a depth that no other differentiation has, above those in arguments."""
    return live.new_depth(depth_in(arguments))


def depth_in(arguments: Any) -> int:
    """Return the highest depth of duals in arguments."""
    return max((depth_of(leaf.elements) for leaf in leaves(structure_of(arguments))), default=0)


def check_leaves(structure: Any, function: Any = None) -> None:
    """Raise if a number among arguments, or a function's results, is of an ended derivative."""
    for leaf in leaves(structure):
        live.check_live(leaf.elements, function)


def traced_leaf(elements: Elements, node: Any = None) -> Any:
    """Return elements as a result that is traced: a number is one of Python's."""
    if is_array(elements):
        return TracedArray.of(elements, node)
    return TracedNumber(elements, node, is_python=True)


def returned(elements: Elements, dtype: Any = None) -> Any:
    """Return elements as a result: plain numbers and arrays where no dual is left."""
    if depth_of(elements):
        return traced_leaf(elements)
    if is_array(elements):
        dtype = dtype_of(elements) if dtype is None else dtype
        return np.fromiter(elements.flat, dtype, elements.size).reshape(elements.shape)
    return primal(elements).item() if isinstance(elements, np.generic) else elements
