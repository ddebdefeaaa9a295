"""Progress of a compilation that takes long: one line on the terminal, once."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 1.0  # seconds, before anything is said
_compiling = threading.local()  # a derivative compiles others on its way: the first one speaks


def is_wanted() -> bool:
    """Whether to report: on a terminal, unless the variable NUMGRAD_PROGRESS is 0.

    With NUMGRAD_PROGRESS=1 it reports wherever stderr leads.
    """
    setting = os.environ.get("NUMGRAD_PROGRESS", "")
    if setting in ("0", "1"):
        return setting == "1"
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def reported(name: str) -> Iterator[None]:
    """Report a compilation while it lasts, if it lasts longer than a second."""
    if getattr(_compiling, "is_under_way", False) or not is_wanted():
        yield
        return
    began, stream = time.perf_counter(), sys.stderr
    has_begun = False

    def begin() -> None:
        nonlocal has_begun
        has_begun = True
        stream.write(f"numgrad: compiling {name} ... ")
        stream.flush()

    timer = threading.Timer(PATIENCE, begin)
    timer.daemon = True
    _compiling.is_under_way = True
    timer.start()
    try:
        yield
    finally:
        _compiling.is_under_way = False
        timer.cancel()
        timer.join()  # another thread alive would make small parallel loops serial
        if has_begun:
            stream.write(f"{time.perf_counter() - began:.1f} s\n")
            stream.flush()
