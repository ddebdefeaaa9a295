"""A tiny number: a value, and how many operations of the table it took part in.

It differentiates nothing. All that numgrad asks of it is the protocol of `numgrad.numbers.carrier`.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from numgrad.numbers.carrier import Carrier, is_complex, real_of
from numgrad.numbers.memory import HalvesModel


class CountingType(Carrier):
    """The type of a number that counts."""

    def __init__(self, value, depth=1):
        super().__init__(value, depth, f"Counting({value}, depth={depth})")

    def with_value(self, value):
        return CountingType(value, self.depth)

    def components(self, builder, number):
        value, count = cgutils.unpack_tuple(builder, number, 2)
        return [(self.value, value), (types.int64, count)]

    def of_components(self, builder, numbers):
        return cgutils.pack_struct(builder, numbers)

    def constant(self, context, builder, value):
        return self.of_components(builder, [value, context.get_constant(types.int64, 0)])

    def converted(self, context, builder, source, number):
        (_, value), (_, count) = source.components(builder, number)
        return self.of_components(
            builder, [context.cast(builder, value, source.value, self.value), count]
        )

    def of_slopes(self, context, builder, derivation, values, value, operands):
        count = context.get_constant(types.int64, 1)
        for each in operands:
            count = builder.add(count, each.argtype.components(builder, each.number)[1][1])
        return self.of_components(builder, [value, count])

    def of_tangents(self, context, builder, result, number, value_and_tangent):
        (_, value), (_, count) = self.components(builder, number)
        of_result, _ = value_and_tangent(value, value)
        one = context.get_constant(types.int64, 1)
        return result.of_components(builder, [of_result, builder.add(count, one)])

    def complex_parts(self, builder, number):
        (_, value), (_, count) = self.components(builder, number)
        real = real_of(self)
        parts = cgutils.unpack_tuple(builder, value, 2)
        return [real.of_components(builder, [part, count]) for part in parts]

    def of_complex_parts(self, builder, parts):
        real = real_of(self)
        pairs = [real.components(builder, part) for part in parts]
        value = cgutils.pack_struct(builder, [value for (_, value), _ in pairs])
        counts = [count for _, (_, count) in pairs]
        larger = builder.icmp_signed(">", *counts)
        return self.of_components(builder, [value, builder.select(larger, *counts)])


class Model(models.StructModel):
    """The value and the count, in registers and in memory alike."""

    def __init__(self, manager, counting):
        super().__init__(manager, counting, [("value", counting.value), ("count", types.int64)])


class ComplexModel(HalvesModel, Model):
    """The same in registers, in memory two real numbers."""


@register_model(CountingType)
def model_of(manager, counting):
    return (ComplexModel if is_complex(counting.number) else Model)(manager, counting)


@intrinsic
def counting(typingctx, number):
    """Let a number count from 0 on."""
    result = CountingType(types.unliteral(number))

    def codegen(context, builder, sig, arguments):
        return result.constant(context, builder, arguments[0])

    return result(number), codegen


@intrinsic
def value_and_count(typingctx, number):
    """Take a number apart; one that doesn't count has -1."""
    if not isinstance(number, CountingType):
        pair = types.Tuple((number, types.int64))

        def constant(context, builder, sig, arguments):
            none = context.get_constant(types.int64, -1)
            return context.make_tuple(builder, pair, (arguments[0], none))

        return pair(number), constant
    pair = types.Tuple((number.value, types.int64))

    def codegen(context, builder, sig, arguments):
        parts = [part for _, part in number.components(builder, arguments[0])]
        return context.make_tuple(builder, pair, parts)

    return pair(number), codegen
