"""Every entry of the table against mpmath: values, slopes and their slopes, at the hard ends too.

A new entry is tested from the day it is written: a row in one of the tables below is due.
"""

import itertools
import math
from dataclasses import dataclass

import mpmath as mp
import numpy as np
import pytest

from numgrad.numbers.dual.number import Dual, apply
from numgrad.rules.registry import COMPLEX_TABLE, TABLE, primal

inf, nan = math.inf, math.nan
EPS, EPS_SINGLE = 2.0**-52, 2.0**-23


@dataclass
class Row:
    """What an entry is compared with, and where."""

    exact: object
    points: list  # of tuples of arguments
    units: float = 8  # units of rounding that value, slopes and second slopes may be off


def at(*numbers):
    return [(x,) for x in numbers]


def pairs(*numbers):
    return list(itertools.product(numbers, repeat=2))


def power_log(x, y, k):
    return x**y * mp.log(x) ** k


def sinc_derivative(n, x):
    return mp.diff(mp.sincpi, x, int(n)) if n else mp.sincpi(x)


ANYWHERE = at(-40.3, -3.0, -1.1, -0.5, -1e-5, 1e-20, 1e-8, 0.3, 1.0, 2.5, 33.0)
POSITIVE = at(1e-300, 1e-8, 0.3, 0.999, 1.0, 1.7, 33.0, 1e150)
INSIDE = at(-1 + 1e-15, -0.7, -1e-9, 1e-20, 0.4, 0.99, 1 - 1e-15)
PLANE = pairs(-1e8, -3.0, -1e-9, 0.4, 1.0, 1e7)

