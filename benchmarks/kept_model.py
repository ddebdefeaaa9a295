"""What first calls are measured with: a model of 20 functions, one more, and a small one.

The model is an epidemic of five compartments with seasonal contacts, integrated by Runge-Kutta, and
the logarithm of the posterior density of its parameters given weekly counts.
"""

import math

import numpy as np

WEEKS, STEPS = 12, 4
COUNTS = np.array([3.0, 5.0, 8.0, 14.0, 25.0, 39.0, 58.0, 77.0, 81.0, 66.0, 48.0, 30.0])


def season(t, depth):
    return 1.0 + depth * math.cos(2.0 * math.pi * t / 52.0)


def contacts(t, rate, depth):
    return rate * season(t, depth)


def total(state):
    return state[0] + state[1] + state[2] + state[3] + state[4]


def pressure(t, state, p):
    return contacts(t, p[0], p[1]) * (state[2] + 0.5 * state[3]) / total(state)


def infections(t, state, p):
    return pressure(t, state, p) * state[0]


def onsets(state, p):
    return p[2] * state[1]


def reports(state, p):
    return p[3] * state[2]


def recoveries(state, p):
    return p[4] * state[3]


def rates(t, state, p, out):
    infected, ill = infections(t, state, p), onsets(state, p)
    reported, recovered = reports(state, p), recoveries(state, p)
    out[0] = -infected
    out[1] = infected - ill
    out[2] = ill - reported
    out[3] = reported - recovered
    out[4] = recovered


def combined(state, slope, h):
    return state + h * slope


def step(t, state, p, h):
    k1, k2 = np.zeros_like(state), np.zeros_like(state)
    k3, k4 = np.zeros_like(state), np.zeros_like(state)
    rates(t, state, p, k1)
    rates(t + 0.5 * h, combined(state, k1, 0.5 * h), p, k2)
    rates(t + 0.5 * h, combined(state, k2, 0.5 * h), p, k3)
    rates(t + h, combined(state, k3, h), p, k4)
    return state + (k1 + 2.0 * k2 + 2.0 * k3 + k4) * (h / 6.0)


def week(t, state, p):
    for k in range(STEPS):
        state = step(t + k / STEPS, state, p, 1.0 / STEPS)
    return state


def start(p):
    state = np.zeros(5, p.dtype)
    state[0] = 1000.0
    state[2] = p[5]
    return state


def normal(x, mean, deviation):
    z = (x - mean) / deviation
    return -0.5 * z * z - math.log(deviation)


def log_normal(x, mean, deviation):
    return normal(math.log(x), mean, deviation) - math.log(x)


def expected(before, after, p):
    return p[6] * (before[0] - after[0]) + 1e-9


def of_count(count, mean, spread):
    """The logarithm of a negative binomial probability."""
    q = spread / (spread + mean)
    return (
        math.lgamma(count + spread)
        - math.lgamma(spread)
        + spread * math.log(q)
        + count * math.log(1.0 - q)
    )


def prior(p):
    result = 0.0
    for k in range(p.size):
        result += log_normal(p[k], 0.0, 1.0)
    return result


def likelihood(p):
    result, state = 0.0, start(p)
    for k in range(WEEKS):
        after = week(float(k), state, p)
        result += of_count(COUNTS[k], expected(state, after, p), p[7])
        state = after
    return result


def posterior(p):
    return prior(p) + likelihood(p)


def coupling(p):
    matrix = np.eye(6)
    for i in range(6):
        for j in range(6):
            matrix[i, j] += 0.1 * p[i] * p[j]
    return matrix


def with_solution(p):
    return posterior(p) + np.sum(np.linalg.solve(coupling(p), p[:6]))


def rosenbrock(x):
    result = 0.0
    for i in range(x.size - 1):
        result += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return result


def waves(x):
    """Complex numbers, of which many partials once took minutes to compile."""
    result = 0.0 + 0.0j
    for k in range(x.size):
        z = np.exp(1j * x[k]) * (x[0] + 2.0j)
        w = z / (z * z + 3.0) + np.sqrt(z * x[k] + 2.0)
        result += np.sin(w) * z + w * w / (z + 5.0)
    return result.real


def pendulum(angle):
    """A period by the arithmetic and geometric mean."""
    if abs(angle) > 3.0:
        return math.inf
    a, b = 1.0, math.cos(0.5 * angle)
    while abs(a - b) > 1e-15:
        a, b = 0.5 * (a + b), math.sqrt(a * b)
    return 2.0 * math.pi / a


POINT = np.array([0.9, 0.2, 0.6, 0.7, 0.5, 2.0, 0.6, 5.0])
