"""Both modes, through the table, the functions on arrays and the linear algebra.

A convention at a kink or a singular end is the table's, in whichever mode.
"""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad
from numgrad.rules.registry import TABLE
from tests.arrays import expressions as arrays
from tests.arrays import test_statistics as statistics
from tests.arrays.linalg import test_linear_algebra as matrices
from tests.calls.test_entries import NOT_IN_NUMBA
from tests.rules.test_table import INTEGERS, ROWS
from tests.tracer import test_both_ways as both_ways

inf, nan = np.inf, np.nan


def compare(f, x, *constants, labels):
    """Compare the Jacobians of all outputs."""
    found, expected = (
        numgrad.jacobian(f, mode=mode)(x, *constants) for mode in ("reverse", "forward")
    )
    for label, one, other in zip(labels, found, expected, strict=True):
        largest = np.max(np.abs(other), initial=1.0, where=np.isfinite(other))
        assert_allclose(one, other, 1e-12, 1e-12 * largest, err_msg=f"{label} at {x}")


def slopes_of(f):
    """Return the function of a point and a direction that is the derivative along it."""

    @njit(error_model="numpy")
    def slopes(x, v):
        return numgrad.jvp(f, (x,), (v,))[1]

    return slopes


def compare_seconds(slopes, x, labels):
    """Compare derivatives of directional derivatives, by the point and by the direction.

    A direction may be 0, and yet have derivatives. Where they are infinite nan is right enough, and
    forward mode may not know what reverse mode does.
    """
    for v in (np.linspace(-1.0, 1.0, x.size).reshape(x.shape), np.zeros(x.shape)):
        found, expected = (
            numgrad.jacobian(slopes, (0, 1), mode=mode)(x, v) for mode in ("reverse", "forward")
        )
        found, expected = (rows_of(each, labels) for each in (found, expected))
        for label, ones, others in zip(labels, found, expected, strict=True):
            for one, other in zip(ones, others, strict=True):
                other = np.where(np.isinf(other), nan, other)
                one = np.where(np.isinf(one) | np.isnan(other), nan, one)
                largest = np.nanmax(np.abs(other), initial=1.0)
                message = f"{label} at {x} along {v}"
                assert_allclose(one, other, 1e-11, 1e-11 * largest, err_msg=message)


def rows_of(jacobians, labels):
    """Arrange derivatives by outputs: an array has them as rows."""
    if len(jacobians) == len(labels) and isinstance(jacobians[0], tuple):
        return jacobians
    return list(zip(*jacobians, strict=True))


# The table: each entry under one of its names, at the points of all, and at these

KINDS = ("rule", "tangent", "composite")
ENDS = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 3.0, inf, -inf, nan)
RETURN_TUPLES = ("divmod", "modf", "frexp")
ARITIES = {
    arity: {
        entry.name: function
        for function, entry in reversed(TABLE.items())
        if entry.kind in KINDS
        and (entry.arity, entry.name in RETURN_TUPLES) == (arity, False)
        and function not in NOT_IN_NUMBA
        and function is not np.where
    }
    for arity in (1, 2, 3)
}
KINKED = "absolute sign maximum fmin hypot arctan2 power sqrt log arccosh copysign clip".split()


def points_of(names, arity):
    rows = [ROWS[name].points for name in names if name in ROWS]
    points = {point for row in rows for point in row if len(point) == arity}
    points |= {(a, b, 0.5)[:arity] for a in ENDS for b in ENDS[: 1 if arity == 1 else None]}
    return [np.array(point) for point in sorted(points, key=repr)]


def calls(entries, arity):
    """Return the function of a vector that calls all entries with its numbers."""
    names, lines = {"np": np}, []
    for k, (name, function) in enumerate(entries.items()):
        names[f"f{k}"] = function
        given = [f"int(p[{i}])" if i in INTEGERS.get(name, ()) else f"p[{i}]" for i in range(arity)]
        lines.append(f"f{k}({', '.join(given)})")
    exec(f"def f(p):\n    return np.array([{', '.join(lines)}])\n", names)
    return njit(names["f"], error_model="numpy")


