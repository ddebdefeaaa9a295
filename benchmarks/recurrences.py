"""Problems of reverse mode whose time goes step by step: each in loops, and by JAX's scan."""

import math

import numba
import numpy as np

from benchmarks.backward import problem
from benchmarks.problems import loaded_jax

# The Lorenz system by the method of Runge and Kutta, by its state and parameters


@numba.njit
def lorenz_end(p, steps, h):
    x, y, z, s, r, b = p[0], p[1], p[2], p[3], p[4], p[5]
    for _ in range(steps):
        a1, b1, c1 = s * (y - x), x * (r - z) - y, x * y - b * z
        x2, y2, z2 = x + 0.5 * h * a1, y + 0.5 * h * b1, z + 0.5 * h * c1
        a2, b2, c2 = s * (y2 - x2), x2 * (r - z2) - y2, x2 * y2 - b * z2
        x3, y3, z3 = x + 0.5 * h * a2, y + 0.5 * h * b2, z + 0.5 * h * c2
        a3, b3, c3 = s * (y3 - x3), x3 * (r - z3) - y3, x3 * y3 - b * z3
        x4, y4, z4 = x + h * a3, y + h * b3, z + h * c3
        a4, b4, c4 = s * (y4 - x4), x4 * (r - z4) - y4, x4 * y4 - b * z4
        x += h / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)
        y += h / 6.0 * (b1 + 2.0 * b2 + 2.0 * b3 + b4)
        z += h / 6.0 * (c1 + 2.0 * c2 + 2.0 * c3 + c4)
    return x + y + z


def jax_lorenz_end(p, steps, h):
    jax = loaded_jax()
    s, r, b = p[3:]

    def rate(u):
        x, y, z = u
        return jax.numpy.stack([s * (y - x), x * (r - z) - y, x * y - b * z])

    def advance(u, _):
        k1 = rate(u)
        k2 = rate(u + 0.5 * h * k1)
        k3 = rate(u + 0.5 * h * k2)
        k4 = rate(u + h * k3)
        return u + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4), None

    return jax.lax.scan(advance, p[:3], length=steps)[0].sum()


def lorenz(steps):
    arguments = np.array([1.0, 2.0, 3.0, 10.0, 28.0, 8.0 / 3.0]), steps, 1e-3
    name = f"Lorenz, Runge-Kutta, {steps:,} steps"
    return problem(name, lorenz_end, arguments, jax_lorenz_end, evaluations=4.0, share=1.0 / 20.0)


# The heat equation, in place


@numba.njit
def heat_left(start, steps, rate):
    u = start.copy()
    for _ in range(steps):
        left = u[0]
        for i in range(1, u.size - 1):
            old = u[i]
            u[i] = old + rate * (left - 2.0 * old + u[i + 1])
            left = old
    return np.sum(u * u)


def jax_heat_left(start, steps, rate):
    def advance(u, _):
        return u.at[1:-1].add(rate * (u[:-2] - 2.0 * u[1:-1] + u[2:])), None

    u, _ = loaded_jax().lax.scan(advance, start, length=steps)
    return (u * u).sum()


def heat(unknowns, steps):
    arguments = np.random.default_rng(0).normal(size=unknowns), steps, 0.2
    name = f"heat equation in place, {unknowns:,} unknowns, {steps} steps"
    return problem(name, heat_left, arguments, jax_heat_left, evaluations=10.0)


# A hidden Markov model: the likelihood of what was seen, by logarithms of unnormalised
# probabilities, with the forward algorithm scaled at each time (L. R. Rabiner, 1989)

STATES, SYMBOLS = 20, 5


@numba.njit
def softmax(logits, out):
    largest = logits.max()
    total = 0.0
    for i in range(logits.size):
        out[i] = np.exp(logits[i] - largest)
        total += out[i]
    for i in range(logits.size):
        out[i] /= total


@numba.njit
def markov_likelihood(logits, seen):
    moves, signs = np.empty((STATES, STATES)), np.empty((STATES, SYMBOLS))
    for i in range(STATES):
        softmax(logits[i * STATES : (i + 1) * STATES], moves[i])
        first = STATES * STATES + i * SYMBOLS
        softmax(logits[first : first + SYMBOLS], signs[i])
    before, after = np.full(STATES, 1.0 / STATES), np.empty(STATES)
    total = 0.0
    for t in range(seen.size):
        norm = 0.0
        for j in range(STATES):
            arrived = 0.0
            for i in range(STATES):
                arrived += before[i] * moves[i, j]
            after[j] = arrived * signs[j, seen[t]]
            norm += after[j]
        for j in range(STATES):
            before[j] = after[j] / norm
        total += np.log(norm)
    return total


def jax_markov_likelihood(logits, seen):
    jax = loaded_jax()
    moves = jax.nn.softmax(logits[: STATES * STATES].reshape(STATES, STATES), axis=1)
    signs = jax.nn.softmax(logits[STATES * STATES :].reshape(STATES, SYMBOLS), axis=1)

    def advance(before, symbol):
        after = before @ moves * signs[:, symbol]
        norm = after.sum()
        return after / norm, jax.numpy.log(norm)

    return jax.lax.scan(advance, jax.numpy.full(STATES, 1.0 / STATES), seen)[1].sum()


