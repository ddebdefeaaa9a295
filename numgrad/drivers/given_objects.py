"""Objects of the caller's that a function writes derivatives to: of which the twin gets others.

What the twin gets is made anew for each pass, and afterwards the caller's objects get the values.
They, and the arrays in them, stay the caller's own: an array of duals stands for one of the
caller's wherever it is found in the end, as where two fields have changed places.
"""

from numba import types
from numba.extending import overload

from numgrad.arrays.activation import of_fields
from numgrad.arrays.copies import extent
from numgrad.arrays.objects import address_of_object
from numgrad.drivers.chunks import disjoint, in_step, store_values
from numgrad.drivers.optionals import present
from numgrad.numbers.carrier import is_carrier, without_derivatives
from numgrad.numbers.layouts import allocated_like
from numgrad.numbers.objects import fields_of, is_recursive
from numgrad.targets.options import internal_njit
from numgrad.twin.source import Body, function_of

VIEW = (
    "a field of an object that the function was given holds a part of an array afterwards, or of "
    "what another field holds, which a derivative can't follow: let it hold a copy"
)
REPLACED = (
    "a field of an object that the function was given holds another object afterwards, which a "
    "derivative can't follow: set the fields of the object that is there"
)
SHARED = (
    "an object that the function writes to shares memory with another argument, or in itself, "
    "which a derivative can't follow: pass a copy of one"
)


def give_back(targets, sources):
    """Let objects of the caller's, and the arrays in them, hold the values of those of duals.

    Each object is followed by what its fields held at the start; see `GivenObject`.
    """
    raise NotImplementedError("compiled code only")


@overload(give_back, strict=False)
def _give_back(targets, sources):
    return Return(targets, sources).function()


class Return:
    """The source of what gives values back, for the types of objects and arrays."""

    def __init__(self, targets, sources):
        self.pairs = list(zip(targets.types, sources.types, strict=True))
        self.names = {
            "values_into": values_into,
            "in_step": in_step,
            "disjoint": disjoint,
            "address": address_of_object,
            "values_in": values_in,
            "numbers_of": numbers_of,
            "VIEW": VIEW,
            "REPLACED": REPLACED,
        }
        self.lines = []
        self.fields = []  # those that hold arrays or objects with derivatives

    def function(self):
        for k, (target, source) in enumerate(self.pairs):
            if isinstance(target, types.Array):
                self.lines.append(f"values_into(targets[{k}], sources[{k}])")
            else:
                self._give_fields(k, target, source)
        for place, field in enumerate(self.fields):
            self._bind(place, *field)
        body = Body([*self.lines, "return None"], self.names)
        return function_of("give_back", "targets, sources", body)

    def _give_fields(self, k, target, source):
        for name, field in fields_of(source).items():
            own, ours = f"targets[{k}].{name}", f"sources[{k}].{name}"
            if field == fields_of(target)[name]:
                self.lines.append(f"{own} = {ours}")
            elif isinstance(field, types.Array) or fields_of(field) is not None:
                self.fields.append((own, ours, field))
            else:
                self.lines.append(f"{own} = values_in({ours})")

    def _bind(self, place, own, ours, field):
        """Let a field hold what stands for what it holds among the duals."""
        is_array = isinstance(field, types.Array)
        found = "if"
        for k, (_, source) in enumerate(self.pairs):
            if is_array and self._fits(source, field):
                test = f"in_step({ours}, sources[{k}])"
            elif source == field:
                test = f"address({ours}) == address(sources[{k}])"
            else:
                continue
            self.lines += [f"{found} {test}:", f"    {own} = targets[{k}]"]
            found = "elif"
        if not is_array:
            self.lines += [
                f"{found} True:" if found == "if" else "else:",
                "    raise ValueError(REPLACED)",
            ]
            return
        for before, theirs, kind in self.fields[:place]:
            if self._fits(kind, field):
                self.lines += [f"{found} in_step({ours}, {theirs}):", f"    {own} = {before}"]
                found = "elif"
        others = [
            f"sources[{k}]" for k, pair in enumerate(self.pairs) if isinstance(pair[1], types.Array)
        ]
        others += [ours for _, ours, kind in self.fields[:place] if isinstance(kind, types.Array)]
        self.lines += [
            f"{found} disjoint({ours}, ({''.join(f'{each}, ' for each in others)})):",
            f"    {own} = numbers_of({ours})",
            "else:",
            "    raise ValueError(VIEW)",
        ]

    def _fits(self, source, field):
        return isinstance(source, types.Array) and (source.dtype, source.ndim) == (
            field.dtype,
            field.ndim,
        )


def values_in(value):
    """The value of a number, or those of a tuple of some."""
    raise NotImplementedError("compiled code only")


