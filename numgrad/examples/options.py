"""Greeks of an option as surfaces, from first and second derivatives of its price.

Run it with ``python -m numgrad.examples.options [--output options.png]``.

Who sells an option must know how its price moves with the price of the stock, with time and with
volatility; and since those slopes move too, how the slopes move. These derivatives have Greek
names, or names that sound so. Here the formula of Black and Scholes is written once, for one
option, and the rest is left to `numgrad.derivative`: first derivatives by three arguments in one
pass, second ones by a derivative of a derivative. All are mapped over a grid of prices and times,
on all cores where the grid is large.

The price obeys a differential equation, in which theta, gamma, delta and the price itself cancel
out. How nearly they do is printed, and how nearly central differences of the same formula do, with
the best of many steps.
"""

import math
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit, vectorize
from numpy.typing import NDArray

import numgrad
from numgrad.examples import example

Floats = NDArray[np.float64]

SPOT, MATURITY, VOLATILITY = 0, 1, 2  # which argument of the price

# Calls on a stock, to buy it for 100 dollars
STRIKE = 100.0  # dollars
RATE = 0.03  # of interest, a year
SPREAD = 0.25  # standard deviation of the logarithm of the stock's price over a year
SPOTS = np.linspace(60.0, 140.0, 161)  # dollars
MATURITIES = np.linspace(0.05, 1.5, 117)[:, None]  # years


class Greeks(NamedTuple):
    """The price of calls and its derivatives.

    Attributes
    ----------
    price : ndarray
        In dollars.
    delta, theta, vega : ndarray
        Slopes by the price of the stock, by time, which is less the slope by the time that is left,
        and by volatility.
    gamma, vanna, volga : ndarray
        Slopes of delta by the price of the stock, of delta by volatility, of vega by volatility.
    """

    price: Floats
    delta: Floats
    theta: Floats
    vega: Floats
    gamma: Floats
    vanna: Floats
    volga: Floats


# What to draw: in units that traders use, a day and a percentage point of volatility
SURFACES = {
    "delta": (1.0, "dollars per dollar"),
    "theta": (1 / 365, "dollars per day"),
    "vega": (1e-2, "dollars per point"),
    "gamma": (1.0, "delta per dollar"),
    "vanna": (1e-2, "delta per point"),
    "volga": (1e-4, "vega per point"),
}


