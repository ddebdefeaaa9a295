"""Derivatives by many inputs, in reverse mode: each beside its function and beside JAX."""

import math
import re
from dataclasses import replace
from functools import partial

import numba
import numpy as np

import numgrad
from benchmarks import adbench_problems, gradbench_problems, hand_problem, recurrences
from benchmarks.backward import Backward, jax_call, problem
from benchmarks.problems import jax_rosenbrock, loaded_jax, point, rosenbrock


def of_gradbench(given, function, evaluations=None):
    """Return a problem of GradBench, whose bar is in evaluations of the function itself."""
    calls = {name: call for name, call in given.calls.items() if name != "reverse"}
    calls["numgrad"] = given.calls["reverse"]
    bars = {"the function": 1.0 / evaluations} if evaluations else {}
    return Backward(given.name, calls, bars, given.derive, given.arguments, function)


# Sums over elements


@numba.njit
def sine_loop(x):
    total = 0.0
    for i in range(x.size):
        total += np.sin(x[i]) * x[i]
    return total


@numba.njit
def sine_array(x):
    return np.sum(np.sin(x) * x)


def jax_sine(x):
    return (loaded_jax().numpy.sin(x) * x).sum()


# Logistic regression, and a net of one hidden layer, whose weights lie in one vector


@numba.njit
def logistic_loop(weights, rows, labels):
    total = 0.0
    for i in range(rows.shape[0]):
        score = 0.0
        for j in range(weights.size):
            score += rows[i, j] * weights[j]
        total += np.log1p(np.exp(-labels[i] * score))
    return total


@numba.njit
def logistic_array(weights, rows, labels):
    return np.sum(np.log1p(np.exp(-labels * (rows @ weights))))


def jax_logistic(weights, rows, labels):
    jnp = loaded_jax().numpy
    return jnp.log1p(jnp.exp(-labels * (rows @ weights))).sum()


def classification(inputs, count):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=inputs) / math.sqrt(inputs)
    return weights, rng.normal(size=(count, inputs)), np.sign(rng.normal(size=count))


@numba.njit
def net(weights, rows, targets, units):
    inputs = rows.shape[1]
    last = weights.size - units - 1
    first = weights[: inputs * units].reshape((inputs, units))
    hidden = np.tanh(rows @ first + weights[inputs * units : last])
    residuals = hidden @ weights[last:-1] + weights[-1] - targets
    return np.sum(residuals**2)


def jax_net(weights, rows, targets, units):
    inputs = rows.shape[1]
    last = weights.size - units - 1
    first = weights[: inputs * units].reshape((inputs, units))
    hidden = loaded_jax().numpy.tanh(rows @ first + weights[inputs * units : last])
    return ((hidden @ weights[last:-1] + weights[-1] - targets) ** 2).sum()


def net_arguments(inputs=20, units=30, count=100):
    rng = np.random.default_rng(0)
    weights = 0.2 * rng.normal(size=(inputs + 2) * units + 1)
    return weights, rng.normal(size=(count, inputs)), rng.normal(size=count), units


# A Gaussian process: the negative logarithm of the likelihood, by the scales of the inputs (C. E.
# Rasmussen and C. K. I. Williams, "Gaussian processes for machine learning", 2006, section 5.4)


@numba.njit
def gaussian_process(scales, rows, targets):
    count, inputs = rows.shape
    covariance = np.empty((count, count))
    for i in range(count):
        for j in range(i + 1):
            square = 0.0
            for k in range(inputs):
                square += ((rows[i, k] - rows[j, k]) * scales[k]) ** 2
            covariance[i, j] = covariance[j, i] = np.exp(-0.5 * square)
        covariance[i, i] += 0.1
    factor = np.linalg.cholesky(covariance)
    total = 0.5 * (targets @ np.linalg.solve(covariance, targets))
    for i in range(count):
        total += np.log(factor[i, i])
    return total


def jax_gaussian_process(scales, rows, targets):
    jax = loaded_jax()
    jnp = jax.numpy
    scaled = rows * scales
    norms = (scaled**2).sum(axis=1)
    squares = norms[:, None] + norms - 2.0 * scaled @ scaled.T
    covariance = jnp.exp(-0.5 * squares) + 0.1 * jnp.eye(len(rows))
    factor = jnp.linalg.cholesky(covariance)
    solution = jax.scipy.linalg.cho_solve((factor, True), targets)
    return 0.5 * (targets @ solution) + jnp.log(jnp.diag(factor)).sum()


def process_arguments(inputs, count):
    rng = np.random.default_rng(0)
    return np.full(inputs, 1.0 / math.sqrt(inputs)), *(
        rng.normal(size=size) for size in ((count, inputs), count)
    )


def process_forward(inputs, count):
    """Return the problem of the Gaussian process in forward mode, by few scales."""
    backward = process(inputs, count)
    gradient, out = backward.derive("forward"), np.empty(inputs)
    forward = {"numgrad": lambda: gradient(*backward.arguments, out=out)}
    name = f"{backward.name}, in forward mode"
    return replace(backward, name=name, calls=backward.calls | forward)


