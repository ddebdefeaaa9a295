"""The tapes of a process: one a thread for each size of partials, found by a key of the system's.

A thread's tape is allocated at its first derivative, kept from call to call, and freed when the
thread ends. Machine code finds the keys, the limit and what is allocated in `STATE`, by a symbol.
"""

import ctypes
import os
import sys
from typing import Any

SYMBOL = "numgrad.tapes"
SIZES = 72  # partials have from one word to so many: 64 partials of duals, and others
LIMIT, ALLOCATED, WANTED = range(SIZES, SIZES + 3)  # bytes
DESTROY, CLOSE_LOOP, PULL_LOOP = range(SIZES + 3, SIZES + 6)  # addresses
STATE = (ctypes.c_int64 * (SIZES + 6))()

IS_WINDOWS = sys.platform == "win32"
GET = "FlsGetValue" if IS_WINDOWS else "pthread_getspecific"
SET = "FlsSetValue" if IS_WINDOWS else "pthread_setspecific"
KEY_BITS = 64 if sys.platform == "darwin" else 32


def register(destroy_address: int) -> None:
    """Make the keys, with what is called at the end of a thread, and let machine code find them."""
    library, make, key_kind = system()
    destroy = ctypes.c_void_p(destroy_address)
    STATE[DESTROY] = destroy_address
    for size in range(SIZES):
        if IS_WINDOWS:
            STATE[size] = library.FlsAlloc(destroy)
        else:
            key = key_kind()
            if make(ctypes.byref(key), destroy):
                raise MemoryError("the system has no more keys for memory of threads")
            STATE[size] = key.value
    STATE[LIMIT] = default_limit()


def system() -> tuple[Any, Any, Any]:
    """The library of the system's that knows threads, its maker of keys, and their type."""
    key_kind = ctypes.c_ulong if sys.platform == "darwin" else ctypes.c_uint
    if IS_WINDOWS:
        library = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined, unused-ignore]
        return library, library.FlsAlloc, key_kind
    library = ctypes.CDLL(None)
    return library, library.pthread_key_create, key_kind


def default_limit() -> int:
    """The most bytes of all tapes: as the environment says, or half of the memory there is."""
    given = os.environ.get("NUMGRAD_TAPE_LIMIT")
    if given is not None:
        return checked_limit(int(given) if given.isdecimal() else given)
    return memory_of_process() // 2


def checked_limit(limit: Any) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"a limit of the tape is a number of bytes, an integer, not {limit!r}")
    if limit <= 0:
        raise ValueError(f"a limit of the tape is a positive number of bytes, not {limit}")
    return limit


def memory_of_process() -> int:
    """The bytes of memory that the process may use: the machine's, or those of its group."""
    found = [1 << 47]
    if hasattr(os, "sysconf"):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                found.append(int(file.read()))
        except (OSError, ValueError):  # there is none, or it says max
            continue
    return min(found)


def release() -> None:
    """Free the tapes of this thread."""
    if not STATE[DESTROY]:
        return
    library, _, key_kind = system()
    get, put = getattr(library, GET), getattr(library, SET)
    get.restype = ctypes.c_void_p
    destroy = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(STATE[DESTROY])
    for size in range(SIZES):
        tape = get(key_kind(STATE[size]))
        if tape:
            put(key_kind(STATE[size]), None)
            destroy(tape)


def last_size(field: int) -> int:
    """A field of this thread's tape of numbers, or 0 where there is none."""
    library, _, key_kind = system()
    get = getattr(library, GET)
    get.restype = ctypes.c_void_p
    tape = get(key_kind(STATE[0]))
    return (ctypes.c_int64 * (field + 1)).from_address(tape)[field] if tape else 0
