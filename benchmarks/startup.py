"""Import and first call, each in a process of its own, with an empty and with a filled cache."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numgrad

# What is imported already when the clock starts: Numba's own import isn't counted.
IMPORTED = "import numba, numpy, numgrad"

# The clock runs over these: the first call, with whatever is compiled or loaded for it.
FIRST_CALLS = {
    "1-D, serial": ("f = numpy.ones(1_000)", "numgrad.gradient(f)"),
    "1-D, parallel": ("f = numpy.ones(2_000_000)", "numgrad.gradient(f)"),
    "1-D, coordinates": (
        "f = numpy.ones(1_000); x = numpy.cumsum(f) ** 2",
        "numgrad.gradient(f, x)",
    ),
    "3-D, parallel": ("f = numpy.ones((128, 128, 128))", "numgrad.gradient(f)"),
}
# A function of the user's own, which no cache on disk can know: the first call of its derivative
# beside Numba's own compilation of the function alone.
USERS_FUNCTION = """
x = numpy.linspace(0.5, 1.5, 512)

@numba.njit
def rosenbrock(x):
    total = 0.0
    for i in range(x.size - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total

numba.njit(lambda x: x.sum() + 1.0)(x)  # Numba itself is ready
"""
COMPILATIONS = {"the function": "rosenbrock(x)", "its gradient": "numgrad.grad(rosenbrock)(x)"}


def compilation(name: str) -> tuple[str, str]:
    """Return what to time, and what to do before."""
    # compiled code needs a file for its source: exec has none, so nothing of it is cached
    return COMPILATIONS[name], f"{IMPORTED}\n{USERS_FUNCTION}"


def first_derivative(place: int, mode: str) -> tuple[str, str]:
    """Return what to time, and what to do before, for a problem of reverse mode, made small."""
    preparation = [
        IMPORTED,
        "import itertools",
        "from benchmarks.reverse_problems import problems",
        f"problem = next(itertools.islice(problems(quick=True), {place}, None))",
        "problem.calls['the function']()",
    ]
    return f"problem.derive({mode!r})(*problem.arguments)", "\n".join(preparation)


CACHE = Path("numba_cache")  # asv runs these benchmarks in a folder of their own


def first_call(name: str, cache_folder: Path) -> tuple[str, str]:
    """Return what to time, and what to do before, with Numba's cache in a given folder."""
    preparation, call = FIRST_CALLS[name]
    use_cache = f"import os; os.environ['NUMBA_CACHE_DIR'] = {os.fspath(cache_folder.resolve())!r}"
    return call, "\n".join([use_cache, IMPORTED, preparation])


def run_alone(statement: str, preparation: str) -> float:
    """Return the seconds of a statement in a process of its own, after a preparation."""
    clock = "import time; start = time.perf_counter()"
    program = "\n".join([preparation, clock, statement, "print(time.perf_counter() - start)"])
    folder = Path(numgrad.__file__).parents[1]  # where numgrad is found, installed or not
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return float(run.stdout)


class Import:
    """What ``import numgrad`` costs beyond ``import numpy``."""

    param_names = ("module",)
    params = (["numgrad", "numpy"],)

    def timeraw_import(self, module):
        return f"import {module}", "import numpy" if module == "numgrad" else "pass"


class FirstCallCold:
    """With an empty cache: everything is compiled."""

    param_names = ("call",)
    params = (list(FIRST_CALLS),)
    repeat = 3

    def timeraw_first_call(self, call):
        self.folder = TemporaryDirectory()  # an empty one for each sample
        return first_call(call, Path(self.folder.name))


class FirstGradient:
    """The first call of a user's function and of its gradient."""

    param_names = ("of",)
    params = (list(COMPILATIONS),)
    repeat = 3

    def timeraw_first_call(self, of):
        return compilation(of)


class FirstCallWarm:
    """With a filled cache: everything is loaded from it."""

    param_names = ("call",)
    params = (list(FIRST_CALLS),)
    repeat = 5

    def setup_cache(self):
        for call in FIRST_CALLS:
            run_alone(*first_call(call, CACHE))

    def timeraw_first_call(self, call):
        return first_call(call, CACHE)