# The product of Rosenbrock's Hessian, which has three diagonals, and a vector


@numba.njit
def product_by_hand(x, direction):
    result = np.zeros(x.size)
    for i in range(x.size - 1):
        curvature = 1200.0 * x[i] ** 2 - 400.0 * x[i + 1] + 2.0
        result[i] += curvature * direction[i] - 400.0 * x[i] * direction[i + 1]
        result[i + 1] += 200.0 * direction[i + 1] - 400.0 * x[i] * direction[i]
    return result


def hessian_product(x, direction, mode="reverse"):
    return numgrad.hvp(rosenbrock, x, direction, mode=mode)


def product(size, evaluations):
    x, direction = point(size), np.random.default_rng(1).normal(size=size)
    calls = {
        "numgrad": lambda: hessian_product(x, direction),
        "by hand": lambda: product_by_hand(x, direction),
        "the function": lambda: rosenbrock(x),
    }
    if jax := loaded_jax():
        calls["JAX"] = jax_call(
            lambda x, v: jax.jvp(jax.grad(jax_rosenbrock), (x,), (v,))[1], (x, direction)
        )
    return Backward(
        f"Hessian of Rosenbrock times a vector, {size:,} variables",
        calls,
        {"the function": 1.0 / evaluations},
        lambda mode: partial(hessian_product, mode=mode),
        (x, direction),
        rosenbrock,
    )


def sine(numbers, way):
    function = {"a loop": sine_loop, "arrays": sine_array}[way]
    x = np.random.default_rng(0).normal(size=numbers)
    name = f"sum of sin(x) x, {numbers:,} numbers, {way}"
    return problem(name, function, (x,), jax_sine, evaluations=2.5, share=1.0)


def logistic(inputs, way):
    name = f"logistic regression, {inputs:,} parameters, {way}"
    arguments = classification(inputs, 100)
    if way == "loops":
        return problem(name, logistic_loop, arguments, jax_logistic, evaluations=5.0)
    return problem(name, logistic_array, arguments, jax_logistic, evaluations=4.0, share=2.0)


def process(inputs, count):
    name = f"Gaussian process, Cholesky {count}×{count}, {inputs} scales"
    arguments = process_arguments(inputs, count)
    return problem(name, gaussian_process, arguments, jax_gaussian_process, evaluations=5.0)


def net_of_matrices():
    arguments = net_arguments()
    name = f"net, `X @ W` and tanh, {arguments[0].size} parameters"
    return problem(name, net, arguments, jax_net, evaluations=4.0, share=2.0)


def rosenbrocks(size, **most):
    name = f"Rosenbrock, {size:,} variables"
    return problem(name, rosenbrock, (point(size),), jax_rosenbrock, **most)


@numba.njit
def running_product(x, rounds):
    total = 1.0
    for _ in range(rounds):
        for i in range(x.size):
            total *= x[i]
    return total


def bytes_a_statement():
    """Return how long a tape is for each statement, where all have two operands."""
    title = str(numgrad.explain(running_product, point(64), 1_000)).splitlines()[0]
    statements, size = re.search(r"([\d,]+) statements, ([\d,]+) bytes", title).groups()
    return int(size.replace(",", "")) / int(statements.replace(",", ""))


def problems(*, quick=False):
    """Yield every problem of the table; large enough to tell, unless it is to be quick."""
    few = 20 if quick else 1
    yield rosenbrocks(64, share=0.35)
    yield rosenbrocks(512, share=0.25)
    yield rosenbrocks(4096 // few, evaluations=5.0, share=0.6)
    yield rosenbrocks(65_536 // few, evaluations=5.0)
    yield recurrences.lorenz(1_000 // few)
    yield sine(1_000_000 // few, "a loop")
    yield sine(1_000_000 // few, "arrays")
    yield logistic(10_000 // few, "loops")
    yield logistic(10_000 // few, "`X @ w`")
    yield net_of_matrices()
    yield recurrences.heat(1_000 // few, 200 // few)
    yield recurrences.hidden_markov(200 // few)
    yield process(4, 200 // few)
    yield process(400 // few, 200 // few)
    yield process_forward(4, 200 // few)
    yield product(2_000 // few, 12.0)
    yield of_gradbench(
        adbench_problems.gaussian_mixture(1_000 // few), adbench_problems.log_likelihood, 6.0
    )
    yield of_gradbench(
        adbench_problems.bundle_adjustment(1_000 // few), adbench_problems.reprojections
    )
    yield of_gradbench(hand_problem.hand_tracking(100 // few), hand_problem.residuals)
    yield recurrences.ode(100 // few, 100 // few)
    yield recurrences.lstm()
    yield of_gradbench(gradbench_problems.det(100 // few), gradbench_problems.determinant)
    yield of_gradbench(gradbench_problems.lse(10_000 // few), gradbench_problems.log_sum_exp, 3.0)
    yield of_gradbench(gradbench_problems.llsq(), gradbench_problems.least_squares, 4.0)
