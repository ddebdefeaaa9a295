import numpy as np
import pytest
from matplotlib.image import imread
from scipy import constants

from numgrad.examples import spectrum
from numgrad.examples.spectrum import FIRAS, Estimate

# The third column of NASA's file: what is left of the spectrum, in kJy/sr, by table 4 of D. J.
# Fixsen and others, The Astrophysical Journal 473, 576, 1996. The second, which the example
# fits, is that of a black body of 2.725 K with this added.
# fmt: off
LEFT = [
    5, 9, 15, 4, 19, -30, -30, -10, 32, 4, -2, 13, -22, 8, 8, -21, 9, 12, 11, -29, -46, 58, 6, -6,
    6, -17, 6, 26, -12, -19, 8, 7, 14, -33, 6, 26, -26, -6, 8, 26, 57, -116, -432,
]
# fmt: on


def naive_law(temperature, potential, wavenumber):
    """2 h ν³ / c² / (exp(h ν / k T + μ) - 1) in MJy/sr, for complex arguments too."""
    frequency = 100 * wavenumber * constants.c
    exponent = constants.h * frequency / (constants.k * temperature) + potential
    watts = 2 * constants.h * frequency**3 / constants.c**2 / (np.exp(exponent) - 1)
    return watts / 1e-20


def naive_jacobian(parameters):
    """The model's slopes over the errors of the data, by complex steps."""

    def model(p):
        return naive_law(p[0], p[1], FIRAS.wavenumber) + p[2] * FIRAS.galaxy

    steps = parameters + 1e-30j * np.eye(3)
    slopes = np.stack([model(step).imag / 1e-30 for step in steps], axis=1)
    return slopes / FIRAS.deviation[:, None]


def naive_residuals(parameters):
    temperature, potential, share = parameters
    model = naive_law(temperature, potential, FIRAS.wavenumber) + share * FIRAS.galaxy
    return (FIRAS.intensity - model) / FIRAS.deviation


def estimate(data):
    return spectrum.estimate(spectrum.minus_log_likelihood, spectrum.start(data), data)


@pytest.fixture(scope="module")
def found():
    return estimate(FIRAS)


def test_the_law_radiates_as_stefan_and_boltzmann_say():
    wavenumbers = np.linspace(1e-3, 60, 20_000)
    intensity = [spectrum.law(2.725, 0.0, k) for k in wavenumbers]
    frequencies = 100 * wavenumbers * constants.c
    total = np.trapezoid(np.array(intensity) * 1e-20, frequencies)
    assert total == pytest.approx(constants.sigma * 2.725**4 / np.pi, rel=1e-6)


def test_the_law_with_a_potential():
    for k in (2.27, 11.8, 21.33):
        expected = naive_law(2.7, 0.01, k)
        assert spectrum.law(2.7, 0.01, k) == pytest.approx(expected, rel=1e-13)


def test_the_numbers_are_those_of_the_file(found):
    assert all(column.size == len(LEFT) for column in FIRAS)
    temperature, _ = spectrum.fit_of_planck(found)
    left = 1e3 * (FIRAS.intensity - naive_law(temperature, 0, FIRAS.wavenumber))
    # what differs is the constants of 2005
    np.testing.assert_allclose(left, LEFT, atol=1.5)


def test_the_gradient_vanishes_at_the_estimate(found):
    residuals, slopes = naive_residuals(found.parameters), naive_jacobian(found.parameters)
    assert found.chi_squared == pytest.approx(residuals @ residuals, rel=1e-9)
    # in standard deviations of each parameter
    np.testing.assert_allclose(slopes.T @ residuals * found.deviations, 0, atol=1e-5)


def test_the_covariance_is_that_of_least_squares(found):
    slopes = naive_jacobian(found.parameters)
    expected = np.linalg.inv(slopes.T @ slopes)
    # the Hessian has the curvature of the model too, which is small beside it
    scale = np.outer(found.deviations, found.deviations)
    np.testing.assert_allclose(found.covariance / scale, expected / scale, atol=1e-3)


