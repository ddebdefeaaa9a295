"""Run autograd's own tests, from an unpacked sdist of it, with numgrad in its place."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]


def outcomes(sdist, folder, *options, compiled=0):
    """Return what became of each test: passed, refused, wrong, other or without derivatives.

    Of each test some functions are compiled too.
    """
    found = Path(folder) / "outcomes.json"
    names = {"PYTHONPATH": str(ROOT), "AUTOGRADS_OUTCOMES": str(found)}
    names["AUTOGRADS_COMPILED"] = str(compiled)
    command = [
        *(sys.executable, "-m", "pytest", "-p", "tests.autograds.plugin", "-p", "no:cacheprovider"),
        *("-c", os.devnull, "--rootdir", str(Path(sdist) / "tests"), "-W", "ignore", "-q"),
        *("--tb=no", "--continue-on-collection-errors", *options, str(Path(sdist) / "tests")),
    ]
    subprocess.run(command, env=os.environ | names, capture_output=True, check=False)
    return json.loads(found.read_text())


def summary(results):
    """Return the numbers of each outcome, and of comparisons and of functions compiled."""
    counts = Counter(each["outcome"] for each in results.values())
    for name in ("comparisons", "compiled", "not compiled"):
        counts[name] = sum(each[name] for each in results.values())
    return counts
