"""Eigenvalues without symmetry and roots, beside differences of NumPy's own."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

pytest.importorskip("scipy", reason="Numba's linear algebra needs SciPy")


@njit
def eigen(a):
    w, v = np.linalg.eig(a)
    return w * np.linalg.eigvals(a), v


@njit
def roots(p):
    return np.roots(p)


@njit
def eigen_slope(a, to):
    return numgrad.jvp(eigen, (a,), (to,))[1]


@njit
def roots_slope(p, to):
    return numgrad.jvp(roots, (p,), (to,))[1]


RNG = np.random.default_rng(11)
MIXED = RNG.normal(size=(3, 3))
REAL = np.linalg.inv(MIXED) @ np.diag([1.0, -2.0, 4.0]) @ MIXED
COMPLEX = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
POINTS = {
    "real matrix": (eigen, eigen_slope, REAL),
    "complex matrix": (eigen, eigen_slope, COMPLEX),
    "real coefficients": (roots, roots_slope, np.poly([1.0, 2.0, -3.0]) * 1.3),
    "zeros around": (roots, roots_slope, np.array([0.0, 1.0, -2.0, 0.0])),
    "complex coefficients": (roots, roots_slope, np.array([1.0, 2.0 - 1.0j, 0.3, 1.0j])),
}


def slope(f, x, to, h=1e-4):
    """The derivative along a direction, to fourth order; of a tuple one after the other."""
    found = [f(x + k * h * to) for k in (-2, -1, 1, 2)]
    columns = zip(*found, strict=True) if isinstance(found[0], tuple) else [found]
    slopes = [(a - 8 * b + 8 * c - d) / (12 * h) for a, b, c, d in columns]
    return tuple(slopes) if isinstance(found[0], tuple) else slopes[0]


def direction(x, seed=0):
    """A random direction, along which a polynomial keeps its degree."""
    rng = np.random.default_rng(seed)
    to = rng.normal(size=x.shape)
    if x.ndim == 1 and x[0] == 0.0:
        to[0] = 0.0
    return to + 1j * rng.normal(size=x.shape) if np.iscomplexobj(x) else to


def flat(results):
    results = results if isinstance(results, tuple) else (results,)
    return np.concatenate([np.ravel(each) for each in results])


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize("name", POINTS)
def test_derivatives(name, jit):
    f, _, x = POINTS[name]
    one = direction(x)
    values, slopes = numgrad.jvp(f, (x,), (one,), jit=jit)
    assert_array_equal(flat(values), flat(f(x)))
    assert_allclose(flat(slopes), flat(slope(f, x, one)), rtol=1e-8, atol=1e-8)

    weights = direction(flat(values))
    cotangents = (weights[:3], weights[3:].reshape(3, 3)) if f is eigen else weights
    (pulled,) = numgrad.vjp(f, (x,), cotangents, jit=jit)[1]
    forward = np.sum(weights * flat(slopes)).real
    assert_allclose(np.sum(pulled * one).real, forward, rtol=1e-12)


@pytest.mark.parametrize("jit", [pytest.param(True, marks=pytest.mark.thorough), False])
@pytest.mark.parametrize("name", POINTS)
def test_second_order(name, jit):
    f, by_compiled, x = POINTS[name]
    one, other = direction(x), direction(x, 1)
    again = by_compiled if jit else lambda x, to: numgrad.jvp(f, (x,), (to,), jit=False)[1]
    second = numgrad.jvp(again, (x, one), (other, None), jit=jit)[1]
    expected = slope(lambda y: again(y, one), x, other)
    assert_allclose(flat(second), flat(expected), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("mode", "jit"),
    [
        ("forward", True),
        pytest.param("reverse", True, marks=pytest.mark.thorough),
        ("forward", False),
        ("reverse", False),
    ],
)
def test_what_has_none(mode, jit):
    """Of equal eigenvalues the sum has one; vectors too few, and equal roots, have none."""
    jacobian = numgrad.jacobian(eigen, mode=mode, jit=jit)
    w, _ = jacobian(np.diag([2.0, 2.0, 3.0]))
    assert_allclose(w[:2].sum(axis=0), np.diag([4.0, 4.0, 0.0]), atol=1e-12)
    assert_allclose(w[2], np.diag([0.0, 0.0, 6.0]), atol=1e-12)
    w, v = jacobian(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 5.0]]))
    assert np.isnan(w).any()
    assert np.isnan(v).any()
    slopes = numgrad.jacobian(roots, mode=mode, jit=jit)(np.array([1.0, -3.0, 0.0, 0.0]))
    assert_allclose(slopes[0], [-3.0, -1.0, -1.0 / 3.0, -1.0 / 9.0])
    assert np.isnan(slopes[1:]).all()


@pytest.mark.parametrize("jit", [True, False])
def test_sizes(jit):
    assert numgrad.jacobian(roots, jit=jit)(np.array([2.0])).shape == (0, 1)
    assert numgrad.jacobian(roots, jit=jit)(np.zeros(3)).shape == (0, 3)
    assert_allclose(numgrad.jacobian(roots, jit=jit)(np.array([2.0, 3.0])), [[0.75, -0.5]])
    w, v = numgrad.jacobian(eigen, jit=jit)(np.array([[3.0]]))
    assert (w, v) == (6.0, 0.0)
    with pytest.raises(np.linalg.LinAlgError, match="square"):
        numgrad.jacobian(eigen, jit=jit)(np.ones((2, 3)))


TURN = np.array([[0.2, -1.0], [1.1, 0.3]])


def test_complex_results_of_real_matrices():
    """Compiled code refuses them as Numba does; plain Python has them as NumPy has."""
    for f, x in ((eigen, TURN), (roots, np.array([1.0, 0.3, 1.0]))):
        with pytest.raises(ValueError, match="domain"):
            numgrad.jacobian(f)(x)
    to = direction(TURN)
    for plain in (np.linalg.eigvals, lambda a: np.roots(a[0] + 1.0)):
        slopes = numgrad.jvp(plain, (TURN,), (to,), jit=False)[1]
        assert_allclose(slopes, slope(plain, TURN, to), rtol=1e-9)
    w, v = numgrad.jvp(lambda a: tuple(np.linalg.eig(a)), (TURN,), (to,), jit=False)[1]
    w0, v0 = np.linalg.eig(TURN)
    # A V = V D and its derivative; no column changes its length
    assert_allclose(to @ v0 + TURN @ v, v * w0 + v0 * w, atol=1e-12)
    assert_allclose(np.sum(np.conj(v0) * v, axis=0).real, 0.0, atol=1e-12)


def test_stacks():
    stack = np.stack([REAL, REAL.T + np.diag([0.0, 1.0, 5.0])])
    found = numgrad.jacobian(lambda a: np.linalg.eigvals(a), jit=False)(stack)
    for k, matrix in enumerate(stack):
        alone = numgrad.jacobian(lambda a: np.linalg.eigvals(a), jit=False)(matrix)
        assert_allclose(found[k, :, k], alone, rtol=1e-12)
        assert not found[k, :, 1 - k].any()
