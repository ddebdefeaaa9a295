"""``numgrad.gradient`` and ``numpy.gradient`` inside compiled code.

Numba calls ``register`` through the entry point ``numba_extensions`` before it first compiles, so
this file imports as little as it can: the rest is loaded when a gradient is compiled.
"""

from typing import Any

_registered = False


def register() -> None:
    """Teach Numba both functions."""
    global _registered
    if _registered:
        return
    _registered = True
    import numpy as np
    from numba.extending import overload

    from numgrad.fields.gradient import gradient

    # Numba can't compile *varargs beside keywords, so each spacing has a name of its own.

    @overload(np.gradient, prefer_literal=True)
    def numpy_gradient(
        f,
        v0=None,
        v1=None,
        v2=None,
        v3=None,
        v4=None,
        v5=None,
        v6=None,
        v7=None,
        axis=None,
        edge_order=1,
    ):
        spacings = (v0, v1, v2, v3, v4, v5, v6, v7)
        derive = _implementation(f, spacings, axis, edge_order, None, "auto")

        def implementation(
            f,
            v0=None,
            v1=None,
            v2=None,
            v3=None,
            v4=None,
            v5=None,
            v6=None,
            v7=None,
            axis=None,
            edge_order=1,
        ):
            return derive(f, (v0, v1, v2, v3, v4, v5, v6, v7), None)

        return implementation

    @overload(gradient, prefer_literal=True)
    def numgrad_gradient(
        f,
        v0=None,
        v1=None,
        v2=None,
        v3=None,
        v4=None,
        v5=None,
        v6=None,
        v7=None,
        axis=None,
        edge_order=1,
        out=None,
        target="auto",
    ):
        spacings = (v0, v1, v2, v3, v4, v5, v6, v7)
        derive = _implementation(f, spacings, axis, edge_order, out, target)

        def implementation(
            f,
            v0=None,
            v1=None,
            v2=None,
            v3=None,
            v4=None,
            v5=None,
            v6=None,
            v7=None,
            axis=None,
            edge_order=1,
            out=None,
            target="auto",
        ):
            return derive(f, (v0, v1, v2, v3, v4, v5, v6, v7), out)

        return implementation


def _implementation(*arguments: Any) -> Any:
    from numgrad.fields.compiled_plan import implementation

    return implementation(*arguments)
