"""Functions of ``vectorize`` and ``guvectorize`` on traced arrays: their own code, in loops."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.tracer.allocations import ALLOCATIONS
from numgrad.tracer.arrays import fresh, store
from numgrad.tracer.numbers import has_traced


def elementwise(ufunc: Any, function: Callable[..., Any]) -> Any:
    """Return a function that runs another one on the elements of its arguments."""

    @functools.wraps(function)
    def call(*arguments: Any, out: Any = None, **keywords: Any) -> Any:
        places = [*arguments[ufunc.nin :], *([] if out is None else [out])]
        inputs = arguments[: ufunc.nin]
        if keywords or not has_traced([*inputs, *places]):
            return ufunc(*arguments, **keywords, **({} if out is None else {"out": out}))
        shape = np.broadcast_shapes(*map(np.shape, inputs))
        arrays = [np.broadcast_to(each, shape) if shape else each for each in inputs]
        numbers = [function(*_at(arrays, index)) for index in np.ndindex(shape)]
        result = fresh(numbers) if has_traced(numbers) else np.array(numbers)
        result = np.reshape(result, shape) if shape else numbers[0]
        for place in places:
            store(place, ..., result)
        return places[0] if places else result

    return call


def _at(arrays: list[Any], index: tuple[int, ...]) -> list[Any]:
    return [each[index] if index or isinstance(each, np.ndarray) else each for each in arrays]


def generalized(gufunc: Any, function: Callable[..., Any]) -> Any:
    """Return a function that runs a kernel on the parts of its arguments that it speaks of."""
    builder = gufunc.gufunc_builder
    count, cores = len(builder.sin), [*builder.sin, *builder.sout]

    @functools.wraps(function)
    def call(*arguments: Any, out: Any = None) -> Any:
        outputs = [*arguments[count:], *(out if isinstance(out, tuple) else [out])]
        given = [each for each in (*arguments[:count], *outputs) if each is not None]
        if not has_traced(given):
            return gufunc(*arguments, **({} if out is None else {"out": out}))
        shape = np.broadcast_shapes(*(_outer(x, c) for x, c in zip(given, cores, strict=False)))
        sizes = {
            symbol: size
            for x, core in zip(given, cores, strict=False)
            for symbol, size in zip(core, _inner(x, core), strict=True)
        }
        places = given[count:] or [
            ALLOCATIONS[np.empty]((*shape, *(sizes[symbol] for symbol in core)))
            for core in builder.sout
        ]
        inputs = [
            x if _outer(x, core) == shape else np.broadcast_to(x, shape + _inner(x, core))
            for x, core in zip(given[:count], builder.sin, strict=True)
        ]
        for index in np.ndindex(shape):
            lines = [
                _part(place, index) if core else ALLOCATIONS[np.empty](1)
                for place, core in zip(places, builder.sout, strict=True)
            ]
            function(*(_part(each, index) for each in inputs), *lines)
            for place, line, core in zip(places, lines, builder.sout, strict=True):
                if not core:
                    store(place, index, line[0])
        found = [each if given[count:] or np.ndim(each) else each[()] for each in places]
        return found[0] if len(found) == 1 else tuple(found)

    return call


def _outer(x: Any, core: tuple[str, ...]) -> tuple[int, ...]:
    shape: tuple[int, ...] = np.shape(x)
    return shape[: len(shape) - len(core)]


def _inner(x: Any, core: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(np.shape(x)[np.ndim(x) - len(core) :])


def _part(array: Any, index: tuple[int, ...]) -> Any:
    return array[index] if index else array
