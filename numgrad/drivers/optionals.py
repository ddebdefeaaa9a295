"""Optional results: a value of a type, or None, told at run time."""

import numpy as np
from numba import types
from numba.extending import intrinsic, overload

from numgrad.drivers.structure import rebuilt
from numgrad.numbers.conversions import converted
from numgrad.targets.options import internal_njit


def settled(expression, kind, name):
    """Return the source and the type of a value with something in the place of each None.

    The third result are the sources of what may be None.
    """
    optional = []

    def replace(item, item_kind):
        if not isinstance(item_kind, types.Optional):
            return item, item_kind
        optional.append(item)
        kept = kept_type(item_kind)
        return f"{name(present, 'present')}({item})", kept

    source, kind = rebuilt(expression, kind, replace, name)
    return source, kind, optional


def has_optional(kind):
    """Whether a value of a type, or an item of it, may be None."""
    if isinstance(kind, types.BaseTuple):
        return any(map(has_optional, kind.types))
    return isinstance(kind, types.Optional)


def kept_type(optional):
    """Return the type of what stands in the place of a value that may be None."""
    kind = optional.type
    if isinstance(kind, types.Array):
        return types.Array(kind.dtype, kind.ndim, "C" if kind.layout == "C" else "A")
    return kind


def present(value):
    """Return a value that may be None; nothing of its type where it is."""
    raise NotImplementedError("compiled code only")


@overload(present, strict=False)
def _present(value):
    kept = kept_type(value)
    if isinstance(kept, types.Array):
        shape, element = (0,) * kept.ndim, kept.dtype
        nothing = np.empty
    else:
        shape, element, nothing = 0, kept, number_of_type

    def choose(value):
        if value is None:
            return as_kept(nothing(shape, element), kept)
        return as_kept(value, kept)

    return choose


@internal_njit
def number_of_type(number, kind):
    return converted(number, kind)


@intrinsic
def as_kept(typingctx, value, kind):
    """Return a value as another type."""
    wanted = kind.instance_type

    def codegen(context, builder, sig, arguments):
        result = context.cast(builder, arguments[0], value, wanted)
        if context.enable_nrt:
            context.nrt.incref(builder, wanted, result)
        return result

    return wanted(value, types.TypeRef(wanted)), codegen


def or_none(value, there):
    """Return a value, or None if it is not there."""
    raise NotImplementedError("compiled code only")


@overload(or_none, strict=False)
def _or_none(value, there):
    def choose(value, there):
        if there:
            return value
        return None

    return choose
