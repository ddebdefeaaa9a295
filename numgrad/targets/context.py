"""Registration with Numba: when it takes in what was registered."""

from collections.abc import Iterator
from contextlib import contextmanager

_waiting: list[bool] = []


@contextmanager
def registering() -> Iterator[None]:
    """Let Numba take in all that is registered meanwhile at once, at the end."""
    _waiting.append(True)
    try:
        yield
    finally:
        _waiting.pop()
    refresh()


def refresh() -> None:
    """Let Numba take in what was registered, also where it is compiling already.

    A function that Numba knows gets a new type with every addition. A program that is being
    compiled may have met it before, and meets it again: Numba must take one type for the other.
    """
    from numba.core.registry import cpu_target

    context = cpu_target.typing_context
    if _waiting or not context._registries:
        return  # the first program to be compiled takes in everything
    before = dict(context._globals)
    context.refresh()
    cpu_target.target_context.refresh()
    for function, old in before.items():
        new = context._globals.get(function, old)
        if new is not old:
            context.tm.set_promote(old, new)
