"""The structure of arguments and results: numbers and arrays, in tuples to any depth."""

import re
from dataclasses import dataclass

import numpy as np
from numba import types

from numgrad.numbers.carrier import is_carrier, number_of

FLOATING = types.Float | types.Complex


@dataclass(frozen=True)
class Leaf:
    """A number or an array of numbers, and the expression that stands for it."""

    expression: str
    kind: types.Type

    @property
    def is_array(self):
        return isinstance(self.kind, types.Array)

    @property
    def element(self):
        return self.kind.dtype if self.is_array else self.kind

    @property
    def is_floating(self):
        return isinstance(number_of(self.element), FLOATING)


def argument(position):
    """Return the source of an argument.

    They are numbered from 1: a function as the first of a tuple would make Numba warn.
    """
    return f"arguments[{position + 1}]"


def position_of(expression):
    """The position of the argument that an expression is a part of."""
    return int(re.findall(r"\d+", expression)[0]) - 1


def is_number(kind):
    return is_carrier(kind) or isinstance(kind, types.Number | types.Boolean)


def structure_of(expression, kind):
    """Return the leaves of a value as nested tuples; None for what holds no numbers."""
    if isinstance(kind, types.BaseTuple):
        return tuple(structure_of(f"{expression}[{k}]", item) for k, item in enumerate(kind.types))
    if isinstance(kind, types.Array) and is_number(kind.dtype):
        return Leaf(expression, kind)
    return Leaf(expression, kind) if is_number(kind) else None


def leaves(structure):
    """Return the leaves of a structure in order."""
    if isinstance(structure, tuple):
        return [leaf for item in structure for leaf in leaves(item)]
    return [] if structure is None else [structure]


def mapped(function, structure):
    """Return a structure with something in the place of every leaf."""
    if isinstance(structure, tuple):
        return tuple(mapped(function, item) for item in structure)
    return None if structure is None else function(structure)


def source_of(structure):
    """Return the source of nested tuples of expressions."""
    if isinstance(structure, tuple):
        return f"({' '.join(f'{source_of(item)},' for item in structure)})"
    return str(structure)


def rebuilt(expression, kind, replace, name):
    """Return the source and the type of a value some of whose parts are replaced.

    Tuples and named tuples are made anew of their items; ``replace`` takes the source and the type
    of any other part and returns what to put there, ``name`` a thing and a stem and returns a name.
    """
    if not isinstance(kind, types.BaseTuple):
        return replace(expression, kind)
    items = [
        rebuilt(f"{expression}[{k}]", item, replace, name) for k, item in enumerate(kind.types)
    ]
    packed = "".join(f"{item}, " for item, _ in items)
    kinds = [item_kind for _, item_kind in items]
    if isinstance(kind, types.BaseNamedTuple):
        function = name(kind.instance_class, "named")
        return f"{function}({packed})", kind.from_types(kinds, kind.instance_class)
    return f"({packed})", types.Tuple(kinds)


def is_integer(number):
    """Whether an argument is an integer, of Python or NumPy."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)
