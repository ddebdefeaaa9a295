"""Alias analysis: points-to by unification [1]_.

A *place* is where a number may lie: a number that a variable holds, or the memory of arrays,
lists and objects. A variable has a *shape*, made from the type that Numba infers for it: None if
it holds neither floats nor memory, a place, a tuple of the shapes of a tuple's items, a
`Container`, or an `Object`.
Of tuples the items are told apart, of objects the fields; of lists, dictionaries and arrays they
are not.

Two relations are kept:

- *alias*: memory that may be the same is one place. Places are joined, never split, by a union-find
  structure; an array and its views have one place, and so do arrays that meet in one variable.
- *flow*: derivatives of numbers in one place may reach another one, but not back.

A place of memory holds duals or floats, never both, as all that is in it may be one array. So a
place is *active* if it can be reached by flow from a place that has derivatives at the start.

.. [1] B. Steensgaard, "Points-to analysis in almost linear time", POPL (1996).
"""

from numba import types

from numgrad.numbers.carrier import carrier_in, is_carrier
from numgrad.numbers.objects import fields_of
from numgrad.numbers.records import is_followed

# Types whose values hold neither floats nor memory that floats lie in.
WITHOUT_PLACE = (
    types.Integer,
    types.Boolean,
    types.NoneType,
    types.Omitted,
    types.Literal,
    types.UnicodeType,
    types.Function,
    types.Dispatcher,
    types.Module,
    types.NumberClass,
    types.NamedTupleClass,
    types.DType,
    types.TypeRef,
    types.SliceType,
    types.RangeType,
    types.RangeIteratorType,
    types.NPDatetime,
    types.NPTimedelta,
    types.EllipsisType,
    types.EnumMember,
    types.Bytes,
    types.RecursiveCall,
    types.FunctionType,
    types.ClassType,
    types.ExceptionClass,
    types.ExceptionInstance,
)

# Types of objects whose fields keep the types they were declared with.
RIGID = types.ClassInstanceType, types.ClassDataType, types.StructRef, types.Record


class Place:
    """Where numbers may lie; places that may be the same memory become one."""

    __slots__ = (
        "_parent",
        "flows",
        "holds_floats",
        "is_memory",
        "is_opaque",
        "is_rigid",
        "is_written",
    )

    def __init__(self, *, is_memory, holds_floats=True, is_rigid=False, is_opaque=False):
        self._parent = None
        self.flows = []  # the places that derivatives flow to from here
        self.is_memory = is_memory
        self.holds_floats = holds_floats
        self.is_rigid = is_rigid  # whether it is a part of an object that no dual fits into
        self.is_opaque = is_opaque  # whether what lies in it may itself refer to memory
        self.is_written = False

    def find(self):
        """The representative of the places joined with this one."""
        root = self
        while root._parent is not None:
            root = root._parent
        while self is not root:
            self._parent, self = root, self._parent
        return root

    def join(self, other):
        """Let two places be one."""
        kept, dropped = self.find(), other.find()
        if kept is dropped:
            return
        dropped._parent = kept
        kept.flows += dropped.flows
        kept.is_memory |= dropped.is_memory
        kept.holds_floats |= dropped.holds_floats
        kept.is_rigid |= dropped.is_rigid
        kept.is_opaque |= dropped.is_opaque
        kept.is_written |= dropped.is_written
        dropped.flows = ()

    def flow(self, target):
        """Let derivatives flow from here to another place."""
        self.find().flows.append(target)

    def write(self):
        self.find().is_written = True


class Container:
    """The shape of a list, a set, a dictionary or an iterator: its own memory, its items as one."""

    __slots__ = "items", "keys", "place"

    def __init__(self, items, keys=None):
        self.place = Place(is_memory=True, holds_floats=False)
        self.items = items  # a shape, as are the keys of a dictionary
        self.keys = keys


class Object:
    """The shape of an object of a class: its own memory, and the shapes of its fields by name."""

    __slots__ = "fields", "kind", "place"

    def __init__(self, kind, fields):
        self.place = Place(is_memory=True, holds_floats=False)
        self.kind = kind  # without derivatives
        self.fields = fields


