"""The dual number in Numba: its type, how it lies in registers and in memory, and its casts.

In registers the partials are one LLVM vector, so that one instruction serves them all; in memory
they are plain numbers, since a vector there would ask for an alignment that arrays don't have. A
single partial is a number in both, which lets LLVM turn loops over elements into vector code.

A complex number lies in memory as two real ones, which makes its parts views of it. So does a
complex dual, as two real duals: the real part with its partials, then the imaginary part with its.
"""

from llvmlite import ir
from numba import typeof, types
from numba.core import cgutils
from numba.core.typeconv import Conversion
from numba.extending import (
    NativeValue,
    box,
    lower_cast,
    make_attribute_wrapper,
    models,
    register_model,
    unbox,
)

from numgrad.caching.stamping import FOLLOWS_RULES
from numgrad.numbers.dual.number import Dual

CONSTANT = types.Integer | types.Boolean | types.Float | types.Complex


class DualType(types.Type):
    """The type of a number and its partial derivatives.

    ``value`` is the type of both: a float, a complex number, or a dual of lower depth. Duals of
    different depths belong to different derivatives: to the one of higher depth, the other is a
    constant.
    """

    def __init__(self, value, count, depth):
        self.value = value
        self.count = count
        self.depth = depth
        super().__init__(name=f"Dual({value}, {count}, depth={depth})")

    def __reduce__(self):
        """Let Numba keep no function of duals longer than what it was compiled with is in force."""
        return dual_type_of, (self.value, self.count, self.depth, FOLLOWS_RULES)

    @property
    def number(self):
        """The type of the number that is left without any derivative."""
        return number_of(self.value)

    def can_convert_from(self, typingctx, other):
        if is_constant_for(self, other):
            convertible = unified_constant(typingctx, self.value, other) == self.value
            return Conversion.safe if convertible else None
        if is_same_derivative(self, other):
            return typingctx.can_convert(other.value, self.value)
        return None

    def unify(self, typingctx, other):
        value = None
        if is_same_derivative(self, other):
            value = typingctx.unify_pairs(self.value, other.value)
        elif is_constant_for(self, other):
            value = unified_constant(typingctx, self.value, other)
        return None if value is None else DualType(value, self.count, self.depth)


def dual_type_of(value, count, depth, stamp):
    """Return a dual type from a cache, where the stamp was not stale."""
    return DualType(value, count, depth)


def is_dual(kind):
    return isinstance(kind, DualType)


# Duals of depths beyond this one are careful: their products look at what is 0 and what is
# infinite, which takes several times as long. What is computed of them is careful too, at any
# depth that lies within.
CAREFUL = 1 << 16


def is_careful(dual):
    return dual.depth > CAREFUL


def is_same_derivative(dual, other):
    """Return whether two types differ in the type of their value at most."""
    return is_dual(other) and (dual.depth, dual.count) == (other.depth, other.count)


def is_constant_for(dual, other):
    """Return whether a number of another type has no part in the derivative of a dual."""
    return other.depth < dual.depth if is_dual(other) else isinstance(other, CONSTANT)


def unified_constant(typingctx, value, constant):
    """Return the type of values some of which are constants."""
    if isinstance(constant, types.Integer | types.Boolean):
        return value
    return typingctx.unify_pairs(value, constant)


def number_of(kind):
    """Return the type of a number without its derivatives."""
    return kind.number if is_dual(kind) else kind


def dual_in(kind):
    """Return the dual type of the highest depth within a type, or None."""
    if is_dual(kind):
        return kind
    if isinstance(kind, types.BaseTuple):
        return highest(kind.types)
    if isinstance(kind, types.Optional):
        return dual_in(kind.type)
    if isinstance(kind, types.DictType):
        return highest((kind.key_type, kind.value_type))
    return dual_in(kind.dtype) if isinstance(getattr(kind, "dtype", None), types.Type) else None


def highest(kinds):
    """Return the dual type of the highest depth within some types, or None."""
    duals = [dual for dual in map(dual_in, kinds) if dual is not None]
    return max(duals, key=lambda dual: dual.depth, default=None)


def without_derivatives(kind):
    """Return the type that a type with duals stands for: numbers, and arrays and tuples of them."""
    if is_dual(kind):
        return kind.number
    if isinstance(kind, types.Array):
        return kind.copy(dtype=number_of(kind.dtype))
    if isinstance(kind, types.NamedTuple):
        return types.NamedTuple(map(without_derivatives, kind.types), kind.instance_class)
    if isinstance(kind, types.NamedUniTuple):
        dtype = without_derivatives(kind.dtype)
        return types.NamedUniTuple(dtype, kind.count, kind.instance_class)
    if isinstance(kind, types.BaseTuple):
        return types.BaseTuple.from_types(tuple(map(without_derivatives, kind.types)))
    if isinstance(kind, types.List):
        return kind.copy(dtype=without_derivatives(kind.dtype))
    if isinstance(kind, types.ListType):
        return types.ListType(without_derivatives(kind.item_type))
    if isinstance(kind, types.DictType):
        return types.DictType(*map(without_derivatives, (kind.key_type, kind.value_type)))
    if isinstance(kind, types.Optional):
        return types.Optional(without_derivatives(kind.type))
    return kind


