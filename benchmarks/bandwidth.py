"""How fast this machine moves memory: the limit of whatever reads and writes arrays.

A copy and a triad on all of Numba's threads, each thread on a contiguous block of its own: with
plain stores, by the C library, and with non-temporal stores where numgrad has them. Bytes count as
they do for a derivative: what is read and what is written, not the lines which the processor reads
only because it is about to write them.
"""

import ctypes
from collections.abc import Callable
from functools import partial

import numpy as np
from numba import get_num_threads, njit, prange

from numgrad.fields.stores import fence, stream

LENGTH = 10_000_000  # far beyond any cache
BUFFER = 1024  # well within the first-level cache


@njit
def block(thread, threads, length):
    """Return where a thread's own block of the elements starts and stops."""
    return length * thread // threads, length * (thread + 1) // threads


@njit(parallel=True)
def copy(threads, target, source):
    for thread in prange(threads):
        start, stop = block(thread, threads, target.size)
        own, read = target[start:stop], source[start:stop]
        for i in range(stop - start):
            own[i] = read[i]


@njit(parallel=True)
def triad(threads, target, left, right):
    for thread in prange(threads):
        start, stop = block(thread, threads, target.size)
        own, a, b = target[start:stop], left[start:stop], right[start:stop]
        for i in range(stop - start):
            own[i] = a[i] + 3.0 * b[i]


@njit(parallel=True)
def streaming_copy(threads, target, source):
    for thread in prange(threads):
        start, stop = block(thread, threads, target.size)
        stream(target, start, source[start:stop], stop - start)
        fence()


@njit(parallel=True)
def streaming_triad(threads, target, left, right):
    for thread in prange(threads):
        start, stop = block(thread, threads, target.size)
        buffer = np.empty(BUFFER)
        for first in range(start, stop, BUFFER):
            count = min(BUFFER, stop - first)
            a, b = left[first : first + count], right[first : first + count]
            for i in range(count):
                buffer[i] = a[i] + 3.0 * b[i]
            stream(target, first, buffer, count)
        fence()


def library_copy():
    """Return a copy by the C library's own ``memcpy``, or None where there is none to be found."""
    try:
        memcpy = ctypes.CDLL(None).memcpy
    except (TypeError, OSError, AttributeError):  # Windows
        return None
    memcpy.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t
    memcpy.restype = ctypes.c_void_p

    @njit(parallel=True)
    def copy_by_library(threads, target, source):
        for thread in prange(threads):
            start, stop = block(thread, threads, target.size)
            bytes_of_block = (stop - start) * target.itemsize
            memcpy(target[start:stop].ctypes, source[start:stop].ctypes, bytes_of_block)

    return copy_by_library


def candidates(length: int = LENGTH) -> dict[str, tuple[Callable[[], object], int]]:
    """Return every way to move memory: a call, compiled and checked, and the bytes it moves."""
    target, left, right = np.zeros(length), np.random.default_rng(0).random(length), np.ones(length)
    copies = {"copy": copy, "memcpy": library_copy(), "streaming copy": streaming_copy}
    triads = {"triad": triad, "streaming triad": streaming_triad}
    threads = get_num_threads()
    calls = {}
    for name, kernel in copies.items():
        if kernel is not None:
            calls[name] = partial(kernel, threads, target, left), 2 * target.nbytes
            check(calls[name][0], target, left)
    for name, kernel in triads.items():
        calls[name] = partial(kernel, threads, target, left, right), 3 * target.nbytes
        check(calls[name][0], target, left + 3.0)
    return calls


def check(call: Callable[[], object], target: np.ndarray, expected: np.ndarray) -> None:
    """Make the call and compare what it wrote."""
    target[:] = 0
    call()
    if not np.array_equal(target, expected):
        raise AssertionError(f"{call} moved something else")