def groups_of_entries(fast=(1, 2, 3)):
    """Yield the kinked entries, thorough but for some arities, and all others."""
    for arity, entries in ARITIES.items():
        some = {name: entries[name] for name in KINKED if name in entries}
        marks = () if arity in fast else pytest.mark.thorough
        yield pytest.param(arity, some, id=f"{arity} kinked", marks=marks)
        names = sorted(entries)
        for start in range(0, len(names), 20):
            group = {name: entries[name] for name in names[start : start + 20]}
            marks = pytest.mark.thorough
            yield pytest.param(arity, group, id=f"{arity} from {names[start]}", marks=marks)


@pytest.mark.parametrize(("arity", "entries"), list(groups_of_entries()))
def test_table(arity, entries):
    f = calls(entries, arity)
    for p in points_of(entries, arity):
        if arity == 3 or not np.isnan(p).all():
            compare(f, p, labels=entries)


@pytest.mark.parametrize(("arity", "entries"), list(groups_of_entries(fast=())))
def test_table_at_second_order(arity, entries):
    slopes = slopes_of(calls(entries, arity))
    for p in points_of(entries, arity):
        if arity == 3 or not np.isnan(p).all():
            compare_seconds(slopes, p, entries)


# The functions on arrays, in NumPy's many spellings, and the linear algebra


def groups_of_arrays():
    for group in [((4,), statistics.EXPRESSIONS), *arrays.groups(1)]:
        yield pytest.param(*group, marks=pytest.mark.thorough)


@pytest.mark.parametrize(("shape", "expressions"), list(groups_of_arrays()))
def test_arrays(shape, expressions):
    f = njit(arrays.function(expressions))
    compare(f, *arrays.arguments(shape), labels=expressions)


MATRICES = [
    pytest.param(matrices.function, ["np.linalg.solve(x, b)"], id="some"),
    pytest.param(matrices.function, matrices.LINES, marks=pytest.mark.thorough, id="all"),
    pytest.param(both_ways.of_complex, both_ways.COMPLEX, marks=pytest.mark.thorough, id="complex"),
]


@pytest.mark.parametrize(("make", "lines"), MATRICES)
def test_linear_algebra(make, lines):
    compare(njit(make(lines)), matrices.point(), labels=lines)


@pytest.mark.thorough
@pytest.mark.parametrize(("make", "lines"), MATRICES)
def test_linear_algebra_at_second_order(make, lines):
    compare_seconds(slopes_of(njit(make(lines))), matrices.point(), lines)


@njit
def of_vectors(a):
    """Of a matrix itself, by the vectors that two equal values, or two that are 0, leave open."""
    u, s, v = np.linalg.svd(a, 0)
    return np.sum((u * s) @ v * np.arange(12.0).reshape(4, 3))


@njit
def of_values(a):
    return np.sum(np.linalg.svd(a, 0)[1] ** 2) + np.sum(np.linalg.eigh(a.T @ a)[0])


@pytest.mark.parametrize("f", [of_vectors, of_values])
def test_matrices_of_lower_rank(f):
    """An adjoint that is 0 up to rounding doesn't make what has no derivative 0."""
    for a in (np.eye(4, 3), np.outer(np.arange(1.0, 5.0), np.arange(1.0, 4.0))):
        found = numgrad.grad(f, mode="reverse")(a)
        expected = numgrad.grad(f, mode="forward", jit=False)(a)
        assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        assert np.isnan(expected).any() == (f is of_vectors)


@pytest.mark.thorough
def test_records_in_single_precision():
    f = njit(lambda a: np.sum(np.linalg.eigh(a)[1] * np.linalg.solve(a, a * a)))
    a = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    found, expected = (numgrad.grad(f, mode=mode)(a) for mode in ("reverse", "forward"))
    assert found.dtype == expected.dtype == np.float32
    assert_allclose(found, expected, rtol=1e-4)
