"""Hares and lynx of the Hudson Bay: the parameters of a differential equation, and how sure.

Run it with ``python -m numgrad.examples.lynx [--output lynx.png]``.

For each year from 1900 to 1920 the Hudson's Bay Company recorded how many pelts of snowshoe hares
and of Canadian lynx it had bought. The equations of Lotka and Volterra,
::

    u' = (α - β v) u        hares are born, and eaten
    v' = (δ u - γ) v        lynx grow on hares, and die

are integrated by Runge and Kutta's method in compiled code, and their four parameters and two
starting values are fitted to the record by the method of Levenberg and Marquardt.
`numgrad.jacobian` differentiates through the whole integration: the fit needs no equations of
sensitivity beside those of the animals, and no differences.

Errors are a factor rather than a number of pelts, so logarithms are fitted; all parameters are
positive, so their logarithms are what varies. The Jacobian where the fit ends also tells the
uncertainties, of the parameters and of the curves.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

import numgrad
from numgrad.examples import example
from numgrad.plotting import COLOURS

Floats = NDArray[np.float64]

STEPS = 20  # of Runge and Kutta's method, from one time to the next
MOST_TRIALS = 200  # of Levenberg and Marquardt's
CONVERGED = 1e-9  # a sum of squares that changes less than by this share is the least

# Thousands of pelts: P. Howard, Modeling basics, Lecture Notes for Math 442, Texas A&M University,
# 2009, as B. Carpenter, Predator-Prey Population Dynamics: the Lotka-Volterra model in Stan, 2018,
# gives them: https://mc-stan.org/users/documentation/case-studies/lotka-volterra-predator-prey.html
# fmt: off
YEARS = np.arange(1900.0, 1921.0)
HARES = np.array([
    30.0, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22.0, 25.4, 27.1,
    40.3, 57.0, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2, 24.7,
])
LYNX = np.array([
    4.0, 6.1, 9.8, 35.2, 59.4, 41.7, 19.0, 13.0, 8.3, 9.1, 7.4,
    8.0, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6,
])
# fmt: on
LOG_PELTS = np.log(np.stack([HARES, LYNX], axis=1))

NAMES = ("α", "β", "γ", "δ", "hares in 1900", "lynx in 1900")
# Carpenter's posterior means and standard deviations, of the same model with weak priors
PUBLISHED = np.array([0.545, 0.028, 0.803, 0.024, 33.956, 5.933])
PUBLISHED_DEVIATIONS = np.array([0.064, 0.004, 0.092, 0.004, 2.856, 0.535])


class Fit(NamedTuple):
    """What was found.

    Attributes
    ----------
    logs : ndarray
        Logarithms of the parameters: α, β, γ, δ, and hares and lynx at the first time.
    covariance : ndarray
        Of the logarithms.
    error : float
        Standard deviation of the logarithm of a number of pelts.
    trials : int
        Steps that were tried.
    """

    logs: Floats
    covariance: Floats
    error: float
    trials: int

    @property
    def parameters(self) -> Floats:
        """The parameters themselves."""
        parameters: Floats = np.exp(self.logs)
        return parameters

    @property
    def deviations(self) -> Floats:
        """Their standard deviations, to first order: d exp(q) = exp(q) dq."""
        deviations: Floats = self.parameters * np.sqrt(np.diag(self.covariance))
        return deviations


@njit
def rates(x: float, y: float, p: Floats) -> tuple[float, float]:
    """Return how fast the logarithms x of hares and y of lynx grow."""
    return p[0] - p[1] * np.exp(y), p[3] * np.exp(x) - p[2]


@njit
def populations(logs: Floats, times: Floats) -> Floats:
    """Return the logarithms of hares and lynx at some times, by Runge and Kutta's method."""
    parameters = np.exp(logs)
    x, y = logs[4], logs[5]
    out = np.empty((times.size, 2))
    for i in range(times.size):
        h = (times[i] - times[max(i - 1, 0)]) / STEPS
        for _ in range(STEPS):
            a, b = rates(x, y, parameters)
            c, d = rates(x + h / 2 * a, y + h / 2 * b, parameters)
            e, f = rates(x + h / 2 * c, y + h / 2 * d, parameters)
            k, m = rates(x + h * e, y + h * f, parameters)
            x += h / 6 * (a + 2 * c + 2 * e + k)
            y += h / 6 * (b + 2 * d + 2 * f + m)
        out[i, 0], out[i, 1] = x, y
    return out


