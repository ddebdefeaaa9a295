"""Derivatives that Python calls, kept on disk: when, by whom, and what is done with bad files."""

import json
import os
import subprocess
import sys

import pytest

from numgrad.caching import folder
from tests.caching.programs import environment, run

SMALL = """
import json, sys
import numba, numgrad

def plain(x):
    return x * x

@numba.njit(cache=True)
def cached(x):
    return x * x * x

if "on" in sys.argv:
    numgrad.cache()
hits = []
for f, slope in ((plain, 4.0), (cached, 12.0)):
    g = numgrad.grad(f)
    assert g(2.0) == slope
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
    for path in files(small):  # whole, and of no use
        label, key, _ = folder.taken_apart(path.read_bytes())
        path.write_bytes(folder.put_together(label, key, b"not a pickle"))
    assert run(small, "on") == [0, 0]
    assert run(small, "on") == [1, 1]
    if hasattr(os, "geteuid"):  # who may write is told otherwise elsewhere
        check_others_can_not_write(small)


def check_others_can_not_write(small):
    """What others can write to is not loaded. Warnings are errors in these programs."""
    place = small / "cache" / "numgrad"
    assert place.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files(small)} == {0o600}
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


@pytest.mark.parametrize("count", [3, pytest.param(8, marks=pytest.mark.thorough)])
def test_many_processes_at_once(small, count):
    place = small / "cache"
    place.mkdir()
    command = [sys.executable, "-W", "error", "program.py", "on"]
    started = [
        subprocess.Popen(
            command, cwd=small, env=environment(small), stdout=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]
    outputs = [process.communicate()[0] for process in started]
    assert all(process.returncode == 0 for process in started)
    assert all(len(json.loads(output)) == 2 for output in outputs)
    assert len(files(small)) == 2  # and nothing left half done
    assert run(small, "on") == [1, 1]
