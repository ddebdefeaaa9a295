"""Names of machine code that no two processes give.

Numba numbers the functions of a process from 1 up, and the number is part of the name of a
function's machine code. The linker takes what has one name for one. Of two functions of one name
and other contents, as closures made by one function are, one compiled now and one from a cache on
disk, it would take the first for both.
"""

import os
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from numba.core.bytecode import FunctionIdentity

BYTES = 8
# as Numba mangles the number of a function: a tag of a letter more
NUMBERED = re.compile(rf"B{2 * BYTES + 1}v([0-9a-f]{{{2 * BYTES}}})")


@cache
def differ_between_processes(note: Callable[[str, Any], None]) -> None:
    """Let Numba number functions at random, which a forked child does otherwise than its parent.

    What is given is told of each function with its number.
    """
    make = FunctionIdentity.from_function.__func__

    def from_function(cls: Any, function: Any) -> Any:
        made = make(cls, function)
        note(made.unique_id, made.func)
        return made

    FunctionIdentity._unique_ids = iter(lambda: os.urandom(BYTES).hex(), None)
    FunctionIdentity.from_function = classmethod(from_function)


def number_of(environment: Any) -> str | None:
    """The number of the function that an environment is of, if no other process gives it."""
    found = NUMBERED.search(environment.env_name)
    return None if found is None else found[1]
