"""Problems of ADBench as a user of Numba writes them, each beside its derivative by hand.

The problems are those of F. Srajer, Z. Kukelova and A. Fitzgibbon, "A benchmark of selected
algorithmic differentiation tools on some problems in computer vision and machine learning",
Optimization Methods and Software 33 (2018): Gaussian mixtures, bundle adjustment, and simple hand
tracking, here on synthetic data. The derivatives were written for this benchmark, from the
mathematics above each.
"""

import math

import numba
import numpy as np

import numgrad
from benchmarks import problems
from benchmarks.gradbench_problems import log_sum_exp
from benchmarks.problems import beside_hand, loaded_jax

# The logarithm of the likelihood of a Gaussian mixture with a Wishart prior. Each component has a
# weight alpha, a mean, and a triangular matrix Q, the inverse of a factor of its covariance: the
# logarithms of Q's diagonal and then, column by column, what is below it.


@numba.njit
def scaled_deviation(point, mean, factor, out):
    """Store Q (point - mean)."""
    d = point.size
    for i in range(d):
        out[i] = math.exp(factor[i]) * (point[i] - mean[i])
    place = d
    for j in range(d):
        for i in range(j + 1, d):
            out[i] += factor[place] * (point[j] - mean[j])
            place += 1


@numba.njit
def log_likelihood(alphas, means, factors, points, gamma, m):
    count, d = points.shape
    components = alphas.size
    log_determinants = np.zeros(components)
    for k in range(components):
        for i in range(d):
            log_determinants[k] += factors[k, i]
    terms, deviation = np.empty(components), np.empty(d)
    total = -0.5 * count * d * math.log(2.0 * math.pi)
    for n in range(count):
        for k in range(components):
            scaled_deviation(points[n], means[k], factors[k], deviation)
            square = 0.0
            for i in range(d):
                square += deviation[i] ** 2
            terms[k] = alphas[k] + log_determinants[k] - 0.5 * square
        total += log_sum_exp(terms)
    total -= count * log_sum_exp(alphas)
    for k in range(components):
        for i in range(factors.shape[1]):
            entry = math.exp(factors[k, i]) if i < d else factors[k, i]
            total += 0.5 * gamma**2 * entry**2
        total -= m * log_determinants[k]
    return total - components * log_wishart_constant(d, gamma, d + m + 1)


@numba.njit
def log_wishart_constant(d, gamma, n):
    """Return the logarithm of the norm of the Wishart distribution with n degrees of freedom."""
    result = n * d * (math.log(gamma) - 0.5 * math.log(2.0)) - 0.25 * d * (d - 1) * math.log(
        math.pi
    )
    for j in range(1, d + 1):
        result -= math.lgamma(0.5 * (n + 1 - j))
    return result


def mixture_gradient(mode):
    return numgrad.grad(log_likelihood, argnums=(0, 1, 2), mode=mode)


# By hand: with the share r of a component in the likelihood of a point, v = point - mean and
# u = Q v, the slopes are r by alpha and r Qᵀ u by the mean, r (1 - u_i v_i Q_ii) by the logarithm
# of Q_ii and -r u_i v_j by Q_ij. What remains is the prior, and the shares of the alphas.