def in_precision(value, number):
    """Return a type of values, duals or not, in another precision."""
    if is_dual(value):
        return DualType(in_precision(value.value, number), value.count, value.depth)
    return number


def real_of(value):
    """Return the type of the real part of values, duals or not."""
    number = number_of(value)
    return in_precision(value, number.underlying_float if is_complex(number) else number)


def with_partials(dual, number):
    """Return the dual type with the precision of a number; an integer has none."""
    if is_dual(number) or not isinstance(number, types.Float | types.Complex):
        return number
    return DualType(in_precision(dual.value, number), dual.count, dual.depth)


class PartialsType(types.Type):
    """The type of ``count`` floats in one vector."""

    def __init__(self, number, count):
        self.number = number
        self.count = count
        super().__init__(name=f"Partials({number}, {count})")


def has_vector(dual):
    """Return whether the partials of a dual are one vector."""
    return dual.count > 1 and isinstance(dual.value, types.Float)


def partials_type(dual):
    """Return the type of the partials of a dual."""
    if dual.count == 1:
        return dual.value
    if has_vector(dual):
        return PartialsType(dual.value, dual.count)
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


class ComplexDualModel(DualModel):
    """The value and the partials in registers; in memory the real part and the imaginary part."""

    def __init__(self, manager, dual):
        super().__init__(manager, dual)
        self.part = manager.lookup(real_of(dual))

    def get_data_type(self):
        return ir.LiteralStructType([self.part.get_data_type()] * 2)

    def as_data(self, builder, value):
        parts = complex_parts(builder, self.fe_type, value)
        return cgutils.pack_struct(builder, [self.part.as_data(builder, part) for part in parts])

    def from_data(self, builder, value):
        parts = [
            self.part.from_data(builder, builder.extract_value(value, half))
            for half in (REAL, IMAG)
        ]
        return complex_of_parts(builder, self.fe_type, parts)

    def load_from_data_pointer(self, builder, ptr, align=None):
        places = [cgutils.gep_inbounds(builder, ptr, 0, half) for half in (REAL, IMAG)]
        return load_complex(builder, self.fe_type, places, align)

    def as_return(self, builder, value):
        return self.as_data(builder, value)

    def from_return(self, builder, value):
        return self.from_data(builder, value)


REAL, IMAG = 0, 1  # where the parts of a complex number lie


@register_model(DualType)
def model_of(manager, dual):
    """Return how duals of a type lie in registers and in memory."""
    model = ComplexDualModel if is_complex(dual.number) else DualModel
    return model(manager, dual)


def complex_parts(builder, kind, number):
    """Return the parts of a complex number in registers; those of a dual are real duals."""
    if not is_dual(kind):
        return [builder.extract_value(number, half) for half in (REAL, IMAG)]
    numbers = numbers_of(builder, kind, number)
    pairs = [complex_parts(builder, kind.value, each) for each in numbers]
    real = real_of(kind)
    return [dual_of_numbers(builder, real, part) for part in zip(*pairs, strict=True)]


def complex_of_parts(builder, kind, parts):
    """Return the complex number, or the dual of one, that has two parts."""
    if not is_dual(kind):
        return cgutils.pack_struct(builder, parts)
    real = real_of(kind)
    pairs = zip(*(numbers_of(builder, real, part) for part in parts), strict=True)
    numbers = [complex_of_parts(builder, kind.value, pair) for pair in pairs]
    return dual_of_numbers(builder, kind, numbers)


def load_complex(builder, kind, places, align):
    """Return the complex number, or the dual of one, whose parts lie in two places.

    Each number is loaded by itself, since registers have no vectors of partials of complex duals.
    """
    if not is_dual(kind):
        return cgutils.pack_struct(builder, [builder.load(each, align=align) for each in places])
    paths = [(0, 1)] if kind.count == 1 else [(0, 1, lane) for lane in range(kind.count)]
    numbers = [
        load_complex(
            builder,
            kind.value,
            [cgutils.gep_inbounds(builder, each, *path) for each in places],
            align,
        )
        for path in ((0, 0), *paths)
    ]
    return dual_of_numbers(builder, kind, numbers)


def numbers_of(builder, dual, number):
    """Return the value and the partials of a dual as a list."""
    value, partials = cgutils.unpack_tuple(builder, number, 2)
    return [value, *unpack(builder, dual, partials)]


