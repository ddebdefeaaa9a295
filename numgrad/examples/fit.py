"""Three hard problems of nonlinear regression, fitted by SciPy with exact Jacobians.

Run it with ``python -m numgrad.examples.fit [--output fit.png]``.

`scipy.optimize.least_squares` is started from both points that NIST gives for MGH09, Eckerle4
and Thurber, once with ``jac=numgrad.jacobian(residuals)`` and once with its own differences,
and the parameters are compared with the certified ones, which have 11 digits.

A minimum of a sum of squares is flat: rounding hides the sum's last change while the parameters
still move in their eighth digit. What follows the fit therefore looks at the sum no more: 20
Gauss-Newton steps, which end where the Jacobian and the residuals are orthogonal. The exact
Jacobian takes them on to all the digits that NIST certifies; differences, themselves wrong in
the eighth digit, take them nowhere.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

import numgrad
from numgrad.examples import example

Floats = NDArray[np.float64]
Function = Callable[[Floats, Floats, Floats], Floats]

MOST_CALLS = 10_000  # MGH09 needs more than SciPy allows by default
STEPS = 20  # of Gauss-Newton, after a fit
CERTIFIED_DIGITS = 11


class Problem(NamedTuple):
    """Data, a model, and what the fit must find.

    Attributes
    ----------
    name : str
        As NIST calls it.
    residuals : callable
        Model less data, of parameters, x and y.
    starts : tuple of ndarray
        Where to begin: a start far away and one nearby.
    certified : ndarray
        The parameters that NIST certifies.
    x, y : ndarray
        The data.
    """

    name: str
    residuals: Function
    starts: tuple[Floats, Floats]
    certified: Floats
    x: Floats
    y: Floats


class Fit(NamedTuple):
    """What a fit found, and at what cost.

    Attributes
    ----------
    parameters : ndarray
        Where `scipy.optimize.least_squares` stopped.
    settled : ndarray
        Where the steps after it led.
    calls, jacobians : int
        Calls of the residuals and of the Jacobian that `scipy.optimize.least_squares` made.
    """

    parameters: Floats
    settled: Floats
    calls: int
    jacobians: int


class Counted:
    """A function that counts its calls."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, b: Floats, x: Floats, y: Floats) -> Floats:
        """Call the function."""
        self.calls += 1
        return self.function(b, x, y)


@njit
def mgh09(b: Floats, x: Floats, y: Floats) -> Floats:
    """Return the residuals of b1 (x² + x b2) / (x² + x b3 + b4)."""
    out = np.empty(x.size)
    for i in range(x.size):
        model = b[0] * (x[i] ** 2 + x[i] * b[1]) / (x[i] ** 2 + x[i] * b[2] + b[3])
        out[i] = model - y[i]
    return out


@njit
def eckerle4(b: Floats, x: Floats, y: Floats) -> Floats:
    """Return the residuals of b1 / b2 exp(-((x - b3) / b2)² / 2)."""
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = b[0] / b[1] * np.exp(-0.5 * ((x[i] - b[2]) / b[1]) ** 2) - y[i]
    return out


@njit
def thurber(b: Floats, x: Floats, y: Floats) -> Floats:
    """Return the residuals of (b1 + b2 x + b3 x² + b4 x³) / (1 + b5 x + b6 x² + b7 x³)."""
    out = np.empty(x.size)
    for i in range(x.size):
        above, below = 0.0, 0.0
        for k in range(3, 0, -1):
            above = (above + b[k]) * x[i]
            below = (below + b[k + 3]) * x[i]
        out[i] = (above + b[0]) / (below + 1) - y[i]
    return out


# The numbers are those of NIST's Statistical Reference Datasets, in the public domain:
# https://www.itl.nist.gov/div898/strd/nls/data/mgh09.shtml, .../eckerle4.shtml, .../thurber.shtml
# fmt: off
MGH09 = Problem(  # J. S. Kowalik and M. R. Osborne, Unconstrained Optimization Problems, 1978
    "MGH09",
    mgh09,
    starts=(np.array([25, 39, 41.5, 39]), np.array([0.25, 0.39, 0.415, 0.39])),
    certified=np.array([1.9280693458E-01, 1.9128232873E-01, 1.2305650693E-01, 1.3606233068E-01]),
    x=np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625]),
    y=np.array([
        0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246,
    ]),
)

