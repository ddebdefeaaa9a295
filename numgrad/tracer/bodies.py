"""NumPy's functions by the bodies that compiled code has of them, on arrays of objects.

A function on arrays is written once, in `numgrad.arrays`, as plain code: a function of the types of
its arguments chooses it, and Numba compiles it. Here the same function chooses by the same types,
and Python runs what it returns: on object arrays of duals and numbers, with a view of its names in
which NumPy's functions know duals and what is memory in compiled code is `primitives`.
"""

import builtins
import inspect
import types
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numba.core.errors import NumbaError

from numgrad.arrays.loading import load
from numgrad.numbers.dual.number import Dual, find
from numgrad.tracer.elements import Elements, computed, is_array, is_dual, objects, values_of
from numgrad.tracer.leaves import type_of
from numgrad.tracer.rebuilt import rebuilt
from numgrad.twin.errors import DifferentiationError

# What looks at values alone.
OF_VALUES = frozenset(
    """
    all allclose any argmax argmin argpartition argsort argwhere array2string array_equal
    array_equiv array_repr array_str can_cast count_nonzero digitize flatnonzero iscomplexobj
    isclose iscomplex isreal isrealobj lexsort matrix_rank nanargmax nanargmin ndim nonzero
    result_type searchsorted shape size
    """.split()
)


# What a body raises for arguments that NumPy takes, and it does not.
NOT_TAKEN = (AttributeError, IndexError, NotImplementedError, TypeError, ValueError)
# Those that return views in NumPy, as its own code does.
OF_VIEWS = (np.trim_zeros,)


class NoBodyError(LookupError):
    """No definition of compiled code takes these arguments."""


@cache
def known() -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Return the definitions of compiled code, and what stands for memory.

    Numba takes them in all at once.
    """
    load()
    from numgrad.arrays.definitions import BODIES
    from numgrad.tracer.primitives import PRIMITIVES

    return BODIES, PRIMITIVES


def has_body(function: Any) -> bool:
    """Tell whether compiled code defines one of NumPy's functions."""
    return function in known()[0] and function not in OF_VIEWS


def run(function: Any, *arguments: Any, **keywords: Any) -> Any:
    """Compute a function for elements: by NumPy where none has derivatives."""
    operands = [operand_of(each) for each in arguments]
    named = {name: operand_of(each) for name, each in keywords.items()}
    if not any(map(_has_dual, (*operands, *named.values()))) and _is_numpy(function):
        return function(*operands, **named)
    for typed in known()[0].get(function, ()):
        body = _bound_body(typed, operands, named)
        if body is not None:
            return _result_of(body)
    raise NoBodyError


def _result_of(body: Callable[[], Any]) -> Any:
    try:
        with np.errstate(all="ignore"):
            return body()
    except (np.linalg.LinAlgError, DifferentiationError):
        raise
    except NOT_TAKEN as error:
        raise NoBodyError from error


def _is_numpy(function: Any) -> bool:
    return str(getattr(function, "__module__", "numpy")).split(".")[0] == "numpy"


def operand_of(x: Any) -> Any:
    """Return an argument as compiled code has it: a list as an array, constants as numbers."""
    if isinstance(x, list | tuple) and any(map(_has_dual, x)):
        x = np.stack([objects(each) if is_array(each) else _single(each) for each in x])
    elif isinstance(x, list):
        x = np.asarray(x)
    if is_array(x) and x.dtype == object and not is_dual(x):
        x = values_of(x)
    if is_array(x) and not x.ndim:
        return x[()]
    return x


def _single(x: Any) -> Any:
    array = np.empty((), object)
    array[()] = x
    return array


def _has_dual(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return any(map(_has_dual, x))
    return is_dual(x) if is_array(x) and x.dtype == object else isinstance(x, Dual)


def _bound_body(
    typed: Any, arguments: list[Any], keywords: dict[str, Any]
) -> Callable[[], Any] | None:
    """Return the body that a function of types chooses for arguments, or None."""
    try:
        bound = inspect.signature(typed).bind(*arguments, **keywords)
    except TypeError:
        return None
    kinds = tuple((name, type_of(each)) for name, each in bound.arguments.items())
    body = _chosen(typed, kinds)
    return None if body is None else lambda: body(**bound.arguments)


@lru_cache(maxsize=256)
def _chosen(typed: Any, kinds: tuple[tuple[str, Any], ...]) -> Any:
    try:
        body = typed(**dict(kinds))
    except NumbaError:
        return None
    return None if body is None else in_python(body, {})


# What bodies find under the names in them


def in_python(thing: Any, building: dict[Any, Any]) -> Any:
    """Return the thing for plain code to find where compiled code finds another."""
    from numba.core.dispatcher import Dispatcher

    if isinstance(thing, types.ModuleType):
        return MODULES.get(thing.__name__, thing)
    try:
        bodies, primitives = known()
        if thing in primitives:
            return primitives[thing]
        if thing in bodies and not _is_numpy(thing):
            return _running(thing)
    except TypeError:  # it can't be hashed
        return thing
    if isinstance(thing, Dispatcher):
        thing = thing.py_func
    if isinstance(thing, types.FunctionType) and not _is_numpy(thing):
        return rebuilt(inspect.unwrap(thing), in_python, _builtins, building)
    return thing


@cache
def _running(function: Any) -> Any:
    return lambda *arguments, **keywords: run(function, *arguments, **keywords)


class Module:
    """A module of NumPy's whose functions know duals, and arrays of objects that hold some."""

    def __init__(self, name: str) -> None:
        self._module = __import__(name, fromlist=["*"])

    def __getattr__(self, name: str) -> Any:
        return _knowing_duals(getattr(self._module, name))


@cache
def _knowing_duals(thing: Any) -> Any:
    if isinstance(thing, types.ModuleType):
        return MODULES.get(thing.__name__, thing)
    if isinstance(thing, type) or not callable(thing):
        return thing
    primitives = known()[1]
    if thing in primitives:
        return primitives[thing]
    return lambda *arguments, **keywords: _called(thing, arguments, keywords)


def _called(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Elements:
    """Compute one of NumPy's functions for elements."""
    if not any(map(_has_objects, (*arguments, *keywords.values()))):
        return function(*arguments, **keywords)
    if function.__name__ in OF_VALUES:
        return function(*map(_values, arguments), **keywords)
    if has_body(function):
        try:
            return run(function, *arguments, **keywords)
        except NoBodyError:
            pass
    if not keywords and _has_rule(function):
        return computed(function, *arguments)
    return function(*map(_as_objects, arguments), **keywords)


def _has_objects(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return any(map(_has_objects, x))
    return isinstance(x, Dual) or (is_array(x) and x.dtype == object)


def _values(x: Any) -> Any:
    return values_of(x) if is_array(x) or isinstance(x, Dual) else x


def _as_objects(x: Any) -> Any:
    """Floats in arrays as NumPy's own, which Python's numbers beside objects would not be."""
    if isinstance(x, tuple):
        return tuple(map(_as_objects, x))
    return objects(x) if is_array(x) and x.dtype.kind in "fc" else x


def _has_rule(function: Any) -> bool:
    try:
        return bool(find(function))
    except TypeError:
        return False


def _complex(real: Any = 0.0, imag: Any = 0.0) -> Any:
    """Make a complex number, of duals too, of which `complex` would take the values alone."""
    if isinstance(real, Dual) or isinstance(imag, Dual):
        return real + imag * 1j
    return complex(real, imag)


_builtins = {**vars(builtins), "complex": _complex}
MODULES = {name: Module(name) for name in ("numpy", "numpy.linalg")}
