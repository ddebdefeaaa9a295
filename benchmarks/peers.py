"""The gradient beside NumPy, PyTorch, JAX and findiff, and beside the limit of this machine.

    python benchmarks/peers.py                 the table of speed
    python benchmarks/peers.py --functions     derivatives of functions, by hand and by JAX
    python benchmarks/peers.py --gradbench     problems of GradBench and ADBench
    python benchmarks/peers.py --reverse       derivatives by many inputs, beside their functions
    python benchmarks/peers.py --sweep         every size from 10 to 1e8 against NumPy
    python benchmarks/peers.py --memory        peak memory beyond the results
    python benchmarks/peers.py --first-call    import and first call, with an empty and a full cache

Each prints a table in Markdown. All calls of a row are timed turn about in this one process, so
that whatever else the machine does falls on all of them alike; the figures are medians.
"""

import argparse
import math
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

if not __package__:  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numba
import numpy as np

import numgrad
from benchmarks import reverse_problems
from benchmarks.bandwidth import candidates
from benchmarks.contestants import PEERS, installed, peer_calls
from benchmarks.gradbench import suite
from benchmarks.inputs import coordinates, samples, spacings, warmed
from benchmarks.memory import peak_beyond_results
from benchmarks.problems import problems
from benchmarks.startup import (
    COMPILATIONS,
    FIRST_CALLS,
    compilation,
    first_call,
    first_derivative,
    run_alone,
)
from benchmarks.timing import turn_about

Call = Callable[[], object]

BYTES_A_STATEMENT = 48  # at most
FIRST_CALL = 2.5  # times that of forward mode, at most
IN_CACHE = 64e6  # bytes of traffic below which a comparison with memory says nothing


@dataclass(frozen=True)
class Work:
    """One derivative to take: a row of a table."""

    shape: tuple[int, ...]
    dtype: str = "float64"
    spacing: str = "scalar"
    axis: int | None = None
    out: bool = True

    def __str__(self) -> str:
        shape = "×".join(f"{length:,}" for length in self.shape)
        axes = "all axes" if self.axis is None else f"axis {self.axis}"
        spacing = "uniform" if self.spacing in ("unit", "scalar") else self.spacing
        parts = [f"{shape} {self.dtype}", *([axes] if len(self.shape) > 1 else []), spacing]
        return ", ".join(parts) + ("" if self.out else ", no `out=`")

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(range(len(self.shape))) if self.axis is None else (self.axis,)

    @property
    def field(self) -> np.ndarray:
        return samples(self.shape, self.dtype)

    @property
    def spacings(self) -> tuple[float | np.ndarray, ...]:
        return spacings(self.spacing, tuple(self.shape[axis] for axis in self.axes))

    def call(self, implementation: str) -> Call:
        """Return the call of numgrad or NumPy, made once already."""
        return warmed(implementation, self.field, self.spacings, self.axis)

    def calls(self) -> dict[str, Call | None]:
        """Return the calls of numgrad, NumPy and every peer installed."""
        own = self.call("numgrad, out=" if self.out else "numgrad")
        peers = peer_calls(self.field, self.spacings, self.axes)
        return {"numgrad": own, "NumPy": self.call("numpy"), **peers}

    def least_traffic(self) -> int:
        """Return the bytes of every input read once and every result written once."""
        field_bytes = math.prod(self.shape) * np.dtype(self.dtype).itemsize
        return self.coordinate_bytes() + field_bytes * (1 + len(self.axes))

    def coordinate_bytes(self) -> int:
        if self.spacing in ("unit", "scalar"):
            return 0
        return sum(self.shape[axis] for axis in self.axes) * np.dtype(float).itemsize


def works(line: int, cube: int, square: int) -> list[Work]:
    """Return the work to show, for about so many samples in one, three and two dimensions."""
    cube_shape = (max(2, round(cube ** (1 / 3))),) * 3
    square_shape = (max(2, round(square ** (1 / 2))),) * 2
    return [
        Work((line,)),
        Work((line,), spacing="non-uniform"),
        *(
            Work(cube_shape, dtype, spacing)
            for dtype in ("float64", "float32")
            for spacing in ("scalar", "linspace", "non-uniform")
        ),
        *(Work(square_shape, axis=axis) for axis in (0, 1)),
    ]


# The tables


