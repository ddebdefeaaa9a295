"""The value and the partials of a number at the depth of a dual type.

A number of a lower depth, or a plain one, has no partials at that depth: it is its own value.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.numbers.carrier import (
    floating,
    is_active,
)
from numgrad.numbers.dual.layout import (
    PARTIALS,
    complex_in_lane,
    has_vector,
    has_vectors_of_halves,
    open_dual,
    store_in,
)


@intrinsic
def value_at(typingctx, dual, number):
    """Return a number without its partials at the depth of a dual type."""
    dual = dual.instance_type
    if not is_active(number, dual):
        return number(types.TypeRef(dual), number), lambda *arguments: arguments[3][1]

    def codegen(context, builder, sig, arguments):
        return number.value_of(builder, arguments[1])

    return number.value(types.TypeRef(dual), number), codegen


def kind_of_partial(dual, number):
    """Return the type of a partial of a number at the depth of a dual type."""
    return number.value if is_active(number, dual) else floating(number)


def reader(context, builder, dual, number, value):
    """Return what emits code for a partial of a number, given the lane as a word."""
    if not is_active(number, dual):
        return lambda lane: context.get_constant_null(kind_of_partial(dual, number))
    _, partials = open_dual(context, builder, number, value)
    if number.count == 1:
        return lambda lane: partials
    if has_vector(number):
        return lambda lane: builder.extract_element(partials, builder.trunc(lane, ir.IntType(32)))
    if has_vectors_of_halves(number):
        halves = cgutils.unpack_tuple(builder, partials, 2)
        return lambda lane: complex_in_lane(builder, halves, builder.trunc(lane, ir.IntType(32)))
    memory = cgutils.alloca_once_value(builder, partials)
    return lambda lane: builder.load(cgutils.gep(builder, memory, 0, lane))


@intrinsic
def partial_at(typingctx, dual, number, lane):
    """Return one partial of a number at the depth of a dual type: zero if it has none."""
    dual = dual.instance_type

    def codegen(context, builder, sig, arguments):
        _, value, lane = arguments
        lane = context.cast(builder, lane, sig.args[2], types.int64)
        return reader(context, builder, dual, number, value)(lane)

    return kind_of_partial(dual, number)(types.TypeRef(dual), number, lane), codegen


@intrinsic
def partials_at(typingctx, dual, number, lanes):
    """Return several partials of a number as `partial_at` does, given a tuple of lanes."""
    dual = dual.instance_type
    returned = types.UniTuple(kind_of_partial(dual, number), len(lanes))

    def codegen(context, builder, sig, arguments):
        _, value, lanes = arguments
        read = reader(context, builder, dual, number, value)
        words = [
            context.cast(builder, lane, kind, types.int64)
            for lane, kind in zip(
                cgutils.unpack_tuple(builder, lanes), sig.args[2].types, strict=True
            )
        ]
        return context.make_tuple(builder, returned, [read(lane) for lane in words])

    return returned(types.TypeRef(dual), number, lanes), codegen


def write_partial(context, builder, dual, pointer, lane, number):
    """Store one partial of a dual in memory while code is emitted."""
    path = [PARTIALS] + ([lane] if dual.count > 1 else [])
    store_in(context, builder, dual, pointer, path, dual.value, number)
