"""The arguments that a function may write to, be it a user's or the driver of a transform."""

from numba import types

from numgrad.drivers.state import can_be_saved, is_immutable
from numgrad.numbers.carrier import without_derivatives
from numgrad.twin.origins import DRIVERS, STATED
from numgrad.twin.summaries import (
    arguments_written,
    draws_randomly,
    takes_addresses_of_arrays,
)


def written_arguments(function, kinds):
    """Return the positions of the arguments of some types whose memory a function may write."""
    if all(map(is_immutable, kinds)):
        return frozenset()
    function = STATED.get(function, function)
    if function in DRIVERS:
        written = DRIVERS[function].written(kinds)
    else:
        written = arguments_written(function, tuple(map(without_derivatives, kinds)))
    objects = (k for k, kind in enumerate(kinds) if has_methods(kind))
    return frozenset(
        k for k in (*written, *objects) if k < len(kinds) and not is_immutable(kinds[k])
    )


def draws(function, kinds):
    """Whether a function may draw random numbers from generators that all share."""
    function = STATED.get(function, function)
    if function in DRIVERS:
        return DRIVERS[function].draws(kinds)
    return draws_randomly(function, tuple(map(without_derivatives, kinds)))


def takes_addresses(function, kinds):
    """Whether a function may hand addresses of arrays to foreign code."""
    function = STATED.get(function, function)
    if function in DRIVERS:
        return DRIVERS[function].takes_addresses(kinds)
    return takes_addresses_of_arrays(function, tuple(map(without_derivatives, kinds)))


def has_methods(kind):
    """Whether a type is that of objects whose methods may change them.

    A generator of random numbers is another with each of them.
    """
    is_object = isinstance(kind, types.ClassInstanceType) and can_be_saved(kind)
    return is_object or isinstance(kind, types.NumPyRandomGeneratorType)
