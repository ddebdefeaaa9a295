from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from numba import njit

import numgrad
from numgrad.examples import fit
from numgrad.examples.fit import Problem

pytest.importorskip("scipy.optimize")

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "nist"

# What NIST certifies beside the parameters: the sum of squares at the minimum.
SUMS_OF_SQUARES = {
    "MGH09": 3.0750560385e-04,
    "Eckerle4": 1.4635887487e-03,
    "Thurber": 5.6427082397e03,
}


def named(problem):
    return problem.name


@pytest.mark.parametrize("problem", fit.PROBLEMS, ids=named)
def test_the_numbers_are_those_of_nist(problem):
    residuals = problem.residuals(problem.certified, problem.x, problem.y)
    assert residuals @ residuals == pytest.approx(SUMS_OF_SQUARES[problem.name], rel=1e-9)


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no folder {FOLDER}")
@pytest.mark.parametrize("problem", fit.PROBLEMS, ids=named)
def test_the_numbers_are_those_of_the_files(problem):
    lines = (FOLDER / f"{problem.name}.dat").read_text(encoding="ascii").splitlines()
    y, x = np.array([line.split() for line in lines[60:]], dtype=float).T
    rows = [line.split("=")[1].split() for line in lines[40:50] if "=" in line]
    first, second, certified, _ = np.array(rows, dtype=float).T
    for ours, theirs in zip(
        (problem.x, problem.y, *problem.starts, problem.certified),
        (x, y, first, second, certified),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_digits_are_those_of_the_worst_parameter():
    certified = np.array([2.0, -300.0])
    assert fit.digits(certified * [1 + 1e-9, 1 - 1e-4], certified) == pytest.approx(4)
    assert fit.digits(certified * 101, certified) == pytest.approx(-2)
    assert fit.digits(certified * (1 + 1e-13), certified) == 11
    assert fit.digits(certified, certified) == 11


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("problem", fit.PROBLEMS, ids=named)
def test_the_exact_jacobian_reaches_the_certified_digits(problem, start):
    exact, differences = (
        fit.fit(problem, problem.starts[start], jacobian)
        for jacobian in (numgrad.jacobian(problem.residuals), None)
    )
    # what rounding leaves of the sum of squares tells six digits of MGH09, more of the others
    assert fit.digits(exact.parameters, problem.certified) > 6
    assert fit.digits(exact.settled, problem.certified) > 10
    assert fit.digits(differences.parameters, problem.certified) > 6
    assert exact.jacobians <= exact.calls < differences.calls / 2
    assert differences.jacobians == 0


@njit
def proportional(b, x, y):
    return b[0] * x - y


def test_the_band_around_a_line_through_the_origin():
    x, y = np.array([1.0, 2.0, 4.0]), np.array([1.1, 1.8, 4.1])
    slope = np.array([x @ y / (x @ x)])
    problem = Problem("line", proportional, (slope, slope), slope, x, y)
    grid = np.array([0.0, 3.0, 10.0])

    curve, deviation = fit.band(problem, slope, numgrad.jacobian(proportional), grid)

    np.testing.assert_allclose(curve, slope * grid)
    variance = np.sum((slope * x - y) ** 2) / 2
    np.testing.assert_allclose(deviation, np.sqrt(variance / (x @ x)) * grid)


def test_main_prints_digits_and_calls_and_saves_a_picture(tmp_path, capsys):
    output = tmp_path / "fit.png"
    fit.main(["--output", str(output)])
    printed = capsys.readouterr().out
    for problem in fit.PROBLEMS:
        for start in (1, 2):
            label = f"{problem.name}, start {start} "
            (line,) = [text for text in printed.splitlines() if text.startswith(label)]
            digits, settled, calls, plus, jacobians, *others = line.removeprefix(label).split()
            assert 6 < float(digits) <= 11
            assert 10 < float(settled) <= 11
            assert plus == "+"
            assert int(jacobians) <= int(calls) < int(others[-1])
            assert len(others) == 3
    assert str(output) in printed
    picture = imread(output)
    assert picture.shape[:2] == (600, 800)
    assert picture[..., :3].std() > 0.1
