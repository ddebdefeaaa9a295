"""Compiled code that goes backward, kept on disk: it finds its tapes in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numgrad

PROGRAM = """
import numpy as np
import numgrad
from numba import njit

@njit
def wave(x):
    total = 0.0
    for i in range(x.size):
        total += np.sin(x[i]) * x[i - 1]
    return total

@njit
def step(u):
    return u * np.cos(u)

after = numgrad.iterate(step, 5)

@njit
def last(u):
    return np.sum(after(u))

@njit(cache=True)
def derivatives(x):
    gradient = numgrad.grad(wave, mode="reverse")(x)
    return gradient, numgrad.vjp(wave, (x,), 2.0)[1][0], numgrad.grad(last, mode="reverse")(x)

results = derivatives(np.linspace(0.1, 1.0, 50))  # rounds enough for a loop to be a record
print(*(f"{number:.12f}" for each in results for number in each))
print(sum(derivatives.stats.cache_hits.values()))
"""


def test_in_another_process(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    folder = Path(numgrad.__file__).parents[1]
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(folder),
    }
    environment.pop("NUMGRAD_MODE", None)
    outputs = [
        subprocess.run(
            [sys.executable, str(program)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert outputs[0][0] == outputs[1][0]
    assert [hits for _, hits in outputs] == ["0", "1"]
