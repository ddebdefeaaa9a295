"""Values and slopes that are a few instructions, written where they are asked for.

A body of the table is compiled as a function of its own, and for an instruction that takes as long
as for fifty. A body without branches that takes no more than a few steps is run here on symbols,
which keep what is done with them; that is written into the code that calls it, and nothing is
compiled. The instructions are those that Numba makes of the body, in NumPy's error model.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import signature

from numgrad.calls import powers
from numgrad.rules import table

Parts = tuple[Any, ...]  # the value and the slopes
Formula = tuple[list["Symbol"], Parts]  # the arguments of a body, and what it returns for them
MOST_STEPS = 24
# NumPy's functions that Numba compiles to the same as those of the math module
CALLED: dict[Any, Callable[[float], float]] = {
    np.arctan: math.atan,
    **{
        getattr(np, name): getattr(math, name)
        for name in ("cos", "cosh", "exp", "expm1", "log", "log1p", "sin", "sinh", "sqrt", "tan")
    },
}


class NotStraightError(TypeError):
    """A body does what can't be written as a few steps."""


class Symbol:
    """A number that keeps how it comes from the arguments of a body."""

    def __init__(self, step: Any, *operands: "Symbol | float") -> None:
        self.step, self.operands = step, operands

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> "Symbol":
        if ufunc not in CALLED or method != "__call__" or keywords:
            raise NotStraightError
        return Symbol(CALLED[ufunc], *inputs)

    def __neg__(self) -> "Symbol":
        return Symbol("fsub", -0.0, self)

    def _refused(self, *_: Any) -> Any:
        raise NotStraightError

    __bool__ = __float__ = __int__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refused
    __hash__ = object.__hash__


def _operator(step: str, *, is_reflected: bool) -> Callable[[Symbol, Any], Symbol]:
    def apply(self: Symbol, other: Any) -> Symbol:
        if not isinstance(other, Symbol | float):
            raise NotStraightError
        return Symbol(step, other, self) if is_reflected else Symbol(step, self, other)

    return apply


for _name, _step in (("add", "fadd"), ("sub", "fsub"), ("mul", "fmul"), ("truediv", "fdiv")):
    setattr(Symbol, f"__{_name}__", _operator(_step, is_reflected=False))
    setattr(Symbol, f"__r{_name}__", _operator(_step, is_reflected=True))


def formula_of(body: Any, argtypes: tuple[Any, ...]) -> Formula | None:
    """Return what writes the value and the slopes, or None if the body is to be compiled."""
    first, *rest = argtypes
    if first not in (types.float32, types.float64) or any(kind != first for kind in rest):
        return None
    return straight(body) if body.__module__ in (table.__name__, powers.__name__) else None


@cache
def straight(body: Any) -> Formula | None:
    """Return what a body returns for symbols, or None if it isn't a few steps without branches."""
    arguments = [Symbol(None) for _ in range(body.__code__.co_argcount)]
    try:
        parts = body(*arguments)
    except (TypeError, AttributeError, NotImplementedError):
        return None
    if not isinstance(parts, tuple) or not all(isinstance(each, Symbol | float) for each in parts):
        return None
    return (arguments, parts) if len(steps_of(parts)) <= MOST_STEPS else None


def steps_of(parts: Parts) -> list[Symbol]:
    """List the steps to some symbols, those that are needed first before."""
    found: dict[int, Symbol] = {}

    def take(part: Symbol | float) -> None:
        if isinstance(part, Symbol) and part.step is not None and id(part) not in found:
            for operand in part.operands:
                take(operand)
            found[id(part)] = part

    for part in parts:
        take(part)
    return list(found.values())


def may_write(context: Any, builder: Any) -> bool:
    """Whether an instruction stays as written, and isn't one of fast mathematics afterwards.

    In a ``try`` a call keeps Numba from dropping counts of references that an error goes past
    (`tests/numbers/tape/test_loops.py` has such a loop).
    """
    return not (context.fastmath or is_in_try(builder))


def is_in_try(builder: Any) -> bool:
    with suppress(AttributeError):
        return bool(builder._in_try_block)
    return False


def written(context: Any, builder: Any, kind: Any, formula: Formula, values: Any) -> list[Any]:
    """Write the steps of a formula on floats of one type; return the value and the slopes."""
    arguments, parts = formula
    known = {id(symbol): value for symbol, value in zip(arguments, values, strict=True)}

    def number(part: Symbol | float) -> Any:
        if isinstance(part, Symbol):
            return known[id(part)]
        return ir.Constant(context.get_value_type(kind), part)

    for symbol in steps_of(parts):
        operands = [number(operand) for operand in symbol.operands]
        if isinstance(symbol.step, str):
            known[id(symbol)] = getattr(builder, symbol.step)(*operands)
        else:
            function = context.get_function(symbol.step, signature(kind, kind))
            known[id(symbol)] = function(builder, operands)
    return [number(part) for part in parts]
