import numpy as np
import pytest

import numgrad

pint = pytest.importorskip("pint", reason="needs pint")
UNITS = pint.UnitRegistry()
F = np.random.default_rng(6).normal(size=(7, 8))


def test_gradient_is_numpys():
    f, x = F * UNITS.K, np.arange(7.0) ** 2 * UNITS.km
    for ours, numpys in zip(
        numgrad.gradient(f, x, 2 * UNITS.m), np.gradient(f, x, 2 * UNITS.m), strict=True
    ):
        assert ours.units == numpys.units
        np.testing.assert_array_equal(ours.magnitude, numpys.magnitude)


def test_differentiate():
    result = numgrad.differentiate(F * UNITS.K, 2 * UNITS.m, order=2)
    assert result.units == UNITS.K / UNITS.m**2
    np.testing.assert_array_equal(result.magnitude, numgrad.differentiate(F, 2.0, order=2))
    angles = numgrad.differentiate(F, np.arange(8.0) * UNITS.deg, boundary="wrap",
                                   period=2 * np.pi * UNITS.rad)  # fmt: skip
    np.testing.assert_allclose(
        angles.magnitude, numgrad.differentiate(F, np.arange(8.0), boundary="wrap", period=360.0)
    )


def test_operators_of_several_axes():
    result = numgrad.laplacian(F * UNITS.K, 2 * UNITS.m, 300 * UNITS.cm)
    assert result.units == UNITS.K / UNITS.m**2
    np.testing.assert_allclose(result.magnitude, numgrad.laplacian(F, 2.0, 3.0))
    wind = F * UNITS("m/s"), 3.6 * F * UNITS("km/h")
    result = numgrad.divergence(wind, 2 * UNITS.km, 3 * UNITS.km)
    np.testing.assert_allclose(result.to("1/s").magnitude, numgrad.divergence((F, F), 2e3, 3e3))
    with pytest.raises(ValueError, match="must be lengths of one kind"):
        numgrad.laplacian(F * UNITS.K, 2 * UNITS.m, 3 * UNITS.s)


def test_scale_factors():
    r = np.linspace(1, 2, 7)[:, None]
    options = {"boundary": ("one-sided", "wrap")}
    result = numgrad.laplacian(
        F * UNITS.K, 0.5 * UNITS.m, 0.3 * UNITS.rad,
        scale_factors=(1.0, 100 * r * UNITS.cm), **options,
    )  # fmt: skip
    expected = numgrad.laplacian(F, 0.5, 0.3, scale_factors=(1.0, r), **options)
    np.testing.assert_allclose(result.to("K/m^2").magnitude, expected)
    down, across = numgrad.gradient(F * UNITS.K, 0.5 * UNITS.m, 0.3, scale_factors=(1, r * UNITS.m))
    assert across.check("[temperature]/[length]")
    assert down.check("[temperature]/[length]")
