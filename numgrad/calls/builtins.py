"""What Python's own functions and the attributes of numbers are for duals in Numba."""

from functools import cache

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.cpython.builtins import ol_isinstance
from numba.extending import intrinsic, overload, overload_attribute, overload_method

from numgrad.numbers.conversions import primal_of
from numgrad.numbers.dual.type import (
    DualType,
    floating,
    is_complex,
    is_dual,
    make_dual,
    number_of,
    open_dual,
    pack,
    unpack,
    with_partials,
)


@infer_getattr
class DualAttribute(AttributeTemplate):
    """What ``type`` says of a dual: the type of its number, as it does without derivatives."""

    key = DualType

    def resolve___class__(self, dual):
        return types.NumberClass(dual.number)


# A float stays what it is, derivatives and all.


@overload(float)
def _float(x):
    return (lambda x: x) if is_dual(x) else None


# A text, and a place in a table, have no derivative.


@overload(str, target="cpu")
@overload(repr, target="cpu")
def _text(x):
    return (lambda x: str(primal_of(x))) if is_dual(x) else None


@overload_method(DualType, "__hash__")
def _hash(x):
    return lambda x: hash(primal_of(x))


@overload(isinstance, strict=False)
def _isinstance(var, typs):
    return ol_isinstance(var.number, typs) if is_dual(var) else None


@overload(complex)
def _complex(x, y=0):
    if not (is_dual(x) or is_dual(y)):
        return None
    if is_dual(x) and is_complex(x.number):
        return lambda x, y=0: x
    return lambda x, y=0: complex_of(x, y)


@intrinsic
def complex_of(typingctx, x, y):
    """Return the complex number of two real ones."""
    real = typingctx.unify_types(types.unliteral(x), types.unliteral(y))
    is_single = number_of(real) == types.float32
    result = with_partials(real, types.complex64 if is_single else types.complex128)

    def join(context, builder, kind, pair):
        if not is_dual(kind):
            number = context.make_complex(builder, number_of(result))
            number.real, number.imag = pair
            return number._getvalue()
        opened = [open_dual(context, builder, kind, each) for each in pair]
        values, partials = zip(*opened, strict=True)
        parts = zip(*(unpack(builder, kind, each) for each in partials), strict=True)
        value, *parts = (join(context, builder, kind.value, each) for each in (values, *parts))
        joined = with_partials(kind, number_of(result))
        return make_dual(context, builder, joined, value, pack(builder, joined, parts))

    def codegen(context, builder, sig, arguments):
        pair = [
            context.cast(builder, argument, kind, real)
            for argument, kind in zip(arguments, sig.args, strict=True)
        ]
        return join(context, builder, real, pair)

    return result(x, y), codegen


@cache
def folded(function, count):
    """Return a function of two arguments as one of more: max(max(a, b), c)."""
    names = [f"x{k}" for k in range(count)]
    expression = names[0]
    for name in names[1:]:
        expression = f"function({expression}, {name})"
    namespace = {"function": function}
    exec(f"def fold({', '.join(names)}):\n    return {expression}", namespace)
    return namespace["fold"]


@intrinsic
def partials_of(typingctx, dual):
    """Return the partials of a dual as a tuple."""
    if not is_dual(dual):
        return None
    items = types.UniTuple(dual.value, dual.count)

    def codegen(context, builder, sig, arguments):
        _, partials = open_dual(context, builder, dual, arguments[0])
        return context.make_tuple(builder, items, unpack(builder, dual, partials))

    return items(dual), codegen


@overload_attribute(DualType, "partials")
def _partials(dual):
    return lambda dual: partials_of(dual)


# Numba's own np.real reads the attribute, so the attribute can't call np.real.


def real_of(dual):
    raise NotImplementedError("compiled code only")


def imag_of(dual):
    raise NotImplementedError("compiled code only")


@overload_attribute(DualType, "real")
def _real(dual):
    return lambda dual: real_of(dual)


@overload_attribute(DualType, "imag")
def _imag(dual):
    return lambda dual: imag_of(dual)


@overload_method(DualType, "conjugate")
def _conjugate(dual):
    return lambda dual: np.conjugate(dual)


@intrinsic
def dual_of_parts(typingctx, value, partials):
    """Return a dual made of its value and its partials: one number, or a tuple of them."""
    kinds = tuple(partials) if isinstance(partials, types.BaseTuple) else (partials,)
    kinds = tuple(map(types.unliteral, kinds))
    number = typingctx.unify_types(floating(types.unliteral(value)), *map(floating, kinds))
    if number is None or not kinds:
        return None
    depth = 1 + (number.depth if is_dual(number) else 0)
    dual = DualType(number, len(kinds), depth)

    def codegen(context, builder, sig, arguments):
        value, partials = arguments
        parts = [partials]
        if isinstance(sig.args[1], types.BaseTuple):
            parts = cgutils.unpack_tuple(builder, partials, len(kinds))
        value = context.cast(builder, value, sig.args[0], number)
        parts = [
            context.cast(builder, part, kind, number)
            for part, kind in zip(parts, kinds, strict=True)
        ]
        return make_dual(context, builder, dual, value, pack(builder, dual, parts))

    return dual(value, partials), codegen
