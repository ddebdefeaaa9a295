"""Stiff differential equations, solved by SciPy with and without the exact Jacobian.

Run it with ``python -m numgrad.examples.stiff [--grid 16] [--output stiff.png]``.

The implicit methods of `scipy.integrate.solve_ivp` need the Jacobian of the right-hand side.
Without it they take differences, one call of the right-hand side for each unknown and more
where a difference came out badly. Here ``jac=numgrad.jacobian(rhs, argnums=1)`` gives it exactly.

Two problems are solved by BDF and by Radau. Robertson's chemistry has three unknowns and speeds
that differ by nine powers of ten; differences are cheap there, so that only the count of calls
changes. The Brusselator, two reacting and diffusing substances on a periodic square, has one
unknown for each substance and point of the grid. Both solutions must agree within the error
that the tolerances admit, or the example fails.

Both Jacobians are full matrices, as they come; most of the Brusselator's time goes into factoring
them, alike in both. The example `numgrad.examples.patterns` goes on from here: by
``numgrad.sparse_jacobian``, which finds out which entries are zero, SciPy gets sparse matrices.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == "__main__":  # on matrices this small, threads of OpenBLAS wait more than they work
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numba import njit
from numpy.typing import NDArray

import numgrad
from numgrad.examples import Option, example
from numgrad.plotting import COLOURS, STYLES

Floats = NDArray[np.float64]
Function = Callable[[float, Floats], Floats]

METHODS = ("BDF", "Radau")
SNAPSHOTS = (0.0, 1.1, 1.5, 2.5)  # when to draw the Brusselator
WITHIN = 100  # times the tolerance: how near to each other two solutions must end


class Problem(NamedTuple):
    """An initial value problem and how to solve it.

    Attributes
    ----------
    name : str
        What to call it.
    rhs : callable
        The derivatives of the unknowns at a time and a state.
    end : float
        When to stop; the start is at 0.
    start : ndarray
        The unknowns there.
    rtol, atol : float
        The tolerances of `scipy.integrate.solve_ivp`.
    """

    name: str
    rhs: Function
    end: float
    start: Floats
    rtol: float
    atol: float


class Solution(NamedTuple):
    """What a run cost and where it ended."""

    state: Floats
    calls: int  # of the right-hand side
    jacobians: int
    seconds: float


class Counted:
    """A function that counts its calls."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, t: float, y: Floats) -> Floats:
        """Call the function."""
        self.calls += 1
        return self.function(t, y)


@njit
def robertson(t: float, y: Floats) -> Floats:  # noqa: ARG001 - solve_ivp passes the time
    """Return the speeds of A → B, 2 B → B + C and B + C → A + C (H. H. Robertson, 1966).

    Their constants are 0.04, 3e7 and 1e4.
    """
    out = np.empty(3)
    back = 1e4 * y[1] * y[2] - 0.04 * y[0]
    onward = 3e7 * y[1] ** 2
    out[0] = back
    out[1] = -back - onward
    out[2] = onward
    return out


@njit
def diffusion(y: Floats, first: int, i: int, j: int, n: int) -> float:
    """Return the five-point Laplacian, times n⁻², of a field that starts at y[first]."""
    row, above, below = first + i * n, first + (i - 1) % n * n, first + (i + 1) % n * n
    around = y[above + j] + y[below + j] + y[row + (j - 1) % n] + y[row + (j + 1) % n]
    curvature: float = around - 4 * y[row + j]
    return curvature


