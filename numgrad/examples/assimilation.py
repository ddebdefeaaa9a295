"""Where a wave began: variational assimilation (4D-Var) of tide gauges' records.

Run it with ``python -m numgrad.examples.assimilation [--output assimilation.png]``.

Something has lifted and sunk the water of the Strait of Georgia, between Vancouver Island and the
mainland. What the surface looked like at that moment is unknown at each of 2,000 places; what is
there are the records of a few gauges on the shore, and a first guess. The shallow-water equations
::

    ∂u/∂t = -g ∂η/∂x - c |u| u / h        the surface drives the currents, the bottom brakes them
    ∂η/∂t = -∂(h u)/∂x - ∂(h v)/∂y        the currents move the surface

carry a field η through 1,000 steps, in loops that write in place. The analysis is the field that
suits both the first guess and the records: the minimum of
::

    ½ (η - η₁)ᵀ B⁻¹ (η - η₁) + ½ Σ (simulated - recorded)² / σ²

whose gradient by all places needs one run backward through the steps. `numgrad.iterate` keeps a
dozen of the thousand states for it and computes the others again; L-BFGS-B of SciPy does the rest.

The depths are real, from the map that Matplotlib ships; the wave and the errors of its records are
made up, so that the analysis can be compared with the truth. One gauge is held back.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit

import numgrad
from numgrad.examples import Option, example
from numgrad.examples._strait import GAUGES, Floats, Integers, Sea, hill, load_sea
from numgrad.plotting import COLOURS

GRAVITY = 9.81  # m/s²
FRICTION = 0.0025  # c of the bottom

STEPS, STEP = 1000, 15.0  # how many, and seconds of each
EVERY = 10  # steps from one record to the next
ERROR = 0.02  # standard deviation of a record, in metres
DEVIATION, LENGTH = 0.4, 10e3  # of the error of the first guess: metres high, metres wide
ITERATIONS = 20  # of L-BFGS-B

HELD_BACK = "Powell River"  # the gauge whose records only judge the analysis


class Model(NamedTuple):
    """What the steps need, but for the state.

    Attributes
    ----------
    east, north : ndarray
        Those of the sea.
    steps : ndarray
        The step in time over the spacing to the east and to the north, and times the friction.
    gauges : ndarray of shape (gauges, 2)
        Their rows and columns.
    records : ndarray of shape (STEPS // EVERY, gauges)
        What they saw, in metres.
    """

    east: Floats
    north: Floats
    steps: Floats
    gauges: Integers
    records: Floats


class Guess(NamedTuple):
    """What is known before the records are.

    Attributes
    ----------
    field : ndarray of shape (rows, columns)
        The first guess of the surface.
    places : ndarray of shape (unknowns, 2)
        Where it may be wrong.
    root : ndarray of shape (unknowns, unknowns)
        A factor R of the covariance B = R Rᵀ of its errors there.
    """

    field: Floats
    places: Integers
    root: Floats


class Analysis(NamedTuple):
    """What was found.

    Attributes
    ----------
    field : ndarray of shape (rows, columns)
        The surface at the beginning.
    costs : list of float
        The cost of the first guess, and that after each iteration.
    seconds : list of float
        What each cost with its gradient took.
    """

    field: Floats
    costs: list[float]
    seconds: list[float]


State = tuple[Floats, Floats, Floats, float, float]


@njit
def move(height: Floats, u: Floats, v: Floats, model: Model) -> None:
    """Move surface and currents by a step in time, in place."""
    rows, columns = height.shape
    to_east, to_north, drag = model.steps
    for i in range(1, rows - 1):
        for j in range(1, columns - 1):
            if model.east[i, j] > 0.0:
                slope = to_east * GRAVITY * (height[i, j + 1] - height[i, j])
                u[i, j] -= slope + drag * abs(u[i, j]) * u[i, j] / model.east[i, j]
            if model.north[i, j] > 0.0:
                slope = to_north * GRAVITY * (height[i + 1, j] - height[i, j])
                v[i, j] -= slope + drag * abs(v[i, j]) * v[i, j] / model.north[i, j]
    for i in range(1, rows - 1):
        for j in range(1, columns - 1):
            out_east = model.east[i, j] * u[i, j] - model.east[i, j - 1] * u[i, j - 1]
            out_north = model.north[i, j] * v[i, j] - model.north[i - 1, j] * v[i - 1, j]
            height[i, j] -= to_east * out_east + to_north * out_north


@njit
def step(state: State, model: Model) -> State:
    """Return the next state: surface, currents, cost so far, and number of the step."""
    height, u, v, cost, number = state
    move(height, u, v, model)
    done = int(number) + 1
    if done % EVERY == 0:
        for k in range(len(model.gauges)):
            seen = height[model.gauges[k, 0], model.gauges[k, 1]]
            cost += 0.5 * ((seen - model.records[done // EVERY - 1, k]) / ERROR) ** 2
    return height, u, v, cost, float(done)


forecast = numgrad.iterate(step, STEPS)


@njit
def misfit(field: Floats, model: Model) -> float:
    """Return how badly what follows from a surface suits the records."""
    still = np.zeros(field.shape)
    cost: float = forecast((field, still, still, 0.0, 0.0), model)[3]
    return cost


misfit_and_gradient = numgrad.value_and_grad(misfit)


@njit
def simulate(start: Floats, model: Model) -> Floats:
    """Return what the gauges see, of shape (STEPS // EVERY, gauges)."""
    height, u, v = start.copy(), np.zeros(start.shape), np.zeros(start.shape)
    seen = np.empty((STEPS // EVERY, len(model.gauges)))
    for done in range(1, STEPS + 1):
        move(height, u, v, model)
        if done % EVERY == 0:
            for k in range(len(model.gauges)):
                seen[done // EVERY - 1, k] = height[model.gauges[k, 0], model.gauges[k, 1]]
    return seen


def model_of(sea: Sea, gauges: Sequence[str], records: Floats | None = None) -> Model:
    """Return the steps of a sea, with records at some gauges.

    Parameters
    ----------
    sea : Sea
        Where.
    gauges : sequence of str
        Their names.
    records : ndarray, optional
        What they saw; nothing, where it is only to be simulated.

    Returns
    -------
    Model
        For `simulate` and `misfit`.
    """
    steps = np.array([STEP / sea.spacing[0], STEP / sea.spacing[1], STEP * FRICTION])
    places = np.array([sea.nearest(*GAUGES[name]) for name in gauges])
    if records is None:
        records = np.zeros((STEPS // EVERY, len(gauges)))
    return Model(sea.east, sea.north, steps, places, records)


def truth_of(sea: Sea) -> Floats:
    """Return the surface to be found: what a slide down the front of a delta leaves."""
    hollow = hill(sea, (49.13, -123.37), -0.9, (5e3, 12e3))
    return hollow + hill(sea, (49.20, -123.52), 1.4, (6e3, 14e3))


def guess_of(sea: Sea) -> Guess:
    """Return the first guess: a round hill at about the right place, and how far to trust it.

    Parameters
    ----------
    sea : Sea
        Where.

    Returns
    -------
    Guess
        The correlation of its errors at a distance r is (1 + r/L) exp(-r/L).
    """
    places = sea.places
    north, east = places[:, 0] * sea.spacing[1], places[:, 1] * sea.spacing[0]
    distances = np.hypot(north[:, None] - north, east[:, None] - east) / LENGTH
    covariance: Floats = DEVIATION**2 * (1.0 + distances) * np.exp(-distances)
    field = hill(sea, (49.32, -123.80), 0.8, (9e3, 9e3))
    root: Floats = np.linalg.cholesky(covariance).astype(np.float64)
    return Guess(field, places, root)


def analyse(guess: Guess, model: Model, iterations: int) -> Analysis:
    """Find the surface that suits the first guess and the records.

    Parameters
    ----------
    guess : Guess
        The first guess.
    model : Model
        The records, and the steps that lead to them.
    iterations : int
        Of L-BFGS-B, at most.

    Returns
    -------
    Analysis
        The surface, and how it was found.

    Notes
    -----
    What varies are the numbers w of η = η₁ + R w, by which the cost is ½ wᵀ w + misfit(η) and its
    gradient w + Rᵀ ∂misfit/∂η: all of them weigh alike, which spares iterations (A. C. Lorenc,
    "Development of an operational variational assimilation scheme", Journal of the Meteorological
    Society of Japan 75, 1997).
    """
    from scipy.optimize import OptimizeResult, minimize

    seconds: list[float] = []
    costs: list[float] = []
    rows, columns = guess.places.T

    def field_of(control: Floats) -> Floats:
        field = guess.field.copy()
        field[rows, columns] += guess.root @ control
        return field

    def cost_and_gradient(control: Floats) -> tuple[float, Floats]:
        began = time.perf_counter()
        cost, by_field = misfit_and_gradient(field_of(control), model)
        seconds.append(time.perf_counter() - began)
        gradient: Floats = control + guess.root.T @ by_field[rows, columns]
        return cost + 0.5 * (control @ control), gradient

    def note(intermediate_result: OptimizeResult) -> None:
        costs.append(float(intermediate_result.fun))

    start = np.zeros(len(guess.places))
    costs.append(cost_and_gradient(start)[0])
    seconds.clear()  # that was with the time to compile
    found = minimize(
        cost_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        callback=note,
        options={"maxiter": iterations},
    )
    return Analysis(field_of(found.x), costs, seconds)


def off(field: Floats, truth: Floats) -> float:
    """Return the root of the mean square of an error where the sea or a record is."""
    return float(np.sqrt(np.mean((field - truth) ** 2)))


def draw(
    sea: Sea, fields: dict[str, Floats], costs: list[float], gauge: dict[str, Floats], output: Path
) -> None:
    """Save a picture: the surfaces, the cost, and the gauge that was held back.

    Parameters
    ----------
    sea : Sea
        Where.
    fields : dict
        Surfaces at the beginning by their names.
    costs : list of float
        After each iteration.
    gauge : dict
        What the gauge sees, by the names of the surfaces.
    output : Path
        The picture's file.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    figure = Figure(figsize=(11, 6.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(3, 2))
    maps = above.subplots(1, len(fields), sharey=True)
    for axes, (name, field) in zip(maps, fields.items(), strict=True):
        axes.set_title(name)
        axes.set_facecolor("0.75")
        shown = np.ma.masked_where(sea.depth == 0, field)
        image = axes.pcolormesh(
            sea.longitude, sea.latitude, shown, cmap="RdBu_r", vmin=-1.3, vmax=1.3
        )
        axes.set_aspect(1 / np.cos(np.radians(sea.latitude.mean())))
        for gauge_name, at in GAUGES.items():
            row, column = sea.nearest(*at)
            place = sea.longitude[column], sea.latitude[row]
            axes.plot(*place, "k*" if gauge_name == HELD_BACK else "k.", markersize=7)
        axes.set_xlabel("longitude (° east)")
        axes.set_xticks([-125, -124, -123])
    maps[0].set_ylabel("latitude (° north)")
    above.colorbar(image, ax=maps, label="surface (m)", shrink=0.9)

    left, right = below.subplots(1, 2, width_ratios=(2, 3))
    left.semilogy(costs, color=COLOURS[0])
    left.set_xlabel("iterations")
    left.set_ylabel("cost")
    hours = np.arange(1, STEPS // EVERY + 1) * EVERY * STEP / 3600
    right.set_title(f"{HELD_BACK} (star), which was held back")
    for (name, seen), line, colour in zip(
        gauge.items(), (".", "-", "-"), ("black", COLOURS[1], COLOURS[0]), strict=True
    ):
        right.plot(hours, seen, line, color=colour, label=name, markersize=4)
    right.set_xlabel("hours")
    right.set_ylabel("surface (m)")
    right.legend(frameon=False, ncols=3)
    figure.savefig(output, format="png", dpi=100)


@example("scipy.optimize", iterations=Option(ITERATIONS, "of the minimisation"))
def main(output: Path, iterations: int) -> None:
    """Make up a wave and its records, find it again, print, draw."""
    sea, names = load_sea(), [name for name in GAUGES if name != HELD_BACK]
    truth, guess = truth_of(sea), guess_of(sea)
    exact = simulate(truth, model_of(sea, names))
    records = np.random.default_rng(0).normal(exact, ERROR)
    model = model_of(sea, names, records)
    print(
        f"the Strait of Georgia: {len(guess.places):,} places, {STEPS:,} steps of {STEP:.0f} s\n"
        f"{len(names)} gauges with {len(records)} records each, off by {100 * ERROR:.0f} cm\n"
    )
    found = analyse(guess, model, iterations)
    print("iteration      cost")
    for iteration in sorted({*range(0, len(found.costs), 5), len(found.costs) - 1}):
        print(f"{iteration:9}{found.costs[iteration]:10.1f}")

    wet, alone = sea.depth > 0, model_of(sea, [HELD_BACK])
    fields = {"truth": truth, "first guess": guess.field, "analysis": found.field}
    gauge = {name: simulate(field, alone)[:, 0] for name, field in fields.items()}
    print(f"\n{'root mean square error, cm':32}{'first guess':>12}{'analysis':>10}")
    for what, (right, guessed, analysed) in {
        "surface at the beginning": [field[wet] for field in fields.values()],
        f"{HELD_BACK}, held back": list(gauge.values()),
    }.items():
        print(f"{what:32}{100 * off(guessed, right):12.1f}{100 * off(analysed, right):10.1f}")
    print(
        f"\n{len(found.seconds)} gradients by {len(guess.places):,} numbers, "
        f"{1e3 * np.median(found.seconds):.0f} ms each"
    )
    draw(sea, fields, found.costs, gauge, output)


if __name__ == "__main__":
    main()
