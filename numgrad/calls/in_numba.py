"""``numgrad.Dual`` inside compiled code.

Numba calls ``register`` through the entry point ``numba_extensions`` before it first compiles, so
this file imports as little as it can: the rest is loaded when a dual is met.
"""

from functools import cache
from typing import Any

_loading: list[bool] = []


@cache
def register() -> None:
    """Teach Numba how a dual is made, and what type one from Python has."""
    from numba.extending import overload, typeof_impl

    from numgrad.numbers.dual.number import Dual

    @overload(Dual, strict=False)
    def typed(value: Any, partials: Any) -> Any:
        load()
        from numgrad.caching.stamping import follow_rules
        from numgrad.calls.builtins import dual_of_parts

        def made(value, partials):
            follow_rules()
            return dual_of_parts(value, partials)

        return made

    @typeof_impl.register(Dual)
    def typeof_dual(dual: Any, context: Any) -> Any:
        load()
        from numgrad.numbers.dual.type import type_of_dual

        return type_of_dual(dual)


@cache
def load() -> None:
    """Teach Numba all about duals, also where it is compiling already."""
    from numgrad.calls.entries import register_table

    _loading.append(True)  # what is defined meanwhile is taken up once, at the end
    try:
        register_table()
    finally:
        _loading.clear()
    refresh()


def refresh() -> None:
    """Let Numba take up what was registered, also where it is compiling already.

    A function that Numba knows gets a new type with every addition. A program that is being
    compiled may have met it before, and meets it again: Numba must take one type for the other.
    """
    from numba.core.registry import cpu_target

    context = cpu_target.typing_context
    if _loading or not context._registries:
        return  # the first program to be compiled takes up everything
    before = dict(context._globals)
    context.refresh()
    cpu_target.target_context.refresh()
    for function, old in before.items():
        new = context._globals.get(function, old)
        if new is not old:
            context.tm.set_promote(old, new)
