"""Linear algebra as NumPy has it, on stacks of matrices: for each the body of compiled code."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.tracer.bodies import run
from numgrad.tracer.elements import Elements, cast, computed, dtype_of, is_array, objects, values_of
from numgrad.tracer.lines import along, own
from numgrad.tracer.numbers import NO_RULE
from numgrad.tracer.places import refusal


def each(function: Callable[..., Any], *operands: tuple[Elements, int]) -> Any:
    """Compute a function for every matrix of stacks.

    Of each there is the array, and how many of its dimensions are those of one item.
    """
    shape = np.broadcast_shapes(*(a.shape[: a.ndim - n] for a, n in operands))
    if not shape:
        return function(*(a for a, _ in operands))
    stacks = [np.broadcast_to(a, shape + a.shape[a.ndim - n :]) for a, n in operands]
    results = [function(*(stack[index] for stack in stacks)) for index in np.ndindex(shape)]
    if isinstance(results[0], tuple):
        return tuple(_stacked(column, shape) for column in zip(*results, strict=True))
    return _stacked(results, shape)


def _stacked(items: Any, shape: tuple[int, ...]) -> Elements:
    item = items[0].shape if is_array(items[0]) else ()
    result = np.empty(shape + item, object)
    for index, item in zip(np.ndindex(shape), items, strict=True):
        result[index] = item
    return result


def alike(*arrays: Any) -> list[Elements]:
    """Arrays of the numbers that LAPACK computes with for all of them together."""
    dtype = np.result_type(*map(dtype_of, map(objects, arrays)))
    wanted = dtype if dtype.kind in "fc" else np.dtype(float)
    return [cast(objects(each), wanted) for each in arrays]


def of_matrices(function: Any, a: Any, *others: Any) -> Any:
    """Compute a function of one matrix for every one of a stack."""
    (a,) = alike(a)
    return each(lambda matrix: run(function, matrix, *others), (a, 2))


def conjugate_transpose(a: Elements) -> Elements:
    return computed(np.conjugate, np.swapaxes(a, -1, -2))


@own("solve")
def solve(a: Any, b: Any) -> Elements:
    """Return the x with a @ x = b; only a b of one dimension is a vector."""
    a, b = alike(a, b)
    return each(lambda *pair: run(np.linalg.solve, *pair), (a, 2), (b, min(b.ndim, 2)))


@own("inv")
def inv(a: Any) -> Elements:
    return of_matrices(np.linalg.inv, a)


@own("det")
def det(a: Any) -> Elements:
    return of_matrices(np.linalg.det, a)


@own("slogdet")
def slogdet(a: Any) -> Any:
    return of_matrices(np.linalg.slogdet, a)


@own("matrix_power")
def matrix_power(a: Any, n: int) -> Elements:
    return of_matrices(np.linalg.matrix_power, a, operator.index(n))


@own("cholesky")
def cholesky(a: Any, /, *, upper: bool = False) -> Elements:
    """Return the lower factor, of the lower triangle; or the upper one, of the upper triangle."""
    if not upper:
        return of_matrices(np.linalg.cholesky, a)
    (a,) = alike(a)
    return conjugate_transpose(of_matrices(np.linalg.cholesky, conjugate_transpose(a)))


@own("qr")
def qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "r", "complete"):
        raise refusal(f"numpy.linalg.qr with mode={mode!r} has no derivative here.", NO_RULE)
    if mode != "complete":
        q, r = of_matrices(np.linalg.qr, a)
        return r if mode == "r" else (q, r)
    (a,) = alike(a)
    return each(_with_all_columns, (a, 2))


def _with_all_columns(a: Elements) -> Any:
    """Q with all columns of a unitary matrix, of which the others turn as little as they can."""
    from numgrad.arrays.linalg.singular_values import completed

    q, r = run(np.linalg.qr, a)
    q0, k = np.linalg.qr(values_of(a), "complete").Q, q.shape[1]
    if k < len(a):
        q = run(completed, q, np.ascontiguousarray(q0[:, :k]), np.ascontiguousarray(q0[:, k:]))
        r = np.concatenate((r, objects(np.zeros((len(a) - k, r.shape[1]), q0.dtype))))
    return q, r


@own("eig")
def eig(a: Any) -> Any:
    return of_matrices(np.linalg.eig, a)


@own("eigvals")
def eigvals(a: Any) -> Elements:
    return of_matrices(np.linalg.eigvals, a)


@own("eigvalsh")
def eigvalsh(a: Any, UPLO: str = "L") -> Elements:  # noqa: N803 - NumPy's name
    (a,) = alike(a)
    return of_matrices(np.linalg.eigvalsh, a if UPLO.upper() == "L" else conjugate_transpose(a))


@own("eigh")
def eigh(a: Any, UPLO: str = "L") -> Any:  # noqa: N803 - NumPy's name
    (a,) = alike(a)
    if UPLO.upper() == "L":
        return of_matrices(np.linalg.eigh, a)
    return each(_of_upper_triangle, (a, 2))


def _of_upper_triangle(a: Elements) -> Any:
    """Eigenvalues and eigenvectors: those that come from the upper triangle differ in signs."""
    w, v = run(np.linalg.eigh, conjugate_transpose(a))
    turns = np.sum(np.conj(values_of(v)) * np.linalg.eigh(values_of(a), "U").eigenvectors, axis=0)
    return w, computed(np.multiply, v, turns)


@own("svd")
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    _refuse_hermitian("svd", hermitian)
    if compute_uv:
        return of_matrices(np.linalg.svd, a, bool(full_matrices))
    return singular_values(a)


def singular_values(a: Any) -> Elements:
    from numgrad.arrays.linalg import norms

    return of_matrices(norms.singular_values, a)


def _refuse_hermitian(name: str, hermitian: Any) -> None:
    if hermitian:
        raise refusal(f"numpy.linalg.{name} with hermitian has no derivative here.", NO_RULE)


@own("pinv")
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    """Return the pseudo-inverse, which leaves out singular values below a part of the largest."""
    _refuse_hermitian("pinv", hermitian)
    (a,) = alike(a)
    part = rcond if rtol is np._NoValue else rtol
    if part is None:
        largest = max(a.shape[-2:]) * np.finfo(dtype_of(a)).eps
        part = 1e-15 if rtol is np._NoValue else largest
    parts = objects(np.asarray(values_of(part), float))
    return each(lambda matrix, part: run(np.linalg.pinv, matrix, float(part)), (a, 2), (parts, 0))


@own("lstsq")
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """Return the solution, sums of squares, the rank and the singular values."""
    a, b = alike(a, b)
    share = np.finfo(dtype_of(a)).eps * max(a.shape) if rcond is None else float(values_of(rcond))
    return run(np.linalg.lstsq, a, b, share)


# Norms


@own("norm")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Elements:
    """Return the norm of vectors along an axis, of matrices along two, or of all elements."""
    x = objects(x)
    if ord is None:
        return along(lambda line: run(np.linalg.norm, line), x, axis, keepdims)
    axes = tuple(range(x.ndim)) if axis is None else axis
    axes = (operator.index(axes),) if not isinstance(axes, tuple) else axes
    if len(axes) == 1:
        return along(lambda line: run(np.linalg.norm, line, ord), x, axes, keepdims)
    matrices = np.moveaxis(x, axes, (-2, -1))
    results = each(lambda matrix: _matrix_norm(matrix, ord), (matrices, 2))
    if not keepdims:
        return results
    places = np.lib.array_utils.normalize_axis_tuple(axes, x.ndim)
    return np.expand_dims(objects(results) if is_array(results) else _alone(results), places)


def _matrix_norm(matrix: Elements, order: Any) -> Any:
    if order in ("fro", "f"):
        return run(np.linalg.norm, matrix.ravel())
    if order == "nuc":
        return np.sum(singular_values(matrix))
    return run(np.linalg.norm, matrix, order)


def _alone(element: Any) -> Elements:
    array = np.empty((), object)
    array[()] = element
    return array


@own("cond")
def cond(x: Any, p: Any = None) -> Elements:
    """Return the norm of a matrix times that of its inverse, or a ratio of singular values."""
    (x,) = alike(x)
    if p is None or not isinstance(p, str):
        given = () if p is None else (p,)
        return each(lambda matrix: run(np.linalg.cond, matrix, *given), (x, 2))
    inverse = inv(x)
    return each(lambda a, b: _matrix_norm(a, p) * _matrix_norm(b, p), (x, 2), (inverse, 2))
