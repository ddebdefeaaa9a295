import numpy as np
import pytest
from matplotlib.image import imread
from scipy.stats import norm

from numgrad.examples import options
from numgrad.examples.options import MATURITIES, RATE, SPOTS, SPREAD, STRIKE, Greeks


def closed_forms():
    """The textbook's formulas."""
    root = np.sqrt(MATURITIES)
    d1 = (np.log(SPOTS / STRIKE) + (RATE + SPREAD**2 / 2) * MATURITIES) / (SPREAD * root)
    d2 = d1 - SPREAD * root
    discounted = STRIKE * np.exp(-RATE * MATURITIES)
    density = norm.pdf(d1)
    vega = SPOTS * density * root
    return Greeks(
        price=SPOTS * norm.cdf(d1) - discounted * norm.cdf(d2),
        delta=norm.cdf(d1),
        theta=-SPOTS * density * SPREAD / (2 * root) - RATE * discounted * norm.cdf(d2),
        vega=vega,
        gamma=density / (SPOTS * SPREAD * root),
        vanna=-density * d2 / SPREAD,
        volga=vega * d1 * d2 / SPREAD,
    )


@pytest.fixture(scope="module")
def found():
    return options.greeks(SPOTS, MATURITIES)


@pytest.mark.parametrize("name", Greeks._fields)
def test_greeks_are_those_of_the_textbook(name, found):
    ours, theirs = getattr(found, name), getattr(closed_forms(), name)
    assert ours.shape == (MATURITIES.size, SPOTS.size)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-13 * np.abs(theirs).max())


def test_second_derivatives_do_not_depend_on_their_order():
    option = SPOTS, MATURITIES, SPREAD, STRIKE, RATE
    (_, vanna), (again, _) = options.curvatures(*option)
    np.testing.assert_allclose(again, vanna, rtol=1e-12, atol=1e-13)


def test_the_equation_holds_for_exact_derivatives_alone(found):
    assert options.violation(closed_forms(), SPOTS) < 1e-12
    assert options.violation(found, SPOTS) < 1e-12
    wrong = found.delta.copy()
    wrong[3, 4] += 1e-6
    expected = RATE * SPOTS[4] * 1e-6
    missed = options.violation(found._replace(delta=wrong), SPOTS)
    assert missed == pytest.approx(expected, rel=1e-3)


def test_differences_are_near():
    exact, near = closed_forms(), options.differences(SPOTS, MATURITIES, 1e-4)
    for name, within in (("delta", 1e-6), ("theta", 1e-4), ("gamma", 1e-5)):
        np.testing.assert_allclose(getattr(near, name), getattr(exact, name), atol=within)


def test_main_prints_greeks_and_saves_a_picture(tmp_path, capsys):
    output = tmp_path / "options.png"
    options.main(["--output", str(output)])
    printed = capsys.readouterr().out.splitlines()
    # d1 = 0.97429..., d2 = d1 - 1/4 of a call at 100 with the stock at 120, a year before the end
    d1 = (np.log(1.2) + 0.03 + 0.25**2 / 2) / 0.25
    expected = {
        "delta": norm.cdf(d1),
        "vega": 1.2 * norm.pdf(d1),
        "gamma": norm.pdf(d1) / 30,
        "vanna": -0.04 * norm.pdf(d1) * (d1 - 0.25),
    }
    for name, value in expected.items():
        (line,) = [text for text in printed if text.startswith(f"  {name}")]
        assert float(line.split()[1]) == pytest.approx(value, abs=6e-5)
    exact, differences = (float(text.split()[0]) for text in printed if "dollars a year" in text)
    assert exact < 1e-12
    assert 1e-8 < differences < 1e-4
    picture = imread(output)
    assert picture.shape[:2] == (800, 1200)
    assert picture[..., :3].std() > 0.1
