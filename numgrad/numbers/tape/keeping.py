"""Values kept in the slots of a record: numbers of any type, with an index where they have one."""

import numpy as np
from numba import types
from numba.core.errors import NumbaTypeError
from numba.extending import intrinsic

from numgrad.numbers.dual.parts import value_at
from numgrad.numbers.tape import memory
from numgrad.numbers.tape.nodes import index_of, noded
from numgrad.numbers.tape.records import adjoints_in, indices_in
from numgrad.numbers.tape.statements import partial_type
from numgrad.numbers.tape.streams import STREAMS, adjoint_place, place_in
from numgrad.targets.options import internal_njit


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
def kept(typingctx, node, streams, slot, element):
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


@internal_njit
def keep_number(node, streams, slot, number):
    """Keep a number and its index; return the next slot."""
    keep(node, streams, slot, value_at(node, number))
    indices_in(node, streams, slot, 1)[0] = index_of(node, number, 0)
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
        slot += 1


@internal_njit
def set_nodes(node, first, numbers, nodes):
    """Let nodes with indices one after the other have some values."""
    k = first
    for index, number in np.ndenumerate(numbers):
        nodes[index] = noded(node, number, k)
        k += 1


@internal_njit
def take_adjoints(node, streams, first, array, element):
    """Take the adjoints of indices one after the other, as numbers of a type."""
    k = first
    for index, _ in np.ndenumerate(array):
        array[index] = take_number(node, streams, k, element)
        k += 1


@intrinsic
def take_number(typingctx, node, streams, index, element):
    """Take an adjoint as a number of a type, and let it be 0."""
    node, number = node.instance_type, element.instance_type
    value = partial_type(node.value)

    def codegen(context, builder, sig, arguments):
        place = adjoint_place(context, builder, value, arguments[1], arguments[2])
        adjoint = context.unpack_value(builder, value, place)
        context.pack_value(builder, value, context.get_constant_null(value), place)
        return context.cast(builder, adjoint, value, number)

    return number(types.TypeRef(node), STREAMS, types.int64, element), codegen


@internal_njit
def give_number(node, streams, slot, number):
    """Add a number to the adjoint of the index that a slot has."""
    index = np.int64(indices_in(node, streams, slot, 1)[0])
    if index > 0:
        place = adjoints_in(node, streams, index, 1)
        place[0] = place[0] + number


@internal_njit
def give_array(node, streams, slot, numbers):
    for _, number in np.ndenumerate(numbers):
        give_number(node, streams, slot, number)
        slot += 1
