"""The types of records, in arrays of NumPy's with named fields, that hold numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.core.datamodel import models
from numba.core.registry import cpu_target
from numba.extending import register_model

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


def is_followed(record: Any) -> bool:
    """Whether the fields of a record are numbers and text."""
    kinds = [field.type for field in record.fields.values()]
    return not record.has_titles() and all(isinstance(kind, PLAIN) for kind in kinds)


def with_types(record: Any, change: Callable[[Any], Any]) -> Any:
    """The type of a record whose fields have other types."""
    original = getattr(record, "original", record)
    changed = {name: change(field.type) for name, field in original.fields.items()}
    if not is_followed(original) or all(
        kind == original.typeof(name) for name, kind in changed.items()
    ):
        return original
    fields, offset = [], 0
    for name, kind in changed.items():
        fields.append((name, {"type": kind, "offset": offset}))
        context = cpu_target.target_context
        size = context.get_abi_sizeof(context.get_data_type(kind))
        offset += -(-size // ALIGNMENT) * ALIGNMENT
    return ActiveRecord(original, fields, offset)


def types_in(record: Any) -> list[Any]:
    """The types of a record's fields."""
    return [field.type for field in record.fields.values()]