@numba.njit
def mixture_gradient_by_hand(alphas, means, factors, points, gamma, m):
    count, d = points.shape
    components = alphas.size
    by_alphas, by_means = np.zeros(components), np.zeros(means.shape)
    by_factors = np.zeros(factors.shape)
    diagonals, constants = np.empty((components, d)), alphas.copy()
    for k in range(components):
        for i in range(d):
            diagonals[k, i] = math.exp(factors[k, i])
            constants[k] += factors[k, i]
    deviations, shares = np.empty((components, d)), np.empty(components)
    for n in range(count):
        for k in range(components):
            scaled = deviations[k]
            for i in range(d):
                scaled[i] = diagonals[k, i] * (points[n, i] - means[k, i])
            place = d
            for j in range(d):
                for i in range(j + 1, d):
                    scaled[i] += factors[k, place] * (points[n, j] - means[k, j])
                    place += 1
            square = 0.0
            for i in range(d):
                square += scaled[i] ** 2
            shares[k] = constants[k] - 0.5 * square
        largest = shares.max()
        total = 0.0
        for k in range(components):
            shares[k] = math.exp(shares[k] - largest)
            total += shares[k]
        for k in range(components):
            share, scaled = shares[k] / total, deviations[k]
            by_alphas[k] += share
            place = d
            for j in range(d):
                v = points[n, j] - means[k, j]
                by_means[k, j] += share * diagonals[k, j] * scaled[j]
                by_factors[k, j] += share * (1.0 - scaled[j] * v * diagonals[k, j])
                for i in range(j + 1, d):
                    by_means[k, j] += share * factors[k, place] * scaled[i]
                    by_factors[k, place] -= share * scaled[i] * v
                    place += 1
    normalisation = log_sum_exp(alphas)
    for k in range(components):
        by_alphas[k] -= count * math.exp(alphas[k] - normalisation)
        for i in range(d):
            by_factors[k, i] += gamma**2 * diagonals[k, i] ** 2 - m
        for i in range(d, factors.shape[1]):
            by_factors[k, i] += gamma**2 * factors[k, i]
    return by_alphas, by_means, by_factors


def jax_log_likelihood(alphas, means, factors, points, gamma, m):
    jax = loaded_jax()
    jnp = jax.numpy
    count, d = points.shape
    columns, rows = np.triu_indices(d, 1)
    diagonals = jnp.exp(factors[:, :d])
    lower = jnp.zeros((alphas.size, d, d)).at[:, rows, columns].set(factors[:, d:])
    offsets = points[:, None, :] - means
    scaled = diagonals * offsets + jnp.einsum("kij,nkj->nki", lower, offsets)
    log_determinants = factors[:, :d].sum(axis=1)
    terms = alphas + log_determinants - 0.5 * (scaled**2).sum(axis=2)
    likelihood = jax.scipy.special.logsumexp(terms, axis=1).sum()
    likelihood -= count * jax.scipy.special.logsumexp(alphas)
    prior = 0.5 * gamma**2 * ((diagonals**2).sum() + (factors[:, d:] ** 2).sum())
    return likelihood + prior - m * log_determinants.sum()  # but for constants


