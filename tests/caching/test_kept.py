"""Derivatives that Python calls, kept on disk: found again, and not where anything has changed."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.caching.programs import environment, run

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
import json
import numgrad
from numgrad.drivers.transform import Transform

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

from numgrad.drivers.transform import DRIVERS
hits = {}
for driver, transform in DRIVERS.items():
    stats = driver.stats
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


SMALL = """
import json, sys
import numba, numgrad
import numpy as np

def plain(x):
    return np.sum(x * x)

@numba.njit(cache=True)
def cached(x):
    return np.sum(x * x)

if "on" in sys.argv:
    numgrad.cache()
hits = []
for f in (plain, cached):
    g = numgrad.grad(f)
    assert g(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]
    hits.append(sum(sum(d.stats.cache_hits.values()) for d in g._drivers.values()))
print(json.dumps(hits))
"""


@pytest.fixture
def small(tmp_path):
    (tmp_path / "program.py").write_text(SMALL, "utf-8")
    return tmp_path


def files(folder):
    return sorted((folder / "cache" / "numgrad").glob("*"))


CHANGING = """
import json, sys
import numba, numgrad
import numpy as np

scale = 2.0 if "before" in sys.argv else 3.0
weights = np.array([scale])

@numba.njit
def scaled(x):
    return scale * weights[0] * x

@numba.njit
def through(x):
    return scaled(x) + 0.0

def f(x):
    return x * through(4.0)

if "before" in sys.argv:  # Numba compiles the numbers of now in
    through(4.0)
    scale = weights[0] = 3.0
