"""Blocks of object mode: they are given values, and only what has no derivatives comes back.

Python may do anything with an array that it gets. The values are copies, and so that nothing is
lost which a block writes to one, they are read-only.
"""

from numba import types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload

from numgrad.arrays import activation
from numgrad.numbers.carrier import is_carrier, without_derivatives
from numgrad.twin.errors import WITHOUT_COMPILING, located

REASON = "A block of object mode uses numbers with derivatives, which it can't hand on."


def takes_values(activity, call, caller):
    """Whether a call is one of a block that uses what has derivatives; raise if it can't."""
    kind = activity.type_of(call.func.name)
    given = [activity.type_of(v.name) for v in call.args if activity.is_active(v.name)]
    if not (isinstance(kind, types.ObjModeDispatcher) and given):
        return False
    if all(map(may_be_given, given)) and has_no_derivative(kind.dispatcher.output_types):
        return True
    raise located(caller, call.loc.filename, call.loc.line, REASON, WITHOUT_COMPILING)


def has_no_derivative(kind):
    """Whether a type is made of whole numbers, truth values and text alone."""
    if isinstance(kind, types.BaseTuple):
        return all(map(has_no_derivative, kind.types))
    if isinstance(kind, types.Array):
        return isinstance(kind.dtype, types.Integer | types.Boolean)
    return isinstance(kind, types.Integer | types.Boolean | types.NoneType | types.UnicodeType)


def may_be_given(kind):
    """Whether a value with derivatives can go into a block: a number, or an array of them."""
    number = kind.dtype if isinstance(kind, types.Array) else kind
    return isinstance(number, types.Float | types.Complex)


def value_of(thing):
    raise NotImplementedError("compiled code only")


@overload(value_of, strict=False)
def _value_of(thing):
    if is_carrier(thing):
        return lambda thing: activation.shown(thing)
    if without_derivatives(thing) != thing:
        return lambda thing: read_only(activation.shown(thing))
    return lambda thing: thing


@intrinsic
def read_only(typingctx, array):
    """Return an array that Python can't write to."""

    def codegen(context, builder, sig, arguments):
        return impl_ret_borrowed(context, builder, sig.return_type, arguments[0])

    return array.copy(readonly=True)(array), codegen
