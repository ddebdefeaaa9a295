"""``laplacian``, ``divergence`` and ``curl``, and ``gradient`` with scale factors."""

import numpy as np
import pytest

import numgrad

GENERATOR = np.random.default_rng(61)
SHAPE = 7, 8, 9


def grid(n):
    return np.cumsum(GENERATOR.uniform(0.5, 1.5, n))


@pytest.fixture(scope="module")
def cube():
    spacings = grid(7), 0.5, np.sort(GENERATOR.normal(size=SHAPE), axis=2)
    return GENERATOR.normal(size=SHAPE), GENERATOR.normal(size=(3, *SHAPE)), spacings


BOUNDARIES = [
    ("one-sided", ["one-sided"] * 3),
    ("reflect", ["reflect"] * 3),
    (("antisymmetric", ("edge", "one-sided"), ("constant", 2.0)),
     ["antisymmetric", ("edge", "one-sided"), ("constant", 2.0)]),
]  # fmt: skip


@pytest.mark.parametrize(("boundary", "of_axes"), BOUNDARIES)
@pytest.mark.parametrize("accuracy", [2, 4])
def test_they_are_sums_of_derivatives(cube, boundary, of_axes, accuracy):
    f, vectors, spacings = cube

    def derivative(samples, axis, order):
        return numgrad.differentiate(
            samples,
            spacings[axis],
            axis=axis,
            order=order,
            accuracy=accuracy,
            boundary=of_axes[axis],
        )

    options = {"accuracy": accuracy, "boundary": boundary}
    result = numgrad.laplacian(f, *spacings, **options)
    np.testing.assert_array_equal(result, sum(derivative(f, k, 2) for k in range(3)) + 0.0)
    result = numgrad.divergence(vectors, *spacings, **options)
    np.testing.assert_array_equal(result, sum(derivative(vectors[k], k, 1) for k in range(3)) + 0.0)
    result = numgrad.curl(tuple(vectors), *spacings, **options)
    for k, component in enumerate(result):
        i, j = (k + 1) % 3, (k + 2) % 3
        np.testing.assert_array_equal(
            component, derivative(vectors[j], i, 1) - derivative(vectors[i], j, 1) + 0.0
        )


def test_axes_and_orders_of_memory(cube):
    f, vectors, (x, y, z) = cube
    turned = np.asfortranarray(f)
    np.testing.assert_array_equal(numgrad.laplacian(turned, x, y, z), numgrad.laplacian(f, x, y, z))
    assert numgrad.laplacian(turned).flags.f_contiguous
    np.testing.assert_array_equal(
        numgrad.laplacian(f, x, y, axis=(0, 1)), numgrad.laplacian(f, y, x, axis=(1, 0))
    )
    flat = numgrad.curl(vectors[:2], x, y, axis=(0, 1))
    np.testing.assert_array_equal(flat, numgrad.curl(vectors, x, y, z)[2])
    out = np.empty(SHAPE)
    assert numgrad.divergence(vectors[::-1], z, y, x, axis=(2, 1, 0), out=out) is out
    np.testing.assert_allclose(out, numgrad.divergence(vectors, x, y, z), rtol=1e-10, atol=1e-12)
    outs = tuple(np.empty(SHAPE) for _ in range(3))
    assert numgrad.curl(vectors, x, y, z, out=outs) == outs


def test_integers_and_mixed_components():
    u, v = np.arange(30).reshape(5, 6) ** 2, np.arange(30.0).reshape(5, 6)
    result = numgrad.curl((u, v))
    np.testing.assert_array_equal(result, numgrad.curl((u.astype(float), v)))
    assert numgrad.laplacian(u).dtype == float


def test_the_laplacian_sees_every_sample():
    f = (-1.0) ** np.arange(12)
    assert (numgrad.laplacian(f) == -4 * f)[1:-1].all()
    factors = (1 + 0.1 * np.arange(12) ** 2,)
    assert (np.sign(numgrad.laplacian(f, scale_factors=factors)[1:-1]) == -np.sign(f)[1:-1]).all()


