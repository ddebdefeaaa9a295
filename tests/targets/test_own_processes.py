"""Tests of CUDA that take a process of their own: in Numba's simulator, and after the CPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba.cuda.core", reason="needs the extra cuda")

FOLDER = Path(__file__).parents[2]


def run(*arguments, **environment):
    """Run Python as the tests do; show what it says if it fails."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=FOLDER,
        env={**os.environ, "PYTHONPATH": str(FOLDER), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_in_simulator():
    tests = str(FOLDER / "tests" / "targets" / "in_simulator.py")
    run("-m", "pytest", "-q", "-p", "no:cacheprovider", tests, NUMBA_ENABLE_CUDASIM="1")


def test_after_the_same_was_compiled_for_the_cpu():
    run("-m", "tests.targets.after_the_cpu")
