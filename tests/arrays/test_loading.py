"""``numgrad.Dual`` inside compiled code, before anything else of numgrad was used there."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

import numgrad

# Numba types the logarithm, then learns of duals, then types the loop again
HALFWAY = """for _ in range(3):
        if x < 2.5:
            return math.log(x)
        x -= {}
    return x"""

PROGRAMS = {
    "made inside": (
        "d = numgrad.Dual(x, (1.0, 0.0)); return (d * d + 1.0).partials[0]",
        "f(3.0)",
        6.0,
    ),
    "one partial": ("return (numgrad.Dual(x, 1.0) ** 3).partials[0]", "f(2.0)", 12.0),
    "nested": (
        "d = numgrad.Dual(numgrad.Dual(x, 1.0), 1.0); return (d**3).partials[0].partials[0]",
        "f(2.0)",
        12.0,
    ),
    "integers": ("return (numgrad.Dual(2, 1) * x).partials[0]", "f(3.0)", 3.0),
    "passed in": ("return (x * x).partials[0]", "f(numgrad.Dual(3.0, 1.0))", 6.0),
    "passed in and out": ("return x * x", "f(numgrad.Dual(3.0, 1.0)).partials[0]", 6.0),
    "met halfway": (HALFWAY.format("numgrad.Dual(x, 1.0).partials[0]"), "f(3.0)", math.log(2.0)),
    "derivative made inside": ("return numgrad.derivative(square)(x)", "f(3.0)", 6.0),
    "derivative made halfway": (
        HALFWAY.format("numgrad.derivative(square)(0.5)"),
        "f(3.0)",
        math.log(2.0),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_first_use(name, tmp_path):
    body, call, expected = PROGRAMS[name]
    file = tmp_path / "program.py"
    lines = [
        "import math, numba, numgrad",
        "square = numba.njit(lambda x: x * x)",
        "@numba.njit",
        "def f(x):",
        f"    {body}",
        f"print({call})",
    ]
    file.write_text("\n".join(lines), "utf-8")
    done = subprocess.run([sys.executable, file], check=True, capture_output=True, text=True)
    assert float(done.stdout) == expected


def test_every_chapter_is_loaded():
    """What isn't loaded would be left to Numba's own functions, which know nothing of duals."""
    program = "import sys; from numgrad.arrays.loading import load; load(); print(*sys.modules)"
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    folder = Path(numgrad.__file__).parent
    chapters = {
        ".".join(["numgrad", *path.relative_to(folder).with_suffix("").parts])
        for room in ("arrays", "calls")
        for path in (folder / room).rglob("*.py")
        if path.stem not in ("__init__", "on_cuda", "pointers")  # asked for where they are met
    }
    assert chapters - set(loaded) == set()
