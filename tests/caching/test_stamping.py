"""Derivatives in Numba's caches on disk: what is kept, and when it is compiled anew."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad
from numgrad.caching import contents, stamping
from numgrad.caching.known import mangled

PACKAGE = Path(numgrad.__file__).parent

# A program of several files. What the cached functions call, and all that may change, is in files
# other than theirs, which is the only one that Numba itself looks at.
FILES = {
    "helpers.py": """
from numba import njit

@njit
def inner(x):
    return x * x
""",
    "settings.py": """
import numpy as np

SCALE, ARGNUM, WEIGHTS = 2.0, 0, np.array([1.0, 2.0])
""",
    "model.py": """
import numpy as np
from numba import njit
import helpers, settings

@njit
def callee_elsewhere(x):
    return helpers.inner(x) + x

@njit
def scaled(x):
    return settings.SCALE * x * x

@njit
def weighted(x):
    return settings.WEIGHTS[0] * x * x

@njit
def untouched(x):
    return np.sin(x)

@njit
def of_two(x, y):
    return x * x * y

@njit
def follows_rule(x):
    return x

def low(x):
    return 3.0 * x

def high(x):
    return 5.0 * x

def pick():
    return njit(low)

def factory(a):
    @njit
    def made(x, n):
        return a * x if n == 0 else a * x * made(x, n - 1)
    return made

made_with_one, made_with_two = factory(1.0), factory(2.0)
""",
    "rules.py": """
import numgrad, model

@numgrad.rule(model.follows_rule)
def _(x):
    return x, 30.0
""",
    "cached.py": """
import numgrad, numpy as np
from numba import njit
import model, rules, settings
from model import callee_elsewhere, untouched

slope = numgrad.derivative(callee_elsewhere)
slope_of_picked = numgrad.derivative(model.pick())
slope_by_setting = numgrad.derivative(model.of_two, argnums=settings.ARGNUM)

@njit(cache=True)
def at_module_level(x):
    return slope(x)

@njit(cache=True)
def in_code(x):
    return numgrad.derivative(callee_elsewhere)(x)

@njit
def between(x):
    return in_code(x)

@njit(cache=True)
def through_others(x):
    return between(x) + 100.0

@njit(cache=True)
def constant(x):
    return numgrad.derivative(model.scaled)(x)

@njit(cache=True)
def array(x):
    return numgrad.derivative(model.weighted)(x)

@njit(cache=True)
def rule(x):
    return numgrad.derivative(model.follows_rule)(x)

@njit(cache=True)
def setting(x):
    return slope_by_setting(x, 5.0)

@njit(cache=True)
def picked(x):
    return slope_of_picked(x)

@njit(cache=True)
def same(x):
    return numgrad.derivative(untouched)(x)

@njit(cache=True)
def defined_within(x):
    def cube(y):
        return y * y * y
    return numgrad.derivative(cube)(x)

@njit(cache=True)
def dual(x):
    return np.exp(numgrad.Dual(x, 1.0)).partials[0]

@njit(cache=True)
def dual_argument(number):
    return number * number

slope_of_one = numgrad.derivative(model.made_with_one)
slope_of_two = numgrad.derivative(model.made_with_two)

@njit(cache=True)
def one(x):
    return slope_of_one(x, int(x))

@njit(cache=True)
def two(x):
    return slope_of_two(x, int(x))
""",
    "eager.py": """
import numba
from cached import slope

@numba.guvectorize(["void(float64[:], float64[:])"], "(n)->(n)", cache=True)
def loop(x, out):
    for i in range(len(x)):
        out[i] = slope(x[i])

@numba.cfunc("float64(float64)", cache=True)
def callback(x):
    return slope(x)
""",
    "later.py": """
from numba import njit
import cached

@njit(cache=True)
def on_top_of_loaded(x):
    return cached.in_code(x) + 1000.0

@njit(cache=True)
def of_one_name(x):
    return cached.one(x) + 1000.0 * cached.two(x)
""",
    "program.py": """
import json, sys
import numgrad
version, *later = sys.argv[1:]
if version != "same":
    numgrad.__version__ = version