@overload(values_in, strict=False)
def _values_in(value):
    if is_carrier(value):
        return lambda value: value.value
    if isinstance(value, types.Optional):
        return lambda value: None if value is None else values_in(present(value))
    if not isinstance(value, types.BaseTuple):
        return lambda value: value
    names = {"values_in": values_in}
    items = "".join(f"values_in(value[{k}]), " for k in range(len(value)))
    if isinstance(value, types.BaseNamedTuple):
        names["named"] = value.instance_class
    call = "named" if "named" in names else ""
    return function_of("values", "value", Body([f"return {call}({items})"], names))


def numbers_of(array):
    """A new array of the values of the numbers in another."""
    raise NotImplementedError("compiled code only")


@overload(numbers_of, strict=False)
def _numbers_of(array):
    numbers = without_derivatives(array.dtype)
    if is_carrier(array.dtype):
        numbers = array.dtype.value

    def copied(array):
        result = allocated_like(array, numbers)
        values_into(result, array)
        return result

    return copied


def values_into(target, source):
    """Store the values of the numbers in an array in another one."""
    raise NotImplementedError("compiled code only")


@overload(values_into, strict=False)
def _values_into(target, source):
    if isinstance(target.dtype, types.Record):
        return of_fields(target.dtype, "values_in({})", values_in=values_in)
    return lambda target, source: store_values(target, source)


# Whether memory is shared


def touches(value, start, stop):
    """Whether memory in a value lies between two addresses, as far as is known."""
    raise NotImplementedError("compiled code only")


@overload(touches, strict=False)
def _touches(value, start, stop):
    if isinstance(value, types.Array):

        def lies_there(value, start, stop):
            first, last = extent(value)
            return first < stop and start < last

        return lies_there
    if isinstance(value, types.Optional) and may_hold_memory(value.type):
        return lambda value, start, stop: value is not None and touches(present(value), start, stop)
    fields = fields_of(value)
    if fields is not None:
        tests = [
            f"touches(value.{name}, start, stop)"
            for name, kind in fields.items()
            if may_hold_memory(kind)
        ]
        tests.insert(0, "start <= address(value) < stop")
    elif isinstance(value, types.BaseTuple):
        tests = [
            f"touches(value[{k}], start, stop)"
            for k, kind in enumerate(value.types)
            if may_hold_memory(kind)
        ]
    elif isinstance(value, types.List | types.ListType) and may_hold_memory(value.dtype):
        tests = ["any_touches(value, start, stop)"]
    elif isinstance(value, types.DictType) and may_hold_memory(value.value_type):
        tests = ["any_touches(value.values(), start, stop)"]
    else:
        return lambda value, start, stop: False
    names = {"touches": touches, "address": address_of_object, "any_touches": any_touches}
    body = Body([f"return {' or '.join(tests) or False}"], names)
    return function_of("touches_within", "value, start, stop", body)


def may_hold_memory(kind):
    """Whether there may be memory of the caller's in a value that is known by its type."""
    return any(
        isinstance(each, types.Array) or fields_of(each) is not None for each in types_within(kind)
    )


def holds_linked_memory(kind):
    """Whether there may be memory behind an object that refers to others of its class.

    There may be any number of these, in a circle too.
    """
    return any(
        isinstance(each, types.ClassInstanceType)
        and is_recursive(each.class_type)
        and may_hold_memory(each)
        for each in types_within(kind)
    )


def types_within(kind):
    """The type of a value, and those of all that may be reached from it."""
    found = [kind]
    for each in found:
        found += [part for part in _types_in(each) if part not in found]
    return found


def _types_in(kind):
    if isinstance(kind, types.Optional):
        return [kind.type]
    if isinstance(kind, types.DeferredType):
        return [kind.get()]
    if isinstance(kind, types.BaseTuple):
        return kind.types
    if isinstance(kind, types.List | types.ListType):
        return [kind.dtype]
    if isinstance(kind, types.DictType):
        return [kind.value_type]
    if isinstance(kind, types.ClassInstanceType):
        return kind.struct.values()
    return kind.field_dict.values() if isinstance(kind, types.StructRef) else ()


@internal_njit
def any_touches(values, start, stop):
    found = False
    for value in values:
        found |= touches(value, start, stop)
    return found


def check_apart(own, others):
    """Raise if an object or an array shares memory with other values."""
    raise NotImplementedError("compiled code only")


@overload(check_apart, strict=False)
def _check_apart(own, others):
    def check(own, others):
        start, stop = extent(own)
        if touches(others, start, stop):
            raise ValueError(SHARED)

    return check


@internal_njit
def check_distinct(own, other):
    """Raise if two objects are one."""
    if address_of_object(own) == address_of_object(other):
        raise ValueError(SHARED)
