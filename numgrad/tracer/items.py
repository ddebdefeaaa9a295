"""What every item of a loop gets whole: for each it is as the caller left it."""

from typing import Any

import numpy as np

from numgrad.tracer.arrays import TracedArray
from numgrad.tracer.reach import may_write


class Whole:
    """Arguments that all items share, and what was in them before the first.

    A function may write to them. The next item finds them as the caller left them, and the caller
    as the last item leaves them.
    """

    def __init__(self, function: Any, arguments: Any) -> None:
        self.saved: list[tuple[Any, Any]] = []
        self._save(arguments, set(), may_write(function))

    def _save(self, x: Any, seen: set[int], arrays: bool) -> None:
        if id(x) in seen:
            return
        seen.add(id(x))
        if isinstance(x, np.ndarray | TracedArray):
            if arrays and x.flags.writeable:
                self.saved.append((x, x.copy("K")))
        elif isinstance(x, list | tuple | dict):
            if not isinstance(x, tuple):
                self.saved.append((x, x.copy()))
            for item in x.values() if isinstance(x, dict) else x:
                self._save(item, seen, arrays)

    def put_back(self) -> None:
        """Let the arguments hold what they held before."""
        for held, before in self.saved:
            if isinstance(held, list):
                held[:] = before
            elif isinstance(held, dict):
                held.clear()
                held.update(before)
            elif isinstance(held, TracedArray) or held.dtype == object:
                if any(a is not b for a, b in zip(_items(held), _items(before), strict=True)):
                    held[...] = before
            else:
                held[...] = before


def _items(x: Any) -> Any:
    """Return the objects of an array: the two parts of a complex number, one after the other."""
    raw = x.raw if isinstance(x, TracedArray) else x
    if raw.dtype.names:
        return [part for name in raw.dtype.names for part in raw[name].flat]
    return list(raw.flat)
