import re
from pathlib import Path

import pytest

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
    exec(compile("\n".join(blocks("python")), README, "exec"), {})
    assert (tmp_path / "cubic.svg").exists()


def test_the_picture_is_there():
    (picture,) = re.findall(r"!\[.*?\]\((.*?)\)", README.read_text("utf-8"))
    assert (README.parent / picture).stat().st_size < 400_000
