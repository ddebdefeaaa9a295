"""Which differentiations are under way: a number of one that has ended must not get into another.

The depth of a dual tells which differentiation its derivatives belong to. Where a function hands a
number out of its derivative, in a variable of an outer function, a global name, an attribute or a
list, that number says how it changes with an input that nobody moves any longer: in another
derivative it would be taken for a constant, or for what it isn't.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numgrad.numbers.dual.number import Dual
from numgrad.tracer.elements import Elements, is_array, members
from numgrad.tracer.places import refusal, start_of

_FIRST = 1 << 16  # above the depths of duals that users make
_depths = itertools.count(_FIRST)
_under_way: set[int] = set()

ENDED = "A number of a derivative that has ended is used in another."
HAND_OUT = (
    "Let the function that is differentiated return what is needed of it (a tuple may hold more "
    "than one number), and assign to no variable of an outer function, global, attribute, list or "
    "dictionary in it."
)


def new_depth(lowest: int) -> int:
    """Return a depth that no other differentiation has, above those that it lies within.

    A function may use numbers of an outer differentiation that are not among its arguments; the
    types of compiled code tell the two apart, and here their numbers do.
    """
    return max(next(_depths), 1 + lowest)


@contextmanager
def under_way(depth: int) -> Iterator[None]:
    """Let numbers of a depth be used in the meantime."""
    _under_way.add(depth)
    try:
        yield
    finally:
        _under_way.discard(depth)


def is_over(element: Any) -> bool:
    """Return whether a number belongs to a differentiation that has ended."""
    return isinstance(element, Dual) and element.depth >= _FIRST and element.depth not in _under_way


def check_live(elements: Elements, function: object = None) -> Elements:
    """Return elements, none of which may belong to a differentiation that has ended.

    Those that a function returned are met on no line of it: its first one is named.
    """
    if any(map(is_over, members(elements))) if is_array(elements) else is_over(elements):
        raise refusal(ENDED, HAND_OUT, start_of(function))
    return elements
