"""``array.flat`` of arrays that are traced."""

from typing import Any

import numpy as np


class FlatIterator:
    """The numbers of an array one after another, the last index fastest: read and written."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, base: Any) -> None:
        self.base = base
        self.index = 0

    def __len__(self) -> int:
        return int(self.base.size)

    def __iter__(self) -> "FlatIterator":
        return self

    def __next__(self) -> Any:
        if self.index >= len(self):
            raise StopIteration
        self.index += 1
        return self[self.index - 1]

    @property
    def coords(self) -> tuple[int, ...]:
        """Where in the array the next number lies."""
        return tuple(int(k) for k in np.unravel_index(self.index, self.base.shape))

    def __getitem__(self, index: Any) -> Any:
        return self.base.taken(self.base.raw.flat[index], "flat", (self.base, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        self.assign(index, self.base.in_memory(value))
        self.base.written("flat", (self.base, index, value))

    def assign(self, index: Any, inside: Any) -> None:
        """Store what lies in memory as these numbers do, over and over."""
        raw = self.base.raw
        if not isinstance(raw.flat[index], np.ndarray):
            if inside.size != 1:
                raise ValueError("Error setting single item of array.")
            raw.flat[index] = inside.item()
        elif np.may_share_memory(raw, inside):  # what was written is read again
            for k, place in enumerate(np.arange(raw.size)[index]):
                raw.flat[place] = inside.flat[k % inside.size]
        else:
            raw.flat[index] = inside

    def copy(self) -> Any:
        """Return the numbers as a new array."""
        return self.base.flatten()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.copy().__array__(dtype, copy)

    def __eq__(self, other: object) -> Any:
        return self.copy() == other

    def __ne__(self, other: object) -> Any:
        return self.copy() != other