# What is exact: f and vectors in polar and spherical coordinates, and their derivatives.


def polar(n, uneven):
    r = np.linspace(1, 2, n)
    if uneven:
        r = 1 + (r - 1) ** 2 / 2 + (r - 1) / 2
    phi = np.arange(2 * n) * np.pi / n
    return r, phi, r[:, None]


def orders(error, n, accuracy):
    coarse, fine = error(n), error(2 * n)
    assert np.log2(coarse / fine) > accuracy - 0.3


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("accuracy", [2, 4])
def test_polar_coordinates(uneven, accuracy):
    def errors(n):
        r, phi, R = polar(n, uneven)  # noqa: N806
        spacings = (r if uneven else r[1] - r[0]), phi[1]
        options = {
            "accuracy": accuracy,
            "boundary": ("one-sided", "wrap"),
            "scale_factors": (1.0, R),
        }
        laplacian = numgrad.laplacian(R**3 * np.sin(2 * phi), *spacings, **options)
        vectors = R**2 * np.cos(phi), R**2 * np.sin(phi)
        divergence = numgrad.divergence(vectors, *spacings, **options)
        curl = numgrad.curl(vectors, *spacings, **options)
        return (
            np.abs(laplacian - 5 * R * np.sin(2 * phi)).max(),
            np.abs(divergence - 4 * R * np.cos(phi)).max(),
            np.abs(curl - 4 * R * np.sin(phi)).max(),
        )

    for coarse, fine in zip(errors(40), errors(80), strict=True):
        assert np.log2(coarse / fine) > accuracy - 0.3


@pytest.mark.parametrize("uneven", [False, True])
def test_the_sphere(uneven):
    def error(n):
        theta = np.linspace(0.4, 2.6, n) + uneven * 0.1 * np.sin(np.linspace(0, 3, n))
        phi = np.arange(2 * n) * np.pi / n
        sine = np.sin(theta)[:, None]
        f = sine**2 * np.cos(2 * phi)  # a spherical harmonic of degree 2
        result = numgrad.laplacian(
            f,
            theta,
            phi,
            accuracy=4,
            boundary=("one-sided", "wrap"),
            period=2 * np.pi,
            scale_factors=(2.0, 2.0 * sine),
        )
        return np.abs(result + 6 / 4 * f).max()

    orders(error, 60, 4)


def test_an_axis_in_which_nothing_varies():
    r, z = np.linspace(1, 2, 60)[:, None], np.linspace(0, 1, 30)
    vectors = r**2 + 0 * z, 3 * z + 0 * r
    options = {"accuracy": 4, "scale_factors": (1.0, 1.0, r)}
    result = numgrad.divergence(vectors, 1 / 59, 1 / 29, **options)
    np.testing.assert_allclose(result, 3 * r + 3 + 0 * z, rtol=1e-7)
    result = numgrad.laplacian(r**4 + z**2, 1 / 59, 1 / 29, **options)
    np.testing.assert_allclose(result, 16 * r**2 + 2 + 0 * z, rtol=1e-5)


def test_scale_factors_of_any_shape_are_one_formula():
    f, h = GENERATOR.normal(size=(9, 10)), 1 + GENERATOR.uniform(size=(2, 9, 10))
    x = grid(9)
    for boundary in ("one-sided", "symmetric", ("one-sided", "wrap")):
        options = {"accuracy": 4, "boundary": boundary}
        split = boundary if isinstance(boundary, tuple) else (boundary,) * 2
        along = [
            numgrad.differentiate(
                (h[1 - k] * f), (x, 0.3)[k], axis=k, accuracy=4, boundary=split[k]
            )
            for k in range(2)
        ]
        result = numgrad.divergence((f, f), x, 0.3, scale_factors=tuple(h), **options)
        np.testing.assert_allclose(result, sum(along) / (h[0] * h[1]), rtol=1e-10, atol=1e-11)
        result = numgrad.curl((f, f), x, 0.3, scale_factors=tuple(h), **options)
        along = [
            numgrad.differentiate(
                (h[1 - k] * f), (x, 0.3)[k], axis=k, accuracy=4, boundary=split[k]
            )
            for k in range(2)
        ]
        np.testing.assert_allclose(
            result, (along[0] - along[1]) / (h[0] * h[1]), rtol=1e-10, atol=1e-11
        )


