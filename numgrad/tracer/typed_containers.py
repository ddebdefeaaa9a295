"""Numba's typed lists and dictionaries in plain Python: lists and dictionaries."""

import sys
from collections.abc import Callable
from typing import Any


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


def in_place_of(thing: Any) -> Callable[..., Any] | None:
    """Return what makes a plain container in the place of a typed one."""
    typed: Any = sys.modules.get("numba.typed")
    if typed is None:
        return None
    return TypedList if thing is typed.List else TypedDict if thing is typed.Dict else None
