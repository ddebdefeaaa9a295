"""The Numba type of a number that knows which inputs it depends on: a value and a set of them.

A set of some hundred inputs is a row of bits, which one vector instruction unites with another. By
more inputs that would be a pass for each few hundred; there a set is kept in memory, and the number
has its address (`numgrad.numbers.pattern.sets`).

A function of the table makes a number that depends on what its arguments do whose slopes exist.
What is piecewise constant carries nothing, and so what is computed of it depends on nothing.

A number that was made of others, or of a constant, is told from memory that is all zeros: sweeps
pass over adjoints that nothing was added to, and must not pass over one that happens to be 0.

A complex number has two sets, as in memory it is two numbers.
"""

from functools import reduce

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import box, make_attribute_wrapper, models, register_model

from numgrad.caching.stamping import FOLLOWS_RULES
from numgrad.numbers.carrier import (
    IMAG,
    REAL,
    Carrier,
    complex_of_parts,
    complex_parts,
    is_complex,
    primal_of,
    real_of,
)
from numgrad.numbers.dual.layout import PartialsType, int32
from numgrad.numbers.emitting import call
from numgrad.numbers.memory import HalvesModel
from numgrad.numbers.pattern import sets

LISTED = 0  # words of a number whose set lies in memory
BITS_A_WORD = 64


class PatternType(Carrier):
    """The type of a number and the inputs that it depends on.

    ``words`` is the size of a set of inputs, 0 where it lies in memory.
    """

    count = 1  # of partials that a pass over such numbers computes with
    is_careful = False

    def __init__(self, value, words, depth):
        self.words = words
        super().__init__(value, depth, f"Pattern({value}, {words}, depth={depth})")

    def __reduce__(self):
        return pattern_type_of, (self.value, self.words, self.depth, FOLLOWS_RULES)

    @property
    def halves(self):
        """The sets of a number: those of its parts."""
        return (REAL, IMAG) if is_complex(self.number) else (REAL,)

    @property
    def is_any_memory(self):
        return self.words != LISTED  # whose sets have addresses

    @property
    def set_type(self):
        return types.int64 if self.words == LISTED else PartialsType(types.int64, self.words)

    def with_value(self, value):
        return PatternType(value, self.words, self.depth)

    def is_alike(self, other):
        return super().is_alike(other) and other.words == self.words

    # While code is emitted

    def sets_of(self, builder, number):
        return [builder.extract_value(number, 1 + half) for half in self.halves]

    def of_sets(self, builder, value, inputs):
        """Make a number of its value, and its sets or one for all of them."""
        inputs = inputs * len(self.halves) if len(inputs) == 1 else inputs
        return cgutils.pack_struct(builder, [value, *inputs])

    def no_inputs(self):
        """The set of a number that was made, and depends on nothing."""
        if self.words == LISTED:
            return ir.Constant(ir.IntType(64), sets.EMPTY)
        vector = ir.VectorType(ir.IntType(64), self.words)
        return ir.Constant(vector, [1, *[0] * (self.words - 1)])

    def united(self, context, builder, inputs):
        """Emit the set of all inputs in some sets, of a number that was made."""
        none = self.no_inputs()
        if self.words != LISTED:
            return reduce(builder.or_, inputs, none)
        if not inputs:
            return none

        def of_two(first, second):
            pair = types.int64, types.int64
            return call(context, builder, sets.united, pair, [first, second])[1]

        found = reduce(of_two, inputs)
        is_made = builder.icmp_signed(">", found, none)
        return builder.select(is_made, found, none)

    def components(self, builder, number):
        words = self.sets_of(builder, number)
        if self.words != LISTED:
            words = [
                builder.extract_element(each, int32(k)) for each in words for k in range(self.words)
            ]
        return [(self.value, self.value_of(builder, number)), *((types.int64, w) for w in words)]

    def of_components(self, builder, numbers):
        value, *words = numbers
        if self.words == LISTED:
            return self.of_sets(builder, value, words)
        inputs = []
        for first in range(0, len(words), self.words):
            vector = ir.Constant(self.no_inputs().type, ir.Undefined)
            for k, word in enumerate(words[first : first + self.words]):
                vector = builder.insert_element(vector, word, int32(k))
            inputs.append(vector)
        return self.of_sets(builder, value, inputs)

    def constant(self, context, builder, value):
        return self.of_sets(builder, value, [self.no_inputs()])

    def value_of(self, builder, number):
        return builder.extract_value(number, 0)

    def with_other_value(self, builder, number, value):
        return builder.insert_value(number, value, 0)

    def of_slopes(self, context, builder, derivation, values, value, operands):
        inputs = [s for each in operands for s in each.argtype.sets_of(builder, each.number)]
        return self.of_sets(builder, value, [self.united(context, builder, inputs)])

    def of_tangents(self, context, builder, result, number, value_and_tangent):
        value = self.value_of(builder, number)
        of_result, _ = value_and_tangent(value, value)
        inputs = self.united(context, builder, self.sets_of(builder, number))
        return result.of_sets(builder, of_result, [inputs])

    def converted(self, context, builder, source, number):
        value = context.cast(builder, source.value_of(builder, number), source.value, self.value)
        inputs = source.sets_of(builder, number)
        if len(inputs) < len(self.halves):  # a real number has nothing in its imaginary part
            inputs.append(self.no_inputs())
        return self.of_sets(builder, value, inputs)

    def complex_parts(self, builder, number):
        real = real_of(self)
        parts = complex_parts(builder, self.value, self.value_of(builder, number))
        pairs = zip(parts, self.sets_of(builder, number), strict=True)
        return [real.of_sets(builder, part, [inputs]) for part, inputs in pairs]

    def of_complex_parts(self, builder, parts):
        real = real_of(self)
        values = [real.value_of(builder, part) for part in parts]
        inputs = [each for part in parts for each in real.sets_of(builder, part)]
        return self.of_sets(builder, complex_of_parts(builder, self.value, values), inputs)


def pattern_type_of(value, words, depth, stamp):
    """Make a type from a cache, where the stamp was not stale."""
    return PatternType(value, words, depth)


class PatternModel(models.StructModel):
    """The value and the sets."""

    def __init__(self, manager, pattern):
        members = [(f"inputs{half}", pattern.set_type) for half in pattern.halves]
        super().__init__(manager, pattern, [("value", pattern.value), *members])


class ComplexPatternModel(HalvesModel, PatternModel):
    """The same in registers, in memory two real numbers."""


@register_model(PatternType)
def model_of(manager, pattern):
    return (ComplexPatternModel if is_complex(pattern.number) else PatternModel)(manager, pattern)


@box(PatternType)
def box_pattern(number, native, c):
    """Return a number that goes to Python, in an error's message: without its inputs."""
    return c.box(number.number, primal_of(c.builder, number, native))


make_attribute_wrapper(PatternType, "value", "value")