@njit
def brusselator(t: float, y: Floats) -> Floats:
    """Return the speeds of u and v, which lie in y one behind the other.

    ::

        u' = 1 + u² v - 4.4 u + 0.1 Δu + f        v' = 3.4 u - u² v + 0.1 Δv

    on the unit square, periodic. From t = 1.1 on, f = 5 in a disc and 0 elsewhere (E. Hairer and
    G. Wanner, Solving Ordinary Differential Equations II, section IV.10, problem BRUSS-2D).
    """
    size = y.size // 2
    n = round(np.sqrt(size))
    out = np.empty(2 * size)
    for i in range(n):
        for j in range(n):
            here = i * n + j
            u, v = y[here], y[size + here]
            in_disc = (j / n - 0.3) ** 2 + (i / n - 0.6) ** 2 <= 0.1**2
            fed = 5.0 if in_disc and t >= 1.1 else 0.0
            spread = 0.1 * n**2
            out[here] = 1 + u**2 * v - 4.4 * u + spread * diffusion(y, 0, i, j, n) + fed
            out[size + here] = 3.4 * u - u**2 * v + spread * diffusion(y, size, i, j, n)
    return out


def chemistry() -> Problem:
    """Return Robertson's problem, all of it A at the start."""
    return Problem("Robertson", robertson, 1e11, np.array([1.0, 0.0, 0.0]), rtol=1e-6, atol=1e-16)


def reaction(n: int) -> Problem:
    """Return the Brusselator on a grid of n by n points.

    Parameters
    ----------
    n : int
        Points along each side.

    Returns
    -------
    Problem
        With u = 22 y (1 - y)^1.5 and v = 27 x (1 - x)^1.5 at the start.
    """
    along = np.arange(n) / n
    bump = along * (1 - along) ** 1.5
    start = np.concatenate([np.repeat(22 * bump, n), np.tile(27 * bump, n)])
    return Problem(f"Brusselator, {n} x {n}", brusselator, 11.5, start, rtol=1e-6, atol=1e-8)


def solve(problem: Problem, method: str, jacobian: Function | None) -> Solution:
    """Solve a problem, and count and time.

    Parameters
    ----------
    problem : Problem
        What to solve.
    method : str
        "BDF" or "Radau".
    jacobian : callable or None
        The exact Jacobian; None leaves SciPy to its differences.

    Returns
    -------
    Solution
        Its calls include those that SciPy makes for differences, which its own count leaves out.

    Raises
    ------
    RuntimeError
        If the method gives up.
    """
    from scipy.integrate import solve_ivp

    rhs = Counted(problem.rhs)
    start = time.perf_counter()
    result: Any = solve_ivp(
        rhs,
        (0.0, problem.end),
        problem.start,
        method=method,
        jac=jacobian,
        rtol=problem.rtol,
        atol=problem.atol,
        t_eval=[problem.end],
    )
    seconds = time.perf_counter() - start
    if not result.success:
        raise RuntimeError(f"{problem.name} by {method}: {result.message}")
    return Solution(result.y[:, -1], rhs.calls, result.njev, seconds)


def apart(problem: Problem, first: Floats, second: Floats) -> float:
    """Return how far apart two states are, in units of the tolerance.

    Parameters
    ----------
    problem : Problem
        Whose tolerances count.
    first, second : ndarray
        The states.

    Returns
    -------
    float
        The largest difference of an unknown over rtol times its size plus atol.
    """
    tolerance = problem.rtol * np.abs(second) + problem.atol
    return float(np.max(np.abs(first - second) / tolerance))


def compare(problem: Problem, method: str, jacobian: Function) -> tuple[Solution, Solution]:
    """Solve with the exact Jacobian and with SciPy's differences, and check that they agree.

    Parameters
    ----------
    problem : Problem
        What to solve.
    method : str
        "BDF" or "Radau".
    jacobian : callable
        Of the right-hand side.

    Returns
    -------
    exact, differences : Solution
        Timed once everything is compiled.

    Raises
    ------
    SystemExit
        If the solutions end apart.
    """
    short = problem._replace(end=1e-9)
    solutions = []
    for jac in (jacobian, None):
        solve(short, method, jac)  # compiles; SciPy's differences pass arrays with gaps
        solutions.append(solve(problem, method, jac))
    exact, differences = solutions
    distance = apart(problem, exact.state, differences.state)
    if not distance < WITHIN:
        raise SystemExit(
            f"{problem.name} by {method}: the solutions end {distance:.0f} tolerances apart"
        )
    return exact, differences