def speed(quick: bool) -> None:
    """Print the table of speed against the peers and against the limit of this machine."""
    rows = works(10**6, 96**3, 1000**2) if quick else works(10**7, 320**3, 4000**2)
    rows.insert(5, replace(rows[2], out=False))
    rows += [Work((10,), spacing="unit"), Work((10,), spacing="unit", out=False)]
    limits = candidates()
    moves = {name: move for name, (move, _) in limits.items()}
    measured = [measure(work, moves, rounds=3 if quick else 15) for work in rows]
    kinds = {
        "plain": [name for name in limits if "streaming" not in name],
        "streaming": [name for name in limits if "streaming" in name],
    }
    print(f"{machine()}. Shares of the best plain and the best streaming copy or triad.\n")
    peers = ["NumPy", *installed()]
    shares = [f"share, {kind}" for kind in kinds]
    print_header(["work", "numgrad ms", *shares, *(f"{peer} / numgrad" for peer in peers)])
    for work, times in zip(rows, measured, strict=True):
        own, traffic = times["numgrad"], work.least_traffic()
        best = [max(limits[name][1] / times[name] for name in kinds[kind]) for kind in kinds]
        reached = [f"{traffic / own / b:.2f}" if traffic > IN_CACHE else "–" for b in best]
        ratios = [f"{times[peer] / own:.1f}" if peer in times else "–" for peer in peers]
        print_row([str(work), f"{own * 1e3:.3g}", *reached, *ratios])


def measure(work: Work, moves: dict[str, Call], rounds: int) -> dict[str, float]:
    """Return the seconds of every library that can do the work, and of moving memory."""
    progress(work)
    calls = work.calls()
    assert_equal(calls["numgrad"](), calls["NumPy"]())
    able = {name: call for name, call in calls.items() if call}
    forget()
    return turn_about(able | moves, rounds)


def functions(quick: bool) -> None:
    """Print derivatives of functions beside those by hand and by JAX, and the ratios aimed at."""
    print(f"{machine()}.\n")
    print_header(["derivative", "numgrad µs", "beside it", "µs", "times numgrad's", "aim"])
    for problem in problems(quick=quick):
        for call in problem.calls.values():
            call()
        times = turn_about(problem.calls, rounds=5 if quick else 31)
        own = times["numgrad"]
        for name, aim in problem.bars.items():
            if name in times:
                figures = [f"{own * 1e6:.4g}", name, f"{times[name] * 1e6:.4g}"]
                print_row([problem.name, *figures, f"{times[name] / own:.2f}", f"≥ {aim:.2f}"])


def gradbench(quick: bool) -> None:
    """Print GradBench's problems beside their derivatives by hand and by JAX."""
    print(f"{machine()}.\n")
    means = ["reverse", "the function", "by hand", "JAX"]
    over = ["numgrad / the function", "numgrad / by hand", "JAX / numgrad"]
    print_header(["derivative", *(f"{name} µs" for name in ["numgrad", *means]), *over])
    for problem in suite(quick=quick):
        problem.check()
        for call in problem.calls.values():
            call()
        times = turn_about(problem.calls, rounds=5 if quick else 31)
        own = times["numgrad"]
        figures = [f"{times[name] * 1e6:.4g}" if name in times else "–" for name in means]
        ratios = [f"{own / times[name]:.2f}" for name in means[1:3]]
        ratios.append(f"{times['JAX'] / own:.2f}" if "JAX" in times else "–")
        print_row([problem.name, f"{own * 1e6:.4g}", *figures, *ratios])


def reverse(quick: bool) -> None:
    """Print derivatives in reverse mode beside their functions and JAX, and the ratios aimed at."""
    print(f"{machine()}.\n")
    names = ["function µs", "numgrad µs", "evaluations", "aim", "JAX µs", "of JAX's", "aim"]
    names += ["first call s", "of forward's", "aim", ""]
    print_header(["derivative", *names])
    first_calls: dict[object, list[float]] = {}
    for place, problem in enumerate(reverse_problems.problems(quick=quick)):
        problem.check()
        times = turn_about(problem.calls, rounds=5 if quick else 31)
        if problem.function not in first_calls and not quick:
            calls = [first_derivative(place, mode) for mode in ("reverse", "forward")]
            first_calls[problem.function] = [run_alone(*call) for call in calls]
        backward, forward = first_calls.get(problem.function, (math.nan, math.nan))
        own, evaluation, jax = (
            times.get(name, math.nan) for name in ("numgrad", "the function", "JAX")
        )
        most = {beside: 1.0 / bar for beside, bar in problem.bars.items()}
        judged = [
            ([evaluation * 1e6, own * 1e6, own / evaluation], most.get("the function")),
            ([jax * 1e6, own / jax], most.get("JAX")),
            ([backward, backward / forward], FIRST_CALL),
        ]
        cells = [problem.name]
        for figures, aim in judged:
            cells += [*map(figure, figures), f"≤ {aim:.3g}" if aim else ""]
        missed = any(aim and figures[-1] > aim for figures, aim in judged)
        print_row([*cells, "**missed**" if missed else ""])
    size = reverse_problems.bytes_a_statement()
    print(f"\nA statement of two operands takes {size:.0f} bytes; aim ≤ {BYTES_A_STATEMENT}.")


