"""Constants that become duals, because a number with derivatives is to stand beside them."""

from numba import types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload

from numgrad.duals.allocations import astype, compiled_only
from numgrad.duals.conversions import converted, primal_of
from numgrad.duals.numba_type import is_dual, with_partials

FLOATING = types.Float | types.Complex


def activated(dual, value):
    """Return an array of floats as one of duals, and everything else as it is."""
    compiled_only()


@intrinsic
def unchanged(typingctx, value):
    """Return a value as it is."""

    def codegen(context, builder, sig, arguments):
        return impl_ret_borrowed(context, builder, sig.return_type, arguments[0])

    return value(value), codegen


@overload(activated)
def _activated(dual, value):
    if isinstance(value, types.Array) and isinstance(value.dtype, FLOATING):
        elements = with_partials(dual.instance_type, value.dtype)
        return lambda dual, value: astype(dual, value, elements)
    return lambda dual, value: unchanged(value)


def activated_item(dual, value):
    """Return a number or an array of floats with derivatives, and everything else as it is."""
    compiled_only()


@overload(activated_item)
def _activated_item(dual, value):
    if isinstance(value, FLOATING):
        elements = with_partials(dual.instance_type, value)
        return lambda dual, value: converted(value, elements)
    return lambda dual, value: activated(dual, value)


def shown(value):
    """Return a value as it is printed: without its derivatives."""
    compiled_only()


@overload(shown, strict=False)
def _shown(value):
    if is_dual(value):
        return lambda value: primal_of(value)
    if isinstance(value, types.Array) and is_dual(value.dtype):
        from numgrad.duals.numba_shapes import values_of

        return lambda value: values_of(value)
    return lambda value: unchanged(value)
