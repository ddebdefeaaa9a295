"""Numba's typed lists and dictionaries in plain Python: lists and dictionaries."""

import sys
from collections.abc import Callable
from typing import Any

from numgrad.tracer.elements import NUMBERS


class TypedList(list[Any]):
    """A list that is made as a `numba.typed.List` is."""

    @classmethod
    def empty_list(cls, item_type: Any, allocated: int = 0) -> "TypedList":  # noqa: ARG003
        """Return a list without items, which take any type here."""
        return cls()


class TypedDict(dict[Any, Any]):
    """A dictionary that is made as a `numba.typed.Dict` is."""

    @classmethod
    def empty(cls, key_type: Any, value_type: Any, n_keys: int = 0) -> "TypedDict":  # noqa: ARG003
        """Return a dictionary without items, which take any types here."""
        return cls()


def is_typed(thing: Any) -> bool:
    """Return whether a thing is one of Numba's own containers."""
    typed: Any = sys.modules.get("numba.typed")
    return typed is not None and isinstance(thing, typed.List | typed.Dict)


def is_mapping(thing: Any) -> bool:
    typed: Any = sys.modules.get("numba.typed")
    return isinstance(thing, dict) or (typed is not None and isinstance(thing, typed.Dict))


def content(container: Any) -> list[Any]:
    """Return the items of a container, and the keys of a dictionary."""
    if is_mapping(container):
        return [each for key in container for each in (key, container[key])]
    return list(container)


def refill(container: Any, items: Any) -> None:
    """Let a container of the caller's hold other items."""
    container.clear()
    if is_mapping(container):
        for key, item in items.items():
            container[key] = item
    else:
        for item in items:
            container.append(item)


def is_unchanged(before: list[Any], now: list[Any]) -> bool:
    """Return whether a container of Numba's, which makes its items anew, holds the same numbers."""
    return len(before) == len(now) and all(
        a == b or a != a for a, b in zip(before, now, strict=True) if isinstance(a, NUMBERS)
    )


def in_place_of(thing: Any) -> Callable[..., Any] | None:
    """Return what makes a plain container in the place of a typed one."""
    typed: Any = sys.modules.get("numba.typed")
    if typed is None:
        return None
    return TypedList if thing is typed.List else TypedDict if thing is typed.Dict else None
