"""Python threads, forks and pools, under every threading layer: each a program of its own."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import numgrad

LAYERS = ["workqueue", "omp", "tbb"]
FOLDER = Path(numgrad.__file__).parents[1]
SECONDS = 240  # a program that hangs has failed; one with nothing cached compiles first

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

START = """
import os, sys, threading, warnings
import numba, numpy as np, numgrad

warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: forks beside threads
rng = np.random.default_rng(0)
x = np.cumsum(rng.random(300) + 0.1)
fields = [rng.normal(size=(300, 600 + k)) for k in range(8)]  # enough for a parallel launch
answers = [np.gradient(f, x, 0.5) for f in fields]

def right(k):
    return all(map(np.array_equal, numgrad.gradient(fields[k], x, 0.5), answers[k]))

def right_in_child(inside=lambda: right(1)):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if inside() else 2
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0
"""


def run(program, **environment):
    """Run a program; return what it prints."""
    variables = {**os.environ, "PYTHONPATH": str(FOLDER), "NUMBA_NUM_THREADS": "2", **environment}
    if environment.get("NUMBA_THREADING_LAYER") == "tbb":
        # pip puts the library there, where only the environment can tell the loader
        folders = [str(Path(sys.prefix, "lib")), os.environ.get("LD_LIBRARY_PATH", "")]
        variables["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, folders))
    done = subprocess.run(
        [sys.executable, *([program] if isinstance(program, Path) else ["-c", program])],
        cwd=FOLDER,
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@cache
def missing(layer):
    """Return why a threading layer can't be had here, or nothing."""
    pool = {"workqueue": "workqueue", "omp": "omppool", "tbb": "tbbpool"}[layer]
    program = f"from numba.np.ufunc import {pool}"
    if layer == "tbb":
        program += "\nfrom numba.np.ufunc.parallel import _check_tbb_version_compatible as check\n"
        program += "check()"
    try:
        run(program, NUMBA_THREADING_LAYER=layer)
    except AssertionError as error:
        reasons = [line for line in str(error).splitlines() if line.startswith("ImportError: ")]
        return reasons[-1].strip() if reasons else "it can't be imported"
    return ""


@pytest.fixture(
    params=[
        pytest.param(each, marks=() if each == "workqueue" else pytest.mark.thorough)
        for each in LAYERS
    ]
)
def layer(request):
    reason = missing(request.param)
    if reason:
        pytest.skip(f"no threading layer {request.param}: {reason}")
    return request.param


def test_python_threads(layer):
    program = """
import _thread

def work(k, calls=25):
    while calls and not stop.is_set():
        calls -= 1
        if not right(k):
            wrong.append(k)

def start(numbers, **keywords):
    threads = [threading.Thread(target=work, args=(k,), kwargs=keywords) for k in numbers]
    for thread in threads:
        thread.start()
    return threads

wrong, stop = [], threading.Event()

# eight at once, which start the threading layer
for thread in start(range(8)):
    thread.join()
assert right(0)
assert numba.threading_layer() == os.environ["NUMBA_THREADING_LAYER"]

# the main thread beside others
threads = start(range(1, 4), calls=-1)
for _ in range(25):
    assert right(0)
stop.set()
for thread in threads:
    thread.join()
stop.clear()

# the main thread beside those that the threading module doesn't know
done = [_thread.allocate_lock() for _ in range(4)]

def work_and_tell(k):
    work(k)
    done[k].release()

for k, lock in enumerate(done):
    lock.acquire()
    _thread.start_new_thread(work_and_tell, (k,))
for _ in range(25):
    assert right(5)
for lock in done:
    lock.acquire()
assert not wrong, wrong
"""
    run(START + program, NUMBA_THREADING_LAYER=layer)


def test_small_calls_of_many_threads():
    # each on its own thread, with tables of its own
    program = """
wrong = []

def work(k):
    f = rng.normal(size=4 + k)
    answer = np.gradient(f, 0.5)
    for _ in range(5_000):
        if not np.array_equal(numgrad.gradient(f, 0.5), answer):
            wrong.append(k)

threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not wrong, len(wrong)
"""
    run(START + program)


@forks
def test_fork(layer):
    program = """
assert right_in_child()  # before the first call
assert right(0)
assert right_in_child()
assert right_in_child(lambda: right(2) and right_in_child())
assert right(3)
assert numba.threading_layer() == os.environ["NUMBA_THREADING_LAYER"]
"""
    run(START + program, NUMBA_THREADING_LAYER=layer)


@forks
def test_fork_while_other_threads_call(layer):
    program = """
assert right(0)
stop = threading.Event()

def work():
    while not stop.is_set():
        right(2)

threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
children = [right_in_child() for _ in range(5)]
stop.set()
for thread in threads:
    thread.join()
assert all(children), children
assert right(0)
"""
    run(START + program, NUMBA_THREADING_LAYER=layer)


@forks
@pytest.mark.parametrize("count", [100, pytest.param(300, marks=pytest.mark.thorough)])
def test_fork_while_other_threads_ask_for_the_number_of_threads(count):
    # Numba takes locks to answer: a child that finds one taken waits for ever
    program = """
from numgrad.targets.choose import thread_count

assert right(0)
sys.setswitchinterval(1e-5)
stop = threading.Event()

def ask():
    while not stop.is_set():
        thread_count(1 << 20)

threads = [threading.Thread(target=ask) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(COUNT):
    assert right_in_child(lambda: thread_count(1 << 20))
stop.set()
"""
    run(START + program.replace("COUNT", str(count)), NUMBA_THREADING_LAYER="workqueue")


def test_pools_of_processes(layer, tmp_path):
    program = """
from multiprocessing import get_all_start_methods, get_context

if __name__ == "__main__":
    assert right(0)
    for method in {"fork", "spawn"}.intersection(get_all_start_methods()):
        with get_context(method).Pool(2) as pool:
            assert all(pool.map(right, range(8))), method
        assert right(0)
"""
    file = tmp_path / "program.py"
    file.write_text(START + program, "utf-8")
    run(file, NUMBA_THREADING_LAYER=layer)


def test_one_thread():
    program = """
from numgrad.targets.choose import thread_count
assert right(0)
assert thread_count(1 << 20) == 1
"""
    run(START + program, NUMBA_NUM_THREADS="1")


def test_set_num_threads(layer):
    program = """
from numgrad.targets.choose import thread_count
for threads in (1, 2, 3, 4, 2):
    numba.set_num_threads(threads)
    assert thread_count(1 << 20) == threads
    assert right(threads)
"""
    run(START + program, NUMBA_NUM_THREADS="4", NUMBA_THREADING_LAYER=layer)


def test_more_threads_than_blocks():
    run(START + "assert all(map(right, range(8)))", NUMBA_NUM_THREADS="64")


def test_no_home():
    run(START + "assert right(0)", HOME=None, XDG_CACHE_HOME=None)