def shape_of(kind):
    """A new shape for a variable of a type, which is None if unknown."""
    if kind is None:
        return Place(is_memory=True, is_opaque=True)
    kind = types.unliteral(kind)
    if isinstance(kind, WITHOUT_PLACE):
        return None
    if isinstance(kind, types.Float | types.Complex) or is_carrier(kind):
        return Place(is_memory=False)
    if isinstance(kind, types.BaseTuple):
        return tuple(shape_of(item) for item in kind.types)
    if isinstance(kind, types.Optional):
        return shape_of(kind.type)
    if isinstance(kind, types.Pair):
        return shape_of(kind.first_type)
    if isinstance(kind, types.BoundFunction):
        return shape_of(kind.this)
    if isinstance(kind, types.Array):
        return shape_of_array(kind)
    if isinstance(kind, types.DictType):
        return Container(shape_of(kind.value_type), shape_of(kind.key_type))
    if isinstance(kind, types.List | types.ListType | types.Set | types.SetType):
        return Container(shape_of(kind.dtype))
    if isinstance(kind, types.NumpyFlatType):
        return shape_of(kind.array_type)
    if isinstance(kind, types.Generator):
        return Place(is_memory=True, is_opaque=True)
    if isinstance(kind, types.SimpleIterableType):
        return shape_of(kind.iterator_type)
    if isinstance(kind, types.IteratorType):
        return Container(shape_of(kind.yield_type))
    if isinstance(kind, types.Record) and is_followed(kind):
        return Place(is_memory=True)
    fields = fields_of(kind)
    if fields is not None:
        return Object(kind, {name: shape_of(field) for name, field in fields.items()})
    return Place(is_memory=True, is_opaque=True, is_rigid=isinstance(kind, RIGID))


def shape_of_array(kind):
    """The shape of an array; integers and booleans have no derivatives."""
    element = kind.dtype
    if isinstance(element, types.Record):
        return Place(is_memory=True, is_rigid=not is_followed(element))
    return Place(
        is_memory=True, holds_floats=not isinstance(element, types.Integer | types.Boolean)
    )


def places(shape):
    """Return all places in a shape, in order."""
    if shape is None:
        return []
    if isinstance(shape, Place):
        return [shape]
    if isinstance(shape, Container):
        return [shape.place, *places(shape.keys), *places(shape.items)]
    if isinstance(shape, Object):
        return [shape.place, *(place for each in shape.fields.values() for place in places(each))]
    return [place for item in shape for place in places(item)]


def memory_in(shape):
    """Return the places of memory in a shape."""
    return [place for place in places(shape) if place.is_memory]


def are_alike(shape, other):
    """Whether two shapes have their places in the same order."""
    if isinstance(shape, tuple) and isinstance(other, tuple):
        return len(shape) == len(other) and all(map(are_alike, shape, other))
    if isinstance(shape, Container) and isinstance(other, Container):
        return are_alike(shape.items, other.items) and are_alike(shape.keys, other.keys)
    if isinstance(shape, Object) and isinstance(other, Object):
        return shape.fields.keys() == other.fields.keys() and all(
            are_alike(each, other.fields[name]) for name, each in shape.fields.items()
        )
    return type(shape) is type(other)


def items_of(shape):
    """The shape of the items that a loop over a value meets."""
    if isinstance(shape, Container):
        return shape.items if shape.keys is None else shape.keys
    if not isinstance(shape, tuple) or not shape:
        return shape
    first, *others = shape
    for other in others:  # all have one type
        unify(first, other)
    return first


def assign(target, source):
    """Let a variable hold a value: its numbers flow, its memory is aliased."""
    _relate(target, source, one_way=True)


def unify(target, source):
    """Let two values be the same place throughout, as the items of a list are."""
    _relate(target, source, one_way=False)


def _relate(target, source, one_way):
    if target is None or source is None:
        return
    if isinstance(target, Place) and isinstance(source, Place):
        _relate_places(target, source, one_way)
    elif isinstance(target, Container) and isinstance(source, Container):
        target.place.join(source.place)
        _relate(target.items, source.items, one_way=False)
        _relate(target.keys, source.keys, one_way=False)
    elif isinstance(target, Object) and isinstance(source, Object) and are_alike(target, source):
        target.place.join(source.place)
        for name, field in target.fields.items():
            _relate(field, source.fields[name], one_way=False)
    elif isinstance(target, tuple) and isinstance(source, tuple) and len(target) == len(source):
        for item, other in zip(target, source, strict=True):
            _relate(item, other, one_way)
    else:
        confuse(target, source)


def _relate_places(target, source, one_way):
    both_memory = target.is_memory and source.is_memory
    both_numbers = not (target.is_memory or source.is_memory)
    if both_memory or (both_numbers and not one_way):
        target.join(source)
        return
    source.flow(target)
    if not one_way:
        target.flow(source)


