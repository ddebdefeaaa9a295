"""Peak memory beyond the samples and the results."""

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.inputs import IMPLEMENTATIONS, warm_call

SHAPES = [(10_000_000,), (200, 200, 200)]
STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
M_MMAP_THRESHOLD = -3


def resident(field: str) -> int:
    """Return the resident memory of this process in bytes: VmRSS now, VmHWM at its peak."""
    for line in STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise LookupError(field)


def peak_beyond_results(call: Callable[[], object]) -> int:
    """Return the most bytes that a call takes at any moment, less those of what it returns.

    The peak is the kernel's own count of the pages of this process (Linux alone keeps one that can
    be set back).
    """
    give_back_freed_memory()
    call()
    CLEAR.write_text("5")  # the peak becomes what is resident now
    before = resident("VmRSS")
    results = call()
    return resident("VmHWM") - before - size_of(results)


def give_back_freed_memory() -> None:
    """Have glibc return large blocks to the system as they are freed, else they stay resident."""
    library = ctypes.CDLL(None)
    library.mallopt(M_MMAP_THRESHOLD, 1 << 17)
    library.malloc_trim(0)


def size_of(results: object) -> int:
    """Return the bytes of an array or of a tuple of arrays."""
    arrays = results if isinstance(results, tuple) else (results,)
    return sum(np.asarray(array).nbytes for array in arrays)


class Peak:
    param_names = ("shape", "spacing", "implementation")
    params = (SHAPES, ["unit", "non-uniform"], IMPLEMENTATIONS)

    def setup(self, shape, spacing, implementation):
        if not CLEAR.exists():
            raise NotImplementedError("the peak of one call can be measured on Linux only")
        self.call = warm_call(implementation, shape, spacing=spacing)

    def track_peak_beyond_results(self, *_):
        return peak_beyond_results(self.call)

    track_peak_beyond_results.unit = "bytes"
