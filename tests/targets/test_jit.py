"""The cache of compiled kernels on disk."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numgrad
from numgrad.targets import jit

PACKAGE = Path(numgrad.__file__).parent
PROGRAM = """
import numpy as np, numgrad
f = np.arange(12.0).reshape(3, 4) ** 2
for ours, theirs in zip(numgrad.gradient(f), np.gradient(f), strict=True):
    assert (ours == theirs).all()
from numgrad.fields import kernels_cpu
print(sum(kernels_cpu.launch.stats.cache_hits.values()), kernels_cpu.launch.stats.cache_path)
"""


def run_program(folder, program=PROGRAM, **environment):
    """Return what a program prints that finds numgrad in a folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NUMBA_CACHE_DIR", "NUMBA_BOUNDSCHECK")
    }
    command = [sys.executable, "-W", "error", "-c", program]
    environment = {**kept, "PYTHONPATH": str(folder), **environment}
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.split(maxsplit=1)


@pytest.fixture
def copy(tmp_path):
    """Return a folder with a copy of the package, without anything compiled."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "numgrad", ignore=ignore)
    return tmp_path


def test_the_second_process_compiles_nothing(copy):
    hits, folder = run_program(copy)
    assert hits == "0"
    assert Path(folder.strip()) == copy / "numgrad" / "fields" / "__pycache__"
    hits, _ = run_program(copy)
    assert hits == "1"
    # a change in another file of the kernels' folder
    formulas = copy / "numgrad" / "fields" / "stencils.py"
    formulas.write_text(formulas.read_text("utf-8") + "\n", "utf-8")
    hits, _ = run_program(copy)
    assert hits == "0"


def test_nowhere_to_write(copy):
    # as in a read-only folder without a home; root may write everywhere, so no locator is allowed
    program = f"""
import numba.core.caching as caching
caching.FunctionCache._impl_class._locator_classes = []
{PROGRAM}"""
    assert run_program(copy, program) == ["0", "None\n"]
    assert not list(copy.rglob("*.nbi"))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_package_without_a_home(copy):
    folders = [path for path in copy.rglob("*") if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        hits, _ = run_program(copy, HOME="/nonexistent", XDG_CACHE_HOME="/nonexistent")
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert hits == "0"


def test_no_home(copy):
    hits, _ = run_program(copy, HOME="/nonexistent", XDG_CACHE_HOME="/nonexistent")
    assert hits == "0"


def sample(x):
    return x


def test_the_stamp_is_that_of_every_file_in_the_folder(tmp_path, monkeypatch):
    source = tmp_path / "kernels.py"
    source.write_text("def kernel(x):\n    return x\n", "utf-8")
    beside = tmp_path / "formulas.py"
    beside.write_text("a = 1\n", "utf-8")
    namespace = {"__name__": "kernels"}
    exec(compile(source.read_text("utf-8"), source, "exec"), namespace)

    def stamp():
        return jit._PackageCache(namespace["kernel"])._cache_file._source_stamp

    first = stamp()
    assert stamp() == first
    beside.write_text("a = 22\n", "utf-8")
    second = stamp()
    assert second != first
    os.utime(beside, (1, 1))
    third = stamp()
    assert third not in (first, second)
    (tmp_path / "more.py").write_text("", "utf-8")
    assert stamp() not in (first, second, third)


def test_two_processes_that_save_at_once_do_not_mix_their_machine_code(tmp_path):
    one, other = (jit._CacheFile(str(tmp_path), "kernel", "stamp") for _ in range(2))
    stale_index = other._load_index()
    one.save(("float32",), "machine code for float32")
    # the other process has read the index before the first wrote it
    other._load_index = lambda: stale_index
    other.save(("float64",), "machine code for float64")
    reader = jit._CacheFile(str(tmp_path), "kernel", "stamp")
    assert reader.load(("float64",)) == "machine code for float64"
    assert reader.load(("float32",)) in (None, "machine code for float32")
    one.save(("float32",), "machine code for float32")
    assert reader.load(("float32",)) == "machine code for float32"
    assert reader.load(("float64",)) == "machine code for float64"


def test_a_cache_that_can_not_be_opened_is_done_without(monkeypatch):
    def no_locator(function):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(jit, "_PackageCache", no_locator)
    double = jit.kernel(lambda x: x + x)
    assert double(np.float64(2.0)) == 4.0


@pytest.mark.parametrize("make", [jit.kernel, jit.part, jit.formula, jit.parallel_kernel])
def test_arithmetic_is_numpys(make):
    assert "fastmath" not in jit.OPTIONS
    options = make(sample).targetoptions
    assert options["error_model"] == "numpy"
    assert options["nogil"] is True
    assert not options.get("fastmath")