# The reference of each rule, and arguments. More units than a few where the function itself is
# worse conditioned there: cos, tan and the like at large arguments, powers x**y by |y log x|.
ROWS = {
    "add": Row(lambda x, y: x + y, PLANE),
    "subtract": Row(lambda x, y: x - y, PLANE),
    "multiply": Row(lambda x, y: x * y, PLANE),
    "divide": Row(lambda x, y: x / y, [*PLANE, (1e-200, 1e-100), (3.0, 1e160)]),
    "remainder": Row(lambda x, y: x - y * mp.floor(x / y), [(7.3, 2.1), (-7.3, 2.1), (7.3, -2.1)]),
    "fmod": Row(
        lambda x, y: x - y * (mp.floor if x * y > 0 else mp.ceil)(x / y),
        [(7.3, 2.1), (-7.3, 2.1), (7.3, -2.1), (math.nextafter(2.1, 0), 0.7)],
    ),
    "negative": Row(lambda x: -x, ANYWHERE),
    "positive": Row(lambda x: +x, ANYWHERE),
    "absolute": Row(lambda x: abs(x), ANYWHERE),
    "copysign": Row(
        lambda x, y: abs(x) * mp.sign(y), [(2.0, 3.0), (2.0, -3.0), (-2.0, 3.0), (-2.0, -3.0)]
    ),
    "deg2rad": Row(mp.radians, ANYWHERE),
    "rad2deg": Row(mp.degrees, ANYWHERE),
    "power": Row(
        lambda x, y: x**y, [(0.3, 2.5), (2.0, -1.5), (7.0, 0.0), (1e-200, 1.5), (1.0, 9.0)], 500
    ),
    "power_log": Row(power_log, [(0.3, 2.5, 1.0), (2.0, -1.5, 2.0), (7.0, 0.0, 1.0)], 40),
    "sqrt": Row(mp.sqrt, POSITIVE),
    "cbrt": Row(lambda x: mp.sign(x) * mp.cbrt(abs(x)), [*POSITIVE, *at(-8.0, -1e-3)]),
    "square": Row(lambda x: x * x, ANYWHERE),
    "reciprocal": Row(lambda x: 1 / x, at(-1e99, -2.0, 1e-99, 3.0)),
    "exp": Row(mp.exp, [*ANYWHERE, *at(-700.0, 700.0)]),
    "exp2": Row(lambda x: mp.mpf(2) ** x, [*ANYWHERE, *at(-1000.5, 1000.5)]),
    "expm1": Row(mp.expm1, ANYWHERE),
    "log": Row(mp.log, at(1e-150, 1e-8, 0.3, 0.999, 1.7, 33.0, 1e150)),
    "log2": Row(lambda x: mp.log(x, 2), at(1e-150, 1e-8, 0.3, 0.999, 1.7, 33.0, 1e150)),
    "log10": Row(mp.log10, at(1e-150, 1e-8, 0.3, 0.999, 1.7, 33.0, 1e150)),
    "log1p": Row(mp.log1p, at(-1 + 1e-15, -0.3, -1e-9, 1e-20, 1e-8, 3.0, 1e100)),
    "logaddexp": Row(
        lambda x, y: mp.log(mp.exp(x) + mp.exp(y)),
        [(1.0, 2.0), (-3.0, -3.0), (700.0, 1.0), (-800.0, -790.0), (5.0, 740.0), (1e3, 1e3)],
        2000,
    ),
    "logaddexp2": Row(
        lambda x, y: mp.log(mp.mpf(2) ** x + mp.mpf(2) ** y, 2),
        [(1.0, 2.0), (-3.0, -3.0), (900.0, 1.0), (-1e4, -1e4 + 3.5), (5e3, 5e3)],
        2000,
    ),
    "expit": Row(lambda x: 1 / (1 + mp.exp(-x)), at(-700.0, -3.0, -0.1, 0.1, 2.0, 36.0, 700.0)),
    "sin": Row(mp.sin, ANYWHERE),
    "cos": Row(mp.cos, ANYWHERE),
    "tan": Row(mp.tan, [*ANYWHERE, *at(1.5707963267948966)]),
    "arcsin": Row(mp.asin, INSIDE),
    "arccos": Row(mp.acos, INSIDE),
    "one_minus_square": Row(lambda x: 1 - x * x, INSIDE),
    "arctan": Row(mp.atan, [*ANYWHERE, *at(1e100)]),
    "sinc": Row(mp.sincpi, at(1e-20, 1e-9, 0.01, 0.3, 0.64, -0.9, 2.25, -7.3), 60),
    "sinc_derivative": Row(sinc_derivative, [(0.0, 0.3), (1.0, 0.01), (1.0, -2.3), (2.0, 0.7)], 60),
    "hypot": Row(mp.hypot, [*PLANE, (1e-200, 3e-200), (1e200, -1e200), (1e-12, 1e12)]),
    "arctan2": Row(lambda y, x: mp.atan2(y, x), [*PLANE, (1e-99, 3e-99), (1e150, -1e150)]),
    "sinh": Row(mp.sinh, [*ANYWHERE, *at(700.0)]),
    "cosh": Row(mp.cosh, [*ANYWHERE, *at(700.0)]),
    "tanh": Row(mp.tanh, [*ANYWHERE, *at(-300.0, 300.0)]),
    "sech": Row(mp.sech, [*ANYWHERE, *at(-300.0, 300.0)], 30),
    "arcsinh": Row(mp.asinh, [*ANYWHERE, *at(-1e100, 1e200)]),
    "arccosh": Row(mp.acosh, at(1 + 1e-15, 1.5, 30.0, 1e200)),
    "arctanh": Row(mp.atanh, INSIDE),
    "erf": Row(mp.erf, at(-5.0, -0.3, 1e-9, 0.5, 2.0, 6.0), 100),
    "erfc": Row(mp.erfc, at(-5.0, -0.3, 1e-9, 0.5, 2.0, 20.0), 1000),
    "gamma": Row(mp.gamma, at(-2.5, -0.4, 1e-9, 0.3, 1.0, 4.2, 100.5), 60),
    "lgamma": Row(mp.loggamma, at(1e-9, 0.3, 1.5, 4.2, 1e10), 40),
    "digamma": Row(mp.digamma, at(-2.4, 1e-9, 0.3, 1.0, 4.2, 1e10), 60),
    "polygamma": Row(
        lambda n, x: mp.polygamma(int(n), x), [(1.0, 0.3), (1.0, 4.2), (2.0, -0.4), (2.0, 50.0)], 80
    ),
    "real": Row(lambda x: x, ANYWHERE),
    "conjugate": Row(lambda x: x, ANYWHERE),
    "either": Row(lambda x, y: (x + y) / 2, [(3.0, 3.0)]),
    "maximum": Row(max, [(2.0, 3.0), (3.0, 2.0)]),
    "minimum": Row(min, [(2.0, 3.0), (3.0, 2.0)]),
    "fmax": Row(max, [(2.0, 3.0), (3.0, 2.0)]),
    "fmin": Row(min, [(2.0, 3.0), (3.0, 2.0)]),
    "max": Row(max, [(2.0, 3.0), (3.0, 2.0)]),
    "min": Row(min, [(2.0, 3.0), (3.0, 2.0)]),
    "clip": Row(
        lambda x, a, b: min(max(x, a), b), [(0.5, 1.0, 2.0), (1.5, 1.0, 2.0), (7.0, 1.0, 2.0)]
    ),
    "heaviside": Row(lambda x, h: mp.mpf(1 if x > 0 else 0), [(-2.0, 0.3), (2.0, 0.3)]),
    "ldexp": Row(lambda x, n: x * mp.mpf(2) ** int(n), [(0.7, 3.0), (-3.0, -1000.0)]),
    "fma": Row(lambda x, y, z: x * y + z, [(2.0, 3.0, 4.0)]),
}
# Arguments which a function has no derivative in.
INTEGERS = {"ldexp": {1}, "polygamma": {0}, "sinc_derivative": {0}, "power_log": {2}}
# Tested further below, or where they are used: direction with hypot and arctan2, those of kinks
# with the functions that have them.
KINKS = {"side", "undefined", "unit", "tied", "difference", "difference_of_slopes", "undecided"}
BY_HAND = {"divmod", "modf", "frexp", "where", "direction"} | KINKS