ECKERLE4 = Problem(  # K. Eckerle, NIST: circular interference, transmittance by wavelength
    "Eckerle4",
    eckerle4,
    starts=(np.array([1, 10, 500.0]), np.array([1.5, 5, 450])),
    certified=np.array([1.5543827178E+00, 4.0888321754E+00, 4.5154121844E+02]),
    x=np.array([
        400, 405, 410, 415, 420, 425, 430, 435, 436.5, 438, 439.5, 441, 442.5, 444,
        445.5, 447, 448.5, 450, 451.5, 453, 454.5, 456, 457.5, 459, 460.5, 462, 463.5, 465,
        470, 475, 480, 485, 490, 495, 500,
    ]),
    y=np.array([
        0.0001575, 0.0001699, 0.0002350, 0.0003102, 0.0004917, 0.0008710, 0.0017418, 0.0046400,
        0.0065895, 0.0097302, 0.0149002, 0.0237310, 0.0401683, 0.0712559, 0.1264458, 0.2073413,
        0.2902366, 0.3445623, 0.3698049, 0.3668534, 0.3106727, 0.2078154, 0.1164354, 0.0616764,
        0.0337200, 0.0194023, 0.0117831, 0.0074357, 0.0022732, 0.0008800, 0.0004579, 0.0002345,
        0.0001586, 0.0001143, 0.0000710,
    ]),
)

THURBER = Problem(  # R. Thurber, NIST: mobility of electrons by the logarithm of their density
    "Thurber",
    thurber,
    starts=(
        np.array([1000, 1000, 400, 40, 0.7, 0.3, 0.03]),
        np.array([1300, 1500, 500, 75, 1, 0.4, 0.05]),
    ),
    certified=np.array([
        1.2881396800E+03, 1.4910792535E+03, 5.8323836877E+02, 7.5416644291E+01,
        9.6629502864E-01, 3.9797285797E-01, 4.9727297349E-02,
    ]),
    x=np.array([
        -3.067, -2.981, -2.921, -2.912, -2.840, -2.797, -2.702, -2.699, -2.633, -2.481,
        -2.363, -2.322, -1.501, -1.460, -1.274, -1.212, -1.100, -1.046, -0.915, -0.714,
        -0.566, -0.545, -0.400, -0.309, -0.109, -0.103, 0.010, 0.119, 0.377, 0.790,
        0.963, 1.006, 1.115, 1.572, 1.841, 2.047, 2.200,
    ]),
    y=np.array([
        80.574, 84.248, 87.264, 87.195, 89.076, 89.608, 89.868, 90.101, 92.405,
        95.854, 100.696, 101.060, 401.672, 390.724, 567.534, 635.316, 733.054, 759.087,
        894.206, 990.785, 1090.109, 1080.914, 1122.643, 1178.351, 1260.531, 1273.514, 1288.339,
        1327.543, 1353.863, 1414.509, 1425.208, 1421.384, 1442.962, 1464.350, 1468.705, 1447.894,
        1457.628,
    ]),
)
# fmt: on

PROBLEMS = (MGH09, ECKERLE4, THURBER)


def digits(parameters: Floats, certified: Floats) -> float:
    """Return how many digits of the worst parameter are those certified.

    Parameters
    ----------
    parameters, certified : ndarray
        What a fit found and what it should have found.

    Returns
    -------
    float
        Minus the logarithm of the largest relative error, 11 at most.
    """
    error = np.max(np.abs(parameters / certified - 1))
    return min(CERTIFIED_DIGITS, -float(np.log10(error))) if error > 0 else CERTIFIED_DIGITS


def least_squares(problem: Problem, start: Floats, jacobian: Function | str) -> Any:
    """Call SciPy's Levenberg-Marquardt with tolerances as tight as it allows.

    Parameters
    ----------
    problem : Problem
        What to fit; its residuals may be `Counted`.
    start : ndarray
        Where to begin.
    jacobian : callable or str
        The exact Jacobian, or the name of SciPy's differences.

    Returns
    -------
    scipy.optimize.OptimizeResult
        The fit.
    """
    from scipy import optimize

    epsilon = float(np.finfo(float).eps)
    return optimize.least_squares(
        problem.residuals,
        start,
        jac=jacobian,
        args=(problem.x, problem.y),
        method="lm",
        x_scale="jac",
        ftol=epsilon,
        xtol=epsilon,
        gtol=epsilon,
        max_nfev=MOST_CALLS,
    )


def settle(problem: Problem, parameters: Floats, jacobian: Function) -> Floats:
    """Take Gauss-Newton steps, whatever the sum of squares says.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    parameters : ndarray
        Where a fit stopped.
    jacobian : callable
        Of the residuals.

    Returns
    -------
    ndarray
        The parameters after the steps.
    """
    data = problem.x, problem.y
    for _ in range(STEPS):
        residuals = problem.residuals(parameters, *data)
        step = np.linalg.lstsq(jacobian(parameters, *data), residuals, rcond=None)[0]
        parameters = parameters - step
    return parameters


def differences(problem: Problem) -> Function:
    """Return the Jacobian of the residuals by forward differences, as SciPy takes them.

    Parameters
    ----------
    problem : Problem
        Whose residuals.

    Returns
    -------
    callable
        Of parameters, x and y.
    """
    from scipy import optimize

    def jacobian(b: Floats, x: Floats, y: Floats) -> Floats:
        steps = np.sqrt(np.finfo(float).eps) * np.abs(b)
        slopes: Floats = optimize.approx_fprime(b, problem.residuals, steps, x, y)
        return slopes

    return jacobian


