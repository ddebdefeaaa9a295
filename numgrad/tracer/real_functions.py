"""The functions of ``math``, and ``sum``, on traced numbers: with the values that they have."""

import builtins
import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.rules.registry import TABLE
from numgrad.tracer.elements import is_dual, values_of
from numgrad.tracer.numbers import NO_RULE, Traced, TracedNumber, elements_of, has_traced, plain
from numgrad.tracer.operators import as_python, computed_by, is_python, python_value
from numgrad.tracer.places import refusal
from numgrad.tracer.values import valued


def of_math(function: Any) -> Any:
    """Return a function of `math` that takes traced numbers."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        if function in (math.fsum, math.prod) and arguments:  # which may be given an iterator
            arguments = (list(arguments[0]), *arguments[1:])
        if not has_traced(arguments):
            return function(*arguments, **keywords)
        _raise_as(function, arguments, keywords)
        way: Callable[..., Any] = MATH.get(function, _by_rule)
        return as_python(way(function, *arguments, **keywords))

    return call


def _raise_as(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Raise what a function of `math` raises for values, such as those out of its domain."""
    if any(isinstance(each, Traced) and each.ndim for each in arguments):
        return
    if function not in (math.fsum, math.prod):  # which may be given what can be read once
        function(*map(_as_float, arguments), **keywords)


def _as_float(x: Any) -> Any:
    if isinstance(x, list | tuple) or not has_traced(x):
        return [_as_float(each) for each in x] if isinstance(x, list | tuple) else x
    return python_value(x) if isinstance(x, TracedNumber) else values_of(elements_of(x))


def _by_rule(function: Any, *arguments: Any, **keywords: Any) -> Any:
    rule = TABLE.get(function)
    if rule is not None and not keywords:
        return computed_by(function, arguments)
    if (rule is not None and rule.kind == "piecewise_constant") or not is_dual(
        elements_of(arguments)
    ):
        return function(*map(plain, arguments), **keywords)
    raise refusal(f"math.{function.__name__} has no rule.", NO_RULE)


def _log(function: Any, x: Any, *base: Any) -> Any:
    results = [computed_by(function, (each,)) for each in (x, *base)]
    return results[0] / results[1] if base else results[0]


def _hypot(_: Any, *sides: Any) -> Any:
    if len(sides) == 2:
        return computed_by(np.hypot, sides, math.hypot)
    return _with_value(functools.reduce(np.hypot, sides, 0.0), math.hypot(*map(_as_float, sides)))


def _dist(_: Any, p: Any, q: Any) -> Any:
    length = _hypot(_, *(a - b for a, b in zip(p, q, strict=True)))
    return _with_value(length, math.dist(_as_float(list(p)), _as_float(list(q))))


def _fsum(_: Any, numbers: Any) -> Any:
    numbers = list(numbers)
    return _with_value(builtins.sum(numbers), math.fsum(map(_as_float, numbers)))


def total(numbers: Any, /, start: Any = 0) -> Any:
    """Return `sum`, which adds Python's numbers with less rounding from Python 3.12 on."""
    numbers = list(numbers)
    if not all(is_python(each) for each in (start, *numbers)):
        return builtins.sum(numbers, start)
    total = builtins.sum(numbers, start)
    return _with_value(total, builtins.sum(map(_as_float, numbers), _as_float(start)))


def _with_value(number: Any, value: Any) -> Any:
    """Return a traced number with another value, that which the function itself gives."""
    if not isinstance(number, TracedNumber):
        return number
    return TracedNumber(valued(number.elements, value), number.node, number.is_python)


MATH: dict[Any, Any] = {
    math.log: _log,
    math.hypot: _hypot,
    math.fsum: _fsum,
    math.prod: lambda _, numbers, start=1: functools.reduce(operator.mul, numbers, start),
    math.dist: _dist,
}
