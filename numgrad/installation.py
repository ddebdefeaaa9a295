"""Checks of this installation: what runs here, on what, and whether it is right and fast.

Every check returns what it found; ``numgrad.__main__`` prints it.
"""

import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from statistics import median
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

import numgrad
from numgrad.fields.kernels import cpu
from numgrad.targets import choose, cuda_device
from numgrad.targets.pace import PACE

DISTRIBUTION = "numba-numgrad"
ENOUGH_FOR_THREADS = 1 << 20  # samples that certainly run on all threads
ROUNDS = 21  # in which calls on all threads and on one take turns


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    item: str
    text: str
    passed: bool = True


@dataclass(frozen=True)
class Comparison:
    """One derivative beside NumPy's: equal bit for bit or not, and the median seconds of both."""

    work: str
    equal: bool
    seconds: float
    numpy_seconds: float


def versions() -> str:
    """Return the versions of all that takes part."""
    modules = (numgrad, numba, llvmlite, np)
    names = [f"{module.__name__} {module.__version__}" for module in modules]
    return ", ".join([*names, f"Python {platform.python_version()}"])


def processors() -> str:
    """Return how many processors there are, and how many this process may use."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        usable = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
    else:
        usable = os.cpu_count()
    return f"{usable} of {os.cpu_count()} usable, {platform.machine()}"


def threads() -> str:
    """Return how many threads Numba runs, and who says so."""
    setting = os.environ.get("NUMBA_NUM_THREADS")
    source = f"NUMBA_NUM_THREADS={setting}" if setting else "NUMBA_NUM_THREADS is not set"
    return f"{numba.get_num_threads()} ({source})"


def threading_layer() -> str:
    """Return the layer that a first parallel launch starts."""
    numgrad.gradient(np.zeros(ENOUGH_FOR_THREADS))
    return _layer() or "none started: all runs serial"


def python_threads() -> str:
    """Return whether several Python threads may call at once."""
    if _layer() == "workqueue":
        return "safe in numgrad, which then runs serial; workqueue itself isn't"
    return "safe"


def forks() -> str:
    """Return whether a child of ``os.fork`` may call."""
    if not hasattr(os, "fork"):
        return "this system has none"
    if _layer() == "omp" and _openmp_vendor() == "GNU":
        return "safe in numgrad, which runs serial in a forked child; GNU OpenMP itself isn't"
    if _layer() == "tbb":
        return "safe in numgrad, which runs serial in a forked child; TBB itself may hang there"
    return "safe"


def _layer() -> str | None:
    try:
        return str(numba.threading_layer())
    except ValueError:  # no parallel launch as yet
        return None


def _openmp_vendor() -> str:
    from numba.np.ufunc import omppool

    return str(omppool.openmp_vendor)


def cache_folder() -> str:
    """Return where compiled kernels are kept."""
    kernels = [value for value in vars(cpu).values() if isinstance(value, Dispatcher)]
    folders = sorted({kernel.stats.cache_path for kernel in kernels if kernel.stats.cache_path})
    if not folders:
        return "none is writable: every process compiles its kernels anew (see NUMBA_CACHE_DIR)"
    return ", ".join(
        folder + ("" if os.access(folder, os.W_OK) else " (not writable)") for folder in folders
    )


def gradient_in_njit() -> str:
    """Return whether Numba finds numgrad by itself, and compile ``np.gradient`` as a user would."""
    try:
        entry_points = metadata.distribution(DISTRIBUTION).entry_points
    except metadata.PackageNotFoundError:
        return f"not available: {DISTRIBUTION} is imported from a folder, not installed"
    if not entry_points.select(group="numba_extensions"):
        raise RuntimeError(f"the metadata of {DISTRIBUTION} lack the entry point for Numba")
    samples = np.arange(10.0) ** 2
    if not _same_bits(numba.njit(lambda f: np.gradient(f))(samples), np.gradient(samples)):
        raise RuntimeError("values differ from NumPy's")
    return "np.gradient compiles, by the entry point numba_extensions"


def derivative_of_function() -> str:
    """Return how exactly and how soon a function is differentiated."""
    x = np.linspace(-3.0, 3.0, 101)
    start = time.perf_counter()
    slopes = numgrad.derivative(lambda x: np.sin(x) * np.exp(-x * x))(x)
    seconds = time.perf_counter() - start
    expected = np.exp(-x * x) * (np.cos(x) - 2.0 * x * np.sin(x))
    error = float(np.abs(slopes - expected).max())
    if not error < 1e-14:
        raise RuntimeError(f"the derivative of sin(x) exp(-x²) is wrong by {error:.1e}")
    return f"exact to {error:.0e}, first call {seconds:.1f} s"


def device() -> str:
    """Return the GPU, having derived something there, or why there is none."""
    available, text = cuda_device.availability()
    if not available:
        return f"not available: {text}"
    samples = np.sin(np.arange(24.0)).reshape(4, 6)
    if not _same_bits(numgrad.gradient(samples, target="cuda"), np.gradient(samples)):
        raise RuntimeError(f"{text}: values differ from NumPy's")
    if cuda_device.simulated():
        return f"{text}; derivatives of samples are right there"
    slopes = numgrad.derivative(lambda x: x * x, target="cuda")(samples)
    if not np.array_equal(slopes, 2.0 * samples):
        raise RuntimeError(f"{text}: derivatives of a function are wrong")
    return f"{text}; derivatives of samples and of functions are right there"


CHECKS: dict[str, Callable[[], str]] = {
    "versions": versions,
    "processors": processors,
    "threads": threads,
    "threading layer": threading_layer,
    "Python threads": python_threads,
    "fork": forks,
    "cache folder": cache_folder,
    "inside @njit": gradient_in_njit,
    "of functions": derivative_of_function,
    "CUDA": device,
}


def seconds_on_threads() -> tuple[float, float] | None:
    """Return the median seconds of a large gradient on all threads, and on one."""
    samples = np.random.default_rng(0).random(ENOUGH_FOR_THREADS)
    threads = numba.get_num_threads()
    if threads == 1 or choose.thread_count(samples.size) == 1:
        return None
    rounds: list[list[float]] = [[], []]
    try:
        for _ in range(ROUNDS):
            for count, times in zip((threads, 1), rounds, strict=True):
                numba.set_num_threads(count)
                PACE.forget()  # what it would have learnt is what is measured
                times.append(_seconds(partial(numgrad.gradient, samples), 1))
    finally:
        numba.set_num_threads(threads)
    several, one = map(median, rounds)
    return several, one


def findings() -> Iterator[Finding]:
    """Yield what every check finds; a check that raises has failed."""
    for item, check in CHECKS.items():
        try:
            yield Finding(item, check())
        except Exception as error:
            yield Finding(item, f"{type(error).__name__}: {error}", passed=False)


def comparisons() -> Iterator[Comparison]:
    """Yield derivatives beside NumPy's, small enough for a few seconds in all."""
    generator = np.random.default_rng(0)
    line, cube = generator.random(1_000_000), generator.random((128, 128, 128), np.float32)
    whole = generator.integers(0, 1000, (1000, 1000), np.int32)
    coordinates = np.cumsum(generator.random(line.size))
    yield compare("10 samples", line[:10])
    yield compare("1,000,000 samples, spacing 0.1", line, 0.1)
    yield compare("1,000,000 samples, coordinates", line, coordinates)
    yield compare("128 × 128 × 128 float32, all axes", cube)
    yield compare("1000 × 1000 int32, axis 0", whole, axis=0)


def compare(work: str, samples: Any, *spacings: Any, axis: int | None = None) -> Comparison:
    """Derive the same samples by numgrad and by NumPy, turn about."""
    gradients = (numgrad.gradient, np.gradient)
    calls = [partial(gradient, samples, *spacings, axis=axis) for gradient in gradients]
    equal = _same_bits(*(call() for call in calls))
    repeats = 200 if samples.size < 1000 else 1
    rounds = [[_seconds(call, repeats) for call in calls] for _ in range(7)]
    seconds, numpy_seconds = (median(times) for times in zip(*rounds, strict=True))
    return Comparison(work, equal, seconds, numpy_seconds)


def _seconds(call: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def _same_bits(results: Any, expected: Any) -> bool:
    if isinstance(expected, tuple):
        return len(results) == len(expected) and all(map(_same_bits, results, expected))
    same_type = results.dtype == expected.dtype and results.shape == expected.shape
    return same_type and bool(results.tobytes() == expected.tobytes())