def line(problem: Problem, method: str, exact: Solution, differences: Solution) -> str:
    """Return a line of the table.

    Parameters
    ----------
    problem : Problem
        What was solved.
    method : str
        How.
    exact, differences : Solution
        With the exact Jacobian and without.

    Returns
    -------
    str
        Calls and times of both, and how many tolerances apart they end.
    """
    distance = apart(problem, exact.state, differences.state)
    return (
        f"{problem.name:20} {problem.start.size:8}  {method:6}"
        f"{exact.calls:7} + {exact.jacobians:<4}{exact.seconds:7.2f} s"
        f"{differences.calls:9}{differences.seconds:9.2f} s{distance:10.2g}"
    )


def states(problem: Problem, jacobian: Function, times: Floats) -> Floats:
    """Return the states of a problem at some times, by Radau with the exact Jacobian.

    Parameters
    ----------
    problem : Problem
        What to solve.
    jacobian : callable
        Of the right-hand side.
    times : ndarray
        Ascending, from 0 on.

    Returns
    -------
    ndarray of shape (times, unknowns)
        The states.
    """
    from scipy.integrate import solve_ivp

    result: Any = solve_ivp(
        problem.rhs,
        (0.0, times[-1]),
        problem.start,
        method="Radau",
        jac=jacobian,
        rtol=problem.rtol,
        atol=problem.atol,
        t_eval=times,
    )
    reached: Floats = result.y.T
    return reached


def draw(problems: Sequence[Problem], jacobians: Sequence[Function], output: Path) -> None:
    """Save a picture: the chemistry over eleven powers of ten, the Brusselator on its square.

    Parameters
    ----------
    problems, jacobians : sequence of Problem, sequence of callable
        Of both.
    output : Path
        The picture's file.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    kinetics, reactor = problems
    times = np.append(0.0, np.logspace(-5, np.log10(kinetics.end), 200))
    shares = states(kinetics, jacobians[0], times)
    fields = states(reactor, jacobians[1], np.array(SNAPSHOTS))
    n = round(np.sqrt(reactor.start.size / 2))

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subfigures(1, 2)
    panel = left.subplots()
    panel.set_title("Robertson's chemistry")
    for k, (name, factor) in enumerate((("A", 1.0), ("10⁴ B", 1e4), ("C", 1.0))):
        style = {"color": COLOURS[k], "linestyle": STYLES[k]}
        panel.semilogx(times[1:], factor * shares[1:, k], label=name, **style)
    panel.set_xlabel("time (s)")
    panel.set_ylabel("concentration")
    panel.legend(frameon=False)
    panels = right.subplots(2, 2, sharex=True, sharey=True)
    right.suptitle(f"the Brusselator's u, {n} x {n}")
    for square, t, state in zip(panels.flat, SNAPSHOTS, fields, strict=True):
        field = state[: n * n].reshape(n, n)
        mesh = square.imshow(field, origin="lower", extent=(0, 1, 0, 1), cmap="cividis")
        square.set_title(f"t = {t}", fontsize="medium")
        right.colorbar(mesh, ax=square)
    right.supxlabel("x", fontsize="medium")
    right.supylabel("y", fontsize="medium")
    figure.savefig(output, format="png", dpi=100)


@example("scipy.integrate", grid=Option(16, "points along a side"))
def main(output: Path, grid: int) -> None:
    """Solve both problems both ways, print the table, draw."""
    print("calls: of the right-hand side + of the Jacobian; seconds: once compiled")
    print("apart: how far from each other they end, in units of the tolerance\n")
    print(f"{'':36}{'exact Jacobian':>22}{'differences':>20}")
    print(
        "problem              unknowns  method     calls       time    calls       time     apart"
    )
    problems = chemistry(), reaction(grid)
    jacobians: list[Function] = [numgrad.jacobian(each.rhs, argnums=1) for each in problems]
    for problem, jacobian in zip(problems, jacobians, strict=True):
        for method in METHODS:
            print(line(problem, method, *compare(problem, method, jacobian)))
    draw(problems, jacobians, output)


if __name__ == "__main__":
    main()
