"""What all examples share."""

import importlib
from pathlib import Path

import pytest

from numgrad import examples

NAMES = sorted(path.stem for path in Path(examples.__file__).parent.glob("[a-z]*.py"))
README = Path(__file__).parents[2] / "README.md"


def test_there_are_examples():
    known = "assimilation digits fit lynx newton options spectrum stiff terrain".split()
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
