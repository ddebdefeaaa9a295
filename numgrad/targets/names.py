"""Names of machine code that no two processes give.

Numba numbers the functions of a process from 1 up, and the number is part of the name of a
function's machine code. The linker takes what has one name for one. Of two functions of one name
and other contents, as closures made by one function are, one compiled now and one from a cache on
disk, it would take the first for both.
"""

import os
import re
from typing import Any

from numba.core.bytecode import FunctionIdentity

BYTES = 8
# as Numba mangles the number of a function: a tag of a letter more
NUMBERED = re.compile(rf"B{2 * BYTES + 1}v[0-9a-f]{{{2 * BYTES}}}")


def differ_between_processes() -> None:
    """Let Numba number functions at random, which a forked child does otherwise than its parent."""
    FunctionIdentity._unique_ids = iter(lambda: os.urandom(BYTES).hex(), None)


def is_of_one_process(environment: Any) -> bool:
    """Whether no function in another process has the name of the one that an environment is of."""
    return NUMBERED.search(environment.env_name) is not None
