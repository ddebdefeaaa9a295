"""Constants that become duals, because a number with derivatives is to stand beside them."""

import numpy as np
from numba import carray, farray, types
from numba.core import cgutils
from numba.core.errors import NumbaTypeError
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AbstractTemplate, builtin_registry, signature
from numba.extending import intrinsic, lower_builtin, overload

from numgrad.arrays.creation import compiled_only
from numgrad.numbers.carrier import (
    IMAG,
    REAL,
    active_type,
    is_carrier,
    is_complex,
    number_of,
    real_of,
    without_derivatives,
)
from numgrad.numbers.conversions import converted, primal_of
from numgrad.numbers.emitting import call, return_type
from numgrad.numbers.layouts import allocated_like, as_constant, retyped
from numgrad.numbers.temporaries import has_temporary
from numgrad.targets.options import internal_njit

FLOATING = types.Float | types.Complex


def activated(dual, value):
    """Return an array of floats as one of duals, and everything else as it is."""
    compiled_only()


@intrinsic
def unchanged(typingctx, value):
    """Return a value as it is."""
    return retyped(value, value)


@overload(activated)
def _activated(dual, value):
    if isinstance(value, types.Array) and isinstance(value.dtype, FLOATING | types.Record):
        elements = active_type(dual.instance_type, value.dtype)
        if elements == value.dtype:  # records that have derivatives
            return lambda dual, value: unchanged(value)
        closed = unchanged if value.mutable else as_constant

        def convert(dual, value):
            result = allocated_like(value, elements)
            copy_into(result, value)
            return closed(result)

        return convert
    return lambda dual, value: unchanged(value)


def copy_into(target, source):
    """Store the numbers of an array in another one, which may have derivatives."""
    compiled_only()


@overload(copy_into, strict=False)
def _copy_into(target, source):
    if not isinstance(target.dtype, types.Record):

        def copy(target, source):
            for index, number in np.ndenumerate(source):
                target[index] = number

        return copy
    return of_fields(target.dtype, "{}")


def of_fields(record, converted, **names):
    """Return the function that stores the fields of all records of an array in another's.

    ``converted`` is the source of what becomes of a number with derivatives.
    """
    lines = ["def copy(target, source):", "    for index in np.ndindex(source.shape):"]
    lines.append("        record, other = target[index], source[index]")
    for name, field in record.fields.items():
        own, theirs = f"record[{name!r}]", f"other[{name!r}]"
        if isinstance(field.type, types.NestedArray):
            lines.append(f"        for k in np.ndindex({theirs}.shape):")
            own, theirs = f"    {own}[k]", f"{theirs}[k]"
        lines.append(f"        {own} = {converted.format(theirs)}")
    names["np"] = np
    exec("\n".join(lines), names)
    return names["copy"]


def activated_item(dual, value):
    """Return a number or an array of floats with derivatives, and everything else as it is."""
    compiled_only()


class OfNumber(AbstractTemplate):
    """The same of a number, which is a cast: nothing is compiled for it."""

    key = activated_item

    def apply(self, argtypes, keywords):
        """Return a signature; Numba's own method would take what may be None for a number."""
        return self.generic(argtypes, keywords)

    def generic(self, argtypes, keywords):
        if keywords or len(argtypes) != 2:
            return None
        dual, value = argtypes
        if isinstance(value, FLOATING):
            return signature(active_type(dual.instance_type, value), *argtypes)
        is_kept = isinstance(value, types.Number | types.Boolean | types.NoneType)
        if is_kept or (is_carrier(value) and not has_temporary(value)):
            return signature(value, *argtypes)
        return None


builtin_registry.register_global(activated_item, types.Function(OfNumber))


@lower_builtin(activated_item, types.Any, types.Any)
def activate_number(context, builder, sig, arguments):
    return context.cast(builder, arguments[1], sig.args[1], sig.return_type)


