"""Seeds: the partials with which inputs go in."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from numgrad.numbers.dual.layout import has_vector, make_dual, pack
from numgrad.numbers.dual.lowering import spread


@intrinsic
def seeded(typingctx, dual, number, lane):
    """Return a number with 1 as the partial of a lane, if there is such a lane."""
    dual = dual.instance_type

    def codegen(context, builder, sig, arguments):
        _, number, lane = arguments
        value = context.cast(builder, number, sig.args[1], dual.value)
        lane = context.cast(builder, lane, sig.args[2], types.int64)
        if has_vector(dual):
            lanes = ir.Constant(ir.VectorType(lane.type, dual.count), list(range(dual.count)))
            hit = builder.icmp_signed("==", lanes, spread(builder, lane, dual.count))
            number_kind = context.get_value_type(dual.value)
            partials = builder.uitofp(hit, ir.VectorType(number_kind, dual.count))
        else:
            one = context.cast(builder, ir.Constant(ir.IntType(64), 1), types.int64, dual.value)
            zero = context.get_constant_null(dual.value)
            partials = pack(
                builder,
                dual,
                [
                    builder.select(
                        builder.icmp_signed("==", lane, ir.Constant(lane.type, k)), one, zero
                    )
                    for k in range(dual.count)
                ],
            )
        return make_dual(context, builder, dual, value, partials)

    return dual(types.TypeRef(dual), number, lane), codegen


def without_partials(context, builder, dual, number):
    """Return a number as a constant while code is emitted: all its partials are zero."""
    if has_vector(dual):
        kind = context.get_value_type(dual.value)
        partials = ir.Constant(ir.VectorType(kind, dual.count), None)
    else:
        partials = pack(builder, dual, [context.get_constant_null(dual.value)] * dual.count)
    return make_dual(context, builder, dual, number, partials)


@intrinsic
def with_tangent(typingctx, dual, number, tangent):
    """Return a number with a tangent as its only partial."""
    dual = dual.instance_type

    def codegen(context, builder, sig, arguments):
        _, number, tangent = arguments
        value = context.cast(builder, number, sig.args[1], dual.value)
        partials = context.cast(builder, tangent, sig.args[2], dual.value)
        return make_dual(context, builder, dual, value, partials)

    return dual(types.TypeRef(dual), number, tangent), codegen


@intrinsic
def lane_count(typingctx, dual):
    """The number of partials of a dual type."""
    count = dual.instance_type.count

    def codegen(context, builder, sig, arguments):
        return context.get_constant(types.intp, count)

    return types.intp(types.TypeRef(dual.instance_type)), codegen


@intrinsic
def seeded_along(typingctx, dual, number, lane, other, amount):
    """Return a number with 1 as the partial of a lane, and an amount as that of another.

    Each is left out where there is no such lane.
    """
    dual = dual.instance_type

    def codegen(context, builder, sig, arguments):
        _, number, lane, other, amount = arguments
        value = context.cast(builder, number, sig.args[1], dual.value)
        amount = context.cast(builder, amount, sig.args[4], dual.value)
        one, zero = (
            context.cast(builder, ir.Constant(ir.IntType(64), each), types.int64, dual.value)
            for each in (1, 0)
        )
        lane, other = (
            context.cast(builder, each, argtype, types.int64)
            for each, argtype in ((lane, sig.args[2]), (other, sig.args[3]))
        )
        if has_vector(dual):
            lanes = ir.Constant(ir.VectorType(lane.type, dual.count), list(range(dual.count)))
            zeros = spread(builder, zero, dual.count)
            partials = zeros
            for each, tangent in ((lane, one), (other, amount)):
                hit = builder.icmp_signed("==", lanes, spread(builder, each, dual.count))
                partials = builder.select(hit, spread(builder, tangent, dual.count), partials)
        else:
            tangents = []
            for k in range(dual.count):
                tangent = zero
                for each, wanted in ((lane, one), (other, amount)):
                    hit = builder.icmp_signed("==", each, each.type(k))
                    tangent = builder.select(hit, wanted, tangent)
                tangents.append(tangent)
            partials = pack(builder, dual, tangents)
        return make_dual(context, builder, dual, value, partials)

    return dual(types.TypeRef(dual), number, lane, other, amount), codegen
