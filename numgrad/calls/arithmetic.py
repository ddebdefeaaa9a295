"""Values and slopes that are a few instructions, written where they are asked for.

A body of the table is compiled as a function of its own, and for an instruction that takes as long
as for fifty. Here the commonest are written into the code that calls them, and nothing is compiled.
Their instructions are those that Numba makes of the body, in NumPy's error model.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial, reduce
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.typing.templates import signature

from numgrad.calls.powers import EXPONENTS
from numgrad.rules import table

Parts = tuple[Any, ...]  # the value and the slopes
Formula = Callable[..., Parts]


class Writer:
    """What writes instructions on floats of one type."""

    def __init__(self, context: Any, builder: Any, kind: types.Float) -> None:
        self.context, self.builder, self.kind = context, builder, kind
        self.plus, self.minus = builder.fadd, builder.fsub
        self.times, self.over = builder.fmul, builder.fdiv

    def number(self, value: float) -> Any:
        return ir.Constant(self.context.get_value_type(self.kind), value)

    def negated(self, x: Any) -> Any:
        return self.minus(self.number(-0.0), x)

    def call(self, function: Any, x: Any) -> Any:
        """Call a function of the math module, which NumPy's of the same name is too."""
        sig = signature(self.kind, self.kind)
        return self.context.get_function(function, sig)(self.builder, [x])


def formula_of(body: Any, argtypes: tuple[Any, ...]) -> Formula | None:
    """Return what writes the value and the slopes of an entry, or None if its body is compiled."""
    first, *rest = argtypes
    if first not in (types.float32, types.float64) or any(kind != first for kind in rest):
        return None
    if body in EXPONENTS:
        return partial(power, EXPONENTS[body])
    return FORMULAS.get(body)


def may_write(context: Any, builder: Any) -> bool:
    """Whether an instruction stays as written, and isn't one of fast mathematics afterwards.

    In a ``try`` a call keeps Numba from dropping counts of references that an error goes past.
    """
    return not (context.fastmath or is_in_try(builder))


def is_in_try(builder: Any) -> bool:
    with suppress(AttributeError):
        return bool(builder._in_try_block)
    return False


def add(w: Writer, x: Any, y: Any) -> Parts:
    return w.plus(x, y), w.number(1.0), w.number(1.0)


def subtract(w: Writer, x: Any, y: Any) -> Parts:
    return w.minus(x, y), w.number(1.0), w.number(-1.0)


def multiply(w: Writer, x: Any, y: Any) -> Parts:
    return w.times(x, y), y, x


def divide(w: Writer, x: Any, y: Any) -> Parts:
    quotient = w.over(x, y)
    return quotient, w.over(w.number(1.0), y), w.over(w.negated(quotient), y)


def negative(w: Writer, x: Any) -> Parts:
    return w.negated(x), w.number(-1.0)


def square(w: Writer, x: Any) -> Parts:
    return w.times(x, x), w.times(w.number(2.0), x)


def reciprocal(w: Writer, x: Any) -> Parts:
    inverse = w.over(w.number(1.0), x)
    return inverse, w.times(w.negated(inverse), inverse)


def power(n: int, w: Writer, x: Any) -> Parts:
    """Multiply as `numgrad.calls.powers` writes it out."""
    squares = [x]
    while 2 ** len(squares) <= max(abs(n), abs(n - 1)):
        squares.append(w.times(squares[-1], squares[-1]))

    def product(exponent: int) -> Any:
        factors = [square for k, square in enumerate(squares) if exponent >> k & 1]
        return reduce(w.times, factors) if factors else w.number(1.0)

    factor = w.number(float(n))
    if n >= 0:
        return product(n), w.times(factor, product(n - 1)) if n else w.number(0.0)
    inverse = w.over(w.number(1.0), product(-n))
    return inverse, w.over(w.times(factor, inverse), x)


def sqrt(w: Writer, x: Any) -> Parts:
    root = w.call(math.sqrt, x)
    return root, w.over(w.number(0.5), w.plus(root, w.number(0.0)))


def exp(w: Writer, x: Any) -> Parts:
    value = w.call(math.exp, x)
    return value, value


def expm1(w: Writer, x: Any) -> Parts:
    return w.call(math.expm1, x), w.call(math.exp, x)


def log(w: Writer, x: Any) -> Parts:
    return w.call(math.log, x), w.over(w.number(1.0), w.plus(x, w.number(0.0)))


def log1p(w: Writer, x: Any) -> Parts:
    return w.call(math.log1p, x), w.over(w.number(1.0), w.plus(w.number(1.0), x))


def sin(w: Writer, x: Any) -> Parts:
    return w.call(math.sin, x), w.call(math.cos, x)


def cos(w: Writer, x: Any) -> Parts:
    return w.call(math.cos, x), w.negated(w.call(math.sin, x))


def tan(w: Writer, x: Any) -> Parts:
    value = w.call(math.tan, x)
    return value, w.plus(w.number(1.0), w.times(value, value))


def arctan(w: Writer, x: Any) -> Parts:
    slope = w.over(w.number(1.0), w.plus(w.number(1.0), w.times(x, x)))
    return w.call(math.atan, x), slope


def sinh(w: Writer, x: Any) -> Parts:
    return w.call(math.sinh, x), w.call(math.cosh, x)


def cosh(w: Writer, x: Any) -> Parts:
    return w.call(math.cosh, x), w.call(math.sinh, x)


FORMULAS: dict[Any, Formula] = {
    table.add: add,
    table.subtract: subtract,
    table.multiply: multiply,
    table.divide: divide,
    table.negative: negative,
    table.square: square,
    table.reciprocal: reciprocal,
    table.sqrt: sqrt,
    table.exp: exp,
    table.expm1: expm1,
    table.log: log,
    table.log1p: log1p,
    table.sin: sin,
    table.cos: cos,
    table.tan: tan,
    table.arctan: arctan,
    table.sinh: sinh,
    table.cosh: cosh,
}
