"""The tests that run in Numba's simulator of CUDA, which takes a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba.cuda.core", reason="needs the extra cuda")

FOLDER = Path(__file__).parents[2]


def test_in_simulator():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, str(FOLDER / "tests" / "targets" / "in_simulator.py")],
        cwd=FOLDER,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
