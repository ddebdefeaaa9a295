import numpy as np
import pytest
from matplotlib.image import imread
from scipy.integrate import solve_ivp

from numgrad.examples import lynx

TRUTH = np.log([0.6, 0.03, 0.9, 0.02, 40.0, 5.0])


def naive_populations(logs, times):
    """Runge and Kutta's method on the animals' logarithms, for complex parameters too."""
    alpha, beta, gamma, delta = np.exp(logs[:4])

    def speeds(state):
        return np.array([alpha - beta * np.exp(state[1]), delta * np.exp(state[0]) - gamma])

    state = logs[4:]
    out = [state]
    for h in np.diff(times) / lynx.STEPS:
        for _ in range(lynx.STEPS):
            k1 = speeds(state)
            k2 = speeds(state + h / 2 * k1)
            k3 = speeds(state + h / 2 * k2)
            k4 = speeds(state + h * k3)
            state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        out.append(state)
    return np.array(out)


def naive_jacobian(logs, times):
    """By complex steps."""
    steps = logs + 1e-30j * np.eye(logs.size)
    return np.stack([naive_populations(step, times).imag / 1e-30 for step in steps], axis=-1)


@pytest.fixture(scope="module")
def found():
    return lynx.fit(lynx.YEARS, lynx.LOG_PELTS, lynx.start(lynx.YEARS, lynx.LOG_PELTS))


def test_populations_are_those_of_the_equations():
    alpha, beta, gamma, delta, hares, cats = np.exp(TRUTH)

    def speeds(t, state):
        u, v = state
        return [(alpha - beta * v) * u, (delta * u - gamma) * v]

    exact = solve_ivp(
        speeds,
        (1900, 1920),
        [hares, cats],
        method="DOP853",
        t_eval=lynx.YEARS,
        rtol=1e-11,
        atol=1e-11,
    )
    ours = np.exp(lynx.populations(TRUTH, lynx.YEARS))
    np.testing.assert_allclose(ours, exact.y.T, rtol=1e-4)
    # of fourth order: steps a tenth as long are ten thousand times as good
    finer = np.exp(lynx.populations(TRUTH, np.linspace(1900, 1920, 201)))[::10]
    np.testing.assert_allclose(finer, exact.y.T, rtol=3e-8)


def test_the_jacobian_is_that_of_the_integration():
    times = lynx.YEARS[:12]
    np.testing.assert_allclose(
        lynx.jacobian(TRUTH, times), naive_jacobian(TRUTH, times), rtol=1e-9, atol=1e-9
    )


def test_the_start_is_read_off_the_record():
    rate = 2 * np.pi / 11  # most lynx in 1904 and 1915
    guess = np.exp(lynx.start(lynx.YEARS, lynx.LOG_PELTS))
    np.testing.assert_allclose(guess[[0, 2]], rate)
    np.testing.assert_allclose(guess[0] / guess[1], lynx.LYNX.mean())
    np.testing.assert_allclose(guess[2] / guess[3], lynx.HARES.mean())
    np.testing.assert_allclose(guess[4:], [30, 4])


def test_known_parameters_are_found_again():
    record = naive_populations(TRUTH, lynx.YEARS)
    again = lynx.fit(lynx.YEARS, record, TRUTH + np.array([0.2, -0.1, 0.1, 0.2, -0.3, 0.3]))
    np.testing.assert_allclose(again.logs, TRUTH, atol=1e-6)
    assert again.error < 1e-6


def test_the_fit_is_a_least_square_with_its_covariance(found):
    residuals = (lynx.LOG_PELTS - naive_populations(found.logs, lynx.YEARS)).ravel()
    slopes = naive_jacobian(found.logs, lynx.YEARS).reshape(residuals.size, -1)
    variance = residuals @ residuals / (42 - 6)
    assert found.error == pytest.approx(np.sqrt(variance), rel=1e-9)
    np.testing.assert_allclose(
        found.covariance, variance * np.linalg.inv(slopes.T @ slopes), rtol=1e-7, atol=1e-12
    )
    step, *_ = np.linalg.lstsq(slopes, residuals, rcond=None)
    assert np.all(np.abs(step) < 1e-3 * np.sqrt(np.diag(found.covariance)))


def test_the_fit_agrees_with_what_was_published(found):
    apart = np.abs(found.parameters - lynx.PUBLISHED)
    rounding = 0.0005  # of three digits
    assert np.all(apart < 0.3 * lynx.PUBLISHED_DEVIATIONS + rounding)
    np.testing.assert_allclose(found.deviations, lynx.PUBLISHED_DEVIATIONS, rtol=0.2, atol=rounding)


def test_the_band_begins_with_the_first_year(found):
    curves, deviations = lynx.band(found, lynx.YEARS[:1])
    np.testing.assert_array_equal(curves[0], found.logs[4:])
    np.testing.assert_allclose(deviations[0], np.sqrt(np.diag(found.covariance))[4:])


def test_the_band_is_as_wide_as_the_fits_of_other_records(found):
    rng = np.random.default_rng(0)
    at = np.array([1900.0, 1907.0, 1914.0])
    exact = naive_populations(found.logs, lynx.YEARS)
    fits = [lynx.fit(lynx.YEARS, rng.normal(exact, found.error), found.logs) for _ in range(300)]
    curves = [lynx.populations(each.logs, at) for each in fits]
    _, deviations = lynx.band(found, at)
    np.testing.assert_allclose(np.std(curves, axis=0), deviations, rtol=0.25)


def test_a_fit_that_does_not_end_raises(monkeypatch):
    monkeypatch.setattr(lynx, "MOST_TRIALS", 2)
    with pytest.raises(RuntimeError, match="no minimum within 2 trials"):
        lynx.fit(lynx.YEARS, lynx.LOG_PELTS, TRUTH)


def test_main_prints_parameters_and_saves_a_picture(tmp_path, capsys, found):
    output = tmp_path / "lynx.png"
    lynx.main(["--output", str(output)])
    printed = capsys.readouterr().out
    for name, value, deviation in zip(lynx.NAMES, found.parameters, found.deviations, strict=True):
        (line,) = [text for text in printed.splitlines() if text.startswith(name)]
        numbers = [float(number) for number in line.removeprefix(name).split()]
        assert numbers[:2] == pytest.approx([value, deviation], abs=6e-4)
    assert str(output) in printed
    picture = imread(output)
    assert picture.shape[:2] == (480, 1100)
    assert picture[..., :3].std() > 0.1
