"""Derivatives of functions: each problem for numgrad, by hand, and for JAX.

A problem is a set of calls without arguments, made ready, that compute the same derivative; the
first is numgrad's.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import numba
import numpy as np

import numgrad

Call = Callable[[], object]


@dataclass(frozen=True)
class Problem:
    """The same derivative by several means."""

    name: str
    calls: dict[str, Call]
    bars: dict[str, float]  # how many times numgrad's time each of the others should take
    derive: Callable[[str], Callable] | None = None  # of a mode; the derivative that is called
    arguments: tuple = ()  # of the derivative

    def check(self):
        """Raise if numgrad's derivatives aren't the one written by hand, where there is one."""
        if "by hand" not in self.calls:
            return
        expected = parts(self.calls["by hand"]())
        for own in self.calls.keys() & {"numgrad", "reverse"}:
            for result, right in zip(parts(self.calls[own]()), expected, strict=True):
                scale = np.abs(right).max()
                np.testing.assert_allclose(result, right, rtol=1e-10, atol=1e-10 * scale)


def beside_hand(name, arguments, derive, by_hand, function, make_jax):
    """Return a problem whose derivative was also written by hand, and is shown beside its function.

    ``derive`` takes a mode, and ``make_jax`` JAX; each returns its derivative as a function of the
    same arguments.
    """
    derivative, reverse = derive("auto"), derive("reverse")
    calls = {
        "numgrad": lambda: derivative(*arguments),
        "reverse": lambda: reverse(*arguments),
        "by hand": lambda: by_hand(*arguments),
        "the function": lambda: function(*arguments),
    }
    if jax := loaded_jax():
        jax_derivative = make_jax(jax)
        calls["JAX"] = lambda: jax.block_until_ready(jax_derivative(*arguments))
    return Problem(name, calls, {}, derive, arguments)


def parts(results):
    """Return the arrays that a result consists of."""
    return results if isinstance(results, tuple) else (results,)


def calls_of(problems):
    """Return every means of every problem, by a name for both, with its problem."""
    return {
        f"{problem.name}: {means}": (problem, call)
        for problem in problems
        for means, call in problem.calls.items()
    }


# Rosenbrock's function


@numba.njit
def rosenbrock(x):
    total = 0.0
    for i in range(x.size - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


rosenbrock_gradient = numgrad.grad(rosenbrock)
rosenbrock_hessian = numgrad.hessian(rosenbrock)


@numba.njit
def gradients(x, repeats):
    """Take gradients from compiled code, each at another point."""
    total = 0.0
    for _ in range(repeats):
        x[0] += 1e-9
        total += rosenbrock_gradient(x)[1]
    return total


@numba.njit
def evaluations(x, repeats):
    """Evaluate the function from compiled code, each time at another point."""
    total = 0.0
    for _ in range(repeats):
        x[0] += 1e-9
        total += rosenbrock(x)
    return total


def point(size):
    return np.random.default_rng(0).uniform(0.5, 1.5, size)


def rosenbrock_compiled(size=512):
    """A gradient and as many evaluations as there are variables, both from compiled code."""
    x = point(size)
    return Problem(
        f"gradient of Rosenbrock in {size} variables, from compiled code",
        {"numgrad": lambda: gradients(x, 10), "n evaluations": lambda: evaluations(x, 10 * size)},
        {"n evaluations": 1 / 0.2},
    )


def rosenbrock_python(size):
    x = point(size)
    calls = {"numgrad": lambda: rosenbrock_gradient(x)}
    if jax := loaded_jax():
        derive = jax.jit(jax.grad(jax_rosenbrock))
        calls["JAX grad"] = lambda: derive(x).block_until_ready()
    return Problem(f"gradient of Rosenbrock in {size} variables", calls, {"JAX grad": 3.0})


def rosenbrock_forward(size):
    x, gradient = point(size), numgrad.grad(rosenbrock, mode="forward")
    calls = {"numgrad": lambda: gradient(x)}
    if jax := loaded_jax():
        derive = jax.jit(jax.jacfwd(jax_rosenbrock))
        calls["JAX jacfwd"] = lambda: derive(x).block_until_ready()
    name = f"gradient of Rosenbrock in {size} variables, forward mode"
    return Problem(name, calls, {"JAX jacfwd": 6.0})


def hessian(size=20):
    x = point(size)
    calls = {"numgrad": lambda: rosenbrock_hessian(x)}
    if jax := loaded_jax():
        derive = jax.jit(jax.hessian(jax_rosenbrock))
        calls["JAX hessian"] = lambda: derive(x).block_until_ready()
    return Problem(f"Hessian of Rosenbrock in {size} variables", calls, {"JAX hessian": 3.0})


def jax_rosenbrock(x):
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


# A derivative at many points


@numba.njit
def wave(x):
    return math.sin(x) * math.exp(-x * x)


wave_derivative = numgrad.derivative(wave)


@numba.njit(parallel=True)
def wave_by_hand(x, out):
    for i in numba.prange(x.size):
        e = math.exp(-x[i] * x[i])
        out[i] = e * (math.cos(x[i]) - 2.0 * x[i] * math.sin(x[i]))
    return out


def derivative(size=1_000_000):
    x = np.linspace(-3.0, 3.0, size)
    ours, theirs = np.empty_like(x), np.empty_like(x)
    return Problem(
        f"derivative of sin(x) exp(-x²) at {size:,} points",
        {
            "numgrad": lambda: wave_derivative(x, out=ours),
            "by hand": lambda: wave_by_hand(x, theirs),
        },
        {"by hand": 1 / 1.2},
    )


# The prices of European call options (F. Black and M. Scholes, 1973) and their sensitivities


@numba.njit
def call_price(spot, strike, time, rate, volatility):
    deviation = volatility * math.sqrt(time)
    d1 = (math.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / deviation
    d2 = d1 - deviation
    discounted = strike * math.exp(-rate * time)
    root = math.sqrt(2.0)
    return 0.5 * (spot * math.erfc(-d1 / root) - discounted * math.erfc(-d2 / root))


greeks = numgrad.vmap(numgrad.grad(call_price, argnums=(0, 4, 3, 2)))


@numba.njit(parallel=True)
def greeks_by_hand(spot, strike, time, rate, volatility, delta, vega, rho, theta):
    for i in numba.prange(spot.size):
        root_time = math.sqrt(time[i])
        deviation = volatility[i] * root_time
        growth = (rate[i] + 0.5 * volatility[i] ** 2) * time[i]
        d1 = (math.log(spot[i] / strike[i]) + growth) / deviation
        d2 = d1 - deviation
        density = math.exp(-0.5 * d1 * d1) * 0.3989422804014327
        discounted = strike[i] * math.exp(-rate[i] * time[i])
        likely = 0.5 * discounted * math.erfc(-d2 / math.sqrt(2.0))
        delta[i] = 0.5 * math.erfc(-d1 / math.sqrt(2.0))
        vega[i] = spot[i] * density * root_time
        rho[i] = time[i] * likely
        theta[i] = 0.5 * spot[i] * density * volatility[i] / root_time + rate[i] * likely
    return delta, vega, rho, theta


def options(size):
    generator = np.random.default_rng(0)
    ranges = [(80.0, 120.0), (80.0, 120.0), (0.2, 2.0), (0.0, 0.1), (0.1, 0.5)]
    return [generator.uniform(low, high, size) for low, high in ranges]


def jax_call_price(spot, strike, time, rate, volatility):
    jax = loaded_jax()
    erfc, jnp = jax.scipy.special.erfc, jax.numpy
    deviation = volatility * jnp.sqrt(time)
    d1 = (jnp.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / deviation
    d2 = d1 - deviation
    discounted = strike * jnp.exp(-rate * time)
    root = math.sqrt(2.0)
    return 0.5 * (spot * erfc(-d1 / root) - discounted * erfc(-d2 / root))


def black_scholes(size=1_000_000):
    arguments = options(size)
    ours, theirs = (tuple(np.empty(size) for _ in range(4)) for _ in range(2))
    calls = {
        "numgrad": lambda: greeks(*arguments, out=ours),
        "by hand": lambda: greeks_by_hand(*arguments, *theirs),
    }
    if jax := loaded_jax():
        derive = jax.jit(jax.vmap(jax.grad(jax_call_price, argnums=(0, 4, 3, 2))))
        calls["JAX vmap grad"] = lambda: jax.block_until_ready(derive(*arguments))
    return Problem(
        f"delta, vega, rho and theta of {size:,} options",
        calls,
        {"by hand": 1 / 1.3, "JAX vmap grad": 1.5},
    )


# The residuals of bundle adjustment (S. Agarwal and others, "Bundle adjustment in the large",
# ECCV 2010; parameters as in F. Srajer, Z. Kukelova and A. Fitzgibbon, ADBench, 2018): a camera's
# rotation vector, centre, focal length, principal point and radial distortion, a point in space,
# and the weight of the observation.


@numba.njit
def reprojection(p, seen):
    angle = math.sqrt(p[0] ** 2 + p[1] ** 2 + p[2] ** 2)
    x, y, z = p[11] - p[3], p[12] - p[4], p[13] - p[5]
    s, c = math.sin(angle), math.cos(angle)
    u, v, w = p[0] / angle, p[1] / angle, p[2] / angle
    along = (u * x + v * y + w * z) * (1.0 - c)
    turned_x = x * c + (v * z - w * y) * s + u * along
    turned_y = y * c + (w * x - u * z) * s + v * along
    turned_z = z * c + (u * y - v * x) * s + w * along
    a, b = turned_x / turned_z, turned_y / turned_z
    r2 = a * a + b * b
    scale = (1.0 + p[9] * r2 + p[10] * r2 * r2) * p[6]
    return p[14] * (a * scale + p[7] - seen[0]), p[14] * (b * scale + p[8] - seen[1])


def reprojection_jacobians(mode):
    return numgrad.vmap(numgrad.jacobian(reprojection, mode=mode))


def observations(size):
    generator = np.random.default_rng(0)
    parameters = generator.uniform(0.1, 1.0, (size, 15))
    parameters[:, 13] += 5.0
    return parameters, generator.uniform(-1.0, 1.0, (size, 2))


def jax_reprojection(p, seen):
    jnp = loaded_jax().numpy
    rotation, centre, x0, distortion, position = p[:3], p[3:6], p[7:9], p[9:11], p[11:14]
    angle = jnp.sqrt(rotation @ rotation)
    axis, offset = rotation / angle, position - centre
    turned = (
        offset * jnp.cos(angle)
        + jnp.cross(axis, offset) * jnp.sin(angle)
        + axis * (axis @ offset) * (1.0 - jnp.cos(angle))
    )
    plane = turned[:2] / turned[2]
    r2 = plane @ plane
    scale = (1.0 + distortion[0] * r2 + distortion[1] * r2 * r2) * p[6]
    return p[14] * (plane * scale + x0 - seen)


def bundle_adjustment(size=10_000):
    parameters, seen = observations(size)
    jacobians = reprojection_jacobians("auto")
    calls = {"numgrad": lambda: jacobians(parameters, seen)}
    if jax := loaded_jax():
        derive = jax.jit(jax.vmap(jax.jacfwd(jax_reprojection)))
        calls["JAX vmap jacfwd"] = lambda: derive(parameters, seen).block_until_ready()
    return Problem(
        f"{size:,} Jacobians of reprojection, 2×15 each", calls, {"JAX vmap jacfwd": 1.4}
    )


# Linear equations whose matrix depends on parameters: the rows of one zone each have a factor


@numba.njit
def total_of_solution(p, base, b):
    n = b.size
    a = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            a[i, j] = base[i, j] * p[i * p.size // n]
    return np.sum(np.linalg.solve(a, b))


gradient_of_solution = numgrad.grad(total_of_solution)


@numba.njit
def factorisation_and_products(a, b, derivatives, out):
    """Compute what a gradient needs at least: the solution, and each dA times it."""
    x = np.linalg.solve(a, b)
    for k in range(len(derivatives)):
        out[k] = np.dot(derivatives[k], x)
    return out


def jax_total_of_solution(p, base, b):
    jnp = loaded_jax().numpy
    factors = jnp.repeat(p, b.size // p.size)
    return jnp.linalg.solve(base * factors[:, None], b).sum()


def linear_equations(size=200, parameters=20):
    generator = np.random.default_rng(0)
    base = generator.normal(size=(size, size)) + 20.0 * np.eye(size)
    p, b = generator.uniform(0.5, 1.5, parameters), generator.normal(size=size)
    zones = np.arange(size) * parameters // size
    derivatives = (zones == np.arange(parameters)[:, None])[:, :, None] * base
    a, out = p[zones][:, None] * base, np.empty((parameters, size))
    calls = {
        "numgrad": lambda: gradient_of_solution(p, base, b),
        "one factorisation, products": lambda: factorisation_and_products(a, b, derivatives, out),
    }
    if jax := loaded_jax():
        derive = jax.jit(jax.grad(jax_total_of_solution))
        calls["JAX grad"] = lambda: derive(p, base, b).block_until_ready()
    return Problem(
        f"gradient of a solution of {size} equations in {parameters} parameters",
        calls,
        {"one factorisation, products": 1 / 3},
    )


# Work that carries no derivatives: most of what the function does


@numba.njit
def field_of(points):
    field = np.zeros(len(points))
    for i in range(len(points)):
        for j in range(len(points)):
            squares = 0.0
            for k in range(points.shape[1]):
                squares += (points[i, k] - points[j, k]) ** 2
            field[i] += np.exp(-squares)
    return field


@numba.njit
def weighed_field(weights, points):
    field = np.zeros(len(points))
    for i in range(len(points)):
        for j in range(len(points)):
            squares = 0.0
            for k in range(points.shape[1]):
                squares += (points[i, k] - points[j, k]) ** 2
            field[i] += np.exp(-squares)
    total = 0.0
    for i in range(len(points)):
        total += np.exp(-weights[i % weights.size] * field[i])
    return total


gradient_of_weighed_field = numgrad.grad(weighed_field)


def inactive_work(size=500):
    """Return the problem of a function whose heavy part doesn't depend on its first argument."""
    points = np.random.default_rng(0).normal(size=(size, 3))
    weights = np.linspace(0.1, 1.0, 8)
    calls = {
        "numgrad": lambda: gradient_of_weighed_field(weights, points),
        "the function": lambda: weighed_field(weights, points),
        "the part without derivatives": lambda: field_of(points),
    }
    return Problem(
        "gradient of a function that is mostly inactive",
        calls,
        {"the function": 1 / 1.1, "the part without derivatives": 1 / 1.1},
    )


@cache
def loaded_jax():
    """Return JAX, computing in float64, or None where it isn't installed."""
    if not find_spec("jax"):
        return None
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def problems(*, quick=False):
    """Yield every problem of the table; large enough to tell, unless it is to be quick."""
    yield rosenbrock_compiled()
    yield rosenbrock_python(8)
    yield rosenbrock_python(64)
    yield rosenbrock_forward(512)
    yield derivative(10_000 if quick else 1_000_000)
    yield black_scholes(10_000 if quick else 1_000_000)
    yield bundle_adjustment(1_000 if quick else 10_000)
    yield hessian()
    yield linear_equations()
    yield inactive_work()
