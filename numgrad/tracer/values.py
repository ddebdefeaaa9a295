"""The values of results: what the very function gives for plain numbers, to the last bit.

The rules and the functions on elements compute derivatives, and a value beside them that may round
otherwise: NumPy adds many numbers pairwise, multiplies matrices by BLAS, and has loops of its own
for what is contiguous. So the function itself is called on the values too, in arrays that lie in
memory like the traced ones, and what it gives is put in the place of the values of the duals.
"""

import math
import operator
from typing import Any

import numpy as np

from numgrad.numbers.dual.number import Dual
from numgrad.rules.registry import primal
from numgrad.tracer.arrays import TracedArray
from numgrad.tracer.elements import Elements, is_array, values_of
from numgrad.tracer.inside import values_in
from numgrad.tracer.live import check_live
from numgrad.tracer.numbers import TracedNumber, held_by

# What IEEE 754 rounds correctly, or doesn't round: whoever computes it gets the same real number.
EXACT = frozenset(
    (
        *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive, np.absolute),
        *(np.fabs, np.sqrt, np.square, np.maximum, np.minimum, np.fmax, np.fmin, np.copysign),
        *(np.floor, np.ceil, np.trunc, np.rint, np.sign, np.where, np.clip, np.real, np.imag),
        *(abs, max, min, math.sqrt, math.fabs, math.copysign, math.floor, math.ceil, math.trunc),
        *(operator.add, operator.sub, operator.mul, operator.truediv),
        *(operator.neg, operator.pos, operator.abs),
    )
)
SIZES = (abs, operator.abs, np.absolute)  # which round those of complex numbers
KNOWN = ("numpy", "math", "cmath", "_operator", "builtins", "scipy")


def laid_out(x: TracedArray) -> Any:
    """Return the values of an array, with the strides of it: the order of sums depends on them."""
    raw, dtype = x.raw, x.dtype
    if raw.flags.c_contiguous or not raw.size:
        return x.values
    strides = [s // raw.itemsize for s in raw.strides]
    ends = [s * (n - 1) for s, n in zip(strides, raw.shape, strict=True)]
    first = -sum(end for end in ends if end < 0)
    memory = np.zeros(1 + first + sum(end for end in ends if end > 0), dtype)
    array = np.lib.stride_tricks.as_strided(
        memory[first:], raw.shape, [s * dtype.itemsize for s in strides]
    )
    array[...] = x.values
    return array


def inputs_in(operands: Any) -> list[Any]:
    """Return what a function is given for operands: plain numbers, and arrays laid out alike.

    An array and its transpose stay one memory, since NumPy multiplies the two in a way of its own.
    """
    known: dict[Any, Any] = {}
    return [_input(operand, known) for operand in operands]


def _input(x: Any, known: dict[Any, Any]) -> Any:
    if isinstance(x, TracedArray):
        for raw, values in known.values():
            if _is_same(raw, x.raw):
                return values
            if _is_same(raw.T, x.raw):
                return values.T
        values = laid_out(x)
        known[id(x)] = x.raw, values
        return values
    if isinstance(x, Dual):
        return primal(x)
    if isinstance(x, TracedNumber) and x.is_python:  # which takes the precision of the others
        return x.values.item()
    if type(x) in (list, tuple):
        return type(x)(_input(item, known) for item in x)
    return values_in(x)


def _is_same(one: Any, other: Any) -> bool:
    """Return whether two arrays are the same numbers in the same places."""
    return bool(
        one.dtype == other.dtype
        and one.shape == other.shape
        and one.strides == other.strides
        and one.__array_interface__["data"] == other.__array_interface__["data"]
    )


def value_by(
    function: Any, operands: tuple[Any, ...], keywords: dict[str, Any] | None = None
) -> Any:
    """Return what a function gives for the values alone; what it warns of shows in them."""
    keywords = keywords or {}
    given = inputs_in((*operands, *keywords.values()))
    count = len(operands)
    with np.errstate(all="ignore"):
        return function(*given[:count], **dict(zip(keywords, given[count:], strict=True)))


def rounded_by(function: Any, elements: Elements, operands: tuple[Any, ...]) -> Elements:
    """Return the elements of a function's result with the values that the function gives."""
    value = elements.value if type(elements) is Dual else None
    is_real = type(value) is np.float64  # the usual number, for which this is quick
    if is_real and function in EXACT and function not in SIZES:
        return elements
    if not _rounds(function, elements, operands):
        return elements
    given = _numbers(operands) if is_real and not isinstance(function, np.ufunc) else None
    if given is None:
        return valued(elements, value_by(function, operands))
    like = function(*given)
    return elements if like == value and like != 0 else valued(elements, like)


def _numbers(operands: tuple[Any, ...]) -> list[Any] | None:
    """Return operands as numbers of Python's, if all are: no ufunc warns of those."""
    given = []
    for x in operands:
        if type(x) is TracedNumber and x.is_python:
            given.append(primal(check_live(x.elements)).item())
        elif type(x) is float or type(x) is int:
            given.append(x)
        else:
            return None
    return given


def _rounds(function: Any, elements: Elements, operands: tuple[Any, ...]) -> bool:
    if function in EXACT:
        inputs: Any = map(held_by, operands) if function in SIZES else ()
        return any(map(_is_complex, (elements, *inputs)))
    module = getattr(function, "__module__", None) or ""
    return isinstance(function, np.ufunc) or module.split(".")[0] in KNOWN


def _is_complex(elements: Elements) -> bool:
    some = elements.flat if is_array(elements) else (elements,)
    return any(isinstance(primal(each), complex | np.complexfloating) for each in some)


def valued(elements: Any, like: Any) -> Any:
    """Return elements with other values, those of a number or an array of the same shape."""
    if isinstance(elements, list | tuple):
        if not isinstance(like, list | tuple) or len(like) != len(elements):
            return elements
        return type(elements)(map(valued, elements, like))
    if not is_array(elements):
        return _with_value(elements, like) if np.ndim(like) == 0 else elements
    if elements.dtype != object or np.shape(like) != elements.shape or not elements.size:
        return elements
    before = values_of(elements)
    values = np.asarray(like).astype(before.dtype) if _is_kind(like, before) else before
    changed = values != before  # those that are nan, too
    zeros = (values == 0) & (before == 0)
    if zeros.any() and values.dtype.kind == "f":
        changed |= zeros & (np.signbit(values) != np.signbit(before))
    elif values.dtype.kind == "c":
        changed |= zeros
    if not changed.any():
        return elements
    result = np.empty_like(elements, subok=False)
    result[...] = elements
    for index in map(tuple, np.argwhere(changed)):  # of no dimension, too
        result[index] = _with_value(elements[index], values[index])
    return result


def _is_kind(like: Any, values: Any) -> bool:
    """Return whether a function gives floats where floats are, complex numbers where those are."""
    return bool(np.asarray(like).dtype.kind == values.dtype.kind and values.dtype.kind in "fc")


def _with_value(element: Any, value: Any) -> Any:
    """Return a number with another value, that of the innermost of nested duals."""
    if isinstance(element, Dual):
        inner = _with_value(element.value, value)
        same = inner is element.value
        return element if same else Dual(inner, element.partials, depth=element.depth)
    value = np.asarray(value)[()]
    same = value == element and value != 0  # there are two zeros
    return element if same or not _is_kind(value, np.asarray(element)) else type(element)(value)
