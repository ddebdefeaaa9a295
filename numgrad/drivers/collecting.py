"""Fewer collections of garbage while a derivative is compiled.

Compiling makes many objects and hardly any garbage in cycles, and Python looks for that each time
there are 700 objects more: an eighth of the time of a first call.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS = 400_000  # more than there were, before Python looks for garbage
_before: list[tuple[int, int, int]] = []  # the thresholds of the program, while others are in force


@contextmanager
def few_collections() -> Iterator[None]:
    """Let Python collect garbage less often for a while, unless it does already."""
    before = gc.get_threshold()
    if not 0 < before[0] < OBJECTS:
        yield
        return
    _before.append(before)
    gc.set_threshold(OBJECTS, *before[1:])
    try:
        yield
    finally:
        restore()


def restore() -> None:
    """Go back to the thresholds of the program, if it has set no others meanwhile."""
    if _before and gc.get_threshold()[0] == OBJECTS:
        gc.set_threshold(*_before[0])
    _before.clear()


if hasattr(os, "register_at_fork"):  # a child has none of the threads that are compiling
    os.register_at_fork(after_in_child=restore)
