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


@intrinsic
def partial_at(typingctx, dual, number, lane):
    """Return one partial of a number at the depth of a dual type: zero if it has none."""
    dual = dual.instance_type
    result = number.value if is_active(number, dual) else floating(number)

    def codegen(context, builder, sig, arguments):
        _, value, lane = arguments
        if not is_active(number, dual):
            return context.get_constant_null(result)
        _, partials = open_dual(context, builder, number, value)
        if number.count == 1:
            return partials
        lane = context.cast(builder, lane, sig.args[2], types.int64)
        if has_vector(number):
            return builder.extract_element(partials, builder.trunc(lane, ir.IntType(32)))
        if has_vectors_of_halves(number):
            halves = cgutils.unpack_tuple(builder, partials, 2)
            return complex_in_lane(builder, halves, builder.trunc(lane, ir.IntType(32)))
        memory = cgutils.alloca_once_value(builder, partials)
        return builder.load(cgutils.gep(builder, memory, 0, lane))

    return result(types.TypeRef(dual), number, lane), codegen


@intrinsic
def set_partial(typingctx, duals, position, lane, partial):
    """Set one partial of a number in an array, whose other partials stay as they are."""
    array, dual = duals, duals.dtype

    def codegen(context, builder, sig, arguments):
        line, position, lane, partial = arguments
        data = context.make_array(array)(context, builder, line).data
        number = context.cast(builder, partial, sig.args[3], dual.value)
        write_partial(context, builder, dual, builder.gep(data, [position]), lane, number)
        return context.get_dummy_value()

    return types.void(duals, types.intp, types.intp, partial), codegen


def write_partial(context, builder, dual, pointer, lane, number):
    """Store one partial of a dual in memory while code is emitted."""
    path = [PARTIALS] + ([lane] if dual.count > 1 else [])
    store_in(context, builder, dual, pointer, path, dual.value, number)
