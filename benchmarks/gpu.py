"""Derivatives on a GPU, beside the limit of its memory and beside closed forms.

    python benchmarks/gpu.py

prints a table in Markdown, or why there is none. Times are those of the device, between two events
of the stream; the figures are medians.

- The gradient of 512³ float32 along all axes: its least traffic (each sample read once, each
  result written once) as a share of what a copy moves in the same process; aim 0.9.
- Delta, vega, rho and theta of options: the derivative's time over that of the closed forms,
  written by hand; aim 1.1.
"""

import math
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

if not __package__:  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

import numgrad
from benchmarks.problems import greeks, options
from numgrad.targets.cuda_device import availability

AVAILABLE, REASON = availability()
REPEATS = 21
OPTIONS = 100_000_000
EDGE = 512


def milliseconds(call: Callable[[], object]) -> float:
    """Return the median time of a call on the device."""
    from numba import cuda

    call()
    times = []
    for _ in range(REPEATS):
        start, stop = cuda.event(), cuda.event()
        start.record()
        call()
        stop.record()
        stop.synchronize()
        times.append(cuda.event_elapsed_time(start, stop))
    return median(times)


def gradient_calls() -> dict[str, Callable[[], object]]:
    """Return a copy of a field, its gradient, and the same by other libraries."""
    from numba import cuda

    field = np.random.default_rng(0).random((EDGE,) * 3, np.float32)
    there, copied = cuda.to_device(field), cuda.device_array(field.shape, field.dtype)
    out = tuple(cuda.device_array(field.shape, field.dtype) for _ in range(3))
    calls = {
        "copy": lambda: copied.copy_to_device(there),
        "numgrad": lambda: numgrad.gradient(there, out=out),
    }
    for name in ("cupy", "torch"):
        if find_spec(name) is not None:
            module = __import__(name)
            given = module.asarray(field, **({"device": "cuda"} if name == "torch" else {}))
            calls[name] = lambda module=module, given=given: module.gradient(given)
    return calls


def closed_forms(spot, strike, time, rate, volatility, delta, vega, rho, theta):
    """Store the four derivatives as textbooks have them."""
    for i in range(cuda.grid(1), spot.size, cuda.gridsize(1)):  # noqa: F821 - see below
        root_time = math.sqrt(time[i])
        deviation = volatility[i] * root_time
        growth = (rate[i] + 0.5 * volatility[i] ** 2) * time[i]
        d1 = (math.log(spot[i] / strike[i]) + growth) / deviation
        density = math.exp(-0.5 * d1 * d1) * 0.3989422804014327
        discounted = strike[i] * math.exp(-rate[i] * time[i])
        likely = 0.5 * discounted * math.erfc(-(d1 - deviation) / math.sqrt(2.0))
        delta[i] = 0.5 * math.erfc(-d1 / math.sqrt(2.0))
        vega[i] = spot[i] * density * root_time
        rho[i] = time[i] * likely
        theta[i] = 0.5 * spot[i] * density * volatility[i] / root_time + rate[i] * likely


def option_calls(count: int = OPTIONS) -> dict[str, Callable[[], object]]:
    """Return the derivatives of options by numgrad and by hand."""
    from numba import cuda

    there = [cuda.to_device(numbers) for numbers in options(count)]
    out = tuple(cuda.device_array(count) for _ in range(4))
    closed_forms.__globals__["cuda"] = cuda
    by_hand = cuda.jit(closed_forms)
    blocks = 8 * cuda.get_current_device().MULTIPROCESSOR_COUNT
    return {
        "by hand": lambda: by_hand[blocks, 256](*there, *out),
        "numgrad": lambda: greeks(*there, out=out),
    }


def main() -> int:
    """Print the table."""
    if not AVAILABLE:
        print(f"No GPU: {REASON}")
        return 0
    print(f"{REASON}, numgrad {numgrad.__version__}\n")
    times = {name: milliseconds(call) for name, call in gradient_calls().items()}
    share = 4 / 2 * times["copy"] / times["numgrad"]  # one array read, three written; a copy: two
    print("| work | by | ms | |\n| --- | --- | ---: | --- |")
    for name, time in times.items():
        note = f"{share:.2f} of the copy's bandwidth (aim ≥ 0.90)" if name == "numgrad" else ""
        print(f"| gradient of {EDGE}³ float32 | {name} | {time:.3g} | {note} |")
    times = {name: milliseconds(call) for name, call in option_calls().items()}
    for name, time in times.items():
        ratio = time / times["by hand"]
        note = f"{ratio:.2f} times by hand (aim ≤ 1.10)" if name == "numgrad" else ""
        print(f"| four derivatives of {OPTIONS:,} options | {name} | {time:.3g} | {note} |")
    return 0


class OnDevice:
    """The same for asv: skipped where there is no GPU."""

    params = ("copy", "gradient", "options")
    param_names = ("work",)

    def setup(self, work):
        if not AVAILABLE:
            raise NotImplementedError(f"no GPU: {REASON}")
        if work == "options":
            self.call = option_calls(OPTIONS // 10)["numgrad"]
        else:
            self.call = gradient_calls()["copy" if work == "copy" else "numgrad"]
        self.call()

    def time_work(self, work):
        from numba import cuda

        self.call()
        cuda.synchronize()


if __name__ == "__main__":
    sys.exit(main())
