"""``numgrad.gradient`` and ``numpy.gradient`` inside compiled code.

Numba calls ``register`` through the entry point ``numba_extensions`` before it first compiles, so
this file imports as little as it can: the rest is loaded when a gradient is compiled.
"""

from collections.abc import Callable
from typing import Any

_registered = False


def register() -> None:
    """Teach Numba both functions."""
    global _registered
    if _registered:
        return
    _registered = True
    import numpy as np

    from numgrad.fields.operators.gradient import gradient

    _teach(gradient, with_out=True)
    _teach(np.gradient, with_out=False)


def _teach(function: Callable[..., Any], *, with_out: bool) -> None:
    """Teach Numba one function, which knows ``out`` and ``target`` or doesn't."""
    from numba.extending import overload

    # Numba can't compile *varargs beside keywords, so each spacing has a name of its own.
    @overload(function, prefer_literal=True)
    def typed(
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
        from numgrad.fields.compiled.gradient import implementation, made_by_numgrad
        from numgrad.fields.compiled.plan import check_numpys_own

        if not with_out:
            check_numpys_own(out, target)
        spacings = (v0, v1, v2, v3, v4, v5, v6, v7)
        derive = implementation(f, spacings, axis, edge_order, out, target)

        def compiled(
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
            made_by_numgrad()
            return derive(f, (v0, v1, v2, v3, v4, v5, v6, v7), out)

        return compiled
