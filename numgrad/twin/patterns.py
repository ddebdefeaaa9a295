"""Patterns: which parts of a value become duals, by its shape.

A pattern is True for a number, an array or a list that becomes one of duals, None for what stays as
it is, and a tuple of patterns for the items of a tuple.
"""

from numgrad.twin.aliases import Container, Object, Place


def pattern_of(shape, becomes_active, in_container=False, of_object=lambda shape: None):
    """Return the pattern of a value by a question of each of its places.

    It is also given whether the place is that of the items of a container. Of objects another
    question is asked.
    """
    if isinstance(shape, tuple):
        return tuple(pattern_of(item, becomes_active, in_container, of_object) for item in shape)
    if isinstance(shape, Container):
        items = pattern_of(shape.items, lambda place, _: becomes_active(place, True))
        return True if has_active(items) else None
    if isinstance(shape, Object):
        return of_object(shape)
    if isinstance(shape, Place):
        return True if becomes_active(shape, in_container) else None
    return None


def has_active(pattern):
    """Whether any part of a value becomes a carrier."""
    return any(map(has_active, pattern)) if isinstance(pattern, tuple) else bool(pattern)


def numbers_in(shape, activity):
    """Return the pattern of a value whose numbers become duals where they carry derivatives."""
    return pattern_of(shape, lambda place, _: not place.is_memory and activity.carries(place))
