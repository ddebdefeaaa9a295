"""What may change between two processes: derivatives on disk are found where nothing has."""

import numpy as np
from numpy.testing import assert_allclose

from tests.caching.programs import run

# What may change between two processes, before and after. Each is in one function of a program,
# whose derivative it changes.
CHANGES = {
    "SCALE = 2.0": "SCALE = 3.0",
    "WEIGHTS = np.array([1.0, 2.0])": "WEIGHTS = np.array([5.0, 2.0])",
    "PAIR = (2.0, 'a')": "PAIR = (7.0, 'a')",
    "return elsewhere.power(x)": "return elsewhere.other(x)",
    "closed = closing(2.0)": "closed = closing(4.0)",
    "y=2.0": "y=5.0",
    "first, second = lambda x: 2.0 * x, lambda x: 3.0 * x": (
        "first, second = lambda x: 3.0 * x, lambda x: 2.0 * x"
    ),
    "return x, 30.0": "return x, 40.0",
    "return lambda x: x + x": "return lambda x: x * 5.0",
    "return 2.0 * each": "return 9.0 * each",
    'namedtuple("Pair", "a b")': 'namedtuple("Pair", "b a")',
    "EDGE = 1": "EDGE = 4",
    "argnums=0": "argnums=1",
    "return 3.0 * slope": "return 7.0 * slope",
    "return x - p": "return x - p * p",
    "def handed_in(x):\n    return x * x": "def handed_in(x):\n    return x * x * x",
    "error_model='python'": "error_model='numpy'",
    "return 6.0 * x  # of main": "return 8.0 * x  # of main",
}

MODEL = """
import enum
from collections import namedtuple

import numba
import numgrad
import numpy as np
from numba import njit
from numba.extending import overload

import elsewhere, settings

Pair = namedtuple("Pair", "a b")

class Side(enum.Enum):
    EDGE = 1

def of_global(x):
    return settings.SCALE * x

def of_array(x):
    return settings.WEIGHTS[0] * x

def of_tuple(x):
    return settings.PAIR[0] * x

def of_callee(x):
    return elsewhere.power(x)

def closing(a):
    def f(x):
        return a * x
    return f

closed = closing(2.0)

def of_default(x, y=2.0):
    return x * y

first, second = lambda x: 2.0 * x, lambda x: 3.0 * x

@njit
def ruled(x):
    return x

@numgrad.rule(ruled)
def _(x):
    return x, 30.0

def of_rule(x):
    return ruled(x)

def overloaded(x):
    raise NotImplementedError

@overload(overloaded)
def _(x):
    return lambda x: x + x

def of_overload(x):
    return overloaded(x)

@numba.vectorize
def vectorized(each):
    return 2.0 * each

def of_ufunc(x):
    return vectorized(x)

def of_named(pair):
    return 2.0 * pair.a + 3.0 * pair.b

def of_enum(x):
    return Side.EDGE.value * x

def of_two(x, y):
    return x * x * y

def inner(x):
    return x * x

def of_derivative(x):
    return outer(x)

slope = numgrad.derivative(inner)

@njit
def outer(x):
    return 3.0 * slope(x)

def solve(p):
    return p

def residual(x, p):
    return x - p

root = numgrad.implicit_root(solve, residual)

def of_root(p):
    return root(p)

@njit
def applied(f, x):
    return f(x)

@njit
def handed_in(x):
    return x * x

@njit(error_model='python')
def quotient(x):
    return 1.0 / x

def unchanged(x):
    return np.sin(x)

@njit(cache=True)
def cached_by_numba(x):
    return np.cos(x)

def gradient(f, x):
    return np.asarray(numgrad.grad(f)(x)).tolist()

def infinite():
    try:
        return numgrad.grad(quotient)(0.0)
    except ZeroDivisionError:
        return 0.0
"""
SETTINGS = """
import numpy as np
SCALE = 2.0
WEIGHTS = np.array([1.0, 2.0])
PAIR = (2.0, 'a')
"""
ELSEWHERE = """
def power(x):
    return x * x

def other(x):
    return x * x * x
"""
PROGRAM = """
import gc, json
import numgrad
from numgrad.drivers.transform import DRIVERS, Driver

from model import *
import model

def of_main(x):
    return 6.0 * x  # of main

functions = {
    name: thing for name, thing in vars(model).items()
    if name in ("closed", "first", "second")
    or (name.startswith("of_") and name not in ("of_two", "of_named"))
}
values = {name: gradient(f, 1.5) for name, f in functions.items()}
values["main"] = numgrad.grad(of_main)(1.5)
values["named"] = list(numgrad.grad(of_named)(Pair(1.5, 2.5)))
values["settings"] = numgrad.grad(of_two, argnums=0)(1.5, 4.0)
values["handed_in"] = numgrad.grad(applied, argnums=1)(handed_in, 1.5)
values["quotient"] = float(infinite())
values["unchanged"] = numgrad.grad(unchanged)(1.5)
values["cached_by_numba"] = numgrad.grad(cached_by_numba)(1.5)
values["backward"] = numgrad.grad(unchanged, mode="reverse")(1.5)
values["points"] = numgrad.derivative(unchanged)(np.array([1.5, 2.5])).tolist()
values["hessian"] = np.asarray(numgrad.hessian(unchanged)(1.5)).tolist()
values["along"] = numgrad.jvp(unchanged, (1.5,), (1.0,))[1]

hits = {}
for driver in [each for each in gc.get_objects() if type(each) is Driver]:
    transform, stats = DRIVERS[driver], driver.stats
    found, missed = sum(stats.cache_hits.values()), sum(stats.cache_misses.values())
    if hasattr(driver._cache, "functions") and found + missed:
        hits[transform.label()] = found
print(json.dumps([values, hits]))
"""

