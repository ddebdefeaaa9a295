"""Operators on fields: for asv, and beside findiff as a table (``python -m benchmarks.operators``).

The share is of the limit: the least traffic, samples read once and results written once, over what
a copy of the field moves in the same process, by NumPy and by stores past the cache on all threads.
``--cpu`` measures on one thread by its own time, which other programs that run disturb less.
"""

import os
import sys

if "--cpu" in sys.argv:
    os.environ["NUMBA_NUM_THREADS"] = "1"

import numpy as np
from numba import get_num_threads

import numgrad
from benchmarks.bandwidth import aligned, streaming_copy
from benchmarks.timing import processor_seconds, turn_about

CUBE = 320
LINE = 10**7


def field(n=CUBE):
    return np.random.default_rng(0).normal(size=(n, n, n))


class Cube:
    """Laplacian, divergence and curl of a cube, into arrays that are there."""

    param_names = ("accuracy",)
    params = ([2, 4],)

    def setup(self, accuracy):
        self.f, self.out = field(192), np.empty((192,) * 3)
        self.vectors = self.f, self.f + 1, self.f + 2
        self.outs = tuple(np.empty_like(self.f) for _ in range(3))
        self.options = {"accuracy": accuracy}
        self.time_laplacian()
        self.time_divergence()
        self.time_curl()

    def time_laplacian(self, *_):
        numgrad.laplacian(self.f, 0.5, out=self.out, **self.options)

    def time_divergence(self, *_):
        numgrad.divergence(self.vectors, 0.5, out=self.out, **self.options)

    def time_curl(self, *_):
        numgrad.curl(self.vectors, 0.5, out=self.outs, **self.options)


class Line:
    """One derivative of a line."""

    param_names = ("order", "accuracy", "spacing")
    params = ([1, 2], [2, 6], ["uniform", "uneven"])

    def setup(self, order, accuracy, spacing):
        n = LINE // 10
        x = np.cumsum(np.random.default_rng(0).uniform(0.5, 1.5, n))
        self.f, self.out, self.x = np.sin(1e-3 * x), np.empty(n), x if spacing == "uneven" else 1.0
        self.options = {"order": order, "accuracy": accuracy, "out": self.out}
        self.time_differentiate()

    def time_differentiate(self, *_):
        numgrad.differentiate(self.f, self.x, **self.options)


class Few:
    """What a call costs by itself."""

    def setup(self):
        self.f = np.arange(10.0)
        numgrad.differentiate(self.f)

    def time_differentiate(self):
        numgrad.differentiate(self.f)


def by_findiff(f, h, accuracy):
    """Return findiff's calls for a field, or none if it isn't installed."""
    try:
        import findiff
    except ImportError:
        return {}
    laplacian = findiff.Laplacian(h=[h] * 3, acc=accuracy)
    divergence = findiff.Divergence(h=[h] * 3, acc=accuracy)
    curl = findiff.Curl(h=[h] * 3, acc=accuracy)
    vectors = np.stack([f, f + 1, f + 2])
    return {
        "laplacian": lambda: laplacian(f),
        "divergence": lambda: divergence(vectors),
        "curl": lambda: curl(vectors),
    }


def line_calls(n):
    """Return a copy of a line of so many samples, and derivatives at uneven distances."""
    x = np.cumsum(np.random.default_rng(0).uniform(0.5, 1.5, n))
    f, out = np.sin(1e-3 * x), np.empty(n)
    calls = {"copy": lambda: np.copyto(out, f)}
    for order, accuracy in ((1, 2), (2, 2), (2, 6), (4, 4), (6, 8)):
        calls[f"order {order}, accuracy {accuracy}"] = lambda o=order, a=accuracy: (
            numgrad.differentiate(f, x, order=o, accuracy=a, out=out)
        )
    return calls


def main(n, line, clock):
    """Print tables for a cube of so many samples along an axis, and for a line of so many."""
    f, out = field(n), np.empty((n,) * 3)
    vectors, outs = (f, f + 1, f + 2), tuple(np.empty_like(f) for _ in range(3))
    goal, source, threads = aligned(n**3), aligned(n**3), get_num_threads()
    goal[:] = source[:] = f.ravel()  # memory that nobody has written to is one page of zeros
    print("| work | ms | share, NumPy's copy | share, streaming | findiff / numgrad |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for accuracy in (2, 4):
        options = {"accuracy": accuracy}
        own = {
            "laplacian": (2, lambda o=options: numgrad.laplacian(f, 0.5, out=out, **o)),
            "divergence": (4, lambda o=options: numgrad.divergence(vectors, 0.5, out=out, **o)),
            "curl": (6, lambda o=options: numgrad.curl(vectors, 0.5, out=outs, **o)),
        }
        peers = by_findiff(f, 0.5, accuracy)
        for name, (fields, call) in own.items():
            calls = {
                "own": call,
                "copy": lambda: np.copyto(out, f),
                "streaming": lambda: streaming_copy(threads, goal, source),
            }
            if name in peers:
                calls["findiff"] = peers[name]
            times = turn_about(calls, 9, clock=clock)
            share, streaming = (
                fields / 2 * times[copy] / times["own"] for copy in ("copy", "streaming")
            )
            ratio = f"{times['findiff'] / times['own']:.1f}" if "findiff" in times else "–"
            work, milliseconds = f"{name}, accuracy {accuracy}", 1e3 * times["own"]
            print(f"| {work} | {milliseconds:.0f} | {share:.2f} | {streaming:.2f} | {ratio} |")
    times = turn_about(line_calls(line), 5, clock=clock)
    print("\n| uneven line | ms | copies |\n| --- | ---: | ---: |")
    for name, seconds in times.items():
        print(f"| {name} | {1e3 * seconds:.1f} | {seconds / times['copy']:.1f} |")


if __name__ == "__main__":
    quick = "--quick" in sys.argv
    clock = processor_seconds if "--cpu" in sys.argv else None
    main(96 if quick else CUBE, LINE // 100 if quick else LINE, clock)
