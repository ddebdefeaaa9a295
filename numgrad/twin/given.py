"""The types that a twin's arguments have, where they are objects that get derivatives."""

from numba import types

from numgrad.numbers.carrier import FLOATING, active_type, joined, number_of, without_derivatives
from numgrad.numbers.objects import fields_of, with_fields
from numgrad.twin.aliases import Object, places_with_derivatives, reached_from
from numgrad.twin.objects import is_filled, shadow_type
from numgrad.twin.summaries import shapes_of_arguments
from numgrad.twin.twin import twin_of


def with_active_objects(function, kinds):
    """The types of arguments with derivatives in the fields of objects that may get any.

    Objects that the function writes nothing to are left as they are.
    """
    shapes = shapes_of_arguments(function, tuple(map(without_derivatives, kinds)))
    if shapes is None:
        return [fully_active(kind, joined(kinds)) for kind in kinds]
    starts = [
        place
        for shape, kind in zip(shapes, kinds, strict=True)
        for place in places_with_derivatives(shape, kind)
    ]
    reached = Reached(reached_from(starts))
    pairs = zip(shapes, kinds, strict=True)
    return [active_where_written(shape, kind, reached, joined(kinds)) for shape, kind in pairs]


class Reached:
    """What some places reach, asked as an analysis is."""

    def __init__(self, active):
        self.active = active

    def carries(self, place):
        return place.find() in self.active


def active_where_written(shape, kind, reached, carrier):
    """The type of an argument whose objects have derivatives, where they are written to."""
    if isinstance(shape, tuple) and isinstance(kind, types.BaseTuple):
        pairs = zip(shape, kind.types, strict=True)
        kinds = [active_where_written(*pair, reached, carrier) for pair in pairs]
        return of_items(kind, kinds)
    is_record = isinstance(getattr(kind, "dtype", None), types.Record)
    if (isinstance(shape, Object) or is_record) and is_filled(shape):
        return shadow_type(kind, shape, reached, carrier, twin_of)
    return kind


def of_items(kind, kinds):
    """The type of a tuple with other types of items."""
    if isinstance(kind, types.BaseNamedTuple):
        return kind.from_types(kinds, kind.instance_class)
    return types.Tuple(kinds)


def fully_active(kind, carrier):
    """The type of an argument whose objects have derivatives in all numbers."""
    if isinstance(kind, types.BaseTuple):
        return of_items(kind, [fully_active(item, carrier) for item in kind.types])
    fields = fields_of(kind)
    if isinstance(getattr(kind, "dtype", None), types.Record):
        return kind.copy(dtype=active_type(carrier, kind.dtype))
    if fields is None:
        return kind
    active = {name: fully_active_field(each, carrier) for name, each in fields.items()}
    return with_fields(kind, active, twin_of)


def fully_active_field(kind, carrier):
    if isinstance(kind, types.BaseTuple):
        return of_items(kind, [fully_active_field(item, carrier) for item in kind.types])
    if isinstance(kind, types.Array) and isinstance(number_of(kind.dtype), FLOATING):
        return kind.copy(dtype=active_type(carrier, number_of(kind.dtype)))
    if isinstance(number_of(kind), FLOATING):
        return active_type(carrier, number_of(kind))
    return fully_active(kind, carrier)