BEFORE = {
    "of_global": 2.0,
    "of_array": 1.0,
    "of_tuple": 2.0,
    "of_callee": 3.0,
    "closed": 2.0,
    "of_default": 2.0,
    "first": 2.0,
    "second": 3.0,
    "of_rule": 30.0,
    "of_overload": 2.0,
    "of_ufunc": 2.0,
    "of_enum": 1.0,
    "of_derivative": 6.0,
    "of_root": 1.0,
    "main": 6.0,
    "named": [2.0, 3.0],
    "settings": 12.0,
    "handed_in": 3.0,
    "quotient": 0.0,
}
AFTER = {
    "of_global": 3.0,
    "of_array": 5.0,
    "of_tuple": 7.0,
    "of_callee": 6.75,
    "closed": 4.0,
    "of_default": 5.0,
    "first": 3.0,
    "second": 2.0,
    "of_rule": 40.0,
    "of_overload": 5.0,
    "of_ufunc": 9.0,
    "of_enum": 4.0,
    "of_derivative": 14.0,
    "of_root": 3.0,
    "main": 8.0,
    "named": [3.0, 2.0],
    "settings": 2.25,
    "handed_in": 6.75,
    "quotient": -np.inf,
}
ALWAYS = {
    "unchanged": np.cos(1.5),
    "cached_by_numba": -np.sin(1.5),
    "backward": np.cos(1.5),
    "points": np.cos([1.5, 2.5]),
    "hessian": -np.sin(1.5),
    "along": np.cos(1.5),
}


def check(values, expected):
    assert values.keys() == expected.keys()
    for name, value in expected.items():
        assert_allclose(values[name], value, rtol=1e-14, err_msg=name)


def write(folder, *, changed):
    for name, source in (
        ("model", MODEL),
        ("settings", SETTINGS),
        ("elsewhere", ELSEWHERE),
        ("program", PROGRAM),
    ):
        for old, new in CHANGES.items() if changed else ():
            source = source.replace(old, new)
        (folder / f"{name}.py").write_text(source, "utf-8")


def test_the_second_process_compiles_nothing_and_a_changed_one_all(tmp_path):
    assert all(any(old in source for source in (MODEL, SETTINGS, PROGRAM)) for old in CHANGES)
    write(tmp_path, changed=False)
    values, hits = run(tmp_path, NUMGRAD_CACHE="1")
    check(values, BEFORE | ALWAYS)
    assert not any(hits.values())
    values, hits = run(tmp_path, NUMGRAD_CACHE="1")
    check(values, BEFORE | ALWAYS)
    assert [label for label, found in hits.items() if not found] == []
    write(tmp_path, changed=True)
    values, hits = run(tmp_path, NUMGRAD_CACHE="1")
    check(values, AFTER | ALWAYS)
    found = {label for label, found in hits.items() if found}
    # two lambdas have only changed places, and the compiled function is looked up in one of them
    assert {label for label in found if "unchanged" not in label} <= {
        "grad(<lambda>)",
        "grad(cached_by_numba)",
    }
    assert "grad(unchanged)" in found
    # both are there now, as if nothing had been changed
    write(tmp_path, changed=False)
    values, hits = run(tmp_path, NUMGRAD_CACHE="1")
    check(values, BEFORE | ALWAYS)
    assert all(hits.values())
