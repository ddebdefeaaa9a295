"""Programs that run in processes of their own, one after the other, on one cache."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numgrad

PACKAGE = Path(numgrad.__file__).parent


def environment(folder):
    """The variables with which a program in a folder runs."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("NUMGRAD_")}
    return others | {"NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(PACKAGE.parent)}


def run(folder, *arguments, program="program.py", **variables):
    """Run a program in a folder, and return what it prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-W", "error", program, *arguments],
        cwd=folder,
        env=environment(folder) | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