ENTRIES = {entry.name: entry for entry in TABLE.values() if entry.kind != "piecewise_constant"}
CASES = [
    pytest.param(name, point, id=f"{name}{point}")
    for name, row in ROWS.items()
    if name in ENTRIES
    for point in row.points
]


def test_every_entry_has_a_row():
    assert set(ENTRIES) <= set(ROWS) | BY_HAND
    assert set(ROWS) - {"fma"} <= set(ENTRIES)


def variables(name, point):
    return [i for i in range(len(point)) if i not in INTEGERS.get(name, ())]


def exact_derivative(row, point, *indices):
    """Return the derivative of the reference in the arguments at some indices."""
    orders = tuple(indices.count(i) for i in range(len(point)))
    with mp.workdps(120):
        numbers = [mp.mpf(float(x)) for x in point]
        if not indices:
            return mp.mpf(row.exact(*numbers))
        used = sorted(set(indices))

        def of_used(*values):
            arguments = list(numbers)
            for i, value in zip(used, values, strict=True):
                arguments[i] = value
            return row.exact(*arguments)

        where = tuple(numbers[i] for i in used)
        order = tuple(orders[i] for i in used)
        scale = [abs(x) or 1 for x in where]
        # In units of the argument, since a step must not be longer than the number itself.
        result = mp.diff(
            lambda *u: of_used(*(w + s * t for w, s, t in zip(where, scale, u, strict=True))),
            tuple(mp.mpf(0) for _ in used),
            order,
        )
        for s, k in zip(scale, order, strict=True):
            result /= s**k
        return mp.mpf(mp.re(result))


def seeded(point, name, depth):
    """Return the arguments as duals that carry derivatives to an order."""
    active = variables(name, point)
    numbers = list(point)
    for level in range(1, depth + 1):
        for place, i in enumerate(active):
            unit = tuple(1.0 if j == place else 0.0 for j in range(len(active)))
            numbers[i] = Dual(numbers[i], unit, depth=level)
    return numbers


def derivative(result, *places):
    for place in places:
        if not isinstance(result, Dual):
            return 0.0
        result = result.partials[place]
    return primal(result)


def check(value, exact, tolerance):
    if abs(exact) > 1.7e308:
        assert value == float(mp.sign(exact)) * inf
    else:
        assert abs(mp.mpf(float(value)) - exact) <= tolerance


@pytest.mark.parametrize(("name", "point"), CASES)
def test_values_and_slopes(name, point):
    row = ROWS[name]
    active = variables(name, point)
    result = apply(ENTRIES[name], *seeded(point, name, 1))
    value = exact_derivative(row, point)
    unit = row.units * EPS
    check(primal(result), value, unit * abs(value) + 5e-324)
    for place, i in enumerate(active):
        exact = exact_derivative(row, point, i)
        check(derivative(result, place), exact, unit * abs(exact) + tiny(exact))


def tiny(exact):
    """Return what a derivative may be off without being off by rounding: what underflows."""
    return 1e-45 if exact == 0 or abs(exact) < 1e-40 else 1e-300


@pytest.mark.parametrize(("name", "point"), CASES)
def test_slopes_of_slopes(name, point):
    row = ROWS[name]
    active = variables(name, point)
    result = apply(ENTRIES[name], *seeded(point, name, 2))
    # A second slope is a sum: it is as accurate as its largest term, of the order of the largest
    # second slope in units of the arguments.
    exact = {
        (p, q): exact_derivative(row, point, active[p], active[q])
        for p, q in itertools.product(range(len(active)), repeat=2)
    }
    sizes = [abs(mp.mpf(point[i])) or 1 for i in active]
    largest = max(abs(d) * sizes[p] * sizes[q] for (p, q), d in exact.items())
    for (p, q), d in exact.items():
        scale = abs(d) if len(active) == 1 else largest / (sizes[p] * sizes[q])
        check(derivative(result, p, q), d, 4 * row.units * EPS * scale + tiny(d))


