"""Scale factors, missing samples and a grid for each line inside compiled code: as from Python."""

import numpy as np
import pytest
from numba import njit, prange
from numba.core.errors import TypingError
from numpy.testing import assert_allclose

import numgrad
from tests.fields.reference import assert_same, by_differences

GENERATOR = np.random.default_rng(16)
F, G = GENERATOR.normal(size=(2, 9, 10))
X, Y = (np.cumsum(GENERATOR.uniform(0.5, 1.5, n)) for n in (9, 10))
EVEN = np.arange(9) * 0.25
LINES = np.cumsum(GENERATOR.uniform(0.5, 1.5, (9, 10)), axis=0)
TURNED = np.cumsum(GENERATOR.uniform(0.5, 1.5, (9, 10)), axis=1)
DOWN, ALL, ALONG = (GENERATOR.uniform(1.0, 2.0, shape) for shape in ((9, 1), (9, 10), 10))
HOLES, MORE_HOLES = F.copy(), G.copy()
HOLES[GENERATOR.uniform(size=F.shape) < 0.15] = np.nan
MORE_HOLES[GENERATOR.uniform(size=F.shape) < 0.1] = np.nan
SPACINGS = {
    "uneven": (X, Y),
    "equal": (0.5, 0.25),
    "even coordinates": (EVEN, Y),
    "a grid a line": (LINES, 0.5),
}
FACTORS = {
    "along and across": (DOWN, ALL),
    "a number": (1.0, DOWN),
    "of one axis": (ALL, ALONG),
    "numbers": (2, 3.0),
}


def slowly_but(first, others):
    """Give parameters of which all but the first widen what it shows."""
    return [first, *(pytest.param(other, marks=pytest.mark.thorough) for other in others)]


SPACING = "even coordinates"
spacings = pytest.mark.parametrize(
    "spacing", slowly_but(SPACING, sorted(SPACINGS.keys() - {SPACING}))
)
factors = pytest.mark.parametrize("factor", slowly_but("along and across", [*FACTORS][1:]))


@njit
def laplacians(f, x, y, a, b):
    return numgrad.laplacian(
        f, x, y, scale_factors=(a, b), accuracy=4, boundary=("one-sided", "reflect")
    )


@njit
def more_laplacians(f, x, y, a, b):
    return numgrad.laplacian(f, x, y, scale_factors=(a, b, 2.5), boundary=("antisymmetric", "edge"))


@njit
def slopes(f, g, x, y, a, b):
    return (
        numgrad.divergence((f, g), x, y, scale_factors=(a, b)),
        numgrad.curl((f, g), x, y, scale_factors=(a, b)),
    )


@njit
def more_slopes(f, g, x, y, a, b):
    return (
        numgrad.divergence((f, g), x, y, scale_factors=(a, b, a), accuracy=4,
                           boundary=("antireflect", "wrap"), period=40.0),
        numgrad.gradient(f, x, y, scale_factors=(a, b), edge_order=2)[1],
        numgrad.gradient(g, x, y, scale_factors=(a, b))[0],
    )  # fmt: skip


@njit
def around_holes(f, g, x, y, a, b):
    return (
        numgrad.laplacian(f, x, y, scale_factors=(a, b), nan="one-sided"),
        numgrad.curl((f, g), x, y, nan="one-sided"),
    )


@njit
def more_around_holes(f, g, x, y, a, b):
    return (
        numgrad.divergence((f, g), x, y, scale_factors=(a, b), nan="one-sided", accuracy=4),
        numgrad.curl((f, g), x, y, nan="one-sided", boundary=("symmetric", "one-sided")),
        numgrad.differentiate(f, x, axis=0, order=3, nan="one-sided", boundary="edge"),
    )


def each(*functions):
    return pytest.mark.parametrize("some", slowly_but(*functions[:1], functions[1:]))


@spacings
@factors
@each(laplacians, more_laplacians)
def test_laplacians(spacing, factor, some):
    arguments = (F, *SPACINGS[spacing], *FACTORS[factor])
    assert_same(some(*arguments), some.py_func(*arguments))


@spacings
@factors
@each(slopes, more_slopes)
def test_slopes(spacing, factor, some):
    arguments = (F, G, *SPACINGS[spacing], *FACTORS[factor])
    assert_same(some(*arguments), some.py_func(*arguments))


@spacings
@factors
@each(around_holes, more_around_holes)
def test_around_missing_samples(spacing, factor, some):
    arguments = (HOLES, MORE_HOLES, *SPACINGS[spacing], *FACTORS[factor])
    found = some(*arguments)
    assert_same(found, some.py_func(*arguments))
    assert any(np.isfinite(one[np.isnan(np.gradient(HOLES)[0])]).any() for one in found)


@pytest.mark.parametrize(
    "dtype", [*(pytest.param(d, marks=pytest.mark.thorough) for d in ("f4", "c16", "i4", "c8"))]
)
@pytest.mark.parametrize("some", [laplacians, around_holes], ids=["factors", "holes"])
def test_dtypes(dtype, some):
    f, g = ((100 * field).astype(dtype) for field in (F, G))
    if np.dtype(dtype).kind != "i":
        f[3, 4:6], g[7, 2] = np.nan, np.nan
    fields = (f,) if some is laplacians else (f, g)
    arguments = (*fields, X, 0.5, DOWN, ALL)
    assert_same(some(*arguments), some.py_func(*arguments))


@njit
def along_grids(f, x, y):
    return (
        numgrad.differentiate(f, y, boundary="wrap", period=30.0),
        numgrad.laplacian(f, x, y, nan="one-sided", boundary=("edge", "one-sided")),
    )


@pytest.mark.parametrize(
    "samples", [HOLES, pytest.param(HOLES.T.copy().T, marks=pytest.mark.thorough)], ids=["C", "F"]
)
def test_a_grid_for_each_line(samples):
    found = along_grids(samples, LINES, TURNED)
    expected = along_grids.py_func(np.ascontiguousarray(samples), LINES, TURNED)
    assert_same(found, expected)
    found = along_grids(samples, LINES, -TURNED)
    assert_same(found, along_grids.py_func(np.ascontiguousarray(samples), LINES, -TURNED))


@pytest.mark.thorough
def test_in_parallel_and_into_arrays():
    @njit(parallel=True)
    def each(fields, x, h):
        results = np.empty(fields.shape)
        for k in prange(len(fields)):
            numgrad.laplacian(
                fields[k], x, 0.5, scale_factors=(1.0, h), nan="one-sided", out=results[k]
            )
        return results

    fields = np.stack([HOLES, MORE_HOLES, F])
    expected = each.py_func(fields, X, DOWN)
    assert_same(each(fields, X, DOWN), expected)


@pytest.mark.parametrize(
    "keywords",
    [pytest.param({"mode": "reverse"}, marks=pytest.mark.thorough), {"jit": False}],
    ids=str,
)
def test_derivatives_go_through(keywords):
    def energy(f, h, a):
        curved = numgrad.laplacian(f * f, h, h, scale_factors=(a, 1.0))
        slope = numgrad.divergence((f, f * f), h, h, scale_factors=(a, a * a), nan="one-sided")
        along = numgrad.gradient(f, h, h, scale_factors=(a, 2.0))[0]
        return np.nansum(curved * curved) + np.nansum(slope * slope) + np.nansum(along * along)

    f, a = HOLES[:5, :5].copy(), DOWN[:5].copy()
    given = np.isfinite(f)
    by_samples, by_spacing, by_factors = numgrad.grad(energy, (0, 1, 2), **keywords)(f, 0.7, a)
    expected = by_differences(lambda f: energy(f, 0.7, a), f)
    assert_allclose(by_samples[given], expected[given], rtol=1e-5, atol=1e-5)
    assert_allclose(by_spacing, by_differences(lambda h: energy(f, h, a), 0.7), rtol=1e-5)
    expected = by_differences(lambda a: energy(f, 0.7, a), a)
    assert_allclose(by_factors, expected, rtol=1e-5, atol=1e-5)


def test_coordinates_at_equal_distances_under_a_laplacian_are_refused_where_they_may_move():
    def energy(f, x):
        return np.sum(numgrad.laplacian(f, x, 1.0, scale_factors=(1.0, DOWN)) ** 2)

    with pytest.raises(ValueError, match="pass the spacing"):
        numgrad.grad(energy, jit=False)(F, EVEN)


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("must be a tuple of one entry an axis", lambda f: numgrad.laplacian(f, scale_factors=f)),
        (r"scale_factors\[1\] must be a number or an array of real",
         lambda f: numgrad.gradient(f, scale_factors=(1.0, 1j))),
        (r"scale_factors\[0\] must have 1 to 2 dimensions",
         lambda f: numgrad.laplacian(f, scale_factors=(np.ones((1, 1, 1)), 1.0))),
        ("nan must be one of", lambda f: numgrad.differentiate(f, nan="skip")),
        ("numpy.gradient has no out, no target and no scale_factors",
         lambda f: np.gradient(f, scale_factors=(1.0, 1.0))),
    ],
)  # fmt: skip
def test_errors_while_compiling(message, call):
    with pytest.raises(TypingError, match=message):
        njit(call)(F)


def test_errors_while_running():
    with pytest.raises(ValueError, match="must broadcast to the shape of the field"):
        njit(lambda f, h: numgrad.laplacian(f, scale_factors=(1.0, h)))(F, ALL[:4])
    with pytest.raises(ValueError, match="have the shape of the field"):
        njit(lambda f, x: numgrad.differentiate(f, x))(F, LINES[:4])
    with pytest.raises(ValueError, match="the coordinates span as much as the period"):
        njit(lambda f, x: numgrad.differentiate(f, x, boundary="wrap", period=2.0))(F, TURNED)
