"""A derivative is never lost in silence: the error names the line."""

import linecache
import traceback

import numpy as np
import pytest
from numba import njit

import numgrad

table = np.zeros(3)


@njit
def into_integers(x):
    y = np.zeros(3, np.int64)
    y[0] = x
    return y[0] * x


@njit
def into_global(x):
    table[0] = x
    return table[0]


@njit
def attribute(x):
    return x.no_such_attribute


@njit
def unknown_function(x):
    return np.packbits(x)


@njit
def calls_another(x):
    return into_integers(x)


CULPRITS = {
    into_integers: "y[0] = x",
    into_global: "table[0] = x",
    attribute: "return x.no_such_attribute",
    unknown_function: "return np.packbits(x)",
    calls_another: "y[0] = x",
}


@pytest.mark.parametrize("function", CULPRITS)
def test_error_names_the_line(function):
    with pytest.raises(numgrad.DifferentiationError) as raised:
        numgrad.derivative(function)(2.0)
    message = str(raised.value)
    line = CULPRITS[function]
    assert __file__ in message
    assert line in message
    number = int(message.split(f"{__file__}, line ")[1].split(":")[0])
    assert linecache.getline(__file__, number).strip() == line
    assert raised.value.__context__ is not None


def test_traceback_is_short(monkeypatch):
    """The user's frame, numgrad's and the message, unless all is asked for."""

    derive = numgrad.derivative(into_integers)

    def told(f):
        with pytest.raises(numgrad.DifferentiationError) as raised:
            f(2.0)
        return "".join(traceback.format_exception(raised.value))

    inside = njit(lambda x: derive(x))
    for f in (derive, inside, lambda x: inside(x)):
        assert "numba/core" not in told(f)
        assert len(told(f).splitlines()) < 20
    monkeypatch.setenv("NUMGRAD_FULL_TRACEBACK", "1")
    for f in (derive, inside):
        assert "numba/core" in told(f)


def test_error_is_short():
    with pytest.raises(numgrad.DifferentiationError) as raised:
        numgrad.derivative(into_integers)(2.0)
    assert len(str(raised.value).splitlines()) <= 5
    assert "Dual(" not in str(raised.value)


def test_inside_njit():
    derive = numgrad.derivative(into_integers)
    with pytest.raises(numgrad.DifferentiationError, match="into_integers"):
        njit(lambda x: derive(x))(2.0)
