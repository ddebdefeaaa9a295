"""How calls are timed beside each other."""

import math
import os
import time
from collections.abc import Callable
from statistics import median

Call = Callable[[], object]


Clock = Callable[[], float]


def at_most(rounds: int) -> int:
    """Return how often to measure what asv doesn't time itself, where ``--quick`` says nothing."""
    return min(rounds, int(os.environ.get("NUMGRAD_BENCHMARK_ROUNDS", rounds)))


def turn_about(
    calls: dict[str, Call], rounds: int, seconds: float = 3.0, clock: Clock | None = None
) -> dict[str, float]:
    """Return the median seconds of each call, all called in turn.

    A slow one sits out as soon as it has taken so many seconds. ``clock`` is another one than that
    on the wall.
    """
    estimates = {name: seconds_of(call, 1) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(at_most(rounds)):
        for name, call in calls.items():
            if sum(times[name]) > seconds:
                continue
            if estimates[name] < 0.1:
                call()  # caches and threads are now as this call leaves them, not the one before
            repeats = math.ceil(1e-3 / estimates[name])
            times[name].append(seconds_of(call, repeats, clock or time.perf_counter))
    return {name: median(of_name) for name, of_name in times.items()}


def processor_seconds() -> float:
    """Return the time that this thread has had the processor."""
    return time.thread_time()


def seconds_of(call: Call, repeats: int, clock: Clock = time.perf_counter) -> float:
    """Return the mean seconds of so many calls."""
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats
