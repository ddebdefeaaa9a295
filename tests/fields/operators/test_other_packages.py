"""What others say the derivatives are: SymPy, findiff, the formulas of MetPy and py-pde."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numgrad

sympy = pytest.importorskip("sympy")
ndimage = pytest.importorskip("scipy.ndimage")

POINTS = 18
UNEVEN = [
    Fraction(int(k), 64) for k in np.cumsum(np.random.default_rng(12).integers(40, 90, POINTS))
]
EVEN = [Fraction(3 * k, 8) for k in range(POINTS)]
# Polynomials that are even or odd about a mirror go on beyond it as it says.
MIRRORS = {
    "one-sided": None,
    "reflect": (0, Fraction(0)),
    "antireflect": (1, Fraction(0)),
    "symmetric": (0, Fraction(1, 2)),
    "antisymmetric": (1, Fraction(1, 2)),
}


def polynomial(degree, parity, about):
    """Give a polynomial of SymPy's, even or odd about a point if it has a parity."""
    t = sympy.Symbol("t")
    powers = [k for k in range(degree + 1) if parity is None or k % 2 == parity]
    numbers = np.random.default_rng(degree).integers(1, 9, len(powers))
    moved = t - sympy.Rational(about.numerator, about.denominator)
    return t, sum(int(n) * (moved / 4) ** k for n, k in zip(numbers, powers, strict=True))


def at(expression, t, points):
    poly = sympy.Poly(expression, t)
    return np.array([float(poly.eval(sympy.Rational(x.numerator, x.denominator))) for x in points])


