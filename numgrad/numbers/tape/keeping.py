"""Values kept in the slots of a record: numbers of any type, with an index where they have one.

A complex number is two real ones here too. What its adjoints are, those of its parts, is a complex
cotangent with the sign of the imaginary part changed (see `numgrad.drivers.reverse.contraction`).
"""

import numpy as np
from numba import types
from numba.core.errors import NumbaTypeError
from numba.extending import intrinsic, overload

from numgrad.numbers.carrier import (
    complex_of_parts,
    complex_parts,
    is_complex,
    number_of,
    real_of,
)
from numgrad.numbers.dual.parts import value_at
from numgrad.numbers.tape import memory
from numgrad.numbers.tape.nodes import index_of, noded
from numgrad.numbers.tape.records import adjoints_in, indices_in
from numgrad.numbers.tape.statements import partial_type
from numgrad.numbers.tape.streams import STREAMS, adjoint_place, place_in
from numgrad.targets.options import INTERNAL, internal_njit


def slot_of(context, builder, node, streams, slot, kind):
    """The place of a value of some type in a slot, which must be large enough for it."""
    size, data = (
        context.get_data_type(partial_type(node.value)),
        context.get_data_type(kind),
    )
    if context.get_abi_sizeof(data) > context.get_abi_sizeof(size):
        raise NumbaTypeError(f"checkpoint: a {kind} among the arguments is too large to be kept")
    place = place_in(builder, streams, memory.PARTIALS, size, slot)
    return builder.bitcast(place, data.as_pointer())


@intrinsic
def keep(typingctx, node, streams, slot, number):
    """Keep a number in a slot."""
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        _, streams, slot, value = arguments
        place = slot_of(context, builder, node, streams, slot, number)
        context.pack_value(builder, number, value, place)
        return context.get_dummy_value()

    return types.void(types.TypeRef(node), STREAMS, types.int64, number), codegen


@intrinsic
def kept_real(typingctx, node, streams, slot, element):
    """Return the number of a type that a slot has."""
    node, number = node.instance_type, element.instance_type

    def codegen(context, builder, sig, arguments):
        place = slot_of(context, builder, node, arguments[1], arguments[2], number)
        return context.unpack_value(builder, number, place)

    return number(types.TypeRef(node), STREAMS, types.int64, element), codegen


@internal_njit
def values_in(node, array, element):
    """Return the values of an array that may have nodes, as a new array in C order."""
    values = np.empty(array.shape, element)
    for index, number in np.ndenumerate(array):
        values[index] = value_at(node, number)
    return values


def kept(node, streams, slot, element):
    """Return the number of a type that a slot has, or two slots if it is complex."""
    raise NotImplementedError("compiled code only")


@overload(kept, jit_options=INTERNAL, strict=False)
def _kept(node, streams, slot, element):
    if not is_complex(number_of(element.instance_type)):
        return lambda node, streams, slot, element: kept_real(node, streams, slot, element)
    part = real_of(element.instance_type)
    return lambda node, streams, slot, element: of_parts(
        element, kept_real(node, streams, slot, part), kept_real(node, streams, slot + 1, part)
    )


@intrinsic
def parts_of(typingctx, number):
    """Return the two parts of a complex number, which may carry something."""
    real = real_of(number)

    def codegen(context, builder, sig, arguments):
        parts = complex_parts(builder, number, arguments[0])
        return context.make_tuple(builder, sig.return_type, parts)

    return types.UniTuple(real, 2)(number), codegen


@intrinsic
def of_parts(typingctx, element, real, imag):
    """Return the complex number of a type that has two parts."""
    number = element.instance_type
    part = real_of(number)

    def codegen(context, builder, sig, arguments):
        pairs = zip(arguments[1:], sig.args[1:], strict=True)
        parts = [context.cast(builder, each, kind, part) for each, kind in pairs]
        return complex_of_parts(builder, number, parts)

    return number(element, real, imag), codegen


def slots_of(element):
    """Return how many slots a number of a type takes."""
    raise NotImplementedError("compiled code only")


@overload(slots_of, jit_options=INTERNAL, strict=False)
def _slots_of(element):
    count = width_of(element.instance_type)
    return lambda element: count


def width_of(element):
    return 2 if is_complex(number_of(element)) else 1