def hidden_markov(times):
    rng = np.random.default_rng(0)
    arguments = rng.normal(size=STATES * (STATES + SYMBOLS)), rng.integers(0, SYMBOLS, times)
    name = f"hidden Markov model, {times} times, {arguments[0].size} parameters"
    return problem(name, markov_likelihood, arguments, jax_markov_likelihood, evaluations=5.0)


# The ordinary differential equation of GradBench (from B. Bell's cmpad): y₀' = x₀, yᵢ' = xᵢ yᵢ₋₁


@numba.njit
def chain_rate(x, y, rate):
    rate[0] = x[0]
    for i in range(1, x.size):
        rate[i] = x[i] * y[i - 1]


@numba.njit
def chain_end(x, steps):
    n, h = x.size, 2.0 / steps
    y, moved = np.zeros(n), np.empty(n)
    k1, k2, k3, k4 = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for _ in range(steps):
        chain_rate(x, y, k1)
        for i in range(n):
            moved[i] = y[i] + 0.5 * h * k1[i]
        chain_rate(x, moved, k2)
        for i in range(n):
            moved[i] = y[i] + 0.5 * h * k2[i]
        chain_rate(x, moved, k3)
        for i in range(n):
            moved[i] = y[i] + h * k3[i]
        chain_rate(x, moved, k4)
        for i in range(n):
            y[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i])
    return y[-1]


def jax_chain_end(x, steps):
    jax, h = loaded_jax(), 2.0 / steps

    def rate(y):
        return x * jax.numpy.concatenate([jax.numpy.ones(1), y[:-1]])

    def advance(y, _):
        k1 = rate(y)
        k2 = rate(y + 0.5 * h * k1)
        k3 = rate(y + 0.5 * h * k2)
        k4 = rate(y + h * k3)
        return y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4), None

    return jax.lax.scan(advance, jax.numpy.zeros(x.size), length=steps)[0][-1]


def ode(size, steps):
    arguments = np.random.default_rng(0).uniform(0.5, 1.5, size) * np.arange(1, size + 1), steps
    name = f"GradBench's ODE, {size} unknowns, {steps} steps"
    return problem(name, chain_end, arguments, jax_chain_end, evaluations=6.0)


# The recurrent net of ADBench, long short-term memory with diagonal matrices: each layer has
# weights and biases for forgetting, taking in, giving out and changing


@numba.njit
def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


@numba.njit
def predict(weights, ends, hidden, cell, seen, out):
    """Store what is expected after a sign, and move on the state."""
    size = seen.size
    for i in range(size):
        out[i] = seen[i] * ends[0, i]
    for layer in range(len(weights)):
        w, b = weights[layer, 0], weights[layer, 1]
        for i in range(size):
            forget = sigmoid(out[i] * w[0, i] + b[0, i])
            take = sigmoid(hidden[layer, i] * w[1, i] + b[1, i])
            give = sigmoid(out[i] * w[2, i] + b[2, i])
            change = math.tanh(hidden[layer, i] * w[3, i] + b[3, i])
            cell[layer, i] = cell[layer, i] * forget + take * change
            hidden[layer, i] = give * math.tanh(cell[layer, i])
            out[i] = hidden[layer, i]
    for i in range(size):
        out[i] = out[i] * ends[1, i] + ends[2, i]


@numba.njit
def sequence_loss(weights, ends, state, sequence):
    hidden, cell = state[0].copy(), state[1].copy()
    expected = np.empty(sequence.shape[1])
    total = 0.0
    for t in range(len(sequence) - 1):
        predict(weights, ends, hidden, cell, sequence[t], expected)
        exponentials = 2.0
        for i in range(expected.size):
            exponentials += math.exp(expected[i])
        norm = math.log(exponentials)
        for i in range(expected.size):
            total += sequence[t + 1, i] * (expected[i] - norm)
    return -total / ((len(sequence) - 1) * sequence.shape[1])


def jax_sequence_loss(weights, ends, state, sequence):
    jax = loaded_jax()
    jnp = jax.numpy

    def advance(state, signs):
        hidden, cell = state
        seen, wanted = signs
        x, new_hidden, new_cell = seen * ends[0], [], []
        for layer in range(len(weights)):
            w, b = weights[layer]
            forget = jax.nn.sigmoid(x * w[0] + b[0])
            take = jax.nn.sigmoid(hidden[layer] * w[1] + b[1])
            give = jax.nn.sigmoid(x * w[2] + b[2])
            change = jnp.tanh(hidden[layer] * w[3] + b[3])
            new_cell.append(cell[layer] * forget + take * change)
            x = give * jnp.tanh(new_cell[-1])
            new_hidden.append(x)
        expected = x * ends[1] + ends[2]
        loss = (wanted * (expected - jnp.log(jnp.exp(expected).sum() + 2.0))).sum()
        return (jnp.stack(new_hidden), jnp.stack(new_cell)), loss

    signs = sequence[:-1], sequence[1:]
    losses = jax.lax.scan(advance, (state[0], state[1]), signs)[1]
    return -losses.sum() / (len(losses) * sequence.shape[1])


def lstm(layers=2, times=64, size=14):
    rng = np.random.default_rng(0)
    shapes = (layers, 2, 4, size), (3, size), (2, layers, size), (times, size)
    arguments = tuple(rng.uniform(0.0, 1.0, shape) for shape in shapes)
    name = f"LSTM, {layers} layers, {times} times, {size} signs"
    return problem(name, sequence_loss, arguments, jax_sequence_loss, evaluations=3.0, by=2)
