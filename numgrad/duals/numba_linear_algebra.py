"""Linear algebra on matrices of duals, by matrix rules and not by differentiating an algorithm.

Each rule takes the values of its arguments apart from their partials, lets LAPACK work on the
values, and finds each column of partials by products with what LAPACK returned. Where the values
are duals themselves, the same rules apply to them in turn.

The rules are those of Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008); of the pseudoinverse and of least squares, those of Golub and
Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems" (1973); of
the singular vectors, those of Townsend, "Differentiating the singular value decomposition" (2016).

Vectors that belong to equal eigenvalues or equal singular values are one basis of many, and have no
derivative: they are carried on as if they did not turn among each other.
"""

import numpy as np
from numba import types
from numba.extending import overload

from numgrad.duals.numba_definitions import are_arrays, common, define
from numgrad.duals.numba_rules import is_active, part
from numgrad.duals.numba_type import is_complex, number_of
from numgrad.duals.parts import partial_at, set_partial, value_at


def are_matrices(*kinds):
    return are_arrays(*kinds) and all(kind.ndim == 2 for kind in kinds)


def real_matrix(kind):
    return are_matrices(kind) and not is_complex(number_of(kind.dtype))


# From arrays of duals to arrays of their values and partials, and back


def values_at(dual, array):
    raise NotImplementedError("compiled code only")


@overload(values_at, strict=False)
def _values_at(dual, array):
    kind = dual.instance_type
    value = kind.value
    if array.dtype == value and array.layout == "C":
        return lambda dual, array: array

    def values(dual, array):
        result = np.empty(array.shape, value)
        for index, number in np.ndenumerate(array):
            result[index] = value_at(dual, number)
        return result

    return values


def tangents_at(dual, array, k):
    raise NotImplementedError("compiled code only")


@overload(tangents_at, strict=False)
def _tangents_at(dual, array, k):
    """Return the partials of one lane."""
    value = dual.instance_type.value
    if not is_active(array.dtype, dual.instance_type):
        return lambda dual, array, k: np.zeros(array.shape, value)

    def tangents(dual, array, k):
        result = np.empty(array.shape, value)
        for index, number in np.ndenumerate(array):
            result[index] = partial_at(dual, number, k)
        return result

    return tangents


def columns(array):
    raise NotImplementedError("compiled code only")


@overload(columns, strict=False)
def _columns(array):
    """Return a vector as a matrix of one column."""
    if array.ndim == 1:
        return lambda array: np.ascontiguousarray(array).reshape(-1, 1)
    return lambda array: array


def shaped_like(line, model):
    raise NotImplementedError("compiled code only")


@overload(shaped_like, strict=False)
def _shaped_like(line, model):
    """Return columns, row by row in one dimension, arranged as the right-hand sides are."""
    if model.ndim == 1:
        return lambda line, model: line
    return lambda line, model: line.reshape(-1, model.shape[1])


@part
def fill(duals, values):
    """Store a matrix of values, row by row, as duals without partials."""
    rows, width = values.shape
    for i in range(rows):
        for j in range(width):
            duals[i * width + j] = values[i, j]


@part
def fill_partials(duals, k, tangents):
    """Store a matrix as the partials of one lane."""
    rows, width = tangents.shape
    for i in range(rows):
        for j in range(width):
            set_partial(duals, i * width + j, k, tangents[i, j])


@part
def fill_diagonal(duals, k, tangents):
    """Store the diagonal of a matrix as the partials of one lane."""
    for i in range(duals.size):
        set_partial(duals, i, k, tangents[i, i])


@part
def fill_products(duals, k, a, b):
    """Store the products of each column of a matrix with that of another as partials of a lane."""
    for j in range(duals.size):
        set_partial(duals, j, k, total(a[:, j : j + 1], b[:, j : j + 1]))


@part
def total(a, b):
    """Return the sum of the products of the elements of two matrices."""
    result = a[0, 0] * b[0, 0] * 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            result += a[i, j] * b[i, j]
    return result


@part
def one_above_difference(numbers):
    """Return the matrix of 1 / (numbers[j] - numbers[i]), and 0 where they are equal."""
    n = numbers.size
    result = np.empty((n, n), numbers.dtype)
    for i in range(n):
        for j in range(n):
            result[i, j] = 0.0
            if numbers[i] != numbers[j]:
                result[i, j] = 1.0 / (numbers[j] - numbers[i])
    return result


@part
def lower(matrix, diagonal):
    """Return the triangle below the diagonal, with the diagonal times a number."""
    result = matrix.copy()
    for i in range(matrix.shape[0]):
        for j in range(i, matrix.shape[1]):
            result[i, j] = matrix[i, j] * (diagonal if i == j else 0.0)
    return result


