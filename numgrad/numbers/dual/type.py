"""The Numba type of the dual number: a value and its partial derivatives."""

from numba.core import cgutils
from numba.extending import make_attribute_wrapper, register_model

from numgrad.caching.stamping import FOLLOWS_RULES
from numgrad.numbers.carrier import Carrier, is_complex
from numgrad.numbers.dual import careful, lowering
from numgrad.numbers.dual.layout import (
    VALUE,
    ComplexDualModel,
    DualModel,
    dual_of_numbers,
    has_vectors_of_halves,
    make_dual,
    numbers_of,
    open_dual,
    pack,
    partials_type,
    store_in,
    unpack,
)

# Duals of depths beyond this one are careful: their products look at what is 0 and what is
# infinite, which takes several times as long. What is computed of them is careful too, at any
# depth that lies within.
CAREFUL = 1 << 16


class DualType(Carrier):
    """The type of a number and its partial derivatives.

    ``value`` is the type of both: a float, a complex number, or a carrier of lower depth.
    """

    def __init__(self, value, count, depth):
        self.count = count
        super().__init__(value, depth, f"Dual({value}, {count}, depth={depth})")

    def __reduce__(self):
        """Let Numba keep no function of duals longer than what it was compiled with is in force."""
        return dual_type_of, (self.value, self.count, self.depth, FOLLOWS_RULES)

    @property
    def is_careful(self):
        return self.depth > CAREFUL

    @property
    def is_outlined(self):
        return self.is_careful

    @property
    def is_made_of_floats(self):
        return getattr(self.value, "is_made_of_floats", True)

    @property
    def is_row_of_floats(self):
        return self.is_made_of_floats and not self.is_careful

    def with_value(self, value):
        return DualType(value, self.count, self.depth)

    def is_alike(self, other):
        return super().is_alike(other) and other.count == self.count

    # While code is emitted

    def components(self, builder, number):
        return [(self.value, each) for each in numbers_of(builder, self, number)]

    def of_components(self, builder, numbers):
        return dual_of_numbers(builder, self, numbers)

    def complex_parts(self, builder, number):
        if not has_vectors_of_halves(self):
            return super().complex_parts(builder, number)
        value, partials = (
            cgutils.unpack_tuple(builder, builder.extract_value(number, k), 2) for k in range(2)
        )
        return [cgutils.pack_struct(builder, pair) for pair in zip(value, partials, strict=True)]

    def of_complex_parts(self, builder, parts):
        if not has_vectors_of_halves(self):
            return super().of_complex_parts(builder, parts)
        pairs = zip(*(cgutils.unpack_tuple(builder, part, 2) for part in parts), strict=True)
        return cgutils.pack_struct(builder, [cgutils.pack_struct(builder, pair) for pair in pairs])

    def constant(self, context, builder, value):
        none = context.get_constant_null(partials_type(self))
        return make_dual(context, builder, self, value, none)

    def store_primal(self, context, builder, pointer, primal):
        path = [VALUE] * self.order
        store_in(context, builder, self, pointer, path, self.number, primal)

    def of_slopes(self, context, builder, derivation, values, value, operands):
        make = careful if self.is_careful else lowering
        partials = make.sum_of_terms(context, builder, self, derivation, values, value, operands)
        return make_dual(context, builder, self, value, partials)

    def of_tangents(self, context, builder, result, number, value_and_tangent):
        value, partials = open_dual(context, builder, self, number)
        tangents = []
        for partial in unpack(builder, self, partials):
            of_result, tangent = value_and_tangent(value, partial)
            tangents.append(tangent)
        return make_dual(context, builder, result, of_result, pack(builder, result, tangents))


def dual_type_of(value, count, depth, stamp):
    """Make a dual type from a cache, where the stamp was not stale."""
    return DualType(value, count, depth)


@register_model(DualType)
def model_of(manager, dual):
    """Make the data model: how duals of a type lie in registers and in memory."""
    model = ComplexDualModel if is_complex(dual.number) else DualModel
    return model(manager, dual)


make_attribute_wrapper(DualType, "value", "value")
