import numpy as np
import pytest
from matplotlib.image import imread
from numba import njit

import numgrad
from numgrad.examples import stiff
from numgrad.examples.stiff import Problem, Solution

pytest.importorskip("scipy.integrate")

# Robertson's problem at t = 1e11: F. Mazzia and C. Magherini, Test Set for Initial Value Problem
# Solvers, problem ROBER
ROBERTSON = np.array([0.2083340149701255e-07, 0.8333360770334713e-13, 0.9999999791665050])


def test_robertson_ends_where_the_test_set_says():
    problem = stiff.chemistry()
    jacobian = numgrad.jacobian(problem.rhs, argnums=1)
    solution = stiff.solve(problem._replace(rtol=1e-9), "Radau", jacobian)
    np.testing.assert_allclose(solution.state, ROBERTSON, rtol=1e-8)


def test_jacobian_of_robertson():
    _, b, c = y = np.array([0.7, 1e-5, 0.3])
    expected = [
        [-0.04, 1e4 * c, 1e4 * b],
        [0.04, -1e4 * c - 6e7 * b, -1e4 * b],
        [0, 6e7 * b, 0],
    ]
    jacobian = numgrad.jacobian(stiff.robertson, argnums=1)(0.0, y)
    np.testing.assert_allclose(jacobian, expected, rtol=1e-14)


def fields(y):
    n = round(np.sqrt(y.size / 2))
    return y.reshape(2, n, n)


def naive_brusselator(t, y):
    u, v = fields(y)
    n = len(u)
    height, across = np.mgrid[:n, :n] / n
    fed = 5.0 * ((across - 0.3) ** 2 + (height - 0.6) ** 2 <= 0.1**2) * (t >= 1.1)

    def laplacian(f):
        shifted = sum(np.roll(f, shift, axis) for shift in (-1, 1) for axis in (0, 1))
        return (shifted - 4 * f) * n**2

    speeds = (
        1 + u**2 * v - 4.4 * u + 0.1 * laplacian(u) + fed,
        3.4 * u - u**2 * v + 0.1 * laplacian(v),
    )
    return np.ravel(speeds)


@pytest.mark.parametrize("t", [0.0, 1.1])
def test_brusselator_and_its_jacobian(t):
    rng = np.random.default_rng(0)
    n = 10
    y = rng.uniform(0.5, 4, 2 * n * n)
    np.testing.assert_allclose(stiff.brusselator(t, y), naive_brusselator(t, y), rtol=1e-12)

    jacobian = numgrad.jacobian(stiff.brusselator, argnums=1)(t, y)
    # a column is the imaginary part of a step along the imaginary axis
    steps = y + 1e-100j * np.eye(y.size)
    expected = np.stack([naive_brusselator(t, step).imag / 1e-100 for step in steps], axis=1)
    np.testing.assert_allclose(jacobian, expected, rtol=1e-13, atol=1e-13)


def test_the_start_of_the_brusselator():
    u, v = fields(stiff.reaction(4).start)
    np.testing.assert_allclose(u[1], 22 * 0.25 * 0.75**1.5)
    np.testing.assert_allclose(v[:, 1], 27 * 0.25 * 0.75**1.5)
    assert not u[0].any()
    assert not v[:, 0].any()


def test_states_are_those_of_the_test_set():
    problem = stiff.chemistry()
    jacobian = numgrad.jacobian(problem.rhs, argnums=1)
    first, last = stiff.states(problem._replace(rtol=1e-9), jacobian, np.array([0.0, 1e11]))
    np.testing.assert_array_equal(first, problem.start)
    np.testing.assert_allclose(last, ROBERTSON, rtol=1e-8)


@pytest.mark.parametrize("method", stiff.METHODS)
def test_the_exact_jacobian_saves_a_call_for_each_unknown(method):
    problem = stiff.reaction(5)._replace(end=2.0)
    exact, differences = stiff.compare(problem, method, numgrad.jacobian(problem.rhs, argnums=1))
    assert differences.calls - exact.calls > 0.7 * problem.start.size * differences.jacobians
    assert 0 < exact.jacobians < exact.calls
    assert stiff.apart(problem, exact.state, differences.state) < stiff.WITHIN


def test_solutions_that_end_apart_fail(monkeypatch):
    monkeypatch.setattr(stiff, "WITHIN", 0)
    problem = stiff.chemistry()._replace(end=1.0)
    with pytest.raises(SystemExit, match="Robertson by BDF: the solutions end"):
        stiff.compare(problem, "BDF", numgrad.jacobian(problem.rhs, argnums=1))


def test_apart_counts_in_tolerances():
    problem = stiff.chemistry()._replace(rtol=1e-3, atol=1e-6)
    first, second = np.array([1.002, 0.0]), np.array([1.0, 3e-6])
    assert stiff.apart(problem, first, second) == pytest.approx(3, rel=1e-2)


@njit
def square(t, y):
    return y * y


def test_a_method_that_gives_up_raises():
    problem = Problem("explosion", square, 2.0, np.array([1.0]), rtol=1e-6, atol=1e-6)
    with np.errstate(all="ignore"), pytest.raises(RuntimeError, match="explosion by Radau"):
        stiff.solve(problem, "Radau", numgrad.jacobian(square, argnums=1))


def test_a_line_of_the_table():
    problem = stiff.chemistry()._replace(rtol=1e-3, atol=0.0)
    state = np.array([1.0])
    text = stiff.line(
        problem, "BDF", Solution(state, 12, 3, 0.5), Solution(state * 1.002, 34, 3, 0.25)
    )
    assert " ".join(text.split()) == "Robertson 3 BDF 12 + 3 0.50 s 34 0.25 s 2"


def test_main_prints_calls_and_times_and_saves_a_picture(tmp_path, capsys):
    output = tmp_path / "stiff.png"
    stiff.main(["--grid", "5", "--output", str(output)])
    picture = imread(output)
    assert picture.shape[:2] == (450, 1100)
    assert picture[..., :3].std() > 0.1
    printed = capsys.readouterr().out.splitlines()
    for name, unknowns in (("Robertson", 3), ("Brusselator, 5 x 5", 50)):
        lines = [text.removeprefix(name).split() for text in printed if text.startswith(name)]
        assert [line[1] for line in lines] == list(stiff.METHODS)
        for line in lines:
            assert int(line[0]) == unknowns
            calls, differences = int(line[2]), int(line[7])
            assert calls < differences
            assert float(line[-1]) < stiff.WITHIN