def confuse(*shapes):
    """Let all memory in some shapes be one place, and numbers flow into it and out of it."""
    found = [place for shape in shapes for place in places(shape)]
    memory = [place for place in found if place.is_memory]
    for place in memory[1:]:
        memory[0].join(place)
    numbers = [place for place in found if not place.is_memory]
    center = memory[0] if memory else Place(is_memory=True)
    for place in numbers:
        place.flow(center)
        center.flow(place)


def share(target, owner):
    """Let a value alias a part of another: a view, an attribute, an item."""
    if are_alike(target, owner):
        assign(target, owner)
    elif memory_in(target):
        confuse(target, owner)
    else:
        combine(target, owner)


def combine(target, *operands):
    """Let numbers flow from some values into a new one that shares no memory with them."""
    targets = places(target)
    for operand in operands:
        for place in places(operand):
            for each in targets:
                place.flow(each)


def write_all(shape):
    """Mark all memory in a value as written to."""
    for place in memory_in(shape):
        place.write()


def reached_from(starts):
    """The places that derivatives can flow to from some places, these among them."""
    reached, waiting = set(), [place.find() for place in starts]
    while waiting:
        place = waiting.pop()
        if place not in reached and place.holds_floats:
            reached.add(place)
            waiting += [target.find() for target in place.flows]
    return reached


def places_with_derivatives(shape, kind):
    """Return the places of an argument that carry derivatives, by its type."""
    if isinstance(shape, tuple) and isinstance(kind, types.BaseTuple):
        return [
            place
            for item, item_kind in zip(shape, kind.types, strict=True)
            for place in places_with_derivatives(item, item_kind)
        ]
    if isinstance(kind, types.DictType) and isinstance(shape, Container):
        return [
            *places_with_derivatives(shape.keys, kind.key_type),
            *places_with_derivatives(shape.items, kind.value_type),
        ]
    if isinstance(shape, Container):
        return places_with_derivatives(shape.items, getattr(kind, "dtype", None))
    if isinstance(shape, Object):
        fields = fields_of(kind) or {}
        return [
            place
            for name, field in fields.items()
            for place in places_with_derivatives(shape.fields[name], field)
        ]
    return [] if carrier_in(kind) is None else places(shape)


def arrays_in(shape, kind):
    """Return what memory holds floats in a value: its kind, its place, whether it holds duals."""
    if isinstance(shape, tuple) and isinstance(kind, types.BaseTuple):
        pairs = zip(shape, kind.types, strict=True)
        return [found for item, item_kind in pairs for found in arrays_in(item, item_kind)]
    if isinstance(shape, Container):
        return arrays_in(shape.items, getattr(kind, "dtype", None))
    if isinstance(shape, Object):
        return objects_in(shape, kind)
    if not isinstance(shape, Place) or not isinstance(kind, types.Array | types.Record):
        return []
    if isinstance(kind, types.Record) or isinstance(kind.dtype, types.Record):
        return [(types.Array, shape.find(), carrier_in(kind) is not None)]
    if is_carrier(kind.dtype):
        return [(types.Array, shape.find(), True)]
    is_floating = isinstance(kind.dtype, types.Float | types.Complex)
    return [(types.Array, shape.find(), False)] if is_floating else []


def objects_in(shape, kind):
    """The same of an object, which has a place of its own, and of arrays in it.

    From an object that nobody writes arrays may be read as copies with derivatives.
    """
    kind = kind.type if isinstance(kind, types.Optional) else kind
    fields = fields_of(kind)
    if fields is None:
        return []  # a method that is bound to one
    found = [(Object, shape.place.find(), carrier_in(kind) is not None)]
    for name, field in fields.items():
        found += arrays_in(shape.fields[name], field)
    return [each for each in found if each[1].is_written]


def divided_memory(shapes, kinds):
    """A variable of arrays of floats whose memory has an alias that holds duals, or None.

    An argument itself may hold floats where the variable for it holds a copy.
    """
    found: dict[tuple[type, Place], dict[bool, str]] = {}
    for name, shape in shapes.items():
        if name.startswith("arg."):
            continue
        for what, place, holds_duals in arrays_in(shape, kinds.get(name)):
            found.setdefault((what, place), {})[holds_duals] = name
    return next((each[False] for each in found.values() if len(each) == 2), None)
