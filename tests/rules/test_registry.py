"""Rules that users give."""

import numpy as np
import pytest

from numgrad.numbers.dual.number import Dual
from numgrad.rules.registry import TABLE, rule


def test_a_rule_of_ones_own():
    cube = np.frompyfunc(lambda x: x**3, 1, 1)

    @rule(cube)
    def body(x):
        return x * x * x, 3.0 * x * x

    try:
        assert cube(Dual(2.0, 1.0)).partials == (12.0,)
        assert cube(Dual(Dual(2.0, 1.0), 1.0)).partials[0].partials == (12.0,)
        assert TABLE[cube].body is body
        assert TABLE[cube].arity == 1

        @rule(cube)
        def other(x):
            return x * x * x, None

        assert cube(Dual(2.0, 1.0)) == 8.0
        assert not isinstance(cube(Dual(2.0, 1.0)), Dual)
    finally:
        TABLE.pop(cube)


def test_a_rule_stands_for_functions():
    with pytest.raises(TypeError, match="needs the function"):
        rule()
    with pytest.raises(TypeError, match="not for 3"):
        rule(3)
    with pytest.raises(TypeError, match="is a function, not 'sin'"):
        rule(np.spacing)("sin")
    assert np.spacing not in TABLE


@pytest.mark.parametrize("returned", [1.0, (1.0,), (1.0, 2.0, 3.0)])
def test_a_rule_returns_a_slope_for_each_argument(returned):
    function = np.frompyfunc(lambda x: x, 1, 1)
    rule(function)(lambda x: returned)
    try:
        with pytest.raises(TypeError, match=r"a slope for each of 1 arguments"):
            function(Dual(1.0, 1.0))
    finally:
        TABLE.pop(function)