@overload(activated_item)
def _activated_item(dual, value):
    if isinstance(value, FLOATING):
        elements = active_type(dual.instance_type, value)
        return lambda dual, value: converted(value, elements)
    if isinstance(value, types.List) and isinstance(value.dtype, FLOATING):
        return lambda dual, value: [activated_item(dual, item) for item in value]
    if isinstance(value, types.BaseTuple) and any(map(holds_floats, value.types)):
        parts = tuple(holds_floats(item) or None for item in value.types)
        return of_parts("dual, value", value, parts)
    return lambda dual, value: activated(dual, value)


def holds_floats(kind):
    """Return whether there are floats in a type that could have derivatives."""
    if isinstance(kind, types.BaseTuple):
        return any(map(holds_floats, kind.types))
    element = kind.dtype if isinstance(kind, types.Array | types.List) else kind
    return isinstance(element, FLOATING)


class Pattern(types.Type):
    """Which parts of a value become duals.

    True for one that does, the type of an object that it becomes, None, or a tuple of these.
    """

    def __init__(self, parts):
        self.parts = parts
        super().__init__(name=f"Pattern({parts})")


def activated_object(kind, value):
    """Return an object as one of another type, which has derivatives in some of its fields.

    It is a new one, but where it has the type already.
    """
    compiled_only()


def activated_parts(dual, pattern, value):
    """Return a tuple with derivatives in the parts that a pattern names."""
    compiled_only()


@overload(activated_parts)
def _activated_parts(dual, pattern, value):
    return of_parts("dual, pattern, value", value, pattern.instance_type.parts)


def of_parts(parameters, kind, parts, call="change(dual, {})", change=activated_item):
    """Return the function of a tuple that changes some of its items, by giving them derivatives."""
    names = {"change": change}
    source = source_of_parts("value", kind, parts, names, call)
    exec(f"def of_each_part({parameters}):\n    return {source}", names)
    return names["of_each_part"]


def source_of_parts(expression, kind, parts, names, call):
    """Return the source of a value some parts of which are changed."""
    if parts is True:
        return call.format(expression)
    if isinstance(parts, types.Type):
        name = f"kind_{len(names)}"
        names |= {name: parts, "activated_object": activated_object}
        return f"activated_object({name}, {expression})"
    if not (isinstance(parts, tuple) and isinstance(kind, types.BaseTuple)):
        return expression
    items = "".join(
        f"{source_of_parts(f'{expression}[{k}]', item, part, names, call)}, "
        for k, (item, part) in enumerate(zip(kind.types, parts, strict=True))
    )
    if isinstance(kind, types.BaseNamedTuple):
        name = f"make_{len(names)}"
        names[name] = kind.instance_class
        return f"{name}({items})"
    return f"({items})"


def shown(value):
    """Return a value as it is printed or raised: without its derivatives."""
    compiled_only()


@overload(shown, strict=False)
def _shown(value):
    if is_carrier(value):
        return lambda value: primal_of(value)
    if is_array_of_duals(value):
        from numgrad.arrays.sorting import values_of

        return lambda value: values_of(value)
    if without_derivatives(value) != value:
        if isinstance(value, types.BaseTuple):
            return of_parts("value", value, (True,) * len(value), "change({})", shown)
        if isinstance(value, types.List):
            return lambda value: [shown(item) for item in value]
    return lambda value: unchanged(value)


def dtype_of(array):
    """Return the dtype of an array, or of NumPy's own scalar: that of its numbers."""
    compiled_only()


@intrinsic
def dtype_of_numbers(typingctx, array):
    """Return the type of the numbers in an array without their derivatives."""
    number = number_of(array.dtype if isinstance(array, types.Array) else array)
    return types.DType(number)(array), lambda context, *_: context.get_dummy_value()


@overload(dtype_of, strict=False)
def _dtype_of(array):
    if is_carrier(array) or is_array_of_duals(array):
        return lambda array: dtype_of_numbers(array)
    return lambda array: array.dtype


# Parts of complex numbers. What lies in an array is a view, which a kernel too can make: there no
# function returns an array that it wasn't given, so these are none.


