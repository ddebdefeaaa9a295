"""Functions of Numba's ``vectorize`` and ``guvectorize`` in plain Python, by their own code.

One of ``vectorize`` is called for each element; NumPy's loops over arrays of objects do it, and the
methods of such a function (``reduce``, ``accumulate``, ``outer``, ``at``, ``reduceat``). Those of
``guvectorize`` run in the loop that compiled code has around them.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import typeof, types
from numba.np.numpy_support import as_dtype

from numgrad.tracer.arrays import TracedArray, fresh, store
from numgrad.tracer.numbers import has_traced, plain
from numgrad.tracer.places import refusal
from numgrad.twin import gufuncs
from numgrad.twin.source import Body, function_of

METHODS = ("reduce", "accumulate", "outer", "reduceat")
LOOP = "Write it as a loop over the elements."
of_gufuncs: Any = gufuncs  # whose functions have no types


class Elementwise:
    """A function of ``vectorize`` that takes traced numbers."""

    def __init__(self, ufunc: Any, in_python: Callable[[Any], Any]) -> None:
        self._ufunc = ufunc
        self._function = np.frompyfunc(
            in_python(ufunc._dispatcher), ufunc.nin, ufunc.nout, identity=ufunc.identity
        )
        functools.update_wrapper(self, ufunc._dispatcher.py_func)

    def __call__(self, *arguments: Any, out: Any = None, **keywords: Any) -> Any:
        count = self._ufunc.nin
        inputs, given = arguments[:count], (*arguments[count:], *_as_tuple(out))
        if not has_traced((*inputs, *given)):
            return self._ufunc(*inputs, *given, **keywords)
        self._take_no(keywords)
        result = unboxed(self._function(*map(boxed, inputs)))
        return self._stored(result, given)

    def at(self, target: Any, indices: Any, *others: Any) -> None:
        """Compute in place, once for each time that an index is given."""
        if not has_traced((target, *others)):
            self._ufunc.at(target, indices, *others)
            return
        work = boxed(target)
        self._function.at(work, plain(indices), *map(boxed, others))
        self._stored(unboxed(work), (target,))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ufunc, name)
        return functools.partial(self._method, name) if name in METHODS else found

    def _method(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        if not has_traced((*arguments, *keywords.values())):
            return getattr(self._ufunc, name)(*arguments, **keywords)
        given = _as_tuple(keywords.pop("out", None))
        count = 2 if name == "outer" else 1
        inputs, others = arguments[:count], arguments[count:]
        known: dict[str, Any] = {
            key: keywords.pop(key) for key in ("axis", "keepdims") if key in keywords
        }
        if name == "reduce":
            known["initial"] = keywords.pop("initial", self._ufunc.identity)
        self._take_no(keywords)
        known = {key: each for key, each in known.items() if each is not None}
        result = getattr(self._function, name)(*map(boxed, inputs), *map(plain, others), **known)
        return self._stored(unboxed(result), given)

    def _stored(self, result: Any, given: tuple[Any, ...]) -> Any:
        if not given:
            return result
        (target,) = given
        if not isinstance(target, TracedArray):
            raise refusal(f"{self.__name__} stores derivatives in a NumPy array.", LOOP)
        store(target, ..., result)
        return target

    def _take_no(self, keywords: dict[str, Any]) -> None:
        if keywords:
            raise refusal(f"{self.__name__} with {', '.join(keywords)} isn't traced.", LOOP)

    __name__: str


def _as_tuple(out: Any) -> tuple[Any, ...]:
    if out is None:
        return ()
    return out if isinstance(out, tuple) else (out,)


def boxed(x: Any) -> Any:
    """Return an array of objects, which are numbers of NumPy's or traced ones."""
    x = fresh(x) if has_traced(x) else np.asarray(x)
    box = np.empty(x.shape, object)
    for index in np.ndindex(box.shape):
        box[index] = x[index]
    return box


def unboxed(x: Any) -> Any:
    """Return a number, or an array of what some objects are."""
    if not isinstance(x, np.ndarray):
        return x
    return fresh(x) if has_traced(x) else np.array(x.tolist()).reshape(x.shape)


# Functions of guvectorize


def following(gufunc: Any, in_python: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a function of ``guvectorize`` that takes traced arrays."""
    builder, names = gufunc.gufunc_builder, of_gufuncs.parameters_of(gufunc)

    @functools.wraps(builder.py_func)
    def call(*arguments: Any) -> Any:
        if not has_traced(arguments) or not len(builder.sin) <= len(arguments) <= len(names):
            return gufunc(*map(plain, arguments))
        given = [fresh(each) if has_traced(each) else np.asarray(each) for each in arguments]
        kinds = [typeof(plain(each)) for each in given]
        kinds += [types.none] * (len(names) - len(given))
        loop = _loop(gufunc, names, kinds, in_python)
        return in_python(loop)(*given, *[None] * (len(names) - len(given)))

    return call


def _loop(gufunc: Any, names: list[str], kinds: list[Any], in_python: Callable[[Any], Any]) -> Any:
    """Return the loop around a kernel, for arguments of given types."""
    writer = of_gufuncs.LoopWriter(gufunc, names, kinds)
    lines = writer.lines()
    found = {
        name: as_dtype(each) if isinstance(each, types.Type) else each
        for name, each in writer.names.items()
    }
    own = {
        "astype": astype,
        "as_number": astype,
        "kernel": in_python(gufunc.gufunc_builder.py_func),
    }
    return function_of("loop", ", ".join(names), Body(lines, {**found, **own}))


def astype(_: Any, x: Any, dtype: Any) -> Any:
    """Return a number or an array in another type of numbers."""
    array = fresh(x) if has_traced(x) else np.asarray(x)
    return array.astype(dtype)[()] if not array.ndim else array.astype(dtype)
