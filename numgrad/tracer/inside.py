"""What NumPy's functions are given in the place of traced numbers."""

from typing import Any

from numgrad.numbers.dual.number import find
from numgrad.rules.registry import TABLE
from numgrad.tracer.elements import is_array, is_dual, objects, values_of
from numgrad.tracer.lines import one
from numgrad.tracer.numbers import TracedNumber, elements_of, has_traced, plain


def inside_of(x: Any) -> Any:
    """Return the elements of what is traced, in lists and tuples too; arrays beside as objects."""
    if type(x) in (list, tuple):
        if has_traced(x) or any(is_array(item) for item in x):
            return type(x)(map(_item, x))
        return x
    if is_array(x) and x.dtype.kind in "fc":
        return objects(x)
    if not has_traced(x):
        return x
    elements = elements_of(x)
    return elements if is_array(elements) else one(elements)


def _item(x: Any) -> Any:
    """Return what stands for an item of a list: for a list of numbers an array of them."""
    is_row = type(x) in (list, tuple) and any(isinstance(item, TracedNumber) for item in x)
    return elements_of(x) if is_row else inside_of(x)


def values_in(x: Any) -> Any:
    """Return the values of what is traced, in lists and tuples too."""
    if type(x) in (list, tuple):
        return type(x)(map(values_in, x))
    return values_of(elements_of(x)) if is_array(x) and has_traced(x) else plain(x)


def is_active(operands: tuple[Any, ...]) -> bool:
    """Return whether any operand has derivatives."""
    return any(
        is_active(tuple(each)) if isinstance(each, list | tuple) else _has_dual(each)
        for each in operands
    )


def _has_dual(x: Any) -> bool:
    return has_traced(x) and is_dual(elements_of(x))


def has_rule(function: Any) -> bool:
    """Return whether a function is in the table."""
    try:
        return function in TABLE or bool(find(function))
    except TypeError:
        return False