@intrinsic
def real_part(typingctx, numbers):
    """Return the attribute ``real``: of an array of duals a view, as of an array of numbers."""
    if not is_array_of_duals(numbers):
        return attribute(typingctx, numbers, "real")
    if is_complex(numbers.dtype.number):
        return half_of(numbers, REAL)
    return retyped(numbers, numbers)


@intrinsic
def imaginary_part(typingctx, numbers):
    """Return the attribute ``imag``: a view too, or zeros that can't be written to."""
    if not is_array_of_duals(numbers):
        return attribute(typingctx, numbers, "imag")
    if is_complex(numbers.dtype.number):
        return half_of(numbers, IMAG)
    zeros = return_type(typingctx, np.zeros_like, [numbers])

    def codegen(context, builder, sig, arguments):
        return call(context, builder, np.zeros_like, [numbers], arguments)[1]

    return zeros.copy(readonly=True)(numbers), codegen


def attribute(typingctx, owner, name):
    """Return the signature of reading an attribute, and what emits it."""
    result = typingctx.resolve_getattr(owner, name)

    def codegen(context, builder, sig, arguments):
        return context.get_getattr(owner, name)(context, builder, owner, arguments[0], name)

    return None if result is None else (result(owner), codegen)


def half_of(array, half):
    """Return the signature of a view of one part of complex duals, and what emits it."""
    result = array.copy(dtype=real_of(array.dtype), layout="A")

    def codegen(context, builder, sig, arguments):
        source = context.make_array(array)(context, builder, arguments[0])
        view = context.make_array(result)(context, builder)
        size = context.get_abi_sizeof(context.get_data_type(result.dtype))
        replaced = {
            "data": cgutils.gep(builder, source.data, 0, half),
            "itemsize": context.get_constant(types.intp, size),
        }
        cgutils.copy_struct(view, source, replaced)
        return impl_ret_borrowed(context, builder, result, view._getvalue())

    return result(array), codegen


@overload(np.real, strict=False)
def _np_real(val):
    return (lambda val: real_part(val)) if is_array_of_duals(val) else None


@overload(np.imag, strict=False)
def _np_imag(val):
    return (lambda val: imaginary_part(val)) if is_array_of_duals(val) else None


def memory(array):
    """Return the attribute ``ctypes``: of an array of duals the array, for its own kind of use."""
    compiled_only()


ATTRIBUTES = {
    "dtype": dtype_of,
    "real": real_part,
    "imag": imaginary_part,
    "ctypes": memory,
}


def is_array_of_duals(kind):
    return isinstance(kind, types.Array) and is_carrier(kind.dtype)


@overload(memory, strict=False)
def _memory(array):
    if not is_array_of_duals(array):
        return lambda array: array.ctypes
    if array.layout != "C":
        raise NumbaTypeError(
            "the memory of an array with derivatives can be handed over if it is contiguous only"
        )
    return lambda array: array.reshape(-1)


def array_at(pointer, shape, dtype=None):
    """Return ``carray`` of a pointer, or of the array that stands for one."""
    compiled_only()


@overload(array_at, strict=False)
def _array_at(pointer, shape, dtype=None):
    if not isinstance(pointer, types.Array):
        return lambda pointer, shape, dtype=None: carray(pointer, shape, dtype)
    if isinstance(shape, types.Integer):
        return lambda pointer, shape, dtype=None: pointer[:shape]
    return lambda pointer, shape, dtype=None: pointer[: size_of(shape)].reshape(shape)


@internal_njit
def size_of(shape):
    size = 1
    for each in shape:
        size *= each
    return size


def fortran_array_at(pointer, shape, dtype=None):
    """Return ``farray`` of a pointer, or of the array that stands for one."""
    compiled_only()


@overload(fortran_array_at, strict=False)
def _fortran_array_at(pointer, shape, dtype=None):
    if not isinstance(pointer, types.Array):
        return lambda pointer, shape, dtype=None: farray(pointer, shape, dtype)
    if isinstance(shape, types.Integer):
        return lambda pointer, shape, dtype=None: pointer[:shape]
    return lambda pointer, shape, dtype=None: array_at(pointer, shape[::-1]).T


REPLACED = {carray: array_at, farray: fortran_array_at}  # in every twin
