"""Ufuncs that write to an array of the caller's."""

from typing import Any

import numpy as np
from numba import types
from numba.core.typing.templates import builtin_registry, signature
from numba.extending import lower_builtin

from numgrad.calls.elementwise import element, lower_elementwise
from numgrad.calls.entries import Entry
from numgrad.numbers.carrier import is_carrier
from numgrad.numbers.emitting import return_type
from numgrad.rules import registry


class EntryInto(Entry):
    """The signatures of a ufunc with an output among its arguments."""

    def generic(self, arguments, keywords):
        if keywords or len(arguments) != self.function.nargs:
            return None
        *inputs, out = arguments
        if not isinstance(out, types.Array) or not is_carrier(out.dtype) or not out.mutable:
            return None
        result = return_type(self.context, self.function, [element(argtype) for argtype in inputs])
        if result is None or self.context.can_convert(result, out.dtype) is None:
            return None
        return signature(out, *arguments)

    @classmethod
    def lowering_key(cls):
        return "numgrad", cls.function, "into"

    @classmethod
    def lower(cls, context, builder, sig, arguments):
        argtypes = sig.args[:-1]
        into = sig.return_type(*argtypes)
        *inputs, out = arguments
        return lower_elementwise(context, builder, cls.function, into, inputs, (out,))


def register_into(function):
    """Teach Numba a ufunc of the table with an output."""
    attributes = {"key": staticmethod(function), "function": staticmethod(function)}
    template: Any = type(f"Dual_{function.__name__}_into", (EntryInto,), attributes)
    builtin_registry.register_global(function, types.Function(template))
    lower_builtin(template.lowering_key(), types.VarArg(types.Any))(template.lower)


for _function in registry.TABLE:
    if isinstance(_function, np.ufunc) and _function.nout == 1:
        register_into(_function)
