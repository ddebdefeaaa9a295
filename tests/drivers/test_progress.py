"""What is told while a derivative is compiled, and what editors are told of its parameters."""

import inspect
import io
import time
from types import SimpleNamespace

import pytest

import numgrad
from numgrad.drivers import progress
from tests.twin.functions import product, rosenbrock, wave


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(progress, "PATIENCE", 0.02)
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stream))  # pytest sets its own
    monkeypatch.delenv("NUMGRAD_PROGRESS", raising=False)
    return stream


def compile_for(seconds, name="grad(f)"):
    with progress.reported(name):
        time.sleep(seconds)


def test_long_compilations_are_told_once(terminal):
    with progress.reported("grad(f)"):
        time.sleep(0.1)
        compile_for(0.1, "derivative(g)")  # on the way
    text = terminal.getvalue()
    assert text.startswith("numgrad: compiling grad(f) ... 0.")
    assert text.endswith(" s\n")
    assert text.count("numgrad") == 1


def test_short_ones_are_not(terminal):
    compile_for(0.0)
    assert terminal.getvalue() == ""


def test_it_can_be_switched(terminal, monkeypatch):
    monkeypatch.setenv("NUMGRAD_PROGRESS", "0")
    compile_for(0.1)
    assert terminal.getvalue() == ""
    monkeypatch.setattr(Terminal, "isatty", lambda self: False)
    monkeypatch.setenv("NUMGRAD_PROGRESS", "1")
    compile_for(0.1)
    assert "compiling" in terminal.getvalue()


def test_silent_where_there_is_no_terminal(terminal, monkeypatch):
    monkeypatch.setattr(Terminal, "isatty", lambda self: False)
    compile_for(0.1)
    monkeypatch.setattr(progress.sys, "stderr", None)  # as in programs with windows
    compile_for(0.1)
    assert terminal.getvalue() == ""


def test_a_failure_ends_the_line(terminal):
    def fail():
        with progress.reported("grad(f)"):
            time.sleep(0.1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert terminal.getvalue().endswith(" s\n")
    compile_for(0.1)
    assert terminal.getvalue().count("numgrad") == 2


def test_derivatives_tell(terminal, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.001)

    def f(x):
        return 3.0 * x

    numgrad.derivative(f)(2.0)
    assert terminal.getvalue().startswith("numgrad: compiling derivative(f) ... ")
    numgrad.derivative(f)(3.0)
    assert terminal.getvalue().count("\n") == 1


def test_parameters_are_listed():
    assert str(inspect.signature(numgrad.grad(rosenbrock))) == "(x, out=None)"
    assert str(inspect.signature(numgrad.derivative(product))) == "(x, y, out=None)"
    assert str(inspect.signature(numgrad.hessian(wave))) == "(x, out=None)"
    assert str(inspect.signature(numgrad.grad(lambda *x: 1.0))) == "(*x)"
    with_out = numgrad.jacobian(lambda x, out: None, out_argnum=1)
    assert str(inspect.signature(with_out)) == "(x, out)"
