"""The types of records, in arrays of NumPy's with named fields, that hold numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.core.registry import cpu_target
from numba.extending import models, register_model

PLAIN = types.Number | types.Boolean | types.CharSeq | types.UnicodeCharSeq
ALIGNMENT = 8


class ActiveRecord(types.Record):
    """A record some of whose fields hold numbers that carry something."""

    def __init__(self, original: Any, fields: Any, size: int):
        self.original = original
        super().__init__(fields, size, True)

    @property
    def dtype(self) -> Any:
        """What NumPy would take for as much memory."""
        return np.dtype((np.void, self.size))


register_model(ActiveRecord)(models.RecordModel)


class ActiveNestedArray(types.NestedArray):
    """An array in a record, of numbers that carry something."""

    def __init__(self, dtype: Any, shape: tuple[int, ...]):
        self._shape = shape
        name = f"nestedarray({dtype}, {shape})"
        super(types.NestedArray, self).__init__(dtype, len(shape), "C", name=name)

    @property
    def size(self) -> int:
        """The bytes of one number."""
        return bytes_of(self.dtype)


register_model(ActiveNestedArray)(models.NestedArrayModel)


def bytes_of(kind: Any) -> int:
    """How much memory a number takes, or an array in a record."""
    if isinstance(kind, types.NestedArray):
        return int(kind.nitems * kind.size)
    context = cpu_target.target_context
    return int(context.get_abi_sizeof(context.get_data_type(kind)))


def is_followed(record: Any) -> bool:
    """Whether the fields of a record are numbers and text, and arrays of them."""
    kinds = types_in(record)
    kinds = [kind.dtype if isinstance(kind, types.NestedArray) else kind for kind in kinds]
    return not record.has_titles() and all(isinstance(kind, PLAIN) for kind in kinds)


def changed_field(kind: Any, change: Callable[[Any], Any]) -> Any:
    """The type of a field with another type of numbers."""
    if not isinstance(kind, types.NestedArray):
        return change(kind)
    element = change(kind.dtype)
    return kind if element == kind.dtype else ActiveNestedArray(element, kind.shape)


def with_types(record: Any, change: Callable[[Any], Any]) -> Any:
    """The type of a record whose fields have other types."""
    original = getattr(record, "original", record)
    if not is_followed(original):
        return original
    changed = {name: changed_field(field.type, change) for name, field in original.fields.items()}
    if list(changed.values()) == types_in(original):
        return original
    fields, offset = [], 0
    for name, kind in changed.items():
        fields.append((name, {"type": kind, "offset": offset}))
        offset += -(-bytes_of(kind) // ALIGNMENT) * ALIGNMENT
    return ActiveRecord(original, fields, offset)


def types_in(record: Any) -> list[Any]:
    """The types of a record's fields."""
    return [field.type for field in record.fields.values()]
