"""Operators and methods of traced numbers and arrays: the functions of the table that they are."""

import functools
import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.numbers.dual.number import named
from numgrad.rules.registry import TABLE
from numgrad.tracer.arrays import TracedArray, traced
from numgrad.tracer.elements import computed, is_array, values_of
from numgrad.tracer.numbers import (
    NO_RULE,
    Traced,
    TracedNumber,
    elements_of,
    has_traced,
    is_operand,
    plain,
)
from numgrad.tracer.places import refusal
from numgrad.tracer.values import rounded_by

CONSTANT = "Keep that argument constant."


def computed_by(function: Any, operands: tuple[Any, ...], by: Any = None) -> Any:
    """Return what a function of the table gives for traced numbers and others.

    The value may be that of another way to call it: by an operator, or by a function of `math`.
    """
    if function is np.matmul:
        return np.matmul(*operands)
    if isinstance(function, np.ufunc) and function not in TABLE:
        _check_complex(function, operands)
    try:
        elements = computed(function, *map(elements_of, operands))
    except TypeError as error:
        if "no rule" in str(error):
            raise refusal(f"{function.__name__} has no rule.", NO_RULE) from error
        if "no formula" in str(error):
            raise refusal(f"{error}.", CONSTANT) from error
        raise
    elements = rounded_by(by or function, elements, operands)
    dtype = None
    if is_array(elements) and not elements.size:  # which doesn't tell
        dtype = function(*map(plain, operands)).dtype
    return traced(elements, function.__name__, operands, dtype)


# SciPy's functions whose slopes are those of complex numbers too.
OF_COMPLEX = frozenset(
    """
    dawsn erf erfc erfcx erfi exp1 expi expm1 hyp0f1 hyp1f1 hyp2f1 iv jv kv kve log1p log_ndtr ndtr
    spence wofz xlog1py xlogy yv
    """.split()
)


def _check_complex(function: Any, operands: tuple[Any, ...]) -> None:
    """Raise where a rule of real numbers would be followed for complex ones."""
    if function.__name__ in OF_COMPLEX:
        return
    if any(np.asarray(plain(each)).dtype.kind == "c" for each in operands):
        raise refusal(f"{function.__name__} of complex numbers has no derivative here.", NO_RULE)


def compared(function: Any, left: Any, right: Any) -> Any:
    """Return a comparison of the values alone."""
    if not is_operand(right):
        return NotImplemented
    return function(plain(left), plain(elements_to_values(right)))


def elements_to_values(x: Any) -> Any:
    """Return the values of lists and object arrays that hold traced numbers."""
    return values_of(elements_of(x)) if has_traced(x) and not isinstance(x, Traced) else x


def is_called_by_pandas(frames: int = 2) -> bool:
    """Return whether pandas calls the operator that calls this, so many frames up."""
    return str(sys._getframe(frames).f_globals.get("__name__")).startswith("pandas.")


def for_pandas(result: Any) -> Any:
    """Return an array as one of objects, which columns of tables can be."""
    return result.__array__(copy=True) if isinstance(result, TracedArray) else result


# Python's own numbers


def is_python(x: Any) -> bool:
    """Return whether a number is one of Python's, whose division by zero is an error."""
    return x.is_python if isinstance(x, TracedNumber) else type(x) in (float, int, bool, complex)


def python_value(x: Any) -> Any:
    """Return the value of one of Python's numbers as one."""
    value = plain(x)
    return value.item() if isinstance(value, np.generic) else value


def as_python(result: Any) -> Any:
    """Return a result of Python's numbers as such a number."""
    if isinstance(result, tuple):
        return tuple(map(as_python, result))
    if isinstance(result, TracedNumber):
        result.is_python = True
        return result
    return result.item() if isinstance(result, np.generic) else result


def make_float(x: Any = 0.0) -> Any:
    """Make a float, a traced one of a traced real number."""
    value = float(plain(x))  # which warns of complex numbers, and takes their real part
    if not has_traced(x):
        return value
    number = x.item()
    return number.real if number.dtype.kind == "c" else number


