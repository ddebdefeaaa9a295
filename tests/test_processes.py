"""The programs on the manual's page "Many processes"."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import numgrad

FOLDER = Path(numgrad.__file__).parents[1]
PROGRAMS = FOLDER / "docs" / "programs"
KEPT = {"forked": 0, "spawned": 1, "with_joblib": 1, "with_dask": 1}  # files on disk, of all
SLOW = {"with_joblib", "with_dask"}  # to start


def test_each_program_is_run():
    assert {path.stem for path in PROGRAMS.glob("*.py")} == set(KEPT)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.thorough] * (name in SLOW)) for name in KEPT],
)
def test_programs(name, tmp_path):
    if name == "forked" and not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAMS / f"{name}.py")],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": str(FOLDER), "NUMBA_CACHE_DIR": str(tmp_path), "NUMGRAD_CACHE": ""},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[1. 1. 1.]", "[8. 8. 8.]"]
    assert len(list((tmp_path / "numgrad").glob("*.derivative"))) == KEPT[name]
