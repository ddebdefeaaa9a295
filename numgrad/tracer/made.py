"""Transforms that run the function in plain Python and compile nothing."""

import inspect
from collections.abc import Callable
from typing import Any

from numgrad.drivers import transform
from numgrad.tracer import adapted, derivatives


def traced(kind: Any, function: Any, settings: tuple[Any, ...]) -> Callable[..., Any]:
    """Return a transform, of which there is a compiled one, as one of the tracer's."""
    names = list(inspect.signature(kind.maker).parameters)[1:]
    traced_kind = getattr(derivatives, f"Traced{kind.__name__}", None)
    if traced_kind is None:
        raise NotImplementedError(
            f"numgrad.{kind.maker.__name__} compiles its function, and can't do without"
        )
    own: Any = transform  # whose functions have no types
    made: Callable[..., Any] = traced_kind(
        own.original_of(function), **dict(zip(names, settings, strict=False))
    )
    return made


def without_compiling(compiled: Any) -> Any:
    """Return the same derivative as one that compiles."""
    return traced(type(compiled), compiled.original, compiled.settings)


adapted.TRANSFORMS.append(without_compiling)
