"""Every entry of the table as a function of Numba.

For each function of the table Numba learns one more signature, for arguments among which there are
duals. The entry's body is compiled for their values; what it returns, the value and the slopes,
becomes a dual in `numba_lowering`.
"""

import operator
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any
from uuid import uuid4

import numpy as np
from numba import typeof, types
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaTypeError
from numba.core.typing.templates import AbstractTemplate, builtin_registry, signature
from numba.extending import lower_builtin, overload

from numgrad.caching.contents import is_known_file
from numgrad.calls.builtins import folded, imag_of, real_of
from numgrad.calls.elementwise import (
    accept_duals,
    array_type,
    element,
    has_array,
    lower_elementwise,
    without_dimensions,
)
from numgrad.calls.powers import LARGEST, integer_power, literal_power
from numgrad.numbers.dual.lowering import (
    is_active,
    is_none,
    lower_derivation,
    raise_as_numbers_do,
    return_type,
)
from numgrad.numbers.dual.type import (
    DualType,
    in_precision,
    is_constant_for,
    is_dual,
    number_of,
)
from numgrad.rules import registry, special
from numgrad.targets.options import INTERNAL, internal_njit

FLOATING = types.Float | types.Complex


@dataclass(frozen=True)
class Derivation:
    """How to call a function of the table with arguments of given types."""

    callee: Any
    kinds: tuple[types.Type, ...]  # of the callee's arguments
    dual: DualType  # the highest among the arguments
    result: types.Type
    returned: Any = ()  # the types of value and slopes, where that is not the result itself
    smooth: bool = False  # whether the slopes are known to be finite
    by_tangents: bool = False  # whether the callee takes a tangent and returns one
    is_product: bool = False  # or a quotient
    has_poles: bool = False  # whether finite arguments can have infinite slopes


@cache
def derivation(typingctx, function, rule, kinds):
    """Return how to call a function of the table, or None where that isn't for us."""
    dual = max(filter(is_dual, kinds), key=lambda kind: kind.depth, default=None)
    if dual is None or not all(has_place(kind, dual) for kind in kinds):
        return None
    if function in registry.COMPLEX_TABLE and isinstance(dual.number, types.Complex):
        return tangent_derivation(typingctx, registry.COMPLEX_TABLE[function], dual)
    if rule.kind == "composite":
        body = rule.body if len(kinds) == rule.arity else folded(function, len(kinds))
        return plain_derivation(typingctx, compiled_body(body, kinds), kinds, dual)
    values = tuple(kind.value if is_active(kind, dual) else kind for kind in kinds)
    if rule.kind == "tangent":
        return tangent_derivation(typingctx, rule, dual)
    if rule.kind == "predicate":
        return plain_derivation(typingctx, function, values, dual)
    body, values, smooth = rule_for(function, rule, values)
    smooth = smooth and not (rule.kinked and any(map(is_dual, values)))
    callee = compiled_body(body, values)
    returned = return_type(typingctx, callee, values)
    if returned is None:
        return None
    value, *slopes = returned
    for position, (kind, slope) in enumerate(zip(kinds, slopes, strict=False)):
        if isinstance(slope, types.EllipsisType) and is_active(kind, dual):
            raise NumbaTypeError(
                f"No formula gives the slope of {rule.name} in its argument {position}, counted "
                "from 0, which carries derivatives"
            )
    if all(map(is_none, slopes)):
        return plain_derivation(typingctx, function, values, dual)
    value = as_precise(value, single=are_single(values))
    if is_dual(dual.value):  # the slopes may have derivatives where the value has none
        value = typingctx.unify_pairs(value, dual.value) or value
    result = DualType(value, dual.count, dual.depth)
    name = rule.functions[0]
    return Derivation(
        callee,
        values,
        dual,
        result,
        returned,
        smooth,
        is_product=name in (np.multiply, np.divide),
        has_poles=not (smooth or name in registry.OVERFLOWING),
    )


def plain_derivation(typingctx, callee, kinds, dual):
    """Return a derivation by a call that gives the result itself."""
    returned = return_type(typingctx, callee, kinds)
    return None if returned is None else Derivation(callee, kinds, dual, returned)


def tangent_derivation(typingctx, rule, dual):
    """Return a derivation by an entry that gives the value and the tangent."""
    kinds = dual.value, dual.value
    callee = compiled_body(rule.body, kinds)
    returned = return_type(typingctx, callee, kinds)
    if returned is None:
        return None
    value = typingctx.unify_types(*returned)  # for one of them may have derivatives alone
    result = DualType(value, dual.count, dual.depth)
    return Derivation(callee, kinds, dual, result, returned, by_tangents=True)


POWERS = (operator.pow, pow, np.power)


def rule_for(function, rule, kinds):
    """Return the body of a rule, the types of its arguments, and whether it is smooth."""
    if function not in POWERS or not isinstance(kinds[1], types.Integer):
        return rule.body, in_common(kinds), rule.smooth
    base, exponent = kinds
    if isinstance(exponent, types.IntegerLiteral) and abs(exponent.literal_value) <= LARGEST:
        n = exponent.literal_value
        return literal_power(n), (base,), n >= 0
    return integer_power, (base, types.int64), False


def has_place(kind, dual):
    """Return whether an argument may stand beside a dual."""
    if is_dual(kind) and kind.depth == dual.depth:
        return kind.count == dual.count
    return is_constant_for(dual, kind) or is_none(kind)


def in_common(kinds):
    """Return the types in which arguments go to a rule: floats, of the highest precision."""
    kinds = [typeof(kind.value) if isinstance(kind, types.Omitted) else kind for kind in kinds]
    return tuple(as_precise(kind, single=are_single(kinds)) for kind in kinds)


