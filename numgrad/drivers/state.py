"""The state that a function may write besides duals, put back before each pass.

Arrays of floats that a function writes are arrays of duals to it, written anew for each pass. All
else that it writes, it writes in the caller's own memory: a copy is taken before the first pass if
there will be another, and put back before each further one. What the last pass leaves is what one
call of the function leaves.
"""

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.errors import NumbaTypeError
from numba.extending import intrinsic, overload

from numgrad.drivers import chunks
from numgrad.drivers.structure import Leaf
from numgrad.numbers import objects
from numgrad.numbers.carrier import is_carrier
from numgrad.numbers.conversions import primal_of
from numgrad.targets.options import internal_njit

LISTS = types.List | types.ListType
IMMUTABLE = (
    types.Number
    | types.Boolean
    | types.NoneType
    | types.Omitted
    | types.UnicodeType
    | types.Bytes
    | types.CharSeq
    | types.UnicodeCharSeq
    | types.NPDatetime
    | types.NPTimedelta
    | types.Callable
    | types.FunctionType
    | types.DTypeSpec
    | types.RangeType
    | types.SliceType
    | types.EnumMember
    | types.Literal
    | types.Module
    | types.NumberClass
    | types.TypeRef
    | types.EllipsisType
)


def is_immutable(kind):
    """Whether nothing can be written to a value of a type."""
    if isinstance(kind, types.BaseTuple):
        return all(map(is_immutable, kind.types))
    if isinstance(kind, types.Optional):
        return is_immutable(kind.type)
    if isinstance(kind, types.Array):
        return not (kind.mutable or has_memory_within(kind.dtype))
    return isinstance(kind, IMMUTABLE) or is_carrier(kind)


def has_memory_within(element):
    return not (isinstance(element, types.Record) or is_immutable(element))


def can_be_saved(kind):
    """Whether a value can be copied and put back."""
    if isinstance(kind, types.BaseTuple):
        return all(map(can_be_saved, kind.types))
    if isinstance(kind, types.Array):
        return not has_memory_within(kind.dtype)
    if isinstance(kind, LISTS | types.Set):
        return can_be_saved(kind.dtype)
    if isinstance(kind, types.DictType):
        return is_immutable(kind.key_type) and can_be_saved(kind.value_type)
    fields = objects.fields_of(kind)
    if fields is not None:
        return all(map(can_be_saved, fields.values()))
    return isinstance(kind, types.Record) or is_immutable(kind)


def saved(value):
    """A copy of what a value holds."""
    raise NotImplementedError("compiled code only")


def put_back(value, before):
    """Let a value hold again what it held."""
    raise NotImplementedError("compiled code only")


@overload(saved, strict=False)
def _saved(value):
    if is_immutable(value):
        return lambda value: None
    if isinstance(value, types.Array):
        element = value.dtype
        return lambda value: chunks.in_line(value, chunks.allocate((value.size,), element))
    if isinstance(value, types.Record):
        return lambda value: bytes_of(value)
    if isinstance(value, types.BaseTuple):
        return of_items(value, "saved(value[{k}])", saved)
    if isinstance(value, types.Set):
        return lambda value: value.copy()
    if isinstance(value, LISTS):
        return _saved_list(value)
    if isinstance(value, types.DictType):
        return _saved_dict(value)
    if objects.fields_of(value) is not None:
        fields = objects.fields_of(value)
        items = "".join(f"(value.{name}, saved(value.{name})), " for name in fields)
        return written("value", [f"return ({items})"], saved=saved)
    raise NumbaTypeError(f"a {value} can't be copied")


@overload(put_back, strict=False)
def _put_back(value, before):
    if is_immutable(value):
        return lambda value, before: None
    if isinstance(value, types.Array):
        return lambda value, before: put_back_array(value, before)
    if isinstance(value, types.Record):
        return lambda value, before: put_back_bytes(value, before)
    if isinstance(value, types.BaseTuple):
        calls = [f"put_back(value[{k}], before[{k}])" for k in range(len(value))]
        return written("value, before", calls, put_back=put_back)
    if isinstance(value, types.Set):
        return _put_back_set
    if isinstance(value, LISTS):
        return _put_back_list(value)
    if isinstance(value, types.DictType):
        return _put_back_dict(value)
    calls = [
        line
        for k, name in enumerate(objects.fields_of(value))
        for line in (
            f"value.{name} = before[{k}][0]",
            f"put_back(before[{k}][0], before[{k}][1])",
        )
    ]
    return written("value, before", calls, put_back=put_back)


def written(parameters, lines, **names):
    """Return a function written for a type."""
    exec("\n    ".join([f"def function({parameters}):", *lines, ""]), names)
    return names["function"]


