import math
import re
from pathlib import Path

import numpy as np
import pytest
from numba import njit

import numgrad

README = Path(__file__).parents[1] / "README.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text("utf-8"), re.M | re.S)


@pytest.mark.parametrize(("block", "runs"), [(0, "numgrad.examples.terrain"), (1, "pytest")])
def test_the_first_two_commands_are_one_line_each_and_make_their_environment(block, runs):
    (line,) = blocks("sh")[block].splitlines()
    assert line.startswith("python3 -m venv .venv && ")
    assert runs in line


def test_the_tour_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it saves a picture
    monkeypatch.setenv("MPLBACKEND", "agg")
    # each line in its place, since explain shows lines of the file
    lines, inside = [], False
    for line in README.read_text("utf-8").splitlines():
        inside = line == "```python" or (inside and line != "```")
        lines.append(line if inside and line != "```python" else "")
    source = "\n".join(lines)
    for block in blocks("python"):
        if "cuda" in block:
            source = source.replace(block, "\n" * block.count("\n"))
    exec(compile(source, README, "exec"), {})
    assert (tmp_path / "cubic.svg").exists()


def test_the_kernel_of_the_tour():
    pytest.importorskip("numba.cuda.core", reason="needs the extra cuda")
    from tests.targets import cuda_on_host as host

    wave, kernel = [
        next(block for block in blocks("python") if f"def {name}" in block)
        for name in ("wave", "slopes")
    ]
    names = {"np": np, "njit": njit, "numgrad": numgrad, "math": math}
    exec(wave.split("curvature")[0] + kernel.split("\nx = ")[0], names)
    x, results = np.linspace(-3.0, 3.0, 7), np.zeros(7)
    with host.no_device():
        compiled = host.HostKernel(names["slopes"].py_func, (x, results))
    compiled((2,), (4,), x, results)
    expected = np.exp(-x * x) * (np.cos(x) - 2.0 * x * np.sin(x))
    np.testing.assert_allclose(results, expected, rtol=1e-14)
    for capability in host.CAPABILITIES:
        assert ".visible .entry" in host.ptx_of(compiled, capability)


def test_the_picture_is_there():
    (picture,) = re.findall(r"!\[.*?\]\((.*?)\)", README.read_text("utf-8"))
    assert (README.parent / picture).stat().st_size < 400_000