@part
def symmetric(matrix):
    """Return the symmetric matrix whose lower triangle this is: LAPACK reads no other."""
    result = matrix.copy()
    for i in range(matrix.shape[0]):
        for j in range(i):
            result[j, i] = matrix[i, j]
    return result


# Systems of equations. From A X = B: A dX = dB - dA X.


@define(np.linalg.solve)
def _solve(a, b):
    if not are_matrices(a) or not are_arrays(b) or b.ndim > 2:
        return None
    dual = common(a, b)
    count, value = dual.count, dual.value

    def solve(a, b):
        """Two factorisations, whatever the number of partials."""
        matrix = values_at(dual, a)
        x = np.linalg.solve(matrix, columns(values_at(dual, b)))
        moved = np.dot(a, x)  # whose partials are dA X
        rights = np.empty((x.shape[0], count * x.shape[1]), value)
        fill_rights(dual, rights, columns(b), moved)
        return joined(dual, x, np.linalg.solve(matrix, rights), b)

    def solve_constant(a, b):
        """One factorisation, of a matrix without partials."""
        values = columns(values_at(dual, b))
        n, width = values.shape
        rights = np.empty((n, (1 + count) * width), value)
        for i in range(n):
            for j in range(width):
                rights[i, j] = values[i, j]
        for k in range(count):
            right = columns(tangents_at(dual, b, k))
            for i in range(n):
                for j in range(width):
                    rights[i, (1 + k) * width + j] = right[i, j]
        both = np.linalg.solve(values_at(dual, a), rights)
        return joined(dual, both[:, :width], both[:, width:], b)

    return solve if is_active(a.dtype, dual) else solve_constant


