"""NumPy's functions that are written in Python, run as they are on traced arrays."""

import builtins
import functools
import sys
import threading
import types
from typing import Any

import numpy as np

from numgrad.tracer.allocations import ALLOCATIONS, constant
from numgrad.tracer.elements import is_array
from numgrad.tracer.inside import values_in
from numgrad.tracer.numbers import NO_RULE, plain
from numgrad.tracer.operators import is_instance, is_python, python_value
from numgrad.tracer.places import refusal
from numgrad.tracer.rebuilt import rebuilt


class _UnderWay(threading.local):
    """Calls that have not returned, in a thread."""

    def __init__(self) -> None:
        self.calls: list[Any] = []


_under_way = _UnderWay()


def source_of(function: Any) -> Any:
    """Return the Python code of one of NumPy's functions, or None where it is written in C."""
    code = getattr(function, "_implementation", None)
    return code if isinstance(code, types.FunctionType) else None


def by_source(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Run NumPy's own code on traced arrays, which all that it calls knows."""
    call = function, *map(id, (*arguments, *keywords.values()))
    if call in _under_way.calls:  # it calls a method of the array, which calls it
        raise refusal(f"numpy.{function.__name__} has no derivative here.", NO_RULE)
    code = rebuilt(source_of(function), in_numpy, _builtins, {})
    _under_way.calls.append(call)
    try:
        return code(*arguments, **keywords)
    finally:
        _under_way.calls.remove(call)


def in_numpy(thing: Any, building: dict[Any, Any]) -> Any:
    """Return the thing that NumPy's code finds under a name."""
    if isinstance(thing, types.ModuleType):
        return _module(thing.__name__) if _is_numpy(thing.__name__) else thing
    if not callable(thing):
        return thing
    try:
        if thing in REPLACED:
            return REPLACED[thing]
    except TypeError:  # it can't be hashed
        return thing
    if isinstance(thing, type):
        return thing
    if not isinstance(thing, types.FunctionType) or source_of(thing) is not None:
        return thing  # which asks arrays what they are
    is_part = _is_numpy(thing.__module__ or "")
    return rebuilt(thing, in_numpy, _builtins, building) if is_part else thing


def _is_numpy(name: str) -> bool:
    return name.split(".")[0] == "numpy"


class _Module:
    """A module of NumPy's some of whose functions are others."""

    def __init__(self, name: str) -> None:
        self._module = sys.modules[name]

    def __getattr__(self, name: str) -> Any:
        return in_numpy(getattr(self._module, name), {})


@functools.cache
def _module(name: str) -> Any:
    return _Module(name)


class Converter:
    """A maker of arrays of arguments, and of results that are like those."""

    def __init__(self, *arguments: Any) -> None:
        self.scalar_input = tuple(np.ndim(each) == 0 for each in arguments)
        convert = ALLOCATIONS[np.asarray]
        are_numbers = all(map(is_python, arguments))  # beside others, those have no precision
        self.arrays = tuple(
            each if is_python(each) and not are_numbers else convert(each) for each in arguments
        )

    def __getitem__(self, k: int) -> Any:
        return self.arrays[k]

    def as_arrays(self, **_: Any) -> tuple[Any, ...]:
        return self.arrays

    def result_type(self, extra_dtype: Any = None, ensure_inexact: bool = False) -> Any:
        more = [] if extra_dtype is None else [extra_dtype]
        given = [python_value(x) if is_python(x) else x.dtype for x in self.arrays]
        dtype = np.result_type(*given, *more)
        return np.result_type(dtype, 0.5) if ensure_inexact else dtype

    def wrap(self, array: Any, to_scalar: bool | None = None) -> Any:
        is_number = all(self.scalar_input) if to_scalar is None else to_scalar
        return array[()] if is_number and np.ndim(array) == 0 and hasattr(array, "shape") else array


def _parts_of_numpy() -> dict[Any, Any]:
    """Return parts of NumPy's functions that ask no array what it is, and what replaces them."""
    from numpy._core import multiarray
    from numpy.lib import _function_base_impl, _nanfunctions_impl

    arrays: Any = _function_base_impl

    parts: dict[tuple[Any, str], Any] = {
        (arrays, "_array_converter"): Converter,
        (multiarray, "interp"): np.interp,
        (multiarray, "interp_complex"): np.interp,
        (arrays, "_lerp"): lambda a, b, t, out=None: a + (b - a) * t,  # noqa: ARG005
        (_nanfunctions_impl, "_divide_by_count"): lambda a, b, out=None: a / b,  # noqa: ARG005
    }
    return {getattr(m, name): each for (m, name), each in parts.items() if hasattr(m, name)}


@functools.wraps(np.arange)
def _arange(*arguments: Any, **keywords: Any) -> Any:
    """Return an array that can be multiplied in place afterwards."""
    return constant(ALLOCATIONS[np.arange](*arguments, **keywords))


REPLACED: dict[Any, Any] = {
    **ALLOCATIONS,
    **_parts_of_numpy(),
    np.arange: _arange,
}
_builtins = {**vars(builtins), "isinstance": is_instance}


def are_same(result: Any, like: Any) -> bool:
    """Tell whether values are those that NumPy gives for numbers, up to rounding."""
    if isinstance(like, list | tuple):
        return len(result) == len(like) and all(map(are_same, result, like))
    values = values_in(result) if is_array(like) else plain(result)
    if np.shape(values) != np.shape(like):
        return False
    if np.asarray(like).dtype.kind not in "fc":
        return bool(np.array_equal(values, like))
    rounding = 1e-9 if np.asarray(like).itemsize >= (16 if np.iscomplexobj(like) else 8) else 1e-4
    return bool(np.allclose(values, like, rounding, rounding, equal_nan=True))