@functools.wraps(isinstance)
def is_instance(thing: Any, kinds: Any) -> bool:
    """Tell whether a traced number or array stands for one of some kinds."""
    if isinstance(thing, kinds):
        return True
    if isinstance(thing, TracedArray):
        return isinstance(np.empty(0), kinds)
    if isinstance(thing, TracedNumber):
        value = plain(thing)
        return isinstance(python_value(thing) if thing.is_python else value, kinds)
    return False


# What raises errors, or is complex, for some of Python's numbers, and never for NumPy's.
RAISING = {
    np.divide: operator.truediv,
    np.floor_divide: operator.floordiv,
    np.remainder: operator.mod,
    np.power: operator.pow,
    np.divmod: divmod,
}


# Those that round in other ways where operators call them, such as those of Python's numbers.
BY_OPERATOR = {np.multiply: operator.mul, np.absolute: abs, **RAISING}


def operated(function: Any, left: Any, right: Any) -> Any:
    """Return what an operator gives; of two numbers of Python's, one of Python's, or its error."""
    if not (is_python(left) and is_python(right)):
        return computed_by(function, (left, right), BY_OPERATOR.get(function))
    if function in RAISING:
        value = RAISING[function](python_value(left), python_value(right))
        if isinstance(value, complex):  # (-8.0) ** 0.5
            left = computed_by(np.add, (left, 0j)) if isinstance(left, Traced) else complex(left)
    return as_python(computed_by(function, (left, right), BY_OPERATOR.get(function)))


def _binary(function: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def method(self: Traced, other: Any) -> Any:
        if not is_operand(other):
            return NotImplemented
        result = operated(function, self, other)
        return for_pandas(result) if is_called_by_pandas() else result

    def reflected(self: Traced, other: Any) -> Any:
        if not is_operand(other):
            return NotImplemented
        result = operated(function, other, self)
        return for_pandas(result) if is_called_by_pandas() else result

    return method, reflected


def _unary(function: Any) -> Callable[..., Any]:
    def method(self: Traced) -> Any:
        result = computed_by(function, (self,), BY_OPERATOR.get(function))
        return as_python(result) if is_python(self) else result

    return method


def _comparison(function: Any) -> Callable[..., Any]:
    def method(self: Traced, other: Any) -> Any:
        return compared(function, self, other)

    return method


def _in_place(function: Any) -> Callable[..., Any]:
    def method(self: TracedArray, other: Any) -> Any:
        return function(self, other, out=self) if is_operand(other) else NotImplemented

    return method


OPERATORS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "divmod": np.divmod,
    "matmul": np.matmul,
}
COMPARISONS = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
for _name, _function in OPERATORS.items():
    _left, _right = _binary(_function)
    setattr(Traced, f"__{_name}__", _left)
    setattr(Traced, f"__r{_name}__", _right)
    if _name != "divmod":
        setattr(TracedArray, f"__i{_name}__", _in_place(_function))
for _name, _ufunc in {"neg": np.negative, "pos": np.positive, "abs": np.absolute}.items():
    setattr(Traced, f"__{_name}__", _unary(_ufunc))
for _name, _compares in COMPARISONS.items():
    setattr(Traced, f"__{_name}__", _comparison(_compares))


# Methods

METHODS = frozenset(
    """
    all any argmax argmin argpartition argsort clip compress conj conjugate cumprod cumsum diagonal
    dot max mean min nonzero prod ptp ravel repeat round searchsorted squeeze std sum swapaxes take
    trace var
    """.split()
)


def method_of(number: Traced, name: str) -> Any:
    """Return a method of NumPy's arrays; those of the table are called by object arrays."""
    if name in METHODS:
        function = getattr(np, name)
        return lambda *arguments, **keywords: function(number, *arguments, **keywords)
    if name in ("reshape", "transpose"):
        function = getattr(np, name)
        return lambda *shape, **keywords: function(
            number, *([shape] if len(shape) > 1 else shape), **keywords
        )
    if name == "copy" or name == "flatten":
        return lambda *_: number
    rule = None if name.startswith("_") else named(name)
    if rule is None:
        raise AttributeError(f"a traced number has no attribute {name!r}")
    return lambda *others: computed_by(rule.functions[0], (number, *others))


setattr(Traced, "__getattr__", method_of)  # noqa: B010 - here, since the methods use the classes
