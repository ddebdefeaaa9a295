"""Statements, in LLVM: the partials of a result by its leaves, and how they come on the tape."""

import operator
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import NumbaTypeError

from numgrad.numbers.carrier import IMAG, REAL, complex_parts, in_precision, is_complex, real_of
from numgrad.numbers.dual.lowering import REASSOCIATE, is_zero, zero_where_zero
from numgrad.numbers.emitting import call_as
from numgrad.numbers.tape import memory, registers, rounds, threads

FULL = (
    "the tape of reverse mode would take more memory than numgrad.tape_limit allows: set another "
    "limit, or run parts again instead of recording them, by numgrad.checkpoint or numgrad.iterate"
)


@dataclass(frozen=True)
class Leaf:
    """A node that a number depends on, and the partial derivative by it.

    The partial is `REAL` or `IMAG` where it is 1 or the imaginary unit, as of the node itself.
    """

    key: Any
    argtype: Any  # of the partial
    partial: Any
    index: Any

    def known_partial(self, context, builder):
        """The partial as a number."""
        if self.partial not in (REAL, IMAG) or isinstance(self.partial, ir.Value):
            return self.partial
        unit = 1j if self.partial == IMAG else 1.0
        number = types.complex128 if self.partial == IMAG else types.float64
        constant = context.get_constant(number, unit)
        return context.cast(builder, constant, number, self.argtype)

    @property
    def is_unit(self):
        """Whether the partial is 1."""
        return not isinstance(self.partial, ir.Value) and self.partial == REAL

    def with_type(self, context, builder, argtype):
        """Make the same leaf with a partial of another type."""
        if self.is_unit or self.argtype == argtype:
            return Leaf(self.key, argtype, self.partial, self.index)
        partial = self.known_partial(context, builder)
        cast = context.cast(builder, partial, self.argtype, argtype)
        return Leaf(self.key, argtype, cast, self.index)


def scaled(context, builder, value, derivation, operand, leaves):
    """Multiply the partials of an operand by the slope."""
    slope = context.cast(builder, operand.slope, operand.slope_type, value)
    scaled_leaves = []
    for each in leaves:
        partial = slope
        if not each.is_unit:
            partial = product(
                context, builder, value, slope, each, finite=derivation.finite_partials
            )
        scaled_leaves.append(Leaf(each.key, value, partial, each.index))
    return scaled_leaves


def product(context, builder, value, slope, leaf, *, finite):
    """Multiply a slope by a partial; one of 0 leaves nothing of an infinite slope."""
    partial = leaf.known_partial(context, builder)
    if isinstance(value, types.Float) and isinstance(leaf.argtype, types.Float):
        partial = context.cast(builder, partial, leaf.argtype, value)
        result = builder.fmul(slope, partial, flags=REASSOCIATE)
        return result if finite else zero_where_zero(builder, partial, result)
    argtypes = value, leaf.argtype
    result = call_as(context, builder, operator.mul, argtypes, [slope, partial], value)
    if finite:
        return result
    nothing = is_zero(context, builder, leaf.argtype, partial)
    return builder.select(nothing, context.get_constant_null(value), result)


def merged(context, builder, value, leaves):
    """Add up the partials by the same leaf."""
    result: list[Leaf] = []
    for each in leaves:
        place = next((k for k, m in enumerate(result) if each.key and m.key == each.key), None)
        if place is None:
            result.append(each)
            continue
        # the index is the same, but 0 where a branch had no part in the leaf
        index = builder.or_(result[place].index, each.index)
        pair = result[place].partial, each.partial
        result[place] = Leaf(each.key, value, added(context, builder, value, *pair), index)
    return result


def added(context, builder, value, first, second):
    if isinstance(value, types.Float):
        return builder.fadd(first, second, flags=REASSOCIATE)
    return call_as(context, builder, operator.add, (value, value), [first, second], value)


# The tape


def partial_type(value):
    """The type of partials on the tape: real, and in double precision."""
    return in_precision(real_of(value), types.float64)


def words_of(context, value):
    """The size of partials on the tape, in words of 8 bytes."""
    words = context.get_abi_sizeof(context.get_data_type(partial_type(value))) // 8
    if words > threads.SIZES:
        raise NumbaTypeError(
            f"numbers of {words} words are too large for the tape of reverse mode, which takes "
            f"{threads.SIZES}: nest fewer derivatives, or use mode='forward'"
        )
    return words


