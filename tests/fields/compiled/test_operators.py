"""The operators inside compiled code: the same numbers as from Python, bit for bit."""

from inspect import getclosurevars

import numpy as np
import pytest
from numba import njit, prange
from numba.core.errors import TypingError

import numgrad
from numgrad.fields.boundaries import Boundary
from numgrad.fields.compiled.terms import term
from tests.fields.reference import assert_same

GENERATOR = np.random.default_rng(8)
F, G = GENERATOR.normal(size=(2, 9, 10))
X = np.cumsum(GENERATOR.uniform(0.5, 1.5, 9))
CIRCLE = np.arange(10) * 36.0


def derivatives(f, x, circle):
    return (
        numgrad.differentiate(f),
        numgrad.differentiate(f, x, axis=0, order=2, accuracy=4,
                              boundary=("antireflect", "one-sided")),
        numgrad.differentiate(f, x, axis=0, order=3, accuracy=1, boundary=("constant", 2)),
        numgrad.differentiate(f, 0.5, boundary="wrap", period=7.0, accuracy=6),
    )  # fmt: skip


def more_derivatives(f, x, circle):
    return (
        numgrad.differentiate(f, x, axis=0, order=2, accuracy=4, boundary="reflect"),
        numgrad.differentiate(f, x, axis=0, order=3, accuracy=1),
        numgrad.differentiate(f, boundary=("constant", 2)),
        numgrad.differentiate(f, circle, boundary="wrap", period=360.0, accuracy=6),
        numgrad.differentiate(f, 0.5, boundary="wrap", period=7.0),
        numgrad.differentiate(f, x, axis=0, boundary=("antisymmetric", "one-sided")),
    )


@pytest.mark.parametrize(
    "some", [derivatives, pytest.param(more_derivatives, marks=pytest.mark.thorough)]
)
def test_derivatives(some):
    assert_same(njit(some)(F, X, CIRCLE), some(F, X, CIRCLE))


def test_functions_are_made_once_for_what_is_written_alike():
    ends = [(Boundary("constant", value),) * 2 for value in (0.0, -0.0, 0, 0.0)]
    double = np.dtype(float)
    zero, negative, integer, again = (
        term(double, double, "scalar", 1, 2, each, False) for each in ends
    )
    assert zero is again
    assert zero is not negative
    for derive, sign in ((zero, 1.0), (negative, -1.0), (integer, 1.0)):
        beyond = getclosurevars(derive.py_func).nonlocals["first_value"]
        assert np.copysign(1.0, beyond) == sign


def vector_operators(f, g, x, h):
    return (
        numgrad.laplacian(f, x, h, boundary=("one-sided", "wrap")),
        numgrad.divergence((f, g), x, h, boundary=("symmetric", "edge"), accuracy=4),
        numgrad.curl((f, g), x, h),
    )


@pytest.mark.parametrize(
    "dtype", ["f8", *(pytest.param(d, marks=pytest.mark.thorough) for d in ("f4", "c16", "i4"))]
)
def test_vector_operators(dtype):
    f, g = ((100 * field).astype(dtype) for field in (F, G))
    assert_same(njit(vector_operators)(f, g, X, 0.5), vector_operators(f, g, X, 0.5))


WHOLE = GENERATOR.normal(size=(18, 20))


@pytest.mark.parametrize(
    "f", [WHOLE[::2, ::-2], pytest.param(WHOLE.T, marks=pytest.mark.thorough)], ids=["A", "F"]
)
def test_layouts_and_out(f):
    @njit
    def into(f, out):
        return numgrad.laplacian(f, out=out)

    out = np.full(f.shape, np.nan)
    assert into(f, out) is not None
    assert_same(out, numgrad.laplacian(np.ascontiguousarray(f)))


def test_in_parallel():
    @njit(parallel=True)
    def each(fields):
        results = np.empty(fields.shape)
        for k in prange(len(fields)):
            results[k] = numgrad.laplacian(fields[k], 0.5)
        return results

    fields = GENERATOR.normal(size=(5, 8, 9))
    assert_same(each(fields), np.stack([numgrad.laplacian(field, 0.5) for field in fields]))


def test_three_components():
    u = GENERATOR.normal(size=(3, 5, 6, 7))
    curl = njit(lambda a, b, c: numgrad.curl((a, b, c)))
    assert_same(curl(*u), numgrad.curl(tuple(u)))


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("must be a constant written in the call",
         lambda f: numgrad.differentiate(f, order=len(f))),
        ("a boundary must be", lambda f: numgrad.laplacian(f, boundary="mirror")),
        ("needs a period", lambda f: numgrad.differentiate(f, f[0], boundary="wrap")),
        ("a divergence needs one component an axis", lambda f: numgrad.divergence((f,))),
        ("components must be a tuple of arrays", lambda f: numgrad.divergence(f)),
        ("order must lie between 1 and 6", lambda f: numgrad.differentiate(f, order=7)),
        ("isn't reached by central differences", lambda f: numgrad.differentiate(f, accuracy=3)),
    ],
)  # fmt: skip
def test_errors_while_compiling(message, call):
    with pytest.raises(TypingError, match=message):
        njit(call)(F)


def test_errors_while_running():
    derive = njit(lambda f, x: numgrad.differentiate(f, x, axis=0, order=2))
    with pytest.raises(ValueError, match="an axis has too few points"):
        derive(F[:3], X[:3])
    with pytest.raises(ValueError, match="distances must match the length"):
        derive(F, X[:8])
    with pytest.raises(ValueError, match="a spacing must not be 0"):
        njit(lambda f: numgrad.differentiate(f, 0.0))(F)