def keep_number(node, streams, slot, number):
    """Keep a number and its index; return the next slot."""
    raise NotImplementedError("compiled code only")


@overload(keep_number, jit_options=INTERNAL, strict=False)
def _keep_number(node, streams, slot, number):
    if is_complex(number_of(number)):
        return keep_parts
    return lambda node, streams, slot, number: keep_part(
        node, streams, slot, value_at(node, number), index_of(node, number, 0)
    )


def keep_parts(node, streams, slot, number):
    real, imag = parts_of(value_at(node, number))
    slot = keep_part(node, streams, slot, real, index_of(node, number, 0))
    return keep_part(node, streams, slot, imag, index_of(node, number, 1))


@internal_njit
def keep_part(node, streams, slot, value, index):
    keep(node, streams, slot, value)
    indices_in(node, streams, slot, 1)[0] = index
    return slot + 1


@internal_njit
def keep_shape(node, streams, slot, shape):
    for length in shape:
        keep(node, streams, slot, length)
        slot += 1
    return slot


@internal_njit
def keep_array(node, streams, slot, array):
    """Keep the shape of an array and its numbers; return the next slot."""
    slot = keep_shape(node, streams, slot, array.shape)
    for _, number in np.ndenumerate(array):
        slot = keep_number(node, streams, slot, number)
    return slot


@internal_njit
def fill_kept(node, streams, slot, array, element):
    """Fill an array with the numbers of a type that were kept."""
    for index, _ in np.ndenumerate(array):
        array[index] = kept(node, streams, slot, element)
        slot += slots_of(element)


@internal_njit
def set_nodes(node, first, numbers, nodes, width):
    """Let nodes with indices one after the other have some values."""
    k = first
    for index, number in np.ndenumerate(numbers):
        nodes[index] = noded(node, number, k)
        k += width


@internal_njit
def take_adjoints(node, streams, first, array, element):
    """Take the adjoints of indices one after the other, as numbers of a type."""
    k = first
    for index, _ in np.ndenumerate(array):
        array[index] = take_number(node, streams, k, element)
        k += slots_of(element)


def take_number(node, streams, index, element):
    """Take the cotangent of a number of a type from its adjoint, or two if it is complex."""
    raise NotImplementedError("compiled code only")


@overload(take_number, jit_options=INTERNAL, strict=False)
def _take_number(node, streams, index, element):
    if not is_complex(number_of(element.instance_type)):
        return lambda node, streams, index, element: take_real(node, streams, index, element)
    part = real_of(element.instance_type)
    return lambda node, streams, index, element: of_parts(
        element, take_real(node, streams, index, part), -take_real(node, streams, index + 1, part)
    )


@intrinsic
def take_real(typingctx, node, streams, index, element):
    """Take an adjoint as a number of a type, and let it be 0."""
    node, number = node.instance_type, element.instance_type
    value = partial_type(node.value)

    def codegen(context, builder, sig, arguments):
        place = adjoint_place(context, builder, value, arguments[1], arguments[2])
        adjoint = context.unpack_value(builder, value, place)
        context.pack_value(builder, value, context.get_constant_null(value), place)
        return context.cast(builder, adjoint, value, number)

    return number(types.TypeRef(node), STREAMS, types.int64, element), codegen


def give_number(node, streams, slot, number):
    """Add a product to the adjoint of the index that a slot has, or of two if it is complex."""
    raise NotImplementedError("compiled code only")


@overload(give_number, jit_options=INTERNAL, strict=False)
def _give_number(node, streams, slot, number):
    if is_complex(number_of(number)):
        return give_parts
    return lambda node, streams, slot, number: give_part(node, streams, slot, number)


def give_parts(node, streams, slot, number):
    real, imag = parts_of(number)
    give_part(node, streams, slot, real)
    give_part(node, streams, slot + 1, -imag)


@internal_njit
def give_part(node, streams, slot, number):
    index = np.int64(indices_in(node, streams, slot, 1)[0])
    if index > 0:
        place = adjoints_in(node, streams, index, 1)
        place[0] = place[0] + number


@internal_njit
def give_array(node, streams, slot, numbers, width):
    for _, number in np.ndenumerate(numbers):
        give_number(node, streams, slot, number)
        slot += width
