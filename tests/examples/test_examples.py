"""What all examples share."""

import importlib
import runpy
import sys
from pathlib import Path

import pytest

from numgrad import examples

NAMES = sorted(path.stem for path in Path(examples.__file__).parent.glob("[a-z]*.py"))
README = Path(__file__).parents[2] / "README.md"


def test_there_are_examples():
    known = "assimilation digits fit lynx newton options patterns spectrum stiff terrain".split()
    assert set(known) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_listed_and_says_how_to_run_it(name):
    assert f"\n{name}\n    " in str(examples.__doc__)
    assert f"| `{name}` |" in README.read_text("utf-8")
    documentation = importlib.import_module(f"numgrad.examples.{name}").__doc__
    title, nothing, run = str(documentation).splitlines()[:3]
    assert title.endswith(".")
    assert nothing == ""
    assert run.startswith(f"Run it with ``python -m numgrad.examples.{name} [--")
    assert f"[--output {name}.png]" in run


@pytest.mark.parametrize("name", NAMES)
def test_an_example_explains_its_arguments(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        importlib.import_module(f"numgrad.examples.{name}").main(["--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert f"python -m numgrad.examples.{name}" in printed
    assert "--output" in printed


NEEDED = {
    "assimilation": "scipy.optimize",
    "digits": "sklearn.datasets",
    "fit": "scipy.optimize",
    "stiff": "scipy.integrate",
}


@pytest.mark.parametrize(
    ("name", "missing"), [*NEEDED.items(), *((name, "matplotlib.figure") for name in NAMES)]
)
def test_an_example_says_what_to_install(name, missing, monkeypatch):
    main = importlib.import_module(f"numgrad.examples.{name}").main
    monkeypatch.setitem(sys.modules, missing, None)
    package = missing.partition(".")[0]
    with pytest.raises(SystemExit, match=rf"needs {package}: pip install 'numba-numgrad\[plot\]'"):
        main([])


def test_the_list(capsys):
    runpy.run_module("numgrad.examples", run_name="__main__")
    printed = capsys.readouterr().out
    for path in Path(examples.__file__).parent.glob("[a-z]*.py"):
        assert f"\n{path.stem}\n" in printed
