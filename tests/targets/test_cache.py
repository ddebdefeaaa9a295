"""The cache of compiled kernels on disk."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit

import numgrad
from numgrad.targets import cache, options

PACKAGE = Path(numgrad.__file__).parent
SMALLEST_KERNEL = """
import numpy as np
from numgrad.fields.kernels.cpu import locate
row, array = np.zeros(1, np.int64), np.zeros(3, np.uint8)
locate(array, row, 0)
assert row[0] == array.ctypes.data
print(locate.stats.cache_path)
"""
GRADIENT = """
import numpy as np, numgrad
f = np.arange(12.0) ** 2
assert (numgrad.gradient(f) == np.gradient(f)).all()
"""


def run_program(folder, program, **environment):
    """Return what a program prints that finds numgrad in a folder."""
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def copy(tmp_path):
    """Return a folder with a copy of the package, without anything compiled."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "numgrad", ignore=ignore)
    return tmp_path


def test_the_second_process_compiles_nothing(copy):
    first, second = (run_program(copy, GRADIENT, NUMBA_DEBUG_CACHE="1") for _ in range(2))
    assert "data saved" in first
    assert str(copy / "numgrad" / "fields" / "kernels" / "__pycache__") in first
    assert "data loaded" in second
    assert "saved" not in second


def test_nowhere_to_write(copy):
    # as in a read-only folder without a home; root may write everywhere, so nowhere is looked
    nowhere = """
import numba.core.caching as caching
caching.FunctionCache._impl_class._locator_classes = []
"""
    assert run_program(copy, nowhere + SMALLEST_KERNEL) == "None\n"
    assert not list(copy.rglob("*.nbi"))


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_read_only_package_without_a_home(copy):
    folders = [path for path in copy.rglob("*") if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        run_program(copy, GRADIENT, HOME="/nonexistent", XDG_CACHE_HOME="/nonexistent")
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_no_home(copy):
    printed = run_program(copy, SMALLEST_KERNEL, HOME="/nonexistent", XDG_CACHE_HOME="/nonexistent")
    assert printed == f"{copy / 'numgrad' / 'fields' / 'kernels' / '__pycache__'}\n"


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
        return cache._PackageCache(namespace["kernel"])._cache_file._source_stamp

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


def test_the_stamp_is_that_of_the_whole_package_and_of_its_version_too(tmp_path, monkeypatch):
    shutil.copytree(PACKAGE, tmp_path / "numgrad", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "PACKAGE", tmp_path / "numgrad")

    def stamp():
        cache._stamp_of_imported.cache_clear()  # as in another process
        return cache._PackageCache(run_program)._cache_file._source_stamp

    stamps = [stamp()]
    assert stamp() == stamps[0]
    for changed in ("targets/options.py", "fields/stencils.py"):
        with (tmp_path / "numgrad" / changed).open("a", encoding="utf-8") as file:
            file.write("# another\n")
        stamps.append(stamp())
    monkeypatch.setattr(numgrad, "__version__", "99.0")
    stamps.append(stamp())
    assert len({str(each) for each in stamps}) == 4


def test_an_edited_stencil_is_compiled_anew(copy):
    printed = "import numpy as np, numgrad\nprint(numgrad.gradient(np.arange(6.0) ** 2).tolist())"
    expected = [1.0, 2.0, 4.0, 6.0, 8.0, 9.0]
    for _ in range(2):
        assert run_program(copy, printed) == f"{expected}\n"
    formulas = copy / "numgrad" / "fields" / "kernels" / "formulas.py"
    source = formulas.read_text("utf-8")
    quotient = 'return f"quotient('
    edited = source.replace(quotient, 'return f"1.0 + quotient(')
    assert edited != source
    formulas.write_text(edited, "utf-8")
    assert run_program(copy, printed) == f"{[each + 1.0 for each in expected]}\n"


def test_what_was_compiled_of_a_file_since_edited_is_stale(copy):
    """A process goes on with what it imported; what it saves is not of the file that is there."""
    formulas = copy / "numgrad" / "fields" / "kernels" / "formulas.py"
    edited = "path.write_text(path.read_text().replace('return f\"q', 'return f\"1.0 + q'))"
    single = "numgrad.gradient((np.arange(6.0) ** 2).astype(np.float32)).tolist()"
    program = f"""
import numpy as np, numgrad
from pathlib import Path
numgrad.gradient(np.arange(6.0))
path = Path({str(formulas)!r})
{edited}
print({single})
"""
    expected = [1.0, 2.0, 4.0, 6.0, 8.0, 9.0]
    assert run_program(copy, program) == f"{expected}\n"
    printed = f"import numpy as np, numgrad\nprint({single})"
    assert run_program(copy, printed) == f"{[each + 1.0 for each in expected]}\n"


def test_two_processes_that_save_at_once_do_not_mix_their_machine_code(tmp_path):
    one, other = (cache._CacheFile(str(tmp_path), "kernel", "stamp") for _ in range(2))
    stale_index = other._load_index()
    one.save(("float32",), "machine code for float32")
    # the other process has read the index before the first wrote it
    other._load_index = lambda: stale_index
    other.save(("float64",), "machine code for float64")
    reader = cache._CacheFile(str(tmp_path), "kernel", "stamp")
    assert reader.load(("float64",)) == "machine code for float64"
    assert reader.load(("float32",)) in (None, "machine code for float32")
    one.save(("float32",), "machine code for float32")
    assert reader.load(("float32",)) == "machine code for float32"
    assert reader.load(("float64",)) == "machine code for float64"


def test_a_cache_that_can_not_be_opened_is_done_without(monkeypatch):
    def no_locator(function):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(cache, "_PackageCache", no_locator)
    double = cache.kernel(lambda x: x + x)
    assert double(np.float64(2.0)) == 4.0


@pytest.mark.parametrize(
    "make", [cache.kernel, options.internal_njit, options.formula, cache.parallel_kernel]
)
def test_arithmetic_is_numpys(make):
    given = make(sample).targetoptions
    assert given["error_model"] == "numpy"
    assert given["nogil"] is True
    assert not given.get("fastmath")


def test_an_entry_point_is_no_part_of_other_code():
    """From a disk it comes as what is called alone: its caller would jump to nowhere."""
    entry_point = cache.kernel(lambda x: 2.0 * x)
    assert entry_point(1.5) == 3.0
    with pytest.raises(AssertionError, match="called from Python alone"):
        njit(lambda x: entry_point(x))(1.5)