def test_the_fit_agrees_with_what_was_published(found):
    (temperature, potential, share), deviations = found.parameters, found.deviations
    assert abs(temperature - 2.725) < 1e-3
    assert abs(potential) + 2 * deviations[1] < spectrum.POTENTIAL_LIMIT
    assert 3e-5 < deviations[1] < 4.5e-5
    assert abs(share) < deviations[2]
    assert 25 < found.chi_squared < 60


def test_without_a_potential(found):
    temperature, deviation = spectrum.fit_of_planck(found)
    parameters = np.array([temperature, 0.0, 0.0])
    slopes = naive_jacobian(parameters)[:, [0, 2]]
    step, *_ = np.linalg.lstsq(slopes, naive_residuals(parameters), rcond=None)
    covariance = np.linalg.inv(slopes.T @ slopes)
    assert abs(step[0]) < 1e-3 * deviation
    assert deviation == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-3)
    assert deviation < found.deviations[0] / 3


def test_known_parameters_are_found_again():
    truth = np.array([2.9, 2e-3, 0.5])
    model = naive_law(truth[0], truth[1], FIRAS.wavenumber) + truth[2] * FIRAS.galaxy
    again = estimate(FIRAS._replace(intensity=model))
    np.testing.assert_allclose(again.parameters, truth, rtol=1e-7)
    assert again.chi_squared < 1e-6


def test_steps_that_do_not_end_raise(monkeypatch):
    monkeypatch.setattr(spectrum, "MOST_STEPS", 2)
    with pytest.raises(RuntimeError, match="no minimum within 2 steps"):
        estimate(FIRAS)


def test_a_start_too_far_away_raises():
    with np.errstate(all="ignore"), pytest.raises(RuntimeError, match=r"saddle|no minimum"):
        spectrum.estimate(spectrum.minus_log_likelihood, np.array([6.0, 0.0, 0.0]), FIRAS)


def test_the_start_is_near(found):
    assert spectrum.start(FIRAS)[0] == pytest.approx(found.parameters[0], rel=0.03)


@pytest.mark.parametrize(("name", "share"), [("68 %", 0.6827), ("95 %", 0.9545)])
def test_an_ellipse_holds_its_share(name, share):
    covariance = np.array([[4.0, 3.0, 0.0], [3.0, 9.0, 0.0], [0.0, 0.0, 1.0]])
    estimate = Estimate(np.array([1.0, -2.0, 0.0]), covariance, 0.0, 1)
    points = spectrum.ellipse(estimate, spectrum.RADII[name]) - estimate.parameters[:2, None]
    inverse = np.linalg.inv(covariance[:2, :2])
    distances = np.einsum("ik,ij,jk->k", points, inverse, points)
    np.testing.assert_allclose(distances, distances[0])
    draws = np.random.default_rng(0).multivariate_normal([0, 0], covariance[:2, :2], 20_000)
    inside = np.einsum("ki,ij,kj->k", draws, inverse, draws) < distances[0]
    assert inside.mean() == pytest.approx(share, abs=0.01)


def test_main_prints_parameters_and_saves_a_picture(tmp_path, capsys, found):
    output = tmp_path / "spectrum.png"
    spectrum.main(["--output", str(output)])
    printed = capsys.readouterr().out
    for name, value, deviation in zip(
        spectrum.NAMES, found.parameters, found.deviations, strict=True
    ):
        (line,) = [text for text in printed.splitlines() if text.startswith(name)]
        numbers = [float(number) for number in line.removeprefix(name).split()]
        assert numbers == pytest.approx([value, deviation], abs=1e-6)
    assert "for 40 degrees of freedom" in printed
    assert str(output) in printed
    picture = imread(output)
    assert picture.shape[:2] == (550, 1100)
    assert picture[..., :3].std() > 0.1
