"""The protocol of numbers that carry something along.

A *carrier* is a Numba type of numbers: a value of a lower type (a float, a complex number, or
another carrier) and what goes with it, such as partial derivatives. Numba compiles a function on
carriers as it does on floats. All that it must know of them is asked of the class `Carrier`; the
rest of numgrad asks nothing else, and so serves any carrier.

Carriers nest: the value of one may be another, of lower depth. The depth is part of the type and
tells the numbers of different derivatives apart: to a carrier of higher depth, one of lower depth
is a constant.

In memory a complex number is two real ones, the real part first, which makes its parts views of it.
So is a complex carrier: two real carriers (`numgrad.numbers.memory` has the data model).

How inputs are seeded and results harvested is known beside the number, and asked by its own driver
alone: of the dual in ``dual/seeds.py`` and ``dual/parts.py``, by `numgrad.drivers.forward`.
"""

from dataclasses import dataclass
from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.typeconv import Conversion
from numba.extending import lower_cast

from numgrad.numbers import objects, records

CONSTANT = types.Integer | types.Boolean | types.Float | types.Complex
FLOATING = types.Float | types.Complex
REAL, IMAG = 0, 1  # where the parts of a complex number lie


@dataclass(frozen=True)
class Operand:
    """An argument that carries something, in a call of a function of the table."""

    position: int
    argtype: Any
    number: Any
    slope_type: Any
    slope: Any


class NotUniformError(Exception):
    """The rounds of a loop don't all do the same with numbers: it can be no record."""


class Carrier(types.Type):
    """The type of numbers that carry something.

    ``value`` is the type of the value, ``depth`` the place among nested derivatives.
    """

    def __init__(self, value, depth, name):
        self.value = value
        self.depth = depth
        super().__init__(name=name)

    @property
    def number(self):
        """The type of the number that is left without anything carried."""
        return number_of(self.value)

    @property
    def order(self):
        """The number of corrections that make an approximation exact whose value is exact.

        Each makes what is carried exact to one order more: there are as many as carriers nest.
        """
        return 1 + (self.value.order if is_carrier(self.value) else 0)

    @property
    def stored(self):
        """The type of numbers in arrays, of arguments and of results.

        It is another where operations make temporaries, which are not to outlive them.
        """
        return self

    @property
    def has_temporaries(self):
        """Whether operations make numbers of other types than those that are stored."""
        return False

    def record_of(self, name):
        """Find how arrays of such numbers compute something as a whole, or None.

        "product" is a function of the type, two matrices one of which has such numbers, and a
        matrix that takes the result. "linear" makes of two functions, a linear one and its
        transpose, one that applies it to a matrix in place. Each takes a square matrix of plain
        numbers, an order of rows, and the matrix. "sum" and "running sum" make of a function that
        adds up the elements of a row, and zero, one that does the same.
        """
        return

    @property
    def is_outlined(self):
        """Whether calls of the table are so long that each is a function of its own."""
        return False

    @property
    def is_made_of_floats(self):
        """Whether one lies in memory as floats, of which each tells by itself what it carries."""
        return False

    @property
    def is_any_memory(self):
        """Whether any bits are such a number, as in memory that nobody has written to yet.

        Where they aren't, new memory is cleared.
        """
        return True

    @property
    def is_row_of_floats(self):
        """Whether these floats may be scaled and added up by themselves."""
        return False

    def with_value(self, value):
        """Make the type that carries the same along with another type of values."""
        raise NotImplementedError

    def of_operands(self, value, argtypes):
        """Find the type of what is computed of numbers of some types."""
        return self.with_value(value)

    def identified(self, identity):
        """Find the type of stored numbers that a program reads at one place alone."""
        return self

    def is_alike(self, other):
        """Whether another type differs in the type of its value at most."""
        return type(other) is type(self) and other.depth == self.depth

    # While code is emitted

    def begin_function(self, function, *, may_have_records):
        """Prepare a function of numbers that is about to be written.

        Its loops may be records, unless `end_function` has raised `NotUniformError` for it.
        """

    def end_function(self, function):
        """Complete a function of numbers that has been written."""

    def note_callee(self, module, compiled):
        """Take down that a function that is called is one of values, and takes no derivative."""

    def components(self, builder, number):
        """List the numbers that one is made of, the value first, each with its type."""
        raise NotImplementedError

    def of_components(self, builder, numbers):
        """Make a number of what ``components`` lists."""
        raise NotImplementedError

    def constant(self, context, builder, value):
        """Make a number of a value that carries nothing."""
        raise NotImplementedError

    def of_slopes(self, context, builder, derivation, values, value, operands):
        """Make the result of a function from its value and its slopes by some operands.

        ``values`` are the values of all arguments, of the types ``derivation.argtypes``.
        """
        raise NotImplementedError

    def tangent_body(self, rule):
        """The body of a rule that is known by its tangents."""
        return rule.body

    def of_tangents(self, context, builder, result, number, value_and_tangent):
        """Make the result, of another type, of a function known by its tangents.

        ``value_and_tangent`` emits both for a value and a tangent.
        """
        raise NotImplementedError

    def value_of(self, builder, number):
        """Take the value out of a number."""
        return self.components(builder, number)[0][1]

    def with_other_value(self, builder, number, value):
        """Put another value into a number, which carries the same on."""
        carried = [each for _, each in self.components(builder, number)[1:]]
        return self.of_components(builder, [value, *carried])

    def store_primal(self, context, builder, pointer, primal):
        """Store another number in memory where one lies, which carries the same on."""
        number = context.unpack_value(builder, self, pointer)
        number = with_primal(builder, self, number, primal)
        context.pack_value(builder, self, number, pointer)

    def converted(self, context, builder, source, number):
        """Convert a number of a type that is alike."""
        return self.of_components(
            builder,
            [
                context.cast(builder, each, argtype, self.value)
                for argtype, each in source.components(builder, number)
            ],
        )

    def complex_parts(self, builder, number):
        """Make the two real numbers of a complex one."""
        pairs = [
            complex_parts(builder, argtype, each)
            for argtype, each in self.components(builder, number)
        ]
        real = real_of(self)
        return [real.of_components(builder, part) for part in zip(*pairs, strict=True)]

    def of_complex_parts(self, builder, parts):
        """Make a complex number of two real ones."""
        real = real_of(self)
        pairs = zip(*(real.components(builder, part) for part in parts), strict=True)
        return self.of_components(
            builder,
            [complex_of_parts(builder, self.value, [part for _, part in pair]) for pair in pairs],
        )

    # For Numba

    def can_convert_from(self, typingctx, other):
        if is_constant_for(self, other):
            convertible = unified_constant(typingctx, self.value, other) == self.value
            return Conversion.safe if convertible else None
        if self.is_alike(other):
            return typingctx.can_convert(other.value, self.value)
        return None

    def unify(self, typingctx, other):
        value = None
        if self.is_alike(other):
            value = typingctx.unify_pairs(self.value, other.value)
        elif is_constant_for(self, other):
            value = unified_constant(typingctx, self.value, other)
        return None if value is None else self.with_value(value)


