"""Sparse Jacobians and Hessians: a stiff reaction on a square, and the surface of a soap film.

Run it with ``python -m numgrad.examples.patterns [--grid 32] [--output patterns.png]``.

Two substances that react and diffuse on a square have one unknown for each substance and point of
a grid, and each depends on its neighbours. ``numgrad.sparse_jacobian(rhs)`` finds out which by
running the right-hand side once, colours the columns, and computes in a dozen directions what a
full matrix would take thousands for. BDF and Radau of `scipy.integrate.solve_ivp` then factor
sparse matrices. Beside it SciPy takes differences along the same pattern (``jac_sparsity``), which
it is given. Both solutions must agree within the error that the tolerances admit.

A soap film in a bent wire frame has the least area of all surfaces in it. Newton's method finds its
heights on a grid: ``numgrad.sparse_hessian`` has the second derivatives, and a sparse direct solver
the steps. In a frame on Scherk's surface, which is known to have the least area, the heights must
come out as that surface has them.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

import numgrad
from numgrad.examples import Option, example
from numgrad.examples.stiff import WITHIN, Counted, Problem, apart, reaction

Floats = NDArray[np.float64]

METHODS = ("BDF", "Radau")
END = 1.0  # of the reaction, before the disc is fed


class Run(NamedTuple):
    """What a run cost and where it ended."""

    state: Floats
    calls: int  # of the right-hand side, for differences too
    seconds: float


def solve(problem: Problem, method: str, **options: Any) -> Run:
    """Solve a problem, and count and time.

    Parameters
    ----------
    problem : Problem
        What to solve.
    method : str
        "BDF" or "Radau".
    **options
        ``jac`` or ``jac_sparsity`` of `scipy.integrate.solve_ivp`.

    Returns
    -------
    Run
        What it cost.

    Raises
    ------
    SystemExit
        If the method gives up.
    """
    from scipy.integrate import solve_ivp

    rhs = Counted(problem.rhs)
    tolerances = {"rtol": problem.rtol, "atol": problem.atol}
    start = time.perf_counter()
    result: Any = solve_ivp(
        rhs, (0.0, problem.end), problem.start, method=method, **tolerances, **options
    )
    seconds = time.perf_counter() - start
    if not result.success:
        raise SystemExit(f"{problem.name} by {method}: {result.message}")
    return Run(result.y[:, -1], rhs.calls, seconds)


@njit
def area(heights: Floats, frame: Floats) -> float:
    """Return the area of a surface over a square, of two triangles a cell.

    Parameters
    ----------
    heights : ndarray
        Of the points inside, row by row.
    frame : ndarray of shape (n, n)
        The heights at the border; those inside don't matter.
    """
    n = frame.shape[0]
    surface = frame.copy()
    surface[1:-1, 1:-1] = heights.reshape(n - 2, n - 2)
    step, total = 1.0 / (n - 1), 0.0
    for i in range(n - 1):
        for j in range(n - 1):
            along = (surface[i + 1, j] - surface[i, j]) / step
            across = (surface[i, j + 1] - surface[i, j]) / step
            total += 0.5 * step**2 * np.sqrt(1.0 + along**2 + across**2)
            along = (surface[i + 1, j + 1] - surface[i, j + 1]) / step
            across = (surface[i + 1, j + 1] - surface[i + 1, j]) / step
            total += 0.5 * step**2 * np.sqrt(1.0 + along**2 + across**2)
    return total


def scherk(n: int) -> Floats:
    """Return Scherk's surface, log(cos y / cos x), on a square from -1/2 to 1/2.

    Parameters
    ----------
    n : int
        Points along each side.

    Returns
    -------
    ndarray of shape (n, n)
        The heights.
    """
    along = np.linspace(-0.5, 0.5, n)
    heights: Floats = np.log(np.cos(along)[None, :] / np.cos(along)[:, None])
    return heights


def film(frame: Floats, tolerance: float = 1e-10) -> tuple[Floats, int]:
    """Find the heights of a soap film by Newton's method, whose steps are cut until they gain.

    Parameters
    ----------
    frame : ndarray of shape (n, n)
        The heights at the border.
    tolerance : float, optional
        How long the last step may be.

    Returns
    -------
    surface : ndarray of shape (n, n)
        The heights.
    steps : int
        How many it took.

    Raises
    ------
    SystemExit
        If it doesn't settle in 30 steps.
    """
    from scipy.sparse.linalg import spsolve

    slope = numgrad.grad(area)
    curvature = numgrad.sparse_hessian(area, format="csc")
    n = frame.shape[0]
    heights = np.zeros((n - 2) ** 2)
    for step in range(1, 31):
        change = spsolve(curvature(heights, frame), -slope(heights, frame))
        least = area(heights, frame)
        while area(heights + change, frame) > least + 1e-14:
            change *= 0.5
        heights += change
        if np.abs(change).max() < tolerance:
            surface = frame.copy()
            surface[1:-1, 1:-1] = heights.reshape(n - 2, n - 2)
            return surface, step
    raise SystemExit("Newton's method doesn't settle")


def draw(patterns: list[Any], surface: Floats, output: Path) -> None:
    """Save a picture: both patterns, and the film.

    Parameters
    ----------
    patterns : list of Pattern
        Of the Jacobian and of the Hessian.
    surface : ndarray
        The film's heights.
    output : Path
        The picture's file.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    figure = Figure(figsize=(12, 4.2), layout="constrained")
    panels = figure.subplots(1, 3)
    for panel, pattern in zip(panels[:2], patterns, strict=True):
        pattern.plot(panel)
        panel.title.set_fontsize("small")
    mesh = panels[2].imshow(surface, origin="lower", extent=(-0.5, 0.5, -0.5, 0.5), cmap="cividis")
    panels[2].contour(surface, 12, colors="white", linewidths=0.6, extent=(-0.5, 0.5, -0.5, 0.5))
    panels[2].set_title("the film's height", fontsize="small")
    figure.colorbar(mesh, ax=panels[2])
    figure.savefig(output, format="png", dpi=100)