print(json.dumps(numgrad.grad(f)(1.0)))
"""


def test_what_numba_compiled_before_something_changed(tmp_path):
    (tmp_path / "program.py").write_text(CHANGING, "utf-8")
    assert run(tmp_path, "before", NUMGRAD_CACHE="1") == 16.0  # as Numba's own calls do
    assert run(tmp_path, NUMGRAD_CACHE="1") == 36.0
    assert len(files(tmp_path)) == 1
    assert run(tmp_path, NUMGRAD_CACHE="1") == 36.0


def test_what_is_kept_and_when(small):
    assert run(small, NUMGRAD_CACHE="0") == [0, 0]
    assert files(small) == []
    assert run(small) == [0, 0]  # that of the one that is compiled with cache=True
    assert len(files(small)) == 1
    assert run(small, "on") == [0, 1]
    assert len(files(small)) == 2
    assert run(small, "on") == [1, 1]
    assert run(small, NUMGRAD_CACHE="1") == [1, 1]
    assert run(small) == [0, 1]
    # settings that are compiled in
    assert run(small, "on", NUMGRAD_MODE="reverse") == [0, 0]
    assert run(small, "on", NUMBA_BOUNDSCHECK="1") == [0, 0]
    assert run(small, "on", NUMBA_OPT="2") == [0, 0]
    assert run(small, "on") == [1, 1]


def test_broken_files(small):
    run(small, "on")
    first, second = files(small)
    first.write_bytes(first.read_bytes()[:1000])
    second.write_bytes(b"")
    assert run(small, "on") == [0, 0]
    assert run(small, "on") == [1, 1]


def test_a_whole_file_of_no_use(small):
    from numgrad.caching import folder

    run(small, "on")
    for path in files(small):
        label, key, _ = folder.taken_apart(path.read_bytes())
        path.write_bytes(folder.put_together(label, key, b"not a pickle"))
    assert run(small, "on") == [0, 0]
    assert run(small, "on") == [1, 1]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="who may write is told otherwise there")
def test_what_others_can_write_to_is_not_loaded(small):
    run(small, "on")
    place = small / "cache" / "numgrad"
    assert place.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files(small)} == {0o600}
    # warnings are errors in these programs
    files(small)[0].chmod(0o666)
    with pytest.raises(AssertionError, match="could have been written by others"):
        run(small, "on")
    files(small)[0].chmod(0o600)
    assert run(small, "on") == [1, 1]
    place.chmod(0o777)
    with pytest.raises(AssertionError, match="could have been written by others"):
        run(small, "on")


def test_no_folder_to_write_to(small):
    (small / "cache").write_text("a file where the folder should be", "utf-8")
    (small / "program.py").write_text(SMALL.replace("numba.njit(cache=True)", "numba.njit"))
    assert run(small, "on") == [0, 0]
    (small / "cache").unlink()
    no_home = {"NUMBA_CACHE_DIR": "", "HOME": "/dev/null/none", "XDG_CACHE_HOME": ""}
    assert run(small, "on", **no_home) == [0, 0]


@pytest.mark.skipif(sys.platform != "linux", reason="a full device is there on Linux alone")
def test_a_full_disk(small, monkeypatch):
    from numgrad.caching import folder

    monkeypatch.setattr(folder, "folder", lambda: small / "place")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert not folder.save("name.derivative", "label", b"key", b"data")
    assert list((small / "place").iterdir()) == []
    assert folder.load("name.derivative", b"key") is None


def test_many_processes_at_once(small):
    place = small / "cache"
    place.mkdir()
    command = [sys.executable, "-W", "error", "program.py", "on"]
    started = [
        subprocess.Popen(
            command, cwd=small, env=environment(small), stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    outputs = [process.communicate()[0] for process in started]
    assert all(process.returncode == 0 for process in started)
    assert all(len(json.loads(output)) == 2 for output in outputs)
    assert len(files(small)) == 2  # and nothing left half done
    assert run(small, "on") == [1, 1]


# The folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    from numgrad.caching import folder

    monkeypatch.setattr(folder, "folder", lambda: tmp_path / "place")
    return folder


@pytest.mark.parametrize(
    "broken",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"something else" + content,
        lambda content: content.replace(b"6b6579", b"6b6578"),  # the key, in a file of its own name
    ],
)
def test_a_file_that_is_not_whole_is_none(place, broken):
    name = f"name{place.ENDING}"
    place.save(name, "label", b"key", b"data")
    assert place.load(name, b"key") == b"data"
    assert place.load(name, b"another key") is None  # and is gone: it lay under a wrong name
    place.save(name, "label", b"key", b"data")
    path = place.folder() / name
    path.write_bytes(broken(path.read_bytes()))
    assert place.load(name, b"key") is None
    assert not path.exists()


def test_least_recently_used_goes_first(place, monkeypatch):
    monkeypatch.setenv("NUMGRAD_CACHE_LIMIT", "3500")
    for k in range(3):
        assert place.save(f"{k}{place.ENDING}", str(k), bytes([k]), b"." * 1000)
        os.utime(place.folder() / f"{k}{place.ENDING}", (k, k))
    assert place.load(f"0{place.ENDING}", bytes([0])) == b"." * 1000  # the oldest, used again
    assert place.save(f"3{place.ENDING}", "3", bytes([3]), b"." * 1000)
    assert {entry.label for entry in place.entries()} == {"0", "2", "3"}
    assert not place.save(f"4{place.ENDING}", "4", bytes([4]), b"." * 4000)  # larger than all
    monkeypatch.setenv("NUMGRAD_CACHE_LIMIT", "much")
    with pytest.raises(ValueError, match="NUMGRAD_CACHE_LIMIT must be a number of bytes"):
        place.limit()


def test_what_was_left_half_done_is_removed(place):
    place.save(f"0{place.ENDING}", "0", b"0", b"")
    left = place.folder() / f"1{place.ENDING}{place.ASIDE}"
    left.write_bytes(b"")
    place.save(f"2{place.ENDING}", "2", b"2", b"")
    assert left.exists()  # by another process, which may still be writing
    os.utime(left, (0, 0))
    place.save(f"3{place.ENDING}", "3", b"3", b"")
    assert not left.exists()


def test_the_command_lists_and_clears(place, capsys):
    from numgrad.__main__ import main

    place.save(f"0{place.ENDING}", "grad(f) of float64", b"0", b"")
    (place.folder() / f"1{place.ENDING}").write_bytes(b"half")
    (place.folder() / "of_somebody_else").write_bytes(b"")
    assert main(["cache"]) == 0
    printed = capsys.readouterr().out
    assert f"{place.folder()}: 2 derivatives" in printed
    assert "grad(f) of float64" in printed
    assert f"broken: 1{place.ENDING}" in printed
    assert main(["cache", "clear"]) == 0
    assert "2 files removed" in capsys.readouterr().out
    assert [path.name for path in place.folder().iterdir()] == ["of_somebody_else"]
    assert main(["cash"]) == 2
    assert "usage" in capsys.readouterr().err
