"""Programs that run in processes of their own, one after the other, on one cache."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numgrad

PACKAGE = Path(numgrad.__file__).parent


def run(folder, *arguments, program="program.py", **variables):
    """Run a program in a folder, and return what it prints, as JSON."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("NUMGRAD_")
    }
    environment |= {"NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-W", "error", program, *arguments],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
