"""Makers of transforms: they compile a function, or let the tracer run it."""

import inspect
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, cast

from numba import types
from numba.core.dispatcher import Dispatcher
from numba.core.registry import CPUDispatcher
from numba.extending import overload

from numgrad.caching.alike import representative
from numgrad.drivers.transform import MAKERS, TRACED, Transform, constant_of, traced
from numgrad.targets import cuda_compiler
from numgrad.targets.context import refresh
from numgrad.transforms.wrapped import as_function, with_array
from numgrad.twin.beside import Beside
from numgrad.twin.errors import DifferentiationError, shown
from numgrad.twin.origins import hashable, is_in_table
from numgrad.twin.source import Body, function_of


def made(kind: Any, function: Any, *settings: Any, jit: bool = True) -> Callable[..., Any]:
    """Return a transform of a function: the same as before if it was made before."""
    if jit and type(function) is CPUDispatcher:  # the commonest call, and made before
        try:
            known = _transforms.get(function, {}).get((kind, *settings))
        except TypeError:  # a setting that can't be looked up
            known = None
        if known is not None:
            return cast("Callable[..., Any]", known)
    if not jit or is_traced(function):
        function = with_array(function)
        tracer()
        plain: Callable[..., Any] = traced(kind, function, settings)
        return plain
    function = as_function(function)
    if not all(map(hashable, (function, *settings))):  # no function: the transform complains
        transform: Callable[..., Any] = kind(function, *settings)
    else:
        transform = _kept(kind, *map(representative, (function, *settings)))
    return transform


_transforms = Beside("transforms")


def _kept(kind, function, *settings):
    """Make a transform, or take the one that was made before."""
    if isinstance(function, Transform):
        kept = function.transforms
    elif isinstance(function, Dispatcher):
        kept = _transforms.setdefault(function, {})
    else:
        return _made(kind, function, *settings)
    key = kind, *settings
    return kept[key] if key in kept else kept.setdefault(key, kind(function, *settings))


@lru_cache(maxsize=512)  # a plain function can't keep what is made of it
def _made(kind, function, *settings):
    return kind(function, *settings)


def tracer() -> Any:
    """Load the tracer, which differentiates in plain Python."""
    from numgrad.tracer import derivatives

    return derivatives


def is_traced(function: Any) -> bool:
    """Whether a function is a transform made with ``jit=False``."""
    return isinstance(function, tuple(TRACED.values()))


class Maker:
    """The public function that makes transforms of a class, as an attribute of the class.

    Unlike a static method it is no function of the class to those who collect these, as doctest.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __get__(self, transform: Any, kind: Any) -> Callable[..., Any]:
        return self.function


def register(maker, kind):
    """Let compiled code call the maker of a transform, as in ``grad(f)(x)``."""
    kind.maker = Maker(maker)
    if "jit" in inspect.signature(maker).parameters:
        MAKERS[maker.__name__] = maker
    function, *settings = inspect.signature(maker).parameters.values()
    optional = [p for p in settings if p.default is not p.empty]
    defaults = {f"default_{p.name}": p.default for p in optional}
    # Numba compares the parameters of an overload and of its implementation with the maker's
    stated = [f"{p.name}=default_{p.name}" if p in optional else p.name for p in settings]
    header = ", ".join([function.name, *stated])
    given = ", ".join([function.name, *(p.name for p in settings)])

    def implementation(function, *settings):
        original = getattr(function, "dispatcher", getattr(function, "typing_key", None))
        if not (isinstance(function, types.Dispatcher) or is_in_table(original)):
            return None
        transform = maker(original, *map(constant_of, settings))
        if is_traced(transform):
            raise TypeError(f"{maker.__name__}(..., jit=False) is for Python, not compiled code")
        driver = transform.driver()
        return function_of("made", header, Body(["return driver"], defaults | {"driver": driver}))

    names = defaults | {"implementation": implementation}
    typed = function_of("typed", header, Body([f"return implementation({given})"], names))
    overload(maker, inline="always", prefer_literal=True)(typed)
    cuda_compiler.DEFINERS.append(partial(cuda_compiler.define, maker, typed, prefer_literal=True))
    refresh()  # the program that is being compiled may be the first to name the maker


def tell_of_users_lines_alone() -> None:
    """Let a compiled function that calls a derivative raise its error without Numba's frames.

    Numba cuts off its own frames for its own errors alone, and has no hook for others.
    """
    compile_for_args = Dispatcher._compile_for_args

    def told(self: Any, *args: Any, **kws: Any) -> Any:
        try:
            return compile_for_args(self, *args, **kws)
        except DifferentiationError as found:
            error, cause = shown(found)
            raise error from cause

    Dispatcher._compile_for_args = told


tell_of_users_lines_alone()  # before any function is called that will call a derivative
