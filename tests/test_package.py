"""The package as an importing program sees it."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import numgrad

PACKAGE = Path(numgrad.__file__).parent


@pytest.fixture(scope="module")
def distribution():
    try:
        return metadata.distribution("numba-numgrad")
    except metadata.PackageNotFoundError:
        pytest.skip("numgrad is imported from a folder, not installed")


def modules_after(statement):
    """Return the names of the packages that a program has loaded after a statement."""
    program = f"import sys; {statement}; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in run.stdout.split()}


@pytest.mark.parametrize(
    "statement", ["import numgrad", "import numgrad; dir(numgrad); numgrad.__all__"]
)
def test_import_loads_neither_numba_nor_cuda(statement):
    assert not modules_after(statement) & {"numba", "llvmlite", "numba_cuda", "cuda"}


def test_only_a_call_loads_numba():
    assert "numba" not in modules_after("import numgrad; numgrad.gradient")
    assert "numba" in modules_after("import numgrad; numgrad.gradient([1.0, 2.0])")


def test_public_names_are_listed_and_there():
    assert {*dir(numgrad)} == {*numgrad.__all__, "__version__"}
    for name in numgrad.__all__:
        assert getattr(numgrad, name).__name__ == name


def test_public_names_are_documented():
    for name in numgrad.__all__:
        assert getattr(numgrad, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'numgrad' has no attribute 'gradiant'"):
        numgrad.gradiant  # noqa: B018


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").exists()


def test_the_version_is_that_of_the_distribution(distribution):
    assert distribution.version == numgrad.__version__


def test_numba_finds_the_entry_point(distribution):
    (entry_point,) = distribution.entry_points.select(group="numba_extensions")
    assert entry_point.name == "init"
    assert callable(entry_point.load())
