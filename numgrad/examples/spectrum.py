"""The temperature of the early universe's afterglow, with uncertainties from a Hessian.

Run it with ``python -m numgrad.examples.spectrum [--output spectrum.png]``.

The spectrum of the cosmic microwave background, measured by the FIRAS instrument of the COBE
satellite at 43 frequencies, is fitted by a Bose-Einstein law with two parameters, the temperature
and the chemical potential, beside what may be left of the Galaxy's own glow. A potential of zero
makes the law Planck's; anything else would tell of energy set free when the universe was young.

Newton's method finds the most likely parameters, by `numgrad.value_and_grad` and
`numgrad.hessian` of minus the logarithm of the likelihood. The same Hessian, inverted, is the
covariance of the parameters. They depend on each other: leaving the potential open makes the
temperature three times less certain, which no uncertainty of a single parameter tells.

The temperature is relative to the instrument's thermometers. Those who calibrated them give it
as 2.725 K with an uncertainty of 1 mK, forty times that of the fit.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

import numgrad
from numgrad.examples import example
from numgrad.plotting import COLOURS

Floats = NDArray[np.float64]

# The SI's exact constants
PLANCK = 6.62607015e-34  # J s
LIGHT = 299792458.0  # m/s
BOLTZMANN = 1.380649e-23  # J/K

PER_METRE = 100.0  # in a wavenumber of 1/cm
MEGAJANSKY = 1e-20  # W/(m² Hz)
THERMAL = PER_METRE * PLANCK * LIGHT / BOLTZMANN  # kelvins in a wavenumber of 1/cm
RADIANCE = 2 * PLANCK * LIGHT * PER_METRE**3 / MEGAJANSKY  # MJy/sr where one photon fills a mode

MOST_STEPS = 50  # of Newton's method
CONVERGED = 1e-6  # a step this short, in standard deviations, is the last
WIEN = 2.8214393721  # the exponent where Planck's law is largest: 3 (1 - exp(-x)) = x
NAMES = ("temperature (K)", "chemical potential", "Galaxy left over")

# |μ| is smaller with a confidence of 95 %: D. J. Fixsen and others, The Astrophysical Journal 473,
# 576, 1996
POTENTIAL_LIMIT = 9e-5
# The share of a normal distribution in two dimensions that lies within 1, 2, ... radii
RADII = {"68 %": np.sqrt(-2 * np.log(1 - 0.6827)), "95 %": np.sqrt(-2 * np.log(1 - 0.9545))}


class Spectrum(NamedTuple):
    """A measured spectrum.

    Attributes
    ----------
    wavenumber : ndarray
        Frequency over the speed of light, in 1/cm.
    intensity, deviation : ndarray
        What was measured and its standard deviation, in MJy/sr.
    galaxy : ndarray
        The Galaxy's glow at its poles, in MJy/sr: already taken off, but it may be wrong in size.
    """

    wavenumber: Floats
    intensity: Floats
    deviation: Floats
    galaxy: Floats


class Estimate(NamedTuple):
    """The most likely parameters and how sure they are."""

    parameters: Floats
    covariance: Floats
    chi_squared: float
    steps: int

    @property
    def deviations(self) -> Floats:
        """Standard deviations of the parameters."""
        deviations: Floats = np.sqrt(np.diag(self.covariance))
        return deviations


# NASA's Legacy Archive for Microwave Background Data Analysis, in the public domain:
# https://lambda.gsfc.nasa.gov/product/cobe/firas_monopole_spect.html, version 1: table 4 of Fixsen
# and others (1996), put at 2.725 K, the temperature of J. C. Mather and others, The Astrophysical
# Journal 512, 511, 1999. Deviations and Galaxy are in kJy/sr. The paper also tells how the errors
# of neighbouring frequencies go together, which is left out here.
# fmt: off
FIRAS = Spectrum(
    wavenumber=np.array([
        2.27, 2.72, 3.18, 3.63, 4.08, 4.54, 4.99, 5.45, 5.90, 6.35, 6.81,
        7.26, 7.71, 8.17, 8.62, 9.08, 9.53, 9.98, 10.44, 10.89, 11.34, 11.80,
        12.25, 12.71, 13.16, 13.61, 14.07, 14.52, 14.97, 15.43, 15.88, 16.34, 16.79,
        17.24, 17.70, 18.15, 18.61, 19.06, 19.51, 19.97, 20.42, 20.87, 21.33,
    ]),
    intensity=np.array([
        200.723, 249.508, 293.024, 327.770, 354.081, 372.079, 381.493, 383.478, 378.901, 368.833,
        354.063, 336.278, 316.076, 293.924, 271.432, 248.239, 225.940, 204.327, 183.262, 163.830,
        145.750, 128.835, 113.568, 99.451, 87.036, 75.876, 65.766, 57.008, 49.223, 42.267,
        36.352, 31.062, 26.580, 22.644, 19.255, 16.391, 13.811, 11.716, 9.921, 8.364,
        7.087, 5.801, 4.523,
    ]),
    deviation=1e-3 * np.array([
        14, 19, 25, 23, 22, 21, 18, 18, 16, 14, 13, 12, 11, 10, 11, 12, 14, 16, 18, 22, 22, 23,
        23, 23, 22, 21, 20, 19, 19, 19, 21, 23, 26, 28, 30, 32, 33, 35, 41, 55, 88, 155, 282,
    ]),
    galaxy=1e-3 * np.array([
        4, 3, -1, -1, 3, 6, 8, 8, 10, 10, 12, 20, 25, 30, 36, 41, 46, 57, 65, 73, 93, 98,
        105, 121, 135, 147, 160, 178, 199, 221, 227, 250, 275, 295, 312, 336, 363, 405, 421, 435,
        477, 519, 573,
    ]),
)
# fmt: on


@njit
def law(temperature: float, potential: float, wavenumber: float) -> float:
    """Return the intensity of Bose-Einstein radiation, in MJy/sr.

    ::

        2 h c k³ / (exp(h c k / (k_B T) + μ) - 1)

    for the wavenumber k; with μ = 0, Planck's law.
    """
    exponent = THERMAL * wavenumber / temperature + potential
    intensity: float = RADIANCE * wavenumber**3 / np.expm1(exponent)
    return intensity


@njit
def minus_log_likelihood(parameters: Floats, spectrum: Spectrum) -> float:
    """Return half of χ²: the errors are normal, and independent of each other."""
    total = 0.0
    for i in range(spectrum.wavenumber.size):
        model = law(parameters[0], parameters[1], spectrum.wavenumber[i])
        model += parameters[2] * spectrum.galaxy[i]
        total += ((spectrum.intensity[i] - model) / spectrum.deviation[i]) ** 2
    return 0.5 * total


def start(spectrum: Spectrum) -> Floats:
    """Guess the parameters: the temperature from where the spectrum is largest, all else zero."""
    peak = spectrum.wavenumber[spectrum.intensity.argmax()]
    return np.array([THERMAL * peak / WIEN, 0.0, 0.0])


def estimate(function: Callable[[Floats, Any], float], parameters: Floats, data: Any) -> Estimate:
    """Minimise by Newton's method, and read the covariance off the last Hessian.

    Parameters
    ----------
    function : callable
        Minus the logarithm of a likelihood, of parameters and data.
    parameters : ndarray
        Where to start.
    data : object
        Passed on.

    Returns
    -------
    Estimate
        Its covariance is the inverse Hessian at the minimum: where the likelihood is normal, and
        near enough to its maximum elsewhere, that is the parameters' own.

    Raises
    ------
    RuntimeError
        If the steps don't end, or end where there is no minimum: the start was too far away.

    Notes
    -----
    A step s = H⁻¹ g goes √(gᵀ s) standard deviations far, whatever the parameters' units: that
    tells when to stop.
    """
    value_and_gradient = numgrad.value_and_grad(function)
    hessian = numgrad.hessian(function)
    for count in range(1, MOST_STEPS + 1):
        value, gradient = value_and_gradient(parameters, data)
        curvature = hessian(parameters, data)
        step = np.linalg.solve(curvature, gradient)
        if abs(gradient @ step) < CONVERGED**2:
            return Estimate(parameters, covariance_at_minimum(curvature), 2 * value, count)
        parameters = parameters - step
    raise RuntimeError(f"no minimum within {MOST_STEPS} steps")


def covariance_at_minimum(hessian: Floats) -> Floats:
    """Return the inverse of the Hessian of minus a log-likelihood.

    Parameters
    ----------
    hessian : ndarray
        Where the gradient is zero.

    Returns
    -------
    ndarray
        The covariance of the parameters.

    Raises
    ------
    RuntimeError
        If the Hessian is not positive definite, so that this is no minimum.
    """
    try:
        np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError as error:
        raise RuntimeError("a saddle or a maximum was found: start nearer") from error
    return np.asarray(np.linalg.inv(hessian), np.float64)


def fit_of_planck(found: Estimate) -> tuple[float, float]:
    """Return the temperature and its deviation if the potential is known to be zero.

    Parameters
    ----------
    found : Estimate
        With the potential free.

    Returns
    -------
    temperature, deviation : float
        Those of the normal distribution of all parameters, cut at a potential of zero.
    """
    hessian = np.linalg.inv(found.covariance)
    others = [0, 2]
    covariance = np.linalg.inv(hessian[np.ix_(others, others)])
    shift = covariance @ hessian[others, 1] * found.parameters[1]
    return found.parameters[0] + shift[0], np.sqrt(covariance[0, 0])


def report(spectrum: Spectrum, found: Estimate) -> list[str]:
    """Say in a few lines what was found.

    Parameters
    ----------
    spectrum : Spectrum
        What was fitted.
    found : Estimate
        To what.

    Returns
    -------
    list of str
        The parameters with their deviations, how they go together, how well they fit.
    """
    correlation = found.covariance[0, 1] / (found.deviations[0] * found.deviations[1])
    freedom = spectrum.intensity.size - found.parameters.size
    temperature, deviation = fit_of_planck(found)
    return [
        f"{'':20}{'fit':>13}{'deviation':>12}",
        *(
            f"{name:20}{value:13.6f}{deviation:12.6f}"
            for name, value, deviation in zip(
                NAMES, found.parameters, found.deviations, strict=True
            )
        ),
        "",
        f"chi-squared {found.chi_squared:.1f} for {freedom} degrees of freedom",
        f"temperature and potential are correlated by {correlation:.2f}: without a potential, "
        f"{temperature:.6f} ± {deviation:.6f} K",
        f"published: 2.725 ± 0.001 K, most of it calibration; |potential| < {POTENTIAL_LIMIT:.6f}",
    ]


def ellipse(found: Estimate, radius: float) -> Floats:
    """Return the ellipse around temperature and potential that holds a share of probability.

    Parameters
    ----------
    found : Estimate
        The centre and the covariance.
    radius : float
        In standard deviations.

    Returns
    -------
    ndarray of shape (2, 200)
        Temperatures and potentials of its points: a circle, through the covariance's Cholesky
        factor.
    """
    turn = np.linspace(0, 2 * np.pi, 200)
    circle = radius * np.stack([np.cos(turn), np.sin(turn)])
    points: Floats = np.linalg.cholesky(found.covariance[:2, :2]) @ circle
    return points + found.parameters[:2, None]


def draw(spectrum: Spectrum, found: Estimate, output: Path) -> None:
    """Save a picture: the spectrum and its fit, what is left, and how sure the parameters are.

    Parameters
    ----------
    spectrum : Spectrum
        What was fitted.
    found : Estimate
        To what.
    output : Path
        The picture's file.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    blue, vermilion, green = COLOURS[:3]
    temperature, potential, share = found.parameters
    grid = np.linspace(1.0, 22.0, 300)
    curve = [law(temperature, potential, k) for k in grid]
    at_data = np.array([law(temperature, potential, k) for k in spectrum.wavenumber])
    apart = (spectrum.intensity - at_data - share * spectrum.galaxy) / spectrum.deviation

    figure = Figure(figsize=(11, 5.5), layout="constrained")
    panels = figure.subplot_mosaic(
        [["spectrum", "sure"], ["apart", "sure"]], width_ratios=(3, 2), height_ratios=(2, 1)
    )
    upper, lower, right = panels["spectrum"], panels["apart"], panels["sure"]
    lower.sharex(upper)
    upper.set_title("cosmic microwave background, COBE/FIRAS")
    upper.plot(grid, curve, color=blue, label=f"fit, {temperature:.3f} K")
    upper.errorbar(
        spectrum.wavenumber,
        spectrum.intensity,
        300 * spectrum.deviation,
        fmt=".",
        color="black",
        elinewidth=0.8,
        label="measured, errors drawn 300 times as large",
    )
    upper.set_ylabel("intensity (MJy/sr)")
    upper.set_ylim(0, 430)
    upper.legend(frameon=False)
    lower.axhline(0, color=blue)
    lower.errorbar(spectrum.wavenumber, apart, 1, fmt=".", color="black", elinewidth=0.8)
    lower.set_xlabel("wavenumber (1/cm)")
    lower.set_ylabel("data less fit\n(deviations)")

    right.set_title("how sure both are")
    for (name, radius), style in zip(RADII.items(), ("-", "--"), strict=True):
        kelvins, potentials = ellipse(found, float(radius))
        right.plot(1e6 * (kelvins - 2.725), 1e5 * potentials, style, color=blue, label=name)
    right.plot(1e6 * (temperature - 2.725), 1e5 * potential, "o", color=blue)
    planck, deviation = fit_of_planck(found)
    right.errorbar(
        1e6 * (planck - 2.725),
        0,
        xerr=1e6 * deviation,
        fmt="s",
        color=vermilion,
        capsize=3,
        label="Planck's law",
    )
    for limit in (-POTENTIAL_LIMIT, POTENTIAL_LIMIT):
        right.axhline(1e5 * limit, linestyle=":", color=green)
    right.plot([], [], ":", color=green, label="published limits, 95 %")
    right.set_xlabel("temperature less 2.725 K (µK)")
    right.set_ylabel("chemical potential (10⁻⁵)")
    right.set_ylim(-15, 11)
    right.legend(frameon=False, loc="lower right")
    figure.savefig(output, format="png", dpi=100)


@example()
def main(output: Path) -> None:
    """Fit, print, draw."""
    begun = start(FIRAS)
    found = estimate(minus_log_likelihood, begun, FIRAS)
    print(f"the cosmic microwave background at {FIRAS.intensity.size} frequencies, COBE/FIRAS")
    print(f"Newton's method from {begun[0]:.2f} K: {found.steps} steps\n")
    print(*report(FIRAS, found), sep="\n")
    draw(FIRAS, found, output)


if __name__ == "__main__":
    main()