@pytest.mark.parametrize("boundary", MIRRORS)
@pytest.mark.parametrize("is_even", [True, False], ids=["equal", "uneven"])
@pytest.mark.parametrize("order", range(1, 7))
def test_polynomials_up_to_the_stated_degree_are_exact(order, is_even, boundary):
    points = EVEN if is_even else UNEVEN
    x = float(points[1] - points[0]) if is_even else np.array([float(p) for p in points])
    for accuracy in range(2 if is_even else 1, 9, 2 if is_even else 1):
        parity, about = None, points[POINTS // 2]
        if boundary != "one-sided":
            parity, beyond = MIRRORS[boundary]
            about = points[0] - beyond * (points[1] - points[0])
        t, p = polynomial(order + accuracy - 1, parity, about)
        options = {"order": order, "accuracy": accuracy, "boundary": (boundary, "one-sided")}
        f, exact = at(p, t, points), at(sympy.diff(p, t, order), t, points)
        found = numgrad.differentiate(f, x, **options)
        matrix = numgrad.operator_matrix(numgrad.differentiate, f.shape, x, **options)
        np.testing.assert_array_less(abs(found - exact), 1e-13 * (abs(matrix) @ abs(f)).max())


@pytest.mark.parametrize("boundary", ["edge", "wrap", "one-sided", ("constant", 3.0)])
def test_a_constant_has_no_derivative(boundary):
    for order in range(1, 7):
        assert not numgrad.differentiate(np.full(9, 3.0), 0.1, order=order, boundary=boundary).any()


@pytest.mark.parametrize(("order", "accuracy"), [(1, 2), (1, 6), (2, 4), (3, 2), (4, 4)])
def test_findiff(order, accuracy):
    findiff = pytest.importorskip("findiff")
    f = np.random.default_rng(1).normal(size=(5, 24))
    theirs = findiff.coefficients(deriv=order, acc=accuracy)
    ours = numgrad.differentiate(f, 0.25, order=order, accuracy=accuracy)
    for way, at in (("forward", 0), ("center", 12), ("backward", 23)):
        stencil = theirs[way]
        samples = f[:, at + np.asarray(stencil["offsets"])]
        expected = samples @ stencil["coefficients"] / 0.25**order
        assert_allclose(ours[:, at], expected, rtol=1e-10, atol=1e-10)


def metpys_second_derivative(f, x):
    """Give the second derivative of three points, as MetPy's documentation writes it."""
    result = np.empty_like(f)
    for i in range(len(f)):
        k = min(max(i - 1, 0), len(f) - 3)
        near, far = x[k + 1] - x[k], x[k + 2] - x[k + 1]
        result[i] = (
            2 * f[k] / (near * (near + far))
            - 2 * f[k + 1] / (near * far)
            + 2 * f[k + 2] / (far * (near + far))
        )
    return result


def test_metpys_second_derivative():
    """``metpy.calc.second_derivative``: three points everywhere, which is accuracy 1."""
    x = np.array([float(p) for p in UNEVEN])
    f = np.random.default_rng(2).normal(size=POINTS)
    found = numgrad.differentiate(f, x, order=2, accuracy=1)
    assert_allclose(found, metpys_second_derivative(f, x), rtol=1e-11, atol=1e-11)


def test_metpys_vorticity_and_divergence_on_the_sphere():
    """MetPy derives products by the product rule: both ways meet with the order of accuracy."""

    def apart(n):
        phi = np.linspace(-1.2, 1.2, n)
        lam = np.arange(2 * n) * np.pi / n
        cosine, tangent, r = np.cos(phi)[:, None], np.tan(phi)[:, None], 6.4
        u = cosine**2 * np.sin(2 * lam) + np.sin(phi)[:, None]
        v = cosine * np.cos(lam)
        of = {"boundary": ("one-sided", "wrap"), "scale_factors": (r, r * cosine)}
        h, k = phi[1] - phi[0], lam[1]
        vorticity = -numgrad.curl((v, u), h, k, **of)
        divergence = numgrad.divergence((v, u), h, k, **of)
        east = [numgrad.differentiate(f, k, boundary="wrap") / (r * cosine) for f in (u, v)]
        north = [np.gradient(f, h, axis=0, edge_order=2) / r for f in (u, v)]
        theirs = east[1] - north[0] + u * tangent / r, east[0] + north[1] - v * tangent / r
        return max(abs(vorticity - theirs[0]).max(), abs(divergence - theirs[1]).max())

    coarse, fine = apart(60), apart(120)
    assert coarse < 0.05
    assert np.log2(coarse / fine) > 1.8


# Boundaries as py-pde tests them: tests/grids/operators/test_cartesian_operators.py and
# tests/grids/boundaries/test_local_boundaries.py of https://github.com/zwicker-group/py-pde. Its
# faces lie half a step beyond the outer points: a periodic axis is "wrap", a derivative of 0 is
# "symmetric", a value of 0 is "antisymmetric".


@pytest.mark.parametrize(("boundary", "mode"), [("wrap", "wrap"), ("symmetric", "reflect")])
def test_pypdes_laplacian(boundary, mode):
    """``test_laplace_2d_nonuniform``: by SciPy's convolution with ``[1, -2, 1] / dx**2``."""
    a = np.random.default_rng(3).random((4, 3))
    expected = sum(
        ndimage.convolve1d(a, np.array([1, -2, 1]) / dx**2, axis=axis, mode=mode)
        for axis, dx in enumerate((0.7, 1.3))
    )
    assert_allclose(numgrad.laplacian(a, 0.7, 1.3, boundary=boundary), expected)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_pypdes_values(value):
    """``test_virtual_points``: beyond a face with a value lies twice it minus the outer sample."""
    f = np.array([1.0, 2.0, 5.0])
    virtual = [2 * value - f[0], *f, 2 * value - f[-1]]
    expected = np.diff(virtual, 2)
    assert_allclose(numgrad.laplacian(f - value, boundary="antisymmetric"), expected)
    constant = numgrad.differentiate(np.full(5, value) - value, boundary="antisymmetric")
    assert not constant.any()  # ``test_gradient_1d``


def test_pypdes_mirrors_of_harmonics():
    """``test_rect_div_grad``: cos(x) + sin(y) on a circle of 16 points each."""
    x = (np.arange(16) + 0.5) * np.pi / 8
    f = np.cos(x)[:, None] + np.sin(x)
    found = numgrad.laplacian(f, np.pi / 8, boundary="wrap")
    assert_allclose(found, -f, rtol=0.05, atol=0.01)
    slopes = [numgrad.differentiate(f, np.pi / 8, axis=k, boundary="wrap") for k in (0, 1)]
    twice = numgrad.divergence(slopes, np.pi / 8, boundary="wrap")
    assert_allclose(twice, -f, rtol=0.06, atol=0.01)


def test_pypde():
    pde = pytest.importorskip("pde")
    grid = pde.CartesianGrid([[0, 2], [0, 3]], [8, 9], periodic=[True, False])
    data = np.random.default_rng(4).random(grid.shape)
    field = pde.ScalarField(grid, data)
    for theirs, ours in (({"derivative": 0}, "symmetric"), ({"value": 0}, "antisymmetric")):
        expected = field.laplace({"x": "periodic", "y": theirs}).data
        found = numgrad.laplacian(data, 2 / 8, 3 / 9, boundary=("wrap", ours))
        assert_allclose(found, expected, rtol=1e-10)


SMOOTH = {
    "stretched": lambda n: np.linspace(0.0, 1.0, n) ** 2 + np.linspace(0.0, 1.0, n),
    "random": lambda n: (np.arange(n) + 0.2 * np.sin(37.0 * np.arange(n) ** 2)) / (n - 1),
    "uniform": lambda n: np.arange(n) / (n - 1),
}


@pytest.mark.parametrize("grid", SMOOTH)
@pytest.mark.parametrize("boundary", ["one-sided", "reflect", "antireflect", "wrap"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("accuracy", [2, 4])
def test_measured_orders(grid, boundary, order, accuracy):
    """Of waves that go on beyond the ends as the boundary says."""

    def worst(n):
        x = SMOOTH[grid](n)
        k, shift = np.pi / x[-1], {"reflect": np.pi / 2}.get(boundary, 0.0)
        options = {"order": order, "accuracy": accuracy, "boundary": boundary}
        if boundary == "wrap":
            x, k = x[:-1], 2 * k
            options["period"] = 2 * np.pi / k
        elif boundary == "one-sided":
            k = 2.0
        exact = k**order * np.sin(k * x + shift + order * np.pi / 2)
        return abs(numgrad.differentiate(np.sin(k * x + shift), x, **options) - exact).max()

    # On coarser grids terms of higher order still count in a fourth derivative, on finer ones its
    # rounding, and of two grids at random one may be the worse.
    coarse, fine = worst(41), worst(121)
    assert np.log(coarse / fine) / np.log(3.0) > accuracy - 0.5
