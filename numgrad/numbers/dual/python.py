"""Duals between Python and compiled code."""

from numba import typeof
from numba.core import cgutils
from numba.extending import NativeValue, box, unbox

from numgrad.numbers.carrier import floating, is_carrier, is_complex, number_of
from numgrad.numbers.dual.layout import make_dual, open_dual, pack, unpack
from numgrad.numbers.dual.number import Dual
from numgrad.numbers.dual.type import DualType


def type_of_dual(dual):
    """Return the type of a dual of Python, wide enough for its value and all its partials."""
    part_types = [typeof(part) for part in (dual.value, *dual.partials)]
    duals = [part_type for part_type in part_types if is_carrier(part_type)]
    numbers = [number_of(part_type) for part_type in part_types]
    number = max(
        map(floating, numbers), key=lambda part_type: (part_type.bitwidth, is_complex(part_type))
    )
    value = max(duals, key=lambda part_type: part_type.depth, default=number)
    return DualType(value, len(dual.partials), dual.depth)


def call_python(c, function, *arguments):
    """Call a function of a module from compiled code; it takes and returns objects."""
    callee = c.pyapi.unserialize(c.pyapi.serialize_object(function))
    result = c.pyapi.call_function_objargs(callee, arguments)
    c.pyapi.decref(callee)
    return result


@unbox(DualType)
def unbox_dual(dual, python_dual, c):
    pattern = c.pyapi.unserialize(c.pyapi.serialize_object((dual.depth, dual.count)))
    parts = call_python(c, parts_of, python_dual, pattern)
    values, failed = [], cgutils.false_bit
    for k in range(dual.count + 1):
        native = c.unbox(dual.value, c.pyapi.tuple_getitem(parts, k))
        values.append(native.value)
        failed = c.builder.or_(failed, native.is_error)
    c.pyapi.decref(pattern)
    c.pyapi.decref(parts)
    value, *partials = values
    partials = pack(c.builder, dual, partials)
    return NativeValue(make_dual(c.context, c.builder, dual, value, partials), is_error=failed)


def parts_of(number, pattern):
    """Return the value and the partials of a dual; of a constant too, which has zeros."""
    depth, count = pattern
    if isinstance(number, Dual) and number.depth == depth:
        return (number.value, *number.partials)
    return (number, *(0.0,) * count)


@box(DualType)
def box_dual(dual, native, c):
    value, partials = open_dual(c.context, c.builder, dual, native)
    parts = [
        c.pyapi.from_native_value(dual.value, part, c.env_manager)
        for part in (value, *unpack(c.builder, dual, partials))
    ]
    depth = c.pyapi.unserialize(c.pyapi.serialize_object(dual.depth))
    result = call_python(c, dual_of, depth, *parts)
    for owned in (depth, *parts):
        c.pyapi.decref(owned)
    return result


def dual_of(depth, value, *partials):
    """Return the dual of Python for one of compiled code."""
    return Dual(value, partials, depth=depth)