def dual_of_numbers(builder, dual, numbers):
    """Return the dual of its value and its partials, given as a list."""
    value, *partials = numbers
    return cgutils.pack_struct(builder, [value, pack(builder, dual, partials)])


make_attribute_wrapper(DualType, "value", "value")


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
    if not has_vector(dual):
        return cgutils.pack_array(builder, partials)
    vector = ir.Constant(ir.VectorType(partials[0].type, dual.count), ir.Undefined)
    for lane, partial in enumerate(partials):
        vector = builder.insert_element(vector, partial, int32(lane))
    return vector


def unpack(builder, dual, partials):
    """Return the partials of a dual as a list."""
    if dual.count == 1:
        return [partials]
    if not has_vector(dual):
        return cgutils.unpack_tuple(builder, partials, dual.count)
    return [builder.extract_element(partials, int32(lane)) for lane in range(dual.count)]


# Casts: a constant has no partials; one precision becomes another.


@lower_cast(types.Integer, DualType)
@lower_cast(types.Boolean, DualType)
@lower_cast(types.Float, DualType)
@lower_cast(types.Complex, DualType)
def cast_constant(context, builder, source, dual, value):
    value = context.cast(builder, value, source, dual.value)
    return make_dual(context, builder, dual, value, context.get_constant_null(partials_type(dual)))


@lower_cast(DualType, DualType)
def cast_dual(context, builder, source, dual, value):
    if source.depth < dual.depth:
        return cast_constant(context, builder, source, dual, value)
    value, partials = open_dual(context, builder, source, value)
    value, *partials = (
        context.cast(builder, part, source.value, dual.value)
        for part in (value, *unpack(builder, source, partials))
    )
    return make_dual(context, builder, dual, value, pack(builder, dual, partials))


@lower_cast(types.Array, DualType)
def cast_array(context, builder, source, dual, value):
    """Take the number out of an array without dimensions, which stands for it."""
    data = context.make_array(source)(context, builder, value).data
    number = context.unpack_value(builder, source.dtype, data)
    return context.cast(builder, number, source.dtype, dual)


# Between Python and compiled code


def type_of_dual(dual):
    """Return the type of a dual of Python, wide enough for its value and all its partials."""
    kinds = [typeof(part) for part in (dual.value, *dual.partials)]
    duals = [kind for kind in kinds if is_dual(kind)]
    numbers = [number_of(kind) for kind in kinds]
    number = max(map(floating, numbers), key=lambda kind: (kind.bitwidth, is_complex(kind)))
    value = max(duals, key=lambda kind: kind.depth, default=number)
    return DualType(value, len(dual.partials), dual.depth)


def is_complex(kind):
    return isinstance(kind, types.Complex)


def floating(number):
    """Return the type of a number as the value of a dual: an integer becomes a float64."""
    is_floating = is_dual(number) or isinstance(number, types.Float | types.Complex)
    return number if is_floating else types.float64


def call_python(c, function, *arguments):
    """Call a function of a module from compiled code; it takes and returns objects."""
    callee = c.pyapi.unserialize(c.pyapi.serialize_object(function))
    result = c.pyapi.call_function_objargs(callee, arguments)
    c.pyapi.decref(callee)
    return result


@unbox(DualType)
def unbox_dual(dual, python_dual, c):
    pattern = c.pyapi.unserialize(c.pyapi.serialize_object((dual.depth, dual.count)))
    parts = call_python(c, parts_of, python_dual, pattern)
    values, failed = [], cgutils.false_bit
    for k in range(dual.count + 1):
        native = c.unbox(dual.value, c.pyapi.tuple_getitem(parts, k))
        values.append(native.value)
        failed = c.builder.or_(failed, native.is_error)
    c.pyapi.decref(pattern)
    c.pyapi.decref(parts)
    value, *partials = values
    partials = pack(c.builder, dual, partials)
    return NativeValue(make_dual(c.context, c.builder, dual, value, partials), is_error=failed)


def parts_of(number, pattern):
    """Return the value and the partials of a dual; of a constant too, which has zeros."""
    depth, count = pattern
    if isinstance(number, Dual) and number.depth == depth:
        return (number.value, *number.partials)
    return (number, *(0.0,) * count)


@box(DualType)
def box_dual(dual, native, c):
    value, partials = open_dual(c.context, c.builder, dual, native)
    parts = [
        c.pyapi.from_native_value(dual.value, part, c.env_manager)
        for part in (value, *unpack(c.builder, dual, partials))
    ]
    depth = c.pyapi.unserialize(c.pyapi.serialize_object(dual.depth))
    result = call_python(c, dual_of, depth, *parts)
    for owned in (depth, *parts):
        c.pyapi.decref(owned)
    return result


def dual_of(depth, value, *partials):
    """Return the dual of Python for one of compiled code."""
    return Dual(value, partials, depth=depth)
