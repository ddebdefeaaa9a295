"""Stamps, which tell whether machine code in a cache of Numba's was made by what runs now.

Numba keeps the code of a function made with ``cache=True`` by that function's own file, and links
into it the code of all it calls, numgrad's included. What numgrad compiles therefore carries a
*stamp*: a constant in the environment of the compiled function. Numba keeps with a function the
environments of all that is linked into it, at any depth and from other caches too, so a stamp
goes wherever the code goes. It is checked where it is read back: a stale one raises an OSError,
which Numba takes for an entry that isn't there, and the function is compiled anew.
"""

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import llvmlite
import numba
import numpy as np
from numba.core.caching import Cache, IndexDataCacheFile

from numgrad.targets.options import InternalCompiler

PACKAGE = Path(__file__).parents[1]
MODE_VARIABLE = "NUMGRAD_MODE"  # of the environment: what mode auto of derivatives means
_imported = time.time_ns()


class StaleError(OSError):
    """Machine code was made by something else than what runs now."""


def package() -> tuple[str, ...]:
    """The versions of numgrad and of what it is compiled with, and a digest of its source.

    With them go settings of the process that numgrad and Numba compile by.
    """
    version = sys.modules["numgrad"].__version__
    libraries = numba.__version__, np.__version__, llvmlite.__version__, sys.version
    settings = os.environ.get(MODE_VARIABLE, ""), str(numba.config.BOUNDSCHECK)
    return version, _digest_of_sources(), *libraries, *settings


def sources(folder: Path) -> Iterator[Path]:
    """The files of Python in a folder and in those within it, in one order."""
    for inside, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(inside, name) for name in sorted(names) if name.endswith(".py"))


@cache
def _digest_of_sources() -> str:
    """Return a digest of numgrad's source, which changes more often than its version.

    A process goes on with what it imported: where a file was edited since, the digest is one that
    no other process has.
    """
    digest = hashlib.sha256()
    for path in sources(PACKAGE):
        source = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE)} {len(source)}\n".encode())
        digest.update(source)
        if path.stat().st_mtime_ns > _imported:
            digest.update(uuid4().bytes)
    return digest.hexdigest()


class PackageStamp:
    """The stamp of code that depends on numgrad alone, and on the types of arguments."""

    def __reduce__(self) -> tuple[Any, ...]:
        return restored, (type(self), package())


def restored(kind: type[PackageStamp], made_by: tuple[str, ...]) -> PackageStamp:
    """Return the stamp of machine code that Numba loads, unless it is stale."""
    if loading() is not None and made_by != package():
        raise StaleError("another numgrad made this machine code")
    return kind()


# Numba tells nothing that is pickled or restored which function it is part of. Its cache knows, and
# is at work further up the stack.


def loading() -> Any:
    """Return the cache of the function whose machine code is being loaded, or None."""
    return _at_work("_load_overload", ignore="_load_index")


def saving() -> tuple[Any, Any]:
    """Return the cache of the function that is being saved, and what is saved; or None twice."""
    frame = _frame_of("_save_overload", ignore="_save_index")
    return (frame.f_locals["self"], frame.f_locals["data"]) if frame else (None, None)


def _at_work(method: str, ignore: str) -> Any:
    frame = _frame_of(method, ignore)
    return frame and frame.f_locals["self"]


def _frame_of(method: str, ignore: str) -> Any:
    """Return the innermost frame of a method of a cache, but not while its index is at work."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_name
        if name == ignore and isinstance(frame.f_locals.get("self"), IndexDataCacheFile):
            return None
        if name == method and isinstance(frame.f_locals.get("self"), Cache):
            return frame
        frame = frame.f_back  # type: ignore[assignment]
    return None


def attach(stamp: Any, compiled: Any) -> None:
    """Let the environment of a compiled function carry a stamp, and Numba keep it."""
    put_into(compiled.environment, compiled.library, stamp)


def put_into(environment: Any, library: Any, stamp: Any) -> None:
    """Let an environment carry a stamp, and Numba keep it."""
    if not environment.can_cache():  # the function was written while numgrad was compiling
        environment.globals.setdefault("__name__", __name__)
    environment.consts.append(stamp)
    library.numgrad_environment = environment  # which Numba only looks for when it saves


class StampingCompiler(InternalCompiler):
    """Numba's compiler of one function, whose results carry a stamp."""

    def __init__(self, dispatcher: Any, stamp: Any) -> None:
        super().__init__(dispatcher)
        self.stamp = stamp

    def _compile_core(self, args: Any, return_type: Any) -> Any:
        compiled = super()._compile_core(args, return_type)
        attach(self.stamp, compiled)
        return compiled


def stamped(dispatcher: Any, stamp: Any) -> Any:
    """Let the machine code of a function of ``njit``, and of all that calls it, carry a stamp."""
    dispatcher._compiler = StampingCompiler(dispatcher, stamp)
    return dispatcher


def mark(stamp: Any) -> Any:
    """Return a compiled function that does nothing: whatever calls it carries a stamp."""

    def stamp_of_numgrad():  # type: ignore[no-untyped-def]
        return

    options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return stamped(numba.njit(stamp_of_numgrad, **options), stamp)
