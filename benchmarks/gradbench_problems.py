"""Problems of GradBench as a user of Numba writes them, each beside its derivative by hand.

The problems are those of https://github.com/gradbench/gradbench: an ordinary differential equation,
a determinant, linear least squares, and the logarithm of a sum of exponentials. The derivatives
were written for this benchmark, from the mathematics above each.
"""

import numba
import numpy as np

import numgrad
from benchmarks.problems import beside_hand, loaded_jax

# The state of E. N. Lorenz's system ("Deterministic nonperiodic flow", 1963) after some steps of
# the classical Runge-Kutta method, by the state at the beginning and by the three parameters.


@numba.njit
def lorenz(state, parameters):
    x, y, z = state
    sigma, rho, beta = parameters
    return np.array([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])


@numba.njit
def state_after(inputs, steps, step):
    state, parameters = inputs[:3], inputs[3:]
    for _ in range(steps):
        k1 = lorenz(state, parameters)
        k2 = lorenz(state + 0.5 * step * k1, parameters)
        k3 = lorenz(state + 0.5 * step * k2, parameters)
        k4 = lorenz(state + step * k3, parameters)
        state = state + step / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return state


def state_jacobian(mode):
    return numgrad.jacobian(state_after, mode=mode)


# By hand: the derivatives S of the state follow S' = J S + P, where J is the derivative of the
# right side by the state and P that by the parameters; the method steps both together.


@numba.njit
def lorenz_with_slopes(state, parameters, slopes, rate, slope_rates):
    x, y, z = state[0], state[1], state[2]
    sigma, rho, beta = parameters[0], parameters[1], parameters[2]
    rate[0], rate[1], rate[2] = sigma * (y - x), x * (rho - z) - y, x * y - beta * z
    for j in range(6):
        a, b, c = slopes[0, j], slopes[1, j], slopes[2, j]
        slope_rates[0, j] = sigma * (b - a)
        slope_rates[1, j] = a * (rho - z) - x * c - b
        slope_rates[2, j] = a * y + x * b - beta * c
    slope_rates[0, 3] += y - x
    slope_rates[1, 4] += x
    slope_rates[2, 5] -= z


@numba.njit
def state_jacobian_by_hand(inputs, steps, step):
    state, parameters = inputs[:3].copy(), inputs[3:]
    slopes = np.zeros((3, 6))
    for i in range(3):
        slopes[i, i] = 1.0
    rate, moved, rates = np.empty(3), np.empty(3), np.empty(3)
    slope_rate, moved_slopes, slope_rates = np.empty((3, 6)), np.empty((3, 6)), np.empty((3, 6))
    for _ in range(steps):
        for i in range(3):
            moved[i], rates[i] = state[i], 0.0
            for j in range(6):
                moved_slopes[i, j], slope_rates[i, j] = slopes[i, j], 0.0
        for weight, ahead in ((1.0, 0.5), (2.0, 0.5), (2.0, 1.0), (1.0, 0.0)):
            lorenz_with_slopes(moved, parameters, moved_slopes, rate, slope_rate)
            for i in range(3):
                rates[i] += weight * rate[i]
                moved[i] = state[i] + ahead * step * rate[i]
                for j in range(6):
                    slope_rates[i, j] += weight * slope_rate[i, j]
                    moved_slopes[i, j] = slopes[i, j] + ahead * step * slope_rate[i, j]
        for i in range(3):
            state[i] += step / 6.0 * rates[i]
            for j in range(6):
                slopes[i, j] += step / 6.0 * slope_rates[i, j]
    return slopes


def jax_state_after(inputs, steps, step):
    jax = loaded_jax()
    parameters = inputs[3:]

    def rate(state):
        x, y, z = state
        sigma, rho, beta = parameters
        return jax.numpy.stack([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])

    def advance(_, state):
        k1 = rate(state)
        k2 = rate(state + 0.5 * step * k1)
        k3 = rate(state + 0.5 * step * k2)
        k4 = rate(state + step * k3)
        return state + step / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)

    return jax.lax.fori_loop(0, steps, advance, inputs[:3])