def figure(number: float) -> str:
    """Return a number for a table; a dash where there is none."""
    return "–" if math.isnan(number) else f"{number:.3g}" if number < 1e3 else f"{number:.0f}"


def sweep(quick: bool) -> None:
    """Print numgrad against NumPy for every size, and flag whatever is slower."""
    largest = 6 if quick else 8
    sizes = sorted({round(10 ** (half / 2)) for half in range(2, 2 * largest + 1)})
    print(f"{machine()}.\n")
    names = ["numgrad", "numgrad, out=", "numpy"]
    print_header(["work", *(f"{name} ms" for name in names), "NumPy / slower of both", ""])
    for size in sizes:
        for work in works(size, size, size):
            progress(work)
            times = turn_about({name: work.call(name) for name in names}, rounds=9)
            ratio = times["numpy"] / max(times["numgrad"], times["numgrad, out="])
            figures = [f"{times[name] * 1e3:.4g}" for name in names]
            print_row([str(work), *figures, f"{ratio:.2f}", "**slower**" if ratio < 1 else ""])
        forget()


def memory(quick: bool) -> None:
    """Print the peak memory of a call beyond its results."""
    rows = works(10**6, 96**3, 1000**2) if quick else works(10**7, 320**3, 4000**2)
    print_header(["work", "coordinates MB", "numgrad MB", "NumPy MB"])
    for work in rows:
        peaks = [peak_beyond_results(work.call(name)) for name in ("numgrad", "numpy")]
        megabytes = [f"{size / 1e6:.2f}" for size in (work.coordinate_bytes(), *peaks)]
        print_row([str(replace(work, out=True)), *megabytes])
        forget()


def start(quick: bool) -> None:
    """Print the time of import, and of a first call with an empty cache and with a filled one."""
    repeats = 1 if quick else 5
    print(f"{machine()}.\n")
    print_header(["in a new process", "cold s", "warm s"])
    imports = [run_alone("import numgrad", "import numpy") for _ in range(repeats)]
    print_row(["`import numgrad` after `import numpy`", "", f"{median(imports):.4f}"])
    for name in FIRST_CALLS:
        with TemporaryDirectory() as folder:
            call = first_call(name, Path(folder))
            cold = run_alone(*call)
            warm = median(run_alone(*call) for _ in range(repeats))
        print_row([f"first call, {name}", f"{cold:.2f}", f"{warm:.3f}"])
    for name in COMPILATIONS:
        cold = median(run_alone(*compilation(name)) for _ in range(repeats))
        print_row([f"first call of a user's function: {name}", f"{cold:.2f}", ""])


def print_header(names: list[str]) -> None:
    print_row(names)
    print_row(["---", *["---:"] * (len(names) - 1)])


def print_row(cells: list[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def progress(work: Work) -> None:
    if sys.stderr.isatty():
        print(f"... {work}", file=sys.stderr)


def machine() -> str:
    """Return the processor, the threads, and the versions of what is compared."""
    versions = [f"numgrad {numgrad.__version__}"]
    versions += [f"{name} {version(name)}" for name in ("numba", "numpy")]
    versions += [f"{PEERS[name][0]} {version(PEERS[name][0])}" for name in installed()]
    missing = [f"{name} isn't installed" for name in PEERS if name not in installed()]
    return ", ".join([processor(), f"{numba.get_num_threads()} threads", *versions, *missing])


def processor() -> str:
    """Return the name of the processor."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def assert_equal(results: object, expected: object) -> None:
    """Compare what two calls of ``gradient`` return, bit for bit."""
    if isinstance(results, np.ndarray):
        results, expected = [results], [expected]
    for result, right in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, right, strict=True)


def forget() -> None:
    """Free the fields of a row before the next one."""
    samples.cache_clear()
    coordinates.cache_clear()


def main() -> None:
    parser = argparse.ArgumentParser(description="numgrad beside its peers")
    table = parser.add_mutually_exclusive_group()
    table.add_argument("--functions", action="store_const", const=functions, dest="table")
    table.add_argument("--gradbench", action="store_const", const=gradbench, dest="table")
    table.add_argument("--reverse", action="store_const", const=reverse, dest="table")
    table.add_argument("--sweep", action="store_const", const=sweep, dest="table")
    table.add_argument("--memory", action="store_const", const=memory, dest="table")
    table.add_argument("--first-call", action="store_const", const=start, dest="table")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds")
    parser.set_defaults(table=speed)
    options = parser.parse_args()
    options.table(options.quick)


if __name__ == "__main__":
    main()