def of_items(kind, expression, function):
    """Return the function that does something with every item of a tuple."""
    items = "".join(f"{expression.format(k=k)}, " for k in range(len(kind)))
    return written("value", [f"return ({items})"], **{function.__name__: function})


# Lists and dictionaries keep their items, each of which keeps what it held


def _saved_list(kind):
    if is_immutable(kind.dtype):
        return lambda value: value.copy()
    return lambda value: (value.copy(), [saved(item) for item in value])


def _put_back_list(kind):
    if is_immutable(kind.dtype):

        def put_back_items(value, before):
            value.clear()
            for item in before:
                value.append(item)

        return put_back_items

    def put_back_all(value, before):
        items, within = before
        value.clear()
        for k in range(len(items)):
            value.append(items[k])
            put_back(items[k], within[k])

    return put_back_all


def _saved_dict(kind):
    if is_immutable(kind.value_type):
        return lambda value: value.copy()
    return lambda value: (value.copy(), [saved(item) for item in value.values()])


def _put_back_dict(kind):
    if is_immutable(kind.value_type):

        def put_back_items(value, before):
            value.clear()
            for key, item in before.items():
                value[key] = item

        return put_back_items

    def put_back_all(value, before):
        items, within = before
        value.clear()
        for k, key in enumerate(items):
            value[key] = items[key]
            put_back(items[key], within[k])

    return put_back_all


def _put_back_set(value, before):
    value.clear()
    for item in before:
        value.add(item)


@internal_njit
def put_back_array(array, line):
    """Store the elements that were taken out of an array in C order."""
    for k, index in enumerate(np.ndindex(array.shape)):
        array[index] = line[k]


@intrinsic
def bytes_of(typingctx, record):
    """Return the memory of a record, copied."""
    size = record.size

    def codegen(context, builder, sig, arguments):
        length = context.get_constant(types.intp, size)
        meminfo = context.nrt.meminfo_alloc(builder, length)
        data = context.nrt.meminfo_data(builder, meminfo)
        source = builder.bitcast(arguments[0], data.type)
        cgutils.raw_memcpy(builder, data, source, length, 1)
        made = context.make_array(sig.return_type)(context, builder)
        one = context.get_constant(types.intp, 1)
        chunks.populate(context, builder, made, data, [length], one, meminfo, None)
        return made._getvalue()

    return types.Array(types.uint8, 1, "C")(record), codegen


@intrinsic
def put_back_bytes(typingctx, record, line):
    """Store the memory of a record that was copied."""
    size = record.size

    def codegen(context, builder, sig, arguments):
        record, line = arguments
        data = context.make_array(sig.args[1])(context, builder, line).data
        place = builder.bitcast(record, data.type)
        cgutils.raw_memcpy(builder, place, data, context.get_constant(types.intp, size), 1)
        return context.get_dummy_value()

    return types.void(record, line), codegen


# The state in an argument


def held_in(expression, kind, *, floats=False):
    """The state in an argument that a function may write: sources and types.

    Arrays of floats are left out where the function gets arrays of duals for them.
    """
    if isinstance(kind, types.BaseTuple):
        return [
            held
            for k, item in enumerate(kind.types)
            for held in held_in(f"{expression}[{k}]", item, floats=floats)
        ]
    if is_immutable(kind) or (holds_floats(kind) and not floats):
        return []
    return [(expression, kind)]


def holds_floats(kind):
    """Whether a type is that of arrays that a function gets as arrays of duals."""
    return isinstance(kind, types.Array) and Leaf("", kind).is_floating


def arrays_in(expression, kind):
    """Return the sources and types of the arrays in an argument, in tuples too."""
    if isinstance(kind, types.BaseTuple):
        return [
            array
            for k, item in enumerate(kind.types)
            for array in arrays_in(f"{expression}[{k}]", item)
        ]
    return [(expression, kind)] if isinstance(kind, types.Array) else []


def unsaved_message(function, position, kind):
    """The message where state can't be put back for the next pass."""
    return (
        f"{function.py_func.__name__} may write to its argument {position}, which must be as it "
        f"was each time that the function is called here, and a {kind} can't be copied; pass "
        "arrays, lists and dictionaries of numbers, or let it make what it writes to"
    )


@internal_njit
def has_values(array, primals):
    """Return whether the numbers in an array are those in another, apart from derivatives."""
    for index in np.ndindex(primals.shape):
        before, after = primal_of(array[index]), primal_of(primals[index])
        if before != after and not (np.isnan(before) and np.isnan(after)):
            return False
    return True