@njit
def normal(x: float) -> float:
    """Return the probability that a normal variable is below x."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@vectorize
def call(spot: float, maturity: float, volatility: float, strike: float, rate: float) -> float:
    """Return the price of a call option, in dollars.

    ::

        S N(d₁) - K exp(-r τ) N(d₂),    d₁ = (log(S/K) + (r + σ²/2) τ) / (σ √τ),    d₂ = d₁ - σ √τ

    (F. Black and M. Scholes, The pricing of options and corporate liabilities, Journal of
    Political Economy 81, 1973).
    """
    spread = volatility * math.sqrt(maturity)
    d1 = (math.log(spot / strike) + (rate + 0.5 * volatility**2) * maturity) / spread
    discounted = strike * math.exp(-rate * maturity)
    price: float = spot * normal(d1) - discounted * normal(d1 - spread)
    return price


slopes = numgrad.derivative(call, (SPOT, MATURITY, VOLATILITY))
curvatures = numgrad.derivative(numgrad.derivative(call, (SPOT, VOLATILITY)), (SPOT, VOLATILITY))


def greeks(spot: Floats, maturity: Floats) -> Greeks:
    """Return the price of calls and its derivatives.

    Parameters
    ----------
    spot, maturity : ndarray
        Prices of the stock, and the years that are left; broadcast together.

    Returns
    -------
    Greeks
        Arrays of the shape of both.
    """
    option = spot, maturity, SPREAD, STRIKE, RATE
    delta, ageing, vega = slopes(*option)
    (gamma, vanna), (_, volga) = curvatures(*option)
    return Greeks(call(*option), delta, -ageing, vega, gamma, vanna, volga)


def differences(spot: Floats, maturity: Floats, step: float) -> Greeks:
    """Return the same by central differences.

    Parameters
    ----------
    spot, maturity : ndarray
        Prices of the stock, and the years that are left; broadcast together.
    step : float
        How far to go to either side, as a share of the argument.

    Returns
    -------
    Greeks
        With the volatility's left out, which the equation of Black and Scholes does without.
    """
    option = spot, maturity, SPREAD, STRIKE, RATE
    price = call(*option)
    up, down = (call(spot * (1 + side), *option[1:]) for side in (step, -step))
    later, sooner = (call(spot, maturity * (1 + side), *option[2:]) for side in (step, -step))
    nothing = np.full_like(price, np.nan)
    return Greeks(
        price,
        (up - down) / (2 * step * spot),
        (sooner - later) / (2 * step * maturity),
        nothing,
        (up - 2 * price + down) / (step * spot) ** 2,
        nothing,
        nothing,
    )


def violation(found: Greeks, spot: Floats) -> float:
    """Return by how much the equation of Black and Scholes is missed, in dollars a year.

    ::

        Θ + σ² S² Γ / 2 + r S Δ - r V = 0

    Parameters
    ----------
    found : Greeks
        The price and its derivatives.
    spot : ndarray
        Prices of the stock.

    Returns
    -------
    float
        The largest amount anywhere.
    """
    spreading = 0.5 * SPREAD**2 * spot**2 * found.gamma
    missed = found.theta + spreading + RATE * (spot * found.delta - found.price)
    return float(np.abs(missed).max())


def draw(spot: Floats, maturity: Floats, found: Greeks, output: Path) -> None:
    """Save a picture: a surface for each of the Greeks.

    Parameters
    ----------
    spot, maturity : ndarray
        Along the axes.
    found : Greeks
        On their grid.
    output : Path
        The picture's file.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    figure = Figure(figsize=(12, 8), layout="constrained")
    figure.suptitle(
        f"a call at {STRIKE:.0f} dollars, volatility {SPREAD:.0%}, interest {RATE:.0%}; "
        "a point is a percentage point of volatility"
    )
    grid = np.broadcast_arrays(spot, maturity)
    for k, (name, (factor, unit)) in enumerate(SURFACES.items(), 1):
        panel = figure.add_subplot(2, 3, k, projection="3d")
        heights = factor * getattr(found, name)
        panel.plot_surface(
            *grid, heights, cmap="viridis", rcount=117, ccount=161, linewidth=0, antialiased=False
        )
        panel.view_init(elev=26, azim=-125)
        panel.set_title(f"{name} ({unit})", y=0.98)
        panel.set_xlabel("stock (dollars)")
        panel.set_ylabel("time left (years)")
        panel.set_xticks(np.arange(60, 141, 20))
        panel.set_yticks(np.arange(0, 1.6, 0.5))
        panel.tick_params(axis="z", pad=6)
    figure.savefig(output, format="png", dpi=100)


@example()
def main(output: Path) -> None:
    """Compute, check, print, draw."""
    times = []
    for _ in range(2):
        begun = time.perf_counter()
        found = greeks(SPOTS, MATURITIES)
        times.append(time.perf_counter() - begun)
    steps = 10.0 ** np.arange(-7, -1, 0.25)
    missed = [violation(differences(SPOTS, MATURITIES, step), SPOTS) for step in steps]

    print(f"prices and six Greeks of {found.price.size:,} options: {times[1] * 1e3:.1f} ms")
    print(f"compiled in {times[0]:.1f} s\n")
    print("a year before the end, with the stock at 120 dollars:")
    one = greeks(np.array([120.0]), np.array([1.0]))
    print(f"  price{one.price[0]:10.4f} dollars")
    for name, (factor, unit) in SURFACES.items():
        print(f"  {name}{factor * getattr(one, name)[0]:10.4f} {unit}")
    print("\nthe equation of Black and Scholes is missed, at worst, by")
    print(f"  {violation(found, SPOTS):8.1e} dollars a year, exact derivatives")
    print(f"  {min(missed):8.1e} dollars a year, differences, best of {steps.size} steps")
    draw(SPOTS, MATURITIES, found, output)


if __name__ == "__main__":
    main()
