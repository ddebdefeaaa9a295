"""Patterns: which parts of a value become duals, by its shape.

A pattern is True for a number, an array or a list that becomes one of duals, None for what stays as
it is, and a tuple of patterns for the items of a tuple.
"""

from numba import types

from numgrad.numbers.carrier import active_type
from numgrad.twin.aliases import Container, Place


def pattern_of(shape, becomes_active, in_container=False):
    """Return the pattern of a value by a question of each of its places.

    It is also given whether the place is that of the items of a container.
    """
    if isinstance(shape, tuple):
        return tuple(pattern_of(item, becomes_active, in_container) for item in shape)
    if isinstance(shape, Container):
        items = pattern_of(shape.items, lambda place, _: becomes_active(place, True))
        return True if has_active(items) else None
    if isinstance(shape, Place):
        return True if becomes_active(shape, in_container) else None
    return None


def shadow_type(kind, shape, activity, carrier):
    """Return the type that a value has with derivatives where its places are active."""
    if isinstance(shape, tuple) and isinstance(kind, types.BaseTuple):
        kinds = [
            shadow_type(item, part, activity, carrier)
            for item, part in zip(kind.types, shape, strict=True)
        ]
        if isinstance(kind, types.BaseNamedTuple):
            return kind.from_types(kinds, kind.instance_class)
        return types.Tuple(kinds)
    if isinstance(shape, Container) and hasattr(kind, "dtype"):
        return kind.copy(dtype=shadow_type(kind.dtype, shape.items, activity, carrier))
    if not isinstance(shape, Place) or not activity.carries(shape):
        return kind
    if isinstance(kind, types.Array):
        return kind.copy(dtype=active_type(carrier, kind.dtype))
    return active_type(carrier, kind)


def has_active(pattern):
    """Whether any part of a value becomes a carrier."""
    return any(map(has_active, pattern)) if isinstance(pattern, tuple) else bool(pattern)


def numbers_in(shape, activity):
    """Return the pattern of a value whose numbers become duals where they carry derivatives."""
    return pattern_of(shape, lambda place, _: not place.is_memory and activity.carries(place))
