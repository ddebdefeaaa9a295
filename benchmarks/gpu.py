"""Derivatives on a GPU, beside the limit of its memory and beside closed forms.

    python benchmarks/gpu.py

prints a table in Markdown, or why there is none. Times are those of the device, between two events
of the stream; the figures are medians.

- The gradient of 512³ float32 along all axes: its least traffic (each sample read once, each result
  written once) as a share of what a copy moves in the same process; aim 0.9.
- Delta, vega, rho and theta of options: the derivative's time over that of the closed forms, written
  by hand; aim 1.1.
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
from numba import njit

import numgrad
from numgrad.targets.cuda import availability

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


@njit
def price(spot, volatility, rate, time):
    """Return the price of a European call with strike 100, by Black and Scholes."""
    deviation = volatility * math.sqrt(time)
    upper = (math.log(spot / 100.0) + (rate + 0.5 * volatility**2) * time) / deviation
    lower = upper - deviation
    discount = math.exp(-rate * time)
    return spot * normal(upper) - 100.0 * discount * normal(lower)


@njit
def normal(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def closed_forms(spot, volatility, rate, time, delta, vega, rho, theta):
    """Store the four derivatives as textbooks have them."""
    for i in range(cuda.grid(1), spot.size, cuda.gridsize(1)):  # noqa: F821
        root = math.sqrt(time[i])
        deviation = volatility[i] * root
        drift = (rate[i] + 0.5 * volatility[i] ** 2) * time[i]
        upper = (math.log(spot[i] / 100.0) + drift) / deviation
        discounted = 100.0 * math.exp(-rate[i] * time[i]) * normal(upper - deviation)
        density = math.exp(-0.5 * upper * upper) / math.sqrt(2.0 * math.pi)
        delta[i] = normal(upper)
        vega[i] = spot[i] * density * root
        rho[i] = time[i] * discounted
        theta[i] = spot[i] * density * volatility[i] / (2.0 * root) + rate[i] * discounted


def option_calls(count: int = OPTIONS) -> dict[str, Callable[[], object]]:
    """Return the derivatives of options by numgrad and by hand."""
    from numba import cuda

    generator = np.random.default_rng(0)
    ranges = ((80.0, 120.0), (0.1, 0.4), (0.0, 0.05), (0.5, 2.0))
    there = [cuda.to_device(generator.uniform(*limits, count)) for limits in ranges]
    out = [cuda.device_array(count) for _ in ranges]
    closed_forms.__globals__["cuda"] = cuda
    by_hand = cuda.jit(closed_forms)
    blocks = 8 * cuda.get_current_device().MULTIPROCESSOR_COUNT
    greeks = numgrad.derivative(price, argnums=(0, 1, 2, 3))
    return {
        "by hand": lambda: by_hand[blocks, 256](*there, *out),
        "numgrad": lambda: greeks(*there, out=tuple(out)),
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
