"""Every entry of the table as a function of Numba.

For each function of the table Numba learns one more signature, for arguments among which there are
duals. The entry's body is compiled for their values; what it returns, the value and the slopes,
becomes a carrier in `lowering`.
"""

import operator
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaTypeError
from numba.core.typing.templates import AbstractTemplate, builtin_registry, signature
from numba.extending import lower_builtin, overload

from numgrad.calls.builtins import imaginary_part_of, real_part_of
from numgrad.calls.derivations import (
    POWERS,
    derivation,
    is_single,
    plain_derivation,
    with_single_literals,
)
from numgrad.calls.elementwise import (
    accept_duals,
    array_type,
    element,
    has_array,
    lower_elementwise,
    without_dimensions,
)
from numgrad.calls.lowering import lower_derivation, raise_as_numbers_do
from numgrad.numbers.carrier import is_carrier
from numgrad.rules import registry, special
from numgrad.targets.options import INTERNAL

# Registration


class Entry(AbstractTemplate):
    """The signatures of one function of the table."""

    function: Any  # under which it is in the table
    in_place = False

    def generic(self, arguments, keywords):
        result, arguments = None, tuple(arguments)
        if not keywords and self.takes(len(arguments)):
            result = self.array(arguments) if has_array(arguments) else self.number(arguments)
        return None if result is None else signature(result, *arguments)

    def takes(self, count):
        rule = registry.entry(self.function)
        more = rule.kind == "piecewise_constant" or self.function in (max, min)
        return count == rule.arity or (more and count > rule.arity)

    def number(self, argtypes):
        derivation = self.derivation(self.context, argtypes)
        return None if derivation is None else derivation.result

    def array(self, argtypes):
        result, target = array_type(self.context, self.function, argtypes), argtypes[0]
        if result is None or not (self.in_place and isinstance(target, types.Array)):
            return result
        fits = self.context.can_convert(element(result), target.dtype) is not None
        return target if fits and getattr(result, "ndim", 0) == target.ndim else None

    def get_impl_key(self, sig):
        return self.lowering_key()

    @classmethod
    def lowering_key(cls):
        return "numgrad", cls.function, cls.in_place

    @classmethod
    def derivation(cls, typingctx, argtypes):
        return derivation(typingctx, cls.function, registry.entry(cls.function), argtypes)

    @classmethod
    def lower(cls, context, builder, sig, arguments):
        if not isinstance(sig.return_type, types.Array):
            argtypes, arguments = without_dimensions(context, builder, sig.args, arguments)
            raise_as_numbers_do(context, builder, cls.function, argtypes, arguments)
            derivation = cls.derivation(context.typing_context, tuple(argtypes))
            return lower_derivation(context, builder, derivation, argtypes, arguments)
        out = arguments[:1] if cls.in_place and isinstance(sig.args[0], types.Array) else ()
        return lower_elementwise(context, builder, cls.function, sig, arguments, out)


class StandInEntry(Entry):
    """The signatures of the stand-in for a compiled function that has a rule."""

    def generic(self, arguments, keywords):
        pysig, folded_argtypes = self.function._compiler.fold_argument_types(arguments, keywords)
        if has_array(folded_argtypes) and any(
            is_carrier(element(argtype)) for argtype in folded_argtypes
        ):
            raise NumbaTypeError(
                f"the rule for {self.function.__name__} is one of numbers, not of arrays: call the "
                "function for each number, or make it by numba.vectorize"
            )
        derivation = self.derivation(self.context, folded_argtypes)
        if derivation is None:
            return None
        return signature(derivation.result, *folded_argtypes).replace(pysig=pysig)

    @classmethod
    def derivation(cls, typingctx, argtypes):
        if any(map(is_carrier, argtypes)):
            return super().derivation(typingctx, argtypes)
        return plain_derivation(typingctx, cls.function, argtypes, None)

    @classmethod
    def lower(cls, context, builder, sig, arguments):
        derivation = cls.derivation(context.typing_context, sig.args)
        return lower_derivation(context, builder, derivation, sig.args, arguments)


def register(spelling, function, base=Entry, *, in_place=False):
    """Teach Numba what to do where a program calls a function of the table, or another for it."""
    attributes = {
        "key": staticmethod(spelling),
        "function": staticmethod(function),
        "in_place": in_place,
        "prefer_literal": function in POWERS,
    }
    template: Any = type(f"Dual_{registry.entry(function).name}", (base,), attributes)
    builtin_registry.register_global(spelling, types.Function(template))
    lower_builtin(template.lowering_key(), types.VarArg(types.Any))(template.lower)


@cache
def register_function(function):
    """Teach Numba a function of the table, and the operator that assigns its result."""
    if isinstance(function, Dispatcher):
        return  # called through its stand-in
    register(function, function)
    name = getattr(function, "__name__", "").strip("_")
    if function is getattr(operator, name, None) and hasattr(operator, f"i{name}"):
        register(getattr(operator, f"i{name}"), function, in_place=True)


@cache
def stand_in(dispatcher):
    """Return a function that follows the rule of a compiled function where there are duals.

    Numba calls a compiled function directly and never asks for its rule. Compiled code that may
    have duals calls this one in its place; without them it is the function itself.
    """

    def call(*arguments):
        return dispatcher(*arguments)

    caller: Any = call
    caller.stands_for = dispatcher
    register(caller, dispatcher, StandInEntry)
    return caller


@cache
def register_table():
    """Teach Numba the whole table, and what is added to it from now on."""
    accept_duals()
    for formula in special.FORMULAS:
        register_formula(formula)
    for function in registry.TABLE:
        register_function(function)
    register(real_part_of, np.real)
    register(imaginary_part_of, np.imag)
    registry.listeners.append(register_function)


def register_formula(formula):
    """Teach Numba a function that NumPy lacks."""

    @overload(formula, jit_options=INTERNAL, strict=False)
    def typed(*arguments):
        if any(map(is_carrier, arguments)):
            return None
        body = formula.__wrapped__
        return with_single_literals(body) if all(map(is_single, arguments)) else body
