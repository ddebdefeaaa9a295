"""``complex`` and the functions of ``cmath`` on traced numbers.

Their values are those of `cmath`, and their derivatives those of NumPy's functions of the same
names, whose branch cuts are the same.
"""

import cmath
import dis
import functools
from collections.abc import Callable
from types import CodeType
from typing import Any

import numpy as np

from numgrad.tracer.elements import values_of
from numgrad.tracer.numbers import TracedNumber, has_traced
from numgrad.tracer.operators import as_python, python_value
from numgrad.tracer.values import valued

COUNTERPARTS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in "exp log10 sqrt sin cos tan sinh cosh tanh".split()},
    **{name: getattr(np, f"arc{name[1:]}") for name in "asin acos atan asinh acosh atanh".split()},
    "phase": np.angle,
}


def make_complex(real: Any = 0.0, imag: Any = 0.0) -> Any:
    """Make a complex number, a traced one of traced parts."""
    if not has_traced((real, imag)):
        return complex(real) if isinstance(real, str) else complex(real, imag)
    return as_python(real + imag * 1j)


@functools.lru_cache(maxsize=512)
def calls_alone(code: CodeType, name: str = "complex") -> bool:
    """Tell whether all that code does with a class is to call it: then a function will do."""
    for each in dis.get_instructions(code):
        is_pushed_for_a_call = each.arg is not None and each.arg & 1
        if each.argval == name and not (each.opname == "LOAD_GLOBAL" and is_pushed_for_a_call):
            return False
    return all(calls_alone(each, name) for each in code.co_consts if isinstance(each, CodeType))


def of_cmath(function: Any) -> Any:
    """Return a function of `cmath` that takes traced numbers."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        if not has_traced(arguments):
            return function(*arguments)
        name = function.__name__
        value = function(*map(_value, arguments))
        if name in ("isnan", "isinf", "isfinite"):
            return value
        if name == "polar":
            (z,) = arguments
            parts = abs(z), np.angle(z)
            return tuple(_with_value(*pair) for pair in zip(parts, value, strict=True))
        return _with_value(_derived(name, *arguments), value)

    return call


def _derived(name: str, *arguments: Any) -> Any:
    if name == "rect":
        length, angle = arguments
        return length * np.cos(angle) + length * np.sin(angle) * 1j
    if name == "log":
        logarithms = [np.log(_as_complex(each)) for each in arguments]
        return logarithms[0] / logarithms[1] if len(logarithms) == 2 else logarithms[0]
    if name in COUNTERPARTS:
        return COUNTERPARTS[name](_as_complex(arguments[0]))
    raise NotImplementedError(f"cmath.{name} has no derivative here")


def _as_complex(z: Any) -> Any:
    return z + 0j if has_traced(z) else complex(z)


def _value(x: Any) -> Any:
    return python_value(x) if isinstance(x, TracedNumber) else x


def _with_value(number: Any, value: Any) -> Any:
    if not isinstance(number, TracedNumber):
        return value
    is_real = not isinstance(value, complex)
    if is_real and np.iscomplexobj(values_of(number.elements)):
        number = number.real
    return TracedNumber(valued(number.elements, value), number.node, True)


FUNCTIONS = {
    f: of_cmath(f) for f in vars(cmath).values() if callable(f) and not isinstance(f, type)
}
