"""``numgrad.gradient``, ``numpy.gradient`` and the operators inside compiled code.

Numba calls ``register`` through the entry point ``numba_extensions`` before it first compiles, so
this file imports as little as it can: the rest is loaded when a gradient is compiled. Numba learns
of an operator when a program has loaded it.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeVar

from numgrad.targets.followed import FOLLOWED

Operator = TypeVar("Operator", bound=Callable[..., Any])
_loaded: list[Callable[..., Any]] = []
_asked: list[bool] = []  # whether Numba has begun


def compiled_too(operator: Operator) -> Operator:
    """Let compiled code call an operator."""
    _loaded.append(operator)
    if _asked:
        TEACHERS[operator.__name__](operator)
    return operator


@cache
def register() -> None:
    """Teach Numba what is loaded, and from now on what will be."""
    import numpy as np

    _asked.append(True)
    _teach_gradient(np.gradient, with_out=False)
    for operator in _loaded:
        TEACHERS[operator.__name__](operator)


def _overload(function: Callable[..., Any], choosing: Callable[[bool], Any]) -> None:
    """Teach Numba a function: the one that runs, and the source that derivatives follow."""
    from numba.extending import overload

    overload(function, prefer_literal=True)(choosing(False))
    FOLLOWED[function] = choosing(True)


def _teach_gradient(function: Callable[..., Any], *, with_out: bool = True) -> None:
    """Teach Numba a gradient, which knows ``out`` and ``target`` or doesn't."""

    def choosing(followed):
        # Numba can't compile *varargs beside keywords, so each spacing has a name of its own.
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
            scale_factors=None,
            out=None,
            target="auto",
        ):
            from numgrad.fields.compiled import followed_gradient
            from numgrad.fields.compiled.gradient import implementation, made_by_numgrad
            from numgrad.fields.compiled.operators import curved_gradient
            from numgrad.fields.compiled.plan import check_numpys_own, is_none

            if not with_out:
                check_numpys_own(scale_factors, out, target)
            if not is_none(scale_factors):
                derive_curved = curved_gradient(
                    f, (v0, v1, v2, v3, v4, v5, v6, v7), axis, edge_order, scale_factors, out,
                    target, followed
                )  # fmt: skip

                def compiled_curved(
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
                    scale_factors=None,
                    out=None,
                    target="auto",
                ):
                    made_by_numgrad()
                    spacings = (v0, v1, v2, v3, v4, v5, v6, v7)
                    return derive_curved((f,), spacings, None, scale_factors, out)

                return compiled_curved
            spacings = (v0, v1, v2, v3, v4, v5, v6, v7)
            make = followed_gradient.implementation if followed else implementation
            derive = make(f, spacings, axis, edge_order, out, target)

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
                scale_factors=None,
                out=None,
                target="auto",
            ):
                made_by_numgrad()
                return derive(f, (v0, v1, v2, v3, v4, v5, v6, v7), out)

            return compiled

        return typed

    _overload(function, choosing)


def _teach_differentiate(function: Callable[..., Any]) -> None:
    """Teach Numba the operator of one axis."""

    def choosing(followed):
        def typed(
            f,
            x=None,
            axis=None,
            order=1,
            accuracy=2,
            boundary="one-sided",
            period=None,
            nan="propagate",
            datetime_unit=None,
            out=None,
            target="auto",
        ):
            from numgrad.fields.compiled import operators
            from numgrad.fields.compiled.call import Settings

            operators.refuse_others(datetime_unit, target)
            made_by_numgrad = operators.made_by_numgrad
            settings = Settings(axis, accuracy, boundary, period, nan, None, followed)
            outputs, call = operators.differentiation(f, (x,), order, settings)
            derive = operators.results_of(outputs, call, out)

            def compiled(
                f,
                x=None,
                axis=None,
                order=1,
                accuracy=2,
                boundary="one-sided",
                period=None,
                nan="propagate",
                datetime_unit=None,
                out=None,
                target="auto",
            ):
                made_by_numgrad()
                return derive((f,), (x,), period, None, out)

            return compiled

        return typed

    _overload(function, choosing)


def _teach_operator(function: Callable[..., Any], *, several: bool) -> None:
    """Teach Numba an operator of several axes."""

    def choosing(followed):
        def typed(
            components,
            v0=None,
            v1=None,
            v2=None,
            v3=None,
            v4=None,
            v5=None,
            v6=None,
            v7=None,
            axis=None,
            accuracy=2,
            boundary="one-sided",
            period=None,
            nan="propagate",
            scale_factors=None,
            datetime_unit=None,
            out=None,
            target="auto",
        ):
            from numgrad.fields.compiled import operators
            from numgrad.fields.compiled.call import Settings
            from numgrad.targets.options import formula

            operators.refuse_others(datetime_unit, target)
            made_by_numgrad = operators.made_by_numgrad
            spacings = (v0, v1, v2, v3, v4, v5, v6, v7)
            if several:
                given, as_tuple = operators.components_of(components)
                check = operators.check_shapes(len(given))
            else:
                given, as_tuple = components, formula(lambda components: (components,))
                check = operators.check_shapes(1)
            make = getattr(operators, function.__name__)
            settings = Settings(axis, accuracy, boundary, period, nan, scale_factors, followed)
            outputs, call = make(given, spacings, settings)
            derive = operators.results_of(outputs, call, out)

            def compiled(
                components,
                v0=None,
                v1=None,
                v2=None,
                v3=None,
                v4=None,
                v5=None,
                v6=None,
                v7=None,
                axis=None,
                accuracy=2,
                boundary="one-sided",
                period=None,
                nan="propagate",
                scale_factors=None,
                datetime_unit=None,
                out=None,
                target="auto",
            ):
                made_by_numgrad()
                fields = as_tuple(components)
                check(fields)
                spacings = (v0, v1, v2, v3, v4, v5, v6, v7)
                return derive(fields, spacings, period, scale_factors, out)

            return compiled

        return typed

    _overload(function, choosing)


TEACHERS: dict[str, Callable[[Callable[..., Any]], None]] = {
    "gradient": _teach_gradient,
    "differentiate": _teach_differentiate,
    "laplacian": partial(_teach_operator, several=False),
    "divergence": partial(_teach_operator, several=True),
    "curl": partial(_teach_operator, several=True),
}