jacobian = numgrad.jacobian(populations)  # of shape (times, 2, 6)


def start(times: Floats, log_pelts: Floats) -> Floats:
    """Guess the logarithms of the parameters from the record.

    Parameters
    ----------
    times : ndarray
        In years.
    log_pelts : ndarray of shape (times, 2)
        Logarithms of hares and lynx.

    Returns
    -------
    ndarray
        From means and the period: hares circle around γ/δ and lynx around α/β, and small circles
        take 2π/√(α γ). Between the two largest numbers of lynx lie 11 years here; α = γ is
        supposed.
    """
    pelts = np.exp(log_pelts)
    hares, lynx = pelts.mean(axis=0)
    growing = np.diff(pelts[:, 1]) > 0
    peaks = times[1:-1][growing[:-1] & ~growing[1:] & (pelts[1:-1, 1] > lynx)]
    rate = 2 * np.pi / np.diff(peaks).mean()
    guess: Floats = np.log([rate, rate / lynx, rate, rate / hares, *pelts[0]])
    return guess


def fit(times: Floats, log_pelts: Floats, logs: Floats) -> Fit:
    """Fit the equations to a record.

    Parameters
    ----------
    times : ndarray
        In years.
    log_pelts : ndarray of shape (times, 2)
        Logarithms of hares and lynx.
    logs : ndarray
        Logarithms of the parameters to begin with.

    Returns
    -------
    Fit
        The least squares, and the covariance s² (JᵀJ)⁻¹ with s² the variance of the residuals.

    Raises
    ------
    RuntimeError
        If no minimum is found.

    Notes
    -----
    A step is that of Gauss and Newton, with the damping λ: the least squares of J s = r above
    √λ s = 0. One that makes things worse is taken back and damped more (J. J. Moré, The
    Levenberg-Marquardt algorithm: implementation and theory, Lecture Notes in Mathematics 630,
    1978).
    """
    damping = 1.0
    residuals = (log_pelts - populations(logs, times)).ravel()
    slopes = jacobian(logs, times).reshape(residuals.size, logs.size)
    for trial in range(1, MOST_TRIALS + 1):
        damped = np.vstack([slopes, np.sqrt(damping) * np.eye(logs.size)])
        step = np.linalg.lstsq(damped, np.append(residuals, np.zeros(logs.size)), rcond=None)[0]
        attempt = (log_pelts - populations(logs + step, times)).ravel()
        gain = 1 - attempt @ attempt / (residuals @ residuals)
        if not gain > 0:
            damping *= 10
        else:
            logs, residuals, damping = logs + step, attempt, damping / 10
            slopes = jacobian(logs, times).reshape(slopes.shape)
        if abs(gain) < CONVERGED:
            variance = residuals @ residuals / (residuals.size - logs.size)
            covariance = variance * np.linalg.inv(slopes.T @ slopes)
            return Fit(logs, covariance, float(np.sqrt(variance)), trial)
    raise RuntimeError(f"no minimum within {MOST_TRIALS} trials")


