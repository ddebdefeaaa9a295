"""``python -m numgrad``: what it checks, and its exit status."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numgrad
from numgrad import installation
from numgrad.__main__ import main


@pytest.fixture(scope="module")
def printed():
    command = [sys.executable, "-m", "numgrad"]
    folder = Path(numgrad.__file__).parents[1]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_every_check_is_printed(printed):
    items = [line.split("  ")[0] for line in printed.splitlines()]
    assert set(installation.CHECKS) <= set(items)


@pytest.mark.parametrize("name", ["numgrad", "numba", "llvmlite", "numpy", "Python"])
def test_versions_are_printed(printed, name):
    assert f"{name} " in printed.splitlines()[0]


def test_accuracy_and_speed_are_printed(printed):
    assert printed.count("bit for bit") == len(list(installation.comparisons()))
    assert "\nAll checks passed" in printed  # and on a busy machine more


@pytest.mark.parametrize(
    ("seconds", "end"),
    [
        (None, "\nAll checks passed.\n"),
        ((0.001, 0.002), "\nAll checks passed.\n"),
        ((0.016, 0.003), "set NUMBA_NUM_THREADS to what it has for itself.\n"),
    ],
)
def test_threads_that_are_no_use_are_told(monkeypatch, capsys, seconds, end):
    monkeypatch.setattr(installation, "CHECKS", {})
    monkeypatch.setattr(installation, "comparisons", list)
    monkeypatch.setattr(installation, "seconds_on_threads", lambda: seconds)
    assert main() == 0
    out = capsys.readouterr().out
    assert out.endswith(end)
    assert ("16.00 ms, 3.00 ms" in out) == (seconds == (0.016, 0.003))


def test_wrong_values_fail(monkeypatch, capsys):
    def slightly_wrong(f, *varargs, axis=None):
        results = np.gradient(f, *varargs, axis=axis)
        return results if isinstance(results, tuple) else results * (1 + 1e-15)

    monkeypatch.setattr(installation, "CHECKS", {})
    monkeypatch.setattr(numgrad, "gradient", slightly_wrong)
    assert main() == 1
    assert "\nFAILED: 10 samples, " in capsys.readouterr().out


def test_a_gradient_that_raises_fails(monkeypatch, capsys):
    def broken(*_, **__):
        raise RuntimeError("cannot compile")

    monkeypatch.setattr(numgrad, "gradient", broken)
    assert main() == 1
    out = capsys.readouterr().out
    assert "threading layer  FAILED: RuntimeError: cannot compile\n" in out
    assert out.endswith("\nFAILED: threading layer, gradient (RuntimeError: cannot compile)\n")


def test_a_check_that_raises_fails(monkeypatch, capsys):
    def check():
        raise ValueError("two\nlines")

    monkeypatch.setattr(installation, "CHECKS", {"memory": check})
    assert main() == 1
    out = capsys.readouterr().out
    assert out.startswith("memory           FAILED: ValueError: two\n                 lines\n")
    assert out.endswith("\nFAILED: memory\n")


@pytest.mark.parametrize(
    ("layer", "vendor", "threads", "fork"),
    [
        ("workqueue", "", "workqueue itself isn't", "safe"),
        ("omp", "GNU", "safe", "GNU OpenMP itself isn't"),
        ("omp", "Intel", "safe", "safe"),
        ("tbb", "", "safe", "TBB itself may hang there"),
    ],
)
def test_safety_of_every_threading_layer(monkeypatch, layer, vendor, threads, fork):
    monkeypatch.setattr(installation, "_layer", lambda: layer)
    monkeypatch.setattr(installation, "_openmp_vendor", lambda: vendor)
    monkeypatch.setattr("os.fork", lambda: None, raising=False)
    assert installation.python_threads().endswith(threads)
    assert installation.forks().endswith(fork)


def test_a_cache_folder_that_is_read_only_is_told(monkeypatch):
    numgrad.gradient(np.zeros(3))
    monkeypatch.setattr("os.access", lambda *_: False)
    text = installation.cache_folder()
    assert text.endswith(" (not writable)") or text.startswith("none is writable")


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (np.zeros(2), -np.zeros(2)),
        (np.zeros(2), np.zeros(2, np.float32)),
        (np.zeros(2), np.zeros((2, 1))),
        ((np.zeros(2),), (np.zeros(2), np.zeros(2))),
        ((np.zeros(2), np.ones(2)), (np.zeros(2), np.zeros(2))),
    ],
)
def test_equality_is_bit_for_bit(results, expected):
    assert installation._same_bits(expected, expected)
    assert not installation._same_bits(results, expected)
