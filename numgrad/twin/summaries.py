"""Summaries: the effects of a call on its caller, before anything is compiled."""

from typing import Any
from weakref import WeakKeyDictionary

from numgrad.twin.activity import Activity, is_written
from numgrad.twin.calls import STARRED

_draws: WeakKeyDictionary[Any, dict[Any, bool]] = WeakKeyDictionary()  # of what has been compiled


def arguments_written(function, kinds):
    """Return the positions of the arguments that a function may write to, of whatever types."""
    shapes = shapes_of_arguments(function, kinds)
    if shapes is None:
        return frozenset(range(len(kinds)))
    return frozenset(k for k, shape in enumerate(shapes) if is_written(shape))


def shapes_of_arguments(function, kinds):
    """The shapes of a function's arguments of some types, those of ``*args`` too, or None."""
    _, folded = function._compiler.fold_argument_types(tuple(kinds), {})
    summary = Activity.of(function, folded)
    if summary is None:
        return None
    shapes = list(summary.arguments)
    if len(folded) <= len(kinds) and folded and isinstance(folded[-1], STARRED):
        shapes += shapes.pop()
    return shapes[: len(kinds)]


def takes_addresses_of_arrays(function, kinds):
    """Whether a function takes addresses of arrays, by which foreign code may write to them."""
    _, folded = function._compiler.fold_argument_types(tuple(kinds), {})
    summary = Activity.of(function, folded)
    return summary is None or summary.takes_addresses


def objects_found(function, kinds):
    """The types of the objects that a function finds under global names."""
    _, folded = function._compiler.fold_argument_types(tuple(kinds), {})
    summary = Activity.of(function, folded)
    return frozenset() if summary is None else frozenset(summary.finds)


def draws_randomly(function, kinds):
    """Whether a function draws from generators of random numbers that all share."""
    _, folded = function._compiler.fold_argument_types(tuple(kinds), {})
    known = _draws.get(function.py_func, {})
    if folded in known:  # found out when its twin was compiled
        return known[folded]
    summary = Activity.of(function, folded)
    return summary is None or summary.draws


def remember_draws(source, kinds, activity):
    """Keep of the analysis of a function that is compiled whether it draws."""
    _draws.setdefault(source, {})[kinds] = activity.draws