@pytest.mark.parametrize("name", [name for name in ROWS if name in ENTRIES])
def test_float32_stays_float32(name):
    usable = [p for p in ROWS[name].points if all(x == 0 or 1e-3 < abs(x) < 50 for x in p)]
    singles = [np.float32(x) for x in usable[len(usable) // 2]]
    doubles = [np.float64(x) for x in singles]
    for order in (1, 2):
        single = apply(ENTRIES[name], *seeded(singles, name, order))
        double = apply(ENTRIES[name], *seeded(doubles, name, order))
        assert_single(single)
        tolerance = 20 * ROWS[name].units * EPS_SINGLE
        assert derivative(single, *[0] * order) == pytest.approx(
            derivative(double, *[0] * order), rel=tolerance, abs=tolerance
        )


def assert_single(number):
    if isinstance(number, Dual):
        for part in (number.value, *number.partials):
            assert_single(part)
    else:
        assert type(number) is np.float32


# Predicates: the value alone counts


PIECEWISE_CONSTANT = [
    pytest.param(e, id=e.name) for e in TABLE.values() if e.kind == "piecewise_constant"
]


@pytest.mark.parametrize("entry", PIECEWISE_CONSTANT)
def test_piecewise_constant_functions_are_of_the_value(entry):
    arguments = [2.7, -1.3][: entry.arity]
    duals = [Dual(Dual(x, 1.0), 5.0) for x in arguments]
    function = entry.functions[0]
    assert apply(entry, *duals) == function(*arguments)
    assert not isinstance(apply(entry, *duals), Dual)


# Complex numbers: a tangent dz = a for each a is compared with a small real step along a


def complex_step(function, z, direction):
    h = 1e-6
    return (function(z + h * direction) - function(z - h * direction)) / (2 * h)


@pytest.mark.parametrize("z", [1.2 + 0.7j, -0.4 + 2.1j, -1.5 - 0.3j])
@pytest.mark.parametrize("direction", [1.0, 1j, 0.6 - 0.8j])
@pytest.mark.parametrize("function", list(COMPLEX_TABLE), ids=lambda f: f.__name__)
def test_complex_functions(function, direction, z):
    numpys = {abs: np.abs, math.asinh: np.arcsinh}.get(function, function)
    result = apply(TABLE[function], Dual(z, direction))
    assert result.value == pytest.approx(numpys(z), rel=1e-15)
    assert result.partials[0] == pytest.approx(complex_step(numpys, z, direction), abs=1e-9)
    outer = Dual(Dual(z, direction, depth=1), 1.0, depth=2)
    second = derivative(apply(TABLE[function], outer), 0, 0)
    slope = lambda w: apply(TABLE[function], Dual(w, 1.0)).partials[0]  # noqa: E731
    assert second == pytest.approx(complex_step(slope, z, direction), abs=1e-8)


HOLOMORPHIC = (
    "add subtract multiply divide negative positive power sqrt square reciprocal exp exp2 "
)
HOLOMORPHIC += "expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arccosh "
HOLOMORPHIC += "arctanh sinc"


@pytest.mark.parametrize("kind", [np.complex128, np.complex64])
@pytest.mark.parametrize("name", HOLOMORPHIC.split())
def test_holomorphic_functions(name, kind):
    entry = ENTRIES[name]
    others = [kind(0.5 - 1.1j)][: entry.arity - 1]
    for z in (kind(1.2 + 0.7j), kind(-0.4 + 2.1j)):
        result = apply(entry, Dual(z, 1j), *others)
        assert type(result.value) is type(result.partials[0]) is kind
        exact = complex_step(lambda w: entry.functions[0](w, *map(complex, others)), complex(z), 1j)
        assert result.partials[0] == pytest.approx(
            exact, rel=1e-8 if kind is np.complex128 else 1e-5
        )


@pytest.mark.parametrize("function", [np.abs, np.angle, np.sign])
def test_complex_zero_has_no_slope(function):
    assert apply(TABLE[function], Dual(0j, 1.0)).partials[0] in (0.0, 1.0)
    if function is not np.sign:
        assert apply(TABLE[function], Dual(0j, 1.0)).partials == (0.0,)
