"""The arguments that a function may write to, be it a user's or the driver of a transform."""

from numba import types

from numgrad.drivers.given_objects import types_within
from numgrad.drivers.state import can_be_saved, is_immutable
from numgrad.numbers.carrier import joined, without_derivatives
from numgrad.numbers.objects import fields_of
from numgrad.twin.errors import DifferentiationError
from numgrad.twin.given import fully_active, with_active_objects
from numgrad.twin.origins import DRIVERS, STATED
from numgrad.twin.summaries import (
    arguments_written,
    draws_randomly,
    objects_found,
    takes_addresses_of_arrays,
)

MAY_BE_WRITTEN = (
    "It writes to an argument, and finds an object under a global name, which may hold the same "
    "memory.\nLet it take the object as an argument too."
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
    written = frozenset(
        k for k in (*written, *objects) if k < len(kinds) and not is_immutable(kinds[k])
    )
    if written:
        check_outside(function, kinds, [kinds[k] for k in written])
    return written


def check_outside(function, kinds, written):
    """Raise if what is written to may be memory of an object that the function finds."""
    held = {memory_kind(each) for kind in written for each in types_within(kind)}
    for found in found_outside(function, kinds):
        if (held - {None}) & {memory_kind(each) for each in types_within(found)}:
            name = getattr(function, "py_func", function).__name__
            raise DifferentiationError(f"{name} can't be differentiated:\n{MAY_BE_WRITTEN}")


def memory_kind(kind):
    """What is alike of types that may be those of the same memory, or None."""
    kind = without_derivatives(kind)
    if isinstance(kind, types.Array):
        return kind.dtype
    return kind if fields_of(kind) is not None else None


def found_outside(function, kinds):
    """The types of the objects that a function finds under global names."""
    function = STATED.get(function, function)
    if function in DRIVERS:
        return DRIVERS[function].finds(kinds)
    return objects_found(function, tuple(map(without_derivatives, kinds)))


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
    is_followed = fields_of(kind) is not None
    return (is_object and not is_followed) or isinstance(kind, types.NumPyRandomGeneratorType)


def active_arguments(function, kinds):
    """The types of arguments with derivatives in the fields of the objects that get any."""
    if not any(map(holds_objects, kinds)):
        return kinds
    function = STATED.get(function, function)
    if function not in DRIVERS:
        return with_active_objects(function, kinds)
    written, carrier = DRIVERS[function].written(kinds), joined(kinds)
    return [fully_active(each, carrier) if k in written else each for k, each in enumerate(kinds)]


def holds_objects(kind):
    """Whether there are objects in an argument, as it is or in tuples."""
    if isinstance(kind, types.BaseTuple):
        return any(map(holds_objects, kind.types))
    is_record = isinstance(getattr(kind, "dtype", None), types.Record)
    return is_record or fields_of(kind) is not None