def ode(steps=500):
    inputs, step = np.array([1.0, 1.2, 20.0, 10.0, 28.0, 8.0 / 3.0]), 0.005
    return beside_hand(
        f"ODE: Lorenz, {steps} steps, 3×6",
        (inputs, steps, step),
        state_jacobian,
        state_jacobian_by_hand,
        state_after,
        lambda jax: jax.jit(jax.jacfwd(jax_state_after), static_argnums=(1, 2)),
    )


# The determinant by Gaussian elimination with row exchanges


@numba.njit
def determinant(matrix):
    lu = matrix.copy()
    n = lu.shape[0]
    result = 1.0
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if abs(lu[i, k]) > abs(lu[pivot, k]):
                pivot = i
        if pivot != k:
            for j in range(n):
                lu[k, j], lu[pivot, j] = lu[pivot, j], lu[k, j]
            result = -result
        result *= lu[k, k]
        for i in range(k + 1, n):
            factor = lu[i, k] / lu[k, k]
            for j in range(k + 1, n):
                lu[i, j] -= factor * lu[k, j]
    return result


def determinant_gradient(mode):
    return numgrad.grad(determinant, mode=mode)


@numba.njit
def determinant_gradient_by_hand(matrix):
    """Jacobi's formula: the gradient of det A is det A times the transposed inverse of A."""
    return determinant(matrix) * np.linalg.inv(matrix).T


def det(size=10):
    matrix = np.random.default_rng(0).uniform(-1.0, 1.0, (size, size))
    return beside_hand(
        f"determinant, {size}×{size}",
        (matrix,),
        determinant_gradient,
        determinant_gradient_by_hand,
        determinant,
        lambda jax: jax.jit(jax.grad(jax.numpy.linalg.det)),
    )


# Linear least squares: half the sum of squares of sign(t) - x[0] - x[1] t - x[2] t² - …


@numba.njit
def least_squares(x, points):
    total = 0.0
    for i in range(points):
        t = -1.0 + 2.0 * i / (points - 1)
        residual = np.sign(t)
        power = 1.0
        for j in range(x.size):
            residual -= x[j] * power
            power *= t
        total += residual**2
    return 0.5 * total


def least_squares_gradient(mode):
    return numgrad.grad(least_squares, mode=mode)


@numba.njit
def least_squares_gradient_by_hand(x, points):
    """Each residual times its own slopes, which are -1, -t, -t², …"""
    gradient = np.zeros(x.size)
    for i in range(points):
        t = -1.0 + 2.0 * i / (points - 1)
        residual = np.sign(t)
        power = 1.0
        for j in range(x.size):
            residual -= x[j] * power
            power *= t
        power = 1.0
        for j in range(x.size):
            gradient[j] -= residual * power
            power *= t
    return gradient


def jax_least_squares(x, points):
    jnp = loaded_jax().numpy
    t = jnp.linspace(-1.0, 1.0, points)
    powers = t[:, None] ** jnp.arange(x.size)
    return 0.5 * ((jnp.sign(t) - powers @ x) ** 2).sum()


def llsq(size=32, points=1_000):
    x = np.random.default_rng(0).uniform(-1.0, 1.0, size)
    return beside_hand(
        f"least squares, {size} coefficients, {points:,} points",
        (x, points),
        least_squares_gradient,
        least_squares_gradient_by_hand,
        least_squares,
        lambda jax: jax.jit(jax.grad(jax_least_squares), static_argnums=1),
    )


# The logarithm of a sum of exponentials


@numba.njit
def log_sum_exp(x):
    largest = x.max()
    return largest + np.log(np.sum(np.exp(x - largest)))


def log_sum_exp_gradient(mode):
    return numgrad.grad(log_sum_exp, mode=mode)


@numba.njit
def log_sum_exp_gradient_by_hand(x):
    """The share of each exponential in the sum."""
    exponentials = np.exp(x - x.max())
    return exponentials / exponentials.sum()


def lse(size=100):
    x = np.random.default_rng(0).normal(size=size)
    return beside_hand(
        f"log-sum-exp, {size} numbers",
        (x,),
        log_sum_exp_gradient,
        log_sum_exp_gradient_by_hand,
        log_sum_exp,
        lambda jax: jax.jit(jax.grad(jax.scipy.special.logsumexp)),
    )