def band(found: Fit, times: Floats) -> tuple[Floats, Floats]:
    """Return the fitted curves and their standard deviations, in logarithms.

    Parameters
    ----------
    found : Fit
        What was fitted.
    times : ndarray
        Where to draw, from the first year on.

    Returns
    -------
    curves, deviations : ndarray of shape (times, 2)
        With the Jacobian G of the curves and the covariance C of the parameters, the variances
        are the diagonal of G C Gᵀ.
    """
    slopes = jacobian(found.logs, times)
    variances = np.einsum("tsp,pq,tsq->ts", slopes, found.covariance, slopes)
    deviations: Floats = np.sqrt(variances)
    return populations(found.logs, times), deviations


def report(found: Fit) -> list[str]:
    """Say in a few lines what was found.

    Parameters
    ----------
    found : Fit
        To the company's record.

    Returns
    -------
    list of str
        The parameters with their deviations, beside those that were published.
    """
    rows = zip(
        NAMES,
        found.parameters,
        found.deviations,
        PUBLISHED,
        PUBLISHED_DEVIATIONS,
        strict=True,
    )
    return [
        f"{'':14}{'fit':>8}{'deviation':>11}{'Carpenter':>14}{'deviation':>11}",
        *(
            f"{name:14}{value:8.3f}{deviation:11.3f}{published:14.3f}{theirs:11.3f}"
            for name, value, deviation, published, theirs in rows
        ),
        "",
        f"a record of pelts is off by {np.expm1(found.error):.0%} (one standard deviation)",
    ]


def draw(found: Fit, output: Path) -> None:
    """Save a picture: both records with their curves, and one species against the other.

    Parameters
    ----------
    found : Fit
        To the company's record.
    output : Path
        The picture's file.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    times = np.linspace(YEARS[0], YEARS[-1], 401)
    curves, deviations = band(found, times)
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    left.set_title("pelts bought by the Hudson's Bay Company")
    for k, (name, marker, line) in enumerate((("hares", "o", "-"), ("lynx", "s", "--"))):
        colour = COLOURS[k]
        low, high = (np.exp(curves[:, k] + sign * 2 * deviations[:, k]) for sign in (-1, 1))
        left.fill_between(times, low, high, color=colour, alpha=0.25, linewidth=0)
        left.plot(times, np.exp(curves[:, k]), line, color=colour, label=f"{name}, fit")
        left.plot(YEARS, np.exp(LOG_PELTS[:, k]), marker, color=colour, label=name, markersize=5)
    left.set_xlabel("year")
    left.set_xticks(YEARS[::4])
    left.set_ylabel("thousands of pelts")
    left.set_ylim(0, 110)
    left.legend(
        ncols=2, loc="upper right", frameon=False, title="bands: fit ± 2 standard deviations"
    )

    right.set_title("one against the other")
    right.plot(*np.exp(curves.T), color=COLOURS[2], label="fit")
    right.plot(HARES, LYNX, ".:", color="black", linewidth=0.8, label="record")
    for year in (1900, 1903, 1904, 1906, 1912, 1915, 1917):
        place = HARES[year - 1900], LYNX[year - 1900]
        right.annotate(str(year), place, xytext=(5, 4), textcoords="offset points", fontsize=8)
    alpha, beta, gamma, delta = found.parameters[:4]
    right.plot(gamma / delta, alpha / beta, "+", color=COLOURS[2], label="balance")
    right.set_xlabel("hares (thousands of pelts)")
    right.set_ylabel("lynx (thousands of pelts)")
    right.set_xlim(0, 90)
    right.set_ylim(0)
    right.legend(frameon=False)
    figure.savefig(output, format="png", dpi=100)


@example()
def main(output: Path) -> None:
    """Fit, print, draw."""
    found = fit(YEARS, LOG_PELTS, start(YEARS, LOG_PELTS))
    print(f"hares and lynx of the Hudson Bay, {YEARS[0]:.0f} to {YEARS[-1]:.0f}")
    print(f"Levenberg and Marquardt's method: {found.trials} steps\n")
    print(*report(found), sep="\n")
    draw(found, output)


if __name__ == "__main__":
    main()
