"""First calls of derivatives in fresh processes: CPU seconds above ``import numba``.

    python -m benchmarks.kept

What is measured is user and system time, since the machine may do other work meanwhile; processes
of all kinds take turns, and the figures are medians.
"""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numgrad
from benchmarks.timing import at_most

FOLDER = Path(numgrad.__file__).parents[1]
PROGRAM = """
import time
import numba, numpy as np
from benchmarks import kept_model as model
point = model.POINT
begin = time.process_time()
import numgrad
{call}
print(time.process_time() - begin)
"""
CALLS = {
    "Rosenbrock": "numgrad.grad(model.rosenbrock)(point)",
    "20 functions": "numgrad.grad(model.posterior)(point)",
    "with a solution": "numgrad.grad(model.with_solution)(point)",
    "at a point": "numgrad.derivative(model.pendulum)(0.3)",
    "Hessian": "numgrad.hessian(model.rosenbrock)(point)",
}
OWN = {  # first calls of functions, and of their derivatives
    "Rosenbrock": (
        "numba.njit(model.rosenbrock)(point)",
        "numgrad.grad(model.rosenbrock)(point)",
    ),
    "complex": ("numba.njit(model.waves)(point)", "numgrad.grad(model.waves)(point)"),
    "branches": ("numba.njit(model.pendulum)(0.3)", "numgrad.derivative(model.pendulum)(0.3)"),
}
NUMBAS = "numba.njit(lambda x: x.sum() + 1.0)(point)"  # which finds Numba ready, or makes it so
KINDS = "nothing kept", "second process"


def seconds(call: str, cache: Path, *, kept: bool) -> float:
    """Return the CPU seconds of a call in a process of its own."""
    variables = {
        "NUMBA_CACHE_DIR": str(cache),
        "NUMGRAD_CACHE": "1" if kept else "0",
        "PYTHONPATH": str(FOLDER),
        "PYTHONPYCACHEPREFIX": str(cache.parent / "numgrad-bytecode"),  # as where it is installed
        "PYTHONDONTWRITEBYTECODE": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(call=call)],
        cwd=FOLDER,
        env=os.environ | variables,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def table(rounds: int = 5) -> dict[tuple[str, str], float]:
    """Return the medians of all calls, with nothing kept and in a second process."""
    found: dict[tuple[str, str], list[float]] = {}
    with TemporaryDirectory() as folder:
        cache = Path(folder)
        for call in CALLS.values():
            seconds(call, cache, kept=True)
        for _ in range(rounds):
            found.setdefault(("Numba's own start", ""), []).append(
                seconds(NUMBAS, cache, kept=False)
            )
            for name, call in CALLS.items():
                for kind in KINDS:
                    found.setdefault((name, kind), []).append(
                        seconds(call, cache, kept=kind == KINDS[1])
                    )
    return {key: median(each) for key, each in found.items()}


class Inputs:
    """The first call of a gradient by so many inputs: more partials take no longer to compile."""

    param_names = ("inputs",)
    params = ([1, 17],)
    unit = "s"

    def track_cpu(self, inputs):
        call = f"numgrad.grad(model.waves, mode='forward')(np.ones({inputs}))"
        with TemporaryDirectory() as folder:
            return median(seconds(call, Path(folder), kept=False) for _ in range(at_most(3)))


class FirstCall:
    """The first call of a derivative, in times that of the function: both compile."""

    param_names = ("of",)
    params = (list(OWN),)
    unit = "ratio"

    def track_ratio(self, of):
        with TemporaryDirectory() as folder:
            found = [
                [seconds(call, Path(folder), kept=False) for call in OWN[of]]
                for _ in range(at_most(3))
            ]
        own, derivative = map(min, zip(*found, strict=True))
        return derivative / own


class SecondProcess:
    """The first call of a gradient that another process has compiled."""

    param_names = ("of",)
    params = (list(CALLS),)
    unit = "s"

    def track_cpu(self, of):
        with TemporaryDirectory() as folder:
            seconds(CALLS[of], Path(folder), kept=True)
            cache = Path(folder)
            return median(seconds(CALLS[of], cache, kept=True) for _ in range(at_most(5)))


class NothingKept:
    """The first call of a gradient that is compiled."""

    param_names = ("of",)
    params = (list(CALLS),)
    unit = "s"

    def track_cpu(self, of):
        with TemporaryDirectory() as folder:
            cache = Path(folder)
            return median(seconds(CALLS[of], cache, kept=False) for _ in range(at_most(3)))


if __name__ == "__main__":
    for (name, kind), found in table().items():
        print(f"{name:20} {kind:16} {found:7.3f}")
    for name in OWN:
        print(f"{name:20} {FirstCall().track_ratio(name):7.2f} times the function's own first call")
