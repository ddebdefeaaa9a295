"""Arrays of numbers some of which are duals, as object arrays, and the table's functions on them.

An element is a `Dual` or a number of NumPy's. The rules are scalar code with branches, so an array
is taken element by element: the price of following the very same table as compiled code does.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from numgrad.numbers.dual.number import Dual, apply, find
from numgrad.rules.registry import COMPLEX_TABLE, primal

Elements = Any  # a Dual, a number, or an object array of these
NUMBERS = bool | int | float | complex | np.number | np.bool_


def arranged(items_of: Callable[[Any], Iterable[Any]], dtype: Any, model: Any) -> Any:
    """Return an array of items, one for each of a model, that lies in memory as the model does.

    What was broadcast stays so, and the axes have the same order in memory (NumPy's order "K"), so
    that NumPy lays out alike what it computes from it.
    """
    repeated = [s == 0 and n > 1 for s, n in zip(model.strides, model.shape, strict=True)]
    if model.size and any(repeated):
        core = model[tuple(slice(0, 1) if r else slice(None) for r in repeated)]
        return np.broadcast_to(arranged(items_of, dtype, core), model.shape)
    block = np.fromiter(items_of(model), dtype, model.size).reshape(model.shape)
    if model.ndim < 2 or model.flags.c_contiguous:
        return block
    result = np.empty_like(model, dtype, subok=False)
    result[...] = block
    return result


def objects(array: Any) -> Any:
    """Return an array as one of objects that keep their precision."""
    array = np.asarray(array)
    if array.dtype == object:
        return array
    return arranged(lambda a: a.flat, object, array)


def is_array(elements: Elements) -> bool:
    """Return whether elements are an array of them, and not a single one."""
    return isinstance(elements, np.ndarray)


def members(elements: Elements) -> Any:
    """Return an iterator over all elements."""
    return elements.flat if is_array(elements) else iter((elements,))


def is_dual(elements: Elements) -> bool:
    """Return whether any element carries derivatives."""
    return any(isinstance(element, Dual) for element in members(elements))


def depth_of(elements: Elements) -> int:
    """Return the highest depth among the duals; 0 where there are none."""
    return max((e.depth for e in members(elements) if isinstance(e, Dual)), default=0)


def dtype_of(elements: Elements) -> np.dtype[Any]:
    """Return the dtype that the values of all elements have together."""
    kinds = {type(primal(element)) for element in members(elements)}
    strange = [kind for kind in kinds if not issubclass(kind, NUMBERS)]
    if strange:
        raise TypeError(f"{strange[0].__name__} is no number to differentiate")
    numpy_kinds = [kind for kind in kinds if issubclass(kind, np.generic)]
    if not numpy_kinds:
        return np.result_type(*kinds) if kinds else np.dtype(float)
    return np.result_type(*numpy_kinds)


def values_of(elements: Elements, dtype: np.dtype[Any] | None = None) -> Any:
    """Return the values alone: a number, or an array of them."""
    if not is_array(elements):
        return primal(elements)
    dtype = dtype_of(elements) if dtype is None else dtype
    return arranged(lambda a: map(primal, a.flat), dtype, elements)


def mapped(function: Callable[[Any], Any], elements: Elements) -> Elements:
    """Return what a function gives for every element."""
    if not is_array(elements):
        return function(elements)
    return arranged(lambda a: map(function, a.flat), object, elements)


def computed(function: Callable[..., Any], *inputs: Elements) -> Elements:
    """Return what a function of the table gives for elements, broadcast together."""
    rule = find(function)
    if rule.kind == "piecewise_constant" and rule.functions[0] not in COMPLEX_TABLE:
        return function(*map(values_of, inputs))
    if not any(map(is_array, inputs)):
        return apply(rule, *inputs)
    outputs = function.nout if isinstance(function, np.ufunc) else 1
    return np.frompyfunc(partial(apply, rule), len(inputs), outputs)(*map(_argument, inputs))


def _argument(x: Any) -> Any:
    """Return an object array: NumPy would ask a dual for its ufunc."""
    if is_array(x):
        return objects(x)
    array = np.empty((), object)
    array[()] = x
    return array


def constants(elements: Elements) -> Elements:
    """Return numbers for whole ones that NumPy's functions put beside the others."""
    if not is_array(elements) or not elements.size:
        return elements
    dtype = dtype_of(elements)
    if dtype.kind not in "fc":
        return elements
    return mapped(lambda e: dtype.type(e) if type(e) in (int, float, bool) else e, elements)


def cast(elements: Elements, dtype: np.dtype[Any]) -> Elements:
    """Return elements in a dtype; of an array, a new one."""
    if is_array(elements):
        return mapped(lambda element: cast(element, dtype), elements)
    kind = type(primal(elements))
    if kind is dtype.type:
        return elements
    if dtype.kind != "c" and issubclass(kind, complex | np.complexfloating):
        raise TypeError(f"a complex number can't be stored as {dtype}: its imaginary part is lost")
    if isinstance(elements, Dual):
        return Dual(cast(elements.value, dtype), elements.partials, depth=elements.depth)
    return dtype.type(elements)
