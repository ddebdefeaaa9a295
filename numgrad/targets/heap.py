"""The memory that arrays within derivatives come from."""

from functools import cache

import numpy as np

# Beyond a threshold, 128 KiB at first, glibc gives what was freed back to the system, which clears
# every page again that the next call takes. The threshold becomes twice the largest block, of at
# most 32 MiB, that came from the system by itself and was freed (mallopt(3), M_MMAP_THRESHOLD).
# Arrays of duals are several times as large as a function's own, and many live at once: calls
# would spend most of their time on fresh pages.

LARGEST = (32 << 20) - (64 << 10)  # bytes; with what glibc adds below 32 MiB


@cache
def keep_freed_memory() -> None:
    """Let up to 64 MiB of freed memory stay with the process, unless the user set a threshold."""
    np.empty(LARGEST, np.uint8)  # never touched, and freed at once