# Types


def is_carrier(argtype):
    return isinstance(argtype, Carrier)


def is_active(argtype, carrier):
    """Whether a number carries something at the depth of a carrier."""
    return is_carrier(argtype) and argtype.depth == carrier.depth


def is_constant_for(carrier, other):
    """Whether a number of another type has no part in what a carrier carries."""
    return other.depth < carrier.depth if is_carrier(other) else isinstance(other, CONSTANT)


def unified_constant(typingctx, value, constant):
    """Find the type of values some of which are constants."""
    if isinstance(constant, types.Integer | types.Boolean):
        return value
    return typingctx.unify_pairs(value, constant)


def is_none(argtype):
    """Whether there is nothing: a slope that doesn't exist, or an argument left out."""
    return argtype is None or isinstance(argtype, types.NoneType | types.Omitted)


def is_complex(argtype):
    return isinstance(argtype, types.Complex)


def number_of(argtype):
    """Find the type of a number without anything carried."""
    return argtype.number if is_carrier(argtype) else argtype


def floating(argtype):
    """Find the type of a number as the value of a carrier: an integer becomes a float64."""
    return argtype if is_carrier(argtype) or isinstance(argtype, FLOATING) else types.float64


def carrier_in(argtype):
    """Find the carrier of the highest depth within a type, or None."""
    if is_carrier(argtype):
        return argtype.stored
    if isinstance(argtype, types.BaseTuple):
        return highest(argtype.types)
    if isinstance(argtype, types.Optional):
        return carrier_in(argtype.type)
    if isinstance(argtype, types.DictType):
        return highest((argtype.key_type, argtype.value_type))
    fields = objects.fields_of(argtype)
    if fields is not None:
        return highest(fields.values())
    if isinstance(argtype, types.Record):
        return highest(records.types_in(argtype))
    element = getattr(argtype, "dtype", None)
    return carrier_in(element) if isinstance(element, types.Type) else None


def highest(argtypes):
    """Find the carrier of the highest depth within some types, or None."""
    found = [carrier for carrier in map(carrier_in, argtypes) if carrier is not None]
    return max(found, key=lambda carrier: carrier.depth, default=None)


