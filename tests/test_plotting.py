"""Pictures of functions beside their derivatives."""

import subprocess
import sys

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def wave(x):
    return np.sin(3 * x) if x > 0 else 3 * x  # not for arrays


def surface(x, y):
    return x**3 + 5 * x + y**2


def lines_of(axes):
    return {line.get_label(): line.get_xydata().T for line in axes.get_lines()}


def test_a_function_and_its_derivatives():
    axes = numgrad.plot(wave, -1.0, 2.0, order=2, points=51, jit=False)
    lines = lines_of(axes)
    assert list(lines) == ["wave", "wave′", "wave″"]
    x = np.linspace(-1.0, 2.0, 51)
    expected = [
        np.where(x > 0, np.sin(3 * x), 3 * x),
        np.where(x > 0, 3 * np.cos(3 * x), 3.0),
        np.where(x > 0, -9 * np.sin(3 * x), 0.0),
    ]
    for line, values in zip(lines.values(), expected, strict=True):
        assert_array_equal(line[0], x)
        assert_allclose(line[1], values, rtol=1e-13, atol=1e-13)
    assert axes.get_xlabel() == "x"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(lines)
    colours = {line.get_color() for line in axes.get_lines()}
    styles = {line.get_linestyle() for line in axes.get_lines()}
    assert len(colours) == len(styles) == 3


def test_sine_at_200_points_compiled():
    @njit
    def sine(x):
        return np.sin(x)

    value, slope = lines_of(numgrad.plot(sine, -5.0, 5.0)).values()
    assert value.shape == (2, 200)
    assert_allclose(value[1], np.sin(value[0]), atol=1e-15)
    assert_allclose(slope[1], np.cos(slope[0]), atol=1e-15)


def test_panels_of_partial_derivatives():
    panels = numgrad.plot(surface, (-2.0, 0.0), (2.0, 4.0), at=(1.0, 3.0), jit=False)
    (_, by_x), (_, by_y) = (lines_of(panel).values() for panel in panels)
    assert_allclose(by_x[1], 3 * by_x[0] ** 2 + 5, rtol=1e-14)
    assert_allclose(by_y[1], 2 * by_y[0], rtol=1e-14)
    assert [list(lines_of(panel)) for panel in panels] == [
        ["surface", "∂surface/∂x"],
        ["surface", "∂surface/∂y"],
    ]
    assert [panel.get_title() for panel in panels] == ["y = 3", "x = 1"]
    assert [panel.get_xlim()[1] > 3.0 for panel in panels] == [False, True]
    assert_allclose(lines_of(panels[0])["surface"][1][0], -8 - 10 + 9)


def test_on_axes_of_the_callers():
    _, axes = plt.subplots()
    assert numgrad.plot(lambda t: t**4, 0.0, 1.0, order=4, ax=axes, jit=False) is axes
    assert list(lines_of(axes)) == ["f", "f′", "f″", "f‴", "f⁽⁴⁾"]
    assert list(lines_of(numgrad.plot(np.exp, 0.0, 1.0, order=0))) == ["exp"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: numgrad.plot(wave, 0, 1, order=-1), ValueError, "order must be 0 or more"),
        (lambda: numgrad.plot(surface, (0, 1, 2), 1), ValueError, "a has 3 entries, but .* 2 arg"),
        (lambda: numgrad.plot(lambda *x: 1.0, 0, 1), TypeError, "a function of one number"),
        (lambda: numgrad.plot(lambda: 1.0, 0, 1), TypeError, "a function of one number"),
        (lambda: numgrad.plot(surface, 0, 1, ax=[1]), ValueError, "ax must hold 2 Axes"),
        (lambda: numgrad.plot_gradient(np.ones(3)), ValueError, "2 dimensions, not in 1"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_field_and_its_gradient():
    y, x = np.linspace(0.0, 1.0, 30), np.linspace(0.0, 4.0, 60) ** 0.5
    field = np.sin(3 * y)[:, None] + x**2
    axes = numgrad.plot_gradient(field, y, x, arrows=10)
    (quiver,) = (c for c in axes.collections if hasattr(c, "U"))
    up, right = np.gradient(field, y, x)
    assert_array_equal(quiver.U, right[3::6, 3::6].ravel())
    assert_array_equal(quiver.V, up[3::6, 3::6].ravel())
    places = np.stack(np.meshgrid(x[3::6], y[3::6]), axis=-1).reshape(-1, 2)
    assert_array_equal(quiver.XY, places)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("axis 1", "axis 0")
    assert numgrad.plot_gradient(field, 2.0, ax=axes) is axes


def test_matplotlib_is_loaded_when_it_draws():
    program = (
        "import sys, numgrad; numgrad.plot, numgrad.plot_gradient, numgrad.trace;"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
