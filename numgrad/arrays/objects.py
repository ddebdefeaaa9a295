"""Objects of classes, whose fields become duals, and back."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import NumbaTypeError
from numba.core.runtime.nrtdynmod import _meminfo_struct_type as meminfo_kind
from numba.extending import intrinsic, overload

from numgrad.arrays.activation import activated_object, copy_into, unchanged
from numgrad.arrays.creation import compiled_only
from numgrad.numbers.carrier import is_carrier, without_derivatives
from numgrad.numbers.conversions import converted
from numgrad.numbers.layouts import allocated_like
from numgrad.numbers.objects import fields_of

ALIGNMENT = 16
DTOR = 1  # where Numba's record of an allocation has the function that is called in the end


@intrinsic
def new_object(typingctx, kind):
    """Return a new object of a class, in whose fields there is nothing yet."""
    made = kind.instance_type

    def codegen(context, builder, sig, arguments):
        data_kind = data_kind_of(context, made)
        size = context.get_constant(types.uintp, context.get_abi_sizeof(data_kind))
        alignment = max(ALIGNMENT, context.get_abi_alignment(data_kind))
        meminfo = context.nrt.meminfo_alloc_aligned(builder, size, alignment)
        place = builder.bitcast(meminfo, meminfo_kind.as_pointer())
        drop = dropping_fields(context, builder.module, made)
        builder.store(
            builder.bitcast(drop, cgutils.voidptr_t), cgutils.gep_inbounds(builder, place, 0, DTOR)
        )
        data = context.nrt.meminfo_data(builder, meminfo)
        data = builder.bitcast(data, data_kind.as_pointer())
        builder.store(cgutils.get_null_value(data_kind), data)
        instance = context.make_helper(builder, made)
        instance.meminfo = meminfo
        if isinstance(made, types.ClassInstanceType):
            instance.data = data
        return instance._getvalue()

    return made(kind), codegen


def data_kind_of(context, made):
    """What the fields of an object are in memory: of a structref what they are in registers."""
    if isinstance(made, types.StructRef):
        return context.get_value_type(made.get_data_type())
    return context.get_data_type(made.get_data_type())


def dropping_fields(context, module, made):
    """The function that gives up what an object's fields refer to, once nobody refers to it.

    Numba's own reads the fields of any object as they are in registers, where a number with many
    partials is aligned otherwise than in memory.
    """
    address = cgutils.voidptr_t
    kind = ir.FunctionType(ir.VoidType(), [address, cgutils.intp_t, address])
    function = cgutils.get_or_insert_function(module, kind, f"numgrad.drop.{made.name}")
    if function.is_declaration:
        function.linkage = "linkonce_odr"
        builder = ir.IRBuilder(function.append_basic_block())
        data_kind = data_kind_of(context, made)
        place = builder.bitcast(function.args[0], data_kind.as_pointer())
        is_struct = isinstance(made, types.StructRef)
        helper = context.make_helper if is_struct else context.make_data_helper
        data = helper(builder, made.get_data_type(), ref=place)
        for k, field in enumerate(fields_of(made).values()):
            context.nrt.decref(builder, field, data[k])
        builder.ret_void()
    return function


@intrinsic
def address_of_object(typingctx, instance):
    """Return the address of an object's fields."""

    def codegen(context, builder, sig, arguments):
        meminfo = context.make_helper(builder, instance, value=arguments[0]).meminfo
        data = context.nrt.meminfo_data(builder, meminfo)
        return builder.ptrtoint(data, cgutils.intp_t)

    return types.uintp(instance), codegen


@overload(activated_object, strict=False)
def _activated_object(kind, value):
    wanted = kind.instance_type
    if value == wanted:
        return lambda kind, value: unchanged(value)
    if isinstance(wanted, types.Array):
        return lambda kind, value: activated_field(wanted, value)
    names = {"new": new_object, "wanted": wanted, "activated": activated_field}
    lines = ["result = new(wanted)"]
    for k, (name, field) in enumerate(fields_of(wanted).items()):
        names[f"field{k}"] = field
        lines.append(f"result.{name} = activated(field{k}, value.{name})")
    return written("kind, value", [*lines, "return result"], names)


def activated_field(kind, value):
    """Return what lies in a field as another type, with derivatives that are 0."""
    compiled_only()


@overload(activated_field, strict=False)
def _activated_field(kind, value):
    wanted = kind.instance_type
    if value == wanted:
        return lambda kind, value: unchanged(value)
    if isinstance(wanted, types.Optional):
        return lambda kind, value: unchanged(value)  # which Numba converts
    if is_carrier(wanted):
        return lambda kind, value: converted(value, wanted)
    if fields_of(wanted) is not None:
        return lambda kind, value: activated_object(wanted, value)
    if isinstance(wanted, types.Array):
        elements = wanted.dtype

        def copied(kind, value):
            result = allocated_like(value, elements)
            copy_into(result, value)
            return result

        return copied
    if isinstance(wanted, types.BaseTuple):
        names = {"activated": activated_field}
        items = ""
        for k, item in enumerate(wanted.types):
            names[f"item{k}"] = item
            items += f"activated(item{k}, value[{k}]), "
        if isinstance(wanted, types.BaseNamedTuple):
            names["named"] = wanted.instance_class
            return written("kind, value", [f"return named({items})"], names)
        return written("kind, value", [f"return ({items})"], names)
    raise NumbaTypeError(f"a field of type {without_derivatives(wanted)} can't get derivatives")


def written(parameters, lines, names):
    """Return a function written for a type."""
    exec("\n    ".join([f"def function({parameters}):", *lines, ""]), names)
    return names["function"]