def as_precise(kind, *, single):
    """Return a type of numbers in single or double precision."""
    if isinstance(number_of(kind), types.Complex):
        return in_precision(kind, types.complex64 if single else types.complex128)
    return in_precision(kind, types.float32 if single else types.float64)


def floating(kind):
    """Return the type of a value that may carry derivatives."""
    return kind if is_dual(kind) or isinstance(kind, FLOATING) else types.float64


# Bodies, for numbers of either precision


def is_single(kind):
    return number_of(kind) in (types.float32, types.complex64)


def are_single(kinds):
    """Return whether no argument has more than single precision."""
    return all(is_single(kind) for kind in kinds if isinstance(number_of(kind), FLOATING))


def compiled_body(body, kinds):
    """Return the body of an entry, its literals as precise as the arguments."""
    return _compiled_body(getattr(body, "py_func", body), are_single(kinds))


@cache
def _compiled_body(body, single):
    return internal_njit(with_single_literals(body) if single else renamed(body))


def renamed(body):
    """Return a body of a user's rule under a name of its own, as `source.function_of` gives one.

    Many a program calls all of them ``_``.
    """
    if not isinstance(body, FunctionType) or is_known_file(body.__code__.co_filename):
        return body
    code, names = body.__code__, body.__globals__
    copy = FunctionType(code, names, body.__name__, body.__defaults__, body.__closure__)
    copy.__kwdefaults__ = body.__kwdefaults__
    copy.__qualname__ = f"{body.__qualname__}.{uuid4().hex}"
    return copy


def with_single_literals(body):
    """Return a function whose constants are float32: one float64 would make all others float64."""
    code, names = body.__code__, body.__globals__
    constants = {name: narrowed(names[name]) for name in code.co_names if name in names}
    code = code.replace(
        co_consts=tuple(map(narrowed, code.co_consts)), co_name=f"{body.__name__}_single"
    )
    return renamed(
        FunctionType(code, names | constants, code.co_name, body.__defaults__, body.__closure__)
    )


def narrowed(constant):
    """Return a constant, and those in a tuple, in single precision."""
    if type(constant) is tuple:
        return tuple(map(narrowed, constant))
    with np.errstate(over="ignore"):
        return {float: np.float32, complex: np.complex64}.get(type(constant), lambda c: c)(constant)


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
        more = rule.kind == "predicate" or self.function in (max, min)
        return count == rule.arity or (more and count > rule.arity)

    def number(self, kinds):
        this = self.derivation(self.context, kinds)
        return None if this is None else this.result

    def array(self, kinds):
        result, target = array_type(self.context, self.function, kinds), kinds[0]
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
    def derivation(cls, typingctx, kinds):
        return derivation(typingctx, cls.function, registry.entry(cls.function), kinds)

    @classmethod
    def lower(cls, context, builder, sig, arguments):
        if not isinstance(sig.return_type, types.Array):
            kinds, arguments = without_dimensions(context, builder, sig.args, arguments)
            raise_as_numbers_do(context, builder, cls.function, kinds, arguments)
            this = cls.derivation(context.typing_context, tuple(kinds))
            return lower_derivation(context, builder, this, kinds, arguments)
        out = arguments[:1] if cls.in_place and isinstance(sig.args[0], types.Array) else ()
        return lower_elementwise(context, builder, cls.function, sig, arguments, out)


class StandInEntry(Entry):
    """The signatures of what stands in the place of a compiled function that has a rule."""

    def generic(self, arguments, keywords):
        pysig, folded_kinds = self.function._compiler.fold_argument_types(arguments, keywords)
        if has_array(folded_kinds) and any(is_dual(element(kind)) for kind in folded_kinds):
            raise NumbaTypeError(
                f"the rule for {self.function.__name__} is one of numbers, not of arrays: call the "
                "function for each number, or make it by numba.vectorize"
            )
        this = self.derivation(self.context, folded_kinds)
        if this is None:
            return None
        return signature(this.result, *folded_kinds).replace(pysig=pysig)

    @classmethod
    def derivation(cls, typingctx, kinds):
        if any(map(is_dual, kinds)):
            return super().derivation(typingctx, kinds)
        return plain_derivation(typingctx, cls.function, kinds, None)

    @classmethod
    def lower(cls, context, builder, sig, arguments):
        this = cls.derivation(context.typing_context, sig.args)
        return lower_derivation(context, builder, this, sig.args, arguments)


def register(spelling, function, base=Entry, *, in_place=False):
    """Teach Numba what to do where a program calls a function of the table, or another for it."""
    attributes = {
        "key": staticmethod(spelling),
        "function": staticmethod(function),
        "in_place": in_place,
        "prefer_literal": function in POWERS,
    }
    template = type(f"Dual_{registry.entry(function).name}", (base,), attributes)
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

    call.stands_for = dispatcher
    register(call, dispatcher, StandInEntry)
    return call


@cache
def register_table():
    """Teach Numba the whole table, and what is added to it from now on."""
    accept_duals()
    for formula in special.FORMULAS:
        register_formula(formula)
    for function in registry.TABLE:
        register_function(function)
    register(real_of, np.real)
    register(imag_of, np.imag)
    registry.listeners.append(register_function)


def register_formula(formula):
    """Teach Numba a function that NumPy lacks."""

    @overload(formula, jit_options=INTERNAL, strict=False)
    def typed(*arguments):
        if any(map(is_dual, arguments)):
            return None
        body = formula.__wrapped__
        return with_single_literals(body) if all(map(is_single, arguments)) else body
