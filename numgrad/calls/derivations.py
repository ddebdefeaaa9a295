"""The derivation of a function of the table: how it is called for given argument types."""

import operator
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any
from uuid import uuid4

import numpy as np
from numba import typeof, types
from numba.core.errors import NumbaTypeError

from numgrad.caching.known import is_known_file
from numgrad.calls.arithmetic import Formula, formula_of
from numgrad.calls.builtins import folded
from numgrad.calls.powers import LARGEST, integer_power, literal_power
from numgrad.numbers.carrier import (
    FLOATING,
    Carrier,
    in_precision,
    is_active,
    is_carrier,
    is_constant_for,
    is_none,
    number_of,
)
from numgrad.numbers.emitting import return_type
from numgrad.rules import registry
from numgrad.targets.options import internal_njit


@dataclass(frozen=True)
class Derivation:
    """The way to call a function of the table for given argument types."""

    callee: Any
    argtypes: tuple[types.Type, ...]  # of the callee's arguments
    carrier: Carrier | None  # the highest among the arguments
    result: types.Type
    returned: Any = ()  # the types of value and slopes, where that is not the result itself
    finite_partials: bool = False  # whether the slopes are known to be finite
    by_tangents: bool = False  # whether the callee takes a tangent and returns one
    is_product: bool = False  # or a quotient
    formula: Formula | None = None  # which writes value and slopes where the callee isn't called
    has_poles: bool = False  # whether finite arguments can have infinite slopes


@cache
def derivation(typingctx, function, rule, argtypes):
    """Find the derivation of a function of the table, or None where it isn't for us."""
    carrier = max(filter(is_carrier, argtypes), key=lambda argtype: argtype.depth, default=None)
    if carrier is None or not all(has_place(argtype, carrier) for argtype in argtypes):
        return None
    if function in registry.COMPLEX_TABLE and isinstance(carrier.number, types.Complex):
        return tangent_derivation(typingctx, registry.COMPLEX_TABLE[function], carrier)
    if rule.kind == "composite":
        argtypes = tuple(getattr(argtype, "stored", argtype) for argtype in argtypes)
        body = rule.body if len(argtypes) == rule.arity else folded(function, len(argtypes))
        return plain_derivation(typingctx, compiled_body(body, argtypes), argtypes, carrier)
    values = tuple(
        argtype.value if is_active(argtype, carrier) else argtype for argtype in argtypes
    )
    if rule.kind == "tangent":
        return tangent_derivation(typingctx, rule, carrier)
    if rule.kind == "piecewise_constant":
        return plain_derivation(typingctx, function, values, carrier)
    body, values, finite_partials = rule_for(function, rule, values)
    finite_partials = finite_partials and not (rule.kinked and any(map(is_carrier, values)))
    callee = compiled_body(body, values)
    formula = formula_of(body, values)
    if formula is None:
        returned = return_type(typingctx, callee, values)
    else:
        returned = values[:1] * (1 + len(values))
    if returned is None:
        return None
    value, *slopes = returned
    for position, (argtype, slope) in enumerate(zip(argtypes, slopes, strict=False)):
        if isinstance(slope, types.EllipsisType) and is_active(argtype, carrier):
            raise NumbaTypeError(
                f"No formula gives the slope of {rule.name} in its argument {position}, counted "
                "from 0, which carries derivatives"
            )
    if all(map(is_none, slopes)):
        return plain_derivation(typingctx, function, values, carrier)
    value = as_precise(value, single=are_single(values))
    if is_carrier(carrier.value):  # the slopes may have derivatives where the value has none
        value = typingctx.unify_pairs(value, carrier.value) or value
    operands = [
        argtype
        for argtype, slope in zip(argtypes, slopes, strict=False)
        if is_active(argtype, carrier) and not is_none(slope)
    ]
    result = carrier.of_operands(getattr(value, "stored", value), operands)
    name = rule.functions[0]
    return Derivation(
        callee,
        values,
        carrier,
        result,
        returned,
        finite_partials,
        formula=formula,
        is_product=name in (np.multiply, np.divide),
        has_poles=not (finite_partials or name in registry.OVERFLOWING),
    )


def plain_derivation(typingctx, callee, argtypes, carrier):
    """Return a derivation by a call that gives the result itself."""
    returned = return_type(typingctx, callee, argtypes)
    return None if returned is None else Derivation(callee, argtypes, carrier, returned)


def tangent_derivation(typingctx, rule, carrier):
    """Return a derivation by an entry that gives the value and the tangent."""
    argtypes = carrier.value, carrier.value
    callee = compiled_body(carrier.tangent_body(rule), argtypes)
    returned = return_type(typingctx, callee, argtypes)
    if returned is None:
        return None
    value = typingctx.unify_types(*returned)  # for one of them may have derivatives alone
    result = carrier.of_operands(getattr(value, "stored", value), [carrier])
    return Derivation(callee, argtypes, carrier, result, returned, by_tangents=True)


POWERS = (operator.pow, pow, np.power)


def rule_for(function, rule, argtypes):
    """Return the body of a rule, the types of its arguments, and whether its slopes are finite."""
    if function not in POWERS or not isinstance(argtypes[1], types.Integer):
        return rule.body, in_common(argtypes), rule.finite_partials
    base, exponent = argtypes
    if isinstance(exponent, types.IntegerLiteral) and abs(exponent.literal_value) <= LARGEST:
        n = exponent.literal_value
        return literal_power(n), (base,), n >= 0
    return integer_power, (base, types.int64), False


def has_place(argtype, carrier):
    """Whether an argument may stand beside a carrier."""
    if is_active(argtype, carrier):
        return argtype.is_alike(carrier)
    return is_constant_for(carrier, argtype) or is_none(argtype)


def in_common(argtypes):
    """Return the types in which arguments go to a rule: floats, of the highest precision."""
    argtypes = [
        typeof(argtype.value) if isinstance(argtype, types.Omitted) else argtype
        for argtype in argtypes
    ]
    return tuple(as_precise(argtype, single=are_single(argtypes)) for argtype in argtypes)


def as_precise(argtype, *, single):
    """Return a type of numbers in single or double precision."""
    if isinstance(number_of(argtype), types.Complex):
        return in_precision(argtype, types.complex64 if single else types.complex128)
    return in_precision(argtype, types.float32 if single else types.float64)


# Bodies, for numbers of either precision


def is_single(argtype):
    return number_of(argtype) in (types.float32, types.complex64)


def are_single(argtypes):
    """Whether no argument has more than single precision."""
    return all(
        is_single(argtype) for argtype in argtypes if isinstance(number_of(argtype), FLOATING)
    )


def compiled_body(body, argtypes):
    """Return the body of an entry, its literals as precise as the arguments."""
    return _compiled_body(getattr(body, "py_func", body), are_single(argtypes))


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