@example("scipy.integrate", grid=Option(32, "points along a side"))
def main(output: Path, grid: int) -> None:
    """Solve the reaction both ways, find the film, print what it took, draw."""
    problem = reaction(grid)._replace(end=END)
    jacobian = numgrad.sparse_jacobian(problem.rhs, argnums=1, format="csc")
    pattern = jacobian.pattern(0.0, problem.start)
    print(f"{problem.name}: {pattern!r}\n")
    print("method    by sparse_jacobian     by differences along the pattern     apart")
    sparsity = pattern.to_scipy().astype(float)
    for method in METHODS:
        solve(problem._replace(end=1e-9), method, jac=jacobian)  # compiled
        exact = solve(problem, method, jac=jacobian)
        differences = solve(problem, method, jac_sparsity=sparsity)
        distance = apart(problem, exact.state, differences.state)
        print(
            f"{method:6}{exact.calls:8} calls{exact.seconds:7.2f} s"
            f"{differences.calls:20} calls{differences.seconds:7.2f} s{distance:14.2g}"
        )
        if not distance < WITHIN:
            raise SystemExit(f"{method}: the solutions end {distance:.0f} tolerances apart")

    frame = scherk(grid)
    surface, steps = film(frame)
    error = float(np.abs(surface - frame).max())
    curved = numgrad.sparsity(area, np.zeros((grid - 2) ** 2), frame, order=2)
    print(f"\nsoap film, {grid} x {grid}: {curved!r}")
    print(f"{steps} steps of Newton's method; {error:.1e} from Scherk's surface at most")
    if not error < 0.1 / grid**2:
        raise SystemExit("the film is too far from Scherk's surface")
    draw([pattern, curved], surface, output)


if __name__ == "__main__":
    main()
