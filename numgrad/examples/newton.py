"""Which root Newton's method finds: fractals from a derivative inside a parallel loop.

Run it with ``python -m numgrad.examples.newton [--output newton.png]``.

From each point of the complex plane Newton's method z ← z - f(z) / f'(z) is started, and the point
is painted by the root that it finds, the brighter the sooner. Whoever starts it near a border
learns that a small change of the start may lead to any root.

The function is written once, for complex numbers; `numgrad.derivative` gives f', which is called
inside a loop that Numba runs on all cores. Two cubics are drawn: z³ - 1, and z³ - 2 z + 2, for
which the method fails on whole regions, painted black: 0 leads to 1 and 1 back to 0, for ever,
and whatever starts near them comes ever nearer to that circle.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

import numgrad
from numgrad.examples import example
from numgrad.plotting import COLOURS

Complexes = NDArray[np.complex128]

MOST_STEPS = 60  # of Newton's method
NEAR = 1e-8  # of a root: there the method has converged, since its error is squared each time
NOWHERE = -1
POINTS = 700  # along each side of a picture


class Cubic(NamedTuple):
    """A polynomial z³ + a z + b, and the square of the plane to look at.

    Attributes
    ----------
    name : str
        How it is written.
    linear, constant : float
        The coefficients a and b.
    half : float
        Half the side of the square around 0.
    """

    name: str
    linear: float
    constant: float
    half: float

    def roots(self) -> Complexes:
        """Return the roots, from the largest real part down, conjugate ones from above."""
        roots = np.roots([1.0, 0.0, self.linear, self.constant]).astype(complex)
        order = np.lexsort((-roots.imag, -roots.real.round(9)))
        return roots[order]


class Basins(NamedTuple):
    """Where Newton's method went from each point.

    Attributes
    ----------
    root : ndarray of int
        The number of the root that was found, or `NOWHERE`.
    steps : ndarray
        How many steps it took; between whole numbers, so that colours run smoothly.
    """

    root: NDArray[np.int8]
    steps: NDArray[np.float64]


CUBICS = (Cubic("z³ - 1", 0.0, -1.0, 1.8), Cubic("z³ - 2 z + 2", -2.0, 2.0, 2.2))


@njit
def cubic(z: complex, linear: float, constant: float) -> complex:
    """Return z³ + a z + b."""
    value: complex = z**3 + linear * z + constant
    return value


slope = numgrad.derivative(cubic)


@njit
def newton(z: complex, linear: float, constant: float, roots: Complexes) -> tuple[int, float]:
    """Return the number of the root that Newton's method finds from z, and the steps it takes.

    Each step squares the error e. What the last step overshot is known by log₂(log e / log NEAR)
    and taken off the count.
    """
    for count in range(MOST_STEPS):
        for k in range(roots.size):
            error = abs(z - roots[k])
            if error < NEAR:
                # 1e-16 and less is rounding, or the root itself
                past = math.log(max(error, NEAR**2)) / math.log(NEAR)
                return k, max(count - math.log2(past), 0.0)
        steepness = slope(z, linear, constant)
        if steepness == 0:
            break
        z -= cubic(z, linear, constant) / steepness
    return NOWHERE, MOST_STEPS


@njit(parallel=True)
def paint(
    points: Complexes,
    linear: float,
    constant: float,
    roots: Complexes,
    found: NDArray[np.int8],
    steps: NDArray[np.float64],
) -> None:
    """Start Newton's method from all points of a grid, on all cores."""
    for i in prange(points.shape[0]):
        for j in range(points.shape[1]):
            found[i, j], steps[i, j] = newton(points[i, j], linear, constant, roots)


def grid(half: float, count: int) -> Complexes:
    """Return the points of a square around 0, none of them on an axis if `count` is even.

    Parameters
    ----------
    half : float
        Half its side.
    count : int
        Points along each side; each is the middle of a pixel.

    Returns
    -------
    ndarray of shape (count, count)
        The first row has the smallest imaginary part.
    """
    along = half * ((np.arange(count) + 0.5) / count * 2 - 1)
    points: Complexes = along + 1j * along[:, None]
    return points


