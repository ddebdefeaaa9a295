"""How fast this machine moves memory: the limit of whatever reads and writes arrays.

A copy and a triad on all of Numba's threads, each thread on a contiguous block of its own: with
plain stores, by the C library, and with non-temporal stores. Bytes count as they do for a
derivative: what is read and what is written, not the lines which the processor reads only because
it is about to write them.
"""

import ctypes
from collections.abc import Callable
from functools import partial

import numpy as np
from llvmlite import ir
from numba import get_num_threads, njit, prange, types
from numba.extending import intrinsic

LENGTH = 10_000_000  # numbers in float64, far beyond any cache
LINE = 8  # of them in a line of the cache


@njit
def block(thread, threads, length):
    """Return where a thread's own block of lines starts and stops."""
    lines = length // LINE
    return lines * thread // threads * LINE, lines * (thread + 1) // threads * LINE


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


def line_at(context, builder, array_type, array, position):
    """Return a pointer to the line of eight numbers at a position."""
    data = context.make_array(array_type)(context, builder, array).data
    vector = ir.VectorType(ir.DoubleType(), LINE)
    return builder.bitcast(builder.gep(data, [position]), vector.as_pointer())


def store_past_cache(builder, value, pointer):
    """Store a line with a non-temporal store."""
    store = builder.store(value, pointer, align=8 * LINE)
    one = ir.Constant(ir.IntType(32), 1)
    store.set_metadata("nontemporal", builder.module.add_metadata([one]))


@intrinsic
def stream_copy(typingctx, target, source, position):  # noqa: ARG001
    """Copy a line past the cache."""

    def codegen(context, builder, signature, arguments):
        *arrays, position = arguments
        write, read = (
            line_at(context, builder, array_type, array, position)
            for array_type, array in zip(signature.args, arrays, strict=False)
        )
        store_past_cache(builder, builder.load(read, align=8), write)
        return context.get_dummy_value()

    return types.void(target, source, position), codegen


@intrinsic
def stream_triad(typingctx, target, left, right, position):  # noqa: ARG001
    """Add a line and three times another, and store the sum past the cache."""

    def codegen(context, builder, signature, arguments):
        *arrays, position = arguments
        write, *reads = (
            line_at(context, builder, array_type, array, position)
            for array_type, array in zip(signature.args, arrays, strict=False)
        )
        a, b = (builder.load(read, align=8) for read in reads)
        three = ir.Constant(a.type, [3.0] * LINE)
        store_past_cache(builder, builder.fadd(a, builder.fmul(three, b)), write)
        return context.get_dummy_value()

    return types.void(target, left, right, position), codegen


@intrinsic
def fence(typingctx):  # noqa: ARG001
    """Wait until what was stored past the cache can be read by other threads."""

    def codegen(context, builder, _signature, _arguments):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


@njit(parallel=True)
def streaming_copy(threads, target, source):
    for thread in prange(threads):
        start, stop = block(thread, threads, target.size)
        for position in range(start, stop, LINE):
            stream_copy(target, source, position)
        fence()


@njit(parallel=True)
def streaming_triad(threads, target, left, right):
    for thread in prange(threads):
        start, stop = block(thread, threads, target.size)
        for position in range(start, stop, LINE):
            stream_triad(target, left, right, position)
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


def aligned(length: int) -> np.ndarray:
    """Return an array that starts with a line of the cache."""
    space = np.empty(length + LINE)
    skip = -(space.ctypes.data // space.itemsize) % LINE
    return space[skip : skip + length]


def candidates(length: int = LENGTH) -> dict[str, tuple[Callable[[], object], int]]:
    """Return every way to move memory: a call, compiled and checked, and the bytes it moves."""
    target, left, right = (aligned(length // LINE * LINE) for _ in range(3))
    left[:] = np.arange(left.size)
    right[:] = 1.0
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