def carriers_in(argtype):
    """Find the carriers within a type, by their depth."""
    parts = argtype.types if isinstance(argtype, types.BaseTuple) else ()
    parts = (objects.fields_of(argtype) or {}).values() or parts
    parts = records.types_in(argtype) if isinstance(argtype, types.Record) else parts
    if parts:
        return {depth: each for item in parts for depth, each in carriers_in(item).items()}
    found, carrier = {}, carrier_in(argtype)
    while is_carrier(carrier):
        found[carrier.depth] = carrier
        carrier = carrier.value
    return found


def joined(argtypes):
    """Find the carrier of the highest depth, with all that any value carries at lower ones."""
    carrier = highest(argtypes)
    lower: dict[int, Any] = {}
    for argtype in argtypes if carrier is not None else ():
        lower |= carriers_in(argtype)
    value = number_of(carrier)
    for depth, each in sorted(lower.items()):
        value = each.with_value(value) if depth < carrier.depth else value
    return None if carrier is None else carrier.with_value(value)


def without_derivatives(argtype):
    """Find the type that one with carriers stands for: numbers, and what holds them."""
    if is_carrier(argtype):
        return argtype.number
    if isinstance(argtype, types.Array):
        return argtype.copy(dtype=without_derivatives(argtype.dtype))
    if isinstance(argtype, types.Record):
        return getattr(argtype, "original", argtype)
    if isinstance(argtype, types.NamedTuple):
        return types.NamedTuple(map(without_derivatives, argtype.types), argtype.instance_class)
    if isinstance(argtype, types.NamedUniTuple):
        dtype = without_derivatives(argtype.dtype)
        return types.NamedUniTuple(dtype, argtype.count, argtype.instance_class)
    if isinstance(argtype, types.BaseTuple):
        return types.BaseTuple.from_types(tuple(map(without_derivatives, argtype.types)))
    if isinstance(argtype, types.List):
        return argtype.copy(dtype=without_derivatives(argtype.dtype))
    if isinstance(argtype, types.ListType):
        return types.ListType(without_derivatives(argtype.item_type))
    if isinstance(argtype, types.DictType):
        return types.DictType(*map(without_derivatives, (argtype.key_type, argtype.value_type)))
    if isinstance(argtype, types.Optional):
        return types.Optional(without_derivatives(argtype.type))
    if objects.fields_of(argtype) is not None:
        return objects.as_written(argtype, without_derivatives)
    return argtype


def in_precision(value, number):
    """Find a type of values, carriers or not, in another precision."""
    return value.with_value(in_precision(value.value, number)) if is_carrier(value) else number


def real_of(value):
    """Find the type of the real part of values, carriers or not."""
    number = number_of(value)
    return in_precision(value, number.underlying_float if is_complex(number) else number)


def active_type(carrier, number):
    """Find the carrier with the precision of a number; an integer carries nothing.

    Of a record the fields are such carriers.
    """
    if isinstance(number, types.Record):
        return records.with_types(number, lambda field: active_type(carrier, field))
    if is_carrier(number) or not isinstance(number, FLOATING):
        return number
    return carrier.with_value(in_precision(carrier.value, number))


# Numbers in registers


def primal_of(builder, argtype, number):
    """Take the number without anything carried out of another."""
    while is_carrier(argtype):
        number, argtype = argtype.value_of(builder, number), argtype.value
    return number


def with_primal(builder, argtype, number, primal):
    """Put another primal into a number, which carries the same on."""
    if not is_carrier(argtype):
        return primal
    inner = with_primal(builder, argtype.value, argtype.value_of(builder, number), primal)
    return argtype.with_other_value(builder, number, inner)


def complex_parts(builder, argtype, number):
    """Take a complex number apart; the parts of a carrier are real carriers."""
    if is_carrier(argtype):
        return argtype.complex_parts(builder, number)
    return [builder.extract_value(number, half) for half in (REAL, IMAG)]


def complex_of_parts(builder, argtype, parts):
    """Make the complex number, or the carrier of one, that has two parts."""
    if is_carrier(argtype):
        return argtype.of_complex_parts(builder, parts)
    return cgutils.pack_struct(builder, parts)


# Casts


@lower_cast(types.Integer, Carrier)
@lower_cast(types.Boolean, Carrier)
@lower_cast(types.Float, Carrier)
@lower_cast(types.Complex, Carrier)
def cast_constant(context, builder, source, carrier, value):
    return carrier.constant(context, builder, context.cast(builder, value, source, carrier.value))


@lower_cast(Carrier, Carrier)
def cast_carrier(context, builder, source, carrier, number):
    if source.depth < carrier.depth:
        return cast_constant(context, builder, source, carrier, number)
    return carrier.converted(context, builder, source, number)


@lower_cast(types.Array, Carrier)
def cast_array(context, builder, source, carrier, array):
    """Take the number out of an array without dimensions, which stands for it."""
    data = context.make_array(source)(context, builder, array).data
    number = context.unpack_value(builder, source.dtype, data)
    return context.cast(builder, number, source.dtype, carrier)
