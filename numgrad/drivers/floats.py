"""Whole numbers and lists among what is differentiated by, taken as floats and as arrays.

An array of whole numbers that the function writes to stays what it is, since what was written would
lie in a copy. It is refused then, as booleans are.
"""

import numpy as np
from numba import types
from numba.extending import overload

from numgrad.drivers.structure import argument, rebuilt


def taken_as_floats(kind):
    """The type of an argument whose whole numbers are floats; itself where there are none."""
    if isinstance(kind, types.BaseTuple):
        items = [taken_as_floats(item) for item in kind.types]
        if items == list(kind.types):
            return kind
        if isinstance(kind, types.BaseNamedTuple):
            return kind.from_types(items, kind.instance_class)
        return types.Tuple(items)
    if is_whole(kind):
        return types.float64
    if isinstance(kind, types.Array) and is_whole(kind.dtype):
        return types.Array(types.float64, kind.ndim, "F" if kind.layout == "F" else "C")
    return kind


def is_whole(kind):
    return isinstance(kind, types.Integer) and not isinstance(kind, types.Boolean)


def as_floats(thing):
    raise NotImplementedError("compiled code only")


@overload(as_floats)
def _as_floats(thing):
    if is_whole(thing):
        return lambda thing: np.float64(thing)
    return lambda thing: thing.astype(np.float64)


class Conversion:
    """The source of a driver's arguments, of which some are taken as floats."""

    def __init__(self, kinds, positions):
        taken, self.sources, self.names = list(kinds), {}, {}
        for k in positions:
            if k < len(kinds) and taken_as_floats(kinds[k]) != kinds[k]:
                self.sources[k], taken[k] = rebuilt(
                    argument(k), kinds[k], self._replaced, self._name
                )
        self.kinds = tuple(taken)

    def _replaced(self, expression, kind):
        wanted = taken_as_floats(kind)
        if wanted == kind:
            return expression, kind
        return f"{self._name(as_floats, 'as_floats')}({expression})", wanted

    def _name(self, thing, stem):
        known = next((name for name, each in self.names.items() if each is thing), None)
        name = known or f"{stem}_{len(self.names)}_of_arguments"
        self.names[name] = thing
        return name

    def lines(self):
        """The statements that make the new arguments."""
        if not self.sources:
            return []
        items = [self.sources.get(k, argument(k)) for k in range(len(self.kinds))]
        return [f"arguments = (None, {''.join(f'{item}, ' for item in items)})"]


def arrays_of_lists(arguments, positions):
    """Return the arguments of a call from Python with arrays in the place of some lists."""
    return tuple(
        np.array(each) if isinstance(each, list) and k in positions else each
        for k, each in enumerate(arguments)
    )
