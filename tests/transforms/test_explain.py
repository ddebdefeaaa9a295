"""The report: every line below that ends in ``#:`` says itself what is expected of it."""

import re

import numpy as np
import pytest
from numba import njit

import numgrad
from numgrad.twin.twin import twin_of


@njit
def total(numbers):  #: *
    result = 0.0
    for number in numbers:  #: *
        result += number  #: *
    return result  #: *


@njit
def squares(x, out):  #: *
    for i in range(x.size):
        out[i] = x[i] ** 2  #: *


@njit
def ruled(x):
    return x * x


@numgrad.rule(ruled)
def ruled_and_slope(x):
    return x * x, 2.0 * x


@njit
def power(x, n):  #: *
    if n == 0:
        return x * 0.0 + 1.0  #: *
    return x * power(x, n - 1)  #: * power on duals


@njit
def inner(x):
    return x[0] ** 3


@njit(fastmath=True)
def everything(x, table, steps=3):  #: *
    n = x.size
    weights = np.linspace(0.0, 1.0, steps)  #: np.linspace of float64
    rounded = table.astype(np.float32)  #: .astype of float32
    buffer, scratch = np.empty(n), np.empty(n)  #: * np.empty of duals; np.empty of float64
    scratch[0] = total(table)  #: total as it is
    squares(x, buffer)  #: * squares on duals
    copied = buffer.copy()  #: * .copy of duals
    by_rule = ruled(x[1])  #: * ruled by its rule
    without = ruled(table[0])  #: ruled as it is
    slope = numgrad.grad(inner)(x)  #: * grad(inner) on duals
    as_array = np.ascontiguousarray(slope)  #: * np.ascontiguousarray of duals
    literal = np.array([steps, 1.0])  #: array of float64
    constants = literal[0] + weights.sum() + rounded[0] + scratch[0] + without
    powers = power(x[0], 2)  #: * power on duals
    return total(copied) + by_rule + powers + as_array[0] + constants  #: * total on duals


@pytest.fixture(scope="module")
def report():
    return numgrad.explain(everything, np.array([0.5, 1.5, 2.5]), np.array([2.0, 3.0]))


def expected(line):
    """Return what a line says of itself: whether it is active, and the note."""
    star, note = re.match(r"(\*?) ?(.*)", line.text.partition("#: ")[2]).groups()
    return star == "*", note


def test_lines_are_as_they_were_compiled(report):
    for section in report.sections:
        for line in section.lines:
            assert (line.is_active, line.note) == expected(line), line


def test_callees_compiled_on_duals_follow_once(report):
    titles = [section.title for section in report.sections]
    assert titles == [
        "everything by x: 3 inputs, 8 partials a pass, 1 pass",
        "squares: duals in x, out",
        "power: duals in x",
        "total: duals in numbers",
    ]
    assert all(__file__ in section.place for section in report.sections)


def test_text_and_html_show_the_same(report):
    text, html = str(report), report._repr_html_()
    assert repr(report) == text
    assert "\n*   " in text
    assert html.count("<pre>") == len(report.sections)
    actives = sum(line.is_active for section in report.sections for line in section.lines)
    assert text.count("\n* ") == html.count("background") == actives
    for section in report.sections:
        assert section.title in text
        assert section.title in html


def test_html_is_escaped():
    report = numgrad.explain(compared, 2.0)
    assert "x &lt; 1.0" in report._repr_html_()
    assert "x < 1.0" in str(report)


@njit
def compared(x):
    return x if x < 1.0 else -x


@njit
def summed(x, y):
    return np.sum(x) + np.sum(y)


@pytest.mark.parametrize("size", [0, 8, 70])
def test_passes_are_those_that_are_made(size):
    x, y = np.ones(size), np.ones((2, 3))
    counted = numgrad.explain(summed, x, y, argnums=(0, 1), mode="forward").sections[0].title
    inputs, partials, passes = map(int, re.findall(r"(\d+) (?:input|partial|pass)", counted))
    assert inputs == size + 6
    assert passes == max(1, -(-inputs // partials))
    made = set(twin_of(summed).overloads)
    assert any(f"Dual(float64, {partials}," in str(kinds) for kinds in made)
    numgrad.jacobian(summed, argnums=(0, 1), mode="forward")(x, y)
    assert set(twin_of(summed).overloads) == made


def test_inputs_by_several_arguments_and_in_varargs():
    report = numgrad.explain(lambda x, *rest: x * rest[1], 2.0, 3.0, 4.0, argnums=(0, -1))
    assert "by x, rest: 2 inputs, 2 partials a pass, 1 pass" in str(report)


def test_a_function_with_a_rule_is_not_compiled_on_duals():
    (section,) = numgrad.explain(ruled, 2.0).sections
    assert section.title.endswith("by its rule")
    assert not any(line.is_active for line in section.lines)


def test_a_function_whose_source_is_lost():
    names = {}
    exec("def f(x): return x * x", names)
    (section,) = numgrad.explain(names["f"], 2.0).sections
    assert [(line.number, line.text, line.is_active) for line in section.lines] == [(1, "", True)]


def test_what_stops_the_derivative_is_an_error():
    def lossy(x):
        cell = np.zeros(1, np.int64)
        cell[0] = x
        return cell[0] * x

    with pytest.raises(numgrad.DifferentiationError, match=r"test_explain.*\n"):
        numgrad.explain(lossy, 2.0)


WEIGHTS = np.array([1.0, 2.0])


def test_frozen_arrays_are_named():
    def weighted(x):
        return np.sum(WEIGHTS * x)

    assert "; frozen when it was compiled: WEIGHTS" in str(numgrad.explain(weighted, np.ones(2)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((numgrad.grad(inner), 2.0), "a function of your own"),
        ((3, 2.0), "a function was expected"),
        ((inner,), "missing a required argument"),
        ((inner, object()), "argument 0 of inner is of type object"),
        ((inner, 3), "only floats"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(TypeError, match=message):
        numgrad.explain(*arguments)
