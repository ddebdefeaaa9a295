"""The folder of machine code on disk: whole files or none, and no more than there may be."""

import os

import pytest

from numgrad.__main__ import main
from numgrad.caching import folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "folder", lambda: tmp_path / "place")
    return folder


@pytest.mark.parametrize(
    "broken",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"something else" + content,
        lambda content: content.replace(b"6b6579", b"6b6578"),  # the key, in a file of its own name
    ],
)
def test_a_file_that_is_not_whole_is_none(place, broken):
    name = f"name{place.ENDING}"
    place.save(name, "label", b"key", b"data")
    assert place.load(name, b"key") == b"data"
    assert place.load(name, b"another key") is None  # and is gone: it lay under a wrong name
    place.save(name, "label", b"key", b"data")
    path = place.folder() / name
    path.write_bytes(broken(path.read_bytes()))
    assert place.load(name, b"key") is None
    assert not path.exists()


def test_a_full_disk(place, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert not place.save("name.derivative", "label", b"key", b"data")
    assert list(place.folder().iterdir()) == []
    assert place.load("name.derivative", b"key") is None


def test_least_recently_used_goes_first(place, monkeypatch):
    monkeypatch.setenv("NUMGRAD_CACHE_LIMIT", "3500")
    for k in range(3):
        assert place.save(f"{k}{place.ENDING}", str(k), bytes([k]), b"." * 1000)
        os.utime(place.folder() / f"{k}{place.ENDING}", (k, k))
    assert place.load(f"0{place.ENDING}", bytes([0])) == b"." * 1000  # the oldest, used again
    assert place.save(f"3{place.ENDING}", "3", bytes([3]), b"." * 1000)
    assert {entry.label for entry in place.entries()} == {"0", "2", "3"}
    assert not place.save(f"4{place.ENDING}", "4", bytes([4]), b"." * 4000)  # larger than all
    monkeypatch.setenv("NUMGRAD_CACHE_LIMIT", "much")
    with pytest.raises(ValueError, match="NUMGRAD_CACHE_LIMIT must be a number of bytes"):
        place.limit()


def test_what_was_left_half_done_is_removed(place):
    place.save(f"0{place.ENDING}", "0", b"0", b"")
    left = place.folder() / f"1{place.ENDING}{place.ASIDE}"
    left.write_bytes(b"")
    place.save(f"2{place.ENDING}", "2", b"2", b"")
    assert left.exists()  # by another process, which may still be writing
    os.utime(left, (0, 0))
    place.save(f"3{place.ENDING}", "3", b"3", b"")
    assert not left.exists()


def test_the_command_lists_and_clears(place, capsys):
    place.save(f"0{place.ENDING}", "grad(f) of float64", b"0", b"")
    (place.folder() / f"1{place.ENDING}").write_bytes(b"half")
    (place.folder() / "of_somebody_else").write_bytes(b"")
    assert main(["cache"]) == 0
    printed = capsys.readouterr().out
    assert f"{place.folder()}: 2 derivatives" in printed
    assert "grad(f) of float64" in printed
    assert f"broken: 1{place.ENDING}" in printed
    assert main(["cache", "clear"]) == 0
    assert "2 files removed" in capsys.readouterr().out
    assert [path.name for path in place.folder().iterdir()] == ["of_somebody_else"]
    assert main(["cash"]) == 2
    assert "usage" in capsys.readouterr().err