@part
def fill_rights(dual, rights, b, moved):
    """Store dB - dA X, the columns of all partials beside each other."""
    rows, width = b.shape
    for i in range(rows):
        for j in range(width):
            for k in range(rights.shape[1] // width):
                right = partial_at(dual, b[i, j], k) - partial_at(dual, moved[i, j], k)
                rights[i, k * width + j] = right


@part
def joined(dual, x, tangents, b):
    """Return a solution with its partials, which lie beside each other."""
    rows, width = x.shape
    result = np.empty(rows * width, dual)
    fill(result, x)
    for k in range(tangents.shape[1] // width if width else 0):
        fill_partials(result, k, tangents[:, k * width : (k + 1) * width])
    return shaped_like(result, b)


# From A Y = I: dY = -Y dA Y.


@define(np.linalg.inv)
def _inv(a):
    if not are_matrices(a):
        return None
    dual = a.dtype
    count = dual.count

    def inv(a):
        inverse = np.linalg.inv(values_at(dual, a))
        result = np.empty(a.size, dual)
        fill(result, inverse)
        for k in range(count):
            turned = np.dot(tangents_at(dual, a, k), inverse)
            fill_partials(result, k, -np.dot(inverse, turned))
        return result.reshape(a.shape)

    return inv


# Determinants. The derivative of det A is the sum of cofactors times dA; where A can be inverted,
# the matrix of cofactors is det A times the transposed inverse.


@part
def cofactors(matrix):
    """Return the determinants of all minors, with their signs."""
    n = matrix.shape[0]
    result = np.empty_like(matrix)
    minor = np.empty((n - 1, n - 1), matrix.dtype)
    for i in range(n):
        for j in range(n):
            for row in range(n - 1):
                for column in range(n - 1):
                    minor[row, column] = matrix[row + (row >= i), column + (column >= j)]
            result[i, j] = (1.0 - 2.0 * ((i + j) % 2)) * (np.linalg.det(minor) if n > 1 else 1.0)
    return result


@part
def with_slopes(dual, count, value, slopes, a):
    """Return a number that depends on a matrix by these slopes."""
    result = np.empty(1, dual)
    result[0] = value
    for k in range(count if a.size else 0):
        set_partial(result, 0, k, total(slopes, tangents_at(dual, a, k)))
    return result[0]


@define(np.linalg.det)
def _det(a):
    if not are_matrices(a):
        return None
    dual = a.dtype
    count = dual.count

    def det(a):
        matrix = values_at(dual, a)
        value = np.linalg.det(matrix)
        slopes = cofactors(matrix) if value == 0.0 else value * np.linalg.inv(matrix).T
        return with_slopes(dual, count, value, slopes, a)

    return det


@define(np.linalg.slogdet)
def _slogdet(a):
    if not real_matrix(a):
        return None
    dual = a.dtype
    count = dual.count

    def slogdet(a):
        matrix = values_at(dual, a)
        sign, logarithm = np.linalg.slogdet(matrix)
        slopes = np.linalg.inv(matrix).T
        return sign, with_slopes(dual, count, logarithm, slopes, a)

    return slogdet


# From A = L L^T: dL = L tri(L^-1 dA L^-T), where tri is the lower triangle with half the diagonal.


@define(np.linalg.cholesky)
def _cholesky(a):
    if not real_matrix(a):
        return None
    dual = a.dtype
    count = dual.count

    def cholesky(a):
        factor = np.linalg.cholesky(values_at(dual, a))
        inverse = np.linalg.inv(factor)
        result = np.empty(a.size, dual)
        fill(result, factor)
        for k in range(count):
            tangents = symmetric(tangents_at(dual, a, k))
            middle = np.dot(np.dot(inverse, tangents), inverse.T)
            fill_partials(result, k, np.dot(factor, lower(middle, 0.5)))
        return result.reshape(a.shape)

    return cholesky


# From A = Q R with dQ = Q W + ..., W antisymmetric: with X = dA R^-1, W is the strictly lower
# triangle of Q^T X less its transpose, dR = (Q^T X - W) R and dQ = X - Q (Q^T X - W).


@define(np.linalg.qr)
def _qr(a):
    if not real_matrix(a):
        return None
    dual = a.dtype
    count = dual.count

    def qr(a):
        if a.shape[0] < a.shape[1]:
            raise ValueError("a matrix with more columns than rows has no derivative of its qr")
        factors = np.linalg.qr(values_at(dual, a))
        q, r = np.ascontiguousarray(factors[0]), np.ascontiguousarray(factors[1])
        inverse = np.linalg.inv(r)
        outer, inner = np.empty(q.size, dual), np.empty(r.size, dual)
        fill(outer, q)
        fill(inner, r)
        for k in range(count):
            x = np.dot(tangents_at(dual, a, k), inverse)
            turned = np.dot(q.T, x)
            below = lower(turned, 0.0)
            upper = turned - below + below.T
            fill_partials(outer, k, x - np.dot(q, upper))
            fill_partials(inner, k, np.dot(upper, r))
        return outer.reshape(q.shape), inner.reshape(r.shape)

    return qr


# From A V = V diag(w), with P = V^T dA V: dw is the diagonal of P, and dV = V (F * P) with
# F[i, j] = 1 / (w[j] - w[i]).


@define(np.linalg.eigh)
def _eigh(a):
    if not real_matrix(a):
        return None
    dual = a.dtype
    count = dual.count

    def eigh(a):
        w, v = np.linalg.eigh(values_at(dual, a))
        values, vectors = np.empty(w.size, dual), np.empty(v.size, dual)
        fill(values, w.reshape(-1, 1))
        fill(vectors, v)
        differences = one_above_difference(w)
        for k in range(count):
            turned = np.dot(v.T, np.dot(symmetric(tangents_at(dual, a, k)), v))
            fill_diagonal(values, k, turned)
            fill_partials(vectors, k, np.dot(v, differences * turned))
        return values, vectors.reshape(a.shape)

    return eigh


@define(np.linalg.eigvalsh)
def _eigvalsh(a):
    if not real_matrix(a):
        return None
    dual = a.dtype
    count = dual.count

    def eigvalsh(a):
        w, v = np.linalg.eigh(values_at(dual, a))
        values = np.empty(w.size, dual)
        fill(values, w.reshape(-1, 1))
        for k in range(count):
            moved = np.dot(symmetric(tangents_at(dual, a, k)), v)
            fill_products(values, k, v, moved)
        return values

    return eigvalsh


# From A = U S V^T, with P = U^T dA V and F[i, j] = 1 / (s[j]^2 - s[i]^2): dS is the diagonal of P,
# dU = U (F * (P S + S P^T)) + (I - U U^T) dA V S^-1, and dV likewise of the transposed matrix.


@part
def singular_vectors(u, s, differences, moved, turned):
    """Return the tangents of U, where ``moved`` is dA V and ``turned`` is P."""
    around = (turned * s + (turned * s).T) * differences
    beyond = moved - np.dot(u, turned)
    return np.dot(u, around) + beyond / s


@define(np.linalg.svd)
def _svd(a, full_matrices=1):
    if not real_matrix(a):
        return None
    dual = a.dtype
    count = dual.count

    def svd(a, full_matrices=1):
        if full_matrices and a.shape[0] != a.shape[1]:
            raise ValueError(
                "the vectors that complete the bases of a matrix that isn't square have no "
                "derivative: call svd with full_matrices=False"
            )
        u, s, v_transposed = np.linalg.svd(values_at(dual, a), 0)
        v = np.ascontiguousarray(v_transposed.T)
        left, values = np.empty(u.size, dual), np.empty(s.size, dual)
        right = np.empty(v.size, dual)
        fill(left, u)
        fill(values, s.reshape(-1, 1))
        fill(right, v_transposed)
        differences = one_above_difference(s * s)
        for k in range(count):
            tangents = tangents_at(dual, a, k)
            moved = np.dot(tangents, v)
            turned = np.dot(u.T, moved)
            fill_diagonal(values, k, turned)
            fill_partials(left, k, singular_vectors(u, s, differences, moved, turned))
            moved_back = np.dot(np.ascontiguousarray(tangents.T), u)
            of_right = singular_vectors(v, s, differences, moved_back, turned.T)
            fill_partials(right, k, of_right.T)
        return left.reshape(u.shape), values, right.reshape(v_transposed.shape)

    return svd


# With P the pseudoinverse of a matrix of constant rank:
# dP = -P dA P + P P^T dA^T (I - A P) + (I - P A) dA^T P^T P.


@part
def pinv_tangents(a, p, tangents):
    turned = np.ascontiguousarray(tangents.T)
    inner = np.dot(p, np.dot(tangents, p))
    rows = np.dot(np.dot(p, p.T), turned)
    columns = np.dot(turned, np.dot(p.T, p))
    return columns - inner + rows - np.dot(np.dot(rows, a), p) - np.dot(p, np.dot(a, columns))


@define(np.linalg.pinv)
def _pinv(a, rcond=1e-15):
    if not real_matrix(a):
        return None
    dual = a.dtype
    count = dual.count

    def pinv(a, rcond=1e-15):
        matrix = values_at(dual, a)
        inverse = np.linalg.pinv(matrix, rcond)
        result = np.empty(a.size, dual)
        fill(result, inverse)
        for k in range(count):
            fill_partials(result, k, pinv_tangents(matrix, inverse, tangents_at(dual, a, k)))
        return result.reshape(inverse.shape)

    return pinv


# With r = B - A X: dX = P (dB - dA X) + P P^T dA^T r + (I - P A) dA^T P^T X.


@part
def least_squares_tangents(a, p, x, r, moved, tangents):
    """Return dX, where ``moved`` is dB - dA X."""
    turned = np.ascontiguousarray(tangents.T)
    free = np.dot(turned, np.dot(p.T, x))
    result = np.dot(p, moved) + np.dot(p, np.dot(p.T, np.dot(turned, r)))
    return result + free - np.dot(p, np.dot(a, free))


@define(np.linalg.lstsq)
def _lstsq(a, b, rcond=-1.0):
    if not real_matrix(a) or not are_arrays(b) or b.ndim > 2 or is_complex(number_of(b.dtype)):
        return None
    dual = common(a, b)
    count = dual.count

    def lstsq(a, b, rcond=-1.0):
        matrix, right = values_at(dual, a), columns(values_at(dual, b))
        x, squares, rank, sizes = np.linalg.lstsq(matrix, right, rcond)
        u, _s, v_transposed = np.linalg.svd(matrix, 0)
        v = np.ascontiguousarray(v_transposed.T)
        inverse = np.linalg.pinv(matrix, rcond if rcond > 0.0 else 1e-15)
        residuals = right - np.dot(matrix, x)
        solution, singular = np.empty(x.size, dual), np.empty(sizes.size, dual)
        sums = np.empty(squares.size, dual)
        fill(solution, x)
        fill(singular, sizes.reshape(-1, 1))
        fill(sums, squares.reshape(-1, 1))
        for k in range(count):
            tangents = tangents_at(dual, a, k)
            moved = columns(tangents_at(dual, b, k)) - np.dot(tangents, x)
            fill_partials(
                solution, k, least_squares_tangents(matrix, inverse, x, residuals, moved, tangents)
            )
            fill_products(sums, k, 2.0 * residuals, moved)
            fill_products(singular, k, u, np.dot(tangents, v))
        return shaped_like(solution, b), sums, rank, singular

    return lstsq


@define(np.linalg.matrix_power)
def _matrix_power(a, n):
    if not are_matrices(a) or not isinstance(n, types.Integer):
        return None

    def matrix_power(a, n):
        if a.shape[0] != a.shape[1]:
            raise ValueError("input must be a square array")
        base = np.linalg.inv(a) if n < 0 else a.copy()
        result = np.zeros_like(base)
        for i in range(a.shape[0]):
            result[i, i] = 1.0
        exponent = abs(n)
        while exponent:
            if exponent & 1:
                result = np.dot(result, base)
            exponent >>= 1
            if exponent:
                base = np.dot(base, base)
        return result

    return matrix_power
