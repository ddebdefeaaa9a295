"""Kernels that are cached on disk."""

import hashlib
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import sigutils
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.ccallback import CFunc

from numgrad.targets.objects import rebuilt, taken_apart
from numgrad.targets.options import ENTRY_POINT
from numgrad.targets.stamps import PACKAGE, sources


def kernel(function: Callable[..., Any]) -> Any:
    """Compile an entry point called from Python alone, cached on disk."""
    return _cached(function, **ENTRY_POINT)


def parallel_kernel(function: Callable[..., Any]) -> Any:
    """Compile an entry point whose ``prange`` loops run on Numba's threads, cached on disk."""
    return _cached(function, parallel=True, **ENTRY_POINT)


def callback(signature: Any, function: Callable[..., Any]) -> Any:
    """Compile a function that has an address, cached on disk."""
    compiled = CFunc(
        function, sigutils.normalize_signature(signature), locals={}, options=ENTRY_POINT
    )
    _cache_on_disk(compiled, function)
    compiled.compile()
    return compiled


def _cached(function: Callable[..., Any], **options: Any) -> Any:
    dispatcher = numba.njit(**options)(function)
    dispatcher.get_call_template = partial(_refuse_callers, function)
    _cache_on_disk(dispatcher, function)
    return dispatcher


def _refuse_callers(function: Callable[..., Any], *_: Any) -> None:
    """Raise where compiled code calls an entry point: from a disk it comes without what links."""
    name = function.__name__
    raise AssertionError(f"{name} is called from Python alone: let both call what it is made of")


def _cache_on_disk(compiler: Any, function: Callable[..., Any]) -> None:
    """Cache on disk where a folder is writable, in memory otherwise."""
    with suppress(RuntimeError):  # numba: "cannot cache function ...: no locator available"
        compiler._cache = _PackageCache(function)


class _PackageCache(FunctionCache):  # type: ignore[misc]
    """A cache that is stale as soon as any file of the package changes.

    Numba looks at the file of the kernel alone, so a change of a formula in another file would go
    unnoticed, and so would one of the options.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        folder = Path(function.__code__.co_filename).parent
        of_folder = None if folder.is_relative_to(PACKAGE) else _stamp(folder)
        versions = sys.modules["numgrad"].__version__, np.__version__
        source = self._impl.locator.get_source_stamp()
        stamp = source, versions, of_folder, _stamp_of_imported(PACKAGE)
        self._cache_file = _CacheFile(self._cache_path, self._impl.filename_base, stamp)
        self._name = function.__qualname__

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load an entry as what is called and nothing more: Numba need not be ready to compile."""
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        parts = self._cache_file.load(self._index_key(sig, target_context.codegen()))
        if parts is None:
            return None
        try:
            return rebuilt(target_context, getattr(sig, "args", sig), parts)
        except LookupError:  # what it was linked with isn't here: compile instead
            return None

    def _save_overload(self, sig: Any, data: Any) -> None:
        if self._impl.check_cachable(data):
            self._impl.locator.ensure_cache_path()
            self._cache_file.save(self._index_key(sig, data.codegen), taken_apart(data))

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        """The key of an entry: the name says what a function closes over.

        Numba would hash the functions that it closes over, which differ from process to process.
        """
        return sig, codegen.magic_tuple(), self._name, numba.config.BOUNDSCHECK


class _CacheFile(IndexDataCacheFile):  # type: ignore[misc]
    """Files of a cache that several processes may fill at once.

    Numba numbers the files of machine code, and two processes that save two signatures at the same
    time take the same number: one signature then finds the machine code of the other. Here a file
    is named after its signature, and written before the index that names it.
    """

    def save(self, key: Any, data: Any) -> None:
        """Save an entry."""
        digest = hashlib.sha256(repr(key).encode()).digest()
        name = self._data_name(int.from_bytes(digest[:8], "big"))
        self._save_data(name, data)
        self._save_index({**self._load_index(), key: name})


@cache
def _stamp_of_imported(package: Path) -> list[tuple[str, int, int]]:
    """The stamp of a package as it was when its first kernel was made.

    A process goes on with the sources that it imported: what it compiles after one was edited must
    not pass for machine code of the edited one.
    """
    return _stamp(package)


def _stamp(folder: Path) -> list[tuple[str, int, int]]:
    """The times and sizes of all sources in a folder, which tell whether one has changed."""
    found = []
    for path in sources(folder):
        with suppress(OSError):  # it has just gone
            status = path.stat()
            found.append((str(path.relative_to(folder)), status.st_mtime_ns, status.st_size))
    return found
