"""What is said of CUDA, here and on machines of other kinds."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest

import numgrad
from numgrad.targets.cuda_device import availability


@pytest.fixture
def fake_cuda(monkeypatch):
    """Put a module of our making in place of numba.cuda."""

    def put(**attributes):
        monkeypatch.setattr("numgrad.targets.cuda_device.is_installed", lambda: True)
        monkeypatch.setattr(numba, "cuda", SimpleNamespace(**attributes), raising=False)

    return put


def test_here():
    available, text = availability()
    assert isinstance(available, bool)
    assert text
    assert "\n" not in text


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setattr("numgrad.targets.cuda_device.is_installed", lambda: False)
    assert availability() == (
        False,
        "numba-cuda isn't installed: pip install 'numba-numgrad[cuda]'",
    )


CALLS = [
    lambda: numgrad.gradient(np.arange(3.0), target="cuda"),
    lambda: numgrad.derivative(lambda x: x * x, target="cuda")(np.arange(3.0)),
    lambda: numgrad.vmap(lambda x: x * x, target="cuda")(np.arange(3.0)),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_call_says_what_to_install(monkeypatch, call):
    monkeypatch.setattr("numgrad.targets.cuda_device.is_installed", lambda: False)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'numba-numgrad\[cuda\]'"):
        call()


@pytest.mark.parametrize("call", CALLS)
def test_a_call_says_why_there_is_no_device(monkeypatch, call):
    pytest.importorskip("numba.cuda.core", reason="needs the extra cuda")
    monkeypatch.setattr("numgrad.targets.cuda_device._availability", lambda: (False, "no driver"))
    with pytest.raises(RuntimeError, match=r"^target='cuda' needs a GPU: no driver$"):
        call()


@pytest.mark.parametrize("target", ["gpu", None])
def test_unknown_targets_of_derivatives(target):
    with pytest.raises(ValueError, match="target must be one of auto, cpu, cuda"):
        numgrad.derivative(lambda x: x, target=target)


class Elsewhere:
    """An array of another library that lies on a GPU."""

    @property
    def __cuda_array_interface__(self):
        return {"shape": (3,), "typestr": "<f8", "data": (64, False), "version": 3}


@pytest.mark.parametrize(
    "call", [numgrad.gradient, numgrad.derivative(lambda x: x), numgrad.vmap(lambda x: x)]
)
def test_arrays_on_a_device_go_there(monkeypatch, call):
    monkeypatch.setattr("numgrad.targets.cuda_device.is_installed", lambda: False)
    with pytest.raises(ModuleNotFoundError, match="numba-cuda"):
        call(Elsewhere())


def test_the_reason_of_the_driver_is_one_line(fake_cuda):
    fake_cuda(is_available=lambda: False, cuda_error=lambda: "\nCUDA driver\ncannot be found.\n")
    assert availability() == (False, "CUDA driver cannot be found.")


def test_no_device(fake_cuda):
    fake_cuda(is_available=lambda: False, cuda_error=lambda: None)
    assert availability() == (False, "no device found")


def test_devices_are_named(fake_cuda):
    devices = [SimpleNamespace(name="NVIDIA H200"), SimpleNamespace(name="NVIDIA L4")]
    fake_cuda(is_available=lambda: True, list_devices=lambda: devices)
    assert availability() == (True, "NVIDIA H200, NVIDIA L4")


def test_the_simulator_has_no_device_names(fake_cuda):
    fake_cuda(is_available=lambda: True, list_devices=lambda: [SimpleNamespace()])
    assert availability() == (True, "Numba's simulator of CUDA")


def test_an_import_that_fails_is_a_reason(fake_cuda, monkeypatch):
    fake_cuda()
    monkeypatch.delattr(numba, "cuda")
    monkeypatch.setitem(sys.modules, "numba.cuda", None)
    available, text = availability()
    assert not available
    assert text.startswith("numba-cuda can't be imported: ")


def test_importing_the_module_loads_nothing_of_cuda():
    program = "import sys, numgrad.targets.cuda_device; print('numba.cuda' in sys.modules)"
    command = [sys.executable, "-c", program]
    folder = Path(numgrad.__file__).parents[1]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