import cached, numpy as np

# first in each process, before Numba has compiled anything: it would name both alike
functions = [cached.one, cached.two] if later else [cached.one]
functions += [cached.at_module_level, cached.in_code, cached.through_others, cached.constant]
functions += [cached.array, cached.rule, cached.setting, cached.picked, cached.same]
functions += [cached.defined_within, cached.dual]
if later:
    from later import of_one_name, on_top_of_loaded
    functions += [of_one_name, on_top_of_loaded]

values = {each.__name__: each(1.5) for each in functions}
hits = {each.__name__: sum(each.stats.cache_hits.values()) for each in functions}
values["dual_argument"] = cached.dual_argument(numgrad.Dual(1.5, 1.0)).partials[0]
hits["dual_argument"] = sum(cached.dual_argument.stats.cache_hits.values())
import eager
values["loop"], hits["loop"] = eager.loop(np.array([1.5]))[0], 0
values["callback"], hits["callback"] = eager.callback.ctypes(1.5), eager.callback._cache_hits
print(json.dumps([values, hits]))
""",
}

CHANGES = {
    "helpers.py": ("x * x", "x * x * x"),
    "settings.py": (
        "2.0, 0, np.array([1.0, 2.0])",
        "4.0, 1, np.array([10.0, 2.0])",
    ),
    "model.py": ("njit(low)", "njit(high)"),
    "rules.py": ("30.0", "300.0"),
}

# At 1.5: d(x² + x) = 4, d(2 x²) = 6, d(x² y) by x = 15 where y = 5, and so on
BEFORE = {
    "at_module_level": 4.0,
    "in_code": 4.0,
    "through_others": 104.0,
    "loop": 4.0,
    "callback": 4.0,
    "constant": 6.0,
    "array": 3.0,
    "rule": 30.0,
    "setting": 15.0,
    "picked": 3.0,
}
# d(x³ + x) = 7.75, d(4 x²) = 12, d(x² y) by y = 2.25
AFTER = {
    "at_module_level": 7.75,
    "in_code": 7.75,
    "through_others": 107.75,
    "loop": 7.75,
    "callback": 7.75,
    "constant": 12.0,
    "array": 30.0,
    "rule": 300.0,
    "setting": 2.25,
    "picked": 5.0,
}
ALWAYS = {
    "same": np.cos(1.5),
    "defined_within": 6.75,
    "dual": np.exp(1.5),
    "dual_argument": 3.0,
    "one": 3.0,
}
# d(4 x²) = 12, and what calls it
LATER = {"two": 12.0, "of_one_name": 12003.0}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return what a program computes in four processes, and what it found in its cache."""
    folder = tmp_path_factory.mktemp("program")
    for name, source in FILES.items():
        (folder / name).write_text(source, "utf-8")

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-W", "error", "program.py", *arguments],
            cwd=folder,
            env={
                **os.environ,
                "NUMBA_CACHE_DIR": str(folder / "cache"),
                "PYTHONPATH": str(PACKAGE.parent),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    found = {"first": run("same"), "second": run("same", "later")}
    for name, (old, new) in CHANGES.items():
        (folder / name).write_text(FILES[name].replace(old, new), "utf-8")
    found["changed"] = run("same", "later")
    found["upgraded"] = run("99.0", "later")
    return found


def check(values, expected):
    for name, value in expected.items():
        assert_allclose(values[name], value, rtol=1e-14, err_msg=name)


def test_the_second_process_compiles_nothing(runs):
    values, hits = runs["first"]
    check(values, BEFORE | ALWAYS)
    assert not any(hits.values())
    values, hits = runs["second"]
    check(values, BEFORE | ALWAYS | LATER | {"on_top_of_loaded": 1004.0})
    compiled = {"loop", "on_top_of_loaded", *LATER}
    assert hits == dict.fromkeys(values, 1) | dict.fromkeys(compiled, 0)


def test_a_change_elsewhere_is_found_out(runs):
    values, hits = runs["changed"]
    # the last was compiled when what it calls had come from a cache
    check(values, AFTER | ALWAYS | LATER | {"on_top_of_loaded": 1007.75})
    assert hits == dict.fromkeys(values, 0) | dict.fromkeys(ALWAYS | LATER, 1)


def test_another_version_of_numgrad_finds_nothing(runs):
    values, hits = runs["upgraded"]
    check(values, AFTER | ALWAYS | LATER)
    assert not any(hits.values())


# In one process: what a function that Numba saves would be kept by


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Return a function that has Numba save a function, and says whether it may be loaded again."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    # what other tests told Numba of operators, types and late rules is no part of this
    monkeypatch.setattr("numgrad.caching.stamping.without_names", list)
    monkeypatch.setattr("numgrad.caching.stamping._late_rules", [])
    monkeypatch.setattr("numgrad.caching.stamping._first", stamping.Memory())

    def saved(function, argument=1.5):
        function.enable_caching()
        function(argument)
        again = njit(function.py_func)
        again.enable_caching()
        again(argument)
        return sum(again.stats.cache_hits.values()) == 1

    return saved


scale = 2.0


@njit
def scaled(x):
    return scale * x * x


slope_of_scaled = numgrad.derivative(scaled)


def test_a_global_that_changed_after_its_derivative_was_compiled(saved, monkeypatch):
    def caller(x):
        return slope_of_scaled(x) + 1.0

    assert saved(njit(caller))

    def later_caller(x):
        return slope_of_scaled(x) + 2.0

    monkeypatch.setitem(globals(), "scale", 3.0)
    assert not saved(njit(later_caller))  # linked with machine code of the old scale


def test_a_rule_after_a_derivative_was_compiled(saved):
    @njit
    def cube(x):
        return x * x * x

    @njit
    def calls_cube(x):
        return cube(x) + x

    slope = numgrad.derivative(calls_cube)
    assert slope(1.0) == 4.0
    with pytest.warns(UserWarning, match="the rule for cube comes after derivatives"):
        numgrad.rule(cube)(lambda x: (x * x * x, 100.0))

    @njit
    def other(x):
        return 2.0 * calls_cube(x)

    slope_of_other = numgrad.derivative(other)  # of the twin that knows no rule
    assert not saved(njit(lambda x: slope_of_other(x)))


def test_code_that_no_name_leads_to():
    def caller(x):
        return slope_of_scaled(x)

    function = njit(caller)
    function(1.5)
    (compiled,) = function.overloads.values()
    linked = compiled._find_referenced_environments()
    known = contents.Contents().parts(function)
    names = [name for part in known for name in part.names]
    assert stamping.all_from(linked, mangled(names))
    without_scaled = [name for name in names if name != (__name__, "scaled")]
    assert len(without_scaled) == len(names) - 1
    assert not stamping.all_from(linked, mangled(without_scaled))


@njit
def power(x, n):
    return x if n == 1 else x * power(x, n - 1)


@njit
def alternating(x, n):
    return x if n == 1 else x * power_of_alternating(x, n - 1)


@njit
def power_of_alternating(x, n):
    return x if n == 1 else x * alternating(x, n - 1)


def test_functions_that_call_themselves(saved):
    of_power, of_both = numgrad.derivative(power), numgrad.derivative(alternating)
    assert saved(njit(lambda x: of_power(x, int(x) + 2)))  # of one type, all the way down
    # Numba ends the process where it calls what such a function has in a cache
    assert not saved(njit(lambda x: of_both(x, int(x) + 2)))


def test_late_rules_and_loaded_functions(monkeypatch):
    loaded = stamping.Memory()
    loaded.setdefault(scaled, True)
    loaded.setdefault(np.hypot, True)
    monkeypatch.setattr(stamping, "_loaded", loaded)
    monkeypatch.setattr(stamping, "_late_rules", [])
    for function, name in ((scaled, "scaled"), (np.hypot, "hypot")):
        with pytest.warns(UserWarning, match=f"the rule for {name} comes after"):
            stamping.warn_if_loaded(function)
    stamping.warn_if_loaded(np.sinc)
