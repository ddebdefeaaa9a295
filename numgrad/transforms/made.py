"""The choice between compiling a function and tracing it."""

from collections.abc import Callable
from typing import Any

from numgrad.drivers import transform

# mypy: allow-untyped-calls


def made(kind: Any, function: Any, *settings: Any, jit: bool = True) -> Callable[..., Any]:
    """Return a transform of a function: the same as before if it was made before."""
    if jit and not transform.is_traced(function):
        return transform.made(kind, function, *settings)
    from numgrad.tracer.made import traced  # which takes time to load

    return traced(kind, function, settings)