def basins(polynomial: Cubic, points: Complexes) -> Basins:
    """Say where Newton's method goes from each point.

    Parameters
    ----------
    polynomial : Cubic
        Whose roots to find.
    points : ndarray of two dimensions
        Where to start.

    Returns
    -------
    Basins
        The roots are numbered as by ``polynomial.roots()``.
    """
    found = Basins(np.empty(points.shape, np.int8), np.empty(points.shape))
    paint(points, polynomial.linear, polynomial.constant, polynomial.roots(), *found)
    return found


def colours(found: Basins) -> NDArray[np.float64]:
    """Return a colour for each point: that of the root, darker where more steps were needed.

    Parameters
    ----------
    found : Basins
        Of any shape.

    Returns
    -------
    ndarray of shape (..., 3)
        Red, green and blue; black where no root was found.
    """
    from matplotlib.colors import to_rgb

    palette = np.array([to_rgb(colour) for colour in (*COLOURS[:3], "black")])
    sooner = np.exp(-((found.steps / 12) ** 1.2))
    shades = palette[found.root] * (0.15 + 0.85 * sooner[..., None])
    # the soonest are mixed with white
    shades += (1 - shades) * 0.75 * sooner[..., None] ** 3
    shades[found.root == NOWHERE] = 0
    return np.clip(shades, 0, 1)


def draw(cubics: Sequence[Cubic], found: Sequence[Basins], output: Path) -> None:
    """Save a picture: the basins of each polynomial, its roots marked.

    Parameters
    ----------
    cubics : sequence of Cubic
        The polynomials.
    found : sequence of Basins
        On a `grid` of each.
    output : Path
        The picture's file.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    figure = Figure(figsize=(5.5 * len(cubics), 6), layout="constrained")
    figure.suptitle(
        "the root that Newton's method finds: a colour each, brighter if it is soon; black if none"
    )
    panels: Any = figure.subplots(1, len(cubics), squeeze=False)[0]
    for panel, polynomial, each in zip(panels, cubics, found, strict=True):
        half = polynomial.half
        extent = (-half, half, -half, half)
        panel.imshow(colours(each), origin="lower", extent=extent, interpolation="bilinear")
        roots = polynomial.roots()
        panel.plot(roots.real, roots.imag, "o", color="white", markeredgecolor="black")
        panel.set_title(polynomial.name)
        panel.set_xlabel("real part of the start")
        panel.set_ylabel("imaginary part of the start")
    figure.savefig(output, format="png", dpi=130)


def line(polynomial: Cubic, found: Basins, seconds: float) -> str:
    """Return a line of the table.

    Parameters
    ----------
    polynomial : Cubic
        What was solved.
    found : Basins
        From where.
    seconds : float
        How long it took.

    Returns
    -------
    str
        The shares of the three roots and of none, the mean count of steps, the time.
    """
    shares = [np.mean(found.root == k) for k in (0, 1, 2, NOWHERE)]
    steps = found.steps[found.root != NOWHERE].mean()
    return (
        f"{polynomial.name:14}"
        + "".join(f"{share:8.2%}" for share in shares)
        + f"{steps:8.1f}{seconds * 1e3:10.0f} ms"
    )


@example()
def main(output: Path) -> None:
    """Start Newton's method everywhere, print shares, draw."""
    begun = time.perf_counter()
    basins(CUBICS[0], grid(1.0, 2))
    compiled = time.perf_counter() - begun
    print(
        f"{POINTS} x {POINTS} starts of Newton's method, {numba.get_num_threads()} threads; "
        f"compiled in {compiled:.1f} s\n"
    )
    print(f"{'':14}{'root 1':>8}{'root 2':>8}{'root 3':>8}{'none':>8}{'steps':>8}{'time':>10}")
    found = []
    for polynomial in CUBICS:
        points = grid(polynomial.half, POINTS)
        begun = time.perf_counter()
        found.append(basins(polynomial, points))
        print(line(polynomial, found[-1], time.perf_counter() - begun))
    draw(CUBICS, found, output)


if __name__ == "__main__":
    main()