def gaussian_mixture(count=1_000, d=2, components=5):
    generator = np.random.default_rng(0)
    arguments = (
        generator.normal(size=components),
        generator.normal(size=(components, d)),
        generator.normal(size=(components, d * (d + 1) // 2)),
        generator.normal(size=(count, d)),
    )
    gamma, m = 1.0, 0
    return beside_hand(
        f"Gaussian mixture, {count:,} points, {d}-D, {components} components",
        (*arguments, gamma, m),
        mixture_gradient,
        mixture_gradient_by_hand,
        log_likelihood,
        lambda jax: jax.jit(jax.grad(jax_log_likelihood, argnums=(0, 1, 2))),
    )


# Rotation by a vector w through its length θ, of a vector v (O. Rodrigues, 1840):
# v cos θ + (w × v) a + w (w · v) b, where a = sin θ / θ and b = (1 - cos θ) / θ². By θ, the slope
# of a is (cos θ - a) / θ and that of b is (a - 2 b) / θ; by w_k, the slope of θ is w_k / θ.


@numba.njit
def cross(w, v):
    return (
        w[1] * v[2] - w[2] * v[1],
        w[2] * v[0] - w[0] * v[2],
        w[0] * v[1] - w[1] * v[0],
    )


@numba.njit
def coefficients_of(w):
    """Return θ, its cosine and sine, a, b, and the slopes of a and b by θ."""
    angle = math.sqrt(w[0] ** 2 + w[1] ** 2 + w[2] ** 2)
    cosine, sine = math.cos(angle), math.sin(angle)
    a, b = sine / angle, (1.0 - cosine) / angle**2
    return angle, cosine, sine, a, b, (cosine - a) / angle, (a - 2.0 * b) / angle


@numba.njit
def rotation_with_slopes(w, coefficients, v, turned, by_vector, by_rotation):
    """Store the rotated vector, and its derivatives by the vector and by the rotation vector."""
    angle, cosine, sine, a, b, slope_a, slope_b = coefficients
    across, along = cross(w, v), w[0] * v[0] + w[1] * v[1] + w[2] * v[2]
    for i in range(3):
        turned[i] = v[i] * cosine + across[i] * a + w[i] * along * b
    for k in range(3):
        unit = (1.0 * (k == 0), 1.0 * (k == 1), 1.0 * (k == 2))
        from_vector, from_rotation, step = cross(w, unit), cross(unit, v), w[k] / angle
        for i in range(3):
            by_vector[i, k] = unit[i] * cosine + from_vector[i] * a + w[i] * w[k] * b
            by_rotation[i, k] = (
                step * (slope_a * across[i] + slope_b * w[i] * along - sine * v[i])
                + a * from_rotation[i]
                + b * (unit[i] * along + w[i] * v[k])
            )


# The Jacobian of `benchmarks.problems.reprojection` by hand, with its names. The place in the plane
# is (a, b) = (y₀, y₁) / y₂, whose slopes by y are (1, 0, -a) / y₂ and (0, 1, -b) / y₂; the
# distorted one is (a, b) L f with L = 1 + k₁ r² + k₂ r⁴, and that of L by a is 2 a (k₁ + 2 k₂ r²).


@numba.njit
def reprojection_slopes(p, seen, turned, by_vector, by_rotation, rows):
    vector = (p[11] - p[3], p[12] - p[4], p[13] - p[5])
    coefficients = coefficients_of(p[:3])
    rotation_with_slopes(p[:3], coefficients, vector, turned, by_vector, by_rotation)
    focal, weight = p[6], p[14]
    a, b = turned[0] / turned[2], turned[1] / turned[2]
    r2 = a * a + b * b
    scale = 1.0 + p[9] * r2 + p[10] * r2 * r2
    steepness = 2.0 * (p[9] + 2.0 * p[10] * r2)
    for i in range(2):
        place, row = (a, b)[i], rows[i]
        by_a = weight * focal * (scale * (i == 0) + place * steepness * a) / turned[2]
        by_b = weight * focal * (scale * (i == 1) + place * steepness * b) / turned[2]
        by_depth = -(by_a * a + by_b * b)
        for k in range(3):
            row[k] = (
                by_a * by_rotation[0, k] + by_b * by_rotation[1, k] + by_depth * by_rotation[2, k]
            )
            row[11 + k] = (
                by_a * by_vector[0, k] + by_b * by_vector[1, k] + by_depth * by_vector[2, k]
            )
            row[3 + k] = -row[11 + k]
        row[6] = weight * place * scale
        row[7], row[8] = weight * (i == 0), weight * (i == 1)
        row[9] = weight * focal * place * r2
        row[10] = row[9] * r2
        row[14] = place * scale * focal + p[7 + i] - seen[i]


@numba.njit(parallel=True)
def reprojection_jacobians_by_hand(parameters, seen, out):
    count, threads = len(parameters), numba.get_num_threads()
    for thread in numba.prange(threads):
        turned = np.empty(3)
        by_vector, by_rotation = np.empty((3, 3)), np.empty((3, 3))
        for n in range(count * thread // threads, count * (thread + 1) // threads):
            rows = out[0][n], out[1][n]
            reprojection_slopes(parameters[n], seen[n], turned, by_vector, by_rotation, rows)
    return out


reprojections = numgrad.vmap(problems.reprojection)


def bundle_adjustment(size=1_000):
    parameters, seen = problems.observations(size)
    out = np.empty((size, 15)), np.empty((size, 15))
    return beside_hand(
        f"bundle adjustment, {size:,} observations, 2×15 each",
        (parameters, seen),
        problems.reprojection_jacobians,
        lambda parameters, seen: reprojection_jacobians_by_hand(parameters, seen, out),
        reprojections,
        lambda jax: jax.jit(jax.vmap(jax.jacfwd(problems.jax_reprojection), out_axes=1)),
    )
