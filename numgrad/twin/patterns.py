"""Patterns: which parts of a value become duals, by its shape.

A pattern is True for a number, an array or a list that becomes one of duals, None for what stays as
it is, and a tuple of patterns for the items of a tuple.
"""

from itertools import combinations

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


def alike_parts(shape, pattern):
    """Pairs of parts of a value that become duals, and may be the same memory: their sources.

    Each becomes an array, a list or an object of its own.
    """
    found: dict[Place, list[str]] = {}
    for source, place in parts_in("value", shape, pattern):
        found.setdefault(place.find(), []).append(source)
    return [pair for sources in found.values() for pair in combinations(sources, 2)]


def parts_in(source, shape, pattern):
    """The sources of memory that becomes duals in a value, and its places."""
    if not has_active(pattern) or shape is None:
        return []
    if isinstance(shape, tuple):
        patterns = pattern if isinstance(pattern, tuple) else [pattern] * len(shape)
        parts = [
            (f"{source}[{k}]", *pair) for k, pair in enumerate(zip(shape, patterns, strict=True))
        ]
        return [found for part in parts for found in parts_in(*part)]
    if isinstance(shape, Object):
        parts = [(f"{source}.{name}", part, pattern) for name, part in shape.fields.items()]
        return [(source, shape.place), *(found for part in parts for found in parts_in(*part))]
    place = shape.place if isinstance(shape, Container) else shape
    return [(source, place)] if place.is_memory else []
