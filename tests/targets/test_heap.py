"""What is freed within derivatives stays with the process."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from numba import njit
import numgrad

@njit
def f(x):
    a = np.ones(20_000) * x[0]
    b = a * x[1]
    c = b * x[2]
    return (a + b + c)[0]

derivative, x = numgrad.grad(f, mode="forward"), np.ones(3)
for _ in range(3):
    derivative(x)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    derivative(x)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the memory of glibc")
def test_no_page_is_fresh_twice():
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=settings
    )
    assert int(done.stdout) < 100  # ten calls with 500 pages and more each
