"""The layout of a dual in registers and in memory.

In registers the partials are one LLVM vector, so that one instruction serves them all, and two
where they are complex: their real and their imaginary parts. In memory they are plain numbers,
since a vector there would ask for an alignment that arrays don't have. A single partial is a number
in both, which lets LLVM turn loops over elements into vector code.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import models, register_model

from numgrad.numbers.carrier import (
    IMAG,
    REAL,
    complex_parts,
    is_carrier,
    is_complex,
    real_of,
)
from numgrad.numbers.memory import HalvesModel


class PartialsType(types.Type):
    """The type of ``count`` floats in one vector."""

    def __init__(self, number, count):
        self.number = number
        self.count = count
        super().__init__(name=f"Partials({number}, {count})")


class ComplexPartialsType(types.Type):
    """The type of ``count`` complex numbers in two vectors, of their real and imaginary parts."""

    def __init__(self, number, count):
        self.halves = PartialsType(number.underlying_float, count)
        super().__init__(name=f"Partials({number}, {count})")


@register_model(ComplexPartialsType)
class ComplexPartialsModel(models.StructModel):
    def __init__(self, manager, partials):
        super().__init__(manager, partials, [("real", partials.halves), ("imag", partials.halves)])


def has_vectors_of_halves(dual):
    """Whether the partials of a dual are two vectors."""
    return dual.count > 1 and isinstance(dual.value, types.Complex)


def has_vector(dual):
    """Whether the partials of a dual are one vector."""
    return dual.count > 1 and isinstance(dual.value, types.Float)


def partials_type(dual):
    """Return the type of the partials of a dual."""
    if dual.count == 1:
        return dual.value
    if has_vector(dual):
        return PartialsType(dual.value, dual.count)
    if has_vectors_of_halves(dual):
        return ComplexPartialsType(dual.value, dual.count)
    return types.UniTuple(dual.value, dual.count)


@register_model(PartialsType)
class PartialsModel(models.PrimitiveModel):
    """A vector in registers, an array in memory."""

    def __init__(self, manager, partials):
        number = manager.lookup(partials.number).get_value_type()
        super().__init__(manager, partials, ir.VectorType(number, partials.count))

    def get_data_type(self):
        vector = self.get_value_type()
        return ir.ArrayType(vector.element, vector.count)

    def as_data(self, builder, value):
        data = ir.Constant(self.get_data_type(), ir.Undefined)
        for lane in range(data.type.count):
            data = builder.insert_value(data, builder.extract_element(value, int32(lane)), lane)
        return data

    def from_data(self, builder, value):
        vector = ir.Constant(self.get_value_type(), ir.Undefined)
        for lane in range(vector.type.count):
            number = builder.extract_value(value, lane)
            vector = builder.insert_element(vector, number, int32(lane))
        return vector

    def load_from_data_pointer(self, builder, ptr, align=None):
        pointer = builder.bitcast(ptr, self.get_value_type().as_pointer())
        return builder.load(pointer, align=self.fe_type.number.bitwidth // 8)


class DualModel(models.StructModel):
    """The value and the partials."""

    def __init__(self, manager, dual):
        members = [("value", dual.value), ("partials", partials_type(dual))]
        super().__init__(manager, dual, members)


class ComplexDualModel(HalvesModel, DualModel):
    """The value and the partials in registers; in memory the real part and the imaginary part."""

    def load_from_data_pointer(self, builder, ptr, align=None):
        if not self.fe_type.is_made_of_floats or has_vectors_of_halves(self.fe_type):
            return super().load_from_data_pointer(builder, ptr, align)
        places = [cgutils.gep_inbounds(builder, ptr, 0, half) for half in (REAL, IMAG)]
        return load_complex(builder, self.fe_type, places, align)


def load_complex(builder, number_type, places, align):
    """Return the complex number, or the dual of one, whose parts lie in two places.

    Each number is loaded by itself: there are no vectors of duals.
    """
    if not is_carrier(number_type):
        return cgutils.pack_struct(builder, [builder.load(each, align=align) for each in places])
    paths = (
        [(0, 1)] if number_type.count == 1 else [(0, 1, lane) for lane in range(number_type.count)]
    )
    numbers = [
        load_complex(
            builder,
            number_type.value,
            [cgutils.gep_inbounds(builder, each, *path) for each in places],
            align,
        )
        for path in ((0, 0), *paths)
    ]
    return dual_of_numbers(builder, number_type, numbers)


def numbers_of(builder, dual, number):
    """Return the value and the partials of a dual as a list."""
    value, partials = cgutils.unpack_tuple(builder, number, 2)
    return [value, *unpack(builder, dual, partials)]


def dual_of_numbers(builder, dual, numbers):
    """Return the dual of its value and its partials, given as a list."""
    value, *partials = numbers
    return cgutils.pack_struct(builder, [value, pack(builder, dual, partials)])


def int32(number):
    return ir.Constant(ir.IntType(32), number)


def make_dual(context, builder, dual, value, partials):
    """Return a dual of its value and its partials as they lie in it."""
    proxy = cgutils.create_struct_proxy(dual)(context, builder)
    proxy.value, proxy.partials = value, partials
    return proxy._getvalue()


def open_dual(context, builder, dual, value):
    """Return the value and the partials of a dual as they lie in it."""
    proxy = cgutils.create_struct_proxy(dual)(context, builder, value=value)
    return proxy.value, proxy.partials


def pack(builder, dual, partials):
    """Return a list of partials as they lie in a dual."""
    if dual.count == 1:
        return partials[0]
    if has_vectors_of_halves(dual):
        pairs = zip(*(cgutils.unpack_tuple(builder, each, 2) for each in partials), strict=True)
        return cgutils.pack_struct(builder, [vector_of(builder, half) for half in pairs])
    if not has_vector(dual):
        return cgutils.pack_array(builder, partials)
    return vector_of(builder, partials)


def vector_of(builder, numbers):
    """Return numbers as one vector."""
    vector = ir.Constant(ir.VectorType(numbers[0].type, len(numbers)), ir.Undefined)
    for lane, number in enumerate(numbers):
        vector = builder.insert_element(vector, number, int32(lane))
    return vector


def unpack(builder, dual, partials):
    """Return the partials of a dual as a list."""
    if dual.count == 1:
        return [partials]
    if has_vectors_of_halves(dual):
        halves = cgutils.unpack_tuple(builder, partials, 2)
        return [complex_in_lane(builder, halves, int32(lane)) for lane in range(dual.count)]
    if not has_vector(dual):
        return cgutils.unpack_tuple(builder, partials, dual.count)
    return [builder.extract_element(partials, int32(lane)) for lane in range(dual.count)]


def complex_in_lane(builder, halves, lane):
    """Return the complex number in a lane of two vectors."""
    parts = [builder.extract_element(half, lane) for half in halves]
    return cgutils.pack_struct(builder, parts)


VALUE, PARTIALS = int32(0), int32(1)  # where they lie in a real dual


def store_in(context, builder, dual, pointer, path, number_type, number):
    """Store a number inside of a dual in memory, on the path that leads there in a real dual."""
    if not is_complex(dual.number):
        context.pack_value(builder, number_type, number, cgutils.gep(builder, pointer, 0, *path))
        return
    for half, each in enumerate(complex_parts(builder, number_type, number)):
        place = cgutils.gep(builder, pointer, 0, half, *path)
        context.pack_value(builder, real_of(number_type), each, place)