def test_fluxes_balance():
    f, h = GENERATOR.normal(size=40), 1 + GENERATOR.uniform(size=40)
    for accuracy in (2, 4, 6):
        result = numgrad.laplacian(f, 0.1, accuracy=accuracy, boundary="wrap", scale_factors=(h,))
        assert abs((h * result).sum()) < 1e-10 * np.abs(h * result).sum()


def test_gradient_with_scale_factors():
    f, x, R = GENERATOR.normal(size=(7, 8)), grid(7), grid(7)[:, None]  # noqa: N806
    for edge_order in (1, 2):
        result = numgrad.gradient(f, x, 0.5, scale_factors=(2.0, R), edge_order=edge_order)
        expected = np.gradient(f, x, 0.5, edge_order=edge_order)
        for ours, numpys, h in zip(result, expected, (2.0, R), strict=True):
            np.testing.assert_allclose(ours, numpys / h, rtol=1e-12, atol=1e-13)
    assert numgrad.gradient(f[0], scale_factors=(2.0,)).shape == (8,)


def test_poles_give_no_warnings():
    theta = np.linspace(0, np.pi, 9)
    factors = 1.0, np.sin(theta)[:, None]
    f = np.cos(theta)[:, None] * np.ones(8)
    result = numgrad.laplacian(
        f, theta, np.pi / 4, boundary=("one-sided", "wrap"), scale_factors=factors
    )
    assert np.isfinite(result[1:-1]).all()
    assert not np.isfinite(result[0]).any()


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ValueError, "a divergence needs one component an axis",
         lambda u: numgrad.divergence((u, u, u))),
        (ValueError, "a curl needs two components along two axes", lambda u: numgrad.curl((u,))),
        (ValueError, "components must be a tuple of fields", lambda u: numgrad.curl(())),
        (ValueError, "all components must have the same shape",
         lambda u: numgrad.curl((u, u[1:]))),
        (TypeError, "invalid number of arguments", lambda u: numgrad.laplacian(u, 1.0, 1.0, 1.0)),
        (ValueError, "scale_factors must be a tuple of one entry an axis, 2",
         lambda u: numgrad.laplacian(u, scale_factors=(1.0,))),
        (ValueError, "which doesn't broadcast to that of the field",
         lambda u: numgrad.laplacian(u, scale_factors=(1.0, np.ones(3)))),
        (TypeError, "must be a number or an array of real numbers",
         lambda u: numgrad.laplacian(u, scale_factors=(1.0, "r"))),
        (ValueError, "boundary must be one entry for all axes or a tuple",
         lambda u: numgrad.laplacian(u, boundary=("edge",) * 3)),
        (ValueError, "period must be one number or a tuple",
         lambda u: numgrad.laplacian(u, boundary="wrap", period=(1.0,))),
        (ValueError, "period is given for an axis whose boundary isn't 'wrap'",
         lambda u: numgrad.laplacian(u, boundary=("wrap", "edge"), period=(6.0, 5.0))),
        (TypeError, "out must be a tuple of 3 arrays",
         lambda u: numgrad.curl(np.zeros((3, 5, 5, 5)), out=np.zeros((5, 5, 5)))),
        (ValueError, "a field must have an axis", lambda u: numgrad.laplacian(3.0)),
        (ValueError, "edge_order must be 1 or 2",
         lambda u: numgrad.gradient(u, scale_factors=(1, 1), edge_order=3)),
    ],
)  # fmt: skip
def test_errors(error, message, call):
    with pytest.raises(error, match=message):
        call(np.arange(30.0).reshape(5, 6))