def pushed(context, builder, argtype, leaves):
    """Put an expression on the tape; return the leaves of the node that it becomes."""
    value = argtype.value
    on_tape = partial_type(value)
    statements: list[list[tuple[Any, Any]]] = [[], []] if is_complex(argtype.number) else [[]]
    for each in leaves:
        partial = each.with_type(context, builder, value).known_partial(context, builder)
        parts = complex_parts(builder, value, partial) if len(statements) > 1 else [partial]
        for statement, part in zip(statements, parts, strict=True):
            cast = context.cast(builder, part, real_of(value), on_tape)
            statement.append((cast, each.index))
    return [
        Leaf(None, value, half, push(context, builder, on_tape, statement))
        for half, statement in enumerate(statements)
    ]


def add_to(context, builder, value, index, leaves, sign):
    """Write the statement that adds an expression to the number of an index, or subtracts it."""
    on_tape, slopes = partial_type(value), []
    for each in leaves:
        partial = each.with_type(context, builder, value).known_partial(context, builder)
        if sign < 0:
            partial = call_as(context, builder, operator.neg, (value,), [partial], value)
        slopes.append((context.cast(builder, partial, value, on_tape), each.index))
    push(context, builder, on_tape, slopes, target=index)


def push(context, builder, value, leaves, target=None):
    """Write one statement of partials and indices; return its own index.

    With a target the result is added to the number of that index, which comes last.
    """
    if not leaves:  # no statement has fewer leaves than one
        leaves = [(context.get_constant_null(value), memory.I64(0))]
    loop = rounds.current(builder)
    if loop is not None:
        return loop.push(builder, context, value, leaves, target)
    indices = [index for _, index in leaves] + ([] if target is None else [target])
    fields = registers.fields_of(builder, words_of(context, value))
    used = fields.get(builder, memory.LEAVES)
    end = builder.add(used, memory.I64(len(indices)))
    reserve(context, builder, fields, end, memory.I64(len(indices)))
    store_partials(context, builder, fields, value, used, [partial for partial, _ in leaves])
    for k, index in enumerate(indices):
        position = builder.add(used, memory.I64(k))
        place = registers.element(builder, fields, memory.INDICES, memory.I32, position)
        builder.store(builder.trunc(index, memory.I32), place)
    own = fields.get(builder, memory.STATEMENTS)
    count = registers.element(builder, fields, memory.COUNTS, memory.I8, own)
    flag = 0 if target is None else memory.IS_SUM
    builder.store(memory.I8(len(indices) | flag), count)
    fields.put(builder, memory.LEAVES, end)
    fields.put(builder, memory.STATEMENTS, builder.add(own, memory.I64(1)))
    return own


def reserve(context, builder, fields, end, room):
    """Raise a MemoryError unless there is room up to some place."""
    capacity = fields.get(builder, memory.CAPACITY)
    with builder.if_then(builder.icmp_unsigned(">", end, capacity), likely=False):
        grow(context, builder, fields.tape, room)


def grow(context, builder, tape, room):
    """Give a tape room for some leaves more, or raise a MemoryError."""
    function = memory.declared(builder.module, memory.GROW, memory.SIGNATURES[memory.GROW])
    grown = builder.call(function, [tape, room])
    with builder.if_then(builder.icmp_unsigned("==", grown, memory.I32(0)), likely=False):
        context.call_conv.return_user_exc(builder, MemoryError, (FULL,))


def store_partials(context, builder, fields, value, position, partials):
    data = context.get_data_type(value)
    place = registers.element(builder, fields, memory.PARTIALS, data, position)
    if isinstance(value, types.Float) and len(partials) > 1:
        kind = ir.VectorType(data, len(partials))
        vector = ir.Constant(kind, ir.Undefined)
        for k, partial in enumerate(partials):
            vector = builder.insert_element(vector, partial, memory.I32(k))
        builder.store(vector, builder.bitcast(place, kind.as_pointer()), align=8)
        return
    for k, partial in enumerate(partials):
        context.pack_value(builder, value, partial, cgutils.gep_inbounds(builder, place, k))