def fit(problem: Problem, start: Floats, jacobian: Function | None) -> Fit:
    """Fit a problem, and let the fit settle.

    Parameters
    ----------
    problem : Problem
        What to fit.
    start : ndarray
        Where to begin.
    jacobian : callable or None
        The exact Jacobian; None takes SciPy's differences throughout.

    Returns
    -------
    Fit
        The parameters and the calls.
    """
    residuals = Counted(problem.residuals)
    counted = problem._replace(residuals=residuals)
    if jacobian is None:
        found = least_squares(counted, start, "2-point")
        return Fit(found.x, settle(problem, found.x, differences(problem)), residuals.calls, 0)
    exact = Counted(jacobian)
    found = least_squares(counted, start, exact)
    return Fit(found.x, settle(problem, found.x, jacobian), residuals.calls, exact.calls)


def band(
    problem: Problem, parameters: Floats, jacobian: Function, grid: Floats
) -> tuple[Floats, Floats]:
    """Return the fitted curve and its standard deviation.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    parameters : ndarray
        To what.
    jacobian : callable
        Of the residuals.
    grid : ndarray
        Where to draw the curve.

    Returns
    -------
    curve, deviation : ndarray
        The model on the grid, and how far the errors of the data move it.

    Notes
    -----
    With J the Jacobian at the data and s² the variance of the residuals, the parameters have
    the covariance C = s² (JᵀJ)⁻¹, and the curve, whose own Jacobian is G, the variance
    diag(G C Gᵀ). Both Jacobians are those of the residuals: the model is the residuals of data
    that are zero.
    """
    residuals = problem.residuals(parameters, problem.x, problem.y)
    variance = residuals @ residuals / (problem.y.size - parameters.size)
    zeros = np.zeros_like(grid)
    from_data = np.linalg.pinv(jacobian(parameters, problem.x, problem.y))
    moved = jacobian(parameters, grid, zeros) @ from_data
    deviation: Floats = np.sqrt(variance) * np.linalg.norm(moved, axis=1)
    return problem.residuals(parameters, grid, zeros), deviation


def draw(problem: Problem, parameters: Floats, jacobian: Function, output: Path) -> None:
    """Save a picture of a fit: the data and the curve, and how far apart they are.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    parameters : ndarray
        To what.
    jacobian : callable
        Of the residuals.
    output : Path
        The picture's file.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    grid = np.linspace(problem.x.min(), problem.x.max(), 400)
    curve, deviation = band(problem, parameters, jacobian, grid)
    begun = problem.residuals(problem.starts[0], grid, np.zeros_like(grid))
    apart = problem.residuals(parameters, problem.x, problem.y)

    figure = Figure(figsize=(8, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.set_title(f"NIST {problem.name}, fitted with its exact Jacobian")
    upper.plot(grid, begun, ":", color="tab:gray", label="first start")
    upper.plot(grid, curve, color="tab:blue", label="fit")
    upper.plot(problem.x, problem.y, ".", color="black", label="data")
    upper.set_ylabel("y")
    upper.legend()
    lower.fill_between(
        grid, -2 * deviation, 2 * deviation, alpha=0.3, label="fit ± 2 standard deviations"
    )
    lower.plot(problem.x, -apart, ".", color="black")
    lower.set_xlabel("x")
    lower.set_ylabel("data less fit")
    lower.legend()
    figure.savefig(output, format="png", dpi=100)


def line(name: str, problem: Problem, exact: Fit, differences: Fit) -> str:
    """Return a line of the table.

    Parameters
    ----------
    name : str
        What was fitted, from where.
    problem : Problem
        With the certified parameters.
    exact, differences : Fit
        With the exact Jacobian and without.

    Returns
    -------
    str
        Certified digits and calls of both.
    """
    found = [
        digits(parameters, problem.certified)
        for each in (exact, differences)
        for parameters in (each.parameters, each.settled)
    ]
    return (
        f"{name:18}{found[0]:6.1f}{found[1]:8.1f}{exact.calls:7} + {exact.jacobians:<5}"
        f"{found[2]:9.1f}{found[3]:8.1f}{differences.calls:7}"
    )


@example("scipy.optimize")
def main(output: Path) -> None:
    """Fit all problems both ways, print the table, draw Thurber's."""
    print("digits: of 11 certified; settled: after 20 Gauss-Newton steps more")
    print("calls: of the residuals + of the Jacobian\n")
    print(f"{'':18}{'exact Jacobian':>27}{'differences':>25}")
    print("problem           digits settled  calls         digits settled  calls")
    for problem in PROBLEMS:
        jacobian: Function = numgrad.jacobian(problem.residuals)
        for k, start in enumerate(problem.starts, 1):
            exact, differed = (fit(problem, start, each) for each in (jacobian, None))
            print(line(f"{problem.name}, start {k}", problem, exact, differed))
    draw(problem, exact.settled, jacobian, output)


if __name__ == "__main__":
    main()
